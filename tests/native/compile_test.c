// Compiling with NVRTC: which library is opened and why not, what it is given, and what is taken from disk. With a library
// that compiles nothing (nvrtc_library.c), which zig build puts beside this program; each part in a process of
// its own, since NVRTC is opened once. NVRTC_TEST_LIBRARIES is the folder of those libraries, if not there.
#include "test.h"

#include "../../csrc/core/files.h"
#include "../../csrc/cuda/cache.h"
#include "../../csrc/cuda/driver.h"
#include "../../csrc/cuda/nvrtc_library.h"

#if defined(__linux__)

#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[] = "/tmp/gpukit-nvrtc-XXXXXX";
static char fake[GK_PATH_BYTES], lacking[GK_PATH_BYTES];

// Runs a part in a child, whose checks count here.
static void alone(void (*part)(void), const char *name) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    test_checks = test_failures = 0;
    part();
    fflush(NULL);
    _exit(test_failures != 0);
  }
  int status = 1;
  CHECKF(child > 0 && waitpid(child, &status, 0) == child && status == 0, "%s: status %d", name,
         status);
}
#define ALONE(part) alone(part, #part)

static int compilations(void) {
  void *library = dlopen(fake, RTLD_NOW | RTLD_NOLOAD);
  int (*count)(void) =
      library ? (int (*)(void))(uintptr_t)dlsym(library, "fake_nvrtc_compilations") : NULL;
  return count ? count() : 0;
}

static gk_module_source source_of(const char *text) {
  static const char *const kernels[] = {"k"};
  return (gk_module_source){
      .text = text, .bytes = strlen(text), .file = "k.cu", .kernels = 1, .kernel = kernels};
}

static gk_error error;
static gk_status compile(int version, const gk_module_source *source, gk_program *program) {
  error.text[0] = 0;
  return gk_nvrtc_compile(version / 10, version % 10, source, program, &error);
}

// Opening fails, and says all of this.
static void expect_refusal(const char *first, const char *second) {
  gk_program program;
  gk_module_source source = source_of("x");
  CHECK(compile(90, &source, &program) == GK_UNSUPPORTED);
  CHECKF(!strncmp(error.text, "jit: ", 5) && strstr(error.text, first) &&
             strstr(error.text, second),
         "%s", error.text);
  gk_program_free(&program);
}

// ---- which library

static void nowhere(void) {
  setenv("GPUKIT_LIBNVRTC", "/nowhere/libnvrtc.so", 1);
  expect_refusal("GPUKIT_LIBNVRTC=/nowhere/libnvrtc.so", "cannot open");
}
static void no_library(void) {
  setenv("GPUKIT_LIBNVRTC", "/proc/self/exe", 1);
  expect_refusal("GPUKIT_LIBNVRTC=/proc/self/exe", "cannot be used");
}
static void no_nvrtc(void) {
  setenv("GPUKIT_LIBNVRTC", "libm.so.6", 1);
  expect_refusal("libm.so.6", "nvrtcVersion");
}
static void too_old(void) {
  setenv("FAKE_NVRTC_VERSION", "11.8", 1);
  expect_refusal("11.8", "12.0 or later");
}
static void too_new(void) {
  setenv("FAKE_NVRTC_VERSION", "14.1", 1);
  gk_cuda_driver_version = 13020;
  expect_refusal("14.1", "the driver of 13.2");
}
static void lacks_one(void) {
  setenv("GPUKIT_LIBNVRTC", lacking, 1);
  expect_refusal("nvrtcGetCUBIN", "11.1");
}

static void put(const char *from, const char *to) {
  char command[3 * GK_PATH_BYTES];
  snprintf(command, sizeof command, "mkdir -p \"$(dirname %s)\" && cp %s %s", to, from, to);
  CHECK(system(command) == 0);
}
static const char *below(const char *path) {
  static char whole[2][GK_PATH_BYTES];
  static int turn;
  turn ^= 1;
  gk_path_join(whole[turn], root, path);
  return whole[turn];
}

