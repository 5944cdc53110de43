// sort and argsort: order, stability and the same elements as before, for every dtype, both directions,
// any axis and strides, lengths around every change of method, NaN and both zeros. Items
// of both widths against qsort: patterns that are bad for quicksorts, and one made to be the worst
// for this one. On every instruction set of the machine.
#include <math.h>

#include "../../csrc/cpu/sort.h"
#include "strided.h"

enum { AXES = 3 };

// Elements of few or many different values, extremes, NaN and -0 among them.
static void fill(char *data, int64_t count, uint8_t dtype, int mode) {
  int size = gk_dtypes[dtype].size;
  for (int64_t i = 0; i < count; i++) {
    gk_scalar s = {.u64 = test_random()};
    if (dtype == GK_bool) s.u64 &= 1;
    if (mode == 0 || mode == 3) s = gk_scalar_from_double((double)test_below(9) - 4, dtype);
    if (mode == 1 && test_is_float(dtype)) s = gk_scalar_from_double(test_uniform() - 0.5, dtype);
    if (mode == 3) s = gk_scalar_from_double((double)(i / 7), dtype); // nearly sorted
    if (test_is_float(dtype) && test_below(12) == 0) s = gk_scalar_from_double(NAN, dtype);
    if (test_is_float(dtype) && test_below(9) == 0) s = gk_scalar_from_double(-0.0, dtype);
    if (test_is_float(dtype) && test_below(15) == 0) s = gk_scalar_from_double(-INFINITY, dtype);
    memcpy(data + i * size, s.bytes, (size_t)size);
  }
}

// Does the element at `a` come strictly before the one at `b`?
static bool before(const char *a, const char *b, uint8_t dtype, bool descending) {
  if (dtype == GK_int64 || dtype == GK_uint64) {
    uint64_t x, y, flip = dtype == GK_int64 ? (uint64_t)1 << 63 : 0;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    return descending ? (x ^ flip) > (y ^ flip) : (x ^ flip) < (y ^ flip);
  }
  double x = gk_scalar_to_double(a, dtype), y = gk_scalar_to_double(b, dtype);
  if (isnan(x) || isnan(y)) return !isnan(x) && isnan(y);
  return descending ? x > y : x < y;
}

