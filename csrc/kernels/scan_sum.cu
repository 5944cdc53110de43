// Running sums: scan.h has their layouts.
#include "scan.cuh"

GK_SCAN_SUMS(GK_SCAN_KERNEL)
GK_SCAN_ANY_SUMS(GK_SCAN_ANY_KERNELS)
