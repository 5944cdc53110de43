// Builds csrc/kernels/*.cu: one compressed fatbin a file, with code for every supported architecture.
// nvcc comes as wheels from PyPI (scripts/cuda.txt) and Zig is its host compiler: no CUDA toolkit and no
// g++ is needed, nor a GPU.
//
// Results are kept by content in the user's cache, outside the checkout: <cache>/kernels/<hash>/ is one
// module (its fatbin, and report.json about its kernels), or one set: images.inc, which csrc/cuda/images.c
// includes, and which embeds one fatbin for each module. A folder is complete when it is there.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, join, posix } from "node:path";
import process from "node:process";
import { codeSizes } from "./elf.mjs";
import { pipInstall } from "./pip.mjs";
import { failed, SetupError } from "./steps.mjs";
import { hashOf, inParallel, listFiles, root, run, tools, zigEnvironment } from "./tools.mjs";

const folder = ".toolchain-cuda";
const cuda = join(root, folder, "nvidia", "cu13");
/** The folder of cuda.h and of all other headers of the compiler. */
export const cudaHeaders = join(cuda, "include");
const program = (name) => join(cuda, "bin", name);

/** Code for each generation, and PTX that a driver can compile for what is in between and after. */
export const architectures = ["sm_80", "sm_90a", "sm_100a", "sm_120"];
const virtual = (name) => name.replace("sm_", "compute_");
const flags = [
  "-std=c++17",
  "-O3",
  "-fmad=false", // as -ffp-contract=off of the CPU's loops
  "--Werror=all-warnings",
  "-Xptxas=-v",
  "--compress-mode=size",
  "--fatbin",
  ...architectures.map((name, index) =>
    `-gencode=arch=${virtual(name)},code=${index === 0 ? `[${name},${virtual(name)}]` : name}`
  ),
];
// The glibc whose declarations agree with nvcc's own; nothing is linked with it.
const hostTarget = `${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu.2.42`;

const jobs = 2;

// ---- whether kernels are built ------------------------------------------------------------------

const canBuild = process.platform === "linux" && ["x64", "arm64"].includes(process.arch);

/** Is NVIDIA's driver installed? */
export function hasDriver() {
  if (process.env.GPUKIT_LIBCUDA) return true;
  const places = ["/usr/lib64", "/usr/lib", "/usr/lib/wsl/lib", "/usr/local/nvidia/lib64"];
  const multiarch = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  places.push(`/usr/lib/${multiarch}`, ...(process.env.LD_LIBRARY_PATH ?? "").split(":"));
  return existsSync("/dev/nvidiactl") || existsSync("/dev/dxg") &&
      places.some((place) => place && existsSync(join(place, "libcuda.so.1")));
}

/**
 * Kernels are built where they can run, in CI and where GPUKIT_KERNELS=1 asks for them; elsewhere they
 * are taken when the cache holds exactly these. GPUKIT_KERNELS=0 leaves them out.
 */
export function kernelsWanted() {
  const { GPUKIT_KERNELS, CI } = process.env;
  if (GPUKIT_KERNELS === "0" || !kernelModules().length) return false;
  if (GPUKIT_KERNELS === "1" && !canBuild) {
    throw new SetupError(
      `GPUKIT_KERNELS=1: kernels are built on Linux x86_64 and aarch64, this is ${process.platform} ${process.arch}. ` +
        "Build there, or unset it: the library then runs on the CPU only.",
    );
  }
  return canBuild && (GPUKIT_KERNELS === "1" || CI === "true" || hasDriver() || kernelsBuilt());
}

// ---- the cache ----------------------------------------------------------------------------------

/** In GPUKIT_CACHE_DIR or the user's cache; a system user without a home keeps it in the checkout. */
export function cacheFolder(name) {
  const { GPUKIT_CACHE_DIR, XDG_CACHE_HOME, HOME } = process.env;
  if (GPUKIT_CACHE_DIR) return join(GPUKIT_CACHE_DIR, name);
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, "gpukit", name);
  return HOME ? join(homedir(), ".cache", "gpukit", name) : join(root, ".cache", name);
}

