// What a preprocessed source declares: kernels, templates of kernels, and variables on the device, with
// the namespaces around them. Types are the compiler's business: a kernel's parameters come from a template
// over its own type (registry.c). On the way the few things that CUDA has and C++ does not are rewritten:
//
//   extern __shared__ T x[];            T (&x)[] = the block's dynamic shared memory
//   volatile __align__(16) __shared__   __shared__ first, which shim.h makes more than a word
//   static __global__                   without static, as NVRTC names it
//
// and what NVRTC refuses is refused: functions and variables that are the host's.
#include "nvrtc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct token {
  const char *at;
  uint32_t length;
  bool word;
  place place;
} token;

typedef struct scanner {
  scan *out;
  const program *program;
  bool default_device;
  token *tokens;
  size_t count;
  list files;
  char *space, *opened; // namespaces around the place that is looked at
  int depth;
  struct edit *edits; // in no order
  size_t edit_count;
  struct dynamic *dynamics;
  size_t dynamic_count;
} scanner;

// A piece of the text, and what takes its place.
typedef struct edit {
  const char *from, *to;
  char *instead;
} edit;

// A variable in dynamic shared memory: of one name there is one type, in all kernels.
typedef struct dynamic {
  char *name, *type;
  uint32_t line;
} dynamic;

static bool is(const token *t, const char *text) {
  return t->length == strlen(text) && memcmp(t->at, text, t->length) == 0;
}

// ---- tokens

static const char *end_of_literal(const char *p) {
  const char quote = *p++;
  while (*p != '\0' && *p != quote && *p != '\n') p += *p == '\\' && p[1] != '\0' ? 2 : 1;
  return *p == quote ? p + 1 : p;
}

// A line of the preprocessor, `# 12 "file" flags`: where the next line comes from.
static const char *read_marker(scanner *s, const char *p, place *at) {
  char *number_end, file[1024];
  const char *digits = p + 1 + strspn(p + 1, " ");
  if (strncmp(digits, "line", 4) == 0) digits += 4;
  const unsigned long line = strtoul(digits, &number_end, 10);
  if (number_end != digits && sscanf(number_end, " \"%1023[^\"]\"", file) == 1) {
    at->line = (uint32_t)line - 1;
    if (s->files.count == 0 || strcmp(s->files.at[s->files.count - 1], file) != 0) {
      list_add(&s->files, file);
    }
    at->file = s->files.at[s->files.count - 1];
  }
  return p + strcspn(p, "\n");
}

static void tokenize(scanner *s, const char *text) {
  place at = {s->program->name, 1};
  bool fresh = true; // nothing but space on this line so far
  size_t room = 0;
  for (const char *p = text; *p != '\0';) {
    if (*p == '\n') {
      at.line++;
      fresh = true;
      p++;
      continue;
    }
    if (isspace((unsigned char)*p)) {
      p++;
      continue;
    }
    if (*p == '#' && fresh) {
      p = read_marker(s, p, &at);
      continue;
    }
    fresh = false;
    const char *end = p + 1;
    const bool word = isalpha((unsigned char)*p) || *p == '_' || (unsigned char)*p >= 128;
    if (*p == '"' || *p == '\'') {
      end = end_of_literal(p);
    } else if (word || isdigit((unsigned char)*p)) {
      while (isalnum((unsigned char)*end) || *end == '_' || (unsigned char)*end >= 128 ||
             (!word && (*end == '.' || *end == '\''))) {
        end++;
      }
    }
    if (s->count == room) {
      room = room == 0 ? 4096 : room * 2;
      s->tokens = realloc(s->tokens, room * sizeof *s->tokens);
      if (s->tokens == NULL) abort();
    }
    s->tokens[s->count++] = (token){p, (uint32_t)(end - p), word, at};
    p = end;
  }
}

// Behind what begins at `i`: the bracket that closes it.
static size_t skip(const scanner *s, size_t i) {
  size_t depth = 0;
  for (; i < s->count; i++) {
    const char c = s->tokens[i].word ? 0 : *s->tokens[i].at;
    if (c == '(' || c == '[' || c == '{') depth++;
    if ((c == ')' || c == ']' || c == '}') && --depth == 0) return i + 1;
  }
  return s->count;
}

// Behind the `>` that closes the `<` at `i`.
static size_t skip_angles(const scanner *s, size_t i) {
  size_t depth = 0;
  for (; i < s->count; i++) {
    const token *t = &s->tokens[i];
    if (is(t, "(") || is(t, "[") || is(t, "{")) {
      i = skip(s, i) - 1;
      continue;
    }
    if (is(t, "<")) depth++;
    if (is(t, ">") && --depth == 0) return i + 1;
  }
  return s->count;
}

