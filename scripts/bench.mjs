// npm run bench: gpukit under Deno and Bun, NumPy, SciPy, PyTorch, numpy-ts and plain TypeScript, in one
// run on this machine.
//
//   npm run bench                          everything; writes bench/results/latest.{json,md}
//   npm run bench -- call "matmul 512"     the cases whose "group/name" contains one of these
//     --threads 1,2   only these thread counts        --rounds 41   more pairs than 21
//     --update        puts the rows measured into the published results
//     --no-torch      leaves PyTorch out              --smoke       tiny rounds, no verdicts: does it run?
//
// NumPy, SciPy and PyTorch come into .cache/bench-venv at the first run. A smoke run installs nothing: it
// takes the Python peers where they are there.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { measureCase, measureProgram, Workers } from "../bench/measure.mjs";
import { describeMachine, judge, markdown, Table } from "../bench/report.mjs";
import { isWindows, root } from "./tools.mjs";

const packages = { numpy: "numpy==2.4.6", scipy: "scipy==1.17.1", torch: "torch==2.13.0" };

const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    smoke: { type: "boolean", default: false },
    "no-torch": { type: "boolean", default: false },
    threads: { type: "string" },
    rounds: { type: "string" },
    update: { type: "boolean", default: false },
  },
});

const settings = options.smoke
  ? { rounds: 2, budget: 1, pauses: { short: 0, long: 0 } }
  : { rounds: Number(options.rounds ?? 21), budget: 30, pauses: { short: 5, long: 60 } };

async function main() {
  const wanted = options["no-torch"] ? ["numpy", "scipy"] : ["numpy", "scipy", "torch"];
  const { python, peers } = findPeers(wanted);
  const { groups: all, isa } = await listGroups();
  const groups = all
    .map((group) => ({ ...group, cases: group.cases.filter(isAsked) }))
    .filter((group) => group.cases.length);
  if (!groups.length) throw new BenchError(`No case has "${filters.join('" or "')}" in its name.`);
  const machine = describeMachine(python, peers, isa);
  console.log(machine.join("\n"));

  const results = [];
  const failures = [];
  const began = performance.now();
  for (const group of groups) {
    const table = new Table(group, peers, { smoke: options.smoke });
    for (const threads of threadCounts(group)) {
      const workers = new Workers(threads, python);
      for (const row of group.cases) {
        const progress = (round) => table.progress(row, threads, round, roundsOf(group));
        const measured = row.program
          ? await measureProgram(row, { ...settings, python, peers, onRound: progress })
          : await measureCase(row, workers, {
            ...settings,
            rounds: roundsOf(group),
            peers,
            pause: settings.pauses[group.pause],
            onRound: progress,
          });
        const result = { group: group.name, name: row.name, threads, goal: row.goal, ...measured };
        result.verdict = judge(row, result);
        results.push(result);
        failures.push(...result.failures.map((f) => `${row.id}, ${f.name}: ${f.message}`));
        table.show(result);
      }
      failures.push(...await workers.close());
    }
  }

  const minutes = ((performance.now() - began) / 60_000).toFixed(1);
  console.log(`\n${results.length} rows in ${minutes} minutes`);
  if (failures.length) {
    console.error(`\n${failures.length} failed:\n${failures.join("\n")}`);
    process.exitCode = 1;
    return;
  }
  // What is published is a whole run; --update puts rows measured again in the place of theirs.
  if (options.update) return update(machine, all, results, peers);
  if (options.smoke || filters.length || options.threads) return;
  publish(machine, all, results, peers);
}

function update(machine, groups, results, peers) {
  const published = JSON.parse(readFileSync(join(folder, "latest.json"), "utf8"));
  const same = (a, b) => a.group === b.group && a.name === b.name && a.threads === b.threads;
  const merged = [
    ...published.results.map((old) => results.find((r) => same(r, old)) ?? old),
    ...results.filter((r) => !published.results.some((old) => same(r, old))),
  ];
  const names = [...new Set(results.map(({ group, name }) => `${group}/${name}`))].join(", ");
  const lines = [...published.machine, `measured again later: ${names}; ${machine.at(-1)}`];
  publish(lines, groups, merged, peers);
}

