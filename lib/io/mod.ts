/**
 * Arrays from files and into files, in NumPy's formats. The formats themselves are npy.ts and
 * npz.ts; the zip library is loaded with the first .npz.
 */

import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { array } from "../array/create.ts";
import type { NDArray } from "../array/ndarray.ts";
import type { DeviceLike } from "../device/device.ts";
import { formatNpy, type Npy, parseNpy } from "./npy.ts";

/** What the loading functions take. */
export interface LoadOptions {
  /** The device; the current one if absent. */
  readonly device?: DeviceLike | undefined;
}

/** Reads an array from a .npy file. */
export async function loadNpy(path: string | URL, options: LoadOptions = {}): Promise<NDArray> {
  return toArray(parseNpy(await readFile(path), nameOf(path)), options);
}

/** Writes an array to a .npy file, as `numpy.save` does. */
export async function saveNpy(path: string | URL, a: NDArray): Promise<void> {
  await writeFile(path, formatNpy(await toNpy(a)));
}

/** Reads all arrays of a .npz file, by name. */
export async function loadNpz(
  path: string | URL,
  options: LoadOptions = {},
): Promise<Record<string, NDArray>> {
  const [bytes, { parseNpz }] = await Promise.all([readFile(path), import("./npz.ts")]);
  const members = Object.entries(parseNpz(bytes, nameOf(path)));
  return Object.fromEntries(members.map(([name, npy]) => [name, toArray(npy, options)]));
}

/** Writes arrays to a .npz file, as `numpy.savez` or, with `compress`, `numpy.savez_compressed`. */
export async function saveNpz(
  path: string | URL,
  arrays: Readonly<Record<string, NDArray>>,
  options: { readonly compress?: boolean } = {},
): Promise<void> {
  const { formatNpz } = await import("./npz.ts");
  const members = await Promise.all(
    Object.entries(arrays).map(async ([name, a]) => [name, await toNpy(a)] as const),
  );
  await writeFile(path, formatNpz(Object.fromEntries(members), options));
}

function nameOf(path: string | URL): string {
  return basename(path instanceof URL ? fileURLToPath(path) : path);
}

function toArray({ data, dtype, shape }: Npy, { device }: LoadOptions): NDArray {
  return array(data, { dtype, shape, device });
}

async function toNpy(a: NDArray): Promise<Npy> {
  const { dtype, shape } = a;
  // bfloat16 passes on to formatNpy, which refuses it and says what to do.
  return { dtype: dtype as Npy["dtype"], shape, data: await a.data() };
}
