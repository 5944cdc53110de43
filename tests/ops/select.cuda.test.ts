// topk, searchsorted, histogram and counting against the CPU: every dtype, lines around the borders of what a warp, a step and a
// block take, lines of several parts, many equal elements, special values, views of any strides.

import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectClose, expectError, noLeaks, scoped } from "../helpers.ts";

noLeaks();

const here = gk.defaultDevice();
const random = gk.random.generator(11);
const floats: gk.DType[] = ["float16", "bfloat16", "float32", "float64"];
const integers: gk.DType[] = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32"];
const dtypes: gk.DType[] = [...integers, "int64", "uint64", ...floats];

/** Numbers of either sign on the CPU, as far as the dtype has them; floats with NaN, infinities and both zeros. */
function numbers(shape: number[], dtype: gk.DType, scale = 100): gk.NDArray {
  const x = gk.mul(random.normal(shape, { device: "cpu" }), scale);
  if (dtype === "bool") return gk.greater(x, 0) as gk.NDArray;
  if (dtype.startsWith("uint")) return gk.abs(x).astype(dtype) as gk.NDArray;
  if (!dtype.includes("float")) return x.astype(dtype) as gk.NDArray;
  const flat = x.astype(dtype).ravel() as gk.NDArray;
  const special = [NaN, Infinity, -Infinity, -0, 0];
  for (let i = 3, k = 0; i < flat.size; i += 97, k++) flat.set(special[k % 5]!, i);
  return flat.reshape(shape);
}

function sameTopk(a: gk.NDArray, k: number, axis = -1, view = (x: gk.NDArray) => x): void {
  const there = a.to(here);
  for (const largest of [true, false]) {
    const expected = gk.topk(view(a), k, { axis, largest });
    const actual = gk.topk(view(there), k, { axis, largest });
    expectClose(actual.indices, expected.indices);
    expectClose(actual.values, expected.values);
  }
}

describe("topk", () => {
  for (const dtype of dtypes) {
    it(
      `of ${dtype}`,
      scoped(() => {
        sameTopk(numbers([9, 1], dtype), 1);
        sameTopk(numbers([11, 37], dtype), 37);
        sameTopk(numbers([3, 300], dtype), 5);
        sameTopk(numbers([5000], dtype), 700);
        sameTopk(numbers([40, 60, 3], dtype), 4, 1);
        sameTopk(numbers([7, 600], dtype), 9, 1, (x) => x.at("::-2", "5::3"));
        sameTopk(numbers([600, 7], dtype), 9, 1, (x) => x.at("::-1").T as gk.NDArray);
      }),
    );
  }

  for (const length of [2, 31, 32, 33, 255, 256, 257, 2047, 2048, 2049, 4096, 4097, 9000]) {
    it(
      `in lines of ${length}`,
      scoped(() => {
        for (const k of new Set([1, 2, 50, length >> 1, length])) {
          if (k > length) continue;
          for (const dtype of ["float32", "int64"] as const) {
            sameTopk(numbers([3, length], dtype, 3), k);
          }
        }
      }),
    );
  }

  it(
    "in several parts of a line",
    scoped(() => {
      sameTopk(numbers([300_000], "float32"), 50);
      sameTopk(numbers([300_000], "int64"), 50);
      sameTopk(numbers([4, 70_000], "float16"), 20);
      sameTopk(numbers([200_000], "uint8"), 1);
      sameTopk(numbers([100_001], "float64"), 1500);
    }),
  );

  it(
    "of thousands in long lines",
    scoped(() => {
      for (const dtype of ["uint8", "bfloat16", "int64"] as const) {
        sameTopk(numbers([33_001], dtype), 2049);
      }
      sameTopk(numbers([33_000, 2], "float32"), 5000, 0, (x) => x.at("::-1"));
      sameTopk(gk.zeros([32_768], { device: "cpu" }) as gk.NDArray, 8192);
    }),
  );

  it(
    "of elements in order, against it, and all equal",
    scoped(() => {
      const ascending = gk.arange(0, 40_000, 1, { dtype: "int32", device: "cpu" }) as gk.NDArray;
      sameTopk(ascending, 33);
      sameTopk(ascending, 2048);
      sameTopk(ascending, 33, -1, (x) => x.at("::-1"));
      sameTopk(gk.ones(40_000, { device: "cpu" }) as gk.NDArray, 600);
      sameTopk(gk.floorDivide(ascending, 5000) as gk.NDArray, 7000);
    }),
  );
});

