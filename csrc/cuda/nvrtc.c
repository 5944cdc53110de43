// A compilation: options are completed, the disk is asked, NVRTC compiles, the names that kernels have in the
// image are read, and what came of it is kept.
#include "nvrtc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/call.h"
#include "cache.h"
#include "nvrtc_library.h"
#include "nvrtc_message.h"

// Stands before the source: an instance of it for the type of a kernel has a name that spells that type.
// The parameter's name is one that no -D takes for another.
static const char preamble[] =
    "template <class gpukit_type> __global__ void gpukit_signature() {}\n#line 1\n";
static const char signature_start[] = "_Z16gpukit_signatureIPF"; // a pointer to a function

// What a compilation has on its way.
typedef struct job {
  const gk_nvrtc *nvrtc;
  const gk_module_source *source;
  gk_program *program;
  gk_error *error;
  nvrtcProgram compilation;
  const char **options;
  int option_count;
  char architecture[48], include[GK_PATH_BYTES + 16], include2[GK_PATH_BYTES + 16];
  const char *headers; // the folder that `include` names; NULL: none
  char no_headers[GK_PATH_BYTES + 200]; // why, where they were wanted
  char **expressions; // [kernels] of signatures
} job;

static gk_status no_memory(job *j) {
  return gk_error_set(j->error, GK_OUT_OF_MEMORY, "jit: out of memory while compiling %.80s",
                      j->source->file);
}

// ---- options

// The value of the option `name` (without dashes) where `option` is that, with the value in it or in `next`.
static const char *option_value(const char *option, const char *next, const char *name) {
  if (option[0] != '-') return NULL;
  option += option[1] == '-' ? 2 : 1;
  size_t n = strlen(name);
  if (strncmp(option, name, n)) return NULL;
  if (option[n] == '=') return option + n + 1;
  return !option[n] && next ? next : NULL;
}

// The last of the user's, as for NVRTC.
static const char *given_architecture(const gk_module_source *source) {
  const char *found = NULL;
  for (uint32_t i = 0; i < source->options; i++) {
    const char *next = i + 1 < source->options ? source->option[i + 1] : NULL;
    const char *value = option_value(source->option[i], next, "arch");
    if (!value) value = option_value(source->option[i], next, "gpu-architecture");
    if (value) found = value;
  }
  return found;
}

// The device's own, which from 9.0 on has a variant `a` with all that it can do; PTX of what comes closest
// where NVRTC does not know it.
static gk_status choose_architecture(job *j, int major, int minor) {
  char *architecture = j->program->architecture;
  size_t room = sizeof j->program->architecture;
  const char *given = given_architecture(j->source);
  if (given) {
    snprintf(architecture, room, "%s", given);
    return GK_OK;
  }
  int wanted = 10 * major + minor, below = 0;
  for (int i = 0; i < j->nvrtc->architecture_count; i++)
    if (j->nvrtc->architectures[i] <= wanted) below = j->nvrtc->architectures[i];
  if (!below)
    return gk_error_set(j->error, GK_UNSUPPORTED,
                        "jit: NVRTC %d.%d compiles for devices of %d.%d and later, and this one is "
                        "of %d.%d; install an older one, such as nvidia-cuda-nvrtc-cu12",
                        j->nvrtc->major, j->nvrtc->minor, j->nvrtc->architectures[0] / 10,
                        j->nvrtc->architectures[0] % 10, major, minor);
  if (below == wanted)
    snprintf(architecture, room, "sm_%d%s", wanted, wanted >= 90 ? "a" : "");
  else
    snprintf(architecture, room, "compute_%d", below);
  snprintf(j->architecture, sizeof j->architecture, "--gpu-architecture=%s", architecture);
  return GK_OK;
}

// ---- what is included

// The next #include of `*at`: what follows the word, up to the end of the line. NULL: there is none.
static const char *next_include(const char **at) {
  for (const char *p = *at; (p = strstr(p, "include")); p += 7) {
    const char *before = p, *after = p + 7;
    while (before > *at && (before[-1] == ' ' || before[-1] == '\t')) before--;
    if (before == *at || (before[-1] != '#' && before[-1] != ':')) continue; // %: is # too
    while (*after == ' ' || *after == '\t') after++;
    if (!strncmp(after, "_next", 5)) after += 5;
    *at = after;
    return after;
  }
  return NULL;
}

