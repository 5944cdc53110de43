// Streams and events. Ops of one stream run in order, streams run side by side; storage used on
// several is kept in order by the library.

import { check, lastError, native, rootId } from "./block.ts";
import { whenDone } from "./completion.ts";
import { begin, type Context, current, live, runIn } from "./context.ts";
import { device, type DeviceLike } from "./device.ts";
import { DisposedError, GpukitError } from "../errors.ts";

/** What `stream` takes. */
export interface StreamOptions {
  /** Where it runs; the default device if absent. */
  readonly device?: DeviceLike | undefined;
  /** Whose work goes first where the device has to choose. */
  readonly priority?: "low" | "normal" | "high" | undefined;
}

const priorities = { low: -1, normal: 0, high: 1 };

// Streams and events that nobody disposed. Queued work of a stream still runs.
const streams = new FinalizationRegistry<number>((h) => native.gk_stream_dispose(rootId, h));
const events = new FinalizationRegistry<number>((h) => native.gk_event_dispose(rootId, h));

/** A queue of work on one device. Made by `stream`. */
export class Stream {
  #handle: number;

  /** Not for users: streams come from `stream`. */
  constructor(handle: number) {
    this.#handle = handle;
    streams.register(this, handle, this);
  }

  /** The live handle; throws where the stream is disposed. For gpukit's own use. */
  handle(op: string): number {
    if (this.#handle === 0) throw new DisposedError(`${op}: the stream is disposed`, { op });
    return this.#handle;
  }

  /**
   * Runs `fn` with this stream as the current one and returns what it returns; its ops are ordered
   * on the stream. An async function keeps the stream across `await`. Arrays made inside belong to
   * the scope around.
   *
   * @throws {GpukitError} A plain function returned a promise: write `async`.
   */
  run<T>(fn: () => T): T {
    return runIn(begin(current(), false, this.handle("run")), "run", fn, endRun);
  }

  /** Resolves when all that was submitted so far has run; rejects if an op of it failed. */
  async done(): Promise<void> {
    await whenDone(current().id, this.handle("done"), "done");
  }

  /** Blocks until all that was submitted has run. Errors of the ops surface here. */
  synchronize(): void {
    check(
      native.gk_stream_synchronize(current().id, this.handle("synchronize"), -1),
      "synchronize",
    );
  }

  /** An event behind all that was submitted so far. */
  record(): StreamEvent {
    const handle = native.gk_stream_record(current().id, this.handle("record"));
    if (handle === 0) throw lastError("record");
    return new StreamEvent(handle);
  }

  /** What is submitted from now on waits until `event` has happened. */
  wait(event: StreamEvent): void {
    if (!(event instanceof StreamEvent)) {
      throw new GpukitError("wait: expects an event that record() returned", { op: "wait" });
    }
    check(
      native.gk_stream_wait(current().id, this.handle("wait"), event.handle("wait")),
      "wait",
    );
  }

  /** Has it been disposed? */
  get isDisposed(): boolean {
    return this.#handle === 0;
  }

  /** Frees the stream; work that was submitted still runs. */
  dispose(): void {
    if (this.#handle === 0) return;
    streams.unregister(this);
    native.gk_stream_dispose(rootId, this.#handle);
    this.#handle = 0;
  }

  /** Frees the stream at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function endRun(context: Context): void {
  const id = context.id;
  context.id = 0;
  native.gk_context_end(id, 1, live(context).id);
}

/** A point in the work of a stream. Made by `record`. */
export class StreamEvent {
  #handle: number;

  /** Not for users: events come from `record`. */
  constructor(handle: number) {
    this.#handle = handle;
    events.register(this, handle, this);
  }

  /** The live handle; throws where the event is disposed. For gpukit's own use. */
  handle(op: string): number {
    if (this.#handle === 0) throw new DisposedError(`${op}: the event is disposed`, { op });
    return this.#handle;
  }

  /** Has all work before it run? Does not wait. */
  get hasHappened(): boolean {
    return native.gk_event_query(current().id, this.handle("hasHappened")) === 1;
  }

  /** Milliseconds from `start` to this event; blocks until both have happened. */
  elapsedMs(start: StreamEvent): number {
    if (!(start instanceof StreamEvent)) {
      throw new GpukitError("elapsedMs: expects an event that record() returned", {
        op: "elapsedMs",
      });
    }
    const ms = native.gk_event_elapsed(
      current().id,
      start.handle("elapsedMs"),
      this.handle("elapsedMs"),
    );
    if (Number.isNaN(ms)) throw lastError("elapsedMs");
    return ms;
  }

  /** Frees the event. */
  dispose(): void {
    if (this.#handle === 0) return;
    events.unregister(this);
    native.gk_event_dispose(rootId, this.#handle);
    this.#handle = 0;
  }

  /** Frees the event at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * A new stream.
 *
 * @throws {DeviceError} There is no such device.
 */
export function stream(options: StreamOptions = {}): Stream {
  const priority = priorities[options.priority ?? "normal"];
  if (priority === undefined) {
    throw new GpukitError(
      `stream: priority is "low", "normal" or "high", not ${JSON.stringify(options.priority)}`,
      { op: "stream" },
    );
  }
  const handle = native.gk_stream_create(current().id, device(options.device).index, priority);
  if (handle === 0) throw lastError("stream");
  return new Stream(handle);
}

/** The bits of an op word that choose a stream. */
export function streamBits(s: Stream, op: string): number {
  if (!(s instanceof Stream)) {
    throw new GpukitError(`${op}: option stream expects a stream of gk.stream()`, { op });
  }
  return (s.handle(op) & 0xffff) * 65536;
}
