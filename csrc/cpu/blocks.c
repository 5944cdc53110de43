// Walks operands by blocks; see blocks.h. Two ways, by the length of the innermost axis:
//
//   long rows   a block is a part of one row; what is contiguous there is used in place
//   short rows  a block is as many whole rows as fit, so that an array of shape [100000, 3] does
//               not pay for a call every 3 elements
//
// An operand that repeats in every block (a number; with short rows also a row that is
// broadcast) is prepared once.
#include "blocks.h"

#include <string.h>

#include "copy.h"

enum { BLOCK = GK_BLOCK_ELEMENTS, BLOCK_BYTES = BLOCK * GK_ELEMENT_BYTES };

typedef struct operand {
  const char *base;       // element at index 0 of every axis; of a number: its bytes
  const int64_t *strides; // in elements
  int64_t inner;          // stride along the innermost axis
  int size;               // bytes of an element
  bool linear;            // contiguous over the whole shape
  bool repeats;           // the same in every block
  int cast_count;
  gk_cast_fn casts[2];
} operand;

typedef struct plan {
  const gk_block_job *job;
  gk_loop loop;
  int64_t row;        // length of the innermost axis
  int64_t block;      // elements of a block
  int64_t block_rows; // with short rows: rows of a block
  bool short_rows, streaming;
  operand out, in[3];
  int result_size;
} plan;

// A place in the outer axes, and the operand's offset there in elements.
typedef struct walker {
  int64_t index[GK_MAX_DIMS];
  int64_t offset;
} walker;

static inline void walker_init(walker *w, const plan *p, const operand *o, int64_t row) {
  w->offset = 0;
  for (int d = p->loop.ndim - 2; d >= 0; d--) {
    w->index[d] = 0;
    if (row == 0) continue; // small ops feel a division
    w->index[d] = row % p->loop.shape[d];
    row /= p->loop.shape[d];
    w->offset += w->index[d] * o->strides[d];
  }
}

static inline void walker_next(walker *w, const plan *p, const operand *o) {
  for (int d = p->loop.ndim - 2; d >= 0; d--) {
    w->offset += o->strides[d];
    if (++w->index[d] < p->loop.shape[d]) return;
    w->offset -= o->strides[d] * p->loop.shape[d];
    w->index[d] = 0;
  }
}

// Whole rows between a strided operand and a block.
#define MOVE_ROWS(T, TO_BLOCK)                                                                     \
  for (int64_t r = 0; r < rows; r++) {                                                             \
    T *at = (T *)(uintptr_t)o->base + w->offset, *b = (T *)block + r * row;                        \
    for (int64_t c = 0; c < row; c++) {                                                            \
      if (TO_BLOCK)                                                                                \
        b[c] = at[c * inner];                                                                      \
      else                                                                                         \
        at[c * inner] = b[c];                                                                      \
    }                                                                                              \
    walker_next(w, p, o);                                                                          \
  }
#define MOVE_ROWS_BY_SIZE(TO_BLOCK)                                                                \
  int64_t row = p->row, inner = o->inner;                                                          \
  if (o->size == 1) {                                                                              \
    MOVE_ROWS(uint8_t, TO_BLOCK)                                                                   \
  } else if (o->size == 2) {                                                                       \
    MOVE_ROWS(uint16_t, TO_BLOCK)                                                                  \
  } else if (o->size == 4) {                                                                       \
    MOVE_ROWS(uint32_t, TO_BLOCK)                                                                  \
  } else {                                                                                         \
    MOVE_ROWS(uint64_t, TO_BLOCK)                                                                  \
  }

static void gather_rows(const plan *p, const operand *o, walker *w, int64_t rows, void *block) {
  MOVE_ROWS_BY_SIZE(1)
}
static void scatter_rows(const plan *p, const operand *o, walker *w, int64_t rows, void *block) {
  MOVE_ROWS_BY_SIZE(0)
}

// Conversions of n elements. The last one writes to `target` where that is not NULL.
static const void *convert(const operand *o, int64_t n, const void *from,
                           char buffers[2][BLOCK_BYTES], void *target) {
  for (int i = 0; i < o->cast_count; i++) {
    void *to = i + 1 == o->cast_count && target ? target
               : from == buffers[0]             ? buffers[1]
                                                : buffers[0];
    o->casts[i](n, from, to);
    from = to;
  }
  return from;
}

static inline int64_t rows_of(const plan *p, int64_t n) {
  return n == p->block ? p->block_rows : n / p->row;
}

// Elements i to i + n of the operand, ready for the loop; at column `column` of the walker's row. Lie
// in `target` where anything had to be moved or converted and `target` is not NULL.
static const void *load(const plan *p, const operand *o, walker *w, int64_t i, int64_t column,
                        int64_t n, char buffers[2][BLOCK_BYTES], void *target) {
  const void *from = o->base + i * o->size;
  if (!o->linear) {
    from = o->base + (w->offset + column * o->inner) * o->size;
    void *block = target && o->cast_count == 0 ? target : buffers[0];
    if (p->short_rows) {
      gather_rows(p, o, w, rows_of(p, n), block);
      from = block;
    } else if (o->inner != 1) {
      gk_cpu_gather(n, o->size, from, o->inner, block);
      from = block;
    }
  }
  return convert(o, n, from, buffers, target);
}

