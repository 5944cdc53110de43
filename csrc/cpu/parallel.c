// The thread pool and per-thread memory.
//
// One job at a time: a second caller, or a piece that calls gk_parallel itself, finds
// the pool busy and runs its loop alone. Workers start when first needed, spin for a moment
// after work, then sleep; nobody ever joins them. The caller takes pieces as the workers
// do and waits only for pieces that a worker has begun: a worker that wakes late finds the job
// closed and costs nothing.
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "../core/threads.h"
#include "cpu.h"

#if defined(__linux__)
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif !defined(_WIN32)
#include <unistd.h>
#endif

#define MAX_THREADS 256
#define SPIN_NS 40000

// `state` is a job's generation (high half), how many more workers may join it, and how many are
// at work: one word, so that joining a job that has just been closed is impossible.
#define GENERATION ((uint64_t)1 << 32)
#define SEAT ((uint64_t)1 << 16)
#define SEATS(state) ((state) >> 16 & 0xffff)
#define ACTIVE(state) ((state) & 0xffff)

// A part of the job's range.
typedef struct share {
  _Alignas(64) _Atomic int64_t next; // first item not yet taken
  int64_t end;
} share;

typedef struct worker {
  _Alignas(64) _Atomic int cpu; // where it last ran, -1 unknown
  _Atomic int id;               // the system's name for it, 0 until it runs
  int index;
} worker;

static struct {
  _Alignas(64) _Atomic uint64_t state;
  _Alignas(64) atomic_flag busy;
  int started; // workers that exist; under `busy`
  int64_t grain;
  int threads; // that share this job, and how many shares it has
  gk_parallel_fn fn;
  void *context;
  gk_mutex lock; // for sleeping
  gk_condition wake;
  _Atomic int sleeping;
  worker workers[MAX_THREADS];
  share shares[MAX_THREADS];
} pool = {.busy = ATOMIC_FLAG_INIT, .lock = GK_MUTEX_INIT, .wake = GK_CONDITION_INIT};

// ---- how many threads

static _Atomic int thread_limit; // 0 until first asked for
static char problem[120];

#if defined(__linux__)
static cpu_set_t allowed; // the process's CPUs when the limit was first asked for
#endif

static int count_cpus(void) {
#if defined(_WIN32)
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return (int)info.dwNumberOfProcessors;
#else
#if defined(__linux__)
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return CPU_COUNT(&allowed);
  CPU_ZERO(&allowed);
#endif
  return (int)sysconf(_SC_NPROCESSORS_ONLN);
#endif
}

int gk_parallel_threads(void) {
  int n = atomic_load_explicit(&thread_limit, memory_order_acquire);
  if (n) return n;
  static gk_mutex lock = GK_MUTEX_INIT;
  gk_mutex_lock(&lock);
  n = atomic_load_explicit(&thread_limit, memory_order_relaxed);
  if (!n) {
    n = count_cpus();
    n = n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : n;
    const char *text = getenv("GPUKIT_NUM_THREADS");
    if (text && *text) {
      char *end;
      long wanted = strtol(text, &end, 10);
      if (*end || wanted < 1 || wanted > MAX_THREADS)
        snprintf(problem, sizeof problem, "GPUKIT_NUM_THREADS=%.20s is not a number from 1 to %d",
                 text, MAX_THREADS);
      else
        n = (int)wanted;
    }
    atomic_store_explicit(&thread_limit, n, memory_order_release);
  }
  gk_mutex_unlock(&lock);
  return n;
}

const char *gk_parallel_problem(void) {
  gk_parallel_threads();
  return problem[0] ? problem : NULL;
}

// ---- two threads on one core

// A thread without affinity may wake on the very core that its waker runs on, and stay there: two
// threads are then as slow as one. Only Linux does this to us, and only Linux lets us help.
#if defined(__linux__)
static int current_cpu(void) { return sched_getcpu(); }
static int thread_id(void) { return (int)syscall(SYS_gettid); }
static void move_away(int id, int cpu) {
  cpu_set_t set = allowed;
  if (cpu < 0 || cpu >= CPU_SETSIZE) return;
  CPU_CLR(cpu, &set);
  if (CPU_COUNT(&set)) sched_setaffinity(id, sizeof set, &set);
}
#else
static int current_cpu(void) { return -1; }
static int thread_id(void) { return 1; }
static void move_away(int id, int cpu) {
  (void)id;
  (void)cpu;
}
#endif

