/**
 * The safetensors format (github.com/huggingface/safetensors): a length of 8 bytes, a JSON header with
 * dtype, shape and place of each tensor, and their bytes, little-endian and row-major, one behind the
 * other. Pure: nothing here knows files or arrays.
 */

import { type DType, dtypes } from "../array/dtype.ts";
import { DTypeError, FormatError } from "../errors.ts";

const codes: Readonly<Record<string, DType>> = {
  BOOL: "bool",
  I8: "int8",
  U8: "uint8",
  I16: "int16",
  U16: "uint16",
  I32: "int32",
  U32: "uint32",
  I64: "int64",
  U64: "uint64",
  F16: "float16",
  BF16: "bfloat16",
  F32: "float32",
  F64: "float64",
};
const names = new Map(Object.entries(codes).map(([code, dtype]) => [dtype, code]));

/** Bytes before the header, and the most that a header may have, as the format's own library holds it. */
export const PREFIX = 8;
const MOST = 100_000_000;

/** A tensor of a file: its elements are the bytes from `start` to `end` after the header. */
export interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

type Fail = (text: string) => never;

function failing(op: string, source: string): Fail {
  return (text) => {
    throw new FormatError(`${op}: ${source} ${text}`, { op });
  };
}

/** The header's length, from the file's first 8 bytes and its size. */
export function headerLength(
  prefix: Uint8Array,
  fileSize: number,
  source: string,
  op = "loadSafetensors",
): number {
  const fail = failing(op, source);
  if (prefix.length < PREFIX) {
    fail("is truncated: it has not even the 8 bytes of its header's length");
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MOST)) {
    fail(`is no safetensors file: its header would have ${length} bytes, at most ${MOST} may be`);
  }
  if (Number(length) + PREFIX > fileSize) {
    fail(`is truncated: its header has ${length} bytes, the file ${fileSize}`);
  }
  return Number(length);
}

/** The tensors that a header names, in the order of their bytes, of which there are `size`. */
export function parseHeader(
  bytes: Uint8Array,
  size: number,
  source: string,
  op = "loadSafetensors",
): Entry[] {
  const fail = failing(op, source);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    fail(`has a damaged header: ${(error as Error).message}`);
  }
  if (bytes[0] !== 0x7b || !isRecord(header)) return fail("has a header that is no JSON object");
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") {
      const isText = isRecord(value) && Object.values(value).every((x) => typeof x === "string");
      if (!isText) fail("has metadata that are not texts by name");
    } else entries.push(parseEntry(name, value, fail));
  }
  entries.sort((a, b) => a.start - b.start || a.end - b.end);
  let at = 0;
  for (const { name, start, end } of entries) {
    if (start !== at) {
      fail(`is damaged: tensor ${JSON.stringify(name)} begins at byte ${start} instead of ${at}`);
    }
    at = end;
  }
  if (at !== size) fail(`is damaged: its tensors have ${at} bytes, the file holds ${size}`);
  return entries;
}

function isRecord(x: unknown): x is Record<string, unknown> {
  return typeof x === "object" && x !== null && !Array.isArray(x);
}

function parseEntry(name: string, value: unknown, fail: Fail): Entry {
  const quoted = JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}...` : name);
  const { dtype: code, shape, data_offsets: offsets } = isRecord(value) ? value : {};
  const isCounts = (x: unknown): x is number[] =>
    Array.isArray(x) && x.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (typeof code !== "string" || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
    return fail(`is damaged: tensor ${quoted} lacks a valid dtype, shape and data_offsets`);
  }
  const dtype = Object.hasOwn(codes, code) ? codes[code]! : undefined;
  if (dtype === undefined) {
    const known = Object.keys(codes).join(", ");
    return fail(`holds tensor ${quoted} of dtype ${code.slice(0, 40)}; gpukit reads ${known}`);
  }
  if (shape.length > 8) {
    fail(`holds tensor ${quoted} of ${shape.length} axes; at most 8 are possible`);
  }
  const [start, end] = offsets as [number, number];
  const expected = shape.reduce((product, n) => product * n, dtypes[dtype].itemsize);
  if (!Number.isSafeInteger(expected) || end - start !== expected) {
    fail(`is damaged: tensor ${quoted}, ${code} [${shape.join(", ")}], has ${end - start} bytes`);
  }
  return { name, dtype, shape, start, end };
}

/** A tensor to be written. */
export interface Tensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/**
 * The beginning of a file, up to the first tensor's bytes, which follow in this order. The header ends at
 * a multiple of 8 bytes, so that elements are aligned.
 */
export function formatHeader(
  tensors: readonly Tensor[],
  metadata: Readonly<Record<string, string>> | undefined,
  op = "saveSafetensors",
): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = Object.create(null);
  if (metadata !== undefined) header["__metadata__"] = metadata;
  let at = 0;
  for (const { name, dtype, shape } of tensors) {
    const code = names.get(dtype);
    if (code === undefined) {
      throw new DTypeError(`${op}: safetensors have no dtype ${dtype}, that of ${name}`, { op });
    }
    if (name === "__metadata__") {
      throw new FormatError(`${op}: no tensor may be called __metadata__`, { op });
    }
    const bytes = shape.reduce((product, n) => product * n, dtypes[dtype].itemsize);
    header[name] = { dtype: code, shape, data_offsets: [at, at += bytes] };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(PREFIX + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, PREFIX);
  return bytes;
}
