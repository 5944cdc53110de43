// The contract between fft.c (calls), fft_plan.c (how a length is transformed) and fft_simd.c (inner
// loops). All transforms are forward ones, X[k] = sum over j of x[j] exp(-2 pi i jk / n): an inverse one
// conjugates what goes in and what comes out.
//
// Rows are complex numbers as they lie in arrays. Loops work on "elements" of 2 * lanes floats: the
// real parts of `lanes` complex numbers, then their imaginary parts. They transform all lanes alike;
// what a lane stands for is up to whoever fills it:
//
//   WITHIN   a row of n = m * group, group = lanes or half of it: element j holds x[group * j + lane] of
//            one row, or of two. After m-point transforms of all lanes, `finish` does the
//            group-point ones across them.
//   ACROSS   lane l holds row l, of any length that has only small factors
//   STEPS    a long row as a matrix [rows, columns]: transforms of the columns, as many as there are
//            lanes at once, twiddles, transforms of the rows, transposed; by parts that fit into
//            the cache and that threads share
//   CHIRP    any other length, as a convolution (Bluestein)
#ifndef GK_CPU_FFT_H
#define GK_CPU_FFT_H

#include "cpu.h"

#define GK_FFT_LOOPS 8 // largest radix with a loop of its own
#define GK_FFT_MAX_RADIX 61 // of the loop for odd radices
// STEPS: rows in memory of our own are a cache line longer than need be, since distances of powers
// of two fall on few places of the cache.
#define GK_FFT_STEP_PAD 8

// Where a transform's first pass finds element j: `lanes` floats each at low + j * step and
// high + j * step, which are pairs of real and imaginary parts; each is multiplied by re, im.
typedef struct gk_fft_input {
  const float *low, *high;
  int64_t step;
  float re, im;
} gk_fft_input;

// One radix r of a transform of r * m * s elements (s transforms side by side): Stockham's decimation in
// frequency, which reads x[q + s * (p + m * j)] and writes y[q + s * (r * p + k)], times twiddle
// exp(-2 pi i p k / (r * m)); [p][k - 1] in twiddles, which are not read where m is 1.
typedef void (*gk_fft_first_fn)(int64_t m, const gk_fft_input *in, const float *twiddles,
                                float *out);
typedef void (*gk_fft_pass_fn)(int64_t m, int64_t s, const float *in, const float *twiddles,
                               float *out);

typedef struct gk_fft_kernels {
  int lanes;
  // By radix; NULL where there is none. `first` has s = 1 and reads pairs.
  gk_fft_first_fn first[GK_FFT_LOOPS + 1];
  gk_fft_pass_fn pass[GK_FFT_LOOPS + 1];
  // Any odd radix; roots: cos and sin of 2 pi j k / radix for j, k = 1 to radix / 2, [k][j].
  void (*odd)(int radix, int64_t m, int64_t s, const float *in, const float *twiddles,
              const float *roots, float *out);
  // Pairs to n elements, and back: lane l of element j to out[2 * (lanes * j + l)].
  void (*split)(int64_t n, const gk_fft_input *in, float *out);
  void (*join)(int64_t n, const float *in, float sign, float *out);
  // WITHIN, [0] with group = lanes, [1] with half of it: multiplies element k by twiddle k (an element:
  // exp(-2 pi i k lane / n)), transforms across lanes and writes pairs. The first half of a result of
  // `lanes` complex numbers goes to low, the rest to high; sign: factor of imaginary parts. m is at
  // least group.
  void (*finish[2])(int64_t m, const float *in, const float *twiddles, float sign, float *low,
                    float *high);
  // out[j] = (x[j].re * in_re, x[j].im * in_im) * w[j], imaginary part times out_sign.
  void (*multiply)(int64_t n, const float *x, float in_re, float in_im, const float *w,
                   float out_sign, float *out);
  // Element j times coarse[j] and the element fine[j], as pairs at out + j * step.
  void (*twist)(int64_t n, const float *in, const float *coarse, const float *fine, float *out,
                int64_t step);
  // Between the transform z of m complex numbers whose parts are 2 m real ones, and the transform x
  // (m + 1 numbers) of those, with twiddles t[k] = -i/2 exp(-pi i k / m): unfold gives x from z, fold
  // 2 z from x.
  void (*unfold)(int64_t m, const float *z, const float *t, float *x);
  void (*fold)(int64_t m, const float *x, const float *t, float *z);
} gk_fft_kernels;

GK_KERNELS(gk_fft_kernels, gk_fft)
// Those of half the lanes which give the same bits, where there are any, else the same.
const gk_fft_kernels *gk_fft_narrower(const gk_fft_kernels *kernels);

// ---- plans (fft_plan.c)

typedef enum gk_fft_role {
  GK_FFT_ANY,
  GK_FFT_HALF, // `unfold` is there
  // For a length that has only small factors:
  GK_FFT_LEAF, // WITHIN or ACROSS
  GK_FFT_LANES, // ACROSS
} gk_fft_role;
typedef enum gk_fft_kind { GK_FFT_WITHIN, GK_FFT_ACROSS, GK_FFT_STEPS, GK_FFT_CHIRP } gk_fft_kind;

typedef struct gk_fft_pass {
  int radix;
  int64_t m, s;
  float *twiddles, *roots; // roots: of radices without a loop of their own, else NULL
} gk_fft_pass;

// Everything about one length that does not depend on the data. Not changed once it is made.
typedef struct gk_fft_plan {
  int64_t n;
  const gk_fft_kernels *kernels;
  gk_fft_kind kind;
  int64_t scratch; // floats that gk_fft_transform needs
  // WITHIN, ACROSS
  int group; // 1 for ACROSS
  int64_t m; // n / group
  int passes;
  gk_fft_pass pass[40];
  float *finish;
  // STEPS: n = columns->n * rows->n; a column has columns->n numbers
  const struct gk_fft_plan *columns, *rows;
  float *coarse, *fine; // of `twist`: [block of columns][row], and the elements [row]
  // CHIRP
  const struct gk_fft_plan *inner;
  float *chirp, *spectrum; // exp(-pi i j^2 / n); the transform of its conjugate, over inner->n
  // For real transforms of length 2 n, else NULL.
  float *unfold;
  // The cache's.
  gk_fft_role role;
  gk_isa isa;
  int references;
  bool kept;
  int64_t bytes;
  uint64_t used;
  int blocks;
  void *block[96];
} gk_fft_plan;

// The plan of a length, made or found in the cache; NULL when out of memory. From any thread, each
// plan to be given back.
const gk_fft_plan *gk_fft_plan_take(int64_t n, gk_fft_role role);
void gk_fft_plan_give(const gk_fft_plan *plan);
// Nanoseconds for one row, roughly.
double gk_fft_cost(int64_t n);

// ---- transforms (fft.c)

typedef struct gk_fft_scale {
  float re, im; // factors of what goes in
  float sign; // of the imaginary part of what comes out
} gk_fft_scale;

// Transforms `count` rows, `in_step` and `out_step` floats apart; in and out must not overlap (but of
// WITHIN and ACROSS may be the same), and both be aligned to 8 bytes. scratch: plan->scratch floats, aligned to 64 bytes. False when out of memory.
bool gk_fft_transform(const gk_fft_plan *plan, int64_t count, const float *in, int64_t in_step,
                      float *out, int64_t out_step, const gk_fft_scale *scale, float *scratch);

#endif
