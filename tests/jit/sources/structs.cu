// Structs by value and behind pointers, pointers to nothing in particular, and null.
struct Camera {
  float x, y;
  double zoom;
  int width;
};

struct Pair {
  float a, b;
};

extern "C" __global__ void describe(Camera camera, double *out) {
  out[0] = camera.x;
  out[1] = camera.y;
  out[2] = camera.zoom;
  out[3] = camera.width;
}

extern "C" __global__ void sums(const Pair *pairs, float *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = pairs[i].a + pairs[i].b;
}

extern "C" __global__ void bytes(const void *from, unsigned char *to, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) to[i] = ((const unsigned char *)from)[i];
}

extern "C" __global__ void maybe(const float *x, float *out) {
  out[0] = x == nullptr ? -1.0f : x[0];
}
