// Fourier transforms: `gk.fft`. Of any length, in float32. As numpy.fft:
//
//   X[k] = factor * sum over j of x[j] exp(-2 pi i j k / n)     fft, rfft
//   x[j] = factor * sum over k of X[k] exp(+2 pi i j k / n)     ifft, irfft
//
// with 1 and 1 / n as factors for norm "backward", 1 / n and 1 for "forward", 1 / sqrt(n) both for
// "ortho".

import { array } from "../array/create.ts";
import type { DType } from "../array/dtype.ts";
import { handleOf, kindOf, type NDArray } from "../array/ndarray.ts";
import { DTypeError, GpukitError, ShapeError } from "../errors.ts";
import { type CreateOptions, dtypeCode, type OpOptions, submit, VARIANT, whole } from "./submit.ts";
import { Op } from "./table.ts";

/** Which of a transform and its inverse divides by the length, or both by its root. */
export type Norm = "backward" | "ortho" | "forward";

/** What a transform takes. */
export interface FFTOptions extends OpOptions {
  /**
   * The length of the transform: operands are cut, or filled up with zeros. The operand's length if
   * absent; for `irfft` twice that less 2.
   */
  readonly n?: number | undefined;
  /** The axis; the last one if absent. */
  readonly axis?: number | undefined;
  /** "backward" if absent: the inverse transforms divide by the length. */
  readonly norm?: Norm | undefined;
}

/** What `fftfreq` and `rfftfreq` take. */
export interface FrequencyOptions<D extends DType = DType> extends CreateOptions<D> {
  /** The distance of two samples, 1 if absent. */
  readonly d?: number | undefined;
}

/**
 * The discrete Fourier transform along an axis: complex64. Real operands become complex64 first;
 * `rfft` is twice as fast for them.
 *
 * @throws {ShapeError} The axis is out of range, the operand has no axes, or the length is below 1.
 * @throws {DTypeError} The operand is float64, for which there is no complex dtype.
 */
export function fft(a: NDArray, options?: FFTOptions): NDArray<"complex64"> {
  return transform(Op.fft, "fft", 0, a, options) as NDArray<"complex64">;
}

/**
 * The inverse of `fft`: complex64.
 *
 * @throws {ShapeError} The axis is out of range, the operand has no axes, or the length is below 1.
 * @throws {DTypeError} The operand is float64, for which there is no complex dtype.
 */
export function ifft(a: NDArray, options?: FFTOptions): NDArray<"complex64"> {
  return transform(Op.fft, "ifft", VARIANT, a, options) as NDArray<"complex64">;
}

/**
 * The first n / 2 + 1 numbers (rounded down) of the Fourier transform of real numbers along an axis:
 * complex64. The others are their conjugates: X[n - k] = conj(X[k]).
 *
 * @throws {ShapeError} The axis is out of range, the operand has no axes, or the length is below 1.
 * @throws {DTypeError} The operand is complex, or float64, for which there is no complex dtype.
 */
export function rfft(a: NDArray, options?: FFTOptions): NDArray<"complex64"> {
  return transform(Op.rfft, "rfft", 0, a, options) as NDArray<"complex64">;
}

/**
 * The inverse of `rfft`: n real numbers (float32) from the first n / 2 + 1 of their transform. Give `n`
 * where it is odd. The imaginary parts of the first number and, for an even n, of the last one count
 * as 0.
 *
 * @throws {ShapeError} The axis is out of range, the operand has no axes, or the length is below 1.
 * @throws {DTypeError} The operand is float64, for which there is no complex dtype.
 */
export function irfft(a: NDArray, options?: FFTOptions): NDArray<"float32"> {
  return transform(Op.irfft, "irfft", VARIANT, a, options) as NDArray<"float32">;
}

/**
 * The frequencies of the numbers that `fft` gives, in cycles per unit of `d`: [0, 1, ..., (n - 1) / 2,
 * -n / 2, ..., -1] / (n d), with both bounds rounded down. float32 if no dtype is given.
 *
 * @throws {ShapeError} n is not a whole number of 1 or more.
 * @throws {DTypeError} The dtype is not one of floats.
 */
export function fftfreq<D extends DType = "float32">(
  n: number,
  options?: FrequencyOptions<D>,
): NDArray<D> {
  const positive = Math.ceil(lengthOf(n, "fftfreq") / 2);
  return frequencies("fftfreq", n, n, (i) => i < positive ? i : i - n, options);
}

/**
 * The frequencies of the numbers that `rfft` gives, in cycles per unit of `d`: [0, 1, ..., n / 2] /
 * (n d), with the bound rounded down. float32 if no dtype is given.
 *
 * @throws {ShapeError} n is not a whole number of 1 or more.
 * @throws {DTypeError} The dtype is not one of floats.
 */
export function rfftfreq<D extends DType = "float32">(
  n: number,
  options?: FrequencyOptions<D>,
): NDArray<D> {
  const count = Math.floor(lengthOf(n, "rfftfreq") / 2) + 1;
  return frequencies("rfftfreq", n, count, (i) => i, options);
}

function transform(
  op: number,
  name: string,
  flags: number,
  a: NDArray,
  options: FFTOptions | undefined,
): NDArray {
  const axis = options?.axis === undefined ? -1 : whole(options.axis, "axis", name);
  let n: number;
  if (options?.n !== undefined) {
    n = whole(options.n, "n", name);
  } else {
    // Where there is no such axis, C says so.
    const length = handleOf(a) === 0 ? 1 : a.shape.at(axis) ?? 1;
    n = op === Op.irfft ? 2 * (length - 1) : length;
  }
  const factor = factorOf(options?.norm, n, flags === VARIANT, name);
  return submit(op, [a], { params: [axis, n, factor], flags, name }, options);
}

function factorOf(norm: Norm | undefined, n: number, isInverse: boolean, op: string): number {
  switch (norm) {
    case undefined:
    case "backward":
      return isInverse ? 1 / n : 1;
    case "forward":
      return isInverse ? 1 : 1 / n;
    case "ortho":
      return 1 / Math.sqrt(n);
    default:
      throw new GpukitError(
        `${op}: norm must be "backward", "ortho" or "forward", got ${kindOf(norm)}`,
        { op },
      );
  }
}

function lengthOf(n: number, op: string): number {
  if (whole(n, "n", op) >= 1) return n;
  throw new ShapeError(`${op}: n must be 1 or more, got ${n}`, { op });
}

function frequencies<D extends DType>(
  op: string,
  n: number,
  count: number,
  cycles: (i: number) => number,
  options: FrequencyOptions<D> | undefined,
): NDArray<D> {
  const { d = 1, dtype = "float32" as D, device } = options ?? {};
  if (typeof d !== "number" || !(Math.abs(d) > 0 && Math.abs(d) < Infinity)) {
    throw new GpukitError(`${op}: d must be a finite number other than 0, got ${kindOf(d)}`, {
      op,
    });
  }
  dtypeCode(dtype, op);
  if (!dtype.includes("float")) {
    throw new DTypeError(`${op}: ${dtype} holds no fractions; give a dtype of floats`, { op });
  }
  const values = Float64Array.from({ length: count }, (_, i) => cycles(i) / (n * d));
  return array(values, { dtype, device });
}
