// All errors of gpukit. Each says in `code` what went wrong, in `op` where, and in `operands` what
// came in; the message adds what would be right.

/** An array as an error saw it. */
export interface OperandInfo {
  /** Its shape. */
  readonly shape: readonly number[];
  /** Its dtype. */
  readonly dtype: string;
}

/** What an error carries besides its message. */
export interface ErrorDetails {
  /** The op or function that failed. */
  readonly op?: string | undefined;
  /** The operands, where known. */
  readonly operands?: readonly OperandInfo[] | undefined;
  /** The error behind this one. */
  readonly cause?: unknown;
}

/** The base of all errors of gpukit; by itself: a value or kind of argument that no call accepts. */
export class GpukitError extends Error {
  static {
    this.prototype.name = "GpukitError";
  }
  /** What went wrong, as a fixed word such as "SHAPE". */
  readonly code: string;
  /** The op or function that failed, as it is called in TypeScript. */
  readonly op: string | undefined;
  /** Shapes and dtypes of the operands, where known. */
  readonly operands: readonly OperandInfo[] | undefined;
  /** Made by the library. */
  constructor(message: string, details?: ErrorDetails, code = "ARGUMENT") {
    super(message, details?.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.op = details?.op;
    this.operands = details?.operands;
  }
}

/** A constructor of an error of gpukit from message and details. */
export type ErrorClass = new (message: string, details?: ErrorDetails) => GpukitError;

/** Shapes, axes or sizes that do not fit. */
export class ShapeError extends GpukitError {
  static {
    this.prototype.name = "ShapeError";
  }
  /** Made by the library. */
  constructor(message: string, details?: ErrorDetails) {
    super(message, details, "SHAPE");
  }
}

/** A dtype that an op does not take, or a number that the operand's dtype cannot hold. */
export class DTypeError extends GpukitError {
  static {
    this.prototype.name = "DTypeError";
  }
  /** Made by the library. */
  constructor(message: string, details?: ErrorDetails) {
    super(message, details, "DTYPE");
  }
}

/** An index outside its axis. */
export class IndexError extends GpukitError {
  static {
    this.prototype.name = "IndexError";
  }
  /** Made by the library. */
  constructor(message: string, details?: ErrorDetails) {
    super(message, details, "INDEX");
  }
}

/** An array, stream, event or graph used after its end. */
export class DisposedError extends GpukitError {
  static {
    this.prototype.name = "DisposedError";
  }
  /** Made by the library. */
  constructor(message: string, details?: ErrorDetails) {
    super(message, details, "DISPOSED");
  }
}

/** A device that is not there, or operands on different devices. */
export class DeviceError extends GpukitError {
  static {
    this.prototype.name = "DeviceError";
  }
  /** Made by the library. */
  constructor(message: string, details?: ErrorDetails) {
    super(message, details, "DEVICE");
  }
}

/** A device that failed for good; the message names the first cause. */
export class DeviceLostError extends GpukitError {
  static {
    this.prototype.name = "DeviceLostError";
  }
  /** Made by the library. */
  constructor(message: string, details?: ErrorDetails) {
    super(message, details, "DEVICE_LOST");
  }
}

/** The device's memory, its budget or the table of arrays is full. */
export class OutOfMemoryError extends GpukitError {
  static {
    this.prototype.name = "OutOfMemoryError";
  }
  /** Made by the library. */
  constructor(message: string, details?: ErrorDetails) {
    super(message, details, "OUT_OF_MEMORY");
  }
}

/** Something that this device, build or place (such as a graph) does not offer. */
export class UnsupportedError extends GpukitError {
  static {
    this.prototype.name = "UnsupportedError";
  }
  /** Made by the library. */
  constructor(message: string, details?: ErrorDetails) {
    super(message, details, "UNSUPPORTED");
  }
}

/** The native library cannot be loaded; the message says what to do. */
export class LoadError extends GpukitError {
  static {
    this.prototype.name = "LoadError";
  }
  /** Made by the library. */
  constructor(message: string, details?: ErrorDetails) {
    super(message, details, "LOAD");
  }
}

/** A file whose contents are not what its format demands. */
export class FormatError extends GpukitError {
  static {
    this.prototype.name = "FormatError";
  }
  /** Made by the library. */
  constructor(message: string, details?: ErrorDetails) {
    super(message, details, "FORMAT");
  }
}

/** Work that an AbortSignal ended. */
export class AbortError extends GpukitError {
  static {
    this.prototype.name = "AbortError";
  }
  /** Made by the library. */
  constructor(message: string, details?: ErrorDetails) {
    super(message, details, "ABORT");
  }
}

/** A place in a source. */
export interface SourcePlace {
  /** The line, from 1. */
  readonly line: number;
  /** The column, from 1, where the compiler says it. */
  readonly column: number | undefined;
}

/** A user's kernel that does not compile. */
export class KernelCompileError extends GpukitError {
  static {
    this.prototype.name = "KernelCompileError";
  }
  /** The compiler's output. */
  readonly log: string;
  /** The line of the source, from 1, that the first error of the log names; if it names one. */
  readonly line: number | undefined;
  /** The column in that line, from 1. */
  readonly column: number | undefined;
  /** Made by the library. */
  constructor(message: string, log: string, details?: ErrorDetails, place?: SourcePlace) {
    super(message, details, "KERNEL_COMPILE");
    this.log = log;
    this.line = place?.line;
    this.column = place?.column;
  }
}
