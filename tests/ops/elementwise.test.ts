import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectArray, expectClose, expectError, noLeaks, scoped } from "../helpers.ts";

noLeaks();

describe("operands", () => {
  it(
    "are arrays, numbers, booleans and bigints",
    scoped(() => {
      const a = gk.array([1, 2]);
      expectArray(gk.add(a, a), [2, 4], "float32");
      expectArray(gk.sub(10, a), [9, 8], "float32");
      expectArray(a.add(true), [2, 3], "float32");
      expectArray(gk.mul(a, 3n), [3, 6], "float32");
      expectArray(gk.add(2, 3), 5, "float32");
      expectArray(gk.add(2n, 3n), 5n, "int64");
      expectArray(gk.logicalAnd(true, false), false, "bool");
      expectArray(gk.exp(0), 1, "float32");
      const wide = gk.array([1n]);
      expectArray(wide.add(2n ** 60n), [2n ** 60n + 1n], "int64");
      expectArray(gk.less(wide, 2n ** 60n), [true], "bool");
      expectArray(gk.where(true, a, 0), [1, 2]);
      expectArray(gk.where(gk.array([true, false]), 1, 2), [1, 2], "float32");
      expectArray(gk.clip(gk.arange(5), 1, 3), [1, 1, 2, 3, 3]);
      expectArray(gk.fma(2, a, 1), [3, 5]);
    }),
  );

  it(
    "broadcast",
    scoped(() => {
      const column = gk.array([[1], [2]]);
      expectArray(column.add(gk.array([10, 20, 30])), [[11, 21, 31], [12, 22, 32]]);
      expectArray(gk.add(gk.zeros([2, 0]), 1), [[], []]);
    }),
  );

  it(
    "that are none are refused",
    scoped(() => {
      const a = gk.ones(2);
      const wrong = (x: unknown) => x as gk.NDArray;
      expectError(() => gk.add(a, wrong("1")), gk.GpukitError, /add.*"1"/);
      expectError(() => gk.add(a, wrong(undefined)), gk.GpukitError, /undefined/);
      expectError(() => gk.add(a, wrong(null)), gk.GpukitError, /null/);
      expectError(() => gk.add(a, wrong([1, 2])), gk.GpukitError, /a list.*gk\.array/);
      expectError(() => gk.add(a, wrong(new Float32Array(2))), gk.GpukitError, /Float32Array/);
      expectError(() => gk.exp(wrong({})), gk.GpukitError, /exp/);
      expectError(() => gk.where(a, wrong({}), a), gk.GpukitError, /where/);
      expectError(() => gk.add(a, 1, { out: wrong({}) }), gk.GpukitError);
      const error = expectError(() => gk.add(a, gk.ones(3)), gk.ShapeError, /\[2\].*\[3\]/);
      assert.equal(error.code, "SHAPE");
      assert.equal(error.op, "add");
      assert.deepEqual(error.operands, [{ shape: [2], dtype: "float32" }, {
        shape: [3],
        dtype: "float32",
      }]);
      expectError(
        () => gk.add(gk.array([1n]), gk.array([1n], { dtype: "uint64" })),
        gk.DTypeError,
        /uint64.*astype/,
      );
    }),
  );

  it(
    "as numbers take the arrays' dtype",
    scoped(() => {
      const i = gk.array([1, 2], { dtype: "int8" });
      expectArray(i.add(2), [3, 4], "int8");
      expectError(() => i.add(0.5), gk.DTypeError, /0\.5/);
      expectError(() => i.add(128), gk.DTypeError, /128/);
      expectArray(i.less(1.5), [true, false], "bool");
      expectArray(i.less(1000), [true, true], "bool");
      expectArray(i.div(2), [0.5, 1], "float32");
      expectArray(gk.ones(2, { dtype: "float16" }).mul(2.5), [2.5, 2.5], "float16");
      expectArray(gk.array([true]).logicalOr(false), [true], "bool");
    }),
  );
});

