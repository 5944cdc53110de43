// Modules and launches of users' kernels through the ABI, over the stand-in driver and the twin of NVRTC:
// random launches, whatever stands in the block, either run or say why not; modules that go while they
// compile, while their kernels run, and with their isolate leave nothing behind.
#include "test.h"

#if defined(__linux__) && defined(__x86_64__)

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include "../../csrc/core/isolate.h"
#include "driver/control.h"

static _Thread_local struct {
  _Alignas(64) char bytes[GK_BLOCK_BYTES];
} block;
#define IN_U32 ((uint32_t *)(void *)block.bytes)
#define IN_F64 ((double *)(void *)block.bytes)
#define OUT ((gk_block_output *)(void *)(block.bytes + GK_BLOCK_BYTES / 2))

static uint32_t cuda;

// Nothing is done with the arguments: a launch of whatever was accepted harms nobody.
static const char source[] =
    "struct Three { int a; double b; char c; };\n"
    "__device__ int counter[4];\n"
    "extern \"C\" __global__ void none() {}\n"
    "extern \"C\" __global__ void numbers(float a, int b, unsigned char c, bool d, double e,\n"
    "                                     long long f, unsigned long long g) {}\n"
    "extern \"C\" __global__ void arrays(const float *a, float *b, const void *c, int *d) {}\n"
    "extern \"C\" __global__ void mixed(Three s, const double *x, double *y, int n) {}\n"
    "extern \"C\" __global__ void __launch_bounds__(64) bounded(int *x) {\n"
    "  if (threadIdx.x == 0 && blockIdx.x == 0) atomicAdd(&counter[0], 1);\n"
    "}\n";
static const char *const kernels[] = {"none", "numbers", "arrays", "mixed", "bounded"};
enum { KERNELS = sizeof kernels / sizeof *kernels };

static size_t put(char *data, size_t at, const char *text) {
  const size_t n = strlen(text) + 1;
  memcpy(data + at, text, n);
  return at + n;
}

// A module of the source, with a comment that makes it another one.
static uint32_t create(uint32_t root, int number, uint32_t flags, uint32_t ticket) {
  char data[sizeof source + 512], comment[64];
  size_t n = put(data, 0, source) - 1;
  snprintf(comment, sizeof comment, "// %d\n", number);
  n = put(data, n, comment);
  n = put(data, n, "launch_test.cu");
  for (int i = 0; i < KERNELS; i++) n = put(data, n, kernels[i]);
  IN_U32[0] = 0;
  IN_U32[1] = KERNELS;
  IN_U32[2] = 0;
  IN_U32[3] = ticket;
  return gk_module_create(root, cuda, flags, data, (double)n);
}

static uint32_t array(uint32_t root, uint8_t dtype, int64_t size) {
  static const double zeros[64];
  IN_F64[0] = (double)size;
  return gk_array_from_host(root, dtype, 1, zeros, (double)(size * gk_dtypes[dtype].size));
}

// ---- random launches

enum { ARRAYS = 12 };

static uint32_t one_of(const uint32_t *values, int count) { return values[test_below(count)]; }

