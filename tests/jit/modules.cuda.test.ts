// Modules: what lives how long, the variables in them, images that were compiled before, and the order of
// launches among ops, streams and graphs.

import assert from "node:assert/strict";
import { it } from "node:test";
import * as gk from "../../mod.ts";
import {
  expectArray,
  expectClose,
  expectError,
  expectRejection,
  noLeaks,
  scoped,
  scopedAsync,
} from "../helpers.ts";
import { describeJit, kernelOf, over, source } from "./support.ts";

noLeaks();

// Sources of their own, so that no other test holds their modules; the same from run to run.
let last = 0;
const fresh = (text: string) => `// modules ${++last}\n${text}`;

describeJit("the life of a module", () => {
  it("the same source gives the same module while a kernel lives", () => {
    const text = fresh(
      `extern "C" __global__ void iota() {}\nextern "C" __global__ void places() {}\n`,
    );
    using a = gk.jit(text, "iota");
    using b = gk.jit(text, "iota");
    assert.equal(a.module, b.module);
    const others = [
      gk.jit(text, ["iota"]),
      gk.jit(text, ["iota", "places"]),
      gk.jit(text, "places"),
      gk.jit(text, "iota", { options: ["-DX=1"] }),
      gk.jit(text, "iota", { options: ["-DX=1", "-DY"] }),
      gk.jit(text, "iota", { headers: { a: "b" } }),
      gk.jit(text, "iota", { headers: { a: "c" } }),
      gk.jit(text, "iota", { fileName: "iota.cu" }),
      gk.jit(text, "iota", { fileName: "iota.cu", options: ["-DX=1"] }),
      gk.jit(fresh(text), "iota"),
    ].flat();
    assert.equal(others[0]!.module, a.module); // one name, in a list or not
    const modules = new Set(others.map((k) => k.module));
    assert.equal(modules.size, others.length - 1); // two kernels of one
    for (const k of others) k.dispose();
    assert.ok(!a.isDisposed);
  });

  it("a module of jit ends with its last kernel and is compiled or loaded anew", () => {
    const text = fresh(source("several.cu"));
    const a = gk.jit(text, "nothing"), b = gk.jit(text, "nothing");
    const { module } = a;
    a.dispose();
    a.dispose();
    assert.ok(a.isDisposed && !b.isDisposed && !module.isDisposed);
    expectError(() => a.launch({ grid: 1, block: 1 }), gk.DisposedError, /nothing/);
    b.launch({ grid: 1, block: 1 });
    b.dispose();
    assert.ok(module.isDisposed);
    using c = gk.jit(text, "nothing");
    assert.notEqual(c.module, module);
    c.launch({ grid: 1, block: 1 });
  });

  it("disposing the module ends all kernels", () => {
    const text = fresh(source("several.cu"));
    const [a, b] = gk.jit(text, ["nothing", "places"]);
    a.module.dispose();
    assert.ok(a.isDisposed && b.isDisposed);
    expectError(() => b.launch({ grid: 1, block: 1 }), gk.DisposedError, /places/);
    expectError(() => a.attributes, gk.DisposedError);
    expectError(() => a.module.ptx, gk.DisposedError);
    expectError(() => a.module.kernel("nothing"), gk.DisposedError);
    a.dispose();
  });

  it(
    "launches that were submitted still run",
    scoped(() => {
      const x = gk.arange(1000), y = gk.zeros(1000);
      const k = gk.jit(fresh(source("several.cu")), "copy");
      k.launch(over(1000), x, y, 1000);
      x.dispose();
      k.dispose();
      assert.equal(y.sum().item(), 999 * 500);
    }),
  );

  it("asks for kernels by name", () => {
    const [iota] = gk.jit(fresh(source("several.cu")), ["iota", "places"]);
    using places = iota.module.kernel("places");
    assert.equal(places.name, "places");
    expectError(() => iota.module.kernel("copy"), gk.IndexError, /copy.*iota, places/);
    iota.dispose();
  });
});

