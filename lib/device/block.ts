// The isolate's block: 8 KiB that C and TypeScript share during a call. The first half is input; the
// second is gk_block_output of csrc/gpukit.h, whose places the constants below name
// (tests/abi/block.test.ts compares them with the header). Also the errors that C leaves there.

import { type Library, type Native, NativeLoadError, openLibrary } from "../../bindings/native.ts";
import {
  DeviceError,
  DeviceLostError,
  DisposedError,
  DTypeError,
  type ErrorClass,
  GpukitError,
  IndexError,
  LoadError,
  type OperandInfo,
  OutOfMemoryError,
  ShapeError,
  UnsupportedError,
} from "../errors.ts";

const BLOCK_BYTES = 8192;

/** Places in the output half: in `i32` up to STREAM, in `f64` from SIZE on, TEXT in `bytes`. */
export const STATUS = 1024;
export const DTYPE = 1025;
export const NDIM = 1026;
export const FLAGS = 1027;
export const DEVICE = 1028;
export const STREAM = 1029;
export const TEXT_BYTES = 1030;
export const SIZE = 516;
export const BYTES = 517;
export const SHAPE = 518;
export const STRIDES = 526;
export const VALUES = 534;
export const TEXT = 4528;

/** Bits of FLAGS. */
export const CONTIGUOUS = 1;
export const COMPUTED = 2;

/** Places in the input half for gk_submit: operands and outputs in `u32`, parameters in `f64`. */
export const INPUTS = 0;
export const OUTPUTS = 16;
export const PARAMS = 16;

/** The most axes an array has. */
export const MAX_DIMS = 8;

const library: Library = load();
/** The C functions. */
export const native: Native = library.native;
/** Resolves when finished tickets may be drained. */
export const waitForTickets: Library["waitForTickets"] = library.waitForTickets;

const block = new ArrayBuffer(BLOCK_BYTES);
/** The block, seen four ways. */
export const u32: Uint32Array<ArrayBuffer> = new Uint32Array(block);
export const i32: Int32Array<ArrayBuffer> = new Int32Array(block);
export const f64: Float64Array<ArrayBuffer> = new Float64Array(block);
export const bytes: Uint8Array<ArrayBuffer> = new Uint8Array(block);

/** The isolate's root context. */
export const rootId: number = native.gk_isolate_attach(bytes, BLOCK_BYTES);
if (rootId === 0) throw new LoadError("the native library has no memory left for this isolate");

function load(): Library {
  try {
    return openLibrary();
  } catch (error) {
    if (!(error instanceof NativeLoadError)) throw error;
    throw new LoadError(error.message, { cause: error.cause });
  }
}

const decoder = new TextDecoder();

/** The text that the last call left. */
export function text(): string {
  return decoder.decode(bytes.subarray(TEXT, TEXT + i32[TEXT_BYTES]!));
}

const LOST = 7;
// By gk_status.
const classes: readonly ErrorClass[] = [
  GpukitError,
  GpukitError,
  ShapeError,
  DTypeError,
  IndexError,
  DisposedError,
  DeviceError,
  DeviceLostError,
  OutOfMemoryError,
  UnsupportedError,
];

let lostListener: ((device: number, error: GpukitError) => void) | undefined;

/** Calls `listener` with every error that says that a device is lost. */
export function onDeviceLost(listener: (device: number, error: GpukitError) => void): void {
  lostListener = listener;
}

/** The error that the last failed call left in the block; `operands` is asked for after that. */
export function lastError(op?: string, operands?: () => readonly OperandInfo[]): GpukitError {
  const status = i32[STATUS]!;
  const device = i32[DEVICE]!;
  const message = text();
  const error = new (classes[status] ?? GpukitError)(message, { op, operands: operands?.() });
  if (status === LOST) lostListener?.(device, error);
  return error;
}

/** Throws the last error where `status` is not 0. */
export function check(status: number, op: string): void {
  if (status !== 0) throw lastError(op);
}
