// Types of results, checked by tsc; nothing here runs.

import * as gk from "../../mod.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;
/** Accepts a value whose type is exactly T. */
declare function exactly<T>(): <U>(value: U & (Equal<T, U> extends true ? unknown : never)) => void;

declare const f16: gk.NDArray<"float16">;
declare const bf16: gk.NDArray<"bfloat16">;
declare const f32: gk.NDArray<"float32">;
declare const f64: gk.NDArray<"float64">;
declare const i8: gk.NDArray<"int8">;
declare const i32: gk.NDArray<"int32">;
declare const i64: gk.NDArray<"int64">;
declare const u8: gk.NDArray<"uint8">;
declare const u32: gk.NDArray<"uint32">;
declare const c64: gk.NDArray<"complex64">;
declare const flag: gk.NDArray<"bool">;
declare const some: gk.NDArray;

// Any array is an NDArray.
const arrays: gk.NDArray[] = [f16, f32, i64, flag, some];
export const count: number = arrays.length;

// Creation.
exactly<gk.NDArray<"float32">>()(gk.array([[1, 2], [3, 4]]));
exactly<gk.NDArray<"bool">>()(gk.array([true, false]));
exactly<gk.NDArray<"int64">>()(gk.array([1n]));
exactly<gk.NDArray<"float64">>()(gk.array(new Float64Array(2)));
exactly<gk.NDArray<"uint8">>()(gk.array(new Uint8Array(2)));
exactly<gk.NDArray<"int32">>()(gk.array([1, 2], { dtype: "int32" }));
exactly<gk.NDArray<"float32">>()(gk.zeros([2, 3]));
exactly<gk.NDArray<"float16">>()(gk.zeros([2, 3], { dtype: "float16" }));
exactly<gk.NDArray<"bool">>()(gk.full(3, true));
exactly<gk.NDArray<"int64">>()(gk.full(3, 7n));
exactly<gk.NDArray<"int32">>()(gk.arange(0, 10, 2, { dtype: "int32" }));
exactly<gk.NDArray<"float16">>()(gk.zerosLike(f16));
exactly<gk.NDArray<"int8">>()(f32.astype("int8"));

// Promotion.
exactly<gk.NDArray<"float32">>()(gk.add(f32, f32));
exactly<gk.NDArray<"float32">>()(f32.add(i64));
exactly<gk.NDArray<"float16">>()(gk.add(f16, i32));
exactly<gk.NDArray<"float32">>()(gk.add(f16, bf16));
exactly<gk.NDArray<"float64">>()(gk.mul(f64, f16));
exactly<gk.NDArray<"int64">>()(gk.sub(i8, u32));
exactly<gk.NDArray<"int32">>()(gk.sub(i32, u8));
exactly<gk.NDArray<"int16">>()(gk.sub(i8, u8));
exactly<gk.NDArray<"int64">>()(gk.add(flag, i64));
exactly<gk.NDArray<"uint32">>()(gk.add(u8, u32));
exactly<gk.NDArray<"int32">>()(i32.add(2));
exactly<gk.NDArray<"int32">>()(gk.add(2, i32));
exactly<gk.NDArray<"float32">>()(gk.div(i32, i32));
exactly<gk.NDArray<"float64">>()(gk.div(f64, i32));
exactly<gk.NDArray<"bool">>()(gk.less(i32, 3.5));
exactly<gk.NDArray>()(gk.add(some, f32));
exactly<gk.NDArray<"float64">>()(gk.where(flag, f64, 0));
exactly<gk.NDArray<"float64">>()(gk.fma(f32, f64, 1));
exactly<gk.NDArray<"float32">>()(f32.clip(0, 1));

