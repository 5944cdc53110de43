// Random programs of elementwise ops give, bit for bit, what a plain model of numbers computes:
// integers that wrap, floats rounded after each op; operands of any layout, broadcast, and numbers.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import * as gk from "../../mod.ts";
import { elementsOf, noLeaks } from "../helpers.ts";
import { broadcastShape, copyIn, forAll, indicesOf, layouts, patient } from "./support.ts";

noLeaks();

const kinds = [
  "int8",
  "uint8",
  "int16",
  "uint16",
  "int32",
  "uint32",
  "float32",
  "float64",
] as const;
type Kind = typeof kinds[number];

const isFloat = (d: Kind) => d.startsWith("float");
const bitsOf = (d: Kind) => Number(/\d+/.exec(d)![0]);

/** A number as the dtype holds it; integers come in exact. */
function held(d: Kind, x: number): number {
  if (d === "float64") return x;
  if (d === "float32") return Math.fround(x);
  const wrapped = d[0] === "u"
    ? BigInt.asUintN(bitsOf(d), BigInt(x))
    : BigInt.asIntN(bitsOf(d), BigInt(x));
  return Number(wrapped);
}

/** What C's fmod is for floats; of integers 0 where b is 0. */
const rest = (d: Kind, a: number, b: number) => !isFloat(d) && b === 0 ? 0 : a % b;

function floorRest(d: Kind, a: number, b: number): number {
  const r = rest(d, a, b);
  if (r === 0) return isFloat(d) && b < 0 || Object.is(b, -0) ? -0 : 0;
  return (r < 0) !== (b < 0) ? r + b : r;
}

function floorQuotient(d: Kind, a: number, b: number): number {
  if (!isFloat(d)) return b === 0 ? 0 : Math.floor(a / b);
  if (b === 0) return a / b;
  const r = a % b;
  let q = held(d, held(d, a - r) / b);
  if (r !== 0 && (r < 0) !== (b < 0)) q = held(d, q - 1);
  if (q === 0) return a / b < 0 || Object.is(a / b, -0) ? -0 : 0;
  const whole = Math.floor(q);
  return held(d, q - whole) > 0.5 ? whole + 1 : whole;
}

function power(d: Kind, a: number, b: number): number {
  if (b < 0) return a === 1 ? 1 : a === -1 ? (b % 2 === 0 ? 1 : -1) : 0;
  let result = 1n, base = BigInt(a);
  for (let e = b; e > 0; e = Math.floor(e / 2)) {
    if (e % 2 === 1) result = BigInt.asIntN(64, result * base);
    base = BigInt.asIntN(64, base * base);
  }
  return Number(
    d[0] === "u" ? BigInt.asUintN(bitsOf(d), result) : BigInt.asIntN(bitsOf(d), result),
  );
}

const shifts = (d: Kind, b: number) => b >= 0 && b < bitsOf(d);
const even = (x: number) => {
  const down = Math.floor(x), apart = x - down;
  const near = apart < 0.5 || (apart === 0.5 && down % 2 === 0) ? down : down + 1;
  return near === 0 && (x < 0 || Object.is(x, -0)) ? -0 : near;
};

interface Rule {
  readonly only?: "integers" | "floats";
  readonly gpukit: (a: gk.NDArray, b: gk.Operand) => gk.NDArray;
  readonly model: (a: number, b: number, d: Kind) => number;
}

