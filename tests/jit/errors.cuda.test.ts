// What a launch refuses, each with an error that says which argument and why; after each the device computes
// as before.

import assert from "node:assert/strict";
import { afterEach, it } from "node:test";
import * as gk from "../../mod.ts";
import { noLeaks, scoped } from "../helpers.ts";
import { fails, rejects } from "../errors/expect.ts";
import { describeJit, kernelOf, source, staysUsable } from "./support.ts";

noLeaks();

// deno-lint-ignore no-explicit-any
type Any = any;

const one = { grid: 1, block: 1 };

describeJit("arguments that a kernel does not take", () => {
  afterEach(staysUsable);
  const saxpy = () => kernelOf("saxpy.cu", "saxpy");
  const x = () => gk.ones(100);

  it(
    "too few or too many",
    scoped(() => {
      fails(() => saxpy().launch(one, 2, x(), x()), gk.GpukitError, "saxpy takes 4", "got 3");
      fails(() => saxpy().launch(one, 2, x(), x(), 1, 1), gk.GpukitError, "takes 4", "got 5");
      fails(() => saxpy().launch(one), gk.GpukitError, "takes 4", "got 0");
      const many = new Array<number>(129).fill(1);
      fails(() => saxpy().launch(one, ...many), gk.GpukitError, "129", "128");
    }),
  );

  it(
    "arrays of another dtype, numbers for pointers, arrays for numbers",
    scoped(() => {
      const doubles = gk.ones(100, { dtype: "float64" }), ints = gk.ones(100, { dtype: "int32" });
      fails(
        () => saxpy().launch(one, 2, doubles, x(), 1),
        gk.DTypeError,
        "argument 2 of saxpy is const float*",
        "float64",
        "[100]",
      );
      fails(() => saxpy().launch(one, 2, x(), ints, 1), gk.DTypeError, "argument 3", "int32");
      fails(() => saxpy().launch(one, 2, 3, x(), 1), gk.DTypeError, "argument 2", "a number");
      fails(() => saxpy().launch(one, x(), x(), x(), 1), gk.DTypeError, "argument 1", "float,");
      fails(() => saxpy().launch(one, null, x(), x(), 1), gk.DTypeError, "argument 1", "null");
    }),
  );

  it(
    "numbers that an integer does not hold",
    scoped(() => {
      for (const n of [1.5, 2 ** 31, -(2 ** 31) - 1, NaN, Infinity, 2n ** 31n, 1e300]) {
        fails(() => saxpy().launch(one, 2, x(), x(), n), gk.DTypeError, "argument 4", "int");
      }
      const limits = {
        "bool": [-1, 2],
        "signed char": [-129, 128],
        "unsigned char": [-1, 256],
        "short": [-32769, 32768],
        "unsigned short": [-1, 65536],
        "unsigned": [-1, 2 ** 32, -1n],
        "long long": [2 ** 63, 2n ** 63n, -(2 ** 64)],
        "unsigned long long": [-1, -1n, 2 ** 64],
      };
      for (const [type, values] of Object.entries(limits)) {
        const put = kernelOf("dtypes.cu", `put<${type}>`);
        const out = gk.zeros(1, { dtype: put.parameters[0]!.dtype! });
        for (const value of values) {
          fails(() => put.launch(one, value, out), gk.DTypeError, "argument 1", "does not hold");
        }
      }
      fails(() => saxpy().launch(one, 2, x(), x(), 2n ** 64n), gk.DTypeError, "64 bits");
    }),
  );

  it(
    "typed numbers of another type",
    scoped(() => {
      fails(
        () => saxpy().launch(one, gk.f64(2), x(), x(), 1),
        gk.DTypeError,
        "argument 1",
        "float64",
      );
      fails(() => saxpy().launch(one, 2, x(), x(), gk.u32(1)), gk.DTypeError, "argument 4");
      fails(() => saxpy().launch(one, 2, gk.f32(1), x(), 1), gk.DTypeError, "argument 2");
    }),
  );

  it("typed numbers out of range", () => {
    fails(() => gk.i8(128), gk.DTypeError, "int8", "-128 to 127");
    fails(() => gk.u16(-1), gk.DTypeError, "uint16");
    fails(() => gk.i32(0.5), gk.DTypeError, "whole");
    fails(() => gk.u64(2n ** 64n), gk.DTypeError, "uint64");
    fails(() => gk.u32(NaN), gk.DTypeError, "NaN");
    fails(() => gk.f32("1" as Any), gk.GpukitError, "a number", '"1"');
    fails(() => gk.bool(1 as Any), gk.GpukitError, "true or false");
    fails(() => gk.i64("1" as Any), gk.GpukitError, "bigint");
  });

  it(
    "disposed arrays, and what is no argument",
    scoped(() => {
      const gone = x();
      gone.dispose();
      fails(() => saxpy().launch(one, 2, gone, x(), 1), gk.DisposedError, "argument 2 of saxpy");
      const inner = gk.scope(() => {
        const hidden: gk.NDArray[] = [];
        hidden.push(x());
        return { get: () => hidden[0]! };
      });
      fails(() => saxpy().launch(one, 2, x(), inner.get(), 1), gk.DisposedError, "argument 3");
      for (const thing of [undefined, "2", [1, 2], {}, () => 1, Symbol("s")]) {
        fails(
          () => saxpy().launch(one, 2, x(), x(), thing as Any),
          gk.DTypeError,
          "argument 4 of saxpy",
        );
      }
      const shared = new Float32Array(new SharedArrayBuffer(8));
      fails(() => saxpy().launch(one, shared as Any, x(), x(), 1), gk.GpukitError, "argument 1");
    }),
  );

  it(
    "arrays of another device",
    scoped(() => {
      const far = gk.ones(100, { device: "cpu" });
      fails(
        () => saxpy().launch(one, 2, far, x(), 1),
        gk.DeviceError,
        "argument 2",
        "cpu",
        gk.device().name,
      );
    }),
  );

  it(
    "arrays that are not contiguous",
    scoped(() => {
      const grid = gk.ones([10, 10]);
      for (const a of [grid.T, grid.at("::2"), grid.at("::-1"), gk.ones(1).broadcastTo([100])]) {
        fails(
          () => saxpy().launch(one, 2, a, x(), 1),
          gk.ShapeError,
          "argument 2",
          "contiguous()",
        );
      }
      saxpy().launch(one, 2, grid.at("2:4"), x(), 1);
      saxpy().launch(one, 2, grid.T.contiguous(), x(), 1);
    }),
  );

  it(
    "bytes of another size, or for a pointer",
    scoped(() => {
      const describe = kernelOf("structs.cu", "describe");
      const out = gk.zeros(4, { dtype: "float64" });
      for (const size of [0, 23, 25, 1024]) {
        fails(
          () => describe.launch(one, new Uint8Array(size), out),
          gk.DTypeError,
          "argument 1",
          `${size} bytes`,
          "24",
        );
      }
      fails(() => describe.launch(one, new Uint8Array(5000), out), gk.GpukitError, "argument 1");
      fails(() => describe.launch(one, 1, out), gk.DTypeError, "argument 1", "Camera");
      fails(
        () => saxpy().launch(one, 2, new Float32Array(100), x(), 1),
        gk.DTypeError,
        "argument 2",
        "400 bytes",
        "array",
      );
    }),
  );
});

