// Where the native library lies: GPUKIT_LIBRARY, else zig-out/ beside this folder.

// Declared here, so that programs of either runtime type-check without the other's types.
declare const Deno: {
  readonly build: { readonly os: string };
  readonly env: { get(name: string): string | undefined };
  readonly permissions: {
    querySync(descriptor: { name: "env"; variable: string }): { readonly state: string };
  };
};
interface Process {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
}

const variable = "GPUKIT_LIBRARY";
const names: Readonly<Record<string, string>> = {
  linux: "lib/libgpukit.so",
  darwin: "lib/libgpukit.dylib",
  windows: "lib/gpukit.dll",
  win32: "lib/gpukit.dll",
};

/** The path of the library file. */
export function libraryPath(isBun: boolean): string {
  const chosen = isBun ? bunProcess().env[variable] : denoVariable();
  if (chosen) return chosen;
  const system = isBun ? bunProcess().platform : Deno.build.os;
  const url = new URL(`../zig-out/${names[system] ?? names["linux"]}`, import.meta.url);
  if (url.protocol !== "file:") return url.href;
  const path = decodeURIComponent(url.pathname);
  return system.startsWith("win") ? path.slice(1) : path;
}

// Asking for a variable that is not permitted would stop the program with a question.
function denoVariable(): string | undefined {
  const permission = Deno.permissions.querySync({ name: "env", variable });
  return permission.state === "granted" ? Deno.env.get(variable) : undefined;
}

// Not at the top: under Deno the global loads its Node layer when first touched.
function bunProcess(): Process {
  return (globalThis as unknown as { process: Process }).process;
}

/**
 * Is an ELF file shorter than its own headers say? The loader would map what is not there, and the
 * process would end with a bus error instead of a message.
 */
export function isTruncated(bytes: Uint8Array, size: number): boolean {
  if (bytes.length < 64) return true;
  const header = new DataView(bytes.buffer, bytes.byteOffset, 64);
  const isElf64 = header.getUint32(0) === 0x7f454c46 && bytes[4] === 2;
  if (!isElf64) return false;
  // The section headers are the last thing in the file: offset, size of one, count.
  const end = Number(header.getBigUint64(0x28, true)) +
    header.getUint16(0x3a, true) * header.getUint16(0x3c, true);
  return size < end;
}
