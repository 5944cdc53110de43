// Copies between any two views: by the driver where both lie alike and keep their dtype, by tiles where they
// lie along different axes, else element by element.
#include "../kernels/copy.h"
#include "layout.h"

#include <stdlib.h>

#define GK_DTYPE(index, dtype, type, class, dlpack, bits)                                          \
  [index] = {.module = "copy", .name = "copy_cast_" #dtype},
static gk_kernel cast_kernels[GK_DTYPE_COUNT] = {
#include "../core/dtypes.def"
};
#undef GK_DTYPE
static gk_kernel transpose_kernels[9] = {
    [1] = {.module = "copy", .name = "copy_transpose_1"},
    [2] = {.module = "copy", .name = "copy_transpose_2"},
    [4] = {.module = "copy", .name = "copy_transpose_4"},
    [8] = {.module = "copy", .name = "copy_transpose_8"},
};
// What moves elements that keep their dtype, by their size.
static const uint8_t words[9] = {[1] = GK_uint8, [2] = GK_uint16, [4] = GK_uint32, [8] = GK_uint64};

static gk_status cast(const gk_cuda_run *run, const gk_view *in, const gk_view *out) {
  gk_copy_cast a = {.in = gk_view_data(in), .out = gk_view_data(out)};
  gk_strided_build(&a.arrays, 2, (const gk_view *[]){in, out});
  uint8_t to = out->dtype;
  if (in->dtype == to) to = a.arrays.dtype[0] = words[gk_dtypes[to].size];
  return gk_cuda_launch(run, &cast_kernels[to], gk_grid_of(out->size, GK_STRIDED_BLOCK),
                        GK_STRIDED_THREADS, 0, &a);
}

// The axes along which neighbours of the output and of the input lie; false where those are one, or too
// short for tiles.
static bool find_axes(const gk_loop *loop, int axes[2]) {
  enum { SHORT = 16 };
  axes[0] = axes[1] = -1;
  for (int d = 0; d < loop->ndim; d++) {
    if (llabs(loop->strides[1][d]) == 1) axes[0] = d;
    if (llabs(loop->strides[0][d]) == 1) axes[1] = d;
  }
  return axes[0] >= 0 && axes[1] >= 0 && axes[0] != axes[1] && loop->shape[axes[0]] >= SHORT &&
         loop->shape[axes[1]] >= SHORT;
}

static gk_status transpose(const gk_cuda_run *run, const gk_view *in, const gk_view *out,
                           const gk_loop *loop, const int axes[2]) {
  int size = gk_dtypes[out->dtype].size, tile = GK_TRANSPOSE_TILE(size);
  gk_copy_transpose a = {.in = gk_view_data(in), .out = gk_view_data(out)};
  gk_loop tiles = *loop;
  for (int i = 0; i < 2; i++) {
    int d = axes[i];
    a.length[i] = loop->shape[d];
    a.in_stride[i] = loop->strides[0][d];
    a.out_stride[i] = loop->strides[1][d];
    tiles.shape[d] = (a.length[i] + tile - 1) / tile;
    for (int k = 0; k < 2; k++) tiles.strides[k][d] *= tile;
  }
  for (int d = 0; d < loop->ndim; d++)
    for (int i = 0; i < 2; i++) tiles.strides[2 + i][d] = d == axes[i] ? tile : 0;
  gk_layout_from_loop(&a.tiles, 4, &tiles);
  return gk_cuda_launch(run, &transpose_kernels[size], gk_grid_of(a.tiles.size, 1),
                        GK_TRANSPOSE_THREADS, 0, &a);
}

gk_status gk_cuda_copy(const gk_cuda_run *run) {
  const gk_view *in = run->call->in[0], *out = run->call->out[0];
  if (out->size == 0) return GK_OK;
  if (in->dtype == out->dtype) {
    if (in->contiguous && out->contiguous)
      return gk_cuda_move(run, gk_view_data(out), gk_view_data(in), gk_view_bytes(out));
    gk_loop loop;
    int axes[2];
    gk_loop_build_ordered(&loop, 2, (const gk_view *[]){in, out});
    if (find_axes(&loop, axes)) return transpose(run, in, out, &loop, axes);
  }
  return cast(run, in, out);
}
