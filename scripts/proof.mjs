// What is proven where, for README.md and docs/gpu.md: the kernels that the compiler's report has, the ops
// that the tests expect to work over the stand-in driver, and the GPUs on which everything has run.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./tools.mjs";

const results = join(root, "bench", "results");
const read = (path) => existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;

/** Functions that CUDA does not compute yet, as docs/ops.md names them. */
export const pending = read(join(root, "tests", "not_yet_on_cuda.json"));
const report = read(join(results, "kernels.json"));

/** The results of npm run gpu:verify, by GPU. */
function verified() {
  return readdirSync(results).filter((name) => name.endsWith(".json"))
    .map((name) => ({ name, ...read(join(results, name)) }))
    .filter(({ gpu, standin, tests }) => gpu !== undefined && !standin && tests !== undefined);
}

/** Does CUDA not compute an op yet? Those of the Fourier transforms are functions of a namespace. */
export const isPending = ({ name, family }) =>
  pending.includes(family === "FFT" ? `fft.${name}` : name);
const missing = (ops) => ops.filter(isPending);

const list = (ops) => ops.map(({ name }) => `\`${name}\``).join(" ");

/** README.md: the ops by family and device. */
export function deviceTable(rows) {
  const lines = families(rows).map(([family, ops]) => {
    const not = missing(ops);
    const cuda = not.length === 0
      ? "yes"
      : not.length === ops.length
      ? "not yet"
      : `all but ${list(not)}`;
    return `| ${family} | ${list(ops)} | yes | ${cuda} |`;
  });
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
  const lines = families(rows).map(([family, ops]) => {
    const not = missing(ops);
    const isThere = not.length < ops.length;
    const cells = [
      family,
      compiled(family) || (family === "join" ? "as copies" : "no"),
      isThere ? `yes${not.length > 0 ? `, but ${list(not)}` : ""}` : "no",
      ...gpus.map(({ tests }) =>
        !isThere ? "no" : tests.failed === 0 ? "yes" : `${tests.failed} tests failed`
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

function families(rows) {
  const names = [...new Set(rows.map(({ family }) => family))];
  return names.map((name) => [name.toLowerCase(), rows.filter(({ family }) => family === name)]);
}
