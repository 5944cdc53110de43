// STANDIN_MISSING: functions that a program does not find, as in a driver of another version. Lookups by
// name read the table of symbols in memory, where those get the value that undefined symbols have.
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "state.h"

static const struct {
  const char *name;
  void (*address)(void);
} functions[CALLS] = {
#define FUNCTION(since, name, parameters) {#name, (void (*)(void))name},
    GK_CUDA_FUNCTIONS(FUNCTION, FUNCTION)
#undef FUNCTION
};

static bool hide(const char *name, size_t length) {
  for (int i = 0; i < CALLS; i++) {
    if (strncmp(functions[i].name, name, length) != 0 || functions[i].name[length] != '\0') {
      continue;
    }
    Dl_info info;
    ElfW(Sym) *symbol = NULL;
    // A plain dladdr would give its name alone.
    if (dladdr1((void *)(uintptr_t)functions[i].address, &info, (void **)&symbol, RTLD_DL_SYMENT) ==
            0 ||
        symbol == NULL) {
      return false;
    }
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = (uintptr_t)symbol & ~(page - 1);
    const size_t bytes = (uintptr_t)(symbol + 1) - begin;
    if (mprotect((void *)begin, bytes, PROT_READ | PROT_WRITE) != 0) return false;
    symbol->st_value = 0;
    return true;
  }
  return false;
}

__attribute__((constructor)) static void read_setting(void) {
  const char *names = getenv("STANDIN_MISSING");
  while (names != NULL && names[0] != '\0') {
    const size_t length = strcspn(names, ",");
    if (!hide(names, length)) {
      fprintf(stderr, "STANDIN_MISSING=%s: must be names of the driver's functions\n", names);
      abort();
    }
    names += length + (names[length] == ',');
  }
}
