// gk_cpu_sort against a stable insertion of indices by value: every dtype, both directions, any
// axis and strides, lengths around every change of method, NaN and both zeros, every
// instruction set of the machine.
#include <math.h>

#include "../../csrc/cpu/cpu.h"
#include "test.h"

enum { AXES = 3 };

static bool is_float(uint8_t dtype) { return gk_dtypes[dtype].class == GK_CLASS_FLOAT; }

// Elements of few or many different values, extremes, NaN and -0 among them.
static void fill(char *data, int64_t count, uint8_t dtype, int mode) {
  int size = gk_dtypes[dtype].size;
  for (int64_t i = 0; i < count; i++) {
    gk_scalar s = {.u64 = test_random()};
    if (dtype == GK_bool) s.u64 &= 1;
    if (mode == 0 || mode == 3) s = gk_scalar_from_double((double)test_below(9) - 4, dtype);
    if (mode == 1 && is_float(dtype)) s = gk_scalar_from_double(test_uniform() - 0.5, dtype);
    if (mode == 3) s = gk_scalar_from_double((double)(i / 7), dtype); // nearly sorted
    if (is_float(dtype) && test_below(12) == 0) s = gk_scalar_from_double(NAN, dtype);
    if (is_float(dtype) && test_below(9) == 0) s = gk_scalar_from_double(-0.0, dtype);
    if (is_float(dtype) && test_below(15) == 0) s = gk_scalar_from_double(-INFINITY, dtype);
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
  if (is_float(dtype) && isnan(gk_scalar_to_double(a, dtype))) bits = 0x7ff1; // any NaN is as good
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
  bool descending = call->flags & 4;
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
      call.flags = descending ? 4 : 0;
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

int main(void) {
  static const int64_t lengths[] = {0, 1, 2, 3, 15, 16, 17, 33, 100, 399, 400, 401, 1000};
  gk_isa best = gk_cpu_isa;
#if defined(__x86_64__)
  for (int isa = GK_ISA_BASELINE; isa <= (int)best; isa++) {
    gk_cpu_isa = (gk_isa)isa;
#else
  {
#endif
    for (uint8_t dtype = GK_bool; dtype <= GK_float64; dtype++) {
      for (int i = 0; i < 13; i++)
        for (int mode = 0; mode < 4; mode++)
          one(dtype, lengths[i], (int)test_below(AXES), mode, test_below(2));
      one(dtype, 3000 + test_below(5000), 2, 2, false);
    }
    // by several threads
    one(GK_float32, 150001, 2, 1, true);
    one(GK_float64, 300000, 0, 0, false);
    one(GK_int8, 200000, 1, 2, true);
  }
  gk_cpu_isa = best;

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
