// `at` and chains of views against a naive model, a list of places in memory: shapes, values, and
// which memory is shared.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import * as gk from "../../mod.ts";
import { noLeaks } from "../helpers.ts";
import {
  broadcast,
  contiguous,
  expectModel,
  forAll,
  indicesOf,
  patient,
  pick,
  placeOf,
  type Places,
  shapes,
  sizeOf,
} from "./support.ts";

noLeaks();

// ---- the model of `at`

const bound = fc.option(fc.integer({ min: -7, max: 7 }), { nil: undefined, freq: 3 });
const step = fc.option(fc.integer({ min: -3, max: 3 }).filter((n) => n !== 0), { nil: undefined });
const range = fc.tuple(bound, bound, step).map(([start, stop, by]) =>
  `${start ?? ""}:${stop ?? ""}${by === undefined ? "" : `:${by}`}`
);
const index: fc.Arbitrary<gk.Index> = fc.oneof(
  { weight: 5, arbitrary: range },
  { weight: 3, arbitrary: fc.integer({ min: -4, max: 3 }) },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constant("...") },
);
const indices = fc.array(index, { maxLength: 6 });

/** The numbers that a range names on an axis, as Python's slice.indices counts them. */
function* numbersOf(text: string, length: number): Generator<number> {
  const [first, last, by] = text.split(":").map((part) => part === "" ? undefined : Number(part));
  const step = by ?? 1;
  const clamp = (n: number) => {
    const from0 = n < 0 ? n + length : n;
    return step > 0
      ? Math.min(Math.max(from0, 0), length)
      : Math.min(Math.max(from0, -1), length - 1);
  };
  const start = first === undefined ? (step > 0 ? 0 : length - 1) : clamp(first);
  const stop = last === undefined ? (step > 0 ? length : -1) : clamp(last);
  for (let i = start; step > 0 ? i < stop : i > stop; i += step) yield i;
}

/** What `at` gives; undefined where it must be an IndexError. */
function modelAt(from: Places, all: readonly gk.Index[]): Places | undefined {
  const named = all.filter((i) => i !== null && i !== "...").length;
  const dots = all.filter((i) => i === "...").length;
  const rest = from.shape.length - named;
  if (rest < 0 || dots > 1) return undefined;
  const fill = new Array<gk.Index>(rest).fill(":");
  const place = dots === 1 ? all.indexOf("...") : all.length;
  const full = [...all.slice(0, place), ...fill, ...all.slice(place + dots)];

  const shape: number[] = [];
  // For each axis of `from` the number, or the axis of the result and the numbers along it.
  const sources: (number | { axis: number; numbers: number[] })[] = [];
  for (const i of full) {
    if (i === null) {
      shape.push(1);
      continue;
    }
    const length = from.shape[sources.length]!;
    if (typeof i === "number") {
      if (i < -length || i >= length) return undefined;
      sources.push(i < 0 ? i + length : i);
    } else {
      const numbers = [...numbersOf(i, length)];
      sources.push({ axis: shape.length, numbers });
      shape.push(numbers.length);
    }
  }
  return pick(
    from,
    shape,
    (index) => sources.map((s) => typeof s === "number" ? s : s.numbers[index[s.axis]!]!),
  );
}

/** An array of 0, 1, 2... and the same as memory of the model. */
function counting(shape: readonly number[]): { base: gk.NDArray; memory: number[] } {
  const memory = Array.from({ length: sizeOf(shape) }, (_, k) => k);
  return { base: gk.array(Int32Array.from(memory), { shape }), memory };
}

/** Writes through one handle show in the other; each lives on when the other one is disposed. */
function expectShared(base: gk.NDArray, view: gk.NDArray, places: Places, memory: number[]): void {
  const whole = contiguous(base.shape);
  view.fill(-5);
  for (const p of places.places) memory[p] = -5;
  expectModel(base, whole, memory);

  for (let p = 0; p < memory.length; p++) memory[p] = 3 * p + 1;
  base.copyFrom(Int32Array.from(memory));
  expectModel(view, places, memory);

  const other = view.at("...");
  view.dispose();
  expectModel(base, whole, memory);
  base.dispose();
  expectModel(other, places, memory);
  gk.add(other, 1, { out: other });
  expectModel(other, places, memory.map((n) => n + 1));
}

