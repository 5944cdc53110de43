// Matrix products.

import type { DType, Promote } from "../array/dtype.ts";
import type { NDArray } from "../array/ndarray.ts";
import { type OpOptions, submit } from "./submit.ts";
import { Op } from "./table.ts";

/** The dtype of a matrix product: the operands' common one, but int32 for int8. */
export type ProductOf<A extends DType, B extends DType> = [Promote<A, B>] extends ["int8"] ? "int32"
  : Promote<A, B>;

/** What `matmul` takes. */
export interface MatmulOptions<D extends DType = DType> extends OpOptions {
  /** The result's dtype; the operands' common one (int32 for int8) if absent. */
  readonly dtype?: D | undefined;
}

/**
 * The matrix product of `a` [..., m, k] and `b` [..., k, n]: [..., m, n]. Leading axes broadcast; a
 * vector is a row on the left and a column on the right, and its axis is dropped from the result.
 *
 * @throws {ShapeError} The inner lengths differ, an operand has no axes, or leading axes do not
 *   broadcast.
 */
export function matmul<D extends DType, B extends DType, R extends DType = ProductOf<D, B>>(
  a: NDArray<D>,
  b: NDArray<B>,
  options?: MatmulOptions<R>,
): NDArray<R> {
  return submit(Op.matmul, [a, b], { dtype: options?.dtype }, options) as NDArray<R>;
}
