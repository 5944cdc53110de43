// .npy and .npz as pure bytes: against files that NumPy wrote (npy.json, by make_npy.py), and every
// damaged input as a FormatError.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { zipSync } from "fflate";
import { DTypeError, FormatError, GpukitError, ShapeError } from "../../lib/errors.ts";
import { formatNpy, type Npy, type NpyDType, parseNpy } from "../../lib/io/npy.ts";
import { formatNpz, parseNpz } from "../../lib/io/npz.ts";

interface Entry {
  name: string;
  dtype: NpyDType;
  shape: number[];
  values: (number | string)[];
  canonical: boolean;
  bytes: string;
}

type Bytes = Uint8Array<ArrayBuffer>;

const golden = JSON.parse(readFileSync(new URL("npy.json", import.meta.url), "utf8")) as {
  good: Entry[];
  bad: { name: string; bytes: string }[];
  archives: Record<string, string>;
  arrays: Record<string, Entry>;
};

const fromBase64 = (text: string): Bytes => Uint8Array.from(Buffer.from(text, "base64"));

const hosts = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float16: Float16Array,
  float32: Float32Array,
  float64: Float64Array,
  complex64: Float32Array,
};

/** A golden entry's contents in host form. */
function contents({ dtype, shape, values }: Entry): Npy {
  const host = hosts[dtype] as unknown as { from(values: unknown[]): Npy["data"] };
  const isBig = dtype === "int64" || dtype === "uint64";
  const numbers = values.map((value) => {
    if (typeof value === "number") return value;
    return isBig ? BigInt(value) : Number(value.replace("inf", "Infinity"));
  });
  return { dtype, shape, data: host.from(numbers) };
}

function assertSame(found: Npy, expected: Npy): void {
  assert.equal(found.dtype, expected.dtype);
  assert.deepEqual([...found.shape], [...expected.shape]);
  assert.equal(found.data.constructor, expected.data.constructor);
  const bytes = ({ data }: Npy): Buffer =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  // As bytes, but for NaN, whose bits are free.
  const numbers = ({ data }: Npy): unknown[] => Array.from<unknown>(data as ArrayLike<unknown>);
  if (numbers(expected).some(Number.isNaN)) assert.deepEqual(numbers(found), numbers(expected));
  else assert.ok(bytes(found).equals(bytes(expected)));
}

/** A copy at an odd place of a larger Buffer, as readFile and archives may give it. */
function misaligned(bytes: Uint8Array): Bytes {
  const copy = Buffer.alloc(bytes.length + 3).subarray(3);
  copy.set(bytes);
  return copy;
}

for (const entry of golden.good) {
  test(`npy: ${entry.name}`, () => {
    const bytes = fromBase64(entry.bytes);
    assertSame(parseNpy(bytes), contents(entry));
    assertSame(parseNpy(misaligned(bytes)), contents(entry));
    const written = formatNpy(contents(entry));
    assertSame(parseNpy(written), contents(entry));
    if (entry.canonical) assert.ok(Buffer.from(written).equals(bytes), "the bytes NumPy writes");
  });
}

for (const { name, bytes } of golden.bad) {
  test(`npy: ${name} is refused`, () => {
    assert.throws(() => parseNpy(fromBase64(bytes)), isFormatError(/dtype/));
  });
}

function isFormatError(message: RegExp, op = "loadNpy"): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof FormatError && error instanceof GpukitError, String(error));
    assert.match(error.message, message);
    assert.equal(error.op, op);
    return true;
  };
}

/** A .npy file of version 1 with this header. */
function withHeader(header: string, data: readonly number[] = []): Bytes {
  const text = new TextEncoder().encode(header);
  const start = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 255, text.length >> 8];
  return Uint8Array.from([...start, ...text, ...data]);
}

const header = (shape: string, descr = "'<f4'", order = "False"): string =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

