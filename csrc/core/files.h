// Files and folders, the same on POSIX and Windows: what is found where, and files that belong to the user
// alone.
#ifndef GK_CORE_FILES_H
#define GK_CORE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GK_PATH_BYTES 1024

// "folder/name" in `path`, which has GK_PATH_BYTES; false: there is no room.
bool gk_path_join(char *path, const char *folder, const char *name);
// Its absolute form without links; false: there is nothing.
bool gk_path_real(const char *path, char *real);
bool gk_path_exists(const char *path);

typedef struct gk_file_info {
  uint64_t bytes;
  int64_t modified; // in whatever unit; equal where nobody wrote to it
} gk_file_info;
bool gk_file_info_of(const char *path, gk_file_info *info); // false: it is no file

// Calls `entry` for each name in a folder but "." and "..", in the order of bytes. False: there is none.
bool gk_folder_list(const char *folder, void (*entry)(const char *name, void *context),
                    void *context);
// Calls `found` for each path that the pattern fits, where a part of it may hold one `*`.
void gk_path_match(const char *pattern, void (*found)(const char *path, void *context),
                   void *context);

// ---- of the user alone

// Makes a folder for the user alone, and those above it. False with the reason: it could not be made or
// written, or others may write to it.
bool gk_folder_private(const char *folder, char *why, size_t bytes);
// The file's bytes, malloc'd; NULL: there is none of at most `most` bytes that only the user may write. Notes
// that it was used.
void *gk_file_read_private(const char *path, size_t most, size_t *bytes);
// Writes `name` in a folder: all of it or nothing, also when two do it at once.
bool gk_file_write_private(const char *folder, const char *name, const void *data, size_t bytes);
// How long ago it was written or used; -1: there is none.
double gk_file_age(const char *path);
void gk_file_remove(const char *path);
// What unfinished files of gk_file_write_private are called.
#define GK_FILE_PARTIAL "partial-"

#endif
