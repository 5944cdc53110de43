// Copies with elements in other places: rolled, padded, diagonals and triangles. Every function gives a
// new array.

import { GpukitError, ShapeError } from "../errors.ts";
import type { DType } from "../array/dtype.ts";
import { arange, array, empty, fillValue, full, zeros } from "../array/create.ts";
import { kindOf, type NDArray } from "../array/ndarray.ts";
import { alias, at, diagonal, expandDims, ravel, reshape } from "../array/views.ts";
import { greaterEqual, notEqual, sub, where } from "./elementwise.ts";
import { take } from "./indexing.ts";
import { concatenate } from "./joining.ts";
import { axisOf, whole, wholes } from "./submit.ts";

/**
 * The elements moved on by `shift` places along an axis (several: a shift for each), those that leave at
 * one end coming in at the other. Without an axis the flattened array is rolled.
 *
 * @throws {ShapeError} An axis is out of range, or shifts and axes differ in number.
 */
export function roll<D extends DType>(
  a: NDArray<D>,
  shift: number | readonly number[],
  options?: { readonly axis?: number | readonly number[] | null | undefined },
): NDArray<D> {
  const shifts = wholes(shift, "shift", "roll");
  const axis = options?.axis ?? null;
  if (axis === null) {
    using flat = ravel(a);
    using rolled = rollAxis(flat, shifts.reduce((sum, x) => sum + x, 0), 0);
    return reshape(rolled, a.shape);
  }
  const axes = wholes(axis, "axis", "roll");
  if (shifts.length !== axes.length && shifts.length !== 1) {
    throw new ShapeError(`roll: ${shifts.length} shifts are given for ${axes.length} axes`, {
      op: "roll",
    });
  }
  let rolled = alias(a);
  axes.forEach((entry, i) => {
    using before = rolled;
    rolled = rollAxis(before, shifts[shifts.length === 1 ? 0 : i]!, axisOf(entry, a.ndim, "roll"));
  });
  if (axes.length > 0) return rolled;
  using same = rolled;
  return same.clone();
}

function rollAxis<D extends DType>(a: NDArray<D>, shift: number, axis: number): NDArray<D> {
  const length = a.shape[axis]!;
  const by = length === 0 ? 0 : ((shift % length) + length) % length;
  if (by === 0) return a.clone();
  const before = new Array<string>(axis).fill(":");
  using end = at(a, ...before, `${length - by}:`);
  using start = at(a, ...before, `:${length - by}`);
  return concatenate([end, start], { axis }) as NDArray<D>;
}

/** How much `pad` adds: everywhere, before and after every axis, or before and after each axis. */
export type PadWidth = number | readonly [number, number] | readonly (readonly [number, number])[];

/** What `pad` takes. */
export interface PadOptions {
  /**
   * What the new elements are: `value` ("constant", the default), the nearest element ("edge"), those
   * mirrored at the edge element ("reflect") or at the edge ("symmetric"), or those from the other end
   * ("wrap").
   */
  readonly mode?: "constant" | "edge" | "reflect" | "symmetric" | "wrap" | undefined;
  /** The value of "constant", 0 if absent. */
  readonly value?: number | boolean | bigint | undefined;
}

/**
 * The array with elements added before and after each axis.
 *
 * @throws {ShapeError} A width is negative, there is not one pair for each axis, or an axis without
 *   elements has none to repeat.
 */
export function pad<D extends DType>(
  a: NDArray<D>,
  width: PadWidth,
  options?: PadOptions,
): NDArray<D> {
  const { shape, dtype } = a;
  const widths = padWidths(width, shape.length);
  const mode = options?.mode ?? "constant";
  if (mode === "constant") {
    const lengths = shape.map((n, i) => n + widths[i]![0] + widths[i]![1]);
    const like = { dtype, device: a.device }, value = options?.value ?? 0;
    const isLarge = a.nbytes >= LARGE;
    if (isLarge) fillValue(value, "pad");
    const padded = isLarge ? empty(lengths, like) : full(lengths, value, like);
    if (isLarge) fillBorders(padded, shape, widths, value);
    if (a.size > 0) padded.set(a, ...middleOf(shape, widths));
    return padded;
  }
  const place = places[mode];
  if (place === undefined) {
    throw new GpukitError(
      `pad: mode is one of constant, ${Object.keys(places).join(", ")}, got ${kindOf(mode)}`,
      { op: "pad" },
    );
  }
  let padded = alias(a);
  widths.forEach(([before, after], axis) => {
    if (before + after === 0) return;
    const n = shape[axis]!;
    if (n === 0) {
      padded.dispose();
      throw new ShapeError(
        `pad: axis ${axis} of [${shape.join(", ")}] has no element for the mode "${mode}"`,
        { op: "pad" },
      );
    }
    const indices = new BigInt64Array(n + before + after);
    for (let i = 0; i < indices.length; i++) indices[i] = BigInt(place(i - before, n));
    using list = array(indices, { device: a.device });
    using from = padded;
    padded = take(from, list, { axis });
  });
  if (widths.some(([before, after]) => before + after > 0)) return padded;
  using same = padded;
  return same.clone();
}

const middleOf = (shape: readonly number[], widths: readonly (readonly [number, number])[]) =>
  shape.map((n, i) => `${widths[i]![0]}:${widths[i]![0] + n}`);

// Bytes from which on writing the middle twice costs more than an op for each side.
const LARGE = 1 << 20;

