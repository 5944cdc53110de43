// What the files of the stand-in driver share: its objects, and the one lock over all of them.
//
// Every function of the API begins with ENTER, which counts the call, lets it fail where that was asked
// for, checks that it is allowed here and takes the lock until the function returns. Handles are not
// pointers but name a slot and its generation: a stale or foreign one is found out and never followed.
//
//   calls.c    what ENTER does; failures that were asked for; counts
//   missing.c  functions that a program is not to find
//   object.c   handles
//   device.c   devices, contexts, errors that stay
//   peers.c    which device reaches whose memory; copies between devices
//   memory.c   the registry of memory, guard pages; pinned and registered host memory
//   pool.c     pools, allocation and release in the order of a stream
//   work.c     the things a stream does, one after another
//   stream.c   streams and their threads
//   event.c    events
//   copy.c     copies and fills
//   image.c    images of kernels, by what is in them
//   module.c   modules, kernels, launches
//   capture.c  capture of a stream
//   graph.c    graphs and their launches
#ifndef STANDIN_STATE_H
#define STANDIN_STATE_H

#include <pthread.h>

#include "../../../csrc/cuda/driver.h"
#include "control.h"
#include "standin.h"

// CUDA's results and constants that the product has no use for, under shorter names: it may come to have
// some.
enum {
  ERROR_ILLEGAL_STATE = 401,
  ERROR_STREAM_CAPTURE_MERGE = 902,
  ERROR_STREAM_CAPTURE_UNMATCHED = 903,
  ERROR_STREAM_CAPTURE_UNJOINED = 904,
  ERROR_STREAM_CAPTURE_ISOLATION = 905,
  ERROR_CAPTURED_EVENT = 907,
  ERROR_STREAM_CAPTURE_WRONG_THREAD = 908,
  ERROR_HOST_MEMORY_ALREADY_REGISTERED = 712,
  ERROR_HOST_MEMORY_NOT_REGISTERED = 713,
  CAPTURE_ACTIVE = 1,
  CAPTURE_INVALIDATED = 2,
  CAPTURE_MODE_THREAD_LOCAL = 1,
  CAPTURE_MODE_RELAXED = 2,
};

// ---- the functions, all of them: one that is missing, or differs from the table, does not build

#define DECLARE(since, name, parameters) STANDIN_API CUresult CUDAAPI name parameters;
GK_CUDA_FUNCTIONS(DECLARE, DECLARE)
#undef DECLARE

enum {
#define NUMBER(since, name, parameters) CALL_##name,
  GK_CUDA_FUNCTIONS(NUMBER, NUMBER)
#undef NUMBER
      CALLS
};

// ---- objects

typedef enum object_kind {
  KIND_FREE,
  KIND_CONTEXT,
  KIND_STREAM,
  KIND_EVENT,
  KIND_POOL,
  KIND_MODULE,
  KIND_FUNCTION,
  KIND_GRAPH,
  KIND_NODE,
  KIND_EXECUTABLE,
  KINDS
} object_kind;

// The first member of everything that has a handle.
typedef struct object {
  void *handle;
  struct context *context; // NULL for a context
  uint32_t slot;
} object;

// Zeroed but for its handle; NULL without memory.
void *object_new(object_kind kind, size_t bytes, struct context *context);
void *object_find(const void *handle, object_kind kind);
// Takes its handle away; the memory stays the caller's to free.
void object_forget(object *o);
// The next one in the order of slots, from *slot on, which it moves; NULL at the end.
void *object_next(object_kind kind, uint32_t *slot);
uint64_t object_count(object_kind kind);

// ---- devices and contexts

// What a multiprocessor holds, as cc 9.0.
#define STANDIN_PROCESSORS 4
#define STANDIN_THREADS_OF_PROCESSOR 2048
#define STANDIN_BLOCKS_OF_PROCESSOR 32
#define STANDIN_SHARED_OF_PROCESSOR (228 * 1024)
#define STANDIN_REGISTERS_OF_PROCESSOR 65536

#define MAX_DEVICES 16

typedef struct device {
  int ordinal;
  uint32_t retained;
  struct context *context; // while it is retained
  CUresult lost; // the error that every call gives from now on
  size_t memory, reserved; // bytes; `reserved` by its pools
  uint32_t peers; // a bit for each device whose memory it may come to reach
} device;

typedef struct context {
  object o;
  device *device;
  struct stream *default_stream; // made when it is first used
  uint32_t threads; // of its streams, also of destroyed ones that still work
  uint32_t enabled; // peers, by cuCtxEnablePeerAccess
} context;

// The settings of control.h.
typedef struct settings {
  int devices, major, minor, version;
  bool mps, lazy, quiet;
  int drops; // copies between devices: 1 direct ones, 2 all
  size_t memory;
  const char *name;
} settings;
const settings *driver_settings(void);

extern bool driver_initialized;
extern device driver_devices[MAX_DEVICES];

