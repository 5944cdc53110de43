// A device is a table of functions that csrc/cpu and csrc/cuda fill; core/ knows no more of it.
// Also its pool of memory and its budget, and streams: ordered queues of commands.
#ifndef GK_CORE_DEVICE_H
#define GK_CORE_DEVICE_H

#include "storage.h"
#include "threads.h"

// ---- streams

// The order of ops. `submitted` counts what was put in, `completed` what has been done; both only
// grow, also when a stream is given to a new owner.
typedef struct gk_stream {
  struct gk_device *device;
  uint64_t submitted; // written by the owner's thread alone
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
  return atomic_load_explicit(&s->completed, memory_order_acquire) == s->submitted;
}
static inline bool gk_mark_passed(gk_mark m) {
  return m.stream == NULL ||
         atomic_load_explicit(&m.stream->completed, memory_order_acquire) >= m.sequence;
}

gk_stream *gk_stream_open(struct gk_device *device, int32_t priority); // NULL: out of memory
void gk_stream_close(gk_stream *s); // queued work still runs; the stream is reused
// An index out of range is raised by whatever waits for the device next; a failed op only by who
// waits for the stream, since its outputs carry the error too.
typedef enum gk_fault { GK_FAULT_INDEX, GK_FAULT_FAILED } gk_fault;
void gk_stream_set_fault(gk_stream *s, gk_fault kind, const gk_error *error); // the first stays
bool gk_stream_take_fault(gk_stream *s, gk_fault kind, gk_error *error);

// An op or a graph below this many nanoseconds is not worth waking the stream's thread (25 to 85 us, and as
// much again to learn that it is done).
#define GK_INLINE_LIMIT 200e3

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

typedef struct gk_device_api {
  const char *kind;
  bool host_memory; // storages are addressable by the host
  void *(*allocate)(struct gk_device *, int64_t bytes); // 64-byte aligned; NULL: out of memory
  void (*release)(struct gk_device *, void *memory, int64_t bytes);
  // Expected nanoseconds: decides whether the caller runs the op itself.
  double (*estimate)(const gk_call *);
  gk_status (*run)(struct gk_device *, gk_stream *, const gk_call *, gk_error *);
  // Blocking copies between a computed view and row-major host memory.
  gk_status (*copy_out)(struct gk_device *, const gk_view *, void *host, gk_error *);
  gk_status (*copy_in)(struct gk_device *, const gk_view *, const void *host, gk_error *);
  bool (*stream_open)(gk_stream *); // makes impl; keeps one that is there
  void (*stream_close)(gk_stream *);
  // Takes the command over and executes it in order, on whatever thread, then sets
  // completed.
  void (*stream_enqueue)(gk_stream *, gk_command *);
  // Blocks until completed >= sequence; may execute queued commands itself.
  void (*stream_wait)(gk_stream *, uint64_t sequence);
  void (*describe)(struct gk_device *, char *text, int bytes); // lines of key\tvalue
} gk_device_api;

// Blocks freed by storages, by size class: four classes for each doubling.
typedef struct gk_block {
  struct gk_block *next;
  void *memory;
  int64_t bytes;
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
  gk_mutex pool_lock;
  gk_block *pool[GK_POOL_CLASSES];
} gk_device;

// Gives all idle blocks back to the system.
void gk_pool_trim(gk_device *device);

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

// Fills api and what else of the device is its own; returns how many devices it has added at `first`.
uint32_t gk_cpu_devices(gk_device *first, uint32_t room);

#endif
