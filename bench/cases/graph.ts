// Replaying a recorded graph: what one small op costs inside the library, without the call from
// TypeScript, for each layout.
import * as gk from "../../mod.ts";
import type { Case, Goal, Group, Python } from "../case.ts";

const ops = 100;

function row(
  name: string,
  goal: Goal | undefined,
  operands: () => [x: gk.NDArray, y: gk.NDArray, out: gk.NDArray],
  numpy: Python,
  torch?: Python,
): Case {
  return {
    name,
    ...(goal && { goal }),
    per: ops,
    queued: true,
    gpukit: () => {
      const [x, y, out] = operands();
      const adds = gk.graph(() => {
        for (let i = 0; i < ops; i++) gk.add(x, y, { out });
      });
      return () => adds.launch();
    },
    numpy,
    ...(torch && { torch }),
  };
}

export const graph: Group = {
  name: "graph",
  about: `a graph of ${ops} adds of 8 numbers, per add`,
  threads: [2],
  pause: "short",
  cases: [
    row(
      "graph.launch()",
      { atMostNs: 25 },
      () => {
        const x = gk.zeros([8]);
        return [x, gk.ones([8]), x];
      },
      ["x = np.zeros(8, np.float32); one = np.ones(8, np.float32)", "np.add(x, one, out=x)"],
      ["x = torch.zeros(8); one = torch.ones(8)", "torch.add(x, one, out=x)"],
    ),
    row(
      "of every second element",
      undefined,
      () => [gk.zeros([16]).at("::2"), gk.ones([8]), gk.empty([8])],
      [
        "x = np.zeros(16, np.float32)[::2]; y = np.ones(8, np.float32); o = np.empty(8, np.float32)",
        "np.add(x, y, out=o)",
      ],
    ),
    row(
      "of a row and a column, 2 × 4",
      undefined,
      () => [gk.zeros([4]), gk.ones([2, 1]), gk.empty([2, 4])],
      [
        "x = np.zeros(4, np.float32); y = np.ones((2, 1), np.float32); o = np.empty((2, 4), np.float32)",
        "np.add(x, y, out=o)",
      ],
    ),
    row(
      "of a transposed matrix, 8 × 8",
      undefined,
      () => [gk.zeros([8, 8]).T, gk.ones([8, 8]), gk.empty([8, 8])],
      [
        "x = np.zeros((8, 8), np.float32).T; y = np.ones((8, 8), np.float32); o = y.copy()",
        "np.add(x, y, out=o)",
      ],
    ),
  ],
};
