// Finds NVRTC: lists the folders where it may lie, and opens the newest first. Which version a file is tell its
// name and that of libnvrtc-builtins beside it, so that no library is opened that is not wanted.
#include "nvrtc_library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/threads.h"
#include "driver.h"

#if defined(_WIN32)
#undef OPTIONAL
#else
#include <dlfcn.h>
#endif

// ---- where it may lie

// Folders, with one `*` in a part, below the folders that a variable of the environment lists.
typedef struct place {
  const char *variable, *below;
} place;

#if defined(_WIN32)
#define LIST_SEPARATOR ';'
#define WHEELS "nvidia/cu*/bin"
static const place places[] = {
    {"VIRTUAL_ENV", "Lib/site-packages/" WHEELS},
    {"VIRTUAL_ENV", "Lib/site-packages/" WHEELS "/x86_64"},
    {"CONDA_PREFIX", "Lib/site-packages/" WHEELS},
    {"CONDA_PREFIX", "Lib/site-packages/" WHEELS "/x86_64"},
    {"CONDA_PREFIX", "Library/bin"},
    {NULL, ".venv/Lib/site-packages/" WHEELS},
    {NULL, ".venv/Lib/site-packages/" WHEELS "/x86_64"},
    {"APPDATA", "Python/Python3*/site-packages/" WHEELS},
    {"APPDATA", "Python/Python3*/site-packages/" WHEELS "/x86_64"},
    {"LOCALAPPDATA", "Programs/Python/Python3*/Lib/site-packages/" WHEELS},
    {"LOCALAPPDATA", "Programs/Python/Python3*/Lib/site-packages/" WHEELS "/x86_64"},
    {"CUDA_PATH", "bin"},
    {"CUDA_PATH", "bin/x64"},
    {"CUDA_HOME", "bin"},
    {"CUDA_HOME", "bin/x64"},
    {"ProgramFiles", "NVIDIA GPU Computing Toolkit/CUDA/v*/bin"},
    {"ProgramFiles", "NVIDIA GPU Computing Toolkit/CUDA/v*/bin/x64"},
    {"PATH", ""},
};
static const char *const system_names[] = {"nvrtc64_130_0.dll", "nvrtc64_120_0.dll"};
#define SEARCHED                                                                                   \
  "packages of Python (VIRTUAL_ENV, CONDA_PREFIX, .venv, the user's), toolkits (CUDA_PATH, "       \
  "CUDA_HOME, Program Files) and PATH"
