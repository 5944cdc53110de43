// The benchmarks of a CUDA device: ops that are bound by memory against the device's own copy, calls from
// TypeScript against the same launch from C, and the same ops in PyTorch and CuPy where python3 has them.
// Part of gpu_verify.mjs. Sizes are small over the stand-in, where only the submission means anything.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { root, tools } from "./tools.mjs";

const program = join(root, "zig-out", "gpu-bench", "launch");
const full = { bytes: 2 ** 28, rounds: 21, calls: 10, launches: 400 };
const small = { bytes: 2 ** 18, rounds: 3, calls: 2, launches: 100 };
/** Nanoseconds that a call from TypeScript may take beyond the launch from C. */
const launchGoal = 1000;

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
  const { bytes, rounds, calls, launches } = isStandin ? small : full;
  const fromC = () => ask(program, [bytes, rounds, launches, calls], env);
  const described = ways.deno([worker, "list"], env);

  // From C before and after: what is compared with is the better of both.
  const before = fromC();
  const measured = runtimes.map((runtime) => {
    const times = ways[runtime]([worker, "rows", bytes, rounds, calls], env);
    return { runtime, times, called: ways[runtime]([worker, "calls", rounds, launches], env) };
  });
  const peers = measurePeers(described, bytes, rounds, calls);
  const after = fromC();
  const launch = Math.min(median(before.launch), median(after.launch));
  const copyMs = Math.min(median(before.copy), median(after.copy));
  const copy = 2 * bytes / copyMs / 1e6;

  const rows = measured.flatMap(({ runtime, times }) =>
    described.map(({ name, traffic, goal }) => {
      const ms = median(times[name]);
      const speed = traffic * bytes / ms / 1e6;
      return {
        name,
        runtime,
        ms,
        speed,
        share: speed / copy,
        goal,
        met: atMost(goal, speed / copy),
      };
    })
  );
  const callRows = measured.flatMap(({ runtime, called }) =>
    Object.entries(called).map(([name, times]) => {
      const ns = median(times);
      const goal = name === "add(a, b, {out})" ? launchGoal : undefined;
      return { name, runtime, ns, beyond: ns - launch, goal, met: atMost(ns - launch, goal) };
    })
  );
  // Figures of kernels that run on the CPU say nothing about a goal.
  if (isStandin) [...rows, ...callRows].forEach((row) => row.met = undefined);
  const submission = isStandin ? measureSubmission(runtimes, env, rounds, launches) : undefined;
  return {
    runtimes,
    bytes,
    rounds,
    copy,
    launch,
    rows,
    calls: callRows,
    peers: peerRows(peers, described, bytes, copy),
    submission,
  };
}

/** Undefined where there is no goal. */
const atMost = (a, b) => a === undefined || b === undefined ? undefined : a <= b;

/**
 * What submitting an op costs beyond the same op on the CPU, over the stand-in with kernels that do nothing:
 * the part of a call that can be judged without a GPU.
 */
function measureSubmission(runtimes, env, rounds, launches) {
  return runtimes.map((runtime) => {
    const name = "add(a, b, {out})";
    const time = (more) =>
      median(ways[runtime]([worker, "calls", 7 * rounds, launches], { ...env, ...more })[name]);
    const cuda = time({ STANDIN_EMPTY: "1", GPUKIT_DEVICE: "cuda" });
    const cpu = time({ GPUKIT_DEVICE: "cpu" });
    return {
      name,
      runtime,
      cuda,
      cpu,
      beyond: cuda - cpu,
      goal: launchGoal,
      met: cuda - cpu <= launchGoal,
    };
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
        const speed = traffic * bytes / median(times[name]) / 1e6;
        return [name, { ms: median(times[name]), speed, share: speed / copy }];
      });
      return [peer, { version, rows: Object.fromEntries(shares) }];
    }),
  );

// ---- the table ----------------------------------------------------------------------------------

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const sign = (met) => met === undefined ? "" : met ? "ok" : "below";

/** The results as Markdown. */
export function benchmarkTable(
  { runtimes, bytes, rounds, copy, launch, rows, calls, peers, submission },
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
  for (const [name, own] of byName(rows)) {
    const [{ goal }] = own;
    const cells = [
      name,
      ...own.map(({ share }) => percent(share)),
      ...known.map(([, { rows }]) => rows[name] ? percent(rows[name].share) : ""),
      goal ? `≥ ${percent(goal)}` : "",
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
    lines.push("", "With kernels that do nothing, against the same op on the CPU:", "");
    lines.push(head(["runtime", "cuda", "cpu", "more", "goal", ""]));
    for (const { runtime, cuda, cpu, beyond, goal, met } of submission) {
      const cells = [cuda, cpu, beyond].map((ns) => `${ns.toFixed(0)} ns`);
      lines.push(`| ${runtime} | ${cells.join(" | ")} | ≤ ${goal} ns | ${sign(met)} |`);
    }
  }
  const missing = Object.entries(peers).filter(([, peer]) => peer.missing);
  for (const [peer, { missing: why }] of missing) {
    lines.push("", `${peer} was not measured: ${why}`);
  }
  return lines.join("\n");
}
