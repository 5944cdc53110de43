/**
 * The .npy format, versions 1 to 3: bytes to and from { dtype, shape, data } with row-major data in
 * its host form. Pure: nothing here knows files or arrays.
 *
 * Reading accepts what NumPy writes for gpukit's dtypes, in either byte order and in C or Fortran
 * order. Anything else is a FormatError that says what was found. bfloat16 has no name in .npy.
 */

import { type DType, dtypes, type HostArray } from "../array/dtype.ts";
import { DTypeError, FormatError, ShapeError } from "../errors.ts";

/** The dtypes that .npy can hold. */
export type NpyDType = Exclude<DType, "bfloat16">;

export interface Npy {
  readonly dtype: NpyDType;
  readonly shape: readonly number[];
  /** Row-major elements. */
  readonly data: HostArray;
}

/** Kind and size, as .npy writes them. */
const codes: Readonly<Record<NpyDType, string>> = {
  bool: "b1",
  int8: "i1",
  uint8: "u1",
  int16: "i2",
  uint16: "u2",
  int32: "i4",
  uint32: "u4",
  int64: "i8",
  uint64: "u8",
  float16: "f2",
  float32: "f4",
  float64: "f8",
  complex64: "c8",
};
const names = Object.keys(codes) as NpyDType[];

const byCode = new Map(names.map((dtype) => [codes[dtype], dtype]));

type View = new (buffer: ArrayBuffer, byteOffset: number, length: number) => HostArray;

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY
const alignment = 64;

/**
 * Reads a .npy file's bytes. The data may share their memory. `source` is what messages call the
 * file, `op` the function in whose name they speak.
 */
export function parseNpy(bytes: Uint8Array<ArrayBuffer>, source = "the file", op = "loadNpy"): Npy {
  const fail: Fail = (text) => {
    throw new FormatError(`${op}: ${source} ${text}`, { op });
  };
  // Buffers are Uint8Arrays too, but their slice() does not copy.
  bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { header, dataStart } = splitHeader(bytes, fail);
  const { descr, fortranOrder, shape } = parseHeader(header, fail);
  const { dtype, isBigEndian } = parseDescr(descr, fail);

  const { itemsize, Host } = dtypes[dtype];
  const size = sizeOf(shape, itemsize, fail);
  const found = bytes.length - dataStart;
  const expected = size * itemsize;
  if (found !== expected) {
    const what = found < expected ? "is truncated" : "has bytes after its data";
    fail(`${what}: shape ${tuple(shape)} of ${dtype} is ${expected} bytes, found ${found}`);
  }

  let raw: Uint8Array<ArrayBuffer> = bytes.subarray(dataStart);
  const unit = dtype === "complex64" ? 4 : itemsize;
  if (isBigEndian && unit > 1) raw = swapBytes(raw, unit);
  if (fortranOrder && shape.filter((n) => n > 1).length > 1) raw = toRowMajor(raw, shape, itemsize);
  if (dtype === "bool" && raw.some((byte) => byte > 1)) raw = raw.map((byte) => (byte ? 1 : 0));
  if (raw.byteOffset % unit !== 0) raw = raw.slice();
  const data = new (Host as unknown as View)(raw.buffer, raw.byteOffset, raw.length / unit);
  return { dtype, shape, data };
}

