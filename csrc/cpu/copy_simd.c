// Contiguous conversions between dtypes, and transposition of tiles. Scalar twins of the float16
// and bfloat16 conversions are in core/dtype.c and agree bit for bit, NaN payloads included.
#include <math.h>
#include <string.h>

#include "copy.h"
#include "float_function.h"
#include "simd.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define CAST(name, From, To, expression)                                                           \
  static void name(int64_t n, const void *in, void *out) {                                         \
    const From *a = in;                                                                            \
    To *o = out;                                                                                   \
    GK_VECTORIZE                                                                                   \
    for (int64_t i = 0; i < n; i++) {                                                              \
      From x = a[i];                                                                               \
      o[i] = (To)(expression);                                                                     \
    }                                                                                              \
  }

// ---- equal sizes, and integers into integers (the sign of the target does not matter)

static void copy8(int64_t n, const void *in, void *out) { memmove(out, in, (size_t)n); }
static void copy16(int64_t n, const void *in, void *out) { memmove(out, in, (size_t)n * 2); }
static void copy32(int64_t n, const void *in, void *out) { memmove(out, in, (size_t)n * 4); }
static void copy64(int64_t n, const void *in, void *out) { memmove(out, in, (size_t)n * 8); }

CAST(i16_to_8, uint16_t, uint8_t, x)
CAST(i32_to_8, uint32_t, uint8_t, x)
CAST(i64_to_8, uint64_t, uint8_t, x)
CAST(i32_to_16, uint32_t, uint16_t, x)
CAST(i64_to_16, uint64_t, uint16_t, x)
CAST(i64_to_32, uint64_t, uint32_t, x)
CAST(s8_to_16, int8_t, int16_t, x)
CAST(s8_to_32, int8_t, int32_t, x)
CAST(s8_to_64, int8_t, int64_t, x)
CAST(s16_to_32, int16_t, int32_t, x)
CAST(s16_to_64, int16_t, int64_t, x)
CAST(s32_to_64, int32_t, int64_t, x)
CAST(u8_to_16, uint8_t, uint16_t, x)
CAST(u8_to_32, uint8_t, uint32_t, x)
CAST(u8_to_64, uint8_t, uint64_t, x)
CAST(u16_to_32, uint16_t, uint32_t, x)
CAST(u16_to_64, uint16_t, uint64_t, x)
CAST(u32_to_64, uint32_t, uint64_t, x)

// ---- to bool

CAST(i8_to_bool, uint8_t, uint8_t, x != 0)
CAST(i16_to_bool, uint16_t, uint8_t, x != 0)
CAST(i32_to_bool, uint32_t, uint8_t, x != 0)
CAST(i64_to_bool, uint64_t, uint8_t, x != 0)
CAST(half_to_bool, uint16_t, uint8_t, (x & 0x7fff) != 0) // float16 and bfloat16
CAST(f32_to_bool, float, uint8_t, x != 0)
CAST(f64_to_bool, double, uint8_t, x != 0)
CAST(c64_to_bool, gk_complex64, uint8_t, (x.re != 0) | (x.im != 0))

// ---- between integers and floats
//
// A float goes into [low, below] first, where `below` is the largest float within the integer's
// range, so that the conversion is always defined; then the rest of the range is put right.
#define SATURATE(F, Integer, low, below, maximum)                                                  \
  ((x != x)           ? (Integer)0                                                                 \
   : (x > (F)(below)) ? (Integer)(maximum)                                                         \
                      : (Integer)(x > (F)(low) ? (x < (F)(below) ? x : (F)(below)) : (F)(low)))

