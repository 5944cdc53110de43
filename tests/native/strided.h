// Random views for the tests of the families that walk strides: any layout that slicing,
// transposing, flipping and broadcasting can make, over memory of just the right size.
#ifndef GK_TEST_STRIDED_H
#define GK_TEST_STRIDED_H

#include "../../csrc/cpu/cpu.h"
#include "test.h"

// Calls `body` once per instruction set that this machine has, with gk_cpu_isa set to it.
static inline void test_each_isa(void (*body)(void)) {
  const gk_isa best = gk_cpu_isa;
  for (int isa = best == GK_ISA_NEON ? GK_ISA_NEON : GK_ISA_BASELINE; isa <= (int)best; isa++) {
    gk_cpu_isa = (gk_isa)isa;
    body();
  }
  gk_cpu_isa = best;
}

// A view of the given shape over new memory (storage->data, the caller frees it). `plain` makes it
// contiguous, `repeat` allows zero strides.
static inline gk_view test_strided(gk_storage *storage, uint8_t dtype, int ndim,
                                   const int64_t *shape, bool plain, bool repeat) {
  gk_view v = test_view(storage, NULL, dtype, ndim, shape);
  int order[GK_MAX_DIMS];
  for (int i = 0; i < ndim; i++) order[i] = i;
  if (!plain)
    for (int i = ndim - 1; i > 0; i--) {
      const int j = (int)test_below(i + 1), t = order[i];
      order[i] = order[j];
      order[j] = t;
    }
  int64_t next = 1, first = 0;
  for (int i = ndim - 1; i >= 0 && !plain; i--) {
    const int axis = order[i];
    if (repeat && test_below(8) == 0) {
      v.strides[axis] = 0;
      continue;
    }
    const int64_t step = test_below(3) ? 1 : 1 + test_below(3);
    v.strides[axis] = next * step;
    next *= step * (shape[axis] ? shape[axis] : 1);
    if (test_below(3) == 0 && shape[axis] > 0) {
      first += v.strides[axis] * (shape[axis] - 1);
      v.strides[axis] = -v.strides[axis];
    }
  }
  if (plain) next = v.size;
  const int bytes = gk_dtypes[dtype].size;
  v.offset = first * bytes;
  gk_view_update_contiguous(&v);
  storage->bytes = v.size ? next * bytes : 0;
  storage->data = v.size ? malloc((size_t)storage->bytes) : NULL;
  if (v.size) memset(storage->data, 0x5a, (size_t)storage->bytes);
  return v;
}

// The bytes of the element at a place given by its number in row-major order.
static inline void *test_element(const gk_view *v, int64_t flat) {
  int64_t at = 0;
  for (int i = v->ndim - 1; i >= 0; i--) {
    at += flat % v->shape[i] * v->strides[i];
    flat /= v->shape[i];
  }
  return (char *)v->storage->data + v->offset + at * gk_dtypes[v->dtype].size;
}

// Line `line` of an axis of a contiguous array: the place of its first element and the distance to the next.
static inline int64_t test_line_start(int ndim, const int64_t *shape, int axis, int64_t line,
                                      int64_t *step) {
  int64_t at = 0, stride = 1;
  *step = 1;
  for (int i = ndim - 1; i >= 0; i--) {
    if (i == axis) {
      *step = stride;
    } else {
      at += line % shape[i] * stride;
      line /= shape[i];
    }
    stride *= shape[i];
  }
  return at;
}

static inline bool test_is_float(uint8_t dtype) { return gk_dtypes[dtype].class == GK_CLASS_FLOAT; }

// An integer or bool element, its bits extended to 64.
static inline uint64_t test_integer(const void *p, uint8_t dtype) {
  gk_scalar s = {{0}};
  memcpy(&s, p, gk_dtypes[dtype].size);
  switch (dtype) {
  case GK_int8:
    return (uint64_t)(int64_t)(int8_t)s.bytes[0];
  case GK_int16:
    return (uint64_t)(int64_t)(int16_t)s.u64;
  case GK_int32:
    return (uint64_t)(int64_t)(int32_t)s.u64;
  default:
    return s.u64;
  }
}

#endif
