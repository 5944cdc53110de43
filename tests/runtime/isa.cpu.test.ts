// The same results on every instruction set and with any number of threads, bit for bit where that is
// promised: integers, comparisons, sorts and random bits everywhere; float sums and matrix products
// for one set whatever the threads; transcendental functions within 3 ulp across sets.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import process from "node:process";
import { run } from "./child.ts";
import type { Report } from "./isa_program.ts";

const patient = { timeout: 300_000 };

const program = `await import(${
  JSON.stringify(new URL("./isa_program.ts", import.meta.url).href)
});`;

const isaNames = process.arch === "x64" ? ["baseline", "avx2", "avx512"] : ["neon"];

/** The report of the program on a set; undefined where the machine does not have the set. */
function report(isa: string, threads: string): Report | undefined {
  const env = { GPUKIT_CPU_ISA: isa, GPUKIT_NUM_THREADS: threads };
  const said = run("console.log(attempt(() => gk.zeros(1).item()));", env);
  if (/DeviceError: .*this machine has no/.test(said)) return undefined;
  assert.equal(said, "0");
  const result = JSON.parse(run(program, env)) as Report;
  assert.equal(result.isa, isa);
  return result;
}

/** The floats as integers that are one apart for neighbours. */
function places([dtype, text]: Report["close"][number]): bigint[] {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const [bits, values] = dtype === "float32"
    ? [32, Array.from(new Uint32Array(bytes.buffer), BigInt)]
    : [64, Array.from(new BigUint64Array(bytes.buffer))];
  const sign = 1n << BigInt(bits - 1);
  return values.map((x) => x & sign ? sign - x : x);
}

describe("instruction sets and threads", () => {
  const reports = new Map<string, Report>();

  for (const isa of isaNames) {
    it(`${isa}: the same with one thread and with more`, patient, () => {
      const one = report(isa, "1");
      if (one === undefined) return;
      reports.set(isa, one);
      for (const threads of process.env["GPUKIT_TEST_FULL"] ? ["2", "3", "7"] : ["2"]) {
        assert.deepEqual(report(isa, threads)!.hashes, one.hashes, `${threads} threads`);
      }
    });
  }

  it("all sets agree", patient, () => {
    const [first, ...others] = [...reports.values()];
    assert.ok(first !== undefined, "no set ran");
    for (const other of others) {
      const what = `${other.isa} and ${first.isa}`;
      assert.deepEqual(other.hashes.everywhere, first.hashes.everywhere, what);
      other.close.forEach((part, i) => {
        const [x, y] = [places(part), places(first.close[i]!)];
        const apart = x.map((n, k) => n > y[k]! ? n - y[k]! : y[k]! - n);
        const most = apart.reduce((a, b) => a > b ? a : b);
        assert.ok(most <= 3n, `result ${i} of ${what}: ${most} ulp apart`);
      });
    }
  });
});

describe("GPUKIT_NUM_THREADS", () => {
  for (const wrong of ["0", "-1", "abc", "2x", "100000"]) {
    it(`${wrong} is refused`, patient, () => {
      const said = run("console.log(attempt(() => gk.zeros(2)));", { GPUKIT_NUM_THREADS: wrong });
      assert.match(said, new RegExp(`^DeviceError: .*GPUKIT_NUM_THREADS=${wrong}\\b`));
    });
  }

  it("says how many threads there are", patient, () => {
    const code = `console.log(gk.device("cpu").info.threads);`;
    assert.equal(run(code, { GPUKIT_NUM_THREADS: "1" }), "1");
    assert.equal(run(code, { GPUKIT_NUM_THREADS: "3" }), "3");
  });
});
