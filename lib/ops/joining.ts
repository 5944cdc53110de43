// Joining and repeating arrays. Every function gives a new array.
//
// All throw DisposedError, DeviceError (operands on several devices) and OutOfMemoryError.

import { MAX_DIMS, native, OUTPUTS, u32 } from "../device/block.ts";
import { current } from "../device/context.ts";
import { streamBits } from "../device/stream.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import { type DType, dtypeNames, type Promote } from "../array/dtype.ts";
import { handleOf, kindOf, type NDArray, refuse, wrap } from "../array/ndarray.ts";
import { broadcastTo, ravel, reshape, type ShapeLike } from "../array/views.ts";
import { array } from "../array/create.ts";
import { take } from "./indexing.ts";
import { axisOf, dtypeCode, failure, type OpOptions, whole, wholes } from "./submit.ts";
import { Op } from "./table.ts";

/** What joining takes. */
export interface JoinOptions extends OpOptions {
  /** The axis along which the arrays are joined; the first one if absent. */
  readonly axis?: number | undefined;
}

/** The common dtype of a list of arrays. */
export type Joined<A extends readonly NDArray[]> = A extends readonly [NDArray<infer D>] ? D
  : A extends readonly [NDArray<infer D>, ...infer R extends readonly NDArray[]]
    ? Promote<D, Joined<R>>
  : A extends readonly NDArray<infer D>[] ? D
  : DType;

const FIRST = 20;
const MOST = 1004;
const STACK = 1;
const FLATTEN = 2;

/**
 * Arrays joined along an axis that they have: their shapes are equal but for this axis. With
 * `axis: null` they are flattened first. Dtypes promote as in arithmetic.
 *
 * @throws {ShapeError} No arrays, arrays without axes, or shapes that do not fit.
 * @throws {DTypeError} There is no common dtype.
 */
export function concatenate<const A extends readonly NDArray[]>(
  arrays: A,
  options?: Omit<JoinOptions, "axis"> & { readonly axis?: number | null | undefined },
): NDArray<Joined<A>> {
  const axis = options?.axis === undefined ? 0 : options.axis;
  const flags = axis === null ? FLATTEN : 0;
  return join("concatenate", arrays, axis ?? 0, flags, options) as NDArray<Joined<A>>;
}

/**
 * Arrays of equal shapes joined along a new axis, whose place in the result `axis` is. Dtypes promote
 * as in arithmetic.
 *
 * @throws {ShapeError} No arrays, or shapes that differ.
 * @throws {DTypeError} There is no common dtype.
 */
export function stack<const A extends readonly NDArray[]>(
  arrays: A,
  options?: JoinOptions,
): NDArray<Joined<A>> {
  return join("stack", arrays, options?.axis ?? 0, STACK, options) as NDArray<Joined<A>>;
}

function join(
  name: string,
  arrays: readonly NDArray[],
  axis: number,
  flags: number,
  options: OpOptions | undefined,
): NDArray {
  if (!Array.isArray(arrays) || arrays.length === 0) {
    const got = Array.isArray(arrays) ? "none" : kindOf(arrays);
    throw new ShapeError(`${name}: expects a list of at least one array, got ${got}`, { op: name });
  }
  whole(axis, "axis", name);
  if (arrays.length > MOST) return joinMany(name, arrays, axis, flags, options);
  const context = current();
  const { out, stream } = options ?? {};
  const to = out === undefined ? 0 : handleOf(out) || refuse(out, name);
  const word = Op.concatenate + (stream === undefined ? 0 : streamBits(stream, name));
  for (let i = 0; i < arrays.length; i++) {
    u32[FIRST + i] = handleOf(arrays[i]) || refuse(arrays[i], name);
  }
  u32[OUTPUTS] = to;
  const made = native.gk_submit_join(context.id, word, arrays.length, axis, flags);
  if (made === 0) throw failure(Op.concatenate, [...arrays.slice(0, 8), out], name);
  return out ?? wrap(made, context);
}

// More arrays than one call takes: joined in parts, and then the parts.
function joinMany(
  name: string,
  arrays: readonly NDArray[],
  axis: number,
  flags: number,
  options: OpOptions | undefined,
): NDArray {
  const parts: NDArray[] = [];
  try {
    for (let i = 0; i < arrays.length; i += MOST) {
      parts.push(join(name, arrays.slice(i, i + MOST), axis, flags, { stream: options?.stream }));
    }
    return join(name, parts, axis, flags & ~STACK, options);
  } finally {
    for (const part of parts) part.dispose();
  }
}