const folder = join(root, "bench", "results");

function publish(machine, groups, results, peers) {
  mkdirSync(folder, { recursive: true });
  const text = JSON.stringify({ machine, results }, rounded, 1);
  writeFileSync(join(folder, "latest.json"), `${text}\n`);
  writeFileSync(join(folder, "latest.md"), markdown(machine, groups, results, peers));
  console.log(`${results.length} rows written to bench/results/latest.json and latest.md`);
}

const rounded = (_key, value) => typeof value === "number" ? Number(value.toPrecision(4)) : value;

function roundsOf(group) {
  return options.rounds ? settings.rounds : Math.min(settings.rounds, group.rounds ?? Infinity);
}

function threadCounts(group) {
  if (options.smoke) return [Math.max(...group.threads)];
  const asked = options.threads?.split(",").map(Number);
  return asked ? group.threads.filter((n) => asked.includes(n)) : group.threads;
}

/** The cases as Deno sees them, and gpukit's instruction set. */
async function listGroups() {
  const workers = new Workers(1);
  const listed = await workers.get("deno").ask({ do: "list" }).catch((error) => {
    throw new BenchError(`The cases do not load in Deno: ${error.message}`);
  });
  await workers.close();
  return listed;
}

function isAsked(row) {
  const id = row.id.toLowerCase();
  return !filters.length || filters.some((filter) => id.includes(filter.toLowerCase()));
}

// ---- the Python peers ---------------------------------------------------------------------------

class BenchError extends Error {}

/** Makes the virtual environment where it is missing: {python, peers}. */
function findPeers(wanted) {
  // Not in .toolchain/, which is replaced as a whole when its list changes.
  const venv = join(root, ".cache", "bench-venv");
  const python = join(venv, isWindows ? "Scripts/python.exe" : "bin/python");
  const stamp = join(venv, ".gpukit-stamp");
  const present = () => (existsSync(stamp) ? readFileSync(stamp, "utf8").split("\n") : []);
  const missing = wanted.filter((name) => !present().includes(packages[name]));
  if (missing.length && !options.smoke) {
    const list = missing.map((name) => packages[name]);
    console.log(`installing ${list.join(" and ")} into .cache/bench-venv, once`);
    if (!existsSync(python)) step(systemPython(), ["-m", "venv", venv]);
    step(python, [
      "-m",
      "pip",
      "install",
      "--disable-pip-version-check",
      "--only-binary=:all:",
      ...list,
    ]);
    writeFileSync(stamp, [...present(), ...list].join("\n"));
  }
  const peers = wanted.filter((name) => present().includes(packages[name]));
  return { python: peers.length ? python : undefined, peers };
}

function step(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status === 0) return;
  throw new BenchError(
    `"${
      args.slice(0, 3).join(" ")
    }" failed, see above. The peers need Python 3.11 or later with venv and pip ` +
      `(on Debian and Ubuntu: "apt-get install python3-venv"), a network connection, and 1 GB of disk for PyTorch: ` +
      `put that right and run this again, or leave PyTorch out by --no-torch.`,
  );
}

function systemPython() {
  const version = ["-c", "import sys; sys.exit(sys.version_info < (3, 11))"];
  const found = (isWindows ? ["python", "py"] : ["python3", "python"])
    .find((name) => spawnSync(name, version).status === 0);
  if (found) return found;
  throw new BenchError(
    "The peers NumPy, SciPy and PyTorch need Python 3.11 or later, which was not found: install it, then run this again.",
  );
}

try {
  await main();
} catch (error) {
  if (!(error instanceof BenchError)) throw error;
  console.error(`\n${error.message}`);
  process.exit(1);
}