describeJit("launches that a device does not take", () => {
  afterEach(staysUsable);
  const nothing = () => kernelOf("several.cu", "nothing");

  it("grids and blocks of zero, or of no whole number", () => {
    for (const bad of [0, [0], [1, 0], [1, 1, 0]]) {
      fails(() => nothing().launch({ grid: bad, block: 1 }), gk.GpukitError, "grid", "nothing");
      fails(() => nothing().launch({ grid: 1, block: bad }), gk.GpukitError, "block", "nothing");
    }
    for (const bad of [-1, 1.5, NaN, 2 ** 32, [1, -1], [1, 2, 3, 4], [], "1", null, undefined]) {
      fails(() => nothing().launch({ grid: bad as Any, block: 1 }), gk.GpukitError, "grid");
      fails(() => nothing().launch({ grid: 1, block: bad as Any }), gk.GpukitError, "block");
    }
    fails(() => nothing().launch(undefined as Any), gk.GpukitError, "{grid, block}");
    fails(() => nothing().launch(5 as Any), gk.GpukitError, "{grid, block}", "5");
  });

  it("grids and blocks that are too large", () => {
    fails(() => nothing().launch({ grid: [1, 65536], block: 1 }), gk.GpukitError, "65535");
    fails(() => nothing().launch({ grid: 2 ** 31, block: 1 }), gk.GpukitError, "2147483647");
    fails(() => nothing().launch({ grid: 1, block: 1025 }), gk.GpukitError, "1025", "1024");
    fails(() => nothing().launch({ grid: 1, block: [1, 1, 65] }), gk.GpukitError, "64");
    fails(() => nothing().launch({ grid: 1, block: [32, 33] }), gk.GpukitError, "1056", "1024");
  });

  it(
    "blocks beyond the launch bounds",
    scoped(() => {
      const reverse = kernelOf("shared.cu", "reverse");
      const x = gk.zeros(128, { dtype: "int32" });
      fails(() => reverse.launch({ grid: 1, block: 65 }, x, x), gk.GpukitError, "65", "64");
      fails(() => reverse.occupancy(65), gk.GpukitError, "65", "64");
    }),
  );

  it(
    "more shared memory than there is",
    scoped(() => {
      const last = kernelOf("shared.cu", "last");
      const most = last.attributes.maxSharedBytes, out = gk.zeros(1);
      const launch = (sharedBytes: number) => last.launch({ ...one, sharedBytes }, out, 1);
      fails(() => launch(most + 1), gk.GpukitError, `${most + 1}`, `${most}`);
      for (const bad of [-1, 0.5, NaN, 2 ** 32]) {
        fails(() => launch(bad), gk.GpukitError, "sharedBytes");
      }
      fails(() => last.occupancy(32, { sharedBytes: most + 1 }), gk.GpukitError, `${most}`);
      fails(() => last.occupancy(0), gk.GpukitError);
    }),
  );

  it("streams that are disposed, of another device, or none", () => {
    const gone = gk.stream();
    gone.dispose();
    using far = gk.stream({ device: "cpu" });
    fails(() => nothing().launch({ ...one, stream: gone }), gk.DisposedError, "stream");
    fails(() => nothing().launch({ ...one, stream: far }), gk.DeviceError, "stream");
    fails(() => nothing().launch({ ...one, stream: 1 as Any }), gk.GpukitError, "stream");
  });
});

