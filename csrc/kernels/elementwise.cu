// Elementwise ops: for each dtype in which they compute, one kernel of operands without gaps and of that
// dtype (`flat`), one of all others (`light`), and one of any operands for what takes more registers and
// code (`function`); of such, the shorter ones of float32 and less have a flat kernel too (`short`). The op
// is an argument: a branch that is the same in all threads, outside the loop over a thread's elements.
//
// Flat: a block takes 256 x 8 elements (4 of 8 bytes), loaded and stored as vectors of 16 bytes (8 of one
// byte: 8). At the end, and where an array does not begin at a multiple of 16 bytes, single elements.
// All others: strided.cuh. No shared memory. function_float64 has a stack: the library keeps the digits of
// 2 / pi there that count for a large angle.
#include "arithmetic.cuh"
#include "elementwise.h"
#include "strided.cuh"

enum { THREADS = GK_ELEMENTWISE_THREADS, OUT = 3 };

template <class T> using work_of = typename gk_type<T>::work;

template <class T> GK_INLINE work_of<T> to_work(T x) {
  if constexpr (gk_same<T, work_of<T>>)
    return x;
  else
    return gk_widen(x);
}

// A truth value as a number of the op's dtype: what predicates give, and the first operand of `where`.
template <class W> GK_INLINE W truth(bool x) { return gk_cast<W>(gk_boolean{(uint8_t)x}); }
template <class W> GK_INLINE bool is_true(W x) { return gk_cast<gk_boolean>(x).value != 0; }

// ---- ops of E elements: r from x, y and z

#define OP_OF(code, operands, ...)                                                                 \
  case code:                                                                                       \
    GK_UNROLL for (int e = 0; e < E; e++) {                                                        \
      operands;                                                                                    \
      r[e] = __VA_ARGS__;                                                                          \
    }                                                                                              \
    break;
#define OP_OF_ONE(name, ...) OP_OF(GK_OP_##name, const W a = x[e], __VA_ARGS__)
#define OP(name, ...)                                                                              \
  OP_OF(GK_OP_##name, const W a = x[e]; const W b = y[e]; const W c = z[e]; (void)a; (void)b;      \
        (void)c, __VA_ARGS__)
#define PREDICATE(name, ...) OP(name, truth<W>(__VA_ARGS__))

template <class W, int E>
GK_INLINE void light_bool(int op, const W *x, const W *y, const W *z, W *r) {
#define LOGIC(name, expression) OP(name, W{(uint8_t)(expression)})
  switch (op) {
    OP(abs, a)
    OP(square, a)
    OP(floor, a)
    OP(ceil, a)
    OP(round, a)
    OP(trunc, a)
    OP(conj, a)
    LOGIC(isnan, 0)
    LOGIC(isinf, 0)
    LOGIC(isfinite, 1)
    LOGIC(bitwise_not, a.value ^ 1)
    LOGIC(logical_not, a.value ^ 1)
    LOGIC(add, a.value | b.value)
    LOGIC(mul, a.value & b.value)
    LOGIC(maximum, a.value | b.value)
    LOGIC(minimum, a.value & b.value)
    LOGIC(equal, a.value == b.value)
    LOGIC(not_equal, a.value != b.value)
    LOGIC(less, a.value < b.value)
    LOGIC(less_equal, a.value <= b.value)
    LOGIC(greater, a.value > b.value)
    LOGIC(greater_equal, a.value >= b.value)
    LOGIC(logical_and, a.value & b.value)
    LOGIC(logical_or, a.value | b.value)
    LOGIC(logical_xor, a.value ^ b.value)
    LOGIC(bitwise_and, a.value & b.value)
    LOGIC(bitwise_or, a.value | b.value)
    LOGIC(bitwise_xor, a.value ^ b.value)
    OP(where, a.value ? b : c)
    LOGIC(clip, (a.value | b.value) & c.value)
  }
#undef LOGIC
}

