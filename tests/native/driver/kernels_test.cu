// Kernels that grid_test.c runs: right ones, whose results it knows, and wrong ones, each with a fault
// that the checked build has to find. Not part of the library of kernels.

#include "../../../csrc/kernels/kernel.cuh"

#include "kernels_test.h"

// ---- right ones

GK_KERNEL(1024, test_saxpy, kernel_arguments) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < a.n) a.out[i] = a.scale * a.in[i] + a.out[i];
}

static __device__ inline float warp_sum(float value) {
  for (int delta = 16; delta; delta >>= 1) {
    value += __shfl_down_sync(0xffffffffu, value, delta);
  }
  return value;
}

GK_KERNEL(1024, test_sum, kernel_arguments) {
  __shared__ float part[32];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  float value = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < a.n; i += gridDim.x * blockDim.x) {
    value += a.in[i];
  }
  value = warp_sum(value);
  if (lane == 0) part[warp] = value;
  __syncthreads();
  if (warp != 0) return;
  value = warp_sum(lane < (int)blockDim.x / 32 ? part[lane] : 0.0f);
  if (lane == 0) a.out[blockIdx.x] = value;
}

// n by n, in tiles of 16; n a multiple of 16. Without the second barrier, a race.
template <bool wrong> static __device__ inline void matmul(const kernel_arguments &a) {
  __shared__ float left[16][16], right[16][16];
  const int x = threadIdx.x, y = threadIdx.y;
  const int row = blockIdx.y * 16 + y, column = blockIdx.x * 16 + x;
  float sum = 0;
  for (int k = 0; k < a.n; k += 16) {
    left[y][x] = a.in[row * a.n + k + x];
    right[y][x] = a.in[(k + y) * a.n + column];
    __syncthreads();
    for (int i = 0; i < 16; i++) sum += left[y][i] * right[i][x];
    if (!wrong) __syncthreads();
  }
  a.out[row * a.n + column] = sum;
}
GK_KERNEL(256, test_matmul, kernel_arguments) { matmul<false>(a); }
GK_KERNEL(256, test_missing_barrier, kernel_arguments) { matmul<true>(a); }

GK_KERNEL(1024, test_scan, kernel_arguments) {
  __shared__ int sums[1024];
  const int t = threadIdx.x;
  sums[t] = t < a.n ? a.counts[t] : 0;
  __syncthreads();
  for (int offset = 1; offset < (int)blockDim.x; offset <<= 1) {
    const int before = t >= offset ? sums[t - offset] : 0;
    __syncthreads();
    sums[t] += before;
    __syncthreads();
  }
  if (t < a.n) a.counts[t] = sums[t];
}

// Sixteen counts of values by their lowest four bits.
GK_KERNEL(1024, test_histogram, kernel_arguments) {
  __shared__ unsigned bins[16];
  if (threadIdx.x < 16) bins[threadIdx.x] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < a.n; i += gridDim.x * blockDim.x) {
    atomicAdd(&bins[(int)a.in[i] & 15], 1u);
  }
  __syncthreads();
  if (threadIdx.x < 16) atomicAdd((unsigned *)a.counts + threadIdx.x, bins[threadIdx.x]);
}

// The lanes of a warp part into three groups, each with operations of its own.
GK_KERNEL(64, test_groups, kernel_arguments) {
  const int lane = threadIdx.x & 31;
  int value;
  if (lane < 16) {
    value = __shfl_xor_sync(0xffffu, lane, 3);
    value = __shfl_xor_sync(0xffffu, value, 1);
  } else if (lane < 24) {
    value = __shfl_sync(0xff0000u, lane * 10, 20);
  } else {
    value = (int)__ballot_sync(0xff000000u, lane & 1);
  }
  __syncwarp();
  a.counts[threadIdx.x] = value + __reduce_max_sync(0xffffffffu, lane);
}

GK_KERNEL(1024, test_early_return, kernel_arguments) {
  const int t = threadIdx.x;
  if (t >= a.n) return;
  const int there = __syncthreads_count(t & 1);
  a.counts[t] = there;
  __syncthreads();
  if (t > 0) a.counts[t] += a.counts[0] * 0;
}

