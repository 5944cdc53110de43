// What the kinds of reductions keep, and how elements get there. A fold has:
//
//   Raw       the element's type in memory; packs of them are read where `packed`
//   Element   what one becomes before it is folded, by get() or load()
//   State     what a thread keeps, begin()
//   chunk     folds m times n elements; m are `step` apart, n follow one another, the first is number `index`
//   Result    what threads and blocks hand on, from leave(); combine() is the same for all dtypes, takes
//             the empty one of leave(begin()) as well, and its order is fixed by whoever calls it
//   finish    writes a result
//
//   real     float64: sum, product or extreme. A chunk of float32 is summed as such, in a tree, unless
//            `wide`: what is lost there is less than in a pairwise sum of all.
//   dot      the same sum of products with the factor of each element
//   pair     complex sums: two float64, chunks likewise
//   whole    64 bits that wrap: sum or product of integers, or how many are true
//   place    the extreme and where it comes first; NaN is beyond all others
//   moments  count, mean and sum of the squared deviations, in float64. A thread takes deviations from its
//            first element: that is one of them, so their squares cannot be much larger than what is left
//            of them about the mean.
//   log      the largest, and the sum of e to the power of what the others are above it
#pragma once

#include "element.cuh"
#include "reduce.h"

#define GK_FLAT _Pragma("unroll 1")

// Elements of a dtype that is known at run time; read one by one.
struct gk_any {};

template <class Raw> struct gk_source {
  static constexpr bool packed = true;
  typedef typename gk_type<Raw>::work Element;
  GK_INLINE Element get(Raw x) { return gk_cast<Element>(x); }
  GK_INLINE Element load(const gk_reduce_arguments &a, int64_t at) {
    return get(((const Raw *)a.in)[at]);
  }
};
template <> struct gk_source<gk_any> {
  static constexpr bool packed = false;
  typedef double Element;
  GK_INLINE Element load(const gk_reduce_arguments &a, int64_t at) {
    return gk_load_as<double>(a.from, a.in, at);
  }
};

// The sum of x[0] to x[n - 1], as a tree.
template <class T, int n, class From> GK_INLINE T gk_tree(const From *x) {
  if constexpr (n == 1)
    return (T)x[0];
  else
    return gk_tree<T, n / 2>(x) + gk_tree<T, n - n / 2>(x + n / 2);
}

GK_INLINE float gk_magnitude(float x) { return fabsf(x); }
GK_INLINE double gk_magnitude(double x) { return fabs(x); }

// The larger one, or the smaller one, of two; NaN if either is.
template <class T> GK_INLINE T gk_extreme(bool largest, T x, T y) {
  bool take = (largest ? y > x : y < x) || y != y;
  return take && x == x ? y : x;
}

// Result `at`, of a floating dtype.
template <class From>
GK_INLINE void gk_store_float(const gk_reduce_arguments &a, int64_t at, From x) {
  switch (a.result) {
#define GK_FLOAT(name, T)                                                                          \
  case GK_##name:                                                                                  \
    ((T *)a.out)[at] = gk_cast<T>(x);                                                              \
    break;
    GK_EACH_FLOAT(GK_FLOAT)
#undef GK_FLOAT
  }
}

// ---- real

struct gk_real_result {
  typedef double Result;
  GK_INLINE double empty(const gk_reduce_arguments &a) {
    return a.step == GK_REDUCE_PROD ? 1 : a.step == GK_REDUCE_MIN_ABS ? (double)INFINITY : 0;
  }
  GK_INLINE double combine(const gk_reduce_arguments &a, double x, double y) {
    if (a.step == GK_REDUCE_PROD) return x * y;
    if (a.step == GK_REDUCE_MAX_ABS) return gk_extreme(true, x, y);
    if (a.step == GK_REDUCE_MIN_ABS) return gk_extreme(false, x, y);
    return x + y;
  }
  template <bool power = true>
  GK_INLINE void finish(const gk_reduce_arguments &a, double x, int64_t at) {
    if (a.op == GK_OP_mean) x /= (double)a.reduced.size;
    if (a.step == GK_REDUCE_SQUARE) x = sqrt(x);
    if constexpr (power) {
      if (a.step == GK_REDUCE_POWER) x = pow(x, 1 / a.order);
    }
    gk_store_float(a, at, x);
  }
};

