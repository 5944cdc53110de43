// Makes a fresh checkout ready: npm packages, Zig and clang-format in .toolchain/, the native
// library in zig-out/. Needs git, node with npm, and python3 with pip; nothing else.
// Every npm script runs it first: with everything in place it compares three stamps and ends.
//
//   node scripts/setup.mjs            what is missing or out of date
//   node scripts/setup.mjs --build    the same, and the native build in any case
//
// A stamp is a hash of what a step is made from, written after the step is complete: a step that
// was interrupted runs again. One setup at a time: the others wait (see `lock`).

import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  hashOf,
  isWindows,
  library,
  listFiles,
  root,
  run,
  seconds,
  tools,
  zigEnvironment,
} from "./tools.mjs";

const { values: options } = parseArgs({ options: { build: { type: "boolean", default: false } } });

/** An error whose text tells the user what to do; shown without a stack. */
class SetupError extends Error {}

const platform = `${process.platform}-${process.arch}`;

const steps = [
  {
    name: "npm packages (Deno, Bun, TypeScript)",
    stamp: join(root, "node_modules", ".gpukit-stamp"),
    key: () => hashOf(platform, dependencies(), { file: "package-lock.json" }),
    present: () => existsSync(tools.deno) && existsSync(tools.bun),
    run: installPackages,
  },
  {
    name: "Zig and clang-format",
    stamp: join(root, ".toolchain", ".gpukit-stamp"),
    key: () => hashOf(platform, { file: "scripts/toolchain.txt" }),
    present: () => existsSync(tools.zig) && existsSync(tools.clangFormat),
    run: installToolchain,
  },
  {
    name: "native library",
    stamp: join(root, "zig-out", ".gpukit-stamp"),
    key: () =>
      hashOf(platform, [
        ...listFiles("csrc").map((file) => ({ file })),
        { file: "build.zig" },
        { file: "build.zig.zon" },
        { file: "scripts/toolchain.txt" },
      ]),
    present: () => !options.build && existsSync(library),
    run: buildLibrary,
  },
];

/** The part of package.json that decides what gets installed. */
function dependencies() {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  return JSON.stringify([dependencies, devDependencies]);
}

function isDone(step) {
  try {
    return readFileSync(step.stamp, "utf8") === step.key() && step.present();
  } catch {
    return false;
  }
}

async function main() {
  if (steps.every(isDone)) return;
  const unlock = await lock(join(root, ".cache", "setup.lock"));
  try {
    for (const [index, step] of steps.entries()) {
      if (isDone(step)) continue;
      await perform(step, `[${index + 1}/${steps.length}] ${step.name}`);
    }
  } finally {
    unlock();
  }
}

async function perform(step, title) {
  const began = performance.now();
  const progress = showProgress(title, began);
  // The key is taken first: a source edited during the build makes the stamp stale, as it should.
  const key = step.key();
  rmSync(step.stamp, { force: true });
  try {
    await step.run(progress.note);
    writeFileSync(step.stamp, key);
  } finally {
    progress.stop();
  }
  console.log(`${title}: done in ${seconds((performance.now() - began) / 1000)}`);
}

/** On a terminal one line that rewrites itself; elsewhere a line at the start and every 10 s. */
function showProgress(title, began) {
  let text = "";
  const line = () =>
    `${title}: ${Math.round((performance.now() - began) / 1000)} s${text && `, ${text}`}`;
  if (!process.stdout.isTTY) {
    console.log(`${title} ...`);
    const timer = setInterval(() => console.log(line()), 10_000);
    return { note: (value) => (text = value), stop: () => clearInterval(timer) };
  }
  const draw = () =>
    process.stdout.write(`\r\x1b[K${line().slice(0, (process.stdout.columns || 80) - 1)}`);
  draw();
  const timer = setInterval(draw, 200);
  return {
    note: (value) => (text = value),
    stop: () => {
      clearInterval(timer);
      process.stdout.write("\r\x1b[K");
    },
  };
}

// ---- the steps ----------------------------------------------------------------------------------

