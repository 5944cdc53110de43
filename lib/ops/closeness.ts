// Comparison within tolerances, and of whole arrays.
//
// All throw ShapeError (operands do not broadcast), DTypeError (no common dtype), DeviceError (operands on
// several devices) and DisposedError. What gives a JavaScript boolean waits for the values.

import { astype } from "../array/copy.ts";
import type { DType } from "../array/dtype.ts";
import { handleOf, kindOf, type NDArray } from "../array/ndarray.ts";
import { alias } from "../array/views.ts";
import { GpukitError } from "../errors.ts";
import { abs, equal, fma, isnan, logicalAnd, logicalOr } from "./elementwise.ts";
import { all } from "./reduce.ts";
import { type Operand, type OpOptions, ternary } from "./submit.ts";
import { Op } from "./table.ts";

/** How far elements may be apart. */
export interface ToleranceOptions {
  /** For each element of `b`, this part of its absolute value; 1e-5 if absent. */
  readonly rtol?: number | undefined;
  /** The same for all elements; 1e-8 if absent. */
  readonly atol?: number | undefined;
  /** Is NaN close to NaN? */
  readonly equalNan?: boolean | undefined;
}

/** What `isclose` takes. */
export interface CloseOptions extends ToleranceOptions, OpOptions {}

/**
 * Is each element of `a` close to that of `b`: |a - b| <= atol + rtol * |b|, or both the same infinity?
 * The rule is NumPy's and not symmetric. Computed in the common dtype, but float16, bfloat16 and small
 * integers in float32, and integers of 32 and 64 bits in float64.
 *
 * @throws {GpukitError} A tolerance is no number from 0 on.
 */
export function isclose(a: NDArray, b: Operand, options?: CloseOptions): NDArray<"bool"> {
  const [rtol, atol] = [tolerance(options, "rtol", 1e-5), tolerance(options, "atol", 1e-8)];
  const isWide = [a, b].some((x) => handleOf(x) !== 0 && wide.has((x as NDArray).dtype));
  using x = comparable(a, isWide);
  if (handleOf(b) === 0) {
    const reach = atol + rtol * Math.abs(Number(b));
    return orBothNaN(ternary(Op.isWithin, x, b, reach, options) as NDArray<"bool">, x, b, options);
  }
  using y = comparable(b as NDArray, isWide);
  using length = abs(y);
  using reach = fma(length, rtol, atol);
  return orBothNaN(ternary(Op.isWithin, x, y, reach, options) as NDArray<"bool">, x, y, options);
}

const wide: ReadonlySet<DType> = new Set(["int32", "uint32", "int64", "uint64"]);

function tolerance(options: CloseOptions | undefined, name: "rtol" | "atol", usual: number) {
  const value = options?.[name] ?? usual;
  if (typeof value === "number" && value >= 0) return value;
  throw new GpukitError(`isclose: ${name} must be a number from 0 on, got ${kindOf(value)}`, {
    op: "isclose",
  });
}

// In the dtype in which it is compared; another handle where it has that already.
function comparable(a: NDArray, isWide: boolean): NDArray {
  const { dtype } = a;
  if (dtype === "complex64" || dtype === "float64") return alias(a);
  if (isWide) return astype(a, "float64");
  return dtype === "float32" ? alias(a) : astype(a, "float32");
}

function orBothNaN(
  result: NDArray<"bool">,
  a: NDArray,
  b: Operand,
  options: CloseOptions | undefined,
): NDArray<"bool"> {
  if (!options?.equalNan) return result;
  if (handleOf(b) === 0 && !Number.isNaN(Number(b))) return result;
  using nan = isnan(a);
  using other = handleOf(b) === 0 ? alias(nan) : isnan(b);
  using both = logicalAnd(nan, other);
  return logicalOr(result, both, { out: result, stream: options.stream });
}

/** Are all elements of `a` close to those of `b`, as `isclose` says? True for no elements. */
export function allclose(a: NDArray, b: Operand, options?: ToleranceOptions): boolean {
  using close = isclose(a, b, options);
  return isTrue(close);
}

/** What `arrayEqual` takes. */
export interface EqualOptions {
  /** Is NaN equal to NaN? */
  readonly equalNan?: boolean | undefined;
}

/** Have `a` and `b` the same shape and equal elements, whatever their dtypes? */
export function arrayEqual(a: NDArray, b: NDArray, options?: EqualOptions): boolean {
  const [one, other] = [a.shape, b.shape];
  if (one.length !== other.length || one.some((length, i) => length !== other[i])) return false;
  using same = equal(a, b);
  if (!options?.equalNan) return isTrue(same);
  using equals = orBothNaN(same, a, b, options);
  return isTrue(equals);
}

function isTrue(a: NDArray<"bool">): boolean {
  using every = all(a);
  return every.item();
}
