import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectArray, expectError, noLeaks, scoped } from "../helpers.ts";

noLeaks();

const cube = () => gk.arange(24).reshape([2, 3, 4]);

describe("at", () => {
  it(
    "picks, ranges, reverses and adds axes",
    scoped(() => {
      const a = gk.array([[1, 2, 3], [4, 5, 6]]);
      expectArray(a.at(0), [1, 2, 3]);
      expectArray(a.at(-1, -1), 6);
      expectArray(a.at(":", 1), [2, 5]);
      expectArray(a.at("...", 1), [2, 5]);
      expectArray(a.at("1:", "::-1"), [[6, 5, 4]]);
      expectArray(a.at(":", "0:3:2"), [[1, 3], [4, 6]]);
      expectArray(a.at(":", "-2:"), [[2, 3], [5, 6]]);
      assert.deepEqual(a.at("5:").shape, [0, 3]);
      expectArray(a.at(" 0 : 1 "), [[1, 2, 3]]);
      assert.deepEqual(a.at(null).shape, [1, 2, 3]);
      assert.deepEqual(a.at("...", null).shape, [2, 3, 1]);
      assert.deepEqual(a.at(0, null, "1:").shape, [1, 2]);
      assert.deepEqual(a.at().shape, [2, 3]);
    }),
  );

  it(
    "shares memory with its base",
    scoped(() => {
      const a = gk.zeros([2, 3]);
      a.at(0, "1:").fill(7);
      expectArray(a, [[0, 7, 7], [0, 0, 0]]);
      const view = a.at(1);
      a.dispose();
      expectArray(view, [0, 0, 0]);
    }),
  );

  it(
    "refuses what is no index",
    scoped(() => {
      const a = gk.zeros([2, 3]);
      expectError(() => a.at(2), gk.IndexError, /2.*axis 0.*length 2/);
      expectError(() => a.at(-3), gk.IndexError);
      expectError(() => a.at(0, 0, 0), gk.IndexError);
      expectError(() => a.at(0.5), gk.IndexError);
      expectError(() => a.at("1"), gk.IndexError);
      expectError(() => a.at("a:b"), gk.IndexError);
      expectError(() => a.at("::0"), gk.GpukitError);
      expectError(() => a.at("...", "..."), gk.IndexError);
      expectError(() => a.at(undefined as unknown as null), gk.IndexError);
      expectError(() => a.at([0] as unknown as null), gk.IndexError, /a list/);
    }),
  );
});

describe("shapes", () => {
  it(
    "reshapes as a view where it can, else by a copy",
    scoped(() => {
      const a = gk.arange(6);
      const b = a.reshape([2, -1]);
      expectArray(b, [[0, 1, 2], [3, 4, 5]]);
      b.fill(1);
      expectArray(a, [1, 1, 1, 1, 1, 1]);
      const t = gk.arange(6).reshape([2, 3]).T.reshape(6);
      expectArray(t, [0, 3, 1, 4, 2, 5]);
      expectArray(gk.arange(6).reshape([2, 3]).T.ravel(), [0, 3, 1, 4, 2, 5]);
      expectError(() => a.reshape([4]), gk.ShapeError, /reshape/);
      expectError(() => a.reshape([-1, -1]), gk.ShapeError);
      expectError(() => a.reshape([4, -1]), gk.ShapeError);
    }),
  );

  it(
    "moves axes",
    scoped(() => {
      const a = cube();
      assert.deepEqual(a.T.shape, [4, 3, 2]);
      assert.deepEqual(a.transpose([2, 0, 1]).shape, [4, 2, 3]);
      assert.deepEqual(a.swapaxes(0, -1).shape, [4, 3, 2]);
      assert.deepEqual(a.moveaxis(0, -1).shape, [3, 4, 2]);
      assert.equal(a.transpose([2, 0, 1]).at(3, 1, 2).item(), a.at(1, 2, 3).item());
      expectError(() => a.transpose([0, 1]), gk.ShapeError);
      expectError(() => a.transpose([0, 1, 1]), gk.ShapeError);
      expectError(() => a.swapaxes(0, 3), gk.ShapeError);
    }),
  );

  it(
    "adds and drops axes of length 1",
    scoped(() => {
      const a = gk.zeros([1, 3, 1]);
      assert.deepEqual(a.squeeze().shape, [3]);
      assert.deepEqual(a.squeeze(0).shape, [3, 1]);
      assert.deepEqual(a.squeeze([0, -1]).shape, [3]);
      assert.deepEqual(a.squeeze([]).shape, [1, 3, 1]);
      assert.deepEqual(gk.zeros(3).expandDims(0).shape, [1, 3]);
      assert.deepEqual(gk.zeros(3).expandDims([0, -1]).shape, [1, 3, 1]);
      expectError(() => a.squeeze(1), gk.ShapeError);
    }),
  );

  it(
    "broadcasts and flips",
    scoped(() => {
      const a = gk.array([1, 2]);
      const b = a.broadcastTo([2, 2]);
      expectArray(b, [[1, 2], [1, 2]]);
      assert.equal(b.strides[0], 0);
      expectError(() => a.broadcastTo([3]), gk.ShapeError);
      expectArray(a.flip(), [2, 1]);
      expectArray(gk.array([[1, 2], [3, 4]]).flip(1), [[2, 1], [4, 3]]);
    }),
  );

  it(
    "splits",
    scoped(() => {
      const a = gk.arange(6);
      const parts = a.split(3);
      assert.equal(parts.length, 3);
      expectArray(parts[1]!, [2, 3]);
      const [left, right] = gk.arange(6).reshape([2, 3]).split([1], { axis: -1 });
      expectArray(left!, [[0], [3]]);
      expectArray(right!, [[1, 2], [4, 5]]);
      expectError(() => a.split(4), gk.ShapeError);
      expectError(() => a.split(2, { axis: 1 }), gk.ShapeError);
    }),
  );

  it(
    "iterates over the first axis",
    scoped(() => {
      const rows = [...gk.array([[1, 2], [3, 4]])];
      expectArray(rows[1]!, [3, 4]);
      expectError(() => [...gk.array(1)], gk.GpukitError);
    }),
  );

  it(
    "has functions for the methods",
    scoped(() => {
      const a = cube();
      assert.deepEqual(gk.at(a, 0).shape, [3, 4]);
      assert.deepEqual(gk.reshape(a, -1).shape, [24]);
      assert.deepEqual(gk.transpose(a).shape, [4, 3, 2]);
    }),
  );
});

describe("diagonal", () => {
  it(
    "is a view of the last two axes, that writes through",
    scoped(() => {
      const a = cube();
      expectArray(gk.diagonal(a), [[0, 5, 10], [12, 17, 22]]);
      expectArray(a.diagonal(2), [[2, 7], [14, 19]]);
      expectArray(a.diagonal(-1), [[4, 9], [16, 21]]);
      assert.deepEqual(a.diagonal(9).shape, [2, 0]);
      a.diagonal().fill(-1);
      expectArray(a.at(0), [[-1, 1, 2, 3], [4, -1, 6, 7], [8, 9, -1, 11]]);
      expectError(() => gk.diagonal(a.at(0, 0)), gk.ShapeError, /^diagonal/);
      expectError(() => gk.diagonal(a, 0.5), gk.ShapeError, /whole/);
    }),
  );
});
