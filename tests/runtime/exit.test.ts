// Processes and workers that end with work still running, in whatever way they end.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import process from "node:process";
import { isStandin } from "../helpers.ts";

const root = new URL("../../", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "gpukit-exit-"));
after(() => rmSync(folder, { recursive: true }));

let scripts = 0;
function run(code: string): { status: number | null; signal: string | null; out: string } {
  const file = join(folder, `script${scripts++}.ts`);
  writeFileSync(file, `import * as gk from ${JSON.stringify(`${root}mod.ts`)};\n${code}\n`);
  const args = "Deno" in globalThis ? ["run", "-A", "--no-check", file] : [file];
  const child = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 60_000 });
  return { status: child.status, signal: child.signal, out: child.stdout + child.stderr };
}

// About a second of queued work on two streams, which takes memory until it has run.
const busy = `
  const n = ${isStandin ? 100_000 : 1_000_000};
  const a = gk.ones(n), s = gk.stream();
  let b = a;
  for (let i = 0; i < 100; i++) b = gk.exp(gk.add(b, -1));
  const out = gk.zeros(n);
  s.run(() => { for (let i = 0; i < 40; i++) gk.tanh(a, { out }); });
`;

describe("a process ends with work running", () => {
  it("by running out of work, awaiting nothing", { timeout: 120_000 }, () => {
    const { status, signal, out } = run(`${busy} console.log("end");`);
    assert.deepEqual({ status, signal, out: out.trim() }, { status: 0, signal: null, out: "end" });
  });

  it("by process.exit", { timeout: 120_000 }, () => {
    const { status, signal } = run(`import process from "node:process"; ${busy} process.exit(3);`);
    assert.deepEqual({ status, signal }, { status: 3, signal: null });
  });

  it("by an uncaught error, with a read pending", { timeout: 120_000 }, () => {
    const { status, signal, out } = run(`${busy} void b.data(); throw new Error("on purpose");`);
    assert.equal(signal, null);
    assert.equal(status, 1);
    assert.match(out, /on purpose/);
  });

  it("a pending read keeps it alive", { timeout: 120_000 }, () => {
    const code = `${busy} void b.at(0).data().then((x) => console.log("read", x.length));`;
    const { status, out } = run(code);
    assert.equal(status, 0, out);
    assert.match(out, /read 1/);
  });
});

const worker = join(folder, "worker.ts");
writeFileSync(
  worker,
  `
  import * as gk from ${JSON.stringify(`${root}mod.ts`)};
  ${busy}
  void b.data().then(() => {});
  postMessage("busy");
  `,
);

describe("workers", () => {
  it("terminated in the middle of work leave nothing behind", { timeout: 120_000 }, () => {
    const { status, signal, out } = run(`
      for (let i = 0; i < 4; i++) {
        const w = new Worker(new URL(${JSON.stringify(`file://${worker}`)}), { type: "module" });
        await new Promise((resolve, reject) => { w.onmessage = resolve; w.onerror = reject; });
        w.terminate();
      }
      const a = gk.arange(1000);
      console.log(gk.sum(a).item());
      for (let i = 0; i < 600 && gk.memory().bytes > 1e6; i++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      console.log(gk.memory().bytes < 1e6 ? "freed" : "kept " + gk.memory().bytes);
    `);
    assert.equal(signal, null, out);
    assert.equal(status, 0, out);
    assert.match(out, /499500\s+freed/);
  });
});
