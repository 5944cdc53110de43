// Arrays as text against NumPy's own text (tests/golden/print.json), and what NumPy cannot show:
// bfloat16, and that large arrays are not read whole.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import fc from "fast-check";
import { decimal, floatFormats } from "../../lib/array/decimal.ts";
import {
  type Elements,
  formatArray,
  getPrintOptions,
  type PrintOptions,
  setPrintOptions,
} from "../../lib/array/print.ts";
import { GpukitError } from "../../lib/errors.ts";

interface Entry {
  dtype: string;
  shape: number[];
  /** Numbers; 64-bit integers, inf and nan as strings. */
  values: (number | string)[];
  text: string;
  options?: Partial<PrintOptions>;
}

const golden = JSON.parse(
  readFileSync(new URL("../golden/print.json", import.meta.url), "utf8"),
) as Entry[];

function elementsOf({ dtype, values }: Entry): Elements {
  return values.map((value) => {
    if (typeof value === "number") return value;
    return dtype.endsWith("int64") ? BigInt(value) : Number(value.replace("inf", "Infinity"));
  });
}

test("NumPy's text, for every dtype", () => {
  assert.ok(golden.length > 0);
  for (const entry of golden) {
    const text = formatArray(elementsOf(entry), entry.shape, entry.dtype, entry.options);
    assert.equal(text, entry.text, `${entry.dtype} [${entry.shape}]`);
  }
});

test("a large array is read by its corners alone", () => {
  const shape = [1000, 4, 2000];
  const boxes: string[] = [];
  const text = formatArray(
    (start, stop) => {
      boxes.push(`${start} to ${stop}`);
      const out: number[] = [];
      for (let i = start[0]!; i < stop[0]!; i++) {
        for (let j = start[1]!; j < stop[1]!; j++) {
          for (let k = start[2]!; k < stop[2]!; k++) out.push((i * 4 + j) * 2000 + k);
        }
      }
      return out;
    },
    shape,
    "int32",
    { edgeItems: 2 },
  );
  assert.deepEqual(boxes, [
    "0,0,0 to 2,4,2",
    "0,0,1998 to 2,4,2000",
    "998,0,0 to 1000,4,2",
    "998,0,1998 to 1000,4,2000",
  ]);
  const whole = Int32Array.from({ length: 8e6 }, (_, i) => i);
  assert.equal(text, formatArray(whole, shape, "int32", { edgeItems: 2 }));
  assert.equal(text.split("\n")[0], "[[[      0       1 ...    1998    1999]");
});

test("a small array is read once, as a whole", () => {
  let reads = 0;
  const read = (start: readonly number[], stop: readonly number[]): Elements => {
    reads++;
    assert.deepEqual([start, stop], [[0, 0], [2, 2]]);
    return Float32Array.of(1, 2, 3, 4.5);
  };
  assert.equal(formatArray(read, [2, 2], "float32"), "[[1.  2. ]\n [3.  4.5]]");
  assert.equal(reads, 1);
});

test("bfloat16: its own shortest digits, from numbers and from bits", () => {
  const numbers = [0.1, 1, -2.5, 3.140625];
  const bits = Uint16Array.of(0x3dcd, 0x3f80, 0xc020, 0x4049);
  const text = "[ 0.1   1.   -2.5   3.14]";
  assert.equal(formatArray(numbers, [4], "bfloat16"), text);
  assert.equal(formatArray(bits, [4], "bfloat16"), text);
  assert.equal(formatArray(bits.subarray(3), [], "bfloat16"), "3.14");
  assert.equal(formatArray([1e30, NaN], [2], "bfloat16"), "[1.e+30    nan]");
});

test("numbers that the dtype does not hold are rounded to it", () => {
  assert.equal(formatArray([0.1, 0.2], [2], "float32"), "[0.1 0.2]");
  assert.equal(formatArray([0.1, 0.2], [2], "float16"), "[0.1 0.2]");
  assert.equal(formatArray([16777217], [], "float32"), "1.6777216e+07");
});

afterEach(() =>
  setPrintOptions({
    precision: 8,
    threshold: 1000,
    edgeItems: 3,
    lineWidth: 75,
    suppress: false,
  })
);

test("setPrintOptions holds for all arrays, options of a call for that one", () => {
  setPrintOptions({ precision: 2 });
  assert.equal(getPrintOptions().precision, 2);
  assert.equal(getPrintOptions().threshold, 1000);
  assert.equal(formatArray([1 / 3], [1], "float64"), "[0.33]");
  assert.equal(formatArray([1 / 3], [1], "float64", { precision: 4 }), "[0.3333]");
  setPrintOptions({ threshold: Infinity });
  assert.equal(getPrintOptions().precision, 2);
  const long = new Uint8Array(1001);
  assert.ok(!formatArray(long, [1001], "uint8").includes("..."));
});

test("options out of range are refused and change nothing", () => {
  const before = getPrintOptions();
  const bad: Partial<PrintOptions>[] = [
    { precision: -1 },
    { precision: 1.5 },
    { precision: Infinity },
    { threshold: NaN },
    { edgeItems: 0 },
    { lineWidth: 0 },
    { lineWidth: "80" as unknown as number },
  ];
  for (const options of bad) {
    assert.throws(() => setPrintOptions(options), { constructor: GpukitError, message: /must be/ });
  }
  assert.deepEqual(getPrintOptions(), before);
});

test("the digits of a float are the shortest that read as it again", () => {
  const { float32, float64 } = floatFormats;
  const read = ({ digits, exponent }: { digits: string; exponent: number }): number =>
    Number(`${digits}e${exponent - digits.length + 1}`);
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(fc.property(number, (x) => {
    const { digits, exponent } = decimal(x, float64!);
    const [mantissa, power] = Math.abs(x).toExponential().split("e");
    assert.equal(digits.replace(/0+$/, ""), mantissa!.replace(".", "").replace(/0+$/, ""));
    assert.equal(exponent, Number(power));
  }));
  fc.assert(fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (x) => {
    const found = decimal(x, float32!);
    assert.equal(Math.fround(read(found)), Math.abs(x));
    const shorter = found.digits.length - 2;
    if (shorter >= 0 && x !== 0) {
      assert.notEqual(Math.fround(Number(Math.abs(x).toExponential(shorter))), Math.abs(x));
    }
  }));
});
