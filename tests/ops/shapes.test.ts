// Joining, rearranging, einsum: outputs, limits and errors. Values are in golden.test.ts.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectArray, expectClose, expectError, noLeaks, scoped } from "../helpers.ts";

noLeaks();

describe("concatenate and stack", () => {
  it(
    "write into out, also a strided one",
    scoped(() => {
      const a = gk.array([[1, 2], [3, 4]]), whole = gk.zeros([4, 4]);
      const out = whole.at(":", "::2");
      assert.equal(gk.concatenate([a, a], { out }), out);
      expectArray(whole, [[1, 0, 2, 0], [3, 0, 4, 0], [1, 0, 2, 0], [3, 0, 4, 0]]);
      const flat = gk.zeros(8);
      gk.concatenate([a.T, a], { axis: null, out: flat });
      expectArray(flat, [1, 3, 2, 4, 1, 2, 3, 4]);
    }),
  );

  it(
    "join more arrays than one call takes",
    scoped(() => {
      const one = gk.array([[1, 2]]);
      const many = new Array<gk.NDArray<"float32">>(2500).fill(one);
      assert.deepEqual(gk.concatenate(many).shape, [2500, 2]);
      assert.deepEqual(gk.concatenate(many, { axis: 1 }).shape, [1, 5000]);
      assert.deepEqual(gk.stack(many, { axis: -1 }).shape, [1, 2, 2500]);
      assert.equal(gk.sum(gk.stack(many)).item(), 7500);
    }),
  );

  it(
    "are recorded in graphs",
    scoped(() => {
      const a = gk.array([1, 2]), b = gk.array([3]);
      using g = gk.graph(() => gk.concatenate([a, b]));
      a.fill(7);
      g.launch();
      expectArray(g.outputs as gk.NDArray, [7, 7, 3]);
    }),
  );

  it(
    "say what does not fit",
    scoped(() => {
      const a = gk.zeros([2, 3]), b = gk.zeros([2, 2]), c = gk.zeros([2, 3], { dtype: "int64" });
      const none: gk.NDArray[] = [];
      expectError(() => gk.concatenate(none), gk.ShapeError, /^concatenate: .*at least one/);
      expectError(
        () => gk.concatenate([a, b]),
        gk.ShapeError,
        /^concatenate: operand 2 has shape \[2, 2\]/,
      );
      expectError(() => gk.stack([a, b]), gk.ShapeError, /^stack: .*equal/);
      expectError(() => gk.concatenate([a], { axis: 2 }), gk.ShapeError, /axis 2 is out of range/);
      expectError(() => gk.stack([a], { axis: 3 }), gk.ShapeError, /axis 3 is out of range/);
      expectError(() => gk.concatenate([a.at(0, 0)]), gk.ShapeError, /without axes/);
      expectError(
        () => gk.concatenate([c, gk.zeros([2, 3], { dtype: "uint64" })]),
        gk.DTypeError,
        /int64 and uint64/,
      );
      expectError(
        () => gk.concatenate([a, a], { out: a }),
        gk.ShapeError,
        /out is float32 \[2, 3\]/,
      );
      expectError(
        () => gk.concatenate([a, a], { out: gk.zeros([4, 3], { dtype: "int32" }) }),
        gk.DTypeError,
      );
      const both = gk.zeros([4, 3]);
      expectError(
        () => gk.concatenate([both.at("2:"), both.at(":2")], { out: both }),
        gk.GpukitError,
        /overlaps/,
      );
      const gone = gk.zeros(1);
      gone.dispose();
      expectError(() => gk.concatenate([a.ravel(), gone]), gk.DisposedError);
      expectError(() => gk.concatenate(a as never), gk.ShapeError, /list/);
      expectError(() => gk.concatenate([a, [1]] as never), gk.GpukitError, /array/);
    }),
  );
});

describe("rearranging", () => {
  it(
    "says what does not fit",
    scoped(() => {
      const a = gk.zeros([2, 3]);
      expectError(() => gk.roll(a, 1, { axis: 2 }), gk.ShapeError, /^roll: axis 2/);
      expectError(() => gk.roll(a, [1, 2], { axis: [0, 1, 1] }), gk.ShapeError, /2 shifts.*3 axes/);
      expectError(() => gk.roll(a, 0.5), gk.ShapeError, /whole/);
      expectError(() => gk.pad(a, -1), gk.ShapeError, /^pad: /);
      expectError(() => gk.pad(a, [[1, 1]]), gk.ShapeError, /2 axes/);
      expectError(() => gk.pad(a, 1, { mode: "no" as never }), gk.GpukitError, /mode/);
      expectError(() => gk.pad(a.at(":", "0:0"), 1, { mode: "edge" }), gk.ShapeError, /no element/);
      expectError(() => gk.tile(a, -1), gk.ShapeError, /negative/);
      expectError(() => gk.repeat(a, [1, 2], { axis: 1 }), gk.ShapeError, /each of the 3 places/);
      expectError(() => gk.repeat(a, -1), gk.ShapeError, /negative/);
      expectError(() => gk.diff(a, { axis: 5 }), gk.ShapeError, /^diff: axis 5/);
      expectError(() => gk.diff(a, { n: -1 }), gk.ShapeError, /negative/);
      expectError(() => gk.tril(a.at(0)), gk.ShapeError, /^tril: .*two axes/);
      expectError(() => gk.trace(a.at(0)), gk.ShapeError);
      expectError(() => gk.diag(a.at(0, 0)), gk.ShapeError);
    }),
  );

  it(
    "pads large arrays",
    scoped(() => {
      const a = gk.add(gk.arange(30 * 100 * 90), 1).reshape([30, 100, 90]);
      const padded = gk.pad(a, [[1, 2], [0, 3], [4, 0]], { value: -2 });
      const there = padded.at("1:31", ":100", "4:");
      assert.ok(gk.all(gk.equal(there, a)).item());
      there.fill(-2);
      assert.deepEqual(padded.shape, [33, 103, 94]);
      assert.ok(gk.all(gk.equal(padded, -2)).item());
      expectError(() => gk.pad(a, 1, { value: "x" as never }), gk.GpukitError, /^pad: .*number/);
      const empty = gk.pad(a.at(":", ":0"), [[0, 0], [1, 0], [0, 0]], { value: 3 });
      assert.ok(gk.all(gk.equal(empty, 3)).item());
    }),
  );

  it(
    "keeps to arrays of eight axes",
    scoped(() => {
      const a = gk.arange(2).reshape([1, 1, 1, 1, 1, 1, 1, 2]);
      expectArray(gk.tile(a, 2).ravel(), [0, 1, 0, 1]);
      expectArray(gk.repeat(a, 2, { axis: -1 }).ravel(), [0, 0, 1, 1]);
      expectError(() => gk.stack([a, a]), gk.ShapeError, /9 dimensions/);
    }),
  );
});

