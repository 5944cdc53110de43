// The NVRTC twin and the stand-in driver together, as the product uses them: sources are compiled, what
// comes out is loaded and run. Each part runs in a process of its own. What NVRTC itself says to the same
// sources is compared by scripts/nvrtc.mjs.
#include <dlfcn.h>
#include <elf.h>
#include <stdlib.h>

#include "driver_test.h"

// ---- the twin's functions

typedef struct program program;

#define NVRTC_FUNCTIONS(FUNCTION)                                                                  \
  FUNCTION(nvrtcVersion, (int *, int *))                                                           \
  FUNCTION(nvrtcGetNumSupportedArchs, (int *))                                                     \
  FUNCTION(nvrtcGetSupportedArchs, (int *))                                                        \
  FUNCTION(nvrtcCreateProgram, (program **, const char *, const char *, int, const char *const *,  \
                                const char *const *))                                              \
  FUNCTION(nvrtcDestroyProgram, (program **))                                                      \
  FUNCTION(nvrtcAddNameExpression, (program *, const char *))                                      \
  FUNCTION(nvrtcCompileProgram, (program *, int, const char *const *))                             \
  FUNCTION(nvrtcGetLoweredName, (program *, const char *, const char **))                          \
  FUNCTION(nvrtcGetProgramLogSize, (program *, size_t *))                                          \
  FUNCTION(nvrtcGetProgramLog, (program *, char *))                                                \
  FUNCTION(nvrtcGetCUBINSize, (program *, size_t *))                                               \
  FUNCTION(nvrtcGetCUBIN, (program *, char *))                                                     \
  FUNCTION(nvrtcGetPTXSize, (program *, size_t *))                                                 \
  FUNCTION(nvrtcGetPTX, (program *, char *))
#define DECLARE(name, parameters) static int(*name) parameters;
NVRTC_FUNCTIONS(DECLARE)
#undef DECLARE

enum { INVALID_INPUT = 3, INVALID_PROGRAM = 4, INVALID_OPTION = 5, COMPILATION = 6 };

static char folder[4096]; // of the twin, which it takes its headers from

static void open_twin(const char *build) {
  char own[2048], path[4200];
  const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
  own[length > 0 ? length : 0] = '\0';
  *strrchr(own, '/') = '\0';
  snprintf(folder, sizeof folder, "%s/../%s", own, build);
  snprintf(path, sizeof path, "%s/libnvrtc.so", folder);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  CHECKF(library != NULL, "%s", dlerror());
  if (library == NULL) exit(test_done());
#define FIND(name, parameters) *(void **)&name = dlsym(library, #name);
  NVRTC_FUNCTIONS(FIND)
#undef FIND
}

typedef struct compiled {
  program *program;
  int result;
  char *log, *cubin, *ptx;
  size_t cubin_bytes;
} compiled;

static const char *const header_names[] = {"my.h", "sub/other.h"};
static const char *const headers[] = {"#pragma once\n#define THREE 3\n",
                                      "__device__ int twice(int x) { return 2 * x + missing; }\n"};

// `options` and `names` end in NULL; either may be NULL.
static compiled compile(const char *source, const char *const *options, const char *const *names) {
  compiled c = {0};
  int count = 0;
  while (options != NULL && options[count] != NULL) count++;
  CHECK(nvrtcCreateProgram(&c.program, source, "prog.cu", 2, headers, header_names) == 0);
  for (; names != NULL && *names != NULL; names++) {
    CHECK(nvrtcAddNameExpression(c.program, *names) == 0);
  }
  c.result = nvrtcCompileProgram(c.program, count, options);
  size_t bytes = 0;
  CHECK(nvrtcGetProgramLogSize(c.program, &bytes) == 0 && bytes > 0);
  c.log = calloc(1, bytes);
  CHECK(nvrtcGetProgramLog(c.program, c.log) == 0 && strlen(c.log) + 1 == bytes);
  CHECK(nvrtcGetCUBINSize(c.program, &c.cubin_bytes) == 0);
  c.cubin = calloc(1, c.cubin_bytes + 1);
  CHECK(nvrtcGetCUBIN(c.program, c.cubin) == 0);
  CHECK(nvrtcGetPTXSize(c.program, &bytes) == 0 && bytes > 0);
  c.ptx = calloc(1, bytes);
  CHECK(nvrtcGetPTX(c.program, c.ptx) == 0 && strlen(c.ptx) + 1 == bytes);
  return c;
}

