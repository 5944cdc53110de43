// What a compiled library says of itself: the lowered name of each entry of its table, from the table's
// relocations and the symbols, and the static shared memory of each kernel, from the sizes of thread-local
// ones. From that the image is made, as a cubin and as PTX.
#include "nvrtc.h"

#include "../standin.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STATIC_SHARED (48 * 1024)

typedef struct object {
  const char *bytes;
  const Elf64_Shdr *sections;
  uint32_t section_count;
  const Elf64_Sym *symbols;
  size_t symbol_count;
  const char *names;
} object;

static bool read_object(object *o, const char *bytes, size_t count) {
  const Elf64_Ehdr *header = (const void *)bytes;
  if (count < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return false;
  *o = (object){.bytes = bytes,
                .sections = (const void *)(bytes + header->e_shoff),
                .section_count = header->e_shnum};
  for (uint32_t i = 0; i < o->section_count; i++) {
    if (o->sections[i].sh_type != SHT_SYMTAB) continue;
    o->symbols = (const void *)(bytes + o->sections[i].sh_offset);
    o->symbol_count = o->sections[i].sh_size / sizeof *o->symbols;
    o->names = bytes + o->sections[o->sections[i].sh_link].sh_offset;
  }
  return o->symbols != NULL;
}

static const Elf64_Sym *symbol_named(const object *o, const char *name) {
  for (size_t i = 0; i < o->symbol_count; i++) {
    if (strcmp(o->names + o->symbols[i].st_name, name) == 0) return &o->symbols[i];
  }
  return NULL;
}

static const char *name_at(const object *o, uint64_t address) {
  for (size_t i = 0; i < o->symbol_count; i++) {
    const Elf64_Sym *s = &o->symbols[i];
    const int type = ELF64_ST_TYPE(s->st_info);
    if ((type == STT_FUNC || type == STT_OBJECT) && s->st_shndx != SHN_UNDEF &&
        s->st_value == address) {
      return o->names + s->st_name;
    }
  }
  return NULL;
}

// What is at `address` once the library is loaded: every pointer of the table is relative to the library.
static bool pointer_at(const object *o, uint64_t address, uint64_t *value) {
  for (uint32_t i = 0; i < o->section_count; i++) {
    if (o->sections[i].sh_type != SHT_RELA) continue;
    const Elf64_Rela *r = (const void *)(o->bytes + o->sections[i].sh_offset);
    for (size_t n = o->sections[i].sh_size / sizeof *r; n > 0; n--, r++) {
      if (r->r_offset != address) continue;
      *value = (uint64_t)r->r_addend;
      return true;
    }
  }
  return false;
}

// The bytes of a table's entry as they lie in the file.
static const void *bytes_at(const object *o, uint64_t address) {
  for (uint32_t i = 0; i < o->section_count; i++) {
    const Elf64_Shdr *s = &o->sections[i];
    if (s->sh_type == SHT_PROGBITS && address >= s->sh_addr && address < s->sh_addr + s->sh_size) {
      return o->bytes + s->sh_offset + (address - s->sh_addr);
    }
  }
  return NULL;
}

// Static shared variables of a function are called _ZZ<function>E<name>. What belongs to no kernel, a
// variable of a device function, counts for all of them.
static bool is_within(const char *variable, const char *function) {
  if (strncmp(variable, "_ZZ", 3) != 0) return false;
  const bool mangled = strncmp(function, "_Z", 2) == 0;
  char plain[32] = "";
  size_t digits = 0;
  if (!mangled) {
    size_t n = strlen(function);
    for (char *end = plain + 20; n > 0; n /= 10) *--end = (char)('0' + n % 10), digits++;
    memmove(plain, plain + 20 - digits, digits);
  }
  const char *inner = mangled ? function + 2 : function;
  const char *at = variable + 3;
  if (strncmp(at, plain, digits) != 0) return false;
  at += digits;
  return strncmp(at, inner, strlen(inner)) == 0 && at[strlen(inner)] == 'E';
}

static uint32_t shared_of(const object *o, const list *kernels, const char *name) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < o->symbol_count; i++) {
    const Elf64_Sym *s = &o->symbols[i];
    const char *variable = o->names + s->st_name;
    if (ELF64_ST_TYPE(s->st_info) != STT_TLS || s->st_shndx == SHN_UNDEF ||
        strstr(variable, "standin_") != NULL) {
      continue;
    }
    bool others = false;
    for (size_t k = 0; k < kernels->count && !others; k++) {
      others = strcmp(kernels->at[k], name) != 0 && is_within(variable, kernels->at[k]);
    }
    if (!others) bytes += s->st_size;
  }
  return (uint32_t)bytes;
}

