// Several GPUs in machines of other kinds, and when one of them fails: each in a process of its own, over the
// stand-in driver.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { run } from "../runtime/child.ts";

const patient = { timeout: 240_000 };
const helper = new URL("../runtime/standin.ts", import.meta.url).href;
/** What the code prints, with four devices unless `env` says otherwise. */
const lines = (code: string, env: Record<string, string> = {}) =>
  run(`import { calls, peerCopies } from ${JSON.stringify(helper)};\n${code}`, {
    STANDIN_DEVICES: "4",
    ...env,
  }).split("\n");

describe("copies between GPUs", () => {
  const code = `
    const a = gk.arange(100_000, { device: "cuda:0" });
    let b = a;
    for (const to of ["cuda:1", "cuda:2", "cuda:3", "cuda:0"]) b = b.at("::-1").to(to).add(1);
    console.log(b.sub(a).at("::33333").dataSync().join());
    console.log(peerCopies());
    for (const d of gk.devices().slice(1)) console.log(d.info.peers);`;
  for (
    const [peers, ways, told] of [
      // Two copies are tried between every two that reach each other.
      ["all", "12 directly, 0 by the host", [
        "cuda:1 cuda:2 cuda:3",
        "cuda:0 cuda:2 cuda:3",
        "cuda:0 cuda:1 cuda:3",
        "cuda:0 cuda:1 cuda:2",
      ]],
      ["none", "0 directly, 4 by the host", ["", "", "", ""]],
      ["0-1,2-3", "6 directly, 2 by the host", ["cuda:1", "cuda:0", "cuda:3", "cuda:2"]],
    ] as const
  ) {
    it(`go as the machine lets them: peers ${peers}`, patient, () => {
      const said = lines(code, { STANDIN_PEERS: peers });
      assert.equal(said[0], "4,4,4,4");
      assert.equal(said[1], ways);
      // A last line that is empty is trimmed.
      assert.deepEqual([...said.slice(2), "", "", "", ""].slice(0, 4), told);
    });
  }

  // The way is found once for two devices; none of these is an error of the copy.
  for (
    const failure of [
      "cuCtxEnablePeerAccess:1:711",
      "cuCtxEnablePeerAccess:1:704",
      "cuMemPoolSetAccess:1:1",
      "cuDeviceCanAccessPeer:1:101",
    ]
  ) {
    it(`arrive where access fails: ${failure}`, patient, () => {
      const said = lines(
        `
        const a = gk.arange(1000, { device: "cuda:0" }), b = a.to("cuda:1");
        const c = b.to("cuda:0").to("cuda:1");
        console.log(c.sub(b).abs().max().item(), calls("cuMemcpyPeerAsync"));
        console.log(calls("cuCtxEnablePeerAccess") <= 2);`,
        { STANDIN_FAIL: failure },
      );
      assert.deepEqual(said, ["0 5", "true"]);
    });
  }

  it("go by the host where direct ones are dropped", patient, () => {
    const said = lines(code, { STANDIN_DROP: "direct" });
    assert.equal(said[0], "4,4,4,4");
    // Two tries each way, and the copy.
    assert.equal(said[1], "8 directly, 12 by the host");
  });

  it("that never arrive are an error", patient, () => {
    const said = lines(
      `
      const a = gk.ones(3, { device: "cuda:0" });
      for (let i = 0; i < 2; i++) console.log(attempt(() => a.to("cuda:1")));
      console.log(a.to("cpu").to("cuda:1").sum().item(), gk.device("cuda:1").info.state);
      console.log(gk.memory().devices["cuda:1"].bytes < 100);`,
      { STANDIN_DROP: "all" },
    );
    for (const line of said.slice(0, 2)) {
      assert.match(
        line,
        /^DeviceError: to: what cuda:0 sends to cuda:1 does not arrive.*to\("cpu"\)/,
      );
    }
    assert.deepEqual(said.slice(2), ["3 ok", "true"]);
  });

  it("that fail are errors of the call, and leave both devices well", patient, () => {
    const said = lines(
      `
      const a = gk.ones(1000, { device: "cuda:0" });
      console.log(attempt(() => a.to("cuda:1")));
      console.log(gk.scope(() => a.to("cuda:1").sum().item() + a.sum().item()));
      console.log(attempt(() => gk.scope(() => gk.ones(100_000_000, { device: "cuda:0" }).to("cuda:1"))));
      a.dispose();
      console.log(gk.memory().devices["cuda:0"].bytes + gk.memory().devices["cuda:1"].bytes);`,
      { STANDIN_FAIL: "cuMemcpyPeerAsync:3:1", GPUKIT_MAX_BYTES: "300M" },
    );
    assert.match(said[0]!, /^DeviceError: to: cuda:1 answered CUDA_ERROR_INVALID_VALUE/);
    assert.equal(said[1], "2000");
    assert.match(said[2]!, /^OutOfMemoryError: /);
    assert.equal(said[3], "0");
  });
});

