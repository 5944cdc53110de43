// What else is computed as a reduction.
#ifndef GK_CUDA_REDUCE_H
#define GK_CUDA_REDUCE_H

#include "cuda.h"

// out[i] = sum over k of matrix[i, k] * vector[k], all of one floating dtype: matrix [m, k] of any strides,
// out [m, 1], vector's elements `stride` apart. A part of the call's own launches.
gk_status gk_cuda_dot(const gk_cuda_run *run, const gk_view *matrix, const void *vector,
                      int64_t stride, const gk_view *out);
// out[i, j] = sum of parts[p, i, j]: parts [count, m, n] in row-major order, of float32 or float64, out [m, n]
// of a floating dtype. Likewise.
gk_status gk_cuda_sum_parts(const gk_cuda_run *run, const void *parts, uint8_t dtype, int64_t count,
                            const gk_view *out);

#endif
