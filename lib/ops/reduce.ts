// Reductions and scans. `axis` is a number or a list, negative ones count from the end; without it all
// axes are reduced. `keepdims` leaves reduced axes with length 1.
//
// All throw ShapeError (an axis out of range or twice; `out` of another shape; min, max, argmin and
// argmax of no elements), DTypeError and DisposedError.

import type { DType, FloatOf, WideOf } from "../array/dtype.ts";
import { kindOf, type NDArray } from "../array/ndarray.ts";
import { GpukitError } from "../errors.ts";
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

/** How many elements over axes are not zero; NaN counts. */
export function countNonzero(a: NDArray, options?: PlainReduceOptions): NDArray<"int64"> {
  return reduce(Op.countNonzero, a, options) as NDArray<"int64">;
}

/** What var and std take. */
export interface VarianceOptions<D extends DType = DType> extends ReduceOptions<D> {
  /** What is taken off the number of elements before dividing by it: 1 for a sample. 0 if absent. */
  readonly correction?: number | undefined;
}

/**
 * The variance over axes: the mean of the squared distances from the mean. Integers give float32.
 *
 * Sums run in double precision, in blocks that are merged as Chan, Golub and LeVeque describe. With
 * no more elements than `correction` it is infinity or NaN, as in NumPy.
 *
 * @throws {GpukitError} `correction` is not a number.
 */
function variance<D extends DType, R extends DType = FloatOf<D>>(
  a: NDArray<D>,
  options?: VarianceOptions<R>,
): NDArray<R> {
  return reduce(
    Op.var,
    a,
    options,
    number(options?.correction ?? 0, "correction", "var"),
  ) as NDArray<
    R
  >;
}
export { variance as var };

/**
 * The standard deviation over axes: the square root of `var`.
 *
 * @throws {GpukitError} `correction` is not a number.
 */
export function std<D extends DType, R extends DType = FloatOf<D>>(
  a: NDArray<D>,
  options?: VarianceOptions<R>,
): NDArray<R> {
  return reduce(
    Op.std,
    a,
    options,
    number(options?.correction ?? 0, "correction", "std"),
  ) as NDArray<
    R
  >;
}

/** What norm takes. */
export interface NormOptions<D extends DType = DType> extends ReduceOptions<D> {
  /**
   * The order, 2 if absent: the sum of |x| to its power, to the power of 1 / ord. Infinity and -Infinity
   * give the largest and the smallest |x|, 0 the number of non-zero elements.
   */
  readonly ord?: number | undefined;
}

/**
 * The norm of the elements over axes seen as one vector, never that of a matrix: PyTorch's
 * linalg.vector_norm. Integers give float32.
 *
 * @throws {GpukitError} `ord` is not a number.
 * @throws {ShapeError} There is no element to choose from, and `ord` is infinite.
 */
export function norm<D extends DType, R extends DType = FloatOf<D>>(
  a: NDArray<D>,
  options?: NormOptions<R>,
): NDArray<R> {
  return reduce(Op.norm, a, options, number(options?.ord ?? 2, "ord", "norm")) as NDArray<R>;
}

/**
 * The logarithm of the sum of e to the power of the elements over axes. Elements are taken relative to
 * the largest one, so that nothing overflows on the way. Integers give float32; of nothing it is
 * -Infinity.
 */
export function logsumexp<D extends DType, R extends DType = FloatOf<D>>(
  a: NDArray<D>,
  options?: ReduceOptions<R>,
): NDArray<R> {
  return reduce(Op.logsumexp, a, options) as NDArray<R>;
}

function number(x: unknown, what: string, op: string): number {
  if (typeof x === "number" && !Number.isNaN(x)) return x;
  throw new GpukitError(`${op}: ${what} must be a number, got ${kindOf(x)}`, { op });
}

/** What running sums and products take. */
export interface CumulativeOptions<D extends DType = DType> extends OpOptions {
  /** The axis along which it runs; that of the flattened array if absent. */
  readonly axis?: number | null | undefined;
  /** The result's dtype. */
  readonly dtype?: D | undefined;
}

/** The running sum along an axis, or of the flattened array; integers and bool widen to 64 bits. */
export function cumsum<D extends DType, R extends DType = WideOf<D>>(
  a: NDArray<D>,
  options?: CumulativeOptions<R>,
): NDArray<R> {
  return scan(Op.cumsum, "cumsum", a, options) as NDArray<R>;
}

/** The running product along an axis, or of the flattened array; integers and bool widen to 64 bits. */
export function cumprod<D extends DType, R extends DType = WideOf<D>>(
  a: NDArray<D>,
  options?: CumulativeOptions<R>,
): NDArray<R> {
  return scan(Op.cumprod, "cumprod", a, options) as NDArray<R>;
}

function scan(op: number, name: string, a: NDArray, options?: CumulativeOptions): NDArray {
  const axis = options?.axis ?? null;
  const args = axis === null
    ? { flags: ALL_AXES, dtype: options?.dtype }
    : { params: [whole(axis, "axis", name)], dtype: options?.dtype };
  return submit(op, [a], args, options);
}