export const kernelModules = () =>
  listFiles("csrc/kernels", (path) => path.endsWith(".cu"))
    .map((file) => ({ file, name: basename(file, ".cu") }));

/** A file and all that it includes of ours. */
function sourcesOf(file, found = new Set()) {
  if (found.has(file) || !existsSync(join(root, file))) return found;
  found.add(file);
  const text = readFileSync(join(root, file), "utf8");
  for (const [, name] of text.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
    sourcesOf(posix.join(posix.dirname(file), name), found);
  }
  return found;
}

/** The modules with their folders in the cache, and the folder of the whole set. */
function places() {
  const cache = cacheFolder("kernels");
  const compiler = hashOf(process.arch, flags, hostTarget, [
    { file: "scripts/cuda.txt" },
    { file: "scripts/toolchain.txt" },
  ]);
  const modules = kernelModules().map(({ file, name }) => {
    const hash = hashOf(compiler, [...sourcesOf(file)].map((source) => ({ file: source })));
    return { file, name, hash, folder: join(cache, hash) };
  });
  return {
    cache,
    modules,
    set: join(cache, hashOf(modules.flatMap(({ name, hash }) => [name, hash]))),
  };
}

/** The folder for `zig build -Dkernels`. */
export const kernelSet = () => places().set;

export function kernelsBuilt() {
  const { modules, set } = places();
  return [set, ...modules.map((module) => module.folder)].every((path) => existsSync(path));
}

/** What is known of each kernel: [{module, bytes, kernels: [{name, architecture, ...}]}]. */
export const kernelReports = () =>
  places().modules.map(({ name, folder }) => ({
    module: name,
    ...JSON.parse(readFileSync(join(folder, "report.json"), "utf8")),
  }));

// ---- steps, as setup.mjs and kernels.mjs perform them -------------------------------------------

export const compilerStep = {
  name: "CUDA compiler",
  stamp: join(root, folder, ".gpukit-stamp"),
  key: () => hashOf(process.arch, { file: "scripts/cuda.txt" }),
  present: () => existsSync(program("nvcc")),
  run: (note) => pipInstall(folder, "scripts/cuda.txt", note),
};

/** NVRTC, which users' kernels are compiled with, for tests and benchmarks: users have their own. */
const nvrtcFolder = ".toolchain-nvrtc";
export const nvrtcLibrary = join(root, nvrtcFolder, "nvidia", "cu13", "lib", "libnvrtc.so.13");
export const nvrtcStep = {
  name: "NVRTC",
  stamp: join(root, nvrtcFolder, ".gpukit-stamp"),
  key: () => hashOf(process.arch, { file: "scripts/nvrtc.txt" }),
  present: () => existsSync(nvrtcLibrary),
  run: (note) => pipInstall(nvrtcFolder, "scripts/nvrtc.txt", note),
};

export const kernelStep = {
  name: "kernels",
  stamp: join(root, ".cache", "kernels-stamp"),
  key: () => kernelSet(),
  present: kernelsBuilt,
  run: buildKernels,
};

/** The compiler is only needed where the cache lacks something. */
export const kernelSteps = () =>
  !kernelsWanted() ? [] : kernelsBuilt() ? [kernelStep] : [compilerStep, kernelStep];