static size_t find_word(const scanner *s, size_t from, size_t to, const char *word) {
  for (size_t i = from; i < to; i++) {
    if (s->tokens[i].word && is(&s->tokens[i], word)) return i;
  }
  return to;
}

static bool has_any(const scanner *s, size_t from, size_t to, const char *const *words) {
  for (; *words != NULL; words++) {
    if (find_word(s, from, to, *words) < to) return true;
  }
  return false;
}

// The text from one token up to another, without it, on one line.
static char *text_between(const scanner *s, size_t from, size_t to) {
  text t = {0};
  for (size_t i = from; i < to; i++) {
    // Adjacent tokens stay adjacent: `::` and `>=` are two.
    const bool apart = i > from && s->tokens[i - 1].at + s->tokens[i - 1].length < s->tokens[i].at;
    if (apart) text_add(&t, " ");
    text_bytes(&t, s->tokens[i].at, s->tokens[i].length);
  }
  return t.at != NULL ? t.at : strdup("");
}

static void edit_add(scanner *s, const char *from, const char *to, char *instead) {
  s->edits = realloc(s->edits, (s->edit_count + 1) * sizeof *s->edits);
  if (s->edits == NULL) abort();
  s->edits[s->edit_count++] = (edit){from, to, instead};
}

// ---- what is wrong

#define HOST_FUNCTION                                                                              \
  "A function without execution space annotations (__host__/__device__/__global__) is considered " \
  "a host function, and host functions are not allowed in JIT mode. Consider using "               \
  "-default-device flag to process unannotated functions as __device__ functions in JIT mode"
#define HOST_ONLY "A function explicitly marked as a __host__ function is not allowed in JIT mode"
#define HOST_VARIABLE                                                                              \
  "A namespace scope variable without memory space annotations "                                   \
  "(__device__/__constant__/__shared__/__managed__) is considered a host variable, and host "      \
  "variables are not allowed in JIT mode. Consider using -default-device flag to process "         \
  "unannotated namespace scope variables as __device__ variables in JIT mode"

static void refuse(scanner *s, const token *at, const char *message) {
  char *word = strndup(at->at, at->length);
  log_error(&s->out->log, s->program, at->place, word, message);
  s->out->errors++;
  free(word);
}

// ---- declarations

static void declare(declared **list, size_t *count, const scanner *s, declared d) {
  d.space = strdup(s->space);
  d.opened = strdup(s->opened);
  d.depth = s->depth;
  *list = realloc(*list, (*count + 1) * sizeof **list);
  if (*list == NULL) abort();
  (*list)[(*count)++] = d;
}

// The first argument of __launch_bounds__, NULL where there is none.
static char *bounds_between(const scanner *s, size_t from, size_t to) {
  const size_t at = find_word(s, from, to, "__launch_bounds__");
  if (at + 1 >= to) return NULL;
  const size_t end = skip(s, at + 1) - 1;
  size_t comma = at + 2;
  while (comma < end && !is(&s->tokens[comma], ",")) {
    comma = is(&s->tokens[comma], "(") ? skip(s, comma) : comma + 1;
  }
  return text_between(s, at + 2, comma);
}

// Where the name begins that ends before `end`, with its template arguments and the scopes before it.
static size_t name_begin(const scanner *s, size_t begin, size_t end) {
  size_t i = end - 1;
  if (is(&s->tokens[i], ">")) {
    size_t depth = 1;
    while (depth > 0 && i > begin) {
      i--;
      depth += is(&s->tokens[i], ">");
      depth -= is(&s->tokens[i], "<");
    }
    if (i > begin) i--;
  }
  while (i >= begin + 3 && is(&s->tokens[i - 1], ":") && is(&s->tokens[i - 2], ":") &&
         s->tokens[i - 3].word) {
    i -= 3;
  }
  return i;
}