// Fills what lies around the middle of length `shape`: before and after it along each axis.
function fillBorders(
  padded: NDArray,
  shape: readonly number[],
  widths: readonly (readonly [number, number])[],
  value: number | boolean | bigint,
): void {
  const middle = middleOf(shape, widths);
  widths.forEach(([before, after], axis) => {
    const inside = middle.slice(0, axis);
    if (before > 0) padded.set(value, ...inside, `:${before}`);
    if (after > 0) padded.set(value, ...inside, `${before + shape[axis]!}:`);
  });
}

const modulo = (i: number, n: number) => ((i % n) + n) % n;

// Which of n elements stands at place i, that may lie outside.
const places: Readonly<Record<string, (i: number, n: number) => number>> = {
  edge: (i, n) => Math.min(Math.max(i, 0), n - 1),
  reflect: (i, n) => {
    const at = n === 1 ? 0 : modulo(i, 2 * (n - 1));
    return Math.min(at, 2 * (n - 1) - at);
  },
  symmetric: (i, n) => {
    const at = modulo(i, 2 * n);
    return Math.min(at, 2 * n - 1 - at);
  },
  wrap: (i, n) => modulo(i, n),
};

function padWidths(width: PadWidth, ndim: number): readonly (readonly [number, number])[] {
  const given = typeof width === "number" ? [width, width] : width;
  const isPair = Array.isArray(given) && given.length === 2 && typeof given[0] === "number";
  const widths = isPair
    ? new Array<readonly [number, number]>(ndim).fill(given as [number, number])
    : given as readonly (readonly [number, number])[];
  const isFine = Array.isArray(widths) && widths.length === ndim &&
    widths.every((pair) =>
      Array.isArray(pair) && pair.length === 2 &&
      pair.every((n) => Number.isSafeInteger(n) && n >= 0)
    );
  if (isFine) return widths;
  throw new ShapeError(
    `pad: expects a width, a pair [before, after] or one such pair for each of ${ndim} axes, ` +
      `of whole numbers from 0 on`,
    { op: "pad" },
  );
}

/**
 * The differences of neighbours along an axis, `n` times over; of bool: do they differ?
 *
 * @throws {ShapeError} The axis is out of range, or the array has no axes.
 */
export function diff<D extends DType>(
  a: NDArray<D>,
  options?: { readonly n?: number | undefined; readonly axis?: number | undefined },
): NDArray<D> {
  const axis = axisOf(options?.axis ?? -1, a.ndim, "diff");
  const n = whole(options?.n ?? 1, "n", "diff");
  if (n < 0) throw new ShapeError(`diff: n must not be negative, got ${n}`, { op: "diff" });
  const before = new Array<string>(axis).fill(":");
  let result = alias(a);
  for (let i = 0; i < n; i++) {
    using from = result;
    using later = at(from, ...before, "1:");
    using earlier = at(from, ...before, ":-1");
    result = (a.dtype === "bool" ? notEqual(later, earlier) : sub(later, earlier)) as NDArray<D>;
  }
  if (n > 0) return result;
  using same = result;
  return same.clone();
}

/**
 * Of a matrix (or a batch of them) its diagonal, `k` above the main one (negative: below); of a vector
 * the matrix that has it there.
 *
 * @throws {ShapeError} The array has no axes.
 */
export function diag<D extends DType>(
  a: NDArray<D>,
  options?: { readonly k?: number | undefined },
): NDArray<D> {
  const k = whole(options?.k ?? 0, "k", "diag");
  if (a.ndim !== 1) {
    using found = diagonal(a, k);
    return found.clone();
  }
  const n = a.size + Math.abs(k);
  const matrix = zeros([n, n], { dtype: a.dtype, device: a.device });
  using place = diagonal(matrix, k);
  place.copyFrom(a);
  return matrix;
}

/**
 * The elements on and below a diagonal of the last two axes (`k` above the main one), zeros above.
 *
 * @throws {ShapeError} The array has fewer than two axes.
 */
export function tril<D extends DType>(
  a: NDArray<D>,
  options?: { readonly k?: number | undefined },
): NDArray<D> {
  using isBelow = belowDiagonal(a, whole(options?.k ?? 0, "k", "tril"), "tril");
  return where(isBelow, a, 0) as NDArray<D>;
}

/**
 * The elements on and above a diagonal of the last two axes (`k` above the main one), zeros below.
 *
 * @throws {ShapeError} The array has fewer than two axes.
 */
export function triu<D extends DType>(
  a: NDArray<D>,
  options?: { readonly k?: number | undefined },
): NDArray<D> {
  using isBelow = belowDiagonal(a, whole(options?.k ?? 0, "k", "triu") - 1, "triu");
  return where(isBelow, 0, a) as NDArray<D>;
}

// Which elements of the last two axes lie on diagonal k or below.
function belowDiagonal(a: NDArray, k: number, op: string): NDArray<"bool"> {
  const [rows, columns] = a.shape.slice(-2);
  if (rows === undefined || columns === undefined) {
    throw new ShapeError(`${op}: expects at least two axes, the shape is [${a.shape.join(", ")}]`, {
      op,
    });
  }
  const { device } = a;
  using row = arange(k, k + rows, { dtype: "int64", device });
  using upright = expandDims(row, 1);
  using column = arange(0, columns, { dtype: "int64", device });
  return greaterEqual(upright, column);
}
