// Shapes, strides and offsets: what view.h declares. Two invariants keep all arithmetic here free
// of overflow: the lengths of a view other than 0 multiply to at most 2^53 (and so do its bytes),
// and the elements that strides reach, summed over all axes, stay far below 2^60. Strides of axes
// of length 0 or 1 mean nothing and are never looked at.
#include "view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LIMIT ((int64_t)1 << 53)
#define TOO_LARGE ((int64_t)1 << 58) // a size that no device has; times 16 it still is an int64

// ---- shapes ------------------------------------------------------------------------

// The product of the lengths that are not 0, or TOO_LARGE where it is above 2^53.
static int64_t shape_extent(const int64_t *shape, int ndim) {
  int64_t extent = 1;
  for (int i = 0; i < ndim; i++) {
    if (shape[i] == 0) continue;
    if (__builtin_mul_overflow(extent, shape[i], &extent) || extent > LIMIT) return TOO_LARGE;
  }
  return extent;
}

void gk_view_make_contiguous(gk_view *v) {
  int64_t extent = 1;
  bool empty = false;
  for (int i = v->ndim - 1; i >= 0; i--) {
    v->strides[i] = extent;
    if (v->shape[i] == 0)
      empty = true;
    else if (__builtin_mul_overflow(extent, v->shape[i], &extent) || extent > LIMIT)
      extent = TOO_LARGE;
  }
  v->size = empty ? 0 : extent;
  v->contiguous = true;
}

void gk_view_update_contiguous(gk_view *v) {
  int64_t extent = 1;
  bool dense = true, empty = false;
  for (int i = v->ndim - 1; i >= 0; i--) {
    if (v->shape[i] == 1) continue;
    if (v->shape[i] == 0) empty = true;
    if (v->strides[i] != extent) dense = false;
    if (dense) extent *= v->shape[i];
  }
  v->contiguous = dense || empty;
}

char *gk_shape_text(char *buffer, int bytes, const int64_t *shape, int ndim) {
  if (bytes <= 0) return buffer;
  int at = snprintf(buffer, (size_t)bytes, "[");
  for (int i = 0; i < ndim && at < bytes; i++)
    at += snprintf(buffer + at, (size_t)(bytes - at), i ? ", %lld" : "%lld", (long long)shape[i]);
  if (at < bytes) snprintf(buffer + at, (size_t)(bytes - at), "]");
  return buffer;
}

// ---- broadcasting and loops ------------------------------------------------------------

bool gk_broadcast_shape(int64_t *shape, int *ndim, const gk_view *b) {
  int old = *ndim, wide = old > b->ndim ? old : b->ndim;
  int64_t result[GK_MAX_DIMS]; // so that a failure leaves `shape` as it was
  if (wide > GK_MAX_DIMS) return false;
  for (int i = 1; i <= wide; i++) {
    int64_t x = i <= old ? shape[old - i] : 1;
    int64_t y = i <= b->ndim ? b->shape[b->ndim - i] : 1;
    if (x != y && x != 1 && y != 1) return false;
    result[wide - i] = x == 1 ? y : x;
  }
  for (int i = 0; i < wide; i++) shape[i] = result[i];
  *ndim = wide;
  return true;
}

bool gk_broadcast_view(gk_view *out, const gk_view *v, const int64_t *shape, int ndim) {
  int added = ndim - v->ndim;
  if (added < 0 || ndim > GK_MAX_DIMS) return false;
  int64_t extent = 1, strides[GK_MAX_DIMS];
  bool dense = true, empty = false;
  for (int i = ndim - 1; i >= 0; i--) {
    int64_t length = shape[i], own = i >= added ? v->shape[i - added] : 1;
    strides[i] = own == 1 ? 0 : v->strides[i - added];
    if (own != length && own != 1) return false;
    if (length == 1) continue;
    if (strides[i] != extent) dense = false;
    if (length == 0)
      empty = true;
    else if (__builtin_mul_overflow(extent, length, &extent) || extent > LIMIT)
      return false;
  }
  if (extent * gk_dtypes[v->dtype].size > LIMIT) return false;
  out->storage = v->storage;
  out->offset = v->offset;
  out->size = empty ? 0 : extent;
  out->dtype = v->dtype;
  out->ndim = (uint8_t)ndim;
  out->contiguous = dense || empty;
  for (int i = 0; i < ndim; i++) {
    out->shape[i] = shape[i];
    out->strides[i] = strides[i];
  }
  return true;
}

