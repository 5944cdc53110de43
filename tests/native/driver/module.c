// Modules, kernels and launches. Kernels of the product's own images are those of the stand-in's library,
// which is compiled from the same sources and has the same names; image.c knows those of other images.
#include <stdlib.h>
#include <string.h>

#include "state.h"

#define DEFAULT_SHARED (48 * 1024)
// What every kernel is said to take: the stand-in has none.
#define REGISTERS 32

typedef struct module {
  object o;
  image image;
} module;

typedef struct function {
  object o;
  module *module;
  const standin_kernel *kernel;
  uint32_t shared; // static
  uint32_t max_shared; // dynamic
} function;

// ---- modules

CUresult cuModuleLoadData(CUmodule *made, const void *from) {
  ENTER(cuModuleLoadData, NEEDS_CONTEXT);
  if (made == NULL || from == NULL) return CUDA_ERROR_INVALID_VALUE;
  const CUresult forbidden = capture_forbid_here();
  if (forbidden != CUDA_SUCCESS) return forbidden;
  image i;
  CUresult result = image_open(&i, from);
  module *m = NULL;
  if (result == CUDA_SUCCESS) {
    m = object_new(KIND_MODULE, sizeof *m, here);
    result = m == NULL ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
  }
  for (uint32_t n = 0; n < i.count && result == CUDA_SUCCESS; n++) {
    const symbol *s = &i.symbols[n];
    if (s->kernel != NULL || memory_holding(s->address, 1) != NULL) continue;
    if (memory_adopt(MEMORY_VARIABLE, s->address, s->bytes, here) == NULL) {
      result = CUDA_ERROR_OUT_OF_MEMORY;
    }
  }
  if (m != NULL) m->image = i;
  if (result == CUDA_SUCCESS) {
    *made = m->o.handle;
    return CUDA_SUCCESS;
  }
  if (m == NULL) {
    image_close(&i);
  } else {
    module_close(&m->o);
    object_forget(&m->o);
    free(m);
  }
  return result;
}

void module_close(object *o) {
  module *m = (module *)o;
  for (uint32_t n = 0; n < m->image.count; n++) {
    const symbol *s = &m->image.symbols[n];
    memory *variable = s->kernel != NULL ? NULL : memory_holding(s->address, 1);
    if (variable == NULL || variable->kind != MEMORY_VARIABLE) continue;
    memory_settle(variable);
    memory_close(variable);
  }
  image_close(&m->image);
}

// A launch under way keeps its kernel: the library of an image stays loaded.
CUresult cuModuleUnload(CUmodule handle) {
  ENTER_RELEASE(cuModuleUnload, NEEDS_CONTEXT);
  module *m = object_find(handle, KIND_MODULE);
  if (m == NULL) return CUDA_ERROR_INVALID_HANDLE;
  const CUresult forbidden = capture_forbid_here();
  if (forbidden != CUDA_SUCCESS) return forbidden;
  function *f;
  for (uint32_t at = 0; (f = object_next(KIND_FUNCTION, &at)) != NULL;) {
    if (f->module != m) continue;
    object_forget(&f->o);
    free(f);
  }
  object_forget(&m->o);
  module_close(&m->o);
  free(m);
  return failure;
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes, CUmodule handle,
                              const char *name) {
  ENTER(cuModuleGetGlobal_v2, NEEDS_CONTEXT);
  const module *m = object_find(handle, KIND_MODULE);
  if (m == NULL) return CUDA_ERROR_INVALID_HANDLE;
  if (name == NULL) return CUDA_ERROR_INVALID_VALUE;
  const symbol *found = image_find(&m->image, name);
  if (found == NULL || found->kernel != NULL) return CUDA_ERROR_NOT_FOUND;
  if (address != NULL) *address = found->address;
  if (bytes != NULL) *bytes = found->bytes;
  return CUDA_SUCCESS;
}

// ---- functions

static const standin_kernel *find_kernel(const module *m, const char *name, uint32_t *shared) {
  *shared = 0;
  if (m->image.built_in) return standin_kernel_find(name);
  const symbol *found = image_find(&m->image, name);
  if (found == NULL) return NULL;
  *shared = found->shared_bytes;
  return found->kernel;
}

