// A device is a table of functions that csrc/cpu and csrc/cuda fill; core/ knows no more of it.
// Also its pool of memory and its budget, and streams: ordered queues of commands.
#ifndef GK_CORE_DEVICE_H
#define GK_CORE_DEVICE_H

#include "storage.h"
#include "threads.h"

// ---- streams

// The order of ops. `submitted` counts what was put in, `completed` what is known to have been done; both
// only grow, also when a stream is given to a new owner.
typedef struct gk_stream {
  struct gk_device *device;
  _Atomic uint64_t submitted; // written by the owner's thread alone
  _Atomic uint64_t completed;
  int32_t priority;
  const void *owner; // the isolate
  uint32_t handle;   // in it; 0 for a default or disposed stream
  // Errors of finished ops that nobody has been told yet, the first of each kind.
  gk_mutex fault_lock;
  _Atomic int faulted[2];
  gk_error fault[2];
  void *impl; // the device's own
  struct gk_stream *next;
} gk_stream;

static inline bool gk_stream_idle(const gk_stream *s) {
  return atomic_load_explicit(&s->completed, memory_order_acquire) ==
         atomic_load_explicit(&s->submitted, memory_order_relaxed);
}
// The place in the stream's order that comes next.
static inline gk_mark gk_stream_next(gk_stream *s) {
  return (gk_mark){s, atomic_load_explicit(&s->submitted, memory_order_relaxed) + 1};
}
// Takes it, for what was just given to the stream's device.
static inline gk_mark gk_stream_advance(gk_stream *s) {
  gk_mark mark = gk_stream_next(s);
  atomic_store_explicit(&s->submitted, mark.sequence, memory_order_release);
  return mark;
}
// Everything up to `sequence` has been done.
static inline void gk_stream_complete(gk_stream *s, uint64_t sequence) {
  uint64_t known = atomic_load_explicit(&s->completed, memory_order_relaxed);
  while (known < sequence &&
         !atomic_compare_exchange_weak_explicit(&s->completed, &known, sequence,
                                                memory_order_acq_rel, memory_order_relaxed)) {}
}
static inline bool gk_mark_passed(gk_mark m) {
  return m.stream == NULL ||
         atomic_load_explicit(&m.stream->completed, memory_order_acquire) >= m.sequence;
}

// NULL with the reason in `error`.
gk_stream *gk_stream_open(struct gk_device *device, int32_t priority, gk_error *error);
void gk_stream_close(gk_stream *s); // queued work still runs; the stream is reused
// An index out of range is raised by whatever waits for the device next; a failed op only by who
// waits for the stream, since its outputs carry the error too.
typedef enum gk_fault { GK_FAULT_INDEX, GK_FAULT_FAILED } gk_fault;
void gk_stream_set_fault(gk_stream *s, gk_fault kind, const gk_error *error); // the first stays
bool gk_stream_take_fault(gk_stream *s, gk_fault kind, gk_error *error);

// An op or a graph below this many nanoseconds is not worth waking the stream's thread (25 to 85 us, and as
// much again to learn that it is done).
#define GK_INLINE_LIMIT 200e3

// ---- storages of what a device with queues of its own is given

typedef struct gk_use {
  gk_storage *storage;
  bool written;
} gk_use;
// Before: the stream waits for what must come first, and storages that are written get memory; false with
// the error. After: they are marked with the stream's next place.
bool gk_stream_begin(gk_stream *stream, int count, const gk_use *uses, const char *op,
                     gk_error *error);
void gk_stream_end(gk_stream *stream, int count, const gk_use *uses);

// ---- commands: what a stream queues

#define GK_MAX_WAITS 12

// A call with its own copies of the views, so that it outlives the array records.
typedef struct gk_task {
  gk_call call;
  gk_view views[5];
} gk_task;
void gk_task_set(gk_task *task, const gk_call *call); // copies; retains the storages
void gk_task_release(gk_task *task, gk_storage_cache *cache);
// Gives outputs memory, hands on poison, runs, and records failure where it belongs.
void gk_task_run(gk_task *task, gk_stream *stream);

typedef struct gk_command {
  struct gk_command *next;
  gk_stream *stream;
  uint64_t sequence;
  int wait_count;
  gk_mark waits[GK_MAX_WAITS];
  void (*execute)(struct gk_command *); // NULL: only the waits; runs once, frees what it holds
  void *payload;
  uint64_t number;
  gk_task task;
} gk_command;

// A zeroed command of the stream; NULL when out of memory.
gk_command *gk_command_create(gk_stream *stream);
// Gives it its sequence and queues it; returns its mark.
gk_mark gk_command_submit(gk_command *command);

// ---- devices

// Where in a generator's numbers a call begins.
typedef struct gk_place {
  uint64_t counter, key;
} gk_place;

