// cpu/copy.c and cpu/create.c: conversions, copies between any two views, transposition, full, arange
// and eye, against scalar references on every instruction set.
#include "random_view.h"

// ---- conversions

static void test_casts(void) {
  enum { N = 700 };
  static _Alignas(64) char in[N * 8], out[N * 8 + 8];
  for (uint8_t from = 1; from < GK_DTYPE_COUNT; from++) {
    for (uint8_t to = 1; to < GK_DTYPE_COUNT; to++) {
      gk_cast_fn cast = gk_cpu_cast(from, to);
      CHECKF(cast != NULL, "%s to %s is missing", gk_dtypes[from].name, gk_dtypes[to].name);
      int from_size = gk_dtypes[from].size, to_size = gk_dtypes[to].size;
      for (int64_t n = 0; n <= N; n = n < 20 ? n + 1 : n * 6 - 19) {
        for (int64_t i = 0; i < n; i++)
          element_write(in + i * from_size, from, element_random(from));
        memset(out, 0x5a, sizeof out);
        cast(n, in, out);
        int64_t wrong = -1;
        for (int64_t i = 0; i < n && wrong < 0; i++) {
          element e = element_read(in + i * from_size, from);
          element want = element_convert(e, from, to);
          if (!element_same(element_read(out + i * to_size, to), want, to)) wrong = i;
        }
        element e = {0, 0, 0}, got = {0, 0, 0};
        if (wrong >= 0) {
          e = element_read(in + wrong * from_size, from);
          got = element_read(out + wrong * to_size, to);
        }
        CHECKF(wrong < 0, "%s to %s, %s: %a or %lld became %a or %lld", gk_dtypes[from].name,
               gk_dtypes[to].name, gk_cpu_isa_name(gk_cpu_isa), e.f, (long long)e.i, got.f,
               (long long)got.i);
        CHECKF(out[n * to_size] == 0x5a, "%s to %s writes too far", gk_dtypes[from].name,
               gk_dtypes[to].name);
      }
    }
  }
}

// All halves, and floats around every tie of float16 and bfloat16: the same bits as the scalar code.
static void test_half_casts(void) {
  static uint16_t halves[0x10000], back[0x10000];
  static float floats[0x10000];
  static double doubles[0x10000];
  for (int i = 0; i < 0x10000; i++) halves[i] = (uint16_t)i;
  gk_cpu_cast(GK_float16, GK_float32)(0x10000, halves, floats);
  for (int i = 0; i < 0x10000; i++) {
    float want = gk_half_to_float((uint16_t)i);
    CHECKF(memcmp(&want, &floats[i], 4) == 0, "float16 %04x", i);
  }
  gk_cpu_cast(GK_bfloat16, GK_float32)(0x10000, halves, floats);
  for (int i = 0; i < 0x10000; i++) {
    float want = gk_bfloat_to_float((uint16_t)i);
    CHECKF(memcmp(&want, &floats[i], 4) == 0, "bfloat16 %04x", i);
  }
  static const uint32_t low_bits[] = {0, 1, 0xfff, 0x1000, 0x1001, 0x1fff, 0x7fff, 0x8000, 0x8001};
  for (size_t b = 0; b < sizeof low_bits / sizeof *low_bits; b++) {
    for (uint32_t i = 0; i < 0x10000; i++) {
      uint32_t bits = i << 16 | low_bits[b];
      memcpy(&floats[i], &bits, 4);
    }
    gk_cpu_cast(GK_float32, GK_float16)(0x10000, floats, back);
    for (int i = 0; i < 0x10000; i++)
      CHECKF(back[i] == gk_half_from_double(floats[i]), "%a to float16: %04x", floats[i], back[i]);
    gk_cpu_cast(GK_float32, GK_bfloat16)(0x10000, floats, back);
    for (int i = 0; i < 0x10000; i++)
      CHECKF(back[i] == gk_bfloat_from_float(floats[i]), "%a to bfloat16: %04x", floats[i],
             back[i]);
    // A little off the tie, in double only.
    for (int i = 0; i < 0x10000; i++)
      doubles[i] = nextafter((double)floats[i], test_below(2) ? 0 : 1e300);
    for (uint8_t d = GK_float16; d <= GK_bfloat16; d++) {
      gk_cpu_cast(GK_float64, d)(0x10000, doubles, back);
      for (int i = 0; i < 0x10000; i++) {
        if (isnan(doubles[i])) continue;
        gk_scalar s = gk_scalar_from_double(doubles[i], d);
        CHECKF(memcmp(&back[i], s.bytes, 2) == 0, "%a to %s: %04x", doubles[i], gk_dtypes[d].name,
               back[i]);
      }
    }
  }
}

// ---- copies

