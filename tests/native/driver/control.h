// What a test may ask of the stand-in driver beyond the driver API; found by dlsym in the library that
// GPUKIT_LIBCUDA names.
//
// Settings, read from the environment once:
//   STANDIN_DEVICES=n          devices there are (1)
//   STANDIN_NAME=text          what they are called (Stand-in GPU)
//   STANDIN_CC=major.minor     their compute capability (9.0)
//   STANDIN_MEMORY=n[K|M|G]    memory of each (2G)
//   STANDIN_VERSION=n          what cuDriverGetVersion says (13000)
//   STANDIN_PEERS=all|none|0-1,... which of them reach each other's memory (all)
//   STANDIN_DROP=direct|all    copies between devices, or the direct ones, are said to be made and are not
//   STANDIN_MISSING=name,...   functions that cannot be found
//   STANDIN_MPS=1              the devices say that they are shared through MPS
//   STANDIN_LAZY=1             queued work runs only when somebody waits for it or asks how far it is; a
//                              host function asks too
//   STANDIN_FAIL=[name:]n:code[:later]
//                              the n-th call, of any function or of the named one, fails with `code`; later:
//                              the call does not, but what it gave a stream to do, as kernels fail
//   STANDIN_QUIET=1            what loses a device is not told on stderr
#ifndef STANDIN_CONTROL_H
#define STANDIN_CONTROL_H

#include <stdint.h>

// What is alive now, on all devices.
typedef struct standin_counts_t {
  uint64_t contexts, streams, events, graphs, executables, modules, pools;
  uint64_t device_allocations, device_bytes;
  uint64_t pinned_allocations, pinned_bytes; // of cuMemHostAlloc
  uint64_t registered; // of cuMemHostRegister
} standin_counts_t;

void standin_counts(standin_counts_t *counts);

// Calls of a function since the start or the last reset, 0 for an unknown name; NULL: of all functions.
uint64_t standin_calls(const char *name);
void standin_reset_counts(void);
// Copies from device to device that were made since the start, directly or by way of the host.
uint64_t standin_peer_copies(int direct);

// The n-th call from now on (1: the next) of the named function, or of any for NULL, fails with `code`.
// Codes after which a real device is lost (700, 719, 46, 999, ...) lose the context that is current. A
// function that releases something does so all the same, as with a real driver. n = 0: no call fails.
void standin_fail_call(const char *name, uint64_t n, int code);
void standin_fail_after(uint64_t n, int code);

#endif
