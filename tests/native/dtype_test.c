// core/dtype.c: promotion, and conversions of single elements.
#include <math.h>

#include "test.h"

static double half_value(uint16_t h) {
  int exponent = h >> 10 & 31, fraction = h & 0x3ff;
  double magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                     : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                    : ldexp(fraction, -24);
  return h & 0x8000 ? -magnitude : magnitude;
}

static void test_half(void) {
  for (int h = 0; h < 0x10000; h++) {
    double x = half_value((uint16_t)h);
    float f = gk_half_to_float((uint16_t)h);
    if (isnan(x)) {
      CHECKF(isnan(f), "half %04x", h);
      uint16_t back = gk_half_from_double(f);
      CHECKF((back & 0x7c00) == 0x7c00 && (back & 0x3ff), "half %04x comes back as %04x", h, back);
    } else {
      CHECKF((double)f == x && !signbit(f) == !signbit(x), "half %04x: %a, not %a", h, f, x);
      CHECKF(gk_half_from_double(x) == h, "half %04x comes back as %04x", h,
             gk_half_from_double(x));
    }
  }
  // Around the middle of every two neighbours (the last one is of 65504 and 2^16).
  for (int h = 0; h < 0x7c00; h++) {
    double low = half_value((uint16_t)h);
    double high = h == 0x7bff ? 65536 : half_value((uint16_t)(h + 1));
    double middle = (low + high) / 2;
    for (int sign = 0; sign < 2; sign++) {
      uint16_t bit = (uint16_t)(sign << 15);
      double s = sign ? -1 : 1;
      uint16_t even = (uint16_t)(h & 1 ? h + 1 : h);
      CHECKF(gk_half_from_double(s * middle) == (even | bit), "tie above half %04x", h);
      CHECKF(gk_half_from_double(s * nextafter(middle, 0)) == (h | bit), "below tie of %04x", h);
      CHECKF(gk_half_from_double(s * nextafter(middle, 1e9)) == ((h + 1) | bit),
             "above tie of %04x", h);
    }
  }
  CHECK(gk_half_from_double(1e300) == 0x7c00 && gk_half_from_double(-INFINITY) == 0xfc00);
  CHECK(gk_half_from_double(0x1p-1074) == 0 && gk_half_from_double(-0.0) == 0x8000);
}

static void test_bfloat(void) {
  for (int h = 0; h < 0x10000; h++) {
    float f = gk_bfloat_to_float((uint16_t)h);
    uint16_t back = gk_bfloat_from_float(f);
    if (isnan(f))
      CHECKF(isnan(gk_bfloat_to_float(back)), "bfloat %04x comes back as %04x", h, back);
    else
      CHECKF(back == h, "bfloat %04x comes back as %04x", h, back);
  }
  for (int h = 0; h < 0x7f80; h++) {
    double low = gk_bfloat_to_float((uint16_t)h);
    double high = h == 0x7f7f ? 0x1p128 : gk_bfloat_to_float((uint16_t)(h + 1));
    double middle = (low + high) / 2;
    uint16_t even = (uint16_t)(h & 1 ? h + 1 : h);
    CHECKF(gk_bfloat_from_float((float)middle) == even, "tie above bfloat %04x", h);
    CHECKF(gk_bfloat_from_float(nextafterf((float)middle, 0)) == h, "below tie of %04x", h);
    // From a double the rounding is one, however near to the tie.
    uint16_t got;
    gk_scalar s = gk_scalar_from_double(nextafter(middle, 0), GK_bfloat16);
    memcpy(&got, s.bytes, 2);
    CHECKF(got == h, "below tie of bfloat %04x from double: %04x", h, got);
    s = gk_scalar_from_double(nextafter(middle, 1e300), GK_bfloat16);
    memcpy(&got, s.bytes, 2);
    CHECKF(got == h + 1, "above tie of bfloat %04x from double: %04x", h, got);
  }
}

