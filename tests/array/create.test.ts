import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectArray, expectClose, expectError, noLeaks, scoped } from "../helpers.ts";

noLeaks();

const dtypes: gk.DType[] = [
  "bool",
  "int8",
  "uint8",
  "int16",
  "uint16",
  "int32",
  "uint32",
  "int64",
  "uint64",
  "float16",
  "bfloat16",
  "float32",
  "float64",
  "complex64",
];

describe("array", () => {
  it(
    "takes lists, scalars and typed arrays",
    scoped(() => {
      expectArray(gk.array([[1, 2, 3], [4, 5, 6]]), [[1, 2, 3], [4, 5, 6]], "float32");
      expectArray(gk.array([true, false]), [true, false], "bool");
      expectArray(gk.array([true, 2]), [1, 2], "float32");
      expectArray(gk.array([1n, -(2n ** 63n)]), [1n, -(2n ** 63n)], "int64");
      expectArray(gk.array(7), 7, "float32");
      expectArray(gk.array(false), false, "bool");
      expectArray(gk.array([]), [], "float32");
      assert.deepEqual(gk.array([[], []]).shape, [2, 0]);
      expectArray(gk.array(new Int16Array([1, -2])), [1, -2], "int16");
      expectArray(gk.array(new Uint8ClampedArray([1, 255])), [1, 255], "uint8");
      expectArray(gk.array(new Float16Array([0.5])), [0.5], "float16");
      expectArray(gk.array(new BigUint64Array([2n ** 64n - 1n])), [2n ** 64n - 1n], "uint64");
    }),
  );

  it(
    "copies a typed array",
    scoped(() => {
      const host = new Float32Array([1, 2]);
      const a = gk.array(host);
      host[0] = 9;
      expectArray(a, [1, 2]);
    }),
  );

  it(
    "honours a typed array's offset",
    scoped(() => {
      expectArray(gk.array(new Float64Array([1, 2, 3, 4]).subarray(1, 3)), [2, 3], "float64");
    }),
  );

  it(
    "gives a shape",
    scoped(() => {
      expectArray(gk.array([1, 2, 3, 4], { shape: [2, 2] }), [[1, 2], [3, 4]]);
      expectArray(gk.array(new Int8Array(6), { shape: [3, 2] }), [[0, 0], [0, 0], [0, 0]], "int8");
      expectError(() => gk.array([1, 2, 3], { shape: [2, 2] }), gk.ShapeError);
    }),
  );

  it(
    "converts to a dtype",
    scoped(() => {
      expectArray(gk.array([1.7, -1.7, NaN, 1e9], { dtype: "int8" }), [1, -1, 0, 127], "int8");
      expectArray(gk.array([0, 0.5, 2], { dtype: "bool" }), [false, true, true], "bool");
      expectArray(gk.array(new Uint8Array([0, 7]), { dtype: "bool" }), [false, true], "bool");
      expectArray(gk.array([2 ** 53, 1], { dtype: "int64" }), [2n ** 53n, 1n], "int64");
      expectArray(gk.array([2n ** 63n], { dtype: "uint64" }), [2n ** 63n], "uint64");
      expectArray(gk.array([3n, 4n], { dtype: "float64" }), [3, 4], "float64");
      expectArray(gk.array([1.00390625], { dtype: "bfloat16" }), [1], "bfloat16");
      for (const dtype of dtypes) assert.equal(gk.array([1, 0], { dtype }).dtype, dtype);
    }),
  );

  it(
    "takes the host form of bfloat16 and complex64",
    scoped(() => {
      expectArray(gk.array(new Uint16Array([0x3f80, 0xc000]), { dtype: "bfloat16" }), [1, -2]);
      const z = gk.array(new Float32Array([1, 2, 3, 4]), { dtype: "complex64" });
      assert.deepEqual(z.arraySync(), [{ re: 1, im: 2 }, { re: 3, im: 4 }]);
    }),
  );

  it(
    "copies an array",
    scoped(() => {
      const a = gk.array([1, 2]);
      const b = gk.array(a, { dtype: "int32" });
      a.fill(0);
      expectArray(b, [1, 2], "int32");
    }),
  );

  it(
    "refuses what it cannot take",
    scoped(() => {
      expectError(() => gk.array([[1, 2], [3]]), gk.ShapeError, /depth 1.*list of 1.*list of 2/);
      expectError(() => gk.array([[1], 2]), gk.ShapeError);
      expectError(() => gk.array([1, [2]]), gk.ShapeError);
      expectError(() => gk.array([1, 2n]), gk.DTypeError, /mixed/);
      expectError(() => gk.array([2n ** 63n]), gk.DTypeError, /does not fit/);
      expectError(() => gk.array("abc" as unknown as number[]), gk.GpukitError);
      expectError(() => gk.array([1], { dtype: "int7" as gk.DType }), gk.DTypeError, /int7/);
      expectError(() => gk.array([[[[[[[[[1]]]]]]]]]), gk.ShapeError, /9/);
    }),
  );
});

