// sort and argsort of lines of any length: radix passes, eight bits each, the lowest first ("onesweep", Adinets
// and Merrill 2022: each pass reads and writes every item once).
//
//   sort_count_32, _64       counts all digits of all passes. Blocks of 256 threads, several for a line.
//   sort_starts              adds the counts up over the digits, and finds the passes that move nothing since
//                            all keys of the line agree. Blocks of 256 threads: a line each.
//   sort_pass_32, _64, _beside  one pass. Blocks of 384 threads: a tile each, 8064 items of 32 bits or 3840 of 64,
//                            which is what shared memory without an opt-in and the registers of three blocks
//                            hold, and enough for the items of a digit to fill the lines of memory that they
//                            go to.
//
// A tile sorts its items in shared memory (sort_tile.cuh) and writes the run of each digit behind those of the
// tiles before it. How many there are it learns by looking back: a tile first leaves in `words`, for each
// digit, the number of its own items, and when it knows it the number up to its end. Tiles are numbered in the
// order in which blocks begin, so that those before are done or under way. The two highest bits of a word tell
// which number it is; words are of 32 bits where the numbers fit. A pass clears what the next one uses. Counts
// are of integers, and the result does not depend on the time.
//
// The first active pass reads elements, the last one writes the results; those between go from one buffer to
// the other. All that is decided here, as the host knows no keys.
#include "sort_tile.cuh"

// ---- counts

template <class Key> GK_INLINE void count_key(uint32_t *counts, uint32_t passes, Key key) {
  GK_UNROLL
  for (uint32_t p = 0; p < sizeof(Key); p++)
    if (p < passes) atomicAdd(&counts[p * GK_SORT_DIGITS + gk_digit(key, 8 * p)], 1u);
}

// Elements [begin, end) of a line.
template <class Word, class Key>
GK_INLINE void count_elements(const gk_sort_args &a, int64_t offset, int64_t begin, int64_t end,
                              uint32_t *counts) {
  constexpr int V = 16 / (int)sizeof(Word), AHEAD = 4;
  const Word *line = (const Word *)a.in + offset;
  if (a.in_step == 1 && (uintptr_t)(line + begin) % 16 == 0) {
    const int64_t vectors = begin + (end - begin) / V * V;
    for (int64_t i = begin + (int64_t)threadIdx.x * V; i < vectors;
         i += GK_SORT_COUNT_THREADS * V) {
      Word x[V];
      gk_load_vector<V>(line + i, x);
      GK_UNROLL
      for (int k = 0; k < V; k++) count_key(counts, a.passes, (Key)gk_to_key(a.order, x[k]));
    }
    begin = vectors;
  }
  for (int64_t i = begin + threadIdx.x; i < end; i += GK_SORT_COUNT_THREADS * AHEAD) {
    Word x[AHEAD];
    GK_UNROLL
    for (int k = 0; k < AHEAD; k++) {
      const int64_t at = i + k * GK_SORT_COUNT_THREADS;
      x[k] = at < end ? line[at * a.in_step] : (Word)0;
    }
    GK_UNROLL
    for (int k = 0; k < AHEAD; k++)
      if (i + k * GK_SORT_COUNT_THREADS < end)
        count_key(counts, a.passes, (Key)gk_to_key(a.order, x[k]));
  }
}

template <class Key> GK_INLINE void count_digits(const gk_sort_args &a, uint32_t *counts) {
  const uint32_t used = a.passes * GK_SORT_DIGITS;
  const int64_t line = blockIdx.x / a.count_blocks;
  const int64_t begin = (int64_t)(blockIdx.x % a.count_blocks) * a.count_block;
  const int64_t end = begin + a.count_block < a.n ? begin + a.count_block : a.n;
  for (uint32_t i = threadIdx.x; i < used; i += GK_SORT_COUNT_THREADS) counts[i] = 0;
  __syncthreads();
  int64_t at[1];
  gk_offsets(a.lines, line, at);
  if constexpr (sizeof(Key) == 8)
    count_elements<uint64_t, Key>(a, at[0], begin, end, counts);
  else if (a.bytes == 4)
    count_elements<uint32_t, Key>(a, at[0], begin, end, counts);
  else if (a.bytes == 2)
    count_elements<uint16_t, Key>(a, at[0], begin, end, counts);
  else
    count_elements<uint8_t, Key>(a, at[0], begin, end, counts);
  __syncthreads();
  unsigned long long *sums = (unsigned long long *)a.starts + line * used;
  for (uint32_t i = threadIdx.x; i < used; i += GK_SORT_COUNT_THREADS)
    if (counts[i] != 0) atomicAdd(&sums[i], (unsigned long long)counts[i]);
}

