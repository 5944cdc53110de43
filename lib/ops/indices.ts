// Indices as operands: arrays, or numbers that are checked at once.

import type { NestedList } from "../array/create.ts";
import { array } from "../array/create.ts";
import { handleOf, kindOf, type NDArray } from "../array/ndarray.ts";
import { alias } from "../array/views.ts";
import { GpukitError, IndexError } from "../errors.ts";
import { submit } from "./submit.ts";
import { Op } from "./table.ts";

/** Indices: an array of integers, or numbers. Negative ones count from the end. */
export type Indices = NDArray | NestedList<number>;

/**
 * A new handle on indices into an axis of `length` elements of `a`. Those known on the host are
 * checked here.
 */
export function indexArray(
  a: NDArray,
  indices: Indices,
  length: number | undefined,
  op: string,
): NDArray {
  if (handleOf(indices) !== 0) return alias(indices as NDArray);
  const list: unknown = typeof indices === "number" ? [indices] : indices;
  if (Array.isArray(list) && length !== undefined) {
    for (const i of list.flat(Infinity)) {
      if (typeof i === "number" && Number.isInteger(i) && i >= -length && i < length) continue;
      throw new IndexError(
        `${op}: index ${i} is not a whole number from ${-length} to ${length - 1}`,
        { op },
      );
    }
  }
  return array(indices as NestedList<number>, { dtype: "int64", device: a.device });
}

/** Index arrays for the first axes of `a`, broadcast and joined to one for those axes flattened. */
export function flatIndices(a: NDArray, indices: readonly Indices[], op: string): NDArray {
  if (!Array.isArray(indices)) {
    throw new GpukitError(`${op}: expects a list of index arrays, got ${kindOf(indices)}`, { op });
  }
  const { shape } = a;
  if (indices.length === 0 || indices.length > shape.length) {
    throw new IndexError(
      `${op}: there are ${indices.length} index arrays for the shape [${shape.join(", ")}]; ` +
        `give one for each of its first axes, at least one`,
      { op },
    );
  }
  let flat = indexArray(a, indices[0]!, shape[0], op);
  for (let axis = 1; axis < indices.length; axis++) {
    using before = flat;
    using index = indexArray(a, indices[axis]!, shape[axis], op);
    const params = [shape[axis]!, axis, axis === 1 ? shape[0]! : 0];
    flat = submit(Op.flatIndex, [before, index], { params, name: op });
  }
  return flat;
}
