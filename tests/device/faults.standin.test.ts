// What goes wrong on a GPU, provoked in the stand-in driver, each in a process of its own: kernels that fail,
// devices that are lost, memory that is full, GPUs that are not supported, several devices.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { run } from "../runtime/child.ts";

const patient = { timeout: 240_000 };
const lines = (text: string) => text.split("\n");

describe("a kernel that fails", () => {
  for (const [code, name] of [[719, "LAUNCH_FAILED"], [700, "ILLEGAL_ADDRESS"]] as const) {
    it(`with ${name} loses the device, and every call says why`, patient, () => {
      const said = lines(run(
        `
        const a = gk.ones(4), b = gk.ones(4, { device: "cpu" });
        const later = gk.device().lost.then((e) => "resolved: " + e.name + ": " + e.message);
        console.log(attempt(() => a.add(1).mul(2).dataSync()));
        console.log(attempt(() => a.add(1)));
        console.log(attempt(() => a.dataSync()));
        console.log(attempt(() => gk.zeros(1)));
        console.log(attempt(() => gk.device().synchronize()));
        console.log(await gk.stream({ device: "cpu" }).done() ?? "done");
        console.log(await later);
        console.log((await gk.device("cuda").lost).message === (await gk.device().lost).message);
        gk.setDefaultDevice("cpu");
        console.log(b.add(1).sum().item(), gk.arange(4).sum().item());
        a.dispose();
        console.log(gk.device("cuda").info.kind);`,
        { STANDIN_FAIL: `cuLaunchKernel:2:${code}` },
      ));
      const cause = said[0]!.replace(/^DeviceLostError: /, "");
      assert.match(said[0]!, /^DeviceLostError: .*cuda:0 is lost/);
      assert.match(cause, new RegExp(`${name}.*${code}`));
      for (const line of said.slice(1, 5)) assert.equal(line, `DeviceLostError: ${cause}`);
      assert.equal(said[5], "done");
      assert.equal(said[6], `resolved: DeviceLostError: ${cause}`);
      assert.equal(said[7], "true");
      assert.equal(said[8], "8 6");
      assert.equal(said[9], "cuda");
    });
  }

  it("rejects what awaits it, and lets the process end", patient, () => {
    const said = lines(run(
      `
      const a = gk.ones(3_000_000); // which takes a while
      const b = gk.exp(a);
      const name = (p) => p.then(() => "resolved", (e) => e.name);
      console.log(await name(b.data()));
      console.log(await name(gk.copyAsync(gk.pinned(12_000_000), b)));
      console.log(attempt(() => gk.stream()).slice(0, 15));
      console.log(attempt(() => gk.graph(() => a.add(1)).launch()).slice(0, 15));`,
      { STANDIN_FAIL: "cuLaunchKernel:2:719:later" },
    ));
    assert.deepEqual(said, Array.from({ length: 4 }, () => "DeviceLostError"));
  });
});

describe("memory of the device", () => {
  it("that is full is an error with figures, and gives way to other sizes", patient, () => {
    const said = lines(run(
      `
      const kept = gk.ones(4_000_000);
      console.log(attempt(() => gk.ones(40_000_000)));
      for (let i = 1; i < 11; i++) gk.scope(() => void gk.empty(i * 1_000_000).at(0).add(1).item());
      console.log(kept.sum().item());
      const { bytes, cached, limit } = gk.memory().devices["cuda:0"];
      console.log(bytes + cached <= limit, limit);`,
      { STANDIN_MEMORY: "64M" },
    ));
    assert.match(said[0]!, /^OutOfMemoryError: ones: .*160000000 bytes/);
    assert.equal(said[1], "4000000");
    assert.match(said[2]!, /^true /);
  });

  it("that the driver refuses once is asked for again", patient, () => {
    const said = run(
      `
      const a = gk.ones(1000);
      console.log(gk.scope(() => a.add(gk.ones(5000).sum()).sum().item()));`,
      { STANDIN_FAIL: "cuMemAllocFromPoolAsync:2:2" },
    );
    assert.equal(said, String(1000 * 5001));
  });
});

