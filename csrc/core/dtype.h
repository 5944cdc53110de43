// Element types: codes, sizes, classes, promotion. The codes are DLPack's type
// code in the high bits and a size in the low ones, folded into one small index.
#ifndef GK_CORE_DTYPE_H
#define GK_CORE_DTYPE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct gk_complex64 {
  float re, im;
} gk_complex64;

enum {
#define GK_DTYPE(index, name, type, class, dlpack, bits) GK_##name = index,
#include "dtypes.def"
#undef GK_DTYPE
  GK_DTYPE_COUNT = 15 // 0 stands for none
};

typedef enum gk_class {
  GK_CLASS_BOOL = 1,
  GK_CLASS_SIGNED = 2,
  GK_CLASS_UNSIGNED = 4,
  GK_CLASS_FLOAT = 8,
  GK_CLASS_COMPLEX = 16
} gk_class;

typedef struct gk_dtype_info {
  const char *name;
  uint8_t size; // in bytes
  uint8_t class, dlpack, bits;
} gk_dtype_info;

extern const gk_dtype_info gk_dtypes[GK_DTYPE_COUNT];

// The dtype of an op on a and b; 0 where there is none (uint64 with a signed
// integer). NumPy 2's rules, but an integer with a float gives that float and float16 with
// bfloat16 gives float32.
uint8_t gk_promote(uint8_t a, uint8_t b);

// One element of any dtype, as bytes.
typedef union gk_scalar {
  uint8_t bytes[16];
  int64_t i64;
  uint64_t u64;
  float f32;
  double f64;
} gk_scalar;

// `value` as an element of `dtype`: integers saturate and truncate, NaN gives 0.
gk_scalar gk_scalar_from_double(double value, uint8_t dtype);
// The element at `data` as a double (real part of a complex one).
double gk_scalar_to_double(const void *data, uint8_t dtype);

// IEEE half and bfloat16 conversions, round to nearest even, NaN stays NaN.
float gk_half_to_float(uint16_t h);
uint16_t gk_half_from_double(double x); // one rounding
float gk_bfloat_to_float(uint16_t h);
uint16_t gk_bfloat_from_float(float x);

#endif
