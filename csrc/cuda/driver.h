// The CUDA driver API, as far as gpukit uses it: types, constants and one table of functions, found by
// name in libcuda.so.1 or nvcuda.dll. No header and no library of a CUDA toolkit is needed; values and
// layouts are those of cuda.h 13.5, which scripts/kernels.mjs compares this file with.
#ifndef GK_CUDA_DRIVER_H
#define GK_CUDA_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && !defined(_WIN64)
#define CUDAAPI __stdcall
#else
#define CUDAAPI
#endif

typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUkern_st *CUkernel;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef struct CUgraph_st *CUgraph;
typedef struct CUgraphNode_st *CUgraphNode;
typedef struct CUgraphExec_st *CUgraphExec;
typedef struct CUmemPoolHandle_st *CUmemoryPool;
typedef void(CUDAAPI *CUhostFn)(void *userData);
typedef size_t(CUDAAPI *CUoccupancyB2DSize)(int blockSize);

typedef struct CUuuid {
  char bytes[16];
} CUuuid;

typedef struct CUmemLocation {
  int type;
  int id;
} CUmemLocation;

typedef struct CUmemAccessDesc {
  CUmemLocation location;
  int flags;
} CUmemAccessDesc;

typedef struct CUmemPoolProps {
  int allocType;
  int handleTypes;
  CUmemLocation location;
  void *win32SecurityAttributes;
  size_t maxSize;
  unsigned short usage;
  unsigned char gpuDirectRDMACapable;
  unsigned char reserved[53];
} CUmemPoolProps;

typedef struct CUDA_KERNEL_NODE_PARAMS {
  CUfunction func;
  unsigned int gridDimX, gridDimY, gridDimZ;
  unsigned int blockDimX, blockDimY, blockDimZ;
  unsigned int sharedMemBytes;
  void **kernelParams;
  void **extra;
  CUkernel kern;
  CUcontext ctx;
} CUDA_KERNEL_NODE_PARAMS;

// The results that gpukit tells apart; all others are only named.
#define GK_CUDA_RESULTS(RESULT)                                                                    \
  RESULT(CUDA_SUCCESS, 0)                                                                          \
  RESULT(CUDA_ERROR_INVALID_VALUE, 1)                                                              \
  RESULT(CUDA_ERROR_OUT_OF_MEMORY, 2)                                                              \
  RESULT(CUDA_ERROR_NOT_INITIALIZED, 3)                                                            \
  RESULT(CUDA_ERROR_DEINITIALIZED, 4)                                                              \
  RESULT(CUDA_ERROR_STUB_LIBRARY, 34)                                                              \
  RESULT(CUDA_ERROR_DEVICE_UNAVAILABLE, 46)                                                        \
  RESULT(CUDA_ERROR_NO_DEVICE, 100)                                                                \
  RESULT(CUDA_ERROR_INVALID_DEVICE, 101)                                                           \
  RESULT(CUDA_ERROR_INVALID_IMAGE, 200)                                                            \
  RESULT(CUDA_ERROR_INVALID_CONTEXT, 201)                                                          \
  RESULT(CUDA_ERROR_NO_BINARY_FOR_GPU, 209)                                                        \
  RESULT(CUDA_ERROR_ECC_UNCORRECTABLE, 214)                                                        \
  RESULT(CUDA_ERROR_PEER_ACCESS_UNSUPPORTED, 217)                                                  \
  RESULT(CUDA_ERROR_INVALID_PTX, 218)                                                              \
  RESULT(CUDA_ERROR_NVLINK_UNCORRECTABLE, 220)                                                     \
  RESULT(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, 222)                                                  \
  RESULT(CUDA_ERROR_CONTAINED, 226)                                                                \
  RESULT(CUDA_ERROR_INVALID_HANDLE, 400)                                                           \
  RESULT(CUDA_ERROR_NOT_FOUND, 500)                                                                \
  RESULT(CUDA_ERROR_NOT_READY, 600)                                                                \
  RESULT(CUDA_ERROR_ILLEGAL_ADDRESS, 700)                                                          \
  RESULT(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, 701)                                                  \
  RESULT(CUDA_ERROR_LAUNCH_TIMEOUT, 702)                                                           \
  RESULT(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, 704)                                              \
  RESULT(CUDA_ERROR_PEER_ACCESS_NOT_ENABLED, 705)                                                  \
  RESULT(CUDA_ERROR_CONTEXT_IS_DESTROYED, 709)                                                     \
  RESULT(CUDA_ERROR_ASSERT, 710)                                                                   \
  RESULT(CUDA_ERROR_TOO_MANY_PEERS, 711)                                                           \
  RESULT(CUDA_ERROR_HARDWARE_STACK_ERROR, 714)                                                     \
  RESULT(CUDA_ERROR_ILLEGAL_INSTRUCTION, 715)                                                      \
  RESULT(CUDA_ERROR_MISALIGNED_ADDRESS, 716)                                                       \
  RESULT(CUDA_ERROR_INVALID_ADDRESS_SPACE, 717)                                                    \
  RESULT(CUDA_ERROR_INVALID_PC, 718)                                                               \
  RESULT(CUDA_ERROR_LAUNCH_FAILED, 719)                                                            \
  RESULT(CUDA_ERROR_TENSOR_MEMORY_LEAK, 721)                                                       \
  RESULT(CUDA_ERROR_NOT_PERMITTED, 800)                                                            \
  RESULT(CUDA_ERROR_NOT_SUPPORTED, 801)                                                            \
  RESULT(CUDA_ERROR_SYSTEM_NOT_READY, 802)                                                         \
  RESULT(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 803)                                                   \
  RESULT(CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE, 804)                                           \
  RESULT(CUDA_ERROR_MPS_CONNECTION_FAILED, 805)                                                    \
  RESULT(CUDA_ERROR_MPS_RPC_FAILURE, 806)                                                          \
  RESULT(CUDA_ERROR_MPS_SERVER_NOT_READY, 807)                                                     \
  RESULT(CUDA_ERROR_MPS_MAX_CLIENTS_REACHED, 808)                                                  \
  RESULT(CUDA_ERROR_MPS_MAX_CONNECTIONS_REACHED, 809)                                              \
  RESULT(CUDA_ERROR_MPS_CLIENT_TERMINATED, 810)                                                    \
  RESULT(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, 900)                                               \
  RESULT(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, 901)                                               \
  RESULT(CUDA_ERROR_EXTERNAL_DEVICE, 911)                                                          \
  RESULT(CUDA_ERROR_UNKNOWN, 999)

