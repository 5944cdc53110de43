// Quantiles, from the elements in order.

import type { DType, FloatOf } from "../array/dtype.ts";
import { kindOf, type NDArray } from "../array/ndarray.ts";
import { at, expandDims, reshape, transpose } from "../array/views.ts";
import { GpukitError, ShapeError } from "../errors.ts";
import { add, equal, isnan, mul, sub, where } from "./elementwise.ts";
import { stack } from "./joining.ts";
import { sort } from "./sort.ts";
import { axisOf, create, type OpOptions, submit, VARIANT, wholes } from "./submit.ts";
import { Op } from "./table.ts";

/** What median and quantile take. */
export interface QuantileOptions extends OpOptions {
  /** The axis or axes to reduce; all of them if absent. */
  readonly axis?: number | readonly number[] | null | undefined;
  /** Do the reduced axes stay, with length 1? */
  readonly keepdims?: boolean | undefined;
}

/**
 * The value below which the part `q` of the elements over axes lies, 0 to 1, interpolated linearly
 * between two neighbours as NumPy does. Several `q` give a first axis of their own. Integers give
 * float32; NaN where an element is NaN, or where there is none.
 *
 * @throws {GpukitError} A `q` is not between 0 and 1.
 * @throws {ShapeError} An axis is out of range or named twice, or `out` has another shape.
 * @throws {DTypeError} The array is complex, or `out` has another dtype.
 */
export function quantile<D extends DType>(
  a: NDArray<D>,
  q: number | readonly number[],
  options?: QuantileOptions,
): NDArray<FloatOf<D>> {
  for (const x of typeof q === "number" ? [q] : q) {
    if (typeof x === "number" && x >= 0 && x <= 1) continue;
    throw new GpukitError(`quantile: q must be from 0 to 1, got ${kindOf(x)}`, { op: "quantile" });
  }
  return ofSorted("quantile", a, q, options) as NDArray<FloatOf<D>>;
}

/**
 * The middle one of the elements over axes, or the mean of the two in the middle. Integers give float32;
 * NaN where an element is NaN, or where there is none.
 *
 * @throws {ShapeError} An axis is out of range or named twice, or `out` has another shape.
 * @throws {DTypeError} The array is complex, or `out` has another dtype.
 */
export function median<D extends DType>(
  a: NDArray<D>,
  options?: QuantileOptions,
): NDArray<FloatOf<D>> {
  return ofSorted("median", a, 0.5, options) as NDArray<FloatOf<D>>;
}

function ofSorted(
  op: string,
  a: NDArray,
  q: number | readonly number[],
  options: QuantileOptions | undefined,
): NDArray {
  const stream = { stream: options?.stream };
  const given = options?.axis ?? null;
  const axes = given === null
    ? a.shape.map((_, i) => i)
    : wholes(given, "axis", op).map((axis) => axisOf(axis, a.ndim, op));
  if (new Set(axes).size !== axes.length) {
    throw new ShapeError(`${op}: an axis is named twice in [${axes.join(", ")}]`, { op });
  }
  const kept = a.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const shape = kept.map((i) => a.shape[i]!);
  const length = axes.reduce((product, i) => product * a.shape[i]!, 1);
  using lastAxes = transpose(a, [...kept, ...axes]);
  using lines = reshape(lastAxes, [...shape, length]);
  using sorted = sort(lines, stream);
  const isFloat = /float/.test(a.dtype);
  const pick = (i: number): NDArray<"float64"> => {
    using element = at(sorted, "...", i);
    return cast(element, "float64", stream) as NDArray<"float64">;
  };
  using last = length > 0 ? pick(length - 1) : undefined;
  const one = (part: number): NDArray => {
    using value = last === undefined
      ? undefined
      : between(pick, last, part, length, isFloat, stream);
    if (value !== undefined) return cast(value, isFloat ? a.dtype : "float32", stream);
    const where = { device: a.device, ...stream };
    using nothing = create(Op.full, op, [NaN, ...shape], "float64", where);
    return cast(nothing, isFloat ? a.dtype : "float32", stream);
  };
  const results = (typeof q === "number" ? [q] : q).map(one);
  const extra = typeof q === "number" ? 0 : 1;
  let result = results[0]!;
  if (extra) {
    result = stack(results, { axis: 0 });
    for (const one of results) one.dispose();
  }
  if (options?.keepdims && axes.length > 0) {
    using flat = result;
    result = expandDims(flat, axes.map((axis) => axis + extra));
  }
  if (options?.out === undefined) return result;
  using value = result;
  return submit(Op.copy, [value], { flags: VARIANT, name: op }, options);
}

// The value at `part` of the way through the sorted lines, of which `last` are the last elements. As
// NumPy has it: from the nearer neighbour, so that both ends are exact.
function between(
  pick: (i: number) => NDArray<"float64">,
  last: NDArray,
  part: number,
  length: number,
  isFloat: boolean,
  stream: OpOptions,
): NDArray {
  const place = part * (length - 1), low = Math.floor(place), share = place - low;
  const value = share === 0 ? pick(low) : mixed(pick, low, share, stream);
  if (!isFloat) return value;
  using known = value;
  using unknown = isnan(last, stream);
  return where(unknown, last, known, stream);
}

// A `share` of the way from element `low` to the next one.
function mixed(
  pick: (i: number) => NDArray<"float64">,
  low: number,
  share: number,
  stream: OpOptions,
): NDArray {
  using left = pick(low);
  using right = pick(low + 1);
  using distance = sub(right, left, stream);
  using step = mul(distance, share >= 0.5 ? share - 1 : share, stream);
  using between = add(share >= 0.5 ? right : left, step, stream);
  using same = equal(left, right, stream); // infinities have no distance
  return where(same, left, between, stream);
}

function cast(a: NDArray, dtype: DType, options: OpOptions): NDArray {
  return submit(Op.copy, [a], { dtype, name: "astype" }, options);
}
