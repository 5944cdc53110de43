// Fourier transforms along an axis of any view. Lines along the axis that are not rows of complex64 (or
// float32) already are copied into such rows, some at a time, and the results back. A real transform of
// even length is a complex one of half the length.
#include <stdatomic.h>
#include <string.h>

#include "../core/storage.h"
#include "copy.h"
#include "fft.h"

#define GRAIN_NS 50000.0 // work that is worth a thread

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// ---- rows

// All passes, by turns into two blocks, at last into `last`.
static void run_passes(const gk_fft_plan *p, const gk_fft_kernels *kernels, const gk_fft_input *in,
                       float *last, float *other) {
  const bool fused = p->passes && !p->pass[0].roots;
  float *to = (p->passes + !fused) % 2 ? last : other, *from = NULL;
  if (fused)
    kernels->first[p->pass[0].radix](p->pass[0].m, in, p->pass[0].twiddles, to);
  else
    kernels->split(p->m, in, to);
  for (int i = fused; i < p->passes; i++) {
    const gk_fft_pass *pass = &p->pass[i];
    from = to;
    to = to == last ? other : last;
    if (pass->roots)
      kernels->odd(pass->radix, pass->m, pass->s, from, pass->twiddles, pass->roots, to);
    else
      kernels->pass[pass->radix](pass->m, pass->s, from, pass->twiddles, to);
  }
}

static void within(const gk_fft_plan *p, int64_t count, const float *in, int64_t in_step,
                   float *out, int64_t out_step, const gk_fft_scale *scale, float *scratch) {
  const int lanes = p->kernels->lanes, rows = lanes / p->group; // at once: 1 or 2
  float *a = scratch, *b = scratch + p->m * 2 * lanes;
  // The result's place serves between passes where it can: less memory, more of it in the cache.
  const bool borrows = in != out && (rows == 1 || out_step == 2 * p->n);
  for (int64_t i = 0; i < count; i += rows, in += rows * in_step, out += rows * out_step) {
    gk_fft_input input = {in, in + lanes, 2 * p->group, scale->re, scale->im};
    const bool alone = i + rows > count; // the second row: the first one again, for nobody
    if (rows == 2) input.high = alone ? in : in + in_step;
    run_passes(p, p->kernels, &input, a, borrows && !alone ? out : b);
    float *high = rows == 1 ? out + lanes : alone ? b : out + out_step;
    p->kernels->finish[rows - 1](p->m, a, p->finish, scale->sign, out, high);
  }
}

static void across(const gk_fft_plan *p, int64_t count, const float *in, int64_t in_step,
                   float *out, int64_t out_step, const gk_fft_scale *scale, float *scratch) {
  const gk_fft_kernels *kernels = p->kernels, *narrower = gk_fft_narrower(kernels);
  if (count <= narrower->lanes) kernels = narrower;
  const int lanes = kernels->lanes;
  const int64_t floats = p->n * 2 * lanes;
  float *tile = scratch, *a = tile + floats, *b = a + floats;
  const gk_fft_input input = {tile, tile + lanes, 2 * lanes, scale->re, scale->im};
  const gk_transpose_fn transpose = gk_copy()->transpose[8];
  for (int64_t i = 0; i < count; i += lanes) {
    const int64_t rows = smaller(count - i, lanes);
    if (rows < lanes) memset(tile, 0, (size_t)floats * sizeof *tile);
    transpose(rows, p->n, in + i * in_step, in_step / 2, tile, lanes);
    run_passes(p, kernels, &input, a, b);
    kernels->join(p->n, a, scale->sign, tile);
    transpose(p->n, rows, tile, lanes, out + i * out_step, out_step / 2);
  }
}

// ---- long rows

typedef struct steps {
  const gk_fft_plan *plan;
  const float *in;
  float *middle, *out; // middle: the matrix after the transforms of its columns
  const gk_fft_scale *scale;
  _Atomic bool failed;
} steps;

// Rows at once: few enough for the cache, many enough to fill cache lines and pages.
#define STEP_ROWS 32

static float *step_memory(steps *s, int64_t floats) {
  float *memory = gk_scratch(GK_SCRATCH_FFT_STEPS, floats * (int64_t)sizeof(float));
  if (!memory) s->failed = true;
  return memory;
}