template <class T> struct gk_real : gk_real_result, gk_source<T> {
  typedef T Raw;
  typedef typename gk_source<T>::Element Element;
  typedef double State;
  GK_INLINE State begin(const gk_reduce_arguments &a) { return gk_real_result::empty(a); }
  GK_INLINE double leave(const gk_reduce_arguments &, State s) { return s; }
  GK_INLINE void finish(const gk_reduce_arguments &a, double x, int64_t at) {
    gk_real_result::finish<gk_same<T, gk_any>>(a, x, at);
  }
  template <int m, int n>
  GK_INLINE void chunk(const gk_reduce_arguments &a, State &s, const Element (&x)[m * n], int64_t,
                       int64_t) {
    Element y[m * n]; // as it is, or its absolute value
    GK_UNROLL
    for (int i = 0; i < m * n; i++) y[i] = a.step > GK_REDUCE_PROD ? gk_magnitude(x[i]) : x[i];
    if (a.step == GK_REDUCE_SUM || a.step == GK_REDUCE_ABS) {
      s += a.wide ? gk_tree<double, m * n>(y) : (double)gk_tree<Element, m * n>(y);
    } else if (a.step == GK_REDUCE_SQUARE) {
      double square[m * n];
      GK_UNROLL
      for (int i = 0; i < m * n; i++) square[i] = (double)y[i] * (double)y[i];
      s += gk_tree<double, m * n>(square);
    } else if (a.step == GK_REDUCE_PROD) {
      GK_UNROLL
      for (int i = 0; i < m * n; i++) s *= (double)y[i];
    } else if (a.step != GK_REDUCE_POWER) {
      Element most = y[0];
      GK_UNROLL
      for (int i = 1; i < m * n; i++) most = gk_extreme(a.step == GK_REDUCE_MAX_ABS, most, y[i]);
      s = gk_extreme(a.step == GK_REDUCE_MAX_ABS, s, (double)most);
    } else if constexpr (gk_same<T, gk_any>) {
      GK_UNROLL
      for (int i = 0; i < m * n; i++) s += pow(y[i], a.order);
    }
  }
};

// ---- dot

template <class T, int n> struct alignas(n * sizeof(T)) gk_pack {
  T x[n];
};

template <class T> struct gk_dot : gk_real_result, gk_source<T> {
  typedef T Raw;
  typedef typename gk_source<T>::Element Element;
  typedef double State;
  GK_INLINE State begin(const gk_reduce_arguments &) { return 0; }
  GK_INLINE double leave(const gk_reduce_arguments &, State s) { return s; }
  GK_INLINE void finish(const gk_reduce_arguments &a, double x, int64_t at) {
    gk_store_float(a, at, x);
  }
  template <int m, int n>
  GK_INLINE void chunk(const gk_reduce_arguments &a, State &s, const Element (&x)[m * n],
                       int64_t index, int64_t step) {
    const T *factor = (const T *)a.factor;
    Element y[m * n];
    if (n > 1 && a.factor_packs && index % n == 0) { // and so is step
      GK_UNROLL
      for (int i = 0; i < m; i++) {
        const gk_pack<T, n> pack = *(const gk_pack<T, n> *)(factor + index + i * step);
        GK_UNROLL
        for (int j = 0; j < n; j++) y[i * n + j] = x[i * n + j] * gk_source<T>::get(pack.x[j]);
      }
    } else {
      GK_UNROLL
      for (int i = 0; i < m * n; i++) {
        const int64_t at = index + i / n * step + i % n;
        y[i] = x[i] * gk_source<T>::get(factor[at * a.factor_stride]);
      }
    }
    s += a.wide ? gk_tree<double, m * n>(y) : (double)gk_tree<Element, m * n>(y);
  }
};

// ---- pair

struct gk_two {
  double re, im;
};

template <> struct gk_source<gk_complex> {
  static constexpr bool packed = true;
  typedef gk_complex Element;
  GK_INLINE Element get(gk_complex x) { return x; }
  GK_INLINE Element load(const gk_reduce_arguments &a, int64_t at) {
    return ((const gk_complex *)a.in)[at];
  }
};
struct gk_any_complex {
  static constexpr bool packed = false;
  typedef gk_complex Element;
  GK_INLINE Element load(const gk_reduce_arguments &a, int64_t at) {
    return gk_load_as<gk_complex>(a.from, a.in, at);
  }
};

struct gk_pair_result {
  typedef gk_two Result;
  GK_INLINE gk_two empty(const gk_reduce_arguments &) { return gk_two{0, 0}; }
  GK_INLINE gk_two combine(const gk_reduce_arguments &, gk_two x, gk_two y) {
    return gk_two{x.re + y.re, x.im + y.im};
  }
  GK_INLINE void finish(const gk_reduce_arguments &a, gk_two x, int64_t at) {
    double by = a.op == GK_OP_mean ? (double)a.reduced.size : 1;
    ((gk_complex *)a.out)[at] = gk_complex{(float)(x.re / by), (float)(x.im / by)};
  }
};

