// Broken .npy and .npz files by chance: each input is a good file that was damaged in one to four
// places, from single bits to directory fields, headers and members. It must be refused with a
// FormatError that names the op, or read as arrays whose content is consistent: never another error,
// never more memory than the file can stand for.
//
// 20,000 inputs; `npm run test:full -- tests/io/fuzz` runs 1,000,000 of each format.

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { type Zippable, zipSync } from "fflate";
import { dtypes, type HostArray } from "../../lib/array/dtype.ts";
import { FormatError } from "../../lib/errors.ts";
import { formatNpy, type Npy, type NpyDType, parseNpy } from "../../lib/io/npy.ts";
import { formatNpz, parseNpz } from "../../lib/io/npz.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const isFull = process.env["GPUKIT_TEST_FULL"] === "1";
const count = isFull ? 1_000_000 : 10_000;
const seed = Number(process.env["GPUKIT_FUZZ_SEED"] ?? 1);

// ---- chance: xorshift32, the same numbers everywhere ---------------------------------------------

let state = (seed * 0x9e3779b9) >>> 0 || 1;
function random(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}
const below = (n: number): number => random() % n;
const chance = (n: number): boolean => below(n) === 0;
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;

// ---- good files ----------------------------------------------------------------------------------

const names = (Object.keys(dtypes) as (keyof typeof dtypes)[])
  .filter((name): name is NpyDType => name !== "bfloat16");

function randomArray(): Npy {
  const dtype = pick(names), { itemsize, Host } = dtypes[dtype];
  const shape = Array.from({ length: below(4) }, () => below(5));
  const bytes = new Uint8Array(shape.reduce((product, n) => product * n, itemsize));
  for (let i = 0; i < bytes.length; i++) bytes[i] = dtype === "bool" ? below(2) : random();
  const View = Host as unknown as new (buffer: ArrayBuffer) => HostArray;
  return { dtype, shape, data: new View(bytes.buffer) };
}

/** The parts of a .npy file of version 1. */
function split(file: Bytes): { header: string; data: Bytes } {
  const start = 10 + file[8]! + 256 * file[9]!;
  return {
    header: new TextDecoder("latin1").decode(file.subarray(10, start)),
    data: file.slice(start),
  };
}

function join(version: number, header: string, data: Bytes, length = header.length): Bytes {
  const start = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, length & 255, length >> 8 & 255];
  if (version > 1) start.push(length >> 16 & 255, length >>> 24);
  const text = Uint8Array.from(header, (character) => character.charCodeAt(0));
  return Uint8Array.from([...start, ...text, ...data]);
}

// ---- damage --------------------------------------------------------------------------------------

const extremes = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** Bytes changed, cut, doubled, added. */
function damageBytes(bytes: Bytes): Bytes {
  const at = below(bytes.length + 1), length = below(chance(4) ? 200 : 8);
  switch (below(8)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(at + length)]);
    case 2:
      return Uint8Array.from([...bytes.slice(0, at + length), ...bytes.slice(at)]);
    case 3:
      return Uint8Array.from([...bytes.slice(0, at), random() & 255, ...bytes.slice(at)]);
    case 4: {
      const copy = bytes.slice();
      copy.fill(pick([0, 0xff, 0x20]), at, at + length);
      return copy;
    }
    default: {
      const copy = bytes.slice();
      if (at < copy.length) copy[at]! ^= chance(3) ? random() & 255 : 1 << below(8);
      return copy;
    }
  }
}

