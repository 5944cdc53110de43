// Elements at indices.

import type { DType } from "../array/dtype.ts";
import { array } from "../array/create.ts";
import { handleOf, type NDArray } from "../array/ndarray.ts";
import { alias, at } from "../array/views.ts";
import { DTypeError, IndexError } from "../errors.ts";
import { notEqual } from "./elementwise.ts";
import { sum } from "./reduce.ts";
import { ALL_AXES, type OpOptions, submit, whole } from "./submit.ts";
import { Op } from "./table.ts";
import { sizeFrom } from "./values.ts";

/** Indices: an array of integers, or numbers. Negative ones count from the end. */
export type Indices = NDArray | number | readonly number[];

/** What `take` takes. */
export interface TakeOptions extends OpOptions {
  /** The axis; that of the flattened array if absent. */
  readonly axis?: number | null | undefined;
}

/**
 * The elements of `a` at `indices` along an axis. The result has the shape of `a` with the axis
 * replaced by the shape of `indices`.
 *
 * An index out of range is an IndexError: at once where the indices are numbers, at the next
 * synchronisation where they lie in an array (the element is 0 then).
 */
export function take<D extends DType>(
  a: NDArray<D>,
  indices: Indices,
  options?: TakeOptions,
): NDArray<D> {
  const axis = options?.axis ?? null;
  const args = axis === null ? { flags: ALL_AXES } : { params: [whole(axis, "axis", "take")] };
  if (handleOf(indices) !== 0) {
    return submit(Op.take, [a, indices as NDArray], args, options) as NDArray<D>;
  }
  const length = axis === null ? a.size : a.shape.at(axis);
  using made = indexArray(indices, length, "take");
  return submit(Op.take, [a, made], args, options) as NDArray<D>;
}

/**
 * The elements of `a` where `m` is true, in row-major order: NumPy's `a[m]`. The mask is bool and has
 * the shape of `a`, or that of its first axes; the result has one axis instead of those.
 *
 * Waits for the number of true elements, so that it cannot be part of a graph.
 *
 * @throws {DTypeError} The mask is not bool.
 * @throws {ShapeError} The mask has another shape.
 */
export function mask<D extends DType>(a: NDArray<D>, m: NDArray<"bool">): NDArray<D> {
  if (m.dtype !== "bool") {
    throw new DTypeError(`mask: the mask is ${m.dtype}; it must be bool, as comparisons give it`, {
      op: "mask",
    });
  }
  using count = sum(m);
  return submit(Op.compress, [a, m], {
    params: [sizeFrom(count, "mask")],
    name: "mask",
  }) as NDArray<D>;
}

/**
 * The indices of the non-zero elements (NaN is one) in row-major order: a vector for each axis.
 *
 * Waits for their number, so that it cannot be part of a graph.
 *
 * @throws {ShapeError} The array has no axes.
 */
export function nonzero(a: NDArray): NDArray<"int64">[] {
  using isNonzero = a.dtype === "bool" ? alias(a) : notEqual(a, 0);
  using count = sum(isNonzero);
  using found = submit(Op.nonzero, [isNonzero], { params: [sizeFrom(count, "nonzero")] });
  return a.shape.map((_, axis) => at(found, axis) as NDArray<"int64">);
}

/** Indices that are known on the host, checked against the length of their axis. */
function indexArray(indices: Indices, length: number | undefined, op: string): NDArray<"int64"> {
  const list: unknown = typeof indices === "number" ? [indices] : indices;
  if (Array.isArray(list) && length !== undefined) {
    for (const i of list.flat(Infinity)) {
      if (typeof i === "number" && Number.isInteger(i) && i >= -length && i < length) continue;
      throw new IndexError(
        `${op}: index ${i} is not a whole number from ${-length} to ${length - 1}`,
        {
          op,
        },
      );
    }
  }
  return array(indices as number[], { dtype: "int64" });
}
