// sort and argsort along an axis. A line of elements becomes unsigned keys of the same width
// (sort_simd.c), which are sorted by a stable radix sort, least significant byte first, and turned back. argsort
// sorts (key, place) pairs: packed into 64 bits where the key has up to 32, else pairs of 64-bit
// words. Time is linear in the line's length for any input; a byte that all keys share costs
// nothing. A long line is sorted in parts by several threads, which then merge them.
#include <stdatomic.h>
#include <string.h>

#include "sort.h"

#define INSERTION 16 // longest run sorted by insertion
#define SMALL 400 // up to here merging beats counting
#define PART (1 << 16) // a thread's part of a line has at least this many
#define PIECE 50000 // elements worth a thread

// What is sorted: keys of 1, 2, 4 or 8 bytes; packed keys and places; pairs of both.
typedef struct pair {
  uint64_t key, place;
} pair;

typedef struct sorter {
  int bytes;
  // Sorts n items by the low `key_bytes` of their keys, with `other` for as many items. Returns
  // which of the two holds the result.
  void *(*sort)(int64_t n, void *items, void *other, int key_bytes);
  // Merges the sorted a and b into out, equal ones of a first: `count` items of the
  // result from the `begin`-th on.
  void (*merge)(const void *a, int64_t na, const void *b, int64_t nb, void *out, int64_t begin,
                int64_t count);
} sorter;

#define KEY_ITSELF(x) (x)
#define KEY_OF_PAIR(x) ((x).key)
#define KEY_OF_PACKED(x) ((x) >> 32)

#define SORTER(name, type, KEY, BYTES)                                                             \
  static void name##_insert(int64_t n, type *items) {                                              \
    for (int64_t i = 1; i < n; i++) {                                                              \
      type x = items[i];                                                                           \
      int64_t j = i;                                                                               \
      for (; j > 0 && KEY(x) < KEY(items[j - 1]); j--) items[j] = items[j - 1];                    \
      items[j] = x;                                                                                \
    }                                                                                              \
  }                                                                                                \
  /* Where the first `begin` items of the merged result end in a. */                               \
  static int64_t name##_split(const type *a, int64_t na, const type *b, int64_t nb,                \
                              int64_t begin) {                                                     \
    int64_t low = begin > nb ? begin - nb : 0, high = begin < na ? begin : na;                     \
    while (low < high) {                                                                           \
      int64_t middle = low + (high - low) / 2;                                                     \
      if (KEY(b[begin - 1 - middle]) < KEY(a[middle]))                                             \
        high = middle;                                                                             \
      else                                                                                         \
        low = middle + 1;                                                                          \
    }                                                                                              \
    return low;                                                                                    \
  }                                                                                                \
  static void name##_merge(const void *first, int64_t na, const void *second, int64_t nb,          \
                           void *result, int64_t begin, int64_t count) {                           \
    const type *a = first, *b = second;                                                            \
    type *out = (type *)result + begin;                                                            \
    int64_t i = name##_split(a, na, b, nb, begin), j = begin - i;                                  \
    for (; count > 0 && i < na && j < nb; count--) {                                               \
      bool take_b = KEY(b[j]) < KEY(a[i]);                                                         \
      *out++ = take_b ? b[j] : a[i];                                                               \
      j += take_b;                                                                                 \
      i += !take_b;                                                                                \
    }                                                                                              \
    if (count > 0) memcpy(out, i < na ? a + i : b + j, (size_t)count * sizeof(type));              \
  }                                                                                                \
  static type *name##_sort_small(int64_t n, type *from, type *to) {                                \
    for (int64_t i = 0; i < n; i += INSERTION)                                                     \
      name##_insert(n - i < INSERTION ? n - i : INSERTION, from + i);                              \
    for (int64_t run = INSERTION; run < n; run *= 2) {                                             \
      for (int64_t i = 0; i < n; i += 2 * run) {                                                   \
        int64_t na = n - i < run ? n - i : run, nb = n - i - na < run ? n - i - na : run;          \
        name##_merge(from + i, na, from + i + na, nb, to + i, 0, na + nb);                         \
      }                                                                                            \
      type *t = from;                                                                              \
      from = to;                                                                                   \
      to = t;                                                                                      \
    }                                                                                              \
    return from;                                                                                   \
  }                                                                                                \
  static void *name##_sort(int64_t n, void *items, void *other, int bytes) {                       \
    type *from = items, *to = other;                                                               \
    if (n <= SMALL) return name##_sort_small(n, from, to);                                         \
    int64_t counts[BYTES][256];                                                                    \
    memset(counts, 0, sizeof counts);                                                              \
    for (int64_t i = 0; i < n; i++) {                                                              \
      uint64_t key = KEY(from[i]);                                                                 \
      for (int d = 0; d < BYTES; d++) counts[d][key >> 8 * d & 255]++;                             \
    }                                                                                              \
    for (int d = 0; d < bytes; d++) {                                                              \
      int64_t *count = counts[d], place = 0;                                                       \
      if (count[(uint64_t)KEY(from[0]) >> 8 * d & 255] == n) continue;                             \
      for (int v = 0; v < 256; v++) {                                                              \
        int64_t c = count[v];                                                                      \
        count[v] = place;                                                                          \
        place += c;                                                                                \
      }                                                                                            \
      for (int64_t i = 0; i < n; i++)                                                              \
        to[count[(uint64_t)KEY(from[i]) >> 8 * d & 255]++] = from[i];                              \
      type *t = from;                                                                              \
      from = to;                                                                                   \
      to = t;                                                                                      \
    }                                                                                              \
    return from;                                                                                   \
  }

