// Types of users' kernels, checked by tsc; nothing here runs.

import * as gk from "../../mod.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;
/** Accepts a value whose type is exactly T. */
declare function exactly<T>(): <U>(value: U & (Equal<T, U> extends true ? unknown : never)) => void;

declare const names: string[];
declare const kernel: gk.Kernel;
declare const array: gk.NDArray<"float32">;

// One name gives a kernel, a list of names a tuple of them.
exactly<gk.Kernel>()(gk.jit("", "a"));
exactly<[gk.Kernel, gk.Kernel]>()(gk.jit("", ["a", "b"]));
exactly<gk.Kernel[]>()(gk.jit("", names));
exactly<Promise<gk.Kernel>>()(gk.jitAsync("", "a", { options: ["-DN=1"] }));
exactly<Promise<[gk.Kernel]>>()(gk.jitAsync("", ["a"]));
exactly<gk.Module>()(gk.module(new Uint8Array(1), { kernels: ["a"], device: "cuda:0" }));

// What a launch takes.
kernel.launch({ grid: 1, block: [2, 3, 4] }, array, 1, true, 2n, gk.f32(2), null);
kernel.launch({ grid: [1], block: 1, sharedBytes: 4 }, new ArrayBuffer(8), new Float32Array(2));
// @ts-expect-error: a string is no argument.
kernel.launch({ grid: 1, block: 1 }, "2");
// @ts-expect-error: there must be a block.
kernel.launch({ grid: 1 });
// @ts-expect-error: lists of numbers are arrays that gk.array makes.
kernel.launch({ grid: 1, block: 1 }, [1, 2]);

// Reading a variable fills what it is given.
declare const variable: gk.ModuleVariable;
exactly<Float32Array<ArrayBuffer>>()(variable.read(new Float32Array(4)));
exactly<Uint8Array<ArrayBuffer>>()(variable.read());
