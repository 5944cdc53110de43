// `await a.data()` never blocks the event loop while a large op runs: how late timers come.

import assert from "node:assert/strict";
import { it } from "node:test";
import * as gk from "../../mod.ts";
import { isStandin } from "../helpers.ts";

/** The longest time between two turns of a 1 ms timer while `work` is awaited, in ms. */
async function worstLateness(work: () => Promise<unknown>): Promise<number> {
  let worst = 0, last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    worst = Math.max(worst, now - last);
    last = now;
  }, 1);
  await work();
  clearInterval(timer);
  return worst;
}

it("timers run while a large op is awaited", async () => {
  await gk.scope(async () => {
    const n = isStandin ? 200 : 1500;
    const a = gk.random.normal([n, n]);
    let took = 0;
    const lateness = await worstLateness(async () => {
      const start = performance.now();
      let b = a;
      for (let i = 0; i < 12; i++) b = gk.matmul(b, a);
      await gk.sum(b).data();
      took = performance.now() - start;
    });
    // The whole takes hundreds of milliseconds; a blocked loop would be late by all of it.
    assert.ok(took > 60, `the work took only ${took} ms`);
    assert.ok(lateness < took / 3, `a timer was ${lateness} ms late within ${took} ms of work`);
  });
});

it("a value is read as of the call, whatever is written after it", async () => {
  await gk.scope(async () => {
    const a = gk.arange(3_000_000);
    gk.add(a, 1, { out: a });
    const read = a.data();
    gk.mul(a, 0, { out: a });
    const data = await read;
    assert.equal(data[2_999_999], 3_000_000);
    assert.equal(a.at(-1).item(), 0);
  });
});

it("many reads at once, also of the same array", async () => {
  await gk.scope(async () => {
    const a = gk.arange(1_000_000);
    const reads = Array.from({ length: 20 }, (_, i) => gk.add(a, i).at(-1).data());
    const values = (await Promise.all(reads)).map((x) => x[0]);
    assert.deepEqual(values, Array.from({ length: 20 }, (_, i) => 999_999 + i));
  });
});
