// Indexing, scattering and counting in the small: results in place, repeated indices, what waits and
// what does not; tests/ops/golden.test.ts compares values with NumPy's.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectArray, expectError, noLeaks, scoped } from "../helpers.ts";

noLeaks();

const dtypes: readonly gk.DType[] = [
  ...["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"] as const,
  ...["float16", "bfloat16", "float32", "float64", "complex64"] as const,
];

describe("takeAlongAxis", () => {
  it(
    "takes what argsort gives",
    scoped(() => {
      const a = gk.array([[3, 1, 2], [6, 5, 4]]);
      expectArray(a.takeAlongAxis(a.argsort()), [[1, 2, 3], [4, 5, 6]], "float32");
    }),
  );

  it(
    "takes what argmax gives",
    scoped(() => {
      const a = gk.array([[3, 1, 2], [6, 5, 4]]);
      expectArray(a.takeAlongAxis(a.argmax({ axis: 0, keepdims: true }), { axis: 0 }), [[6, 5, 4]]);
      expectArray(gk.takeAlongAxis(a, [[0], [-1]]), [[3], [4]]);
      expectArray(gk.takeAlongAxis(a, [5, 0], { axis: null }), [4, 3]);
      const out = gk.zeros([2, 1]);
      assert.equal(gk.takeAlongAxis(a, [[1], [1]], { out }), out);
      expectArray(out, [[1], [5]]);
    }),
  );
});

describe("putAlongAxis and scatterAdd", () => {
  it(
    "return a copy, or change their array with out",
    scoped(() => {
      const a = gk.zeros([2, 3]), indices = gk.array([[2, 2], [0, 1]], { dtype: "int32" });
      const values = gk.array([[1, 2], [3, 4]]);
      expectArray(a.putAlongAxis(indices, values), [[0, 0, 2], [3, 4, 0]], "float32");
      expectArray(a.scatterAdd(indices, values), [[0, 0, 3], [3, 4, 0]], "float32");
      expectArray(a, [[0, 0, 0], [0, 0, 0]]);
      assert.equal(gk.scatterAdd(a, indices, 1, { out: a }), a);
      gk.scatterAdd(a, indices, 1, { out: a });
      expectArray(a, [[0, 0, 4], [2, 2, 0]]);
      const out = gk.ones([2, 3]);
      gk.putAlongAxis(a, [[0]], 9, { axis: 0, out });
      expectArray(out, [[9, 9, 9], [2, 2, 0]]);
    }),
  );

  it(
    "take every dtype, and write through views",
    scoped(() => {
      for (const dtype of dtypes) {
        const a = gk.zeros([6], { dtype }), one = gk.array(1, { dtype });
        gk.putAlongAxis(a.at("::2"), [0, -1], one, { out: a.at("::2") });
        const want = gk.array([1, 0, 0, 0, 1, 0]).astype(dtype);
        assert.ok(gk.equal(a, want).all().item(), dtype);
        gk.scatterAdd(a.at("::-1"), [0, 5, 5], true, { out: a.at("::-1") });
        const twice = dtype === "bool" ? 1 : 3;
        assert.ok(gk.equal(a, gk.array([twice, 0, 0, 0, 1, 1]).astype(dtype)).all().item(), dtype);
      }
    }),
  );

  it(
    "give the same for any number of threads",
    scoped(() => {
      const n = 300_000;
      const index = gk.random.uniform([n], { low: 0, high: 1000 }).astype("int32");
      const values = gk.random.normal([n]);
      const got = gk.scatterAdd(gk.zeros(1000), index, values).dataSync();
      const want = new Float32Array(1000);
      const [places, numbers] = [index.dataSync(), values.dataSync()];
      for (let i = 0; i < n; i++) want[places[i]!]! += numbers[i]!;
      assert.deepEqual(got, want);
      const last = gk.putAlongAxis(gk.zeros(1000), index, values).dataSync();
      for (let i = 0; i < n; i++) want[places[i]!] = numbers[i]!;
      assert.deepEqual(last, want);
    }),
  );
});

describe("gather and put", () => {
  it(
    "broadcast their index arrays",
    scoped(() => {
      const a = gk.arange(24).reshape([2, 3, 4]);
      expectArray(gk.gather(a, [1, 2, 3]), 23, "float32");
      expectArray(a.gather([[0, 1], -1]), [[8, 9, 10, 11], [20, 21, 22, 23]]);
      expectArray(a.gather([[[0], [1]], [0, 2], 0]), [[0, 8], [12, 20]]);
      assert.equal(a.put([[0, 1], 1], -1), a);
      expectArray(a.at(":", 1), [[-1, -1, -1, -1], [-1, -1, -1, -1]]);
      a.put([0, 0], gk.array([1, 2, 3, 4]));
      expectArray(a.at(0, 0), [1, 2, 3, 4]);
    }),
  );

  it(
    "accumulate",
    scoped(() => {
      const a = gk.zeros([2, 2], { dtype: "int32" });
      a.put([[0, 0, 1], [1, 1, 0]], 5, { accumulate: true });
      expectArray(a, [[0, 10], [5, 0]], "int32");
      a.T.put([[0, 0, 1], [1, 1, 0]], 1, { accumulate: true });
      expectArray(a, [[0, 11], [7, 0]]);
    }),
  );

  it(
    "of nothing",
    scoped(() => {
      const a = gk.zeros([0, 3]);
      assert.equal(gk.gather(a, [gk.zeros(0, { dtype: "int32" })]).shape.join(), "0,3");
      a.put([gk.zeros(0, { dtype: "int32" }), gk.zeros(0, { dtype: "int8" })], 1);
    }),
  );
});

