// The stand-in driver: a libcuda.so without a GPU. Kernels of csrc/kernels/ are compiled as plain C++
// (shim.h) into libstandin_kernels.so, which lies beside it, and run on the CPU (grid.c). This is what
// its parts, and the tests that link them, share; functions of the driver API are in
// csrc/cuda/driver.h. C and C++.
//
// Settings, read from the environment once:
//   STANDIN_ORDER=forward|reverse|random   in which order the threads of a block run (forward)
//   STANDIN_SEED=n                         of the random order (1)
//   STANDIN_WATCHDOG_MS=n                  processor time that a launch may take (60000); 0: any
//   STANDIN_EMPTY=1                        kernels are not run: launches cost their submission only
//   STANDIN_KERNELS=path                   another library of kernels
#ifndef STANDIN_H
#define STANDIN_H

#ifndef STANDIN_USER // nvrtc/user_shim.h brings these types under other names
#include <stddef.h>
#include <stdint.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define STANDIN_API __attribute__((visibility("default")))

// ---- kernels

// A kernel as its library has it, under the symbol standin_kernel_<name>.
typedef struct standin_kernel {
  const char *name;
  // Runs CUDA threads one after another, as the grid hands them out, each with these parameters.
  void (*run)(void *const *parameters);
  const uint32_t *sizes; // bytes of each parameter
  uint32_t parameters;
  uint32_t max_threads; // of a block
  uint32_t checked; // 1: compiled with the calls that checker.c answers
  const uint32_t *offsets; // of each parameter, from the first
} standin_kernel;

// A kernel or a variable of a library that the NVRTC twin made, in its table standin_entries. The image
// around the library has their lowered names, in the same order.
typedef struct standin_entry {
  standin_kernel kernel; // run is NULL for a variable
  const volatile void *address;
  size_t bytes; // of a variable
  uint32_t constant; // 1: a variable in constant memory
} standin_entry;

// NULL where the library of kernels, or the kernel in it, is missing; standin_report() says which.
const standin_kernel *standin_kernel_find(const char *name);

// Makes the stand-in's functions everybody's, which kernels of libraries loaded from then on call.
void standin_export(void);

// ---- launches

typedef struct standin_size {
  uint32_t x, y, z;
} standin_size;

#define STANDIN_MAX_THREADS 1024
#define STANDIN_MAX_SHARED (227 * 1024) // bytes of shared memory of a block

typedef struct standin_launch {
  const standin_kernel *kernel;
  standin_size grid, block; // checked by the caller: none is 0, at most max_threads in a block
  uint32_t shared_bytes; // dynamic shared memory, at most STANDIN_MAX_SHARED
  // One pointer for each parameter, aligned to 16 bytes; the bytes stay the caller's until the return.
  void *const *parameters;
} standin_launch;

// Runs a whole grid on the calling thread. Returns a CUresult: 0; 700 (illegal address), 716 (misaligned
// address) or 719 (launch failure) with the reason in standin_report(). Several threads may run grids at
// once.
STANDIN_API int standin_grid_run(const standin_launch *launch);

// ---- findings

// What was found last (a fault, a race, a tail overwritten), "" if nothing was. The text stays valid
// until the calling thread asks again.
STANDIN_API const char *standin_report(void);
// Replaces it.
void standin_report_set(const char *format, ...) __attribute__((format(printf, 1, 2)));

// ---- memory, supplied by the driver

// 1 if `address` lies in a live allocation, of device memory or pinned host memory, with where it begins
// and the bytes that were asked for. Called from kernels: any thread, also from a signal handler.
int standin_memory_find(uintptr_t address, uintptr_t *base, size_t *bytes);

// ---- what shim.h calls while a kernel runs

// Where the calling thread is in its grid: one for each thread of the operating system.
typedef struct standin_place {
  standin_size thread, block, block_size, grid_size;
  uint32_t index; // of the thread in its block
  uint32_t last; // up to this index the next thread is simply index + 1
  char *dynamic; // dynamic shared memory
} standin_place;

extern STANDIN_API __thread standin_place standin_here __attribute__((tls_model("initial-exec")));

// The running thread has returned: 1 if standin_here is another one now, which the caller runs; 0 if it
// is to return as well.
STANDIN_API int standin_next(void);

// The block's barrier; returns how many threads came with a predicate that holds.
STANDIN_API uint32_t standin_barrier(int predicate, const char *file, int line);

typedef enum standin_warp_op {
  STANDIN_SYNC,
  STANDIN_SHUFFLE, // the value of the lane that `source` names
  STANDIN_BALLOT, // a bit for each lane whose value is not 0
  STANDIN_MATCH, // a bit for each lane with the same value
  STANDIN_ADD, // of 32 bits each: sums, extremes and bits
  STANDIN_MIN,
  STANDIN_MAX,
  STANDIN_UMIN,
  STANDIN_UMAX,
  STANDIN_AND,
  STANDIN_OR,
  STANDIN_XOR,
} standin_warp_op;

// What the lanes of `mask` do together. A source that takes no part gives a value of all ones.
STANDIN_API uint64_t standin_warp(standin_warp_op op, uint32_t mask, uint64_t value,
                                  uint32_t source, const char *file, int line);

// assert() does not hold.
STANDIN_API void standin_assert(const char *expression, const char *file, int line,
                                const char *function);

// Of the checked build: a vector is copied from or to where none can be.
STANDIN_API void standin_misaligned(const void *at, size_t alignment);

#ifdef __cplusplus
}
#endif

#endif