describe("out", () => {
  it(
    "is filled and returned",
    scoped(() => {
      const out = gk.empty(2);
      const a = gk.array([1, 2]);
      assert.equal(gk.add(a, 1, { out }), out);
      expectArray(out, [2, 3]);
      assert.equal(a.add(a, { out: a }), a);
      expectArray(a, [2, 4]);
    }),
  );

  it(
    "must fit",
    scoped(() => {
      const a = gk.ones(2);
      expectError(() => gk.add(a, 1, { out: gk.zeros(3) }), gk.ShapeError, /out/);
      expectError(
        () => gk.add(a, 1, { out: gk.zeros(2, { dtype: "int8" }) }),
        gk.DTypeError,
        /out/,
      );
      expectError(() => gk.add(a, 1, { out: a.at("::-1") }), gk.GpukitError, /overlap/);
      expectError(() => gk.add(a, 1, { out: gk.ones(1).broadcastTo(2) }), gk.GpukitError);
    }),
  );
});

describe("dtypes", () => {
  it(
    "promote",
    scoped(() => {
      const of = (dtype: gk.DType) => gk.ones(1, { dtype });
      const cases: [gk.DType, gk.DType, gk.DType][] = [
        ["int8", "uint8", "int16"],
        ["int32", "uint32", "int64"],
        ["bool", "int8", "int8"],
        ["int64", "float32", "float32"],
        ["int32", "float16", "float16"],
        ["float16", "bfloat16", "float32"],
        ["float32", "float64", "float64"],
        ["float32", "complex64", "complex64"],
      ];
      for (const [a, b, expected] of cases) {
        assert.equal(gk.add(of(a), of(b)).dtype, expected, `${a} + ${b}`);
        assert.equal(gk.add(of(b), of(a)).dtype, expected, `${b} + ${a}`);
      }
    }),
  );

  it(
    "wrap and follow the rules of division",
    scoped(() => {
      const i = gk.array([127, -128], { dtype: "int8" });
      expectArray(i.add(1), [-128, -127], "int8");
      expectArray(i.neg(), [-127, -128], "int8");
      expectArray(gk.div(gk.array([1, 0]), 0), [Infinity, NaN]);
    }),
  );
});

describe("views as operands", () => {
  it(
    "of all kinds",
    scoped(() => {
      const a = gk.arange(12).reshape([3, 4]);
      expectClose(a.T.add(a.T), a.add(a).T);
      expectClose(a.at("::-1", "::2").mul(1), [8, 10, 4, 6, 0, 2]);
      expectClose(a.at(0).broadcastTo([2, 4]).add(0), [0, 1, 2, 3, 0, 1, 2, 3]);
      const out = gk.zeros([3, 4]);
      gk.add(a.at(":", 0), 1, { out: out.at(":", 2) });
      expectArray(out.at(":", 2), [1, 5, 9]);
    }),
  );

  it(
    "that lie along other axes",
    scoped(() => {
      for (const [rows, columns] of [[64, 64], [8, 128], [40, 96], [33, 65]] as const) {
        const numbers = (n: number, step: number) => Array.from({ length: n }, (_, i) => i * step);
        const [r, c] = [numbers(rows, 1), numbers(columns, 100)];
        const x = gk.array(r).reshape([rows, 1]).add(gk.array(c));
        const y = gk.array(c).reshape([columns, 1]).add(gk.array(r));
        const sum = r.map((i) => c.map((j) => 2 * (i + j)));
        expectArray(x.add(y.T), sum);
        expectArray(x.T.add(y).T, sum);
        expectArray(y.T.astype("int64").add(x.T.T.astype("int16")), sum, "int64");
        expectArray(gk.where(y.T.greater(-1), x, 0).mul(2), sum);
      }
    }),
  );
});

describe("relu", () => {
  it(
    "is in gk.nn",
    scoped(() => {
      expectArray(gk.nn.relu(gk.array([-1, 2])), [0, 2]);
    }),
  );
});