void gk_loop_build(gk_loop *loop, int count, const gk_view *const *views) {
  const gk_view *first = NULL;
  for (int i = count - 1; i >= 0; i--)
    if (views[i]) first = views[i];
  int ndim = first ? first->ndim : 0, last = -1; // `last`: the loop's innermost axis so far
  for (int axis = 0; axis < ndim; axis++) {
    int64_t length = first->shape[axis];
    if (length == 1) continue;
    if (length == 0) {
      loop->shape[0] = last = 0;
      for (int i = 0; i < count; i++) loop->strides[i][0] = 0;
      break;
    }
    bool merge = last >= 0;
    for (int i = 0; merge && i < count; i++)
      merge = !views[i] || loop->strides[i][last] == views[i]->strides[axis] * length;
    if (merge)
      loop->shape[last] *= length;
    else
      loop->shape[++last] = length;
    for (int i = 0; i < count; i++) loop->strides[i][last] = views[i] ? views[i]->strides[axis] : 0;
  }
  if (last < 0) { // one element
    loop->shape[last = 0] = 1;
    for (int i = 0; i < count; i++) loop->strides[i][0] = 0;
  }
  loop->ndim = last + 1;
}

// ---- sharing of elements -----------------------------------------------------------------

bool gk_view_repeats(const gk_view *v) {
  // Only broadcasting makes an element appear twice, with stride 0; no other kind of view
  // adds places.
  if (v->size == 0) return false;
  for (int i = 0; i < v->ndim; i++)
    if (v->shape[i] > 1 && v->strides[i] == 0) return true;
  return false;
}

// Is there a sum of step[i] * x[i], 0 <= x[i] <= most[i], that is `target`? Steps are positive and
// descend; reach[i] is the largest sum and divisor[i] the common divisor of terms i and on.
#define MAX_TERMS (2 * GK_MAX_DIMS + 1)
typedef struct sums {
  int count;
  int work; // steps until the search gives up and says yes
  int64_t step[MAX_TERMS], most[MAX_TERMS], reach[MAX_TERMS + 1], divisor[MAX_TERMS];
} sums;

static void sums_add(sums *s, int64_t step, int64_t most) {
  int i = 0;
  if (most == 0 || step == 0) return;
  while (i < s->count && s->step[i] > step) i++;
  if (i < s->count && s->step[i] == step) {
    s->most[i] += most;
    return;
  }
  for (int j = s->count++; j > i; j--) {
    s->step[j] = s->step[j - 1];
    s->most[j] = s->most[j - 1];
  }
  s->step[i] = step;
  s->most[i] = most;
}

static bool sums_reach(sums *s, int i, int64_t target) {
  if (target == 0) return true;
  if (i == s->count || target > s->reach[i] || target % s->divisor[i] != 0) return false;
  int64_t step = s->step[i], x = target / step, rest = target - s->reach[i + 1];
  if (x > s->most[i]) x = s->most[i];
  for (; x >= 0 && x * step >= rest; x--) {
    if (--s->work < 0) return true;
    if (sums_reach(s, i + 1, target - x * step)) return true;
  }
  return false;
}

// Adds the view's axes in bytes and returns the offset of its lowest byte, or of its highest.
static int64_t sums_add_view(sums *s, const gk_view *v, bool highest) {
  int64_t bytes = gk_dtypes[v->dtype].size, at = v->offset + (highest ? bytes - 1 : 0);
  for (int i = 0; i < v->ndim; i++) {
    int64_t most = v->shape[i] - 1, step = v->strides[i] * bytes;
    if (most == 0) continue;
    if ((step > 0) == highest) at += step * most;
    sums_add(s, step < 0 ? -step : step, most);
  }
  return at;
}

