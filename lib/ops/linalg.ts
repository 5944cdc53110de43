// Matrix products and what is made of them.

import type { DType, FloatOf, Promote, WideOf } from "../array/dtype.ts";
import { ShapeError } from "../errors.ts";
import type { NDArray } from "../array/ndarray.ts";
import { diagonal, expandDims, moveaxis, ravel, reshape, swapaxes } from "../array/views.ts";
import { add, mul } from "./elementwise.ts";
import { gelu } from "../nn/nn.ts";
import { sum } from "./reduce.ts";
import { type OpOptions, submit, VARIANT, whole } from "./submit.ts";
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

/**
 * The product of two vectors' elements summed up; of matrices the matrix product; with an array of no
 * axes the products with it. Else the sums over the last axis of `a` and the last but one of `b`:
 * [..., k] and [..., k, n] give all axes of `a` but the last, then all of `b` but the last but one.
 *
 * @throws {ShapeError} The lengths of the axes that are summed over differ.
 */
export function dot<D extends DType, B extends DType>(
  a: NDArray<D>,
  b: NDArray<B>,
  options?: OpOptions,
): NDArray<ProductOf<D, B>> {
  const [left, right] = [a.shape, b.shape];
  if (left.length === 0 || right.length === 0) {
    return mul(a, b, options) as NDArray as NDArray<ProductOf<D, B>>;
  }
  if (right.length <= 2) return matmul(a, b, options) as NDArray<ProductOf<D, B>>;
  // b as a matrix: the axis that is summed over first, all others behind it.
  const inner = right.at(-2)!;
  const outer = [...right.slice(0, -2), right.at(-1)!];
  if (left.at(-1) !== inner) {
    throw new ShapeError(
      `dot: [${left.join(", ")}] and [${
        right.join(", ")
      }] do not multiply: the last length of the ` +
        `first (${left.at(-1)}) must equal the last but one of the second (${inner})`,
      { op: "dot" },
    );
  }
  using front = moveaxis(b, -2, 0);
  using matrix = reshape(front, [inner, outer.reduce((product, n) => product * n, 1)]);
  using product = matmul(a, matrix, { stream: options?.stream });
  using shaped = reshape(product, [...left.slice(0, -1), ...outer]);
  const args = { flags: VARIANT, name: "dot" };
  return submit(Op.copy, [shaped], args, options) as NDArray<ProductOf<D, B>>;
}

/** Every element of `a` times every element of `b`, both flattened: [a.size, b.size]. */
export function outer<D extends DType, B extends DType>(
  a: NDArray<D>,
  b: NDArray<B>,
  options?: OpOptions,
): NDArray<Promote<D, B>> {
  using left = ravel(a);
  using right = ravel(b);
  using column = expandDims(left, 1);
  return mul(column, right, options) as NDArray as NDArray<Promote<D, B>>;
}

/**
 * The sum of a diagonal of the last two axes, `k` above the main one (negative: below); one sum for
 * each matrix of a batch. Integers and bool widen to 64 bits.
 *
 * @throws {ShapeError} The array has fewer than two axes.
 */
export function trace<D extends DType>(
  a: NDArray<D>,
  options?: OpOptions & { readonly k?: number | undefined },
): NDArray<WideOf<D>> {
  using found = diagonal(a, whole(options?.k ?? 0, "k", "trace"));
  return sum(found, { axis: -1, out: options?.out, stream: options?.stream });
}

/**
 * A linear layer: `x` [..., in] times the transpose of `weight` [out, in], plus `bias` [out]:
 * [..., out].
 *
 * @throws {ShapeError} The lengths do not fit.
 */
export function linear<D extends DType, W extends DType>(
  x: NDArray<D>,
  weight: NDArray<W>,
  bias?: NDArray | null,
  options?: OpOptions,
): NDArray<ProductOf<D, W>> {
  checkLinear(x, weight, bias, "linear");
  using across = swapaxes(weight, -1, -2);
  const product = matmul(x, across, options) as NDArray<ProductOf<D, W>>;
  if (bias === undefined || bias === null) return product;
  if (product.dtype === bias.dtype) {
    return add(product, bias, { ...options, out: product }) as never;
  }
  using before = product;
  return add(before, bias, options) as never;
}

function checkLinear(
  x: NDArray,
  weight: NDArray,
  bias: NDArray | null | undefined,
  op: string,
): void {
  const [inputs, weights] = [x.shape, weight.shape];
  const fits = weights.length === 2 && inputs.at(-1) === weights[1] &&
    (bias === undefined || bias === null ||
      (bias.shape.length === 1 && bias.shape[0] === weights[0]));
  if (fits) return;
  const given = bias ? `, bias [${bias.shape.join(", ")}]` : "";
  throw new ShapeError(
    `${op}: x [${inputs.join(", ")}] and weight [${weights.join(", ")}]${given} do not fit: ` +
      `expects x [..., in], weight [out, in] and bias [out]`,
    { op },
  );
}

/** What `linearBiasGelu` takes. */
export interface LinearGeluOptions extends OpOptions {
  /** How GELU is computed: see `nn.gelu`. */
  readonly approximate?: "none" | "tanh" | undefined;
}

/**
 * A linear layer with bias, followed by GELU: `gelu(linear(x, weight, bias))`.
 *
 * @throws {ShapeError} The lengths do not fit.
 */
export function linearBiasGelu<D extends DType, W extends DType>(
  x: NDArray<D>,
  weight: NDArray<W>,
  bias: NDArray,
  options?: LinearGeluOptions,
): NDArray<FloatOf<ProductOf<D, W>>> {
  checkLinear(x, weight, bias, "linearBiasGelu");
  using y = linear(x, weight, bias, { stream: options?.stream });
  return gelu(y, options) as NDArray<never>;
}
