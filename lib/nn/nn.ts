// Functions of neural networks: `gk.nn`.

import type { NDArray } from "../array/ndarray.ts";
import type { Same } from "../ops/elementwise.ts";
import { type Operand, type OpOptions, unary } from "../ops/submit.ts";
import { Op } from "../ops/table.ts";

/** Each element where it is positive, else 0. */
export function relu<A extends Operand>(a: A, options?: OpOptions): Same<A> {
  return unary(Op.relu, a, options) as NDArray<never>;
}
