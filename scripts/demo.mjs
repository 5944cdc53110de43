// Runs the example examples/digits under Deno and under Bun. Expects scripts/setup.mjs to have run
// (npm run demo does that). Fails if either does, or if its network reads less than 96 % rightly.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { root, tools } from "./tools.mjs";

const example = join(root, "examples", "digits", "train.ts");
const runtimes = [
  { name: "Deno", command: tools.deno, args: ["run", "-A"] },
  { name: "Bun", command: tools.bun, args: ["run"] },
];

let failed = 0;
for (const { name, command, args } of runtimes) {
  console.log(`\n== ${name} ${"=".repeat(70 - name.length)}\n`);
  const { status, signal, error } = spawnSync(command, [...args, example], {
    cwd: root,
    stdio: "inherit",
  });
  if (status === 0) continue;
  failed++;
  console.error(
    `\nThe demo failed under ${name}: ${error?.message ?? signal ?? `exit code ${status}`}`,
  );
}
process.exitCode = failed ? 1 : 0;
