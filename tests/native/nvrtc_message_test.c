// What is said of sources that do not compile, from logs as NVRTC 13.5 and 12.0 write them, and which kernels
// are found in a source.
#include "test.h"

#include "../../csrc/cuda/nvrtc_message.h"

#define SHOWN                                                                                      \
  "k.cu(4): warning #177-D: variable \"unused\" was declared but never referenced\n"               \
  "  __global__ void k(){ int unused; zz(); }\n"                                                   \
  "                           ^\n\n"                                                               \
  "Remark: The warnings can be suppressed with \"-diag-suppress <warning-number>\"\n\n"

// The names of what stands in `log` are those of the kernels "saxp", "t", "k" and "n::c".
static const struct example {
  const char *log, *text;
} examples[] = {
    {SHOWN "k.cu(2): error: identifier \"yy\" is undefined\n"
           "  \treturn yy; }\n"
           "  \t       ^\n\n"
           "1 error detected in the compilation of \"k.cu\".\n",
     "jit: k.cu(2): error: identifier \"yy\" is undefined\n  \treturn yy; }\n  \t       ^"},
    {"h.h(1): error: expected an expression\n"
     "  int a = ;\n"
     "          ^\n\n"
     "k.cu(3): error: identifier \"a\" is undefined\n"
     "  b = a;\n"
     "      ^\n\n"
     "__nv_name_map(2): error: identifier \"k\" is undefined\n"
     "  #pragma nv_mangled_name k\n"
     "                          ^\n\n"
     "3 errors detected in the compilation of \"k.cu\".\n",
     "jit: h.h(1): error: expected an expression\n  int a = ;\n          ^\n1 more error in the "
     "log"},
    {"k.cu(1): catastrophic error: could not open source file \"assert.h\" (no directories in "
     "search "
     "list)\n  #include <assert.h>\n                     ^\n\n"
     "1 catastrophic error detected in the compilation of \"k.cu\".\nCompilation terminated.\n",
     "jit: k.cu(1): catastrophic error: could not open source file \"assert.h\" (no directories in "
     "search list)\n  #include <assert.h>\n                     ^"},
    // NVRTC 12.0 shows no lines: they are taken from the source.
    {"k.cu(2): error: identifier \"yy\" is undefined\n\n"
     "k.cu(9): error: identifier \"yy\" is undefined\n\n"
     "k.cu(9): error: identifier \"zz\" is undefined\n\n"
     "3 errors detected in the compilation of \"k.cu\".\n",
     "jit: k.cu(2): error: identifier \"yy\" is undefined\n  __global__ void other() {}\n2 more "
     "errors in the log"},
    {"k.cu(99): error: what is not there\n\n", "jit: k.cu(99): error: what is not there"},
    {"At end of source: error: expected a \"}\"\nk.cu(4): note #3196-D: to match this \"{\"\n",
     "jit: k.cu: At end of source: error: expected a \"}\""},
    {"nvrtc: error: unrecognized option -foo found\n", "jit: unrecognized option -foo found"},
    {"ptxas error   : Entry function '_Z1kv' uses too much shared data (0x61a80 bytes, 0xc000 "
     "max)\n",
     "jit: k.cu: ptxas error   : Entry function '_Z1kv' uses too much shared data (0x61a80 bytes, "
     "0xc000 max)"},
    {"", "jit: k.cu: NVRTC_ERROR_INTERNAL_ERROR"},
    {"something else\n", "jit: k.cu: something else"},
    // Names.
    {"__nv_name_map(2): error: identifier \"saxp\" is undefined\n"
     "  #pragma nv_mangled_name gpukit_signature<decltype(&saxp)>\n"
     "                                                     ^\n\n"
     "__nv_name_map(2): error: Name expression cannot form address of a "
     "non-__global__/__tile_global__ "
     "function. Input name expression was: \" gpukit_signature < decltype ( & saxp ) >\"\n"
     "  #pragma nv_mangled_name gpukit_signature<decltype(&saxp)>\n"
     "                          ^\n\n"
     "__nv_name_map(3): error: Error in parsing name expression for lowered name lookup. Input "
     "name "
     "expression was: \" saxp\"\n",
     "jit: \"saxp\" names no kernel of k.cu: identifier \"saxp\" is undefined; its kernels are "
     "saxpy, other, t<...>, n::m::k"},
    {"__nv_name_map(4): error: Error in parsing name expression for lowered name lookup. Input "
     "name "
     "expression was: \" t\"\n",
     "jit: \"t\" names no kernel of k.cu: it is no __global__ function; its kernels are saxpy, "
     "other, "
     "t<...>, n::m::k"},
    {"__nv_name_map(3): error: cannot determine which instance of function template \"t\" is "
     "intended\n\n"
     "__nv_name_map(3): error: Error in parsing name expression for lowered name lookup. Input "
     "name "
     "expression was: \" t\"\n",
     "jit: \"t\" names no kernel of k.cu: cannot determine which instance of function template "
     "\"t\" "
     "is intended (add its arguments, as in name<float>); its kernels are saxpy, other, t<...>, "
     "n::m::k"},
    {"__nv_name_map(3): error: cannot determine which instance of overloaded function \"k\" is "
     "intended\n\n__nv_name_map(3): error: Error in parsing name expression for lowered name "
     "lookup. "
     "Input name expression was: \" k\"\n",
     "jit: \"k\" names no kernel of k.cu: cannot determine which instance of overloaded function "
     "\"k\" is intended (choose one by its type, as in (void (*)(float *))name); its kernels are "
     "saxpy, other, t<...>, n::m::k"},
    {"__nv_name_map(2): error: Name expression cannot form address of a non-__global__ function. "
     "Input "
     "name expression was: \" gpukit_signature < decltype ( + ( void ( * ) ( int ) ) k ) >\"\n",
     "jit: \"(void (*)(int)) k\" names no kernel of k.cu: it is no __global__ function; its "
     "kernels are "
     "saxpy, other, t<...>, n::m::k"},
    // One that nobody asked for.
    {"__nv_name_map(2): error: Error in parsing name expression. Input name expression was: \" "
     "q\"\n",
     "jit: __nv_name_map(2): error: Error in parsing name expression. Input name expression was: "
     "\" "
     "q\""},
};