// What bool does not have.
#define ORDERED                                                                                    \
  OP(maximum, gk_larger(a, b))                                                                     \
  OP(minimum, gk_smaller(a, b))                                                                    \
  PREDICATE(equal, a == b)                                                                         \
  PREDICATE(not_equal, a != b)                                                                     \
  PREDICATE(less, a < b)                                                                           \
  PREDICATE(less_equal, a <= b)                                                                    \
  PREDICATE(greater, a > b)                                                                        \
  PREDICATE(greater_equal, a >= b)                                                                 \
  OP(where, a != 0 ? b : c)                                                                        \
  OP(clip, gk_smaller(gk_larger(a, b), c))                                                         \
  OP(conj, a)

template <class W, int E>
GK_INLINE void light_integer(int op, const W *x, const W *y, const W *z, W *r) {
  typedef gk_modulo<W> M;
  switch (op) {
    ORDERED
    OP(neg, (W)((M)0 - (M)a))
    OP(abs, a < 0 ? (W)((M)0 - (M)a) : a)
    OP(square, (W)((M)a * (M)a))
    OP(relu, a < 0 ? (W)0 : a)
    OP(sign, (W)((a > 0) - (a < 0)))
    OP(floor, a)
    OP(ceil, a)
    OP(round, a)
    OP(trunc, a)
    PREDICATE(isnan, false)
    PREDICATE(isinf, false)
    PREDICATE(isfinite, true)
    OP(bitwise_not, (W) ~(M)a)
    OP(add, (W)((M)a + (M)b))
    OP(sub, (W)((M)a - (M)b))
    OP(mul, (W)((M)a * (M)b))
    OP(bitwise_and, (W)(a & b))
    OP(bitwise_or, (W)(a | b))
    OP(bitwise_xor, (W)(a ^ b))
    OP(left_shift, gk_left(a, b))
    OP(right_shift, gk_right(a, b))
    OP(fma, (W)((M)a * (M)b + (M)c))
  }
}

template <class W, int E>
GK_INLINE void light_float(int op, const W *x, const W *y, const W *z, W *r) {
  switch (op) {
    ORDERED
    OP(neg, -a)
    OP(abs, gk_magnitude(a))
    OP(square, a * a)
    OP(sqrt, gk_sqrt(a))
    OP(reciprocal, (W)1 / a)
    OP(relu, a <= 0 ? (W)0 : a)
    OP(sign, a > 0 ? (W)1 : a < 0 ? (W)-1 : a == 0 ? (W)0 : a)
    OP(floor, gk_floor(a))
    OP(ceil, gk_ceil(a))
    OP(round, gk_round(a))
    OP(trunc, gk_trunc(a))
    PREDICATE(isnan, a != a)
    PREDICATE(isinf, gk_is_infinite(a))
    PREDICATE(isfinite, gk_is_finite(a))
    OP(angle, a != a ? a : gk_copysign((W)1, a) < 0 ? (W)3.14159265358979323846 : (W)0)
    OP(add, a + b)
    OP(sub, a - b)
    OP(mul, a * b)
    OP(div, a / b)
    OP(fma, gk_fma(a, b, c))
    PREDICATE(is_within, a == b || (gk_is_finite(b) && gk_magnitude(a - b) <= c))
  }
}

template <class W, int E>
GK_INLINE void light_complex(int op, const W *x, const W *y, const W *z, W *r) {
  switch (op) {
    OP(neg, W{-a.re, -a.im})
    OP(square, gk_product(a, a))
    OP(conj, W{a.re, -a.im})
    PREDICATE(isnan, a.re != a.re || a.im != a.im)
    PREDICATE(isinf, gk_is_infinite(a.re) || gk_is_infinite(a.im))
    PREDICATE(isfinite, gk_is_finite(a))
    OP(add, W{a.re + b.re, a.im + b.im})
    OP(sub, W{a.re - b.re, a.im - b.im})
    OP(mul, gk_product(a, b))
    PREDICATE(equal, a.re == b.re && a.im == b.im)
    PREDICATE(not_equal, a.re != b.re || a.im != b.im)
    OP(where, is_true(a) ? b : c)
  }
}