#define BETWEEN(name, Integer, low, maximum, below32, below64)                                     \
  CAST(name##_to_f32, Integer, float, x)                                                           \
  CAST(name##_to_f64, Integer, double, x)                                                          \
  CAST(f32_to_##name, float, Integer, SATURATE(float, Integer, low, below32, maximum))             \
  CAST(f64_to_##name, double, Integer, SATURATE(double, Integer, low, below64, maximum))
BETWEEN(s8, int8_t, INT8_MIN, INT8_MAX, 127, 127)
BETWEEN(u8, uint8_t, 0, UINT8_MAX, 255, 255)
BETWEEN(s16, int16_t, INT16_MIN, INT16_MAX, 32767, 32767)
BETWEEN(u16, uint16_t, 0, UINT16_MAX, 65535, 65535)
BETWEEN(s32, int32_t, INT32_MIN, INT32_MAX, 0x1.fffffep30f, 2147483647)
BETWEEN(u32, uint32_t, 0, UINT32_MAX, 0x1.fffffep31f, 4294967295.0)
BETWEEN(s64, int64_t, INT64_MIN, INT64_MAX, 0x1.fffffep62f, 0x1.fffffffffffffp62)
BETWEEN(u64, uint64_t, 0, UINT64_MAX, 0x1.fffffep63f, 0x1.fffffffffffffp63)

// ---- between floats

CAST(f32_to_f64, float, double, x)
CAST(f64_to_f32, double, float, x)
CAST(bf16_to_f32, uint16_t, float, float_of((uint32_t)x << 16))

static inline uint16_t bfloat_of(float x) {
  uint32_t u = bits_of(x);
  uint32_t rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;
  uint32_t quiet = u >> 16 | 0x40;
  return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}
CAST(f32_to_bf16, float, uint16_t, bfloat_of(x))

static inline float to_odd(double x) {
  float f = (float)x;
  double back = (double)f;
  uint32_t u = bits_of(f);
  uint32_t away = fabs(back) > fabs(x);
  uint32_t odd = (u - away) | 1;
  uint32_t exact = (back == x) | (x != x);
  return float_of(exact ? u : odd);
}
CAST(f64_to_odd_f32, double, float, to_odd(x))

static inline float half_widen(uint16_t h) {
  uint32_t magnitude = h & 0x7fffu;
  uint32_t normal = (magnitude << 13) + (112u << 23);
  uint32_t special = 0x7f800000u | (magnitude & 0x3ff) << 13 | (magnitude > 0x7c00 ? 0x400000u : 0);
  uint32_t small = bits_of((float)(int32_t)magnitude * 0x1p-24f);
  uint32_t u = magnitude >= 0x7c00 ? special : magnitude >= 0x400 ? normal : small;
  return float_of(u | (uint32_t)(h & 0x8000) << 16);
}

static inline uint16_t half_narrow(float x) {
  uint32_t u = bits_of(x), magnitude = u & 0x7fffffffu;
  uint32_t normal = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
  // Below 2^-14: adding 0.5 makes float's own rounding cut at 2^-24.
  uint32_t small = bits_of(float_of(magnitude) + 0.5f) - 0x3f000000u;
  uint32_t nan = 0x7e00 | (magnitude >> 13 & 0x3ff);
  uint32_t h = magnitude < 0x38800000u ? small : normal;
  h = magnitude >= 0x477ff000u ? 0x7c00 : h; // from 65520 on
  h = magnitude > 0x7f800000u ? nan : h;
  return (uint16_t)(h | (u >> 16 & 0x8000));
}

static void f16_to_f32(int64_t n, const void *in, void *out) {
  const uint16_t *a = in;
  float *o = out;
  int64_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(o + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(a + i))));
#elif defined(__aarch64__)
  for (; i + 4 <= n; i += 4) vst1q_f32(o + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(a + i))));
#endif
  GK_VECTORIZE
  for (int64_t k = i; k < n; k++) o[k] = half_widen(a[k]);
}

static void f32_to_f16(int64_t n, const void *in, void *out) {
  const float *a = in;
  uint16_t *o = out;
  int64_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128((__m128i *)(o + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(a + i), _MM_FROUND_TO_NEAREST_INT));
#elif defined(__aarch64__)
  for (; i + 4 <= n; i += 4) vst1_u16(o + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(a + i))));
#endif
  GK_VECTORIZE
  for (int64_t k = i; k < n; k++) o[k] = half_narrow(a[k]);
}

CAST(c64_to_f32, gk_complex64, float, x.re)
static void f32_to_c64(int64_t n, const void *in, void *out) {
  const float *a = in;
  float *o = out;
  GK_VECTORIZE
  for (int64_t i = 0; i < n; i++) {
    o[2 * i] = a[i];
    o[2 * i + 1] = 0;
  }
}

// ---- gathers worth a loop of their own

#define GATHER(name, T, stride)                                                                    \
  static void name(int64_t n, const void *in, void *out) {                                         \
    const T *a = in;                                                                               \
    T *o = out;                                                                                    \
    GK_VECTORIZE                                                                                   \
    for (int64_t i = 0; i < n; i++) o[i] = a[stride * i];                                          \
  }
