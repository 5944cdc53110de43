// Arrays made from numbers. 256 threads a block, no shared memory.
//
// fill: of memory without gaps, 4 vectors of 16 bytes a thread; single bytes before the first multiple of 16
// and behind the last one are the first block's. fill_strided: of all other arrays, elements as unsigned
// integers of their size, four a thread (strided.cuh). arange and eye: four elements a thread, 256 apart.
#include "create.h"
#include "strided.cuh"

GK_KERNEL(GK_FILL_THREADS, create_fill, gk_create_fill) {
  uint8_t *const bytes = (uint8_t *)a.out;
  const int64_t behind = (int64_t)((uintptr_t)bytes & 15);
  const int64_t head = behind ? 16 - behind < a.bytes ? 16 - behind : a.bytes : 0;
  const int64_t vectors = (a.bytes - head) / 16, done = head + vectors * 16;
  // In phase: an element's size divides 16, and `out` is aligned to it.
  const uint64_t word = a.pattern;
  const uint4 vector = {(uint32_t)word, (uint32_t)(word >> 32), (uint32_t)word,
                        (uint32_t)(word >> 32)};
  uint4 *out = (uint4 *)(bytes + head);
  const int64_t first = (int64_t)blockIdx.x * (GK_FILL_THREADS * GK_FILL_VECTORS) + threadIdx.x;
  GK_UNROLL
  for (int i = 0; i < GK_FILL_VECTORS; i++) {
    int64_t at = first + i * GK_FILL_THREADS;
    if (at < vectors) out[at] = vector;
  }
  if (blockIdx.x == 0 && threadIdx.x < 16) {
    const int64_t t = threadIdx.x;
    if (t < head) bytes[t] = (uint8_t)(word >> t % 8 * 8);
    if (done + t < a.bytes) bytes[done + t] = (uint8_t)(word >> (done + t) % 8 * 8);
  }
}

template <class T> GK_INLINE void fill_strided(const gk_create_fill_strided &a) {
  const gk_share s = gk_share_of(a.arrays);
  int64_t at[GK_GROUP];
  T x[GK_GROUP];
  GK_UNROLL
  for (int e = 0; e < GK_GROUP; e++) x[e] = (T)a.value;
  gk_find(a.arrays, s, 0, at);
  gk_store_strided(a.arrays, s, 0, a.out, at, x);
}

GK_KERNEL(GK_STRIDED_THREADS, create_fill_strided, gk_create_fill_strided) {
  const int size = a.size;
  GK_WITH_WORD(size, fill_strided<Word>(a))
}

// Element i of `out` and its place, for the thread's elements; the code for every dtype is long.
#define FOR_ELEMENTS(operands)                                                                     \
  const int64_t first = (int64_t)blockIdx.x * GK_STRIDED_BLOCK + threadIdx.x;                      \
  const int64_t end =                                                                              \
      first + GK_STRIDED_BLOCK < a.layout.size ? first + GK_STRIDED_BLOCK : a.layout.size;         \
  int64_t at[operands];                                                                            \
  GK_NO_UNROLL                                                                                     \
  for (int64_t i = first; i < end && (gk_offsets(a.layout, i, at), true); i += GK_STRIDED_THREADS)

GK_KERNEL(GK_STRIDED_THREADS, create_arange, gk_create_arange) {
  FOR_ELEMENTS(1) {
    if (a.exact)
      gk_store_as(a.dtype, a.out, at[0], a.whole_start + (uint64_t)i * a.whole_step);
    else
      gk_store_as(a.dtype, a.out, at[0], a.start + (double)i * a.step);
  }
}

GK_KERNEL(GK_STRIDED_THREADS, create_eye, gk_create_eye) {
  FOR_ELEMENTS(2) {
    uint64_t value = at[1] == a.diagonal ? a.one : 0;
    GK_WITH_WORD(a.size, ((Word *)a.out)[at[0]] = (Word)value)
  }
}
