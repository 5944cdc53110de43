// Views by chance: random chains of views over a small buffer, with good and wild arguments, each
// compared with a naive model that lists which element of the buffer stands at each place, and
// knows nothing of strides.
//
//   gcc -g -O1 -D_GNU_SOURCE -fsanitize=address,undefined -fno-sanitize-recover=all -o view_fuzz
//       tests/native/view_fuzz.c csrc/core/view.c csrc/core/dtype.c -lm
//   view_fuzz [--iterations N] [--seed S]     (200000 and 1)
#include "test.h"

#include <math.h>

#define BUFFER 128 // elements
#define PLACES 512 // of a model
#define LIMIT 0x1p53

typedef struct model {
  int ndim;
  int64_t shape[GK_MAX_DIMS];
  int64_t size; // -1: too many to list
  int16_t map[PLACES];
} model;

typedef struct pair {
  gk_view view;
  model model;
} pair;

static gk_storage storage;
static char buffer[BUFFER * 8];
static int64_t iteration;

#define EXPECT(condition, ...)                                                                     \
  do {                                                                                             \
    if (!(condition)) fprintf(stderr, "iteration %lld: ", (long long)iteration);                   \
    CHECKF(condition, __VA_ARGS__);                                                                \
  } while (0)

// ---- the model -----------------------------------------------------------------------------

static bool is_axis(double x, int ndim) { return floor(x) == x && x >= -ndim && x < ndim; }
static int as_axis(double x, int ndim) { return (int)(x < 0 ? x + ndim : x); }

// Counts the model's elements; false where the lengths other than 0 give too many bytes for any
// view.
static bool count(model *m, int item) {
  double extent = 1;
  bool empty = false;
  for (int i = 0; i < m->ndim; i++) {
    if (m->shape[i] == 0)
      empty = true;
    else
      extent *= (double)m->shape[i];
    // Exact below the limit; what rounds to the limit from above cannot be made by the lengths
    // that wild_length gives.
    if (extent * item > LIMIT) return false;
  }
  m->size = empty ? 0 : extent > PLACES ? -1 : (int64_t)extent;
  return true;
}

// How a result comes from a model: the place on axis a is start[a] + step[a] * the place on the
// result's axis feed[a], or just start[a] where that is -1.
typedef struct plan {
  int feed[GK_MAX_DIMS];
  int64_t start[GK_MAX_DIMS], step[GK_MAX_DIMS];
} plan;

static void fill(model *out, const model *m, const plan *p) {
  for (int64_t place = 0; place < out->size; place++) {
    int64_t index[GK_MAX_DIMS], rest = place, flat = 0;
    for (int i = out->ndim - 1; i >= 0; i--) {
      index[i] = rest % out->shape[i];
      rest /= out->shape[i];
    }
    for (int a = 0; a < m->ndim; a++) {
      int64_t at = p->start[a];
      if (p->feed[a] >= 0) at += p->step[a] * index[p->feed[a]];
      flat = flat * m->shape[a] + at;
    }
    out->map[place] = m->map[flat];
  }
}

// Axes as bits, or false.
static bool axes_of(const double *args, int n, int ndim, unsigned *set) {
  *set = 0;
  for (int i = 0; i < n; i++) {
    if (!is_axis(args[i], ndim) || (*set >> as_axis(args[i], ndim) & 1)) return false;
    *set |= 1u << as_axis(args[i], ndim);
  }
  return true;
}

// Is there one stride for each axis of `m` that walks its map?
static bool has_strides(const model *m) {
  int64_t step[GK_MAX_DIMS], run = 1;
  for (int i = m->ndim - 1; i >= 0; i--) {
    step[i] = m->shape[i] > 1 ? m->map[run] - m->map[0] : 0;
    run *= m->shape[i];
  }
  for (int64_t place = 0; place < m->size; place++) {
    int64_t rest = place, at = m->map[0];
    for (int i = m->ndim - 1; i >= 0; i--) {
      at += step[i] * (rest % m->shape[i]);
      rest /= m->shape[i];
    }
    if (at != m->map[place]) return false;
  }
  return true;
}

