// All groups, in the order of the table.
import type { Group } from "../case.ts";
import { arithmetic } from "./arithmetic.ts";
import { call } from "./call.ts";
import { demo } from "./demo.ts";
import { fft } from "./fft.ts";
import { functions } from "./functions.ts";
import { graph } from "./graph.ts";
import { indexing } from "./indexing.ts";
import { memory } from "./memory.ts";
import { ops } from "./ops.ts";
import { random } from "./random.ts";
import { read } from "./read.ts";
import { reduce } from "./reduce.ts";
import { sorting } from "./sort.ts";
import { start } from "./start.ts";

export const groups: readonly Group[] = [
  call,
  start,
  read,
  memory,
  ops,
  functions,
  reduce,
  fft,
  sorting,
  random,
  indexing,
  arithmetic,
  graph,
  demo,
];
