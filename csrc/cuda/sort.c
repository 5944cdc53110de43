// The sort family on CUDA: which file computes an op.
#include "sort.h"

gk_status gk_cuda_sort(const gk_cuda_run *run) {
  switch (run->call->op) {
  case GK_OP_topk:
    return gk_cuda_topk(run);
  case GK_OP_searchsorted:
    return gk_cuda_searchsorted(run);
  default:
    return gk_error_set(run->error, GK_UNSUPPORTED,
                        "%s: not available on %s yet; move the array with to(\"cpu\")",
                        gk_op_name(run->call->op), run->stream->device->name);
  }
}