template <class W, int E> GK_INLINE void light(int op, const W *x, const W *y, const W *z, W *r) {
  if constexpr (gk_same<W, gk_boolean>)
    light_bool<W, E>(op, x, y, z, r);
  else if constexpr (gk_same<W, gk_complex>)
    light_complex<W, E>(op, x, y, z, r);
  else if constexpr (gk_is_float<W>)
    light_float<W, E>(op, x, y, z, r);
  else
    light_integer<W, E>(op, x, y, z, r);
}

// Functions short enough to be computed as flat as the light ops; of float32 alone.
template <class W, int E> GK_INLINE void short_functions(int op, const W *x, W *r) {
#define FUNCTION(name) OP_OF_ONE(name, gk_##name(a))
  switch (op) {
    OP_OF_ONE(rsqrt, (W)1 / gk_sqrt(a))
    FUNCTION(exp)
    FUNCTION(exp2)
    FUNCTION(expm1)
    FUNCTION(log)
    FUNCTION(log2)
    FUNCTION(log10)
    FUNCTION(log1p)
    FUNCTION(tanh)
    FUNCTION(erf)
  }
#undef FUNCTION
}

// One element: the code of these is long.
template <class W> GK_INLINE W function_of(int op, W a, W b, W c) {
  (void)a, (void)b, (void)c;
#define FUNCTION(name, ...)                                                                        \
  case GK_OP_##name:                                                                               \
    return __VA_ARGS__;
  if constexpr (gk_same<W, gk_complex>) {
    switch (op) {
      FUNCTION(abs, W{gk_length(a.re, a.im), 0})
      FUNCTION(angle, W{gk_arctan2(a.im, a.re), 0})
      FUNCTION(reciprocal, gk_complex_reciprocal(a))
      FUNCTION(exp, gk_complex_exp(a))
      FUNCTION(div, gk_complex_quotient(a, b))
      FUNCTION(is_within,
               truth<W>((a.re == b.re && a.im == b.im) ||
                        (gk_is_finite(b) && gk_length(a.re - b.re, a.im - b.im) <= c.re)))
    }
  } else if constexpr (gk_is_float<W>) {
    switch (op) {
      FUNCTION(rsqrt, (W)1 / gk_sqrt(a))
      FUNCTION(exp, gk_exp(a))
      FUNCTION(exp2, gk_exp2(a))
      FUNCTION(expm1, gk_expm1(a))
      FUNCTION(log, gk_log(a))
      FUNCTION(log2, gk_log2(a))
      FUNCTION(log10, gk_log10(a))
      FUNCTION(log1p, gk_log1p(a))
      FUNCTION(cbrt, gk_cbrt(a))
      FUNCTION(sin, gk_sin(a))
      FUNCTION(cos, gk_cos(a))
      FUNCTION(tan, gk_tan(a))
      FUNCTION(arcsin, gk_arcsin(a))
      FUNCTION(arccos, gk_arccos(a))
      FUNCTION(arctan, gk_arctan(a))
      FUNCTION(sinh, gk_sinh(a))
      FUNCTION(cosh, gk_cosh(a))
      FUNCTION(tanh, gk_tanh(a))
      FUNCTION(erf, gk_erf(a))
      FUNCTION(pow, gk_pow(a, b))
      FUNCTION(hypot, gk_hypot(a, b))
      FUNCTION(arctan2, gk_arctan2(a, b))
      FUNCTION(floor_divide, gk_float_floor_quotient(a, b))
      FUNCTION(remainder, gk_float_floor_rest(a, b))
      FUNCTION(fmod, gk_float_rest(a, b))
    }
  } else {
    switch (op) {
      FUNCTION(floor_divide, gk_floor_quotient(a, b))
      FUNCTION(remainder, gk_floor_rest(a, b))
      FUNCTION(fmod, gk_rest(a, b))
      FUNCTION(pow, gk_power(a, b))
    }
  }
#undef FUNCTION
  return W{};
}

