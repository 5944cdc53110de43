// Inner loops of the Fourier transforms: see fft.h.
#include "fft.h"

#include "simd.h"
#if GK_LEVEL >= 2
#include <immintrin.h>
#elif GK_LEVEL == 1
#include <arm_neon.h>
#endif

#if GK_LEVEL == 3
#define LANES 16
#elif GK_LEVEL == 2
#define LANES 8
#else
#define LANES 4
#endif
typedef float vector __attribute__((vector_size(4 * LANES)));
typedef vector vector_unaligned __attribute__((aligned(4)));
typedef struct numbers { // LANES complex ones
  vector r, i;
} numbers;
enum { ELEMENT = 2 * LANES }; // floats

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

// a * b + c, rounded once where the set can.
#if GK_LEVEL == 3
#define FMA(a, b, c) ((vector)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#elif GK_LEVEL == 2
#define FMA(a, b, c) ((vector)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#elif GK_LEVEL == 1
#define FMA(a, b, c) ((vector)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

// x - 0 is x for every x, -0 and NaN included; x + 0 is not.
#define SPLAT(x) ((x) - (vector){0})

// ---- shuffles, written for 4 lanes and repeated in every 16 bytes

#define SHUFFLE __builtin_shufflevector
#define AT(p, block) ((p) % 4 + 4 * (block) + ((p) / 4) * LANES)
#define IN_BLOCK(block, p, q, r, s) AT(p, block), AT(q, block), AT(r, block), AT(s, block)
#define BLOCK(b) 4 * (b), 4 * (b) + 1, 4 * (b) + 2, 4 * (b) + 3
#define REVERSED(b) 4 * (b) + 3, 4 * (b) + 2, 4 * (b) + 1, 4 * (b)
#define PAIRED(b) 2 * (b), LANES + 2 * (b), 2 * (b) + 1, LANES + 2 * (b) + 1
#define STEPS_OF_2(b, odd)                                                                         \
  8 * (b) + (odd), 8 * (b) + 2 + (odd), 8 * (b) + 4 + (odd), 8 * (b) + 6 + (odd)
#if LANES == 16
#define EACH_BLOCK(macro, ...)                                                                     \
  macro(0, __VA_ARGS__), macro(1, __VA_ARGS__), macro(2, __VA_ARGS__), macro(3, __VA_ARGS__)
#define ALL_REVERSED REVERSED(3), REVERSED(2), REVERSED(1), REVERSED(0)
#define PAIRS_LOW PAIRED(0), PAIRED(1), PAIRED(2), PAIRED(3)
#define PAIRS_HIGH PAIRED(4), PAIRED(5), PAIRED(6), PAIRED(7)
#elif LANES == 8
#define EACH_BLOCK(macro, ...) macro(0, __VA_ARGS__), macro(1, __VA_ARGS__)
#define ALL_REVERSED REVERSED(1), REVERSED(0)
#define PAIRS_LOW PAIRED(0), PAIRED(1)
#define PAIRS_HIGH PAIRED(2), PAIRED(3)
#else
#define EACH_BLOCK(macro, ...) macro(0, __VA_ARGS__)
#define ALL_REVERSED REVERSED(0)
#define PAIRS_LOW PAIRED(0)
#define PAIRS_HIGH PAIRED(1)
#endif
#define SHUFFLE_IN_BLOCKS(a, b, ...) SHUFFLE(a, b, EACH_BLOCK(IN_BLOCK, __VA_ARGS__))

INLINE vector load(const float *x) { return *(const vector_unaligned *)x; }
INLINE void store(float *x, vector v) { *(vector_unaligned *)x = v; }
INLINE numbers get(const float *x) { return (numbers){load(x), load(x + LANES)}; }
INLINE void put(float *x, numbers a) {
  store(x, a.r);
  store(x + LANES, a.i);
}
INLINE vector reversed(vector v) { return SHUFFLE(v, v, ALL_REVERSED); }

