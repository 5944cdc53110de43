// Lines of up to 4096 numbers with small prime factors: Stockham passes in registers, which change
// a thread's 16 numbers for others through shared memory.
//
// A block has `tile` lines. In each pass a thread takes up to 16 / radix butterflies, `blockDim.x`
// apart. The first pass reads the lines from memory, the last one writes them, both with
// neighbouring threads on what lies together there, be it a line's numbers or those of neighbouring
// lines: so lines along any axis are read and written in whole sectors, and what is read along one
// axis may be written along another. What is more than a copy of complex numbers goes through
// shared memory once more, in short loops.
//
// Shared memory: 33.5 KB for numbers, real parts and imaginary ones apart. Number i of a line lies
// at i + i / 32, and lines `pitch` apart: strides of powers of two then fall on all banks. Besides,
// 5 KB for roots of unity and where lines begin.
//
// Grid: a block for each tile, threads as the host has counted. Two blocks share a multiprocessor:
// three would make registers spill.
#include "fft.cuh"

// From a number's real part in shared memory to its imaginary one.
enum { IMAGINARY = GK_FFT_FLOATS };

// Where a block's lines begin, in elements; how many numbers of each are read and written.
struct line_places {
  int64_t *in, *out, *third;
  int32_t *reads, *writes;
};

// A butterfly.
struct spot {
  uint32_t line, q, p;
};

GK_INLINE uint32_t divide(uint32_t n, uint32_t by) { return __umulhi(2 * n, by); }

GK_INLINE spot spot_of(const gk_fft_lines &a, const gk_fft_pass &pass, uint32_t index) {
  spot s;
  uint32_t rest;
  if (pass.across) {
    rest = divide(index, a.by_tile);
    s.line = index - rest * a.tile;
  } else {
    s.line = divide(index, pass.by_step);
    rest = index - s.line * pass.step;
  }
  s.p = divide(rest, pass.by_s);
  s.q = rest - s.p * pass.s;
  return s;
}

// Runs f(the thread's number of it, spot) for each of the thread's butterflies.
template <int R, class F> GK_INLINE void each(const gk_fft_lines &a, const gk_fft_pass &pass, F f) {
  GK_UNROLL
  for (int u = 0; u < GK_FFT_BUTTERFLIES(R); u++) {
    const uint32_t index = threadIdx.x + u * blockDim.x;
    if (index < pass.count) f(u, spot_of(a, pass, index));
  }
}

GK_INLINE uint32_t padded(uint32_t i) { return i + (i >> 5); }

// Of exp(-2 pi i e / n): those of e = 0 to 31, then those of all multiples of 32.
GK_INLINE void make_roots(const gk_fft_lines &a, gk_complex *roots) {
  const uint32_t count = GK_FFT_FINE + (a.n + GK_FFT_FINE - 1) / GK_FFT_FINE;
  for (uint32_t i = threadIdx.x; i < count; i += blockDim.x)
    roots[i] = gk_root(a.root * (i < GK_FFT_FINE ? i : (i - GK_FFT_FINE) * GK_FFT_FINE));
}

GK_INLINE gk_complex root_at(const gk_complex *roots, uint32_t e) {
  return gk_times(roots[e % GK_FFT_FINE], roots[GK_FFT_FINE + e / GK_FFT_FINE]);
}

// The numbers i of a line for which third + i * step is below length.
GK_INLINE int32_t count_below(int64_t length, int64_t third, int64_t step, uint32_t n) {
  const int64_t left = length - third;
  if (left > (int64_t)(n - 1) * step) return (int32_t)n;
  return left <= 0 ? 0 : (int32_t)((left - 1) / step + 1);
}

