// What a user's source is compiled with: ../shim.h without any header of the C library, and what NVRTC
// declares of itself beyond that. Names that NVRTC does not know, such as int64_t, stay unknown: here they
// have other names while the shim is read.
#pragma once
#define STANDIN_USER 1

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef long clock_t;
#define int8_t standin_int8_t
#define int16_t standin_int16_t
#define int32_t standin_int32_t
#define int64_t standin_int64_t
#define uint8_t standin_uint8_t
#define uint16_t standin_uint16_t
#define uint32_t standin_uint32_t
#define uint64_t standin_uint64_t
#define uintptr_t standin_uintptr_t
typedef __INT8_TYPE__ int8_t;
typedef __INT16_TYPE__ int16_t;
typedef __INT32_TYPE__ int32_t;
typedef __INT64_TYPE__ int64_t;
typedef __UINT8_TYPE__ uint8_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __UINTPTR_TYPE__ uintptr_t;

extern "C" {
void *memcpy(void *, const void *, size_t) noexcept;
void *memset(void *, int, size_t) noexcept;
void *malloc(size_t) noexcept;
void free(void *) noexcept;
int printf(const char *, ...);
}

#include "user_math.h"

#include "shim.h"

// ---- where a thread is, in CUDA's types

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned first = 1, unsigned second = 1, unsigned third = 1)
      : x(first), y(second), z(third) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return {x, y, z}; }
};

#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim
#define threadIdx (reinterpret_cast<const uint3 &>(standin_here.thread))
#define blockIdx (reinterpret_cast<const uint3 &>(standin_here.block))
#define blockDim (reinterpret_cast<const dim3 &>(standin_here.block_size))
#define gridDim (reinterpret_cast<const dim3 &>(standin_here.grid_size))

// ---- vectors that the product has no use for; none is aligned to more than 16 bytes

STANDIN_VECTORS(long, long)
STANDIN_VECTORS(ulong, unsigned long)
#define STANDIN_WIDE4(name, T)                                                                     \
  struct alignas(16) name##4 { T x, y, z, w; };                                                    \
  static inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
STANDIN_WIDE4(long, long)
STANDIN_WIDE4(ulong, unsigned long)
STANDIN_WIDE4(longlong, long long)
STANDIN_WIDE4(ulonglong, unsigned long long)
STANDIN_WIDE4(double, double)

// ---- shared memory whose size is the launch's, where it is declared outside of a kernel

template <typename T> struct standin_dynamic {
  operator T *() const { return reinterpret_cast<T *>(standin_here.dynamic); }
};

// ---- time, tests, other spellings

static inline long long clock64() { return (long long)__builtin_readcyclecounter(); }
static inline clock_t clock() { return (clock_t)clock64(); }
static inline void __nanosleep(unsigned) {}
static inline void __brkpt() {}
static inline void standin_assert(const char *expression, const char *file, unsigned line,
                                  const char *function) {
  standin_assert(expression, file, (int)line, function);
}
static inline unsigned __match_all_sync(unsigned mask, unsigned long long value, int *all,
                                        STANDIN_SITE) {
  const unsigned same = (unsigned)standin_warp(STANDIN_MATCH, mask, value, 0, file, line);
  *all = same == mask;
  return *all ? mask : 0;
}
#define __managed__
#define __cluster_dims__(...)
#define __maxnreg__(...)
#define atomicAdd_block atomicAdd
#define atomicAdd_system atomicAdd
#define atomicMax_block atomicMax
#define atomicMax_system atomicMax
#define atomicMin_block atomicMin
#define atomicMin_system atomicMin
#define atomicCAS_block atomicCAS
#define atomicCAS_system atomicCAS
#define atomicExch_block atomicExch
#define atomicExch_system atomicExch

#define STANDIN_SMALLER(name, T, relation)                                                         \
  static inline T name(T x, T y) { return x relation y ? x : y; }
STANDIN_SMALLER(umin, unsigned, <)
STANDIN_SMALLER(umax, unsigned, >)
STANDIN_SMALLER(llmin, long long, <)
STANDIN_SMALLER(llmax, long long, >)
STANDIN_SMALLER(ullmin, unsigned long long, <)
STANDIN_SMALLER(ullmax, unsigned long long, >)
static inline double max(float x, double y) { return fmax((double)x, y); }
static inline double max(double x, float y) { return fmax(x, (double)y); }
static inline double min(float x, double y) { return fmin((double)x, y); }
static inline double min(double x, float y) { return fmin(x, (double)y); }