static bool lengths_of(model *out, const double *args, int n, bool unknown) {
  if (n > GK_MAX_DIMS) return false;
  out->ndim = n;
  for (int i = 0; i < n; i++) {
    if (floor(args[i]) != args[i] || args[i] < (unknown ? -1 : 0) || args[i] > LIMIT) return false;
    out->shape[i] = (int64_t)args[i];
  }
  return true;
}

// The elements that Python's range of the axis lists: where it starts, and how many.
static bool range_of(const double *args, int64_t length, plan *p, int a, int64_t *taken) {
  double step = isnan(args[2]) ? 1 : args[2], start = args[0], stop = args[1];
  for (int i = 0; i < 3; i++)
    if (isinf(args[i]) || (!isnan(args[i]) && floor(args[i]) != args[i])) return false;
  if (step == 0) return false;
  double low = step < 0 ? -1 : 0, high = step < 0 ? (double)length - 1 : (double)length;
  if (start < 0) start += (double)length;
  if (stop < 0) stop += (double)length;
  start = isnan(start) ? (step < 0 ? high : low) : fmin(fmax(start, low), high);
  stop = isnan(stop) ? (step < 0 ? low : high) : fmin(fmax(stop, low), high);
  p->start[a] = (int64_t)start;
  p->step[a] = (int64_t)fmin(fmax(step, -1000), 1000); // no axis is that long
  // Not counted one by one: an axis beside one of length 0 may be as long as the limit.
  double span = step > 0 ? stop - start : start - stop;
  *taken = span > 0 ? (int64_t)floor((span - 1) / fabs(step)) + 1 : 0;
  return true;
}

static bool slice_of(model *out, const model *m, const double *args, int n, plan *p) {
  int indices = n / 4, taken = 0, dots = 0, ndim = 0, axis = 0;
  if (n % 4) return false;
  for (int i = 0; i < indices; i++) {
    double what = args[4 * i];
    if (what != 0 && what != 1 && what != 2 && what != 3) return false;
    taken += what < 2;
    dots += what == 3;
  }
  if (dots > 1 || taken > m->ndim) return false;
  int64_t shape[3 * 8 + GK_MAX_DIMS]; // more than any arguments here make
  for (int i = 0; i <= indices; i++) {
    int what = i < indices ? (int)args[4 * i] : 3;
    int whole = i < indices ? m->ndim - taken : dots ? 0 : m->ndim - axis;
    const double *range = args + 4 * i + 1;
    if (what == 2) {
      shape[ndim++] = 1;
    } else if (what == 3) {
      for (; whole > 0; whole--, axis++) {
        p->feed[axis] = ndim;
        shape[ndim++] = m->shape[axis];
      }
    } else if (what == 1) {
      if (!(floor(range[0]) == range[0]) || range[0] < -(double)m->shape[axis] ||
          range[0] >= (double)m->shape[axis])
        return false;
      p->feed[axis] = -1;
      p->start[axis] = (int64_t)(range[0] < 0 ? range[0] + (double)m->shape[axis] : range[0]);
      axis++;
    } else {
      if (!range_of(range, m->shape[axis], p, axis, &shape[ndim])) return false;
      p->feed[axis++] = ndim++;
    }
  }
  if (ndim > GK_MAX_DIMS) return false;
  out->ndim = ndim;
  for (int i = 0; i < ndim; i++) out->shape[i] = shape[i];
  return true;
}

