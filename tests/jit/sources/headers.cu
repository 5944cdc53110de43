// Headers of the user's, one of which includes another, and numbers that come as options.
#include "tools/square.h"

#ifndef TERMS
#define TERMS 1
#endif

extern "C" __global__ void polynomial(const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float sum = 0.0f;
  for (int k = 0; k < TERMS; k++) sum += square(x[i]) * (float)(k + 1);
  y[i] = sum;
}