// Elements begin to end in row-major order; whole rows where they are short.
static void run(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const plan *p = context;
  const gk_block_job *job = p->job;
  _Alignas(64) char buffers[3][2][BLOCK_BYTES];
  _Alignas(64) char results[2][BLOCK_BYTES];
  walker walkers[3], out_walker;
  const void *from[3] = {NULL, NULL, NULL};
  int64_t row = begin ? begin / p->row : 0, column = begin - row * p->row;
  for (int k = 0; k < job->inputs; k++) {
    walker_init(&walkers[k], p, &p->in[k], row);
    if (p->in[k].repeats) {
      int64_t n = end - begin < p->block ? end - begin : p->block;
      from[k] = load(p, &p->in[k], &walkers[k], begin, 0, n, buffers[k], NULL);
    }
  }
  const operand *out = &p->out;
  walker_init(&out_walker, p, out, row);
  for (int64_t i = begin, n; i < end; i += n) {
    n = end - i < p->block ? end - i : p->block;
    if (!p->short_rows && n > p->row - column) n = p->row - column;
    char *place = (char *)(uintptr_t)out->base +
                  (out->linear ? i : out_walker.offset + column * out->inner) * out->size;
    if (p->streaming && ((uintptr_t)place & 63)) { // blocks of whole cache lines from here on
      int64_t head = (int64_t)(-(uintptr_t)place & 63) / out->size;
      if (p->short_rows) head = n;
      if (head > 0 && head < n) n = head;
    }
    bool direct = out->linear || (!p->short_rows && out->inner == 1);
    void *target = direct && !p->streaming ? place : NULL;
    const void *result;
    if (job->loop) {
      for (int k = 0; k < job->inputs; k++)
        if (!p->in[k].repeats)
          from[k] = load(p, &p->in[k], &walkers[k], i, column, n, buffers[k], NULL);
      void *to = target && out->cast_count == 0 ? target : results[0];
      job->loop(n, from[0], from[1], from[2], to);
      result = convert(out, n, to, results, target);
    } else {
      result = from[0];
      if (!p->in[0].repeats)
        result = load(p, &p->in[0], &walkers[0], i, column, n, buffers[0], target);
    }
    if (!direct) {
      if (p->short_rows)
        scatter_rows(p, out, &out_walker, rows_of(p, n), (void *)(uintptr_t)result);
      else
        gk_cpu_scatter(n, out->size, result, place, out->inner);
    } else if (p->streaming) {
      gk_copy_streaming(n * out->size, result, place);
    } else if (result != place) {
      memcpy(place, result, (size_t)(n * out->size));
    }
    if (p->short_rows) continue;
    column += n;
    if (column < p->row) continue;
    column = 0;
    for (int k = 0; k < job->inputs; k++) walker_next(&walkers[k], p, &p->in[k]);
    walker_next(&out_walker, p, out);
  }
  if (p->streaming) gk_stream_fence();
}

static void add_cast(operand *o, uint8_t from, uint8_t to) {
  if (from != to) o->casts[o->cast_count++] = gk_cpu_cast(from, to);
}

static void operand_init(operand *o, const plan *p, int slot, const void *base, uint8_t dtype) {
  const gk_loop *loop = &p->loop;
  o->base = base;
  o->strides = loop->strides[slot];
  o->inner = o->strides[loop->ndim - 1];
  o->size = gk_dtypes[dtype].size;
  o->cast_count = 0;
  int64_t step = 1;
  bool still = p->short_rows || o->inner == 0; // the same for every row
  o->linear = true;
  for (int d = loop->ndim - 1; d >= 0; d--) {
    if (loop->shape[d] != 1 && o->strides[d] != step) o->linear = false;
    if (d < loop->ndim - 1 && o->strides[d] != 0) still = false;
    step *= loop->shape[d];
  }
  o->repeats = still && !o->linear;
}

void gk_blocks_run(const gk_block_job *job) {
  int64_t size = job->out->size;
  if (size == 0) return;
  plan p;
  const gk_view *views[4] = {job->out, job->in[0], job->in[1], job->in[2]};
  gk_loop_build(&p.loop, 1 + job->inputs, views);
  p.job = job;
  p.row = p.loop.shape[p.loop.ndim - 1];
  p.short_rows = p.row <= BLOCK / 2;
  p.block_rows = 1;
  p.block = BLOCK;
  if (p.short_rows) {
    p.block_rows = size <= BLOCK ? size / p.row : BLOCK / p.row;
    p.block = p.block_rows * p.row;
  }
  operand_init(&p.out, &p, 0, gk_view_data(job->out), job->out->dtype);
  add_cast(&p.out, job->result, job->out->dtype);
  p.out.repeats = false;
  p.streaming = job->light && p.out.linear && gk_view_bytes(job->out) >= GK_STREAMING_BYTES;
  bool in_place =
      p.out.cast_count == 0 && !p.streaming && !p.short_rows && (p.out.linear || p.out.inner == 1);
  for (int k = 0; k < job->inputs; k++) {
    operand *o = &p.in[k];
    const gk_view *v = job->in[k];
    uint8_t dtype = v ? v->dtype : job->through[k];
    operand_init(o, &p, k + 1, v ? gk_view_data(v) : (const void *)job->number[k].bytes, dtype);
    add_cast(o, dtype, job->through[k]);
    add_cast(o, job->through[k], job->work[k]);
    if (o->cast_count || !(o->linear || o->inner == 1)) in_place = false;
  }
  if (in_place) p.block = size; // nothing goes through a block: whole rows at once
  int64_t grain = job->grain;
  if (p.short_rows && size > grain) grain = (grain + p.block - 1) / p.block * p.block;
  if (size <= grain)
    run(&p, 0, size, 0);
  else
    gk_parallel(size, grain, run, &p);
}
