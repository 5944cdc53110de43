// take: out[..., i, ...] = in[..., indices[i], ...] along an axis; and what the other files of the
// family share.
//
// The input is seen as [before, length, after], the output as [before, count, after]. Single elements
// are checked and picked in one loop; rows go by a block of checked indices; where all that belongs
// to one place before the axis is short, the places of several such groups are computed once. An
// index out of range reads as 0; the first one in row-major order is reported once all the rest is
// done.
#include "copy.h"
#include "index.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define BLOCK GK_INDEX_BLOCK
#define SHORT_GROUP 64 // elements that belong to one place before the axis
#define TASK 16384 // single elements in a task
#define CHUNK 256 // single elements whose indices are checked together
#define AHEAD 64 // elements between a prefetch and its use
#define AHEAD_BYTES 4096 // the same for rows
#define ROW_LINES 16 // cache lines of a row that are worth a prefetch; the rest follows by itself
#define PIECE_BYTES 524288 // moved bytes that are worth a thread

// Into the second cache, which waits for more lines at once than the first: twice as fast on Zen 4. At
// the address nothing need lie.
#define PREFETCH(base, bytes)                                                                      \
  __builtin_prefetch((const void *)((uintptr_t)(base) + (uint64_t)(bytes)), 0, 2)

// ---- walking

