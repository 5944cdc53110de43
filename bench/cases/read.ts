// Reading 40 MB out of an array.
import * as gk from "../../mod.ts";
import type { Case, Group, Python } from "../case.ts";

const size = 10_000_000;
const numpy: Python = [
  `a = np.ones(${size}, np.float32); into = np.empty(${size}, np.float32)`,
  "np.copyto(into, a)",
];
const torch: Python = [`a = torch.ones(${size}); into = torch.empty(${size})`, "into.copy_(a)"];
const goal: Case["goal"] = { of: "numpy", atLeast: 1 / 1.2 };

export const read: Group = {
  name: "read",
  about: "40 MB of float32 into a given buffer, against np.copyto",
  threads: [1, 2],
  pause: "long",
  cases: [
    {
      name: "a.dataSync({into})",
      goal,
      gpukit: () => {
        const a = gk.ones([size]), into = new Float32Array(size).fill(2);
        return () => a.dataSync({ into });
      },
      numpy,
      torch,
    },
    {
      name: "await a.data({into})",
      goal,
      async: true,
      gpukit: () => {
        const a = gk.ones([size]), into = new Float32Array(size).fill(2);
        return () => a.data({ into });
      },
      numpy,
      torch,
    },
  ],
};
