// The argument of the kernels in kernels_test.cu.
#ifndef STANDIN_KERNELS_TEST_H
#define STANDIN_KERNELS_TEST_H

typedef struct kernel_arguments {
  const float *in;
  float *out;
  int *counts;
  int n;
  float scale;
} kernel_arguments;

#endif
