// The cache of compiled kernels: what was stored comes back, and nothing else does, whatever lies in its folder.
#include "test.h"

#include "../../csrc/core/files.h"
#include "../../csrc/core/threads.h"
#include "../../csrc/cuda/cache.h"

#if defined(__linux__)

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[] = "/tmp/gpukit-cache-XXXXXX";
static char folder[GK_PATH_BYTES];

static char *image_of(int seed) {
  char *image = malloc(64);
  for (int i = 0; i < 64; i++) image[i] = (char)(seed + i); // with a 0 within
  return image;
}

static gk_program program_of(int seed) {
  gk_program p = {.log = strdup("k.cu(1): warning\n"),
                  .image = image_of(seed),
                  .image_bytes = 64,
                  .ptx = strdup(".version 9.0"),
                  .ptx_bytes = 12,
                  .architecture = "sm_90a",
                  .count = 2,
                  .symbols = calloc(2, sizeof(char *)),
                  .signatures = calloc(2, sizeof(char *))};
  p.symbols[0] = strdup("saxpy");
  p.symbols[1] = strdup("_Z1kPf");
  p.signatures[0] = strdup("_Z16gpukit_signatureIPFvfPKfPfiEEvv");
  p.signatures[1] = strdup("");
  return p;
}

static gk_cache_key key_of(int seed) {
  gk_cache_key key;
  for (int i = 0; i < GK_SHA256_BYTES; i++) key.bytes[i] = (uint8_t)(seed * 31 + i);
  return key;
}

static void store(int seed) {
  gk_program p = program_of(seed);
  gk_cache_key key = key_of(seed);
  gk_cache_store(&key, &p);
  gk_program_free(&p);
}

// Is the program of `seed` there, and nothing but it?
static bool loads(int seed) {
  gk_program p = {.count = 0}, q = program_of(seed);
  gk_cache_key key = key_of(seed);
  bool found = gk_cache_load(&key, &p);
  if (found) {
    CHECK(p.from_disk && p.count == 2 && !strcmp(p.architecture, "sm_90a"));
    CHECK(p.image_bytes == 64 && !memcmp(p.image, q.image, 64) && !p.image[64]);
    CHECK(p.ptx_bytes == 12 && !strcmp(p.ptx, q.ptx) && !strcmp(p.log, q.log));
    for (int i = 0; i < 2; i++)
      CHECK(!strcmp(p.symbols[i], q.symbols[i]) && !strcmp(p.signatures[i], q.signatures[i]));
  } else {
    CHECK(!p.image && !p.symbols && !p.count);
  }
  gk_program_free(&p);
  gk_program_free(&q);
  return found;
}

static const char *path_of(int seed) {
  static char path[GK_PATH_BYTES];
  gk_cache_key key = key_of(seed);
  char name[2 * GK_SHA256_BYTES + 1];
  for (int i = 0; i < GK_SHA256_BYTES; i++) snprintf(name + 2 * i, 3, "%02x", key.bytes[i]);
  gk_path_join(path, folder, name);
  return path;
}

static size_t read_file(const char *path, char *data, size_t room) {
  FILE *file = fopen(path, "rb");
  size_t n = file ? fread(data, 1, room, file) : 0;
  if (file) fclose(file);
  return n;
}

static void write_file(const char *path, const char *data, size_t bytes) {
  FILE *file = fopen(path, "wb");
  if (!file) return;
  fwrite(data, 1, bytes, file);
  fclose(file);
}

static void round_trip(void) {
  struct stat s;
  CHECK(!loads(1));
  store(1);
  CHECK(loads(1));
  CHECK(!loads(2));
  CHECK(stat(path_of(1), &s) == 0 && (s.st_mode & 0777) == 0600);
  CHECK(stat(folder, &s) == 0 && (s.st_mode & 0777) == 0700);
}

// Every bit of every byte, every length, and another key's file.
static void corruption(void) {
  static char data[4096], wrong[4096];
  const char *path = path_of(1);
  size_t n = read_file(path, data, sizeof data);
  CHECK(n > 200 && n < sizeof data - 1);
  for (size_t i = 0; i < n; i++) {
    memcpy(wrong, data, n);
    wrong[i] ^= (char)(1 << i % 8);
    write_file(path, wrong, n);
    CHECKF(!loads(1), "byte %zu flipped", i);
  }
  for (size_t length = 0; length < n; length++) {
    write_file(path, data, length);
    CHECKF(!loads(1), "cut to %zu bytes", length);
  }
  memcpy(wrong, data, n);
  wrong[n] = 0;
  write_file(path, wrong, n + 1);
  CHECK(!loads(1));
  store(2);
  n = read_file(path_of(2), data, sizeof data);
  write_file(path_of(1), data, n);
  CHECK(!loads(1) && loads(2));
  store(1); // written anew
  CHECK(loads(1));
}

// Files and folders of others, links, and what is no file.
static void strangers(void) {
  char elsewhere[GK_PATH_BYTES], why[GK_PATH_BYTES], found[GK_PATH_BYTES];
  CHECK(chmod(path_of(1), 0622) == 0 && !loads(1));
  CHECK(chmod(path_of(1), 0600) == 0 && loads(1));
  gk_path_join(elsewhere, root, "elsewhere");
  CHECK(rename(path_of(1), elsewhere) == 0 && symlink(elsewhere, path_of(1)) == 0 && !loads(1));
  store(1); // in place of the link
  CHECK(loads(1));
  if (geteuid() == 0) {
    CHECK(chown(path_of(1), 12345, 12345) == 0 && !loads(1));
    store(1);
    CHECK(loads(1));
    CHECK(chown(folder, 12345, 12345) == 0 && !loads(1));
    CHECK(!gk_cache_folder(found, why, sizeof why) && strstr(why, "another user"));
    store(3);
    CHECK(chown(folder, 0, 0) == 0 && !loads(3) && loads(1));
  }
  CHECK(chmod(folder, 0777) == 0 && !loads(1));
  CHECK(!gk_cache_folder(found, why, sizeof why) && strstr(why, "others may write"));
  CHECK(chmod(folder, 0700) == 0 && loads(1));
  unlink(path_of(1));
  CHECK(mkdir(path_of(1), 0700) == 0 && !loads(1));
  store(1); // cannot be
  CHECK(!loads(1));
  CHECK(rmdir(path_of(1)) == 0);
}

