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
  int own = stride == -1 ? GK_GATHER_BACKWARDS : (int)(stride - 2) + GK_GATHER_2;
  if (stride >= -1 && stride <= 4) {
    gk_copy()->gather[own][bytes](n, in, out);
    return;
  }
#define GATHER(T)                                                                                  \
  for (int64_t i = 0; i < n; i++) ((T *)out)[i] = ((const T *)in)[i * stride]
  GK_BY_SIZE(bytes, GATHER)
}

void gk_cpu_scatter(int64_t n, int bytes, const void *in, void *out, int64_t stride) {
  if (n <= 0) return;
  if (stride == 1) {
    memcpy(out, in, (size_t)n * (size_t)bytes);
    return;
  }
#define SCATTER(T)                                                                                 \
  for (int64_t i = 0; i < n; i++) ((T *)out)[i * stride] = ((const T *)in)[i]
  GK_BY_SIZE(bytes, SCATTER)
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
  GK_BY_SIZE(bytes, SPLAT)
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

gk_status gk_cpu_copy(const gk_call *call, gk_error *error) {
  (void)error; // nothing here can fail
  const gk_view *in = call->in[0], *out = call->out[0];
  if (out->size == 0) return GK_OK;
  if (in->contiguous && out->contiguous && in->dtype == out->dtype && out->size <= GRAIN) {
    memcpy(gk_view_data(out), gk_view_data(in), (size_t)gk_view_bytes(out));
    return GK_OK;
  }
  gk_block_job job = {.inputs = 1, .in = {in}, .out = out, .grain = GRAIN, .light = true};
  job.through[0] = job.work[0] = job.result = out->dtype;
  gk_blocks_run(&job);
  return GK_OK;
}
