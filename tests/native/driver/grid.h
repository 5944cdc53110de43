// What grid.c, which runs kernels, shares with switch.c (stacks), fault.c (signals), watchdog.c, library.c (where
// kernels come from) and checker.c (what instrumented kernels report).
#ifndef STANDIN_GRID_H
#define STANDIN_GRID_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "standin.h"

#define WARP_SIZE 32
#define MAX_WARPS (STANDIN_MAX_THREADS / WARP_SIZE)

// ---- switch.c: stacks

// A stack that CUDA threads run on, one after another; `stack` is where it waits.
typedef struct fiber {
  void *stack;
  char *memory; // FIBER_GUARD bytes that fault, then FIBER_BYTES
  uint32_t number;
} fiber;

#define FIBER_BYTES (64 << 10)
#define FIBER_GUARD (64 << 10)

// Leaves the running stack, whose place goes to *from, for another one.
void standin_switch(void **from, void *to);
// The fiber next begins with `entry`; what it did is forgotten.
void standin_fiber_begin(fiber *f, void (*entry)(void));
fiber *standin_fiber_create(uint32_t number, void (*entry)(void)); // NULL: no memory
void standin_fiber_destroy(fiber *f);

// ---- library.c: a loaded library of kernels

// A shared variable, or the zone before it that nobody may touch (its name then begins with
// standin_zone_).
typedef struct shared_variable {
  uint32_t begin, end; // offsets in the segment
  char name[56];
} shared_variable;

typedef struct library {
  struct library *next;
  uintptr_t begin, end; // of its code and data
  uintptr_t bias; // what was added to the addresses in its file
  char *path;
  size_t shared_module, shared_bytes; // its thread-local segment
  shared_variable *variables; // sorted; filled for instrumented libraries only
  uint32_t variable_count;
} library;

// The library that a kernel is of; lasts as long as the process.
const library *standin_library_of(const standin_kernel *kernel);
// This thread's shared memory of a library.
char *standin_library_shared(const library *of);
// "file:line" of an address of code, or "library+offset" where nothing can tell.
void standin_library_line(const library *of, uintptr_t code, char *text, size_t bytes);

// ---- grid.c

// What one lane brought to a warp operation.
typedef struct warp_call {
  standin_warp_op op;
  uint32_t mask, source;
  uint64_t value;
  const char *file;
  int line;
} warp_call;

typedef struct warp {
  uint32_t ready; // lanes that may run: not begun, or with nothing to wait for
  uint32_t live; // that have not returned
  uint32_t barrier; // that wait at the block's barrier
  uint32_t calling; // that wait in a warp operation
  warp_call call[WARP_SIZE];
  uint64_t result[WARP_SIZE];
} warp;

struct checker;

// A grid that runs; one for each thread of the operating system, kept between launches.
typedef struct grid {
  const standin_launch *launch;
  const library *library;
  uint64_t serial; // of the launch
  uint32_t count, warp_count;
  int result; // of the launch so far: a CUresult
  uintptr_t fault; // address of the code at fault, 0 where there is none

  // The block: `mixed` once a thread waited, when all have stacks of their own.
  int mixed, synced; // synced: a thread waited since shared memory was poisoned
  uint32_t done, waiting; // threads that returned; that wait at the barrier
  uint32_t votes, result_votes;
  const char *barrier_file;
  int barrier_line;
  uint32_t ready_warps;
  warp warps[MAX_WARPS];
  uint64_t random;

  void *home; // the caller's stack
  fiber *self; // NULL: no kernel runs
  fiber *suspended[STANDIN_MAX_THREADS];
  fiber **fibers, **idle;
  uint32_t fiber_count, idle_count, fiber_room;

  char *shared; // static shared memory of the library
  char *dynamic; // as many bytes as a launch may ask for; NULL until needed
  char *signal_stack;
  char finding[512];
  // For the watchdog: the launch under way, 0 where there is none; the one that is to end; what it saw last.
  _Atomic uint64_t running, overdue;
  uint64_t seen;
  int64_t seen_ms;
  pthread_t thread;
  clockid_t clock; // its processor time
  struct grid *next_watched;
  struct checker *checker; // NULL until an instrumented kernel runs
} grid;

extern __thread grid *standin_grid;

// Ends the launch of this thread with a result and a reason; never returns. `code` is the address of
// the code at fault, or 0.
_Noreturn void standin_stop(int result, uintptr_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// ---- fault.c

// Faults of kernels on this thread become results; all others go to whom they went before.
void standin_fault_watch(grid *g);
void standin_fault_leave(grid *g);
// Where a signal met the thread: an address of code.
uintptr_t standin_fault_code(const void *context);

// ---- watchdog.c

// The grids of this thread end when they run for too long.
void standin_watchdog_enter(grid *g);
void standin_watchdog_leave(grid *g);

// ---- checker.c

int standin_checker_launch(grid *g); // before an instrumented kernel; 0: no memory
void standin_checker_block(grid *g);
void standin_checker_barrier(grid *g);
void standin_checker_warp(grid *g, uint32_t warp, uint32_t lanes); // have waited for each other
void standin_checker_destroy(grid *g);

#endif
