// The one place where ops cross into the library. It checks what kind each operand is, passes
// numbers as they are (weak: they take the arrays' dtype), and turns failures into errors. Shapes,
// dtypes and devices are C's to check.

import {
  f64,
  INPUTS,
  lastError,
  MAX_DIMS,
  native,
  OUTPUTS,
  PARAMS,
  u32,
  VALUES,
} from "../device/block.ts";
import { current } from "../device/context.ts";
import { type DeviceLike, onDevice } from "../device/device.ts";
import { type Stream, streamBits } from "../device/stream.ts";
import { DTypeError, type GpukitError, ShapeError } from "../errors.ts";
import { type DType, dtypes, type Promote } from "../array/dtype.ts";
import { handleOf, kindOf, type NDArray, operandInfo, refuse, wrap } from "../array/ndarray.ts";
import { Op } from "./table.ts";

/** An operand of an elementwise op. Numbers, booleans and bigints take the arrays' dtype. */
export type Operand = NDArray | number | boolean | bigint;

/** The dtype of an operand; `never` for numbers, which have none of their own. */
export type DTypeOf<X> = X extends NDArray<infer D> ? D : never;

/** The common dtype of two operands, of which `never` stands for a number. */
export type Common<A extends DType, B extends DType> = [A] extends [never]
  ? ([B] extends [never] ? "float32" : B)
  : [B] extends [never] ? A
  : Promote<A, B>;

/** What every op takes. */
export interface OpOptions {
  /** The array that the result goes to, of exactly the result's shape and dtype. */
  readonly out?: NDArray | undefined;
  /** The stream that the op is ordered on; the current one if absent. */
  readonly stream?: Stream | undefined;
}

/** What every function takes that makes an array from nothing. */
export interface CreateOptions<D extends DType = DType> {
  /** The element type. */
  readonly dtype?: D | undefined;
  /** The device; the current one if absent. */
  readonly device?: DeviceLike | undefined;
}

/** Bits of `flags` of gk_submit. */
export const KEEPDIMS = 1;
export const ALL_AXES = 2;
export const DESCENDING = 4;
/** What it means is each op's own. */
export const VARIANT = 8;

let names: string[] | undefined;

/** The name of an op as TypeScript spells it. */
export function opName(op: number): string {
  if (names === undefined) {
    names = [];
    for (const [name, code] of Object.entries(Op)) names[code] = name;
  }
  return names[op & 0xffff] ?? "op";
}

/** The error of a failed call of an op, which messages call `name`. */
export function failure(
  op: number,
  operands: readonly unknown[],
  name: string = opName(op),
): GpukitError {
  const error = lastError(name, () => operandInfo(operands));
  // C knows the op, not the function that used it: zeros is a `full`.
  const known = `${opName(op)}: `;
  if (error.message.startsWith(known)) {
    error.message = `${name}: ${error.message.slice(known.length)}`;
  }
  return error;
}

// ---- elementwise

// The three entries below are the hot path: every branch, closure and call site in them was measured.
// A closure over the arguments would cost 3 ns a call. Each has one call site for arrays and numbers:
// with two, Deno leaves its fast path for good (165 ns instead of 26) at the one that is warmed second,
// which is worth more than the 4 ns that a number of changing kind costs Bun.

/** An elementwise op of one operand. */
export function unary(op: number, a: Operand, options?: OpOptions): NDArray {
  const context = current();
  let word = op, out: NDArray | undefined, to = 0;
  if (options !== undefined) {
    out = options.out;
    if (out !== undefined) to = handleOf(out) || refuse(out, opName(op));
    if (options.stream !== undefined) word += streamBits(options.stream, opName(op));
  }
  const handle = handleOf(a);
  if (handle === 0) return settleUnary(op, a, options);
  const made = native.gk_submit_unary(context.id, word, handle, to);
  if (made === 0) throw failure(op, [a, out]);
  return out !== undefined ? out : wrap(made, context);
}

