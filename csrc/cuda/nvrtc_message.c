// The log is read by lines: "FILE(LINE): error: MESSAGE", then the line of source and one with a caret, which
// NVRTC 12.0 leaves out. What concerns the names that were asked for stands in a file "__nv_name_map".
#include "nvrtc_message.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "../core/call.h"

// ---- the kernels that there are

typedef struct token {
  const char *text;
  size_t length; // 0: the end
} token;

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }
static bool is(token t, const char *text) {
  return t.length == strlen(text) && memcmp(t.text, text, t.length) == 0;
}

static const char *skip_line(const char *at) {
  while (*at && *at != '\n') at += at[0] == '\\' && at[1] ? 2 : 1;
  return at;
}

// A word or one character of `*at`, without comments, strings and directives.
static token next_token(const char **at) {
  const char *p = *at;
  for (bool more = true; more;) {
    more = *p != 0;
    if (isspace((unsigned char)*p)) {
      p++;
    } else if (*p == '#' || (p[0] == '/' && p[1] == '/')) {
      p = skip_line(p);
    } else if (p[0] == '/' && p[1] == '*') {
      const char *end = strstr(p + 2, "*/");
      p = end ? end + 2 : p + strlen(p);
    } else if (*p == '"' || *p == '\'') {
      char quote = *p++;
      while (*p && *p != quote && *p != '\n') p += p[0] == '\\' && p[1] ? 2 : 1;
      p += *p == quote;
    } else {
      more = false;
    }
  }
  token t = {p, *p != 0};
  if (is_word(*p))
    while (is_word(p[t.length])) t.length++;
  *at = p + t.length;
  return t;
}

static void skip_parentheses(const char **at) {
  for (int depth = 1; depth > 0;) {
    token t = next_token(at);
    if (!t.length) return;
    depth += is(t, "(") - is(t, ")");
  }
}

// The name behind __global__: what stands before the parenthesis of its parameters.
static token read_kernel(const char **at) {
  static const char *const attributes[] = {"__launch_bounds__", "__cluster_dims__", "__maxnreg__",
                                           "__block_size__",    "__attribute__",    "alignas"};
  token name = {NULL, 0}, none = {NULL, 0};
  for (;;) {
    token t = next_token(at);
    if (!t.length || is(t, ";") || is(t, "{")) return none;
    if (is_word(*t.text)) name = t;
    if (!is(t, "(")) continue;
    bool attribute = false;
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
      attribute |= is(name, attributes[i]);
    if (!attribute) return name;
    skip_parentheses(at);
  }
}

enum { NESTED = 16, SCOPE_BYTES = 128 };
typedef struct listing {
  char *text;
  size_t bytes, length;
  int count;
  bool full;
  // Open braces, each with the length of the names of the namespaces around it.
  char scope[SCOPE_BYTES];
  size_t scope_length[NESTED];
  int depth;
} listing;

static void open_brace(listing *l, token space) {
  size_t n = strlen(l->scope);
  if (l->depth < NESTED) {
    l->scope_length[l->depth] = n;
    if (space.length && n + space.length + 3 <= SCOPE_BYTES)
      snprintf(l->scope + n, SCOPE_BYTES - n, "%.*s::", (int)space.length, space.text);
  }
  l->depth++;
}

static void close_brace(listing *l) {
  if (l->depth && --l->depth < NESTED) l->scope[l->scope_length[l->depth]] = 0;
}

static void list_kernel(listing *l, token name, bool is_template) {
  char whole[256], between[260];
  snprintf(whole, sizeof whole, "%s%.*s%s", l->scope, (int)(name.length < 100 ? name.length : 100),
           name.text, is_template ? "<...>" : "");
  // Once, however often it is declared.
  for (const char *p = l->text; *p;) {
    size_t n = strcspn(p, ",");
    if (n == strlen(whole) && memcmp(p, whole, n) == 0) return;
    p += n + (p[n] ? 2 : 0);
  }
  l->count++;
  int n = snprintf(between, sizeof between, "%s%s", l->length ? ", " : "", whole);
  if (l->full) return;
  if (l->length + (size_t)n + sizeof ", ..." > l->bytes) {
    l->full = true;
    if (l->length) snprintf(l->text + l->length, l->bytes - l->length, ", ...");
    return;
  }
  memcpy(l->text + l->length, between, (size_t)n + 1);
  l->length += (size_t)n;
}

