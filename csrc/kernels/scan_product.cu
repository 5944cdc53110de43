// Running products: scan.h has their layouts.
#include "scan.cuh"

GK_SCAN_ANY_PRODUCTS(GK_SCAN_ANY_KERNELS)
