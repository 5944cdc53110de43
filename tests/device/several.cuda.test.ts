// Several GPUs: copies between them, and everything else that a device has once for itself. Skipped where there
// is one; the stand-in driver has four under `npm test`.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { dtypes } from "../property/support.ts";
import { expectArray, expectClose, expectError, noLeaks, scoped, scopedAsync } from "../helpers.ts";

noLeaks();

const gpus = gk.devices().filter((d) => d.info["kind"] === "cuda").map((d) => d.name);
const all = [...gpus, "cpu"];
const few = gpus.length < 2 ? "there is one GPU" : false;
const [first, second] = [gpus[0]!, gpus[1] ?? "cuda:1"];
const last = gpus.at(-1)!;
const counters = (name: string) => gk.memory().devices[name]!;
const waits = () => gpus.reduce((sum, name) => sum + counters(name).synchronisations, 0);
const finish = () => gpus.forEach((name) => gk.device(name).synchronize());
/** Work that takes a stream a while, ending in the value everywhere. */
function slowly(value: number, size: number, device: string): gk.NDArray {
  return gk.scope(() => {
    let a = gk.zeros(size, { device });
    for (let i = 0; i < 20; i++) a = a.add(value / 20);
    return gk.round(a);
  });
}

it(few ? "one GPU: what takes several is skipped" : `${gpus.length} GPUs`, () => {
  assert.equal(gk.isCudaAvailable(), gpus.length > 0);
});

