// Times cases inside Deno or Bun, on request of bench/measure.mjs: one JSON request per line on
// stdin, one JSON answer per line on stdout.
//
//   {do: "list"}                       {groups, isa}: the groups without their functions
//   {do: "prepare", id, who, budget}   who: gpukit, numpyTs or plain; budget: ms that a round takes
//   {do: "round", id, who}             {ns}: the time of one call
//   {do: "release", id}                frees what prepare made
//
// A round is one run of a tinybench task: one batch of calls to warm up, then up to five that are
// timed, of which the median counts. tinybench sees a batch as one iteration, since its own cost of
// 40 to 90 ns a time would drown a call of 15 ns; and rounds are asked for singly, since only the
// driver can interleave them with other processes. Deviations are therefore those between rounds.

import process from "node:process";
import { createInterface } from "node:readline";
import { Bench } from "tinybench";
import * as gk from "../mod.ts";
import type { Call, Case } from "./case.ts";
import { groups } from "./cases/mod.ts";

type Who = "gpukit" | "numpyTs" | "plain";
interface Request {
  do: "list" | "prepare" | "round" | "release";
  id: string;
  who: Who;
  budget: number;
}
interface Prepared {
  bench: Bench;
  calls: number;
  release: () => void;
}

const cases = new Map<string, Case>();
for (const group of groups) {
  for (const row of group.cases) if ("gpukit" in row) cases.set(`${group.name}/${row.name}`, row);
}
const prepared = new Map<string, Prepared>();

function list(): unknown {
  const described = groups.map((group) => ({
    ...group,
    cases: group.cases.map((row) => ({
      ...row,
      id: `${group.name}/${row.name}`,
      avx2: group.avx2 === true && gk.device("cpu").info["isa"] === "avx512",
      who: (["gpukit", "numpyTs", "plain"] as const).filter((who) => who in row),
    })),
  }));
  return { groups: described, isa: gk.device("cpu").info["isa"] };
}

/**
 * The loop around a call, compiled for this case alone: one loop shared by all cases would see many
 * calls, and neither engine would inline any. (V8 shares code by source text, hence the title.)
 */
function loopFor(title: string, isAsync: boolean): (call: Call, calls: number) => unknown {
  const body = `// ${title}
    let last;
    for (let i = 0; i < calls; i++) last = ${isAsync ? "await call()" : "call()"};
    return last;`;
  return new Function(`return ${isAsync ? "async " : ""}function (call, calls) { ${body} }`)();
}

let numpyTs: typeof import("numpy-ts") | undefined;

async function makeCall(row: Case, who: Who): Promise<Call> {
  if (who === "gpukit") return await row.gpukit();
  if (who === "plain") return await row.plain!();
  if (!numpyTs) {
    numpyTs = await import("numpy-ts");
    // Its memory has a fixed size, 256 MB unless told: with less it falls back to slower arrays.
    numpyTs.configureWasm({ maxMemory: 1 << 30 });
  }
  return row.numpyTs!(numpyTs);
}

async function prepare({ id, who, budget }: Request): Promise<unknown> {
  const row = cases.get(id)!;
  const { call, release } = await hold(() => makeCall(row, who));
  // An op that failed after its call returned would look fast: reading its result throws.
  const first = await call();
  if (first instanceof gk.NDArray && !first.isDisposed) first.reshape([-1]).at("0:1").dataSync();
  const isAsync = who === "gpukit" && row.async === true;
  const isQueued = who === "gpukit" && row.queued === true;
  const loop = loopFor(`${id} ${who}`, isAsync);
  let calls = 1;
  const batch = isQueued
    ? () => {
      loop(call, calls);
      gk.device("cpu").synchronize();
    }
    : () => loop(call, calls);

  // Doubles the batch until it takes a fifth of the budget, for at least as long as the engines
  // need to compile it.
  let took = 0;
  for (let spent = 0, runs = 0; runs < 2 || spent < 5 * budget; runs++) {
    if (took > 0 && took < budget / 10) calls *= 2;
    const began = performance.now();
    await batch();
    took = performance.now() - began;
    spent += took;
  }
  const perCall = took / calls;
  const batches = Math.min(5, Math.max(1, Math.round(budget / perCall)));
  calls = Math.max(1, Math.round(budget / batches / perCall));

  const bench = new Bench({
    iterations: batches,
    time: 0,
    warmupIterations: 1,
    warmupTime: 0,
    throws: true,
  });
  bench.add(id, batch, { async: isAsync });
  prepared.set(`${id} ${who}`, { bench, calls, release });
  return { calls, batches };
}

/** Makes a call in a scope of its own that stays open until `release`. */
function hold(make: () => Promise<Call>): Promise<{ call: Call; release: () => void }> {
  return new Promise((resolve, reject) => {
    gk.scope(async () => {
      const call = await make();
      await new Promise<void>((release) => resolve({ call, release }));
    }).catch(reject);
  });
}

async function round({ id, who }: Request): Promise<unknown> {
  const { bench, calls } = prepared.get(`${id} ${who}`)!;
  bench.reset();
  const [task] = await bench.run();
  if (task?.result.state !== "completed") throw new Error(`tinybench: ${task?.result.state}`);
  return { ns: (task.result.latency.p50 * 1e6) / calls };
}

function release({ id }: Request): unknown {
  for (const [key, held] of prepared) {
    if (!key.startsWith(`${id} `)) continue;
    held.release();
    prepared.delete(key);
  }
  return {};
}

const actions = { list, prepare, round, release };

for await (const line of createInterface({ input: process.stdin })) {
  let answer: unknown;
  try {
    const request = JSON.parse(line) as Request;
    answer = await actions[request.do](request);
  } catch (error) {
    answer = { error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
  console.log(JSON.stringify(answer));
}