gk_view gk_index_axes(const gk_view *v, int from, int to) {
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

int64_t gk_index_loop_size(const gk_loop *l) {
  int64_t n = 1;
  for (int i = 0; i < l->ndim; i++) n *= l->shape[i];
  return n;
}

int64_t gk_index_loop_at(const gk_loop *l, int operand, int64_t flat) {
  int64_t at = 0;
  for (int i = l->ndim - 1; i > 0; i--) {
    at += flat % l->shape[i] * l->strides[operand][i];
    flat /= l->shape[i];
  }
  return at + flat * l->strides[operand][0]; // mostly there is only this one
}

bool gk_index_linear(const gk_loop *l, int operand) {
  int64_t step = 1;
  for (int i = l->ndim - 1; i >= 0; i--) {
    if (l->strides[operand][i] != step && l->shape[i] != 1) return false;
    step *= l->shape[i];
  }
  return true;
}

// Rows of the innermost axis, their part from element `begin` on for n elements; `at` is an operand's
// place in elements.
#define EACH_ROW(l, operand, begin, n, body)                                                       \
  do {                                                                                             \
    const int inner = (l)->ndim - 1;                                                               \
    const int64_t row = (l)->shape[inner];                                                         \
    int64_t coordinate[GK_MAX_DIMS], at = 0, column = (begin) % row, number = (begin) / row;       \
    for (int d = inner - 1; d >= 0; d--) {                                                         \
      coordinate[d] = number % (l)->shape[d];                                                      \
      number /= (l)->shape[d];                                                                     \
      at += coordinate[d] * (l)->strides[operand][d];                                              \
    }                                                                                              \
    at += column * (l)->strides[operand][inner];                                                   \
    for (int64_t done = 0; done < (n);) {                                                          \
      const int64_t count = row - column < (n) - done ? row - column : (n) - done;                 \
      body;                                                                                        \
      done += count;                                                                               \
      at -= column * (l)->strides[operand][inner];                                                 \
      column = 0;                                                                                  \
      for (int d = inner - 1; d >= 0; d--) {                                                       \
        at += (l)->strides[operand][d];                                                            \
        if (++coordinate[d] < (l)->shape[d]) break;                                                \
        at -= (l)->strides[operand][d] * (l)->shape[d];                                            \
        coordinate[d] = 0;                                                                         \
      }                                                                                            \
    }                                                                                              \
  } while (0)
#define SHORT_ROW 16 // up to here a call takes longer than a loop

const void *gk_index_read(const gk_loop *l, int operand, int size, const char *base, int64_t begin,
                          int64_t n, void *block) {
  if (gk_index_linear(l, operand)) return base + begin * size;
  const int64_t step = l->strides[operand][l->ndim - 1];
  if (l->shape[l->ndim - 1] <= SHORT_ROW) {
#define READ(T)                                                                                    \
  EACH_ROW(l, operand, begin, n,                                                                   \
           for (int64_t i = 0; i < count; i++)((T *)block)[done + i] =                             \
               ((const T *)(const void *)base)[at + i * step])
    GK_BY_SIZE(size, READ)
  } else {
    EACH_ROW(l, operand, begin, n,
             gk_cpu_gather(count, size, base + at * size, step, (char *)block + done * size));
  }
  return block;
}

void gk_index_write(const gk_loop *l, int operand, int size, char *base, int64_t begin, int64_t n,
                    const void *block) {
  const int64_t step = l->strides[operand][l->ndim - 1];
  if (l->shape[l->ndim - 1] <= SHORT_ROW) {
#define WRITE(T)                                                                                   \
  EACH_ROW(l, operand, begin, n,                                                                   \
           for (int64_t i = 0; i < count; i++)((T *)(void *)base)[at + i * step] =                 \
               ((const T *)block)[done + i])
    GK_BY_SIZE(size, WRITE)
  } else {
    EACH_ROW(
        l, operand, begin, n,
        gk_cpu_scatter(count, size, (const char *)block + done * size, base + at * size, step));
  }
}

void gk_index_move(const gk_loop *l, int size, const char *in, char *out) {
  static const uint64_t zero;
  const int inner = l->ndim - 1;
  const int64_t n = l->shape[inner], si = l->strides[0][inner], so = l->strides[1][inner];
  const int64_t all = inner ? gk_index_loop_size(l) : n;
  for (int64_t flat = 0; flat < all; flat += n) {
    char *to = out;
    const char *from = in;
    if (inner > 0) {
      to += gk_index_loop_at(l, 1, flat) * size;
      if (in) from += gk_index_loop_at(l, 0, flat) * size;
    }
    if (!in && so == 1)
      memset(to, 0, (size_t)(n * size));
    else if (!in)
      for (int64_t i = 0; i < n; i++) memcpy(to + i * so * size, &zero, (size_t)size);
    else if (so == 1)
      gk_cpu_gather(n, size, from, si, to);
    else if (si == 1)
      gk_cpu_scatter(n, size, from, to, so);
    else
      for (int64_t i = 0; i < n; i++)
        memcpy(to + i * so * size, from + i * si * size, (size_t)size);
  }
}

// ---- indices

const int64_t *gk_index_numbers(const gk_loop *l, int operand, uint8_t dtype, const char *base,
                                int64_t begin, int64_t n, void *raw, int64_t *block) {
  const void *from = gk_index_read(l, operand, gk_dtypes[dtype].size, base, begin, n, raw);
  if (dtype == GK_int64) return from;
  if (dtype == GK_uint64) {
    const uint64_t *x = from;
    for (int64_t i = 0; i < n; i++) block[i] = x[i] >> 63 ? INT64_MIN : (int64_t)x[i];
  } else {
    gk_cpu_cast(dtype, GK_int64)(n, from, block);
  }
  return block;
}

// Is every index from 0 to length - 1? Without a branch, so that it becomes vectors; else the sign bit
// of an index or of its distance from the end is set.
#define WITHIN(I)                                                                                  \
  static bool within_##I(int64_t n, const I *x, int64_t length) {                                  \
    uint64_t seen = 0;                                                                             \
    for (int64_t i = 0; i < n; i++) {                                                              \
      const uint64_t v = (uint64_t)(int64_t)x[i];                                                  \
      seen |= v | ((uint64_t)length - 1 - v);                                                      \
    }                                                                                              \
    return !(seen >> 63);                                                                          \
  }
WITHIN(int32_t)
WITHIN(int64_t)

bool gk_index_within(int64_t n, const int64_t *index, int64_t length) {
  return within_int64_t(n, index, length);
}

