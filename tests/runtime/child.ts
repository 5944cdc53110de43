// A process of its own for a piece of TypeScript, under the runtime of the test.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const root = new URL("../../", import.meta.url).pathname;

/** Runs `code`, which has `gk` and `attempt` (what a call returned or threw); what it printed. */
export function run(code: string, env: Record<string, string> = {}): string {
  return runAll(code, env).stdout.trim();
}

/** The same, with what went to stderr. */
export function runAll(
  code: string,
  env: Record<string, string> = {},
): { readonly stdout: string; readonly stderr: string } {
  const folder = mkdtempSync(join(tmpdir(), "gpukit-child-"));
  const file = join(folder, "script.ts");
  writeFileSync(
    file,
    `import * as gk from ${JSON.stringify(`${root}mod.ts`)};
    const attempt = (f) => { try { return f(); } catch (e) { return e.name + ": " + e.message; } };
    ${code}\n`,
  );
  const args = "Deno" in globalThis ? ["run", "-A", "--no-check", file] : [file];
  const child = spawnSync(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: "utf8",
    timeout: 120_000,
    maxBuffer: 2 ** 28,
  });
  rmSync(folder, { recursive: true });
  assert.equal(child.signal, null, `ended by ${child.signal}: ${child.stderr}`);
  assert.equal(child.status, 0, `${child.stdout}${child.stderr}`);
  return child;
}
