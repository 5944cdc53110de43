// Arrays from values of JavaScript, and arrays made of nothing.

import { f64, lastError, native } from "../device/block.ts";
import { current } from "../device/context.ts";
import { onDevice } from "../device/device.ts";
import { DTypeError, GpukitError, ShapeError } from "../errors.ts";
import { create, type CreateOptions, type FillOptions } from "../ops/submit.ts";
import { dtypeCode, scalarArray, shapeOf, submit, VARIANT, whole } from "../ops/submit.ts";
import { Op } from "../ops/table.ts";
import { type DType, dtypes, type HostArray } from "./dtype.ts";
import { handleOf, kindOf, type NDArray, wrap } from "./ndarray.ts";
import { broadcastTo, reshape, type ShapeLike } from "./views.ts";

/** One value, or lists of them, all of one depth and equal lengths. */
export type NestedList<T> = T | readonly NestedList<T>[];

/** A number, boolean or bigint, or lists of them. */
export type NestedData = NestedList<number | boolean | bigint>;

/** What `array` takes besides the data. */
export interface ArrayOptions<D extends DType = DType> extends CreateOptions<D> {
  /** The shape of the elements of a typed array or flat list; as given if absent. */
  readonly shape?: ShapeLike | undefined;
}

/** A typed array of any kind that holds elements. */
export type TypedData = HostArray | Uint8ClampedArray<ArrayBuffer>;

// The dtype of a value of JavaScript.
type ScalarDType<T> = T extends boolean ? "bool" : T extends bigint ? "int64" : "float32";

type TypedDType<T> = T extends Float32Array ? "float32"
  : T extends Float64Array ? "float64"
  : T extends Int32Array ? "int32"
  : T extends BigInt64Array ? "int64"
  : T extends BigUint64Array ? "uint64"
  : T extends Uint8Array | Uint8ClampedArray ? "uint8"
  : T extends Uint16Array ? "uint16"
  : T extends Uint32Array ? "uint32"
  : T extends Int8Array ? "int8"
  : T extends Int16Array ? "int16"
  : T extends Float16Array ? "float16"
  : never;

/**
 * An array of data that is copied: lists of numbers (float32), booleans (bool) or bigints (int64) of
 * any depth up to 8, one such value, a typed array (its own dtype), or another array.
 *
 * With `dtype` the elements are converted; a typed array that is the dtype's host form (Uint16Array
 * for bfloat16, Float32Array for complex64) is taken as it is.
 *
 * @throws {ShapeError} Lists of different lengths, or data that does not fill `shape`.
 * @throws {DTypeError} Numbers mixed with bigints, or a bigint beyond 64 bits.
 */
export function array<D extends DType>(
  data: NestedData | TypedData | NDArray,
  options: ArrayOptions<D> & { readonly dtype: D },
): NDArray<D>;
/** A copy of an array. */
export function array<D extends DType>(data: NDArray<D>, options?: ArrayOptions<D>): NDArray<D>;
/** An array of a typed array's elements, in its dtype. */
export function array<T extends TypedData>(
  data: T,
  options?: ArrayOptions<TypedDType<T>>,
): NDArray<TypedDType<T>>;
/** An array of numbers, float32. */
export function array(
  data: NestedList<number>,
  options?: ArrayOptions<"float32">,
): NDArray<"float32">;
/** An array of booleans. */
export function array(data: NestedList<boolean>, options?: ArrayOptions<"bool">): NDArray<"bool">;
/** An array of bigints, int64. */
export function array(data: NestedList<bigint>, options?: ArrayOptions<"int64">): NDArray<"int64">;
/** An array of data whose kind only the program knows. */
export function array(data: NestedData | TypedData | NDArray, options?: ArrayOptions): NDArray;
export function array<D extends DType>(
  data: NestedData | TypedData | NDArray,
  options?: ArrayOptions<D>,
): NDArray<D> {
  const { dtype, shape, device } = options ?? {};
  const wanted = shape === undefined ? undefined : shapeOf(shape, "array");
  if (dtype !== undefined) dtypeCode(dtype, "array");
  return onDevice(device, () => {
    if (handleOf(data) !== 0) {
      using there = device === undefined ? undefined : (data as NDArray).to(device);
      const copy = submit(Op.copy, [there ?? data as NDArray], { dtype }) as NDArray<D>;
      if (wanted === undefined) return copy;
      using flat = copy;
      return reshape(flat, wanted);
    }
    const host = isTyped(data)
      ? fromTyped(data, dtype, wanted)
      : fromNested(data as NestedData, dtype, wanted);
    return upload(host, dtype) as NDArray<D>;
  });
}

