// Running sums and products around the borders of what threads, warps, tiles and segments take, compared with
// the CPU. Over the stand-in's checked build they show races between tiles that look back.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectClose, noLeaks, scoped, type Tolerance } from "../helpers.ts";

noLeaks();

const here = gk.defaultDevice();
const random = gk.random.generator(6);

/** Small whole numbers of either sign, whose sums are exact in every dtype, on the CPU. */
function whole<D extends gk.DType>(shape: number[], dtype: D): gk.NDArray<D> {
  const low = /^(uint|bool)/.test(dtype) ? 0 : -1;
  return gk.floor(gk.sub(gk.mul(random.uniform(shape, { device: "cpu" }), 2 - low), -low)).astype(
    dtype,
  );
}

type Scan = (a: gk.NDArray, options?: gk.CumulativeOptions<gk.DType>) => gk.NDArray;

/** The same on both devices, of views that `view` takes on each. */
function same(
  scan: Scan,
  a: gk.NDArray,
  options: gk.CumulativeOptions<gk.DType> = {},
  view: (a: gk.NDArray) => gk.NDArray = (a) => a,
  tolerance: Tolerance = {},
): void {
  const expected = scan(view(a), options);
  const actual = scan(view(a.to(here)), options);
  assert.equal(actual.dtype, expected.dtype);
  assert.deepEqual(actual.shape, expected.shape);
  if (tolerance.rtol !== undefined) return expectClose(actual, expected, tolerance);
  // Long ones are compared where they lie.
  if (gk.all(gk.equal(actual, expected.to(here))).item()) return;
  expectClose(actual, expected);
}

const dtypes: gk.DType[] = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"];
dtypes.push("uint64", "float16", "bfloat16", "float32", "float64", "complex64");

