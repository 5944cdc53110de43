// Opens the library under Bun, nothing more. Completion is a descriptor that fs.read waits on:
// thread-safe callbacks crash when a worker is terminated.

import { abi, blocking, type Library, type Native } from "./abi.ts";

type Ffi = typeof import("bun:ffi");
type Fs = typeof import("node:fs");
type Definition = Parameters<Ffi["dlopen"]>[1][string];

// A static import of bun:ffi would fail under Deno, a dynamic one would make loading asynchronous.
function builtin<T>(name: string): T {
  return process.getBuiltinModule(name) as T;
}

/** Opens all symbols of the library at `path`; throws what Bun throws. */
export function open(path: string): Library {
  const definitions: Record<string, Definition> = {};
  for (const name in abi) {
    if (name === blocking) continue;
    const [returns, args] = abi[name as keyof typeof abi];
    definitions[name] = { args, returns } as unknown as Definition;
  }
  const native = builtin<Ffi>("bun:ffi").dlopen(path, definitions).symbols as unknown as Native;
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

/** The ABI version of the library at `path`, or undefined where it has none. */
export function probe(path: string): number | undefined {
  try {
    const definitions = { gk_abi_version: { args: [], returns: "u32" } } as const;
    return builtin<Ffi>("bun:ffi").dlopen(path, definitions).symbols.gk_abi_version();
  } catch {
    return undefined;
  }
}
