/**
 * Arrays from files and into files, in NumPy's formats. The formats themselves are npy.ts and
 * npz.ts. They, the file system and the zip library are loaded with the first call: importing
 * gpukit pays for none of them.
 */

import { array } from "../array/create.ts";
import type { NDArray } from "../array/ndarray.ts";
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