static void done(compiled *c) {
  CHECK(nvrtcDestroyProgram(&c->program) == 0 && c->program == NULL);
  free(c->log);
  free(c->cubin);
  free(c->ptx);
}

static const char *const sm_90[] = {"--gpu-architecture=sm_90", NULL};

static compiled compile_well(const char *source, const char *const *names) {
  compiled c = compile(source, sm_90, names);
  CHECKF(c.result == 0, "%d: %s", c.result, c.log);
  return c;
}

static const char *lowered(const compiled *c, const char *expression) {
  const char *name = "(none)";
  nvrtcGetLoweredName(c->program, expression, &name);
  return name;
}

// ---- running

typedef struct loaded {
  gpu g;
  CUmodule module;
  CUdeviceptr memory; // 4096 bytes
} loaded;

static loaded load(const void *image) {
  loaded l = {.g = gpu_open(0, 0)};
  const CUresult result = cuModuleLoadData(&l.module, image);
  CHECKF(result == 0, "loading gives %d: %s", result, standin_report());
  l.memory = gpu_allocate(&l.g, 4096);
  CHECK(cuMemsetD8Async(l.memory, 0, 4096, l.g.stream) == 0);
  return l;
}

static void unload(loaded *l) {
  CHECK(cuMemFreeAsync(l->memory, l->g.stream) == 0);
  CHECK(cuModuleUnload(l->module) == 0);
  gpu_close(&l->g);
}

static CUfunction function(const loaded *l, const char *name) {
  CUfunction f = NULL;
  const CUresult result = cuModuleGetFunction(&f, l->module, name);
  CHECKF(result == 0, "%s: %d", name, result);
  return f;
}

// Launches one block and waits; the result of the wait.
static CUresult run(const loaded *l, const char *name, unsigned threads, unsigned shared,
                    void **parameters) {
  const CUresult launched = cuLaunchKernel(function(l, name), 1, 1, 1, threads, 1, 1, shared,
                                           l->g.stream, parameters, NULL);
  return launched != 0 ? launched : cuStreamSynchronize(l->g.stream);
}

static void read_back(const loaded *l, void *to, size_t bytes) {
  CHECK(cuMemcpyDtoHAsync_v2(to, l->memory, bytes, l->g.stream) == 0);
}

// ---- parts

static const char several[] =
    "#include \"my.h\"\n"
    "struct pair { char tag; double value; };\n"
    "extern \"C\" __global__ void __launch_bounds__(64 * 2, 4)\n"
    "saxpy(float a, const float *__restrict__ x, float *y, const int n) {\n"
    "  const int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
    "  if (i < n) y[i] = fmaf(a, x[i], y[i]);\n"
    "}\n"
    "namespace outer { namespace inner {\n"
    "enum { THREADS = 32 };\n"
    "__global__ __launch_bounds__(THREADS) void mixed(pair p, char c, int *out, dim3 d) {\n"
    "  out[threadIdx.x] = (int)p.value + c + p.tag + d.x + THREE;\n"
    "}\n"
    "} }\n"
    "#ifdef WITH\n"
    "__global__ void only_with(int *out) { out[0] = WITH; }\n"
    "#endif\n"
    "#define KERNEL(name, value) __global__ void name(int *out) { out[0] = value; }\n"
    "KERNEL(made, 77)\n"
    "template <class T, int N> __global__ void __launch_bounds__(N) fill(T *x) {\n"
    "  x[threadIdx.x] = T(N);\n"
    "}\n"
    "template __global__ void fill<double, 16>(double *);\n"
    "static __global__ void hidden(long *x) { *x = sizeof(long); }\n";

