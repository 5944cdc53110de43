// Files over POSIX or the C library of Windows.
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "threads.h"

#include <dirent.h>
#include <unistd.h>

#if defined(_WIN32)
#include <direct.h>
#include <io.h>
#include <process.h>
#include <sys/utime.h>
#define SEPARATORS "/\\"
#define OPEN_FLAGS (O_BINARY | O_NOINHERIT)
typedef struct _stat64 stat_result;
static int make_folder(const char *path) { return _mkdir(path); }
static int flush(int file) { return _commit(file); }
static bool replace(const char *from, const char *to) {
  return MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING) != 0;
}
static void touch(const char *path, int file) {
  (void)file;
  _utime(path, NULL);
}
static int stat_path(const char *path, stat_result *s) { return _stat64(path, s); }
static int stat_file(int file, stat_result *s) { return _fstat64(file, s); }
static int64_t modified(const stat_result *s) { return (int64_t)s->st_mtime; }
// Who may write to what lies in the user's profile is the system's business.
static bool only_ours(const stat_result *s) {
  (void)s;
  return true;
}
#else
#define SEPARATORS "/"
#define OPEN_FLAGS (O_CLOEXEC | O_NOFOLLOW)
typedef struct stat stat_result;
static int make_folder(const char *path) { return mkdir(path, 0700); }
static int flush(int file) { return fsync(file); }
static bool replace(const char *from, const char *to) { return rename(from, to) == 0; }
static void touch(const char *path, int file) {
  (void)path;
  futimens(file, NULL);
}
static int stat_path(const char *path, stat_result *s) { return stat(path, s); }
static int stat_file(int file, stat_result *s) { return fstat(file, s); }
static int64_t modified(const stat_result *s) {
#if defined(__APPLE__)
  return (int64_t)s->st_mtimespec.tv_sec * 1000000000 + s->st_mtimespec.tv_nsec;
#else
  return (int64_t)s->st_mtim.tv_sec * 1000000000 + s->st_mtim.tv_nsec;
#endif
}
static bool only_ours(const stat_result *s) {
  return s->st_uid == geteuid() && (s->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}
#endif

// ---- what is found where

bool gk_path_join(char *path, const char *folder, const char *name) {
  size_t n = strlen(folder);
  bool ended = n && strchr(SEPARATORS, folder[n - 1]);
  return (size_t)snprintf(path, GK_PATH_BYTES, "%s%s%s", folder, ended ? "" : "/", name) <
         GK_PATH_BYTES;
}

bool gk_path_real(const char *path, char *real) {
#if defined(_WIN32)
  return _fullpath(real, path, GK_PATH_BYTES) != NULL && gk_path_exists(real);
#else
  char *found = realpath(path, NULL);
  bool fits = found && strlen(found) < GK_PATH_BYTES;
  if (fits) memcpy(real, found, strlen(found) + 1);
  free(found);
  return fits;
#endif
}

bool gk_path_exists(const char *path) {
  stat_result s;
  return stat_path(path, &s) == 0;
}

bool gk_file_info_of(const char *path, gk_file_info *info) {
  stat_result s;
  if (stat_path(path, &s) != 0 || !S_ISREG(s.st_mode)) return false;
  *info = (gk_file_info){(uint64_t)s.st_size, modified(&s)};
  return true;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

bool gk_folder_list(const char *folder, void (*entry)(const char *name, void *context),
                    void *context) {
  DIR *dir = opendir(folder);
  if (!dir) return false;
  char **names = NULL;
  size_t count = 0, room = 0;
  for (struct dirent *e; (e = readdir(dir));) {
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
    if (count == room) {
      char **more = realloc(names, (room = room ? 2 * room : 64) * sizeof *names);
      if (!more) break;
      names = more;
    }
    if (!(names[count] = strdup(e->d_name))) break;
    count++;
  }
  closedir(dir);
  if (count) qsort(names, count, sizeof *names, compare_names);
  for (size_t i = 0; i < count; i++) {
    entry(names[i], context);
    free(names[i]);
  }
  free(names);
  return true;
}

typedef struct match {
  const char *folder, *part, *rest; // of the pattern: the part with the star, and what follows it
  size_t part_length;
  void (*found)(const char *path, void *context);
  void *context;
} match;

static void match_name(const char *name, void *context) {
  const match *m = context;
  const char *star = memchr(m->part, '*', m->part_length);
  size_t before = (size_t)(star - m->part), after = m->part_length - before - 1, n = strlen(name);
  char path[GK_PATH_BYTES], whole[GK_PATH_BYTES];
  if (n < before + after || memcmp(name, m->part, before) ||
      memcmp(name + n - after, star + 1, after) || !gk_path_join(path, m->folder, name))
    return;
  if ((size_t)snprintf(whole, sizeof whole, "%s%s", path, m->rest) < sizeof whole)
    gk_path_match(whole, m->found, m->context);
}

void gk_path_match(const char *pattern, void (*found)(const char *path, void *context),
                   void *context) {
  const char *star = strchr(pattern, '*');
  if (!star) {
    if (gk_path_exists(pattern)) found(pattern, context);
    return;
  }
  const char *part = star, *rest = star + strcspn(star, SEPARATORS);
  while (part > pattern && !strchr(SEPARATORS, part[-1])) part--;
  char folder[GK_PATH_BYTES];
  if ((size_t)snprintf(folder, sizeof folder, "%.*s", (int)(part - pattern), pattern) >=
      sizeof folder)
    return;
  match m = {folder, part, rest, (size_t)(rest - part), found, context};
  gk_folder_list(*folder ? folder : ".", match_name, &m);
}

// ---- of the user alone

// Makes `path` and what is missing above it.
static bool make_folders(char *path) {
  if (make_folder(path) == 0 || errno == EEXIST) return true;
  if (errno != ENOENT) return false;
  char *end = path + strlen(path) - 1;
  while (end > path && !strchr(SEPARATORS, *end)) end--;
  if (end <= path) return false;
  char separator = *end;
  *end = 0;
  bool made = make_folders(path);
  *end = separator;
  return made && (make_folder(path) == 0 || errno == EEXIST);
}

bool gk_folder_private(const char *folder, char *why, size_t bytes) {
  char path[GK_PATH_BYTES];
  stat_result s;
  if ((size_t)snprintf(path, sizeof path, "%s", folder) >= sizeof path) {
    snprintf(why, bytes, "%.200s... is too long for a path", folder);
  } else if (!make_folders(path) || stat_path(path, &s) != 0) {
    snprintf(why, bytes, "%s cannot be made: %s", folder, strerror(errno));
  } else if (!S_ISDIR(s.st_mode)) {
    snprintf(why, bytes, "%s is no folder", folder);
  } else if (!only_ours(&s)) {
    snprintf(why, bytes, "%s belongs to another user, or others may write to it", folder);
  } else if (access(path, W_OK) != 0) {
    snprintf(why, bytes, "%s cannot be written: %s", folder, strerror(errno));
  } else {
    return true;
  }
  return false;
}

static bool read_all(int file, char *data, size_t bytes) {
  while (bytes) {
    int part = (int)read(file, data, bytes < 1 << 30 ? (unsigned)bytes : 1u << 30);
    if (part <= 0 && !(part < 0 && errno == EINTR)) return false;
    if (part > 0) data += part, bytes -= (size_t)part;
  }
  return true;
}

static bool write_all(int file, const char *data, size_t bytes) {
  while (bytes) {
    int part = (int)write(file, data, bytes < 1 << 30 ? (unsigned)bytes : 1u << 30);
    if (part <= 0 && !(part < 0 && errno == EINTR)) return false;
    if (part > 0) data += part, bytes -= (size_t)part;
  }
  return true;
}

void *gk_file_read_private(const char *path, size_t most, size_t *bytes) {
  int file = open(path, O_RDONLY | OPEN_FLAGS);
  if (file < 0) return NULL;
  stat_result s;
  void *data = NULL;
  if (stat_file(file, &s) == 0 && S_ISREG(s.st_mode) && only_ours(&s) && s.st_size > 0 &&
      (uint64_t)s.st_size <= most && (data = malloc((size_t)s.st_size))) {
    *bytes = (size_t)s.st_size;
    if (read_all(file, data, *bytes)) {
      touch(path, file);
    } else {
      free(data);
      data = NULL;
    }
  }
  close(file);
  return data;
}

bool gk_file_write_private(const char *folder, const char *name, const void *data, size_t bytes) {
  static _Atomic uint32_t count;
  char partial[96], from[GK_PATH_BYTES], to[GK_PATH_BYTES];
  snprintf(partial, sizeof partial, GK_FILE_PARTIAL "%ld-%u-%llx", (long)getpid(),
           atomic_fetch_add(&count, 1), (unsigned long long)gk_now_ns());
  if (!gk_path_join(from, folder, partial) || !gk_path_join(to, folder, name)) return false;
  int file = open(from, O_WRONLY | O_CREAT | O_EXCL | OPEN_FLAGS, 0600);
  if (file < 0) return false;
  bool written = write_all(file, data, bytes) && flush(file) == 0;
  written = close(file) == 0 && written && replace(from, to);
  if (!written) gk_file_remove(from);
  return written;
}

double gk_file_age(const char *path) {
  stat_result s;
  if (stat_path(path, &s) != 0) return -1;
  double age = difftime(time(NULL), s.st_mtime);
  return age > 0 ? age : 0;
}

void gk_file_remove(const char *path) { (void)!unlink(path); }