describe("several GPUs", { skip: few }, () => {
  it(
    "copies of any dtype, length and layout arrive",
    scoped(() => {
      const layouts: Record<string, (a: gk.NDArray) => gk.NDArray> = {
        whole: (a) => a,
        offset: (a) => a.at("3:"),
        steps: (a) => a.at("::3"),
        reversed: (a) => a.at("::-1"),
        repeated: (a) => a.at(":5").expandDims(0).broadcastTo([3, 5]),
        transposed: (a) => a.at(":60").reshape([3, 4, 5]).T,
        one: (a) => a.at(7),
        none: (a) => a.at("5:5"),
      };
      for (const dtype of dtypes) {
        const a = gk.arange(64, { device: first, dtype: "int32" }).astype(dtype);
        for (const [layout, make] of Object.entries(layouts)) {
          const from = make(a), there = from.to(second);
          assert.equal(there.device, second);
          assert.equal(there.dtype, dtype);
          assert.deepEqual(there.shape, from.shape);
          assert.ok(there.isContiguous);
          assert.deepEqual(there.dataSync(), from.dataSync(), `${dtype} ${layout}`);
        }
      }
      for (const size of [1, 1023, 4097, 300_001]) {
        const a = gk.arange(size, { device: first, dtype: "int64" });
        for (const to of all) {
          for (const back of all) {
            const there = a.to(to).to(back);
            assert.equal(there.device, back);
            assert.equal(there.sub(a.to(back)).abs().max().item(), 0);
          }
        }
      }
    }),
  );

  it(
    "a copy has the value as of the call",
    scopedAsync(async () => {
      const size = 50_000;
      for (let round = 0; round < 5; round++) {
        await gk.scope(async () => {
          const a = slowly(40, size, first);
          const there = a.to(second);
          a.fill(-1); // behind the copy
          const again = a.to(second), on = there.to(last).add(1);
          there.fill(7);
          const view = slowly(60, size, first).at("::-2").to(last);
          a.dispose(); // what it lay in is the next array's, behind the copies
          const next = gk.full(size, 5, { device: first });
          const sums = [again, on, there, view, next].map((x) => x.astype("float64").sum().data());
          assert.deepEqual(
            (await Promise.all(sums)).map((x) => x[0]! / size),
            [-1, 41, 7, 30, 5],
          );
        });
      }
    }),
  );

  it(
    "nothing waits for a copy but the device it goes to, and memory is used again",
    scoped(() => {
      const a = gk.ones([300, 200], { device: first });
      const step = () =>
        gk.scope(() => {
          const there = a.T.to(second).add(1);
          there.to(last).mul(2).to(first);
        });
      for (let i = 0; i < 20; i++) step();
      finish();
      const before = waits(), blocks = gpus.map((name) => counters(name).blocks);
      for (let i = 0; i < 50; i++) step();
      assert.equal(waits() - before, 0, "waits");
      gpus.forEach((name, i) =>
        assert.ok(counters(name).blocks - blocks[i]! <= 8, `blocks of ${name}`)
      );
    }),
  );

  it(
    "one array is read by all the others without a wait",
    scoped(() => {
      const a = slowly(20, 10_000, first), before = waits();
      const copies = [...gpus.slice(1), ...gpus.slice(1)].map((name) => a.to(name));
      a.fill(3);
      assert.equal(waits() - before, 0);
      for (const copy of copies) expectArray(copy.at("::4999"), [20, 20, 20]);
      expectArray(a.at(":2"), [3, 3]);
    }),
  );

  it(
    "copyFrom writes into what is there",
    scoped(() => {
      const target = gk.zeros([4, 6], { device: second, dtype: "int32" });
      const column = target.at(":", 2), block = target.at("1:3", "::-2");
      column.copyFrom(gk.arange(4, { device: first }));
      block.copyFrom(gk.full(3, 9, { device: last }));
      expectArray(target, [[0, 0, 0, 0, 0, 0], [0, 9, 1, 9, 0, 9], [0, 9, 2, 9, 0, 9], [
        0,
        0,
        3,
        0,
        0,
        0,
      ]]);
      target.copyFrom(gk.ones([4, 6], { device: "cpu" }));
      assert.equal(target.sum().item(), 24);
      expectError(
        () => target.copyFrom(gk.ones(5, { device: first })),
        gk.ShapeError,
      );
    }),
  );

  it(
    "streams, events and graphs are of one device each",
    scopedAsync(async () => {
      using s = gk.stream({ device: second });
      using t = gk.stream({ device: first });
      const a = t.run(() => slowly(60, 30_000, first));
      const e = t.record();
      s.wait(e);
      const b = s.run(() => a.to(second).mul(2));
      assert.equal(b.device, second);
      const done = s.record();
      await s.done();
      assert.ok(e.hasHappened && done.hasHappened);
      expectArray(b.at(":2"), [120, 120]);
      expectError(() => done.elapsedMs(e), gk.DeviceError, new RegExp(`${first}.*${second}`));
      e.dispose();
      done.dispose();

      using g = gk.graph(() => b.add(1).sum());
      g.launch(); // on its own device, whatever the default one is
      await g.done();
      assert.equal(g.outputs.device, second);
      assert.equal(g.outputs.item(), 121 * 30_000);
      g.launch({ stream: s });
      await g.done();
      expectError(() => g.launch({ stream: t }), gk.DeviceError, new RegExp(`${second}.*${first}`));
      expectError(() => gk.graph(() => a.to(second)), gk.UnsupportedError, /^to: .*record/);
      expectError(
        () => gk.graph(() => [a.add(1), b.add(1)]),
        gk.DeviceError,
        new RegExp(`${first}.*${second}`),
      );
    }),
  );

  it(
    "awaiting an array of another than the default device does not block",
    scopedAsync(async () => {
      using p = gk.pinned(400_000);
      const host = new Float32Array(p);
      for (const name of gpus) {
        const before = counters(name).synchronisations;
        const a = slowly(80, 100_000, name);
        const snapshot = a.data();
        a.fill(0);
        assert.equal(counters(name).synchronisations, before);
        assert.ok((await snapshot).every((x) => x === 80), name);
        await gk.copyAsync(p, a.add(2));
        assert.ok(host.every((x) => x === 2), name);
        host.fill(5);
        await gk.copyAsync(a, p);
        assert.equal(a.at(99_999).item(), 5);
      }
    }),
  );

  it(
    "each counts its own memory, and describes itself",
    scoped(() => {
      const uuids = new Set<string>();
      for (const name of gpus) {
        const others = gpus.filter((other) => other !== name);
        const before = all.map((other) => counters(other).bytes);
        gk.scope(() => {
          const a = gk.ones(12_345, { device: name });
          assert.equal(a.add(1).device, name);
          const grown = all.map((other, i) => counters(other).bytes - before[i]!);
          assert.ok(grown[all.indexOf(name)]! >= 12_345 * 4);
          for (const other of others) assert.equal(grown[all.indexOf(other)], 0, other);
        });
        assert.equal(counters(name).bytes, before[all.indexOf(name)]);
        const { id, uuid, peers, state } = gk.device(name).info;
        assert.equal(`${id} ${state}`, `${name} ok`);
        for (const peer of peers!.split(" ")) assert.ok(peer === "" || others.includes(peer));
        uuids.add(uuid!);
      }
      assert.equal(uuids.size, gpus.length);
    }),
  );

  it(
    "the default one can be any",
    scoped(() => {
      const before = gk.defaultDevice();
      try {
        for (const name of [last, second, first]) {
          gk.setDefaultDevice(name);
          assert.equal(gk.defaultDevice().name, name);
          const a = gk.scope(() => gk.matmul(gk.ones([3, 3]), gk.ones([3, 3])));
          assert.equal(a.device, name);
          expectArray(a.sum({ axis: 0 }), [9, 9, 9]);
          using s = gk.stream();
          assert.equal(s.run(() => gk.arange(3).add(1)).device, name);
          assert.equal(gk.ones(1, { device: second }).device, second);
        }
      } finally {
        gk.setDefaultDevice(before);
      }
    }),
  );

  it(
    "random numbers are the same on each",
    scoped(() => {
      const draws = (device: string) => {
        gk.random.seed(5);
        return [
          gk.random.uniform(999, { device }),
          gk.random.randint(0, 100, 99, { device }),
          gk.random.normal(77, { device }),
        ];
      };
      const expected = draws(first);
      for (const name of gpus.slice(1)) {
        draws(name).forEach((a, i) => assert.deepEqual(a.dataSync(), expected[i]!.dataSync()));
      }
    }),
  );

  it(
    "operands of two are an error that names both",
    scoped(() => {
      const a = gk.ones([2, 2], { device: first }), b = gk.ones([2, 2], { device: second });
      using s = gk.stream({ device: second });
      const both = new RegExp(`${first}.*${second}|${second}.*${first}`);
      for (
        const call of [
          () => gk.add(a, b),
          () => gk.matmul(a, b),
          () => gk.where(gk.greater(a, 0), b, 0),
          () => gk.concatenate([a, b]),
          () => gk.add(a, a, { out: b }),
          () => gk.sum(a, { axis: 0, out: b.at(0) }),
          () => gk.add(a, a, { stream: s }),
          () => a.set(b),
        ]
      ) expectError(call, gk.DeviceError, both);
    }),
  );

  it(
    "an index out of range is raised by its device",
    scopedAsync(async () => {
      const a = gk.arange(4, { device: second });
      gk.take(a, gk.array([9], { dtype: "int64", device: second }));
      gk.device(first).synchronize();
      expectError(() => gk.device(second).synchronize(), gk.IndexError, /take/);
      expectArray(await Promise.resolve(a.add(1)), [1, 2, 3, 4]);
    }),
  );

  it(
    "a worker for each computes beside the others",
    { timeout: 120_000 },
    scopedAsync(async () => {
      const a = gk.arange(1000, { device: first });
      const results = await Promise.all(gpus.map((device) => {
        const worker = new Worker(new URL("../runtime/several_worker.ts", import.meta.url), {
          type: "module",
        });
        return new Promise<number>((resolve, reject) => {
          worker.onmessage = ({ data }: MessageEvent<{ token?: number; error?: string }>) =>
            data.token === undefined ? reject(new Error(data.error)) : resolve(data.token);
          worker.onerror = (event) => reject(new Error(event.message));
          worker.postMessage({ device, token: a.share(), rounds: 30 });
        });
      }));
      for (const [i, token] of results.entries()) {
        const sum = gk.adopt(token);
        assert.equal(sum.device, gpus[i]);
        expectClose(sum.to(first), a.mul(30));
      }
    }),
  );

  // Arrays of one value each, known here too: whatever is reused too early, read too early or written too
  // early shows.
  it(
    "random programs of ops, copies, streams and views keep every value",
    scoped(() => {
      let state = 12345;
      const draw = (below: number) => {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        return Math.floor(state / 65536) % below;
      };
      const streams = gpus.map((device) => gk.stream({ device }));
      const sizes = [500, 6000];
      type Held = { array: gk.NDArray; value: number };
      const held: Held[] = [];
      const check = ({ array, value }: Held) => {
        const data = array.dataSync() as Float32Array;
        assert.ok(data.every((x) => x === value), `${data[0]} to ${data.at(-1)}, not ${value}`);
      };
      const copy = (array: gk.NDArray): gk.NDArray => {
        const device = gpus[draw(gpus.length)]!;
        return device === array.device ? array.clone() : array.to(device);
      };
      const within = (array: gk.NDArray, make: () => gk.NDArray): gk.NDArray => {
        const at = gpus.indexOf(array.device);
        return draw(3) === 0 && at >= 0 ? streams[at]!.run(make) : make();
      };
      for (let step = 0; step < 600; step++) {
        if (held.length < 4) {
          const value = draw(1000);
          const device = gpus[draw(gpus.length)]!;
          held.push({ array: gk.full([sizes[draw(2)]!, 2], value, { device }), value });
          continue;
        }
        const i = draw(held.length), { array, value } = held[i]!;
        switch (draw(7)) {
          case 0:
            held.push({ array: within(array, () => array.add(1)), value: value + 1 });
            break;
          case 1:
          case 2:
            held.push({ array: copy(array), value });
            break;
          case 3: {
            using view = array.at("::-1").T;
            held.push({ array: copy(view).T, value });
            break;
          }
          case 4:
            held[i]!.value = draw(1000);
            array.fill(held[i]!.value);
            break;
          case 5: {
            const other = held[draw(held.length)]!;
            if (String(other.array.shape) !== String(array.shape)) break;
            array.copyFrom(other.array);
            held[i]!.value = other.value;
            break;
          }
          case 6:
            if (draw(2) === 0) check(held[i]!);
            array.dispose();
            held.splice(i, 1);
        }
        if (held.length > 12) held.shift()!.array.dispose();
      }
      held.forEach(check);
      for (const s of streams) s.dispose();
    }),
  );
});
