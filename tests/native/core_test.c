// The ABI driven from C: handles, scopes, memory, ops of every family, streams, graphs, faults.
#include "test.h"

#include <math.h>
#include <pthread.h>

#include "../../csrc/core/isolate.h"

typedef struct bench_block {
  _Alignas(64) char bytes[GK_BLOCK_BYTES];
} bench_block;

static _Thread_local bench_block block;
static _Thread_local uint32_t root;
#define IN_U32 ((uint32_t *)block.bytes)
#define IN_F64 ((double *)block.bytes)
#define OUT ((gk_block_output *)(block.bytes + GK_BLOCK_BYTES / 2))

static uint32_t from_floats(uint32_t ctx, int ndim, const double *shape, const float *data) {
  double n = 1;
  for (int i = 0; i < ndim; i++) n *= IN_F64[i] = shape[i];
  return gk_array_from_host(ctx, GK_float32, (uint32_t)ndim, data, n * 4);
}
static uint32_t vector(uint32_t ctx, int n, const float *data) {
  return from_floats(ctx, 1, (double[]){n}, data);
}
static uint32_t ranged(uint32_t ctx, double start, double n, int dtype) {
  IN_U32[16] = 0;
  IN_F64[16] = start, IN_F64[17] = 1, IN_F64[18] = n;
  return gk_submit(ctx, GK_OP_arange, 0, 3, 0, (uint32_t)dtype);
}
static uint32_t reduce(uint32_t ctx, int op, uint32_t a, int axis) {
  IN_U32[0] = a, IN_U32[16] = 0;
  IN_F64[16] = axis;
  return gk_submit(ctx, (uint32_t)op, 1, axis == 99 ? 0 : 1, axis == 99 ? 2 : 0, 0);
}
static double item(uint32_t a) { return gk_array_item(root, a); }
static double live(void) {
  gk_memory_query(root, 0);
  return OUT->values[7];
}
static double used(void) {
  gk_memory_query(root, 0);
  return OUT->values[0];
}
static bool failed_with(gk_status status, const char *part) {
  OUT->text[OUT->text_bytes] = 0;
  bool ok = OUT->status == (int)status && strstr(OUT->text, part);
  if (!ok) fprintf(stderr, "  status %d: %s\n", OUT->status, OUT->text);
  return ok;
}

static void test_handles(void) {
  const float data[] = {1, 2, 3, 4};
  uint32_t a = vector(root, 4, data);
  CHECK(a && a < 1u << 30);
  CHECK(gk_array_is_live(root, a));
  CHECK(gk_array_describe(root, a) == GK_OK && OUT->ndim == 1 && OUT->shape[0] == 4 &&
        OUT->strides[0] == 4 && OUT->flags == 3);
  CHECK(gk_array_dispose(root, a) == 1);
  CHECK(gk_array_dispose(root, a) == 0);
  CHECK(!gk_array_is_live(root, a));
  CHECK(gk_submit_unary(root, GK_OP_neg, a, 0) == 0 && failed_with(GK_DISPOSED, "neg: operand 1"));
  CHECK(gk_submit_unary(root, GK_OP_neg, 12345, 0) == 0 && failed_with(GK_DISPOSED, "disposed"));
  CHECK(gk_submit_unary(root, 4095, a, 0) == 0 && failed_with(GK_ARGUMENT, "op code"));
  CHECK(gk_submit_unary(70000, GK_OP_neg, a, 0) == 0);
  // A handle recurs only after very many allocations.
  uint32_t first = vector(root, 4, data);
  gk_array_dispose(root, first);
  bool seen = false;
  for (int i = 0; i < 100000; i++) {
    uint32_t h = vector(root, 4, data);
    seen |= h == first;
    gk_array_dispose(root, h);
  }
  CHECK(!seen);
  CHECK(live() == 0 && used() == 0);
}

