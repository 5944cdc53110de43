// Modules: kernels and variables that were compiled together and lie on one device. What is known of
// them lies in C and is read when asked for.

import { bytes, i32, lastError, native, rootId, STATUS, text, u32 } from "../device/block.ts";
import { newTicket, whenDelivered } from "../device/completion.ts";
import { current } from "../device/context.ts";
import type { Device } from "../device/device.ts";
import { DisposedError, GpukitError, IndexError, KernelCompileError } from "../errors.ts";
import { kindOf, NDArray } from "../array/ndarray.ts";
import { firstFault } from "./compile_error.ts";
import { type HostBytes, hostBytes } from "./host_bytes.ts";
import { Kernel } from "./kernel.ts";

/** Parts of gk_module_read. */
const LOG = 0;
const IMAGE = 1;
const PTX = 2;
const ORIGIN = 3;

/** Bits of the flags of gk_module_create. */
const GIVEN = 1;
const ELSEWHERE = 2;

/** gk_status of a source that is wrong. */
const COMPILE = 10;

/** Where names stand in the block, and how many bytes of them fit. */
const NAMES = 512;
const INPUT_BYTES = 4096;

/** How a module came to be. */
export interface Origin {
  /** Compiled now, found in the cache on disk, or given to `gk.module`. */
  readonly from: "compiler" | "disk" | "given";
  /** What `jit` compiled it for: "sm_90a", or "compute_120" for PTX. */
  readonly architecture: string | undefined;
  /** What it took `jit` to compile it, or to find it on disk, in milliseconds. */
  readonly milliseconds: number | undefined;
}

/** What `gk_module_create` is given. */
export interface Recipe {
  readonly device: Device;
  readonly kernels: readonly string[];
  /** The strings of the source, or the image. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Absent: `data` is an image. */
  readonly source?: {
    readonly text: string;
    readonly file: string;
    readonly options: number;
    readonly headers: number;
  };
}

const registry = new FinalizationRegistry<number>((h) => native.gk_module_dispose(rootId, h));
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Kernels and variables on a device. Made by `module`, and by `jit` for its kernels. */
export class Module {
  #handle: number;
  #recipe: Recipe;
  #op: string;
  #delivered: Promise<void> | undefined;
  #isFinished = false;
  #failure: GpukitError | undefined;
  #log: string | undefined;
  #users = 0;
  readonly #onEnd: (() => void) | undefined;

