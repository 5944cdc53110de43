// Structs of whole 8-byte words in shared memory, word by word, so that neighbours never meet in a bank.
#pragma once

#include "element.cuh"

template <class T, int count> struct gk_cells {
  static constexpr int words = sizeof(T) / 8;
  uint64_t *word; // [words][count]

  __device__ __forceinline__ T get(uint32_t i) const {
    uint64_t part[words];
    GK_UNROLL
    for (int k = 0; k < words; k++) part[k] = word[k * count + i];
    T x;
    memcpy(&x, part, sizeof x);
    return x;
  }
  __device__ __forceinline__ void set(uint32_t i, T x) const {
    uint64_t part[words];
    memcpy(part, &x, sizeof x);
    GK_UNROLL
    for (int k = 0; k < words; k++) word[k * count + i] = part[k];
  }
};
#define GK_CELLS(name, T, count)                                                                   \
  __shared__ uint64_t name##_words[sizeof(T) / 8 * (count)];                                       \
  const gk_cells<T, count> name = {name##_words}
