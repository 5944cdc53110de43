// What the checked build of the stand-in says of users' kernels that are wrong, each in a process of its own,
// since a finding ends the device. The plain build lets a right one be, and looks for nothing.

import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { runAll } from "../runtime/child.ts";

const isChecked = /standin-checked/.test(process.env["GPUKIT_LIBCUDA"] ?? "");

/** What a launch of one block of 64 threads comes to, with x and y of 64 floats. */
function launch(body: string, options = ""): { stdout: string; stderr: string } {
  const source = `extern "C" __global__ void k(const float *x, float *y) {\n${body}\n}`;
  return runAll(
    `
    const k = gk.jit(${JSON.stringify(source)}, "k", { fileName: "mine.cu" });
    const x = gk.arange(64), y = gk.zeros(64);
    try {
      k.launch({ grid: 2, block: 32, ${options} }, x, y);
      console.log(y.sum().item());
    } catch (error) {
      console.log(error.name);
    }`,
  );
}

const reverse = (barrier: string) => `
  __shared__ float part[32];
  int i = blockIdx.x * 32 + threadIdx.x;
  part[threadIdx.x] = x[i];
  ${barrier}
  y[i] = part[31 - threadIdx.x];`;

describe(isChecked ? "the checked build" : "the plain build", () => {
  const patient = { timeout: 120_000 };

  it("lets a right kernel be", patient, () => {
    assert.match(launch(reverse("__syncthreads();")).stdout, /^2016$/m);
  });

  const wrong: Record<string, [body: string, options?: string]> = {
    "a missing barrier": [reverse("")],
    "an access behind the end": ["  y[blockIdx.x * 32 + threadIdx.x + 1] = x[threadIdx.x];"],
    "two blocks at one place": ["  y[threadIdx.x] = x[blockIdx.x];"],
    "shared memory that nobody wrote": [
      "  __shared__ float part[32];\n  if (threadIdx.x < 16) part[threadIdx.x] = 1;\n" +
      "  __syncthreads();\n  y[blockIdx.x * 32 + threadIdx.x] = part[threadIdx.x];",
    ],
    "more added memory than the launch asked for": [
      "  extern __shared__ float part[];\n  part[threadIdx.x] = 1;\n  y[blockIdx.x * 32 + threadIdx.x] = x[0];",
      "sharedBytes: 64",
    ],
  };
  for (const [what, [body, options]] of isChecked ? Object.entries(wrong) : []) {
    it(`finds ${what}`, patient, () => {
      const { stdout, stderr } = launch(body, options);
      assert.match(stdout, /DeviceLostError/);
      assert.match(stderr, /mine\.cu:\d+/);
    });
  }
});
