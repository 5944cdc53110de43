// sort and argsort along an axis. A line of elements becomes items (sort.h), which are sorted and
// turned back. Lines that are strided go through contiguous tiles of several lines. A long line is
// split by pivots from a sample into buckets, in chunks that fit into the cache, and several
// threads sort the buckets.
#include <stdatomic.h>
#include <string.h>

#include "../core/storage.h"
#include "sort.h"

#define LONG (1 << 16)              // elements from which a line is split
#define PIECE 25000                 // elements worth a thread
#define CHUNK_BYTES (256 << 10)     // of items: with as much room they fit into a core's cache
#define MAX_BUCKETS 256
#define SAMPLES 64                  // for each bucket
#define TILE_LINES 64
#define TILE_BYTES ((int64_t)1 << 20)
#define MAX_TILE_BYTES ((int64_t)64 << 20) // for 16 lines, which share cache lines

typedef struct sorting {
  const gk_call *call;
  gk_sort_lines lines;
  gk_sort_line line; // of which `data` is still missing
  bool places;       // argsort
  int item_bytes, in_bytes, out_bytes;
  int64_t out_stride;             // along the axis
  int64_t tile, tiles;            // lines in a tile; tiles in a row of lines
  _Atomic bool out_of_memory;
} sorting;

// ---- lines

void gk_sort_lines_of(gk_sort_lines *lines, const gk_call *call) {
  gk_view rest[3];
  const gk_view *views[3];
  const int count = 1 + call->outputs;
  for (int k = 0; k < count; k++) {
    const gk_view *v = k ? call->out[k - 1] : call->in[0];
    rest[k] = *v;
    views[k] = &rest[k];
    if (!v->ndim) continue;
    rest[k].shape[call->axis] = 1;
    rest[k].strides[call->axis] = 0;
  }
  gk_loop_build(&lines->other, count, views);
  lines->n = call->in[0]->ndim ? call->in[0]->shape[call->axis] : 1;
  lines->count = 1;
  for (int i = 0; i < lines->other.ndim; i++) lines->count *= lines->other.shape[i];
}

int64_t gk_sort_line_offset(const gk_sort_lines *lines, int k, int64_t i) {
  int64_t offset = 0;
  for (int axis = lines->other.ndim - 1; axis >= 0; axis--) {
    offset += i % lines->other.shape[axis] * lines->other.strides[k][axis];
    i /= lines->other.shape[axis];
  }
  return offset;
}

// ---- one line

// Writes `count` sorted items to a line's results from `begin` on; `room` is for as many results.
static void store(const sorting *job, const gk_sort_line *l, int64_t count, const void *items,
                  void *room, char *out, int64_t stride, int64_t begin) {
  const gk_sort_table *table = gk_sort_kernels();
  out += begin * stride * job->out_bytes;
  void *results = stride == 1 ? out : room;
  if (job->places)
    table->places(count, items, l->place_bits, results);
  else
    table->from_keys[l->log2](count, items, results, &l->order);
  if (results != out) gk_cpu_scatter(count, job->out_bytes, results, out, stride);
}

// `room` is for GK_SORT_ROOMS times the line.
static void sort_line(const sorting *job, gk_sort_line *l, char *out, int64_t stride, char *room) {
  if (job->places) {
    const int64_t *places = gk_sort_places(l, (int64_t *)room);
    gk_cpu_scatter(l->n, 8, places, out, stride);
    return;
  }
  char *other = room + l->n * job->item_bytes;
  gk_sort_keys(l, 0, l->n, room);
  char *items = gk_sort_items(gk_sort_wide(l), l->n, room, other, 0);
  store(job, l, l->n, items, items == room ? other : room, out, stride, 0);
}

// ---- a long line by several threads

typedef struct long_line {
  sorting *job;
  gk_sort_line line;
  char *out;
  bool wide; // items
  int64_t out_stride;
  int64_t chunk, chunks, buckets;
  char *pivots;         // items between which the buckets lie
  char *split, *sorted; // n items each
  int64_t *starts;      // where each bucket begins in each chunk of `split`: [chunk][bucket]
  int64_t *firsts;      // where each bucket begins in `sorted`
} long_line;

static void load(const long_line *l, int64_t begin, int64_t count, void *items) {
  if (l->job->places)
    gk_sort_pack(&l->line, begin, count, items);
  else
    gk_sort_keys(&l->line, begin, count, items);
}

