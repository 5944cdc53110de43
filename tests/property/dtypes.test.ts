// Dtypes: promotion of every two, numbers as operands, and the way from JavaScript and back for all
// values, special ones too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import * as gk from "../../mod.ts";
import { elementsOf, noLeaks } from "../helpers.ts";
import {
  bytesOf,
  copyIn,
  dtypes,
  expectSame,
  forAll,
  layouts,
  patient,
  shapes,
  sizeOf,
} from "./support.ts";

noLeaks();

const dtype = fc.constantFrom(...dtypes);
const isFloat = (d: gk.DType) => d.includes("float");
const isInteger = (d: gk.DType) => d.includes("int");

type Table = Record<string, Record<string, gk.DType | null>>;
const golden = JSON.parse(
  readFileSync(new URL("../golden/promotion.json", import.meta.url), "utf8"),
) as Table;

/** The common dtype; what NumPy does not know are the rules of bfloat16. */
function promoted(a: gk.DType, b: gk.DType): gk.DType | null {
  if (a !== "bfloat16" && b !== "bfloat16") return golden[a]![b]!;
  const other = a === "bfloat16" ? b : a;
  return other === "float16"
    ? "float32"
    : isFloat(other) || other === "complex64"
    ? other
    : "bfloat16";
}

/** Can a dtype of integers hold the number? The others hold any, rounded. */
function holds(d: gk.DType, number: number | boolean | bigint): boolean {
  if (!isInteger(d)) return true;
  if (typeof number === "number" && !Number.isInteger(number)) return false;
  return asIntegers(d, [BigInt(number)])[0] === BigInt(number);
}

/** Integers wrapped to a dtype. */
function asIntegers(d: gk.DType, all: readonly bigint[]): bigint[] {
  const bits = Number(/\d+/.exec(d)![0]);
  return all.map((x) => d.startsWith("u") ? BigInt.asUintN(bits, x) : BigInt.asIntN(bits, x));
}

/** The elements as numbers, of complex ones the real parts. */
function parts(a: gk.NDArray): number[] {
  const all = elementsOf(a).map(Number);
  return a.dtype === "complex64" ? all.filter((_, i) => i % 2 === 0) : all;
}

describe("promotion", () => {
  it("of every two dtypes: the table's dtype and exact small sums", () => {
    for (const one of dtypes) {
      for (const other of dtypes) {
        gk.scope(() => {
          const a = gk.array([0, 1, 1, 1], { dtype: one });
          const b = gk.array([1, 0, 1, 0], { dtype: other });
          const expected = promoted(one, other);
          if (expected === null) {
            assert.throws(() => gk.add(a, b), gk.DTypeError, `${one}, ${other}`);
            return;
          }
          const sum = gk.add(a, b);
          assert.equal(sum.dtype, expected, `${one}, ${other}`);
          const two = expected === "bool" ? 1 : 2;
          assert.deepEqual(parts(sum), [1, 1, two, 1], `${one}, ${other}`);
        });
      }
    }
  });

  it("of operands in any layout: as when both are converted before", patient, () => {
    forAll([dtype, dtype, shapes(3), layouts, layouts], (one, other, shape, first, second) => {
      const expected = promoted(one, other);
      if (expected === null) return;
      const size = sizeOf(shape);
      const a = gk.arange(size).astype(one).reshape(shape);
      const b = gk.arange(size, 0, -1).astype(other).reshape(shape);
      const sum = gk.add(copyIn(first, a), copyIn(second, b));
      expectSame(sum, gk.add(a.astype(expected), b.astype(expected)), `${one}, ${other}`);
    });
  });

  const ops = ["add", "sub", "mul", "maximum", "minimum", "div"] as const;
  const numbers = fc.oneof(
    fc.integer({ min: -300, max: 300 }),
    fc.double({ noNaN: true }),
    fc.constantFrom(
      NaN,
      Infinity,
      -Infinity,
      0,
      -0,
      0.5,
      127,
      128,
      255,
      256,
      65536,
      2 ** 31,
      2 ** 53,
    ),
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  );
  it("numbers never change a dtype", patient, () => {
    forAll([dtype, fc.constantFrom(...ops), numbers, fc.boolean()], (d, op, number, isLeft) => {
      const a = gk.ones(3, { dtype: d });
      let plain: gk.NDArray, result: gk.NDArray;
      try {
        plain = gk[op](a, a);
      } catch (error) {
        assert.ok(error instanceof gk.DTypeError);
        return;
      }
      try {
        result = isLeft ? gk[op](number, a) : gk[op](a, number);
      } catch (error) {
        // Only a dtype without fractions can be unable to hold a number.
        assert.ok(error instanceof gk.DTypeError, String(error));
        assert.ok(d === "bool" || !holds(d, number), `${d}: ${error}`);
        return;
      }
      assert.equal(result.dtype, plain.dtype, `${op} of ${d} and ${number}`);
      if (isInteger(d) && op === "add") {
        assert.ok(holds(d, number), `${d} took ${number}`);
        const sum = asIntegers(d, [BigInt(number) + 1n]);
        assert.deepEqual(elementsOf(result.at(":1")).map(BigInt), sum, `${d} and ${number}`);
      }
    }, 1000);
  });

  it("comparisons take any number and compare exactly", patient, () => {
    const pairs = { less: 0, lessEqual: 1, greater: 2, greaterEqual: 3, equal: 4, notEqual: 5 };
    const integers = fc.constantFrom(...dtypes.filter(isInteger));
    const numbers = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.constantFrom(2 ** 63, -(2 ** 63), 2 ** 64),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    );
    const values = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
      fc.bigInt(0n, 127n),
    );
    forAll([integers, values, numbers, fc.integer()], (d, value, y, n) => {
      const [x] = asIntegers(d, [value]) as [bigint];
      const a = gk.array([x], { dtype: d });
      for (
        const number of [y, Number(x), Number(x) + 0.5, n / 2, x, x < 2n ** 63n ? x + 1n : x - 1n]
      ) {
        const truth = [
          x < number,
          x <= number,
          x > number,
          x >= number,
          x == (number as unknown as bigint),
          x != (number as unknown as bigint),
        ];
        for (const [op, i] of Object.entries(pairs)) {
          const got = gk[op as keyof typeof pairs](a, number).at(0).item();
          assert.equal(got, truth[i], `${x} ${op} ${number} as ${d}`);
        }
      }
    });
  });
});

