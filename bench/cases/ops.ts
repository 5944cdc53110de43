// Products of matrices, shown to watch them; the other groups are of a family each.
import * as gk from "../../mod.ts";
import type { Call, Case, Group } from "../case.ts";

const normals = (...shape: number[]): gk.NDArray => gk.random.normal(shape);
const numpyNormals = (...shape: number[]): string =>
  `np.random.default_rng(1).standard_normal((${shape},), np.float32)`;

/** gpukit's calls may return before the work is done, so the time includes waiting for it. */
function row(name: string, gpukit: () => Call, peers: Omit<Case, "name" | "gpukit">): Case {
  return { name, gpukit, queued: true, ...peers };
}

function matmul(n: number): Case {
  return row(
    `matmul ${n}`,
    () => {
      const a = normals(n, n), b = normals(n, n), out = gk.empty([n, n]);
      return () => gk.matmul(a, b, { out });
    },
    {
      numpy: [
        `a = ${numpyNormals(n, n)}; b = a.copy(); o = np.empty_like(a)`,
        "np.matmul(a, b, out=o)",
      ],
      torch: [
        `a = torch.randn(${n}, ${n}); b = a.clone(); o = a.clone()`,
        "torch.matmul(a, b, out=o)",
      ],
      numpyTs: (np) => {
        const a = np.random.random([n, n]).astype("float32"), b = a.copy();
        return () => np.matmul(a, b).dispose();
      },
    },
  );
}

export const ops: Group = {
  name: "ops",
  about: "float32, into a given array where the peer can; without a goal: against the faster peer",
  threads: [1, 2],
  pause: "long",
  cases: [
    ...[64, 256, 512, 1024].map(matmul),
  ],
};
