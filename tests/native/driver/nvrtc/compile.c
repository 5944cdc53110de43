// From a source to a library of the CPU, in three steps, each a run of the compiler:
//
//   1. the source is preprocessed as it is, so that kernels behind macros and conditions are seen
//   2. what scan.c and registry.c made of it is compiled, with user_shim.h before it
//   3. the object becomes a library, whose calls of the stand-in stay open
//
// Where the second step has something to say, the source itself is looked at once more, since its columns
// are those of the author. What came out is kept under the hash of the preprocessed text.
#include "nvrtc.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define MOST_KEPT 512 // files in the cache

// ---- files

static bool read_file(const char *path, text *to) {
  FILE *f = fopen(path, "rb");
  if (f == NULL) return false;
  char part[65536];
  size_t count;
  while ((count = fread(part, 1, sizeof part, f)) > 0) text_bytes(to, part, count);
  const bool ok = ferror(f) == 0;
  fclose(f);
  return ok;
}

static bool write_file(const char *path, const char *bytes, size_t count) {
  FILE *f = fopen(path, "wb");
  if (f == NULL) return false;
  const bool ok = fwrite(bytes, 1, count, f) == count;
  return fclose(f) == 0 && ok;
}

static void remove_folder(const char *path) {
  DIR *folder = opendir(path);
  for (struct dirent *e; folder != NULL && (e = readdir(folder)) != NULL;) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    text inner = {0};
    text_add(&inner, "%s/%s", path, e->d_name);
    if (unlink(inner.at) != 0) remove_folder(inner.at);
    text_free(&inner);
  }
  if (folder != NULL) closedir(folder);
  rmdir(path);
}

// Makes the folders that a file lies in.
static void make_folders(const char *file) {
  char *path = strdup(file);
  for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
    *slash = '\0';
    mkdir(path, 0700);
    *slash = '/';
  }
  free(path);
}

// The folder of this library, where user_shim.h lies in shim/.
static void add_own_folder(text *to) {
  Dl_info own;
  if (!dladdr((void *)(uintptr_t)add_own_folder, &own)) return;
  const char *slash = strrchr(own.dli_fname, '/');
  text_bytes(to, own.dli_fname, slash == NULL ? 0 : (size_t)(slash - own.dli_fname));
  if (slash == NULL) text_add(to, ".");
}

// ---- the compiler

typedef struct work {
  char folder[64]; // of temporary files
  text shim; // folder of user_shim.h
  program *program;
  const options *options;
} work;

static void add_path(list *l, const work *w, const char *before, const char *name) {
  text t = {0};
  text_add(&t, "%s%s/%s", before, w->folder, name);
  list_add(l, text_of(&t));
  text_free(&t);
}

static void add_all(list *l, const char *const *items) {
  for (; *items != NULL; items++) list_add(l, *items);
}

// What the compiler says goes to `said`; false if it failed or could not be started.
static bool run(const list *arguments, const work *w, text *said) {
  text path = {0};
  text_add(&path, "%s/said", w->folder);
  char **argv = calloc(arguments->count + 1, sizeof *argv);
  if (argv == NULL) abort();
  memcpy(argv, arguments->at, arguments->count * sizeof *argv);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, 2, path.at, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t child;
  int status = -1;
  const int failed = posix_spawnp(&child, argv[0], &files, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) {
    text_add(said, "%s: %s\n", argv[0], strerror(failed));
  } else {
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    read_file(path.at, said);
  }
  free(argv);
  text_free(&path);
  return failed == 0 && status == 0;
}

// Zig's clang and linker are parts of one program; another clang finds its linker itself.
static void add_compiler(list *l) {
  const char *chosen = getenv("STANDIN_CXX");
  if (chosen != NULL && chosen[0] != '\0') {
    list_add(l, chosen);
  } else {
    list_add(l, STANDIN_ZIG);
    list_add(l, "clang");
  }
}