static const char source_text[] =
    "extern \"C\" __global__ void saxpy(float a, float *x);\n"
    "__global__ void other() {}\n"
    "#define KERNEL __global__ void no(\n"
    "// __global__ void no() {}\n"
    "/* __global__ void no() {} */ const char *s = \"__global__ void no()\";\n"
    "template <class T, int N = (3)> __global__ __launch_bounds__(256, 2) void t(T *x) { if (x) {} "
    "}\n"
    "namespace n { namespace m {\n"
    "__global__ __attribute__((used)) static void __maxnreg__((32)) k(int (*f)(int)) {}\n"
    "} struct s { int a; }; }\n"
    "extern \"C\" __global__ void saxpy(float a, float *x) {}\n";

static gk_module_source source_of(const char *text) {
  static const char *const kernels[] = {"saxp", "t", "k", "n::c", "(void (*)(int)) k"};
  return (gk_module_source){.text = text,
                            .bytes = strlen(text),
                            .file = "k.cu",
                            .kernels = sizeof kernels / sizeof *kernels,
                            .kernel = kernels};
}

static void texts(void) {
  gk_module_source source = source_of(source_text);
  for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
    gk_error error;
    CHECK(gk_nvrtc_explain(&source, examples[i].log, "NVRTC_ERROR_INTERNAL_ERROR", &error) ==
          GK_KERNEL_COMPILE);
    CHECKF(!strcmp(error.text, examples[i].text), "example %zu:\n%s\nnot\n%s", i, error.text,
           examples[i].text);
  }
}

// Long lines are cut around the caret, between characters; all fits.
static void long_lines(void) {
  static char log[8000];
  gk_module_source source = source_of("");
  gk_error error;
  for (int column = 0; column < 600; column += 7) {
    char *p = log + sprintf(log, "k.cu(1): error: identifier \"zz\" is undefined\n  ");
    for (int i = 0; i < 300; i++) p += sprintf(p, "\u00e4");
    p += sprintf(p, "\n  ");
    for (int i = 0; i < column; i++) *p++ = ' ';
    sprintf(p, "^\n\n");
    gk_nvrtc_explain(&source, log, "", &error);
    CHECKF(strlen(error.text) < 400 && strchr(error.text, '^'), "column %d: %s", column,
           error.text);
    const unsigned char *t = (const unsigned char *)error.text;
    for (; *t; t++) // whole characters
      if (*t == 0xC3) CHECKF(t[1] == 0xA4, "column %d: %s", column, error.text);
  }
  for (size_t n = 0; n < 7000; n += 500) { // no end of the message, the name or the list
    memset(log, 'x', n);
    strcpy(log + n, ": error: x");
    gk_nvrtc_explain(&source, log, "", &error);
    CHECK(strlen(error.text) < sizeof error.text);
  }
}

static void lists(void) {
  static const struct {
    const char *source, *kernels;
    int count;
  } some[] = {
      {source_text, "saxpy, other, t<...>, n::m::k", 4},
      {"", "", 0},
      {"__global__", "", 0},
      {"__global__ void", "", 0},
      {"__global__ void k(", "k", 1},
      {"namespace a::b { __global__ void k() {} } namespace { __global__ void l() {} }",
       "a::b::k, l", 2},
      {"using namespace std; __global__ void k() {} namespace x = y; __global__ void l() {}",
       "k, l", 2},
      {"}}} __global__ void k() {} /* \" ' ", "k", 1},
      {"__global__ void __launch_bounds__((", "", 0},
      {"__global__ void a_long_name_of_a_kernel() {} __global__ void another_name() {}", ", ...",
       2},
  };
  for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
    char text[40];
    int count = gk_nvrtc_list_kernels(some[i].source, text, sizeof text);
    bool cut = !strcmp(some[i].kernels, ", ...");
    CHECKF(count == some[i].count &&
               (cut ? strstr(text, ", ...") != NULL : !strcmp(text, some[i].kernels)),
           "%s: %d, %s", some[i].source, count, text);
  }
}

int main(void) {
  texts();
  long_lines();
  lists();
  return test_done();
}