/** An elementwise op of two operands. */
export function binary(op: number, a: Operand, b: Operand, options?: OpOptions): NDArray {
  const context = current();
  let word = op, out: NDArray | undefined, to = 0;
  if (options !== undefined) {
    out = options.out;
    if (out !== undefined) to = handleOf(out) || refuse(out, opName(op));
    if (options.stream !== undefined) word += streamBits(options.stream, opName(op));
  }
  const left = handleOf(a);
  const right = handleOf(b);
  let value = 0;
  if (left === 0 || right === 0) {
    if (left !== 0 && typeof b === "number") value = b;
    else if (right !== 0 && typeof a === "number") value = a;
    else return settleBinary(op, a, b, options);
  }
  const made = native.gk_submit_binary(context.id, word, left, right, to, value);
  if (made === 0) throw failure(op, [a, b, out]);
  return out !== undefined ? out : wrap(made, context);
}

/** An elementwise op of three operands. */
export function ternary(
  op: number,
  a: Operand,
  b: Operand,
  c: Operand,
  options?: OpOptions,
): NDArray {
  const context = current();
  let word = op, out: NDArray | undefined, to = 0;
  if (options !== undefined) {
    out = options.out;
    if (out !== undefined) to = handleOf(out) || refuse(out, opName(op));
    if (options.stream !== undefined) word += streamBits(options.stream, opName(op));
  }
  const ha = handleOf(a), hb = handleOf(b), hc = handleOf(c);
  let va = 0, vb = 0, vc = 0;
  if (ha === 0 || hb === 0 || hc === 0) {
    const isPlain = (ha !== 0 || typeof a === "number") && (hb !== 0 || typeof b === "number") &&
      (hc !== 0 || typeof c === "number") && (ha !== 0 || hb !== 0 || hc !== 0);
    if (!isPlain) return settleTernary(op, a, b, c, options);
    if (typeof a === "number") va = a;
    if (typeof b === "number") vb = b;
    if (typeof c === "number") vc = c;
  }
  const made = native.gk_submit_ternary(context.id, word, ha, hb, hc, to, va, vb, vc);
  if (made === 0) throw failure(op, [a, b, c, out]);
  return out !== undefined ? out : wrap(made, context);
}

// Other kinds of operands.
function settleUnary(op: number, a: Operand, options: OpOptions | undefined): NDArray {
  return settle(op, [a], ([x]) => unary(op, x!, options));
}

function settleBinary(
  op: number,
  a: Operand,
  b: Operand,
  options: OpOptions | undefined,
): NDArray {
  return settle(op, [a, b], ([x, y]) => binary(op, x!, y!, options));
}

function settleTernary(
  op: number,
  a: Operand,
  b: Operand,
  c: Operand,
  options: OpOptions | undefined,
): NDArray {
  return settle(op, [a, b, c], ([x, y, z]) => ternary(op, x!, y!, z!, options));
}

// Brings operands into the form that the entries know: live arrays and numbers, at least one of them
// an array. Arrays made for that are freed after the call, which retains them.
function settle(
  op: number,
  operands: readonly Operand[],
  call: (operands: (NDArray | number)[]) => NDArray,
): NDArray {
  const made: NDArray[] = [];
  // Beside arrays on the first one's device.
  const beside = operands.find((x) => handleOf(x) !== 0) as NDArray | undefined;
  const toArray = (x: number | boolean | bigint, dtype?: "int64" | "uint64"): NDArray => {
    const array = onDevice(beside?.device, () => scalarArray(x, dtype));
    made.push(array);
    return array;
  };
  const isArray = operands.map((x) => handleOf(x) !== 0);
  try {
    return call(operands.map((x, i) => {
      if (isArray[i]) return x as NDArray;
      if (typeof x !== "number" && typeof x !== "boolean" && typeof x !== "bigint") {
        refuse(x, opName(op));
      }
      if (!isArray.includes(true)) return toArray(x);
      const number = Number(x);
      if (typeof x !== "bigint" || Number.isSafeInteger(number)) return number;
      const dtype = exactDtype(x, operands);
      return dtype === undefined ? number : toArray(x, dtype);
    }));
  } finally {
    for (const array of made) array.dispose();
  }
}