// The newest that can be opened, by the number of the builtins beside it; numbers that no real one has.
static void newest(void) {
  const char *why;
  unsetenv("GPUKIT_LIBNVRTC");
  unsetenv("CUDA_HOME");
  setenv("VIRTUAL_ENV", below("venv"), 1);
  setenv("CUDA_PATH", below("toolkit"), 1);
  setenv("HOME", below("home"), 1);
  put(fake, below("venv/lib/python3.99/site-packages/nvidia/cu90/lib/libnvrtc.so.90"));
  put("/dev/null",
      below("venv/lib/python3.99/site-packages/nvidia/cu90/lib/libnvrtc-builtins.so.90.2"));
  put(fake, below("toolkit/lib64/libnvrtc.so.90.1.7"));
  put(fake, below("home/.local/lib/python3.1/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.12"));
  put("/dev/null", below("toolkit/lib/libnvrtc.so.91")); // newer, but none
  put("/dev/null", below("venv/lib/python3.99/site-packages/nvidia/cu90/include/cuda_fp16.h"));
  put("/dev/null", below("venv/lib/python3.99/site-packages/nvidia/cu90/include/cccl/nv/target"));
  const gk_nvrtc *nvrtc = gk_nvrtc_open(&why);
  CHECKF(nvrtc && strstr(nvrtc->path, "venv/lib/python3.99/site-packages/nvidia/cu90/lib/"), "%s",
         nvrtc ? nvrtc->path : why);
  CHECK(nvrtc && strstr(nvrtc->headers, "nvidia/cu90/include"));
  CHECK(nvrtc && strstr(nvrtc->headers2, "nvidia/cu90/include/cccl"));
  CHECK(nvrtc == gk_nvrtc_open(&why));
}

static void library_path(void) {
  const char *why;
  char list[2 * GK_PATH_BYTES];
  unsetenv("GPUKIT_LIBNVRTC");
  snprintf(list, sizeof list, "/nowhere::%s", below("other"));
  setenv("LD_LIBRARY_PATH", list, 1);
  put(fake, below("other/libnvrtc.so.95"));
  const gk_nvrtc *nvrtc = gk_nvrtc_open(&why);
  CHECKF(nvrtc && strstr(nvrtc->path, "other/libnvrtc.so.95"), "%s", nvrtc ? nvrtc->path : why);
}

// ---- what it is given

// Compiles for `version` with up to two options; is `line` one of those that NVRTC got, and no other of
// architecture?
static void expect_option(int version, const char *first, const char *second, const char *line) {
  const char *const options[] = {first, second};
  gk_module_source source = source_of("__global__ void k() {}");
  gk_program program;
  source.option = options;
  source.options = (uint32_t)(first != NULL) + (second != NULL);
  CHECK(compile(version, &source, &program) == GK_OK);
  char whole[100];
  snprintf(whole, sizeof whole, "%s\n", line);
  CHECKF(program.image && !strncmp(program.image, whole, strlen(whole)) &&
             !strstr(program.image + strlen(whole), "arch"),
         "%s", program.image ? program.image : error.text);
  gk_program_free(&program);
}

static void architectures(void) {
  setenv("GPUKIT_CACHE", "0", 1);
  expect_option(80, NULL, NULL, "--gpu-architecture=sm_80");
  expect_option(90, NULL, NULL, "--gpu-architecture=sm_90a");
  expect_option(100, NULL, NULL, "--gpu-architecture=sm_100a");
  expect_option(86, NULL, NULL, "--gpu-architecture=compute_80");
  expect_option(120, NULL, NULL, "--gpu-architecture=compute_100");
  expect_option(90, "-arch=sm_80", NULL, "-arch=sm_80");
  expect_option(90, "--gpu-architecture=sm_80", NULL, "--gpu-architecture=sm_80");
  expect_option(90, "-arch", "sm_80", "-arch\nsm_80");
  expect_option(90, "-lineinfo", NULL, "-lineinfo\n--gpu-architecture=sm_90a");
  gk_program program;
  gk_module_source source = source_of("x");
  CHECK(compile(75, &source, &program) == GK_UNSUPPORTED && strstr(error.text, "8.0 and later"));
  gk_program_free(&program);
  // PTX for what it does not know, with its 0; a cubin otherwise.
  CHECK(compile(120, &source, &program) == GK_OK && !strcmp(program.architecture, "compute_100") &&
        program.image_bytes == program.ptx_bytes + 1 && !program.image[program.ptx_bytes]);
  gk_program_free(&program);
  CHECK(compile(90, &source, &program) == GK_OK && !strcmp(program.architecture, "sm_90a") &&
        program.image_bytes == program.ptx_bytes && program.milliseconds > 0);
  gk_program_free(&program);
}

