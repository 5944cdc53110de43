// A library with NVRTC's functions that compiles nothing, for compile_test: its image is the options and the
// source, so that a test sees what it was given. Words in the source say what it does: "fail N" ends with that
// result, "warn" has a log, "variable" makes every kernel one. FAKE_NVRTC_VERSION is its version.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))

typedef struct program {
  char *source, *image;
  char names[16][2][200]; // an expression and what it becomes
  int name_count;
  bool compiled, is_virtual;
} program;

static _Atomic int compilations;
API int fake_nvrtc_compilations(void) { return compilations; }

API int nvrtcVersion(int *major, int *minor) {
  const char *text = getenv("FAKE_NVRTC_VERSION");
  *major = 13;
  *minor = 5;
  if (text) sscanf(text, "%d.%d", major, minor);
  return 0;
}
API const char *nvrtcGetErrorString(int result) { return result ? "NVRTC_ERROR" : "NVRTC_SUCCESS"; }

static const int architectures[] = {80, 90, 100};
API int nvrtcGetNumSupportedArchs(int *count) {
  *count = 3;
  return 0;
}
API int nvrtcGetSupportedArchs(int *all) {
  memcpy(all, architectures, sizeof architectures);
  return 0;
}

API int nvrtcCreateProgram(program **p, const char *source, const char *name, int count,
                           const char *const *headers, const char *const *names) {
  (void)name;
  (void)headers;
  (void)names;
  (void)count;
  *p = calloc(1, sizeof **p);
  (*p)->source = strdup(source);
  return 0;
}
API int nvrtcDestroyProgram(program **p) {
  free((*p)->source);
  free((*p)->image);
  free(*p);
  *p = NULL;
  return 0;
}
API int nvrtcAddNameExpression(program *p, const char *expression) {
  if (p->name_count == 16) return 3;
  snprintf(p->names[p->name_count++][0], 200, "%s", expression);
  return 0;
}

API int nvrtcCompileProgram(program *p, int count, const char *const *options) {
  const char *fail = strstr(p->source, "fail ");
  size_t room = strlen(p->source) + 1;
  compilations++;
  if (fail) return atoi(fail + 5);
  for (int i = 0; i < count; i++) room += strlen(options[i]) + 1;
  p->image = calloc(1, room);
  for (int i = 0; i < count; i++) {
    strcat(p->image, options[i]);
    strcat(p->image, "\n");
    if (strstr(options[i], "compute_")) p->is_virtual = true;
  }
  strcat(p->image, p->source);
  for (int i = 0; i < p->name_count; i++) {
    bool signature = !strncmp(p->names[i][0], "gpukit_signature<", 17);
    snprintf(p->names[i][1], 200, "%s",
             !signature                      ? p->names[i][0]
             : strstr(p->source, "variable") ? "_Z16gpukit_signatureIPA4_fEvv"
                                             : "_Z16gpukit_signatureIPFvPKfiEEvv");
  }
  p->compiled = true;
  return 0;
}

API int nvrtcGetLoweredName(program *p, const char *expression, const char **name) {
  for (int i = 0; p->compiled && i < p->name_count; i++)
    if (!strcmp(p->names[i][0], expression)) {
      *name = p->names[i][1];
      return 0;
    }
  return 10;
}
API int nvrtcGetPTXSize(program *p, size_t *bytes) {
  *bytes = strlen(p->image) + 1;
  return 0;
}
API int nvrtcGetPTX(program *p, char *text) {
  strcpy(text, p->image);
  return 0;
}
API int nvrtcGetCUBINSize(program *p, size_t *bytes) {
  *bytes = p->is_virtual ? 0 : strlen(p->image);
  return 0;
}
#if !defined(LACKING)
API int nvrtcGetCUBIN(program *p, char *data) {
  memcpy(data, p->image, strlen(p->image));
  return 0;
}
#endif

static const char *log_of(const program *p) {
  return strstr(p->source, "fail 6") ? "k.cu(1): error: bad\n"
         : strstr(p->source, "warn") ? "k.cu(1): warning: odd\n"
                                     : "";
}
API int nvrtcGetProgramLogSize(program *p, size_t *bytes) {
  *bytes = strlen(log_of(p)) + 1;
  return 0;
}
API int nvrtcGetProgramLog(program *p, char *text) {
  strcpy(text, log_of(p));
  return 0;
}
