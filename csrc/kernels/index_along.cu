// Changing: put_along_axis and scatter_add. Lanes of the axis never meet in a place; along a lane what
// happens to a place must happen in the order of the indices: the last value stays, and floats add up in
// that order. Therefore every place of a lane has one owner (its lowest bits say which), who goes through
// all of the lane's indices and leaves those out that are not its own.
//
//   index_change_lanes    the owner is a thread: where there are many lanes. Grid: x lanes / 128, y owners.
//   index_change_owners   the owner is a block, which collects what is its own in shared memory, in order,
//                         and works it off in batches: where there are few lanes, or rows of lanes with the
//                         same indices, which a block's threads have side by side. Grid: x lanes times
//                         blocks for a row, y owners.
//   index_add_whole       sums of whole numbers of 32 and 64 bits are the same in any order: atomics. Grid:
//                         a thread for each index.
#include "index.cuh"

#define LANES 128 // threads of a block
#define AHEAD 4 // indices of a lane that are asked for before the first is used
#define BATCH 256 // threads of a block, and what is worked off at a time
#define ROUNDS 2 // indices of a thread in one step
#define STEP (BATCH * ROUNDS)
#define WARPS (BATCH / 32)
#define COUNTS (ROUNDS * WARPS) // one warp adds them up

// Elements by their bytes, in the lower part of 64 bits.
static __device__ __forceinline__ uint64_t load_bits(uint32_t bytes, const void *data, int64_t at) {
  switch (bytes) {
  case 1:
    return ((const uint8_t *)data)[at];
  case 2:
    return ((const uint16_t *)data)[at];
  case 4:
    return ((const uint32_t *)data)[at];
  default:
    return ((const uint64_t *)data)[at];
  }
}

static __device__ __forceinline__ void store_bits(uint32_t bytes, void *data, int64_t at,
                                                  uint64_t value) {
  switch (bytes) {
  case 1:
    ((uint8_t *)data)[at] = (uint8_t)value;
    break;
  case 2:
    ((uint16_t *)data)[at] = (uint16_t)value;
    break;
  case 4:
    ((uint32_t *)data)[at] = (uint32_t)value;
    break;
  default:
    ((uint64_t *)data)[at] = value;
  }
}

template <class T> static __device__ __forceinline__ T from_bits(uint64_t x) {
  return gk_reinterpret<T>((gk_bits<T>)x);
}
template <class T> static __device__ __forceinline__ uint64_t to_bits(T x) {
  return gk_reinterpret<gk_bits<T>>(x);
}

// The sum of two elements; integers of all sizes are added as 64 bits.
static __device__ __forceinline__ uint64_t add_bits(uint32_t dtype, uint64_t x, uint64_t y) {
  switch (dtype) {
  case GK_bool:
    return (x | y) != 0;
  case GK_float16:
    return to_bits(
        gk_cast<gk_half>(gk_widen(from_bits<gk_half>(x)) + gk_widen(from_bits<gk_half>(y))));
  case GK_bfloat16:
    return to_bits(
        gk_cast<gk_bfloat>(gk_widen(from_bits<gk_bfloat>(x)) + gk_widen(from_bits<gk_bfloat>(y))));
  case GK_float32:
    return to_bits(from_bits<float>(x) + from_bits<float>(y));
  case GK_float64:
    return to_bits(from_bits<double>(x) + from_bits<double>(y));
  case GK_complex64: {
    const gk_complex p = from_bits<gk_complex>(x), q = from_bits<gk_complex>(y);
    return to_bits(gk_complex{p.re + q.re, p.im + q.im});
  }
  default:
    return x + y;
  }
}

// One element becomes or grows by a value.
static __device__ __forceinline__ void change(const gk_change_args &a, int64_t at, uint64_t value) {
  if (a.dtype != 0) value = add_bits(a.dtype, load_bits(a.bytes, a.array, at), value);
  store_bits(a.bytes, a.array, at, value);
}

