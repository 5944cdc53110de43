// Memory that the stand-in gives out, device and host alike: host memory from one stretch of addresses
// that are never used twice. Each piece ends in a guard page as closely as 256-byte alignment allows; what
// is left between, and before it on its first page, holds a pattern that is checked when it is freed. New
// memory is 0xFD all over, freed memory cannot be touched. Host memory that was registered is in the same
// registry.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "state.h"

#define MOST_BYTES ((size_t)8 << 40)
#define LEAST_BYTES ((size_t)64 << 30)
// Each is two mappings, of which a process of Linux may have 65530: beyond, memory is out.
#define MOST_PIECES 24000
#define ALIGNMENT 256
#define FRESH 0xFD
#define MARGIN 0xC5

static uintptr_t arena, arena_next;
static size_t arena_bytes, page;

// By address. It is changed under both locks: a kernel looks under this one alone.
static pthread_rwlock_t registry = PTHREAD_RWLOCK_INITIALIZER;
static memory **entries;
static size_t entry_count, entry_room;

static bool arena_open(void) {
  if (arena != 0) return true;
  page = (size_t)sysconf(_SC_PAGESIZE);
  // What is free in the address space: little under a sanitizer or a limit.
  void *start = MAP_FAILED;
  for (arena_bytes = MOST_BYTES; start == MAP_FAILED; arena_bytes /= 2) {
    if (arena_bytes < LEAST_BYTES) return false;
    start = mmap(NULL, arena_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start != MAP_FAILED) break;
  }
  arena = (uintptr_t)start;
  arena_next = arena + page;
  return true;
}

