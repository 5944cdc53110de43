import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import {
  expectArray,
  expectClose,
  expectError,
  expectRejection,
  isStandin,
  noLeaks,
  scoped,
  scopedAsync,
  sleep,
} from "../helpers.ts";

noLeaks();

describe("streams", () => {
  it(
    "run ops given to them",
    scopedAsync(async () => {
      using s = gk.stream();
      const a = gk.arange(8);
      const b = gk.add(a, 1, { stream: s });
      const c = s.run(() => b.mul(2));
      await s.done();
      expectClose(c, [2, 4, 6, 8, 10, 12, 14, 16]);
      assert.equal(s.run(() => 5), 5);
      s.synchronize();
    }),
  );

  it(
    "keep shared storage in order",
    scopedAsync(async () => {
      using one = gk.stream();
      using other = gk.stream({ priority: "high" });
      const a = gk.zeros(300_000);
      for (let i = 0; i < 50; i++) {
        gk.add(a, 1, { out: a, stream: one });
        gk.mul(a, 2, { out: a, stream: other });
      }
      gk.mul(a, 0, { out: a, stream: one });
      gk.add(a, 7, { out: a, stream: other });
      const host = await a.data();
      assert.ok(host.every((x) => x === 7));
    }),
  );

  it("give arrays to the scope around, also without one", async () => {
    const before = gk.memory().live;
    using s = gk.stream();
    gk.scope(() => {
      const a = s.run(() => {
        gk.ones(2);
        return gk.zeros(2);
      });
      assert.equal(a.isDisposed, false);
      assert.equal(gk.memory().live, before + 2);
    });
    assert.equal(gk.memory().live, before);
    const kept = gk.scope(() => s.run(() => gk.keep(gk.ones(2))));
    expectArray(kept, [1, 1]);
    kept.dispose();
    const late = await s.run(async () => {
      await sleep(1);
      return gk.ones(2);
    });
    expectArray(late, [1, 1]);
    late.dispose();
  });

  it(
    "have events",
    scopedAsync(async () => {
      using s = gk.stream();
      using start = s.record();
      const a = gk.ones(2_000_000);
      for (let i = 0; i < 5; i++) gk.exp(a, { stream: s });
      using end = s.record();
      using other = gk.stream({ priority: "low" });
      other.wait(end);
      const b = gk.add(a, 1, { stream: other });
      await other.done();
      assert.ok(end.hasHappened);
      assert.ok(end.elapsedMs(start) > 0);
      assert.equal(b.at(0).item(), 2);
    }),
  );

  it(
    "wait for each other in a circle of events",
    scopedAsync(async () => {
      const streams = [
        gk.stream(),
        gk.stream({ priority: "high" }),
        gk.stream({ priority: "low" }),
      ];
      const a = gk.ones(100_000), events: gk.StreamEvent[] = [];
      for (let i = 0; i < 60; i++) {
        const s = streams[i % 3]!;
        if (i > 0) s.wait(events[i - 1]!);
        gk.exp(a, { stream: s });
        events.push(s.record());
      }
      await streams[2]!.done(); // the last one
      for (const event of events) assert.ok(event.hasHappened);
      for (let i = 1; i < 60; i++) assert.ok(events[i]!.elapsedMs(events[i - 1]!) >= 0, `${i}`);
      const [first, middle, last] = [events[0]!, events[30]!, events[59]!];
      const sum = middle.elapsedMs(first) + last.elapsedMs(middle);
      assert.ok(Math.abs(sum - last.elapsedMs(first)) < 0.1, "times add up");
      assert.equal(first.elapsedMs(first), 0);
      assert.ok(first.elapsedMs(last) < 0);
      for (const one of [...events, ...streams]) one.dispose();
      expectError(() => first.hasHappened, gk.DisposedError, /event/);
      expectError(() => last.elapsedMs(first), gk.DisposedError, /event/);
    }),
  );

  it(
    "wait for the moment of the record, not for what comes after it",
    scopedAsync(async () => {
      using one = gk.stream();
      using other = gk.stream();
      using early = one.record();
      const a = gk.ones(3_000_000);
      for (let i = 0; i < 10; i++) gk.exp(a, { stream: one });
      using late = one.record();
      other.wait(early);
      using met = other.record();
      await other.done();
      assert.ok(met.hasHappened && early.hasHappened);
      other.wait(late);
      one.dispose(); // its work and events go on
      await other.done();
      assert.ok(late.hasHappened);
      assert.ok(late.elapsedMs(early) > 0);
    }),
  );

  it(
    "settle many promises",
    scopedAsync(async () => {
      using s = gk.stream();
      const a = gk.ones(200_000);
      const waits: Promise<void>[] = [];
      for (let i = 0; i < 700; i++) {
        gk.add(a, 1, { out: a, stream: s });
        waits.push(s.done());
      }
      await Promise.all(waits);
      assert.equal(a.at(5).item(), 701);
    }),
  );

  it(
    "end with dispose; work goes on",
    scopedAsync(async () => {
      const s = gk.stream();
      const a = gk.ones(1_000_000);
      const b = gk.exp(a, { stream: s });
      s.dispose();
      assert.ok(s.isDisposed);
      expectError(() => gk.add(a, 1, { stream: s }), gk.DisposedError, /stream/);
      expectError(() => s.record(), gk.DisposedError);
      await expectRejection(s.done(), gk.DisposedError);
      assert.ok(Math.abs((await b.data())[7]! - Math.E) < 1e-6);
    }),
  );

  it(
    "refuse what is none",
    scoped(() => {
      expectError(() => gk.stream({ priority: "urgent" as "high" }), gk.GpukitError, /urgent/);
      expectError(() => gk.stream({ device: "tpu" }), gk.DeviceError, /tpu/);
      const fake = {} as gk.Stream;
      expectError(() => gk.add(gk.ones(1), 1, { stream: fake }), gk.GpukitError, /stream/);
      using s = gk.stream();
      expectError(() => s.wait({} as gk.StreamEvent), gk.GpukitError);
      expectError(() => s.run(() => Promise.resolve()), gk.GpukitError, /async/);
    }),
  );
});