const descrs = [
  "'<f4'",
  "'>f4'",
  "'|b1'",
  "'<i8'",
  "'>u2'",
  "'<c8'",
  "'>c8'",
  "'<c16'",
  "'<f16'",
  "'|O'",
  "'|V8'",
  "'<U3'",
  "'=f4'",
  "'f4'",
  "''",
  "'<'",
  "'<f'",
  "'<f4",
  "f4",
  "None",
  "('<f4', (2,))",
  "[('a', '<f4')]",
  "{'x': 1}",
  "'<f4\\x00'",
  "'<constructor'",
  "1",
  "True",
  "'>i1'",
  "'<b1'",
];
const shapes = [
  "()",
  "(0,)",
  "(1,)",
  "(2, 3)",
  "(-1,)",
  "(2)",
  "[2]",
  "(2,",
  "(,)",
  "(1.5,)",
  "(True,)",
  "(2L,)",
  "(9007199254740991,)",
  "(9007199254740993,)",
  "(4294967296, 4294967296)",
  "(0, 9007199254740991)",
  "(1e3,)",
  "('2',)",
  "((2,),)",
  "(65536, 65536, 65536, 65536)",
  "(99999999999999999999999,)",
  "(0x10,)",
  "(00002,)",
  "(-0,)",
  "(1,,2)",
  "(1, 1, 1, 1, 1, 1, 1, 1, 1)",
  "(NaN,)",
  "None",
  `(${"1, ".repeat(3000)})`,
  `(${"(".repeat(3000)}`,
  "(" + "9".repeat(400) + ",)",
];
const words = [
  "True",
  "False",
  "'descr'",
  "'shape'",
  "'fortran_order'",
  "{",
  "}",
  ",",
  ":",
  "'",
  "\n",
  "0",
  "#",
  "\u00e9",
  "\\",
  "(",
  ")",
  " ",
  "__import__('os')",
];

function damageHeader(header: string): string {
  const replace = (what: RegExp, by: string): string => header.replace(what, () => by);
  switch (below(7)) {
    case 0:
      return replace(/'[<>|=][a-zA-Z]\d+'/, pick(descrs));
    case 1:
    case 2:
      return replace(/\([^)]*\)/, pick(shapes));
    case 3:
      return replace(/True|False/, pick(["True", "False", "0", "'False'", "true", "None"]));
    case 4:
      return replace(
        /'(descr|shape|fortran_order)'/,
        pick(["'descr'", "'shape'", "'x'", "1", "''"]),
      );
    case 5: {
      const at = below(header.length + 1);
      return header.slice(0, at) + pick(words) + header.slice(at + below(4));
    }
    default:
      return header.slice(0, below(header.length + 1));
  }
}

function damagedNpy(): Bytes {
  let file = formatNpy(randomArray());
  let { header, data } = split(file);
  if (chance(3)) header = header.replace("<", ">");
  if (chance(3)) header = header.replace("False", "True");
  for (let i = below(3); i > 0; i--) header = damageHeader(header);
  const length = chance(12) ? pick(extremes) : header.length;
  if (chance(16)) data = damageBytes(data);
  file = join(chance(8) ? below(5) : 1 + below(3), header, data, length);
  if (chance(3)) { for (let i = 1 + below(3); i > 0; i--) file = damageBytes(file); }
  return file;
}

/** Fields of a zip archive's records: signature, and [place, bytes] of each. */
const records: readonly [signature: number, fields: readonly (readonly [number, number])[]][] = [
  [0x04034b50, [[4, 2], [6, 2], [8, 2], [14, 4], [18, 4], [22, 4], [26, 2], [28, 2]]],
  [0x02014b50, [[8, 2], [10, 2], [16, 4], [20, 4], [24, 4], [28, 2], [30, 2], [32, 2], [34, 2], [
    42,
    4,
  ]]],
  [0x06054b50, [[4, 2], [6, 2], [8, 2], [10, 2], [12, 4], [16, 4], [20, 2]]],
];

