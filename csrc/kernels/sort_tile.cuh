// The items of a block in the order of eight bits: what sort_lines.cu and sort_radix.cu are made of.
//
// A thread holds up to K items, those of a warp lie together and neighbours in neighbouring lanes. The digits
// of each warp are counted in shared memory, the counts added up over digits and warps, which gives the place
// of the first item of each digit and warp; the others of the warp follow in their order, so that sorting is
// stable. Lanes with the same digit find each other by ballots. Places that no item has hold the last key of
// all, which keeps them behind the items.
#pragma once

#include "layout.cuh"
#include "sort.h"
#include "sort_keys.cuh"

template <class Item, int THREADS, int K> struct gk_sort_shared {
  Item items[THREADS * K];
  int64_t offset[GK_SORT_DIGITS];
  uint32_t counts[THREADS / 32][GK_SORT_DIGITS];
  uint32_t sums[GK_SORT_DIGITS / 32];
  uint32_t word[2];
};

// One variable for all kernels that need as much: they never run in one block.
template <int bytes> static __device__ inline void *gk_sort_room() {
  __shared__ __align__(16) unsigned char sort_room[bytes];
  return sort_room;
}

template <class Item> GK_INLINE uint32_t gk_digit(Item item, uint32_t shift) {
  return (uint32_t)(item >> shift) & (GK_SORT_DIGITS - 1);
}

// The bit of the lowest digit.
template <class Item> GK_INLINE uint32_t gk_first_bit(const gk_sort_args &a, bool beside) {
  return sizeof(Item) == 8 && a.places && !beside ? 32 : 0;
}

// Lanes whose digit is the same. A device takes longer for its own instruction than for eight ballots; the
// stand-in changes threads at each of them.
GK_INLINE uint32_t gk_same_digit(uint32_t digit) {
#if defined(__CUDACC__)
  uint32_t same = ~0u;
  GK_UNROLL
  for (int b = 0; b < 8; b++) {
    const bool set = digit >> b & 1;
    const uint32_t lanes = __ballot_sync(~0u, set);
    same &= set ? lanes : ~lanes;
  }
  return same;
#else
  return __match_any_sync(~0u, digit);
#endif
}

// ---- elements as items

// Items `first + k * 32` of a line, whose elements begin at `line`; the line's last one comes before `end`.
// Of keys of 64 bits with places beside them `place` is the place.
template <class Word, class Item, int K>
GK_INLINE void gk_load_items(const gk_sort_args &a, const void *line, int64_t first, int rounds,
                             int64_t end, Item (&item)[K]) {
  GK_UNROLL
  for (int k = 0; k < K; k++) {
    const int64_t i = first + k * 32;
    item[k] = (Item) ~(Item)0;
    if (k >= rounds || i >= end) continue;
    const Word key = gk_to_key(a.order, ((const Word *)line)[i * a.in_step]);
    if constexpr (sizeof(Item) > sizeof(Word) && sizeof(Item) == 8)
      item[k] = (Item)key << 32 | (uint32_t)i;
    else
      item[k] = key;
  }
}
template <class Item, int K>
GK_INLINE void gk_load_elements(const gk_sort_args &a, int64_t offset, int64_t first, int rounds,
                                int64_t end, Item (&item)[K]) {
  const void *line = (const char *)a.in + offset * a.bytes;
  switch (a.bytes) {
  case 1:
    return gk_load_items<uint8_t>(a, line, first, rounds, end, item);
  case 2:
    return gk_load_items<uint16_t>(a, line, first, rounds, end, item);
  case 4:
    return gk_load_items<uint32_t>(a, line, first, rounds, end, item);
  default:
    if constexpr (sizeof(Item) == 8) gk_load_items<uint64_t>(a, line, first, rounds, end, item);
  }
}

