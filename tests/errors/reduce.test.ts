// Reductions and scans that cannot be: each gives its typed error, and nothing else changes.

import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { fails, leavesOthersIntact } from "./expect.ts";

// What TypeScript would not let through, but JavaScript does.
// deno-lint-ignore no-explicit-any
const any = (x: unknown): any => x;

leavesOthersIntact();

describe("reductions", () => {
  it("axes, outputs and parameters that do not fit", () => {
    gk.scope(() => {
      const a = gk.zeros([2, 3]), integers = gk.zeros([2], { dtype: "int32" });
      for (const op of [gk.var, gk.std, gk.norm, gk.logsumexp, gk.countNonzero]) {
        fails(() => op(a, { axis: 2 }), gk.ShapeError, "axis 2", "2 dimensions");
        fails(() => op(a, { axis: [0, 0] }), gk.ShapeError, "twice");
        fails(() => op(a, { axis: 1, out: gk.zeros([3]) }), gk.ShapeError, "[3]", "[2]");
        fails(() => op(any([1, 2])), gk.GpukitError);
      }
      fails(() => gk.var(a, { axis: 1, out: integers }), gk.DTypeError, "var", "int32", "float32");
      fails(() => gk.var(a, { dtype: any("int32") }), gk.DTypeError, "var", "int32");
      for (const x of [NaN, "1", null, {}, 1n]) {
        if (x !== null) {
          fails(() => gk.var(a, { correction: any(x) }), gk.GpukitError, "correction");
        }
        if (x !== null) fails(() => gk.norm(a, { ord: any(x) }), gk.GpukitError, "ord");
      }
      const none = gk.zeros([2, 0]);
      fails(() => gk.norm(none, { ord: Infinity }), gk.ShapeError, "norm", "[2, 0]");
    });
  });

  it("complex numbers have no order and no product here", () => {
    gk.scope(() => {
      const z = gk.zeros([2], { dtype: "complex64" });
      for (
        const op of [gk.var, gk.std, gk.norm, gk.logsumexp, gk.min, gk.max, gk.argmax, gk.prod]
      ) {
        fails(() => any(op)(z), gk.DTypeError, "complex64");
      }
      fails(() => gk.cumprod(z), gk.DTypeError, "cumprod");
      fails(() => gk.median(z), gk.DTypeError, "complex64");
      fails(() => gk.sum(z, { dtype: "float32" }), gk.DTypeError, "imaginary");
    });
  });
});

describe("quantiles", () => {
  it("out of range, and axes that do not fit", () => {
    gk.scope(() => {
      const a = gk.zeros([2, 3]);
      for (const q of [-0.1, 1.1, NaN, [0.5, 2], "0.5"]) {
        fails(() => gk.quantile(a, any(q)), gk.GpukitError, "quantile", "0 to 1");
      }
      fails(() => gk.median(a, { axis: 2 }), gk.ShapeError, "median", "axis 2");
      fails(() => gk.median(a, { axis: [1, -1] }), gk.ShapeError, "median", "twice");
    });
  });
});
