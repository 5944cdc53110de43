// Element types: the table, promotion, and conversions of single elements. Loops over arrays are
// in cpu/copy_simd.c, which must agree with these bit for bit.
#include "dtype.h"
#include "../gpukit.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

const gk_dtype_info gk_dtypes[GK_DTYPE_COUNT] = {
#define GK_DTYPE(index, name, type, class, dlpack, bits)                                           \
  [index] = {#name, sizeof(type), class, dlpack, bits},
#include "dtypes.def"
#undef GK_DTYPE
};

static uint8_t find_dtype(int class, int bits) {
  for (int i = 1; i < GK_DTYPE_COUNT; i++)
    if (gk_dtypes[i].class == class && gk_dtypes[i].bits == bits) return (uint8_t)i;
  return 0;
}

uint32_t gk_dtype_promote(uint32_t a, uint32_t b) {
  return a && b && a < GK_DTYPE_COUNT && b < GK_DTYPE_COUNT ? gk_promote((uint8_t)a, (uint8_t)b)
                                                            : 0;
}

uint8_t gk_promote(uint8_t a, uint8_t b) {
  if (a == 0 || b == 0 || a >= GK_DTYPE_COUNT || b >= GK_DTYPE_COUNT) return 0;
  if (a == b) return a;
  const gk_dtype_info *x = &gk_dtypes[a], *y = &gk_dtypes[b];
  if (x->class == y->class) {
    // Of one size only float16 and bfloat16, neither of which holds the other.
    if (x->bits == y->bits) return GK_float32;
    return x->bits > y->bits ? a : b;
  }
  int classes = x->class | y->class;
  if (classes == (GK_CLASS_SIGNED | GK_CLASS_UNSIGNED)) {
    int s = x->class == GK_CLASS_SIGNED ? x->bits : y->bits;
    int u = x->class == GK_CLASS_SIGNED ? y->bits : x->bits;
    return find_dtype(GK_CLASS_SIGNED, s > u ? s : 2 * u);
  }
  // bool < integers < floats < complex: the higher kind keeps its dtype (classes are ordered bits).
  return x->class > y->class ? a : b;
}

// `value` truncated towards zero and held within [low, high]; NaN gives 0. Both ends count as
// reached when the double nearest to them is.
static int64_t saturate(double value, int64_t low, int64_t high) {
  if (value != value) return 0;
  if (value <= (double)low) return low;
  if (value >= (double)high) return high;
  return (int64_t)value;
}

static uint64_t saturate_u64(double value) {
  if (!(value > 0)) return 0;
  return value >= 0x1p64 ? UINT64_MAX : (uint64_t)value;
}

// double to float that keeps enough to round again: towards zero, and the last bit set where
// anything was lost. Rounding that to nearest in fewer than 23 bits is rounding once.
static float float_to_odd(double x) {
  float f = (float)x;
  if (x != x || (double)f == x) return f;
  uint32_t bits;
  memcpy(&bits, &f, 4);
  if (fabs((double)f) > fabs(x)) bits--;
  bits |= 1;
  memcpy(&f, &bits, 4);
  return f;
}

gk_scalar gk_scalar_from_double(double value, uint8_t dtype) {
  gk_scalar s;
  memset(&s, 0, sizeof s);
  const gk_dtype_info *info = &gk_dtypes[dtype < GK_DTYPE_COUNT ? dtype : 0];
  switch (info->class) {
  case GK_CLASS_BOOL:
    s.bytes[0] = value != 0;
    break;
  case GK_CLASS_SIGNED: {
    int64_t high = (int64_t)(UINT64_MAX >> (65 - info->bits));
    int64_t v = saturate(value, -high - 1, high);
    memcpy(s.bytes, &v, info->size); // little-endian everywhere that we build for
    break;
  }
  case GK_CLASS_UNSIGNED: {
    uint64_t high = UINT64_MAX >> (64 - info->bits), v = saturate_u64(value);
    if (v > high) v = high;
    memcpy(s.bytes, &v, info->size);
    break;
  }
  case GK_CLASS_COMPLEX:
    s.f32 = (float)value;
    break;
  case GK_CLASS_FLOAT:
    if (dtype == GK_float64) {
      s.f64 = value;
    } else if (dtype == GK_float32) {
      s.f32 = (float)value;
    } else {
      uint16_t h = dtype == GK_float16 ? gk_half_from_double(value)
                                       : gk_bfloat_from_float(float_to_odd(value));
      memcpy(s.bytes, &h, 2);
    }
    break;
  }
  return s;
}

double gk_scalar_to_double(const void *data, uint8_t dtype) {
#define READ(type)                                                                                 \
  type v;                                                                                          \
  memcpy(&v, data, sizeof v)
  switch (dtype) {
  case GK_float16: {
    READ(uint16_t);
    return gk_half_to_float(v);
  }
  case GK_bfloat16: {
    READ(uint16_t);
    return gk_bfloat_to_float(v);
  }
  case GK_complex64: {
    READ(gk_complex64);
    return v.re;
  }
  case GK_bool: {
    READ(uint8_t);
    return v != 0;
  }
#define CASE(name, type)                                                                           \
  case GK_##name: {                                                                                \
    READ(type);                                                                                    \
    return (double)v;                                                                              \
  }
    CASE(int8, int8_t)
    CASE(uint8, uint8_t)
    CASE(int16, int16_t)
    CASE(uint16, uint16_t)
    CASE(int32, int32_t)
    CASE(uint32, uint32_t)
    CASE(int64, int64_t)
    CASE(uint64, uint64_t)
    CASE(float32, float)
    CASE(float64, double)
#undef CASE
#undef READ
  default:
    return 0;
  }
}