// Which of the arrays' dtypes holds a bigint that a number does not: none but one of 64 bits.
function exactDtype(x: bigint, operands: readonly unknown[]): "int64" | "uint64" | undefined {
  const isAmong = (dtype: DType) =>
    operands.some((a) => handleOf(a) !== 0 && (a as NDArray).dtype === dtype);
  if (x < -(2n ** 63n) || x >= 2n ** 64n) refuseBigint(x);
  if (x < 2n ** 63n && isAmong("int64")) return "int64";
  return x >= 0n && isAmong("uint64") ? "uint64" : undefined;
}

/** An array without axes, of the dtype given or the one that suits the value. */
export function scalarArray(
  x: number | boolean | bigint,
  wanted?: "int64" | "uint64",
): NDArray {
  const [dtype, host] = typeof x === "number"
    ? [dtypes.float32, new Float32Array([x])]
    : typeof x === "boolean"
    ? [dtypes.bool, new Uint8Array([Number(x)])]
    : x < 2n ** 63n && x >= -(2n ** 63n) && wanted !== "uint64"
    ? [dtypes.int64, new BigInt64Array([x])]
    : x >= 0n && x < 2n ** 64n
    ? [dtypes.uint64, new BigUint64Array([x])]
    : refuseBigint(x);
  const context = current();
  const made = native.gk_array_from_host(context.id, dtype.code, 0, host, host.byteLength);
  if (made === 0) throw lastError("array");
  return wrap(made, context);
}

function refuseBigint(x: bigint): never {
  throw new DTypeError(`${x} does not fit into 64 bits`, { op: "array" });
}

// ---- all other ops

/** What goes with the operands of an op; numbers as csrc/core/ops.def says. */
export interface Arguments {
  readonly params?: readonly number[] | undefined;
  readonly flags?: number | undefined;
  readonly dtype?: DType | undefined;
  /** What errors call it; the op's name if absent. */
  readonly name?: string | undefined;
}

/** Any op of one result on arrays. */
export function submit(
  op: number,
  operands: readonly NDArray[],
  args: Arguments,
  options?: OpOptions,
): NDArray {
  const context = current();
  const name = args.name ?? opName(op);
  const dtype = args.dtype === undefined ? 0 : dtypeCode(args.dtype, name);
  let word = op, to = 0;
  const out = options?.out;
  if (out !== undefined) to = handleOf(out) || refuse(out, name);
  if (options?.stream !== undefined) word += streamBits(options.stream, name);
  for (let i = 0; i < operands.length; i++) {
    u32[INPUTS + i] = handleOf(operands[i]) || refuse(operands[i], name);
  }
  u32[OUTPUTS] = to;
  const params = args.params ?? [];
  for (let i = 0; i < params.length; i++) f64[PARAMS + i] = params[i]!;
  const flags = args.flags ?? 0;
  const made = native.gk_submit(context.id, word, operands.length, params.length, flags, dtype);
  if (made === 0) throw failure(op, [...operands, out], name);
  return out !== undefined ? out : wrap(made, context);
}

/** Any op of two results on arrays. */
export function submitTwo(
  op: number,
  operands: readonly NDArray[],
  args: Arguments,
  options?: { readonly out?: readonly [NDArray, NDArray] | undefined } & Omit<OpOptions, "out">,
): [NDArray, NDArray] {
  const name = args.name ?? opName(op);
  const second = options?.out?.[1];
  u32[OUTPUTS + 1] = second === undefined ? 0 : handleOf(second) || refuse(second, name);
  const first = submit(op, operands, args, { out: options?.out?.[0], stream: options?.stream });
  return [first, second ?? wrap(f64[VALUES + 1]!, current())];
}

/** What reductions take. */
export interface ReduceOptions<D extends DType = DType> extends OpOptions {
  /** The axis or axes to reduce; all of them if absent. */
  readonly axis?: number | readonly number[] | null | undefined;
  /** Do the reduced axes stay, with length 1? */
  readonly keepdims?: boolean | undefined;
  /** The result's dtype (sum and prod: also that of the accumulation). */
  readonly dtype?: D | undefined;
}