typedef struct gk_device_api {
  const char *kind;
  // A host device: the host addresses its storages, and run() runs the op; core/ decides when, at once or
  // from the stream's queue. Any other device has queues of its own: run(), copy_in() and what is said
  // of streams below return before it has happened, and it happens in the stream's order. Those need
  // no estimate(); a host device needs nothing from stream_order() on.
  bool host_memory;
  // Makes the device ready for use, once; false with the reason.
  bool (*open)(struct gk_device *, gk_error *);
  // 64-byte aligned memory that may be used in the stream's order; NULL: out of memory.
  void *(*allocate)(struct gk_device *, int64_t bytes, gk_stream *);
  void (*release)(struct gk_device *, void *memory, int64_t bytes); // nothing uses it any more
  // Expected nanoseconds: decides whether the caller runs the op itself.
  double (*estimate)(const gk_call *);
  gk_status (*run)(gk_stream *, const gk_call *, gk_error *);
  // Copies between a view and row-major host memory; to the host: blocks until the bytes are there.
  gk_status (*copy_out)(gk_stream *, const gk_view *, void *host, gk_error *);
  gk_status (*copy_in)(gk_stream *, const gk_view *, const void *host, gk_error *);
  // From contiguous memory of another device of this kind into contiguous memory of the stream's, whose
  // order is behind what computes it; NULL for a kind of which there is one device only.
  gk_status (*copy_peer)(gk_stream *, const gk_view *to, const gk_view *from, gk_error *);
  bool (*stream_open)(gk_stream *, gk_error *); // makes impl; keeps one that is there
  void (*stream_close)(gk_stream *);
  // Takes the command over and executes it in order, on whatever thread, then sets
  // completed.
  void (*stream_enqueue)(gk_stream *, gk_command *);
  // Blocks until completed >= sequence; may execute queued commands itself.
  void (*stream_wait)(gk_stream *, uint64_t sequence);
  void (*describe)(struct gk_device *, char *text, int bytes); // lines of key\tvalue

  // What the stream gets from now on happens after the mark, which is of the same kind of device, but not
  // always of the same device.
  void (*stream_order)(gk_stream *, gk_mark);
  void (*stream_query)(gk_stream *); // brings `completed` up to date without blocking
  // Events: the device's own, with its clock. NULL with the error: none could be made.
  void *(*event_record)(gk_stream *, gk_error *);
  void (*event_wait)(gk_stream *, void *event);
  bool (*event_happened)(void *event);
  double (*event_elapsed)(void *start, void *end); // milliseconds; blocks; NaN: the device is lost
  void (*event_release)(void *event);
  // A replayable graph of checked calls whose storages have memory; those that draw random numbers are
  // given their places anew at every launch, in order.
  void *(*graph_create)(gk_stream *, uint32_t count, const gk_call *const *calls, const bool *draws,
                        gk_error *);
  gk_status (*graph_launch)(gk_stream *, void *graph, const gk_place *drawn, gk_error *);
  void (*graph_release)(struct gk_device *, void *graph);
  // Makes host memory known to the device, for copies that need no staging; and forgets it.
  bool (*host_register)(struct gk_device *, void *memory, int64_t bytes);
  void (*host_forget)(struct gk_device *, void *memory);
  // Users' kernels (core/module.h); NULL: it runs none.
  const struct gk_module_api *modules;
  // Why no op can run on it any more; NULL while it can.
  const gk_error *(*lost)(struct gk_device *);
} gk_device_api;

// Blocks freed by storages, by size class: four classes for each doubling. A block that ops still use is
// free for its own stream, since they run before what comes next there; for others when they have run.
typedef struct gk_block {
  struct gk_block *next;
  void *memory;
  int64_t bytes;
  int mark_count;
  gk_mark marks[1 + GK_READ_MARKS];
} gk_block;
#define GK_POOL_CLASSES 160

typedef struct gk_device {
  const gk_device_api *api;
  uint32_t index;
  char name[16]; // "cpu", "cuda:0"
  int64_t limit; // of used bytes
  // Host memory only: the loops of small elementwise ops, [op][dtype], which core/ then runs
  // itself; NULL where operands need conversion first.
  const gk_loop_fn (*loops)[GK_DTYPE_COUNT];
  _Atomic int64_t used, peak, cached, taken; // taken: blocks asked of the system so far
  _Atomic int64_t launches, synchronisations; // so far, of devices with queues of their own
  gk_mutex pool_lock;
  gk_block *pool[GK_POOL_CLASSES];
  void *impl; // the device's own
} gk_device;

// A block of the pool for use in the stream's order; NULL: out of memory. Given back, it may still be
// in use up to the marks.
gk_block *gk_pool_take(gk_device *device, int64_t bytes, gk_stream *stream);
void gk_pool_give(gk_device *device, gk_block *block);
// Gives all idle blocks back to the system.
void gk_pool_trim(gk_device *device);
// The error of a device that has no memory left, with its figures; of one that is lost, that.
gk_status gk_error_memory(gk_error *error, gk_device *device, const char *op, int64_t bytes);

#define GK_MAX_DEVICES 17
extern gk_device gk_devices[GK_MAX_DEVICES];
extern uint32_t gk_device_count;
// Finds devices once; thread-safe.
void gk_devices_initialize(void);
// The default device's index, or -1 with the reason in gk_devices_problem().
int gk_devices_default(void);
const char *gk_devices_problem(void);
// Says why no device may be used, where a device found the environment wrong.
void gk_devices_refuse(const char *why);
// A device of this name ("cpu", "cpu:0", "cuda:1"), or -1.
int gk_devices_find(const char *name);

// Each fills api and what else of the device is its own; returns how many devices it has added at `first`.
uint32_t gk_cpu_devices(gk_device *first, uint32_t room);
uint32_t gk_cuda_devices(gk_device *first, uint32_t room);
// Why no CUDA device was found; empty where one was.
const char *gk_cuda_problem(void);
// Lines of key\tvalue on the compiler of users' kernels, which it looks for and opens; what does not fit is left
// out.
void gk_cuda_describe_compiler(char *text, int bytes);

#endif
