// gk.testing: what passes, and the message where something does not.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { noLeaks, scoped } from "../helpers.ts";

noLeaks();

const { assertAllclose, assertArrayEqual } = gk.testing;

/** The message of the error that `fn` throws. */
function messageOf(fn: () => void): string {
  try {
    fn();
  } catch (error) {
    assert.ok(error instanceof gk.testing.ArrayAssertionError, String(error));
    assert.equal(error.code, "ASSERTION");
    assert.equal(error.name, "ArrayAssertionError");
    return error.message;
  }
  return assert.fail("it did not throw");
}

describe("gk.testing", () => {
  it(
    "lets pass what is close or equal",
    scoped(() => {
      const a = gk.array([[1, 2], [NaN, Infinity]]);
      assertAllclose(a, [[1, 2], [NaN, Infinity]]);
      assertAllclose(a.at(0), [1, 2.00001]);
      assertAllclose(a.at(0, 0), 1);
      assertAllclose(gk.ones([2, 3], { dtype: "bfloat16" }), 1);
      assertArrayEqual(a, a);
      assertArrayEqual(gk.arange(3).astype("int64"), [0n, 1n, 2n]);
      assertArrayEqual(gk.array([true, false]), [true, false]);
      assertArrayEqual(new Float64Array([0.1]), [0.1]);
      assertArrayEqual(gk.zeros([0, 2]), gk.zeros([0, 2]));
      assertAllclose(gk.arange(3).astype("complex64"), [0, 1, 2]);
    }),
  );

  it(
    "counts and places the differences",
    scoped(() => {
      const a = gk.array([[1, 2, 3], [4, 5, 6]]);
      const message = messageOf(() => assertAllclose(a, [[1, 2.5, 3], [4, 5, 5]], { rtol: 0.01 }));
      assert.equal(
        message,
        `assertAllclose: 2 of 6 elements (33.3%) differ by more than atol + rtol * |expected|, with rtol = 0.01 and atol = 1e-8
  largest absolute difference: 1 at [1, 2]
  largest relative difference: 0.2 at [0, 1]
  at [0, 1]: 2.0 instead of 2.5
  at [1, 2]: 6.0 instead of 5.0
actual:   float32 [2, 3]
[[1. 2. 3.]
 [4. 5. 6.]]
expected: float64 [2, 3]
[[1.  2.5 3. ]
 [4.  5.  5. ]]`,
      );
    }),
  );

  it(
    "shows the first few of many, and differences that are not numbers",
    scoped(() => {
      const many = messageOf(() => assertArrayEqual(gk.arange(100), gk.ones(100)));
      assert.match(many, /^assertArrayEqual: 99 of 100 elements \(99%\) differ\n/);
      assert.match(many, /\n {2}at \[0\]: 0.* instead of 1.*\n {2}at \[2\]: 2.* instead of 1/);
      assert.match(many, /\n {2}and 94 more\n/);
      const nan = messageOf(() => assertAllclose(gk.array([NaN, 1]), [1, Infinity]));
      assert.doesNotMatch(nan, /largest/);
      assert.match(nan, /at \[0\]: nan instead of 1/);
      const wide = messageOf(() =>
        assertArrayEqual(gk.array([2n ** 60n]), gk.array([2n ** 60n + 1n]))
      );
      assert.match(wide, /1152921504606846976 instead of 1152921504606846977/);
      assert.match(
        messageOf(() => assertArrayEqual(gk.array([true]), [false])),
        /True instead of False/i,
      );
      const z = gk.array(new Float32Array([1, 2]), { dtype: "complex64", shape: [1] });
      assert.match(messageOf(() => assertAllclose(z, 1)), /\(1\+2j\) instead of 1/);
    }),
  );

  it(
    "says that shapes differ, and that NaN does",
    scoped(() => {
      const message = messageOf(() => assertAllclose(gk.ones([2, 3]), gk.ones([3, 2])));
      assert.match(message, /^assertAllclose: the shapes differ\nactual: {3}float32 \[2, 3\]/);
      messageOf(() => assertArrayEqual(gk.ones(2), [[1, 1]]));
      const nan = gk.array([NaN]);
      messageOf(() => assertAllclose(nan, nan, { equalNan: false }));
      messageOf(() => assertArrayEqual(nan, nan, { equalNan: false }));
    }),
  );
});