static bool resolve(const gk_index_axis *axis, int64_t n, const int64_t *index, int64_t at,
                    int64_t skip, int64_t *place) {
  const int64_t step = axis->step;
  if (within_int64_t(n, index, axis->length)) {
    if (step == 1)
      for (int64_t i = 0; i < n; i++) place[i] = index[i] + at + i * skip;
    else
      for (int64_t i = 0; i < n; i++) place[i] = index[i] * step + at + i * skip;
    return true;
  }
  bool bad = false;
  for (int64_t i = 0; i < n; i++) {
    // What is still negative is beyond every length as unsigned.
    const uint64_t v = (uint64_t)index[i] + (uint64_t)(index[i] < 0 ? axis->wrap : 0);
    const bool ok = v < (uint64_t)axis->length;
    bad |= !ok;
    place[i] = ok ? (int64_t)v * step + at + i * skip : GK_NOWHERE;
  }
  return !bad;
}

bool gk_index_resolve(const gk_index_axis *axis, int64_t n, const int64_t *index, int64_t *place) {
  return resolve(axis, n, index, 0, 0, place);
}

bool gk_index_resolve_at(const gk_index_axis *axis, const gk_loop *l, int operand, int64_t begin,
                         int64_t n, const int64_t *index, int64_t *place) {
  bool ok = true;
  const int64_t skip = l->strides[operand][l->ndim - 1];
  EACH_ROW(l, operand, begin, n, ok &= resolve(axis, count, index + done, at, skip, place + done));
  return ok;
}

void gk_index_pick(int64_t n, int size, const char *in, const int64_t *place, void *out) {
#define PICK(T)                                                                                    \
  do {                                                                                             \
    const T *x = (const T *)(const void *)in;                                                      \
    T *to = out;                                                                                   \
    for (int64_t i = 0; i < n; i++) {                                                              \
      if (i + AHEAD < n) PREFETCH(in, (uint64_t)place[i + AHEAD] * sizeof(T));                     \
      to[i] = place[i] == GK_NOWHERE ? 0 : x[place[i]];                                            \
    }                                                                                              \
  } while (0)
  GK_BY_SIZE(size, PICK)
}

gk_status gk_index_fault(const gk_call *call, const gk_view *indices, const gk_index_axis *axis,
                         int number, gk_error *error) {
  gk_loop l;
  gk_loop_build(&l, 1, &indices);
  const uint8_t dtype = indices->dtype;
  const char *data = gk_view_data(indices);
  int64_t raw[BLOCK], block[BLOCK], place[BLOCK];
  char text[32] = "an index"; // where memory has changed since
  for (int64_t i = 0, n; i < indices->size; i += n) {
    n = indices->size - i < BLOCK ? indices->size - i : BLOCK;
    const int64_t *index = gk_index_numbers(&l, 0, dtype, data, i, n, raw, block);
    if (gk_index_resolve(axis, n, index, place)) continue;
    int64_t k = 0;
    while (place[k] != GK_NOWHERE) k++;
    snprintf(text, sizeof text, "index %" PRId64, index[k]);
    if (dtype == GK_uint64) { // which an int64 may not hold
      uint64_t wide;
      memcpy(&wide, data + gk_index_loop_at(&l, 0, i + k) * 8, sizeof wide);
      snprintf(text, sizeof text, "index %" PRIu64, wide);
    }
    break;
  }
  return gk_error_index(error, call->op, axis->wrap != axis->length, text, number, axis->length);
}

// ---- take

typedef struct plan {
  const char *in, *indices;
  char *out;
  int size; // bytes of an element
  uint8_t index_dtype;
  gk_index_axis axis;
  int64_t count; // indices
  gk_loop before, after; // strides[0] in, [1] out; in elements
  int64_t befores, afters; // their sizes
  bool dense; // `after` is contiguous in both
  gk_loop index; // strides[0] indices, [1] out
  gk_loop whole; // out
  int64_t index_block, blocks; // indices in a task, and how many such tasks
  int64_t group; // groups of short rows: how many places before the axis at a time
  _Atomic bool bad; // an index was out of range
} plan;

static void report(plan *p) { atomic_store_explicit(&p->bad, true, memory_order_relaxed); }

// Single elements at n indices without gaps; false if one is out of range. `length` is not 0.
typedef bool (*single_fn)(int64_t n, const void *index, int64_t length, const char *in,
                          int64_t step, void *out);