template <class T, class Source> struct gk_pair_of : gk_pair_result, Source {
  typedef T Raw;
  typedef gk_complex Element;
  typedef gk_two State;
  GK_INLINE State begin(const gk_reduce_arguments &a) { return gk_pair_result::empty(a); }
  GK_INLINE gk_two leave(const gk_reduce_arguments &, State s) { return s; }
  template <int m, int n>
  GK_INLINE void chunk(const gk_reduce_arguments &a, State &s, const Element (&x)[m * n], int64_t,
                       int64_t) {
    float re[m * n], im[m * n];
    GK_UNROLL
    for (int i = 0; i < m * n; i++) re[i] = x[i].re, im[i] = x[i].im;
    s.re += a.wide ? gk_tree<double, m * n>(re) : (double)gk_tree<float, m * n>(re);
    s.im += a.wide ? gk_tree<double, m * n>(im) : (double)gk_tree<float, m * n>(im);
  }
};
template <class T> struct gk_pair : gk_pair_of<T, gk_source<T>> {};
template <> struct gk_pair<gk_any> : gk_pair_of<gk_any, gk_any_complex> {};

// ---- whole

struct gk_whole_result {
  typedef uint64_t Result;
  GK_INLINE uint64_t empty(const gk_reduce_arguments &a) { return a.step == GK_REDUCE_PROD; }
  GK_INLINE uint64_t combine(const gk_reduce_arguments &a, uint64_t x, uint64_t y) {
    return a.step == GK_REDUCE_PROD ? x * y : x + y;
  }
  GK_INLINE void finish(const gk_reduce_arguments &a, uint64_t x, int64_t at) {
    uint64_t size = (uint64_t)a.reduced.size;
    if (a.op == GK_OP_mean) {
      gk_store_float(a, at, (a.negative ? (double)(int64_t)x : (double)x) / (double)size);
      return;
    }
    if (a.op == GK_OP_any) x = x != 0;
    if (a.op == GK_OP_all || (a.op == GK_OP_prod && a.step == GK_REDUCE_COUNT)) x = x == size;
    switch (a.result) {
    case GK_bool:
      ((uint8_t *)a.out)[at] = x != 0;
      break;
#define GK_INTEGER(name, T)                                                                        \
  case GK_##name:                                                                                  \
    ((T *)a.out)[at] = (T)x;                                                                       \
    break;
      GK_EACH_INTEGER(GK_INTEGER)
#undef GK_INTEGER
    default:
      if (a.negative)
        gk_store_float(a, at, (int64_t)x);
      else
        gk_store_float(a, at, x);
    }
  }
};

template <class T> struct gk_whole : gk_whole_result, gk_source<T> {
  typedef T Raw;
  typedef typename gk_source<T>::Element Element;
  typedef uint64_t State;
  GK_INLINE State begin(const gk_reduce_arguments &a) { return gk_whole_result::empty(a); }
  GK_INLINE uint64_t leave(const gk_reduce_arguments &, State s) { return s; }
  template <int m, int n>
  GK_INLINE void chunk(const gk_reduce_arguments &a, State &s, const Element (&x)[m * n], int64_t,
                       int64_t) {
    if constexpr (gk_same<T, gk_any>) {
      GK_UNROLL
      for (int i = 0; i < m * n; i++) {
        uint64_t value = gk_to_whole(a.compute, x[i]);
        s = gk_whole_result::combine(a, s, a.step == GK_REDUCE_COUNT ? value != 0 : value);
      }
    } else if (a.step == GK_REDUCE_SUM) {
      if constexpr (sizeof(T) < 4) {
        int32_t sum = 0; // of at most 64 elements of 16 bits
        GK_UNROLL
        for (int i = 0; i < m * n; i++) sum += (int32_t)x[i];
        s += (uint64_t)(int64_t)sum;
      } else {
        GK_UNROLL
        for (int i = 0; i < m * n; i++) s += (uint64_t)x[i];
      }
    } else if (a.step == GK_REDUCE_COUNT) {
      gk_bits<T> mask = (gk_bits<T>)a.mask;
      uint32_t count = 0;
      GK_UNROLL
      for (int i = 0; i < m * n; i++) count += ((gk_bits<T>)x[i] & mask) != 0;
      s += count;
    } else {
      GK_UNROLL
      for (int i = 0; i < m * n; i++) s *= (uint64_t)x[i];
    }
  }
};

