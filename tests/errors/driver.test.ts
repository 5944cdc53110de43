// How a CUDA device is looked for, and what is said where there is none: drivers that are missing, damaged,
// foreign, too old or without a GPU, each in a process of its own. Who asks for CUDA gets it or the reason;
// who does not gets the CPU, and gk.info() has the reason.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { run } from "../runtime/child.ts";

const root = new URL("../../", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "gpukit-driver-"));
after(() => rmSync(folder, { recursive: true }));

/** A library that answers as `code` says: its functions, and `ANSWER` for all others of the table. */
function driver(name: string, code: string): string {
  const path = join(folder, name), source = `${path}.c`;
  writeFileSync(source, code);
  const zig = join(root, ".toolchain/ziglang/zig");
  const args = ["cc", "-shared", "-fPIC", "-I", join(root, "csrc/cuda"), "-o", path, source];
  const built = spawnSync(zig, args, { encoding: "utf8" });
  assert.equal(built.status, 0, built.stderr);
  return path;
}

/** All functions of the driver's table, but those that `own` defines, give an error. */
const whole = (own: Record<string, string>) => `
  #include "driver.h"
  ${Object.keys(own).map((name) => `#define ${name} other_${name}`).join("\n")}
  #define FUNCTION(since, name, parameters) CUresult name parameters { return CUDA_ERROR_UNKNOWN; }
  GK_CUDA_FUNCTIONS(FUNCTION, FUNCTION)
  ${Object.entries(own).map(([name, code]) => `#undef ${name}\n${code}`).join("\n")}`;

const version = (n: number) =>
  `int cuDriverGetVersion(int *version) { return *version = ${n}, 0; }`;
const succeeds = "int cuInit(unsigned flags) { return 0; }";

const code = `
  const { info, devices, isCudaAvailable } = gk;
  console.log(JSON.stringify({
    made: attempt(() => gk.ones(2).device),
    again: attempt(() => gk.zeros(1).device),
    device: attempt(() => gk.device("cuda").name),
    names: devices().map(String),
    available: isCudaAvailable(),
    why: info().cuda,
    problem: info().problem,
    onCpu: attempt(() => gk.ones(3, { device: "cpu" }).sum().item()),
  }));`;

interface Said {
  readonly made: string;
  readonly again: string;
  readonly device: string;
  readonly names: readonly string[];
  readonly available: boolean;
  readonly why: string;
  readonly problem: string;
  readonly onCpu: number;
}

/** Without a usable driver: what is said, asked for CUDA and not. Always the same reason. */
function refused(library: string, ...reason: readonly RegExp[]): void {
  const said = (device: string) =>
    JSON.parse(run(code, { GPUKIT_LIBCUDA: library, GPUKIT_DEVICE: device })) as Said;
  for (const device of ["", "cpu"]) {
    const { made, why, problem, names, available } = said(device);
    assert.equal(made, "cpu");
    assert.equal(problem, "");
    assert.deepEqual(names, ["cpu"]);
    assert.equal(available, false);
    for (const part of reason) assert.match(why, part);
  }
  for (const device of ["cuda", "cuda:0"]) {
    const { made, again, problem, onCpu } = said(device);
    assert.match(made, new RegExp(`^DeviceError: .*GPUKIT_DEVICE=${device} `));
    assert.equal(again.replace("zeros", "ones"), made, "every call fails alike");
    assert.match(made, /set it to cpu/);
    for (const part of reason) assert.match(made, part);
    for (const part of reason) assert.match(problem, part);
    assert.match(String(onCpu), /^(3|DeviceError)/);
  }
}

const patient = { timeout: 240_000 };

describe("a driver", () => {
  it("that is not there", patient, () => {
    refused(join(folder, "none.so"), /GPUKIT_LIBCUDA=/, /none\.so/);
  });

  it("that is no library", patient, () => {
    writeFileSync(join(folder, "text.so"), "not a library\n");
    refused(join(folder, "text.so"), /text\.so/);
    writeFileSync(join(folder, "empty.so"), "");
    refused(join(folder, "empty.so"), /empty\.so/);
    refused(folder, /gpukit-driver-/);
  });

  it("that is another library", patient, () => {
    const path = driver("alien.so", "int unrelated(void) { return 1; }");
    refused(path, /alien\.so/, /cuDriverGetVersion/);
  });

  it("that is too old", patient, () => {
    const path = driver("old.so", `${version(12_080)} ${succeeds}`);
    refused(path, /too old/, /12\.8/, /13\.0/);
  });

  it("that lacks a function", patient, () => {
    const path = driver("lacking.so", `${version(13_000)} ${succeeds}`);
    refused(path, /lacks cu\w+/, /since CUDA \d+\.\d/);
  });

  it("that does not start", patient, () => {
    const path = driver(
      "failing.so",
      whole({
        cuDriverGetVersion: version(13_000),
        cuInit: "int cuInit(unsigned flags) { return CUDA_ERROR_SYSTEM_DRIVER_MISMATCH; }",
        cuGetErrorName: `int cuGetErrorName(int result, const char **name) {
          *name = result == 803 ? "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" : "?";
          return 0;
        }`,
      }),
    );
    refused(path, /CUDA_ERROR_SYSTEM_DRIVER_MISMATCH/, /803/);
  });

  it("without a GPU", patient, () => {
    const path = driver(
      "lonely.so",
      whole({
        cuDriverGetVersion: version(13_010),
        cuInit: succeeds,
        cuDeviceGetCount: "int cuDeviceGetCount(int *count) { return *count = 0; }",
      }),
    );
    refused(path, /no device/);
  });
});
