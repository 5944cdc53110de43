// Lines of up to 8192 numbers with small prime factors: Stockham passes in registers, which a thread's 16 numbers
// change through shared memory.
//
// A block has `tile` lines. In each pass a thread takes up to 16 / radix butterflies, `blockDim.x` apart. The
// first pass reads the lines from memory, the last one writes them, both with neighbouring threads on what
// lies together there, be it a line's numbers or those of neighbouring lines: so lines along any axis are read
// and written in whole sectors, and what is read along one axis may be written along another.
//
// Between passes real parts change places first, then imaginary ones: one buffer of 33 KB then holds 8192
// numbers, which makes tiles of 1024 x 8. Number i of a line lies at i + i / 32, and lines `pitch` apart: strides of
// powers of two then fall on all banks. Besides, 8.5 KB for roots of unity, and where the lines begin.
//
// Grid: a block for each tile, threads as the host has counted. Two blocks share a multiprocessor.
#include "fft.cuh"

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

GK_INLINE spot spot_of(const gk_fft_lines &a, const gk_fft_pass &pass, uint32_t index,
                       bool across) {
  spot s;
  uint32_t rest;
  if (across) {
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
template <int R, class F>
GK_INLINE void each(const gk_fft_lines &a, const gk_fft_pass &pass, bool across, F f) {
  GK_UNROLL
  for (int u = 0; u < GK_FFT_BUTTERFLIES(R); u++) {
    const uint32_t index = threadIdx.x + u * blockDim.x;
    if (index < a.tile * pass.step) f(u, spot_of(a, pass, index, across));
  }
}

GK_INLINE uint32_t padded(uint32_t i) { return i + (i >> 5); }

GK_INLINE gk_complex root_at(const gk_fft_lines &a, const gk_complex *roots, uint32_t e) {
  if (a.n <= GK_FFT_ROOTS) return roots[e + (e >> 4)];
  return gk_times(roots[e % GK_FFT_FINE], roots[GK_FFT_FINE + e / GK_FFT_FINE]);
}

GK_INLINE void make_roots(const gk_fft_lines &a, gk_complex *roots) {
  const bool whole = a.n <= GK_FFT_ROOTS;
  const uint32_t count = whole ? a.n : GK_FFT_FINE + (a.n + GK_FFT_FINE - 1) / GK_FFT_FINE;
  for (uint32_t i = threadIdx.x; i < count; i += blockDim.x) {
    const uint32_t e = whole || i < GK_FFT_FINE ? i : (i - GK_FFT_FINE) * GK_FFT_FINE;
    roots[whole ? i + (i >> 4) : i] = gk_root(a.root * e);
  }
}

// The numbers i of a line for which third + i * step is below length.
GK_INLINE int32_t count_below(int64_t length, int64_t third, int64_t step, uint32_t n) {
  const int64_t left = length - third;
  if (left > (int64_t)(n - 1) * step) return (int32_t)n;
  return left <= 0 ? 0 : (int32_t)((left - 1) / step + 1);
}

GK_INLINE void find_lines(const gk_fft_lines &a, int64_t first, const line_places &places) {
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
GK_INLINE void load(const gk_fft_lines &a, const line_places &places, gk_complex *x) {
  const gk_fft_pass &pass = a.pass[0];
  each<R>(a, pass, a.in_across, [&](int u, spot s) {
    const int64_t base = places.in[s.line] + (int64_t)s.p * a.in_stride;
    const int64_t across = (int64_t)pass.step * a.in_stride;
    const int32_t reads = places.reads[s.line] - (int32_t)s.p;
    gk_complex *y = x + u * R;
    GK_UNROLL
    for (int j = 0; j < R; j++) {
      y[j] = {0, 0};
      if ((int32_t)(j * pass.step) >= reads) continue;
      const int64_t at = base + j * across;
      if (a.real)
        y[j].re = ((const float *)a.in)[at];
      else
        y[j] = ((const gk_complex *)a.in)[at];
    }
    if (a.in_factor) {
      const int64_t number = places.third[s.line] + (int64_t)s.p * a.in_step;
      GK_UNROLL
      for (int j = 0; j < R; j++)
        if ((int32_t)(j * pass.step) < reads)
          y[j] = gk_times(
              {y[j].re * a.scale_re, y[j].im * a.scale_im},
              ((const gk_complex *)a.in_factor)[number + (int64_t)(j * pass.step) * a.in_step]);
    } else {
      GK_UNROLL
      for (int j = 0; j < R; j++) y[j] = {y[j].re * a.scale_re, y[j].im * a.scale_im};
    }
  });
}

template <int R>
GK_INLINE void transform(const gk_fft_lines &a, const gk_fft_pass &pass, bool across,
                         const gk_complex *roots, gk_complex *x) {
  each<R>(a, pass, across, [&](int u, spot s) {
    gk_dft(gk_radix<R>(), x + u * R);
    if (pass.s == pass.step) return; // the last pass
    const uint32_t e = s.p * pass.s;
    GK_UNROLL
    for (int k = 1; k < R; k++) x[u * R + k] = gk_times(x[u * R + k], root_at(a, roots, e * k));
  });
}

template <int R, bool imaginary>
GK_INLINE void put(const gk_fft_lines &a, const gk_fft_pass &pass, bool across, const gk_complex *x,
                   float *data) {
  each<R>(a, pass, across, [&](int u, spot s) {
    float *line = data + s.line * a.pitch;
    const uint32_t base = s.q + pass.s * R * s.p;
    GK_UNROLL
    for (int k = 0; k < R; k++)
      line[padded(base + k * pass.s)] = imaginary ? x[u * R + k].im : x[u * R + k].re;
  });
}

template <int R, bool imaginary>
GK_INLINE void get(const gk_fft_lines &a, const gk_fft_pass &pass, bool across, const float *data,
                   gk_complex *x) {
  each<R>(a, pass, across, [&](int u, spot s) {
    const float *line = data + s.line * a.pitch;
    const uint32_t base = s.q + pass.s * s.p;
    GK_UNROLL
    for (int j = 0; j < R; j++) {
      const float value = line[padded(base + j * pass.step)];
      (imaginary ? x[u * R + j].im : x[u * R + j].re) = value;
    }
  });
}

// Number k is multiplied by the root of `twist * third * k`: of every four one root is computed, and the others are
// its products with the first three powers of a step.
template <int R>
GK_INLINE void twist(const gk_fft_lines &a, const gk_fft_pass &pass, int64_t third, spot s,
                     gk_complex *y) {
  const double each = a.twist * (double)third;
  gk_complex powers[3];
  if (R > 4) {
    GK_UNROLL
    for (int i = 1; i < 4; i++) powers[i - 1] = gk_root(each * (double)(i * pass.s));
  }
  GK_UNROLL
  for (int k = 0; k < R; k += 4) {
    const gk_complex anchor = gk_root(each * (double)(s.q + k * pass.s));
    y[k] = gk_times(y[k], anchor);
    GK_UNROLL
    for (int i = 1; i < 4 && k + i < R; i++) {
      const gk_complex w = R > 4 ? gk_times(anchor, powers[i - 1])
                                 : gk_root(each * (double)(s.q + (k + i) * pass.s));
      y[k + i] = gk_times(y[k + i], w);
    }
  }
}

template <int R>
GK_INLINE void store(const gk_fft_lines &a, const gk_fft_pass &pass, const line_places &places,
                     gk_complex *x) {
  each<R>(a, pass, a.out_across, [&](int u, spot s) {
    const int64_t base = places.out[s.line] + (int64_t)s.q * a.out_stride;
    const int64_t across = (int64_t)pass.s * a.out_stride;
    const int32_t writes = places.writes[s.line] - (int32_t)s.q;
    gk_complex *y = x + u * R;
    if (a.twist != 0) twist<R>(a, pass, places.third[s.line], s, y);
    if (a.out_factor) {
      const int64_t number = places.third[s.line] + (int64_t)s.q * a.out_step;
      GK_UNROLL
      for (int k = 0; k < R; k++)
        if ((int32_t)(k * pass.s) < writes) {
          y[k] = gk_times(
              {y[k].re, y[k].im * a.factor_sign},
              ((const gk_complex *)a.out_factor)[number + (int64_t)(k * pass.s) * a.out_step]);
        }
    }
    GK_UNROLL
    for (int k = 0; k < R; k++)
      if ((int32_t)(k * pass.s) < writes)
        ((gk_complex *)a.out)[base + k * across] = {y[k].re, y[k].im * a.sign};
  });
}

GK_KERNEL_OF(2, GK_FFT_THREADS, fft_lines, gk_fft_lines) {
  __shared__ float data[GK_FFT_FLOATS];
  __shared__ uint64_t words[GK_FFT_ROOTS + GK_FFT_ROOTS / 16];
  __shared__ int64_t begins[3 * GK_FFT_TILE];
  __shared__ int32_t counts[2 * GK_FFT_TILE];
  gk_complex *const roots = (gk_complex *)words;
  const line_places places = {begins, begins + GK_FFT_TILE, begins + 2 * GK_FFT_TILE, counts,
                              counts + GK_FFT_TILE};
  find_lines(a, (int64_t)blockIdx.x * a.tile, places);
  if (a.passes > 1) make_roots(a, roots);
  __syncthreads();

  gk_complex x[GK_FFT_HELD];
  const uint32_t last = a.passes - 1;
  GK_WITH_RADIX(a.pass[0].radix, load<R>(a, places, x))
  GK_NO_UNROLL
  for (uint32_t i = 0;; i++) {
    const gk_fft_pass &pass = a.pass[i];
    const bool across = i == 0 && a.in_across;
    GK_WITH_RADIX(pass.radix, transform<R>(a, pass, across, roots, x))
    if (i == last) break;
    const gk_fft_pass &next = a.pass[i + 1];
    const bool next_across = i + 1 == last && a.out_across;
    GK_WITH_RADIX(pass.radix, (put<R, false>(a, pass, across, x, data)))
    __syncthreads();
    GK_WITH_RADIX(next.radix, (get<R, false>(a, next, next_across, data, x)))
    __syncthreads();
    GK_WITH_RADIX(pass.radix, (put<R, true>(a, pass, across, x, data)))
    __syncthreads();
    GK_WITH_RADIX(next.radix, (get<R, true>(a, next, next_across, data, x)))
    __syncthreads();
  }
  GK_WITH_RADIX(a.pass[last].radix, store<R>(a, a.pass[last], places, x))
}
