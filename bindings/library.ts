// Where the native library lies: GPUKIT_LIBRARY, else zig-out/ beside this folder.

const variable = "GPUKIT_LIBRARY";
const names: Readonly<Record<string, string>> = {
  linux: "lib/libgpukit.so",
  darwin: "lib/libgpukit.dylib",
  windows: "lib/gpukit.dll",
};

/** The path of the library file. */
export function libraryPath(isBun: boolean): string {
  const chosen = isBun ? process.env[variable] : denoVariable();
  if (chosen) return chosen;
  const system = isBun ? bunSystem() : Deno.build.os;
  const url = new URL(`../zig-out/${names[system] ?? names["linux"]}`, import.meta.url);
  if (url.protocol !== "file:") return url.href;
  const path = decodeURIComponent(url.pathname);
  return system === "windows" ? path.slice(1) : path;
}

// Asking for a variable that is not permitted would stop the program with a question.
function denoVariable(): string | undefined {
  const permission = Deno.permissions.querySync({ name: "env", variable });
  return permission.state === "granted" ? Deno.env.get(variable) : undefined;
}

function bunSystem(): string {
  return process.platform === "win32" ? "windows" : process.platform;
}
