// What the workers of workers.test.ts do: one task for each message, answered by one message.

import assert from "node:assert/strict";
import * as gk from "../../mod.ts";

/** A task, and what comes back as `value`. */
export type Task =
  /** Computes with arrays of its own for some rounds. Value: the checked sums of all rounds. */
  | { readonly kind: "compute"; readonly rounds: number; readonly salt: number }
  /** Adopts an array, computes with it, and shares the result. Value: the result's token. */
  | { readonly kind: "double"; readonly token: number }
  /** Shares new arrays of `size` elements. Value: their tokens. */
  | { readonly kind: "make"; readonly count: number; readonly size: number }
  /** Makes arrays and keeps them, without any dispose. Value: their bytes. */
  | { readonly kind: "hoard"; readonly size: number }
  /** Counts what is live in this thread. */
  | { readonly kind: "memory" }
  /** Ends the worker in its own way, after the answer. */
  | { readonly kind: "end" };

/** The answer to a task: a value or an error. */
export interface Answer {
  readonly value?: unknown;
  readonly error?: string;
}

const hoard: gk.NDArray[] = [];

async function compute(rounds: number, salt: number): Promise<number[]> {
  using stream = gk.stream();
  const sums: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await gk.scope(async () => {
      const n = 500 + 37 * salt + round;
      // Small ops at once, large ones queued, on the default stream and on an own one.
      const a = gk.sub(n - 1, gk.arange(n));
      const sorted = stream.run(() => gk.sort(a));
      assert.equal(sorted.at(salt).item(), salt);
      const large = gk.add(gk.zeros([100, 2000]), salt);
      const product = stream.run(() => gk.matmul(large, large.T));
      const [order, total, corner] = await Promise.all([
        gk.argsort(a).data(),
        gk.sum(a).data(),
        product.at(-1, -1).data(),
      ]);
      assert.equal(Number(order[0]), n - 1);
      assert.equal(corner[0], 2000 * salt * salt);
      sums.push(total[0]! - n * (n - 1) / 2);
    });
  }
  return sums;
}

async function run(task: Task): Promise<unknown> {
  switch (task.kind) {
    case "compute":
      return await compute(task.rounds, task.salt);
    case "double": {
      using a = gk.adopt<"float32">(task.token);
      using twice = gk.add(a, a);
      return twice.share();
    }
    case "make":
      return Array.from({ length: task.count }, (_, i) => {
        using a = gk.full(task.size, i);
        return a.share();
      });
    case "hoard":
      for (let i = 0; i < 8; i++) hoard.push(gk.full(task.size, i));
      return hoard.reduce((bytes, a) => bytes + a.nbytes, 0);
    case "memory":
      return gk.memory();
    case "end":
      return null;
  }
}

// What a worker's global offers, in the types of neither page nor one runtime.
const scope = globalThis as unknown as {
  onmessage: (event: { data: Task }) => void;
  postMessage(answer: Answer): void;
  close(): void;
};

scope.onmessage = async ({ data: task }) => {
  let answer: Answer;
  try {
    answer = { value: await run(task) };
  } catch (error) {
    answer = { error: String((error as Error).stack ?? error) };
  }
  scope.postMessage(answer);
  if (task.kind === "end") scope.close();
};