#define GK_CUDA_CONSTANTS(CONSTANT)                                                                \
  CONSTANT(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1)                                           \
  CONSTANT(CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 2)                                                 \
  CONSTANT(CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 5)                                                  \
  CONSTANT(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 16)                                           \
  CONSTANT(CU_DEVICE_ATTRIBUTE_INTEGRATED, 18)                                                     \
  CONSTANT(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 38)                                                  \
  CONSTANT(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 39)                                 \
  CONSTANT(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 75)                                       \
  CONSTANT(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 76)                                       \
  CONSTANT(CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, 95)                                             \
  CONSTANT(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 97)                              \
  CONSTANT(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, 115)                                        \
  CONSTANT(CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH, 120)                                                \
  CONSTANT(CU_DEVICE_ATTRIBUTE_MPS_ENABLED, 133)                                                   \
  CONSTANT(CU_STREAM_NON_BLOCKING, 1)                                                              \
  CONSTANT(CU_STREAM_CAPTURE_MODE_RELAXED, 2)                                                      \
  CONSTANT(CU_STREAM_CAPTURE_STATUS_NONE, 0)                                                       \
  CONSTANT(CU_EVENT_DEFAULT, 0)                                                                    \
  CONSTANT(CU_EVENT_DISABLE_TIMING, 2)                                                             \
  CONSTANT(CU_MEMHOSTALLOC_PORTABLE, 1)                                                            \
  CONSTANT(CU_MEMHOSTALLOC_DEVICEMAP, 2)                                                           \
  CONSTANT(CU_MEMHOSTREGISTER_PORTABLE, 1)                                                         \
  CONSTANT(CU_MEM_ALLOCATION_TYPE_PINNED, 1)                                                       \
  CONSTANT(CU_MEM_LOCATION_TYPE_DEVICE, 1)                                                         \
  CONSTANT(CU_MEM_ACCESS_FLAGS_PROT_NONE, 0)                                                       \
  CONSTANT(CU_MEM_ACCESS_FLAGS_PROT_READWRITE, 3)                                                  \
  CONSTANT(CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, 4)                                                   \
  CONSTANT(CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, 5)                                                \
  CONSTANT(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 0)                                             \
  CONSTANT(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, 1)                                                 \
  CONSTANT(CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES, 2)                                                  \
  CONSTANT(CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, 3)                                                  \
  CONSTANT(CU_FUNC_ATTRIBUTE_NUM_REGS, 4)                                                          \
  CONSTANT(CU_FUNC_ATTRIBUTE_PTX_VERSION, 5)                                                       \
  CONSTANT(CU_FUNC_ATTRIBUTE_BINARY_VERSION, 6)                                                    \
  CONSTANT(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 8)