// The last block to finish adds up what all have left.
GK_KERNEL(1024, test_last_block, kernel_arguments) {
  __shared__ bool last;
  if (threadIdx.x == 0) {
    a.out[1 + blockIdx.x] = (float)(blockIdx.x + 1);
    __threadfence();
    last = atomicAdd((unsigned *)a.counts, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last || threadIdx.x != 0) return;
  float sum = 0;
  for (unsigned i = 0; i < gridDim.x; i++) sum += a.out[1 + i];
  a.out[0] = sum;
}

// Lanes of a warp exchange through shared memory with nothing but __syncwarp.
GK_KERNEL(32, test_warp_exchange, kernel_arguments) {
  __shared__ int slots[32];
  const int t = threadIdx.x;
  slots[t] = t;
  __syncwarp();
  const int other = slots[31 - t];
  __syncwarp();
  slots[t] = other;
  __syncwarp();
  a.counts[t] = slots[(t + 1) & 31];
}

// Dynamic shared memory, of n integers; and where a thread is in three dimensions.
GK_KERNEL(1024, test_places, kernel_arguments) {
  int *values = (int *)standin_here.dynamic;
  const int t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  values[t] = t;
  __syncthreads();
  a.counts[block * a.n + t] = block * a.n + values[a.n - 1 - t];
}

GK_KERNEL(1024, test_bytes, kernel_arguments) {
  unsigned char *bytes = (unsigned char *)a.counts;
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < a.n) bytes[i] = (unsigned char)i;
}

// What shim.h offers: each bit of the answer is one thing that was as it should.
GK_KERNEL(32, test_shim, kernel_arguments) {
  if (threadIdx.x != 0) {
    __syncwarp();
    return;
  }
  unsigned good = 0;
  int bit = 0;
#define GOOD(condition) good |= (unsigned)!!(condition) << bit++
  GOOD(__byte_perm(0x33221100u, 0x77665544u, 0x7250u) == 0x77225500u);
  GOOD(__umulhi(0x80000000u, 6u) == 3u && __mulhi(-1, 1) == -1);
  GOOD(__umul64hi(1ull << 63, 6) == 3 && __mul64hi(-1, 1) == -1);
  GOOD(__clz(1) == 31 && __clz(0) == 32 && __clzll(1) == 63 && __clzll(0) == 64);
  GOOD(__ffs(8) == 4 && __ffs(0) == 0 && __popc(0xffu) == 8 && __popcll(~0ull) == 64);
  GOOD(__brev(1u) == 0x80000000u && __brevll(1ull) == 1ull << 63);
  GOOD(__funnelshift_l(0x80000000u, 1u, 1) == 3u && __funnelshift_r(2u, 1u, 1) == 0x80000001u);
  GOOD(__float_as_uint(1.0f) == 0x3f800000u && __int_as_float(0x40000000) == 2.0f);
  GOOD(__hiloint2double(__double2hiint(3.5), __double2loint(3.5)) == 3.5);
  GOOD(min(1.0f, NAN) == 1.0f && max(2, 3u) == 3u);
  GOOD(sizeof(float4) == 16 && alignof(float4) == 16 && alignof(double2) == 16 &&
       sizeof(float3) == 12 && alignof(uchar4) == 4);
  unsigned word = 5;
  GOOD(atomicInc(&word, 5) == 5 && word == 0 && atomicDec(&word, 7) == 0 && word == 7);
  GOOD(atomicCAS(&word, 7u, 9u) == 7 && atomicMax(&word, 3u) == 9 && atomicExch(&word, 1u) == 9);
  float real = 1.5f;
  GOOD(atomicAdd(&real, 2.0f) == 1.5f && real == 3.5f);
  unsigned short half = 4;
  GOOD(atomicCAS(&half, (unsigned short)4, (unsigned short)6) == 4 && half == 6);
#undef GOOD
  a.counts[0] = good == (1u << bit) - 1 ? 1 : (int)good;
  __syncwarp();
}

// ---- for measuring

GK_KERNEL(1024, test_empty, kernel_arguments) { (void)a; }

GK_KERNEL(1024, test_barriers, kernel_arguments) {
  for (int i = 0; i < a.n; i++) __syncthreads();
}