// `open` is the parenthesis of its parameters.
static void add_kernel(scanner *s, size_t begin, size_t prefix, size_t open, bool defined) {
  const size_t name = name_begin(s, begin, open);
  const bool generic = prefix > begin && !is(&s->tokens[begin + 2], ">"); // not template <>
  const bool arguments = is(&s->tokens[open - 1], ">");
  const bool instance = is(&s->tokens[begin], "template") && prefix == begin;
  const size_t global = find_word(s, begin, open, "__global__");
  if (find_word(s, begin, open, "void") == open) {
    refuse(s, &s->tokens[global], "a __global__ function must have a void return type");
    return;
  }
  const size_t storage = find_word(s, begin, open, "static");
  if (storage < open) {
    const token *t = &s->tokens[storage];
    edit_add(s, t->at, t->at + t->length, strdup("      "));
  }
  declared d = {.name = text_between(s, name, open), .bounds = bounds_between(s, begin, open)};
  if (generic) d.parameters = text_between(s, begin, prefix);
  const bool to_be_named = defined ? !generic && (prefix == begin || arguments) : instance;
  if (generic && defined) {
    declare(&s->out->templates, &s->out->template_count, s, d);
  } else if (to_be_named) {
    declare(&s->out->kernels, &s->out->kernel_count, s, d);
  } else {
    free(d.name);
    free(d.bounds);
    free(d.parameters);
  }
}

static void add_variables(scanner *s, size_t begin, size_t end, bool constant) {
  size_t last = begin; // the word before what follows a declarator's name
  bool named = false;
  for (size_t i = begin; i <= end; i++) {
    const token *t = i < end ? &s->tokens[i] : NULL;
    const bool ends = t == NULL || is(t, ",");
    if (t != NULL && t->word && !named) last = i;
    if (t != NULL && (is(t, "<") && !named)) {
      i = skip_angles(s, i) - 1;
      continue;
    }
    if ((ends || is(t, "[") || is(t, "=") || is(t, "{")) && !named && last > begin) {
      const declared d = {.name = text_between(s, last, last + 1), .constant = constant};
      declare(&s->out->variables, &s->out->variable_count, s, d);
      named = true;
    }
    if (t != NULL && (is(t, "[") || is(t, "{") || is(t, "("))) i = skip(s, i) - 1;
    if (ends) named = false;
  }
}

static const char *const on_device[] = {"__device__", "__constant__", "__managed__", NULL};
static const char *const no_variable[] = {
    "const",  "constexpr", "extern", "typedef",  "using",   "static_assert",
    "struct", "class",     "union",  "enum",     "friend",  "__shared__",
    "asm",    "__asm__",   "inline", "operator", "concept", NULL};

static void add_declaration(scanner *s, size_t begin, size_t end, size_t open, size_t body) {
  size_t prefix = begin; // behind all `template <...>`
  while (prefix + 1 < end && is(&s->tokens[prefix], "template") &&
         is(&s->tokens[prefix + 1], "<")) {
    prefix = skip_angles(s, prefix + 1);
  }
  const bool function = open < end;
  const size_t head = function ? open : body < end ? body : end;
  if (function && find_word(s, begin, head, "__global__") < head) {
    if (find_word(s, begin, head, "extern") == head || is(&s->tokens[begin], "extern")) {
      add_kernel(s, begin, prefix, open, body < end);
    }
    return;
  }
  const bool device = has_any(s, begin, head, on_device);
  if (function) {
    if (body >= end || device || s->default_device) return;
    const bool host = find_word(s, begin, head, "__host__") < head;
    refuse(s, &s->tokens[open - 1], host ? HOST_ONLY : HOST_FUNCTION);
    return;
  }
  if (prefix > begin || is(&s->tokens[begin], "template")) return;
  if (device && find_word(s, begin, head, "extern") == head) {
    add_variables(s, begin, end, find_word(s, begin, head, "__constant__") < head);
    return;
  }
  if (device || s->default_device || end - begin < 2 || has_any(s, begin, head, no_variable)) {
    return;
  }
  size_t name = begin;
  while (name < end && !is(&s->tokens[name], "[") && !is(&s->tokens[name], "=") &&
         !is(&s->tokens[name], "{")) {
    name++;
  }
  refuse(s, &s->tokens[name - 1], HOST_VARIABLE);
}

static size_t scan_scope(scanner *s, size_t i);

static size_t scan_namespace(scanner *s, size_t begin, size_t brace) {
  char *space = s->space, *opened = s->opened;
  char *name = NULL;
  const size_t word = find_word(s, begin, brace, "namespace");
  if (word < brace) {
    name = text_between(s, word + 1, brace);
    if (asprintf(&s->space, "%s%s%s", space, name, name[0] != '\0' ? "::" : "") < 0 ||
        asprintf(&s->opened, "%s%snamespace %s {", opened,
                 is(&s->tokens[begin], "inline") ? "inline " : "", name) < 0) {
      abort();
    }
    s->depth++;
  }
  const size_t end = scan_scope(s, brace + 1);
  if (name != NULL) {
    free(s->space);
    free(s->opened);
    free(name);
    s->space = space;
    s->opened = opened;
    s->depth--;
  }
  return end;
}