GK_INLINE void find_lines(const gk_fft_lines &a, const line_places &places) {
  const int64_t first = (int64_t)blockIdx.x * a.tile;
  for (uint32_t i = threadIdx.x; i < a.tile; i += blockDim.x) {
    const bool there = first + i < a.count;
    int64_t at[3];
    gk_offsets(a.lines, a.first + first + (there ? i : 0), at);
    places.in[i] = at[0] + a.in_base;
    places.out[i] = at[1] + a.out_base;
    places.third[i] = at[2];
    places.reads[i] = there ? count_below(a.in_length, at[2], a.in_step, a.n) : 0;
    places.writes[i] = there ? count_below(a.out_length, at[2], a.out_step, a.n) : 0;
  }
}

// ---- a thread's numbers, those of a butterfly side by side

template <int R>
GK_INLINE void load(const gk_fft_lines &a, const gk_fft_pass &pass, const line_places &places,
                    gk_complex *x) {
  each<R>(a, pass, [&](int u, spot s) {
    const gk_complex *from = (const gk_complex *)a.in + places.in[s.line] + s.p * a.in_stride;
    const int64_t across = pass.step * a.in_stride;
    const int32_t reads = places.reads[s.line] - (int32_t)s.p;
    gk_complex *y = x + u * R;
    GK_UNROLL
    for (int j = 0; j < R; j++) {
      y[j] = {0, 0};
      if ((int32_t)(j * pass.step) < reads) y[j] = from[j * across];
    }
    GK_UNROLL
    for (int j = 0; j < R; j++) y[j] = {y[j].re * a.scale_re, y[j].im * a.scale_im};
  });
}

template <int R>
GK_INLINE void transform(const gk_fft_lines &a, const gk_fft_pass &pass, const gk_complex *roots,
                         gk_complex *x) {
  each<R>(a, pass, [&](int u, spot s) {
    gk_dft(gk_radix<R>(), x + u * R);
    if (pass.s == pass.step) return; // the last pass
    const uint32_t e = s.p * pass.s;
    GK_UNROLL
    for (int k = 1; k < R; k++) x[u * R + k] = gk_times(x[u * R + k], root_at(roots, e * k));
  });
}

template <int R>
GK_INLINE void put(const gk_fft_lines &a, const gk_fft_pass &pass, const gk_complex *x,
                   float *data) {
  each<R>(a, pass, [&](int u, spot s) {
    float *line = data + s.line * a.pitch;
    const uint32_t base = s.q + pass.s * R * s.p;
    GK_UNROLL
    for (int k = 0; k < R; k++) {
      float *to = line + padded(base + k * pass.s);
      to[0] = x[u * R + k].re;
      to[IMAGINARY] = x[u * R + k].im;
    }
  });
}

template <int R>
GK_INLINE void get(const gk_fft_lines &a, const gk_fft_pass &pass, const float *data,
                   gk_complex *x) {
  each<R>(a, pass, [&](int u, spot s) {
    const float *line = data + s.line * a.pitch;
    const uint32_t base = s.q + pass.s * s.p;
    GK_UNROLL
    for (int j = 0; j < R; j++) {
      const float *from = line + padded(base + j * pass.step);
      x[u * R + j] = {from[0], from[IMAGINARY]};
    }
  });
}

// Number k is multiplied by the root of `twist * third * k`: of every four one root is computed,
// and the others are its products with the first two powers of a step.
template <int R>
GK_INLINE void twist(const gk_fft_lines &a, const gk_fft_pass &pass, int64_t third, spot s,
                     gk_complex *y) {
  const double angle = a.twist * (double)third;
  const gk_complex one = gk_root(angle * (double)pass.s);
  const gk_complex two = R > 2 ? gk_root(angle * (double)(2 * pass.s)) : one;
  GK_UNROLL
  for (int k = 0; k < R; k += 4) {
    gk_complex w = gk_root(angle * (double)(s.q + k * pass.s));
    y[k] = gk_times(y[k], w);
    if (k + 1 < R) y[k + 1] = gk_times(y[k + 1], gk_times(w, one));
    w = gk_times(w, two);
    if (k + 2 < R) y[k + 2] = gk_times(y[k + 2], w);
    if (k + 3 < R) y[k + 3] = gk_times(y[k + 3], gk_times(w, one));
  }
}