// Elements go through one after another by turning the arrays: an index that is no constant would put them
// into memory.
template <class W, int E> GK_INLINE void functions(int op, W *x, W *y, W *z, W *r) {
  GK_NO_UNROLL
  for (int turn = 0; turn < E; turn++) {
    W result = function_of(op, x[0], y[0], z[0]);
    GK_UNROLL
    for (int e = 0; e + 1 < E; e++) {
      x[e] = x[e + 1];
      y[e] = y[e + 1];
      z[e] = z[e + 1];
      r[e] = r[e + 1];
    }
    r[E - 1] = result;
  }
}

// ---- flat

// The thread's E of the block's elements: vectors of V that lie 256 vectors apart, or elements that lie 256
// apart and of which `left` are there.
template <class T, int E, int V>
GK_INLINE void load_flat(const T *from, bool vectors, int64_t left, T *x) {
  if (vectors) {
    GK_UNROLL
    for (int e = 0; e < E; e += V)
      gk_load_vector<V>(from + (e / V * THREADS + (int)threadIdx.x) * V, x + e);
  } else {
    GK_UNROLL
    for (int e = 0; e < E; e++) {
      int at = e * THREADS + (int)threadIdx.x;
      x[e] = at < left ? from[at] : T{};
    }
  }
}
template <class T, int E, int V>
GK_INLINE void store_flat(T *to, bool vectors, int64_t left, const T *r) {
  if (vectors) {
    GK_UNROLL
    for (int e = 0; e < E; e += V)
      gk_store_vector<V>(to + (e / V * THREADS + (int)threadIdx.x) * V, r + e);
  } else {
    GK_UNROLL
    for (int e = 0; e < E; e++) {
      int at = e * THREADS + (int)threadIdx.x;
      if (at < left) to[at] = r[e];
    }
  }
}

template <class T, int E, class Out, int V>
GK_INLINE void store_results(void *to, int64_t first, bool vectors, int64_t left,
                             const work_of<T> *r) {
  Out out[E];
  GK_UNROLL
  for (int e = 0; e < E; e++) out[e] = gk_cast<Out>(r[e]);
  store_flat<Out, E, V>((Out *)to + first, vectors, left, out);
}

template <class T, bool function> GK_INLINE void flat(const gk_elementwise_flat &a) {
  typedef work_of<T> W;
  constexpr int E = GK_ELEMENTWISE_FLAT(sizeof(T)), V = E * sizeof(T) > 16 ? 16 / sizeof(T) : E;
  const int64_t first = (int64_t)blockIdx.x * (THREADS * E), left = a.size - first;
  const bool vectors = a.aligned && left >= THREADS * E;
  T in[3][E];
  GK_UNROLL
  for (int k = 0; k < 3; k++) {
    if (k == 0 && a.op == GK_OP_where && a.in[0]) continue;
    if (k < a.inputs && a.in[k]) {
      load_flat<T, E, V>((const T *)a.in[k] + first, vectors, left, in[k]);
    } else {
      T number = gk_reinterpret<T>((gk_bits<T>)a.number[k]);
      GK_UNROLL
      for (int e = 0; e < E; e++) in[k][e] = number;
    }
  }
  W x[E], y[E], z[E], r[E] = {};
  GK_UNROLL
  for (int e = 0; e < E; e++) {
    y[e] = to_work(in[1][e]);
    z[e] = to_work(in[2][e]);
  }
  if (a.op == GK_OP_where && a.in[0]) {
    gk_boolean condition[E];
    load_flat<gk_boolean, E, V>((const gk_boolean *)a.in[0] + first, vectors, left, condition);
    GK_UNROLL
    for (int e = 0; e < E; e++) x[e] = gk_cast<W>(condition[e]);
  } else {
    GK_UNROLL
    for (int e = 0; e < E; e++) x[e] = to_work(in[0][e]);
  }
  if constexpr (function)
    short_functions<W, E>(a.op, x, r);
  else
    light<W, E>(a.op, x, y, z, r);
  if (a.result == gk_type<T>::code)
    store_results<T, E, T, V>(a.out, first, vectors, left, r);
  else
    store_results<T, E, gk_boolean, V>(a.out, first, vectors, left, r);
}

// ---- strided

