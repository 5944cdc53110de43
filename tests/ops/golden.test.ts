// Every op against NumPy's results: tests/golden/*.npz, made by tests/golden/generate.py, which
// says what a case is.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, describe, it } from "node:test";
import * as gk from "../../mod.ts";
import { fromBfloat16 } from "../../lib/array/dtype.ts";
import { noLeaks, scoped } from "../helpers.ts";

noLeaks();

interface Step extends Array<unknown> {
  0: "at" | "transpose" | "reshape" | "broadcastTo";
}

interface Operand {
  readonly array?: string;
  readonly view?: readonly Step[];
  readonly value?: unknown;
  readonly list?: readonly Operand[];
}

interface Case {
  readonly op: string;
  readonly operands: readonly Operand[];
  readonly options?: Record<string, unknown>;
  readonly expected: { array: string; start: number; shape: readonly number[] };
  readonly pick?: string;
  readonly tolerance: string;
  readonly scale?: number;
}

const folder = new URL("../golden/", import.meta.url);

const families = readdirSync(folder).filter((name) => name.endsWith(".npz")).sort();
for (const family of families.map((name) => name.slice(0, -".npz".length))) {
  const members = await gk.loadNpz(new URL(`${family}.npz`, folder));
  for (const [name, bits] of Object.entries(members)) {
    if (!name.endsWith(".bfloat16")) continue;
    const { shape } = bits;
    members[name] = gk.array(bits.dataSync() as gk.HostArrays["uint16"], {
      dtype: "bfloat16",
      shape,
    });
    bits.dispose();
  }
  const hosts = new Map<string, gk.HostArray>();
  const manifest = new TextDecoder().decode(members["manifest.json"]!.dataSync() as Uint8Array);
  const byOp = Map.groupBy(JSON.parse(manifest) as Case[], (c) => c.op);

  const hostOf = (name: string): gk.HostArray => {
    const host = hosts.get(name) ?? members[name]!.dataSync();
    hosts.set(name, host);
    return host;
  };

  describe(family, () => {
    after(() => Object.values(members).forEach((a) => a.dispose()));
    for (const [op, cases] of byOp) {
      it(
        `${op}, ${cases.length} cases`,
        scoped(() => {
          const wrong: string[] = [];
          for (const c of cases) {
            gk.scope(() => void wrong.push(...differences(c, members, hostOf)));
          }
          assert.equal(wrong.length, 0, `${wrong.length} differ:\n${wrong.slice(0, 5).join("\n")}`);
        }),
      );
    }
  });
}

function differences(
  c: Case,
  members: Record<string, gk.NDArray>,
  hostOf: (name: string) => gk.HostArray,
): string[] {
  const operandOf = ({ array, view, value, list }: Operand): unknown => {
    if (list !== undefined) return list.map(operandOf);
    let operand: unknown = array === undefined ? value : members[array];
    for (const [method, ...args] of view ?? []) {
      operand = (operand as Record<string, (...args: unknown[]) => unknown>)[method]!(...args);
    }
    return operand;
  };
  const operands = c.operands.map(operandOf);
  if (c.options) operands.push(c.options);
  const where = () => JSON.stringify({ ...c, expected: undefined });
  let result: gk.NDArray;
  try {
    result = c.op === "astype"
      ? (operands[0] as gk.NDArray).astype(operands[1] as gk.DType)
      : functionOf(c.op)(...operands);
    if (c.pick !== undefined) result = (result as unknown as Record<string, gk.NDArray>)[c.pick]!;
  } catch (error) {
    return [`${error} in ${where()}`];
  }
  const { array, start, shape } = c.expected;
  const dtype = array.slice("expected.".length) as gk.DType;
  if (result.dtype !== dtype || JSON.stringify(result.shape) !== JSON.stringify(shape)) {
    return [
      `${result.dtype} [${result.shape}] instead of ${dtype} [${shape}] in ${where()}`,
    ];
  }
  const got = result.dataSync();
  const parts = dtype === "complex64" ? 2 : 1;
  const expected = hostOf(array);
  const isClose = comparison(c, dtype);
  const valueOf = (x: Element) => dtype === "bfloat16" ? fromBfloat16(Number(x)) : x;
  for (let i = 0; i < got.length; i++) {
    const [have, want] = [valueOf(got[i]!), valueOf(expected[start * parts + i]!)];
    if (!isClose(have, want)) return [`[${i}] ${have} instead of ${want} in ${where()}`];
  }
  return [];
}

// "fft.rfft" is a function of gk.fft; a name without a dot may also be one of gk.nn.
function functionOf(name: string): (...args: unknown[]) => gk.NDArray {
  let at: unknown = { ...gk, ...gk.nn };
  for (const part of name.split(".")) at = (at as Record<string, unknown>)[part];
  return at as (...args: unknown[]) => gk.NDArray;
}

type Element = number | bigint;

/** Bits after the leading one, and the smallest exponent of normal numbers. */
const formats: Readonly<Record<string, readonly [bits: number, lowest: number]>> = {
  bfloat16: [7, -126],
  complex64: [23, -126],
  float16: [10, -14],
  float32: [23, -126],
  float64: [52, -1022],
};

function comparison(c: Case, dtype: gk.DType): (got: Element, want: Element) => boolean {
  const [bits, lowest] = formats[dtype] ?? [0, 0];
  const finite = (fn: (got: number, want: number) => boolean) => (got: Element, want: Element) =>
    Object.is(got, want) ||
    got === want || (Number.isFinite(want) && fn(Number(got), Number(want)));
  const [kind, count] = c.tolerance.split(":");
  switch (kind) {
    case "exact":
      return Object.is;
    case "equal":
      return (got, want) => Object.is(got, want) || got === want;
    case "ulp":
      return finite((got, want) => {
        const exponent = Math.max(lowest, Math.floor(Math.log2(Math.abs(want))));
        return Math.abs(got - want) <= Number(count) * 2 ** (exponent - bits);
      });
    case "norm":
      return (got, want) => Math.abs(Number(got) - Number(want)) <= Number(count) * c.scale!;
    case "sum":
      return finite((got, want) => Math.abs(got - want) <= 4 * 2 ** -bits * c.scale!);
    default:
      return assert.fail(`unknown tolerance ${c.tolerance}`);
  }
}

describe("promotion", () => {
  type Table = Record<gk.DType, Record<gk.DType, gk.DType | null>>;
  const table = JSON.parse(readFileSync(new URL("promotion.json", folder), "utf8")) as Table;
  it(
    "gives the table's dtype for every two",
    scoped(() => {
      for (const [a, row] of Object.entries(table)) {
        for (const [b, expected] of Object.entries(row)) {
          const [x, y] = [
            gk.ones(1, { dtype: a as gk.DType }),
            gk.ones(1, { dtype: b as gk.DType }),
          ];
          if (expected === null) assert.throws(() => gk.equal(x, y), gk.DTypeError, `${a}, ${b}`);
          else assert.equal(gk.add(x, y).dtype, expected, `${a}, ${b}`);
        }
      }
    }),
  );
});
