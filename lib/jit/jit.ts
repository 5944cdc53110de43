// `jit`, `jitAsync` and `module`: from a source or an image to kernels. A source that was compiled for a
// device is found again in memory while any of its kernels is.

import { type Device, device, type DeviceLike } from "../device/device.ts";
import { GpukitError } from "../errors.ts";
import { kindOf } from "../array/ndarray.ts";
import { type HostBytes, hostBytes } from "./host_bytes.ts";
import type { Kernel } from "./kernel.ts";
import { Module, type Recipe, refuseNul } from "./module.ts";

/** What `jit` and `jitAsync` take. */
export interface JitOptions {
  /** Options of NVRTC, such as "-DN=4", "-std=c++20" or "--use_fast_math". */
  readonly options?: readonly string[] | undefined;
  /** Texts that the source includes, by name: `{ "shared.h": "..." }`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Where the kernels will run; the default device if absent. */
  readonly device?: DeviceLike | undefined;
  /** What messages call the source; "kernel.cu" if absent. */
  readonly fileName?: string | undefined;
}

/** What `module` takes. */
export interface ModuleOptions {
  /** The kernels that will be asked for, as the compiled code names them. */
  readonly kernels?: readonly string[] | undefined;
  /** Where they will run; the default device if absent. */
  readonly device?: DeviceLike | undefined;
}

/** A kernel for each name. */
export type Kernels<N extends readonly string[]> = { -readonly [I in keyof N]: Kernel };

// ---- modules in memory

// A tree with a step for each string or number that a module was asked for with. It holds modules weakly:
// they live as long as their kernels.
interface Branch {
  readonly branches: Map<string | number, Branch>;
  module?: WeakRef<Module> | undefined;
}

type Key = readonly (string | number)[];

const trunk: Branch = { branches: new Map() };

// Modules that were collected leave their place in the tree.
const collected = new FinalizationRegistry<Key>((key) => prune(trunk, key, 0, undefined));

/** Takes `module` (undefined: one that was collected) and what leads to nothing else out of the tree. */
function prune(branch: Branch, key: Key, depth: number, module: Module | undefined): void {
  if (depth === key.length) {
    // In its place there may be another one by now.
    if (branch.module?.deref() === module) branch.module = undefined;
    return;
  }
  const step = key[depth]!;
  const next = branch.branches.get(step);
  if (next === undefined) return;
  prune(next, key, depth + 1, module);
  if (next.branches.size === 0 && next.module === undefined) branch.branches.delete(step);
}

// The counts keep names, options and headers apart.
function keyOf(source: string, names: readonly string[], index: number, options?: JitOptions): Key {
  const key: (string | number)[] = [source, index, names.length, ...names];
  if (options === undefined) return key;
  const { options: flags = [], headers = {}, fileName } = options;
  if (fileName !== undefined) key.push(0, fileName);
  if (flags.length > 0) key.push(flags.length, ...flags);
  for (const [name, text] of Object.entries(headers)) key.push(-1, name, text);
  return key;
}

/** The module of a source, which may still be compiling. */
function moduleOf(
  op: string,
  source: string,
  names: readonly string[],
  isElsewhere: boolean,
  options: JitOptions | undefined,
): Module {
  const where = device(options?.device);
  checkArguments(op, source, names, options);
  const key = keyOf(source, names, where.index, options);
  let branch = trunk;
  for (const step of key) {
    let next = branch.branches.get(step);
    if (next === undefined) branch.branches.set(step, next = { branches: new Map() });
    branch = next;
  }
  const known = branch.module?.deref();
  if (known !== undefined) return known;
  try {
    const recipe = recipeOf(op, source, names, where, options);
    const module: Module = new Module(op, recipe, isElsewhere, () => {
      collected.unregister(module);
      prune(trunk, key, 0, module);
    });
    branch.module = new WeakRef(module);
    collected.register(module, key, module);
    return module;
  } catch (error) {
    prune(trunk, key, 0, undefined);
    throw error;
  }
}