describe("running sums", () => {
  for (const dtype of dtypes) {
    it(
      `of ${dtype}`,
      scoped(() => {
        const cube = whole([5, 20, 38], dtype);
        for (const axis of [0, 1, 2]) {
          same(gk.cumsum, cube, { axis });
          same(gk.cumsum, cube, { axis }, (a) => a.at("::-2", "1::3", "::-1"));
        }
        const long = whole([9000], dtype);
        same(gk.cumsum, long);
        same(gk.cumsum, long, {}, (a) => a.at("1:"));
        same(gk.cumsum, long, {}, (a) => a.at("::-2"));
        same(gk.cumsum, long, { axis: 0 }, (a) => gk.broadcastTo(a.at("::9"), [3, 1000]));
        same(gk.cumsum, long.at(":7"));
        same(gk.cumsum, long.at(":1"));
        same(gk.cumsum, long.at(0));
        same(gk.cumsum, long.at(":0"));
        same(gk.cumsum, cube.at(":", ":0"), { axis: 1 });
        same(gk.cumsum, cube.at(":", ":0"), { axis: 0 });
      }),
    );
  }

  it(
    "in another dtype than the elements'",
    scoped(() => {
      for (const from of ["float16", "float32", "float64"] as const) {
        const x = gk.mul(random.normal([50, 30], { device: "cpu" }), 40).astype(from);
        for (const dtype of ["int8", "uint8", "int32", "uint32", "int64"] as const) {
          for (const axis of [0, 1]) same(gk.cumsum, x, { axis, dtype });
        }
        same(gk.cumsum, x, { dtype: "uint64", axis: 1 }, (a) => gk.abs(a));
      }
      for (const dtype of ["int8", "uint16", "float16", "float64", "complex64"] as const) {
        for (const axis of [0, 1]) same(gk.cumsum, whole([20, 30], "int32"), { axis, dtype });
      }
      const odd = gk.array([NaN, 300.9, -5.5, Infinity, -Infinity, 1e30], { device: "cpu" });
      for (const dtype of ["int8", "uint8", "int64"] as const) same(gk.cumsum, odd, { dtype });
    }),
  );

  it(
    "of lines around what warps and blocks take",
    scoped(() => {
      for (const length of [2, 7, 8, 9, 16, 17, 63, 65, 255, 256, 257, 1023, 1024, 1025]) {
        for (const dtype of ["float32", "int8"] as const) {
          same(gk.cumsum, whole([3, length], dtype), { axis: 1 });
        }
      }
      same(gk.cumsum, whole([4100, 8], "float32"), { axis: 1 });
      same(gk.cumsum, whole([5000, 3], "float32"), { axis: 1 });
      same(gk.cumsum, whole([4096, 300], "int8"), { axis: 1 });
    }),
  );

  it(
    "of long lines: tiles, groups of tiles and groups of those",
    scoped(() => {
      const tiles: [gk.DType, number][] = [
        ["float16", 12_288],
        ["float32", 6144],
        ["float64", 3072],
        ["int32", 6144],
        ["uint64", 3072],
        ["complex64", 3072],
        ["int8", 2048],
      ];
      for (const [dtype, tile] of tiles) {
        for (const count of [1, 2, 32]) {
          for (const more of count === 2 ? [0] : [-1, 0, 1]) {
            const x = whole([count * tile + more], dtype);
            // Those of float16 are exact up to 2048.
            same(gk.cumsum, x, {}, (a) => dtype === "float16" ? gk.sub(a, a.at("::-1")) : a);
          }
        }
      }
      same(gk.cumsum, whole([2048 * 65], "bfloat16"), {}, (a) => gk.sub(a, a.at("::-1")));
      same(gk.cumsum, whole([3, 70_000], "float32"), { axis: 1 });
      same(gk.cumsum, whole([70_000, 3], "int16"), { axis: 0 });
      same(gk.cumsum, whole([70_000, 2], "float32"), { axis: 0 }, (a) => a.at("::-1"));
      // More than 1024 tiles.
      same(gk.cumsum, whole([2048 * 1024 + 5], "bool"));
    }),
  );

  it(
    "of lines side by side",
    scoped(() => {
      for (const width of [5, 8, 9, 31, 33, 100, 257]) {
        for (const length of [1, 2, 8, 9, 64, 65, 300]) {
          same(gk.cumsum, whole([length, width], "float32"), { axis: 0 });
        }
      }
      for (const width of [6, 40]) {
        same(gk.cumsum, whole([9000, width], "float32"), { axis: 0 });
        same(gk.cumsum, whole([2, 5000, width], "int16"), { axis: 1 });
        same(gk.cumsum, whole([9000, width], "complex64"), { axis: 0 });
      }
      same(gk.cumsum, whole([40, 9000], "float64"), { axis: 1 }, (a) => a.T.at("::-1").T);
      same(gk.cumsum, whole([9000, 40], "float32"), { axis: 1 }, (a) => a.T);
    }),
  );

  it(
    "into views",
    scoped(() => {
      const x = whole([60, 70], "float32"), there = x.to(here);
      for (const axis of [0, 1]) {
        const expected = gk.cumsum(x, { axis });
        const wide = gk.zeros([70, 200]), out = wide.T.at("20:140:2", "::-1");
        gk.cumsum(there, { axis, out });
        expectClose(out, expected);
        assert.equal(gk.sum(gk.abs(wide.T.at("21:140:2"))).item(), 0);
      }
    }),
  );

  it(
    "are rounded about once, and the same each time",
    scoped(() => {
      const x = random.uniform([66_001], { device: "cpu" });
      for (const dtype of ["float32", "float64", "float16", "bfloat16"] as const) {
        const rtol = { float32: 1.2e-7, float64: 1e-14, float16: 1e-3, bfloat16: 8e-3 }[dtype];
        const a = gk.mul(x, dtype === "float16" ? 1e-2 : 1).astype(dtype);
        same(gk.cumsum, a, {}, undefined, { rtol });
        const there = a.to(here), once = gk.cumsum(there);
        assert.ok(gk.all(gk.equal(once, gk.cumsum(there))).item());
        same(gk.cumsum, gk.reshape(a.at(":66000"), [2200, 30]), { axis: 0 }, undefined, { rtol });
      }
    }),
  );

  it(
    "of what is not finite",
    scoped(() => {
      for (const length of [20, 9000]) {
        for (const dtype of ["float32", "float64", "float16"] as const) {
          const x = gk.ones([2, length], { dtype, device: "cpu" });
          for (const [value, place] of [[Infinity, 5], [-Infinity, 15], [3, 18]] as const) {
            x.set(value, 0, place);
          }
          x.set(NaN, 1, length - 2);
          same(gk.cumsum, x, { axis: 1 }, undefined, { rtol: 0 });
          same(gk.cumsum, x, { axis: 0 }, undefined, { rtol: 0 });
          same(gk.cumsum, x.T.contiguous(), { axis: 0 }, undefined, { rtol: 0 });
        }
      }
    }),
  );
});

