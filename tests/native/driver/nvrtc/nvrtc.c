// The functions of NVRTC, with the results that version 13.5 gives.
#include "nvrtc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))

// ---- text and lists

static void *checked(void *memory) {
  if (memory != NULL) return memory;
  fprintf(stderr, "the NVRTC twin: no memory\n");
  abort();
}

void text_bytes(text *t, const void *bytes, size_t count) {
  if (t->length + count + 1 > t->room) {
    t->room = 2 * (t->length + count + 1);
    t->at = checked(realloc(t->at, t->room));
  }
  if (count > 0) memcpy(t->at + t->length, bytes, count);
  t->length += count;
  t->at[t->length] = '\0';
}

void text_add(text *t, const char *format, ...) {
  va_list arguments;
  char *made = NULL;
  va_start(arguments, format);
  const int length = vasprintf(&made, format, arguments);
  va_end(arguments);
  if (length < 0) checked(NULL);
  text_bytes(t, made, (size_t)length);
  free(made);
}

void text_free(text *t) {
  free(t->at);
  *t = (text){0};
}

void list_add(list *l, const char *item) {
  l->at = checked(realloc(l->at, (l->count + 1) * sizeof *l->at));
  l->at[l->count++] = checked(strdup(item));
}

void list_free(list *l) {
  for (size_t i = 0; i < l->count; i++) free(l->at[i]);
  free(l->at);
  *l = (list){0};
}

// ---- the library

API const char *nvrtcGetErrorString(nvrtcResult result);
const char *nvrtcGetErrorString(nvrtcResult result) {
  static const char *const names[] = {
      "NVRTC_SUCCESS",
      "NVRTC_ERROR_OUT_OF_MEMORY",
      "NVRTC_ERROR_PROGRAM_CREATION_FAILURE",
      "NVRTC_ERROR_INVALID_INPUT",
      "NVRTC_ERROR_INVALID_PROGRAM",
      "NVRTC_ERROR_INVALID_OPTION",
      "NVRTC_ERROR_COMPILATION",
      "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE",
      "NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION",
      "NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION",
      "NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID",
      "NVRTC_ERROR_INTERNAL_ERROR",
  };
  const bool known = (unsigned)result < sizeof names / sizeof *names;
  return known ? names[result] : "NVRTC_ERROR unknown";
}

// STANDIN_NVRTC_VERSION=major.minor: what a test of old versions sets.
API nvrtcResult nvrtcVersion(int *major, int *minor);
nvrtcResult nvrtcVersion(int *major, int *minor) {
  if (major == NULL || minor == NULL) return NVRTC_ERROR_INVALID_INPUT;
  *major = 13;
  *minor = 5;
  const char *set = getenv("STANDIN_NVRTC_VERSION");
  if (set != NULL) sscanf(set, "%d.%d", major, minor);
  return NVRTC_SUCCESS;
}

static const int architectures[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 107, 110, 120, 121};

API nvrtcResult nvrtcGetNumSupportedArchs(int *count);
nvrtcResult nvrtcGetNumSupportedArchs(int *count) {
  if (count == NULL) return NVRTC_ERROR_INVALID_INPUT;
  *count = sizeof architectures / sizeof *architectures;
  return NVRTC_SUCCESS;
}

API nvrtcResult nvrtcGetSupportedArchs(int *archs);
nvrtcResult nvrtcGetSupportedArchs(int *archs) {
  if (archs == NULL) return NVRTC_ERROR_INVALID_INPUT;
  memcpy(archs, architectures, sizeof architectures);
  return NVRTC_SUCCESS;
}

// ---- programs

API nvrtcResult nvrtcCreateProgram(program **made, const char *source, const char *name, int count,
                                   const char *const *headers, const char *const *names);
nvrtcResult nvrtcCreateProgram(program **made, const char *source, const char *name, int count,
                               const char *const *headers, const char *const *names) {
  if (made == NULL) return NVRTC_ERROR_INVALID_PROGRAM;
  if (source == NULL || count < 0 || (count > 0 && (headers == NULL || names == NULL))) {
    return NVRTC_ERROR_INVALID_INPUT;
  }
  program *p = checked(calloc(1, sizeof *p));
  p->source = checked(strdup(source));
  p->name = checked(strdup(name != NULL && name[0] != '\0' ? name : "default_program"));
  for (int i = 0; i < count; i++) {
    list_add(&p->headers, headers[i]);
    list_add(&p->header_names, names[i]);
  }
  *made = p;
  return NVRTC_SUCCESS;
}

