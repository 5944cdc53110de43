// One kernel, whose types are typedefs: messages and signatures show what they stand for.
typedef float real;
typedef int count;

extern "C" __global__ void saxpy(real a, const real *x, real *y, count n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i] + y[i];
}
