// topk of long lines and more elements than a block finds: which key the k-th element has is found digit by
// digit from the top, then what is not behind it is listed, in the order of places. Of equal keys the first are
// taken. The list is then sorted as lines are (sort_radix.cu).
//
// The line is read once for each digit of eight bits, and twice to list it; nothing is written but counts and
// the list. All blocks have 256 threads. Keys of 32 bits (8 and 16 bits in the low ones) or 64.
//
//   topk_digit32, _64   one digit: counts of those keys that have the digits before. The last block of a line
//                       to end adds them up. Grid: x `blocks` for each line. Shared memory: 8 KB of counts,
//                       eight copies of each, which lanes take in turn.
//   topk_tally32, _64   how many elements of a tile are before the k-th key, and how many have it. Grid: x
//                       tiles of each line.
//   topk_tallies        adds those up along the tiles. Grid: x lines.
//   topk_list32, _64    the list. Grid: as topk_tally.
#include "layout.cuh"
#include "sort_keys.cuh"
#include "sort_topk.h"

#define THREADS GK_TOPK_THREADS
#define WARPS (THREADS / 32)
#define DIGITS 256
#define COPIES 8
#define AHEAD 8 // elements of a thread that are asked for before the first is used
#define ROUNDS (GK_TOPK_TILE / THREADS)

static_assert(DIGITS == THREADS, "a thread adds up a count");

// Elements number first, first + step... of a line as keys; 0 from `end` on.
template <class Word, class Key>
GK_INLINE void load_words(const gk_topk_long_args &a, int64_t start, int64_t first, int step,
                          int64_t end, Key (&key)[AHEAD]) {
  Word word[AHEAD];
  GK_UNROLL
  for (int r = 0; r < AHEAD; r++) {
    const int64_t i = first + r * step;
    word[r] = i < end ? ((const Word *)a.in)[start + i * a.in_step] : (Word)0;
  }
  GK_UNROLL
  for (int r = 0; r < AHEAD; r++) key[r] = gk_to_key(a.order, word[r]);
}
template <class Key>
GK_INLINE void load_keys(const gk_topk_long_args &a, int64_t start, int64_t first, int step,
                         int64_t end, Key (&key)[AHEAD]) {
  if constexpr (sizeof(Key) == 8)
    load_words<uint64_t>(a, start, first, step, end, key);
  else if (a.bytes == 4)
    load_words<uint32_t>(a, start, first, step, end, key);
  else if (a.bytes == 2)
    load_words<uint16_t>(a, start, first, step, end, key);
  else
    load_words<uint8_t>(a, start, first, step, end, key);
}

// ---- digits

// The sum of the values of all threads below this one.
GK_INLINE unsigned sum_below(unsigned value, unsigned *sums) {
  const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
  unsigned sum = value;
  GK_UNROLL
  for (int d = 1; d < 32; d *= 2) {
    const unsigned below = __shfl_up_sync(~0u, sum, d);
    if (lane >= d) sum += below;
  }
  if (lane == 31) sums[warp] = sum;
  __syncthreads();
  sum -= value;
  for (int w = 0; w < warp; w++) sum += sums[w];
  return sum;
}

