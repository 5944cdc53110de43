// npm run gpu:verify: what only a real GPU can prove. All tests in both runtimes on the device, NVIDIA's
// compute-sanitizer over a short set where it is there, copies between GPUs where there are several, and the
// benchmarks; writes bench/results/<gpu>.json and a readable <gpu>.md.
//
//   npm run gpu:verify                        everything
//     --only=tests,sanitizer,several,bench    some of the parts
//     --out=FOLDER                            writes there instead
//     --standin                               over the stand-in driver: proves that this script works
//   npm run gpu:verify -- tests/ops           only test files whose path contains one of these
//
// In a bundle (gpu_bundle.mjs) ./verify runs it by Deno: nothing is built there, and Bun may be missing.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { benchmark, benchmarkTable } from "./gpu_bench.mjs";
import { standin } from "./standin.mjs";
import { library, root, run, tools, zigEnvironment } from "./tools.mjs";

const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string" },
    out: { type: "string" },
    standin: { type: "boolean", default: false },
  },
});
const parts = {
  tests: runTests,
  sanitizer: runSanitizer,
  several: runSeveral,
  bench: runBenchmark,
};
const chosen = options.only?.split(",") ?? Object.keys(parts);

class VerifyError extends Error {}

const bundled = join(root, "bundle.json");
const runtimes = ["deno", "bun"].filter((name) => existsSync(tools[name]));
/** Runs a script of ours by whatever runs this one. */
const script = (name, args, more) =>
  run(process.execPath, [
    ...("Deno" in globalThis ? ["run", "-A"] : []),
    join(root, "scripts", name),
    ...args,
  ], { show: true, ...more });

async function main() {
  for (const name of chosen.filter((name) => !(name in parts))) {
    throw new VerifyError(`--only=${name}: there are the parts ${Object.keys(parts).join(", ")}`);
  }
  await build();
  const env = options.standin ? await standin() : {};
  const device = await findDevice(env);
  console.log(
    `${device.name}, compute capability ${device.computeCapability}, driver ${device.driver}`,
  );

  const result = {
    gpu: device.name,
    driver: device.driver,
    computeCapability: device.computeCapability,
    ...(options.standin ? { standin: true } : {}),
    version: version(),
    library: statSync(library).size,
    runtimes,
    device,
  };
  for (const name of chosen) {
    console.log(`\n== ${name}`);
    result[name] = await parts[name](env);
  }
  write(result);
  const { tests, sanitizer } = result;
  if (tests?.failed || sanitizer?.failed) process.exitCode = 1;
}

/** In a checkout the library is built with kernels, and the launch in C. A bundle has both. */
async function build() {
  if (existsSync(bundled)) return;
  const { hasDriver, kernelSet, kernelsWanted } = await import("./nvcc.mjs");
  if (!options.standin && !hasDriver()) throw noDevice("no NVIDIA driver was found");
  const env = options.standin ? {} : { GPUKIT_KERNELS: "1" };
  const setup = await script("setup.mjs", [], { env });
  if (setup.code !== 0) process.exit(setup.code);
  const kernels = kernelsWanted() || !options.standin ? [`-Dkernels=${kernelSet()}`] : [];
  const args = ["build", "gpu-bench", "--summary", "none", ...kernels];
  const result = await run(tools.zig, args, { env: zigEnvironment() });
  if (result.code !== 0) throw new VerifyError(`${result.output}\nzig build gpu-bench failed`);
}

/** The info of the first CUDA device. */
async function findDevice(env) {
  const code = 'import * as gk from "./mod.ts";' +
    'const d = gk.devices().find((d) => d.info.kind === "cuda");' +
    "console.log(JSON.stringify({ info: d?.info, why: gk.info().cuda }));";
  const answer = await run(tools.deno, ["eval", "--ext=ts", code], { env });
  if (answer.code !== 0) throw new VerifyError(answer.output);
  const { info, why } = JSON.parse(answer.output.trim().split("\n").at(-1));
  if (info) return info;
  throw noDevice(why || "none was found");
}

const noDevice = (why) =>
  new VerifyError(
    `There is no CUDA device that can be used: ${why}.\n` +
      '"npm run gpu:verify -- --standin" runs this over the stand-in driver; ' +
      '"npm run gpu:bundle" makes a folder to run it from on another machine.',
  );

function version() {
  if (existsSync(bundled)) return JSON.parse(readFileSync(bundled, "utf8")).version;
  const git = spawnSync("git", ["describe", "--always", "--dirty"], {
    cwd: root,
    encoding: "utf8",
  });
  return git.status === 0 ? git.stdout.trim() : "unknown";
}

