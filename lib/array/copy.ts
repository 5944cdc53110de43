// Copies, and writing into arrays that exist.

import { check, native } from "../device/block.ts";
import { current } from "../device/context.ts";
import { device, type DeviceLike } from "../device/device.ts";
import { create, type Operand, submit } from "../ops/submit.ts";
import { Op } from "../ops/table.ts";
import { array, fillValue, type NestedData, type TypedData } from "./create.ts";
import { type DType, dtypes } from "./dtype.ts";
import { extend, handleOf, live, type NDArray, result } from "./ndarray.ts";
import { alias, at, type Index, ravel } from "./views.ts";

/** Writes one value everywhere. */
function fill(a: NDArray, value: unknown): void {
  const isWide = typeof value === "bigint" && !Number.isSafeInteger(Number(value));
  if (isWide) return copyFrom(a, value);
  create(Op.full, "fill", [fillValue(value, "fill"), ...a.shape], a.dtype, { out: a });
}

function copyFrom(to: NDArray, from: unknown): void {
  if (handleOf(from) !== 0) {
    submit(Op.copy, [from as NDArray], { dtype: to.dtype }, { out: to });
    return;
  }
  const { dtype } = to;
  if (dtype !== "bool" && from instanceof dtypes[dtype].Host && from.byteLength === to.nbytes) {
    check(
      native.gk_array_write(current().id, live(to, "copyFrom"), from, from.byteLength),
      "copyFrom",
    );
    return;
  }
  const made = array(from as NestedData, { dtype, device: to.device });
  try {
    submit(Op.copy, [made], { dtype }, { out: to });
  } finally {
    made.dispose();
  }
}

function copyTo<D extends DType>(a: NDArray<D>, index: number): NDArray<D> {
  const context = current();
  const handle = native.gk_array_to_device(context.id, live(a, "to"), index);
  return result(handle, context, "to");
}

function set(a: NDArray, value: unknown, indices: readonly Index[]): void {
  const part = at(a, ...indices);
  try {
    if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") {
      fill(part, value);
    } else copyFrom(part, value);
  } finally {
    part.dispose();
  }
}

/** A contiguous copy. */
export function clone<D extends DType>(a: NDArray<D>): NDArray<D> {
  return submit(Op.copy, [a], { name: "clone" }) as NDArray<D>;
}

/** A copy along one axis, in row-major order. */
export function flatten<D extends DType>(a: NDArray<D>): NDArray<D> {
  using whole = submit(Op.copy, [a], { name: "flatten" }) as NDArray<D>;
  return ravel(whole);
}

/** The same elements without gaps: another handle where there are none, else a copy. */
export function contiguous<D extends DType>(a: NDArray<D>): NDArray<D> {
  return a.isContiguous ? alias(a) : clone(a);
}

/**
 * A copy with another dtype. Floats become integers by truncation, held within the dtype's range; NaN
 * becomes 0. Complex numbers lose their imaginary parts.
 */
export function astype<R extends DType>(a: NDArray, dtype: R): NDArray<R> {
  return submit(Op.copy, [a], { dtype, name: "astype" }) as NDArray<R>;
}

declare module "./ndarray.ts" {
  interface NDArray<D extends DType = DType> {
    /** A contiguous copy. */
    clone(): NDArray<D>;
    /** A copy along one axis, in row-major order. */
    flatten(): NDArray<D>;
    /** The same elements without gaps: another handle where there are none, else a copy. */
    contiguous(): NDArray<D>;
    /**
     * A copy with another dtype. Floats become integers by truncation, held within the dtype's
     * range; NaN becomes 0.
     */
    astype<R extends DType>(dtype: R): NDArray<R>;
    /**
     * The array on a device: another handle where it lies there already.
     *
     * @throws {DeviceError} There is no such device.
     */
    to(device: DeviceLike): NDArray<D>;
    /**
     * Writes a number, an array or a list to the part that the indices name (all of it if there are
     * none); arrays broadcast and are converted.
     */
    set(value: Operand | NestedData | TypedData, ...indices: readonly Index[]): void;
    /** Writes one value everywhere. Returns this array. */
    fill(value: number | boolean | bigint): this;
    /**
     * Writes an array (of any device), list or typed array; it broadcasts and is converted. Returns this
     * array.
     */
    copyFrom(source: NDArray | NestedData | TypedData): this;
  }
}

extend({
  clone() {
    return clone(this);
  },
  flatten() {
    return flatten(this);
  },
  contiguous() {
    return contiguous(this);
  },
  astype(dtype: DType) {
    return astype(this, dtype);
  },
  to(where: DeviceLike) {
    const target = device(where);
    return target.name === this.device ? alias(this) : copyTo(this, target.index);
  },
  set(value: unknown, ...indices: readonly Index[]) {
    set(this, value, indices);
  },
  fill(value: unknown) {
    fill(this, value);
    return this;
  },
  copyFrom(source: unknown) {
    live(this, "copyFrom");
    if (handleOf(source) !== 0 && (source as NDArray).device !== this.device) {
      using there = copyTo(source as NDArray, device(this.device).index);
      copyFrom(this, there);
    } else copyFrom(this, source);
    return this;
  },
});
