// Roots of unity, and transforms of 2 to 16 numbers in registers.
#pragma once

#include "fft.h"
#include "layout.cuh"

GK_INLINE gk_complex gk_times(gk_complex a, gk_complex b) {
  return {fmaf(a.re, b.re, -(a.im * b.im)), fmaf(a.re, b.im, a.im * b.re)};
}
GK_INLINE gk_complex gk_plus(gk_complex a, gk_complex b) { return {a.re + b.re, a.im + b.im}; }
GK_INLINE gk_complex gk_minus(gk_complex a, gk_complex b) { return {a.re - b.re, a.im - b.im}; }
GK_INLINE gk_complex gk_minus_i(gk_complex a) { return {a.im, -a.re}; }

// exp(-2 pi i quarters / 4), both parts rounded from a result whose error is below 2e-9. quarters:
// from 0 on, and below 2^31.
GK_INLINE gk_complex gk_root(double quarters) {
  const double turned = rint(quarters), x = quarters - turned, y = x * x;
  // Taylor's series of sin and cos(pi / 2 x) for |x| up to a half.
  double s = -3.598843235212085e-6, c = -2.520204237306061e-5;
  s = fma(s, y, 1.604411847873598e-4);
  s = fma(s, y, -4.681754135318688e-3);
  s = fma(s, y, 7.969262624616704e-2);
  s = fma(s, y, -6.459640975062462e-1);
  s = fma(s, y, 1.570796326794897);
  c = fma(c, y, 9.192602748394266e-4);
  c = fma(c, y, -2.086348076335296e-2);
  c = fma(c, y, 2.536695079010480e-1);
  c = fma(c, y, -1.233700550136170);
  const float sine = (float)(s * x), cosine = (float)fma(c, y, 1.0);
  const int quadrant = (int)turned & 3;
  const float re = quadrant & 1 ? sine : cosine, im = quadrant & 1 ? cosine : sine;
  return {quadrant == 1 || quadrant == 2 ? -re : re, quadrant < 2 ? -im : im};
}

// E + P and conj(E - P), where E = (x + conj y) * half and P = w * (x - conj y).
GK_INLINE void gk_mirror(gk_complex x, gk_complex y, gk_complex w, float half, gk_complex *low,
                         gk_complex *high) {
  const gk_complex e = {(x.re + y.re) * half, (x.im - y.im) * half};
  const gk_complex p = gk_times({x.re - y.re, x.im + y.im}, w);
  *low = gk_plus(e, p);
  *high = {e.re - p.re, p.im - e.im};
}

// Numbers k and n - k of the spectrum of 2 n real ones, from x and y, those of the n complex ones
// that these are in pairs; and twice the latter from the former. root: exp(-pi i k / n).
GK_INLINE void gk_unfold(gk_complex x, gk_complex y, gk_complex root, gk_complex *low,
                         gk_complex *high) {
  gk_mirror(x, y, {root.im * 0.5f, root.re * -0.5f}, 0.5f, low, high);
}
GK_INLINE gk_complex gk_fold(gk_complex x, gk_complex y, gk_complex root) {
  gk_complex low, high;
  gk_mirror(x, y, {root.im, root.re}, 1, &low, &high);
  return low;
}

// Transforms of R numbers in place.
template <int R> struct gk_radix {};

GK_INLINE void gk_dft(gk_radix<2>, gk_complex *x) {
  const gk_complex a = x[0];
  x[0] = gk_plus(a, x[1]);
  x[1] = gk_minus(a, x[1]);
}

GK_INLINE void gk_dft(gk_radix<4>, gk_complex *x) {
  const gk_complex a = gk_plus(x[0], x[2]), b = gk_minus(x[0], x[2]);
  const gk_complex c = gk_plus(x[1], x[3]), d = gk_minus_i(gk_minus(x[1], x[3]));
  x[0] = gk_plus(a, c);
  x[1] = gk_plus(b, d);
  x[2] = gk_minus(a, c);
  x[3] = gk_minus(b, d);
}

// Times exp(-2 pi i / 8).
GK_INLINE gk_complex gk_eighth(gk_complex a) {
  const float root = 0.70710678f;
  return {(a.re + a.im) * root, (a.im - a.re) * root};
}

GK_INLINE void gk_dft(gk_radix<8>, gk_complex *x) {
  gk_complex even[4] = {x[0], x[2], x[4], x[6]}, odd[4] = {x[1], x[3], x[5], x[7]};
  gk_dft(gk_radix<4>(), even);
  gk_dft(gk_radix<4>(), odd);
  odd[1] = gk_eighth(odd[1]);
  odd[2] = gk_minus_i(odd[2]);
  odd[3] = gk_minus_i(gk_eighth(odd[3]));
  GK_UNROLL
  for (int k = 0; k < 4; k++) {
    x[k] = gk_plus(even[k], odd[k]);
    x[k + 4] = gk_minus(even[k], odd[k]);
  }
}

