// Fourier transforms on CUDA. A length is a line that a block transforms, steps of such lines (the
// array as a matrix: transforms of its columns, times roots of unity, transforms of its rows,
// transposed), or Bluestein's convolution of such a length. A real transform of even length is a
// complex one of half the length.
//
// Lines are read and written where they lie, along any axis. What lies between two launches is a
// workspace of the call; where there are many lines, they go in parts.
#include "fft.h"

#include <stdlib.h>
#include <string.h>

#include "../core/storage.h"
#include "layout.h"

#define PART_BYTES ((int64_t)16 << 20) // of workspaces of a part: they stay in the cache
#define SHORT 32
#define MOST_AXES 6 // besides the transform's own, to which steps add two

enum { IN, OUT, NUMBER, OPERANDS }; // of loops over lines

static gk_kernel lines_kernel = {.module = "fft", .name = "fft_lines"};
static gk_kernel unfold_kernel = {.module = "fft_ends", .name = "fft_unfold"};
static gk_kernel chirp_kernel = {.module = "fft_ends", .name = "fft_chirp"};

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// Lines `first` to `first + count - 1` of those of the call.
typedef struct part {
  int64_t first, count;
} part;

// How numbers are transformed, and its workspaces for the lines of a part.
typedef struct plan {
  int64_t n;
  gk_fft_steps steps; // of n, or of `convolution`
  int64_t convolution; // its length, or 0
  const gk_complex64 *chirp, *spectrum; // of the convolution
  gk_complex64 *folded; // its rows
  gk_complex64 *stepped; // rows between steps
} plan;

// Rows of a part in a workspace as operand `k` of a loop over all lines; returns the place of line
// 0.
static int64_t set_rows(gk_loop *lines, int k, int64_t length, int64_t first) {
  int64_t stride = length;
  for (int d = lines->ndim - 1; d >= 0; d--) {
    lines->strides[k][d] = stride;
    stride *= lines->shape[d];
  }
  return -first * length;
}

static void add_axis(gk_loop *lines, int64_t length, int64_t in, int64_t out, int64_t number) {
  const int d = lines->ndim++;
  lines->shape[d] = length;
  lines->strides[IN][d] = in;
  lines->strides[OUT][d] = out;
  lines->strides[NUMBER][d] = number;
}

// Does operand k's line have its numbers further apart than its neighbour is?
static bool is_across(const gk_loop *lines, int k, int64_t stride) {
  const int64_t apart = llabs(lines->strides[k][lines->ndim - 1]);
  return lines->shape[lines->ndim - 1] > 1 && apart > 0 && apart < llabs(stride);
}

static gk_status run_lines(const gk_cuda_run *run, gk_fft_lines *a, const gk_loop *lines,
                           int64_t n) {
  gk_layout_from_loop(&a->lines, OPERANDS, lines);
  const uint32_t threads = gk_fft_plan_lines(a, n, gk_cuda_processors(run));
  return gk_cuda_launch(run, &lines_kernel, gk_grid_of(a->count, a->tile), threads, 0, a);
}

