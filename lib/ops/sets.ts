// Arrays as sets of values.

import { arange, empty, ones } from "../array/create.ts";
import type { DType } from "../array/dtype.ts";
import type { NDArray } from "../array/ndarray.ts";
import { isnan, less, notEqual, sub } from "./elementwise.ts";
import { take } from "./indexing.ts";
import { sum } from "./reduce.ts";
import { searchsorted } from "./sort.ts";
import { submit } from "./submit.ts";
import { Op } from "./table.ts";
import { sizeFrom } from "./values.ts";

/** What `unique` takes: which other results it gives. */
export interface UniqueOptions {
  /** Where each value comes first in the flattened array? */
  readonly returnIndex?: boolean | undefined;
  /** Which of the values each element is, in the array's shape? */
  readonly returnInverse?: boolean | undefined;
  /** How many elements each value has? */
  readonly returnCounts?: boolean | undefined;
}

/** The results of `unique` where more than the values is asked for. */
export interface UniqueParts<D extends DType, O extends UniqueOptions = UniqueOptions> {
  /** The different values, in order. */
  readonly values: NDArray<D>;
  /** Where each comes first in the flattened array. */
  readonly indices: O extends WithIndex ? NDArray<"int64"> : undefined;
  /** The place among `values` of each element. */
  readonly inverse: O extends WithInverse ? NDArray<"int64"> : undefined;
  /** How often each occurs. */
  readonly counts: O extends WithCounts ? NDArray<"int64"> : undefined;
}

type WithIndex = { readonly returnIndex: true };
type WithInverse = { readonly returnInverse: true };
type WithCounts = { readonly returnCounts: true };

/** What `unique` gives: an array, or a record where more than the values is asked for. */
export type Unique<D extends DType, O extends UniqueOptions> = O extends
  WithIndex | WithInverse | WithCounts ? UniqueParts<D, O>
  : NDArray<D>;

/**
 * The different values of the flattened array, in order; all NaN are one, as are -0 and 0. It waits
 * for their number. With any of the options the result is a record of `values` and what was asked
 * for.
 *
 * @throws {UnsupportedError} A graph is being recorded.
 */
export function unique<D extends DType, O extends UniqueOptions = UniqueOptions>(
  a: NDArray<D>,
  options?: O,
): Unique<D, O> {
  const { returnIndex, returnInverse, returnCounts } = options ?? {} as UniqueOptions;
  using flat = a.ravel();
  const along = { params: [0], name: "unique" };
  using order = returnIndex ? submit(Op.argsort, [flat], along) as NDArray<"int64"> : undefined;
  using sorted = order === undefined
    ? submit(Op.sort, [flat], along) as NDArray<D>
    : take(flat, order);
  const n = sorted.size;
  using isFirst = firsts(sorted);
  using many = sum(isFirst);
  const count = n === 0 ? 0 : sizeFrom(many, "unique");
  const pick = <E extends DType>(from: NDArray<E>) =>
    submit(Op.compress, [from, isFirst], { params: [count], name: "unique" }) as NDArray<E>;

  const values = pick(sorted);
  if (!returnIndex && !returnInverse && !returnCounts) return values as Unique<D, O>;
  let counts: NDArray<"int64"> | undefined;
  if (returnCounts) {
    using places = arange(0, n, 1, { dtype: "int64", device: a.device });
    using starts = pick(places);
    counts = empty(count, { dtype: "int64", device: a.device });
    if (count > 0) {
      using here = starts.at(":-1"), next = starts.at("1:"), last = starts.at("-1:");
      using most = counts.at(":-1"), rest = counts.at("-1:");
      sub(next, here, { out: most });
      sub(n, last, { out: rest });
    }
  }
  return {
    values,
    indices: order === undefined ? undefined : pick(order),
    inverse: returnInverse ? searchsorted(values, a) : undefined,
    counts,
  } as Unique<D, O>;
}

/** Which elements of a sorted vector differ from the one before. */
function firsts(sorted: NDArray): NDArray<"bool"> {
  const n = sorted.size;
  const isFirst = ones(n, { dtype: "bool", device: sorted.device });
  if (n < 2) return isFirst;
  using before = sorted.at(":-1"), after = sorted.at("1:"), rest = isFirst.at("1:");
  notEqual(before, after, { out: rest });
  if (sorted.dtype.includes("float")) {
    using wasNan = isnan(before); // and so is all that follows
    less(wasNan, rest, { out: rest });
  }
  return isFirst;
}
