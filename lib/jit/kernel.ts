// Kernels: what the compiler says of them, and their launch. C checks what a launch is given against the
// kernel's parameters and the device's limits; here is only told apart which kind each argument is.

import { check, f64, lastError, native, text, u32, VALUES } from "../device/block.ts";
import { current } from "../device/context.ts";
import { Stream } from "../device/stream.ts";
import { DisposedError, DTypeError, GpukitError } from "../errors.ts";
import { type DType, dtypeNames } from "../array/dtype.ts";
import { handleOf, kindOf, NDArray, operandInfo } from "../array/ndarray.ts";
import { type HostBytes, hostBytes, isHostBytes } from "./host_bytes.ts";
import type { Module, Origin } from "./module.ts";
import { Scalar } from "./scalar.ts";

/** Places of a launch in the block (gk_kernel_launch in csrc/gpukit.h), in words and in f64. */
const GRID = 0;
const BLOCK = 3;
const SHARED = 6;
const FIRST_WORD = 8;
const FIRST_VALUE = 5;
const MOST_ARGUMENTS = 128;
/** Structs lie behind the arguments, up to the end of the block's input half. */
const FIRST_BYTE = 32;
const INPUT_BYTES = 4096;

/** gk_argument_kind. */
const NUMBER = 0;
const ARRAY = 1;
const TYPED = 2;
const INT64 = 3;
const UINT64 = 4;
const BYTES = 5;
const NULL = 6;

const blockBytes = new Uint8Array(f64.buffer);
const int64 = new BigInt64Array(f64.buffer);

/** A number of blocks or threads, or one for each of up to three axes; those left out are 1. */
export type Dimensions =
  | number
  | readonly [x: number]
  | readonly [x: number, y: number]
  | readonly [x: number, y: number, z: number]
  | readonly number[];

/** How a kernel is launched. */
export interface LaunchOptions {
  /** How many blocks; not threads. */
  readonly grid: Dimensions;
  /** How many threads each block has. */
  readonly block: Dimensions;
  /** Bytes of `extern __shared__` memory of each block; 0 if absent. */
  readonly sharedBytes?: number | undefined;
  /** The stream that the launch is ordered on; the current one if absent. */
  readonly stream?: Stream | undefined;
}

/**
 * An argument of a kernel. An array goes to a pointer to its dtype, and must be contiguous. A number, a
 * boolean or a bigint takes the parameter's type; `gk.f32(2)` has its own, which must be the same. Bytes
 * go to a struct by value, and null to any pointer.
 */
export type Argument = NDArray | number | boolean | bigint | Scalar | HostBytes | null;

/** A parameter of a kernel, as the compiler sees it. */
export interface Parameter {
  /** As C++ spells it: "const float*". */
  readonly type: string;
  /** What it takes; `unknown` where only its size is known. */
  readonly kind: "unknown" | "number" | "pointer" | "struct";
  /** That of the number, or of what the pointer leads to, where it is one. */
  readonly dtype: DType | undefined;
  /** Is nothing written through the pointer? */
  readonly isConst: boolean;
  /** Its size. */
  readonly bytes: number;
}

/** What a kernel needs of the device. Sizes are bytes. */
export interface Attributes {
  /** The most threads that a block may have. */
  readonly maxThreadsPerBlock: number;
  /** Registers of a thread. */
  readonly registers: number;
  /** `__shared__` memory of a block, without what a launch adds. */
  readonly sharedBytes: number;
  /** The most that a launch may add by `sharedBytes`. */
  readonly maxSharedBytes: number;
  /** `__constant__` memory. */
  readonly constantBytes: number;
  /** Memory of a thread for what has no place in registers: spilled values, indexed arrays. */
  readonly localBytes: number;
  /** The version of the PTX that it came from: "9.0". */
  readonly ptxVersion: string;
  /** The architecture of its code: "9.0". */
  readonly binaryVersion: string;
}

