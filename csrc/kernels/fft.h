// Arguments of the kernels in fft.cu and fft_ends.cu. All transforms are forward ones, X[k] = sum
// over j of x[j] exp(-2 pi i j k / n); an inverse one conjugates what goes in and what comes out.
//
// Roots of unity are never kept: each block computes in double what it needs. `quarters` is an
// angle, in quarters of a turn.
#ifndef GK_KERNELS_FFT_H
#define GK_KERNELS_FFT_H

#include "layout.h"

enum {
  GK_FFT_THREADS = 256, // of a block, at most
  GK_FFT_HELD = 16, // complex numbers that a thread holds
  GK_FFT_FLOATS = 4288, // of a block's shared memory for real parts, and again for imaginary ones
  GK_FFT_TILE = 128, // lines of a block, at most
  GK_FFT_FINE = 32,
  GK_FFT_ROOTS = GK_FFT_FINE + GK_FFT_THREADS * GK_FFT_HELD / GK_FFT_FINE,
  GK_FFT_PASSES = 8
};

// Butterflies of a thread.
#define GK_FFT_BUTTERFLIES(radix) (GK_FFT_HELD / (radix))

// One radix r of Stockham's decimation in frequency: reads x[q + s * p + step * j], writes y[q + s
// * (r * p + k)], where step = n / r; times exp(-2 pi i p k s / n). `by_*`: ceil(2^31 / *), to
// divide by it.
typedef struct gk_fft_pass {
  uint32_t radix, s, step;
  uint32_t by_s, by_step;
  uint32_t count; // butterflies of a block
  uint32_t across; // neighbouring threads are on neighbouring lines
} gk_fft_pass;

// What goes in and what comes out. All but PLAIN pass through shared memory once more, number by
// number.
//
//   PLAIN    complex numbers
//   NUMBERS  complex or real ones, times a factor
//   PAIRS    two neighbouring real numbers are one complex number
//   FOLD     in: number k of the `whole` numbers of half a length, from k and whole - k of a real
//            spectrum
//   UNFOLD   out: numbers 0 to `whole` of that spectrum, from those of half the length; of whole
//            lines only
//   MIRROR   in: the spectrum of `whole` real numbers, from its first half; out: the real parts
enum { GK_FFT_PLAIN, GK_FFT_NUMBERS, GK_FFT_PAIRS, GK_FFT_FOLD, GK_FFT_UNFOLD, GK_FFT_MIRROR };

// Lines of n numbers, each transformed by one block: a whole transform, or one of the steps of a
// long one.
//
// Number j of a line is number `third + j * in_step` of the whole transform, and so is what comes
// out; `third` is the third operand of `lines`. PLAIN ones lie at j * in_stride from where the line
// begins; others, with their number in the whole transform times in_stride from where that begins.
typedef struct gk_fft_lines {
  gk_layout lines; // where they begin: in, out, third
  int64_t first; // the first of them in `lines`
  int64_t count;
  const void *in;
  void *out;
  int64_t in_base, out_base; // added to all places, in elements
  int64_t in_stride, out_stride;
  int64_t in_step, out_step;
  int64_t in_length,
      out_length; // elements that are read, others are 0; and numbers that are written
  int64_t whole; // numbers of the whole transform that are not 0
  // If not NULL, and not PLAIN or UNFOLD: what number j of the whole transform is multiplied by,
  // after `scale` and `factor_sign`.
  const void *in_factor, *out_factor;
  float scale_re, scale_im; // factors of what goes in
  float factor_sign,
      sign; // of the imaginary part of what comes out, before out_factor and after it
  uint32_t n, tile, pitch; // tile: lines of a block; pitch: floats of a line in shared memory
  uint32_t by_n, by_tile, by_pairs; // pairs: n / 2 + 1
  uint32_t passes; // none where n is 1, which is not PLAIN
  uint8_t in_kind, out_kind;
  uint8_t real; // NUMBERS, FOLD and MIRROR: `in` is float32
  uint8_t in_across, out_across; // lines lie closer together than a line's numbers
  double root; // quarters of exp(-2 pi i / n)
  double half_root; // FOLD, UNFOLD: quarters of exp(-2 pi i / (2 whole))
  // Number k is multiplied by the root of twist * third * k quarters; 0: by nothing.
  double twist;
  gk_fft_pass pass[GK_FFT_PASSES];
} gk_fft_lines;

enum { GK_FFT_END_THREADS = 256 };

// UNFOLD of transforms that are no lines. `lines`: the first complex number in `out` and in `rows`,
// and k.
typedef struct gk_fft_unfold {
  gk_layout lines;
  int64_t first, count;
  const void *rows;
  void *out;
  int64_t rows_base, out_stride;
  int64_t n; // numbers of a row
  double half_root;
} gk_fft_unfold;

// Bluestein: chirp[j] = exp(-pi i j^2 / n), j < n; and spread, of `length` numbers, with the
// conjugate of chirp[j] at j and length - j, times factor, and zeros between.
typedef struct gk_fft_chirp {
  void *chirp, *spread;
  int64_t n, length;
  float factor;
} gk_fft_chirp;

#endif
