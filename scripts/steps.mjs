// How a script makes what is missing: steps with stamps, their progress on the terminal, errors that tell
// the user what to do, and a lock, so that one runs at a time. Used by setup.mjs and kernels.mjs.
//
// A step is {name, stamp, key, present, run}. Its stamp is a file with a hash of what the step is made
// from, written after it is complete: a step that was interrupted runs again.

import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { root, seconds } from "./tools.mjs";

/** An error whose text tells the user what to do; shown without a stack. */
export class SetupError extends Error {}

/** Runs the work of a script; ends the process with 1 when it fails. */
export async function runScript(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`\n${error.message}`);
    process.exit(1);
  }
}

/** Runs the steps that are not done, one after the other, while no other script does. */
export async function performSteps(steps) {
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

function isDone(step) {
  try {
    return readFileSync(step.stamp, "utf8") === step.key() && step.present();
  } catch {
    return false;
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
    mkdirSync(dirname(step.stamp), { recursive: true });
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

// ---- failures -----------------------------------------------------------------------------------

export const isNetworkTrouble = (text) =>
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|Temporary failure in name|Name or service not known|NewConnectionError|ConnectTimeout|ReadTimeout|Network is unreachable|ProxyError|SSLError|CERT_|network (timeout|request)/i
    .test(text);

export const networkAdvice = (registry, show) =>
  `${registry} could not be reached. Check the network connection, then run this again: what is already there is kept. ` +
  `Behind a proxy or a mirror, set HTTPS_PROXY or the registry ("${show}" shows what is set).`;

/** The error of a program that failed, with the end of what it printed. */
export function failed(what, output, advice) {
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
