// Einstein summation: a formula such as "ij,jk->ik" as sums, products and matrix products. Three and
// more operands are contracted two at a time, in the order with the fewest multiplications.

import { MAX_DIMS } from "../device/block.ts";
import { GpukitError, ShapeError } from "../errors.ts";
import type { DType } from "../array/dtype.ts";
import { kindOf, live, type NDArray } from "../array/ndarray.ts";
import { alias, diagonal, moveaxis, reshape, transpose } from "../array/views.ts";
import { mul } from "./elementwise.ts";
import { promoteTypes } from "./joining.ts";
import { matmul } from "./linalg.ts";
import { any, sum } from "./reduce.ts";
import { type OpOptions, submit, VARIANT } from "./submit.ts";
import { Op } from "./table.ts";

/** An operand with a letter for each axis. */
interface Term {
  readonly array: NDArray;
  readonly labels: string;
}

/**
 * Sums of products by a formula: each operand's axes get letters, axes of one letter run together, and
 * letters that the result ("->ik") does not name are summed over. Without "->" the result has those
 * that occur once, in alphabetic order. "..." stands for axes that broadcast; a letter twice in one
 * operand takes its diagonal. The last argument may be `{ out, stream }`.
 *
 * The dtype is the operands' common one, also that of sums.
 *
 * @throws {ShapeError} The formula and the shapes do not fit.
 * @throws {GpukitError} The formula is none.
 */
export function einsum(formula: string, ...operands: readonly (NDArray | OpOptions)[]): NDArray {
  const last = operands.at(-1);
  const hasOptions = Object.getPrototypeOf(last ?? 0) === Object.prototype;
  const options = hasOptions ? last as OpOptions : undefined;
  const arrays = (hasOptions ? operands.slice(0, -1) : operands) as readonly NDArray[];
  for (const a of arrays) live(a, "einsum");
  const { inputs, output } = parse(formula, arrays);
  const lengths = measure(inputs, arrays, output, formula);
  const dtype = arrays.map((a) => a.dtype).reduce((a, b) => promoteTypes(a, b));
  const owned = new Set<NDArray>();
  const own = (a: NDArray) => (owned.add(a), a);
  const drop = (a: NDArray) => void (owned.delete(a) && a.dispose());
  try {
    let terms = arrays.map((a, i) =>
      simplify({ array: own(alias(a)), labels: inputs[i]! }, lengths, own, drop)
    );
    const first = terms.map((term) => term.array); // views of the operands
    while (terms.length > 1) {
      const [i, j] = bestPair(terms.map((term) => term.labels), output, lengths);
      const rest = terms.filter((_, k) => k !== i && k !== j);
      const kept = new Set([output, ...rest.map((term) => term.labels)].join(""));
      const a = reduceTo(
        terms[i]!,
        (label) => kept.has(label) || terms[j]!.labels.includes(label),
        dtype,
        own,
        drop,
      );
      const b = reduceTo(
        terms[j]!,
        (label) => kept.has(label) || a.labels.includes(label),
        dtype,
        own,
        drop,
      );
      // The other way round where that gives the result's order: no copy turns it then.
      const isTurned = rest.length === 0 && orderOf(b, a, kept, output) === output;
      const [left, right] = isTurned ? [b, a] : [a, b];
      terms = [...rest, contract(left, right, kept, output, lengths, dtype, own, drop)];
    }
    const only = reduceTo(terms[0]!, (label) => output.includes(label), dtype, own, drop);
    // What was computed just now and lies in order is the result itself.
    const isReady = only.labels === output && !arrays.some((_, i) => only.array === first[i]) &&
      only.array.dtype === dtype && options?.out === undefined;
    if (isReady) {
      owned.delete(only.array);
      return only.array;
    }
    using turned = transpose(only.array, [...output].map((label) => only.labels.indexOf(label)));
    return submit(Op.copy, [turned], { dtype, flags: VARIANT, name: "einsum" }, options);
  } finally {
    for (const a of owned) a.dispose();
  }
}

function fail(message: string, arrays: readonly NDArray[], formula: string): never {
  const shapes = arrays.map((a) => `[${a.shape.join(", ")}]`).join(", ");
  throw new ShapeError(`einsum: "${formula}" of ${shapes}: ${message}`, { op: "einsum" });
}

// ---- the formula

// Letters for the axes that "..." stands for; the last axis is the last one.
const BROADCAST = "αβγδεζηθ";

