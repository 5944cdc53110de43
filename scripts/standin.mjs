// Runs a command with the stand-in driver and the twin of NVRTC in the place of NVIDIA's, so that `cuda` and
// kernels of one's own work without a GPU. Linux only.
//
//   npm run standin -- deno test -A tests/array
//   npm run standin -- --checked bun test ./tests/ops/golden.test.ts
//
// --checked takes the build whose kernels are watched (races, missing barriers, accesses out of bounds):
// ten times as slow. GPUKIT_DEVICE is cuda unless it is set. Settings: tests/native/driver/control.h and
// standin.h. Builds what is missing or out of date; the exit code is the command's.

import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { hashOf, listFiles, root, run, tools, zigEnvironment } from "./tools.mjs";

const sources = () => [
  ...listFiles("csrc", (path) => /\.(h|def|cu|cuh)$/.test(path)),
  ...listFiles("tests/native/driver", (path) => !path.endsWith("_test.c")),
  "build.zig",
  "scripts/toolchain.txt",
];

/**
 * Builds the stand-in if need be and returns the environment in which programs use it. `build` is a step of
 * build.zig: standin, or standin-checked.
 */
export async function standin(build = "standin") {
  const folder = join(root, "zig-out", build);
  const driver = join(folder, "libcuda.so");
  const stamp = join(folder, ".gpukit-stamp");
  const key = hashOf(build, sources().map((file) => ({ file })));
  const done = existsSync(driver) && existsSync(stamp) && readFileSync(stamp, "utf8") === key;
  if (!done) {
    rmSync(stamp, { force: true });
    const env = zigEnvironment();
    const result = await run(tools.zig, ["build", build, "--summary", "none"], { env });
    if (result.code !== 0) throw new Error(`${result.output}\nzig build ${build} failed`);
    writeFileSync(stamp, key);
  }
  return {
    GPUKIT_LIBCUDA: driver,
    GPUKIT_LIBNVRTC: join(folder, "libnvrtc.so"),
    GPUKIT_DEVICE: process.env.GPUKIT_DEVICE ?? "cuda",
  };
}

async function main([...args]) {
  const checked = args[0] === "--checked";
  if (checked) args.shift();
  const [command, ...rest] = args;
  if (!command || command.startsWith("--")) {
    console.error("usage: npm run standin -- [--checked] COMMAND [ARGUMENT...]");
    return 2;
  }
  let env;
  try {
    env = await standin(checked ? "standin-checked" : "standin");
  } catch (error) {
    console.error(error.message);
    return 1;
  }
  const child = spawn(command, rest, { env: { ...process.env, ...env }, stdio: "inherit" });
  // Ctrl-C goes to the command, which decides what it means.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  return await new Promise((resolve) => {
    child.on("error", (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(127);
    });
    child.on(
      "close",
      (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)),
    );
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exit(await main(process.argv.slice(2)));
}
