// take: out[..., i, ...] = in[..., indices[i], ...] along an axis.
//
// The input is seen as [before, length, after], the output as [before, count, after]. Blocks of
// indices are checked and made positive first; then each of them moves `after` elements, for every
// place before the axis. An index out of range reads as 0; the first one in row-major order is
// reported once all the rest is done.
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "cpu.h"

#define BLOCK 2048         // indices at a time
#define AHEAD 32           // rows between a prefetch and its use
#define PIECE_BYTES 524288 // moved bytes that are worth a thread

typedef struct plan {
  const char *in, *indices;
  char *out;
  int size; // bytes of an element
  uint8_t index_dtype;
  int64_t length, step;       // of in's axis
  int64_t count;              // indices
  gk_loop before, after;      // strides[0] in, [1] out; in elements
  int64_t befores, afters;    // their sizes
  bool dense;                 // `after` is contiguous in both
  gk_loop index;              // strides[0] indices, [1] out
  int64_t index_block, blocks; // indices in a task, and how many such tasks
  _Atomic int64_t first_bad;  // number of an index, INT64_MAX: none
} plan;

static int64_t loop_size(const gk_loop *l) {
  int64_t n = 1;
  for (int i = 0; i < l->ndim; i++) n *= l->shape[i];
  return n;
}

static int64_t loop_at(const gk_loop *l, int operand, int64_t flat) {
  int64_t at = 0;
  for (int i = l->ndim - 1; i > 0; i--) {
    at += flat % l->shape[i] * l->strides[operand][i];
    flat /= l->shape[i];
  }
  return at + flat * l->strides[operand][0]; // mostly there is only this one
}

// ---- indices

// What is still negative, and what an int64 cannot hold, is beyond every length as unsigned.
#define RESOLVE(T, NEGATIVE)                                                                       \
  for (int64_t i = 0; i < n; i++) {                                                                \
    T v;                                                                                           \
    memcpy(&v, x + i * stride * (int64_t)sizeof(T), sizeof v);                                     \
    const uint64_t u = (uint64_t)v + (NEGATIVE ? (uint64_t)length : 0);                            \
    const bool ok = u < (uint64_t)length;                                                          \
    bad |= !ok;                                                                                    \
    place[i] = ok ? (int64_t)u : -1;                                                               \
  }

// n elements of any integer dtype at a distance of `stride` elements: place[i] in [0, length), or -1.
// Returns whether one is -1.
static bool resolve(uint8_t dtype, int64_t n, const char *x, int64_t stride, int64_t length,
                    int64_t *place) {
  bool bad = false;
  switch (dtype) {
  case GK_int8:
    RESOLVE(int8_t, v < 0);
    break;
  case GK_uint8:
    RESOLVE(uint8_t, false);
    break;
  case GK_int16:
    RESOLVE(int16_t, v < 0);
    break;
  case GK_uint16:
    RESOLVE(uint16_t, false);
    break;
  case GK_int32:
    RESOLVE(int32_t, v < 0);
    break;
  case GK_uint32:
    RESOLVE(uint32_t, false);
    break;
  case GK_int64:
    RESOLVE(int64_t, v < 0);
    break;
  default:
    RESOLVE(uint64_t, false);
    break;
  }
  return bad;
}

static void report_bad(plan *p, int64_t number) {
  int64_t seen = atomic_load_explicit(&p->first_bad, memory_order_relaxed);
  while (number < seen &&
         !atomic_compare_exchange_weak_explicit(&p->first_bad, &seen, number, memory_order_relaxed,
                                                memory_order_relaxed)) {}
}

// ---- moving elements

// Rows of BYTES contiguous bytes, such as single elements, `step` bytes apart.
#define PICK(BYTES)                                                                                \
  for (int64_t i = 0; i < n; i++, out += out_step) {                                               \
    if (i + AHEAD < n && place[i + AHEAD] > 0) __builtin_prefetch(in + place[i + AHEAD] * step);   \
    if (place[i] >= 0)                                                                             \
      memcpy(out, in + place[i] * step, (size_t)(BYTES));                                          \
    else                                                                                           \
      memset(out, 0, (size_t)(BYTES));                                                             \
  }                                                                                                \
  break

static void pick(int64_t bytes, int64_t n, const char *in, int64_t step, const int64_t *place,
                 char *out, int64_t out_step) {
  switch (bytes) { // known sizes are plain loads and stores
  case 1:
    PICK(1);
  case 2:
    PICK(2);
  case 4:
    PICK(4);
  case 8:
    PICK(8);
  case 16:
    PICK(16);
  case 32:
    PICK(32);
  default:
    PICK(bytes);
  }
}

// The elements behind the axis, from one place; in NULL: zeros.
static void move_row(const plan *p, const char *in, char *out) {
  static const uint64_t zero;
  const gk_loop *l = &p->after;
  const int inner = l->ndim - 1;
  const int64_t n = l->shape[inner], si = l->strides[0][inner], so = l->strides[1][inner];
  for (int64_t flat = 0; flat < p->afters; flat += n) {
    char *to = out;
    const char *from = in;
    if (inner > 0) {
      to += loop_at(l, 1, flat) * p->size;
      if (in) from += loop_at(l, 0, flat) * p->size;
    }
    if (!in && so == 1)
      memset(to, 0, (size_t)(n * p->size));
    else if (!in)
      for (int64_t i = 0; i < n; i++) memcpy(to + i * so * p->size, &zero, (size_t)p->size);
    else if (so == 1)
      gk_cpu_gather(n, p->size, from, si, to);
    else if (si == 1)
      gk_cpu_scatter(n, p->size, from, to, so);
    else
      for (int64_t i = 0; i < n; i++)
        memcpy(to + i * so * p->size, from + i * si * p->size, (size_t)p->size);
  }
}

