// Copies between arrays with any strides and dtypes.
//
// cast: of any dtype into one dtype; a thread takes four elements (strided.cuh). What keeps its dtype is
// copied as an unsigned integer of its size.
//
// transpose: of one dtype, where input and output lie along different axes. A block moves a tile of 32 x 32
// elements (64 x 64 of 1 or 2 bytes) through shared memory, so that both sides are read and written in whole
// lines. Rows of the tile are 4 bytes longer (8 for elements of 8 bytes) than they need be: a column's
// elements then lie in different banks. 256 threads, 4 to 16 elements each.
#include "copy.h"
#include "strided.cuh"

template <class To> GK_INLINE void cast(const gk_copy_cast &a) {
  const gk_share s = gk_share_of(a.arrays);
  int64_t bits[GK_GROUP], at[GK_GROUP];
  To x[GK_GROUP];
  gk_load_strided(a.arrays, s, 0, a.in, bits);
  gk_convert_bits(a.arrays.dtype[0], bits, x);
  gk_find(a.arrays, s, 1, at);
  gk_store_strided(a.arrays, s, 1, a.out, at, x);
}

#define CAST(name, T)                                                                              \
  GK_KERNEL(GK_STRIDED_THREADS, copy_cast_##name, gk_copy_cast) { cast<T>(a); }
GK_EACH_DTYPE(CAST)

template <class T>
constexpr int tile_pitch = GK_TRANSPOSE_TILE(sizeof(T)) + (sizeof(T) < 4 ? 4 / (int)sizeof(T) : 1);

template <class T> GK_INLINE void transpose(const gk_copy_transpose &a, T *tile) {
  constexpr int N = GK_TRANSPOSE_TILE(sizeof(T)), PITCH = tile_pitch<T>;
  constexpr int LANES = N < 32 ? N : 32, ROWS = GK_TRANSPOSE_THREADS / LANES;
  const int lane = (int)threadIdx.x % LANES, row = (int)threadIdx.x / LANES;
  int64_t at[4];
  gk_offsets(a.tiles, (int64_t)blockIdx.x, at);
  const int64_t there[2] = {a.length[0] - at[2], a.length[1] - at[3]};

  const T *in = (const T *)a.in + at[0];
  GK_UNROLL
  for (int r = 0; r < N; r += ROWS) {
    GK_UNROLL
    for (int c = 0; c < N; c += LANES) {
      int along0 = row + r, along1 = lane + c;
      if (along0 < there[0] && along1 < there[1])
        tile[along0 * PITCH + along1] = in[along0 * a.in_stride[0] + along1 * a.in_stride[1]];
    }
  }
  __syncthreads();
  T *out = (T *)a.out + at[1];
  GK_UNROLL
  for (int r = 0; r < N; r += ROWS) {
    GK_UNROLL
    for (int c = 0; c < N; c += LANES) {
      int along0 = lane + c, along1 = row + r;
      if (along0 < there[0] && along1 < there[1])
        out[along0 * a.out_stride[0] + along1 * a.out_stride[1]] = tile[along0 * PITCH + along1];
    }
  }
}

#define TRANSPOSE(bytes, T)                                                                        \
  GK_KERNEL(GK_TRANSPOSE_THREADS, copy_transpose_##bytes, gk_copy_transpose) {                     \
    __shared__ T tile[GK_TRANSPOSE_TILE(bytes) * tile_pitch<T>];                                   \
    transpose<T>(a, tile);                                                                         \
  }
TRANSPOSE(1, uint8_t)
TRANSPOSE(2, uint16_t)
TRANSPOSE(4, uint32_t)
TRANSPOSE(8, uint64_t)
