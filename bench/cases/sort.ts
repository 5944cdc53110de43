// Sorting and searching float32.
import * as gk from "../../mod.ts";
import type { Call, Case, Group } from "../case.ts";

const million = 1_000_000;
const int64 = { dtype: "int64" } as const;

const normals = (...shape: number[]): gk.NDArray<"float32"> => gk.random.normal(shape);
const numpyNormals = (...shape: number[]): string =>
  `a = np.random.default_rng(1).standard_normal((${shape},), np.float32)`;

/** Calls that take a while may return before the work is done. */
function row(
  name: string,
  atLeast: number | undefined,
  gpukit: () => Call,
  peers: Omit<Case, "name" | "gpukit">,
): Case {
  const goal = atLeast === undefined ? {} : { goal: { of: "fastest", atLeast } as const };
  return { name, gpukit, queued: true, ...goal, ...peers };
}

function sort(name: string, shape: number[], axis: number, atLeast?: number): Case {
  return row(
    name,
    atLeast,
    () => {
      const a = normals(...shape), out = gk.empty(shape);
      return () => gk.sort(a, { axis, out });
    },
    {
      numpy: [numpyNormals(...shape), `np.sort(a, axis=${axis})`],
      torch: [
        `a = torch.randn(${shape}); o = torch.sort(a, ${axis})`,
        `torch.sort(a, ${axis}, out=(o.values, o.indices))`,
      ],
      numpyTs: (np) => {
        const a = np.random.random(shape).astype("float32");
        return () => np.sort(a, axis).dispose();
      },
    },
  );
}

function topk(k: number): Case {
  return row(
    `topk ${k} of 1 M`,
    5,
    () => {
      const a = normals(million);
      const out = { values: gk.empty(k), indices: gk.empty(k, int64) };
      return () => gk.topk(a, k, { out });
    },
    {
      torch: [
        `a = torch.randn(${million}); o = torch.topk(a, ${k})`,
        `torch.topk(a, ${k}, out=(o.values, o.indices))`,
      ],
    },
  );
}

export const sorting: Group = {
  name: "sort",
  about: "float32; NumPy's argsort is not stable, gpukit's and PyTorch's are",
  threads: [2],
  rounds: 7,
  avx2: true,
  pause: "long",
  cases: [
    sort("sort 1 M", [million], 0, 1.2),
    sort("sort 10 k", [10_000], 0),
    sort("sort 1 k", [1_000], 0),
    sort("sort 10,000 rows of 100", [10_000, 100], 1),
    sort("sort 100 columns of 10,000", [10_000, 100], 0),
    row(
      "argsort 1 M",
      2.5,
      () => {
        const a = normals(million), out = gk.empty(million, int64);
        return () => gk.argsort(a, { out });
      },
      {
        numpy: [numpyNormals(million), "np.argsort(a)"],
        torch: [`a = torch.randn(${million})`, "torch.argsort(a, stable=True)"],
      },
    ),
    topk(100),
    topk(10_000),
    row(
      "searchsorted 1 M in 1 M",
      undefined,
      () => {
        const a = normals(million), v = normals(million), out = gk.empty(million, int64);
        const sorted = gk.sort(a);
        return () => gk.searchsorted(sorted, v, { out });
      },
      {
        numpy: [`${numpyNormals(million)}; v = a[::-1].copy(); a.sort()`, "np.searchsorted(a, v)"],
        torch: [
          `a = torch.randn(${million}).sort().values; v = torch.randn(${million}); ` +
          "o = torch.searchsorted(a, v)",
          "torch.searchsorted(a, v, out=o)",
        ],
      },
    ),
    row(
      "unique of 1 M",
      undefined,
      () => {
        const a = normals(million);
        return () => gk.unique(a).dispose();
      },
      {
        numpy: [numpyNormals(million), "np.unique(a)"],
        torch: [`a = torch.randn(${million})`, "torch.unique(a)"],
        numpyTs: (np) => {
          const a = np.random.random([million]).astype("float32");
          return () => np.unique(a);
        },
      },
    ),
  ],
};
