// CUDA C++ as plain C++: force-included before each .cu file of the stand-in's library of kernels. What a
// kernel calls here behaves as on a device; what is not here, kernels do not use (inline PTX, textures,
// cooperative groups, `extern __shared__`). Overloads are CUDA's own, so that what compiles here does
// under nvcc. __CUDA_ARCH__ stays undefined; STANDIN marks this compilation.
#pragma once

#ifndef STANDIN_USER // user_shim.h brings its own
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#endif

#include "standin.h"

#define STANDIN 1

// ---- declarations

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))

// Shared memory is the thread-local segment of the library: one launch runs at a time on a thread. The
// checked build puts a zone that nobody may touch before each variable.
#define STANDIN_THREAD_LOCAL [[clang::require_constant_initialization]] thread_local
#define STANDIN_PASTE(a, b) STANDIN_PASTE_(a, b)
#define STANDIN_PASTE_(a, b) a##b
#ifdef STANDIN_CHECKED
#define __shared__                                                                                 \
  __attribute__((used)) thread_local char STANDIN_PASTE(standin_zone_, __COUNTER__)[64];           \
  STANDIN_THREAD_LOCAL
#define STANDIN_IS_CHECKED 1
#else
#define __shared__ STANDIN_THREAD_LOCAL
#define STANDIN_IS_CHECKED 0
#endif

// The next thread of the block, of a kernel that has not waited for anything yet: most go no other way.
static inline int standin_step() {
  standin_place &here = standin_here;
  if (__builtin_expect(here.index >= here.last, 0)) return standin_next();
  here.index++;
  if (++here.thread.x == here.block_size.x) {
    here.thread.x = 0;
    if (++here.thread.y == here.block_size.y) {
      here.thread.y = 0;
      here.thread.z++;
    }
  }
  return 1;
}

// A kernel of one argument: its body, and its entry in the library.
#define GK_KERNEL(threads, name, Arguments) STANDIN_KERNEL(threads, name, Arguments)
#define STANDIN_KERNEL(threads, name, Arguments)                                                   \
  static inline void name##_body(const Arguments &a);                                              \
  static void name##_run(void *const *parameters) {                                                \
    const Arguments &a = *static_cast<const Arguments *>(parameters[0]);                           \
    do name##_body(a);                                                                             \
    while (standin_step());                                                                        \
  }                                                                                                \
  static const uint32_t name##_sizes[] = {sizeof(Arguments)}, name##_offsets[] = {0};              \
  extern "C" {                                                                                     \
  extern STANDIN_API const standin_kernel standin_kernel_##name;                                   \
  const standin_kernel standin_kernel_##name = {#name,   name##_run,         name##_sizes,  1,     \
                                                threads, STANDIN_IS_CHECKED, name##_offsets};      \
  }                                                                                                \
  static inline void name##_body(const Arguments &a)

// ---- where a thread is

#define threadIdx (static_cast<const standin_place &>(standin_here).thread)
#define blockIdx (static_cast<const standin_place &>(standin_here).block)
#define blockDim (static_cast<const standin_place &>(standin_here).block_size)
#define gridDim (static_cast<const standin_place &>(standin_here).grid_size)
#define warpSize 32

// ---- vector types, aligned as CUDA's

// A device loads and stores a vector at multiples of its size only; compilers for CPUs split it up. So the
// checked build looks at each copy.
#ifdef STANDIN_CHECKED
template <typename V> static inline void standin_aligned(const V *at) {
  if ((uintptr_t)at % alignof(V)) standin_misaligned(at, alignof(V));
}
#define STANDIN_COPIES2(V, T)                                                                      \
  V() = default;                                                                                   \
  V(T first, T second) : x(first), y(second) {}                                                    \
  V(const V &other) : x(other.x), y(other.y) { standin_aligned(&other); }                          \
  V &operator=(const V &other) {                                                                   \
    standin_aligned(&other);                                                                       \
    standin_aligned(this);                                                                         \
    x = other.x, y = other.y;                                                                      \
    return *this;                                                                                  \
  }
#define STANDIN_COPIES4(V, T)                                                                      \
  V() = default;                                                                                   \
  V(T first, T second, T third, T last) : x(first), y(second), z(third), w(last) {}                \
  V(const V &other) : x(other.x), y(other.y), z(other.z), w(other.w) { standin_aligned(&other); }  \
  V &operator=(const V &other) {                                                                   \
    standin_aligned(&other);                                                                       \
    standin_aligned(this);                                                                         \
    x = other.x, y = other.y, z = other.z, w = other.w;                                            \
    return *this;                                                                                  \
  }
#else
#define STANDIN_COPIES2(V, T)
#define STANDIN_COPIES4(V, T)
#endif