static void kernels(void) {
  open_twin("standin");
  const char *const names[] = {"fill<float, 8>", "&outer::inner::mixed", "hidden", NULL};
  compiled c = compile_well(several, names);
  CHECK(strcmp(lowered(&c, "fill<float, 8>"), "_Z4fillIfLi8EEvPT_") == 0);
  CHECK(strcmp(lowered(&c, "&outer::inner::mixed"), "_ZN5outer5inner5mixedE4paircPi4dim3") == 0);
  CHECK(strcmp(lowered(&c, "hidden"), "_Z6hiddenPl") == 0);
  loaded l = load(c.cubin);
  float a = 2, x[40], y[40];
  for (int i = 0; i < 40; i++) x[i] = (float)i, y[i] = 1;
  CUdeviceptr from = l.memory + 2048;
  int n = 40;
  CHECK(cuMemcpyHtoDAsync_v2(from, x, sizeof x, l.g.stream) == 0);
  CHECK(cuMemcpyHtoDAsync_v2(l.memory, y, sizeof y, l.g.stream) == 0);
  CHECK(run(&l, "saxpy", 64, 0, (void *[]){&a, &from, &l.memory, &n}) == 0);
  read_back(&l, y, sizeof y);
  for (int i = 0; i < 40; i++) CHECK(y[i] == 2 * (float)i + 1);
  struct {
    char tag;
    double value;
  } p = {5, 100.5};
  char letter = 7;
  unsigned d[3] = {1000, 1, 1};
  int out[32];
  CHECK(run(&l, lowered(&c, names[1]), 32, 0, (void *[]){&p, &letter, &l.memory, d}) == 0);
  read_back(&l, out, sizeof out);
  CHECKF(out[31] == 100 + 7 + 5 + 1000 + 3, "%d", out[31]);
  CHECK(run(&l, "_Z4madePi", 1, 0, (void *[]){&l.memory}) == 0);
  read_back(&l, out, 4);
  CHECK(out[0] == 77);
  double eighths[16];
  CHECK(run(&l, "_Z4fillIdLi16EEvPT_", 16, 0, (void *[]){&l.memory}) == 0);
  read_back(&l, eighths, sizeof eighths);
  CHECK(eighths[15] == 16);
  CUfunction f;
  CHECK(cuModuleGetFunction(&f, l.module, "_Z9only_withPi") == CUDA_ERROR_NOT_FOUND);
  // Launch bounds, of templates too.
  CHECK(run(&l, "saxpy", 129, 0, (void *[]){&a, &from, &l.memory, &n}) ==
        CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  static const struct {
    const char *name;
    int threads;
  } bounds[] = {{"saxpy", 128},
                {"_ZN5outer5inner5mixedE4paircPi4dim3", 32},
                {"_Z4fillIfLi8EEvPT_", 8},
                {"_Z4fillIdLi16EEvPT_", 16},
                {"_Z4madePi", 1024}};
  for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
    int value = 0;
    CHECK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK,
                             function(&l, bounds[i].name)) == 0);
    CHECKF(value == bounds[i].threads, "%s: %d", bounds[i].name, value);
  }
  // Parameters, as they lie in the launch's bytes.
  static const size_t expected[][2] = {{0, 16}, {16, 1}, {24, 8}, {32, 12}};
  f = function(&l, lowered(&c, names[1]));
  size_t offset, bytes;
  for (size_t i = 0; i < 4; i++) {
    CHECK(cuFuncGetParamInfo(f, i, &offset, &bytes) == 0);
    CHECKF(offset == expected[i][0] && bytes == expected[i][1], "%zu: %zu, %zu", i, offset, bytes);
  }
  CHECK(cuFuncGetParamInfo(f, 4, &offset, &bytes) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuModuleUnload(l.module) == 0);
  CHECK(cuFuncGetParamInfo(f, 0, &offset, &bytes) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuModuleUnload(l.module) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuModuleLoadData(&l.module, c.ptx) == 0);
  CHECK(run(&l, "_Z4madePi", 1, 0, (void *[]){&l.memory}) == 0);
  unload(&l);
  done(&c);
}

