// Sizes that only values tell: the ops whose result depends on them wait here.

import type { NDArray } from "../array/ndarray.ts";
import { UnsupportedError } from "../errors.ts";

/**
 * The number in an array of one integer, on which the shape of an op's result depends.
 *
 * @throws {UnsupportedError} A graph is being recorded, in which there are no values yet.
 */
export function sizeFrom(count: NDArray, op: string): number {
  return waitFor(op, () => Number(count.item()));
}

/**
 * The elements of a vector, likewise.
 *
 * @throws {UnsupportedError} A graph is being recorded, in which there are no values yet.
 */
export function numbersFrom(vector: NDArray, op: string): number[] {
  return waitFor(op, () => (vector.arraySync({ bigint: true }) as unknown[]).map(Number));
}

function waitFor<T>(op: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    throw new UnsupportedError(
      `${op}: the shape of its result depends on values, which are not known while a graph is ` +
        `being recorded; call it outside of the graph`,
      { op },
    );
  }
}
