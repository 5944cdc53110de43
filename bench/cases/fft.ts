// Fourier transforms of complex64 and float32. SciPy shares batches among threads only where told to.
import * as gk from "../../mod.ts";
import type { Case, Goal, Group } from "../case.ts";

type Kind = "fft" | "rfft";

function complexes(shape: readonly number[]): gk.NDArray {
  const z = gk.zeros(shape, { dtype: "complex64" });
  gk.real(z).copyFrom(gk.random.normal(shape));
  gk.imag(z).copyFrom(gk.random.normal(shape));
  return z;
}

function row(name: string, kind: Kind, shape: readonly number[], axis: number, goal?: Goal): Case {
  const isSmall = shape.length === 1 && shape[0]! < 100_000, list = shape.join(", ");
  const numpy = kind === "rfft"
    ? `a = np.random.default_rng(1).standard_normal((${list},), np.float32)`
    : `g = np.random.default_rng(1); a = (g.standard_normal((${list},)) + 1j * g.standard_normal((${list},))).astype(np.complex64)`;
  const torch = `a = torch.randn(${list}${
    kind === "rfft" ? "" : ", dtype=torch.complex64"
  }); o = torch.fft.${kind}(a, dim=${axis})`;
  return {
    name: `${kind} ${name}`,
    queued: !isSmall,
    gpukit: () => {
      const a = kind === "rfft" ? gk.random.normal(shape) : complexes(shape);
      const transform = gk.fft[kind];
      // A small one as users call it; of large arrays the page faults are not what is compared.
      if (isSmall) return () => transform(a, { axis }).dispose();
      const out = transform(a, { axis });
      return () => transform(a, { axis, out });
    },
    scipy: [numpy, `scipy.fft.${kind}(a, axis=${axis}, workers=threads)`],
    torch: [
      torch,
      isSmall ? `torch.fft.${kind}(a)` : `torch.fft.${kind}(a, dim=${axis}, out=o)`,
    ],
    ...(goal && { goal }),
  };
}

const atLeast = (ratio: number): Goal => ({ of: "fastest", atLeast: ratio });
const kinds: readonly Kind[] = ["fft", "rfft"];

export const fft: Group = {
  name: "fft",
  about:
    "complex64 and float32; single small ones into new arrays, all others into a given one where the peer can",
  threads: [2],
  rounds: 7,
  avx2: true,
  pause: "long",
  cases: [
    ...[512, 1024, 4096].map((n) => row(`${n}`, "fft", [n], -1, atLeast(3))),
    row("1024", "rfft", [1024], -1, atLeast(3)),
    ...kinds.flatMap((kind) => [
      row("1000 of 512", kind, [1000, 512], -1, atLeast(1.3)),
      row("1000 of 1024", kind, [1000, 1024], -1, atLeast(1.3)),
      row("250 of 4096", kind, [250, 4096], -1, atLeast(1.3)),
      row("992 of 1000", kind, [992, 1000], -1, atLeast(1)),
      row("2^20", kind, [2 ** 20], -1, atLeast(1.8)),
    ]),
    row("500 of 1021", "fft", [500, 1021], -1, atLeast(1)),
    row("1024 x 1024, axis 0", "fft", [1024, 1024], 0, atLeast(1.3)),
  ],
};
