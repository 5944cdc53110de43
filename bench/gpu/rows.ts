// The rows of the GPU benchmark, on arrays of `bytes` bytes: ops that are bound by memory, against what the
// device's own copy reaches, and sorts, scans and transforms, against CuPy, which calls CUB and cuFFT. The same
// in PyTorch and CuPy beside them.

import * as gk from "../../mod.ts";

/** Python source that is timed; the operands are those of `operands` in peers.py. */
export interface Row {
  readonly name: string;
  /** Bytes that must be read and written, in units of the size of an operand; none: not bound by them. */
  readonly traffic?: number;
  /** The share of the copy's bandwidth that must be reached; none: for information. */
  readonly goal?: number;
  /** The share of a peer's speed that must be reached. */
  readonly beside?: { readonly peer: "torch" | "cupy"; readonly goal: number };
  readonly call: (o: Operands) => unknown;
  readonly torch?: string;
  readonly cupy?: string;
}

/** Made once: all rows share them. Each has `bytes` bytes, but for `mask` and what is small. */
export interface Operands {
  readonly a: gk.NDArray<"float32">;
  readonly b: gk.NDArray<"float32">;
  readonly out: gk.NDArray<"float32">;
  /** Square, of the same storage as `a`, `b` and `out`. */
  readonly square: gk.NDArray<"float32">;
  readonly squareOut: gk.NDArray<"float32">;
  readonly row: gk.NDArray<"float32">;
  readonly mask: gk.NDArray<"bool">;
  readonly half: gk.NDArray<"float16">;
  readonly halfOut: gk.NDArray<"float16">;
  /** `b` in order. */
  readonly sorted: gk.NDArray<"float32">;
  /** Complex numbers: a transform of up to 2^20 points in each row, and of 1024. */
  readonly signal: gk.NDArray<"complex64">;
  readonly frames: gk.NDArray<"complex64">;
}

/** `bytes` is a square number of float32: 256 MB are 8192 x 8192. */
export function makeOperands(bytes: number): Operands {
  const n = bytes / 4;
  const side = Math.sqrt(n);
  if (!Number.isInteger(side)) throw new RangeError(`${bytes} bytes are no square of float32`);
  const g = gk.random.generator(1);
  const flat = () => g.uniform([n], { low: -1, high: 1 });
  const [a, b, out] = [flat(), flat(), gk.empty([n])];
  const half = g.uniform([2 * n], { low: -1, high: 1, dtype: "float16" });
  const points = n / 2;
  const long = Math.min(points, 2 ** 20);
  const signal = gk.astype(a.at(`0:${points}`), "complex64").reshape([points / long, long]);
  return {
    a,
    b,
    out,
    square: a.reshape([side, side]),
    squareOut: out.reshape([side, side]),
    row: g.uniform([side], { low: -1, high: 1 }),
    mask: gk.greater(b, 0),
    half,
    halfOut: gk.emptyLike(half),
    sorted: gk.sort(b),
    signal,
    frames: signal.reshape([points / 1024, 1024]),
  };
}

const elementwise = 0.93;
const reduction = 0.9;

