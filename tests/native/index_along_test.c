// take_along_axis, put_along_axis, scatter_add and flat_index against plain loops in the indices' order:
// every dtype of array and indices, every layout, repeated and negative indices, those out of range,
// and enough elements for several threads, which must not change a bit.
#include "strided.h"

static const uint8_t index_dtypes[] = {GK_int8,  GK_uint8,  GK_int16, GK_uint16,
                                       GK_int32, GK_uint32, GK_int64, GK_uint64};

static void fill(gk_view *v) {
  for (int64_t i = 0; i < v->size; i++) {
    gk_scalar s = {.u64 = test_random()};
    if (v->dtype == GK_bool) s.u64 &= 1;
    if (test_is_float(v->dtype)) s = gk_scalar_from_double(test_uniform() * 8 - 4, v->dtype);
    if (v->dtype == GK_complex64) {
      const float parts[2] = {(float)test_uniform(), (float)test_uniform()};
      memcpy(&s, parts, sizeof parts);
    }
    memcpy(test_element(v, i), &s, gk_dtypes[v->dtype].size);
  }
}

static void fill_indices(gk_view *v, int64_t length, int bad_in) {
  const bool is_signed = gk_dtypes[v->dtype].class == GK_CLASS_SIGNED;
  const int bits = gk_dtypes[v->dtype].bits - is_signed;
  const int64_t most = bits < 40 && length > (int64_t)1 << bits ? (int64_t)1 << bits : length;
  for (int64_t i = 0; i < v->size; i++) {
    int64_t k = most ? test_below(most) : 0;
    if (is_signed && most && test_below(3) == 0) k = -1 - test_below(most);
    if (bad_in && test_below(bad_in) == 0) k = (int64_t)test_random() >> test_below(60);
    memcpy(test_element(v, i), &k, gk_dtypes[v->dtype].size);
  }
}

// The place of an index, -1 where it is out of range.
static int64_t place_of(const gk_view *v, int64_t i, int64_t length, bool wraps) {
  const uint64_t raw = test_integer(test_element(v, i), v->dtype);
  const bool negative = gk_dtypes[v->dtype].class == GK_CLASS_SIGNED && (int64_t)raw < 0;
  const uint64_t place = negative && wraps ? raw + (uint64_t)length : raw;
  return place < (uint64_t)length ? (int64_t)place : -1;
}

static void error_text(char *text, size_t bytes, const char *op, const gk_view *v, int64_t i,
                       int axis, int64_t length) {
  const uint64_t raw = test_integer(test_element(v, i), v->dtype);
  snprintf(text, bytes,
           gk_dtypes[v->dtype].class == GK_CLASS_SIGNED
               ? "%s: index %lld is out of range for axis %d of length %lld"
               : "%s: index %llu is out of range for axis %d of length %lld",
           op, (long long)raw, axis, (long long)length);
}

static void add(void *to, const void *x, uint8_t dtype) {
  if (dtype == GK_complex64) {
    gk_complex64 a, b;
    memcpy(&a, to, sizeof a);
    memcpy(&b, x, sizeof b);
    a.re += b.re;
    a.im += b.im;
    memcpy(to, &a, sizeof a);
  } else if (test_is_float(dtype)) {
    double sum = gk_scalar_to_double(to, dtype) + gk_scalar_to_double(x, dtype);
    if (dtype == GK_float32) sum = (float)sum;
    const gk_scalar s = gk_scalar_from_double(sum, dtype);
    memcpy(to, &s, gk_dtypes[dtype].size);
  } else {
    uint64_t sum = test_integer(to, dtype) + test_integer(x, dtype);
    if (dtype == GK_bool) sum = sum != 0;
    memcpy(to, &sum, gk_dtypes[dtype].size);
  }
}

