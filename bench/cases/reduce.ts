// Reductions and running sums of float32. The matrix has 10,000 rows of 1,000.
import * as gk from "../../mod.ts";
import type { Case, Goal, Group } from "../case.ts";

const size = 10_000_000;

interface Row {
  readonly name: string;
  readonly call: (a: gk.NDArray<"float32">) => () => gk.NDArray;
  /** In Python, of `a` (a vector) or `m` (a matrix); `o` is an array of `a`'s shape. */
  readonly numpy?: string;
  readonly torch?: string;
  readonly numpyTs?: (np: typeof import("numpy-ts")) => () => unknown;
  readonly goal?: Goal;
}

const atLeast = (factor: number): Goal => ({ of: "fastest", atLeast: factor });

/** A reduction of all elements, or along an axis of the matrix. */
function reduction(
  name: "sum" | "mean" | "var" | "argmax" | "logsumexp",
  axis: number | undefined,
  python: { numpy?: (a: string) => string; torch: (a: string) => string },
  goal?: Goal,
): Row {
  const a = axis === undefined ? "a" : "m";
  const dtype = name === "argmax" ? "int64" : "float32";
  return {
    name: `${name} ${axis === undefined ? "10 M" : `axis ${axis}, 10 k × 1 k`}`,
    ...(goal && { goal }),
    call: (vector) => {
      if (axis === undefined) {
        const out = gk.empty([], { dtype });
        return () => gk[name](vector, { out });
      }
      const matrix = vector.reshape([10_000, 1000]);
      const out = gk.empty([axis === 0 ? 1000 : 10_000], { dtype });
      return () => gk[name](matrix, { axis, out });
    },
    ...(python.numpy && { numpy: python.numpy(a) }),
    torch: python.torch(a),
  };
}

const axes = [undefined, 0, 1] as const;
const given = (axis: number | undefined, more = "") =>
  [axis === undefined ? "" : `${axis}`, more].filter((part) => part !== "").join(", ");

const rows: Row[] = [
  ...axes.map((axis): Row => ({
    ...reduction("sum", axis, {
      numpy: (a) => `${a}.sum(${given(axis)})`,
      torch: (a) => `${a}.sum(${given(axis)})`,
    }, atLeast(0.95)),
    ...(axis === undefined && {
      numpyTs: (np) => {
        const a = np.ones([size], "float32");
        return () => np.sum(a);
      },
    }),
  })),
  reduction("mean", undefined, { numpy: (a) => `${a}.mean()`, torch: (a) => `${a}.mean()` }),
  ...axes.map((axis) =>
    reduction("var", axis, {
      numpy: (a) => `${a}.var(${given(axis)})`,
      torch: (a) => `${a}.var(${given(axis, "correction=0")})`,
    }, atLeast(2.5))
  ),
  // Along rows NumPy is bound by memory, as gpukit is: there is no 2.5 to be had.
  ...axes.map((axis) =>
    reduction("argmax", axis, {
      numpy: (a) => `${a}.argmax(${given(axis)})`,
      torch: (a) => `${a}.argmax(${given(axis)})`,
    }, atLeast(axis === 0 ? 2.5 : 1))
  ),
  reduction("logsumexp", undefined, { torch: () => "torch.logsumexp(a, 0)" }),
  {
    name: "cumsum 10 M",
    goal: atLeast(2.5),
    call: (a) => {
      const out = gk.empty([size]);
      return () => gk.cumsum(a, { axis: 0, out });
    },
    numpy: "np.cumsum(a, out=o)",
    torch: "torch.cumsum(a, 0, out=o)",
  },
  {
    name: "median 1 M",
    call: (a) => {
      const some = a.at(":1000000"), out = gk.empty([]);
      return () => gk.median(some, { out });
    },
    numpy: "np.median(a[:1000000])",
    torch: "a[:1000000].median()",
  },
];

function asCase({ name, call, numpy, torch, numpyTs, goal }: Row): Case {
  const rest = "m = a.reshape(10000, 1000)";
  return {
    name,
    queued: true,
    gpukit: () => call(gk.random.normal([size])),
    ...(goal && { goal }),
    ...(numpy && {
      numpy: [
        `a = np.random.default_rng(1).standard_normal(${size}, np.float32); o = a.copy(); ${rest}`,
        numpy,
      ] as const,
    }),
    ...(torch && { torch: [`a = torch.randn(${size}); o = a.clone(); ${rest}`, torch] as const }),
    ...(numpyTs && { numpyTs }),
  };
}

export const reduce: Group = {
  name: "reduce",
  about: "reductions and running sums of float32; without a goal: against the faster peer",
  threads: [2],
  rounds: 7,
  avx2: true,
  pause: "long",
  cases: rows.map(asCase),
};
