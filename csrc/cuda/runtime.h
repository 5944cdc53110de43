// What device.c, stream.c, transfer.c, peers.c, launch.c and graph.c share: the state of a device and of a stream. Op families
// do not see it; they have cuda.h.
#ifndef GK_CUDA_RUNTIME_H
#define GK_CUDA_RUNTIME_H

#include "cuda.h"

#define GK_CUDA_MODULES 32
#define GK_FAULT_SLOTS 64 // in one page of pinned memory

typedef struct gk_fault_page {
  struct gk_fault_page *next;
  gk_fault_record *host, *device; // the same memory, as each sees it
  int used;
  uint64_t taken; // a bit for each slot
} gk_fault_page;

// A record in host memory that kernels write to.
typedef struct gk_fault_slot {
  gk_fault_record *host, *device;
  gk_fault_page *page;
} gk_fault_slot;

struct gk_cuda_device {
  gk_device *base;
  CUdevice handle;
  int major, minor, processors;
  size_t total;
  uint32_t most_grid[3], most_block[3];
  int most_shared; // bytes of a block that asks for them
  // Made by the first use.
  gk_mutex lock, capture_lock;
  bool tried, ready;
  gk_error problem; // why it is not ready
  CUcontext context;
  CUmemoryPool pool;
  CUstream service; // frees memory
  CUstream capturing; // captures graphs; never more
  _Atomic bool freeing; // since `service` was last waited for
  int least_priority, greatest_priority;
  struct {
    const char *name;
    CUmodule module;
  } modules[GK_CUDA_MODULES];
  gk_fault_page *faults;
  struct gk_cuda_stream *streams; // all, for the watch
  // Devices, by index: with which a way of copies has been found; from and to which nothing arrives.
  _Atomic uint32_t linked, unreachable;
  _Atomic bool unasked; // a stream's are not 0
  _Atomic int lost;
  gk_error cause; // set before `lost`
};

#define GK_RECENT 8
#define GK_WATCHED 16
#define GK_STAGES 4
#define GK_STAGE_BYTES ((int64_t)256 << 10)

typedef struct gk_cuda_stream {
  gk_stream *base;
  struct gk_cuda_stream *next;
  CUstream queue;
  gk_mutex lock;
  CUevent order; // recorded where another stream has to wait; under `lock`
  gk_fault_slot fault;
  // Records of the graphs launched here since the last synchronisation; under `lock`.
  gk_fault_record *watched[GK_WATCHED];
  int watched_count;
  // Commands that wait for their host function, in the stream's order; under `lock`.
  gk_command *first, **last;
  // Pinned memory through which host bytes travel, in parts that are used in turn.
  char *staging;
  CUevent staged[GK_STAGES];
  bool in_flight[GK_STAGES];
  int stage;
  int64_t stage_used;
  // Devices, by index, from which copies were taken: that may not have run; that have, without knowing whether
  // the device was there.
  _Atomic uint32_t sources, unasked;
  // What was launched last, for the message when the device is lost.
  struct {
    _Atomic uint16_t op;
    const gk_kernel *_Atomic kernel;
  } recent[GK_RECENT];
  _Atomic uint64_t launched, launched_known; // of them, those before the last synchronisation
} gk_cuda_stream;

static inline gk_cuda_device *gk_cuda_of(const gk_device *device) { return device->impl; }
static inline gk_cuda_stream *gk_cuda_stream_of(const gk_stream *stream) { return stream->impl; }

const char *gk_cuda_result_name(CUresult result);
// The device's context becomes the thread's; fails where the device is lost.
gk_status gk_cuda_enter(gk_cuda_device *device, gk_error *error);
// What gk_cuda_fail does with a sticky result, for one that leaves no other way.
gk_status gk_cuda_lose(gk_cuda_device *device, gk_stream *stream, CUresult result,
                       const char *doing, gk_error *error);
