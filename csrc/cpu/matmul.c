// Matrix products. Out is cut into blocks of rows and columns; a block is computed by one
// thread over all of k, in register tiles (matmul_simd.c), so that the bits do not depend on how many
// threads there are. Operands are read where they lie if that is fast, else packed: A into slivers
// of `rows` rows, B into slivers of as many columns as the widest tile. Packing also
// converts dtypes: float16 and bfloat16 are multiplied and accumulated as float32.
#include <stdatomic.h>
#include <string.h>

#include "matmul.h"

#define BLOCK_ROWS 64 // of out; a multiple of every tile's rows
#define BLOCK_COLUMNS 4096 // at most, where a block goes through a buffer
#define K_PANEL 512
#define B_IN_PLACE_BYTES (1 << 20) // a larger B is packed
#define K_IN_PLACE 1024 // up to here one panel is enough where nothing is packed
#define SHARED_BYTES ((int64_t)32 << 20) // of B packed at a time
#define PIECE_FLOPS 2e6 // worth a thread
#define GATHER 64

typedef struct matrix {
  char *data;
  int64_t row, column; // strides
  uint8_t dtype;
  bool convert; // its dtype is not the one that is accumulated in
} matrix;

enum { B_IN_PLACE, B_OWN, B_SHARED }; // who packs B: nobody, every block its part, all together

typedef struct product {
  const gk_matmul_set *set;
  uint8_t kind; // dtype that is accumulated in
  int64_t m, n, k;
  matrix a, b, c; // of the first item of the batch
  const gk_call *call;
  int64_t batch;

  int width; // columns of a sliver of B
  bool pack_a, buffer_c;
  int b_mode;
  int64_t panel; // steps of k at a time
  int64_t block_columns, row_blocks, column_blocks;
  char *shared_b; // [sliver][k][width]
  _Atomic bool out_of_memory;
} product;

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t round_up(int64_t a, int64_t to) { return (a + to - 1) / to * to; }
static int64_t blocks(int64_t a, int64_t of) { return (a + of - 1) / of; }
static int64_t distance(int64_t stride) { return stride < 0 ? -stride : stride; }

static char *at(const matrix *x, int64_t row, int64_t column) {
  return x->data + (row * x->row + column * x->column) * gk_dtypes[x->dtype].size;
}

// ---- packing

// to[p * to_width + i] = element (i across, p along), for i < width and p < k; columns up to
// to_width become 0.
static void pack(const product *x, const matrix *from, const char *data, int64_t across,
                 int64_t along, int64_t width, int64_t k, char *to, int64_t to_width) {
  int bytes = x->set->bytes, from_bytes = gk_dtypes[from->dtype].size;
  if (!from->convert) {
    x->set->pack(width, k, data, across, along, to, to_width);
  } else {
    gk_cast_fn cast = gk_cpu_cast(from->dtype, x->kind);
    _Alignas(64) char raw[GATHER * 8];
    if (distance(across) < distance(along)) {
      for (int64_t p = 0; p < k; p++) {
        for (int64_t i = 0; i < width; i += GATHER) {
          int64_t count = smaller(GATHER, width - i);
          gk_cpu_gather(count, from_bytes, data + (p * along + i * across) * from_bytes, across,
                        raw);
          cast(count, raw, to + (p * to_width + i) * bytes);
        }
      }
    } else {
      _Alignas(64) char converted[GATHER * GATHER * 8];
      for (int64_t p = 0; p < k; p += GATHER) {
        int64_t count = smaller(GATHER, k - p);
        for (int64_t i = 0; i < width; i++) {
          gk_cpu_gather(count, from_bytes, data + (p * along + i * across) * from_bytes, along,
                        raw);
          cast(count, raw, converted + i * GATHER * bytes);
        }
        x->set->pack(width, count, converted, GATHER, 1, to + p * to_width * bytes, to_width);
      }
    }
  }
  if (width < to_width)
    for (int64_t p = 0; p < k; p++)
      memset(to + (p * to_width + width) * bytes, 0, (size_t)((to_width - width) * bytes));
}

// Sliver `s` of B from step `p` on, `k` steps.
static void pack_b(const product *x, const matrix *b, int64_t s, int64_t p, int64_t k, char *to) {
  int64_t column = s * x->width;
  pack(x, b, at(b, p, column), b->column, b->row, smaller(x->width, x->n - column), k, to,
       x->width);
}

