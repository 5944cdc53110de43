#include "storage.h"

#include <stdlib.h>
#include <string.h>

#include "device.h"

// Data of small storages follows their record at this distance, 64-byte aligned.
#define HEADER ((sizeof(gk_storage) + 63) / 64 * 64)
#define CACHE_LIMIT 1024 // records kept per class and isolate

// Under AddressSanitizer the bytes between a storage's end and that of its memory, of `room` bytes, are
// out of bounds too.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
static void guard(char *memory, int64_t bytes, int64_t room) {
  __asan_unpoison_memory_region(memory, (size_t)room);
  __asan_poison_memory_region(memory + bytes, (size_t)(room - bytes));
}
#else
static inline void guard(char *memory, int64_t bytes, int64_t room) {
  (void)memory, (void)bytes, (void)room;
}
#endif

void *gk_storage_data(const gk_storage *s) { return s->data; }

static void *aligned(size_t bytes) {
#if defined(_WIN32)
  return _aligned_malloc(bytes, 64);
#else
  void *p;
  return posix_memalign(&p, 64, bytes) == 0 ? p : NULL;
#endif
}
static void aligned_free(void *p) {
#if defined(_WIN32)
  _aligned_free(p);
#else
  free(p);
#endif
}

// ---- the device's pool

// Class of a size: four steps a doubling, so that at most a quarter is wasted.
static int pool_class(int64_t bytes, int64_t *rounded) {
  if (bytes < 256) bytes = 256;
  int top = 63 - __builtin_clzll((uint64_t)(bytes - 1)); // 2^top < bytes <= 2^(top + 1)
  int64_t step = (int64_t)1 << (top - 2);
  int64_t quarter = (bytes - ((int64_t)1 << top) + step - 1) / step; // 1..4
  *rounded = ((int64_t)1 << top) + quarter * step;
  return (top - 7) * 4 + (int)quarter - 1;
}

static bool block_idle(const gk_block *block, const gk_stream *stream) {
  for (int i = 0; i < block->mark_count; i++)
    if (block->marks[i].stream != stream && !gk_mark_passed(block->marks[i])) return false;
  return true;
}

// How far into a class to look for a block that is idle.
#define POOL_LOOKS 32
// With more blocks than this in use by other streams, the oldest one is taken and waited for by the stream:
// streams that hand arrays to each other would else take new memory as long as the device is behind.
#define POOL_BUSY 4
#define POOL_QUERIES 8 // streams asked how far they are

static gk_block *pool_find(gk_device *device, int class, gk_stream *stream) {
  gk_block *found = NULL;
  gk_mutex_lock(&device->pool_lock);
  gk_block **link = &device->pool[class];
  for (int i = 0; *link && i < POOL_LOOKS && !found; i++) {
    if (block_idle(*link, stream)) {
      found = *link;
      *link = found->next;
    } else {
      link = &(*link)->next;
    }
  }
  gk_mutex_unlock(&device->pool_lock);
  return found;
}

// Asks the streams of the class's blocks how far they are; false where there are none.
static bool pool_query(gk_device *device, int class) {
  gk_stream *streams[POOL_QUERIES];
  int count = 0;
  gk_mutex_lock(&device->pool_lock);
  for (gk_block *b = device->pool[class]; b; b = b->next)
    for (int i = 0; i < b->mark_count && count < POOL_QUERIES; i++)
      if (count == 0 || streams[count - 1] != b->marks[i].stream)
        streams[count++] = b->marks[i].stream;
  gk_mutex_unlock(&device->pool_lock);
  for (int i = 0; i < count; i++) device->api->stream_query(streams[i]);
  return count > 0;
}

// The block given back longest ago, which the stream then waits for; NULL where there are few.
static gk_block *pool_wait(gk_device *device, int class, gk_stream *stream) {
  gk_mutex_lock(&device->pool_lock);
  int count = 0;
  gk_block **link = &device->pool[class], **last = NULL, *block = NULL;
  for (; *link; link = &(*link)->next, count++) last = link;
  if (count > POOL_BUSY) {
    block = *last;
    *last = NULL;
  }
  gk_mutex_unlock(&device->pool_lock);
  for (int i = 0; block && i < block->mark_count; i++)
    if (block->marks[i].stream != stream) device->api->stream_order(stream, block->marks[i]);
  return block;
}