static void random_argument(char *at, const uint32_t *arrays) {
  static const double numbers[] = {0,
                                   1,
                                   -1,
                                   2.5,
                                   127,
                                   128,
                                   -129,
                                   255,
                                   256,
                                   1e10,
                                   1e20,
                                   -1e300,
                                   0x1p53,
                                   0x1p63,
                                   0x1p64,
                                   -0x1p63,
                                   (double)__builtin_inff(),
                                   (double)__builtin_nanf(""),
                                   65504,
                                   4294967295.0};
  uint32_t kind = (uint32_t)test_below(8), value = 0;
  uint64_t bits = test_random();
  if (kind == GK_ARGUMENT_NUMBER || test_below(3) == 0)
    memcpy(&bits, &numbers[test_below(sizeof numbers / sizeof *numbers)], sizeof bits);
  if (kind == GK_ARGUMENT_ARRAY) value = one_of(arrays, ARRAYS);
  if (kind == GK_ARGUMENT_TYPED) value = (uint32_t)test_below(GK_DTYPE_COUNT + 2);
  if (kind == GK_ARGUMENT_BYTES) {
    const uint32_t sizes[] = {24, 8, 0, 4, 4096, UINT32_MAX};
    const uint64_t places[] = {2080, 4072, 4073, 4096, 5000, UINT64_MAX, 0};
    value = one_of(sizes, 6);
    bits = places[test_below(7)];
  }
  if (test_below(40) == 0) value = (uint32_t)test_random();
  memcpy(at, &kind, 4);
  memcpy(at + 4, &value, 4);
  memcpy(at + 8, &bits, 8);
}

static uint32_t random_size(void) {
  static const uint32_t sizes[] = {1, 1, 1, 1, 2, 3, 32, 64, 65, 0, 1024, 1025, 65536, UINT32_MAX};
  return one_of(sizes, test_below(3) == 0 ? 14 : 5);
}

static void fuzz(uint32_t root, uint32_t module) {
  static const uint8_t dtypes[] = {GK_float32, GK_float64, GK_int32, GK_uint8, GK_bool};
  static const int counts[] = {0, 7, 4, 4, 1};
  int accepted = 0, refused = 0;
  uint32_t arrays[ARRAYS];
  for (int i = 0; i < 8; i++) arrays[i] = array(root, dtypes[i % 5], i < 6 ? 9 : 0);
  IN_F64[0] = IN_F64[1] = __builtin_nan("");
  IN_F64[0] = 0, IN_F64[1] = 0, IN_F64[2] = 9, IN_F64[3] = 2;
  arrays[8] = gk_array_view(root, GK_VIEW_SLICE, arrays[0], 4); // with gaps
  arrays[9] = array(root, GK_int32, 3);
  gk_array_dispose(root, arrays[9]); // stale
  gk_context_set_device(root, 0);
  arrays[10] = array(root, GK_float32, 9); // on the host
  gk_context_set_device(root, cuda);
  arrays[11] = 12345;
  for (int i = 0; i < 30000; i++) {
    const uint32_t kernel = (uint32_t)test_below(KERNELS + (test_below(50) == 0));
    const int usual = counts[kernel % KERNELS];
    uint32_t count = (uint32_t)usual;
    if (test_below(8) == 0) count = (uint32_t)test_below(GK_MAX_ARGUMENTS + 3);
    for (uint32_t k = 0; k < 3; k++) {
      IN_U32[k] = test_below(4) ? 1 + (uint32_t)test_below(3) : random_size();
      IN_U32[3 + k] = test_below(4) ? 1 + (uint32_t)test_below(4) : random_size();
    }
    // A grid that is allowed but long would take its time.
    if (IN_U32[0] > 1025 && IN_U32[0] != UINT32_MAX) IN_U32[0] = 1025;
    for (uint32_t k = 1; k < 3; k++)
      if (IN_U32[k] > 3 && IN_U32[k] <= 65535) IN_U32[k] = 3;
    IN_U32[6] = test_below(4) ? 0 : (uint32_t)test_below(300000);
    for (uint32_t k = 0; k < count && k < GK_MAX_ARGUMENTS; k++)
      random_argument(block.bytes + 32 + 16 * k, arrays);
    // Half of them are launches that ought to be right but for one argument.
    if (test_below(2) && kernel == 2 && count == 4) {
      const uint32_t right[] = {arrays[0], arrays[5], arrays[1], arrays[2]};
      const int wrong = (int)test_below(8);
      for (int k = 0; k < 4; k++)
        if (k != wrong) {
          const uint32_t kind = GK_ARGUMENT_ARRAY;
          memcpy(block.bytes + 32 + 16 * k, &kind, 4);
          memcpy(block.bytes + 36 + 16 * k, &right[k], 4);
        }
    }
    OUT->text[0] = 0;
    const uint32_t stream = test_below(30) ? 0 : (uint32_t)test_random();
    const uint32_t status = gk_kernel_launch(root, module, kernel, count, stream);
    if (status == GK_OK)
      accepted++;
    else
      refused++;
    CHECKF(status == GK_OK || (OUT->status == (int32_t)status && strlen(OUT->text) > 10),
           "status %u with %d: %s", status, OUT->status, OUT->text);
    CHECKF(status != GK_DEVICE_LOST, "lost: %s", OUT->text);
    if (i % 64 == 0) CHECK(gk_stream_synchronize(root, 0, -1) == GK_OK);
  }
  for (int i = 0; i < 11; i++) gk_array_dispose(root, arrays[i]);
  CHECK(accepted > 1000);
  CHECK(refused > 1000);
  printf("%d launches, %d refused\n", accepted, refused);
}