int gk_nvrtc_list_kernels(const char *source, char *text, size_t bytes) {
  listing l = {.text = text, .bytes = bytes};
  bool is_template = false, is_namespace = false;
  token space = {NULL, 0};
  *text = 0;
  for (token t; (t = next_token(&source)).length;) {
    if (is(t, "template")) {
      is_template = true;
    } else if (is(t, "namespace")) {
      is_namespace = true;
      space.length = 0;
    } else if (is(t, "__global__")) {
      token name = read_kernel(&source);
      if (name.length) list_kernel(&l, name, is_template);
      is_template = false;
    } else if (is(t, "{")) {
      open_brace(&l, is_namespace ? space : (token){NULL, 0});
      is_namespace = is_template = false;
    } else if (is(t, "}") || is(t, ";")) {
      if (is(t, "}")) close_brace(&l);
      is_namespace = is_template = false;
    } else if (is_namespace && space.length) { // a::b
      space.length = (size_t)(t.text + t.length - space.text);
    } else if (is_namespace) {
      space = t;
    }
  }
  return l.count;
}

// ---- names that are none

gk_status gk_nvrtc_no_kernel(const gk_module_source *source, const char *kernel, const char *reason,
                             gk_error *error) {
  char kernels[160];
  int count = gk_nvrtc_list_kernels(source->text, kernels, sizeof kernels);
  const char *remedy = strstr(reason, "overloaded function")
                           ? " (choose one by its type, as in (void (*)(float *))name)"
                       : strstr(reason, "function template")
                           ? " (add its arguments, as in name<float>)"
                           : "";
  return gk_error_set(error, GK_KERNEL_COMPILE,
                      "jit: \"%.80s\" names no kernel of %.60s: %.100s%s; %s%s", kernel,
                      source->file, reason, remedy,
                      !count       ? "no __global__ function was found there"
                      : count == 1 ? "its kernel is "
                                   : "its kernels are ",
                      count ? kernels : "");
}

// The same but for white space?
static bool same_code(const char *a, size_t length, const char *b) {
  const char *end = a + length;
  for (;;) {
    while (a < end && isspace((unsigned char)*a)) a++;
    while (isspace((unsigned char)*b)) b++;
    if (a == end || !*b) return a == end && !*b;
    if (*a++ != *b++) return false;
  }
}

typedef struct line {
  const char *text;
  int length;
} line;

static line line_at(const char *text) { return (line){text, (int)strcspn(text, "\n")}; }
static line line_after(line l) {
  const char *next = l.text + l.length;
  return line_at(next + (*next == '\n'));
}

// Where in the line `text` begins; NULL: nowhere.
static const char *find(line l, const char *text) {
  size_t n = strlen(text);
  for (const char *p = l.text; p + n <= l.text + l.length; p++)
    if (memcmp(p, text, n) == 0) return p;
  return NULL;
}

// The message of a line that is an error's; NULL: it is not.
static const char *message_of(line l) {
  static const char *const words[] = {": error: ", ": catastrophic error: "};
  for (int i = 0; i < 2; i++) {
    const char *at = find(l, words[i]);
    if (at) return at + strlen(words[i]);
  }
  return NULL;
}

#define NAME_MAP "__nv_name_map("
static bool is_name_map(line l) { return !strncmp(l.text, NAME_MAP, sizeof NAME_MAP - 1); }

// The kernel that an error in the map of names is about, from "Input name expression was: " k"".
static const char *kernel_of(const gk_module_source *source, line l) {
  static const char before[] = "Input name expression was: \"", open[] = "gpukit_signature";
  const char *from = find(l, before), *end = l.text + l.length;
  if (!from) return NULL;
  from += sizeof before - 1;
  while (end > from && *end != '"') end--;
  for (uint32_t i = 0; i < source->kernels; i++) {
    const char *kernel = source->kernel[i], *inner = from;
    if (same_code(from, (size_t)(end - from), kernel)) return kernel;
    // gpukit_signature < decltype ( & k ) >
    while (inner < end && isspace((unsigned char)*inner)) inner++;
    if ((size_t)(end - inner) < sizeof open || memcmp(inner, open, sizeof open - 1)) continue;
    while (inner < end && *inner != '&' && *inner != '+') inner++;
    const char *outer = end;
    for (int closing = 0; outer > inner && closing < 2;)
      closing += *--outer == ')' || *outer == '>';
    if (inner < outer && same_code(inner + 1, (size_t)(outer - inner - 1), kernel)) return kernel;
  }
  return NULL;
}

