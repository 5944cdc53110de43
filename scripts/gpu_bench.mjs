// The benchmarks of a CUDA device: ops that are bound by memory against the device's own copy; sorts, scans and
// transforms against CuPy's, which are CUB's and cuFFT's; calls from TypeScript against the same launch
// from C; how long a kernel takes to compile. The same ops in PyTorch and CuPy where python3 has them.
// Part of gpu_verify.mjs. Sizes are small over the stand-in, where only the submission means anything.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { nvrtcLibrary } from "./nvcc.mjs";
import { root, tools } from "./tools.mjs";

const program = join(root, "zig-out", "gpu-bench", "launch");
const full = { bytes: 2 ** 28, rounds: 21, calls: 10, repeats: 400 };
const small = { bytes: 2 ** 18, rounds: 3, calls: 2, repeats: 100 };
/** Nanoseconds that a call from TypeScript may take beyond the launch from C. */
const launchGoal = 1000;
const launches = ["add(a, b, {out})", "kernel.launch(x, n)"];
/** Milliseconds from a source to its kernel. */
const jitGoals = { compiled: 80, "from disk": 2, "from memory": 0.005 };

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function ask(command, args, env, input) {
  const { status, stdout, stderr, error } = spawnSync(command, args.map(String), {
    cwd: root,
    env: { ...process.env, ...env },
    input,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  if (status === 0) return JSON.parse(stdout);
  throw new Error(`${command} ${args.join(" ")} failed: ${error?.message ?? stderr.slice(-2000)}`);
}

const ways = {
  deno: (args, env) => ask(tools.deno, ["run", "-A", "--no-check", ...args], env),
  bun: (args, env) => ask(tools.bun, args, env),
};
const worker = join("bench", "gpu", "worker.ts");

/** {copy, launch, rows, calls, peers}: GB/s, ns, and lists of {name, runtime, ...}. */
export function benchmark(runtimes, env, isStandin) {
  const { bytes, rounds, calls, repeats } = isStandin ? small : full;
  const fromC = () => ask(program, [bytes, rounds, repeats, calls], env);
  const described = ways.deno([worker, "list"], env);

  // From C before and after: what is compared with is the better of both.
  const before = fromC();
  const measured = runtimes.map((runtime) => {
    const times = ways[runtime]([worker, "rows", bytes, rounds, calls], env);
    return { runtime, times, called: ways[runtime]([worker, "calls", rounds, repeats], env) };
  });
  const peers = measurePeers(described, bytes, rounds, calls);
  const after = fromC();
  const launch = Math.min(median(before.launch), median(after.launch));
  const copyMs = Math.min(median(before.copy), median(after.copy));
  const copy = 2 * bytes / copyMs / 1e6;

  const others = peerRows(peers, described, bytes, copy);
  const rows = measured.flatMap(({ runtime, times }) =>
    described.map(({ name, traffic, goal, beside }) => {
      const ms = median(times[name]);
      const speed = traffic && traffic * bytes / ms / 1e6;
      const share = speed && speed / copy;
      const peerMs = beside && others[beside.peer]?.rows?.[name]?.ms;
      const ratio = peerMs && peerMs / ms;
      const met = beside ? atMost(beside.goal, ratio) : atMost(goal, share);
      return { name, runtime, ms, speed, share, goal, beside, ratio, met };
    })
  );
  const callRows = measured.flatMap(({ runtime, called }) =>
    Object.entries(called).map(([name, times]) => {
      const ns = median(times);
      const goal = launches.includes(name) ? launchGoal : undefined;
      return { name, runtime, ns, beyond: ns - launch, goal, met: atMost(ns - launch, goal) };
    })
  );
  // Over the stand-in the real compiler, where it is: what it makes can be loaded there, though not run.
  const isTwin = isStandin && !existsSync(nvrtcLibrary);
  const compiler = isStandin && !isTwin ? { GPUKIT_LIBNVRTC: nvrtcLibrary } : {};
  const jit = runtimes.map((runtime) => ({
    runtime,
    isTwin,
    ...measureJit(runtime, { ...env, ...compiler }, Math.max(rounds, 11)),
  }));
  // Figures of kernels that run on the CPU say nothing about a goal.
  if (isStandin) [...rows, ...callRows].forEach((row) => row.met = undefined);
  const submission = isStandin ? measureSubmission(runtimes, env, rounds, repeats) : undefined;
  return {
    runtimes,
    bytes,
    rounds,
    copy,
    launch,
    rows,
    calls: callRows,
    jit,
    peers: others,
    submission,
  };
}

function measureJit(runtime, env, rounds) {
  const { missing, compiler, ...measured } = ways[runtime]([worker, "jit", rounds], env);
  if (missing) return { missing };
  const times = Object.entries(measured).map(([name, values]) => {
    const ms = median(values);
    return { name, ms, goal: jitGoals[name], met: atMost(ms, jitGoals[name]) };
  });
  return { compiler, times };
}

/** Undefined where there is no goal. */
const atMost = (a, b) => a === undefined || b === undefined ? undefined : a <= b;

/**
 * What submitting an op costs beyond the same op on the CPU, over the stand-in with kernels that do nothing:
 * the part of a call that can be judged without a GPU.
 */
function measureSubmission(runtimes, env, rounds, repeats) {
  const goal = launchGoal;
  const empty = { ...env, STANDIN_EMPTY: "1" };
  const { launch } = ask(program, [small.bytes, 7 * rounds, repeats, 1], empty);
  return runtimes.flatMap((runtime) => {
    const time = (more) => ways[runtime]([worker, "calls", 7 * rounds, repeats], more);
    const onCuda = time({ ...empty, GPUKIT_DEVICE: "cuda" });
    const onCpu = time({ ...env, GPUKIT_DEVICE: "cpu" });
    return launches.filter((name) => onCuda[name]).map((name) => {
      // A user's kernel has no twin on the CPU: it is compared with the launch from C.
      const [cuda, base] = [median(onCuda[name]), median(onCpu[name] ?? launch)];
      return { name, runtime, cuda, base, beyond: cuda - base, goal, met: cuda - base <= goal };
    });
  });
}

function measurePeers(rows, bytes, rounds, calls) {
  const python = ["python3", "python"].find((name) => spawnSync(name, ["--version"]).status === 0);
  if (!python) return { torch: { missing: "no python3" }, cupy: { missing: "no python3" } };
  const script = join("bench", "gpu", "peers.py");
  try {
    return ask(python, [script, bytes, rounds, calls], {}, JSON.stringify(rows));
  } catch (error) {
    return { torch: { missing: error.message }, cupy: { missing: error.message } };
  }
}

const peerRows = (peers, rows, bytes, copy) =>
  Object.fromEntries(
    Object.entries(peers).map(([peer, { version, missing, rows: times }]) => {
      if (missing) return [peer, { missing }];
      const shares = rows.filter(({ name }) => times[name]).map(({ name, traffic }) => {
        const ms = median(times[name]);
        const speed = traffic && traffic * bytes / ms / 1e6;
        return [name, { ms, speed, share: speed && speed / copy }];
      });
      return [peer, { version, rows: Object.fromEntries(shares) }];
    }),
  );

// ---- the table ----------------------------------------------------------------------------------

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const sign = (met) => met === undefined ? "" : met ? "ok" : "below";

/** The results as Markdown. */
export function benchmarkTable(
  { runtimes, bytes, rounds, copy, launch, rows, calls, jit, peers, submission },
) {
  const known = Object.entries(peers).filter(([, { rows }]) => rows);
  const head = (cells) =>
    `| ${cells.join(" | ")} |\n|${cells.map((_, i) => i ? "---:" : "---").join("|")}|`;
  const lines = [
    `Arrays of ${bytes / 2 ** 20} MB, medians of ${rounds} rounds. The device copies ${
      copy.toFixed(0)
    } GB/s; ` +
    "percentages are of that.",
    "",
    head([
      "op",
      ...runtimes,
      ...known.map(([peer, { version }]) => `${peer} ${version}`),
      "goal",
      "",
    ]),
  ];
  const byName = (list) =>
    [...new Set(list.map(({ name }) => name))]
      .map((name) => [
        name,
        runtimes.map((r) => list.find((row) => row.name === name && row.runtime === r)),
      ]);
  const figure = (row) =>
    row === undefined
      ? ""
      : row.share === undefined
      ? `${row.ms.toPrecision(3)} ms`
      : percent(row.share);
  for (const [name, own] of byName(rows)) {
    const [{ goal, beside }] = own;
    const cells = [
      name,
      ...own.map((row) =>
        figure(row) + (row.ratio ? `, ${row.ratio.toFixed(2)} × ${beside.peer}` : "")
      ),
      ...known.map(([, { rows }]) => figure(rows[name])),
      goal ? `≥ ${percent(goal)}` : beside ? `≥ ${beside.goal.toFixed(2)} × ${beside.peer}` : "",
      sign(own[0].met === undefined ? undefined : own.every(({ met }) => met)),
    ];
    lines.push(`| ${cells.join(" | ")} |`);
  }
  lines.push(
    "",
    `From the call to its return; the launch alone takes ${launch.toFixed(0)} ns from C.`,
    "",
    head(["call", ...runtimes, "goal", ""]),
  );
  for (const [name, own] of byName(calls)) {
    const [{ goal }] = own;
    const cells = [
      name,
      ...own.map(({ ns }) => `${ns.toFixed(0)} ns`),
      goal ? `≤ ${(launch + goal).toFixed(0)} ns` : "",
      sign(own[0].met === undefined ? undefined : own.every(({ met }) => met)),
    ];
    lines.push(`| ${cells.join(" | ")} |`);
  }
  if (submission) {
    lines.push(
      "",
      "With kernels that do nothing; against the same op on the CPU, or a launch from C:",
      "",
      head(["call", "runtime", "cuda", "against", "more", "goal", ""]),
    );
    for (const { name, runtime, cuda, base, beyond, goal, met } of submission) {
      const cells = [cuda, base, beyond].map((ns) => `${ns.toFixed(0)} ns`);
      lines.push(`| ${name} | ${runtime} | ${cells.join(" | ")} | ≤ ${goal} ns | ${sign(met)} |`);
    }
  }
  const made = jit.find(({ compiler }) => compiler);
  lines.push(
    "",
    `From a source to its kernel (saxpy)${made ? `, NVRTC ${made.compiler}` : ""}:`,
    "",
  );
  for (const { runtime, missing } of jit.filter(({ missing }) => missing)) {
    lines.push(`${runtime}: not measured: ${missing}`, "");
  }
  const compiled = jit.filter(({ times }) => times);
  if (compiled.length) {
    lines.push(head(["", ...compiled.map(({ runtime }) => runtime), "goal", ""]));
  }
  for (const [i, { name, goal }] of (compiled[0]?.times ?? []).entries()) {
    const own = compiled.map(({ times }) => times[i]);
    const cells = [name, ...own.map(({ ms }) => `${ms.toPrecision(3)} ms`), `≤ ${goal} ms`];
    const met = own[0].met === undefined ? undefined : own.every(({ met }) => met);
    lines.push(`| ${cells.join(" | ")} | ${sign(met)} |`);
  }
  const missing = Object.entries(peers).filter(([, peer]) => peer.missing);
  for (const [peer, { missing: why }] of missing) {
    lines.push("", `${peer} was not measured: ${why}`);
  }
  return lines.join("\n");
}
