// The elementwise ops as functions: one line each, that names a row of the op table.
//
// Operands are arrays or numbers; arrays broadcast as in NumPy, numbers take the arrays' dtype. All
// take `{ out, stream }`: `out` has exactly the result's shape and dtype and may be an operand.
//
// All throw ShapeError (operands do not broadcast, or `out` has another shape), DTypeError (no common
// dtype, one that the op does not take, or a number that the arrays' integer dtype cannot hold),
// DeviceError (operands on several devices), DisposedError and OutOfMemoryError.

import type { FloatOf } from "../array/dtype.ts";
import type { NDArray } from "../array/ndarray.ts";
import { binary, ternary, unary } from "./submit.ts";
import type { Common, DTypeOf, Operand, OpOptions } from "./submit.ts";
import { Op } from "./table.ts";

/** The result of ops that keep their operands' common dtype. */
export type Same<A, B = never> = NDArray<Common<DTypeOf<A>, DTypeOf<B>>>;
/** The result of ops that leave the integers for float32. */
export type Float<A, B = never> = NDArray<FloatOf<Common<DTypeOf<A>, DTypeOf<B>>>>;

// ---- one operand

/** The negative of each element. */
export function neg<A extends Operand>(a: A, options?: OpOptions): Same<A> {
  return unary(Op.neg, a, options) as Same<A>;
}

/** The absolute value of each element. */
export function abs<A extends Operand>(a: A, options?: OpOptions): Same<A> {
  return unary(Op.abs, a, options) as Same<A>;
}

/** Each element times itself. */
export function square<A extends Operand>(a: A, options?: OpOptions): Same<A> {
  return unary(Op.square, a, options) as Same<A>;
}

/** The square root of each element; NaN for negative ones. */
export function sqrt<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.sqrt, a, options) as Float<A>;
}

/** 1 divided by each element. */
export function reciprocal<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.reciprocal, a, options) as Float<A>;
}

/** e to the power of each element. */
export function exp<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.exp, a, options) as Float<A>;
}

/** The natural logarithm of each element. */
export function log<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.log, a, options) as Float<A>;
}

/** The hyperbolic tangent of each element. */
export function tanh<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.tanh, a, options) as Float<A>;
}

/** The largest integer not above each element; the dtype stays. */
export function floor<A extends Operand>(a: A, options?: OpOptions): Same<A> {
  return unary(Op.floor, a, options) as Same<A>;
}

/** -1, 0 or 1 as each element is negative, zero or positive; NaN stays NaN. */
export function sign<A extends Operand>(a: A, options?: OpOptions): Same<A> {
  return unary(Op.sign, a, options) as Same<A>;
}

/** Is each element not a number? */
export function isnan(a: Operand, options?: OpOptions): NDArray<"bool"> {
  return unary(Op.isnan, a, options) as NDArray<"bool">;
}

/** Is each element zero or false? */
export function logicalNot(a: Operand, options?: OpOptions): NDArray<"bool"> {
  return unary(Op.logicalNot, a, options) as NDArray<"bool">;
}

// ---- two operands

/** The sums of the elements. */
export function add<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return binary(Op.add, a, b, options) as Same<A, B>;
}

/** The differences of the elements. */
export function sub<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return binary(Op.sub, a, b, options) as Same<A, B>;
}

/** The products of the elements. */
export function mul<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return binary(Op.mul, a, b, options) as Same<A, B>;
}

/** The quotients of the elements; integers give float32. */
export function div<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Float<A, B> {
  return binary(Op.div, a, b, options) as Float<A, B>;
}

/** The larger of each two elements; NaN if either is NaN. */
export function maximum<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return binary(Op.maximum, a, b, options) as Same<A, B>;
}

/** The smaller of each two elements; NaN if either is NaN. */
export function minimum<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return binary(Op.minimum, a, b, options) as Same<A, B>;
}

/** Is each a equal to its b? */
export function equal(a: Operand, b: Operand, options?: OpOptions): NDArray<"bool"> {
  return binary(Op.equal, a, b, options) as NDArray<"bool">;
}

/** Does each a differ from its b? */
export function notEqual(a: Operand, b: Operand, options?: OpOptions): NDArray<"bool"> {
  return binary(Op.notEqual, a, b, options) as NDArray<"bool">;
}

/** Is each a less than its b? */
export function less(a: Operand, b: Operand, options?: OpOptions): NDArray<"bool"> {
  return binary(Op.less, a, b, options) as NDArray<"bool">;
}

/** Is each a at most its b? */
export function lessEqual(a: Operand, b: Operand, options?: OpOptions): NDArray<"bool"> {
  return binary(Op.lessEqual, a, b, options) as NDArray<"bool">;
}

/** Is each a greater than its b? */
export function greater(a: Operand, b: Operand, options?: OpOptions): NDArray<"bool"> {
  return binary(Op.greater, a, b, options) as NDArray<"bool">;
}

/** Is each a at least its b? */
export function greaterEqual(a: Operand, b: Operand, options?: OpOptions): NDArray<"bool"> {
  return binary(Op.greaterEqual, a, b, options) as NDArray<"bool">;
}

/** Are both elements non-zero? */
export function logicalAnd(a: Operand, b: Operand, options?: OpOptions): NDArray<"bool"> {
  return binary(Op.logicalAnd, a, b, options) as NDArray<"bool">;
}

/** Is either element non-zero? */
export function logicalOr(a: Operand, b: Operand, options?: OpOptions): NDArray<"bool"> {
  return binary(Op.logicalOr, a, b, options) as NDArray<"bool">;
}

// ---- three operands

/** The element of `a` where `condition` is true (non-zero), else that of `b`. */
export function where<A extends Operand, B extends Operand>(
  condition: Operand,
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return ternary(Op.where, condition, a, b, options) as Same<A, B>;
}

/** `a * b + c`, for floats rounded once. */
export function fma<A extends Operand, B extends Operand, C extends Operand>(
  a: A,
  b: B,
  c: C,
  options?: OpOptions,
): NDArray<Common<Common<DTypeOf<A>, DTypeOf<B>>, DTypeOf<C>>> {
  return ternary(Op.fma, a, b, c, options) as NDArray<never>;
}

/** Each element held between `low` and `high`. */
export function clip<A extends Operand, L extends Operand, H extends Operand>(
  a: A,
  low: L,
  high: H,
  options?: OpOptions,
): NDArray<Common<Common<DTypeOf<A>, DTypeOf<L>>, DTypeOf<H>>> {
  return ternary(Op.clip, a, low, high, options) as NDArray<never>;
}