// `begin` and `end` count blocks of columns. Where columns are left over, the last one is followed by
// another one that ends with the last column and does some columns again.
static void columns_run(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  steps *s = context;
  const gk_fft_plan *p = s->plan, *lines = p->columns;
  const int lanes = p->kernels->lanes;
  const int64_t rows = lines->n, columns = p->rows->n, floats = rows * 2 * lanes;
  float *a = step_memory(s, 2 * floats);
  if (end == columns / lanes && columns % lanes) end++;
  for (int64_t i = begin; a && i < end; i++) {
    const int64_t first = smaller(i * lanes, columns - lanes);
    const float *in = s->in + 2 * first;
    const gk_fft_input input = {in, in + lanes, 2 * columns, s->scale->re, s->scale->im};
    run_passes(lines, lines->kernels, &input, a, a + floats);
    p->kernels->twist(rows, a, p->coarse + 2 * i * rows, p->fine, s->middle + 2 * first,
                      2 * (columns + GK_FFT_STEP_PAD));
  }
}

static void rows_run(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  steps *s = context;
  const gk_fft_plan *p = s->plan, *lines = p->rows;
  const int64_t rows = p->columns->n, columns = lines->n, step = columns + GK_FFT_STEP_PAD;
  const gk_fft_scale scale = {1, 1, s->scale->sign};
  float *block = step_memory(s, STEP_ROWS * 2 * step + lines->scratch);
  for (int64_t k = begin, n; block && k < end; k += n) {
    n = smaller(end - k, STEP_ROWS);
    gk_fft_transform(lines, n, s->middle + 2 * k * step, 2 * step, block, 2 * step, &scale,
                     block + STEP_ROWS * 2 * step);
    gk_copy()->transpose[8](n, columns, block, step, s->out + 2 * k, rows);
  }
}

static bool in_steps(const gk_fft_plan *p, const float *in, float *out, const gk_fft_scale *scale,
                     float *scratch) {
  steps s = {.plan = p, .in = in, .middle = scratch, .out = out, .scale = scale};
  const int64_t rows = p->columns->n, columns = p->rows->n, lanes = p->kernels->lanes;
  const double each = gk_fft_cost(rows) * (double)lanes;
  gk_parallel(columns / lanes, (int64_t)(GRAIN_NS / each) + 1, columns_run, &s);
  const int64_t grain = (int64_t)(GRAIN_NS / gk_fft_cost(columns)) / STEP_ROWS * STEP_ROWS;
  if (!s.failed) gk_parallel(rows, grain + STEP_ROWS, rows_run, &s);
  return !s.failed;
}

static bool by_chirp(const gk_fft_plan *p, const float *in, float *out, const gk_fft_scale *scale,
                     float *scratch) {
  const gk_fft_plan *inner = p->inner;
  const int64_t m = inner->n;
  float *a = scratch, *b = a + 2 * m, *rest = b + 2 * m;
  // The second transform goes back: it conjugates.
  const gk_fft_scale plain = {1, 1, 1}, back = {1, -1, -1};
  p->kernels->multiply(p->n, in, scale->re, scale->im, p->chirp, 1, a);
  memset(a + 2 * p->n, 0, (size_t)(2 * (m - p->n)) * sizeof *a);
  if (!gk_fft_transform(inner, 1, a, 2 * m, b, 2 * m, &plain, rest)) return false;
  p->kernels->multiply(m, b, 1, 1, p->spectrum, 1, a);
  if (!gk_fft_transform(inner, 1, a, 2 * m, b, 2 * m, &back, rest)) return false;
  p->kernels->multiply(p->n, b, 1, 1, p->chirp, scale->sign, out);
  return true;
}

bool gk_fft_transform(const gk_fft_plan *p, int64_t count, const float *in, int64_t in_step,
                      float *out, int64_t out_step, const gk_fft_scale *scale, float *scratch) {
  if (p->kind == GK_FFT_WITHIN || p->kind == GK_FFT_ACROSS) {
    (p->kind == GK_FFT_WITHIN ? within : across)(p, count, in, in_step, out, out_step, scale,
                                                 scratch);
    return true;
  }
  for (int64_t i = 0; i < count; i++, in += in_step, out += out_step)
    if (!(p->kind == GK_FFT_STEPS ? in_steps : by_chirp)(p, in, out, scale, scratch)) return false;
  return true;
}

// ---- calls

typedef struct side {
  char *data;
  int64_t length; // elements of a line that are there
  int64_t row; // floats of a row in scratch
  int64_t stride; // along the axis, in elements
  uint8_t dtype, as; // its own; of rows
  bool direct; // lines are rows
} side;

typedef struct job {
  const gk_fft_plan *plan; // of n, or of n / 2 for real numbers of even length
  uint16_t op;
  int64_t n;
  gk_fft_scale scale;
  side in, out;
  gk_loop other; // all other axes
  int64_t block; // lines at once
  int64_t between; // floats of a line between the two
  _Atomic bool failed;
} job;

// Line `flat` of a side.
static char *line_at(const job *j, const side *s, int64_t flat) {
  int64_t at = 0;
  for (int i = j->other.ndim - 1; i >= 0; i--) {
    at += flat % j->other.shape[i] * j->other.strides[s == &j->out][i];
    flat /= j->other.shape[i];
  }
  return s->data + at * gk_dtypes[s->dtype].size;
}