// ---- what is malformed

static void refuse(uint32_t root) {
  const char *const data[] = {"", "x", "no end", "source\0", "source\0file\0kernel"};
  const double bytes[] = {0, 1, 6, 7, 18};
  for (int i = 0; i < 5; i++) {
    IN_U32[0] = 0, IN_U32[1] = 1, IN_U32[2] = 0;
    CHECKF(gk_module_create(root, cuda, 0, data[i], bytes[i]) == 0, "source %d", i);
    CHECK(OUT->status == GK_ARGUMENT);
  }
  IN_U32[0] = IN_U32[1] = IN_U32[2] = UINT32_MAX;
  CHECK(gk_module_create(root, cuda, 0, "a\0b\0c\0", 6) == 0);
  IN_U32[0] = IN_U32[1] = IN_U32[2] = 0;
  CHECK(gk_module_create(root, 99, 0, "a\0b\0", 4) == 0 && OUT->status == GK_DEVICE);
  CHECK(gk_module_create(root, 0, 0, "a\0b\0", 4) == 0 && OUT->status == GK_UNSUPPORTED);
  CHECK(gk_module_finish(root, 77) == GK_DISPOSED);
  CHECK(gk_kernel_launch(root, 77, 0, 0, 0) == GK_DISPOSED);
  CHECK(gk_kernel_describe(root, 77, 0) == GK_DISPOSED);
  CHECK(!(gk_module_read(root, 77, 0, NULL, 0) >= 0));
  CHECK(gk_module_dispose(root, 77) == 0);
  // Images whose headers say more than there is, cut off at every length.
  unsigned char elf[256] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
  elf[40] = 64, elf[58] = 64, elf[60] = 3; // three sections behind the header
  unsigned char fatbin[32] = {0x50, 0xed, 0x55, 0xba, 1, 0, 16, 0, 200};
  for (int n = 1; n < 256; n += 3) {
    memset(block.bytes, 0, GK_BLOCK_BYTES / 2);
    const uint32_t module = gk_module_create(root, cuda, 1, elf, n);
    CHECK(module != 0);
    if (n >= 8 && n < 256)
      CHECKF(gk_module_finish(root, module) != GK_OK, "an image of %d bytes", n);
    gk_module_dispose(root, module);
  }
  const uint32_t module = gk_module_create(root, cuda, 1, fatbin, sizeof fatbin);
  CHECK(gk_module_finish(root, module) == GK_ARGUMENT);
  gk_module_dispose(root, module);
}

// ---- lifetimes