/** Host memory ready to be copied, with what it holds. */
interface HostData {
  readonly values: ArrayBufferView<ArrayBuffer>;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

function upload(host: HostData, wanted: DType | undefined): NDArray {
  const { values, dtype, shape } = host;
  for (let i = 0; i < shape.length; i++) f64[i] = shape[i]!;
  const context = current();
  const made = native.gk_array_from_host(
    context.id,
    dtypes[dtype].code,
    shape.length,
    values,
    values.byteLength,
  );
  if (made === 0) throw lastError("array");
  const array = wrap(made, context);
  if (wanted === undefined || wanted === dtype) return array;
  using raw = array;
  return submit(Op.copy, [raw], { dtype: wanted });
}

// ---- typed arrays

function isTyped(data: unknown): data is TypedData {
  return ArrayBuffer.isView(data) && !(data instanceof DataView);
}

const typedDtypes: Readonly<Record<string, DType>> = {
  Uint8ClampedArray: "uint8",
  ...Object.fromEntries(
    (Object.keys(dtypes) as DType[])
      .filter((dtype) => dtype !== "bool" && dtype !== "bfloat16" && dtype !== "complex64")
      .map((dtype) => [dtypes[dtype].Host.name, dtype]),
  ),
};

function fromTyped(
  values: TypedData,
  wanted: DType | undefined,
  shape: readonly number[] | undefined,
): HostData {
  const own = typedDtypes[values[Symbol.toStringTag]];
  if (own === undefined) {
    throw new DTypeError(`array: elements of ${kindOf(values)} have no dtype`, { op: "array" });
  }
  const isBits = wanted === "bfloat16" && own === "uint16";
  const isPairs = wanted === "complex64" && own === "float32";
  const dtype = isBits || isPairs ? wanted : own;
  const length = isPairs ? values.length / 2 : values.length;
  return { values, dtype, shape: shape ?? [length] };
}

// ---- lists

function fromNested(
  data: NestedData,
  wanted: DType | undefined,
  shape: readonly number[] | undefined,
): HostData {
  const lengths: number[] = [];
  let first: unknown = data;
  while (Array.isArray(first)) {
    lengths.push(first.length);
    first = first[0];
  }
  shapeOf(lengths, "array");
  const flat: (number | boolean | bigint)[] = [];
  flatten(data, lengths, 0, flat);
  const dtype = wanted ?? naturalDtype(flat);
  const [values, host] = toHost(flat, dtype);
  return { values, dtype: host, shape: shape ?? lengths };
}

function flatten(
  data: unknown,
  lengths: readonly number[],
  depth: number,
  into: (number | boolean | bigint)[],
): void {
  const isList = Array.isArray(data);
  if (isList !== depth < lengths.length || (isList && data.length !== lengths[depth])) {
    const found = isList ? `a list of ${data.length}` : kindOf(data);
    const expected = depth < lengths.length ? `a list of ${lengths[depth]}` : "a number";
    throw new ShapeError(
      `array: lists must have equal lengths: at depth ${depth} there is ${found} where the first ` +
        `one is ${expected}`,
      { op: "array" },
    );
  }
  if (isList) {
    for (const entry of data) flatten(entry, lengths, depth + 1, into);
  } else if (typeof data === "number" || typeof data === "boolean" || typeof data === "bigint") {
    into.push(data);
  } else {
    const hint = handleOf(data) !== 0 ? "; gk.stack joins arrays" : "";
    throw new GpukitError(
      `array: expects numbers, booleans or bigints, lists of them or a typed array, ` +
        `got ${kindOf(data)}${hint}`,
      { op: "array" },
    );
  }
}

function naturalDtype(flat: readonly (number | boolean | bigint)[]): DType {
  const kinds = new Set(flat.map((x) => typeof x));
  if (kinds.has("bigint") && kinds.has("number")) {
    throw new DTypeError("array: numbers and bigints are mixed; name a dtype", { op: "array" });
  }
  if (kinds.has("bigint")) return "int64";
  return kinds.has("boolean") && !kinds.has("number") ? "bool" : "float32";
}

// Values in the host form of a dtype from which the library converts the rest of the way: it holds
// every value exactly.
function toHost(
  flat: readonly (number | boolean | bigint)[],
  dtype: DType,
): [ArrayBufferView<ArrayBuffer>, DType] {
  if (flat.some((x) => typeof x === "bigint")) {
    const host = dtype === "uint64" ? "uint64" : "int64";
    const wrapped = host === "uint64" ? BigInt.asUintN : BigInt.asIntN;
    const values = new dtypes[host].Host(flat.length) as BigInt64Array<ArrayBuffer>;
    for (let i = 0; i < flat.length; i++) {
      const value = typeof flat[i] === "bigint" ? flat[i] as bigint : exactBigint(flat[i]!);
      values[i] = value;
      if (wrapped(64, value) !== value) {
        throw new DTypeError(`array: ${value} does not fit into ${host}`, { op: "array" });
      }
    }
    return [values, host];
  }
  const host = dtype === "float32" || dtype === "bool" ? dtype : "float64";
  const values = new dtypes[host].Host(flat.length) as Float64Array<ArrayBuffer>;
  for (let i = 0; i < flat.length; i++) {
    values[i] = dtype === "bool" ? Number(Boolean(flat[i])) : Number(flat[i]);
  }
  return [values, host];
}

function exactBigint(x: number | boolean | bigint): bigint {
  if (typeof x === "number" && !Number.isInteger(x)) {
    throw new DTypeError(`array: ${x} among bigints is no whole number`, { op: "array" });
  }
  return BigInt(x);
}

// ---- made of nothing

/** Zeros of a shape, float32 if no dtype is given. */
export function zeros<D extends DType = "float32">(
  shape: ShapeLike,
  options?: FillOptions<D>,
): NDArray<D> {
  return filled(shape, 0, options, "zeros");
}

/** Ones of a shape, float32 if no dtype is given. */
export function ones<D extends DType = "float32">(
  shape: ShapeLike,
  options?: FillOptions<D>,
): NDArray<D> {
  return filled(shape, 1, options, "ones");
}

function filled<D extends DType>(
  shape: ShapeLike,
  value: number,
  options: FillOptions<D> | undefined,
  op: string,
): NDArray<D> {
  const dtype = (options?.dtype ?? "float32") as D;
  return create(Op.full, op, [value, ...shapeOf(shape, op)], dtype, options);
}

/**
 * One value everywhere. Without a dtype numbers give float32, booleans bool and bigints int64.
 *
 * @throws {DTypeError} The dtype cannot hold the value.
 */
export function full<T extends number | boolean | bigint, D extends DType = ScalarDType<T>>(
  shape: ShapeLike,
  value: T,
  options?: FillOptions<D>,
): NDArray<D> {
  const lengths = shapeOf(shape, "full");
  const natural = typeof value === "bigint"
    ? "int64"
    : typeof value === "boolean"
    ? "bool"
    : "float32";
  const dtype = (options?.dtype ?? natural) as D;
  if (typeof value !== "bigint" || Number.isSafeInteger(Number(value))) {
    return create(Op.full, "full", [fillValue(value, "full"), ...lengths], dtype, options);
  }
  return onDevice(options?.device, () => {
    using one = scalarArray(value);
    using all = broadcastTo(one, lengths);
    return submit(Op.copy, [all], { dtype, flags: VARIANT, name: "full" }, options) as NDArray<D>;
  });
}

/** A fill value as C takes it. */
export function fillValue(value: unknown, op: string): number {
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") {
    return Number(value);
  }
  throw new GpukitError(`${op}: expects a number, boolean or bigint, got ${kindOf(value)}`, { op });
}