/** How well blocks of a size fill the device. */
export interface Occupancy {
  /** How many such blocks a multiprocessor holds at once. */
  readonly blocksPerMultiprocessor: number;
  /** The threads of these blocks. */
  readonly threadsPerMultiprocessor: number;
  /** The most threads that a multiprocessor holds. */
  readonly maxThreadsPerMultiprocessor: number;
  /** The former by the latter, from 0 to 1. */
  readonly fraction: number;
  /** The threads of a block that fills a multiprocessor best. */
  readonly bestBlock: number;
  /** The blocks of that size that fill the device. */
  readonly bestGrid: number;
}

const kinds = ["unknown", "number", "pointer", "struct"] as const;

interface Description {
  readonly symbol: string;
  readonly parameters: readonly Parameter[];
  readonly attributes: Attributes;
}

/** A kernel: a `__global__` function of a module. Made by `jit`, `jitAsync` and `module`. */
export class Kernel {
  /** As it was asked for: "saxpy", "scale<float>". */
  readonly name: string;
  /** The module that it is of. */
  readonly module: Module;
  readonly #number: number;
  #isDisposed = false;
  #description: Description | undefined;

  /** Not for users: kernels come from `jit` and `module`. */
  constructor(module: Module, number: number) {
    this.module = module;
    this.name = module.kernels[number]!;
    this.#number = number;
  }

  /**
   * Launches it and returns at once. Arrays behind pointers that are not const count as written:
   * whatever uses them next waits, also on other streams.
   *
   * @throws {GpukitError} The grid, the block, the added memory or the number of arguments is not what the
   * kernel and the device take.
   * @throws {DTypeError} An argument does not have its parameter's type; the message says which.
   * @throws {ShapeError} An array is not contiguous.
   * @throws {DeviceError} An array lies on another device.
   */
  launch(options: LaunchOptions, ...args: readonly Argument[]): void {
    const module = this.#live("launch");
    if (typeof options !== "object" || options === null) {
      throw wrongOption("the first argument", "{grid, block}", options);
    }
    const { grid, block, sharedBytes, stream } = options;
    writeDimensions(grid, GRID, "grid");
    writeDimensions(block, BLOCK, "block");
    u32[SHARED] = sharedBytes === undefined ? 0 : count(sharedBytes, "sharedBytes");
    const queue = stream === undefined ? 0 : queueOf(stream);
    if (args.length > MOST_ARGUMENTS) this.#refuseMany(args.length);
    for (let i = 0; i < args.length; i++) {
      const x = args[i];
      const word = FIRST_WORD + 4 * i;
      if (typeof x === "number") {
        u32[word] = NUMBER;
        f64[FIRST_VALUE + 2 * i] = x;
        continue;
      }
      const handle = handleOf(x);
      if (handle !== 0) {
        u32[word] = ARRAY;
        u32[word + 1] = handle;
      } else {
        this.#write(x, i, args);
      }
    }
    const status = native.gk_kernel_launch(
      current().id,
      module,
      this.#number,
      args.length,
      queue,
    );
    if (status !== 0) throw lastError("launch", () => operandInfo(args));
  }