static void run_along(uint16_t op, uint8_t dtype, uint8_t index_dtype, int ndim,
                      const int64_t *shape, int axis, int64_t count, bool plain, int bad_in,
                      bool wraps) {
  const size_t size = gk_dtypes[dtype].size;
  const int64_t length = shape[axis];
  int64_t index_shape[GK_MAX_DIMS], after = 1;
  for (int i = 0; i < ndim; i++) index_shape[i] = i == axis ? count : shape[i];
  for (int i = axis + 1; i < ndim; i++) after *= shape[i];
  const bool take = op == GK_OP_take_along_axis;
  gk_storage array_storage, index_storage, other_storage;
  gk_view array = test_strided(&array_storage, dtype, ndim, shape, plain, take);
  gk_view indices = test_strided(&index_storage, index_dtype, ndim, index_shape, plain, true);
  gk_view other =
      test_strided(&other_storage, dtype, ndim, index_shape, plain || test_below(2), !take);
  fill(&array);
  fill(&other);
  fill_indices(&indices, length, bad_in);
  char *want = malloc((size_t)array.size * size + 1);
  for (int64_t i = 0; i < array.size; i++)
    memcpy(want + (size_t)i * size, test_element(&array, i), size);

  gk_error error = {.text = ""};
  gk_call call = {.op = op, .compute = dtype, .axis = (int8_t)axis, .size = indices.size};
  call.flags = wraps ? 0 : GK_VARIANT;
  call.in[0] = take ? &array : &indices;
  call.in[1] = take ? &indices : &other;
  call.out[0] = take ? &other : &array;
  const gk_status status = gk_cpu_index(&call, &error);

  char text[200] = "";
  for (int64_t i = 0; i < indices.size; i++) {
    const int64_t place = place_of(&indices, i, length, wraps);
    const int64_t at = i / after / count * length * after + place * after + i % after;
    if (place < 0 && !text[0])
      error_text(text, sizeof text, wraps || length == 0 ? gk_op_name(op) : "bincount", &indices, i,
                 axis, length);
    if (take) {
      static const uint64_t zero;
      CHECKF(memcmp(test_element(&other, i),
                    place < 0 ? (const char *)&zero : want + (size_t)at * size, size) == 0,
             "take_along_axis %s by %s at %lld", gk_dtypes[dtype].name, gk_dtypes[index_dtype].name,
             (long long)i);
    } else if (place >= 0) {
      if (op == GK_OP_scatter_add)
        add(want + (size_t)at * size, test_element(&other, i), dtype);
      else
        memcpy(want + (size_t)at * size, test_element(&other, i), size);
    }
  }
  for (int64_t i = 0; i < array.size; i++)
    CHECKF(memcmp(test_element(&array, i), want + (size_t)i * size, size) == 0,
           "%s of %s by %s at %lld", gk_op_name(op), gk_dtypes[dtype].name,
           gk_dtypes[index_dtype].name, (long long)i);
  CHECKF(status == (text[0] ? GK_INDEX : GK_OK), "%s: status %d", gk_op_name(op), (int)status);
  CHECKF(strcmp(error.text, text) == 0, "\"%s\" for \"%s\"", error.text, text);
  free(want);
  free(array_storage.data);
  free(index_storage.data);
  free(other_storage.data);
}