gk_block *gk_pool_take(gk_device *device, int64_t bytes, gk_stream *stream) {
  int64_t rounded;
  int class = pool_class(bytes, &rounded);
  if (class >= GK_POOL_CLASSES) return NULL;
  gk_block *block = pool_find(device, class, stream);
  if (!block && !device->api->host_memory && pool_query(device, class)) {
    block = pool_find(device, class, stream);
    if (!block) block = pool_wait(device, class, stream);
  }
  if (block) {
    atomic_fetch_sub(&device->cached, rounded);
    block->mark_count = 0;
    return block;
  }
  block = malloc(sizeof *block);
  if (!block) return NULL;
  // Blocks of other sizes that lie idle give way: systems promise more memory than there is.
  if (atomic_load(&device->used) + atomic_load(&device->cached) > device->limit)
    gk_pool_trim(device);
  block->memory = device->api->allocate(device, rounded, stream);
  if (!block->memory) {
    // What lies idle in other classes may be all that is missing: give it back and try once more.
    gk_pool_trim(device);
    block->memory = device->api->allocate(device, rounded, stream);
  }
  if (!block->memory) {
    free(block);
    return NULL;
  }
  block->bytes = rounded;
  block->mark_count = 0;
  atomic_fetch_add(&device->taken, 1);
  return block;
}

static void block_release(gk_device *device, gk_block *block) {
  for (int i = 0; i < block->mark_count; i++)
    if (!gk_mark_passed(block->marks[i]))
      device->api->stream_wait(block->marks[i].stream, block->marks[i].sequence);
  device->api->release(device, block->memory, block->bytes);
  free(block);
}

void gk_pool_give(gk_device *device, gk_block *block) {
  int64_t rounded;
  int class = pool_class(block->bytes, &rounded);
  // Idle memory may not push the process over the limit, nor, on the host, be a large part of it by itself:
  // other programs, and this one's own other memory, want theirs.
  int64_t most = device->api->host_memory ? device->limit / 4 : device->limit;
  if (atomic_load(&device->cached) + block->bytes > most ||
      atomic_load(&device->used) + atomic_load(&device->cached) + block->bytes > device->limit) {
    block_release(device, block);
    return;
  }
  atomic_fetch_add(&device->cached, block->bytes);
  gk_mutex_lock(&device->pool_lock);
  block->next = device->pool[class];
  device->pool[class] = block;
  gk_mutex_unlock(&device->pool_lock);
}

void gk_pool_trim(gk_device *device) {
  for (int i = 0; i < GK_POOL_CLASSES; i++) {
    gk_mutex_lock(&device->pool_lock);
    gk_block *list = device->pool[i];
    device->pool[i] = NULL;
    gk_mutex_unlock(&device->pool_lock);
    while (list) {
      gk_block *next = list->next;
      atomic_fetch_sub(&device->cached, list->bytes);
      block_release(device, list);
      list = next;
    }
  }
}

gk_status gk_error_memory(gk_error *error, gk_device *device, const char *op, int64_t bytes) {
  const gk_error *lost = device->api->lost ? device->api->lost(device) : NULL;
  if (lost) {
    *error = *lost;
    return lost->status;
  }
  return gk_error_set(
      error, GK_OUT_OF_MEMORY,
      "%s: %s has no %.0f bytes left for the result: %.0f are in use, %.0f kept for "
      "reuse, and the limit is %.0f",
      op, device->name, (double)bytes, (double)atomic_load(&device->used),
      (double)atomic_load(&device->cached), (double)device->limit);
}

// ---- storages

static bool charge(gk_device *device, int64_t bytes) {
  int64_t used = atomic_fetch_add_explicit(&device->used, bytes, memory_order_relaxed) + bytes;
  if (used > device->limit) {
    atomic_fetch_sub_explicit(&device->used, bytes, memory_order_relaxed);
    return false;
  }
  if (used > atomic_load_explicit(&device->peak, memory_order_relaxed))
    atomic_store_explicit(&device->peak, used, memory_order_relaxed);
  return true;
}

// Small storages are charged in portions, so that most come and go without an atomic operation.
#define CREDIT 65536

