/**
 * The decimal digits of a float, as NumPy prints them: the shortest ones that give the same number
 * again when read in its own dtype, cut off (correctly rounded, ties to even) at a decimal place,
 * or drawn out to one. Exact for every value: the arithmetic is on big integers.
 *
 * The method is Steele and White's and Dragon4's: the value and half its distance to either
 * neighbour are held as fractions of one scale, and digits come off until what is left is smaller
 * than such a half.
 */

/** What printing needs to know of a floating dtype. */
export interface FloatFormat {
  /** Bits of the significand, the hidden one included. */
  readonly bits: number;
  /** Exponent of two of the smallest positive number. */
  readonly least: number;
  /** Decimal digits that always survive, as `numpy.finfo(dtype).precision`. */
  readonly digits: number;
  /** The nearest number of the dtype. */
  readonly round: (x: number) => number;
}

export const floatFormats: Readonly<Record<string, FloatFormat>> = {
  float16: { bits: 11, least: -24, digits: 3, round: Math.f16round },
  bfloat16: { bits: 8, least: -133, digits: 2, round: roundBfloat16 },
  float32: { bits: 24, least: -149, digits: 6, round: Math.fround },
  float64: { bits: 53, least: -1074, digits: 15, round: (x) => x },
};

/**
 * Digits d0 d1 d2 ... stand for d0.d1d2... times 10^exponent; zero is the single digit 0. Zeros at
 * the end may be missing.
 */
export interface Decimal {
  readonly digits: string;
  readonly exponent: number;
}

/** Where to stop: places are exponents of ten, -2 being hundredths. */
export interface Stop {
  /** `leading`: places count from the first digit, which has 0; `point`: from the decimal point. */
  readonly from: "leading" | "point";
  /** No digit beyond this place. */
  readonly last?: number;
  /** Digits up to this place, also where fewer identify the number. */
  readonly until?: number;
}

/** The digits of |x|, x finite and a number of the dtype. */
export function decimal(x: number, format: FloatFormat, stop?: Stop): Decimal {
  x = Math.abs(x);
  if (x === 0) return { digits: "0", exponent: 0 };

  // x = significand * 2^unit, the significand an integer; its neighbours are one unit away, below a
  // power of two half a unit.
  const topBit = floorLog2(x);
  const unit = Math.max(topBit - format.bits + 1, format.least);
  const significand = x / 2 ** unit;
  const isEven = significand % 2 === 0;
  const isNarrowBelow = x === 2 ** topBit && unit > format.least;

  // In quarters of a unit the halves and quarters of it are integers.
  let value = BigInt(significand) << 2n;
  let above = 2n;
  let below = isNarrowBelow ? 1n : 2n;
  let scale = 4n;
  if (unit >= 0) {
    const factor = 1n << BigInt(unit);
    value *= factor;
    above *= factor;
    below *= factor;
  } else {
    scale <<= BigInt(-unit);
  }

  // The first digit's place: log10 is off by at most one, and only near a power of ten.
  let place = Math.floor(Math.log10(x)) + 1;
  while (place > -330 && isBelowPowerOfTen(value, scale, place)) place--;
  const offset = stop?.from === "leading" ? place : 0;
  const last = stop?.last === undefined ? -Infinity : stop.last + offset;
  const until = stop?.until === undefined ? Infinity : stop.until + offset;
  place = Math.max(place, last);
  const power = 10n ** BigInt(Math.abs(place));
  if (place >= 0) {
    scale *= power;
  } else {
    value *= power;
    above *= power;
    below *= power;
  }

  const digits: number[] = [];
  const exponent = place;
  for (;;) {
    const digit = value / scale;
    value -= digit * scale;
    digits.push(Number(digit));
    // A boundary itself is read back as x where x's significand is even.
    const downIsX = isEven ? value <= below : value < below;
    const upIsX = isEven ? value + above >= scale : value + above > scale;
    if (place === last || ((downIsX || upIsX) && place <= until)) {
      const twice = value * 2n;
      const isNearerUp = twice > scale || (twice === scale && digit % 2n === 1n);
      const roundsUp = downIsX === upIsX ? isNearerUp : upIsX;
      return finish(digits, exponent, roundsUp);
    }
    place--;
    value *= 10n;
    above *= 10n;
    below *= 10n;
  }
}

function finish(digits: number[], exponent: number, roundsUp: boolean): Decimal {
  if (roundsUp) {
    while (digits.at(-1) === 9) digits.pop();
    if (digits.length === 0) return { digits: "1", exponent: exponent + 1 };
    digits[digits.length - 1]!++;
  }
  // A cut above the first digit leaves a zero in front, or nothing else.
  if (digits[0] === 0) return { digits: "0", exponent: 0 };
  return { digits: digits.join(""), exponent };
}

/** value / scale < 10^place */
function isBelowPowerOfTen(value: bigint, scale: bigint, place: number): boolean {
  const power = 10n ** BigInt(Math.abs(place));
  return place >= 0 ? value < scale * power : value * power < scale;
}

const view = new DataView(new ArrayBuffer(8));

/** Exponent of two of the highest bit of a positive finite number, subnormal ones included. */
function floorLog2(x: number): number {
  const isSubnormal = x < 2 ** -1022;
  view.setFloat64(0, isSubnormal ? x * 2 ** 60 : x);
  return ((view.getUint32(0) >>> 20) & 0x7ff) - 1023 - (isSubnormal ? 60 : 0);
}

/** Nearest, ties to even, from a number that float32 holds or that is only compared with. */
function roundBfloat16(x: number): number {
  view.setFloat32(0, x);
  const bits = view.getUint32(0);
  if (Number.isNaN(x)) return NaN;
  view.setUint32(0, (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000);
  return view.getFloat32(0);
}
