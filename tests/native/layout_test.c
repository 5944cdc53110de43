// cuda/layout.c: from an element's number to its places, as kernels compute it (kernels/layout.cuh), in 32
// and in 64 bits; and where neighbours are moved together.
#include "../../csrc/cuda/layout.h"
#include "strided.h"

static uint64_t high_half(uint64_t a, uint64_t b) {
  return (uint64_t)((unsigned __int128)a * b >> 64);
}

static uint64_t divided(const gk_layout *layout, int d, uint64_t n) {
  uint64_t magic = layout->axis[d].magic;
  if (layout->wide) return (high_half(n, magic) + n) >> layout->shift[d];
  return (uint32_t)((n * magic >> 32) + n) >> layout->shift[d];
}

static int64_t place_of(const gk_layout *layout, int k, int64_t index) {
  uint64_t left = (uint64_t)index;
  int64_t place = 0;
  for (uint32_t d = 0; d < layout->ndim; d++) {
    uint64_t over = d + 1 < layout->ndim ? divided(layout, (int)d, left) : 0;
    place += (int64_t)(left - over * layout->axis[d].length) * layout->axis[d].stride[k];
    left = over;
  }
  return place;
}

// Lengths from 1 to almost what the layout can hold, with strides to match.
static void test_places(void) {
  for (int round = 0; round < 20000; round++) {
    bool wide = round % 2;
    int64_t room = wide ? INT64_MAX : INT32_MAX;
    gk_loop loop = {.ndim = 1 + (int)test_below(8)};
    for (int d = 0; d < loop.ndim; d++) {
      int64_t most = test_below(3) ? 20 : room;
      if (most > room) most = room;
      loop.shape[d] = 1 + (int64_t)(test_random() >> test_below(60)) % most;
      if (loop.shape[d] < 1) loop.shape[d] = 1;
      room /= loop.shape[d];
    }
    int64_t size = 1;
    for (int d = loop.ndim - 1; d >= 0; d--) {
      loop.strides[0][d] = size;
      loop.strides[1][d] = test_below(2) ? -size : 0;
      size *= loop.shape[d];
    }
    gk_layout layout;
    gk_layout_from_loop(&layout, 2, &loop);
    CHECK(layout.size == size && layout.wide == (size > INT32_MAX));
    for (int i = 0; i < 20; i++) {
      int64_t index = i == 0 ? size - 1 : test_below(size), left = index, want = 0;
      for (int d = loop.ndim - 1; d >= 0; d--) {
        want += left % loop.shape[d] * loop.strides[1][d];
        left /= loop.shape[d];
      }
      CHECKF(place_of(&layout, 0, index) == index && place_of(&layout, 1, index) == want,
             "element %lld of %lld", (long long)index, (long long)size);
    }
  }
}

static int by_value(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

// Over the same elements as the views, whatever the order: the output's places, each with its operand's.
static void test_order(void) {
  enum { MOST = 4096 };
  static int64_t listed[MOST], walked[MOST];
  for (int round = 0; round < 20000; round++) {
    int64_t shape[4];
    int ndim = (int)test_below(5);
    for (int d = 0; d < ndim; d++) shape[d] = 1 + test_below(7);
    if (ndim > 1 && test_below(4) == 0) { // tiles
      for (int d = 0; d < ndim - 2; d++) shape[d] = 1 + test_below(2);
      int64_t rows = 8 << test_below(3);
      shape[ndim - 2] = rows;
      shape[ndim - 1] = 1024 / rows;
    }
    static const uint8_t dtypes[] = {GK_bool, GK_float16, GK_float32, GK_complex64};
    gk_storage storage[2] = {{0}};
    gk_view views[2];
    for (int k = 0; k < 2; k++)
      views[k] =
          test_strided(&storage[k], dtypes[test_below(4)], ndim, shape, test_below(3) == 0, k == 0);
    gk_strided arrays;
    gk_strided_build(&arrays, 2, (const gk_view *[]){&views[0], &views[1]});
    const gk_layout *layout = &arrays.layout;
    CHECK(layout->size == views[0].size);
    for (int64_t i = 0; i < layout->size; i++) {
      int64_t left = i, at[2] = {0, 0};
      for (int d = ndim - 1; d >= 0; d--) {
        for (int k = 0; k < 2; k++) at[k] += left % shape[d] * views[k].strides[d];
        left /= shape[d];
      }
      listed[i] = at[1] * 1000000 + at[0];
      walked[i] = place_of(layout, 1, i) * 1000000 + place_of(layout, 0, i);
    }
    qsort(listed, (size_t)layout->size, sizeof *listed, by_value);
    qsort(walked, (size_t)layout->size, sizeof *walked, by_value);
    CHECK(memcmp(listed, walked, (size_t)layout->size * sizeof *listed) == 0);

    for (int k = 0; k < 2; k++) {
      if (!(arrays.together >> k & 1)) continue;
      CHECK(arrays.grouped);
      int size = gk_dtypes[views[k].dtype].size, bytes = size * GK_STRIDED_GROUP;
      if (bytes > 16) bytes = 16;
      for (int64_t i = 0; i + GK_STRIDED_GROUP <= layout->size; i += GK_STRIDED_GROUP) {
        int64_t place = place_of(layout, k, i);
        CHECK((uintptr_t)((char *)gk_view_data(&views[k]) + place * size) % (uintptr_t)bytes == 0);
        for (int e = 1; e < GK_STRIDED_GROUP; e++) CHECK(place_of(layout, k, i + e) == place + e);
      }
    }
    for (int k = 0; k < 2; k++) free(storage[k].data);
  }
}

int main(void) {
  test_places();
  test_order();
  return test_done();
}
