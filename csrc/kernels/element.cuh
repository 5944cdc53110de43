// Element types in device code: one C++ type for each dtype, conversions between any two with the results
// of the CPU's casts (cpu/copy_simd.c), and loads and stores of elements whose dtype is known at run time.
//
// Conversions: integers wrap among each other; floats to integers are cut towards 0 and held within the
// integer's range, NaN gives 0; anything but zero is true; what becomes float16, bfloat16 or complex64, or
// comes from them, goes through float32, but float64 is rounded to 16 bits only once; complex to real keeps
// the real part. NaN stays NaN, its sign and payload are not kept.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernel.cuh"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

#define GK_INLINE static __device__ __forceinline__
#if defined(__CUDACC__)
#define GK_UNROLL _Pragma("unroll")
#define GK_NO_UNROLL _Pragma("unroll 1")
#else
#define GK_UNROLL
#define GK_NO_UNROLL
#endif

struct gk_boolean {
  uint8_t value;
};
struct gk_half {
  uint16_t bits;
};
struct gk_bfloat {
  uint16_t bits;
};
struct alignas(8) gk_complex {
  float re, im;
};

// GK_EACH_DTYPE(X): X(dtype's name, its type) of all; the others of some.
#define GK_EACH_SIGNED(X) X(int8, int8_t) X(int16, int16_t) X(int32, int32_t) X(int64, int64_t)
#define GK_EACH_UNSIGNED(X)                                                                        \
  X(uint8, uint8_t) X(uint16, uint16_t) X(uint32, uint32_t) X(uint64, uint64_t)
#define GK_EACH_INTEGER(X) GK_EACH_SIGNED(X) GK_EACH_UNSIGNED(X)
#define GK_EACH_FLOAT(X)                                                                           \
  X(float16, gk_half) X(bfloat16, gk_bfloat) X(float32, float) X(float64, double)
#define GK_EACH_REAL(X) X(bool, gk_boolean) GK_EACH_INTEGER(X) GK_EACH_FLOAT(X)
#define GK_EACH_DTYPE(X) GK_EACH_REAL(X) X(complex64, gk_complex)

// What is known of a type: its dtype's code, and the type in which it is computed with.
template <class T> struct gk_type;
#define GK_TYPE(name, T, Work)                                                                     \
  template <> struct gk_type<T> {                                                                  \
    static constexpr int code = GK_##name;                                                         \
    typedef Work work;                                                                             \
  };
#define GK_OWN_TYPE(name, T) GK_TYPE(name, T, T)
GK_OWN_TYPE(bool, gk_boolean)
GK_EACH_INTEGER(GK_OWN_TYPE)
GK_TYPE(float16, gk_half, float)
GK_TYPE(bfloat16, gk_bfloat, float)
GK_OWN_TYPE(float32, float)
GK_OWN_TYPE(float64, double)
GK_OWN_TYPE(complex64, gk_complex)
#undef GK_OWN_TYPE
#undef GK_TYPE

template <class A, class B> constexpr bool gk_same = false;
template <class A> constexpr bool gk_same<A, A> = true;
template <class T> constexpr bool gk_is_float = gk_same<T, float> || gk_same<T, double>;
template <class T>
constexpr bool gk_is_signed =
    gk_same<T, int8_t> || gk_same<T, int16_t> || gk_same<T, int32_t> || gk_same<T, int64_t>;
template <class T>
constexpr bool gk_is_unsigned =
    gk_same<T, uint8_t> || gk_same<T, uint16_t> || gk_same<T, uint32_t> || gk_same<T, uint64_t>;
template <class T> constexpr bool gk_is_integer = gk_is_signed<T> || gk_is_unsigned<T>;

// The unsigned integer of as many bytes: how elements are moved that nobody computes with.
template <int bytes> struct gk_word;
template <> struct gk_word<1> {
  typedef uint8_t type;
};
template <> struct gk_word<2> {
  typedef uint16_t type;
};
template <> struct gk_word<4> {
  typedef uint32_t type;
};
template <> struct gk_word<8> {
  typedef uint64_t type;
};
template <class T> using gk_bits = typename gk_word<sizeof(T)>::type;

