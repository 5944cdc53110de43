// Random numbers: arguments, seeds, and that each distribution is what its name says. Seeds are fixed, so
// that a test passes always or never; bounds are such that one seed in thousands would fail.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectClose, expectError, noLeaks, scoped } from "../helpers.ts";

noLeaks();

describe("generators", () => {
  it(
    "repeats with a seed",
    scoped(() => {
      gk.random.seed(7);
      const first = gk.random.uniform([3, 2]);
      gk.random.seed(7n);
      expectClose(gk.random.uniform([3, 2]), first);
      using g = gk.random.generator(7);
      expectClose(g.uniform([3, 2]), first);
      using other = gk.random.generator();
      assert.notDeepEqual(other.uniform(6).arraySync(), first.ravel().arraySync());
      expectError(() => gk.random.seed(0.5), gk.GpukitError);
      g.dispose();
      expectError(() => g.uniform(1), gk.GpukitError, /disposed/);
    }),
  );

  it(
    "draws what is asked for",
    scoped(() => {
      using g = gk.random.generator(1);
      const u = g.uniform(10_000, { low: -2, high: 2, dtype: "float64" });
      assert.ok(gk.min(u).item() >= -2 && gk.max(u).item() < 2);
      assert.ok(Math.abs(gk.mean(u).item()) < 0.1);
      const n = g.normal([100, 100], { mean: 5, std: 2 });
      assert.equal(n.dtype, "float32");
      assert.ok(Math.abs(gk.mean(n).item() - 5) < 0.1);
      assert.ok(Math.abs(gk.mean(gk.square(n.sub(5))).item() - 4) < 0.3);
      const i = g.randint(-3, 3, [1000]);
      assert.equal(i.dtype, "int64");
      assert.deepEqual([gk.min(i).item(), gk.max(i).item()], [-3, 2]);
      const out = gk.empty([2, 3], { dtype: "uint8" });
      assert.equal(g.randint(250, 256, [2, 3], { dtype: "uint8", out }), out);
      assert.ok(gk.min(out).item() >= 250);
      const b = g.bernoulli(0.25, 10_000);
      assert.ok(Math.abs(gk.mean(b).item() - 0.25) < 0.03);
      expectError(() => g.randint(3, 3, 1), gk.ShapeError, /from 3 up to but without 3/);
      expectError(() => g.randint(0, 0.5, 1), gk.ShapeError);
      expectError(
        () => g.randint(0, 257, 1, { dtype: "uint8" }),
        gk.DTypeError,
        /uint8, which has/,
      );
      expectError(() => g.randint(-129, 0, 0, { dtype: "int8" }), gk.DTypeError, /-129.*larger/);
      expectError(() => g.randint(-1, 3, 1, { dtype: "uint64" }), gk.DTypeError);
      expectError(() => g.randint(0, 3, 1, { dtype: "float32" as "int8" }), gk.DTypeError);
      expectError(() => g.normal(2, { std: NaN }), gk.GpukitError);
    }),
  );

  it(
    "permutes",
    scoped(() => {
      using g = gk.random.generator(2);
      const p = g.permutation(100);
      expectClose(gk.sort(p), Array.from({ length: 100 }, (_, i) => BigInt(i)));
      const rows = g.permutation(gk.arange(10).reshape([5, 2]));
      assert.deepEqual(rows.shape, [5, 2]);
      assert.equal(gk.sum(rows).item(), 45);
      const five = g.choice(5, { shape: 5, replace: false });
      expectClose(gk.sort(five), [0n, 1n, 2n, 3n, 4n]);
    }),
  );

  it(
    "chooses",
    scoped(() => {
      using g = gk.random.generator(2);
      const c = g.choice(gk.array([10, 20]), { shape: [3, 4] });
      assert.deepEqual(c.shape, [3, 4]);
      assert.ok([...c.dataSync()].every((x) => x === 10 || x === 20));
      expectError(() => g.choice(3, { shape: 4, replace: false }), gk.ShapeError);
    }),
  );

  it(
    "chooses by weight",
    scoped(() => {
      using g = gk.random.generator(2);
      const weighted = g.choice(3, { shape: 5000, p: gk.array([0, 1, 3]) });
      const ones = gk.sum(gk.equal(weighted, 1)).item() / 5000;
      assert.equal(gk.any(gk.equal(weighted, 0)).item(), false);
      assert.ok(Math.abs(ones - 0.25) < 0.04);
      const order = g.choice(3, { shape: 2, replace: false, p: gk.array([0, 1, 3]) });
      expectClose(gk.sort(order), [1n, 2n]);
    }),
  );
});

