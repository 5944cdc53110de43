// gpukit's C ABI, all of it. TypeScript calls exactly these symbols, through
// Deno.dlopen and bun:ffi; bindings/abi.ts holds the same table with types.
//
// Shape of a call
//   At most six integer-class arguments (u32, i32, buffer) and eight f64: any
//   other shape is slow or fatal in one of the runtimes. Sizes and counts are
//   f64 (exact to 2^53). Handles are u32, never 0, below 2^30 (20 bits index,
//   10 bits generation), so that a stale one is an error and not a crash.
//   Whatever does not fit goes into the input half of the isolate's block.
//
// The block
//   GK_BLOCK_BYTES of JavaScript's memory, registered once by an isolate
//   (gk_isolate_attach), which C touches only during calls of that isolate.
//   The first half is input: read as u32 or f64 as each function says (u32[i]
//   and f64[i] count from the block's start). The second half is output, laid
//   out as gk_block_output below.
//
// Results
//   A handle, or 0 on failure; or a status (gk_status), 0 on success; or an
//   f64. A failure writes its status and text into the output half; success
//   formats nothing. The first argument `ctx` is a context: the isolate, the
//   scope that owns new arrays, the device and the stream on which ops are
//   ordered.
//
// Threads
//   A context belongs to the thread that attached its isolate; every call with
//   it is made there, but for gk_completion_wait. Storage may be shared
//   between isolates by gk_array_share and gk_array_adopt.
#ifndef GPUKIT_H
#define GPUKIT_H

#include <stdint.h>

#if defined(_WIN32)
#define GK_EXPORT __attribute__((dllexport))
#else
#define GK_EXPORT __attribute__((visibility("default")))
#endif

#define GK_ABI_VERSION 1u
#define GK_BLOCK_BYTES 8192u
#define GK_MAX_DIMS 8
#define GK_TEXT_BYTES 3072

typedef enum gk_status {
  GK_OK = 0,
  GK_ARGUMENT = 1,      // GpukitError: a value or kind that no call accepts
  GK_SHAPE = 2,         // ShapeError
  GK_DTYPE = 3,         // DTypeError
  GK_INDEX = 4,         // IndexError
  GK_DISPOSED = 5,      // DisposedError
  GK_DEVICE = 6,        // DeviceError
  GK_DEVICE_LOST = 7,   // DeviceLostError
  GK_OUT_OF_MEMORY = 8, // OutOfMemoryError
  GK_UNSUPPORTED = 9,   // UnsupportedError
  GK_KERNEL_COMPILE = 10 // KernelCompileError; the log: gk_module_read
} gk_status;

typedef struct gk_block_output {
  int32_t status; // of the last failed call
  int32_t dtype, ndim;
  int32_t flags;  // bit 0: contiguous; bit 1: its bytes are computed
  int32_t device; // index of the array's device
  int32_t stream; // the stream that computes the array, or on which the call was submitted
  int32_t text_bytes;
  int32_t reserved;
  double size, bytes; // elements; elements times item size
  double shape[GK_MAX_DIMS];
  double strides[GK_MAX_DIMS]; // in bytes
  double values[32];           // numbers, as each function says
  char text[GK_TEXT_BYTES];    // UTF-8
} gk_block_output;

// ---- library and isolate -------------------------------------------------

GK_EXPORT uint32_t gk_abi_version(void);

// Registers the isolate's block and returns its root context, which holds the
// arrays made outside every scope; 0 (and nothing written) where `bytes` is
// not GK_BLOCK_BYTES or memory is out. When the calling thread ends, all of
// the isolate's arrays, streams and graphs are freed.
GK_EXPORT uint32_t gk_isolate_attach(void *block, uint32_t bytes);

// ---- contexts --------------------------------------------------------------

// A new scope below `parent`, with the parent's device and stream, or with
// `stream` and its device where that is not 0. 0 on failure.
GK_EXPORT uint32_t gk_context_begin(uint32_t ctx, uint32_t stream);
// Ends a scope. Its arrays are freed, or with keep = 1 all move to `parent`.
// Returns how many were freed or moved.
GK_EXPORT uint32_t gk_context_end(uint32_t ctx, uint32_t keep, uint32_t parent);
// Makes `device` (an index) the context's device, on its default stream.
GK_EXPORT uint32_t gk_context_set_device(uint32_t ctx, uint32_t device);