  // Arguments that are neither numbers nor live arrays.
  #write(x: unknown, i: number, args: readonly Argument[]): void {
    const word = FIRST_WORD + 4 * i;
    const value = FIRST_VALUE + 2 * i;
    if (x instanceof Scalar) {
      u32[word] = TYPED;
      u32[word + 1] = x.code;
      u32[word + 2] = x.low;
      u32[word + 3] = x.high;
    } else if (typeof x === "boolean") {
      u32[word] = NUMBER;
      f64[value] = Number(x);
    } else if (typeof x === "bigint") {
      if (BigInt.asIntN(64, x) !== x && BigInt.asUintN(64, x) !== x) {
        throw new DTypeError(`${this.#at(i)}: ${x} does not fit into 64 bits`, { op: "launch" });
      }
      u32[word] = x >= 2n ** 63n ? UINT64 : INT64;
      int64[value] = x;
    } else if (x === null) {
      u32[word] = NULL;
    } else if (isHostBytes(x)) {
      const data = hostBytes(x, "launch");
      const at = placeOfBytes(args, i);
      if (at + data.byteLength > INPUT_BYTES) {
        throw new GpukitError(
          `${this.#at(i)}: structs take up to ${INPUT_BYTES - placeOfBytes(args, 0)} bytes ` +
            "together; give a larger one as an array and a pointer to it",
          { op: "launch" },
        );
      }
      blockBytes.set(data, at);
      u32[word] = BYTES;
      u32[word + 1] = data.byteLength;
      u32[word + 2] = at;
      u32[word + 3] = 0;
    } else if (x instanceof NDArray) {
      throw new DisposedError(
        `${this.#at(i)}: the array is disposed; arrays made in a scope end with it unless ` +
          "returned or kept by gk.keep",
        { op: "launch" },
      );
    } else {
      throw new DTypeError(
        `${this.#at(i)} is ${kindOf(x)}; arguments are arrays, numbers, booleans, bigints, ` +
          "gk.f32(2) and its like, the bytes of a struct, or null",
        { op: "launch" },
      );
    }
  }

  #at(i: number): string {
    return `launch: argument ${i + 1} of ${this.name}`;
  }

  #refuseMany(given: number): never {
    throw new GpukitError(
      `launch: ${this.name} got ${given} arguments, at most ${MOST_ARGUMENTS} fit`,
      { op: "launch" },
    );
  }

  #live(op: string): number {
    if (!this.#isDisposed) return this.module.handle(op);
    throw new DisposedError(`${op}: the kernel ${this.name} is disposed`, { op });
  }

  #describe(): Description {
    const module = this.#live("kernel");
    if (this.#description !== undefined) return this.#description;
    const parameters: Parameter[] = [];
    let symbol = "";
    // As many lines as there is room for at a time.
    for (let count = 1; parameters.length < count || symbol === "";) {
      u32[0] = parameters.length;
      check(native.gk_kernel_describe(current().id, module, this.#number), "kernel");
      const [first = "", ...lines] = text().trimEnd().split("\n");
      symbol = first;
      count = f64[VALUES]!;
      parameters.push(...lines.map(parameterOf));
    }
    const values = f64.subarray(VALUES, VALUES + 9);
    return this.#description = {
      symbol,
      parameters,
      attributes: {
        maxThreadsPerBlock: values[1]!,
        registers: values[5]!,
        sharedBytes: values[2]!,
        maxSharedBytes: values[8]!,
        constantBytes: values[3]!,
        localBytes: values[4]!,
        ptxVersion: version(values[6]!),
        binaryVersion: version(values[7]!),
      },
    };
  }

  /** Its name in the compiled code, which C++ mangles. */
  get symbol(): string {
    return this.#describe().symbol;
  }

  /** Its parameters. Of a module that does not tell their types, only their sizes are known. */
  get parameters(): readonly Parameter[] {
    return this.#describe().parameters;
  }

  /** Name and types of the parameters: "saxpy(float, const float*, float*, int)". */
  get signature(): string {
    return `${this.name}(${this.parameters.map(({ type }) => type).join(", ")})`;
  }

  /** What it needs of the device. */
  get attributes(): Attributes {
    return this.#describe().attributes;
  }

  /** What the compiler wrote; warnings, where it compiled. */
  get log(): string {
    this.#live("log");
    return this.module.log;
  }

  /** The assembly of its module, where that was compiled here; else empty. */
  get ptx(): string {
    this.#live("ptx");
    return this.module.ptx;
  }

  /** What the driver was given for its module: a cubin, or PTX where the compiler does not know the device. */
  get cubin(): Uint8Array<ArrayBuffer> {
    this.#live("cubin");
    return this.module.cubin;
  }

  /** How its module came to be. */
  get origin(): Origin {
    this.#live("origin");
    return this.module.origin;
  }

  /**
   * How well blocks of this many threads fill the device.
   *
   * @throws {GpukitError} The block is larger than the kernel takes.
   */
  occupancy(
    block: Dimensions,
    options?: { readonly sharedBytes?: number | undefined },
  ): Occupancy {
    const module = this.#live("occupancy");
    const threads = (typeof block === "number" ? [block] : block)
      .reduce((product, length) => product * count(length, "block"), 1);
    const shared = options?.sharedBytes;
    const added = shared === undefined ? 0 : count(shared, "sharedBytes");
    check(
      native.gk_kernel_occupancy(
        current().id,
        module,
        this.#number,
        count(threads, "block"),
        added,
      ),
      "occupancy",
    );
    const [blocks, active, most, bestBlock, bestGrid] = f64.subarray(VALUES, VALUES + 5);
    return {
      blocksPerMultiprocessor: blocks!,
      threadsPerMultiprocessor: active!,
      maxThreadsPerMultiprocessor: most!,
      fraction: active! / most!,
      bestBlock: bestBlock!,
      bestGrid: bestGrid!,
    };
  }

  /** Has it been disposed, or its module? */
  get isDisposed(): boolean {
    return this.#isDisposed || this.module.isDisposed;
  }

  /**
   * Gives the kernel up. The module that `jit` made ends with the last kernel that came from it; one of
   * `module` stays. Launches that were submitted still run.
   */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.module.leave();
  }

  /** Gives the kernel up at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function parameterOf(line: string): Parameter {
  const [type, kind, dtype, isConst, size] = line.split("\t");
  return {
    type: type!,
    kind: kinds[Number(kind)]!,
    dtype: dtypeNames[Number(dtype)],
    isConst: isConst === "1",
    bytes: Number(size),
  };
}

// 90 stands for 9.0.
function version(number: number): string {
  return `${Math.floor(number / 10)}.${number % 10}`;
}

// Where in the block the bytes of argument `i` stand: behind the arguments and the bytes before.
function placeOfBytes(args: readonly Argument[], i: number): number {
  let at = FIRST_BYTE + 16 * args.length;
  for (let k = 0; k < i; k++) {
    const x = args[k];
    if (isHostBytes(x)) at += 16 * Math.ceil(x.byteLength / 16);
  }
  return at;
}

function queueOf(stream: unknown): number {
  if (stream instanceof Stream) return stream.handle("launch");
  throw wrongOption("stream", "a stream of gk.stream()", stream);
}

// C checks which numbers are right; it is given whole ones of 32 bits.
function count(x: unknown, what: string): number {
  if (typeof x === "number" && x >= 0 && x < 2 ** 32 && Math.floor(x) === x) return x;
  throw wrongOption(what, "a whole number from 0 to 2^32 - 1", x);
}

function wrongOption(what: string, wanted: string, x: unknown): GpukitError {
  return new GpukitError(`launch: ${what} must be ${wanted}, got ${kindOf(x)}`, { op: "launch" });
}

function writeDimensions(x: Dimensions, at: number, what: string): void {
  if (typeof x === "number") {
    u32[at] = count(x, what);
    u32[at + 1] = 1;
    u32[at + 2] = 1;
    return;
  }
  if (!Array.isArray(x) || x.length < 1 || x.length > 3) {
    const got = Array.isArray(x) ? `${x.length} numbers` : kindOf(x);
    throw new GpukitError(
      `launch: ${what} must be a number or a list of one to three, got ${got}`,
      { op: "launch" },
    );
  }
  const list = x as readonly number[];
  u32[at] = count(list[0], what);
  u32[at + 1] = list.length > 1 ? count(list[1], what) : 1;
  u32[at + 2] = list.length > 2 ? count(list[2], what) : 1;
}
