// The three kernels of a fold (reduce_fold.cuh): rows, columns and merge. Their layouts are in reduce.h.
//
// Within a row's contiguous runs, threads take packs of 16 bytes, four at a time; what lies before the first
// aligned one and behind the last, and all runs of another stride, they take element by element. Shared
// memory: one Result for each warp (rows) or thread (columns, merge).
#pragma once

#include "cells.cuh"
#include "layout.cuh"
#include "reduce_fold.cuh"

constexpr uint32_t gk_warps = GK_REDUCE_THREADS / 32;

template <class T> GK_INLINE T gk_shuffle_down(T x, uint32_t by) {
  constexpr int words = sizeof(T) / 4;
  uint32_t word[words];
  memcpy(word, &x, sizeof x);
  GK_UNROLL
  for (int i = 0; i < words; i++) word[i] = __shfl_down_sync(0xffffffffu, word[i], by);
  memcpy(&x, word, sizeof x);
  return x;
}

// Where element `index` lies in the first `operands` operands. Small rather than fast: it is called once a
// run or a result.
template <int operands>
GK_INLINE void gk_places(const gk_layout &layout, int64_t index, int64_t (&place)[operands]) {
  uint64_t left = (uint64_t)index;
  GK_UNROLL
  for (int k = 0; k < operands; k++) place[k] = 0;
  GK_FLAT
  for (uint32_t d = 0; d < layout.ndim; d++) {
    const gk_layout_axis &axis = layout.axis[d];
    uint64_t along = left;
    if (d + 1 < layout.ndim && layout.wide) {
      left = gk_divide<uint64_t, unsigned __int128>(left, axis.length, axis.magic, layout.shift[d],
                                                    &along);
    } else if (d + 1 < layout.ndim) {
      uint32_t rest;
      left = gk_divide<uint32_t, uint64_t>((uint32_t)left, (uint32_t)axis.length,
                                           (uint32_t)axis.magic, layout.shift[d], &rest);
      along = rest;
    }
    GK_UNROLL
    for (int k = 0; k < operands; k++) place[k] += (int64_t)along * axis.stride[k];
  }
}

// Result number `index`, of which this is one part.
template <class Fold>
GK_INLINE void gk_reduce_put(const gk_reduce_arguments &a, typename Fold::Result x, int64_t index,
                             int64_t offset) {
  if (a.partial)
    ((typename Fold::Result *)a.partial)[blockIdx.y * a.kept.size + index] = x;
  else
    Fold::finish(a, x, offset);
}

// The reduced elements of this block, [begin, end), in runs: `stride` leads from the first element of one to
// its others, which threads share. Without runs, threads share the elements, and each is a run.
struct gk_runs {
  int64_t at, end, count; // the next run's first element, and how many it has
  uint32_t thread; // where the calling thread begins in it

  static __device__ __forceinline__ gk_runs of(const gk_reduce_arguments &a, uint32_t thread) {
    int64_t begin = blockIdx.y * a.span, end = begin + a.span;
    if (end > a.reduced.size) end = a.reduced.size;
    if (a.run == 0) return gk_runs{begin + thread, end, 1, 0};
    int64_t left = a.run - (begin == 0 ? 0 : begin % a.run);
    return gk_runs{begin, end, left < end - begin ? left : end - begin, thread};
  }
  __device__ __forceinline__ void next(const gk_reduce_arguments &a, uint32_t threads) {
    at += a.run == 0 ? threads : count;
    if (a.run != 0) count = a.run < end - at ? a.run : end - at;
  }
};

// ---- rows