// ---- distributions

const numbers = (a: gk.NDArray): number[] => Array.from(a.dataSync() as ArrayLike<number>, Number);

/** The largest distance between the distribution of the numbers and `expected`, times the root of n. */
function kolmogorov(drawn: readonly number[], expected: (x: number) => number): number {
  const sorted = Float64Array.from(drawn).sort();
  let furthest = 0;
  sorted.forEach((x, i) => {
    const p = expected(x);
    furthest = Math.max(furthest, p - i / sorted.length, (i + 1) / sorted.length - p);
  });
  return furthest * Math.sqrt(sorted.length);
}

/** Of counts against probabilities: about normal with deviation 1, for many cells. */
function chiSquare(counts: readonly number[], probabilities: readonly number[]): number {
  const n = counts.reduce((a, b) => a + b);
  const cells = probabilities.filter((p) => p > 0).length;
  let sum = 0;
  counts.forEach((count, i) => {
    const expected = n * probabilities[i]!;
    if (expected === 0) assert.equal(count, 0);
    else sum += (count - expected) ** 2 / expected;
  });
  return (sum - (cells - 1)) / Math.sqrt(2 * (cells - 1));
}

function histogram(drawn: readonly number[], cells: number, cell = (x: number) => x): number[] {
  const counts = new Array<number>(cells).fill(0);
  for (const x of drawn) counts[cell(x)]!++;
  return counts;
}

const even = (cells: number) => new Array<number>(cells).fill(1 / cells);

/** The normal distribution, from its continued fraction or series. */
function normalDistribution(x: number): number {
  const a = Math.abs(x);
  const density = Math.exp(-a * a / 2) / Math.sqrt(2 * Math.PI);
  let below;
  if (a > 4) {
    let f = 0;
    for (let k = 40; k > 0; k--) f = k / (a + f);
    below = 1 - density / (a + f);
  } else {
    let term = a, sum = a;
    for (let k = 3; k < 120; k += 2) sum += term *= a * a / k;
    below = 0.5 + density * sum;
  }
  return x < 0 ? 1 - below : below;
}

const N = 200_000;

