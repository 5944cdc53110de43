// Views: other arrays on the same memory. Only `reshape` and `ravel` may have to copy. All shape rules are C's; here arguments become numbers.

import { f64, i32, native, STATUS } from "../device/block.ts";
import { current } from "../device/context.ts";
import { GpukitError, IndexError, ShapeError } from "../errors.ts";
import { create, submit, whole, wholes } from "../ops/submit.ts";
import { Op } from "../ops/table.ts";
import type { DType, RealOf } from "./dtype.ts";
import { extend, kindOf, live, type NDArray, result } from "./ndarray.ts";

/**
 * One index of `at`: an integer picks an element and drops the axis (negative: from the end), a
 * string is a range as in NumPy ("1:5", "::-1", ":"), "..." stands for all axes not named, and null
 * is a new axis of length 1.
 */
export type Index = number | string | null;

/** A shape, or one length. */
export type ShapeLike = number | readonly number[];

// gk_view_kind of csrc/gpukit.h.
const ALIAS = 0;
const RESHAPE = 1;
const TRANSPOSE = 2;
const BROADCAST = 3;
const SQUEEZE = 4;
const EXPAND = 5;
const FLIP = 6;
const SLICE = 7;
const SWAPAXES = 8;
const MOVEAXIS = 9;
const DIAGONAL = 10;
const REAL = 11;
const IMAG = 12;

// gk_status with which RESHAPE says that no view has this shape.
const NEEDS_COPY = 9;

// Kinds of a group of SLICE: what, start, stop, step.
const RANGE = 0;
const INTEGER = 1;
const NEW_AXIS = 2;
const ELLIPSIS = 3;

// A view whose `count` numbers lie in the block.
function view<D extends DType>(
  kind: number,
  a: NDArray<D>,
  count: number,
  op: string,
): NDArray<D> {
  const context = current();
  return result(native.gk_array_view(context.id, kind, live(a, op), count), context, op);
}

function viewOf<D extends DType>(
  kind: number,
  a: NDArray<D>,
  numbers: readonly number[],
  op: string,
): NDArray<D> {
  for (let i = 0; i < numbers.length; i++) f64[i] = numbers[i]!;
  return view(kind, a, numbers.length, op);
}

/** Another handle on the same elements. */
export function alias<D extends DType>(a: NDArray<D>): NDArray<D> {
  return view(ALIAS, a, 0, "alias");
}

/**
 * The part of the array that the indices name, as a view: `at(a, 0)`, `at(a, "1:5", "::-1")`,
 * `at(a, "...", -1)`, `at(a, null)`.
 *
 * @throws {IndexError} An integer is out of range, there are more indices than axes, or a string is
 *   no range.
 */
export function at<D extends DType>(a: NDArray<D>, ...indices: readonly Index[]): NDArray<D> {
  if (indices.length > MAX_INDICES) {
    throw new IndexError(`at: ${indices.length} indices are too many`, { op: "at" });
  }
  for (let i = 0; i < indices.length; i++) writeIndex(indices[i]!, 4 * i);
  return view(SLICE, a, 4 * indices.length, "at");
}
const MAX_INDICES = 32;

function writeIndex(index: Index, place: number): void {
  if (typeof index === "number") {
    if (!Number.isSafeInteger(index)) {
      throw new IndexError(`at: an index must be a whole number, got ${index}`, { op: "at" });
    }
    f64[place] = INTEGER;
    f64[place + 1] = index;
  } else if (index === null) {
    f64[place] = NEW_AXIS;
  } else if (index === "...") {
    f64[place] = ELLIPSIS;
  } else {
    const range = typeof index === "string" ? rangePattern.exec(index) : null;
    if (range === null) {
      throw new IndexError(
        `at: an index is an integer, a range such as "1:5" or "::-1", "..." or null, ` +
          `got ${kindOf(index)}`,
        { op: "at" },
      );
    }
    f64[place] = RANGE;
    for (let k = 1; k <= 3; k++) f64[place + k] = range[k] ? Number(range[k]) : NaN;
  }
}
const rangePattern = /^\s*([+-]?\d+)?\s*:\s*([+-]?\d+)?\s*(?::\s*([+-]?\d+)?\s*)?$/;

/**
 * The elements in another shape, in row-major order; one length may be -1 and follows from the
 * others. A view where the strides allow it, else a copy.
 *
 * @throws {ShapeError} The sizes differ.
 */