describe("at", () => {
  it("gives the model's shape and values, or an IndexError", patient, () => {
    forAll([shapes(4, 5), indices], (shape, all) => {
      const { base, memory } = counting(shape);
      const places = modelAt(contiguous(shape), all);
      if (places === undefined) assert.throws(() => base.at(...all), gk.IndexError);
      else if (places.shape.length > 8) assert.throws(() => base.at(...all), gk.ShapeError);
      else expectModel(base.at(...all), places, memory);
    }, 1500);
  });

  it("shares memory with its base, whichever goes first", patient, () => {
    forAll([shapes(4, 5), indices], (shape, all) => {
      const { base, memory } = counting(shape);
      const places = modelAt(contiguous(shape), all);
      if (places === undefined) return;
      expectShared(base, base.at(...all), places, memory);
    }, 800);
  });

  it("of a view: places of places", patient, () => {
    forAll([shapes(4, 5), indices, indices, indices], (shape, ...steps) => {
      const { base, memory } = counting(shape);
      let view = base, places: Places = contiguous(shape);
      for (const all of steps) {
        const next = modelAt(places, all);
        if (next === undefined || next.shape.length > 8) continue;
        places = next;
        view = view.at(...all);
        expectModel(view, places, memory);
      }
      if (view !== base) expectShared(base, view, places, memory);
    }, 800);
  });

  it("set writes what the model's places say", patient, () => {
    forAll([shapes(3, 5), indices, fc.boolean()], (shape, all, isArray) => {
      const { base, memory } = counting(shape);
      const places = modelAt(contiguous(shape), all);
      if (places === undefined) return;
      const values = places.places.map((_, k) => -k - 1);
      if (isArray) base.set(gk.array(Int32Array.from(values), { shape: places.shape }), ...all);
      else base.set(-1, ...all);
      places.places.forEach((p, k) => memory[p] = isArray ? values[k]! : -1);
      expectModel(base, contiguous(shape), memory);
    });
  });
});

// ---- chains

/** A step of a chain: a view of the array and the same of the model; undefined: does not apply. */
type Step = (a: gk.NDArray, from: Places, n: number, m: number) => [gk.NDArray, Places] | undefined;

const steps: Record<string, Step> = {
  transpose: (a, from, n) => {
    const ndim = from.shape.length;
    const axes = from.shape.map((_, axis) => (axis + n) % ndim);
    if (n % 2) axes.reverse();
    const shape = axes.map((axis) => from.shape[axis]!);
    return [
      a.transpose(axes),
      pick(from, shape, (index) => from.shape.map((_, axis) => index[axes.indexOf(axis)]!)),
    ];
  },
  T: (a, from) => {
    const shape = from.shape.toReversed();
    return [a.T, pick(from, shape, (index) => index.toReversed())];
  },
  swapaxes: (a, from, n, m) => {
    const ndim = from.shape.length;
    if (ndim === 0) return undefined;
    const [i, j] = [n % ndim, m % ndim];
    const swap = <T>(list: readonly T[]) => list.with(i, list[j]!).with(j, list[i]!);
    return [a.swapaxes(i, j - ndim), pick(from, swap(from.shape), swap)];
  },
  moveaxis: (a, from, n, m) => {
    const ndim = from.shape.length;
    if (ndim === 0) return undefined;
    const [i, j] = [n % ndim, m % ndim];
    const move = <T>(list: readonly T[], source: number, to: number) =>
      list.toSpliced(source, 1).toSpliced(to, 0, list[source]!);
    return [
      a.moveaxis(i, j),
      pick(from, move(from.shape, i, j), (index) => move(index, j, i)),
    ];
  },
  flip: (a, from, n, m) => {
    const ndim = from.shape.length;
    const axes = ndim === 0 || n % 3 === 0 ? undefined : [...new Set([n % ndim, m % ndim])];
    return [
      a.flip(axes?.map((axis) => axis - (m % 2) * ndim)),
      pick(
        from,
        from.shape,
        (index) =>
          index.map((i, axis) =>
            axes === undefined || axes.includes(axis) ? from.shape[axis]! - 1 - i : i
          ),
      ),
    ];
  },
  expandDims: (a, from, n) => {
    const axis = n % (from.shape.length + 1);
    if (from.shape.length >= 6) return undefined;
    return [
      a.expandDims(axis),
      pick(from, from.shape.toSpliced(axis, 0, 1), (index) => index.toSpliced(axis, 1)),
    ];
  },
  squeeze: (a, from, n) => {
    const ones = from.shape.flatMap((length, axis) => length === 1 ? [axis] : []);
    const gone = n % 2 || ones.length === 0 ? ones : [ones[n % ones.length]!];
    const shape = from.shape.filter((_, axis) => !gone.includes(axis));
    const source = (index: readonly number[]) => {
      const rest = [...index];
      return from.shape.map((_, axis) => gone.includes(axis) ? 0 : rest.shift()!);
    };
    return [n % 2 ? a.squeeze() : a.squeeze(gone), pick(from, shape, source)];
  },
  reshape: (a, from, n, m) => {
    const shape = [...from.shape];
    const ndim = shape.length;
    if (ndim > 1 && n % 2) {
      // Two neighbours become one axis.
      const axis = m % (ndim - 1);
      shape.splice(axis, 2, shape[axis]! * shape[axis + 1]!);
    } else if (ndim > 0 && ndim < 6) {
      // An axis becomes two.
      const axis = m % ndim, length = shape[axis]!;
      const divisors = Array.from({ length }, (_, i) => i + 1).filter((d) => length % d === 0);
      const d = divisors[n % divisors.length];
      if (d !== undefined) shape.splice(axis, 1, d, length / d);
    }
    const asked = sizeOf(shape) > 0 && ndim > 0 && n % 5 === 0 ? shape.with(0, -1) : shape;
    return [a.reshape(asked), { shape, places: from.places }];
  },
  ravel: (a, from) => [a.ravel(), { shape: [from.places.length], places: from.places }],
  broadcastTo: (a, from, n) => {
    if (from.shape.length > 5 || from.places.length > 200) return undefined;
    const shape = from.shape.map((length) => length === 1 ? n % 3 + 1 : length);
    if (n % 2) shape.unshift(2);
    return [a.broadcastTo(shape), broadcast(from, shape)];
  },
  at: (a, from, n, m) => {
    const all = [[`${n % 3}:`, "::2"], ["::-1"], [m % 2 ? -1 : 0], ["...", null], ["...", ":-1"]];
    const chosen = all[m % all.length]!;
    const places = modelAt(from, chosen);
    return places && places.shape.length < 7 ? [a.at(...chosen), places] : undefined;
  },
};

