// Users' kernels on a CUDA device: images that NVRTC made or the user gave, loaded by the driver, which also
// tells of each kernel what it takes and needs.
#include "../core/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvrtc.h"
#include "runtime.h"
#include "signature.h"

typedef struct kernel_impl {
  gk_kernel named; // for the message when the device is lost
  CUfunction function;
  _Atomic int added; // bytes of shared memory that it has been allowed so far
} kernel_impl;

// More than this a launch may only add where the function has been allowed it.
#define SHARED_UNASKED 49152

// ---- images

// Does the image hold what its own headers say? The driver is not told how long it is.
static bool is_whole(const char *image, size_t bytes) {
  uint32_t magic = 0;
  if (bytes >= 4) memcpy(&magic, image, 4);
  if (magic == 0x464c457f) { // an ELF file: a cubin
    uint64_t sections;
    uint16_t size, count;
    if (bytes < 64 || image[4] != 2) return false;
    memcpy(&sections, image + 40, 8);
    memcpy(&size, image + 58, 2);
    memcpy(&count, image + 60, 2);
    if (size != 64 || sections > bytes || (uint64_t)count * size > bytes - sections) return false;
    for (uint16_t i = 0; i < count; i++) {
      uint32_t type;
      uint64_t offset, length;
      const char *at = image + sections + (uint64_t)i * size;
      memcpy(&type, at + 4, 4);
      memcpy(&offset, at + 24, 8);
      memcpy(&length, at + 32, 8);
      // 8: SHT_NOBITS, which takes no room in the file.
      if (type != 8 && (offset > bytes || length > bytes - offset)) return false;
    }
    return true;
  }
  if (magic == 0xba55ed50) { // a fatbin: its header, then the bytes that it counts
    uint16_t header;
    uint64_t rest;
    if (bytes < 16) return false;
    memcpy(&header, image + 6, 2);
    memcpy(&rest, image + 8, 8);
    return header <= bytes && rest <= bytes - header;
  }
  return true; // to the driver it is text, which a NUL ends
}

static gk_status load(gk_module *m, CUmodule *module, gk_error *error) {
  gk_cuda_device *d = gk_cuda_of(m->device);
  if (!is_whole(m->image, m->image_bytes))
    return gk_error_set(error, GK_ARGUMENT,
                        "module: the image is incomplete: its headers name more than its %zu bytes",
                        m->image_bytes);
  if (gk_cuda_enter(d, error) != GK_OK) return error->status;
  CUresult result = gk_cu.cuModuleLoadData(module, m->image);
  switch (result) {
  case CUDA_SUCCESS:
    return GK_OK;
  case CUDA_ERROR_NO_BINARY_FOR_GPU:
    return gk_error_set(error, GK_UNSUPPORTED,
                        "module: the image holds nothing for %s, which has compute capability "
                        "%d.%d; compile it for sm_%d%d, or to PTX",
                        d->base->name, d->major, d->minor, d->major, d->minor);
  case CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
    return gk_error_set(error, GK_UNSUPPORTED,
                        "module: the PTX is newer than the driver, which is of CUDA %d.%d; compile "
                        "it with an older compiler, or update the driver",
                        gk_cuda_driver_version / 1000, gk_cuda_driver_version % 1000 / 10);
  case CUDA_ERROR_INVALID_PTX:
  case CUDA_ERROR_INVALID_IMAGE:
    return gk_error_set(error, GK_ARGUMENT,
                        "module: %s takes the image for no cubin, fatbin or PTX: %s (%d)",
                        d->base->name, gk_cuda_result_name(result), result);
  default:
    return gk_cuda_fail(d, NULL, result, "module", error);
  }
}

// ---- kernels

// The parameters: their sizes from the driver, their types from the signature where it tells.
static CUresult find_parameters(gk_module_kernel *k, CUfunction function, const char *signature) {
  size_t sizes[GK_MAX_ARGUMENTS], offset, ignored;
  int count = 0;
  CUresult result;
  // The first that is not there is an invalid one.
  while ((result = gk_cu.cuFuncGetParamInfo(function, (size_t)count, &offset,
                                            count < GK_MAX_ARGUMENTS ? &sizes[count] : &ignored)) ==
         CUDA_SUCCESS)
    if (count++ == GK_MAX_ARGUMENTS) return CUDA_ERROR_NOT_SUPPORTED;
  if (result != CUDA_ERROR_INVALID_VALUE) return result;
  gk_parameter *p = calloc(GK_MAX_ARGUMENTS, sizeof *p);
  if (!p) return CUDA_ERROR_OUT_OF_MEMORY;
  bool told = signature && gk_signature_parse(signature, p) == count;
  for (int i = 0; i < count && told; i++)
    told = p[i].bytes == 0 || p[i].bytes == sizes[i]; // of structs the driver alone knows it
  for (int i = 0; i < count; i++) {
    if (!told) {
      p[i] = (gk_parameter){.kind = GK_PARAMETER_UNKNOWN};
      snprintf(p[i].type, sizeof p[i].type, "of %zu bytes", sizes[i]);
    }
    p[i].bytes = (uint32_t)sizes[i];
  }
  k->parameters = p;
  k->count = count;
  return CUDA_SUCCESS;
}