/** The bytes of a .npy file, the same that `numpy.save` writes. */
export function formatNpy(npy: Npy, op = "saveNpy"): Uint8Array<ArrayBuffer> {
  const code = (codes as Record<string, string | undefined>)[npy.dtype];
  if (code === undefined) {
    const advice = `it holds ${names.join(", ")}: convert with astype first`;
    throw new DTypeError(`${op}: the .npy format has no dtype ${npy.dtype}; ${advice}`, { op });
  }
  const { shape, data } = npy;
  const { itemsize } = dtypes[npy.dtype];
  const expected = shape.reduce((product, n) => product * n, itemsize);
  if (data.byteLength !== expected) {
    const given = `${data.byteLength} bytes for shape [${shape}] of ${npy.dtype}`;
    throw new ShapeError(`${op}: ${given}, which is ${expected} bytes`, { op });
  }

  const order = itemsize === 1 ? "|" : "<";
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dict = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': ${tuple}, }`;
  // NumPy leaves room for the first axis to grow in place, up to 21 digits.
  const room = shape.length > 0 ? 21 - String(shape[0]).length : 0;
  const used = magic.length + 4 + dict.length + room + 1;
  const total = Math.ceil(used / alignment) * alignment;

  const bytes = new Uint8Array(total + data.byteLength);
  bytes.fill(0x20, 0, total);
  bytes.set([...magic, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, total - 10, true);
  new TextEncoder().encodeInto(dict, bytes.subarray(10));
  bytes[total - 1] = 0x0a;
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), total);
  return bytes;
}

type Fail = (text: string) => never;

// ---- the header ---------------------------------------------------------------------------------

function splitHeader(
  bytes: Uint8Array,
  fail: Fail,
): { header: string; dataStart: number } {
  const has = (length: number): void => {
    if (bytes.length < length) {
      fail(`is truncated: it ends within its header, at ${bytes.length} bytes`);
    }
  };
  if (!magic.every((byte, i) => bytes[i] === byte || i >= bytes.length) || bytes.length === 0) {
    fail("is not a .npy file: it does not start with \\x93NUMPY");
  }
  has(8);
  const [major, minor] = [bytes[6]!, bytes[7]!];
  if (major < 1 || major > 3 || minor !== 0) {
    fail(`has .npy version ${major}.${minor}; 1.0, 2.0 and 3.0 are known`);
  }
  const start = major === 1 ? 10 : 12;
  has(start);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  has(start + length);
  const text = bytes.subarray(start, start + length);
  const header = new TextDecoder(major === 3 ? "utf-8" : "latin1").decode(text);
  return { header, dataStart: start + length };
}

interface Header {
  descr: string;
  fortranOrder: boolean;
  shape: number[];
}

type Literal = string | boolean | number[];

/**
 * Reads the header: a Python dict of three keys with a string, a boolean and a tuple of integers.
 * It is literal text and nothing in it is run.
 */