// ---- the parts ----------------------------------------------------------------------------------

/** Few files over the stand-in: npm test runs all of them there. */
async function runTests(env) {
  const names = runtimes.map((name) => `${name}-${options.standin ? "cuda" : "gpu"}`).join(",");
  const files = filters.length || !options.standin ? filters : ["tests/array/create"];
  const { output } = await script("test.mjs", [`--only=${names}`, ...files], { env });
  const closing = /^(\d+) passed, (\d+) failed$/m.exec(output);
  if (!closing) return { passed: 0, failed: 1 };
  return { passed: Number(closing[1]), failed: Number(closing[2]) };
}

/** Accesses out of bounds and races, as the hardware's own instrumentation sees them. */
async function runSanitizer(env) {
  const found = ["compute-sanitizer", "/usr/local/cuda/bin/compute-sanitizer"]
    .find((name) => spawnSync(name, ["--version"]).status === 0);
  if (!found || options.standin) {
    console.log(found ? "not over the stand-in" : "compute-sanitizer was not found");
    return { missing: true };
  }
  const result = { passed: 0, failed: 0 };
  for (const tool of ["memcheck", "racecheck"]) {
    const { code, output } = await run(found, [
      "--tool",
      tool,
      "--error-exitcode",
      "9",
      tools.deno,
      "test",
      "-A",
      "--no-check",
      "tests/array/create.test.ts",
      "tests/ops/reduce.test.ts",
    ], { env: { ...env, GPUKIT_DEVICE: "cuda" }, timeout: 240 });
    console.log(`${tool}: ${code === 0 ? "nothing found" : `FAILED (exit code ${code})`}`);
    if (code !== 0) console.log(output.split("\n").slice(-60).join("\n"));
    code === 0 ? result.passed++ : result.failed++;
  }
  return result;
}

/** Copies from each GPU to each other; what else several GPUs have is among the tests. */
async function runSeveral(env) {
  const [bytes, rounds] = options.standin ? [2 ** 20, 3] : [2 ** 28, 11];
  const args = ["run", "-A", "--no-check", "bench/gpu/several.ts", bytes, rounds].map(String);
  const answer = await run(tools.deno, args, {
    env: { STANDIN_DEVICES: "2", ...env },
    timeout: 300,
  });
  if (answer.code !== 0) throw new VerifyError(answer.output);
  const result = JSON.parse(answer.output.trim().split("\n").at(-1));
  console.log(severalTable(result));
  return result;
}

const severalTable = ({ skipped, pairs }) =>
  skipped
    ? `Skipped, and so are the tests of several GPUs: ${skipped}.`
    : ["| from | to | direct | GB/s |", "|---|---|---|---:|"]
      .concat(pairs.map(({ from, to, direct, speed }) =>
        `| ${from} | ${to} | ${direct ? "yes" : "by the host"} | ${speed.toFixed(1)} |`
      )).join("\n");

function runBenchmark(env) {
  const result = benchmark(runtimes, { ...env, GPUKIT_DEVICE: "cuda" }, options.standin);
  console.log(benchmarkTable(result));
  return result;
}

// ---- results ------------------------------------------------------------------------------------

function write(result) {
  const folder = options.out ??
    join(root, ...(options.standin ? [".cache", "gpu"] : ["bench", "results"]));
  // Only a whole run is a result.
  const whole = chosen.length === Object.keys(parts).length && !filters.length;
  if (!options.out && !options.standin && !whole) {
    return console.log("\nnothing is written: this was a part of the whole");
  }
  mkdirSync(folder, { recursive: true });
  const name = result.gpu.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  const rounded = (_key, value) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, rounded, 1)}\n`);
  writeFileSync(join(folder, `${name}.md`), page(result));
  console.log(`\nwritten to ${join(folder, name)}.json and .md`);
}

function page(
  { gpu, driver, computeCapability, version, library, runtimes, tests, sanitizer, several, bench },
) {
  const counts = (what) =>
    what?.missing ? "not there" : what ? `${what.passed} passed, ${what.failed} failed` : "not run";
  return `# ${gpu}

Written by \`npm run gpu:verify\`.

- driver ${driver}, compute capability ${computeCapability}
- gpukit at ${version}, a library of ${(library / 1024).toFixed(0)} KiB
- tests (${runtimes.join(", ")}): ${counts(tests)}
- compute-sanitizer: ${counts(sanitizer)}

${bench ? benchmarkTable(bench) : ""}

## Several GPUs

${several ? severalTable(several) : "Not run."}
`;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof VerifyError)) throw error;
  console.error(`\n${error.message}`);
  process.exit(1);
}