const rules: Record<string, Rule> = {
  add: { gpukit: gk.add, model: (a, b) => a + b },
  sub: { gpukit: gk.sub, model: (a, b) => a - b },
  mul: {
    gpukit: gk.mul,
    model: (a, b, d) => isFloat(d) ? a * b : Number(BigInt.asIntN(33, BigInt(a) * BigInt(b))),
  },
  div: { only: "floats", gpukit: gk.div, model: (a, b) => a / b },
  floorDivide: { gpukit: gk.floorDivide, model: (a, b, d) => floorQuotient(d, a, b) },
  remainder: { gpukit: gk.remainder, model: (a, b, d) => floorRest(d, a, b) },
  fmod: { gpukit: gk.fmod, model: (a, b, d) => rest(d, a, b) },
  pow: { only: "integers", gpukit: gk.pow, model: (a, b, d) => power(d, a, b) },
  maximum: { gpukit: gk.maximum, model: (a, b) => Number.isNaN(a) || a >= b ? a : b },
  minimum: { gpukit: gk.minimum, model: (a, b) => Number.isNaN(a) || a <= b ? a : b },
  bitwiseAnd: {
    only: "integers",
    gpukit: gk.bitwiseAnd,
    model: (a, b) => Number(BigInt(a) & BigInt(b)),
  },
  bitwiseOr: {
    only: "integers",
    gpukit: gk.bitwiseOr,
    model: (a, b) => Number(BigInt(a) | BigInt(b)),
  },
  bitwiseXor: {
    only: "integers",
    gpukit: gk.bitwiseXor,
    model: (a, b) => Number(BigInt(a) ^ BigInt(b)),
  },
  bitwiseNot: { only: "integers", gpukit: (a) => gk.bitwiseNot(a), model: (a) => -a - 1 },
  leftShift: {
    only: "integers",
    gpukit: gk.leftShift,
    model: (a, b, d) => shifts(d, b) ? Number(BigInt.asIntN(33, BigInt(a) << BigInt(b))) : 0,
  },
  rightShift: {
    only: "integers",
    gpukit: gk.rightShift,
    model: (a, b, d) => shifts(d, b) ? Math.floor(a / 2 ** b) : a < 0 ? -1 : 0,
  },
  neg: { gpukit: (a) => gk.neg(a), model: (a, _, d) => isFloat(d) ? -a : 0 - a },
  abs: { gpukit: (a) => gk.abs(a), model: (a) => Math.abs(a) },
  sign: { gpukit: (a) => gk.sign(a), model: (a) => a === 0 ? 0 : Math.sign(a) },
  square: {
    gpukit: (a) => gk.square(a),
    model: (a, _, d) => isFloat(d) ? a * a : Number(BigInt.asIntN(33, BigInt(a) ** 2n)),
  },
  sqrt: { only: "floats", gpukit: (a) => gk.sqrt(a), model: (a) => Math.sqrt(a) },
  floor: { gpukit: (a) => gk.floor(a), model: (a) => Math.floor(a) },
  ceil: { gpukit: (a) => gk.ceil(a), model: (a) => Math.ceil(a) },
  trunc: { gpukit: (a) => gk.trunc(a), model: (a) => Math.trunc(a) },
  round: { gpukit: (a) => gk.round(a), model: even },
  wherePositive: {
    gpukit: (a, b) => gk.where(gk.greater(a, 0), a, b),
    model: (a, b) => a > 0 ? a : b,
  },
  orIfFinite: {
    gpukit: (a, b) => gk.where(gk.logicalXor(gk.isfinite(a), gk.isnan(a)), b, a),
    model: (a, b) => Number.isNaN(a) || Number.isFinite(a) ? b : a,
  },
};

type Step = readonly [rule: string, a: number, b: number, number: number | undefined];
const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom(...Object.keys(rules)),
  fc.nat(20),
  fc.nat(20),
  fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined, freq: 4 }),
);
const programs = fc.array(step, { minLength: 2, maxLength: 15, size: "max" });
const value = fc.oneof(
  fc.integer({ min: -9, max: 9 }),
  fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
  fc.constantFrom(0, 1, -1, -0, 0.5, 2.5, NaN, Infinity, -Infinity, 2 ** 31, -(2 ** 31), 255, -128),
);

interface Both {
  readonly array: gk.NDArray;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

function apply(rule: Rule, d: Kind, a: Both, b: Both | number): Both {
  const other: Both | undefined = typeof b === "number" ? undefined : b;
  const shape = rule.gpukit.length < 2 || other === undefined
    ? a.shape
    : broadcastShape(a.shape, other.shape)!;
  const at = (x: Both, index: readonly number[]) => {
    let place = 0;
    const skipped = index.length - x.shape.length;
    x.shape.forEach((length, i) =>
      place = place * length + (length === 1 ? 0 : index[skipped + i]!)
    );
    return x.values[place]!;
  };
  const values = [...indicesOf(shape)].map((index) =>
    held(d, rule.model(at(a, index), other === undefined ? b as number : at(other, index), d))
  );
  return { array: rule.gpukit(a.array, other?.array ?? b as number), shape, values };
}

describe("elementwise programs", () => {
  it("agree with a plain model", patient, () => {
    const shapes: readonly number[][] = [[3, 4], [4], [3, 1], []];
    const inputs = fc.tuple(
      ...shapes.map((shape) =>
        fc.array(value, { minLength: shape.reduce((n, x) => n * x, 1), maxLength: 12 })
      ),
    );
    const all = fc.tuple(layouts, layouts, layouts, layouts);
    forAll([fc.constantFrom(...kinds), inputs, all, programs], (d, numbers, places, program) => {
      const made: Both[] = shapes.map((shape, i) => {
        const raw = numbers[i]!.slice(0, shape.reduce((n, x) => n * x, 1));
        const values = raw.map((x) =>
          isFloat(d) ? held(d, x) : held(d, Number.isFinite(x) ? Math.trunc(x) : 0)
        );
        const array = gk.array(Float64Array.from(values), { shape }).astype(d);
        return { array: copyIn(places[i]!, array), shape, values };
      });
      for (const [name, i, j, number] of program) {
        const rule = rules[name]!;
        if (rule.only !== undefined && (rule.only === "floats") !== isFloat(d)) continue;
        const a = made[i % made.length]!;
        const both = apply(rule, d, a, number ?? made[j % made.length]!);
        made.push(both);
        assert.equal(both.array.dtype, d, name);
        assert.deepEqual(both.array.shape, both.shape, name);
        const got = elementsOf(both.array).map(Number);
        got.forEach((x, k) => {
          const want = both.values[k]!;
          assert.ok(
            Object.is(x, want) || (x === 0 && want === 0 && !isFloat(d)),
            `${name} of ${d}: [${k}] ${x} instead of ${want}`,
          );
        });
      }
    }, 600);
  });
});
