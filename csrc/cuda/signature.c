// Reads mangled names into a graph of types, in which what S_ or T_ repeats is shared, and writes the
// parameters of the function back as C++. Names may come from a file that somebody gave: nothing is read
// behind their end, and depth, size and text are bounded.
#include "signature.h"

#include <stdlib.h>
#include <string.h>

typedef enum kind {
  NOTHING,
  BUILTIN, // `text`, which lies in `builtins`, or a vendor's name
  NAME, // `text`
  MEMBER, // a::b
  TEMPLATE, // a<list b>
  QUALIFIED, // a, `flags`
  POINTER, // to a
  LEFT_REFERENCE,
  RIGHT_REFERENCE,
  MEMBER_POINTER, // of class a, to b
  ARRAY, // of a, `text` elements
  FUNCTION, // from list b to a
  LITERAL, // `text` of type a
  PACK // list b
} kind;

enum { IS_CONST = 1, IS_VOLATILE = 2, IS_RESTRICT = 4 };
enum { NODES = 512, REPEATABLE = 128, DEPTH = 64, LONGEST = 16384 };

typedef struct node {
  uint8_t kind, flags, builtin; // builtin: its place in the table
  uint16_t a, b; // node 0 is none
  uint16_t next; // in the list that holds it
  uint16_t length;
  const char *text;
} node;

// A list holds nodes of its own, which only point to what may be shared.
#define ITEM NOTHING

typedef struct reader {
  const char *at, *end;
  int depth;
  bool failed;
  uint16_t node_count, repeatable_count, argument_list;
  uint16_t repeatable[REPEATABLE];
  node nodes[NODES];
} reader;

// ---- builtin types

// `long` is as wide as on the host, as NVRTC's is.
#if defined(_WIN32)
#define HOST_LONG(bits64, bits32) bits32
#else
#define HOST_LONG(bits64, bits32) bits64
#endif

static const struct builtin {
  char code[6];
  const char *text;
  uint8_t dtype, bytes; // dtype 0: a number that no array holds
} builtins[] = {
    {"f", "float", GK_float32, 4},
    {"d", "double", GK_float64, 8},
    {"i", "int", GK_int32, 4},
    {"j", "unsigned int", GK_uint32, 4},
    {"l", "long", HOST_LONG(GK_int64, GK_int32), HOST_LONG(8, 4)},
    {"m", "unsigned long", HOST_LONG(GK_uint64, GK_uint32), HOST_LONG(8, 4)},
    {"x", "long long", GK_int64, 8},
    {"y", "unsigned long long", GK_uint64, 8},
    {"s", "short", GK_int16, 2},
    {"t", "unsigned short", GK_uint16, 2},
    {"c", "char", GK_int8, 1},
    {"a", "signed char", GK_int8, 1},
    {"h", "unsigned char", GK_uint8, 1},
    {"b", "bool", GK_bool, 1},
    {"w", "wchar_t", HOST_LONG(GK_int32, GK_uint16), HOST_LONG(4, 2)},
    {"Ds", "char16_t", GK_uint16, 2},
    {"Di", "char32_t", GK_uint32, 4},
    {"Du", "char8_t", GK_uint8, 1},
    {"Dh", "_Float16", GK_float16, 2},
    {"DF16_", "_Float16", GK_float16, 2},
    {"DF16b", "__bf16", GK_bfloat16, 2},
    {"v", "void", 0, 0},
    {"n", "__int128", 0, 16},
    {"o", "unsigned __int128", 0, 16},
    {"e", "long double", 0, 0},
    {"g", "__float128", 0, 16},
    {"Dn", "std::nullptr_t", 0, 8},
    {"z", "...", 0, 0},
};
enum { BUILTINS = sizeof builtins / sizeof *builtins };

// Classes of CUDA's headers whose arrays have a dtype; `value`: so has one alone.
static const struct known_class {
  const char *name;
  uint8_t dtype, bytes;
  bool value;
} known_classes[] = {{"__half", GK_float16, 2, true},
                     {"__nv_bfloat16", GK_bfloat16, 2, true},
                     {"float2", GK_complex64, 8, false}}; // cuFloatComplex is one

// ---- reading

