// A file is a header, the parts of a program one behind the other, each after its length, and the SHA-256 of
// all that. Numbers are little-endian, as on every machine that this runs on.
#include "cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/files.h"

uint64_t gk_cache_limit = (uint64_t)256 << 20;

// ---- the folder

bool gk_cache_folder(char *folder, char *why, size_t bytes) {
  static const struct place {
    const char *variable, *below;
  } places[] = {
      {"GPUKIT_CACHE_DIR", "jit"},
#if defined(_WIN32)
      {"LOCALAPPDATA", "gpukit/jit"},
#elif defined(__APPLE__)
      {"HOME", "Library/Caches/gpukit/jit"},
#else
      {"XDG_CACHE_HOME", "gpukit/jit"},
      {"HOME", ".cache/gpukit/jit"},
#endif
  };
  const char *choice = getenv("GPUKIT_CACHE");
  if (choice && !strcmp(choice, "0")) {
    snprintf(why, bytes, "GPUKIT_CACHE=0 turns it off");
    return false;
  }
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    const char *base = getenv(places[i].variable);
    if (!base || !*base) continue;
    if (gk_path_join(folder, base, places[i].below)) return gk_folder_private(folder, why, bytes);
    snprintf(why, bytes, "%s is too long for a path", places[i].variable);
    return false;
  }
  snprintf(why, bytes, "there is no place for it: set GPUKIT_CACHE_DIR");
  return false;
}

// A key's file: its name is the key in hexadecimal.
enum { NAME_LENGTH = 2 * GK_SHA256_BYTES };
static void name_of(const gk_cache_key *key, char name[NAME_LENGTH + 1]) {
  for (int i = 0; i < GK_SHA256_BYTES; i++) snprintf(name + 2 * i, 3, "%02x", key->bytes[i]);
}

// ---- the file

typedef struct header {
  char magic[12];
  uint32_t version, count, reserved;
  gk_cache_key key;
} header;
static const char magic[12] = "gpukit jit\n";
enum { VERSION = 1, MOST_KERNELS = 1 << 16 };

typedef struct part {
  const char *data;
  size_t bytes;
} part;

// The parts of a program but for symbols and signatures.
enum { PART_ARCHITECTURE, PART_LOG, PART_IMAGE, PART_PTX, PARTS };

static void digest_of(const char *data, size_t bytes, uint8_t *digest) {
  gk_sha256 hash;
  gk_sha256_begin(&hash);
  gk_sha256_add(&hash, data, bytes);
  gk_sha256_end(&hash, digest);
}

// A copy with a 0 behind it; NULL: out of memory.
static char *copy_of(part p) {
  char *copy = malloc(p.bytes + 1);
  if (copy) {
    memcpy(copy, p.data, p.bytes);
    copy[p.bytes] = 0;
  }
  return copy;
}

static bool take_part(const char **at, const char *end, part *p) {
  uint64_t bytes;
  if ((size_t)(end - *at) < sizeof bytes) return false;
  memcpy(&bytes, *at, sizeof bytes);
  *at += sizeof bytes;
  if (bytes > (size_t)(end - *at)) return false;
  *p = (part){*at, (size_t)bytes};
  *at += bytes;
  return true;
}

static bool take_strings(const char **at, const char *end, uint32_t count, char ***strings) {
  *strings = calloc(count + 1, sizeof **strings);
  if (!*strings) return false;
  for (uint32_t i = 0; i < count; i++) {
    part p;
    if (!take_part(at, end, &p) || !((*strings)[i] = copy_of(p))) return false;
  }
  return true;
}

// Fills `program` as far as it gets.
static bool unpack(const char *data, size_t bytes, const gk_cache_key *key, gk_program *program) {
  header h;
  uint8_t digest[GK_SHA256_BYTES];
  if (bytes < sizeof h + sizeof digest) return false;
  const char *at = data + sizeof h, *end = data + bytes - sizeof digest;
  memcpy(&h, data, sizeof h);
  if (memcmp(h.magic, magic, sizeof magic) || h.version != VERSION || h.count > MOST_KERNELS ||
      memcmp(&h.key, key, sizeof *key))
    return false;
  digest_of(data, bytes - sizeof digest, digest);
  if (memcmp(digest, end, sizeof digest)) return false;
  part parts[PARTS];
  for (int i = 0; i < PARTS; i++)
    if (!take_part(&at, end, &parts[i])) return false;
  if (parts[PART_ARCHITECTURE].bytes >= sizeof program->architecture) return false;
  memcpy(program->architecture, parts[PART_ARCHITECTURE].data, parts[PART_ARCHITECTURE].bytes);
  program->architecture[parts[PART_ARCHITECTURE].bytes] = 0;
  program->log = copy_of(parts[PART_LOG]);
  program->image = copy_of(parts[PART_IMAGE]);
  program->image_bytes = parts[PART_IMAGE].bytes;
  program->ptx = copy_of(parts[PART_PTX]);
  program->ptx_bytes = parts[PART_PTX].bytes;
  program->count = h.count;
  return program->log && program->image && program->ptx &&
         take_strings(&at, end, h.count, &program->symbols) &&
         take_strings(&at, end, h.count, &program->signatures) && at == end;
}

