// Contiguous loops of every elementwise op and dtype, left to the compiler to vectorise. Integers
// wrap, and so are computed unsigned; bool elements are 0 or 1.
//
// Functions of one float (exp, sin) are `name32` and `name64` of a header of their own.
#include <math.h>
#include <string.h>

#include "elementwise.h"
#include "exponential.h"
#include "simd.h"
#include "trigonometry.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

#define LOOP(name, A, B, C, R, prepare, expression)                                                \
  static void name(int64_t n, const void *pa, const void *pb, const void *pc, void *po) {          \
    const A *a_ = pa;                                                                              \
    const B *b_ = pb;                                                                              \
    const C *c_ = pc;                                                                              \
    R *o_ = po;                                                                                    \
    (void)b_;                                                                                      \
    (void)c_;                                                                                      \
    GK_VECTORIZE                                                                                   \
    for (int64_t i = 0; i < n; i++) {                                                              \
      prepare;                                                                                     \
      o_[i] = (R)(expression);                                                                     \
    }                                                                                              \
  }
#define UNARY(name, T, R, expression) LOOP(name, T, T, T, R, T x = a_[i], expression)
#define BINARY(name, T, R, expression) LOOP(name, T, T, T, R, T a = a_[i]; T b = b_[i], expression)
#define TERNARY(name, A, T, R, expression)                                                         \
  LOOP(name, A, T, T, R, A a = a_[i]; T b = b_[i]; T c = c_[i], expression)

// ---- what does not depend on the sign: T in, W wide enough not to be promoted to int

