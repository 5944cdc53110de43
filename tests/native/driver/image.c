// Images: what a program gives to cuModuleLoadData, and the kernels in it. The product's own are not
// looked at, since their kernels are in the library beside the driver; the NVRTC twin's carry a library; a
// real cubin's kernels are known by name and parameters, and cannot run.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image.h"
#include "state.h"

// ---- what kind it is

// The beginning of a fatbin, and of the text that stands in for one where kernels were not built.
static const unsigned char fatbin_magic[4] = {0x50, 0xED, 0x55, 0xBA};
#define PLACEHOLDER "gpukit: built without kernels"

static bool begins(const void *image, const char *text) {
  return strncmp(image, text, strlen(text)) == 0;
}

// PTX begins with comments and directives, of which the first is the version.
static bool is_ptx(const char *text) {
  for (;;) {
    text += strspn(text, " \t\r\n");
    if (text[0] != '/' || text[1] != '/') return begins(text, ".version");
    text += strcspn(text, "\n");
  }
}

static bool fits(const standin_image *image, int major, int minor) {
  const uint32_t arch = (uint32_t)(major * 10 + minor);
  if (image->fit == STANDIN_FITS_EXACTLY) return image->arch == arch;
  return arch >= image->arch && (image->fit == STANDIN_FITS_NEWER || image->arch / 10 == arch / 10);
}

// ---- the twin's

static int value_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// The image in the comments of PTX, NULL where there is none.
static standin_image *from_ptx(const char *text) {
  const char *line = strstr(text, "\n" STANDIN_PTX_LINE);
  if (line == NULL) return NULL;
  unsigned char *bytes = malloc(strlen(line));
  if (bytes == NULL) return NULL;
  size_t count = 0;
  uint32_t bits = 0;
  int held = 0;
  for (; line != NULL && begins(line + 1, STANDIN_PTX_LINE); line = strchr(line + 1, '\n')) {
    for (const char *p = line + 1 + strlen(STANDIN_PTX_LINE); value_of(*p) >= 0; p++) {
      bits = bits << 6 | (uint32_t)value_of(*p);
      held += 6;
      if (held < 8) continue;
      held -= 8;
      bytes[count++] = (unsigned char)(bits >> held);
    }
  }
  standin_image *image = (standin_image *)bytes;
  if (count >= sizeof *image && strcmp(image->magic, STANDIN_IMAGE_MAGIC) == 0 &&
      image->bytes == count) {
    return image;
  }
  free(bytes);
  return NULL;
}

// Loads the library of an image, each time as one of its own: its variables are new ones.
static const standin_entry *load_library(const char *bytes, size_t count) {
  const int file = memfd_create("kernels", MFD_CLOEXEC);
  if (file < 0) return NULL;
  size_t done = 0;
  while (done < count) {
    const ssize_t written = write(file, bytes + done, count - done);
    if (written <= 0) break;
    done += (size_t)written;
  }
  // By this path other programs find it too, such as addr2line: the file stays open.
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), file);
  standin_export();
  dlopen("libm.so.6", RTLD_NOW | RTLD_GLOBAL); // kernels call it
  void *library = done == count ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
  if (library == NULL) {
    standin_report_set("the kernels of an image cannot be loaded: %s", dlerror());
    close(file);
    return NULL;
  }
  return dlsym(library, "standin_entries");
}

