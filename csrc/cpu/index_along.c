// One index for each element along an axis: take_along_axis reads, put_along_axis writes and scatter_add
// adds there; flat_index joins the indices of two axes.
//
// Everything goes by blocks of elements in the indices' row-major order: a block of checked places in
// the array, then one loop over those. Work is split over another axis, or, where there is only the
// one, into ranges of the array that one thread each writes: so that what happens to an element
// happens in the indices' order, however many threads there are.
#include "index.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#define BLOCK GK_INDEX_BLOCK
#define AHEAD 64 // elements between a prefetch (into the second cache) and its use
#define PIECE 32768 // elements that are worth a thread
#define MAX_TABLE 65536 // elements that each thread may have a table of
#define MAX_RANGES 8 // every range goes through all indices

// ---- changing elements

// array[place[i]] becomes or grows by values[i], for increasing i.
typedef void (*change_fn)(int64_t n, const int64_t *place, const void *values, void *array);
#define CHANGE(name, T, statement)                                                                 \
  static void name(int64_t n, const int64_t *restrict place, const void *values, void *array) {    \
    const T *x = values;                                                                           \
    T *to = array;                                                                                 \
    for (int64_t i = 0; i < n; i++) {                                                              \
      if (i + AHEAD < n) __builtin_prefetch(to + place[i + AHEAD], 0, 2);                          \
      T *const at = to + place[i];                                                                 \
      statement;                                                                                   \
    }                                                                                              \
  }
CHANGE(put1, uint8_t, *at = x[i])
CHANGE(put2, uint16_t, *at = x[i])
CHANGE(put4, uint32_t, *at = x[i])
CHANGE(put8, uint64_t, *at = x[i])
CHANGE(add_bool, uint8_t, *at = (uint8_t)(*at != 0 || x[i] != 0))
CHANGE(add1, uint8_t, *at = (uint8_t)(*at + x[i]))
CHANGE(add2, uint16_t, *at = (uint16_t)(*at + x[i]))
CHANGE(add4, uint32_t, *at += x[i])
CHANGE(add8, uint64_t, *at += x[i])
CHANGE(add_float16, uint16_t,
       *at = gk_half_from_double((double)gk_half_to_float(*at) + (double)gk_half_to_float(x[i])))
CHANGE(add_bfloat16, uint16_t,
       *at = gk_bfloat_from_float(gk_bfloat_to_float(*at) + gk_bfloat_to_float(x[i])))
CHANGE(add_float32, float, *at += x[i])
CHANGE(add_float64, double, *at += x[i])
CHANGE(add_complex64, gk_complex64, (at->re += x[i].re, at->im += x[i].im))

static const change_fn puts[9] = {[1] = put1, [2] = put2, [4] = put4, [8] = put8};
static const change_fn adds[GK_DTYPE_COUNT] = {
    [GK_bool] = add_bool,
    [GK_int8] = add1,
    [GK_uint8] = add1,
    [GK_int16] = add2,
    [GK_uint16] = add2,
    [GK_int32] = add4,
    [GK_uint32] = add4,
    [GK_int64] = add8,
    [GK_uint64] = add8,
    [GK_float16] = add_float16,
    [GK_bfloat16] = add_bfloat16,
    [GK_float32] = add_float32,
    [GK_float64] = add_float64,
    [GK_complex64] = add_complex64,
};

// ---- along an axis

// Operands as the loops see them: of the indices' shape, which `array` has with stride 0 on the axis.
enum { INDEX, OTHER, ARRAY, OPERANDS };

typedef struct plan {
  const gk_index_kernels *kernels;
  gk_view view[OPERANDS]; // OTHER: the output of take_along_axis, else the values
  char *data[OPERANDS];
  int size[OPERANDS]; // bytes of an element
  gk_index_axis axis;
  change_fn change; // NULL: take_along_axis
  int split; // the axis that pieces are parts of
  int64_t ranges; // of the array, where the pieces are those
  char *tables; // sums of each thread, or NULL
  _Atomic bool bad; // an index was out of range
} plan;

// Only places that are somewhere in the range, with their values; returns how many.
static int64_t keep(const plan *p, int64_t n, int64_t low, int64_t high, const int64_t *place,
                    int64_t *kept_place, const void *values, void *kept) {
  uint8_t mask[BLOCK];
  for (int64_t i = 0; i < n; i++) mask[i] = place[i] >= low && place[i] < high;
  p->kernels->select[p->size[OTHER]](n, mask, values, kept, n);
  return p->kernels->select[8](n, mask, place, kept_place, n);
}

static bool stands_still(const gk_loop *l, int operand) {
  for (int d = 0; d < l->ndim; d++)
    if (l->strides[operand][d] != 0) return false;
  return true;
}

