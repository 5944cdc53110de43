// Runs the C tests under sanitizers: one build with ASan and UBSan, one with TSan, both also for the tests
// of the stand-in driver; then the fuzz targets (tests/native/*_fuzz.c: --iterations N --seed S) for some
// seconds under ASan and UBSan.
// They run on C programs, since a JavaScript runtime under a sanitizer reports mostly itself.
//
//   node scripts/sanitize.mjs                   everything
//   node scripts/sanitize.mjs --only=asan       asan, tsan, standin or fuzz
//   node scripts/sanitize.mjs --seconds=300     time for each fuzz target (20)
//
// Needs gcc 12 or clang 15 (Zig ships no ASan runtime). Objects are kept in .cache/sanitize/ under
// a hash of compiler, flags, file and headers. Ends with what failed; the exit code says whether.

import { existsSync, mkdirSync, readdirSync, renameSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { standin } from "./standin.mjs";
import {
  hashOf,
  inParallel,
  listFiles,
  root,
  run,
  seconds,
  tools,
  zigEnvironment,
} from "./tools.mjs";

const { values: options } = parseArgs({
  options: { only: { type: "string" }, seconds: { type: "string", default: "20" } },
});
const jobs = 2;
const cache = join(root, ".cache", "sanitize");
const sourceDirs = /^csrc\/(core|cpu|cuda)\/[^/]+\.c$/; // as in build.zig

const common = [
  "-std=gnu11",
  "-D_GNU_SOURCE",
  "-Icsrc",
  "-g",
  "-fno-strict-aliasing",
  "-ffp-contract=off",
  "-fno-math-errno",
  "-fno-omit-frame-pointer",
  "-fPIC",
  "-pthread",
  "-Wall",
  "-Wextra",
];
// The kernels of the library, as build.zig lists them: here always as placeholders.
const modules = listFiles("csrc/kernels", (path) => path.endsWith(".cu"))
  .map((path) => `MODULE(${path.split("/").pop().replace(/\.cu$/, "")})`);
common.push(`-DGK_MODULES=${modules.join(" ")}`);
const kinds = {
  asan: ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
  tsan: ["-O1", "-fsanitize=thread"],
};
const environment = {
  NVRTC_TEST_LIBRARIES: join(root, "zig-out", "ctest"), // as npm test has left them
  ASAN_OPTIONS:
    "abort_on_error=0:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
  UBSAN_OPTIONS: "print_stacktrace=1",
  TSAN_OPTIONS: "halt_on_error=1:second_deadlock_stack=1",
};

// As in build.zig. AVX-512 is there to link, without sanitizers and never chosen: its loops are
// those of the other sets, and compiling them takes as long as all the rest.
const avx2 = "-mavx2 -mfma -mf16c -mbmi -mbmi2 -mlzcnt -mpopcnt".split(" ");
const avx512 = [
  ...avx2,
  ..."-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx512bf16".split(" "),
  ..."-mavx512vbmi -mavx512vbmi2".split(" "),
];
const isas = process.arch === "x64"
  ? [
    { name: "baseline", flags: [] },
    { name: "avx2", flags: avx2 },
    { name: "avx512", flags: avx512, plain: true },
  ]
  : [{ name: "neon", flags: [] }];
// Threads do not depend on the instruction set, and TSan is slow: one set is enough there.
const isasToRun = process.arch === "x64"
  ? { asan: ["baseline", "avx2"], tsan: ["avx2"] }
  : { asan: ["neon"], tsan: ["neon"] };

async function findCompiler() {
  for (const name of ["gcc", "clang"]) {
    const version = await run(name, ["--version"]);
    if (version.code === 0) return { name, version: version.output };
  }
  if (process.env.CI && process.getuid?.() === 0) {
    console.log("no gcc or clang: installing gcc with apt-get");
    await run("apt-get", ["update"]);
    const install = await run("apt-get", [
      "install",
      "-y",
      "--no-install-recommends",
      "gcc",
      "libc6-dev",
    ]);
    const version = await run("gcc", ["--version"]);
    if (version.code === 0) return { name: "gcc", version: version.output };
    console.log(install.output);
  }
  console.log(
    "The sanitizers need gcc (12 or later) or clang, and neither was found. " +
      'Install one (on Debian and Ubuntu: "apt-get install gcc"), then run this again.',
  );
  process.exit(1);
}

const compiler = await findCompiler();
const headers = hashOf(
  compiler.version,
  [
    ...listFiles("csrc", (path) => !path.endsWith(".c")),
    ...listFiles("tests/native", (path) => path.endsWith(".h")),
  ]
    .map((file) => ({ file })),
);

/** Compiles one file unless the same was compiled before; resolves with the object's path. */
async function compile(file, flags) {
  const object = join(cache, `${hashOf(headers, flags, { file })}.o`);
  if (existsSync(object)) return { object };
  // Renamed when complete: an interrupted compiler leaves no broken object.
  const partial = `${object}.${process.pid}`;
  const result = await run(compiler.name, [...flags, "-c", file, "-o", partial]);
  if (result.code !== 0) return { error: `${file}\n${result.output}` };
  if (result.output.trim()) console.log(result.output.trim());
  renameSync(partial, object);
  return { object };
}

const librarySources = () => listFiles("csrc", (path) => sourceDirs.test(path));
// What answers instrumented kernels has the names of the sanitizers' own functions.
const standinSources = () =>
  listFiles("tests/native/driver", (path) => /driver\/\w+(?<!_test|\/hooks)\.c$/.test(path));

/** The objects of `files` and one program for each of `sources`; undefined when one does not compile. */
async function buildPrograms(kind, sources, files = librarySources()) {
  const flags = [...common, ...kinds[kind]];
  const units = files.flatMap((file) =>
    file.endsWith("_simd.c")
      ? isas.map((isa) => ({
        file,
        flags: [...(isa.plain ? [...common, "-O0"] : flags), `-DGK_ISA=${isa.name}`, ...isa.flags],
      }))
      : [{ file, flags }]
  );
  for (const file of sources) units.push({ file, flags });
  const compiled = await inParallel(units, jobs, ({ file, flags }) => compile(file, flags));
  const errors = compiled.filter(({ error }) => error);
  if (errors.length) {
    for (const { error } of errors) console.log(error);
    return undefined;
  }
  const objects = compiled.slice(0, units.length - sources.length).map(({ object }) => object);
  return await inParallel(sources, jobs, async (source, index) => {
    const program = join(cache, `${kind}-${source.split("/").pop().replace(/\.c$/, "")}`);
    const own = compiled[units.length - sources.length + index].object;
    const link = await run(compiler.name, [
      ...kinds[kind].filter((flag) => flag.startsWith("-fsanitize")),
      "-pthread",
      "-rdynamic",
      own,
      ...objects,
      "-o",
      program,
      "-lm",
      "-ldl",
    ]);
    return { source, program, error: link.code !== 0 ? link.output : undefined };
  });
}

let failures = 0;
function tell(what, result) {
  const ok = result.code === 0;
  if (!ok) {
    failures++;
    console.log(result.output.replace(/^/gm, "  | "));
  }
  console.log(
    `  ${what}: ${ok ? "ok" : `FAILED (exit code ${result.code})`}, ${seconds(result.seconds)}`,
  );
}

// What runs over the stand-in driver.
const isDriven = (path) => /\/(faults|launch)_test\.c$/.test(path);

async function runTests(kind) {
  // Not those of the stand-in driver: it switches stacks and answers faults itself. What TSan says of that
  // is known, so that it does not see what runs over it either.
  const sources = listFiles("tests/native", (path) => /native\/[^/]+_test\.c$/.test(path))
    .filter((path) => kind === "asan" || !isDriven(path));
  console.log(`== C tests, ${kinds[kind].join(" ")}`);
  const programs = await buildPrograms(kind, sources);
  if (!programs || !programs.length) {
    failures++;
    console.log(programs ? "  there are no C tests" : "  the build failed");
    return;
  }
  const driver = kind === "asan" && process.platform === "linux" ? await standin() : {};
  const environmentOf = (source, isa) => ({
    ...environment,
    ...(isDriven(source) ? driver : {}),
    GPUKIT_CPU_ISA: isa,
  });
  const runs = programs.flatMap((program) => isasToRun[kind].map((isa) => ({ ...program, isa })));
  const results = await inParallel(
    runs,
    jobs,
    ({ source, program, error, isa }) =>
      error
        ? { code: 1, output: error, seconds: 0 }
        : run(program, [], { env: environmentOf(source, isa), timeout: 900 }),
  );
  runs.forEach(({ source, isa }, index) => tell(`${source} (${isa})`, results[index]));
}

/** Kernels switch stacks, and are called from where a fault was answered: what TSan says of that is known. */
async function runStandin(kind) {
  const sources = listFiles("tests/native/driver", (path) => /\/driver\w*_test\.c$/.test(path));
  console.log(`== the stand-in driver, ${kinds[kind].join(" ")}`);
  const kernels = await run(tools.zig, ["build", "ctest", "--summary", "none"], {
    env: zigEnvironment(),
  });
  const programs = kernels.code === 0 && await buildPrograms(kind, sources, standinSources());
  if (!programs || !programs.length) {
    failures++;
    console.log(programs ? "  there are no tests" : `${kernels.output}  the build failed`);
    return;
  }
  const env = {
    ...environment,
    TSAN_OPTIONS: `${environment.TSAN_OPTIONS}:report_signal_unsafe=0`,
    STANDIN_KERNELS: join(root, "zig-out", "ctest", "libkernels_test.so"),
  };
  const results = await inParallel(
    programs,
    jobs,
    ({ program, error }) =>
      error ? { code: 1, output: error, seconds: 0 } : run(program, [], { env, timeout: 900 }),
  );
  programs.forEach(({ source }, index) => tell(source, results[index]));
}

/** Rounds of fresh seeds until the time is over; the first failing seed is shown. */
async function runFuzz() {
  const sources = listFiles("tests/native", (path) => path.endsWith("_fuzz.c"));
  console.log(`== fuzzing, ${kinds.asan.join(" ")}`);
  const programs = await buildPrograms("asan", sources);
  if (!programs || !programs.length) {
    failures++;
    console.log(programs ? "  there are no fuzz targets" : "  the build failed");
    return;
  }
  await inParallel(programs, jobs, async ({ source, program, error }) => {
    if (error) return tell(source, { code: 1, output: error, seconds: 0 });
    const began = performance.now();
    const elapsed = () => (performance.now() - began) / 1000;
    // The first seed is fixed, so that two runs have something in common.
    let seed = 1;
    let iterations = 1000;
    let total = 0;
    let result;
    do {
      result = await run(program, ["--iterations", String(iterations), "--seed", String(seed)], {
        env: environment,
        timeout: 60, // a round takes about a second: more is a loop that does not end
      });
      if (result.code !== 0) break;
      total += iterations;
      seed = Math.floor(Math.random() * 2 ** 31);
      // Rounds of about a second, so that starting the program costs little.
      if (result.seconds < 0.5) iterations *= 2;
    } while (elapsed() < Number(options.seconds));
    if (result.code !== 0) {
      result.output += `\nrepeat with: ${
        program.slice(root.length + 1)
      } --iterations ${iterations} --seed ${seed}`;
    }
    tell(`${source}, ${total} iterations`, { ...result, seconds: elapsed() });
  });
}

/** Objects that no run has needed for two weeks. */
function sweep() {
  const limit = Date.now() - 14 * 24 * 3600 * 1000;
  for (const name of readdirSync(cache)) {
    if (statSync(join(cache, name)).mtimeMs < limit) unlinkSync(join(cache, name));
  }
}

mkdirSync(cache, { recursive: true });
const parts = {
  asan: () => runTests("asan"),
  tsan: () => runTests("tsan"),
  // It needs what only Linux has.
  standin: async () => {
    if (process.platform !== "linux") return;
    for (const kind of Object.keys(kinds)) await runStandin(kind);
  },
  fuzz: runFuzz,
};
if (options.only && !(options.only in parts)) {
  console.error(`--only=${options.only}: there are ${Object.keys(parts).join(", ")}`);
  process.exit(2);
}
for (const [name, part] of Object.entries(parts)) {
  if (!options.only || options.only === name) await part();
}
sweep();
console.log(failures ? `sanitizers: ${failures} failed` : "sanitizers: nothing found");
process.exit(failures ? 1 : 0);
