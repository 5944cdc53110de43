// Shared memory of a fixed size, and of the size that the launch says; bounds on the block.
extern "C" __global__ void __launch_bounds__(64) reverse(const int *from, int *to) {
  __shared__ int tile[64];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  tile[threadIdx.x] = from[i];
  __syncthreads();
  to[blockIdx.x * blockDim.x + threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

extern "C" __global__ void rotate(const float *from, float *to, int by) {
  extern __shared__ float row[];
  int n = blockDim.x;
  const float *x = from + blockIdx.x * n;
  row[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  to[blockIdx.x * n + threadIdx.x] = row[(threadIdx.x + by) % n];
}

// Writes the last float of the memory that the launch adds and reads it back from another thread.
extern "C" __global__ void last(float *out, int floats) {
  extern __shared__ float memory[];
  if (threadIdx.x == 0) memory[floats - 1] = 7.0f;
  __syncthreads();
  if (threadIdx.x == 1) out[0] = memory[floats - 1];
}

extern "C" __global__ void blockSum(const float *x, float *sums, int n) {
  __shared__ float parts[32];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  float value = i < n ? x[i] : 0.0f;
  for (int step = 16; step > 0; step /= 2) value += __shfl_down_sync(0xffffffffu, value, step);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  value = threadIdx.x < blockDim.x / 32 ? parts[threadIdx.x] : 0.0f;
  for (int step = 16; step > 0; step /= 2) value += __shfl_down_sync(0xffffffffu, value, step);
  if (threadIdx.x == 0) sums[blockIdx.x] = value;
}
