// Picks the runtime, checks versions and opens the library. The only door to bindings/: what lies
// behind it knows no shapes, and what lies before it knows no runtime.

import { abiVersion, type Library } from "./abi.ts";
import * as bun from "./bun.ts";
import * as deno from "./deno.ts";
import { isTruncated, libraryPath } from "./library.ts";

export type { Library, Memory, Native } from "./abi.ts";

/** Why the native library could not be opened. */
export class NativeLoadError extends Error {
  /** The file that was tried; empty where it did not come to that. */
  readonly path: string;
  constructor(message: string, path: string, cause?: unknown) {
    super(message, { cause });
    this.name = "NativeLoadError";
    this.path = path;
  }
}

// Declared here, so that programs of either runtime type-check without the other's types.
declare const Bun: { readonly version: string };
declare const Deno: { readonly version: { readonly deno: string } };

const isBun = "Bun" in globalThis;

/** Opens the library, once per isolate; throws NativeLoadError. */
export function openLibrary(): Library {
  checkRuntime();
  const path = libraryPath(isBun);
  const runtime = isBun ? bun : deno;
  const head = runtime.head(path);
  if (head !== undefined && isTruncated(head.bytes, head.size)) {
    throw new NativeLoadError(
      `${path} is damaged, it ends after ${head.size} bytes: build it again (npm run build)`,
      path,
    );
  }
  let library: Library;
  try {
    library = runtime.open(path);
  } catch (error) {
    throw explain(error, path, runtime.probe(path), head !== undefined);
  }
  const found = library.native.gk_abi_version();
  if (found !== abiVersion) throw wrongVersion(path, found);
  return library;
}

function checkRuntime(): void {
  const runtime = isBun ? "Bun" : "Deno" in globalThis ? "Deno" : undefined;
  if (runtime === undefined) {
    throw new NativeLoadError("gpukit runs under Deno 2.9 or Bun 1.4 and later", "");
  }
  const version = isBun ? Bun.version : Deno.version.deno;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [needMajor, needMinor] = isBun ? [1, 4] : [2, 9];
  if (major > needMajor! || (major === needMajor && minor >= needMinor!)) return;
  throw new NativeLoadError(
    `gpukit needs ${runtime} ${needMajor}.${needMinor} or later; this is ${runtime} ${version}`,
    "",
  );
}

function wrongVersion(path: string, found: number): NativeLoadError {
  return new NativeLoadError(
    `${path} has ABI version ${found}, this gpukit needs ${abiVersion}: build it again ` +
      `(npm run build), or point GPUKIT_LIBRARY at the library that belongs to this version`,
    path,
  );
}

function explain(
  error: unknown,
  path: string,
  found: number | undefined,
  exists: boolean,
): NativeLoadError {
  if (found !== undefined && found !== abiVersion) return wrongVersion(path, found);
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && error.name === "NotCapable") {
    return new NativeLoadError(
      `gpukit may not open ${path}: run Deno with --allow-ffi=${path} (${reason})`,
      path,
      error,
    );
  }
  const what = found !== undefined
    ? "lacks functions that this gpukit calls: build it again (npm run build)"
    : !exists && /no such file|cannot find|could not be found|not found/i.test(reason)
    ? "is not there: build it (npm run build), or set GPUKIT_LIBRARY to where it lies"
    : "cannot be loaded; it may be damaged or made for another system: build it again " +
      "(npm run build), or set GPUKIT_LIBRARY to a library for this one";
  return new NativeLoadError(`${path} ${what} (${reason})`, path, error);
}
