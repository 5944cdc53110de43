// Walks operands by blocks; see blocks.h. Three ways:
//
//   long rows   a block is a part of one row; what is contiguous there is used in place
//   short rows  a block is as many whole rows as fit, so that an array of shape [100000, 3] does
//               not pay for a call every 3 elements
//   tiles       where an operand is contiguous along another axis than the innermost one, a
//               block is some columns of as many rows as fill a cache line there, so that each line
//               is read once
//
// An operand that repeats in every block (a number; with short rows also a row that is
// broadcast) is prepared once.
#include "blocks.h"

#include <string.h>

#include "copy.h"

enum {
  BLOCK = GK_BLOCK_ELEMENTS,
  BLOCK_BYTES = BLOCK * GK_ELEMENT_BYTES,
  TILE_BYTES = 16384, // of a tile in the widest dtype that it takes
  SHORT = 16 // elements of a row that are moved one by one rather than by a call
};

typedef struct operand {
  const char *base; // element at index 0 of every axis; of a number: its bytes
  const int64_t *strides; // in elements
  int64_t inner; // stride along the innermost axis
  int size; // bytes of an element
  int ready; // bytes of an element once it is converted
  bool linear; // contiguous over the whole shape
  bool repeats; // the same in every block
  int cast_count;
  gk_cast_fn casts[2];
} operand;