// Nothing runs before somebody waits for it, so that what fails does so behind the calls.
const late = { STANDIN_LAZY: "1", STANDIN_QUIET: "1" };

describe("a GPU that is lost among others", () => {
  it("takes none along", patient, () => {
    const said = lines(
      `
      const all = ["cuda:0", "cuda:1", "cuda:2", "cuda:3"];
      const a = all.map((device) => gk.full(1000, 3, { device }));
      const copies = [a[1].to("cuda:0"), a[1].to("cuda:2")];
      const lost = all.map((name) => gk.device(name).lost.then((e) => name + ": " + e.message));
      gk.device("cuda:0").synchronize();
      gk.device("cuda:2").synchronize();
      console.log(attempt(() => a[1].add(1).dataSync()));
      console.log(await Promise.any(lost));
      // What lies elsewhere goes on, also what came from there; nothing more comes from it or goes to it.
      console.log(copies.map((c) => c.add(1).at(0).item()).join(), a[3].to("cuda:2").at(5).item());
      console.log(attempt(() => a[1].to("cuda:0")));
      console.log(attempt(() => a[0].to("cuda:1")));
      console.log(attempt(() => gk.stream({ device: "cuda:1" })));
      console.log(attempt(() => gk.device("cuda:1").synchronize()));
      a[1].dispose();
      for (let i = 0; i < 50; i++) gk.scope(() => a[0].to("cuda:3").add(1).to("cuda:0").mul(2));
      for (const name of ["cuda:0", "cuda:2", "cuda:3"]) {
        gk.device(name).synchronize();
        console.log(gk.device(name).info.state, gk.ones(9, { device: name }).sum().item());
      }
      console.log(await Promise.race([...lost.filter((_, i) => i !== 1), "none other"]));`,
      { STANDIN_FAIL: "cuLaunchKernel:5:719", STANDIN_QUIET: "1" },
    );
    assert.match(said[0]!, /^DeviceLostError: cuda:1 is lost.*LAUNCH_FAILED/);
    assert.match(said[1]!, /^cuda:1: cuda:1 is lost/);
    assert.equal(said[2], "4,4 3");
    for (const line of said.slice(3, 7)) assert.match(line, /^DeviceLostError: cuda:1 is lost/);
    for (const line of said.slice(7, 10)) assert.equal(line, "ok 9");
    assert.equal(said[10], "none other");
  });

  it("while a copy from it is under way: the copy's reader hears of it, once", patient, () => {
    const said = lines(
      `
      const a = gk.full(2_000_000, 3, { device: "cuda:0" }), b = gk.full(10, 4, { device: "cuda:1" });
      b.sum().item(); // all kernels loaded
      const bad = gk.exp(a); // fails when it runs, behind this
      const copy = bad.to("cuda:1");
      console.log(attempt(() => copy.add(1).at(0).item()));
      console.log(attempt(() => b.add(1).at(0).item()), gk.device("cuda:1").info.state);
      console.log(attempt(() => bad.to("cuda:2")));
      console.log((await gk.device("cuda:0").lost).message.slice(0, 14));
      console.log(gk.ones(3, { device: "cuda:1" }).to("cuda:2").sum().item());`,
      { ...late, STANDIN_FAIL: "cuLaunchKernel:4:719:later", GPUKIT_DEVICE: "cuda:3" },
    );
    assert.match(
      said[0]!,
      /^DeviceLostError: cuda:0 is lost.*; a copy from it to cuda:1 may not have been made$/,
    );
    assert.equal(said[1], "5 ok");
    assert.match(said[2]!, /^DeviceLostError: cuda:0 is lost/);
    assert.equal(said[3], "cuda:0 is lost");
    assert.equal(said[4], "3");
  });

  it("awaited copies reject, and streams that wait for its events go on", patient, () => {
    const said = lines(
      `
      using s = gk.stream({ device: "cuda:0" }), t = gk.stream({ device: "cuda:1" });
      const a = gk.full(2_000_000, 3, { device: "cuda:0" });
      const bad = s.run(() => gk.exp(a));
      t.wait(s.record());
      const copy = t.run(() => bad.to("cuda:1"));
      const fine = gk.full(5, 2, { device: "cuda:1" });
      const name = (p) => p.then((x) => x?.[0] ?? "done", (e) => e.name);
      console.log(await name(copy.data()));
      console.log(await name(s.done()), await name(t.done()), await name(fine.data()));
      t.wait(gk.stream({ device: "cuda:2" }).record());
      console.log(t.run(() => fine.add(1)).sum().item());`,
      { ...late, STANDIN_FAIL: "cuLaunchKernel:2:719:later" },
    );
    assert.deepEqual(said, ["DeviceLostError", "DeviceLostError done 2", "15"]);
  });
});

