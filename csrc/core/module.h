// Modules: users' kernels, compiled from CUDA C++ or given. core/ checks what a launch is given against
// what the compiler says of the kernel; a device compiles, loads and launches.
#ifndef GK_CORE_MODULE_H
#define GK_CORE_MODULE_H

#include "device.h"

// ---- what a module is made of

typedef struct gk_module_source {
  bool given; // `text` is an image for the driver, else CUDA C++
  const char *text;
  size_t bytes;
  const char *file; // its name in messages
  uint32_t options, kernels, headers;
  const char *const *option, *const *kernel, *const *header_name, *const *header_text;
} gk_module_source;

typedef enum gk_parameter_kind {
  GK_PARAMETER_UNKNOWN, // only its bytes are known
  GK_PARAMETER_NUMBER, // of a dtype
  GK_PARAMETER_POINTER, // to elements of a dtype, or of what is none
  GK_PARAMETER_STRUCT // by value
} gk_parameter_kind;

typedef struct gk_parameter {
  uint8_t kind, dtype; // dtype 0: a pointer to what is none, such as a struct or void
  bool is_const; // nothing is written through the pointer
  uint32_t bytes;
  char type[72]; // as C++ spells it, for messages
} gk_parameter;

typedef struct gk_module_kernel {
  char *name; // as it was asked for
  char *symbol; // in the image
  int count;
  gk_parameter *parameters;
  int most_threads, shared, constant, local, registers, ptx_version, binary_version, most_added;
  void *impl; // the device's own
} gk_module_kernel;

// What a device makes of a source. Strings and arrays are malloc'd and the module's.
typedef struct gk_module {
  _Atomic int references;
  gk_device *device;
  // Of no bytes: its marks are those of what sets the module's variables, and of graphs.
  gk_storage *use;
  gk_mark *launched; // the last launch on each stream; of the isolate's thread
  int launched_count, launched_room;
  char *log, *image, *ptx;
  size_t image_bytes, ptx_bytes;
  char origin[256];
  gk_module_kernel *kernels;
  uint32_t kernel_count;
  void *impl; // the device's own
  gk_error error; // why it cannot be used; status GK_OK: it can
  // Of the isolate's thread: its making has ended. Before, that is up to `made`, under the lock.
  bool finished, made;
  gk_mutex lock;
  gk_condition done;
} gk_module;

// The finished module of a handle, or NULL after gk_fail; messages call it `op`.
struct gk_isolate;
gk_module *gk_module_get(struct gk_isolate *iso, uint32_t handle, const char *op);

// ---- launches

typedef struct gk_argument {
  gk_storage *storage; // of an array, whose first element lies at `offset`; else NULL
  int64_t offset;
  const void *bytes; // of a struct; else NULL
  uint64_t value; // of a number, in its first bytes
} gk_argument;

typedef struct gk_launch {
  gk_module *module;
  const gk_module_kernel *kernel;
  uint32_t grid[3], block[3], shared;
  int count;
  gk_argument *arguments;
  int use_count;
  gk_use *uses; // of storages, each once, and behind them the module's
} gk_launch;

// A copy that holds module and storages; NULL: out of memory.
gk_launch *gk_launch_keep(const gk_launch *launch);
void gk_launch_release(gk_launch *launch, gk_storage_cache *cache);
// Something that was launched from it uses it up to the mark.
void gk_module_mark(gk_module *module, gk_mark mark);
void gk_module_retain(gk_module *module);
void gk_module_release(gk_module *module);

// ---- the device's part

typedef struct gk_module_api {
  // Fills log, image, ptx, origin, kernels and impl from the source; on any thread. The log is also filled
  // where it fails.
  gk_status (*make)(gk_module *, const gk_module_source *, gk_error *);
  // Nothing of it runs any more; frees impl, of it and its kernels.
  void (*unmake)(gk_module *);
  // Address and size of a variable; GK_ARGUMENT where there is none.
  gk_status (*variable)(gk_module *, const char *name, void **memory, int64_t *bytes, gk_error *);
  // values[0..4] of gk_kernel_occupancy.
  gk_status (*occupancy)(gk_module *, const gk_module_kernel *, uint32_t threads, int64_t shared,
                         double *values, gk_error *);
  // The most blocks of a grid and threads of a block, along each axis.
  void (*limits)(gk_device *, uint32_t grid[3], uint32_t block[3]);
} gk_module_api;

#endif