static void results(void) {
  gk_program program;
  gk_module_source source = source_of("x warn");
  setenv("GPUKIT_CACHE", "0", 1);
  CHECK(compile(90, &source, &program) == GK_OK);
  CHECK(program.count == 1 && !strcmp(program.symbols[0], "k") &&
        !strcmp(program.signatures[0], "_Z16gpukit_signatureIPFvPKfiEEvv"));
  CHECK(!strcmp(program.log, "k.cu(1): warning: odd\n") && !program.from_disk);
  gk_program_free(&program);
  gk_program_free(&program);
  static const struct {
    const char *text, *says;
    gk_status status;
  } failures[] = {{"fail 6", "k.cu(1): error: bad", GK_KERNEL_COMPILE},
                  {"fail 1", "out of memory", GK_OUT_OF_MEMORY},
                  {"fail 7", "libnvrtc-builtins", GK_UNSUPPORTED},
                  {"fail 11", "NVRTC_ERROR", GK_KERNEL_COMPILE},
                  {"variable", "it is a variable", GK_KERNEL_COMPILE}};
  for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
    source = source_of(failures[i].text);
    CHECK(compile(90, &source, &program) == failures[i].status);
    CHECKF(strstr(error.text, failures[i].says), "%s", error.text);
    CHECK(program.log && !program.image && !program.symbols && !program.count);
    gk_program_free(&program);
  }
  static const char *const names[] = {"", " ", "a\nb", "k\t"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    source = source_of("x");
    source.kernel = &names[i];
    int before = compilations();
    CHECK(compile(90, &source, &program) == GK_KERNEL_COMPILE && compilations() == before);
    gk_program_free(&program);
  }
}

// ---- what is taken from disk

// Is it there? Compiled or not, it is what it should be.
static bool from_disk(const gk_module_source *source, int version) {
  gk_program program;
  int before = compilations();
  CHECK(compile(version, source, &program) == GK_OK);
  bool found = program.from_disk;
  CHECK(compilations() == before + !found);
  CHECK(program.image && strstr(program.image, source->text) && program.count == source->kernels);
  gk_program_free(&program);
  return found;
}
#define TWICE(expected)                                                                            \
  do {                                                                                             \
    CHECK(!from_disk(&s, 90));                                                                     \
    CHECK(from_disk(&s, 90) == (expected));                                                        \
  } while (0)

static void disk(void) {
  setenv("GPUKIT_CACHE_DIR", below("cache"), 1);
  gk_module_source s = source_of("one");
  compile(90, &s, &(gk_program){.count = 0}); // opens the library; nothing is lost but some bytes
  setenv("GPUKIT_CACHE_DIR", below("cache2"), 1);
  TWICE(true);
  // Each thing that it depends on.
  static const char *const names[] = {"k", "l"}, *const options[] = {"-DA", "-DB", "-DAB"};
  CHECK(!from_disk(&s, 80) && from_disk(&s, 80) && !from_disk(&s, 120));
  s = source_of("two");
  TWICE(true);
  s.file = "other.cu";
  TWICE(true);
  s.kernel = names + 1;
  TWICE(true);
  s.kernel = names, s.kernels = 2;
  TWICE(true);
  for (uint32_t n = 1; n <= 2; n++)
    for (int i = 0; i < 2; i++) {
      s.option = options + i, s.options = n;
      TWICE(true);
    }
  static const char *const header_names[] = {"a.h", "b.h"}, *const texts[] = {"1", "2", "12", ""};
  for (int i = 0; i < 2; i++) {
    s.headers = 1, s.header_name = header_names + i, s.header_text = texts;
    TWICE(true);
  }
  for (int i = 0; i < 3; i++) { // two texts, whose join is the same once
    s.headers = 2, s.header_name = header_names, s.header_text = texts + i;
    TWICE(true);
  }
}