async function buildKernels(note) {
  const { cache, modules, set } = places();
  mkdirSync(cache, { recursive: true });
  const missing = modules.filter(({ folder }) => !existsSync(folder));
  let done = 0;
  const progress = () => note(`${done} of ${missing.length} files compiled`);
  progress();
  await inParallel(missing, jobs, async (module) => {
    await inFolder(cache, module.folder, async (partial) => {
      await compileModule(module, partial);
      // What was compiled must be what the name of its folder says.
      if (places().modules.some(({ name, hash }) => name === module.name && hash === module.hash)) {
        return;
      }
      throw new SetupError(`${module.file} was changed while it was compiled: run this again.`);
    });
    done++;
    progress();
  });
  if (existsSync(set)) return;
  await inFolder(cache, set, (partial) => {
    const parts = modules.map(({ name, hash }) =>
      `static const _Alignas(64) unsigned char ${name}_image[] = {\n#embed "../${hash}/${name}.fatbin"\n};\n`
    );
    writeFileSync(join(partial, "images.inc"), parts.join("\n"));
  });
  // A module stays as long as the last set that holds it.
  const now = new Date();
  for (const { folder } of modules) utimesSync(folder, now, now);
  sweep(cache);
}

/** Makes `folder` in the cache: all of it or nothing, also when two do it at the same time. */
async function inFolder(cache, folder, make) {
  const partial = mkdtempSync(join(cache, "partial-"));
  try {
    await make(partial);
    chmodSync(partial, 0o755);
    renameSync(partial, folder);
  } catch (error) {
    // Another one was first, with the same content.
    if (!["ENOTEMPTY", "EEXIST"].includes(error.code)) throw error;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** Removes what no build has made or used for two months, and what killed ones left. */
function sweep(cache) {
  const days = (path) => (Date.now() - statSync(path).mtimeMs) / 86_400_000;
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (days(path) > (name.startsWith("partial-") ? 1 : 60)) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

// ---- compiling ----------------------------------------------------------------------------------

async function compileModule({ file, name }, partial) {
  const scratch = join(partial, "scratch");
  mkdirSync(scratch);
  const host = join(scratch, "zigcxx");
  writeFileSync(host, `#!/bin/sh\nexec "${tools.zig}" c++ -target ${hostTarget} "$@"\n`);
  chmodSync(host, 0o755);
  const fatbin = join(partial, `${name}.fatbin`);
  const env = { ...zigEnvironment(), TMPDIR: scratch };
  const nvcc = await run(program("nvcc"), ["-ccbin", host, ...flags, file, "-o", fatbin], { env });
  if (nvcc.code !== 0) {
    throw failed(
      `nvcc ${file}`,
      nvcc.output.split("\n").filter((line) => !/^ptxas info|^ {4}\d+ bytes stack/.test(line)).join(
        "\n",
      ),
      "The compiler's messages are above.",
    );
  }
  const extract = await run(program("cuobjdump"), ["-xelf", "all", fatbin], { cwd: scratch, env });
  if (extract.code !== 0) throw failed("cuobjdump", extract.output, "");
  const report = {
    bytes: statSync(fatbin).size,
    seconds: Number(nvcc.seconds.toFixed(1)),
    kernels: readKernels(nvcc.output, scratch),
  };
  writeFileSync(join(partial, "report.json"), `${JSON.stringify(report, null, 1)}\n`);
  rmSync(scratch, { recursive: true });
}

/** What ptxas says of each kernel, and the size of its code from the cubins that lie in `scratch`. */
function readKernels(output, scratch) {
  const sizes = {};
  for (const cubin of readdirSync(scratch).filter((name) => name.endsWith(".cubin"))) {
    const architecture = /\.(sm_\w+)\.cubin$/.exec(cubin)[1];
    sizes[architecture] = codeSizes(readFileSync(join(scratch, cubin)));
  }
  const pieces = output.split(/Compiling entry function '(\w+)' for '(\w+)'/);
  const kernels = [];
  for (let i = 1; i < pieces.length; i += 3) {
    const [name, architecture, text] = pieces.slice(i, i + 3);
    const number = (pattern) => Number(pattern.exec(text)?.[1] ?? 0);
    kernels.push({
      name,
      architecture,
      registers: number(/Used (\d+) registers/),
      spilled: number(/(\d+) bytes spill stores/) + number(/(\d+) bytes spill loads/),
      stack: number(/(\d+) bytes stack frame/),
      shared: number(/(\d+) bytes smem/),
      code: sizes[architecture][name],
    });
  }
  return kernels;
}
