// The kernels as they lie in the library: for each csrc/kernels/<module>.cu one compressed fatbin, with
// code for every supported architecture. A library built without the CUDA compiler holds a short text
// in the place of each, which no device accepts.
#ifndef GK_CUDA_IMAGES_H
#define GK_CUDA_IMAGES_H

#include <stdbool.h>
#include <stddef.h>

// What cuModuleLoadData takes, and its size where `bytes` is given; NULL where there is no such module.
const void *gk_image_find(const char *module, size_t *bytes);

// The kernels were not built: a real device cannot run anything.
bool gk_images_are_placeholders(void);

#endif