// What the view must be: GK_OK, GK_UNSUPPORTED, or GK_ARGUMENT for any error at all.
static gk_status expect(model *out, const model *m, gk_view_kind kind, const double *args, int n,
                        uint8_t dtype) {
  int item = gk_dtypes[dtype].size;
  plan p;
  unsigned set;
  int from[GK_MAX_DIMS], ndim = m->ndim; // result axis i is axis from[i], or new where that is -1
  for (int i = 0; i < GK_MAX_DIMS; i++) {
    from[i] = i;
    p.start[i] = 0;
    p.step[i] = 1;
    p.feed[i] = -1;
  }
  out->ndim = -1; // not known yet
  switch (kind) {
  case GK_VIEW_ALIAS:
    if (n) return GK_ARGUMENT;
    break;
  case GK_VIEW_RESHAPE: {
    int unknown = -1;
    int64_t size = 1;
    if (!lengths_of(out, args, n, true)) return GK_ARGUMENT;
    for (int i = 0; i < n; i++)
      if (out->shape[i] == -1) {
        if (unknown >= 0) return GK_ARGUMENT;
        unknown = i;
        out->shape[i] = 1;
      }
    if (!count(out, item)) return GK_ARGUMENT;
    for (int i = 0; i < n; i++) size *= out->shape[i];
    if (unknown >= 0) {
      if (size == 0 || m->size % size) return GK_ARGUMENT;
      size *= out->shape[unknown] = m->size / size;
    }
    if (size != m->size) return GK_ARGUMENT;
    out->size = size;
    memcpy(out->map, m->map, sizeof out->map);
    return size == 0 || has_strides(out) ? GK_OK : GK_UNSUPPORTED;
  }
  case GK_VIEW_TRANSPOSE:
    if ((n && n != ndim) || !axes_of(args, n, ndim, &set)) return GK_ARGUMENT;
    for (int i = 0; i < ndim; i++) from[i] = n ? as_axis(args[i], ndim) : ndim - 1 - i;
    break;
  case GK_VIEW_SWAPAXES:
  case GK_VIEW_MOVEAXIS: {
    if (n != 2 || !is_axis(args[0], ndim) || !is_axis(args[1], ndim)) return GK_ARGUMENT;
    int a = as_axis(args[0], ndim), b = as_axis(args[1], ndim);
    // A move is a row of swaps of neighbours.
    int step = kind == GK_VIEW_SWAPAXES ? b - a : b > a ? 1 : -1;
    for (int i = a; i != b; i += step) {
      int kept = from[i];
      from[i] = from[i + step];
      from[i + step] = kept;
    }
    break;
  }
  case GK_VIEW_BROADCAST:
    if (!lengths_of(out, args, n, false) || n < ndim) return GK_ARGUMENT;
    for (int i = 0; i < ndim; i++) {
      int to = n - ndim + i;
      if (m->shape[i] != 1 && m->shape[i] != out->shape[to]) return GK_ARGUMENT;
      if (m->shape[i] != 1) p.feed[i] = to;
    }
    if (!count(out, item)) return GK_ARGUMENT;
    break;
  case GK_VIEW_SQUEEZE:
    if (!axes_of(args, n, ndim, &set)) return GK_ARGUMENT;
    out->ndim = 0;
    for (int i = 0; i < ndim; i++) {
      bool drop = n ? set >> i & 1 : m->shape[i] == 1;
      if (drop && m->shape[i] != 1) return GK_ARGUMENT;
      if (drop) continue;
      p.feed[i] = out->ndim;
      out->shape[out->ndim++] = m->shape[i];
    }
    break;
  case GK_VIEW_EXPAND:
    if (ndim + n > GK_MAX_DIMS || !axes_of(args, n, ndim + n, &set)) return GK_ARGUMENT;
    out->ndim = ndim + n;
    for (int i = 0, a = 0; i < out->ndim; i++) {
      out->shape[i] = set >> i & 1 ? 1 : m->shape[a];
      if (!(set >> i & 1)) p.feed[a++] = i;
    }
    break;
  case GK_VIEW_FLIP:
    if (!axes_of(args, n, ndim, &set)) return GK_ARGUMENT;
    for (int i = 0; i < ndim; i++) {
      if (n && !(set >> i & 1)) continue;
      p.start[i] = m->shape[i] - 1;
      p.step[i] = -1;
    }
    break;
  case GK_VIEW_SLICE:
    if (!slice_of(out, m, args, n, &p)) return GK_ARGUMENT;
    break;
  case GK_VIEW_DIAGONAL: {
    double offset = n ? args[0] : 0;
    if (n > 1 || ndim < 2 || !isfinite(offset) || floor(offset) != offset) return GK_ARGUMENT;
    out->ndim = ndim - 1;
    for (int i = 0; i < ndim - 2; i++) {
      p.feed[i] = i;
      out->shape[i] = m->shape[i];
    }
    int64_t length = 0, rows = m->shape[ndim - 2], columns = m->shape[ndim - 1];
    for (int64_t row = rows - 1; row >= 0; row--) {
      if ((double)row + offset < 0 || (double)row + offset >= (double)columns) continue;
      length++;
      p.start[ndim - 2] = row;
      p.start[ndim - 1] = row + (int64_t)offset;
    }
    p.feed[ndim - 2] = p.feed[ndim - 1] = ndim - 2;
    out->shape[ndim - 2] = length;
    break;
  }
  case GK_VIEW_REAL:
  case GK_VIEW_IMAG: // every element of the buffer is two
    if (n || dtype != GK_complex64) return GK_ARGUMENT;
    *out = *m;
    for (int64_t i = 0; i < m->size; i++)
      out->map[i] = (int16_t)(2 * m->map[i] + (kind == GK_VIEW_IMAG));
    return GK_OK;
  default:
    return GK_ARGUMENT;
  }
  if (out->ndim < 0) { // the same axes in another order
    out->ndim = ndim;
    for (int i = 0; i < ndim; i++) {
      out->shape[i] = m->shape[from[i]];
      p.feed[from[i]] = i;
    }
  }
  if (!count(out, item)) return GK_ARGUMENT;
  fill(out, m, &p);
  return GK_OK;
}

