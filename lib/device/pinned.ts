// Pinned host memory: buffers of JavaScript that are registered with the library, so that copies need
// no staging where the device has such, and run in a stream's order.

import { check, i32, lastError, native, rootId, STREAM } from "./block.ts";
import { whenRun } from "./completion.ts";
import { current } from "./context.ts";
import { type Stream, streamBits } from "./stream.ts";
import { handleOf, kindOf, type NDArray, refuse } from "../array/ndarray.ts";
import { DisposedError, GpukitError, ShapeError } from "../errors.ts";

/** Registered memory. Views on it (`new Float32Array(buffer)`) are ordinary typed arrays. */
export class PinnedBuffer extends ArrayBuffer {
  #handle = 0;

  /** Not for users: buffers come from `pinned`. */
  constructor(bytes: number) {
    super(bytes);
    this.#handle = native.gk_buffer_register(rootId, new Uint8Array(this), bytes);
    if (this.#handle === 0) throw lastError("pinned");
    registered.add(this);
  }

  /** The live handle; throws where the buffer is disposed. For gpukit's own use. */
  handle(op: string): number {
    if (this.#handle === 0) throw new DisposedError(`${op}: the buffer is disposed`, { op });
    return this.#handle;
  }

  /** Ends the registration; the memory stays an ordinary ArrayBuffer. */
  dispose(): void {
    if (this.#handle === 0) return;
    native.gk_buffer_release(rootId, this.#handle);
    this.#handle = 0;
    registered.delete(this);
  }

  /** Ends the registration at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

// The library knows the address of registered memory: it must not be collected before.
const registered = new Set<PinnedBuffer>();

/**
 * A buffer of host memory, registered until it is disposed.
 *
 * @throws {ShapeError} `bytes` is not a positive whole number.
 */
export function pinned(bytes: number): PinnedBuffer {
  if (Number.isSafeInteger(bytes) && bytes > 0) return new PinnedBuffer(bytes);
  throw new ShapeError(`pinned: the size must be a positive whole number, got ${kindOf(bytes)}`, {
    op: "pinned",
  });
}

/** A pinned buffer, or a view on a part of one. */
export type PinnedMemory = PinnedBuffer | ArrayBufferView<ArrayBuffer>;

/** What `copyAsync` takes. */
export interface CopyOptions {
  /**
   * The stream that the copy is ordered on; if absent the current one, or where that is of another device
   * than the array, the default one of the array's.
   */
  readonly stream?: Stream | undefined;
}

/**
 * Copies between an array and pinned memory, in the order of a stream. Resolves when it is done. The
 * memory holds the array's elements in row-major order, from its start; what it has beyond stays.
 *
 * @throws {ShapeError} The memory is smaller than the array.
 * @throws {GpukitError} Not one side is an array and the other pinned memory.
 */
export async function copyAsync(
  to: NDArray | PinnedMemory,
  from: NDArray | PinnedMemory,
  options?: CopyOptions,
): Promise<void> {
  const isUpload = handleOf(to) !== 0;
  const array = isUpload ? to : from;
  const handle = handleOf(array) || refuse(array, "copyAsync");
  const [buffer, offset] = pinnedPart(isUpload ? from : to, (array as NDArray).nbytes);
  const bits = options?.stream === undefined ? 0 : streamBits(options.stream, "copyAsync");
  const id = buffer.handle("copyAsync");
  const context = current().id;
  const direction = bits + (isUpload ? 1 : 0);
  check(native.gk_buffer_copy(context, id, handle, direction, offset), "copyAsync");
  await whenRun(context, i32[STREAM]! >>> 0, "copyAsync");
  check(native.gk_buffer_collect(rootId, buffer.handle("copyAsync")), "copyAsync");
}

function pinnedPart(memory: unknown, needed: number): [PinnedBuffer, number] {
  const [buffer, offset] = ArrayBuffer.isView(memory)
    ? [memory.buffer, memory.byteOffset]
    : [memory, 0];
  if (buffer instanceof PinnedBuffer) {
    const { byteLength } = memory as ArrayBufferView;
    if (byteLength >= needed) return [buffer, offset];
    throw new ShapeError(`copyAsync: the array has ${needed} bytes, the memory ${byteLength}`, {
      op: "copyAsync",
    });
  }
  throw new GpukitError(
    `copyAsync: expects an array and memory of gk.pinned(), got ${kindOf(memory)}; ` +
      "a.copyFrom() and a.data() take ordinary memory",
    { op: "copyAsync" },
  );
}
