// Bad arguments of gk.fft: each gives its typed error, and nothing else changes.

import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { fails, leavesOthersIntact } from "./expect.ts";

// deno-lint-ignore no-explicit-any
const any = (x: unknown): any => x;

leavesOthersIntact();

describe("Fourier transforms", () => {
  const { fft, ifft, rfft, irfft } = gk.fft;

  it("axes and lengths", () => {
    gk.scope(() => {
      const a = gk.zeros([2, 3]);
      for (const op of [fft, ifft, rfft, irfft]) {
        for (const axis of [2, -3, 1e10]) {
          fails(() => op(a, { axis }), gk.ShapeError, `${op.name}:`, "axis", "2 dimensions");
        }
        for (const axis of [NaN, 0.5, Infinity, "0", {}, null]) {
          fails(() => op(a, { axis: any(axis) }), gk.ShapeError, op.name, "axis");
        }
        for (const n of [0, -1, 0.5, NaN, Infinity, "4", 2 ** 60]) {
          fails(() => op(a, { n: any(n) }), gk.GpukitError, op.name);
        }
        fails(() => op(gk.zeros([])), gk.ShapeError, op.name, "dimension");
        fails(() => op(gk.zeros([2, 0])), gk.ShapeError, op.name, "length");
        fails(() => op(a, { n: 2 ** 45 }), gk.OutOfMemoryError, op.name);
      }
      fails(() => irfft(gk.zeros([3, 1])), gk.ShapeError, "irfft", "length");
    });
  });

  it("dtypes", () => {
    gk.scope(() => {
      const wide = gk.zeros([4], { dtype: "float64" });
      for (const op of [fft, ifft, rfft, irfft]) {
        fails(() => op(wide), gk.DTypeError, `${op.name}:`, "[4]", "float64", "astype");
      }
      fails(() => rfft(gk.zeros([4], { dtype: "complex64" })), gk.DTypeError, "rfft", "complex64");
    });
  });

  it("operands, norms and outputs of other kinds", () => {
    gk.scope(() => {
      const a = gk.zeros([4]);
      for (const op of [fft, ifft, rfft, irfft]) {
        for (const x of [1, null, undefined, [1, 2], new Float32Array(4)]) {
          fails(() => op(any(x)), gk.GpukitError, op.name);
        }
        for (const norm of ["Ortho", "", 1, null, {}]) {
          fails(() => op(a, { norm: any(norm) }), gk.GpukitError, op.name, "norm");
        }
        fails(() => op(a, { out: gk.zeros([9]) }), gk.GpukitError, op.name);
      }
      fails(() => fft(a, { out: gk.zeros([4]) }), gk.DTypeError, "fft", "complex64");
      fails(
        () => rfft(a, { out: gk.zeros([4], { dtype: "complex64" }) }),
        gk.ShapeError,
        "rfft",
        "[3]",
      );
      const z = gk.zeros([4], { dtype: "complex64" });
      fails(() => fft(z, { out: z }), gk.GpukitError, "fft");
    });
  });

  it("frequencies", () => {
    for (const op of [gk.fft.fftfreq, gk.fft.rfftfreq]) {
      for (const n of [0, -1, 1.5, NaN, "3"]) fails(() => op(any(n)), gk.ShapeError, op.name);
      for (const d of [0, NaN, Infinity, "1"]) {
        fails(() => op(4, { d: any(d) }), gk.GpukitError, op.name);
      }
      fails(() => op(4, { dtype: any("int32") }), gk.DTypeError, op.name, "int32");
      fails(() => op(4, { dtype: any("float") }), gk.DTypeError, op.name);
    }
  });
});
