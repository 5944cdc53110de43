// Bad arguments of sorting and searching: each gives its typed error, and nothing else changes.

import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { fails, leavesOthersIntact } from "./expect.ts";

// What TypeScript would not let through, but JavaScript does.
// deno-lint-ignore no-explicit-any
const any = (x: unknown): any => x;

leavesOthersIntact();

describe("sorting", () => {
  it("topk names k, the axis and what is there", () => {
    gk.scope(() => {
      const a = gk.zeros([2, 3]);
      fails(() => gk.topk(a, 4), gk.ShapeError, "topk", "4", "3");
      fails(() => gk.topk(a, -1), gk.ShapeError, "topk", "-1");
      fails(() => gk.topk(a, 1.5), gk.ShapeError, "topk", "1.5");
      fails(() => gk.topk(a, any("1")), gk.ShapeError, "topk");
      fails(() => gk.topk(a, 1, { axis: 2 }), gk.ShapeError, "topk", "axis 2");
      fails(() => gk.topk(gk.array(1), 1), gk.ShapeError, "topk", "dimension");
    });
  });

  it("topk checks both outputs", () => {
    gk.scope(() => {
      const a = gk.zeros([2, 3]);
      const values = gk.empty([2, 2]), indices = gk.empty([2, 2], { dtype: "int64" });
      const wrong = gk.empty([2, 2], { dtype: "int32" });
      fails(
        () => gk.topk(a, 2, { out: { values, indices: wrong } }),
        gk.DTypeError,
        "topk",
        "int64",
      );
      fails(() => gk.topk(a, 1, { out: { values, indices } }), gk.ShapeError, "topk", "[2, 2]");
    });
  });

  it("complex numbers have no order", () => {
    gk.scope(() => {
      const z = gk.zeros([2], { dtype: "complex64" });
      for (const op of [gk.sort, gk.argsort]) {
        fails(() => op(z), gk.DTypeError, "complex64");
      }
      fails(() => gk.unique(z), gk.DTypeError, "unique", "complex64");
      fails(() => gk.unique(z, { returnIndex: true }), gk.DTypeError, "unique");
      fails(() => gk.topk(z, 1), gk.DTypeError, "topk", "complex64");
      fails(() => gk.searchsorted(z, z), gk.DTypeError, "searchsorted", "complex64");
    });
  });

  it("searchsorted wants a vector, a common dtype and a side", () => {
    gk.scope(() => {
      const a = gk.zeros([2, 3]), v = gk.zeros([3]);
      fails(() => gk.searchsorted(a, v), gk.ShapeError, "searchsorted", "[2, 3]", "vector");
      fails(() => gk.searchsorted(a, 1), gk.ShapeError, "searchsorted", "vector");
      fails(() => gk.searchsorted(v, 1, { side: any("middle") }), gk.GpukitError, "middle");
      fails(() => gk.searchsorted(v, any("1")), gk.GpukitError, "searchsorted");
      const u = gk.zeros([2], { dtype: "uint64" }), i = gk.zeros([2], { dtype: "int64" });
      fails(() => gk.searchsorted(u, i), gk.DTypeError, "searchsorted", "uint64", "int64");
    });
  });

  it("unique cannot be recorded", () => {
    gk.scope(() => {
      const a = gk.zeros([3]);
      fails(() => gk.graph(() => gk.unique(a)), gk.UnsupportedError, "unique", "graph");
    });
  });
});