// Folds a run of `count` elements from place `at` on, of which the first is number `index`: the share of one
// of a.lanes threads.
template <class Fold>
GK_INLINE void gk_fold_row(const gk_reduce_arguments &a, typename Fold::State &s, int64_t at,
                           int64_t index, int64_t count, uint32_t thread) {
  typedef typename Fold::Element Element;
  const int64_t stride = a.reduced.axis[0].stride[0], lanes = a.lanes;
  int64_t i = thread;
  if constexpr (Fold::packed) {
    typedef typename Fold::Raw Raw;
    constexpr int n = 16 / sizeof(Raw);
    typedef gk_pack<Raw, n> Pack;
    if (stride == 1 && count >= n) {
      const Raw *from = (const Raw *)a.in + at;
      const int before = (int)((0 - (uintptr_t)from / sizeof(Raw)) % n);
      for (; i < before; i += lanes) {
        Element x[1] = {Fold::get(from[i])};
        Fold::template chunk<1, 1>(a, s, x, index + i, 0);
      }
      const int64_t packs = (count - before) / n;
      const Pack *pack = (const Pack *)(from + before);
      int64_t p = thread, first = index + before;
      GK_FLAT
      for (; p + 3 * lanes < packs; p += 4 * lanes) {
        Pack four[4];
        GK_UNROLL
        for (int k = 0; k < 4; k++) four[k] = pack[p + k * lanes];
        constexpr int together = n > 8 ? 2 : 4; // more of the smallest do not fit the registers
        GK_UNROLL
        for (int k = 0; k < 4; k += together) {
          Element x[together * n];
          GK_UNROLL
          for (int i = 0; i < together * n; i++) x[i] = Fold::get(four[k + i / n].x[i % n]);
          Fold::template chunk<together, n>(a, s, x, first + (p + k * lanes) * n, lanes * n);
        }
      }
      GK_FLAT
      for (; p < packs; p += lanes) {
        const Pack one = pack[p];
        Element x[n];
        GK_UNROLL
        for (int j = 0; j < n; j++) x[j] = Fold::get(one.x[j]);
        Fold::template chunk<1, n>(a, s, x, first + p * n, 0);
      }
      i = before + packs * n + thread;
    }
    GK_FLAT
    for (; i + 3 * lanes < count; i += 4 * lanes) {
      Element x[4];
      GK_UNROLL
      for (int k = 0; k < 4; k++) x[k] = Fold::load(a, at + (i + k * lanes) * stride);
      Fold::template chunk<4, 1>(a, s, x, index + i, lanes);
    }
  }
  GK_FLAT
  for (; i < count; i += lanes) {
    Element x[1] = {Fold::load(a, at + i * stride)};
    Fold::template chunk<1, 1>(a, s, x, index + i, 0);
  }
}

template <class Fold> GK_INLINE void gk_reduce_rows(const gk_reduce_arguments &a) {
  typedef typename Fold::Result Result;
  GK_CELLS(cells, Result, gk_warps);
  const uint32_t lanes = a.lanes, lane = threadIdx.x & (lanes - 1);
  const int64_t row = ((int64_t)blockIdx.x * GK_REDUCE_THREADS + threadIdx.x - lane) / lanes;
  const bool present = row < a.kept.size;
  int64_t place[2] = {0, 0}, along[1];
  typename Fold::State s = Fold::begin(a);
  if (present) {
    gk_places<2>(a.kept, row, place);
    gk_runs runs = gk_runs::of(a, lane);
    GK_FLAT
    for (; runs.at < runs.end; runs.next(a, lanes)) {
      gk_places<1>(a.reduced, runs.at, along);
      gk_fold_row<Fold>(a, s, place[0] + along[0], runs.at, runs.count, runs.thread);
    }
  }
  Result x = Fold::leave(a, s);
  uint32_t by = (lanes < 32 ? lanes : 32) / 2;
  if (lanes > 32) { // a whole block: its warps first
    GK_FLAT
    for (; by > 0; by /= 2) x = Fold::combine(a, x, gk_shuffle_down(x, by));
    if (threadIdx.x % 32 == 0) cells.set(threadIdx.x / 32, x);
    __syncthreads();
    if (threadIdx.x >= 32) return;
    x = cells.get(threadIdx.x % gk_warps);
    by = gk_warps / 2;
  }
  GK_FLAT
  for (; by > 0; by /= 2) x = Fold::combine(a, x, gk_shuffle_down(x, by));
  if (present && lane == 0) gk_reduce_put<Fold>(a, x, row, place[1]);
}

// ---- columns

// Combines the cells of all lines of threads, `width` in each, into the first line's.
template <class Fold, class Cells>
GK_INLINE void gk_combine_lines(const gk_reduce_arguments &a, const Cells &cells, uint32_t lines,
                                uint32_t width) {
  __syncthreads();
  GK_FLAT
  for (uint32_t half = lines / 2; half > 0; half /= 2) {
    GK_FLAT
    for (uint32_t i = threadIdx.x; i < half * width; i += GK_REDUCE_THREADS)
      cells.set(i, Fold::combine(a, cells.get(i), cells.get(i + half * width)));
    __syncthreads();
  }
}

// Folds m elements of each of n columns, `step` apart, the first columns' at place `at`. Columns from
// `present` on repeat the last one.
template <int m, int n, class Fold>
GK_INLINE void gk_fold_columns(const gk_reduce_arguments &a, typename Fold::State (&s)[n],
                               int64_t at, int64_t step, int present, int64_t index,
                               uint32_t lines) {
  typename Fold::Element x[n][m];
  if constexpr (Fold::packed) {
    if (a.packs) {
      typedef typename Fold::Raw Raw;
      typedef gk_pack<Raw, n> Pack;
      Pack pack[m];
      GK_UNROLL
      for (int j = 0; j < m; j++) pack[j] = *(const Pack *)((const Raw *)a.in + at + j * step);
      GK_UNROLL
      for (int k = 0; k < n; k++) GK_UNROLL
      for (int j = 0; j < m; j++) x[k][j] = Fold::get(pack[j].x[k]);
    }
  }
  if (!Fold::packed || !a.packs) {
    GK_UNROLL
    for (int k = 0; k < n; k++) {
      const int64_t from = at + (k < present ? k : present - 1) * a.kept.axis[0].stride[0];
      GK_UNROLL
      for (int j = 0; j < m; j++) x[k][j] = Fold::load(a, from + j * step);
    }
  }
  GK_UNROLL
  for (int k = 0; k < n; k++) Fold::template chunk<m, 1>(a, s[k], x[k], index, lines);
}

