// Sums, products, means and norms of floats and complex numbers: reduce.h has their layouts.
#include "reduce.cuh"

GK_REDUCE_SUMS(GK_REDUCE_KERNEL)
GK_REDUCE_MERGE(real, gk_real_result)
GK_REDUCE_MERGE(pair, gk_pair_result)
