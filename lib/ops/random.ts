// Random numbers: `gk.random`. Philox counters: one seed gives the same numbers on every device, and
// draws of different generators are independent. The functions of this module draw from the thread's
// default generator, which `seed` sets.

import { lastError, native, rootId } from "../device/block.ts";
import { onDevice } from "../device/device.ts";
import { GpukitError, ShapeError } from "../errors.ts";
import type { DType } from "../array/dtype.ts";
import { handleOf, kindOf, NDArray } from "../array/ndarray.ts";
import { at, reshape, type ShapeLike } from "../array/views.ts";
import { div, less, log } from "./elementwise.ts";
import { take } from "./indexing.ts";
import { cumsum } from "./reduce.ts";
import { argsort, searchsorted } from "./sort.ts";
import { create, type CreateOptions, type FillOptions, shapeOf, whole } from "./submit.ts";
import { Op } from "./table.ts";

/** What `normal` takes. */
export interface NormalOptions<D extends DType = DType> extends FillOptions<D> {
  /** The mean, 0 if absent. */
  readonly mean?: number | undefined;
  /** The standard deviation, 1 if absent. */
  readonly std?: number | undefined;
}

/** What `uniform` takes. */
export interface UniformOptions<D extends DType = DType> extends FillOptions<D> {
  /** The lower bound, included; 0 if absent. */
  readonly low?: number | undefined;
  /** The upper bound, not included; 1 if absent. */
  readonly high?: number | undefined;
}

/** What `choice` takes. */
export interface ChoiceOptions {
  /** The shape of the draws; one draw without axes if absent. */
  readonly shape?: ShapeLike | undefined;
  /** May an element be drawn twice? True if absent. */
  readonly replace?: boolean | undefined;
  /** How likely each element is, relative to the others; equally if absent. */
  readonly p?: NDArray | undefined;
}

/** A source of random numbers with a seed of its own. Made by `generator`. */
export class Generator {
  #handle: number;
  #isDefault: boolean;

  /** Not for users: generators come from `generator`. Handle 0 is the thread's default one. */
  constructor(handle: number) {
    this.#handle = handle;
    this.#isDefault = handle === 0;
    if (handle !== 0) registry.register(this, handle, this);
  }

