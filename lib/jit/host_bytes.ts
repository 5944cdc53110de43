// Memory of the host as bytes.

import { GpukitError } from "../errors.ts";
import { kindOf } from "../array/ndarray.ts";

/** Bytes of the host: an ArrayBuffer, or a typed array or another view on one. */
export type HostBytes = ArrayBuffer | ArrayBufferView<ArrayBuffer>;

/** Is it such? Memory that threads share is not: it may change while it is copied. */
export function isHostBytes(x: unknown): x is HostBytes {
  return x instanceof ArrayBuffer || (ArrayBuffer.isView(x) && x.buffer instanceof ArrayBuffer);
}

/** The bytes behind host memory; throws where it is none. */
export function hostBytes(host: unknown, op: string): Uint8Array<ArrayBuffer> {
  if (host instanceof ArrayBuffer) return new Uint8Array(host);
  if (ArrayBuffer.isView(host) && host.buffer instanceof ArrayBuffer) {
    return new Uint8Array(host.buffer, host.byteOffset, host.byteLength);
  }
  throw new GpukitError(
    `${op}: expects an ArrayBuffer or a typed array on one, got ${kindOf(host)}`,
    { op },
  );
}
