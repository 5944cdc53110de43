// Loads and stores of arrays with any strides. A block of 256 threads takes 1024 elements, in row-major
// order. Threads take groups of four neighbours along the innermost axis, so that their place is computed
// once and they may be moved as vectors; where that axis does not fall into such groups, elements 256 apart.
#pragma once

#include "layout.cuh"
#include "strided.h"

enum { GK_GROUP = GK_STRIDED_GROUP };

// The thread's elements: `count` of them are there, `step` apart from `first` on.
typedef struct gk_share {
  int64_t first;
  int step, count;
} gk_share;

GK_INLINE gk_share gk_share_at(const gk_strided &a, int64_t block) {
  const int64_t begin = block * GK_STRIDED_BLOCK;
  gk_share s;
  s.step = a.grouped ? 1 : GK_STRIDED_THREADS;
  s.first = begin + (int)threadIdx.x * (a.grouped ? GK_GROUP : 1);
  int64_t left = a.layout.size - s.first;
  if (!a.grouped) left = (left + GK_STRIDED_THREADS - 1) / GK_STRIDED_THREADS;
  s.count = left < 0 ? 0 : left < GK_GROUP ? (int)left : GK_GROUP;
  return s;
}
GK_INLINE gk_share gk_share_of(const gk_strided &a) { return gk_share_at(a, blockIdx.x); }

// Their places in operand k.
GK_INLINE void gk_find(const gk_strided &a, const gk_share &s, int k, int64_t *at) {
  if (a.grouped) {
    int64_t place[1][1];
    gk_places(a.layout, s.first, 0, k, place);
    GK_UNROLL
    for (int e = 0; e < GK_GROUP; e++) at[e] = place[0][0] + e * a.layout.axis[0].stride[k];
  } else {
    int64_t place[1][GK_GROUP];
    gk_places(a.layout, s.first, s.step, k, place);
    GK_UNROLL
    for (int e = 0; e < GK_GROUP; e++) at[e] = place[0][e];
  }
}

// Vectors of at most 16 bytes.
template <class T>
constexpr int gk_group_vector = sizeof(T) * GK_GROUP > 16 ? 16 / (int)sizeof(T) : GK_GROUP;

template <class T>
GK_INLINE void gk_load_group(const void *from, bool together, int count, const int64_t *at, T *x) {
  constexpr int V = gk_group_vector<T>;
  if (together && count == GK_GROUP) {
    GK_UNROLL
    for (int e = 0; e < GK_GROUP; e += V) gk_load_vector<V>((const T *)from + at[0] + e, x + e);
  } else {
    GK_UNROLL
    for (int e = 0; e < GK_GROUP; e++) x[e] = e < count ? ((const T *)from)[at[e]] : T{};
  }
}

// The thread's elements of operand k, which begins at `from`: their bits, see GK_LOAD_BITS.
GK_INLINE void gk_load_strided(const gk_strided &a, const gk_share &s, int k, const void *from,
                               int64_t *bits) {
  const bool together = a.together >> k & 1;
  int64_t at[GK_GROUP];
  gk_find(a, s, k, at);
#define GK_LOAD(T)                                                                                 \
  {                                                                                                \
    T x[GK_GROUP];                                                                                 \
    gk_load_group(from, together, s.count, at, x);                                                 \
    GK_UNROLL                                                                                      \
    for (int e = 0; e < GK_GROUP; e++) bits[e] = (int64_t)x[e];                                    \
  }                                                                                                \
  break
  switch (a.dtype[k]) { GK_LOAD_BITS(GK_LOAD) }
#undef GK_LOAD
}

// What these bits are in dtype `code`, as To.
template <class To> GK_INLINE void gk_convert_bits(int code, const int64_t *bits, To *x) {
#define GK_CONVERT(value)                                                                          \
  GK_UNROLL                                                                                        \
  for (int e = 0; e < GK_GROUP; e++) x[e] = gk_cast<To>(value);                                    \
  break
  switch (code) { GK_FROM_BITS(GK_CONVERT, bits[e]) }
#undef GK_CONVERT
}

// Into the thread's elements of operand k, at these places of `to`.
template <class T>
GK_INLINE void gk_store_strided(const gk_strided &a, const gk_share &s, int k, void *to,
                                const int64_t *at, const T *x) {
  constexpr int V = gk_group_vector<T>;
  if ((a.together >> k & 1) && s.count == GK_GROUP) {
    GK_UNROLL
    for (int e = 0; e < GK_GROUP; e += V) gk_store_vector<V>((T *)to + at[0] + e, x + e);
  } else {
    GK_UNROLL
    for (int e = 0; e < GK_GROUP; e++)
      if (e < s.count) ((T *)to)[at[e]] = x[e];
  }
}