describeJit("variables", () => {
  it(
    "__constant__: as compiled, written, and read",
    scoped(() => {
      using weigh = gk.jit(fresh(source("variables.cu")), "weigh");
      const x = gk.ones(8), out = gk.zeros(8);
      weigh.launch(over(8), x, out, 8);
      expectClose(out, [11, 12, 13, 14, 11, 12, 13, 14]);
      const weights = weigh.module.variable("weights");
      assert.equal(weights.bytes, 16);
      assert.equal(weights.name, "weights");
      weights.write(new Float32Array([5, 6, 7, 8]));
      weigh.module.variable("offset").write(new Int32Array([100]));
      weigh.launch(over(8), x, out, 8);
      weights.write(gk.array([-1, -2, -3, -4])); // later than the launch
      expectClose(out, [105, 106, 107, 108, 105, 106, 107, 108]);
      assert.deepEqual([...weights.read(new Float32Array(4))], [-1, -2, -3, -4]);
      weights.write(new Float32Array([9]), { offset: 8 });
      assert.deepEqual([...weights.read(new Float32Array(3), { offset: 4 })], [-2, 9, -4]);
      assert.equal(weights.read().byteLength, 16);
      assert.equal(weights.read({ offset: 12 }).byteLength, 4);
    }),
  );

  it("__device__: what kernels leave there", () => {
    using countUp = gk.jit(fresh(source("variables.cu")), "countUp");
    const counter = countUp.module.variable("counter");
    for (let i = 0; i < 3; i++) countUp.launch({ grid: 2, block: 32 }, 10);
    assert.deepEqual([...counter.read(new BigInt64Array(1))], [35n]);
    counter.write(new BigInt64Array([0n]));
    countUp.launch({ grid: 1, block: 1 }, 1n);
    assert.deepEqual([...counter.read(new BigInt64Array(1))], [1n]);
  });

  it("errors", () => {
    using weigh = gk.jit(fresh(source("variables.cu")), "weigh");
    const { module } = weigh;
    expectError(() => module.variable("heights"), gk.GpukitError, /heights/);
    // deno-lint-ignore no-explicit-any
    expectError(() => module.variable(3 as any), gk.GpukitError, /name/);
    const weights = module.variable("weights");
    expectError(() => weights.write(new Float32Array(5)), gk.ShapeError, /20|16/);
    expectError(() => weights.write(new Float32Array(4), { offset: 4 }), gk.ShapeError, /16/);
    expectError(() => weights.read({ offset: -1 }), gk.GpukitError, /offset/);
    expectError(() => weights.write(new Float32Array(1), { offset: 0.5 }), gk.GpukitError);
    // deno-lint-ignore no-explicit-any
    expectError(() => weights.write([1] as any), gk.GpukitError, /list/);
    assert.deepEqual([...weights.read(new Float32Array(4))], [1, 2, 3, 4]);
    module.dispose();
    expectError(() => weights.read(), gk.DisposedError);
  });
});

describeJit("gk.module", () => {
  it(
    "takes what jit compiled",
    scoped(() => {
      const saxpy = kernelOf("saxpy.cu", "saxpy");
      using given = gk.module(saxpy.cubin, { kernels: ["saxpy"] });
      using again = given.kernel("saxpy");
      assert.equal(given.origin.from, "given");
      const x = gk.arange(100), y = gk.zeros(100);
      // Of C names only the sizes of parameters are known.
      assert.deepEqual(again.parameters.map(({ bytes }) => bytes), [4, 8, 8, 4]);
      expectError(
        () => again.launch(over(100), 3, x, y, 100),
        gk.DTypeError,
        /argument 1.*gk\.f32/,
      );
      expectError(() => again.launch(over(100), gk.f64(3), x, y, gk.i32(1)), gk.DTypeError, /1/);
      again.launch(over(100), gk.f32(3), x, y, gk.i32(100));
      expectClose(y, x.mul(3));
      again.dispose();
      assert.ok(!given.isDisposed);
    }),
  );

  it(
    "takes PTX, as text and as bytes",
    scoped(() => {
      const { ptx } = kernelOf("several.cu", "iota");
      for (const text of [ptx, new TextEncoder().encode(ptx)]) {
        using given = gk.module(text, { kernels: ["iota"] });
        const out = gk.zeros(50, { dtype: "int32" });
        given.kernel("iota").launch(over(50), out, gk.i32(50));
        expectClose(out, gk.arange(50, { dtype: "int32" }));
      }
    }),
  );

  it("that is for another architecture is an error that names the device's", () => {
    const text = `extern "C" __global__ void k() {}`;
    const { computeCapability } = gk.device().info;
    expectError(
      () => gk.jit(text, "k", { options: ["--gpu-architecture=sm_75"] }),
      gk.UnsupportedError,
      new RegExp(`compute capability ${computeCapability}`),
    );
  });

  it("knows compiled C++ by its mangled names", () => {
    const scale = kernelOf("several.cu", "scale<float>");
    using given = gk.module(scale.cubin, { kernels: [scale.symbol] });
    assert.equal(given.kernel(scale.symbol).parameters.length, 3);
  });

  it("damaged images, names that are not there, and other kinds are errors", () => {
    const { cubin } = kernelOf("saxpy.cu", "saxpy");
    const kernels = ["saxpy"];
    expectError(() => gk.module(new Uint8Array([1, 2, 3]), { kernels }), gk.GpukitError, /module/);
    expectError(() => gk.module(new Uint8Array(0), { kernels }), gk.GpukitError);
    expectError(() => gk.module(cubin.slice(0, 100), { kernels }), gk.GpukitError);
    expectError(() => gk.module("this is no PTX", { kernels }), gk.GpukitError);
    expectError(() => gk.module(cubin, { kernels: ["sexpy"] }), gk.GpukitError, /sexpy/);
    // deno-lint-ignore no-explicit-any
    expectError(() => gk.module(5 as any, { kernels }), gk.GpukitError, /ArrayBuffer.*5/);
    // deno-lint-ignore no-explicit-any
    expectError(() => gk.module(cubin, { kernels: "saxpy" as any }), gk.GpukitError, /list/);
    gk.module(cubin, { kernels }).dispose();
  });
});