// Puts n items of buckets [low, high) in the order of the buckets to `place` of `split` and on.
static void split_items(const long_line *l, int64_t n, char *items, char *room, int64_t low,
                        int64_t high, int64_t place, int64_t *starts) {
  const int bytes = l->job->item_bytes;
  if (high - low == 1) {
    starts[low] = place;
    if (n) memcpy(l->split + place * bytes, items, (size_t)(n * bytes));
    return;
  }
  const int64_t middle = (low + high) / 2;
  const char *pivot = l->pivots + (middle - 1) * bytes;
  const int64_t below = gk_sort_partition(l->wide, n, items, pivot, items, room);
  const int64_t rest = n - below;
  split_items(l, below, items, room + rest * bytes, low, middle, place, starts);
  split_items(l, rest, room, items + below * bytes, middle, high, place + below, starts);
}

static void split_chunks(void *context, int64_t begin, int64_t end, int thread) {
  const long_line *l = context;
  const int bytes = l->job->item_bytes;
  (void)thread;
  char *room = gk_scratch(GK_SCRATCH_SORT_PART, 2 * l->chunk * bytes);
  if (!room) l->job->out_of_memory = true;
  for (; room && begin < end; begin++) {
    const int64_t first = begin * l->chunk;
    const int64_t n = l->line.n - first < l->chunk ? l->line.n - first : l->chunk;
    load(l, first, n, room);
    split_items(l, n, room, room + n * bytes, 0, l->buckets, first, l->starts + begin * l->buckets);
  }
}

// Where bucket b of chunk c ends.
static int64_t end_of(const long_line *l, int64_t c, int64_t b) {
  if (b + 1 < l->buckets) return l->starts[c * l->buckets + b + 1];
  return c + 1 < l->chunks ? (c + 1) * l->chunk : l->line.n;
}

static void sort_buckets(void *context, int64_t begin, int64_t end, int thread) {
  const long_line *l = context;
  const int bytes = l->job->item_bytes;
  (void)thread;
  for (int64_t b = begin; b < end; b++) {
    const int64_t first = l->firsts[b], count = l->firsts[b + 1] - first;
    if (!count) continue;
    char *items = l->sorted + first * bytes, *to = items;
    char *room = gk_scratch(GK_SCRATCH_SORT_PART, 3 * count * 8);
    if (!room) {
      l->job->out_of_memory = true;
      return;
    }
    for (int64_t c = 0; c < l->chunks; c++) {
      const int64_t start = l->starts[c * l->buckets + b];
      const size_t part = (size_t)((end_of(l, c, b) - start) * bytes);
      memcpy(to, l->split + start * bytes, part);
      to += part;
    }
    char *result = l->job->places
                       ? (char *)gk_sort_packed(&l->line, count, (int64_t *)items, (int64_t *)room)
                       : gk_sort_items(l->wide, count, items, room, 0);
    store(l->job, &l->line, count, result, room + count * 8, l->out, l->out_stride, first);
  }
}

// Pivots from a sample at regular distances. With their places, equal keys are split evenly too,
// but not where the rest of the keys is still to be compared.
static void choose_pivots(const long_line *l, char *room) {
  const int bytes = l->job->item_bytes;
  const int64_t samples = SAMPLES * l->buckets, step = l->line.n / samples;
  long_line sample = *l;
  sample.line.stride *= step;
  load(&sample, 0, samples, room);
  if (l->job->places) {
    int64_t *items = (int64_t *)room;
    for (int64_t i = 0; i < samples; i++) items[i] += l->line.shift ? -i : i * (step - 1);
  }
  char *sorted = gk_sort_items(l->wide, samples, room, room + samples * bytes, 0);
  for (int64_t b = 1; b < l->buckets; b++)
    memcpy(l->pivots + (b - 1) * bytes, sorted + b * SAMPLES * bytes, (size_t)bytes);
}

