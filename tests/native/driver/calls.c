// What every call of the API begins with: it is counted, fails where that was asked for, and is let
// through only where it is allowed. Here is also what a test may ask about calls.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

pthread_mutex_t state = PTHREAD_MUTEX_INITIALIZER;
__thread bool in_host_function;

static const char *const names[CALLS] = {
#define NAME(since, name, parameters) [CALL_##name] = #name,
    GK_CUDA_FUNCTIONS(NAME, NAME)
#undef NAME
};
static uint64_t counts[CALLS];

// The failure to come: of the call that takes `left` to 0. ANY counts all calls, NONE none.
enum { ANY = -1, NONE = -2 };
static struct {
  int call;
  uint64_t left;
  CUresult code;
  bool later;
} failure = {.call = NONE};
CUresult failure_of_work;

static int call_number(const char *name) {
  for (int i = 0; i < CALLS; i++) {
    if (strcmp(names[i], name) == 0) return i;
  }
  return NONE;
}

static void set_failure(int call, uint64_t n, CUresult code, bool later) {
  failure.call = n == 0 ? NONE : call;
  failure.left = n;
  failure.code = code;
  failure.later = later;
}

// STANDIN_FAIL. A text that is not understood ends the process: a test that tests nothing is no test.
static void read_failure(const char *text) {
  char name[64] = "";
  unsigned long long n;
  int code, end = 0;
  const bool any = sscanf(text, "%llu:%d%n", &n, &code, &end) == 2;
  const bool one = !any && sscanf(text, "%63[A-Za-z0-9_]:%llu:%d%n", name, &n, &code, &end) == 3;
  const int call = one ? call_number(name) : ANY;
  const bool later = strcmp(text + end, ":later") == 0;
  if ((!any && !one) || (!later && text[end] != '\0') || call == NONE) {
    fprintf(stderr,
            "STANDIN_FAIL=%s: must be [name:]n:code[:later], with a function of the driver\n",
            text);
    abort();
  }
  set_failure(call, n, code, later);
}

__attribute__((constructor)) static void read_settings(void) {
  const char *text = getenv("STANDIN_FAIL");
  if (text != NULL && text[0] != '\0') read_failure(text);
}

// The names of errors are no work for a driver: they neither count down nor fail.
static CUresult injected(int call, context *here) {
  if (call == CALL_cuGetErrorName || failure.call == NONE) return CUDA_SUCCESS;
  if (failure.call != ANY && failure.call != call) return CUDA_SUCCESS;
  if (--failure.left > 0) return CUDA_SUCCESS;
  failure.call = NONE;
  if (failure.later) {
    failure_of_work = failure.code;
    return CUDA_SUCCESS;
  }
  if (is_sticky(failure.code) && here != NULL) device_lose(here->device, failure.code);
  return failure.code;
}

CUresult enter(int call, int needs, context **here, CUresult *late) {
  counts[call]++;
  failure_of_work = CUDA_SUCCESS;
  if (in_host_function) return CUDA_ERROR_NOT_PERMITTED;
  const CUresult bad = driver_initialized ? context_current(here) : CUDA_SUCCESS;
  CUresult result = injected(call, *here);
  if (needs != NEEDS_NOTHING && !driver_initialized) {
    return result != CUDA_SUCCESS ? result : CUDA_ERROR_NOT_INITIALIZED;
  }
  if (needs == NEEDS_CONTEXT) {
    if (bad != CUDA_SUCCESS) return result != CUDA_SUCCESS ? result : bad;
    if ((*here)->device->lost != CUDA_SUCCESS) result = (*here)->device->lost;
  }
  if (late == NULL) return result;
  *late = result;
  return CUDA_SUCCESS;
}

// ---- what a test may ask

STANDIN_API void standin_fail_call(const char *name, uint64_t n, int code) {
  pthread_mutex_lock(&state);
  set_failure(name == NULL ? ANY : call_number(name), n, code, false);
  pthread_mutex_unlock(&state);
}

STANDIN_API void standin_fail_after(uint64_t n, int code) { standin_fail_call(NULL, n, code); }

STANDIN_API uint64_t standin_calls(const char *name) {
  pthread_mutex_lock(&state);
  uint64_t sum = 0;
  for (int i = 0; i < CALLS; i++) {
    if (name == NULL || strcmp(names[i], name) == 0) sum += counts[i];
  }
  pthread_mutex_unlock(&state);
  return sum;
}

STANDIN_API void standin_reset_counts(void) {
  pthread_mutex_lock(&state);
  memset(counts, 0, sizeof counts);
  pthread_mutex_unlock(&state);
}

STANDIN_API void standin_counts(standin_counts_t *now) {
  pthread_mutex_lock(&state);
  memset(now, 0, sizeof *now);
  now->contexts = object_count(KIND_CONTEXT);
  now->streams = object_count(KIND_STREAM);
  now->events = object_count(KIND_EVENT);
  now->graphs = object_count(KIND_GRAPH);
  now->executables = object_count(KIND_EXECUTABLE);
  now->modules = object_count(KIND_MODULE);
  now->pools = object_count(KIND_POOL);
  memory_count(now);
  pthread_mutex_unlock(&state);
}
