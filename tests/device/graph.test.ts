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
    "draw what the same ops outside of one would draw next",
    scoped(() => {
      for (const n of [501, 400_000]) { // so many are queued on every device
        const draws = () => [gk.random.normal(n), gk.random.randint(0, 9, [7, 3])] as const;
        gk.random.seed(5);
        const plain = [draws(), draws(), draws()];
        gk.random.seed(5);
        using g = gk.graph(draws);
        const bits = (arrays: readonly gk.NDArray[]) => arrays.map((a) => a.dataSync());
        g.launch();
        assert.deepEqual(bits(g.outputs), bits(plain[0]!));
        assert.deepEqual(bits(draws()), bits(plain[1]!));
        g.launch();
        assert.deepEqual(bits(g.outputs), bits(plain[2]!));
        using own = gk.random.generator(6);
        using other = gk.graph(() => own.normal(n));
        own.seed(5); // what counts is the seed at the launch
        other.launch();
        assert.deepEqual(other.outputs.dataSync(), plain[0]![0].dataSync());
      }
    }),
  );

  it(
    "launch again before the last launch has run, with operands that change between",
    scopedAsync(async () => {
      const a = gk.zeros(200_000), total = gk.zeros(200_000);
      using g = gk.graph(() => {
        const doubled = a.mul(2);
        gk.add(total, doubled, { out: total });
        return doubled;
      });
      using s = gk.stream();
      for (let i = 0; i < 30; i++) {
        a.fill(i);
        g.launch(i % 2 === 0 ? {} : { stream: s });
      }
      await s.done();
      const host = await total.data();
      assert.ok(host.every((x) => x === 870));
      assert.ok((await g.outputs.data()).every((x) => x === 58));
    }),
  );

  it(
    "hold every kind of op",
    scopedAsync(async () => {
      const a = gk.arange(12).reshape([3, 4]), index = gk.array([2, 0], { dtype: "int64" });
      const all = () => ({
        cast: a.astype("int32"),
        copy: a.T.clone(),
        filled: gk.full([2], 7),
        range: gk.arange(5),
        eye: gk.eye(3),
        sums: a.sum({ axis: 1 }),
        taken: gk.take(a, index, { axis: 0 }),
        added: gk.scatterAdd(gk.zeros([3, 4]), [[0], [1], [2]], 1),
        product: gk.matmul(a, a.T),
        joined: gk.concatenate([a, a]),
        chosen: gk.where(gk.greater(a, 5), a, 0),
        none: gk.zeros([0, 3]).add(1),
      });
      const plain = all();
      using g = gk.graph(all);
      for (let i = 0; i < 2; i++) {
        g.launch();
        await g.done();
        for (const [name, value] of Object.entries(plain)) {
          const got = (g.outputs as Record<string, gk.NDArray>)[name]!;
          assert.deepEqual(got.dataSync(), value.dataSync(), name);
        }
      }
    }),
  );

  it(
    "keep what they use alive, and each other's order",
    scopedAsync(async () => {
      const total = gk.zeros([]);
      const step = (by: number) =>
        gk.graph(() => {
          using more = gk.full([], by);
          gk.add(gk.mul(total, 2), more, { out: total });
        });
      const one = step(1), other = step(10);
      one.launch();
      other.launch();
      one.launch();
      one.dispose(); // its launch still runs
      other.dispose();
      assert.equal(await total.data().then((x) => x[0]), 25);
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
