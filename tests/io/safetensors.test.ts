// .safetensors: files of the format's own library (safetensors.json, by make_safetensors.py), round trips,
// and every damaged input as a FormatError.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import * as gk from "../../mod.ts";
import { headerLength, parseHeader, PREFIX } from "../../lib/io/safetensors.ts";
import { expectRejection, noLeaks, scopedAsync } from "../helpers.ts";

noLeaks();

const golden = JSON.parse(readFileSync(new URL("safetensors.json", import.meta.url), "utf8")) as {
  good: string;
  tensors: Record<string, { dtype: gk.DType; shape: number[]; values: number[] }>;
  bad: Record<string, string>;
};
const good = Buffer.from(golden.good, "base64");

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "gpukit-safetensors-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test(
  "reads what the format's own library wrote",
  scopedAsync(async () => {
    const path = join(folder, "good.safetensors");
    writeFileSync(path, good);
    const arrays = await gk.loadSafetensors(path);
    assert.deepEqual(Object.keys(arrays).sort(), Object.keys(golden.tensors).sort());
    for (const [name, { dtype, shape, values }] of Object.entries(golden.tensors)) {
      assert.equal(arrays[name]!.dtype, dtype);
      assert.deepEqual(arrays[name]!.shape, shape);
      assert.deepEqual(Array.from(arrays[name]!.dataSync(), Number), values);
    }
  }),
);

test(
  "every dtype survives the disk",
  scopedAsync(async () => {
    const path = join(folder, "all.safetensors");
    const dtypes = [
      ...Object.values(golden.tensors).map(({ dtype }) => dtype),
      "bfloat16" as const,
    ];
    const arrays = Object.fromEntries(
      dtypes.map((dtype, i) => [`${dtype}.${i}`, gk.arange(6).reshape([2, 3]).astype(dtype).T]),
    );
    await gk.saveSafetensors(path, { ...arrays, number: gk.array(3) }, {
      metadata: { by: "a test" },
    });
    const found = await gk.loadSafetensors(path);
    assert.equal(found["number"]!.item(), 3);
    for (const [name, a] of Object.entries(arrays)) {
      assert.equal(found[name]!.dtype, a.dtype);
      assert.deepEqual(found[name]!.shape, [3, 2]);
      assert.deepEqual(found[name]!.dataSync(), a.dataSync());
    }
    const none = join(folder, "none.safetensors");
    await gk.saveSafetensors(none, {});
    assert.deepEqual(await gk.loadSafetensors(none), {});
  }),
);

test(
  "refuses what the format cannot hold",
  scopedAsync(async () => {
    const path = join(folder, "no.safetensors");
    const z = gk.zeros(2, { dtype: "complex64" });
    await expectRejection(gk.saveSafetensors(path, { z }), gk.DTypeError, /complex64/);
    const a = gk.zeros(2);
    await expectRejection(
      gk.saveSafetensors(path, { __metadata__: a }),
      gk.FormatError,
      /__metadata__/,
    );
  }),
);

test(
  "refuses every damaged file",
  scopedAsync(async () => {
    for (const [name, content] of Object.entries(golden.bad)) {
      const path = join(folder, "bad.safetensors");
      writeFileSync(path, Buffer.from(content, "base64"));
      await expectRejection(gk.loadSafetensors(path), gk.FormatError, /^loadSafetensors: bad\.safe/)
        .catch((error) => assert.fail(`${name}: ${error}`));
    }
  }),
);

test("changed headers are read or refused", () => {
  const header = good.subarray(PREFIX, PREFIX + headerLength(good, good.length, "it"));
  const size = good.length - PREFIX - header.length;
  const change = fc.tuple(fc.nat(header.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = Uint8Array.from(header);
      for (const [place, value] of changes) bytes[place] = value;
      let entries;
      try {
        entries = parseHeader(bytes, size, "it");
      } catch (error) {
        assert.ok(error instanceof gk.FormatError, String(error));
        return;
      }
      for (const { start, end } of entries) assert.ok(0 <= start && start <= end && end <= size);
    }),
    { numRuns: 2000 },
  );
});
