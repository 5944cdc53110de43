// Modules and kernels. Whatever image is loaded, the kernels are those of the stand-in's own library,
// which is compiled from the same sources and has the same names.
#include <stdlib.h>
#include <string.h>

#include "state.h"

#define REFUSED "standin: refuse"
#define DEFAULT_SHARED (48 * 1024)

typedef struct module {
  object o;
} module;

typedef struct function {
  object o;
  module *module;
  const standin_kernel *kernel;
  uint32_t max_shared;
} function;

CUresult cuModuleLoadData(CUmodule *made, const void *image) {
  ENTER(cuModuleLoadData, NEEDS_CONTEXT);
  if (made == NULL || image == NULL) return CUDA_ERROR_INVALID_VALUE;
  const CUresult forbidden = capture_forbid_here();
  if (forbidden != CUDA_SUCCESS) return forbidden;
  if (strncmp(image, REFUSED, strlen(REFUSED)) == 0) return CUDA_ERROR_INVALID_IMAGE;
  module *m = object_new(KIND_MODULE, sizeof *m, here);
  if (m == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  *made = m->o.handle;
  return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction *found, CUmodule handle, const char *name) {
  ENTER(cuModuleGetFunction, NEEDS_CONTEXT);
  module *m = object_find(handle, KIND_MODULE);
  if (m == NULL) return CUDA_ERROR_INVALID_HANDLE;
  if (found == NULL || name == NULL) return CUDA_ERROR_INVALID_VALUE;
  const standin_kernel *kernel = standin_kernel_find(name);
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
    f->max_shared = DEFAULT_SHARED;
  }
  *found = f->o.handle;
  return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction handle, int attribute, int value) {
  ENTER(cuFuncSetAttribute, NEEDS_CONTEXT);
  function *f = object_find(handle, KIND_FUNCTION);
  if (f == NULL) return CUDA_ERROR_INVALID_HANDLE;
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value < 0 ||
      value > STANDIN_MAX_SHARED) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  f->max_shared = (uint32_t)value;
  return CUDA_SUCCESS;
}

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