// ---- one block

typedef struct block {
  matrix a, b, c;
  int64_t row, rows, column, columns;
} block;

// The tiles of one sliver of B, `b`, in all rows of the block; `width` of its columns count.
static void multiply_sliver(const product *x, const block *blk, int64_t p, int64_t k,
                            const char *packed_a, const char *b, int64_t ldb, int64_t width,
                            char *c, int64_t ldc) {
  const gk_matmul_set *set = x->set;
  int bytes = set->bytes, vectors = (int)blocks(width, set->lanes);
  _Alignas(64) char edge[GK_MATMUL_MAX_ROWS * GK_MATMUL_MAX_VECTORS * 64];
  int64_t edge_width = (int64_t)vectors * set->lanes;
  bool whole = width == edge_width;
  int size = 0;
  while (1 << size < set->rows) size++;

  for (int64_t i = 0; i < blk->rows;) {
    while (1 << size > blk->rows - i) size--;
    int rows = 1 << size;
    const char *a;
    int64_t row, step;
    if (x->pack_a) {
      // Slivers of set->rows rows; the smaller tiles of the last one lie side by side in it.
      int64_t sliver = i / set->rows;
      a = packed_a + (sliver * set->rows * k + i % set->rows) * bytes;
      row = 1;
      step = set->rows;
    } else {
      a = at(&blk->a, blk->row + i, p);
      row = blk->a.row;
      step = blk->a.column;
    }
    char *to = c + i * ldc * bytes;
    gk_matmul_tile_fn tile = set->tile[size][vectors - 1];
    if (whole) {
      tile(k, a, row, step, b, ldb, to, ldc, p > 0);
    } else {
      if (p > 0)
        for (int r = 0; r < rows; r++)
          memcpy(edge + r * edge_width * bytes, to + r * ldc * bytes, (size_t)(width * bytes));
      tile(k, a, row, step, b, ldb, edge, edge_width, p > 0);
      for (int r = 0; r < rows; r++)
        memcpy(to + r * ldc * bytes, edge + r * edge_width * bytes, (size_t)(width * bytes));
    }
    i += rows;
  }
}

// Converts the block's buffer into out, along whichever axis of out is contiguous.
static void write_buffer(const product *x, const block *blk, const char *buffer, int64_t ld) {
  const matrix *c = &blk->c;
  int bytes = x->set->bytes, to_bytes = gk_dtypes[c->dtype].size;
  bool by_column = distance(c->row) < distance(c->column);
  int64_t lines = by_column ? blk->columns : blk->rows;
  int64_t length = by_column ? blk->rows : blk->columns;
  int64_t from_stride = by_column ? ld : 1, to_stride = by_column ? c->row : c->column;
  gk_cast_fn cast = gk_cpu_cast(x->kind, c->dtype);
  _Alignas(64) char raw[GATHER * 8], converted[GATHER * 8];
  for (int64_t line = 0; line < lines; line++) {
    for (int64_t i = 0; i < length; i += GATHER) {
      int64_t count = smaller(GATHER, length - i);
      int64_t row = by_column ? i : line, column = by_column ? line : i;
      gk_cpu_gather(count, bytes, buffer + (row * ld + column) * bytes, from_stride, raw);
      cast(count, raw, converted);
      gk_cpu_scatter(count, to_bytes, converted, at(c, blk->row + row, blk->column + column),
                     to_stride);
    }
  }
}

