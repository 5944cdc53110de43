// Reading arrays into JavaScript, at once or without blocking the event loop, and as text.

import {
  BYTES,
  bytes as blockBytes,
  check,
  COMPUTED,
  DTYPE,
  f64,
  FLAGS,
  i32,
  INPUTS,
  lastError,
  native,
  OUTPUTS,
  rootId,
  SIZE,
  STATUS,
  STREAM,
  TEXT,
  u32,
} from "../device/block.ts";
import { whenRun } from "../device/completion.ts";
import { current } from "../device/context.ts";
import { DTypeError, GpukitError, ShapeError } from "../errors.ts";
import { Op } from "../ops/table.ts";
import {
  type Complex,
  type DType,
  dtypeNames,
  dtypes,
  fromBfloat16,
  type HostArray,
  type Item,
  type Nested,
} from "./dtype.ts";
import { extend, live, type NDArray } from "./ndarray.ts";
import { formatArray } from "./print.ts";
import { at } from "./views.ts";

/** What `data` and `dataSync` take. */
export interface ReadOptions<D extends DType = DType> {
  /** The typed array to fill, of the dtype's host form and exactly the array's size. */
  readonly into?: HostArray<D> | undefined;
}

/** What `item` and `array` take. */
export interface ElementOptions<B extends boolean = boolean> {
  /** Do 64-bit integers come as bigints? Else numbers beyond 2^53 throw. */
  readonly bigint?: B | undefined;
}

/** An element with the choice between number and bigint made. */
export type ItemOf<D extends DType, B extends boolean> = D extends "int64" | "uint64"
  ? (B extends true ? bigint : number)
  : Item<D>;

// A read of more than this may take longer than a turn of the event loop should.
const DIRECT_BYTES = 64 * 2 ** 20;
const SLICE_BYTES = 16 * 2 ** 20;

/**
 * Waits for the array and copies its elements, in row-major order.
 *
 * @throws {ShapeError | DTypeError} `into` does not fit.
 */
function dataSync<D extends DType>(a: NDArray<D>, options?: ReadOptions<D>): HostArray<D> {
  const context = current().id;
  const handle = live(a, "dataSync");
  check(native.gk_array_describe(context, handle), "dataSync");
  const host = target<D>(options?.into, "dataSync");
  check(native.gk_array_read(context, handle, host, host.byteLength, 0), "dataSync");
  return host;
}

async function data<D extends DType>(
  a: NDArray<D>,
  options?: ReadOptions<D>,
): Promise<HostArray<D>> {
  const context = current().id;
  const handle = live(a, "data");
  check(native.gk_array_describe(context, handle), "data");
  const isComputed = (i32[FLAGS]! & COMPUTED) !== 0;
  const stream = i32[STREAM]! >>> 0;
  const size = f64[BYTES]!;
  const host = target<D>(options?.into, "data");
  if (isComputed && size <= DIRECT_BYTES) {
    check(native.gk_array_read(context, handle, host, size, 0), "data");
    return host;
  }
  // What is read is the value as of now, whatever is submitted later: a copy in the stream's order,
  // which the root owns, since the scope may end before.
  u32[INPUTS] = handle;
  u32[OUTPUTS] = 0;
  const snapshot = native.gk_submit(rootId, Op.copy + (stream & 0xffff) * 65536, 1, 0, 0, 0);
  if (snapshot === 0) throw lastError("data");
  try {
    await whenRun(rootId, stream, "data");
    for (let offset = 0; offset < size || offset === 0; offset += SLICE_BYTES) {
      if (offset > 0) await macrotask();
      const length = Math.min(SLICE_BYTES, size - offset);
      const part = new Uint8Array(host.buffer, host.byteOffset + offset, length);
      check(native.gk_array_read(rootId, snapshot, part, length, offset), "data");
    }
  } finally {
    native.gk_array_dispose(rootId, snapshot);
  }
  return host;
}

function macrotask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

// The host array for the array described in the block: the caller's, checked, or a new one.
function target<D extends DType>(into: HostArray<D> | undefined, op: string): HostArray<D> {
  const dtype = dtypeNames[i32[DTYPE]!]!;
  const { Host } = dtypes[dtype];
  const length = f64[SIZE]! * (dtype === "complex64" ? 2 : 1);
  if (into === undefined) return new Host(length) as HostArray<D>;
  if (!(into instanceof Host)) {
    throw new DTypeError(`${op}: into must be a ${Host.name} for ${dtype}`, { op });
  }
  if (into.length !== length) {
    throw new ShapeError(`${op}: into has ${into.length} elements, the array ${length}`, { op });
  }
  return into as HostArray<D>;
}

/**
 * Waits for an array of one element and returns it.
 *
 * @throws {ShapeError} It has more or less than one element.
 * @throws {GpukitError} A 64-bit integer beyond 2^53, unless `bigint` is set.
 */