// The first entry that begins beyond the address.
static size_t after(uintptr_t address) {
  size_t low = 0, high = entry_count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (entries[middle]->address <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

static bool registry_add(memory *m) {
  pthread_rwlock_wrlock(&registry);
  bool ok = true;
  if (entry_count == entry_room) {
    const size_t room = entry_room == 0 ? 256 : entry_room * 2;
    memory **grown = realloc(entries, room * sizeof *entries);
    ok = grown != NULL;
    if (ok) {
      entries = grown;
      entry_room = room;
    }
  }
  if (ok) {
    const size_t at = after(m->address);
    memmove(&entries[at + 1], &entries[at], (entry_count - at) * sizeof *entries);
    entries[at] = m;
    entry_count++;
  }
  pthread_rwlock_unlock(&registry);
  return ok;
}

static void registry_remove(const memory *m) {
  pthread_rwlock_wrlock(&registry);
  const size_t at = after(m->address) - 1;
  memmove(&entries[at], &entries[at + 1], (entry_count - at - 1) * sizeof *entries);
  entry_count--;
  pthread_rwlock_unlock(&registry);
}

static memory *holding(uintptr_t address, size_t bytes) {
  const size_t at = after(address);
  if (at == 0) return NULL;
  memory *m = entries[at - 1];
  const size_t offset = address - m->address;
  return offset < m->bytes && bytes <= m->bytes - offset ? m : NULL;
}

memory *memory_holding(uintptr_t address, size_t bytes) { return holding(address, bytes); }

int standin_memory_find(uintptr_t address, uintptr_t *base, size_t *bytes) {
  pthread_rwlock_rdlock(&registry);
  const memory *m = holding(address, 1);
  const bool found =
      m != NULL && m->ready && (device_at_work == NULL || memory_reachable(m, device_at_work));
  if (found) {
    *base = m->address;
    *bytes = m->bytes;
  }
  pthread_rwlock_unlock(&registry);
  return found;
}

bool memory_reachable(const memory *m, const device *d) {
  if (m->kind != MEMORY_DEVICE) return true;
  if (m->pool == NULL) return m->context->device == d;
  return (m->pool->access >> d->ordinal & 1) != 0;
}

bool memory_is_ours(uintptr_t address) { return arena != 0 && address - arena < arena_bytes; }

// ---- making and giving back

memory *memory_new(memory_kind kind, size_t bytes, context *c) {
  if (!arena_open() || entry_count == MOST_PIECES) return NULL;
  const size_t aligned = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
  const size_t pages = (aligned + page - 1) & ~(page - 1);
  if (aligned < bytes || pages < aligned || pages > arena_bytes - (arena_next - arena) - page) {
    return NULL;
  }
  memory *m = calloc(1, sizeof *m);
  if (m == NULL) return NULL;
  m->kind = kind;
  m->bytes = bytes;
  m->pages = arena_next;
  m->page_bytes = pages;
  m->address = arena_next + pages - aligned;
  m->context = c;
  if (!registry_add(m)) {
    free(m);
    return NULL;
  }
  arena_next += pages + page;
  return m;
}

memory *memory_adopt(memory_kind kind, uintptr_t address, size_t bytes, context *c) {
  memory *m = calloc(1, sizeof *m);
  if (m == NULL) return NULL;
  *m = (memory){.address = address,
                .bytes = bytes,
                .kind = kind,
                .phase = MEMORY_LIVE,
                .ready = true,
                .context = c};
  if (registry_add(m)) return m;
  free(m);
  return NULL;
}

void memory_open(memory *m) {
  m->users++;
  pthread_mutex_unlock(&state);
  const bool ok = mprotect((void *)m->pages, m->page_bytes, PROT_READ | PROT_WRITE) == 0;
  if (ok) {
    const uintptr_t end = m->address + m->bytes;
    memset((void *)m->pages, MARGIN, m->address - m->pages);
    memset((void *)m->address, FRESH, m->bytes);
    memset((void *)end, MARGIN, m->pages + m->page_bytes - end);
  }
  pthread_mutex_lock(&state);
  m->ready = ok;
  if (!ok) standin_report_set("%zu bytes of memory could not be mapped", m->bytes);
  memory_unuse(m);
}

// How many bytes from `from` to `to` are not as they were.
static size_t touched(uintptr_t from, uintptr_t to) {
  size_t n = 0;
  for (uintptr_t at = from; at < to; at++) n += *(const unsigned char *)at != MARGIN;
  return n;
}

bool memory_close(memory *m) {
  size_t before = 0, behind = 0;
  if (m->ready && m->page_bytes > 0) {
    before = touched(m->pages, m->address);
    behind = touched(m->address + m->bytes, m->pages + m->page_bytes);
  }
  if (before + behind > 0) {
    standin_report_set("%zu bytes before and %zu behind a piece of %zu bytes at %#zx were written",
                       before, behind, m->bytes, (size_t)m->address);
  }
  registry_remove(m);
  if (m->page_bytes > 0) { // not adopted
    mmap((void *)m->pages, m->page_bytes, PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  }
  free(m);
  return before + behind == 0;
}

void memory_close_all(context *c) {
  for (size_t i = entry_count; i-- > 0;) {
    if (entries[i]->context == c) memory_close(entries[i]);
  }
}

bool memory_use(uintptr_t address, size_t bytes, memory **used) {
  *used = NULL;
  memory *m = holding(address, bytes);
  if (m == NULL) return !memory_is_ours(address);
  if (!m->ready) return false;
  m->users++;
  *used = m;
  return true;
}

void memory_unuse(memory *used) {
  if (used != NULL && --used->users == 0) pthread_cond_broadcast(&progress);
}

void memory_settle(memory *m) {
  while (m->users > 0) pthread_cond_wait(&progress, &state);
}

void memory_count(standin_counts_t *counts) {
  for (size_t i = 0; i < entry_count; i++) {
    const memory *m = entries[i];
    if (m->kind == MEMORY_REGISTERED) counts->registered++;
    if (m->kind == MEMORY_PINNED) {
      counts->pinned_allocations++;
      counts->pinned_bytes += m->bytes;
    }
    // What was freed by a call is no leak, even before its stream gets there.
    if (m->kind == MEMORY_DEVICE && m->phase != MEMORY_LEAVING) {
      counts->device_allocations++;
      counts->device_bytes += m->bytes;
    }
  }
}

// ---- host memory

enum { ALLOC_FLAGS = 7, REGISTER_FLAGS = 15 };

CUresult cuMemHostAlloc(void **host, size_t bytes, unsigned int flags) {
  ENTER(cuMemHostAlloc, NEEDS_CONTEXT);
  if (host == NULL || bytes == 0 || (flags & ~ALLOC_FLAGS) != 0) return CUDA_ERROR_INVALID_VALUE;
  const CUresult forbidden = capture_forbid_here();
  if (forbidden != CUDA_SUCCESS) return forbidden;
  memory *m = memory_new(MEMORY_PINNED, bytes, here);
  if (m == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  memory_open(m);
  if (!m->ready) {
    memory_close(m);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  *host = (void *)m->address;
  m->phase = MEMORY_LIVE;
  return CUDA_SUCCESS;
}

// Whatever streams still have to do with the memory fails from here on.
static CUresult release_host(uintptr_t address, memory_kind kind, CUresult otherwise) {
  memory *m = memory_holding(address, 1);
  if (m == NULL || m->kind != kind || m->address != address || m->phase == MEMORY_LEAVING) {
    return otherwise;
  }
  const CUresult forbidden = capture_forbid_here();
  if (forbidden != CUDA_SUCCESS) return forbidden;
  device *d = m->context->device;
  m->phase = MEMORY_LEAVING;
  memory_settle(m);
  if (!memory_close(m)) device_fault(d, CUDA_ERROR_ILLEGAL_ADDRESS);
  return CUDA_SUCCESS;
}

CUresult cuMemFreeHost(void *host) {
  ENTER_RELEASE(cuMemFreeHost, NEEDS_CONTEXT);
  const CUresult result = release_host((uintptr_t)host, MEMORY_PINNED, CUDA_ERROR_INVALID_VALUE);
  return result != CUDA_SUCCESS ? result : failure;
}

CUresult cuMemHostRegister_v2(void *host, size_t bytes, unsigned int flags) {
  ENTER(cuMemHostRegister_v2, NEEDS_CONTEXT);
  const uintptr_t address = (uintptr_t)host;
  if (host == NULL || bytes == 0 || (flags & ~REGISTER_FLAGS) != 0 || address + bytes < address) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const CUresult forbidden = capture_forbid_here();
  if (forbidden != CUDA_SUCCESS) return forbidden;
  // The entry before the end reaches into the range, if any does.
  const size_t at = after(address + bytes - 1);
  if (at > 0 && entries[at - 1]->address + entries[at - 1]->bytes > address) {
    return ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  }
  const memory *m = memory_adopt(MEMORY_REGISTERED, address, bytes, here);
  return m == NULL ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}

CUresult cuMemHostUnregister(void *host) {
  ENTER_RELEASE(cuMemHostUnregister, NEEDS_CONTEXT);
  const CUresult result =
      release_host((uintptr_t)host, MEMORY_REGISTERED, ERROR_HOST_MEMORY_NOT_REGISTERED);
  return result != CUDA_SUCCESS ? result : failure;
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *address, void *host, unsigned int flags) {
  ENTER(cuMemHostGetDevicePointer_v2, NEEDS_CONTEXT);
  const memory *m = memory_holding((uintptr_t)host, 1);
  if (address == NULL || flags != 0 || m == NULL ||
      (m->kind != MEMORY_PINNED && m->kind != MEMORY_REGISTERED)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  *address = (uintptr_t)host;
  return CUDA_SUCCESS;
}