#define SINGLES(I, T)                                                                              \
  static inline __attribute__((always_inline)) void pick_##I##_##T(                                \
      int64_t n, int64_t known, const I *x, const T *from, int64_t step, T *to) {                  \
    int64_t i = 0;                                                                                 \
    for (; i < n && i + AHEAD < known; i++) {                                                      \
      PREFETCH(from, (uint64_t)x[i + AHEAD] * (uint64_t)step * sizeof(T));                         \
      to[i] = from[x[i] * step];                                                                   \
    }                                                                                              \
    for (; i < n; i++) to[i] = from[x[i] * step];                                                  \
  }                                                                                                \
  static bool I##_##T(int64_t all, const void *index, int64_t length, const char *in,              \
                      int64_t step, void *out) {                                                   \
    bool bad = false;                                                                              \
    for (int64_t done = 0, n; done < all; done += n) {                                             \
      const I *x = (const I *)index + done;                                                        \
      const T *from = (const T *)(const void *)in;                                                 \
      T *to = (T *)out + done;                                                                     \
      n = all - done < CHUNK ? all - done : CHUNK;                                                 \
      if (within_##I(n, x, length)) {                                                              \
        if (step == 1)                                                                             \
          pick_##I##_##T(n, all - done, x, from, 1, to);                                           \
        else                                                                                       \
          pick_##I##_##T(n, all - done, x, from, step, to);                                        \
        continue;                                                                                  \
      }                                                                                            \
      for (int64_t i = 0; i < n; i++) {                                                            \
        const uint64_t v = (uint64_t)x[i] + (uint64_t)(x[i] < 0 ? length : 0);                     \
        const bool ok = v < (uint64_t)length;                                                      \
        to[i] = ok ? from[(int64_t)v * step] : 0;                                                  \
        bad |= !ok;                                                                                \
      }                                                                                            \
    }                                                                                              \
    return !bad;                                                                                   \
  }
#define SINGLES_OF(I)                                                                              \
  SINGLES(I, uint8_t) SINGLES(I, uint16_t) SINGLES(I, uint32_t) SINGLES(I, uint64_t)
SINGLES_OF(int32_t)
SINGLES_OF(int64_t)

static single_fn single_loop(uint8_t index_dtype, int size) {
  static const single_fn loops[2][9] = {
      {[1] = int32_t_uint8_t,
       [2] = int32_t_uint16_t,
       [4] = int32_t_uint32_t,
       [8] = int32_t_uint64_t},
      {[1] = int64_t_uint8_t,
       [2] = int64_t_uint16_t,
       [4] = int64_t_uint32_t,
       [8] = int64_t_uint64_t},
  };
  return loops[index_dtype == GK_int64][size];
}

// Tasks count [before][block of indices].
static void run_singles(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  plan *p = context;
  const int inner = p->index.ndim - 1;
  const int64_t run_length = p->index.shape[inner], out_step = p->index.strides[1][inner];
  const bool direct = (p->index_dtype == GK_int32 || p->index_dtype == GK_int64) &&
                      p->index.strides[0][inner] == 1 && out_step == 1 && p->axis.length > 0;
  int64_t raw[BLOCK], block[BLOCK], place[BLOCK];
  for (int64_t task = begin; task < end; task++) {
    const int64_t before = task / p->blocks, first = task % p->blocks * p->index_block;
    const char *in = p->in + gk_index_loop_at(&p->before, 0, before) * p->size;
    char *out = p->out + gk_index_loop_at(&p->before, 1, before) * p->size;
    const int64_t last = p->count - first < p->index_block ? p->count : first + p->index_block;
    for (int64_t at = first, n; at < last; at += n) {
      const int64_t left = run_length - at % run_length; // in the innermost axis of the indices
      n = last - at < left ? last - at : left;
      char *to = out + gk_index_loop_at(&p->index, 1, at) * p->size;
      if (direct) {
        const char *x =
            p->indices + gk_index_loop_at(&p->index, 0, at) * gk_dtypes[p->index_dtype].size;
        if (!single_loop(p->index_dtype, p->size)(n, x, p->axis.length, in, p->axis.step, to))
          report(p);
        continue;
      }
      if (n > BLOCK) n = BLOCK;
      const int64_t *number =
          gk_index_numbers(&p->index, 0, p->index_dtype, p->indices, at, n, raw, block);
      if (!gk_index_resolve(&p->axis, n, number, place)) report(p);
      gk_index_pick(n, p->size, in, place, out_step == 1 ? (void *)to : raw);
      if (out_step != 1) gk_cpu_scatter(n, p->size, raw, to, out_step);
    }
  }
}

