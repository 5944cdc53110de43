// Reductions, scans and quantiles: outputs, methods, orders that JSON cannot hold, long arrays. Values are
// in golden.test.ts.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectArray, noLeaks, scoped } from "../helpers.ts";

noLeaks();

const close = (got: gk.NDArray, want: number, part = 1e-6) => {
  const x = got.item() as number;
  assert.ok(Math.abs(x - want) <= part * Math.abs(want), `${x} instead of ${want}`);
};

describe("var, std, norm, logsumexp, countNonzero", () => {
  it(
    "are functions and methods, take out and keepdims",
    scoped(() => {
      const a = gk.array([[1, 2, 3], [5, 5, 8]]);
      assert.equal(gk.var(a, { axis: 1 }).shape.join(), "2");
      expectArray(a.var({ axis: 1, correction: 1, keepdims: true }), [[1], [3]]);
      expectArray(a.std({ axis: 0 }), [2, 1.5, 2.5]);
      const whole = gk.zeros([4]), out = whole.at("::2");
      assert.equal(gk.norm(gk.array([[3, 4], [5, 12]]), { axis: 1, out }), out);
      expectArray(whole, [5, 0, 13, 0]);
      assert.equal(a.countNonzero().dtype, "int64");
      close(a.logsumexp(), Math.log([1, 2, 3, 5, 5, 8].reduce((sum, x) => sum + Math.exp(x), 0)));
    }),
  );

  it(
    "norm of an infinite order",
    scoped(() => {
      const a = gk.array([[-3, 2], [0.5, -7]]);
      for (const dtype of ["float32", "float64", "float16", "bfloat16"] as const) {
        const x = a.astype(dtype);
        expectArray(x.norm({ ord: Infinity, axis: 1 }), [3, 7]);
        expectArray(x.norm({ ord: -Infinity, axis: 0 }), [0.5, 2]);
      }
      const i = gk.array([-128, 5], { dtype: "int8" });
      assert.equal(i.norm({ ord: Infinity }).item(), 128);
      assert.equal(gk.array([1, NaN, 3]).norm({ ord: Infinity }).item(), NaN);
    }),
  );

  it(
    "of no elements",
    scoped(() => {
      const none = gk.zeros([2, 0]);
      expectArray(gk.var(none, { axis: 1 }), [NaN, NaN]);
      expectArray(gk.norm(none, { axis: 1 }), [0, 0]);
      expectArray(gk.logsumexp(none, { axis: 1 }), [-Infinity, -Infinity]);
      expectArray(gk.countNonzero(none, { axis: 1 }), [0, 0]);
      expectArray(gk.median(none, { axis: 1 }), [NaN, NaN]);
      assert.deepEqual(gk.quantile(none, [0.5, 1], { axis: 0 }).shape, [2, 0]);
    }),
  );

  it(
    "keep what is small beside a large mean, and what squares cannot hold",
    scoped(() => {
      const a = gk.add(gk.arange(100_000).remainder(2), 1e6);
      close(a.var(), 0.25);
      close(gk.array([3e38, -3e38]).std(), 3e38);
      close(gk.array([3e-30, 4e-30]).norm(), 5e-30);
      close(gk.array([1000, 1000]).logsumexp(), 1000 + Math.LN2);
    }),
  );

  it(
    "are recorded in graphs",
    scoped(() => {
      const a = gk.array([1, 2, 3]);
      using g = gk.graph(() => gk.var(a));
      a.fill(7);
      g.launch();
      expectArray(g.outputs as gk.NDArray, 0);
    }),
  );
});

describe("long arrays", () => {
  it(
    "running sums that threads share",
    scoped(() => {
      const n = 1_000_003;
      const a = gk.remainder(gk.arange(n, { dtype: "int32" }), 7);
      const whole = gk.cumsum(a).dataSync();
      const float = gk.cumsum(a.astype("float64")).dataSync();
      let sum = 0;
      for (let i = 0; i < n; i++) {
        sum += i % 7;
        if (Number(whole[i]) !== sum || float[i] !== sum) assert.fail(`at ${i}`);
      }
    }),
  );

  it(
    "complex sums",
    scoped(() => {
      const n = 300_001;
      const z = gk.array(new Float32Array(2 * n).map((_, i) => i % 2 ? -2 : 0.5), {
        dtype: "complex64",
      });
      assert.deepEqual(gk.sum(z).item(), { re: n / 2, im: -2 * n });
      assert.deepEqual(gk.mean(z).item(), { re: 0.5, im: -2 });
    }),
  );
});

describe("median and quantile", () => {
  it(
    "write into out and keep dimensions",
    scoped(() => {
      const a = gk.array([[3, 1, 2], [9, 7, 5]]);
      const out = gk.zeros([2]);
      assert.equal(a.median({ axis: 1, out }), out);
      expectArray(out, [2, 7]);
      expectArray(a.quantile([0, 1], { axis: 1, keepdims: true }), [[[1], [5]], [[3], [9]]]);
      expectArray(gk.quantile(a, 0.5), 4);
      expectArray(gk.median(gk.array([1, 2, Infinity])), 2);
      assert.equal(gk.median(gk.array([1, 2], { dtype: "int64" })).dtype, "float32");
    }),
  );
});
