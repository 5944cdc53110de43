// sort and argsort against the CPU, bit for bit: every dtype with its special values, lengths around the borders
// of what a warp, a block and a tile take, several lines of several tiles, keys that agree in some or all
// bytes, views of any strides, graphs.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { noLeaks, scoped } from "../helpers.ts";

noLeaks();

const here = gk.defaultDevice();
const random = gk.random.generator(23);
const integers = [
  "int8",
  "uint8",
  "int16",
  "uint16",
  "int32",
  "uint32",
  "int64",
  "uint64",
] as const;
const floats = ["float16", "bfloat16", "float32", "float64"] as const;
const dtypes: readonly gk.DType[] = ["bool", ...integers, ...floats];

/** All bit patterns of the dtype are as likely; every tenth float is a special one. */
function anyBits(shape: number[], dtype: gk.DType): gk.NDArray {
  if (dtype === "bool") return gk.greater(random.normal(shape, { device: "cpu" }), 0);
  const size = shape.reduce((product, n) => product * n, 1);
  const bytes = random.randint(0, 256, [size * 8], { device: "cpu" }).astype("uint8").dataSync();
  const buffer = bytes.buffer as ArrayBuffer;
  const words = {
    int8: Int8Array,
    uint8: Uint8Array,
    int16: Int16Array,
    uint16: Uint16Array,
    int32: Int32Array,
    uint32: Uint32Array,
    int64: BigInt64Array,
    uint64: BigUint64Array,
    float16: Uint16Array,
    bfloat16: Uint16Array,
    float32: Float32Array,
    float64: Float64Array,
  } as Record<string, new (buffer: ArrayBuffer, offset: number, length: number) => gk.HostArray>;
  const a = gk.array(new words[dtype]!(buffer, 0, size), { dtype, device: "cpu" });
  if (dtype.includes("float")) {
    const special = [NaN, -NaN, Infinity, -Infinity, -0, 0];
    for (let i = 0; i < size; i += 10) a.set(special[i / 10 % special.length]!, i);
  }
  return a.reshape(shape);
}

/** Whole numbers from 0 to below `most`. */
function few(shape: number[], most: number, dtype: gk.DType): gk.NDArray {
  return random.randint(0, most, shape, { device: "cpu" }).astype(dtype);
}

function bytesOf(a: gk.NDArray): Uint8Array {
  const host = a.to("cpu").contiguous().dataSync() as ArrayBufferView;
  return new Uint8Array(host.buffer, host.byteOffset, host.byteLength);
}

function same(
  a: gk.NDArray,
  axis = -1,
  view: (x: gk.NDArray) => gk.NDArray = (x) => x,
  orders: readonly boolean[] = [false, true],
): void {
  const there = a.to(here);
  for (const descending of orders) {
    for (const op of [gk.sort, gk.argsort]) {
      const expected = op(view(a), { axis, descending });
      const actual = op(view(there), { axis, descending });
      const what = `${op.name} of (${a.shape}) ${a.dtype} along ${axis}, descending: ${descending}`;
      assert.deepEqual(actual.shape, expected.shape, what);
      const [x, y] = [bytesOf(actual), bytesOf(expected)];
      const first = x.findIndex((byte, i) => byte !== y[i]);
      assert.equal(first, -1, `${what}: byte ${first} of ${y.length} is the first that differs`);
    }
  }
}

describe("sort and argsort of every dtype", () => {
  for (const dtype of dtypes) {
    it(
      dtype,
      scoped(() => {
        same(anyBits([], dtype));
        same(anyBits([40, 1], dtype));
        same(anyBits([9, 20], dtype));
        same(anyBits([3, 300], dtype));
        same(anyBits([3000], dtype));
        same(anyBits([2, 8500], dtype));
        same(anyBits([4, 50, 3], dtype), 1);
        same(anyBits([1300, 4], dtype), 0);
        same(anyBits([60, 100], dtype), 0, (x) => x.at("::-3", "5::2"));
        same(anyBits([2, 9000, 2], dtype), 1, (x) => x.at("::-1", "::-1"), [true]);
      }),
    );
  }
});

