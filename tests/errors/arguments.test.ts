// Bad arguments of every kind: each gives its typed error, and nothing else changes.

import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { fails, leavesOthersIntact } from "./expect.ts";

// What TypeScript would not let through, but JavaScript does.
// deno-lint-ignore no-explicit-any
const any = (x: unknown): any => x;

leavesOthersIntact();

describe("sizes and shapes", () => {
  const sizes = [NaN, -1, 1.5, Infinity, -Infinity, 2 ** 53, 2 ** 53 + 2];
  for (const make of [gk.zeros, gk.ones, gk.empty]) {
    it(`${make.name} refuses sizes that are none`, () => {
      for (const size of sizes) {
        fails(() => make([size]), gk.ShapeError, make.name);
        fails(() => make([2, size]), gk.ShapeError);
      }
    });
  }

  it("a huge size is out of memory, at once", () => {
    fails(() => gk.zeros([2 ** 40]), gk.OutOfMemoryError, "zeros", /bytes/);
    fails(() => gk.zeros([2 ** 53 - 1]), gk.OutOfMemoryError);
    fails(() => gk.zeros([2 ** 30, 2 ** 30]), gk.OutOfMemoryError);
    fails(() => gk.arange(1e15), gk.OutOfMemoryError);
  });

  it("shapes of other kinds", () => {
    for (const shape of ["3", null, {}, [["2"]], ["2"], [null], [2n]]) {
      fails(() => gk.zeros(any(shape)), gk.GpukitError);
    }
    fails(() => gk.zeros([1, 1, 1, 1, 1, 1, 1, 1, 1]), gk.ShapeError, "9");
  });

  it("reshape names both shapes", () => {
    gk.scope(() => {
      const a = gk.zeros([2, 3]);
      fails(() => a.reshape([4, 2]), gk.ShapeError, "reshape", "[2, 3]", "[4, 2]");
      fails(() => a.reshape([-1, -1]), gk.ShapeError);
      fails(() => a.reshape([-1, 4]), gk.ShapeError);
      fails(() => a.reshape([-2, -3]), gk.GpukitError);
      fails(() => a.reshape(any("6")), gk.GpukitError);
    });
  });
});

describe("axes", () => {
  it("out of range, fractional, repeated, of another kind", () => {
    gk.scope(() => {
      const a = gk.zeros([2, 3]);
      for (const axis of [2, -3, 1e10]) {
        fails(() => gk.sum(a, { axis }), gk.ShapeError, "sum", "axis", "2 dimensions");
        fails(() => gk.cumsum(a, { axis }), gk.ShapeError, "cumsum");
        fails(() => gk.sort(a, { axis }), gk.ShapeError, "sort");
        fails(() => gk.take(a, [0], { axis }), gk.ShapeError, "take");
        fails(() => a.swapaxes(0, axis), gk.ShapeError);
        fails(() => a.flip(axis), gk.ShapeError);
      }
      for (const axis of [NaN, 0.5, Infinity, "0", {}]) {
        fails(() => gk.sum(a, { axis: any(axis) }), gk.GpukitError);
      }
      fails(() => gk.sum(a, { axis: [0, 0] }), gk.ShapeError, "twice");
      fails(() => gk.sum(a, { axis: [0, -2] }), gk.ShapeError, "twice");
      fails(() => a.transpose([0]), gk.ShapeError);
      fails(() => a.transpose([0, 0]), gk.ShapeError);
      fails(() => a.squeeze(0), gk.ShapeError);
      fails(() => gk.max(gk.zeros([0, 3]), { axis: 0 }), gk.ShapeError, "max", "[0, 3]");
      fails(() => gk.argmin(gk.zeros([0])), gk.ShapeError, "argmin");
    });
  });
});

describe("dtypes", () => {
  it("unknown ones", () => {
    for (const dtype of ["float", "float128", "", 12, {}, "toString", "__proto__"]) {
      fails(() => gk.zeros([2], { dtype: any(dtype) }), gk.GpukitError);
      fails(() => gk.array([1], { dtype: any(dtype) }), gk.GpukitError);
    }
  });

  it("that an op does not take", () => {
    gk.scope(() => {
      const mask = gk.array([true, false]);
      fails(() => gk.neg(mask), gk.DTypeError, "neg", "bool", "astype");
      fails(() => gk.sub(mask, mask), gk.DTypeError, "sub", "bool");
      const z = gk.zeros([2], { dtype: "complex64" });
      fails(() => gk.less(z, z), gk.DTypeError, "less", "complex64");
      fails(() => gk.max(z), gk.DTypeError, "max", "complex64");
      fails(() => gk.sort(z), gk.DTypeError, "sort", "complex64");
      fails(() => gk.random.uniform([2], { dtype: any("int32") }), gk.DTypeError);
    });
  });

  it("that have no common one", () => {
    gk.scope(() => {
      const u = gk.zeros([2], { dtype: "uint64" });
      for (const dtype of ["int8", "int16", "int32", "int64"] as const) {
        const i = gk.zeros([2], { dtype });
        fails(() => gk.add(u, i), gk.DTypeError, "add", "uint64", dtype, "astype");
      }
    });
  });

  it("numbers that an integer array cannot hold", () => {
    gk.scope(() => {
      const a = gk.zeros([2], { dtype: "int8" });
      for (const value of [0.5, 128, -129, NaN, Infinity]) {
        fails(() => gk.add(a, value), gk.DTypeError, "add", "int8", "astype");
        fails(() => gk.add(value, a), gk.DTypeError);
      }
      fails(() => gk.add(gk.zeros([2], { dtype: "uint8" }), -1), gk.DTypeError);
      fails(() => gk.mul(gk.array([true]), 2), gk.DTypeError, "bool");
      fails(() => gk.add(a, 2n ** 70n), gk.DTypeError, "64 bits");
    });
  });
});

