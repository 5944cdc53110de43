// Contexts: what scope, current device and current stream a call has. A context is a number in C;
// here each has a Context with the parent to which late work and kept arrays go.

import { AsyncLocalStorage } from "node:async_hooks";
import { lastError, native, rootId } from "./block.ts";
import { GpukitError } from "../errors.ts";

/** One context. */
export class Context {
  /** The context in C; 0 once it has ended. */
  id: number;
  /** The context around it; null for the root. */
  readonly parent: Context | null;
  /** Does it free its arrays at its end? Else they move to the parent. */
  readonly isScope: boolean;
  /** Is there no scope around: must a finalizer look after arrays made here? */
  readonly isOpen: boolean;
  constructor(id: number, parent: Context | null, isScope: boolean) {
    this.id = id;
    this.parent = parent;
    this.isScope = isScope;
    this.isOpen = !isScope && (parent === null || parent.isOpen);
  }
}

/** The context outside every scope. */
export const root: Context = new Context(rootId, null, false);

const storage = new AsyncLocalStorage<Context>();
// The context of the plain function that runs right now; undefined: ask the storage.
let sync: Context | undefined;

/** `context`, or where it has ended the nearest one around it that has not. */
export function live(context: Context): Context {
  let c = context;
  while (c.id === 0) c = c.parent!;
  return c;
}

/** The context of this moment. */
export function current(): Context {
  if (sync !== undefined) return sync;
  const c = storage.getStore();
  return c === undefined ? root : c.id !== 0 ? c : live(c);
}

/** A new context below `parent`, on `stream` (0: the parent's). */
export function begin(parent: Context, isScope: boolean, stream: number): Context {
  const id = native.gk_context_begin(parent.id, stream);
  if (id === 0) throw lastError(isScope ? "scope" : "run");
  return new Context(id, parent, isScope);
}

/** Runs a plain function in a context. */
export function runSync<T>(context: Context, fn: () => T): T {
  const before = sync;
  sync = context;
  try {
    return fn();
  } finally {
    sync = before;
  }
}

// Until its first await an async function runs inside whatever plain function called it, whose
// context must not hide its own.
function runAsync<T>(context: Context, fn: () => T): T {
  const before = sync;
  sync = undefined;
  try {
    return storage.run(context, fn);
  } finally {
    sync = before;
  }
}

const asyncPrototype = Object.getPrototypeOf(async () => {});

/**
 * Runs `fn` in `context` and calls `end` once with its result when it has returned, or with
 * undefined when it has thrown. An async function keeps the context across its awaits.
 */
export function runIn<T>(
  context: Context,
  op: string,
  fn: () => T,
  end: (context: Context, result: unknown) => void,
): T {
  if (typeof fn !== "function") {
    end(context, undefined);
    throw new GpukitError(`${op}: takes a function, got ${typeof fn}`, { op });
  }
  if (Object.getPrototypeOf(fn) === asyncPrototype) {
    return finishAsync(context, fn as () => Promise<unknown>, end) as T;
  }
  let result: T;
  try {
    result = runSync(context, fn);
  } catch (error) {
    end(context, undefined);
    throw error;
  }
  if (isPromise(result)) {
    end(context, undefined);
    result.then(undefined, () => {}); // the error below is the one to see
    throw new GpukitError(
      `${op}: the function returned a promise but is not async, so that its context ends ` +
        `before its work; write ${op}(async () => ...)`,
      { op },
    );
  }
  end(context, result);
  return result;
}

async function finishAsync<T>(
  context: Context,
  fn: () => Promise<T>,
  end: (context: Context, result: unknown) => void,
): Promise<T> {
  let result: T;
  try {
    result = await runAsync(context, fn);
  } catch (error) {
    end(context, undefined);
    throw error;
  }
  end(context, result);
  return result;
}

function isPromise(x: unknown): x is PromiseLike<unknown> {
  return x !== null && typeof x === "object" &&
    typeof (x as { then?: unknown }).then === "function";
}