// Pairs of real and imaginary parts.
INLINE numbers get_pairs(const float *low, const float *high) {
  vector a = load(low), b = load(high);
  return (numbers){SHUFFLE(a, b, EACH_BLOCK(STEPS_OF_2, 0)),
                   SHUFFLE(a, b, EACH_BLOCK(STEPS_OF_2, 1))};
}
INLINE void put_pairs(float *low, float *high, numbers a) {
  store(low, SHUFFLE(a.r, a.i, PAIRS_LOW));
  store(high, SHUFFLE(a.r, a.i, PAIRS_HIGH));
}

// ---- arithmetic

INLINE numbers add(numbers a, numbers b) { return (numbers){a.r + b.r, a.i + b.i}; }
INLINE numbers sub(numbers a, numbers b) { return (numbers){a.r - b.r, a.i - b.i}; }
INLINE numbers mul(numbers a, numbers w) {
  return (numbers){FMA(a.r, w.r, -(a.i * w.i)), FMA(a.r, w.i, a.i * w.r)};
}
INLINE numbers mul_one(numbers a, const float *w) { // all lanes by one number
  return mul(a, (numbers){SPLAT(w[0]), SPLAT(w[1])});
}
INLINE numbers minus_i(numbers a) { return (numbers){a.i, -a.r}; }
INLINE numbers scaled(numbers a, float re, float im) { return (numbers){a.r * re, a.i * im}; }

// Transforms of some numbers, in place and in order.

INLINE void dft_2(numbers *x) {
  numbers a = x[0];
  x[0] = add(a, x[1]);
  x[1] = sub(a, x[1]);
}

INLINE void dft_3(numbers *x) {
  const float sine = 0.866025403784438647f;
  numbers sum = add(x[1], x[2]), turned = minus_i(scaled(sub(x[1], x[2]), sine, sine));
  numbers middle = {FMA(sum.r, SPLAT(-0.5f), x[0].r), FMA(sum.i, SPLAT(-0.5f), x[0].i)};
  x[0] = add(x[0], sum);
  x[1] = add(middle, turned);
  x[2] = sub(middle, turned);
}

INLINE void dft_4(numbers *x) {
  numbers a = add(x[0], x[2]), b = sub(x[0], x[2]);
  numbers c = add(x[1], x[3]), d = minus_i(sub(x[1], x[3]));
  x[0] = add(a, c);
  x[1] = add(b, d);
  x[2] = sub(a, c);
  x[3] = sub(b, d);
}

INLINE vector combine(vector a, float p, vector b, float q) { return FMA(a, SPLAT(p), b * q); }

INLINE void dft_5(numbers *x) {
  const float c1 = 0.309016994374947424f, c2 = -0.809016994374947424f;
  const float s1 = 0.951056516295153572f, s2 = 0.587785252292473129f;
  numbers a = add(x[1], x[4]), b = add(x[2], x[3]), d = sub(x[1], x[4]), e = sub(x[2], x[3]);
  numbers p = {x[0].r + combine(a.r, c1, b.r, c2), x[0].i + combine(a.i, c1, b.i, c2)};
  numbers q = {x[0].r + combine(a.r, c2, b.r, c1), x[0].i + combine(a.i, c2, b.i, c1)};
  numbers u = minus_i((numbers){combine(d.r, s1, e.r, s2), combine(d.i, s1, e.i, s2)});
  numbers v = minus_i((numbers){combine(d.r, s2, e.r, -s1), combine(d.i, s2, e.i, -s1)});
  x[0] = add(x[0], add(a, b));
  x[1] = add(p, u);
  x[2] = add(q, v);
  x[3] = sub(q, v);
  x[4] = sub(p, u);
}

INLINE numbers turn_eighth(numbers a) { // times exp(-2 pi i / 8)
  const float half = 0.707106781186547524f;
  return (numbers){(a.r + a.i) * half, (a.i - a.r) * half};
}