static void not_on_disk(void) {
  static const char *const options[] = {"-I/tmp",
                                        "-I",
                                        "--include-path=/tmp",
                                        "-include=a.h",
                                        "--pre-include=a.h",
                                        "-include",
                                        "-time=t.csv",
                                        "--time=-",
                                        "-pch",
                                        "--create-pch=a",
                                        "--use-pch=a",
                                        "-pch-dir=/",
                                        "-fdevice-time-trace=a",
                                        "--use-bundled-headers=/tmp/a"};
  setenv("GPUKIT_CACHE_DIR", below("cache3"), 1);
  gk_module_source s = source_of("one");
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    s.option = &options[i], s.options = 1;
    TWICE(false);
  }
  static const struct {
    const char *text;
    bool kept;
  } sources[] = {{"#include \"a.h\"\n", true},
                 {"#include <a.h>\n", true},
                 {"#include \"b.h\"\n", false},
                 {"  #  include   \"b.h\"\n", false},
                 {"#include NAME\n", false},
                 {"%: include \"b.h\"\n", false},
                 {"#include_next \"b.h\"\n", false},
                 {"#if __has_include(<b.h>)\n#endif\n", false},
                 {"#include \"a.h\n", false},
                 {"#include <cuda_fp16.h>\n", true},
                 {"// it includes \"b.h\"\n", true},
                 {"#include", false},
                 {"#include <a.h>\n#include \"b.h\"\n", false}};
  static const char *const name = "a.h", *const text = "", *const nested = "#include \"c.h\"\n";
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
    s = source_of(sources[i].text);
    s.headers = 1, s.header_name = &name, s.header_text = &text;
    CHECK(!from_disk(&s, 90));
    CHECKF(from_disk(&s, 90) == sources[i].kept, "%s", sources[i].text);
  }
  s = source_of("nested");
  s.headers = 1, s.header_name = &name, s.header_text = &nested;
  TWICE(false);
  s = source_of("fail 6"); // what failed is not kept
  gk_program program;
  for (int i = 1; i <= 2; i++) {
    int before = compilations();
    CHECK(compile(90, &s, &program) == GK_KERNEL_COMPILE && compilations() == before + 1);
    gk_program_free(&program);
  }
  setenv("GPUKIT_CACHE", "0", 1);
  s = source_of("three");
  TWICE(false);
}

// The same version in another file is another compiler.
static void other_file(void) {
  setenv("GPUKIT_CACHE_DIR", below("cache4"), 1);
  gk_module_source s = source_of("one");
  CHECK(compile(90, &s, &(gk_program){.count = 0}) == GK_OK);
}
static void another_file(void) {
  put(fake, below("copy/libnvrtc.so"));
  setenv("GPUKIT_LIBNVRTC", below("copy/libnvrtc.so"), 1);
  setenv("GPUKIT_CACHE_DIR", below("cache4"), 1);
  gk_module_source s = source_of("one");
  gk_program program;
  CHECK(compile(90, &s, &program) == GK_OK && !program.from_disk);
  gk_program_free(&program);
  CHECK(compile(90, &s, &program) == GK_OK && program.from_disk);
  gk_program_free(&program);
}

// ---- what is told

static void description(void) {
  char text[4096], part[GK_PATH_BYTES + 20];
  setenv("GPUKIT_CACHE_DIR", below("cache5"), 1);
  gk_cuda_describe_compiler(text, sizeof text);
  CHECKF(!strncmp(text, "nvrtc\t/", 7) && strstr(text, "\nnvrtcVersion\t13.5\n"), "%s", text);
  snprintf(part, sizeof part, "\nkernelCache\t%s/jit\n", below("cache5"));
  CHECKF(strstr(text, part), "%s", text);
  setenv("GPUKIT_CACHE", "0", 1);
  gk_cuda_describe_compiler(text, sizeof text);
  CHECK(strstr(text, "\nkernelCacheWhy\tGPUKIT_CACHE=0") && !strstr(text, "kernelCache\t"));
}
static void no_description(void) {
  char text[4096];
  setenv("GPUKIT_LIBNVRTC", "/nowhere", 1);
  gk_cuda_describe_compiler(text, sizeof text);
  CHECK(!strncmp(text, "nvrtcWhy\tGPUKIT_LIBNVRTC=/nowhere", 32) && !strstr(text, "nvrtc\t"));
  for (int n = 1; n < 100; n++) { // whole lines
    gk_cuda_describe_compiler(text, n);
    CHECK(strlen(text) < (size_t)n && (!*text || text[strlen(text) - 1] == '\n'));
  }
}

// ---- NVRTC itself, where the CUDA compiler is installed (scripts/cuda.txt)

static const char real_path[] = ".toolchain-nvrtc/nvidia/cu13/lib/libnvrtc.so.13";

static void expect_names(const char *text, const char *kernel, const char *symbol,
                         const char *signature) {
  gk_module_source s = source_of(text);
  gk_program program;
  s.kernel = &kernel;
  CHECKF(compile(90, &s, &program) == GK_OK, "%s: %s", kernel, error.text);
  if (program.count == 1)
    CHECKF(!strcmp(program.symbols[0], symbol) && !strcmp(program.signatures[0], signature) &&
               !memcmp(program.image, "\177ELF", 4) && strstr(program.ptx, symbol),
           "%s: %s %s", kernel, program.symbols[0], program.signatures[0]);
  gk_program_free(&program);
}

static void expect_text(const char *text, const char *kernel, const char *says) {
  gk_module_source s = source_of(text);
  gk_program program;
  s.kernel = &kernel;
  CHECK(compile(90, &s, &program) == GK_KERNEL_COMPILE && program.log);
  CHECKF(!strncmp(error.text, says, strlen(says)), "%s\nnot\n%s", error.text, says);
  gk_program_free(&program);
}

