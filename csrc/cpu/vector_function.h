// Functions of as many float32 as fill a vector: loops of whole vectors can store past the caches, and
// some functions have a vector form of their own. Only for *_simd.c.
#ifndef GK_CPU_VECTOR_FUNCTION_H
#define GK_CPU_VECTOR_FUNCTION_H

#include <stdint.h>
#include <string.h>

#include "simd.h"

#if defined(__AVX512F__)
enum { VECTOR_FLOATS = 16 };
#elif defined(__AVX__)
enum { VECTOR_FLOATS = 8 };
#else
enum { VECTOR_FLOATS = 4 };
#endif

// A loop over one vector's elements, which clang would otherwise unroll before it looks for vectors.
#if defined(__clang__)
#define VECTORIZE_WHOLE _Pragma("clang loop vectorize(assume_safety) unroll(disable)")
#else
#define VECTORIZE_WHOLE GK_VECTORIZE
#endif

// name##_vector of VECTOR_FLOATS elements, and name##_some of fewer, from a function of one element,
// which is left to the compiler. `in` may be `out`.
#define VECTOR_BY_ELEMENT(name, of32)                                                              \
  static inline void name##_vector(const float *in, float *out) {                                  \
    VECTORIZE_WHOLE                                                                                \
    for (int k = 0; k < VECTOR_FLOATS; k++) out[k] = of32(in[k]);                                  \
  }                                                                                                \
  VECTOR_SOME(name)

// The same from a function of __m512.
#define VECTOR_BY_512(name, of)                                                                    \
  static inline void name##_vector(const float *in, float *out) {                                  \
    _mm512_storeu_ps(out, of(_mm512_loadu_ps(in)));                                                \
  }                                                                                                \
  VECTOR_SOME(name)

#define VECTOR_SOME(name)                                                                          \
  static inline void name##_some(int64_t n, const float *in, float *out) {                         \
    float x[VECTOR_FLOATS] = {0};                                                                  \
    memcpy(x, in, (size_t)n * 4);                                                                  \
    name##_vector(x, x);                                                                           \
    memcpy(out, x, (size_t)n * 4);                                                                 \
  }

#endif
