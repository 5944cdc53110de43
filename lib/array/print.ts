/**
 * Arrays as text, as NumPy 2's `str(array)` prints them: common widths and digits, exponents where
 * the magnitudes ask for them, long arrays summarised by their edges, long lines folded. A large
 * array is never read whole: only the boxes at its corners are asked for.
 */

import { GpukitError } from "../errors.ts";
import { decimal, type FloatFormat, floatFormats } from "./decimal.ts";
import { fromBfloat16 } from "./dtype.ts";

/** How arrays are printed; the names are NumPy's. */
export interface PrintOptions {
  /** Most digits after the point of a float; fewer where fewer identify the number. Default 8. */
  readonly precision: number;
  /** Arrays of more elements than this are summarised. Default 1000. */
  readonly threshold: number;
  /** Elements shown at either end of a summarised axis. Default 3. */
  readonly edgeItems: number;
  /** Characters in a line before it is folded. Default 75. */
  readonly lineWidth: number;
  /** Prints small numbers as 0 in favour of no exponents. Default false. */
  readonly suppress: boolean;
}

/** Row-major elements; complex64: interleaved parts; bfloat16: numbers, or bits in a Uint16Array. */
export type Elements = ArrayLike<number | bigint>;

/** Reads the elements from `start` up to `stop` (one of each per axis) in row-major order. */
export type ReadBox = (start: readonly number[], stop: readonly number[]) => Elements;

let defaults: PrintOptions = {
  precision: 8,
  threshold: 1000,
  edgeItems: 3,
  lineWidth: 75,
  suppress: false,
};

/** The options with which arrays are printed. */
export function getPrintOptions(): PrintOptions {
  return { ...defaults };
}

/** Changes the options given, for all arrays printed from now on. */
export function setPrintOptions(options: Partial<PrintOptions>): void {
  defaults = withDefaults(options, "setPrintOptions");
}

/**
 * The text of an array. The elements come all at once, or by a function that reads a box of them:
 * once for a whole array, or once for each corner of a summarised one.
 */
export function formatArray(
  elements: Elements | ReadBox,
  shape: readonly number[],
  dtype: string,
  options: Partial<PrintOptions> = {},
): string {
  const complete = withDefaults(options, "formatArray");
  const size = shape.reduce((product, n) => product * n, 1);
  const parts = dtype === "complex64" ? 2 : 1;
  const source = typeof elements === "function" ? elements : boxReader(elements, shape, parts);
  const read: ReadBox = (start, stop) => toValues(source(start, stop), dtype);
  if (shape.length === 0) return formatScalar(read([], []), dtype);
  if (size === 0) return "[]";

  const { threshold, edgeItems } = complete;
  const isCut = shape.map((n) => size > threshold && n > 2 * edgeItems);
  const visible = shape.map((n, axis) => (isCut[axis] ? 2 * edgeItems : n));
  const values = readVisible(read, shape, visible, isCut, parts);
  return layOut(formatterOf(dtype)(values, complete), visible, isCut, complete);
}

function withDefaults(options: Partial<PrintOptions>, op: string): PrintOptions {
  const all = { ...defaults, ...options };
  const least: [keyof PrintOptions, number][] = [
    ["precision", 0],
    ["threshold", 0],
    ["edgeItems", 1],
    ["lineWidth", 1],
  ];
  for (const [name, minimum] of least) {
    const value = all[name];
    const isUnbounded = value === Infinity && (name === "threshold" || name === "lineWidth");
    if (!isUnbounded && !(Number.isSafeInteger(value) && Number(value) >= minimum)) {
      const text = `${op}: ${name} must be an integer of ${minimum} or more, not ${value}`;
      throw new GpukitError(text, { op });
    }
  }
  return all;
}

// ---- reading ------------------------------------------------------------------------------------

/** Reads boxes out of elements that are all at hand. */
function boxReader(elements: Elements, shape: readonly number[], parts: number): ReadBox {
  return (start, stop) => {
    const out: (number | bigint)[] = [];
    const walk = (axis: number, offset: number): void => {
      if (axis === shape.length) {
        for (let part = 0; part < parts; part++) out.push(elements[offset * parts + part]!);
        return;
      }
      for (let i = start[axis]!; i < stop[axis]!; i++) walk(axis + 1, offset * shape[axis]! + i);
    };
    walk(0, 0);
    // A Uint16Array says that bfloat16 comes as bits.
    return elements instanceof Uint16Array ? Uint16Array.from(out as number[]) : out;
  };
}

/** The elements that will be seen, as one row-major array of shape `visible`. */
function readVisible(
  read: ReadBox,
  shape: readonly number[],
  visible: readonly number[],
  isCut: readonly boolean[],
  parts: number,
): Elements {
  if (!isCut.includes(true)) return read(shape.map(() => 0), shape);
  const out: (number | bigint)[] = new Array(visible.reduce((n, length) => n * length, parts));
  const start: number[] = [];
  const stop: number[] = [];
  const target: number[] = [];

  const readCorners = (axis: number): void => {
    if (axis === shape.length) {
      scatter(out, visible, target, read([...start], [...stop]), start, stop, parts);
      return;
    }
    const n = shape[axis]!;
    const half = visible[axis]! / 2;
    const pieces = isCut[axis] ? [[0, half, 0], [n - half, n, half]] : [[0, n, 0]];
    for (const piece of pieces) {
      [start[axis], stop[axis], target[axis]] = piece as [number, number, number];
      readCorners(axis + 1);
    }
  };
  readCorners(0);
  return out;
}

