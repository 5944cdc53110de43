// NVRTC is not looked for yet.
#include "nvrtc.h"

#include <stdio.h>
#include <stdlib.h>

gk_status gk_nvrtc_compile(int major, int minor, const gk_module_source *source,
                           gk_program *program, gk_error *error) {
  (void)source;
  (void)program;
  return gk_error_set(error, GK_UNSUPPORTED, "jit: no compiler for sm_%d%d is looked for yet",
                      major, minor);
}

void gk_program_free(gk_program *p) {
  for (uint32_t i = 0; i < p->count; i++) {
    free(p->symbols[i]);
    free(p->signatures[i]);
  }
  free(p->symbols);
  free(p->signatures);
  free(p->log);
  free(p->image);
  free(p->ptx);
}

void gk_nvrtc_describe(char *text, int bytes) { snprintf(text, (size_t)bytes, "nvrtc\t\n"); }
