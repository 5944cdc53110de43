// What the compiler tells of the kernels of tests/jit/sources/, as JSON: signature, symbol and parameters.
// scripts/nvrtc.mjs runs it with the real NVRTC and with its twin, and compares.

import { readFileSync } from "node:fs";
import * as gk from "../mod.ts";

const read = (name: string) =>
  readFileSync(new URL(`../tests/jit/sources/${name}`, import.meta.url), "utf8");

const { headers, sources } = JSON.parse(read("expected.json")) as {
  headers: Record<string, string>;
  sources: Record<string, Record<string, string>>;
};

const report: Record<string, Record<string, unknown>> = {};
for (const [file, kernels] of Object.entries(sources)) {
  const names = Object.keys(kernels);
  const compiled = gk.jit(read(file), names, { headers, fileName: file });
  report[file] = Object.fromEntries(compiled.map((kernel, index) => [names[index], {
    signature: kernel.signature,
    symbol: kernel.symbol,
    parameters: kernel.parameters,
    threads: kernel.attributes.maxThreadsPerBlock,
    shared: kernel.attributes.sharedBytes,
  }]));
}
console.log(JSON.stringify({ version: gk.info()["nvrtcVersion"], report }));