function checkArguments(
  op: string,
  source: string,
  names: readonly string[],
  options: JitOptions | undefined,
): void {
  if (typeof source !== "string") {
    throw new GpukitError(
      `${op}: expects CUDA C++ as a string, got ${
        kindOf(source)
      }; gk.module takes what is compiled`,
      { op },
    );
  }
  if (names.length === 0) {
    throw new GpukitError(`${op}: expects the name of a kernel, or several in a list`, { op });
  }
  for (const name of names) {
    if (typeof name !== "string") {
      throw new GpukitError(`${op}: expects the name of a kernel, got ${kindOf(name)}`, { op });
    }
  }
  if (options === undefined) return;
  if (typeof options !== "object" || options === null) {
    throw new GpukitError(`${op}: expects options in an object, got ${kindOf(options)}`, { op });
  }
  if (options.headers !== undefined && Object(options.headers) !== options.headers) {
    throw new GpukitError(
      `${op}: headers must be texts by name, got ${kindOf(options.headers)}`,
      { op },
    );
  }
  if (options.options !== undefined && !Array.isArray(options.options)) {
    throw new GpukitError(
      `${op}: options must be a list such as ["-DN=4"], got ${kindOf(options.options)}`,
      { op },
    );
  }
}

const encoder = new TextEncoder();

function recipeOf(
  op: string,
  source: string,
  names: readonly string[],
  where: Device,
  options: JitOptions | undefined,
): Recipe {
  const { options: flags = [], headers = {}, fileName: file = "kernel.cu" } = options ?? {};
  const texts = Object.entries(headers);
  refuseNul(source, "the source", op);
  refuseNul(file, "fileName", op);
  for (const flag of flags) refuseNul(flag, "an option", op);
  for (const name of names) refuseNul(name, "a kernel's name", op);
  for (const header of texts.flat()) refuseNul(header, "a header", op);
  const strings = [source, file, ...flags, ...names, ...texts.flat()];
  return {
    device: where,
    kernels: [...names],
    data: encoder.encode(`${strings.join("\0")}\0`),
    source: { text: source, file, options: flags.length, headers: texts.length },
  };
}

function listOf(names: string | readonly string[]): readonly string[] {
  return Array.isArray(names) ? names : [names as string];
}

function kernelsOf(module: Module, names: string | readonly string[]): Kernel | Kernel[] {
  return Array.isArray(names)
    ? names.map((name) => module.kernel(name))
    : module.kernel(names as string);
}

/**
 * A kernel of CUDA C++, compiled by NVRTC for the device, or found in memory or in the cache on disk.
 * `name` is as C++ has it, with a template's arguments and the namespace: "scale<float>", "mine::add".
 *
 * @throws {KernelCompileError} The source is wrong; `log`, `line` and `column` say where.
 * @throws {UnsupportedError} The device runs no kernels (a CPU), or there is no NVRTC; the message says what
 * to do.
 */
export function jit(source: string, name: string, options?: JitOptions): Kernel;
/** Several kernels of one source, compiled once, in the order of their names. */
export function jit<const N extends readonly string[]>(
  source: string,
  names: N,
  options?: JitOptions,
): Kernels<N>;
export function jit(
  source: string,
  names: string | readonly string[],
  options?: JitOptions,
): Kernel | Kernel[] {
  const module = moduleOf("jit", source, listOf(names), false, options).finish();
  return kernelsOf(module, names);
}

/**
 * The same, compiled on another thread while the event loop goes on.
 *
 * @throws {KernelCompileError} (rejects) The source is wrong.
 * @throws {UnsupportedError} (rejects) The device runs no kernels, or there is no NVRTC.
 */
export function jitAsync(source: string, name: string, options?: JitOptions): Promise<Kernel>;
/** Several kernels of one source, compiled once, in the order of their names. */
export function jitAsync<const N extends readonly string[]>(
  source: string,
  names: N,
  options?: JitOptions,
): Promise<Kernels<N>>;
export async function jitAsync(
  source: string,
  names: string | readonly string[],
  options?: JitOptions,
): Promise<Kernel | Kernel[]> {
  const module = moduleOf("jitAsync", source, listOf(names), true, options);
  module.enter(); // the kernels of others may go meanwhile
  try {
    await module.finished();
    return kernelsOf(module, names);
  } finally {
    module.leave();
  }
}

/**
 * A module that was compiled elsewhere: a cubin or fatbin as bytes, or PTX as bytes or a string, which the
 * driver compiles. Names are those of the compiled code: kernels declared extern "C" have their own, others
 * their mangled one.
 *
 * @throws {GpukitError} The image is damaged, or there is no such kernel in it.
 * @throws {UnsupportedError} The image is for other architectures, or the device runs no kernels: a CPU.
 */
export function module(image: HostBytes | string, options?: ModuleOptions): Module {
  const kernels = options?.kernels ?? [];
  if (!Array.isArray(kernels)) {
    throw new GpukitError(
      `module: kernels must be a list of names, got ${kindOf(options?.kernels)}`,
      { op: "module" },
    );
  }
  const data = typeof image === "string" ? encoder.encode(image) : hostBytes(image, "module");
  return new Module("module", { device: device(options?.device), kernels, data }, false).finish();
}
