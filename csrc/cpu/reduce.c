// Reductions over any axes of any view: sum mean prod, min max argmin argmax, any all countNonzero,
// var std norm logsumexp.
//
// Axes are sorted into kept and reduced ones. What is left has one of two inner shapes: rows, where
// the reduced axis is the innermost one and a row gives one accumulator; or columns, where rows
// of a tile are folded into a row of accumulators. Elements that are strided or of a dtype
// without kernels come through blocks in L1. Large inputs with few results are cut into
// chunks, whose results are then reduced like an input of their own. All cuts follow from
// sizes alone, so that results do not depend on the number of threads.
#include <math.h>
#include <string.h>

#include "reduce.h"

#define TILE 2048 // accumulators at a time
#define CELL 16 // bytes of the largest accumulator
#define BLOCK 1024 // elements of a block of rows
#define BLOCK_COLUMNS 512 // and of columns, in
#define BLOCK_ROWS 8 // rows
#define LONG_ROW 64 // from here on worth a kernel call of its own,
#define SHORT_ROW 16 // or a share in one with other rows
#define PARALLEL_MIN ((int64_t)1 << 17) // elements that are worth a thread
#define CHUNK_MAX ((int64_t)1 << 18) // elements
#define MAX_TASKS 64

typedef struct axes {
  int ndim; // at least 1
  int64_t size;
  int64_t shape[GK_MAX_DIMS], in[GK_MAX_DIMS], out[GK_MAX_DIMS]; // strides in elements
} axes;

typedef struct plan {
  const gk_call *call;
  const char *in; // first element, as the axes' directions have it
  char *out;
  uint8_t from, through, kernel; // dtypes: in[0]'s, between two casts (or 0), kernels'
  uint8_t acc, second; // accumulators' (complex64: two doubles), their second part's (or 0)
  uint8_t result; // out[0]'s
  bool place; // argmin, argmax: the order of elements counts
  bool half; // elements are converted to float32 first
  int kind; // gk_reduce_kind, or with a second part gk_reduce_two_kind
  void (*map)(int64_t n, void *x, double order); // of elements in a block, before they are folded
  gk_reduce_fn row, column;
  gk_reduce_two two;
  gk_scalar identity; // of acc; a second part begins as 0
  axes kept, reduced;
  bool columns, direct; // direct: kernels read in[0] itself
  int64_t tile, tiles; // columns: width, and how many in an innermost kept row
  int64_t span, chunks; // reduced elements in a chunk; 1 = each result in one go
  int64_t parts; // row or tile tasks before they are cut into chunks
  char *work, *values, *seconds; // for each thread; chunk results
} plan;

// Memory of a thread.
typedef struct workspace {
  char values[TILE * CELL], seconds[TILE * 8];
  char raw[BLOCK_COLUMNS * BLOCK_ROWS * 8], middle[BLOCK_COLUMNS * BLOCK_ROWS * 8];
  char block[BLOCK_COLUMNS * BLOCK_ROWS * 8];
} workspace;

static int size_of(uint8_t dtype) { return gk_dtypes[dtype].size; }
static int cell_of(const plan *p) { return p->acc == GK_complex64 ? CELL : size_of(p->acc); }

// ---- axes

static int64_t distance(int64_t stride) {
  return stride == 0 ? INT64_MAX : stride < 0 ? -stride : stride; // repeated ones outermost
}

