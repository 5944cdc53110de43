// Every symbol of csrc/gpukit.h: [result, parameters]. The types of the calls are derived from it.
// tests/abi checks it against the header. Only the shapes that are fast in both runtimes occur:
// u32, i32, f64 and buffers, at most six integer-class arguments.

/** The C symbols: name, result, parameters. */
export const abi = {
  gk_abi_version: ["u32", []],
  gk_isolate_attach: ["u32", ["buffer", "u32"]],

  gk_context_begin: ["u32", ["u32", "u32"]],
  gk_context_end: ["u32", ["u32", "u32", "u32"]],
  gk_context_set_device: ["u32", ["u32", "u32"]],

  gk_device_info: ["u32", ["u32", "i32"]],
  gk_memory_query: ["u32", ["u32", "u32"]],

  gk_array_from_host: ["u32", ["u32", "u32", "u32", "buffer", "f64"]],
  gk_array_describe: ["u32", ["u32", "u32"]],
  gk_array_dispose: ["u32", ["u32", "u32"]],
  gk_array_is_live: ["u32", ["u32", "u32"]],
  gk_array_move: ["u32", ["u32", "u32", "u32"]],
  gk_array_view: ["u32", ["u32", "u32", "u32", "u32"]],
  gk_array_read: ["u32", ["u32", "u32", "buffer", "f64", "f64"]],
  gk_array_item: ["f64", ["u32", "u32"]],
  gk_array_write: ["u32", ["u32", "u32", "buffer", "f64"]],
  gk_array_share: ["f64", ["u32", "u32"]],
  gk_array_to_device: ["u32", ["u32", "u32", "u32"]],
  gk_array_adopt: ["u32", ["u32", "f64"]],

  gk_submit_unary: ["u32", ["u32", "u32", "u32", "u32"]],
  gk_submit_binary: ["u32", ["u32", "u32", "u32", "u32", "u32", "f64"]],
  gk_submit_ternary: ["u32", ["u32", "u32", "u32", "u32", "u32", "u32", "f64", "f64", "f64"]],
  gk_submit: ["u32", ["u32", "u32", "u32", "u32", "u32", "u32"]],
  gk_submit_join: ["u32", ["u32", "u32", "u32", "i32", "u32"]],
  gk_dtype_promote: ["u32", ["u32", "u32"]],

  gk_generator_create: ["u32", ["u32", "u32", "u32"]],
  gk_generator_seed: ["u32", ["u32", "u32", "u32", "u32"]],
  gk_generator_dispose: ["u32", ["u32", "u32"]],

  gk_stream_create: ["u32", ["u32", "u32", "i32"]],
  gk_stream_dispose: ["u32", ["u32", "u32"]],
  gk_stream_synchronize: ["u32", ["u32", "u32", "i32"]],
  gk_stream_record: ["u32", ["u32", "u32"]],
  gk_stream_wait: ["u32", ["u32", "u32", "u32"]],
  gk_event_query: ["u32", ["u32", "u32"]],
  gk_event_elapsed: ["f64", ["u32", "u32", "u32"]],
  gk_event_dispose: ["u32", ["u32", "u32"]],

  gk_graph_begin: ["u32", ["u32"]],
  gk_graph_end: ["u32", ["u32", "u32"]],
  gk_graph_launch: ["u32", ["u32", "u32", "u32"]],
  gk_graph_dispose: ["u32", ["u32", "u32"]],

  gk_module_create: ["u32", ["u32", "u32", "u32", "buffer", "f64"]],
  gk_module_finish: ["u32", ["u32", "u32"]],
  gk_module_read: ["f64", ["u32", "u32", "u32", "buffer", "f64"]],
  gk_module_dispose: ["u32", ["u32", "u32"]],
  gk_module_variable: ["f64", ["u32", "u32", "u32", "buffer", "f64", "f64"]],
  gk_kernel_describe: ["u32", ["u32", "u32", "u32"]],
  gk_kernel_occupancy: ["u32", ["u32", "u32", "u32", "u32", "f64"]],
  gk_kernel_launch: ["u32", ["u32", "u32", "u32", "u32", "u32"]],

  gk_completion_request: ["u32", ["u32", "u32", "u32"]],
  gk_completion_ring: ["u32", ["u32"]],
  gk_completion_wait: ["u32", ["u32"]],
  gk_completion_descriptor: ["i32", ["u32"]],
  gk_completion_drain: ["u32", ["u32"]],

  gk_buffer_register: ["u32", ["u32", "buffer", "f64"]],
  gk_buffer_release: ["u32", ["u32", "u32"]],
  gk_buffer_copy: ["u32", ["u32", "u32", "u32", "u32", "f64"]],
  gk_buffer_collect: ["u32", ["u32", "u32"]],
} as const;

/** The one symbol that blocks: never called on JavaScript's thread. */
export const blocking = "gk_completion_wait";

/** The version of csrc/gpukit.h that this table was written for. */
export const abiVersion = 1;

// Both runtimes compile something for each symbol that they open (Deno 60 us, Bun 25): those that not
// every program calls are opened together when the first of them is called.
const late =
  /^gk_(generator|stream|event|graph|module|kernel|completion|buffer)_|_(share|adopt|write|query|join|promote)$/;

/** All symbols, opened by `define` in two parts, the second with its first use. */
export function openInTwo(
  define: (isWanted: (name: string) => boolean) => Record<string, unknown>,
): Record<string, unknown> {
  const symbols = { ...define((name) => !late.test(name)) };
  const openLate = () => {
    const rest = define((name) => late.test(name));
    for (const name in rest) Object.defineProperty(symbols, name, { value: rest[name] });
  };
  for (const name in abi) {
    if (name in symbols) continue;
    const get = () => {
      openLate();
      return symbols[name];
    };
    Object.defineProperty(symbols, name, { get, configurable: true, enumerable: true });
  }
  return symbols;
}

/** Memory of JavaScript as C sees it during one call. Bun takes no bare ArrayBuffer. */
export type Memory = ArrayBufferView<ArrayBuffer>;

interface Kinds {
  u32: number;
  i32: number;
  f64: number;
  buffer: Memory;
}

type Table = typeof abi;
type Arguments<P extends readonly unknown[]> = {
  -readonly [I in keyof P]: Kinds[P[I] & keyof Kinds];
};

/** The library's functions, as both runtimes offer them. */
export type Native = {
  readonly [K in Exclude<keyof Table, typeof blocking>]: (
    ...values: Arguments<Table[K][1]>
  ) => Kinds[Table[K][0]];
};

/** An opened library. */
export interface Library {
  readonly native: Native;
  /**
   * Resolves when the isolate's completion ring may hold tickets. At most one wait is pending.
   * It keeps the process alive.
   */
  waitForTickets(context: number): Promise<void>;
}
