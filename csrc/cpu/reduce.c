// Reductions: sum mean prod min max argmin argmax any all, over any axes of any view.
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
  uint8_t from, through, kernel,
      acc; // dtypes: in[0]'s, between two casts (or 0), kernels', results'
  uint8_t result; // out[0]'s
  uint8_t value; // argmin and argmax: dtype of the values beside the places
  bool place;
  int kind; // gk_reduce_kind; 0 or 1 for places
  gk_reduce_fn row, column;
  gk_reduce_place_fn place_row, place_column;
  gk_scalar identity; // of acc, or of value for places
  axes kept, reduced;
  bool columns, direct; // direct: kernels read in[0] itself
  int64_t tile, tiles; // columns: width, and how many in an innermost kept row
  int64_t span, chunks; // reduced elements in a chunk; 1 = each result in one go
  int64_t parts; // row or tile tasks before they are cut into chunks
  char *work, *values, *places; // for each thread; chunk results
} plan;

// Memory of a thread.
typedef struct workspace {
  char values[TILE * 8], places[TILE * 8];
  char raw[BLOCK_COLUMNS * BLOCK_ROWS * 8], middle[BLOCK_COLUMNS * BLOCK_ROWS * 8];
  char block[BLOCK_COLUMNS * BLOCK_ROWS * 8];
} workspace;

static int size_of(uint8_t dtype) { return gk_dtypes[dtype].size; }

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

// The end of a dtype's range that every element beats or equals.
static gk_scalar extreme_identity(uint8_t dtype, bool largest) {
  if (dtype == GK_bool) return gk_scalar_from_double(largest, dtype);
  return gk_scalar_from_double(largest ? INFINITY : -INFINITY, dtype);
}

static void plan_dtypes(plan *p) {
  const gk_call *call = p->call;
  const uint8_t from = p->from, compute = call->compute;
  const uint8_t from_class = gk_dtypes[from].class;
  const bool from_float = from_class == GK_CLASS_FLOAT;
  const bool to_float = gk_dtypes[compute].class == GK_CLASS_FLOAT;
  const bool half = from == GK_float16 || from == GK_bfloat16;
  p->kernel = half ? GK_float32 : from;
  memset(&p->identity, 0, sizeof p->identity);
  switch (call->op) {
  case GK_OP_any:
  case GK_OP_all:
    p->kind = call->op == GK_OP_any ? GK_REDUCE_ANY : GK_REDUCE_ALL;
    p->kernel = from;
    p->acc = GK_bool;
    p->identity.bytes[0] = call->op == GK_OP_all;
    break;
  case GK_OP_argmin:
  case GK_OP_argmax:
    p->place = true;
    p->kind = call->op == GK_OP_argmax;
    if (p->columns && !half && size_of(from) < 4) p->kernel = GK_int32;
    p->value = p->kernel;
    p->acc = p->columns && size_of(p->kernel) == 4 ? GK_int32 : GK_int64;
    p->identity = extreme_identity(p->value, p->kind == 0);
    break;
  case GK_OP_min:
  case GK_OP_max:
    p->kind = call->op == GK_OP_min ? GK_REDUCE_MIN : GK_REDUCE_MAX;
    p->acc = p->kernel;
    p->identity = extreme_identity(p->acc, call->op == GK_OP_min);
    break;
  default: // sum, mean, prod
    p->kind = call->op == GK_OP_prod ? GK_REDUCE_PROD : GK_REDUCE_SUM;
    if (!to_float && from_float) { // cut to integers first
      if (half) p->through = GK_float32;
      p->kernel = compute;
    } else if (to_float && !from_float && (p->kind == GK_REDUCE_PROD || size_of(from) == 8)) {
      p->kernel = GK_float64; // would wrap as integers, while sums of smaller ones are exact
    } else if (to_float && compute == GK_float64 && from_float) {
      p->kernel = GK_float64;
      if (half) p->through = GK_float32;
    }
    const uint8_t class = gk_dtypes[p->kernel].class;
    p->acc = class == GK_CLASS_FLOAT ? GK_float64 : class == GK_CLASS_SIGNED ? GK_int64 : GK_uint64;
    if (p->kind == GK_REDUCE_PROD) p->identity = gk_scalar_from_double(1, p->acc);
  }
  if (p->place) {
    p->place_row = gk_reduce()->place[p->kind][p->kernel].row;
    p->place_column = gk_reduce()->place[p->kind][p->kernel].column;
  } else {
    p->row = gk_reduce()->fold[p->kind][p->kernel].row;
    p->column = gk_reduce()->fold[p->kind][p->kernel].column;
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

static void fill(int64_t n, uint8_t dtype, void *acc, const gk_scalar *identity) {
  gk_cpu_splat(n, size_of(dtype), identity, acc);
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
  if (p->kernel == p->from) return x;
  if (p->through) {
    gk_cpu_cast(p->from, p->through)(n, x, w->middle);
    gk_cpu_cast(p->through, p->kernel)(n, w->middle, out);
  } else {
    gk_cpu_cast(p->from, p->kernel)(n, x, out);
  }
  return out;
}

// Writes n results, at a distance of `stride` elements.
static void finish(const plan *p, workspace *w, int64_t n, void *acc, char *out, int64_t stride) {
  uint8_t dtype = p->acc;
  if (p->call->op == GK_OP_mean) {
    double *mean = (double *)w->raw;
    const double count = (double)p->reduced.size;
    if (dtype == GK_float64)
      for (int64_t i = 0; i < n; i++) mean[i] = ((double *)acc)[i] / count;
    else if (dtype == GK_int64)
      for (int64_t i = 0; i < n; i++) mean[i] = (double)((int64_t *)acc)[i] / count;
    else
      for (int64_t i = 0; i < n; i++) mean[i] = (double)((uint64_t *)acc)[i] / count;
    acc = mean;
    dtype = GK_float64;
  }
  char *to = stride == 1 || n == 1 ? out : w->block;
  if (dtype == p->result)
    memcpy(to, acc, (size_t)(n * size_of(dtype)));
  else
    gk_cpu_cast(dtype, p->result)(n, acc, to);
  if (to != out) gk_cpu_scatter(n, size_of(p->result), to, out, stride);
}

// ---- rows

// Folds the reduced elements [begin, end) of the row that starts at x into one accumulator.
static void row_part(const plan *p, workspace *w, const char *x, int64_t begin, int64_t end,
                     void *value, void *place) {
  const axes *r = &p->reduced;
  const int inner = r->ndim - 1;
  const bool in_place = p->direct && (inner == 0 || r->shape[inner] >= LONG_ROW);
  // Results of blocks, themselves reduced when there are many: sums stay nearly pairwise.
  const int part_bytes = p->place ? 0 : size_of(p->acc);
  char *parts = w->middle + BLOCK * 8;
  const gk_reduce_fn fold = p->place ? NULL : gk_reduce()->fold[p->kind][p->acc].row;
  int part_count = 0, filled = 0;
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
      filled += (int)n;
      if (filled < BLOCK && done < end) continue;
      ready = convert(p, w, filled, ready, w->block);
      count = filled;
      filled = 0;
    }
    if (p->place) {
      p->place_row(1, count, ready, 0, done - count, value, place);
      continue;
    }
    fill(1, p->acc, parts + part_count * part_bytes, &p->identity);
    p->row(1, count, ready, 0, parts + part_count * part_bytes);
    if (++part_count == BLOCK || done == end) {
      fold(1, part_count, parts, 0, value);
      part_count = 0;
    }
  }
}

