// The kernels of a fold (scan_fold.cuh): lines, tiles and columns. Their layouts are in scan.h.
//
// A thread reads neighbours along its line, and keeps them until it has learned what lies before them. Shared
// memory: a State for each warp and the elements of the tile (tiles); two States for each thread (columns).
#pragma once

#include "cells.cuh"
#include "layout.cuh"
#include "scan_before.cuh"

// ---- elements

// Elements of a dtype that is known at run time.
struct gk_any {};

// What moves N neighbours of type T: vectors of at most 16 bytes.
template <class T, int N>
constexpr int gk_scan_vector = N * sizeof(T) < 16 ? N : 16 / (int)sizeof(T);

// N neighbours of a line from element `at` on, of which `count` are there; others are 0.
template <class T, int N>
GK_INLINE void gk_scan_load(const gk_scan_arguments &a, int64_t at, int count, T *x) {
  constexpr int vector = gk_scan_vector<T, N>;
  const T *from = (const T *)a.in + at;
  if (a.in_packs && count >= N) {
    GK_UNROLL
    for (int i = 0; i < N; i += vector) gk_load_vector<vector>(from + i, x + i);
  } else {
    GK_UNROLL
    for (int i = 0; i < N; i++) x[i] = i < count ? from[i * a.in_step] : T{};
  }
}
template <class T, int N>
GK_INLINE void gk_scan_store(const gk_scan_arguments &a, int64_t at, int count, const T *x) {
  constexpr int vector = gk_scan_vector<T, N>;
  T *to = (T *)a.out + at;
  if (a.out_packs && count >= N) {
    GK_UNROLL
    for (int i = 0; i < N; i += vector) gk_store_vector<vector>(to + i, x + i);
  } else {
    GK_UNROLL
    for (int i = 0; i < N; i++)
      if (i < count) to[i * a.out_step] = x[i];
  }
}

// Values of elements' bits (see GK_LOAD_BITS), and bits of results.
template <class Value, int N>
GK_INLINE void gk_scan_values(const gk_scan_arguments &a, const int64_t *bits, Value *value) {
#define GK_CONVERT(x)                                                                              \
  GK_UNROLL                                                                                        \
  for (int i = 0; i < N; i++) value[i] = gk_cast<Value>(x);                                        \
  break
  switch (a.from) { GK_FROM_BITS(GK_CONVERT, bits[i]) }
#undef GK_CONVERT
}
template <int N>
GK_INLINE void gk_scan_wholes(const gk_scan_arguments &a, const int64_t *bits, uint64_t *value) {
  if (a.cut) {
    double x[N];
    gk_scan_values<double, N>(a, bits, x);
    switch (a.cut) {
#define GK_CUT(name, T)                                                                            \
  case GK_##name:                                                                                  \
    GK_UNROLL                                                                                      \
    for (int i = 0; i < N; i++) value[i] = (uint64_t)gk_cast<T>(x[i]);                             \
    break;
      GK_EACH_INTEGER(GK_CUT)
#undef GK_CUT
    default:
      GK_UNROLL
      for (int i = 0; i < N; i++) value[i] = x[i] != 0;
    }
    return;
  }
  GK_UNROLL
  for (int i = 0; i < N; i++) value[i] = a.from == GK_bool ? bits[i] != 0 : (uint64_t)bits[i];
}

template <int N>
GK_INLINE void gk_scan_results(const gk_scan_arguments &a, const double *value, uint64_t *bits) {
  switch (a.result) {
#define GK_FLOAT(name, T)                                                                          \
  case GK_##name:                                                                                  \
    GK_UNROLL                                                                                      \
    for (int i = 0; i < N; i++) bits[i] = gk_reinterpret<gk_bits<T>>(gk_cast<T>(value[i]));        \
    break;
    GK_EACH_FLOAT(GK_FLOAT)
#undef GK_FLOAT
  }
}
template <int N>
GK_INLINE void gk_scan_results(const gk_scan_arguments &a, const uint64_t *value, uint64_t *bits) {
  GK_UNROLL
  for (int i = 0; i < N; i++) bits[i] = a.result == GK_bool ? value[i] != 0 : value[i];
}
template <int N>
GK_INLINE void gk_scan_results(const gk_scan_arguments &, const gk_complex *value, uint64_t *bits) {
  GK_UNROLL
  for (int i = 0; i < N; i++) bits[i] = gk_reinterpret<uint64_t>(value[i]);
}

// What results of a kernel for elements of type T are stored as.
template <class T> struct gk_scan_result {
  typedef T type;
};
template <> struct gk_scan_result<int32_t> {
  typedef int64_t type;
};

