// What module.c is to have: delete this file with that.
#include "state.h"

CUresult cuModuleUnload(CUmodule module) {
  return module ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes, CUmodule module,
                              const char *name) {
  (void)address, (void)bytes, (void)module, (void)name;
  return CUDA_ERROR_NOT_FOUND;
}
CUresult cuFuncGetAttribute(int *value, int attribute, CUfunction function) {
  (void)value, (void)attribute, (void)function;
  return CUDA_ERROR_NOT_SUPPORTED;
}
CUresult cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset, size_t *bytes) {
  (void)function, (void)index, (void)offset, (void)bytes;
  return CUDA_ERROR_NOT_SUPPORTED;
}
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction function, int threads,
                                                     size_t shared) {
  (void)blocks, (void)function, (void)threads, (void)shared;
  return CUDA_ERROR_NOT_SUPPORTED;
}
CUresult cuOccupancyMaxPotentialBlockSize(int *blocks, int *threads, CUfunction function,
                                          CUoccupancyB2DSize of, size_t shared, int limit) {
  (void)blocks, (void)threads, (void)function, (void)of, (void)shared, (void)limit;
  return CUDA_ERROR_NOT_SUPPORTED;
}