static void add_linker(list *l) {
  const char *chosen = getenv("STANDIN_CXX");
  if (chosen != NULL && chosen[0] != '\0') {
    list_add(l, chosen);
    list_add(l, "-nostdlib");
  } else {
    list_add(l, STANDIN_ZIG);
    list_add(l, "ld.lld");
  }
}

// What NVRTC defines, and what it does not.
static const char *const macros[] = {
    "-D__CUDACC__=1",
    "-D__CUDACC_RTC__=1",
    "-D__CUDACC_VER_MAJOR__=13",
    "-D__CUDACC_VER_MINOR__=5",
    "-DNULL=0",
    "-DSTANDIN=1",
    "-Dassert(e)=((e)?(void)0:standin_assert(#e,__FILE__,__LINE__,__func__))",
    "-U__x86_64__",
    "-U__x86_64",
    "-U__amd64__",
    "-U__amd64",
    "-U__aarch64__",
    "-U__linux__",
    "-U__linux",
    "-Ulinux",
    "-U__gnu_linux__",
    "-U__unix__",
    "-U__unix",
    "-Uunix",
    "-U__GNUC__",
    "-U__clang__",
    "-U__FLT_MAX__",
    "-D__CUDA_ARCH_FEAT_SM90_ALL=1",
    NULL};

static void add_language(list *l, const work *w) {
  // Registers of templates need C++17; newer sources may need more.
  const int standard = w->options->standard < 17 ? 17 : w->options->standard;
  text t = {0};
  text_add(&t, "-std=c++%d", standard);
  list_add(l, t.at);
  text_free(&t);
  add_all(l, (const char *const[]){"-x", "c++", "-nostdinc", "-nostdinc++", "-fno-exceptions",
                                   "-fno-rtti", "-fno-color-diagnostics", "-ferror-limit=100",
                                   "-fno-diagnostics-fixit-info", "-fno-diagnostics-show-option",
                                   "-fno-diagnostics-show-line-numbers", "-Wno-everything", NULL});
  if (!w->options->no_warnings) {
    add_all(l, (const char *const[]){"-Wunused-variable", "-Wuninitialized", "-Wdivision-by-zero",
                                     "-Wreturn-type", "-W#warnings", NULL});
  }
}

static void add_user_flags(list *l, const work *w) {
  const options *o = w->options;
  add_path(l, w, "-I", "headers");
  text t = {0};
  text_add(&t, "-D__CUDA_ARCH__=%u", o->arch * 10);
  list_add(l, t.at);
  text_free(&t);
  add_all(l, macros);
  for (size_t i = 0; i < o->flags.count; i++) {
    // NVIDIA's headers of half types are full of PTX: the twin's stand in for them.
    text nvidia = {0};
    text_add(&nvidia, "%s/cuda_fp16.h", o->flags.at[i] + 2);
    if (strncmp(o->flags.at[i], "-I", 2) == 0 && access(nvidia.at, R_OK) == 0) {
      text include = {0};
      text_add(&include, "-I%s/../../include", text_of(&w->shim));
      list_add(l, include.at);
      text_free(&include);
    }
    text_free(&nvidia);
    list_add(l, o->flags.at[i]);
  }
  for (size_t i = 0; i < o->includes.count; i++) {
    list_add(l, "-include");
    list_add(l, o->includes.at[i]);
  }
}

static void add_shim(list *l, const work *w) {
  text t = {0};
  text_add(&t, "-I%s", text_of(&w->shim));
  list_add(l, t.at);
  text_free(&t);
  add_all(l, (const char *const[]){"-include", "user_shim.h", NULL});
}

static const char *const code_flags[] = {
    "-c",
    "-fPIC",
    "-O1",
    "-g1",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-fno-trapping-math",
    "-fno-math-errno",
    "-fno-threadsafe-statics",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
#ifdef STANDIN_CHECKED
    "-DSTANDIN_CHECKED",
    "-Xclang",
    "-fsanitize=thread,alignment,array-bounds,shift-exponent,integer-divide-by-zero,"
    "float-cast-overflow",
    "-Xclang",
    "-fno-sanitize-recover=all",
    "-mllvm",
    "-tsan-distinguish-volatile=1",
    "-mllvm",
    "-tsan-instrument-func-entry-exit=0",
#endif
    NULL};