describe("promoteTypes", () => {
  it("gives the dtype of arithmetic", () => {
    assert.equal(gk.promoteTypes("int32", "float16"), "float16");
    assert.equal(gk.promoteTypes("uint8", "int8"), "int16");
    expectError(() => gk.promoteTypes("uint64", "int8"), gk.DTypeError, /uint64 and int8/);
    expectError(() => gk.promoteTypes("uint64", "no" as never), gk.DTypeError, /no/);
  });
});

describe("einsum", () => {
  it(
    "multiplies batches whose axes do not merge, in any order of the result",
    scoped(() => {
      const q = gk.random.uniform([2, 5, 3, 4]), k = gk.random.uniform([2, 6, 3, 4]);
      const expected = gk.matmul(gk.transpose(q, [0, 2, 1, 3]), gk.transpose(k, [0, 2, 3, 1]));
      const orders = {
        bhqk: [0, 1, 2, 3],
        hbqk: [1, 0, 2, 3],
        bhkq: [0, 1, 3, 2],
        kqbh: [3, 2, 0, 1],
      };
      for (const [order, axes] of Object.entries(orders)) {
        const actual = gk.einsum(`bqhd,bkhd->${order}`, q, k);
        expectClose(actual, gk.transpose(expected, axes), { rtol: 1e-5 });
      }
      const six = gk.ones([2, 1, 2, 1, 2, 1, 3]);
      expectArray(gk.einsum("abcdefg,abcdefg->abcdef", six, six).ravel(), new Array(8).fill(3));
    }),
  );

  it(
    "writes into out",
    scoped(() => {
      const a = gk.arange(6).reshape([2, 3]), out = gk.zeros([3, 2]);
      assert.equal(gk.einsum("ij->ji", a, { out }), out);
      expectArray(out, [[0, 3], [1, 4], [2, 5]]);
      const single = gk.einsum("ij->ij", a);
      single.fill(9);
      expectArray(a, [[0, 1, 2], [3, 4, 5]]);
    }),
  );

  it(
    "contracts chains in the cheaper order",
    scoped(() => {
      // From the left this would take a matrix of 40,000 x 40,000: 6.4 GB.
      const a = gk.ones([40000, 1]), b = gk.ones([1, 40000]), c = gk.ones([40000, 1]);
      expectArray(gk.einsum("ij,jk,kl->l", a, b, c), [1.6e9]);
      assert.ok(gk.memory().peak < 6e9);
    }),
  );

  it(
    "says what does not fit",
    scoped(() => {
      const a = gk.zeros([2, 3]), b = gk.zeros([4, 5]);
      expectError(() => gk.einsum("ij,jk->ik", a, b), gk.ShapeError, /"j" has length 3 and 4/);
      expectError(() => gk.einsum("ij,jk->ik", a), gk.ShapeError, /2 operands, 1 are given/);
      expectError(() => gk.einsum("ijk->i", a), gk.ShapeError, /operand 1 with 2 axes/);
      expectError(() => gk.einsum("ij->k", a), gk.ShapeError, /no operand has/);
      expectError(() => gk.einsum("ij->ii", a), gk.ShapeError, /"i" twice/);
      expectError(() => gk.einsum("i1->i", a), gk.GpukitError, /formula/);
      expectError(() => gk.einsum("ij->i->", a), gk.GpukitError, /formula/);
      expectError(() => gk.einsum(a as never, a), gk.GpukitError, /formula/);
      expectError(() => gk.einsum("ij->i", 3 as never), gk.GpukitError);
      expectError(
        () => gk.einsum("ij->i", a, { out: gk.zeros(3) }),
        gk.ShapeError,
        /^einsum: out/,
      );
    }),
  );
});

describe("linear", () => {
  it(
    "says what does not fit",
    scoped(() => {
      const x = gk.zeros([2, 3]), w = gk.zeros([4, 3]);
      assert.deepEqual(gk.linear(x, w).shape, [2, 4]);
      expectError(() => gk.linear(x, w.T), gk.ShapeError, /weight \[out, in\]/);
      expectError(() => gk.linear(x, w, gk.zeros(3)), gk.ShapeError, /bias \[3\]/);
    }),
  );
});
