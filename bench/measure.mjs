// Runs cases in long-lived worker processes, one for each runtime and peer, and turns their times
// into ratios.
//
// A ratio is the median of the ratios within a round, in which every process times the same case
// once, in turn: what disturbs the machine for seconds disturbs both sides of a pair. A library's
// threads spin for some milliseconds after their work and would slow down the next one's, hence the
// pause between processes that have more than one thread.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { root, tools } from "../scripts/tools.mjs";

/**
 * Settings of the shell that slow a library down or change its threads, such as an
 * OPENBLAS_CORETYPE that halves NumPy's speed: no peer is measured with them.
 */
const handicaps =
  /^(OPENBLAS|GOTO|OMP|GOMP|KMP|MKL|BLIS|VECLIB|NPY|NUMPY|NVPL|ATEN|TORCH|PYTORCH|DNNL|ONEDNN|PYTHON|DENO_V8|BUN_JSC|NODE)_?/;

export function environment(threads, more = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !handicaps.test(name));
  return {
    ...Object.fromEntries(kept),
    OMP_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
    MKL_NUM_THREADS: String(threads),
    GPUKIT_NUM_THREADS: String(threads),
    ...more,
  };
}

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A process that answers requests, a line of JSON each way. */
export class Worker {
  #child;
  #ended;
  #waiting;
  #stderr = "";

  constructor(title, [command, ...args], threads, more) {
    this.title = title;
    this.#child = spawn(command, args, { cwd: root, env: environment(threads, more) });
    this.#child.stderr.on("data", (data) => (this.#stderr = (this.#stderr + data).slice(-4000)));
    this.#child.stdin.on("error", () => {}); // A dead process is reported by its end, below.
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) this.#waiting?.resolve(JSON.parse(line));
    });
    this.#ended = new Promise((resolve) => {
      this.#child.on("error", (error) => resolve(error.message));
      this.#child.on("close", (code, signal) => resolve(code === 0 ? "" : `${signal ?? code}`));
    });
    this.#ended.then((how) =>
      this.#waiting?.reject(new Error(`the process ended (${how || "0"})\n${this.#stderr}`))
    );
  }

  get alive() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async ask(request, seconds = 180) {
    const answer = await new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      const late = setTimeout(() => {
        this.#child.kill("SIGKILL");
        reject(new Error(`no answer within ${seconds} s`));
      }, seconds * 1000);
      this.#ended.finally(() => clearTimeout(late));
      this.#waiting.resolve = (value) => (clearTimeout(late), resolve(value));
      if (!this.alive) reject(new Error(`the process has ended\n${this.#stderr}`));
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  /** Ends the process; throws where that was not in peace. */
  async close() {
    this.#waiting = undefined;
    this.#child.stdin.end();
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    const how = await this.#ended;
    clearTimeout(late);
    if (how) throw new Error(`did not end in peace: ${how}\n${this.#stderr}`);
  }
}

/** The processes of one thread count, started when a case first needs them. */
export class Workers {
  #commands;
  #open = new Map();

  constructor(threads, python) {
    this.threads = threads;
    this.#commands = {
      deno: [tools.deno, "run", "-A", "bench/worker.ts"],
      bun: [tools.bun, "bench/worker.ts"],
      avx2: [tools.deno, "run", "-A", "bench/worker.ts"],
      ...(python && { numpy: [python, "bench/worker.py", "numpy"] }),
      ...(python && { scipy: [python, "bench/worker.py", "scipy"] }),
      ...(python && { torch: [python, "bench/worker.py", "torch"] }),
    };
  }

  get(kind) {
    const worker = this.#open.get(kind);
    if (worker?.alive) return worker;
    const more = kind === "avx2" ? { GPUKIT_CPU_ISA: "avx2" } : {};
    const fresh = new Worker(kind, this.#commands[kind], this.threads, more);
    this.#open.set(kind, fresh);
    return fresh;
  }

  async close() {
    const failures = [];
    for (const [kind, worker] of this.#open) {
      if (worker.alive) {
        await worker.close().catch((error) => failures.push(`${kind}: ${error.message}`));
      }
    }
    return failures;
  }
}

