// Indices in device code: loaded as what they are, checked against their axis, reported.
#pragma once

#include "element.cuh"
#include "index.h"
#include "layout.cuh"

// Index `at` as an int64; of uint64 the same bits, which are out of range without `wrap`.
static __device__ __forceinline__ int64_t gk_index_at(uint32_t dtype, const void *data,
                                                      int64_t at) {
  switch (dtype) {
#define GK_INDEX_CASE(name, T)                                                                     \
  case GK_##name:                                                                                  \
    return (int64_t)((const T *)data)[at];
    GK_EACH_INTEGER(GK_INDEX_CASE)
#undef GK_INDEX_CASE
  }
  return 0;
}

// The place along the axis that an index means; false where it is out of range.
static __device__ __forceinline__ bool gk_index_place(const gk_axis_check &axis, int64_t index,
                                                      int64_t *place) {
  const uint64_t v = (uint64_t)index + (index < 0 ? (uint64_t)axis.wrap : 0);
  *place = (int64_t)v;
  return v < (uint64_t)axis.length;
}

static __device__ inline void gk_index_report(const gk_axis_check &axis, int64_t index) {
  if (axis.fault) gk_report_index(axis.fault, axis.op, axis.number, index, axis.length);
}