describe("operands", () => {
  it("of other kinds", () => {
    gk.scope(() => {
      const a = gk.zeros([2]);
      for (const other of [undefined, null, "1", {}, [1, 2], new Float32Array(2), () => 1]) {
        fails(() => gk.add(a, any(other)), gk.GpukitError, "add");
        fails(() => gk.add(any(other), a), gk.GpukitError, "add");
        fails(() => gk.neg(any(other)), gk.GpukitError, "neg");
        fails(() => gk.sum(any(other)), gk.GpukitError, "sum");
        fails(() => gk.matmul(a, any(other)), gk.GpukitError, "matmul");
      }
    });
  });

  it("+ on arrays names gk.add", () => {
    gk.scope(() => {
      const a = gk.zeros([2]);
      fails(() => any(a) + any(a), gk.GpukitError, "gk.add");
      fails(() => any(a) * 2, gk.GpukitError);
    });
  });

  it("that do not broadcast or multiply", () => {
    gk.scope(() => {
      const a = gk.zeros([2, 3]), b = gk.zeros([4]);
      fails(() => gk.add(a, b), gk.ShapeError, "add", "[2, 3]", "[4]", "float32");
      fails(() => gk.where(gk.greater(a, 0), a, b), gk.ShapeError, "where");
      fails(() => gk.matmul(a, a), gk.ShapeError, "matmul", "[2, 3]");
      fails(() => gk.matmul(a, gk.zeros([])), gk.ShapeError, "dimension");
      fails(() => gk.matmul(gk.zeros([2, 1, 3]), gk.zeros([3, 3, 1])), gk.ShapeError);
      fails(() => a.broadcastTo([3, 2]), gk.ShapeError, "[2, 3]", "[3, 2]");
    });
  });

  it("an error says what came in", () => {
    gk.scope(() => {
      try {
        gk.add(gk.zeros([2, 3]), gk.zeros([4], { dtype: "int32" }));
      } catch (error) {
        const { op, code, operands } = error as gk.GpukitError;
        const found = JSON.stringify({ op, code, operands });
        const wanted = JSON.stringify({
          op: "add",
          code: "SHAPE",
          operands: [{ shape: [2, 3], dtype: "float32" }, { shape: [4], dtype: "int32" }],
        });
        if (found !== wanted) throw new Error(found);
        return;
      }
      throw new Error("add did not throw");
    });
  });
});

describe("out", () => {
  it("of another shape, dtype or kind", () => {
    gk.scope(() => {
      const a = gk.zeros([2, 3]);
      fails(() => gk.add(a, a, { out: gk.zeros([3, 2]) }), gk.ShapeError, "out", "[3, 2]");
      fails(() => gk.add(a, a, { out: gk.zeros([2, 3], { dtype: "float64" }) }), gk.DTypeError);
      fails(() => gk.less(a, a, { out: gk.zeros([2, 3]) }), gk.DTypeError, "out", "bool");
      fails(() => gk.sum(a, { out: gk.zeros([2]) }), gk.ShapeError, "sum");
      fails(() => gk.add(a, a, { out: any({}) }), gk.GpukitError);
      fails(() => gk.add(a, a, { out: any(null) }), gk.GpukitError);
    });
  });

  it("that overlaps an operand or itself", () => {
    gk.scope(() => {
      const a = gk.arange(10);
      fails(() => gk.add(a.at("1:"), 1, { out: a.at(":-1") }), gk.GpukitError, "overlap");
      fails(() => gk.add(a, 1, { out: a.at("::-1") }), gk.GpukitError, "overlap");
      fails(() => gk.sort(a, { out: a }), gk.GpukitError, "overlap");
      fails(() => gk.cumsum(a, { out: a }), gk.GpukitError, "overlap");
      const row = gk.zeros([3]).broadcastTo([2, 3]);
      fails(() => gk.add(gk.zeros([2, 3]), 1, { out: row }), gk.GpukitError, "broadcast");
      gk.add(a, 1, { out: a }); // the identical view is allowed
    });
  });
});

