// NVRTC's options: what each takes, and what it says of one that it does not know.
#include "nvrtc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

// JOINED: its value follows without a space too (-DX). EQUALS: only behind "=". FLAG: takes none.
typedef enum option_kind { FLAG, BOOLEAN, NUMBER, VALUE, JOINED, EQUALS } option_kind;

typedef enum option_use {
  IGNORED,
  ARCHITECTURE,
  DEFINE,
  UNDEFINE,
  INCLUDE_PATH,
  PRE_INCLUDE,
  STANDARD,
  DEFAULT_DEVICE,
  NO_WARNINGS,
} option_use;

static const struct known {
  const char *name, *brief;
  option_kind kind;
  option_use use;
} known[] = {
    {"--gpu-architecture", "-arch", VALUE, ARCHITECTURE},
    {"--define-macro", "-D", JOINED, DEFINE},
    {"--undefine-macro", "-U", JOINED, UNDEFINE},
    {"--include-path", "-I", JOINED, INCLUDE_PATH},
    {"--pre-include", "-include", VALUE, PRE_INCLUDE},
    {"--std", "-std", EQUALS, STANDARD},
    {"--device-as-default-execution-space", "-default-device", FLAG, DEFAULT_DEVICE},
    {"--disable-warnings", "-w", FLAG, NO_WARNINGS},
    // What changes speed and precision of code for a GPU means nothing here.
    {"--brief-diagnostics", "-brief-diag", BOOLEAN, IGNORED},
    {"--builtin-initializer-list", "-builtin-initializer-list", BOOLEAN, IGNORED},
    {"--builtin-move-forward", "-builtin-move-forward", BOOLEAN, IGNORED},
    {"--device-c", "-dc", FLAG, IGNORED},
    {"--device-debug", "-G", FLAG, IGNORED},
    {"--device-float128", "-device-float128", FLAG, IGNORED},
    {"--device-int128", "-device-int128", FLAG, IGNORED},
    {"--device-stack-protector", "-device-stack-protector", BOOLEAN, IGNORED},
    {"--device-w", "-dw", FLAG, IGNORED},
    {"--diag-error", "-diag-error", VALUE, IGNORED},
    {"--diag-suppress", "-diag-suppress", VALUE, IGNORED},
    {"--diag-warn", "-diag-warn", VALUE, IGNORED},
    {"--display-error-number", "-err-no", FLAG, IGNORED},
    {"--dopt", "-dopt", VALUE, IGNORED},
    {"--extensible-whole-program", "-ewp", FLAG, IGNORED},
    {"--extra-device-vectorization", "-extra-device-vectorization", FLAG, IGNORED},
    {"--fdevice-syntax-only", "-fdevice-syntax-only", FLAG, IGNORED},
    {"--fmad", "-fmad", BOOLEAN, IGNORED},
    {"--frandom-seed", "-frandom-seed", VALUE, IGNORED},
    {"--ftz", "-ftz", BOOLEAN, IGNORED},
    {"--gen-opt-lto", "-gen-opt-lto", FLAG, IGNORED},
    {"--generate-line-info", "-lineinfo", FLAG, IGNORED},
    {"--maxrregcount", "-maxrregcount", NUMBER, IGNORED},
    {"--minimal", "-minimal", FLAG, IGNORED},
    {"--modify-stack-limit", "-modify-stack-limit", BOOLEAN, IGNORED},
    {"--no-cache", "-no-cache", FLAG, IGNORED},
    {"--no-display-error-number", "-no-err-no", FLAG, IGNORED},
    {"--no-source-include", "-no-source-include", FLAG, IGNORED},
    {"--optimization-info", "-opt-info", VALUE, IGNORED},
    {"--prec-div", "-prec-div", BOOLEAN, IGNORED},
    {"--prec-sqrt", "-prec-sqrt", BOOLEAN, IGNORED},
    {"--ptxas-options", "-Xptxas", VALUE, IGNORED},
    {"--relocatable-device-code", "-rdc", BOOLEAN, IGNORED},
    {"--restrict", "-restrict", FLAG, IGNORED},
    {"--split-compile", "-split-compile", VALUE, IGNORED},
    {"--use_fast_math", "-use_fast_math", FLAG, IGNORED},
};
enum { KNOWN = sizeof known / sizeof *known };

// The option, with its value if it is in the same word.
static const struct known *find(const char *word, const char **value) {
  const size_t length = strcspn(word, "=");
  *value = word[length] == '=' ? word + length + 1 : NULL;
  for (int i = 0; i < KNOWN; i++) {
    const struct known *k = &known[i];
    if (strlen(k->name) == length && strncmp(word, k->name, length) == 0) return k;
    if (strlen(k->brief) == length && strncmp(word, k->brief, length) == 0) return k;
  }
  for (int i = 0; i < KNOWN; i++) {
    const struct known *k = &known[i];
    if (k->kind != JOINED || strncmp(word, k->brief, strlen(k->brief)) != 0) continue;
    *value = word + strlen(k->brief);
    *value += strspn(*value, " ");
    return k;
  }
  return NULL;
}