static bool charge_small(gk_device *device, int64_t bytes, gk_storage_cache *cache) {
  if (cache->credit >= bytes) {
    cache->credit -= bytes;
    return true;
  }
  cache->device = device;
  if (charge(device, CREDIT)) {
    cache->credit += CREDIT - bytes;
    return true;
  }
  return charge(device, bytes);
}

static void give_credit_back(gk_storage_cache *cache, int64_t keep) {
  if (cache->credit <= keep) return;
  atomic_fetch_sub(&cache->device->used, cache->credit - keep);
  cache->credit = keep;
}

gk_storage *gk_storage_create(gk_device *device, int64_t bytes, gk_storage_cache *cache) {
  bool small = device->api->host_memory && bytes <= GK_SMALL_BYTES;
  if (!(small && cache ? charge_small(device, bytes, cache) : charge(device, bytes))) return NULL;
  int class = small && bytes > 64 ? 58 - __builtin_clzll((uint64_t)(bytes - 1)) : 0;
  gk_storage *s;
  if (cache && cache->free[class]) {
    s = cache->free[class];
    cache->free[class] = s->next;
    cache->count[class]--;
  } else {
    s = aligned(HEADER + ((size_t)64 << class));
    if (!s) {
      atomic_fetch_sub(&device->used, bytes);
      return NULL;
    }
    memset(s, 0, sizeof *s);
  }
  // A recycled record has been left with no marks and no poison.
  atomic_store_explicit(&s->references, 1, memory_order_relaxed);
  s->small_class = small ? (uint8_t)class : 0xff;
  s->data = small ? (char *)s + HEADER : NULL;
  if (small) guard(s->data, bytes, (int64_t)64 << class);
  atomic_store_explicit(&s->state, 0, memory_order_relaxed);
  s->bytes = bytes;
  s->recorded = false;
  s->device = device;
  return s;
}

static void discard_poison(gk_storage *s) { free(atomic_exchange(&s->poison, NULL)); }

// The storage's block goes back with the marks of what still uses it, on devices with queues of their own.
static void give_block(gk_device *device, gk_storage *s) {
  gk_block *block = s->block;
  block->mark_count = 0;
  if (device->api->host_memory) {
    guard(block->memory, block->bytes, block->bytes);
    gk_pool_give(device, block); // its users hold the storage until they are done
    return;
  }
  if (!gk_mark_passed(s->write)) block->marks[block->mark_count++] = s->write;
  for (int i = 0; i < s->read_count; i++)
    if (!gk_mark_passed(s->reads[i])) block->marks[block->mark_count++] = s->reads[i];
  gk_pool_give(device, block);
}

void gk_storage_release(gk_storage *s, gk_storage_cache *cache) {
  // Reading the count first saves the sole holder, the usual one, an atomic exchange.
  if (atomic_load_explicit(&s->references, memory_order_acquire) != 1 &&
      atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1)
    return;
  gk_device *device = s->device;
  if (cache && s->small_class != 0xff) {
    cache->credit += s->bytes;
    cache->device = device;
    if (cache->credit > 2 * CREDIT) give_credit_back(cache, CREDIT);
  } else {
    atomic_fetch_sub_explicit(&device->used, s->bytes, memory_order_relaxed);
  }
  if (s->block) {
    give_block(device, s);
    s->block = NULL;
  }
  if (__builtin_expect(atomic_load_explicit(&s->state, memory_order_relaxed) & GK_STATE_POISONED,
                       0))
    discard_poison(s);
  int class = s->small_class == 0xff ? 0 : s->small_class;
  if (cache && cache->count[class] < CACHE_LIMIT) {
    s->write.stream = NULL;
    s->read_count = 0;
    s->next = cache->free[class];
    cache->free[class] = s;
    cache->count[class]++;
  } else {
    aligned_free(s);
  }
}

void gk_storage_cache_clear(gk_storage_cache *cache) {
  give_credit_back(cache, 0);
  for (int i = 0; i < GK_SMALL_CLASSES; i++) {
    while (cache->free[i]) {
      gk_storage *s = cache->free[i];
      cache->free[i] = s->next;
      aligned_free(s);
    }
    cache->count[i] = 0;
  }
}

bool gk_storage_materialise(gk_storage *s, gk_stream *stream) {
  if (s->data || s->bytes == 0) return true;
  s->block = gk_pool_take(s->device, s->bytes, stream);
  if (!s->block) return false;
  s->data = s->block->memory;
  if (s->device->api->host_memory) guard(s->data, s->bytes, s->block->bytes);
  return true;
}

