// Matrix times vector, as a reduction: reduce.h has the layouts. Parts are merged as sums are.
#include "reduce.cuh"

GK_REDUCE_DOTS(GK_REDUCE_KERNEL)