describe("indices", () => {
  it("of at()", () => {
    gk.scope(() => {
      const a = gk.zeros([2, 3]);
      fails(() => a.at(2), gk.IndexError, "at", "index 2", "axis 0");
      fails(() => a.at(0, -4), gk.IndexError, "axis 1");
      fails(() => a.at(0, 0, 0), gk.IndexError);
      fails(() => a.at("::0"), gk.GpukitError, "step");
      fails(() => a.at("...", "..."), gk.GpukitError);
      for (
        const bad of ["a", "1:2:3:4", "1.5", "", "1:b", any(1.5), any(NaN), any({}), any(true)]
      ) {
        fails(() => a.at(bad), gk.GpukitError);
      }
    });
  });

  it("of item() and iteration", () => {
    gk.scope(() => {
      fails(() => gk.zeros([2]).item(), gk.ShapeError, "item", "[2]");
      fails(() => [...gk.zeros([])], gk.GpukitError);
      fails(() => gk.array(2n ** 60n).item(), gk.GpukitError, "bigint");
    });
  });

  it("on the device: read as 0, raised once at the next synchronisation", () => {
    gk.scope(() => {
      const a = gk.arange(5);
      const taken = gk.take(a, gk.array([1, 7, -6, 2], { dtype: "int32" }));
      fails(() => taken.dataSync(), gk.IndexError, "take", /7|-6/, "5");
      const data = taken.dataSync();
      if (data.join() !== "1,0,0,2") throw new Error(data.join());
    });
  });
});

describe("disposed things", () => {
  it("arrays", () => {
    const a = gk.zeros([2]), b = gk.ones([2]);
    a.dispose();
    a.dispose(); // twice is fine
    fails(() => gk.add(a, b), gk.DisposedError, "add");
    fails(() => gk.add(b, a), gk.DisposedError);
    fails(() => gk.add(b, b, { out: a }), gk.DisposedError);
    fails(() => a.dataSync(), gk.DisposedError);
    fails(() => a.at(0), gk.DisposedError);
    fails(() => a.reshape([2, 1]), gk.DisposedError);
    fails(() => gk.sum(a), gk.DisposedError);
    fails(() => a.item(), gk.DisposedError);
    if (!a.isDisposed || b.isDisposed) throw new Error("isDisposed");
    b.dispose();
  });

  it("arrays whose scope has ended", () => {
    let inner: gk.NDArray | undefined;
    gk.scope(() => {
      inner = gk.zeros([2]);
    });
    fails(() => gk.add(inner!, 1), gk.DisposedError, "add");
  });

  it("streams, events, graphs, generators", () => {
    gk.scope(() => {
      const s = gk.stream(), other = gk.stream(), a = gk.zeros([2]);
      const event = s.record();
      s.dispose();
      fails(() => gk.add(a, 1, { stream: s }), gk.DisposedError);
      fails(() => s.run(() => a), gk.DisposedError);
      fails(() => s.record(), gk.DisposedError);
      event.dispose();
      fails(() => other.wait(event), gk.DisposedError);
      other.dispose();
      const g = gk.graph(() => gk.add(a, 1));
      g.dispose();
      fails(() => g.launch(), gk.DisposedError);
      fails(() => gk.add(a, 1, { stream: any({}) }), gk.GpukitError);
    });
  });
});

describe("data", () => {
  it("ragged or mixed lists", () => {
    fails(() => gk.array(any([[1, 2], [3]])), gk.ShapeError);
    fails(() => gk.array(any([1, [2]])), gk.ShapeError);
    fails(() => gk.array(any([1, "2"])), gk.GpukitError);
    fails(() => gk.array(any([1, 2n])), gk.DTypeError);
    fails(() => gk.array(any([undefined])), gk.GpukitError);
    fails(() => gk.array(any("abc")), gk.GpukitError);
    fails(() => gk.array([1, 2, 3], { shape: [2, 2] }), gk.ShapeError, "[2, 2]");
  });

  it("into a host array that does not fit", () => {
    gk.scope(() => {
      const a = gk.zeros([4]);
      fails(() => a.dataSync({ into: new Float32Array(3) }), gk.GpukitError);
      fails(() => a.dataSync({ into: any(new Float64Array(4)) }), gk.GpukitError);
      fails(() => a.dataSync({ into: any({}) }), gk.GpukitError);
    });
  });

  it("devices that are not there", () => {
    fails(() => gk.device("cuda:70"), gk.DeviceError, "cuda:70");
    fails(() => gk.zeros([2], { device: "tpu" }), gk.DeviceError);
    fails(() => gk.setDefaultDevice("cuda:70"), gk.DeviceError);
  });

  it("a plain function that returns a promise", () => {
    fails(() => gk.scope(() => Promise.resolve(1)), gk.GpukitError, "async");
    const s = gk.stream();
    fails(() => s.run(() => Promise.resolve(1)), gk.GpukitError, "async");
    s.dispose();
  });

  it("reading inside a graph", () => {
    gk.scope(() => {
      const a = gk.zeros([2]);
      fails(() => gk.graph(() => gk.add(a, 1).dataSync()), gk.UnsupportedError, "graph");
      fails(() => gk.graph(() => gk.graph(() => a)), gk.UnsupportedError);
      fails(() => gk.graph(any(() => Promise.resolve(a))), gk.GpukitError);
      gk.add(a, 1); // recording has ended
    });
  });
});
