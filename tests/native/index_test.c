// gk_cpu_index (take) against a plain loop: every dtype of array and indices, every layout, negative
// indices, and the error that an index out of range gives once all else is done.
#include "strided.h"

static const uint8_t index_dtypes[] = {GK_int8,  GK_uint8,  GK_int16, GK_uint16,
                                       GK_int32, GK_uint32, GK_int64, GK_uint64};

static void fill_random(gk_view *v) {
  for (int64_t i = 0; i < v->size; i++) {
    const uint64_t bits = test_random();
    memcpy(test_element(v, i), &bits, gk_dtypes[v->dtype].size);
  }
}

static void run_case(uint8_t dtype, uint8_t index_dtype, int ndim, const int64_t *shape, int axis,
                     int index_ndim, const int64_t *index_shape, bool plain, int bad_in) {
  const int size = gk_dtypes[dtype].size, index_size = gk_dtypes[index_dtype].size;
  const int64_t length = ndim ? shape[axis] : 1;
  const bool is_signed = gk_dtypes[index_dtype].class == GK_CLASS_SIGNED;
  gk_storage in_storage, index_storage, out_storage;
  gk_view in = test_strided(&in_storage, dtype, ndim, shape, plain, true);
  gk_view indices = test_strided(&index_storage, index_dtype, index_ndim, index_shape, plain, true);
  fill_random(&in);
  for (int64_t i = 0; i < indices.size; i++) {
    int64_t most = length;
    if (index_dtype == GK_int8 && most > 127) most = 127;
    if (index_dtype == GK_uint8 && most > 255) most = 255;
    int64_t k = most ? test_below(most) : 0;
    if (is_signed && most && test_below(3) == 0) k = -1 - test_below(most);
    if (bad_in && test_below(bad_in) == 0) k = (int64_t)test_random() >> test_below(60);
    memcpy(test_element(&indices, i), &k, (size_t)index_size);
  }

  int64_t out_shape[GK_MAX_DIMS];
  int n = 0;
  for (int i = 0; i < axis; i++) out_shape[n++] = shape[i];
  for (int i = 0; i < index_ndim; i++) out_shape[n++] = index_shape[i];
  for (int i = axis + 1; i < ndim; i++) out_shape[n++] = shape[i];
  gk_view out = test_strided(&out_storage, dtype, n, out_shape, plain || test_below(2), false);

  int64_t before = 1, after = 1;
  for (int i = 0; i < axis; i++) before *= shape[i];
  for (int i = axis + 1; i < ndim; i++) after *= shape[i];
  gk_error error = {.text = ""};
  gk_call call = {.op = GK_OP_take, .compute = dtype, .axis = (int8_t)axis, .size = out.size};
  call.in[0] = &in;
  call.in[1] = &indices;
  call.out[0] = &out;
  const gk_status status = gk_cpu_index(&call, &error);

  char text[200] = "";
  for (int64_t i = 0; i < indices.size && before && after; i++) {
    const uint64_t raw = test_integer(test_element(&indices, i), index_dtype);
    const bool negative = is_signed && (int64_t)raw < 0;
    const uint64_t place = negative ? raw + (uint64_t)length : raw;
    const bool ok = place < (uint64_t)length;
    if (!ok && !text[0])
      snprintf(text, sizeof text,
               is_signed ? "take: index %lld is out of range for axis %d of length %lld"
                         : "take: index %llu is out of range for axis %d of length %lld",
               (long long)raw, axis, (long long)length);
    for (int64_t b = 0; b < before; b++)
      for (int64_t a = 0; a < after; a++) {
        uint64_t want = 0, got = 0;
        if (ok)
          memcpy(&want, test_element(&in, (b * length + (int64_t)place) * after + a), (size_t)size);
        memcpy(&got, test_element(&out, (b * indices.size + i) * after + a), (size_t)size);
        CHECKF(got == want, "take %s by %s at %lld", gk_dtypes[dtype].name,
               gk_dtypes[index_dtype].name, (long long)i);
      }
  }
  CHECKF(status == (text[0] ? GK_INDEX : GK_OK), "take: status %d", (int)status);
  CHECKF(strcmp(error.text, text) == 0, "\"%s\" for \"%s\"", error.text, text);
  free(in_storage.data);
  free(index_storage.data);
  free(out_storage.data);
}

int main(void) {
  for (int i = 0; i < 2000; i++) {
    int64_t shape[GK_MAX_DIMS], index_shape[GK_MAX_DIMS], size = 1;
    const int ndim = (int)test_below(5), index_ndim = (int)test_below(4);
    for (int d = 0; d < ndim; d++) shape[d] = test_below(50) ? 1 + test_below(12) : 0;
    for (int d = 0; d < index_ndim; d++) {
      index_shape[d] = test_below(50) ? 1 + test_below(test_below(5) ? 6 : 2500) : 0;
      while (size * index_shape[d] > 2500) index_shape[d] /= 2;
      size *= index_shape[d];
    }
    const int axis = ndim ? (int)test_below(ndim) : 0;
    while (ndim && size > 300 && axis + 1 < ndim && shape[ndim - 1] > 4) shape[ndim - 1] /= 2;
    run_case((uint8_t)(1 + test_below(GK_complex64)), index_dtypes[test_below(8)], ndim, shape,
             axis, index_ndim, index_shape, test_below(3) == 0,
             test_below(3) ? 0 : 1 + (int)test_below(40));
  }
  // Large enough for threads.
  run_case(GK_float32, GK_int32, 1, (int64_t[]){100000}, 0, 1, (int64_t[]){300000}, true, 0);
  run_case(GK_float64, GK_int64, 1, (int64_t[]){1000}, 0, 1, (int64_t[]){100000}, false, 90000);
  run_case(GK_float32, GK_int64, 2, (int64_t[]){300, 500}, 0, 1, (int64_t[]){2000}, true, 0);
  run_case(GK_float16, GK_uint8, 2, (int64_t[]){3000, 100}, 1, 1, (int64_t[]){70}, true, 0);
  return test_done();
}