// Transforms lines of the steps' length; all about what goes in and out is set in `whole`, for one
// step.
static gk_status run_steps(const gk_cuda_run *run, const gk_fft_steps *steps, int64_t n,
                           void *space, const gk_fft_lines *whole, const gk_loop *lines, part p) {
  gk_fft_lines a = *whole;
  if (steps->count == 1) {
    a.in_step = a.out_step = 1;
    a.in_across = is_across(lines, IN, a.in_stride);
    a.out_across = is_across(lines, OUT, a.out_stride);
    // Neighbouring threads have neighbouring numbers, however short the lines are.
    const bool in = n == 1 || (n < SHORT && !a.in_across);
    const bool out = n == 1 || (n < SHORT && !a.out_across);
    if (in && a.in_kind == GK_FFT_PLAIN) a.in_kind = GK_FFT_NUMBERS;
    if (out && a.out_kind == GK_FFT_PLAIN) a.out_kind = GK_FFT_NUMBERS;
    a.first = p.first;
    a.count = p.count;
    return run_lines(run, &a, lines, n);
  }
  const int64_t n1 = steps->n[0], rest = n / n1;
  const int64_t n2 = steps->count == 3 ? steps->n[1] : 1, n3 = rest / n2;
  const gk_fft_lines between = {.in = space,
                                .out = space,
                                .in_step = 1,
                                .out_step = 1,
                                .in_length = INT64_MAX,
                                .out_length = INT64_MAX,
                                .scale_re = 1,
                                .scale_im = 1,
                                .sign = 1};

  gk_loop loop = *lines; // columns
  bool plain = a.in_kind == GK_FFT_PLAIN;
  a.out = space;
  a.out_kind = GK_FFT_PLAIN;
  a.out_base = set_rows(&loop, OUT, n, p.first);
  add_axis(&loop, rest, plain ? a.in_stride : 0, 1, 1);
  a.first = p.first * rest;
  a.count = p.count * rest;
  if (plain) a.in_stride *= rest;
  a.in_across = a.out_across = 1;
  a.in_step = rest;
  a.out_stride = rest;
  a.out_step = 1;
  a.out_length = INT64_MAX;
  a.sign = 1;
  a.twist = 4.0 / (double)n;
  gk_status status = run_lines(run, &a, &loop, n1);

  if (status == GK_OK && n2 > 1) { // the same with each row
    a = between;
    loop = (gk_loop){.ndim = 1, .shape = {p.count * n1}, .strides = {{rest}, {rest}, {0}}};
    add_axis(&loop, n3, 1, 1, 1);
    a.count = p.count * n1 * n3;
    a.in_stride = a.out_stride = n3;
    a.in_across = a.out_across = 1;
    a.twist = 4.0 / (double)rest;
    status = run_lines(run, &a, &loop, n2);
  }
  if (status != GK_OK) return status;

  a = *whole; // rows
  loop = *lines;
  plain = a.out_kind == GK_FFT_PLAIN;
  a.in = space;
  a.in_kind = GK_FFT_PLAIN;
  a.in_base = set_rows(&loop, IN, n, p.first);
  a.in_stride = a.in_step = 1;
  a.in_length = INT64_MAX;
  a.scale_re = a.scale_im = 1;
  if (n2 > 1) add_axis(&loop, n2, n3, plain ? n1 * a.out_stride : 0, n1);
  add_axis(&loop, n1, rest, plain ? a.out_stride : 0, 1);
  a.first = p.first * n1 * n2;
  a.count = p.count * n1 * n2;
  if (plain) a.out_stride *= n1 * n2;
  a.out_across = 1;
  a.out_step = n1 * n2;
  return run_lines(run, &a, &loop, n3);
}

// The same for any length. `whole->sign` says whether the result is conjugated.
static gk_status transform(const gk_cuda_run *run, const plan *plan, const gk_fft_lines *whole,
                           const gk_loop *lines, part p) {
  if (!plan->convolution)
    return run_steps(run, &plan->steps, plan->n, plan->stepped, whole, lines, p);
  const int64_t m = plan->convolution;
  gk_fft_lines a = *whole;
  gk_loop loop = *lines;
  if (a.in_kind == GK_FFT_PLAIN) a.in_kind = GK_FFT_NUMBERS;
  a.in_factor = plan->chirp;
  a.out = plan->folded;
  a.out_kind = GK_FFT_NUMBERS;
  a.out_base = set_rows(&loop, OUT, m, p.first);
  a.out_stride = 1;
  a.out_length = INT64_MAX;
  a.out_factor = plan->spectrum;
  a.factor_sign = a.sign = 1;
  const gk_status status = run_steps(run, &plan->steps, m, plan->stepped, &a, &loop, p);
  if (status != GK_OK) return status;

  a = *whole; // back: conjugates go in and come out
  loop = *lines;
  a.in = plan->folded;
  a.in_kind = GK_FFT_PLAIN;
  a.in_base = set_rows(&loop, IN, m, p.first);
  a.in_stride = 1;
  a.in_length = INT64_MAX;
  a.scale_re = 1;
  a.scale_im = a.factor_sign = -1;
  if (a.out_kind == GK_FFT_PLAIN) a.out_kind = GK_FFT_NUMBERS;
  a.out_factor = plan->chirp;
  a.whole = m;
  return run_steps(run, &plan->steps, m, plan->stepped, &a, &loop, p);
}

static gk_status make_chirp(const gk_cuda_run *run, plan *plan) {
  const int64_t m = plan->convolution;
  gk_complex64 *chirp = gk_cuda_workspace(run, (plan->n + m) * (int64_t)sizeof *chirp);
  if (!chirp) return run->error->status;
  gk_fft_chirp a = {.chirp = chirp,
                    .spread = chirp + plan->n,
                    .n = plan->n,
                    .length = m,
                    .factor = (float)(1.0 / (double)m)};
  plan->chirp = chirp;
  plan->spectrum = a.spread;
  const gk_status status = gk_cuda_launch(run, &chirp_kernel, gk_grid_of(m, GK_FFT_END_THREADS),
                                          GK_FFT_END_THREADS, 0, &a);
  if (status != GK_OK) return status;
  const gk_fft_lines line = {.in = a.spread,
                             .out = a.spread,
                             .in_stride = 1,
                             .out_stride = 1,
                             .in_length = m,
                             .out_length = m,
                             .whole = m,
                             .scale_re = 1,
                             .scale_im = 1,
                             .sign = 1};
  const gk_loop one = {.ndim = 1, .shape = {1}};
  return run_steps(run, &plan->steps, m, plan->stepped, &line, &one, (part){0, 1});
}

