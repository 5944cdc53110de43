// The table: what was measured, as ratios, against the goals.

import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { library, root, tools } from "../scripts/tools.mjs";
import { median } from "./measure.mjs";

/** Repeated runs differ by 3 to 5 %: a goal is met within that. */
const noise = 0.97;

const runtimes = ["deno", "bun"];
/** gpukit with AVX2 kernels, in Deno: shown, not judged. */
const variants = ["avx2"];
const labels = {
  deno: "Deno",
  bun: "Bun",
  numpy: "NumPy",
  scipy: "SciPy",
  torch: "PyTorch",
  numpyTs: "numpy-ts",
  plain: "plain TS",
};

/** {ratio: {deno, bun}, ok}; ok is undefined where there is no goal or nothing to compare. */
export function judge(row, result) {
  const ratio = {};
  const met = [];
  for (const runtime of [...runtimes, ...variants]) {
    const own = result.times[runtime];
    if (!own) continue;
    if (result.bare) {
      ratio[runtime] = median(own.map((time, i) => time / result.bare[runtime][i]));
      if (row.goal) met.push(ratio[runtime] * noise <= row.goal.atMostStarts[runtime]);
      continue;
    }
    const reference = referenceOf(row, result.times, runtime);
    if (reference) ratio[runtime] = median(own.map((time, i) => reference[i] / time));
    if (variants.includes(runtime)) continue;
    if (row.goal?.atMostNs) met.push(median(own) * noise <= row.goal.atMostNs);
    else if (row.goal && reference) met.push(ratio[runtime] >= row.goal.atLeast * noise);
  }
  // A runtime that failed, or a missing peer, leaves the goal undecided.
  return { ratio, ok: met.length === runtimes.length ? met.every(Boolean) : undefined };
}

function referenceOf(row, times, runtime) {
  const named = row.goal?.of;
  if (named === "plain") return times[`plain/${runtime}`];
  if (named && named !== "fastest") return times[named];
  const peers = ["numpy", "scipy", "torch"].map((name) => times[name]).filter(Boolean);
  return peers.sort((a, b) => median(a) - median(b))[0] ?? times[`plain/${runtime}`];
}

function goalText(goal) {
  if (!goal) return "";
  if (goal.atMostNs) return `≤ ${time(goal.atMostNs)}`;
  if (goal.atMostStarts) return `≤ ${goal.atMostStarts.deno} / ${goal.atMostStarts.bun}`;
  return `≥ ${ratioText(goal.atLeast)} ${goal.of === "fastest" ? "fastest peer" : labels[goal.of]}`;
}

const ratioText = (value) => (value >= 10 ? value.toFixed(1) : value.toFixed(2));

function time(ns) {
  const [value, unit] = ns < 1e3 ? [ns, "ns"] : ns < 1e6 ? [ns / 1e3, "µs"] : [ns / 1e6, "ms"];
  return `${
    value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value)
  } ${unit}`;
}

/** The columns that a group's cases can fill. */
function columnsOf(group, peers) {
  const taking = new Set(["deno", "bun"]);
  for (const row of group.cases) {
    for (const who of row.who) if (who !== "gpukit") taking.add(who);
    for (const name of peers) {
      if (row[name] || (name === "numpy" && row.numpyProgram)) taking.add(name);
    }
  }
  if (group.cases.some((row) => row.avx2)) taking.add("avx2");
  return [...Object.keys(labels), "avx2"].filter((key) => taking.has(key));
}

/**
 * The cells of one row; peers that run in both runtimes are shown by the faster. A smoke run's
 * times mean little, so it shows neither ratios nor verdicts.
 */
function cells(result, columns, smoke) {
  const { ratio, ok } = result.verdict;
  const shown = (name) => {
    const keys = [name, `${name}/deno`, `${name}/bun`].filter((key) => result.times[key]);
    return keys.length ? time(Math.min(...keys.map((key) => median(result.times[key])))) : "";
  };
  const shownRatio = (value) => value === undefined ? "" : `${ratioText(value)} ×`;
  return {
    case: result.name,
    threads: result.bare ? "" : String(result.threads),
    ...Object.fromEntries(
      columns.filter((key) => key in labels).map((key) => [labels[key], shown(key)]),
    ),
    ...(!smoke && { "Deno ×": shownRatio(ratio.deno), "Bun ×": shownRatio(ratio.bun) }),
    ...(!smoke && columns.includes("avx2") && { "AVX2 ×": shownRatio(ratio.avx2) }),
    ...(!smoke && { goal: goalText(result.goal) }),
    "": result.failures.length ? "failed" : smoke || ok === undefined ? "" : ok ? "ok" : "below",
  };
}