static int64_t to_line(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// The bits do not depend on the buckets: equal keys are equal bits or keep their order.
static void sort_long_line(sorting *job, const gk_sort_line *line, char *out, int64_t stride) {
  const int bytes = job->item_bytes;
  const int64_t n = line->n, threads = gk_parallel_threads();
  long_line l = {.job = job, .line = *line, .out = out, .out_stride = stride, .wide = bytes == 8};
  l.chunk = CHUNK_BYTES / bytes;
  while (l.chunk > LONG / 8 && n < 4 * threads * l.chunk) l.chunk /= 2;
  l.chunks = (n + l.chunk - 1) / l.chunk;
  l.buckets = 2;
  while (l.buckets < MAX_BUCKETS &&
         (l.buckets < 4 * threads || n / l.buckets > CHUNK_BYTES / bytes))
    l.buckets *= 2;
  const int64_t items = to_line(n * bytes), starts = to_line(l.chunks * l.buckets * 8);
  char *room = gk_scratch(GK_SCRATCH_SORT, 2 * items + starts + 16 * (MAX_BUCKETS + 1));
  if (!room) {
    job->out_of_memory = true;
    return;
  }
  l.split = room;
  l.sorted = l.split + items;
  l.starts = (int64_t *)(l.sorted + items);
  l.firsts = (int64_t *)((char *)l.starts + starts);
  l.pivots = (char *)(l.firsts + MAX_BUCKETS + 1);
  if (job->places) gk_sort_measure(&l.line);
  choose_pivots(&l, l.split); // 2n items are more than two samples
  gk_parallel(l.chunks, 1, split_chunks, &l);
  if (job->out_of_memory) return;
  l.firsts[0] = 0;
  for (int64_t b = 0; b < l.buckets; b++) {
    l.firsts[b + 1] = l.firsts[b];
    for (int64_t c = 0; c < l.chunks; c++)
      l.firsts[b + 1] += end_of(&l, c, b) - l.starts[c * l.buckets + b];
  }
  gk_parallel(l.buckets, 1, sort_buckets, &l);
}

// ---- all lines

static bool is_together(const sorting *job) {
  return job->lines.n >= LONG && job->lines.count < gk_parallel_threads();
}

// `lines` lines from `first` on of operand k as a matrix, and a contiguous one in their place.
static void tile_views(const sorting *job, int k, int64_t first, int64_t lines, gk_view *strided,
                       gk_view *plain, gk_storage *storage, char *memory) {
  const gk_view *v = k ? job->call->out[0] : job->call->in[0];
  const gk_loop *other = &job->lines.other;
  *strided = *v;
  strided->ndim = 2;
  strided->offset += gk_sort_line_offset(&job->lines, k, first) * gk_dtypes[v->dtype].size;
  strided->shape[0] = lines;
  strided->shape[1] = job->lines.n;
  strided->strides[0] = other->strides[k][other->ndim - 1];
  strided->strides[1] = v->strides[job->call->axis];
  strided->size = lines * job->lines.n;
  gk_view_update_contiguous(strided);
  *plain = *strided;
  memset(storage, 0, sizeof *storage);
  storage->data = memory;
  storage->bytes = gk_view_bytes(plain);
  plain->storage = storage;
  plain->offset = 0;
  gk_view_make_contiguous(plain);
}

static void copy(const gk_view *from, const gk_view *to, sorting *job) {
  gk_call call = gk_copy_call(from, to);
  gk_error error;
  if (gk_cpu_copy(&call, &error) != GK_OK) job->out_of_memory = true;
}

// Tile i of all, and `room` for it.
static void sort_tile(sorting *job, int64_t i, char *room) {
  const gk_loop *other = &job->lines.other;
  const int64_t n = job->lines.n, width = other->shape[other->ndim - 1];
  const int64_t begin = i % job->tiles * job->tile, first = i / job->tiles * width + begin;
  const int64_t lines = width - begin < job->tile ? width - begin : job->tile;
  const bool copies_in = job->line.stride != 1, copies_out = job->out_stride != 1;
  char *in = room, *out = in + to_line(job->tile * n * job->in_bytes);
  char *rest = out + to_line(job->tile * n * job->out_bytes);
  gk_view strided, plain;
  gk_storage storage;
  if (copies_in) {
    tile_views(job, 0, first, lines, &strided, &plain, &storage, in);
    copy(&strided, &plain, job);
  }
  for (int64_t j = 0; j < lines; j++) {
    gk_sort_line line = job->line;
    line.stride = 1;
    line.data = copies_in ? in + j * n * job->in_bytes
                          : gk_view_data(job->call->in[0]) +
                                gk_sort_line_offset(&job->lines, 0, first + j) * job->in_bytes;
    char *to = copies_out ? out + j * n * job->out_bytes
                          : gk_view_data(job->call->out[0]) +
                                gk_sort_line_offset(&job->lines, 1, first + j) * job->out_bytes;
    sort_line(job, &line, to, 1, rest);
  }
  if (copies_out) {
    tile_views(job, 1, first, lines, &strided, &plain, &storage, out);
    copy(&plain, &strided, job);
  }
}

static void sort_tiles(void *context, int64_t begin, int64_t end, int thread) {
  sorting *job = context;
  const int64_t n = job->lines.n;
  (void)thread;
  char *room = gk_scratch(GK_SCRATCH_SORT, to_line(job->tile * n * job->in_bytes) +
                                               to_line(job->tile * n * job->out_bytes) +
                                               GK_SORT_ROOMS * n * 8);
  if (!room) job->out_of_memory = true;
  for (; room && begin < end; begin++) sort_tile(job, begin, room);
}

static void sort_lines(void *context, int64_t begin, int64_t end, int thread) {
  sorting *job = context;
  (void)thread;
  char *room = NULL;
  if (!is_together(job)) {
    room = gk_scratch(GK_SCRATCH_SORT, GK_SORT_ROOMS * job->lines.n * 8);
    if (!room) {
      job->out_of_memory = true;
      return;
    }
  }
  for (int64_t i = begin; i < end; i++) {
    gk_sort_line line = job->line;
    line.data =
        gk_view_data(job->call->in[0]) + gk_sort_line_offset(&job->lines, 0, i) * job->in_bytes;
    char *out =
        gk_view_data(job->call->out[0]) + gk_sort_line_offset(&job->lines, 1, i) * job->out_bytes;
    if (room)
      sort_line(job, &line, out, job->out_stride, room);
    else
      sort_long_line(job, &line, out, job->out_stride);
  }
}

// Lines of a tile: 1 where lines need none.
static int64_t tile_lines(const sorting *job) {
  const gk_loop *other = &job->lines.other;
  const int64_t width = other->shape[other->ndim - 1];
  const int64_t bytes = job->lines.n * (job->in_bytes + job->out_bytes);
  if ((job->line.stride == 1 && job->out_stride == 1) || width < 4) return 1;
  int64_t lines = TILE_BYTES / bytes;
  if (lines < 16) lines = 16 * bytes <= MAX_TILE_BYTES ? 16 : 1;
  if (lines > TILE_LINES) lines = TILE_LINES;
  return lines < width ? lines : width;
}

gk_status gk_cpu_sort(const gk_call *call, gk_error *error) {
  if (call->op == GK_OP_topk) return gk_cpu_topk(call, error);
  if (call->op == GK_OP_searchsorted) return gk_cpu_searchsorted(call, error);
  const gk_view *in = call->in[0], *out = call->out[0];
  if (out->size == 0) return GK_OK;
  sorting job = {.call = call, .places = call->op == GK_OP_argsort};
  gk_sort_lines_of(&job.lines, call);
  const int64_t n = job.lines.n;
  if (n > (job.places ? (int64_t)UINT32_MAX : INT64_MAX / 64))
    return gk_error_set(error, GK_UNSUPPORTED,
                        "%s: an axis of %lld elements; at most %lld can be sorted",
                        gk_op_name(call->op), (long long)n,
                        (long long)(job.places ? (int64_t)UINT32_MAX : INT64_MAX / 64));
  job.in_bytes = gk_dtypes[in->dtype].size;
  job.out_bytes = gk_dtypes[out->dtype].size;
  job.line = (gk_sort_line){.n = n, .size = job.in_bytes};
  job.line.stride = in->ndim ? in->strides[call->axis] : 1;
  job.out_stride = in->ndim ? out->strides[call->axis] : 1;
  while (1 << job.line.log2 < job.in_bytes) job.line.log2++;
  job.line.order = gk_sort_order_of(in->dtype, call->flags & GK_DESCENDING,
                                    job.places ? GK_SORT_EQUAL_ZEROS : 0);
  job.item_bytes = job.places || gk_sort_wide(&job.line) ? 8 : 4;
  job.tile = tile_lines(&job);
  if (is_together(&job)) {
    sort_lines(&job, 0, job.lines.count, 0);
  } else if (job.tile > 1) {
    const gk_loop *other = &job.lines.other;
    const int64_t width = other->shape[other->ndim - 1];
    job.tiles = (width + job.tile - 1) / job.tile;
    gk_parallel(job.lines.count / width * job.tiles, 1 + PIECE / (job.tile * n), sort_tiles, &job);
  } else {
    gk_parallel(job.lines.count, 1 + PIECE / n, sort_lines, &job);
  }
  if (job.out_of_memory)
    return gk_error_set(error, GK_OUT_OF_MEMORY, "%s: no memory for %lld keys",
                        gk_op_name(call->op), (long long)n);
  return GK_OK;
}
