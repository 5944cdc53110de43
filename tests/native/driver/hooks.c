// What a compiler makes instrumented kernels call: -fsanitize=thread before each access to memory, and in
// place of each atomic operation; -fsanitize=alignment,... where arithmetic is undefined. The last matters
// more than its size: what a GPU gives for a shift too far or a number too large for its integer is not
// what a CPU gives.

#include "checker.h"

#include "../../../csrc/cuda/driver.h"

#include <stdio.h>
#include <sys/types.h>

#define HOOK STANDIN_API
// Of the call: one byte before where it returns to.
#define CODE ((uintptr_t)__builtin_return_address(0) - 1)

// ---- loads and stores

#define ACCESS(name, bytes, write, atomic)                                                         \
  HOOK void __tsan_##name(void *at);                                                               \
  void __tsan_##name(void *at) {                                                                   \
    const checker_access access = {CODE, write, write, atomic};                                    \
    standin_checker_access(at, bytes, &access);                                                    \
  }
// A volatile access is one that threads may make at the same time.
#define ACCESSES(bytes)                                                                            \
  ACCESS(read##bytes, bytes, 0, 0)                                                                 \
  ACCESS(write##bytes, bytes, 1, 0)                                                                \
  ACCESS(volatile_read##bytes, bytes, 0, 1)                                                        \
  ACCESS(volatile_write##bytes, bytes, 1, 1)
#define UNALIGNED(bytes)                                                                           \
  ACCESS(unaligned_read##bytes, bytes, 0, 0)                                                       \
  ACCESS(unaligned_write##bytes, bytes, 1, 0)                                                      \
  ACCESS(unaligned_volatile_read##bytes, bytes, 0, 1)                                              \
  ACCESS(unaligned_volatile_write##bytes, bytes, 1, 1)
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)
UNALIGNED(2)
UNALIGNED(4)
UNALIGNED(8)
UNALIGNED(16)

HOOK void *__tsan_memcpy(void *to, const void *from, size_t bytes);
HOOK void *__tsan_memmove(void *to, const void *from, size_t bytes);
HOOK void *__tsan_memset(void *to, int value, size_t bytes);
static void check_copy(void *to, const void *from, size_t bytes, uintptr_t code) {
  const checker_access read = {code, 0, 0, 0}, write = {code, 1, 1, 0};
  standin_checker_access(from, bytes, &read);
  standin_checker_access(to, bytes, &write);
}
void *__tsan_memcpy(void *to, const void *from, size_t bytes) {
  check_copy(to, from, bytes, CODE);
  return memcpy(to, from, bytes);
}
void *__tsan_memmove(void *to, const void *from, size_t bytes) {
  check_copy(to, from, bytes, CODE);
  return memmove(to, from, bytes);
}
void *__tsan_memset(void *to, int value, size_t bytes) {
  const checker_access write = {CODE, 1, 1, 0};
  standin_checker_access(to, bytes, &write);
  return memset(to, value, bytes);
}

HOOK void __tsan_init(void);
void __tsan_init(void) {}

// ---- atomic operations

#define FETCH(bits, T, op)                                                                         \
  HOOK T __tsan_atomic##bits##_##op(volatile T *at, T value, int order);                           \
  T __tsan_atomic##bits##_##op(volatile T *at, T value, int order) {                               \
    (void)order;                                                                                   \
    const checker_access access = {CODE, 1, 0, 1};                                                 \
    standin_checker_access((const void *)at, sizeof(T), &access);                                  \
    return __atomic_##op(at, value, __ATOMIC_SEQ_CST);                                             \
  }
#define ATOMICS(bits, T)                                                                           \
  HOOK T __tsan_atomic##bits##_load(const volatile T *at, int order);                              \
  T __tsan_atomic##bits##_load(const volatile T *at, int order) {                                  \
    (void)order;                                                                                   \
    const checker_access access = {CODE, 0, 0, 1};                                                 \
    standin_checker_access((const void *)at, sizeof(T), &access);                                  \
    return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                                  \
  }                                                                                                \
  HOOK void __tsan_atomic##bits##_store(volatile T *at, T value, int order);                       \
  void __tsan_atomic##bits##_store(volatile T *at, T value, int order) {                           \
    (void)order;                                                                                   \
    const checker_access access = {CODE, 1, 1, 1};                                                 \
    standin_checker_access((const void *)at, sizeof(T), &access);                                  \
    __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                                 \
  }                                                                                                \
  HOOK T __tsan_atomic##bits##_exchange(volatile T *at, T value, int order);                       \
  T __tsan_atomic##bits##_exchange(volatile T *at, T value, int order) {                           \
    (void)order;                                                                                   \
    const checker_access access = {CODE, 1, 0, 1};                                                 \
    standin_checker_access((const void *)at, sizeof(T), &access);                                  \
    return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                                       \
  }                                                                                                \
  HOOK T __tsan_atomic##bits##_compare_exchange_val(volatile T *at, T expected, T value,           \
                                                    int order, int failed);                        \
  T __tsan_atomic##bits##_compare_exchange_val(volatile T *at, T expected, T value, int order,     \
                                               int failed) {                                       \
    (void)order, (void)failed;                                                                     \
    const checker_access access = {CODE, 1, 0, 1};                                                 \
    standin_checker_access((const void *)at, sizeof(T), &access);                                  \
    __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);  \
    return expected;                                                                               \
  }                                                                                                \
  FETCH(bits, T, fetch_add)                                                                        \
  FETCH(bits, T, fetch_sub)                                                                        \
  FETCH(bits, T, fetch_and)                                                                        \
  FETCH(bits, T, fetch_or)                                                                         \
  FETCH(bits, T, fetch_xor)
