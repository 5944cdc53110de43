// Measures the rows of the GPU benchmark in one runtime, on the default device.
//
//   worker.ts list                                          the rows without their functions
//   worker.ts rows BYTES ROUNDS CALLS                       ms a call of each row, between two events
//   worker.ts calls ROUNDS CALLS                            ns from the call to its return, of small ops
//
// Prints one JSON object. Rounds go over all rows, so that a change of clock meets all of them.

import process from "node:process";
import * as gk from "../../mod.ts";
import { makeOperands, rows } from "./rows.ts";

type Times = Record<string, number[]>;

function add(times: Times, name: string, value: number): void {
  (times[name] ??= []).push(value);
}

function measureRows(bytes: number, rounds: number, calls: number): Times {
  const times: Times = {};
  const stream = gk.stream();
  stream.run(() => {
    const operands = makeOperands(bytes);
    for (let round = -1; round < rounds; round++) { // the first one warms up
      for (const { name, call } of rows) {
        // The device is busy before the first event, so that the host keeps ahead of it.
        call(operands);
        const begin = stream.record();
        for (let i = 0; i < calls; i++) call(operands);
        const end = stream.record();
        const ms = end.elapsedMs(begin) / calls;
        begin.dispose();
        end.dispose();
        if (round >= 0) add(times, name, ms);
      }
    }
  });
  return times;
}

/** The host's time alone: each round finds the device idle and waits for it after the clock is read. */
function measureCalls(rounds: number, calls: number): Times {
  const times: Times = {};
  const a = gk.ones([8]);
  const b = gk.ones([8]);
  const out = gk.empty([8]);
  const one = gk.ones([1]);
  const replayed = gk.graph(() => {
    for (let i = 0; i < 20; i++) gk.add(a, b, { out });
  });
  const device = gk.device();
  const measured: Record<string, [call: () => unknown, calls: number]> = {
    "add(a, b, {out})": [() => gk.add(a, b, { out }), calls],
    "add(a, b).dispose()": [() => gk.add(a, b).dispose(), calls],
    "sum(a).dispose()": [() => gk.sum(a).dispose(), calls],
    "graph of 20 ops": [() => replayed.launch(), calls],
    "add(a, b, {out}), and wait": [() => {
      gk.add(a, b, { out });
      device.synchronize();
    }, Math.ceil(calls / 4)],
    "item() of one number": [() => one.item(), Math.ceil(calls / 4)],
  };
  for (let round = -20; round < rounds; round++) { // until both engines have compiled it
    for (const [name, [call, count]] of Object.entries(measured)) {
      device.synchronize();
      const began = performance.now();
      for (let i = 0; i < count; i++) call();
      const ns = (performance.now() - began) * 1e6 / count;
      if (round >= 0) add(times, name, ns);
    }
  }
  device.synchronize();
  return times;
}

const [what, ...sizes] = process.argv.slice(2);
const [first, second, third] = sizes.map(Number);
const answers: Record<string, () => unknown> = {
  list: () => rows,
  rows: () => measureRows(first!, second!, third!),
  calls: () => measureCalls(first!, second!),
};
console.log(JSON.stringify(answers[what ?? "list"]!()));
