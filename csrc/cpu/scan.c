// cumsum and cumprod along an axis of any view: sums of float32 and smaller floats round every element
// about once, integers wrap in 64 bits.
//
// Either lines along the axis are scanned one by one, or, where another axis is the innermost one, the
// lines of a tile are scanned side by side. Few long lines are cut into chunks: whoever takes a
// chunk sums it, hands on what all before it have come to, and scans it while it is in his cache.
// What is strided or has another dtype goes through blocks in L1. All cuts follow from sizes alone.
#include <stdatomic.h>
#include <string.h>

#include "../core/threads.h"
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
  bool product;
  gk_scan_state start;
  int64_t chunks, tasks; // of a line, of all
  _Atomic int64_t *next; // task that nobody has taken
  struct handover *handovers; // [line][chunk]
} plan;

// What the chunks before one have come to, once it is known.
typedef struct handover {
  gk_scan_state before;
  _Atomic int known;
} handover;

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

// Elements [begin, end) of a line on top of `base`, and what they come to themselves; out NULL: only that.
static gk_scan_state line_part(const plan *p, const char *in, char *out, int64_t begin, int64_t end,
                               gk_scan_state base) {
  _Alignas(64) char raw[BLOCK * 8], middle[BLOCK * 8], block[BLOCK * 8];
  gk_scan_state state = p->start;
  const int64_t most = p->direct_in && (p->direct_out || !out) ? CHUNK : BLOCK;
  for (int64_t i = begin; i < end; i += most) {
    const int64_t n = end - i < most ? end - i : most;
    const char *from = in + i * p->in_step * p->from_size;
    const void *x = p->direct_in ? from : fetch(p, n, from, p->in_step, raw, middle, block);
    if (!out) {
      p->loops->total(n, x, &state);
      continue;
    }
    char *to = out + i * p->out_step * p->result_size;
    char *done = p->direct_out ? to : block;
    p->loops->row(n, x, done, &state, base);
    if (!p->direct_out) deliver(p, n, done, raw, to, p->out_step);
  }
  return state;
}

static void state_add(const plan *p, gk_scan_state *state, const gk_scan_state *more) {
  if (p->work == GK_int64)
    state->u64 += more->u64;
  else if (p->work == GK_complex64)
    state->parts[0] += more->parts[0], state->parts[1] += more->parts[1];
  else
    state->f64 += more->f64;
}

// Whole lines, sums in the same chunks as when threads share one.
static void lines_run(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const plan *p = context;
  const int64_t step = p->product ? p->length : CHUNK;
  for (int64_t line = begin; line < end; line++) {
    const char *in;
    char *out;
    gk_scan_state before = p->start;
    line_place(p, line, &in, &out);
    for (int64_t i = 0; i < p->length; i += step) {
      const int64_t last = i + step < p->length ? i + step : p->length;
      const gk_scan_state own = line_part(p, in, out, i, last, before);
      if (last < p->length) state_add(p, &before, &own);
    }
  }
}

// What chunk `task` of a line that starts at `in` comes to by itself.
static gk_scan_state chunk_sum(const plan *p, const char *in, int64_t task) {
  const int64_t first = task % p->chunks * CHUNK;
  return line_part(p, in, NULL, first, first + CHUNK, p->start);
}

// What the chunks before one have come to. Where nobody says so in time, the system has sent the thread
// away that should: its sums are then taken here as well, to the same bits.
static gk_scan_state before_chunk(const plan *p, const char *in, int64_t task) {
  int64_t known = task;
  for (int spins = 0; known % p->chunks; spins++) {
    if (atomic_load_explicit(&p->handovers[known].known, memory_order_acquire)) break;
    if (spins < 2048)
      gk_pause();
    else
      known--;
  }
  gk_scan_state before = known % p->chunks ? p->handovers[known].before : p->start;
  for (; known < task; known++) {
    const gk_scan_state own = chunk_sum(p, in, known);
    state_add(p, &before, &own);
  }
  return before;
}

