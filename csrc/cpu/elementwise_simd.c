// Contiguous loops of every elementwise op and dtype, left to the compiler to vectorise. Integers
// wrap, and so are computed unsigned; bool elements are 0 or 1.
//
// Functions of one float (exp, sin) are `name32` and `name64` of a header of their own.
#include <math.h>
#include <string.h>

#include "elementwise.h"
#include "exponential.h"
#include "float_division.h"
#include "integer_loops.h"
#include "loops.h"
#include "rounding.h"
#include "trigonometry.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

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

#define CONSTANT(name, value)                                                                      \
  static void name(int64_t n, const void *a, const void *b, const void *c, void *out) {            \
    (void)a, (void)b, (void)c;                                                                     \
    memset(out, value, (size_t)n);                                                                 \
  }
CONSTANT(false_u8, 0)
CONSTANT(true_u8, 1)

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

// As NumPy's: the first operand where it is NaN, else the second where that is.
#define LARGER_FLOAT(a, b) ((((a) >= (b)) | ((a) != (a))) ? (a) : (b))
#define SMALLER_FLOAT(a, b) ((((a) <= (b)) | ((a) != (a))) ? (a) : (b))

#define PI 3.14159265358979323846
#define FLOATING(suffix, T, f, rounding)                                                           \
  COMPARE(suffix, T)                                                                               \
  UNARY(neg_##suffix, T, T, -x)                                                                    \
  UNARY(abs_##suffix, T, T, __builtin_fabs##f(x))                                                  \
  UNARY(square_##suffix, T, T, x *x)                                                               \
  UNARY(sqrt_##suffix, T, T, __builtin_sqrt##f(x))                                                 \
  UNARY(reciprocal_##suffix, T, T, 1 / x)                                                          \
  UNARY(floor_##suffix, T, T, floor##rounding(x))                                                  \
  UNARY(ceil_##suffix, T, T, ceil##rounding(x))                                                    \
  UNARY(round_##suffix, T, T, round##rounding(x))                                                  \
  UNARY(trunc_##suffix, T, T, trunc##rounding(x))                                                  \
  UNARY(isnan_##suffix, T, uint8_t, x != x)                                                        \
  UNARY(isinf_##suffix, T, uint8_t, __builtin_fabs##f(x) == (T)INFINITY)                           \
  UNARY(isfinite_##suffix, T, uint8_t, __builtin_fabs##f(x) < (T)INFINITY)                         \
  UNARY(angle_##suffix, T, T, x != x ? x : __builtin_copysign##f(1, x) < 0 ? (T)PI : 0)            \
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
       T held = LARGER_FLOAT(a, b), SMALLER_FLOAT(held, c))                                        \
  TERNARY(is_within_##suffix, T, T, uint8_t,                                                       \
          (a == b) | ((__builtin_fabs##f(b) < (T)INFINITY) & (__builtin_fabs##f(a - b) <= c)))
FLOATING(f32, float, f, 32)
FLOATING(f64, double, , 64)

// ---- functions of floats: within 2 ulp for float32; float64 is libm's, one element at a time

#define LIBM_LOOP(name, expression)                                                                \
  static void name(int64_t n, const void *pa, const void *pb, const void *pc, void *po) {          \
    const double *a = pa, *b = pb;                                                                 \
    double *o = po;                                                                                \
    (void)b;                                                                                       \
    (void)pc;                                                                                      \
    for (int64_t i = 0; i < n; i++) o[i] = expression;                                             \
  }
#define FUNCTION_AS(name, of32, of64)                                                              \
  LOOP_BY(GK_VECTORIZE, name##_f32, float, float, float, float, float x = a_[i], of32(x))          \
  LIBM_LOOP(name##_f64, of64(a[i]))
#define FUNCTION(name) FUNCTION_AS(name, name##32, name##64)
#define VECTOR_FUNCTION(name, of64)                                                                \
  static void name##_f32(int64_t n, const void *pa, const void *pb, const void *pc, void *po) {    \
    const float *a = pa;                                                                           \
    float *o = po;                                                                                 \
    (void)pb, (void)pc;                                                                            \
    int64_t i = 0;                                                                                 \
    for (; i + VECTOR_FLOATS <= n; i += VECTOR_FLOATS) name##_vector(a + i, o + i);                \
    if (i < n) name##_some(n - i, a + i, o + i);                                                   \
  }                                                                                                \
  LIBM_LOOP(name##_f64, of64(a[i]))
VECTOR_FUNCTION(exp, exp)
VECTOR_FUNCTION(tanh, tanh)
VECTOR_FUNCTION(log, log)
VECTOR_FUNCTION(log2, log2)
VECTOR_FUNCTION(log10, log10)
FUNCTION_AS(exp2, exp2_32, exp2)
FUNCTION_AS(expm1, expm1_32, expm1)
FUNCTION(sinh)
FUNCTION(cosh)
FUNCTION_AS(log1p, log1p_32, log1p)
FUNCTION(cbrt)
UNARY(rsqrt_f32, float, float, rsqrt32(x))
UNARY(rsqrt_f64, double, double, rsqrt64(x))
BINARY(pow_f32, float, float, pow32(a, b))
LIBM_LOOP(pow_f64, pow(a[i], b[i]))
BINARY(hypot_f32, float, float, hypot32(a, b))
LIBM_LOOP(hypot_f64, hypot(a[i], b[i]))
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

#include "complex_loops.h"

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
#define ORDER(op) [GK_bool] = op##_u8, SIGNEDS(op), UNSIGNEDS(op), FLOATS(op)
// One loop for bool and all integers, whatever they are.
#define WHOLES(loop)                                                                               \
  [GK_bool] = loop, [GK_int8] = loop, [GK_uint8] = loop, [GK_int16] = loop, [GK_uint16] = loop,    \
  [GK_int32] = loop, [GK_uint32] = loop, [GK_int64] = loop, [GK_uint64] = loop
// What leaves whole numbers as they are.
#define ROUNDS(op) [GK_bool] = copy_u8, MODULARS(copy), FLOATS(op)

const gk_elementwise_kernels
    GK_NAME(gk_elementwise_table) =
        {
            .loop =
                {
                    [GK_OP_neg] = {MODULARS(neg), FLOATS(neg), [GK_complex64] = neg_c64},
                    [GK_OP_abs] = {[GK_bool] = copy_u8,
                                   SIGNEDS(abs),
                                   UNSIGNEDS(copy),
                                   FLOATS(abs),
                                   [GK_complex64] = abs_c64},
                    [GK_OP_square] = {[GK_bool] = copy_u8,
                                      MODULARS(square),
                                      FLOATS(square),
                                      [GK_complex64] = square_c64},
                    [GK_OP_sqrt] = {FLOATS(sqrt)},
                    [GK_OP_reciprocal] = {FLOATS(reciprocal), [GK_complex64] = reciprocal_c64},
                    [GK_OP_exp] = {FLOATS(exp), [GK_complex64] = exp_c64},
                    [GK_OP_log] = {FLOATS(log)},
                    [GK_OP_exp2] = {FLOATS(exp2)},
                    [GK_OP_expm1] = {FLOATS(expm1)},
                    [GK_OP_sinh] = {FLOATS(sinh)},
                    [GK_OP_cosh] = {FLOATS(cosh)},
                    [GK_OP_tanh] = {FLOATS(tanh)},
                    [GK_OP_log1p] = {FLOATS(log1p)},
                    [GK_OP_log2] = {FLOATS(log2)},
                    [GK_OP_log10] = {FLOATS(log10)},
                    [GK_OP_cbrt] = {FLOATS(cbrt)},
                    [GK_OP_rsqrt] = {FLOATS(rsqrt)},
                    [GK_OP_hypot] = {FLOATS(hypot)},
                    [GK_OP_sin] = {FLOATS(sin)},
                    [GK_OP_cos] = {FLOATS(cos)},
                    [GK_OP_tan] = {FLOATS(tan)},
                    [GK_OP_arcsin] = {FLOATS(arcsin)},
                    [GK_OP_arccos] = {FLOATS(arccos)},
                    [GK_OP_arctan] = {FLOATS(arctan)},
                    [GK_OP_arctan2] = {FLOATS(arctan2)},
                    [GK_OP_erf] = {FLOATS(erf)},
                    [GK_OP_floor] = {ROUNDS(floor)},
                    [GK_OP_ceil] = {ROUNDS(ceil)},
                    [GK_OP_round] = {ROUNDS(round)},
                    [GK_OP_trunc] = {ROUNDS(trunc)},
                    [GK_OP_isnan] = {WHOLES(false_u8), FLOATS(isnan), [GK_complex64] = isnan_c64},
                    [GK_OP_isinf] = {WHOLES(false_u8), FLOATS(isinf), [GK_complex64] = isinf_c64},
                    [GK_OP_isfinite] = {WHOLES(true_u8), FLOATS(isfinite),
                                        [GK_complex64] = isfinite_c64},
                    [GK_OP_conj] = {[GK_bool] = copy_u8,
                                    MODULARS(copy),
                                    [GK_float16] = copy_u16,
                                    [GK_bfloat16] = copy_u16,
                                    [GK_float32] = copy_u32,
                                    [GK_float64] = copy_u64,
                                    [GK_complex64] = conj_c64},
                    [GK_OP_angle] = {FLOATS(angle), [GK_complex64] = angle_c64},
                    [GK_OP_bitwise_not] = {[GK_bool] = not_u8, MODULARS(bitwise_not)},
                    [GK_OP_logical_not] = {[GK_bool] = not_u8},
                    [GK_OP_relu] = {SIGNEDS(relu), UNSIGNEDS(copy), FLOATS(relu)},
                    [GK_OP_sign] = {SIGNEDS(sign), UNSIGNEDS(sign), FLOATS(sign)},
                    [GK_OP_add] =
                        {[GK_bool] = or_u8, MODULARS(add), FLOATS(add), [GK_complex64] = add_c64},
                    [GK_OP_sub] = {MODULARS(sub), FLOATS(sub), [GK_complex64] = sub_c64},
                    [GK_OP_mul] =
                        {[GK_bool] = and_u8, MODULARS(mul), FLOATS(mul), [GK_complex64] = mul_c64},
                    [GK_OP_div] = {FLOATS(div), [GK_complex64] = div_c64},
                    [GK_OP_floor_divide] = {SIGNEDS(floor_divide), UNSIGNEDS(floor_divide),
                                            FLOATS(floor_divide)},
                    [GK_OP_remainder] = {SIGNEDS(remainder), UNSIGNEDS(remainder),
                                         FLOATS(remainder)},
                    [GK_OP_fmod] = {SIGNEDS(fmod), UNSIGNEDS(fmod), FLOATS(fmod)},
                    [GK_OP_pow] = {SIGNEDS(pow), UNSIGNEDS(pow), FLOATS(pow)},
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
                    [GK_OP_logical_xor] = {[GK_bool] = xor_u8},
                    [GK_OP_bitwise_and] = {[GK_bool] = and_u8, MODULARS(bitwise_and)},
                    [GK_OP_bitwise_or] = {[GK_bool] = or_u8, MODULARS(bitwise_or)},
                    [GK_OP_bitwise_xor] = {[GK_bool] = xor_u8, MODULARS(bitwise_xor)},
                    [GK_OP_left_shift] = {MODULARS(left_shift)},
                    [GK_OP_right_shift] = {SIGNEDS(right_shift), UNSIGNEDS(right_shift)},
                    [GK_OP_where] = {[GK_bool] = where_u8,
                                     MODULARS(where),
                                     [GK_float16] = where_u16,
                                     [GK_bfloat16] = where_u16,
                                     [GK_float32] = where_u32,
                                     [GK_float64] = where_u64,
                                     [GK_complex64] = where_u64},
                    [GK_OP_fma] = {MODULARS(fma), FLOATS(fma)},
                    [GK_OP_clip] = {ORDER(clip)},
                    [GK_OP_is_within] = {FLOATS(is_within), [GK_complex64] = is_within_c64},
                },
};
