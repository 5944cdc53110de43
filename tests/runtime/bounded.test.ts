// Memory stays bounded: in scopes, without any dispose; without scopes by finalizers, or else by an
// error that says what to do. Async scopes that interleave never mix.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as gk from "../../mod.ts";
import { noLeaks, rounds, sleep } from "../helpers.ts";
import { run } from "./child.ts";

noLeaks();

const patient = { timeout: 300_000 };
const MIB = 2 ** 20;

/** What grew while `work` ran. */
async function growth(work: () => Promise<void> | void): Promise<{ rss: number; live: number }> {
  const before = gk.memory(), rss = process.memoryUsage().rss;
  await work();
  const after = gk.memory();
  assert.equal(after.live, before.live, "live arrays");
  assert.equal(after.scopes, before.scopes, "open scopes");
  // Fewer where the thread of the file before has ended meanwhile: the counter is the process's.
  assert.ok(after.bytes <= before.bytes, `${after.bytes - before.bytes} bytes more of live arrays`);
  return {
    rss: (process.memoryUsage().rss - rss) / MIB,
    live: after.peakLive - before.peakLive, // of the whole thread, which may run many files
  };
}

describe("bounded memory", () => {
  it("a million iterations, each in a scope", patient, async () => {
    using a = gk.arange(16);
    using weights = gk.ones([16, 4]);
    const step = () => {
      const b = gk.mul(gk.add(a, 1), a);
      const parts = [b.at("::2"), b.reshape([4, 4]).T];
      return parts.length;
    };
    for (let i = 0; i < 10_000; i++) gk.scope(step);
    const { rss, live } = await growth(() => {
      for (let i = 0; i < rounds(1_000_000); i++) gk.scope(step);
      for (let i = 0; i < rounds(1000); i++) {
        gk.scope(() => void gk.sum(gk.matmul(a, weights)).item());
      }
    });
    assert.ok(live < 100, `${live} arrays were live at once`);
    assert.ok(rss < 150, `the process grew by ${rss} MiB`);
  });

  it("large arrays, each in a scope", patient, async () => {
    const { rss } = await growth(() => {
      for (let i = 0; i < 300; i++) {
        gk.scope(() => void gk.add(gk.zeros([250, 1000 + i]), 1).at(0, 0).item());
      }
    });
    assert.ok(rss < 250, `the process grew by ${rss} MiB`);
  });

  it("queued ops of large arrays make room for more", patient, () => {
    const code = `
      const s = gk.stream();
      for (let i = 0; i < ${rounds(1000)}; i++) {
        gk.scope(() => void gk.exp(gk.zeros(1_000_000)));
        if (i % 3 === 0) s.run(() => gk.scope(() => void gk.exp(gk.ones(900_000))));
      }
      const { peak } = gk.memory();
      console.log(peak <= 64e6 || peak, attempt(() => gk.zeros(17_000_000)));`;
    const said = run(code, { GPUKIT_MAX_BYTES: "64000000" });
    assert.match(said, /^true OutOfMemoryError: zeros: .* 68000000 bytes/);
  });

  it("what is kept for reuse gives way to other sizes", patient, () => {
    const said = run(
      `let most = 0;
      for (let megabytes = 1; megabytes < 60; megabytes++) {
        gk.scope(() => {
          gk.zeros(megabytes * 250_000).at(0).item();
          const { bytes, cached } = gk.memory();
          most = Math.max(most, bytes + cached);
        });
      }
      console.log(most <= 64e6 || most);`,
      { GPUKIT_MAX_BYTES: "64000000" },
    );
    assert.equal(said, "true");
  });

  it("200,000 iterations in async scopes, a hundred at a time", patient, async () => {
    using a = gk.arange(16);
    let inFlight = 0, most = 0;
    const one = () =>
      gk.scope(async () => {
        most = Math.max(most, ++inFlight);
        const b = gk.add(a, 1);
        await Promise.resolve();
        const c = gk.mul(b, b);
        await c.data();
        inFlight--;
      });
    const batches = async (count: number) => {
      for (let i = 0; i < count; i++) await Promise.all(Array.from({ length: 100 }, one));
    };
    await batches(50);
    const { rss } = await growth(() => batches(rounds(2000)));
    assert.equal(most, 100);
    assert.ok(rss < 150, `the process grew by ${rss} MiB`);
  });

  it(
    "100,000 arrays dropped without a scope are reclaimed between macrotasks",
    patient,
    async () => {
      using a = gk.ones(1024);
      const before = gk.memory().live;
      let most = 0;
      for (let i = 0; i < rounds(1000); i++) {
        for (let k = 0; k < 100; k++) gk.add(a, k);
        await sleep(0);
        most = Math.max(most, gk.memory().live - before);
      }
      assert.ok(most < 90_000, `${most} of 100,000 dropped arrays were live at once`);
      // Those still there wait for a collection.
      for (let i = 0; i < 400 && gk.memory().live > before + 300; i++) await collect();
      const left = gk.memory().live - before;
      assert.ok(left <= 300, `${left} arrays are still live`);
      await dropAll(before);
    },
  );

  // In a process of its own: such a peak would be that of all files that share this thread. What is full
  // is the table of arrays, whatever the device.
  it(
    "a million dropped at a stroke: an error that names gk.scope, and all goes on",
    patient,
    () => {
      const said = run(
        `
      import { setFlagsFromString } from "node:v8";
      import { runInNewContext } from "node:vm";
      const collect = globalThis.Bun ? () => Bun.gc(true)
        : (setFlagsFromString("--expose-gc"), runInNewContext("gc"));
      const a = gk.ones(4);
      let made = 0;
      console.log(attempt(() => { for (; made < 1_100_000; made++) gk.add(a, 1); }));
      console.log(made);
      for (let i = 0; i < 2000 && gk.memory().live > 1000; i++) {
        collect();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      console.log(gk.memory().live <= 1000, gk.sum(gk.add(a, 1)).item());`,
        { GPUKIT_DEVICE: "cpu" },
      );
      const [error, made, after] = said.split("\n");
      assert.match(error!, /^OutOfMemoryError: add: .*gk\.scope/);
      assert.ok(Number(made) > 50_000, `only ${made} arrays`);
      assert.equal(after, "true 8");
    },
  );
});