// The axes of `mask`, merged; where order does not matter also sorted by stride and all forward.
static void axes_build(axes *a, plan *p, const gk_view *in, const gk_view *out, uint32_t mask,
                       bool any_order) {
  int n = 0;
  a->size = 1;
  for (int i = 0; i < in->ndim; i++) {
    if (!(mask >> i & 1) || in->shape[i] == 1) continue;
    int64_t si = in->strides[i], so = out->shape[i] == 1 ? 0 : out->strides[i];
    a->size *= in->shape[i];
    if (any_order && si < 0 && in->size > 0) {
      p->in += si * (in->shape[i] - 1) * size_of(in->dtype);
      p->out += so * (in->shape[i] - 1) * size_of(out->dtype);
      si = -si;
      so = -so;
    }
    int at = n++;
    for (; any_order && at > 0 && distance(a->in[at - 1]) < distance(si); at--) {
      a->shape[at] = a->shape[at - 1];
      a->in[at] = a->in[at - 1];
      a->out[at] = a->out[at - 1];
    }
    a->shape[at] = in->shape[i];
    a->in[at] = si;
    a->out[at] = so;
  }
  int last = 0;
  for (int i = 1; i < n; i++) {
    if (a->in[last] == a->in[i] * a->shape[i] && a->out[last] == a->out[i] * a->shape[i])
      a->shape[last] *= a->shape[i];
    else
      a->shape[++last] = a->shape[i];
    a->in[last] = a->in[i];
    a->out[last] = a->out[i];
  }
  a->ndim = last + 1;
  if (n == 0) a->shape[0] = 1, a->in[0] = a->out[0] = 0;
}

// A place within axes, and how far it is from the first element.
typedef struct cursor {
  int64_t at[GK_MAX_DIMS], in, out;
} cursor;

static void cursor_set(cursor *c, const axes *a, int64_t flat) {
  c->in = c->out = 0;
  for (int i = a->ndim - 1; i >= 0; i--) {
    c->at[i] = flat % a->shape[i];
    flat /= a->shape[i];
    c->in += c->at[i] * a->in[i];
    c->out += c->at[i] * a->out[i];
  }
}

// Moves by `n` along the innermost axis, at most to its end.
static void cursor_advance(cursor *c, const axes *a, int64_t n) {
  int i = a->ndim - 1;
  c->at[i] += n;
  c->in += n * a->in[i];
  c->out += n * a->out[i];
  for (; i > 0 && c->at[i] == a->shape[i]; i--) {
    c->in += a->in[i - 1] - a->shape[i] * a->in[i];
    c->out += a->out[i - 1] - a->shape[i] * a->out[i];
    c->at[i] = 0;
    c->at[i - 1]++;
  }
}

// ---- the plan: dtypes

// What becomes of elements on their way into a sum or an extreme: norms.

static void map_square(int64_t n, void *x, double order) {
  (void)order;
  double *v = x;
  for (int64_t i = 0; i < n; i++) v[i] *= v[i];
}
static void map_power(int64_t n, void *x, double order) {
  double *v = x;
  for (int64_t i = 0; i < n; i++) v[i] = pow(fabs(v[i]), order);
}
static void map_abs32(int64_t n, void *x, double order) {
  (void)order;
  float *v = x;
  for (int64_t i = 0; i < n; i++) v[i] = fabsf(v[i]);
}
static void map_abs64(int64_t n, void *x, double order) {
  (void)order;
  double *v = x;
  for (int64_t i = 0; i < n; i++) v[i] = fabs(v[i]);
}

// The end of a dtype's range that every element beats or equals.
static gk_scalar extreme_identity(uint8_t dtype, bool largest) {
  if (dtype == GK_bool) return gk_scalar_from_double(largest, dtype);
  return gk_scalar_from_double(largest ? INFINITY : -INFINITY, dtype);
}

// Truth, counted or not, needs no conversion.
static void dtypes_truth(plan *p, int kind) {
  p->kind = kind;
  p->kernel = p->from;
  p->acc = kind == GK_REDUCE_COUNT ? GK_int64 : GK_bool;
  p->identity.bytes[0] = kind == GK_REDUCE_ALL;
}

static void dtypes_extreme(plan *p, int kind) {
  p->kind = kind;
  p->acc = p->kernel;
  p->identity = extreme_identity(p->acc, kind == GK_REDUCE_MIN);
}

static void dtypes_place(plan *p, int kind) {
  p->kind = kind;
  if (p->columns && !p->half && size_of(p->from) < 4) p->kernel = GK_int32;
  p->acc = p->kernel;
  p->second = p->columns && size_of(p->kernel) == 4 ? GK_int32 : GK_int64;
  p->identity = extreme_identity(p->acc, kind == GK_REDUCE_SMALLEST);
}

