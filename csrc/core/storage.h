// Storage: the bytes behind arrays. Counted by its holders (array records, queued commands, graphs,
// share tokens), charged to its device's budget from its making to its end, and given
// memory from the device's pool when an op first writes to it.
#ifndef GK_CORE_STORAGE_H
#define GK_CORE_STORAGE_H

#include <stdatomic.h>
#include <stddef.h>

#include "call.h"

struct gk_device;
struct gk_stream;
struct gk_block;

// A point in a stream's order; passed when stream->completed >= sequence. Streams are
// never freed, only reused with growing sequences, so that a mark stays valid.
typedef struct gk_mark {
  struct gk_stream *stream; // NULL: nothing to wait for
  uint64_t sequence;
} gk_mark;

#define GK_READ_MARKS 2
// Up to here the bytes lie behind the storage's own record and need no pool.
#define GK_SMALL_BYTES 4096
#define GK_SMALL_CLASSES 7 // 64, 128, ... 4096

enum {
  GK_STATE_MARKED = 1, // a queued op reads or writes it
  GK_STATE_SHARED = 2, // between isolates
  GK_STATE_POISONED = 4
};

typedef struct gk_storage {
  _Atomic int32_t references;
  uint8_t small_class; // of GK_SMALL_CLASSES, or 0xff: memory from the pool
  uint8_t read_count; // of `reads`
  bool recorded; // made in a recording that has not ended yet
  _Atomic uint8_t lock; // of the marks of a shared one
  _Atomic uint32_t state; // GK_STATE_ bits; 0 in the usual case: computed, and this isolate's alone
  void *data; // NULL until first written, or for no bytes
  int64_t bytes;
  struct gk_device *device;
  struct gk_block *block; // of the pool
  gk_mark write; // last queued op that writes it
  gk_mark reads[GK_READ_MARKS]; // queued ops that read it, of different streams
  gk_error *_Atomic poison; // why its bytes never came to be
  struct gk_storage *next; // in a free list
} gk_storage;

// Recycled records of one isolate's small storages, so that small arrays come and go without
// a lock. Only the isolate's thread uses it.
typedef struct gk_storage_cache {
  gk_storage *free[GK_SMALL_CLASSES];
  uint32_t count[GK_SMALL_CLASSES];
  int64_t credit; // bytes charged to the host's device and not yet used
  struct gk_device *device; // the one with the credit
} gk_storage_cache;

// A storage of one reference, charged; NULL where the budget or memory is out. cache may be NULL.
gk_storage *gk_storage_create(struct gk_device *device, int64_t bytes, gk_storage_cache *cache);
static inline void gk_storage_retain(gk_storage *s) {
  atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
}
// Drops one reference; cache (or NULL) is the calling isolate's.
void gk_storage_release(gk_storage *s, gk_storage_cache *cache);
void gk_storage_cache_clear(gk_storage_cache *cache);

// Gives it memory where it has none, for use in the stream's order; false when out of memory.
bool gk_storage_materialise(gk_storage *s, struct gk_stream *stream);
// Takes over a copy of `error`; the first cause stays.
void gk_storage_poison(gk_storage *s, const gk_error *error);

// Are all queued writers (and for `writing`, readers) of the storage done? Those of `stream` itself
// need no wait where `stream` is given. Forgets marks that have passed.
bool gk_storage_ready(gk_storage *s, bool writing, const struct gk_stream *stream);
// Has all been done that writes it? Asks the device where it is not known.
bool gk_storage_computed(gk_storage *s);
// Adds what a new op on `stream` must wait for to waits[0..*count), at most `limit`.
void gk_storage_waits(gk_storage *s, bool writing, const struct gk_stream *stream, gk_mark *waits,
                      int *count, int limit);
// Notes a queued op.
void gk_storage_mark(gk_storage *s, bool writing, gk_mark mark);

static inline bool gk_storage_poisoned(const gk_storage *s) {
  return (atomic_load_explicit(&s->state, memory_order_acquire) & GK_STATE_POISONED) != 0;
}

// No queued op has to do with it: what the hot path asks first.
static inline bool gk_storage_quiet(const gk_storage *s) {
  return (atomic_load_explicit(&s->state, memory_order_acquire) &
          (GK_STATE_MARKED | GK_STATE_SHARED)) == 0;
}

#endif
