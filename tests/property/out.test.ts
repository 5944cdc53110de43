// `out` gives the very bits of the result without it, whatever the layouts of operands and `out`, on
// whatever stream; so does an operand that is `out` itself.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import * as gk from "../../mod.ts";
import { noLeaks } from "../helpers.ts";
import {
  copyIn,
  dtypes,
  emptyIn,
  expectSame,
  forAll,
  type Layout,
  layouts,
  patient,
  shapes,
  sizeOf,
} from "./support.ts";

noLeaks();

type Call = (operands: readonly gk.NDArray[], options?: gk.OpOptions) => gk.NDArray;

const unary = [
  "neg",
  "abs",
  "square",
  "sqrt",
  "reciprocal",
  "exp",
  "log",
  "tanh",
  "floor",
  "ceil",
  "round",
  "trunc",
  "sign",
  "isnan",
  "isinf",
  "isfinite",
  "logicalNot",
  "bitwiseNot",
  "conj",
  "angle",
  "expm1",
  "cbrt",
  "sin",
  "arctan",
] as const;
const binary = [
  "add",
  "sub",
  "mul",
  "div",
  "maximum",
  "minimum",
  "equal",
  "less",
  "greaterEqual",
  "logicalAnd",
  "logicalOr",
  "logicalXor",
  "floorDivide",
  "remainder",
  "fmod",
  "pow",
  "hypot",
  "arctan2",
  "bitwiseAnd",
  "bitwiseXor",
  "leftShift",
  "rightShift",
] as const;

const elementwise: Record<string, { count: number; call: Call }> = {
  where: { count: 3, call: ([a, b, c], options) => gk.where(a!, b!, c!, options) },
  fma: { count: 3, call: ([a, b, c], options) => gk.fma(a!, b!, c!, options) },
  clip: { count: 3, call: ([a, b, c], options) => gk.clip(a!, b!, c!, options) },
  isclose: { count: 2, call: ([a, b], options) => gk.isclose(a!, b!, { atol: 4, ...options }) },
};
for (const name of unary) {
  elementwise[name] = { count: 1, call: ([a], options) => gk[name](a!, options) };
}
for (const name of binary) {
  elementwise[name] = { count: 2, call: ([a, b], options) => gk[name](a!, b!, options) };
}

/** Ops along an axis, of one operand. */
const along: Record<string, (a: gk.NDArray, axis: number, options?: gk.OpOptions) => gk.NDArray> = {
  sum: (a, axis, options) => gk.sum(a, { axis, ...options }),
  sumOfAll: (a, _, options) => gk.sum(a, options),
  mean: (a, axis, options) => gk.mean(a, { axis, keepdims: true, ...options }),
  prod: (a, axis, options) => gk.prod(a, { axis, ...options }),
  min: (a, axis, options) => gk.min(a, { axis, ...options }),
  max: (a, axis, options) => gk.max(a, { axis, keepdims: true, ...options }),
  argmax: (a, axis, options) => gk.argmax(a, { axis, ...options }),
  any: (a, axis, options) => gk.any(a, { axis, ...options }),
  all: (a, axis, options) => gk.all(a, { axis, ...options }),
  cumsum: (a, axis, options) => gk.cumsum(a, { axis, ...options }),
  sort: (a, axis, options) => gk.sort(a, { axis, ...options }),
  argsort: (a, axis, options) => gk.argsort(a, { axis, descending: true, ...options }),
  take: (a, axis, options) => gk.take(a, [0, -1, 0], { axis, ...options }),
};

/** Numbers of both signs, equal ones and zeros among them. */
function operand(shape: readonly number[], dtype: gk.DType, salt: number): gk.NDArray {
  const values = Array.from({ length: sizeOf(shape) }, (_, k) => ((k + salt) * 37 % 19) - 6);
  return gk.array(Float32Array.from(values), { shape, dtype: "float32" }).astype(dtype);
}

/** The result, or undefined where the op does not take the operands. */
function attempt(call: () => gk.NDArray): gk.NDArray | undefined {
  try {
    return call();
  } catch (error) {
    assert.ok(error instanceof gk.DTypeError || error instanceof gk.ShapeError, String(error));
    return undefined;
  }
}