static void dtypes_sum(plan *p, int kind) {
  const uint8_t compute = p->call->compute, class = gk_dtypes[compute].class;
  const bool from_float = gk_dtypes[p->from].class == GK_CLASS_FLOAT;
  p->kind = kind;
  if (class == GK_CLASS_COMPLEX) {
    p->kernel = p->acc = GK_complex64;
    return;
  }
  if (class != GK_CLASS_FLOAT && from_float) { // cut to integers first
    if (p->half) p->through = GK_float32;
    p->kernel = compute;
  } else if (class == GK_CLASS_FLOAT && !from_float &&
             (kind == GK_REDUCE_PROD || size_of(p->from) == 8)) {
    p->kernel = GK_float64; // would wrap as integers, while sums of smaller ones are exact
  } else if (compute == GK_float64 && from_float) {
    p->kernel = GK_float64;
    if (p->half) p->through = GK_float32;
  }
  const uint8_t kernel = gk_dtypes[p->kernel].class;
  p->acc = kernel == GK_CLASS_FLOAT ? GK_float64 : kernel == GK_CLASS_SIGNED ? GK_int64 : GK_uint64;
  if (kind == GK_REDUCE_PROD) p->identity = gk_scalar_from_double(1, p->acc);
}

// What leaves the integers: those are read exactly, as double.
static void dtypes_float(plan *p, bool wide) {
  const bool from_float = gk_dtypes[p->from].class == GK_CLASS_FLOAT;
  if (wide || !from_float || p->call->compute == GK_float64) {
    p->kernel = GK_float64;
    if (p->half) p->through = GK_float32;
  }
}

static void dtypes_two(plan *p, int kind) {
  dtypes_float(p, false);
  p->kind = kind;
  p->acc = kind == GK_REDUCE_LOG ? p->kernel : GK_float64;
  p->second = GK_float64;
  if (kind == GK_REDUCE_LOG) p->identity = extreme_identity(p->acc, false);
}

static void dtypes_norm(plan *p, int kind) {
  const double order = p->call->f[0];
  if (order == 0) {
    dtypes_truth(p, GK_REDUCE_COUNT);
    return;
  }
  const bool extreme = isinf(order), power = !extreme && order != 1;
  dtypes_float(p, power);
  p->map = order == 2                ? map_square
           : power                   ? map_power
           : p->kernel == GK_float32 ? map_abs32
                                     : map_abs64;
  if (extreme)
    dtypes_extreme(p, order > 0 ? GK_REDUCE_MAX : GK_REDUCE_MIN);
  else
    p->kind = kind, p->acc = GK_float64;
}

static const struct {
  uint16_t op;
  uint8_t kind;
  void (*plan)(plan *p, int kind);
} ops[] = {
    {GK_OP_sum, GK_REDUCE_SUM, dtypes_sum},
    {GK_OP_mean, GK_REDUCE_SUM, dtypes_sum},
    {GK_OP_prod, GK_REDUCE_PROD, dtypes_sum},
    {GK_OP_min, GK_REDUCE_MIN, dtypes_extreme},
    {GK_OP_max, GK_REDUCE_MAX, dtypes_extreme},
    {GK_OP_argmin, GK_REDUCE_SMALLEST, dtypes_place},
    {GK_OP_argmax, GK_REDUCE_LARGEST, dtypes_place},
    {GK_OP_any, GK_REDUCE_ANY, dtypes_truth},
    {GK_OP_all, GK_REDUCE_ALL, dtypes_truth},
    {GK_OP_count_nonzero, GK_REDUCE_COUNT, dtypes_truth},
    {GK_OP_var, GK_REDUCE_MOMENTS, dtypes_two},
    {GK_OP_std, GK_REDUCE_MOMENTS, dtypes_two},
    {GK_OP_logsumexp, GK_REDUCE_LOG, dtypes_two},
    {GK_OP_norm, GK_REDUCE_SUM, dtypes_norm},
};