describe("what depends on values", () => {
  it(
    "mask and nonzero",
    scoped(() => {
      const a = gk.array([[1, 0], [NaN, -0]]);
      const [rows, columns] = a.nonzero();
      expectArray(rows!, [0n, 1n], "int64");
      expectArray(columns!, [0n, 0n], "int64");
      expectArray(a.mask(gk.equal(a, 0)), [0, -0], "float32");
      assert.equal(a.mask(gk.array([false, false])).shape.join(), "0,2");
      assert.equal(gk.mask(gk.zeros([3, 0]), gk.array([true, false, true])).shape.join(), "2,0");
      const large = gk.arange(1_000_003);
      const third = gk.less(gk.sub(large, gk.mul(gk.floor(gk.div(large, 3)), 3)), 1);
      const found = gk.mask(large, third).dataSync();
      assert.equal(found.length, 333_335);
      assert.ok(found.every((x, i) => x === 3 * i));
    }),
  );

  it(
    "are refused in graphs",
    scoped(() => {
      const a = gk.array([1, 0, 2], { dtype: "int32" }), m = gk.greater(a, 0);
      for (
        const call of [
          () => gk.mask(a, m),
          () => gk.nonzero(a),
          () => gk.bincount(a),
          () => gk.histogram(a),
        ]
      ) {
        expectError(() => gk.graph<unknown>(call), gk.UnsupportedError, /depends on values/);
      }
      using g = gk.graph(() => gk.bincount(a, { minlength: 4 }));
      g.launch();
      expectArray(g.outputs, [1n, 1n, 1n, 0n], "int64");
    }),
  );

  it(
    "of a given range are recorded",
    scoped(() => {
      const a = gk.array([1, 0, 2], { dtype: "int32" });
      using h = gk.graph(() => gk.histogram(a, { bins: 2, range: [0, 2] }));
      h.launch();
      expectArray(h.outputs.counts, [1n, 2n], "int64");
    }),
  );
});

describe("bincount and histogram", () => {
  it(
    "weigh",
    scoped(() => {
      const x = gk.array([0, 2, 2, 1], { dtype: "uint8" });
      for (const dtype of ["float16", "bfloat16", "float32", "float64"] as const) {
        const weights = gk.array([0.5, 1, 2, -1], { dtype });
        expectArray(gk.bincount(x, { weights }), [0.5, -1, 3], dtype);
      }
      const whole = gk.array([1, 2, 3, 4], { dtype: "int32" });
      expectArray(gk.bincount(x, { weights: whole, minlength: 4 }), [1, 4, 5, 0], "float32");
      // 16-bit floats add up in float32: in float16 2048 + 1 is 2048.
      const ones = gk.ones(3000, { dtype: "float16" });
      expectArray(gk.bincount(gk.zeros(3000, { dtype: "int8" }), { weights: ones }), [3000]);
    }),
  );

  it(
    "count many into few",
    scoped(() => {
      const x = gk.random.uniform([500_000], { low: 0, high: 7 }).astype("int64");
      const want = new BigInt64Array(7);
      for (const value of x.dataSync()) want[Number(value)]!++;
      assert.deepEqual(gk.bincount(x).dataSync(), want);
    }),
  );

  it(
    "count many into few bins",
    scoped(() => {
      const x = gk.random.uniform([500_000], { low: 0, high: 7 }).astype("int64");
      const want = gk.bincount(x).dataSync();
      const { counts, edges } = gk.histogram(x, { bins: 7, range: [0, 7] });
      assert.deepEqual(counts.dataSync(), want);
      expectArray(edges, [0, 1, 2, 3, 4, 5, 6, 7], "float32");
    }),
  );

  it(
    "take edges",
    scoped(() => {
      const a = gk.array([1, 2, 3, 4]);
      const edges = gk.array([1, 2, 4], { dtype: "float64" });
      const found = a.histogram({ bins: edges });
      expectArray(found.counts, [1n, 3n]);
      expectArray(found.edges, [1, 2, 4], "float64");
      expectArray(gk.histogram(gk.zeros(0)).counts, new Array(10).fill(0n));
      expectArray(gk.histogram(gk.array([3, 3]), { bins: 2 }).edges, [2.5, 3, 3.5]);
    }),
  );
});

describe("writing", () => {
  it(
    "set, fill and copyFrom take every dtype",
    scoped(() => {
      for (const dtype of dtypes) {
        const a = gk.zeros([2, 3], { dtype });
        a.set(1, 0, "::2");
        a.set(gk.array([1, 0, 1]).astype(dtype), 1);
        a.at(":", 1).fill(1);
        const want = gk.array([[1, 1, 1], [1, 1, 1]]).astype(dtype);
        assert.ok(gk.equal(a, want).all().item(), dtype);
        a.copyFrom(gk.zeros(3));
        a.T.copyFrom(gk.array([[1, 0], [0, 0], [0, 1]]));
        const other = gk.array([[1, 0, 0], [0, 0, 1]]).astype(dtype);
        assert.ok(gk.equal(a, other).all().item(), dtype);
        if (dtype !== "bool") {
          assert.ok(gk.equal(a.addInplace(a), gk.add(other, other)).all().item());
        }
      }
    }),
  );
});