describe("errors that come later", () => {
  it(
    "of an index out of range reject done once and give zeros",
    scopedAsync(async () => {
      const a = gk.arange(4);
      const out = gk.take(a, gk.array([1, 9], { dtype: "int64" }));
      await expectRejection(gk.scope(async () => void (await out.data())), gk.IndexError, /take/);
      expectArray(out, [1, 0]);
      gk.device().synchronize();
      using s = gk.stream();
      gk.take(a, gk.array([5], { dtype: "int64" }), { stream: s });
      await expectRejection(s.done(), gk.IndexError);
      await s.done();
    }),
  );
});

describe("the event loop", () => {
  it(
    "goes on while a large op runs",
    scopedAsync(async () => {
      const n = isStandin ? 250 : 1200;
      const a = gk.random.uniform([n, n], { dtype: "float64" });
      a.matmul(a).at(0, 0).item();
      let late = 0;
      let last = performance.now();
      const timer = setInterval(() => {
        const now = performance.now();
        late = Math.max(late, now - last - 2);
        last = now;
      }, 2);
      let b = a;
      for (let i = 0; i < 4; i++) b = b.matmul(a);
      const started = performance.now();
      last = started;
      await b.data();
      const took = performance.now() - started;
      clearInterval(timer);
      assert.ok(late < Math.max(60, took / 2), `timer ${late} ms late of ${took}`);
    }),
  );
});

describe("pinned memory", () => {
  it(
    "is copied to and from arrays",
    scopedAsync(async () => {
      using p = gk.pinned(32);
      assert.equal(p.byteLength, 32);
      assert.ok(p instanceof ArrayBuffer);
      const host = new Float32Array(p);
      host.set([1, 2, 3, 4, 5, 6, 7, 8]);
      const a = gk.zeros([2, 4]);
      await gk.copyAsync(a, p);
      expectArray(a, [[1, 2, 3, 4], [5, 6, 7, 8]]);
      using s = gk.stream();
      gk.mul(a, 2, { out: a, stream: s });
      const copied = gk.copyAsync(p, a.T, { stream: s });
      a.fill(0);
      await copied;
      assert.deepEqual([...host], [2, 10, 4, 12, 6, 14, 8, 16]);
      await gk.copyAsync(host.subarray(4), gk.array([9, 9]));
      assert.deepEqual([...host], [2, 10, 4, 12, 9, 9, 8, 16]);
    }),
  );

  it(
    "takes large arrays in any layout, on several streams at once",
    scopedAsync(async () => {
      const n = 700_000;
      const streams = [gk.stream(), gk.stream()];
      const buffers = streams.map(() => gk.pinned(4 * n + 8));
      const jobs = streams.map(async (s, k) => {
        const up = new Float32Array(buffers[k]!, 8, n).map((_, i) => i % 1000 + k);
        new Float32Array(buffers[k]!, 8, n).set(up);
        const a = gk.zeros(n), down = new Float32Array(buffers[k]!, 8);
        await gk.copyAsync(a, down, { stream: s });
        for (let round = 1; round <= 3; round++) {
          const b = gk.add(a, round, { stream: s }).reshape([700, 1000]).T;
          await gk.copyAsync(down, b, { stream: s });
          for (const i of [0, 1, 699, 700, 12_345, n - 1]) {
            const place = (i % 700) * 1000 + Math.floor(i / 700);
            assert.equal(down[i], up[place]! + round, `stream ${k}, round ${round}, ${i}`);
          }
        }
      });
      await Promise.all(jobs);
      for (const one of [...streams, ...buffers]) one.dispose();
    }),
  );

  it(
    "refuses what does not fit",
    scopedAsync(async () => {
      using p = gk.pinned(8);
      await expectRejection(gk.copyAsync(p, gk.zeros(3)), gk.ShapeError);
      const part = new Float32Array(p).subarray(1);
      await expectRejection(gk.copyAsync(part, gk.zeros(2)), gk.ShapeError);
      await expectRejection(
        gk.copyAsync(new ArrayBuffer(8) as gk.PinnedBuffer, gk.zeros(1)),
        gk.GpukitError,
        /pinned/,
      );
      await expectRejection(gk.copyAsync(p, p), gk.GpukitError);
      for (const bad of [0, -1, 1.5, NaN]) expectError(() => gk.pinned(bad), gk.ShapeError);
      p.dispose();
      await expectRejection(gk.copyAsync(p, gk.zeros(1)), gk.DisposedError);
    }),
  );
});