// Rows of BYTES contiguous bytes. Their first cache lines are fetched a while before.
#define ROWS(BYTES)                                                                                \
  for (int64_t i = 0; i < n; i++, out += out_step) {                                               \
    if (i + ahead < n)                                                                             \
      for (int64_t line = 0; line < lines; line++)                                                 \
        PREFETCH(in, (uint64_t)place[i + ahead] * (uint64_t)size + (uint64_t)line * 64);           \
    if (place[i] != GK_NOWHERE)                                                                    \
      memcpy(out, in + place[i] * size, (size_t)(BYTES));                                          \
    else                                                                                           \
      memset(out, 0, (size_t)(BYTES));                                                             \
  }

static void move_rows(int64_t bytes, int64_t n, int size, const char *in, const int64_t *place,
                      char *out, int64_t out_step) {
  const int64_t lines = bytes / 64 < ROW_LINES ? bytes / 64 + 1 : ROW_LINES;
  const int64_t ahead = AHEAD_BYTES / bytes < AHEAD ? AHEAD_BYTES / bytes + 1 : AHEAD;
  if (bytes == 16) { // known sizes are plain loads and stores
    ROWS(16)
  } else if (bytes == 32) {
    ROWS(32)
  } else {
    ROWS(bytes)
  }
}

// Tasks count [before][block of indices].
static void run_rows(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  plan *p = context;
  const int inner = p->index.ndim - 1;
  const int64_t run_length = p->index.shape[inner], out_step = p->index.strides[1][inner];
  int64_t raw[BLOCK], block[BLOCK], place[BLOCK], resolved = -1;
  for (int64_t task = begin; task < end; task++) {
    // Neighbours in this order share their indices where all fit into one block.
    const int64_t before = task / p->blocks, first = task % p->blocks * p->index_block;
    const char *in = p->in + gk_index_loop_at(&p->before, 0, before) * p->size;
    char *out = p->out + gk_index_loop_at(&p->before, 1, before) * p->size;
    const int64_t last = p->count - first < p->index_block ? p->count : first + p->index_block;
    for (int64_t at = first, n; at < last; at += n) {
      const int64_t left = run_length - at % run_length;
      n = last - at < left ? last - at : left;
      if (resolved != at || n != p->count) {
        const int64_t *number =
            gk_index_numbers(&p->index, 0, p->index_dtype, p->indices, at, n, raw, block);
        if (!gk_index_resolve(&p->axis, n, number, place)) report(p);
        resolved = at;
      }
      char *to = out + gk_index_loop_at(&p->index, 1, at) * p->size;
      if (p->dense)
        move_rows(p->afters * p->size, n, p->size, in, place, to, out_step * p->size);
      else
        for (int64_t i = 0; i < n; i++)
          gk_index_move(&p->after, p->size, place[i] == GK_NOWHERE ? NULL : in + place[i] * p->size,
                        to + i * out_step * p->size);
    }
  }
}

