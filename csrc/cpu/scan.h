// The contract between scan.c and scan_simd.c. Sums and products run in double, or in wrapping 64 bits.
// The order is the same in all instruction sets.
#ifndef GK_CPU_SCAN_H
#define GK_CPU_SCAN_H

#include "cpu.h"

// What a scan has come to. Those of lines side by side lie without gaps: 8 bytes each, 16 for complex64.
typedef union gk_scan_state {
  double f64;
  uint64_t u64;
  double parts[2]; // of a complex number
} gk_scan_state;

typedef struct gk_scan_loops {
  // The results of n elements on top of *state, which moves on, each added to `base`; products, which
  // cannot be cut, leave `base` out.
  void (*row)(int64_t n, const void *x, void *out, gk_scan_state *state, gk_scan_state base);
  // Moves *state on as `row` does, to the same bits. NULL for products.
  void (*total)(int64_t n, const void *x, gk_scan_state *state);
  // One step of n scans side by side.
  void (*column)(int64_t n, const void *x, void *out, gk_scan_state *states);
} gk_scan_loops;

// By dtype of elements and results: float32, float64, int64, and for sums complex64.
typedef struct gk_scan_kernels {
  gk_scan_loops sum[GK_DTYPE_COUNT], product[GK_DTYPE_COUNT];
} gk_scan_kernels;

GK_KERNELS(gk_scan_kernels, gk_scan)

#endif