bool gk_views_overlap(const gk_view *a, const gk_view *b) {
  if (a->storage != b->storage || a->size == 0 || b->size == 0) return false;
  // A byte of a is its lowest byte plus steps, one of b its highest byte minus steps. They are
  // the same where all these steps sum to the distance.
  sums s = {.count = 0, .work = 1000};
  int64_t low = sums_add_view(&s, a, false), high = sums_add_view(&s, b, true);
  sums_add(&s, 1, gk_dtypes[a->dtype].size - 1 + gk_dtypes[b->dtype].size - 1);
  if (high < low) return false;
  s.reach[s.count] = 0;
  int64_t divisor = 0;
  for (int i = s.count - 1; i >= 0; i--) {
    s.reach[i] = s.reach[i + 1] + s.step[i] * s.most[i];
    for (int64_t x = s.step[i], rest; x; x = rest) {
      rest = divisor % x;
      divisor = x;
    }
    s.divisor[i] = divisor;
  }
  return sums_reach(&s, 0, high - low);
}

// ---- kinds of views ------------------------------------------------------------------------

// One call of gk_view_apply: `to` starts as a copy of the given view.
typedef struct request {
  gk_view *to;
  const double *args;
  int count;
  char *message;
  size_t message_bytes;
} request;

__attribute__((format(printf, 2, 3))) static void say(const request *r, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(r->message, r->message_bytes, format, arguments);
  va_end(arguments);
}
// A macro, so that compilers see that the result is not GK_OK.
#define fail(r, status, ...) (say(r, __VA_ARGS__), (status))

#define SHAPE_TEXT_BYTES 192 // 8 lengths of 19 digits and what is between them
#define SHAPE_TEXT(shape, ndim)                                                                    \
  gk_shape_text((char[SHAPE_TEXT_BYTES]){0}, SHAPE_TEXT_BYTES, shape, ndim)
#define NUMBER_TEXT(x) number_text((char[32]){0}, 32, x)
#define PLURAL(n) ((n) == 1 ? "" : "s")

static const char *number_text(char *buffer, size_t bytes, double x) {
  if (x != x) return "NaN";
  if (x - x != 0) return x > 0 ? "Infinity" : "-Infinity";
  snprintf(buffer, bytes, "%.16g", x);
  return buffer;
}

static bool is_integer(double x) {
  if (x >= -(double)LIMIT && x <= (double)LIMIT) return (double)(int64_t)x == x;
  return x - x == 0; // a finite double beyond 2^53 has no fraction
}

// Held within 2^54, where it is out of range of every axis.
static int64_t to_integer(double x) {
  if (x > 2.0 * LIMIT) return 2 * LIMIT;
  if (x < -2.0 * LIMIT) return -2 * LIMIT;
  return (int64_t)x;
}

static gk_status read_axis(const request *r, double x, int ndim, int *axis) {
  if (!is_integer(x)) return fail(r, GK_ARGUMENT, "axis %s is not an integer", NUMBER_TEXT(x));
  int64_t i = to_integer(x);
  if (i < -ndim || i >= ndim)
    return fail(r, GK_SHAPE, "axis %s is out of range for %d dimension%s", NUMBER_TEXT(x), ndim,
                PLURAL(ndim));
  *axis = (int)(i < 0 ? i + ndim : i);
  return GK_OK;
}

// All arguments are axes of `ndim`, none twice. `axes` may be NULL; `set` gets their bits.
static gk_status read_axes(const request *r, int ndim, int *axes, uint32_t *set) {
  *set = 0;
  for (int i = 0; i < r->count; i++) {
    int axis;
    gk_status status = read_axis(r, r->args[i], ndim, &axis);
    if (status) return status;
    if (*set >> axis & 1) return fail(r, GK_SHAPE, "axis %d is given twice", axis);
    *set |= 1u << axis;
    if (axes) axes[i] = axis;
  }
  return GK_OK;
}

// All arguments are lengths; one may be -1 where `unknown` is given, which gets its place or -1.
static gk_status read_shape(const request *r, int64_t *shape, int *unknown) {
  if (r->count > GK_MAX_DIMS)
    return fail(r, GK_SHAPE, "%d dimensions are too many, at most %d are possible", r->count,
                GK_MAX_DIMS);
  if (unknown) *unknown = -1;
  for (int i = 0; i < r->count; i++) {
    double x = r->args[i];
    if (!is_integer(x))
      return fail(r, GK_ARGUMENT, "length %s of axis %d is not an integer", NUMBER_TEXT(x), i);
    shape[i] = to_integer(x);
    if (unknown && shape[i] == -1) {
      if (*unknown >= 0) return fail(r, GK_SHAPE, "only one length can be -1");
      *unknown = i;
      shape[i] = 1; // stands in until it is known
    } else if (shape[i] < 0) {
      return fail(r, GK_SHAPE, "length %s of axis %d is negative", NUMBER_TEXT(x), i);
    } else if (shape[i] > LIMIT) {
      return fail(r, GK_SHAPE, "length %s of axis %d is more than 2^53", NUMBER_TEXT(x), i);
    }
  }
  if (shape_extent(shape, r->count) > LIMIT / gk_dtypes[r->to->dtype].size)
    return fail(r, GK_SHAPE, "shape %s has more than 2^53 bytes", SHAPE_TEXT(shape, r->count));
  return GK_OK;
}

