/**
 * Arrays from files and into files: NumPy's .npy and .npz, and safetensors. The formats themselves are
 * npy.ts, npz.ts and safetensors.ts. They, the file system and the zip library are loaded with the first call: importing
 * gpukit pays for none of them.
 */

import { array } from "../array/create.ts";
import { dtypes, type HostArray } from "../array/dtype.ts";
import type { NDArray } from "../array/ndarray.ts";
import { FormatError } from "../errors.ts";
import type { DeviceLike } from "../device/device.ts";
import type { Npy } from "./npy.ts";

/** What the loading functions take. */
export interface LoadOptions {
  /** The device; the current one if absent. */
  readonly device?: DeviceLike | undefined;
}

/** What `saveNpz` takes. */
export interface SaveNpzOptions {
  /** Is the file compressed, as by `numpy.savez_compressed`? */
  readonly compress?: boolean | undefined;
}

/**
 * Reads an array from a .npy file.
 *
 * @throws {FormatError} The file is not .npy, is damaged, or holds a dtype that gpukit lacks.
 */
export async function loadNpy(path: string | URL, options?: LoadOptions): Promise<NDArray> {
  const { parseNpy } = await import("./npy.ts");
  return toArray(parseNpy(await read(path), nameOf(path)), options);
}

/**
 * Writes an array to a .npy file, as `numpy.save` does.
 *
 * @throws {DTypeError} The array is bfloat16, which .npy cannot hold.
 */
export async function saveNpy(path: string | URL, a: NDArray): Promise<void> {
  const [npy, { formatNpy }] = await Promise.all([toNpy(a), import("./npy.ts")]);
  await write(path, formatNpy(npy));
}

/**
 * Reads all arrays of a .npz file, by name.
 *
 * @throws {FormatError} The file is not .npz, is damaged, or holds a dtype that gpukit lacks.
 */
export async function loadNpz(
  path: string | URL,
  options?: LoadOptions,
): Promise<Record<string, NDArray>> {
  const { parseNpz } = await import("./npz.ts");
  const members = Object.entries(parseNpz(await read(path), nameOf(path)));
  return Object.fromEntries(members.map(([name, npy]) => [name, toArray(npy, options)]));
}

/**
 * Writes arrays to a .npz file, as `numpy.savez` does.
 *
 * @throws {DTypeError} An array is bfloat16, which .npy cannot hold.
 * @throws {UnsupportedError} Together they are larger than 4 GiB.
 */
export async function saveNpz(
  path: string | URL,
  arrays: Readonly<Record<string, NDArray>>,
  options?: SaveNpzOptions,
): Promise<void> {
  const reads = Object.entries(arrays).map(async ([name, a]) => [name, await toNpy(a)] as const);
  const [members, { formatNpz }] = await Promise.all([Promise.all(reads), import("./npz.ts")]);
  await write(path, formatNpz(Object.fromEntries(members), options));
}

/** What `saveSafetensors` takes. */
export interface SaveSafetensorsOptions {
  /** Texts that go with the tensors. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/**
 * Reads all tensors of a .safetensors file, by name, one after the other: the file may be larger than
 * the host's memory where the device's is not.
 *
 * @throws {FormatError} The file is not .safetensors, is damaged, or holds a dtype that gpukit lacks.
 */
export async function loadSafetensors(
  path: string | URL,
  options?: LoadOptions,
): Promise<Record<string, NDArray>> {
  const [{ open }, format] = await Promise.all([
    import("node:fs/promises"),
    import("./safetensors.ts"),
  ]);
  const source = nameOf(path);
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const readAt = async (start: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length;) {
        const part = Math.min(length - at, 1 << 30);
        const { bytesRead } = await file.read(bytes, at, part, start + at);
        if (bytesRead === 0) return bytes.subarray(0, at); // cut off meanwhile, or at the prefix
        at += bytesRead;
      }
      return bytes;
    };
    const prefix = await readAt(0, Math.min(format.PREFIX, size));
    const header = format.headerLength(prefix, size, source);
    const first = format.PREFIX + header;
    const text = await readAt(format.PREFIX, header);
    const arrays: [string, NDArray][] = [];
    for (
      const { name, dtype, shape, start, end } of format.parseHeader(text, size - first, source)
    ) {
      const bytes = await readAt(first + start, end - start);
      if (bytes.length !== end - start) {
        throw new FormatError(`loadSafetensors: ${source} became shorter while it was read`, {
          op: "loadSafetensors",
        });
      }
      const { Host } = dtypes[dtype];
      const data = new (Host as unknown as new (buffer: ArrayBuffer) => HostArray)(bytes.buffer);
      arrays.push([name, array(data, { dtype, shape, device: options?.device })]);
    }
    return Object.fromEntries(arrays);
  } finally {
    await file.close();
  }
}

/**
 * Writes arrays to a .safetensors file, as the format's own library reads it.
 *
 * @throws {DTypeError} An array is complex64, which the format lacks.
 */
export async function saveSafetensors(
  path: string | URL,
  arrays: Readonly<Record<string, NDArray>>,
  options?: SaveSafetensorsOptions,
): Promise<void> {
  // Wide items first, so that all are aligned.
  const tensors = Object.entries(arrays)
    .map(([name, a]) => ({ name, dtype: a.dtype, shape: a.shape, data: a.data() }))
    .sort((a, b) => dtypes[b.dtype].itemsize - dtypes[a.dtype].itemsize);
  const reads = Promise.all(tensors.map(({ data }) => data));
  const [data, { open }, { formatHeader }] = await Promise.all([
    reads,
    import("node:fs/promises"),
    import("./safetensors.ts"),
  ]);
  const header = formatHeader(tensors, options?.metadata);
  const file = await open(path, "w");
  try {
    await file.writeFile(header);
    for (const { buffer, byteOffset, byteLength } of data) {
      for (let at = 0; at < byteLength; at += 1 << 30) {
        const part = Math.min(byteLength - at, 1 << 30);
        await file.writeFile(new Uint8Array(buffer, byteOffset + at, part));
      }
    }
  } finally {
    await file.close();
  }
}

async function read(path: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  const { readFile } = await import("node:fs/promises");
  return await readFile(path);
}

async function write(path: string | URL, bytes: Uint8Array): Promise<void> {
  const { writeFile } = await import("node:fs/promises");
  await writeFile(path, bytes);
}

function nameOf(path: string | URL): string {
  return String(path).split(/[\\/]/).at(-1)!;
}

function toArray({ data, dtype, shape }: Npy, options: LoadOptions | undefined): NDArray {
  return array(data, { dtype, shape, device: options?.device });
}

/** Begins to read at once: what is saved are the elements as of the call. */
async function toNpy(a: NDArray): Promise<Npy> {
  const { dtype, shape } = a;
  // bfloat16 passes on to formatNpy, which refuses it and says what to do.
  return { dtype: dtype as Npy["dtype"], shape, data: await a.data() };
}