#define STANDIN_VECTORS(name, T)                                                                   \
  struct name##1 { T x; };                                                                         \
  struct alignas(2 * sizeof(T)) name##2 {                                                          \
    T x, y;                                                                                        \
    STANDIN_COPIES2(name##2, T)                                                                    \
  };                                                                                               \
  struct name##3 { T x, y, z; };                                                                   \
  static inline name##1 make_##name##1(T x) { return {x}; }                                        \
  static inline name##2 make_##name##2(T x, T y) { return {x, y}; }                                \
  static inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }
#define STANDIN_VECTORS4(name, T)                                                                  \
  STANDIN_VECTORS(name, T)                                                                         \
  struct alignas(4 * sizeof(T)) name##4 {                                                          \
    T x, y, z, w;                                                                                  \
    STANDIN_COPIES4(name##4, T)                                                                    \
  };                                                                                               \
  static inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
STANDIN_VECTORS4(char, signed char)
STANDIN_VECTORS4(uchar, unsigned char)
STANDIN_VECTORS4(short, short)
STANDIN_VECTORS4(ushort, unsigned short)
STANDIN_VECTORS4(int, int)
STANDIN_VECTORS4(uint, unsigned)
STANDIN_VECTORS4(float, float)
STANDIN_VECTORS(longlong, long long)
STANDIN_VECTORS(ulonglong, unsigned long long)
STANDIN_VECTORS(double, double)

// ---- what threads do together

// Line and file of the call: a barrier that threads reach at different places is an error.
#define STANDIN_SITE const char *file = __builtin_FILE(), int line = __builtin_LINE()

static inline void __syncthreads(STANDIN_SITE) { standin_barrier(0, file, line); }
static inline int __syncthreads_count(int predicate, STANDIN_SITE) {
  return (int)standin_barrier(predicate, file, line);
}
static inline int __syncthreads_or(int predicate, STANDIN_SITE) {
  return standin_barrier(predicate, file, line) != 0;
}
static inline int __syncthreads_and(int predicate, STANDIN_SITE) {
  return standin_barrier(!predicate, file, line) == 0;
}

static inline void __syncwarp(unsigned mask = 0xffffffffu, STANDIN_SITE) {
  standin_warp(STANDIN_SYNC, mask, 0, 0, file, line);
}

template <typename T> static inline uint64_t standin_bits(T value) {
  static_assert(sizeof(T) <= 8, "warp operations take values of up to 8 bytes");
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof value);
  return bits;
}
template <typename T> static inline T standin_value(uint64_t bits) {
  T value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
template <typename T>
static inline T standin_shuffle(unsigned mask, T value, unsigned source, const char *file,
                                int line) {
  return standin_value<T>(
      standin_warp(STANDIN_SHUFFLE, mask, standin_bits(value), source, file, line));
}

template <typename T>
static inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, STANDIN_SITE) {
  unsigned lane = standin_here.index & 31, first = lane & ~(unsigned)(width - 1);
  return standin_shuffle(mask, value, first | ((unsigned)source & (width - 1)), file, line);
}
template <typename T>
static inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                               STANDIN_SITE) {
  unsigned lane = standin_here.index & 31, at = lane & (width - 1);
  return standin_shuffle(mask, value, delta <= at ? lane - delta : lane, file, line);
}
template <typename T>
static inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                                 STANDIN_SITE) {
  unsigned lane = standin_here.index & 31, left = width - 1 - (lane & (width - 1));
  return standin_shuffle(mask, value, delta <= left ? lane + delta : lane, file, line);
}
template <typename T>
static inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, STANDIN_SITE) {
  unsigned lane = standin_here.index & 31, source = lane ^ (unsigned)bits;
  unsigned last = lane | (width - 1); // a source beyond the lane's own group gives its own value
  return standin_shuffle(mask, value, source <= last ? source : lane, file, line);
}

static inline unsigned __ballot_sync(unsigned mask, int predicate, STANDIN_SITE) {
  return (unsigned)standin_warp(STANDIN_BALLOT, mask, predicate != 0, 0, file, line);
}
static inline int __any_sync(unsigned mask, int predicate, STANDIN_SITE) {
  return __ballot_sync(mask, predicate, file, line) != 0;
}
static inline int __all_sync(unsigned mask, int predicate, STANDIN_SITE) {
  return __ballot_sync(mask, !predicate, file, line) == 0;
}
// Threads come along one after another.
static inline unsigned __activemask() { return 1u << (standin_here.index & 31); }
template <typename T>
static inline unsigned __match_any_sync(unsigned mask, T value, STANDIN_SITE) {
  return (unsigned)standin_warp(STANDIN_MATCH, mask, standin_bits(value), 0, file, line);
}

