// Runs the tests: the C programs of tests/native/, then every tests/**/*.test.ts under Deno and under Bun,
// on the CPU and again on CUDA over the stand-in driver. Expects scripts/setup.mjs to have run (npm test
// does that).
//
//   npm test                          everything
//   npm test -- tests/array at.test   only files whose path contains one of these
//   npm test -- --only=bun            only one part: c, deno, bun, deno-cuda, bun-cuda or deno-checked (kernels
//                                     watched for races and the like); or several, with commas between;
//                                     deno-gpu and bun-gpu are on a real GPU
//   npm run test:full                 also the long sweeps (GPUKIT_TEST_FULL=1)
//   npm run test:exhaustive           float functions with every float32, some minutes each
//                                     (only some with GPUKIT_TEST_EXHAUSTIVE=exp,log before it)
//
// Files named *.cpu.test.ts run on the CPU only, *.cuda.test.ts on CUDA only, and *.standin.test.ts on CUDA
// only over the stand-in.
//
// Ends with "N passed, N failed" on a line of its own; fails also when a runner crashed, when a
// file could not be loaded or held no test, and when a part ran nothing.

import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { standin } from "./standin.mjs";
import { listFiles, root, run, seconds, tools, zigEnvironment } from "./tools.mjs";

const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string" },
    full: { type: "boolean", default: false },
    exhaustive: { type: "boolean", default: false },
  },
});
if (options.exhaustive) {
  process.env.GPUKIT_TEST_EXHAUSTIVE ||= "1";
  options.only = "c";
  filters.push("functions_test");
}
const exhaustive = process.env.GPUKIT_TEST_EXHAUSTIVE;
const parts = {
  c: testC,
  deno: () => testDeno("deno", onCpu),
  bun: () => testBun("bun", onCpu),
  "deno-cuda": () => overStandin("deno-cuda", testDeno),
  "bun-cuda": () => overStandin("bun-cuda", testBun, { settings: { STANDIN_LAZY: "1" } }),
  "deno-checked": () => overStandin("deno-checked", testDeno, watched),
  "deno-gpu": () => testDeno("deno-gpu", onGpu),
  "bun-gpu": () => testBun("bun-gpu", onGpu),
};
// What needs a GPU is asked for by name; the stand-in driver is for Linux.
const usual = Object.keys(parts).filter((name) =>
  !name.endsWith("-gpu") && (process.platform === "linux" || !/-(cuda|checked)$/.test(name))
);
const chosen = options.only?.split(",") ?? usual;
for (const name of chosen.filter((name) => !(name in parts))) {
  console.error(`--only=${name}: there are the parts ${Object.keys(parts).join(", ")}`);
  process.exit(2);
}
if (options.full) process.env.GPUKIT_TEST_FULL = "1";

