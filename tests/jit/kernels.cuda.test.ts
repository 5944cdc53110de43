// What users' kernels compute: every kind of source, argument and launch, compiled while the test runs.

import assert from "node:assert/strict";
import { it } from "node:test";
import * as gk from "../../mod.ts";
import { expectClose, noLeaks, scoped } from "../helpers.ts";
import { describeJit, headers, kernelOf, over, signatures, source } from "./support.ts";

noLeaks();

describeJit("kernels of a source", () => {
  it(
    "compute with arrays and numbers",
    scoped(() => {
      const saxpy = kernelOf("saxpy.cu", "saxpy");
      const x = gk.arange(1000), y = gk.ones(1000);
      saxpy.launch(over(1000), 2, x, y, 1000);
      expectClose(y, gk.arange(1000).mul(2).add(1));
      assert.equal(saxpy.name, "saxpy");
      assert.equal(saxpy.symbol, "saxpy");
    }),
  );

  for (const [file, kernels] of Object.entries(signatures)) {
    it(`tell their signatures: ${file}`, () => {
      for (const [name, signature] of Object.entries(kernels)) {
        assert.equal(kernelOf(file, name).signature, signature);
      }
    });
  }

  it("describe their parameters", () => {
    const [real, from, to, n] = kernelOf("saxpy.cu", "saxpy").parameters;
    const pointer = { kind: "pointer", dtype: "float32", bytes: 8 };
    assert.deepEqual(real, {
      type: "float",
      kind: "number",
      dtype: "float32",
      isConst: false,
      bytes: 4,
    });
    assert.deepEqual(from, { type: "const float*", isConst: true, ...pointer });
    assert.deepEqual(to, { type: "float*", isConst: false, ...pointer });
    assert.deepEqual([n?.kind, n?.dtype], ["number", "int32"]);
    const [camera] = kernelOf("structs.cu", "describe").parameters;
    assert.deepEqual([camera?.kind, camera?.dtype, camera?.bytes], ["struct", undefined, 24]);
  });

  it(
    "several in one compile, with templates and namespaces",
    scoped(() => {
      const [iota, scale, advance, negate] = gk.jit(source("several.cu"), [
        "iota",
        "scale<float>",
        "advance<3, double>",
        "mine::negate",
      ]);
      const i = gk.zeros(200, { dtype: "int32" });
      iota.launch(over(200), i, 200);
      expectClose(i, gk.arange(200, { dtype: "int32" }));
      const x = gk.ones(200);
      scale.launch(over(200), x, 2.5, 200);
      negate.launch(over(200), x, 100);
      expectClose(x, gk.concatenate([gk.full(100, -2.5), gk.full(100, 2.5)]));
      const d = gk.ones(200, { dtype: "float64" });
      advance.launch(over(200), d, 200);
      expectClose(d, gk.full(200, 4, { dtype: "float64" }));
      assert.match(scale.symbol, /^_Z.*scale/);
    }),
  );

  it(
    "grids and blocks of up to three axes",
    scoped(() => {
      const places = kernelOf("several.cu", "places");
      for (
        const [grid, block] of [[2, 3], [[2], [3]], [[3, 2], [4, 5]], [[2, 1, 3], [
          3,
          2,
          2,
        ]]] as const
      ) {
        const size = (x: number | readonly number[]) => [x].flat().reduce((a, b) => a * b, 1);
        const blocks = size(grid), threads = size(block);
        const out = gk.zeros(blocks * threads, { dtype: "uint32" });
        places.launch({ grid, block }, out);
        const wanted = Array.from(
          { length: blocks * threads },
          (_, i) => (Math.floor(i / threads) << 16) | i % threads,
        );
        assert.deepEqual([...out.dataSync()], wanted);
      }
    }),
  );

  it("without parameters", () => {
    const nothing = kernelOf("several.cu", "nothing");
    nothing.launch({ grid: 1, block: 1 });
    assert.deepEqual(nothing.parameters, []);
    gk.device().synchronize();
  });

  it(
    "with __launch_bounds__",
    scoped(() => {
      const reverse = kernelOf("shared.cu", "reverse");
      const x = gk.arange(128, { dtype: "int32" }), y = gk.zeros(128, { dtype: "int32" });
      reverse.launch({ grid: 2, block: 64 }, x, y);
      expectClose(y, x.reshape([2, 64]).flip(1).flatten());
      assert.equal(reverse.attributes.maxThreadsPerBlock, 64);
      assert.equal(reverse.attributes.sharedBytes, 256);
    }),
  );

  it(
    "with shared memory that the launch sizes",
    scoped(() => {
      const rotate = kernelOf("shared.cu", "rotate");
      const x = gk.arange(96), y = gk.zeros(96);
      rotate.launch({ grid: 3, block: 32, sharedBytes: 32 * 4 }, x, y, 5);
      const wanted = Array.from({ length: 96 }, (_, i) => i - i % 32 + (i + 5) % 32);
      expectClose(y, wanted);
    }),
  );

  it(
    "with more than 48 KB of it",
    scoped(() => {
      const last = kernelOf("shared.cu", "last");
      const out = gk.zeros(1);
      const most = last.attributes.maxSharedBytes;
      assert.ok(most > 48 * 1024, `${most} bytes`);
      for (const bytes of [8, 48 * 1024, 48 * 1024 + 4, most]) {
        out.fill(0);
        last.launch({ grid: 1, block: 32, sharedBytes: bytes }, out, bytes / 4);
        assert.equal(out.item(), 7, `${bytes} bytes`);
      }
    }),
  );

  it(
    "with shuffles within a warp",
    scoped(() => {
      const blockSum = kernelOf("shared.cu", "blockSum");
      const x = gk.arange(700), sums = gk.zeros(3);
      blockSum.launch({ grid: 3, block: 256 }, x, sums, 700);
      expectClose(
        sums,
        [0, 256, 512].map((at) => x.at(`${at}:${Math.min(700, at + 256)}`).sum().item()),
      );
    }),
  );

  it(
    "with headers of the user's and options",
    scoped(() => {
      const x = gk.arange(50), y = gk.zeros(50);
      for (const terms of [1, 3]) {
        const options = [`-DTERMS=${terms}`];
        const k = terms === 1
          ? kernelOf("headers.cu", "polynomial")
          : gk.jit(source("headers.cu"), "polynomial", { headers, options });
        k.launch(over(50), x, y, 50);
        expectClose(y, x.mul(x).mul(terms * (terms + 1) / 2));
      }
    }),
  );

  it(
    "with the headers of 16-bit floats",
    scoped(() => {
      const widen = kernelOf("half.cu", "widen"), narrow = kernelOf("half.cu", "narrow");
      const x = gk.linspace(-3, 3, 100);
      const h = gk.zeros(100, { dtype: "float16" }), b = gk.zeros(100, { dtype: "bfloat16" });
      narrow.launch(over(100), x, h, b, 100);
      gk.testing.assertArrayEqual(h, x.astype("float16"));
      gk.testing.assertArrayEqual(b, x.astype("bfloat16"));
      const sum = gk.zeros(100);
      widen.launch(over(100), h, b, sum, 100);
      gk.testing.assertArrayEqual(sum, h.astype("float32").add(b.astype("float32")));
    }),
  );
});

