// Sorting, and searching what is sorted. NaN comes last; equal elements keep their order.

import { array } from "../array/create.ts";
import type { DType } from "../array/dtype.ts";
import { handleOf, type NDArray } from "../array/ndarray.ts";
import { GpukitError } from "../errors.ts";
import {
  ALL_AXES,
  type Arguments,
  DESCENDING,
  type OpOptions,
  submit,
  submitTwo,
  VARIANT,
  whole,
} from "./submit.ts";
import { Op } from "./table.ts";

/** What sorting takes. */
export interface SortOptions extends OpOptions {
  /** The axis; the last one if absent, null for the flattened array. */
  readonly axis?: number | null | undefined;
  /** Largest first? */
  readonly descending?: boolean | undefined;
}

/**
 * The elements sorted along an axis. Every dtype but complex64; NaN comes last in either direction,
 * -0 before 0.
 *
 * @throws {ShapeError} The axis is out of range.
 */
export function sort<D extends DType>(a: NDArray<D>, options?: SortOptions): NDArray<D> {
  return submit(Op.sort, [a], sortArguments("sort", options), options) as NDArray<D>;
}

/**
 * The indices that sort along an axis; equal elements (-0 and 0 too) keep their order.
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

/** What `topk` takes. */
export interface TopkOptions extends Omit<OpOptions, "out"> {
  /** The axis; the last one if absent. */
  readonly axis?: number | undefined;
  /** The largest elements, as is the default, or the smallest? */
  readonly largest?: boolean | undefined;
  /** The arrays that the results go to. */
  readonly out?: { readonly values: NDArray; readonly indices: NDArray } | undefined;
}

/** The elements that `topk` finds. */
export interface Topk<D extends DType> {
  /** The elements, best first. */
  readonly values: NDArray<D>;
  /** Their places along the axis. */
  readonly indices: NDArray<"int64">;
}

/**
 * The `k` largest elements along an axis, or the smallest, and their indices: best first, of equal
 * ones that with the lower index first. NaN counts as the largest, as in PyTorch.
 *
 * @throws {ShapeError} The axis is out of range or shorter than `k`; `a` has no axes.
 */
export function topk<D extends DType>(
  a: NDArray<D>,
  k: number,
  options?: TopkOptions,
): Topk<D> {
  const params = [whole(options?.axis ?? -1, "axis", "topk"), whole(k, "k", "topk")];
  const flags = options?.largest ?? true ? DESCENDING : 0;
  const out = options?.out;
  const [values, indices] = submitTwo(Op.topk, [a], { params, flags }, {
    out: out === undefined ? undefined : [out.values, out.indices],
    stream: options?.stream,
  });
  return { values: values as NDArray<D>, indices: indices as NDArray<"int64"> };
}

/** What `searchsorted` takes. */
export interface SearchOptions extends OpOptions {
  /** The place before elements that are equal, as is the default, or behind them? */
  readonly side?: "left" | "right" | undefined;
}

/**
 * Where to insert values into a sorted vector so that it stays sorted: how many of its elements are
 * less than each value, or with side "right" not greater. NaN is sorted last. The result is
 * int64 and has the shape of `v`. Arrays are compared in their common dtype, a number exactly.
 *
 * @throws {ShapeError} `a` is not a vector.
 */
export function searchsorted(
  a: NDArray,
  v: NDArray | number,
  options?: SearchOptions,
): NDArray<"int64"> {
  const side = options?.side ?? "left";
  if (side !== "left" && side !== "right") {
    throw new GpukitError(`searchsorted: side must be "left" or "right", got ${String(side)}`, {
      op: "searchsorted",
    });
  }
  if (typeof v !== "number") return search(a, v, side, options);
  const range = handleOf(a) === 0 ? undefined : ranges[a.dtype];
  if (range === undefined) {
    using number = array(v, { dtype: "float64", device: a.device }); // which holds every narrower dtype
    return search(a, number, side, options);
  }
  // As a whole number that has as many elements before it.
  const [least, most] = range;
  const whole = v < Number(least) ? least : v <= Number(most) ? BigInt(Math.ceil(v)) : most + 1n;
  const isBeyond = whole > most, isExact = Number.isInteger(v) && v >= Number(least);
  using number = array(isBeyond ? most : whole, { dtype: a.dtype, device: a.device });
  const wholeSide = isBeyond ? "right" : isExact ? side : "left";
  return search(a, number, wholeSide, options);
}

/** What a float64 does not hold exactly. */
const ranges: { readonly [D in DType]?: readonly [least: bigint, most: bigint] } = {
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

function search(
  a: NDArray,
  v: NDArray,
  side: "left" | "right",
  options: SearchOptions | undefined,
): NDArray<"int64"> {
  const flags = side === "right" ? VARIANT : 0;
  return submit(Op.searchsorted, [a, v], { flags }, options) as NDArray<"int64">;
}
