// `out` of functions that are made of other ops and end in a copy: exactly the result's shape and dtype, as
// for every op, although a copy by itself would broadcast and convert.

import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { fails, leavesOthersIntact } from "./expect.ts";

leavesOthersIntact();

const index = [[0, 1]];
const calls: Record<string, (a: gk.NDArray, out: gk.NDArray) => unknown> = {
  dot: (a, out) => gk.dot(a, gk.ones([2, 3, 2]), { out }),
  einsum: (a, out) => gk.einsum("ij,jkl->ikl", a, gk.ones([3, 2, 2]), { out }),
  quantile: (a, out) => gk.quantile(a.reshape([2, 3, 1]), [0.25, 0.75], { axis: 1, out }),
  median: (a, out) => gk.median(gk.stack([a, a, a]).at("...", ":2"), { axis: 0, out }),
  putAlongAxis: (a, out) => gk.putAlongAxis(a.at(":", ":2"), index, 1, { axis: 0, out }),
  scatterAdd: (a, out) => gk.scatterAdd(a.at(":", ":2"), index, 1, { axis: 0, out }),
  full: (_, out) => gk.full([2, 2], 2n ** 63n, { dtype: "uint64", out }),
};
const shapes: Record<string, number[]> = {
  dot: [2, 2, 2],
  einsum: [2, 2, 2],
  quantile: [2, 2, 1],
};

describe("out of", () => {
  for (const [name, call] of Object.entries(calls)) {
    it(`${name} must have the result's shape and dtype`, () => {
      gk.scope(() => {
        const a = gk.ones([2, 3]), shape = shapes[name] ?? [2, 2];
        const dtype = name === "full" ? "uint64" : "float32";
        const zeros = (shape: number[], dtype: gk.DType) => gk.zeros(shape, { dtype });
        fails(() => call(a, zeros(shape, "int32")), gk.DTypeError, `${name}: out is int32`);
        fails(() => call(a, zeros(shape, "float64")), gk.DTypeError, name, dtype);
        fails(
          () => call(a, zeros([3, ...shape], dtype)),
          gk.ShapeError,
          `${name}: out is`,
          "[3, 2",
        );
        const repeated = gk.zeros(1, { dtype }).broadcastTo(shape);
        fails(() => call(a, repeated), gk.GpukitError, `${name}: out is a broadcast view`);
        const out = zeros(shape, dtype);
        call(a, out);
      });
    });
  }
});