static const char variables[] =
    "__constant__ float coefficients[4] = {1, 2, 3, 4};\n"
    "namespace n { __device__ unsigned counter; static __device__ int own = 5, more[2]; }\n"
    "extern \"C\" __global__ void sums(float *out) {\n"
    "  extern __shared__ __align__(16) float part[];\n"
    "  volatile __shared__ float first;\n"
    "  part[threadIdx.x] = coefficients[threadIdx.x % 4] + n::own;\n"
    "  if (threadIdx.x == 0) first = 100;\n"
    "  __syncthreads();\n"
    "  atomicAdd(&n::counter, 1u);\n"
    "  out[threadIdx.x] = part[blockDim.x - 1 - threadIdx.x] + first;\n"
    "}\n"
    "extern __shared__ int outer[];\n"
    "template <class T> __device__ T *shared_of() { __shared__ T s[8]; return s; }\n"
    "extern \"C\" __global__ void typed(int *out) {\n"
    "  int *s = shared_of<int>();\n"
    "  s[threadIdx.x] = threadIdx.x; outer[threadIdx.x] = 10;\n"
    "  __syncthreads();\n"
    "  out[threadIdx.x] = s[7 - threadIdx.x] + *(outer + threadIdx.x);\n"
    "}\n";

static void memories(void) {
  open_twin("standin");
  const char *const names[] = {"&n::counter", "coefficients", NULL};
  compiled c = compile_well(variables, names);
  CHECK(strcmp(lowered(&c, "&n::counter"), "_ZN1n7counterE") == 0);
  loaded l = load(c.cubin);
  CUdeviceptr constants, counter;
  size_t bytes;
  CHECK(cuModuleGetGlobal_v2(&constants, &bytes, l.module, "coefficients") == 0 && bytes == 16);
  CHECK(cuModuleGetGlobal_v2(&counter, &bytes, l.module, "_ZN1n7counterE") == 0 && bytes == 4);
  CHECK(cuModuleGetGlobal_v2(&counter, NULL, l.module, "none") == CUDA_ERROR_NOT_FOUND);
  CHECK(cuModuleGetGlobal_v2(&counter, NULL, l.module, "sums") == CUDA_ERROR_NOT_FOUND);
  CHECK(cuModuleGetGlobal_v2(&counter, NULL, l.module, "_ZN1n7counterE") == 0);
  float out[8];
  CHECK(run(&l, "sums", 8, 32, (void *[]){&l.memory}) == 0);
  read_back(&l, out, sizeof out);
  CHECKF(out[0] == 109 && out[7] == 106, "%g, %g", out[0], out[7]);
  const float other[4] = {10, 20, 30, 40};
  CHECK(cuMemcpyHtoDAsync_v2(constants, other, sizeof other, l.g.stream) == 0);
  CHECK(cuMemcpyHtoDAsync_v2(constants, other, 17, l.g.stream) == CUDA_ERROR_INVALID_VALUE);
  CHECK(run(&l, "sums", 8, 32, (void *[]){&l.memory}) == 0);
  read_back(&l, out, sizeof out);
  CHECKF(out[0] == 145, "%g", out[0]);
  unsigned count;
  CHECK(cuMemcpyDtoHAsync_v2(&count, counter, 4, l.g.stream) == 0 && count == 16);
  // A module loaded again has variables of its own.
  CUmodule again;
  CHECK(cuModuleLoadData(&again, c.cubin) == 0);
  CHECK(cuModuleGetGlobal_v2(&counter, NULL, again, "_ZN1n7counterE") == 0);
  CHECK(cuMemcpyDtoHAsync_v2(&count, counter, 4, l.g.stream) == 0 && count == 0);
  CHECK(cuModuleUnload(again) == 0);
  CHECK(cuMemcpyDtoHAsync_v2(&count, counter, 4, l.g.stream) == CUDA_ERROR_INVALID_VALUE);
  int whole[8];
  CHECK(run(&l, "typed", 8, 32, (void *[]){&l.memory}) == 0);
  read_back(&l, whole, sizeof whole);
  CHECK(whole[0] == 17 && whole[7] == 10);
  int value;
  CHECK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, function(&l, "typed")) ==
        0);
  CHECKF(value == 32, "%d", value);
  CHECK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES, function(&l, "typed")) == 0);
  CHECK(value == 16);
  // More shared memory than usual has to be asked for.
  CHECK(run(&l, "typed", 8, 60000, (void *[]){&l.memory}) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuFuncSetAttribute(function(&l, "typed"), CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                           60000) == 0);
  CHECK(run(&l, "typed", 8, 60000, (void *[]){&l.memory}) == 0);
  int blocks = 0, size = 0;
  CHECK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function(&l, "sums"), 256, 0) == 0);
  CHECKF(blocks == 8, "%d", blocks);
  CHECK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function(&l, "typed"), 32, 60000) ==
        0);
  CHECKF(blocks == 3, "%d", blocks);
  CHECK(cuOccupancyMaxPotentialBlockSize(&blocks, &size, function(&l, "sums"), NULL, 0, 0) == 0);
  CHECKF(size == 1024 && blocks == 8, "%d, %d", size, blocks);
  unload(&l);
  done(&c);
}