#define MODULAR(bits, T, W)                                                                        \
  static void copy_u##bits(int64_t n, const void *a, const void *b, const void *c, void *out) {    \
    (void)b;                                                                                       \
    (void)c;                                                                                       \
    memmove(out, a, (size_t)n * sizeof(T));                                                        \
  }                                                                                                \
  UNARY(neg_u##bits, T, T, (W)0 - x)                                                               \
  UNARY(square_u##bits, T, T, (W)x *x)                                                             \
  BINARY(add_u##bits, T, T, (W)a + b)                                                              \
  BINARY(sub_u##bits, T, T, (W)a - b)                                                              \
  BINARY(mul_u##bits, T, T, (W)a *b)                                                               \
  BINARY(equal_u##bits, T, uint8_t, a == b)                                                        \
  BINARY(not_equal_u##bits, T, uint8_t, a != b)                                                    \
  TERNARY(where_u##bits, uint8_t, T, T, a ? b : c)                                                 \
  TERNARY(fma_u##bits, T, T, T, (W)a *b + c)
MODULAR(8, uint8_t, uint32_t)
MODULAR(16, uint16_t, uint32_t)
MODULAR(32, uint32_t, uint32_t)
MODULAR(64, uint64_t, uint64_t)

UNARY(not_u8, uint8_t, uint8_t, x ^ 1)
BINARY(and_u8, uint8_t, uint8_t, a &b)
BINARY(or_u8, uint8_t, uint8_t, a | b)

static void false_u8(int64_t n, const void *a, const void *b, const void *c, void *out) {
  (void)a;
  (void)b;
  (void)c;
  memset(out, 0, (size_t)n);
}

// ---- what does

#define COMPARE(suffix, T)                                                                         \
  BINARY(less_##suffix, T, uint8_t, a < b)                                                         \
  BINARY(less_equal_##suffix, T, uint8_t, a <= b)                                                  \
  BINARY(greater_##suffix, T, uint8_t, a > b)                                                      \
  BINARY(greater_equal_##suffix, T, uint8_t, a >= b)

#define LARGER(a, b) ((a) >= (b) ? (a) : (b))
#define SMALLER(a, b) ((a) <= (b) ? (a) : (b))
#define ORDERED(suffix, T)                                                                         \
  COMPARE(suffix, T)                                                                               \
  BINARY(maximum_##suffix, T, T, LARGER(a, b))                                                     \
  BINARY(minimum_##suffix, T, T, SMALLER(a, b))                                                    \
  TERNARY(clip_##suffix, T, T, T, SMALLER(LARGER(a, b), c))
ORDERED(u8, uint8_t)
ORDERED(u16, uint16_t)
ORDERED(u32, uint32_t)
ORDERED(u64, uint64_t)
ORDERED(s8, int8_t)
ORDERED(s16, int16_t)
ORDERED(s32, int32_t)
ORDERED(s64, int64_t)

#define SIGNED(suffix, T, W)                                                                       \
  UNARY(abs_##suffix, T, T, x < 0 ? (W)0 - (W)x : (W)x)                                            \
  UNARY(relu_##suffix, T, T, x < 0 ? 0 : x)                                                        \
  UNARY(sign_##suffix, T, T, (x > 0) - (x < 0))
SIGNED(s8, int8_t, uint32_t)
SIGNED(s16, int16_t, uint32_t)
SIGNED(s32, int32_t, uint32_t)
SIGNED(s64, int64_t, uint64_t)

UNARY(sign_u8, uint8_t, uint8_t, x != 0)
UNARY(sign_u16, uint16_t, uint16_t, x != 0)
UNARY(sign_u32, uint32_t, uint32_t, x != 0)
UNARY(sign_u64, uint64_t, uint64_t, x != 0)

// ---- floats

#if defined(__SSE4_1__) || defined(__aarch64__)
#define floor32(x) __builtin_floorf(x)
#define floor64(x) __builtin_floor(x)
#else
// SSE2 has no rounding: adding the power of two that leaves no bits for a fraction rounds to
// the nearest integer, which is then put right.
#define FLOOR(name, T, power, fabs, copysign)                                                      \
  static inline T name(T x) {                                                                      \
    T a = fabs(x), nearest = copysign((a + power) - power, x);                                     \
    nearest = nearest > x ? nearest - 1 : nearest;                                                 \
    return a < power ? nearest : x;                                                                \
  }
FLOOR(floor32, float, 0x1p23f, __builtin_fabsf, __builtin_copysignf)
FLOOR(floor64, double, 0x1p52, __builtin_fabs, __builtin_copysign)
#endif

// As NumPy's: the first operand where it is NaN, else the second where that is.
#define LARGER_FLOAT(a, b) ((((a) >= (b)) | ((a) != (a))) ? (a) : (b))
#define SMALLER_FLOAT(a, b) ((((a) <= (b)) | ((a) != (a))) ? (a) : (b))

#define FLOATING(suffix, T, f, floor_one)                                                          \
  COMPARE(suffix, T)                                                                               \
  UNARY(neg_##suffix, T, T, -x)                                                                    \
  UNARY(abs_##suffix, T, T, __builtin_fabs##f(x))                                                  \
  UNARY(square_##suffix, T, T, x *x)                                                               \
  UNARY(sqrt_##suffix, T, T, __builtin_sqrt##f(x))                                                 \
  UNARY(reciprocal_##suffix, T, T, 1 / x)                                                          \
  UNARY(floor_##suffix, T, T, floor_one(x))                                                        \
  UNARY(isnan_##suffix, T, uint8_t, x != x)                                                        \
  UNARY(relu_##suffix, T, T, x <= 0 ? 0 : x)                                                       \
  UNARY(sign_##suffix, T, T, x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x)                              \
  BINARY(add_##suffix, T, T, a + b)                                                                \
  BINARY(sub_##suffix, T, T, a - b)                                                                \
  BINARY(mul_##suffix, T, T, a *b)                                                                 \
  BINARY(div_##suffix, T, T, a / b)                                                                \
  BINARY(equal_##suffix, T, uint8_t, a == b)                                                       \
  BINARY(not_equal_##suffix, T, uint8_t, a != b)                                                   \
  BINARY(maximum_##suffix, T, T, LARGER_FLOAT(a, b))                                               \
  BINARY(minimum_##suffix, T, T, SMALLER_FLOAT(a, b))                                              \
  TERNARY(fma_##suffix, T, T, T, __builtin_fma##f(a, b, c))                                        \
  LOOP(clip_##suffix, T, T, T, T, T a = a_[i]; T b = b_[i]; T c = c_[i];                           \
       T held = LARGER_FLOAT(a, b), SMALLER_FLOAT(held, c))
FLOATING(f32, float, f, floor32)
FLOATING(f64, double, , floor64)

// ---- functions of floats: within 2 ulp for float32; float64 is libm's, one element at a time

#define LIBM_LOOP(name, expression)                                                                \
  static void name(int64_t n, const void *pa, const void *pb, const void *pc, void *po) {          \
    const double *a = pa, *b = pb;                                                                 \
    double *o = po;                                                                                \
    (void)b;                                                                                       \
    (void)pc;                                                                                      \
    for (int64_t i = 0; i < n; i++) o[i] = expression;                                             \
  }
#define FUNCTION(name)                                                                             \
  UNARY(name##_f32, float, float, name##32(x))                                                     \
  LIBM_LOOP(name##_f64, name##64(a[i]))
FUNCTION(exp)
FUNCTION(log)
FUNCTION(tanh)
FUNCTION(arcsin)
FUNCTION(arccos)
FUNCTION(arctan)
FUNCTION(erf)
BINARY(arctan2_f32, float, float, arctan2_of(a, b))
LIBM_LOOP(arctan2_f64, atan2(a[i], b[i]))

// Of an angle: the few parts that have a number beyond what `near` takes are computed twice.
static void of_angle(int64_t n, const float *in, float *out, gk_loop_fn near, gk_loop_fn far) {
  enum { PART = 512 };
  for (int64_t i = 0; i < n; i += PART, in += PART, out += PART) {
    const int64_t part = n - i < PART ? n - i : PART;
    uint32_t beyond = 0;
    for (int64_t k = 0; k < part; k++) beyond |= __builtin_fabsf(in[k]) > ANGLE_NEAR;
    if (!beyond) {
      near(part, in, NULL, NULL, out);
      continue;
    }
    float x[PART], y[PART]; // `out` may be `in`
    memcpy(x, in, (size_t)part * sizeof *x);
    far(part, x, NULL, NULL, y);
    near(part, x, NULL, NULL, out);
    for (int64_t k = 0; k < part; k++) {
      const float a = __builtin_fabsf(x[k]);
      const bool is_far = (a > ANGLE_NEAR) & (a < __builtin_inff());
      out[k] = is_far ? y[k] : out[k];
    }
  }
}

#define FUNCTION_OF_ANGLE(name)                                                                    \
  UNARY(name##_near_f32, float, float, name##32(x))                                                \
  UNARY(name##_far_f32, float, float, name##_far32(x))                                             \
  static void name##_f32(int64_t n, const void *a, const void *b, const void *c, void *out) {      \
    (void)b;                                                                                       \
    (void)c;                                                                                       \
    of_angle(n, a, out, name##_near_f32, name##_far_f32);                                          \
  }                                                                                                \
  LIBM_LOOP(name##_f64, name##64(a[i]))
FUNCTION_OF_ANGLE(sin)
FUNCTION_OF_ANGLE(cos)
FUNCTION_OF_ANGLE(tan)

// ---- past the caches

// Whole vectors from the first one that is aligned, the rest by the plain loop. (Through a block in L1, as
// blocks.c streams the results of other ops, `add` took a tenth to a third longer.)
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define STREAM_VECTOR(to, v) _mm512_stream_si512((__m512i *)(to), (__m512i)(v))
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#define STREAM_VECTOR(to, v) _mm256_stream_si256((__m256i *)(to), (__m256i)(v))
#elif defined(__x86_64__) || defined(_M_X64)
#define VECTOR_BYTES 16
#define STREAM_VECTOR(to, v) _mm_stream_si128((__m128i *)(to), (__m128i)(v))
#else
#define VECTOR_BYTES 16
#define STREAM_VECTOR(to, v) (*(to) = (v))
#endif

#define STREAMING(name, suffix, T, operation)                                                      \
  static void name##_streaming_##suffix(int64_t n, const void *pa, const void *pb, const void *pc, \
                                        void *po) {                                                \
    typedef T vector __attribute__((vector_size(VECTOR_BYTES)));                                   \
    typedef T unaligned __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T))));            \
    const int64_t step = VECTOR_BYTES / sizeof(T);                                                 \
    const T *a = pa, *b = pb;                                                                      \
    T *o = po;                                                                                     \
    int64_t i = (int64_t)(-(uintptr_t)po % VECTOR_BYTES / sizeof(T));                              \
    if (i > n) i = n;                                                                              \
    name##_##suffix(i, a, b, pc, o);                                                               \
    for (; i + step <= n; i += step)                                                               \
      STREAM_VECTOR((vector *)(void *)(o + i),                                                     \
                    (vector)(*(const unaligned *)(a + i) operation * (const unaligned *)(b + i))); \
    name##_##suffix(n - i, a + i, b + i, pc, o + i);                                               \
  }
#define STREAMING_FLOATS(name, operation)                                                          \
  STREAMING(name, f32, float, operation)                                                           \
  STREAMING(name, f64, double, operation)
STREAMING_FLOATS(add, +)
STREAMING_FLOATS(sub, -)
STREAMING_FLOATS(mul, *)
STREAMING_FLOATS(div, /)

// ---- complex: re and im interleaved

#define COMPLEX(name, real, imaginary)                                                             \
  static void name(int64_t n, const void *pa, const void *pb, const void *pc, void *po) {          \
    const float *a_ = pa, *b_ = pb;                                                                \
    float *o_ = po;                                                                                \
    (void)pc;                                                                                      \
    GK_VECTORIZE                                                                                   \
    for (int64_t i = 0; i < n; i++) {                                                              \
      float a = a_[2 * i], b = a_[2 * i + 1], c = b_[2 * i], d = b_[2 * i + 1];                    \
      float re = real, im = imaginary;                                                             \
      o_[2 * i] = re;                                                                              \
      o_[2 * i + 1] = im;                                                                          \
    }                                                                                              \
  }
COMPLEX(mul_c64, a *c - b * d, a *d + b * c)
static void neg_c64(int64_t n, const void *a, const void *b, const void *c, void *out) {
  neg_f32(2 * n, a, b, c, out);
}
static void square_c64(int64_t n, const void *a, const void *b, const void *c, void *out) {
  (void)b;
  mul_c64(n, a, a, c, out);
}
static void add_c64(int64_t n, const void *a, const void *b, const void *c, void *out) {
  add_f32(2 * n, a, b, c, out);
}
static void sub_c64(int64_t n, const void *a, const void *b, const void *c, void *out) {
  sub_f32(2 * n, a, b, c, out);
}
BINARY(equal_c64, gk_complex64, uint8_t, (a.re == b.re) & (a.im == b.im))
BINARY(not_equal_c64, gk_complex64, uint8_t, (a.re != b.re) | (a.im != b.im))

// ---- the table

// One loop for both signs; one for each; floats.
#define MODULARS(op)                                                                               \
  [GK_int8] = op##_u8, [GK_uint8] = op##_u8, [GK_int16] = op##_u16, [GK_uint16] = op##_u16,        \
  [GK_int32] = op##_u32, [GK_uint32] = op##_u32, [GK_int64] = op##_u64, [GK_uint64] = op##_u64
#define SIGNEDS(op)                                                                                \
  [GK_int8] = op##_s8, [GK_int16] = op##_s16, [GK_int32] = op##_s32, [GK_int64] = op##_s64
#define UNSIGNEDS(op)                                                                              \
  [GK_uint8] = op##_u8, [GK_uint16] = op##_u16, [GK_uint32] = op##_u32, [GK_uint64] = op##_u64
#define FLOATS(op) [GK_float32] = op##_f32, [GK_float64] = op##_f64
#define STREAMS(op)                                                                                \
  {GK_OP_##op, GK_float32, op##_streaming_f32}, { GK_OP_##op, GK_float64, op##_streaming_f64 }
#define ORDER(op) [GK_bool] = op##_u8, SIGNEDS(op), UNSIGNEDS(op), FLOATS(op)

const gk_elementwise_kernels
    GK_NAME(gk_elementwise_table) =
        {
            .streaming = {STREAMS(add), STREAMS(sub), STREAMS(mul), STREAMS(div)},
            .loop =
                {
                    [GK_OP_neg] = {MODULARS(neg), FLOATS(neg), [GK_complex64] = neg_c64},
                    [GK_OP_abs] = {[GK_bool] = copy_u8, SIGNEDS(abs), UNSIGNEDS(copy), FLOATS(abs)},
                    [GK_OP_square] = {[GK_bool] = copy_u8,
                                      MODULARS(square),
                                      FLOATS(square),
                                      [GK_complex64] = square_c64},
                    [GK_OP_sqrt] = {FLOATS(sqrt)},
                    [GK_OP_reciprocal] = {FLOATS(reciprocal)},
                    [GK_OP_exp] = {FLOATS(exp)},
                    [GK_OP_log] = {FLOATS(log)},
                    [GK_OP_tanh] = {FLOATS(tanh)},
                    [GK_OP_sin] = {FLOATS(sin)},
                    [GK_OP_cos] = {FLOATS(cos)},
                    [GK_OP_tan] = {FLOATS(tan)},
                    [GK_OP_arcsin] = {FLOATS(arcsin)},
                    [GK_OP_arccos] = {FLOATS(arccos)},
                    [GK_OP_arctan] = {FLOATS(arctan)},
                    [GK_OP_arctan2] = {FLOATS(arctan2)},
                    [GK_OP_erf] = {FLOATS(erf)},
                    [GK_OP_floor] = {[GK_bool] = copy_u8, MODULARS(copy), FLOATS(floor)},
                    [GK_OP_isnan] = {[GK_bool] = false_u8,
                                     [GK_int8] = false_u8,
                                     [GK_uint8] = false_u8,
                                     [GK_int16] = false_u8,
                                     [GK_uint16] = false_u8,
                                     [GK_int32] = false_u8,
                                     [GK_uint32] = false_u8,
                                     [GK_int64] = false_u8,
                                     [GK_uint64] = false_u8,
                                     FLOATS(isnan)},
                    [GK_OP_logical_not] = {[GK_bool] = not_u8},
                    [GK_OP_relu] = {SIGNEDS(relu), UNSIGNEDS(copy), FLOATS(relu)},
                    [GK_OP_sign] = {SIGNEDS(sign), UNSIGNEDS(sign), FLOATS(sign)},
                    [GK_OP_add] =
                        {[GK_bool] = or_u8, MODULARS(add), FLOATS(add), [GK_complex64] = add_c64},
                    [GK_OP_sub] = {MODULARS(sub), FLOATS(sub), [GK_complex64] = sub_c64},
                    [GK_OP_mul] =
                        {[GK_bool] = and_u8, MODULARS(mul), FLOATS(mul), [GK_complex64] = mul_c64},
                    [GK_OP_div] = {FLOATS(div)},
                    [GK_OP_maximum] = {ORDER(maximum)},
                    [GK_OP_minimum] = {ORDER(minimum)},
                    [GK_OP_equal] = {[GK_bool] = equal_u8,
                                     MODULARS(equal),
                                     FLOATS(equal),
                                     [GK_complex64] = equal_c64},
                    [GK_OP_not_equal] = {[GK_bool] = not_equal_u8,
                                         MODULARS(not_equal),
                                         FLOATS(not_equal),
                                         [GK_complex64] = not_equal_c64},
                    [GK_OP_less] = {ORDER(less)},
                    [GK_OP_less_equal] = {ORDER(less_equal)},
                    [GK_OP_greater] = {ORDER(greater)},
                    [GK_OP_greater_equal] = {ORDER(greater_equal)},
                    [GK_OP_logical_and] = {[GK_bool] = and_u8},
                    [GK_OP_logical_or] = {[GK_bool] = or_u8},
                    [GK_OP_where] = {[GK_bool] = where_u8,
                                     MODULARS(where),
                                     [GK_float16] = where_u16,
                                     [GK_bfloat16] = where_u16,
                                     [GK_float32] = where_u32,
                                     [GK_float64] = where_u64,
                                     [GK_complex64] = where_u64},
                    [GK_OP_fma] = {MODULARS(fma), FLOATS(fma)},
                    [GK_OP_clip] = {ORDER(clip)},
                },
};
