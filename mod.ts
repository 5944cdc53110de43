// gpukit: GPU computing for TypeScript. The public names; docs/ops.md lists the ops.

export { adopt, NDArray } from "./lib/array/methods.ts";
export type {
  Complex,
  DType,
  FloatOf,
  HostArray,
  HostArrays,
  Item,
  Nested,
  Promote,
  RealOf,
  WideOf,
} from "./lib/array/dtype.ts";
export {
  arange,
  array,
  type ArrayOptions,
  empty,
  emptyLike,
  eye,
  type EyeOptions,
  full,
  fullLike,
  linspace,
  type LinspaceOptions,
  meshgrid,
  type NestedData,
  ones,
  onesLike,
  type TypedData,
  zeros,
  zerosLike,
} from "./lib/array/create.ts";
export {
  at,
  broadcastTo,
  diagonal,
  expandDims,
  flip,
  imag,
  type Index,
  moveaxis,
  ravel,
  real,
  reshape,
  type ShapeLike,
  split,
  squeeze,
  swapaxes,
  transpose,
} from "./lib/array/views.ts";
export { astype, clone, contiguous, flatten } from "./lib/array/copy.ts";
export type { ElementOptions, ItemOf, ReadOptions } from "./lib/array/read.ts";
export { getPrintOptions, type PrintOptions, setPrintOptions } from "./lib/array/print.ts";

export * from "./lib/ops/elementwise.ts";
export * from "./lib/ops/closeness.ts";
export * from "./lib/ops/reduce.ts";
export * from "./lib/ops/quantile.ts";
export * from "./lib/ops/sets.ts";
export * from "./lib/ops/sort.ts";
export * from "./lib/ops/linalg.ts";
export type { Indices } from "./lib/ops/indices.ts";
export * from "./lib/ops/indexing.ts";
export * from "./lib/ops/scatter.ts";
export * from "./lib/ops/counting.ts";
export {
  concatenate,
  type Joined,
  type JoinOptions,
  promoteTypes,
  repeat,
  stack,
  tile,
} from "./lib/ops/joining.ts";
export * from "./lib/ops/rearranging.ts";
export { einsum } from "./lib/ops/einsum.ts";
export type {
  Common,
  CreateOptions,
  DTypeOf,
  FillOptions,
  Operand,
  OpOptions,
  ReduceOptions,
} from "./lib/ops/submit.ts";
/** Fourier transforms of any length, in float32. */
export * as fft from "./lib/ops/fft.ts";
/** Random numbers: Philox counters, the same numbers on every device. */
export * as random from "./lib/ops/random.ts";
/** Assertions about arrays, for tests. */
export * as testing from "./lib/testing.ts";
/** Functions of neural networks. */
export * as nn from "./lib/nn/nn.ts";

export {
  defaultDevice,
  Device,
  device,
  type DeviceLike,
  type DeviceMemory,
  devices,
  info,
  isCudaAvailable,
  type Memory,
  memory,
  setDefaultDevice,
} from "./lib/device/device.ts";
export { keep, scope } from "./lib/device/scope.ts";
export { Stream, stream, StreamEvent, type StreamOptions } from "./lib/device/stream.ts";
export {
  copyAsync,
  type CopyOptions,
  pinned,
  PinnedBuffer,
  type PinnedMemory,
} from "./lib/device/pinned.ts";
export { Graph, graph } from "./lib/graph/graph.ts";
export {
  jit,
  jitAsync,
  type JitOptions,
  type Kernels,
  module,
  type ModuleOptions,
} from "./lib/jit/jit.ts";
export {
  type Argument,
  type Attributes,
  type Dimensions,
  Kernel,
  type LaunchOptions,
  type Occupancy,
  type Parameter,
} from "./lib/jit/kernel.ts";
export { Module, ModuleVariable, type Origin } from "./lib/jit/module.ts";
export type { HostBytes } from "./lib/jit/host_bytes.ts";
export {
  bf16,
  bool,
  f16,
  f32,
  f64,
  i16,
  i32,
  i64,
  i8,
  Scalar,
  u16,
  u32,
  u64,
  u8,
} from "./lib/jit/scalar.ts";

export * from "./lib/errors.ts";
export * from "./lib/io/mod.ts";
