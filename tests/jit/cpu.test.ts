// Where there is no GPU: the CPU runs no kernels, and says what does.

import { describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { fails, rejects } from "../errors/expect.ts";

const source = `extern "C" __global__ void k() {}`;
const device = "cpu";

describe("the CPU", () => {
  it("runs no users' kernels and says what does", async () => {
    const says = ["cpu", "CUDA", "docs/kernels.md"];
    fails(() => gk.jit(source, "k", { device }), gk.UnsupportedError, "jit", ...says);
    fails(() => gk.module("", { kernels: ["k"], device }), gk.UnsupportedError, "module", ...says);
    await rejects(() => gk.jitAsync(source, "k", { device }), gk.UnsupportedError, ...says);
  });
});