function item(a: NDArray, options?: ElementOptions): number | boolean | bigint | Complex {
  const value = native.gk_array_item(current().id, live(a, "item"));
  if (i32[STATUS] !== 0) throw lastError("item");
  switch (dtypeNames[i32[DTYPE]!]) {
    case "bool":
      return value !== 0;
    case "int64":
      return integer(textView.getBigInt64(0, true), options, "item");
    case "uint64":
      return integer(textView.getBigUint64(0, true), options, "item");
    case "complex64":
      return { re: textView.getFloat32(0, true), im: textView.getFloat32(4, true) };
    default:
      return value;
  }
}
const textView = new DataView(blockBytes.buffer, TEXT, 8);

function integer(value: bigint, options: ElementOptions | undefined, op: string): number | bigint {
  if (options?.bigint) return value;
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new GpukitError(
    `${op}: ${value} is no exact number of JavaScript; ask for {bigint: true}, or data()`,
    { op },
  );
}

// ---- nested lists

type Element = number | boolean | bigint | Complex;

function nest(
  host: HostArray,
  dtype: DType,
  shape: readonly number[],
  options: ElementOptions | undefined,
  op: string,
): Nested<Element> {
  const read = reader(host, dtype, options, op);
  let next = 0;
  const build = (axis: number): Nested<Element> => {
    if (axis === shape.length) return read(next++);
    const list: Nested<Element>[] = [];
    for (let i = 0; i < shape[axis]!; i++) list.push(build(axis + 1));
    return list;
  };
  return build(0);
}

function reader(
  host: HostArray,
  dtype: DType,
  options: ElementOptions | undefined,
  op: string,
): (i: number) => Element {
  switch (dtype) {
    case "bool":
      return (i) => host[i] !== 0;
    case "int64":
    case "uint64":
      return (i) => integer(host[i] as bigint, options, op);
    case "bfloat16":
      return (i) => fromBfloat16(host[i] as number);
    case "complex64":
      return (i) => ({ re: host[2 * i] as number, im: host[2 * i + 1] as number });
    default:
      return (i) => host[i] as number;
  }
}

// ---- text

function toText(a: NDArray): string {
  if (a.isDisposed) return "NDArray(disposed)";
  const shape = a.shape;
  return formatArray(
    (start, stop) => {
      const box = at(a, ...shape.map((_, axis) => `${start[axis]}:${stop[axis]}`));
      try {
        return dataSync(box);
      } finally {
        box.dispose();
      }
    },
    shape,
    a.dtype,
  );
}

function inspect(a: NDArray): string {
  if (a.isDisposed) return "NDArray(disposed)";
  const text = toText(a).replaceAll("\n", "\n        ");
  return `NDArray(${text}, shape=[${a.shape.join(", ")}], dtype=${a.dtype})`;
}

declare module "./ndarray.ts" {
  interface NDArray<D extends DType = DType> {
    /**
     * Waits for the array and copies its elements, in row-major order. Blocks the event loop.
     *
     * @throws {ShapeError | DTypeError} `into` does not fit.
     */
    dataSync(options?: ReadOptions<D>): HostArray<D>;
    /**
     * The elements as of this call, in row-major order, without blocking the event loop.
     *
     * @throws {ShapeError | DTypeError} `into` does not fit.
     */
    data(options?: ReadOptions<D>): Promise<HostArray<D>>;
    /**
     * The element of an array that has one.
     *
     * @throws {ShapeError} The array has more or less than one element.
     * @throws {GpukitError} A 64-bit integer beyond 2^53, unless `bigint` is set.
     */
    item<B extends boolean = false>(options?: ElementOptions<B>): ItemOf<D, B>;
    /** The elements in nested lists; the element itself where the array has no axes. */
    array<B extends boolean = false>(options?: ElementOptions<B>): Promise<Nested<ItemOf<D, B>>>;
    /** The same as `array`, at once. */
    arraySync<B extends boolean = false>(options?: ElementOptions<B>): Nested<ItemOf<D, B>>;
    /** The elements in nested lists, for JSON.stringify. */
    toJSON(): unknown;
    /** The elements as text, as NumPy prints them. */
    toString(): string;
  }
}

extend({
  dataSync(options?: ReadOptions) {
    return dataSync(this, options);
  },
  data(options?: ReadOptions) {
    return data(this, options);
  },
  item(options?: ElementOptions) {
    return item(this, options);
  },
  async array(options?: ElementOptions) {
    const { dtype, shape } = this;
    return nest(await data(this), dtype, shape, options, "array");
  },
  arraySync(options?: ElementOptions) {
    return nest(dataSync(this), this.dtype, this.shape, options, "arraySync");
  },
  toJSON() {
    return nest(dataSync(this), this.dtype, this.shape, undefined, "toJSON");
  },
  toString() {
    return toText(this);
  },
  [Symbol.for("Deno.customInspect")]() {
    return inspect(this);
  },
  [Symbol.for("nodejs.util.inspect.custom")]() {
    return inspect(this);
  },
});