test("npy: what is wrong is said", () => {
  const good = withHeader(header("(2,)"), [0, 0, 0, 0, 0, 0, 0, 0]);
  const cases: [Bytes, RegExp][] = [
    [new Uint8Array(0), /not a .npy file/],
    [new TextEncoder().encode("PK\x03\x04 something"), /not a .npy file/],
    [good.slice(0, 4), /truncated: it ends within its header, at 4 bytes/],
    [good.slice(0, 9), /truncated: it ends within its header/],
    [good.slice(0, 40), /truncated: it ends within its header/],
    [good.slice(0, -1), /truncated: shape \(2\) of float32 is 8 bytes, found 7/],
    [Uint8Array.from([...good, 0]), /has bytes after its data: .* 8 bytes, found 9/],
    [good.with(6, 4), /version 4.0; 1.0, 2.0 and 3.0 are known/],
    [withHeader(header("(-2,)")), /negative size in its shape \(-2\)/],
    [withHeader(header("(99999999999999999999,)")), /impossible shape/],
    [withHeader(header("(4000000000, 4000000000)")), /impossible shape/],
    [withHeader(header("(0, 9007199254740991)")), /impossible shape/],
    [withHeader(header("(1000000000,)")), /truncated: shape .* 4000000000 bytes, found 0/],
    [withHeader(header("(2)")), /malformed header/],
    [withHeader(header("(2.5,)")), /malformed header/],
    [withHeader(header("(True,)")), /malformed header/],
    [withHeader(header("[2]")), /structured|malformed/],
    [withHeader(header("(2,)", "__import__('os')")), /malformed header: "__import__\('os'\)/],
    [withHeader(header("(2,)", "'<f4'", "0")), /malformed header/],
    [withHeader(header("(2,)") + "x"), /malformed header/],
    [withHeader("{'descr': '<f4', 'descr': '<f4'}"), /malformed header/],
    [withHeader("{'descr': '<f4', 'fortran_order': False}"), /without a valid descr/],
    [withHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'a': 'b'}"), /unknown keys/],
    [withHeader(""), /malformed header/],
    [withHeader(header("(2,)", "'|O'")), /Python objects/],
    [withHeader(header("(2,)", "'<f3'")), /dtype "<f3"; gpukit reads bool, int8/],
    [withHeader(header("(2,)", "'|f4'")), /dtype "\|f4"/],
    [withHeader(header("(2,)", "'=f4'")), /dtype "=f4"/],
    [withHeader(header("(2,)", "'<toString'")), /dtype "<toString"; /],
    [withHeader(header("(2,)", "[('a', '<f4')]")), /structured dtype/],
  ];
  for (const [bytes, message] of cases) {
    assert.throws(() => parseNpy(bytes), isFormatError(message));
  }
  const named = withHeader(header("(1,)"));
  assert.throws(() => parseNpy(named, "weights.npy"), isFormatError(/^loadNpy: weights.npy is/));
});

test("npy: bool bytes other than 1 are true", () => {
  const { data } = parseNpy(withHeader(header("(3,)", "'|b1'"), [0, 7, 1]));
  assert.deepEqual([...data], [0, 1, 1]);
});

test("npy: writing checks dtype and size", () => {
  const bits = { dtype: "bfloat16" as NpyDType, shape: [1], data: new Uint16Array(1) };
  assert.throws(() => formatNpy(bits), { constructor: DTypeError, message: /no dtype bfloat16/ });
  const short = { dtype: "float32", shape: [3], data: new Float32Array(2) } as const;
  assert.throws(() => formatNpy(short), { constructor: ShapeError, message: /8 bytes for shape/ });
});

test("npz: NumPy's archives, stored and compressed", () => {
  for (const bytes of Object.values(golden.archives)) {
    const found = parseNpz(fromBase64(bytes));
    assert.deepEqual(Object.keys(found), Object.keys(golden.arrays));
    for (const [name, entry] of Object.entries(golden.arrays)) {
      assertSame(found[name]!, contents(entry));
    }
  }
});

test("npz: what is written is read again, and by NumPy", () => {
  const arrays = Object.fromEntries(
    Object.entries(golden.arrays).map(([name, entry]) => [name, contents(entry)]),
  );
  const stored = formatNpz(arrays);
  const byNumPy = readFileSync(new URL("written.npz", import.meta.url));
  assert.ok(byNumPy.equals(stored), "make_npy.py has checked these bytes with NumPy");
  const compressed = formatNpz(arrays, { compress: true });
  assert.ok(compressed.length < stored.length);
  for (const bytes of [stored, compressed, misaligned(stored)]) {
    const found = parseNpz(bytes);
    for (const [name, npy] of Object.entries(arrays)) assertSame(found[name]!, npy);
  }
  assert.deepEqual(parseNpz(formatNpz({})), {});
  const name = "__proto__";
  const odd = parseNpz(formatNpz(Object.fromEntries([[name, arrays.x!]])));
  assert.deepEqual(Object.keys(odd), [name]);
});

test("npz: what is wrong is said", () => {
  const good = fromBase64(golden.archives.stored!);
  const compressed = fromBase64(golden.archives.compressed!);
  const text = Buffer.from(good).toString("latin1");
  const edited = (from: string, to: string): Bytes =>
    Uint8Array.from(Buffer.from(text.replaceAll(from, to), "latin1"));
  const damaged = good.with(text.indexOf("\x93NUMPY") + 130, 99);
  const cases: [Bytes, RegExp][] = [
    [new Uint8Array(0), /not a .npz file/],
    [fromBase64(golden.good[0]!.bytes), /not a .npz file/],
    [good.slice(0, -1), /not a .npz file/],
    [good.slice(100), /inconsistent/],
    [damaged, /is damaged: the checksum of "x.npy" differs/],
    [edited("x.npy", "x.txt"), /the file holds "x.txt", which is no .npy file/],
    [edited("y z.npy", "x.npy\0\0"), /"x.npy\\u0000\\u0000", which is no/],
    [compressed.with(compressed.length - 22 + 8, 1), /inconsistent/],
  ];
  for (const [bytes, message] of cases) {
    assert.throws(() => parseNpz(bytes), isFormatError(message, "loadNpz"));
  }
  const object = golden.bad.find(({ name }) => name === "objects")!;
  const inner = zipSync({ "o.npy": [fromBase64(object.bytes), { level: 0 }] });
  const message = /^loadNpz: o.npz, array "o", has dtype .* Python objects/;
  assert.throws(() => parseNpz(inner, "o.npz"), isFormatError(message, "loadNpz"));
});

// ---- properties ---------------------------------------------------------------------------------

const dtypes = Object.keys(hosts) as NpyDType[];

const anyNpy: fc.Arbitrary<Npy> = fc
  .tuple(fc.constantFrom(...dtypes), fc.array(fc.nat(4), { maxLength: 5 }))
  .chain(([dtype, shape]) => {
    const size = shape.reduce((product, n) => product * n, 1);
    const host = hosts[dtype];
    const length = size * host.BYTES_PER_ELEMENT * (dtype === "complex64" ? 2 : 1);
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => {
      if (dtype === "bool") bytes = bytes.map((byte) => byte & 1);
      return { dtype, shape, data: new host(Uint8Array.from(bytes).buffer) };
    });
  });