static gk_status view_alias(const request *r) {
  (void)r;
  return GK_OK;
}

// The strides that show v's elements, which are not none, in a shape of as many: false where there
// are none such. Neighbouring axes of v that one stride can walk make a block, and new
// axes must fill block after block.
static bool reshape_strides(const gk_view *v, const int64_t *shape, int ndim, int64_t *strides) {
  int axis = v->ndim;
  int64_t left = 1,
          stride = 1; // of the block: elements not yet given to a new axis; the next stride
  for (int i = ndim - 1; i >= 0; i--) {
    if (left == 1 && shape[i] != 1) {
      int64_t next = 0; // the stride with which the block would go on
      for (; axis > 0; axis--) {
        int64_t length = v->shape[axis - 1], own = v->strides[axis - 1];
        if (length == 1) continue;
        if (left == 1)
          stride = own;
        else if (own != next)
          break;
        left *= length;
        next = own * length;
      }
    }
    if (left % shape[i] != 0) return false;
    strides[i] = stride;
    stride *= shape[i];
    left /= shape[i];
  }
  return true;
}

static gk_status view_reshape(const request *r) {
  gk_view *v = r->to;
  int64_t shape[GK_MAX_DIMS];
  int unknown;
  gk_status status = read_shape(r, shape, &unknown);
  if (status) return status;
  int64_t size = 1;
  for (int i = 0; i < r->count; i++) size *= shape[i];
  bool fits = size == v->size;
  if (unknown >= 0) {
    fits = size != 0 && v->size % size == 0;
    shape[unknown] = fits ? v->size / size : -1;
  }
  if (!fits)
    return fail(r, GK_SHAPE, "%s has %lld element%s and cannot become %s",
                SHAPE_TEXT(v->shape, v->ndim), (long long)v->size, PLURAL(v->size),
                SHAPE_TEXT(shape, r->count));
  int64_t strides[GK_MAX_DIMS];
  bool dense = v->contiguous;
  if (!dense && !reshape_strides(v, shape, r->count, strides))
    return fail(r, GK_UNSUPPORTED, "%s cannot become %s without a copy",
                SHAPE_TEXT(v->shape, v->ndim), SHAPE_TEXT(shape, r->count));
  v->ndim = (uint8_t)r->count;
  for (int i = 0; i < v->ndim; i++) {
    v->shape[i] = shape[i];
    if (!dense) v->strides[i] = strides[i];
  }
  if (dense) gk_view_make_contiguous(v);
  return GK_OK;
}

// Axis i of the result is axis order[i] of what `v` was.
static void permute(gk_view *v, const int *order) {
  gk_view old = *v;
  for (int i = 0; i < v->ndim; i++) {
    v->shape[i] = old.shape[order[i]];
    v->strides[i] = old.strides[order[i]];
  }
}

static gk_status view_transpose(const request *r) {
  gk_view *v = r->to;
  int order[GK_MAX_DIMS];
  uint32_t set;
  if (r->count != 0 && r->count != v->ndim)
    return fail(r, GK_SHAPE, "%d ax%ss given for %d dimension%s", r->count,
                r->count == 1 ? "i" : "e", v->ndim, PLURAL(v->ndim));
  gk_status status = read_axes(r, v->ndim, order, &set);
  if (status) return status;
  if (r->count == 0)
    for (int i = 0; i < v->ndim; i++) order[i] = v->ndim - 1 - i;
  permute(v, order);
  return GK_OK;
}

