// Broadcasting against a naive model: shapes, values, and which shapes do not fit.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import * as gk from "../../mod.ts";
import { noLeaks } from "../helpers.ts";
import {
  broadcast,
  broadcastShape,
  contiguous,
  copyIn,
  expectModel,
  forAll,
  layouts,
  patient,
  shapes,
  sizeOf,
} from "./support.ts";

noLeaks();

/** Some shapes that broadcast: leading axes dropped and others made 1. */
function compatible(count: number): fc.Arbitrary<number[][]> {
  const part = fc.record({
    dropped: fc.oneof(fc.constant(0), fc.nat(4)),
    ones: fc.array(fc.nat(3).map((x) => x === 0), { minLength: 4, maxLength: 4 }),
  });
  return fc.tuple(shapes(4), fc.array(part, { minLength: count, maxLength: count })).map(
    ([shape, parts]) =>
      parts.map(({ dropped, ones }) =>
        shape.map((n, axis) => ones[axis] ? 1 : n).slice(Math.min(dropped, shape.length))
      ),
  );
}

/** Whole numbers that differ from place to place and from operand to operand. */
function numbers(shape: readonly number[], operand: number): number[] {
  return Array.from({ length: sizeOf(shape) }, (_, k) => (k * 7 + operand * 1000) % 2003 - 500);
}

function arrayOf(shape: readonly number[], values: readonly number[]): gk.NDArray<"int32"> {
  return gk.array(Int32Array.from(values), { shape });
}

describe("broadcasting", () => {
  it("of two operands", patient, () => {
    forAll([compatible(2), layouts, layouts], ([a, b], one, other) => {
      const shape = broadcastShape(a!, b!)!;
      const x = numbers(a!, 0), y = numbers(b!, 1);
      const left = broadcast(contiguous(a!), shape), right = broadcast(contiguous(b!), shape);
      const memory = left.places.map((p, k) => x[p]! - y[right.places[k]!]!);
      const difference = gk.sub(copyIn(one, arrayOf(a!, x)), copyIn(other, arrayOf(b!, y)));
      expectModel(difference, contiguous(shape), memory);
    });
  });

  it("of three operands", patient, () => {
    forAll([compatible(3), layouts], ([a, b, c], layout) => {
      const shape = broadcastShape(a!, b!, c!)!;
      const x = numbers(a!, 0).map((n) => n % 2), y = numbers(b!, 1), z = numbers(c!, 2);
      const [i, j, k] = [a!, b!, c!].map((s) => broadcast(contiguous(s), shape).places);
      const memory = i!.map((p, n) => x[p] ? y[j![n]!]! : z[k![n]!]!);
      const condition = copyIn(layout, arrayOf(a!, x)).astype("bool");
      const chosen = gk.where(condition, copyIn(layout, arrayOf(b!, y)), arrayOf(c!, z));
      expectModel(chosen, contiguous(shape), memory);
    });
  });

  it("of any two shapes: as the model says, or a ShapeError", patient, () => {
    const any = shapes(4, 3);
    forAll([any, any], (a, b) => {
      const shape = broadcastShape(a, b);
      const [x, y] = [gk.zeros(a), gk.zeros(b)];
      if (shape === undefined) assert.throws(() => gk.add(x, y), gk.ShapeError);
      else assert.deepEqual(gk.add(x, y).shape, shape);
    });
  });

  it("to a shape, as a view", patient, () => {
    forAll([compatible(2), shapes(4, 3)], ([a, b], other) => {
      for (const shape of [broadcastShape(a!, b!)!, other]) {
        const values = numbers(a!, 0), x = arrayOf(a!, values);
        if (String(broadcastShape(a!, shape)) !== String(shape) || a!.length > shape.length) {
          assert.throws(() => x.broadcastTo(shape), gk.ShapeError, `[${a}] to [${shape}]`);
          continue;
        }
        const spread = x.broadcastTo(shape);
        expectModel(spread, broadcast(contiguous(a!), shape), values);
        if (sizeOf(a!) === 0) continue;
        x.fill(9);
        expectModel(spread, broadcast(contiguous(a!), shape), values.map(() => 9));
      }
    });
  });

  it("of the leading axes of matrices", patient, () => {
    forAll([compatible(2), fc.nat(3), fc.nat(3), fc.nat(3)], ([a, b], m, k, n) => {
      const shape = broadcastShape(a!, b!)!;
      const one = [...a!, m, k], other = [...b!, k, n];
      const x = numbers(one, 0), y = numbers(other, 1);
      const left = broadcast(contiguous(one), [...shape, m, k]).places;
      const right = broadcast(contiguous(other), [...shape, k, n]).places;
      const memory: number[] = [];
      for (let batch = 0; batch < sizeOf(shape); batch++) {
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            let total = 0;
            for (let l = 0; l < k; l++) {
              total += x[left[(batch * m + i) * k + l]!]! * y[right[(batch * k + l) * n + j]!]!;
            }
            memory.push(total);
          }
        }
      }
      const product = gk.matmul(arrayOf(one, x), arrayOf(other, y));
      expectModel(product, contiguous([...shape, m, n]), memory);
    });
  });
});