// ---- there and back

/** Bit patterns of elements of a dtype's size, special values among them. */
function patterns(bytes: number): fc.Arbitrary<bigint> {
  const bits = BigInt(8 * bytes);
  const special = [0n, 1n, 2n ** bits - 1n, 2n ** (bits - 1n), 2n ** (bits - 1n) - 1n];
  // Infinities, not-a-numbers, the smallest and the largest numbers of floats of this size.
  const mantissa = { 1: 3n, 2: 10n, 4: 23n, 8: 52n }[bytes]!;
  const infinity = 2n ** (bits - 1n) - 2n ** mantissa;
  for (const x of [infinity, infinity - 1n, infinity + 2n ** (mantissa - 1n), 2n ** mantissa]) {
    special.push(x, x + 2n ** (bits - 1n));
  }
  if (bytes === 2) special.push(0x7f80n, 0xff80n, 0x7fc0n, 0x7f7fn, 0x0080n); // those of bfloat16
  return fc.oneof(fc.constantFrom(...special), fc.bigInt({ min: 0n, max: 2n ** bits - 1n }));
}

/** A host array of a dtype that holds patterns. */
function hostOf(d: gk.DType, itemsize: number, elements: readonly bigint[]): gk.HostArray {
  const whole = new BigUint64Array(1), bytes = new Uint8Array(whole.buffer);
  const host = gk.zeros(elements.length, { dtype: d }).dataSync();
  const into = new Uint8Array(host.buffer);
  elements.forEach((x, i) => {
    whole[0] = d === "bool" ? x & 1n : x;
    into.set(bytes.subarray(0, itemsize), i * itemsize);
  });
  return host;
}

describe("there and back", () => {
  for (const d of dtypes) {
    it(`${d}: every bit, in every layout`, patient, () => {
      const { itemsize } = gk.scope(() => ({ itemsize: gk.zeros(1, { dtype: d }).itemsize }));
      // A complex number is two floats.
      const part = d === "complex64" ? 4 : itemsize;
      const elements = fc.array(patterns(part), { maxLength: 40 });
      forAll([elements, layouts], (all, layout) => {
        const whole = all.slice(0, all.length - all.length % (itemsize / part));
        const count = whole.length * part / itemsize;
        const host = gk.zeros(count, { dtype: d }).dataSync();
        const bits = hostOf(part === itemsize ? d : "float32", part, whole);
        new Uint8Array(host.buffer).set(new Uint8Array(bits.buffer));
        const a = gk.empty(count, { dtype: d }).copyFrom(host);
        const kept = new Uint8Array(host.buffer);
        assert.deepEqual(bytesOf(a), kept);
        assert.deepEqual(bytesOf(copyIn(layout, a)), kept);
        assert.deepEqual(bytesOf(a.flip().clone().flip()), kept);
        assert.deepEqual(bytesOf(gk.array(host, { dtype: d })), kept);

        // As elements of JavaScript NaN is only one, all else is as it was.
        const again = d === "complex64" ? undefined : gk.array(
          a.arraySync({ bigint: true }) as gk.NestedData,
          { dtype: d },
        );
        if (again === undefined) return;
        const [there, back] = [elementsOf(a), elementsOf(again)];
        there.forEach((x, i) => assert.ok(Object.is(x, back[i]), `${x} became ${back[i]}`));
      }, 150);
    });
  }

  it("the same through await", patient, async () => {
    await gk.scope(async () => {
      for (const d of dtypes) {
        const a = gk.arange(1000).astype(d);
        const [data, at] = [await a.data(), a.dataSync()];
        assert.deepEqual(data, at);
        assert.deepEqual(await a.at("::-1").data(), a.flip().dataSync());
      }
    });
  });

  it("conversions to a wider dtype and back change nothing", patient, () => {
    const wider: [gk.DType, gk.DType][] = [
      ["int8", "int16"],
      ["uint8", "float16"],
      ["int16", "float32"],
      ["uint16", "int64"],
      ["int32", "float64"],
      ["uint32", "float64"],
      ["float16", "float32"],
      ["bfloat16", "float32"],
      ["float32", "float64"],
      ["float32", "complex64"],
    ];
    forAll([fc.constantFrom(...wider), shapes(3), layouts], ([narrow, wide], shape, layout) => {
      const a = gk.random.randint(-(2 ** 40), 2 ** 40, shape).astype(narrow);
      expectSame(copyIn(layout, a).astype(wide).astype(narrow), a, `${narrow}, ${wide}`);
    });
  });
});