describeJit("arguments", () => {
  const cases = {
    bool: ["bool", true, gk.bool(true), 1],
    int8: ["signed char", -128, gk.i8(-128), -128],
    uint8: ["unsigned char", 255, gk.u8(255), 255],
    int16: ["short", -32768, gk.i16(-32768), -32768],
    uint16: ["unsigned short", 65535, gk.u16(65535), 65535],
    int32: ["int", -(2 ** 31), gk.i32(-(2 ** 31)), -(2 ** 31)],
    uint32: ["unsigned", 2 ** 32 - 1, gk.u32(2 ** 32 - 1), 2 ** 32 - 1],
    int64: ["long long", -(2n ** 63n), gk.i64(-(2n ** 63n)), -(2n ** 63n)],
    uint64: ["unsigned long long", 2n ** 64n - 1n, gk.u64(2n ** 64n - 1n), 2n ** 64n - 1n],
    float32: ["float", 0.1, gk.f32(0.1), Math.fround(0.1)],
    float64: ["double", 0.1, gk.f64(0.1), 0.1],
  } as const;
  for (const [dtype, [type, plain, typed, wanted]] of Object.entries(cases)) {
    it(
      `${dtype}: plain numbers and typed ones`,
      scoped(() => {
        const put = kernelOf("dtypes.cu", `put<${type}>`);
        for (const value of [plain, typed]) {
          const out = gk.zeros(1, { dtype: dtype as gk.DType });
          put.launch({ grid: 1, block: 1 }, value, out);
          expectClose(out, [wanted]);
        }
      }),
    );
  }

  it(
    "float16 and bfloat16",
    scoped(() => {
      const half = kernelOf("half.cu", "put<__half>");
      const bfloat = kernelOf("half.cu", "put<__nv_bfloat16>");
      const h = gk.zeros(1, { dtype: "float16" }), b = gk.zeros(1, { dtype: "bfloat16" });
      for (const value of [0.1, -65504, 1 / 3, Infinity]) {
        const wanted = gk.array([value]);
        for (const argument of [value, gk.f16(value)]) {
          half.launch({ grid: 1, block: 1 }, argument, h);
          gk.testing.assertArrayEqual(h, wanted.astype("float16"));
        }
        for (const argument of [value, gk.bf16(value)]) {
          bfloat.launch({ grid: 1, block: 1 }, argument, b);
          gk.testing.assertArrayEqual(b, wanted.astype("bfloat16"));
        }
      }
    }),
  );

  it(
    "bigints and numbers for 64-bit integers, long among them",
    scoped(() => {
      const wide = kernelOf("dtypes.cu", "wide");
      const out = gk.zeros(6, { dtype: "int64" });
      wide.launch({ grid: 1, block: 1 }, -(2n ** 53n) - 1n, 2n ** 63n, -7, 2 ** 53, 3n, 4, out);
      assert.deepEqual([...out.dataSync()], [
        -(2n ** 53n) - 1n,
        -(2n ** 63n),
        -7n,
        2n ** 53n,
        3n,
        4n,
      ]);
    }),
  );

  it(
    "structs by value, as their bytes",
    scoped(() => {
      const describe = kernelOf("structs.cu", "describe");
      const camera = new DataView(new ArrayBuffer(24));
      camera.setFloat32(0, 1.5, true);
      camera.setFloat32(4, -2, true);
      camera.setFloat64(8, Math.PI, true);
      camera.setInt32(16, 640, true);
      const out = gk.zeros(4, { dtype: "float64" });
      for (const bytes of [camera, camera.buffer, new Uint8Array(camera.buffer)]) {
        out.fill(0);
        describe.launch({ grid: 1, block: 1 }, bytes, out);
        assert.deepEqual([...out.dataSync()], [1.5, -2, Math.PI, 640]);
      }
    }),
  );

  it(
    "pointers to structs and to nothing in particular take any array",
    scoped(() => {
      const sums = kernelOf("structs.cu", "sums"), bytes = kernelOf("structs.cu", "bytes");
      const pairs = gk.arange(20).reshape([10, 2]), out = gk.zeros(10);
      sums.launch(over(10), pairs, out, 10);
      expectClose(out, pairs.sum({ axis: 1 }));
      const words = gk.array(new Int32Array([0x01020304, -1])),
        to = gk.zeros(8, { dtype: "uint8" });
      bytes.launch(over(8), words, to, 8);
      assert.deepEqual([...to.dataSync()], [4, 3, 2, 1, 255, 255, 255, 255]);
    }),
  );

  it(
    "null is a null pointer",
    scoped(() => {
      const maybe = kernelOf("structs.cu", "maybe");
      const out = gk.zeros(1);
      maybe.launch({ grid: 1, block: 1 }, null, out);
      assert.equal(out.item(), -1);
      maybe.launch({ grid: 1, block: 1 }, gk.full(1, 5), out);
      assert.equal(out.item(), 5);
    }),
  );

  it(
    "views begin where they begin",
    scoped(() => {
      const copy = kernelOf("several.cu", "copy");
      const x = gk.arange(100), y = gk.zeros(100);
      copy.launch(over(10), x.at("40:50"), y.at("5:15"), 10);
      const wanted = new Array<number>(100).fill(0);
      for (let i = 0; i < 10; i++) wanted[5 + i] = 40 + i;
      expectClose(y, wanted);
    }),
  );

  it("typed numbers show themselves", () => {
    assert.equal(String(gk.f32(2)), "float32(2)");
    assert.equal(gk.i64(5n).dtype, "int64");
    assert.equal(gk.i64(5n).value, 5n);
  });
});

