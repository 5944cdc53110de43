// Loading and saving arrays: files that NumPy wrote, round trips through the disk, errors.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import * as gk from "../../mod.ts";

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "gpukit-io-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

const dtypes = [
  "bool",
  "int8",
  "uint8",
  "int16",
  "uint16",
  "int32",
  "uint32",
  "int64",
  "uint64",
  "float16",
  "float32",
  "float64",
  "complex64",
] as const;

test("every dtype survives the disk", async () => {
  await gk.scope(async () => {
    for (const dtype of dtypes) {
      const path = join(folder, `${dtype}.npy`);
      const a = gk.arange(12).reshape([3, 4]).astype(dtype);
      await gk.saveNpy(path, a);
      const b = await gk.loadNpy(pathToFileURL(path));
      assert.equal(b.dtype, dtype);
      assert.deepEqual(b.shape, [3, 4]);
      assert.deepEqual(b.dataSync(), a.dataSync());
    }
  });
});

test("views are saved as they look", async () => {
  await gk.scope(async () => {
    const path = join(folder, "view.npy");
    const a = gk.arange(12).reshape([3, 4]);
    await gk.saveNpy(path, a.at("::-1", "1::2").T);
    const b = await gk.loadNpy(path);
    assert.deepEqual(b.arraySync(), [[9, 5, 1], [11, 7, 3]]);
    assert.ok(b.isContiguous);
  });
});

test("what is saved are the elements as of the call", async () => {
  const path = join(folder, "then.npy");
  const archive = join(folder, "then.npz");
  const a = gk.ones([3]);
  const saving = [gk.saveNpy(path, a), gk.saveNpz(archive, { a })];
  gk.add(a, 1, { out: a });
  a.dispose();
  await Promise.all(saving);
  using b = await gk.loadNpy(path);
  using c = (await gk.loadNpz(archive)).a;
  assert.deepEqual(b.arraySync(), [1, 1, 1]);
  assert.deepEqual(c.arraySync(), [1, 1, 1]);
});

test("records of arrays, stored and compressed", async () => {
  await gk.scope(async () => {
    const arrays = {
      weights: gk.ones([100, 10]),
      "layer.0/bias": gk.arange(3),
      one: gk.full([], 5),
    };
    const plain = join(folder, "plain.npz");
    const packed = join(folder, "packed.npz");
    await gk.saveNpz(plain, arrays);
    await gk.saveNpz(packed, arrays, { compress: true });
    assert.ok(readFileSync(packed).length < readFileSync(plain).length / 4);
    for (const path of [plain, packed]) {
      const found = await gk.loadNpz(path);
      assert.deepEqual(Object.keys(found), Object.keys(arrays));
      for (const [name, a] of Object.entries(arrays)) {
        assert.deepEqual(found[name].arraySync(), a.arraySync(), name);
      }
    }
  });
});

test("an archive with any names", async () => {
  await gk.scope(async () => {
    const { x, "y z": y } = await gk.loadNpz(new URL("written.npz", import.meta.url));
    assert.deepEqual(x.arraySync(), [[0, 1, 2], [3, 4, 5]]);
    assert.deepEqual(y.arraySync(), [true, false]);
    assert.equal(y.dtype, "bool");
  });
});

test("errors name the file and what is wrong", async () => {
  const path = join(folder, "bad.npy");
  writeFileSync(path, "hello");
  await assert.rejects(gk.loadNpy(path), {
    constructor: gk.FormatError,
    message: /^loadNpy: bad.npy is not a .npy file/,
  });
  await assert.rejects(gk.loadNpz(path), {
    constructor: gk.FormatError,
    message: /^loadNpz: bad.npy is not a .npz file/,
  });
  await assert.rejects(gk.loadNpy(join(folder, "missing.npy")), { code: "ENOENT" });
  await gk.scope(async () => {
    const a = gk.zeros([2], { dtype: "bfloat16" });
    await assert.rejects(gk.saveNpy(path, a), {
      constructor: gk.DTypeError,
      message: /no dtype bfloat16.*astype/,
    });
    const b = gk.zeros([2]);
    b.dispose();
    await assert.rejects(gk.saveNpy(path, b), { constructor: gk.DisposedError });
  });
});