SORTER(k8, uint8_t, KEY_ITSELF, 1)
SORTER(k16, uint16_t, KEY_ITSELF, 2)
SORTER(k32, uint32_t, KEY_ITSELF, 4)
SORTER(k64, uint64_t, KEY_ITSELF, 8)
SORTER(packed, uint64_t, KEY_OF_PACKED, 4)
SORTER(pairs, pair, KEY_OF_PAIR, 8)

static const sorter of_keys[4] = {{1, k8_sort, k8_merge},
                                  {2, k16_sort, k16_merge},
                                  {4, k32_sort, k32_merge},
                                  {8, k64_sort, k64_merge}};
static const sorter of_packed = {8, packed_sort, packed_merge};
static const sorter of_pairs = {sizeof(pair), pairs_sort, pairs_merge};

// ---- one line

typedef struct sorting {
  const gk_call *call;
  const sorter *sorter;
  gk_sort_order order;
  gk_cast_fn cast; // from the operand's dtype, NULL where it is `compute`
  bool places; // argsort
  int size_log2; // of an element
  int64_t n, lines;
  int64_t in_stride, out_stride; // along the axis
  int64_t axis;
  _Atomic bool out_of_memory;
} sorting;

typedef struct line {
  const sorting *job;
  const char *in;
  char *out;
  char *items, *other;
  int64_t part, run; // items in a part; in a run that is already sorted
} line;

// Items [begin, begin + count) of the line.
static void load(const line *l, int64_t begin, int64_t count) {
  const sorting *job = l->job;
  const gk_sort_table *table = gk_sort_kernels();
  int bytes = job->sorter->bytes, log2 = job->size_log2;
  int in_bytes = gk_dtypes[job->call->in[0]->dtype].size;
  const char *from = l->in + begin * job->in_stride * in_bytes;
  char *items = l->items + begin * bytes, *keys = job->places ? l->other + begin * bytes : items;
  if (job->cast) {
    _Alignas(64) char raw[512 * 8];
    for (int64_t i = 0; i < count; i += 512) {
      int64_t m = count - i < 512 ? count - i : 512;
      gk_cpu_gather(m, in_bytes, from + i * job->in_stride * in_bytes, job->in_stride, raw);
      job->cast(m, raw, keys + (i << log2));
    }
    from = keys;
  } else if (job->in_stride != 1) {
    gk_cpu_gather(count, in_bytes, from, job->in_stride, keys);
    from = keys;
  }
  table->to_keys[log2](count, from, keys, &job->order);
  if (job->sorter == &of_packed) {
    table->pack[log2](count, keys, (uint64_t *)items, (uint64_t)begin);
  } else if (job->sorter == &of_pairs) {
    for (int64_t i = 0; i < count; i++)
      ((pair *)items)[i] = (pair){((const uint64_t *)keys)[i], (uint64_t)(begin + i)};
  }
}