static bool has(const char *text, const char *part) { return strstr(text, part) != NULL; }

static void logs(void) {
  open_twin("standin");
  static const struct {
    const char *source, *said;
  } wrong[] = {
      {"__global__ void k(float *x) {\n  x[0] = nothing;\n}\n",
       "prog.cu(2): error: identifier \"nothing\" is undefined\n    x[0] = nothing;\n"
       "           ^\n\n1 error detected in the compilation of \"prog.cu\".\n"},
      {"#define BAD(x) x + nothing\n__global__ void k(int *p) {\n  p[0] = BAD(3);\n}\n",
       "prog.cu(3): error: identifier \"nothing\" is undefined\n    p[0] = BAD(3);\n           "
       "^\n"},
      {"#include \"sub/other.h\"\n__global__ void k() {}\n",
       "sub/other.h(1): error: identifier \"missing\" is undefined\n"},
      {"#include <vector>\n", "prog.cu(1): catastrophic error: could not open source file "
                              "\"vector\" (no directories in search list)\n"},
      {"#include \"none.h\"\n",
       "prog.cu(1): catastrophic error: cannot open source file \"none.h\"\n"},
      {"#error no\n", "prog.cu(1): catastrophic error: #error directive: no\n"},
      {"int f() { return 1; }\n", "prog.cu(1): error: A function without execution space"},
      {"__host__ void f() {}\n", "prog.cu(1): error: A function explicitly marked as a __host__"},
      {"int g;\n", "prog.cu(1): error: A namespace scope variable without memory space"},
      {"__global__ int k() { return 1; }\n",
       "prog.cu(1): error: a __global__ function must have a void return type\n"},
      {"__global__ void k(int64_t n) {}\n",
       "prog.cu(1): error: identifier \"int64_t\" is undefined"},
      {"__global__ void k(int *p) { __shared__ int a[20000]; a[p[0]] = 1; p[1] = a[p[2]]; }\n",
       "ptxas error   : Entry function '_Z1kPi' uses too much shared data (0x13880 bytes, 0xc000 "
       "max)"},
      {"__device__ int g(int); __global__ void k(int *p) { p[0] = g(1); }\n",
       "ptxas fatal   : Unresolved extern function '_Z1gi'"},
      {"__global__ void a() { extern __shared__ int s[]; s[0] = 1; }\n"
       "__global__ void b() { extern __shared__ float s[]; s[0] = 1; }\n",
       "prog.cu(2): error: declaration is incompatible with previous \"s\" (declared at line 1)"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    compiled c = compile(wrong[i].source, sm_90, NULL);
    CHECK(c.result == COMPILATION);
    CHECKF(has(c.log, wrong[i].said), "%s gives\n%s", wrong[i].source, c.log);
    CHECK(c.cubin_bytes == 0 && c.ptx[0] == '\0');
    done(&c);
  }
  const char *const names[] = {"k", "nope", NULL};
  compiled c = compile("__global__ void k() {}\n", sm_90, names);
  CHECK(c.result == COMPILATION);
  CHECKF(has(c.log, "__nv_name_map(3): error: identifier \"nope\" is undefined\n"), "%s", c.log);
  const char *name;
  CHECK(nvrtcGetLoweredName(c.program, "k", &name) == 9);
  done(&c);
  c = compile_well("__global__ void k() {\n  int unused;\n}\n", NULL);
  CHECKF(has(c.log, "prog.cu(2): warning #177-D: variable \"unused\" was declared"), "%s", c.log);
  done(&c);
}

static void options(void) {
  open_twin("standin");
  static const char kernel[] = "__global__ void k(int *x) { x[0] = N; }\n";
  static const struct {
    const char *options[4];
    int result;
    const char *said;
  } cases[] = {
      {{"-DN=1"}, 0, ""},
      {{"-D", "N=1", "-arch", "sm_80"}, 0, ""},
      {{"--define-macro=N=1", "--use_fast_math", "-G"}, 0, ""},
      {{"-DN=1", "-UN"}, COMPILATION, "identifier \"N\" is undefined"},
      {{"-DN=1", "--maxrregcount=32", "-std=c++20", "-I/none"}, 0, ""},
      {{"-DN=1", "--gpu-architecture=sm_12"},
       INVALID_OPTION,
       "nvrtc: error: invalid value for --gpu-architecture (-arch)\n"},
      {{"-O3"}, INVALID_OPTION, "nvrtc: error: unrecognized option -O3 found\n"},
      {{"--std", "c++17"}, INVALID_OPTION, "nvrtc: error: unrecognized option --std found\n"},
      {{"-std=c++98"}, INVALID_OPTION, "nvrtc: error: invalid value for --std(-std)\n"},
      {{"--maxrregcount=x"},
       INVALID_OPTION,
       "nvrtc: error: --maxrregcount (-maxrregcount) expects an integer value\n"},
      {{"--ftz=maybe"}, INVALID_OPTION, "nvrtc: error: --ftz (-ftz) expects true or false\n"},
      {{"--use_fast_math=true"},
       INVALID_OPTION,
       "nvrtc: error: --use_fast_math (-use_fast_math) does not accept any argument\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *given[5] = {0};
    memcpy(given, cases[i].options, sizeof cases[i].options);
    compiled c = compile(kernel, given, NULL);
    CHECKF(c.result == cases[i].result, "case %zu: %d: %s", i, c.result, c.log);
    CHECKF(has(c.log, cases[i].said), "case %zu: %s", i, c.log);
    done(&c);
  }
  compiled c =
      compile("int f() { return 1; }\n", (const char *const[]){"-default-device", NULL}, NULL);
  CHECKF(c.result == 0, "%s", c.log);
  CHECK(nvrtcAddNameExpression(c.program, "f") == 8);
  done(&c);
  // A virtual architecture gives PTX alone.
  c = compile("__global__ void k() {}\n", (const char *const[]){"-arch=compute_90", NULL}, NULL);
  CHECK(c.result == 0 && c.cubin_bytes == 0 && has(c.ptx, "\n.target sm_90\n"));
  done(&c);
  program *p = NULL;
  int major = 0, minor = 0, count = 0, archs[64];
  CHECK(nvrtcCreateProgram(&p, NULL, NULL, 0, NULL, NULL) == INVALID_INPUT);
  CHECK(nvrtcCompileProgram(NULL, 0, NULL) == INVALID_PROGRAM);
  CHECK(nvrtcDestroyProgram(&p) == INVALID_PROGRAM);
  CHECK(nvrtcVersion(&major, &minor) == 0 && major == 13 && minor == 5);
  CHECK(nvrtcGetNumSupportedArchs(&count) == 0 && count == 13);
  CHECK(nvrtcGetSupportedArchs(archs) == 0 && archs[0] == 75 && archs[12] == 121);
}

// Of a device 8.6.
static void architectures(void) {
  open_twin("standin");
  static const struct {
    const char *arch;
    bool ptx;
    CUresult result;
  } cases[] = {{"-arch=sm_80", false, 0},
               {"-arch=sm_86", false, 0},
               {"-arch=sm_89", false, CUDA_ERROR_NO_BINARY_FOR_GPU},
               {"-arch=sm_75", false, CUDA_ERROR_NO_BINARY_FOR_GPU},
               {"-arch=sm_90a", false, CUDA_ERROR_NO_BINARY_FOR_GPU},
               {"-arch=compute_75", true, 0},
               {"-arch=sm_80", true, 0},
               {"-arch=compute_90", true, CUDA_ERROR_NO_BINARY_FOR_GPU}};
  gpu g = gpu_open(0, 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    compiled c =
        compile("__global__ void k() {}\n", (const char *const[]){cases[i].arch, NULL}, NULL);
    CUmodule m;
    const CUresult result = cuModuleLoadData(&m, cases[i].ptx ? c.ptx : c.cubin);
    CHECKF(result == cases[i].result, "%s: %d", cases[i].arch, result);
    if (c.cubin_bytes > 200 && !cases[i].ptx) {
      c.cubin[c.cubin_bytes - 1] ^= 1;
      CHECK(cuModuleLoadData(&m, c.cubin) == CUDA_ERROR_INVALID_IMAGE);
    }
    done(&c);
  }
  gpu_close(&g);
}

// The header of a cubin, and sections with one kernel of two parameters.
static void real_cubin(void) {
  static struct {
    Elf64_Ehdr header;
    Elf64_Shdr sections[3];
    char names[32];
    unsigned char info[2][16];
  } cubin = {
      .header = {.e_ident = {0x7f, 'E', 'L', 'F', 2, 1, 1, 0x41, 8},
                 .e_machine = 190,
                 .e_flags = 0x06005a04,
                 .e_shoff = sizeof(Elf64_Ehdr),
                 .e_shnum = 3,
                 .e_shstrndx = 1},
      .names = "\0.nv.info.saxpy",
      .info = {{4, 0x17, 12, 0, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0xf0, 0x11, 0},
               {4, 0x17, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x21, 0}},
  };
  cubin.sections[1] = (Elf64_Shdr){.sh_offset = offsetof(__typeof__(cubin), names)};
  cubin.sections[2] = (Elf64_Shdr){
      .sh_name = 1, .sh_offset = offsetof(__typeof__(cubin), info), .sh_size = sizeof cubin.info};
  loaded l = load(&cubin);
  size_t offset = 9, bytes = 9;
  CUfunction f = function(&l, "saxpy");
  CHECK(cuFuncGetParamInfo(f, 1, &offset, &bytes) == 0);
  CHECKF(offset == 8 && bytes == 4, "%zu, %zu", offset, bytes);
  int n = 0;
  CHECK(run(&l, "saxpy", 1, 0, (void *[]){&l.memory, &n}) == CUDA_ERROR_NOT_SUPPORTED);
  CHECK(cuModuleGetFunction(&f, l.module, "other") == CUDA_ERROR_NOT_FOUND);
  unload(&l);
}

static const char library[] =
    "#include <cuda_fp16.h>\n#include <cuda_bf16.h>\n"
    "extern \"C\" __global__ void checks(int *bad) {\n"
    "  int n = 0;\n"
    "#define IS(x) n++; if (!(x)) atomicCAS(bad, 0, n);\n"
    "  IS(__popc(255u) == 8) IS(__clz(1) == 31) IS(__brev(1u) == 0x80000000u) IS(__ffs(8) == 4)\n"
    "  IS(rsqrtf(4.f) == .5f) IS(__saturatef(2.f) == 1) IS(fminf(1.f, 2.f) == 1)\n"
    "  IS(__float2int_rn(2.5f) == 2) IS(__float2int_rz(-1e20f) == -2147483647 - 1)\n"
    "  IS(__float2uint_rd(-3.f) == 0u) IS(max(1, 2u) == 2) IS(pow(2.f, 3) == 8.f)\n"
    "  IS(sinpif(1.f) == 0) IS(cospi(1.0) == -1) IS(sinpi(-.5) == -1) IS(cospif(.5f) == 0)\n"
    "  IS(isnan(sqrtf(-1.f))) IS(abs(-2.5f) == 2.5f) IS(floor(1.5f) == 1) IS(exp10f(2.f) == 100)\n"
    "  float4 v = make_float4(1, 2, 3, 4); IS(v.w == 4)\n"
    "  IS(__half2float(__float2half(.1f)) == 0.0999755859375f)\n"
    "  IS(__half_as_ushort(__double2half(65519.9)) == 0x7bff)\n"
    "  IS(__half_as_ushort(__float2half(65520.f)) == 0x7c00)\n"
    "  IS(__half_as_ushort(__float2half(5.9604645e-8f)) == 1)\n"
    "  half2 h = __floats2half2_rn(1.f, 2.f); h += h; IS(__high2float(h) == 4)\n"
    "  IS(__hfma(half(3.f), half(4.f), half(-2.f)) == half(10.f))\n"
    "  __nv_bfloat16 b = __float2bfloat16(1.00390625f); IS(float(b) == 1.f)\n"
    "  IS(__bfloat162float(b + b) == 2)\n"
    "  IS(__shfl_xor_sync(1u, __float2half(3.f), 0) == half(3.f))\n"
    "  long long t = clock64(); IS(clock64() >= t)\n"
    "  dim3 block = blockDim; uint3 at = threadIdx; IS(block.x == 1 && at.x == 0)\n"
    "  IS(__syncthreads_or(1)) IS(__syncthreads_count(1) == 1)\n"
    "  IS(__activemask() == 1u) IS(__dp4a(0x01010101, 0x02020202, 1) == 9)\n"
    "  bad[1] = n;\n"
    "}\n"
    "extern \"C\" __global__ void asserts(int n) { assert(n == 1); }\n";

static void intrinsics(void) {
  open_twin("standin");
  char include[4200];
  snprintf(include, sizeof include, "-I%s/../include", folder);
  compiled c = compile(library, (const char *const[]){"-arch=sm_90", include, NULL}, NULL);
  CHECKF(c.result == 0, "%s", c.log);
  loaded l = load(c.cubin);
  int bad[2], n = 1;
  CHECK(run(&l, "checks", 1, 0, (void *[]){&l.memory}) == 0);
  read_back(&l, bad, sizeof bad);
  CHECKF(bad[0] == 0 && bad[1] > 30, "check %d of %d", bad[0], bad[1]);
  CHECK(run(&l, "asserts", 1, 0, (void *[]){&n}) == 0);
  n = 2;
  CHECK(run(&l, "asserts", 1, 0, (void *[]){&n}) == CUDA_ERROR_ASSERT);
  CHECKF(has(standin_report(), "prog.cu:"), "%s", standin_report());
  done(&c);
  // Without the folder there are no such headers.
  c = compile(library, sm_90, NULL);
  CHECK(c.result == COMPILATION && has(c.log, "could not open source file \"cuda_fp16.h\""));
  done(&c);
}

// What the checked build finds in users' kernels, each in a process of its own.
static void finds(const char *body, const char *finding) {
  open_twin("standin-checked");
  char source[1024];
  snprintf(source, sizeof source,
           "__device__ int shared_by_all; extern \"C\" __global__ void k(int *x) {\n%s\n}\n", body);
  compiled c = compile_well(source, NULL);
  loaded l = load(c.cubin);
  CHECK(run(&l, "k", 64, 256, (void *[]){&l.memory}) != 0);
  CHECKF(has(standin_report(), finding), "%s", standin_report());
  CHECKF(has(standin_report(), "prog.cu:2"), "%s", standin_report());
  done(&c);
}

static void race(void) {
  finds("__shared__ int s[64]; s[threadIdx.x] = 1; x[threadIdx.x] = s[threadIdx.x / 2];",
        "race on shared s");
}
static void race_of_variable(void) {
  finds("shared_by_all = threadIdx.x;", "race on global memory");
}
static void beyond(void) { finds("x[1024 + threadIdx.x] = 1;", "out of bounds"); }
static void beyond_static(void) {
  finds("__shared__ int s[64]; s[threadIdx.x + 1] = 1;", "out of bounds");
}
static void beyond_dynamic(void) {
  finds("extern __shared__ int s[]; s[threadIdx.x + 1] = 1;", "out of bounds");
}
static void unwritten(void) { finds("extern __shared__ int s[]; x[0] = s[3];", "never written"); }

static const part parts[] = {
    {"kernels", kernels, ""},
    {"memories", memories, ""},
    {"logs", logs, ""},
    {"options", options, ""},
    {"architectures", architectures, "STANDIN_CC=8.6"},
    {"real_cubin", real_cubin, ""},
    {"intrinsics", intrinsics, ""},
    {"race", race, ""},
    {"race_of_variable", race_of_variable, ""},
    {"beyond", beyond, ""},
    {"beyond_static", beyond_static, ""},
    {"beyond_dynamic", beyond_dynamic, ""},
    {"unwritten", unwritten, ""},
    {0},
};

int main(int argc, char **argv) { return run_parts(parts, argc, argv); }