// ---- checks of a view against its model ------------------------------------------------------

// The element of the buffer at a place; -1 outside.
static int64_t element(const gk_view *v, int64_t place) {
  int64_t item = gk_dtypes[v->dtype].size, at = v->offset;
  for (int i = v->ndim - 1; i >= 0; i--) {
    at += place % v->shape[i] * v->strides[i] * item;
    place /= v->shape[i];
  }
  return at < 0 || at + item > storage.bytes || at % item ? -1 : at / item;
}

static void check_view(const gk_view *v, const model *m) {
  int64_t item = gk_dtypes[v->dtype].size;
  bool same = v->ndim == m->ndim && v->storage == &storage;
  for (int i = 0; same && i < m->ndim; i++) same = v->shape[i] == m->shape[i];
  EXPECT(same, "the shape is not the model's");
  if (!same) return;
  if (m->size < 0) { // too many to list: only the corners
    int64_t low = v->offset, high = v->offset, size = 1;
    for (int i = 0; i < v->ndim; i++) {
      int64_t reach = (v->shape[i] - 1) * v->strides[i] * item;
      if (reach < 0)
        low += reach;
      else
        high += reach;
      size *= v->shape[i];
    }
    EXPECT(low >= 0 && high + item <= storage.bytes, "a corner lies outside the storage");
    EXPECT(size == v->size && !v->contiguous, "size or flag of a large view");
    return;
  }
  EXPECT(v->size == m->size, "size %lld", (long long)v->size);
  EXPECT(v->offset >= 0 && v->offset <= storage.bytes, "offset %lld", (long long)v->offset);
  bool equal = true, dense = true, seen[2 * BUFFER] = {false}, repeats = false;
  for (int64_t i = 0; i < m->size; i++) {
    int64_t at = element(v, i);
    equal = equal && at == m->map[i];
    dense = dense && m->map[i] == m->map[0] + i;
    repeats = repeats || seen[m->map[i]];
    seen[m->map[i]] = true;
  }
  EXPECT(equal, "the elements are not the model's");
  EXPECT(v->contiguous == dense, "the contiguous flag");
  EXPECT(gk_view_repeats(v) == repeats, "gk_view_repeats");
}