static CUresult find_attributes(gk_module_kernel *k, CUfunction function) {
  const struct {
    int which, *value;
  } attributes[] = {{CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, &k->most_threads},
                    {CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, &k->shared},
                    {CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES, &k->constant},
                    {CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, &k->local},
                    {CU_FUNC_ATTRIBUTE_NUM_REGS, &k->registers},
                    {CU_FUNC_ATTRIBUTE_PTX_VERSION, &k->ptx_version},
                    {CU_FUNC_ATTRIBUTE_BINARY_VERSION, &k->binary_version}};
  CUresult result = CUDA_SUCCESS;
  for (size_t i = 0; i < sizeof attributes / sizeof *attributes && result == CUDA_SUCCESS; i++)
    result = gk_cu.cuFuncGetAttribute(attributes[i].value, attributes[i].which, function);
  return result;
}

static gk_status find_kernel(gk_module *m, CUmodule module, const char *name, const char *symbol,
                             const char *signature, gk_error *error) {
  gk_cuda_device *d = gk_cuda_of(m->device);
  CUfunction function;
  CUresult result = gk_cu.cuModuleGetFunction(&function, module, symbol);
  if (result == CUDA_ERROR_NOT_FOUND)
    return gk_error_set(error, GK_ARGUMENT,
                        "module: the image has no kernel %.200s; C++ kernels that are not extern "
                        "\"C\" have mangled names",
                        symbol);
  if (result != CUDA_SUCCESS) return gk_cuda_fail(d, NULL, result, "module", error);
  gk_module_kernel *k = &m->kernels[m->kernel_count];
  kernel_impl *impl = calloc(1, sizeof *impl);
  k->name = strdup(name);
  k->symbol = strdup(symbol);
  k->impl = impl;
  m->kernel_count++; // from here on freed with the module
  if (!impl || !k->name || !k->symbol)
    return gk_error_set(error, GK_OUT_OF_MEMORY, "module: out of memory");
  impl->function = function;
  impl->named.name = k->name;
  result = find_parameters(k, function, signature);
  if (result == CUDA_SUCCESS) result = find_attributes(k, function);
  k->most_added = d->most_shared - k->shared;
  if (result == CUDA_ERROR_NOT_SUPPORTED)
    return gk_error_set(error, GK_UNSUPPORTED, "module: %s has more than %d parameters", name,
                        GK_MAX_ARGUMENTS);
  return result == CUDA_SUCCESS ? GK_OK : gk_cuda_fail(d, NULL, result, "module", error);
}

// ---- modules

// An image that is given is all that the module has.
static gk_status take_image(gk_module *m, const gk_module_source *source, gk_error *error) {
  m->image = malloc(source->bytes + 1);
  if (!m->image) return gk_error_set(error, GK_OUT_OF_MEMORY, "module: out of memory");
  memcpy(m->image, source->text, source->bytes);
  m->image[source->bytes] = 0;
  m->image_bytes = source->bytes;
  snprintf(m->origin, sizeof m->origin, "from\tgiven\n");
  return GK_OK;
}

static gk_status compile(gk_module *m, const gk_module_source *source, gk_program *program,
                         gk_error *error) {
  gk_cuda_device *d = gk_cuda_of(m->device);
  gk_status status = gk_nvrtc_compile(d->major, d->minor, source, program, error);
  m->log = program->log;
  m->image = program->image;
  m->image_bytes = program->image_bytes;
  m->ptx = program->ptx;
  m->ptx_bytes = program->ptx_bytes;
  program->log = program->image = program->ptx = NULL; // the module's now
  snprintf(m->origin, sizeof m->origin, "from\t%s\narchitecture\t%s\nmilliseconds\t%.3f\n",
           program->from_disk ? "disk" : "compiler", program->architecture, program->milliseconds);
  return status;
}

static gk_status make(gk_module *m, const gk_module_source *source, gk_error *error) {
  gk_program program;
  memset(&program, 0, sizeof program);
  gk_status status =
      source->given ? take_image(m, source, error) : compile(m, source, &program, error);
  CUmodule module = NULL;
  if (status == GK_OK) status = load(m, &module, error);
  m->impl = module;
  if (status == GK_OK) {
    m->kernels = calloc(source->kernels + 1, sizeof *m->kernels);
    if (!m->kernels) status = gk_error_set(error, GK_OUT_OF_MEMORY, "module: out of memory");
  }
  for (uint32_t i = 0; i < source->kernels && status == GK_OK; i++) {
    const char *symbol = source->given ? source->kernel[i] : program.symbols[i];
    const char *signature = source->given ? symbol : program.signatures[i];
    status = find_kernel(m, module, source->kernel[i], symbol, signature, error);
  }
  gk_program_free(&program);
  return status;
}