// Writes sorted items, which it overwrites, to places [begin, begin + count) of out.
static void store(const line *l, char *items, int64_t begin, int64_t count) {
  const sorting *job = l->job;
  int bytes = job->places ? 8 : job->sorter->bytes;
  char *out = l->out + begin * job->out_stride * bytes;
  char *results = job->out_stride == 1 ? out : items;
  if (job->sorter == &of_packed) {
    for (int64_t i = 0; i < count; i++)
      ((uint64_t *)results)[i] = ((const uint64_t *)items)[i] & 0xffffffffu;
  } else if (job->sorter == &of_pairs) {
    for (int64_t i = 0; i < count; i++) ((uint64_t *)results)[i] = ((const pair *)items)[i].place;
  } else {
    gk_sort_kernels()->from_keys[job->size_log2](count, items, results, &job->order);
  }
  if (results != out) gk_cpu_scatter(count, bytes, items, out, job->out_stride);
}

static void sort_parts(void *context, int64_t begin, int64_t end, int thread) {
  line *l = context;
  const sorter *sorter = l->job->sorter;
  (void)thread;
  for (; begin < end; begin += l->part) {
    int64_t count = end - begin < l->part ? end - begin : l->part;
    load(l, begin, count);
    char *items = l->items + begin * sorter->bytes;
    char *sorted =
        sorter->sort(count, items, l->other + begin * sorter->bytes, 1 << l->job->size_log2);
    if (sorted != items) memcpy(items, sorted, (size_t)(count * sorter->bytes));
  }
}

// Items [begin, end) of what becomes of `items` when every two neighbouring runs are merged.
static void merge_runs(void *context, int64_t begin, int64_t end, int thread) {
  line *l = context;
  const sorter *sorter = l->job->sorter;
  int64_t n = l->job->n;
  (void)thread;
  while (begin < end) {
    int64_t first = begin / (2 * l->run) * (2 * l->run);
    int64_t na = n - first < l->run ? n - first : l->run;
    int64_t nb = n - first - na < l->run ? n - first - na : l->run;
    int64_t stop = first + na + nb < end ? first + na + nb : end;
    const char *a = l->items + first * sorter->bytes;
    sorter->merge(a, na, a + na * sorter->bytes, nb, l->other + first * sorter->bytes,
                  begin - first, stop - begin);
    begin = stop;
  }
}

static void store_parts(void *context, int64_t begin, int64_t end, int thread) {
  line *l = context;
  (void)thread;
  store(l, l->items + begin * l->job->sorter->bytes, begin, end - begin);
}

// By all threads. The bits do not depend on the parts: equal keys are equal bits or keep their order.
static void sort_line_together(line *l) {
  const sorting *job = l->job;
  int64_t n = job->n, threads = gk_parallel_threads();
  l->part = (n + threads - 1) / threads;
  if (l->part < PART) l->part = PART;
  gk_parallel(n, l->part, sort_parts, l);
  for (l->run = l->part; l->run < n; l->run *= 2) {
    gk_parallel(n, PIECE, merge_runs, l);
    char *t = l->items;
    l->items = l->other;
    l->other = t;
  }
  gk_parallel(n, PIECE, store_parts, l);
}

