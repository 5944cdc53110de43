// From the start of a program to its first result.
import type { Group } from "../case.ts";

export const start: Group = {
  name: "start",
  about: "time beyond an empty program's; the ratio is to that program's start",
  threads: [2],
  pause: "short",
  cases: [
    {
      name: "import, add two arrays, read",
      program: "bench/start/first.ts",
      empty: "bench/start/empty.ts",
      numpyProgram: "import numpy as np; np.add(np.array([1, 2, 3]), np.array([4, 5, 6])).tolist()",
      goal: { atMostStarts: { deno: 1.2, bun: 1.6 } },
    },
  ],
};
