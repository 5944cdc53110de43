// Formatting, lint, types, doc comments and layers. Expects scripts/setup.mjs to have run.
//
//   npm run lint                       every check
//   npm run lint -- --only=types       one: format, lint, types, docs or layers
//   npm run format                     applies the formatters (--fix)

import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { listFiles, root, run, seconds, tools } from "./tools.mjs";

const { values: options } = parseArgs({
  options: { only: { type: "string" }, fix: { type: "boolean", default: false } },
});

const cFiles = () => [
  ...listFiles("csrc", (path) => /\.(c|h|cu|cuh)$/.test(path)),
  ...listFiles("tests/native", (path) => /\.(c|h|cu)$/.test(path)),
  ...listFiles("scripts", (path) => path.endsWith(".cpp")),
];
const clangFormat = (...args) => {
  const files = cFiles();
  // Without a file clang-format would wait for standard input.
  return files.length ? run(tools.clangFormat, [...args, ...files]) : missing("C files");
};
// Every public name has a doc comment. That types refer to ones that are not exported is no fault: those
// are how the public ones are computed.
const docComments = async () => {
  const env = { NO_COLOR: "1" };
  const result = await run(tools.deno, ["doc", "--lint", "mod.ts"], { env });
  const lines = result.output.split("\n");
  const faults = lines.flatMap((line, i) =>
    /^error\[(?!private-type-ref)/.test(line) ? [line, lines[i + 1]] : []
  );
  const code = faults.length > 0 || !/^(error|Checked)/m.test(result.output) ? 1 : 0;
  return { ...result, code, output: faults.length > 0 ? faults.join("\n") : result.output };
};
const missing = (what) =>
  Promise.resolve({ code: 1, output: `there are no ${what}\n`, seconds: 0 });

const checks = {
  format: [
    ["deno fmt --check", () => run(tools.deno, ["fmt", "--check"])],
    ["clang-format", () => clangFormat("--dry-run", "-Werror")],
  ],
  lint: [["deno lint", () => run(tools.deno, ["lint"])]],
  types: [
    ["tsc", () => run(process.execPath, [tools.tsc, "-p", "."])],
    ["deno check", () => run(tools.deno, ["check", "mod.ts"])],
  ],
  docs: [["deno doc --lint", docComments]],
  layers: [["layers", () => run(process.execPath, [join(root, "scripts", "layers.mjs")])]],
};
const fixes = [
  ["deno fmt", () => run(tools.deno, ["fmt"])],
  ["clang-format", () => clangFormat("-i")],
];

if (options.only && !(options.only in checks)) {
  console.error(`--only=${options.only}: there are ${Object.keys(checks).join(", ")}`);
  process.exit(2);
}
const chosen = options.fix
  ? fixes
  : options.only
  ? checks[options.only]
  : Object.values(checks).flat();

let failed = 0;
for (const [name, check] of chosen) {
  const result = await check();
  const ok = result.code === 0;
  if (!ok) {
    failed++;
    console.log(result.output.trimEnd());
    if (checks.format.some(([format]) => format === name)) {
      console.log('"npm run format" applies the formatters.');
    }
  }
  console.log(`${name}: ${ok ? "ok" : "FAILED"}, ${seconds(result.seconds)}`);
}
process.exit(failed ? 1 : 0);