void gk_storage_poison(gk_storage *s, const gk_error *error) {
  gk_error *copy = malloc(sizeof *copy), *none = NULL;
  if (!copy) return;
  *copy = *error;
  if (!atomic_compare_exchange_strong(&s->poison, &none, copy)) free(copy);
  atomic_fetch_or(&s->state, GK_STATE_POISONED);
}

// ---- marks

static void marks_lock(gk_storage *s) {
  if (!(atomic_load_explicit(&s->state, memory_order_acquire) & GK_STATE_SHARED)) return;
  while (atomic_exchange_explicit(&s->lock, 1, memory_order_acquire)) gk_yield();
}
static void marks_unlock(gk_storage *s) {
  if (atomic_load_explicit(&s->state, memory_order_relaxed) & GK_STATE_SHARED)
    atomic_store_explicit(&s->lock, 0, memory_order_release);
}

static void forget_passed(gk_storage *s) {
  if (gk_mark_passed(s->write)) s->write.stream = NULL;
  int kept = 0;
  for (int i = 0; i < s->read_count; i++)
    if (!gk_mark_passed(s->reads[i])) s->reads[kept++] = s->reads[i];
  s->read_count = (uint8_t)kept;
  if (!s->write.stream && kept == 0)
    atomic_fetch_and_explicit(&s->state, ~(uint32_t)GK_STATE_MARKED, memory_order_release);
}

bool gk_storage_ready(gk_storage *s, bool writing, const gk_stream *stream) {
  marks_lock(s);
  forget_passed(s);
  bool ready = s->write.stream == NULL || s->write.stream == stream;
  if (writing)
    for (int i = 0; i < s->read_count; i++) ready &= s->reads[i].stream == stream;
  marks_unlock(s);
  return ready;
}

bool gk_storage_computed(gk_storage *s) {
  if (gk_storage_quiet(s) || gk_storage_ready(s, false, NULL)) return true;
  if (s->device->api->host_memory) return false;
  marks_lock(s);
  gk_stream *writer = s->write.stream;
  marks_unlock(s);
  if (writer) s->device->api->stream_query(writer);
  return gk_storage_ready(s, false, NULL);
}

static void add_wait(gk_mark m, const gk_stream *stream, gk_mark *waits, int *count, int limit) {
  if (m.stream == NULL || m.stream == stream) return; // a stream is in order with itself
  for (int i = 0; i < *count; i++)
    if (waits[i].stream == m.stream) {
      if (waits[i].sequence < m.sequence) waits[i].sequence = m.sequence;
      return;
    }
  if (*count < limit)
    waits[(*count)++] = m;
  else
    m.stream->device->api->stream_wait(m.stream, m.sequence);
}

void gk_storage_waits(gk_storage *s, bool writing, const gk_stream *stream, gk_mark *waits,
                      int *count, int limit) {
  marks_lock(s);
  forget_passed(s);
  add_wait(s->write, stream, waits, count, limit);
  if (writing)
    for (int i = 0; i < s->read_count; i++) add_wait(s->reads[i], stream, waits, count, limit);
  marks_unlock(s);
}

void gk_storage_mark(gk_storage *s, bool writing, gk_mark mark) {
  marks_lock(s);
  forget_passed(s);
  atomic_fetch_or_explicit(&s->state, GK_STATE_MARKED, memory_order_relaxed);
  if (writing) {
    // The writer waits for all that is noted here, so that its mark covers them.
    s->write = mark;
    s->read_count = 0;
  } else {
    int i = 0;
    while (i < s->read_count && s->reads[i].stream != mark.stream) i++;
    if (i == GK_READ_MARKS) { // rare: more reading streams than places
      gk_mark old = s->reads[--i];
      if (s->device->api->host_memory) {
        old.stream->device->api->stream_wait(old.stream, old.sequence);
      } else { // the new reader's stream waits in the host's place, and its next place covers both
        s->device->api->stream_order(mark.stream, old);
        mark = gk_stream_advance(mark.stream);
      }
    }
    s->reads[i] = mark;
    if (i == s->read_count) s->read_count++;
  }
  marks_unlock(s);
}