#define STANDIN_WARP_REDUCE(name, T, op)                                                           \
  static inline T __reduce_##name##_sync(unsigned mask, T value, STANDIN_SITE) {                   \
    return (T)standin_warp(op, mask, (uint64_t)value, 0, file, line);                              \
  }
STANDIN_WARP_REDUCE(add, int, STANDIN_ADD)
STANDIN_WARP_REDUCE(add, unsigned, STANDIN_ADD)
STANDIN_WARP_REDUCE(min, int, STANDIN_MIN)
STANDIN_WARP_REDUCE(min, unsigned, STANDIN_UMIN)
STANDIN_WARP_REDUCE(max, int, STANDIN_MAX)
STANDIN_WARP_REDUCE(max, unsigned, STANDIN_UMAX)
STANDIN_WARP_REDUCE(and, unsigned, STANDIN_AND)
STANDIN_WARP_REDUCE(or, unsigned, STANDIN_OR)
STANDIN_WARP_REDUCE(xor, unsigned, STANDIN_XOR)

static inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// ---- atomics

#define STANDIN_FETCH(name, T, function)                                                           \
  static inline T name(T *at, T value) { return function(at, value, __ATOMIC_RELAXED); }
// `make` is the new value, of `old` and `value`.
#define STANDIN_EXCHANGE(name, T, Bits, make)                                                      \
  static inline T name(T *at, T value) {                                                           \
    Bits *bits = reinterpret_cast<Bits *>(at);                                                     \
    Bits seen = __atomic_load_n(bits, __ATOMIC_RELAXED), next;                                     \
    T old;                                                                                         \
    do {                                                                                           \
      memcpy(&old, &seen, sizeof old);                                                             \
      const T made = make;                                                                         \
      memcpy(&next, &made, sizeof next);                                                           \
    } while (!__atomic_compare_exchange_n(bits, &seen, next, false, __ATOMIC_RELAXED,              \
                                          __ATOMIC_RELAXED));                                      \
    return old;                                                                                    \
  }
#define STANDIN_COMPARE(T)                                                                         \
  static inline T atomicCAS(T *at, T expected, T value) {                                          \
    __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);  \
    return expected;                                                                               \
  }
#define STANDIN_BITWISE(T)                                                                         \
  STANDIN_COMPARE(T)                                                                               \
  STANDIN_FETCH(atomicExch, T, __atomic_exchange_n)                                                \
  STANDIN_FETCH(atomicAnd, T, __atomic_fetch_and)                                                  \
  STANDIN_FETCH(atomicOr, T, __atomic_fetch_or)                                                    \
  STANDIN_FETCH(atomicXor, T, __atomic_fetch_xor)
#define STANDIN_EXTREMES(T)                                                                        \
  STANDIN_EXCHANGE(atomicMin, T, T, value < old ? value : old)                                     \
  STANDIN_EXCHANGE(atomicMax, T, T, value > old ? value : old)
STANDIN_BITWISE(int)
STANDIN_BITWISE(unsigned)
STANDIN_BITWISE(unsigned long long)
STANDIN_COMPARE(unsigned short)
STANDIN_FETCH(atomicAdd, int, __atomic_fetch_add)
STANDIN_FETCH(atomicAdd, unsigned, __atomic_fetch_add)
STANDIN_FETCH(atomicAdd, unsigned long long, __atomic_fetch_add)
STANDIN_FETCH(atomicSub, int, __atomic_fetch_sub)
STANDIN_FETCH(atomicSub, unsigned, __atomic_fetch_sub)
STANDIN_EXCHANGE(atomicAdd, float, uint32_t, old + value)
STANDIN_EXCHANGE(atomicAdd, double, uint64_t, old + value)
STANDIN_EXCHANGE(atomicExch, float, uint32_t, value)
STANDIN_EXTREMES(int)
STANDIN_EXTREMES(unsigned)
STANDIN_EXTREMES(long long)
STANDIN_EXTREMES(unsigned long long)
STANDIN_EXCHANGE(atomicInc, unsigned, unsigned, old >= value ? 0 : old + 1)
STANDIN_EXCHANGE(atomicDec, unsigned, unsigned, old == 0 || old > value ? value : old - 1)

// ---- loads and stores with hints, which mean nothing here

#define STANDIN_LOAD(name)                                                                         \
  template <typename T> static inline T name(const T *at) { return *at; }
#define STANDIN_STORE(name)                                                                        \
  template <typename T> static inline void name(T *at, T value) { *at = value; }
STANDIN_LOAD(__ldg)
STANDIN_LOAD(__ldca)
STANDIN_LOAD(__ldcg)
STANDIN_LOAD(__ldcs)
STANDIN_LOAD(__ldlu)
STANDIN_STORE(__stwb)
STANDIN_STORE(__stcg)
STANDIN_STORE(__stcs)
STANDIN_STORE(__stwt)