/** Runs the call into an `out` of a layout; the memory around the `out` stays as it is. */
function expectInto(call: (options: gk.OpOptions) => gk.NDArray, plain: gk.NDArray, at: Layout) {
  const out = emptyIn(at, plain.shape, plain.dtype).fill(1);
  assert.equal(call({ out }), out);
  expectSame(out, plain);
}

const dtype = fc.constantFrom(...dtypes);
const four = fc.tuple(layouts, layouts, layouts, layouts);

describe("out", () => {
  it("of elementwise ops", patient, () => {
    using s = gk.stream();
    const op = fc.constantFrom(...Object.keys(elementwise));
    forAll([op, dtype, shapes(4), four, fc.boolean()], (name, d, shape, all, isOnStream) => {
      const { count, call } = elementwise[name]!;
      const operands = Array.from({ length: count }, (_, i) => operand(shape, d, 5 * i));
      const plain = attempt(() => call(operands));
      if (plain === undefined) return;
      const placed = operands.map((a, i) => copyIn(all[i]!, a));
      expectSame(call(placed), plain, name);
      const stream = isOnStream ? { stream: s } : {};
      expectInto((options) => call(placed, { ...options, ...stream }), plain, all[3]);
      // In place, into each operand in turn.
      for (let i = 0; i < count; i++) {
        if (placed[i]!.dtype !== plain.dtype) continue;
        const fresh = operands.map((a, k) => copyIn(all[k]!, a));
        call(fresh, { out: fresh[i]! });
        expectSame(fresh[i]!, plain, `${name} into operand ${i}`);
      }
      // One array as all operands and `out`.
      const same = copyIn(all[0], operands[0]!);
      const squared = call(operands.map(() => same));
      if (squared.dtype !== same.dtype) return;
      call(operands.map(() => same), { out: same });
      expectSame(same, squared, `${name} of one array into itself`);
    }, 1500);
  });

  it("of ops along an axis", patient, () => {
    using s = gk.stream();
    const op = fc.constantFrom(...Object.keys(along));
    forAll([op, dtype, shapes(4, 5), four, fc.nat(3)], (name, d, shape, all, n) => {
      if (shape.length === 0) return;
      const call = along[name]!;
      const axis = n % shape.length;
      const a = operand(shape, d, n);
      let plain: gk.NDArray | undefined;
      try {
        plain = call(a, axis);
      } catch (error) {
        assert.ok(error instanceof gk.GpukitError, String(error));
        return;
      }
      const placed = copyIn(all[0], a);
      expectInto((options) => call(placed, axis - shape.length, options), plain, all[1]);
      expectInto((options) => call(a, axis, { ...options, stream: s }), plain, all[2]);
    }, 1500);
  });

  it("of matrix products", patient, () => {
    forAll(
      [dtype, shapes(2, 3), fc.nat(9), fc.nat(9), fc.nat(9), four],
      (d, batch, m, k, n, all) => {
        const a = operand([...batch, m, k], d, 1), b = operand([k, n], d, 2);
        const plain = attempt(() => gk.matmul(a, b));
        if (plain === undefined) return;
        const [x, y] = [copyIn(all[0], a), copyIn(all[1], b)];
        expectSame(gk.matmul(x, y), plain);
        expectInto((options) => gk.matmul(x, y, options), plain, all[2]);
      },
    );
  });

  it("of another shape or dtype, or overlapping, is refused", patient, () => {
    forAll([shapes(3), dtype, dtype], (shape, d, other) => {
      const a = gk.ones(shape, { dtype: d });
      const long = gk.empty([...shape, 2], { dtype: d });
      assert.throws(() => gk.add(a, a, { out: long }), gk.ShapeError);
      const wrong = gk.empty(shape, { dtype: other });
      if (other === d) gk.add(a, a, { out: wrong });
      else assert.throws(() => gk.add(a, a, { out: wrong }), gk.DTypeError);
    });
    gk.scope(() => {
      const a = gk.arange(10);
      assert.throws(() => gk.add(a.at(":9"), 1, { out: a.at("1:") }), gk.GpukitError);
      assert.throws(() => gk.neg(a, { out: a.flip() }), gk.GpukitError);
      assert.throws(() => gk.neg(a, { out: gk.zeros(1).broadcastTo(10) }), gk.GpukitError);
      assert.deepEqual([...a.dataSync()], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });
  });
});