function parse(
  formula: string,
  arrays: readonly NDArray[],
): { inputs: readonly string[]; output: string } {
  const text = typeof formula === "string" ? formula.replaceAll(" ", "") : "";
  const match = /^((?:[A-Za-z,]|\.\.\.)*)(?:->((?:[A-Za-z]|\.\.\.)*))?$/.exec(text);
  if (match === null || typeof formula !== "string") {
    throw new GpukitError(
      `einsum: expects a formula of letters, commas, "..." and "->" such as "ij,jk->ik", ` +
        `got ${kindOf(formula)}`,
      { op: "einsum" },
    );
  }
  const parts = match[1]!.split(",");
  if (parts.length !== arrays.length) {
    fail(`it names ${parts.length} operands, ${arrays.length} are given`, arrays, formula);
  }
  let widest = 0;
  const inputs = parts.map((part, i) => {
    const { ndim } = arrays[i]!;
    const named = part.replace("...", "");
    const free = ndim - named.length;
    if (named.includes(".") || (part.includes("...") ? free < 0 : free !== 0)) {
      fail(`"${part}" does not fit operand ${i + 1} with ${ndim} axes`, arrays, formula);
    }
    if (!part.includes("...")) return part;
    widest = Math.max(widest, free);
    return part.replace("...", BROADCAST.slice(BROADCAST.length - free));
  });
  const broadcast = BROADCAST.slice(BROADCAST.length - widest);
  if (match[2] !== undefined) {
    const output = match[2].replace("...", broadcast);
    for (const label of output) {
      if (output.split(label).length > 2) fail(`the result has "${label}" twice`, arrays, formula);
      if (!inputs.some((input) => input.includes(label))) {
        fail(`no operand has the result's "${label}"`, arrays, formula);
      }
    }
    return { inputs, output };
  }
  const all = inputs.join("");
  const once = [...new Set(all)].filter((label) =>
    !BROADCAST.includes(label) && all.split(label).length === 2
  );
  return { inputs, output: broadcast + once.sort().join("") };
}

// The length of each letter; axes of length 1 stretch as in NumPy.
function measure(
  inputs: readonly string[],
  arrays: readonly NDArray[],
  output: string,
  formula: string,
): ReadonlyMap<string, number> {
  const lengths = new Map<string, number>();
  inputs.forEach((labels, i) => {
    const { shape } = arrays[i]!;
    [...labels].forEach((label, axis) => {
      const have = lengths.get(label) ?? 1, length = shape[axis]!;
      if (have !== 1 && length !== 1 && have !== length) {
        fail(`"${label}" has length ${have} and ${length}`, arrays, formula);
      }
      if (have === 1) lengths.set(label, length);
    });
  });
  if (output.length > 8) fail("the result would have more than 8 axes", arrays, formula);
  return lengths;
}

// ---- the order

const product = (labels: Iterable<string>, lengths: ReadonlyMap<string, number>): number => {
  let size = 1;
  for (const label of labels) size *= lengths.get(label)!;
  return size;
};

// The next two operands to contract. Up to six: those that begin the cheapest order of all; more: those
// whose contraction costs least now.
function bestPair(
  terms: readonly string[],
  output: string,
  lengths: ReadonlyMap<string, number>,
): readonly [number, number] {
  if (terms.length === 2) return [0, 1];
  return cheapest(terms, output, lengths, terms.length <= 6).pair;
}

function cheapest(
  terms: readonly string[],
  output: string,
  lengths: ReadonlyMap<string, number>,
  isExact: boolean,
): { cost: number; pair: readonly [number, number] } {
  let best = { cost: Infinity, pair: [0, 1] as readonly [number, number] };
  for (let i = 0; i < terms.length; i++) {
    for (let j = i + 1; j < terms.length; j++) {
      const both = new Set(terms[i]! + terms[j]!);
      const rest = terms.filter((_, k) => k !== i && k !== j);
      const kept = new Set(output + rest.join(""));
      const left = [...both].filter((label) => kept.has(label)).join("");
      // Of equal costs the smaller result.
      let cost = product(both, lengths) + product(left, lengths) / 1024;
      if (isExact && rest.length > 0) {
        cost += cheapest([...rest, left], output, lengths, true).cost;
      } else if (!isExact) {
        cost -= product(terms[i]!, lengths) + product(terms[j]!, lengths);
      }
      if (cost < best.cost) best = { cost, pair: [i, j] };
    }
  }
  return best;
}

// ---- contraction

type Keep = (a: NDArray) => NDArray;
type Drop = (a: NDArray) => void;

