// The program that isa.cpu.test.ts runs on every instruction set. It prints a hash of dtypes, shapes and
// bytes for each op and dtype, in groups by where the bits must be the same, and the results of
// transcendental functions themselves.

import { Buffer } from "node:buffer";
import { createHash, type Hash } from "node:crypto";
import * as gk from "../../mod.ts";

/** Where results have the same bits. */
export type Group =
  /** On every set, with any number of threads. */
  | "everywhere"
  /** On one set with any number of threads. */
  | "threads";

/** What the program prints. */
export interface Report {
  readonly isa: string;
  readonly hashes: Record<Group, Record<string, string>>;
  readonly close: readonly (readonly [dtype: "float32" | "float64", base64: string])[];
}

const hashes: Record<Group, Record<string, Hash>> = { everywhere: {}, threads: {} };

function say(group: Group, op: string, a: gk.NDArray): void {
  const hash = hashes[group][op] ??= createHash("sha256");
  const host = a.dataSync();
  hash.update(`${a.dtype} ${a.shape}`);
  hash.update(new Uint8Array(host.buffer));
}

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
const isFloat = (dtype: gk.DType) => dtype.includes("float");

// Odd lengths have remainders of vectors; threads share the largest.
const lengths = [1, 7, 63, 129, 1000, 70_001];
const layouts: ((a: gk.NDArray) => gk.NDArray)[] = [
  (a) => a,
  (a) => a.at("::2"),
  (a) => a.flip(),
];

function elementwise(dtype: gk.DType, a: gk.NDArray, b: gk.NDArray): void {
  const same = (op: string, made: gk.NDArray) => say("everywhere", `${op} ${dtype}`, made);
  for (const op of ["add", "mul", "maximum", "minimum", "logicalAnd", "logicalXor"] as const) {
    same(op, gk[op](a, b));
  }
  for (const op of ["equal", "less", "greaterEqual"] as const) same(op, gk[op](a, b));
  same("where", gk.where(gk.less(a, b), a, b));
  same("div", gk.div(a, gk.add(b, 1)));
  same("sqrt", gk.sqrt(gk.abs(a)));
  for (const to of [...integers, ...floats, "bool"] as const) same(`to ${to} from`, a.astype(to));
  if (dtype === "bool") return;
  same("sub", gk.sub(a, b));
  same("neg", gk.neg(a));
  same("fma", gk.fma(a, b, a));
  same("clip", gk.clip(a, 3, 90));
  for (const op of ["floorDivide", "remainder", "fmod"] as const) {
    same(op, gk[op](a, b));
    same(op, gk[op](b, 7));
  }
  same("isclose", gk.isclose(a, b, { atol: 3 }));
  for (const op of ["floor", "ceil", "round", "trunc"] as const) same(op, gk[op](a));
  if (isFloat(dtype)) {
    for (const op of ["round", "ceil", "trunc"] as const) same(op, gk[op](gk.div(a, 4)));
    return;
  }
  for (const op of ["bitwiseXor", "leftShift", "rightShift", "pow"] as const) {
    same(op, gk[op](a, b));
  }
}

function others(dtype: gk.DType, a: gk.NDArray, b: gk.NDArray): void {
  const same = (op: string, made: gk.NDArray) => say("everywhere", `${op} ${dtype}`, made);
  same("sort", gk.sort(a));
  same("argsort", gk.argsort(a, { descending: true }));
  same("take", gk.take(a, gk.argsort(b)));
  for (const op of ["max", "min", "argmax", "argmin", "any", "all"] as const) same(op, gk[op](a));
  if (isFloat(dtype)) return;
  for (const op of ["sum", "cumsum", "prod"] as const) same(op, gk[op](a));
}

function sums(dtype: gk.DType, x: gk.NDArray): void {
  for (const op of ["sum", "mean", "cumsum"] as const) say("threads", `${op} ${dtype}`, gk[op](x));
  say("threads", `prod ${dtype}`, gk.prod(gk.add(gk.mul(x, 0.001), 1)));
}

function vectors(): void {
  for (const n of lengths) {
    for (const dtype of ["bool", ...integers, ...floats] as const) {
      for (const layout of layouts) {
        gk.scope(() => {
          // So few different values that sorts have equal ones.
          const low = isFloat(dtype) ? -100 : 0;
          const draw = () => layout(gk.random.randint(low, 120, n).astype(dtype));
          const [a, b] = [draw(), draw()];
          elementwise(dtype, a, b);
          others(dtype, a, b);
          if (!isFloat(dtype)) return;
          // Here every bit of the numbers counts.
          const x = layout(gk.random.uniform(n, { low: -3, high: 3, dtype }));
          elementwise(dtype, x, gk.mul(x, x));
          others(dtype, x, gk.mul(x, x));
          sums(dtype, x);
        });
      }
    }
  }
}