static void test_elementwise(void) {
  uint32_t scope = gk_context_begin(root, 0);
  const float x[] = {1, 2, 3, 4, 5, 6}, y[] = {10, 20, 30};
  uint32_t a = from_floats(scope, 2, (double[]){2, 3}, x), b = vector(scope, 3, y);
  uint32_t c = gk_submit_binary(scope, GK_OP_add, a, b, 0, 0);
  float got[6];
  CHECK(gk_array_read(scope, c, got, sizeof got, 0) == GK_OK);
  for (int i = 0; i < 6; i++) CHECK(got[i] == x[i] + y[i % 3]);
  CHECK(gk_submit_binary(scope, GK_OP_sub, a, 0, c, 1) == c);
  gk_array_read(scope, c, got, sizeof got, 0);
  for (int i = 0; i < 6; i++) CHECK(got[i] == x[i] - 1);
  CHECK(gk_submit_binary(scope, GK_OP_sub, 0, a, c, 1) == c);
  gk_array_read(scope, c, got, sizeof got, 0);
  for (int i = 0; i < 6; i++) CHECK(got[i] == 1 - x[i]);
  CHECK(!gk_submit_binary(scope, GK_OP_add, a, vector(scope, 2, y), 0, 0) &&
        failed_with(GK_SHAPE, "float32 [2, 3] and float32 [2] cannot be broadcast"));
  CHECK(!gk_submit_binary(scope, GK_OP_add, a, b, b, 0) && failed_with(GK_SHAPE, "out is"));
  CHECK(!gk_submit_binary(scope, GK_OP_add, 0, 0, 0, 3) && failed_with(GK_ARGUMENT, "no operand"));
  // Weak numbers on integers.
  uint32_t i8 = ranged(scope, 0, 5, GK_int8);
  CHECK(gk_submit_binary(scope, GK_OP_add, i8, 0, 0, 7));
  CHECK(!gk_submit_binary(scope, GK_OP_add, i8, 0, 0, 1.5) && failed_with(GK_DTYPE, "1.5"));
  CHECK(!gk_submit_binary(scope, GK_OP_add, i8, 0, 0, 300) && failed_with(GK_DTYPE, "300"));
  CHECK(!gk_submit_binary(scope, GK_OP_add, i8, 0, 0, NAN) && failed_with(GK_DTYPE, "nan"));
  // Comparisons take any number, exactly.
  const struct {
    int op;
    double value;
    int left, count;
  } compares[] = {
      {GK_OP_less, 2.5, 0, 3},      {GK_OP_less_equal, 2.5, 0, 3},
      {GK_OP_greater, 2.5, 0, 2},   {GK_OP_greater_equal, 2.5, 0, 2},
      {GK_OP_equal, 2.5, 0, 0},     {GK_OP_not_equal, 2.5, 0, 5},
      {GK_OP_less, 1e300, 0, 5},    {GK_OP_less, -1e300, 0, 0},
      {GK_OP_greater, 1e300, 0, 0}, {GK_OP_greater, -1e300, 0, 5},
      {GK_OP_less, NAN, 0, 0},      {GK_OP_not_equal, NAN, 0, 5},
      {GK_OP_less, 2.5, 1, 2},      {GK_OP_greater, 2.5, 1, 3},
      {GK_OP_less, 128, 0, 5},      {GK_OP_greater_equal, 128, 0, 0},
      {GK_OP_equal, 3, 0, 1},       {GK_OP_less_equal, 3, 0, 4},
      {GK_OP_less, 1e300, 1, 0},    {GK_OP_greater, INFINITY, 1, 5},
  };
  for (size_t i = 0; i < sizeof compares / sizeof *compares; i++) {
    uint32_t m = gk_submit_binary(scope, (uint32_t)compares[i].op, compares[i].left ? 0 : i8,
                                  compares[i].left ? i8 : 0, 0, compares[i].value);
    CHECKF(item(reduce(scope, GK_OP_sum, m, 99)) == compares[i].count, "comparison %zu", i);
  }
  // where: the mask's dtype takes no part; two numbers give float32.
  uint32_t mask = gk_submit_binary(scope, GK_OP_greater, a, 0, 0, 2);
  uint32_t w = gk_submit_ternary(scope, GK_OP_where, mask, 0, 0, 0, 0, 1, 0);
  CHECK(gk_array_describe(scope, w) == GK_OK && OUT->dtype == GK_float32);
  CHECK(item(reduce(scope, GK_OP_sum, w, 99)) == 4);
  // In place and overlap.
  CHECK(gk_submit_binary(scope, GK_OP_mul, a, a, a, 0) == a);
  CHECK(item(reduce(scope, GK_OP_sum, a, 99)) == 91);
  IN_F64[0] = 0, IN_F64[1] = 1, IN_F64[2] = NAN, IN_F64[3] = NAN;
  uint32_t tail = gk_array_view(scope, GK_VIEW_SLICE, b, 4);
  IN_F64[0] = 0, IN_F64[1] = NAN, IN_F64[2] = 2, IN_F64[3] = NAN;
  uint32_t head = gk_array_view(scope, GK_VIEW_SLICE, b, 4);
  CHECK(head && tail);
  CHECK(!gk_submit_binary(scope, GK_OP_add, tail, 0, head, 1) &&
        failed_with(GK_ARGUMENT, "overlaps"));
  CHECK(gk_context_end(scope, 0, 0) > 0);
  CHECK(live() == 0 && used() == 0);
}

