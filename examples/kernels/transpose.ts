/**
 * A transpose through tiles in shared memory. Each block reads a tile of 32 x 32 by rows and writes it by rows
 * of the result, so that both go to memory in whole lines, which a transpose without a tile does not.
 *
 *   deno run -A examples/kernels/transpose.ts
 *   npm run standin -- --checked bun examples/kernels/transpose.ts
 */

import * as gk from "../../mod.ts";

const source = `
template <typename T, int Tile, int Rows>
__global__ void transpose(const T *from, T *to, int rows, int columns) {
  // One column more, so that a column of the tile does not lie in one bank of the memory.
  __shared__ T tile[Tile][Tile + 1];

  int column = blockIdx.x * Tile + threadIdx.x;
  int row = blockIdx.y * Tile + threadIdx.y;
  for (int k = 0; k < Tile; k += Rows)
    if (row + k < rows && column < columns)
      tile[threadIdx.y + k][threadIdx.x] = from[(row + k) * columns + column];

  __syncthreads(); // all of the tile is there

  column = blockIdx.y * Tile + threadIdx.x; // now of the result
  row = blockIdx.x * Tile + threadIdx.y;
  for (int k = 0; k < Tile; k += Rows)
    if (row + k < columns && column < rows)
      to[(row + k) * rows + column] = tile[threadIdx.x][threadIdx.y + k];
}`;

const tile = 32, threadRows = 8;
// A kernel for each type that is asked for, from one compilation.
const [floats, integers] = gk.jit(source, [
  `transpose<float, ${tile}, ${threadRows}>`,
  `transpose<int, ${tile}, ${threadRows}>`,
]);

function transpose(kernel: gk.Kernel, a: gk.NDArray): gk.NDArray {
  const [rows, columns] = a.shape as [number, number];
  const result = gk.empty([columns, rows], { dtype: a.dtype });
  const grid = [Math.ceil(columns / tile), Math.ceil(rows / tile)];
  kernel.launch({ grid, block: [tile, threadRows] }, a, result, rows, columns);
  return result;
}

for (const [rows, columns] of [[96, 64], [100, 70], [1, 33], [257, 3]] as const) {
  const a = gk.arange(rows * columns).reshape([rows, columns]);
  gk.testing.assertArrayEqual(transpose(floats, a), a.T);
  const b = a.astype("int32");
  gk.testing.assertArrayEqual(transpose(integers, b), b.T);
  console.log(`${rows} x ${columns}: as a.T has it`);
}
const { sharedBytes, registers } = floats.attributes;
const { fraction } = floats.occupancy([tile, threadRows]);
console.log(`${sharedBytes} bytes shared, ${registers} registers, ${100 * fraction} % occupied`);