float gk_half_to_float(uint16_t h) {
  uint32_t magnitude = h & 0x7fffu, bits;
  float f;
  if (magnitude >= 0x7c00) { // infinity; NaN becomes a quiet one, as in hardware
    bits = 0x7f800000u | (magnitude & 0x3ff) << 13 | (magnitude > 0x7c00 ? 0x400000u : 0);
  } else if (magnitude >= 0x0400) {
    bits = (magnitude << 13) + (112u << 23);
  } else { // subnormal or zero: an integer times 2^-24
    f = (float)magnitude * 0x1p-24f;
    memcpy(&bits, &f, 4);
  }
  bits |= (uint32_t)(h & 0x8000) << 16;
  memcpy(&f, &bits, 4);
  return f;
}

uint16_t gk_half_from_double(double x) {
  uint64_t bits;
  memcpy(&bits, &x, 8);
  uint16_t sign = (uint16_t)(bits >> 48 & 0x8000);
  bits &= INT64_MAX;
  if (bits > 0x7ff0000000000000u) return (uint16_t)(sign | 0x7e00 | (bits >> 42 & 0x3ff));
  if (bits >= 0x40effe0000000000u) return sign | 0x7c00; // from 65520 on: infinity
  int exponent = (int)(bits >> 52) - 1023;
  if (exponent < -25) return sign; // below half of the smallest subnormal
  // The significand with its leading one, in units of the result's last place after the shift.
  uint64_t significand = (bits & 0xfffffffffffffu) | 0x10000000000000u;
  int shift = exponent >= -14 ? 42 : 42 + (-14 - exponent);
  uint64_t rest = significand & ((1ull << shift) - 1), half = 1ull << (shift - 1);
  uint64_t q = significand >> shift;
  q += rest > half || (rest == half && (q & 1));
  // The leading one of a normal number adds 1 to the exponent field below, and so does a carry.
  if (exponent >= -14) q += (uint64_t)(exponent + 14) << 10;
  return (uint16_t)(sign | q);
}

float gk_bfloat_to_float(uint16_t h) {
  uint32_t bits = (uint32_t)h << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

uint16_t gk_bfloat_from_float(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