// Exact for so small views, also where the other has elements of another size.
static void check_overlap(const pair *a, const pair *b) {
  static const uint8_t of_size[] = {GK_int8, GK_int16, GK_float32, GK_complex64};
  gk_view other = b->view;
  int64_t item = gk_dtypes[a->view.dtype].size, other_item = gk_dtypes[other.dtype].size;
  int64_t size = other_item;
  bool bytes[BUFFER * 8] = {false}, shared = false;
  if (a->model.size < 0 || b->model.size < 0) return;
  // Seen as two elements of half their size, of which the second is left out; contiguous
  // flags do not matter here.
  if (other_item > 1 && test_below(2)) {
    size = other_item / 2;
    other.dtype = of_size[size == 1 ? 0 : size == 2 ? 1 : 2];
    for (int i = 0; i < other.ndim; i++) other.strides[i] *= 2;
    other.offset += test_below(2) * size;
  }
  for (int64_t i = 0; i < a->model.size; i++)
    for (int64_t j = 0; j < item; j++) bytes[a->model.map[i] * item + j] = true;
  for (int64_t i = 0; i < b->model.size; i++)
    for (int64_t j = 0; j < size; j++)
      shared = shared || bytes[b->model.map[i] * other_item + (other.offset - b->view.offset) + j];
  EXPECT(gk_views_overlap(&a->view, &other) == shared, "overlap is not %d", shared);
  EXPECT(gk_views_overlap(&other, &a->view) == shared, "turned round, overlap is not %d", shared);
}

// ---- random views ----------------------------------------------------------------------------

static double wild(void) {
  static const double numbers[] = {NAN,  INFINITY, -INFINITY,       0.5,     -1.5, 1e300,  -1e300,
                                   -0.0, 0x1p31,   -0x1p31,         0x1p32,  8,    0x1p53, -0x1p53,
                                   -1,   0x1p54,   0x1.0p63,        -0x1p63, 7,    0x1p64, 1e-300,
                                   9,    0x1p26,   0x1.fffffffep52, 5e-324,  -9,   0x1p51, 0};
  return numbers[test_below((int64_t)(sizeof numbers / sizeof *numbers))];
}

// `wildness` in 256: how often a number is not what fits.
static double number(int64_t low, int64_t high, int wildness) {
  if (test_below(256) < wildness) return wild();
  return (double)(low + test_below(high - low + 1));
}

// A contiguous view of 0 to 8 axes, with a model.
static void fresh(pair *p, uint8_t dtype) {
  int64_t size = 1, item = gk_dtypes[dtype].size;
  p->model.ndim = (int)test_below(test_below(4) ? 5 : GK_MAX_DIMS + 1);
  for (int i = 0; i < p->model.ndim; i++) {
    int64_t most = BUFFER / size < 6 ? BUFFER / size : 6;
    p->model.shape[i] = test_below(16) ? 1 + test_below(most) : 0;
    if (p->model.shape[i]) size *= p->model.shape[i];
  }
  p->view = test_view(&storage, buffer, dtype, p->model.ndim, p->model.shape);
  storage.bytes = BUFFER * item;
  int64_t skipped = test_below(BUFFER - size + 1);
  p->view.offset = skipped * item;
  count(&p->model, 1);
  for (int i = 0; i < p->model.size; i++) p->model.map[i] = (int16_t)(skipped + i);
  check_view(&p->view, &p->model);
}

// Distinct axes of `ndim`, in any spelling; returns how many.
static int some_axes(double *args, int ndim, int many, int wildness) {
  int order[GK_MAX_DIMS];
  for (int i = 0; i < ndim; i++) order[i] = i;
  for (int i = 0; i < many && i < ndim; i++) {
    int j = i + (int)test_below(ndim - i), kept = order[i];
    order[i] = order[j];
    order[j] = kept;
    args[i] = test_below(256) < wildness ? wild() : order[i] - (test_below(2) ? ndim : 0);
  }
  for (int i = ndim; i < many; i++) args[i] = wild();
  return many;
}

