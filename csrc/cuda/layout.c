// Layouts of kernels' operands: merged axes, whether 32 bits suffice, and what division by the axes'
// lengths multiplies with.
#include "layout.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// floor(2^bits (2^shift - length) / length) + 1, where 2^shift is the first power of two that is not below
// length. For 64 bits by long division, bit by bit: C has no type for the dividend.
static uint64_t magic_of(uint64_t length, uint32_t shift, bool wide) {
  uint64_t rest = ((uint64_t)1 << shift) - length, quotient = 0;
  if (!wide) return (rest << 32) / length + 1;
  for (int i = 0; i < 64; i++) {
    bool carry = rest >> 63;
    rest <<= 1;
    quotient <<= 1;
    if (carry || rest >= length) {
      rest -= length;
      quotient |= 1;
    }
  }
  return quotient + 1;
}

// May the number of an element, or its place, be 2^31 or more?
static bool is_wide(int count, const gk_loop *loop, int64_t size) {
  if (size > INT32_MAX) return true;
  for (int k = 0; k < count; k++) {
    uint64_t reach = 0; // sums of what lies within a storage cannot overflow
    for (int d = 0; d < loop->ndim; d++) {
      int64_t step = loop->strides[k][d];
      reach += (uint64_t)(step < 0 ? -step : step) * (uint64_t)(loop->shape[d] - 1);
    }
    if (reach > INT32_MAX) return true;
  }
  return false;
}

void gk_layout_from_loop(gk_layout *layout, int count, const gk_loop *loop) {
  memset(layout, 0, sizeof *layout);
  layout->ndim = (uint32_t)loop->ndim;
  layout->size = 1;
  for (int d = 0; d < loop->ndim; d++) layout->size *= loop->shape[d];
  if (layout->size == 0) return;
  layout->wide = is_wide(count, loop, layout->size);
  for (int d = 0; d < loop->ndim; d++) {
    int from = loop->ndim - 1 - d;
    gk_layout_axis *axis = &layout->axis[d];
    axis->length = (uint64_t)loop->shape[from];
    for (int k = 0; k < count; k++) axis->stride[k] = loop->strides[k][from];
    if (from == 0) break; // what is left over is the place along the outermost axis
    while (layout->shift[d] < 63 && (uint64_t)1 << layout->shift[d] < axis->length)
      layout->shift[d]++;
    axis->magic = magic_of(axis->length, layout->shift[d], layout->wide);
  }
}

void gk_layout_build(gk_layout *layout, int count, const gk_view *const *views) {
  gk_loop loop;
  gk_loop_build(&loop, count, views);
  gk_layout_from_loop(layout, count, &loop);
}

// ---- where the order of elements is free

static void swap_axes(gk_loop *loop, int count, int a, int b) {
  int64_t length = loop->shape[a];
  loop->shape[a] = loop->shape[b];
  loop->shape[b] = length;
  for (int k = 0; k < count; k++) {
    int64_t stride = loop->strides[k][a];
    loop->strides[k][a] = loop->strides[k][b];
    loop->strides[k][b] = stride;
  }
}

// Axis `d` and the one behind it as one, where every operand allows it.
static bool merge_axes(gk_loop *loop, int count, int d) {
  for (int k = 0; k < count; k++)
    if (loop->strides[k][d] != loop->strides[k][d + 1] * loop->shape[d + 1]) return false;
  loop->shape[d] *= loop->shape[d + 1];
  for (int k = 0; k < count; k++) loop->strides[k][d] = loop->strides[k][d + 1];
  loop->ndim--;
  for (int i = d + 1; i < loop->ndim; i++) {
    loop->shape[i] = loop->shape[i + 1];
    for (int k = 0; k < count; k++) loop->strides[k][i] = loop->strides[k][i + 1];
  }
  return true;
}

void gk_loop_build_ordered(gk_loop *loop, int count, const gk_view *const *views) {
  gk_loop_build(loop, count, views);
  const int64_t *written = loop->strides[count - 1];
  bool moved = false;
  for (int i = 1; i < loop->ndim; i++) {
    for (int d = i; d > 0 && llabs(written[d]) > llabs(written[d - 1]); d--) {
      swap_axes(loop, count, d, d - 1);
      moved = true;
    }
  }
  for (int d = loop->ndim - 2; moved && d >= 0; d--) merge_axes(loop, count, d);
}

// The largest of `most`, half of that and so on down to `least` that divides length; 0 where none does.
static int64_t part_of(int64_t length, int64_t most, int64_t least) {
  while (most >= least && length % most != 0) most /= 2;
  return most >= least ? most : 0;
}

// Where an operand that is read lies along another axis than the one that is written: splits both axes, so
// that a block's elements are a tile of them and the lines of both are used while a cache holds them.
static void tile_axes(gk_loop *loop, int count, int64_t size) {
  int last = loop->ndim - 1, written = count - 1, across = -1;
  if (size < GK_STRIDED_BLOCK || loop->ndim + 2 > GK_LAYOUT_AXES ||
      llabs(loop->strides[written][last]) != 1)
    return;
  for (int k = 0; k < written; k++)
    for (int d = 0; d < last; d++)
      if (llabs(loop->strides[k][d]) == 1 && llabs(loop->strides[k][last]) > 1) across = d;
  if (across < 0) return;
  int64_t parts[2] = {part_of(loop->shape[across], 32, 8), 0};
  if (parts[0]) parts[1] = part_of(loop->shape[last], GK_STRIDED_BLOCK / parts[0], 32);
  if (!parts[1]) return;
  gk_loop tiled = {.ndim = 0};
  for (int pass = 0; pass < 3; pass++) { // the other axes, the tiles, what is in a tile
    for (int d = 0; d < loop->ndim; d++) {
      bool splits = d == across || d == last;
      if (splits != (pass > 0)) continue;
      int64_t part = splits ? parts[d == last] : 1;
      tiled.shape[tiled.ndim] = pass == 2 ? part : loop->shape[d] / part;
      for (int k = 0; k < count; k++)
        tiled.strides[k][tiled.ndim] = loop->strides[k][d] * (pass == 1 ? part : 1);
      tiled.ndim++;
    }
  }
  *loop = tiled;
}

// Do groups of neighbours along the innermost axis lie together and aligned in operand k?
static bool lies_together(const gk_layout *layout, int k, const gk_view *view) {
  int size = gk_dtypes[view->dtype].size;
  int bytes = GK_STRIDED_GROUP * size < 16 ? GK_STRIDED_GROUP * size : 16;
  if (layout->axis[0].stride[k] != 1 || (uintptr_t)gk_view_data(view) % (uintptr_t)bytes)
    return false;
  for (uint32_t d = 1; d < layout->ndim; d++)
    if (layout->axis[d].stride[k] * size % bytes) return false;
  return true;
}

void gk_strided_build(gk_strided *arrays, int count, const gk_view *const *views) {
  gk_loop loop;
  gk_loop_build_ordered(&loop, count, views);
  tile_axes(&loop, count, views[count - 1]->size);
  gk_layout *layout = &arrays->layout;
  gk_layout_from_loop(layout, count, &loop);
  arrays->grouped = layout->ndim == 1 || layout->axis[0].length % GK_STRIDED_GROUP == 0;
  arrays->together = 0;
  for (int k = 0; k < count; k++) {
    arrays->dtype[k] = views[k] ? views[k]->dtype : 0;
    if (views[k] && arrays->grouped && lies_together(layout, k, views[k]))
      arrays->together |= (uint8_t)(1 << k);
  }
}