INLINE void dft_8(numbers *x) {
  numbers a[4] = {x[0], x[2], x[4], x[6]}, b[4] = {x[1], x[3], x[5], x[7]};
  dft_4(a);
  dft_4(b);
  b[1] = turn_eighth(b[1]);
  b[2] = minus_i(b[2]);
  b[3] = minus_i(turn_eighth(b[3]));
  UNROLL for (int k = 0; k < 4; k++) {
    x[k] = add(a[k], b[k]);
    x[k + 4] = sub(a[k], b[k]);
  }
}

#if LANES == 16
INLINE void dft_16(numbers *x) {
  static const float w[2] = {0.923879532511286756f, -0.382683432365089772f};
  static const float w3[2] = {0.382683432365089772f, -0.923879532511286756f};
  static const float w9[2] = {-0.923879532511286756f, 0.382683432365089772f};
  UNROLL for (int j = 0; j < 4; j++) {
    numbers a[4] = {x[j], x[j + 4], x[j + 8], x[j + 12]};
    dft_4(a);
    UNROLL for (int k = 0; k < 4; k++) x[j + 4 * k] = a[k];
  }
  x[5] = mul_one(x[5], w);
  x[6] = turn_eighth(x[6]);
  x[7] = mul_one(x[7], w3);
  x[9] = turn_eighth(x[9]);
  x[10] = minus_i(x[10]);
  x[11] = minus_i(turn_eighth(x[11]));
  x[13] = mul_one(x[13], w3);
  x[14] = minus_i(turn_eighth(x[14]));
  x[15] = mul_one(x[15], w9);
  numbers y[16];
  UNROLL for (int k = 0; k < 4; k++) {
    dft_4(x + 4 * k);
    UNROLL for (int l = 0; l < 4; l++) y[k + 4 * l] = x[4 * k + l];
  }
  UNROLL for (int k = 0; k < 16; k++) x[k] = y[k];
}
#endif

// ---- passes

#define PASS(R)                                                                                    \
  static void first_##R(int64_t m, const gk_fft_input *in, const float *twiddles, float *out) {    \
    const float *low = in->low, *high = in->high;                                                  \
    const int64_t step = in->step;                                                                 \
    const float re = in->re, im = in->im;                                                          \
    for (int64_t p = 0; p < m; p++) {                                                              \
      numbers x[R];                                                                                \
      UNROLL for (int j = 0; j < R; j++) {                                                         \
        const int64_t at = (p + m * j) * step;                                                     \
        x[j] = scaled(get_pairs(low + at, high + at), re, im);                                     \
      }                                                                                            \
      dft_##R(x);                                                                                  \
      put(out, x[0]);                                                                              \
      UNROLL for (int k = 1; k < R; k++)                                                           \
          put(out + k * ELEMENT, mul_one(x[k], twiddles + 2 * k - 2));                             \
      twiddles += 2 * (R - 1);                                                                     \
      out += R * ELEMENT;                                                                          \
    }                                                                                              \
  }                                                                                                \
  static void pass_##R(int64_t m, int64_t s, const float *in, const float *twiddles, float *out) { \
    const int64_t across = m * s * ELEMENT, along = s * ELEMENT;                                   \
    if (m == 1) {                                                                                  \
      for (int64_t q = 0; q < along; q += ELEMENT) {                                               \
        numbers x[R];                                                                              \
        UNROLL for (int j = 0; j < R; j++) x[j] = get(in + q + j * along);                         \
        dft_##R(x);                                                                                \
        UNROLL for (int k = 0; k < R; k++) put(out + q + k * along, x[k]);                         \
      }                                                                                            \
      return;                                                                                      \
    }                                                                                              \
    for (int64_t p = 0; p < m; p++) {                                                              \
      for (int64_t q = 0; q < along; q += ELEMENT) {                                               \
        numbers x[R];                                                                              \
        UNROLL for (int j = 0; j < R; j++) x[j] = get(in + q + j * across);                        \
        dft_##R(x);                                                                                \
        put(out + q, x[0]);                                                                        \
        UNROLL for (int k = 1; k < R; k++)                                                         \
            put(out + q + k * along, mul_one(x[k], twiddles + 2 * k - 2));                         \
      }                                                                                            \
      twiddles += 2 * (R - 1);                                                                     \
      in += along;                                                                                 \
      out += R * along;                                                                            \
    }                                                                                              \
  }

