// Holds the ABI: the exported symbols of the built library against tests/abi/symbols.txt, and the
// codes of csrc/core/ops.def against tests/abi/ops.txt. Within a major version both are only ever
// appended to.
//
//   node scripts/abi.mjs              compares
//   node scripts/abi.mjs --update     writes additions; refuses to drop or change anything
//   node scripts/abi.mjs --update --break    writes whatever is there (a new major version)

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
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

/** Names of the global functions and objects that a 64-bit little-endian ELF library defines. */
function exportedSymbols(path) {
  const file = readFileSync(path);
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2) {
    throw new Error(`${path} is no ELF64 file`);
  }
  const sections = Number(file.readBigUInt64LE(0x28));
  const size = file.readUInt16LE(0x3a);
  const count = file.readUInt16LE(0x3c);
  const section = (index) => {
    const at = sections + index * size;
    return {
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      bytes: Number(file.readBigUInt64LE(at + 32)),
      link: file.readUInt32LE(at + 40),
    };
  };
  const dynsym = Array.from({ length: count }, (_, index) => section(index))
    .find(({ type }) => type === 11);
  const names = section(dynsym.link).offset;
  const found = [];
  for (let at = dynsym.offset; at < dynsym.offset + dynsym.bytes; at += 24) {
    const undefinedHere = file.readUInt16LE(at + 6) === 0;
    if (undefinedHere) continue;
    const start = names + file.readUInt32LE(at);
    found.push(file.toString("latin1", start, file.indexOf(0, start)));
  }
  return found.sort();
}

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
const symbols = exportedSymbols(join(root, libraryPath));
const foreign = symbols.filter((name) => !name.startsWith("gk_"));
for (const name of foreign) {
  console.log(`${libraryPath} exports ${name}, which is not gk_*: make it static or hidden`);
}
const ok = [
  compare("tests/abi/symbols.txt", "symbols", symbols),
  compare("tests/abi/ops.txt", "op codes", opCodes()),
  foreign.length === 0,
];
process.exit(ok.every(Boolean) ? 0 : 1);
