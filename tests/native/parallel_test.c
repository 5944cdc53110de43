// gk_parallel covers every index exactly once, for any count and grain, nested and from several
// threads at once; gk_scratch keeps slots apart.
#include "../../csrc/core/threads.h"
#include "../../csrc/cpu/cpu.h"
#include "test.h"

enum { LIMIT = 5000 };

typedef struct job {
  int64_t count, grain;
  _Atomic uint8_t seen[LIMIT];
  _Atomic int bad;
  bool nest;
} job;

static void count_one(void *context, int64_t begin, int64_t end, int thread) {
  _Atomic int *total = context;
  (void)thread;
  atomic_fetch_add(total, (int)(end - begin));
}

static void visit(void *context, int64_t begin, int64_t end, int thread) {
  job *j = context;
  if (begin < 0 || end <= begin || end > j->count || begin % j->grain) atomic_fetch_add(&j->bad, 1);
  if (end != j->count && end % j->grain) atomic_fetch_add(&j->bad, 1);
  if (thread < 0 || thread >= gk_parallel_threads()) atomic_fetch_add(&j->bad, 1);
  for (int64_t i = begin; i < end; i++) atomic_fetch_add(&j->seen[i], 1);
  if (j->nest) {
    _Atomic int total = 0;
    gk_parallel(100, 7, count_one, &total);
    if (total != 100) atomic_fetch_add(&j->bad, 1);
  }
}

// A generator of the caller's own: several threads run this at once.
static int run_jobs(uint64_t seed, int rounds) {
  int wrong = 0;
  job *j = malloc(sizeof *j);
  for (int round = 0; round < rounds; round++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    memset((void *)j, 0, sizeof *j);
    j->count = (int64_t)(seed >> 33) % (round % 3 ? 50 : LIMIT);
    j->grain = 1 + (int64_t)(seed >> 13) % (round % 2 ? 10 : 700);
    j->nest = round % 7 == 0;
    gk_parallel(j->count, j->grain, visit, j);
    wrong += j->bad;
    for (int64_t i = 0; i < LIMIT; i++) wrong += j->seen[i] != (i < j->count);
  }
  free(j);
  return wrong;
}

static _Atomic int callers_done, callers_wrong;

static void caller(void *seed) {
  atomic_fetch_add(&callers_wrong, run_jobs((uint64_t)(uintptr_t)seed, 300));
  char *scratch = gk_scratch(GK_SCRATCH_SORT, 1000); // freed at this thread's end
  memset(scratch, 1, 1000);
  atomic_fetch_add(&callers_done, 1);
}

static void sleep_briefly(void) {
  for (uint64_t start = gk_now_ns(); gk_now_ns() - start < 200000;) gk_yield();
}

int main(void) {
  CHECK(gk_cpu_isa_problem() == NULL);
  CHECK(gk_parallel_problem() == NULL);
  CHECK(gk_parallel_threads() >= 1);
  CHECK(run_jobs(1, 500) == 0);
  for (int i = 0; i < 50; i++) { // workers fall asleep in between
    sleep_briefly();
    CHECK(run_jobs((uint64_t)i + 99, 1) == 0);
  }
  for (uintptr_t i = 0; i < 4; i++) CHECK(gk_thread_start(caller, (void *)(i + 1)));
  while (callers_done < 4) gk_yield();
  CHECK(callers_wrong == 0);
  gk_parallel(0, 1, visit, NULL);

  char *a = gk_scratch(GK_SCRATCH_REDUCE, 100), *b = gk_scratch(GK_SCRATCH_MATMUL_A, 5000000);
  CHECK(a && b && a != b && (uintptr_t)a % 64 == 0 && (uintptr_t)b % 64 == 0);
  memset(a, 1, 100);
  memset(b, 2, 5000000);
  CHECK(gk_scratch(GK_SCRATCH_REDUCE, 50) == a && a[99] == 1);
  CHECK(gk_scratch(GK_SCRATCH_REDUCE, 0) == a);
  CHECK(gk_scratch(GK_SCRATCH_REDUCE, INT64_MAX) == NULL);
  CHECK(gk_scratch(GK_SCRATCH_REDUCE, 10) != NULL);
  return test_done();
}