static void run_flat(uint8_t first, uint8_t second, int ndim, const int64_t *shape, int64_t length,
                     int64_t before, bool plain, int bad_in) {
  gk_storage storages[3];
  gk_view a = test_strided(&storages[0], first, ndim, shape, plain, true);
  gk_view b = test_strided(&storages[1], second, ndim, shape, plain, true);
  gk_view out = test_strided(&storages[2], GK_int64, ndim, shape, plain || test_below(2), false);
  fill_indices(&a, before ? before : 100, bad_in);
  fill_indices(&b, length, bad_in);
  gk_error error = {.text = ""};
  gk_call call = {.op = GK_OP_flat_index, .compute = GK_int64, .axis = 1, .size = out.size};
  call.f[0] = (double)length;
  call.f[1] = (double)before;
  call.in[0] = &a;
  call.in[1] = &b;
  call.out[0] = &out;
  const gk_status status = gk_cpu_index(&call, &error);
  char text[2][200] = {"", ""};
  for (int64_t i = 0; i < out.size; i++) {
    const int64_t y = place_of(&b, i, length, true);
    int64_t x, want, got;
    bool ok = y >= 0;
    if (y < 0 && !text[1][0])
      error_text(text[1], sizeof text[1], "gather or put", &b, i, 1, length);
    if (before) {
      x = place_of(&a, i, before, true);
      if (x < 0 && !text[0][0])
        error_text(text[0], sizeof text[0], "gather or put", &a, i, 0, before);
      ok &= x >= 0;
    } else {
      x = (int64_t)test_integer(test_element(&a, i), first);
      if (first == GK_uint64 && x < 0) ok = false;
      if (x == INT64_MIN) ok = false;
    }
    const __int128 exact = (__int128)x * length + y;
    memcpy(&got, test_element(&out, i), sizeof got);
    if (ok && (exact > INT64_MAX / 2 || exact < INT64_MIN / 2)) { // near the end either will do
      want = got == INT64_MIN ? got : (int64_t)exact;
      if (exact > INT64_MAX || exact < INT64_MIN) want = INT64_MIN;
    } else {
      want = ok ? (int64_t)exact : INT64_MIN;
    }
    CHECKF(got == want, "flat_index %s %s at %lld: %lld for %lld", gk_dtypes[first].name,
           gk_dtypes[second].name, (long long)i, (long long)got, (long long)want);
  }
  const char *wanted = text[0][0] ? text[0] : text[1];
  CHECKF(status == (wanted[0] ? GK_INDEX : GK_OK), "flat_index: status %d", (int)status);
  CHECKF(strcmp(error.text, wanted) == 0, "\"%s\" for \"%s\"", error.text, wanted);
  for (int i = 0; i < 3; i++) free(storages[i].data);
}

static void all(void) {
  static const uint16_t ops[] = {GK_OP_take_along_axis, GK_OP_put_along_axis, GK_OP_scatter_add};
  for (int i = 0; i < 2000; i++) {
    int64_t shape[GK_MAX_DIMS], size = 1;
    const int ndim = 1 + (int)test_below(4);
    for (int d = 0; d < ndim; d++) {
      shape[d] = test_below(50) ? 1 + test_below(test_below(4) ? 9 : 1500) : 0;
      while (size * shape[d] > 4000) shape[d] /= 2;
      size *= shape[d];
    }
    const int axis = (int)test_below(ndim);
    const int64_t count = test_below(20) ? 1 + test_below(test_below(4) ? 12 : 60) : 0;
    const int bad_in = test_below(3) ? 0 : 1 + (int)test_below(40);
    const uint8_t dtype = (uint8_t)(1 + test_below(GK_complex64));
    run_along(ops[i % 3], dtype, index_dtypes[test_below(8)], ndim, shape, axis, count,
              test_below(2), bad_in, test_below(4) || i % 3 == 0);
    run_flat(index_dtypes[test_below(8)], index_dtypes[test_below(8)], ndim, shape, test_below(90),
             test_below(2) ? 1 + test_below(50) : 0, test_below(2), bad_in);
  }
  // Large enough for threads: over another axis, and over ranges of the only one.
  for (int i = 0; i < 3; i++) {
    run_along(ops[i], GK_float32, GK_int64, 2, (int64_t[]){300, 500}, 1, 400, true, 0, true);
    run_along(ops[i], GK_float32, GK_int32, 2, (int64_t[]){500, 300}, 0, 400, true, 0, true);
    run_along(ops[i], GK_float32, GK_int64, 1, (int64_t[]){1000}, 0, 200000, true, 0, true);
    run_along(ops[i], GK_float64, GK_int32, 1, (int64_t[]){300000}, 0, 100000, false, 20000, true);
    run_along(ops[i], GK_int8, GK_uint32, 1, (int64_t[]){7}, 0, 100000, true, 50000, false);
    run_along(ops[i], GK_bfloat16, GK_int16, 1, (int64_t[]){1}, 0, 100000, true, 0, true);
    run_along(ops[i], GK_float32, GK_int64, 1, (int64_t[]){0}, 0, 100000, true, 0, true);
  }
  run_flat(GK_int64, GK_int32, 1, (int64_t[]){200000}, 50, 100, true, 0);
}

int main(void) {
  test_each_isa(all);
  return test_done();
}
