// The elementwise ops as functions: one line each, that names a row of the op table.
//
// Operands are arrays or numbers; arrays broadcast as in NumPy, numbers take the arrays' dtype. All
// take `{ out, stream }`: `out` has exactly the result's shape and dtype and may be an operand.
//
// All throw ShapeError (operands do not broadcast, or `out` has another shape), DTypeError (no common
// dtype, one that the op does not take, or a number that the arrays' integer dtype cannot hold),
// DeviceError (operands on several devices), DisposedError and OutOfMemoryError.

import type { FloatOf, RealOf } from "../array/dtype.ts";
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

/** The absolute value of each element; of complex64 the length, as float32. */
export function abs<A extends Operand>(
  a: A,
  options?: OpOptions,
): NDArray<RealOf<Common<DTypeOf<A>, never>>> {
  return unary(Op.abs, a, options) as NDArray<never>;
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

/** The cube root of each element. */
export function cbrt<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.cbrt, a, options) as Float<A>;
}

/** 1 divided by the square root of each element; infinity for 0, NaN for negative ones. */
export function rsqrt<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.rsqrt, a, options) as Float<A>;
}

/** e to the power of each element, less 1, without the rounding error that `exp(x) - 1` has near 0. */
export function expm1<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.expm1, a, options) as Float<A>;
}

/** 2 to the power of each element. */
export function exp2<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.exp2, a, options) as Float<A>;
}

/** The natural logarithm of 1 + x, without the rounding error of `log(1 + x)` near 0. */
export function log1p<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.log1p, a, options) as Float<A>;
}

/** The logarithm to base 2 of each element. */
export function log2<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.log2, a, options) as Float<A>;
}

/** The logarithm to base 10 of each element. */
export function log10<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.log10, a, options) as Float<A>;
}

/** The sine of each element, in radians. */
export function sin<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.sin, a, options) as Float<A>;
}

/** The cosine of each element, in radians. */
export function cos<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.cos, a, options) as Float<A>;
}

/** The tangent of each element, in radians. */
export function tan<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.tan, a, options) as Float<A>;
}

/** The angle in [-π/2, π/2] whose sine each element is; NaN outside of [-1, 1]. */
export function arcsin<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.arcsin, a, options) as Float<A>;
}

/** The angle in [0, π] whose cosine each element is; NaN outside of [-1, 1]. */
export function arccos<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.arccos, a, options) as Float<A>;
}

/** The angle in [-π/2, π/2] whose tangent each element is. */
export function arctan<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.arctan, a, options) as Float<A>;
}

/** The hyperbolic sine of each element. */
export function sinh<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.sinh, a, options) as Float<A>;
}

/** The hyperbolic cosine of each element. */
export function cosh<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.cosh, a, options) as Float<A>;
}

/** The error function of each element: 2 / √π times the integral of exp(-t²) from 0 to x. */
export function erf<A extends Operand>(a: A, options?: OpOptions): Float<A> {
  return unary(Op.erf, a, options) as Float<A>;
}

/** The smallest integer not below each element; the dtype stays. */
export function ceil<A extends Operand>(a: A, options?: OpOptions): Same<A> {
  return unary(Op.ceil, a, options) as Same<A>;
}

/** The nearest integer to each element, of two as near the even one; the dtype stays. */
export function round<A extends Operand>(a: A, options?: OpOptions): Same<A> {
  return unary(Op.round, a, options) as Same<A>;
}

/** Each element without its fraction; the dtype stays. */
export function trunc<A extends Operand>(a: A, options?: OpOptions): Same<A> {
  return unary(Op.trunc, a, options) as Same<A>;
}

/** Is each element an infinity (complex: either part)? */
export function isinf(a: Operand, options?: OpOptions): NDArray<"bool"> {
  return unary(Op.isinf, a, options) as NDArray<"bool">;
}

/** Is each element neither an infinity nor NaN? */
export function isfinite(a: Operand, options?: OpOptions): NDArray<"bool"> {
  return unary(Op.isfinite, a, options) as NDArray<"bool">;
}

/** Each element with every bit turned; of bool the opposite. Integers and bool only. */
export function bitwiseNot<A extends Operand>(a: A, options?: OpOptions): Same<A> {
  return unary(Op.bitwiseNot, a, options) as Same<A>;
}

/** The complex conjugate of each element; real ones stay. */
export function conj<A extends Operand>(a: A, options?: OpOptions): Same<A> {
  return unary(Op.conj, a, options) as Same<A>;
}

/** The angle in [-π, π] of each complex number; of real ones 0, or π where negative or -0. */
export function angle<A extends Operand>(
  a: A,
  options?: OpOptions,
): NDArray<RealOf<FloatOf<DTypeOf<A>>>> {
  return unary(Op.angle, a, options) as NDArray<never>;
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

/** The largest integers not above the quotients; of integers: 0 where b is 0. */
export function floorDivide<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return binary(Op.floorDivide, a, b, options) as Same<A, B>;
}

/** What is left of a after `floorDivide`, with the sign of b, as Python's %; of integers: 0 where b is 0. */
export function remainder<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return binary(Op.remainder, a, b, options) as Same<A, B>;
}

/** What is left of a after division towards 0, with the sign of a, as JavaScript's %; of integers: 0 where b is 0. */
export function fmod<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return binary(Op.fmod, a, b, options) as Same<A, B>;
}

/** Each a to the power of its b. A negative power of an integer is truncated: 0 but for 1 and -1. */
export function pow<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return binary(Op.pow, a, b, options) as Same<A, B>;
}

/** The square root of a² + b², without overflow on the way. */
export function hypot<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Float<A, B> {
  return binary(Op.hypot, a, b, options) as Float<A, B>;
}

/** The angle in [-π, π] of the point with ordinate a and abscissa b. */
export function arctan2<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Float<A, B> {
  return binary(Op.arctan2, a, b, options) as Float<A, B>;
}

/** Is exactly one of the elements non-zero? */
export function logicalXor(a: Operand, b: Operand, options?: OpOptions): NDArray<"bool"> {
  return binary(Op.logicalXor, a, b, options) as NDArray<"bool">;
}

/** The bits that are set in both elements. Integers and bool only. */
export function bitwiseAnd<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return binary(Op.bitwiseAnd, a, b, options) as Same<A, B>;
}

/** The bits that are set in either element. Integers and bool only. */
export function bitwiseOr<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return binary(Op.bitwiseOr, a, b, options) as Same<A, B>;
}

/** The bits that are set in one of the elements. Integers and bool only. */
export function bitwiseXor<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return binary(Op.bitwiseXor, a, b, options) as Same<A, B>;
}

/** Each a shifted left by b bits; 0 where b is its width or more, or negative. Integers only. */
export function leftShift<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return binary(Op.leftShift, a, b, options) as Same<A, B>;
}

/** Each a shifted right by b bits, its sign kept; a b of its width or more, or negative, leaves only the sign. Integers only. */
export function rightShift<A extends Operand, B extends Operand>(
  a: A,
  b: B,
  options?: OpOptions,
): Same<A, B> {
  return binary(Op.rightShift, a, b, options) as Same<A, B>;
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
