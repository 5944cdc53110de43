// Functions of neural networks: `gk.nn`.

import { GpukitError } from "../errors.ts";
import { kindOf, type NDArray } from "../array/ndarray.ts";
import { div, erf, type Float, fma, mul, type Same, square, tanh } from "../ops/elementwise.ts";
import { type Operand, type OpOptions, unary } from "../ops/submit.ts";
import { Op } from "../ops/table.ts";

/** Each element where it is positive, else 0. */
export function relu<A extends Operand>(a: A, options?: OpOptions): Same<A> {
  return unary(Op.relu, a, options) as NDArray<never>;
}

/** What `gelu` takes. */
export interface GeluOptions extends OpOptions {
  /** "none" (the default): by the error function; "tanh": the approximation that GPT-2 has. */
  readonly approximate?: "none" | "tanh" | undefined;
}

/**
 * The Gaussian error linear unit: x times the share of a normal distribution below x,
 * x (1 + erf(x / √2)) / 2, or with "tanh" x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2
 * (Hendrycks and Gimpel, arXiv 1606.08415).
 */
export function gelu<A extends NDArray>(a: A, options?: GeluOptions): Float<A> {
  const { approximate = "none", out, stream } = options ?? {};
  if (approximate !== "none" && approximate !== "tanh") {
    throw new GpukitError(`gelu: approximate is "none" or "tanh", got ${kindOf(approximate)}`, {
      op: "gelu",
    });
  }
  const share = div(a, Math.SQRT2, { stream }); // floats from here on
  if (approximate === "none") {
    erf(share, { out: share, stream });
  } else {
    // √(2/π) (x + 0.044715 x³) = t (2/√π) (1 + 0.08943 t²) with t = x / √2
    using cubic = square(share, { stream });
    fma(cubic, 2 * 0.044715, 1, { out: cubic, stream });
    mul(share, cubic, { out: share, stream });
    mul(share, 2 / Math.sqrt(Math.PI), { out: share, stream });
    tanh(share, { out: share, stream });
  }
  fma(share, 0.5, 0.5, { out: share, stream });
  if (out === undefined) return mul(share, a, { out: share, stream }) as Float<A>;
  using factor = share;
  return mul(factor, a, { out, stream }) as Float<A>;
}