template <int R>
GK_INLINE void store(const gk_fft_lines &a, const gk_fft_pass &pass, const line_places &places,
                     gk_complex *x) {
  each<R>(a, pass, [&](int u, spot s) {
    gk_complex *to = (gk_complex *)a.out + places.out[s.line] + s.q * a.out_stride;
    const int64_t across = pass.s * a.out_stride;
    const int32_t writes = places.writes[s.line] - (int32_t)s.q;
    gk_complex *y = x + u * R;
    if (a.twist != 0) twist<R>(a, pass, places.third[s.line], s, y);
    GK_UNROLL
    for (int k = 0; k < R; k++)
      if ((int32_t)(k * pass.s) < writes) to[k * across] = {y[k].re, y[k].im * a.sign};
  });
}

// ---- numbers that are not plain, on their way to shared memory or from there

GK_INLINE int64_t lines_here(const gk_fft_lines &a) {
  return a.count - (int64_t)blockIdx.x * a.tile;
}

// Element j of the whole transform's operand that begins at `at`.
GK_INLINE gk_complex element_of(const gk_fft_lines &a, int64_t at, int64_t j) {
  if (j >= a.in_length) return {0, 0};
  if (a.real) return {((const float *)a.in)[at + j * a.in_stride], 0};
  return ((const gk_complex *)a.in)[at + j * a.in_stride];
}

GK_INLINE float real_of(const gk_fft_lines &a, int64_t at, int64_t j) {
  return j < a.in_length ? ((const float *)a.in)[at + j * a.in_stride] : 0;
}

// Number k of the whole transform, as it goes in.
GK_INLINE gk_complex number_of(const gk_fft_lines &a, int64_t at, int64_t k) {
  if (a.in_kind == GK_FFT_NUMBERS) return element_of(a, at, k);
  if (a.in_kind == GK_FFT_PAIRS) return {real_of(a, at, 2 * k), real_of(a, at, 2 * k + 1)};
  const int64_t other = a.whole - k;
  if (a.in_kind == GK_FFT_FOLD) {
    gk_complex x = element_of(a, at, k), y = element_of(a, at, other);
    if (k == 0) x.im = y.im = 0;
    return gk_fold(x, y, gk_root(a.half_root * (double)k));
  }
  const bool second = k > other;
  const gk_complex x = element_of(a, at, second ? other : k);
  return {x.re, k == 0 ? 0 : second ? -x.im : x.im};
}

GK_INLINE uint32_t line_of(const gk_fft_lines &a, uint32_t index, uint32_t length, uint32_t by,
                           bool across, uint32_t *j) {
  if (!across) {
    const uint32_t line = divide(index, by);
    *j = index - line * length;
    return line;
  }
  *j = divide(index, a.by_tile);
  return index - *j * a.tile;
}

GK_INLINE void stage_in(const gk_fft_lines &a, const line_places &places, float *data) {
  GK_NO_UNROLL
  for (uint32_t index = threadIdx.x; index < a.tile * a.n; index += blockDim.x) {
    uint32_t j;
    const uint32_t line = line_of(a, index, a.n, a.by_n, a.in_across, &j);
    gk_complex x = {0, 0};
    const int64_t k = places.third[line] + j * a.in_step;
    if (line < lines_here(a) && k < a.whole) {
      x = number_of(a, places.in[line], k);
      x = {x.re * a.scale_re, x.im * a.scale_im};
      if (a.in_factor) x = gk_times(x, ((const gk_complex *)a.in_factor)[k]);
    }
    float *to = data + line * a.pitch + padded(j);
    to[0] = x.re;
    to[IMAGINARY] = x.im;
  }
}

GK_INLINE gk_complex staged(const gk_fft_lines &a, const float *data, uint32_t line, uint32_t k) {
  const float *from = data + line * a.pitch + padded(k);
  return {from[0], from[IMAGINARY]};
}