describeJit("sources and names", () => {
  afterEach(staysUsable);
  const k = `extern "C" __global__ void k(int *x) {\n  x[0] = 1;\n}\n`;

  it("that are no strings", () => {
    fails(() => gk.jit(5 as Any, "k"), gk.GpukitError, "jit", "CUDA C++", "5");
    fails(() => gk.jit(new Uint8Array(4) as Any, "k"), gk.GpukitError, "gk.module");
    fails(() => gk.jit(k, undefined as Any), gk.GpukitError, "name");
    fails(() => gk.jit(k, []), gk.GpukitError, "name");
    fails(() => gk.jit(k, ["k", 1 as Any]), gk.GpukitError, "name", "1");
    fails(() => gk.jit(`${k}\0`, "k"), gk.GpukitError, "NUL");
    fails(() => gk.jit(k, "k\0"), gk.GpukitError, "NUL");
    fails(() => gk.jit(k, "k", { options: "-DX" as Any }), gk.GpukitError, "list");
    fails(() => gk.jit(k, "k", { options: [1 as Any] }), gk.GpukitError, "option", "1");
    fails(() => gk.jit(k, "k", { headers: 1 as Any }), gk.GpukitError, "headers");
    fails(() => gk.jit(k, "k", { headers: { a: 1 as Any } }), gk.GpukitError, "header");
    fails(() => gk.jit(k, "k", { device: "cuda:9" }), gk.DeviceError, "cuda:9");
    fails(() => gk.jit(k, "k", 5 as Any), gk.GpukitError, "options");
  });

  it("that do not compile: the log, the line and a caret", () => {
    let error: unknown;
    const wrong = `extern "C" __global__ void k(int *x) {\n  x[0] = 1;\n    y = 2;\n}\n`;
    try {
      gk.jit(wrong, "k", { fileName: "wrong.cu" });
    } catch (thrown) {
      error = thrown;
    }
    assert.ok(error instanceof gk.KernelCompileError, String(error));
    assert.equal(error.code, "KERNEL_COMPILE");
    assert.equal(error.op, "jit");
    assert.match(error.log, /wrong\.cu/);
    assert.match(error.log, /^ *y = 2;\n *\^/m);
    assert.match(error.message, /wrong\.cu.*3/s);
    assert.equal(error.line, 3);
    assert.equal(error.column, 5);
  });

  it("that do not compile: in templates, missing headers, unknown options", () => {
    const fails3 = (call: () => unknown, part: string) => fails(call, gk.KernelCompileError, part);
    const template = `template <typename T> __global__ void t(T *x) { x[0].nothing = 1; }`;
    fails3(() => gk.jit(template, "t<float>"), "nothing");
    fails3(() => gk.jit(`#include "missing.h"\n${k}`, "k"), "missing.h");
    fails3(() => gk.jit(k, "k", { options: ["--no-such-option"] }), "no-such-option");
    fails3(() => gk.jit("", "k"), "k");
  });

  it("kernels that are not there", () => {
    fails(() => gk.jit(k, "missing"), gk.GpukitError, "missing");
    fails(() => gk.jit(k, ["k", "missing"]), gk.GpukitError, "missing");
    fails(() => gk.jit(`__device__ int f() { return 1; }\n${k}`, "f"), gk.GpukitError, "f");
  });

  it("the same through jitAsync reject", async () => {
    await rejects(() => gk.jitAsync(5 as Any, "k"), gk.GpukitError, "jitAsync");
    await rejects(() => gk.jitAsync("int x = ;", "k"), gk.KernelCompileError);
    await rejects(() => gk.jitAsync(k, "missing"), gk.GpukitError, "missing");
  });
});

