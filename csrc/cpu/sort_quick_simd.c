// Items by a vectorised quicksort.
#include "sort.h"
#include "simd.h"

const gk_quick_table GK_NAME(gk_quick_kernels_table) = {{0}, {0}};