static gk_view matrix(gk_storage *storage, void *data, uint8_t dtype, int64_t rows,
                      int64_t row_step, int64_t columns, int64_t step) {
  memset(storage, 0, sizeof *storage);
  storage->data = data;
  gk_view v = {.storage = storage,
               .size = rows * columns,
               .dtype = dtype,
               .ndim = 2,
               .shape = {rows, columns},
               .strides = {row_step, step}};
  gk_view_update_contiguous(&v);
  return v;
}

// Copies lines of one side to or from rows.
static void move_lines(const job *j, const side *s, int64_t first, int64_t count, float *rows) {
  const bool inwards = s == &j->in;
  const int last = j->other.ndim - 1, floats = gk_dtypes[s->as].size / 4;
  const int64_t width = j->other.shape[last], across_lines = j->other.strides[!inwards][last];
  for (int64_t n; count > 0; count -= n, first += n, rows += n * s->row) {
    n = smaller(count, width - first % width);
    gk_storage a, b;
    gk_view lines = matrix(&a, s->length ? line_at(j, s, first) : NULL, s->dtype, n, across_lines,
                           s->length, s->stride);
    gk_view block = matrix(&b, rows, s->as, n, s->row / floats, s->length, 1);
    gk_call call = inwards ? gk_copy_call(&lines, &block) : gk_copy_call(&block, &lines);
    gk_cpu_copy(&call, NULL);
    if (inwards && s->length * floats < s->row)
      for (int64_t i = 0; i < n; i++)
        memset(rows + i * s->row + s->length * floats, 0,
               (size_t)(s->row - s->length * floats) * sizeof *rows);
  }
}

// Rows to rows; `between` holds j->between floats for each.
static bool run_rows(const job *j, int64_t count, const float *in, int64_t in_step, float *out,
                     int64_t out_step, float *between, float *scratch) {
  const int64_t n = j->n, step = j->between, half = n / 2;
  const gk_fft_plan *p = j->plan;
  if (j->op == GK_OP_fft)
    return gk_fft_transform(p, count, in, in_step, out, out_step, &j->scale, scratch);
  if (j->op == GK_OP_rfft) {
    if (!gk_fft_transform(p, count, in, in_step, between, step, &j->scale, scratch)) return false;
    for (int64_t i = 0; i < count; i++, between += step, out += out_step)
      if (n % 2)
        memcpy(out, between, (size_t)(half + 1) * 2 * sizeof *out);
      else
        p->kernels->unfold(half, between, p->unfold, out);
    return true;
  }
  if (n % 2 == 0) {
    for (int64_t i = 0; i < count; i++)
      p->kernels->fold(half, in + i * in_step, p->unfold, between + i * step);
    return gk_fft_transform(p, count, between, step, out, out_step, &j->scale, scratch);
  }
  for (int64_t i = 0; i < count; i++) { // the other half, then the real parts
    const float *x = in + i * in_step;
    float *whole = between + i * step;
    memcpy(whole, x, (size_t)(half + 1) * 2 * sizeof *x);
    whole[1] = 0;
    for (int64_t k = 1; k <= half; k++) {
      whole[2 * (n - k)] = x[2 * k];
      whole[2 * (n - k) + 1] = -x[2 * k + 1];
    }
  }
  if (!gk_fft_transform(p, count, between, step, between + 2 * n, step, &j->scale, scratch))
    return false;
  for (int64_t i = 0; i < count; i++)
    for (int64_t k = 0; k < n; k++) out[i * out_step + k] = between[i * step + 2 * n + 2 * k];
  return true;
}

static int64_t aligned(int64_t floats) { return (floats + 15) / 16 * 16; }

static void lines_run(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  job *j = context;
  const int64_t in_floats = j->in.direct ? 0 : aligned(j->block * j->in.row);
  const int64_t out_floats = j->out.direct ? 0 : aligned(j->block * j->out.row);
  const int64_t between_floats = aligned(j->block * j->between);
  const int64_t floats = in_floats + out_floats + between_floats + j->plan->scratch;
  float *memory = gk_scratch(GK_SCRATCH_FFT, floats * (int64_t)sizeof *memory);
  if (!memory) {
    j->failed = true;
    return;
  }
  float *in_rows = memory, *out_rows = in_rows + in_floats, *between = out_rows + out_floats;
  const int last = j->other.ndim - 1;
  const int64_t width = j->other.shape[last];
  const int64_t in_step = j->other.strides[0][last] * (gk_dtypes[j->in.dtype].size / 4);
  const int64_t out_step = j->other.strides[1][last] * (gk_dtypes[j->out.dtype].size / 4);
  for (int64_t i = begin, n; i < end; i += n) {
    n = smaller(end - i, j->block);
    if (j->in.direct || j->out.direct) n = smaller(n, width - i % width);
    if (!j->in.direct) move_lines(j, &j->in, i, n, in_rows);
    const float *in = j->in.direct ? (const float *)line_at(j, &j->in, i) : in_rows;
    float *out = j->out.direct ? (float *)line_at(j, &j->out, i) : out_rows;
    if (!run_rows(j, n, in, j->in.direct ? in_step : j->in.row, out,
                  j->out.direct ? out_step : j->out.row, between, between + between_floats)) {
      j->failed = true;
      return;
    }
    if (!j->out.direct) move_lines(j, &j->out, i, n, out_rows);
  }
}

