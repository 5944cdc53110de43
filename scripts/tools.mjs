// What the scripts share: where the tools lie, how a program is run, content hashes, file lists.
// Plain Node 20 without dependencies, since scripts/setup.mjs runs before anything is installed.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const isWindows = process.platform === "win32";
/** What the stamps and the messages call this machine. */
export const platform = `${process.platform}-${process.arch}`;
const exe = isWindows ? ".exe" : "";

/** The programs themselves, not the launchers in node_modules/.bin: those cost 40 ms a start. */
export const tools = {
  deno: join(root, "node_modules", "deno", `deno${exe}`),
  bun: join(root, "node_modules", "bun", "bin", "bun.exe"),
  tsc: join(root, "node_modules", "typescript", "bin", "tsc"),
  zig: join(root, ".toolchain", "ziglang", `zig${exe}`),
  clangFormat: join(root, ".toolchain", "clang_format", "data", "bin", `clang-format${exe}`),
};

/** The built library, where `zig build` puts it. */
export const library = {
  linux: join(root, "zig-out", "lib", "libgpukit.so"),
  darwin: join(root, "zig-out", "lib", "libgpukit.dylib"),
  win32: join(root, "zig-out", "lib", "gpukit.dll"),
}[process.platform] ?? join(root, "zig-out", "lib", "libgpukit.so");

/**
 * What `zig build` needs. ZIG_DEBUG_CMD: Zig compiles its own build system on first use, here
 * without optimising it, which takes 15 s instead of 100. The cache of built C runtimes belongs to
 * the user; without a HOME it needs a place.
 */
export function zigEnvironment() {
  const { HOME, LOCALAPPDATA, XDG_CACHE_HOME, ZIG_GLOBAL_CACHE_DIR } = process.env;
  const hasCache = ZIG_GLOBAL_CACHE_DIR || XDG_CACHE_HOME || HOME || LOCALAPPDATA;
  return {
    ZIG_DEBUG_CMD: "1",
    ZIG_BUILD_ERROR_STYLE: "minimal",
    ...(hasCache ? {} : { ZIG_GLOBAL_CACHE_DIR: join(root, ".zig-cache", "global") }),
  };
}

/** A hash over texts and files (relative to the root); a missing file counts as such. */
export function hashOf(...parts) {
  const hash = createHash("sha256");
  for (const part of parts.flat()) {
    if (typeof part === "string") {
      hash.update(`text ${part.length}\n${part}\n`);
      continue;
    }
    const path = join(root, part.file);
    hash.update(`file ${part.file}\n`);
    if (existsSync(path)) hash.update(readFileSync(path));
  }
  return hash.digest("hex");
}

/** All files below a folder, relative to the root with "/", sorted; none if there is no folder. */
export function listFiles(folder, accept = () => true) {
  const start = join(root, folder);
  if (!existsSync(start)) return [];
  return readdirSync(start, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .map((path) => path.split(sep).join("/"))
    .filter(accept)
    .sort();
}

/** Programs that are running: a script that is ended takes them along. */
const children = new Set();
process.on("exit", () => children.forEach((child) => child.kill()));

/**
 * Runs a program in the root; resolves with its exit code, its output and the seconds it took.
 * Options: `show` passes the output through as it comes, `env` adds variables, `onLine` sees every
 * line, `timeout` (seconds) ends it.
 */
export function run(command, args, { show = false, env = {}, cwd = root, onLine, timeout } = {}) {
  const began = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.add(child);
    let output = "";
    let pending = "";
    let late = false;
    const timer = timeout && setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, timeout * 1000);
    const take = (stream) => (data) => {
      const text = data.toString();
      output += text;
      if (show) stream.write(text);
      if (!onLine) return;
      const lines = (pending + text).split(/\r?\n|\r/);
      pending = lines.pop();
      lines.forEach(onLine);
    };
    child.stdout.on("data", take(process.stdout));
    child.stderr.on("data", take(process.stderr));
    const end = (code, text) => {
      children.delete(child);
      clearTimeout(timer);
      const seconds = (performance.now() - began) / 1000;
      resolve({ code, output: output + text, seconds, late });
    };
    child.on("error", (error) => end(127, String(error.message)));
    child.on("close", (code, signal) => {
      if (late) end(124, `\n(ended after ${timeout} s)\n`);
      else end(code ?? 1, signal ? `\n(ended by ${signal})\n` : "");
    });
  });
}

/** Runs `work` over `items`, at most `jobs` at once; results in order. */
export async function inParallel(items, jobs, work) {
  const results = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index], index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, worker));
  return results;
}

export const seconds = (value) => `${value.toFixed(1)} s`;
