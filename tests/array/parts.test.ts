// real and imag: views of the parts of complex64, of any layout, to read and to write.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { expectArray, expectClose, expectError, noLeaks, scoped } from "../helpers.ts";

noLeaks();

/** [[0+100i, 1+101i, 2+102i], [3+103i, 4+104i, 5+105i]] */
function sample(): gk.NDArray<"complex64"> {
  const parts = Float32Array.from(
    { length: 12 },
    (_, i) => i % 2 === 0 ? i / 2 : 100 + (i - 1) / 2,
  );
  return gk.array(parts, { dtype: "complex64", shape: [2, 3] });
}

describe("real and imag of complex64", () => {
  it(
    "are float32 views with twice the strides",
    scoped(() => {
      const z = sample();
      const re = gk.real(z), im = z.imag;
      assert.deepEqual([re.dtype, re.shape, re.strides], ["float32", [2, 3], [24, 8]]);
      assert.equal(re.isContiguous, false);
      expectArray(re, [[0, 1, 2], [3, 4, 5]], "float32");
      expectArray(im, [[100, 101, 102], [103, 104, 105]], "float32");
    }),
  );

  it(
    "of views: transposed, reversed, with steps, broadcast, of one element, of none",
    scoped(() => {
      const z = sample();
      expectArray(z.T.imag, [[100, 103], [101, 104], [102, 105]], "float32");
      expectArray(z.flip().real, [[5, 4, 3], [2, 1, 0]], "float32");
      expectArray(z.at(":", "::-2").imag, [[102, 100], [105, 103]], "float32");
      expectArray(z.at(1).broadcastTo([2, 3]).real, [[3, 4, 5], [3, 4, 5]], "float32");
      expectArray(z.at(1, 2).imag, 105, "float32");
      assert.deepEqual(z.at("2:").imag.shape, [0, 3]);
      assert.deepEqual(gk.zeros([0], { dtype: "complex64" }).imag.shape, [0]);
      expectArray(z.real.T.at(1), [1, 4], "float32");
      expectArray(z.imag.reshape([3, 2]), [[100, 101], [102, 103], [104, 105]], "float32");
    }),
  );

  it(
    "are written through",
    scoped(() => {
      const z = sample();
      z.imag.fill(0);
      z.real.at("::-1", "1:").set(7);
      gk.neg(z.at(0).real, { out: z.at(0).imag });
      z.T.real.addInplace(0.5);
      expectClose(z, [0.5, 0, 7.5, -7, 7.5, -7, 3.5, 0, 7.5, 0, 7.5, 0]);
      z.real.copyFrom(z.imag.flip(1));
      expectClose(z.real, [-7, -7, 0, 0, 0, 0]);
    }),
  );

  it(
    "overlap the array and not each other",
    scoped(() => {
      const z = sample();
      const { real, imag } = z;
      gk.add(real, 1, { out: imag });
      expectClose(imag, [1, 2, 3, 4, 5, 6]);
      expectError(() => gk.add(z, 1, { out: z.flip() }), gk.GpukitError, /overlaps/);
      expectError(() => gk.abs(z, { out: real }), gk.GpukitError, /overlaps/);
      const wide = z.at(0, 0).broadcastTo([3]).real;
      expectError(() => void wide.fill(1), gk.GpukitError, /broadcast/);
    }),
  );

  it(
    "make the array again",
    scoped(() => {
      const z = sample().T;
      const again = gk.zeros(z.shape, { dtype: "complex64" });
      again.real.copyFrom(z.real);
      again.imag.copyFrom(z.imag);
      assert.equal(gk.arrayEqual(again, z), true);
    }),
  );

  it(
    "of other dtypes: the array itself, and zeros",
    scoped(() => {
      for (const dtype of ["bool", "int16", "bfloat16", "float64"] as const) {
        const a = gk.ones([2], { dtype });
        assert.equal(a.real.dtype, dtype);
        assert.equal(gk.imag(a).dtype, dtype);
        expectClose(a.imag, [0, 0]);
        a.real.fill(0);
        expectClose(a, [0, 0]);
      }
    }),
  );
});
