// Loops of integers and bool for bits, shifts, division and powers. Only for elementwise_simd.c.
//
// All wrap, so that what could overflow is computed unsigned. Division by 0 gives 0, and a shift by
// less than 0 or by all bits and more shifts everything out.
#ifndef GK_CPU_INTEGER_LOOPS_H
#define GK_CPU_INTEGER_LOOPS_H

#include "loops.h"

// ---- bits, by the byte whatever the dtype

BINARY(and_u8, uint8_t, uint8_t, a &b)
BINARY(or_u8, uint8_t, uint8_t, a | b)
BINARY(xor_u8, uint8_t, uint8_t, a ^ b)
UNARY(invert_u8, uint8_t, uint8_t, ~x)

#define BYTES(name, loop, size)                                                                    \
  static void name(int64_t n, const void *a, const void *b, const void *c, void *out) {            \
    loop(n * size, a, b, c, out);                                                                  \
  }
#define BITS(bits)                                                                                 \
  BYTES(bitwise_not_u##bits, invert_u8, bits / 8)                                                  \
  BYTES(bitwise_and_u##bits, and_u8, bits / 8)                                                     \
  BYTES(bitwise_or_u##bits, or_u8, bits / 8)                                                       \
  BYTES(bitwise_xor_u##bits, xor_u8, bits / 8)
BITS(8)
BITS(16)
BITS(32)
BITS(64)

// ---- shifts: U is unsigned, S signed, W unsigned and wide enough not to be promoted to int

#define SHIFTS(bits, U, S, W)                                                                      \
  BINARY(left_shift_u##bits, U, U, b < bits ? (W)a << (b & (bits - 1)) : 0)                        \
  BINARY(right_shift_u##bits, U, U, b < bits ? (W)a >> (b & (bits - 1)) : 0)                       \
  BINARY(right_shift_s##bits, S, S, a >> ((U)b < bits ? (U)b : bits - 1))
SHIFTS(8, uint8_t, int8_t, uint32_t)
SHIFTS(16, uint16_t, int16_t, uint32_t)
SHIFTS(32, uint32_t, int32_t, uint32_t)
SHIFTS(64, uint64_t, int64_t, uint64_t)

// ---- division: F is a type in which quotients of T are divided and then cut without error

// The quotient towards 0. `overflows` is where b is -1, so that the most negative a, whose quotient
// T does not hold, needs no division.
#define DIVISION(suffix, T, W, F, overflows, signs_differ)                                         \
  static inline T quotient_##suffix(T a, T b) {                                                    \
    T divisor = ((b == 0) | (overflows)) ? 1 : b;                                                  \
    T q = (T)((F)a / (F)divisor);                                                                  \
    q = (overflows) ? (T)((W)0 - (W)a) : q;                                                        \
    return b == 0 ? 0 : q;                                                                         \
  }                                                                                                \
  static inline T rest_##suffix(T a, T b, T q) { return b == 0 ? 0 : (T)((W)a - (W)q * (W)b); }    \
  static inline T floor_quotient_##suffix(T a, T b) {                                              \
    T q = quotient_##suffix(a, b), r = rest_##suffix(a, b, q);                                     \
    return (T)((W)q - (W)((r != 0) & (signs_differ)));                                             \
  }                                                                                                \
  static inline T floor_rest_##suffix(T a, T b) {                                                  \
    T r = rest_##suffix(a, b, quotient_##suffix(a, b));                                            \
    return ((r != 0) & (signs_differ)) ? (T)((W)r + (W)b) : r;                                     \
  }                                                                                                \
  BINARY(floor_divide_##suffix, T, T, floor_quotient_##suffix(a, b))                               \
  BINARY(remainder_##suffix, T, T, floor_rest_##suffix(a, b))                                      \
  BINARY(fmod_##suffix, T, T, rest_##suffix(a, b, quotient_##suffix(a, b)))
#define SIGNED_DIVISION(suffix, T, W, F) DIVISION(suffix, T, W, F, b == -1, (r < 0) != (b < 0))
#define UNSIGNED_DIVISION(suffix, T, W, F) DIVISION(suffix, T, W, F, 0, 0)
SIGNED_DIVISION(s8, int8_t, uint32_t, float)
SIGNED_DIVISION(s16, int16_t, uint32_t, float)
SIGNED_DIVISION(s32, int32_t, uint32_t, double)
SIGNED_DIVISION(s64, int64_t, uint64_t, int64_t)
UNSIGNED_DIVISION(u8, uint8_t, uint32_t, float)
UNSIGNED_DIVISION(u16, uint16_t, uint32_t, float)
UNSIGNED_DIVISION(u32, uint32_t, uint32_t, double)
UNSIGNED_DIVISION(u64, uint64_t, uint64_t, uint64_t)

// ---- powers

enum { POWER_BLOCK = 64 };

// By squaring: m of base to the power of exponent into product, up to the highest bit of any exponent;
// destroys both.
#define POWERS(bits, U, W)                                                                         \
  static __attribute__((noinline)) void powers_u##bits(int64_t m, U any, U *base, U *exponent,     \
                                                       U *product) {                               \
    for (int64_t i = 0; i < m; i++) product[i] = 1;                                                \
    for (; any; any >>= 1) {                                                                       \
      GK_VECTORIZE_SMALL                                                                           \
      for (int64_t i = 0; i < m; i++) {                                                            \
        U factor = exponent[i] & 1 ? base[i] : 1;                                                  \
        product[i] = (U)((W)product[i] * factor);                                                  \
        base[i] = (U)((W)base[i] * base[i]);                                                       \
        exponent[i] >>= 1;                                                                         \
      }                                                                                            \
    }                                                                                              \
  }
POWERS(8, uint8_t, uint32_t)
POWERS(16, uint16_t, uint32_t)
POWERS(32, uint32_t, uint32_t)
POWERS(64, uint64_t, uint64_t)

#define POWER(suffix, T, bits, U, is_negative, negative_power)                                     \
  static void pow_##suffix(int64_t n, const void *pa, const void *pb, const void *pc, void *po) {  \
    const T *a_ = pa, *b_ = pb;                                                                    \
    T *o_ = po;                                                                                    \
    U base[POWER_BLOCK], exponent[POWER_BLOCK], product[POWER_BLOCK];                              \
    (void)pc;                                                                                      \
    for (int64_t at = 0; at < n; at += POWER_BLOCK) {                                              \
      int64_t m = n - at < POWER_BLOCK ? n - at : POWER_BLOCK;                                     \
      U any = 0;                                                                                   \
      GK_VECTORIZE_SMALL                                                                           \
      for (int64_t i = 0; i < m; i++) {                                                            \
        T b = b_[at + i];                                                                          \
        base[i] = (U)a_[at + i];                                                                   \
        exponent[i] = (is_negative) ? 0 : (U)b;                                                    \
        any |= exponent[i];                                                                        \
      }                                                                                            \
      powers_u##bits(m, any, base, exponent, product);                                             \
      GK_VECTORIZE_SMALL                                                                           \
      for (int64_t i = 0; i < m; i++) {                                                            \
        T a = a_[at + i], b = b_[at + i];                                                          \
        (void)a, (void)b;                                                                          \
        o_[at + i] = (is_negative) ? (negative_power) : (T)product[i];                             \
      }                                                                                            \
    }                                                                                              \
  }
// 1 / a^-b cut to an integer, and 0 for a = 0.
#define SIGNED_POWER(bits, T, U)                                                                   \
  POWER(s##bits, T, bits, U, b < 0, a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0)
#define UNSIGNED_POWER(bits, U) POWER(u##bits, U, bits, U, 0, 0)
SIGNED_POWER(8, int8_t, uint8_t)
SIGNED_POWER(16, int16_t, uint16_t)
SIGNED_POWER(32, int32_t, uint32_t)
SIGNED_POWER(64, int64_t, uint64_t)
UNSIGNED_POWER(8, uint8_t)
UNSIGNED_POWER(16, uint16_t)
UNSIGNED_POWER(32, uint32_t)
UNSIGNED_POWER(64, uint64_t)

#endif