static void test_general(void) {
  uint32_t scope = gk_context_begin(root, 0);
  const float x[] = {3, 1, 2, 6, 5, 4};
  uint32_t a = from_floats(scope, 2, (double[]){2, 3}, x);
  float got[9];
  CHECK(item(reduce(scope, GK_OP_sum, a, 99)) == 21);
  uint32_t rows = reduce(scope, GK_OP_max, a, 1);
  CHECK(gk_array_read(scope, rows, got, 8, 0) == GK_OK && got[0] == 3 && got[1] == 6);
  CHECK(!reduce(scope, GK_OP_sum, a, 2) && failed_with(GK_SHAPE, "axis 2 is out of range"));
  CHECK(item(reduce(scope, GK_OP_argmax, a, 99)) == 3);
  IN_U32[0] = a, IN_U32[16] = 0, IN_F64[16] = -1;
  uint32_t sorted = gk_submit(scope, GK_OP_sort, 1, 1, 0, 0);
  CHECK(gk_array_read(scope, sorted, got, 24, 0) == GK_OK && got[0] == 1 && got[5] == 6);
  IN_U32[0] = a, IN_U32[16] = 0;
  uint32_t t = gk_array_view(scope, GK_VIEW_TRANSPOSE, a, 0);
  IN_U32[0] = a, IN_U32[1] = t, IN_U32[16] = 0;
  uint32_t product = gk_submit(scope, GK_OP_matmul, 2, 0, 0, 0);
  CHECK(gk_array_read(scope, product, got, 16, 0) == GK_OK && got[0] == 14 && got[3] == 77 &&
        got[1] == 31);
  IN_U32[0] = a, IN_U32[1] = a, IN_U32[16] = 0;
  CHECK(!gk_submit(scope, GK_OP_matmul, 2, 0, 0, 0) && failed_with(GK_SHAPE, "do not multiply"));
  // take: an index out of range reads as 0 and raises at the next synchronisation, once.
  uint32_t indices = ranged(scope, 1, 3, GK_int64);
  IN_U32[0] = a, IN_U32[1] = indices, IN_U32[16] = 0, IN_F64[16] = 0;
  uint32_t taken = gk_submit(scope, GK_OP_take, 2, 1, 0, 0);
  CHECK(taken);
  CHECK(gk_array_read(scope, taken, got, 36, 0) == GK_INDEX && failed_with(GK_INDEX, "take"));
  CHECK(gk_array_read(scope, taken, got, 36, 0) == GK_OK && got[0] == 6 && got[3] == 0);
  // A copy onto an overlapping view goes through a temporary.
  uint32_t line = ranged(scope, 0, 6, GK_float32);
  IN_F64[0] = 0, IN_F64[1] = 1, IN_F64[2] = NAN, IN_F64[3] = NAN;
  uint32_t to = gk_array_view(scope, GK_VIEW_SLICE, line, 4);
  IN_F64[0] = 0, IN_F64[1] = NAN, IN_F64[2] = -1, IN_F64[3] = NAN;
  uint32_t from = gk_array_view(scope, GK_VIEW_SLICE, line, 4);
  IN_U32[0] = from, IN_U32[16] = to;
  CHECK(gk_submit(scope, GK_OP_copy, 1, 0, 0, 0) == to);
  gk_array_read(scope, line, got, 24, 0);
  for (int i = 0; i < 6; i++) CHECK(got[i] == (i ? i - 1 : 0));
  // Random: the same seed gives the same numbers, and launches move on.
  float r1[4], r2[4];
  for (int round = 0; round < 2; round++) {
    gk_generator_seed(root, 0, 7, 0);
    IN_U32[16] = 0;
    IN_F64[16] = 0, IN_F64[17] = 0, IN_F64[18] = 1, IN_F64[19] = 4;
    uint32_t u = gk_submit(scope, GK_OP_random_uniform, 0, 4, 0, GK_float32);
    gk_array_read(scope, u, round ? r2 : r1, 16, 0);
  }
  CHECK(memcmp(r1, r2, 16) == 0);
  gk_context_end(scope, 0, 0);
  CHECK(live() == 0 && used() == 0);
}

