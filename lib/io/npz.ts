/**
 * The .npz format: a zip archive with one .npy file for each name. Pure as npy.ts is, and the only
 * file that loads the zip library.
 */

import { crc32 } from "node:zlib";
import { unzipSync, type Zippable, zipSync } from "fflate";
import { FormatError, UnsupportedError } from "../errors.ts";
import { formatNpy, type Npy, parseNpy } from "./npy.ts";

const extension = ".npy";

/**
 * Reads a .npz file's bytes into a record by name; checksums are verified. `source` is what messages
 * call the file, `op` the function in whose name they speak.
 */
export function parseNpz(
  bytes: Uint8Array<ArrayBuffer>,
  source = "the file",
  op = "loadNpz",
): Record<string, Npy> {
  const fail: Fail = (text) => {
    throw new FormatError(`${op}: ${source} ${text}`, { op });
  };
  return Object.fromEntries(
    unzip(bytes, fail).map(([name, content]) => {
      if (!name.endsWith(extension)) fail(`holds ${JSON.stringify(name)}, which is no .npy file`);
      const key = name.slice(0, -extension.length);
      return [key, parseNpy(content, `${source}, array ${JSON.stringify(key)},`, op)];
    }),
  );
}

/** The bytes of a .npz file, stored as they are or compressed. */
export function formatNpz(
  arrays: Readonly<Record<string, Npy>>,
  options: { readonly compress?: boolean | undefined } = {},
  op = "saveNpz",
): Uint8Array<ArrayBuffer> {
  const level = options.compress ? 6 : 0;
  // A fixed time, so that the same arrays give the same file.
  const mtime = new Date(1980, 0, 1);
  const files: Zippable = Object.create(null);
  let total = 0;
  for (const [name, npy] of Object.entries(arrays)) {
    const content = formatNpy(npy, op);
    total += content.length;
    files[name + extension] = [content, { level, mtime }];
  }
  if (total > 0xfff00000) {
    throw new UnsupportedError(`${op}: ${total} bytes are more than a .npz file can hold (4 GiB)`, {
      op,
    });
  }
  return zipSync(files);
}

type Fail = (text: string) => never;
type Member = [name: string, content: Uint8Array<ArrayBuffer>];

function unzip(bytes: Uint8Array<ArrayBuffer>, fail: Fail): Member[] {
  const checksums = readChecksums(bytes, fail);
  const names: string[] = [];
  let files: Record<string, Uint8Array<ArrayBuffer>>;
  try {
    files = unzipSync(bytes, {
      filter: ({ name, size, originalSize }) => {
        // Deflate reaches 1032:1. A larger claim is damage, not to be answered with an allocation.
        const isClaimPossible = size <= bytes.length && originalSize <= size * 1032 + 64;
        if (!isClaimPossible) fail(`is damaged: ${JSON.stringify(name)} claims an impossible size`);
        if (names.includes(name)) fail(`is damaged: ${JSON.stringify(name)} is there twice`);
        names.push(name);
        return true;
      },
    });
  } catch (error) {
    if (error instanceof FormatError) throw error;
    return fail(`is damaged: ${(error as Error).message}`);
  }
  return names.map((name, i): Member => {
    const content = files[name]!;
    if (crc32(content) !== checksums[i]) {
      fail(`is damaged: the checksum of ${JSON.stringify(name)} differs`);
    }
    return [name, content];
  });
}

const endOfDirectory = 0x06054b50;
const directoryEntry = 0x02014b50;

/** The CRC-32 of every member in the directory's order, which the library leaves out. */
function readChecksums(bytes: Uint8Array, fail: Fail): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  const earliest = Math.max(0, end - 0xffff); // The archive's comment may follow it.
  while (end >= earliest && view.getUint32(end, true) !== endOfDirectory) end--;
  if (end < earliest) fail("is not a .npz file: it has no directory of a zip archive");

  const count = view.getUint16(end + 10, true);
  let place = view.getUint32(end + 16, true);
  if (count === 0xffff || place === 0xffffffff) {
    fail("is a zip64 archive (of 4 GiB or 65,535 arrays and more), which gpukit does not read");
  }
  const checksums: number[] = [];
  while (place + 46 <= end && view.getUint32(place, true) === directoryEntry) {
    checksums.push(view.getUint32(place + 16, true));
    const lengths = [28, 30, 32].map((field) => view.getUint16(place + field, true));
    place += 46 + lengths[0]! + lengths[1]! + lengths[2]!;
  }
  // The library goes by the count of entries on this disk.
  const isWhole = place === end && checksums.length === count &&
    view.getUint16(end + 8, true) === count;
  if (!isWhole) fail("is damaged: its directory is inconsistent");
  return checksums;
}