// Reductions and others.
exactly<gk.NDArray<"int64">>()(gk.sum(i8));
exactly<gk.NDArray<"uint64">>()(u8.sum({ axis: 0 }));
exactly<gk.NDArray<"float64">>()(f32.sum({ dtype: "float64" }));
exactly<gk.NDArray<"float32">>()(gk.mean(i64));
exactly<gk.NDArray<"int64">>()(f32.argmax({ axis: 1 }));
exactly<gk.NDArray<"bool">>()(gk.any(f32));
exactly<gk.NDArray<"float32">>()(f32.matmul(f16));
exactly<gk.NDArray<"int32">>()(i8.matmul(i8));
exactly<gk.NDArray<"int64">>()(gk.matmul(i8, i8, { dtype: "int64" }));
exactly<gk.NDArray<"float16">>()(f16.at("1:2", null).T.reshape([2, -1]));
exactly<gk.NDArray<"int64">>()(gk.argsort(f32));
exactly<gk.Topk<"float32">>()(f32.topk(2));
exactly<gk.NDArray<"float32">>()(gk.unique(f32));
exactly<gk.NDArray<"float32">>()(f32.unique());
const { values, indices, inverse, counts } = f32.unique({ returnIndex: true, returnCounts: true });
exactly<gk.NDArray<"float32">>()(values);
exactly<gk.NDArray<"int64">>()(indices);
exactly<undefined>()(inverse);
exactly<gk.NDArray<"int64">>()(counts);

// Joining and rearranging.
exactly<gk.NDArray<"float32">>()(gk.concatenate([f32, f32]));
exactly<gk.NDArray<"float64">>()(gk.concatenate([f32, f64, i8]));
exactly<gk.NDArray<"int16">>()(gk.stack([i8, u8], { axis: 1 }));
exactly<gk.NDArray<"int32">>()(gk.concatenate([i32] as gk.NDArray<"int32">[]));
exactly<gk.NDArray>()(gk.concatenate([] as gk.NDArray[]));
exactly<gk.NDArray<"uint8">>()(gk.pad(u8, 1).tile(2).roll(1).repeat(2));
exactly<gk.NDArray<"float16">>()(f16.tril().diff());
exactly<gk.NDArray<"int64">>()(gk.trace(i8));
exactly<gk.NDArray<"int32">>()(gk.dot(i8, i8));
exactly<gk.NDArray<"float32">>()(f32.outer(f16));
exactly<gk.NDArray<"float32">>()(gk.linear(f32, f32, f32));
exactly<"float64">()(gk.promoteTypes("float64", "int8"));

// Comparison within tolerances.
exactly<gk.NDArray<"bool">>()(gk.isclose(f32, i64, { rtol: 0.1 }));
exactly<gk.NDArray<"bool">>()(c64.isclose(1));
exactly<boolean>()(f32.allclose(f64));
exactly<boolean>()(gk.arrayEqual(f32, i8, { equalNan: true }));
exactly<gk.NDArray<"int32">>()(gk.floorDivide(i32, 3).leftShift(1));

// Complex numbers.
exactly<gk.NDArray<"float32">>()(gk.abs(c64));
exactly<gk.NDArray<"float32">>()(c64.angle());
exactly<gk.NDArray<"float32">>()(c64.real);
exactly<gk.NDArray<"complex64">>()(c64.conj().mul(f32));
exactly<gk.Complex>()(c64.item());

// Reading.
exactly<Float32Array<ArrayBuffer>>()(f32.dataSync());
exactly<Promise<BigInt64Array<ArrayBuffer>>>()(i64.data());
exactly<number>()(i64.item());
exactly<bigint>()(i64.item({ bigint: true }));
exactly<boolean>()(flag.item());
exactly<gk.Nested<number>>()(f32.arraySync());

// Scopes give what their functions give.
exactly<gk.NDArray<"float32">>()(gk.scope(() => gk.zeros(2)));
exactly<Promise<{ x: gk.NDArray<"float32"> }>>()(gk.scope(async () => {
  await null;
  return { x: gk.zeros(2) };
}));

// Refused by types.
// @ts-expect-error a string is no operand
gk.add(f32, "1");
// @ts-expect-error joining takes a list
gk.concatenate(f32, f32);
// @ts-expect-error no such mode
gk.pad(f32, 1, { mode: "mirror" });
// @ts-expect-error no such dtype
gk.zeros(2, { dtype: "float" });
// @ts-expect-error the host form of float32 is a Float32Array
f32.dataSync({ into: new Float64Array(2) });
