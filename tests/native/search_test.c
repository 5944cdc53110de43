// topk and searchsorted against plain references, for every dtype, strides, many equal elements, NaN
// and both zeros, lengths around every change of method, every instruction set of the machine.
#include <math.h>

#include "../../csrc/cpu/cpu.h"
#include "strided.h"

static void fill(gk_storage *storage, uint8_t dtype, int mode) {
  const int size = gk_dtypes[dtype].size;
  for (int64_t i = 0; i < storage->bytes / size; i++) {
    gk_scalar s = {.u64 = test_random()};
    if (dtype == GK_bool) s.u64 &= 1;
    if (mode == 0) s = gk_scalar_from_double((double)test_below(5), dtype);
    if (mode == 1) s = gk_scalar_from_double((double)-i, dtype); // each better than those before
    if (mode == 2 && test_is_float(dtype)) s = gk_scalar_from_double(test_uniform() - 0.5, dtype);
    if (test_is_float(dtype) && test_below(40) == 0) s = gk_scalar_from_double(NAN, dtype);
    if (test_is_float(dtype) && test_below(20) == 0) s = gk_scalar_from_double(-0.0, dtype);
    memcpy((char *)storage->data + i * size, s.bytes, (size_t)size);
  }
}

// -1, 0, 1 as a comes before, with or behind b in ascending order, NaN last.
static int order(const void *a, const void *b, uint8_t dtype) {
  if (!test_is_float(dtype)) {
    const uint64_t flip = gk_dtypes[dtype].class == GK_CLASS_SIGNED ? (uint64_t)1 << 63 : 0;
    const uint64_t x = test_integer(a, dtype) ^ flip, y = test_integer(b, dtype) ^ flip;
    return (x > y) - (x < y);
  }
  const double x = gk_scalar_to_double(a, dtype), y = gk_scalar_to_double(b, dtype);
  if (isnan(x) || isnan(y)) return isnan(x) - isnan(y);
  return (x > y) - (x < y);
}

// For the comparison of qsort.
static const gk_view *ranked;
static int64_t ranked_first, ranked_step;
static bool ranked_descending;

static int by_rank(const void *a, const void *b) {
  const int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
  const int c = order(test_element(ranked, ranked_first + i * ranked_step),
                      test_element(ranked, ranked_first + j * ranked_step), ranked->dtype);
  if (c) return ranked_descending ? -c : c;
  return (i > j) - (i < j);
}

static void topk(uint8_t dtype, int64_t n, int64_t k, int mode) {
  const int64_t outer = n > 2000 ? 1 : 1 + test_below(3), inner = n > 2000 ? 1 : 1 + test_below(3);
  const int64_t shape[3] = {outer, n, inner}, result[3] = {outer, k, inner};
  gk_storage from, to, places;
  gk_view in = test_strided(&from, dtype, 3, shape, test_below(2), false);
  gk_view values = test_strided(&to, dtype, 3, result, test_below(2), false);
  gk_view indices = test_strided(&places, GK_int64, 3, result, test_below(2), false);
  fill(&from, dtype, mode);
  const bool largest = test_below(2);
  gk_call call = {.op = GK_OP_topk, .family = GK_FAMILY_SORT, .inputs = 1, .outputs = 2};
  call.compute = dtype;
  call.axis = 1;
  call.flags = largest ? GK_DESCENDING : 0;
  call.size = in.size;
  call.in[0] = &in;
  call.out[0] = &values;
  call.out[1] = &indices;
  gk_error error;
  CHECK(gk_cpu_sort(&call, &error) == GK_OK);
  int64_t *expected = malloc((size_t)n * sizeof *expected), wrong = 0;
  for (int64_t i = 0; i < outer; i++) {
    for (int64_t j = 0; j < inner; j++) {
      ranked = &in;
      ranked_first = i * n * inner + j;
      ranked_step = inner;
      ranked_descending = largest;
      for (int64_t x = 0; x < n; x++) expected[x] = x;
      qsort(expected, (size_t)n, sizeof *expected, by_rank);
      for (int64_t x = 0; x < k; x++) {
        const int64_t at = i * k * inner + x * inner + j;
        const void *element = test_element(&in, ranked_first + expected[x] * inner);
        wrong += memcmp(test_element(&indices, at), &expected[x], 8) != 0;
        wrong += memcmp(test_element(&values, at), element, gk_dtypes[dtype].size) != 0;
      }
    }
  }
  CHECKF(wrong == 0, "%s: topk %d of %d %s, mode %d: %d wrong", gk_cpu_isa_name(gk_cpu_isa), (int)k,
         (int)n, gk_dtypes[dtype].name, mode, (int)wrong);
  free(expected);
  free(from.data);
  free(to.data);
  free(places.data);
}

