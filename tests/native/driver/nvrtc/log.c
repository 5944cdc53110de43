// The compiler's messages in NVRTC's words and form, as far as programs look at them:
//
//   prog.cu(2): error: identifier "x" is undefined
//       y = x;
//           ^
//
// The source line and the place of the caret are the compiler's.
#include "nvrtc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// `%` stands for any text, and %1, %2 for what the first and second stood for. The first that fits is taken.
static const struct {
  const char *theirs, *ours;
  bool catastrophic;
} sentences[] = {
    {"use of undeclared identifier '%'", "identifier \"%1\" is undefined", false},
    {"unknown type name '%'", "identifier \"%1\" is undefined", false},
    {"no template named '%'%", "identifier \"%1\" is undefined", false},
    {"no member named '%' in namespace '%'", "namespace \"%2\" has no member \"%1\"", false},
    {"no member named '%' in '%'", "class \"%2\" has no member \"%1\"", false},
    {"no type named '%' in namespace '%'", "namespace \"%2\" has no member \"%1\"", false},
    {"'%' file not found", "cannot open source file \"%1\"", true},
    {"expected ';'%", "expected a \";\"", false},
    {"expected ')'%", "expected a \")\"", false},
    {"expected '('%", "expected a \"(\"", false},
    {"expected '}'%", "expected a \"}\"", false},
    {"expected ']'%", "expected a \"]\"", false},
    {"expected expression", "expected an expression", false},
    {"expected unqualified-id", "expected an identifier", false},
    {"expected identifier%", "expected an identifier", false},
    {"extraneous closing brace ('}')", "expected a declaration", false},
    {"redefinition of '%' with a different type%", "declaration is incompatible with \"%1\"",
     false},
    {"redefinition of '%'", "\"%1\" has already been defined", false},
    {"no matching function for call to '%'",
     "no instance of overloaded function \"%1\" matches the argument list", false},
    {"call to '%' is ambiguous",
     "more than one instance of overloaded function \"%1\" matches the "
     "argument list",
     false},
    {"too few arguments to function call%", "too few arguments in function call", false},
    {"too many arguments to function call%", "too many arguments in function call", false},
    {"cannot initialize a variable of type '%' with an % of type '%'",
     "a value of type \"%3\" cannot be used to initialize an entity of type \"%1\"", false},
    {"cannot initialize a parameter of type '%' with an % of type '%'%",
     "argument of type \"%3\" is incompatible with parameter of type \"%1\"", false},
    {"assigning to '%' from incompatible type '%'%",
     "a value of type \"%2\" cannot be assigned to an entity of type \"%1\"", false},
    {"incompatible pointer types %", "a value of one pointer type cannot be used as another: %1",
     false},
    {"member reference base type '%' is not a structure or union",
     "expression must have class type but it has type \"%1\"", false},
    {"subscripted value is not %", "expression must have pointer-to-object type but it has another",
     false},
    {"indirection requires pointer operand ('%' invalid)",
     "operand of \"*\" must be a pointer but has type \"%1\"", false},
    {"invalid operands to binary expression ('%' and '%')",
     "no operator matches these operands, of type \"%1\" and \"%2\"", false},
    {"cannot assign to variable '%' with const-qualified type '%'",
     "expression must be a modifiable lvalue", false},
    {"read-only variable is not assignable", "expression must be a modifiable lvalue", false},
    {"expression is not assignable", "expression must be a modifiable lvalue", false},
    {"cannot use 'throw' with exceptions disabled",
     "device code does not support exception handling", false},
    {"cannot use 'try' with exceptions disabled", "device code does not support exception handling",
     false},
    {"unused variable '%'", "variable \"%1\" was declared but never referenced", false},
    {"variable '%' is uninitialized when used here",
     "variable \"%1\" is used before its value is set", false},
    {"division by zero is undefined", "division by zero", false},
    {"non-void function does not return a value%",
     "missing return statement at end of non-void function", false},
};
enum { SENTENCES = sizeof sentences / sizeof *sentences, PARTS = 5 };

// Numbers of warnings that NVRTC gives.
static const struct {
  const char *ours;
  int number;
} numbers[] = {
    {"variable \"%\" was declared but never referenced", 177},
    {"variable \"%\" is used before its value is set", 549},
    {"division by zero", 39},
    {"missing return statement%", 940},
    {"#warning directive: %", 1105},
};

typedef struct part {
  const char *at;
  size_t length;
} part;