// ---- the steps

static bool write_sources(const work *w) {
  text path = {0}, source = {0};
  text_add(&path, "%s/headers/", w->folder);
  make_folders(path.at);
  bool ok = true;
  for (size_t i = 0; i < w->program->headers.count && ok; i++) {
    const char *name = w->program->header_names.at[i];
    text_free(&path);
    text_add(&path, "%s/headers/%s", w->folder, name);
    text_free(&source);
    text_add(&source, "#line 1 \"%s\"\n%s", name, w->program->headers.at[i]);
    make_folders(path.at);
    ok = strstr(name, "..") == NULL && write_file(path.at, source.at, source.length);
  }
  text_free(&path);
  text_free(&source);
  text_add(&path, "%s/user.cu", w->folder);
  text_add(&source, "#line 1 \"%s\"\n%s\n", w->program->name, w->program->source);
  ok = ok && write_file(path.at, source.at, source.length);
  text_free(&path);
  text_free(&source);
  return ok;
}

static bool preprocess(const work *w, text *made, text *said) {
  list l = {0};
  add_compiler(&l);
  list_add(&l, "-E");
  add_language(&l, w);
  add_user_flags(&l, w);
  add_path(&l, w, "", "user.cu");
  list_add(&l, "-o");
  add_path(&l, w, "", "user.ii");
  const bool ok = run(&l, w, said) && read_file(l.at[l.count - 1], made);
  list_free(&l);
  return ok;
}

// The source itself, for its messages alone.
static void look_again(const work *w, text *said) {
  list l = {0};
  add_compiler(&l);
  list_add(&l, "-fsyntax-only");
  add_language(&l, w);
  add_user_flags(&l, w);
  add_shim(&l, w);
  add_path(&l, w, "", "user.cu");
  run(&l, w, said);
  list_free(&l);
}

static bool build(const work *w, const text *code, text *library, text *said) {
  list compile = {0}, link = {0};
  add_compiler(&compile);
  add_language(&compile, w);
  add_all(&compile, code_flags);
  add_shim(&compile, w);
  add_path(&compile, w, "", "code.cpp");
  list_add(&compile, "-o");
  add_path(&compile, w, "", "code.o");
  add_linker(&link);
  add_all(&link, (const char *const[]){"-shared", "-o", NULL});
  add_path(&link, w, "", "code.so");
  add_path(&link, w, "", "code.o");
  text source = {0};
  text_add(&source, "%s/code.cpp", w->folder);
  bool ok = write_file(source.at, code->at, code->length) && run(&compile, w, said);
  if (ok && !run(&link, w, said)) {
    text_add(&w->program->log, "%s", text_of(said));
    ok = false;
  }
  text_free(&source);
  text_add(&source, "%s/code.so", w->folder);
  ok = ok && read_file(source.at, library);
  text_free(&source);
  list_free(&compile);
  list_free(&link);
  return ok;
}

// ---- what was compiled before

typedef struct kept {
  char magic[16];
  uint64_t log_bytes, library_bytes, check;
} kept;

static void add_shim_hash(uint64_t *hash, const work *w) {
  static const char *const files[] = {"user_shim.h", "shim.h", "standin.h", "user_math.h", NULL};
  for (const char *const *file = files; *file != NULL; file++) {
    text path = {0}, content = {0};
    text_add(&path, "%s/%s", text_of(&w->shim), *file);
    if (read_file(path.at, &content)) *hash = standin_hash(*hash, content.at, content.length);
    text_free(&path);
    text_free(&content);
  }
}

