// What instrumented kernels report, access by access: the functions that -fsanitize=thread makes a
// compiler call, with a detector for CUDA threads behind them. It finds
//
//   - races: two accesses by different threads, one of them a write, one of them not atomic, that no
//     barrier and no warp operation orders; across blocks, that no fence with an atomic orders;
//   - accesses outside of what a kernel may touch, exactly: allocations, shared variables;
//   - reads of shared memory that no thread of the block has written.
//
// Each 4 bytes of memory (each byte, where a page is used so) have a cell with the last write and up to
// two reads, each as a stamp: when, by which thread. Time is counted in moments: a block's begin and every
// barrier start a new one. Within a moment each thread has a clock, and the lanes of a warp know of each
// other's clocks what warp operations have told them (vector clocks). A shadow belongs to one thread of
// the operating system and to one launch: launches on different streams are not compared.

#include "checker.h"

#include "../../../csrc/cuda/driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- stamps: moment 32 bits, clock 20, thread 10, 1 unused, atomic 1; 0 is none

enum { CLOCK_MAX = (1 << 20) - 1 };

static uint64_t make_stamp(uint32_t moment, uint32_t clock, uint32_t thread, int atomic) {
  return (uint64_t)moment << 32 | (uint64_t)clock << 12 | thread << 2 | (uint32_t)atomic;
}
static uint32_t moment_of(uint64_t stamp) { return (uint32_t)(stamp >> 32); }
static uint32_t clock_of(uint64_t stamp) { return (uint32_t)(stamp >> 12) & CLOCK_MAX; }
static uint32_t thread_of(uint64_t stamp) { return (uint32_t)(stamp >> 2) & 1023; }
static int is_atomic(uint64_t stamp) { return (int)(stamp & 1); }

// ---- the shadow

typedef struct cell {
  uint64_t write, read, other; // other: a second reader, as far from the last one as there was
} cell;

enum { PAGE_BITS = 12, PAGE = 1 << PAGE_BITS, NEAR = 64, MAX_PAGES = 16384 };

typedef struct page {
  uintptr_t number; // address >> PAGE_BITS
  uint32_t shift; // bytes of a cell, as a power of two: 2 or 0
  cell *cells;
} page;

// When threads of a block ran fences: of all, the last moment; of each, its stamp.
typedef struct fences {
  uint32_t moment;
  uint64_t *last;
} fences;

typedef struct block_record {
  uint32_t first; // moment
  standin_size at;
  fences fence;
} block_record;

typedef struct allocation {
  uintptr_t base;
  size_t bytes;
} allocation;

struct checker {
  uint32_t moment, block_first, launch_first;
  int took_part; // the block has had an atomic operation on global memory
  block_record *blocks;
  uint32_t block_count, block_room;

  uint32_t clock[STANDIN_MAX_THREADS];
  uint32_t known[STANDIN_MAX_THREADS][WARP_SIZE]; // lanes' clocks, as a thread knows them
  uint32_t known_moment[MAX_WARPS]; // older: it knows none

  page *table; // open addressing
  uint32_t page_count, page_room;
  page *near[NEAR];
  allocation recent[2];
};

static void no_memory(void) {
  standin_stop(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, 0, "no memory for the checker");
}

static void forget_pages(struct checker *c) {
  for (uint32_t i = 0; i < c->page_room; i++) free(c->table[i].cells);
  free(c->table);
  c->table = NULL;
  c->page_count = c->page_room = 0;
  memset(c->near, 0, sizeof c->near);
}

static page *slot_of(page *table, uint32_t room, uintptr_t number) {
  uint32_t at = (uint32_t)(number * 0x9e3779b97f4a7c15u >> 32) & (room - 1);
  while (table[at].cells && table[at].number != number) at = (at + 1) & (room - 1);
  return &table[at];
}

