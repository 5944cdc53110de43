// Scopes: arrays made inside are freed at the end, but for those that the function returns or
// keeps. Which arrays a scope owns is known in C; here are only the rules of what moves out.

import { BYTES, f64, native } from "./block.ts";
import { begin, type Context, current, live, runIn } from "./context.ts";
import { guard, handleOf, type NDArray } from "../array/ndarray.ts";

/**
 * Runs `fn` in a scope of its own and returns what it returns. Arrays made inside are freed at the
 * end, but for those that it returns, also inside plain arrays and records, and those given to
 * `keep`: they belong to the scope around. An async function keeps its scope across `await`.
 *
 * @throws {GpukitError} A plain function returned a promise: write `async`.
 */
export function scope<T>(fn: () => T): T {
  return runIn(begin(current(), true, 0), "scope", fn, endScope);
}

/**
 * Hands arrays, also inside plain arrays and records, to the scope around the current one, so that
 * the current one does not free them. Returns its argument.
 */
export function keep<T>(value: T): T {
  const inner = current();
  let own: Context | null = inner;
  while (own !== null && (!own.isScope || own.id === 0)) own = own.parent;
  if (own === null) return value;
  const to = live(own.parent!);
  // Streams' contexts inside the scope own what was made in them.
  for (let c: Context = inner; c !== own.parent; c = c.parent!) {
    if (c.id !== 0) moveArrays(value, c.id, to);
  }
  return value;
}

function endScope(context: Context, result: unknown): void {
  const id = context.id;
  context.id = 0;
  const to = live(context);
  if (result !== null && typeof result === "object") moveArrays(result, id, to);
  native.gk_context_end(id, 0, to.id);
}

/**
 * Moves the arrays in `value` (itself one, or in plain arrays and records) that context `from` owns;
 * C leaves others where they are.
 */
export function moveArrays(
  value: unknown,
  from: number,
  to: Context,
  seen?: Set<unknown>,
): void {
  if (value === null || typeof value !== "object") return;
  const handle = handleOf(value);
  if (handle !== 0) {
    if (native.gk_array_move(from, handle, to.id) !== 0 || !to.isOpen) return;
    if (native.gk_array_describe(to.id, handle) === 0) guard(value as NDArray, f64[BYTES]!);
    return;
  }
  const isList = Array.isArray(value);
  if (!isList && Object.getPrototypeOf(value) !== Object.prototype) return;
  if (seen?.has(value)) return;
  const path = (seen ?? new Set()).add(value);
  for (const member of isList ? value : Object.values(value)) moveArrays(member, from, to, path);
}