async function installPackages(note) {
  const npm = process.env.npm_execpath?.endsWith(".js") && existsSync(process.env.npm_execpath)
    ? [process.execPath, process.env.npm_execpath]
    : [isWindows ? "npm.cmd" : "npm"];
  let fetched = 0;
  // Install scripts are off: which of them npm runs depends on its version and configuration. The
  // two that matter run below.
  const result = await run(npm[0], [
    ...npm.slice(1),
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=http",
  ], {
    onLine: (line) => {
      if (/http (fetch|cache)/.test(line)) note(`${++fetched} requests answered`);
    },
  });
  if (result.code === 127) {
    throw new SetupError(
      "npm was not found. Install Node.js 20 or later together with npm, then run this again.",
    );
  }
  if (result.code !== 0) {
    throw failed("npm ci", withoutHttpLines(result.output), explainNpm(result.output));
  }

  // Bun and Deno each come as one program in a package of the platform; their install scripts put
  // it where the package's command expects it.
  for (const [folder, script] of [["deno", "install.cjs"], ["bun", "install.js"]]) {
    const placed = await run(process.execPath, [script], {
      cwd: join(root, "node_modules", folder),
    });
    const check = await run(tools[folder], ["--version"]);
    if (placed.code !== 0 || check.code !== 0) {
      throw failed(
        `the program of the npm package "${folder}"`,
        placed.output + check.output,
        `There may be no build of ${folder} for ${platform}, or optional npm packages are switched off: ` +
          `check "npm config get omit" and "npm config get optional".`,
      );
    }
  }
}

const withoutHttpLines = (text) =>
  text.split("\n").filter((line) => !/^npm http/.test(line)).join("\n");

function explainNpm(output) {
  if (/EUSAGE|can only install packages when|lock file/i.test(output)) {
    return 'package.json and package-lock.json disagree: run "npm install --ignore-scripts" and commit the lock file.';
  }
  if (isNetworkTrouble(output)) return networkAdvice("npm", "npm config get registry");
  if (/ENOSPC/.test(output)) return "The disk is full: about 1 GB is needed.";
  if (/EACCES|EPERM/.test(output)) {
    return "A folder cannot be written: check who owns node_modules/ and npm's cache.";
  }
  return 'The text above is npm\'s own. Run this again; if it fails in the same way, try "npm cache verify".';
}

async function installToolchain(note) {
  const python = await findPython();
  const target = join(root, `.toolchain.${process.pid}`);
  // Left by setups that were killed; the lock says that none is running.
  for (const name of readdirSync(root).filter((name) => name.startsWith(".toolchain."))) {
    rmSync(join(root, name), { recursive: true, force: true });
  }
  const result = await run(python, [
    "-m",
    "pip",
    "install",
    "--target",
    target,
    "--require-hashes",
    "--no-deps",
    "--only-binary=:all:",
    "--no-compile",
    "-r",
    join(root, "scripts", "toolchain.txt"),
  ], {
    env: {
      // A user's pip settings must not fight with --target.
      PIP_USER: "0",
      PIP_REQUIRE_VIRTUALENV: "0",
      PIP_ROOT_USER_ACTION: "ignore",
      PIP_DISABLE_PIP_VERSION_CHECK: "1",
      PIP_PROGRESS_BAR: "off",
    },
    onLine: (line) => {
      const what = /^\s*(Downloading|Using cached) (\S+?)-[^ ]* ?(\([^)]*\))?/.exec(line);
      if (what) note(`${what[1].toLowerCase()} ${what[2].split("/").pop()} ${what[3] ?? ""}`);
      if (/^Installing/.test(line)) note("unpacking");
    },
  });
  if (result.code !== 0) {
    rmSync(target, { recursive: true, force: true });
    throw failed("pip install", result.output, explainPip(result.output));
  }
  rmSync(join(root, ".toolchain"), { recursive: true, force: true });
  renameSync(target, join(root, ".toolchain"));
}

async function findPython() {
  const candidates = isWindows ? ["python", "py", "python3"] : ["python3", "python"];
  let withoutPip;
  for (const candidate of candidates) {
    const version = await run(candidate, ["-c", "import sys; sys.exit(sys.version_info < (3, 8))"]);
    if (version.code !== 0) continue;
    const pip = await run(candidate, ["-m", "pip", "--version"]);
    if (pip.code === 0) return candidate;
    withoutPip = candidate;
  }
  if (withoutPip) {
    throw new SetupError(
      `${withoutPip} has no pip, which fetches the C compiler. Run "${withoutPip} -m ensurepip" ` +
        `(on Debian and Ubuntu: "apt-get install python3-pip"), then run this again.`,
    );
  }
  throw new SetupError(
    "python3 (3.8 or later) was not found; its pip fetches the C compiler. Install Python 3 with pip, then run this again.",
  );
}

function explainPip(output) {
  if (/DO NOT MATCH THE HASHES/i.test(output)) {
    return "A downloaded file is not the one that scripts/toolchain.txt names: something between here and PyPI changed it. " +
      "Run this again; if it stays so, do not use the file.";
  }
  // An index that does not answer looks to pip like one that has no versions at all.
  const known = /^(linux|darwin)-(x64|arm64)$/.test(platform);
  if (isNetworkTrouble(output) || (known && /from versions: none/.test(output))) {
    return networkAdvice("PyPI", "pip config list") +
      ` An old pip may also not know its platform: "python3 -m pip install --upgrade pip".`;
  }
  if (/No matching distribution|Could not find a version/i.test(output)) {
    return `PyPI has no Zig or clang-format for ${platform} that this pip knows how to install: ` +
      `try "python3 -m pip install --upgrade pip". Zig is there for Linux and macOS, x86_64 and aarch64.`;
  }
  if (/No space left/i.test(output)) return "The disk is full: about 1 GB is needed.";
  return 'The text above is pip\'s own. Run this again; if it fails in the same way, try "python3 -m pip install --upgrade pip".';
}