static void real(void) {
  static const char saxpy[] =
      "extern \"C\" __global__ void saxpy(float a, const float *x, float *y, int n) {\n"
      "  int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
      "  if (i < n) y[i] += a * x[i];\n"
      "}\n";
  setenv("GPUKIT_LIBNVRTC", real_path, 1);
  setenv("GPUKIT_CACHE_DIR", below("real"), 1);
  gk_module_source s = source_of(saxpy);
  const char *kernel = "saxpy";
  s.kernel = &kernel;
  for (int i = 0; i < 2; i++) {
    gk_program program;
    CHECKF(compile(90, &s, &program) == GK_OK && program.from_disk == (i == 1), "%s", error.text);
    printf("NVRTC: saxpy %s in %.2f ms\n", i ? "from disk" : "compiled", program.milliseconds);
    gk_program_free(&program);
  }
  expect_names(saxpy, "saxpy", "saxpy", "_Z16gpukit_signatureIPFvfPKfPfiEEvv");
  expect_names("namespace n { template <class T> __global__ void k(T *x) {} }", "n::k<double>",
               "_ZN1n1kIdEEvPT_", "_Z16gpukit_signatureIPFvPdEEvv");
  expect_names("__global__ void k(int *a) {}\n__global__ void k(float *a) {}",
               "(void (*)(float *))k", "_Z1kPf", "_Z16gpukit_signatureIPFvPfEEvv");
  expect_names("#include <cuda_fp16.h>\n#include <cuda_bf16.h>\n"
               "__global__ void k(__half *a, __nv_bfloat16 b) { a[0] = __float2half(2); }",
               "k", "_Z1kP6__half13__nv_bfloat16",
               "_Z16gpukit_signatureIPFvP6__half13__nv_bfloat16EEvv");
  expect_text("__global__ void k(int *a) {\n  a[0] = b;\n}\n", "k",
              "jit: k.cu(2): error: identifier \"b\" is undefined\n    a[0] = b;\n           ^");
  expect_text("__global__ void k() {\n", "k",
              "jit: k.cu: At end of source: error: expected a \"}\"");
  expect_text(
      saxpy, "saxp",
      "jit: \"saxp\" names no kernel of k.cu: identifier \"saxp\" is undefined; its kernel is "
      "saxpy");
  expect_text("__device__ int k[3];", "k", "jit: \"k\" names no kernel of k.cu: it is a variable");
  expect_text("__device__ void k() {}", "k",
              "jit: \"k\" names no kernel of k.cu: it is no __global__ function");
}

static bool find_libraries(void) {
  static const char *const names[] = {"libnvrtc_library.so", "libnvrtc_lacking_library.so"};
  char folder[GK_PATH_BYTES];
  const char *given = getenv("NVRTC_TEST_LIBRARIES");
  if (given) {
    snprintf(folder, sizeof folder, "%s", given);
  } else {
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (n <= 0) return false;
    folder[n] = 0;
    *strrchr(folder, '/') = 0;
  }
  return gk_path_join(fake, folder, names[0]) && gk_path_join(lacking, folder, names[1]) &&
         gk_path_exists(fake) && gk_path_exists(lacking);
}

int main(void) {
  if (!find_libraries()) { // a static program can open none
    printf("no libraries: nothing was tested\n");
    return test_done();
  }
  if (!mkdtemp(root)) return 1;
  setenv("GPUKIT_CACHE_DIR", root, 1);
  setenv("GPUKIT_LIBNVRTC", fake, 1);
  ALONE(nowhere);
  ALONE(no_library);
  ALONE(no_nvrtc);
  ALONE(too_old);
  ALONE(too_new);
  ALONE(lacks_one);
  ALONE(newest);
  ALONE(library_path);
  ALONE(architectures);
  ALONE(results);
  ALONE(disk);
  ALONE(not_on_disk);
  ALONE(other_file);
  ALONE(another_file);
  ALONE(description);
  ALONE(no_description);
#if !defined(__SANITIZE_THREAD__) // it has threads of its own
  if (gk_path_exists(real_path)) ALONE(real);
#else
  (void)real;
#endif
  char command[GK_PATH_BYTES];
  snprintf(command, sizeof command, "rm -rf %s", root);
  CHECK(system(command) == 0);
  return test_done();
}

#else // the libraries are built for Linux

int main(void) { return test_done(); }

#endif