static int random_arguments(double *args, gk_view_kind kind, const model *m, int wildness) {
  int ndim = m->ndim, n = 0;
  switch (kind) {
  case GK_VIEW_RESHAPE: {
    int64_t left = m->size;
    while (n < GK_MAX_DIMS - 1 && test_below(5)) {
      int64_t length = 1 + test_below(6);
      if (left % length) continue;
      left /= left ? length : 1;
      args[n++] = number(length, length, wildness);
    }
    args[n++] = test_below(2) ? -1 : (double)left;
    if (test_below(2)) { // the last one first
      double kept = args[0];
      args[0] = args[n - 1];
      args[n - 1] = kept;
    }
    return n;
  }
  case GK_VIEW_TRANSPOSE:
    return test_below(3) ? some_axes(args, ndim, ndim, wildness) : 0;
  case GK_VIEW_BROADCAST: {
    int added = (int)test_below(GK_MAX_DIMS - ndim + 1);
    for (; n < added; n++) args[n] = number(1, test_below(3) ? 1 : 4, wildness);
    for (int i = 0; i < ndim; i++, n++) {
      bool one = m->shape[i] == 1 && test_below(2);
      args[n] = number(one ? 0 : m->shape[i], one ? 4 : m->shape[i], wildness);
    }
    return n;
  }
  case GK_VIEW_SQUEEZE:
    if (test_below(4) == 0) return 0;
    for (int i = 0; i < ndim; i++)
      if (m->shape[i] == 1 && test_below(2)) args[n++] = i - (test_below(2) ? ndim : 0);
    if (test_below(256) < wildness) args[n++] = wild();
    return n;
  case GK_VIEW_EXPAND:
    n = (int)test_below(3);
    return some_axes(args, ndim + n > GK_MAX_DIMS ? GK_MAX_DIMS : ndim + n, n, wildness);
  case GK_VIEW_FLIP:
    return some_axes(args, ndim, (int)test_below(ndim + 1), wildness);
  case GK_VIEW_SLICE: {
    int axis = 0, places = 0, dots = 0;
    while (axis < ndim && places < 7 && test_below(6)) {
      double *group = args + 4 * places++;
      int what = (int)test_below(10);
      for (int i = 0; i < 4; i++) group[i] = NAN;
      if (what == 0) {
        group[0] = 2;
      } else if (what == 1 && (!dots || test_below(256) < wildness)) {
        group[0] = 3;
        dots = 1;
        axis += (int)test_below(ndim - axis + 1);
      } else {
        int64_t length = m->shape[axis++];
        group[0] = what == 2;
        if (what == 2)
          group[1] = number(-length, length ? length - 1 : 0, wildness);
        else
          for (int i = 1; i < 4; i++)
            if (test_below(2)) group[i] = number(-length - 1, length + 1, wildness);
      }
      if (test_below(512) < wildness) group[0] = wild();
    }
    return 4 * places + (test_below(512) < wildness);
  }
  case GK_VIEW_SWAPAXES:
  case GK_VIEW_MOVEAXIS:
    for (; n < 2; n++) args[n] = number(-ndim, ndim ? ndim - 1 : 0, wildness);
    return n;
  case GK_VIEW_DIAGONAL:
    args[0] = number(-4, 4, wildness);
    return 1;
  default:
    return test_below(256) < wildness;
  }
}

// Small enough for the model's loops along an axis, which a view of no elements can have long.
static bool is_small(const model *m) {
  bool small = m->size >= 0;
  for (int i = 0; i < m->ndim; i++) small = small && m->shape[i] <= PLACES;
  return small;
}

// One step: the view takes the place of `p` where it was made.
static void step(pair *p, int wildness) {
  double args[40] = {0};
  char message[40 + 200];
  gk_view_kind kind = (gk_view_kind)test_below(GK_VIEW_IMAG + 1);
  int n = random_arguments(args, kind, &p->model, wildness);
  if (test_below(1024) < wildness) n = (int)test_below(12);
  int room = test_below(8) ? 200 : (int)test_below(40);
  pair next;
  gk_view before = p->view;
  gk_status wanted = expect(&next.model, &p->model, kind, args, n, before.dtype);
  memset(message, 'x', sizeof message);
  next.view = before;
  // Also in place, as a caller may.
  gk_view *from = test_below(2) ? &before : &next.view;
  gk_status got = gk_view_apply(&next.view, from, kind, args, n, message, room);
  if (got == GK_ARGUMENT || got == GK_SHAPE || got == GK_INDEX || got == GK_DTYPE ||
      got == GK_UNSUPPORTED) {
    EXPECT(wanted == (got == GK_UNSUPPORTED ? got : GK_ARGUMENT), "kind %d: %d instead of %d (%s)",
           kind, got, wanted, message);
    EXPECT(room == 0 || (memchr(message, 0, (size_t)room) && (room == 1 || message[0])),
           "no message");
    EXPECT(message[room] == 'x', "the message is too long");
    EXPECT(!memcmp(&next.view, &p->view, sizeof next.view), "the result was touched");
    return;
  }
  EXPECT(got == GK_OK && wanted == GK_OK, "kind %d: %d instead of %d", kind, got, wanted);
  if (got != GK_OK || wanted != GK_OK) return;
  check_view(&next.view, &next.model);
  if (is_small(&next.model)) *p = next;
}

