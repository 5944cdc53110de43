// What numbers go through before and after the transforms of fft.cu, where that is more than a copy: spectra
// of real numbers, pairs of real numbers with a stride, and Bluestein's chirp. A thread has one number. Grid:
// enough threads for all. No shared memory.
#include "fft.cuh"

GK_INLINE int64_t thread_number() {
  return (int64_t)blockIdx.x * GK_FFT_END_THREADS + (int)threadIdx.x;
}

// Number j of a line of the array that begins at `at`; 0 where it has ended.
GK_INLINE gk_complex number_of(const gk_fft_end &a, int64_t at, int64_t j) {
  if (j >= a.length) return {0, 0};
  if (a.real) return {((const float *)a.array)[at + j * a.stride], 0};
  return ((const gk_complex *)a.array)[at + j * a.stride];
}

// E + P, where E = (x + conj y) * half and P = w * (x - conj y).
GK_INLINE gk_complex mirrored(gk_complex x, gk_complex y, gk_complex w, float half) {
  const gk_complex p = gk_times({x.re - y.re, x.im + y.im}, w);
  return {(x.re + y.re) * half + p.re, (x.im - y.im) * half + p.im};
}

// The array's lines into rows.
GK_KERNEL(GK_FFT_END_THREADS, fft_gather, gk_fft_end) {
  const int64_t number = thread_number();
  if (number >= a.count) return;
  int64_t at[3];
  gk_offsets(a.layout, a.first + number, at);
  const int64_t k = at[2];
  gk_complex x;
  if (a.kind == GK_FFT_PAIRS) {
    x = {number_of(a, at[0], 2 * k).re, number_of(a, at[0], 2 * k + 1).re};
  } else if (a.kind == GK_FFT_FOLD) {
    x = number_of(a, at[0], k);
    gk_complex y = number_of(a, at[0], a.n - k);
    if (k == 0) x.im = y.im = 0;
    const gk_complex w =
        gk_root(a.root * (double)k); // exp(-pi i k / n), then i times its conjugate
    x = mirrored(x, y, {w.im, w.re}, 1);
  } else {
    const bool second = 2 * k > a.n;
    x = number_of(a, at[0], second ? a.n - k : k);
    x.im = k == 0 ? 0 : second ? -x.im : x.im;
  }
  ((gk_complex *)a.rows)[at[1] + a.rows_base + k] = x;
}

// Rows into the array's lines.
GK_KERNEL(GK_FFT_END_THREADS, fft_scatter, gk_fft_end) {
  const int64_t number = thread_number();
  if (number >= a.count) return;
  int64_t at[3];
  gk_offsets(a.layout, a.first + number, at);
  const int64_t k = at[2];
  const gk_complex *row = (const gk_complex *)a.rows + at[1] + a.rows_base;
  float *reals = (float *)a.array + at[0];
  if (a.kind == GK_FFT_PAIRS) {
    const gk_complex x = row[k];
    reals[2 * k * a.stride] = x.re;
    reals[(2 * k + 1) * a.stride] = x.im;
  } else if (a.kind == GK_FFT_UNFOLD) {
    const gk_complex x = row[k == a.n ? 0 : k], y = row[k == 0 ? 0 : a.n - k];
    const gk_complex w = gk_root(a.root * (double)k); // times -i / 2
    gk_complex z = mirrored(x, y, {w.im * 0.5f, w.re * -0.5f}, 0.5f);
    if (k == 0 || k == a.n) z.im = 0;
    ((gk_complex *)a.array)[at[0] + k * a.stride] = z;
  } else {
    reals[k * a.stride] = row[k].re;
  }
}

GK_KERNEL(GK_FFT_END_THREADS, fft_chirp, gk_fft_chirp) {
  const int64_t number = thread_number();
  if (number >= a.length) return;
  const int64_t j = number < a.n ? number : a.length - number;
  gk_complex w = {0, 0};
  if (j < a.n) {
    const uint64_t turns = (uint64_t)j * (uint64_t)j % (2 * (uint64_t)a.n);
    w = gk_root((double)turns * (2.0 / (double)a.n));
  }
  if (number < a.n) ((gk_complex *)a.chirp)[number] = w;
  ((gk_complex *)a.spread)[number] = {w.re * a.factor, -w.im * a.factor};
}
