// Opens the library under Deno, nothing more. No pointers and no callbacks: a path-scoped
// --allow-ffi is enough.

import { abi, blocking, type Library, type Native, openInTwo } from "./abi.ts";

// Declared here, so that programs of either runtime type-check without the other's types.
declare const Deno: {
  dlopen(path: string, definitions: Record<string, unknown>): { readonly symbols: unknown };
  openSync(path: string): { readSync(into: Uint8Array): number | null; close(): void };
  statSync(path: string): { readonly size: number };
  readonly permissions: {
    querySync(descriptor: { name: "read"; path: string }): { readonly state: string };
  };
};

type Symbols = Native & { readonly [blocking]: (ring: number) => Promise<number> };

function define(path: string, isWanted: (name: string) => boolean): Record<string, unknown> {
  const definitions: Record<string, unknown> = {};
  for (const name in abi) {
    if (!isWanted(name)) continue;
    const [result, parameters] = abi[name as keyof typeof abi];
    definitions[name] = { parameters, result, nonblocking: name === blocking };
  }
  return Deno.dlopen(path, definitions).symbols as Record<string, unknown>;
}

/** Opens the symbols of the library at `path`; throws what Deno throws. */
export function open(path: string): Library {
  const native = openInTwo((isWanted) => define(path, isWanted)) as Symbols;
  return {
    native,
    async waitForTickets(context) {
      await native.gk_completion_wait(native.gk_completion_ring(context));
    },
  };
}

/** The first bytes of a file and its size; undefined where it may not or cannot be read. */
export function head(
  path: string,
): { readonly bytes: Uint8Array; readonly size: number } | undefined {
  // Asking for what is not permitted would stop the program with a question.
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return undefined;
  try {
    const file = Deno.openSync(path);
    const bytes = new Uint8Array(64);
    const count = file.readSync(bytes) ?? 0;
    file.close();
    return { bytes: bytes.subarray(0, count), size: Deno.statSync(path).size };
  } catch {
    return undefined;
  }
}

/** The ABI version of the library at `path`, or undefined where it has none. */
export function probe(path: string): number | undefined {
  try {
    const definitions = { gk_abi_version: { parameters: [], result: "u32" } };
    return (Deno.dlopen(path, definitions).symbols as Native).gk_abi_version();
  } catch {
    return undefined;
  }
}
