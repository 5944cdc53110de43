// NVIDIA's headers of 16-bit floats.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

template <typename T> __global__ void put(T value, T *out) {
  if (threadIdx.x == 0) out[blockIdx.x] = value;
}

extern "C" __global__ void widen(const __half *x, const __nv_bfloat16 *y, float *sum, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) sum[i] = __half2float(x[i]) + __bfloat162float(y[i]);
}

extern "C" __global__ void narrow(const float *x, __half *h, __nv_bfloat16 *b, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  h[i] = __float2half(x[i]);
  b[i] = __float2bfloat16(x[i]);
}