static void topk_all(void) {
  static const int64_t sizes[][2] = {{1, 1},      {5, 5},       {40, 3},      {1000, 10},
                                     {1025, 4},   {1500, 375},  {3000, 700},  {3000, 2},
                                     {9000, 100}, {9000, 2250}, {20000, 5000}};
  for (uint8_t dtype = GK_bool; dtype <= GK_float64; dtype++)
    for (int i = 0; i < 11; i++) topk(dtype, sizes[i][0], sizes[i][1], (i + dtype) % 4);
  for (int mode = 0; mode < 4; mode++) {
    topk(GK_float32, 70000, 50, mode); // with a sample
    topk(GK_int64, 70000, 3000, mode);
    topk(GK_float32, 140000, 300, mode); // by several threads
  }
  topk(GK_float64, 140000, 20000, 2);
  topk(GK_float16, 140000, 1000, 0);
}

static void search(uint8_t dtype, uint8_t other, int64_t n, int64_t m, int mode) {
  const uint8_t compute = gk_promote(dtype, other);
  if (!compute) return;
  const int64_t shape[2] = {1 + test_below(3), m};
  gk_storage from, of, to;
  gk_view sorted = test_strided(&from, dtype, 1, &n, test_below(2), false);
  gk_view values = test_strided(&of, other, 2, shape, test_below(2), true);
  gk_view out = test_strided(&to, GK_int64, 2, shape, test_below(2), false);
  fill(&from, dtype, mode);
  fill(&of, other, mode);
  const int size = gk_dtypes[dtype].size, wide = gk_dtypes[compute].size;
  // Sorted by insertion in the dtype of the comparison.
  for (int64_t i = 1; i < n; i++) {
    for (int64_t j = i; j > 0; j--) {
      char *a = test_element(&sorted, j - 1), *b = test_element(&sorted, j);
      char t[8];
      if (order(b, a, dtype) >= 0) break;
      memcpy(t, a, (size_t)size);
      memcpy(a, b, (size_t)size);
      memcpy(b, t, (size_t)size);
    }
  }
  const bool right = test_below(2);
  gk_call call = {.op = GK_OP_searchsorted, .family = GK_FAMILY_SORT, .inputs = 2, .outputs = 1};
  call.compute = compute;
  call.flags = right ? GK_VARIANT : 0;
  call.size = out.size;
  call.in[0] = &sorted;
  call.in[1] = &values;
  call.out[0] = &out;
  gk_error error;
  CHECK(gk_cpu_sort(&call, &error) == GK_OK);
  gk_cast_fn cast = gk_cpu_cast(dtype, compute), cast_other = gk_cpu_cast(other, compute);
  char *keys = malloc((size_t)(n * wide) + 8);
  for (int64_t i = 0; i < n; i++) {
    if (dtype == compute)
      memcpy(keys + i * wide, test_element(&sorted, i), (size_t)wide);
    else
      cast(1, test_element(&sorted, i), keys + i * wide);
  }
  int64_t wrong = 0;
  for (int64_t i = 0; i < out.size; i++) {
    _Alignas(8) char value[8];
    if (other == compute)
      memcpy(value, test_element(&values, i), (size_t)wide);
    else
      cast_other(1, test_element(&values, i), value);
    int64_t expected = 0, got;
    while (expected < n && order(keys + expected * wide, value, compute) < (right ? 1 : 0))
      expected++;
    memcpy(&got, test_element(&out, i), 8);
    wrong += got != expected;
  }
  CHECKF(wrong == 0, "%s: searchsorted %s in %d %s, mode %d: %d wrong", gk_cpu_isa_name(gk_cpu_isa),
         gk_dtypes[other].name, (int)n, gk_dtypes[dtype].name, mode, (int)wrong);
  free(keys);
  free(from.data);
  free(of.data);
  free(to.data);
}

static void search_all(void) {
  for (uint8_t dtype = GK_bool; dtype <= GK_float64; dtype++) {
    for (int64_t n = 0; n < 20; n++) search(dtype, dtype, n, 1 + test_below(40), (int)(n % 4));
    for (uint8_t other = GK_bool; other <= GK_float64; other++) {
      // What is sorted as float16 must stay sorted in the common dtype; it does.
      search(dtype, other, 1 + test_below(100), 1 + test_below(100), (int)test_below(4));
    }
    search(dtype, dtype, 700, 1500, dtype % 4);
    search(dtype, dtype, 2500, 1, 2); // few in a long one
  }
}

int main(void) {
  test_each_isa(topk_all);
  test_each_isa(search_all);
  return test_done();
}
