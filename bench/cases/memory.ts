// What memory bounds: arithmetic, conversions and copies of 10 M elements in every layout, into
// outputs that exist. The goal is the faster of NumPy and PyTorch; of transposes 2.5 times that.
import * as gk from "../../mod.ts";
import type { Call, Case, Goal, Group, Python } from "../case.ts";

const large = 10_000_000;
const rows = 1000;
const columns = 10_000;

const normals = (...shape: number[]): gk.NDArray => gk.random.normal(shape);
const numpyNormals = (...shape: number[]): string =>
  `np.random.default_rng(1).standard_normal((${shape},), np.float32)`;

const even: Goal = { of: "fastest", atLeast: 1 };

/** gpukit's calls may return before the work is done, so the time includes waiting for it. */
function row(name: string, gpukit: () => Call, peers: Omit<Case, "name" | "gpukit">): Case {
  return { name, gpukit, queued: true, goal: even, ...peers };
}

/** `binary(a, b)` for an `a` of the matrix's shape and a `b` of any that broadcasts to it. */
function add(name: string, shape: readonly number[], view = "b"): Case {
  return row(
    name,
    () => {
      const a = normals(rows, columns), out = gk.empty([rows, columns]);
      const made = normals(...shape), b = view === "b" ? made : made.T;
      return () => gk.add(a, b, { out });
    },
    {
      numpy: [
        `a = ${numpyNormals(rows, columns)}; b = ${numpyNormals(...shape)}; o = a.copy()`,
        `np.add(a, ${view}, out=o)`,
      ],
      torch: [
        `a = torch.randn(${rows}, ${columns}); b = torch.randn(${[...shape]}); o = a.clone()`,
        `torch.add(a, ${view}, out=o)`,
      ],
    },
  );
}

/** A conversion of 10 M elements. */
function cast(from: gk.DType, to: gk.DType): Case {
  const python = from !== "bfloat16" && to !== "bfloat16";
  const scale = from === "float32" || from === "float64" ? 1 : 20;
  return row(
    `${from} to ${to}`,
    () => {
      const a = normals(large).mul(scale).astype(from), out = gk.empty([large], { dtype: to });
      return () => out.copyFrom(a);
    },
    {
      ...(python && {
        numpy: [
          `a = (${numpyNormals(large)} * ${scale}).clip(0).astype("${from}"); ` +
          `o = np.empty(${large}, "${to}")`,
          `np.copyto(o, a, casting="unsafe")`,
        ] as Python,
      }),
      torch: [
        `a = (torch.randn(${large}) * ${scale}).to(torch.${from}); ` +
        `o = torch.empty(${large}, dtype=torch.${to})`,
        "o.copy_(a)",
      ],
    },
  );
}

/** The copy of a view of an array of this shape; `index` as Python writes it. */
function copy(name: string, shape: readonly number[], ...index: string[]): Case {
  const text = index.length ? `[${index.join(", ")}]` : "";
  return row(
    name,
    () => {
      const view = normals(...shape).at(...index), out = gk.empty(view.shape);
      return () => out.copyFrom(view);
    },
    {
      numpy: [
        `a = ${numpyNormals(...shape)}${text}; o = np.empty(a.shape, np.float32)`,
        "o[:] = a",
      ],
      // It has no negative strides.
      ...(!text.includes("::-1") && {
        torch: [`a = torch.randn(${[...shape]})${text}; o = torch.empty(a.shape)`, "o.copy_(a)"],
      }),
    },
  );
}

function transpose(name: string, shape: readonly number[], ...axes: number[]): Case {
  return row(
    `transpose ${name}`,
    () => {
      const view = normals(...shape).transpose(axes), out = gk.empty(view.shape);
      return () => out.copyFrom(view);
    },
    {
      goal: { of: "fastest", atLeast: 2.5 },
      numpy: [
        `a = ${numpyNormals(...shape)}.transpose(${axes}); o = np.empty(a.shape, np.float32)`,
        "o[:] = a",
      ],
      torch: [
        `a = torch.randn(${[...shape]}).permute(${axes}); o = torch.empty(a.shape)`,
        "o.copy_(a)",
      ],
    },
  );
}