/** Are the places a linear function of the index, so that a view can have them? */
function isStrided(view: Places): boolean {
  const { shape, places } = view;
  if (places.length === 0) return true;
  const unit = shape.map((_, axis) => shape.map((_, other) => Number(axis === other)));
  const strides = shape.map((length, axis) =>
    length > 1 ? placeOf(view, unit[axis]!) - places[0]! : 0
  );
  let k = 0;
  for (const index of indicesOf(shape)) {
    const place = index.reduce((sum, i, axis) => sum + i * strides[axis]!, places[0]!);
    if (place !== places[k++]) return false;
  }
  return true;
}

const link = fc.tuple(fc.constantFrom(...Object.keys(steps)), fc.nat(11), fc.nat(11));
const chains = fc.array(link, { minLength: 1, maxLength: 6 });

describe("chains of views", () => {
  it("give the model's shape and values and share memory where strides allow it", patient, () => {
    forAll([shapes(4, 4), chains], (shape, chain) => {
      const { base, memory } = counting(shape);
      let view = base, places: Places = contiguous(shape), isShared = true;
      for (const [name, n, m] of chain) {
        const next = steps[name]!(view, places, n, m);
        if (next === undefined) continue;
        [view, places] = next;
        expectModel(view, places, memory);
        if (!isStrided(places)) isShared = false;
        if (!isShared) break;
      }
      const repeats = new Set(places.places).size < places.places.length;
      if (repeats && isShared) {
        assert.throws(() => view.fill(1), gk.GpukitError);
        base.fill(7);
        expectModel(view, places, memory.map(() => 7));
      } else if (isShared && view !== base) {
        expectShared(base, view, places, memory);
      } else if (!isShared) {
        view.fill(-1);
        expectModel(base, contiguous(shape), memory);
      }
    }, 2000);
  });

  it("split gives the parts in order", patient, () => {
    forAll([shapes(3, 6), fc.nat(2), fc.nat(3)], (shape, n, parts) => {
      if (shape.length === 0) return;
      const { base, memory } = counting(shape);
      const axis = n % shape.length, length = shape[axis]!;
      const wanted = parts + 1;
      if (length % wanted !== 0) {
        assert.throws(() => base.split(wanted, { axis }), gk.ShapeError);
        return;
      }
      const views = base.split(wanted, { axis });
      assert.equal(views.length, wanted);
      views.forEach((view, i) => {
        const start = i * length / wanted;
        const part = shape.with(axis, length / wanted);
        const places = pick(
          contiguous(shape),
          part,
          (index) => index.with(axis, index[axis]! + start),
        );
        expectModel(view, places, memory);
      });
    });
  });
});
