// Copies between any two views, and the conversions and gathers that other families use.
#include "copy.h"

#include <string.h>

#if defined(__x86_64__) || defined(_M_X64)
#include <emmintrin.h>
#endif

#include "blocks.h"

// ---- conversions

// What has no loop of its own goes through float32: float16, bfloat16 and complex64 to and from
// anything. Integers beyond 2^24 are rounded to float32 first, as PyTorch does.
static __attribute__((noinline)) void cast_through_float(int64_t n, const char *in, uint8_t from,
                                                         char *out, uint8_t to) {
  const gk_copy_kernels *kernels = gk_copy();
  // float64 is rounded to a 16-bit float only once.
  gk_cast_fn first = from == GK_float64 && (to == GK_float16 || to == GK_bfloat16)
                         ? kernels->to_odd
                         : kernels->cast[from][GK_float32];
  gk_cast_fn second = kernels->cast[GK_float32][to];
  float block[GK_BLOCK_ELEMENTS];
  for (int64_t i = 0; i < n; i += GK_BLOCK_ELEMENTS) {
    int64_t count = n - i < GK_BLOCK_ELEMENTS ? n - i : GK_BLOCK_ELEMENTS;
    first(count, in + i * gk_dtypes[from].size, block);
    second(count, block, out + i * gk_dtypes[to].size);
  }
}

// A function for each such pair, since a gk_cast_fn knows its dtypes.
#define THROUGH(from, to)                                                                          \
  static void from##_to_##to(int64_t n, const void *in, void *out) {                               \
    cast_through_float(n, in, GK_##from, out, GK_##to);                                            \
  }
#define BOTH_WAYS(a, b) THROUGH(a, b) THROUGH(b, a)
#define THROUGH_NUMBERS(a)                                                                         \
  THROUGH(bool, a)                                                                                 \
  BOTH_WAYS(a, int8)                                                                               \
  BOTH_WAYS(a, uint8)                                                                              \
  BOTH_WAYS(a, int16)                                                                              \
  BOTH_WAYS(a, uint16)                                                                             \
  BOTH_WAYS(a, int32)                                                                              \
  BOTH_WAYS(a, uint32)                                                                             \
  BOTH_WAYS(a, int64)                                                                              \
  BOTH_WAYS(a, uint64)                                                                             \
  BOTH_WAYS(a, float64)
THROUGH_NUMBERS(float16)
THROUGH_NUMBERS(bfloat16)
THROUGH_NUMBERS(complex64)
BOTH_WAYS(float16, bfloat16)
BOTH_WAYS(float16, complex64)
BOTH_WAYS(bfloat16, complex64)

