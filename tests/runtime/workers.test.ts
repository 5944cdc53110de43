// Workers: several use the library at once, arrays pass between them, and one that ends frees what it
// had. Workers that are terminated in the middle of work are in exit.test.ts.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import process from "node:process";
import * as gk from "../../mod.ts";
import { expectClose, expectError, isStandin, noLeaks, sleep } from "../helpers.ts";
import type { Answer, Task } from "./worker.ts";

noLeaks();

const patient = { timeout: 300_000 };
const isFull = Boolean(process.env["GPUKIT_TEST_FULL"]);

/** A worker that answers one task after the other. */
class Helper {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });

  ask<T>(task: Task): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => {
        if (data.error === undefined) resolve(data.value as T);
        else reject(new Error(`in the worker: ${data.error}`));
      };
      this.#worker.onerror = (event: ErrorEvent) => reject(new Error(event.message));
      this.#worker.postMessage(task);
    });
  }

  /** Ends it from outside. */
  terminate(): void {
    this.#worker.terminate();
  }
}

const bytes = () => gk.memory().bytes;

/** Waits until `condition` holds: workers end in their own time. */
async function until(condition: () => boolean, what: () => string): Promise<void> {
  for (let i = 0; i < 1200; i++) {
    if (condition()) return;
    await sleep(25);
  }
  assert.fail(what());
}

const untilFreed = (before: number) =>
  until(() => bytes() <= before, () => `${bytes()} bytes instead of ${before}`);

describe("workers", () => {
  it("four at once, and the main thread with them", patient, async () => {
    const before = bytes();
    const helpers = Array.from({ length: 4 }, () => new Helper());
    const rounds = isFull ? 200 : isStandin ? 5 : 20;
    const answers = helpers.map((helper, i) =>
      helper.ask<number[]>({ kind: "compute", rounds, salt: i + 1 })
    );
    for (let i = 0; i < 50; i++) {
      await gk.scope(async () => {
        const a = gk.random.uniform(50_000);
        const [less, plain] = await Promise.all([gk.sub(a, 0.5).data(), a.data()]);
        assert.deepEqual(less, plain.map((x) => x - 0.5));
      });
    }
    for (const sums of await Promise.all(answers)) {
      assert.equal(sums.length, rounds);
      assert.ok(sums.every((sum) => sum === 0), String(sums));
    }
    const memories = helpers.map((helper) => helper.ask<gk.Memory>({ kind: "memory" }));
    for (const memory of await Promise.all(memories)) {
      assert.equal(memory.live, 0);
      assert.equal(memory.scopes, 0);
    }
    for (const helper of helpers) helper.terminate();
    await untilFreed(before);
  });

  it("pass arrays by token, there and back", patient, async () => {
    const before = bytes();
    const helpers = Array.from({ length: 4 }, () => new Helper());
    await gk.scope(async () => {
      // Round and round: each of the helpers doubles; what is shared may still be computed.
      let a = gk.arange(100_000);
      for (let round = 0; round < 3; round++) {
        for (const helper of helpers) {
          const token: number = await helper.ask({ kind: "double", token: a.share() });
          a.dispose();
          a = gk.adopt<"float32">(token);
        }
      }
      expectClose(a, gk.mul(gk.arange(100_000), 4096));
      // The token was used up, and both threads may hold the same memory at once.
      const token = a.share();
      using again = gk.adopt(token);
      expectError(() => gk.adopt(token), gk.GpukitError);
      again.at(0).fill(-1);
      assert.equal(a.at(0).item(), -1);
    });
    for (const helper of helpers) helper.terminate();
    await untilFreed(before);
  });

  it("arrays shared by a worker outlive it", patient, async () => {
    const before = bytes();
    const helper = new Helper();
    const tokens: number[] = await helper.ask({ kind: "make", count: 10, size: 10_000 });
    await helper.ask({ kind: "end" });
    await sleep(100);
    const arrays = tokens.map((token) => gk.adopt(token));
    arrays.forEach((a, i) => expectClose(a, new Float32Array(10_000).fill(i)));
    for (const a of arrays) a.dispose();
    await untilFreed(before);
  });

  for (const how of ["ends by itself", "is terminated"] as const) {
    it(`one that ${how} frees what it has`, patient, async () => {
      const before = bytes();
      const helper = new Helper();
      const hoarded: number = await helper.ask({ kind: "hoard", size: 100_000 });
      assert.equal(hoarded, 8 * 400_000);
      assert.ok(bytes() >= before + hoarded);
      if (how === "is terminated") helper.terminate();
      else await helper.ask({ kind: "end" });
      await untilFreed(before);
    });
  }

  it("started and ended 50 times leave no memory behind", patient, async () => {
    const before = bytes();
    let early = 0;
    for (let i = 0; i < 50; i++) {
      const helper = new Helper();
      await helper.ask({ kind: "compute", rounds: 1, salt: 1 });
      await helper.ask({ kind: "hoard", size: 10_000 });
      if (i % 2) helper.terminate();
      else await helper.ask({ kind: "end" });
      if (i === 19) early = process.memoryUsage().rss;
    }
    await untilFreed(before);
    // A runtime's own worker takes megabytes and gives them back in its own time.
    const grown = (process.memoryUsage().rss - early) / 2 ** 20;
    assert.ok(grown < 150, `${grown} MiB more after 30 more workers`);
  });
});