// ---- devices and counters ----------------------------------------------------

// Describes device `index` as lines "key\tvalue\n" in text; values[0] = number
// of devices. Index -1 describes the library: version, default device or why
// there is none, and why no CUDA device is used; -2 the compiler of users' kernels and its
// cache, which may take some ms: nvrtc (its path), nvrtcVersion, nvrtcHeaders (the folder of cuda_fp16.h),
// kernelCache (its folder), and for each that there is none of, the same with Why. Status.
GK_EXPORT uint32_t gk_device_info(uint32_t ctx, int32_t index);
// Counters of a device for the whole process: values[0] = bytes in use, [1] =
// peak of it, [2] = cached for reuse, [3] = limit, [4] = blocks taken from the
// system so far; and of this isolate: [5] = ops run at once by the caller, [6] = ops queued, [7] =
// live arrays, [8] = peak of them, [9] = open scopes, [10] = arrays owned by ctx itself; and
// of the device again: [11] = launches, [12] = waits of the host for it, so far. Status.
GK_EXPORT uint32_t gk_memory_query(uint32_t ctx, uint32_t device);

// ---- arrays --------------------------------------------------------------------

// A contiguous array of f64[0..ndim-1] elements on the context's device, its
// bytes copied from `data`. `bytes` must be exactly the array's. Handle.
GK_EXPORT uint32_t gk_array_from_host(uint32_t ctx, uint32_t dtype, uint32_t ndim, const void *data,
                                      double bytes);
// Calls that make an array store its `bytes` in the output half; this one fills all of it: dtype, ndim, flags, device, stream, size, bytes,
// shape, strides. Status.
GK_EXPORT uint32_t gk_array_describe(uint32_t ctx, uint32_t array);
// Frees the handle; the storage lives as long as any view or queued op needs
// it. 1 if the handle was live, else 0.
GK_EXPORT uint32_t gk_array_dispose(uint32_t ctx, uint32_t array);
GK_EXPORT uint32_t gk_array_is_live(uint32_t ctx, uint32_t array);
// Moves an array that `ctx` owns to another open scope of the isolate; one that another scope
// owns stays where it is. Status.
GK_EXPORT uint32_t gk_array_move(uint32_t ctx, uint32_t array, uint32_t to);
// A view on the same storage. `kind` is a gk_view_kind, `n` counts its
// arguments, which are f64[0..]; NaN stands for an omitted one. Handle.
GK_EXPORT uint32_t gk_array_view(uint32_t ctx, uint32_t kind, uint32_t array, uint32_t n);
// Waits for the array and copies `bytes` of its elements from byte `offset` on, in row-major
// order, into `into`. Errors of the ops behind it surface here. Status.
GK_EXPORT uint32_t gk_array_read(uint32_t ctx, uint32_t array, void *into, double bytes,
                                 double offset);
// Waits for an array of one element and returns it as a number; 64-bit
// integers and complex64 also lie as bytes in text[0..7]. On failure status is
// set (it is 0 otherwise) and the result is 0. Stores the dtype in the output half.
GK_EXPORT double gk_array_item(uint32_t ctx, uint32_t array);
// Copies `bytes` row-major bytes of host memory into the array, ordered on its
// stream; the host memory is free for reuse when the call returns. Status.
GK_EXPORT uint32_t gk_array_write(uint32_t ctx, uint32_t array, const void *data, double bytes);
// A copy on device `device`, in order after what computes the array: at once for a device with queues
// of its own, else blocking until the bytes are there. Handle.
GK_EXPORT uint32_t gk_array_to_device(uint32_t ctx, uint32_t array, uint32_t device);
// A token with which another isolate may take a view of the same storage,
// once. 0 on failure. Tokens are numbers below 2^53.
GK_EXPORT double gk_array_share(uint32_t ctx, uint32_t array);
GK_EXPORT uint32_t gk_array_adopt(uint32_t ctx, double token);