static void grow_table(struct checker *c) {
  const uint32_t room = c->page_room ? 2 * c->page_room : 256;
  page *table = calloc(room, sizeof *table);
  if (!table) no_memory();
  for (uint32_t i = 0; i < c->page_room; i++) {
    if (c->table[i].cells) *slot_of(table, room, c->table[i].number) = c->table[i];
  }
  free(c->table);
  c->table = table;
  c->page_room = room;
  memset(c->near, 0, sizeof c->near);
}

static page *page_of(struct checker *c, uintptr_t address) {
  const uintptr_t number = address >> PAGE_BITS;
  page **near = &c->near[number % NEAR];
  if (*near && (*near)->number == number) return *near;
  if (2 * c->page_count >= c->page_room) grow_table(c);
  page *p = slot_of(c->table, c->page_room, number);
  if (!p->cells) {
    p->cells = calloc(PAGE >> 2, sizeof *p->cells);
    if (!p->cells) no_memory();
    p->number = number;
    p->shift = 2;
    c->page_count++;
  }
  *near = p;
  return p;
}

// Four cells for each one.
static void split_page(page *p) {
  cell *cells = malloc(PAGE * sizeof *cells);
  if (!cells) no_memory();
  for (int i = 0; i < PAGE; i++) cells[i] = p->cells[i >> 2];
  free(p->cells);
  p->cells = cells;
  p->shift = 0;
}

// ---- order

// How far an access is from the running thread, that nothing orders them: 0 it is ordered, or the same
// thread; 1 in the same warp, 2 in another warp, 3 in another block.
// Shared memory is another one in each block.
static int distance(const struct checker *c, uint64_t stamp, int shared) {
  const uint32_t moment = moment_of(stamp);
  if (moment < (shared ? c->block_first : c->launch_first)) return 0;
  if (moment < c->block_first) return 3;
  if (moment < c->moment) return 0;
  const uint32_t me = standin_here.index, thread = thread_of(stamp);
  if (thread == me) return 0;
  if (thread / WARP_SIZE != me / WARP_SIZE) return 2;
  if (c->known_moment[me / WARP_SIZE] < moment) return 1;
  return c->known[me][thread % WARP_SIZE] < clock_of(stamp);
}

static const block_record *block_of(const struct checker *c, uint32_t moment) {
  uint32_t low = 0, high = c->block_count;
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    if (c->blocks[middle].first <= moment) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return &c->blocks[low];
}

// Whether an access of another block was made known before an atomic operation of it, and this block has
// had one since: what the last block relies on that adds up what all have left.
static int is_published(const struct checker *c, uint64_t stamp) {
  if (!c->took_part) return 0;
  if (is_atomic(stamp)) return 1;
  const fences *f = &block_of(c, moment_of(stamp))->fence;
  if (f->moment > moment_of(stamp))
    return 1; // after a barrier: it is known to whoever ran the fence
  const uint64_t last = f->last ? f->last[thread_of(stamp)] : 0;
  return last >> 12 > stamp >> 12;
}

static int conflicts(const struct checker *c, uint64_t stamp, int atomic, int shared) {
  if (!stamp || (atomic && is_atomic(stamp))) return 0;
  const int far = distance(c, stamp, shared);
  return far == 3 ? !is_published(c, stamp) : far != 0;
}

// ---- what is told

static const shared_variable *variable_near(const library *l, uint32_t offset) {
  const shared_variable *nearest = NULL;
  uint32_t least = UINT32_MAX;
  for (uint32_t i = 0; i < l->variable_count; i++) {
    const shared_variable *v = &l->variables[i];
    if (standin_is_zone(v)) continue;
    const uint32_t away = offset < v->begin ? v->begin - offset
                          : offset < v->end ? 0
                                            : offset - v->end + 1;
    if (away < least) {
      least = away;
      nearest = v;
    }
  }
  return nearest;
}