describe("running products", () => {
  for (const dtype of dtypes.filter((dtype) => dtype !== "complex64")) {
    it(
      `of ${dtype}`,
      scoped(() => {
        // Of either sign, and 3 where they are to wrap.
        const isFloat = dtype.includes("float");
        const x = isFloat
          ? gk.sub(gk.mul(whole([2, 9000], "float64"), 0.5), 1.25).astype(dtype)
          : gk.add(gk.mul(whole([2, 9000], "int64"), 2), 1).astype(dtype);
        const tolerance = { rtol: dtype === "float16" ? 1e-3 : dtype === "bfloat16" ? 8e-3 : 1e-6 };
        if (dtype === "float64") tolerance.rtol = 1e-11;
        same(gk.cumprod, x, { axis: 1 }, undefined, tolerance);
        same(gk.cumprod, x, { axis: 0 }, undefined, tolerance);
        same(gk.cumprod, x, { axis: 1 }, (a) => a.at(":", "::-37"), tolerance);
        same(gk.cumprod, x, { axis: 0 }, (a) => gk.reshape(a, [300, 60]), tolerance);
        same(gk.cumprod, x, { axis: 0 }, (a) => gk.reshape(a, [2250, 8]), tolerance);
      }),
    );
  }

  // [factors, how often] in a row; what is left over are ones.
  const courses: Record<string, [number[], number][]> = {
    "beyond float32 and back": [[[1e30], 8], [[1e-30], 9], [[2], 3]],
    "beyond float64, where it stays": [[[1e30], 12], [[1e-30], 15]],
    "beyond float64 in steps that are many": [[[2], 1200], [[0.5], 1300]],
    "to 0, where it stays": [[[1e-30], 14], [[1e30], 30]],
    "to 0 in many steps and from there": [[[0.5], 1200], [[2], 1300]],
    "from small numbers to large ones": [[[1e-30], 9], [[1e30], 18], [[1e-30], 18]],
    "to infinity and 0": [[[1e30], 12], [[0], 1], [[2], 5]],
    "to 0 and infinity": [[[1e-30], 14], [[Infinity], 1], [[2], 5]],
    "0 of either sign": [[[2], 40], [[0], 1], [[-1], 33]],
    "infinity of either sign": [[[2], 40], [[Infinity], 1], [[-1], 33]],
    "to NaN": [[[2], 40], [[NaN], 1], [[0], 33]],
    "of subnormal numbers": [[[1e-40, 1e38], 120]],
    "up and down": [[[1e30, 1e30, 1e-30, 1e-30], 700]],
    "back from the last numbers before 0": [[[1e-30], 10], [[1e30], 10]],
  };
  for (const [name, course] of Object.entries(courses)) {
    it(
      name,
      scoped(() => {
        for (const dtype of ["float32", "float64"] as const) {
          for (const lead of [3, 2040, 20_000]) {
            const factors = course.flatMap(([some, times]) =>
              new Array<number[]>(times).fill(some).flat()
            );
            const list = [...new Array<number>(lead).fill(1), ...factors, 1, 1];
            const x = gk.array(list, { dtype, device: "cpu" });
            same(gk.cumprod, x, {}, undefined, { rtol: 1e-6 });
            if (lead !== 3) continue;
            const lines = gk.broadcastTo(x, [9, x.size]).contiguous();
            same(gk.cumprod, lines, { axis: 1 }, undefined, { rtol: 1e-6 });
            same(gk.cumprod, lines.T.contiguous(), { axis: 0 }, undefined, { rtol: 1e-6 });
          }
        }
      }),
    );
  }
});