PASS(2)
PASS(3)
PASS(4)
PASS(5)
PASS(8)

// By sums and differences of x[j] and x[radix - j], whose factors are real.
static void odd(int radix, int64_t m, int64_t s, const float *in, const float *twiddles,
                const float *roots, float *out) {
  enum { HALF = GK_FFT_MAX_RADIX / 2 };
  const int half = radix / 2;
  const int64_t across = m * s * ELEMENT, along = s * ELEMENT;
  numbers sum[HALF], difference[HALF];
  for (int64_t p = 0; p < m; p++, in += along, out += radix * along) {
    const float *w = twiddles + p * 2 * (radix - 1);
    for (int64_t q = 0; q < along; q += ELEMENT) {
      const float *x = in + q;
      float *y = out + q;
      const numbers first = get(x);
      numbers all = first;
      for (int j = 0; j < half; j++) {
        const numbers a = get(x + (j + 1) * across), b = get(x + (radix - 1 - j) * across);
        sum[j] = add(a, b);
        difference[j] = minus_i(sub(a, b));
        all = add(all, sum[j]);
      }
      put(y, all);
      const float *root = roots;
      for (int k = 1; k <= half; k++) {
        numbers even = first, uneven = {{0}, {0}};
        for (int j = 0; j < half; j++, root += 2) {
          const vector cosine = SPLAT(root[0]), sine = SPLAT(root[1]);
          even = (numbers){FMA(sum[j].r, cosine, even.r), FMA(sum[j].i, cosine, even.i)};
          uneven =
              (numbers){FMA(difference[j].r, sine, uneven.r), FMA(difference[j].i, sine, uneven.i)};
        }
        numbers a = add(even, uneven), b = sub(even, uneven);
        if (m > 1) {
          a = mul_one(a, w + 2 * (k - 1));
          b = mul_one(b, w + 2 * (radix - k - 1));
        }
        put(y + k * along, a);
        put(y + (radix - k) * along, b);
      }
    }
  }
}

static void split(int64_t n, const gk_fft_input *in, float *out) {
  for (int64_t j = 0; j < n; j++)
    put(out + j * ELEMENT,
        scaled(get_pairs(in->low + j * in->step, in->high + j * in->step), in->re, in->im));
}

static void join(int64_t n, const float *in, float sign, float *out) {
  for (int64_t j = 0; j < n; j++, in += ELEMENT, out += ELEMENT)
    put_pairs(out, out + LANES, scaled(get(in), 1, sign));
}

static void twist(int64_t n, const float *in, const float *coarse, const float *fine, float *out,
                  int64_t step) {
  for (int64_t j = 0; j < n; j++, in += ELEMENT, coarse += 2, fine += ELEMENT, out += step)
    put_pairs(out, out + LANES, mul(get(in), mul_one(get(fine), coarse)));
}

// ---- across lanes