// Modules that are compiling when they are disposed, when another is asked for, and when the isolate ends.
static void *come_and_go(void *unused) {
  (void)unused;
  const uint32_t root = gk_isolate_attach(&block, sizeof block);
  gk_context_set_device(root, cuda);
  const uint32_t x = array(root, GK_int32, 9);
  for (int i = 0; i < 12; i++) {
    const uint32_t module = create(root, i % 3, 2, (uint32_t)i + 1);
    CHECK(module != 0);
    if (i % 4 == 0) {
      gk_module_dispose(root, module);
      continue;
    }
    if (i % 4 == 1) continue; // left to the end of the isolate
    CHECKF(gk_module_finish(root, module) == GK_OK, "%s", OUT->text);
    for (int k = 0; k < 4; k++) {
      const uint32_t stream = gk_stream_create(root, cuda, 0);
      for (int j = 0; j < 3; j++) IN_U32[j] = IN_U32[3 + j] = 1;
      IN_U32[6] = 0;
      IN_U32[8] = GK_ARGUMENT_ARRAY;
      IN_U32[9] = x;
      CHECKF(gk_kernel_launch(root, module, 4, 1, stream) == GK_OK, "%s", OUT->text);
      gk_stream_dispose(root, stream);
    }
    if (i % 4 == 2) { // the launches of all streams come before the variable is read
      int counter[4] = {0};
      strcpy(block.bytes, "counter");
      CHECK(gk_module_variable(root, module, 0, counter, sizeof counter, 0) == sizeof counter);
      CHECKF(counter[0] == 4, "%d of 4 launches were counted", counter[0]);
    }
    gk_module_dispose(root, module); // while its kernels may run
  }
  return NULL;
}

// In the driver: those of the library's own kernels, and users'.
static uint64_t modules_alive(void) {
  standin_counts_t now = {0};
  void *driver = dlopen(getenv("GPUKIT_LIBCUDA"), RTLD_NOW | RTLD_NOLOAD);
  void (*counts)(standin_counts_t *) =
      driver ? (void (*)(standin_counts_t *))(uintptr_t)dlsym(driver, "standin_counts") : NULL;
  CHECK(counts != NULL);
  if (counts) counts(&now);
  return now.modules;
}

int main(void) {
  char path[4096 + 64], folder[] = "/tmp/gpukit-launch-XXXXXX";
  const ssize_t length = readlink("/proc/self/exe", path, 4096);
  char *slash = length > 0 ? strrchr(path, '/') : NULL;
  CHECK(mkdtemp(folder) != NULL);
  if (slash && !getenv("GPUKIT_LIBCUDA")) {
    strcpy(slash, "/../standin/libcuda.so");
    setenv("GPUKIT_LIBCUDA", path, 1);
    strcpy(slash, "/../standin/libnvrtc.so");
    setenv("GPUKIT_LIBNVRTC", path, 1);
  }
  setenv("GPUKIT_DEVICE", "cuda", 1);
  setenv("GPUKIT_CACHE_DIR", folder, 1);
  const uint32_t root = gk_isolate_attach(&block, sizeof block);
  cuda = (uint32_t)gk_devices_find("cuda:0");
  CHECKF(gk_context_set_device(root, cuda) == GK_OK, "no device: %s", OUT->text);
  const uint32_t module = create(root, 0, 0, 0);
  CHECKF(gk_module_finish(root, module) == GK_OK, "%s", OUT->text);
  if (test_failures) return test_done();
  refuse(root);
  fuzz(root, module);
  const uint64_t before = modules_alive();
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, come_and_go, NULL);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  CHECK(gk_module_dispose(root, module) == 1);
  // What was left to compile, and modules whose kernels ran, go on other threads.
  for (int i = 0; i < 1000 && modules_alive() >= before; i++) usleep(10000);
  CHECKF(modules_alive() == before - 1, "%llu modules, there were %llu",
         (unsigned long long)modules_alive(), (unsigned long long)before);
  snprintf(path, sizeof path, "rm -rf %s", folder);
  CHECK(system(path) == 0);
  return test_done();
}

#else

int main(void) {
  printf("the stand-in driver is for Linux on x86-64\n");
  CHECK(true);
  return test_done();
}

#endif
