// Libraries of kernels: found beside the driver's own file, and what the grid must know of a loaded one:
// where it lies, the thread-local segment that is its shared memory, and the variables in that.

#include "grid.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- kernels by name

static struct {
  pthread_once_t once;
  void *handle;
  char why[512];
} kernels = {.once = PTHREAD_ONCE_INIT};

void standin_export(void) {
  Dl_info own;
  if (!dladdr((void *)(uintptr_t)standin_export, &own)) return;
  dlopen(own.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
}

static void open_kernels(void) {
  Dl_info own;
  if (!dladdr((void *)(uintptr_t)open_kernels, &own)) {
    snprintf(kernels.why, sizeof kernels.why, "the stand-in driver cannot find its own file");
    return;
  }
  standin_export();
  const char *named = getenv("STANDIN_KERNELS");
  char path[4096];
  if (named && *named) {
    snprintf(path, sizeof path, "%s", named);
  } else {
    const char *slash = strrchr(own.dli_fname, '/');
    const int folder = slash ? (int)(slash - own.dli_fname) : 1;
    snprintf(path, sizeof path, "%.*s/libstandin_kernels.so", folder, slash ? own.dli_fname : ".");
  }
  kernels.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!kernels.handle) snprintf(kernels.why, sizeof kernels.why, "%s", dlerror());
}

const standin_kernel *standin_kernel_find(const char *name) {
  pthread_once(&kernels.once, open_kernels);
  if (!kernels.handle) {
    standin_report_set("no library of kernels: %s", kernels.why);
    return NULL;
  }
  char symbol[256];
  snprintf(symbol, sizeof symbol, "standin_kernel_%s", name);
  const standin_kernel *found = dlsym(kernels.handle, symbol);
  if (!found) standin_report_set("no kernel %s in the library of kernels", name);
  return found;
}

// ---- shared variables, from the symbols in the file

static int by_offset(const void *a, const void *b) {
  const shared_variable *x = a, *y = b;
  return x->begin < y->begin ? -1 : x->begin > y->begin;
}

// The variable's own name in a mangled one of a function's static: _ZZL10sums_bodyRK..E4part_0 has "part".
static void plain_name(const char *mangled, char *name, size_t bytes) {
  const char *from = mangled, *end = mangled + strlen(mangled);
  size_t length = (size_t)(end - from);
  for (const char *p = end; p-- > mangled;) {
    if (*p != 'E' || p[1] < '1' || p[1] > '9') continue;
    char *after;
    const unsigned long letters = strtoul(p + 1, &after, 10);
    if ((size_t)(end - after) < letters) continue;
    from = after;
    length = letters;
    break;
  }
  snprintf(name, bytes, "%.*s", (int)length, from);
}

static void read_variables(library *l, const char *file, size_t bytes) {
  const ElfW(Ehdr) *header = (const void *)file;
  if (bytes < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return;
  const ElfW(Shdr) *sections = (const void *)(file + header->e_shoff);
  for (int i = 0; i < header->e_shnum; i++) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const ElfW(Sym) *symbols = (const void *)(file + sections[i].sh_offset);
    const char *names = file + sections[sections[i].sh_link].sh_offset;
    const size_t count = sections[i].sh_size / sizeof *symbols;
    l->variables = malloc(count * sizeof *l->variables);
    if (!l->variables) return;
    for (size_t s = 0; s < count; s++) {
      if (ELF64_ST_TYPE(symbols[s].st_info) != STT_TLS || symbols[s].st_shndx == SHN_UNDEF) {
        continue;
      }
      shared_variable *v = &l->variables[l->variable_count++];
      v->begin = (uint32_t)symbols[s].st_value;
      v->end = v->begin + (uint32_t)symbols[s].st_size;
      plain_name(names + symbols[s].st_name, v->name, sizeof v->name);
    }
    qsort(l->variables, l->variable_count, sizeof *l->variables, by_offset);
    return;
  }
}

static void map_variables(library *l) {
  const int fd = open(l->path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) return;
  const size_t bytes = (size_t)status.st_size;
  void *file = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (file == MAP_FAILED) return;
  read_variables(l, file, bytes);
  munmap(file, bytes);
}

// ---- loaded libraries

// The one that was asked for last is the first.
static struct {
  pthread_mutex_t lock;
  library *first;
} libraries = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int look(struct dl_phdr_info *info, size_t bytes, void *of) {
  (void)bytes;
  library *l = of;
  const uintptr_t wanted = l->begin;
  uintptr_t begin = UINTPTR_MAX, end = 0;
  size_t shared_bytes = 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *p = &info->dlpi_phdr[i];
    if (p->p_type == PT_TLS) shared_bytes = p->p_memsz;
    if (p->p_type != PT_LOAD) continue;
    const uintptr_t from = info->dlpi_addr + p->p_vaddr;
    if (from < begin) begin = from;
    if (from + p->p_memsz > end) end = from + p->p_memsz;
  }
  if (wanted < begin || wanted >= end) return 0;
  l->begin = begin;
  l->end = end;
  l->bias = info->dlpi_addr;
  l->path = strdup(info->dlpi_name);
  l->shared_module = shared_bytes ? info->dlpi_tls_modid : 0;
  l->shared_bytes = shared_bytes;
  return 1;
}

static library *describe(uintptr_t address, uint32_t checked) {
  library *l = calloc(1, sizeof *l);
  if (!l) return NULL;
  l->begin = address;
  if (!dl_iterate_phdr(look, l)) {
    free(l);
    return NULL;
  }
  if (checked) map_variables(l);
  return l;
}

const library *standin_library_of(const standin_kernel *kernel) {
  const uintptr_t address = (uintptr_t)kernel;
  pthread_mutex_lock(&libraries.lock);
  library **at = &libraries.first;
  while (*at && (address < (*at)->begin || address >= (*at)->end)) at = &(*at)->next;
  library *found = *at;
  if (found) {
    *at = found->next;
  } else {
    found = describe(address, kernel->checked);
  }
  if (found) {
    found->next = libraries.first;
    libraries.first = found;
  }
  pthread_mutex_unlock(&libraries.lock);
  return found;
}

// What compiled code calls for a thread-local variable of a loaded library: module and offset. Allocates
// the segment on a thread's first use of it.
extern void *__tls_get_addr(size_t index[2]);

char *standin_library_shared(const library *of) {
  if (!of->shared_module) return NULL;
  size_t index[2] = {of->shared_module, 0};
  return __tls_get_addr(index);
}

void standin_library_line(const library *of, uintptr_t code, char *text, size_t bytes) {
  const char *slash = strrchr(of->path, '/');
  const size_t offset = code - of->bias;
  snprintf(text, bytes, "%s+0x%zx", slash ? slash + 1 : of->path, offset);
  char command[4400], line[512];
  snprintf(command, sizeof command, "addr2line -s -e '%s' 0x%zx 2>/dev/null", of->path, offset);
  FILE *answer = popen(command, "r");
  if (!answer) return;
  if (fgets(line, sizeof line, answer) && line[0] != '?') {
    line[strcspn(line, "\n ")] = 0;
    snprintf(text, bytes, "%s", line);
  }
  pclose(answer);
}