describe("distributions", () => {
  it(
    "uniform",
    scoped(() => {
      using g = gk.random.generator(11);
      for (const dtype of ["float32", "float64"] as const) {
        const drawn = numbers(g.uniform(N, { low: -3, high: 5, dtype }));
        assert.ok(kolmogorov(drawn, (x) => (x + 3) / 8) < 1.9);
      }
      for (const dtype of ["float16", "bfloat16"] as const) {
        const u = g.uniform(N, { dtype });
        assert.ok(gk.min(u).item() >= 0 && gk.max(u).item() < 1);
        const counts = histogram(numbers(u.astype("float32")), 64, (x) => Math.floor(x * 64));
        // Rounding to the nearest moves half of the last place from one cell to the next.
        assert.ok(Math.abs(chiSquare(counts, even(64))) < (dtype === "float16" ? 4 : 1000));
        assert.ok(Math.abs(gk.mean(u.astype("float64")).item() - 0.5) < 0.005);
      }
    }),
  );

  it(
    "normal",
    scoped(() => {
      using g = gk.random.generator(12);
      for (const dtype of ["float16", "float32", "float64"] as const) {
        const drawn = numbers(g.normal(N, { mean: 2, std: 3, dtype }).astype("float64"));
        const bound = dtype === "float16" ? 2.2 : 1.9; // rounding makes steps
        assert.ok(kolmogorov(drawn, (x) => normalDistribution((x - 2) / 3)) < bound, dtype);
        const z = drawn.map((x) => (x - 2) / 3);
        const moment = (k: number) => z.reduce((sum, x) => sum + x ** k, 0) / N;
        assert.ok(Math.abs(moment(1)) < 0.01 && Math.abs(moment(3)) < 0.03);
        assert.ok(Math.abs(moment(2) - 1) < 0.015 && Math.abs(moment(4) - 3) < 0.12);
        // Tails: of 200 000 numbers about 12.7 are beyond 4.
        const beyond = z.filter((x) => Math.abs(x) > 4).length;
        assert.ok(beyond >= 3 && beyond <= 28, `${beyond} beyond 4`);
        // The two numbers of a pair, and neighbours of two pairs, do not depend on each other.
        for (const apart of [1, 2]) {
          let sum = 0;
          for (let i = 0; i + apart < N; i++) sum += z[i]! * z[i + apart]!;
          assert.ok(Math.abs(sum / Math.sqrt(N)) < 3.5);
        }
      }
    }),
  );

  it(
    "randint",
    scoped(() => {
      using g = gk.random.generator(13);
      for (const dtype of ["int8", "uint16", "int32", "uint64", "int64"] as const) {
        const drawn = numbers(g.randint(5, 105, N, { dtype }));
        assert.ok(Math.abs(chiSquare(histogram(drawn, 100, (x) => x - 5), even(100))) < 3.5);
      }
      const bytes = numbers(g.randint(-128, 128, N, { dtype: "int8" }));
      assert.ok(Math.abs(chiSquare(histogram(bytes, 256, (x) => x + 128), even(256))) < 3.5);
      // Without drawing again, a third of the former would come twice as often as the rest.
      for (
        const [dtype, high] of [["uint32", 3 * 2 ** 30], ["int64", 3 * 2 ** 50]] as const
      ) {
        const drawn = numbers(g.randint(0, high, N, { dtype }));
        assert.ok(kolmogorov(drawn, (x) => (x + 1) / high) < 1.9, dtype);
        const rests = histogram(drawn, 63, (x) => x % 63);
        assert.ok(Math.abs(chiSquare(rests, even(63))) < 3.5);
      }
    }),
  );

  it(
    "bernoulli",
    scoped(() => {
      using g = gk.random.generator(14);
      for (const p of [0, 0.001, 0.3, 1]) {
        const share = gk.mean(g.bernoulli(p, N)).item();
        assert.ok(Math.abs(share - p) <= 3.5 * Math.sqrt(p * (1 - p) / N), `${p}: ${share}`);
      }
      const each = g.bernoulli(gk.array([0.1, 0.9]), [N / 2, 2]).mean({ axis: 0 });
      expectClose(each, [0.1, 0.9], { atol: 0.004 });
    }),
  );

  it(
    "choice of equally likely ones",
    scoped(() => {
      using g = gk.random.generator(15);
      const equal = numbers(g.choice(50, { shape: N }));
      assert.ok(Math.abs(chiSquare(histogram(equal, 50), even(50))) < 3.5);
    }),
  );

  it(
    "choice",
    scoped(() => {
      using g = gk.random.generator(15);
      const weights = Array.from({ length: 50 }, (_, i) => i % 7);
      const total = weights.reduce((a, b) => a + b);
      const p = gk.array(weights);
      const wanted = weights.map((w) => w / total);
      const drawn = g.choice(50, { shape: [N / 2, 2], p });
      assert.equal(drawn.dtype, "int64");
      assert.ok(Math.abs(chiSquare(histogram(numbers(drawn), 50), wanted)) < 3.5);
      // Without replacement: the first of two by its weight, the second by what is left.
      const pairs = new Array<number>(9).fill(0);
      for (let i = 0; i < 4000; i++) {
        using pair = g.choice(3, { shape: 2, replace: false, p: gk.array([1, 2, 5]) });
        const [a, b] = numbers(pair);
        pairs[3 * a! + b!]!++;
      }
      const w = [1, 2, 5];
      const two = pairs.map((_, i) => {
        const a = w[Math.floor(i / 3)]!, b = w[i % 3]!;
        return i % 4 === 0 ? 0 : a / 8 * b / (8 - a);
      });
      assert.ok(chiSquare(pairs, two) < 4);
    }),
  );

  it(
    "permutation",
    scoped(() => {
      using g = gk.random.generator(16);
      const orders = new Array<number>(24).fill(0);
      for (let i = 0; i < 6000; i++) {
        using order = g.permutation(4);
        const [a, b, c] = numbers(order) as [number, number, number];
        const rank = (x: number, before: number[]) => x - before.filter((y) => y < x).length;
        orders[a * 6 + rank(b, [a]) * 2 + rank(c, [a, b])]!++;
      }
      assert.ok(Math.abs(chiSquare(orders, even(24))) < 3.5);
    }),
  );

  it(
    "streams of different seeds are independent",
    scoped(() => {
      const draw = (seed: number) => numbers(gk.random.generator(seed).normal(N));
      const a = draw(1), b = draw(2);
      const product = a.reduce((sum, x, i) => sum + x * b[i]!, 0);
      assert.ok(Math.abs(product / Math.sqrt(N)) < 3.5);
    }),
  );
});