API nvrtcResult nvrtcDestroyProgram(program **destroyed);
nvrtcResult nvrtcDestroyProgram(program **destroyed) {
  if (destroyed == NULL || *destroyed == NULL) return NVRTC_ERROR_INVALID_PROGRAM;
  program *p = *destroyed;
  free(p->source);
  free(p->name);
  list_free(&p->headers);
  list_free(&p->header_names);
  list_free(&p->expressions);
  list_free(&p->lowered);
  text_free(&p->log);
  text_free(&p->cubin);
  text_free(&p->ptx);
  free(p);
  *destroyed = NULL;
  return NVRTC_SUCCESS;
}

API nvrtcResult nvrtcAddNameExpression(program *p, const char *expression);
nvrtcResult nvrtcAddNameExpression(program *p, const char *expression) {
  if (p == NULL) return NVRTC_ERROR_INVALID_PROGRAM;
  if (expression == NULL) return NVRTC_ERROR_INVALID_INPUT;
  if (p->compiled) return NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION;
  list_add(&p->expressions, expression);
  return NVRTC_SUCCESS;
}

API nvrtcResult nvrtcCompileProgram(program *p, int count, const char *const *given);
nvrtcResult nvrtcCompileProgram(program *p, int count, const char *const *given) {
  if (p == NULL) return NVRTC_ERROR_INVALID_PROGRAM;
  if (count < 0 || (count > 0 && given == NULL)) return NVRTC_ERROR_INVALID_OPTION;
  text_free(&p->log);
  text_free(&p->cubin);
  text_free(&p->ptx);
  list_free(&p->lowered);
  p->compiled = true;
  p->succeeded = false;
  options o;
  nvrtcResult result = NVRTC_ERROR_INVALID_OPTION;
  if (options_read(&o, p, count, given)) result = compile_program(p, &o);
  options_free(&o);
  p->succeeded = result == NVRTC_SUCCESS;
  return result;
}

API nvrtcResult nvrtcGetLoweredName(program *p, const char *expression, const char **lowered);
nvrtcResult nvrtcGetLoweredName(program *p, const char *expression, const char **lowered) {
  if (p == NULL) return NVRTC_ERROR_INVALID_PROGRAM;
  if (!p->succeeded) return NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION;
  if (expression == NULL || lowered == NULL) return NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID;
  for (size_t i = 0; i < p->expressions.count; i++) {
    if (strcmp(p->expressions.at[i], expression) != 0) continue;
    *lowered = p->lowered.at[i];
    return NVRTC_SUCCESS;
  }
  return NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID;
}

// ---- what came out

static nvrtcResult size_of(const program *p, const text *of, size_t terminator, size_t *bytes) {
  if (p == NULL) return NVRTC_ERROR_INVALID_PROGRAM;
  if (bytes == NULL) return NVRTC_ERROR_INVALID_INPUT;
  *bytes = of->length + terminator;
  return NVRTC_SUCCESS;
}

static nvrtcResult copy_of(const program *p, const text *of, size_t terminator, char *to) {
  if (p == NULL) return NVRTC_ERROR_INVALID_PROGRAM;
  if (to == NULL) return NVRTC_ERROR_INVALID_INPUT;
  memcpy(to, text_of(of), of->length + terminator);
  return NVRTC_SUCCESS;
}

#define RESULT(what, member, terminator)                                                           \
  API nvrtcResult nvrtcGet##what##Size(program *p, size_t *bytes);                                 \
  nvrtcResult nvrtcGet##what##Size(program *p, size_t *bytes) {                                    \
    return size_of(p, p == NULL ? NULL : &p->member, terminator, bytes);                           \
  }                                                                                                \
  API nvrtcResult nvrtcGet##what(program *p, char *to);                                            \
  nvrtcResult nvrtcGet##what(program *p, char *to) {                                               \
    return copy_of(p, p == NULL ? NULL : &p->member, terminator, to);                              \
  }
RESULT(PTX, ptx, 1)
RESULT(CUBIN, cubin, 0)
RESULT(ProgramLog, log, 1)