describe("arrays made of nothing", () => {
  it(
    "have the dtype and value asked for",
    scoped(() => {
      expectArray(gk.zeros([2, 3]), [[0, 0, 0], [0, 0, 0]], "float32");
      expectArray(gk.ones(2, { dtype: "int64" }), [1, 1], "int64");
      expectArray(gk.full([2], 7), [7, 7], "float32");
      expectArray(gk.full([2], true), [true, true], "bool");
      expectArray(gk.full([2], 2n ** 60n + 1n), [2n ** 60n + 1n, 2n ** 60n + 1n], "int64");
      expectArray(gk.full([], 3), 3);
      for (const dtype of dtypes) {
        assert.equal(gk.ones([2], { dtype }).dtype, dtype);
        assert.deepEqual(gk.empty([3, 0], { dtype }).shape, [3, 0]);
      }
    }),
  );

  it(
    "follow another array",
    scoped(() => {
      const a = gk.array([[1, 2]], { dtype: "float16" });
      expectArray(gk.zerosLike(a), [[0, 0]], "float16");
      expectArray(gk.onesLike(a), [[1, 1]], "float16");
      expectArray(gk.fullLike(a, 2, { dtype: "int8" }), [[2, 2]], "int8");
      assert.deepEqual(gk.emptyLike(a).shape, [1, 2]);
    }),
  );

  it(
    "go into out",
    scoped(() => {
      const out = gk.empty([2, 2]);
      assert.equal(gk.ones([2, 2], { out }), out);
      expectArray(out, [[1, 1], [1, 1]]);
    }),
  );

  it(
    "count",
    scoped(() => {
      expectArray(gk.arange(5), [0, 1, 2, 3, 4], "float32");
      expectArray(gk.arange(2, 5, { dtype: "int32" }), [2, 3, 4], "int32");
      expectArray(gk.arange(5, 0, -2), [5, 3, 1]);
      expectArray(gk.arange(0, 1, 0.25), [0, 0.25, 0.5, 0.75]);
      expectArray(gk.arange(3, 3), []);
      expectArray(gk.arange(3, 0), []);
      expectError(() => gk.arange(0, 1, 0), gk.ShapeError);
      expectError(() => gk.arange(NaN), gk.ShapeError);
    }),
  );

  it(
    "divide a range",
    scoped(() => {
      expectArray(gk.linspace(0, 1, 5), [0, 0.25, 0.5, 0.75, 1]);
      expectArray(gk.linspace(0, 1, 4, { endpoint: false }), [0, 0.25, 0.5, 0.75]);
      expectArray(gk.linspace(2, 3, 1), [2]);
      expectArray(gk.linspace(2, 3, 0), []);
      assert.equal(gk.linspace(0, 0.7, 8, { dtype: "float64" }).at(-1).item(), 0.7);
    }),
  );

  it(
    "hold a diagonal",
    scoped(() => {
      expectArray(gk.eye(2), [[1, 0], [0, 1]], "float32");
      expectArray(gk.eye(2, 3, { k: 1, dtype: "int8" }), [[0, 1, 0], [0, 0, 1]], "int8");
      expectArray(gk.eye(2, { k: -1 }), [[0, 0], [1, 0]]);
    }),
  );

  it(
    "spread over a grid",
    scoped(() => {
      const [x, y] = gk.meshgrid([gk.arange(3), gk.arange(2)]);
      expectClose(x!, [0, 1, 2, 0, 1, 2]);
      expectClose(y!, [0, 0, 0, 1, 1, 1]);
      const [i] = gk.meshgrid([gk.arange(3), gk.arange(2)], { indexing: "ij" });
      assert.deepEqual(i!.shape, [3, 2]);
    }),
  );

  it(
    "refuse sizes that are none",
    scoped(() => {
      for (const bad of [NaN, -1, 1.5, 2 ** 53, Infinity, "2" as unknown as number]) {
        expectError(() => gk.zeros([2, bad]), gk.ShapeError);
        expectError(() => gk.zeros(bad), gk.ShapeError);
      }
      expectError(() => gk.zeros([1, 1, 1, 1, 1, 1, 1, 1, 1]), gk.ShapeError);
      assert.deepEqual(gk.zeros([1, 1, 1, 1, 1, 1, 1, 2]).shape, [1, 1, 1, 1, 1, 1, 1, 2]);
    }),
  );
});