// What a kernel whose elements have type T holds of them, how values come of that, and how
// results are stored.
template <class Fold, class T> struct gk_scan_elements {
  typedef typename Fold::Value Value;
  typedef T Held;
  typedef typename gk_scan_result<T>::type Result;
  template <int N>
  GK_INLINE void load(const gk_scan_arguments &a, int64_t at, int count, Held *held) {
    gk_scan_load<T, N>(a, at, count, held);
  }
  GK_INLINE Value get(Held x) { return gk_cast<Value>(x); }
  template <int N>
  GK_INLINE void store(const gk_scan_arguments &a, int64_t at, int count, const Value *value) {
    Result x[N];
    GK_UNROLL
    for (int i = 0; i < N; i++) x[i] = gk_cast<Result>(value[i]);
    gk_scan_store<Result, N>(a, at, count, x);
  }
};
template <class Fold> struct gk_scan_elements<Fold, gk_any> {
  typedef typename Fold::Value Value;
  typedef Value Held;
  template <int N>
  GK_INLINE void load(const gk_scan_arguments &a, int64_t at, int count, Held *held) {
    int64_t bits[N];
#define GK_LOAD(T)                                                                                 \
  {                                                                                                \
    T x[N];                                                                                        \
    gk_scan_load<T, N>(a, at, count, x);                                                           \
    GK_UNROLL                                                                                      \
    for (int i = 0; i < N; i++) bits[i] = (int64_t)x[i];                                           \
  }                                                                                                \
  break
    switch (a.from) { GK_LOAD_BITS(GK_LOAD) }
#undef GK_LOAD
    if constexpr (gk_same<Value, uint64_t>)
      gk_scan_wholes<N>(a, bits, held);
    else
      gk_scan_values<Value, N>(a, bits, held);
    GK_UNROLL
    for (int i = 0; i < N; i++)
      if (i >= count) held[i] = Fold::value(Fold::start());
  }
  GK_INLINE Value get(Held x) { return x; }
  template <int N>
  GK_INLINE void store(const gk_scan_arguments &a, int64_t at, int count, const Value *value) {
    uint64_t bits[N];
    gk_scan_results<N>(a, value, bits);
#define GK_STORE(T)                                                                                \
  {                                                                                                \
    T x[N];                                                                                        \
    GK_UNROLL                                                                                      \
    for (int i = 0; i < N; i++) x[i] = (T)bits[i];                                                 \
    gk_scan_store<T, N>(a, at, count, x);                                                          \
  }
    GK_WITH_WORD(a.result_bytes, GK_STORE(Word))
#undef GK_STORE
  }
};

// What N elements come to.
template <class Fold, class Elements, int N>
GK_INLINE typename Fold::State gk_scan_total(const typename Elements::Held *held) {
  typename Fold::State s = Fold::of(Elements::get(held[0]));
  GK_UNROLL
  for (int i = 1; i < N; i++) s = Fold::combine(s, Fold::of(Elements::get(held[i])));
  return s;
}

// The results of N elements behind those that have come to s.
template <class Fold, class Elements, int N>
GK_INLINE void gk_scan_finish(const gk_scan_arguments &a, typename Fold::State s,
                              const typename Elements::Held *held, int64_t at, int count) {
  typename Fold::Value value[N];
  GK_UNROLL
  for (int i = 0; i < N; i++) {
    s = Fold::combine(s, Fold::of(Elements::get(held[i])));
    value[i] = Fold::value(s);
  }
  Elements::template store<N>(a, at, count, value);
}

// Of N elements of a line from number `first` on, how many there are.
template <int N> GK_INLINE int gk_scan_count(int64_t first, int64_t length) {
  const int64_t left = length - first;
  return left <= 0 ? 0 : left < N ? (int)left : N;
}

// ---- lines

template <class Fold, class T> GK_INLINE void gk_scan_lines(const gk_scan_arguments &a) {
  constexpr int N = GK_SCAN_RUN;
  typedef typename Fold::State State;
  typedef gk_scan_elements<Fold, T> Elements;
  const int lane = threadIdx.x % 32, lanes = (int)a.lanes, along = lane & (lanes - 1);
  const int64_t warp = (int64_t)blockIdx.x * GK_SCAN_WARPS + threadIdx.x / 32;
  const int64_t line = (warp * 32 + lane - along) / lanes;
  const bool present = line < a.lines.size;
  int64_t place[2] = {0, 0};
  if (present) gk_offsets(a.lines, line, place);
  State before = Fold::start();
  GK_FLAT
  for (int64_t begin = 0; begin < a.length; begin += lanes * N) {
    const int64_t first = begin + along * N;
    const int count = present ? gk_scan_count<N>(first, a.length) : 0;
    typename Elements::Held held[N];
    Elements::template load<N>(a, place[0] + first * a.in_step, count, held);
    const State sums = gk_scan_lanes<Fold>(gk_scan_total<Fold, Elements, N>(held), along, lanes);
    const State below = gk_state_below(sums, 1);
    gk_scan_finish<Fold, Elements, N>(a, along == 0 ? before : Fold::combine(before, below), held,
                                      place[1] + first * a.out_step, count);
    before = Fold::combine(before, gk_state_of_lane(sums, lane | (lanes - 1)));
  }
}