static void make_image(text *image, const options *o, const list *names, const uint32_t *shared,
                       uint32_t constant, const char *library, size_t bytes) {
  standin_image head = {
      .elf = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT,
                          0x41, 8},
              .e_type = ET_EXEC,
              .e_machine = STANDIN_CUDA_MACHINE,
              .e_version = EV_CURRENT,
              .e_flags = 0x06000004u | o->arch << 8,
              .e_shoff = offsetof(standin_image, whole),
              .e_ehsize = sizeof(Elf64_Ehdr),
              .e_shentsize = sizeof(Elf64_Shdr),
              .e_shnum = 1},
      .whole = {.sh_type = SHT_PROGBITS},
      .magic = STANDIN_IMAGE_MAGIC,
      .arch = o->arch,
      .fit = o->fit,
      .constant_bytes = constant,
      .count = (uint32_t)names->count,
      .names_at = sizeof head,
  };
  text table = {0}, strings = {0};
  const size_t strings_at = sizeof head + names->count * sizeof(standin_name);
  for (size_t i = 0; i < names->count; i++) {
    const standin_name n = {(uint32_t)(strings_at + strings.length), shared[i]};
    text_bytes(&table, &n, sizeof n);
    text_bytes(&strings, names->at[i], strlen(names->at[i]) + 1);
  }
  while ((strings_at + strings.length) % 16 != 0) text_bytes(&strings, "", 1);
  head.library_at = strings_at + strings.length;
  head.bytes = head.library_at + bytes;
  head.whole.sh_size = head.bytes;
  text_bytes(image, &head, sizeof head);
  text_bytes(image, table.at, table.length);
  text_bytes(image, strings.at, strings.length);
  text_bytes(image, library, bytes);
  const uint64_t check = standin_hash(0, image->at + sizeof head, image->length - sizeof head);
  memcpy(image->at + offsetof(standin_image, check), &check, sizeof check);
  text_free(&table);
  text_free(&strings);
}

// Device functions that are declared and nowhere defined.
static bool is_complete(const object *o, text *log) {
  for (size_t i = 1; i < o->symbol_count; i++) {
    const char *name = o->names + o->symbols[i].st_name;
    if (o->symbols[i].st_shndx != SHN_UNDEF || strncmp(name, "_Z", 2) != 0) continue;
    text_add(log, "ptxas fatal   : Unresolved extern function '%s'\n", name);
    return false;
  }
  return true;
}

bool symbols_make(program *p, const options *o, const scan *s, const char *library, size_t bytes) {
  object of;
  const Elf64_Sym *table = NULL;
  if (read_object(&of, library, bytes)) table = symbol_named(&of, "standin_entries");
  if (table == NULL) {
    text_add(&p->log, "the NVRTC twin: a library without standin_entries\n");
    return false;
  }
  const size_t count = s->kernel_count + s->variable_count + p->expressions.count;
  list names = {0}, kernels = {0};
  uint32_t *shared = calloc(count + 1, sizeof *shared), constant = 0;
  bool ok = shared != NULL && (!o->cubin || is_complete(&of, &p->log));
  for (size_t i = 0; i < count && ok; i++) {
    const uint64_t at = table->st_value + i * sizeof(standin_entry);
    uint64_t address;
    const standin_entry *entry = bytes_at(&of, at);
    const char *name = pointer_at(&of, at + offsetof(standin_entry, address), &address)
                           ? name_at(&of, address)
                           : NULL;
    if (name == NULL || entry == NULL) {
      text_add(&p->log, "the NVRTC twin: no symbol for entry %zu of the table\n", i);
      ok = false;
      break;
    }
    list_add(&names, name);
    if (i < s->kernel_count + s->variable_count && entry->constant) {
      constant += (uint32_t)entry->bytes;
    }
    if (pointer_at(&of, at + offsetof(standin_entry, kernel.run), &address)) {
      list_add(&kernels, name);
    }
    if (i >= s->kernel_count + s->variable_count) list_add(&p->lowered, name);
  }
  for (size_t i = 0; i < names.count && ok; i++) {
    shared[i] = shared_of(&of, &kernels, names.at[i]);
    if (o->cubin && shared[i] > MAX_STATIC_SHARED && i < s->kernel_count) {
      text_add(&p->log,
               "ptxas error   : Entry function '%s' uses too much shared data (0x%x bytes, 0x%x "
               "max)\n",
               names.at[i], shared[i], MAX_STATIC_SHARED);
      ok = false;
    }
  }
  if (ok) make_image(&p->cubin, o, &names, shared, constant, library, bytes);
  list_free(&names);
  list_free(&kernels);
  free(shared);
  return ok;
}

void symbols_ptx(text *ptx, const options *o, const text *image) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  enum { BYTES_OF_LINE = 72 };
  const standin_image *head = (const void *)image->at;
  const standin_name *names = (const void *)(image->at + head->names_at);
  text_add(ptx,
           "//\n// Generated by the NVRTC twin: runs on the stand-in driver alone\n//\n\n"
           ".version 9.5\n.target sm_%u%s\n.address_size 64\n\n",
           o->arch, o->fit == STANDIN_FITS_EXACTLY ? "a" : "");
  for (uint32_t i = 0; i < head->count; i++) {
    text_add(ptx, "\t// .globl\t%s\n", image->at + names[i].name);
  }
  // PTX runs on newer devices too.
  text copy = {0};
  text_bytes(&copy, image->at, image->length);
  if (o->fit != STANDIN_FITS_EXACTLY) ((standin_image *)copy.at)->fit = STANDIN_FITS_NEWER;
  const unsigned char *bytes = (const void *)copy.at;
  for (size_t at = 0; at < image->length; at += 3) {
    if (at % BYTES_OF_LINE == 0) text_add(ptx, "\n" STANDIN_PTX_LINE);
    const size_t left = image->length - at;
    const uint32_t bits = (uint32_t)bytes[at] << 16 | (left > 1 ? bytes[at + 1] << 8 : 0u) |
                          (left > 2 ? bytes[at + 2] : 0u);
    const char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63], digits[bits >> 6 & 63],
                          digits[bits & 63]};
    text_bytes(ptx, four, left > 2 ? 4 : left + 1);
  }
  text_add(ptx, "\n");
  text_free(&copy);
}
