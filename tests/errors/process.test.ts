// What goes wrong before or around the library: missing, damaged or foreign library files,
// environment variables, the memory limit. Each in a process of its own.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import process from "node:process";

const root = new URL("../../", import.meta.url).pathname;
const library = join(root, "zig-out/lib/libgpukit.so");
const folder = mkdtempSync(join(tmpdir(), "gpukit-errors-"));
after(() => rmSync(folder, { recursive: true }));

let scripts = 0;
/** Runs TypeScript under the runtime of this test, `gk` imported; what it printed. */
function run(code: string, env: Record<string, string> = {}): string {
  const file = join(folder, `script${scripts++}.ts`);
  writeFileSync(file, `${code}\n`);
  const args = "Deno" in globalThis ? ["run", "-A", "--no-check", file] : [file];
  const child = spawnSync(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal(child.signal, null, `${code}\nended by ${child.signal}: ${child.stderr}`);
  assert.equal(child.status, 0, `${code}\n${child.stdout}${child.stderr}`);
  return child.stdout.trim();
}

const load = `
  try {
    await import(${JSON.stringify(`${root}mod.ts`)});
    console.log("loaded");
  } catch (e) {
    console.log(e.name + ": " + e.message);
  }`;
const use = `import * as gk from ${JSON.stringify(`${root}mod.ts`)};
  const attempt = (f) => { try { return f(); } catch (e) { return e.name + ": " + e.message; } };`;

describe("the library file", () => {
  it("missing", { timeout: 120_000 }, () => {
    const said = run(load, { GPUKIT_LIBRARY: join(folder, "none.so") });
    assert.match(said, /^LoadError: .*none\.so is not there/);
    assert.match(said, /npm run build/);
  });

  it("truncated, empty, or no library at all", { timeout: 120_000 }, () => {
    const whole = readFileSync(library);
    for (
      const [name, bytes] of [
        ["half.so", whole.subarray(0, whole.length >> 1)],
        ["head.so", whole.subarray(0, 100)],
        ["empty.so", new Uint8Array(0)],
        ["text.so", new TextEncoder().encode("not a library\n")],
      ] as const
    ) {
      writeFileSync(join(folder, name), bytes);
      const said = run(load, { GPUKIT_LIBRARY: join(folder, name) });
      assert.match(said, /^LoadError: /, name);
      assert.ok(said.includes(name), said);
    }
  });

  it("of another ABI version, or another library", { timeout: 120_000 }, () => {
    const zig = join(root, ".toolchain/ziglang/zig");
    for (
      const [name, code, wanted] of [
        ["other.so", "unsigned gk_abi_version(void) { return 4711; }", /ABI version 4711/],
        ["alien.so", "int unrelated(void) { return 1; }", /cannot be loaded|lacks/],
      ] as const
    ) {
      const source = join(folder, `${name}.c`);
      writeFileSync(source, code);
      const args = ["cc", "-shared", "-fPIC", "-o", join(folder, name), source];
      const built = spawnSync(zig, args, { encoding: "utf8" });
      assert.equal(built.status, 0, built.stderr);
      const said = run(load, { GPUKIT_LIBRARY: join(folder, name) });
      assert.match(said, /^LoadError: /);
      assert.match(said, wanted);
    }
  });

  it("in another place", { timeout: 120_000 }, () => {
    const moved = join(folder, "moved.so");
    copyFileSync(library, moved);
    assert.equal(run(load, { GPUKIT_LIBRARY: moved }), "loaded");
  });
});

describe("the environment", () => {
  it("GPUKIT_DEVICE that is not there is never ignored", { timeout: 120_000 }, () => {
    const code = `${use}
      console.log(attempt(() => gk.zeros([2])));
      console.log(JSON.stringify(gk.info()));`;
    // tests/errors/driver.test.ts has the reasons that there is no CUDA device.
    const said = run(code, { GPUKIT_DEVICE: "cuda", GPUKIT_LIBCUDA: "/nowhere" });
    assert.match(said, /^DeviceError: .*GPUKIT_DEVICE=cuda.*set it to cpu/);
    assert.match(run(code, { GPUKIT_DEVICE: "quantum" }), /^DeviceError: .*quantum.*cpu or cuda/);
    assert.match(run(code, { GPUKIT_DEVICE: "cpu:1" }), /^DeviceError: .*cpu:1/);
    assert.doesNotMatch(run(code, { GPUKIT_DEVICE: "cpu" }), /Error/);
  });

  it("GPUKIT_CPU_ISA", { timeout: 120_000 }, () => {
    const code = `${use} console.log(attempt(() => gk.sum(gk.arange(100)).item()));`;
    assert.equal(
      run(code, { GPUKIT_CPU_ISA: process.arch === "x64" ? "baseline" : "neon" }),
      "4950",
    );
    assert.match(run(code, { GPUKIT_CPU_ISA: "mmx" }), /^DeviceError: .*GPUKIT_CPU_ISA=mmx/);
  });

  it("GPUKIT_MAX_BYTES bounds memory with a synchronous error", { timeout: 120_000 }, () => {
    const code = `${use}
      const kept = gk.zeros([500_000]);
      console.log(attempt(() => gk.zeros([1_000_000])));
      console.log(attempt(() => { for (;;) gk.keep(gk.add(kept, 1)); }).slice(0, 200));
      console.log(gk.sum(kept).item());`;
    const said = run(code, { GPUKIT_MAX_BYTES: "5000000" }).split("\n");
    assert.match(
      said[0]!,
      /^OutOfMemoryError: zeros: .*4000000 bytes.*gk\.scope.*GPUKIT_MAX_BYTES/,
    );
    assert.match(said[1]!, /^OutOfMemoryError: add/);
    assert.equal(said[2], "0");
    const one = `${use} console.log(attempt(() => gk.zeros([1])));`;
    assert.match(run(one, { GPUKIT_MAX_BYTES: "lots" }), /^DeviceError: .*GPUKIT_MAX_BYTES=lots/);
  });
});