/** Who takes part in a case: [name, process, request]. */
function participants(row, peers) {
  const list = [];
  for (const kind of ["deno", "bun"]) {
    for (const who of row.who) {
      const name = who === "gpukit" ? kind : `${who}/${kind}`;
      list.push({
        name,
        kind,
        who,
        threaded: who === "gpukit",
        per: who === "gpukit" ? row.per ?? 1 : 1,
      });
    }
  }
  if (row.avx2) {
    list.push({ name: "avx2", kind: "avx2", who: "gpukit", threaded: true, per: row.per ?? 1 });
  }
  for (const kind of ["numpy", "scipy", "torch"]) {
    if (row[kind] && peers.includes(kind)) {
      list.push({ name: kind, kind, case: row[kind], threaded: true, per: 1 });
    }
  }
  return list;
}

/** Times one case: {times: {name: ns of every round}, failures}. */
export async function measureCase(row, workers, { peers, rounds, budget, pause, onRound }) {
  const failures = [];
  const attempt = async (who, request) => {
    try {
      return await workers.get(who.kind).ask({
        id: row.id,
        who: who.who,
        case: who.case,
        budget,
        ...request,
      });
    } catch (error) {
      failures.push({ name: who.name, message: error.message });
    }
  };
  let taking = [];
  for (const who of participants(row, peers)) {
    if (await attempt(who, { do: "prepare" })) taking.push(who);
  }
  const times = Object.fromEntries(taking.map((who) => [who.name, []]));
  for (let round = 0; round < rounds; round++) {
    onRound?.(round);
    // Another one begins each time, so that nobody always follows the same neighbour.
    for (let turn = 0; turn < taking.length; turn++) {
      const who = taking[(round + turn) % taking.length];
      const answer = await attempt(who, { do: "round" });
      times[who.name].push(answer ? answer.ns / who.per : NaN);
      await sleep(workers.threads > 1 && who.threaded ? pause : Math.min(pause, 10));
    }
    const failed = new Set(failures.map((failure) => failure.name));
    taking = taking.filter((who) => !failed.has(who.name));
  }
  for (const kind of new Set(taking.map((who) => who.kind))) {
    await attempt({ kind, name: kind }, { do: "release" });
  }
  for (const { name } of failures) delete times[name];
  return { times, failures };
}

/**
 * Times whole programs from spawn to exit, empty ones in between. `times` holds the time beyond the
 * empty program's, `bare` that one's own.
 */
export async function measureProgram(row, { python, peers, rounds, onRound }) {
  const commands = {
    deno: [[tools.deno, "run", "-A", row.program], [tools.deno, "run", row.empty]],
    bun: [[tools.bun, row.program], [tools.bun, row.empty]],
    ...(row.numpyProgram && peers.includes("numpy") &&
      { numpy: [[python, "-c", row.numpyProgram], [python, "-c", "pass"]] }),
  };
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  const bare = structuredClone(times);
  const failures = [];
  // The first rounds fill the caches of the runtimes and of the system.
  for (let round = -2; round < rounds; round++) {
    onRound?.(Math.max(0, round));
    for (const [name, [program, empty]] of Object.entries(commands)) {
      try {
        const start = await timeProgram(empty);
        const whole = await timeProgram(program);
        if (round < 0) continue;
        bare[name].push(start);
        times[name].push(whole - start);
      } catch (error) {
        failures.push({ name, message: error.message });
        delete commands[name];
        delete times[name];
      }
    }
  }
  return { times, bare, failures };
}

function timeProgram([command, ...args]) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(command, args, {
      cwd: root,
      env: environment(2),
      stdio: ["ignore", "ignore", "pipe"],
    });
    let text = "";
    child.stderr.on("data", (data) => (text += data));
    child.on("error", reject);
    child.on("exit", (code) => {
      const took = (performance.now() - began) * 1e6;
      if (code === 0) resolve(took);
      else child.once("close", () => reject(new Error(`the program ended with ${code}\n${text}`)));
    });
  });
}