// Where it would be kept, "" for nowhere.
static text kept_path(const work *w, const text *code) {
  text path = {0};
  const char *on = getenv("STANDIN_CACHE"), *cache = getenv("XDG_CACHE_HOME"),
             *home = getenv("HOME");
  if ((on != NULL && strcmp(on, "0") == 0) || (cache == NULL && home == NULL)) return path;
  uint64_t hash[2] = {0, 1};
  add_shim_hash(&hash[0], w);
  const char *chosen = getenv("STANDIN_CXX");
  if (chosen == NULL) chosen = STANDIN_ZIG;
  for (int i = 0; i < 2; i++) {
    hash[i] = standin_hash(hash[i] + hash[0], code->at, code->length);
    hash[i] = standin_hash(hash[i], chosen, strlen(chosen));
    hash[i] = standin_hash(hash[i], w->program->source, strlen(w->program->source));
    hash[i] = standin_hash(hash[i], &w->options->standard, sizeof w->options->standard);
    hash[i] = standin_hash(hash[i], &w->options->no_warnings, sizeof w->options->no_warnings);
    for (const char *const *f = code_flags; *f != NULL; f++) {
      hash[i] = standin_hash(hash[i], *f, strlen(*f));
    }
  }
  if (cache != NULL && cache[0] != '\0') {
    text_add(&path, "%s", cache);
  } else {
    text_add(&path, "%s/.cache", home);
  }
  text_add(&path, "/gpukit/standin/%016llx%016llx", (unsigned long long)hash[0],
           (unsigned long long)hash[1]);
  return path;
}

static bool take_kept(const text *path, text *log, text *library) {
  text content = {0};
  kept head;
  bool ok = path->length > 0 && read_file(path->at, &content) && content.length >= sizeof head;
  if (ok) {
    memcpy(&head, content.at, sizeof head);
    ok = memcmp(head.magic, "gpukit twin 1\0\0", sizeof head.magic) == 0 &&
         head.log_bytes + head.library_bytes == content.length - sizeof head &&
         standin_hash(0, content.at + sizeof head, content.length - sizeof head) == head.check;
  }
  if (ok) {
    text_bytes(log, content.at + sizeof head, head.log_bytes);
    text_bytes(library, content.at + sizeof head + head.log_bytes, head.library_bytes);
    utimensat(AT_FDCWD, path->at, NULL, 0); // it was used
  }
  text_free(&content);
  return ok;
}

typedef struct aged {
  struct timespec used;
  char *path;
} aged;

