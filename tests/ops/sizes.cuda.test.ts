// Arrays large enough that every kernel has several warps, blocks, rounds and partial results to bring
// together, compared with the CPU: where a missing barrier or a wrong last tile would show, most of all over
// the stand-in's checked build. The golden files' arrays are smaller.

import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectClose, noLeaks, scoped, type Tolerance } from "../helpers.ts";

noLeaks();

const here = gk.defaultDevice();
const random = gk.random.generator(5);

/** Numbers of either sign on the CPU; for integer dtypes small ones, none of them negative. */
function numbers<D extends gk.DType>(shape: number[], dtype: D): gk.NDArray<D> {
  const x = random.normal(shape, { device: "cpu" });
  if (dtype === "bool") return gk.greater(x, 1) as gk.NDArray as gk.NDArray<D>;
  return (/int/.test(dtype) ? gk.abs(gk.mul(x, 8)) : x).astype(dtype);
}

/** The same call on both devices. */
function same<A extends gk.NDArray[]>(
  call: (...operands: A) => gk.NDArray,
  operands: A,
  tolerance: Tolerance = {},
): void {
  const expected = call(...operands);
  const actual = call(...operands.map((x) => x.to(here)) as A);
  expectClose(actual, expected, tolerance);
}

type Reduction = (a: gk.NDArray, options?: { axis?: number }) => gk.NDArray;

const sums = { rtol: 1e-5, atol: 1e-4 };