// Operand k, in the dtype of computation.
template <class T>
GK_INLINE void load_operand(const gk_elementwise_strided &a, const gk_share &s, int k,
                            work_of<T> *x) {
  typedef work_of<T> W;
  T own[GK_GROUP];
  if (!a.in[k]) {
    GK_UNROLL
    for (int e = 0; e < GK_GROUP; e++) own[e] = gk_reinterpret<T>((gk_bits<T>)a.number[k]);
  } else {
    int64_t bits[GK_GROUP];
    gk_load_strided(a.arrays, s, k, a.in[k], bits);
    if (k == 0 && a.op == GK_OP_where) { // 0.5 is true, whatever the dtype of the others
      GK_UNROLL
      for (int e = 0; e < GK_GROUP; e++) x[e] = truth<W>((bits[e] & a.truth) != 0);
      return;
    }
    gk_convert_bits(a.arrays.dtype[k], bits, own);
  }
  GK_UNROLL
  for (int e = 0; e < GK_GROUP; e++) x[e] = to_work(own[e]);
}

template <class Out, class W>
GK_INLINE void store_result(const gk_elementwise_strided &a, const gk_share &s, const int64_t *at,
                            const W *r) {
  Out out[GK_GROUP];
  GK_UNROLL
  for (int e = 0; e < GK_GROUP; e++) out[e] = gk_cast<Out>(r[e]);
  gk_store_strided(a.arrays, s, OUT, a.out, at, out);
}

template <class T, bool function> GK_INLINE void strided(const gk_elementwise_strided &a) {
  typedef work_of<T> W;
  const gk_share s = gk_share_of(a.arrays);
  W x[GK_GROUP] = {}, y[GK_GROUP] = {}, z[GK_GROUP] = {}, r[GK_GROUP] = {};
  GK_NO_UNROLL
  for (int k = 0; k < a.inputs; k++) { // the conversions are long
    W v[GK_GROUP];
    load_operand<T>(a, s, k, v);
    GK_UNROLL
    for (int e = 0; e < GK_GROUP; e++) {
      if (k == 0) x[e] = v[e];
      if (k == 1) y[e] = v[e];
      if (k == 2) z[e] = v[e];
    }
  }
  if constexpr (function)
    functions<W, GK_GROUP>(a.op, x, y, z, r);
  else
    light<W, GK_GROUP>(a.op, x, y, z, r);
  int64_t at[GK_GROUP];
  gk_find(a.arrays, s, OUT, at);
  const int result = a.arrays.dtype[OUT];
  if (result == gk_type<T>::code)
    store_result<T>(a, s, at, r);
  else if (result == GK_bool)
    store_result<gk_boolean>(a, s, at, r);
  else if constexpr (gk_same<T, gk_complex>)
    store_result<float>(a, s, at, r); // the real part
}

// ---- kernels

#define FLAT(name, T)                                                                              \
  GK_KERNEL(GK_ELEMENTWISE_THREADS, elementwise_flat_##name, gk_elementwise_flat) {                \
    flat<T, false>(a);                                                                             \
  }
#define LIGHT(name, T)                                                                             \
  GK_KERNEL(GK_STRIDED_THREADS, elementwise_light_##name, gk_elementwise_strided) {                \
    strided<T, false>(a);                                                                          \
  }
#define FUNCTION(name, T)                                                                          \
  GK_KERNEL(GK_STRIDED_THREADS, elementwise_function_##name, gk_elementwise_strided) {             \
    strided<T, true>(a);                                                                           \
  }
#define SHORT(name, T)                                                                             \
  GK_KERNEL(GK_ELEMENTWISE_THREADS, elementwise_short_##name, gk_elementwise_flat) {               \
    flat<T, true>(a);                                                                              \
  }
GK_EACH_DTYPE(FLAT)
SHORT(float16, gk_half)
SHORT(bfloat16, gk_bfloat)
SHORT(float32, float)
GK_EACH_DTYPE(LIGHT)
GK_EACH_INTEGER(FUNCTION)
GK_EACH_FLOAT(FUNCTION)
FUNCTION(complex64, gk_complex)
