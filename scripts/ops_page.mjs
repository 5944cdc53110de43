// docs/ops.md: every public name of arrays and ops, with what checks it. Summaries come from the doc
// comments, dtypes and tolerances from the golden cases (tests/golden/*.npz), which run on each device
// under both runtimes. A name that nothing checks, or that has no doc comment, fails.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { listFiles, root } from "./tools.mjs";

/** The public names by group. A dot leads into a namespace; a leading one stands for a member of arrays. */
const groups = {
  "Creating arrays":
    "array zeros ones full empty eye arange linspace zerosLike onesLike fullLike " +
    "emptyLike tril triu meshgrid",
  "Properties": ".shape .strides .ndim .size .dtype .itemsize .nbytes .device .isContiguous " +
    ".isDisposed .T .real .imag",
  "Reading": ".data .dataSync .array .arraySync .item .toString .toJSON",
  "Writing": ".set .fill .copyFrom .addInplace .mulInplace copyAsync",
  "Views":
    "at reshape ravel transpose swapaxes moveaxis squeeze expandDims broadcastTo flip split " +
    "diagonal real imag",
  "Copies": "clone contiguous astype .to flatten concatenate stack repeat tile roll pad take " +
    "takeAlongAxis putAlongAxis scatterAdd gather put mask where nonzero diag diff",
  "Lifetime": ".dispose scope keep memory",
  "Arithmetic":
    "add sub mul div floorDivide remainder fmod pow neg abs sign reciprocal square sqrt " +
    "rsqrt cbrt hypot maximum minimum clip fma",
  "Exponentials and trigonometry":
    "exp expm1 exp2 log log1p log2 log10 sin cos tan arcsin arccos " +
    "arctan arctan2 sinh cosh tanh erf",
  "Rounding": "floor ceil round trunc",
  "Complex numbers": "conj angle",
  "Comparison and logic":
    "equal notEqual less lessEqual greater greaterEqual isnan isinf isfinite " +
    "isclose logicalAnd logicalOr logicalXor logicalNot bitwiseAnd bitwiseOr bitwiseXor bitwiseNot " +
    "leftShift rightShift allclose arrayEqual promoteTypes",
  "Reductions and scans": "sum mean prod min max argmin argmax any all var std norm logsumexp " +
    "countNonzero median quantile cumsum cumprod",
  "Sorting and searching": "sort argsort topk unique searchsorted bincount histogram",
  "Linear algebra": "matmul dot outer einsum linear linearBiasGelu trace",
  "Random numbers": "random.seed random.generator random.normal random.uniform random.randint " +
    "random.permutation random.choice random.bernoulli",
  "Neural networks": "nn.relu nn.gelu",
  "Fourier transforms": "fft.fft fft.ifft fft.rfft fft.irfft fft.fftfreq fft.rfftfreq",
  "Files": "loadNpy saveNpy loadNpz saveNpz loadSafetensors saveSafetensors",
  "Testing": "testing.assertAllclose testing.assertArrayEqual",
};

const integers = "int8 uint8 int16 uint16 int32 uint32 int64 uint64".split(" ");
const columns = ["bool", "integers", "float16", "bfloat16", "float32", "float64", "complex64"];

/** Where names run: golden cases everywhere, other tests where their file's name allows it (test.mjs). */
const hasOf = {
  cpu: (path) => !/\.(cuda|standin)\.test\.ts$/.test(path),
  cuda: (path) => !/\.cpu\.test\.ts$/.test(path),
};
const devices = Object.entries(hasOf).flatMap(([device, has]) =>
  ["Deno", "Bun"].map((runtime) => ({ name: `${device}, ${runtime}`, has }))
);

