// cumsum along an axis of any view: float32 and smaller floats sum in double and round every element
// once, integers wrap in 64 bits.
//
// Either lines along the axis are scanned one by one, in chunks where a line is long, whose own
// sums are taken first; or, where another axis is the innermost one, the lines of a tile are
// scanned side by side. What is strided or has another dtype goes through blocks in L1. All
// cuts follow from sizes alone.
#include <string.h>

#include "scan.h"

#define BLOCK 1024
#define TILE 1024
#define PARALLEL_MIN ((int64_t)1 << 16) // elements that are worth a thread
#define CHUNK ((int64_t)1 << 16) // elements, of lines that are long and few
#define FEW 16

typedef struct plan {
  const gk_scan_loops *loops;
  uint8_t from, through, work, result; // dtypes: in, between (or 0), the loops', out
  int from_size, result_size;
  const char *in;
  char *out;
  int64_t length, in_step, out_step; // along the axis, in elements
  gk_loop other; // all other axes
  int64_t lines;
  bool direct_in, direct_out; // the loops read in and write out themselves
  int64_t tile, tiles; // lines side by side
  int64_t chunks; // of a line
  gk_scan_sum *sums; // [line][chunk], of the chunks before
} plan;

// Distances of line `flat` from the first elements.
static void line_place(const plan *p, int64_t flat, const char **in, char **out) {
  int64_t a = 0, b = 0;
  for (int i = p->other.ndim - 1; i >= 0; i--) {
    const int64_t at = flat % p->other.shape[i];
    flat /= p->other.shape[i];
    a += at * p->other.strides[0][i];
    b += at * p->other.strides[1][i];
  }
  *in = p->in + a * p->from_size;
  *out = p->out + b * p->result_size;
}

// n elements, `stride` apart, in the loops' dtype.
static const void *fetch(const plan *p, int64_t n, const char *x, int64_t stride, char *raw,
                         char *middle, char *block) {
  if (stride != 1) {
    gk_cpu_gather(n, p->from_size, x, stride, raw);
    x = raw;
  }
  uint8_t dtype = p->from;
  if (p->through && p->through != dtype) {
    gk_cpu_cast(dtype, p->through)(n, x, middle);
    x = middle;
    dtype = p->through;
  }
  if (dtype == p->work) return x;
  gk_cpu_cast(dtype, p->work)(n, x, block);
  return block;
}

static void deliver(const plan *p, int64_t n, const void *done, char *block, char *out,
                    int64_t stride) {
  if (p->work != p->result) {
    char *to = stride == 1 ? out : block;
    gk_cpu_cast(p->work, p->result)(n, done, to);
    done = to;
  }
  if (done != out) gk_cpu_scatter(n, p->result_size, done, out, stride);
}

// Elements [begin, end) of a line on top of `base`, and their own sum; out NULL: only that.
static gk_scan_sum line_part(const plan *p, const char *in, char *out, int64_t begin, int64_t end,
                             gk_scan_sum base) {
  _Alignas(64) char raw[BLOCK * 8], middle[BLOCK * 8], block[BLOCK * 8];
  gk_scan_sum sum = {.u64 = 0};
  const int64_t most = p->direct_in && (p->direct_out || !out) ? CHUNK : BLOCK;
  for (int64_t i = begin; i < end; i += most) {
    const int64_t n = end - i < most ? end - i : most;
    const char *from = in + i * p->in_step * p->from_size;
    const void *x = p->direct_in ? from : fetch(p, n, from, p->in_step, raw, middle, block);
    if (!out) {
      p->loops->total(n, x, &sum);
      continue;
    }
    char *to = out + i * p->out_step * p->result_size;
    char *done = p->direct_out ? to : block;
    p->loops->row(n, x, done, &sum, base);
    if (!p->direct_out) deliver(p, n, done, raw, to, p->out_step);
  }
  return sum;
}

static void sum_add(const plan *p, gk_scan_sum *sum, gk_scan_sum more) {
  if (p->work == GK_int64)
    sum->u64 += more.u64;
  else
    sum->f64 += more.f64;
}

// Whole lines, in the same chunks as when threads share one.
static void lines_run(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const plan *p = context;
  for (int64_t line = begin; line < end; line++) {
    const char *in;
    char *out;
    gk_scan_sum before = {.u64 = 0};
    line_place(p, line, &in, &out);
    for (int64_t i = 0; i < p->length; i += CHUNK)
      sum_add(p, &before,
              line_part(p, in, out, i, i + CHUNK < p->length ? i + CHUNK : p->length, before));
  }
}

// Chunks: `begin` counts [line][chunk].
static void chunk_sums_run(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const plan *p = context;
  for (int64_t task = begin; task < end; task++) {
    const int64_t first = task % p->chunks * CHUNK;
    const char *in;
    char *out;
    if (first + CHUNK >= p->length) continue; // nobody needs a last one
    line_place(p, task / p->chunks, &in, &out);
    p->sums[task] = line_part(p, in, NULL, first, first + CHUNK, (gk_scan_sum){.u64 = 0});
  }
}

static void chunks_run(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const plan *p = context;
  for (int64_t task = begin; task < end; task++) {
    const int64_t first = task % p->chunks * CHUNK;
    const char *in;
    char *out;
    line_place(p, task / p->chunks, &in, &out);
    line_part(p, in, out, first, first + CHUNK < p->length ? first + CHUNK : p->length,
              p->sums[task]);
  }
}

// Each chunk's sum becomes that of all before it.
static void chunk_sums_add(const plan *p) {
  for (int64_t line = 0; line < p->lines; line++) {
    gk_scan_sum before = {.u64 = 0}, *sum = p->sums + line * p->chunks;
    for (int64_t c = 0; c < p->chunks; c++) {
      const gk_scan_sum own = sum[c];
      sum[c] = before;
      if (c + 1 < p->chunks) sum_add(p, &before, own);
    }
  }
}

