/**
 * The Mandelbrot set as a picture, written by the library fast-png.
 *
 *   deno run -A examples/kernels/mandelbrot.ts [mandelbrot.png]
 *   npm run standin -- bun examples/kernels/mandelbrot.ts
 */

import { writeFileSync } from "node:fs";
import process from "node:process";
import { encode } from "fast-png";
import * as gk from "../../mod.ts";

const width = 240, height = 160, most = 100;
const view = { left: -2.2, top: 1.1, pixel: 3.3 / width };

const source = `
extern "C" __global__ void mandelbrot(unsigned char *pixels, int width, int height, double left,
                                      double top, double pixel, int most) {
  int column = blockIdx.x * blockDim.x + threadIdx.x;
  int row = blockIdx.y * blockDim.y + threadIdx.y;
  if (column >= width || row >= height) return;

  double cx = left + pixel * column, cy = top - pixel * row;
  double x = 0, y = 0;
  int count = 0;
  for (; count < most && x * x + y * y <= 4; count++) {
    double next = x * x - y * y + cx;
    y = 2 * x * y + cy;
    x = next;
  }
  unsigned char *at = pixels + 3 * (row * width + column);
  at[0] = count == most ? 0 : (9 * count) & 255;
  at[1] = count == most ? 0 : (5 * count) & 255;
  at[2] = count == most ? 0 : 255 - ((3 * count) & 255);
}`;

// Without fused multiply-adds each operation rounds as JavaScript's does, to compare below.
const mandelbrot = gk.jit(source, "mandelbrot", { options: ["--fmad=false"] });

const pixels = gk.empty([height, width, 3], { dtype: "uint8" });
const { left, top, pixel } = view;
mandelbrot.launch(
  { grid: [Math.ceil(width / 16), Math.ceil(height / 16)], block: [16, 16] },
  pixels,
  width,
  height,
  left,
  top,
  pixel,
  most,
);
const data = await pixels.data();

/** The same pixel in plain TypeScript. */
function plain(column: number, row: number): number[] {
  const cx = left + pixel * column, cy = top - pixel * row;
  let x = 0, y = 0, count = 0;
  for (; count < most && x * x + y * y <= 4; count++) {
    [x, y] = [x * x - y * y + cx, 2 * x * y + cy];
  }
  return count === most ? [0, 0, 0] : [9 * count & 255, 5 * count & 255, 255 - (3 * count & 255)];
}

for (let row = 0; row < height; row++) {
  for (let column = 0; column < width; column++) {
    const at = 3 * (row * width + column);
    const [r, g, b] = plain(column, row);
    if (data[at] !== r || data[at + 1] !== g || data[at + 2] !== b) {
      throw new Error(`the pixel at row ${row}, column ${column} differs`);
    }
  }
}
const path = process.argv[2] ?? "mandelbrot.png";
writeFileSync(path, encode({ width, height, data, channels: 3 }));
console.log(`${width} x ${height} pixels, each as plain TypeScript has it: ${path}`);