export function reshape<D extends DType>(a: NDArray<D>, shape: ShapeLike): NDArray<D> {
  const lengths = wholes(shape, "shape", "reshape");
  const context = current();
  const handle = live(a, "reshape");
  for (let i = 0; i < lengths.length; i++) f64[i] = lengths[i]!;
  const made = native.gk_array_view(context.id, RESHAPE, handle, lengths.length);
  if (made !== 0 || i32[STATUS] !== NEEDS_COPY) return result(made, context, "reshape");
  const copy = submit(Op.copy, [a], {}) as NDArray<D>;
  try {
    return viewOf(RESHAPE, copy, lengths, "reshape");
  } finally {
    copy.dispose();
  }
}

/** The elements along one axis, in row-major order: a view where possible, else a copy. */
export function ravel<D extends DType>(a: NDArray<D>): NDArray<D> {
  return reshape(a, -1);
}

/**
 * The axes in another order; reversed if none is given.
 *
 * @throws {ShapeError} The axes are not a permutation.
 */
export function transpose<D extends DType>(
  a: NDArray<D>,
  axes?: readonly number[] | null,
): NDArray<D> {
  return viewOf(TRANSPOSE, a, axes ? wholes(axes, "axes", "transpose") : [], "transpose");
}

/** Two axes exchanged. */
export function swapaxes<D extends DType>(a: NDArray<D>, one: number, other: number): NDArray<D> {
  f64[0] = whole(one, "axis", "swapaxes");
  f64[1] = whole(other, "axis", "swapaxes");
  return view(SWAPAXES, a, 2, "swapaxes");
}

/** An axis moved to another place; the others keep their order. */
export function moveaxis<D extends DType>(a: NDArray<D>, from: number, to: number): NDArray<D> {
  f64[0] = whole(from, "axis", "moveaxis");
  f64[1] = whole(to, "axis", "moveaxis");
  return view(MOVEAXIS, a, 2, "moveaxis");
}

/**
 * Without axes of length 1: those given, or all.
 *
 * @throws {ShapeError} An axis given has another length.
 */
export function squeeze<D extends DType>(a: NDArray<D>, axis?: ShapeLike | null): NDArray<D> {
  const axes = axis === undefined || axis === null ? [] : wholes(axis, "axis", "squeeze");
  // An empty list asks for nothing; to C no numbers mean all axes.
  if (axes.length === 0 && Array.isArray(axis)) return alias(a);
  return viewOf(SQUEEZE, a, axes, "squeeze");
}

/** With new axes of length 1 at these places of the result. */
export function expandDims<D extends DType>(a: NDArray<D>, axis: ShapeLike): NDArray<D> {
  return viewOf(EXPAND, a, wholes(axis, "axis", "expandDims"), "expandDims");
}

/**
 * Seen in a larger shape, by repeating axes of length 1 and adding axes in front. The elements that
 * repeat share memory, so that the view cannot be written to.
 *
 * @throws {ShapeError} The array does not fit.
 */
export function broadcastTo<D extends DType>(a: NDArray<D>, shape: ShapeLike): NDArray<D> {
  return viewOf(BROADCAST, a, wholes(shape, "shape", "broadcastTo"), "broadcastTo");
}

/** In reverse order along the axes given, or along all. */
export function flip<D extends DType>(a: NDArray<D>, axis?: ShapeLike | null): NDArray<D> {
  const axes = axis === undefined || axis === null ? [] : wholes(axis, "axis", "flip");
  if (axes.length === 0 && Array.isArray(axis)) return alias(a);
  return viewOf(FLIP, a, axes, "flip");
}

/**
 * Views of consecutive parts along an axis: `parts` equal ones, or those between the places listed.
 *
 * @throws {ShapeError} The axis has no such number of equal parts, or is out of range.
 */
export function split<D extends DType>(
  a: NDArray<D>,
  parts: number | readonly number[],
  options?: { readonly axis?: number | undefined },
): NDArray<D>[] {
  const shape = a.shape;
  const axis = whole(options?.axis ?? 0, "axis", "split");
  const length = shape.at(axis);
  const fail = (message: string): never => {
    throw new ShapeError(`split: ${message}, the shape is [${shape.join(", ")}]`, { op: "split" });
  };
  if (length === undefined || axis < -shape.length) return fail(`there is no axis ${axis}`);
  let bounds: readonly number[];
  if (typeof parts === "number") {
    if (!Number.isInteger(parts) || parts < 1 || length % parts !== 0) {
      return fail(`axis ${axis} has no ${parts} equal parts`);
    }
    bounds = Array.from({ length: parts - 1 }, (_, i) => (i + 1) * (length / parts));
  } else {
    bounds = wholes(parts, "places", "split");
  }
  const before = new Array<string>(axis < 0 ? shape.length + axis : axis).fill(":");
  return [0, ...bounds].map((start, i) => at(a, ...before, `${start}:${bounds[i] ?? ""}`));
}