  /** Not for users: modules come from `module` and `jit`. Begins to compile or load. */
  constructor(op: string, recipe: Recipe, isElsewhere: boolean, onEnd?: () => void) {
    this.#op = op;
    this.#recipe = recipe;
    this.#onEnd = onEnd;
    const { device, kernels, source, data } = recipe;
    let flags = isElsewhere ? ELSEWHERE : 0;
    if (source === undefined) {
      flags |= GIVEN;
      writeNames(kernels, NAMES, op);
    }
    u32[0] = source?.options ?? 0;
    u32[1] = kernels.length;
    u32[2] = source?.headers ?? 0;
    const ticket = isElsewhere ? newTicket() : 0;
    u32[3] = ticket;
    const { index } = device;
    this.#handle = native.gk_module_create(current().id, index, flags, data, data.byteLength);
    if (this.#handle === 0) throw lastError(op);
    registry.register(this, this.#handle, this);
    if (isElsewhere) this.#delivered = whenDelivered(ticket);
  }

  /** The live handle; throws where the module is disposed. For gpukit's own use. */
  handle(op: string): number {
    if (this.#handle !== 0) return this.#handle;
    throw new DisposedError(
      `${op}: ${this.kernels.join(", ") || "the module"} is disposed; compile it anew`,
      { op },
    );
  }

  /** Waits until it is compiled and loaded; throws why not. For gpukit's own use. */
  finish(): this {
    if (this.#isFinished) return this;
    if (this.#failure !== undefined) throw this.#failure;
    if (native.gk_module_finish(current().id, this.#handle) !== 0) {
      this.#failure = this.#whyNot();
      this.dispose();
      throw this.#failure;
    }
    this.#isFinished = true;
    return this;
  }

  /** The same for one that is compiled on another thread, without blocking. For gpukit's own use. */
  async finished(): Promise<this> {
    await this.#delivered;
    return this.finish();
  }

  #whyNot(): GpukitError {
    if (i32[STATUS] !== COMPILE) return lastError(this.#op);
    const message = text();
    const { source } = this.#recipe;
    const log = this.#part(LOG);
    const place = source && firstFault(log, source.file, source.text);
    return new KernelCompileError(message, log, { op: this.#op }, place);
  }

  #read(part: number): Uint8Array<ArrayBuffer> {
    let into = new Uint8Array(1024);
    for (;;) {
      const length = native.gk_module_read(
        current().id,
        this.handle("module"),
        part,
        into,
        into.byteLength,
      );
      if (Number.isNaN(length)) throw lastError("module");
      if (length <= into.byteLength) return into.slice(0, length);
      into = new Uint8Array(length);
    }
  }

  #part(part: number): string {
    return decoder.decode(this.#read(part));
  }

  /** The names of its kernels, as they were asked for. */
  get kernels(): readonly string[] {
    return this.#recipe.kernels;
  }

  /** The device that it lies on. */
  get device(): Device {
    return this.#recipe.device;
  }

  /** What the compiler wrote; warnings, where it compiled. Empty for one that was given. */
  get log(): string {
    return this.#log ??= this.#part(LOG);
  }

  /** The assembly, where it was compiled here; else empty. */
  get ptx(): string {
    return this.#part(PTX);
  }

  /** What the driver was given: a cubin, or PTX where the compiler does not know the device. */
  get cubin(): Uint8Array<ArrayBuffer> {
    return this.#read(IMAGE);
  }

  /** How it came to be. */
  get origin(): Origin {
    const lines = this.#part(ORIGIN).split("\n").map((line) => line.split("\t"));
    const { from, architecture, milliseconds } = Object.fromEntries(lines);
    const isKnown = milliseconds !== undefined;
    return { from, architecture, milliseconds: isKnown ? Number(milliseconds) : undefined };
  }

  /**
   * One of its kernels.
   *
   * @throws {IndexError} It was not asked for when the module was made.
   */
  kernel(name: string): Kernel {
    const number = this.kernels.indexOf(name);
    if (number < 0) {
      throw new IndexError(
        `kernel: ${kindOf(name)} was not asked for when the module was made; these were: ${
          this.kernels.join(", ") || "none"
        }`,
        { op: "kernel" },
      );
    }
    this.handle("kernel");
    this.enter();
    return new Kernel(this, number);
  }

  /** Somebody needs it: see `leave`. For gpukit's own use. */
  enter(): void {
    this.#users++;
  }

  /** A kernel was given up. What `jit` made ends with its last one. For gpukit's own use. */
  leave(): void {
    if (--this.#users === 0 && this.#recipe.source !== undefined) this.dispose();
  }

  /**
   * A `__constant__` or `__device__` variable, by its name in the compiled code (C++ knows those of a
   * namespace by mangled names).
   *
   * @throws {GpukitError} There is none of that name.
   */
  variable(name: string): ModuleVariable {
    if (typeof name !== "string") {
      throw new GpukitError(`variable: expects a name, got ${kindOf(name)}`, { op: "variable" });
    }
    return new ModuleVariable(this, name);
  }

  /** Has it been disposed? */
  get isDisposed(): boolean {
    return this.#handle === 0;
  }

  /** Frees it with all its kernels. Launches that were submitted still run. */
  dispose(): void {
    if (this.#handle === 0) return;
    registry.unregister(this);
    native.gk_module_dispose(rootId, this.#handle);
    this.#handle = 0;
    this.#onEnd?.();
  }

  /** Frees it at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A variable of a module, in the device's memory. */
export class ModuleVariable {
  /** Its name. */
  readonly name: string;
  /** Its size. */
  readonly bytes: number;
  readonly #module: Module;

  /** Not for users: variables come from `variable`. */
  constructor(module: Module, name: string) {
    this.#module = module;
    this.name = name;
    this.bytes = this.#access(0, nothing, 0, 0, "variable");
  }

  #access(
    write: number,
    data: Uint8Array<ArrayBuffer>,
    length: number,
    offset: number,
    op: string,
  ): number {
    const handle = this.#module.handle(op);
    writeNames([this.name], 0, op);
    const size = native.gk_module_variable(current().id, handle, write, data, length, offset);
    if (Number.isNaN(size)) throw lastError(op);
    return size;
  }

  /**
   * Copies bytes to it, from byte `offset` on, in the order of the current stream: kernels that are
   * launched later see them. An array is read first, which waits for it.
   *
   * @throws {ShapeError} They reach beyond its end.
   */
  write(data: HostBytes | NDArray, options?: { readonly offset?: number | undefined }): void {
    const host = data instanceof NDArray ? data.dataSync() : data;
    const from = hostBytes(host, "write");
    const offset = offsetOf(options?.offset, "write");
    if (from.byteLength > 0) this.#access(1, from, from.byteLength, offset, "write");
  }

  /**
   * Its bytes, from byte `offset` on, once all that was submitted has run: into memory that is
   * given, or all that there are as new ones. Returns what it filled.
   *
   * @throws {ShapeError} `into` reaches beyond its end.
   */
  read(options?: { readonly offset?: number | undefined }): Uint8Array<ArrayBuffer>;
  /** Fills `into`. */
  read<T extends HostBytes>(into: T, options?: { readonly offset?: number | undefined }): T;
  read(into?: unknown, options?: { readonly offset?: number | undefined }): HostBytes {
    const isGiven = into instanceof ArrayBuffer || ArrayBuffer.isView(into);
    const { offset: from } = (isGiven ? options : into as typeof options) ?? {};
    const offset = offsetOf(from, "read");
    const host = isGiven ? into as HostBytes : new Uint8Array(Math.max(0, this.bytes - offset));
    const to = hostBytes(host, "read");
    if (to.byteLength > 0) this.#access(0, to, to.byteLength, offset, "read");
    return host;
  }
}

// Neither runtime takes a view of no bytes for a buffer everywhere.
const nothing = new Uint8Array(8);

function offsetOf(offset: unknown, op: string): number {
  if (offset === undefined) return 0;
  if (Number.isSafeInteger(offset) && (offset as number) >= 0) return offset as number;
  throw new GpukitError(`${op}: offset must be a whole number of bytes, got ${kindOf(offset)}`, {
    op,
  });
}

// Writes strings, each with a NUL behind it, into the block.
function writeNames(names: readonly string[], at: number, op: string): void {
  for (const name of names) {
    refuseNul(name, "a name", op);
    const encoded = encoder.encode(name);
    if (at + encoded.length + 1 > INPUT_BYTES) {
      throw new GpukitError(`${op}: the names take more than ${INPUT_BYTES - NAMES} bytes`, { op });
    }
    bytes.set(encoded, at);
    at += encoded.length;
    bytes[at++] = 0;
  }
}

/** C's strings end at the first NUL. */
export function refuseNul(text: string, what: string, op: string): void {
  if (typeof text !== "string") {
    throw new GpukitError(`${op}: ${what} must be a string, got ${kindOf(text)}`, { op });
  }
  if (text.includes("\0")) {
    throw new GpukitError(`${op}: ${what} holds a NUL character`, { op });
  }
}
