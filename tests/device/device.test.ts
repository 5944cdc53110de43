// Devices by name, arrays that move between them, and errors that wait on a device. On whatever device is the
// default one; tests/device/between.cuda.test.ts has what takes two.

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import * as gk from "../../mod.ts";
import {
  expectArray,
  expectError,
  expectRejection,
  noLeaks,
  scoped,
  scopedAsync,
} from "../helpers.ts";

noLeaks();

const here = gk.defaultDevice();
after(() => gk.setDefaultDevice(here));

describe("devices", () => {
  it("are listed and described", () => {
    const all = gk.devices();
    assert.equal(all[0]!.name, "cpu");
    assert.equal(gk.device("cpu"), all[0]);
    assert.ok(all[0]!.info["isa"]);
    assert.ok(all.includes(here));
    assert.equal(gk.device(), here);
    for (const [i, device] of all.entries()) {
      assert.equal(device.index, i);
      assert.equal(gk.device(device.name), device);
      assert.equal(device.info["id"], device.name);
      assert.equal(device.name.split(":")[0], device.info["kind"]);
      assert.equal(String(device), device.name);
      assert.equal(JSON.stringify(device), JSON.stringify(device.name));
      assert.ok(device.lost instanceof Promise);
      assert.equal(device.lost, device.lost);
    }
    assert.equal(gk.isCudaAvailable(), all.some(({ name }) => name.startsWith("cuda")));
    const told = gk.info();
    assert.equal(told["default"], here.name);
    // Either it is there, or it is said why not and what to do.
    assert.match(told["nvrtcVersion"] ?? told["nvrtcWhy"]!, /^\d+\.\d+$|GPUKIT_LIBNVRTC/);
    assert.ok(told["kernelCache"] ?? told["kernelCacheWhy"]);
    expectError(() => gk.device("tpu"), gk.DeviceError, /tpu.*cpu/);
    expectError(() => gk.zeros(1, { device: "cuda:70" }), gk.DeviceError, /cuda:70/);
  });

  it(
    "take arrays by option",
    scoped(() => {
      expectArray(gk.ones(2, { device: "cpu" }), [1, 1]);
      expectArray(gk.array([1, 2], { device: here }), [1, 2]);
      for (const device of gk.devices()) {
        const made = [
          gk.arange(3, 4, 1, { device }),
          gk.array([3], { device }),
          gk.full(1, 3, { device }),
          gk.full(1, 3n, { device }),
          gk.random.uniform(1, { low: 3, high: 3.5, device }).floor(),
        ];
        for (const a of made) {
          assert.equal(a.device, device.name);
          assert.equal(Number(a.item()), 3);
        }
      }
    }),
  );

  it(
    "become the default one of open scopes too",
    scoped(() => {
      for (const device of gk.devices()) {
        const scoped = gk.scope(() => {
          gk.setDefaultDevice(device);
          return gk.ones(2);
        });
        assert.equal(scoped.device, device.name);
        assert.equal(gk.ones(2).device, device.name);
        assert.equal(gk.defaultDevice(), device);
        using s = gk.stream();
        assert.equal(s.run(() => gk.ones(2)).device, device.name);
      }
      gk.setDefaultDevice(here);
      expectError(() => gk.setDefaultDevice("tpu"), gk.DeviceError, /tpu/);
      assert.equal(gk.defaultDevice(), here);
    }),
  );

  it("count bytes", () => {
    const bytes = () => gk.memory().devices[here.name]!.bytes;
    const before = bytes();
    const a = gk.zeros(1_000_000);
    assert.ok(bytes() >= before + 4_000_000);
    a.dispose();
    here.synchronize(); // the fill may still be queued
    assert.equal(bytes(), before);
  });
});

describe("to", () => {
  const dtypes = ["bool", "int8", "uint16", "int64", "float16", "bfloat16", "float32", "complex64"];
  it(
    "keeps dtype, shape and every bit, of any layout",
    scoped(() => {
      for (const device of gk.devices()) {
        for (const dtype of dtypes as gk.DType[]) {
          const a = gk.arange(24).astype(dtype).reshape([2, 3, 4]);
          for (const view of [a, a.T, a.at(":", "::-2", 1), a.at(0, 0, 0), a.at(":", "3:")]) {
            const there = view.to(device);
            assert.equal(there.device, device.name);
            assert.equal(there.dtype, dtype);
            assert.deepEqual(there.shape, view.shape);
            assert.deepEqual(there.dataSync(), view.dataSync());
            const back = there.to(here);
            assert.equal(back.device, here.name);
            assert.deepEqual(back.dataSync(), view.dataSync());
          }
        }
      }
    }),
  );

  it(
    "shares storage only where the array lies there already",
    scoped(() => {
      const a = gk.ones(2);
      const same = a.to(here.name);
      assert.notEqual(same, a);
      a.fill(2);
      expectArray(same, [2, 2]);
      for (const other of gk.devices().filter((device) => device !== here)) {
        const copy = a.to(other);
        a.fill(3);
        expectArray(copy, [2, 2]);
        a.fill(2);
      }
      expectError(() => a.to("tpu"), gk.DeviceError, /tpu/);
    }),
  );

  it(
    "comes after what was submitted before it",
    scopedAsync(async () => {
      for (const device of gk.devices()) {
        using s = gk.stream();
        const a = gk.zeros(300_000);
        for (let i = 0; i < 20; i++) gk.add(a, 1, { out: a, stream: s });
        const there = a.to(device);
        gk.mul(a, 0, { out: a, stream: s });
        const back = there.mul(2).to(here);
        const want = device === here ? 0 : 40; // shared, and so zeroed
        assert.ok((await back.data()).every((x) => x === want));
        assert.equal(a.sum().item(), 0);
      }
    }),
  );
});

describe("an index out of range in an array", () => {
  const bad = () => gk.take(gk.arange(4), gk.array([9], { dtype: "int64" }));
  const raised = (call: () => unknown) => expectError(call, gk.IndexError, /take.*9.*4/);

  it(
    "is raised once by whatever waits for the device next",
    scopedAsync(async () => {
      const other = gk.ones(1);
      bad();
      raised(() => here.synchronize());
      here.synchronize();
      bad();
      raised(() => other.add(1).item());
      other.add(1).item();
      bad();
      await expectRejection(other.data(), gk.IndexError);
      await other.data();
      using s = gk.stream();
      s.run(() => void bad());
      raised(() => s.synchronize());
      s.synchronize();
      s.run(() => void bad());
      await expectRejection(s.done(), gk.IndexError);
      await s.done();
      here.synchronize();
    }),
  );

  it(
    "is raised for each launch of a graph",
    scopedAsync(async () => {
      const index = gk.array([9], { dtype: "int64" }), from = gk.arange(1, 5);
      using g = gk.graph(() => gk.take(from, index));
      for (let i = 0; i < 2; i++) {
        g.launch();
        await expectRejection(g.done(), gk.IndexError, /take/);
        expectArray(g.outputs, [0]);
      }
      index.fill(2);
      g.launch();
      await g.done();
      expectArray(g.outputs, [3]);
    }),
  );

  it(
    "names the first of many",
    scoped(() => {
      const n = 100_000;
      const index = gk.full(n, 1, { dtype: "int32" });
      index.set(77, 5000);
      const taken = gk.take(gk.arange(1, 5), index);
      expectError(() => taken.dataSync(), gk.IndexError, /take.*77.*axis 0.*4/);
      const data = taken.dataSync();
      assert.ok(data.every((x, i) => x === (i === 5000 ? 0 : 2)));
    }),
  );
});
