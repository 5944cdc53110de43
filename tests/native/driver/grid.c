// Runs a grid on the calling thread: block after block, and of a block thread after thread. A thread runs
// as a plain call until it has to wait, at the block's barrier or in a warp operation; only then it keeps
// its stack, and the next one begins on another. So a kernel that never waits costs a loop (about 2 ns a
// thread), and nothing needs to know beforehand which kernels do.
//
// Shared memory is filled with 0xFF before a block, so that what a block before it left is not mistaken
// for its own. Deadlocks, and barriers that threads of a block reach at different places, end the launch.

#include "grid.h"

#include "../../../csrc/cuda/driver.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

__thread standin_place standin_here;
__thread grid *standin_grid;

// Dynamic shared memory ends at a page that faults.
enum { DYNAMIC_GUARD = 64 << 10 };
enum { DYNAMIC_BYTES = (STANDIN_MAX_SHARED + DYNAMIC_GUARD - 1) / DYNAMIC_GUARD * DYNAMIC_GUARD };

// ---- settings

enum { FORWARD, REVERSE, RANDOM };

static struct {
  int order, empty;
  uint64_t seed;
  pthread_key_t key; // frees a thread's grid
} settings;

static void destroy_grid(void *value) {
  grid *g = value;
  standin_watchdog_leave(g);
  standin_fault_leave(g);
  if (g->checker) standin_checker_destroy(g);
  for (uint32_t i = 0; i < g->fiber_count; i++) standin_fiber_destroy(g->fibers[i]);
  if (g->dynamic) munmap(g->dynamic, DYNAMIC_BYTES + DYNAMIC_GUARD);
  free(g->fibers);
  free(g->idle);
  free(g);
  standin_grid = NULL;
}

static void read_settings(void) {
  const char *order = getenv("STANDIN_ORDER"), *seed = getenv("STANDIN_SEED");
  const char *empty = getenv("STANDIN_EMPTY");
  if (order && strcmp(order, "reverse") == 0) settings.order = REVERSE;
  if (order && strcmp(order, "random") == 0) settings.order = RANDOM;
  settings.empty = empty && *empty && strcmp(empty, "0") != 0;
  settings.seed = seed ? strtoull(seed, NULL, 0) : 1;
  pthread_key_create(&settings.key, destroy_grid);
}

// ---- findings

static struct {
  pthread_mutex_t lock;
  char text[1024];
} report = {.lock = PTHREAD_MUTEX_INITIALIZER};

void standin_report_set(const char *format, ...) {
  char text[sizeof report.text];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  pthread_mutex_lock(&report.lock);
  memcpy(report.text, text, sizeof text);
  pthread_mutex_unlock(&report.lock);
}

const char *standin_report(void) {
  static __thread char copy[sizeof report.text];
  pthread_mutex_lock(&report.lock);
  memcpy(copy, report.text, sizeof copy);
  pthread_mutex_unlock(&report.lock);
  return copy;
}

