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

// One variable of so many bytes for all kernels: they never run in one block.
template <int bytes> __device__ inline void *gk_sort_room() {
  __shared__ __align__(16) unsigned char sort_room[bytes];
  return sort_room;
}
template <class Shared, int bytes> GK_INLINE Shared &gk_sort_room_as() {
  static_assert(sizeof(Shared) <= bytes, "the room is for the largest");
  return *(Shared *)gk_sort_room<bytes>();
}
constexpr int gk_sort_tile_room =
    sizeof(gk_sort_shared<uint32_t, GK_SORT_THREADS, GK_SORT_ROUNDS(4)>);

template <class Item> GK_INLINE uint32_t gk_digit(Item item, uint32_t shift) {
  return (uint32_t)(item >> shift) & (GK_SORT_DIGITS - 1);
}
// The same by another instruction: a compiler that knew so would keep the digits of all items in registers.
template <class Item> GK_INLINE uint32_t gk_digit_too(Item item, uint32_t shift) {
  const uint32_t high = sizeof(Item) == 8 ? (uint32_t)((uint64_t)item >> 32) : 0;
  return __byte_perm((uint32_t)item, high, shift / 8) & (GK_SORT_DIGITS - 1);
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

// Elements `own + k * 32` of those from element `begin` of a line on, of which `count` are there, as items.
template <class Word, class Item, int K>
GK_INLINE void gk_load_words(const void *data, int64_t at, int64_t step, int own, int count,
                             Item (&item)[K]) {
  const Word *from = (const Word *)data + at;
  GK_UNROLL
  for (int k = 0; k < K; k++) item[k] = own + k * 32 < count ? from[k * step] : (Word)0;
}
template <class Item, int K>
GK_INLINE void gk_load_elements(const gk_sort_args &a, int64_t line, int64_t begin, int own,
                                int count, Item (&item)[K]) {
  const int64_t at = line + (begin + own) * a.in_step, step = 32 * a.in_step;
  if (a.bytes == 1) gk_load_words<uint8_t>(a.in, at, step, own, count, item);
  if (a.bytes == 2) gk_load_words<uint16_t>(a.in, at, step, own, count, item);
  if (a.bytes == 4) gk_load_words<uint32_t>(a.in, at, step, own, count, item);
  if constexpr (sizeof(Item) == 8)
    if (a.bytes == 8) gk_load_words<uint64_t>(a.in, at, step, own, count, item);
  const gk_key_bits<Item> bits = gk_key_bits_of<Item>(a.order, a.bytes);
  const bool packs = a.places && a.bytes < 8;
  GK_UNROLL
  for (int k = 0; k < K; k++) {
    item[k] = gk_to_key(bits, item[k]);
    if constexpr (sizeof(Item) == 8)
      if (packs) item[k] = item[k] << 32 | ((uint32_t)begin + own + k * 32);
    if (own + k * 32 >= count) item[k] = (Item) ~(Item)0;
  }
}

// The results of items: elements, or places. where(k) tells the place in the line, below 0 for none.
template <class Word, class Item, int K, class Where>
GK_INLINE void gk_store_words(const gk_sort_args &a, int64_t line, const Item (&item)[K],
                              Where where) {
  const gk_key_bits<Item> bits = gk_key_bits_of<Item>(a.order, sizeof(Word));
  Word *to = (Word *)a.out + line;
  GK_UNROLL
  for (int k = 0; k < K; k++) {
    const int64_t at = where(k);
    if (at >= 0) to[at * a.out_step] = (Word)gk_from_key(bits, item[k]);
  }
}
template <class Place, int K, class Where>
GK_INLINE void gk_store_places(const gk_sort_args &a, int64_t line, const Place (&place)[K],
                               Where where) {
  int64_t *to = (int64_t *)a.out + line;
  GK_UNROLL
  for (int k = 0; k < K; k++) {
    const int64_t at = where(k);
    if (at >= 0) to[at * a.out_step] = (int64_t)(uint32_t)place[k];
  }
}
template <class Item, int K, class Where>
GK_INLINE void gk_store_elements(const gk_sort_args &a, int64_t line, const Item (&item)[K],
                                 Where where) {
  if (sizeof(Item) == 8 && a.places) return gk_store_places(a, line, item, where);
  if constexpr (sizeof(Item) == 8) return gk_store_words<uint64_t>(a, line, item, where);
  if (a.bytes == 1) gk_store_words<uint8_t>(a, line, item, where);
  if (a.bytes == 2) gk_store_words<uint16_t>(a, line, item, where);
  if (a.bytes == 4) gk_store_words<uint32_t>(a, line, item, where);
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
    if (k < rounds) atomicAdd(&counts[gk_digit_too(item[k], shift)], 1u);
}

// Thread d has digit d: how many items have it.
template <class Shared> GK_INLINE uint32_t gk_sum_digit(const Shared &s) {
  constexpr int WARPS = sizeof s.counts / sizeof *s.counts;
  uint32_t sum = 0;
  GK_UNROLL
  for (int w = 0; w < WARPS; w++) sum += s.counts[w][threadIdx.x];
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
template <class Shared> GK_INLINE void gk_begin_digit(Shared &s, uint32_t start) {
  constexpr int WARPS = sizeof s.counts / sizeof *s.counts;
  GK_UNROLL
  for (int w = 0; w < WARPS; w++) {
    const uint32_t count = s.counts[w][threadIdx.x];
    s.counts[w][threadIdx.x] = start;
    start += count;
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