// All elements of the loop. [low, high): places that are changed.
static void run(plan *p, const gk_loop *l, char *const *data, int64_t low, int64_t high) {
  const int64_t size = gk_index_loop_size(l);
  const int item = p->size[OTHER];
  int64_t raw[BLOCK], block[BLOCK], places[BLOCK], other[BLOCK], kept[BLOCK], kept_places[BLOCK];
  const bool linear = gk_index_linear(l, OTHER), whole = low == INT64_MIN;
  const bool one_value = stands_still(l, OTHER);
  const bool indices_are_places = stands_still(l, ARRAY) && p->axis.step == 1;
  const void *values = NULL;
  for (int64_t i = 0, n; i < size; i += n) {
    n = size - i < BLOCK ? size - i : BLOCK;
    const int64_t *index =
        gk_index_numbers(l, INDEX, p->view[INDEX].dtype, data[INDEX], i, n, raw, block);
    const int64_t *place = places;
    bool ok = indices_are_places && gk_index_within(n, index, p->axis.length);
    if (ok)
      place = index;
    else
      ok = gk_index_resolve_at(&p->axis, l, ARRAY, i, n, index, places);
    if (!ok) atomic_store_explicit(&p->bad, true, memory_order_relaxed);
    if (!p->change) {
      void *to = linear ? data[OTHER] + i * item : (void *)other;
      gk_index_pick(n, item, data[ARRAY], place, to);
      if (!linear) gk_index_write(l, OTHER, item, data[OTHER], i, n, other);
      continue;
    }
    if (!one_value || i == 0) values = gk_index_read(l, OTHER, item, data[OTHER], i, n, other);
    if (ok && whole) {
      p->change(n, place, values, data[ARRAY]);
    } else {
      const int64_t count =
          keep(p, n, whole ? GK_NOWHERE + 1 : low, high, place, kept_places, values, kept);
      p->change(count, kept_places, kept, data[ARRAY]);
    }
  }
}

// Parts of the axis `split`.
static void run_part(void *context, int64_t begin, int64_t end, int thread) {
  plan *p = context;
  gk_view part[OPERANDS];
  const gk_view *views[OPERANDS];
  char *data[OPERANDS];
  for (int k = 0; k < OPERANDS; k++) {
    part[k] = p->view[k];
    part[k].shape[p->split] = end - begin;
    views[k] = &part[k];
    data[k] = p->data[k];
    if (data[k]) data[k] += begin * part[k].strides[p->split] * p->size[k];
  }
  if (p->tables) data[ARRAY] = p->tables + thread * p->axis.length * p->size[ARRAY];
  gk_loop l;
  gk_loop_build(&l, OPERANDS, views);
  run(p, &l, data, INT64_MIN, INT64_MAX);
}

// Ranges of the only axis.
static void run_range(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  plan *p = context;
  gk_loop l;
  gk_loop_build(&l, OPERANDS, (const gk_view *[]){&p->view[0], &p->view[1], &p->view[2]});
  const int64_t each = (p->axis.length + p->ranges - 1) / p->ranges;
  int64_t low = begin * each, high = end * each < p->axis.length ? end * each : p->axis.length;
  const int64_t step = p->axis.step;
  if (low >= high) return;
  if (step >= 0)
    run(p, &l, p->data, low * step, (high - 1) * step + 1);
  else
    run(p, &l, p->data, (high - 1) * step, low * step + 1);
}

// Sums of whole numbers are the same in any order: a table for each thread, added up at the end. False
// where there is no memory for them.
static bool run_tables(plan *p, int64_t size, int64_t threads) {
  const int64_t length = p->axis.length, step = p->axis.step;
  const int64_t bytes = threads * length * p->size[ARRAY];
  if (!(p->tables = gk_scratch(GK_SCRATCH_INDEX, bytes))) return false;
  memset(p->tables, 0, (size_t)bytes);
  p->axis.step = 1;
  gk_parallel(size, PIECE, run_part, p);
  int64_t place[BLOCK];
  for (int64_t i = 0; i < threads * length; i += BLOCK) {
    const int64_t n = threads * length - i < BLOCK ? threads * length - i : BLOCK;
    for (int64_t j = 0; j < n; j++) place[j] = (i + j) % length * step;
    p->change(n, place, p->tables + i * p->size[ARRAY], p->data[ARRAY]);
  }
  return true;
}

static int longest_axis(const gk_view *v, int but) {
  int longest = -1;
  for (int d = 0; d < v->ndim; d++)
    if (d != but && (longest < 0 || v->shape[d] > v->shape[longest])) longest = d;
  return longest;
}