// As 4 x 4.
GK_INLINE void gk_dft(gk_radix<16>, gk_complex *x) {
  const float c = 0.92387953f, s = 0.38268343f;
  const gk_complex w1 = {c, -s}, w3 = {s, -c}, w9 = {-c, s};
  GK_UNROLL
  for (int j = 0; j < 4; j++) {
    gk_complex a[4] = {x[j], x[j + 4], x[j + 8], x[j + 12]};
    gk_dft(gk_radix<4>(), a);
    GK_UNROLL
    for (int k = 0; k < 4; k++) x[j + 4 * k] = a[k];
  }
  x[5] = gk_times(x[5], w1);
  x[6] = gk_eighth(x[6]);
  x[7] = gk_times(x[7], w3);
  x[9] = gk_eighth(x[9]);
  x[10] = gk_minus_i(x[10]);
  x[11] = gk_minus_i(gk_eighth(x[11]));
  x[13] = gk_times(x[13], w3);
  x[14] = gk_minus_i(gk_eighth(x[14]));
  x[15] = gk_times(x[15], w9);
  gk_complex y[16];
  GK_UNROLL
  for (int k = 0; k < 4; k++) {
    gk_dft(gk_radix<4>(), x + 4 * k);
    GK_UNROLL
    for (int l = 0; l < 4; l++) y[k + 4 * l] = x[4 * k + l];
  }
  GK_UNROLL
  for (int k = 0; k < 16; k++) x[k] = y[k];
}

// By sums and differences of x[j] and x[R - j], whose factors are real: cosines[j - 1] is cos(2 pi
// j / R), and so for sines.
template <int R>
GK_INLINE void gk_dft_odd(gk_complex *x, const float (&cosines)[R / 2],
                          const float (&sines)[R / 2]) {
  constexpr int HALF = R / 2;
  gk_complex all = x[0];
  GK_UNROLL
  for (int j = 1; j <= HALF; j++) {
    const gk_complex a = x[j], b = x[R - j];
    x[j] = gk_plus(a, b);
    x[R - j] = gk_minus_i(gk_minus(a, b));
    all = gk_plus(all, x[j]);
  }
  gk_complex low[HALF], high[HALF];
  GK_UNROLL
  for (int k = 1; k <= HALF; k++) {
    gk_complex even = x[0], uneven = {0, 0};
    GK_UNROLL
    for (int j = 1; j <= HALF; j++) {
      const int turn = j * k % R;
      const float c = cosines[(turn <= HALF ? turn : R - turn) - 1];
      const float s = turn <= HALF ? sines[turn - 1] : -sines[R - turn - 1];
      even = {fmaf(x[j].re, c, even.re), fmaf(x[j].im, c, even.im)};
      uneven = {fmaf(x[R - j].re, s, uneven.re), fmaf(x[R - j].im, s, uneven.im)};
    }
    low[k - 1] = gk_plus(even, uneven);
    high[k - 1] = gk_minus(even, uneven);
  }
  x[0] = all;
  GK_UNROLL
  for (int k = 1; k <= HALF; k++) {
    x[k] = low[k - 1];
    x[R - k] = high[k - 1];
  }
}

GK_INLINE void gk_dft(gk_radix<3>, gk_complex *x) { gk_dft_odd<3>(x, {-0.5f}, {0.866025404f}); }
GK_INLINE void gk_dft(gk_radix<5>, gk_complex *x) {
  gk_dft_odd<5>(x, {0.309016994f, -0.809016994f}, {0.951056516f, 0.587785252f});
}
GK_INLINE void gk_dft(gk_radix<7>, gk_complex *x) {
  gk_dft_odd<7>(x, {0.623489802f, -0.222520934f, -0.900968868f},
                {0.781831482f, 0.974927912f, 0.433883739f});
}
// Runs `statement` with R as a constant.
#define GK_RADIX_CASE(radix, ...)                                                                  \
  case radix: {                                                                                    \
    constexpr int R = radix;                                                                       \
    __VA_ARGS__;                                                                                   \
    break;                                                                                         \
  }
#define GK_WITH_RADIX(radix, ...)                                                                  \
  switch (radix) {                                                                                 \
    GK_RADIX_CASE(2, __VA_ARGS__)                                                                  \
    GK_RADIX_CASE(3, __VA_ARGS__)                                                                  \
    GK_RADIX_CASE(4, __VA_ARGS__)                                                                  \
    GK_RADIX_CASE(5, __VA_ARGS__)                                                                  \
    GK_RADIX_CASE(7, __VA_ARGS__)                                                                  \
    GK_RADIX_CASE(8, __VA_ARGS__)                                                                  \
    GK_RADIX_CASE(16, __VA_ARGS__)                                                                 \
  }