// Whether the pattern fits all of the text, and what each `%` stood for: the least that does.
static bool fits(const char *pattern, const char *text, size_t length, part *parts) {
  if (*pattern == '\0') return length == 0;
  if (*pattern == '%') {
    for (size_t n = 0; n <= length; n++) {
      if (!fits(pattern + 1, text + n, length - n, parts + 1)) continue;
      *parts = (part){text, n};
      return true;
    }
    return false;
  }
  return length > 0 && *pattern == *text && fits(pattern + 1, text + 1, length - 1, parts);
}

static void add_sentence(text *log, const char *message, size_t length, bool *catastrophic) {
  part parts[PARTS] = {0};
  const char *guess = memmem(message, length, "; did you mean", strlen("; did you mean"));
  if (guess != NULL) length = (size_t)(guess - message);
  for (int i = 0; i < SENTENCES; i++) {
    if (!fits(sentences[i].theirs, message, length, parts)) continue;
    *catastrophic |= sentences[i].catastrophic;
    for (const char *c = sentences[i].ours; *c != '\0'; c++) {
      if (*c != '%') {
        text_bytes(log, c, 1);
      } else {
        c++;
        text_bytes(log, parts[*c - '1'].at, parts[*c - '1'].length);
      }
    }
    return;
  }
  for (size_t i = 0; i < length; i++) text_bytes(log, message[i] == '\'' ? "\"" : message + i, 1);
}

// ---- one message

typedef struct message {
  const char *file, *kind, *said;
  size_t file_length, kind_length, said_length;
  uint32_t line;
} message;

// "file:line:column: kind: text"
static bool read_message(const char *line, size_t length, message *m) {
  static const char *const kinds[] = {"fatal error", "error", "warning", "note"};
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    char mark[32];
    snprintf(mark, sizeof mark, ": %s: ", kinds[k]);
    const char *at = memmem(line, length, mark, strlen(mark));
    if (at == NULL) continue;
    m->kind = kinds[k];
    m->kind_length = strlen(kinds[k]);
    m->said = at + strlen(mark);
    m->said_length = length - (size_t)(m->said - line);
    const char *column = at;
    while (column > line && column[-1] != ':') column--;
    if (column == line) return false;
    const char *number = column - 1;
    while (number > line && number[-1] != ':') number--;
    if (number == line) return false;
    m->line = (uint32_t)strtoul(number, NULL, 10);
    m->file = line;
    m->file_length = (size_t)(number - line) - 1;
    return true;
  }
  return false;
}

static bool in_file(const message *m, const char *name) {
  return m->file_length == strlen(name) && strncmp(m->file, name, m->file_length) == 0;
}

// What NVRTC says of a name expression that is none.
static void add_expression(text *log, const program *p, const message *m) {
  bool unused = false;
  const uint32_t number = m->line - 2;
  const char *expression = number < p->expressions.count ? p->expressions.at[number] : "";
  text_add(log, "__nv_name_map(%u): error: ", m->line);
  add_sentence(log, m->said, m->said_length, &unused);
  text_add(log,
           "\n  #pragma nv_mangled_name %s\n                          ^\n\n"
           "__nv_name_map(%u): error: Error in parsing name expression for lowered name lookup. "
           "Input name expression was: \" %s\"\n  #pragma nv_mangled_name %s\n"
           "                          ^\n\n",
           expression, m->line, expression, expression);
}

// The source line and the line with the caret that follow a message; returns what comes behind.
static const char *add_source(text *log, const char *at) {
  const char *caret = strchr(at, '\n');
  const size_t length = caret == NULL ? 0 : strspn(caret + 1, " \t~");
  if (caret == NULL || caret[1 + length] != '^') {
    text_add(log, "\n");
    return at;
  }
  text_add(log, "  %.*s\n  ", (int)(caret - at), at);
  for (size_t i = 0; i < length; i++) {
    text_bytes(log, caret[1 + i] == '~' ? " " : caret + 1 + i, 1);
  }
  text_add(log, "^\n\n");
  const char *end = strchr(caret + 1, '\n');
  return end == NULL ? caret + strlen(caret) : end + 1;
}

static void add_note(text *log, const message *m, const char **back) {
  static const char mark[] = "in instantiation of function template specialization '";
  if (strncmp(m->said, mark, strlen(mark)) != 0) return;
  // It belongs to the message before, without an empty line between.
  if (log->length > 1 && *back != NULL) {
    log->at[--log->length] = '\0';
    const char *name = m->said + strlen(mark);
    text_add(log, "          detected during instantiation of \"%.*s\" at line %u\n\n",
             (int)strcspn(name, "'"), name, m->line);
  }
}