GK_KERNEL(LANES, index_change_lanes, gk_change_args) {
  const int64_t lane = (int64_t)blockIdx.x * LANES + threadIdx.x;
  if (lane >= a.layout.size) return;
  int64_t start[3];
  gk_offsets(a.layout, lane, start);
  for (int64_t first = 0; first < a.count; first += AHEAD) {
    int64_t index[AHEAD], place[AHEAD];
    GK_UNROLL
    for (int k = 0; k < AHEAD; k++)
      if (first + k < a.count)
        index[k] = gk_index_at(a.axis.dtype, a.index, start[1] + (first + k) * a.index_step);
    uint32_t own = 0;
    GK_UNROLL
    for (int k = 0; k < AHEAD; k++) {
      if (first + k >= a.count) break;
      if (!gk_index_place(a.axis, index[k], &place[k])) {
        if (blockIdx.y == 0) gk_index_report(a.axis, index[k]);
      } else if (((uint32_t)place[k] & (a.owners - 1)) == blockIdx.y) {
        own |= 1u << k;
      }
    }
    GK_UNROLL
    for (int k = 0; k < AHEAD; k++)
      if (own >> k & 1)
        change(a, start[0] + place[k] * a.axis.step,
               load_bits(a.bytes, a.value, start[2] + (first + k) * a.value_step));
  }
}

// What a block has collected: places along the axis and which of the lane's values goes there.
struct collected {
  int64_t *place, *from; // BATCH + STEP
  uint64_t *value; // BATCH
};

// `count` of what is collected, at most BATCH. Of those with the same place the first thread does the work of
// all, in their order.
static __device__ inline void work_off(const gk_change_args &a, const int64_t (&start)[3],
                                       const collected &queue, int first, int count) {
  const int mine = (int)threadIdx.x;
  const int64_t *places = queue.place + first;
  if (mine < count)
    queue.value[mine] =
        load_bits(a.bytes, a.value, start[2] + queue.from[first + mine] * a.value_step);
  __syncthreads();
  const int64_t place = mine < count ? places[mine] : 0;
  bool leads = mine < count;
  for (int k = 0; k < mine && leads; k++) leads = places[k] != place;
  if (leads) {
    const int64_t to = start[0] + place * a.axis.step;
    uint64_t value = queue.value[mine];
    if (a.dtype != 0) value = add_bits(a.dtype, load_bits(a.bytes, a.array, to), value);
    for (int k = mine + 1; k < count; k++)
      if (places[k] == place)
        value = a.dtype != 0 ? add_bits(a.dtype, value, queue.value[k]) : queue.value[k];
    store_bits(a.bytes, a.array, to, value);
  }
  __syncthreads();
}

// The same for a thread's lane of the row, of which nobody else knows.
static __device__ inline void work_off_row(const gk_change_args &a, const int64_t (&start)[3],
                                           const collected &queue, int first, int count) {
  for (int k = first; k < first + count; k += AHEAD) {
    uint64_t value[AHEAD];
    GK_UNROLL
    for (int j = 0; j < AHEAD; j++)
      if (k + j < first + count)
        value[j] = load_bits(a.bytes, a.value, start[2] + queue.from[k + j] * a.value_step);
    GK_UNROLL
    for (int j = 0; j < AHEAD; j++) {
      if (k + j >= first + count) break;
      change(a, start[0] + queue.place[k + j] * a.axis.step, value[j]);
    }
  }
}