static void keep_apart(int workers) {
  int cpu = current_cpu();
  if (cpu < 0) return;
  for (int i = 0; i < workers; i++) {
    worker *w = &pool.workers[i];
    int id = atomic_load_explicit(&w->id, memory_order_relaxed);
    if (!id || atomic_load_explicit(&w->cpu, memory_order_relaxed) != cpu) continue;
    move_away(id, cpu);
    atomic_store_explicit(&w->cpu, -1, memory_order_relaxed);
  }
}

// ---- jobs

// Each CPU begins with the same share of the range every time: what one op left in its cache serves
// the next one, which is worth a factor of two where CPUs do not share their last cache. Then it
// helps with the others' shares. Large pieces first, down to one grain, so that all end together.
static void work(int thread) {
  int threads = pool.threads, cpu = threads == gk_parallel_threads() ? current_cpu() : -1;
  int64_t grain = pool.grain;
  for (int i = 0, home = cpu < 0 ? thread : cpu; i < threads; i++) {
    share *s = &pool.shares[(home + i) % threads];
    int64_t begin = atomic_load_explicit(&s->next, memory_order_relaxed);
    while (begin < s->end) {
      int64_t half = (s->end - begin) / 2;
      int64_t piece = half <= grain ? grain : half / grain * grain;
      int64_t end = piece < s->end - begin ? begin + piece : s->end;
      if (!atomic_compare_exchange_weak_explicit(&s->next, &begin, end, memory_order_relaxed,
                                                 memory_order_relaxed))
        continue;
      pool.fn(pool.context, begin, end, thread);
      begin = atomic_load_explicit(&s->next, memory_order_relaxed);
    }
  }
}

// Returns the state once its generation is another one than `seen`.
static uint64_t wait_for_job(worker *self, uint64_t seen) {
  uint64_t start = gk_now_ns(), state;
  for (;;) {
    atomic_store_explicit(&self->cpu, current_cpu(), memory_order_relaxed);
    for (int i = 0; i < 64; i++) {
      state = atomic_load_explicit(&pool.state, memory_order_acquire);
      if (state / GENERATION != seen) return state;
      gk_pause();
    }
    if (gk_now_ns() - start > SPIN_NS) break;
  }
  gk_mutex_lock(&pool.lock);
  // Announced before looking once more; the caller looks here after changing the state.
  atomic_fetch_add(&pool.sleeping, 1);
  while ((state = atomic_load(&pool.state)) / GENERATION == seen)
    gk_condition_wait(&pool.wake, &pool.lock);
  atomic_fetch_sub(&pool.sleeping, 1);
  gk_mutex_unlock(&pool.lock);
  return state;
}

static void run_worker(void *arg) {
  worker *self = arg;
  atomic_store(&self->id, thread_id());
  for (uint64_t seen = 0;;) {
    uint64_t state = wait_for_job(self, seen);
    seen = state / GENERATION;
    while (SEATS(state) && state / GENERATION == seen) {
      if (!atomic_compare_exchange_weak_explicit(&pool.state, &state, state - SEAT + 1,
                                                 memory_order_acq_rel, memory_order_acquire))
        continue;
      work(self->index);
      atomic_fetch_sub_explicit(&pool.state, 1, memory_order_release);
      break;
    }
  }
}

static void start_workers(int wanted) {
  while (pool.started < wanted) {
    worker *w = &pool.workers[pool.started];
    w->index = pool.started + 1;
    atomic_store_explicit(&w->cpu, -1, memory_order_relaxed);
    if (!gk_thread_start(run_worker, w)) return;
    pool.started++;
  }
}