static void sort_line(line *l) {
  const sorting *job = l->job;
  load(l, 0, job->n);
  store(l, job->sorter->sort(job->n, l->items, l->other, 1 << job->size_log2), 0, job->n);
}

// ---- all lines

static void sort_lines(void *context, int64_t begin, int64_t end, int thread) {
  sorting *job = context;
  const gk_view *in = job->call->in[0], *out = job->call->out[0];
  int in_bytes = gk_dtypes[in->dtype].size, out_bytes = gk_dtypes[out->dtype].size;
  (void)thread;
  int64_t bytes = job->n * job->sorter->bytes;
  bytes = (bytes + 63) / 64 * 64;
  line l = {.job = job};
  l.items = gk_scratch(GK_SCRATCH_SORT, 2 * bytes);
  if (!l.items) {
    job->out_of_memory = true;
    return;
  }
  l.other = l.items + bytes;
  for (int64_t i = begin; i < end; i++) {
    int64_t index = i, in_offset = 0, out_offset = 0;
    for (int axis = in->ndim - 1; axis >= 0; axis--) {
      if (axis == job->axis) continue;
      in_offset += index % in->shape[axis] * in->strides[axis];
      out_offset += index % in->shape[axis] * out->strides[axis];
      index /= in->shape[axis];
    }
    l.in = gk_view_data(in) + in_offset * in_bytes;
    l.out = gk_view_data(out) + out_offset * out_bytes;
    if (job->n >= 2 * PART && job->lines < gk_parallel_threads())
      sort_line_together(&l);
    else
      sort_line(&l);
  }
}

static gk_sort_order order_of(const gk_call *call) {
  const gk_dtype_info *info = &gk_dtypes[call->compute];
  uint64_t sign = (uint64_t)1 << (info->bits - 1);
  gk_sort_order order = {.descending = call->flags & 4, .equal_zeros = call->op == GK_OP_argsort};
  if (info->class == GK_CLASS_SIGNED) order.flip = sign;
  if (info->class == GK_CLASS_FLOAT) {
    order.sign = sign;
    order.infinity = call->compute == GK_float16    ? 0x7c00
                     : call->compute == GK_bfloat16 ? 0x7f80
                     : call->compute == GK_float32  ? 0x7f800000
                                                    : (uint64_t)0x7ff << 52;
  }
  return order;
}

gk_status gk_cpu_sort(const gk_call *call, gk_error *error) {
  const gk_view *in = call->in[0], *out = call->out[0];
  if (out->size == 0) return GK_OK;
  sorting job = {.call = call, .order = order_of(call), .places = call->op == GK_OP_argsort};
  job.axis = in->ndim ? call->axis : -1;
  job.n = in->ndim ? in->shape[call->axis] : 1;
  job.in_stride = in->ndim ? in->strides[call->axis] : 1;
  job.out_stride = in->ndim ? out->strides[call->axis] : 1;
  job.lines = out->size / job.n;
  job.cast = in->dtype == call->compute ? NULL : gk_cpu_cast(in->dtype, call->compute);
  while (1 << job.size_log2 < gk_dtypes[call->compute].size) job.size_log2++;
  if (!job.places)
    job.sorter = &of_keys[job.size_log2];
  else
    job.sorter = job.size_log2 < 3 && job.n <= UINT32_MAX ? &of_packed : &of_pairs;
  if (job.n > INT64_MAX / 64)
    job.out_of_memory = true;
  else if (job.n >= 2 * PART && job.lines < gk_parallel_threads())
    sort_lines(&job, 0, job.lines, 0);
  else
    gk_parallel(job.lines, 1 + PIECE / job.n, sort_lines, &job);
  if (job.out_of_memory)
    return gk_error_set(error, GK_OUT_OF_MEMORY, "%s: no memory for %lld keys",
                        gk_ops[call->op].name, (long long)job.n);
  return GK_OK;
}