// Tasks count [before][block of indices].
static void run(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  plan *p = context;
  const int inner = p->index.ndim - 1;
  const int64_t run_length = p->index.shape[inner];
  int64_t place[BLOCK], resolved = -1;
  for (int64_t task = begin; task < end; task++) {
    // Neighbours in this order share their indices where all fit into one block.
    const int64_t before = task / p->blocks, block = task % p->blocks;
    const char *in = p->in + loop_at(&p->before, 0, before) * p->size;
    char *out = p->out + loop_at(&p->before, 1, before) * p->size;
    const int64_t first = block * p->index_block;
    const int64_t last = p->count - first < p->index_block ? p->count : first + p->index_block;
    for (int64_t at = first; at < last;) {
      const int64_t left = run_length - at % run_length; // in the innermost axis of the indices
      int64_t n = last - at < left ? last - at : left;
      if (n > BLOCK) n = BLOCK;
      if (resolved != at || n != p->count) {
        const char *x = p->indices + loop_at(&p->index, 0, at) * gk_dtypes[p->index_dtype].size;
        if (resolve(p->index_dtype, n, x, p->index.strides[0][inner], p->length, place)) {
          int64_t i = 0;
          while (place[i] >= 0) i++;
          report_bad(p, at + i);
        }
        resolved = at;
      }
      char *to = out + loop_at(&p->index, 1, at) * p->size;
      const int64_t out_step = p->index.strides[1][inner];
      if (p->dense)
        pick(p->afters * p->size, n, in, p->step * p->size, place, to, out_step * p->size);
      else
        for (int64_t i = 0; i < n; i++)
          move_row(p, place[i] < 0 ? NULL : in + place[i] * p->step * p->size,
                   to + i * out_step * p->size);
      at += n;
    }
  }
}

// ---- the call

// Axes [from, to) of a view as a view of their own; nothing else of it is used.
static gk_view axes_of(const gk_view *v, int from, int to) {
  gk_view part = *v;
  part.ndim = (uint8_t)(to - from);
  part.size = 1;
  for (int i = from; i < to; i++) {
    part.shape[i - from] = v->shape[i];
    part.strides[i - from] = v->strides[i];
    part.size *= v->shape[i];
  }
  return part;
}

static gk_status out_of_range(const plan *p, int axis, gk_error *error) {
  const int64_t number = atomic_load(&p->first_bad);
  const int size = gk_dtypes[p->index_dtype].size;
  const char *x = p->indices + loop_at(&p->index, 0, number) * size;
  gk_scalar bits = {{0}};
  memcpy(&bits, x, (size_t)size);
  const char *text = "take: index %" PRId64 " is out of range for axis %d of length %" PRId64;
  if (gk_dtypes[p->index_dtype].class == GK_CLASS_SIGNED) {
    const int unused = 64 - 8 * size;
    const int64_t index = (int64_t)(bits.u64 << unused) >> unused;
    return gk_error_set(error, GK_INDEX, text, index, axis, p->length);
  }
  return gk_error_set(error, GK_INDEX,
                      "take: index %" PRIu64 " is out of range for axis %d of length %" PRId64,
                      bits.u64, axis, p->length);
}

gk_status gk_cpu_index(const gk_call *call, gk_error *error) {
  const gk_view *in = call->in[0], *indices = call->in[1], *out = call->out[0];
  if (out->size == 0 && indices->size == 0) return GK_OK;
  const int axis = call->axis;
  plan p = {.in = gk_view_data(in), .indices = gk_view_data(indices), .out = gk_view_data(out)};
  p.size = gk_dtypes[in->dtype].size;
  p.index_dtype = indices->dtype;
  p.length = in->ndim ? in->shape[axis] : 1;
  p.step = in->ndim ? in->strides[axis] : 0;
  p.count = indices->size;
  p.first_bad = INT64_MAX;
  const int behind = axis + indices->ndim;
  const gk_view in_before = axes_of(in, 0, axis), out_before = axes_of(out, 0, axis);
  const gk_view in_after = axes_of(in, in->ndim ? axis + 1 : 0, in->ndim);
  const gk_view out_after = axes_of(out, behind, out->ndim);
  const gk_view out_index = axes_of(out, axis, behind);
  gk_loop_build(&p.before, 2, (const gk_view *[]){&in_before, &out_before});
  gk_loop_build(&p.after, 2, (const gk_view *[]){&in_after, &out_after});
  gk_loop_build(&p.index, 2, (const gk_view *[]){indices, &out_index});
  p.befores = loop_size(&p.before);
  p.afters = loop_size(&p.after);
  if (p.befores == 0 || p.afters == 0) return GK_OK; // nothing is read
  p.dense = p.afters == 1 ||
            (p.after.ndim == 1 && p.after.strides[0][0] == 1 && p.after.strides[1][0] == 1);
  if (p.length == 0) memset(p.before.strides[0], 0, sizeof p.before.strides[0]); // no memory either

  const int64_t row_bytes = p.afters * p.size;
  p.index_block = BLOCK * p.size * 4 / (row_bytes + 1) + 1;
  if (p.index_block > BLOCK) p.index_block = BLOCK;
  if (p.index_block > p.count) p.index_block = p.count;
  p.blocks = (p.count + p.index_block - 1) / p.index_block;
  // An element is worth a cache line: what it costs to find it.
  const int64_t each = p.index_block * (row_bytes < 64 ? 64 : row_bytes);
  gk_parallel(p.befores * p.blocks, PIECE_BYTES / each + 1, run, &p);
  if (atomic_load(&p.first_bad) != INT64_MAX) return out_of_range(&p, axis, error);
  return GK_OK;
}
