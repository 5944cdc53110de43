// The NVRTC twin: a libnvrtc.so that compiles CUDA C++ for the stand-in driver. It answers as NVRTC 13.5
// does (results, options, logs, lowered names), and what it compiles is a library of the CPU, in an image
// (../image.h) that cuModuleLoadData of the stand-in takes. Its parts:
//
//   nvrtc.c    the functions of NVRTC
//   options.c  options, as strictly as NVRTC takes them
//   scan.c     what a preprocessed source declares, and the changes that make it plain C++
//   registry.c the table of kernels that is put behind a source
//   compile.c  from a source to a library: runs the compiler, keeps what it made in a cache
//   log.c      the compiler's messages as NVRTC would put them
//   symbols.c  names and sizes, read from the library; the image
//
// Settings, read from the environment:
//   STANDIN_CXX=path     another clang than the one that built the stand-in
//   STANDIN_CACHE=0      nothing is kept in ~/.cache/gpukit/standin
#ifndef STANDIN_NVRTC_H
#define STANDIN_NVRTC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../image.h"

typedef enum nvrtcResult {
  NVRTC_SUCCESS = 0,
  NVRTC_ERROR_OUT_OF_MEMORY = 1,
  NVRTC_ERROR_PROGRAM_CREATION_FAILURE = 2,
  NVRTC_ERROR_INVALID_INPUT = 3,
  NVRTC_ERROR_INVALID_PROGRAM = 4,
  NVRTC_ERROR_INVALID_OPTION = 5,
  NVRTC_ERROR_COMPILATION = 6,
  NVRTC_ERROR_BUILTIN_OPERATION_FAILURE = 7,
  NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION = 8,
  NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION = 9,
  NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID = 10,
  NVRTC_ERROR_INTERNAL_ERROR = 11,
} nvrtcResult;

// ---- text that grows; without memory the process ends

typedef struct text {
  char *at; // ends in NUL; NULL while nothing was added
  size_t length, room;
} text;

void text_bytes(text *t, const void *bytes, size_t count);
void text_add(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_free(text *t);
static inline const char *text_of(const text *t) { return t->at ? t->at : ""; }

typedef struct list {
  char **at;
  size_t count;
} list;

void list_add(list *l, const char *item);
void list_free(list *l);

// ---- a program

typedef struct options {
  uint32_t arch;
  standin_fit fit;
  bool cubin; // for an architecture, not a virtual one
  bool default_device, no_warnings;
  int standard; // 17
  list flags; // -D, -U and -I for the compiler, in their order
  list includes; // put before the source
} options;

typedef struct program {
  char *source, *name;
  list headers, header_names; // texts, and what they are included as
  list expressions, lowered; // name expressions, and their names once they are compiled
  bool compiled, succeeded;
  text log, cubin, ptx;
} program;

// Options as NVRTC reads them; false with the reason in the program's log.
bool options_read(options *o, program *p, int count, const char *const *given);
void options_free(options *o);

// ---- scan.c

// A position in a source as its author has it.
typedef struct place {
  const char *file; // until the scan is freed
  uint32_t line;
} place;

typedef struct declared {
  char *space; // namespaces around it, each followed by "::"
  char *opened; // the same as it is opened again: "namespace a {namespace b {"
  int depth; // of them
  char *name; // with its template arguments, without namespaces
  char *bounds; // first argument of __launch_bounds__, NULL: none
  char *parameters; // of a template, "template <...>"; NULL: none
  bool constant; // a variable in constant memory
} declared;

typedef struct scan {
  declared *kernels, *templates, *variables;
  size_t kernel_count, template_count, variable_count;
  text code; // the source as plain C++
  text log; // errors, as NVRTC puts them
  uint32_t errors;
} scan;

void scan_source(scan *s, const program *p, const options *o, const char *preprocessed);
void scan_free(scan *s);
// An error at the place where the line has `word`.
void log_error(text *log, const program *p, place at, const char *word, const char *message);

// ---- registry.c

// Behind the code: the table of its kernels and variables, then of the name expressions.
void registry_add(text *code, const scan *s, const program *p);

// ---- log.c

// Adds what the compiler said, and counts errors. Only warnings if `warnings`.
void log_translate(text *log, const program *p, const char *said, uint32_t *errors);
// NVRTC's last line.
void log_summary(text *log, const program *p, uint32_t errors, bool catastrophic);

// ---- compile.c

nvrtcResult compile_program(program *p, const options *o);

// ---- symbols.c

// Reads the library, and makes the image and the lowered names; false with the reason in the log.
bool symbols_make(program *p, const options *o, const scan *s, const char *library, size_t bytes);
// The same image as PTX.
void symbols_ptx(text *ptx, const options *o, const text *image);

#endif
