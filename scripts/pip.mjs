// Installs wheels from PyPI into a folder of the checkout, as a list with hashes pins them.

import { readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { failed, isNetworkTrouble, networkAdvice, SetupError } from "./steps.mjs";
import { isWindows, platform, root, run } from "./tools.mjs";

/**
 * Makes `folder` (in the root) anew with what `list` names. It appears complete or not at all. `note`
 * gets what is under way.
 */
export async function pipInstall(folder, list, note) {
  const python = await findPython();
  const target = join(root, `${folder}.${process.pid}`);
  // Left by setups that were killed; the lock says that none is running.
  for (const name of readdirSync(root).filter((name) => name.startsWith(`${folder}.`))) {
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
    join(root, list),
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
    throw failed("pip install", result.output, explainPip(result.output, list));
  }
  rmSync(join(root, folder), { recursive: true, force: true });
  renameSync(target, join(root, folder));
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
      `${withoutPip} has no pip, which fetches the compilers. Run "${withoutPip} -m ensurepip" ` +
        `(on Debian and Ubuntu: "apt-get install python3-pip"), then run this again.`,
    );
  }
  throw new SetupError(
    "python3 (3.8 or later) was not found; its pip fetches the compilers. Install Python 3 with pip, then run this again.",
  );
}

function explainPip(output, list) {
  if (/DO NOT MATCH THE HASHES/i.test(output)) {
    return `A downloaded file is not the one that ${list} names: something between here and PyPI changed it. ` +
      "Run this again; if it stays so, do not use the file.";
  }
  // An index that does not answer looks to pip like one that has no versions at all.
  const known = /^(linux|darwin)-(x64|arm64)$/.test(platform);
  if (isNetworkTrouble(output) || (known && /from versions: none/.test(output))) {
    return networkAdvice("PyPI", "pip config list") +
      ` An old pip may also not know its platform: "python3 -m pip install --upgrade pip".`;
  }
  if (/No matching distribution|Could not find a version/i.test(output)) {
    return `PyPI has no wheels of ${list} for ${platform} that this pip knows how to install: ` +
      `try "python3 -m pip install --upgrade pip". Zig is there for Linux and macOS, x86_64 and aarch64; ` +
      "the CUDA compiler for Linux.";
  }
  if (/No space left/i.test(output)) return "The disk is full: about 1 GB is needed.";
  return 'The text above is pip\'s own. Run this again; if it fails in the same way, try "python3 -m pip install --upgrade pip".';
}