static void name_memory(const grid *g, uintptr_t address, char *text, size_t bytes) {
  if (g->shared && address - (uintptr_t)g->shared < g->library->shared_bytes) {
    const uint32_t offset = (uint32_t)(address - (uintptr_t)g->shared);
    const shared_variable *v = variable_near(g->library, offset);
    snprintf(text, bytes, "shared %s, byte %u of %u", v ? v->name : "memory",
             v ? offset - v->begin : offset, v ? v->end - v->begin : 0);
    return;
  }
  const size_t dynamic = address - (uintptr_t)standin_here.dynamic;
  if (dynamic < g->launch->shared_bytes) {
    snprintf(text, bytes, "dynamic shared memory, byte %zu of %u", dynamic,
             g->launch->shared_bytes);
    return;
  }
  uintptr_t base;
  size_t size;
  if (standin_memory_find(address, &base, &size)) {
    snprintf(text, bytes, "global memory, byte %zu of %zu", (size_t)(address - base), size);
  } else {
    snprintf(text, bytes, "address 0x%zx", (size_t)address);
  }
}

static void name_thread(const grid *g, uint64_t stamp, char *text, size_t bytes) {
  const struct checker *c = g->checker;
  const standin_size size = g->launch->block;
  const uint32_t thread = thread_of(stamp);
  const int used = snprintf(text, bytes, "thread (%u, %u, %u)", thread % size.x,
                            thread / size.x % size.y, thread / size.x / size.y);
  if (moment_of(stamp) >= c->block_first) return;
  const standin_size at = block_of(c, moment_of(stamp))->at;
  snprintf(text + used, bytes - (size_t)used, " of block (%u, %u, %u)", at.x, at.y, at.z);
}

_Noreturn static void race(const grid *g, uintptr_t address, const checker_access *access,
                           uint64_t before, int wrote) {
  char memory[128], thread[96];
  name_memory(g, address, memory, sizeof memory);
  name_thread(g, before, thread, sizeof thread);
  standin_stop(CUDA_ERROR_LAUNCH_FAILED, access->code,
               "race on %s: %s after %s by %s, with nothing that orders them", memory,
               access->write ? "written" : "read", wrote ? "a write" : "a read", thread);
}

// ---- an access

static void check_cell(const grid *g, cell *at, uintptr_t address, const checker_access *access,
                       int shared) {
  struct checker *c = g->checker;
  const uint32_t me = standin_here.index;
  const uint64_t now = make_stamp(c->moment, c->clock[me], me, access->atomic);
  if (shared && !access->only_write && moment_of(at->write) < c->block_first) {
    char memory[128];
    name_memory(g, address, memory, sizeof memory);
    standin_stop(CUDA_ERROR_LAUNCH_FAILED, access->code, "a read of %s, never written", memory);
  }
  if (conflicts(c, at->write, access->atomic, shared)) race(g, address, access, at->write, 1);
  if (!access->write) {
    if (at->read == now) return;
    if (thread_of(at->read) != me &&
        distance(c, at->read, shared) >= distance(c, at->other, shared)) {
      at->other = at->read;
    }
    at->read = now;
    return;
  }
  if (conflicts(c, at->read, access->atomic, shared)) race(g, address, access, at->read, 0);
  if (conflicts(c, at->other, access->atomic, shared)) race(g, address, access, at->other, 0);
  at->write = now;
  at->read = at->other = 0;
}

static void check_cells(const grid *g, uintptr_t address, size_t bytes,
                        const checker_access *access, int shared) {
  const uintptr_t end = address + bytes;
  while (address < end) {
    page *p = page_of(g->checker, address);
    if (p->shift && ((address | end) & 3)) split_page(p);
    const uintptr_t page_end = (address | (PAGE - 1)) + 1, stop = end < page_end ? end : page_end;
    const size_t step = (size_t)1 << p->shift;
    for (; address < stop; address += step) {
      check_cell(g, &p->cells[(address & (PAGE - 1)) >> p->shift], address, access, shared);
    }
  }
}

_Noreturn static void beyond_shared(const grid *g, uint32_t offset, size_t bytes,
                                    const checker_access *access) {
  const shared_variable *v = variable_near(g->library, offset);
  const char *what = access->write ? "write" : "read";
  if (v && offset < v->begin) {
    standin_stop(CUDA_ERROR_LAUNCH_FAILED, access->code,
                 "out of bounds: a %s of %zu bytes, %u before shared %s of %u", what, bytes,
                 v->begin - offset, v->name, v->end - v->begin);
  }
  standin_stop(CUDA_ERROR_LAUNCH_FAILED, access->code,
               "out of bounds: a %s of %zu bytes at byte %u of shared %s of %u", what, bytes,
               v ? offset - v->begin : offset, v ? v->name : "memory", v ? v->end - v->begin : 0);
}

