// What holds for every Fourier transform: there and back, linearity, Parseval's theorem, real ones as
// complex ones, and the same bits wherever operand and result lie.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import * as gk from "../../mod.ts";
import { isOnCuda, noLeaks } from "../helpers.ts";
import { copyIn, emptyIn, expectSame, forAll, layouts, patient } from "./support.ts";

noLeaks();

const { fft, ifft, rfft, irfft } = gk.fft;

// Small ones, and some that go in each of the ways that there are.
const lengths = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 200 }) },
  { weight: 2, arbitrary: fc.integer({ min: 200, max: 5000 }) },
  { weight: 1, arbitrary: fc.constantFrom(4096, 16384, 65536, 30030, 10007, 3 ** 8) },
);
// What takes a GPU microseconds takes a processor in its place long.
const runs = isOnCuda ? 40 : 500;
const norms = fc.constantFrom<gk.fft.Norm>("backward", "ortho", "forward");
const draws = fc.record({ n: lengths, batch: fc.integer({ min: 1, max: 20 }), norm: norms });

const shapeOf = ({ n, batch }: { n: number; batch: number }) => [n > 5000 ? 1 : batch, n];

function complexes(shape: readonly number[]): gk.NDArray<"complex64"> {
  const z = gk.zeros(shape, { dtype: "complex64" });
  gk.real(z).copyFrom(gk.random.uniform(shape, { low: -1 }));
  gk.imag(z).copyFrom(gk.random.uniform(shape, { low: -1 }));
  return z;
}

/** The root of the sum of squares of both parts, in double. */
function size(z: gk.NDArray): number {
  let sum = 0;
  for (const x of z.dataSync() as Float32Array) sum += x * x;
  return Math.sqrt(sum);
}

function isNear(a: gk.NDArray, b: gk.NDArray, what: string): void {
  assert.deepEqual(a.shape, b.shape, what);
  const error = size(gk.sub(a, b)) / (size(b) + 1e-30);
  assert.ok(error < 1e-6, `${what}: relative error ${error}`);
}

describe("Fourier transforms", () => {
  it(
    "go there and back",
    patient,
    () => {
      forAll([draws], (draw) => {
        const z = complexes(shapeOf(draw)), { n, norm } = draw;
        isNear(ifft(fft(z, { norm }), { norm }), z, "ifft(fft)");
        isNear(fft(ifft(z, { norm }), { norm }), z, "fft(ifft)");
        const x = gk.random.uniform(shapeOf(draw), { low: -1 });
        isNear(irfft(rfft(x, { norm }), { norm, n }), x, "irfft(rfft)");
      }, runs);
    },
  );

  it(
    "are linear and keep the energy",
    patient,
    () => {
      forAll([draws], (draw) => {
        const a = complexes(shapeOf(draw)), b = complexes(shapeOf(draw));
        const sum = gk.add(gk.mul(a, 3), b);
        isNear(fft(sum), gk.add(gk.mul(fft(a), 3), fft(b)), "linear");
        const ratio = size(fft(a, { norm: "ortho" })) / size(a);
        assert.ok(Math.abs(ratio - 1) < 1e-6, `energy ${ratio}`);
      }, runs);
    },
  );

  it(
    "of real numbers are those of complex ones",
    patient,
    () => {
      forAll([draws], (draw) => {
        const x = gk.random.uniform(shapeOf(draw), { low: -1 }), { n, norm } = draw;
        const half = rfft(x, { norm });
        isNear(half, fft(x, { norm }).at("...", `:${half.shape[1]}`), "rfft");
        isNear(irfft(half, { n }), gk.real(ifft(rebuilt(half, n))), "irfft");
      }, runs);
    },
  );

  it(
    "give the same bits in every layout",
    patient,
    () => {
      const places = fc.record({
        from: layouts,
        to: layouts,
        axis: fc.integer({ min: 0, max: 1 }),
      });
      forAll([draws, places], (draw, { from, to, axis }) => {
        const shape = shapeOf(draw);
        if (axis === 0) shape.reverse();
        const z = complexes(shape), x = gk.random.normal(shape), { n, norm } = draw;
        for (
          const [call, a] of [[fft, z], [ifft, z], [rfft, x], [irfft, z]] as [
            typeof fft,
            gk.NDArray,
          ][]
        ) {
          const options = { axis, norm, n };
          const plain = call(a, options);
          const out = emptyIn(to, plain.shape, plain.dtype);
          assert.equal(call(copyIn(from, a), { ...options, out: out as never }), out);
          expectSame(out, plain, call.name);
        }
      }, runs);
    },
  );
});

// All n numbers of a transform from the first half.
function rebuilt(half: gk.NDArray, n: number): gk.NDArray {
  const tail = gk.conj(half.at("...", `1:${n - half.shape[1]! + 1}`).flip(1));
  return gk.concatenate([half, tail], { axis: 1 });
}
