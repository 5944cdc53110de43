// Element types: names, codes as in csrc/core/dtypes.def, host arrays, and promotion as types.

/** The element types. */
export type DType = keyof HostArrays;

/** The typed array that holds elements of each dtype on the host. */
export interface HostArrays {
  /** 0 or 1. */
  bool: Uint8Array<ArrayBuffer>;
  /** 8 bits with sign. */
  int8: Int8Array<ArrayBuffer>;
  /** 8 bits without sign. */
  uint8: Uint8Array<ArrayBuffer>;
  /** 16 bits with sign. */
  int16: Int16Array<ArrayBuffer>;
  /** 16 bits without sign. */
  uint16: Uint16Array<ArrayBuffer>;
  /** 32 bits with sign. */
  int32: Int32Array<ArrayBuffer>;
  /** 32 bits without sign. */
  uint32: Uint32Array<ArrayBuffer>;
  /** 64 bits with sign. */
  int64: BigInt64Array<ArrayBuffer>;
  /** 64 bits without sign. */
  uint64: BigUint64Array<ArrayBuffer>;
  /** IEEE half precision: 11 bits of precision. */
  float16: Float16Array<ArrayBuffer>;
  /** The bits. */
  bfloat16: Uint16Array<ArrayBuffer>;
  /** IEEE single precision: 24 bits of precision. */
  float32: Float32Array<ArrayBuffer>;
  /** IEEE double precision: 53 bits of precision. */
  float64: Float64Array<ArrayBuffer>;
  /** Real and imaginary parts in turn. */
  complex64: Float32Array<ArrayBuffer>;
}

/** The host form of a dtype. */
export type HostArray<D extends DType = DType> = HostArrays[D];

/** A complex number. */
export interface Complex {
  /** The real part. */
  readonly re: number;
  /** The imaginary part. */
  readonly im: number;
}

/** One element as JavaScript sees it in `item()` and `array()`. */
export type Item<D extends DType = DType> = D extends "bool" ? boolean
  : D extends "complex64" ? Complex
  : number;

/** Elements in lists as deep as the array has axes; the element itself where it has none. */
export type Nested<T> = T | Nested<T>[];

interface HostArrayConstructor {
  new (length: number): HostArray;
  readonly name: string;
}

interface DTypeInfo {
  /** As C numbers it. */
  readonly code: number;
  readonly itemsize: number;
  readonly Host: HostArrayConstructor;
}

/** What is known of each dtype; insertion order is that of the codes. */
export const dtypes: Readonly<Record<DType, DTypeInfo>> = {
  bool: { code: 1, itemsize: 1, Host: Uint8Array },
  int8: { code: 2, itemsize: 1, Host: Int8Array },
  uint8: { code: 3, itemsize: 1, Host: Uint8Array },
  int16: { code: 4, itemsize: 2, Host: Int16Array },
  uint16: { code: 5, itemsize: 2, Host: Uint16Array },
  int32: { code: 6, itemsize: 4, Host: Int32Array },
  uint32: { code: 7, itemsize: 4, Host: Uint32Array },
  int64: { code: 8, itemsize: 8, Host: BigInt64Array },
  uint64: { code: 9, itemsize: 8, Host: BigUint64Array },
  float16: { code: 10, itemsize: 2, Host: Float16Array },
  bfloat16: { code: 11, itemsize: 2, Host: Uint16Array },
  float32: { code: 12, itemsize: 4, Host: Float32Array },
  float64: { code: 13, itemsize: 8, Host: Float64Array },
  complex64: { code: 14, itemsize: 8, Host: Float32Array },
};

/** The dtypes by code; 0 stands for none. */
export const dtypeNames: readonly (DType | undefined)[] = [
  undefined,
  ...(Object.keys(dtypes) as DType[]),
];

/** A number of bfloat16 from its bits. */
export function fromBfloat16(bits: number): number {
  scratch[0] = bits << 16;
  return scratchFloat[0]!;
}
const scratch = new Int32Array(1);
const scratchFloat = new Float32Array(scratch.buffer);

// ---- promotion

type Signed = "int8" | "int16" | "int32" | "int64";
type Unsigned = "uint8" | "uint16" | "uint32" | "uint64";
type Integer = Signed | Unsigned;
type Float = "float16" | "bfloat16" | "float32" | "float64";

// By width, narrow to wide: what a signed and an unsigned integer have in common.
interface Mixed {
  int8: { uint8: "int16"; uint16: "int32"; uint32: "int64"; uint64: never };
  int16: { uint8: "int16"; uint16: "int32"; uint32: "int64"; uint64: never };
  int32: { uint8: "int32"; uint16: "int32"; uint32: "int64"; uint64: never };
  int64: { uint8: "int64"; uint16: "int64"; uint32: "int64"; uint64: never };
}

// The first of a list, from wide to narrow, that A or B is.
type Widest<A, B, L> = L extends readonly [infer H, ...infer R]
  ? H extends A | B ? H : Widest<A, B, R>
  : never;

type PromoteFloats<A, B> = "float64" extends A | B ? "float64"
  : "float32" extends A | B ? "float32"
  : A extends B ? A
  : "float32";

type PromoteOne<A extends DType, B extends DType> = [A] extends [B] ? A
  : A extends "bool" ? B
  : B extends "bool" ? A
  : A extends "complex64" ? A
  : B extends "complex64" ? B
  : A extends Float ? (B extends Float ? PromoteFloats<A, B> : A)
  : B extends Float ? B
  : A extends Signed ? (B extends Signed ? Widest<A, B, ["int64", "int32", "int16", "int8"]>
      : Mixed[A][B & Unsigned])
  : B extends Signed ? Mixed[B][A & Unsigned]
  : Widest<A, B, ["uint64", "uint32", "uint16", "uint8"]>;

/**
 * The dtype of an op on dtypes A and B: NumPy 2's rules, but an integer with a float gives that
 * float, and float16 with bfloat16 gives float32. `never` where there is none (uint64 with a signed
 * integer). Not exact dtypes give `DType`.
 */
export type Promote<A extends DType, B extends DType> = DType extends A ? DType
  : DType extends B ? DType
  : PromoteOne<A, B>;

/** The dtype of ops that leave the integers: floats stay, integers and bool give float32. */
export type FloatOf<D extends DType> = D extends Integer | "bool" ? "float32" : D;

/** The dtype of what makes complex numbers real: complex64 gives float32, others stay. */
export type RealOf<D extends DType> = D extends "complex64" ? "float32" : D;

/** The dtype of sums: integers and bool widen to 64 bits, floats stay. */
export type WideOf<D extends DType> = D extends Unsigned ? "uint64"
  : D extends Signed | "bool" ? "int64"
  : D;