/**
 * Each element `counts` times in a row, along an axis or of the flattened array: one number, or one for
 * each place of the axis.
 *
 * @throws {ShapeError} A count is negative, or there is not one for each place.
 */
export function repeat<D extends DType>(
  a: NDArray<D>,
  counts: number | readonly number[],
  options?: { readonly axis?: number | null | undefined },
): NDArray<D> {
  const axis = options?.axis ?? null;
  if (axis === null) {
    using flat = ravel(a);
    return repeat(flat, counts, { axis: 0 });
  }
  const { shape } = a;
  const at = axisOf(axis, shape.length, "repeat");
  const length = shape[at]!;
  const list = typeof counts === "number" ? [counts] : counts;
  if (!Array.isArray(list) || (list.length !== 1 && list.length !== length)) {
    throw new ShapeError(
      `repeat: expects one count or one for each of the ${length} places, got ${
        Array.isArray(list) ? `${list.length}` : kindOf(list)
      }`,
      { op: "repeat" },
    );
  }
  for (const count of list) {
    if (whole(count, "a count", "repeat") < 0) {
      throw new ShapeError(`repeat: a count must not be negative, got ${count}`, { op: "repeat" });
    }
  }
  if (list.length !== 1 || shape.length === MAX_DIMS) {
    const places = shape[at] === 0
      ? []
      : Array.from({ length }, (_, i) =>
        new Array<number>(list[list.length === 1 ? 0 : i]!).fill(i)).flat();
    using indices = array(BigInt64Array.from(places, BigInt), { device: a.device });
    return take(a, indices, { axis: at });
  }
  using wide = reshape(a, shape.toSpliced(at + 1, 0, 1));
  using spread = broadcastTo(wide, shape.toSpliced(at + 1, 0, list[0]!));
  using copy = spread.clone();
  return reshape(copy, shape.with(at, length * list[0]!));
}

/**
 * The array as a tile, laid out `counts` times along each axis: one number is for the last axis, and
 * where there are more counts than axes the array gets new ones in front.
 *
 * @throws {ShapeError} A count is negative.
 */
export function tile<D extends DType>(a: NDArray<D>, counts: ShapeLike): NDArray<D> {
  const given = wholes(counts, "counts", "tile");
  for (const count of given) {
    if (count < 0) {
      throw new ShapeError(`tile: a count must not be negative, got ${count}`, { op: "tile" });
    }
  }
  const ndim = Math.max(given.length, a.ndim);
  const pad = <T>(list: readonly T[], value: T) => [
    ...new Array<T>(ndim - list.length).fill(value),
    ...list,
  ];
  const shape = pad(a.shape, 1), times = pad(given, 1);
  let tiled = reshape(a, shape);
  if (times.every((count) => count === 1)) {
    using view = tiled;
    return view.clone();
  }
  // One axis at a time, the last one first, so that the long copies come last.
  for (let axis = ndim - 1; axis >= 0; axis--) {
    if (times[axis] === 1) continue;
    using before = tiled;
    if (ndim === MAX_DIMS) {
      tiled = concatenate([before, ...new Array<NDArray<D>>(times[axis]! - 1).fill(before)], {
        axis,
      }) as NDArray<D>;
      continue;
    }
    using wide = reshape(before, shape.toSpliced(axis, 0, 1));
    using spread = broadcastTo(wide, shape.toSpliced(axis, 0, times[axis]!));
    using copy = spread.clone();
    shape[axis] = shape[axis]! * times[axis]!;
    tiled = reshape(copy, shape);
  }
  return tiled;
}

/**
 * The dtype of an op on arrays of these dtypes.
 *
 * @throws {DTypeError} There is none: uint64 with a signed integer.
 */
export function promoteTypes<A extends DType, B extends DType>(a: A, b: B): Promote<A, B> {
  const code = native.gk_dtype_promote(dtypeCode(a, "promoteTypes"), dtypeCode(b, "promoteTypes"));
  if (code !== 0) return dtypeNames[code] as Promote<A, B>;
  throw new DTypeError(`promoteTypes: ${a} and ${b} have no common dtype; cast one with astype()`, {
    op: "promoteTypes",
  });
}