GK_KERNEL(BATCH, index_change_owners, gk_change_args) {
  __shared__ int64_t places[BATCH + STEP], froms[BATCH + STEP];
  __shared__ uint64_t values[BATCH];
  __shared__ int counts[COUNTS]; // own indices up to those of a round and warp
  const int thread = (int)threadIdx.x, warp = thread / 32, lane = thread % 32;
  const collected queue = {places, froms, values};
  int64_t start[3];
  gk_offsets(a.layout, (int64_t)(blockIdx.x / a.row_blocks), start);
  const uint32_t part = blockIdx.x % a.row_blocks;
  const bool has_row = a.row.size > 1;
  const int64_t column = (int64_t)part * BATCH + thread;
  if (has_row && column < a.row.size) {
    int64_t more[2];
    gk_offsets(a.row, column, more);
    start[0] += more[0];
    start[2] += more[1];
  }
  const bool reports = blockIdx.y == 0 && part == 0;
  int held = 0;
  for (int64_t first = 0; first < a.count; first += STEP) {
    int64_t index[ROUNDS], place[ROUNDS];
    uint32_t own[ROUNDS];
    GK_UNROLL
    for (int r = 0; r < ROUNDS; r++) {
      const int64_t i = first + r * BATCH + thread;
      if (i < a.count) index[r] = gk_index_at(a.axis.dtype, a.index, start[1] + i * a.index_step);
    }
    GK_UNROLL
    for (int r = 0; r < ROUNDS; r++) {
      const bool there = first + r * BATCH + thread < a.count;
      const bool ok = there && gk_index_place(a.axis, index[r], &place[r]);
      if (there && !ok && reports) gk_index_report(a.axis, index[r]);
      own[r] = __ballot_sync(~0u, ok && ((uint32_t)place[r] & (a.owners - 1)) == blockIdx.y);
      if (lane == 0) counts[r * WARPS + warp] = __popc(own[r]);
    }
    __syncthreads();
    if (warp == 0) {
      int sum = lane < COUNTS ? counts[lane] : 0;
      GK_UNROLL
      for (int d = 1; d < 32; d *= 2) {
        const int below = __shfl_up_sync(~0u, sum, d);
        if (lane >= d) sum += below;
      }
      if (lane < COUNTS) counts[lane] = sum;
    }
    __syncthreads();
    GK_UNROLL
    for (int r = 0; r < ROUNDS; r++) {
      if (!(own[r] >> lane & 1)) continue;
      const int at = held + counts[r * WARPS + warp] - __popc(own[r] >> lane);
      queue.place[at] = place[r];
      queue.from[at] = first + r * BATCH + thread;
    }
    held += counts[COUNTS - 1];
    __syncthreads();
    const bool last = first + STEP >= a.count;
    int done = 0;
    while (held - done >= BATCH || (last && done < held)) {
      const int count = held - done < BATCH ? held - done : BATCH;
      if (!has_row)
        work_off(a, start, queue, done, count);
      else if (column < a.row.size)
        work_off_row(a, start, queue, done, count);
      done += count;
    }
    // What is left over, less than a batch, moves to the front.
    held -= done;
    if (done > 0 && !last) {
      int64_t left_place = 0, left_from = 0;
      if (thread < held) {
        left_place = queue.place[done + thread];
        left_from = queue.from[done + thread];
      }
      __syncthreads(); // by now the rest has been worked off too
      if (thread < held) {
        queue.place[thread] = left_place;
        queue.from[thread] = left_from;
      }
      __syncthreads();
    }
  }
}

GK_KERNEL(256, index_add_whole, gk_change_args) {
  const int64_t e = (int64_t)blockIdx.x * 256 + threadIdx.x;
  if (e >= a.layout.size) return;
  int64_t at[3], place;
  gk_offsets(a.layout, e, at);
  const int64_t index = gk_index_at(a.axis.dtype, a.index, at[1]);
  if (!gk_index_place(a.axis, index, &place)) {
    gk_index_report(a.axis, index);
    return;
  }
  const int64_t to = at[0] + place * a.axis.step;
  if (a.bytes == 4)
    atomicAdd((unsigned int *)a.array + to, ((const unsigned int *)a.value)[at[2]]);
  else
    atomicAdd((unsigned long long *)a.array + to, ((const unsigned long long *)a.value)[at[2]]);
}
