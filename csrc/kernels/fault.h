// What a kernel leaves for the host when an index that lay on the device was out of range. It lies in host
// memory that the device sees, one for each stream, and is read whenever the stream is waited for.
#ifndef GK_KERNELS_FAULT_H
#define GK_KERNELS_FAULT_H

#include <stdint.h>

// Beside the op's code.
enum {
  GK_FAULT_VARIANT = 1 << 16, // of an op with GK_VARIANT
  GK_FAULT_UNSIGNED = 1 << 17 // the index is a uint64
};

typedef struct gk_fault_record {
  uint32_t raised; // 0 until an index is out of range; set first, by one thread
  int32_t op, axis;
  int64_t index, length;
} gk_fault_record;

#endif
