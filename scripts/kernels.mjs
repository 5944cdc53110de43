// The kernels of CUDA devices: builds them for every architecture and embeds them in the library, on any
// Linux machine, and holds the report on what the compiler made of them.
//
//   npm run kernels                           builds what has changed, and tells what has become of it
//   npm run kernels -- --check                fails where a kernel needs more than the stored report says
//   npm run kernels -- --update "reason"      stores the report, with the reason
//   npm run kernels -- --driver               compares csrc/cuda/driver.h with the compiler's cuda.h
//
// The report is bench/results/kernels.json; docs/kernel-report.md is written from it, and a table in docs/gpu.md.

import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import {
  compare,
  describe,
  makeReport,
  pageIsCurrent,
  readReport,
  writeReport,
} from "./kernel_report.mjs";
import { compilerStep, cudaHeaders, kernelReports } from "./nvcc.mjs";
import { failed, performSteps, runScript, SetupError } from "./steps.mjs";
import { library, root, run, tools, zigEnvironment } from "./tools.mjs";

const { values: options } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    update: { type: "string" },
    driver: { type: "boolean", default: false },
  },
});

await runScript(async () => {
  const setup = spawnSync(process.execPath, [join(root, "scripts", "setup.mjs")], {
    env: { ...process.env, GPUKIT_KERNELS: "1" },
    stdio: "inherit",
  });
  if (setup.status !== 0) process.exit(setup.status ?? 1);
  if (options.driver) await checkDriver();

  const before = readReport();
  const report = makeReport(kernelReports(), statSync(library).size);
  console.log(describe(report));
  const { rises, others } = compare(before, report);
  for (const line of [...rises, ...others]) console.log(`  ${line}`);

  if (options.update !== undefined) {
    if (options.update.trim().length < 8) {
      throw new SetupError(
        '--update needs the reason of the change: --update "elementwise: eight a thread".',
      );
    }
    writeReport(report, before, options.update.trim(), rises);
    // docs/gpu.md tells what is compiled.
    const docs = await run(process.execPath, [join(root, "scripts", "generate.mjs")]);
    if (docs.code !== 0) throw failed("npm run docs", docs.output, "");
    return console.log(
      "written to bench/results/kernels.json, docs/kernel-report.md and docs/gpu.md",
    );
  }
  if (!options.check) return;
  if (rises.length) {
    throw new SetupError(
      `${rises.length} kernels need more than the stored report says, or are not in it. Where that is meant: ` +
        'npm run kernels -- --update "the reason", and commit the report.',
    );
  }
  if (!pageIsCurrent(before)) {
    throw new SetupError(
      "docs/kernel-report.md is not what bench/results/kernels.json says: " +
        'npm run kernels -- --update "the reason" writes both.',
    );
  }
  console.log("no kernel needs more than the stored report says");
});

/** Values, layouts and signatures by the C++ compiler, versions of functions by the names of their types. */
async function checkDriver() {
  await performSteps([compilerStep]);
  const check = await run(tools.zig, [
    "c++",
    "-target",
    `${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu.2.28`,
    "-std=c++20",
    "-c",
    `-I${cudaHeaders}`,
    join(root, "scripts", "driver_check.cpp"),
    "-o",
    join(root, ".cache", "driver_check.o"),
  ], { env: zigEnvironment() });
  if (check.code !== 0) {
    throw failed(
      "csrc/cuda/driver.h",
      check.output,
      "It differs from cuda.h where the messages point.",
    );
  }
  const names = readFileSync(join(cudaHeaders, "cudaTypedefs.h"), "utf8");
  const table = readFileSync(join(root, "csrc", "cuda", "driver.h"), "utf8");
  const functions = [...table.matchAll(/^ {2}(?:NEEDED|OPTIONAL)\((\d+), (cu\w+),/gm)];
  const wrong = functions.filter(([, since, name]) =>
    !names.includes(`PFN_${name.replace(/_v\d+$/, "")}_v${since})`)
  );
  if (wrong.length || !functions.length) {
    const list = wrong.map(([, since, name]) => `${name} is not new in ${since}`).join("\n");
    throw failed("csrc/cuda/driver.h", list, "cudaTypedefs.h has the versions of each function.");
  }
  console.log(`csrc/cuda/driver.h: ${functions.length} functions as cuda.h has them`);
}