// No place: everything goes on without.
static void places(void) {
  char why[GK_PATH_BYTES], found[GK_PATH_BYTES], path[GK_PATH_BYTES];
  store(1);
  setenv("GPUKIT_CACHE", "0", 1);
  CHECK(!loads(1) && !gk_cache_folder(found, why, sizeof why) && strstr(why, "GPUKIT_CACHE=0"));
  unsetenv("GPUKIT_CACHE");
  setenv("GPUKIT_CACHE_DIR", "/proc/nowhere", 1);
  store(4);
  CHECK(!loads(4) && !gk_cache_folder(found, why, sizeof why) && strstr(why, "/proc/nowhere/jit"));
  gk_path_join(path, root, "elsewhere"); // a file
  setenv("GPUKIT_CACHE_DIR", path, 1);
  CHECK(!gk_cache_folder(found, why, sizeof why));
  if (geteuid() != 0) { // nothing stops root
    gk_path_join(path, root, "locked");
    CHECK(mkdir(path, 0500) == 0);
    setenv("GPUKIT_CACHE_DIR", path, 1);
    CHECK(!gk_cache_folder(found, why, sizeof why) && strstr(why, "cannot be made"));
  }
  char *longest = malloc(5000);
  memset(longest, 'x', 4999);
  longest[0] = '/';
  longest[4999] = 0;
  setenv("GPUKIT_CACHE_DIR", longest, 1);
  CHECK(!gk_cache_folder(found, why, sizeof why) && strstr(why, "too long"));
  free(longest);
  unsetenv("GPUKIT_CACHE_DIR");
  gk_path_join(path, root, "xdg");
  setenv("XDG_CACHE_HOME", path, 1);
  CHECK(gk_cache_folder(found, why, sizeof why) && strstr(found, "/xdg/gpukit/jit"));
  unsetenv("XDG_CACHE_HOME");
  setenv("HOME", root, 1);
  CHECK(gk_cache_folder(found, why, sizeof why) && strstr(found, "/.cache/gpukit/jit"));
  unsetenv("HOME");
  CHECK(!gk_cache_folder(found, why, sizeof why) && strstr(why, "GPUKIT_CACHE_DIR"));
  setenv("GPUKIT_CACHE_DIR", root, 1);
  CHECK(loads(1));
}

// Those that were used longest ago go, and nothing that is not the cache's.
static void bound(void) {
  char other[GK_PATH_BYTES], partial[GK_PATH_BYTES];
  struct stat s;
  gk_path_join(other, folder, "notes.txt");
  gk_path_join(partial, folder, GK_FILE_PARTIAL "1-2-3");
  write_file(other, "mine", 4);
  write_file(partial, "half", 4);
  struct timespec old[2] = {{1000, 0}, {1000, 0}};
  CHECK(utimensat(AT_FDCWD, partial, old, 0) == 0);
  for (int i = 10; i < 20; i++) {
    store(i);
    struct timespec then[2] = {{2000 + i, 0}, {2000 + i, 0}};
    CHECK(utimensat(AT_FDCWD, path_of(i), then, 0) == 0);
  }
  CHECK(stat(path_of(10), &s) == 0);
  CHECK(loads(10)); // used just now
  uint64_t limit = gk_cache_limit;
  gk_cache_limit = (uint64_t)s.st_size * 8;
  store(20);
  gk_cache_limit = limit;
  CHECK(loads(10) && loads(20) && loads(19) && !loads(11) && !loads(12));
  CHECK(gk_path_exists(other) && !gk_path_exists(partial));
}

// Eight processes write and read the same four programs: whoever finds one finds all of it.
static void many_writers(void) {
  enum { PROCESSES = 8, ROUNDS = 12 };
  pid_t children[PROCESSES];
  for (int c = 0; c < PROCESSES; c++) {
    children[c] = fork();
    if (children[c] != 0) continue;
    int before = test_failures;
    for (int i = 0; i < ROUNDS; i++) {
      store(30 + (i + c) % 4);
      CHECK(loads(30 + (i + c) % 4));
    }
    _exit(test_failures != before);
  }
  for (int c = 0; c < PROCESSES; c++) {
    int status = 1;
    CHECK(waitpid(children[c], &status, 0) == children[c] && status == 0);
  }
}

static void no_partial(const char *name, void *context) {
  (void)context;
  CHECKF(strncmp(name, GK_FILE_PARTIAL, sizeof GK_FILE_PARTIAL - 1) != 0, "%s is left", name);
}

int main(void) {
  if (!mkdtemp(root)) return 1;
  setenv("GPUKIT_CACHE_DIR", root, 1);
  gk_path_join(folder, root, "jit");
  round_trip();
  corruption();
  strangers();
  places();
  bound();
  many_writers();
  gk_folder_list(folder, no_partial, NULL);
  char command[GK_PATH_BYTES];
  snprintf(command, sizeof command, "rm -rf %s", root);
  CHECK(system(command) == 0);
  return test_done();
}

#else // owners, links and processes are those of POSIX

int main(void) { return test_done(); }

#endif