/** The page. */
export function opsPage() {
  const golden = goldenCases();
  const found = publicNames();
  const tests = listFiles("tests", (path) => path.endsWith(".test.ts"))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
  const missing = [];
  const listed = new Set();
  const sections = Object.entries(groups).map(([title, list]) => {
    const entries = list.split(" ").map((name) => {
      const member = name.replace(/^\./, "");
      const { summary, isFunction, isMember } = found.get(member) ?? {};
      const cases = golden.get(name) ?? golden.get(name.replace(/^nn\./, "")) ?? [];
      const files = cases.length > 0 ? [] : filesThatCheck(name, tests);
      listed.add(name).add(name.replace(/^nn\./, ""));
      if (summary === undefined) missing.push(`${name} is not there`);
      else if (cases.length + files.length === 0) missing.push(`no test names ${name}`);
      const forms = [];
      if (isFunction && name === member) forms.push(`\`gk.${name}\``);
      if (isMember) forms.push(`\`a.${member}\``);
      const computed = devices.map(({ has }) =>
        cases.length > 0 || filesThatCheck(name, tests.filter(({ path }) => has(path))).length > 0
          ? "yes"
          : "no"
      );
      return { forms: forms.join(" "), summary, cases, files, computed };
    });
    const shown = columns.filter((column) =>
      entries.some(({ cases }) => tolerances(cases, column) !== "")
    );
    const head = ["name", "what", ...shown, "checked by", ...devices.map(({ name }) => name)];
    const lines = entries.map(({ forms, summary, cases, files, computed }) => [
      forms,
      summary,
      ...shown.map((column) => tolerances(cases, column)),
      cases.length > 0 ? `${cases.length} golden cases` : files.join(", "),
      ...computed,
    ]);
    const table = [head, head.map(() => "---"), ...lines].map((cells) =>
      `| ${cells.join(" | ")} |`
    );
    return `## ${title}\n\n${table.join("\n")}\n`;
  });
  for (const name of golden.keys()) {
    if (!listed.has(name)) missing.push(`golden cases of ${name}, which no group lists`);
  }
  const total = [...golden.values()].reduce((sum, cases) => sum + cases.length, 0);
  const text = `<!-- deno-fmt-ignore-file -->
<!-- generated by scripts/generate.mjs; do not edit -->

# Arrays and ops

Every name, as a function and as a member of arrays, with what it is compared with: ${total} golden cases
computed by NumPy and SciPy (tests/golden), or the tests named. The last columns are the devices and
runtimes in which all of them run: cuda over a stand-in driver, and docs/gpu.md says on which GPUs. A
dtype's column gives the tolerance of its cases (that of the operands; "integers": how many of the eight
kinds are tested):

- **=** the same bits, NaN for NaN; **±0** the same, but 0 and -0 are equal
- **n ulp** within n units in the last place of the result's dtype
- **Σ** within 4 ε of the sum of the absolute terms; **‖n‖** within n of the largest element

What an op takes and gives: docs/design/ops.md has the op table.

${sections.join("\n")}`;
  return { text, missing };
}

// ---- what the golden files say

function goldenCases() {
  const byName = new Map();
  const folder = join(root, "tests/golden");
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".npz")).sort()) {
    const members = unzipSync(readFileSync(join(folder, file)));
    const manifest = JSON.parse(new TextDecoder().decode(dataOf(members["manifest.json.npy"])));
    const dtypeOf = (name) =>
      name.includes(".bfloat16") ? "bfloat16" : header(members[`${name}.npy`]);
    for (const entry of manifest) {
      const arrays = entry.operands.flatMap((x) => x.list ?? [x]).filter((x) => x.array);
      const dtypes = arrays.length > 0
        ? arrays.map((x) => dtypeOf(x.array))
        : [entry.expected.array.replace("expected.", "")];
      const cases = byName.get(entry.op) ?? [];
      cases.push({ dtypes: new Set(dtypes), tolerance: entry.tolerance });
      byName.set(entry.op, cases);
    }
  }
  return byName;
}

const names = { b1: "bool", f2: "float16", f4: "float32", f8: "float64", c8: "complex64" };

// The dtype in a .npy header.
function header(bytes) {
  const code =
    /'descr': '[<|](\w\d)'/.exec(new TextDecoder("latin1").decode(bytes.subarray(0, 128)))[1];
  return names[code] ?? `${code[0] === "u" ? "uint" : "int"}${Number(code[1]) * 8}`;
}