// ---- place

constexpr int64_t gk_nowhere = INT64_MAX; // while nothing was beyond the first value

// What threads hand values on as: fewer types than there are dtypes.
template <class T> struct gk_wide_of {
  typedef T type;
};
#define GK_SIGNED_WIDE(name, T)                                                                    \
  template <> struct gk_wide_of<T> {                                                               \
    typedef int64_t type;                                                                          \
  };
#define GK_UNSIGNED_WIDE(name, T)                                                                  \
  template <> struct gk_wide_of<T> {                                                               \
    typedef uint64_t type;                                                                         \
  };
GK_EACH_SIGNED(GK_SIGNED_WIDE)
GK_EACH_UNSIGNED(GK_UNSIGNED_WIDE)

template <class Wide> struct gk_placed {
  Wide value;
  int64_t place;
};

template <class T> GK_INLINE bool gk_is_nan(T x) {
  if constexpr (gk_is_float<T>)
    return x != x;
  else
    return false;
}
// Nothing is below it.
template <class T> GK_INLINE T gk_lowest() {
  if constexpr (gk_is_float<T>)
    return (T)-INFINITY;
  else if constexpr (gk_is_signed<T>)
    return (T)((uint64_t)1 << (8 * sizeof(T) - 1));
  else
    return 0;
}
// Turns the order of all values about, where the smallest is looked for: for the largest, then.
template <class T> GK_INLINE T gk_turn(const gk_reduce_arguments &a, T x) {
  if constexpr (gk_is_float<T>)
    return a.step == GK_REDUCE_SMALLEST ? -x : x;
  else
    return (T)(x ^ (a.step == GK_REDUCE_SMALLEST ? (T) ~(T)0 : (T)0));
}

template <class Wide> struct gk_place_result {
  typedef gk_placed<Wide> Result;
  GK_INLINE Result empty(const gk_reduce_arguments &a) {
    return Result{gk_turn(a, gk_lowest<Wide>()), gk_nowhere};
  }
  GK_INLINE Result combine(const gk_reduce_arguments &a, Result x, Result y) {
    Wide v = gk_turn(a, x.value), w = gk_turn(a, y.value);
    bool beyond = w > v || (gk_is_nan(w) && !gk_is_nan(v));
    bool equal = w == v || (gk_is_nan(w) && gk_is_nan(v));
    return beyond || (equal && y.place < x.place) ? y : x;
  }
  GK_INLINE void finish(const gk_reduce_arguments &a, Result x, int64_t at) {
    if (a.op == GK_OP_min || a.op == GK_OP_max)
      gk_store_as(a.result, a.out, at, x.value);
    else
      gk_store_as(a.result, a.out, at, x.place == gk_nowhere ? (int64_t)0 : x.place);
  }
};

template <class T>
struct gk_place : gk_place_result<typename gk_wide_of<typename gk_type<T>::work>::type>,
                  gk_source<T> {
  typedef T Raw;
  typedef typename gk_source<T>::Element Element;
  typedef typename gk_wide_of<Element>::type Wide;
  typedef gk_placed<Element> State;
  GK_INLINE State begin(const gk_reduce_arguments &) {
    return State{gk_lowest<Element>(), gk_nowhere};
  }
  GK_INLINE gk_placed<Wide> leave(const gk_reduce_arguments &a, State s) {
    return gk_placed<Wide>{(Wide)gk_turn(a, s.value), s.place};
  }
  // First within the chunk, where a place is a small number.
  template <int m, int n>
  GK_INLINE void chunk(const gk_reduce_arguments &a, State &s, const Element (&x)[m * n],
                       int64_t index, int64_t step) {
    Element best = gk_turn(a, x[0]);
    int at = 0; // in x
    GK_UNROLL
    for (int i = 1; i < m * n; i++) {
      Element v = gk_turn(a, x[i]);
      bool take = v > best || (gk_is_nan(v) && !gk_is_nan(best));
      best = take ? v : best;
      at = take ? i : at;
    }
    bool take = best > s.value || (gk_is_nan(best) && !gk_is_nan(s.value));
    s.value = take ? best : s.value;
    s.place = take ? index + at / n * step + at % n : s.place;
  }
};

// ---- moments