static void test_scopes(void) {
  const float one[] = {1};
  uint32_t outer = gk_context_begin(root, 0), inner = gk_context_begin(outer, 0);
  uint32_t a = vector(inner, 1, one), b = vector(inner, 1, one), c = vector(outer, 1, one);
  CHECK(gk_array_move(inner, a, outer) == GK_OK);
  CHECK(gk_array_move(inner, c, root) == GK_OK); // not inner's: stays
  CHECK(gk_context_end(inner, 0, 0) == 1);
  CHECK(gk_array_is_live(root, a) && !gk_array_is_live(root, b) && gk_array_is_live(root, c));
  CHECK(gk_context_end(outer, 1, root) == 2);
  CHECK(gk_array_is_live(root, a) && gk_array_is_live(root, c));
  gk_array_dispose(root, a), gk_array_dispose(root, c);
  CHECK(live() == 0);
  CHECK(gk_context_end(outer, 0, 0) == 0); // ended already
  // A million scopes stay bounded.
  uint32_t kept = vector(root, 1, one);
  for (int i = 0; i < 1000000; i++) {
    uint32_t s = gk_context_begin(root, 0);
    gk_submit_binary(s, GK_OP_add, kept, kept, 0, 0);
    gk_context_end(s, 0, 0);
  }
  gk_memory_query(root, 0);
  CHECK(OUT->values[7] == 1 && OUT->values[8] < 1000 && OUT->values[9] == 0);
  gk_array_dispose(root, kept);
  // The table fills with an error that names the remedy.
  uint32_t scope = gk_context_begin(root, 0), n = 0, h;
  while ((h = ranged(scope, 0, 1, GK_float32)) != 0) n++;
  CHECK(n > 1000000 && failed_with(GK_OUT_OF_MEMORY, "gk.scope"));
  CHECK(gk_context_end(scope, 0, 0) == n);
  CHECK(live() == 0 && used() == 0);
}