bool gk_cache_load(const gk_cache_key *key, gk_program *program) {
  char folder[GK_PATH_BYTES], path[GK_PATH_BYTES], why[GK_PATH_BYTES], name[NAME_LENGTH + 1];
  name_of(key, name);
  size_t bytes;
  if (!gk_cache_folder(folder, why, sizeof why) || !gk_path_join(path, folder, name)) return false;
  char *data = gk_file_read_private(path, (size_t)256 << 20, &bytes);
  gk_program found = {.count = 0};
  bool whole = data && unpack(data, bytes, key, &found);
  free(data);
  if (whole) {
    found.from_disk = true;
    *program = found;
  } else {
    gk_program_free(&found);
  }
  return whole;
}

// ---- storing

static size_t packed_size(const part *parts, size_t count) {
  size_t bytes = sizeof(header) + GK_SHA256_BYTES;
  for (size_t i = 0; i < count; i++) bytes += sizeof(uint64_t) + parts[i].bytes;
  return bytes;
}

static void pack(const gk_cache_key *key, uint32_t kernels, const part *parts, size_t count,
                 char *data) {
  header h = {.version = VERSION, .count = kernels, .key = *key};
  memcpy(h.magic, magic, sizeof magic);
  char *at = data;
  memcpy(at, &h, sizeof h);
  at += sizeof h;
  for (size_t i = 0; i < count; i++) {
    uint64_t bytes = parts[i].bytes;
    memcpy(at, &bytes, sizeof bytes);
    at += sizeof bytes;
    if (bytes) memcpy(at, parts[i].data, bytes);
    at += bytes;
  }
  digest_of(data, (size_t)(at - data), (uint8_t *)at);
}

typedef struct entry {
  char name[NAME_LENGTH + 1];
  int64_t used;
  uint64_t bytes;
} entry;

typedef struct inventory {
  const char *folder;
  entry *entries;
  size_t count, room;
  uint64_t bytes;
} inventory;

static void note_file(const char *name, void *context) {
  inventory *v = context;
  char path[GK_PATH_BYTES];
  gk_file_info info;
  if (!gk_path_join(path, v->folder, name) || !gk_file_info_of(path, &info)) return;
  // Left by a process that ended while it wrote.
  if (!strncmp(name, GK_FILE_PARTIAL, sizeof GK_FILE_PARTIAL - 1)) {
    if (gk_file_age(path) > 3600) gk_file_remove(path);
    return;
  }
  if (strlen(name) != NAME_LENGTH || strspn(name, "0123456789abcdef") != NAME_LENGTH) return;
  if (v->count == v->room) {
    entry *more = realloc(v->entries, (v->room = v->room ? 2 * v->room : 256) * sizeof *more);
    if (!more) return;
    v->entries = more;
  }
  entry *e = &v->entries[v->count++];
  *e = (entry){.used = info.modified, .bytes = info.bytes};
  memcpy(e->name, name, NAME_LENGTH);
  v->bytes += info.bytes;
}

static int by_use(const void *a, const void *b) {
  const entry *x = a, *y = b;
  return x->used < y->used ? -1 : x->used > y->used;
}

// Makes room: some more than is needed, so that not every file that is written takes one away.
static void trim(const char *folder) {
  inventory v = {.folder = folder};
  gk_folder_list(folder, note_file, &v);
  if (v.bytes > gk_cache_limit) {
    qsort(v.entries, v.count, sizeof *v.entries, by_use);
    for (size_t i = 0; i < v.count && v.bytes > gk_cache_limit / 8 * 7; i++) {
      char path[GK_PATH_BYTES];
      if (gk_path_join(path, folder, v.entries[i].name)) gk_file_remove(path);
      v.bytes -= v.entries[i].bytes;
    }
  }
  free(v.entries);
}

void gk_cache_store(const gk_cache_key *key, const gk_program *program) {
  char folder[GK_PATH_BYTES], why[GK_PATH_BYTES], name[NAME_LENGTH + 1];
  if (program->count > MOST_KERNELS || !gk_cache_folder(folder, why, sizeof why)) return;
  size_t count = PARTS + 2 * (size_t)program->count;
  part *parts = malloc(count * sizeof *parts);
  if (!parts) return;
  parts[PART_ARCHITECTURE] = (part){program->architecture, strlen(program->architecture)};
  parts[PART_LOG] = (part){program->log, strlen(program->log)};
  parts[PART_IMAGE] = (part){program->image, program->image_bytes};
  parts[PART_PTX] = (part){program->ptx, program->ptx_bytes};
  for (uint32_t i = 0; i < program->count; i++) {
    const char *symbol = program->symbols[i], *signature = program->signatures[i];
    parts[PARTS + i] = (part){symbol, strlen(symbol)};
    parts[PARTS + program->count + i] = (part){signature, strlen(signature)};
  }
  size_t bytes = packed_size(parts, count);
  char *data = bytes <= gk_cache_limit / 4 ? malloc(bytes) : NULL;
  if (data) {
    pack(key, program->count, parts, count, data);
    name_of(key, name);
    if (gk_file_write_private(folder, name, data, bytes)) trim(folder);
  }
  free(data);
  free(parts);
}
