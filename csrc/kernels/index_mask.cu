// nonzero and compress: the places of what is true in a mask are listed in row-major order. Each tile of
// the mask is counted, one block adds the counts up, then each tile writes its part of the list.
//
// A tile is a block of 256 threads; a warp has 512 elements of it, 32 neighbours at a time. `scan` is one
// block of 1024 threads. As many are listed as were asked for, although the mask may have been changed since
// they were counted: the rest of the list is filled up.
#include "index.cuh"

#define THREADS 256
#define WARPS (THREADS / 32)
#define ROUNDS (GK_SELECT_TILE / THREADS)
#define SCANNERS 1024

// A bit for each of the warp's elements, in every lane.
template <class T>
static __device__ inline void truth_of(const gk_select_args &a, int64_t first,
                                       uint32_t (&bits)[ROUNDS]) {
  const T *mask = (const T *)a.mask;
  const int64_t lane = threadIdx.x % 32;
  T value[ROUNDS];
  GK_UNROLL
  for (int r = 0; r < ROUNDS; r++) {
    const int64_t e = first + r * 32 + lane;
    int64_t at[1] = {0};
    value[r] = 0;
    if (e >= a.layout.size) continue;
    gk_offsets(a.layout, e, at);
    value[r] = mask[at[0]];
  }
  GK_UNROLL
  for (int r = 0; r < ROUNDS; r++) bits[r] = __ballot_sync(~0u, (value[r] & (T)a.truth) != 0);
}

static __device__ inline void warp_truth(const gk_select_args &a, int64_t first,
                                         uint32_t (&bits)[ROUNDS]) {
  switch (a.bytes) {
  case 1:
    truth_of<uint8_t>(a, first, bits);
    break;
  case 2:
    truth_of<uint16_t>(a, first, bits);
    break;
  case 4:
    truth_of<uint32_t>(a, first, bits);
    break;
  default:
    truth_of<uint64_t>(a, first, bits);
  }
}

// The number of the first element of the warp.
static __device__ inline int64_t warp_first() {
  return (int64_t)blockIdx.x * GK_SELECT_TILE + threadIdx.x / 32 * (32 * ROUNDS);
}

static __device__ inline int count_of(const uint32_t (&bits)[ROUNDS]) {
  int count = 0;
  GK_UNROLL
  for (int r = 0; r < ROUNDS; r++) count += __popc(bits[r]);
  return count;
}

GK_KERNEL(THREADS, index_count, gk_select_args) {
  __shared__ int counts[WARPS];
  uint32_t bits[ROUNDS];
  warp_truth(a, warp_first(), bits);
  if (threadIdx.x % 32 == 0) counts[threadIdx.x / 32] = count_of(bits);
  __syncthreads();
  if (threadIdx.x != 0) return;
  int sum = 0;
  GK_UNROLL
  for (int w = 0; w < WARPS; w++) sum += counts[w];
  a.counts[blockIdx.x] = sum;
}

GK_KERNEL(SCANNERS, index_scan, gk_select_args) {
  __shared__ int64_t sums[32];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int64_t before = 0;
  for (int64_t first = 0; first < a.tiles; first += SCANNERS) {
    const int64_t tile = first + threadIdx.x;
    const int64_t count = tile < a.tiles ? a.counts[tile] : 0;
    int64_t sum = count;
    GK_UNROLL
    for (int d = 1; d < 32; d *= 2) {
      const int64_t below = __shfl_up_sync(~0u, sum, d);
      if (lane >= d) sum += below;
    }
    if (lane == 31) sums[warp] = sum;
    __syncthreads();
    if (warp == 0) {
      int64_t all = sums[lane];
      GK_UNROLL
      for (int d = 1; d < 32; d *= 2) {
        const int64_t below = __shfl_up_sync(~0u, all, d);
        if (lane >= d) all += below;
      }
      sums[lane] = all;
    }
    __syncthreads();
    if (tile < a.tiles) a.counts[tile] = before + (warp ? sums[warp - 1] : 0) + sum - count;
    before += sums[31];
    __syncthreads();
  }
  if (threadIdx.x == 0) a.counts[a.tiles] = before;
}

GK_KERNEL(THREADS, index_list, gk_select_args) {
  __shared__ int counts[WARPS];
  const int64_t first = warp_first();
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  uint32_t bits[ROUNDS];
  warp_truth(a, first, bits);
  if (lane == 0) counts[warp] = count_of(bits);
  __syncthreads();
  int64_t number = a.counts[blockIdx.x];
  for (int w = 0; w < warp; w++) number += counts[w];
  GK_UNROLL
  for (int r = 0; r < ROUNDS; r++) {
    const int64_t k = number + __popc(bits[r] & ((1u << lane) - 1));
    number += __popc(bits[r]);
    if (!(bits[r] >> lane & 1) || k >= a.room) continue;
    int64_t at[2];
    gk_offsets(a.layout, first + r * 32 + lane, at);
    a.list[k * a.list_step] = a.origin + at[1];
  }
  const int64_t threads = (int64_t)gridDim.x * THREADS;
  for (int64_t k = a.counts[a.tiles] + (int64_t)blockIdx.x * THREADS + threadIdx.x; k < a.room;
       k += threads)
    a.list[k * a.list_step] = a.missing;
}

// Grid: a thread for each of the list.
GK_KERNEL(THREADS, index_unravel, gk_unravel_args) {
  const int64_t k = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  if (k >= a.count) return;
  const int64_t element = a.list[k];
  const bool there = (uint64_t)element < (uint64_t)a.shape.size;
  uint64_t left = there ? (uint64_t)element : 0;
  for (int d = 0; d < (int)a.shape.ndim; d++) {
    const gk_layout_axis &axis = a.shape.axis[d];
    uint64_t along = left;
    if (there && d + 1 < (int)a.shape.ndim) {
      if (a.shape.wide) {
        left = gk_divide<uint64_t, unsigned __int128>(left, axis.length, axis.magic,
                                                      a.shape.shift[d], &along);
      } else {
        uint32_t rest;
        left = gk_divide<uint32_t, uint64_t>((uint32_t)left, (uint32_t)axis.length,
                                             (uint32_t)axis.magic, a.shape.shift[d], &rest);
        along = rest;
      }
    }
    a.out[(int64_t)(a.shape.ndim - 1 - d) * a.axis_step + k * a.step] = (int64_t)along;
  }
}