  #live(op: string): number {
    if (this.#handle === 0 && !this.#isDefault) {
      throw new GpukitError(`${op}: the generator is disposed`, { op });
    }
    return this.#handle;
  }

  /** Starts again from a seed: a whole number, or a bigint of at most 64 bits. */
  seed(seed: number | bigint): void {
    const [low, high] = halves(seed, "seed");
    if (native.gk_generator_seed(rootId, this.#live("seed"), low, high) !== 0) {
      throw lastError("seed");
    }
  }

  /** Normally distributed numbers, float32 if no dtype is given. */
  normal<D extends DType = "float32">(shape: ShapeLike, options?: NormalOptions<D>): NDArray<D> {
    const mean = finite(options?.mean ?? 0, "mean", "normal");
    const std = finite(options?.std ?? 1, "std", "normal");
    const dtype = (options?.dtype ?? "float32") as D;
    const params = [this.#live("normal"), mean, std, ...shapeOf(shape, "normal")];
    return create(Op.randomNormal, "normal", params, dtype, options);
  }

  /** Numbers from `low` up to but without `high`, float32 if no dtype is given. */
  uniform<D extends DType = "float32">(shape: ShapeLike, options?: UniformOptions<D>): NDArray<D> {
    const low = finite(options?.low ?? 0, "low", "uniform");
    const high = finite(options?.high ?? 1, "high", "uniform");
    const dtype = (options?.dtype ?? "float32") as D;
    const params = [this.#live("uniform"), low, high, ...shapeOf(shape, "uniform")];
    return create(Op.randomUniform, "uniform", params, dtype, options);
  }

  /**
   * Whole numbers from `low` up to but without `high`, each as likely as any other; int64 if no dtype
   * is given, else an integer dtype that has all of them.
   *
   * @throws {ShapeError} There is no number between the bounds, or a bound is not whole or beyond 2^53.
   * @throws {DTypeError} The dtype does not have the bounds, or is none of integers.
   */
  randint<D extends DType = "int64">(
    low: number,
    high: number,
    shape: ShapeLike,
    options?: FillOptions<D>,
  ): NDArray<D> {
    if (!(whole(low, "low", "randint") < whole(high, "high", "randint"))) {
      throw new ShapeError(`randint: there is no number from ${low} up to but without ${high}`, {
        op: "randint",
      });
    }
    const dtype = (options?.dtype ?? "int64") as D;
    const params = [this.#live("randint"), low, high, ...shapeOf(shape, "randint")];
    return create(Op.randomIntegers, "randint", params, dtype, options);
  }

  /** The numbers below `n` in random order. */
  permutation(n: number): NDArray<"int64">;
  /** The parts of an array along its first axis, in random order. */
  permutation<D extends DType>(a: NDArray<D>): NDArray<D>;
  permutation(x: number | NDArray): NDArray {
    if (handleOf(x) === 0) return this.#order(whole(x, "the count", "permutation"));
    const a = x as NDArray;
    return onDevice(a.device, () => {
      using order = this.#order(firstLength(a, "permutation"));
      return take(a, order, { axis: 0 });
    });
  }

  #order(count: number): NDArray<"int64"> {
    const params = [this.#live("permutation"), 0, 0, ...shapeOf(count, "permutation")];
    using keys = create(Op.randomBits, "permutation", params, "uint64", undefined);
    return argsort(keys);
  }

  /**
   * Draws from the numbers below `n`, or from an array along its first axis.
   *
   * @throws {ShapeError} Without `replace` more draws are asked for than there are elements.
   */
  choice(n: number, options?: ChoiceOptions): NDArray<"int64">;
  /** Draws from an array along its first axis. */
  choice<D extends DType>(a: NDArray<D>, options?: ChoiceOptions): NDArray<D>;
  choice(x: number | NDArray, options?: ChoiceOptions): NDArray {
    const isArray = handleOf(x) !== 0;
    const count = isArray ? firstLength(x as NDArray, "choice") : whole(x, "the count", "choice");
    const shape = shapeOf(options?.shape ?? [], "choice");
    const draws = shape.reduce((product, n) => product * n, 1);
    const replace = options?.replace ?? true;
    if (draws > 0 && (count < 1 || (!replace && draws > count))) {
      throw new ShapeError(`choice: cannot draw ${draws} of ${count} elements`, { op: "choice" });
    }
    return onDevice(isArray ? (x as NDArray).device : options?.p?.device, () => {
      const indices = replace
        ? this.#withReplacement(count, shape, options?.p)
        : this.#withoutReplacement(count, draws, shape, options?.p);
      if (!isArray) return indices;
      using chosen = indices;
      return take(x as NDArray, chosen, { axis: 0 });
    });
  }

  #withReplacement(
    count: number,
    shape: readonly number[],
    p: NDArray | undefined,
  ): NDArray<"int64"> {
    if (p === undefined) return this.randint(0, Math.max(count, 1), shape);
    weights(p, count);
    // The place of a uniform number among the running sums of the weights, the last of which becomes 1
    // exactly, so that no number is beyond it.
    using sums = cumsum(p, { dtype: "float64" });
    using total = at(sums, "-1:");
    using bounds = div(sums, total);
    using draws = this.uniform(shape, { dtype: "float64" });
    return searchsorted(bounds, draws, { side: "right" });
  }

  #withoutReplacement(
    count: number,
    draws: number,
    shape: readonly number[],
    p: NDArray | undefined,
  ): NDArray<"int64"> {
    using order = p === undefined ? this.#order(count) : this.#weightedOrder(p, count);
    using first = at(order, `:${draws}`);
    using shaped = reshape(first, shape);
    return shaped.clone();
  }

  // Sorting by -log(u) / p draws without replacement, each by its weight.
  #weightedOrder(p: NDArray, count: number): NDArray<"int64"> {
    weights(p, count);
    using u = this.uniform(count, { dtype: "float64" });
    using logs = log(u);
    using keys = div(logs, p);
    return argsort(keys, { descending: true });
  }

  /** True with probability `p`, a number or an array of the shape or one that broadcasts to it. */
  bernoulli(
    p: number | NDArray,
    shape: ShapeLike,
    options?: Omit<CreateOptions, "dtype">,
  ): NDArray<"bool"> {
    if (handleOf(p) === 0) finite(p as number, "p", "bernoulli");
    return onDevice(options?.device, () => {
      using draws = this.uniform(shape);
      return less(draws, p);
    });
  }

  /** Frees the generator. */
  dispose(): void {
    if (this.#handle === 0) return;
    registry.unregister(this);
    native.gk_generator_dispose(rootId, this.#handle);
    this.#handle = 0;
  }

  /** Frees the generator at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

const registry = new FinalizationRegistry<number>((h) => native.gk_generator_dispose(rootId, h));

function finite(x: unknown, what: string, op: string): number {
  if (Number.isFinite(x)) return x as number;
  throw new GpukitError(`${op}: ${what} must be a finite number, got ${kindOf(x)}`, { op });
}

function halves(seed: number | bigint, op: string): [low: number, high: number] {
  if (typeof seed !== "bigint" && !Number.isSafeInteger(seed)) {
    throw new GpukitError(`${op}: a seed is a whole number or a bigint, got ${kindOf(seed)}`, {
      op,
    });
  }
  const bits = BigInt.asUintN(64, BigInt(seed));
  return [Number(bits & 0xffffffffn), Number(bits >> 32n)];
}

function firstLength(a: NDArray, op: string): number {
  const [length] = a.shape;
  if (length !== undefined) return length;
  throw new ShapeError(`${op}: the array has no axes`, { op });
}

function weights(p: NDArray, count: number): void {
  if (!(p instanceof NDArray) || p.shape.length !== 1 || p.shape[0] !== count) {
    throw new ShapeError(`choice: p must be an array of ${count} weights`, { op: "choice" });
  }
}

/** A generator with a seed of its own; a seed of the system's if none is given. */
export function generator(seed?: number | bigint): Generator {
  const [low, high] = seed === undefined ? randomSeed() : halves(seed, "generator");
  const handle = native.gk_generator_create(rootId, low, high);
  if (handle === 0) throw lastError("generator");
  return new Generator(handle);
}

// A global of both runtimes that not every program's choice of type libraries declares.
declare const crypto: { getRandomValues<T extends Uint32Array>(into: T): T };

function randomSeed(): [number, number] {
  const [low, high] = crypto.getRandomValues(new Uint32Array(2));
  return [low!, high!];
}

const standard = new Generator(0);

/** Sets the seed of the thread's default generator. */
export function seed(value: number | bigint): void {
  standard.seed(value);
}

type Method<K extends keyof Generator> = Generator[K];

/** Normally distributed numbers from the default generator. */
export const normal: Method<"normal"> = standard.normal.bind(standard);
/** Uniformly distributed numbers from the default generator. */
export const uniform: Method<"uniform"> = standard.uniform.bind(standard);
/** Whole numbers from the default generator. */
export const randint: Method<"randint"> = standard.randint.bind(standard);
/** A random order by the default generator. */
export const permutation: Method<"permutation"> = standard.permutation.bind(standard);
/** Random draws by the default generator. */
export const choice: Method<"choice"> = standard.choice.bind(standard);
/** Random truth values from the default generator. */
export const bernoulli: Method<"bernoulli"> = standard.bernoulli.bind(standard);