describeJit("order", () => {
  it(
    "ops before and after a launch see what they should",
    scoped(() => {
      const copy = kernelOf("several.cu", "copy");
      const x = gk.zeros(5000), y = gk.zeros(5000);
      for (let i = 1; i <= 5; i++) {
        x.addInplace(1);
        copy.launch(over(5000), x, y, 5000);
        assert.equal(y.sum().item(), 5000 * i);
      }
    }),
  );

  it(
    "across streams, by what a kernel reads and writes",
    scopedAsync(async () => {
      const copy = kernelOf("several.cu", "copy");
      using s = gk.stream(), t = gk.stream();
      const x = gk.zeros(20000), y = gk.zeros(20000), z = gk.zeros(20000);
      for (let i = 1; i <= 8; i++) {
        gk.add(x, 1, { out: x, stream: s });
        copy.launch({ ...over(20000), stream: t }, x, y, 20000);
        s.run(() => copy.launch(over(20000), y, z, 20000));
        gk.mul(y, -1, { out: y, stream: t }); // after the read on s
        assert.equal((await z.data()).reduce((a, b) => a + b, 0), 20000 * i);
      }
      await Promise.all([s.done(), t.done()]);
      expectClose(y.at(":2"), [-8, -8]);
    }),
  );

  it(
    "in a graph: numbers are fixed, arrays are read anew",
    scoped(() => {
      const saxpy = kernelOf("saxpy.cu", "saxpy");
      const x = gk.ones(100), y = gk.zeros(100);
      using g = gk.graph(() => {
        saxpy.launch(over(100), 2, x, y, 100);
        return y.add(1);
      });
      expectClose(y, gk.zeros(100));
      g.launch();
      expectClose(g.outputs, gk.full(100, 3));
      x.fill(10);
      g.launch();
      g.launch();
      expectClose(y, gk.full(100, 42));
      expectClose(g.outputs, gk.full(100, 43));
    }),
  );

  it(
    "a graph keeps the module and the arrays",
    scoped(() => {
      const k = gk.jit(fresh(source("several.cu")), "copy");
      const y = gk.zeros(100);
      using g = gk.graph(() => {
        const x = gk.arange(100);
        k.launch(over(100), x, y, 100);
      });
      k.module.dispose();
      g.launch();
      assert.equal(y.sum().item(), 4950);
    }),
  );

  it(
    "an index out of range before a launch is raised, and the launch ran",
    scopedAsync(async () => {
      const copy = kernelOf("several.cu", "copy");
      const taken = gk.take(gk.ones(4), gk.array([0, 9], { dtype: "int64" }));
      const y = gk.full(2, 5);
      copy.launch(over(2), taken, y, 2);
      await expectRejection(y.data(), gk.IndexError, /take/);
      expectArray(y, [1, 0]);
    }),
  );

  it(
    "a launch is one launch, and asks for no memory",
    scoped(() => {
      const saxpy = kernelOf("saxpy.cu", "saxpy");
      const x = gk.arange(100), y = gk.zeros(100);
      saxpy.launch(over(100), 1, x, y, 100);
      gk.device().synchronize();
      const before = gk.device().memory();
      for (let i = 0; i < 50; i++) saxpy.launch(over(100), 1, x, y, 100);
      const after = gk.device().memory();
      assert.equal(after.launches - before.launches, 50);
      assert.equal(after.bytes, before.bytes);
      assert.equal(after.blocks, before.blocks);
      assert.equal(after.synchronisations, before.synchronisations);
      assert.equal(y.at(2).item(), 102);
    }),
  );
});