static void plan_dtypes(plan *p) {
  p->half = p->from == GK_float16 || p->from == GK_bfloat16;
  p->kernel = p->half ? GK_float32 : p->from;
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
    if (ops[i].op == p->call->op) ops[i].plan(p, ops[i].kind);
  if (!p->second) {
    p->row = gk_reduce()->fold[p->kind][p->kernel].row;
    p->column = gk_reduce()->fold[p->kind][p->kernel].column;
  } else if (p->kind == GK_REDUCE_LOG) {
    p->two = gk_reduce_log(p->kernel);
  } else {
    p->two = gk_reduce()->two[p->kind][p->kernel];
  }
}

// ---- the plan: shapes and cuts

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t round_up(int64_t a, int64_t b) { return divide_up(a, b) * b; }

static void plan_shapes(plan *p) {
  const axes *k = &p->kept, *r = &p->reduced;
  const int64_t m = k->shape[k->ndim - 1], sk = distance(k->in[k->ndim - 1]);
  const int64_t n = r->shape[r->ndim - 1], sr = distance(r->in[r->ndim - 1]);
  p->columns = k->size > 1 && m >= 16 && (sk < sr || (n < 16 && m >= 4 * n));
  if (p->place && r->size > INT32_MAX) p->columns = false; // places of 4 bytes
}

static void plan_cuts(plan *p) {
  const axes *k = &p->kept, *r = &p->reduced;
  const bool large = p->call->size >= 2 * PARALLEL_MIN;
  p->span = r->size;
  p->chunks = 1;
  if (p->columns) {
    const int64_t m = k->shape[k->ndim - 1], widest = p->direct ? TILE : BLOCK_COLUMNS;
    p->tile = round_up(divide_up(m, divide_up(m, widest)), 16);
    p->tiles = divide_up(m, p->tile);
    p->parts = k->size / m * p->tiles;
    if (large && p->parts <= MAX_TASKS / 2) {
      const int64_t least = divide_up(PARALLEL_MIN / 2, p->tile);
      p->span = round_up(divide_up(r->size, MAX_TASKS / p->parts), 64);
      if (p->span < least) p->span = round_up(least, 64);
      p->chunks = divide_up(r->size, p->span);
    }
  } else {
    p->parts = k->size;
    if (large && p->parts < MAX_TASKS) {
      p->span = round_up(divide_up(p->call->size, MAX_TASKS), 4096);
      if (p->span > CHUNK_MAX) p->span = CHUNK_MAX;
      if (p->span < PARALLEL_MIN / 2) p->span = PARALLEL_MIN / 2;
      p->chunks = divide_up(r->size, p->span);
    }
  }
}

// ---- elements into blocks, accumulators out of them

// Sets n accumulators to the identity.
static void fill(const plan *p, int64_t n, char *values, char *seconds) {
  if (p->acc == GK_complex64)
    memset(values, 0, (size_t)n * CELL);
  else
    gk_cpu_splat(n, size_of(p->acc), &p->identity, values);
  if (p->second) memset(seconds, 0, (size_t)n * 8);
}

// n elements at a distance of `stride`, to `out` without gaps.
static void gather(const plan *p, int64_t n, const char *x, int64_t stride, char *out) {
  if (stride == 1)
    memcpy(out, x, (size_t)(n * size_of(p->from)));
  else
    gk_cpu_gather(n, size_of(p->from), x, stride, out);
}

// n gathered elements in the kernels' dtype.
static const char *convert(const plan *p, workspace *w, int64_t n, const char *x, char *out) {
  if (p->through) {
    gk_cpu_cast(p->from, p->through)(n, x, w->middle);
    gk_cpu_cast(p->through, p->kernel)(n, w->middle, out);
  } else if (p->kernel != p->from) {
    gk_cpu_cast(p->from, p->kernel)(n, x, out);
  } else if (p->map) {
    memcpy(out, x, (size_t)(n * size_of(p->kernel)));
  } else {
    return x;
  }
  if (p->map) p->map(n, out, p->call->f[0]);
  return out;
}

