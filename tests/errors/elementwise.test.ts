// Elementwise ops on dtypes, numbers and outputs that they do not take: the messages say what they do.

import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { fails, leavesOthersIntact } from "./expect.ts";

leavesOthersIntact();

describe("elementwise ops", () => {
  it("of bits take integers", () => {
    gk.scope(() => {
      const a = gk.ones([2]), mask = gk.array([true, false]);
      const z = gk.zeros([2], { dtype: "complex64" });
      for (const op of ["bitwiseAnd", "bitwiseOr", "bitwiseXor"] as const) {
        fails(() => gk[op](a, a), gk.DTypeError, op, "float32", "bool and integers", "astype");
        fails(() => gk[op](z, z), gk.DTypeError, op, "complex64");
      }
      fails(() => gk.bitwiseNot(a), gk.DTypeError, "bitwiseNot", "bool and integers");
      for (const op of ["leftShift", "rightShift"] as const) {
        fails(() => gk[op](mask, mask), gk.DTypeError, op, "bool", "takes integers");
        fails(() => gk[op](a, 1), gk.DTypeError, op, "float32");
      }
      const bytes = gk.ones([2], { dtype: "uint8" });
      fails(() => gk.leftShift(bytes, -1), gk.DTypeError, "leftShift", "-1", "uint8");
      fails(() => gk.bitwiseAnd(bytes, 256), gk.DTypeError, "bitwiseAnd", "256");
    });
  });

  it("of order and division take real numbers", () => {
    gk.scope(() => {
      const z = gk.zeros([2], { dtype: "complex64" }), mask = gk.array([true, false]);
      for (const op of ["floorDivide", "remainder", "fmod", "pow"] as const) {
        fails(() => gk[op](z, 2), gk.DTypeError, op, "complex64", "integers and floats");
        fails(() => gk[op](mask, mask), gk.DTypeError, op, "bool");
      }
      for (const op of ["floor", "ceil", "round", "trunc"] as const) {
        fails(() => gk[op](z), gk.DTypeError, op, "complex64", "bool, integers and floats");
      }
      fails(() => gk.greater(z, 1), gk.DTypeError, "greater", "complex64");
      const whole = gk.ones([2], { dtype: "int16" });
      fails(() => gk.remainder(whole, 0.5), gk.DTypeError, "remainder", "0.5", "int16");
    });
  });

  it("that make complex numbers real write float32", () => {
    gk.scope(() => {
      const z = gk.zeros([2], { dtype: "complex64" });
      for (const op of ["abs", "angle"] as const) {
        fails(() => gk[op](z, { out: z }), gk.DTypeError, op, "out is complex64", "float32 [2]");
      }
      const out = gk.empty([2]);
      fails(() => gk.conj(z, { out }), gk.DTypeError, "conj", "out is float32");
      fails(() => gk.isclose(z, z, { out }), gk.DTypeError, "bool");
      fails(() => gk.matmul(z, z, { out: gk.empty([]) }), gk.DTypeError, "matmul", "complex64");
    });
  });
});