ATOMICS(8, uint8_t)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)

HOOK void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order) {
  (void)order;
  standin_checker_fence();
}

// ---- arithmetic that C++ leaves undefined; each is told where it stands in the source

typedef struct place {
  const char *file;
  uint32_t line, column;
} place;

typedef struct type {
  uint16_t kind, info;
  char name[]; // quoted
} type;

typedef struct type_mismatch {
  place at;
  const type *of;
  uint8_t log2_alignment, kind;
} type_mismatch;

typedef struct two_types {
  place at;
  const type *first, *second;
} two_types;

_Noreturn static void undefined(int result, const place *at, const char *what, const char *name) {
  const char *slash = strrchr(at->file, '/');
  standin_stop(result, 0, "%s %s, at %s:%u", what, name, slash ? slash + 1 : at->file, at->line);
}

#define UNDEFINED(name, ...)                                                                       \
  HOOK _Noreturn void __ubsan_handle_##name##_abort(__VA_ARGS__);                                  \
  _Noreturn void __ubsan_handle_##name##_abort(__VA_ARGS__)
void standin_misaligned(const void *at, size_t alignment) {
  standin_stop(CUDA_ERROR_MISALIGNED_ADDRESS, CODE, "misaligned address %p: not a multiple of %zu",
               at, alignment);
}
UNDEFINED(type_mismatch_v1, const type_mismatch *data, uintptr_t address) {
  char what[96];
  snprintf(what, sizeof what, "misaligned address 0x%zx: not a multiple of %u, for",
           (size_t)address, 1u << data->log2_alignment);
  undefined(CUDA_ERROR_MISALIGNED_ADDRESS, &data->at, what, data->of->name);
}
UNDEFINED(out_of_bounds, const two_types *data, uintptr_t index) {
  char what[96];
  snprintf(what, sizeof what, "out of bounds: index %zd of", (ssize_t)index);
  undefined(CUDA_ERROR_LAUNCH_FAILED, &data->at, what, data->first->name);
}
UNDEFINED(shift_out_of_bounds, const two_types *data, uintptr_t value, uintptr_t shift) {
  char what[96];
  (void)value;
  snprintf(what, sizeof what, "a shift by %zd of", (ssize_t)shift);
  undefined(CUDA_ERROR_LAUNCH_FAILED, &data->at, what, data->first->name);
}
UNDEFINED(divrem_overflow, const two_types *data, uintptr_t dividend, uintptr_t divisor) {
  (void)dividend;
  undefined(CUDA_ERROR_LAUNCH_FAILED, &data->at,
            divisor ? "an integer division that overflows, of" : "a division by zero, of",
            data->first->name);
}
UNDEFINED(float_cast_overflow, const two_types *data, uintptr_t value) {
  (void)value;
  undefined(CUDA_ERROR_LAUNCH_FAILED, &data->at, "a conversion of what does not fit, to",
            data->second->name);
}