typedef enum gk_view_kind {
  GK_VIEW_ALIAS = 0,     // no argument: another handle on the same elements
  GK_VIEW_RESHAPE = 1,   // the shape, one of it may be -1; fails where a copy is needed
                         // with status GK_UNSUPPORTED
  GK_VIEW_TRANSPOSE = 2, // the axes; none: reversed
  GK_VIEW_BROADCAST = 3, // the shape
  GK_VIEW_SQUEEZE = 4,   // the axes; none: all of length 1
  GK_VIEW_EXPAND = 5,    // the new axes' places in the result
  GK_VIEW_FLIP = 6,      // the axes; none: all
  GK_VIEW_SLICE = 7,     // groups of 4 numbers (what, start, stop, step): what 0 = a range
                         // (NaN: omitted), 1 = an integer `start`, the axis is dropped,
                         // 2 = a new axis, 3 = the ellipsis
  GK_VIEW_SWAPAXES = 8,  // two axes
  GK_VIEW_MOVEAXIS = 9,  // from, to
  GK_VIEW_DIAGONAL = 10, // offset: the diagonal of the last two axes
  GK_VIEW_REAL = 11,     // the real parts of complex64, as float32
  GK_VIEW_IMAG = 12      // the imaginary ones
} gk_view_kind;

// ---- ops -------------------------------------------------------------------------
//
// `op` is a code of csrc/core/ops.def in the low 16 bits and a stream handle's index,
// or 0 for the context's stream, in the high 16 bits. `out` = 0 asks for a new array;
// otherwise it must have the result's shape and dtype, and is returned.
// Operand handle 0 stands for the number beside it, which is weak: it takes
// the arrays' dtype. Handle of the (first) result.

GK_EXPORT uint32_t gk_submit_unary(uint32_t ctx, uint32_t op, uint32_t a, uint32_t out);
GK_EXPORT uint32_t gk_submit_binary(uint32_t ctx, uint32_t op, uint32_t a, uint32_t b, uint32_t out,
                                    double value);
GK_EXPORT uint32_t gk_submit_ternary(uint32_t ctx, uint32_t op, uint32_t a, uint32_t b, uint32_t c,
                                     uint32_t out, double va, double vb, double vc);
// Every other op. `inputs` operand handles stand at u32[0..15] of the block, outputs (0: new)
// at u32[16..19], `params` numbers at f64[16..]; their meaning and that of `flags` and
// `dtype` is in ops.def. The handles of all results are written to values[0..]; bytes is
// that of the last new one.
GK_EXPORT uint32_t gk_submit(uint32_t ctx, uint32_t op, uint32_t inputs, uint32_t params,
                             uint32_t flags, uint32_t dtype);

// Joins `count` arrays, whose handles stand at u32[20..] of the block, along `axis`; `out` (0: new) at
// u32[16]. `op`: only the stream counts. flags bit 0: along a new axis; bit 1: as flattened
// arrays. Handle.
GK_EXPORT uint32_t gk_submit_join(uint32_t ctx, uint32_t op, uint32_t count, int32_t axis,
                                  uint32_t flags);
// The common dtype of two dtypes, by their codes; 0 where there is none.
GK_EXPORT uint32_t gk_dtype_promote(uint32_t a, uint32_t b);

// ---- random generators ---------------------------------------------------------

// A Philox generator, its counter at 0. Handle; generator 0 of every isolate is its
// default one and needs no making. The seed is a 64-bit integer in two halves.
GK_EXPORT uint32_t gk_generator_create(uint32_t ctx, uint32_t seed_low, uint32_t seed_high);
GK_EXPORT uint32_t gk_generator_seed(uint32_t ctx, uint32_t generator, uint32_t seed_low,
                                     uint32_t seed_high);
GK_EXPORT uint32_t gk_generator_dispose(uint32_t ctx, uint32_t generator);

// ---- streams and events ----------------------------------------------------------