/** Prints a group's rows as they come, and on a terminal what is being measured. */
export class Table {
  #columns;
  #smoke;
  #widths;

  constructor(group, peers, { smoke }) {
    this.#columns = columnsOf(group, peers);
    this.#smoke = smoke;
    this.#widths = {
      case: Math.max(...group.cases.map((row) => row.name.length)),
      threads: 7,
      goal: Math.max(4, ...group.cases.map((row) => goalText(row.goal).length)),
    };
    const nothing = { times: {}, failures: [], verdict: { ratio: {} } };
    const names = Object.keys(cells(nothing, this.#columns, smoke));
    console.log(`\n${group.name}: ${group.about}`);
    console.log(this.#line(Object.fromEntries(names.map((name) => [name, name]))));
  }

  #line(row) {
    const padded = Object.entries(row).map(([name, text]) => {
      const width = this.#widths[name] ?? 8;
      return ["case", "goal", ""].includes(name) ? text.padEnd(width) : text.padStart(width);
    });
    return padded.join("  ").trimEnd();
  }

  progress(row, threads, round, rounds) {
    if (!process.stdout.isTTY) return;
    const text = `${row.name}, threads: ${threads}, round ${round + 1} of ${rounds}`;
    process.stdout.write(`\r\x1b[K${text.slice(0, (process.stdout.columns || 80) - 1)}`);
  }

  show(result) {
    if (process.stdout.isTTY) process.stdout.write("\r\x1b[K");
    console.log(this.#line(cells(result, this.#columns, this.#smoke)));
  }
}

export function markdown(machine, groups, results, peers) {
  const lines = [
    "Written by `npm run bench`. Times are medians over the rounds of one run; a ratio is the median of",
    "the ratios within a round: peer to gpukit, so more is better (for `start` see there).",
    "",
    ...machine.map((line) => `- ${line}`),
  ];
  for (const group of groups) {
    const columns = columnsOf(group, peers);
    // The thread counts of one case stand together.
    const rows = group.cases
      .flatMap((row) => results.filter((r) => r.group === group.name && r.name === row.name))
      .map((result) => cells(result, columns, false));
    const names = Object.keys(rows[0]);
    lines.push(
      "",
      `### ${group.name}: ${group.about}`,
      "",
      `| ${names.join(" | ")} |`,
      `|${names.map((name) => (name === "case" ? "---|" : "---:|")).join("")}`,
      ...rows.map((row) => `| ${Object.values(row).join(" | ")} |`),
    );
  }
  return `${lines.join("\n")}\n`;
}

/** Lines that say on what and with which versions the run was made. */
export function describeMachine(python, peers, isa) {
  const output = (command, ...args) =>
    spawnSync(command, args, { cwd: root, encoding: "utf8" }).stdout?.trim() ?? "";
  const versions = "import sys,platform;print('Python',platform.python_version(),end='')\n" +
    "for name in sys.argv[1:]: print(',',__import__(name).__name__,__import__(name).__version__,end='')";
  const processor = cpus()[0]?.model.trim() ?? "unknown processor";
  const commit = output("git", "describe", "--always", "--dirty") || "an unknown commit";
  return [
    // With a load well above 0.5 somebody else is at work, and threads are short of cores.
    `${processor}, ${cpus().length} cores, ${process.platform} ${process.arch}, ` +
    `load ${loadavg()[0].toFixed(1)} at the start`,
    [
      output(tools.deno, "--version").split("\n")[0].replace(/ \(.*/, ""),
      `bun ${output(tools.bun, "--version")}`,
      ...(python ? [output(python, "-c", versions, ...peers)] : []),
      `gpukit at ${commit} (${isa}; its library has ${
        Math.round(statSync(library).size / 1024)
      } KiB)`,
    ].join(", "),
  ];
}