static void test_streams(void) {
  uint32_t scope = gk_context_begin(root, 0);
  double n = 4e6;
  uint32_t s1 = gk_stream_create(root, 0, 0), s2 = gk_stream_create(root, 0, 1);
  CHECK(s1 && s2 && !gk_stream_create(root, 9, 0) && !gk_stream_create(root, 0, 5));
  uint32_t a = ranged(scope, 0, n, GK_float64);
  for (int round = 0; round < 5; round++) {
    // A chain over two streams: each op needs the one before it on the other.
    uint32_t word1 = (s1 & 0xffff) << 16, word2 = (s2 & 0xffff) << 16;
    uint32_t b = gk_submit_binary(scope, GK_OP_add | word1, a, 0, 0, 1);
    uint32_t c = gk_submit_binary(scope, GK_OP_mul | word2, b, 0, 0, 2);
    uint32_t d = gk_submit_binary(scope, GK_OP_sub | word1, c, b, 0, 0);
    CHECK(gk_submit_binary(scope, GK_OP_sub | word2, d, 0, b, 1) ==
          b); // b is read on s1 until then
    gk_array_dispose(scope, c); // legal at once
    gk_array_dispose(scope, d);
    double last;
    CHECK(gk_array_read(scope, b, &last, 8, (n - 1) * 8) == GK_OK);
    CHECKF(last == n - 1, "round %d: %g", round, last);
    gk_array_dispose(scope, b);
  }
  // A queue is bounded: who submits faster than it runs waits. Each op here is queued.
  uint32_t middling = ranged(scope, 0, 13000, GK_float64);
  for (int i = 0; i < 6000; i++)
    gk_submit_unary(scope, GK_OP_exp | (s1 & 0xffff) << 16, middling, middling);
  gk_stream *queue = gk_object_get(gk_contexts[root].isolate, s1, GK_STREAM);
  CHECK(queue->submitted - atomic_load(&queue->completed) <= 4096);
  CHECK(gk_array_read(scope, middling, &(double){0}, 8, 0) == GK_OK);
  uint32_t big = gk_submit_binary(scope, GK_OP_add | (s1 & 0xffff) << 16, a, 0, 0, 1);
  uint32_t e0 = gk_stream_record(root, s1);
  uint32_t ticket = gk_completion_request(root, s1, 77);
  if (ticket == 1) {
    CHECK(gk_completion_wait(gk_completion_ring(root)) == 1);
    CHECK(gk_completion_drain(root) == 1 && IN_U32[0] == 77);
  }
  CHECK(gk_stream_synchronize(root, s1, -1) == GK_OK && gk_event_query(root, e0));
  CHECK(gk_completion_request(root, s1, 78) == 2);
  uint32_t e1 = gk_stream_record(root, s1);
  CHECK(gk_event_elapsed(root, e0, e1) >= 0 && isnan(gk_event_elapsed(root, e0, 9)));
  CHECK(gk_stream_wait(root, s2, e0) == GK_OK && gk_event_dispose(root, e0));
  CHECK(gk_array_describe(root, big) == GK_OK && OUT->flags == 3);
  uint32_t inner = gk_context_begin(scope, s1);
  CHECK(gk_submit_binary(inner, GK_OP_add, big, 0, big, 1) == big);
  CHECK(gk_stream_dispose(root, s1) == GK_OK && gk_stream_dispose(root, s1) == GK_DISPOSED);
  CHECK(gk_submit_binary(inner, GK_OP_add, big, 0, big, 1) == big); // on the default stream now
  CHECK(gk_context_end(inner, 1, scope) == 0);
  CHECK(!gk_submit_binary(scope, GK_OP_add | (s1 & 0xffff) << 16, a, 0, 0, 1) &&
        failed_with(GK_DISPOSED, "stream"));
  gk_stream_dispose(root, s2);
  gk_event_dispose(root, e1);
  gk_stream_synchronize(root, 0, 0);
  gk_context_end(scope, 0, 0);
  CHECK(live() == 0 && used() == 0);
}

