// The training of the example against the same loops in plain TypeScript.
import { network, plain } from "../../examples/digits/train.ts";
import type { Group } from "../case.ts";

export const demo: Group = {
  name: "demo",
  about: "examples/digits: one epoch of training",
  threads: [1, 2],
  pause: "short",
  cases: [
    {
      name: "digits",
      goal: { of: "plain", atLeast: 5 },
      gpukit: () => {
        const { epoch } = network();
        return epoch;
      },
      plain: async () => (await plain()).epoch,
    },
  ],
};
