// Holds the ABI: the exported symbols of the built library against tests/abi/symbols.txt, and the
// codes of csrc/core/ops.def against tests/abi/ops.txt. Within a major version both are only ever
// appended to. The library needs no symbol of CUDA.
//
//   node scripts/abi.mjs              compares
//   node scripts/abi.mjs --update     writes additions; refuses to drop or change anything
//   node scripts/abi.mjs --update --break    writes whatever is there (a new major version)

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { dynamicSymbols } from "./elf.mjs";
import { root } from "./tools.mjs";

const { values: options } = parseArgs({
  options: {
    update: { type: "boolean", default: false },
    break: { type: "boolean", default: false },
  },
});

// The Linux library stands for all: the cross-built ones come from the same sources.
const libraryPath = ["zig-out/lib/libgpukit.so", "zig-out/cross/x86_64-linux-gnu.2.28/libgpukit.so"]
  .find((path) => existsSync(join(root, path)));

/** The ops by the names that users see, in the order of the table. */
const opCodes = () =>
  [...readFileSync(join(root, "csrc/core/ops.def"), "utf8").matchAll(/^GK_OP\((\d+),\s*(\w+)/gm)]
    .map(([, code, name]) => `${code} ${name.replace(/_(\w)/g, (_, c) => c.toUpperCase())}`);

function compare(path, what, now) {
  const full = join(root, path);
  const then = existsSync(full)
    ? readFileSync(full, "utf8").split("\n").filter(Boolean)
    : undefined;
  const gone = (then ?? []).filter((line) => !now.includes(line));
  const added = now.filter((line) => !then?.includes(line));
  if (options.update && (options.break || !gone.length)) {
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, now.join("\n") + "\n");
    console.log(`${path}: ${now.length} ${what}, ${added.length} new`);
    return true;
  }
  for (const line of gone) {
    console.log(`${path}: "${line}" is gone or changed: that breaks built users`);
  }
  for (const line of options.update ? [] : added) console.log(`${path}: "${line}" is not recorded`);
  if (!then) console.log(`${path} does not exist`);
  if (gone.length || added.length || !then) {
    console.log(`  additions: "node scripts/abi.mjs --update" and commit ${path}`);
    return false;
  }
  console.log(`${path}: ${now.length} ${what}, as recorded`);
  return true;
}

if (!libraryPath) {
  console.log('there is no Linux library in zig-out/: run "npm run build" first');
  process.exit(1);
}
const { defined: symbols, needed } = dynamicSymbols(readFileSync(join(root, libraryPath)));
const foreign = symbols.filter((name) => !name.startsWith("gk_"));
// The driver is opened by name, so that the library loads where there is none.
const cuda = needed.filter((name) => /^(_*cuda|cu[A-Z]|nvrtc|nvml|cublas|nccl)/.test(name));
for (const name of cuda) {
  console.log(`${libraryPath} needs ${name}: take it from the driver's table`);
}
for (const name of foreign) {
  console.log(`${libraryPath} exports ${name}, which is not gk_*: make it static or hidden`);
}
const ok = [
  compare("tests/abi/symbols.txt", "symbols", symbols),
  compare("tests/abi/ops.txt", "op codes", opCodes()),
  foreign.length === 0,
  cuda.length === 0,
];
process.exit(ok.every(Boolean) ? 0 : 1);