void log_translate(text *log, const program *p, const char *said, uint32_t *errors) {
  uint32_t name_line = 0;
  const char *last = NULL;
  while (*said != '\0') {
    const size_t length = strcspn(said, "\n");
    message m;
    const bool is_message = read_message(said, length, &m);
    said += length + (said[length] == '\n');
    if (!is_message) continue;
    if (strcmp(m.kind, "note") == 0) {
      add_note(log, &m, &last);
      continue;
    }
    const bool warns = strcmp(m.kind, "warning") == 0;
    if (in_file(&m, "__nv_registry")) continue; // the source has the same error
    if (in_file(&m, "__nv_name_map")) {
      if (m.line != name_line && !warns) {
        add_expression(log, p, &m);
        *errors += 2;
        name_line = m.line;
      }
      continue;
    }
    text sentence = {0};
    bool fatal = strcmp(m.kind, "fatal error") == 0;
    const char *directive = said + strspn(said, " \t");
    const bool is_error = strncmp(directive, "#error", 6) == 0;
    const bool is_warning = strncmp(directive, "#warning", 8) == 0;
    if (is_error || is_warning) {
      text_add(&sentence, "#%s directive: ", is_error ? "error" : "warning");
      fatal = is_error;
    }
    if (strncmp(directive, "#include", 8) == 0 &&
        strchr(directive, '<') == strpbrk(directive, "<\"\n") && m.said[0] == '\'') {
      text_add(&sentence, "could not open source file \"%.*s\" (no directories in search list)",
               (int)strcspn(m.said + 1, "'"), m.said + 1);
      fatal = true;
    } else {
      add_sentence(&sentence, m.said, m.said_length, &fatal);
    }
    int number = 0;
    part unused[PARTS];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
      if (fits(numbers[i].ours, text_of(&sentence), sentence.length, unused)) {
        number = numbers[i].number;
      }
    }
    text_add(log, "%.*s(%u): ", (int)m.file_length, m.file, m.line);
    if (warns) {
      text_add(log, number > 0 ? "warning #%d-D: " : "warning: ", number);
    } else {
      text_add(log, fatal ? "catastrophic error: " : "error: ");
      ++*errors;
    }
    text_add(log, "%s\n", text_of(&sentence));
    text_free(&sentence);
    said = add_source(log, said);
    last = said;
  }
}

void log_summary(text *log, const program *p, uint32_t errors, bool catastrophic) {
  if (errors == 0) return;
  text_add(log, "%u %serror%s detected in the compilation of \"%s\".\n", errors,
           catastrophic ? "catastrophic " : "", errors == 1 ? "" : "s", p->name);
  if (catastrophic) text_add(log, "Compilation terminated.\n");
}

// ---- errors that the compiler does not know

// The line of a text that `at` means, as its #line directives count; NULL where there is none.
static const char *line_in(const char *from, const char *name, place at, size_t *length) {
  char file[1024];
  unsigned line = 1, next;
  snprintf(file, sizeof file, "%s", name);
  for (; from != NULL; from = strchr(from, '\n'), from += from != NULL, line++) {
    *length = strcspn(from, "\r\n");
    if (line == at.line && strcmp(file, at.file) == 0) return from;
    char other[1024];
    const int found = sscanf(from + strspn(from, " \t"), "#line %u \"%1023[^\"\n]\"", &next, other);
    if (found >= 1) line = next - 1;
    if (found == 2) memcpy(file, other, sizeof file);
  }
  return NULL;
}

static const char *source_line(const program *p, place at, size_t *length) {
  const char *line = line_in(p->source, p->name, at, length);
  for (size_t i = 0; i < p->headers.count && line == NULL; i++) {
    line = line_in(p->headers.at[i], p->header_names.at[i], at, length);
  }
  return line;
}

void log_error(text *log, const program *p, place at, const char *word, const char *message) {
  size_t length = 0;
  text_add(log, "%s(%u): error: %s\n", at.file, at.line, message);
  const char *line = source_line(p, at, &length);
  if (line == NULL) {
    text_add(log, "\n");
    return;
  }
  const char *found = memmem(line, length, word, strlen(word));
  text_add(log, "  %.*s\n  ", (int)length, line);
  for (const char *c = line; found != NULL && c < found; c++)
    text_add(log, *c == '\t' ? "\t" : " ");
  text_add(log, "^\n\n");
}