describeJit("jitAsync", () => {
  it("compiles many at once, while timers fire", async () => {
    const began = performance.now();
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const kernels = await Promise.all(Array.from({ length: 8 }, (_, i) => {
      const text = `// ${began}\nextern "C" __global__ void k(int *x) { x[0] = ${i}; }`;
      return gk.jitAsync(text, "k");
    }));
    clearInterval(timer);
    gk.scope(() => {
      for (const [i, kernel] of kernels.entries()) {
        const x = gk.zeros(1, { dtype: "int32" });
        kernel.launch(one, x);
        assert.equal(x.item(), i);
        kernel.dispose();
      }
    });
    assert.ok(ticks > 0);
  });

  it("gives one module to all who ask for the same, jit among them", async () => {
    const text = `// ${performance.now()}\n${source("several.cu")}`;
    const [a, b] = [gk.jitAsync(text, "nothing"), gk.jitAsync(text, "nothing")];
    const c = gk.jit(text, "nothing");
    const { module } = c;
    c.dispose();
    const kernels = await Promise.all([a, b]);
    assert.deepEqual(kernels.map((kernel) => kernel.module === module), [true, true]);
    const [d, e] = await gk.jitAsync(text, ["nothing", "iota"]);
    assert.equal(d.module, e.module);
    for (const kernel of [...kernels, d, e]) kernel.dispose();
    assert.ok(module.isDisposed);
  });

  it("some of which fail", async () => {
    const results = await Promise.allSettled([
      gk.jitAsync(`extern "C" __global__ void k() {}`, "k"),
      gk.jitAsync("no C++", "k"),
      gk.jitAsync("no C++", "k"),
      gk.jitAsync(`extern "C" __global__ void k(int) {}`, "k"),
    ]);
    assert.deepEqual(results.map((r) => r.status), [
      "fulfilled",
      "rejected",
      "rejected",
      "fulfilled",
    ]);
    staysUsable();
  });
});