// ---- calls

// One side of a call: its elements along the axis, and what numbers are made of them or they of
// numbers.
typedef struct side {
  gk_view view;
  int64_t length, stride;
  uint8_t kind;
} side;

typedef struct job {
  const gk_cuda_run *run;
  plan plan;
  int64_t n;
  gk_loop lines;
  side side[2];
  gk_complex64 *rows; // of a part, where they are unfolded by a launch of its own
  gk_fft_lines whole;
} job;

// The spectra of a part's lines of real numbers, from rows.
static gk_status unfold(const job *j, part p) {
  gk_loop loop = j->lines;
  const int64_t m = j->plan.n;
  gk_fft_unfold a = {.rows = j->rows,
                     .out = gk_view_data(&j->side[OUT].view),
                     .out_stride = j->side[OUT].stride,
                     .n = m,
                     .half_root = j->whole.half_root};
  memcpy(loop.strides[0], j->lines.strides[OUT], sizeof loop.strides[0]);
  a.rows_base = set_rows(&loop, 1, m, p.first);
  add_axis(&loop, m + 1, 0, 0, 1);
  gk_layout_from_loop(&a.lines, OPERANDS, &loop);
  a.first = p.first * (m + 1);
  a.count = p.count * (m + 1);
  return gk_cuda_launch(j->run, &unfold_kernel, gk_grid_of(a.count, GK_FFT_END_THREADS),
                        GK_FFT_END_THREADS, 0, &a);
}

static gk_status run_part(const job *j, part p) {
  if (!j->rows) return transform(j->run, &j->plan, &j->whole, &j->lines, p);
  gk_fft_lines a = j->whole;
  gk_loop lines = j->lines;
  a.out = j->rows;
  a.out_kind = GK_FFT_PLAIN;
  a.out_base = set_rows(&lines, OUT, j->plan.n, p.first);
  a.out_stride = 1;
  const gk_status status = transform(j->run, &j->plan, &a, &lines, p);
  return status == GK_OK ? unfold(j, p) : status;
}

static gk_status copy(const gk_cuda_run *run, const gk_view *from, const gk_view *to) {
  const gk_call call = gk_copy_call(from, to);
  gk_cuda_run copying = *run;
  copying.call = &call;
  return gk_cuda_copy(&copying);
}

// A contiguous array of the view's shape in a workspace; its storage is only good for the call.
static bool make_twin(const gk_cuda_run *run, const gk_view *v, uint8_t dtype, gk_storage *storage,
                      gk_view *twin) {
  memset(storage, 0, sizeof *storage);
  *twin = *v;
  twin->storage = storage;
  twin->offset = 0;
  twin->dtype = dtype;
  gk_view_make_contiguous(twin);
  storage->data = gk_cuda_workspace(run, gk_view_bytes(twin));
  return storage->data != NULL;
}

// Real numbers as pairs: where these lie like complex numbers, they are such.
static uint8_t set_pairs(job *j, int k) {
  side *s = &j->side[k];
  int64_t *strides = j->lines.strides[k];
  bool pairs = s->stride == 1 && s->length % 2 == 0 && (uintptr_t)gk_view_data(&s->view) % 8 == 0;
  for (int d = 0; d < j->lines.ndim; d++) pairs = pairs && strides[d] % 2 == 0;
  if (!pairs) return GK_FFT_PAIRS;
  s->length /= 2;
  for (int d = 0; d < j->lines.ndim; d++) strides[d] /= 2;
  return GK_FFT_PLAIN;
}

// What goes in and what comes out.
static void set_kinds(job *j, uint16_t op) {
  const bool even = j->n % 2 == 0;
  side *in = &j->side[IN], *out = &j->side[OUT];
  if (op == GK_OP_rfft && even) {
    in->kind = set_pairs(j, IN);
    out->kind = GK_FFT_UNFOLD;
  } else if (op == GK_OP_irfft && even) {
    in->kind = GK_FFT_FOLD;
    out->kind = set_pairs(j, OUT);
    out->length = j->n / 2;
  } else if (op == GK_OP_irfft) {
    in->kind = out->kind = GK_FFT_MIRROR;
  } else {
    in->kind = in->view.dtype == GK_float32 ? GK_FFT_NUMBERS : GK_FFT_PLAIN;
    out->kind = GK_FFT_PLAIN;
  }
}

