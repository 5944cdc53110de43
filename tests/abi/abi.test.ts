// The TypeScript side of the ABI against the header, read as text.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { abi, abiVersion } from "../../bindings/abi.ts";
import { dtypes } from "../../lib/array/dtype.ts";
import * as block from "../../lib/device/block.ts";
import * as gk from "../../mod.ts";

const read = (path: string) => readFileSync(new URL(`../../csrc/${path}`, import.meta.url), "utf8");
const header = read("gpukit.h").replace(/\/\/.*$/gm, "");

const constants: Record<string, number> = {};
for (const [, name, value] of header.matchAll(/#define (GK_\w+) (\d+)u?$/gm)) {
  constants[name!] = Number(value);
}

const kinds: Record<string, string> = {
  uint32_t: "u32",
  int32_t: "i32",
  double: "f64",
  "void *": "buffer",
  "const void *": "buffer",
};

describe("bindings/abi.ts", () => {
  it("has the header's version", () => {
    assert.equal(abiVersion, constants["GK_ABI_VERSION"]);
  });

  it("has every symbol of the header with its types, and no other", () => {
    const declared: Record<string, [string, string[]]> = {};
    for (const match of header.matchAll(/GK_EXPORT\s+(\w+)\s+(gk_\w+)\(([^)]*)\);/g)) {
      const [, result, name, list] = match;
      const parameters = list!.trim() === "void" ? [] : list!.split(",").map((parameter) => {
        const type = parameter.trim().replace(/\s+/g, " ").replace(/\w+$/, "").trim();
        return kinds[type] ?? assert.fail(`${name}: unknown type ${type}`);
      });
      declared[name!] = [kinds[result!]!, parameters];
    }
    assert.deepEqual(
      Object.fromEntries(Object.entries(abi).map(([name, [r, p]]) => [name, [r, [...p]]])),
      declared,
    );
  });

  it("has only shapes that are fast in both runtimes", () => {
    for (const [name, [, parameters]] of Object.entries(abi)) {
      const floats = parameters.filter((p) => p === "f64").length;
      assert.ok(floats <= 8 && parameters.length - floats <= 6, name);
    }
  });
});

describe("the block", () => {
  it("lies as the header says", () => {
    const body = /struct gk_block_output \{([^}]*)\}/.exec(header)![1]!;
    const sizes: Record<string, number> = { int32_t: 4, double: 8, char: 1 };
    const places: Record<string, number> = {};
    let offset = constants["GK_BLOCK_BYTES"]! / 2;
    for (const [, type, names] of body.matchAll(/(int32_t|double|char)\s+([^;]+);/g)) {
      for (const field of names!.split(",")) {
        const [, name, length] = /(\w+)(?:\[(\w+)\])?/.exec(field)!;
        places[name!] = offset / (type === "char" ? 1 : sizes[type!]!);
        offset += sizes[type!]! * Number(length === undefined ? 1 : constants[length] ?? length);
      }
    }
    assert.ok(offset <= constants["GK_BLOCK_BYTES"]!);
    const expected = {
      status: block.STATUS,
      dtype: block.DTYPE,
      ndim: block.NDIM,
      flags: block.FLAGS,
      device: block.DEVICE,
      stream: block.STREAM,
      text_bytes: block.TEXT_BYTES,
      size: block.SIZE,
      bytes: block.BYTES,
      shape: block.SHAPE,
      strides: block.STRIDES,
      values: block.VALUES,
      text: block.TEXT,
    };
    const { reserved: _, ...rest } = places;
    assert.deepEqual(rest, expected);
    assert.equal(block.MAX_DIMS, constants["GK_MAX_DIMS"]);
  });

  it("numbers failures as the classes do", () => {
    const statuses = /enum gk_status \{([^}]*)\}/.exec(header)![1]!;
    const codes = [...statuses.matchAll(/GK_(\w+) = (\d+)/g)].map(([, name, code]) => {
      return [Number(code), name === "OK" ? "ARGUMENT" : name!];
    });
    const seen = [
      gk.GpukitError,
      gk.GpukitError,
      gk.ShapeError,
      gk.DTypeError,
      gk.IndexError,
      gk.DisposedError,
      gk.DeviceError,
      gk.DeviceLostError,
      gk.OutOfMemoryError,
      gk.UnsupportedError,
      gk.KernelCompileError,
    ].map((type, code) => [code, new type("", "").code]);
    assert.deepEqual(codes, seen);
  });
});

describe("dtypes", () => {
  it("have the codes and sizes of csrc/core/dtypes.def", () => {
    const rows = read("core/dtypes.def").matchAll(
      /GK_DTYPE\((\d+), (\w+), \w+, GK_CLASS_\w+, \d+, (\d+)\)/g,
    );
    assert.deepEqual(
      Object.entries(dtypes).map(([name, { code, itemsize }]) => [code, name, itemsize]),
      [...rows].map(([, code, name, bits]) => [Number(code), name, Number(bits) / 8]),
    );
  });
});
