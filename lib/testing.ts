// Assertions about arrays, for tests of programs that use gpukit. Where they fail they throw an error that
// shows how many elements differ, by how much at most, and the first of them.

import { array, type ArrayOptions, type NestedData, type TypedData } from "./array/create.ts";
import { astype } from "./array/copy.ts";
import { handleOf, type NDArray } from "./array/ndarray.ts";
import { at } from "./array/views.ts";
import { scope } from "./device/scope.ts";
import { GpukitError } from "./errors.ts";
import { isclose, type ToleranceOptions } from "./ops/closeness.ts";
import { abs, equal, isnan, logicalAnd, logicalOr, sub } from "./ops/elementwise.ts";

/** An array, or what `array` makes one from. */
export type ArrayLike = NDArray | NestedData | TypedData;

/** What an assertion about arrays throws. */
export class ArrayAssertionError extends GpukitError {
  static {
    this.prototype.name = "ArrayAssertionError";
  }
  /** Made by the library. */
  constructor(message: string, op: string) {
    super(message, { op }, "ASSERTION");
  }
}

/** Differences shown one by one. */
const SHOWN = 5;

/**
 * Asserts that all elements are close: |actual - expected| <= atol + rtol * |expected|, with `rtol` 1e-5
 * and `atol` 1e-8 where absent. NaN is close to NaN unless `equalNan` is false. Shapes must be the
 * same, but for an `expected` without axes; dtypes need not. Lists of numbers are read as float64.
 *
 * @throws {ArrayAssertionError} Some are not, or the shapes differ.
 */
export function assertAllclose(
  actual: ArrayLike,
  expected: ArrayLike,
  options?: ToleranceOptions,
): void {
  const { rtol = 1e-5, atol = 1e-8, equalNan = true } = options ?? {};
  const rule = `by more than atol + rtol * |expected|, with rtol = ${rtol} and atol = ${atol}`;
  check(
    "assertAllclose",
    actual,
    expected,
    rule,
    (a, b) => isclose(a, b, { rtol, atol, equalNan }),
  );
}

/**
 * Asserts that all elements are equal. NaN is equal to NaN unless `equalNan` is false. Shapes must be
 * the same, but for an `expected` without axes; dtypes need not. Lists of numbers are read as float64.
 *
 * @throws {ArrayAssertionError} Some are not, or the shapes differ.
 */
export function assertArrayEqual(
  actual: ArrayLike,
  expected: ArrayLike,
  options?: { readonly equalNan?: boolean | undefined },
): void {
  check("assertArrayEqual", actual, expected, "", (a, b) => {
    const same = equal(a, b);
    return options?.equalNan === false ? same : logicalOr(same, logicalAnd(isnan(a), isnan(b)));
  });
}

function check(
  op: string,
  actual: ArrayLike,
  expected: ArrayLike,
  rule: string,
  fits: (a: NDArray, b: NDArray) => NDArray<"bool">,
): void {
  scope(() => {
    const [a, b] = [toArray(actual), toArray(expected)];
    const both = `actual:   ${describe(a)}\nexpected: ${describe(b)}`;
    if (b.ndim > 0 && (a.ndim !== b.ndim || a.shape.some((n, i) => n !== b.shape[i]))) {
      throw new ArrayAssertionError(`${op}: the shapes differ\n${both}`, op);
    }
    const isFit = fits(a, b).dataSync();
    const wrong: number[] = [];
    isFit.forEach((fit, i) => fit === 0 && wrong.push(i));
    if (wrong.length === 0) return;
    const part = (100 * wrong.length / a.size).toPrecision(3);
    const lines = [
      `${op}: ${wrong.length} of ${a.size} elements (${Number(part)}%) differ ${rule}`.trim(),
      ...extremes(a, b, wrong),
      ...wrong.slice(0, SHOWN).map((place) => {
        const index = indexOf(place, a.shape);
        const [got, want] = [at(a, ...index), b.ndim > 0 ? at(b, ...index) : b];
        return `  at [${index.join(", ")}]: ${got} instead of ${want}`;
      }),
      ...wrong.length > SHOWN ? [`  and ${wrong.length - SHOWN} more`] : [],
      both,
    ];
    throw new ArrayAssertionError(lines.join("\n"), op);
  });
}

// The largest differences, each with its place; none where they are not numbers (NaN, infinities).
function extremes(a: NDArray, b: NDArray, wrong: readonly number[]): string[] {
  const [x, y] = [a, b].map((v) => v.dtype === "complex64" ? v : astype(v, "float64"));
  const apart = abs(sub(x!, y!)).dataSync();
  const size = abs(y!).dataSync();
  const largest = (what: string, of: (place: number) => number): string[] => {
    let most = -1, where = 0;
    for (const place of wrong) {
      const value = of(place);
      if (Number.isFinite(value) && value > most) [most, where] = [value, place];
    }
    const index = indexOf(where, a.shape).join(", ");
    return most < 0
      ? []
      : [`  largest ${what} difference: ${Number(most.toPrecision(6))} at [${index}]`];
  };
  return [
    ...largest("absolute", (place) => Number(apart[place])),
    ...largest(
      "relative",
      (place) => Number(apart[place]) / Number(size[size.length > 1 ? place : 0]),
    ),
  ];
}

function toArray(x: ArrayLike): NDArray {
  if (handleOf(x) !== 0) return x as NDArray;
  const hasNumbers = (y: unknown): boolean =>
    typeof y === "number" || Array.isArray(y) && y.some(hasNumbers);
  const options: ArrayOptions = hasNumbers(x) ? { dtype: "float64" } : {};
  return array(x as NestedData, options);
}

function describe(a: NDArray): string {
  const text = String(a);
  return `${a.dtype} [${a.shape.join(", ")}]${text.includes("\n") ? "\n" : " "}${text}`;
}

function indexOf(place: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = place % shape[axis]!;
    place = Math.floor(place / shape[axis]!);
  }
  return index;
}
