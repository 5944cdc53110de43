// topk: the best k of each line, in their order. Elements are keys (sort_keys.cuh), less is better; of equal
// ones the earlier is better. So candidates, keys with their places, are all different, and which are the best
// does not depend on the order in which threads come along.
//
//   topk_part32, topk_part64  A block goes through a part of a line and keeps, in shared memory, what may be
//                         among its best k: whenever there are enough candidates it finds the k-th of them
//                         digit by digit, drops those behind it, and takes no more such from the line. So the
//                         line is read once, and most elements are only compared. Where a line has several
//                         parts the best of each are listed, and searched by another launch. Grid: x a block
//                         for each part, line by line. Shared memory: keys and places of 4096 candidates (of 64
//                         bits: 3072), 1 KB of counts.
//   topk_pick             takes the first k of lines whose places have been sorted. Grid: a thread for each.
//   topk_warp32, topk_warp64  A warp sorts a line of up to 256 elements. Grid: x lines / 8.
#include "sort_keys.cuh"
#include "layout.cuh"
#include "sort_topk.h"

#define THREADS GK_TOPK_THREADS
#define WARPS (THREADS / 32)
#define DIGITS 256 // of 8 bits, one for each thread

static_assert(DIGITS == THREADS, "a thread clears a count");

// CAPACITY candidates in shared memory, and ROUNDS elements of a thread that are loaded at once.
template <class Key> constexpr int CAPACITY = sizeof(Key) == 4 ? 4096 : 3072;
template <class Key> constexpr int ROUNDS = sizeof(Key) == 4 ? 8 : 4;

// What a block's threads share.
template <class Key> struct topk_room {
  Key *keys; // CAPACITY
  uint32_t *places;
  unsigned *counts; // DIGITS
  unsigned *count; // of the candidates
  unsigned *chosen; // CHOSEN: a digit, how many have a lower one, how many have it
  unsigned *bits; // BITS: the low and high halves of all words' bits, of those that all have
};
enum { CHOSEN = 3, BITS = 4 };

// A limit that candidates must not be behind.
template <class Key> struct topk_limit {
  Key key;
  uint32_t place;
};
template <class Key>
GK_INLINE bool is_within(const topk_limit<Key> &limit, Key key, uint32_t place) {
  return key < limit.key || (key == limit.key && place <= limit.place);
}

GK_INLINE int highest_bit(uint32_t x) { return 31 - __clz((int)x); }
GK_INLINE int highest_bit(uint64_t x) { return 63 - __clzll((long long)x); }

// Words among which one of a rank is looked for: word(i, &w) says whether candidate i has one.
template <class Key> struct all_keys {
  const Key *keys;
  __device__ __forceinline__ bool operator()(int i, Key *w) const {
    *w = keys[i];
    return true;
  }
};
template <class Key> struct places_of {
  const Key *keys;
  const uint32_t *places;
  Key key;
  __device__ __forceinline__ bool operator()(int i, uint32_t *w) const {
    *w = places[i];
    return keys[i] == key;
  }
};

// The bits in which the words differ, and those that all have.
template <class Word, class Key, class Get>
GK_INLINE Word bits_of(const topk_room<Key> &room, int count, Get word, Word *shared) {
  uint64_t any = 0, all = ~(uint64_t)0;
  for (int i = (int)threadIdx.x; i < count; i += THREADS) {
    Word w;
    if (!word(i, &w)) continue;
    any |= w;
    all &= w;
  }
  if (threadIdx.x < BITS) room.bits[threadIdx.x] = threadIdx.x < 2 ? 0 : ~0u;
  __syncthreads();
  const unsigned any_low = __reduce_or_sync(~0u, (unsigned)any);
  const unsigned any_high = __reduce_or_sync(~0u, (unsigned)(any >> 32));
  const unsigned all_low = __reduce_and_sync(~0u, (unsigned)all);
  const unsigned all_high = __reduce_and_sync(~0u, (unsigned)(all >> 32));
  if (threadIdx.x % 32 == 0) {
    atomicOr(&room.bits[0], any_low);
    atomicOr(&room.bits[1], any_high);
    atomicAnd(&room.bits[2], all_low);
    atomicAnd(&room.bits[3], all_high);
  }
  __syncthreads();
  any = (uint64_t)room.bits[1] << 32 | room.bits[0];
  all = (uint64_t)room.bits[3] << 32 | room.bits[2];
  *shared = (Word)all;
  return (Word)(any & ~all);
}