template <class Key>
GK_INLINE void find_digit(const gk_topk_long_args &a, unsigned *counts, unsigned *sums) {
  const int thread = (int)threadIdx.x, copy = thread % COPIES;
  const int64_t line = blockIdx.x / a.blocks, begin = blockIdx.x % a.blocks * a.span;
  const int64_t end = begin + a.span < a.length ? begin + a.span : a.length;
  gk_topk_state *state = a.states + line;
  unsigned *all = a.counts + line * DIGITS;
  const Key prefix = a.is_first ? (Key)0 : (Key)state->key;
  const Key above = a.is_first ? (Key)0 : (Key)((Key) ~(Key)0 << a.shift << 8);
  int64_t start[1];
  gk_offsets(a.lines, line, start);
  GK_UNROLL
  for (int k = 0; k < COPIES; k++) counts[k * THREADS + thread] = 0;
  __syncthreads();
  for (int64_t i = begin + thread; i < end; i += AHEAD * THREADS) {
    Key key[AHEAD];
    load_keys(a, start[0], i, THREADS, end, key);
    GK_UNROLL
    for (int r = 0; r < AHEAD; r++)
      if (i + r * THREADS < end && (key[r] & above) == prefix)
        atomicAdd(&counts[(key[r] >> a.shift & 255) * COPIES + copy], 1u);
  }
  __syncthreads();
  unsigned count = 0;
  GK_UNROLL
  for (int k = 0; k < COPIES; k++) count += counts[thread * COPIES + k];
  if (count) atomicAdd(&all[thread], count);
  __threadfence();
  __syncthreads();
  const bool is_last = thread == 0 && atomicAdd(&state->ended, 1u) == a.blocks - 1;
  if (!__syncthreads_or(is_last)) return;
  __threadfence();
  count = atomicExch(&all[thread], 0u); // and ready for the next digit
  const unsigned rank = a.is_first ? a.count : state->rank;
  const unsigned before = sum_below(count, sums); // all threads have the rank by its barrier
  if (before < rank && rank - before <= count) { // one thread
    state->key = prefix | (Key)((Key)thread << a.shift);
    state->rank = rank - before;
  }
  if (thread == 0) state->ended = 0;
}

#define DIGIT(Key)                                                                                 \
  __shared__ unsigned counts[DIGITS * COPIES], sums[WARPS];                                        \
  find_digit<Key>(a, counts, sums)

GK_KERNEL(THREADS, topk_digit32, gk_topk_long_args) { DIGIT(uint32_t); }
GK_KERNEL(THREADS, topk_digit64, gk_topk_long_args) { DIGIT(uint64_t); }

// ---- the list

// Of the warp's 32 * ROUNDS elements from number `first` on: lane r has the bits of those of round r that are
// before the k-th key, and of those that have it.
template <class Key>
GK_INLINE void compare(const gk_topk_long_args &a, int64_t start, Key limit, int64_t first,
                       uint32_t *before, uint32_t *equal) {
  const int lane = (int)threadIdx.x % 32;
  *before = *equal = 0;
  for (int r = 0; r < ROUNDS; r += AHEAD) {
    Key key[AHEAD];
    load_keys(a, start, first + r * 32 + lane, 32, a.length, key);
    GK_UNROLL
    for (int k = 0; k < AHEAD; k++) {
      const bool there = first + (r + k) * 32 + lane < a.length;
      const uint32_t less = __ballot_sync(~0u, there && key[k] < limit);
      const uint32_t same = __ballot_sync(~0u, there && key[k] == limit);
      if (lane != r + k) continue;
      *before = less;
      *equal = same;
    }
  }
}

// Counts of both, in the high and the low half: no sum of either has more than 32 bits.
GK_INLINE uint64_t tally_of(uint32_t before, uint32_t equal) {
  const uint64_t high = __reduce_add_sync(~0u, (unsigned)__popc(before));
  return high << 32 | __reduce_add_sync(~0u, (unsigned)__popc(equal));
}

struct tile_place {
  int64_t line, start, first; // `first`: the warp's first element
};
GK_INLINE tile_place find_tile(const gk_topk_long_args &a) {
  const int64_t line = blockIdx.x / a.tiles;
  int64_t start[1];
  gk_offsets(a.lines, line, start);
  const int64_t first = blockIdx.x % a.tiles * GK_TOPK_TILE + threadIdx.x / 32 * (32 * ROUNDS);
  return {line, start[0], first};
}