static void check_shared(const grid *g, uintptr_t address, size_t bytes,
                         const checker_access *access) {
  const library *l = g->library;
  const uint32_t offset = (uint32_t)(address - (uintptr_t)g->shared);
  uint32_t low = 0, high = l->variable_count;
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    if (l->variables[middle].begin <= offset) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const shared_variable *v = l->variable_count ? &l->variables[low] : NULL;
  if (!v || offset < v->begin || offset + bytes > v->end || standin_is_zone(v)) {
    beyond_shared(g, offset, bytes, access);
  }
  check_cells(g, address, bytes, access, 1);
}

_Noreturn static void beyond_global(uintptr_t address, size_t bytes, const checker_access *access) {
  const char *what = access->write ? "write" : "read";
  uintptr_t base;
  size_t size;
  for (uintptr_t back = 0; back <= PAGE && back <= address; back += back ? 16 : 1) {
    if (!standin_memory_find(address - back, &base, &size)) continue;
    standin_stop(CUDA_ERROR_ILLEGAL_ADDRESS, access->code,
                 "out of bounds: a %s of %zu bytes at byte %zu of a global allocation of %zu", what,
                 bytes, (size_t)(address - base), size);
  }
  standin_stop(CUDA_ERROR_ILLEGAL_ADDRESS, access->code,
               "out of bounds: a %s of %zu bytes at address 0x%zx, in no allocation", what, bytes,
               (size_t)address);
}

// What a kernel may use that is neither shared nor global: its argument, and what its library has besides
// variables on the device. (Its stack is asked for earlier.)
static int is_argument(const grid *g, uintptr_t address, size_t bytes) {
  const standin_kernel *kernel = g->launch->kernel;
  const size_t list = kernel->parameters * sizeof(void *);
  if (address - (uintptr_t)g->launch->parameters < list) return 1;
  for (uint32_t i = 0; i < kernel->parameters; i++) {
    const uintptr_t from = (uintptr_t)g->launch->parameters[i];
    if (address >= from && address + bytes <= from + kernel->sizes[i]) return 1;
  }
  return 0;
}

static int is_constant(const grid *g, uintptr_t address, size_t bytes) {
  return address >= g->library->begin && address + bytes <= g->library->end;
}

static void check_global(const grid *g, uintptr_t address, size_t bytes,
                         const checker_access *access) {
  struct checker *c = g->checker;
  for (int i = 0; i < 2; i++) {
    const allocation *a = &c->recent[i];
    if (address - a->base >= a->bytes || bytes > a->bytes - (address - a->base)) continue;
    if (i) {
      const allocation found = *a;
      c->recent[1] = c->recent[0];
      c->recent[0] = found;
    }
    if (access->atomic) c->took_part = 1;
    check_cells(g, address, bytes, access, 0);
    return;
  }
  allocation a;
  if (is_argument(g, address, bytes)) return;
  if (!standin_memory_find(address, &a.base, &a.bytes) || address + bytes > a.base + a.bytes) {
    if (is_constant(g, address, bytes)) return;
    beyond_global(address, bytes, access);
  }
  c->recent[1] = c->recent[0];
  c->recent[0] = a;
  if (access->atomic) c->took_part = 1;
  check_cells(g, address, bytes, access, 0);
}

