// What the tests of users' kernels share: the sources, which the real NVRTC compiles too, and whether there
// is a compiler to run them with.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe } from "node:test";
import * as gk from "../../mod.ts";
import { isStandin } from "../helpers.ts";

/** The text of a file of sources/. */
export function source(name: string): string {
  return readFileSync(new URL(`sources/${name}`, import.meta.url), "utf8");
}

const expected = JSON.parse(source("expected.json"));
/** Headers that the sources include. */
export const headers: Record<string, string> = expected.headers;
/** The signatures of the kernels of each source, by the names that they are asked for. */
export const signatures: Record<string, Record<string, string>> = expected.sources;

const compiled = new Map<string, Record<string, gk.Kernel>>();
/** The kernels of a source, by name: all that expected.json lists, compiled once and kept. */
export function kernelsOf(file: string): Record<string, gk.Kernel> {
  let kernels = compiled.get(file);
  if (kernels === undefined) {
    const made = gk.jit(source(file), Object.keys(signatures[file]!), { headers });
    compiled.set(file, kernels = Object.fromEntries(made.map((k) => [k.name, k])));
  }
  return kernels;
}

/** One of them. */
export function kernelOf(file: string, name: string): gk.Kernel {
  const kernel = kernelsOf(file)[name];
  assert.ok(kernel, `expected.json has no ${name} of ${file}`);
  return kernel;
}

/** Is there a compiler? Over the stand-in there always is. */
export const hasCompiler: boolean = isStandin || gk.info()["nvrtcVersion"] !== undefined;

/** `describe`, or on a GPU without NVRTC nothing. */
export const describeJit: typeof describe.skip = hasCompiler ? describe : describe.skip;

/** A launch of at least `n` threads in blocks of 128. */
export function over(n: number): { grid: number; block: number } {
  return { grid: Math.ceil(n / 128), block: 128 };
}

/** The device computes as before: a kernel and an op give what they should. */
export function staysUsable(): void {
  gk.scope(() => {
    const x = gk.arange(300), y = gk.ones(300);
    kernelOf("saxpy.cu", "saxpy").launch(over(300), 2, x, y, 300);
    assert.equal(y.sum().item(), 300 * 299 + 300);
  });
}