describe("sort and argsort of lines", () => {
  // Of 32 bits, of 64, of keys with places.
  const lengths = [
    1,
    2,
    3,
    4,
    5,
    8,
    15,
    16,
    17,
    31,
    32,
    33,
    63,
    64,
    255,
    256,
    257,
    1023,
    1024,
    1025,
  ];
  const longer = [3839, 3840, 3841, 7680, 7681, 8063, 8064, 8065, 16128, 16129];
  for (const length of [...lengths, ...longer]) {
    it(
      `of ${length} elements`,
      scoped(() => {
        const orders = [length % 2 === 0];
        for (const dtype of ["float32", "int64"] as const) {
          same(anyBits([length], dtype), 0, undefined, orders);
          same(few([3, length], 3, dtype), 1, undefined, orders);
        }
      }),
    );
  }

  it(
    "with many more lines than a block has",
    scoped(() => {
      same(few([5001, 3], 5, "int16"), 1, undefined, [false]);
      same(few([400, 70], 50, "float32"), 1, undefined, [false]);
      same(few([9, 8200], 1000, "float32"), 1, undefined, [false]);
    }),
  );

  it(
    "of more tiles than look back at a time",
    scoped(() => {
      same(anyBits([150_000], "float32"), 0, undefined, [false]);
      same(anyBits([60_000], "float64"), 0, undefined, [true]);
      same(few([100_000], 7, "bfloat16"), 0, undefined, [true]);
    }),
  );

  it(
    "of a million elements",
    scoped(() => {
      const count = 1_000_000, ordered = gk.arange(count, { dtype: "int64" });
      const shuffled = gk.remainder(gk.mul(ordered, 7919), count).astype("int32");
      const order = gk.argsort(shuffled), sorted = gk.sort(shuffled);
      assert.equal(gk.all(gk.equal(sorted, ordered)).item(), true);
      assert.equal(gk.all(gk.equal(gk.take(shuffled, order), ordered)).item(), true);
    }),
  );
});

describe("keys that agree", () => {
  for (const length of [2000, 10_000]) {
    it(
      `in bytes of their own in each of several lines of ${length}`,
      scoped(() => {
        for (const dtype of ["int64", "int32", "uint16"] as const) {
          const size = dtype === "uint16" ? 2 : dtype === "int32" ? 4 : 8;
          const rows: gk.NDArray[] = [gk.zeros([length], { dtype, device: "cpu" })];
          for (let byte = 0; byte < size; byte++) {
            const scale = gk.full([], 2 ** (8 * byte), { dtype, device: "cpu" });
            rows.push(gk.mul(few([length], 100, dtype), scale));
          }
          rows.push(gk.add(rows[1]!, rows[size]!), gk.add(rows[1]!, rows[size - 1]!));
          rows.push(gk.sub(rows[0]!, gk.add(rows[1]!, 1)));
          same(gk.stack(rows), 1, undefined, [size === 4]);
        }
      }),
    );
  }

  it(
    "keep their order",
    scoped(() => {
      for (const length of [30, 900, 5000, 20_000]) {
        for (const dtype of ["uint8", "float32", "float64"] as const) {
          const zeros = gk.argsort(gk.zeros([length], { dtype }), { descending: true });
          assert.equal(gk.all(gk.equal(zeros, gk.arange(length, { dtype: "int64" }))).item(), true);
          same(few([length], 4, dtype));
        }
      }
      const signed = gk.array([0, -0, 0, -0], { device: "cpu" });
      same(signed);
      same(gk.tile(signed, 600));
      same(gk.tile(signed, 3000));
    }),
  );
});

describe("results", () => {
  it(
    "go into views",
    scoped(() => {
      for (const length of [20, 700, 9000]) {
        const a = anyBits([length, 3], "float32"), there = a.to(here);
        const room = gk.zeros([3, 2 * length]),
          places = gk.zeros([3, 2 * length], { dtype: "int64" });
        const out = room.at(":", "::-2").T as gk.NDArray<"float32">;
        gk.sort(there, { axis: 0, out });
        assert.deepEqual(bytesOf(out), bytesOf(gk.sort(a, { axis: 0 })));
        assert.equal(gk.any(room.at(":", "::2")).item(), false);
        const order = places.at(":", "1::2").T as gk.NDArray<"int64">;
        gk.argsort(there, { axis: 0, out: order });
        assert.deepEqual(bytesOf(order), bytesOf(gk.argsort(a, { axis: 0 })));
        assert.equal(gk.any(places.at(":", "::2")).item(), false);
      }
    }),
  );

  it(
    "are recorded in graphs",
    scoped(() => {
      const a = few([20_000], 1 << 20, "int64").to(here);
      using graph = gk.graph(() => [gk.sort(a), gk.argsort(a)]);
      for (let round = 0; round < 2; round++) {
        a.copyFrom(few([20_000], round ? 200 : 1 << 30, "int64").to(here));
        graph.launch();
        const [sorted, order] = graph.outputs as gk.NDArray[];
        assert.deepEqual(bytesOf(sorted!), bytesOf(gk.sort(a.to("cpu"))));
        assert.deepEqual(bytesOf(order!), bytesOf(gk.argsort(a.to("cpu"))));
      }
    }),
  );
});