// Takes chunks in their order until there are none.
static void chunks_run(void *context, int64_t begin, int64_t end, int thread) {
  (void)begin, (void)end, (void)thread;
  const plan *p = context;
  for (;;) {
    const int64_t task = atomic_fetch_add(p->next, 1);
    if (task >= p->tasks) return;
    const int64_t first = task % p->chunks * CHUNK;
    const bool last = first + CHUNK >= p->length;
    const char *in;
    char *out;
    line_place(p, task / p->chunks, &in, &out);
    gk_scan_state own = p->start;
    if (!last) own = chunk_sum(p, in, task);
    const gk_scan_state before = before_chunk(p, in, task);
    if (!last) {
      state_add(p, &own, &before);
      p->handovers[task + 1].before = own;
      atomic_store_explicit(&p->handovers[task + 1].known, 1, memory_order_release);
    }
    line_part(p, in, out, first, last ? p->length : first + CHUNK, before);
  }
}

// Tiles of lines side by side: `begin` counts [outer axes][tile].
static void tiles_run(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const plan *p = context;
  _Alignas(64) char raw[TILE * 8], middle[TILE * 8], block[TILE * 8];
  gk_scan_state states[TILE];
  const int inner = p->other.ndim - 1;
  const int64_t width = p->other.shape[inner];
  const int64_t in_stride = p->other.strides[0][inner], out_stride = p->other.strides[1][inner];
  for (int64_t task = begin; task < end; task++) {
    const int64_t first = task % p->tiles * p->tile;
    const int64_t n = width - first < p->tile ? width - first : p->tile;
    const char *in;
    char *out;
    line_place(p, task / p->tiles * width + first, &in, &out);
    if (p->product)
      gk_cpu_splat(n, 8, &p->start, states);
    else
      memset(states, 0, sizeof states);
    for (int64_t i = 0; i < p->length; i++) {
      const char *from = in + i * p->in_step * p->from_size;
      char *to = out + i * p->out_step * p->result_size;
      const void *x = p->direct_in ? from : fetch(p, n, from, in_stride, raw, middle, block);
      char *done = p->direct_out ? to : x == block ? middle : block;
      p->loops->column(n, x, done, states);
      if (!p->direct_out) deliver(p, n, done, raw, to, out_stride);
    }
  }
}

static int64_t distance(int64_t stride) { return stride < 0 ? -stride : stride; }

static void plan_dtypes(plan *p, const gk_call *call) {
  const bool from_float = gk_dtypes[p->from].class == GK_CLASS_FLOAT;
  const uint8_t class = gk_dtypes[call->compute].class;
  p->product = call->op == GK_OP_cumprod;
  if (class == GK_CLASS_COMPLEX) {
    p->work = GK_complex64;
  } else if (class != GK_CLASS_FLOAT) {
    p->work = GK_int64;
    p->through = from_float ? call->compute : 0; // cut off in the dtype asked for
    p->start.u64 = p->product;
  } else {
    const bool all_float32 =
        p->from == GK_float32 && call->compute == GK_float32 && p->result == GK_float32;
    p->work = all_float32 ? GK_float32 : GK_float64;
    p->start.f64 = p->product;
  }
  p->loops = (p->product ? gk_scan()->product : gk_scan()->sum) + p->work;
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
  const int threads = gk_parallel_threads();
  if (p.lines >= FEW || p.length < 4 * CHUNK || p.product || threads == 1) {
    gk_parallel(p.lines, PARALLEL_MIN / p.length + 1, lines_run, &p);
    return GK_OK;
  }
  p.chunks = (p.length + CHUNK - 1) / CHUNK;
  p.tasks = p.lines * p.chunks;
  const int64_t bytes = p.tasks * (int64_t)sizeof *p.handovers;
  char *memory = gk_scratch(GK_SCRATCH_REDUCE, 64 + bytes);
  if (!memory) return gk_error_set(error, GK_OUT_OF_MEMORY, "cumsum: no memory for partial sums");
  memset(memory, 0, (size_t)(64 + bytes));
  p.next = (_Atomic int64_t *)memory;
  p.handovers = (handover *)(memory + 64);
  gk_parallel(threads, 1, chunks_run, &p);
  return GK_OK;
}