namespace std {
template <typename T> struct standin_plain {
  typedef T type;
};
template <typename T> struct standin_plain<T &> {
  typedef T type;
};
template <typename T> struct standin_plain<T &&> {
  typedef T type;
};
template <typename T> constexpr typename standin_plain<T>::type &&move(T &&x) noexcept {
  return static_cast<typename standin_plain<T>::type &&>(x);
}
template <typename T> constexpr T &&forward(typename standin_plain<T>::type &x) noexcept {
  return static_cast<T &&>(x);
}
} // namespace std

// ---- the table behind a source (registry.c)

// Parameters by value, as a launch gives them: a reference is a pointer.
template <typename T> struct standin_parameter {
  T value;
};
template <int... I> struct standin_numbers {};
template <typename, int... I> struct standin_numbers_of {
  typedef standin_numbers<I...> type;
};

template <typename... T> constexpr uint32_t standin_offset(uint32_t number) {
  const uint32_t sizes[] = {sizeof(standin_parameter<T>)..., 0};
  const uint32_t alignments[] = {alignof(standin_parameter<T>)..., 1};
  uint32_t at = 0;
  for (uint32_t i = 0;; i++) {
    at = (at + alignments[i] - 1) / alignments[i] * alignments[i];
    if (i == number) return at;
    at += sizes[i];
  }
}

template <auto P, typename Type> struct standin_made { // a variable
  static constexpr standin_kernel kernel(const char *name, uint32_t) {
    return {name, nullptr, nullptr, 0, 0, STANDIN_IS_CHECKED, nullptr};
  }
};
template <auto P, typename... T> struct standin_made<P, void (*)(T...)> {
  static constexpr uint32_t sizes[] = {sizeof(standin_parameter<T>)..., 0};
  template <int... I> struct offsets_of {
    static constexpr uint32_t values[] = {standin_offset<T...>(I)..., 0};
  };
  template <int... I> static void run(void *const *parameters) {
    do P(reinterpret_cast<standin_parameter<T> *>(parameters[I])->value...);
    while (standin_step());
  }
  template <int... I>
  static constexpr standin_kernel made(const char *name, uint32_t bounds, standin_numbers<I...>) {
    return {
        name, run<I...>, sizes, sizeof...(T), bounds, STANDIN_IS_CHECKED, offsets_of<I...>::values};
  }
  static constexpr standin_kernel kernel(const char *name, uint32_t bounds) {
    return made(name, bounds,
                typename __make_integer_seq<standin_numbers_of, int, sizeof...(T)>::type());
  }
};

#define STANDIN_ENTRY(name, bounds, bytes, constant, ...)                                          \
  {standin_made<&__VA_ARGS__, decltype(&__VA_ARGS__)>::kernel(name, bounds),                       \
   (const volatile void *)(&__VA_ARGS__), bytes, constant}
#define STANDIN_KERNEL_ENTRY(name, bounds, ...) STANDIN_ENTRY(name, bounds, 0, 0, __VA_ARGS__)
#define STANDIN_VARIABLE_ENTRY(name, constant, ...)                                                \
  STANDIN_ENTRY(name, 0, sizeof(__VA_ARGS__), constant, __VA_ARGS__)
// Of a kernel or a variable.
template <typename T> struct standin_bytes {
  enum { value = sizeof(T) };
};
template <typename... T> struct standin_bytes<void(T...)> {
  enum { value = 0 };
};
template <typename T> standin_bytes<T> standin_bytes_of(T *);
#define STANDIN_NAME_ENTRY(name, bounds, ...)                                                      \
  STANDIN_ENTRY(name, bounds, decltype(standin_bytes_of(&__VA_ARGS__))::value, 0, __VA_ARGS__)

#undef int8_t
#undef int16_t
#undef int32_t
#undef int64_t
#undef uint8_t
#undef uint16_t
#undef uint32_t
#undef uint64_t
#undef uintptr_t