const three = "a, b, c";
const numpyThree = ["a", "b", "c"].map((name) => `${name} = ${numpyNormals(large)}`).join("; ");
const torchThree = `a, b, c = torch.randn(3, ${large})`;

export const memory: Group = {
  name: "memory",
  about: "10 M elements, into a given array; float32, against the faster peer",
  threads: [2],
  rounds: 7,
  avx2: true,
  pause: "long",
  cases: [
    ...(["add", "mul"] as const).map((op) =>
      row(
        `${op} 10 M`,
        () => {
          const a = normals(large), b = normals(large), out = gk.empty([large]);
          return () => gk[op](a, b, { out });
        },
        {
          numpy: [
            `a = ${numpyNormals(large)}; b = a.copy(); o = a.copy()`,
            `np.${op === "add" ? "add" : "multiply"}(a, b, out=o)`,
          ],
          torch: [
            `a = torch.randn(${large}); b = a.clone(); o = a.clone()`,
            `torch.${op}(a, b, out=o)`,
          ],
          numpyTs: (np) => {
            const a = np.ones([large], "float32"), b = np.ones([large], "float32");
            return () => np[op === "add" ? "add" : "multiply"](a, b).dispose();
          },
        },
      )
    ),
    row(
      "fma 10 M",
      () => {
        const a = normals(large), b = normals(large), c = normals(large), out = gk.empty([large]);
        return () => gk.fma(a, b, c, { out });
      },
      {
        numpy: [`${numpyThree}; o = a.copy()`, "np.add(np.multiply(a, b, out=o), c, out=o)"],
        torch: [`${torchThree}; o = a.clone()`, "torch.addcmul(c, a, b, out=o)"],
      },
    ),
    row(
      "where 10 M",
      () => {
        const a = normals(large), b = normals(large), out = gk.empty([large]);
        const mask = gk.less(a, b);
        return () => gk.where(mask, a, b, { out });
      },
      {
        // NumPy's where has no out.
        numpy: [
          `a = ${numpyNormals(large)}; b = a[::-1].copy(); m = a < b`,
          "np.where(m, a, b)",
        ],
        torch: [
          `a = torch.randn(${large}); b = torch.randn(${large}); m = a < b; o = a.clone()`,
          "torch.where(m, a, b, out=o)",
        ],
      },
    ),
    row(
      "clip to numbers 10 M",
      () => {
        const a = normals(large), out = gk.empty([large]);
        return () => gk.clip(a, -1, 1, { out });
      },
      {
        numpy: [`a = ${numpyNormals(large)}; o = a.copy()`, "np.clip(a, -1, 1, out=o)"],
        torch: [`a = torch.randn(${large}); o = a.clone()`, "torch.clamp(a, -1, 1, out=o)"],
      },
    ),
    row(
      "clip to arrays 10 M",
      () => {
        const a = normals(large), b = normals(large), c = normals(large), out = gk.empty([large]);
        return () => gk.clip(a, b, c, { out });
      },
      {
        numpy: [`${numpyThree}; o = a.copy()`, `np.clip(${three}, out=o)`],
        torch: [`${torchThree}; o = a.clone()`, `torch.clamp(${three}, out=o)`],
      },
    ),
    row(
      "add a number 10 M",
      () => {
        const a = normals(large), out = gk.empty([large]);
        return () => gk.add(a, 2, { out });
      },
      {
        numpy: [`a = ${numpyNormals(large)}; o = a.copy()`, "np.add(a, 2, out=o)"],
        torch: [`a = torch.randn(${large}); o = a.clone()`, "torch.add(a, 2, out=o)"],
      },
    ),
    add("add a row", [columns]),
    add("add a column", [rows, 1]),
    add("add a transposed matrix", [columns, rows], "b.T"),
    cast("float32", "float64"),
    cast("float64", "float32"),
    cast("float32", "float16"),
    cast("float16", "float32"),
    cast("float32", "bfloat16"),
    cast("bfloat16", "float32"),
    cast("float32", "int32"),
    cast("int32", "float32"),
    cast("uint8", "float32"),
    cast("int64", "float32"),
    copy("copy", [large]),
    copy("copy ::2", [2 * large], "::2"),
    copy("copy ::4", [4 * large], "::4"),
    copy("copy backwards", [large], "::-1"),
    copy("copy columns 250:750", [2 * columns, rows], ":", "250:750"),
    copy("copy columns ::2", [2 * columns, rows], ":", "::2"),
    copy("copy rows backwards", [columns, rows], "::-1"),
    row(
      "concatenate rows, 3 × 3.3 M",
      () => {
        const parts = [0, 1, 2].map(() => normals(333, columns)), out = gk.empty([999, columns]);
        return () => gk.concatenate(parts, { out });
      },
      {
        numpy: [
          `a = [${numpyNormals(333, columns)} for _ in range(3)]; o = np.concatenate(a)`,
          "np.concatenate(a, out=o)",
        ],
        torch: [
          `a = [torch.randn(333, ${columns}) for _ in range(3)]; o = torch.cat(a)`,
          "torch.cat(a, out=o)",
        ],
      },
    ),
    row(
      "concatenate columns, 3 × 3.3 M",
      () => {
        const parts = [0, 1, 2].map(() => normals(rows, 3333)), out = gk.empty([rows, 9999]);
        return () => gk.concatenate(parts, { axis: 1, out });
      },
      {
        numpy: [
          `a = [${numpyNormals(rows, 3333)} for _ in range(3)]; o = np.concatenate(a, 1)`,
          "np.concatenate(a, 1, out=o)",
        ],
        torch: [
          `a = [torch.randn(${rows}, 3333) for _ in range(3)]; o = torch.cat(a, 1)`,
          "torch.cat(a, 1, out=o)",
        ],
      },
    ),
    row(
      "broadcast a row",
      () => {
        const a = normals(columns), out = gk.empty([rows, columns]);
        return () => out.copyFrom(a);
      },
      {
        numpy: [
          `a = ${numpyNormals(columns)}; o = np.empty((${rows}, ${columns}), np.float32)`,
          "o[:] = a",
        ],
        torch: [`a = torch.randn(${columns}); o = torch.empty(${rows}, ${columns})`, "o.copy_(a)"],
      },
    ),
    row(
      "broadcast a column",
      () => {
        const a = normals(rows, 1), out = gk.empty([rows, columns]);
        return () => out.copyFrom(a);
      },
      {
        numpy: [
          `a = ${numpyNormals(rows, 1)}; o = np.empty((${rows}, ${columns}), np.float32)`,
          "o[:] = a",
        ],
        torch: [`a = torch.randn(${rows}, 1); o = torch.empty(${rows}, ${columns})`, "o.copy_(a)"],
      },
    ),
    row(
      "fill",
      () => {
        const out = gk.empty([large]);
        return () => out.fill(7);
      },
      {
        numpy: [`o = np.empty(${large}, np.float32)`, "o.fill(7)"],
        torch: [`o = torch.empty(${large})`, "o.fill_(7)"],
      },
    ),
    transpose("1000 × 10000", [rows, columns], 1, 0),
    transpose("3200 × 3200", [3200, 3200], 1, 0),
    transpose("3 × 3 M", [3, 3_000_000], 1, 0),
    transpose("200 × 250 × 200, (2, 1, 0)", [200, 250, 200], 2, 1, 0),
    transpose("200 × 250 × 200, (0, 2, 1)", [200, 250, 200], 0, 2, 1),
    transpose("200 × 250 × 200, (1, 0, 2)", [200, 250, 200], 1, 0, 2),
  ],
};