template <class Key> GK_INLINE void tally_tile(const gk_topk_long_args &a, uint64_t *tallies) {
  const tile_place tile = find_tile(a);
  uint32_t before, equal;
  compare<Key>(a, tile.start, (Key)a.states[tile.line].key, tile.first, &before, &equal);
  const uint64_t tally = tally_of(before, equal);
  if (threadIdx.x % 32 == 0) tallies[threadIdx.x / 32] = tally;
  __syncthreads();
  if (threadIdx.x != 0) return;
  uint64_t sum = 0;
  GK_UNROLL
  for (int w = 0; w < WARPS; w++) sum += tallies[w];
  a.tallies[blockIdx.x] = sum;
}

GK_KERNEL(THREADS, topk_tally32, gk_topk_long_args) {
  __shared__ uint64_t tallies[WARPS];
  tally_tile<uint32_t>(a, tallies);
}
GK_KERNEL(THREADS, topk_tally64, gk_topk_long_args) {
  __shared__ uint64_t tallies[WARPS];
  tally_tile<uint64_t>(a, tallies);
}

GK_KERNEL(THREADS, topk_tallies, gk_topk_long_args) {
  __shared__ uint64_t sums[WARPS];
  const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
  uint64_t *tallies = a.tallies + (int64_t)blockIdx.x * a.tiles, before = 0;
  for (uint32_t first = 0; first < a.tiles; first += THREADS) {
    const uint32_t tile = first + threadIdx.x;
    const uint64_t tally = tile < a.tiles ? tallies[tile] : 0;
    uint64_t sum = tally;
    GK_UNROLL
    for (int d = 1; d < 32; d *= 2) {
      const uint64_t below = __shfl_up_sync(~0u, sum, d);
      if (lane >= d) sum += below;
    }
    if (lane == 31) sums[warp] = sum;
    __syncthreads();
    uint64_t all = 0;
    for (int w = 0; w < WARPS; w++) {
      if (w == warp) sum += all;
      all += sums[w];
    }
    if (tile < a.tiles) tallies[tile] = before + sum - tally;
    before += all;
    __syncthreads();
  }
}

template <class Key> GK_INLINE void list_tile(const gk_topk_long_args &a, uint64_t *tallies) {
  const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
  const tile_place tile = find_tile(a);
  const gk_topk_state state = a.states[tile.line];
  uint32_t before, equal;
  compare<Key>(a, tile.start, (Key)state.key, tile.first, &before, &equal);
  const uint64_t tally = tally_of(before, equal);
  if (lane == 0) tallies[warp] = tally;
  __syncthreads();
  uint64_t sum = a.tallies[blockIdx.x];
  for (int w = 0; w < warp; w++) sum += tallies[w];
  const uint32_t below = (1u << lane) - 1;
  for (int r = 0; r < ROUNDS; r++) {
    const uint32_t less = __shfl_sync(~0u, before, r), same = __shfl_sync(~0u, equal, r);
    const uint32_t lower = (uint32_t)(sum >> 32) + __popc(less & below);
    const uint32_t ties = (uint32_t)sum + __popc(same & below);
    sum += (uint64_t)__popc(less) << 32 | (uint64_t)__popc(same);
    if (!((less | same) >> lane & 1)) continue;
    if (same >> lane & 1 && ties >= state.rank) continue;
    const int64_t to = tile.line * a.count + lower + (ties < state.rank ? ties : state.rank);
    const int64_t i = tile.first + r * 32 + lane, from = tile.start + i * a.in_step;
    GK_WITH_WORD(a.bytes, ((Word *)a.found)[to] = ((const Word *)a.in)[from])
    a.found_places[to] = (uint32_t)i;
  }
}

GK_KERNEL(THREADS, topk_list32, gk_topk_long_args) {
  __shared__ uint64_t tallies[WARPS];
  list_tile<uint32_t>(a, tallies);
}
GK_KERNEL(THREADS, topk_list64, gk_topk_long_args) {
  __shared__ uint64_t tallies[WARPS];
  list_tile<uint64_t>(a, tallies);
}