/** Arrays so large that every op is shared between threads. */
function large(): void {
  for (const dtype of ["float32", "float64", "int32"] as const) {
    gk.scope(() => {
      const x = gk.random.uniform([3, 500_009], { low: -3, high: 3, dtype: "float64" }).astype(
        dtype,
      );
      const exact = isFloat(dtype) ? "threads" : "everywhere";
      for (const op of ["sum", "cumsum", "prod"] as const) say(exact, `${op} ${dtype}`, gk[op](x));
      for (const axis of [0, 1]) say(exact, `sum of axis ${dtype}`, gk.sum(x, { axis }));
      for (const op of ["max", "argmin"] as const) say("everywhere", `${op} ${dtype}`, gk[op](x));
      say("everywhere", `fma ${dtype}`, gk.fma(x, x, x.flip()));
      say("everywhere", `sort ${dtype}`, gk.sort(x.at(":", "::3")));
      say("threads", `exp ${dtype}`, gk.exp(x));
    });
  }
}

function complexNumbers(): void {
  for (const n of lengths) {
    const parts = () => gk.random.uniform(2 * n, { low: -1 }).dataSync();
    const draw = () => gk.array(parts(), { dtype: "complex64" });
    for (const layout of layouts) {
      const [a, b] = [layout(draw()), layout(draw())];
      for (const op of ["add", "sub", "mul", "equal"] as const) {
        say("everywhere", `${op} complex64`, gk[op](a, b));
      }
    }
  }
}

function matrices(): void {
  for (const [m, k, n] of [[1, 300, 70], [5, 7, 3], [130, 257, 65], [300, 300, 300]] as const) {
    gk.scope(() => {
      for (const dtype of floats) {
        const a = gk.random.uniform([m, k]).astype(dtype);
        const b = gk.random.uniform([n, k]).astype(dtype);
        say("threads", `matmul ${dtype}`, gk.matmul(a, b.T));
        for (const axis of [0, 1]) say("threads", `sum of axis ${dtype}`, gk.sum(a, { axis }));
      }
      for (const dtype of ["int8", "uint8", "int32", "int64"] as const) {
        const draw = (shape: number[]) =>
          gk.random.randint(dtype === "uint8" ? 0 : -90, 90, shape).astype(dtype);
        say("everywhere", `matmul ${dtype}`, gk.matmul(draw([m, k]), draw([k, n])));
        for (const axis of [0, 1]) {
          say("everywhere", `sum of axis ${dtype}`, gk.sum(draw([m, k]), { axis }));
        }
      }
    });
  }
}

function randomNumbers(): void {
  const same = (op: string, made: gk.NDArray) => say("everywhere", op, made);
  for (const dtype of floats) same(`uniform ${dtype}`, gk.random.uniform([3, 20_001], { dtype }));
  for (const dtype of ["int64", "int32", "uint8"] as const) {
    same(`randint ${dtype}`, gk.random.randint(0, 200, 9999, { dtype }));
  }
  same("permutation", gk.random.permutation(5000));
  same("bernoulli", gk.random.bernoulli(0.3, [777]));
  same("choice", gk.random.choice(50, { shape: [400] }));
}

function transcendental(): [dtype: "float32" | "float64", base64: string][] {
  const results: [dtype: "float32" | "float64", base64: string][] = [];
  for (const dtype of ["float32", "float64"] as const) {
    const u = gk.random.uniform(4001, { low: -20, high: 20, dtype });
    const normal = gk.random.normal(3001, { dtype });
    for (const a of [gk.exp(u), gk.log(gk.abs(u)), gk.tanh(u), normal]) {
      say("threads", `transcendental ${dtype}`, a);
      results.push([dtype, Buffer.from(a.dataSync().buffer).toString("base64")]);
    }
  }
  return results;
}

gk.random.seed(7);
vectors();
large();
gk.scope(complexNumbers);
matrices();
gk.scope(randomNumbers);
const close = gk.scope(transcendental);
const digests = (group: Group) =>
  Object.fromEntries(Object.entries(hashes[group]).map(([op, hash]) => [op, hash.digest("hex")]));
const report: Report = {
  isa: gk.device("cpu").info["isa"]!,
  hashes: { everywhere: digests("everywhere"), threads: digests("threads") },
  close,
};
console.log(JSON.stringify(report));
