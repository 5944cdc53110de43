/**
 * The first kernel: y = a * x + y, a thread for each element.
 *
 *   deno run -A examples/kernels/saxpy.ts
 *   bun examples/kernels/saxpy.ts
 *   npm run standin -- bun examples/kernels/saxpy.ts     without a GPU
 */

import * as gk from "../../mod.ts";

const saxpy = gk.jit(
  `
extern "C" __global__ void saxpy(float a, const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i] + y[i];
}`,
  "saxpy",
);
console.log(saxpy.signature); // saxpy(float, const float*, float*, int)

const n = 100_000;
const x = gk.linspace(0, 1, n);
const y = gk.ones(n);
const expected = gk.fma(x, 3, y); // the same by an op, to compare

// As many blocks of 256 threads as it takes; the last one has threads to spare, hence `i < n`.
saxpy.launch({ grid: Math.ceil(n / 256), block: 256 }, 3, x, y, n);

gk.testing.assertAllclose(y, expected, { rtol: 1e-6 });
console.log(`y[0] = ${y.at(0).item()}, y[${n - 1}] = ${y.at(-1).item()}: as gk.fma has it`);