// Transposes every group x group block of the lanes of x[0] to x[group - 1].
#if LANES == 4
INLINE void transpose_2(vector *x) {
  vector a = x[0], b = x[1];
  x[0] = SHUFFLE_IN_BLOCKS(a, b, 0, 4, 2, 6);
  x[1] = SHUFFLE_IN_BLOCKS(a, b, 1, 5, 3, 7);
}
#endif
INLINE void transpose_4(vector *x) {
  vector a = SHUFFLE_IN_BLOCKS(x[0], x[1], 0, 4, 1, 5);
  vector b = SHUFFLE_IN_BLOCKS(x[0], x[1], 2, 6, 3, 7);
  vector c = SHUFFLE_IN_BLOCKS(x[2], x[3], 0, 4, 1, 5);
  vector d = SHUFFLE_IN_BLOCKS(x[2], x[3], 2, 6, 3, 7);
  x[0] = SHUFFLE_IN_BLOCKS(a, c, 0, 1, 4, 5);
  x[1] = SHUFFLE_IN_BLOCKS(a, c, 2, 3, 6, 7);
  x[2] = SHUFFLE_IN_BLOCKS(b, d, 0, 1, 4, 5);
  x[3] = SHUFFLE_IN_BLOCKS(b, d, 2, 3, 6, 7);
}
#if LANES == 8
#define EVEN_BLOCKS BLOCK(0), BLOCK(2)
#define ODD_BLOCKS BLOCK(1), BLOCK(3)
#elif LANES == 16
#define EVEN_BLOCKS BLOCK(0), BLOCK(4), BLOCK(2), BLOCK(6)
#define ODD_BLOCKS BLOCK(1), BLOCK(5), BLOCK(3), BLOCK(7)
#endif
#if LANES >= 8
INLINE void transpose_8(vector *x) {
  transpose_4(x);
  transpose_4(x + 4);
  UNROLL for (int i = 0; i < 4; i++) {
    vector a = x[i], b = x[i + 4];
    x[i] = SHUFFLE(a, b, EVEN_BLOCKS);
    x[i + 4] = SHUFFLE(a, b, ODD_BLOCKS);
  }
}
#endif
#if LANES == 16
INLINE void transpose_16(vector *x) {
  UNROLL for (int i = 0; i < 16; i += 4) transpose_4(x + i);
  UNROLL for (int i = 0; i < 4; i++) {
    vector a = SHUFFLE(x[i], x[i + 4], BLOCK(0), BLOCK(1), BLOCK(4), BLOCK(5));
    vector b = SHUFFLE(x[i], x[i + 4], BLOCK(2), BLOCK(3), BLOCK(6), BLOCK(7));
    vector c = SHUFFLE(x[i + 8], x[i + 12], BLOCK(0), BLOCK(1), BLOCK(4), BLOCK(5));
    vector d = SHUFFLE(x[i + 8], x[i + 12], BLOCK(2), BLOCK(3), BLOCK(6), BLOCK(7));
    x[i] = SHUFFLE(a, c, BLOCK(0), BLOCK(2), BLOCK(4), BLOCK(6));
    x[i + 4] = SHUFFLE(a, c, BLOCK(1), BLOCK(3), BLOCK(5), BLOCK(7));
    x[i + 8] = SHUFFLE(b, d, BLOCK(0), BLOCK(2), BLOCK(4), BLOCK(6));
    x[i + 12] = SHUFFLE(b, d, BLOCK(1), BLOCK(3), BLOCK(5), BLOCK(7));
  }
}
#endif

// The last group begins earlier where m is no multiple: some results are written twice.
#define FINISH(G)                                                                                  \
  static void finish_##G(int64_t m, const float *in, const float *twiddles, float sign,            \
                         float *low, float *high) {                                                \
    for (int64_t next = 0; next < m; next += G) {                                                  \
      const int64_t k = next + G <= m ? next : m - G;                                              \
      vector re[G], im[G];                                                                         \
      UNROLL for (int i = 0; i < G; i++) {                                                         \
        const int64_t at = (k + i) * ELEMENT;                                                      \
        const numbers a = mul(get(in + at), get(twiddles + at));                                   \
        re[i] = a.r;                                                                               \
        im[i] = a.i;                                                                               \
      }                                                                                            \
      transpose_##G(re);                                                                           \
      transpose_##G(im);                                                                           \
      numbers x[G];                                                                                \
      UNROLL for (int i = 0; i < G; i++) x[i] = (numbers){re[i], im[i]};                           \
      dft_##G(x);                                                                                  \
      UNROLL for (int i = 0; i < G; i++)                                                           \
          put_pairs(low + 2 * (i * m + k), high + 2 * (i * m + k), scaled(x[i], 1, sign));         \
    }                                                                                              \
  }

#if LANES == 16
FINISH(16)
FINISH(8)
#define FINISHES {finish_16, finish_8}
#elif LANES == 8
FINISH(8)
FINISH(4)
#define FINISHES {finish_8, finish_4}
#else
FINISH(4)
FINISH(2)
#define FINISHES {finish_4, finish_2}
#endif