static bool bad(program *p, const struct known *k, const char *what) {
  text_add(&p->log, "nvrtc: error: %s (%s) %s\n", k->name, k->brief, what);
  return false;
}

static bool read_architecture(options *o, program *p, const char *value) {
  static const int supported[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 107, 110, 120, 121};
  const bool real = strncmp(value, "sm_", 3) == 0;
  const char *digits = value + (real ? 3 : strncmp(value, "compute_", 8) == 0 ? 8 : strlen(value));
  char *end;
  const long arch = strtol(digits, &end, 10);
  const bool marked = (*end == 'a' || *end == 'f') && end[1] == '\0' && arch >= 90;
  for (size_t i = 0; i < sizeof supported / sizeof *supported; i++) {
    if (arch != supported[i] || (*end != '\0' && !marked)) continue;
    o->arch = (uint32_t)arch;
    o->cubin = real;
    o->fit = *end == 'a'   ? STANDIN_FITS_EXACTLY
             : *end == 'f' ? STANDIN_FITS_MAJOR
             : real        ? STANDIN_FITS_MAJOR
                           : STANDIN_FITS_NEWER;
    return true;
  }
  text_add(&p->log, "nvrtc: error: invalid value for --gpu-architecture (-arch)\n");
  return false;
}

static bool read_standard(options *o, program *p, const char *value) {
  static const struct {
    const char *name;
    int standard;
  } standards[] = {{"c++03", 3},  {"c++11", 11}, {"c++14", 14},
                   {"c++17", 17}, {"c++20", 20}, {"c++23", 23}};
  for (size_t i = 0; i < sizeof standards / sizeof *standards; i++) {
    if (strcmp(value, standards[i].name) != 0) continue;
    o->standard = standards[i].standard;
    return true;
  }
  text_add(&p->log, "nvrtc: error: invalid value for --std(-std)\n");
  return false;
}

static bool has_form(program *p, const struct known *k, const char *value) {
  if (k->kind == FLAG && value != NULL) return bad(p, k, "does not accept any argument");
  if (k->kind == BOOLEAN && value != NULL && strcmp(value, "true") != 0 &&
      strcmp(value, "false") != 0) {
    return bad(p, k, "expects true or false");
  }
  if (k->kind == NUMBER && value != NULL) {
    for (const char *c = value; *c != '\0'; c++) {
      if (!isdigit((unsigned char)*c)) return bad(p, k, "expects an integer value");
    }
  }
  return true;
}

static void add_flag(list *flags, const char *option, const char *value) {
  text t = {0};
  text_add(&t, "%s%s", option, value);
  list_add(flags, text_of(&t));
  text_free(&t);
}

static bool use(options *o, program *p, const struct known *k, const char *value) {
  switch (k->use) {
  case ARCHITECTURE:
    return read_architecture(o, p, value);
  case STANDARD:
    return read_standard(o, p, value);
  case DEFINE:
    add_flag(&o->flags, "-D", value);
    return true;
  case UNDEFINE:
    add_flag(&o->flags, "-U", value);
    return true;
  case INCLUDE_PATH:
    add_flag(&o->flags, "-I", value);
    return true;
  case PRE_INCLUDE:
    list_add(&o->includes, value);
    return true;
  case DEFAULT_DEVICE:
    o->default_device = true;
    return true;
  case NO_WARNINGS:
    o->no_warnings = true;
    return true;
  case IGNORED:
    return true;
  }
  return true;
}

bool options_read(options *o, program *p, int count, const char *const *given) {
  *o = (options){.arch = 75, .fit = STANDIN_FITS_NEWER, .standard = 17};
  for (int i = 0; i < count; i++) {
    const char *value = NULL;
    if (given[i] == NULL) return false;
    const struct known *k = find(given[i], &value);
    const bool needs = k != NULL && k->kind != FLAG && k->kind != BOOLEAN && value == NULL;
    if (k == NULL || (needs && k->kind == EQUALS)) {
      text_add(&p->log, "nvrtc: error: unrecognized option %s found\n", given[i]);
      return false;
    }
    if (needs || (k->kind == JOINED && value != NULL && value[0] == '\0')) {
      if (i + 1 < count && given[i + 1] != NULL) value = given[++i];
    }
    if (!has_form(p, k, value)) return false;
    if (value == NULL && k->use != DEFAULT_DEVICE && k->use != NO_WARNINGS && k->use != IGNORED) {
      value = "";
    }
    if (!use(o, p, k, value)) return false;
  }
  return true;
}

void options_free(options *o) {
  list_free(&o->flags);
  list_free(&o->includes);
}
