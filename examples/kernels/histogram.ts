/**
 * A histogram of 256 bins: each block counts in shared memory, where many threads may add at once, and then
 * adds its counts to those of all.
 *
 *   deno run -A examples/kernels/histogram.ts
 *   npm run standin -- bun examples/kernels/histogram.ts
 */

import * as gk from "../../mod.ts";

const histogram = gk.jit(
  `
extern "C" __global__ void histogram(const unsigned char *values, int n, unsigned *counts) {
  __shared__ unsigned mine[256];
  for (int bin = threadIdx.x; bin < 256; bin += blockDim.x) mine[bin] = 0;
  __syncthreads();

  // A thread takes many elements, as far apart as there are threads in the grid.
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    atomicAdd(&mine[values[i]], 1u);
  __syncthreads();

  for (int bin = threadIdx.x; bin < 256; bin += blockDim.x)
    if (mine[bin] > 0) atomicAdd(&counts[bin], mine[bin]);
}`,
  "histogram",
);

// Sums of dice: some values are far more frequent than others.
const n = 60_000;
const dice = Array.from({ length: 4 }, () => gk.random.randint(1, 65, [n]));
const values = dice.reduce((sum, die) => gk.add(sum, die)).sub(1).astype("uint8");

const counts = gk.zeros(256, { dtype: "uint32" });
histogram.launch({ grid: 16, block: 128 }, values, n, counts);

const expected = new Uint32Array(256);
for (const value of values.dataSync()) expected[value]!++;
gk.testing.assertArrayEqual(counts, gk.array(expected));

// Drawn with a bar for each 16 bins.
const bars = counts.reshape([16, 16]).sum({ axis: 1 }).astype("float32").dataSync();
const most = Math.max(...bars);
for (const [i, count] of bars.entries()) {
  const bar = "#".repeat(Math.round(50 * count / most));
  console.log(`${String(16 * i).padStart(3)}  ${bar}`);
}
console.log(`${counts.sum().item()} values, counted as plain TypeScript does`);