// These have parentheses of their own, which are not a function's.
static bool takes_parentheses(const token *t) {
  static const char *const words[] = {
      "__launch_bounds__", "__attribute__", "__align__",         "alignas",
      "decltype",          "noexcept",      "__cluster_dims__",  "__maxnreg__",
      "__declspec",        "static_assert", "requires",          "explicit",
      "__block_size__",    "sizeof",        "__builtin_align__", NULL};
  for (const char *const *w = words; *w != NULL; w++) {
    if (is(t, *w)) return true;
  }
  return false;
}

// From `i` to the end of one declaration.
static size_t scan_declaration(scanner *s, size_t begin) {
  static const char *const types[] = {"struct", "class", "union", "enum", NULL};
  size_t i = begin, open = s->count, body = s->count;
  bool value = false;
  while (i + 1 < s->count && is(&s->tokens[i], "template") && is(&s->tokens[i + 1], "<")) {
    i = skip_angles(s, i + 1);
  }
  const size_t head = i;
  while (i < s->count) {
    const token *t = &s->tokens[i];
    if (is(t, "operator")) {
      while (i < s->count && !is(&s->tokens[i], "(")) i++;
      continue;
    }
    if (is(t, "(") || is(t, "[")) {
      if (is(t, "(") && open == s->count && !value && i > head &&
          !takes_parentheses(&s->tokens[i - 1])) {
        open = i;
      }
      i = skip(s, i);
      continue;
    }
    if (is(t, ";")) break;
    if (is(t, "}")) return i;
    if (is(t, "=")) value = true;
    if (is(t, "{")) {
      const bool linkage = i == head + 2 && is(&s->tokens[head], "extern");
      if (linkage || (open == s->count && find_word(s, head, i, "namespace") < i)) {
        return scan_namespace(s, begin, i);
      }
      const bool defines = open < i && !value && !has_any(s, head, open, types);
      const bool returns_type =
          open < i && !value && has_any(s, head, open, types) &&
          has_any(s, head, open, (const char *const[]){"__device__", "__global__", NULL});
      if (body == s->count) body = i;
      i = skip(s, i);
      if (!defines && !returns_type) continue;
      add_declaration(s, begin, i, open, body);
      return i;
    }
    i++;
  }
  const bool is_type = body < s->count && has_any(s, head, body, types);
  if (!is_type && i > begin) {
    // The braces of `= {...}` are no body.
    add_declaration(s, begin, i, open, open < i ? i : body);
  }
  return i;
}

static size_t scan_scope(scanner *s, size_t i) {
  while (i < s->count && !is(&s->tokens[i], "}")) {
    i = is(&s->tokens[i], ";") ? i + 1 : scan_declaration(s, i);
  }
  return i + 1;
}

// ---- shared memory

static void check_type(scanner *s, const token *name, const char *type) {
  for (size_t i = 0; i < s->dynamic_count; i++) {
    const dynamic *seen = &s->dynamics[i];
    if (!is(name, seen->name)) continue;
    if (strcmp(seen->type, type) == 0) return;
    text message = {0};
    text_add(&message, "declaration is incompatible with previous \"%s\" (declared at line %u)",
             seen->name, seen->line);
    refuse(s, name, text_of(&message));
    text_free(&message);
    return;
  }
  s->dynamics = realloc(s->dynamics, (s->dynamic_count + 1) * sizeof *s->dynamics);
  if (s->dynamics == NULL) abort();
  s->dynamics[s->dynamic_count++] =
      (dynamic){strndup(name->at, name->length), strdup(type), name->place.line};
}

// A declaration keeps the lines that it is on.
static void add_lines(text *t, const char *from, const char *to) {
  for (; from < to; from++) {
    if (*from == '\n') text_add(t, "\n");
  }
}

// `extern __shared__ T x[];`, from its first token to the semicolon.
static void rewrite_dynamic(scanner *s, size_t begin, size_t end) {
  size_t bracket = begin;
  while (bracket < end && !is(&s->tokens[bracket], "[")) {
    bracket = is(&s->tokens[bracket], "(") ? skip(s, bracket) : bracket + 1;
  }
  if (bracket == end) return; // the compiler says what is wrong
  const token *name = &s->tokens[bracket - 1];
  text type = {0}, made = {0};
  for (size_t i = begin; i < bracket - 1; i++) {
    const token *t = &s->tokens[i];
    if (is(t, "extern") || is(t, "__shared__") || is(t, "static")) continue;
    if (takes_parentheses(t)) {
      i = skip(s, i + 1) - 1;
      continue;
    }
    text_add(&type, "%.*s ", (int)t->length, t->at);
  }
  char *extents = text_between(s, bracket, end);
  check_type(s, name, text_of(&type));
  text_add(&made, "%s(&%.*s)%s = *reinterpret_cast<%s(*)%s>(standin_here.dynamic)", text_of(&type),
           (int)name->length, name->at, extents, text_of(&type), extents);
  add_lines(&made, s->tokens[begin].at, s->tokens[end].at);
  edit_add(s, s->tokens[begin].at, s->tokens[end].at, made.at);
  text_free(&type);
  free(extents);
}

