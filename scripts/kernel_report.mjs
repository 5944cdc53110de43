// The report on the kernels: what each needs on each architecture, sizes, and why it came to be so.
// Kept in bench/results/kernels.json; docs/kernel-report.md shows the same to readers.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { architectures } from "./nvcc.mjs";
import { root } from "./tools.mjs";

const file = join(root, "bench", "results", "kernels.json");
const page = join(root, "docs", "kernel-report.md");
/** What is compared, in the order of the numbers of each kernel. */
const columns = ["registers", "spilled", "stack", "shared", "code"];

export const readReport = () =>
  existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { changes: [], modules: {} };

/** {compiler, library, modules: {name: {bytes, seconds, kernels: {name: {architecture: numbers}}}}} */
export function makeReport(modules, library) {
  const list = readFileSync(join(root, "scripts", "cuda.txt"), "utf8");
  const report = {
    compiler: `nvcc ${/^nvidia-cuda-nvcc==(\S+)/m.exec(list)[1]}`,
    library,
    modules: {},
  };
  for (const { module, bytes, seconds, kernels } of modules) {
    const byName = {};
    for (const kernel of kernels) {
      (byName[kernel.name] ??= {})[kernel.architecture] = columns.map((column) => kernel[column]);
    }
    const sorted = Object.entries(byName).sort(([a], [b]) => (a < b ? -1 : 1));
    report.modules[module] = { bytes, seconds, kernels: Object.fromEntries(sorted) };
  }
  return report;
}

/** Lines on what needs more than before, or is new; and on what needs less, or is gone. */
export function compare(before, now) {
  const rises = [];
  const others = [];
  for (const [module, { kernels }] of Object.entries(now.modules)) {
    for (const [name, needs] of Object.entries(kernels)) {
      const known = before.modules[module]?.kernels[name];
      if (!known) {
        rises.push(`${module}: ${name} is new`);
        continue;
      }
      for (const [architecture, numbers] of Object.entries(needs)) {
        const changed = (test) =>
          columns.flatMap((column, i) => {
            const old = known[architecture]?.[i];
            return old === undefined || test(numbers[i], old)
              ? [`${column} ${old} → ${numbers[i]}`]
              : [];
          }).join(", ");
        const more = changed((a, b) => a > b);
        const less = changed((a, b) => a < b);
        if (more) rises.push(`${name} on ${architecture}: ${more}`);
        else if (less) others.push(`${name} on ${architecture}: ${less}`);
      }
    }
  }
  for (const [module, { kernels }] of Object.entries(before.modules)) {
    for (const name of Object.keys(kernels)) {
      if (!now.modules[module]?.kernels[name]) others.push(`${module}: ${name} is gone`);
    }
  }
  return { rises, others };
}

const kilobytes = (bytes) => `${(bytes / 1024).toFixed(bytes < 10_240 ? 1 : 0)} KB`;
const sum = (values) => values.reduce((a, b) => a + b, 0);

export function describe(report) {
  const modules = Object.values(report.modules);
  const kernels = modules.flatMap((module) => Object.values(module.kernels));
  const spilling = kernels.filter((needs) =>
    Object.values(needs).some((numbers) => numbers[1] > 0)
  );
  return `${kernels.length} kernels in ${modules.length} files for ${
    architectures.join(", ")
  } and PTX: ` +
    `${kilobytes(sum(modules.map((m) => m.bytes)))} embedded in a library of ${
      kilobytes(report.library)
    }; ` +
    `${spilling.length} spill registers`;
}

/** Stores the report and its page. The reason stays, with how many kernels it let rise. */
export function writeReport(report, before, reason, rises) {
  const changes = [...before.changes, { reason, rises: rises.length }];
  // A line a kernel: what changed is what a diff shows.
  const modules = Object.entries(report.modules).map(([module, { bytes, seconds, kernels }]) => {
    const lines = Object.entries(kernels).map(([name, needs]) =>
      `   ${JSON.stringify(name)}: ${JSON.stringify(needs)}`
    );
    return `  ${JSON.stringify(module)}: {"bytes": ${bytes}, "seconds": ${seconds}, "kernels": {\n${
      lines.join(",\n")
    }\n  }}`;
  });
  const head = JSON.stringify(
    { compiler: report.compiler, library: report.library, columns, changes },
    null,
    1,
  );
  writeFileSync(file, `${head.slice(0, -2)},\n "modules": {\n${modules.join(",\n")}\n }\n}\n`);
  writeFileSync(page, makePage(readReport()));
}

export const pageIsCurrent = (report) =>
  existsSync(page) && readFileSync(page, "utf8") === makePage(report);

function makePage(report) {
  const names = architectures.map((name) => name.replace("sm_", "")).join(" / ");
  const tables = Object.entries(report.modules).map(([module, { bytes, seconds, kernels }]) => {
    const rows = Object.entries(kernels).map(([name, needs]) => {
      const cells = columns.map((_, column) => {
        const numbers = architectures.map((architecture) => needs[architecture][column]);
        return numbers.every((n) => n === numbers[0]) ? `${numbers[0]}` : numbers.join(" / ");
      });
      return `| ${name} | ${cells.join(" | ")} |`;
    });
    return `## ${module}\n\n${kilobytes(bytes)} embedded, compiled in ${seconds} s.\n\n` +
      "| kernel | registers | spilled | stack | shared | code |\n|---|---:|---:|---:|---:|---:|\n" +
      rows.join("\n");
  });
  const reasons = report.changes.map(({ reason, rises }) => `- ${reason} (${rises} kernels)`);
  return `<!-- deno-fmt-ignore-file -->
# Kernels

<!-- Written by npm run kernels -- --update. -->

What ${report.compiler} makes of csrc/kernels/:
${describe(report)}.

Four numbers are those of sm_${names}, one stands for all. All but registers are bytes; spilled counts
stores and loads, code is what lies in the uncompressed image.

${tables.join("\n\n")}

## Why it is so

CI fails where a kernel needs more than this page says. A new page comes with its reason:

${reasons.join("\n")}
`;
}