test("npy: any array survives writing and reading, bit by bit", () => {
  fc.assert(fc.property(anyNpy, (npy) => {
    const again = parseNpy(formatNpy(npy));
    assert.equal(again.dtype, npy.dtype);
    assert.deepEqual(again.shape, npy.shape);
    assert.deepEqual(new Uint8Array(again.data.slice().buffer), new Uint8Array(npy.data.buffer));
  }));
});

/** Bytes with some of them changed, cut off or put in, most often in the header. */
function damaged(samples: readonly Bytes[]): fc.Arbitrary<Bytes> {
  const change = fc.record({
    at: fc.oneof(fc.nat(150), fc.nat(2000)),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from("(){}[],:'\"-0123456789TFL<>|"))),
    kind: fc.constantFrom("set", "set", "set", "insert", "remove", "cut"),
  });
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(change, { minLength: 1, maxLength: 6 }))
    .map(([bytes, changes]) => {
      const out = [...bytes];
      for (const { at, byte, kind } of changes) {
        const place = at % (out.length + 1);
        if (kind === "set") out[place] = byte;
        else if (kind === "insert") out.splice(place, 0, byte);
        else if (kind === "remove") out.splice(place, 1);
        else out.length = place;
      }
      return Uint8Array.from(out);
    });
}

const numRuns = process.env.GPUKIT_TEST_FULL ? 100_000 : 3000;

function throwsOnlyFormatError(parse: (bytes: Bytes) => unknown, bytes: Bytes): void {
  try {
    parse(bytes);
  } catch (error) {
    assert.ok(error instanceof FormatError, `${error}`);
  }
}

test("npy: damaged bytes give an array or a FormatError", () => {
  const samples = golden.good.map((entry) => fromBase64(entry.bytes));
  const bytes = damaged(samples);
  fc.assert(fc.property(bytes, (b) => throwsOnlyFormatError(parseNpy, b)), { numRuns });
});

test("npz: damaged bytes give arrays or a FormatError", () => {
  const samples = Object.values(golden.archives).map(fromBase64);
  const bytes = damaged(samples);
  fc.assert(fc.property(bytes, (b) => throwsOnlyFormatError(parseNpz, b)), { numRuns });
});
