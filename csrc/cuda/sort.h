// What the files of the sort family share: sort.c (by op), sort_axis.c, sort_topk.c, sort_search.c.
#ifndef GK_CUDA_SORT_H
#define GK_CUDA_SORT_H

#include "cuda.h"

// sort and argsort.
gk_status gk_cuda_sort_axis(const gk_cuda_run *run);
gk_status gk_cuda_topk(const gk_cuda_run *run);
gk_status gk_cuda_searchsorted(const gk_cuda_run *run);

#endif