// ---- rows of pairs

static void multiply(int64_t n, const float *x, float in_re, float in_im, const float *w,
                     float out_sign, float *out) {
  int64_t j = 0;
  for (; j + LANES <= n; j += LANES, x += ELEMENT, w += ELEMENT, out += ELEMENT) {
    numbers a = scaled(get_pairs(x, x + LANES), in_re, in_im);
    put_pairs(out, out + LANES, scaled(mul(a, get_pairs(w, w + LANES)), 1, out_sign));
  }
  for (; j < n; j++, x += 2, w += 2, out += 2) {
    const float re = x[0] * in_re, im = x[1] * in_im;
    out[0] = re * w[0] - im * w[1];
    out[1] = (re * w[1] + im * w[0]) * out_sign;
  }
}

// Numbers k and m - k of what goes in give numbers k and m - k of what comes out: with E = (a + conj b)
// * half and P = w (a - conj b) * 2 half, these are E + P and conj(E - P); w is t[k] or its conjugate.
INLINE void mirror_one(int64_t m, int64_t k, const float *in, const float *t, float sign,
                       float half, float *out) {
  const float *a = in + 2 * k, *b = in + 2 * (m - k);
  const float wr = t[2 * k] * 2 * half, wi = t[2 * k + 1] * 2 * half * sign;
  const float er = (a[0] + b[0]) * half, ei = (a[1] - b[1]) * half;
  const float dr = a[0] - b[0], di = a[1] + b[1];
  const float pr = dr * wr - di * wi, pi = dr * wi + di * wr;
  out[2 * k] = er + pr;
  out[2 * k + 1] = ei + pi;
  out[2 * (m - k)] = er - pr;
  out[2 * (m - k) + 1] = pi - ei;
}

INLINE void mirror(int64_t m, const float *in, const float *t, float sign, float half, float *out) {
  const int64_t last = m / 2; // its own mirror where m is even
  if (last < LANES) {
    for (int64_t k = 1; k <= last; k++) mirror_one(m, k, in, t, sign, half, out);
    return;
  }
  for (int64_t next = 1; next <= last; next += LANES) {
    const int64_t k = next + LANES - 1 <= last ? next : last - LANES + 1;
    const int64_t at = 2 * k, back = 2 * (m - k - LANES + 1);
    const numbers a = get_pairs(in + at, in + at + LANES);
    const numbers c = get_pairs(in + back, in + back + LANES);
    const numbers b = {reversed(c.r), reversed(c.i)};
    const numbers w = scaled(get_pairs(t + at, t + at + LANES), 2 * half, 2 * half * sign);
    const numbers e = {(a.r + b.r) * half, (a.i - b.i) * half};
    const numbers p = mul((numbers){a.r - b.r, a.i + b.i}, w);
    put_pairs(out + at, out + at + LANES, add(e, p));
    put_pairs(out + back, out + back + LANES, (numbers){reversed(e.r - p.r), reversed(p.i - e.i)});
  }
}

static void unfold(int64_t m, const float *z, const float *t, float *x) {
  x[0] = z[0] + z[1];
  x[2 * m] = z[0] - z[1];
  x[1] = x[2 * m + 1] = 0;
  mirror(m, z, t, 1, 0.5f, x);
}

static void fold(int64_t m, const float *x, const float *t, float *z) {
  z[0] = x[0] + x[2 * m];
  z[1] = x[0] - x[2 * m];
  mirror(m, x, t, -1, 1, z);
}

#define RADICES(kind)                                                                              \
  {[2] = kind##_2, [3] = kind##_3, [4] = kind##_4, [5] = kind##_5, [8] = kind##_8}

const gk_fft_kernels GK_NAME(gk_fft_table) = {
    .lanes = LANES,
    .first = RADICES(first),
    .pass = RADICES(pass),
    .odd = odd,
    .split = split,
    .join = join,
    .finish = FINISHES,
    .multiply = multiply,
    .twist = twist,
    .unfold = unfold,
    .fold = fold,
};