// A message about a lost device names its kernels no more.
static void forget(gk_cuda_device *d, const gk_kernel *kernel) {
  gk_mutex_lock(&d->lock);
  for (gk_cuda_stream *q = d->streams; q; q = q->next)
    for (int i = 0; i < GK_RECENT; i++)
      if (atomic_load(&q->recent[i].kernel) == kernel) atomic_store(&q->recent[i].kernel, NULL);
  gk_mutex_unlock(&d->lock);
}

static void unmake(gk_module *m) {
  gk_error error;
  for (uint32_t i = 0; i < m->kernel_count; i++) {
    kernel_impl *impl = m->kernels[i].impl;
    if (impl) forget(gk_cuda_of(m->device), &impl->named);
    free(impl);
  }
  if (m->impl && gk_cuda_enter(gk_cuda_of(m->device), &error) == GK_OK)
    gk_cu.cuModuleUnload(m->impl);
}

static gk_status variable(gk_module *m, const char *name, void **memory, int64_t *bytes,
                          gk_error *error) {
  gk_cuda_device *d = gk_cuda_of(m->device);
  if (gk_cuda_enter(d, error) != GK_OK) return error->status;
  CUdeviceptr address = 0;
  size_t size = 0;
  CUresult result = gk_cu.cuModuleGetGlobal_v2(&address, &size, m->impl, name);
  if (result == CUDA_ERROR_NOT_FOUND)
    return gk_error_set(error, GK_ARGUMENT,
                        "variable: the module has no __constant__ or __device__ variable %.200s; "
                        "it must be one of no namespace, not static, and in use",
                        name);
  if (result != CUDA_SUCCESS) return gk_cuda_fail(d, NULL, result, "variable", error);
  *memory = (void *)(uintptr_t)address;
  *bytes = (int64_t)size;
  return GK_OK;
}

static gk_status occupancy(gk_module *m, const gk_module_kernel *k, uint32_t threads,
                           int64_t shared, double *values, gk_error *error) {
  gk_cuda_device *d = gk_cuda_of(m->device);
  const kernel_impl *impl = k->impl;
  if (gk_cuda_enter(d, error) != GK_OK) return error->status;
  int blocks = 0, most = 0, grid = 0, block = 0;
  CUresult result = gk_cu.cuDeviceGetAttribute(
      &most, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, d->handle);
  if (result == CUDA_SUCCESS)
    result = gk_cu.cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, impl->function,
                                                               (int)threads, (size_t)shared);
  if (result == CUDA_SUCCESS)
    result = gk_cu.cuOccupancyMaxPotentialBlockSize(&grid, &block, impl->function, NULL,
                                                    (size_t)shared, 0);
  if (result != CUDA_SUCCESS) return gk_cuda_fail(d, NULL, result, "occupancy", error);
  const double told[] = {blocks, (double)blocks * threads, most, block, grid};
  memcpy(values, told, sizeof told);
  return GK_OK;
}

static void limits(gk_device *device, uint32_t grid[3], uint32_t block[3]) {
  const gk_cuda_device *d = gk_cuda_of(device);
  memcpy(grid, d->most_grid, sizeof d->most_grid);
  memcpy(block, d->most_block, sizeof d->most_block);
}

const struct gk_module_api gk_cuda_modules = {
    .make = make,
    .unmake = unmake,
    .variable = variable,
    .occupancy = occupancy,
    .limits = limits,
};

// ---- launching

gk_status gk_cuda_launch_users(const gk_cuda_run *run) {
  const gk_launch *l = run->call->launch;
  kernel_impl *impl = l->kernel->impl;
  CUresult result = CUDA_SUCCESS;
  if (l->shared > SHARED_UNASKED && (int)l->shared > atomic_load(&impl->added)) {
    result = gk_cu.cuFuncSetAttribute(
        impl->function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, (int)l->shared);
    if (result == CUDA_SUCCESS) atomic_store(&impl->added, (int)l->shared);
  }
  void *parameters[GK_MAX_ARGUMENTS];
  CUdeviceptr pointers[GK_MAX_ARGUMENTS];
  for (int i = 0; i < l->count; i++) {
    const gk_argument *a = &l->arguments[i];
    parameters[i] = (void *)(uintptr_t)&a->value;
    if (a->bytes) parameters[i] = (void *)(uintptr_t)a->bytes;
    if (!a->storage) continue;
    char *data = gk_storage_data(a->storage);
    pointers[i] = data ? (CUdeviceptr)(uintptr_t)(data + a->offset) : 0;
    parameters[i] = &pointers[i];
  }
  gk_cuda_note_launch(run, &impl->named);
  if (result == CUDA_SUCCESS)
    result =
        gk_cu.cuLaunchKernel(impl->function, l->grid[0], l->grid[1], l->grid[2], l->block[0],
                             l->block[1], l->block[2], l->shared, run->queue, parameters, NULL);
  if (result == CUDA_SUCCESS) return GK_OK;
  if (result == CUDA_ERROR_NOT_SUPPORTED)
    return gk_error_set(run->error, GK_UNSUPPORTED, "launch: %s cannot run %s: %s (%d)",
                        run->device->base->name, l->kernel->name, gk_cuda_result_name(result),
                        result);
  return gk_cuda_fail(run->device, run->stream, result, l->kernel->name, run->error);
}
