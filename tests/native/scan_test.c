// gk_cpu_scan against sums in long double and in 64-bit integers: every dtype and layout, long lines
// and many lines; the same bits on every instruction set.
#include <math.h>

#include "strided.h"

static void fill_random(gk_view *v, bool small) {
  for (int64_t i = 0; i < v->size; i++) {
    char *p = test_element(v, i);
    if (v->dtype == GK_bool) {
      *(uint8_t *)p = (uint8_t)test_below(2);
    } else if (test_is_float(v->dtype)) {
      const gk_scalar s =
          gk_scalar_from_double(small ? test_uniform() : 4 * test_uniform() - 2, v->dtype);
      memcpy(p, &s, gk_dtypes[v->dtype].size);
    } else {
      const uint64_t bits = test_random();
      memcpy(p, &bits, gk_dtypes[v->dtype].size);
    }
  }
}

static void check_line(const gk_view *in, const gk_view *out, uint8_t compute, int64_t start,
                       int64_t step, int64_t length) {
  const bool from_float = test_is_float(in->dtype);
  long double sum = 0, size = 0;
  uint64_t wrapped = 0;
  for (int64_t i = 0; i < length; i++) {
    const void *p = test_element(in, start + i * step), *got = test_element(out, start + i * step);
    if (!test_is_float(compute)) {
      gk_scalar cut;
      if (from_float) cut = gk_scalar_from_double(gk_scalar_to_double(p, in->dtype), compute);
      wrapped += from_float ? test_integer(&cut, compute) : test_integer(p, in->dtype);
      CHECKF(memcmp(got, &wrapped, gk_dtypes[out->dtype].size) == 0, "%s to %s at %lld of %lld",
             gk_dtypes[in->dtype].name, gk_dtypes[out->dtype].name, (long long)i,
             (long long)length);
      continue;
    }
    const long double x = in->dtype == GK_int64 ? (long double)(int64_t)test_integer(p, in->dtype)
                          : in->dtype == GK_uint64 ? (long double)test_integer(p, in->dtype)
                                                   : gk_scalar_to_double(p, in->dtype);
    sum += x;
    size += fabsl(x);
    const gk_scalar rounded = gk_scalar_from_double((double)sum, out->dtype);
    const double want = gk_scalar_to_double(&rounded, out->dtype);
    const double value = gk_scalar_to_double(got, out->dtype);
    const double unit = out->dtype == GK_float64   ? 1e-16
                        : out->dtype == GK_float32 ? 1.2e-7
                        : out->dtype == GK_float16 ? 1e-3
                                                   : 8e-3;
    CHECKF(value == want || fabs(value - want) <=
                                unit * fabs(want) + 1e-14 * (double)size + 1e-7 * (unit == 1e-3),
           "%s to %s at %lld of %lld: %.17g for %.17g", gk_dtypes[in->dtype].name,
           gk_dtypes[out->dtype].name, (long long)i, (long long)length, value, want);
  }
}

static void run_case(uint8_t from, uint8_t to, int ndim, const int64_t *shape, int axis,
                     bool plain) {
  gk_storage from_storage, to_storage;
  gk_view in = test_strided(&from_storage, from, ndim, shape, plain, true);
  gk_view out = test_strided(&to_storage, to, ndim, shape, plain || test_below(2), false);
  fill_random(&in, test_below(2));
  gk_error error;
  gk_call call = {.op = GK_OP_cumsum, .compute = to, .axis = (int8_t)axis, .size = out.size};
  call.in[0] = &in;
  call.out[0] = &out;
  const gk_isa best = gk_cpu_isa;
  char *first = NULL;
  for (int isa = best == GK_ISA_NEON ? GK_ISA_NEON : GK_ISA_BASELINE; isa <= (int)best; isa++) {
    gk_cpu_isa = (gk_isa)isa;
    if (out.size) memset(to_storage.data, 0x5a, (size_t)to_storage.bytes);
    CHECK(gk_cpu_scan(&call, &error) == GK_OK);
    if (!out.size) continue;
    if (first) {
      CHECKF(memcmp(first, to_storage.data, (size_t)to_storage.bytes) == 0,
             "%s: instruction sets differ", gk_dtypes[from].name);
    } else {
      first = malloc((size_t)to_storage.bytes);
      memcpy(first, to_storage.data, (size_t)to_storage.bytes);
    }
  }
  gk_cpu_isa = best;
  free(first);
  const int64_t length = ndim ? shape[axis] : 1;
  for (int64_t line = 0; out.size && line < out.size / length; line++) {
    int64_t step;
    const int64_t start = test_line_start(ndim, shape, axis, line, &step);
    check_line(&in, &out, to, start, step, length);
  }
  free(from_storage.data);
  free(to_storage.data);
}

static uint8_t result_dtype(uint8_t from) {
  if (test_below(4) == 0) return (uint8_t)(GK_int8 + test_below(GK_float64 - GK_int8 + 1));
  if (test_is_float(from)) return from;
  return gk_dtypes[from].class == GK_CLASS_UNSIGNED ? GK_uint64 : GK_int64;
}

int main(void) {
  for (int i = 0; i < 1500; i++) {
    const int ndim = (int)test_below(4);
    int64_t shape[GK_MAX_DIMS], size = 1;
    for (int d = 0; d < ndim; d++) {
      shape[d] = test_below(4) ? 1 + test_below(30) : 1 + test_below(1500);
      if (test_below(60) == 0) shape[d] = 0;
      while (size * shape[d] > 6000) shape[d] /= 2;
      size *= shape[d];
    }
    const uint8_t from = (uint8_t)(GK_bool + test_below(GK_float64));
    run_case(from, result_dtype(from), ndim, shape, ndim ? (int)test_below(ndim) : 0,
             test_below(3) == 0);
  }
  static const int64_t large[][2] = {
      {1, 500009}, {2, 300007}, {300, 1000}, {4000, 90}, {100000, 5}};
  static const uint8_t some[] = {GK_float32, GK_float64, GK_int64, GK_int32, GK_float16};
  for (int s = 0; s < 5; s++)
    for (int axis = 0; axis < 2; axis++)
      for (int k = 0; k < 5; k++)
        run_case(some[k], result_dtype(some[k]), 2, large[s], axis, test_below(3) > 0);
  return test_done();
}