static bool multiply_block(const product *x, const block *blk) {
  const gk_matmul_set *set = x->set;
  int bytes = set->bytes;
  int64_t slivers = blocks(blk->columns, x->width), first = blk->column / x->width;
  char *packed_a = NULL, *own_b = NULL, *c, *buffer = NULL;
  int64_t ldc;
  if (x->pack_a) {
    packed_a = gk_scratch(GK_SCRATCH_MATMUL_A, round_up(blk->rows, set->rows) * x->panel * bytes);
    if (!packed_a) return false;
  }
  bool partial = blk->columns % x->width != 0;
  if (x->b_mode == B_OWN || (x->b_mode == B_IN_PLACE && partial)) {
    int64_t count = x->b_mode == B_OWN ? slivers : 1;
    own_b = gk_scratch(GK_SCRATCH_MATMUL_B, count * x->width * x->panel * bytes);
    if (!own_b) return false;
  }
  if (x->buffer_c) {
    ldc = blk->columns;
    c = buffer = gk_scratch(GK_SCRATCH_MATMUL_C, blk->rows * ldc * bytes);
    if (!buffer) return false;
  } else {
    ldc = blk->c.row;
    c = at(&blk->c, blk->row, blk->column);
  }

  int64_t p = 0;
  do { // once for k = 0, too: that sets out to 0
    int64_t k = smaller(x->panel, x->k - p);
    for (int64_t i = 0; x->pack_a && i < blk->rows; i += set->rows)
      pack(x, &blk->a, at(&blk->a, blk->row + i, p), blk->a.row, blk->a.column,
           smaller(set->rows, blk->rows - i), k, packed_a + i * k * bytes, set->rows);
    for (int64_t s = 0; s < slivers; s++) {
      int64_t column = s * x->width, width = smaller(x->width, blk->columns - column);
      const char *b;
      int64_t ldb = x->width;
      if (x->b_mode == B_SHARED) {
        b = x->shared_b + ((first + s) * x->k + p) * x->width * bytes;
      } else if (x->b_mode == B_IN_PLACE && width == x->width) {
        b = at(&blk->b, p, blk->column + column);
        ldb = blk->b.row;
      } else {
        char *to = x->b_mode == B_OWN ? own_b + column * x->panel * bytes : own_b;
        pack_b(x, &blk->b, first + s, p, k, to);
        b = to;
      }
      multiply_sliver(x, blk, p, k, packed_a, b, ldb, width, c + column * bytes, ldc);
    }
    p += k;
  } while (p < x->k);
  if (buffer) write_buffer(x, blk, buffer, ldc);
  return true;
}

// ---- the batch

// Moves `x` to item `index` of its view's batch axes.
static void move_to(matrix *x, const gk_view *view, const gk_view *out, int64_t index) {
  int64_t offset = 0;
  for (int axis = out->ndim - 3; axis >= 0; axis--) {
    offset += index % out->shape[axis] * view->strides[axis];
    index /= out->shape[axis];
  }
  x->data += offset * gk_dtypes[x->dtype].size;
}

static void run_blocks(void *context, int64_t begin, int64_t end, int thread) {
  product *x = context;
  const gk_call *call = x->call;
  int64_t item_blocks = x->row_blocks * x->column_blocks;
  (void)thread;
  for (int64_t i = begin; i < end; i++) {
    int64_t item = i / item_blocks, rest = i % item_blocks;
    block blk = {.a = x->a, .b = x->b, .c = x->c};
    if (item > 0) {
      move_to(&blk.a, call->in[0], call->out[0], item);
      move_to(&blk.b, call->in[1], call->out[0], item);
      move_to(&blk.c, call->out[0], call->out[0], item);
    }
    blk.row = rest / x->column_blocks * BLOCK_ROWS;
    blk.rows = smaller(BLOCK_ROWS, x->m - blk.row);
    blk.column = rest % x->column_blocks * x->block_columns;
    blk.columns = smaller(x->block_columns, x->n - blk.column);
    if (!multiply_block(x, &blk)) atomic_store(&x->out_of_memory, true);
  }
}

static void run_packing(void *context, int64_t begin, int64_t end, int thread) {
  product *x = context;
  (void)thread;
  for (int64_t s = begin; s < end; s++)
    pack_b(x, &x->b, s, 0, x->k, x->shared_b + s * x->k * x->width * x->set->bytes);
}

// One product whose B is packed first, by all threads; in strips of columns where B is large.
static void run_shared(product *x) {
  int64_t all = x->n, sliver_bytes = x->k * x->width * x->set->bytes;
  int64_t strip = SHARED_BYTES / (sliver_bytes ? sliver_bytes : 1) * x->width;
  if (strip < x->width) strip = x->width;
  strip = smaller(strip, round_up(all, x->width));
  x->shared_b = gk_scratch(GK_SCRATCH_MATMUL_B, strip / x->width * sliver_bytes);
  if (!x->shared_b) {
    x->out_of_memory = true;
    return;
  }
  for (int64_t column = 0; column < all; column += strip) {
    product part = *x;
    part.n = smaller(strip, all - column);
    part.b.data = at(&x->b, 0, column);
    part.c.data = at(&x->c, 0, column);
    part.batch = 1;
    part.block_columns = smaller(x->block_columns, strip);
    part.column_blocks = blocks(part.n, part.block_columns);
    int64_t slivers = blocks(part.n, x->width);
    gk_parallel(slivers, 1 + (int64_t)(PIECE_FLOPS / 16 / (double)(x->k * x->width + 1)),
                run_packing, &part);
    double flops = 2.0 * BLOCK_ROWS * (double)part.block_columns * (double)x->k;
    gk_parallel(part.row_blocks * part.column_blocks, 1 + (int64_t)(PIECE_FLOPS / (flops + 1)),
                run_blocks, &part);
    if (part.out_of_memory) x->out_of_memory = true;
  }
}