/**
 * The diagonal of the last two axes, `offset` above the main one (negative: below), as a view.
 *
 * @throws {ShapeError} The array has fewer than two axes.
 */
export function diagonal<D extends DType>(a: NDArray<D>, offset = 0): NDArray<D> {
  f64[0] = whole(offset, "offset", "diagonal");
  return view(DIAGONAL, a, 1, "diagonal");
}

/** The real parts of complex64 as a float32 view; of other dtypes the array itself. */
export function real<D extends DType>(a: NDArray<D>): NDArray<RealOf<D>> {
  return view(a.dtype === "complex64" ? REAL : ALIAS, a, 0, "real") as NDArray<never>;
}

/** The imaginary parts of complex64 as a float32 view; of other dtypes a new array of zeros. */
export function imag<D extends DType>(a: NDArray<D>): NDArray<RealOf<D>> {
  const { dtype } = a;
  if (dtype === "complex64") return view(IMAG, a, 0, "imag") as NDArray<never>;
  return create(Op.full, "imag", [0, ...a.shape], dtype, { device: a.device }) as NDArray<never>;
}

declare module "./ndarray.ts" {
  interface NDArray<D extends DType = DType> {
    /** The axes in reverse order, as a view. */
    readonly T: NDArray<D>;
    /** The part that the indices name, as a view: see `at`. */
    at(...indices: readonly Index[]): NDArray<D>;
    /** The elements in another shape: see `reshape`. */
    reshape(shape: ShapeLike): NDArray<D>;
    /** The elements along one axis: a view where possible, else a copy. */
    ravel(): NDArray<D>;
    /** The axes in another order; reversed if none is given. */
    transpose(axes?: readonly number[] | null): NDArray<D>;
    /** Two axes exchanged. */
    swapaxes(one: number, other: number): NDArray<D>;
    /** An axis moved to another place. */
    moveaxis(from: number, to: number): NDArray<D>;
    /** Without axes of length 1: those given, or all. */
    squeeze(axis?: ShapeLike | null): NDArray<D>;
    /** With new axes of length 1 at these places of the result. */
    expandDims(axis: ShapeLike): NDArray<D>;
    /** Seen in a larger shape: see `broadcastTo`. */
    broadcastTo(shape: ShapeLike): NDArray<D>;
    /** In reverse order along the axes given, or along all. */
    flip(axis?: ShapeLike | null): NDArray<D>;
    /** Views of consecutive parts along an axis: see `split`. */
    split(
      parts: number | readonly number[],
      options?: { readonly axis?: number | undefined },
    ): NDArray<D>[];
    /** The real parts of complex64 as a view: see `real`. */
    readonly real: NDArray<RealOf<D>>;
    /** The imaginary parts of complex64 as a view: see `imag`. */
    readonly imag: NDArray<RealOf<D>>;
    /** The diagonal of the last two axes as a view. */
    diagonal(offset?: number): NDArray<D>;
    /** Views of the parts along the first axis. */
    [Symbol.iterator](): Generator<NDArray<D>>;
    // Stated again: TypeScript 6, which Deno has, forgets the members of the class that are named by
    // a symbol where an augmentation adds one.
    [Symbol.dispose](): void;
  }
}

extend({
  get T() {
    return transpose(this);
  },
  get real() {
    return real(this);
  },
  get imag() {
    return imag(this);
  },
  diagonal(offset?: number) {
    return diagonal(this, offset);
  },
  at(...indices: readonly Index[]) {
    return at(this, ...indices);
  },
  reshape(shape: ShapeLike) {
    return reshape(this, shape);
  },
  ravel() {
    return ravel(this);
  },
  transpose(axes?: readonly number[] | null) {
    return transpose(this, axes);
  },
  swapaxes(one: number, other: number) {
    return swapaxes(this, one, other);
  },
  moveaxis(from: number, to: number) {
    return moveaxis(this, from, to);
  },
  squeeze(axis?: ShapeLike | null) {
    return squeeze(this, axis);
  },
  expandDims(axis: ShapeLike) {
    return expandDims(this, axis);
  },
  broadcastTo(shape: ShapeLike) {
    return broadcastTo(this, shape);
  },
  flip(axis?: ShapeLike | null) {
    return flip(this, axis);
  },
  split(parts: number | readonly number[], options?: { readonly axis?: number | undefined }) {
    return split(this, parts, options);
  },
  *[Symbol.iterator](): Generator<NDArray> {
    const [length] = this.shape;
    if (length === undefined) {
      throw new GpukitError("an array without axes cannot be iterated; item() reads it", {
        op: "iterator",
      });
    }
    for (let i = 0; i < length; i++) yield at(this, i);
  },
});
