// Sums and products of integers, and counts: reduce.h has their layouts.
#include "reduce.cuh"

GK_REDUCE_WHOLES(GK_REDUCE_KERNEL)
GK_REDUCE_MERGE(whole, gk_whole_result)
