// Reductions, scans, matrix products, indexing and sorting: their arguments and
// results in the small; tests/ops/golden.test.ts compares values with NumPy's.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectArray, expectError, noLeaks, scoped } from "../helpers.ts";

noLeaks();

const matrix = () => gk.array([[3, 1, 2], [6, 5, 4]]);

describe("reductions", () => {
  it(
    "take axes and keepdims",
    scoped(() => {
      const a = matrix();
      expectArray(gk.sum(a), 21, "float32");
      expectArray(a.sum({ axis: 0 }), [9, 6, 6]);
      expectArray(a.sum({ axis: -1, keepdims: true }), [[6], [15]]);
      expectArray(a.sum({ axis: [0, 1], keepdims: true }), [[21]]);
      expectArray(a.sum({ axis: null }), 21);
      expectArray(a.sum({ axis: [] }), [[3, 1, 2], [6, 5, 4]]);
      expectArray(a.mean({ axis: 1 }), [2, 5], "float32");
      expectArray(a.max({ axis: 0 }), [6, 5, 4]);
      expectArray(a.argmin({ axis: 1 }), [1n, 2n], "int64");
      expectArray(gk.argmax(a), 3n, "int64");
      expectArray(gk.any(a.greater(5), { axis: 0 }), [true, false, false], "bool");
      expectArray(gk.all(a.greater(0)), true, "bool");
      expectArray(gk.prod(a), 720, "float32");
    }),
  );

  it(
    "widen integers, or accumulate as asked",
    scoped(() => {
      const i = gk.array([100, 100], { dtype: "int8" });
      expectArray(i.sum(), 200n, "int64");
      expectArray(gk.array([200, 200], { dtype: "uint8" }).sum(), 400n, "uint64");
      expectArray(i.sum({ dtype: "float64" }), 200, "float64");
      expectArray(i.mean(), 100, "float32");
      expectArray(gk.array([true, true]).sum(), 2n, "int64");
    }),
  );

  it(
    "of nothing",
    scoped(() => {
      expectArray(gk.sum(gk.zeros(0)), 0);
      expectArray(gk.prod(gk.zeros(0)), 1);
      expectError(() => gk.max(gk.zeros(0)), gk.ShapeError, /max/);
      expectError(() => gk.argmin(gk.zeros([2, 0]), { axis: 1 }), gk.ShapeError);
    }),
  );

  it(
    "refuse axes that are none",
    scoped(() => {
      const a = matrix();
      expectError(() => a.sum({ axis: 2 }), gk.ShapeError, /axis 2/);
      expectError(() => a.sum({ axis: [0, 0] }), gk.ShapeError);
      expectError(() => a.sum({ axis: 0.5 }), gk.ShapeError);
      expectError(() => a.sum({ axis: "0" as unknown as number }), gk.ShapeError);
      expectError(() => a.argmax({ axis: [0, 1] }), gk.ShapeError);
      expectError(() => gk.sum([1, 2] as unknown as gk.NDArray), gk.GpukitError);
      const out = gk.zeros(2);
      expectError(() => a.sum({ axis: 0, out }), gk.ShapeError, /out/);
      assert.equal(a.sum({ axis: 1, out }), out);
      expectArray(out, [6, 15]);
    }),
  );
});

describe("cumsum", () => {
  it(
    "runs along an axis or flat",
    scoped(() => {
      const a = matrix();
      expectArray(gk.cumsum(a), [3, 4, 6, 12, 17, 21]);
      expectArray(a.cumsum({ axis: 0 }), [[3, 1, 2], [9, 6, 6]]);
      expectArray(gk.cumsum(gk.array([100, 100], { dtype: "int8" })), [100n, 200n], "int64");
    }),
  );
});

describe("matmul", () => {
  it(
    "multiplies, broadcasts and takes vectors",
    scoped(() => {
      const a = matrix();
      expectArray(gk.matmul(a, a.T), [[14, 31], [31, 77]], "float32");
      expectArray(a.matmul(gk.ones(3)), [6, 15]);
      expectArray(gk.ones(2).matmul(a), [9, 6, 6]);
      expectArray(gk.matmul(gk.ones(3), gk.ones(3)), 3);
      assert.deepEqual(gk.matmul(gk.zeros([5, 1, 2, 3]), gk.zeros([4, 3, 6])).shape, [5, 4, 2, 6]);
      expectError(() => gk.matmul(a, a), gk.ShapeError, /matmul/);
      expectError(() => gk.matmul(a, gk.ones([])), gk.ShapeError);
      expectError(() => gk.matmul(a, 2 as unknown as gk.NDArray), gk.GpukitError);
    }),
  );
});

describe("take", () => {
  it(
    "takes along an axis or flat",
    scoped(() => {
      const a = matrix();
      expectArray(gk.take(a, [0, -1]), [3, 4]);
      expectArray(a.take(gk.array([[2, 0]], { dtype: "int32" }), { axis: 1 }), [[[2, 3]], [[
        4,
        6,
      ]]]);
      expectArray(a.take([1], { axis: 0 }), [[6, 5, 4]]);
      expectError(() => gk.take(a, [6]), gk.IndexError, /6/);
      expectError(() => gk.take(a, [0.5]), gk.IndexError);
      expectError(() => a.take([3], { axis: 1 }), gk.IndexError);
      expectError(() => a.take([0], { axis: 2 }), gk.ShapeError);
      expectError(() => gk.take(a, gk.ones(1)), gk.DTypeError);
    }),
  );
});

describe("sort", () => {
  it(
    "sorts values and places",
    scoped(() => {
      const a = matrix();
      expectArray(gk.sort(a), [[1, 2, 3], [4, 5, 6]], "float32");
      expectArray(a.sort({ axis: 0, descending: true }), [[6, 5, 4], [3, 1, 2]]);
      expectArray(a.sort({ axis: null }), [1, 2, 3, 4, 5, 6]);
      expectArray(gk.argsort(a), [[1n, 2n, 0n], [2n, 1n, 0n]], "int64");
      expectArray(gk.sort(gk.array([NaN, 1, -Infinity])), [-Infinity, 1, NaN]);
      expectError(() => gk.sort(a, { axis: 2 }), gk.ShapeError);
    }),
  );
});
