// Transforms in every way that CUDA has for them, compared with the CPU: lines in one block, steps of long ones,
// Bluestein's convolution, in parts, of any dtype, and along axes that lie anyhow.

import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectClose, noLeaks, scoped } from "../helpers.ts";

noLeaks();

const { fft, ifft, rfft, irfft } = gk.fft;
const here = gk.defaultDevice();
const random = gk.random.generator(6);

function complexes(shape: readonly number[]): gk.NDArray<"complex64"> {
  const z = gk.zeros(shape, { dtype: "complex64", device: "cpu" });
  gk.real(z).copyFrom(random.uniform(shape, { low: -1, device: "cpu" }));
  gk.imag(z).copyFrom(random.uniform(shape, { low: -1, device: "cpu" }));
  return z;
}

const reals = (shape: readonly number[]) => random.uniform(shape, { low: -1, device: "cpu" });

/** The same transform on both devices, in the norm that keeps numbers as large as they are. */
function same<A extends gk.NDArray>(
  call: (a: A, options: gk.fft.FFTOptions) => gk.NDArray,
  a: A,
  options: gk.fft.FFTOptions = {},
): void {
  const all = { norm: "ortho", ...options } as const;
  expectClose(call(a.to(here) as A, all), call(a, all), { atol: 4e-6 });
}

function everyWay(z: gk.NDArray, x: gk.NDArray, options: gk.fft.FFTOptions = {}): void {
  same(fft, z, options);
  same(ifft, z, options);
  same(fft, x, options);
  same(rfft, x, options);
  same(irfft, z, { n: 2 * z.shape[options.axis ?? z.ndim - 1]! - 1, ...options });
  if (z.shape[options.axis ?? z.ndim - 1]! > 1 || options.n) same(irfft, z, options);
}

describe("transforms", () => {
  // One line, with a tile's last line and beyond; two steps; three; and convolutions of each.
  const lengths: [n: number, lines: number][] = [[1, 130], [2, 300], [12, 200], [31, 9], [64, 150]];
  lengths.push([1000, 5], [1024, 6], [2187, 2], [4096, 2], [4374, 2], [8192, 3], [30030, 1]);
  lengths.push([1031, 3], [16384, 2]);
  for (const [n, lines] of lengths) {
    it(`of length ${n}`, scoped(() => everyWay(complexes([lines, n]), reals([lines, n]))));
  }

  it(
    "in three steps, of which there is no other test",
    scoped(() => {
      const n = 5 * 5 * 7 ** 5; // of two factors one would be above 1024
      same(fft, complexes([n]));
      same(irfft, complexes([n + 1]));
    }),
  );

  it(
    "along other axes, of any strides, cut and filled up",
    scoped(() => {
      const z = complexes([3, 40, 50]), x = reals([3, 40, 50]);
      everyWay(z, x, { axis: 1 });
      everyWay(z, x, { axis: 0 });
      everyWay(z.at("::-1", ":", "1::3"), x.at("::-1", ":", "1::3"), { axis: 1 });
      everyWay(z.at(":", "1::2"), x.at(":", "1::2"));
      for (const n of [7, 33, 101]) everyWay(z, x, { axis: 1, n });
      everyWay(z.at(":", ":", ":2"), x.at(":", ":", ":2"), { axis: 1, n: 5000 });
      const wide = complexes([9000, 3]), real = reals([9000, 3]);
      everyWay(wide, real, { axis: 0 });
      everyWay(wide.T, real.T, { axis: 1 });
      same(rfft, real, { axis: 0, n: 9002 });
    }),
  );

  it(
    "of eight axes that do not merge",
    scoped(() => {
      const shape = [4, 3, 2, 2, 3, 2, 2, 5], steps = ["::2", ":", ":", ":", "::2", ":", ":", ":"];
      const turn = [0, 2, 4, 6, 1, 3, 5, 7];
      const z = complexes(shape).transpose(turn), x = reals(shape).transpose(turn);
      for (const axis of [0, 3, 7]) everyWay(z.at(...steps), x.at(...steps), { axis });
      everyWay(z.at(...steps), x.at(...steps), { axis: 2, n: 10 });
    }),
  );

  it(
    "of lines in several parts",
    scoped(() => {
      same(rfft, reals([90, 5003]), { n: 10_006 });
    }),
  );

  for (const dtype of ["bool", "int8", "uint32", "int64", "float16", "bfloat16"] as const) {
    it(
      `of ${dtype}`,
      scoped(() => {
        const x = gk.mul(reals([4, 30]), 9).astype(dtype === "uint32" ? "int32" : dtype);
        const a = dtype === "uint32" ? gk.abs(x).astype(dtype) : x;
        for (const n of [30, 17]) {
          for (const call of [fft, rfft, irfft]) {
            const all = { n, norm: "ortho" } as const;
            expectClose(call(a.T.to(here), { ...all, axis: 0 }), call(a.T, { ...all, axis: 0 }), {
              atol: 4e-5,
              rtol: 1e-5,
            });
          }
        }
      }),
    );
  }

  it(
    "in a graph",
    scoped(() => {
      const z = complexes([2, 8192]).to(here), x = reals([3, 1031]).to(here);
      using graph = gk.graph(() => {
        z.copyFrom(ifft(fft(z)));
        x.copyFrom(irfft(rfft(x), { n: 1031 }));
      });
      const before = [z, x].map((a) => a.to("cpu"));
      for (let i = 0; i < 2; i++) graph.launch();
      expectClose(z, before[0]!, { atol: 4e-6 });
      expectClose(x, before[1]!, { atol: 4e-6 });
    }),
  );
});