// A view of no elements with lengths that go to the limit.
static void vast(gk_view *v) {
  int bits = 50; // of bytes, to share out
  v->ndim = (uint8_t)(1 + test_below(GK_MAX_DIMS));
  for (int i = 0; i < v->ndim; i++) {
    int own = (int)test_below(bits + 1);
    v->shape[i] = (int64_t)1 << own;
    bits -= own;
  }
  v->shape[test_below(v->ndim)] = 0;
  gk_view_make_contiguous(v);
}

// One step without a model, so that views of astronomic lengths take part: nothing reaches outside
// the storage, and no arithmetic overflows.
static void step_blind(gk_view *v, int wildness) {
  double args[40] = {0};
  model m = {.ndim = v->ndim, .size = v->size};
  memcpy(m.shape, v->shape, sizeof m.shape);
  gk_view_kind kind = (gk_view_kind)test_below(GK_VIEW_IMAG + 1);
  int n = random_arguments(args, kind, &m, wildness);
  if (gk_view_apply(v, v, kind, args, n, NULL, 0)) return;
  int64_t item = gk_dtypes[v->dtype].size, low = v->offset, high = v->offset, size = 1;
  for (int i = 0; i < v->ndim; i++) {
    int64_t reach = (v->shape[i] - 1) * v->strides[i] * item;
    if (reach < 0)
      low += reach;
    else
      high += reach;
    size *= v->shape[i];
  }
  EXPECT(size == v->size && size <= (int64_t)1 << 53, "size %lld", (long long)v->size);
  if (size)
    EXPECT(low >= 0 && high + item <= storage.bytes, "a corner lies outside the storage");
  else
    EXPECT(v->offset >= 0 && v->offset <= storage.bytes, "offset %lld", (long long)v->offset);
  int64_t shape[GK_MAX_DIMS];
  int ndim = 0;
  gk_view wide;
  gk_loop loop;
  EXPECT(gk_broadcast_shape(shape, &ndim, v) && gk_broadcast_view(&wide, v, shape, ndim),
         "does not broadcast to its own shape");
  gk_loop_build(&loop, 2, (const gk_view *[]){v, &wide});
  gk_views_overlap(v, &wide);
}

// ---- broadcasting and loops --------------------------------------------------------------------