static bool is_given(const gk_module_source *source, const char *name, size_t length) {
  for (uint32_t i = 0; i < source->headers; i++)
    if (strlen(source->header_name[i]) == length && !memcmp(source->header_name[i], name, length))
      return true;
  return false;
}

typedef struct inclusion {
  bool any; // of what is not given
  bool hidden; // what it is cannot be told from here
} inclusion;

static void look_for_includes(const gk_module_source *source, const char *text, inclusion *found) {
  if (strstr(text, "__has_include")) found->hidden = true;
  for (const char *at = text, *p; (p = next_include(&at));) {
    char end = *p == '<' ? '>' : '"';
    size_t length = *p == '<' || *p == '"' ? strcspn(p + 1, (const char[]){end, '\n', 0}) : 0;
    bool named = length && p[1 + length] == end;
    if (named && is_given(source, p + 1, length)) continue;
    found->any = true;
    if (!named || end == '"') found->hidden = true;
  }
}

// Options whose meaning is in files, or that write some; as they begin, without dashes.
static bool names_files(const char *option) {
  static const char *const names[] = {"include", "pre-include",       "use-bundled-headers",
                                      "pch",     "create-pch",        "use-pch",
                                      "time",    "fdevice-time-trace"};
  if (option[0] != '-') return false;
  if (option[1] == 'I') return true;
  option += option[1] == '-' ? 2 : 1;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strncmp(option, names[i], strlen(names[i]))) return true;
  return false;
}

static inclusion find_includes(const gk_module_source *source) {
  inclusion found = {false, false};
  look_for_includes(source, source->text, &found);
  for (uint32_t i = 0; i < source->headers; i++)
    look_for_includes(source, source->header_text[i], &found);
  for (uint32_t i = 0; i < source->options; i++)
    if (names_files(source->option[i])) found.any = found.hidden = true;
  return found;
}

// ---- headers that NVRTC brings along

// Where they are put: beside the folder of the cache, since they are no part of it. NVRTC locks it, and leaves
// alone what is there.
static bool bundled_folder(const gk_nvrtc *nvrtc, char *folder, char *why, size_t bytes) {
  char cache[GK_PATH_BYTES], name[80];
  if (!gk_cache_folder(cache, why, bytes)) return false;
  snprintf(name, sizeof name, "headers-%d.%d", nvrtc->major, nvrtc->minor);
  if (!gk_path_join(folder, cache, name)) {
    snprintf(why, bytes, "%.200s... is too long for a path", cache);
    return false;
  }
  return gk_folder_private(folder, why, bytes);
}

static bool install_headers(const gk_nvrtc *nvrtc, char *folder, char *why, size_t bytes) {
  if (!bundled_folder(nvrtc, folder, why, bytes)) return false;
  const char *text = NULL;
  if (nvrtc->nvrtcInstallBundledHeaders(folder, 0, &text) == NVRTC_SUCCESS) return true;
  snprintf(why, bytes, "NVRTC could not put its headers into %.400s: %.400s", folder,
           text ? text : "no reason given");
  return false;
}

static const char headers_missing[] = "CUDA's headers were not found; install nvidia-cuda-runtime "
                                      "and nvidia-cuda-cccl of NVRTC's version";

// The folders with CUDA's headers become options, where the source may want them.
static void choose_headers(job *j, bool wanted, char *folder) {
  const gk_nvrtc *nvrtc = j->nvrtc;
  char second[GK_PATH_BYTES];
  if (!wanted) return;
  if (*nvrtc->headers) {
    memcpy(folder, nvrtc->headers, sizeof nvrtc->headers);
    memcpy(second, nvrtc->headers2, sizeof second);
  } else if (!nvrtc->nvrtcInstallBundledHeaders) {
    snprintf(j->no_headers, sizeof j->no_headers, "%s", headers_missing);
    return;
  } else if (!install_headers(nvrtc, folder, j->no_headers, sizeof j->no_headers) ||
             !gk_path_join(second, folder, "cccl")) {
    return;
  }
  snprintf(j->include, sizeof j->include, "--include-path=%s", folder);
  if (*second) snprintf(j->include2, sizeof j->include2, "--include-path=%s", second);
  j->headers = folder;
}

static bool collect_options(job *j) {
  const gk_module_source *source = j->source;
  j->options = malloc((source->options + 3) * sizeof *j->options);
  if (!j->options) return false;
  for (uint32_t i = 0; i < source->options; i++) j->options[j->option_count++] = source->option[i];
  const char *const own[] = {j->architecture, j->include, j->include2};
  for (int i = 0; i < 3; i++)
    if (*own[i]) j->options[j->option_count++] = own[i];
  return true;
}

