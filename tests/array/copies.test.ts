// Copies of more elements than a block or a tile of them holds, between arrays that lie along different
// axes, begin anywhere and have lengths that fall into no groups.

import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectArray, noLeaks, scoped } from "../helpers.ts";

noLeaks();

const dtypes = ["uint8", "int16", "float32", "int64", "complex64"] as const;

/** Element [i, j, k] is a number that its place tells, below 251. */
const at = (i: number, j: number, k: number) => (i * 89 + j * 31 + k * 7) % 251;

/** The elements of an array of this shape by their indices. */
const model = (shape: readonly number[], element: typeof at) =>
  Array.from(
    { length: shape[0]! },
    (_, i) =>
      Array.from(
        { length: shape[1]! },
        (_, j) => Array.from({ length: shape[2]! }, (_, k) => element(i, j, k)),
      ),
  );

describe("copies of many elements", () => {
  for (const dtype of dtypes) {
    const cube = (shape: readonly number[]) =>
      gk.array(model(shape, at), { dtype: "int32" }).astype(dtype);
    const same = (actual: gk.NDArray, expected: number[][][]) =>
      expectArray(actual.astype("float64"), expected);

    it(
      `of ${dtype}: along another axis`,
      scoped(() => {
        const x = cube([3, 70, 133]);
        same(x.transpose([2, 1, 0]).clone(), model([133, 70, 3], (i, j, k) => at(k, j, i)));
        same(x.transpose([0, 2, 1]).clone(), model([3, 133, 70], (i, j, k) => at(i, k, j)));
        same(x.transpose([1, 2, 0]).clone(), model([70, 133, 3], (i, j, k) => at(k, i, j)));
        const part = x.at(":", "1:66", "::-1").transpose([0, 2, 1]);
        same(part.clone(), model([3, 133, 65], (i, j, k) => at(i, k + 1, 132 - j)));
      }),
    );

    it(
      `of ${dtype}: into a view`,
      scoped(() => {
        const x = cube([2, 65, 67]), target = gk.zeros([2, 69, 67], { dtype });
        target.at(":", "2:67").transpose([0, 2, 1]).copyFrom(x.transpose([0, 2, 1]));
        same(
          target,
          model([2, 69, 67], (i, j, k) => j >= 2 && j < 67 ? at(i, j - 2, k) : 0),
        );
        target.at("::-1", "1:67:2", "1:").fill(9);
        same(
          target,
          model(
            [2, 69, 67],
            (i, j, k) => j % 2 && k && j < 67 ? 9 : j >= 2 && j < 67 ? at(i, j - 2, k) : 0,
          ),
        );
      }),
    );

    it(
      `of ${dtype}: into other dtypes, from odd places`,
      scoped(() => {
        const x = cube([1, 5, 1027]);
        for (const to of ["uint8", "float16", "int32", "float64"] as const) {
          const part = x.at(":", "1:", "3:");
          same(part.astype(to), model([1, 4, 1024], (i, j, k) => at(i, j + 1, k + 3)));
          const row = x.at(":", 2, "1:").reshape([1, 1, 1026]);
          same(row.astype(to), model([1, 1, 1026], (i, _, k) => at(i, 2, k + 1)));
        }
      }),
    );
  }

  it(
    "filled from odd places",
    scoped(() => {
      for (const dtype of dtypes) {
        for (const [from, to] of [[0, 3], [1, 2], [3, 5000], [5, 5001], [7, 7]] as const) {
          const x = gk.zeros([5003], { dtype });
          x.at(`${from}:${to}`).fill(3);
          const want = Array.from({ length: 5003 }, (_, i) => i >= from && i < to ? 3 : 0);
          expectArray(x.astype("float64"), want);
        }
      }
    }),
  );
});
