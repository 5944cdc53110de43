// npm run gpu:bundle: a folder, gpu-bundle/, from which npm run gpu:verify runs on a Linux x86_64 machine
// with a GPU and nothing else: no network, npm, pip or compiler. It holds Deno; beside it gpu-bundle-bun/
// holds Bun and gpu-bundle-nvrtc/ NVRTC, which may be left out or come later. Each has less than 60 MiB.
//
//   npm run gpu:bundle                   then there: gpu-bundle/verify [as gpu:verify takes]
//   npm run gpu:bundle -- --standin      with the stand-in driver in it: gpu-bundle/verify --standin
//   npm run gpu:bundle -- --no-runtimes  Deno and Bun are links to those of the checkout; no NVRTC
//
// All three lie in it compressed, which takes some minutes the first time and is kept in the user's
// cache; ./verify unpacks them by xz or python3.

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { cacheFolder, kernelSet, nvrtcLibrary, nvrtcStep } from "./nvcc.mjs";
import { standin } from "./standin.mjs";
import { failed, performSteps, runScript, SetupError } from "./steps.mjs";
import { platform, root, run, tools, zigEnvironment } from "./tools.mjs";

const { values: options } = parseArgs({
  options: {
    standin: { type: "boolean", default: false },
    "no-runtimes": { type: "boolean", default: false },
  },
});
const limit = 60 * 2 ** 20;
/** What the tests import. */
const packages = ["fast-check", "pure-rand", "fflate", "fast-png", "iobuffer"];
const runtimes = { deno: "node_modules/deno/deno", bun: "node_modules/bun/bin/bun.exe" };

const verify = `#!/bin/sh
# Unpacks Deno, and Bun where it is, then runs scripts/gpu_verify.mjs, which says what it takes.
set -e
cd "$(dirname "$0")"
unpack() {
  if [ -x "$2" ] || [ ! -f "$1" ]; then return 0; fi
  mkdir -p "$(dirname "$2")"
  xz -dc "$1" >"$2.part" 2>/dev/null ||
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), open(sys.argv[2], "wb"))' "$1" "$2.part"
  chmod +x "$2.part"
  mv "$2.part" "$2"
}
unpack deno.xz ${runtimes.deno}
unpack ../gpu-bundle-bun/bun.xz ${runtimes.bun}
for packed in ../gpu-bundle-nvrtc/*.xz; do unpack "$packed" ".cache/nvrtc/$(basename "$packed" .xz)"; done
if [ -z "$GPUKIT_LIBNVRTC" ] && [ -f .cache/nvrtc/libnvrtc.so.13 ]; then
  export GPUKIT_LIBNVRTC="$PWD/.cache/nvrtc/libnvrtc.so.13"
fi
export DENO_DIR="$PWD/.cache/deno" DENO_NO_UPDATE_CHECK=1 NO_COLOR=1
exec ${runtimes.deno} run -A scripts/gpu_verify.mjs "$@"
`;

await runScript(async () => {
  if (platform !== "linux-x64") {
    throw new SetupError(`A bundle is made on Linux x86_64, for the same; this is ${platform}.`);
  }
  await build();
  await make("gpu-bundle", fill);
  if (!options["no-runtimes"]) {
    await make("gpu-bundle-bun", async (folder) => {
      mkdirSync(folder);
      copyFileSync(await packRuntime("bun"), join(folder, "bun.xz"));
    });
    await performSteps([nvrtcStep]);
    await make("gpu-bundle-nvrtc", async (folder) => {
      mkdirSync(folder);
      const from = dirname(nvrtcLibrary);
      const pinned = readFileSync(join(root, "scripts", "nvrtc.txt"), "utf8");
      const [, version] = /^nvidia-cuda-nvrtc==([\d.]+)/m.exec(pinned);
      // The library and its built-in functions, not the variants for other compilers.
      const files = readdirSync(from).filter((name) =>
        /^libnvrtc(-builtins)?\.so\.[\d.]+$/.test(name)
      );
      for (const name of files) {
        copyFileSync(await pack(name, version, join(from, name)), join(folder, `${name}.xz`));
      }
    });
  }
  console.log("on a machine with a GPU: gpu-bundle/verify");
});

