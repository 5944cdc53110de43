// Replaying a recorded graph.
import * as gk from "../../mod.ts";
import type { Group } from "../case.ts";

const ops = 100;

export const graph: Group = {
  name: "graph",
  about: `a graph of ${ops} adds of 8 numbers, per add`,
  threads: [2],
  pause: "short",
  cases: [
    {
      name: "graph.launch()",
      goal: { atMostNs: 30 },
      per: ops,
      queued: true,
      gpukit: () => {
        const x = gk.zeros([8]), one = gk.ones([8]);
        const adds = gk.graph(() => {
          for (let i = 0; i < ops; i++) gk.add(x, one, { out: x });
        });
        return () => adds.launch();
      },
      numpy: ["x = np.zeros(8, np.float32); one = np.ones(8, np.float32)", "np.add(x, one, out=x)"],
      torch: ["x = torch.zeros(8); one = torch.ones(8)", "torch.add(x, one, out=x)"],
    },
  ],
};