/** Puts a box into a larger array, its first element at the index `target`. */
function scatter(
  out: (number | bigint)[],
  shape: readonly number[],
  target: readonly number[],
  box: Elements,
  start: readonly number[],
  stop: readonly number[],
  parts: number,
): void {
  let next = 0;
  const walk = (axis: number, offset: number): void => {
    if (axis === shape.length) {
      for (let part = 0; part < parts; part++) out[offset * parts + part] = box[next++]!;
      return;
    }
    const n = stop[axis]! - start[axis]!;
    for (let i = 0; i < n; i++) walk(axis + 1, offset * shape[axis]! + target[axis]! + i);
  };
  walk(0, 0);
}

/** Floats rounded to what their dtype holds, so that 0.1 means the float32 nearest to it. */
function toValues(elements: Elements, dtype: string): Elements {
  const format = floatFormats[dtype === "complex64" ? "float32" : dtype];
  if (!format) return elements;
  if (dtype === "bfloat16" && elements instanceof Uint16Array) {
    return Array.from(elements, fromBfloat16);
  }
  return Array.from(elements, (value) => format.round(Number(value)));
}

// ---- one element to text ------------------------------------------------------------------------

/** All elements' texts, of common width as far as NumPy pads them. */
type Formatter = (values: Elements, options: PrintOptions) => string[];

function formatterOf(dtype: string): Formatter {
  if (dtype === "bool") return (values) => Array.from(values, (v) => (v ? " True" : "False"));
  if (dtype === "complex64") return formatComplex;
  const format = floatFormats[dtype];
  if (format) return (values, options) => formatFloats(values, format, options, "");
  return formatIntegers;
}

function formatIntegers(values: Elements): string[] {
  return padStart(Array.from(values, String));
}

function formatComplex(values: Elements, options: PrintOptions): string[] {
  const format = floatFormats.float32!;
  const all = Array.from(values);
  const real = formatFloats(all.filter((_, i) => i % 2 === 0), format, options, "");
  const imaginary = formatFloats(all.filter((_, i) => i % 2 === 1), format, options, "+");
  // The j comes before the spaces that stand for digits left out.
  return real.map((text, i) => text + imaginary[i]!.replace(/( *)$/, "j$1"));
}

/** `plus` is "+" where positive numbers carry their sign. */
function formatFloats(
  values: Elements,
  format: FloatFormat,
  options: PrintOptions,
  plus: "" | "+",
): string[] {
  const all = Array.from(values, Number);
  const finite = all.filter(Number.isFinite);
  const signOf = (x: number): string => (x < 0 || Object.is(x, -0) ? "-" : plus);
  const nonFinite = (x: number): string =>
    Number.isNaN(x) ? `${plus}nan` : `${x < 0 ? "-" : plus}inf`;

  const needsExponent = wantsExponent(finite, format, options);
  const texts = needsExponent
    ? scientific(finite, format, options.precision, signOf)
    : positional(finite, format, options.precision, signOf);

  // The widest part before the point and after it; a number that is not finite fills both.
  const left = largest(texts.map((text) => text.indexOf(".")));
  const right = largest(texts.map((text) => text.length - text.indexOf(".") - 1));
  const others = all.filter((x) => !Number.isFinite(x)).map(nonFinite);
  // NumPy keeps room for a minus before any inf where signs are shown.
  const room = others.length > 0 && plus ? 4 : 0;
  const width = Math.max(left + right + 1, room, largest(others.map((text) => text.length)));
  let next = 0;
  return all.map((x) => {
    if (!Number.isFinite(x)) return nonFinite(x).padStart(width);
    const text = texts[next++]!;
    const afterPoint = text.length - text.indexOf(".") - 1;
    return (text + " ".repeat(right - afterPoint)).padStart(width);
  });
}

/** Whether the magnitudes are so large, so small or so far apart that NumPy uses exponents. */
function wantsExponent(
  finite: readonly number[],
  format: FloatFormat,
  options: PrintOptions,
): boolean {
  let most = 0;
  let least = Infinity;
  for (const x of finite) {
    const magnitude = Math.abs(x);
    if (magnitude > most) most = magnitude;
    if (magnitude > 0 && magnitude < least) least = magnitude;
  }
  if (most === 0) return false;
  if (most >= 10 ** Math.min(8, format.digits)) return true;
  // NumPy compares within the dtype: float32's own 0.0001 is not below 0.0001.
  const isSmall = least < format.round(0.0001);
  return !options.suppress && (isSmall || format.round(most / least) > 1000);
}

/** Numbers with a point and no exponent, such as 1.5 and 2. and -0.25. */
function positional(
  finite: readonly number[],
  format: FloatFormat,
  precision: number,
  signOf: (x: number) => string,
): string[] {
  return finite.map((x) => {
    const { digits, exponent } = decimal(x, format, { from: "point", last: -precision });
    return signOf(x) + placePoint(digits, exponent);
  });
}