// Ops of one stream run in order; streams run side by side. A stream handle's low 16
// bits are its index. Where a call takes a stream, 0 is the context's, and
// GK_DEFAULT_STREAM | device << 16 the isolate's default stream of a device.
// Priority: -1 low, 0 normal, 1 high.
#define GK_DEFAULT_STREAM 0x80000000u
GK_EXPORT uint32_t gk_stream_create(uint32_t ctx, uint32_t device, int32_t priority);
// Queued work still runs. Status.
GK_EXPORT uint32_t gk_stream_dispose(uint32_t ctx, uint32_t stream);
// Blocks until all that was submitted has run, then raises deferred index errors. device = -1:
// `stream` (0: the context's); device >= 0: every stream of this isolate on that device; device =
// -2: waits for nothing, only raises what finished ops of `stream` left. Status.
GK_EXPORT uint32_t gk_stream_synchronize(uint32_t ctx, uint32_t stream, int32_t device);
// An event behind what was submitted so far. Handle.
GK_EXPORT uint32_t gk_stream_record(uint32_t ctx, uint32_t stream);
// What is submitted from now on waits for the event. Status.
GK_EXPORT uint32_t gk_stream_wait(uint32_t ctx, uint32_t stream, uint32_t event);
// 1 when the event has happened, 0 when not.
GK_EXPORT uint32_t gk_event_query(uint32_t ctx, uint32_t event);
// Milliseconds from `start` to `end`; waits for both. NaN on failure.
GK_EXPORT double gk_event_elapsed(uint32_t ctx, uint32_t start, uint32_t end);
GK_EXPORT uint32_t gk_event_dispose(uint32_t ctx, uint32_t event);

// ---- graphs ------------------------------------------------------------------------

// From now on ops of `ctx` are recorded, not run. Status.
GK_EXPORT uint32_t gk_graph_begin(uint32_t ctx);
// Ends the recording: a graph handle, or with discard = 1 nothing (0, status 0).
GK_EXPORT uint32_t gk_graph_end(uint32_t ctx, uint32_t discard);
// Replays the graph on a stream (0: the context's, where that is of the graph's device, else the device's
// default one), which goes into the output half. Status.
GK_EXPORT uint32_t gk_graph_launch(uint32_t ctx, uint32_t graph, uint32_t stream);
GK_EXPORT uint32_t gk_graph_dispose(uint32_t ctx, uint32_t graph);

// ---- users' kernels --------------------------------------------------------------
//
// A module holds kernels and variables for one device: compiled from CUDA C++ while the program runs, or
// compiled before. Its kernels are numbered in the order in which they are asked for.

// Compiles or loads a module on `device`.
//   flags 0      `data` is strings, one behind the other, each ended by NUL: the source, its name in
//                messages, then u32[0] options of the compiler, u32[1] kernels (as C++ names them, with
//                template arguments), and u32[2] headers, a name and a text each
//   flags bit 0  `data` is a cubin, a fatbin or PTX; u32[1] kernels stand at byte 512 of the block, each
//                ended by NUL (compiled C++ knows them by their mangled names, or these are extern "C")
//   flags bit 1  on another thread: ticket u32[3] appears in the isolate's ring once it is done
// Handle; what came of it is told by gk_module_finish.
GK_EXPORT uint32_t gk_module_create(uint32_t ctx, uint32_t device, uint32_t flags, const void *data,
                                    double bytes);
// Waits until it is compiled and loaded. Status: GK_KERNEL_COMPILE where the source is wrong.
GK_EXPORT uint32_t gk_module_finish(uint32_t ctx, uint32_t module);

typedef enum gk_module_part {
  GK_MODULE_LOG = 0,   // the compiler's output, also where it failed; UTF-8
  GK_MODULE_IMAGE = 1, // what the driver was given: a cubin, or PTX that it compiled
  GK_MODULE_PTX = 2,   // empty where the module was not compiled here
  GK_MODULE_ORIGIN =
      3 // lines of key\tvalue: architecture, from (compiler, disk or given), milliseconds
} gk_module_part;
// Copies as much of the part as there is room for into `into`; returns its whole length, NaN on failure.
GK_EXPORT double gk_module_read(uint32_t ctx, uint32_t module, uint32_t part, void *into,
                                double bytes);
// Launches that were submitted still run. 1 if the handle was live, else 0.
GK_EXPORT uint32_t gk_module_dispose(uint32_t ctx, uint32_t module);
// A __constant__ or __device__ variable, whose name stands at the block's start, ended by NUL. `write` = 0
// reads `bytes` bytes from `offset` on after everything that was submitted, 1 writes them in the order of the
// context's stream; of 0 bytes does neither. Returns the variable's size, NaN on failure.
GK_EXPORT double gk_module_variable(uint32_t ctx, uint32_t module, uint32_t write, void *data,
                                    double bytes, double offset);

