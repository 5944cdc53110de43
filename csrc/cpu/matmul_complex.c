// Matrix products of complex64, as one product of float32: the parts of a row of A, in turn, times B with
// every element u + i v written as the matrix [u v; -v u] give the parts of a row of the result. So A
// and the result are used where they lie if their rows are contiguous, else through copies; B is
// written out in twice its size, a piece of limited size at a time.
#include "../core/storage.h"
#include "matmul.h"

#define PIECE_BYTES ((int64_t)32 << 20) // of temporary memory
#define LEAST 16 // rows and columns that are not cut further

enum { CHUNK = 256 };

static bool rows_lie_well(const gk_view *v) {
  int last = v->ndim - 1;
  return v->dtype == GK_complex64 && (v->strides[last] == 1 || v->shape[last] == 1);
}

// Elements without those that only repeat along batch axes.
static int64_t own_size(const gk_view *v) {
  int64_t size = v->shape[v->ndim - 2] * v->shape[v->ndim - 1];
  for (int i = 0; i < v->ndim - 2; i++)
    if (v->strides[i] != 0) size *= v->shape[i];
  return size;
}

// `v` without repetitions, in row-major order at `data`: as it is written, and (seen) with them.
static gk_view copy_of(const gk_view *v, gk_storage *storage, void *data, gk_view *seen) {
  gk_view copy = *v;
  *storage = (gk_storage){.data = data};
  copy.storage = storage;
  copy.offset = 0;
  copy.dtype = GK_complex64;
  for (int i = 0; i < v->ndim - 2; i++)
    if (v->strides[i] == 0) copy.shape[i] = 1;
  gk_view_make_contiguous(&copy);
  *seen = copy;
  for (int i = 0; i < v->ndim - 2; i++) {
    seen->shape[i] = v->shape[i];
    if (v->strides[i] == 0) seen->strides[i] = 0;
  }
  seen->size = v->size;
  gk_view_update_contiguous(seen);
  return copy;
}

// A complex view with contiguous rows, seen as its parts.
static gk_view parts_of(const gk_view *v) {
  gk_view parts = *v;
  int last = v->ndim - 1;
  parts.dtype = GK_float32;
  parts.shape[last] *= 2;
  parts.size *= 2;
  for (int i = 0; i < last; i++) parts.strides[i] *= 2;
  parts.strides[last] = 1;
  gk_view_update_contiguous(&parts);
  return parts;
}

// ---- B written out

typedef struct expansion {
  const gk_view *b; // without repetitions
  float *to; // two rows for each of b's
} expansion;

static void expand_rows(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const expansion *x = context;
  const gk_view *b = x->b;
  int row_axis = b->ndim - 2, bytes = gk_dtypes[b->dtype].size;
  int64_t n = b->shape[row_axis + 1], step = b->strides[row_axis + 1];
  gk_cast_fn cast = gk_cpu_cast(b->dtype, GK_complex64);
  _Alignas(64) char raw[CHUNK * 8];
  gk_complex64 row[CHUNK];
  for (int64_t r = begin; r < end; r++) {
    int64_t offset = 0, rest = r;
    for (int i = row_axis; i >= 0; i--) {
      offset += rest % b->shape[i] * b->strides[i];
      rest /= b->shape[i];
    }
    for (int64_t j = 0; j < n; j += CHUNK) {
      int64_t count = n - j < CHUNK ? n - j : CHUNK;
      gk_cpu_gather(count, bytes, gk_view_data(b) + (offset + j * step) * bytes, step, raw);
      cast(count, raw, row);
      float *upper = x->to + (2 * r * n + j) * 2, *lower = upper + 2 * n;
      for (int64_t i = 0; i < count; i++) {
        upper[2 * i] = row[i].re;
        upper[2 * i + 1] = row[i].im;
        lower[2 * i] = -row[i].im;
        lower[2 * i + 1] = row[i].re;
      }
    }
  }
}

// ---- pieces