// ---- the key

static void add_bytes(gk_sha256 *hash, const void *data, size_t bytes) {
  uint64_t length = bytes;
  gk_sha256_add(hash, &length, sizeof length);
  gk_sha256_add(hash, data, bytes);
}
static void add_string(gk_sha256 *hash, const char *text) { add_bytes(hash, text, strlen(text)); }
static void add_number(gk_sha256 *hash, uint64_t value) { add_bytes(hash, &value, sizeof value); }
static void add_file(gk_sha256 *hash, const gk_file_info *file) {
  add_number(hash, file->bytes);
  add_number(hash, (uint64_t)file->modified);
}

// All that the image depends on. A compiler is its file, so that two of one version are not taken for each other;
// false where that is not known.
static bool make_key(const job *j, gk_cache_key *key) {
  const gk_module_source *source = j->source;
  gk_sha256 hash;
  if (!j->nvrtc->file.bytes) return false;
  gk_sha256_begin(&hash);
  add_string(&hash, preamble);
  add_number(&hash, (uint64_t)(j->nvrtc->major * 1000 + j->nvrtc->minor));
  add_string(&hash, j->nvrtc->path);
  add_file(&hash, &j->nvrtc->file);
  if (j->headers) {
    char path[GK_PATH_BYTES];
    gk_file_info file = {0, 0};
    if (!gk_path_join(path, j->headers, "cuda_fp16.h") || !gk_file_info_of(path, &file))
      return false;
    add_file(&hash, &file);
  }
  add_string(&hash, j->program->architecture);
  add_number(&hash, (uint64_t)j->option_count);
  for (int i = 0; i < j->option_count; i++) add_string(&hash, j->options[i]);
  add_number(&hash, source->kernels);
  for (uint32_t i = 0; i < source->kernels; i++) add_string(&hash, source->kernel[i]);
  add_number(&hash, source->headers);
  for (uint32_t i = 0; i < source->headers; i++) {
    add_string(&hash, source->header_name[i]);
    add_string(&hash, source->header_text[i]);
  }
  add_string(&hash, source->file);
  add_bytes(&hash, source->text, source->bytes);
  gk_sha256_end(&hash, key->bytes);
  return true;
}

// ---- compiling

static char *copy_string(const char *text) {
  size_t n = strlen(text) + 1;
  char *copy = malloc(n);
  if (copy) memcpy(copy, text, n);
  return copy;
}

// The type of the kernel is that of its address; a cast, which chooses among several, is one already.
static bool make_expressions(job *j) {
  j->expressions = calloc(j->source->kernels + 1, sizeof *j->expressions);
  for (uint32_t i = 0; j->expressions && i < j->source->kernels; i++) {
    const char *kernel = j->source->kernel[i];
    size_t room = strlen(kernel) + 40;
    if (!(j->expressions[i] = malloc(room))) return false;
    snprintf(j->expressions[i], room, "gpukit_signature<decltype(%c%s)>",
             *kernel == '(' ? '+' : '&', kernel);
  }
  return j->expressions != NULL;
}

// They are put into a line of their own.
static gk_status check_names(job *j) {
  for (uint32_t i = 0; i < j->source->kernels; i++) {
    bool visible = false, control = false;
    for (const char *p = j->source->kernel[i]; *p; p++) {
      visible |= !isspace((unsigned char)*p);
      control |= iscntrl((unsigned char)*p) != 0;
    }
    if (!visible || control)
      return gk_nvrtc_no_kernel(j->source, visible ? "..." : j->source->kernel[i],
                                visible ? "it holds a line's end or the like" : "it is empty",
                                j->error);
  }
  return GK_OK;
}

static nvrtcResult create(job *j) {
  const gk_module_source *source = j->source;
  size_t before = sizeof preamble - 1;
  char *text = malloc(before + source->bytes + 1);
  if (!text) return NVRTC_ERROR_OUT_OF_MEMORY;
  memcpy(text, preamble, before);
  memcpy(text + before, source->text, source->bytes);
  text[before + source->bytes] = 0;
  nvrtcResult result =
      j->nvrtc->nvrtcCreateProgram(&j->compilation, text, source->file, (int)source->headers,
                                   source->header_text, source->header_name);
  free(text);
  for (uint32_t i = 0; result == NVRTC_SUCCESS && i < source->kernels; i++) {
    result = j->nvrtc->nvrtcAddNameExpression(j->compilation, source->kernel[i]);
    if (result == NVRTC_SUCCESS)
      result = j->nvrtc->nvrtcAddNameExpression(j->compilation, j->expressions[i]);
  }
  return result;
}

