// What the tests of errors share: one call that must fail with one class, and a message that names
// what came in; and proof that nothing else was touched.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import * as gk from "../../mod.ts";

/** An error class of gpukit. */
// deno-lint-ignore no-explicit-any
type ErrorClass = new (...args: any[]) => gk.GpukitError;

/**
 * `call` must throw `type` exactly (GpukitError: any of its classes), its message containing every
 * part.
 */
export function fails(call: () => unknown, type: ErrorClass, ...parts: (string | RegExp)[]): void {
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  isExpected(error, type, parts, String(call));
}

/** The same for promises. */
export async function rejects(
  call: () => Promise<unknown>,
  type: ErrorClass,
  ...parts: (string | RegExp)[]
): Promise<void> {
  let error: unknown;
  try {
    await call();
  } catch (thrown) {
    error = thrown;
  }
  isExpected(error, type, parts, String(call));
}

function isExpected(
  error: unknown,
  type: ErrorClass,
  parts: (string | RegExp)[],
  call: string,
): void {
  assert.ok(error !== undefined, `${call} did not throw`);
  assert.ok(error instanceof gk.GpukitError, `${call} threw ${error}`);
  assert.equal(error.name, error.constructor.name);
  if (type !== gk.GpukitError) {
    assert.equal(error.constructor.name, type.name, `${call}: ${error.message}`);
  }
  assert.ok(error.code.length > 0);
  for (const part of parts) {
    const found: boolean = typeof part === "string"
      ? error.message.includes(part)
      : part.test(error.message);
    assert.ok(found, `${call}: "${error.message}" does not contain ${part}`);
  }
}

/** Around a file: the arrays of a witness stay as they are, and no array is left behind. */
export function leavesOthersIntact(): void {
  let witness: gk.NDArray<"float32">;
  let live = 0;
  before(() => {
    live = gk.memory().live;
    witness = gk.arange(1000);
  });
  after(() => {
    const data = witness.dataSync();
    for (let i = 0; i < 1000; i++) assert.equal(data[i], i);
    witness.dispose();
    assert.equal(gk.memory().live, live, "arrays were left behind");
  });
}