// ---- matrix times vector

typedef struct vector_product {
  const product *x;
  bool dot; // else combine
  matrix m; // row: from one element of y to the next; column: along k
  const char *v; // contiguous
  char *y;
  int64_t y_stride;
  _Atomic bool out_of_memory;
} vector_product;

#define VECTOR_CHUNK 1024

static void run_vector(void *context, int64_t begin, int64_t end, int thread) {
  vector_product *w = context;
  const gk_matmul_set *set = w->x->set;
  (void)thread;
  _Alignas(64) char buffer[VECTOR_CHUNK * 8];
  int64_t chunk = w->y_stride == 1 ? 4 * VECTOR_CHUNK : VECTOR_CHUNK;
  for (int64_t i = begin; i < end; i += chunk) {
    int64_t count = smaller(chunk, end - i);
    char *to = w->y + i * w->y_stride * set->bytes, *y = w->y_stride == 1 ? to : buffer;
    if (w->dot)
      set->dot(count, w->x->k, at(&w->m, i, 0), w->m.row, w->v, y);
    else
      set->combine(count, w->x->k, at(&w->m, i, 0), w->m.column, w->v, y);
    if (y == buffer) gk_cpu_scatter(count, set->bytes, buffer, to, w->y_stride);
  }
}

// Does the product where m or n is 1, if its matrix lies well for that.
static bool run_as_vector(product *x) {
  const gk_matmul_set *set = x->set;
  if (!set->dot || (x->m != 1 && x->n != 1) || x->batch != 1 || x->k == 0) return false;
  if (x->a.convert || x->b.convert || x->c.convert) return false;
  vector_product w = {.x = x};
  bool row_vector = x->m == 1 && !(x->n == 1 && x->a.column == 1);
  const matrix *vector = row_vector ? &x->a : &x->b;
  int64_t vector_stride = row_vector ? x->a.column : x->b.row;
  int64_t length = row_vector ? x->n : x->m;
  w.m = row_vector ? x->b : x->a;
  if (row_vector) {
    w.m.row = x->b.column;
    w.m.column = x->b.row;
  }
  w.dot = w.m.column == 1;
  if (!w.dot && w.m.row != 1) return false;
  w.y = x->c.data;
  w.y_stride = row_vector ? x->c.column : x->c.row;
  w.v = vector->data;
  if (vector_stride != 1) {
    char *v = gk_scratch(GK_SCRATCH_MATMUL_B, x->k * set->bytes);
    if (!v) return x->out_of_memory = true;
    gk_cpu_gather(x->k, set->bytes, vector->data, vector_stride, v);
    w.v = v;
  }
  int64_t grain = 1 + (int64_t)(PIECE_FLOPS / 4 / (double)x->k);
  // combine reads pieces of rows: not too short ones
  if (!w.dot) grain = round_up(grain, 256);
  gk_parallel(length, grain, run_vector, &w);
  return true;
}

// ---- the call

static int kind_of(uint8_t compute) {
  if (compute == GK_bool) return GK_MATMUL_BOOL;
  if (compute == GK_float64) return GK_MATMUL_F64;
  if (gk_dtypes[compute].class == GK_CLASS_FLOAT) return GK_MATMUL_F32;
  int size = gk_dtypes[compute].size;
  return size == 1   ? GK_MATMUL_U8
         : size == 2 ? GK_MATMUL_U16
         : size == 4 ? GK_MATMUL_U32
                     : GK_MATMUL_U64;
}

static matrix matrix_of(const gk_view *v, uint8_t kind) {
  return (matrix){gk_view_data(v), v->strides[v->ndim - 2], v->strides[v->ndim - 1], v->dtype,
                  v->dtype != kind};
}

