// What is proven where, for README.md and docs/gpu.md: the kernels that the compiler's report has, the families
// that devices have, all of whose ops the tests run over the stand-in driver, and the GPUs on which all has run.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./tools.mjs";

const results = join(root, "bench", "results");
const read = (path) => existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;

const report = read(join(results, "kernels.json"));

/** The results of npm run gpu:verify, by GPU. */
function verified() {
  return readdirSync(results).filter((name) => name.endsWith(".json"))
    .map((name) => ({ name, ...read(join(results, name)) }))
    .filter(({ gpu, standin, tests }) => gpu !== undefined && !standin && tests !== undefined);
}

// The families of which a device has a host file; joins are copies.
const families = ["csrc/cpu/device.c", "csrc/cuda/launch.c"].map((path) => {
  const table = readFileSync(join(root, path), "utf8").matchAll(/^ +\[GK_FAMILY_(\w+)\] =/gm);
  return new Set([...table].map(([, family]) => family));
});

/** For cpu and cuda: is a family computed there? "yes" or "no". */
export const devicesOf = (family) =>
  families.map((known) => known.has(family === "JOIN" ? "COPY" : family) ? "yes" : "no");

const list = (ops) => ops.map(({ name }) => `\`${name}\``).join(" ");

/** README.md: the ops by family and device. */
export function deviceTable(rows) {
  const lines = byFamily(rows).map(([family, ops]) =>
    `| ${family.toLowerCase()} | ${list(ops)} | ${devicesOf(family).join(" | ")} |`
  );
  return ["| family | ops | cpu | cuda |", "|---|---|---|---|", ...lines].join("\n");
}

/** docs/gpu.md: for each family, how far it is proven. */
export function proofTable(rows) {
  const gpus = verified();
  const modules = Object.entries(report?.modules ?? {});
  const compiled = (family) => {
    // A family may have several files: index, index_along.
    const own = modules.filter(([name]) => name === family || name.startsWith(`${family}_`))
      .flatMap(([, { kernels }]) => Object.values(kernels));
    return own.length === 0 ? "" : `${own.length} kernel${own.length === 1 ? "" : "s"}`;
  };
  const lines = byFamily(rows).map(([name]) => {
    const family = name.toLowerCase();
    const [, onCuda] = devicesOf(name);
    const cells = [
      family,
      compiled(family) || (family === "join" ? "as copies" : "no"),
      onCuda,
      ...gpus.map(({ tests }) =>
        onCuda === "no" ? "no" : tests.failed === 0 ? "yes" : `${tests.failed} tests failed`
      ),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const heads = ["family", "compiled", "stand-in", ...gpus.map(({ gpu }) => gpu)];
  const kernels = modules.flatMap(([, module]) => Object.values(module.kernels));
  const architectures = [...new Set(kernels.flatMap((needs) => Object.keys(needs)))];
  const about = [
    kernels.length > 0
      ? `${kernels.length} kernels are compiled for ${
        architectures.join(", ")
      } by ${report.compiler}.`
      : "No report of the compiler is stored yet.",
    gpus.length > 0
      ? `It has run on ${
        gpus.map(({ gpu, driver, tests }) =>
          `${gpu} (driver ${driver}: ${tests.passed} tests passed, ${tests.failed} failed)`
        ).join(", ")
      }.`
      : "It has not run on a real GPU yet.",
  ];
  return [
    about.join(" "),
    "",
    `| ${heads.join(" | ")} |`,
    `|${heads.map(() => "---").join("|")}|`,
    ...lines,
  ].join("\n");
}

function byFamily(rows) {
  const names = [...new Set(rows.map(({ family }) => family))];
  return names.map((name) => [name, rows.filter(({ family }) => family === name)]);
}