GK_INLINE void stage_out(const gk_fft_lines &a, const line_places &places, const float *data) {
  GK_NO_UNROLL
  for (uint32_t index = threadIdx.x; index < a.tile * a.n; index += blockDim.x) {
    uint32_t i;
    const uint32_t line = line_of(a, index, a.n, a.by_n, a.out_across, &i);
    const int64_t k = places.third[line] + i * a.out_step;
    if (line >= lines_here(a) || k >= a.out_length) continue;
    gk_complex x = staged(a, data, line, i);
    if (a.out_factor)
      x = gk_times({x.re, x.im * a.factor_sign}, ((const gk_complex *)a.out_factor)[k]);
    x.im *= a.sign;
    float *to = (float *)a.out + places.out[line];
    if (a.out_kind == GK_FFT_NUMBERS) {
      ((gk_complex *)a.out)[places.out[line] + k * a.out_stride] = x;
    } else if (a.out_kind == GK_FFT_MIRROR) {
      to[k * a.out_stride] = x.re;
    } else {
      to[2 * k * a.out_stride] = x.re;
      to[(2 * k + 1) * a.out_stride] = x.im;
    }
  }
}

// Numbers k and n - k at a time.
GK_INLINE void unfold_out(const gk_fft_lines &a, const line_places &places, const float *data) {
  const uint32_t pairs = a.n / 2 + 1;
  GK_NO_UNROLL
  for (uint32_t index = threadIdx.x; index < a.tile * pairs; index += blockDim.x) {
    uint32_t k;
    const uint32_t line = line_of(a, index, pairs, a.by_pairs, a.out_across, &k);
    if (line >= lines_here(a)) continue;
    gk_complex low, high;
    gk_unfold(staged(a, data, line, k), staged(a, data, line, k == 0 ? 0 : a.n - k),
              gk_root(a.half_root * k), &low, &high);
    if (k == 0) low.im = high.im = 0;
    gk_complex *to = (gk_complex *)a.out + places.out[line];
    to[k * a.out_stride] = low;
    to[(a.n - k) * a.out_stride] = high;
  }
}

GK_KERNEL_OF(2, GK_FFT_THREADS, fft_lines, gk_fft_lines) {
  __shared__ float data[2 * GK_FFT_FLOATS];
  __shared__ uint64_t words[GK_FFT_ROOTS];
  __shared__ int64_t begins[3 * GK_FFT_TILE];
  __shared__ int32_t counts[2 * GK_FFT_TILE];
  gk_complex *const roots = (gk_complex *)words;
  const line_places places = {begins, begins + GK_FFT_TILE, begins + 2 * GK_FFT_TILE, counts,
                              counts + GK_FFT_TILE};
  find_lines(a, places);
  if (a.passes > 1) make_roots(a, roots);
  __syncthreads();
  if (a.in_kind != GK_FFT_PLAIN) {
    stage_in(a, places, data);
    __syncthreads();
  }
  // The parts of a pass choose their radix one by one: so none of them keeps places for the next
  // one.
  gk_complex x[GK_FFT_HELD];
  GK_NO_UNROLL
  for (uint32_t i = 0; i < a.passes; i++) {
    const gk_fft_pass &pass = a.pass[i];
    if (i == 0 && a.in_kind == GK_FFT_PLAIN) {
      GK_WITH_RADIX(pass.radix, load<R>(a, pass, places, x))
    } else {
      GK_WITH_RADIX(pass.radix, get<R>(a, pass, data, x))
      __syncthreads();
    }
    GK_WITH_RADIX(pass.radix, transform<R>(a, pass, roots, x))
    if (i + 1 == a.passes && a.out_kind == GK_FFT_PLAIN) {
      GK_WITH_RADIX(pass.radix, store<R>(a, pass, places, x))
    } else {
      GK_WITH_RADIX(pass.radix, put<R>(a, pass, x, data))
      __syncthreads();
    }
  }
  if (a.out_kind == GK_FFT_UNFOLD)
    unfold_out(a, places, data);
  else if (a.out_kind != GK_FFT_PLAIN)
    stage_out(a, places, data);
}