// The plan, with workspaces for parts of up to *lines lines, which becomes as many as there is room
// for.
static gk_status make_plan(job *j, int64_t *lines) {
  plan *p = &j->plan;
  p->steps = gk_fft_split(p->n);
  if (!p->steps.count && p->n < INT64_MAX / 4) {
    p->convolution = gk_fft_chirp_length(2 * p->n - 1);
    if (p->convolution) p->steps = gk_fft_split(p->convolution);
  }
  if (!p->steps.count)
    return gk_error_set(j->run->error, GK_OUT_OF_MEMORY,
                        "%s: no memory for a transform of length %lld",
                        gk_op_name(j->run->call->op), (long long)j->n);
  const int64_t longest = p->convolution ? p->convolution : p->n;
  const bool unfolds = j->side[OUT].kind == GK_FFT_UNFOLD && (p->convolution || p->steps.count > 1);
  const int64_t numbers[] = {unfolds ? p->n : 0, p->convolution, p->steps.count > 1 ? longest : 0};
  const int64_t all = numbers[0] + numbers[1] + numbers[2];
  if (all) {
    const int64_t most = PART_BYTES / (int64_t)sizeof(gk_complex64) / all;
    *lines = smaller(*lines, most > 1 ? most : 1);
    gk_complex64 *space = gk_cuda_workspace(j->run, *lines * all * (int64_t)sizeof(gk_complex64));
    if (!space) return j->run->error->status;
    if (unfolds) j->rows = space;
    p->folded = space + *lines * numbers[0];
    p->stepped = p->folded + *lines * numbers[1];
  }
  return p->convolution ? make_chirp(j->run, p) : GK_OK;
}

// The loop over lines, as the output lies in memory.
static void find_lines(job *j, int axis) {
  gk_view rest[2] = {j->side[IN].view, j->side[OUT].view};
  for (int k = 0; k < 2; k++) {
    rest[k].shape[axis] = 1;
    rest[k].strides[axis] = 0;
    rest[k].size = j->side[OUT].view.size / j->side[OUT].view.shape[axis];
  }
  gk_loop_build_ordered(&j->lines, 2, (const gk_view *[]){&rest[IN], &rest[OUT]});
  memset(j->lines.strides[NUMBER], 0, sizeof j->lines.strides[NUMBER]);
}

gk_status gk_cuda_fft(const gk_cuda_run *run) {
  const gk_call *call = run->call;
  const gk_view *from = call->in[0], *to = call->out[0];
  if (to->size == 0) return GK_OK;
  const int axis = call->axis;
  job j = {.run = run, .n = (int64_t)call->f[0]};
  j.plan.n = call->op != GK_OP_fft && j.n % 2 == 0 ? j.n / 2 : j.n;
  side *in = &j.side[IN], *out = &j.side[OUT];
  in->view = *from;
  out->view = *to;
  find_lines(&j, axis);

  // Other dtypes become float32; and what has too many axes, contiguous.
  const bool many = j.lines.ndim > MOST_AXES;
  gk_storage storage[2];
  gk_status status = GK_OK;
  if (many || (from->dtype != GK_float32 && from->dtype != GK_complex64)) {
    const uint8_t dtype = from->dtype == GK_complex64 ? GK_complex64 : GK_float32;
    if (!make_twin(run, from, dtype, &storage[IN], &in->view)) return run->error->status;
    if (from->size) status = copy(run, from, &in->view);
  }
  if (many && !make_twin(run, to, to->dtype, &storage[OUT], &out->view)) return run->error->status;
  if (status != GK_OK) return status;
  find_lines(&j, axis);

  in->stride = in->view.strides[axis];
  in->length = smaller(in->view.shape[axis], call->op == GK_OP_irfft ? j.n / 2 + 1 : j.n);
  out->stride = out->view.strides[axis];
  out->length = out->view.shape[axis];
  set_kinds(&j, call->op);
  const bool inverse = call->op == GK_OP_irfft || call->flags & GK_VARIANT;
  const float factor = (float)call->f[1];
  j.whole = (gk_fft_lines){.in = gk_view_data(&in->view),
                           .out = gk_view_data(&out->view),
                           .in_stride = in->stride,
                           .out_stride = out->stride,
                           .in_length = in->length,
                           .out_length = smaller(out->length, j.plan.n),
                           .whole = j.plan.n,
                           .scale_re = factor,
                           .scale_im = inverse ? -factor : factor,
                           .sign = inverse ? -1 : 1,
                           .in_kind = in->kind,
                           .out_kind = out->kind,
                           .real = in->view.dtype == GK_float32 && in->kind != GK_FFT_PLAIN,
                           .half_root = 2.0 / (double)j.plan.n};

  const int64_t lines = to->size / to->shape[axis];
  int64_t count = lines;
  status = make_plan(&j, &count);
  for (int64_t i = 0; status == GK_OK && i < lines; i += count)
    status = run_part(&j, (part){i, smaller(lines - i, count)});
  return status == GK_OK && many ? copy(run, &out->view, to) : status;
}