describe("drivers", () => {
  it("that lack what nothing depends on serve, and say so", patient, () => {
    const said = lines(run(
      `
      const { uuid, greenContexts } = gk.device("cuda").info;
      console.log(JSON.stringify({ uuid, greenContexts }), gk.ones(3).add(1).sum().item());`,
      { STANDIN_MISSING: "cuDeviceGetUuid_v2,cuGreenCtxCreate" },
    ));
    assert.equal(said[0], '{"uuid":"","greenContexts":"no"} 6');
  });

  it("that lack anything else, or are too old, do not", patient, () => {
    const code = `console.log(attempt(() => gk.ones(1).device));`;
    const lacking = lines(run(code, { STANDIN_MISSING: "cuGraphLaunch" }));
    assert.match(lacking[0]!, /^DeviceError: .*lacks cuGraphLaunch, .* since CUDA 10\.0/);
    const old = lines(run(code, { STANDIN_VERSION: "12090" }));
    assert.match(old[0]!, /^DeviceError: .*too old.*12\.9.*13\.0/);
  });
});

describe("GPUs", () => {
  const code = `
    console.log(attempt(() => gk.ones(1).device));
    console.log(gk.info().cuda ?? "");`;
  it("below compute capability 8.0 are not used", patient, () => {
    const env = { STANDIN_CC: "7.5", GPUKIT_DEVICE: "" };
    const free = lines(run(code, env));
    assert.equal(free[0], "cpu");
    assert.match(free[1]!, /7\.5.*8\.0/);
    const asked = lines(run(code, { ...env, GPUKIT_DEVICE: "cuda" }));
    assert.match(asked[0]!, /^DeviceError: .*GPUKIT_DEVICE=cuda .*7\.5.*8\.0/);
  });

  it("are used where nothing is asked for", patient, () => {
    assert.equal(lines(run(code, { GPUKIT_DEVICE: "" }))[0], "cuda:0");
    assert.equal(lines(run(code, { GPUKIT_DEVICE: "cpu" }))[0], "cpu");
  });

  it("of one machine do not mix", patient, () => {
    const said = lines(run(
      `
      console.log(gk.devices().join(" "), gk.defaultDevice().name);
      const a = gk.arange(4), b = gk.arange(4, { device: "cuda:0" });
      console.log(a.device, b.device);
      console.log(attempt(() => a.add(b)));
      console.log(a.add(b.to("cuda:1")).dataSync().join());
      console.log(a.to("cpu").to("cuda:0").mul(b).dataSync().join());
      console.log(attempt(() => gk.stream({ device: "cuda:0" }).run(() => gk.ones(1).device)));`,
      { STANDIN_DEVICES: "2", GPUKIT_DEVICE: "cuda:1" },
    ));
    assert.equal(said[0], "cpu cuda:0 cuda:1 cuda:1");
    assert.equal(said[1], "cuda:1 cuda:0");
    assert.match(said[2]!, /^DeviceError: add: .*cuda:1 and cuda:0.*to\(\)/);
    assert.equal(said[3], "0,2,4,6");
    assert.equal(said[4], "0,1,4,9");
    assert.equal(said[5], "cuda:0");
  });

  it("one that is not there", patient, () => {
    const said = lines(run(code, { GPUKIT_DEVICE: "cuda:9" }));
    assert.match(said[0]!, /^DeviceError: .*GPUKIT_DEVICE=cuda:9/);
  });

  it("describe themselves", patient, () => {
    const info = JSON.parse(run(`console.log(JSON.stringify(gk.device("cuda").info));`, {
      STANDIN_CC: "8.6",
    })) as Record<string, string>;
    assert.equal(info["kind"], "cuda");
    assert.equal(info["computeCapability"], "8.6");
    assert.match(info["tensorCores"]!, /bfloat16/);
    assert.match(info["driver"]!, /^13\.\d$/);
    assert.equal(info["state"], "ok");
    assert.equal(info["mig"] + " " + info["mps"], "no no");
    for (const key of ["name", "uuid", "processors", "memory", "free", "clusters", "mig", "mps"]) {
      assert.ok(info[key], key);
    }
  });

  it("that are parts of one or shared say so", patient, () => {
    const code = `
      const { name, mig, mps } = gk.device("cuda").info;
      console.log([name, mig, mps].join());`;
    const said = run(code, { STANDIN_NAME: "NVIDIA H100 MIG 1g.10gb", STANDIN_MPS: "1" });
    assert.equal(said, "NVIDIA H100 MIG 1g.10gb,instance,client");
  });
});
