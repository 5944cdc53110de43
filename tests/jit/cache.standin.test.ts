// What is kept on disk, and where the compiler comes from: each in a process of its own, over the stand-in.

import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { run } from "../runtime/child.ts";

const patient = { timeout: 240_000 };
const scratch = mkdtempSync(join(tmpdir(), "gpukit-jit-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

let last = 0;
/** An empty folder for a cache. */
function folder(): string {
  const path = join(scratch, String(++last));
  mkdirSync(path);
  return path;
}

const compile = `
  const source = 'extern "C" __global__ void k(int *x) { x[0] = 7; }';
  const from = (text = source, options) => {
    using k = gk.jit(text, "k", options), x = gk.zeros(1, { dtype: "int32" });
    k.launch({ grid: 1, block: 1 }, x);
    return k.origin.from + " " + x.item();
  };
`;
const once = `${compile} console.log(from());`;
const files = (cache: string) => {
  const jit = join(cache, "jit");
  return readdirSync(jit).filter((name) => statSync(join(jit, name)).isFile())
    .map((name) => join(jit, name));
};

describe("the cache on disk", () => {
  it("gives to the next process what one compiled", patient, () => {
    const cache = folder(), env = { GPUKIT_CACHE_DIR: cache };
    assert.equal(run(once, env), "compiler 7");
    const [file] = files(cache);
    assert.equal(run(once, env), "disk 7");
    assert.equal(statSync(file!).mode & 0o777, 0o600);
    assert.equal(statSync(join(cache, "jit")).mode & 0o777, 0o700);
  });

  it("tells sources, options, headers, names and file names apart", patient, () => {
    const said = run(
      `${compile}
      const header = '#include "x.h"\\n' + source;
      console.log(JSON.stringify([
        from(), from(), from(source + " "), from(source, { options: ["-DX"] }),
        from(source, { options: ["-DX", "-DY"] }), from(header, { headers: { "x.h": "" } }),
        from(header, { headers: { "x.h": " " } }), from(source, { fileName: "b.cu" }), from(),
      ].map((s) => s.split(" ")[0][0])));`,
      { GPUKIT_CACHE_DIR: folder() },
    );
    assert.deepEqual(JSON.parse(said), ["c", "d", "c", "c", "c", "c", "c", "c", "d"]);
  });

  it("ignores what is damaged, and writes it anew", patient, () => {
    const cache = folder(), env = { GPUKIT_CACHE_DIR: cache };
    run(once, env);
    const [file] = files(cache);
    const whole = readFileSync(file!);
    const flipped = Uint8Array.from(whole);
    flipped[whole.length >> 1]! ^= 1;
    const damages = [
      flipped,
      whole.subarray(0, whole.length - 7),
      new Uint8Array(0),
      new TextEncoder().encode("something else"),
    ];
    for (const damaged of damages) {
      writeFileSync(file!, damaged);
      assert.equal(run(once, env), "compiler 7");
      assert.equal(files(cache).length, 1);
      assert.equal(run(once, env), "disk 7");
    }
  });

  it("of which GPUKIT_CACHE=0 makes none", patient, () => {
    const cache = folder(), env = { GPUKIT_CACHE_DIR: cache, GPUKIT_CACHE: "0" };
    for (let i = 0; i < 2; i++) assert.equal(run(once, env), "compiler 7");
    assert.deepEqual(readdirSync(cache), []);
  });

  it("that cannot be written is done without", patient, () => {
    const file = join(folder(), "file");
    writeFileSync(file, "");
    assert.equal(run(once, { GPUKIT_CACHE_DIR: file }), "compiler 7");
    assert.equal(run(once, { GPUKIT_CACHE_DIR: "/proc/nowhere" }), "compiler 7");
    const cache = folder();
    chmodSync(cache, 0o500);
    const expected = process.getuid?.() === 0 ? /^(compiler|disk) 7$/ : /^compiler 7$/;
    for (let i = 0; i < 2; i++) assert.match(run(once, { GPUKIT_CACHE_DIR: cache }), expected);
    chmodSync(cache, 0o700);
  });

  it("is told by gk.info(), or why there is none", patient, () => {
    const cache = folder();
    const code = `console.log(gk.info().kernelCache, gk.info().kernelCacheWhy);`;
    assert.equal(run(code, { GPUKIT_CACHE_DIR: cache }), `${join(cache, "jit")} undefined`);
    assert.match(run(code, { GPUKIT_CACHE: "0" }), /^undefined .*GPUKIT_CACHE=0/);
  });
});

describe("the compiler", () => {
  const attempt = `
    console.log(attempt(() => gk.jit('extern "C" __global__ void k() {}', "k").name));
    console.log(gk.info().nvrtcWhy);
    console.log(gk.ones(3).add(1).sum().item());
  `;
  const text = join(scratch, "text.so");
  writeFileSync(text, "no library");

  for (const path of ["/nowhere/libnvrtc.so", text]) {
    it(`that GPUKIT_LIBNVRTC names wrongly: ${path.replace(/.*\//, "")}`, patient, () => {
      const said = run(attempt, { GPUKIT_LIBNVRTC: path, GPUKIT_CACHE: "0" }).split("\n");
      assert.match(said[0]!, /^UnsupportedError: jit: .*GPUKIT_LIBNVRTC/);
      assert.match(said[1]!, /GPUKIT_LIBNVRTC/);
      assert.equal(said.at(-1), "6");
    });
  }

  it("that is too old", patient, () => {
    const said = run(attempt, { STANDIN_NVRTC_VERSION: "11.8", GPUKIT_CACHE: "0" }).split("\n");
    assert.match(said[0]!, /^UnsupportedError: jit: .*11\.8.*12/);
    assert.equal(said.at(-1), "6");
  });

  it("is told by gk.info()", patient, () => {
    const info = JSON.parse(run(`console.log(JSON.stringify(gk.info()));`));
    assert.match(info.nvrtc, /nvrtc/);
    assert.match(info.nvrtcVersion, /^\d+\.\d+$/);
    assert.ok(info.nvrtcHeaders && info.kernelCache);
  });
});

describe("a kernel that fails", () => {
  it("loses the device, and the error names it", patient, () => {
    const said = run(
      `
      const source = 'extern "C" __global__ void wild(int *x) { x[1 << 28] = 1; }';
      const k = gk.jit(source, "wild"), x = gk.zeros(1, { dtype: "int32" });
      k.launch({ grid: 1, block: 1 }, x);
      console.log(attempt(() => x.item()));
      console.log(attempt(() => k.launch({ grid: 1, block: 1 }, x)).split(":")[0]);
      console.log(attempt(() => gk.jit(source + " ", "wild")).split(":")[0]);
      k.dispose();
      gk.setDefaultDevice("cpu");
      console.log(gk.ones(2).sum().item());`,
    ).split("\n");
    assert.match(said[0]!, /^DeviceLostError: .*wild/);
    assert.deepEqual(said.slice(1), ["DeviceLostError", "DeviceLostError", "2"]);
  });
});

describe("a worker that ends while it compiles", () => {
  it("takes nothing along", patient, () => {
    const program = join(scratch, "compiles.ts");
    const mod = new URL("../../mod.ts", import.meta.url).href;
    writeFileSync(
      program,
      `import * as gk from ${JSON.stringify(mod)};
      const text = 'extern "C" __global__ void k() {} // ';
      for (let i = 0; i < 3; i++) void gk.jitAsync(text + i + performance.now(), "k");
      postMessage("compiling");`,
    );
    const said = run(
      `
      const { pathToFileURL } = await import("node:url");
      for (let i = 0; i < 3; i++) {
        const worker = new Worker(pathToFileURL(${JSON.stringify(program)}), { type: "module" });
        await new Promise((resolve) => worker.onmessage = resolve);
        worker.terminate();
      }
      const k = await gk.jitAsync('extern "C" __global__ void k(int *x) { *x = 5; }', "k");
      const x = gk.zeros(1, { dtype: "int32" });
      k.launch({ grid: 1, block: 1 }, x);
      console.log(x.item());`,
      { GPUKIT_CACHE: "0" },
    );
    assert.equal(said, "5");
  });
});