static gk_status multiply_piece(const gk_call *call, gk_error *error) {
  const gk_view *a = call->in[0], *b = call->in[1], *c = call->out[0];
  int64_t a_size = rows_lie_well(a) ? 0 : own_size(a), c_size = rows_lie_well(c) ? 0 : c->size;
  gk_complex64 *room =
      gk_scratch(GK_SCRATCH_MATMUL_COMPLEX,
                 (a_size + c_size + 2 * own_size(b)) * (int64_t)sizeof(gk_complex64) + 64);
  if (!room)
    return gk_error_set(error, GK_OUT_OF_MEMORY, "matmul: no memory for writing out its operands");
  gk_storage a_storage, b_storage, c_storage;
  gk_view copy, a_seen = *a, b_seen, c_seen = *c;
  gk_status status = GK_OK;
  if (a_size) {
    copy = copy_of(a, &a_storage, room, &a_seen);
    gk_view once = copy; // `a` in that shape
    once.storage = a->storage;
    once.offset = a->offset;
    once.dtype = a->dtype;
    for (int i = 0; i < a->ndim; i++) once.strides[i] = a->strides[i];
    gk_view_update_contiguous(&once);
    gk_call to_rows = gk_copy_call(&once, &copy);
    if ((status = gk_cpu_copy(&to_rows, error))) return status;
  }
  if (c_size) copy_of(c, &c_storage, room + a_size, &c_seen);

  gk_view b_own = copy_of(b, &b_storage, room + a_size + c_size, &b_seen), b_once = *b;
  for (int i = 0; i < b->ndim; i++) b_once.shape[i] = b_own.shape[i];
  expansion x = {&b_once, (float *)(room + a_size + c_size)};
  int64_t n = b->shape[b->ndim - 1], rows = n ? own_size(b) / n : 0;
  gk_parallel(rows, 1 + (1 << 16) / (n + 1), expand_rows, &x);
  b_seen.shape[b->ndim - 2] *= 2;
  b_seen.size *= 2;
  for (int i = 0; i < b->ndim - 2; i++) b_seen.strides[i] *= 2;

  gk_view a_parts = parts_of(&a_seen), b_parts = parts_of(&b_seen), c_parts = parts_of(&c_seen);
  gk_call real = *call;
  real.compute = GK_float32;
  real.size = c_parts.size;
  real.in[0] = &a_parts;
  real.in[1] = &b_parts;
  real.out[0] = &c_parts;
  if ((status = gk_cpu_matmul(&real, error)) || !c_size) return status;
  gk_call to_out = gk_copy_call(&c_seen, c);
  return gk_cpu_copy(&to_out, error);
}

// `v` from `begin` on along one of its axes; an axis of length 1 is left alone.
static gk_view part_of(const gk_view *v, int axis, int64_t begin, int64_t length) {
  gk_view part = *v;
  part.offset += begin * v->strides[axis] * gk_dtypes[v->dtype].size;
  part.size = v->size / v->shape[axis] * length;
  part.shape[axis] = length;
  gk_view_update_contiguous(&part);
  return part;
}

gk_status gk_cpu_matmul_complex(const gk_call *call, gk_error *error) {
  const gk_view *a = call->in[0], *b = call->in[1], *c = call->out[0];
  if (c->size == 0) return GK_OK;
  int64_t size = 2 * own_size(b);
  if (!rows_lie_well(a)) size += own_size(a);
  if (!rows_lie_well(c)) size += c->size;
  int rows = c->ndim - 2, columns = c->ndim - 1, axis = 0;
  while (axis < rows && c->shape[axis] == 1) axis++;
  if (axis == rows && c->shape[columns] >= c->shape[rows]) axis = columns;
  int64_t least = axis < rows ? 1 : LEAST, length = c->shape[axis];
  if (size * (int64_t)sizeof(gk_complex64) <= PIECE_BYTES || length <= least)
    return multiply_piece(call, error);
  gk_status status = GK_OK;
  for (int64_t begin = 0, half = length / 2; begin < length && !status; begin += half) {
    if (begin) half = length - half;
    gk_view a_part = axis == columns ? *a : part_of(a, axis, begin, half);
    gk_view b_part = axis == rows ? *b : part_of(b, axis, begin, half);
    gk_view c_part = part_of(c, axis, begin, half);
    gk_call part = *call;
    part.size = c_part.size;
    part.in[0] = &a_part;
    part.in[1] = &b_part;
    part.out[0] = &c_part;
    status = gk_cpu_matmul_complex(&part, error);
  }
  return status;
}
