// isclose, allclose and arrayEqual beyond the golden cases: numbers, methods, mixed dtypes, `out`,
// errors.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectArray, expectError, noLeaks, scoped } from "../helpers.ts";

noLeaks();

describe("isclose", () => {
  it(
    "compares with a number",
    scoped(() => {
      const a = gk.array([1, 1 + 1e-6, 1.1, NaN, Infinity]);
      expectArray(gk.isclose(a, 1), [true, true, false, false, false], "bool");
      expectArray(a.isclose(1, { atol: 0.2 }), [true, true, true, false, false], "bool");
      expectArray(a.isclose(NaN, { equalNan: true }), [false, false, false, true, false], "bool");
      expectArray(a.isclose(Infinity), [false, false, false, false, true], "bool");
      expectArray(gk.array([3, 4], { dtype: "int64" }).isclose(3.00001), [true, false], "bool");
    }),
  );

  it(
    "tells 64-bit integers apart that float32 does not",
    scoped(() => {
      const a = gk.array([2n ** 40n], { dtype: "int64" });
      const b = gk.array([2n ** 40n + 1n], { dtype: "uint64" });
      assert.equal(gk.allclose(a, b, { rtol: 0, atol: 0.5 }), false);
      assert.equal(gk.allclose(a, b, { rtol: 0, atol: 1 }), true);
    }),
  );

  it(
    "is not symmetric, broadcasts, and writes into out",
    scoped(() => {
      const a = gk.array([10, 9]), b = gk.array([[9], [10]]);
      const out = gk.empty([2, 2], { dtype: "bool" });
      assert.equal(gk.isclose(a, b, { rtol: 0.1, atol: 0, out }), out);
      expectArray(out, [[false, true], [true, true]], "bool");
    }),
  );

  it(
    "computes narrow floats in float32",
    scoped(() => {
      for (const dtype of ["float16", "bfloat16"] as const) {
        const a = gk.array([1, 0], { dtype }), b = gk.array([1, 1e-7], { dtype });
        expectArray(gk.isclose(a, b), [true, false], "bool");
        expectArray(gk.isclose(a, b, { atol: 2e-7 }), [true, true], "bool");
      }
    }),
  );

  it(
    "refuses tolerances that are none",
    scoped(() => {
      const a = gk.ones(2);
      for (const rtol of [-1, NaN, "0.1" as unknown as number]) {
        expectError(() => gk.isclose(a, a, { rtol }), gk.GpukitError, /^isclose: rtol must be/);
        expectError(() => gk.allclose(a, a, { atol: rtol }), gk.GpukitError, /atol must be/);
      }
      expectError(() => gk.isclose(a, gk.ones(3)), gk.ShapeError, /\[2\].*\[3\]/);
    }),
  );
});

describe("allclose and arrayEqual", () => {
  it(
    "give booleans",
    scoped(() => {
      const a = gk.array([[1, 2], [3, NaN]]);
      assert.equal(gk.allclose(a, a), false);
      assert.equal(a.allclose(a, { equalNan: true }), true);
      assert.equal(gk.arrayEqual(a, a), false);
      assert.equal(a.arrayEqual(a.clone(), { equalNan: true }), true);
      assert.equal(gk.arrayEqual(gk.arange(4), gk.arange(4).astype("int8")), true);
      assert.equal(gk.arrayEqual(gk.zeros([0, 3]), gk.zeros([0, 3])), true);
      assert.equal(gk.allclose(gk.zeros([0]), 1), true);
      const z = gk.arange(4).astype("complex64");
      assert.equal(z.allclose(gk.add(z, 1e-9)), true);
    }),
  );

  it(
    "arrays of other shapes are not equal",
    scoped(() => {
      assert.equal(gk.arrayEqual(gk.ones([2, 1]), gk.ones([1, 2])), false);
      assert.equal(gk.arrayEqual(gk.ones([2, 2]), gk.ones(2)), false);
    }),
  );
});