GK_KERNEL(GK_SORT_COUNT_THREADS, sort_count_32, gk_sort_args) {
  __shared__ uint32_t counts[4 * GK_SORT_DIGITS];
  count_digits<uint32_t>(a, counts);
}
GK_KERNEL(GK_SORT_COUNT_THREADS, sort_count_64, gk_sort_args) {
  __shared__ uint32_t counts[8 * GK_SORT_DIGITS];
  count_digits<uint64_t>(a, counts);
}

GK_KERNEL(GK_SORT_DIGITS, sort_starts, gk_sort_args) {
  __shared__ uint64_t sums[GK_SORT_DIGITS / 32];
  const int thread = (int)threadIdx.x, warp = thread / 32, lane = thread % 32;
  uint64_t *starts = a.starts + (int64_t)blockIdx.x * a.passes * GK_SORT_DIGITS + thread;
  uint32_t active = 0;
  for (uint32_t p = 0; p < a.passes; p++, starts += GK_SORT_DIGITS) {
    const uint64_t count = *starts;
    uint64_t sum = count;
    GK_UNROLL
    for (int d = 1; d < 32; d *= 2) {
      const uint64_t below = __shfl_up_sync(~0u, sum, d);
      if (lane >= d) sum += below;
    }
    if (lane == 31) sums[warp] = sum;
    const int all_agree = __syncthreads_or(count == (uint64_t)a.n);
    sum -= count;
    for (int w = 0; w < warp; w++) sum += sums[w];
    *starts = sum;
    if (!all_agree) active |= 1u << p;
    __syncthreads();
  }
  if (thread == 0) a.active[blockIdx.x] = active ? active : 1u << (a.passes - 1);
}

// ---- a pass

// Words of a tile in the order of passes that move something, one for each digit.
template <class Word>
GK_INLINE volatile Word *words_of(const gk_sort_args &a, int passed, uint32_t ticket) {
  const uint64_t row = (passed & 1 ? gridDim.x : 0) + (uint64_t)ticket;
  return (volatile Word *)a.words + (row * GK_SORT_DIGITS + threadIdx.x);
}
enum { OWN = 1, UP_TO_END = 2 };
template <class Word> constexpr int tag_shift = 8 * (int)sizeof(Word) - 2;

// Thread d leaves how many items of digit d the tile has.
template <class Word>
GK_INLINE void leave_count(const gk_sort_args &a, int passed, uint32_t ticket, uint32_t count) {
  *words_of<Word>(a, passed, ticket) = (Word)OWN << tag_shift<Word> | count;
  *words_of<Word>(a, passed + 1, ticket) = 0;
}

// How many items of the digit the tiles before this one have, and all those of lower digits; leaves the same of
// the next tile. Several words are asked for at a time, since a dozen tiles are usually under way.
template <class Word>
GK_INLINE uint64_t look_back(const gk_sort_args &a, int passed, uint32_t ticket, uint32_t tile,
                             uint32_t count) {
  constexpr int AHEAD = 4;
  constexpr Word number = ((Word)1 << tag_shift<Word>)-1;
  volatile Word *own = words_of<Word>(a, passed, ticket), *at = own;
  Word before = 0;
  bool is_known = tile == 0;
  if (is_known) {
    const uint64_t row = (uint64_t)(ticket / a.tiles) * a.passes + a.pass;
    before = (Word)a.starts[row * GK_SORT_DIGITS + threadIdx.x];
  }
  for (uint32_t left = tile; !is_known; left -= AHEAD, at -= AHEAD * GK_SORT_DIGITS) {
    Word word[AHEAD];
    GK_UNROLL
    for (int j = 0; j < AHEAD; j++) // the first tile has the last word
      word[j] = (uint32_t)j < left ? at[-(j + 1) * GK_SORT_DIGITS] : (Word)0;
    GK_UNROLL
    for (int j = 0; j < AHEAD; j++) {
      if (is_known) break;
      while (word[j] >> tag_shift<Word> == 0) word[j] = at[-(j + 1) * GK_SORT_DIGITS];
      before += word[j] & number;
      is_known = word[j] >> tag_shift<Word> == UP_TO_END;
    }
  }
  *own = (Word)UP_TO_END << tag_shift<Word> | (Word)(before + count);
  return before;
}

