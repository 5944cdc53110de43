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
#define AHEAD 8 // elements of a thread that are asked for before the first is used

#if defined(__CUDACC__)
#define GK_ROLLED _Pragma("unroll 1")
#else
#define GK_ROLLED
#endif

// Rounds of a warp's elements from number `first` on: lane r has a bit for each element of round r.
template <class T>
static __device__ inline uint32_t truth_of(const gk_select_args &a, int64_t first) {
  const T *mask = (const T *)a.mask;
  const int lane = threadIdx.x % 32;
  uint32_t bits = 0;
  GK_ROLLED
  for (int r = 0; r < ROUNDS; r += AHEAD) {
    T value[AHEAD];
    GK_UNROLL
    for (int k = 0; k < AHEAD; k++) {
      const int64_t e = first + (r + k) * 32 + lane;
      int64_t at[1];
      value[k] = 0;
      if (e >= a.layout.size) continue;
      gk_offsets(a.layout, e, at);
      value[k] = mask[at[0]];
    }
    GK_UNROLL
    for (int k = 0; k < AHEAD; k++) {
      const uint32_t round = __ballot_sync(~0u, (value[k] & (T)a.truth) != 0);
      if (lane == r + k) bits = round;
    }
  }
  return bits;
}

static __device__ inline uint32_t warp_truth(const gk_select_args &a, int64_t first) {
  switch (a.bytes) {
  case 1:
    return truth_of<uint8_t>(a, first);
  case 2:
    return truth_of<uint16_t>(a, first);
  case 4:
    return truth_of<uint32_t>(a, first);
  default:
    return truth_of<uint64_t>(a, first);
  }
}

// The number of the first element of the warp.
static __device__ inline int64_t warp_first() {
  return (int64_t)blockIdx.x * GK_SELECT_TILE + threadIdx.x / 32 * (32 * ROUNDS);
}

GK_KERNEL(THREADS, index_count, gk_select_args) {
  __shared__ unsigned counts[WARPS];
  const unsigned count = __reduce_add_sync(~0u, (unsigned)__popc(warp_truth(a, warp_first())));
  if (threadIdx.x % 32 == 0) counts[threadIdx.x / 32] = count;
  __syncthreads();
  if (threadIdx.x != 0) return;
  unsigned sum = 0;
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
  __shared__ unsigned counts[WARPS];
  const int64_t first = warp_first();
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const uint32_t bits = warp_truth(a, first);
  const unsigned count = __reduce_add_sync(~0u, (unsigned)__popc(bits));
  if (lane == 0) counts[warp] = count;
  __syncthreads();
  int64_t number = a.counts[blockIdx.x];
  for (int w = 0; w < warp; w++) number += counts[w];
  GK_ROLLED
  for (int r = 0; r < ROUNDS; r++) {
    const uint32_t round = __shfl_sync(~0u, bits, r);
    const int64_t k = number + __popc(round & ((1u << lane) - 1));
    number += __popc(round);
    if (!(round >> lane & 1) || k >= a.room) continue;
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