/** An array whose elements are whatever the memory holds. */
export function empty<D extends DType = "float32">(
  shape: ShapeLike,
  options?: CreateOptions<D>,
): NDArray<D> {
  const dtype = (options?.dtype ?? "float32") as D;
  return create(Op.empty, "empty", [0, ...shapeOf(shape, "empty")], dtype, options);
}

/** Zeros in the shape and dtype of another array. */
export function zerosLike<D extends DType, R extends DType = D>(
  a: NDArray<D>,
  options?: CreateOptions<R>,
): NDArray<R> {
  return zeros(a.shape, like(a, options));
}

/** Ones in the shape and dtype of another array. */
export function onesLike<D extends DType, R extends DType = D>(
  a: NDArray<D>,
  options?: CreateOptions<R>,
): NDArray<R> {
  return ones(a.shape, like(a, options));
}

/** One value in the shape and dtype of another array. */
export function fullLike<D extends DType, R extends DType = D>(
  a: NDArray<D>,
  value: number | boolean | bigint,
  options?: CreateOptions<R>,
): NDArray<R> {
  return full(a.shape, value, like(a, options));
}

/** An array in the shape and dtype of another; its elements are whatever the memory holds. */
export function emptyLike<D extends DType, R extends DType = D>(
  a: NDArray<D>,
  options?: CreateOptions<R>,
): NDArray<R> {
  return empty(a.shape, like(a, options));
}