/** A reduction; `own`: the parameter that some have of their own. */
export function reduce(op: number, a: NDArray, options?: ReduceOptions, own?: number): NDArray {
  const context = current();
  const handle = handleOf(a) || refuse(a, opName(op));
  let word = op, out: NDArray | undefined, to = 0, flags = ALL_AXES, count = 0, dtype = 0;
  if (own !== undefined) f64[PARAMS + count++] = own;
  if (options !== undefined) {
    const { axis } = options;
    out = options.out;
    if (out !== undefined) to = handleOf(out) || refuse(out, opName(op));
    if (options.stream !== undefined) word += streamBits(options.stream, opName(op));
    if (options.dtype !== undefined) dtype = dtypeCode(options.dtype, opName(op));
    if (typeof axis === "number") {
      f64[PARAMS + count++] = whole(axis, "axis", opName(op));
      flags = 0;
    } else if (axis !== undefined && axis !== null) {
      const axes = wholes(axis, "axis", opName(op));
      for (let i = 0; i < axes.length; i++) f64[PARAMS + count++] = axes[i]!;
      flags = 0;
    }
    if (options.keepdims) flags |= KEEPDIMS;
  }
  u32[INPUTS] = handle;
  u32[OUTPUTS] = to;
  const made = native.gk_submit(context.id, word, 1, count, flags, dtype);
  if (made === 0) throw failure(op, [a, out]);
  return out !== undefined ? out : wrap(made, context);
}

/** What functions take that fill an array with something new. */
export interface FillOptions<D extends DType = DType> extends CreateOptions<D>, OpOptions {}

/** An op that makes an array of a shape from numbers; `name` is that of the function. */
export function create<D extends DType>(
  op: number,
  name: string,
  params: readonly number[],
  dtype: D,
  options: FillOptions | undefined,
): NDArray<D> {
  return onDevice(
    options?.device,
    () => submit(op, [], { params, dtype, name }, options) as NDArray<D>,
  );
}

// ---- checks of arguments, which the runtimes would coerce each in its own way

/** The code of a dtype. */
export function dtypeCode(dtype: DType, op: string): number {
  const entry = Object.hasOwn(dtypes, dtype) ? dtypes[dtype] : undefined;
  if (entry !== undefined) return entry.code;
  throw new DTypeError(
    `${op}: there is no dtype ${kindOf(dtype)}; there are ${Object.keys(dtypes).join(", ")}`,
    { op },
  );
}

/** A number that must be a whole one. */
export function whole(x: unknown, what: string, op: string): number {
  if (Number.isSafeInteger(x)) return x as number;
  throw new ShapeError(`${op}: ${what} must be a whole number, got ${kindOf(x)}`, { op });
}

/** One or several whole numbers, as many as there may be axes. */
export function wholes(x: number | readonly number[], what: string, op: string): readonly number[] {
  const list = typeof x === "number" ? [x] : x;
  if (!Array.isArray(list)) {
    throw new ShapeError(`${op}: ${what} must be a number or a list of numbers, got ${kindOf(x)}`, {
      op,
    });
  }
  if (list.length > 2 * MAX_DIMS) {
    throw new ShapeError(`${op}: ${what} has ${list.length} entries, at most ${MAX_DIMS} fit`, {
      op,
    });
  }
  for (const entry of list) whole(entry, what, op);
  return list;
}

/** An axis of `ndim`, counted from the front. */
export function axisOf(axis: number, ndim: number, op: string): number {
  whole(axis, "axis", op);
  if (axis >= -ndim && axis < ndim) return axis < 0 ? axis + ndim : axis;
  throw new ShapeError(
    `${op}: axis ${axis} is out of range for ${ndim} dimension${ndim === 1 ? "" : "s"}`,
    { op },
  );
}

/** A shape; a single number is one dimension. */
export function shapeOf(x: number | readonly number[], op: string): readonly number[] {
  const shape = wholes(x, "shape", op);
  for (const length of shape) {
    if (length < 0) {
      throw new ShapeError(`${op}: shape must not be negative, got [${shape.join(", ")}]`, { op });
    }
  }
  if (shape.length > MAX_DIMS) {
    throw new ShapeError(`${op}: ${shape.length} axes are too many, at most ${MAX_DIMS}`, { op });
  }
  return shape;
}
