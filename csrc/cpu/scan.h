// The contract between scan.c and scan_simd.c. Sums run in double, or in wrapping 64 bits. The order
// is that of groups of eight elements in all instruction sets.
#ifndef GK_CPU_SCAN_H
#define GK_CPU_SCAN_H

#include "cpu.h"

typedef union gk_scan_sum {
  double f64;
  uint64_t u64;
} gk_scan_sum;

typedef struct gk_scan_loops {
  // Running sums of n elements on top of *sum, which moves on, each with `base` added.
  void (*row)(int64_t n, const void *x, void *out, gk_scan_sum *sum, gk_scan_sum base);
  // Moves *sum on as `row` does, to the same bits.
  void (*total)(int64_t n, const void *x, gk_scan_sum *sum);
  // One step of n scans side by side.
  void (*column)(int64_t n, const void *x, void *out, gk_scan_sum *sums);
} gk_scan_loops;

typedef struct gk_scan_kernels {
  gk_scan_loops float32, float64, int64;
} gk_scan_kernels;

GK_KERNELS(gk_scan_kernels, gk_scan)

#endif