#define NUMBERS_TO(a)                                                                              \
  [GK_bool][GK_##a] = bool_to_##a, [GK_int8][GK_##a] = int8_to_##a,                                \
  [GK_uint8][GK_##a] = uint8_to_##a, [GK_int16][GK_##a] = int16_to_##a,                            \
  [GK_uint16][GK_##a] = uint16_to_##a, [GK_int32][GK_##a] = int32_to_##a,                          \
  [GK_uint32][GK_##a] = uint32_to_##a, [GK_int64][GK_##a] = int64_to_##a,                          \
  [GK_uint64][GK_##a] = uint64_to_##a, [GK_float64][GK_##a] = float64_to_##a
#define TO_NUMBERS(a)                                                                              \
  [GK_##a][GK_int8] = a##_to_int8, [GK_##a][GK_uint8] = a##_to_uint8,                              \
  [GK_##a][GK_int16] = a##_to_int16, [GK_##a][GK_uint16] = a##_to_uint16,                          \
  [GK_##a][GK_int32] = a##_to_int32, [GK_##a][GK_uint32] = a##_to_uint32,                          \
  [GK_##a][GK_int64] = a##_to_int64, [GK_##a][GK_uint64] = a##_to_uint64,                          \
  [GK_##a][GK_float64] = a##_to_float64

static const gk_cast_fn through_float[GK_DTYPE_COUNT][GK_DTYPE_COUNT] = {
    NUMBERS_TO(float16),
    NUMBERS_TO(bfloat16),
    NUMBERS_TO(complex64),
    TO_NUMBERS(float16),
    TO_NUMBERS(bfloat16),
    TO_NUMBERS(complex64),
    [GK_float16][GK_bfloat16] = float16_to_bfloat16,
    [GK_bfloat16][GK_float16] = bfloat16_to_float16,
    [GK_float16][GK_complex64] = float16_to_complex64,
    [GK_complex64][GK_float16] = complex64_to_float16,
    [GK_bfloat16][GK_complex64] = bfloat16_to_complex64,
    [GK_complex64][GK_bfloat16] = complex64_to_bfloat16,
};

gk_cast_fn gk_cpu_cast(uint8_t from, uint8_t to) {
  gk_cast_fn fn = gk_copy()->cast[from][to];
  return fn ? fn : through_float[from][to];
}

// ---- gather, scatter, splat

// Calls `macro` with the unsigned type of `bytes` bytes.
#define BY_SIZE(bytes, macro)                                                                      \
  switch (bytes) {                                                                                 \
  case 1:                                                                                          \
    macro(uint8_t);                                                                                \
    break;                                                                                         \
  case 2:                                                                                          \
    macro(uint16_t);                                                                               \
    break;                                                                                         \
  case 4:                                                                                          \
    macro(uint32_t);                                                                               \
    break;                                                                                         \
  default:                                                                                         \
    macro(uint64_t);                                                                               \
    break;                                                                                         \
  }

void gk_cpu_gather(int64_t n, int bytes, const void *in, int64_t stride, void *out) {
  if (n <= 0) return;
  if (stride == 1) {
    memcpy(out, in, (size_t)n * (size_t)bytes);
    return;
  }
  if (stride == 0) {
    gk_cpu_splat(n, bytes, in, out);
    return;
  }
  if (stride == 2 || stride == -1) {
    const gk_copy_kernels *kernels = gk_copy();
    (stride == 2 ? kernels->every_second : kernels->backwards)[bytes](n, in, out);
    return;
  }
#define GATHER(T)                                                                                  \
  for (int64_t i = 0; i < n; i++) ((T *)out)[i] = ((const T *)in)[i * stride]
  BY_SIZE(bytes, GATHER)
}

void gk_cpu_scatter(int64_t n, int bytes, const void *in, void *out, int64_t stride) {
  if (n <= 0) return;
  if (stride == 1) {
    memcpy(out, in, (size_t)n * (size_t)bytes);
    return;
  }
#define SCATTER(T)                                                                                 \
  for (int64_t i = 0; i < n; i++) ((T *)out)[i * stride] = ((const T *)in)[i]
  BY_SIZE(bytes, SCATTER)
}

void gk_cpu_splat(int64_t n, int bytes, const void *value, void *out) {
  if (bytes == 1) {
    memset(out, *(const uint8_t *)value, n > 0 ? (size_t)n : 0);
    return;
  }
#define SPLAT(T)                                                                                   \
  do {                                                                                             \
    T v;                                                                                           \
    memcpy(&v, value, sizeof v);                                                                   \
    for (int64_t i = 0; i < n; i++) ((T *)out)[i] = v;                                             \
  } while (0)
  BY_SIZE(bytes, SPLAT)
}

// ---- streaming

void gk_copy_streaming(int64_t bytes, const void *in, void *out) {
  int64_t head = (int64_t)(-(uintptr_t)out & 63); // to the next cache line
  if (head > bytes) head = bytes;
  memcpy(out, in, (size_t)head);
  int64_t lines = (bytes - head) / 64, done = head + lines * 64;
  gk_copy()->stream_lines(lines, (const char *)in + head, (char *)out + head);
  memcpy((char *)out + done, (const char *)in + done, (size_t)(bytes - done));
}

void gk_stream_fence(void) {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_sfence();
#endif
}

// ---- copies

// Elements that take 50 to 100 us on one thread.
enum { GRAIN = 1 << 18 };

// Both views with the output's axes by falling stride and none of its strides negative, which
// makes what can be contiguous so; the elements still correspond.
static void order_axes(gk_view *out, gk_view *in) {
  for (int d = 0; d < out->ndim; d++) {
    if (out->strides[d] >= 0 || out->shape[d] == 0) continue;
    int64_t last = out->shape[d] - 1;
    out->offset += last * out->strides[d] * gk_dtypes[out->dtype].size;
    in->offset += last * in->strides[d] * gk_dtypes[in->dtype].size;
    out->strides[d] = -out->strides[d];
    in->strides[d] = -in->strides[d];
  }
  for (int d = 1; d < out->ndim; d++) {
    for (int e = d; e > 0 && out->strides[e - 1] < out->strides[e]; e--) {
#define SWAP(array)                                                                                \
  do {                                                                                             \
    int64_t held = (array)[e];                                                                     \
    (array)[e] = (array)[e - 1];                                                                   \
    (array)[e - 1] = held;                                                                         \
  } while (0)
      SWAP(out->shape);
      SWAP(out->strides);
      SWAP(in->shape);
      SWAP(in->strides);
#undef SWAP
    }
  }
}

// One axis is contiguous in the output, another one in the input: tiles of the two, in strips of
// columns, for every index of the other axes.
typedef struct transposition {
  gk_loop loop;
  int row_axis, column_axis; // contiguous in the output; in the input
  int size;
  char *out;
  const char *in;
  gk_transpose_fn fn;
} transposition;

// A part whose pages, on either side, the first level of the TLB can nearly hold.
enum { PART_ROWS = 256, PART_COLUMNS = 256 };

static bool find_transposition(transposition *t, const gk_view *out, const gk_view *in) {
  t->size = gk_dtypes[out->dtype].size;
  if (in->dtype != out->dtype || t->size < 4) return false;
  const gk_view *views[2] = {out, in};
  gk_loop_build(&t->loop, 2, views);
  int last = t->loop.ndim - 1;
  const int64_t *from = t->loop.strides[1];
  if (last < 1 || t->loop.strides[0][last] != 1 || from[last] == 1 || from[last] == 0) return false;
  t->row_axis = last;
  for (t->column_axis = last - 1; t->column_axis >= 0; t->column_axis--)
    if (from[t->column_axis] == 1) break;
  if (t->column_axis < 0) return false;
  t->out = gk_view_data(out);
  t->in = gk_view_data(in);
  t->fn = t->size == 4 ? gk_copy()->transpose4 : gk_copy()->transpose8;
  return true;
}

// `begin` and `end` count columns of all tiles' planes.
static void transpose_columns(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const transposition *t = context;
  const int64_t *shape = t->loop.shape, *to = t->loop.strides[0], *from = t->loop.strides[1];
  int64_t rows = shape[t->row_axis], columns = shape[t->column_axis];
  int64_t out_stride = to[t->column_axis], in_stride = from[t->row_axis];
  for (int64_t i = begin, n; i < end; i += n) {
    int64_t column = i % columns, plane = i / columns;
    n = columns - column < end - i ? columns - column : end - i;
    if (n > PART_COLUMNS) n = PART_COLUMNS;
    int64_t out_offset = column * out_stride, in_offset = column;
    for (int d = t->loop.ndim - 1; d >= 0; d--) {
      if (d == t->row_axis || d == t->column_axis) continue;
      out_offset += plane % shape[d] * to[d];
      in_offset += plane % shape[d] * from[d];
      plane /= shape[d];
    }
    for (int64_t r = 0; r < rows; r += PART_ROWS)
      t->fn(rows - r < PART_ROWS ? rows - r : PART_ROWS, n,
            t->in + (in_offset + r * in_stride) * t->size, in_stride,
            t->out + (out_offset + r) * t->size, out_stride);
  }
}

gk_status gk_cpu_copy(const gk_call *call, gk_error *error) {
  (void)error; // nothing here can fail
  const gk_view *in = call->in[0], *out = call->out[0];
  if (out->size == 0) return GK_OK;
  if (in->contiguous && out->contiguous && in->dtype == out->dtype && out->size <= GRAIN) {
    memcpy(gk_view_data(out), gk_view_data(in), (size_t)gk_view_bytes(out));
    return GK_OK;
  }
  gk_view ordered_out, ordered_in;
  if (!out->contiguous) {
    ordered_out = *out;
    ordered_in = *in;
    order_axes(&ordered_out, &ordered_in);
    out = &ordered_out;
    in = &ordered_in;
  }
  transposition t;
  if (find_transposition(&t, out, in)) {
    int64_t rows = t.loop.shape[t.row_axis];
    int64_t grain = (GRAIN / rows + 16) & ~(int64_t)15;
    gk_parallel(out->size / rows, grain, transpose_columns, &t);
    return GK_OK;
  }
  gk_block_job job = {.inputs = 1, .in = {in}, .out = out, .grain = GRAIN, .light = true};
  job.through[0] = job.work[0] = job.result = out->dtype;
  gk_blocks_run(&job);
  return GK_OK;
}