const { Bun } = globalThis as { Bun?: { gc(force: boolean): void } };
const collectGarbage = Bun !== undefined ? () => Bun.gc(true) : exposeGc();

function exposeGc(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}

/** A collection of garbage and a turn of the event loop, in which finalizers run. */
async function collect(): Promise<void> {
  collectGarbage();
  await sleep(1);
}

/**
 * Waits until no more arrays live than `count`. The last few hundred that nobody disposed wait for
 * others before a finalizer looks after them.
 */
async function dropAll(count: number): Promise<void> {
  for (let i = 0; i < 2000 && gk.memory().live > count; i++) {
    await collect();
    if (gk.memory().live > count + 1000) continue;
    for (let k = 0; k < 300; k++) gk.zeros(1).dispose();
  }
  const left = gk.memory().live - count;
  assert.equal(left, 0, `${left} arrays that nobody holds are live`);
}

// ---- interleaved scopes

/** A small generator of pseudo-random numbers, so that a run can be repeated. */
function randomFrom(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * n);
  };
}

describe("interleaved async scopes", () => {
  const wait = async (random: (n: number) => number, a: gk.NDArray): Promise<void> => {
    switch (random(5)) {
      case 0:
        return await sleep(0);
      case 1:
        return await Promise.resolve();
      case 2:
        return void await a.data();
      case 3:
        return void await gk.add(gk.ones(40_000), 1).data();
      default:
        for (let i = 0; i < 5; i++) await null;
    }
  };

  /** Scopes in scopes with waits between; each checks that its arrays live exactly as long as it. */
  async function nest(random: (n: number) => number, depth: number, id: number): Promise<void> {
    const mine: gk.NDArray[] = [];
    let kept: gk.NDArray | undefined;
    const result = await gk.scope(async () => {
      for (let i = 0; i < 2 + random(3); i++) {
        mine.push(gk.full(3, id + i));
        await wait(random, mine[0]!);
        if (random(3) === 0) gk.scope(() => assert.equal(gk.zeros(2).isDisposed, false));
        if (depth > 0 && random(2)) await nest(random, depth - 1, 10 * id);
        if (depth > 0 && random(3) === 0) {
          await Promise.all([nest(random, depth - 1, 10 * id + 1), nest(random, depth - 1, 7)]);
        }
        mine.forEach((a, k) => {
          assert.equal(a.isDisposed, false, `array ${k} of ${id} is gone too early`);
          assert.equal(a.at(1).item(), id + k);
        });
      }
      kept = gk.keep(gk.full(2, id));
      await wait(random, kept);
      return gk.full(2, id + 0.5);
    });
    for (const a of mine) assert.ok(a.isDisposed, `an array of ${id} outlived its scope`);
    for (const [a, value] of [[kept!, id], [result, id + 0.5]] as const) {
      assert.equal(a.at(0).item(), value);
    }
  }

  it("never mix", patient, async () => {
    const before = gk.memory();
    const seeds = process.env["GPUKIT_TEST_FULL"] ? 200 : 12;
    for (let seed = 1; seed <= seeds; seed++) {
      const random = randomFrom(seed);
      await gk.scope(async () => {
        await Promise.all(Array.from({ length: 8 }, (_, i) => nest(random, 2, i + 1)));
      });
      const now = gk.memory();
      assert.equal(now.live, before.live, `live arrays after seed ${seed}`);
      assert.equal(now.scopes, before.scopes, `open scopes after seed ${seed}`);
    }
  });

  it(
    "an inner scope that outlives its outer one hands on to the nearest still open",
    patient,
    async () => {
      const before = gk.memory().live;
      let early = 0;
      for (let seed = 1; seed <= 40; seed++) {
        const random = randomFrom(seed);
        await gk.scope(async () => {
          const late: Promise<[gk.NDArray, value: number, hadOuter: boolean]>[] = [];
          const inside: gk.NDArray[] = [];
          let isOpen = true;
          await gk.scope(async () => {
            const outer = gk.ones(2);
            for (let i = 0; i < 5; i++) {
              const inner = gk.scope(async () => {
                const own = gk.full(2, i);
                inside.push(own);
                await sleep(random(4));
                for (let k = 0; k < random(4); k++) await wait(random, own);
                assert.equal(own.isDisposed, false);
                return gk.add(own, own);
              });
              late.push(inner.then((a) => [a, 2 * i, isOpen]));
            }
            await wait(random, outer);
          });
          isOpen = false;
          for (const [a, value, hadOuter] of await Promise.all(late)) {
            // What came while the outer scope was open went with it.
            assert.equal(a.isDisposed, hadOuter);
            if (hadOuter) early++;
            else assert.equal(a.at(0).item(), value);
          }
          for (const a of inside) assert.ok(a.isDisposed);
        });
        assert.equal(gk.memory().live, before, `live arrays after seed ${seed}`);
      }
      assert.ok(early > 0 && early < 200, `${early} of 200 inner scopes ended first`);
    },
  );

  it("streams' contexts interleave as well", patient, async () => {
    using one = gk.stream();
    using other = gk.stream();
    const before = gk.memory().live;
    await Promise.all(Array.from({ length: 40 }, (_, i) =>
      gk.scope(async () => {
        const random = randomFrom(i);
        const a = gk.full(40_000, i);
        const b = await (i % 2 ? one : other).run(async () => {
          const first = gk.add(a, 1);
          await wait(random, first);
          const inner = await gk.scope(async () => {
            await wait(random, first);
            return gk.mul(first, 2);
          });
          return gk.add(inner, 1);
        });
        assert.equal(b.at(-1).item(), 2 * (i + 1) + 1);
      })));
    assert.equal(gk.memory().live, before);
  });
});
