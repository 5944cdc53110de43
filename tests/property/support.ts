// What the property tests share: fixed seeds, arrays of random layout, and a naive model of arrays: a
// flat memory and, for each view, the list of the places in it that its elements have.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import fc from "fast-check";
import * as gk from "../../mod.ts";

/** One seed for all; another one finds other cases. A failure prints the seed and the path to it. */
export const seed: number = Number(process.env["GPUKIT_TEST_SEED"] ?? 20_261_121);
const isFull = Boolean(process.env["GPUKIT_TEST_FULL"]);
console.log(`property tests: seed ${seed}${isFull ? ", many runs" : ""}`);

/** Checks `predicate`, in a scope of its own each time, for random values. */
export function forAll<T extends [unknown, ...unknown[]]>(
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  predicate: (...values: T) => void,
  runs = 500,
): void {
  const property = fc.property<T>(
    ...arbitraries,
    (...values: T) => gk.scope(() => void predicate(...values)),
  );
  fc.assert(property, { seed, numRuns: isFull ? runs * 25 : runs });
}

/** The same for an async predicate. */
export async function forAllAsync<T extends [unknown, ...unknown[]]>(
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  predicate: (...values: T) => Promise<void>,
  runs = 100,
): Promise<void> {
  const property = fc.asyncProperty<T>(
    ...arbitraries,
    (...values: T) => gk.scope(async () => await predicate(...values)),
  );
  await fc.assert(property, { seed, numRuns: isFull ? runs * 25 : runs });
}

/** Time for the many runs of GPUKIT_TEST_FULL. */
export const patient = { timeout: 600_000 };

/** Shapes of few axes, now and then with no elements. */
export function shapes(maxAxes = 4, maxLength = 4): fc.Arbitrary<number[]> {
  const length = fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 1, max: maxLength }) },
    { weight: 1, arbitrary: fc.constant(0) },
  );
  return fc.array(length, { maxLength: maxAxes });
}

/** All dtypes. */
export const dtypes: readonly gk.DType[] = [
  "bool",
  "int8",
  "uint8",
  "int16",
  "uint16",
  "int32",
  "uint32",
  "int64",
  "uint64",
  "float16",
  "bfloat16",
  "float32",
  "float64",
  "complex64",
];

/** The number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Every index into a shape, in row-major order. */
export function* indicesOf(shape: readonly number[]): Generator<number[]> {
  const size = sizeOf(shape);
  for (let k = 0; k < size; k++) yield indexAt(shape, k);
}

/** The index of the k-th element. */
function indexAt(shape: readonly number[], k: number): number[] {
  const index = new Array<number>(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = k % shape[axis]!;
    k = Math.floor(k / shape[axis]!);
  }
  return index;
}

/** A view of the model: the places of its elements in the memory, in row-major order. */
export interface Places {
  readonly shape: readonly number[];
  readonly places: readonly number[];
}

/** The whole memory in a shape. */
export function contiguous(shape: readonly number[]): Places {
  return { shape, places: Array.from({ length: sizeOf(shape) }, (_, k) => k) };
}

/** The view of a shape whose element at an index is the one of `from` at `source(index)`. */
export function pick(
  from: Places,
  shape: readonly number[],
  source: (index: readonly number[]) => readonly number[],
): Places {
  const places: number[] = [];
  for (const index of indicesOf(shape)) places.push(placeOf(from, source(index)));
  return { shape, places };
}

/** The place of one element. */
export function placeOf(from: Places, index: readonly number[]): number {
  let k = 0;
  from.shape.forEach((length, axis) => k = k * length + index[axis]!);
  return from.places[k]!;
}

/** The shape that shapes broadcast to, undefined if they do not. */
export function broadcastShape(...all: readonly (readonly number[])[]): number[] | undefined {
  const ndim = Math.max(...all.map((shape) => shape.length));
  const result: number[] = [];
  for (let axis = 1; axis <= ndim; axis++) {
    const lengths = all.map((shape) => shape.at(-axis) ?? 1).filter((n) => n !== 1);
    if (new Set(lengths).size > 1) return undefined;
    result.unshift(lengths[0] ?? 1);
  }
  return result;
}

/** A view seen in a shape that it broadcasts to. */
export function broadcast(from: Places, shape: readonly number[]): Places {
  const skipped = shape.length - from.shape.length;
  return pick(
    from,
    shape,
    (index) => index.slice(skipped).map((i, axis) => from.shape[axis] === 1 ? 0 : i),
  );
}

/** Checks shape and elements of an array, whose dtype holds whole numbers up to 2^53. */
export function expectModel(actual: gk.NDArray, view: Places, memory: readonly number[]): void {
  assert.deepEqual(actual.shape, view.shape);
  assert.deepEqual(Array.from(actual.dataSync(), Number), view.places.map((p) => memory[p]));
}

/** The bytes of an array's elements. */
export function bytesOf(a: gk.NDArray): Uint8Array {
  const data = a.dataSync();
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Checks dtype, shape and every bit. */
export function expectSame(actual: gk.NDArray, expected: gk.NDArray, what = ""): void {
  assert.equal(actual.dtype, expected.dtype, what);
  assert.deepEqual(actual.shape, expected.shape, what);
  const [a, b] = [bytesOf(actual), bytesOf(expected)];
  if (Buffer.compare(a, b) === 0) return;
  assert.deepEqual(actual.dataSync(), expected.dataSync(), what);
  assert.fail(`${what}: other bits`);
}

/** How an array of some shape lies in memory: for each axis a step and whether it runs backwards. */
export interface Layout {
  readonly steps: readonly number[];
  readonly order: number;
}

/** Random layouts for up to eight axes. */
export const layouts: fc.Arbitrary<Layout> = fc.record({
  steps: fc.array(fc.constantFrom(1, 1, 1, 2, 3, -1, -2), { minLength: 8, maxLength: 8 }),
  order: fc.nat(5),
});

/** An uninitialised array of a shape in a layout: a view with steps into a larger one. */
export function emptyIn(layout: Layout, shape: readonly number[], dtype: gk.DType): gk.NDArray {
  const ndim = shape.length;
  // The memory has the axes in another order, turned by `order`.
  const axes = shape.map((_, i) => (i + layout.order) % Math.max(ndim, 1));
  const memory = gk.empty(
    axes.map((axis) => shape[axis]! * Math.abs(layout.steps[axis]!)),
    { dtype },
  );
  const back = shape.map((_, axis) => axes.indexOf(axis));
  return memory.transpose(back).at(...shape.map((_, axis) => `::${layout.steps[axis]}`));
}

/** The elements of an array in a layout. */
export function copyIn(layout: Layout, a: gk.NDArray): gk.NDArray {
  return emptyIn(layout, a.shape, a.dtype).copyFrom(a);
}