gk_status gk_cpu_along(const gk_call *call, gk_error *error) {
  const bool take = call->op == GK_OP_take_along_axis;
  const gk_view *array = take ? call->in[0] : call->out[0];
  const gk_view *indices = call->in[take ? 1 : 0], *other = take ? call->out[0] : call->in[1];
  if (indices->size == 0) return GK_OK;
  const int axis = call->axis;
  plan p = {.kernels = gk_index(), .view = {*indices, *other, *array}, .split = -1};
  for (int k = 0; k < OPERANDS; k++) {
    p.data[k] = gk_view_data(&p.view[k]);
    p.size[k] = gk_dtypes[p.view[k].dtype].size;
  }
  p.axis.length = array->shape[axis];
  p.axis.wrap = call->flags & GK_VARIANT ? 0 : p.axis.length;
  p.axis.step = array->strides[axis];
  p.view[ARRAY].shape[axis] = indices->shape[axis];
  p.view[ARRAY].strides[axis] = 0;
  if (!take) p.change = call->op == GK_OP_put_along_axis ? puts[p.size[OTHER]] : adds[array->dtype];

  const int64_t size = indices->size;
  p.split = longest_axis(indices, take ? -1 : axis);
  if (p.split >= 0 && (indices->shape[p.split] > 1 || size < 2 * PIECE)) {
    const int64_t each = size / indices->shape[p.split];
    gk_parallel(indices->shape[p.split], PIECE / each + 1, run_part, &p);
  } else {
    const int64_t threads = size < 2 * PIECE ? 1 : gk_parallel_threads();
    const bool whole = gk_dtypes[array->dtype].class & ~(GK_CLASS_FLOAT | GK_CLASS_COMPLEX);
    p.split = axis;
    p.ranges = threads < MAX_RANGES ? threads : MAX_RANGES;
    const bool tables = p.ranges > 1 && call->op == GK_OP_scatter_add && whole &&
                        p.axis.length <= MAX_TABLE && threads * p.axis.length <= size / 16 &&
                        run_tables(&p, size, threads);
    if (!tables && p.ranges > 1 && p.axis.length >= p.ranges)
      gk_parallel(p.ranges, 1, run_range, &p);
    else if (!tables)
      run_part(&p, 0, size, 0);
  }
  return atomic_load(&p.bad) ? gk_index_fault(call, indices, &p.axis, axis, error) : GK_OK;
}

// ---- two axes

typedef struct flat_plan {
  gk_loop loop; // two indices, the output
  const gk_view *view[3];
  gk_index_axis before, axis; // `before` of length 0: not checked
  _Atomic bool bad[2];
} flat_plan;

static void run_flat(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  flat_plan *p = context;
  const gk_loop *l = &p->loop;
  char *out = gk_view_data(p->view[2]);
  const bool linear = gk_index_linear(l, 2);
  const int64_t length = p->axis.length, most = length ? INT64_MAX / length - 1 : 0;
  int64_t raw[2][BLOCK], block[2][BLOCK], place[2][BLOCK], result[BLOCK];
  for (int64_t i = begin, n; i < end; i += n) {
    n = end - i < BLOCK ? end - i : BLOCK;
    const int64_t *index[2];
    for (int k = 0; k < 2; k++)
      index[k] = gk_index_numbers(l, k, p->view[k]->dtype, gk_view_data(p->view[k]), i, n, raw[k],
                                  block[k]);
    if (!gk_index_resolve(&p->axis, n, index[1], place[1]))
      atomic_store_explicit(&p->bad[1], true, memory_order_relaxed);
    if (p->before.length) {
      if (!gk_index_resolve(&p->before, n, index[0], place[0]))
        atomic_store_explicit(&p->bad[0], true, memory_order_relaxed);
      index[0] = place[0];
    }
    int64_t *to = linear ? (int64_t *)(void *)out + i : result;
    for (int64_t j = 0; j < n; j++) {
      const int64_t x = index[0][j];
      const bool ok = x >= -most && x <= most && place[1][j] != GK_NOWHERE;
      to[j] = ok ? x * length + place[1][j] : GK_NOWHERE;
    }
    if (!linear) gk_index_write(l, 2, sizeof *result, out, i, n, result);
  }
}

gk_status gk_cpu_flat_index(const gk_call *call, gk_error *error) {
  const int64_t length = (int64_t)call->f[0], before = (int64_t)call->f[1];
  flat_plan p = {.view = {call->in[0], call->in[1], call->out[0]},
                 .before = {before, before, 1},
                 .axis = {length, length, 1}};
  gk_loop_build(&p.loop, 3, p.view);
  gk_parallel(call->out[0]->size, PIECE, run_flat, &p);
  for (int k = 0; k < 2; k++)
    if (atomic_load(&p.bad[k]))
      return gk_index_fault(call, p.view[k], k ? &p.axis : &p.before, call->axis - 1 + k, error);
  return GK_OK;
}
