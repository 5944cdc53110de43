// sort and argsort of lines that are short enough to be read and written once.
//
//   sort_warp_*    lines of up to 32 elements: a lane has one, and a warp as many lines as fit into it, each
//                  `width` lanes, the next power of two. A bitonic network; equal keys are told apart by their
//                  places. Grid: a thread for each lane.
//   sort_small_*   lines of up to 1024: a block of 256 threads each. Passes of eight bits in shared memory
//                  (sort_tile.cuh), without those in which all keys agree.
//   sort_block_*   the same for lines up to a tile of the long ones: blocks of 384 threads.
//
// _32 and _64: items of so many bits; _beside: keys of 64 bits with their places beside them.
#include "sort_tile.cuh"

// ---- warps

template <class Item>
GK_INLINE bool goes_before(Item x, Item y, uint32_t place_x, uint32_t place_y) {
  return x < y || (x == y && place_x < place_y);
}

template <class Item, bool BESIDE> GK_INLINE void sort_warp(const gk_sort_args &a) {
  const uint32_t lane = threadIdx.x & (a.width - 1);
  const int64_t line =
      ((int64_t)blockIdx.x * GK_SORT_WARP_THREADS + threadIdx.x) >> (__ffs((int)a.width) - 1);
  const bool is_there = line < a.lines.size && lane < a.n;
  int64_t at[2] = {0, 0};
  if (is_there) gk_offsets(a.lines, line, at);
  Item item[1];
  gk_load_elements(a, at[0], 0, (int)lane, is_there ? (int)a.n : 0, item);
  uint32_t place[1] = {BESIDE && is_there ? lane : ~0u};
  GK_NO_UNROLL
  for (uint32_t size = 2; size <= a.width; size *= 2) {
    GK_NO_UNROLL
    for (uint32_t step = size / 2; step > 0; step /= 2) {
      const Item other = __shfl_xor_sync(~0u, item[0], (int)step);
      const uint32_t other_place = BESIDE ? __shfl_xor_sync(~0u, place[0], (int)step) : place[0];
      const bool takes_less = (lane & size) == 0 == ((lane & step) == 0);
      if (goes_before(other, item[0], other_place, place[0]) == takes_less) {
        item[0] = other;
        place[0] = other_place;
      }
    }
  }
  const auto where = [&](int) { return is_there ? (int64_t)lane : -1; };
  if constexpr (BESIDE)
    gk_store_places(a, at[1], place, where);
  else
    gk_store_elements(a, at[1], item, where);
}

GK_KERNEL(GK_SORT_WARP_THREADS, sort_warp_32, gk_sort_args) { sort_warp<uint32_t, false>(a); }
GK_KERNEL(GK_SORT_WARP_THREADS, sort_warp_64, gk_sort_args) { sort_warp<uint64_t, false>(a); }
GK_KERNEL(GK_SORT_WARP_THREADS, sort_warp_beside, gk_sort_args) { sort_warp<uint64_t, true>(a); }

// ---- blocks

// The bits in which keys of the line are not all the same, for all threads: s.word was cleared before a
// barrier, s.items[0] is the first item.
template <class Shared, class Item, int K>
GK_INLINE Item find_differences(Shared &s, const Item (&item)[K], int own, int n) {
  const Item one = s.items[0];
  Item differ = 0;
  GK_UNROLL
  for (int k = 0; k < K; k++)
    if (own + k * 32 < n) differ |= item[k] ^ one;
  GK_UNROLL
  for (int half = 0; half < (int)sizeof(Item) / 4; half++) {
    const uint32_t bits = __reduce_or_sync(~0u, (uint32_t)(differ >> half * 32));
    if (threadIdx.x % 32 == 0 && bits != 0) atomicOr(&s.word[half], bits);
  }
  __syncthreads();
  differ = (Item)s.word[0];
  if constexpr (sizeof(Item) == 8) differ |= (Item)s.word[1] << 32;
  return differ;
}