static void test_graphs(void) {
  uint32_t scope = gk_context_begin(root, 0);
  const float x[] = {1, 2, 3, 4};
  uint32_t a = vector(scope, 4, x);
  CHECK(gk_graph_begin(scope) == GK_OK && gk_graph_begin(scope) == GK_UNSUPPORTED);
  uint32_t b = gk_submit_binary(scope, GK_OP_mul, a, 0, 0, 2);
  uint32_t c = gk_submit_binary(scope, GK_OP_add, b, 0, 0, 1);
  CHECK(gk_array_item(scope, c) == 0);
  float got[4];
  CHECK(gk_array_read(scope, c, got, 16, 0) == GK_UNSUPPORTED &&
        failed_with(GK_UNSUPPORTED, "graph"));
  IN_U32[16] = 0, IN_F64[16] = 0, IN_F64[17] = 0, IN_F64[18] = 1, IN_F64[19] = 4;
  uint32_t u = gk_submit(scope, GK_OP_random_uniform, 0, 4, 0, GK_float32);
  gk_array_dispose(scope, b);
  uint32_t g = gk_graph_end(scope, 0);
  CHECK(g);
  float drawn[2][4];
  for (int i = 0; i < 2; i++) {
    CHECK(gk_submit_binary(scope, GK_OP_add, a, 0, a, 1) == a);
    CHECK(gk_graph_launch(root, g, 0) == GK_OK);
    CHECK(gk_array_read(scope, c, got, 16, 0) == GK_OK && got[3] == (4 + i + 1) * 2 + 1);
    gk_array_read(scope, u, drawn[i], 16, 0);
  }
  CHECK(memcmp(drawn[0], drawn[1], 16) != 0);
  // The graph holds its operands.
  gk_array_dispose(scope, a);
  CHECK(gk_graph_launch(root, g, 0) == GK_OK);
  // A large one is queued, and its launches keep their order.
  uint32_t big = ranged(scope, 0, 3e6, GK_float32);
  CHECK(gk_graph_begin(scope) == GK_OK);
  CHECK(gk_submit_binary(scope, GK_OP_add, big, 0, big, 1) == big);
  uint32_t g2 = gk_graph_end(scope, 0);
  for (int i = 0; i < 10; i++) CHECK(gk_graph_launch(root, g2, 0) == GK_OK);
  CHECK(gk_graph_dispose(root, g2) == 1 && gk_graph_dispose(root, g2) == 0);
  CHECK(gk_array_read(scope, big, got, 4, 0) == GK_OK && got[0] == 10);
  CHECK(gk_graph_launch(root, g2, 0) == GK_DISPOSED);
  CHECK(gk_graph_begin(scope) == GK_OK);
  uint32_t lost = gk_submit_binary(scope, GK_OP_add, c, 0, 0, 1);
  CHECK(gk_graph_end(scope, 1) == 0 && OUT->status == GK_OK);
  CHECK(gk_array_read(scope, lost, got, 16, 0) == GK_ARGUMENT &&
        failed_with(GK_ARGUMENT, "recording"));
  uint32_t heir = gk_submit_binary(scope, GK_OP_add, lost, 0, 0, 1);
  CHECK(heir && gk_array_read(scope, heir, got, 16, 0) == GK_ARGUMENT);
  // Whoever waits for the stream is told once.
  CHECK(gk_stream_synchronize(root, 0, -1) == GK_ARGUMENT);
  CHECK(gk_stream_synchronize(root, 0, -1) == GK_OK);
  gk_graph_dispose(root, g);
  gk_context_end(scope, 0, 0);
  CHECK(live() == 0 && used() == 0);
}

static void test_buffers(void) {
  static _Alignas(64) float host[1000];
  for (int i = 0; i < 1000; i++) host[i] = (float)i;
  uint32_t scope = gk_context_begin(root, 0);
  uint32_t b = gk_buffer_register(root, host, sizeof host);
  uint32_t a = ranged(scope, 0, 1000, GK_float32);
  CHECK(b && !gk_buffer_register(root, host, 0));
  CHECK(gk_submit_binary(scope, GK_OP_mul, a, 0, a, 3) == a);
  CHECK(gk_buffer_copy(scope, b, a, 0, 0) == GK_OK);
  CHECK(gk_stream_synchronize(root, 0, -1) == GK_OK && gk_buffer_collect(scope, b) == GK_OK);
  CHECK(host[999] == 2997);
  host[0] = 5;
  CHECK(gk_buffer_copy(scope, b, a, 1, 0) == GK_OK);
  float first;
  IN_F64[0] = 1, IN_F64[1] = 0, IN_F64[2] = NAN, IN_F64[3] = NAN;
  CHECK(gk_array_read(scope, gk_array_view(scope, GK_VIEW_SLICE, a, 4), &first, 4, 0) == GK_OK &&
        first == 5);
  CHECK(gk_buffer_copy(scope, b, a, 1, 4) == GK_SHAPE);
  CHECK(gk_buffer_copy(scope, b, a, 1, NAN) == GK_SHAPE);
  CHECK(gk_buffer_release(root, b) == 1 && gk_buffer_release(root, b) == 0);
  gk_context_end(scope, 0, 0);
  CHECK(live() == 0 && used() == 0);
}