function like<R extends DType>(
  a: NDArray,
  options: CreateOptions<R> | undefined,
): CreateOptions<R> {
  return {
    dtype: options?.dtype ?? a.dtype as R,
    device: options?.device ?? a.device,
  };
}

/** What `eye` takes. */
export interface EyeOptions<D extends DType = DType> extends FillOptions<D> {
  /** The diagonal: 0 the main one, positive above it. */
  readonly k?: number | undefined;
}

/** A matrix with ones on a diagonal and zeros elsewhere; square if no columns are given. */
export function eye<D extends DType = "float32">(
  rows: number,
  columns?: number | EyeOptions<D>,
  options?: EyeOptions<D>,
): NDArray<D> {
  const rest = typeof columns === "object" ? columns : options;
  const width = typeof columns === "number" ? columns : rows;
  shapeOf([rows, width], "eye");
  const k = whole(rest?.k ?? 0, "k", "eye");
  return create(Op.eye, "eye", [rows, width, k], (rest?.dtype ?? "float32") as D, rest);
}

/**
 * The numbers from `start` (0 if only one bound is given) up to but without `stop`, in steps.
 *
 * @throws {ShapeError} The step is 0, or a bound is not finite.
 */
export function arange<D extends DType = "float32">(
  stop: number,
  options?: FillOptions<D>,
): NDArray<D>;
/** The numbers from `start` up to but without `stop`. */
export function arange<D extends DType = "float32">(
  start: number,
  stop: number,
  options?: FillOptions<D>,
): NDArray<D>;
/** The numbers from `start` up to but without `stop`, `step` apart. */
export function arange<D extends DType = "float32">(
  start: number,
  stop: number,
  step: number,
  options?: FillOptions<D>,
): NDArray<D>;
export function arange<D extends DType>(
  ...args: (number | FillOptions<D> | undefined)[]
): NDArray<D> {
  const numbers: number[] = [];
  let options: FillOptions<D> | undefined;
  for (const x of args) {
    if (typeof x === "object") options = x;
    else if (x !== undefined) numbers.push(x);
  }
  const [start, stop, step = 1] = numbers.length < 2 ? [0, numbers[0]] : numbers;
  const length = Math.max(0, Math.ceil((stop! - start!) / step));
  if (!numbers.every(Number.isFinite) || numbers.length === 0 || !Number.isSafeInteger(length)) {
    throw new ShapeError(
      `arange: expects finite bounds and a step other than 0, got ${args.map(kindOf).join(", ")}`,
      { op: "arange" },
    );
  }
  return create(
    Op.arange,
    "arange",
    [start!, step, length],
    (options?.dtype ?? "float32") as D,
    options,
  );
}

/** What `linspace` takes. */
export interface LinspaceOptions<D extends DType = DType> extends FillOptions<D> {
  /** Is `stop` the last number? */
  readonly endpoint?: boolean | undefined;
}

/** `count` numbers at equal distances from `start` to `stop`, both included. */
export function linspace<D extends DType = "float32">(
  start: number,
  stop: number,
  count = 50,
  options?: LinspaceOptions<D>,
): NDArray<D> {
  shapeOf([count], "linspace");
  if (!Number.isFinite(start) || !Number.isFinite(stop)) {
    throw new GpukitError(`linspace: bounds must be finite, got ${start} and ${stop}`, {
      op: "linspace",
    });
  }
  const endpoint = options?.endpoint ?? true;
  const parts = endpoint ? count - 1 : count;
  const step = parts > 0 ? (stop - start) / parts : 0;
  const dtype = (options?.dtype ?? "float32") as D;
  const made = create(Op.arange, "linspace", [start, step, count], dtype, options);
  // start + i * step may miss the end by a rounding.
  if (endpoint && count > 1) made.set(stop, -1);
  return made;
}

/**
 * Views that spread vectors over a grid: the i-th varies along axis i (`indexing` "ij"), or, as in
 * NumPy, with the first two axes exchanged ("xy", the default).
 */
export function meshgrid(
  vectors: readonly NDArray[],
  options?: { readonly indexing?: "xy" | "ij" | undefined },
): NDArray[] {
  const isSwapped = (options?.indexing ?? "xy") === "xy" && vectors.length > 1;
  const axisOf = (i: number) => (isSwapped && i < 2 ? 1 - i : i);
  const shape: number[] = [];
  vectors.forEach((v, i) => shape[axisOf(i)] = v.size);
  return vectors.map((v, i) => {
    using spread = reshape(v, shape.map((n, axis) => (axis === axisOf(i) ? n : 1)));
    return broadcastTo(spread, shape);
  });
}
