// The examples run, each in a process of its own; what they check is in them.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, it } from "node:test";
import { decode } from "fast-png";
import { describeJit } from "./support.ts";

const folder = new URL("../../examples/kernels/", import.meta.url);
const scratch = mkdtempSync(join(tmpdir(), "gpukit-examples-"));
after(() => rmSync(scratch, { recursive: true }));

/** What each says when it has checked its result; and its arguments. */
const examples: Record<string, readonly [says: RegExp, ...args: string[]]> = {
  "saxpy.ts": [/as gk\.fma has it/],
  "transpose.ts": [/257 x 3: as a\.T has it/],
  "histogram.ts": [/60000 values, counted/],
  "nbody.ts": [/as ops compute them/],
  "mandelbrot.ts": [/240 x 160 pixels, each/, join(scratch, "mandelbrot.png")],
  "blur.ts": [
    /192 x 128 pixels blurred/,
    new URL("picture.png", folder).pathname,
    join(scratch, "blurred.png"),
  ],
};

function run(name: string, args: readonly string[]): string {
  const file = new URL(name, folder).pathname;
  const child = spawnSync(
    process.execPath,
    "Deno" in globalThis ? ["run", "-A", "--no-check", file, ...args] : [file, ...args],
    { cwd: scratch, encoding: "utf8", timeout: 120_000 },
  );
  assert.equal(child.status, 0, `${child.stdout}${child.stderr}`);
  return child.stdout;
}

describeJit("examples/kernels", () => {
  for (const [name, [says, ...args]] of Object.entries(examples)) {
    it(name, { timeout: 240_000 }, () => assert.match(run(name, args), says));
  }

  it("write pictures", { timeout: 240_000 }, () => {
    const { width, height, channels } = decode(readFileSync(join(scratch, "mandelbrot.png")));
    assert.deepEqual([width, height, channels], [240, 160, 3]);
    const blurred = decode(readFileSync(join(scratch, "blurred.png")));
    const picture = decode(readFileSync(new URL("picture.png", folder)));
    const roughness = ({ data }: { data: ArrayLike<number> }) => {
      let sum = 0;
      for (let i = 3; i < data.length; i++) sum += (data[i]! - data[i - 3]!) ** 2;
      return sum;
    };
    assert.ok(roughness(blurred) < roughness(picture) / 2);
  });

  it("are all tried here", () => {
    const files = readdirSync(folder).filter((name) => name.endsWith(".ts"));
    assert.deepEqual(files.sort(), Object.keys(examples).sort());
  });
});