static void test_promotion(void) {
  // NumPy's promote_types for bool, int8, uint8, int16 ... uint64; 0 where that is a float.
  static const uint8_t expected[9][9] = {
      {1, 2, 3, 4, 5, 6, 7, 8, 9}, {2, 2, 4, 4, 6, 6, 8, 8, 0}, {3, 4, 3, 4, 5, 6, 7, 8, 9},
      {4, 4, 4, 4, 6, 6, 8, 8, 0}, {5, 6, 5, 6, 5, 6, 7, 8, 9}, {6, 6, 6, 6, 6, 6, 8, 8, 0},
      {7, 8, 7, 8, 7, 8, 7, 8, 9}, {8, 8, 8, 8, 8, 8, 8, 8, 0}, {9, 0, 9, 0, 9, 0, 9, 0, 9},
  };
  for (uint8_t a = 1; a < GK_DTYPE_COUNT; a++) {
    CHECK(gk_promote(a, a) == a);
    CHECK(gk_promote(a, 0) == 0 && gk_promote(0, a) == 0 && gk_promote(a, GK_DTYPE_COUNT) == 0);
    for (uint8_t b = 1; b < GK_DTYPE_COUNT; b++) {
      uint8_t c = gk_promote(a, b);
      const char *names[2] = {gk_dtypes[a].name, gk_dtypes[b].name};
      CHECKF(c == gk_promote(b, a), "%s, %s commute", names[0], names[1]);
      if (a <= 9 && b <= 9) {
        CHECKF(c == expected[a - 1][b - 1], "%s, %s", names[0], names[1]);
      } else if (a == GK_complex64 || b == GK_complex64) {
        CHECKF(c == GK_complex64, "%s, %s", names[0], names[1]);
      } else if (a <= 9 || b <= 9) {
        CHECKF(c == (a <= 9 ? b : a), "%s with %s stays that float", names[0], names[1]);
      } else if (a != b && a <= GK_bfloat16 && b <= GK_bfloat16) {
        CHECK(c == GK_float32);
      } else {
        CHECKF(c == (a > b ? a : b), "%s, %s", names[0], names[1]);
      }
      // The result takes in both operands.
      if (c) CHECKF(gk_promote(a, c) == c, "%s, %s stable", names[0], names[1]);
    }
  }
}

static int64_t as_integer(double value, uint8_t dtype) {
  gk_scalar s = gk_scalar_from_double(value, dtype);
  return (int64_t)gk_scalar_to_double(s.bytes, dtype);
}

static void test_scalars(void) {
  CHECK(as_integer(300, GK_int8) == 127 && as_integer(-300, GK_int8) == -128);
  CHECK(as_integer(-2.9, GK_int8) == -2 && as_integer(2.9, GK_uint8) == 2);
  CHECK(as_integer(-1, GK_uint16) == 0 && as_integer(1e9, GK_uint16) == 65535);
  CHECK(as_integer(NAN, GK_int32) == 0 && as_integer(NAN, GK_uint64) == 0);
  CHECK(as_integer(INFINITY, GK_int32) == INT32_MAX &&
        as_integer(-INFINITY, GK_int32) == INT32_MIN);
  CHECK(gk_scalar_from_double(INFINITY, GK_int64).i64 == INT64_MAX);
  CHECK(gk_scalar_from_double(-0x1p63, GK_int64).i64 == INT64_MIN);
  CHECK(gk_scalar_from_double(0x1p63, GK_int64).i64 == INT64_MAX);
  CHECK(gk_scalar_from_double(0x1p63, GK_uint64).u64 == (uint64_t)1 << 63);
  CHECK(gk_scalar_from_double(0x1p64, GK_uint64).u64 == UINT64_MAX);
  CHECK(gk_scalar_from_double(-5, GK_uint64).u64 == 0);
  CHECK(as_integer(NAN, GK_bool) == 1 && as_integer(0.5, GK_bool) == 1 &&
        as_integer(-0.0, GK_bool) == 0);
  for (uint8_t d = 1; d < GK_DTYPE_COUNT; d++) {
    CHECK(as_integer(1, d) == 1 && as_integer(0, d) == 0);
    CHECK(gk_dtypes[d].size == (gk_dtypes[d].bits + 7) / 8);
    gk_scalar s = gk_scalar_from_double(1, d);
    for (int i = gk_dtypes[d].size; i < 16; i++) CHECK(s.bytes[i] == 0);
  }
  gk_scalar s = gk_scalar_from_double(1.5, GK_complex64);
  CHECK(gk_scalar_to_double(s.bytes, GK_complex64) == 1.5);
}

int main(void) {
  test_half();
  test_bfloat();
  test_promotion();
  test_scalars();
  return test_done();
}
