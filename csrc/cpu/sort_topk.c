// topk: the first k elements of a line in the order asked for, and their places. A filter keeps what
// can still be among them: keys up to a limit, which a sample gives and which falls whenever the
// candidates fill their room and the best k of them are found. Short lines and large k are sorted.
#include <stdatomic.h>
#include <string.h>

#include "blocks.h"
#include "sort.h"

#define LONG (1 << 17) // elements from which several threads filter a line
#define PIECE 100000 // elements worth a thread
#define SHORT 1024 // elements up to which a line is sorted whole
#define SAMPLES 4096

typedef struct finding {
  const gk_call *call;
  gk_sort_lines lines;
  gk_sort_line line; // of which `data` is still missing
  int64_t k, parts;
  _Atomic bool out_of_memory;
} finding;

// Keys that may be among the first k, in the order of their places where they are equal.
typedef struct candidates {
  int64_t count, capacity;
  char *keys;
  int64_t *places, *room; // of GK_SORT_ROOMS * capacity
} candidates;

#define CANDIDATE_BYTES (8 * (2 + GK_SORT_ROOMS))

static candidates candidates_at(char *memory, int64_t capacity) {
  candidates c = {.capacity = capacity, .keys = memory};
  c.places = (int64_t *)memory + capacity;
  c.room = c.places + capacity;
  return c;
}

typedef union limit {
  int64_t wide;
  int32_t narrow;
} limit;

static limit key_at(const gk_sort_line *l, const char *keys, int64_t i) {
  limit key;
  if (gk_sort_wide(l))
    key.wide = ((const int64_t *)keys)[i];
  else
    key.narrow = ((const int32_t *)keys)[i];
  return key;
}

static limit no_limit(const gk_sort_line *l) {
  limit most;
  if (gk_sort_wide(l))
    most.wide = INT64_MAX;
  else
    most.narrow = INT32_MAX;
  return most;
}

// The order of the candidates, in their room.
static int64_t *order_of(const gk_sort_line *l, const candidates *c) {
  const int bytes = gk_sort_wide(l) ? 8 : 4;
  gk_sort_line keys = {.data = c->keys, .n = c->count, .stride = 1, .size = bytes};
  keys.log2 = bytes == 8 ? 3 : 2;
  return gk_sort_places(&keys, c->room);
}

// Leaves the first k. Later elements must be below the last of them; false where none can be.
static bool keep_best(const gk_sort_line *l, int64_t k, candidates *c, limit *most) {
  const int64_t *order = order_of(l, c);
  int64_t *sorted = c->room + 2 * c->count; // gk_sort_places leaves the last part free
  for (int64_t i = 0; i < k; i++) sorted[i] = c->places[order[i]];
  memcpy(c->places, sorted, (size_t)k * 8);
  for (int64_t i = 0; i < k; i++) {
    if (gk_sort_wide(l))
      sorted[i] = ((const int64_t *)c->keys)[order[i]];
    else
      ((int32_t *)sorted)[i] = ((const int32_t *)c->keys)[order[i]];
  }
  memcpy(c->keys, sorted, (size_t)(k * (gk_sort_wide(l) ? 8 : 4)));
  c->count = k;
  *most = key_at(l, c->keys, k - 1);
  if (gk_sort_wide(l) ? most->wide == INT64_MIN : most->narrow == INT32_MIN) return false;
  if (gk_sort_wide(l))
    most->wide--;
  else
    most->narrow--;
  return true;
}

static void collect(const gk_sort_line *l, int64_t k, int64_t begin, int64_t end, limit most,
                    candidates *c) {
  const gk_sort_table *table = gk_sort_kernels();
  const bool wide = gk_sort_wide(l);
  _Alignas(64) char block[GK_BLOCK_ELEMENTS * 8];
  c->count = 0;
  for (int64_t i = begin; i < end; i += GK_BLOCK_ELEMENTS) {
    const int64_t m = end - i < GK_BLOCK_ELEMENTS ? end - i : GK_BLOCK_ELEMENTS;
    gk_sort_keys(l, i, m, block);
    c->count += table->filter[wide](m, block, &most, i, c->keys + c->count * (wide ? 8 : 4),
                                    c->places + c->count);
    if (c->count > c->capacity - GK_BLOCK_ELEMENTS && !keep_best(l, k, c, &most)) return;
  }
}

// A key that a little more than k elements should reach.
static limit sample_limit(const gk_sort_line *l, int64_t k, char *room) {
  gk_sort_line sample = *l;
  sample.stride *= l->n / SAMPLES;
  gk_sort_keys(&sample, 0, SAMPLES, room);
  char *sorted = gk_sort_items(gk_sort_wide(l), SAMPLES, room, room + SAMPLES * 8, 0);
  const int64_t rank = k * SAMPLES / l->n;
  return key_at(l, sorted, rank + rank / 4 + 12);
}

// ---- one line

typedef struct search {
  const gk_sort_line *line;
  int64_t k, part; // elements in a part
  limit most;
  candidates *parts;
} search;

static void collect_parts(void *context, int64_t begin, int64_t end, int thread) {
  search *s = context;
  (void)thread;
  for (; begin < end; begin++) {
    const int64_t first = begin * s->part, last = first + s->part;
    collect(s->line, s->k, first, last < s->line->n ? last : s->line->n, s->most, &s->parts[begin]);
  }
}

static int64_t capacity_of(const finding *job) {
  const int64_t least = 2 * job->k + 4 * GK_BLOCK_ELEMENTS;
  return least < 2 * SAMPLES ? 2 * SAMPLES : least;
}

