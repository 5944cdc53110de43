// Threads over pthreads or Win32: mutex, condition, detached threads, a callback at a thread's end,
// a monotonic clock. Header-only. Nothing here is ever joined or torn down: a process may exit
// while its threads run.
#ifndef GK_CORE_THREADS_H
#define GK_CORE_THREADS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(_WIN32)
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
// Words of 16-bit Windows and of its interface language, which are good names for other things.
#undef near
#undef far
#undef IN
#undef OUT
#else
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#endif

// One step of a spin loop.
static inline void gk_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#if defined(_WIN32)

typedef SRWLOCK gk_mutex;
typedef CONDITION_VARIABLE gk_condition;
#define GK_MUTEX_INIT SRWLOCK_INIT
#define GK_CONDITION_INIT CONDITION_VARIABLE_INIT

static inline void gk_mutex_init(gk_mutex *m) { InitializeSRWLock(m); }
static inline void gk_mutex_lock(gk_mutex *m) { AcquireSRWLockExclusive(m); }
static inline void gk_mutex_unlock(gk_mutex *m) { ReleaseSRWLockExclusive(m); }
static inline void gk_condition_init(gk_condition *c) { InitializeConditionVariable(c); }
static inline void gk_condition_wait(gk_condition *c, gk_mutex *m) {
  SleepConditionVariableSRW(c, m, INFINITE, 0);
}
static inline void gk_condition_signal(gk_condition *c) { WakeConditionVariable(c); }
static inline void gk_condition_broadcast(gk_condition *c) { WakeAllConditionVariable(c); }
static inline void gk_yield(void) { SwitchToThread(); }

static inline uint64_t gk_now_ns(void) {
  LARGE_INTEGER ticks, frequency;
  QueryPerformanceCounter(&ticks);
  QueryPerformanceFrequency(&frequency);
  uint64_t t = (uint64_t)ticks.QuadPart, f = (uint64_t)frequency.QuadPart;
  return t / f * 1000000000u + t % f * 1000000000u / f;
}

typedef struct gk_thread_entry {
  void (*fn)(void *);
  void *arg;
} gk_thread_entry;

static inline DWORD WINAPI gk_thread_main(void *p) {
  gk_thread_entry entry = *(gk_thread_entry *)p;
  free(p);
  entry.fn(entry.arg);
  return 0;
}

// A detached thread that runs fn(arg); false where the system gives none.
static inline bool gk_thread_start(void (*fn)(void *), void *arg) {
  gk_thread_entry *entry = malloc(sizeof *entry);
  if (!entry) return false;
  *entry = (gk_thread_entry){fn, arg};
  HANDLE thread = CreateThread(NULL, 0, gk_thread_main, entry, 0, NULL);
  if (!thread) {
    free(entry);
    return false;
  }
  CloseHandle(thread);
  return true;
}

// A pointer of each thread, handed to `end` when a thread with one ends.
typedef DWORD gk_thread_key;
#define GK_THREAD_END(name) static inline void WINAPI name(void *p)
static inline bool gk_thread_key_make(gk_thread_key *key, void(WINAPI *end)(void *)) {
  return (*key = FlsAlloc(end)) != FLS_OUT_OF_INDEXES;
}
static inline void *gk_thread_key_get(gk_thread_key key) { return FlsGetValue(key); }
static inline bool gk_thread_key_set(gk_thread_key key, void *value) {
  return FlsSetValue(key, value) != 0;
}

#else // pthreads

typedef pthread_mutex_t gk_mutex;
typedef pthread_cond_t gk_condition;
#define GK_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#define GK_CONDITION_INIT PTHREAD_COND_INITIALIZER

static inline void gk_mutex_init(gk_mutex *m) { pthread_mutex_init(m, NULL); }
static inline void gk_mutex_lock(gk_mutex *m) { pthread_mutex_lock(m); }
static inline void gk_mutex_unlock(gk_mutex *m) { pthread_mutex_unlock(m); }
static inline void gk_condition_init(gk_condition *c) { pthread_cond_init(c, NULL); }
static inline void gk_condition_wait(gk_condition *c, gk_mutex *m) { pthread_cond_wait(c, m); }
static inline void gk_condition_signal(gk_condition *c) { pthread_cond_signal(c); }
static inline void gk_condition_broadcast(gk_condition *c) { pthread_cond_broadcast(c); }
static inline void gk_yield(void) { sched_yield(); }

static inline uint64_t gk_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

typedef struct gk_thread_entry {
  void (*fn)(void *);
  void *arg;
} gk_thread_entry;

static inline void *gk_thread_main(void *p) {
  gk_thread_entry entry = *(gk_thread_entry *)p;
  free(p);
  entry.fn(entry.arg);
  return NULL;
}

// A detached thread that runs fn(arg); false where the system gives none. It blocks all signals:
// they belong to the threads of whoever loaded the library.
static inline bool gk_thread_start(void (*fn)(void *), void *arg) {
  gk_thread_entry *entry = malloc(sizeof *entry);
  if (!entry) return false;
  *entry = (gk_thread_entry){fn, arg};
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  bool started = pthread_create(&thread, NULL, gk_thread_main, entry) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (started)
    pthread_detach(thread);
  else
    free(entry);
  return started;
}

// A pointer of each thread, handed to `end` when a thread with one ends.
typedef pthread_key_t gk_thread_key;
#define GK_THREAD_END(name) static inline void name(void *p)
static inline bool gk_thread_key_make(gk_thread_key *key, void (*end)(void *)) {
  return pthread_key_create(key, end) == 0;
}
static inline void *gk_thread_key_get(gk_thread_key key) { return pthread_getspecific(key); }
static inline bool gk_thread_key_set(gk_thread_key key, void *value) {
  return pthread_setspecific(key, value) == 0;
}

#endif

typedef struct gk_thread_exit {
  void (*fn)(void *);
  void *value;
  struct gk_thread_exit *next;
} gk_thread_exit;

GK_THREAD_END(gk_thread_run_exits) {
  for (gk_thread_exit *e = p, *next; e; e = next) {
    next = e->next;
    e->fn(e->value);
    free(e);
  }
}

// Calls fn(value) when the calling thread ends, the last one asked for first; false when
// out of memory. Not called at the end of the process.
static inline bool gk_thread_at_exit(void (*fn)(void *), void *value) {
  static gk_mutex lock = GK_MUTEX_INIT;
  static gk_thread_key key;
  static bool made;
  gk_mutex_lock(&lock);
  bool ok = made || (made = gk_thread_key_make(&key, gk_thread_run_exits));
  gk_mutex_unlock(&lock);
  gk_thread_exit *e = ok ? malloc(sizeof *e) : NULL;
  if (!e) return false;
  *e = (gk_thread_exit){fn, value, gk_thread_key_get(key)};
  if (gk_thread_key_set(key, e)) return true;
  free(e);
  return false;
}

#endif