// Folds n whole rows at once, the outer reduced axes outermost: in the order of memory.
static void rows_whole(const plan *p, const char *x, int64_t n, void *values) {
  const axes *r = &p->reduced;
  const int64_t length = r->shape[r->ndim - 1];
  if (r->size == 0) return;
  cursor c;
  cursor_set(&c, r, 0);
  for (int64_t done = 0; done < r->size; done += length) {
    p->row(n, length, x + c.in * size_of(p->from), p->kept.in[p->kept.ndim - 1], values);
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
  const int value_size = size_of(p->place ? p->value : p->acc);
  cursor c;
  cursor_set(&c, k, begin);
  while (begin < end) {
    int64_t n = k->shape[inner] - c.at[inner];
    if (n > end - begin) n = end - begin;
    if (n > TILE) n = TILE;
    const char *x = p->in + c.in * size_of(p->from);
    fill(n, p->place ? p->value : p->acc, w->values, &p->identity);
    if (p->place) memset(w->places, 0, (size_t)n * 8);
    if (whole && one_axis && p->place)
      p->place_row(n, p->reduced.size, x, k->in[inner], 0, w->values, w->places);
    else if (whole && (one_axis || n > 1))
      rows_whole(p, x, n, w->values);
    else
      for (int64_t i = 0; i < n; i++)
        row_part(p, w, x + i * k->in[inner] * size_of(p->from), 0, p->reduced.size,
                 w->values + i * value_size, w->places + i * 8);
    finish(p, w, n, p->place ? w->places : w->values, p->out + c.out * size_of(p->result),
           k->out[inner]);
    cursor_advance(&c, k, n);
    begin += n;
  }
}

// Chunks of rows, their results to p->values and p->places: [row][chunk].
static void row_chunks_run(void *context, int64_t begin, int64_t end, int thread) {
  const plan *p = context;
  workspace *w = (workspace *)p->work + thread;
  for (int64_t task = begin; task < end; task++) {
    cursor c;
    cursor_set(&c, &p->kept, task / p->chunks);
    const int64_t first = task % p->chunks * p->span;
    const int64_t last = first + p->span < p->reduced.size ? first + p->span : p->reduced.size;
    row_part(p, w, p->in + c.in * size_of(p->from), first, last,
             p->values + task * size_of(p->place ? p->value : p->acc), p->places + task * 8);
  }
}

static void row_chunks_finish(const plan *p) {
  workspace *w = (workspace *)p->work;
  const uint8_t dtype = p->place ? p->value : p->acc;
  cursor c;
  cursor_set(&c, &p->kept, 0);
  for (int64_t i = 0; i < p->parts; i++) {
    const char *values = p->values + i * p->chunks * size_of(dtype);
    gk_scalar value = p->identity;
    int64_t place = 0;
    if (p->place) {
      gk_reduce()->place[p->kind][dtype].row(1, p->chunks, values, 0, 0, &value, &place);
      value.i64 = ((const int64_t *)p->places)[i * p->chunks + place];
    } else {
      gk_reduce()->fold[p->kind][dtype].row(1, p->chunks, values, 0, &value);
    }
    finish(p, w, 1, &value, p->out + c.out * size_of(p->result), 1);
    cursor_advance(&c, &p->kept, 1);
  }
}

// ---- columns

// Folds rows [begin, end) of a tile of n columns that starts at x.
static void column_part(const plan *p, workspace *w, const char *x, int64_t n, int64_t begin,
                        int64_t end, void *value, void *place) {
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
    if (p->place)
      p->place_column(rows, n, ready, stride, done, value, place);
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
  const uint8_t dtype = p->place ? p->value : p->acc;
  for (int64_t task = begin; task < end; task++) {
    cursor c;
    const int64_t n = tile_set(p, task / p->chunks, &c);
    const int64_t first = task % p->chunks * p->span;
    const int64_t last = first + p->span < p->reduced.size ? first + p->span : p->reduced.size;
    char *value = w->values, *place = w->places;
    if (p->chunks > 1) {
      value = p->values + task * p->tile * size_of(dtype);
      place = p->places + task * p->tile * 8;
    }
    fill(n, dtype, value, &p->identity);
    if (p->place) memset(place, 0, (size_t)(n * size_of(p->acc)));
    column_part(p, w, p->in + c.in * size_of(p->from), n, first, last, value, place);
    if (p->chunks == 1)
      finish(p, w, n, p->place ? place : value, p->out + c.out * size_of(p->result),
             p->kept.out[p->kept.ndim - 1]);
  }
}

static void column_chunks_finish(const plan *p) {
  workspace *w = (workspace *)p->work;
  const uint8_t dtype = p->place ? p->value : p->acc;
  for (int64_t part = 0; part < p->parts; part++) {
    cursor c;
    const int64_t n = tile_set(p, part, &c), first = part * p->chunks * p->tile;
    const char *values = p->values + first * size_of(dtype);
    fill(n, dtype, w->values, &p->identity);
    if (p->place) {
      memset(w->places, 0, (size_t)(n * size_of(p->acc)));
      gk_reduce()->place[p->kind][dtype].column(p->chunks, n, values, p->tile, 0, w->values,
                                                w->places);
      const char *places = p->places + first * 8;
      for (int64_t i = 0; i < n; i++) {
        if (p->acc == GK_int32) {
          int32_t *at = (int32_t *)w->places + i;
          *at = ((const int32_t *)(places + *at * p->tile * 8))[i];
        } else {
          int64_t *at = (int64_t *)w->places + i;
          *at = ((const int64_t *)(places + *at * p->tile * 8))[i];
        }
      }
    } else {
      gk_reduce()->fold[p->kind][dtype].column(p->chunks, n, values, p->tile, w->values);
    }
    finish(p, w, n, p->place ? w->places : w->values, p->out + c.out * size_of(p->result),
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
  p.direct = p.kernel == p.from && (across->in[across->ndim - 1] == 1 || across->size == 1);
  plan_cuts(&p);

  const bool serial = call->size < PARALLEL_MIN || gk_parallel_threads() == 1;
  const int64_t threads = serial ? 1 : gk_parallel_threads();
  const int64_t cells = p.chunks > 1 ? p.parts * p.chunks * (p.columns ? p.tile : 1) : 0;
  const int64_t work_bytes = threads * (int64_t)sizeof(workspace);
  p.work = gk_scratch(GK_SCRATCH_REDUCE, work_bytes + cells * 16);
  if (!p.work)
    return gk_error_set(error, GK_OUT_OF_MEMORY, "%s: no memory for partial results",
                        gk_ops[call->op].name);
  p.values = p.work + work_bytes;
  p.places = p.values + cells * 8;
  if (cells && !p.columns) {
    fill(cells, p.place ? p.value : p.acc, p.values, &p.identity);
    memset(p.places, 0, (size_t)cells * 8);
  }

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