template <class Item, bool BESIDE, int THREADS, int K, class Shared>
GK_INLINE void sort_block(const gk_sort_args &a, Shared &s) {
  const int thread = (int)threadIdx.x, n = (int)a.n, rounds = (n + THREADS - 1) / THREADS;
  const int own = thread / 32 * (32 * rounds) + thread % 32; // and each 32nd behind it
  int64_t at[2];
  gk_offsets(a.lines, (int64_t)blockIdx.x, at);
  Item item[K];
  uint32_t place[K];
  // What is behind the thread's last round is another warp's.
  const int end = own + rounds * 32 < n ? own + rounds * 32 : n;
  gk_load_elements(a, at[0], 0, own, end, item);
  if constexpr (BESIDE) {
    GK_UNROLL
    for (int k = 0; k < K; k++) place[k] = (uint32_t)(own + k * 32);
  }
  if (thread < 2) s.word[thread] = 0;
  if (thread == 0) s.items[0] = item[0];
  __syncthreads();
  const Item differ = find_differences(s, item, own, end);

  uint32_t shift = gk_first_bit<Item>(a, BESIDE);
  GK_NO_UNROLL
  for (uint32_t pass = 0; pass < a.passes; pass++, shift += 8) {
    if (gk_digit(differ, shift) == 0) continue;
    gk_clear_counts(s);
    __syncthreads();
    gk_count_digits(s, item, rounds, shift);
    __syncthreads();
    const uint32_t start = gk_sum_before(s, thread < GK_SORT_DIGITS ? gk_sum_digit(s) : 0);
    if (thread < GK_SORT_DIGITS) gk_begin_digit(s, start);
    __syncthreads();
    uint32_t to[K];
    uint32_t *counts = s.counts[thread / 32];
    GK_UNROLL
    for (int k = 0; k < K; k++) {
      if (k >= rounds) continue;
      to[k] = gk_take_place(counts, gk_digit(item[k], shift));
      s.items[to[k]] = item[k];
    }
    __syncthreads();
    GK_UNROLL
    for (int k = 0; k < K; k++)
      if (k < rounds) item[k] = s.items[own + k * 32];
    if constexpr (BESIDE) {
      uint32_t *places = (uint32_t *)s.items;
      __syncthreads();
      GK_UNROLL
      for (int k = 0; k < K; k++)
        if (k < rounds) places[to[k]] = place[k];
      __syncthreads();
      GK_UNROLL
      for (int k = 0; k < K; k++)
        if (k < rounds) place[k] = places[own + k * 32];
    }
  }

  const auto where = [&](int k) { return own + k * 32 < end ? (int64_t)(own + k * 32) : -1; };
  if constexpr (BESIDE)
    gk_store_places(a, at[1], place, where);
  else
    gk_store_elements(a, at[1], item, where);
}

#define SORT_BLOCK(size, THREADS, K, kind, Item, BESIDE)                                           \
  GK_KERNEL(THREADS, sort_##size##_##kind, gk_sort_args) {                                         \
    typedef gk_sort_shared<Item, THREADS, K> shared;                                               \
    sort_block<Item, BESIDE, THREADS, K>(a, gk_sort_room_as<shared, ROOM_##size>());               \
  }
#define SMALL_ROUNDS (GK_SORT_SMALL / GK_SORT_SMALL_THREADS)
#define ROOM_small ((int)sizeof(gk_sort_shared<uint64_t, GK_SORT_SMALL_THREADS, SMALL_ROUNDS>))
#define ROOM_block gk_sort_tile_room
SORT_BLOCK(small, GK_SORT_SMALL_THREADS, SMALL_ROUNDS, 32, uint32_t, false)
SORT_BLOCK(small, GK_SORT_SMALL_THREADS, SMALL_ROUNDS, 64, uint64_t, false)
SORT_BLOCK(small, GK_SORT_SMALL_THREADS, SMALL_ROUNDS, beside, uint64_t, true)
SORT_BLOCK(block, GK_SORT_THREADS, GK_SORT_ROUNDS(4), 32, uint32_t, false)
SORT_BLOCK(block, GK_SORT_THREADS, GK_SORT_ROUNDS(8), 64, uint64_t, false)
SORT_BLOCK(block, GK_SORT_THREADS, GK_SORT_ROUNDS(8), beside, uint64_t, true)