#else
#define LIST_SEPARATOR ':'
#define WHEELS "python3*/*-packages/nvidia/cu*/lib"
static const place places[] = {
    {"VIRTUAL_ENV", "lib/" WHEELS},
    {"CONDA_PREFIX", "lib/" WHEELS},
    {"CONDA_PREFIX", "lib"},
    {"CONDA_PREFIX", "targets/*/lib"},
    {NULL, ".venv/lib/" WHEELS},
    {"HOME", ".local/lib/" WHEELS},
    {NULL, "/usr/local/lib/" WHEELS},
    {NULL, "/usr/lib/" WHEELS},
    {"CUDA_PATH", "lib64"},
    {"CUDA_PATH", "lib"},
    {"CUDA_HOME", "lib64"},
    {"CUDA_HOME", "lib"},
    {NULL, "/usr/local/cuda*/lib64"},
    {NULL, "/opt/cuda/lib64"},
    {"LD_LIBRARY_PATH", ""},
    {NULL, "/usr/lib/*-linux-gnu"},
    {NULL, "/usr/lib64"},
    {NULL, "/usr/lib"},
};
// What the system's loader knows besides.
static const char *const system_names[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"};
#define SEARCHED                                                                                   \
  "packages of Python (VIRTUAL_ENV, CONDA_PREFIX, .venv, ~/.local, /usr/local, /usr), toolkits "   \
  "(CUDA_PATH, CUDA_HOME, /usr/local/cuda*) and the system's libraries"
#endif
#define REMEDY                                                                                     \
  "install it with `pip install nvidia-cuda-nvrtc`, or set GPUKIT_LIBNVRTC to the library's path"

typedef struct candidate {
  char path[GK_PATH_BYTES];
  int version, order; // 13050 for 13.5
} candidate;

typedef struct search {
  candidate *found;
  int count, room;
  candidate best; // of the folder that is read
  int builtins; // the version of the newest there
  const char *folder;
} search;

// The version in the name of NVRTC's library, or of its builtins; -1: it is neither.
static int version_of(const char *name, bool *builtins) {
#if defined(_WIN32)
  int number = 0, end = 0;
  *builtins = sscanf(name, "nvrtc-builtins64_%d.dll%n", &number, &end) == 1 && end && !name[end];
  if (*builtins) return number / 10 * 1000 + number % 10 * 10;
  if (sscanf(name, "nvrtc64_%d_0.dll%n", &number, &end) == 1 && end && !name[end])
    return number / 10 * 1000 + number % 10 * 10;
  return -1;
#else
  static const char *const stems[] = {"libnvrtc.so", "libnvrtc-builtins.so"};
  for (int i = 0; i < 2; i++) {
    size_t n = strlen(stems[i]);
    if (strncmp(name, stems[i], n)) continue;
    int major = 0, minor = 0;
    if (name[n] && sscanf(name + n, ".%d.%d", &major, &minor) < 1) continue;
    *builtins = i == 1;
    return major * 1000 + minor * 10;
  }
  return -1;
#endif
}

static void note_name(const char *name, void *context) {
  search *s = context;
  bool builtins = false;
  int version = version_of(name, &builtins);
  if (version < 0) return;
  if (builtins) {
    if (version > s->builtins) s->builtins = version;
  } else if (version > s->best.version && gk_path_join(s->best.path, s->folder, name)) {
    s->best.version = version;
  }
}

static void search_folder(const char *folder, void *context) {
  search *s = context;
  s->folder = folder;
  s->builtins = 0;
  s->best = (candidate){.version = -1, .order = s->count};
  gk_folder_list(folder, note_name, s);
  if (s->best.version < 0) return;
  // "libnvrtc.so.13" does not tell which 13 it is.
  if (s->builtins > s->best.version &&
      (s->best.version == 0 || s->best.version / 1000 == s->builtins / 1000))
    s->best.version = s->builtins;
  if (s->count == s->room) {
    candidate *more = realloc(s->found, (size_t)(s->room = 2 * s->room + 8) * sizeof *more);
    if (!more) return;
    s->found = more;
  }
  s->found[s->count++] = s->best;
}

static void search_place(const place *p, search *s) {
  if (!p->variable) {
    gk_path_match(p->below, search_folder, s);
    return;
  }
  const char *list = getenv(p->variable);
  while (list && *list) {
    size_t n = strcspn(list, (const char[]){LIST_SEPARATOR, 0});
    char folder[GK_PATH_BYTES], pattern[GK_PATH_BYTES];
    if (n && n < sizeof folder) {
      memcpy(folder, list, n);
      folder[n] = 0;
      if (*p->below ? gk_path_join(pattern, folder, p->below)
                    : snprintf(pattern, sizeof pattern, "%s", folder) > 0)
        gk_path_match(pattern, search_folder, s);
    }
    list += n + (list[n] != 0);
  }
}

static int newest_first(const void *a, const void *b) {
  const candidate *x = a, *y = b;
  return x->version != y->version ? y->version - x->version : x->order - y->order;
}

// ---- opening

static gk_nvrtc nvrtc;
static char problem[1200];

// Up to the name of a file, without the separator.
static void folder_of(const char *path, char *folder) {
  snprintf(folder, GK_PATH_BYTES, "%s", path);
  char *end = folder + strlen(folder);
  while (end > folder && *end != '/' && *end != '\\') end--;
  *end = 0;
}

#if defined(_WIN32)
#define BUILTINS "nvrtc-builtins64_%d%d.dll"
static void *open_path(const char *path, char *why, size_t bytes) {
  bool whole = strpbrk(path, "/\\") != NULL;
  void *library = (void *)LoadLibraryExA(path, NULL, whole ? LOAD_WITH_ALTERED_SEARCH_PATH : 0);
  if (!library) snprintf(why, bytes, "error %lu of the system", GetLastError());
  return library;
}
static void close_library(void *library) { FreeLibrary(library); }
static void path_of(void *library, const char *asked) {
  if (!GetModuleFileNameA(library, nvrtc.path, sizeof nvrtc.path))
    snprintf(nvrtc.path, sizeof nvrtc.path, "%s", asked);
}
#else
#define BUILTINS "libnvrtc-builtins.so.%d.%d"
static void *open_path(const char *path, char *why, size_t bytes) {
  void *library = gk_library_open(path);
  if (!library) {
    const char *text = dlerror();
    snprintf(why, bytes, "%s", text ? text : "no reason given");
  }
  return library;
}
static void close_library(void *library) { dlclose(library); }
static void path_of(void *library, const char *asked) {
  Dl_info info;
  void *function = gk_library_find(library, "nvrtcVersion");
  if (!dladdr(function, &info) || !gk_path_real(info.dli_fname, nvrtc.path))
    snprintf(nvrtc.path, sizeof nvrtc.path, "%s", asked);
}
#endif

// The first function that is missing; NULL: none.
static const char *fill_table(void *library, int *since) {
  const char *missing = NULL;
  // Functions are called through the type that the table gives each.
#define OPTIONAL(version, result, name, parameters)                                                \
  *(void **)(void *)&nvrtc.name = gk_library_find(library, #name);
#define NEEDED(version, result, name, parameters)                                                  \
  OPTIONAL(version, result, name, parameters)                                                      \
  if (!nvrtc.name && !missing) missing = #name, *since = version;
  GK_NVRTC_FUNCTIONS(NEEDED, OPTIONAL)
#undef NEEDED
#undef OPTIONAL
  return missing;
}

static bool read_architectures(void) {
  int count = 0;
  if (nvrtc.nvrtcGetNumSupportedArchs(&count) != NVRTC_SUCCESS || count <= 0) return false;
  int *all = malloc((size_t)count * sizeof *all);
  bool read = all && nvrtc.nvrtcGetSupportedArchs(all) == NVRTC_SUCCESS;
  nvrtc.architecture_count = count < GK_NVRTC_ARCHITECTURES ? count : GK_NVRTC_ARCHITECTURES;
  for (int i = 0; read && i < nvrtc.architecture_count; i++)
    nvrtc.architectures[i] = all[count - nvrtc.architecture_count + i];
  free(all);
  return read;
}

// Is the library one that can be used? With the reason why not.
static bool accept(void *library, const char *path, char *why, size_t bytes) {
  int since = 0, driver = gk_cuda_driver_version / 1000;
  const char *missing = fill_table(library, &since);
  if (!nvrtc.nvrtcVersion || nvrtc.nvrtcVersion(&nvrtc.major, &nvrtc.minor) != NVRTC_SUCCESS) {
    snprintf(why, bytes, "it is no NVRTC: it has no nvrtcVersion that answers");
  } else if (nvrtc.major < GK_NVRTC_MAJOR) {
    snprintf(why, bytes,
             "it is of CUDA %d.%d, and %d.0 or later is needed, which compiles for "
             "sm_90a",
             nvrtc.major, nvrtc.minor, GK_NVRTC_MAJOR);
  } else if (driver && nvrtc.major > driver) {
    // Drivers load what any compiler of their own major version has made, and of older ones.
    snprintf(why, bytes,
             "it is of CUDA %d.%d, and the driver of %d.%d does not load what it "
             "makes; update the driver, or install nvidia-cuda-nvrtc==%d.*",
             nvrtc.major, nvrtc.minor, driver, gk_cuda_driver_version % 1000 / 10, driver);
  } else if (missing) {
    snprintf(why, bytes, "it is of CUDA %d.%d and lacks %s, which is there since %d.%d",
             nvrtc.major, nvrtc.minor, missing, since / 1000, since % 1000 / 10);
  } else if (!read_architectures()) {
    snprintf(why, bytes, "it names no architectures");
  } else {
    path_of(library, path);
    return true;
  }
  return false;
}

// NVRTC asks for it by name when it first compiles, which not every loader finds beside it; what is in the
// process already is found.
static void open_builtins(void) {
  char folder[GK_PATH_BYTES], name[64], path[GK_PATH_BYTES];
  folder_of(nvrtc.path, folder);
  snprintf(name, sizeof name, BUILTINS, nvrtc.major, nvrtc.minor);
  if (*folder && gk_path_join(path, folder, name) && gk_path_exists(path)) gk_library_open(path);
}

static bool try_path(const char *path, char *why, size_t bytes) {
  void *library = open_path(path, why, bytes);
  if (!library) return false;
  if (accept(library, path, why, bytes)) return true;
  close_library(library);
  return false;
}

static bool open_found(void) {
  search s = {.count = 0};
  char why[512], first[1024] = "";
  bool done = false;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) search_place(&places[i], &s);
  if (s.count) qsort(s.found, (size_t)s.count, sizeof *s.found, newest_first);
  for (int i = 0; i < s.count && !done; i++) {
    done = try_path(s.found[i].path, why, sizeof why);
    if (!done && !*first) snprintf(first, sizeof first, "%.400s: %s", s.found[i].path, why);
  }
  free(s.found);
  for (size_t i = 0; i < sizeof system_names / sizeof *system_names && !done; i++)
    done = try_path(system_names[i], why, sizeof why);
  if (done) return true;
  if (*first)
    snprintf(problem, sizeof problem, "NVRTC cannot be used (%s); " REMEDY, first);
  else
    snprintf(problem, sizeof problem,
             "NVRTC, NVIDIA's compiler as a library, was not found in " SEARCHED "; " REMEDY);
  return false;
}

// ---- headers

static bool headers_in(const char *folder) {
  char path[GK_PATH_BYTES];
  if (!gk_path_join(path, folder, "cuda_fp16.h") || !gk_path_exists(path) ||
      !gk_path_real(folder, nvrtc.headers))
    return false;
  // nv/target, which cuda_fp16.h of CUDA 12 includes: where CUDA 13 has it, and the wheels of 12.
  static const char *const beside[] = {"cccl", "../../cuda_cccl/include"};
  for (int i = 0; i < 2; i++) {
    char target[GK_PATH_BYTES];
    if (gk_path_join(path, nvrtc.headers, beside[i]) && gk_path_join(target, path, "nv/target") &&
        gk_path_exists(target) && gk_path_real(path, nvrtc.headers2))
      return true;
  }
  return true;
}

// Beside the library first, since those are of its version. One that brings headers along
// (nvrtcInstallBundledHeaders) needs no others.
static void find_headers(void) {
  static const char *const beside[] = {"../include", "../../include", "../../../include",
                                       "../../cuda_runtime/include"};
  char folder[GK_PATH_BYTES], path[GK_PATH_BYTES];
  folder_of(nvrtc.path, folder);
  for (size_t i = 0; *folder && i < sizeof beside / sizeof *beside; i++)
    if (gk_path_join(path, folder, beside[i]) && headers_in(path)) return;
  if (nvrtc.nvrtcInstallBundledHeaders) return;
  static const char *const variables[] = {"CUDA_PATH", "CUDA_HOME"};
  for (int i = 0; i < 2; i++) {
    const char *toolkit = getenv(variables[i]);
    if (toolkit && *toolkit && gk_path_join(path, toolkit, "include") && headers_in(path)) return;
  }
#if !defined(_WIN32)
  headers_in("/usr/local/cuda/include");
#endif
}

static bool open_once(void) {
  const char *given = getenv("GPUKIT_LIBNVRTC");
  if (given && *given) {
    char why[512];
    if (!try_path(given, why, sizeof why)) {
      snprintf(problem, sizeof problem, "GPUKIT_LIBNVRTC=%.400s cannot be used: %s", given, why);
      return false;
    }
  } else if (!open_found()) {
    return false;
  }
  if (!gk_file_info_of(nvrtc.path, &nvrtc.file)) nvrtc.file = (gk_file_info){0, 0};
  open_builtins();
  find_headers();
  return true;
}

const gk_nvrtc *gk_nvrtc_open(const char **why) {
  static gk_mutex lock = GK_MUTEX_INIT;
  static bool tried, ready;
  gk_mutex_lock(&lock);
  if (!tried) ready = open_once();
  tried = true;
  gk_mutex_unlock(&lock);
  *why = problem;
  return ready ? &nvrtc : NULL;
}