static uint16_t fail(reader *r) {
  r->failed = true;
  r->at = r->end;
  return 0;
}
static char peek(const reader *r) { return r->at < r->end ? *r->at : 0; }
static bool starts(const reader *r, const char *with) {
  size_t n = strlen(with);
  return (size_t)(r->end - r->at) >= n && memcmp(r->at, with, n) == 0;
}
static bool take(reader *r, const char *what) {
  if (!starts(r, what)) return false;
  r->at += strlen(what);
  return true;
}

static uint16_t add(reader *r, node n) {
  if (r->failed || r->node_count == NODES) return fail(r);
  r->nodes[r->node_count] = n;
  return r->node_count++;
}
static uint16_t add_text(reader *r, kind k, const char *text, size_t length) {
  return add(r, (node){.kind = k, .text = text, .length = (uint16_t)length});
}
static uint16_t add_pair(reader *r, kind k, uint16_t a, uint16_t b) {
  return add(r, (node){.kind = k, .a = a, .b = b});
}
// Later parts of the name may say "this one again".
static uint16_t repeatable(reader *r, uint16_t n) {
  if (r->failed || r->repeatable_count == REPEATABLE) return fail(r);
  return r->repeatable[r->repeatable_count++] = n;
}

static uint16_t read_type(reader *r);
static uint16_t read_name(reader *r, bool is_type);

static int read_number(reader *r) {
  int n = 0, digits = 0;
  for (; peek(r) >= '0' && peek(r) <= '9' && digits < 6; digits++) n = n * 10 + (*r->at++ - '0');
  if (!digits || digits == 6) fail(r);
  return n;
}

// "_" is the first, "0_" the second, "Z_" the 37th.
static int read_place(reader *r) {
  int n = 0;
  if (take(r, "_")) return 0;
  for (int digits = 0; digits < 4; digits++) {
    char c = peek(r);
    if (c >= '0' && c <= '9')
      n = n * 36 + (c - '0');
    else if (c >= 'A' && c <= 'Z')
      n = n * 36 + (c - 'A' + 10);
    else
      break;
    r->at++;
  }
  if (!take(r, "_")) fail(r);
  return n + 1;
}

// A list is its first item.
static void append(reader *r, uint16_t n, uint16_t *first, uint16_t *last) {
  uint16_t item = add_pair(r, ITEM, n, 0);
  if (r->failed) return;
  if (*last)
    r->nodes[*last].next = item;
  else
    *first = item;
  *last = item;
}

// Types, or arguments of a template, up to E.
static uint16_t read_list(reader *r, uint16_t (*read)(reader *)) {
  uint16_t first = 0, last = 0;
  if (++r->depth > DEPTH) return fail(r);
  while (!r->failed && !take(r, "E")) append(r, read(r), &first, &last);
  r->depth--;
  return first;
}

static uint16_t read_literal(reader *r) {
  if (starts(r, "_Z")) return fail(r); // the address of something
  uint16_t type = read_type(r);
  const char *from = r->at;
  while (peek(r) && peek(r) != 'E') r->at++;
  size_t length = (size_t)(r->at - from);
  if (!take(r, "E") || length > 64) return fail(r);
  uint16_t n = add_text(r, LITERAL, from, length);
  r->nodes[n].a = type;
  return n;
}

static uint16_t read_argument(reader *r) {
  if (take(r, "L")) return read_literal(r);
  if (take(r, "J")) return add_pair(r, PACK, 0, read_list(r, read_argument));
  return peek(r) == 'X' ? fail(r) : read_type(r);
}

static uint16_t read_arguments(reader *r, uint16_t of) {
  return add_pair(r, TEMPLATE, of, read_list(r, read_argument));
}

static uint16_t read_unqualified(reader *r) {
  take(r, "L"); // of internal linkage
  uint16_t n;
  if (take(r, "Ut") || take(r, "Ul")) {
    bool lambda = r->at[-1] == 'l';
    if (lambda) read_list(r, read_type);
    while (peek(r) >= '0' && peek(r) <= '9') r->at++;
    if (!take(r, "_")) return fail(r);
    const char *text = lambda ? "(lambda)" : "(unnamed)";
    n = add_text(r, NAME, text, strlen(text));
  } else {
    int length = read_number(r);
    if (r->failed || !length || length > r->end - r->at) return fail(r);
    n = starts(r, "_GLOBAL__N") ? add_text(r, NAME, "(anonymous namespace)", 21)
                                : add_text(r, NAME, r->at, (size_t)length);
    r->at += length;
  }
  while (take(r, "B")) { // tags of the ABI
    int length = read_number(r);
    if (r->failed || length > r->end - r->at) return fail(r);
    r->at += length;
  }
  return n;
}