#define GATHERS(bytes, T)                                                                          \
  GATHER(backwards##bytes, T, -1)                                                                  \
  GATHER(second##bytes, T, 2)                                                                      \
  GATHER(third##bytes, T, 3)                                                                       \
  GATHER(fourth##bytes, T, 4)
GATHERS(1, uint8_t)
GATHERS(2, uint16_t)
GATHERS(4, uint32_t)
GATHERS(8, uint64_t)
#define BY_BYTES(name) {[1] = name##1, [2] = name##2, [4] = name##4, [8] = name##8}

// ---- transposition
//
// Tiles of as many rows and columns as a vector has elements: log2 of that many rounds of
// interleaving the halves of the tile's rows transpose it. The tile runs down a strip as wide
// as one vector, so that the output advances along whole rows.

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

#define LOW2 0, 2
#define HIGH2 1, 3
#define LOW4 0, 4, 1, 5
#define HIGH4 2, 6, 3, 7
#define LOW8 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH8 4, 12, 5, 13, 6, 14, 7, 15
#define LOW16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

#define TRANSPOSE(name, Element, bytes, lanes, rounds, LOW, HIGH)                                  \
  typedef Element name##_vector __attribute__((vector_size(bytes)));                               \
  typedef name##_vector name##_unaligned __attribute__((aligned(sizeof(Element))));                \
  static inline __attribute__((always_inline)) void name##_tile(                                   \
      const Element *in, int64_t in_stride, Element *out, int64_t out_stride) {                    \
    name##_vector v[lanes], w[lanes];                                                              \
    for (int i = 0; i < lanes; i++) v[i] = *(const name##_unaligned *)(in + i * in_stride);        \
    for (int round = 0; round < rounds; round++) {                                                 \
      for (int i = 0; i < lanes / 2; i++) {                                                        \
        w[2 * i] = __builtin_shufflevector(v[i], v[i + lanes / 2], LOW);                           \
        w[2 * i + 1] = __builtin_shufflevector(v[i], v[i + lanes / 2], HIGH);                      \
      }                                                                                            \
      for (int i = 0; i < lanes; i++) v[i] = w[i];                                                 \
    }                                                                                              \
    for (int i = 0; i < lanes; i++) *(name##_unaligned *)(out + i * out_stride) = v[i];            \
  }                                                                                                \
  static void name(int64_t rows, int64_t columns, const void *from, int64_t in_stride, void *to,   \
                   int64_t out_stride) {                                                           \
    const Element *in = from;                                                                      \
    Element *out = to;                                                                             \
    if (rows < lanes || columns < lanes) {                                                         \
      for (int64_t r = 0; r < rows; r++)                                                           \
        for (int64_t c = 0; c < columns; c++) out[c * out_stride + r] = in[r * in_stride + c];     \
      return;                                                                                      \
    }                                                                                              \
    for (int64_t c = 0; c < columns; c += lanes) {                                                 \
      if (c > columns - lanes) c = columns - lanes;                                                \
      for (int64_t r = 0; r < rows; r += lanes) {                                                  \
        if (r > rows - lanes) r = rows - lanes;                                                    \
        name##_tile(in + r * in_stride + c, in_stride, out + c * out_stride + r, out_stride);      \
      }                                                                                            \
    }                                                                                              \
  }

TRANSPOSE(transpose1, uint8_t, 16, 16, 4, LOW16, HIGH16)
TRANSPOSE(transpose2, uint16_t, 16, 8, 3, LOW8, HIGH8)
#if VECTOR_BYTES == 64
TRANSPOSE(transpose4, uint32_t, 64, 16, 4, LOW16, HIGH16)
TRANSPOSE(transpose8, uint64_t, 64, 8, 3, LOW8, HIGH8)
#elif VECTOR_BYTES == 32
TRANSPOSE(transpose4, uint32_t, 32, 8, 3, LOW8, HIGH8)
TRANSPOSE(transpose8, uint64_t, 32, 4, 2, LOW4, HIGH4)
#else
TRANSPOSE(transpose4, uint32_t, 16, 4, 2, LOW4, HIGH4)
TRANSPOSE(transpose8, uint64_t, 16, 2, 1, LOW2, HIGH2)
#endif

// ---- streaming

// With the widest stores that there are: a line written by four stores of 16 bytes took twice as long as
// one written by one store of 64.
static void stream_lines(int64_t n, const void *in, void *out) {
#if defined(__AVX512F__)
  for (int64_t i = 0; i < n; i++)
    _mm512_stream_si512((__m512i *)out + i, _mm512_loadu_si512((const __m512i *)in + i));
#elif defined(__AVX__)
  for (int64_t i = 0; i < 2 * n; i++)
    _mm256_stream_si256((__m256i *)out + i, _mm256_loadu_si256((const __m256i *)in + i));
#elif defined(__x86_64__) || defined(_M_X64)
  for (int64_t i = 0; i < 4 * n; i++)
    _mm_stream_si128((__m128i *)out + i, _mm_loadu_si128((const __m128i *)in + i));
#else
  memcpy(out, in, (size_t)n * 64);
#endif
}

// ---- the table

// From an integer of `width` bits, whose wider forms extend by sign or zeros.
#define FROM8(s, f)                                                                                \
  [GK_bool] = i8_to_bool, [GK_int8] = copy8, [GK_uint8] = copy8, [GK_int16] = s##8_to_16,          \
  [GK_uint16] = s##8_to_16, [GK_int32] = s##8_to_32, [GK_uint32] = s##8_to_32,                     \
  [GK_int64] = s##8_to_64, [GK_uint64] = s##8_to_64, [GK_float32] = f##_to_f32,                    \
  [GK_float64] = f##_to_f64
#define FROM16(s, f)                                                                               \
  [GK_bool] = i16_to_bool, [GK_int8] = i16_to_8, [GK_uint8] = i16_to_8, [GK_int16] = copy16,       \
  [GK_uint16] = copy16, [GK_int32] = s##16_to_32, [GK_uint32] = s##16_to_32,                       \
  [GK_int64] = s##16_to_64, [GK_uint64] = s##16_to_64, [GK_float32] = f##_to_f32,                  \
  [GK_float64] = f##_to_f64
#define FROM32(s, f)                                                                               \
  [GK_bool] = i32_to_bool, [GK_int8] = i32_to_8, [GK_uint8] = i32_to_8, [GK_int16] = i32_to_16,    \
  [GK_uint16] = i32_to_16, [GK_int32] = copy32, [GK_uint32] = copy32, [GK_int64] = s##32_to_64,    \
  [GK_uint64] = s##32_to_64, [GK_float32] = f##_to_f32, [GK_float64] = f##_to_f64
#define FROM64(s, f)                                                                               \
  [GK_bool] = i64_to_bool, [GK_int8] = i64_to_8, [GK_uint8] = i64_to_8, [GK_int16] = i64_to_16,    \
  [GK_uint16] = i64_to_16, [GK_int32] = i64_to_32, [GK_uint32] = i64_to_32, [GK_int64] = copy64,   \
  [GK_uint64] = copy64, [GK_float32] = f##_to_f32, [GK_float64] = f##_to_f64
#define FROM_FLOAT(f)                                                                              \
  [GK_bool] = f##_to_bool, [GK_int8] = f##_to_s8, [GK_uint8] = f##_to_u8, [GK_int16] = f##_to_s16, \
  [GK_uint16] = f##_to_u16, [GK_int32] = f##_to_s32, [GK_uint32] = f##_to_u32,                     \
  [GK_int64] = f##_to_s64, [GK_uint64] = f##_to_u64

const gk_copy_kernels GK_NAME(gk_copy_table) = {
    .stream_lines = stream_lines,
    .cast =
        {
            [GK_bool] = {FROM8(u, u8)},
            [GK_int8] = {FROM8(s, s8)},
            [GK_uint8] = {FROM8(u, u8)},
            [GK_int16] = {FROM16(s, s16)},
            [GK_uint16] = {FROM16(u, u16)},
            [GK_int32] = {FROM32(s, s32)},
            [GK_uint32] = {FROM32(u, u32)},
            [GK_int64] = {FROM64(s, s64)},
            [GK_uint64] = {FROM64(u, u64)},
            [GK_float16] = {[GK_bool] = half_to_bool,
                            [GK_float16] = copy16,
                            [GK_float32] = f16_to_f32},
            [GK_bfloat16] = {[GK_bool] = half_to_bool,
                             [GK_bfloat16] = copy16,
                             [GK_float32] = bf16_to_f32},
            [GK_float32] = {FROM_FLOAT(f32), [GK_float16] = f32_to_f16, [GK_bfloat16] = f32_to_bf16,
                            [GK_float32] = copy32, [GK_float64] = f32_to_f64,
                            [GK_complex64] = f32_to_c64},
            [GK_float64] = {FROM_FLOAT(f64), [GK_float32] = f64_to_f32, [GK_float64] = copy64},
            [GK_complex64] = {[GK_bool] = c64_to_bool,
                              [GK_float32] = c64_to_f32,
                              [GK_complex64] = copy64},
        },
    .to_odd = f64_to_odd_f32,
    .gather = {BY_BYTES(backwards), BY_BYTES(second), BY_BYTES(third), BY_BYTES(fourth)},
    .transpose = BY_BYTES(transpose),
};
