// Functions of floats on large arrays of normal numbers, into a given array.
import * as gk from "../../mod.ts";
import type { Case, Group } from "../case.ts";

const size = 10_000_000;

/** What gpukit, NumPy, PyTorch and numpy-ts all call by one name. */
type Shared = "exp" | "log" | "tanh" | "sin";

/** A row of one operand. `atLeast`: the goal, against the faster of NumPy and PyTorch. */
function row(name: Shared, atLeast: number): Case {
  // Logarithms have no use for negative numbers.
  const positive = name === "log";
  return {
    name: `${name} 10 M`,
    goal: { of: "fastest", atLeast },
    queued: true,
    gpukit: () => {
      const normal = gk.random.normal([size]), out = gk.empty([size]);
      const a = positive ? gk.abs(normal) : normal;
      return () => gk[name](a, { out });
    },
    numpy: [
      `a = np.random.default_rng(1).standard_normal(${size}, np.float32)${
        positive ? "; a = abs(a)" : ""
      }; o = a.copy()`,
      `np.${name}(a, out=o)`,
    ],
    torch: [
      `a = torch.randn(${size})${positive ? ".abs()" : ""}; o = a.clone()`,
      `torch.${name}(a, out=o)`,
    ],
    numpyTs: (np) => {
      const a = np.ones([size], "float32");
      return () => np[name](a).dispose();
    },
  };
}

// NumPy has none.
const erf: Case = {
  name: "erf 10 M",
  goal: { of: "fastest", atLeast: 1.6 },
  queued: true,
  gpukit: () => {
    const a = gk.random.normal([size]), out = gk.empty([size]);
    return () => gk.erf(a, { out });
  },
  torch: [`a = torch.randn(${size}); o = a.clone()`, "torch.erf(a, out=o)"],
};

const pow: Case = {
  name: "pow 10 M",
  queued: true,
  gpukit: () => {
    const a = gk.random.uniform([size]), b = gk.random.normal([size]), out = gk.empty([size]);
    return () => gk.pow(a, b, { out });
  },
  numpy: [
    `g = np.random.default_rng(1); a = g.random(${size}, np.float32); b = g.standard_normal(${size}, np.float32); o = a.copy()`,
    "np.power(a, b, out=o)",
  ],
  torch: [
    `a = torch.rand(${size}); b = torch.randn(${size}); o = a.clone()`,
    "torch.pow(a, b, out=o)",
  ],
  numpyTs: (np) => {
    const a = np.ones([size], "float32"), b = a.copy();
    return () => np.power(a, b).dispose();
  },
};

export const functions: Group = {
  name: "functions",
  about: "float32, into a given array where the peer can",
  threads: [2],
  rounds: 7,
  avx2: true,
  pause: "long",
  cases: [row("exp", 1.6), row("log", 1.6), row("tanh", 1.2), row("sin", 1.6), erf, pow],
};
