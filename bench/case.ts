// What a benchmark is. One row of the table is one Case: the same work written for gpukit and for
// each peer, side by side, so that a reader can judge whether the comparison is fair.

/** One timed call. What it returns is kept by the loop around it, so that no work is optimised away. */
export type Call = () => unknown;
/** Makes the operands, outside the time measured, and returns the call. */
export type Prepare = () => Call | Promise<Call>;
/** Python source: the statements that make the operands, and the statement that is timed. */
export type Python = readonly [setup: string, call: string];

/** What a row must reach. A row without a goal is shown for information. */
export type Goal =
  /** The peer's time divided by gpukit's, or of the fastest of NumPy, SciPy and PyTorch. */
  | { readonly of: "numpy" | "torch" | "plain" | "fastest"; readonly atLeast: number }
  /** gpukit's own time. */
  | { readonly atMostNs: number }
  /** The time beyond the start of an empty program, in units of that start. */
  | { readonly atMostStarts: { readonly deno: number; readonly bun: number } };

export interface Case {
  readonly name: string;
  readonly gpukit: Prepare;
  /** How many of the peers' calls one call of gpukit stands for; times are shown per one of them. */
  readonly per?: number;
  /** The call returns a promise, which the loop awaits. */
  readonly async?: boolean;
  /**
   * The call may return before its work is done, as large ops do: every batch then ends by waiting
   * for the device, inside the time measured. The peers' calls return when the work is done.
   */
  readonly queued?: boolean;
  readonly numpy?: Python;
  readonly torch?: Python;
  /** For what NumPy has slower or not at all; `threads` is how many it may use. */
  readonly scipy?: Python;
  readonly numpyTs?: (np: typeof import("numpy-ts")) => Call;
  /** The same by hand, in TypeScript without a library. */
  readonly plain?: Prepare;
  readonly goal?: Goal;
}

/** Whole programs, timed from their start to their end, against an empty one in the same runtime. */
export interface Program {
  readonly name: string;
  readonly program: string;
  readonly empty: string;
  /** Python source of the peer's program; its empty one is "pass". */
  readonly numpyProgram?: string;
  readonly goal?: Goal;
}

export interface Group {
  readonly name: string;
  readonly about: string;
  /** Thread counts at which every case is measured. */
  readonly threads: readonly number[];
  /** long: cases that keep threads busy, after which the others must wait until these sleep. */
  readonly pause: "short" | "long";
  /** At most so many rounds, where many rows would take too long. */
  readonly rounds?: number;
  /** Is gpukit measured with its AVX2 kernels too, on a machine that has AVX-512? */
  readonly avx2?: boolean;
  readonly cases: readonly (Case | Program)[];
}