// The digit that the word of this rank has, from how many have each one; called by a whole warp.
template <class Key> GK_INLINE void choose_digit(const topk_room<Key> &room, unsigned rank) {
  const int lane = (int)threadIdx.x % 32;
  unsigned count[DIGITS / 32], sum = 0;
  GK_UNROLL
  for (int i = 0; i < DIGITS / 32; i++) {
    count[i] = room.counts[lane * (DIGITS / 32) + i];
    sum += count[i];
  }
  unsigned before = sum;
  GK_UNROLL
  for (int d = 1; d < 32; d *= 2) {
    const unsigned below = __shfl_up_sync(~0u, before, d);
    if (lane >= d) before += below;
  }
  before -= sum;
  if (!(before < rank && rank <= before + sum)) return; // true for one lane
  GK_UNROLL
  for (int i = 0; i < DIGITS / 32; i++) {
    if (before < rank && rank <= before + count[i]) {
      room.chosen[0] = (unsigned)(lane * (DIGITS / 32) + i);
      room.chosen[1] = before;
      room.chosen[2] = count[i];
    }
    before += count[i];
  }
}

// A word that `rank` of the words are not above, digit by digit from the highest bit in which they differ.
// Gives how many of those that have this very word are to be taken, where not all are; else 0.
template <class Word, class Key, class Get>
GK_INLINE unsigned find_rank(const topk_room<Key> &room, int count, unsigned rank, Get word,
                             Word *limit) {
  Word prefix;
  const Word differ = bits_of<Word>(room, count, word, &prefix);
  int top = differ ? highest_bit(differ) : -1;
  unsigned have = 0; // which have the prefix and the last digit
  while (top >= 0) {
    const int shift = top < 7 ? 0 : top - 7;
    const Word above = (Word) ~(((Word)2 << top) - 1);
    prefix &= above;
    room.counts[threadIdx.x] = 0;
    __syncthreads();
    for (int i = (int)threadIdx.x; i < count; i += THREADS) {
      Word w;
      if (word(i, &w) && (w & above) == prefix) atomicAdd(&room.counts[w >> shift & 255], 1u);
    }
    __syncthreads();
    if (threadIdx.x < 32) choose_digit(room, rank);
    __syncthreads();
    rank -= room.chosen[1];
    have = room.chosen[2];
    prefix |= (Word)room.chosen[0] << shift;
    if (have == rank) {
      *limit = prefix | (Word)(((Word)1 << shift) - 1);
      return 0;
    }
    top = shift - 1;
  }
  *limit = prefix;
  return rank;
}

// Appends the thread's candidates, those with a bit set in `own`. Warps come in any order. True where the
// warp's are more than `enough`.
template <class Key, int n>
GK_INLINE bool append(const topk_room<Key> &room, uint32_t own, const Key (&key)[n],
                      const uint32_t (&place)[n], unsigned enough) {
  const int lane = (int)threadIdx.x % 32;
  const unsigned mine = (unsigned)__popc(own);
  const unsigned all = __reduce_add_sync(~0u, mine);
  if (all == 0) return false;
  unsigned at = mine;
  GK_UNROLL
  for (int d = 1; d < 32; d *= 2) {
    const unsigned below = __shfl_up_sync(~0u, at, d);
    if (lane >= d) at += below;
  }
  unsigned first = 0;
  if (lane == 31) first = atomicAdd(room.count, all);
  first = __shfl_sync(~0u, first, 31);
  at += first - mine;
  GK_UNROLL
  for (int r = 0; r < n; r++) {
    if (!(own >> r & 1)) continue;
    room.keys[at] = key[r];
    room.places[at++] = place[r];
  }
  return first + all > enough;
}

// Leaves the best `best` candidates where there are more, and gives a limit that all others are behind.
template <class Key>
GK_INLINE void keep_best(const topk_room<Key> &room, unsigned best, topk_limit<Key> *limit) {
  const int count = (int)*room.count;
  if (count <= (int)best) return;
  Key most;
  const unsigned ties = find_rank(room, count, best, all_keys<Key>{room.keys}, &most);
  *limit = {most, UINT32_MAX};
  if (ties > 0) { // of those with this key the earliest
    __syncthreads();
    find_rank(room, count, ties, places_of<Key>{room.keys, room.places, most}, &limit->place);
  }
  constexpr int n = CAPACITY<Key> / THREADS;
  Key keys[n];
  uint32_t places[n], own = 0;
  GK_UNROLL
  for (int r = 0; r < n; r++) {
    const int i = r * THREADS + (int)threadIdx.x;
    keys[r] = 0;
    places[r] = 0;
    if (i >= count) continue;
    keys[r] = room.keys[i];
    places[r] = room.places[i];
    if (is_within(*limit, keys[r], places[r])) own |= 1u << r;
  }
  __syncthreads();
  if (threadIdx.x == 0) *room.count = 0;
  __syncthreads();
  append(room, own, keys, places, 0);
  __syncthreads();
}