describeJit("what is told of a kernel", () => {
  it("attributes and occupancy", () => {
    const saxpy = kernelOf("saxpy.cu", "saxpy");
    const { maxThreadsPerBlock, registers, localBytes } = saxpy.attributes;
    assert.ok(maxThreadsPerBlock >= 128 && maxThreadsPerBlock <= 1024);
    assert.ok(registers > 0 && localBytes >= 0);
    const o = saxpy.occupancy(256);
    assert.ok(o.blocksPerMultiprocessor >= 1);
    assert.equal(o.threadsPerMultiprocessor, 256 * o.blocksPerMultiprocessor);
    assert.ok(o.fraction > 0 && o.fraction <= 1);
    assert.ok(o.bestBlock >= 32 && o.bestGrid >= 1);
    assert.deepEqual(saxpy.occupancy([16, 16]), o);
    assert.ok(
      saxpy.occupancy(256, { sharedBytes: 40 * 1024 }).blocksPerMultiprocessor <=
        o.blocksPerMultiprocessor,
    );
  });

  it("where it came from, its PTX and its code", () => {
    const saxpy = kernelOf("saxpy.cu", "saxpy");
    const { from, architecture, milliseconds } = saxpy.origin;
    assert.ok(from === "compiler" || from === "disk", from);
    assert.match(architecture!, /^(sm|compute)_\d+/);
    assert.ok(milliseconds! > 0);
    assert.ok(saxpy.cubin.length > 100);
    assert.match(saxpy.ptx, /saxpy/);
    assert.equal(saxpy.module.device, gk.device());
    assert.deepEqual(saxpy.module.kernels, ["saxpy"]);
  });

  it("warnings of the compiler", () => {
    const k = gk.jit('#warning beware\nextern "C" __global__ void k() {}', "k");
    assert.match(k.log, /kernel\.cu.*warning.*beware/);
    assert.equal(gk.jit('extern "C" __global__ void k() {}', "k").log, "");
  });
});