// What moves `bytes` bytes of elements of `size` at once: with parts as wide as an element or wider, else
// the compiler takes the vector apart.
template <int bytes, int size> struct gk_vector_type : gk_word<bytes> {};
template <int size> struct gk_vector_type<16, size> {
  typedef uint4 type;
};
template <> struct gk_vector_type<16, 8> {
  typedef ulonglong2 type;
};
template <int V, class T> using gk_vector = typename gk_vector_type<V * sizeof(T), sizeof(T)>::type;

// V neighbours, aligned to all their bytes.
template <int V, class T> GK_INLINE void gk_load_vector(const T *from, T *to) {
  gk_vector<V, T> raw = *(const gk_vector<V, T> *)from;
  memcpy(to, &raw, sizeof raw);
}
template <int V, class T> GK_INLINE void gk_store_vector(T *to, const T *from) {
  gk_vector<V, T> raw;
  memcpy(&raw, from, sizeof raw);
  *(gk_vector<V, T> *)to = raw;
}

// The same bytes as another type.
template <class To, class From> GK_INLINE To gk_reinterpret(From x) {
  static_assert(sizeof(To) == sizeof(From), "types of one size");
  To y;
  memcpy(&y, &x, sizeof y);
  return y;
}

// ---- 16-bit floats

#if defined(__CUDACC__)

GK_INLINE float gk_widen(gk_half x) { return __half2float(gk_reinterpret<__half>(x)); }
GK_INLINE float gk_widen(gk_bfloat x) { return gk_reinterpret<float>((uint32_t)x.bits << 16); }
GK_INLINE void gk_narrow(float x, gk_half *y) { *y = gk_reinterpret<gk_half>(__float2half_rn(x)); }
GK_INLINE void gk_narrow(float x, gk_bfloat *y) {
  *y = gk_reinterpret<gk_bfloat>(__float2bfloat16_rn(x));
}

#else

GK_INLINE float gk_widen(gk_half x) {
  uint32_t magnitude = x.bits & 0x7fffu, sign = (uint32_t)(x.bits & 0x8000) << 16, u;
  if (magnitude >= 0x7c00) // infinity and NaN
    u = 0x7f800000u | (magnitude & 0x3ff) << 13 | (magnitude > 0x7c00 ? 0x400000u : 0);
  else if (magnitude >= 0x400)
    u = (magnitude << 13) + (112u << 23);
  else // subnormal: whole multiples of 2^-24
    u = gk_reinterpret<uint32_t>((float)magnitude * 0x1p-24f);
  return gk_reinterpret<float>(u | sign);
}

GK_INLINE float gk_widen(gk_bfloat x) { return gk_reinterpret<float>((uint32_t)x.bits << 16); }

GK_INLINE void gk_narrow(float x, gk_half *y) {
  uint32_t u = gk_reinterpret<uint32_t>(x), magnitude = u & 0x7fffffffu, h;
  if (magnitude > 0x7f800000u)
    h = 0x7e00 | (magnitude >> 13 & 0x3ff);
  else if (magnitude >= 0x477ff000u) // from 65520 on
    h = 0x7c00;
  else if (magnitude >= 0x38800000u)
    h = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
  else // below 2^-14: adding 0.5 makes float's own rounding cut at 2^-24
    h = gk_reinterpret<uint32_t>(gk_reinterpret<float>(magnitude) + 0.5f) - 0x3f000000u;
  y->bits = (uint16_t)(h | (u >> 16 & 0x8000));
}