// What becomes of n accumulators that are no results yet, as doubles.
static bool finish_float(const plan *p, int64_t n, const char *values, const char *seconds,
                         double *to) {
  const double count = (double)p->reduced.size, order = p->call->f[0];
  const double *value = (const double *)values, *second = (const double *)seconds;
  switch (p->call->op) {
  case GK_OP_mean:
    if (p->acc == GK_complex64)
      for (int64_t i = 0; i < 2 * n; i++) to[i] = value[i] / count;
    else if (p->acc == GK_float64)
      for (int64_t i = 0; i < n; i++) to[i] = value[i] / count;
    else if (p->acc == GK_int64)
      for (int64_t i = 0; i < n; i++) to[i] = (double)((const int64_t *)values)[i] / count;
    else
      for (int64_t i = 0; i < n; i++) to[i] = (double)((const uint64_t *)values)[i] / count;
    return true;
  case GK_OP_var:
  case GK_OP_std: {
    const double divisor = fmax(count - order, 0); // as NumPy: infinity or NaN with too few
    for (int64_t i = 0; i < n; i++) to[i] = second[i] / divisor;
    for (int64_t i = 0; i < n && p->call->op == GK_OP_std; i++) to[i] = sqrt(to[i]);
    return true;
  }
  case GK_OP_logsumexp:
    for (int64_t i = 0; i < n; i++) {
      const double m = p->acc == GK_float32 ? (double)((const float *)values)[i] : value[i];
      to[i] = isfinite(m) ? m + log(second[i]) : m;
    }
    return true;
  case GK_OP_norm:
    if (p->map == map_square)
      for (int64_t i = 0; i < n; i++) to[i] = sqrt(value[i]);
    else if (p->map == map_power)
      for (int64_t i = 0; i < n; i++) to[i] = pow(value[i], 1 / order);
    return p->map == map_square || p->map == map_power;
  default:
    return false;
  }
}

// Writes n results, at a distance of `stride` elements.
static void finish(const plan *p, workspace *w, int64_t n, const char *values, const char *seconds,
                   char *out, int64_t stride) {
  const void *done = p->place ? seconds : values;
  uint8_t dtype = p->place ? p->second : p->acc;
  double *as_double = (double *)w->raw;
  if (finish_float(p, n, values, seconds, as_double)) {
    done = as_double;
    if (dtype != GK_complex64) dtype = GK_float64;
  }
  char *to = stride == 1 || n == 1 ? out : w->block;
  if (dtype == GK_complex64)
    gk_cpu_cast(GK_float64, GK_float32)(2 * n, done, to);
  else if (dtype == p->result)
    memcpy(to, done, (size_t)(n * size_of(dtype)));
  else
    gk_cpu_cast(dtype, p->result)(n, done, to);
  if (to != out) gk_cpu_scatter(n, size_of(p->result), to, out, stride);
}

// Merges chunks of n accumulators, whose cells are `stride` apart, into the identity.
static void merge(const plan *p, int64_t n, const char *values, const char *seconds, int64_t stride,
                  char *value, char *second) {
  if (p->second && p->kind == GK_REDUCE_LOG) {
    gk_reduce_log_merge(p->acc, n, p->chunks, stride, values, (const double *)seconds, value,
                        (double *)second);
  } else if (p->second && p->kind == GK_REDUCE_MOMENTS) {
    double *mean = (double *)value, *squares = (double *)second;
    for (int64_t c = 0; c < p->chunks; c++) {
      const double before = (double)(c * p->span);
      const double count = c + 1 < p->chunks ? (double)p->span : (double)p->reduced.size - before;
      const double *more = (const double *)values + c * stride;
      const double *more_squares = (const double *)seconds + c * stride;
      const double share = count / (before + count);
      for (int64_t i = 0; i < n; i++) {
        const double delta = more[i] - mean[i], next = mean[i] + delta * share;
        squares[i] += more_squares[i] + count * delta * (more[i] - next);
        mean[i] = next;
      }
    }
  } else if (p->second) { // the chunk with the extreme, then the place that it found
    const gk_reduce_two two = gk_reduce()->two[p->kind][p->acc];
    if (n == 1 && stride == 1)
      two.row(1, p->chunks, values, 0, 0, value, second);
    else
      two.column(p->chunks, n, values, stride, 0, value, second);
    for (int64_t i = 0; i < n; i++) {
      if (p->second == GK_int32) {
        int32_t *at = (int32_t *)second + i;
        *at = ((const int32_t *)(seconds + *at * stride * 8))[i];
      } else {
        int64_t *at = (int64_t *)second + i;
        *at = ((const int64_t *)(seconds + *at * stride * 8))[i];
      }
    }
  } else if (p->acc == GK_complex64) {
    gk_reduce()->fold[GK_REDUCE_SUM][GK_float64].column(p->chunks, 2 * n, values, 2 * stride,
                                                        value);
  } else {
    const int kind = p->kind == GK_REDUCE_COUNT ? GK_REDUCE_SUM : p->kind;
    if (n == 1 && stride == 1)
      gk_reduce()->fold[kind][p->acc].row(1, p->chunks, values, 0, value);
    else
      gk_reduce()->fold[kind][p->acc].column(p->chunks, n, values, stride, value);
  }
}