// Places before the axis, `group` of them at a time, whose elements have the same distances.
static void run_groups(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  plan *p = context;
  const int64_t row = p->count * p->afters;
  int64_t raw[BLOCK], block[BLOCK], resolved[BLOCK], place[BLOCK];
  const int64_t *number =
      gk_index_numbers(&p->index, 0, p->index_dtype, p->indices, 0, p->count, raw, block);
  if (!gk_index_resolve(&p->axis, p->count, number, resolved)) report(p);
  for (int64_t k = 0, r = 0; r < p->group; r++)
    for (int64_t i = 0; i < p->count; i++)
      for (int64_t a = 0; a < p->afters; a++, k++)
        place[k] = resolved[i] == GK_NOWHERE ? GK_NOWHERE
                                             : gk_index_loop_at(&p->before, 0, r) + resolved[i] +
                                                   gk_index_loop_at(&p->after, 0, a);
  const bool linear = gk_index_linear(&p->whole, 0);
  for (int64_t before = begin, n; before < end; before += n) {
    n = end - before < p->group ? end - before : p->group;
    const char *in = p->in + gk_index_loop_at(&p->before, 0, before) * p->size;
    gk_index_pick(n * row, p->size, in, place,
                  linear ? (void *)(p->out + before * row * p->size) : raw);
    if (!linear) gk_index_write(&p->whole, 0, p->size, p->out, before * row, n * row, raw);
  }
}

gk_status gk_cpu_take(const gk_call *call, gk_error *error) {
  const gk_view *in = call->in[0], *indices = call->in[1], *out = call->out[0];
  if (out->size == 0) return GK_OK; // nothing is read
  const int axis = call->axis;
  plan p = {.in = gk_view_data(in), .indices = gk_view_data(indices), .out = gk_view_data(out)};
  p.size = gk_dtypes[in->dtype].size;
  p.index_dtype = indices->dtype;
  p.axis.length = p.axis.wrap = in->ndim ? in->shape[axis] : 1;
  p.axis.step = in->ndim ? in->strides[axis] : 0;
  p.count = indices->size;
  const int behind = axis + indices->ndim;
  const gk_view in_before = gk_index_axes(in, 0, axis), out_before = gk_index_axes(out, 0, axis);
  const gk_view in_after = gk_index_axes(in, in->ndim ? axis + 1 : 0, in->ndim);
  const gk_view out_after = gk_index_axes(out, behind, out->ndim);
  const gk_view out_index = gk_index_axes(out, axis, behind);
  gk_loop_build(&p.before, 2, (const gk_view *[]){&in_before, &out_before});
  gk_loop_build(&p.after, 2, (const gk_view *[]){&in_after, &out_after});
  gk_loop_build(&p.index, 2, (const gk_view *[]){indices, &out_index});
  p.befores = gk_index_loop_size(&p.before);
  p.afters = gk_index_loop_size(&p.after);
  p.dense = p.after.ndim == 1 && p.after.strides[0][0] == 1 && p.after.strides[1][0] == 1;
  if (p.axis.length == 0)
    memset(p.before.strides[0], 0, sizeof p.before.strides[0]); // no memory either

  const int64_t row = p.count * p.afters, row_bytes = p.afters * p.size;
  if (p.befores > 1 && row <= SHORT_GROUP) {
    gk_loop_build(&p.whole, 1, &out);
    p.group = p.before.ndim == 1 ? BLOCK / row : 1;
    gk_parallel(p.befores, TASK / row + 1, run_groups, &p);
  } else {
    const bool singles = p.afters == 1;
    p.index_block = singles ? TASK : BLOCK * p.size * 4 / (row_bytes + 1) + 1;
    if (!singles && p.index_block > BLOCK) p.index_block = BLOCK;
    if (p.index_block > p.count) p.index_block = p.count;
    p.blocks = (p.count + p.index_block - 1) / p.index_block;
    // An element is worth a cache line: what it costs to find it.
    const int64_t each = p.index_block * (row_bytes < 64 ? 64 : row_bytes);
    gk_parallel(p.befores * p.blocks, PIECE_BYTES / each + 1, singles ? run_singles : run_rows, &p);
  }
  return atomic_load(&p.bad) ? gk_index_fault(call, indices, &p.axis, axis, error) : GK_OK;
}

gk_status gk_cpu_index(const gk_call *call, gk_error *error) {
  switch (call->op) {
  case GK_OP_take:
    return gk_cpu_take(call, error);
  case GK_OP_nonzero:
  case GK_OP_compress:
    return gk_cpu_mask(call, error);
  case GK_OP_flat_index:
    return gk_cpu_flat_index(call, error);
  case GK_OP_histogram:
    return gk_cpu_histogram(call, error);
  default:
    return gk_cpu_along(call, error);
  }
}