function damageField(bytes: Bytes): Bytes {
  const copy = bytes.slice(), view = new DataView(copy.buffer);
  const [signature, fields] = pick(records), places: number[] = [];
  for (let i = 0; i + 4 <= copy.length; i++) {
    if (view.getUint32(i, true) === signature) places.push(i);
  }
  const [field, size] = pick(fields);
  const at = places.length ? pick(places) + field : copy.length;
  if (at + size > copy.length) return copy;
  const old = size === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
  const value = chance(2) ? old + below(9) - 4 : chance(4) ? random() : pick(extremes);
  if (size === 2) view.setUint16(at, value, true);
  else view.setUint32(at, value, true);
  return copy;
}

function damagedNpz(): Bytes {
  let file: Bytes;
  if (chance(3)) { // sound archives of unsound members
    const members: Zippable = Object.create(null);
    const contents = [damagedNpy, () => new Uint8Array(below(40)), () => formatNpy(randomArray())];
    for (let i = below(4); i >= 0; i--) {
      members[pick(["a.npy", "b.npy", "c", "../d.npy", "__proto__.npy", "dir/", ".npy", "é.npy"])] =
        [
          pick(contents)(),
          { level: chance(2) ? 6 : 0 },
        ];
    }
    if (chance(6)) members["bomb.npy"] = [new Uint8Array(100_000), { level: 9 }];
    file = zipSync(members);
  } else {
    const arrays = Object.fromEntries(
      Array.from({ length: 1 + below(3) }, (_, i) => [pick(["a", "b", `x${i}`]), randomArray()]),
    );
    file = formatNpz(arrays, { compress: chance(2) });
  }
  for (let i = below(5); i > 0; i--) file = chance(3) ? damageBytes(file) : damageField(file);
  return file;
}

// ---- what must hold ------------------------------------------------------------------------------

function checkArray({ dtype, shape, data }: Npy): void {
  const known = dtypes[dtype];
  assert.ok(known && data instanceof known.Host, `${dtype} as ${data.constructor.name}`);
  assert.ok(shape.every((n) => Number.isSafeInteger(n) && n >= 0), `shape ${shape}`);
  const bytes = shape.reduce((product, n) => product * n, known.itemsize);
  assert.equal(data.byteLength, bytes);
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (dtype === "bool") assert.ok(raw.every((byte) => byte <= 1), "bool of 0 and 1");
  const again = parseNpy(formatNpy({ dtype, shape, data }));
  const copy = new Uint8Array(again.data.buffer, again.data.byteOffset, again.data.byteLength);
  assert.deepEqual(again.shape, shape);
  assert.equal(crc32(copy), crc32(raw));
}

/** Reads every input; says how many were refused. */
function fuzz(what: string, make: () => Bytes, read: (bytes: Bytes) => Npy[]): void {
  let refused = 0;
  for (let i = 0; i < count; i++) {
    const before = state, bytes = make();
    try {
      let arrays: Npy[];
      try {
        arrays = read(bytes);
      } catch (error) {
        assert.ok(error instanceof FormatError, `${(error as Error).stack}`);
        assert.match(error.message, /^loadNp[yz]: the file/);
        assert.ok(error.message.length < 1000, "a short message");
        refused++;
        continue;
      }
      const total = arrays.reduce((sum, array) => sum + array.data.byteLength, 0);
      assert.ok(total <= 1032 * bytes.length + 64, `${total} bytes from ${bytes.length}`);
      arrays.forEach(checkArray);
    } catch (error) {
      const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
      const where = `${what} ${i}, state ${before >>> 0}, ${bytes.length} bytes: ${
        text.slice(0, 4000)
      }`;
      throw new Error(`${(error as Error).message}\n${where}`, { cause: error });
    }
  }
  if (isFull) console.log(`${count} ${what} files, ${refused} refused, ${count - refused} read`);
  assert.ok(refused > count / 4 && refused < count, `${refused} of ${count} refused`);
}

test("npy: files broken by chance", () => fuzz(".npy", damagedNpy, (bytes) => [parseNpy(bytes)]));
test("npz: files broken by chance", () => {
  fuzz(".npz", damagedNpz, (bytes) => Object.values(parseNpz(bytes)));
});
