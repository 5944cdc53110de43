// Measures the rows of the GPU benchmark in one runtime, on the default device.
//
//   worker.ts list                                          the rows without their functions
//   worker.ts rows BYTES ROUNDS CALLS                       ms a call of each row, between two events
//   worker.ts calls ROUNDS CALLS                            ns from the call to its return, of small ops
//   worker.ts jit ROUNDS                                    ms from a source to its kernel; {missing: why}
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
  const nothing = kernelOrNone('extern "C" __global__ void nothing(float *x, int n) {}', "nothing");
  const once = { grid: 1, block: 32 };
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
    ...(nothing && { "kernel.launch(x, n)": [() => nothing.launch(once, a, 8), calls] }),
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

/** Undefined where NVRTC is not there, or the driver of a benchmark runs no code of its own. */
function kernelOrNone(source: string, name: string): gk.Kernel | undefined {
  try {
    const kernel = gk.jit(source, name);
    kernel.launch({ grid: 1, block: 32 }, null, 0);
    return kernel;
  } catch (error) {
    if (error instanceof gk.UnsupportedError) return undefined;
    throw error;
  }
}

/** From a source to its kernel: compiled, from the cache on disk, and from memory. */
function measureJit(rounds: number): unknown {
  const times: Times = {};
  const run = Date.now().toString(36);
  for (let round = -1; round < rounds; round++) {
    const source = `// ${run} ${round}
      extern "C" __global__ void saxpy(float a, const float *x, float *y, int n) {
        int i = blockIdx.x * blockDim.x + threadIdx.x;
        if (i < n) y[i] = a * x[i] + y[i];
      }`;
    const take = (name: string, from: string) => {
      const began = performance.now();
      const kernel = gk.jit(source, "saxpy");
      const ms = performance.now() - began;
      if (kernel.origin.from !== from) throw new Error(`${name}: came from ${kernel.origin.from}`);
      if (round >= 0) add(times, name, ms);
      return kernel;
    };
    try {
      take("compiled", "compiler").dispose();
    } catch (error) {
      if (error instanceof gk.UnsupportedError) return { missing: error.message };
      throw error;
    }
    const kernel = take("from disk", "disk");
    const count = 1000;
    const began = performance.now();
    for (let i = 0; i < count; i++) gk.jit(source, "saxpy").dispose();
    if (round >= 0) add(times, "from memory", (performance.now() - began) / count);
    kernel.dispose();
  }
  return { compiler: gk.info().nvrtcVersion, ...times };
}

const [what, ...sizes] = process.argv.slice(2);
const [first, second, third] = sizes.map(Number);
const answers: Record<string, () => unknown> = {
  list: () => rows,
  rows: () => measureRows(first!, second!, third!),
  calls: () => measureCalls(first!, second!),
  jit: () => measureJit(first!),
};
console.log(JSON.stringify(answers[what ?? "list"]!()));
