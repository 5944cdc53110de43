// Random numbers: random_bits, random_uniform, random_normal and random_integers into a contiguous
// array. Element i depends on key, counter and i alone, so that threads and instruction sets do not show.
//
// An op takes a block of four words for four elements of up to 32 bits, or for two of 64 bits. A
// whole number below `range` is the upper half of word * range. It would be more likely than another
// where 2^32 (2^64) is no multiple of `range`, so that a word whose lower half of the product is below the
// remainder is drawn again, from the block of the same number of the next 2^64 counters.
#include <string.h>

#include "../core/draw.h"
#include "random.h"

#define STEP 256 // blocks at a time: 1024 words, in L1
#define GRAIN (1 << 15) // blocks that are worth a thread

typedef struct job {
  const gk_call *call;
  gk_draw draw;
  uint8_t dtype;
  int size; // bytes of an element
  int per_block; // elements from one block
  char *out;
} job;

// One unit in the last place down (up) where rounding went beyond v: keeps `high` out.
static void round_towards_low(int64_t n, const float *restrict v, const float *restrict rounded,
                              bool up, uint16_t *restrict half) {
  const uint16_t away = up ? 0 : 0x8000; // sign of numbers that grow in magnitude
  const float side = up ? -1 : 1;
  for (int64_t i = 0; i < n; i++) {
    const uint16_t h = half[i], grow = (uint16_t)(h + 1), shrink = (uint16_t)(h - 1);
    const uint16_t zero = away | 1;
    const uint16_t next = (h & 0x7fff) == 0 ? zero : (h & 0x8000) == away ? grow : shrink;
    half[i] = rounded[i] * side > v[i] * side ? next : h;
  }
}

// ---- whole numbers

// The number of element i from its words; false where it must be drawn again.
static bool integer(const job *j, const uint32_t *words, int64_t i, uint64_t *value) {
  if (j->size < 8) {
    const uint64_t product = words[i] * j->draw.range;
    *value = j->draw.first + (product >> 32);
    return (uint32_t)product >= j->draw.again;
  }
  const uint64_t word = (uint64_t)words[2 * i + 1] << 32 | words[2 * i];
  const unsigned __int128 product = (unsigned __int128)word * j->draw.range;
  *value = j->draw.first + (uint64_t)(product >> 64);
  return (uint64_t)product >= j->draw.again;
}

static void redraw(const job *j, int64_t block, int64_t n, const uint32_t *words, char *out) {
  int pending[4 * STEP], left = 0;
  uint32_t more[4 * STEP];
  uint64_t value;
  for (int64_t i = 0; i < n; i++)
    if (!integer(j, words, i, &value)) pending[left++] = (int)i;
  for (uint64_t high = 1; left > 0; high++) {
    gk_random()->words(n / j->per_block, j->call->counter + (uint64_t)block, high, j->call->key,
                       more);
    int kept = 0;
    for (int k = 0; k < left; k++) {
      if (integer(j, more, pending[k], &value))
        memcpy(out + pending[k] * j->size, &value, (size_t)j->size);
      else
        pending[kept++] = pending[k];
    }
    left = kept;
  }
}

static void integers(const job *j, int64_t block, int64_t n, const uint32_t *words, void *out) {
  const gk_random_kernels *kernels = gk_random();
  uint32_t single[4 * STEP], *to = j->size == 4 ? out : single;
  uint64_t *wide = out;
  bool again = false;
  if (j->size < 8) {
    again = kernels->integers32(n, words, (uint32_t)j->draw.range, (uint32_t)j->draw.first,
                                (uint32_t)j->draw.again, to);
    if (to == single) gk_cpu_cast(GK_uint32, j->size == 1 ? GK_uint8 : GK_uint16)(n, single, out);
  } else if (j->draw.range <= UINT32_MAX) {
    again =
        kernels->integers64(n, words, (uint32_t)j->draw.range, j->draw.first, j->draw.again, wide);
  } else {
    for (int64_t i = 0; i < n; i++) again |= !integer(j, words, i, &wide[i]);
  }
  if (again) redraw(j, block, n, words, out);
}

// ---- all ops

// Whole blocks' elements from their words.
static void elements(const job *j, int64_t block, int64_t blocks, const uint32_t *words,
                     void *out) {
  const gk_random_kernels *kernels = gk_random();
  const gk_call *call = j->call;
  const int64_t n = blocks * j->per_block;
  const bool uniform = j->draw.op == GK_OP_random_uniform;
  float single[4 * STEP], rounded[4 * STEP];
  if (j->draw.op == GK_OP_random_integers) {
    integers(j, block, n, words, out);
  } else if (j->draw.op == GK_OP_random_bits) {
    gk_cpu_cast(GK_uint32, j->size == 1 ? GK_uint8 : GK_uint16)(n, words, out);
  } else if (j->dtype == GK_float64) {
    if (uniform)
      kernels->uniform64(n, words, j->draw.low, j->draw.span, j->draw.limit, out);
    else
      kernels->normal64(n / 2, words, call->f[0], call->f[1], out);
  } else {
    float *to = j->dtype == GK_float32 ? out : single;
    if (uniform)
      kernels->uniform32(n, words, (float)j->draw.low, (float)j->draw.span, (float)j->draw.limit,
                         to);
    else
      kernels->normal32(n / 2, words, (float)call->f[0], (float)call->f[1], to);
    if (j->dtype == GK_float32) return;
    gk_cpu_cast(GK_float32, j->dtype)(n, single, out);
    if (!uniform) return;
    gk_cpu_cast(j->dtype, GK_float32)(n, out, rounded);
    round_towards_low(n, single, rounded, j->draw.span < 0, out);
  }
}

static void run(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const job *j = context;
  const gk_call *call = j->call;
  const int64_t size = call->out[0]->size;
  const bool words_only = j->draw.op == GK_OP_random_bits && j->size >= 4;
  uint32_t words[4 * STEP];
  double rest[4 * STEP]; // elements of a last, incomplete block
  for (int64_t b = begin; b < end; b += STEP) {
    const int64_t blocks = end - b < STEP ? end - b : STEP;
    const int64_t first = b * j->per_block;
    const bool whole = first + blocks * j->per_block <= size;
    char *out = j->out + first * j->size;
    void *to = whole ? (void *)out : rest;
    gk_random()->words(blocks, call->counter + (uint64_t)b, 0, call->key, words_only ? to : words);
    if (!words_only) elements(j, b, blocks, words, to);
    if (!whole) memcpy(out, rest, (size_t)((size - first) * j->size));
  }
}

gk_status gk_cpu_random(const gk_call *call, gk_error *error) {
  const gk_view *out = call->out[0];
  if (out->size == 0) return GK_OK;
  job j = {.call = call, .dtype = out->dtype, .size = gk_dtypes[out->dtype].size};
  j.per_block = j.size == 8 ? 2 : 4;
  j.out = gk_view_data(out);
  const gk_status status = gk_draw_set(&j.draw, call, error);
  if (status != GK_OK) return status;
  gk_parallel((out->size + j.per_block - 1) / j.per_block, GRAIN, run, &j);
  return GK_OK;
}