// ---- rows

// Folds the reduced elements [begin, end) of the row that starts at x into one accumulator.
static void row_part(const plan *p, workspace *w, const char *x, int64_t begin, int64_t end,
                     char *value, char *second) {
  const axes *r = &p->reduced;
  const int inner = r->ndim - 1;
  const bool in_place = p->direct && (inner == 0 || r->shape[inner] >= LONG_ROW);
  // Sums of blocks of doubles, themselves summed when there are many: they stay nearly pairwise.
  const bool in_parts = p->kernel == GK_float64 && p->acc == GK_float64 && !p->second;
  double *parts = (double *)(w->middle + BLOCK * 8);
  int64_t filled = 0, part_count = 0;
  if (begin >= end) return;
  cursor c;
  cursor_set(&c, r, begin);
  for (int64_t done = begin; done < end;) {
    int64_t n = r->shape[inner] - c.at[inner];
    if (n > end - done) n = end - done;
    const char *ready = x + c.in * size_of(p->from);
    if (!in_place) {
      if (n > BLOCK - filled) n = BLOCK - filled;
      if (n < BLOCK || r->in[inner] != 1) {
        gather(p, n, ready, r->in[inner], w->raw + filled * size_of(p->from));
        ready = w->raw;
      }
    }
    cursor_advance(&c, r, n);
    done += n;
    int64_t count = n;
    if (!in_place) {
      filled += n;
      if (filled < BLOCK && done < end) continue;
      ready = convert(p, w, filled, ready, w->block);
      count = filled;
      filled = 0;
    }
    if (p->second) {
      p->two.row(1, count, ready, 0, done - count - (p->place ? 0 : begin), value, second);
    } else if (in_parts) {
      parts[part_count] = p->identity.f64;
      p->row(1, count, ready, 0, parts + part_count);
      if (++part_count < BLOCK && done < end) continue;
      p->row(1, part_count, parts, 0, value);
      part_count = 0;
    } else {
      p->row(1, count, ready, 0, value);
    }
  }
}

// Folds n whole rows at once, the outer reduced axes outermost: in the order of memory.
static void rows_whole(const plan *p, const char *x, int64_t n, char *values, char *seconds) {
  const axes *r = &p->reduced;
  const int64_t length = r->shape[r->ndim - 1], stride = p->kept.in[p->kept.ndim - 1];
  cursor c;
  cursor_set(&c, r, 0);
  for (int64_t done = 0; done < r->size; done += length) {
    const char *from = x + c.in * size_of(p->from);
    if (p->second)
      p->two.row(n, length, from, stride, done, values, seconds);
    else
      p->row(n, length, from, stride, values);
    cursor_advance(&c, r, length);
  }
}