static CUresult open_twin(image *i, const standin_image *from) {
  const settings *s = driver_settings();
  const char *bytes = (const char *)from;
  if (standin_hash(0, from + 1, from->bytes - sizeof *from) != from->check) {
    return CUDA_ERROR_INVALID_IMAGE;
  }
  if (!fits(from, s->major, s->minor)) return CUDA_ERROR_NO_BINARY_FOR_GPU;
  const standin_entry *entries =
      load_library(bytes + from->library_at, from->bytes - from->library_at);
  if (entries == NULL) return CUDA_ERROR_INVALID_IMAGE;
  const standin_name *names = (const void *)(bytes + from->names_at);
  i->symbols = calloc(from->count + 1, sizeof *i->symbols);
  if (i->symbols == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  for (uint32_t n = 0; n < from->count; n++) {
    symbol *to = &i->symbols[i->count++];
    to->name = strdup(bytes + names[n].name);
    if (to->name == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
    to->shared_bytes = names[n].shared_bytes;
    if (entries[n].kernel.run != NULL) {
      to->kernel = &entries[n].kernel;
    } else {
      to->address = (uintptr_t)entries[n].address;
      to->bytes = entries[n].bytes;
    }
  }
  i->arch = from->arch;
  i->constant_bytes = from->constant_bytes;
  return CUDA_SUCCESS;
}

// ---- a real cubin

// The bytes of a section ".nv.shared.<kernel>", 0 where there is none; on 9.0 and later without what the system
// keeps at its beginning.
enum { RESERVED_SHARED = 1024 };
static uint32_t shared_in(const Elf64_Ehdr *header, const Elf64_Shdr *sections, const char *names,
                          const char *kernel) {
  static const char prefix[] = ".nv.shared.";
  for (int n = 0; n < header->e_shnum; n++) {
    const char *name = names + sections[n].sh_name;
    if (begins(name, prefix) && strcmp(name + strlen(prefix), kernel) == 0) {
      const bool reserves = (header->e_flags >> 8 & 255) >= 90;
      return (uint32_t)sections[n].sh_size - (reserves ? RESERVED_SHARED : 0);
    }
  }
  return 0;
}

// Of .nv.info.<kernel>: attributes, of which one tells a parameter's number, offset and size, another the
// launch bounds.
enum {
  FORMAT_SIZED = 4,
  ATTRIBUTE_PARAMETER = 0x17,
  ATTRIBUTE_MOST_THREADS = 0x05, // of a block, by axes
  MOST_PARAMETERS = 1024,
};

typedef struct cubin_kernel {
  standin_kernel kernel;
  uint32_t sizes[MOST_PARAMETERS], offsets[MOST_PARAMETERS];
} cubin_kernel;

static void read_parameters(cubin_kernel *to, const unsigned char *at, const unsigned char *end) {
  while (at + 4 <= end) {
    uint16_t bytes = 0;
    memcpy(&bytes, at + 2, sizeof bytes);
    if (at[0] == FORMAT_SIZED && at[1] == ATTRIBUTE_PARAMETER && bytes == 12) {
      uint16_t number, offset;
      uint32_t kind;
      memcpy(&number, at + 8, sizeof number);
      memcpy(&offset, at + 10, sizeof offset);
      memcpy(&kind, at + 12, sizeof kind);
      if (number < MOST_PARAMETERS) {
        to->offsets[number] = offset;
        to->sizes[number] = kind >> 18;
        if (to->kernel.parameters <= number) to->kernel.parameters = number + 1u;
      }
    }
    if (at[0] == FORMAT_SIZED && at[1] == ATTRIBUTE_MOST_THREADS && bytes == 12) {
      uint32_t most[3];
      memcpy(most, at + 4, sizeof most);
      to->kernel.max_threads = most[0] * most[1] * most[2];
    }
    at += 4 + (at[0] == FORMAT_SIZED ? bytes : 0);
  }
}

static CUresult open_cubin(image *i, const char *bytes) {
  const Elf64_Ehdr *header = (const void *)bytes;
  const settings *s = driver_settings();
  const Elf64_Shdr *sections = (const void *)(bytes + header->e_shoff);
  const char *names = bytes + sections[header->e_shstrndx].sh_offset;
  i->arch = header->e_flags >> 8 & 255;
  i->symbols = calloc(header->e_shnum, sizeof *i->symbols);
  if (i->symbols == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  const uint32_t device = (uint32_t)(s->major * 10 + s->minor);
  if (i->arch / 10 != device / 10 || i->arch > device) return CUDA_ERROR_NO_BINARY_FOR_GPU;
  for (int n = 0; n < header->e_shnum; n++) {
    const char *name = names + sections[n].sh_name;
    if (!begins(name, ".nv.info.")) continue;
    cubin_kernel *k = calloc(1, sizeof *k);
    symbol *to = &i->symbols[i->count];
    if (k == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
    i->count++;
    to->kernel = &k->kernel;
    to->owned = k;
    to->name = strdup(name + strlen(".nv.info."));
    if (to->name == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
    k->kernel = (standin_kernel){.name = to->name,
                                 .sizes = k->sizes,
                                 .offsets = k->offsets,
                                 .max_threads = STANDIN_MAX_THREADS};
    to->shared_bytes = shared_in(header, sections, names, to->name);
    const unsigned char *info = (const void *)(bytes + sections[n].sh_offset);
    read_parameters(k, info, info + sections[n].sh_size);
  }
  return CUDA_SUCCESS;
}

// ---- all of them

CUresult image_open(image *i, const void *from) {
  memset(i, 0, sizeof *i);
  const Elf64_Ehdr *header = from;
  if (memcmp(from, fatbin_magic, sizeof fatbin_magic) == 0 || begins(from, PLACEHOLDER)) {
    i->built_in = true;
    return CUDA_SUCCESS;
  }
  if (begins(from, ELFMAG)) {
    if (header->e_machine != STANDIN_CUDA_MACHINE) return CUDA_ERROR_INVALID_IMAGE;
    const standin_image *ours = from;
    return begins(ours->magic, STANDIN_IMAGE_MAGIC) ? open_twin(i, ours) : open_cubin(i, from);
  }
  if (!is_ptx(from)) return CUDA_ERROR_INVALID_IMAGE;
  standin_image *ours = from_ptx(from);
  if (ours == NULL) return CUDA_ERROR_INVALID_PTX;
  const CUresult result = open_twin(i, ours);
  free(ours);
  return result;
}

void image_close(image *i) {
  for (uint32_t n = 0; n < i->count; n++) {
    free(i->symbols[n].name);
    free(i->symbols[n].owned);
  }
  free(i->symbols);
  memset(i, 0, sizeof *i);
}

const symbol *image_find(const image *i, const char *name) {
  for (uint32_t n = 0; n < i->count; n++) {
    if (strcmp(i->symbols[n].name, name) == 0) return &i->symbols[n];
  }
  return NULL;
}
