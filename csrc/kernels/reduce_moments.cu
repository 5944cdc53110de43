// Variances and logarithms of sums of exponentials: reduce.h has their layouts.
#include "reduce.cuh"

GK_REDUCE_MOMENTS(GK_REDUCE_KERNEL)
GK_REDUCE_MERGE(moments, gk_moments_result)
GK_REDUCE_MERGE(log, gk_log_result)
