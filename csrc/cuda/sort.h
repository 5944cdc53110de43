// What the files of the sort family share: sort.c (by op), sort_axis.c, sort_topk.c, sort_search.c.
#ifndef GK_CUDA_SORT_H
#define GK_CUDA_SORT_H

#include "../kernels/sort.h"
#include "cuda.h"

// sort and argsort.
gk_status gk_cuda_sort_axis(const gk_cuda_run *run);
// A part of a call's launches: sorts lines that have elements, of which `a` says all but `passes` and what
// follows it.
gk_status gk_cuda_sort_lines(const gk_cuda_run *run, gk_sort_args *a);
gk_status gk_cuda_topk(const gk_cuda_run *run);
gk_status gk_cuda_searchsorted(const gk_cuda_run *run);

#endif