// Takes diagonals of letters that occur twice and drops axes of length 1 that stretch.
function simplify(term: Term, lengths: ReadonlyMap<string, number>, own: Keep, drop: Drop): Term {
  let { array, labels } = term;
  for (let i = 0; i < labels.length;) {
    const label = labels[i]!;
    const other = labels.indexOf(label, i + 1);
    const length = array.shape[i]!;
    const isStretched = length === 1 && lengths.get(label) !== 1;
    if (isStretched || (other >= 0 && array.shape[other] === 1)) {
      const axis = isStretched ? i : other;
      const next = own(reshape(array, array.shape.toSpliced(axis, 1)));
      drop(array);
      array = next;
      labels = labels.slice(0, axis) + labels.slice(axis + 1);
      continue;
    }
    if (other < 0) {
      i++;
      continue;
    }
    using one = moveaxis(array, i, -1);
    using both = moveaxis(one, other - 1, -1);
    const next = own(diagonal(both));
    drop(array);
    array = next;
    labels = [...labels].filter((_, k) => k !== i && k !== other).join("") + label;
  }
  return { array, labels };
}

// Sums over the axes that nobody needs.
function reduceTo(
  term: Term,
  isNeeded: (label: string) => boolean,
  dtype: DType,
  own: Keep,
  drop: Drop,
): Term {
  const axis: number[] = [];
  [...term.labels].forEach((label, i) => isNeeded(label) || axis.push(i));
  if (axis.length === 0) return term;
  const array = own(
    dtype === "bool" ? any(term.array, { axis }) : sum(term.array, { axis, dtype }),
  );
  drop(term.array);
  return { array, labels: [...term.labels].filter(isNeeded).join("") };
}

// Axes in the order of `labels`, then in the shape given: a view, or a copy where there is none.
function arrange(term: Term, labels: string, shape: readonly number[]): NDArray {
  using turned = transpose(term.array, [...labels].map((label) => term.labels.indexOf(label)));
  return reshape(turned, shape);
}

// The letters of two operands by what a product of matrices does with them. Those of the batch follow the
// result's order, which costs nothing.
function roles(
  a: Term,
  b: Term,
  kept: ReadonlySet<string>,
  output: string,
): { batch: string; rows: string; inner: string; columns: string } {
  const shared = [...a.labels].filter((label) => b.labels.includes(label));
  return {
    batch: shared.filter((label) => kept.has(label))
      .sort((x, y) => output.indexOf(x) - output.indexOf(y)).join(""),
    rows: [...a.labels].filter((label) => !b.labels.includes(label)).join(""),
    inner: shared.filter((label) => !kept.has(label)).join(""),
    columns: [...b.labels].filter((label) => !a.labels.includes(label)).join(""),
  };
}

// The letters of the product of a and b.
function orderOf(a: Term, b: Term, kept: ReadonlySet<string>, output: string): string {
  const { batch, rows, columns } = roles(a, b, kept, output);
  return batch + rows + columns;
}

// Both operands as batches of matrices, multiplied; the axes of the result are those of the batch, of
// the rows and of the columns. Axes of the batch stay apart: merging them might take a copy.
function contract(
  a: Term,
  b: Term,
  kept: ReadonlySet<string>,
  output: string,
  lengths: ReadonlyMap<string, number>,
  dtype: DType,
  own: Keep,
  drop: Drop,
): Term {
  const { batch, rows, inner, columns } = roles(a, b, kept, output);
  const size = (labels: string) => product(labels, lengths);
  const lengthsOf = (labels: string) => [...labels].map((label) => lengths.get(label)!);
  const n = batch.length + 2 > MAX_DIMS ? [size(batch)] : lengthsOf(batch);
  const [m, k, l] = [size(rows), size(inner), size(columns)];
  const labels = batch + rows + columns;
  if (labels.length > 8) {
    throw new ShapeError(
      `einsum: the product of "${a.labels}" and "${b.labels}" would have ${labels.length} axes; ` +
        "at most 8 are supported",
      { op: "einsum" },
    );
  }
  let flat: NDArray;
  if (inner === "") { // nothing is summed: products are cheaper than matrix products
    using left = arrange(a, batch + rows, [...n, m, 1]);
    using right = arrange(b, batch + columns, [...n, 1, l]);
    flat = mul(left, right);
  } else {
    using left = arrange(a, batch + rows + inner, [...n, m, k]);
    using right = arrange(b, batch + inner + columns, [...n, k, l]);
    flat = matmul(left, right, { dtype });
  }
  using result = flat;
  const array = own(reshape(result, lengthsOf(labels)));
  drop(a.array);
  drop(b.array);
  return { array, labels };
}
