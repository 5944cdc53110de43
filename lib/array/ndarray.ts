// NDArray: a handle on an array of the library, and the shape once somebody has asked for it. All
// else (dtype, strides, bytes) lies in C and is read when asked for. The class holds what every
// array has, properties and lifetime; views.ts, transfer.ts and methods.ts add methods to it.

import {
  BYTES,
  check,
  CONTIGUOUS,
  DEVICE,
  DTYPE,
  f64,
  FLAGS,
  i32,
  lastError,
  native,
  NDIM,
  rootId,
  SHAPE,
  SIZE,
  STRIDES,
} from "../device/block.ts";
import { type Context, current } from "../device/context.ts";
import { deviceName } from "../device/device.ts";
import { DisposedError, GpukitError, type OperandInfo } from "../errors.ts";
import { type DType, dtypeNames, dtypes } from "./dtype.ts";

/** Arrays of fewer bytes may wait in the nursery before the registry looks after them. */
const SMALL = 65536;
const NURSERY = 256;

/** The handle of a live array, 0 of a disposed one and of anything that is no array. */
export let handleOf: (x: unknown) => number;
let register: (array: NDArray) => void;

// The safety net for arrays made outside every scope that nobody disposed. Registering costs ten
// times an op, so new arrays wait in a nursery, and only those still live when it is full register.
const registry = new FinalizationRegistry<number>((handle) => {
  native.gk_array_dispose(rootId, handle);
});
const nursery = new Array<NDArray | undefined>(NURSERY).fill(undefined);
let newborns = 0;

/**
 * An n-dimensional array of one element type on one device. Made by `array`, `zeros` and their like,
 * and by every op; views (`at`, `reshape`, ...) share memory with the array that they came from.
 */
export class NDArray<D extends DType = DType> {
  #handle: number;
  #shape: readonly number[] | undefined;
  #registered: boolean;

  /** Not for users: arrays come from functions. */
  constructor(handle: number) {
    this.#handle = handle;
    this.#shape = undefined;
    this.#registered = false;
  }