static void test_limits(void) {
  uint32_t scope = gk_context_begin(root, 0);
  gk_device *cpu = &gk_devices[0];
  int64_t limit = cpu->limit;
  cpu->limit = 10 << 20;
  CHECK(!ranged(scope, 0, 4e6, GK_float32) && failed_with(GK_OUT_OF_MEMORY, "16000000 bytes"));
  CHECK(ranged(scope, 0, 2e6, GK_float32));
  CHECK(!ranged(scope, 0, 2e6, GK_float32));
  cpu->limit = limit;
  const double sizes[] = {-1, NAN, 1.5, INFINITY, 0x1p53, 1e300};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    CHECK(!ranged(scope, 0, sizes[i], GK_float32));
  CHECK(ranged(scope, 0, 0, GK_float32));
  IN_U32[16] = 0;
  for (int i = 0; i < 20; i++) IN_F64[16 + i] = 1;
  CHECK(!gk_submit(scope, GK_OP_full, 0, 10, 0, GK_float32) &&
        failed_with(GK_SHAPE, "9 dimensions"));
  CHECK(!gk_submit(scope, GK_OP_full, 0, 2, 0, 0) && !gk_submit(scope, GK_OP_full, 0, 2, 0, 99));
  gk_context_end(scope, 0, 0);
  gk_stream_synchronize(root, 0, -1); // a queued op holds its storage
  CHECK(live() == 0 && used() == 0);
}

// ---- isolates on threads

static double shared_token;
static void *isolate_thread(void *value) {
  root = gk_isolate_attach(block.bytes, GK_BLOCK_BYTES);
  if (!root) return value;
  double total = 0;
  for (int i = 0; i < 200; i++) {
    uint32_t s = gk_context_begin(root, 0);
    uint32_t a = ranged(s, 0, 1000 + i, GK_float32);
    uint32_t b = gk_submit_binary(s, GK_OP_add, a, a, 0, 0);
    total += item(reduce(s, GK_OP_sum, b, 99));
    gk_context_end(s, 0, 0);
  }
  if (value) { // leaves work queued and arrays live behind
    uint32_t a = ranged(root, 0, 3e6, GK_float32);
    for (int i = 0; i < 5; i++) gk_submit_binary(root, GK_OP_add, a, 0, 0, 1);
  } else {
    uint32_t taken = gk_array_adopt(root, shared_token);
    if (!taken || gk_array_adopt(root, shared_token)) total = -1;
    if (item(reduce(root, GK_OP_sum, taken, 99)) != 10) total = -1;
  }
  double expected = 0;
  for (int i = 0; i < 200; i++) expected += (1000. + i) * (999. + i);
  return total == expected ? "ok" : NULL;
}

static void test_isolates(void) {
  CHECK(!gk_isolate_attach(block.bytes, 4096) && !gk_isolate_attach(NULL, GK_BLOCK_BYTES));
  uint32_t a = ranged(root, 0, 5, GK_float32);
  shared_token = gk_array_share(root, a);
  CHECK(shared_token > 0 && !gk_array_adopt(root, 1e9) && !gk_array_adopt(root, NAN));
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    pthread_create(&threads[i], NULL, isolate_thread, i ? (void *)"busy" : NULL);
  for (int i = 0; i < 4; i++) {
    void *result;
    pthread_join(threads[i], &result);
    CHECK(result != NULL);
  }
  gk_array_dispose(root, a);
  // What ended isolates left queued runs out and is freed.
  for (int i = 0; i < 2000 && used() != 0; i++) {
    struct timespec pause = {0, 10000000};
    nanosleep(&pause, NULL);
  }
  CHECKF(live() == 0 && used() == 0, "%g live arrays, %g bytes", live(), used());
}

int main(void) {
  CHECK(gk_abi_version() == GK_ABI_VERSION);
  root = gk_isolate_attach(block.bytes, GK_BLOCK_BYTES);
  CHECK(root != 0);
  CHECK(gk_device_info(root, 0) == GK_OK && strstr(OUT->text, "kind\tcpu"));
  CHECK(gk_device_info(root, -1) == GK_OK && gk_device_info(root, 3) == GK_DEVICE);
  test_handles();
  test_elementwise();
  test_general();
  test_scopes();
  test_streams();
  test_graphs();
  test_buffers();
  test_limits();
  test_isolates();
  return test_done();
}
