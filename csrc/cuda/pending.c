// Families whose kernels are not there yet. A family's file takes its line away; then this file goes.
#include "cuda.h"

#define PENDING(family)                                                                            \
  gk_status gk_cuda_##family(const gk_cuda_run *run) {                                             \
    return gk_error_set(run->error, GK_UNSUPPORTED, "%s: not available on %s yet",                 \
                        gk_op_name(run->call->op), run->stream->device->name);                     \
  }
PENDING(matmul)