template <class Fold> GK_INLINE void gk_reduce_columns(const gk_reduce_arguments &a) {
  typedef typename Fold::Result Result;
  constexpr int n = !Fold::packed ? 1 : sizeof(typename Fold::Raw) > 4 ? 2 : 4; // of a thread
  GK_CELLS(cells, Result, GK_REDUCE_THREADS * n);
  const uint32_t across = a.lanes, lines = GK_REDUCE_THREADS / across, width = across * n;
  const uint32_t x = threadIdx.x & (across - 1), line = (threadIdx.x - x) / across;
  const int64_t length = (int64_t)a.kept.axis[0].length;
  const int64_t row = blockIdx.x / a.tiles, tile = blockIdx.x % a.tiles * (int64_t)width;
  const int64_t column = tile + x * n;
  int64_t place[2], along[1];
  typename Fold::State s[n];
  GK_UNROLL
  for (int k = 0; k < n; k++) s[k] = Fold::begin(a);
  if (column < length) {
    const int present = length - column < n ? (int)(length - column) : n;
    const int64_t stride = a.reduced.axis[0].stride[0];
    gk_places<2>(a.kept, row * length + column, place);
    gk_runs runs = gk_runs::of(a, line);
    GK_FLAT
    for (; runs.at < runs.end; runs.next(a, lines)) {
      gk_places<1>(a.reduced, runs.at, along);
      const int64_t at = place[0] + along[0];
      int64_t i = runs.thread;
      if constexpr (Fold::packed) {
        GK_FLAT
        for (; i + 3 * lines < runs.count; i += 4 * lines)
          gk_fold_columns<4, n, Fold>(a, s, at + i * stride, lines * stride, present, runs.at + i,
                                      lines);
      }
      GK_FLAT
      for (; i < runs.count; i += lines)
        gk_fold_columns<1, n, Fold>(a, s, at + i * stride, 0, present, runs.at + i, lines);
    }
  }
  GK_UNROLL
  for (int k = 0; k < n; k++) cells.set(line * width + x * n + k, Fold::leave(a, s[k]));
  gk_combine_lines<Fold>(a, cells, lines, width);
  GK_FLAT
  for (uint32_t i = threadIdx.x; i < width && tile + i < length; i += GK_REDUCE_THREADS) {
    const int64_t index = row * length + tile + i;
    gk_places<2>(a.kept, index, place);
    gk_reduce_put<Fold>(a, cells.get(i), index, place[1]);
  }
}

// ---- merge

// a.lanes results lie side by side, and the lines of threads share their parts.
template <class Fold> GK_INLINE void gk_reduce_merge(const gk_reduce_arguments &a) {
  typedef typename Fold::Result Result;
  GK_CELLS(cells, Result, GK_REDUCE_THREADS);
  const uint32_t across = a.lanes, lines = GK_REDUCE_THREADS / across;
  const uint32_t x = threadIdx.x & (across - 1), line = (threadIdx.x - x) / across;
  const int64_t index = (int64_t)blockIdx.x * across + x;
  Result result = Fold::empty(a);
  if (index < a.kept.size) {
    GK_FLAT
    for (uint32_t part = line; part < a.parts; part += lines)
      result = Fold::combine(a, result, ((const Result *)a.in)[part * a.kept.size + index]);
  }
  cells.set(threadIdx.x, result);
  gk_combine_lines<Fold>(a, cells, lines, across);
  if (line != 0 || index >= a.kept.size) return;
  int64_t place[2];
  gk_places<2>(a.kept, index, place);
  Fold::finish(a, cells.get(threadIdx.x), place[1]);
}

// ---- their declarations

#define GK_REDUCE_KERNEL(kind, name, T)                                                            \
  GK_KERNEL_OF(2, GK_REDUCE_THREADS, reduce_rows_##kind##_##name, gk_reduce_arguments) {           \
    gk_reduce_rows<gk_##kind<T>>(a);                                                               \
  }                                                                                                \
  GK_KERNEL_OF(2, GK_REDUCE_THREADS, reduce_columns_##kind##_##name, gk_reduce_arguments) {        \
    gk_reduce_columns<gk_##kind<T>>(a);                                                            \
  }
#define GK_REDUCE_MERGE(name, Result)                                                              \
  GK_KERNEL(GK_REDUCE_THREADS, reduce_merge_##name, gk_reduce_arguments) {                         \
    gk_reduce_merge<Result>(a);                                                                    \
  }
