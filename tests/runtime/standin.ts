// What the stand-in driver tells its tests (tests/native/driver/control.h), from either runtime.

import process from "node:process";

interface Symbols {
  standin_calls(name: Uint8Array): bigint | number;
  standin_peer_copies(direct: number): bigint | number;
}

declare const Deno: { dlopen(path: string, definitions: unknown): { symbols: Symbols } };

function open(): Symbols {
  const path = process.env["GPUKIT_LIBCUDA"]!; // the one that the library has open
  if ("Deno" in globalThis) {
    return Deno.dlopen(path, {
      standin_calls: { parameters: ["buffer"], result: "u64" },
      standin_peer_copies: { parameters: ["i32"], result: "u64" },
    }).symbols;
  }
  const ffi = (process as unknown as { getBuiltinModule(name: string): typeof Deno })
    .getBuiltinModule("bun:ffi");
  return ffi.dlopen(path, {
    standin_calls: { args: ["ptr"], returns: "u64" },
    standin_peer_copies: { args: ["i32"], returns: "u64" },
  }).symbols;
}

const symbols = open();

/** How often a function of the driver has been called. */
export function calls(name: string): number {
  return Number(symbols.standin_calls(new TextEncoder().encode(`${name}\0`)));
}

/** Copies between devices that have been made: directly, and by way of the host. */
export function peerCopies(): string {
  return `${symbols.standin_peer_copies(1)} directly, ${
    symbols.standin_peer_copies(0)
  } by the host`;
}
