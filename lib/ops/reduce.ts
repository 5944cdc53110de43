// Reductions and scans. `axis` is a number or a list, negative ones count from the end; without it all
// axes are reduced. `keepdims` leaves reduced axes with length 1.
//
// All throw ShapeError (an axis out of range or twice; `out` of another shape; min, max, argmin and
// argmax of no elements), DTypeError and DisposedError.

import type { DType, FloatOf, WideOf } from "../array/dtype.ts";
import type { NDArray } from "../array/ndarray.ts";
import { ALL_AXES, type OpOptions, reduce, type ReduceOptions, submit, whole } from "./submit.ts";
import { Op } from "./table.ts";

/** What reductions take whose dtype follows from the operand's. */
export type PlainReduceOptions = Omit<ReduceOptions, "dtype">;

/** The sum over axes; integers and bool widen to 64 bits. */
export function sum<D extends DType, R extends DType = WideOf<D>>(
  a: NDArray<D>,
  options?: ReduceOptions<R>,
): NDArray<R> {
  return reduce(Op.sum, a, options) as NDArray<R>;
}

/** The arithmetic mean over axes; integers give float32. */
export function mean<D extends DType, R extends DType = FloatOf<D>>(
  a: NDArray<D>,
  options?: ReduceOptions<R>,
): NDArray<R> {
  return reduce(Op.mean, a, options) as NDArray<R>;
}

/** The product over axes; integers and bool widen to 64 bits. */
export function prod<D extends DType, R extends DType = WideOf<D>>(
  a: NDArray<D>,
  options?: ReduceOptions<R>,
): NDArray<R> {
  return reduce(Op.prod, a, options) as NDArray<R>;
}

/** The smallest element over axes; NaN if any is NaN. */
export function min<D extends DType>(a: NDArray<D>, options?: PlainReduceOptions): NDArray<D> {
  return reduce(Op.min, a, options) as NDArray<D>;
}

/** The largest element over axes; NaN if any is NaN. */
export function max<D extends DType>(a: NDArray<D>, options?: PlainReduceOptions): NDArray<D> {
  return reduce(Op.max, a, options) as NDArray<D>;
}

/** The place of the first smallest element along an axis, or in the flattened array. */
export function argmin(a: NDArray, options?: PlainReduceOptions): NDArray<"int64"> {
  return reduce(Op.argmin, a, options) as NDArray<"int64">;
}

/** The place of the first largest element along an axis, or in the flattened array. */
export function argmax(a: NDArray, options?: PlainReduceOptions): NDArray<"int64"> {
  return reduce(Op.argmax, a, options) as NDArray<"int64">;
}

/** Is any element over axes non-zero? */
export function any(a: NDArray, options?: PlainReduceOptions): NDArray<"bool"> {
  return reduce(Op.any, a, options) as NDArray<"bool">;
}

/** Are all elements over axes non-zero? */
export function all(a: NDArray, options?: PlainReduceOptions): NDArray<"bool"> {
  return reduce(Op.all, a, options) as NDArray<"bool">;
}

/** What running sums take. */
export interface CumulativeOptions<D extends DType = DType> extends OpOptions {
  /** The axis along which it runs; that of the flattened array if absent. */
  readonly axis?: number | null | undefined;
  /** The result's dtype. */
  readonly dtype?: D | undefined;
}

/** The running sum along an axis, or of the flattened array. */
export function cumsum<D extends DType, R extends DType = WideOf<D>>(
  a: NDArray<D>,
  options?: CumulativeOptions<R>,
): NDArray<R> {
  const axis = options?.axis ?? null;
  const args = axis === null
    ? { flags: ALL_AXES, dtype: options?.dtype }
    : { params: [whole(axis, "axis", "cumsum")], dtype: options?.dtype };
  return submit(Op.cumsum, [a], args, options) as NDArray<R>;
}