void standin_stop(int result, uintptr_t code, const char *format, ...) {
  grid *g = standin_grid;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(g->finding, sizeof g->finding, format, arguments);
  va_end(arguments);
  g->result = result;
  g->fault = code;
  g->self = NULL; // from here on no kernel runs
  void *abandoned;
  standin_switch(&abandoned, g->home);
  abort();
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

void standin_assert(const char *expression, const char *file, int line, const char *function) {
  const standin_place *p = &standin_here;
  fprintf(stderr, "%s:%d: %s: block: [%u,%u,%u], thread: [%u,%u,%u] Assertion `%s` failed.\n", file,
          line, function, p->block.x, p->block.y, p->block.z, p->thread.x, p->thread.y, p->thread.z,
          expression);
  standin_stop(CUDA_ERROR_ASSERT, 0, "the assertion %s does not hold, at %s:%d", expression,
               base_name(file), line);
}

static void tell(const grid *g) {
  char line[560] = "";
  if (g->fault) standin_library_line(g->library, g->fault, line, sizeof line);
  const standin_place *p = &standin_here;
  standin_report_set("kernel %s: %s%s%s; block (%u, %u, %u), thread (%u, %u, %u)",
                     g->launch->kernel->name, g->finding, *line ? ", at " : "", line, p->block.x,
                     p->block.y, p->block.z, p->thread.x, p->thread.y, p->thread.z);
}

// ---- whose turn it is

static void place_thread(grid *g, uint32_t index) {
  standin_place *p = &standin_here;
  const standin_size size = g->launch->block;
  p->index = index;
  if (size.x == g->count) {
    p->thread = (standin_size){index, 0, 0};
    return;
  }
  p->thread.x = index % size.x;
  p->thread.y = index / size.x % size.y;
  p->thread.z = index / size.x / size.y;
}

static uint32_t lanes_of(const grid *g, uint32_t warp) {
  const uint32_t left = g->count - warp * WARP_SIZE;
  return left >= WARP_SIZE ? ~0u : (1u << left) - 1;
}

static void make_ready(grid *g, uint32_t warp, uint32_t lanes) {
  g->warps[warp].ready |= lanes;
  if (lanes) g->ready_warps |= 1u << warp;
}

// From here on threads of the block wait for each other. Those up to `done` have returned already.
static void mix(grid *g, uint32_t done) {
  g->mixed = 1;
  g->done = done;
  g->waiting = 0;
  g->votes = 0;
  g->ready_warps = 0;
  standin_here.last = 0;
  for (uint32_t i = 0; i < g->warp_count; i++) {
    warp *w = &g->warps[i];
    const uint32_t first = i * WARP_SIZE;
    const uint32_t gone = done <= first               ? 0
                          : done - first >= WARP_SIZE ? ~0u
                                                      : (1u << (done - first)) - 1;
    w->live = lanes_of(g, i) & ~gone;
    w->ready = w->barrier = w->calling = 0;
    make_ready(g, i, w->live);
  }
}

// The running thread is about to wait, or at least to tell others something.
static void enter(grid *g) {
  g->synced = 1;
  if (g->mixed) return;
  const uint32_t index = standin_here.index;
  mix(g, index);
  warp *w = &g->warps[index / WARP_SIZE];
  w->ready &= ~(1u << index % WARP_SIZE);
  if (!w->ready) g->ready_warps &= ~(1u << index / WARP_SIZE);
}

static uint32_t next_random(grid *g) {
  g->random ^= g->random << 13;
  g->random ^= g->random >> 7;
  g->random ^= g->random << 17;
  return (uint32_t)(g->random >> 32);
}

static uint32_t lowest(uint32_t bits) { return (uint32_t)__builtin_ctz(bits); }
static uint32_t highest(uint32_t bits) { return 31 - (uint32_t)__builtin_clz(bits); }
// The lowest bit above `at`, else the lowest.
static uint32_t next_after(uint32_t bits, uint32_t at) {
  const uint32_t above = at < 31 ? bits & (~0u << (at + 1)) : 0;
  return lowest(above ? above : bits);
}
// Not all with the same probability, but every one with some.
static uint32_t any_of(grid *g, uint32_t bits) { return next_after(bits, next_random(g) & 31); }

// Takes a thread that may run; -1: there is none.
static int pick(grid *g) {
  if (!g->ready_warps) return -1;
  const uint32_t now = standin_here.index;
  uint32_t i, lane;
  switch (settings.order) {
  case REVERSE:
    i = highest(g->ready_warps);
    lane = highest(g->warps[i].ready);
    break;
  case RANDOM:
    i = any_of(g, g->ready_warps);
    lane = any_of(g, g->warps[i].ready);
    break;
  default: // the same warp first: what its lanes use is in the caches
    i = now / WARP_SIZE;
    if (g->ready_warps >> i & 1) {
      lane = next_after(g->warps[i].ready, now % WARP_SIZE);
    } else {
      i = next_after(g->ready_warps, i);
      lane = lowest(g->warps[i].ready);
    }
  }
  warp *w = &g->warps[i];
  w->ready &= ~(1u << lane);
  if (!w->ready) g->ready_warps &= ~(1u << i);
  return (int)(i * WARP_SIZE + lane);
}

// ---- stacks

static void run_threads(void) {
  // Returns from a kernel when its grid is done: the stack then serves another launch.
  for (;;) {
    const standin_launch *launch = standin_grid->launch;
    launch->kernel->run(launch->parameters);
  }
}

static fiber *take_fiber(grid *g) {
  if (g->idle_count) return g->idle[--g->idle_count];
  if (g->fiber_count == g->fiber_room) {
    const uint32_t room = g->fiber_room ? 2 * g->fiber_room : 64;
    fiber **fibers = realloc(g->fibers, room * sizeof *fibers);
    if (fibers) g->fibers = fibers;
    fiber **idle = realloc(g->idle, room * sizeof *idle);
    if (idle) g->idle = idle;
    if (!fibers || !idle) return NULL;
    g->fiber_room = room;
  }
  fiber *f = standin_fiber_create(g->fiber_count, run_threads);
  if (f) g->fibers[g->fiber_count++] = f;
  return f;
}

// Goes to thread `index`, from a stack that keeps a waiting thread or is idle.
static void go(grid *g, uint32_t index) {
  fiber *from = g->self, *to = g->suspended[index];
  g->suspended[index] = NULL;
  if (!to) to = take_fiber(g);
  if (!to) standin_stop(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, 0, "no memory for a thread's stack");
  place_thread(g, index);
  g->self = to;
  standin_switch(&from->stack, to->stack);
}

// Leaves a stack that is free now; returns when it is used again: 1 if that is in the same launch, to run
// the thread that standin_here says.
static int idle(grid *g, fiber *self, void *to) {
  const uint64_t serial = g->serial;
  g->idle[g->idle_count++] = self;
  standin_switch(&self->stack, to);
  return g->serial == serial;
}

_Noreturn static void deadlock(const grid *g) {
  uint32_t calling = 0, line = 0;
  for (uint32_t i = 0; i < g->warp_count; i++) {
    const warp *w = &g->warps[i];
    calling += (uint32_t)__builtin_popcount(w->calling);
    if (w->calling) line = (uint32_t)w->call[lowest(w->calling)].line;
  }
  char barrier[64] = "", warps[64] = "";
  if (g->waiting) snprintf(barrier, sizeof barrier, " (line %d)", g->barrier_line);
  if (calling) snprintf(warps, sizeof warps, " (line %u)", line);
  standin_stop(CUDA_ERROR_LAUNCH_FAILED, 0,
               "deadlock: %u threads wait at a barrier%s, %u in a warp operation%s, %u returned",
               g->waiting, barrier, calling, warps, g->done);
}

// The running thread waits; returns when it may go on.
static void suspend(grid *g) {
  const uint32_t index = standin_here.index;
  const int next = pick(g);
  if (next == (int)index) return;
  if (next < 0) deadlock(g);
  g->suspended[index] = g->self;
  go(g, (uint32_t)next);
}

// ---- the barrier

static void release_barrier(grid *g) {
  for (uint32_t i = 0; i < g->warp_count; i++) {
    warp *w = &g->warps[i];
    make_ready(g, i, w->barrier);
    w->barrier = 0;
  }
  g->result_votes = g->votes;
  g->votes = g->waiting = 0;
  if (g->launch->kernel->checked) standin_checker_barrier(g);
}

uint32_t standin_barrier(int predicate, const char *file, int line) {
  grid *g = standin_grid;
  enter(g);
  if (g->waiting == 0) {
    g->barrier_file = file;
    g->barrier_line = line;
  } else if (line != g->barrier_line ||
             (file != g->barrier_file && strcmp(file, g->barrier_file) != 0)) {
    standin_stop(CUDA_ERROR_LAUNCH_FAILED, 0,
                 "threads of a block wait at different barriers, %s:%d and %s:%d",
                 base_name(g->barrier_file), g->barrier_line, base_name(file), line);
  }
  const uint32_t index = standin_here.index;
  g->warps[index / WARP_SIZE].barrier |= 1u << index % WARP_SIZE;
  g->waiting++;
  g->votes += predicate != 0;
  if (g->waiting + g->done == g->count) release_barrier(g);
  suspend(g);
  return g->result_votes;
}

// ---- warp operations

static uint64_t fold(const warp *w, uint32_t lanes) {
  uint32_t value = (uint32_t)w->call[lowest(lanes)].value;
  const standin_warp_op op = w->call[lowest(lanes)].op;
  for (uint32_t left = lanes & (lanes - 1); left; left &= left - 1) {
    const uint32_t other = (uint32_t)w->call[lowest(left)].value;
    switch (op) {
    case STANDIN_ADD:
      value += other;
      break;
    case STANDIN_MIN:
      value = (int32_t)other < (int32_t)value ? other : value;
      break;
    case STANDIN_MAX:
      value = (int32_t)other > (int32_t)value ? other : value;
      break;
    case STANDIN_UMIN:
      value = other < value ? other : value;
      break;
    case STANDIN_UMAX:
      value = other > value ? other : value;
      break;
    case STANDIN_AND:
      value &= other;
      break;
    case STANDIN_OR:
      value |= other;
      break;
    case STANDIN_XOR:
      value ^= other;
      break;
    default:
      break;
    }
  }
  return value;
}

static uint32_t matching(const warp *w, uint32_t lanes, uint64_t value) {
  uint32_t found = 0;
  for (uint32_t left = lanes; left; left &= left - 1) {
    if (w->call[lowest(left)].value == value) found |= left & -left;
  }
  return found;
}

static void compute(warp *w, uint32_t lanes) {
  const standin_warp_op op = w->call[lowest(lanes)].op;
  const int each = op == STANDIN_SHUFFLE || op == STANDIN_MATCH;
  uint64_t common = 0;
  if (op == STANDIN_BALLOT) common = lanes & ~matching(w, lanes, 0);
  if (op >= STANDIN_ADD) common = fold(w, lanes);
  for (uint32_t left = lanes; left; left &= left - 1) {
    const uint32_t lane = lowest(left);
    const warp_call *call = &w->call[lane];
    if (!each) {
      w->result[lane] = common;
    } else if (op == STANDIN_MATCH) {
      w->result[lane] = matching(w, lanes, call->value);
    } else {
      w->result[lane] = lanes >> call->source & 1 ? w->call[call->source].value : ~UINT64_C(0);
    }
  }
}

// Carries out the operation of the lanes of `mask` if all of them that have not returned are there.
static void try_warp(grid *g, uint32_t number, uint32_t mask) {
  warp *w = &g->warps[number];
  const uint32_t lanes = mask & w->live;
  if (!lanes || (w->calling & lanes) != lanes) return;
  const warp_call *first = &w->call[lowest(lanes)];
  for (uint32_t left = lanes; left; left &= left - 1) {
    const warp_call *call = &w->call[lowest(left)];
    if (call->mask != mask) return;
    if (call->op != first->op) {
      standin_stop(CUDA_ERROR_LAUNCH_FAILED, 0,
                   "lanes of one mask in different warp operations, %s:%d and %s:%d",
                   base_name(first->file), first->line, base_name(call->file), call->line);
    }
  }
  compute(w, lanes);
  w->calling &= ~lanes;
  make_ready(g, number, lanes);
  if (g->launch->kernel->checked) standin_checker_warp(g, number, lanes);
}

uint64_t standin_warp(standin_warp_op op, uint32_t mask, uint64_t value, uint32_t source,
                      const char *file, int line) {
  grid *g = standin_grid;
  const uint32_t number = standin_here.index / WARP_SIZE, lane = standin_here.index % WARP_SIZE;
  if (!(mask >> lane & 1)) {
    standin_stop(CUDA_ERROR_LAUNCH_FAILED, 0,
                 "a warp operation at %s:%d whose mask 0x%08x lacks the lane that calls it, %u",
                 base_name(file), line, mask, lane);
  }
  enter(g);
  warp *w = &g->warps[number];
  w->call[lane] = (warp_call){op, mask, source, value, file, line};
  w->calling |= 1u << lane;
  try_warp(g, number, mask);
  suspend(g);
  return w->result[lane];
}

// ---- blocks

static void poison(grid *g) {
  if (g->shared) memset(g->shared, 0xff, g->library->shared_bytes);
  if (g->launch->shared_bytes) memset(standin_here.dynamic, 0xff, g->launch->shared_bytes);
  g->synced = 0;
}

static void begin_block(grid *g) {
  // What a block that never waited wrote into shared memory it alone could see.
  if (g->synced) poison(g);
  if (g->launch->kernel->checked) standin_checker_block(g);
  g->mixed = 0;
  standin_here.last = g->count - 1;
  if (settings.order == FORWARD) {
    place_thread(g, 0);
  } else {
    mix(g, 0);
    place_thread(g, (uint32_t)pick(g));
  }
}

static int next_block(grid *g) {
  standin_size *b = &standin_here.block;
  const standin_size size = g->launch->grid;
  if (++b->x == size.x) {
    b->x = 0;
    if (++b->y == size.y) {
      b->y = 0;
      if (++b->z == size.z) return 0;
    }
  }
  begin_block(g);
  return 1;
}

static int finish_block(grid *g) { return next_block(g) || idle(g, g->self, g->home); }

int standin_next(void) {
  grid *g = standin_grid;
  const uint32_t index = standin_here.index;
  if (!g->mixed) {
    if (index + 1 == g->count) return finish_block(g);
    place_thread(g, index + 1);
    return 1;
  }
  warp *w = &g->warps[index / WARP_SIZE];
  w->live &= ~(1u << index % WARP_SIZE);
  g->done++;
  if (g->done == g->count) return finish_block(g);
  // Others may have waited for this thread only.
  if (g->waiting && g->waiting + g->done == g->count) release_barrier(g);
  for (uint32_t left = w->calling; left; left &= left - 1) {
    const uint32_t lane = lowest(left);
    if (w->calling >> lane & 1) try_warp(g, index / WARP_SIZE, w->call[lane].mask);
  }
  const int next = pick(g);
  if (next < 0) deadlock(g);
  fiber *waiting = g->suspended[next];
  place_thread(g, (uint32_t)next);
  if (!waiting) return 1; // a thread that begins does so on this stack
  g->suspended[next] = NULL;
  fiber *self = g->self;
  g->self = waiting;
  return idle(g, self, waiting->stack);
}

// ---- launches

static grid *thread_grid(void) {
  if (standin_grid) return standin_grid;
  grid *g = calloc(1, sizeof *g);
  if (!g) return NULL;
  g->random = settings.seed * 0x9e3779b97f4a7c15u | 1;
  standin_fault_watch(g);
  standin_watchdog_enter(g);
  pthread_setspecific(settings.key, g);
  standin_grid = g;
  return g;
}

static int take_dynamic(grid *g, uint32_t bytes) {
  if (!bytes) return 1;
  if (!g->dynamic) {
    char *memory = mmap(NULL, DYNAMIC_BYTES + DYNAMIC_GUARD, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return 0;
    if (mprotect(memory + DYNAMIC_BYTES, DYNAMIC_GUARD, PROT_NONE) != 0) return 0;
    g->dynamic = memory;
  }
  standin_here.dynamic = g->dynamic + DYNAMIC_BYTES - ((bytes + 15) & ~15u);
  return 1;
}

int standin_grid_run(const standin_launch *launch) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, read_settings);
  if (settings.empty) return CUDA_SUCCESS;
  grid *g = thread_grid();
  const library *library = g ? standin_library_of(launch->kernel) : NULL;
  if (!library || !take_dynamic(g, launch->shared_bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  g->launch = launch;
  if (library != g->library) g->shared = standin_library_shared(library);
  if (library != g->library || launch->shared_bytes) g->synced = 1;
  g->library = library;
  g->serial++;
  g->count = launch->block.x * launch->block.y * launch->block.z;
  g->warp_count = (g->count + WARP_SIZE - 1) / WARP_SIZE;
  g->result = CUDA_SUCCESS;
  standin_here.block = (standin_size){0, 0, 0};
  standin_here.block_size = launch->block;
  standin_here.grid_size = launch->grid;
  if (launch->kernel->checked && !standin_checker_launch(g)) return CUDA_ERROR_OUT_OF_MEMORY;
  fiber *first = take_fiber(g);
  if (!first) return CUDA_ERROR_OUT_OF_MEMORY;
  begin_block(g);
  g->self = first;
  atomic_store_explicit(&g->running, g->serial, memory_order_relaxed);
  standin_switch(&g->home, first->stack);
  atomic_store_explicit(&g->running, 0, memory_order_relaxed);
  g->self = NULL;
  if (g->result == CUDA_SUCCESS) return CUDA_SUCCESS;
  // Every stack holds the middle of something.
  memset(g->suspended, 0, sizeof g->suspended);
  g->idle_count = g->fiber_count;
  for (uint32_t i = 0; i < g->fiber_count; i++) {
    standin_fiber_begin(g->fibers[i], run_threads);
    g->idle[i] = g->fibers[i];
  }
  tell(g);
  return g->result;
}