static int by_age(const void *a, const void *b) {
  const struct timespec *x = &((const aged *)a)->used, *y = &((const aged *)b)->used;
  if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? -1 : 1;
  return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

// Of more than MOST_KEPT files the older half goes.
static void thin_out(const char *file) {
  char *folder_path = strndup(file, (size_t)(strrchr(file, '/') - file));
  DIR *folder = opendir(folder_path);
  aged *all = NULL;
  size_t count = 0;
  for (struct dirent *e; folder != NULL && (e = readdir(folder)) != NULL;) {
    struct stat status;
    text path = {0};
    text_add(&path, "%s/%s", folder_path, e->d_name);
    if (stat(path.at, &status) == 0 && S_ISREG(status.st_mode)) {
      all = realloc(all, (count + 1) * sizeof *all);
      if (all == NULL) abort();
      all[count++] = (aged){status.st_mtim, path.at};
    } else {
      text_free(&path);
    }
  }
  if (folder != NULL) closedir(folder);
  if (count > MOST_KEPT) {
    qsort(all, count, sizeof *all, by_age);
    for (size_t i = 0; i < count / 2; i++) unlink(all[i].path);
  }
  for (size_t i = 0; i < count; i++) free(all[i].path);
  free(all);
  free(folder_path);
}

static void keep(const text *path, const text *log, const text *library) {
  if (path->length == 0) return;
  text content = {0}, temporary = {0};
  kept head = {
      .magic = "gpukit twin 1", .log_bytes = log->length, .library_bytes = library->length};
  text_bytes(&content, &head, sizeof head);
  text_bytes(&content, text_of(log), log->length);
  text_bytes(&content, library->at, library->length);
  head.check = standin_hash(0, content.at + sizeof head, content.length - sizeof head);
  memcpy(content.at, &head, sizeof head);
  text_add(&temporary, "%s.%d", path->at, (int)getpid());
  make_folders(path->at);
  if (!write_file(temporary.at, content.at, content.length) ||
      rename(temporary.at, path->at) != 0) {
    unlink(temporary.at);
  }
  thin_out(path->at);
  text_free(&content);
  text_free(&temporary);
}

// ---- all of it

static nvrtcResult fail(const work *w, uint32_t errors) {
  log_summary(&w->program->log, w->program, errors,
              strstr(text_of(&w->program->log), "): catastrophic error:") != NULL);
  return NVRTC_ERROR_COMPILATION;
}

// What the compiler said of the code, in the columns of the source. Of what was put behind the source, and
// is wrong there alone, only the code's messages tell.
static uint32_t explain(const work *w, const text *said_of_code, bool built) {
  uint32_t errors = 0;
  text said = {0}, translated = {0};
  look_again(w, &said);
  log_translate(&translated, w->program, text_of(&said), &errors);
  if (errors == 0 && !built) {
    text_free(&translated);
    log_translate(&translated, w->program, text_of(said_of_code), &errors);
  }
  text_add(&w->program->log, "%s", text_of(&translated));
  text_free(&said);
  text_free(&translated);
  return errors;
}

// The folder has another name each time, which would make the same source another one.
static void hide_folder(const work *w, char *code) {
  const size_t length = strlen(w->folder);
  while ((code = strstr(code, w->folder)) != NULL) memset(code, '_', length);
}

static nvrtcResult compile_in(work *w) {
  program *p = w->program;
  text preprocessed = {0}, said = {0}, library = {0}, log = {0};
  nvrtcResult result = NVRTC_ERROR_COMPILATION;
  uint32_t errors = 0;
  scan s = {0};
  if (!write_sources(w)) {
    result = NVRTC_ERROR_INTERNAL_ERROR;
  } else if (!preprocess(w, &preprocessed, &said)) {
    log_translate(&p->log, p, text_of(&said), &errors);
    if (errors == 0) text_add(&p->log, "%s", text_of(&said));
    result = fail(w, errors);
  } else {
    hide_folder(w, preprocessed.at);
    scan_source(&s, p, w->options, preprocessed.at);
    registry_add(&s.code, &s, p);
    text path = kept_path(w, &s.code);
    bool ok = s.errors == 0 && take_kept(&path, &log, &library);
    if (ok) {
      text_add(&p->log, "%s", text_of(&log));
    } else {
      text_add(&p->log, "%s", text_of(&s.log));
      ok = build(w, &s.code, &library, &said);
      if (said.length > 0) errors = explain(w, &said, ok);
      errors += s.errors;
      ok = ok && errors == 0;
      if (ok) keep(&path, &p->log, &library);
    }
    if (!ok) {
      if (errors == 0) text_add(&p->log, "%s", text_of(&said));
      result = fail(w, errors);
    } else if (symbols_make(p, w->options, &s, library.at, library.length)) {
      symbols_ptx(&p->ptx, w->options, &p->cubin);
      if (!w->options->cubin) text_free(&p->cubin);
      result = NVRTC_SUCCESS;
    }
    text_free(&path);
    scan_free(&s);
  }
  text_free(&preprocessed);
  text_free(&said);
  text_free(&library);
  text_free(&log);
  return result;
}

nvrtcResult compile_program(program *p, const options *o) {
  work w = {.program = p, .options = o};
  const char *temporary = getenv("TMPDIR");
  const bool usable = temporary != NULL && strlen(temporary) < 40 && temporary[0] == '/';
  snprintf(w.folder, sizeof w.folder, "%s/standin.XXXXXX", usable ? temporary : "/tmp");
  if (mkdtemp(w.folder) == NULL) return NVRTC_ERROR_INTERNAL_ERROR;
  add_own_folder(&w.shim);
  text_add(&w.shim, "/shim");
  const nvrtcResult result = compile_in(&w);
  remove_folder(w.folder);
  text_free(&w.shim);
  return result;
}