// ---- integers and bits

static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
static inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
static inline unsigned __brev(unsigned x) { return __builtin_bitreverse32(x); }
static inline unsigned long long __brevll(unsigned long long x) {
  return __builtin_bitreverse64(x);
}
static inline int __mulhi(int x, int y) { return (int)(((long long)x * y) >> 32); }
static inline unsigned __umulhi(unsigned x, unsigned y) {
  return (unsigned)(((unsigned long long)x * y) >> 32);
}
static inline long long __mul64hi(long long x, long long y) {
  return (long long)(((__int128)x * y) >> 64);
}
static inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
  return (unsigned long long)(((unsigned __int128)x * y) >> 64);
}
static inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const uint64_t bytes = (uint64_t)y << 32 | x;
  unsigned result = 0;
  for (int i = 0; i < 4; i++) {
    const unsigned pick = selector >> 4 * i & 15;
    unsigned byte = (unsigned)(bytes >> 8 * (pick & 7)) & 255;
    if (pick & 8) byte = byte & 128 ? 255 : 0; // the sign, repeated
    result |= byte << 8 * i;
  }
  return result;
}
static inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return (unsigned)(((uint64_t)high << 32 | low) << (shift & 31) >> 32);
}
static inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return (unsigned)(((uint64_t)high << 32 | low) >> (shift & 31));
}

#define STANDIN_CAST(name, To, From)                                                               \
  static inline To name(From from) {                                                               \
    To to;                                                                                         \
    static_assert(sizeof to == sizeof from, "");                                                   \
    memcpy(&to, &from, sizeof to);                                                                 \
    return to;                                                                                     \
  }
STANDIN_CAST(__float_as_int, int, float)
STANDIN_CAST(__float_as_uint, unsigned, float)
STANDIN_CAST(__int_as_float, float, int)
STANDIN_CAST(__uint_as_float, float, unsigned)
STANDIN_CAST(__double_as_longlong, long long, double)
STANDIN_CAST(__longlong_as_double, double, long long)
static inline int __double2hiint(double x) { return (int)(__double_as_longlong(x) >> 32); }
static inline int __double2loint(double x) { return (int)__double_as_longlong(x); }
static inline double __hiloint2double(int high, int low) {
  return __longlong_as_double((long long)((uint64_t)(unsigned)high << 32 | (unsigned)low));
}

// ---- arithmetic

// New in the C library's header, and not in the libraries of today.
#define rsqrtf standin_rsqrtf
#define rsqrt standin_rsqrt
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }
static inline float __fdividef(float x, float y) { return x / y; }

#define STANDIN_ROUNDED(prefix, T, fused, root)                                                    \
  static inline T __##prefix##add_rn(T x, T y) { return x + y; }                                   \
  static inline T __##prefix##sub_rn(T x, T y) { return x - y; }                                   \
  static inline T __##prefix##mul_rn(T x, T y) { return x * y; }                                   \
  static inline T __##prefix##div_rn(T x, T y) { return x / y; }                                   \
  static inline T __##prefix##sqrt_rn(T x) { return root(x); }                                     \
  static inline T fused(T x, T y, T z)
STANDIN_ROUNDED(f, float, __fmaf_rn, sqrtf) { return fmaf(x, y, z); }
STANDIN_ROUNDED(d, double, __fma_rn, sqrt) { return fma(x, y, z); }

// Of floats, the one that is a number where the other is not, as fmin and fmax.
#define STANDIN_EXTREME(T, smaller, larger)                                                        \
  static inline T min(T x, T y) { return smaller; }                                                \
  static inline T max(T x, T y) { return larger; }
STANDIN_EXTREME(int, y<x ? y : x, y> x ? y : x)
STANDIN_EXTREME(unsigned, y<x ? y : x, y> x ? y : x)
STANDIN_EXTREME(long, y<x ? y : x, y> x ? y : x)
STANDIN_EXTREME(unsigned long, y<x ? y : x, y> x ? y : x)
STANDIN_EXTREME(long long, y<x ? y : x, y> x ? y : x)
STANDIN_EXTREME(unsigned long long, y<x ? y : x, y> x ? y : x)
STANDIN_EXTREME(float, fminf(x, y), fmaxf(x, y))
STANDIN_EXTREME(double, fmin(x, y), fmax(x, y))
static inline unsigned min(unsigned x, int y) { return min(x, (unsigned)y); }
static inline unsigned min(int x, unsigned y) { return min((unsigned)x, y); }
static inline unsigned max(unsigned x, int y) { return max(x, (unsigned)y); }
static inline unsigned max(int x, unsigned y) { return max((unsigned)x, y); }

static inline void __trap() { __builtin_trap(); }
