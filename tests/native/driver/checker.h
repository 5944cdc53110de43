// What hooks.c, the functions that instrumented kernels call, tells checker.c.
#ifndef STANDIN_CHECKER_H
#define STANDIN_CHECKER_H

#include "grid.h"

#include <string.h>

typedef struct checker_access {
  uintptr_t code; // of the access
  int write;      // or a read
  int only_write; // does not read what it replaces
  int atomic;
} checker_access;

// Before the access; does not return where it is wrong.
void standin_checker_access(const void *at, size_t bytes, const checker_access *access);
void standin_checker_fence(void);

static inline int standin_is_zone(const shared_variable *v) {
  return strncmp(v->name, "standin_zone_", 13) == 0;
}

#endif