GK_KERNEL(1024, test_shuffles, kernel_arguments) {
  int value = (int)threadIdx.x;
  for (int i = 0; i < a.n; i++) value = __shfl_xor_sync(0xffffffffu, value, 1);
  a.counts[threadIdx.x] = value;
}

// ---- wrong ones

GK_KERNEL(1024, test_shared_race, kernel_arguments) {
  __shared__ int slots[256];
  const int t = threadIdx.x;
  slots[t] = 0;
  __syncthreads();
  slots[t] = t;
  a.counts[t] = slots[255 - t];
}

// All threads of all blocks write the same element.
GK_KERNEL(1024, test_global_race, kernel_arguments) { a.counts[0] = (int)threadIdx.x; }

// Only across blocks: each is one thread.
GK_KERNEL(1, test_block_race, kernel_arguments) { a.counts[0] += 1; }

GK_KERNEL(32, test_warp_race, kernel_arguments) {
  __shared__ int slots[32];
  const int t = threadIdx.x;
  slots[t] = 0;
  __syncwarp();
  slots[t] = t;
  a.counts[t] = slots[31 - t];
}

// Reads that nothing orders before a write.
GK_KERNEL(64, test_read_write_race, kernel_arguments) {
  __shared__ int slot;
  if (threadIdx.x == 0) slot = 1;
  __syncthreads();
  a.counts[threadIdx.x] = slot;
  if (threadIdx.x == 63) slot = 2;
}

GK_KERNEL(1024, test_uninitialised, kernel_arguments) {
  __shared__ int half[256];
  const int t = threadIdx.x;
  if (t < 128) half[t] = t;
  __syncthreads();
  a.counts[t] = half[t];
}

GK_KERNEL(1024, test_beyond_global, kernel_arguments) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= a.n) a.counts[i] = i; // one too many
}

GK_KERNEL(64, test_beyond_shared, kernel_arguments) {
  __shared__ int first[64];
  __shared__ int second[64];
  const int t = threadIdx.x;
  first[t] = t;
  second[t] = t;
  __syncthreads();
  const int *from = a.n ? first : second;
  a.counts[t] = from[t + 1];
}

GK_KERNEL(64, test_far, kernel_arguments) {
  a.counts[threadIdx.x == 33 ? 1 << 28 : (int)threadIdx.x] = 1;
}

GK_KERNEL(32, test_divide, kernel_arguments) {
  a.counts[threadIdx.x] = a.n / (int)(threadIdx.x - 5);
}

GK_KERNEL(64, test_misaligned, kernel_arguments) {
  const float4 *in = (const float4 *)(a.in + 1);
  const float4 value = in[threadIdx.x];
  a.out[threadIdx.x] = value.x + value.y + value.z + value.w;
}

GK_KERNEL(64, test_divergent_barrier, kernel_arguments) {
  if (threadIdx.x < 16) {
    __syncthreads();
  } else {
    a.counts[threadIdx.x] = 1;
    __syncthreads();
  }
}

GK_KERNEL(64, test_deadlock, kernel_arguments) {
  if (threadIdx.x < 16) {
    __syncthreads();
  } else {
    __syncwarp();
  }
  a.counts[threadIdx.x] = 1;
}

GK_KERNEL(64, test_mask, kernel_arguments) {
  a.counts[threadIdx.x] = __shfl_sync(0xffffu, (int)threadIdx.x, 0);
}

GK_KERNEL(64, test_shift, kernel_arguments) { a.counts[threadIdx.x] = 1 << (a.n + threadIdx.x); }

GK_KERNEL(32, test_float_to_int, kernel_arguments) {
  a.counts[threadIdx.x] = (int)(a.scale * 3e9f);
}

GK_KERNEL(1, test_deep, kernel_arguments) {
  volatile char much[96 << 10];
  for (int i = 0; i < (int)sizeof much; i += 1024) much[i] = 1;
  a.counts[0] = much[5 * 1024];
}

GK_KERNEL(64, test_spin, kernel_arguments) {
  volatile int *turn = a.counts;
  if (threadIdx.x == 40) {
    while (*turn == 0) {}
  }
}
