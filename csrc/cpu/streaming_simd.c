// Loops of the elementwise ops that memory bounds, or nearly, storing past the caches. (Through a block in L1, as
// blocks.c streams the results of all others, `add` took a tenth to a third longer.) Each
// result is bit for bit that of the loop in elementwise_simd.c.
#include "elementwise.h"
#include "exponential.h"
#include "simd.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

// With the widest stores that there are: a line written in parts takes longer.
static inline __attribute__((always_inline)) void store_line(void *to, const void *line) {
#if defined(__AVX512F__)
  _mm512_stream_si512((__m512i *)to, *(const __m512i *)line);
#elif defined(__AVX__)
  for (int i = 0; i < 2; i++) _mm256_stream_si256((__m256i *)to + i, ((const __m256i *)line)[i]);
#elif defined(__x86_64__) || defined(_M_X64)
  for (int i = 0; i < 4; i++) _mm_stream_si128((__m128i *)to + i, ((const __m128i *)line)[i]);
#else
  __builtin_memcpy(to, line, 64);
#endif
}

// Up to the first whole line of the output one by one, then by lines, the rest one by one. `line`
// never leaves the registers. The operands are loaded by `prepare` from the place `i`.
#define STREAMING(name, A, T, prepare, expression)                                                 \
  static void name(int64_t n, const void *pa, const void *pb, const void *pc, void *po) {          \
    enum { LINE = 64 / sizeof(T) };                                                                \
    const A *a_ = pa;                                                                              \
    const T *b_ = pb, *c_ = pc;                                                                    \
    T *o_ = po;                                                                                    \
    (void)c_;                                                                                      \
    int64_t head = (int64_t)(-(uintptr_t)po % 64 / sizeof(T)), begin = head < n ? head : n;        \
    int64_t end = begin + (n - begin) / LINE * LINE;                                               \
    for (int64_t i = 0; i < begin; i++) {                                                          \
      prepare;                                                                                     \
      o_[i] = (T)(expression);                                                                     \
    }                                                                                              \
    for (int64_t first = begin; first < end; first += LINE) {                                      \
      _Alignas(64) T line[LINE];                                                                   \
      for (int k = 0; k < LINE; k++) {                                                             \
        int64_t i = first + k;                                                                     \
        prepare;                                                                                   \
        line[k] = (T)(expression);                                                                 \
      }                                                                                            \
      store_line(o_ + first, line);                                                                \
    }                                                                                              \
    for (int64_t i = end; i < n; i++) {                                                            \
      prepare;                                                                                     \
      o_[i] = (T)(expression);                                                                     \
    }                                                                                              \
  }
#define BINARY(name, T, expression) STREAMING(name, T, T, T a = a_[i]; T b = b_[i], expression)
#define TERNARY(name, A, T, expression)                                                            \
  STREAMING(name, A, T, A a = a_[i]; T b = b_[i]; T c = c_[i], expression)

// As NumPy's: the first operand where it is NaN, else the second where that is.
#define LARGER(a, b) ((((a) >= (b)) | ((a) != (a))) ? (a) : (b))
#define SMALLER(a, b) ((((a) <= (b)) | ((a) != (a))) ? (a) : (b))

#define FLOATING(suffix, T, f)                                                                     \
  BINARY(add_##suffix, T, a + b)                                                                   \
  BINARY(sub_##suffix, T, a - b)                                                                   \
  BINARY(mul_##suffix, T, a *b)                                                                    \
  BINARY(div_##suffix, T, a / b)                                                                   \
  BINARY(maximum_##suffix, T, LARGER(a, b))                                                        \
  BINARY(minimum_##suffix, T, SMALLER(a, b))                                                       \
  TERNARY(fma_##suffix, T, T, __builtin_fma##f(a, b, c))                                           \
  STREAMING(clip_##suffix, T, T, T a = a_[i]; T b = b_[i]; T c = c_[i];                            \
            T held = LARGER(a, b), SMALLER(held, c))
FLOATING(f32, float, f)
FLOATING(f64, double, )

// Integers wrap whatever their sign; `where` takes any elements of the size.
#define MODULAR(suffix, T)                                                                         \
  BINARY(add_##suffix, T, a + b)                                                                   \
  BINARY(sub_##suffix, T, a - b)                                                                   \
  BINARY(mul_##suffix, T, a *b)                                                                    \
  TERNARY(where_##suffix, uint8_t, T, a ? b : c)
MODULAR(u32, uint32_t)
MODULAR(u64, uint64_t)

// Functions that take little longer than the memory does.
#define FUNCTION(name)                                                                             \
  static void name##_f32(int64_t n, const void *pa, const void *pb, const void *pc, void *po) {    \
    const float *a = pa;                                                                           \
    float *o = po;                                                                                 \
    (void)pb, (void)pc;                                                                            \
    int64_t i = 0, head = (int64_t)(-(uintptr_t)po % 64 / 4);                                      \
    if (head > n) head = n;                                                                        \
    for (int64_t some; i < head; i += some) {                                                      \
      some = head - i < VECTOR_FLOATS ? head - i : VECTOR_FLOATS;                                  \
      name##_some(some, a + i, o + i);                                                             \
    }                                                                                              \
    for (; i + 16 <= n; i += 16) {                                                                 \
      _Alignas(64) float line[16];                                                                 \
      for (int k = 0; k < 16; k += VECTOR_FLOATS) name##_vector(a + i + k, line + k);              \
      store_line(o + i, line);                                                                     \
    }                                                                                              \
    for (int64_t some; i < n; i += some) {                                                         \
      some = n - i < VECTOR_FLOATS ? n - i : VECTOR_FLOATS;                                        \
      name##_some(some, a + i, o + i);                                                             \
    }                                                                                              \
  }
FUNCTION(exp)
FUNCTION(tanh)
FUNCTION(log)
FUNCTION(log2)
FUNCTION(log10)

#define FLOATS(op)                                                                                 \
  {GK_OP_##op, GK_float32, op##_f32}, { GK_OP_##op, GK_float64, op##_f64 }
#define INTEGERS(op)                                                                               \
  {GK_OP_##op, GK_int32, op##_u32}, {GK_OP_##op, GK_uint32, op##_u32},                             \
      {GK_OP_##op, GK_int64, op##_u64}, {                                                          \
    GK_OP_##op, GK_uint64, op##_u64                                                                \
  }

const gk_streaming_kernels GK_NAME(gk_streaming_table) = {
    .rows = {FLOATS(add),
             FLOATS(sub),
             FLOATS(mul),
             FLOATS(div),
             FLOATS(maximum),
             FLOATS(minimum),
             FLOATS(fma),
             FLOATS(clip),
             INTEGERS(add),
             INTEGERS(sub),
             INTEGERS(mul),
             INTEGERS(where),
             {GK_OP_where, GK_float32, where_u32},
             {GK_OP_where, GK_float64, where_u64},
             {GK_OP_where, GK_complex64, where_u64},
             {GK_OP_exp, GK_float32, exp_f32},
             {GK_OP_tanh, GK_float32, tanh_f32},
             {GK_OP_log, GK_float32, log_f32},
             {GK_OP_log2, GK_float32, log2_f32},
             {GK_OP_log10, GK_float32, log10_f32}},
};