typedef struct plan {
  const gk_block_job *job;
  gk_loop_fn fn; // the job's loop, or the one that stores past the caches
  gk_loop loop;
  int64_t row; // length of the innermost axis
  int64_t block; // elements of a block
  int64_t block_rows; // with short rows and tiles: rows of a block
  bool short_rows;
  bool aligned; // blocks begin at cache lines of the output where they can
  bool staged; // results are copied past the caches from a block
  operand out, in[3];
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

// ---- whole rows between a strided operand and a block

// `run` rows that lie `pitch` apart.
#define MOVE_ROWS(T, TO, FROM)                                                                     \
  for (int64_t r = 0; r < run; r++) {                                                              \
    T *at = (T *)strided + r * pitch, *b = (T *)block + r * row;                                   \
    for (int64_t c = 0; c < row; c++) TO = FROM;                                                   \
  }
#define GATHER_ROWS(T) MOVE_ROWS(T, b[c], at[c * inner])
#define SCATTER_ROWS(T) MOVE_ROWS(T, at[c * inner], b[c])

static void gather_run(const operand *o, int64_t row, int64_t run, int64_t pitch, char *strided,
                       char *block) {
  int64_t inner = o->inner;
  if (pitch == 1 && inner != 1 && run >= SHORT) {
    gk_copy()->transpose[o->size](row, run, strided, inner, block, row);
  } else if (row >= SHORT) {
    for (int64_t r = 0; r < run; r++)
      gk_cpu_gather(row, o->size, strided + r * pitch * o->size, inner, block + r * row * o->size);
  } else {
    GK_BY_SIZE(o->size, GATHER_ROWS)
  }
}

static void scatter_run(const operand *o, int64_t row, int64_t run, int64_t pitch, char *strided,
                        char *block) {
  int64_t inner = o->inner;
  if (row >= SHORT) {
    for (int64_t r = 0; r < run; r++)
      gk_cpu_scatter(row, o->size, block + r * row * o->size, strided + r * pitch * o->size, inner);
  } else {
    GK_BY_SIZE(o->size, SCATTER_ROWS)
  }
}

// The next `rows` rows of the operand, by runs along the last of the outer axes.
static void move_rows(const plan *p, const operand *o, walker *w, int64_t rows, void *block,
                      bool gather) {
  int d = p->loop.ndim - 2;
  int64_t pitch = d < 0 ? 0 : o->strides[d], run;
  for (char *b = block; rows > 0; rows -= run, b += run * p->row * o->size) {
    run = rows;
    if (d >= 0 && run > p->loop.shape[d] - w->index[d]) run = p->loop.shape[d] - w->index[d];
    char *strided = (char *)(uintptr_t)o->base + w->offset * o->size;
    (gather ? gather_run : scatter_run)(o, p->row, run, pitch, strided, b);
    if (d < 0) return;
    w->index[d] += run - 1;
    w->offset += (run - 1) * pitch;
    walker_next(w, p, o);
  }
}

// ---- blocks

// Conversions of n elements between two buffers. The last one writes to `target` where that is not
// NULL.
static const void *convert(const operand *o, int64_t n, const void *from, char *const buffers[2],
                           void *target) {
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
                        int64_t n, char *const buffers[2], void *target) {
  const void *from = o->base + i * o->size;
  if (!o->linear) {
    from = o->base + (w->offset + column * o->inner) * o->size;
    void *block = target && o->cast_count == 0 ? target : buffers[0];
    if (p->short_rows) {
      move_rows(p, o, w, rows_of(p, n), block, true);
      from = block;
    } else if (o->inner != 1) {
      gk_cpu_gather(n, o->size, from, o->inner, block);
      from = block;
    }
  }
  return convert(o, n, from, buffers, target);
}

// The loop over n elements that are ready, into `place`, where the output's elements lie `stride`
// apart. Without a loop the first operand is the result, and may lie there already.
static void compute(const plan *p, int64_t n, const void *const from[3], char *place,
                    int64_t stride, char *const buffers[2]) {
  const operand *out = &p->out;
  void *target = stride == 1 && !p->staged ? place : NULL;
  const void *result = from[0];
  if (p->fn) {
    void *to = target && out->cast_count == 0 ? target : buffers[0];
    p->fn(n, from[0], from[1], from[2], to);
    result = convert(out, n, to, buffers, target);
  }
  if (stride != 1)
    gk_cpu_scatter(n, out->size, result, place, stride);
  else if (p->staged)
    gk_copy_streaming(n * out->size, result, place);
  else if (result != place)
    memcpy(place, result, (size_t)(n * out->size));
}

// A row's first lines: each row is a new stream to the hardware, which begins late to read ahead.
static inline void prefetch_row(const plan *p, const operand *o, const walker *w) {
  uintptr_t at =
      (uintptr_t)o->base + (uintptr_t)((w->offset + o->strides[p->loop.ndim - 2]) * o->size);
  for (int i = 0; i < 4; i++) __builtin_prefetch((const void *)(at + (uintptr_t)i * 64));
}

// Elements begin to end in row-major order; whole rows where they are short.
static void run_rows(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const plan *p = context;
  const gk_block_job *job = p->job;
  _Alignas(64) char blocks[8][BLOCK_BYTES];
  char *const buffers[4][2] = {{blocks[0], blocks[1]},
                               {blocks[2], blocks[3]},
                               {blocks[4], blocks[5]},
                               {blocks[6], blocks[7]}};
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
  bool fresh = true; // the first block of a row, or of this call
  for (int64_t i = begin, n; i < end; i += n) {
    n = end - i < p->block ? end - i : p->block;
    if (!p->short_rows && n > p->row - column) n = p->row - column;
    char *place = (char *)(uintptr_t)out->base +
                  (out->linear ? i : out_walker.offset + column * out->inner) * out->size;
    if (p->aligned && ((uintptr_t)place & 63)) { // blocks of whole cache lines from here on
      int64_t head = (int64_t)(-(uintptr_t)place & 63) / out->size;
      if (!p->short_rows && head > 0 && head < n) n = head;
    }
    int64_t stride = out->linear ? 1 : out->inner;
    bool rows_apart = p->short_rows && !out->linear;
    void *target = !job->loop && stride == 1 && !rows_apart && !p->staged ? place : NULL;
    for (int k = 0; k < job->inputs; k++) {
      const operand *o = &p->in[k];
      if (o->repeats) continue;
      if (o->inner == 0 && !p->short_rows && !o->linear) { // one element serves the whole row
        int64_t all = p->row < p->block ? p->row : p->block;
        if (fresh) from[k] = load(p, o, &walkers[k], i, column, all, buffers[k], NULL);
      } else {
        from[k] = load(p, o, &walkers[k], i, column, n, buffers[k], target);
      }
    }
    fresh = false;
    if (rows_apart) {
      const void *result = from[0];
      if (p->fn) {
        p->fn(n, from[0], from[1], from[2], buffers[3][0]);
        result = convert(out, n, buffers[3][0], buffers[3], NULL);
      }
      move_rows(p, out, &out_walker, rows_of(p, n), (void *)(uintptr_t)result, false);
    } else {
      compute(p, n, from, place, stride, buffers[3]);
    }
    if (p->short_rows) continue;
    column += n;
    if (column < p->row) continue;
    column = 0;
    fresh = true;
    for (int k = 0; k < job->inputs; k++) {
      walker_next(&walkers[k], p, &p->in[k]);
      if (p->in[k].inner == 1 && p->loop.ndim > 1) prefetch_row(p, &p->in[k], &walkers[k]);
    }
    walker_next(&out_walker, p, out);
  }
  if (p->aligned) gk_stream_fence();
}

// ---- tiles

// The lines of a tile that is contiguous down its columns, into L2: more of them at a time than the
// loads of a transposition would ask for.
static void prefetch_tile(const char *at, int64_t rows, int64_t n, int64_t pitch) {
  for (int64_t c = 0; c < n; c++)
    for (int64_t r = 0; r < rows; r += 64) __builtin_prefetch(at + c * pitch + r, 0, 2);
}

// The tile of `rows` rows and n columns at `offset`, ready for the loop, with *step bytes
// from row to row.
static const char *load_tile(const plan *p, const operand *o, int64_t offset, int64_t rows,
                             int64_t n, char *own, char *spare, int64_t *step) {
  const char *at = o->base + offset * o->size;
  int64_t pitch = o->strides[p->loop.ndim - 2];
  if (o->inner == 1 && o->cast_count == 0) {
    *step = pitch * o->size;
    return at;
  }
  char *block = o->cast_count == 1 ? spare : own; // so that the last conversion ends in `own`
  if (pitch == 1 && o->inner != 1) {
    prefetch_tile(at, rows * o->size, n, o->inner * o->size);
    gk_copy()->transpose[o->size](n, rows, at, o->inner, block, n);
  } else
    for (int64_t r = 0; r < rows; r++)
      gk_cpu_gather(n, o->size, at + r * pitch * o->size, o->inner, block + r * n * o->size);
  *step = n * o->ready;
  return convert(o, rows * n, block, (char *const[2]){own, spare}, NULL);
}

// Strips of tiles: each some rows of the last two axes, over their whole length.
static void run_tiles(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const plan *p = context;
  const gk_block_job *job = p->job;
  const operand *out = &p->out;
  _Alignas(64) char own[3][TILE_BYTES], spare[TILE_BYTES], results[2][TILE_BYTES];
  char *const buffers[2] = {results[0], results[1]};
  const int64_t *shape = p->loop.shape;
  int last = p->loop.ndim - 1;
  int64_t length = shape[last - 1], strips = (length + p->block_rows - 1) / p->block_rows;
  int64_t out_pitch = out->strides[last - 1];
  const char *from[3] = {NULL, NULL, NULL};
  int64_t step[3] = {0, 0, 0};
  for (int k = 0; k < job->inputs; k++) // one element everywhere
    if (p->in[k].repeats)
      from[k] = load_tile(p, &p->in[k], 0, 1, p->block, own[k], spare, &step[k]);
  bool straight =
      !p->fn && out->inner == 1 && p->in[0].cast_count == 0 && p->in[0].strides[last - 1] == 1;
  int64_t columns = p->block / p->block_rows;
  for (int64_t s = begin; s < end; s++) {
    int64_t first = s % strips * p->block_rows, plane = s / strips;
    int64_t rows = length - first < p->block_rows ? length - first : p->block_rows;
    int64_t at[4] = {0};
    const operand *operands[4] = {out, &p->in[0], &p->in[1], &p->in[2]};
    for (int k = 0; k <= job->inputs; k++) {
      at[k] = first * operands[k]->strides[last - 1];
      int64_t rest = plane;
      for (int d = last - 2; d >= 0; d--) {
        at[k] += rest % shape[d] * operands[k]->strides[d];
        rest /= shape[d];
      }
    }
    for (int64_t column = 0, n; column < p->row; column += n) {
      n = p->row - column < columns ? p->row - column : columns;
      char *place = (char *)(uintptr_t)out->base + (at[0] + column * out->inner) * out->size;
      if (straight) {
        const operand *o = &p->in[0];
        const char *tile = o->base + (at[1] + column * o->inner) * o->size;
        prefetch_tile(tile, rows * o->size, n, o->inner * o->size);
        gk_copy()->transpose[o->size](n, rows, tile, o->inner, place, out_pitch);
        continue;
      }
      bool joined = out->inner == 1 && out_pitch == n; // rows that follow each other everywhere
      for (int k = 0; k < job->inputs; k++) {
        const operand *o = &p->in[k];
        if (o->repeats)
          step[k] = n * o->ready;
        else
          from[k] =
              load_tile(p, o, at[k + 1] + column * o->inner, rows, n, own[k], spare, &step[k]);
        joined = joined && step[k] == n * o->ready;
      }
      int64_t calls = joined ? 1 : rows, count = joined ? rows * n : n;
      for (int64_t r = 0; r < calls; r++) {
        const void *now[3] = {NULL, NULL, NULL};
        for (int k = 0; k < job->inputs; k++) now[k] = from[k] + r * step[k];
        compute(p, count, now, place + r * out_pitch * out->size, out->inner, buffers);
      }
    }
  }
  if (p->aligned) gk_stream_fence();
}

// The axis along which an operand is contiguous that is not so along the innermost one, or -1.
static int find_tiles(const gk_loop *loop, int inputs) {
  int last = loop->ndim - 1;
  for (int k = 1; k <= inputs; k++) {
    const int64_t *strides = loop->strides[k];
    if (strides[last] == 0 || strides[last] == 1) continue;
    for (int d = last - 1; d >= 0; d--)
      if (strides[d] == 1 && loop->shape[d] >= 4) return d;
  }
  return -1;
}

static inline void swap(int64_t *values, int i, int j) {
  int64_t held = values[i];
  values[i] = values[j];
  values[j] = held;
}

// Tiles along `axis`, with which the last but one axis changes places.
static void plan_tiles(plan *p, int axis) {
  const gk_block_job *job = p->job;
  int last = p->loop.ndim - 1, widest = p->out.size, narrowest = GK_ELEMENT_BYTES;
  swap(p->loop.shape, axis, last - 1);
  for (int k = 0; k <= job->inputs; k++) swap(p->loop.strides[k], axis, last - 1);
  if (gk_dtypes[job->result].size > widest) widest = gk_dtypes[job->result].size;
  for (int k = 0; k < job->inputs; k++) {
    const operand *o = &p->in[k];
    int through = gk_dtypes[job->through[k]].size;
    if (through > widest) widest = through;
    if (o->size > widest) widest = o->size;
    if (o->ready > widest) widest = o->ready;
    if (o->strides[last - 1] == 1 && o->inner != 1 && o->size < narrowest) narrowest = o->size;
  }
  int64_t length = p->loop.shape[last - 1], line = 64 / narrowest, rows = line;
  int64_t columns = TILE_BYTES / (line * widest);
  if (columns > p->row) {
    columns = p->row;
    rows = TILE_BYTES / (columns * widest) / line * line;
  }
  p->block_rows = rows < length ? rows : length;
  p->block = p->block_rows * columns;
}

// ---- the plan

// The views with the output's axes by falling stride and none of its strides negative, which makes
// what can be contiguous so; the elements still correspond.
static void order_axes(gk_view *views, int count) {
  gk_view *out = &views[0];
  for (int d = 0; d < out->ndim; d++) {
    if (out->strides[d] >= 0) continue;
    for (int k = count - 1; k >= 0; k--) {
      gk_view *v = &views[k];
      v->offset += (v->shape[d] - 1) * v->strides[d] * gk_dtypes[v->dtype].size;
      v->strides[d] = -v->strides[d];
    }
  }
  for (int d = 1; d < out->ndim; d++)
    for (int e = d; e > 0 && out->strides[e - 1] < out->strides[e]; e--)
      for (int k = count - 1; k >= 0; k--) {
        swap(views[k].shape, e - 1, e);
        swap(views[k].strides, e - 1, e);
      }
}

static bool is_ordered(const gk_loop *loop) {
  for (int d = 0; d < loop->ndim; d++)
    if (loop->strides[0][d] < (d + 1 < loop->ndim ? loop->strides[0][d + 1] : 0)) return false;
  return true;
}

static void add_cast(operand *o, uint8_t from, uint8_t to) {
  if (from != to) o->casts[o->cast_count++] = gk_cpu_cast(from, to);
  o->ready = gk_dtypes[to].size;
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

// From which size on the output is written past the caches. What a number or a few elements fill drives
// nothing out of them, so that more of it may stay; but one thread alone waits for each line of a plain
// store longer than that gains, unless it fills with a number.
static int64_t streaming_bytes(const plan *p) {
  const gk_block_job *job = p->job;
  if (job->loop || (job->in[0] && gk_parallel_threads() == 1)) return GK_STREAMING_BYTES;
  int64_t read = p->in[0].size;
  for (int d = 0; d < p->loop.ndim; d++)
    if (p->in[0].strides[d] != 0) read *= p->loop.shape[d];
  return read > gk_view_bytes(job->out) / 8 ? GK_STREAMING_BYTES : 8 * GK_STREAMING_BYTES;
}

void gk_blocks_run(const gk_block_job *job) {
  int64_t size = job->out->size;
  if (size == 0) return;
  plan p;
  gk_view ordered[4];
  const gk_view *views[4] = {job->out, job->in[0], job->in[1], job->in[2]};
  gk_loop_build(&p.loop, 1 + job->inputs, views);
  if (!is_ordered(&p.loop)) {
    int count = 0;
    for (int k = 0; k <= job->inputs; k++)
      if (views[k]) ordered[count++] = *views[k];
    order_axes(ordered, count);
    count = 0;
    for (int k = 0; k <= job->inputs; k++)
      if (views[k]) views[k] = &ordered[count++];
    gk_loop_build(&p.loop, 1 + job->inputs, views);
  }
  p.job = job;
  p.fn = job->loop;
  p.row = p.loop.shape[p.loop.ndim - 1];
  int axis = size >= BLOCK && p.row >= SHORT ? find_tiles(&p.loop, job->inputs) : -1;
  p.short_rows = axis < 0 && p.row <= BLOCK / 2;
  p.block_rows = 1;
  p.block = BLOCK;
  if (p.short_rows) {
    p.block_rows = size <= BLOCK ? size / p.row : BLOCK / p.row;
    p.block = p.block_rows * p.row;
  }
  operand_init(&p.out, &p, 0, gk_view_data(views[0]), job->out->dtype);
  add_cast(&p.out, job->result, job->out->dtype);
  p.out.repeats = false;
  bool in_place = !p.short_rows && (p.out.linear || p.out.inner == 1);
  for (int k = 0; k < job->inputs; k++) {
    operand *o = &p.in[k];
    const gk_view *v = views[k + 1];
    uint8_t dtype = v ? v->dtype : job->through[k];
    operand_init(o, &p, k + 1, v ? gk_view_data(v) : (const void *)job->number[k].bytes, dtype);
    add_cast(o, dtype, job->through[k]);
    add_cast(o, job->through[k], job->work[k]);
    if (o->cast_count || !(o->linear || o->inner == 1)) in_place = false;
  }
  const int64_t bytes = gk_view_bytes(job->out); // first, since most are few
  p.aligned =
      job->light && p.out.linear && bytes >= GK_STREAMING_BYTES && bytes >= streaming_bytes(&p);
  p.staged = p.aligned;
  if (p.aligned && job->streaming && p.out.cast_count == 0) {
    p.fn = job->streaming;
    p.staged = false;
  }
  if (p.out.cast_count || (p.staged && p.fn)) in_place = false;
  int64_t grain = job->grain;
  if (axis >= 0) {
    plan_tiles(&p, axis);
    int64_t length = p.loop.shape[p.loop.ndim - 2];
    int64_t strips = (length + p.block_rows - 1) / p.block_rows * (size / length / p.row);
    gk_parallel(strips, grain / (p.block_rows * p.row) + 1, run_tiles, &p);
    return;
  }
  if (in_place) p.block = size; // nothing goes through a block: whole rows at once
  if (p.short_rows && size > grain) grain = (grain + p.block - 1) / p.block * p.block;
  if (size <= grain)
    run_rows(&p, 0, size, 0);
  else
    gk_parallel(size, grain, run_rows, &p);
}
