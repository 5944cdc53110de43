// What an op costs besides its work once memory has been taken: nothing is allocated, nothing waits, and on
// CUDA it is one launch.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { noLeaks, scopedAsync } from "../helpers.ts";

noLeaks();

const here = gk.defaultDevice();
const isCuda = here.info["kind"] === "cuda";
const counters = () => gk.memory().devices[here.name]!;

describe("in its steady state", () => {
  async function cost(rounds: number, step: () => void | Promise<void>): Promise<{
    blocks: number;
    launches: number;
    synchronisations: number;
  }> {
    for (let i = 0; i < 20; i++) await step();
    here.synchronize();
    const before = counters();
    for (let i = 0; i < rounds; i++) await step();
    const after = counters();
    here.synchronize();
    return {
      blocks: after.blocks - before.blocks,
      launches: after.launches - before.launches,
      synchronisations: after.synchronisations - before.synchronisations,
    };
  }

  it(
    "ops take no memory from the device, wait for nothing and are one launch each",
    scopedAsync(async () => {
      const a = gk.random.uniform([64, 48]), b = gk.random.uniform([48]), out = gk.zeros([64, 48]);
      const heads = gk.random.uniform([2, 10, 3, 8]);
      const index = gk.array([[3], [0], [1]], { dtype: "int64" });
      const steps: Record<string, () => void> = {
        "add into out": () => void gk.add(a, b, { out }),
        "add": () => void a.add(b),
        "of a number": () => void a.mul(2),
        "of a transposed view": () => void gk.exp(a.T),
        "cast": () => void a.astype("float16"),
        "copy of a view": () => void a.at("::2", "::-1").clone(),
        "fill": () => void out.fill(1),
        "random": () => void gk.random.normal([64, 48]),
        "where": () => void gk.where(a.at(0), a, b),
        "sum over rows": () => void a.sum({ axis: 0 }),
        "sum over columns": () => void a.sum({ axis: 1 }),
        "take": () => void gk.take(a, index, { axis: 0 }),
        "matmul": () => void gk.matmul(a, a.T),
        "cumsum along an axis": () => void gk.cumsum(a, { axis: 1 }),
        "cumsum across it": () => void gk.cumsum(a, { axis: 0 }),
        "einsum of matrices": () => void gk.einsum("ij,kj->ik", a, a),
        "einsum, turned": () => void gk.einsum("ij,j->i", a, b),
        "einsum whose result is turned": () => void gk.einsum("ij,kj->ki", a, out),
        "einsum of attention heads": () => void gk.einsum("bqhd,bkhd->bhqk", heads, heads),
        "einsum of a batch's sums": () => void gk.einsum("bij,bij->b", heads.at(0), heads.at(1)),
      };
      for (const [name, step] of Object.entries(steps)) {
        const spent = await cost(100, () => gk.scope(step));
        assert.equal(spent.blocks, 0, `${name}: blocks of memory`);
        assert.equal(spent.synchronisations, 0, `${name}: synchronisations`);
        assert.equal(spent.launches, isCuda ? 100 : 0, `${name}: launches`);
      }
    }),
  );

  it(
    "pad of large arrays writes the middle once, and each side",
    scopedAsync(async () => {
      const large = gk.ones([600, 500]), small = gk.ones([6, 5]);
      const pads = [
        [large, [[1, 2], [3, 0]], 4],
        [large, [[0, 0], [0, 4]], 2],
        [small, [[1, 2], [3, 0]], 2],
      ] as const;
      for (const [a, width, launches] of pads) {
        const spent = await cost(20, () => gk.scope(() => void gk.pad(a, width)));
        assert.equal(spent.launches, isCuda ? 20 * launches : 0);
      }
    }),
  );

  it(
    "a chain of ops on two streams neither",
    scopedAsync(async () => {
      using one = gk.stream();
      using other = gk.stream();
      const a = gk.ones(5000);
      const spent = await cost(100, () =>
        gk.scope(() => {
          const b = one.run(() => a.add(1).mul(a));
          const c = other.run(() => b.sub(a));
          gk.add(c, b, { out: a, stream: one });
          gk.mul(a, 0.01, { out: a });
        }));
      assert.equal(spent.blocks, 0);
      assert.equal(spent.synchronisations, 0);
      assert.equal(spent.launches, isCuda ? 500 : 0);
    }),
  );

  it(
    "a graph's launch neither",
    scopedAsync(async () => {
      const a = gk.ones(500);
      using g = gk.graph(() => gk.random.uniform(500).mul(a).sum());
      const spent = await cost(100, () => g.launch());
      assert.equal(spent.blocks, 0);
      assert.equal(spent.synchronisations, 0);
      assert.equal(spent.launches, isCuda ? 100 : 0);
      await g.done();
    }),
  );

  it(
    "a value that is read costs one synchronisation and no memory",
    scopedAsync(async () => {
      const a = gk.ones(500);
      const spent = await cost(50, () => gk.scope(() => void a.sum().item()));
      assert.equal(spent.blocks, 0);
      assert.equal(spent.synchronisations, isCuda ? 50 : 0);
    }),
  );
});
