// Sorting and searching: what golden cases do not reach. Long arrays that several threads sort, outputs
// given, graphs, numbers that no dtype of the array holds.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectArray, noLeaks, scoped } from "../helpers.ts";

noLeaks();

describe("long arrays", () => {
  const long = 300_000;

  it(
    "sort as typed arrays do",
    scoped(() => {
      for (const dtype of ["float32", "float64", "int32", "uint8", "int64"] as const) {
        const a = gk.mul(gk.random.normal([long]), 100).astype(dtype);
        const expected = a.dataSync().slice().sort();
        assert.deepEqual(gk.sort(a).dataSync(), expected, dtype);
        const order = gk.argsort(a);
        assert.deepEqual(gk.take(a, order).dataSync(), expected, dtype);
        const descending = gk.sort(a, { descending: true });
        assert.deepEqual(descending.at("::-1").dataSync(), expected, dtype);
        const { values, indices } = gk.topk(a, 1000);
        assert.deepEqual(values.dataSync(), descending.at(":1000").dataSync(), dtype);
        assert.deepEqual(gk.take(a, indices).dataSync(), values.dataSync(), dtype);
      }
    }),
  );

  it(
    "keep the order of equal elements",
    scoped(() => {
      const few = gk.remainder(gk.arange(long, { dtype: "int64" }), 3);
      const order = gk.argsort(few).dataSync();
      assert.ok(
        order.every((place, i) => i === 0 || i % (long / 3) === 0 || place > order[i - 1]!),
      );
      const same = gk.argsort(gk.zeros(long), { descending: true });
      assert.deepEqual(same.dataSync(), gk.arange(long, { dtype: "int64" }).dataSync());
    }),
  );
});

describe("topk", () => {
  it(
    "gives the best first, NaN before all numbers, and the earlier of equal ones",
    scoped(() => {
      const a = gk.array([[3, NaN, 3, 1], [0, -0, 5, -Infinity]]);
      const { values, indices } = a.topk(3);
      expectArray(values, [[NaN, 3, 3], [5, 0, -0]]);
      expectArray(indices, [[1n, 0n, 2n], [2n, 0n, 1n]], "int64");
      const least = a.topk(2, { largest: false });
      expectArray(least.values, [[1, 3], [-Infinity, 0]]);
      expectArray(least.indices, [[3n, 0n], [3n, 0n]], "int64");
      expectArray(a.topk(1, { axis: 0 }).indices, [[0n, 0n, 1n, 0n]], "int64");
    }),
  );

  it(
    "writes into views",
    scoped(() => {
      const room = gk.zeros([4, 2]), places = gk.zeros([4, 2], { dtype: "int64" });
      const out = { values: room.at(":", 0).at("::-2"), indices: places.at("::2", 1) };
      const result = gk.topk(gk.array([5, 7, 6]), 2, { out });
      assert.equal(result.values, out.values);
      assert.equal(result.indices, out.indices);
      expectArray(room, [[0, 0], [6, 0], [0, 0], [7, 0]]);
      expectArray(places, [[0n, 1n], [0n, 0n], [0n, 2n], [0n, 0n]]);
    }),
  );

  it(
    "is recorded in graphs",
    scoped(() => {
      const a = gk.array([1, 2, 3]);
      using graph = gk.graph(() => gk.topk(a, 1));
      a.set(9, 0);
      graph.launch();
      const { values, indices } = graph.outputs as gk.Topk<"float32">;
      expectArray(values, [9]);
      expectArray(indices, [0n], "int64");
    }),
  );
});

describe("searchsorted", () => {
  it(
    "compares numbers exactly",
    scoped(() => {
      const small = gk.array(new Uint8Array([1, 2, 255])), large = 2n ** 63n - 1n;
      const places = (a: gk.NDArray, v: number) =>
        (["left", "right"] as const).map((side) => gk.searchsorted(a, v, { side }).item());
      assert.deepEqual(places(small, 2), [1, 2]);
      assert.deepEqual(places(small, 1.5), [1, 1]);
      assert.deepEqual(places(small, 300), [3, 3]);
      assert.deepEqual(places(small, NaN), [3, 3]);
      const wide = gk.array(new BigInt64Array([-large - 1n, 0n, large]));
      assert.deepEqual(places(wide, -(2 ** 63)), [0, 1]);
      assert.deepEqual(places(wide, -Infinity), [0, 0]);
      assert.deepEqual(places(wide, -0.5), [1, 1]);
      assert.deepEqual(places(wide, 2 ** 63), [3, 3]);
      assert.deepEqual(places(wide, NaN), [3, 3]);
      const halves = gk.array([0.5, NaN, NaN]).astype("float16");
      assert.deepEqual(places(halves, 0.1), [0, 0]);
      assert.deepEqual(places(halves, NaN), [1, 3]);
    }),
  );
});

describe("unique", () => {
  it(
    "gives what is asked for",
    scoped(() => {
      const a = gk.array([[2, NaN, -0], [0, 2, NaN]]);
      expectArray(a.unique(), [-0, 2, NaN]);
      const all = a.unique({ returnIndex: true, returnInverse: true, returnCounts: true });
      expectArray(all.values, [-0, 2, NaN]);
      expectArray(all.indices, [2n, 0n, 1n], "int64");
      expectArray(all.inverse, [[1n, 2n, 0n], [0n, 1n, 2n]], "int64");
      expectArray(all.counts, [2n, 2n, 2n], "int64");
      const empty = gk.zeros([0]).unique({ returnIndex: true, returnCounts: true });
      expectArray(empty.values, []);
      expectArray(empty.counts, [], "int64");
      assert.equal(empty.inverse, undefined);
    }),
  );
});
