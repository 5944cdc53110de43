// Numbers of a dtype of their own, for arguments of kernels whose parameter must have exactly that type.

import { DTypeError, GpukitError } from "../errors.ts";
import { type DType, dtypes } from "../array/dtype.ts";
import { kindOf } from "../array/ndarray.ts";

const words = new Uint32Array(2);
const store = new DataView(words.buffer);

/** A number of a dtype. Made by `gk.f32`, `gk.i32` and their like. */
export class Scalar {
  /** The element type. */
  readonly dtype: DType;
  /** The value as it was given. */
  readonly value: number | bigint | boolean;
  /** The dtype's number, and the value's bytes as two words; for gpukit's own use. */
  readonly code: number;
  /** See `code`. */
  readonly low: number;
  /** See `code`. */
  readonly high: number;

  /** Not for users: they come from `gk.f32` and its like. The value's bytes lie in `store`. */
  constructor(dtype: DType, value: number | bigint | boolean) {
    this.dtype = dtype;
    this.value = value;
    this.code = dtypes[dtype].code;
    this.low = words[0]!;
    this.high = words[1]!;
  }

  /** As it is written: `f32(2)`. */
  toString(): string {
    return `${this.dtype}(${this.value})`;
  }
}

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function float(
  dtype: DType,
  value: number,
  write: (value: number, littleEndian: boolean) => void,
): Scalar {
  if (typeof value !== "number") refuse(dtype, value, "a number");
  words.fill(0);
  write(value, littleEndian);
  return new Scalar(dtype, value);
}

function integer(dtype: DType, value: number | bigint, lowest: bigint, highest: bigint): Scalar {
  if (typeof value !== "bigint" && typeof value !== "number") {
    refuse(dtype, value, "a number or a bigint");
  }
  if (typeof value === "number" && !Number.isInteger(value)) refuse(dtype, value, "a whole number");
  const exact = BigInt(value);
  if (exact < lowest || exact > highest) {
    refuse(dtype, value, `one from ${lowest} to ${highest}`);
  }
  words.fill(0);
  // The bytes beyond the dtype's own are the sign's, and nobody reads them.
  store.setBigInt64(0, BigInt.asIntN(64, exact), littleEndian);
  return new Scalar(dtype, value);
}

function refuse(dtype: DType, value: unknown, wanted: string): never {
  const got = typeof value === "bigint" ? `${value}n` : kindOf(value);
  const message = `${dtype}: expects ${wanted}, got ${got}`;
  throw typeof value === "number" || typeof value === "bigint"
    ? new DTypeError(message, { op: dtype })
    : new GpukitError(message, { op: dtype });
}

// To the nearest, ties to even; NaN stays one.
function writeBfloat16(value: number): void {
  store.setFloat32(0, value, littleEndian);
  const bits = words[0]!;
  words[0] = Number.isNaN(value) ? 0x7fc0 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** A boolean for a parameter of type bool. */
export function bool(value: boolean): Scalar {
  if (typeof value !== "boolean") refuse("bool", value, "true or false");
  words[0] = Number(value);
  words[1] = 0;
  return new Scalar("bool", value);
}

/**
 * An int8 for a parameter of that type (signed char).
 *
 * @throws {DTypeError} It is no whole number or out of range.
 */
export function i8(value: number | bigint): Scalar {
  return integer("int8", value, -(2n ** 7n), 2n ** 7n - 1n);
}

/**
 * A uint8 for a parameter of that type (unsigned char).
 *
 * @throws {DTypeError} It is no whole number or out of range.
 */
export function u8(value: number | bigint): Scalar {
  return integer("uint8", value, 0n, 2n ** 8n - 1n);
}

/**
 * An int16 for a parameter of that type (short).
 *
 * @throws {DTypeError} It is no whole number or out of range.
 */
export function i16(value: number | bigint): Scalar {
  return integer("int16", value, -(2n ** 15n), 2n ** 15n - 1n);
}

/**
 * A uint16 for a parameter of that type (unsigned short).
 *
 * @throws {DTypeError} It is no whole number or out of range.
 */
export function u16(value: number | bigint): Scalar {
  return integer("uint16", value, 0n, 2n ** 16n - 1n);
}

/**
 * An int32 for a parameter of that type (int).
 *
 * @throws {DTypeError} It is no whole number or out of range.
 */
export function i32(value: number | bigint): Scalar {
  return integer("int32", value, -(2n ** 31n), 2n ** 31n - 1n);
}

/**
 * A uint32 for a parameter of that type (unsigned).
 *
 * @throws {DTypeError} It is no whole number or out of range.
 */
export function u32(value: number | bigint): Scalar {
  return integer("uint32", value, 0n, 2n ** 32n - 1n);
}

/**
 * An int64 for a parameter of that type (long long).
 *
 * @throws {DTypeError} It is no whole number or out of range.
 */
export function i64(value: number | bigint): Scalar {
  return integer("int64", value, -(2n ** 63n), 2n ** 63n - 1n);
}

/**
 * A uint64 for a parameter of that type (unsigned long long, size_t).
 *
 * @throws {DTypeError} It is no whole number or out of range.
 */
export function u64(value: number | bigint): Scalar {
  return integer("uint64", value, 0n, 2n ** 64n - 1n);
}

/** A float16 for a parameter of that type (__half), rounded to the nearest. */
export function f16(value: number): Scalar {
  return float("float16", value, (x, order) => store.setFloat16(0, x, order));
}

/** A bfloat16 for a parameter of that type (__nv_bfloat16), rounded to the nearest. */
export function bf16(value: number): Scalar {
  return float("bfloat16", value, writeBfloat16);
}

/** A float32 for a parameter of that type (float), rounded to the nearest. */
export function f32(value: number): Scalar {
  return float("float32", value, (x, order) => store.setFloat32(0, x, order));
}

/** A float64 for a parameter of that type (double). */
export function f64(value: number): Scalar {
  return float("float64", value, (x, order) => store.setFloat64(0, x, order));
}