static bool is_sorted_whole(const finding *job) {
  return job->line.n <= SHORT || job->k > job->line.n / 4;
}

static int64_t room_of(const finding *job) {
  return is_sorted_whole(job) ? GK_SORT_ROOMS * 8 * job->line.n
                              : job->parts * capacity_of(job) * CANDIDATE_BYTES;
}

enum { MAX_PARTS = 64 };

// The places of the first k.
static const int64_t *find(const finding *job, gk_sort_line *l, char *room) {
  if (is_sorted_whole(job)) return gk_sort_places(l, (int64_t *)room);
  const int64_t capacity = capacity_of(job), k = job->k;
  candidates parts[MAX_PARTS];
  for (int64_t i = 0; i < job->parts; i++)
    parts[i] = candidates_at(room + i * capacity * CANDIDATE_BYTES, capacity);
  search s = {.line = l, .k = k, .part = (l->n + job->parts - 1) / job->parts, .parts = parts};
  bool is_sampled = l->n >= 16 * SAMPLES;
  s.most = is_sampled ? sample_limit(l, k, room) : no_limit(l);
  for (;; is_sampled = false, s.most = no_limit(l)) {
    gk_parallel(job->parts, 1, collect_parts, &s);
    int64_t found = 0;
    for (int64_t i = 0; i < job->parts; i++) found += parts[i].count;
    if (found >= k || !is_sampled) break;
  }
  // All into the first one, which has room for k of each of them at least.
  const int bytes = gk_sort_wide(l) ? 8 : 4;
  limit ignored;
  candidates *all = &parts[0];
  for (int64_t i = 1; i < job->parts; i++) {
    if (all->count + parts[i].count > capacity && all->count > k) keep_best(l, k, all, &ignored);
    if (all->count + parts[i].count > capacity && parts[i].count > k)
      keep_best(l, k, &parts[i], &ignored);
    memcpy(all->keys + all->count * bytes, parts[i].keys, (size_t)(parts[i].count * bytes));
    memcpy(all->places + all->count, parts[i].places, (size_t)parts[i].count * 8);
    all->count += parts[i].count;
  }
  const int64_t *order = order_of(l, all);
  int64_t *places = all->room + 2 * all->count;
  for (int64_t i = 0; i < k; i++) places[i] = all->places[order[i]];
  return places;
}

// ---- all lines

static void pick(int bytes, int64_t count, const char *in, int64_t stride, const int64_t *places,
                 char *out, int64_t out_stride) {
#define PICK(T)                                                                                    \
  for (int64_t i = 0; i < count; i++)                                                              \
  ((T *)out)[i * out_stride] = ((const T *)in)[places[i] * stride]
  if (bytes == 1)
    PICK(uint8_t);
  else if (bytes == 2)
    PICK(uint16_t);
  else if (bytes == 4)
    PICK(uint32_t);
  else
    PICK(uint64_t);
}

static void find_lines(void *context, int64_t begin, int64_t end, int thread) {
  finding *job = context;
  const gk_view *in = job->call->in[0], *values = job->call->out[0], *indices = job->call->out[1];
  const int axis = job->call->axis, bytes = job->line.size;
  (void)thread;
  char *room = gk_scratch(GK_SCRATCH_SORT, room_of(job));
  if (!room) job->out_of_memory = true;
  for (; room && begin < end; begin++) {
    gk_sort_line line = job->line;
    line.data = gk_view_data(in) + gk_sort_line_offset(&job->lines, 0, begin) * bytes;
    const int64_t *places = find(job, &line, room);
    pick(bytes, job->k, line.data, line.stride, places,
         gk_view_data(values) + gk_sort_line_offset(&job->lines, 1, begin) * bytes,
         values->strides[axis]);
    gk_cpu_scatter(job->k, 8, places,
                   gk_view_data(indices) + gk_sort_line_offset(&job->lines, 2, begin) * 8,
                   indices->strides[axis]);
  }
}

gk_status gk_cpu_topk(const gk_call *call, gk_error *error) {
  const gk_view *in = call->in[0];
  if (call->out[0]->size == 0) return GK_OK;
  finding job = {.call = call, .k = call->out[0]->shape[call->axis], .parts = 1};
  const int64_t n = in->shape[call->axis], threads = gk_parallel_threads();
  const bool largest = call->flags & GK_DESCENDING;
  if (n > (int64_t)UINT32_MAX)
    return gk_error_set(error, GK_UNSUPPORTED,
                        "topk: an axis of %lld elements; at most %lld can be searched",
                        (long long)n, (long long)UINT32_MAX);
  gk_sort_lines_of(&job.lines, call);
  job.line =
      (gk_sort_line){.n = n, .stride = in->strides[call->axis], .size = gk_dtypes[in->dtype].size};
  while (1 << job.line.log2 < job.line.size) job.line.log2++;
  job.line.order =
      gk_sort_order_of(in->dtype, largest, GK_SORT_EQUAL_ZEROS | (largest ? GK_SORT_NAN_FIRST : 0));
  if (n >= LONG && job.lines.count < threads) {
    job.parts = threads < MAX_PARTS ? threads : MAX_PARTS;
    find_lines(&job, 0, job.lines.count, 0);
  } else {
    gk_parallel(job.lines.count, 1 + PIECE / n, find_lines, &job);
  }
  if (job.out_of_memory)
    return gk_error_set(error, GK_OUT_OF_MEMORY, "topk: no memory for candidates");
  return GK_OK;
}
