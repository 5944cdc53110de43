// Two devices at once: CUDA and the CPU. Runs where the default device is a CUDA one.

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

const here = gk.defaultDevice();

describe("between devices", () => {
  it("the default one is CUDA", () => {
    assert.equal(here.info["kind"], "cuda");
    assert.ok(gk.isCudaAvailable());
    for (const key of ["name", "uuid", "driver", "computeCapability", "processors", "memory"]) {
      assert.ok(here.info[key], key);
    }
    assert.equal(here.info["state"], "ok");
  });

  it(
    "operands on different ones are an error that names them",
    scoped(() => {
      const a = gk.ones([2, 3]), b = gk.ones([2, 3], { device: "cpu" });
      const refused = (call: () => unknown, op: string) =>
        expectError(call, gk.DeviceError, new RegExp(`^${op}: .*(cpu.*cuda:0|cuda:0.*cpu)`));
      refused(() => gk.add(a, b), "add");
      refused(() => gk.where(gk.greater(a, 0), a, b), "where");
      refused(() => gk.matmul(a, b.T), "matmul");
      refused(() => gk.add(a, a, { out: b }), "add");
      refused(() => gk.sum(a, { axis: 0, out: gk.zeros(3, { device: "cpu" }) }), "sum");
      refused(() => gk.concatenate([a, b]), "concatenate");
      refused(() => a.set(b), "copy");
      refused(() => gk.einsum("ij->ji", a, { out: b.T }), "einsum");
      refused(() => gk.take(a, gk.array([0], { dtype: "int64", device: "cpu" })), "take");
      using s = gk.stream({ device: "cpu" });
      expectError(() => gk.add(a, a, { stream: s }), gk.DeviceError);
      expectArray(gk.add(a, b.to(here)), [[2, 2, 2], [2, 2, 2]]);
      expectArray(a.copyFrom(b.mul(3).at(0)), [[3, 3, 3], [3, 3, 3]]);
      expectArray(b.at(":", 1).copyFrom(a.astype("int32").at(":", 0)), [3, 3]);
    }),
  );

  it(
    "numbers, indices and values from JavaScript go along",
    scoped(() => {
      const a = gk.arange(6, { device: "cpu" }).reshape([2, 3]), b = a.to(here);
      for (const x of [a, b]) {
        expectArray(x.add(1).at(0), [1, 2, 3]);
        expectArray(gk.take(x, [2, 0], { axis: 1 }), [[2, 0], [5, 3]]);
        expectArray(gk.where(gk.greater(x, 2), x, -1), [[-1, -1, -1], [3, 4, 5]]);
        x.set(9, 0, 0);
        assert.equal(x.at(0, 0).item(), 9);
        x.copyFrom([[1, 2, 3], [4, 5, 6]]);
        expectArray(x, [[1, 2, 3], [4, 5, 6]]);
        x.fill(7n);
        x.set([1, 2], 0, ":2");
        expectArray(x, [[1, 2, 7], [7, 7, 7]]);
      }
    }),
  );

  it(
    "what follows from an array lies beside it",
    scoped(() => {
      for (const device of [here, "cpu"]) {
        const a = gk.arange(6, { device }).reshape([2, 3]), name = a.device;
        const n = a.astype("int64"), z = a.astype("complex64");
        const made: Record<string, gk.NDArray | readonly gk.NDArray[]> = {
          arrayOf: gk.array(a),
          bigint: gk.add(n, 2n ** 60n),
          compared: gk.less(n, 2n ** 60n),
          imag: gk.imag(a),
          complex: gk.imag(z),
          repeat: gk.repeat(a, [1, 2], { axis: 0 }),
          tile: gk.tile(a, [2, 2]),
          roll: gk.roll(a, 1),
          pad: gk.pad(a, 1),
          like: gk.onesLike(a),
          tril: gk.tril(a),
          diag: gk.diag(a.at(0)),
          diff: gk.diff(a),
          taken: gk.take(a, [0, 1], { axis: 1 }),
          along: gk.takeAlongAxis(a, [[0], [1]]),
          put: gk.putAlongAxis(a, [[0], [1]], 5),
          added: gk.scatterAdd(a, [[0], [1]], 2),
          gathered: gk.gather(a, [[0, 1], [1, 2]]),
          masked: gk.mask(a, gk.greater(a, 2)),
          nonzero: gk.nonzero(a),
          chosen: gk.where(gk.greater(a, 2), a, 0),
          clipped: gk.clip(a, 1, 4),
          bincount: gk.bincount(n.ravel()),
          bincountTo: gk.bincount(n.ravel(), { minlength: 9 }),
          norm: gk.norm(a),
          std: gk.std(a, { axis: 0 }),
          mean: gk.mean(n),
          einsum: gk.einsum("ij,kj->ik", a, a),
          dot: gk.dot(a, gk.ones([2, 3, 2], { device })),
          outer: gk.outer(a, a),
          trace: gk.trace(a),
          linear: gk.nn.gelu(gk.linear(a, a)),
          close: gk.isclose(a, 1),
          mesh: gk.meshgrid([a.at(0), a.at(1)]),
          split: gk.split(a, 3, { axis: 1 }),
          joined: gk.concatenate([a, a]),
        };
        for (const [what, result] of Object.entries(made)) {
          for (const one of [result].flat() as gk.NDArray[]) assert.equal(one.device, name, what);
        }
        assert.equal(gk.array(a, { device: "cpu" }).device, "cpu");
        assert.equal(gk.array(a, { device: here }).device, here.name);
        expectArray(gk.array(a, { device: here, dtype: "int32" }), [[0, 1, 2], [3, 4, 5]], "int32");
        assert.ok(gk.allclose(a, a) && gk.arrayEqual(a, a));
      }
    }),
  );

  it(
    "random numbers are the same",
    scoped(() => {
      const draws = (device: gk.DeviceLike) => {
        gk.random.seed(11);
        return [
          gk.random.uniform(1001, { device }),
          gk.random.randint(0, 1000, 333, { device }),
          gk.random.uniform(77, { dtype: "float64", device }),
          gk.random.bernoulli(0.3, 100, { device }),
        ];
      };
      const there = draws("cpu");
      draws(here).forEach((a, i) => assert.deepEqual(a.dataSync(), there[i]!.dataSync()));
    }),
  );

  it(
    "streams and graphs of one leave the other alone",
    scopedAsync(async () => {
      const a = gk.ones(1000), b = gk.ones(1000, { device: "cpu" });
      using s = gk.stream({ device: "cpu" });
      const c = s.run(() => b.add(gk.ones(1000)));
      assert.equal(c.device, "cpu");
      using g = gk.graph(() => a.add(1));
      g.launch();
      await Promise.all([s.done(), g.done()]);
      expectArray(c.at(":2"), [2, 2]);
      expectArray(g.outputs.at(":2"), [2, 2]);
    }),
  );

  it(
    "pinned memory serves both",
    scopedAsync(async () => {
      using p = gk.pinned(4000);
      const host = new Float32Array(p).fill(3);
      for (const device of [here, "cpu"] as const) {
        const a = gk.zeros(1000, { device });
        await gk.copyAsync(a, p);
        assert.equal(a.sum().item(), 3000);
        await gk.copyAsync(p, a.mul(2));
        assert.ok(host.every((x) => x === 6));
        host.fill(3);
      }
    }),
  );

  it(
    "an index out of range on one is not raised by the other",
    scopedAsync(async () => {
      const a = gk.arange(4), b = gk.ones(1, { device: "cpu" });
      gk.take(a, gk.array([5], { dtype: "int64" }));
      assert.equal(b.add(1).item(), 2);
      gk.device("cpu").synchronize();
      await expectRejection(a.data(), gk.IndexError, /take/);
    }),
  );
});
