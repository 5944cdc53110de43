// Before and after the transforms of fft.cu: spectra of real numbers where those are no lines, and
// Bluestein's chirp. A thread has one number. Grid: enough threads for all. No shared memory.
#include "fft.cuh"

GK_INLINE int64_t thread_number() {
  return (int64_t)blockIdx.x * GK_FFT_END_THREADS + (int)threadIdx.x;
}

GK_KERNEL(GK_FFT_END_THREADS, fft_unfold, gk_fft_unfold) {
  const int64_t number = thread_number();
  if (number >= a.count) return;
  int64_t at[3];
  gk_offsets(a.lines, a.first + number, at);
  const int64_t k = at[2];
  const gk_complex *row = (const gk_complex *)a.rows + at[1] + a.rows_base;
  gk_complex low, high;
  gk_unfold(row[k == a.n ? 0 : k], row[k == 0 ? 0 : a.n - k], gk_root(a.half_root * (double)k),
            &low, &high);
  if (k == 0 || k == a.n) low.im = 0;
  ((gk_complex *)a.out)[at[0] + k * a.out_stride] = low;
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