// The context of the calling thread: an error if there is none or it is gone.
CUresult context_current(context **current);
bool is_sticky(CUresult code);
// From now on every call on the device gives `code`; the first one stays.
void device_lose(device *d, CUresult code);
// The same for what was found here: standin_report() says what, and stderr hears of it.
void device_fault(device *d, CUresult code);

// ---- calls

extern pthread_mutex_t state;
// What the work that this call gives to a stream is to fail with.
extern CUresult failure_of_work;
extern __thread bool in_host_function; // the API is closed to those

enum { NEEDS_NOTHING, NEEDS_INIT, NEEDS_CONTEXT };

// `late`, where there is one, takes the error of a call that does its work all the same.
CUresult enter(int call, int needs, context **here, CUresult *late);
static inline void leave(const int *unused) {
  (void)unused;
  pthread_mutex_unlock(&state);
}

#define ENTER_WITH(name, needs, late)                                                              \
  context *here = NULL;                                                                            \
  (void)here;                                                                                      \
  pthread_mutex_lock(&state);                                                                      \
  __attribute__((cleanup(leave), unused)) const int locked = 1;                                    \
  {                                                                                                \
    const CUresult entered = enter(CALL_##name, needs, &here, late);                               \
    if (entered != CUDA_SUCCESS) return entered;                                                   \
  }
#define ENTER(name, needs) ENTER_WITH(name, needs, NULL)
// For a function that releases something: on a lost device it does so too, and then returns `failure`.
#define ENTER_RELEASE(name, needs)                                                                 \
  CUresult failure = CUDA_SUCCESS;                                                                 \
  ENTER_WITH(name, needs, &failure)

// ---- memory

typedef enum memory_kind {
  MEMORY_DEVICE,
  MEMORY_PINNED,
  MEMORY_REGISTERED,
  MEMORY_VARIABLE, // of a module
} memory_kind;
// Device memory is WAITING until its stream has allocated it, and LEAVING from cuMemFreeAsync until the
// stream gets there.
typedef enum memory_phase { MEMORY_WAITING, MEMORY_LIVE, MEMORY_LEAVING } memory_phase;

typedef struct memory {
  uintptr_t address;
  size_t bytes;
  memory_kind kind;
  memory_phase phase;
  bool ready; // it can be read and written
  bool abandoned; // freed before it was allocated
  int users; // copies under way
  uintptr_t pages; // where its pages begin, which a guard page follows
  size_t page_bytes;
  struct context *context; // that made it
  struct pool *pool;
} memory;

// New memory that cannot be used yet, with guard pages; NULL if the address space is used up.
memory *memory_new(memory_kind kind, size_t bytes, context *c);
// Memory that is there already; NULL without memory for the entry.
memory *memory_adopt(memory_kind kind, uintptr_t address, size_t bytes, context *c);
// Makes it usable and fills it with 0xFD.
void memory_open(memory *m);
// Gives it back; false if something was written beyond its ends (standin_report says so).
bool memory_close(memory *m);
// The memory that holds all these bytes; NULL if none does.
memory *memory_holding(uintptr_t address, size_t bytes);
// Whether the address is one that the stand-in gave out, whether or not it is in use.
bool memory_is_ours(uintptr_t address);
// Can kernels and copies of the device use it? Memory of a pool can be used where the pool says so; what the
// contexts allow does not count for it.
bool memory_reachable(const memory *m, const device *d);
// Between these two the bytes stay usable; false if they are not now. Memory of others always is.
bool memory_use(uintptr_t address, size_t bytes, memory **used);
void memory_unuse(memory *used);
// Waits until no copy uses it.
void memory_settle(memory *m);
void memory_close_all(context *c);
void memory_count(standin_counts_t *counts);

typedef struct pool {
  object o;
  device *device;
  size_t max_bytes; // 0: what the device has
  uint64_t threshold;
  // Bytes in use, freed by a call whose stream has not got there, and free: the sum is reserved.
  size_t used, leaving, idle;
  size_t used_high, reserved_high;
  _Atomic uint32_t access; // a bit for each device that reaches its memory, its own among them
} pool;

// A wait has ended: pools give back what they hold beyond their threshold.
void pools_after_wait(device *d);
// The pool counts memory as free whose stream has freed it; or gives back all of its own.
void pool_freed(pool *p, size_t bytes);
void pool_close(pool *p);

// ---- work

// A point in a stream that others wait for.
typedef struct moment {
  int references;
  bool done;
  uint64_t nanoseconds; // when it was reached
  struct stream *stream; // until it is done
  uint64_t number; // of its work in the stream
} moment;

moment *moment_new(void);
void moment_release(moment *m);

typedef enum work_kind {
  WORK_COPY,
  WORK_SET,
  WORK_LAUNCH,
  WORK_HOST,
  WORK_MARK,
  WORK_AWAIT,
  WORK_ALLOCATE,
  WORK_FREE,
  WORK_KINDS
} work_kind;

// One thing for a stream to do. A graph and its launches share them, and so nobody changes one.
typedef struct work {
  work_kind kind;
  int references;
  union {
    struct {
      uintptr_t to, from; // from 0: the bytes follow
      size_t bytes;
      const device *source; // of a copy between devices
      bool direct;
    } copy;
    struct {
      uintptr_t to;
      size_t bytes;
      unsigned char value;
    } set;
    struct {
      CUhostFn function;
      void *value;
    } host;
    standin_launch launch; // the parameters follow
    moment *moment;
    memory *memory;
  };
  _Alignas(16) unsigned char bytes[];
} work;

work *work_new(work_kind kind, size_t bytes);
void work_release(work *w);
// Does it; called with the lock, which it gives back for as long as it takes.
void work_run(const work *w, struct stream *s);

// ---- streams and events

// Nodes of a graph, by their handles.
typedef struct node_list {
  CUgraphNode *list;
  size_t count;
} node_list;

typedef struct task {
  struct task *next;
  work *work;
  CUresult failure; // that was asked for
} task;

typedef struct stream {
  object o;
  device *device;
  int references; // the handle, its thread, and who waits for it
  int priority;
  bool closed; // destroyed: its thread ends when the queue is empty
  task *first, *last;
  uint64_t queued, finished; // work, counted
  uint64_t allowed; // up to here it may run
  pthread_cond_t wake;
  struct capture *capture;
  node_list tips; // in a capture: what the next node follows
} stream;

typedef struct event {
  object o;
  bool timed;
  moment *moment; // of the last record; NULL before
  struct capture *captured; // the last record was in this capture, after these nodes
  node_list tips;
} event;

// The stream of a handle, NULL naming the context's default stream; an error if there is none, or its
// device is lost.
CUresult stream_find(CUstream handle, context *here, stream **found);
// The same for work, whose stream must be of the current context.
CUresult stream_here(CUstream handle, context *here, stream **found);
// Puts work at the end of a stream, or into the graph that it is captured in. Takes the reference, also
// when it fails.
CUresult stream_submit(stream *s, work *w);
// The same, never into a graph.
CUresult stream_enqueue(stream *s, work *w);
// A moment at the end of the queue; what comes after a moment of any stream.
CUresult stream_mark(stream *s, moment *m);
CUresult stream_await(stream *s, moment *m);
// Lets the work up to this number run (STANDIN_LAZY).
void stream_allow(stream *s, uint64_t number);
// Waits until the stream has done all that is queued now; the device's error if it is lost.
CUresult stream_wait(stream *s);
void stream_close(stream *s);
void event_close(event *e);
// Waits on this with the lock: something was done.
extern pthread_cond_t progress;

// ---- several devices

extern uint64_t peer_copies[2]; // by way of the host, and directly
// The device whose work the calling thread does, for memory that kernels look up.
extern __thread const device *device_at_work;
// False where a parameter of the launch points to memory that the device does not reach (standin_report says
// which).
bool launch_reaches(const standin_launch *l, const device *d);

// ---- kernels

// A kernel of an image, or a variable.
typedef struct symbol {
  char *name; // lowered
  const standin_kernel *kernel; // NULL for a variable; one without `run` is known and cannot run
  uint32_t shared_bytes; // static
  uintptr_t address; // of a variable
  size_t bytes;
  void *owned; // goes with the image
} symbol;

typedef struct image {
  bool built_in; // the product's own: its kernels are in the library beside the driver
  uint32_t arch, constant_bytes;
  symbol *symbols;
  uint32_t count;
} image;

// What cuModuleLoadData says to these bytes. It is to be closed also after an error.
CUresult image_open(image *i, const void *from);
void image_close(image *i);
const symbol *image_find(const image *i, const char *name);

// The launch of a kernel of this context, its parameters copied.
CUresult launch_work(CUfunction function, const context *c, standin_size grid, standin_size block,
                     uint32_t shared, void **parameters, work **made);

// ---- capture and graphs

typedef struct node {
  object o;
  work *work;
  node_list after;
  bool seen; // by the walk under way
} node;

typedef struct graph {
  object o;
  node **nodes; // each after those that it follows
  size_t count, room;
} graph;

typedef struct capture {
  int references; // its streams, and the events recorded in it
  bool over, invalid;
  int mode;
  uint64_t id;
  pthread_t thread;
  stream *origin;
  graph *graph;
} capture;

// The work becomes a node of the stream's graph.
CUresult capture_add(stream *s, work *w);
// What a stream that is being captured cannot do: 900, and the capture is lost.
CUresult capture_forbid(stream *s);
// What a thread that captures must not do in between: 900, and its captures are lost.
CUresult capture_forbid_here(void);
CUresult capture_record(event *e, stream *s);
CUresult capture_wait(stream *s, event *e);
void capture_leave(stream *s);
void event_leave_capture(event *e);
void graph_close(graph *g);
void module_close(object *o);
void executable_close(object *o);

#endif
