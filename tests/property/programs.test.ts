// Random programs give the very same bits run at once, spread over two streams, and recorded as a
// graph: elementwise ops, reductions, views, writes through views, take, sort, matmul. Elementwise
// programs give what a plain model computes, too.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import fc from "fast-check";
import * as gk from "../../mod.ts";
import { isOnCuda, noLeaks } from "../helpers.ts";
import { broadcastShape, bytesOf, forAll, forAllAsync, patient, sizeOf } from "./support.ts";

noLeaks();

/** A step: what to do, with which arrays of those made so far, and a number that says how. */
type Step = readonly [name: string, a: number, b: number, n: number];
type Rule = (a: gk.NDArray, b: gk.NDArray, n: number) => gk.NDArray | void;

const axisOf = (a: gk.NDArray, n: number) => a.ndim === 0 ? null : n % a.ndim;

const rules: Record<string, Rule> = {
  add: (a, b) => gk.add(a, b),
  sub: (a, b) => gk.sub(a, b),
  mul: (a, b) => gk.mul(a, b),
  maximum: (a, b) => gk.maximum(a, b),
  less: (a, b) => gk.less(a, b),
  where: (a, b) => gk.where(gk.less(a, b), a, b),
  tanh: (a) => gk.tanh(a),
  negHalf: (a) => gk.mul(gk.neg(a), a.dtype.includes("float") ? 0.5 : 3),
  relu: (a) => gk.nn.relu(a),
  remainder: (a, b) => gk.remainder(a, b),
  floorDivide: (a) => gk.floorDivide(a, 3),
  pow: (a, _, n) => gk.pow(a, n % 4),
  hypot: (a, b) => gk.hypot(a, b),
  sin: (a) => gk.sin(a),
  round: (a) => gk.round(gk.mul(a, 2)),
  isfinite: (a) => gk.isfinite(a),
  bits: (a, b) => gk.bitwiseXor(a.astype("int32"), b.astype("int16")),
  shift: (a, _, n) => gk.leftShift(a.astype("int32"), n),
  product: (a, b) => gk.mul(gk.exp(a.astype("complex64")), b).real,
  length: (a) => gk.abs(gk.exp(a.astype("complex64"))),
  imag: (a) => gk.reciprocal(a.astype("complex64")).imag,
  angle: (a, _, n) => n % 2 ? gk.conj(a) : gk.angle(a),
  isclose: (a, b) => gk.isclose(a, b, { atol: 0.5 }),
  sum: (a, _, n) => gk.sum(a, { axis: axisOf(a, n), keepdims: n % 2 === 0 }),
  mean: (a, _, n) => gk.mean(a, { axis: axisOf(a, n) }),
  max: (a) => gk.max(a),
  argmin: (a, _, n) => gk.argmin(a, { axis: axisOf(a, n) }),
  cumsum: (a, _, n) => gk.cumsum(a, { axis: axisOf(a, n) }),
  sort: (a, _, n) => a.ndim === 0 ? a.clone() : gk.sort(a, { axis: axisOf(a, n) }),
  argsort: (a) => a.ndim === 0 ? a.clone() : gk.argsort(a),
  take: (a, _, n) => gk.take(a, [0, -1, 0], { axis: axisOf(a, n) }),
  takeBy: (a, b, n) => {
    const axis = axisOf(a, n), length = axis === null ? a.size : a.shape[axis]!;
    if (length === 0) return a.T; // an index out of range is for another test
    // Whole numbers from 0 to length - 1 of whatever b holds.
    const bits = gk.less(b.ravel(), gk.mean(b)).astype("int64");
    return gk.take(a, gk.mul(bits, length - 1), { axis });
  },
  matmul: (a, b) => gk.matmul(a, b),
  square: (a) => gk.matmul(a, a.T),
  astype: (a, _, n) =>
    a.astype((["float32", "int32", "float64", "int16", "float16"] as const)[n % 5]!),
  T: (a) => a.T,
  flip: (a) => a.flip(),
  row: (a, _, n) => a.at(n % 2 ? -1 : 0),
  part: (a, _, n) => a.at("...", `${n % 2}::${n % 3 + 1}`),
  ravel: (a) => a.ravel(),
  expand: (a, _, n) => a.ndim < 4 ? a.expandDims(n % (a.ndim + 1)) : a.squeeze(),
  fill: (a, _, n) => void a.fill(n),
  fillPart: (a, _, n) => void a.at("...", "::2").fill(-n),
  addInto: (a, b) => void gk.add(a, b, { out: a }),
  mulInto: (a, b) => void gk.mul(b, a, { out: a }),
  copyInto: (a, b) => void a.copyFrom(b),
};

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom(...Object.keys(rules)),
  fc.nat(30),
  fc.nat(30),
  fc.nat(11),
);
const programs = fc.array(step, { minLength: 3, maxLength: 25, size: "max" });

/** How each step runs. */
type Around = (k: number, run: () => void) => void;

interface Outcome {
  readonly arrays: gk.NDArray[];
  /** The names of the errors of steps whose arrays did not fit. */
  readonly errors: readonly string[];
}

const LARGE = 80_000;

/** At least as many elements as a step makes. */
function sizeOfStep(name: string, a: gk.NDArray, b: gk.NDArray, n: number): number {
  const last = a.shape.at(-1) ?? 1, axis = axisOf(a, n);
  if (name === "take") return 3 * a.size;
  if (name === "takeBy") return axis === null ? b.size : a.size / a.shape[axis]! * b.size;
  if (name === "square") return (a.size / last) ** 2;
  if (name === "matmul") return a.size / last * (b.ndim > 1 ? b.size / b.shape.at(-2)! : 1);
  return sizeOf(broadcastShape(a.shape, b.shape) ?? a.shape);
}