bool gk_cuda_take_fault_slot(gk_cuda_device *device, gk_fault_slot *slot);
void gk_cuda_give_fault_slot(gk_cuda_device *device, const gk_fault_slot *slot);
// Another record that is read when the stream is waited for; and one that is read no more.
void gk_cuda_watch_fault(gk_cuda_stream *stream, gk_fault_record *record);
void gk_cuda_forget_fault(gk_cuda_device *device, gk_fault_record *record);
// Raises on the stream what its records hold, and clears them; all_done: nothing that it was given is
// still to run.
void gk_cuda_collect_faults(gk_stream *stream, bool all_done);

// ---- streams and copies (stream.c, transfer.c)

bool gk_cuda_stream_open(gk_stream *stream, gk_error *error);
void gk_cuda_stream_close(gk_stream *stream);
void gk_cuda_stream_enqueue(gk_stream *stream, gk_command *command);
void gk_cuda_stream_wait(gk_stream *stream, uint64_t sequence);
void gk_cuda_stream_order(gk_stream *stream, gk_mark mark);
void gk_cuda_stream_query(gk_stream *stream);
// Blocks until all that the stream was given has run.
gk_status gk_cuda_synchronise(gk_stream *stream, const char *doing, gk_error *error);
// The device is lost: whoever waits for its streams is let go.
void gk_cuda_release_waiters(gk_cuda_device *device);
void *gk_cuda_event_record(gk_stream *stream, gk_error *error);
void gk_cuda_event_wait(gk_stream *stream, void *event);
bool gk_cuda_event_happened(void *event);
double gk_cuda_event_elapsed(void *start, void *end);
void gk_cuda_event_release(void *event);
gk_status gk_cuda_copy_out(gk_stream *stream, const gk_view *view, void *host, gk_error *error);
gk_status gk_cuda_copy_in(gk_stream *stream, const gk_view *view, const void *host,
                          gk_error *error);
bool gk_cuda_host_register(gk_device *device, void *memory, int64_t bytes);
void gk_cuda_host_forget(gk_device *device, void *memory);

// ---- several devices (peers.c)

gk_status gk_cuda_copy_peer(gk_stream *stream, const gk_view *to, const gk_view *from,
                            gk_error *error);
// gk_cuda_fail for a call that has to do with two devices: an error that `other` is lost by is not `device`'s.
gk_status gk_cuda_fail_pair(gk_cuda_device *device, gk_stream *stream, gk_cuda_device *other,
                            CUresult result, const char *doing, gk_error *error);
// What the stream was given has run, its copies from other devices among it. Whether those devices are lost,
// so that the bytes may never have come, is asked and raised later, where the driver may be called.
void gk_cuda_sources_ran(gk_stream *stream);
// The same, and asks for all of the device's streams.
void gk_cuda_settle_sources(gk_stream *stream);
// The names of the devices whose memory it can reach, with spaces between.
void gk_cuda_peer_names(const gk_cuda_device *device, char *text, size_t bytes);

// ---- users' kernels (module.c)

extern const struct gk_module_api gk_cuda_modules;
gk_status gk_cuda_launch_users(const gk_cuda_run *run);

// ---- calls and graphs (launch.c, graph.c)

// A block of the stream's device; the device's context is the thread's again, whatever the pool had to wait
// for. NULL with the error.
gk_block *gk_cuda_take_block(gk_stream *stream, int64_t bytes, const char *op, gk_error *error);
// Notes what is launched next, for the message when the device is lost.
void gk_cuda_note_launch(const gk_cuda_run *run, const gk_kernel *kernel);

gk_status gk_cuda_call(gk_stream *stream, const gk_call *call, gk_error *error);
gk_status gk_cuda_call_family(const gk_cuda_run *run);

// A captured launch that draws random numbers.
typedef struct gk_cuda_draw {
  CUgraphNode node;
  CUDA_KERNEL_NODE_PARAMS launch;
  _Alignas(16) char argument[256]; // begins with the gk_place
} gk_cuda_draw;

void gk_cuda_give_back(gk_device *device, gk_cuda_kept *kept, gk_mark mark);
void *gk_cuda_graph_create(gk_stream *stream, uint32_t count, const gk_call *const *calls,
                           const bool *draws, gk_error *error);
gk_status gk_cuda_graph_launch(gk_stream *stream, void *graph, const gk_place *drawn,
                               gk_error *error);
void gk_cuda_graph_release(gk_device *device, void *graph);

#endif
