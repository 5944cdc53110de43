// Graphs: ops recorded once and replayed inside the library, without JavaScript in between.

import { check, i32, lastError, native, rootId, STREAM } from "../device/block.ts";
import { whenDone } from "../device/completion.ts";
import { begin, current, root, runSync } from "../device/context.ts";
import type { Stream } from "../device/stream.ts";
import { NDArray } from "../array/ndarray.ts";
import { moveArrays } from "../device/scope.ts";
import { DisposedError, GpukitError } from "../errors.ts";

const registry = new FinalizationRegistry<number>((h) => native.gk_graph_dispose(rootId, h));

/** A recorded list of ops. Made by `graph`. */
export class Graph<T = unknown> {
  #handle: number;
  #stream = 0;
  /**
   * What the recorded function returned. Its arrays lie in the graph's memory: each launch
   * overwrites them, and they end with the graph.
   */
  readonly outputs: T;

  /** Not for users: graphs come from `graph`. */
  constructor(handle: number, outputs: T) {
    this.#handle = handle;
    this.outputs = outputs;
    registry.register(this, handle, this);
  }

  #live(op: string): number {
    if (this.#handle === 0) throw new DisposedError(`${op}: the graph is disposed`, { op });
    return this.#handle;
  }

  /**
   * Submits all its ops, on a stream; without one on the current stream, or where that is of another device
   * than the graph, on the default one of the graph's.
   */
  launch(options?: { readonly stream?: Stream | undefined }): void {
    const stream = options?.stream?.handle("launch") ?? 0;
    check(native.gk_graph_launch(current().id, this.#live("launch"), stream), "launch");
    this.#stream = i32[STREAM]! >>> 0;
  }

  /** Resolves when the last launch has run; rejects if an op of it failed. */
  async done(): Promise<void> {
    this.#live("done");
    await whenDone(current().id, this.#stream, "done");
  }

  /** Has it been disposed? */
  get isDisposed(): boolean {
    return this.#handle === 0;
  }

  /** Frees the graph and its outputs. Launches that were submitted still run. */
  dispose(): void {
    if (this.#handle === 0) return;
    registry.unregister(this);
    native.gk_graph_dispose(rootId, this.#handle);
    this.#handle = 0;
    for (const array of arraysIn(this.outputs)) array.dispose();
  }

  /** Frees the graph at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Records the ops that `fn` submits without running them. Arrays made inside live in the graph's
 * memory; those that `fn` returns, also inside plain arrays and records, are `outputs`. Operands
 * from outside are read anew by each launch. Random numbers advance with each launch.
 *
 * @throws {UnsupportedError} `fn` reads a value.
 * @throws {GpukitError} `fn` returned a promise.
 */
export function graph<T>(fn: () => T): Graph<T> {
  if (typeof fn !== "function") {
    throw new GpukitError(`graph: takes a function, got ${typeof fn}`, { op: "graph" });
  }
  const context = begin(current(), true, 0);
  const { id } = context;
  let handle = 0;
  try {
    check(native.gk_graph_begin(id), "graph");
    let outputs: T;
    try {
      outputs = runSync(context, fn);
      refusePromise(outputs);
    } catch (error) {
      native.gk_graph_end(id, 1);
      throw error;
    }
    handle = native.gk_graph_end(id, 0);
    if (handle === 0) throw lastError("graph");
    moveArrays(outputs, id, root);
    return new Graph(handle, outputs);
  } finally {
    context.id = 0;
    native.gk_context_end(id, 0, rootId);
  }
}

function refusePromise(x: unknown): void {
  if (typeof (x as { then?: unknown } | null)?.then !== "function") return;
  (x as Promise<unknown>).then(undefined, () => {});
  throw new GpukitError(
    "graph: the function returned a promise; record ops in a plain function and await " +
      "g.done() after g.launch()",
    { op: "graph" },
  );
}

function* arraysIn(value: unknown): Generator<NDArray> {
  if (value instanceof NDArray) yield value;
  else if (Array.isArray(value)) { for (const member of value) yield* arraysIn(member); }
  else if (
    value !== null && typeof value === "object" &&
    Object.getPrototypeOf(value) === Object.prototype
  ) {
    for (const member of Object.values(value)) yield* arraysIn(member);
  }
}