/** Runs a program on copies of the inputs; all arrays that it made. */
function execute(inputs: readonly gk.NDArray[], program: readonly Step[], around: Around): Outcome {
  const arrays = inputs.map((a) => a.clone());
  const errors: string[] = [];
  program.forEach(([name, i, j, n], k) => {
    const a = arrays[i % arrays.length]!, b = arrays[j % arrays.length]!;
    if (sizeOfStep(name, a, b, n) > LARGE) return;
    around(k, () => {
      try {
        const made = rules[name]!(a, b, n);
        if (made !== undefined) arrays.push(made);
      } catch (error) {
        assert.ok(error instanceof gk.GpukitError, String(error));
        errors.push(`${name}: ${error.name}`);
      }
    });
  });
  return { arrays, errors };
}

function expectEqual(actual: readonly gk.NDArray[], expected: readonly gk.NDArray[], how: string) {
  assert.equal(actual.length, expected.length, how);
  actual.forEach((a, k) => {
    const what = `array ${k} ${how}`, wanted = expected[k]!;
    assert.equal(a.dtype, wanted.dtype, what);
    assert.deepEqual(a.shape, wanted.shape, what);
    const [got, should] = [bytesOf(a), bytesOf(wanted)];
    if (Buffer.compare(got, should) === 0) return;
    const place = got.findIndex((byte, p) => byte !== should[p]);
    const p = Math.floor(place / a.itemsize);
    assert.fail(`${what}: element ${p} is ${a.dataSync()[p]} instead of ${wanted.dataSync()[p]}`);
  });
}

/** Inputs of which `scale` says how large they are: small ones run at once, large ones are queued. */
function inputsOf(scale: number): gk.NDArray[] {
  const n = 6 * scale;
  return [
    gk.linspace(-2, 2, 4 * n).reshape([4, n]),
    gk.arange(4 * n).astype("int32").reshape([4, n]).flip(1),
    gk.mul(gk.arange(n), 0.25),
    gk.array([[2, -1, 0, 1], [0.5, 1, 3, -2], [1, 1, 1, 1], [0, -3, 0.125, 2]]),
  ];
}

const immediately: Around = (_, run) => run();
const scales = fc.constantFrom(1, 1, 1, 7, 7, 200, 200, 3000);
const choices = fc.array(fc.nat(2), { minLength: 25, maxLength: 25 });

describe("random programs", () => {
  it("spread over streams", { timeout: 600_000 }, () => {
    using one = gk.stream();
    using other = gk.stream();
    using noise = gk.random.uniform(100_000);
    const queued = () => gk.device("cpu").memory().ranQueued;
    const toil = () => void gk.sort(noise);
    const before = queued();
    forAll([programs, scales, choices], (program, scale, choice) => {
      const inputs = inputsOf(scale);
      const plain = execute(inputs, program, immediately);
      const streams = [one, other];
      // A busy stream queues whatever comes.
      for (const stream of streams) stream.run(toil);
      const spread = execute(inputs, program, (k, run) => {
        const stream = streams[choice[k]!];
        if (stream === undefined) run();
        else stream.run(run);
      });
      assert.deepEqual(spread.errors, plain.errors);
      expectEqual(spread.arrays, plain.arrays, "on streams");
    }, 300);
    assert.ok(
      isOnCuda || queued() - before > 1000,
      "the programs are so small that nothing is queued",
    );
  });

  it("recorded and replayed twice", patient, () => {
    using stream = gk.stream();
    forAll([programs, scales], (program, scale) => {
      const inputs = inputsOf(scale);
      const plain = execute(inputs, program, immediately);
      using graph = gk.graph(() => execute(inputs, program, immediately));
      assert.deepEqual(graph.outputs.errors, plain.errors);
      graph.launch();
      expectEqual(graph.outputs.arrays, plain.arrays, "launched once");
      graph.launch({ stream });
      expectEqual(graph.outputs.arrays, plain.arrays, "launched again, on a stream");

      // Operands are read anew by each launch.
      inputs[2]!.fill(1);
      gk.add(inputs[0]!, 0.25, { out: inputs[0]! });
      const anew = execute(inputs, program, immediately);
      graph.launch();
      expectEqual(graph.outputs.arrays, anew.arrays, "launched with other inputs");
    }, 200);
  });

  it("many at once in async scopes", patient, async () => {
    const several = fc.array(programs, { minLength: 2, maxLength: 6 });
    await forAllAsync([several, scales], async (all, scale) => {
      const inputs = inputsOf(scale);
      const plain = all.map((program) => execute(inputs, program, immediately));
      await Promise.all(all.map((program, p) =>
        gk.scope(async () => {
          using stream = gk.stream();
          const { arrays } = await stream.run(async () => {
            const made = execute(inputs, program.slice(0, 3), immediately);
            await made.arrays[0]!.data();
            return execute(inputs, program, immediately);
          });
          const read = await Promise.all(arrays.map((a) => a.data()));
          read.forEach((data, k) => {
            const wanted = bytesOf(plain[p]!.arrays[k]!);
            const order = Buffer.compare(new Uint8Array(data.buffer), wanted);
            assert.equal(order, 0, `array ${k} of program ${p}`);
          });
        })
      ));
    }, 50);
  });
});
