// Random views for tests of kernels: any axis order, steps, negative and zero strides, over memory of
// exactly the bytes they reach (so that a sanitizer sees every step outside), filled with
// ordinary and special elements. Also a scalar reference of every conversion.
#ifndef GK_RANDOM_VIEW_H
#define GK_RANDOM_VIEW_H

#include <math.h>

#include "../../csrc/cpu/cpu.h"
#include "test.h"

// An element as the widest of its kind: integers and bool in `i` (uint64 as its bits), floats in
// `f`, complex in `f` and `im`.
typedef struct element {
  int64_t i;
  double f, im;
} element;

static inline bool is_floating(uint8_t dtype) {
  return gk_dtypes[dtype].class & (GK_CLASS_FLOAT | GK_CLASS_COMPLEX);
}

static inline element element_read(const void *at, uint8_t dtype) {
  element e = {0, 0, 0};
  uint64_t bits = 0;
  int size = gk_dtypes[dtype].size, unused = 64 - 8 * size;
  if (dtype == GK_complex64) {
    gk_complex64 c;
    memcpy(&c, at, sizeof c);
    e.f = c.re;
    e.im = c.im;
  } else if (is_floating(dtype)) {
    e.f = gk_scalar_to_double(at, dtype);
  } else {
    memcpy(&bits, at, (size_t)size);
    e.i = gk_dtypes[dtype].class == GK_CLASS_SIGNED ? (int64_t)(bits << unused) >> unused
                                                    : (int64_t)bits;
  }
  return e;
}

static inline void element_write(void *at, uint8_t dtype, element e) {
  if (dtype == GK_complex64) {
    gk_complex64 c = {(float)e.f, (float)e.im};
    memcpy(at, &c, sizeof c);
  } else if (is_floating(dtype)) {
    gk_scalar s = gk_scalar_from_double(e.f, dtype);
    memcpy(at, s.bytes, gk_dtypes[dtype].size);
  } else {
    memcpy(at, &e.i, gk_dtypes[dtype].size);
  }
}

static inline element element_convert(element e, uint8_t from, uint8_t to) {
  element r = {0, 0, 0};
  if (from == to) return e;
  if (to == GK_bool) {
    r.i = is_floating(from) ? e.f != 0 || e.im != 0 : e.i != 0;
    return r;
  }
  char bytes[8];
  if (is_floating(from)) {
    gk_scalar s = gk_scalar_from_double(e.f, to);
    return element_read(s.bytes, to);
  }
  if (is_floating(to)) {
    double exact = from == GK_uint64 ? (double)(uint64_t)e.i : (double)e.i;
    float single = from == GK_uint64 ? (float)(uint64_t)e.i : (float)e.i;
    r.f = to == GK_float64 ? exact : single;
    element_write(bytes, to, r);
    return element_read(bytes, to);
  }
  element_write(bytes, to, e);
  return element_read(bytes, to);
}

// Equal as numbers, the sign of zero included; any two NaNs are.
static inline bool element_same(element a, element b, uint8_t dtype) {
  if (!is_floating(dtype)) return a.i == b.i;
  bool f = isnan(a.f) ? isnan(b.f) : a.f == b.f && !signbit(a.f) == !signbit(b.f);
  bool im = isnan(a.im) ? isnan(b.im) : a.im == b.im;
  return f && (dtype != GK_complex64 || im);
}

static inline element element_random(uint8_t dtype) {
  static const double special[] = {
      0.0,   -0.0,  1,     -1,         0.5,    NAN,    INFINITY, -INFINITY, 127,    -128, 255,
      32767, 65504, 65520, 2147483647, 0x1p31, 0x1p63, 1e-40,    0x1p-149,  -2.5e9, 3e38, 1e300};
  char bytes[8] = {0};
  element e = {0, 0, 0};
  if (dtype == GK_bool) {
    e.i = test_below(2);
    return e;
  }
  if (is_floating(dtype)) {
    bool extreme = test_below(8) == 0;
    e.f = extreme ? special[test_below(sizeof special / sizeof *special)]
                  : (test_uniform() - 0.5) * (test_below(2) ? 8 : 300);
    e.im = test_uniform() - 0.5;
    if (test_below(3) == 0) e.f = trunc(e.f);
  } else {
    e.i = (int64_t)test_random();
    if (test_below(2)) e.i = test_below(7) - 3;
    if (test_below(10) == 0) e.i = INT64_MIN >> (64 - gk_dtypes[dtype].bits);
  }
  element_write(bytes, dtype, e);
  return element_read(bytes, dtype);
}

