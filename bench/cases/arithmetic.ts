// Division, integers and complex numbers: elementwise on large arrays, into a given array, and one
// complex matrix product.
import * as gk from "../../mod.ts";
import type { Case, Group } from "../case.ts";

const size = 4_000_000;

/** Of two arrays of whole numbers up to 1000, the second above 0. */
function whole(name: string, dtype: "float32" | "int32", numpy: string, torch: string): Case {
  const make =
    `g = np.random.default_rng(1); a = g.integers(-1000, 1000, ${size}).astype("${dtype}"); ` +
    `b = g.integers(1, 1000, ${size}).astype("${dtype}"); o = a.copy()`;
  return {
    name: `${name} ${dtype} 4 M`,
    queued: true,
    gpukit: () => {
      const a = gk.random.randint(-1000, 1000, [size]).astype(dtype);
      const b = gk.random.randint(1, 1000, [size]).astype(dtype), out = gk.empty([size], { dtype });
      const op = gk[name as "remainder" | "floorDivide"];
      return () => op(a, b, { out });
    },
    numpy: [make, `${numpy}(a, b, out=o)`],
    torch: [
      `a = torch.randint(-1000, 1000, (${size},)).to(torch.${dtype}); ` +
      `b = torch.randint(1, 1000, (${size},)).to(torch.${dtype}); o = a.clone()`,
      torch,
    ],
  };
}

function complex(shape: readonly number[]): gk.NDArray<"complex64"> {
  const a = gk.empty(shape, { dtype: "complex64" });
  a.real.copyFrom(gk.random.normal(shape));
  a.imag.copyFrom(gk.random.normal(shape));
  return a;
}

/** Of complex numbers. */
function complexRow(name: "mul" | "div" | "exp" | "abs", numpy: string, torch: string): Case {
  const isReal = name === "abs", isUnary = isReal || name === "exp";
  return {
    name: `${name} complex64 4 M`,
    queued: true,
    gpukit: () => {
      const a = complex([size]), b = complex([size]);
      const out = gk.empty([size], { dtype: isReal ? "float32" : "complex64" });
      return isUnary
        ? () => gk[name as "exp" | "abs"](a, { out })
        : () => gk[name as "mul" | "div"](a, b, { out });
    },
    numpy: [
      `g = np.random.default_rng(1); a, b = (g.standard_normal(${
        2 * size
      }, np.float32).view(np.complex64) ` +
      `for _ in range(2)); o = ${isReal ? "a.real.copy()" : "a.copy()"}`,
      `np.${numpy}(${isUnary ? "a" : "a, b"}, out=o)`,
    ],
    torch: [
      `a, b = (torch.randn(${size}, dtype=torch.complex64) for _ in range(2)); ` +
      `o = ${isReal ? "a.real.clone()" : "a.clone()"}`,
      `torch.${torch}(${isUnary ? "a" : "a, b"}, out=o)`,
    ],
  };
}

const product: Case = {
  name: "matmul complex64 1000 x 1000",
  queued: true,
  gpukit: () => {
    const a = complex([1000, 1000]), b = complex([1000, 1000]);
    const out = gk.empty([1000, 1000], { dtype: "complex64" });
    return () => gk.matmul(a, b, { out });
  },
  numpy: [
    "g = np.random.default_rng(1); a, b = (g.standard_normal((1000, 2000), np.float32).view(np.complex64) " +
    "for _ in range(2)); o = a.copy()",
    "np.matmul(a, b, out=o)",
  ],
  torch: [
    "a, b = (torch.randn(1000, 1000, dtype=torch.complex64) for _ in range(2)); o = a.clone()",
    "torch.matmul(a, b, out=o)",
  ],
};

export const arithmetic: Group = {
  name: "arithmetic",
  about: "division, integers and complex numbers, into a given array",
  threads: [2],
  rounds: 7,
  avx2: true,
  pause: "long",
  cases: [
    whole("remainder", "float32", "np.remainder", "torch.remainder(a, b, out=o)"),
    whole("floorDivide", "int32", "np.floor_divide", "torch.floor_divide(a, b, out=o)"),
    complexRow("mul", "multiply", "mul"),
    complexRow("div", "divide", "div"),
    complexRow("abs", "abs", "abs"),
    complexRow("exp", "exp", "exp"),
    product,
  ],
};