static uint64_t hash_element(const char *a, uint8_t dtype) {
  uint64_t bits = 0;
  memcpy(&bits, a, gk_dtypes[dtype].size);
  if (test_is_float(dtype) && isnan(gk_scalar_to_double(a, dtype)))
    bits = 0x7ff1; // any NaN is as good
  bits = (bits + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
  return bits ^ bits >> 31;
}

static int64_t line_offset(const gk_view *v, int axis, int64_t index) {
  int64_t offset = 0;
  for (int i = v->ndim - 1; i >= 0; i--) {
    if (i == axis) continue;
    offset += index % v->shape[i] * v->strides[i];
    index /= v->shape[i];
  }
  return offset;
}

static void check_line(const gk_call *call, int64_t line, const char *what) {
  const gk_view *in = call->in[0], *out = call->out[0];
  int axis = call->axis, size = gk_dtypes[in->dtype].size, out_size = gk_dtypes[out->dtype].size;
  int64_t n = in->shape[axis];
  const char *from = gk_view_data(in) + line_offset(in, axis, line) * size;
  const char *to = gk_view_data(out) + line_offset(out, axis, line) * out_size;
  bool descending = call->flags & GK_DESCENDING;
  int64_t in_step = in->strides[axis] * size, out_step = out->strides[axis] * out_size;
  uint64_t in_sum = 0, out_sum = 0, wrong = 0;
  const char *previous = NULL;
  int64_t previous_place = -1;
  for (int64_t i = 0; i < n; i++) {
    const char *element = to + i * out_step;
    int64_t place = i;
    if (call->op == GK_OP_argsort) {
      memcpy(&place, element, 8);
      if (place < 0 || place >= n) {
        wrong++;
        break;
      }
      element = from + place * in_step;
    }
    if (previous && before(element, previous, in->dtype, descending)) wrong++;
    if (call->op == GK_OP_argsort && previous && previous_place >= place &&
        !before(previous, element, in->dtype, descending))
      wrong++;
    previous = element;
    previous_place = place;
    in_sum += hash_element(from + i * in_step, in->dtype);
    out_sum += hash_element(element, in->dtype);
  }
  CHECKF(wrong == 0, "%s: %d out of order", what, (int)wrong);
  CHECKF(in_sum == out_sum, "%s: other elements than before", what);
}

// A view with gaps and reversed axes in the middle of `count` elements.
static int64_t scatter_view(gk_view *v, bool plain) {
  int64_t extent = 1, first = 0;
  for (int i = v->ndim - 1; !plain && i >= 0; i--) {
    v->strides[i] = extent * (1 + test_below(2));
    extent = v->strides[i] * (v->shape[i] ? v->shape[i] : 1);
    if (test_below(3) == 0) {
      first += v->strides[i] * (v->shape[i] - 1);
      v->strides[i] = -v->strides[i];
    }
  }
  if (plain) extent = v->size;
  v->contiguous = plain;
  v->offset = first * gk_dtypes[v->dtype].size;
  return extent;
}

static void one(uint8_t dtype, int64_t n, int axis, int mode, bool plain) {
  int64_t shape[AXES] = {1, 1, 1};
  for (int i = 0; i < AXES; i++) shape[i] = i == axis ? n : n > 1000 ? 1 : 1 + test_below(3);
  for (int op = GK_OP_sort; op <= GK_OP_argsort; op++) {
    for (int descending = 0; descending < 2; descending++) {
      gk_storage from, to;
      uint8_t result = op == GK_OP_sort ? dtype : GK_int64;
      gk_view in = test_view(&from, NULL, dtype, AXES, shape);
      gk_view out = test_view(&to, NULL, result, AXES, shape);
      int64_t in_count = scatter_view(&in, plain), out_count = scatter_view(&out, plain);
      from.data = malloc((size_t)(in_count * gk_dtypes[dtype].size) + 1);
      to.data = malloc((size_t)(out_count * gk_dtypes[result].size) + 1);
      fill(from.data, in_count, dtype, mode);
      gk_call call = {.op = (uint16_t)op, .family = GK_FAMILY_SORT, .inputs = 1, .outputs = 1};
      call.compute = dtype;
      call.axis = (int8_t)axis;
      call.flags = descending ? GK_DESCENDING : 0;
      call.size = out.size;
      call.in[0] = &in;
      call.out[0] = &out;
      gk_error error;
      CHECK(gk_cpu_sort(&call, &error) == GK_OK);
      char what[120];
      snprintf(what, sizeof what, "%s %s%s of %s, n %d, axis %d, mode %d%s",
               gk_cpu_isa_name(gk_cpu_isa), op == GK_OP_sort ? "sort" : "argsort",
               descending ? " descending" : "", gk_dtypes[dtype].name, (int)n, axis, mode,
               plain ? ", plain" : "");
      for (int64_t line = 0; n && line < out.size / n; line++) check_line(&call, line, what);
      free(from.data);
      free(to.data);
    }
  }
}

// ---- items

static int compare_narrow(const void *a, const void *b) {
  int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
  return (x > y) - (x < y);
}

static int compare_wide(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static const char *const patterns[] = {"sorted",
                                       "reversed",
                                       "organ pipe",
                                       "two values",
                                       "a few values",
                                       "equal",
                                       "random",
                                       "most are the largest",
                                       "sorted but for the end",
                                       "zigzag",
                                       "random, small"};
enum { PATTERNS = sizeof patterns / sizeof *patterns };

static int64_t pattern(int kind, int64_t i, int64_t n, bool wide) {
  const int64_t most = wide ? INT64_MAX : INT32_MAX;
  switch (kind) {
  case 0:
    return i - n / 2;
  case 1:
    return n - i;
  case 2:
    return i < n / 2 ? i : n - i;
  case 3:
    return test_below(2) ? most : -most - 1;
  case 4:
    return test_below(7) - 3;
  case 5:
    return n % 2 ? most : -7;
  case 7:
    return test_below(10) ? most : test_below(100);
  case 8:
    return i < n - n / 16 ? i : test_below(n);
  case 9:
    return i % 2 ? i : -i;
  case 10:
    return test_below(n + 1);
  default:
    return (int64_t)test_random();
  }
}

// The worst for a quicksort that samples at regular places: whatever it looks at is smaller than
// all that it has not seen.
static void worst(int64_t n, int64_t *values, int lanes) {
  int64_t *left = malloc((size_t)n * sizeof *left), *sample = malloc(1024 * sizeof *sample);
  int64_t next = 0, count = n;
  for (int64_t i = 0; i < n; i++) left[i] = i, values[i] = -1;
  while (count > 16 * lanes) {
    int samples = (count > 1 << 14 ? 8 : count > 1 << 11 ? 4 : 2) * lanes;
    const int64_t step = count / samples;
    for (int i = 0; i < samples; i++) {
      int64_t *value = &values[left[i * step + step / 2]];
      if (*value < 0) *value = next++;
      sample[i] = *value;
    }
    qsort(sample, (size_t)samples, sizeof *sample, compare_wide);
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++)
      if (values[left[i]] < 0 || values[left[i]] >= sample[samples / 2]) left[kept++] = left[i];
    count = kept;
  }
  for (int64_t i = 0; i < n; i++)
    if (values[i] < 0) values[i] = next++;
  free(left);
  free(sample);
}

// Memory of just the size: a store beyond it is an error under the sanitizers.
static void check_items(bool wide, int64_t n, const int64_t *values, const char *what) {
  const size_t bytes = wide ? 8 : 4;
  char *items = malloc((size_t)n * bytes + 1), *other = malloc((size_t)n * bytes + 1);
  char *expected = malloc((size_t)n * bytes + 1);
  for (int64_t i = 0; i < n; i++) {
    const int32_t narrow = (int32_t)values[i];
    memcpy(items + i * (int64_t)bytes, wide ? (const void *)&values[i] : &narrow, bytes);
  }
  memcpy(expected, items, (size_t)n * bytes);
  qsort(expected, (size_t)n, bytes, wide ? compare_wide : compare_narrow);
  if (n) { // the parts of a split keep their order
    char *low = malloc((size_t)n * bytes), *high = malloc((size_t)n * bytes);
    const char *pivot = items + test_below(n) * (int64_t)bytes;
    const int64_t below = gk_sort_partition(wide, n, items, pivot, low, high);
    int64_t a = 0, b = 0, wrong = 0;
    for (int64_t i = 0; i < n; i++) {
      const char *item = items + i * (int64_t)bytes;
      const bool is_low = (wide ? compare_wide : compare_narrow)(item, pivot) < 0;
      const char *got = is_low ? low + a++ * (int64_t)bytes : high + b++ * (int64_t)bytes;
      wrong += memcmp(got, item, bytes) != 0;
    }
    CHECKF(wrong == 0 && a == below, "%s, %d bytes: split", what, (int)bytes);
    free(low);
    free(high);
  }
  const char *sorted = gk_sort_items(wide, n, items, other, 0);
  CHECKF(memcmp(sorted, expected, (size_t)n * bytes) == 0, "%s, %d bytes", what, (int)bytes);
  free(items);
  free(other);
  free(expected);
}

static void items(void) {
  static const int64_t more[] = {150,  255,  256,  257,  258,   300,   511,  513,
                                 1000, 1025, 2048, 2049, 10000, 16385, 40001};
  char what[100];
  for (int wide = 0; wide < 2; wide++) {
    for (int64_t i = 0; i < 150 + 15; i++) {
      const int64_t n = i < 150 ? i : more[i - 150];
      int64_t *values = malloc((size_t)n * 8 + 8);
      for (int kind = 0; kind < PATTERNS; kind++) {
        if (i < 150 && kind != i % PATTERNS && kind != 6) continue;
        for (int64_t k = 0; k < n; k++) values[k] = pattern(kind, k, n, wide);
        snprintf(what, sizeof what, "%s, %d items, %s", gk_cpu_isa_name(gk_cpu_isa), (int)n,
                 patterns[kind]);
        check_items(wide, n, values, what);
      }
      for (int lanes = 4; n > 400 && lanes <= 16; lanes *= 2) {
        worst(n, values, lanes);
        snprintf(what, sizeof what, "%s, %d items, worst for %d lanes", gk_cpu_isa_name(gk_cpu_isa),
                 (int)n, lanes);
        check_items(wide, n, values, what);
      }
      free(values);
    }
  }
}

static void lines(void) {
  static const int64_t lengths[] = {0, 1, 2, 3, 15, 16, 17, 33, 100, 399, 400, 401, 1000};
  for (uint8_t dtype = GK_bool; dtype <= GK_float64; dtype++) {
    for (int i = 0; i < 13; i++)
      for (int mode = 0; mode < 4; mode++)
        one(dtype, lengths[i], (int)test_below(AXES), mode, test_below(2));
    one(dtype, 3000 + test_below(5000), 2, 2, false);
  }
  // by several threads
  one(GK_float32, 150001, 2, 1, true);
  one(GK_float32, 150001, 2, 0, true);
  one(GK_float64, 300000, 0, 0, false);
  one(GK_float64, 140000, 0, 2, true);
  one(GK_int64, 131072, 0, 1, true);
  one(GK_int8, 200000, 1, 2, true);
  one(GK_uint16, 140000, 1, 2, false);
}

// Many strided lines go through tiles.
static void tiles(void) {
  static const int64_t shapes[][3] = {{70, 9, 130}, {3, 300, 5}, {1, 2000, 90}};
  for (int i = 0; i < 3; i++) {
    for (int op = GK_OP_sort; op <= GK_OP_argsort; op++) {
      const uint8_t dtype = i == 1 ? GK_float64 : GK_float16,
                    result = op == GK_OP_sort ? dtype : GK_int64;
      gk_storage from, to;
      gk_view in = test_strided(&from, dtype, 3, shapes[i], i != 1, false);
      gk_view out = test_strided(&to, result, 3, shapes[i], i == 0, false);
      fill(from.data, from.bytes / gk_dtypes[dtype].size, dtype, 2);
      gk_call call = {.op = (uint16_t)op, .family = GK_FAMILY_SORT, .inputs = 1, .outputs = 1};
      call.compute = dtype;
      call.axis = 1;
      call.size = out.size;
      call.in[0] = &in;
      call.out[0] = &out;
      gk_error error;
      CHECK(gk_cpu_sort(&call, &error) == GK_OK);
      for (int64_t line = 0; line < out.size / shapes[i][1]; line++)
        check_line(&call, line, gk_dtypes[dtype].name);
      free(from.data);
      free(to.data);
    }
  }
}

int main(void) {
  test_each_isa(items);
  test_each_isa(lines);
  test_each_isa(tiles);

  // no axes: one element
  gk_storage from, to;
  float x = 3, y = 0;
  gk_view in = test_view(&from, &x, GK_float32, 0, NULL),
          out = test_view(&to, &y, GK_float32, 0, NULL);
  gk_call call = {.op = GK_OP_sort, .compute = GK_float32, .axis = -1, .in = {&in}, .out = {&out}};
  gk_error error;
  CHECK(gk_cpu_sort(&call, &error) == GK_OK && y == 3);
  return test_done();
}