export const rows: readonly Row[] = [
  {
    name: "copy",
    traffic: 2,
    call: ({ a, out }) => out.copyFrom(a),
    torch: "out.copy_(a)",
    cupy: "cp.copyto(out, a)",
  },
  {
    name: "add(a, b)",
    traffic: 3,
    goal: elementwise,
    call: ({ a, b, out }) => gk.add(a, b, { out }),
    torch: "torch.add(a, b, out=out)",
    cupy: "cp.add(a, b, out=out)",
  },
  {
    name: "mul(a, 2)",
    traffic: 2,
    goal: elementwise,
    call: ({ a, out }) => gk.mul(a, 2, { out }),
    torch: "torch.mul(a, 2, out=out)",
    cupy: "cp.multiply(a, 2, out=out)",
  },
  {
    name: "fma(a, b, a)",
    traffic: 3,
    goal: elementwise,
    call: ({ a, b, out }) => gk.fma(a, b, a, { out }),
    torch: "torch.addcmul(a, a, b, out=out)",
  },
  {
    name: "exp(a)",
    traffic: 2,
    goal: elementwise,
    call: ({ a, out }) => gk.exp(a, { out }),
    torch: "torch.exp(a, out=out)",
    cupy: "cp.exp(a, out=out)",
  },
  {
    name: "where(mask, a, b)",
    traffic: 3.25,
    goal: elementwise,
    call: ({ mask, a, b, out }) => gk.where(mask, a, b, { out }),
    torch: "torch.where(mask, a, b, out=out)",
  },
  {
    name: "mul(half, 2)",
    traffic: 2,
    goal: elementwise,
    call: ({ half, halfOut }) => gk.mul(half, 2, { out: halfOut }),
    torch: "torch.mul(half, 2, out=half_out)",
    cupy: "cp.multiply(half, 2, out=half_out)",
  },
  {
    name: "add(square, row)",
    traffic: 2,
    call: ({ square, row, squareOut }) => gk.add(square, row, { out: squareOut }),
    torch: "torch.add(square, row, out=square_out)",
    cupy: "cp.add(square, row, out=square_out)",
  },
  {
    name: "copy of the transpose",
    traffic: 2,
    call: ({ square, squareOut }) => squareOut.copyFrom(square.T),
    torch: "square_out.copy_(square.T)",
    cupy: "cp.copyto(square_out, square.T)",
  },
  {
    name: "sum(a)",
    traffic: 1,
    goal: reduction,
    call: ({ a }) => gk.sum(a).dispose(),
    torch: "torch.sum(a)",
    cupy: "cp.sum(a)",
  },
  {
    name: "max(a)",
    traffic: 1,
    goal: reduction,
    call: ({ a }) => gk.max(a).dispose(),
    torch: "torch.amax(a)",
    cupy: "cp.max(a)",
  },
  {
    name: "argmax(a)",
    traffic: 1,
    goal: reduction,
    call: ({ a }) => gk.argmax(a).dispose(),
    torch: "torch.argmax(a)",
    cupy: "cp.argmax(a)",
  },
  {
    name: "mean(half)",
    traffic: 1,
    goal: reduction,
    call: ({ half }) => gk.mean(half).dispose(),
    torch: "torch.mean(half)",
    cupy: "cp.mean(half)",
  },
  {
    name: "sum(square, rows)",
    traffic: 1,
    goal: reduction,
    call: ({ square }) => gk.sum(square, { axis: 1 }).dispose(),
    torch: "torch.sum(square, 1)",
    cupy: "cp.sum(square, 1)",
  },
  {
    name: "sum(square, columns)",
    traffic: 1,
    goal: reduction,
    call: ({ square }) => gk.sum(square, { axis: 0 }).dispose(),
    torch: "torch.sum(square, 0)",
    cupy: "cp.sum(square, 0)",
  },
  {
    name: "cumsum(a)",
    traffic: 2,
    beside: { peer: "cupy", goal: 0.8 },
    call: ({ a, out }) => gk.cumsum(a, { out }),
    torch: "torch.cumsum(a, 0, out=out)",
    cupy: "cp.cumsum(a, out=out)",
  },
  {
    name: "cumsum(square, rows)",
    traffic: 2,
    call: ({ square, squareOut }) => gk.cumsum(square, { axis: 1, out: squareOut }),
    torch: "torch.cumsum(square, 1, out=square_out)",
    cupy: "cp.cumsum(square, 1, out=square_out)",
  },
  {
    name: "cumsum(square, columns)",
    traffic: 2,
    call: ({ square, squareOut }) => gk.cumsum(square, { axis: 0, out: squareOut }),
    torch: "torch.cumsum(square, 0, out=square_out)",
    cupy: "cp.cumsum(square, 0, out=square_out)",
  },
  {
    name: "sort(a)",
    beside: { peer: "cupy", goal: 0.7 },
    call: ({ a }) => gk.sort(a).dispose(),
    torch: "torch.sort(a)",
    cupy: "cp.sort(a)",
  },
  {
    name: "argsort(a)",
    call: ({ a }) => gk.argsort(a).dispose(),
    torch: "torch.argsort(a)",
    cupy: "cp.argsort(a)",
  },
  {
    name: "sort(square, rows)",
    call: ({ square }) => gk.sort(square, { axis: 1 }).dispose(),
    torch: "torch.sort(square, 1)",
    cupy: "cp.sort(square, 1)",
  },
  {
    name: "topk(square, 50)",
    call: ({ square }) => {
      const { values, indices } = gk.topk(square, 50);
      values.dispose();
      indices.dispose();
    },
    torch: "torch.topk(square, 50)",
  },
  {
    name: "searchsorted(sorted, a)",
    call: ({ sorted, a }) => gk.searchsorted(sorted, a).dispose(),
    torch: "torch.searchsorted(sorted, a)",
    cupy: "cp.searchsorted(sorted, a)",
  },
  {
    name: "fft of 2^20 points",
    beside: { peer: "cupy", goal: 0.6 },
    call: ({ signal }) => gk.fft.fft(signal).dispose(),
    torch: "torch.fft.fft(signal)",
    cupy: "cp.fft.fft(signal)",
  },
  {
    name: "fft of 1024 points",
    beside: { peer: "cupy", goal: 0.6 },
    call: ({ frames }) => gk.fft.fft(frames).dispose(),
    torch: "torch.fft.fft(frames)",
    cupy: "cp.fft.fft(frames)",
  },
  {
    name: "rfft of 8192 points",
    call: ({ square }) => gk.fft.rfft(square).dispose(),
    torch: "torch.fft.rfft(square)",
    cupy: "cp.fft.rfft(square)",
  },
];
