// The CPU device: what its files share. One file per op family (elementwise.c, reduce.c, ...)
// chooses loops and walks strides; its twin *_simd.c holds the contiguous inner loops and is
// compiled once per instruction set.
#ifndef GK_CPU_CPU_H
#define GK_CPU_CPU_H

#include "../core/call.h"

// ---- instruction sets (isa.c)

typedef enum gk_isa {
  GK_ISA_BASELINE,
  GK_ISA_AVX2,
  GK_ISA_AVX512,
  GK_ISA_NEON,
  GK_ISA_COUNT
} gk_isa;

// The set in use: the best that the machine has, or GPUKIT_CPU_ISA (baseline, avx2, avx512, neon).
extern gk_isa gk_cpu_isa;
const char *gk_cpu_isa_name(gk_isa isa);
// Runs by itself when the library is loaded; for those who may come earlier.
void gk_cpu_isa_initialize(void);
// What is wrong with GPUKIT_CPU_ISA, or NULL.
const char *gk_cpu_isa_problem(void);

// Declares `name`, a function that gives the table of type `type` which a *_simd.c exports as
// GK_NAME(name##_table), for the set in use.
#if defined(__x86_64__) || defined(_M_X64)
#define GK_KERNELS(type, name)                                                                     \
  extern const type name##_table_baseline, name##_table_avx2, name##_table_avx512;                 \
  static inline const type *name(void) {                                                           \
    return gk_cpu_isa == GK_ISA_AVX512 ? &name##_table_avx512                                      \
           : gk_cpu_isa == GK_ISA_AVX2 ? &name##_table_avx2                                        \
                                       : &name##_table_baseline;                                   \
  }
#else
#define GK_KERNELS(type, name)                                                                     \
  extern const type name##_table_neon;                                                             \
  static inline const type *name(void) { return &name##_table_neon; }
#endif

// ---- threads (parallel.c)

// Runs fn(context, begin, end, thread) over [0, count) in pieces of a multiple of `grain`, on as many
// threads as are worth it; returns when all are done. Each CPU begins in the same part of the range
// each time and then helps the others, in pieces handed out on demand. thread < gk_parallel_threads(). Serial where count <= grain or the pool is busy with
// another stream's op. `grain` is the caller's judgement of what is worth a thread: 50 to 100 us.
typedef void (*gk_parallel_fn)(void *context, int64_t begin, int64_t end, int thread);
void gk_parallel(int64_t count, int64_t grain, gk_parallel_fn fn, void *context);
// Threads that gk_parallel may use, the caller's included (GPUKIT_NUM_THREADS).
int gk_parallel_threads(void);
// What is wrong with GPUKIT_NUM_THREADS, or NULL.
const char *gk_parallel_problem(void);

// Memory of the calling thread, 64-byte aligned, kept for the next call of the same slot; NULL when
// out of memory. Slots keep users apart: a family that calls another one must not share its own.
enum {
  GK_SCRATCH_REDUCE,
  GK_SCRATCH_SORT,
  GK_SCRATCH_SORT_PART,
  GK_SCRATCH_MATMUL_A,
  GK_SCRATCH_MATMUL_B,
  GK_SCRATCH_MATMUL_C,
  GK_SCRATCH_MATMUL_COMPLEX,
  GK_SCRATCH_FFT,
  GK_SCRATCH_FFT_STEPS,
  GK_SCRATCH_INDEX,
  GK_SCRATCH_COUNT
};
void *gk_scratch(int slot, int64_t bytes);

// ---- families: each runs one call; on failure fills `error` and returns its status

gk_status gk_cpu_elementwise(const gk_call *call, gk_error *error);
gk_status gk_cpu_reduce(const gk_call *call, gk_error *error);
gk_status gk_cpu_scan(const gk_call *call, gk_error *error);
gk_status gk_cpu_matmul(const gk_call *call, gk_error *error);
gk_status gk_cpu_index(const gk_call *call, gk_error *error);
gk_status gk_cpu_sort(const gk_call *call, gk_error *error);
gk_status gk_cpu_copy(const gk_call *call, gk_error *error);
gk_status gk_cpu_create(const gk_call *call, gk_error *error);
gk_status gk_cpu_random(const gk_call *call, gk_error *error);
gk_status gk_cpu_fft(const gk_call *call, gk_error *error);

// ---- shared inner loops (elementwise_simd.c, copy_simd.c)

// Converts n contiguous elements.
typedef void (*gk_cast_fn)(int64_t n, const void *in, void *out);
gk_cast_fn gk_cpu_cast(uint8_t from, uint8_t to);
// Gathers n elements of `bytes` each at a distance of `stride` elements into contiguous `out`;
// and the reverse.
void gk_cpu_gather(int64_t n, int bytes, const void *in, int64_t stride, void *out);
void gk_cpu_scatter(int64_t n, int bytes, const void *in, void *out, int64_t stride);
// n copies of one element of `bytes`.
void gk_cpu_splat(int64_t n, int bytes, const void *value, void *out);

#endif