static gk_status view_swapaxes(const request *r) {
  int order[GK_MAX_DIMS], a, b;
  gk_status status = read_axis(r, r->args[0], r->to->ndim, &a);
  if (!status) status = read_axis(r, r->args[1], r->to->ndim, &b);
  if (status) return status;
  for (int i = 0; i < r->to->ndim; i++) order[i] = i;
  order[a] = b;
  order[b] = a;
  permute(r->to, order);
  return GK_OK;
}

static gk_status view_moveaxis(const request *r) {
  int order[GK_MAX_DIMS], from, to;
  gk_status status = read_axis(r, r->args[0], r->to->ndim, &from);
  if (!status) status = read_axis(r, r->args[1], r->to->ndim, &to);
  if (status) return status;
  for (int i = 0, next = 0; i < r->to->ndim; i++) {
    if (next == from) next++;
    order[i] = i == to ? from : next++;
  }
  permute(r->to, order);
  return GK_OK;
}

static gk_status view_broadcast(const request *r) {
  int64_t shape[GK_MAX_DIMS];
  gk_status status = read_shape(r, shape, NULL);
  if (status) return status;
  if (!gk_broadcast_view(r->to, r->to, shape, r->count))
    return fail(r, GK_SHAPE, "%s does not broadcast to %s", SHAPE_TEXT(r->to->shape, r->to->ndim),
                SHAPE_TEXT(shape, r->count));
  return GK_OK;
}

static gk_status view_squeeze(const request *r) {
  gk_view *v = r->to;
  uint32_t set;
  gk_status status = read_axes(r, v->ndim, NULL, &set);
  if (status) return status;
  int kept = 0;
  for (int i = 0; i < v->ndim; i++) {
    bool asked = set >> i & 1;
    if (asked && v->shape[i] != 1)
      return fail(r, GK_SHAPE, "axis %d of %s has length %lld, only length 1 can be dropped", i,
                  SHAPE_TEXT(r->to->shape, v->ndim), (long long)v->shape[i]);
  }
  for (int i = 0; i < v->ndim; i++) {
    if (r->count == 0 ? v->shape[i] == 1 : set >> i & 1) continue;
    v->shape[kept] = v->shape[i];
    v->strides[kept++] = v->strides[i];
  }
  v->ndim = (uint8_t)kept;
  return GK_OK;
}

static gk_status too_many_dimensions(const request *r, int ndim) {
  return fail(r, GK_SHAPE, "the result would have %d dimensions, at most %d are possible", ndim,
              GK_MAX_DIMS);
}

static gk_status view_expand(const request *r) {
  gk_view *v = r->to, old = *v;
  if (r->count > GK_MAX_DIMS - old.ndim) return too_many_dimensions(r, old.ndim + r->count);
  int ndim = old.ndim + r->count;
  uint32_t set;
  gk_status status = read_axes(r, ndim, NULL, &set);
  if (status) return status;
  for (int i = 0, from = 0; i < ndim; i++) {
    bool added = set >> i & 1;
    v->shape[i] = added ? 1 : old.shape[from];
    v->strides[i] = added ? 0 : old.strides[from++];
  }
  v->ndim = (uint8_t)ndim;
  return GK_OK;
}

// Counts the elements anew and moves the first one by `places`, in elements. A view of none
// stays where it is, since there is nothing inside the storage that it could start at.
static void set_start(gk_view *v, int64_t places) {
  v->size = 1;
  for (int i = 0; i < v->ndim; i++) v->size *= v->shape[i];
  if (v->size != 0) v->offset += places * gk_dtypes[v->dtype].size;
}

static gk_status view_flip(const request *r) {
  gk_view *v = r->to;
  uint32_t set;
  gk_status status = read_axes(r, v->ndim, NULL, &set);
  if (status) return status;
  int64_t start = 0;
  for (int i = 0; i < v->ndim; i++) {
    if ((r->count != 0 && !(set >> i & 1)) || v->shape[i] <= 1) continue;
    start += (v->shape[i] - 1) * v->strides[i];
    v->strides[i] = -v->strides[i];
  }
  set_start(v, start);
  return GK_OK;
}