CUresult cuModuleGetFunction(CUfunction *found, CUmodule handle, const char *name) {
  ENTER(cuModuleGetFunction, NEEDS_CONTEXT);
  module *m = object_find(handle, KIND_MODULE);
  if (m == NULL) return CUDA_ERROR_INVALID_HANDLE;
  if (found == NULL || name == NULL) return CUDA_ERROR_INVALID_VALUE;
  uint32_t shared;
  const standin_kernel *kernel = find_kernel(m, name, &shared);
  if (kernel == NULL) return CUDA_ERROR_NOT_FOUND;
  function *f;
  for (uint32_t at = 0; (f = object_next(KIND_FUNCTION, &at)) != NULL;) {
    if (f->module == m && f->kernel == kernel) break;
  }
  if (f == NULL) {
    f = object_new(KIND_FUNCTION, sizeof *f, m->o.context);
    if (f == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
    f->module = m;
    f->kernel = kernel;
    f->shared = shared;
    f->max_shared = shared < DEFAULT_SHARED ? DEFAULT_SHARED - shared : 0;
  }
  *found = f->o.handle;
  return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction handle, int attribute, int value) {
  ENTER(cuFuncSetAttribute, NEEDS_CONTEXT);
  function *f = object_find(handle, KIND_FUNCTION);
  if (f == NULL) return CUDA_ERROR_INVALID_HANDLE;
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value < 0 ||
      (uint32_t)value > STANDIN_MAX_SHARED - f->shared) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  f->max_shared = (uint32_t)value;
  return CUDA_SUCCESS;
}