async function buildLibrary(note) {
  if (!listFiles("csrc", (file) => file.endsWith(".c")).length) {
    throw new SetupError(
      "There are no C sources in csrc/: this checkout is incomplete. Clone it again.",
    );
  }
  note("compiling");
  const result = await run(tools.zig, ["build", "--summary", "none"], { env: zigEnvironment() });
  if (result.code !== 0) {
    const advice =
      isNetworkTrouble(result.output) || /AccessDenied|ReadOnly|NoSpace/.test(result.output)
        ? "Zig could not write its cache: check the free disk space and who owns .zig-cache/ and zig-out/, " +
          "or set ZIG_GLOBAL_CACHE_DIR to a folder that can be written."
        : "The compiler's messages are above: the C sources in csrc/ or build.zig need a fix. If you changed neither, " +
          "delete .zig-cache/ and zig-out/ and run this again.";
    throw failed("zig build", result.output, advice);
  }
}

// ---- failures -----------------------------------------------------------------------------------

const isNetworkTrouble = (text) =>
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|Temporary failure in name|Name or service not known|NewConnectionError|ConnectTimeout|ReadTimeout|Network is unreachable|ProxyError|SSLError|CERT_|network (timeout|request)/i
    .test(text);

const networkAdvice = (registry, show) =>
  `${registry} could not be reached. Check the network connection, then run this again: what is already there is kept. ` +
  `Behind a proxy or a mirror, set HTTPS_PROXY or the registry ("${show}" shows what is set).`;

function failed(what, output, advice) {
  const tail = output.trimEnd().split("\n").slice(-60).join("\n");
  return new SetupError(`${tail}\n\n${what} failed. ${advice}`);
}

// ---- one setup at a time ------------------------------------------------------------------------

/**
 * Takes the lock, a folder, since making one is atomic everywhere. Its owner touches it every few
 * seconds; it is stale when the owner's process is gone (same machine) or has not touched it for
 * two minutes (a shared disk, a killed container). Returns the function that gives it back.
 */
async function lock(path) {
  mkdirSync(join(path, ".."), { recursive: true });
  const owner = join(path, "owner");
  const me = JSON.stringify({ host: hostname(), pid: process.pid, at: Date.now() });
  let told = false;
  for (;;) {
    try {
      mkdirSync(path);
      writeFileSync(owner, me);
      break;
    } catch (error) {
      if (error.code !== "EEXIST") {
        throw new SetupError(
          `${path} cannot be made (${error.code}): check who owns this folder and the free disk space.`,
        );
      }
    }
    const holder = readOwner(path, owner);
    if (holder?.stale) {
      // The rename is atomic, so that of several waiters one removes it. Should it catch a lock that
      // was taken anew since we looked, that one goes back.
      const aside = `${path}.${process.pid}`;
      try {
        renameSync(path, aside);
        if (readText(join(aside, "owner")) === holder.text) {
          rmSync(aside, { recursive: true, force: true });
        } else renameSync(aside, path);
      } catch {
        // Another waiter was first.
      }
      continue;
    }
    if (!told && holder) {
      console.log(
        `another setup is running${holder.pid ? ` (process ${holder.pid})` : ""}: waiting for it`,
      );
    }
    told ||= Boolean(holder);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const beat = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch {
      // Removed by hand: nothing to keep fresh.
    }
  }, 5000);
  beat.unref();
  const unlock = () => {
    clearInterval(beat);
    if (readText(owner) === me) rmSync(path, { recursive: true, force: true });
  };
  process.on("exit", unlock);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));
  return unlock;
}

function readOwner(path, owner) {
  const text = readText(owner);
  let age;
  try {
    age = Date.now() - statSync(path).mtimeMs;
  } catch {
    return undefined; // Given back just now.
  }
  let holder = {};
  try {
    holder = JSON.parse(text);
  } catch {
    // Made a moment ago, not written yet; or left by a process that died in between.
    return { text, stale: age > 10_000 };
  }
  return {
    text,
    pid: holder.pid,
    stale: age > 120_000 || (holder.host === hostname() && !isAlive(holder.pid)),
  };
}

function readText(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\n${error.message}`);
  process.exit(1);
}