// A part of the result, with a 0 behind it; empty where there is none. NULL: out of memory.
static char *fetch(nvrtcProgram compilation, nvrtcResult (*size)(nvrtcProgram, size_t *),
                   nvrtcResult (*get)(nvrtcProgram, char *), size_t *bytes) {
  *bytes = 0;
  if (size(compilation, bytes) != NVRTC_SUCCESS) *bytes = 0;
  char *data = malloc(*bytes + 1);
  if (!data) return NULL;
  if (*bytes && get(compilation, data) != NVRTC_SUCCESS) *bytes = 0;
  data[*bytes] = 0;
  return data;
}

static gk_status failed(job *j, nvrtcResult result) {
  const char *name = j->nvrtc->nvrtcGetErrorString(result), *log = j->program->log;
  if (result == NVRTC_ERROR_OUT_OF_MEMORY) return no_memory(j);
  if (result == NVRTC_ERROR_BUILTIN_OPERATION_FAILURE)
    return gk_error_set(j->error, GK_UNSUPPORTED,
                        "jit: %.200s is not whole: libnvrtc-builtins, which belongs beside it, was "
                        "not found or is of another version; install it again",
                        j->nvrtc->path);
  gk_nvrtc_explain(j->source, log, name ? name : "NVRTC failed", j->error);
  size_t n = strlen(j->error->text);
  if (*j->no_headers && strstr(log, " open source file"))
    snprintf(j->error->text + n, sizeof j->error->text - n, "\n%s", j->no_headers);
  return GK_KERNEL_COMPILE;
}

static gk_status read_names(job *j) {
  gk_program *p = j->program;
  uint32_t count = j->source->kernels;
  p->symbols = calloc(count + 1, sizeof *p->symbols);
  p->signatures = calloc(count + 1, sizeof *p->signatures);
  if (!p->symbols || !p->signatures) return no_memory(j);
  p->count = count;
  for (uint32_t i = 0; i < count; i++) {
    const char *symbol, *signature, *kernel = j->source->kernel[i];
    nvrtcResult result = j->nvrtc->nvrtcGetLoweredName(j->compilation, kernel, &symbol);
    if (result == NVRTC_SUCCESS)
      result = j->nvrtc->nvrtcGetLoweredName(j->compilation, j->expressions[i], &signature);
    if (result != NVRTC_SUCCESS) return failed(j, result);
    if (strncmp(signature, signature_start, sizeof signature_start - 1))
      return gk_nvrtc_no_kernel(j->source, kernel, "it is a variable", j->error);
    p->symbols[i] = copy_string(symbol);
    p->signatures[i] = copy_string(signature);
    if (!p->symbols[i] || !p->signatures[i]) return no_memory(j);
  }
  return GK_OK;
}

static gk_status read_image(job *j) {
  const gk_nvrtc *nvrtc = j->nvrtc;
  gk_program *p = j->program;
  p->ptx = fetch(j->compilation, nvrtc->nvrtcGetPTXSize, nvrtc->nvrtcGetPTX, &p->ptx_bytes);
  p->image = fetch(j->compilation, nvrtc->nvrtcGetCUBINSize, nvrtc->nvrtcGetCUBIN, &p->image_bytes);
  if (!p->ptx || !p->image) return no_memory(j);
  if (p->ptx_bytes && !p->ptx[p->ptx_bytes - 1]) p->ptx_bytes--; // the 0 is no part of the text
  if (p->image_bytes) return GK_OK;
  if (!p->ptx_bytes)
    return gk_error_set(j->error, GK_KERNEL_COMPILE,
                        "jit: %.80s: with these options NVRTC makes no code that can be loaded",
                        j->source->file);
  free(p->image);
  p->image = malloc(p->ptx_bytes + 1);
  if (!p->image) return no_memory(j);
  memcpy(p->image, p->ptx, p->ptx_bytes + 1);
  p->image_bytes = p->ptx_bytes + 1; // a text ends with its 0 for the driver
  return GK_OK;
}