GK_INLINE void gk_narrow(float x, gk_bfloat *y) {
  uint32_t u = gk_reinterpret<uint32_t>(x);
  uint32_t rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16, quiet = u >> 16 | 0x40;
  y->bits = (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

#endif

// double to float that keeps enough to round again: towards 0, and the last bit set where anything was
// lost. Rounding that to nearest in fewer than 23 bits is rounding once.
GK_INLINE float gk_to_odd(double x) {
  float f = (float)x;
  double back = (double)f;
  if (back == x || x != x) return f;
  uint32_t u = gk_reinterpret<uint32_t>(f);
  return gk_reinterpret<float>((u - (fabs(back) > fabs(x) ? 1u : 0u)) | 1u);
}

// ---- conversions

// x cut towards 0 and held within the range of Integer, without a conversion that is out of it: of such
// results a processor and C++ say different things.
template <class Integer, class Float> GK_INLINE Integer gk_saturate(Float x) {
  constexpr int bits = 8 * sizeof(Integer) - (gk_is_signed<Integer> ? 1 : 0);
  constexpr Integer most = (Integer)(~(uint64_t)0 >> (64 - bits));
  constexpr Integer least = gk_is_signed<Integer> ? (Integer)(-most - 1) : (Integer)0;
  constexpr Float beyond = (Float)((uint64_t)1 << (bits - 1)) * 2; // the first that is too large
  if (x >= beyond) return most;
  return x > (Float)least ? (Integer)x : x == x ? least : (Integer)0;
}

template <class To, class From> GK_INLINE To gk_cast(From x) {
  if constexpr (gk_same<To, From>) {
    return x;
  } else if constexpr (gk_same<To, gk_boolean>) {
    if constexpr (gk_same<From, gk_half> || gk_same<From, gk_bfloat>)
      return gk_boolean{(uint8_t)((x.bits & 0x7fff) != 0)};
    else if constexpr (gk_same<From, gk_complex>)
      return gk_boolean{(uint8_t)(x.re != 0 || x.im != 0)};
    else
      return gk_boolean{(uint8_t)(x != 0)};
  } else if constexpr (gk_same<From, gk_boolean>) {
    return gk_cast<To>((uint8_t)(x.value != 0));
  } else if constexpr (gk_same<From, gk_half> || gk_same<From, gk_bfloat>) {
    return gk_cast<To>(gk_widen(x));
  } else if constexpr (gk_same<From, gk_complex>) {
    return gk_cast<To>(x.re);
  } else if constexpr (gk_same<To, gk_complex>) {
    return gk_complex{(float)x, 0.0f};
  } else if constexpr (gk_same<To, gk_half> || gk_same<To, gk_bfloat>) {
    To y;
    if constexpr (gk_same<From, double>)
      gk_narrow(gk_to_odd(x), &y);
    else
      gk_narrow((float)x, &y);
    return y;
  } else if constexpr (gk_is_float<From> && gk_is_integer<To>) {
    return gk_saturate<To>(x);
  } else {
    return (To)x;
  }
}

// ---- elements whose dtype is an argument of the kernel

// Runs `statement` with T as the type of dtype `code`; nothing for a code that is none.
#define GK_DTYPE_CASE(name, Type, ...)                                                             \
  case GK_##name: {                                                                                \
    typedef Type T;                                                                                \
    __VA_ARGS__;                                                                                   \
    break;                                                                                         \
  }
#define GK_WITH_DTYPE(code, ...)                                                                   \
  switch (code) {                                                                                  \
    GK_DTYPE_CASE(bool, gk_boolean, __VA_ARGS__)                                                   \
    GK_DTYPE_CASE(int8, int8_t, __VA_ARGS__)                                                       \
    GK_DTYPE_CASE(uint8, uint8_t, __VA_ARGS__)                                                     \
    GK_DTYPE_CASE(int16, int16_t, __VA_ARGS__)                                                     \
    GK_DTYPE_CASE(uint16, uint16_t, __VA_ARGS__)                                                   \
    GK_DTYPE_CASE(int32, int32_t, __VA_ARGS__)                                                     \
    GK_DTYPE_CASE(uint32, uint32_t, __VA_ARGS__)                                                   \
    GK_DTYPE_CASE(int64, int64_t, __VA_ARGS__)                                                     \
    GK_DTYPE_CASE(uint64, uint64_t, __VA_ARGS__)                                                   \
    GK_DTYPE_CASE(float16, gk_half, __VA_ARGS__)                                                   \
    GK_DTYPE_CASE(bfloat16, gk_bfloat, __VA_ARGS__)                                                \
    GK_DTYPE_CASE(float32, float, __VA_ARGS__)                                                     \
    GK_DTYPE_CASE(float64, double, __VA_ARGS__)                                                    \
    GK_DTYPE_CASE(complex64, gk_complex, __VA_ARGS__)                                              \
  }

// Runs `statement` with Word as the unsigned integer of `size` bytes.
#define GK_WORD_CASE(bytes, ...)                                                                   \
  case bytes: {                                                                                    \
    typedef gk_word<bytes>::type Word;                                                             \
    __VA_ARGS__;                                                                                   \
    break;                                                                                         \
  }
#define GK_WITH_WORD(size, ...)                                                                    \
  switch (size) {                                                                                  \
    GK_WORD_CASE(1, __VA_ARGS__)                                                                   \
    GK_WORD_CASE(2, __VA_ARGS__)                                                                   \
    GK_WORD_CASE(4, __VA_ARGS__)                                                                   \
    GK_WORD_CASE(8, __VA_ARGS__)                                                                   \
  }

// An element whose dtype is an argument in two steps, for less code, and so that several loads may be under way: an element's `bits` in an
// int64_t (of a signed integer: the number), then what it is.
//
// GK_LOAD_BITS(DO): cases for DO(type to load as). GK_FROM_BITS(DO, bits): cases for DO(the element).
#define GK_LOAD_BITS(DO)                                                                           \
  case GK_bool:                                                                                    \
  case GK_uint8:                                                                                   \
    DO(uint8_t);                                                                                   \
  case GK_int8:                                                                                    \
    DO(int8_t);                                                                                    \
  case GK_uint16:                                                                                  \
  case GK_float16:                                                                                 \
  case GK_bfloat16:                                                                                \
    DO(uint16_t);                                                                                  \
  case GK_int16:                                                                                   \
    DO(int16_t);                                                                                   \
  case GK_uint32:                                                                                  \
  case GK_float32:                                                                                 \
    DO(uint32_t);                                                                                  \
  case GK_int32:                                                                                   \
    DO(int32_t);                                                                                   \
  default:                                                                                         \
    DO(int64_t);
#define GK_FROM_BITS(DO, bits)                                                                     \
  case GK_bool:                                                                                    \
    DO(gk_boolean{(uint8_t)(bits)});                                                               \
  case GK_int8:                                                                                    \
  case GK_int16:                                                                                   \
  case GK_int32:                                                                                   \
  case GK_int64:                                                                                   \
    DO(bits);                                                                                      \
  case GK_float16:                                                                                 \
    DO(gk_half{(uint16_t)(bits)});                                                                 \
  case GK_bfloat16:                                                                                \
    DO(gk_bfloat{(uint16_t)(bits)});                                                               \
  case GK_float32:                                                                                 \
    DO(gk_reinterpret<float>((uint32_t)(bits)));                                                   \
  case GK_float64:                                                                                 \
    DO(gk_reinterpret<double>(bits));                                                              \
  case GK_complex64:                                                                               \
    DO(gk_reinterpret<gk_complex>(bits));                                                          \
  default:                                                                                         \
    DO((uint64_t)(bits));

// Element `at` of an array of dtype `code`, as To; and the other way round.
template <class To> GK_INLINE To gk_load_as(int code, const void *data, int64_t at) {
  int64_t bits;
#define GK_LOAD(T)                                                                                 \
  bits = (int64_t)((const T *)data)[at];                                                           \
  break
#define GK_CONVERT(value) return gk_cast<To>(value)
  switch (code) { GK_LOAD_BITS(GK_LOAD) }
  switch (code) { GK_FROM_BITS(GK_CONVERT, bits) }
#undef GK_LOAD
#undef GK_CONVERT
}
template <class From>
GK_INLINE void gk_store_as(int code, void *data, int64_t at,
                           From value){GK_WITH_DTYPE(code, ((T *)data)[at] = gk_cast<T>(value))}

// A float that integer or bool dtype `code` was asked for, as the bits of that.
GK_INLINE uint64_t gk_to_whole(int code, double x) {
  uint64_t value = 0;
  switch (code) {
#define GK_INTEGER(name, T)                                                                        \
  case GK_##name:                                                                                  \
    value = (uint64_t)gk_cast<T>(x);                                                               \
    break;
    GK_EACH_INTEGER(GK_INTEGER)
#undef GK_INTEGER
  case GK_bool:
    value = x != 0;
    break;
  }
  return value;
}
