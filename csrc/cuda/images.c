// build.zig names the modules, GK_MODULES, and where kernels were built the file that embeds them.
#include "images.h"

#include <string.h>

#ifdef GK_EMBEDDED
#include GK_EMBEDDED
#else
#define MODULE(name) static const char name##_image[] = "gpukit: built without kernels: " #name;
GK_MODULES
#undef MODULE
#endif

static const struct {
  const char *module;
  const void *image;
  size_t bytes;
} images[] = {
#define MODULE(name) {#name, name##_image, sizeof name##_image},
    GK_MODULES
#undef MODULE
    {NULL, NULL, 0},
};

const void *gk_image_find(const char *module, size_t *bytes) {
  for (size_t i = 0; images[i].module; i++) {
    if (strcmp(images[i].module, module) != 0) continue;
    if (bytes) *bytes = images[i].bytes;
    return images[i].image;
  }
  return NULL;
}

bool gk_images_are_placeholders(void) {
#ifdef GK_EMBEDDED
  return false;
#else
  return true;
#endif
}