// ---- tiles

// Rows of a tile, and what a thread has of each.
template <class T> struct gk_scan_shape {
  static constexpr int rows = GK_SCAN_ROWS, run = 16 / sizeof(T);
};
template <> struct gk_scan_shape<gk_any> {
  static constexpr int rows = 1, run = GK_SCAN_RUN;
};

// A thread's N neighbours of row r wait in shared memory, so that registers leave room for more blocks, and
// more bytes under way.
template <class T, int N> GK_INLINE void gk_scan_put(gk_bits<T> *waiting, int r, const T *x) {
  gk_bits<T> bits[N];
  GK_UNROLL
  for (int i = 0; i < N; i++) bits[i] = gk_reinterpret<gk_bits<T>>(x[i]);
  if constexpr (N * sizeof(T) == 16) {
    gk_store_vector<N>(waiting + (r * GK_SCAN_THREADS + threadIdx.x) * N, bits);
  } else {
    GK_UNROLL
    for (int i = 0; i < N; i++) waiting[(r * N + i) * GK_SCAN_THREADS + threadIdx.x] = bits[i];
  }
}
template <class T, int N> GK_INLINE void gk_scan_get(const gk_bits<T> *waiting, int r, T *x) {
  gk_bits<T> bits[N];
  if constexpr (N * sizeof(T) == 16) {
    gk_load_vector<N>(waiting + (r * GK_SCAN_THREADS + threadIdx.x) * N, bits);
  } else {
    GK_UNROLL
    for (int i = 0; i < N; i++) bits[i] = waiting[(r * N + i) * GK_SCAN_THREADS + threadIdx.x];
  }
  GK_UNROLL
  for (int i = 0; i < N; i++) x[i] = gk_reinterpret<T>(bits[i]);
}

template <class Fold, class T> GK_INLINE void gk_scan_tiles(const gk_scan_arguments &a) {
  constexpr int rows = gk_scan_shape<T>::rows, N = gk_scan_shape<T>::run, step = 32 * N;
  typedef typename Fold::State State;
  typedef gk_scan_elements<Fold, T> Elements;
  typedef typename Elements::Held Held;
  GK_CELLS(cells, State, GK_SCAN_WARPS + 1);
  __shared__ __align__(16) gk_bits<Held> waiting[rows * GK_SCAN_THREADS * N];
  __shared__ uint32_t ticket;
  const int lane = threadIdx.x % 32, warp = (int)threadIdx.x / 32;
  uint32_t number = blockIdx.x;
  if (a.tiles > 1) {
    if (threadIdx.x == 0) ticket = atomicAdd(a.ticket, 1u);
    __syncthreads();
    number = ticket;
  }
  const uint32_t line = number / a.tiles, tile = number % a.tiles;
  int64_t place[2];
  gk_offsets(a.lines, line, place);
  const int64_t begin = (((int64_t)tile * GK_SCAN_WARPS + warp) * rows * 32 + lane) * N;
  const int left = gk_scan_count<rows * step>(begin, a.length);

  Held held[rows][N];
  GK_UNROLL
  for (int r = 0; r < rows; r++)
    Elements::template load<N>(a, place[0] + (begin + r * step) * a.in_step, left - r * step,
                               held[r]);
  State before[rows], carry = Fold::start(); // of each row and lane, within the warp
  GK_UNROLL
  for (int r = 0; r < rows; r++) {
    gk_scan_put<Held, N>(waiting, r, held[r]);
    const State sums = gk_scan_lanes<Fold>(gk_scan_total<Fold, Elements, N>(held[r]), lane, 32);
    const State below = gk_state_below(sums, 1), all = gk_state_of_lane(sums, 31);
    before[r] = lane == 0 ? carry : r == 0 ? below : Fold::combine(carry, below);
    carry = r == 0 ? all : Fold::combine(carry, all);
  }
  if (lane == 0) cells.set(warp, carry);
  __syncthreads();
  if (warp == 0) {
    State own = cells.get(0);
    GK_UNROLL
    for (int w = 1; w < GK_SCAN_WARPS; w++) own = Fold::combine(own, cells.get(w));
    own = a.tiles > 1 ? gk_scan_before<Fold>(a, line, tile, own) : Fold::start();
    if (lane == 0) cells.set(GK_SCAN_WARPS, own);
  }
  State base = Fold::start();
  GK_FLAT
  for (int w = 0; w < warp; w++) base = Fold::combine(base, cells.get(w));
  __syncthreads();
  base = Fold::combine(cells.get(GK_SCAN_WARPS), base);
  GK_UNROLL
  for (int r = 0; r < rows; r++) {
    gk_scan_get<Held, N>(waiting, r, held[r]);
    gk_scan_finish<Fold, Elements, N>(a, Fold::combine(base, before[r]), held[r],
                                      place[1] + (begin + r * step) * a.out_step, left - r * step);
  }
}