// The results of items: elements, or places. where(k) tells the place in the line, below 0 for none.
template <class Word, class Item, int K, class Where>
GK_INLINE void gk_store_items(const gk_sort_args &a, void *line, const Item (&item)[K],
                              Where where) {
  GK_UNROLL
  for (int k = 0; k < K; k++) {
    const int64_t at = where(k);
    if (at >= 0) ((Word *)line)[at * a.out_step] = gk_from_key(a.order, (Word)item[k]);
  }
}
template <class Place, int K, class Where>
GK_INLINE void gk_store_places(const gk_sort_args &a, int64_t offset, const Place (&place)[K],
                               Where where) {
  GK_UNROLL
  for (int k = 0; k < K; k++) {
    const int64_t at = where(k);
    if (at >= 0) ((int64_t *)a.out)[offset + at * a.out_step] = (int64_t)(uint32_t)place[k];
  }
}
template <class Item, int K, class Where>
GK_INLINE void gk_store_elements(const gk_sort_args &a, int64_t offset, const Item (&item)[K],
                                 Where where) {
  void *line = (char *)a.out + offset * a.bytes;
  if constexpr (sizeof(Item) == 8) {
    if (a.places)
      gk_store_places(a, offset, item, where);
    else
      gk_store_items<uint64_t>(a, line, item, where);
  } else {
    switch (a.bytes) {
    case 1:
      return gk_store_items<uint8_t>(a, line, item, where);
    case 2:
      return gk_store_items<uint16_t>(a, line, item, where);
    default:
      return gk_store_items<uint32_t>(a, line, item, where);
    }
  }
}

// ---- a tile

template <class Shared> GK_INLINE void gk_clear_counts(Shared &s) {
  uint32_t *counts = &s.counts[0][0];
  GK_UNROLL
  for (int i = (int)threadIdx.x; i < (int)(sizeof s.counts / sizeof *counts); i += (int)blockDim.x)
    counts[i] = 0;
}

// Digits of each warp, behind a barrier after the counts were cleared; a barrier has to follow.
template <class Shared, class Item, int K>
GK_INLINE void gk_count_digits(Shared &s, const Item (&item)[K], int rounds, uint32_t shift) {
  uint32_t *counts = s.counts[threadIdx.x / 32];
  GK_UNROLL
  for (int k = 0; k < K; k++)
    if (k < rounds) atomicAdd(&counts[gk_digit(item[k], shift)], 1u);
}

// Thread d has digit d: how many items of each warp have it, and together.
template <int WARPS, class Shared>
GK_INLINE uint32_t gk_sum_digit(const Shared &s, uint32_t (&of_warp)[WARPS]) {
  uint32_t sum = 0;
  GK_UNROLL
  for (int w = 0; w < WARPS; w++) sum += of_warp[w] = s.counts[w][threadIdx.x];
  return sum;
}

// The sum of a value of the 256 first threads over all threads before each. Barriers stand before and behind.
template <class Shared> GK_INLINE uint32_t gk_sum_before(Shared &s, uint32_t value) {
  const int thread = (int)threadIdx.x, warp = thread / 32, lane = thread % 32;
  uint32_t sum = value;
  if (thread < GK_SORT_DIGITS) {
    GK_UNROLL
    for (int d = 1; d < 32; d *= 2) {
      const uint32_t below = __shfl_up_sync(~0u, sum, d);
      if (lane >= d) sum += below;
    }
    if (lane == 31) s.sums[warp] = sum;
  }
  __syncthreads();
  sum -= value;
  GK_UNROLL
  for (int w = 0; w < GK_SORT_DIGITS / 32; w++)
    if (w < warp) sum += s.sums[w];
  return sum;
}

// From here on counts[w][d] is the place of the next item of warp w with digit d.
template <int WARPS, class Shared>
GK_INLINE void gk_begin_digit(Shared &s, const uint32_t (&of_warp)[WARPS], uint32_t start) {
  GK_UNROLL
  for (int w = 0; w < WARPS; w++) {
    s.counts[w][threadIdx.x] = start;
    start += of_warp[w];
  }
}

// The place in the tile of a lane's item with this digit. The last lane with it takes places for all, before it
// tells the others: who comes next takes those behind.
GK_INLINE uint32_t gk_take_place(uint32_t *counts, uint32_t digit) {
  const int lane = (int)threadIdx.x % 32;
  const uint32_t same = gk_same_digit(digit);
  const int last = 31 - __clz((int)same);
  uint32_t place = 0;
  if (lane == last) place = atomicAdd(&counts[digit], (uint32_t)__popc(same));
  place = __shfl_sync(~0u, place, last);
  return place + (uint32_t)__popc(same & ((1u << lane) - 1));
}
