// Writing and adding at indices. The functions along an axis return a new array unless `out` names the
// one to change; `put` changes its array.
//
// Where indices repeat, the last value in row-major order stays, and sums add up in that order,
// whatever the number of threads. An index out of range writes nothing and is an IndexError: at once
// where the indices are numbers, at the next synchronisation where they lie in an array.

import { array } from "../array/create.ts";
import { type DType, dtypes } from "../array/dtype.ts";
import { handleOf, kindOf, type NDArray } from "../array/ndarray.ts";
import { alias, broadcastTo, reshape } from "../array/views.ts";
import { DTypeError, GpukitError } from "../errors.ts";
import { flatIndices, indexArray, type Indices } from "./indices.ts";
import { type Operand, type OpOptions, submit, VARIANT, whole } from "./submit.ts";
import { Op } from "./table.ts";

/** What `putAlongAxis` and `scatterAdd` take. */
export interface ScatterOptions extends OpOptions {
  /** The axis; the last one if absent. */
  readonly axis?: number | undefined;
}

/**
 * A copy of `a` with values put at one index each along an axis: result[i][indices[i][j]] =
 * values[i][j] for the last axis. `indices` has as many axes as `a` and broadcasts to its shape but
 * along the axis; `values`, a number or an array, broadcasts to the indices. With `out: a` in place.
 *
 * @throws {ShapeError} The shapes do not fit, or the axis is out of range.
 * @throws {DTypeError} The values do not fit into the dtype of `a`, or the indices are no integers.
 */
export function putAlongAxis<D extends DType>(
  a: NDArray<D>,
  indices: Indices,
  values: Operand,
  options?: ScatterOptions,
): NDArray<D> {
  return along(Op.putAlongAxis, "putAlongAxis", a, indices, values, options);
}

/**
 * A copy of `a` with values added at one index each along an axis: result[i][indices[i][j]] +=
 * values[i][j] for the last axis. Shapes are those of `putAlongAxis`. With `out: a` in place. Each
 * addition is rounded to the dtype of `a`; bool adds as "or".
 *
 * @throws {ShapeError} The shapes do not fit, or the axis is out of range.
 * @throws {DTypeError} The values do not fit into the dtype of `a`, or the indices are no integers.
 */
export function scatterAdd<D extends DType>(
  a: NDArray<D>,
  indices: Indices,
  values: Operand,
  options?: ScatterOptions,
): NDArray<D> {
  return along(Op.scatterAdd, "scatterAdd", a, indices, values, options);
}

function along<D extends DType>(
  op: number,
  name: string,
  a: NDArray<D>,
  indices: Indices,
  values: Operand,
  options: ScatterOptions | undefined,
): NDArray<D> {
  const axis = whole(options?.axis ?? -1, "axis", name);
  using index = indexArray(a, indices, a.shape.at(axis), name);
  using value = valuesFor(a, values, name);
  const { out, stream } = options ?? {};
  const target = out === undefined || handleOf(out) !== handleOf(a)
    ? submit(Op.copy, [a], { flags: VARIANT, name }, { out, stream }) as NDArray<D>
    : a;
  try {
    submit(op, [index, value], { params: [axis], name }, { out: target, stream });
  } catch (error) {
    if (out === undefined) target.dispose();
    throw error;
  }
  return (out ?? target) as NDArray<D>;
}

/** What `put` takes. */
export interface PutOptions extends Omit<OpOptions, "out"> {
  /** Are values added to what is there, repeated indices each time? Else they replace it. */
  readonly accumulate?: boolean | undefined;
}

/**
 * Writes values at several index arrays, one for each of the first axes of `a`, and returns `a`:
 * NumPy's `a[i0, i1] = values`, the counterpart of `gather`. `values`, a number or an array,
 * broadcasts to the shape that `gather` would give.
 *
 * @throws {IndexError} There are no index arrays, or more than axes.
 * @throws {ShapeError} The index arrays or the values do not broadcast.
 * @throws {DTypeError} The values do not fit into the dtype of `a`, or the indices are no integers.
 */
export function put<D extends DType>(
  a: NDArray<D>,
  indices: readonly Indices[],
  values: Operand,
  options?: PutOptions,
): NDArray<D> {
  const { accumulate = false, stream } = options ?? {};
  using flat = flatIndices(a, indices, "put");
  using given = valuesFor(a, values, "put");
  const count = indices.length;
  if (count > 1 && !a.isContiguous) { // its first axes may not be one
    using copy = submit(Op.copy, [a], { name: "put" }, { stream });
    put(copy, [...indices], given, options);
    submit(Op.copy, [copy], { name: "put" }, { out: a, stream });
    return a;
  }
  const shape = a.shape, rest = shape.slice(count);
  const length = shape.slice(0, count).reduce((product, n) => product * n, 1);
  using target = count === 1 ? alias(a) : reshape(a, [length, ...rest]);
  using index = reshape(flat, [flat.size, ...rest.map(() => 1)]);
  using spread = broadcastTo(given, [...flat.shape, ...rest]);
  using value = given.ndim === 0 ? alias(given) : reshape(spread, [flat.size, ...rest]);
  const op = accumulate ? Op.scatterAdd : Op.putAlongAxis;
  submit(op, [index, value], { params: [0], name: "put" }, { out: target, stream });
  return a;
}

// ---- values

/** A new handle on values in the dtype of `a`. They may be of a narrower dtype of the same kind. */
function valuesFor<D extends DType>(a: NDArray<D>, values: Operand, op: string): NDArray<D> {
  const { dtype } = a;
  if (handleOf(values) !== 0) {
    const given = values as NDArray;
    if (given.dtype === dtype) return alias(given) as NDArray<D>;
    if (widens(given.dtype, dtype)) return submit(Op.copy, [given], { dtype }) as NDArray<D>;
    throw new DTypeError(
      `${op}: values of ${given.dtype} do not fit into ${dtype}; cast them with astype("${dtype}")`,
      { op },
    );
  }
  if (typeof values !== "number" && typeof values !== "boolean" && typeof values !== "bigint") {
    throw new GpukitError(`${op}: values are an array or a number, got ${kindOf(values)}`, { op });
  }
  const kind = kinds[dtype[0]!];
  const [low, above] = integerRange(dtype);
  const isWhole = typeof values === "bigint" || Number.isInteger(Number(values));
  if (kind === "integer" && !(isWhole && Number(values) >= low && Number(values) < above)) {
    throw new DTypeError(
      `${op}: ${values} is not a value of ${dtype}; cast the array with astype() first`,
      { op },
    );
  }
  return array(values, { dtype, device: a.device });
}

// By the first letter; bfloat16 has bool's, but neither widens to the other.
const kinds: Readonly<Record<string, string>> = {
  i: "integer",
  u: "integer",
  f: "float",
  b: "float",
  c: "complex",
};

function integerRange(dtype: DType): [low: number, above: number] {
  const bits = 8 * dtypes[dtype].itemsize;
  return dtype[0] === "i" ? [-(2 ** (bits - 1)), 2 ** (bits - 1)] : [0, 2 ** bits];
}

// Has every value of `from` its place in `to`, and are both integers or both floats?
function widens(from: DType, to: DType): boolean {
  if (from === "bool" || to === "bool" || kinds[from[0]!] !== kinds[to[0]!]) return false;
  const [narrow, wide] = [dtypes[from].itemsize, dtypes[to].itemsize];
  if (from[0] === "i" && to[0] === "u") return false;
  return narrow < wide || (narrow === wide && from === to);
}