function parseHeader(text: string, fail: Fail): Header {
  const token = /\s*(?:(['"])([^'"\\]*)\1|(-?\d+)L?(?![\w.])|(True|False)(?!\w)|([{}():,[]))/y;
  const found = new Map<string, Literal>();
  let place = 0;

  const bad = (): never => fail(`has a malformed header: ${JSON.stringify(excerpt(text, place))}`);
  const next = (): RegExpExecArray => {
    token.lastIndex = place;
    const match = token.exec(text);
    if (!match) return bad();
    place = token.lastIndex;
    return match;
  };
  const accept = (sign: string): boolean => {
    const before = place;
    token.lastIndex = place;
    if (token.exec(text)?.[5] !== sign) return false;
    place = token.lastIndex;
    return place > before;
  };
  const expect = (sign: string): void => {
    if (!accept(sign)) bad();
  };
  const tuple = (): number[] => {
    const numbers: number[] = [];
    while (!accept(")")) {
      const digits = next()[3];
      if (digits === undefined) bad();
      numbers.push(Number(digits) + 0); // no -0
      if (!accept(",")) {
        if (numbers.length === 1) bad(); // (3) is no tuple
        expect(")");
        break;
      }
    }
    return numbers;
  };
  const value = (): Literal => {
    const match = next();
    if (match[2] !== undefined) return match[2];
    if (match[4] !== undefined) return match[4] === "True";
    if (match[5] === "(") return tuple();
    if (match[5] === "[") fail("has a structured dtype, which gpukit does not have");
    return bad();
  };

  expect("{");
  while (!accept("}")) {
    const key = next()[2];
    if (key === undefined || found.has(key)) bad();
    expect(":");
    found.set(key!, value());
    if (!accept(",")) {
      expect("}");
      break;
    }
  }
  if (text.slice(place).trim() !== "") bad();

  const descr = found.get("descr");
  const fortranOrder = found.get("fortran_order");
  const shape = found.get("shape");
  if (typeof descr !== "string" || typeof fortranOrder !== "boolean" || !Array.isArray(shape)) {
    return fail("has a header without a valid descr, fortran_order and shape");
  }
  if (found.size !== 3) {
    fail(`has unknown keys in its header: ${excerpt([...found.keys()].join(", "), 0)}`);
  }
  return { descr, fortranOrder, shape };
}

/** Some text from a place on, short enough for a message. */
function excerpt(text: string, place: number): string {
  const rest = text.slice(place).trim();
  return rest.length > 40 ? `${rest.slice(0, 40)}...` : rest;
}

/** A shape in a message, short as well. */
function tuple(shape: readonly number[]): string {
  const shown = shape.slice(0, 10).map(String);
  return `(${[...shown, ...(shape.length > 10 ? ["..."] : [])].join(", ")})`;
}

const refused: Record<string, string> = {
  O: "Python objects",
  V: "raw or structured records (bfloat16 of other libraries also comes as such)",
  U: "text",
  S: "byte strings",
  a: "byte strings",
  M: "dates",
  m: "time spans",
};

function parseDescr(descr: string, fail: Fail): { dtype: NpyDType; isBigEndian: boolean } {
  const [order, code] = [descr.slice(0, 1), descr.slice(1)];
  const dtype = byCode.get(code);
  const isKnownOrder = order === "<" || order === ">" || (order === "|" && code.endsWith("1"));
  if (dtype && isKnownOrder) return { dtype, isBigEndian: order === ">" };
  const kind = refused[code.slice(0, 1)];
  const what = kind ? `, that is ${kind}` : "";
  return fail(
    `has dtype ${JSON.stringify(excerpt(descr, 0))}${what}; gpukit reads ${names.join(", ")}`,
  );
}

/** The number of elements; nothing may exceed what an exact count can say. */
function sizeOf(shape: readonly number[], itemsize: number, fail: Fail): number {
  const isExact = (n: number): boolean => Number.isSafeInteger(n * itemsize);
  const size = shape.reduce((product, n) => product * n, 1);
  // With a zero among them the product says nothing about the others.
  const nonZero = shape.reduce((product, n) => product * (n || 1), 1);
  if (shape.some((n) => n < 0)) fail(`has a negative size in its shape ${tuple(shape)}`);
  if (!shape.every(isExact) || !isExact(nonZero)) {
    fail(`has an impossible shape ${tuple(shape)}`);
  }
  return size;
}

// ---- the data -----------------------------------------------------------------------------------

/** A copy with the bytes of every unit reversed. */
function swapBytes(bytes: Uint8Array, unit: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes.length);
  for (let start = 0; start < bytes.length; start += unit) {
    for (let i = 0; i < unit; i++) out[start + i] = bytes[start + unit - 1 - i]!;
  }
  return out;
}

/** A copy of column-major items in row-major order. */
function toRowMajor(
  bytes: Uint8Array<ArrayBuffer>,
  shape: readonly number[],
  itemsize: number,
): Uint8Array<ArrayBuffer> {
  // As integers, since a float's NaN may change its bits on the way through a number.
  const words = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }[itemsize]!;
  const from = new words(bytes.slice().buffer);
  const to = new words(from.length);
  const strides: number[] = [];
  shape.reduce((stride, n, axis) => {
    strides[axis] = stride;
    return stride * n;
  }, 1);

  let next = 0;
  const walk = (axis: number, offset: number): void => {
    const stride = strides[axis]!;
    const n = shape[axis]!;
    if (axis === shape.length - 1) {
      for (let i = 0; i < n; i++) to[next++] = from[offset + i * stride]!;
      return;
    }
    for (let i = 0; i < n; i++) walk(axis + 1, offset + i * stride);
  };
  walk(0, 0);
  return new Uint8Array(to.buffer);
}
