// Sorting. NaN comes last; equal elements keep their order.

import type { DType } from "../array/dtype.ts";
import type { NDArray } from "../array/ndarray.ts";
import { ALL_AXES, type Arguments, DESCENDING, type OpOptions, submit, whole } from "./submit.ts";
import { Op } from "./table.ts";

/** What sorting takes. */
export interface SortOptions extends OpOptions {
  /** The axis; the last one if absent, null for the flattened array. */
  readonly axis?: number | null | undefined;
  /** Largest first? */
  readonly descending?: boolean | undefined;
}

/**
 * The elements sorted along an axis.
 *
 * @throws {ShapeError} The axis is out of range.
 */
export function sort<D extends DType>(a: NDArray<D>, options?: SortOptions): NDArray<D> {
  return submit(Op.sort, [a], sortArguments("sort", options), options) as NDArray<D>;
}

/**
 * The indices that sort along an axis.
 *
 * @throws {ShapeError} The axis is out of range.
 */
export function argsort(a: NDArray, options?: SortOptions): NDArray<"int64"> {
  return submit(Op.argsort, [a], sortArguments("argsort", options), options) as NDArray<"int64">;
}

function sortArguments(op: string, options: SortOptions | undefined): Arguments {
  const axis = options?.axis === undefined ? -1 : options.axis;
  const order = options?.descending ? DESCENDING : 0;
  return axis === null
    ? { flags: order | ALL_AXES }
    : { flags: order, params: [whole(axis, "axis", op)] };
}