CUresult cuFuncGetAttribute(int *value, int attribute, CUfunction handle) {
  ENTER(cuFuncGetAttribute, NEEDS_CONTEXT);
  const function *f = object_find(handle, KIND_FUNCTION);
  if (f == NULL) return CUDA_ERROR_INVALID_HANDLE;
  const settings *s = driver_settings();
  const uint32_t arch =
      f->module->image.built_in ? (uint32_t)(s->major * 10 + s->minor) : f->module->image.arch;
  const uint32_t values[] = {
      [CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK] = f->kernel->max_threads,
      [CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES] = f->shared,
      [CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES] = f->module->image.constant_bytes,
      [CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES] = 0,
      [CU_FUNC_ATTRIBUTE_NUM_REGS] = REGISTERS,
      [CU_FUNC_ATTRIBUTE_PTX_VERSION] = arch,
      [CU_FUNC_ATTRIBUTE_BINARY_VERSION] = arch,
      [7] = 0, // CACHE_MODE_CA
      [CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES] = f->max_shared,
  };
  if (value == NULL || attribute < 0 || attribute >= (int)(sizeof values / sizeof *values)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  *value = (int)values[attribute];
  return CUDA_SUCCESS;
}

CUresult cuFuncGetParamInfo(CUfunction handle, size_t index, size_t *offset, size_t *bytes) {
  ENTER(cuFuncGetParamInfo, NEEDS_CONTEXT);
  const function *f = object_find(handle, KIND_FUNCTION);
  if (f == NULL) return CUDA_ERROR_INVALID_HANDLE;
  if (offset == NULL || index >= f->kernel->parameters) return CUDA_ERROR_INVALID_VALUE;
  *offset = f->kernel->offsets[index];
  if (bytes != NULL) *bytes = f->kernel->sizes[index];
  return CUDA_SUCCESS;
}

// ---- how many fit

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

// Blocks on a multiprocessor: by threads, registers, and shared memory, of which each block takes 1 KB more.
static uint32_t resident(const function *f, uint32_t threads, size_t dynamic) {
  if (threads > f->kernel->max_threads || dynamic > f->max_shared) return 0;
  const uint32_t warps = (threads + 31) / 32;
  const uint32_t shared = f->shared + (uint32_t)dynamic + 1024;
  const uint32_t by_registers = STANDIN_REGISTERS_OF_PROCESSOR / (warps * 32 * REGISTERS);
  return least(least(STANDIN_THREADS_OF_PROCESSOR / (warps * 32), by_registers),
               least(STANDIN_BLOCKS_OF_PROCESSOR, STANDIN_SHARED_OF_PROCESSOR / shared));
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction handle, int threads,
                                                     size_t dynamic) {
  ENTER(cuOccupancyMaxActiveBlocksPerMultiprocessor, NEEDS_CONTEXT);
  const function *f = object_find(handle, KIND_FUNCTION);
  if (f == NULL) return CUDA_ERROR_INVALID_HANDLE;
  if (blocks == NULL || threads <= 0) return CUDA_ERROR_INVALID_VALUE;
  *blocks = (int)resident(f, (uint32_t)threads, dynamic);
  return CUDA_SUCCESS;
}

CUresult cuOccupancyMaxPotentialBlockSize(int *grid, int *block, CUfunction handle,
                                          CUoccupancyB2DSize shared_of, size_t dynamic, int limit) {
  ENTER(cuOccupancyMaxPotentialBlockSize, NEEDS_CONTEXT);
  const function *f = object_find(handle, KIND_FUNCTION);
  if (f == NULL) return CUDA_ERROR_INVALID_HANDLE;
  if (grid == NULL || block == NULL) return CUDA_ERROR_INVALID_VALUE;
  const uint32_t most = least(f->kernel->max_threads, limit > 0 ? (uint32_t)limit : UINT32_MAX);
  uint32_t best = 0;
  for (uint32_t threads = (most + 31) / 32 * 32; threads > 0; threads -= 32) {
    const uint32_t size = least(threads, most);
    const size_t shared = shared_of == NULL ? dynamic : shared_of((int)size);
    const uint32_t blocks = resident(f, size, shared);
    if (blocks * size <= best) continue;
    best = blocks * size;
    *block = (int)size;
    *grid = (int)blocks * STANDIN_PROCESSORS;
  }
  return best > 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// ---- launches

static bool within(standin_size size, uint32_t x, uint32_t y, uint32_t z) {
  return size.x > 0 && size.y > 0 && size.z > 0 && size.x <= x && size.y <= y && size.z <= z;
}

// The parameters lie in the work's own bytes: first a pointer to each, then they.
static work *copy_launch(const function *f, standin_size grid, standin_size block, uint32_t shared,
                         void **parameters) {
  const standin_kernel *kernel = f->kernel;
  const size_t first = (kernel->parameters * sizeof(void *) + 15) & ~(size_t)15;
  size_t bytes = first;
  for (uint32_t i = 0; i < kernel->parameters; i++) bytes += (kernel->sizes[i] + 15u) & ~15u;
  work *w = work_new(WORK_LAUNCH, bytes);
  if (w == NULL) return NULL;
  void **pointers = (void **)w->bytes;
  size_t at = first;
  for (uint32_t i = 0; i < kernel->parameters; i++) {
    pointers[i] = memcpy(w->bytes + at, parameters[i], kernel->sizes[i]);
    at += (kernel->sizes[i] + 15u) & ~15u;
  }
  w->launch = (standin_launch){.kernel = kernel,
                               .grid = grid,
                               .block = block,
                               .shared_bytes = shared,
                               .parameters = pointers};
  return w;
}

CUresult launch_work(CUfunction handle, const context *c, standin_size grid, standin_size block,
                     uint32_t shared, void **parameters, work **made) {
  const function *f = object_find(handle, KIND_FUNCTION);
  if (f == NULL || f->o.context != c) return CUDA_ERROR_INVALID_HANDLE;
  if (!within(grid, INT32_MAX, 65535, 65535) ||
      !within(block, STANDIN_MAX_THREADS, STANDIN_MAX_THREADS, 64) ||
      block.x * block.y * block.z > STANDIN_MAX_THREADS || shared > f->max_shared) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (block.x * block.y * block.z > f->kernel->max_threads) {
    return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  }
  if (f->kernel->run == NULL) return CUDA_ERROR_NOT_SUPPORTED; // of a real cubin
  for (uint32_t i = 0; i < f->kernel->parameters; i++) {
    if (parameters == NULL || parameters[i] == NULL) return CUDA_ERROR_INVALID_VALUE;
  }
  *made = copy_launch(f, grid, block, shared, parameters);
  return *made == NULL ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}

CUresult cuLaunchKernel(CUfunction handle, unsigned int grid_x, unsigned int grid_y,
                        unsigned int grid_z, unsigned int block_x, unsigned int block_y,
                        unsigned int block_z, unsigned int shared, CUstream queue,
                        void **parameters, void **extra) {
  ENTER(cuLaunchKernel, NEEDS_CONTEXT);
  stream *s;
  const CUresult bad = stream_here(queue, here, &s);
  if (bad != CUDA_SUCCESS) return bad;
  // Parameters in one block of bytes are not known here.
  if (extra != NULL) return CUDA_ERROR_NOT_SUPPORTED;
  work *w;
  const CUresult result =
      launch_work(handle, s->o.context, (standin_size){grid_x, grid_y, grid_z},
                  (standin_size){block_x, block_y, block_z}, shared, parameters, &w);
  return result != CUDA_SUCCESS ? result : stream_submit(s, w);
}
