import assert from "node:assert/strict";
import { describe, it } from "node:test";
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

describe("graphs", () => {
  it(
    "record without running and replay",
    scopedAsync(async () => {
      const a = gk.ones(4);
      const total = gk.zeros([]);
      using g = gk.graph(() => {
        const b = a.add(1);
        gk.add(total, b.sum(), { out: total });
        return { b, list: [b.mul(10)] };
      });
      assert.equal(total.item(), 0);
      g.launch();
      await g.done();
      expectArray(g.outputs.b, [2, 2, 2, 2]);
      expectArray(g.outputs.list[0]!, [20, 20, 20, 20]);
      assert.equal(total.item(), 8);
      a.fill(2);
      g.launch();
      g.launch();
      expectArray(g.outputs.b, [3, 3, 3, 3]);
      assert.equal(total.item(), 8 + 24);
    }),
  );

  it(
    "retain their operands",
    scoped(() => {
      const a = gk.ones(2);
      using g = gk.graph(() => a.add(1));
      a.dispose();
      g.launch();
      expectArray(g.outputs, [2, 2]);
    }),
  );

  it(
    "draw new random numbers with each launch",
    scoped(() => {
      using g = gk.graph(() => gk.random.uniform(1000));
      g.launch();
      const first = g.outputs.clone();
      g.launch();
      assert.equal(gk.any(gk.equal(first, g.outputs)).item(), false);
    }),
  );

  it(
    "run on a stream",
    scopedAsync(async () => {
      using s = gk.stream();
      const a = gk.ones(100_000);
      using g = gk.graph(() => a.add(1));
      g.launch({ stream: s });
      await g.done();
      assert.equal(g.outputs.at(99).item(), 2);
    }),
  );

  it("end with what they own", () => {
    const before = gk.memory().live;
    const g = gk.graph(() => gk.ones(3));
    const { outputs } = g;
    g.dispose();
    g.dispose();
    assert.ok(g.isDisposed);
    assert.ok(outputs.isDisposed);
    assert.equal(gk.memory().live, before);
    expectError(() => g.launch(), gk.DisposedError, /graph/);
  });

  it(
    "refuse reads, promises and errors inside, and go on after them",
    scopedAsync(async () => {
      const a = gk.ones(2);
      expectError(() => gk.graph(() => a.sum().item()), gk.UnsupportedError, /graph/);
      expectError(() => gk.graph(() => a.dataSync()), gk.UnsupportedError);
      expectError(() => gk.graph(() => Promise.resolve()), gk.GpukitError, /promise/);
      expectError(() => gk.graph(() => gk.graph(() => a)), gk.UnsupportedError);
      assert.throws(() =>
        gk.graph(() => {
          throw new RangeError("mine");
        }), RangeError);
      expectError(() => gk.graph(5 as unknown as () => void), gk.GpukitError);
      expectArray(a.add(1), [2, 2]);
      using g = gk.graph(() => {});
      g.launch();
      await g.done();
      g.dispose();
      await expectRejection(g.done(), gk.DisposedError);
    }),
  );
});
