// What the C tests share: checks that count and report, a seeded generator, and views over
// plain memory. Each test program ends with `return test_done();`.
#ifndef GK_TEST_H
#define GK_TEST_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../csrc/core/storage.h"

static int test_checks, test_failures;

static inline void test_check(int ok, const char *file, int line, const char *format, ...) {
  test_checks++;
  if (ok) return;
  if (++test_failures > 20) return;
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "%s:%d: ", file, line);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
}

#define CHECK(condition) test_check(!!(condition), __FILE__, __LINE__, "%s", #condition)
// With a message: CHECKF(a == b, "row %d: %g", i, x)
#define CHECKF(condition, ...) test_check(!!(condition), __FILE__, __LINE__, __VA_ARGS__)

static inline int test_done(void) {
  printf("%d passed, %d failed\n", test_checks - test_failures, test_failures);
  return test_failures != 0;
}

// xorshift64*; the same numbers everywhere.
static uint64_t test_seed = 0x9e3779b97f4a7c15u;
static inline uint64_t test_random(void) {
  test_seed ^= test_seed >> 12;
  test_seed ^= test_seed << 25;
  test_seed ^= test_seed >> 27;
  return test_seed * 0x2545f4914f6cdd1du;
}
// Uniform in [0, n).
static inline int64_t test_below(int64_t n) { return (int64_t)(test_random() % (uint64_t)n); }
static inline double test_uniform(void) { return (double)(test_random() >> 11) * 0x1p-53; }

// What a fuzzer is called with, --iterations N --seed S; false after saying so.
static inline bool test_arguments(int argc, char **argv, int64_t *iterations) {
  uint64_t seed = 1;
  for (int i = 1; i < argc; i += 2) {
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    if (value && !strcmp(argv[i], "--iterations")) {
      *iterations = strtoll(value, NULL, 0);
    } else if (value && !strcmp(argv[i], "--seed")) {
      seed = strtoull(value, NULL, 0);
    } else {
      fprintf(stderr, "%s: there are --iterations N and --seed S\n", argv[i]);
      return false;
    }
  }
  test_seed = seed * 0x9e3779b97f4a7c15u | 1;
  return true;
}

// A contiguous view of `data`, whose storage is the caller's.
static inline gk_view test_view(gk_storage *storage, void *data, uint8_t dtype, int ndim,
                                const int64_t *shape) {
  gk_view v;
  memset(&v, 0, sizeof v);
  memset(storage, 0, sizeof *storage);
  storage->data = data;
  storage->references = 1;
  v.storage = storage;
  v.dtype = dtype;
  v.ndim = (uint8_t)ndim;
  for (int i = 0; i < ndim; i++) v.shape[i] = shape[i];
  gk_view_make_contiguous(&v);
  storage->bytes = gk_view_bytes(&v);
  return v;
}

#endif