static gk_status view_diagonal(const request *r) {
  gk_view *v = r->to;
  double x = r->count ? r->args[0] : 0;
  if (!is_integer(x)) return fail(r, GK_ARGUMENT, "offset %s is not an integer", NUMBER_TEXT(x));
  if (v->ndim < 2)
    return fail(r, GK_SHAPE, "a diagonal needs 2 dimensions or more, %s has %d",
                SHAPE_TEXT(v->shape, v->ndim), v->ndim);
  int last = v->ndim - 2;
  int64_t offset = to_integer(x), rows = v->shape[last], columns = v->shape[last + 1];
  int64_t row = offset < 0 ? -offset : 0, column = offset > 0 ? offset : 0;
  int64_t length = rows - row < columns - column ? rows - row : columns - column;
  // An offset past the end leaves nothing, and could be too large to multiply with.
  int64_t start = length > 0 ? row * v->strides[last] + column * v->strides[last + 1] : 0;
  v->shape[last] = length > 0 ? length : 0;
  v->strides[last] += v->strides[last + 1];
  v->ndim--;
  set_start(v, start);
  return GK_OK;
}

// ---- slices ---------------------------------------------------------------------------------

enum { RANGE = 0, INDEX = 1, NEW_AXIS = 2, ELLIPSIS = 3 };

// Where a start or stop lies on an axis, as Python holds it: from `lowest` to `highest`.
static int64_t clamp_bound(double x, int64_t length, int64_t lowest, int64_t highest) {
  int64_t i = to_integer(x);
  if (i < 0) i += length;
  return i < lowest ? lowest : i > highest ? highest : i;
}

typedef struct range {
  int64_t start, step, length;
} range;

static gk_status read_range(const request *r, const double *numbers, int64_t length, range *out) {
  static const char *const names[] = {"start", "stop", "step"};
  for (int i = 0; i < 3; i++)
    if (numbers[i] == numbers[i] && !is_integer(numbers[i]))
      return fail(r, GK_ARGUMENT, "the %s %s of a range is not an integer", names[i],
                  NUMBER_TEXT(numbers[i]));
  double start = numbers[0], stop = numbers[1];
  int64_t step = numbers[2] == numbers[2] ? to_integer(numbers[2]) : 1;
  if (step == 0) return fail(r, GK_ARGUMENT, "the step of a range is 0, it can be anything else");
  int64_t lowest = step < 0 ? -1 : 0, highest = step < 0 ? length - 1 : length;
  int64_t from = step < 0 ? highest : lowest, to = step < 0 ? lowest : highest;
  if (start == start) from = clamp_bound(start, length, lowest, highest);
  if (stop == stop) to = clamp_bound(stop, length, lowest, highest);
  int64_t distance = step < 0 ? from - to : to - from, stride = step < 0 ? -step : step;
  *out = (range){from, step, distance > 0 ? (distance - 1) / stride + 1 : 0};
  return GK_OK;
}

static gk_status view_slice(const request *r) {
  gk_view *v = r->to, old = *v;
  if (r->count % 4 != 0)
    return fail(r, GK_ARGUMENT, "%d numbers given for indices of 4 numbers each", r->count);
  int indices = r->count / 4, taken = 0, added = 0, dropped = 0, ellipses = 0;
  for (int i = 0; i < indices; i++) {
    double what = r->args[4 * i];
    if (what == RANGE)
      taken++;
    else if (what == INDEX)
      taken++, dropped++;
    else if (what == NEW_AXIS)
      added++;
    else if (what == ELLIPSIS)
      ellipses++;
    else
      return fail(r, GK_ARGUMENT, "index kind %s is none of 0 to 3", NUMBER_TEXT(what));
  }
  if (ellipses > 1) return fail(r, GK_INDEX, "%d ellipses given, only one is possible", ellipses);
  if (taken > old.ndim)
    return fail(r, GK_INDEX, "%d indices given for %d dimension%s of %s", taken, old.ndim,
                PLURAL(old.ndim), SHAPE_TEXT(old.shape, old.ndim));
  if (added > GK_MAX_DIMS - old.ndim + dropped)
    return too_many_dimensions(r, old.ndim - dropped + added);

  int axis = 0, ndim = 0;
  int64_t start = 0; // of the first element, in elements
  for (int i = 0; i <= indices; i++) {
    // Past the last index stands an ellipsis for the axes that are left.
    int what = i == indices ? ELLIPSIS : (int)r->args[4 * i];
    if (what == NEW_AXIS) {
      v->shape[ndim] = 1;
      v->strides[ndim++] = 0;
    } else if (what == ELLIPSIS) {
      int whole = i == indices ? old.ndim - axis : old.ndim - taken;
      for (; whole > 0; whole--, axis++, ndim++) {
        v->shape[ndim] = old.shape[axis];
        v->strides[ndim] = old.strides[axis];
      }
    } else if (what == INDEX) {
      double x = r->args[4 * i + 1];
      if (!is_integer(x)) return fail(r, GK_ARGUMENT, "index %s is not an integer", NUMBER_TEXT(x));
      int64_t at = to_integer(x), length = old.shape[axis];
      if (at < -length || at >= length)
        return fail(r, GK_INDEX, "index %s is out of range for axis %d with length %lld",
                    NUMBER_TEXT(x), axis, (long long)length);
      start += (at < 0 ? at + length : at) * old.strides[axis];
      axis++;
    } else {
      range part;
      gk_status status = read_range(r, r->args + 4 * i + 1, old.shape[axis], &part);
      if (status) return status;
      v->shape[ndim] = part.length;
      v->strides[ndim] = old.strides[axis];
      // A step beyond the only element could be too large to multiply with.
      if (part.length > 1) v->strides[ndim] *= part.step;
      if (part.length > 0) start += part.start * old.strides[axis];
      axis++;
      ndim++;
    }
  }
  v->ndim = (uint8_t)ndim;
  set_start(v, start);
  return GK_OK;
}

