// Compares the twin of NVRTC, with which the tests compile users' kernels, with NVRTC itself: both compile
// tests/jit/sources/ for the stand-in driver, and must tell the same signatures, symbols and parameters of every
// kernel, which are those of expected.json. NVRTC is installed from PyPI, as scripts/nvrtc.txt pins it; it
// needs no GPU. Linux, x86_64 and aarch64.
//
//   node scripts/nvrtc.mjs

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { nvrtcLibrary, nvrtcStep } from "./nvcc.mjs";
import { standin } from "./standin.mjs";
import { failed, performSteps, runScript } from "./steps.mjs";
import { root, run, tools } from "./tools.mjs";

/** What the compiler of this path says of the kernels; headers and cache go to a folder of its own. */
async function reportOf(name, path, environment) {
  const cache = join(root, ".cache", "nvrtc", name);
  mkdirSync(cache, { recursive: true });
  const result = await run(tools.deno, ["run", "-A", "scripts/nvrtc_report.ts"], {
    env: { ...process.env, ...environment, GPUKIT_LIBNVRTC: path, GPUKIT_CACHE_DIR: cache },
    timeout: 300,
  });
  const line = result.output.split("\n").find((line) => line.startsWith("{"));
  if (result.code !== 0 || !line) {
    throw failed(`the report of the ${name} NVRTC`, result.output, `It is ${path}.`);
  }
  return JSON.parse(line);
}

await runScript(async () => {
  await performSteps([nvrtcStep]);
  const environment = await standin();
  const ours = await reportOf("twin", environment.GPUKIT_LIBNVRTC, environment);
  const theirs = await reportOf("real", nvrtcLibrary, environment);
  const { sources } = JSON.parse(
    readFileSync(join(root, "tests", "jit", "sources", "expected.json"), "utf8"),
  );
  const differences = [];
  let count = 0;
  const compare = (what, twin, real) => {
    const [a, b] = [JSON.stringify(twin), JSON.stringify(real)];
    if (a !== b) differences.push(`${what}:\n  ${a}\n  ${b}`);
  };
  compare("version", ours.version, theirs.version);
  for (const [file, kernels] of Object.entries(sources)) {
    for (const [kernel, signature] of Object.entries(kernels)) {
      count++;
      compare(`${file}, ${kernel}`, ours.report[file][kernel], theirs.report[file][kernel]);
      compare(`${file}, ${kernel}, expected`, signature, theirs.report[file][kernel].signature);
    }
  }
  if (differences.length) {
    throw failed(
      "the twin of NVRTC",
      differences.join("\n"),
      "Of each kernel: what the twin tells, then what NVRTC does.",
    );
  }
  console.log(`NVRTC ${theirs.version} and its twin tell the same of ${count} kernels`);
});