// The first name that is no kernel's, where the log is about names alone.
static bool explain_name(const gk_module_source *source, const char *log, gk_error *error) {
  for (line l = line_at(log); *l.text; l = line_after(l)) {
    const char *kernel = message_of(l) && is_name_map(l) ? kernel_of(source, l) : NULL;
    if (!kernel) continue;
    // What was said of the same place before is the reason.
    int place = (int)strcspn(l.text, ")") + 1;
    char reason[128] = "it is no __global__ function";
    for (line r = line_at(log); r.text < l.text; r = line_after(r))
      if (!strncmp(r.text, l.text, (size_t)place) && message_of(r)) {
        const char *from = message_of(r);
        snprintf(reason, sizeof reason, "%.*s", (int)(r.text + r.length - from), from);
        break;
      }
    gk_nvrtc_no_kernel(source, kernel, reason, error);
    return true;
  }
  return false;
}

// ---- errors in the source

static int count_errors(const char *log, bool of_names) {
  int count = 0;
  for (line l = line_at(log); *l.text; l = line_after(l))
    count += message_of(l) && is_name_map(l) == of_names;
  return count;
}

static bool is_continuation(char c) { return ((unsigned char)c & 0xC0) == 0x80; }

// Whole characters of `text`, at most `most` bytes.
static int whole(const char *text, int length, int most) {
  if (length <= most) return length;
  while (most && is_continuation(text[most])) most--;
  return most;
}

// The line of source and the caret below it, as far as they are there, in front of what follows.
static int show_place(line at, char *text, size_t bytes) {
  enum { WIDTH = 110, BEFORE = 70 };
  line source = line_after(at), caret = line_after(source);
  const char *mark = find(caret, "^");
  if (strncmp(source.text, "  ", 2) || !mark || (int)strspn(caret.text, " \t^") != caret.length)
    return 0;
  int column = (int)(mark - caret.text), from = column > WIDTH ? column - BEFORE : 2;
  if (from >= source.length) return 0; // it points behind the line
  while (is_continuation(source.text[from])) from++;
  return snprintf(text, bytes, "\n  %.*s\n  %.*s^",
                  whole(source.text + from, source.length - from, WIDTH), source.text + from,
                  column - from, caret.text + from);
}

// A line of the source by its number, where NVRTC does not show it.
static int show_line(const gk_module_source *source, line at, char *text, size_t bytes) {
  size_t n = strlen(source->file);
  int number = 0;
  if (strncmp(at.text, source->file, n) || sscanf(at.text + n, "(%d)", &number) != 1) return 0;
  line l = line_at(source->text);
  while (--number > 0 && *l.text) l = line_after(l);
  int blank = (int)strspn(l.text, " \t");
  if (number || blank >= l.length) return 0;
  return snprintf(text, bytes, "\n  %.*s", whole(l.text + blank, l.length - blank, 110),
                  l.text + blank);
}

static gk_status explain_source(const gk_module_source *source, line first, int errors,
                                gk_error *error) {
  char place[260] = "", more[40] = "";
  if (!show_place(first, place, sizeof place)) show_line(source, first, place, sizeof place);
  if (errors > 1)
    snprintf(more, sizeof more, "\n%d more error%s in the log", errors - 1, errors > 2 ? "s" : "");
  bool at_end = !strncmp(first.text, "At end of source", 16);
  return gk_error_set(error, GK_KERNEL_COMPILE, "jit: %.80s%s%.*s%s%s", at_end ? source->file : "",
                      at_end ? ": " : "", whole(first.text, first.length, 220), first.text, place,
                      more);
}

gk_status gk_nvrtc_explain(const gk_module_source *source, const char *log, const char *result,
                           gk_error *error) {
  static const char of_options[] = "nvrtc: error: ";
  line other = line_at(log);
  int errors = count_errors(log, false), skip = sizeof of_options - 1;
  if (!strncmp(log, of_options, (size_t)skip))
    return gk_error_set(error, GK_KERNEL_COMPILE, "jit: %.*s",
                        whole(log + skip, other.length - skip, 400), log + skip);
  if (!errors && explain_name(source, log, error)) return GK_KERNEL_COMPILE;
  bool found = false;
  for (line l = other; *l.text; l = line_after(l)) {
    if (message_of(l) && (!errors || !is_name_map(l)))
      return explain_source(source, l, errors, error);
    if (!found && find(l, "error")) found = true, other = l; // of ptxas
  }
  if (!other.length)
    return gk_error_set(error, GK_KERNEL_COMPILE, "jit: %.80s: %s", source->file, result);
  return gk_error_set(error, GK_KERNEL_COMPILE, "jit: %.80s: %.*s", source->file,
                      whole(other.text, other.length, 380), other.text);
}
