import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectArray, expectError, noLeaks, rounds, sleep } from "../helpers.ts";

noLeaks();

const live = () => gk.memory().live;

describe("scope", () => {
  it("frees what is made inside", () => {
    const before = live();
    let inside: gk.NDArray | undefined;
    const answer = gk.scope(() => {
      inside = gk.zeros(2).add(1);
      assert.equal(live(), before + 2);
      return 42;
    });
    assert.equal(answer, 42);
    assert.equal(inside?.isDisposed, true);
    assert.equal(live(), before);
  });

  it("keeps what it returns, also in lists and records", () => {
    const before = live();
    const { x, list, n } = gk.scope(() => ({
      x: gk.ones(2),
      list: [gk.zeros(1), { y: gk.full(1, 3) }] as const,
      n: gk.ones(1).item(),
    }));
    assert.equal(live(), before + 3);
    expectArray(x, [1, 1]);
    expectArray(list[1].y, [3]);
    assert.equal(n, 1);
    for (const a of [x, list[0], list[1].y]) a.dispose();
  });

  it("hands over to the scope around", () => {
    const before = live();
    gk.scope(() => {
      const a = gk.scope(() => gk.ones(2));
      expectArray(a, [1, 1]);
      assert.equal(live(), before + 1);
    });
    assert.equal(live(), before);
  });

  it("leaves arrays from outside alone", () => {
    using outer = gk.ones(2);
    gk.scope(() => {
      const same = gk.scope(() => outer);
      assert.equal(same, outer);
    });
    assert.equal(outer.isDisposed, false);
    const returned = gk.scope(() => gk.scope(() => outer));
    expectArray(returned, [1, 1]);
  });

  it("survives records with cycles and disposed arrays", () => {
    const value = gk.scope(() => {
      const record: { self?: unknown; a: gk.NDArray; gone: gk.NDArray } = {
        a: gk.ones(1),
        gone: gk.ones(1),
      };
      record.self = record;
      record.gone.dispose();
      return record;
    });
    expectArray(value.a, [1]);
    value.a.dispose();
  });

  it("frees when the function throws", () => {
    const before = live();
    assert.throws(() =>
      gk.scope(() => {
        gk.ones(3);
        throw new RangeError("mine");
      }), RangeError);
    assert.equal(live(), before);
    assert.equal(gk.memory().scopes, 0);
  });

  it("keeps by keep", () => {
    let kept!: gk.NDArray;
    gk.scope(() => {
      gk.scope(() => {
        kept = gk.keep({ a: gk.ones(1) }).a;
      });
      assert.equal(kept.isDisposed, false);
    });
    assert.equal(kept.isDisposed, true);
    const outside = gk.ones(1);
    assert.equal(gk.keep(outside), outside);
    outside.dispose();
  });

  it("refuses a plain function that returns a promise", () => {
    const before = live();
    const error = expectError(
      () => gk.scope(() => Promise.resolve(gk.ones(1))),
      gk.GpukitError,
      /async/,
    );
    assert.equal(error.op, "scope");
    expectError(() => gk.scope(5 as unknown as () => void), gk.GpukitError);
    assert.equal(live(), before);
  });

  it("stays bounded over a million iterations", () => {
    using a = gk.arange(8);
    for (let i = 0; i < rounds(1_000_000); i++) gk.scope(() => void gk.add(a, 1));
    assert.ok(gk.memory().peakLive < 100_000);
    assert.equal(gk.memory().scopes, 0);
  });
});

describe("async scope", () => {
  it("holds across await", async () => {
    const before = live();
    const result = await gk.scope(async () => {
      const a = gk.ones(2);
      await sleep(1);
      const b = a.add(1);
      await sleep(1);
      assert.equal(live(), before + 2);
      return b;
    });
    assert.equal(live(), before + 1);
    expectArray(result, [2, 2]);
    result.dispose();
  });

  it("runs its start at once", async () => {
    let started = false;
    const done = gk.scope(async () => {
      started = true;
      await sleep(0);
    });
    assert.ok(started);
    await done;
  });

  it("never mixes with others that interleave", async () => {
    const run = (n: number) =>
      gk.scope(async () => {
        const made: gk.NDArray[] = [];
        for (let i = 0; i < 5; i++) {
          made.push(gk.full(2, n));
          await sleep(n % 3);
          gk.scope(() => made.push(gk.keep(gk.full(1, n))));
        }
        for (const a of made) assert.equal(a.isDisposed, false);
        return made[9]!;
      });
    const before = live();
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) => run(n)));
    assert.equal(live(), before + 20);
    results.forEach((a, n) => {
      expectArray(a, [n]);
      a.dispose();
    });
  });

  it("inside a plain one has arrays of its own", async () => {
    const before = live();
    const inner = gk.scope(() => {
      gk.ones(1);
      void later();
      return 1;
    });
    async function later(): Promise<void> {
      await gk.scope(async () => {
        gk.ones(1);
        await sleep(5);
        gk.ones(2);
      });
    }
    assert.equal(inner, 1);
    assert.equal(live(), before + 1);
    await sleep(30);
    assert.equal(live(), before);
  });

  it("that outlives the one around hands over to the nearest open one", async () => {
    const before = live();
    let inner!: Promise<gk.NDArray>;
    await gk.scope(async () => {
      inner = gk.scope(async () => {
        await sleep(10);
        return gk.ones(3);
      });
      await sleep(1);
    });
    const a = await inner;
    expectArray(a, [1, 1, 1]);
    assert.equal(live(), before + 1);
    a.dispose();
  });

  it("frees when it rejects", async () => {
    const before = live();
    await assert.rejects(
      gk.scope(async () => {
        gk.ones(3);
        await sleep(1);
        throw new RangeError("mine");
      }),
      RangeError,
    );
    assert.equal(live(), before);
  });

  it("stays bounded over many iterations", async () => {
    using a = gk.arange(8);
    for (let i = 0; i < rounds(100_000); i++) {
      await gk.scope(async () => {
        gk.add(a, 1);
        await null;
        gk.add(a, 2);
      });
    }
    assert.equal(gk.memory().scopes, 0);
  });
});
