// Kernels that spin. A thread of its own looks at the grids that run; one that has taken more processor time
// than STANDIN_WATCHDOG_MS is sent a signal, which ends the launch where it meets the kernel's own code: inside
// the stand-in's or the C library's it would leave locks behind, and is sent again. Real time would not do: on a
// machine with much else to run, it says nothing about the kernel.

#include "grid.h"

#include "../../../csrc/cuda/driver.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIGNAL (SIGRTMAX - 3)
enum { USUAL_MS = 60000, MOST_PAUSE_MS = 250 };

static int64_t limit_ms;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static grid *watched; // of all threads

static int64_t processor_ms(clockid_t clock) {
  struct timespec t = {0, 0};
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// Sends a signal where one is due, and says whether any is.
static bool look(void) {
  bool due = false;
  pthread_mutex_lock(&lock);
  for (grid *g = watched; g; g = g->next_watched) {
    const uint64_t running = atomic_load(&g->running);
    if (running == 0) continue;
    const int64_t now = processor_ms(g->clock);
    if (running != g->seen) {
      g->seen = running;
      g->seen_ms = now;
    } else if (now - g->seen_ms > limit_ms) {
      atomic_store(&g->overdue, running);
      pthread_kill(g->thread, SIGNAL);
      due = true;
    }
  }
  pthread_mutex_unlock(&lock);
  return due;
}

static void *watch(void *unused) {
  (void)unused;
  const int64_t pause = limit_ms / 4 < MOST_PAUSE_MS ? limit_ms / 4 + 1 : MOST_PAUSE_MS;
  for (;;) {
    const int64_t ms = look() ? 1 : pause;
    const struct timespec t = {0, ms * 1000000};
    nanosleep(&t, NULL);
  }
  return NULL;
}

static void on_signal(int number, siginfo_t *info, void *context) {
  (void)number, (void)info;
  grid *g = standin_grid;
  if (!g || !g->self || atomic_load(&g->overdue) != atomic_load(&g->running)) return;
  const uintptr_t code = standin_fault_code(context);
  if (code < g->library->begin || code >= g->library->end) return;
  standin_stop(CUDA_ERROR_LAUNCH_TIMEOUT, code,
               "has run for more than %lld ms, as STANDIN_WATCHDOG_MS allows", (long long)limit_ms);
}

static void start(void) {
  const char *text = getenv("STANDIN_WATCHDOG_MS");
  limit_ms = text && *text ? strtoll(text, NULL, 10) : USUAL_MS;
  if (limit_ms <= 0) return;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
  sigaction(SIGNAL, &action, NULL);
  sigset_t all, before;
  sigfillset(&all);
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  if (pthread_create(&thread, &attributes, watch, NULL) != 0) limit_ms = 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
}

void standin_watchdog_enter(grid *g) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, start);
  if (limit_ms <= 0) return;
  sigset_t ours;
  sigemptyset(&ours);
  sigaddset(&ours, SIGNAL);
  pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
  g->thread = pthread_self();
  if (pthread_getcpuclockid(g->thread, &g->clock) != 0) return;
  pthread_mutex_lock(&lock);
  g->next_watched = watched;
  watched = g;
  pthread_mutex_unlock(&lock);
}

void standin_watchdog_leave(grid *g) {
  pthread_mutex_lock(&lock);
  grid **link = &watched;
  while (*link && *link != g) link = &(*link)->next_watched;
  if (*link) *link = g->next_watched;
  pthread_mutex_unlock(&lock);
}