// Exchanges two candidates that are not in this order.
template <class Key> GK_INLINE void put_in_order(Key *keys, uint32_t *places, int low, int high) {
  const Key a = keys[low], b = keys[high];
  const uint32_t p = places[low], q = places[high];
  if (a < b || (a == b && p < q)) return;
  keys[low] = b;
  keys[high] = a;
  places[low] = q;
  places[high] = p;
}

// Sorts `size` candidates, a power of two of 2 or more, by `threads` threads, a power of two, of which this is
// number `thread`: bitonic merging whose first step of each merge folds. What one warp has written no other
// reads in steps of up to 32.
template <class Key>
GK_INLINE void sort_candidates(Key *keys, uint32_t *places, int size, int thread, int threads) {
  for (int run = 2; run <= size; run *= 2) {
    for (int step = run / 2; step > 0; step /= 2) {
      for (int i = thread; i < size / 2; i += threads) {
        const int within = i & (step - 1), low = 2 * (i - within) + within;
        const int high = step == run / 2 ? low - within + run - 1 - within : low + step;
        put_in_order(keys, places, low, high);
      }
      if (threads > 32 && (step > 32 || step == 1))
        __syncthreads();
      else
        __syncwarp();
    }
  }
}

// A power of two of at least n, and 2.
GK_INLINE int padded(int n) { return n <= 2 ? 2 : 1 << (highest_bit((uint32_t)(n - 1)) + 1); }

// Number i of a line's best: what it is, and where.
GK_INLINE void write_one(const gk_topk_args &a, const int64_t (&start)[3], int64_t i,
                         int64_t place) {
  const int64_t from = start[0] + place * a.in_step, to = start[1] + i * a.value_step;
  GK_WITH_WORD(a.bytes, ((Word *)a.values)[to] = ((const Word *)a.in)[from])
  a.indices[start[2] + i * a.index_step] = place;
}
GK_INLINE void write_line(const gk_topk_args &a, const int64_t (&start)[3], const uint32_t *places,
                          int thread, int threads) {
  for (int i = thread; i < (int)a.count; i += threads) write_one(a, start, i, places[i]);
}

// Elements THREADS apart from number `first` of a line on, as keys. Gives a bit for each that is there.
template <class Word, class Key, int n>
GK_INLINE uint32_t load_words(const gk_topk_args &a, int64_t start, int64_t first, int64_t end,
                              Key (&key)[n]) {
  Word word[n];
  uint32_t there = 0;
  GK_UNROLL
  for (int r = 0; r < n; r++) {
    const int64_t i = first + r * THREADS;
    word[r] = 0;
    if (i >= end) continue;
    word[r] = ((const Word *)a.in)[start + i * a.in_step];
    there |= 1u << r;
  }
  GK_UNROLL
  for (int r = 0; r < n; r++) key[r] = gk_to_key(a.order, word[r]);
  return there;
}
template <int n>
GK_INLINE uint32_t load_keys(const gk_topk_args &a, int64_t start, int64_t first, int64_t end,
                             uint32_t (&key)[n]) {
  if (a.bytes == 4) return load_words<uint32_t>(a, start, first, end, key);
  if (a.bytes == 2) return load_words<uint16_t>(a, start, first, end, key);
  return load_words<uint8_t>(a, start, first, end, key);
}
template <int n>
GK_INLINE uint32_t load_keys(const gk_topk_args &a, int64_t start, int64_t first, int64_t end,
                             uint64_t (&key)[n]) {
  return load_words<uint64_t>(a, start, first, end, key);
}