/** Numbers as 1.50e+10, all with as many digits as the longest one needs, drawn out exactly. */
function scientific(
  finite: readonly number[],
  format: FloatFormat,
  precision: number,
  signOf: (x: number) => string,
): string[] {
  const needed = finite.map((x) => {
    const { digits, exponent } = decimal(x, format, { from: "leading", last: -precision });
    return {
      fraction: trimZeros(digits.slice(1)).length,
      exponent: exponentText(exponent).length,
    };
  });
  const fraction = largest(needed.map((each) => each.fraction));
  const exponentWidth = largest(needed.map((each) => each.exponent)) - 1;
  return finite.map((x) => {
    const stop = { from: "leading", last: -fraction, until: -fraction } as const;
    const { digits, exponent } = decimal(x, format, stop);
    const mantissa = `${digits[0]}.${digits.slice(1).padEnd(fraction, "0").slice(0, fraction)}`;
    return `${signOf(x)}${mantissa}e${exponentText(exponent, exponentWidth)}`;
  });
}

/** Decimal digits with their point: "125" and 1 give "12.5"; at least one digit before it. */
function placePoint(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${trimZeros("0".repeat(-exponent - 1) + digits)}`;
  const padded = digits.padEnd(exponent + 1, "0");
  return `${padded.slice(0, exponent + 1)}.${trimZeros(padded.slice(exponent + 1))}`;
}

function exponentText(exponent: number, width = 2): string {
  return (exponent < 0 ? "-" : "+") + String(Math.abs(exponent)).padStart(width, "0");
}

function trimZeros(fraction: string): string {
  return fraction.replace(/0+$/, "");
}

function largest(lengths: readonly number[]): number {
  return lengths.reduce((most, length) => Math.max(most, length), 0);
}

function padStart(texts: string[]): string[] {
  const width = largest(texts.map((text) => text.length));
  return texts.map((text) => text.padStart(width));
}

// ---- an array without axes ----------------------------------------------------------------------

/** NumPy prints these as its scalars: all digits, another rule for exponents, no padding. */
function formatScalar(values: Elements, dtype: string): string {
  const [first, second] = [values[0]!, values[1]];
  if (dtype === "bool") return first ? "True" : "False";
  if (dtype === "complex64") return complexScalar(Number(first), Number(second));
  const format = floatFormats[dtype];
  return format ? floatScalar(Number(first), format, ".0") : String(first);
}

/** `bare` is what stands for a missing fraction. */
function floatScalar(x: number, format: FloatFormat, bare: "" | ".0"): string {
  const sign = x < 0 || Object.is(x, -0) ? "-" : "";
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return `${sign}inf`;
  const { digits, exponent } = decimal(x, format);
  const magnitude = Math.abs(x);
  const most = 10 ** (format.digits === 15 ? 16 : format.digits);
  if (magnitude === 0 || (magnitude >= 1e-4 && magnitude < most)) {
    return sign + placePoint(digits, exponent).replace(/\.$/, bare);
  }
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
  return `${sign}${digits[0]}${fraction}e${exponentText(exponent)}`;
}

function complexScalar(real: number, imaginary: number): string {
  const format = floatFormats.float32!;
  const right = `${floatScalar(imaginary, format, "")}j`;
  if (Object.is(real, 0)) return right;
  const plus = right.startsWith("-") ? "" : "+";
  return `(${floatScalar(real, format, "")}${plus}${right})`;
}

// ---- the layout ---------------------------------------------------------------------------------

/** Brackets, line breaks and dots around the elements' texts. */
function layOut(
  texts: readonly string[],
  visible: readonly number[],
  isCut: readonly boolean[],
  options: PrintOptions,
): string {
  const dots = "...";
  let next = 0;

  const row = (indent: string, width: number): string => {
    const words = texts.slice(next, next += visible.at(-1)!);
    if (isCut.at(-1)) words.splice(options.edgeItems, 0, dots);
    const lines: string[] = [];
    let line = indent;
    for (const word of words) {
      // A word that does not even fit on a line of its own stays where it is.
      if (line.length + word.length > width && line.length > indent.length) {
        lines.push(line.trimEnd());
        line = indent;
      }
      line += `${word} `;
    }
    lines.push(line.slice(0, -1));
    return lines.join("\n");
  };

  const block = (axis: number, indent: string, width: number): string => {
    const axesLeft = visible.length - axis;
    const inner = width - 1; // For the closing bracket.
    if (axesLeft === 1) return `[${row(indent, inner).slice(indent.length)}]`;
    const blocks: string[] = [];
    for (let i = 0; i < visible[axis]!; i++) {
      if (isCut[axis] && i === options.edgeItems) blocks.push(indent + dots);
      blocks.push(indent + block(axis + 1, `${indent} `, inner));
    }
    return `[${blocks.join("\n".repeat(axesLeft - 1)).slice(indent.length)}]`;
  };

  return block(0, " ", options.lineWidth);
}