static void copy_case(uint8_t from, uint8_t to, int ndim, const int64_t *shape, int in_flags,
                      int out_flags) {
  test_array in, out;
  test_array_make(&in, from, ndim, shape, in_flags);
  test_array_make(&out, to, ndim, shape, out_flags | NO_BROADCAST);
  char *before = malloc((size_t)out.bytes + 1);
  memcpy(before, out.memory, (size_t)out.bytes);
  gk_call call;
  memset(&call, 0, sizeof call);
  call.op = GK_OP_copy;
  call.family = GK_FAMILY_COPY;
  call.inputs = call.outputs = 1;
  call.compute = to;
  call.size = out.view.size;
  call.in[0] = &in.view;
  call.out[0] = &out.view;
  FOR_EACH_ISA(isa) {
    memcpy(out.memory, before, (size_t)out.bytes);
    gk_error error;
    CHECK(gk_cpu_copy(&call, &error) == GK_OK);
    int64_t wrong = -1;
    for (int64_t i = 0; i < call.size && wrong < 0; i++) {
      element want = element_convert(element_at(&in.view, in.memory, i), from, to);
      if (!element_same(element_at(&out.view, out.memory, i), want, to)) wrong = i;
    }
    CHECKF(wrong < 0, "copy of %s to %s, %d axes, %s: element %d of %d", gk_dtypes[from].name,
           gk_dtypes[to].name, ndim, gk_cpu_isa_name(isa), (int)wrong, (int)call.size);
    CHECKF(test_array_untouched(&out, before), "copy of %s to %s writes outside its view",
           gk_dtypes[from].name, gk_dtypes[to].name);
  }
  free(before);
  test_array_free(&in);
  test_array_free(&out);
}

static void test_copies(void) {
  for (int round = 0; round < 1200; round++) {
    int64_t shape[GK_MAX_DIMS];
    int ndim = random_shape(shape);
    if (round % 8 == 1) { // planes that are worth a transposition
      ndim = 2 + (int)test_below(2);
      for (int d = 0; d < ndim; d++) shape[d] = 1 + test_below(ndim == 2 ? 300 : 40);
    }
    uint8_t from = (uint8_t)(1 + test_below(GK_DTYPE_COUNT - 1));
    uint8_t to = test_below(2) ? from : (uint8_t)(1 + test_below(GK_DTYPE_COUNT - 1));
    copy_case(from, to, ndim, shape, test_below(4) ? 0 : PLAIN, test_below(2) ? 0 : PLAIN);
  }
  // Threads, and stores past the caches.
  int64_t large[2] = {1400, 1000};
  copy_case(GK_float64, GK_float64, 2, large, PLAIN, PLAIN);
  copy_case(GK_int32, GK_float64, 2, large, PLAIN, PLAIN);
  copy_case(GK_float32, GK_float32, 2, large, 0, PLAIN);
}

static void test_transposed(uint8_t dtype, int64_t rows, int64_t columns) {
  int64_t shape[2] = {columns, rows}, size = gk_dtypes[dtype].size, n = rows * columns;
  char *from = malloc((size_t)(n * size)), *to = malloc((size_t)(n * size));
  for (int64_t i = 0; i < n; i++) {
    gk_scalar s = gk_scalar_from_double((double)i, dtype);
    memcpy(from + i * size, s.bytes, (size_t)size);
  }
  gk_storage storages[2];
  gk_view in = test_view(&storages[0], from, dtype, 2, shape);
  gk_view out = test_view(&storages[1], to, dtype, 2, shape);
  in.strides[0] = 1;
  in.strides[1] = columns;
  gk_view_update_contiguous(&in);
  gk_call call;
  memset(&call, 0, sizeof call);
  call.op = GK_OP_copy;
  call.inputs = call.outputs = 1;
  call.compute = dtype;
  call.size = n;
  call.in[0] = &in;
  call.out[0] = &out;
  FOR_EACH_ISA(isa) {
    memset(to, 0, (size_t)(n * size));
    gk_error error;
    gk_cpu_copy(&call, &error);
    int64_t wrong = 0;
    for (int64_t c = 0; c < columns; c++)
      for (int64_t r = 0; r < rows; r++)
        wrong +=
            memcmp(to + (c * rows + r) * size, from + (r * columns + c) * size, (size_t)size) != 0;
    CHECKF(wrong == 0, "%s of %d x %d, %s: %d wrong", gk_dtypes[dtype].name, (int)rows,
           (int)columns, gk_cpu_isa_name(isa), (int)wrong);
  }
  free(from);
  free(to);
}

static void test_moves(void) {
  static const int sizes[] = {1, 2, 4, 8};
  static _Alignas(8) char a[8 * 400], b[8 * 400];
  for (int round = 0; round < 400; round++) {
    int bytes = sizes[test_below(4)];
    int64_t n = test_below(40), stride = test_below(15) - 7;
    for (size_t i = 0; i < sizeof a; i++) a[i] = (char)test_random();
    const char *from = a + (stride < 0 ? -stride * 40 : 0) * bytes;
    memset(b, 1, sizeof b);
    gk_cpu_gather(n, bytes, from, stride, b);
    for (int64_t i = 0; i < n; i++)
      CHECKF(memcmp(b + i * bytes, from + i * stride * bytes, (size_t)bytes) == 0, "gather");
    CHECK(b[n * bytes] == 1);
    if (stride) {
      memset(b, 1, sizeof b);
      char *to = b + (stride < 0 ? -stride * 40 : 0) * bytes;
      gk_cpu_scatter(n, bytes, a, to, stride);
      for (int64_t i = 0; i < n; i++)
        CHECKF(memcmp(a + i * bytes, to + i * stride * bytes, (size_t)bytes) == 0, "scatter");
    }
    memset(b, 1, sizeof b);
    gk_cpu_splat(n, bytes, a, b);
    for (int64_t i = 0; i < n; i++) CHECKF(memcmp(b + i * bytes, a, (size_t)bytes) == 0, "splat");
    CHECK(b[n * bytes] == 1);
  }
}