// Results [begin, end) of the kept axes.
static void rows_run(void *context, int64_t begin, int64_t end, int thread) {
  const plan *p = context;
  workspace *w = (workspace *)p->work + thread;
  const axes *k = &p->kept;
  const int inner = k->ndim - 1;
  const bool one_axis = p->reduced.ndim == 1;
  const bool whole = p->direct && (one_axis || p->reduced.shape[p->reduced.ndim - 1] >= SHORT_ROW);
  cursor c;
  cursor_set(&c, k, begin);
  while (begin < end) {
    int64_t n = k->shape[inner] - c.at[inner];
    if (n > end - begin) n = end - begin;
    if (n > TILE) n = TILE;
    const char *x = p->in + c.in * size_of(p->from);
    fill(p, n, w->values, w->seconds);
    if (whole && (one_axis || n > 1) && p->reduced.size > 0)
      rows_whole(p, x, n, w->values, w->seconds);
    else
      for (int64_t i = 0; i < n; i++)
        row_part(p, w, x + i * k->in[inner] * size_of(p->from), 0, p->reduced.size,
                 w->values + i * cell_of(p), w->seconds + i * 8);
    finish(p, w, n, w->values, w->seconds, p->out + c.out * size_of(p->result), k->out[inner]);
    cursor_advance(&c, k, n);
    begin += n;
  }
}

// Chunks of rows, their results to p->values and p->seconds: [row][chunk].
static void row_chunks_run(void *context, int64_t begin, int64_t end, int thread) {
  const plan *p = context;
  workspace *w = (workspace *)p->work + thread;
  for (int64_t task = begin; task < end; task++) {
    cursor c;
    cursor_set(&c, &p->kept, task / p->chunks);
    const int64_t first = task % p->chunks * p->span;
    const int64_t last = first + p->span < p->reduced.size ? first + p->span : p->reduced.size;
    row_part(p, w, p->in + c.in * size_of(p->from), first, last, p->values + task * cell_of(p),
             p->seconds + task * 8);
  }
}

static void row_chunks_finish(const plan *p) {
  workspace *w = (workspace *)p->work;
  cursor c;
  cursor_set(&c, &p->kept, 0);
  for (int64_t i = 0; i < p->parts; i++) {
    fill(p, 1, w->values, w->seconds);
    merge(p, 1, p->values + i * p->chunks * cell_of(p), p->seconds + i * p->chunks * 8, 1,
          w->values, w->seconds);
    finish(p, w, 1, w->values, w->seconds, p->out + c.out * size_of(p->result), 1);
    cursor_advance(&c, &p->kept, 1);
  }
}

// ---- columns

// Folds rows [begin, end) of a tile of n columns that starts at x.
static void column_part(const plan *p, workspace *w, const char *x, int64_t n, int64_t begin,
                        int64_t end, char *value, char *second) {
  const axes *r = &p->reduced;
  const int inner = r->ndim - 1;
  const int64_t column = p->kept.in[p->kept.ndim - 1];
  cursor c;
  cursor_set(&c, r, begin);
  for (int64_t done = begin; done < end;) {
    int64_t rows = 0, stride = n;
    const char *ready;
    if (p->direct) {
      rows = r->shape[inner] - c.at[inner];
      if (rows > end - done) rows = end - done;
      ready = x + c.in * size_of(p->from);
      stride = r->in[inner];
      cursor_advance(&c, r, rows);
    } else {
      for (; rows < BLOCK_ROWS && done + rows < end; rows++) {
        const char *row = x + c.in * size_of(p->from);
        if (column != 1) {
          gk_cpu_gather(n, size_of(p->from), row, column, w->raw);
          row = w->raw;
        }
        char *to = w->block + rows * n * size_of(p->kernel);
        row = convert(p, w, n, row, to);
        if (row != to) memcpy(to, row, (size_t)(n * size_of(p->kernel)));
        cursor_advance(&c, r, 1);
      }
      ready = w->block;
    }
    if (p->second)
      p->two.column(rows, n, ready, stride, p->place ? done : done - begin, value, second);
    else
      p->column(rows, n, ready, stride, value);
    done += rows;
  }
}

// Where a tile lies: its place among the kept axes and its width.
static int64_t tile_set(const plan *p, int64_t part, cursor *c) {
  const int64_t m = p->kept.shape[p->kept.ndim - 1], first = part % p->tiles * p->tile;
  cursor_set(c, &p->kept, part / p->tiles * m + first);
  return m - first < p->tile ? m - first : p->tile;
}

