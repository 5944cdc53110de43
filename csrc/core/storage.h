// Storage: the bytes behind arrays. Counted by its holders (array records, queued commands, graphs,
// share tokens), charged to its device's budget from its making to its end, and given
// memory from the device's pool when an op first writes to it.
#ifndef GK_CORE_STORAGE_H
#define GK_CORE_STORAGE_H

#include <stdatomic.h>

#include "call.h"

struct gk_device;
struct gk_stream;

// A point in a stream's order; passed when stream->completed >= sequence. Streams are
// never freed, only reused with growing sequences, so that a mark stays valid.
typedef struct gk_mark {
  struct gk_stream *stream;
  uint64_t sequence;
} gk_mark;

#define GK_READ_MARKS 2

typedef struct gk_storage {
  _Atomic int32_t references;
  uint8_t size_class; // of the pool
  uint8_t read_count;
  void *data; // NULL until first written, or for no bytes
  int64_t bytes;
  struct gk_device *device;
  gk_mark write;                // last op that writes it
  gk_mark reads[GK_READ_MARKS]; // ops of other streams that still read it
  gk_error *_Atomic poison;     // why its bytes never came to be
  struct gk_storage *next;      // in a free list
} gk_storage;

#endif
