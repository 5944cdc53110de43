// The sort family on CUDA: which file computes an op.
#include "sort.h"

static const gk_cuda_family ops[] = {
    [GK_OP_sort - GK_OP_sort] = gk_cuda_sort_axis,
    [GK_OP_argsort - GK_OP_sort] = gk_cuda_sort_axis,
    [GK_OP_topk - GK_OP_sort] = gk_cuda_topk,
    [GK_OP_searchsorted - GK_OP_sort] = gk_cuda_searchsorted,
};

gk_status gk_cuda_sort(const gk_cuda_run *run) { return ops[run->call->op - GK_OP_sort](run); }