// At the scope of a namespace there is no thread whose memory it could be: an object finds it when used.
static void rewrite_outer_dynamic(scanner *s, size_t begin, size_t end) {
  const size_t before = s->edit_count;
  rewrite_dynamic(s, begin, end);
  if (s->edit_count == before) return;
  edit *e = &s->edits[before];
  char *reference = strstr(e->instead, "(&"), *name_end = strchr(reference, ')');
  text made = {0};
  text_add(&made, "static const standin_dynamic<%.*s> %.*s", (int)(reference - e->instead),
           e->instead, (int)(name_end - reference - 2), reference + 2);
  add_lines(&made, e->from, e->to);
  free(e->instead);
  e->instead = made.at;
}

static void rewrite_shared(scanner *s) {
  int braces = 0, outer = 0; // open now; those of namespaces
  size_t begin = 0; // of the statement
  for (size_t i = 0; i < s->count; i++) {
    const token *t = &s->tokens[i];
    if (is(t, "{")) {
      const bool space = find_word(s, begin, i, "namespace") < i ||
                         (i == begin + 2 && is(&s->tokens[begin], "extern"));
      if (space && braces == outer) outer++;
      braces++;
    }
    if (is(t, "}")) {
      if (braces == outer) outer--;
      braces--;
    }
    if (is(t, ";") || is(t, "{") || is(t, "}")) begin = i + 1;
    if (!is(t, "__shared__")) continue;
    size_t end = i;
    while (end < s->count && !is(&s->tokens[end], ";")) end++;
    if (end == s->count) return;
    if (find_word(s, begin, end, "extern") < end) {
      (braces == outer ? rewrite_outer_dynamic : rewrite_dynamic)(s, begin, end);
      i = end - 1;
    } else if (i > begin) {
      const char *from = s->tokens[begin].at;
      text made = {0};
      text_add(&made, "__shared__ ");
      for (size_t k = begin; k < i; k++) {
        if (!is(&s->tokens[k], "static")) {
          text_add(&made, "%.*s ", (int)s->tokens[k].length, s->tokens[k].at);
        }
      }
      add_lines(&made, from, t->at);
      edit_add(s, from, t->at + t->length, made.at);
    }
  }
}

// ---- all of it

static int by_place(const void *a, const void *b) {
  const edit *x = a, *y = b;
  return x->from < y->from ? -1 : x->from > y->from;
}

static void apply_edits(const scanner *s, text *code, const char *source) {
  if (s->edit_count > 0) qsort(s->edits, s->edit_count, sizeof *s->edits, by_place);
  const char *at = source;
  for (size_t i = 0; i < s->edit_count; i++) {
    const edit *e = &s->edits[i];
    if (e->from >= at) {
      text_bytes(code, at, (size_t)(e->from - at));
      text_add(code, "%s", e->instead);
      at = e->to;
    }
    free(e->instead);
  }
  text_add(code, "%s", at);
}

void scan_source(scan *out, const program *p, const options *o, const char *preprocessed) {
  *out = (scan){0};
  scanner s = {.out = out, .program = p, .default_device = o->default_device};
  s.space = strdup("");
  s.opened = strdup("");
  tokenize(&s, preprocessed);
  for (size_t i = 0; i < s.count;) i = scan_scope(&s, i);
  rewrite_shared(&s);
  apply_edits(&s, &out->code, preprocessed);
  for (size_t i = 0; i < s.dynamic_count; i++) {
    free(s.dynamics[i].name);
    free(s.dynamics[i].type);
  }
  free(s.dynamics);
  free(s.edits);
  free(s.tokens);
  list_free(&s.files);
  free(s.space);
  free(s.opened);
}

static void free_declared(declared *list, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free(list[i].space);
    free(list[i].opened);
    free(list[i].name);
    free(list[i].bounds);
    free(list[i].parameters);
  }
  free(list);
}

void scan_free(scan *s) {
  free_declared(s->kernels, s->kernel_count);
  free_declared(s->templates, s->template_count);
  free_declared(s->variables, s->variable_count);
  text_free(&s->code);
  text_free(&s->log);
}