typedef struct test_array {
  gk_view view;
  gk_storage storage;
  char *memory;
  int64_t bytes;
} test_array;

static inline int64_t element_offset(const gk_view *v, int64_t index) {
  int64_t offset = 0;
  for (int d = v->ndim - 1; d >= 0; d--) {
    offset += index % v->shape[d] * v->strides[d];
    index /= v->shape[d];
  }
  return v->offset + offset * gk_dtypes[v->dtype].size;
}

static inline element element_at(const gk_view *v, const char *memory, int64_t index) {
  return element_read(memory + element_offset(v, index), v->dtype);
}

enum { PLAIN = 1, NO_BROADCAST = 2 };

// PLAIN: contiguous.
static inline void test_array_make(test_array *a, uint8_t dtype, int ndim, const int64_t *shape,
                                   int flags) {
  a->view = test_view(&a->storage, NULL, dtype, ndim, shape);
  gk_view *v = &a->view;
  int64_t size = gk_dtypes[dtype].size, reach = v->size, first = 0;
  if (!(flags & PLAIN) && v->size > 0) {
    int order[GK_MAX_DIMS];
    for (int d = 0; d < ndim; d++) order[d] = d;
    bool shuffle = test_below(2);
    for (int d = ndim - 1; d > 0 && shuffle; d--) {
      int other = (int)test_below(d + 1), held = order[d];
      order[d] = order[other];
      order[other] = held;
    }
    int64_t step = test_below(3) ? 1 : 1 + test_below(3);
    reach = 1;
    for (int i = ndim - 1; i >= 0; i--) {
      int d = order[i];
      if (!(flags & NO_BROADCAST) && test_below(5) == 0) {
        v->strides[d] = 0;
        continue;
      }
      v->strides[d] = step;
      reach += (shape[d] - 1) * step;
      if (test_below(6) == 0) {
        first += (shape[d] - 1) * step;
        v->strides[d] = -step;
      }
      step = step * shape[d] + test_below(4) / 3;
    }
    if (ndim == 0) reach = 1;
    gk_view_update_contiguous(v);
  }
  int64_t lead = test_below(4);
  v->offset = (lead + first) * size;
  a->bytes = (lead + reach) * size;
  a->memory = malloc((size_t)(a->bytes ? a->bytes : 1));
  a->storage.data = a->memory;
  a->storage.bytes = a->bytes;
  for (int64_t i = 0; i < lead + reach; i++)
    element_write(a->memory + i * size, dtype, element_random(dtype));
}

static inline void test_array_free(test_array *a) { free(a->memory); }

// Everything outside the view is as before.
static inline bool test_array_untouched(const test_array *a, const char *before) {
  char *expected = malloc((size_t)(a->bytes ? a->bytes : 1));
  memcpy(expected, before, (size_t)a->bytes);
  int size = gk_dtypes[a->view.dtype].size;
  for (int64_t i = 0; i < a->view.size; i++) {
    int64_t at = element_offset(&a->view, i);
    memcpy(expected + at, a->memory + at, (size_t)size);
  }
  bool same = memcmp(expected, a->memory, (size_t)a->bytes) == 0;
  free(expected);
  return same;
}

static inline int random_shape(int64_t *shape) {
  int64_t kind = test_below(8);
  int ndim = (int)test_below(kind < 2 ? 4 : 6);
  for (int d = 0; d < ndim; d++) shape[d] = test_below(12) ? 1 + test_below(kind < 2 ? 4 : 6) : 0;
  if (ndim && kind == 0) shape[ndim - 1] = 250 + test_below(1500); // long rows
  if (ndim && kind == 1) shape[0] = 100 + test_below(500); // many short ones
  return ndim;
}

// The sets that this machine has, one after the other.
#define FOR_EACH_ISA(isa)                                                                          \
  for (gk_isa best_ = gk_cpu_isa, isa = best_ == GK_ISA_NEON ? best_ : GK_ISA_BASELINE;            \
       gk_cpu_isa = isa <= best_ ? isa : best_, isa <= best_; isa = (gk_isa)(isa + 1))

#endif
