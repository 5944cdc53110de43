// nonzero and compress against a plain walk: every dtype, every layout, masks of the first axes, more
// and fewer results than were counted, every instruction set of the machine.
#include <math.h>

#include "strided.h"

// Elements of which about one in `rare` is not zero; -0 is, NaN is not.
static void fill_sparse(gk_view *v, int rare) {
  for (int64_t i = 0; i < v->size; i++) {
    gk_scalar s = {.u64 = test_random() | 0x0101010101010101u};
    if (rare == 0 || test_below(rare))
      s = gk_scalar_from_double(0, v->dtype);
    else if (v->dtype == GK_bool)
      s.u64 = 1;
    else if (test_is_float(v->dtype) && test_below(3) == 0)
      s = gk_scalar_from_double(NAN, v->dtype);
    if (test_is_float(v->dtype) && s.u64 == 0 && test_below(2))
      s = gk_scalar_from_double(-0.0, v->dtype);
    memcpy(test_element(v, i), &s, gk_dtypes[v->dtype].size);
  }
}

static bool is_nonzero(const gk_view *v, int64_t i) {
  const char *p = test_element(v, i);
  if (test_is_float(v->dtype)) {
    const double x = gk_scalar_to_double(p, v->dtype);
    return x != 0;
  }
  if (v->dtype == GK_complex64) {
    float parts[2];
    memcpy(parts, p, sizeof parts);
    return parts[0] != 0 || parts[1] != 0;
  }
  for (int b = 0; b < gk_dtypes[v->dtype].size; b++)
    if (p[b]) return true;
  return false;
}

static int64_t count_nonzero(const gk_view *v) {
  int64_t found = 0;
  for (int64_t i = 0; i < v->size; i++) found += is_nonzero(v, i);
  return found;
}

static void run_nonzero(uint8_t dtype, int ndim, const int64_t *shape, bool plain, int rare,
                        int64_t more) {
  gk_storage in_storage, out_storage;
  gk_view in = test_strided(&in_storage, dtype, ndim, shape, plain, true);
  fill_sparse(&in, rare);
  int64_t count = count_nonzero(&in) + more;
  if (count < 0) count = 0;
  gk_view out = test_strided(&out_storage, GK_int64, 2, (int64_t[]){ndim, count}, plain, false);
  gk_error error = {.text = ""};
  gk_call call = {
      .op = GK_OP_nonzero, .compute = dtype, .size = in.size, .in = {&in}, .out = {&out}};
  CHECK(gk_cpu_index(&call, &error) == GK_OK);
  int64_t k = 0;
  for (int64_t i = 0; i < in.size && k < count; i++) {
    if (!is_nonzero(&in, i)) continue;
    int64_t rest = i;
    for (int d = ndim - 1; d >= 0; d--) {
      int64_t got;
      memcpy(&got, test_element(&out, d * count + k), sizeof got);
      CHECKF(got == rest % shape[d], "nonzero %s: axis %d of %lld", gk_dtypes[dtype].name, d,
             (long long)k);
      rest /= shape[d];
    }
    k++;
  }
  for (; k < count; k++)
    for (int d = 0; d < ndim; d++) {
      int64_t got;
      memcpy(&got, test_element(&out, d * count + k), sizeof got);
      CHECKF(got == 0, "nonzero %s: the rest is zero", gk_dtypes[dtype].name);
    }
  free(in_storage.data);
  free(out_storage.data);
}

static void run_compress(uint8_t dtype, int ndim, const int64_t *shape, int mask_ndim, bool plain,
                         int rare, int64_t more) {
  gk_storage in_storage, mask_storage, out_storage;
  gk_view in = test_strided(&in_storage, dtype, ndim, shape, plain, true);
  gk_view mask =
      test_strided(&mask_storage, GK_bool, mask_ndim, shape, plain || test_below(2), true);
  for (int64_t i = 0; i < in.size; i++) {
    const uint64_t bits = test_random();
    memcpy(test_element(&in, i), &bits, gk_dtypes[dtype].size);
  }
  fill_sparse(&mask, rare);
  int64_t count = count_nonzero(&mask) + more, rest = 1, out_shape[GK_MAX_DIMS];
  if (count < 0) count = 0;
  out_shape[0] = count;
  for (int i = mask_ndim; i < ndim; i++) rest *= out_shape[1 + i - mask_ndim] = shape[i];
  gk_view out = test_strided(&out_storage, dtype, 1 + ndim - mask_ndim, out_shape,
                             plain || test_below(2), false);
  gk_error error = {.text = ""};
  gk_call call = {.op = GK_OP_compress, .compute = dtype, .size = in.size};
  call.in[0] = &in;
  call.in[1] = &mask;
  call.out[0] = &out;
  CHECK(gk_cpu_index(&call, &error) == GK_OK);
  const size_t size = gk_dtypes[dtype].size;
  int64_t k = 0;
  for (int64_t i = 0; i < mask.size && k < count; i++) {
    if (!is_nonzero(&mask, i)) continue;
    for (int64_t r = 0; r < rest; r++)
      CHECKF(memcmp(test_element(&in, i * rest + r), test_element(&out, k * rest + r), size) == 0,
             "compress %s: %lld of %lld", gk_dtypes[dtype].name, (long long)k, (long long)count);
    k++;
  }
  static const uint64_t zero;
  for (int64_t i = k * rest; i < count * rest; i++)
    CHECKF(memcmp(test_element(&out, i), &zero, size) == 0, "compress %s: the rest is zero",
           gk_dtypes[dtype].name);
  free(in_storage.data);
  free(mask_storage.data);
  free(out_storage.data);
}

static void all(void) {
  for (int i = 0; i < 1500; i++) {
    int64_t shape[GK_MAX_DIMS], size = 1;
    const int ndim = 1 + (int)test_below(4);
    for (int d = 0; d < ndim; d++) {
      shape[d] = test_below(50) ? 1 + test_below(test_below(4) ? 9 : 1800) : 0;
      while (size * shape[d] > 6000) shape[d] /= 2;
      size *= shape[d];
    }
    const uint8_t dtype = (uint8_t)(1 + test_below(GK_complex64));
    const int rare = (int)(test_below(8) ? 1 + test_below(5) : test_below(2) ? 200 : 0);
    const int64_t more = test_below(5) ? 0 : test_below(9) - 4;
    run_nonzero(dtype, ndim, shape, test_below(2), rare, more);
    run_compress(dtype, ndim, shape, 1 + (int)test_below(ndim), test_below(2), rare, more);
  }
  // Large enough for threads.
  for (int more = -3; more <= 3; more += 3) {
    run_nonzero(GK_bool, 1, (int64_t[]){300001}, true, 2, more);
    run_nonzero(GK_float32, 2, (int64_t[]){500, 700}, true, 3, more);
    run_compress(GK_float32, 1, (int64_t[]){400003}, 1, true, 2, more);
    run_compress(GK_int8, 1, (int64_t[]){400003}, 1, true, 5, more);
    run_compress(GK_float16, 2, (int64_t[]){800, 500}, 2, false, 2, more);
    run_compress(GK_float64, 2, (int64_t[]){200000, 3}, 1, true, 2, more);
  }
}

int main(void) {
  test_each_isa(all);
  return test_done();
}