static gk_status complex_part(const request *r, int part) {
  gk_view *v = r->to;
  if (v->dtype != GK_complex64)
    return fail(r, GK_DTYPE, "only complex64 has parts, not %s", gk_dtypes[v->dtype].name);
  v->dtype = GK_float32;
  if (v->size > 0) v->offset += part * 4; // one of nothing may lie at the storage's end
  for (int i = 0; i < v->ndim; i++) v->strides[i] *= 2;
  return GK_OK;
}
static gk_status view_real(const request *r) { return complex_part(r, 0); }
static gk_status view_imag(const request *r) { return complex_part(r, 1); }

// ---- the table of kinds ----------------------------------------------------------------------

enum { MANY = GK_BLOCK_BYTES / 2 / 8 }; // all that the input half of a block holds

static const struct {
  gk_status (*make)(const request *);
  int least, most; // arguments
} kinds[] = {
    [GK_VIEW_ALIAS] = {view_alias, 0, 0},
    [GK_VIEW_RESHAPE] = {view_reshape, 0, MANY},
    [GK_VIEW_TRANSPOSE] = {view_transpose, 0, MANY},
    [GK_VIEW_BROADCAST] = {view_broadcast, 0, MANY},
    [GK_VIEW_SQUEEZE] = {view_squeeze, 0, MANY},
    [GK_VIEW_EXPAND] = {view_expand, 0, MANY},
    [GK_VIEW_FLIP] = {view_flip, 0, MANY},
    [GK_VIEW_SLICE] = {view_slice, 0, MANY},
    [GK_VIEW_SWAPAXES] = {view_swapaxes, 2, 2},
    [GK_VIEW_MOVEAXIS] = {view_moveaxis, 2, 2},
    [GK_VIEW_DIAGONAL] = {view_diagonal, 0, 1},
    [GK_VIEW_REAL] = {view_real, 0, 0},
    [GK_VIEW_IMAG] = {view_imag, 0, 0},
};

gk_status gk_view_apply(gk_view *out, const gk_view *v, gk_view_kind kind, const double *args,
                        int count, char *message, int message_bytes) {
  gk_view result = *v;
  request r = {&result, args, count, message, message_bytes > 0 ? (size_t)message_bytes : 0};
  if ((unsigned)kind >= sizeof kinds / sizeof *kinds)
    return fail(&r, GK_ARGUMENT, "view kind %d does not exist", (int)kind);
  int least = kinds[kind].least, most = kinds[kind].most;
  if (count < least || count > most)
    return fail(&r, GK_ARGUMENT, "%d argument%s given, not between %d and %d", count, PLURAL(count),
                least, most);
  gk_status status = kinds[kind].make(&r);
  if (status) return status;
  gk_view_update_contiguous(&result);
  *out = result;
  return GK_OK;
}