describe("searchsorted", () => {
  function same(a: gk.NDArray, v: gk.NDArray, view = (x: gk.NDArray) => x): void {
    for (const side of ["left", "right"] as const) {
      const expected = gk.searchsorted(view(a), view(v), { side });
      expectClose(gk.searchsorted(view(a.to(here)), view(v.to(here)), { side }), expected);
    }
  }

  for (const dtype of dtypes) {
    it(
      `in ${dtype}`,
      scoped(() => {
        for (const length of [0, 1, 2, 3, 100, 1025]) {
          const a = gk.sort(numbers([length], dtype)) as gk.NDArray;
          same(a, numbers([300], dtype));
        }
        const a = gk.sort(numbers([999], dtype)) as gk.NDArray;
        same(a, a);
        same(a, numbers([7, 1100], dtype).T as gk.NDArray);
        same(a, numbers([3, 5, 700], dtype), (x) => x.at("...", "::3"));
        for (const other of dtypes) {
          const types = [dtype, other];
          if (types.includes("uint64") && types.some((type) => type.startsWith("int"))) continue;
          same(a, numbers([50], other));
        }
      }),
    );
  }

  it(
    "of no values, of one, of the same one everywhere",
    scoped(() => {
      const a = gk.arange(0, 5000, 1, { device: "cpu" }) as gk.NDArray;
      same(a, gk.zeros([0], { device: "cpu" }) as gk.NDArray);
      same(a, gk.array(17, { device: "cpu" }) as gk.NDArray);
      same(a, gk.broadcastTo(gk.array(17.5, { device: "cpu" }), [40, 50]) as gk.NDArray);
    }),
  );
});

describe("counting", () => {
  function same(a: gk.NDArray, edges: gk.NDArray): void {
    const expected = gk.histogram(a, { bins: edges });
    const actual = gk.histogram(a.to(here), { bins: edges.to(here) });
    expectClose(actual.counts, expected.counts);
  }

  for (const dtype of dtypes) {
    it(
      `${dtype} between even and other edges`,
      scoped(() => {
        const cpu = { device: "cpu" };
        const even = gk.linspace(-200, 200, 41, cpu) as gk.NDArray;
        const other = gk.array([-1e9, -50, -49.5, 0, 0, 1, 100, 101.25], cpu) as gk.NDArray;
        for (const size of [0, 1, 1023, 1025, 40_000]) same(numbers([size], dtype), even);
        same(numbers([50, 61], dtype).T as gk.NDArray, other);
        same(numbers([50, 61], dtype).at("::-3", "1::2") as gk.NDArray, other.at("::2"));
        same(numbers([3000], dtype), even.astype("float64"));
        same(numbers([3000], dtype), other.astype("float16"));
        same(numbers([3000], dtype), even.at(":2"));
        // More bins than a block holds.
        same(numbers([3000], dtype), gk.linspace(-300, 300, 2049, cpu) as gk.NDArray);
        same(numbers([3000], dtype), gk.linspace(-300, 300, 2050, cpu) as gk.NDArray);
        same(numbers([3000], dtype), gk.sort(numbers([5000], "float64")).at(":-40") as gk.NDArray);
      }),
    );
  }

  it(
    "many into few and into many, in parts of several blocks",
    scoped(() => {
      for (
        const [size, most] of [[8191, 9], [8192, 9], [150_000, 130], [9000, 4096], [9000, 4097]]
      ) {
        const x = gk.remainder(numbers([size!], "int64", 1e5), most!) as gk.NDArray;
        for (const dtype of ["uint8", "int32", "int64"] as const) {
          const values = x.astype(dtype) as gk.NDArray, there = values.to(here);
          const wide = { minlength: dtype === "uint8" ? 256 : most! };
          expectClose(gk.bincount(there, wide), gk.bincount(values, wide));
        }
        const into = (device: gk.Device | string) =>
          gk.ones([most!, 2], { dtype: "uint32", device }).at("::-1", 1) as gk.NDArray;
        const three = (device: gk.Device | string) =>
          gk.array(3, { dtype: "uint32", device }) as gk.NDArray;
        const expected = gk.scatterAdd(into("cpu"), x, three("cpu"));
        expectClose(gk.scatterAdd(into(here), x.to(here), three(here)), expected);
      }
      const bad = gk.full([10_000], 7, { dtype: "int64", device: here });
      bad.set(9n, 9000);
      const counts = gk.bincount(bad, { minlength: 8 });
      expectError(() => counts.dataSync(), gk.IndexError, /9/);
    }),
  );
});