  static {
    handleOf = (x) => typeof x === "object" && x !== null && #handle in x ? x.#handle : 0;
    register = (array) => {
      if (array.#handle === 0 || array.#registered) return;
      array.#registered = true;
      registry.register(array, array.#handle, array);
    };
  }

  #describe(property: string): void {
    if (this.#handle === 0) throw disposed(property);
    if (native.gk_array_describe(rootId, this.#handle) !== 0) throw lastError(property);
  }

  /** The length of each axis. */
  get shape(): readonly number[] {
    if (this.#shape === undefined) {
      this.#describe("shape");
      this.#shape = dims(SHAPE);
    }
    return this.#shape;
  }

  /** The bytes from one element to the next along each axis. */
  get strides(): readonly number[] {
    this.#describe("strides");
    return dims(STRIDES);
  }

  /** The number of axes. */
  get ndim(): number {
    return this.shape.length;
  }

  /** The number of elements. */
  get size(): number {
    this.#describe("size");
    return f64[SIZE]!;
  }

  /** The element type. */
  get dtype(): D {
    this.#describe("dtype");
    return dtypeNames[i32[DTYPE]!] as D;
  }

  /** The bytes of one element. */
  get itemsize(): number {
    return dtypes[this.dtype].itemsize;
  }

  /** The bytes of all elements. */
  get nbytes(): number {
    this.#describe("nbytes");
    return f64[BYTES]!;
  }

  /** The name of the device that holds it: "cpu", "cuda:0". */
  get device(): string {
    this.#describe("device");
    return deviceName(i32[DEVICE]!);
  }

  /** Do the elements lie in row-major order without gaps? */
  get isContiguous(): boolean {
    this.#describe("isContiguous");
    return (i32[FLAGS]! & CONTIGUOUS) !== 0;
  }

  /** Has it been disposed, by `dispose`, `using` or the end of its scope? */
  get isDisposed(): boolean {
    return this.#handle === 0 || native.gk_array_is_live(rootId, this.#handle) === 0;
  }

  /** Frees the array. Its views live on, ops that were submitted with it still run. */
  dispose(): void {
    const handle = this.#handle;
    if (handle === 0) return;
    this.#handle = 0;
    if (this.#registered) registry.unregister(this);
    native.gk_array_dispose(rootId, handle);
  }

  /** Frees the array at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** A token with which `adopt` on another thread takes the array, once. */
  share(): number {
    const token = native.gk_array_share(current().id, live(this, "share"));
    if (token === 0) throw lastError("share");
    return token;
  }

  /** Arrays have no value of their own as operands of `+` and the like. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    throw new GpukitError(
      "JavaScript's operators do not work on arrays: write gk.add(a, b), gk.mul(a, b), " +
        "gk.less(a, b), or a.item() for the number in an array of one element",
      { op: "operator" },
    );
  }
}

/** The live handle of an array; throws where there is none. */
export function live(array: NDArray, op: string): number {
  return handleOf(array) || refuse(array, op);
}

/** Throws what is wrong with something that should be a live array. */
export function refuse(x: unknown, op: string): never {
  if (x instanceof NDArray) throw disposed(op);
  const hint = Array.isArray(x) || ArrayBuffer.isView(x) ? "; make one with gk.array(...)" : "";
  throw new GpukitError(`${op}: expects an array, got ${kindOf(x)}${hint}`, { op });
}

/** What something is, for messages. */
export function kindOf(x: unknown): string {
  if (x === null) return "null";
  if (typeof x === "string") return `the string ${JSON.stringify(x.slice(0, 40))}`;
  if (typeof x !== "object") return typeof x === "number" ? String(x) : typeof x;
  if (Array.isArray(x)) return "a list";
  return `an object of class ${x.constructor?.name ?? "null"}`;
}

function disposed(op: string): DisposedError {
  return new DisposedError(
    `${op}: the array is disposed; arrays made in a scope end with it unless returned or kept by ` +
      "gk.keep",
    { op },
  );
}

/** The array of a new handle. Outside every scope a finalizer will look after it. */
export function wrap<D extends DType>(handle: number, context: Context): NDArray<D> {
  const array = new NDArray<D>(handle);
  if (context.isOpen) guard(array, f64[BYTES]!);
  return array;
}

/** Wraps the handle that a call returned, or throws its error where it is 0. */
export function result<D extends DType>(handle: number, context: Context, op: string): NDArray<D> {
  if (handle === 0) throw lastError(op);
  return wrap(handle, context);
}

/** Puts an array that no scope owns under the care of the finalizer. */
export function guard(array: NDArray, size: number): void {
  if (size > SMALL) {
    register(array);
  } else {
    nursery[newborns++] = array;
    if (newborns === NURSERY) emptyNursery();
  }
}

function emptyNursery(): void {
  newborns = 0;
  for (let i = 0; i < NURSERY; i++) {
    register(nursery[i]!);
    nursery[i] = undefined;
  }
}

/** Takes an array that another thread shared; the token is used up. */
export function adopt<D extends DType = DType>(token: number): NDArray<D> {
  if (!Number.isSafeInteger(token) || token <= 0) {
    throw new GpukitError(`adopt: expects a token of share(), got ${kindOf(token)}`, {
      op: "adopt",
    });
  }
  const context = current();
  return result(native.gk_array_adopt(context.id, token), context, "adopt");
}

/** Describes an array into the block. */
export function describe(array: NDArray, op: string): void {
  check(native.gk_array_describe(rootId, live(array, op)), op);
}

/** Shapes and dtypes of those operands that are live arrays, for errors. */
export function operandInfo(operands: readonly unknown[]): OperandInfo[] {
  const infos: OperandInfo[] = [];
  for (const x of operands) {
    const handle = handleOf(x);
    if (handle === 0 || native.gk_array_describe(rootId, handle) !== 0) continue;
    infos.push({ shape: dims(SHAPE), dtype: dtypeNames[i32[DTYPE]!]! });
  }
  return infos;
}

// The described array's numbers from `at` on. Literals are several times faster than slices.
function dims(at: number): readonly number[] {
  switch (i32[NDIM]) {
    case 0:
      return [];
    case 1:
      return [f64[at]!];
    case 2:
      return [f64[at]!, f64[at + 1]!];
    case 3:
      return [f64[at]!, f64[at + 1]!, f64[at + 2]!];
    case 4:
      return [f64[at]!, f64[at + 1]!, f64[at + 2]!, f64[at + 3]!];
    default:
      return Array.from(f64.subarray(at, at + i32[NDIM]!));
  }
}

/** Adds methods to a class, hidden from enumeration as those of its body are. */
export function extend(
  methods: Record<PropertyKey, unknown> & ThisType<NDArray>,
): void {
  const all = Object.getOwnPropertyDescriptors(methods);
  for (const key of Reflect.ownKeys(all)) all[key as string]!.enumerable = false;
  Object.defineProperties(NDArray.prototype, all);
}