enum {
#define RESULT(name, value) name = value,
  GK_CUDA_RESULTS(RESULT)
#undef RESULT
#define CONSTANT(name, value) name = value,
      GK_CUDA_CONSTANTS(CONSTANT)
#undef CONSTANT
};

// The oldest driver that loads the embedded kernels: cubins of nvcc 13 need one of CUDA 13.
#define GK_CUDA_DRIVER_VERSION 13000

// NEEDED(since, name, parameters): without it the device cannot be used. OPTIONAL: its user copes.
// `since` is the version of the driver in which the symbol of that name first was.
#define GK_CUDA_FUNCTIONS(NEEDED, OPTIONAL)                                                        \
  NEEDED(2000, cuInit, (unsigned int flags))                                                       \
  NEEDED(2020, cuDriverGetVersion, (int *version))                                                 \
  NEEDED(6000, cuGetErrorName, (CUresult result, const char **name))                               \
  NEEDED(2000, cuDeviceGetCount, (int *count))                                                     \
  NEEDED(2000, cuDeviceGet, (CUdevice * device, int ordinal))                                      \
  NEEDED(2000, cuDeviceGetName, (char *name, int bytes, CUdevice device))                          \
  NEEDED(2000, cuDeviceGetAttribute, (int *value, int attribute, CUdevice device))                 \
  NEEDED(3020, cuDeviceTotalMem_v2, (size_t *bytes, CUdevice device))                              \
  OPTIONAL(11040, cuDeviceGetUuid_v2, (CUuuid * uuid, CUdevice device))                            \
  NEEDED(4000, cuDeviceCanAccessPeer, (int *can, CUdevice device, CUdevice peer))                  \
  NEEDED(7000, cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device))                   \
  NEEDED(11000, cuDevicePrimaryCtxRelease_v2, (CUdevice device))                                   \
  NEEDED(4000, cuCtxSetCurrent, (CUcontext context))                                               \
  NEEDED(4000, cuCtxEnablePeerAccess, (CUcontext peer, unsigned int flags))                        \
  NEEDED(4000, cuCtxDisablePeerAccess, (CUcontext peer))                                           \
  NEEDED(5050, cuCtxGetStreamPriorityRange, (int *least, int *greatest))                           \
  NEEDED(3020, cuMemGetInfo_v2, (size_t *free, size_t *total))                                     \
  NEEDED(2020, cuMemHostAlloc, (void **host, size_t bytes, unsigned int flags))                    \
  NEEDED(2000, cuMemFreeHost, (void *host))                                                        \
  NEEDED(3020, cuMemHostGetDevicePointer_v2,                                                       \
         (CUdeviceptr * device, void *host, unsigned int flags))                                   \
  NEEDED(6050, cuMemHostRegister_v2, (void *host, size_t bytes, unsigned int flags))               \
  NEEDED(4000, cuMemHostUnregister, (void *host))                                                  \
  NEEDED(11020, cuMemPoolCreate, (CUmemoryPool * pool, const CUmemPoolProps *properties))          \
  NEEDED(11020, cuMemPoolSetAttribute, (CUmemoryPool pool, int attribute, void *value))            \
  NEEDED(11020, cuMemPoolGetAttribute, (CUmemoryPool pool, int attribute, void *value))            \
  NEEDED(11020, cuMemPoolTrimTo, (CUmemoryPool pool, size_t keep))                                 \
  NEEDED(11020, cuMemPoolSetAccess,                                                                \
         (CUmemoryPool pool, const CUmemAccessDesc *access, size_t count))                         \
  NEEDED(11020, cuMemAllocFromPoolAsync,                                                           \
         (CUdeviceptr * memory, size_t bytes, CUmemoryPool pool, CUstream stream))                 \
  NEEDED(11020, cuMemFreeAsync, (CUdeviceptr memory, CUstream stream))                             \
  NEEDED(3020, cuMemcpyHtoDAsync_v2,                                                               \
         (CUdeviceptr to, const void *from, size_t bytes, CUstream stream))                        \
  NEEDED(3020, cuMemcpyDtoHAsync_v2, (void *to, CUdeviceptr from, size_t bytes, CUstream stream))  \
  NEEDED(3020, cuMemcpyDtoDAsync_v2,                                                               \
         (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream))                        \
  NEEDED(4000, cuMemcpyPeerAsync,                                                                  \
         (CUdeviceptr to, CUcontext toContext, CUdeviceptr from, CUcontext fromContext,            \
          size_t bytes, CUstream stream))                                                          \
  NEEDED(3020, cuMemsetD8Async,                                                                    \
         (CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream))                     \
  NEEDED(5050, cuStreamCreateWithPriority, (CUstream * stream, unsigned int flags, int priority))  \
  NEEDED(4000, cuStreamDestroy_v2, (CUstream stream))                                              \
  NEEDED(2000, cuStreamSynchronize, (CUstream stream))                                             \
  NEEDED(2000, cuStreamQuery, (CUstream stream))                                                   \
  NEEDED(3020, cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned int flags))            \
  NEEDED(10000, cuLaunchHostFunc, (CUstream stream, CUhostFn function, void *value))               \
  NEEDED(2000, cuEventCreate, (CUevent * event, unsigned int flags))                               \
  NEEDED(4000, cuEventDestroy_v2, (CUevent event))                                                 \
  NEEDED(2000, cuEventRecord, (CUevent event, CUstream stream))                                    \
  NEEDED(2000, cuEventQuery, (CUevent event))                                                      \
  NEEDED(2000, cuEventSynchronize, (CUevent event))                                                \
  NEEDED(2000, cuEventElapsedTime, (float *milliseconds, CUevent start, CUevent end))              \
  NEEDED(2000, cuModuleLoadData, (CUmodule * module, const void *image))                           \
  NEEDED(2000, cuModuleGetFunction, (CUfunction * function, CUmodule module, const char *name))    \
  NEEDED(2000, cuModuleUnload, (CUmodule module))                                                  \
  NEEDED(3020, cuModuleGetGlobal_v2,                                                               \
         (CUdeviceptr * address, size_t *bytes, CUmodule module, const char *name))                \
  NEEDED(9000, cuFuncSetAttribute, (CUfunction function, int attribute, int value))                \
  NEEDED(2020, cuFuncGetAttribute, (int *value, int attribute, CUfunction function))               \
  NEEDED(12040, cuFuncGetParamInfo,                                                                \
         (CUfunction function, size_t index, size_t *offset, size_t *bytes))                       \
  NEEDED(6050, cuOccupancyMaxActiveBlocksPerMultiprocessor,                                        \
         (int *blocks, CUfunction function, int blockSize, size_t sharedBytes))                    \
  NEEDED(6050, cuOccupancyMaxPotentialBlockSize,                                                   \
         (int *gridSize, int *blockSize, CUfunction function, CUoccupancyB2DSize sharedOf,         \
          size_t sharedBytes, int blockSizeLimit))                                                 \
  NEEDED(4000, cuLaunchKernel,                                                                     \
         (CUfunction function, unsigned int gridX, unsigned int gridY, unsigned int gridZ,         \
          unsigned int blockX, unsigned int blockY, unsigned int blockZ, unsigned int sharedBytes, \
          CUstream stream, void **parameters, void **extra))                                       \
  NEEDED(10010, cuStreamBeginCapture_v2, (CUstream stream, int mode))                              \
  NEEDED(10000, cuStreamEndCapture, (CUstream stream, CUgraph * graph))                            \
  NEEDED(12030, cuStreamGetCaptureInfo_v3,                                                         \
         (CUstream stream, int *status, uint64_t *id, CUgraph *graph,                              \
          const CUgraphNode **dependencies, const void **edges, size_t *count))                    \
  NEEDED(11040, cuGraphInstantiateWithFlags,                                                       \
         (CUgraphExec * executable, CUgraph graph, unsigned long long flags))                      \
  NEEDED(10000, cuGraphLaunch, (CUgraphExec executable, CUstream stream))                          \
  NEEDED(12000, cuGraphExecKernelNodeSetParams_v2,                                                 \
         (CUgraphExec executable, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *parameters))    \
  NEEDED(10000, cuGraphDestroy, (CUgraph graph))                                                   \
  NEEDED(10000, cuGraphExecDestroy, (CUgraphExec executable))                                      \
  OPTIONAL(12040, cuGreenCtxCreate,                                                                \
           (void **context, void *description, CUdevice device, unsigned int flags))

typedef struct gk_cuda_driver {
#define FUNCTION(since, name, parameters) CUresult(CUDAAPI *name) parameters;
  GK_CUDA_FUNCTIONS(FUNCTION, FUNCTION)
#undef FUNCTION
} gk_cuda_driver;

// The table, filled by gk_cuda_driver_open.
extern gk_cuda_driver gk_cu;
// The driver's version, 13000 for 13.0; 0 where none was found.
extern int gk_cuda_driver_version;

// Opens the driver (GPUKIT_LIBCUDA, else the system's) and fills the table, once; false with the
// reason in `why`.
bool gk_cuda_driver_open(char *why, size_t bytes);

// A library by name or path, and a symbol in it; NULL where there is none.
void *gk_library_open(const char *path);
void *gk_library_find(void *library, const char *name);

#endif