// Rows of real numbers are read and written as complex ones: they must lie at such places.
static bool at_pairs(const job *j, const side *s) {
  if (s->as == GK_complex64) return true;
  if ((uintptr_t)s->data % 8) return false;
  for (int i = 0; i < j->other.ndim; i++)
    if (j->other.strides[s == &j->out][i] % 2) return false;
  return true;
}

static gk_status no_memory(const gk_call *call, gk_error *error) {
  return gk_error_set(error, GK_OUT_OF_MEMORY, "%s: no memory for a transform of length %lld",
                      gk_op_name(call->op), (long long)call->f[0]);
}

gk_status gk_cpu_fft(const gk_call *call, gk_error *error) {
  const gk_view *in = call->in[0], *out = call->out[0];
  if (out->size == 0) return GK_OK;
  const int axis = call->axis;
  const int64_t n = (int64_t)call->f[0];
  const bool even = call->op != GK_OP_fft && n % 2 == 0;
  const bool inverse =
      call->op == GK_OP_irfft || (call->op == GK_OP_fft && call->flags & GK_VARIANT);
  const float factor = (float)call->f[1];
  job j = {.op = call->op, .n = n, .scale = {factor, inverse ? -factor : factor, inverse ? -1 : 1}};

  // The axis apart, the others in one loop.
  gk_view rest_in = *in, rest_out = *out;
  rest_in.shape[axis] = rest_out.shape[axis] = 1;
  rest_in.strides[axis] = rest_out.strides[axis] = 0;
  rest_in.size = rest_out.size = out->size / out->shape[axis];
  const gk_view *views[2] = {&rest_in, &rest_out};
  gk_loop_build(&j.other, 2, views);
  const int64_t lines = rest_out.size;

  const int64_t taken = call->op == GK_OP_irfft ? n / 2 + 1 : n;
  j.in = (side){.data = gk_view_data(in),
                .length = smaller(in->shape[axis], taken),
                .stride = in->strides[axis],
                .dtype = in->dtype,
                .as = call->op == GK_OP_rfft && even ? GK_float32 : GK_complex64};
  j.out = (side){.data = gk_view_data(out),
                 .length = out->shape[axis],
                 .stride = out->strides[axis],
                 .dtype = out->dtype,
                 .as = out->dtype};
  j.in.row = taken * (gk_dtypes[j.in.as].size / 4);
  j.out.row = (j.out.length * (gk_dtypes[j.out.as].size / 4) + 1) / 2 * 2;
  j.between = call->op == GK_OP_fft ? 0 : even ? n : call->op == GK_OP_rfft ? 2 * n : 4 * n;
  const bool long_runs = j.other.ndim == 1 || j.other.shape[j.other.ndim - 1] >= 16;
  j.in.direct = long_runs && j.in.dtype == j.in.as && j.in.length == taken &&
                (j.in.stride == 1 || taken == 1) && at_pairs(&j, &j.in);
  j.out.direct =
      long_runs && (j.out.stride == 1 || j.out.length == 1) && (n % 2 || at_pairs(&j, &j.out));

  // Enough lines to fill vectors and cache lines, few enough for the cache.
  j.block = n <= 128 ? 256 : n <= 4096 ? 16 : n <= 65536 ? 8 : 1;
  j.block = smaller(j.block, lines);
  j.plan = gk_fft_plan_take(even ? n / 2 : n, even ? GK_FFT_HALF : GK_FFT_ANY);
  if (!j.plan) return no_memory(call, error);
  const double cost = gk_fft_cost(j.plan->n);
  int64_t grain = (int64_t)(GRAIN_NS / cost) + 1;
  if (j.plan->kind == GK_FFT_ACROSS || grain > 16) grain = (grain + 15) / 16 * 16;
  gk_parallel(lines, grain, lines_run, &j);
  gk_fft_plan_give(j.plan);
  return j.failed ? no_memory(call, error) : GK_OK;
}
