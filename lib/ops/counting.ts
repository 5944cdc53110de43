// How often values occur.

import { array, empty, zeros } from "../array/create.ts";
import type { DType, FloatOf } from "../array/dtype.ts";
import { handleOf, kindOf, type NDArray } from "../array/ndarray.ts";
import { alias, at } from "../array/views.ts";
import { DTypeError, GpukitError, ShapeError } from "../errors.ts";
import { max, min } from "./reduce.ts";
import { submit, VARIANT, whole } from "./submit.ts";
import { Op } from "./table.ts";
import { numbersFrom, sizeFrom } from "./values.ts";

/** What `bincount` takes. */
export interface BincountOptions<W extends DType = DType> {
  /** What each value counts, in the shape of the values; 1 if absent. */
  readonly weights?: NDArray<W> | undefined;
  /** The length of the result. If absent it is one more than the largest value, which is waited for. */
  readonly minlength?: number | undefined;
}

/**
 * How often each whole number from 0 on occurs in a vector of integers, as int64; with `weights` the
 * sum of those, in their dtype (integers: float32; 16-bit floats add up in float32).
 *
 * Without `minlength` it waits for the largest value, so that it cannot be part of a graph. With it
 * the result has exactly that length. A value below 0 or beyond the result counts nowhere and is an
 * IndexError at the next synchronisation.
 *
 * @throws {DTypeError} The values are no integers.
 * @throws {ShapeError} The values are no vector, or the weights have another shape.
 */
export function bincount<W extends DType = never>(
  a: NDArray,
  options?: BincountOptions<W>,
): NDArray<[W] extends [never] ? "int64" : FloatOf<W>> {
  const op = "bincount";
  const { weights, minlength } = options ?? {};
  const [given, shape] = [a.dtype, a.shape];
  if (!/^(bool|u?int)/.test(given)) {
    throw new DTypeError(`${op}: the values are ${given}; they must be integers`, { op });
  }
  if (shape.length !== 1 || (weights !== undefined && `${weights.shape}` !== `${shape}`)) {
    throw new ShapeError(
      `${op}: the values have shape [${shape.join(", ")}]` +
        (weights === undefined ? "" : `, the weights [${weights.shape.join(", ")}]`) +
        `; they must be vectors${weights === undefined ? "; ravel() makes one" : " of one length"}`,
      { op },
    );
  }
  using values = given === "bool" ? a.astype("uint8") : alias(a);
  const length = whole(minlength ?? largest(values) + 1, "minlength", op);
  if (length < 0) throw new ShapeError(`${op}: minlength must not be negative`, { op });
  const dtype = weights === undefined ? "int64" : floatOf(weights.dtype);
  const sums = dtype.endsWith("float16") ? "float32" : dtype;
  using each = weights === undefined
    ? array(1, { dtype: "int64", device: a.device })
    : weights.astype(sums);
  using counts = zeros([length], { dtype: sums, device: a.device }) as NDArray;
  submit(Op.scatterAdd, [values, each], { params: [0], flags: VARIANT, name: op }, { out: counts });
  return (sums === dtype ? alias(counts) : counts.astype(dtype)) as NDArray<never>;
}

function largest(values: NDArray): number {
  if (values.size === 0) return -1;
  using most = max(values);
  return Math.max(-1, sizeFrom(most, "bincount"));
}

function floatOf(dtype: DType): DType {
  return /float|complex/.test(dtype) ? dtype : "float32";
}

/** What `histogram` takes. */
export interface HistogramOptions {
  /** How many bins of one width, 10 if absent; or their edges, ascending. */
  readonly bins?: number | NDArray | readonly number[] | undefined;
  /** The first and last edge; if absent the smallest and largest element, which are waited for. */
  readonly range?: readonly [number, number] | undefined;
}

/** What `histogram` gives. */
export interface Histogram {
  /** How many elements each bin has. */
  readonly counts: NDArray<"int64">;
  /** The edges of the bins, one more than there are bins. */
  readonly edges: NDArray;
}

/**
 * How many elements lie in each of several bins, over all axes. A bin has its lower edge and not its
 * upper one, but the last bin has both. Elements outside of all bins and NaN are not counted. Edges
 * are float32, or float64 for float64; those given keep their dtype where it is a float.
 *
 * Without `range` and edges it waits for the smallest and largest element, so that it cannot be part of
 * a graph.
 *
 * @throws {ShapeError} There is no bin, or the edges are no vector of at least two.
 * @throws {GpukitError} The range is not finite or does not ascend.
 */
export function histogram(a: NDArray, options?: HistogramOptions): Histogram {
  const bins = options?.bins ?? 10;
  const dtype = a.dtype === "float64" ? "float64" : "float32";
  using edges = typeof bins === "number"
    ? evenEdges(a, bins, options?.range, dtype)
    : givenEdges(a, bins, dtype);
  const counts = submit(Op.histogram, [a, edges], {});
  return { counts: counts as NDArray<"int64">, edges: alias(edges) };
}

function evenEdges(
  a: NDArray,
  count: number,
  range: readonly [number, number] | undefined,
  dtype: DType,
): NDArray {
  const op = "histogram";
  if (whole(count, "bins", op) < 1) throw new ShapeError(`${op}: there must be a bin`, { op });
  let [first, last] = range ?? extent(a);
  if (!(Number.isFinite(first) && Number.isFinite(last) && first <= last)) {
    throw new GpukitError(
      `${op}: the bins would range from ${first} to ${last}; give a finite range: [first, last]`,
      { op },
    );
  }
  if (first === last) [first, last] = [first - 0.5, last + 0.5];
  const edges = Float64Array.from(
    { length: count + 1 },
    (_, i) => i === count ? last : first + i * ((last - first) / count),
  );
  return array(edges, { dtype, device: a.device });
}

function extent(a: NDArray): readonly [number, number] {
  if (a.size === 0) return [0, 1];
  using ends = empty(2, { dtype: a.dtype, device: a.device }); // read at once
  using low = at(ends, 0), high = at(ends, 1);
  min(a, { out: low });
  max(a, { out: high });
  const [first, last] = numbersFrom(ends, "histogram");
  return [first!, last!];
}

function givenEdges(a: NDArray, edges: NDArray | readonly number[], dtype: DType): NDArray {
  const op = "histogram";
  const isArray = handleOf(edges) !== 0;
  if (!isArray && !Array.isArray(edges)) {
    throw new GpukitError(`${op}: bins are a number or edges, got ${kindOf(edges)}`, { op });
  }
  if (
    !isArray && (edges as readonly number[]).some((x, i, all) => !(i === 0 || all[i - 1]! <= x))
  ) {
    throw new GpukitError(`${op}: the edges do not ascend`, { op });
  }
  const made = isArray
    ? (edges as NDArray).astype(floatOf((edges as NDArray).dtype))
    : array(edges as readonly number[], { dtype, device: a.device });
  if (made.ndim === 1 && made.size >= 2) return made;
  const shape = made.shape;
  made.dispose();
  throw new ShapeError(
    `${op}: edges have shape [${shape.join(", ")}]; they must be a vector of at least two`,
    { op },
  );
}