const wanted = (path) =>
  !filters.length || filters.some((filter) => path.includes(filter.replace(/^\.\//, "")));
const reports = join(root, ".cache", "junit");

/** One program counts as one test: what it prints are checks, of which a sweep has millions. */
async function testC() {
  // The stand-in driver, and so its tests, are for Linux.
  const linux = process.platform === "linux";
  const sources = listFiles("tests/native", (path) => path.endsWith("_test.c")).filter(wanted)
    .filter((path) => linux || !path.includes("/driver/"));
  if (!sources.length) return { passed: 0, failed: 0 };
  const build = await run(tools.zig, ["build", "ctest", "--summary", "none"], {
    env: zigEnvironment(),
  });
  if (build.code !== 0) {
    console.log(build.output);
    console.log("C tests: the build failed");
    return { passed: 0, failed: sources.length };
  }
  let passed = 0;
  for (const source of sources) {
    const name = source.split("/").pop().replace(/\.c$/, "");
    const result = await run(join(root, "zig-out", "ctest", name), [], {
      timeout: exhaustive ? 14_400 : 600,
    });
    const checks = /^(\d+) passed, \d+ failed$/m.exec(result.output);
    const ok = result.code === 0 && Number(checks?.[1]) > 0;
    if (ok) passed++;
    if (!ok || exhaustive) console.log(result.output.replace(/^/gm, "  | "));
    const what = ok ? `ok, ${checks[1]} checks` : `FAILED (exit code ${result.code})`;
    console.log(`  ${source}: ${what}, ${seconds(result.seconds)}`);
  }
  return { passed, failed: sources.length - passed };
}

const onCpu = {
  env: { GPUKIT_DEVICE: "cpu" },
  has: (path) => !/\.(cuda|standin)\.test\.ts$/.test(path),
};

/**
 * Every access of a kernel is watched, and the threads of a block run in no order of theirs: ten times as
 * slow, so only the files whose cases reach every kernel.
 */
const watched = {
  build: "standin-checked",
  settings: { STANDIN_ORDER: "random" },
  has: (path) =>
    /^tests\/(ops\/(golden|random|\w+\.cuda)|jit\/(kernels\.cuda|checked\.standin))\.test\.ts$/
      .test(path),
};

const onGpu = {
  env: { GPUKIT_DEVICE: "cuda" },
  has: (path) => !/\.(cpu|standin)\.test\.ts$/.test(path),
};

/**
 * Under Deno the stand-in's streams run at once, under Bun only when somebody waits for them: what counts on
 * either fails.
 */
async function overStandin(name, test, how = {}) {
  const { build = "standin", settings, has = (path) => !/\.cpu\.test\.ts$/.test(path) } = how;
  let driver;
  try {
    driver = await standin(build);
  } catch (error) {
    console.log(`${name}: ${error.message}`);
    return { passed: 0, failed: 1 };
  }
  // Another GPUKIT_DEVICE in the environment is for the user's own runs. Four devices: only the tests of
  // several use more than the first.
  const STANDIN_DEVICES = process.env.STANDIN_DEVICES ?? "4";
  // What users' kernels become is kept apart from what the user's own runs keep.
  const GPUKIT_CACHE_DIR = join(root, ".cache", "kernels");
  const env = { STANDIN_DEVICES, GPUKIT_CACHE_DIR, ...settings, ...driver, GPUKIT_DEVICE: "cuda" };
  return test(name, { env, has });
}

function testDeno(name, on) {
  return runJUnit(name, "deno", on, (report, files) => [
    "test",
    "-A",
    "--no-check",
    "--v8-flags=--expose-gc",
    `--junit-path=${report}`,
    ...files,
  ]);
}

function testBun(name, on) {
  return runJUnit(name, "bun", on, (report, files) => [
    "test",
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...(options.full ? ["--timeout", "600000"] : ["--timeout", "60000"]),
    ...files,
  ]);
}

/** Runs a test runner with its output shown as it is; counts by the report that it leaves. */
async function runJUnit(name, tool, { env, has }, commandLine) {
  const files = listFiles("tests", (path) => path.endsWith(".test.ts") && has(path)).filter(wanted)
    .map((path) => `./${path}`);
  if (!files.length) return { passed: 0, failed: 0 };
  mkdirSync(reports, { recursive: true });
  const report = join(reports, `${name}.xml`);
  rmSync(report, { force: true });
  const code = await new Promise((resolve) => {
    const child = spawn(tools[tool], commandLine(report, files), {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: "inherit",
    });
    child.on("error", (error) => {
      console.log(error.message);
      resolve(127);
    });
    child.on("close", (status, signal) => resolve(signal ?? status));
  });
  if (!existsSync(report)) {
    console.log(`${name}: ended with ${code} and left no report: it crashed`);
    return { passed: 0, failed: 1 };
  }
  const count = readReport(readFileSync(report, "utf8"), files);
  for (const file of count.silent) {
    console.log(`${name}: ${file} ran no test (not loaded, or empty)`);
  }
  count.failed += count.silent.length;
  // A runner that fails without a failing test: an error between tests, a crash while ending.
  if (code !== 0 && !count.failed) {
    console.log(`${name}: ended with ${code} although no test failed`);
    count.failed = 1;
  }
  return count;
}

/**
 * Counts the tests that contain no others; skipped ones count as neither. Deno lists a group and
 * its members ("group > member") side by side, Bun nests suites.
 */
function readReport(xml, files) {
  const cases = [
    ...xml.matchAll(
      /<testsuite\s[^>]*?name="([^"]*)"|<testcase\s([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g,
    ),
  ];
  const seen = new Set();
  const found = [];
  let suite = "";
  for (const [, suiteName, attributes, , body = ""] of cases) {
    if (suiteName !== undefined) {
      suite = suiteName;
      continue;
    }
    const attribute = (key) => new RegExp(`(?:^|\\s)${key}="([^"]*)"`).exec(attributes)?.[1] ?? "";
    const file = (attribute("file") || attribute("classname") || suite).replace(/^\.\//, "");
    seen.add(file);
    found.push({
      name: attribute("name"),
      failed: /<(failure|error)\b/.test(body),
      skipped: /<skipped\b/.test(body),
    });
  }
  const groups = new Set();
  for (const { name } of found) {
    const pieces = name.split(" &gt; ");
    for (let i = 1; i < pieces.length; i++) groups.add(pieces.slice(0, i).join(" &gt; "));
  }
  const tests = found.filter(({ name, skipped }) => !groups.has(name) && !skipped);
  let failed = tests.filter((test) => test.failed).length;
  // A group can fail by its hooks, with every member in order.
  if (!failed && found.some((test) => test.failed)) failed = 1;
  return {
    passed: tests.filter((test) => !test.failed).length,
    failed,
    silent: files.filter((file) => !seen.has(file.replace(/^\.\//, ""))),
  };
}

const total = { passed: 0, failed: 0 };
const lines = [];
for (const name of chosen) {
  const began = performance.now();
  console.log(`\n== ${name}`);
  const { passed, failed } = await parts[name]();
  total.passed += passed;
  total.failed += failed;
  const nothing = passed + failed === 0;
  // With a filter a part may well have nothing to do; without one something is missing.
  if (nothing && !filters.length) total.failed++;
  const time = seconds((performance.now() - began) / 1000);
  lines.push(
    `${name.padEnd(9)} ${nothing ? "no tests" : `${passed} passed  ${failed} failed`}  ${time}`,
  );
}
console.log(`\n${lines.join("\n")}`);
if (total.passed + total.failed === 0) {
  console.log(`no test matches ${filters.join(" ")}`);
  total.failed = 1;
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed ? 1 : 0);