void gk_parallel(int64_t count, int64_t grain, gk_parallel_fn fn, void *context) {
  if (count <= 0) return;
  if (grain < 1) grain = 1;
  int64_t pieces = count / grain + (count % grain != 0);
  int threads = pieces > 1 ? gk_parallel_threads() : 1;
  if (pieces < threads) threads = (int)pieces;
  if (threads < 2 || atomic_flag_test_and_set_explicit(&pool.busy, memory_order_acquire)) {
    fn(context, 0, count, 0);
    return;
  }
  start_workers(threads - 1);
  keep_apart(pool.started);
  pool.fn = fn;
  pool.context = context;
  pool.grain = grain;
  pool.threads = threads;
  for (int i = 0; i < threads; i++) {
    int64_t first = pieces / threads * i + (i < pieces % threads ? i : pieces % threads);
    int64_t last = first + pieces / threads + (i < pieces % threads);
    atomic_store_explicit(&pool.shares[i].next, first * grain, memory_order_relaxed);
    pool.shares[i].end = last == pieces ? count : last * grain;
  }
  uint64_t generation = atomic_load_explicit(&pool.state, memory_order_relaxed) / GENERATION + 1;
  atomic_store(&pool.state, generation * GENERATION + (uint64_t)(threads - 1) * SEAT);
  if (atomic_load(&pool.sleeping)) {
    gk_mutex_lock(&pool.lock);
    if (threads == 2)
      gk_condition_signal(&pool.wake);
    else
      gk_condition_broadcast(&pool.wake);
    gk_mutex_unlock(&pool.lock);
  }

  work(0);
  // No more joining; then wait for those who have joined.
  uint64_t state =
      atomic_fetch_and_explicit(&pool.state, ~(uint64_t)0xffff0000u, memory_order_acquire);
  for (int spins = 0; ACTIVE(state); spins++) {
    if (spins < 4096)
      gk_pause();
    else
      gk_yield();
    state = atomic_load_explicit(&pool.state, memory_order_acquire);
  }
  atomic_flag_clear_explicit(&pool.busy, memory_order_release);
}

// ---- scratch

// What is kept of a far larger use once a small one comes.
#define KEEP_BYTES ((int64_t)64 << 20)
#define HUGE_PAGE ((int64_t)2 << 20)

typedef struct block {
  void *data;
  int64_t bytes;
} block;

// On the heap: where thread-local memory ends before or after gk_thread_at_exit's call is up to
// the system.
static _Thread_local block *slots;

static void *allocate(int64_t bytes) {
  int64_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
  void *p = NULL;
#if defined(_WIN32)
  p = _aligned_malloc((size_t)bytes, (size_t)align);
#else
  if (posix_memalign(&p, (size_t)align, (size_t)bytes) != 0) return NULL;
#if defined(__linux__)
  if (bytes >= HUGE_PAGE) madvise(p, (size_t)(bytes / HUGE_PAGE * HUGE_PAGE), MADV_HUGEPAGE);
#endif
#endif
  return p;
}

static void release(block *b) {
#if defined(_WIN32)
  _aligned_free(b->data);
#else
  free(b->data);
#endif
  *b = (block){0};
}

static void release_all(void *value) {
  block *own = value;
  for (int i = 0; i < GK_SCRATCH_COUNT; i++) release(&own[i]);
  free(own);
  slots = NULL;
}

void *gk_scratch(int slot, int64_t bytes) {
  if (!slots) {
    block *own = calloc(GK_SCRATCH_COUNT, sizeof *own);
    if (!own || !gk_thread_at_exit(release_all, own)) {
      free(own);
      return NULL;
    }
    slots = own;
  }
  block *b = &slots[slot];
  if (b->data && bytes <= b->bytes && (b->bytes <= KEEP_BYTES || bytes >= b->bytes / 4))
    return b->data;
  release(b);
  if (bytes < 0 || bytes > INT64_MAX - HUGE_PAGE) return NULL;
  bytes = (bytes + 4095) / 4096 * 4096;
  if (bytes == 0) bytes = 4096;
  b->data = allocate(bytes);
  if (b->data) b->bytes = bytes;
  return b->data;
}