// ---- columns

// What the segments before this one have come to, for the calling thread's column: its rows of threads have
// a part of them each.
template <class Fold, class Cells>
GK_INLINE typename Fold::State gk_scan_segments(const gk_scan_arguments &a, int64_t column,
                                                const Cells &cells) {
  typedef typename Fold::State State;
  const int across = (int)a.lanes, depth = GK_SCAN_THREADS / across;
  const int x = threadIdx.x & (across - 1), y = (int)threadIdx.x / across;
  const int64_t segments = blockIdx.y, part = (segments + depth - 1) / depth;
  State before = Fold::start();
  GK_FLAT
  for (int64_t s = y * part; s < (y + 1) * part && s < segments && column < a.lines.size; s++)
    before = Fold::combine(before, ((const State *)a.before)[s * a.lines.size + column]);
  cells.set(threadIdx.x, before);
  __syncthreads();
  before = Fold::start();
  GK_FLAT
  for (int k = 0; k < depth; k++) before = Fold::combine(before, cells.get(k * across + x));
  __syncthreads();
  return before;
}

template <class Fold> GK_INLINE void gk_scan_columns(const gk_scan_arguments &a) {
  constexpr int N = GK_SCAN_RUN;
  typedef typename Fold::State State;
  typedef gk_scan_elements<Fold, gk_any> Elements;
  GK_CELLS(cells, State, 2 * GK_SCAN_THREADS);
  const int across = (int)a.lanes, depth = GK_SCAN_THREADS / across;
  const int x = threadIdx.x & (across - 1), y = (int)threadIdx.x / across;
  const int64_t column = (int64_t)blockIdx.x * across + x;
  const bool present = column < a.lines.size;
  const int64_t begin = blockIdx.y * a.span;
  const int64_t end = a.length - begin < a.span ? a.length : begin + a.span;
  int64_t place[2] = {0, 0};
  if (present) gk_offsets(a.lines, column, place);
  State before = Fold::start();
  if (!a.totals && blockIdx.y > 0) before = gk_scan_segments<Fold>(a, column, cells);
  int turn = 0;
  GK_FLAT
  for (int64_t at = begin; at < end; at += depth * N, turn ^= GK_SCAN_THREADS) {
    const int64_t first = at + y * N;
    const int count = present ? gk_scan_count<N>(first, end) : 0;
    typename Elements::Held held[N];
    Elements::template load<N>(a, place[0] + first * a.in_step, count, held);
    const State own = gk_scan_total<Fold, Elements, N>(held);
    State above = before;
    if (depth == 1) {
      before = Fold::combine(before, own);
    } else {
      cells.set(turn + threadIdx.x, own);
      __syncthreads(); // the other half is free by now: all have read it before they came here
      GK_FLAT
      for (int k = 0; k < depth; k++) {
        if (k == y) above = before;
        before = Fold::combine(before, cells.get(turn + k * across + x));
      }
    }
    if (!a.totals)
      gk_scan_finish<Fold, Elements, N>(a, above, held, place[1] + first * a.out_step, count);
  }
  if (a.totals && present && y == 0)
    ((State *)a.before)[blockIdx.y * a.lines.size + column] = before;
}

// ---- their declarations

// Blocks at a time: as many as the State's registers leave room for.
#define GK_SCAN_KERNEL(kind, name, T)                                                              \
  GK_KERNEL_OF(5 - sizeof(gk_scan_##kind::State) / 8, GK_SCAN_THREADS, scan_tiles_##kind##_##name, \
               gk_scan_arguments) {                                                                \
    gk_scan_tiles<gk_scan_##kind, T>(a);                                                           \
  }
#define GK_SCAN_ANY_KERNELS(kind)                                                                  \
  GK_SCAN_KERNEL(kind, any, gk_any)                                                                \
  GK_KERNEL(GK_SCAN_THREADS, scan_lines_##kind, gk_scan_arguments) {                               \
    gk_scan_lines<gk_scan_##kind, gk_any>(a);                                                      \
  }                                                                                                \
  GK_KERNEL_OF(3, GK_SCAN_THREADS, scan_columns_##kind, gk_scan_arguments) {                       \
    gk_scan_columns<gk_scan_##kind>(a);                                                            \
  }