/** Makes a folder in the root anew: all of it or nothing. */
async function make(name, fill) {
  const target = join(root, name);
  const partial = `${target}.${process.pid}`;
  try {
    await fill(partial);
    const { bytes, parts } = sizes(partial);
    const mebibytes = (n) => `${(n / 2 ** 20).toFixed(1)} MiB`;
    if (bytes > limit) {
      const largest = parts.slice(0, 6).map(([part, n]) => `  ${part}: ${mebibytes(n)}`);
      throw new SetupError(
        `${name} has ${mebibytes(bytes)}, more than ${mebibytes(limit)}:\n${largest.join("\n")}`,
      );
    }
    rmSync(target, { recursive: true, force: true });
    renameSync(partial, target);
    console.log(`${name}: ${mebibytes(bytes)}`);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

async function build() {
  const env = { GPUKIT_KERNELS: "1" };
  const setup = await run(process.execPath, [join(root, "scripts", "setup.mjs")], {
    env,
    show: true,
  });
  if (setup.code !== 0) process.exit(setup.code);
  const args = ["build", "gpu-bench", "--summary", "none", `-Dkernels=${kernelSet()}`];
  const result = await run(tools.zig, args, { env: zigEnvironment() });
  if (result.code !== 0) throw failed("zig build gpu-bench", result.output, "");
  if (options.standin) await standin();
}

async function fill(folder) {
  // All that git would commit: what tests read is not known better.
  const listed = spawnSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], { cwd: root });
  if (listed.status !== 0) throw failed("git ls-files", String(listed.stderr), "");
  const files = String(listed.stdout).split("\0").filter((file) =>
    file && existsSync(join(root, file))
  );
  files.push("zig-out/lib/libgpukit.so", "zig-out/gpu-bench/launch");
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(root, file), join(folder, file));
  }
  for (const name of packages) copyFolder(join("node_modules", name), folder);
  if (options.standin) copyFolder(join("zig-out", "standin"), folder);
  const version = spawnSync("git", ["describe", "--always", "--dirty"], {
    cwd: root,
    encoding: "utf8",
  });
  writeFileSync(
    join(folder, "bundle.json"),
    `${JSON.stringify({ version: version.stdout.trim(), platform })}\n`,
  );
  writeFileSync(join(folder, "verify"), verify);
  chmodSync(join(folder, "verify"), 0o755);
  if (!options["no-runtimes"]) {
    return copyFileSync(await packRuntime("deno"), join(folder, "deno.xz"));
  }
  for (const path of Object.values(runtimes)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(join(root, path), join(folder, path));
  }
}

function copyFolder(name, folder) {
  cpSync(join(root, name), join(folder, name), { recursive: true, dereference: true });
}

/** The compressed program of a runtime. */
function packRuntime(name) {
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return pack(name, devDependencies[name], join(root, runtimes[name]));
}

async function pack(name, version, path) {
  const cache = cacheFolder("runtimes");
  const packed = join(cache, `${name}-${version}-${platform}.xz`);
  if (existsSync(packed)) return packed;
  console.log(`compressing ${name} ${version}, once: this takes some minutes`);
  mkdirSync(cache, { recursive: true });
  const partial = `${packed}.${process.pid}`;
  const code = `
import lzma, shutil, sys
filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 9}]
with open(sys.argv[1], "rb") as program, lzma.open(sys.argv[2], "wb", filters=filters) as out:
    shutil.copyfileobj(program, out, 1 << 20)
`;
  const result = await run("python3", ["-c", code, path, partial]);
  if (result.code !== 0) {
    rmSync(partial, { force: true });
    throw failed("python3", result.output, "Its module lzma compresses the runtimes.");
  }
  renameSync(partial, packed);
  return packed;
}

/** Bytes of all files, and of each entry, the largest first. */
function sizes(folder) {
  const of = (path) =>
    lstatSync(path).isDirectory()
      ? readdirSync(path).reduce((sum, name) => sum + of(join(path, name)), 0)
      : lstatSync(path).size;
  const parts = readdirSync(folder).map((name) => [name, of(join(folder, name))]).sort((a, b) =>
    b[1] - a[1]
  );
  return { bytes: parts.reduce((sum, [, bytes]) => sum + bytes, 0), parts };
}
