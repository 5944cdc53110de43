// The completion ring: how finished work reaches JavaScript's event loop. Stream threads put
// tickets in; the isolate takes them out, woken by a blocking wait on another thread (Deno)
// or a file descriptor (Bun). Rings are reused, never freed, so that a late
// waiter or writer meets a closed ring and not freed memory.
#include <stdlib.h>

#include "isolate.h"

#if !defined(_WIN32)
#include <fcntl.h>
#include <unistd.h>
#endif

#define RINGS 4096

typedef struct gk_ring {
  gk_mutex lock;
  gk_condition filled;
  uint32_t *tickets; // grows: a ticket is never lost
  uint32_t count, capacity;
  uint32_t id;       // generation << 12 | index; changes when the ring is closed
  int32_t reader, writer; // of a pipe, -1 where there is none
  struct gk_ring *next;
} gk_ring;

static gk_mutex rings_lock = GK_MUTEX_INIT;
static gk_ring *_Atomic rings[RINGS];
static uint32_t rings_used;
static gk_ring *rings_free;

gk_ring *gk_ring_open(void) {
  gk_mutex_lock(&rings_lock);
  gk_ring *r = rings_free;
  if (r) {
    rings_free = r->next;
  } else if (rings_used < RINGS && (r = calloc(1, sizeof *r))) {
    gk_mutex_init(&r->lock);
    gk_condition_init(&r->filled);
    r->id = 1u << 12 | rings_used;
    r->reader = r->writer = -1;
    rings[rings_used++] = r;
  }
  gk_mutex_unlock(&rings_lock);
  return r;
}

void gk_ring_close(gk_ring *r) {
  gk_mutex_lock(&r->lock);
  r->id += 1u << 12;
  r->count = 0;
#if !defined(_WIN32)
  if (r->writer >= 0) close(r->writer); // first: its end wakes a pending read
  if (r->reader >= 0) close(r->reader);
#endif
  r->reader = r->writer = -1;
  gk_condition_broadcast(&r->filled);
  gk_mutex_unlock(&r->lock);
  gk_mutex_lock(&rings_lock);
  r->next = rings_free;
  rings_free = r;
  gk_mutex_unlock(&rings_lock);
}

static void deliver(gk_ring *r, uint32_t id, uint32_t ticket) {
  gk_mutex_lock(&r->lock);
  if (r->id == id) { // else its isolate has ended
    if (r->count == r->capacity) {
      uint32_t capacity = r->capacity ? r->capacity * 2 : 64;
      uint32_t *grown = realloc(r->tickets, capacity * sizeof *grown);
      if (grown) r->tickets = grown, r->capacity = capacity;
    }
    if (r->count < r->capacity) r->tickets[r->count++] = ticket;
#if !defined(_WIN32)
    // One byte for an empty ring: the reader drains it whole.
    if (r->count == 1 && r->writer >= 0 && write(r->writer, "", 1) < 0) {}
#endif
    gk_condition_broadcast(&r->filled);
  }
  gk_mutex_unlock(&r->lock);
}

gk_ticket gk_ticket_make(gk_isolate *iso, uint32_t number) {
  return (gk_ticket){iso->ring, iso->ring->id, number};
}

void gk_ticket_deliver(gk_ticket ticket) { deliver(ticket.ring, ticket.id, ticket.number); }

static void notify(gk_command *command) {
  gk_ring *r = command->payload;
  deliver(r, (uint32_t)(command->number >> 32), (uint32_t)command->number);
}

uint32_t gk_completion_request(uint32_t ctx, uint32_t stream, uint32_t ticket) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_stream *s = gk_stream_find(c, stream, "await");
  if (!s) return 0;
  if (c->isolate->recording)
    return gk_fail(c->isolate, GK_UNSUPPORTED, "await: a graph is being recorded; wait after it");
  if (gk_stream_idle(s)) return 2;
  gk_command *command = gk_command_create(s);
  if (!command) return gk_fail(c->isolate, GK_OUT_OF_MEMORY, "await: out of memory");
  command->payload = c->isolate->ring;
  command->number = (uint64_t)c->isolate->ring->id << 32 | ticket;
  command->execute = notify;
  gk_command_submit(command);
  return 1;
}

uint32_t gk_completion_ring(uint32_t ctx) {
  gk_context *c = gk_context_get(ctx);
  return c ? c->isolate->ring->id : 0;
}

uint32_t gk_completion_wait(uint32_t ring) {
  gk_ring *r = rings[ring % RINGS];
  if (!r) return 0;
  gk_mutex_lock(&r->lock);
  while (r->id == ring && r->count == 0) gk_condition_wait(&r->filled, &r->lock);
  uint32_t count = r->id == ring ? r->count : 0;
  gk_mutex_unlock(&r->lock);
  return count;
}

int32_t gk_completion_descriptor(uint32_t ctx) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return -1;
#if defined(_WIN32)
  return -1;
#else
  gk_ring *r = c->isolate->ring;
  gk_mutex_lock(&r->lock);
  int ends[2];
  if (r->reader < 0 && pipe(ends) == 0) {
    for (int i = 0; i < 2; i++) fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFL, O_NONBLOCK); // a stream thread never waits for JavaScript
    r->reader = ends[0];
    r->writer = ends[1];
    if (r->count && write(r->writer, "", 1) < 0) {}
  }
  int32_t reader = r->reader;
  gk_mutex_unlock(&r->lock);
  return reader;
#endif
}

uint32_t gk_completion_drain(uint32_t ctx) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_ring *r = c->isolate->ring;
  gk_mutex_lock(&r->lock);
  uint32_t count = r->count < 512 ? r->count : 512;
  for (uint32_t i = 0; i < count; i++) c->isolate->in_u32[i] = r->tickets[i];
  r->count -= count;
  for (uint32_t i = 0; i < r->count; i++) r->tickets[i] = r->tickets[i + count];
#if !defined(_WIN32)
  if (r->count && r->writer >= 0 && write(r->writer, "", 1) < 0) {}
#endif
  gk_mutex_unlock(&r->lock);
  return count;
}