// ---- creation

static void create_case(uint16_t op, uint8_t dtype, int ndim, const int64_t *shape, double start,
                        double step) {
  test_array out;
  test_array_make(&out, dtype, ndim, shape, test_below(2) ? PLAIN : NO_BROADCAST);
  char *before = malloc((size_t)out.bytes + 1);
  memcpy(before, out.memory, (size_t)out.bytes);
  gk_call call;
  memset(&call, 0, sizeof call);
  call.op = op;
  call.family = GK_FAMILY_CREATE;
  call.outputs = 1;
  call.compute = dtype;
  call.size = out.view.size;
  call.out[0] = &out.view;
  call.scalar[0] = gk_scalar_from_double(start, dtype);
  call.f[0] = start;
  call.f[1] = step;
  bool whole = start == floor(start) && step == floor(step) && !is_floating(dtype);
  FOR_EACH_ISA(isa) {
    memcpy(out.memory, before, (size_t)out.bytes);
    gk_error error;
    CHECK(gk_cpu_create(&call, &error) == GK_OK);
    int64_t wrong = -1;
    for (int64_t i = 0; i < call.size && wrong < 0; i++) {
      element want = {0, 0, 0};
      if (op == GK_OP_full) {
        want = element_read(call.scalar[0].bytes, dtype);
      } else if (op == GK_OP_eye) {
        bool one = (double)(i % shape[1] - i / shape[1]) == start;
        gk_scalar s = gk_scalar_from_double(one, dtype);
        want = element_read(s.bytes, dtype);
      } else if (op == GK_OP_arange && whole) {
        want.i = (int64_t)start + i * (int64_t)step;
        want = element_convert(want, GK_int64, dtype);
      } else if (op == GK_OP_arange) {
        want.f = start + (double)i * step;
        want = element_convert(want, GK_float64, dtype);
      } else {
        want = element_read(before + element_offset(&out.view, i), dtype);
      }
      if (!element_same(element_at(&out.view, out.memory, i), want, dtype)) wrong = i;
    }
    CHECKF(wrong < 0, "%s of %s, start %g, step %g: element %d", gk_ops[op].name,
           gk_dtypes[dtype].name, start, step, (int)wrong);
    CHECKF(test_array_untouched(&out, before), "%s writes outside its view", gk_ops[op].name);
  }
  free(before);
  test_array_free(&out);
}

static void test_creation(void) {
  for (uint8_t dtype = 1; dtype < GK_DTYPE_COUNT; dtype++) {
    for (int round = 0; round < 20; round++) {
      int64_t shape[GK_MAX_DIMS];
      int ndim = random_shape(shape);
      create_case(GK_OP_full, dtype, ndim, shape, 2.5, 0);
      create_case(GK_OP_empty, dtype, ndim, shape, 0, 0);
      int64_t plane[2] = {test_below(9), test_below(9)};
      double diagonal = round % 10 ? (double)test_below(21) - 10 : round ? 1e300 : -0x1p63;
      create_case(GK_OP_eye, dtype, 2, plane, diagonal, 0);
      if (dtype == GK_bool || dtype == GK_complex64) continue;
      int64_t length[1] = {test_below(1200)};
      create_case(GK_OP_arange, dtype, 1, length, (double)test_below(100) - 50,
                  (double)test_below(9) - 4);
      create_case(GK_OP_arange, dtype, 1, length, 0.5, -0.3);
    }
  }
  int64_t length[1] = {300000};
  create_case(GK_OP_arange, GK_int64, 1, length, 0x1p62, 1);
  create_case(GK_OP_arange, GK_float32, 1, length, 1, 0.25);
}

int main(void) {
  test_moves();
  FOR_EACH_ISA(isa) {
    test_casts();
    test_half_casts();
  }
  test_copies();
  static const int64_t lengths[] = {1, 2, 7, 16, 33, 70, 1030};
  for (size_t r = 0; r < sizeof lengths / sizeof *lengths; r++) {
    for (size_t c = 0; c < sizeof lengths / sizeof *lengths; c++) {
      test_transposed(GK_int32, lengths[r], lengths[c]);
      test_transposed(GK_float64, lengths[r], lengths[c]);
      test_transposed(GK_uint16, lengths[r], lengths[c]);
    }
  }
  test_creation();
  return test_done();
}