static gk_status compile(job *j) {
  const gk_nvrtc *nvrtc = j->nvrtc;
  if (!make_expressions(j)) return no_memory(j);
  nvrtcResult result = create(j);
  if (result == NVRTC_SUCCESS)
    result = nvrtc->nvrtcCompileProgram(j->compilation, j->option_count, j->options);
  size_t bytes = 0;
  if (j->compilation)
    j->program->log =
        fetch(j->compilation, nvrtc->nvrtcGetProgramLogSize, nvrtc->nvrtcGetProgramLog, &bytes);
  else
    j->program->log = copy_string("");
  if (!j->program->log) return no_memory(j);
  if (result != NVRTC_SUCCESS) return failed(j, result);
  gk_status status = read_names(j);
  return status == GK_OK ? read_image(j) : status;
}

// Through the cache, where what it depends on is known.
static gk_status load_or_compile(job *j) {
  char folder[GK_PATH_BYTES];
  inclusion includes = find_includes(j->source);
  gk_cache_key key;
  gk_status status = check_names(j);
  if (status != GK_OK) return status;
  choose_headers(j, includes.any, folder);
  if (!collect_options(j)) return no_memory(j);
  bool cached = !includes.hidden && make_key(j, &key);
  if (cached && gk_cache_load(&key, j->program)) return GK_OK;
  status = compile(j);
  if (cached && status == GK_OK) gk_cache_store(&key, j->program);
  return status;
}

gk_status gk_nvrtc_compile(int major, int minor, const gk_module_source *source,
                           gk_program *program, gk_error *error) {
  uint64_t start = gk_now_ns();
  const char *why;
  *program = (gk_program){.count = 0};
  job j = {.nvrtc = gk_nvrtc_open(&why), .source = source, .program = program, .error = error};
  if (!j.nvrtc) return gk_error_set(error, GK_UNSUPPORTED, "jit: %s", why);
  gk_status status = choose_architecture(&j, major, minor);
  if (status == GK_OK) status = load_or_compile(&j);
  if (j.compilation) j.nvrtc->nvrtcDestroyProgram(&j.compilation);
  for (uint32_t i = 0; j.expressions && i < source->kernels; i++) free(j.expressions[i]);
  free(j.expressions);
  free(j.options);
  if (status != GK_OK) {
    char *log = program->log;
    program->log = NULL;
    gk_program_free(program);
    program->log = log;
  }
  program->milliseconds = (double)(gk_now_ns() - start) / 1e6;
  return status;
}

void gk_program_free(gk_program *program) {
  for (uint32_t i = 0; i < program->count; i++) {
    if (program->symbols) free(program->symbols[i]);
    if (program->signatures) free(program->signatures[i]);
  }
  free(program->symbols);
  free(program->signatures);
  free(program->log);
  free(program->image);
  free(program->ptx);
  *program = (gk_program){.count = 0};
}

// ---- what there is

typedef struct report {
  char *text;
  size_t room;
} report;

static void tell(report *r, const char *key, const char *value) {
  int n = snprintf(r->text, r->room, "%s\t%s\n", key, value);
  if (n < 0 || (size_t)n >= r->room) {
    *r->text = 0; // no half lines
    return;
  }
  r->text += n;
  r->room -= (size_t)n;
}

void gk_cuda_describe_compiler(char *text, int bytes) {
  report r = {text, (size_t)bytes};
  const char *why;
  char folder[GK_PATH_BYTES], reason[GK_PATH_BYTES + 200], version[32];
  const gk_nvrtc *nvrtc = gk_nvrtc_open(&why);
  *text = 0;
  if (nvrtc) {
    snprintf(version, sizeof version, "%d.%d", nvrtc->major, nvrtc->minor);
    tell(&r, "nvrtc", nvrtc->path);
    tell(&r, "nvrtcVersion", version);
    if (*nvrtc->headers)
      tell(&r, "nvrtcHeaders", nvrtc->headers);
    else if (!nvrtc->nvrtcInstallBundledHeaders)
      tell(&r, "nvrtcHeadersWhy", headers_missing);
    else if (bundled_folder(nvrtc, folder, reason, sizeof reason))
      tell(&r, "nvrtcHeaders", folder);
    else
      tell(&r, "nvrtcHeadersWhy", reason);
  } else {
    tell(&r, "nvrtcWhy", why);
  }
  if (gk_cache_folder(folder, reason, sizeof reason))
    tell(&r, "kernelCache", folder);
  else
    tell(&r, "kernelCacheWhy", reason);
}