// Describes kernel number `kernel`: a line of text for the symbol and one for each parameter from number
// u32[0] on, as many as fit: "type\tkind\tdtype\tconst\tbytes" (gk_parameter in csrc/core/module.h);
// values[0] = number of parameters, [1] = most threads of a block, [2] = shared bytes, [3] = constant
// bytes, [4] = local bytes of a thread, [5] = registers of a thread, [6] = PTX version, [7] = binary
// version (both as 90 for 9.0), [8] = shared bytes that a launch may add. Status.
GK_EXPORT uint32_t gk_kernel_describe(uint32_t ctx, uint32_t module, uint32_t kernel);
// values[0] = blocks of `threads` threads with `shared` added bytes that fit on a multiprocessor, [1] = threads
// of it then, of [2] at most, [3] = the block size that fills one best, [4] = the blocks that fill the
// device then. Status.
GK_EXPORT uint32_t gk_kernel_occupancy(uint32_t ctx, uint32_t module, uint32_t kernel,
                                       uint32_t threads, double shared);

typedef enum gk_argument_kind {
  GK_ARGUMENT_NUMBER = 0, // an f64 that takes the parameter's type
  GK_ARGUMENT_ARRAY = 1,  // a handle
  GK_ARGUMENT_TYPED = 2,  // 8 bytes that hold a value of a dtype
  GK_ARGUMENT_INT64 = 3,  // an int64 that takes the parameter's type
  GK_ARGUMENT_UINT64 = 4, // the same of what int64 does not hold
  GK_ARGUMENT_BYTES = 5,  // a struct: its bytes stand in the block
  GK_ARGUMENT_NULL = 6    // a null pointer
} gk_argument_kind;
#define GK_MAX_ARGUMENTS 128
// Launches kernel number `kernel` on a stream (0: the context's). The grid stands at u32[0..2] of the block in
// blocks, the block at u32[3..5] in threads, u32[6] = shared bytes to add; argument i at byte 32 + 16 * i:
// u32 kind; u32 handle, dtype or number of bytes; f64, the value's 8 bytes, or as uint64 where in the block
// the bytes stand. Status.
GK_EXPORT uint32_t gk_kernel_launch(uint32_t ctx, uint32_t module, uint32_t kernel,
                                    uint32_t arguments, uint32_t stream);

// ---- completion --------------------------------------------------------------------

// Asks for `ticket` to appear in the isolate's ring once all that was submitted to the
// stream has run. 1: it will; 2: it has run already, no ticket follows; 0: failure.
GK_EXPORT uint32_t gk_completion_request(uint32_t ctx, uint32_t stream, uint32_t ticket);
// Identifies the isolate's ring for gk_completion_wait.
GK_EXPORT uint32_t gk_completion_ring(uint32_t ctx);
// Blocks until the ring holds tickets or its isolate has ended: how many. May
// be called on any thread.
GK_EXPORT uint32_t gk_completion_wait(uint32_t ring);
// A file descriptor that becomes readable (8 bytes at most) when tickets arrive in an empty ring;
// -1 where the platform has none. One per isolate, made by the first call.
GK_EXPORT int32_t gk_completion_descriptor(uint32_t ctx);
// Moves finished tickets to u32[0..] of the block: how many (at most 512).
GK_EXPORT uint32_t gk_completion_drain(uint32_t ctx);

// ---- pinned host memory --------------------------------------------------------------

// Registers an ArrayBuffer, which must stay alive until released, for copies that need no
// staging where the device has such. Handle.
GK_EXPORT uint32_t gk_buffer_register(uint32_t ctx, void *memory, double bytes);
GK_EXPORT uint32_t gk_buffer_release(uint32_t ctx, uint32_t buffer);
// Copies between an array and a registered buffer, ordered on `stream` (its index
// in the high 16 bits of `to_array`, whose bit 0 is the direction: 1 = host to array).
// To the host: the bytes arrive during gk_buffer_collect, called once the stream's
// ticket has come; the stream goes into the output half. Status.
GK_EXPORT uint32_t gk_buffer_copy(uint32_t ctx, uint32_t buffer, uint32_t array, uint32_t to_array,
                                  double offset);
// Delivers what finished copies hold for this buffer. Errors behind it surface here. Status.
GK_EXPORT uint32_t gk_buffer_collect(uint32_t ctx, uint32_t buffer);

#endif
