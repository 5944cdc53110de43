// Elements at indices.

import type { DType } from "../array/dtype.ts";
import type { NDArray } from "../array/ndarray.ts";
import { alias, at, ravel, reshape } from "../array/views.ts";
import { DTypeError } from "../errors.ts";
import { flatIndices, indexArray, type Indices } from "./indices.ts";
import { countNonzero } from "./reduce.ts";
import { ALL_AXES, type OpOptions, submit, whole } from "./submit.ts";
import { Op } from "./table.ts";
import { sizeFrom } from "./values.ts";

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
  using index = indexArray(a, indices, axis === null ? a.size : a.shape.at(axis), "take");
  return submit(Op.take, [a, index], args, options) as NDArray<D>;
}

/** What `takeAlongAxis` takes. */
export interface AlongOptions extends OpOptions {
  /** The axis; the last one if absent, null for that of the flattened array. */
  readonly axis?: number | null | undefined;
}

/**
 * One element of `a` for each index along an axis, as `argsort` and `argmax` with keepdims give
 * them: result[i][j] = a[i][indices[i][j]] for the last axis. `indices` has as many axes as `a`, and
 * both broadcast but along the axis.
 *
 * An index out of range is an IndexError as for `take`.
 *
 * @throws {ShapeError} The shapes do not fit, or the axis is out of range.
 * @throws {DTypeError} The indices are no integers.
 */
export function takeAlongAxis<D extends DType>(
  a: NDArray<D>,
  indices: Indices,
  options?: AlongOptions,
): NDArray<D> {
  const axis = options?.axis === undefined ? -1 : options.axis;
  using from = axis === null ? ravel(a) : alias(a);
  const params = [whole(axis ?? 0, "axis", "takeAlongAxis")];
  using index = indexArray(a, indices, from.shape.at(params[0]!), "takeAlongAxis");
  return submit(Op.takeAlongAxis, [from, index], { params }, options) as NDArray<D>;
}

/**
 * The elements at several index arrays, one for each of the first axes: NumPy's `a[i0, i1]`. The index
 * arrays broadcast; the result has their shape, and then the axes of `a` that have none.
 *
 * An index out of range is an IndexError as for `take`.
 *
 * @throws {IndexError} There are no index arrays, or more than axes.
 * @throws {ShapeError} The index arrays do not broadcast.
 * @throws {DTypeError} The indices are no integers.
 */
export function gather<D extends DType>(
  a: NDArray<D>,
  indices: readonly Indices[],
  options?: OpOptions,
): NDArray<D> {
  using flat = flatIndices(a, indices, "gather");
  const count = indices.length, shape = a.shape;
  const length = shape.slice(0, count).reduce((product, n) => product * n, 1);
  using seen = count === 1 ? alias(a) : reshape(a, [length, ...shape.slice(count)]);
  return submit(Op.take, [seen, flat], { params: [0], name: "gather" }, options) as NDArray<D>;
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
  using count = countNonzero(m);
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
  using count = countNonzero(a);
  using found = submit(Op.nonzero, [a], { params: [sizeFrom(count, "nonzero")] });
  return a.shape.map((_, axis) => at(found, axis) as NDArray<"int64">);
}
