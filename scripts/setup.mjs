// Makes a fresh checkout ready: npm packages, Zig and clang-format in .toolchain/, the native
// library in zig-out/. Needs git, node with npm, and python3 with pip; nothing else.
// Every npm script runs it first: with everything in place it compares a few stamps and ends.
//
//   node scripts/setup.mjs            what is missing or out of date
//   node scripts/setup.mjs --build    the same, and the native build in any case
//
// Where a CUDA GPU is found, in CI and with GPUKIT_KERNELS=1 also the CUDA compiler in .toolchain-cuda/
// and the kernels (nvcc.mjs), which are kept outside the checkout; with GPUKIT_KERNELS=0 never. A library
// without them uses the CPU only.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { kernelSet, kernelSteps, kernelsWanted } from "./nvcc.mjs";
import { pipInstall } from "./pip.mjs";
import {
  failed,
  isNetworkTrouble,
  networkAdvice,
  performSteps,
  runScript,
  SetupError,
} from "./steps.mjs";
import {
  hashOf,
  isWindows,
  library,
  listFiles,
  platform,
  root,
  run,
  tools,
  zigEnvironment,
} from "./tools.mjs";

const { values: options } = parseArgs({ options: { build: { type: "boolean", default: false } } });

const steps = () => [
  {
    name: "npm packages (Deno, Bun, TypeScript)",
    stamp: join(root, "node_modules", ".gpukit-stamp"),
    key: () => hashOf(platform, dependencies(), { file: "package-lock.json" }),
    present: () => existsSync(tools.deno) && existsSync(tools.bun),
    run: installPackages,
  },
  {
    name: "Zig and clang-format",
    stamp: join(root, ".toolchain", ".gpukit-stamp"),
    key: () => hashOf(platform, { file: "scripts/toolchain.txt" }),
    present: () => existsSync(tools.zig) && existsSync(tools.clangFormat),
    run: (note) => pipInstall(".toolchain", "scripts/toolchain.txt", note),
  },
  ...kernelSteps(),
  {
    name: "native library",
    stamp: join(root, "zig-out", ".gpukit-stamp"),
    key: () =>
      hashOf(platform, kernelsWanted() ? kernelSet() : "no kernels", [
        ...listFiles("csrc").map((file) => ({ file })),
        { file: "build.zig" },
        { file: "build.zig.zon" },
        { file: "scripts/toolchain.txt" },
      ]),
    present: () => !options.build && existsSync(library),
    run: buildLibrary,
  },
];

/** The part of package.json that decides what gets installed. */
function dependencies() {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  return JSON.stringify([dependencies, devDependencies]);
}

// ---- the steps ----------------------------------------------------------------------------------

async function installPackages(note) {
  const npm = process.env.npm_execpath?.endsWith(".js") && existsSync(process.env.npm_execpath)
    ? [process.execPath, process.env.npm_execpath]
    : [isWindows ? "npm.cmd" : "npm"];
  let fetched = 0;
  // Install scripts are off: which of them npm runs depends on its version and configuration. The
  // two that matter run below.
  const result = await run(npm[0], [
    ...npm.slice(1),
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=http",
  ], {
    onLine: (line) => {
      if (/http (fetch|cache)/.test(line)) note(`${++fetched} requests answered`);
    },
  });
  if (result.code === 127) {
    throw new SetupError(
      "npm was not found. Install Node.js 20 or later together with npm, then run this again.",
    );
  }
  if (result.code !== 0) {
    throw failed("npm ci", withoutHttpLines(result.output), explainNpm(result.output));
  }

  // Bun and Deno each come as one program in a package of the platform; their install scripts put
  // it where the package's command expects it.
  for (const [folder, script] of [["deno", "install.cjs"], ["bun", "install.js"]]) {
    const placed = await run(process.execPath, [script], {
      cwd: join(root, "node_modules", folder),
    });
    const check = await run(tools[folder], ["--version"]);
    if (placed.code !== 0 || check.code !== 0) {
      throw failed(
        `the program of the npm package "${folder}"`,
        placed.output + check.output,
        `There may be no build of ${folder} for ${platform}, or optional npm packages are switched off: ` +
          `check "npm config get omit" and "npm config get optional".`,
      );
    }
  }
}

const withoutHttpLines = (text) =>
  text.split("\n").filter((line) => !/^npm http/.test(line)).join("\n");

function explainNpm(output) {
  if (/EUSAGE|can only install packages when|lock file/i.test(output)) {
    return 'package.json and package-lock.json disagree: run "npm install --ignore-scripts" and commit the lock file.';
  }
  if (isNetworkTrouble(output)) return networkAdvice("npm", "npm config get registry");
  if (/ENOSPC/.test(output)) return "The disk is full: about 1 GB is needed.";
  if (/EACCES|EPERM/.test(output)) {
    return "A folder cannot be written: check who owns node_modules/ and npm's cache.";
  }
  return 'The text above is npm\'s own. Run this again; if it fails in the same way, try "npm cache verify".';
}

async function buildLibrary(note) {
  if (!listFiles("csrc", (file) => file.endsWith(".c")).length) {
    throw new SetupError(
      "There are no C sources in csrc/: this checkout is incomplete. Clone it again.",
    );
  }
  note("compiling");
  const kernels = kernelsWanted() ? [`-Dkernels=${kernelSet()}`] : [];
  const result = await run(tools.zig, ["build", "--summary", "none", ...kernels], {
    env: zigEnvironment(),
  });
  if (result.code !== 0) {
    const advice =
      isNetworkTrouble(result.output) || /AccessDenied|ReadOnly|NoSpace/.test(result.output)
        ? "Zig could not write its cache: check the free disk space and who owns .zig-cache/ and zig-out/, " +
          "or set ZIG_GLOBAL_CACHE_DIR to a folder that can be written."
        : "The compiler's messages are above: the C sources in csrc/ or build.zig need a fix. If you changed neither, " +
          "delete .zig-cache/ and zig-out/ and run this again.";
    throw failed("zig build", result.output, advice);
  }
}

await runScript(() => performSteps(steps()));