static void columns_run(void *context, int64_t begin, int64_t end, int thread) {
  const plan *p = context;
  workspace *w = (workspace *)p->work + thread;
  for (int64_t task = begin; task < end; task++) {
    cursor c;
    const int64_t n = tile_set(p, task / p->chunks, &c);
    const int64_t first = task % p->chunks * p->span;
    const int64_t last = first + p->span < p->reduced.size ? first + p->span : p->reduced.size;
    char *value = w->values, *second = w->seconds;
    if (p->chunks > 1) {
      value = p->values + task * p->tile * cell_of(p);
      second = p->seconds + task * p->tile * 8;
    }
    fill(p, n, value, second);
    column_part(p, w, p->in + c.in * size_of(p->from), n, first, last, value, second);
    if (p->chunks == 1)
      finish(p, w, n, value, second, p->out + c.out * size_of(p->result),
             p->kept.out[p->kept.ndim - 1]);
  }
}

static void column_chunks_finish(const plan *p) {
  workspace *w = (workspace *)p->work;
  for (int64_t part = 0; part < p->parts; part++) {
    cursor c;
    const int64_t n = tile_set(p, part, &c), first = part * p->chunks * p->tile;
    fill(p, n, w->values, w->seconds);
    merge(p, n, p->values + first * cell_of(p), p->seconds + first * 8, p->tile, w->values,
          w->seconds);
    finish(p, w, n, w->values, w->seconds, p->out + c.out * size_of(p->result),
           p->kept.out[p->kept.ndim - 1]);
  }
}

// ---- the call

gk_status gk_cpu_reduce(const gk_call *call, gk_error *error) {
  const gk_view *in = call->in[0], *out = call->out[0];
  if (out->size == 0) return GK_OK;
  plan p;
  memset(&p, 0, sizeof p);
  p.call = call;
  p.in = gk_view_data(in);
  p.out = gk_view_data(out);
  p.from = in->dtype;
  p.result = out->dtype;
  p.place = call->op == GK_OP_argmin || call->op == GK_OP_argmax;
  axes_build(&p.reduced, &p, in, out, call->axes, !p.place);
  axes_build(&p.kept, &p, in, out, ~call->axes, true);
  const bool extreme = p.place || call->op == GK_OP_min || call->op == GK_OP_max;
  if (p.reduced.size == 0 && extreme)
    return gk_error_set(error, GK_ARGUMENT, "%s: no elements to reduce", gk_ops[call->op].name);
  plan_shapes(&p);
  if (p.reduced.size == 0) { // nothing is read, and there may be no memory to point into
    p.columns = false;
    memset(p.kept.in, 0, sizeof p.kept.in);
  }
  plan_dtypes(&p);
  const axes *across = p.columns ? &p.kept : &p.reduced;
  p.direct =
      p.kernel == p.from && !p.map && (across->in[across->ndim - 1] == 1 || across->size == 1);
  plan_cuts(&p);

  const bool serial = call->size < PARALLEL_MIN || gk_parallel_threads() == 1;
  const int64_t threads = serial ? 1 : gk_parallel_threads();
  const int64_t cells = p.chunks > 1 ? p.parts * p.chunks * (p.columns ? p.tile : 1) : 0;
  const int64_t work_bytes = threads * (int64_t)sizeof(workspace);
  p.work = gk_scratch(GK_SCRATCH_REDUCE, work_bytes + cells * (CELL + 8));
  if (!p.work)
    return gk_error_set(error, GK_OUT_OF_MEMORY, "%s: no memory for partial results",
                        gk_ops[call->op].name);
  p.values = p.work + work_bytes;
  p.seconds = p.values + cells * CELL;
  if (cells && !p.columns) fill(&p, cells, p.values, p.seconds);

  const gk_parallel_fn run = p.columns ? columns_run : p.chunks > 1 ? row_chunks_run : rows_run;
  const int64_t tasks = p.parts * p.chunks;
  const int64_t each = p.call->size / tasks + 1; // elements in a task
  if (serial)
    run(&p, 0, tasks, 0);
  else
    gk_parallel(tasks, divide_up(PARALLEL_MIN, each), run, &p);
  if (p.chunks > 1 && p.columns) column_chunks_finish(&p);
  if (p.chunks > 1 && !p.columns) row_chunks_finish(&p);
  return GK_OK;
}