// Broadcasts views together by the model's rules, checks what view.c makes of it and walks the
// loop.
static void check_loop(const pair *const *pairs, int many) {
  int64_t shape[GK_MAX_DIMS];
  int ndim = 0, wide = 0;
  bool fits = true, got = true;
  model all = {0};
  for (int i = 0; i < many; i++)
    if (pairs[i]->model.ndim > wide) wide = pairs[i]->model.ndim;
  all.ndim = wide;
  for (int axis = 0; axis < wide; axis++) {
    all.shape[axis] = 1;
    for (int i = 0; i < many; i++) {
      int own = axis - wide + pairs[i]->model.ndim;
      int64_t length = own < 0 ? 1 : pairs[i]->model.shape[own];
      if (length == 1) continue;
      if (all.shape[axis] != 1 && all.shape[axis] != length) fits = false;
      all.shape[axis] = length;
    }
  }
  for (int i = 0; got && i < many; i++) got = gk_broadcast_shape(shape, &ndim, &pairs[i]->view);
  EXPECT(got == fits, "broadcast fits: %d", got);
  if (!got || !fits) return;
  EXPECT(ndim == wide && !memcmp(shape, all.shape, (size_t)ndim * sizeof *shape), "wrong shape");
  if (!count(&all, 8) || all.size < 0) return;

  static pair wider[4];
  const gk_view *views[4];
  for (int i = 0; i < many; i++) {
    double args[GK_MAX_DIMS];
    for (int j = 0; j < ndim; j++) args[j] = (double)shape[j];
    expect(&wider[i].model, &pairs[i]->model, GK_VIEW_BROADCAST, args, ndim, GK_bool);
    EXPECT(gk_broadcast_view(&wider[i].view, &pairs[i]->view, shape, ndim), "does not broadcast");
    check_view(&wider[i].view, &wider[i].model);
    views[i] = i && test_below(8) == 0 ? NULL : &wider[i].view;
  }
  gk_loop loop;
  memset(&loop, 0x77, sizeof loop);
  gk_loop_build(&loop, many, views);
  int64_t size = 1;
  for (int i = 0; i < loop.ndim; i++) {
    size *= loop.shape[i];
    EXPECT(loop.shape[i] != 1 || loop.ndim == 1, "an axis of length 1 stays");
    bool merges = i > 0;
    for (int j = 0; merges && j < many; j++)
      merges = loop.strides[j][i - 1] == loop.strides[j][i] * loop.shape[i];
    EXPECT(!merges, "axes %d and %d were not merged", i - 1, i);
  }
  EXPECT(size == all.size, "the loop has %lld places", (long long)size);
  if (size != all.size) return;
  for (int j = 0; j < many; j++) {
    bool equal = true;
    for (int64_t place = 0; place < size; place++) {
      int64_t rest = place, at = 0;
      for (int i = loop.ndim - 1; i >= 0; i--) {
        at += rest % loop.shape[i] * loop.strides[j][i];
        rest /= loop.shape[i];
      }
      if (views[j]) at += views[j]->offset / gk_dtypes[views[j]->dtype].size;
      equal = equal && at == (views[j] ? wider[j].model.map[place] : 0);
    }
    EXPECT(equal, "the loop visits other elements of operand %d", j);
  }
}

// A pair that often broadcasts with `p`: p with leading axes dropped and others cut to length 1.
static void relative(pair *out, const pair *p) {
  double args[4 * GK_MAX_DIMS];
  int n = 0, dropped = test_below(2) ? 0 : (int)test_below(p->model.ndim + 1);
  *out = *p;
  for (int i = 0; i < p->model.ndim; i++) {
    int64_t length = p->model.shape[i], at = length ? test_below(length) : 0;
    args[n++] = i < dropped && length;
    args[n] = args[n + 1] = args[n + 2] = NAN;
    if (i < dropped || (length && test_below(3) == 0)) {
      args[n] = (double)at;
      args[n + 1] = (double)at + 1;
    } else if (test_below(4) == 0) {
      args[n + 2] = -1;
    }
    n += 3;
  }
  if (gk_view_apply(&out->view, &p->view, GK_VIEW_SLICE, args, n, NULL, 0) == GK_OK)
    expect(&out->model, &p->model, GK_VIEW_SLICE, args, n, GK_bool);
}

int main(int argc, char **argv) {
  int64_t iterations = 200000;
  if (!test_arguments(argc, argv, &iterations)) return 2;
  static const uint8_t dtypes[] = {GK_bool, GK_int16, GK_float32, GK_float64, GK_complex64};
  static pair chain[6], cousins[4];
  for (iteration = 0; iteration < iterations;) {
    uint8_t dtype = dtypes[test_below(5)];
    int wildness = test_below(2) ? 0 : 1 << test_below(8);
    fresh(&chain[0], dtype);
    fresh(&chain[1], dtype);
    gk_view blind = chain[0].view;
    if (test_below(2)) vast(&blind);
    for (int i = 2; i < 6; i++) chain[i] = chain[test_below(2)];
    // All grow from two bases by steps of their own.
    for (int i = 0; i < 24 && iteration < iterations; i++, iteration++) {
      pair *p = &chain[test_below(6)];
      step(p, wildness);
      step_blind(&blind, wildness);
      check_overlap(p, &chain[test_below(6)]);
      const pair *operands[4];
      int many = 1 + (int)test_below(4);
      for (int j = 0; j < many; j++) {
        relative(&cousins[j], p);
        operands[j] = test_below(16) ? &cousins[j] : &chain[test_below(6)];
      }
      check_loop(operands, many);
    }
  }
  return test_done();
}
