// The digits example against the same loop in plain TypeScript.
import type { Group } from "../case.ts";

export const demo: Group = {
  name: "demo",
  about: "the training of examples/digits",
  threads: [2],
  pause: "short",
  cases: [],
};
