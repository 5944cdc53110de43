// CUDA's mathematics for users' sources: the C library's functions under CUDA's overloads, and by them what
// CUDA has besides. Before shim.h.
#pragma once

// ---- the C library's, with overloads for float and whole numbers

#define STANDIN_MATH1(name)                                                                        \
  extern "C" double name(double) noexcept;                                                         \
  extern "C" float name##f(float) noexcept;                                                        \
  static inline float name(float x) { return name##f(x); }                                         \
  static inline double name(int x) { return name((double)x); }                                     \
  static inline double name(unsigned x) { return name((double)x); }                                \
  static inline double name(long x) { return name((double)x); }                                    \
  static inline double name(long long x) { return name((double)x); }
STANDIN_MATH1(acos)
STANDIN_MATH1(acosh)
STANDIN_MATH1(asin)
STANDIN_MATH1(asinh)
STANDIN_MATH1(atan)
STANDIN_MATH1(atanh)
STANDIN_MATH1(cbrt)
STANDIN_MATH1(ceil)
STANDIN_MATH1(cos)
STANDIN_MATH1(cosh)
STANDIN_MATH1(erf)
STANDIN_MATH1(erfc)
STANDIN_MATH1(exp)
STANDIN_MATH1(exp2)
STANDIN_MATH1(expm1)
STANDIN_MATH1(fabs)
STANDIN_MATH1(floor)
STANDIN_MATH1(lgamma)
STANDIN_MATH1(log)
STANDIN_MATH1(log10)
STANDIN_MATH1(log1p)
STANDIN_MATH1(log2)
STANDIN_MATH1(logb)
STANDIN_MATH1(nearbyint)
STANDIN_MATH1(rint)
STANDIN_MATH1(round)
STANDIN_MATH1(sin)
STANDIN_MATH1(sinh)
STANDIN_MATH1(sqrt)
STANDIN_MATH1(tan)
STANDIN_MATH1(tanh)
STANDIN_MATH1(tgamma)
STANDIN_MATH1(trunc)

template <typename A, typename B> struct standin_wider {
  typedef double type;
};
template <> struct standin_wider<float, float> {
  typedef float type;
};
template <> struct standin_wider<float, int> {
  typedef float type;
};
template <typename A, typename B> struct standin_same {
  enum { value = 0 };
};
template <typename A> struct standin_same<A, A> {
  enum { value = 1 };
};
template <bool, typename T> struct standin_if {};
template <typename T> struct standin_if<true, T> {
  typedef T type;
};

#define STANDIN_MATH2(name)                                                                        \
  extern "C" double name(double, double) noexcept;                                                 \
  extern "C" float name##f(float, float) noexcept;                                                 \
  static inline float name(float x, float y) { return name##f(x, y); }                             \
  template <typename A, typename B>                                                                \
  static inline                                                                                    \
      typename standin_if<__is_arithmetic(A) && __is_arithmetic(B) &&                              \
                              !(standin_same<A, double>::value &&                                  \
                                standin_same<B, double>::value) &&                                 \
                              !(standin_same<A, float>::value && standin_same<B, float>::value),   \
                          typename standin_wider<A, B>::type>::type                                \
      name(A x, B y) {                                                                             \
    return (typename standin_wider<A, B>::type)name((double)x, (double)y);                         \
  }
STANDIN_MATH2(atan2)
STANDIN_MATH2(copysign)
STANDIN_MATH2(fdim)
STANDIN_MATH2(fmax)
STANDIN_MATH2(fmin)
STANDIN_MATH2(fmod)
STANDIN_MATH2(hypot)
STANDIN_MATH2(nextafter)
STANDIN_MATH2(pow)
STANDIN_MATH2(remainder)

#define STANDIN_MATH_WHOLE(Result, name)                                                           \
  extern "C" Result name(double) noexcept;                                                         \
  extern "C" Result name##f(float) noexcept;                                                       \
  static inline Result name(float x) { return name##f(x); }
STANDIN_MATH_WHOLE(int, ilogb)
STANDIN_MATH_WHOLE(long, lrint)
STANDIN_MATH_WHOLE(long, lround)
STANDIN_MATH_WHOLE(long long, llrint)
STANDIN_MATH_WHOLE(long long, llround)

extern "C" {
double fma(double, double, double) noexcept;
float fmaf(float, float, float) noexcept;
double ldexp(double, int) noexcept;
float ldexpf(float, int) noexcept;
double scalbn(double, int) noexcept;
float scalbnf(float, int) noexcept;
double frexp(double, int *) noexcept;
float frexpf(float, int *) noexcept;
double modf(double, double *) noexcept;
float modff(float, float *) noexcept;
double remquo(double, double, int *) noexcept;
float remquof(float, float, int *) noexcept;
double nan(const char *) noexcept;
float nanf(const char *) noexcept;
double j0(double) noexcept;
double j1(double) noexcept;
double y0(double) noexcept;
double y1(double) noexcept;
int abs(int) noexcept;
long labs(long) noexcept;
long long llabs(long long) noexcept;
}
static inline float fma(float x, float y, float z) { return fmaf(x, y, z); }
static inline float ldexp(float x, int n) { return ldexpf(x, n); }
static inline float scalbn(float x, int n) { return scalbnf(x, n); }
static inline float frexp(float x, int *n) { return frexpf(x, n); }
static inline float modf(float x, float *whole) { return modff(x, whole); }
static inline float remquo(float x, float y, int *n) { return remquof(x, y, n); }
static inline long abs(long x) { return x < 0 ? -x : x; }
static inline long long abs(long long x) { return x < 0 ? -x : x; }
static inline float abs(float x) { return fabsf(x); }
static inline double abs(double x) { return fabs(x); }
static inline float j0f(float x) { return (float)j0(x); }
static inline float j1f(float x) { return (float)j1(x); }
static inline float y0f(float x) { return (float)y0(x); }
static inline float y1f(float x) { return (float)y1(x); }

#define STANDIN_KIND(T)                                                                            \
  static inline bool isnan(T x) { return __builtin_isnan(x); }                                     \
  static inline bool isinf(T x) { return __builtin_isinf(x); }                                     \
  static inline bool isfinite(T x) { return __builtin_isfinite(x); }                               \
  static inline bool signbit(T x) { return __builtin_signbit(x); }
STANDIN_KIND(float)
STANDIN_KIND(double)

// ---- CUDA's own

#define STANDIN_OWN1(name, double_form, float_form)                                                \
  static inline double name(double x) { return double_form; }                                      \
  static inline float name##f(float x) { return float_form; }                                      \
  static inline float name(float x) { return name##f(x); }
STANDIN_OWN1(rcbrt, 1 / cbrt(x), 1 / cbrtf(x))
STANDIN_OWN1(exp10, pow(10.0, x), powf(10.0f, x))
STANDIN_OWN1(normcdf, 0.5 * erfc(-x * 0.70710678118654752440), 0.5f * erfcf(-x * 0.70710678f))
STANDIN_OWN1(erfcx, exp(x *x) * erfc(x), (float)(exp((double)x * x) * erfc((double)x)))
// Exact at the multiples of a half.
static inline double standin_quarter(double x, int *quarter) {
  const double rest = remquo(x, 0.5, quarter);
  return rest * 3.14159265358979323846;
}
static inline double sinpi(double x) {
  int n;
  const double r = standin_quarter(x, &n);
  const double value = n & 1 ? cos(r) : sin(r);
  return n & 2 ? -value : value;
}
static inline double cospi(double x) {
  int n;
  const double r = standin_quarter(x, &n);
  const double value = n & 1 ? sin(r) : cos(r);
  return (n + 1) & 2 ? -value : value;
}
static inline float sinpif(float x) { return (float)sinpi((double)x); }
static inline float cospif(float x) { return (float)cospi((double)x); }
static inline float sinpi(float x) { return sinpif(x); }
static inline float cospi(float x) { return cospif(x); }
#define STANDIN_BOTH(T, name, sine, cosine)                                                        \
  static inline void name(T x, T *s, T *c) {                                                       \
    *s = sine(x);                                                                                  \
    *c = cosine(x);                                                                                \
  }
STANDIN_BOTH(double, sincos, sin, cos)
STANDIN_BOTH(float, sincos, sinf, cosf)
STANDIN_BOTH(float, sincosf, sinf, cosf)
STANDIN_BOTH(double, sincospi, sinpi, cospi)
STANDIN_BOTH(float, sincospif, sinpif, cospif)
STANDIN_BOTH(float, __sincosf, sinf, cosf)
static inline float norm3df(float x, float y, float z) { return sqrtf(x * x + y * y + z * z); }
static inline double norm3d(double x, double y, double z) { return sqrt(x * x + y * y + z * z); }
static inline float norm4df(float x, float y, float z, float w) {
  return sqrtf(x * x + y * y + z * z + w * w);
}
static inline float rnorm3df(float x, float y, float z) { return 1 / norm3df(x, y, z); }
static inline float rhypotf(float x, float y) { return 1 / hypotf(x, y); }
static inline double rhypot(double x, double y) { return 1 / hypot(x, y); }

// Those that a GPU computes roughly are computed well here.
#define STANDIN_ROUGH(name, form)                                                                  \
  static inline float name(float x) { return form; }
STANDIN_ROUGH(__expf, expf(x))
STANDIN_ROUGH(__exp10f, powf(10.0f, x))
STANDIN_ROUGH(__logf, logf(x))
STANDIN_ROUGH(__log2f, log2f(x))
STANDIN_ROUGH(__log10f, log10f(x))
STANDIN_ROUGH(__sinf, sinf(x))
STANDIN_ROUGH(__cosf, cosf(x))
STANDIN_ROUGH(__tanf, tanf(x))
STANDIN_ROUGH(__frcp_rn, 1 / x)
STANDIN_ROUGH(__frsqrt_rn, 1 / sqrtf(x))
STANDIN_ROUGH(__tanhf, tanhf(x))
STANDIN_ROUGH(__saturatef, x > 0 ? (x < 1 ? x : 1) : 0)
static inline float __powf(float x, float y) { return powf(x, y); }
static inline double __drcp_rn(double x) { return 1 / x; }

// ---- conversions: rounded as said, held within the range; not a number gives 0

template <typename To, typename From> static inline To standin_convert(From x) {
  const To low = (To)-1 < 0 ? (To)((unsigned long long)1 << (8 * sizeof(To) - 1)) : 0;
  const To high = (To)~low;
  if (__builtin_isnan(x)) return 0;
  if ((double)x <= (double)low) return low;
  return (double)x >= (double)high ? high : (To)x;
}
#define STANDIN_CONVERT(from, From, to, To)                                                        \
  static inline To __##from##2##to##_rn(From x) { return standin_convert<To>(rint(x)); }           \
  static inline To __##from##2##to##_rz(From x) { return standin_convert<To>(trunc(x)); }          \
  static inline To __##from##2##to##_ru(From x) { return standin_convert<To>(ceil(x)); }           \
  static inline To __##from##2##to##_rd(From x) { return standin_convert<To>(floor(x)); }
STANDIN_CONVERT(float, float, int, int)
STANDIN_CONVERT(float, float, uint, unsigned)
STANDIN_CONVERT(float, float, ll, long long)
STANDIN_CONVERT(float, float, ull, unsigned long long)
STANDIN_CONVERT(double, double, int, int)
STANDIN_CONVERT(double, double, uint, unsigned)
STANDIN_CONVERT(double, double, ll, long long)
STANDIN_CONVERT(double, double, ull, unsigned long long)
#define STANDIN_TO_FLOAT(from, From)                                                               \
  static inline float __##from##2float_rn(From x) { return (float)x; }                             \
  static inline double __##from##2double_rn(From x) { return (double)x; }
STANDIN_TO_FLOAT(int, int)
STANDIN_TO_FLOAT(uint, unsigned)
STANDIN_TO_FLOAT(ll, long long)
STANDIN_TO_FLOAT(ull, unsigned long long)
static inline float __double2float_rn(double x) { return (float)x; }

// ---- whole numbers

static inline int __mul24(int x, int y) {
  return (int)((unsigned)(x << 8 >> 8) * (unsigned)(y << 8 >> 8));
}
static inline unsigned __umul24(unsigned x, unsigned y) { return (x & 0xffffff) * (y & 0xffffff); }
static inline unsigned __sad(int x, int y, unsigned z) {
  return z + (x > y ? (unsigned)x - (unsigned)y : (unsigned)y - (unsigned)x);
}
static inline unsigned __usad(unsigned x, unsigned y, unsigned z) {
  return z + (x > y ? x - y : y - x);
}
static inline int __hadd(int x, int y) { return (x & y) + ((x ^ y) >> 1); }
static inline int __rhadd(int x, int y) { return (x | y) - ((x ^ y) >> 1); }
static inline unsigned __uhadd(unsigned x, unsigned y) { return (x & y) + ((x ^ y) >> 1); }
static inline int __dp4a(int x, int y, int sum) {
  for (int i = 0; i < 4; i++) sum += (signed char)(x >> 8 * i) * (signed char)(y >> 8 * i);
  return sum;
}
static inline unsigned __dp4a(unsigned x, unsigned y, unsigned sum) {
  for (int i = 0; i < 4; i++) sum += (x >> 8 * i & 255) * (y >> 8 * i & 255);
  return sum;
}