void standin_checker_access(const void *at, size_t bytes, const checker_access *access) {
  const grid *g = standin_grid;
  if (!g || !g->self || !bytes) return;
  const uintptr_t address = (uintptr_t)at;
  if (address - (uintptr_t)&standin_here < sizeof standin_here) return;
  if (address - (uintptr_t)g->self->memory < FIBER_GUARD + FIBER_BYTES) return;
  // Beyond the last variable lies a zone as before each.
  if (g->shared && address - (uintptr_t)g->shared < g->library->shared_bytes + 64) {
    check_shared(g, address, bytes, access);
    return;
  }
  const size_t dynamic = address - (uintptr_t)standin_here.dynamic;
  if (dynamic < g->launch->shared_bytes && bytes <= g->launch->shared_bytes - dynamic) {
    check_cells(g, address, bytes, access, 1);
    return;
  }
  check_global(g, address, bytes, access);
}

static void tick(struct checker *c, uint32_t thread) {
  if (c->clock[thread] < CLOCK_MAX) c->clock[thread]++;
}

void standin_checker_fence(void) {
  const grid *g = standin_grid;
  if (!g || !g->self) return;
  struct checker *c = g->checker;
  fences *f = &c->blocks[c->block_count - 1].fence;
  const uint32_t me = standin_here.index;
  if (!f->last) f->last = calloc(g->count, sizeof *f->last);
  if (!f->last) no_memory();
  tick(c, me);
  f->moment = c->moment;
  f->last[me] = make_stamp(c->moment, c->clock[me], me, 0);
}

// ---- what the grid tells

static void next_moment(grid *g) {
  struct checker *c = g->checker;
  c->moment++;
  for (uint32_t i = 0; i < g->count; i++) c->clock[i] = 1;
}

static void forget_blocks(struct checker *c) {
  for (uint32_t i = 0; i < c->block_count; i++) free(c->blocks[i].fence.last);
  c->block_count = 0;
}

int standin_checker_launch(grid *g) {
  if (!g->checker) g->checker = calloc(1, sizeof *g->checker);
  struct checker *c = g->checker;
  if (!c) return 0;
  if (c->moment > UINT32_MAX / 2 || c->page_count > MAX_PAGES) {
    forget_pages(c);
    memset(c->known_moment, 0, sizeof c->known_moment);
    c->moment = 0;
  }
  c->launch_first = c->moment + 1;
  memset(c->recent, 0, sizeof c->recent); // allocations come and go between launches
  forget_blocks(c);
  return 1;
}

void standin_checker_block(grid *g) {
  struct checker *c = g->checker;
  next_moment(g);
  c->block_first = c->moment;
  c->took_part = 0;
  if (c->block_count == c->block_room) {
    const uint32_t room = c->block_room ? 2 * c->block_room : 64;
    block_record *blocks = realloc(c->blocks, room * sizeof *blocks);
    if (!blocks) abort(); // of a test, before any kernel runs
    c->blocks = blocks;
    c->block_room = room;
  }
  c->blocks[c->block_count++] = (block_record){.first = c->moment, .at = standin_here.block};
}

void standin_checker_barrier(grid *g) { next_moment(g); }

void standin_checker_warp(grid *g, uint32_t number, uint32_t lanes) {
  struct checker *c = g->checker;
  uint32_t (*known)[WARP_SIZE] = &c->known[number * WARP_SIZE];
  if (c->known_moment[number] != c->moment) {
    memset(known, 0, WARP_SIZE * sizeof *known);
    c->known_moment[number] = c->moment;
  }
  uint32_t all[WARP_SIZE] = {0};
  for (uint32_t left = lanes; left; left &= left - 1) {
    const uint32_t lane = (uint32_t)__builtin_ctz(left);
    known[lane][lane] = c->clock[number * WARP_SIZE + lane];
    for (int i = 0; i < WARP_SIZE; i++) {
      if (known[lane][i] > all[i]) all[i] = known[lane][i];
    }
  }
  for (uint32_t left = lanes; left; left &= left - 1) {
    const uint32_t lane = (uint32_t)__builtin_ctz(left);
    memcpy(known[lane], all, sizeof all);
    tick(c, number * WARP_SIZE + lane);
  }
}

void standin_checker_destroy(grid *g) {
  struct checker *c = g->checker;
  if (!c) return;
  forget_pages(c);
  forget_blocks(c);
  free(c->blocks);
  free(c);
}