// Tiles of lines side by side: `begin` counts [outer axes][tile].
static void tiles_run(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const plan *p = context;
  _Alignas(64) char raw[TILE * 8], middle[TILE * 8], block[TILE * 8];
  gk_scan_sum sums[TILE];
  const int inner = p->other.ndim - 1;
  const int64_t width = p->other.shape[inner];
  const int64_t in_stride = p->other.strides[0][inner], out_stride = p->other.strides[1][inner];
  for (int64_t task = begin; task < end; task++) {
    const int64_t first = task % p->tiles * p->tile;
    const int64_t n = width - first < p->tile ? width - first : p->tile;
    const char *in;
    char *out;
    line_place(p, task / p->tiles * width + first, &in, &out);
    memset(sums, 0, (size_t)n * sizeof *sums);
    for (int64_t i = 0; i < p->length; i++) {
      const char *from = in + i * p->in_step * p->from_size;
      char *to = out + i * p->out_step * p->result_size;
      const void *x = p->direct_in ? from : fetch(p, n, from, in_stride, raw, middle, block);
      char *done = p->direct_out ? to : x == block ? middle : block;
      p->loops->column(n, x, done, sums);
      if (!p->direct_out) deliver(p, n, done, raw, to, out_stride);
    }
  }
}

static int64_t distance(int64_t stride) { return stride < 0 ? -stride : stride; }

static void plan_dtypes(plan *p, const gk_call *call) {
  const bool from_float = gk_dtypes[p->from].class == GK_CLASS_FLOAT;
  if (gk_dtypes[call->compute].class != GK_CLASS_FLOAT) {
    p->work = GK_int64;
    p->through = from_float ? call->compute : 0; // cut off in the dtype asked for
    p->loops = &gk_scan()->int64;
  } else if (p->from == GK_float32 && call->compute == GK_float32 && p->result == GK_float32) {
    p->work = GK_float32;
    p->loops = &gk_scan()->float32;
  } else {
    p->work = GK_float64;
    p->loops = &gk_scan()->float64;
  }
}

// The dtypes are laid out alike and sums wrap: uint64 needs no conversion.
static bool same_bits(uint8_t a, uint8_t work) {
  return a == work || (a == GK_uint64 && work == GK_int64);
}

gk_status gk_cpu_scan(const gk_call *call, gk_error *error) {
  const gk_view *in = call->in[0], *out = call->out[0];
  if (out->size == 0) return GK_OK;
  plan p = {
      .from = in->dtype, .result = out->dtype, .in = gk_view_data(in), .out = gk_view_data(out)};
  p.from_size = gk_dtypes[p.from].size;
  p.result_size = gk_dtypes[p.result].size;
  plan_dtypes(&p, call);
  if (same_bits(p.from, p.work)) p.from = p.work;
  if (same_bits(p.result, p.work)) p.result = p.work;

  // The axis apart, the others in one loop.
  gk_view rest_in = *in, rest_out = *out;
  p.length = 1;
  if (in->ndim) {
    const int axis = call->axis;
    p.length = in->shape[axis];
    p.in_step = in->strides[axis];
    p.out_step = out->strides[axis];
    rest_in.shape[axis] = rest_out.shape[axis] = 1;
    rest_in.strides[axis] = rest_out.strides[axis] = 0;
  }
  rest_in.size = rest_out.size = p.lines = out->size / p.length;
  const gk_view *views[2] = {&rest_in, &rest_out};
  gk_loop_build(&p.other, 2, views);
  const int inner = p.other.ndim - 1;
  const int64_t width = p.other.shape[inner], across = distance(p.other.strides[1][inner]);
  const bool typed = p.from == p.work && !p.through;

  if (width >= 8 && (across < distance(p.out_step) || p.length < 8)) {
    p.direct_in = typed && p.other.strides[0][inner] == 1;
    p.direct_out = p.result == p.work && p.other.strides[1][inner] == 1;
    const int64_t count = (width + TILE - 1) / TILE;
    p.tile = (width + count - 1) / count;
    // Enough tiles to share, but whole cache lines of them.
    while (p.tile > 256 && out->size >= 2 * PARALLEL_MIN && p.lines / p.tile < FEW) p.tile /= 2;
    p.tile = (p.tile + 15) / 16 * 16;
    p.tiles = (width + p.tile - 1) / p.tile;
    const int64_t each = p.tile * p.length;
    gk_parallel(p.lines / width * p.tiles, PARALLEL_MIN / each + 1, tiles_run, &p);
    return GK_OK;
  }

  p.direct_in = typed && p.in_step == 1;
  p.direct_out = p.result == p.work && p.out_step == 1;
  if (p.lines >= FEW || p.length < 4 * CHUNK || gk_parallel_threads() == 1) {
    gk_parallel(p.lines, PARALLEL_MIN / p.length + 1, lines_run, &p);
    return GK_OK;
  }
  p.chunks = (p.length + CHUNK - 1) / CHUNK;
  const int64_t tasks = p.lines * p.chunks;
  p.sums = gk_scratch(GK_SCRATCH_REDUCE, tasks * (int64_t)sizeof *p.sums);
  if (!p.sums) return gk_error_set(error, GK_OUT_OF_MEMORY, "cumsum: no memory for partial sums");
  gk_parallel(tasks, 1, chunk_sums_run, &p);
  chunk_sums_add(&p);
  gk_parallel(tasks, 1, chunks_run, &p);
  return GK_OK;
}
