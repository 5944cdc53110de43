// Elements at random places, and those that a mask chooses; float32 and int64 indices.
import * as gk from "../../mod.ts";
import type { Call, Case, Group } from "../case.ts";

const million = 1_000_000;
const large = 10 * million;

/** Random whole numbers below `n`, at most 2^24. */
const places = (n: number, ...shape: number[]): gk.NDArray<"int64"> =>
  gk.floor(gk.random.uniform(shape, { low: 0, high: n })).astype("int64");

const setup = (lines: string): string => `g = np.random.default_rng(1); ${lines}`;
const normal = (shape: string): string => `g.standard_normal(${shape}, np.float32)`;
/** NumPy's operands as PyTorch's. */
const tensors = (lines: string, names: string): string =>
  `import numpy as np; ${setup(lines)}; ${names} = map(torch.from_numpy, (${names}))`;

function row(name: string, gpukit: () => Call, peers: Omit<Case, "name" | "gpukit">): Case {
  return { name, gpukit, queued: true, ...peers };
}

const scalars = `a = ${
  normal(`${large}`)
}; i = g.integers(0, ${large}, ${million}); o = a[:${million}].copy()`;
const rows = `a = ${
  normal("(400_000, 64)")
}; i = g.integers(0, 400_000, 100_000); o = a[:100_000].copy()`;
const short = `a = ${normal(`(${million}, 8)`)}; i = np.array([5, 0, 2]); o = a[:, :3].copy()`;
const pairs = `a = ${normal("(4000, 2500)")}; i, j = g.integers(0, 2500, (2, ${million}))`;
const lines = `a = ${
  normal("(1000, 10_000)")
}; i = g.integers(0, 10_000, (1000, 1000)); o = a[:, :1000].copy()`;
const sums = `a = ${
  normal(`${large}`)
}; i = g.integers(0, ${large}, ${million}); v = a[:${million}].copy()`;
const halves = `a = ${normal(`${large}`)}; m = a > 0`;
const values = `x = g.integers(0, 1000, ${large}); y = x`;

export const indexing: Group = {
  name: "indexing",
  about: "float32 and int64 indices, random; against the faster of NumPy and PyTorch",
  threads: [2],
  rounds: 7,
  avx2: true,
  pause: "long",
  cases: [
    row(
      "take 1 M of 10 M",
      () => {
        const a = gk.random.normal([large]), out = gk.empty([million]), i = places(large, million);
        return () => gk.take(a, i, { out });
      },
      {
        goal: { of: "fastest", atLeast: 3 },
        // With mode="raise" NumPy would go through a buffer for out.
        numpy: [setup(scalars), 'np.take(a, i, out=o, mode="clip")'],
        torch: [tensors(scalars, "a, i, o"), "torch.take(a, i, out=o)"],
      },
    ),
    row(
      "take 100 k rows of 64",
      () => {
        const a = gk.random.normal([400_000, 64]), i = places(400_000, 100_000);
        const out = gk.empty([100_000, 64]);
        return () => gk.take(a, i, { axis: 0, out });
      },
      {
        numpy: [setup(rows), 'np.take(a, i, axis=0, out=o, mode="clip")'],
        torch: [tensors(rows, "a, i, o"), "torch.index_select(a, 0, i, out=o)"],
      },
    ),
    row(
      "take 3 of rows of 8, 1 M",
      () => {
        const a = gk.random.normal([million, 8]), out = gk.empty([million, 3]);
        const i = gk.array([5n, 0n, 2n]);
        return () => gk.take(a, i, { axis: 1, out });
      },
      {
        numpy: [setup(short), 'np.take(a, i, axis=1, out=o, mode="clip")'],
        torch: [tensors(short, "a, i, o"), "torch.index_select(a, 1, i, out=o)"],
      },
    ),
    row(
      "gather 1 M of 4000 × 2500",
      () => {
        const a = gk.random.normal([4000, 2500]), out = gk.empty([million]);
        const i = places(2500, million), j = places(2500, million);
        return () => gk.gather(a, [i, j], { out });
      },
      {
        numpy: [setup(pairs), "a[i, j]"],
        torch: [tensors(pairs, "a, i, j"), "a[i, j]"],
      },
    ),
    row(
      "takeAlongAxis 1000 × 1000",
      () => {
        const a = gk.random.normal([1000, 10_000]), i = places(10_000, 1000, 1000);
        const out = gk.empty([1000, 1000]);
        return () => gk.takeAlongAxis(a, i, { out });
      },
      {
        numpy: [setup(lines), "np.take_along_axis(a, i, 1)"],
        torch: [tensors(lines, "a, i, o"), "torch.gather(a, 1, i, out=o)"],
      },
    ),
    row(
      "scatterAdd 1 M to 10 M",
      () => {
        const a = gk.random.normal([large]), i = places(large, million);
        const v = gk.random.normal([million]);
        return () => gk.scatterAdd(a, i, v, { out: a });
      },
      {
        numpy: [setup(sums), "np.add.at(a, i, v)"],
        torch: [tensors(sums, "a, i, v"), "a.scatter_add_(0, i, v)"],
      },
    ),
    row(
      "mask 10 M, half",
      () => {
        const a = gk.random.normal([large]), m = gk.greater(a, 0);
        return () => gk.mask(a, m).dispose();
      },
      {
        numpy: [setup(halves), "a[m]"],
        torch: [tensors(halves, "a, m"), "torch.masked_select(a, m)"],
      },
    ),
    row(
      "nonzero 10 M, half",
      () => {
        const m = gk.greater(gk.random.normal([large]), 0);
        return () => gk.nonzero(m).forEach((axis) => axis.dispose());
      },
      {
        numpy: [setup(halves), "np.nonzero(m)"],
        torch: [tensors(halves, "a, m"), "torch.nonzero(m)"],
      },
    ),
    row(
      "bincount 10 M of 1000",
      () => {
        const x = places(1000, large);
        return () => gk.bincount(x).dispose();
      },
      {
        numpy: [setup(values), "np.bincount(x)"],
        torch: [tensors(values, "x, y"), "torch.bincount(x)"],
      },
    ),
    row(
      "histogram 10 M, 100 bins",
      () => {
        const a = gk.random.normal([large]);
        const options = { bins: 100, range: [-4, 4] } as const;
        return () => {
          const { counts, edges } = gk.histogram(a, options);
          counts.dispose();
          edges.dispose();
        };
      },
      {
        numpy: [setup(halves), "np.histogram(a, bins=100, range=(-4, 4))"],
        torch: [tensors(halves, "a, m"), "torch.histc(a, bins=100, min=-4, max=4)"],
      },
    ),
  ],
};