function dataOf(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true);
  return bytes.subarray(10 + length);
}

// The tolerances of the cases with an operand of a dtype, the widest of each kind.
function tolerances(cases, column) {
  const kinds = column === "integers" ? integers : [column];
  const some = cases.filter((c) => kinds.some((dtype) => c.dtypes.has(dtype)));
  if (some.length === 0) return "";
  const widest = new Map();
  for (const { tolerance } of some) {
    const [kind, number = "0"] = tolerance.split(":");
    widest.set(kind, Math.max(widest.get(kind) ?? 0, Number(number)));
  }
  if (widest.size > 1) widest.delete("exact");
  const signs = {
    exact: () => "=",
    equal: () => "±0",
    ulp: (n) => `${n} ulp`,
    sum: () => "Σ",
    norm: (n) => `‖${n}‖`,
  };
  const text = [...widest].map(([kind, n]) => (signs[kind] ?? ((n) => `${kind} ${n}`))(n)).join(
    ", ",
  );
  if (column !== "integers") return text;
  return `${text} (${kinds.filter((dtype) => some.some((c) => c.dtypes.has(dtype))).length})`;
}

// ---- what the sources say

// Functions and members of arrays by name: the first sentence of their doc comments.
function publicNames() {
  const found = new Map();
  const note = (name, comment, form) => {
    const entry = found.get(name) ?? {};
    const sentence = comment.replace(/^\s*\*? ?/gm, "").replace(/\s+/g, " ").trim()
      .split(/ @|(?<=[.?])(?<!e\.g\.) (?=[A-Z`"])/)[0].replaceAll("|", "\\|");
    found.set(name, { summary: entry.summary ?? sentence, ...entry, [form]: true });
  };
  const comment = "/\\*\\*((?:(?!\\*/)[^])*)\\*/\\n";
  const functions = new RegExp(`${comment}export (?:async )?(?:function|const) (\\w+)`, "g");
  const members = new RegExp(`${comment} +(?:readonly |get |async )*(\\w+)[(<:]`, "g");
  const spaces = {
    "lib/ops/random.ts": "random.",
    "lib/ops/fft.ts": "fft.",
    "lib/nn/nn.ts": "nn.",
    "lib/testing.ts": "testing.",
  };
  for (const path of listFiles("lib", (name) => name.endsWith(".ts"))) {
    const text = readFileSync(join(root, path), "utf8");
    for (const [, about, name] of text.matchAll(functions)) {
      note((spaces[path] ?? "") + name, about, "isFunction");
    }
    if (path === "lib/array/ndarray.ts") {
      for (const [, about, name] of text.matchAll(members)) note(name, about, "isMember");
    }
    for (const [block] of text.matchAll(/interface NDArray<[^]*?\n {2}\}\n/g)) {
      for (const [, about, name] of block.matchAll(members)) note(name, about, "isMember");
    }
  }
  // A function written as `variance` is exported as `var`, a reserved word.
  for (const path of listFiles("lib/ops", (name) => name.endsWith(".ts"))) {
    const text = readFileSync(join(root, path), "utf8");
    for (const [, from, to] of text.matchAll(/^export \{ (\w+) as (\w+) \};$/gm)) {
      const about = new RegExp(`${comment}function ${from}\\b`).exec(text);
      if (about) note(to, about[1], "isFunction");
    }
  }
  return found;
}

function filesThatCheck(name, tests) {
  const last = name.split(".").at(-1);
  const pattern = new RegExp(
    name.startsWith(".")
      ? `\\.${last}\\b`
      : `\\b(?:gk|random|fft|nn|testing)\\.${last}\\b|\\.${last}\\(|\\b${last}\\(`,
  );
  return tests.filter(({ text }) => pattern.test(text)).map(({ path }) => path)
    .sort((a, b) => Number(b.includes(last)) - Number(a.includes(last))).slice(0, 2)
    .map((path) => `[${path.slice("tests/".length, -".test.ts".length)}](../${path})`);
}
