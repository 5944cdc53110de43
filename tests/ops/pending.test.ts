// What CUDA does not compute yet says so, and nothing else does: the list in tests/not_yet_on_cuda.json, by
// which other tests know what to expect, is neither too long nor too short.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectError, isPending, noLeaks, notYetOnCuda } from "../helpers.ts";

noLeaks();

const calls: Record<string, (a: gk.NDArray) => unknown> = {};

describe("what CUDA does not compute yet", () => {
  it("is what is listed", () => {
    assert.deepEqual([...notYetOnCuda].sort(), Object.keys(calls).sort());
  });

  for (const [name, call] of Object.entries(calls)) {
    it(`${name} ${isPending(name) ? "says so" : "is computed here"}`, () => {
      gk.scope(() => {
        const a = gk.arange(8);
        if (isPending(name)) {
          expectError(() => call(a), gk.UnsupportedError, /cuda:\d.*to\("cpu"\)/);
        } else call(a);
        assert.equal(gk.sum(a).item(), 28);
        const here = gk.defaultDevice();
        gk.setDefaultDevice("cpu");
        try {
          call(gk.arange(8));
        } finally {
          gk.setDefaultDevice(here);
        }
      });
    });
  }
});
