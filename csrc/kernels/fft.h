// Arguments of the kernels in fft.cu and fft_ends.cu. All transforms are forward ones, X[k] = sum over j of
// x[j] exp(-2 pi i j k / n); an inverse one conjugates what goes in and what comes out.
//
// Roots of unity are never kept: each block computes in double what it needs. `quarters` is an angle, in
// quarters of a turn.
#ifndef GK_KERNELS_FFT_H
#define GK_KERNELS_FFT_H

#include "layout.h"

enum {
  GK_FFT_THREADS = 512, // of a block, at most
  GK_FFT_HELD = 16, // complex numbers that a thread holds
  GK_FFT_FLOATS = 8576, // of a block's shared memory for one part of its numbers
  GK_FFT_TILE = 128, // lines of a block, at most
  GK_FFT_ROOTS = 1024, // of a table with all n of them
  GK_FFT_FINE = 32, // of a table for longer lines: w^0 to w^31, then w^0, w^32, w^64...
  GK_FFT_PASSES = 8
};

// Butterflies of a thread.
#define GK_FFT_BUTTERFLIES(radix) ((radix) == 1 ? 4 : GK_FFT_HELD / (radix))

// One radix r of Stockham's decimation in frequency: reads x[q + s * p + step * j], writes y[q + s * (r * p + k)],
// where step = n / r; times exp(-2 pi i p k s / n). `by_*`: ceil(2^31 / *), to divide by it.
typedef struct gk_fft_pass {
  uint32_t radix, s, step;
  uint32_t by_s, by_step;
} gk_fft_pass;

// Lines of n numbers, each transformed by one block: a whole transform, or one of the steps of a long one.
//
// Number j of a line is number `third + j * in_step` of the whole transform, and so is what goes out; `third`
// is the third operand of `lines`.
typedef struct gk_fft_lines {
  gk_layout lines; // where lines begin: in, out, third
  int64_t first; // the first of them in `lines`
  int64_t count;
  const void *in;
  void *out;
  int64_t in_base, out_base; // added to all places, in elements
  int64_t in_stride, out_stride;
  int64_t in_step, out_step;
  int64_t in_length, out_length; // numbers that are read, else 0; and that are written
  // If not NULL: what number j of the whole transform is multiplied by, after `scale` and `factor_sign`.
  const void *in_factor, *out_factor;
  float scale_re, scale_im; // factors of what goes in
  float factor_sign,
      sign; // of the imaginary part of what comes out, before out_factor and after it
  uint32_t n, tile, pitch; // tile: lines of a block; pitch: floats of a line in shared memory
  uint32_t by_tile;
  uint32_t passes;
  uint8_t real; // `in` is float32
  uint8_t in_across, out_across; // lines lie closer together than a line's numbers
  double root; // quarters of exp(-2 pi i / n)
  double twist; // quarters of what number k is multiplied by is twist * third * k; 0: by nothing
  gk_fft_pass pass[GK_FFT_PASSES];
} gk_fft_lines;

enum { GK_FFT_END_THREADS = 256 };

// Numbers on their way into rows of n complex ones, or out of those, where that is more than a copy:
//
//   PAIRS   two neighbouring real numbers are one complex number; a line has `length` real ones
//   FOLD    in: number k of 0 to m - 1 of half the length from k and m - k of the spectrum of 2 m real ones
//   UNFOLD  out: number k of 0 to m of that spectrum from k and m - k of half the length
//   MIRROR  in: the spectrum of n real numbers, n odd, from its first half; out: the real parts
enum { GK_FFT_PAIRS, GK_FFT_FOLD, GK_FFT_UNFOLD, GK_FFT_MIRROR };

// `layout` is that of complex numbers: the line's first one in the array and in the row, and the number within the
// line. A thread has one number.
typedef struct gk_fft_end {
  gk_layout layout;
  int64_t first; // in `layout`
  int64_t count;
  void *array, *rows;
  int64_t rows_base;
  int64_t stride; // along the array's line, in its own elements
  int64_t length; // numbers that the array's line has
  int64_t n; // numbers of a row
  double root; // quarters: of exp(-2 pi i / 2n)
  int32_t kind;
  uint8_t real; // the array is float32
} gk_fft_end;

// Bluestein: chirp[j] = exp(-pi i j^2 / n), j < n; and spread, of `length` numbers, with the conjugate of chirp[j]
// at j and length - j, times factor, and zeros between.
typedef struct gk_fft_chirp {
  void *chirp, *spread;
  int64_t n, length;
  float factor;
} gk_fft_chirp;

#endif