// Leading batch axes that do nothing but continue A's and out's rows become rows: one
// large product instead of many small ones.
static void fold_batch(product *x) {
  const gk_view *a = x->call->in[0], *b = x->call->in[1], *c = x->call->out[0];
  int64_t rows = x->m;
  for (int axis = c->ndim - 3; axis >= 0; axis--) {
    if (c->shape[axis] == 1) continue;
    if (b->strides[axis] != 0 || a->strides[axis] != rows * x->a.row ||
        c->strides[axis] != rows * x->c.row)
      return;
    rows *= c->shape[axis];
  }
  x->m = rows;
  x->batch = 1;
}

static void choose_blocks(product *x) {
  const gk_matmul_set *set = x->set;
  x->width = set->vectors * set->lanes;
  x->row_blocks = blocks(x->m, BLOCK_ROWS);
  x->buffer_c = x->c.convert || x->c.column != 1;

  // In place wherever rows are contiguous, and neither fall onto the same few sets of the
  // cache nor reach over more memory than it holds.
  int64_t b_bytes = x->k * x->n * set->bytes;
  bool conflicts = x->b.row * set->bytes % 4096 == 0 && x->k >= 256;
  bool in_place = x->b.column == 1 && !x->b.convert &&
                  (x->m <= 2 * set->rows || (!conflicts && b_bytes <= B_IN_PLACE_BYTES &&
                                             (x->n >= 4 * x->width || x->row_blocks == 1)));
  x->b_mode = in_place ? B_IN_PLACE : x->row_blocks == 1 ? B_OWN : B_SHARED;
  x->pack_a = x->a.convert || (x->n > 4 * x->width && x->k * x->m * set->bytes > SHARED_BYTES / 4);
  x->panel = x->pack_a || x->b_mode == B_OWN || x->k > K_IN_PLACE ? K_PANEL : K_IN_PLACE;
  x->panel = smaller(x->panel, x->k);

  // Eight blocks or more, where there are not that many rows by columns as well.
  x->block_columns = x->n;
  int64_t strips = x->batch * x->row_blocks;
  if (strips < 8) x->block_columns = blocks(x->n * strips, 8);
  x->block_columns = round_up(smaller(x->block_columns, BLOCK_COLUMNS), x->width);
  x->column_blocks = blocks(x->n, x->block_columns);
}

gk_status gk_cpu_matmul(const gk_call *call, gk_error *error) {
  const gk_view *out = call->out[0];
  if (out->size == 0) return GK_OK;
  if (call->compute == GK_complex64) return gk_cpu_matmul_complex(call, error);
  int kind = kind_of(call->compute);
  product x = {.set = &gk_matmul_kernels()->sets[kind], .call = call};
  x.kind = kind == GK_MATMUL_F32 ? GK_float32 : call->compute;
  x.m = out->shape[out->ndim - 2];
  x.n = out->shape[out->ndim - 1];
  x.k = call->in[0]->shape[call->in[0]->ndim - 1];
  x.a = matrix_of(call->in[0], x.kind);
  x.b = matrix_of(call->in[1], x.kind);
  x.c = matrix_of(out, x.kind);
  static const char nothing[64]; // for tiles to point at
  if (x.k == 0) {
    x.a = (matrix){(char *)nothing, 0, 0, x.kind, false};
    x.b = (matrix){(char *)nothing, 0, 1, x.kind, false};
  }
  x.batch = out->size / (x.m * x.n);
  if (x.batch > 1) fold_batch(&x);

  if (!run_as_vector(&x)) {
    choose_blocks(&x);
    if (x.b_mode == B_SHARED) {
      product item = x;
      for (int64_t i = 0; i < x.batch; i++) {
        item.a.data = x.a.data;
        item.b.data = x.b.data;
        item.c.data = x.c.data;
        if (i > 0) {
          move_to(&item.a, call->in[0], out, i);
          move_to(&item.b, call->in[1], out, i);
          move_to(&item.c, out, out, i);
        }
        run_shared(&item);
      }
      if (item.out_of_memory) x.out_of_memory = true;
    } else {
      double flops = 2.0 * (double)smaller(BLOCK_ROWS, x.m) * (double)x.block_columns * (double)x.k;
      gk_parallel(x.batch * x.row_blocks * x.column_blocks,
                  1 + (int64_t)(PIECE_FLOPS / (flops + 1)), run_blocks, &x);
    }
  }
  if (x.out_of_memory)
    return gk_error_set(error, GK_OUT_OF_MEMORY, "matmul: no memory for packing its operands");
  return GK_OK;
}
