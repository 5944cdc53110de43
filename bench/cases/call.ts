// What one call costs, on arrays so small that nothing else counts.
import * as gk from "../../mod.ts";
import type { Group, Python } from "../case.ts";

const eight = (): gk.NDArray => gk.array([1, 2, 3, 4, 5, 6, 7, 8]);
const numpyEight = "a = np.arange(8, dtype=np.float32); b = a.copy(); o = a.copy()";
const torchEight = "a = torch.arange(8.0); b = a.clone(); o = a.clone()";
const numpyNew: Python = [numpyEight, "np.add(a, b)"];
const torchNew: Python = [torchEight, "torch.add(a, b)"];

export const call: Group = {
  name: "call",
  about: "calls on 8 float32 numbers, and what surrounds them; one thread is used, two are allowed",
  threads: [2],
  pause: "short",
  cases: [
    {
      name: "add(a, b, {out})",
      goal: { of: "numpy", atLeast: 8 },
      gpukit: () => {
        const a = eight(), b = eight(), out = eight();
        return () => gk.add(a, b, { out });
      },
      numpy: [numpyEight, "np.add(a, b, out=o)"],
      torch: [torchEight, "torch.add(a, b, out=o)"],
    },
    {
      name: "a.add(2, {out})",
      gpukit: () => {
        const a = eight(), out = eight();
        return () => a.add(2, { out });
      },
      numpy: [numpyEight, "np.add(a, 2, out=o)"],
      torch: [torchEight, "torch.add(a, 2, out=o)"],
    },
    {
      // Ten in a scope, since a scope of one would mostly measure the scope.
      name: "add(a, b), 10 in a scope, each",
      goal: { of: "numpy", atLeast: 4 },
      per: 10,
      gpukit: () => {
        const a = eight(), b = eight();
        return () =>
          gk.scope(() => {
            for (let i = 0; i < 10; i++) gk.add(a, b);
          });
      },
      numpy: numpyNew,
      torch: torchNew,
    },
    {
      name: "add(a, b).dispose()",
      gpukit: () => {
        const a = eight(), b = eight();
        return () => gk.add(a, b).dispose();
      },
      numpy: numpyNew,
      torch: torchNew,
      numpyTs: (np) => {
        const a = np.arange(0, 8, 1, "float32"), b = np.arange(0, 8, 1, "float32");
        return () => np.add(a, b).dispose();
      },
    },
    {
      name: "scope(() => {})",
      goal: { atMostNs: 100 },
      gpukit: () => () => gk.scope(() => {}),
    },
    {
      name: "scope(async) with one await",
      goal: { atMostNs: 1000 },
      async: true,
      gpukit: () => () =>
        gk.scope(async () => {
          await undefined;
        }),
    },
    {
      name: "a.item()",
      gpukit: () => {
        const a = gk.array([7]);
        return () => a.item();
      },
      numpy: ["a = np.array([7], np.float32)", "a.item()"],
      torch: ["a = torch.tensor([7.0])", "a.item()"],
    },
    {
      // A new array each time: a shape read twice is a property, which an engine lifts out of loops.
      name: "add(a, b), .shape, dispose()",
      gpukit: () => {
        const a = eight(), b = eight();
        return () => {
          const sum = gk.add(a, b);
          const [length] = sum.shape;
          sum.dispose();
          return length;
        };
      },
      numpy: [numpyEight, "np.add(a, b).shape"],
      torch: [torchEight, "torch.add(a, b).shape"],
    },
    {
      name: "add(a, b, {out}) of 8 × 8 and 8",
      gpukit: () => {
        const a = gk.zeros([8, 8]), b = eight(), out = gk.zeros([8, 8]);
        return () => gk.add(a, b, { out });
      },
      numpy: [
        "a = np.zeros((8, 8), np.float32); b = np.arange(8, dtype=np.float32); o = a.copy()",
        "np.add(a, b, out=o)",
      ],
      torch: [
        "a = torch.zeros(8, 8); b = torch.arange(8.0); o = a.clone()",
        "torch.add(a, b, out=o)",
      ],
    },
  ],
};