describe("sizes", () => {
  for (const dtype of ["uint8", "float16", "float32", "int64", "complex64"] as const) {
    it(
      `transposed copies of ${dtype}`,
      scoped(() => {
        same((x) => x.T.contiguous(), [numbers([100, 131], dtype)]);
        same((x) => gk.transpose(x, [0, 2, 1]).contiguous(), [numbers([3, 65, 70], dtype)]);
      }),
    );
  }

  const shapes: [number[], number | number[] | null][] = [
    [[3, 3000], -1],
    [[70, 100], -1],
    [[500, 7], 0],
    [[300, 70], 0],
    [[60_000], null],
    [[20, 30, 40], [0, 2]],
    [[2, 900, 3], 1],
  ];
  for (const [shape, axis] of shapes) {
    it(
      `reductions of (${shape}) over ${axis}`,
      scoped(() => {
        const x = numbers(shape, "float32"), integers = numbers(shape, "int32");
        same((x) => gk.sum(x, { axis }), [x], sums);
        same((x) => gk.max(x, { axis }), [x]);
        same((x) => gk.std(x, { axis }), [x], sums);
        same((x) => gk.logsumexp(x, { axis }), [x], sums);
        same((x) => gk.sum(x, { axis }), [numbers(shape, "complex64")], sums);
        same((x) => gk.sum(x, { axis }), [integers]);
        same((x) => gk.any(x, { axis }), [integers]);
        same((x) => gk.mean(x, { axis }), [numbers(shape, "float16")], { rtol: 2e-3, atol: 1e-4 });
        if (!Array.isArray(axis)) same((x) => gk.argmax(x, { axis }), [x]);
      }),
    );
  }

  const dtypes: gk.DType[] = [
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
  ];
  dtypes.push("uint64", "float16", "bfloat16", "float32", "float64");
  const rounded = { float16: 4e-3, bfloat16: 3e-2, float32: 1e-5, float64: 1e-9 };
  const ops: Record<string, Reduction> = {
    ...{ sum: gk.sum, mean: gk.mean, prod: gk.prod, min: gk.min, max: gk.max, argmin: gk.argmin },
    ...{ argmax: gk.argmax, any: gk.any, all: gk.all, countNonzero: gk.countNonzero },
    ...{ var: gk.var, std: gk.std, norm: gk.norm, logsumexp: gk.logsumexp },
  };
  for (const [name, op] of Object.entries(ops)) {
    it(
      `${name} of every dtype along rows, across them and of strided ones`,
      scoped(() => {
        for (const dtype of dtypes) {
          const rtol = (rounded as Record<string, number>)[dtype] ?? 1e-5;
          let x = numbers([3, 60, 66], dtype);
          if (name === "prod" && rtol !== 1e-5) x = gk.add(gk.mul(x, 1e-3), 1) as gk.NDArray;
          for (const axis of [2, 1, 0]) same((x) => op(x, { axis }), [x], { rtol, atol: rtol });
          same((x) => op(x.at(":", "::-2", "1::3"), { axis: 1 }), [x], { rtol, atol: rtol });
          same((x) => op(x), [x], { rtol, atol: rtol });
          const long = numbers([2, 17_000], dtype);
          if (name !== "prod") same((x) => op(x, { axis: 1 }), [long], { rtol, atol: 10 * rtol });
        }
      }),
    );
  }

  it(
    "products with a vector, of many tiles and of long sums",
    scoped(() => {
      for (const dtype of ["float32", "float64", "float16"] as const) {
        const rtol = 10 * rounded[dtype], tolerance = { rtol, atol: 10 * rtol };
        const a = numbers([200, 300], dtype),
          v = numbers([300], dtype),
          long = numbers([9000], dtype);
        same((a, v) => gk.matmul(a, v), [a, v], tolerance);
        same((a, v) => gk.matmul(v, a.T), [a, v], tolerance);
        same((a, v) => gk.matmul(v.at(":200"), a), [a, v], tolerance);
        same((a) => gk.matmul(a, a), [long], tolerance);
        same((a) => gk.matmul(a, a.T), [numbers([70, 1100], dtype)], tolerance);
        const tall = numbers([30, 130, 5], dtype), wide = numbers([5, 140], dtype);
        same((a, b) => gk.matmul(a, b), [tall, wide], tolerance);
        same((a, b) => gk.matmul(b.T, gk.transpose(a, [0, 2, 1])), [tall, wide], tolerance);
      }
    }),
  );

  for (const dtype of ["float32", "float64", "float16", "int32", "complex64"] as const) {
    it(
      `products of matrices of ${dtype}`,
      scoped(() => {
        const tolerance = dtype === "float16" ? { rtol: 4e-3, atol: 4e-3 } : sums;
        const a = numbers([2, 70, 50], dtype), b = numbers([50, 90], dtype);
        same((a, b) => gk.matmul(a, b), [a, b], dtype === "int32" ? {} : tolerance);
        same((a, b) => gk.matmul(b.T, a.at(1).T), [a, b], dtype === "int32" ? {} : tolerance);
        if (dtype !== "float32" && dtype !== "float64") return;
        // As many wide tiles as a GPU needs; those of float64 have no room for two in turn.
        const many = numbers([130, 65, 20], dtype), one = numbers([20, 66], dtype);
        same((a, b) => gk.matmul(a, b), [many, one], tolerance);
      }),
    );
  }

  it(
    "places that many share",
    scoped(() => {
      const into = gk.remainder(numbers([3000], "int64"), 11);
      for (const dtype of ["int32", "float32", "float64"] as const) {
        const values = numbers([3000], dtype);
        same((i, v) => gk.scatterAdd(gk.zeros(11, { dtype, device: v.device }), i, v), [
          into,
          values,
        ], sums);
        same((i, v) => gk.put(gk.zeros(11, { dtype, device: v.device }), [i], v), [into, values]);
      }
      same((i) => gk.bincount(i), [into]);
      const table = numbers([40, 300], "float32"),
        columns = gk.remainder(numbers([40, 300], "int64"), 7);
      same((t, i) => gk.putAlongAxis(t, i, t, { axis: 1 }), [table, columns]);
      same((t, i) => gk.takeAlongAxis(t, i, { axis: 1 }), [table, columns]);
      same((t, i) => gk.take(t, i, { axis: 1 }), [table, into]);
    }),
  );

  it(
    "what a mask selects",
    scoped(() => {
      const x = numbers([150_000], "float32");
      same((x) => gk.mask(x, gk.greater(x, 0.5)), [x]);
      same((x) => gk.nonzero(gk.greater(x, 1))[0]!, [x]);
      // More tiles than the block that numbers them has threads.
      const long = gk.zeros(4_500_000, { dtype: "bool", device: "cpu" });
      for (const place of [5, 4_200_000, 4_400_001]) long.set(true, place);
      same((x) => gk.nonzero(x)[0]!, [long]);
    }),
  );

  it(
    "sorts in warps, in blocks, of several tiles and of lines of two",
    scoped(() => {
      for (const shape of [[9, 20], [2, 300], [1, 2000], [2, 8300], [1, 26_000]]) {
        const x = numbers(shape, "float32"), places = gk.remainder(numbers(shape, "int64"), 9);
        same((x) => gk.sort(x), [x]);
        same((x) => gk.argsort(x), [x]);
        same((x) => gk.argsort(x), [places]);
      }
      same((x) => gk.sort(x, { axis: 0, descending: true }), [numbers([4000, 2], "float64")]);
    }),
  );

  it(
    "random numbers",
    scoped(() => {
      const draw = (device: gk.Device | string) =>
        gk.random.generator(9).uniform([5000], { device });
      expectClose(draw(here), draw("cpu"));
    }),
  );
});