template <class Key> GK_INLINE void find_part(const gk_topk_args &a, const topk_room<Key> &room) {
  const int thread = (int)threadIdx.x;
  const int64_t line = blockIdx.x / a.parts;
  const int64_t begin = blockIdx.x % a.parts * a.span;
  const int64_t end = begin + a.span < a.length ? begin + a.span : a.length;
  int64_t start[3];
  gk_offsets(a.lines, line, start);
  topk_limit<Key> limit = {(Key) ~(Key)0, UINT32_MAX};
  if (thread == 0) *room.count = 0;
  __syncthreads();
  for (int64_t i = begin; i < end; i += ROUNDS<Key> * THREADS) {
    Key key[ROUNDS<Key>];
    uint32_t place[ROUNDS<Key>], own;
    const int64_t first = i + thread;
    if (a.keys == nullptr) {
      own = load_keys(a, start[0], first, end, key);
      GK_UNROLL
      for (int r = 0; r < ROUNDS<Key>; r++) place[r] = (uint32_t)(first + r * THREADS);
    } else {
      own = 0;
      GK_UNROLL
      for (int r = 0; r < ROUNDS<Key>; r++) {
        key[r] = 0;
        place[r] = 0;
        if (first + r * THREADS >= end) continue;
        const int64_t at = line * a.length + first + r * THREADS;
        key[r] = ((const Key *)a.keys)[at];
        place[r] = a.places[at];
        own |= 1u << r;
      }
    }
    GK_UNROLL
    for (int r = 0; r < ROUNDS<Key>; r++)
      if (own >> r & 1 && !is_within(limit, key[r], place[r])) own &= ~(1u << r);
    const bool is_enough = append(room, own, key, place, a.enough);
    if (__syncthreads_or(is_enough)) keep_best(room, a.count, &limit);
  }
  keep_best(room, a.count, &limit);
  const int found = (int)*room.count; // fewer than asked for only where the part is as short
  if (a.found_keys == nullptr) {
    const int size = padded(found);
    for (int i = found + thread; i < size; i += THREADS) {
      room.keys[i] = (Key) ~(Key)0;
      room.places[i] = UINT32_MAX;
    }
    __syncthreads();
    sort_candidates(room.keys, room.places, size, thread, THREADS);
    write_line(a, start, room.places, thread, THREADS);
    return;
  }
  for (int i = thread; i < (int)a.count; i += THREADS) {
    const int64_t at = (int64_t)blockIdx.x * a.count + i;
    ((Key *)a.found_keys)[at] = i < found ? room.keys[i] : (Key) ~(Key)0;
    a.found_places[at] = i < found ? room.places[i] : UINT32_MAX;
  }
}

#define PART(Key)                                                                                  \
  __shared__ Key keys[CAPACITY<Key>];                                                              \
  __shared__ uint32_t places[CAPACITY<Key>];                                                       \
  __shared__ unsigned counts[DIGITS], count, chosen[CHOSEN], bits[BITS];                           \
  find_part<Key>(a, {keys, places, counts, &count, chosen, bits})

GK_KERNEL(THREADS, topk_part32, gk_topk_args) { PART(uint32_t); }
GK_KERNEL_OF(3, THREADS, topk_part64, gk_topk_args) { PART(uint64_t); }

// ---- short lines

template <class Key> GK_INLINE void sort_line(const gk_topk_args &a, Key *keys, uint32_t *places) {
  const int lane = (int)threadIdx.x % 32, length = (int)a.length, size = padded(length);
  const int64_t line = (int64_t)blockIdx.x * WARPS + threadIdx.x / 32;
  if (line >= a.lines.size) return; // all of a warp
  int64_t start[3];
  gk_offsets(a.lines, line, start);
  for (int i = lane; i < size; i += 32) {
    keys[i] = i < length ? gk_load_key<Key>(a.order, a.bytes, a.in, start[0] + i * a.in_step)
                         : (Key) ~(Key)0;
    places[i] = i < length ? (uint32_t)i : UINT32_MAX;
  }
  __syncwarp();
  sort_candidates(keys, places, size, lane, 32);
  write_line(a, start, places, lane, 32);
}

#define WARP(Key)                                                                                  \
  __shared__ Key keys[WARPS][GK_TOPK_WARP];                                                        \
  __shared__ uint32_t places[WARPS][GK_TOPK_WARP];                                                 \
  sort_line<Key>(a, keys[threadIdx.x / 32], places[threadIdx.x / 32])

GK_KERNEL(THREADS, topk_warp32, gk_topk_args) { WARP(uint32_t); }
GK_KERNEL(THREADS, topk_warp64, gk_topk_args) { WARP(uint64_t); }

// ---- sorted lines

GK_KERNEL(THREADS, topk_pick, gk_topk_args) {
  const int64_t n = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  if (n >= a.lines.size * a.count) return;
  const int64_t line = n / a.count, i = n - line * a.count;
  int64_t start[3];
  gk_offsets(a.lines, line, start);
  const int64_t found = a.sorted[line * a.sorted_length + i];
  write_one(a, start, i, a.places ? a.places[line * a.sorted_length + found] : found);
}
