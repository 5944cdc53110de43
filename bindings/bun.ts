// Opens the library under Bun, nothing more. Completion is a descriptor that fs.read waits on:
// thread-safe callbacks crash when a worker is terminated.

import { abi, blocking, type Library, type Native, openInTwo } from "./abi.ts";

// Declared here, so that programs of either runtime type-check without the other's types.
interface Ffi {
  dlopen(path: string, definitions: Record<string, unknown>): { readonly symbols: unknown };
}
interface Fs {
  read(
    descriptor: number,
    into: Uint8Array,
    offset: number,
    length: number,
    position: null,
    done: (error: Error | null) => void,
  ): void;
}

declare const Bun: { mmap(path: string): Uint8Array };

// A static import of bun:ffi would fail under Deno, a dynamic one would make loading asynchronous.
function builtin<T>(name: string): T {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: string): unknown };
  };
  return process.getBuiltinModule(name) as T;
}

/** Opens all symbols of the library at `path`; throws what Bun throws. */
export function open(path: string): Library {
  const ffi = builtin<Ffi>("bun:ffi");
  const native = openInTwo((isWanted) => {
    const definitions: Record<string, unknown> = {};
    for (const name in abi) {
      if (name === blocking || !isWanted(name)) continue;
      const [returns, args] = abi[name as keyof typeof abi];
      definitions[name] = { args, returns };
    }
    return ffi.dlopen(path, definitions).symbols as Record<string, unknown>;
  }) as Native;
  let fs: Fs | undefined;
  const signal = new Uint8Array(8);
  return {
    native,
    waitForTickets(context) {
      const descriptor = native.gk_completion_descriptor(context);
      // No descriptor on this platform: look again in a millisecond.
      if (descriptor < 0) return new Promise((resolve) => setTimeout(resolve, 1));
      fs ??= builtin<Fs>("node:fs");
      return new Promise((resolve, reject) => {
        fs!.read(descriptor, signal, 0, 8, null, (error) => error ? reject(error) : resolve());
      });
    },
  };
}

/** The first bytes of a file and its size; undefined where it cannot be read. */
export function head(
  path: string,
): { readonly bytes: Uint8Array; readonly size: number } | undefined {
  try {
    const file = Bun.mmap(path); // the one way to read without loading Bun's layer for Node
    return { bytes: file.slice(0, 64), size: file.length };
  } catch {
    return undefined;
  }
}

/** The ABI version of the library at `path`, or undefined where it has none. */
export function probe(path: string): number | undefined {
  try {
    const definitions = { gk_abi_version: { args: [], returns: "u32" } };
    return (builtin<Ffi>("bun:ffi").dlopen(path, definitions).symbols as Native).gk_abi_version();
  } catch {
    return undefined;
  }
}
