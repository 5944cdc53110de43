// Random numbers, into a given array where the peer can. NumPy draws float32 normals by its ziggurat
// from PCG64, PyTorch by Box and Muller from a Mersenne twister; gpukit's come from Philox counters.
import * as gk from "../../mod.ts";
import type { Group } from "../case.ts";

const million = 1_000_000;
const size = 10 * million;

const numpy = "g = np.random.default_rng(1)";

export const random: Group = {
  name: "random",
  about: "from one generator",
  threads: [2],
  rounds: 7,
  avx2: true,
  pause: "long",
  cases: [
    {
      name: "normal 10 M",
      goal: { of: "fastest", atLeast: 5 },
      queued: true,
      gpukit: () => {
        const out = gk.empty([size]);
        return () => gk.random.normal([size], { out });
      },
      numpy: [
        `${numpy}; o = np.empty(${size}, np.float32)`,
        "g.standard_normal(dtype=np.float32, out=o)",
      ],
      torch: [`o = torch.empty(${size})`, "o.normal_()"],
    },
    {
      name: "uniform 10 M",
      goal: { of: "fastest", atLeast: 5 },
      queued: true,
      gpukit: () => {
        const out = gk.empty([size]);
        return () => gk.random.uniform([size], { out });
      },
      numpy: [
        `${numpy}; o = np.empty(${size}, np.float32)`,
        "g.random(dtype=np.float32, out=o)",
      ],
      torch: [`o = torch.empty(${size})`, "o.uniform_()"],
    },
    {
      name: "randint 10 M, int32 below 1000",
      queued: true,
      gpukit: () => {
        const out = gk.empty([size], { dtype: "int32" });
        return () => gk.random.randint(0, 1000, [size], { dtype: "int32", out });
      },
      numpy: [numpy, `g.integers(0, 1000, ${size}, np.int32)`],
      torch: [
        `o = torch.empty(${size}, dtype=torch.int32)`,
        "o.random_(0, 1000)",
      ],
    },
    {
      name: "permutation of 1 M",
      queued: true,
      gpukit: () => () => gk.random.permutation(million).dispose(),
      numpy: [numpy, `g.permutation(${million})`],
      torch: ["", `torch.randperm(${million})`],
    },
    {
      name: "choice of 1 M by 1000 weights",
      queued: true,
      gpukit: () => {
        const p = gk.random.uniform(1000);
        return () => gk.random.choice(1000, { shape: million, p }).dispose();
      },
      numpy: [`${numpy}; p = g.random(1000); p /= p.sum()`, `g.choice(1000, ${million}, p=p)`],
      torch: [
        "p = torch.rand(1000)",
        `torch.multinomial(p, ${million}, replacement=True)`,
      ],
    },
  ],
};