struct gk_moments_result {
  struct Result {
    double count, mean, squares;
  };
  GK_INLINE Result empty(const gk_reduce_arguments &) { return Result{0, 0, 0}; }
  // Chan, Golub and LeVeque. The last factor is NaN where a mean is infinite, as the result must be.
  GK_INLINE Result combine(const gk_reduce_arguments &, Result x, Result y) {
    if (y.count == 0) return x;
    if (x.count == 0) return y;
    double count = x.count + y.count, delta = y.mean - x.mean;
    double mean = x.mean + delta * (y.count / count);
    return Result{count, mean, x.squares + y.squares + y.count * delta * (y.mean - mean)};
  }
  GK_INLINE void finish(const gk_reduce_arguments &a, Result x, int64_t at) {
    double divisor = (double)a.reduced.size - a.order; // as NumPy: infinity or NaN with too few
    double result = x.squares / (divisor > 0 ? divisor : 0);
    gk_store_float(a, at, a.op == GK_OP_std ? sqrt(result) : result);
  }
};

template <class T> struct gk_moments : gk_moments_result, gk_source<T> {
  typedef T Raw;
  typedef typename gk_source<T>::Element Element;
  struct State {
    double near, sum, squares;
    int64_t count;
  };
  GK_INLINE State begin(const gk_reduce_arguments &) { return State{0, 0, 0, 0}; }
  GK_INLINE Result leave(const gk_reduce_arguments &, State s) {
    if (s.count == 0) return Result{0, 0, 0};
    double count = (double)s.count, off = s.sum / count, less = off * s.sum;
    bool overflown = s.squares - s.squares != 0 && s.sum - s.sum == 0;
    return Result{count, s.near + off, overflown ? s.squares : s.squares - less};
  }
  template <int m, int n>
  GK_INLINE void chunk(const gk_reduce_arguments &, State &s, const Element (&x)[m * n], int64_t,
                       int64_t) {
    double deviation[m * n], square[m * n], near = s.count == 0 ? (double)x[0] : s.near;
    GK_UNROLL
    for (int i = 0; i < m * n; i++) {
      deviation[i] = (double)x[i] - near;
      square[i] = deviation[i] * deviation[i];
    }
    s.near = near;
    s.sum += gk_tree<double, m * n>(deviation);
    s.squares += gk_tree<double, m * n>(square);
    s.count += m * n;
  }
};

// ---- log

// e to the power of x, in x's precision.
GK_INLINE float gk_power_of_e(float x) { return expf(x); }
GK_INLINE double gk_power_of_e(double x) { return exp(x); }
// What elements are taken relative to, where x is the largest one.
template <class T> GK_INLINE T gk_base(T x) { return x - x == 0 ? x : (T)0; }

// While the largest is infinite or NaN, sums mean nothing; the result is then that largest itself.
struct gk_log_result {
  struct Result {
    double largest, sum;
  };
  GK_INLINE Result empty(const gk_reduce_arguments &) { return Result{(double)-INFINITY, 0}; }
  GK_INLINE Result combine(const gk_reduce_arguments &, Result x, Result y) {
    double largest = gk_extreme(true, x.largest, y.largest), base = gk_base(largest), sum = 0;
    if (x.sum != 0) sum = x.sum * exp(x.largest - base);
    if (y.sum != 0) sum += y.sum * exp(y.largest - base);
    return Result{largest, sum};
  }
  GK_INLINE void finish(const gk_reduce_arguments &a, Result x, int64_t at) {
    double result = x.largest - x.largest == 0 ? x.largest + log(x.sum) : x.largest;
    gk_store_float(a, at, result);
  }
};

template <class T> struct gk_log : gk_log_result, gk_source<T> {
  typedef T Raw;
  typedef typename gk_source<T>::Element Element;
  struct State {
    Element largest;
    double sum;
  };
  GK_INLINE State begin(const gk_reduce_arguments &) { return State{(Element)-INFINITY, 0}; }
  GK_INLINE Result leave(const gk_reduce_arguments &, State s) {
    return Result{(double)s.largest, s.sum};
  }
  template <int m, int n>
  GK_INLINE void chunk(const gk_reduce_arguments &, State &s, const Element (&x)[m * n], int64_t,
                       int64_t) {
    Element largest = s.largest, term[m * n];
    GK_UNROLL
    for (int i = 0; i < m * n; i++) largest = gk_extreme(true, largest, x[i]);
    Element base = gk_base(largest);
    if (largest != s.largest && s.sum != 0) s.sum *= (double)gk_power_of_e(s.largest - base);
    s.largest = largest;
    GK_UNROLL
    for (int i = 0; i < m * n; i++) term[i] = gk_power_of_e(x[i] - base);
    s.sum += gk_tree<double, m * n>(term);
  }
};