describe("users' kernels", () => {
  it("are of one GPU each, and one that never ends loses that", patient, () => {
    const said = lines(
      `
      const twice = 'extern "C" __global__ void twice(float *x) { x[threadIdx.x] *= 2; }';
      for (const device of ["cuda:0", "cuda:2"]) {
        const kernel = gk.jit(twice, "twice", { device }), a = gk.ones(64, { device });
        kernel.launch({ grid: 1, block: 64 }, a);
        console.log(a.to("cuda:3").sum().item());
        console.log(attempt(() => kernel.launch({ grid: 1, block: 1 }, a.to("cuda:1"))));
      }
      const spin = 'extern "C" __global__ void spin(volatile int *x) { while (*x == 0) {} }';
      const zero = gk.zeros(1, { device: "cuda:1", dtype: "int32" });
      gk.jit(spin, "spin", { device: "cuda:1" }).launch({ grid: 1, block: 1 }, zero);
      console.log(attempt(() => gk.device("cuda:1").synchronize()));
      console.log(gk.ones(3, { device: "cuda:0" }).sum().item());`,
      { STANDIN_WATCHDOG_MS: "100", STANDIN_QUIET: "1" },
    );
    assert.equal(said[0] + said[2]!, "128128");
    assert.match(said[1]!, /^DeviceError: launch: argument 1 of twice .*cuda:1.*cuda:0$/);
    assert.match(said[3]!, /^DeviceError: launch: argument 1 of twice .*cuda:1.*cuda:2$/);
    assert.match(said[4]!, /^DeviceLostError: cuda:1 is lost.*LAUNCH_TIMEOUT.*\(spin\)$/);
    assert.equal(said[5], "3");
  });
});

describe("the default device", () => {
  const code = `
    console.log(attempt(() => gk.ones(1).device));
    console.log(gk.info().cuda);`;
  it("is the first that can be used", patient, () => {
    const env = { GPUKIT_DEVICE: "", STANDIN_FAIL: "cuDevicePrimaryCtxRetain:1:2" };
    assert.deepEqual(lines(code, env), ["cuda:1"]);
  });

  it("is the one that is asked for, or an error", patient, () => {
    const fails = "cuDevicePrimaryCtxRetain:1:2";
    const [said] = lines(code, { GPUKIT_DEVICE: "cuda:2", STANDIN_FAIL: fails });
    assert.match(said!, /^DeviceError: .*GPUKIT_DEVICE=cuda:2 cannot be used: .*cuda:2/);
    assert.equal(lines(code, { GPUKIT_DEVICE: "cuda:2" })[0], "cuda:2");
  });
});