template <class Item, bool BESIDE> GK_INLINE void sort_pass(const gk_sort_args &a) {
  constexpr int THREADS = GK_SORT_THREADS, K = GK_SORT_ROUNDS(sizeof(Item));
  constexpr int TILE = THREADS * K;
  typedef gk_sort_shared<Item, THREADS, K> shared;
  shared &s = gk_sort_room_as<shared, gk_sort_tile_room>();
  const int thread = (int)threadIdx.x;
  if (thread == 0) s.word[0] = atomicAdd(&a.tickets[a.pass], 1u);
  gk_clear_counts(s);
  __syncthreads();
  const uint32_t ticket = s.word[0], line = ticket / a.tiles, tile = ticket - line * a.tiles;
  const uint32_t active = a.active[line];
  if (!(active >> a.pass & 1)) return;
  const int passed = __popc(active & ((1u << a.pass) - 1));
  const bool is_last = active >> a.pass == 1;
  const int64_t left = a.n - (int64_t)tile * TILE;
  const int count = left < TILE ? (int)left : TILE, own = thread / 32 * (32 * K) + thread % 32;
  const uint32_t shift = gk_first_bit<Item>(a, BESIDE) + 8 * a.pass;

  Item item[K];
  uint32_t place[K], to[K];
  if (passed == 0) {
    int64_t at[1];
    gk_offsets(a.lines, (int64_t)line, at);
    gk_load_elements(a, at[0], (int64_t)tile * TILE, own, count, item);
    if constexpr (BESIDE) {
      GK_UNROLL
      for (int k = 0; k < K; k++) place[k] = tile * TILE + own + k * 32;
    }
  } else {
    const int64_t begin = (int64_t)line * a.n + (int64_t)tile * TILE;
    const Item *items = (const Item *)a.items[(passed - 1) & 1] + begin;
    GK_UNROLL
    for (int k = 0; k < K; k++)
      item[k] = own + k * 32 < count ? items[own + k * 32] : (Item) ~(Item)0;
    if constexpr (BESIDE) {
      const uint32_t *places = a.beside[(passed - 1) & 1] + begin;
      GK_UNROLL
      for (int k = 0; k < K; k++) place[k] = own + k * 32 < count ? places[own + k * 32] : 0;
    }
  }

  gk_count_digits(s, item, K, shift);
  __syncthreads();
  uint32_t sum = 0;
  if (thread < GK_SORT_DIGITS) {
    sum = gk_sum_digit(s);
    if (BESIDE || a.wide)
      leave_count<uint64_t>(a, passed, ticket, sum);
    else
      leave_count<uint32_t>(a, passed, ticket, sum);
  }
  const uint32_t start = gk_sum_before(s, sum);
  if (thread < GK_SORT_DIGITS) gk_begin_digit(s, start);
  __syncthreads();
  uint32_t *counts = s.counts[thread / 32];
  GK_UNROLL
  for (int k = 0; k < K; k++) {
    to[k] = gk_take_place(counts, gk_digit(item[k], shift));
    s.items[to[k]] = item[k];
  }
  if (thread < GK_SORT_DIGITS) {
    const uint64_t before = BESIDE || a.wide ? look_back<uint64_t>(a, passed, ticket, tile, sum)
                                             : look_back<uint32_t>(a, passed, ticket, tile, sum);
    s.offset[thread] = (int64_t)(before - start);
  }
  __syncthreads();
  GK_UNROLL
  for (int k = 0; k < K; k++) item[k] = s.items[k * THREADS + thread];
  const auto where = [&](int k) {
    const int i = k * THREADS + thread;
    return i < count ? s.offset[gk_digit(item[k], shift)] + i : (int64_t)-1;
  };
  if constexpr (BESIDE) {
    uint32_t *places = (uint32_t *)s.items;
    __syncthreads();
    GK_UNROLL
    for (int k = 0; k < K; k++) places[to[k]] = place[k];
    __syncthreads();
    GK_UNROLL
    for (int k = 0; k < K; k++) place[k] = places[k * THREADS + thread];
  }
  if (is_last) {
    int64_t at[2];
    gk_offsets(a.lines, (int64_t)line, at);
    if constexpr (BESIDE)
      gk_store_places(a, at[1], place, where);
    else
      gk_store_elements(a, at[1], item, where);
    return;
  }
  Item *items = (Item *)a.items[passed & 1] + (int64_t)line * a.n;
  GK_UNROLL
  for (int k = 0; k < K; k++) {
    const int64_t i = where(k);
    if (i < 0) continue;
    items[i] = item[k];
    if constexpr (BESIDE) (a.beside[passed & 1] + (int64_t)line * a.n)[i] = place[k];
  }
}

// As many blocks as shared memory has room for.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1200
#define BLOCKS 2
#else
#define BLOCKS 3
#endif
GK_KERNEL_OF(BLOCKS, GK_SORT_THREADS, sort_pass_32, gk_sort_args) { sort_pass<uint32_t, false>(a); }
GK_KERNEL_OF(BLOCKS, GK_SORT_THREADS, sort_pass_64, gk_sort_args) { sort_pass<uint64_t, false>(a); }
GK_KERNEL_OF(2, GK_SORT_THREADS, sort_pass_beside, gk_sort_args) { sort_pass<uint64_t, true>(a); }
