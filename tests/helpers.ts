// What tests share: comparison of arrays with readable differences, the check for leaks, and what CUDA does
// not compute yet.

import assert from "node:assert/strict";
import { after } from "node:test";
import * as gk from "../mod.ts";

/** Anything that names elements: an array of the library, a typed array or nested lists. */
export type Elements = gk.NDArray | ArrayLike<number | bigint> | gk.NestedData;

/** How far apart numbers may lie: |a - b| <= atol + rtol * |b|. */
export interface Tolerance {
  readonly rtol?: number;
  readonly atol?: number;
}

/** All elements as numbers (bigints stay), in row-major order. */
export function elementsOf(x: Elements): (number | bigint)[] {
  if (x instanceof gk.NDArray) {
    const nested = x.arraySync({ bigint: true });
    return flat(nested);
  }
  return flat(x);
}

function flat(x: unknown): (number | bigint)[] {
  if (typeof x === "number" || typeof x === "bigint") return [x];
  if (typeof x === "boolean") return [Number(x)];
  if (Array.isArray(x) || ArrayBuffer.isView(x)) {
    return Array.from(x as unknown as ArrayLike<unknown>).flatMap(flat);
  }
  if (x !== null && typeof x === "object" && "re" in x) {
    return [...flat(x.re), ...flat((x as gk.Complex).im)];
  }
  throw new TypeError(`no elements in ${String(x)}`);
}

/** Compares elements, exactly unless a tolerance is given; NaN equals NaN. */
export function expectClose(actual: Elements, expected: Elements, tolerance: Tolerance = {}): void {
  const a = elementsOf(actual);
  const b = elementsOf(expected);
  assert.equal(a.length, b.length, "number of elements");
  const { rtol = 0, atol = 0 } = tolerance;
  const wrong: number[] = [];
  for (let i = 0; i < a.length; i++) if (!isClose(a[i]!, b[i]!, rtol, atol)) wrong.push(i);
  if (wrong.length === 0) return;
  const lines = wrong.slice(0, 5).map((i) => `  [${i}] ${a[i]} instead of ${b[i]}`);
  assert.fail(`${wrong.length} of ${a.length} elements differ:\n${lines.join("\n")}`);
}

function isClose(a: number | bigint, b: number | bigint, rtol: number, atol: number): boolean {
  if (typeof a === "bigint" || typeof b === "bigint") {
    const [x, y] = [a, b].map((n) => Number.isInteger(n) ? BigInt(n) : n);
    return x === y;
  }
  if (Object.is(a, b) || a === b) return true;
  return Math.abs(a - b) <= atol + rtol * Math.abs(b);
}

/** Compares an array with what it should be. */
export function expectArray(
  actual: gk.NDArray,
  expected: gk.NestedData,
  dtype?: gk.DType,
  tolerance?: Tolerance,
): void {
  if (dtype !== undefined) assert.equal(actual.dtype, dtype);
  assert.deepEqual(actual.shape, shapeOfNested(expected), "shape");
  expectClose(actual, expected, tolerance);
}

function shapeOfNested(x: unknown): number[] {
  return Array.isArray(x) ? [x.length, ...(x.length > 0 ? shapeOfNested(x[0]) : [])] : [];
}

/** The error that `fn` throws, which must be of `type` and match `message`. */
export function expectError(
  fn: () => unknown,
  type: { readonly prototype: gk.GpukitError },
  message?: RegExp,
): gk.GpukitError {
  let thrown: unknown;
  assert.throws(() => {
    try {
      fn();
    } catch (error) {
      thrown = error;
      throw error;
    }
  });
  checkError(thrown, type, message);
  return thrown;
}

/** The same for a promise. */
export async function expectRejection(
  promise: Promise<unknown>,
  type: { readonly prototype: gk.GpukitError },
  message?: RegExp,
): Promise<gk.GpukitError> {
  const thrown: unknown = await promise.then(
    () => assert.fail("resolved instead of rejecting"),
    (error: unknown) => error,
  );
  checkError(thrown, type, message);
  return thrown;
}

function checkError(
  thrown: unknown,
  type: { readonly prototype: gk.GpukitError },
  message: RegExp | undefined,
): asserts thrown is gk.GpukitError {
  assert.ok(thrown instanceof gk.GpukitError, `a GpukitError, not ${String(thrown)}`);
  assert.equal(thrown.name, type.prototype.name, thrown.message);
  if (message !== undefined) assert.match(thrown.message, message);
}

/** Checks after all tests of a file that no more arrays and contexts live than before. */
export function noLeaks(): void {
  const before = gk.memory();
  after(() => {
    const now = gk.memory();
    assert.equal(now.live, before.live, "live arrays after the tests");
    assert.equal(now.scopes, before.scopes, "open contexts after the tests");
  });
}

/** A test body in a scope of its own, so that it leaves no arrays behind. */
export function scoped(fn: () => void): () => void {
  return () => gk.scope(() => void fn());
}

/** The same for an async body. */
export function scopedAsync(fn: () => Promise<void>): () => Promise<void> {
  return () => gk.scope(async () => await fn());
}

/** Resolves after a macrotask and `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// ---- devices

/** Is the default device a CUDA one? */
export const isOnCuda: boolean = gk.defaultDevice().info["kind"] === "cuda";

/** Is it the stand-in driver's, which computes with one thread, an element at a time? */
export const isStandin: boolean = gk.defaultDevice().info["name"] === "Stand-in GPU";

/** Rounds of a test that has many; over the stand-in driver a twentieth. */
export function rounds(count: number): number {
  return isStandin ? Math.ceil(count / 20) : count;
}
