/**
 * A Gaussian blur of a picture: rows, then columns, with the weights in constant memory. fast-png reads
 * and writes the files.
 *
 *   deno run -A examples/kernels/blur.ts [picture.png [blurred.png]]
 *   npm run standin -- bun examples/kernels/blur.ts
 */

import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { decode, encode } from "fast-png";
import * as gk from "../../mod.ts";

const radius = 6, sigma = 2.5;
const source = `
__constant__ float weights[2 * RADIUS + 1]; // which the host sets

// Along one axis: \`step\` elements lie from a pixel to the next one along it, of which there are \`length\`.
__device__ float blurred(const float *line, int at, int length, int step) {
  float sum = 0;
  for (int k = -RADIUS; k <= RADIUS; k++) {
    int near = min(max(at + k, 0), length - 1); // the border goes on as it is
    sum += weights[k + RADIUS] * line[near * step];
  }
  return sum;
}

extern "C" __global__ void alongRows(const unsigned char *from, float *to, int width, int height,
                                     int channels) {
  extern __shared__ float line[]; // the row of a block, with all its channels
  int row = blockIdx.x, size = width * channels;
  for (int i = threadIdx.x; i < size; i += blockDim.x) line[i] = from[row * size + i];
  __syncthreads();
  for (int i = threadIdx.x; i < size; i += blockDim.x)
    to[row * size + i] = blurred(line + i % channels, i / channels, width, channels);
}

extern "C" __global__ void alongColumns(const float *from, unsigned char *to, int width, int height,
                                        int channels) {
  int size = width * channels;
  int i = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y;
  if (i >= size) return;
  float value = blurred(from + i, row, height, size);
  to[row * size + i] = (unsigned char)min(max((int)(value + 0.5f), 0), 255);
}`;

const [alongRows, alongColumns] = gk.jit(source, ["alongRows", "alongColumns"], {
  options: [`-DRADIUS=${radius}`],
});

const bell = Array.from(
  { length: 2 * radius + 1 },
  (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
);
const sum = bell.reduce((a, b) => a + b);
const weights = Float32Array.from(bell, (weight) => weight / sum);
alongRows.module.variable("weights").write(weights);

const path = process.argv[2] ?? new URL("picture.png", import.meta.url);
const { width, height, channels, data, depth } = decode(readFileSync(path));
if (depth !== 8) throw new Error(`the picture has ${depth} bits a channel, this example reads 8`);

const picture = gk.array(new Uint8Array(data));
const between = gk.empty(width * height * channels);
const result = gk.emptyLike(picture);
const size = width * channels;
alongRows.launch(
  { grid: height, block: 128, sharedBytes: 4 * size },
  picture,
  between,
  width,
  height,
  channels,
);
alongColumns.launch(
  { grid: [Math.ceil(size / 128), height], block: 128 },
  between,
  result,
  width,
  height,
  channels,
);
const blurred = await result.data();

/** The same in plain TypeScript, along one axis. */
function plain(from: ArrayLike<number>, length: number, step: number): Float32Array {
  return Float32Array.from(from, (_, i) => {
    const at = Math.floor(i / step) % length;
    let total = 0;
    for (let k = -radius; k <= radius; k++) {
      const near = Math.min(Math.max(at + k, 0), length - 1);
      total += weights[k + radius]! * from[i + (near - at) * step]!;
    }
    return total;
  });
}
const expected = plain(plain(picture.dataSync(), width, channels), height, size);
for (let i = 0; i < expected.length; i++) {
  // Sums that round to the other side are one apart.
  if (Math.abs(expected[i]! - blurred[i]!) > 0.51) {
    throw new Error(`byte ${i} is ${blurred[i]} instead of ${expected[i]}`);
  }
}

const to = process.argv[3] ?? "blurred.png";
writeFileSync(to, encode({ width, height, data: blurred, channels }));
console.log(`${width} x ${height} pixels blurred, as plain TypeScript does: ${to}`);