static uint16_t read_standard(reader *r) {
  static const struct {
    char code;
    const char *text;
  } names[] = {{'t', "std"},          {'a', "std::allocator"}, {'b', "std::basic_string"},
               {'s', "std::string"},  {'i', "std::istream"},   {'o', "std::ostream"},
               {'d', "std::iostream"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (peek(r) == names[i].code) {
      r->at++;
      return add_text(r, NAME, names[i].text, strlen(names[i].text));
    }
  return 0;
}

// S_, St: what stood before, or the standard library's.
static uint16_t read_repeated(reader *r) {
  uint16_t standard = read_standard(r);
  if (standard || r->failed) return standard;
  int place = read_place(r);
  return r->failed || place >= r->repeatable_count ? fail(r) : r->repeatable[place];
}

// T_: an argument of the function template that the name is of.
static uint16_t read_parameter(reader *r) {
  int place = read_place(r);
  uint16_t item = r->argument_list;
  while (item && place--) item = r->nodes[item].next;
  return item ? r->nodes[item].a : fail(r);
}

// N ... E. Each part but the last may be repeated later, and the last where it is a type.
static uint16_t read_nested(reader *r, bool is_type) {
  while (peek(r) == 'r' || peek(r) == 'V' || peek(r) == 'K') r->at++; // of a member function
  if (peek(r) == 'R' || peek(r) == 'O') r->at++;
  uint16_t n = 0;
  while (!r->failed) {
    bool known = false;
    if (peek(r) == 'S') {
      r->at++;
      if (n) return fail(r);
      n = read_repeated(r);
      known = true;
    } else if (peek(r) == 'T') {
      r->at++;
      if (n) return fail(r);
      n = read_parameter(r);
    } else if (take(r, "I")) {
      if (!n) return fail(r);
      n = read_arguments(r, n);
    } else {
      uint16_t part = read_unqualified(r);
      n = n ? add_pair(r, MEMBER, n, part) : part;
    }
    bool last = take(r, "E");
    if (!known && (is_type || !last)) repeatable(r, n);
    if (last) return n;
  }
  return 0;
}

static uint16_t read_name(reader *r, bool is_type) {
  if (++r->depth > DEPTH) return fail(r);
  uint16_t n;
  bool known = false;
  if (take(r, "N")) {
    n = read_nested(r, is_type);
    r->depth--;
    return n;
  }
  if (take(r, "St")) {
    uint16_t standard = add_text(r, NAME, "std", 3);
    n = add_pair(r, MEMBER, standard, read_unqualified(r));
  } else if (take(r, "S")) {
    n = read_repeated(r);
    known = true;
  } else {
    n = read_unqualified(r);
  }
  if (take(r, "I")) {
    if (!known) repeatable(r, n);
    n = read_arguments(r, n);
    known = false;
  }
  if (is_type && !known) repeatable(r, n);
  r->depth--;
  return r->failed ? 0 : n;
}

static uint16_t read_function(reader *r) {
  take(r, "Y"); // extern "C"
  uint16_t result = read_type(r);
  if (r->failed) return 0;
  return add_pair(r, FUNCTION, result, read_list(r, read_type));
}

static uint16_t read_array(reader *r) {
  const char *from = r->at;
  while (peek(r) >= '0' && peek(r) <= '9') r->at++;
  size_t length = (size_t)(r->at - from);
  if (!take(r, "_") || length > 20) return fail(r);
  uint16_t n = add_text(r, ARRAY, from, length), element = read_type(r);
  r->nodes[n].a = element;
  return n;
}

static uint16_t read_compound(reader *r) {
  uint8_t flags = 0;
  if (take(r, "r")) flags |= IS_RESTRICT;
  if (take(r, "V")) flags |= IS_VOLATILE;
  if (take(r, "K")) flags |= IS_CONST;
  if (flags) {
    uint16_t n = add_pair(r, QUALIFIED, read_type(r), 0);
    r->nodes[n].flags = flags;
    return n;
  }
  if (take(r, "P")) return add_pair(r, POINTER, read_type(r), 0);
  if (take(r, "R")) return add_pair(r, LEFT_REFERENCE, read_type(r), 0);
  if (take(r, "O")) return add_pair(r, RIGHT_REFERENCE, read_type(r), 0);
  if (take(r, "DoF") || take(r, "F")) return read_function(r);
  if (take(r, "A")) return read_array(r);
  if (take(r, "T")) return read_parameter(r);
  if (take(r, "M")) {
    uint16_t of = read_type(r);
    return r->failed ? 0 : add_pair(r, MEMBER_POINTER, of, read_type(r));
  }
  if (take(r, "u")) {
    int length = read_number(r);
    if (r->failed || !length || length > r->end - r->at) return fail(r);
    r->at += length;
    return add_text(r, NAME, r->at - length, (size_t)length);
  }
  return fail(r);
}

static uint16_t read_type(reader *r) {
  uint16_t n = 0;
  if (++r->depth > DEPTH) return fail(r);
  for (int i = 0; i < BUILTINS; i++) {
    if (!take(r, builtins[i].code)) continue;
    r->depth--;
    n = add_text(r, BUILTIN, builtins[i].text, strlen(builtins[i].text));
    r->nodes[n].builtin = (uint8_t)i;
    return n;
  }
  char c = peek(r);
  if (c == 'N' || c == 'S' || (c >= '0' && c <= '9'))
    n = read_name(r, true);
  else
    n = repeatable(r, read_compound(r));
  r->depth--;
  return n;
}

// ---- writing: what a declaration has to the left of its name, and to the right

typedef struct writer {
  const node *nodes;
  char *text;
  size_t length, room; // without the final 0
  bool full;
  int depth;
} writer;

static void put(writer *w, const char *text, size_t length) {
  if (w->full) return;
  size_t n = length < w->room - w->length ? length : w->room - w->length;
  memcpy(w->text + w->length, text, n);
  w->length += n;
  w->full = n < length;
}
static void put_string(writer *w, const char *text) { put(w, text, strlen(text)); }

static void put_left(writer *w, uint16_t n);
static void put_right(writer *w, uint16_t n);
static void put_list(writer *w, uint16_t item);

static void put_type(writer *w, uint16_t n) {
  put_left(w, n);
  put_right(w, n);
}

// A pointer to these is written around the name.
static bool surrounds(const writer *w, uint16_t n) {
  const node *x = &w->nodes[n];
  while (x->kind == QUALIFIED) x = &w->nodes[x->a];
  return x->kind == FUNCTION || x->kind == ARRAY;
}

static void put_flags(writer *w, uint8_t flags) {
  if (flags & IS_CONST) put_string(w, "const");
  if (flags & IS_VOLATILE) put_string(w, flags & IS_CONST ? " volatile" : "volatile");
  if (flags & IS_RESTRICT)
    put_string(w, flags & (IS_CONST | IS_VOLATILE) ? " __restrict__" : "__restrict__");
}

static void put_literal(writer *w, const node *x) {
  const node *type = &w->nodes[x->a];
  const char *suffix = NULL;
  if (type->kind == BUILTIN) {
    static const struct {
      const char *code, *suffix;
    } suffixes[] = {{"i", ""}, {"j", "u"}, {"l", "l"}, {"m", "ul"}, {"x", "ll"}, {"y", "ull"}};
    const char *code = builtins[type->builtin].code;
    if (!strcmp(code, "b") && x->length == 1) {
      put_string(w, x->text[0] == '1' ? "true" : "false");
      return;
    }
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
      if (!strcmp(code, suffixes[i].code)) suffix = suffixes[i].suffix;
  }
  if (!suffix) {
    put_string(w, "(");
    put_type(w, x->a);
    put_string(w, ")");
  }
  bool negative = x->length && x->text[0] == 'n';
  if (negative) put_string(w, "-");
  put(w, x->text + negative, (size_t)(x->length - negative));
  if (suffix) put_string(w, suffix);
}

static void put_list(writer *w, uint16_t item) {
  for (bool first = true; item && !w->full; item = w->nodes[item].next, first = false) {
    if (!first) put_string(w, ", ");
    put_type(w, w->nodes[item].a);
  }
}

static void put_left(writer *w, uint16_t n) {
  const node *x = &w->nodes[n];
  if (w->full || ++w->depth > DEPTH) {
    w->full = true;
    return;
  }
  switch (x->kind) {
  case MEMBER:
    put_type(w, x->a);
    put_string(w, "::");
    put_type(w, x->b);
    break;
  case TEMPLATE:
    put_type(w, x->a);
    put_string(w, "<");
    put_list(w, x->b);
    put_string(w, ">");
    break;
  case QUALIFIED: {
    kind of = w->nodes[x->a].kind;
    bool behind = of == POINTER || of == MEMBER_POINTER;
    if (!behind) {
      put_flags(w, x->flags);
      put_string(w, " ");
    }
    put_left(w, x->a);
    if (behind) {
      put_string(w, " ");
      put_flags(w, x->flags);
    }
    break;
  }
  case POINTER:
  case LEFT_REFERENCE:
  case RIGHT_REFERENCE:
    put_left(w, x->a);
    if (surrounds(w, x->a)) put_string(w, "(");
    put_string(w, x->kind == POINTER ? "*" : x->kind == LEFT_REFERENCE ? "&" : "&&");
    break;
  case MEMBER_POINTER:
    put_left(w, x->b);
    put_string(w, surrounds(w, x->b) ? "(" : " ");
    put_type(w, x->a);
    put_string(w, "::*");
    break;
  case ARRAY:
  case FUNCTION:
    put_left(w, x->a);
    if (!surrounds(w, x->a)) put_string(w, " ");
    break;
  case LITERAL:
    put_literal(w, x);
    break;
  case PACK:
    put_list(w, x->b);
    break;
  default:
    put(w, x->text, x->length);
  }
  w->depth--;
}

static void put_right(writer *w, uint16_t n) {
  const node *x = &w->nodes[n];
  if (w->full || ++w->depth > DEPTH) {
    w->full = true;
    return;
  }
  switch (x->kind) {
  case QUALIFIED:
    put_right(w, x->a);
    break;
  case POINTER:
  case LEFT_REFERENCE:
  case RIGHT_REFERENCE:
  case MEMBER_POINTER: {
    uint16_t to = x->kind == MEMBER_POINTER ? x->b : x->a;
    if (surrounds(w, to)) put_string(w, ")");
    put_right(w, to);
    break;
  }
  case ARRAY:
    put_string(w, "[");
    put(w, x->text, x->length);
    put_string(w, "]");
    put_right(w, x->a);
    break;
  case FUNCTION: {
    uint16_t first = w->nodes[x->b].a;
    put_string(w, "(");
    if (strcmp(builtins[w->nodes[first].builtin].text, "void") || w->nodes[first].kind != BUILTIN)
      put_list(w, x->b);
    put_string(w, ")");
    put_right(w, x->a);
    break;
  }
  default:
    break;
  }
  w->depth--;
}

// ---- parameters

static bool is_name(const node *x, const char *name) {
  return x->kind == NAME && x->length == strlen(name) && memcmp(x->text, name, x->length) == 0;
}

// std::complex<float> of whatever library.
static bool is_complex(const reader *r, const node *x) {
  if (x->kind != TEMPLATE || r->nodes[x->b].next) return false;
  const node *name = &r->nodes[x->a], *argument = &r->nodes[r->nodes[x->b].a];
  if (name->kind == MEMBER) name = &r->nodes[name->b];
  return is_name(name, "complex") && argument->kind == BUILTIN &&
         builtins[argument->builtin].dtype == GK_float32;
}

static const struct known_class *class_of(const reader *r, const node *x) {
  static const struct known_class complex = {"complex", GK_complex64, 8, false};
  for (size_t i = 0; i < sizeof known_classes / sizeof *known_classes; i++)
    if (is_name(x, known_classes[i].name)) return &known_classes[i];
  return is_complex(r, x) ? &complex : NULL;
}

// The type below qualifiers, which are added to `flags`.
static const node *plain(const reader *r, uint16_t n, uint8_t *flags) {
  const node *x = &r->nodes[n];
  for (; x->kind == QUALIFIED; x = &r->nodes[x->a]) *flags |= x->flags;
  return x;
}

static void describe_pointer(const reader *r, uint16_t to, gk_parameter *p) {
  uint8_t flags = 0;
  const node *x = plain(r, to, &flags);
  while (x->kind == ARRAY) x = plain(r, x->a, &flags);
  p->bytes = 8;
  if (x->kind == FUNCTION) return; // no array stands for one
  p->kind = GK_PARAMETER_POINTER;
  p->is_const = (flags & IS_CONST) != 0;
  const struct known_class *class = class_of(r, x);
  p->dtype = x->kind == BUILTIN ? builtins[x->builtin].dtype : class ? class->dtype : 0;
}

static void describe(const reader *r, uint16_t n, gk_parameter *p) {
  *p = (gk_parameter){.kind = GK_PARAMETER_UNKNOWN};
  writer w = {.nodes = r->nodes, .text = p->type, .room = sizeof p->type - 1};
  put_type(&w, n);
  if (w.full) memcpy(p->type + sizeof p->type - 4, "...", 3);
  uint8_t flags = 0;
  const node *x = plain(r, n, &flags);
  const struct known_class *class = class_of(r, x);
  switch (x->kind) {
  case POINTER:
    describe_pointer(r, x->a, p);
    break;
  case BUILTIN:
    p->dtype = builtins[x->builtin].dtype;
    p->bytes = builtins[x->builtin].bytes;
    if (p->dtype) p->kind = GK_PARAMETER_NUMBER;
    break;
  case NAME:
  case MEMBER:
  case TEMPLATE:
    p->kind = GK_PARAMETER_STRUCT;
    if (class && class->value) {
      *p = (gk_parameter){GK_PARAMETER_NUMBER, class->dtype, false, class->bytes, ""};
      memcpy(p->type, class->name, strlen(class->name) + 1);
    }
    break;
  default: // references and what else no launch can be given
    break;
  }
}

static int describe_all(const reader *r, uint16_t list, gk_parameter *parameters) {
  const node *only = &r->nodes[r->nodes[list].a];
  if (list && !r->nodes[list].next && only->kind == BUILTIN &&
      !strcmp(builtins[only->builtin].code, "v"))
    return 0;
  int count = 0;
  for (uint16_t item = list; item; item = r->nodes[item].next) {
    if (count == GK_MAX_ARGUMENTS) return -1;
    describe(r, r->nodes[item].a, &parameters[count++]);
  }
  return count;
}

// The function behind the only argument of gpukit_signature, a pointer to it.
static uint16_t signature_of(reader *r, const node *name) {
  const node *argument = &r->nodes[r->nodes[name->b].a];
  bool known = argument->kind == POINTER && r->nodes[argument->a].kind == FUNCTION;
  return known ? argument->a : fail(r);
}

// What follows the name of a function: types to the end of it all.
static uint16_t read_bare_types(reader *r) {
  uint16_t first = 0, last = 0;
  while (!r->failed && peek(r) && peek(r) != '.') append(r, read_type(r), &first, &last);
  return r->failed || first ? first : fail(r);
}

// The parameters of the function whose mangled name this is.
static uint16_t read_parameters(reader *r) {
  if (!take(r, "_Z")) return fail(r);
  const node *name = &r->nodes[read_name(r, false)];
  if (name->kind == TEMPLATE && is_name(&r->nodes[name->a], "gpukit_signature"))
    return r->nodes[signature_of(r, name)].b;
  if (name->kind == TEMPLATE) { // its type begins with what it returns
    r->argument_list = name->b;
    read_type(r);
  }
  return read_bare_types(r);
}

int gk_signature_parse(const char *mangled, gk_parameter *parameters) {
  size_t length = strlen(mangled);
  if (length > LONGEST) return -1;
  reader *r = malloc(sizeof *r);
  if (!r) return -1;
  *r = (reader){.at = mangled, .end = mangled + length, .node_count = 1};
  r->nodes[0] = (node){.kind = NOTHING, .text = ""};
  uint16_t list = read_parameters(r);
  int count = r->failed ? -1 : describe_all(r, list, parameters);
  free(r);
  return count;
}
