// Random numbers: Philox 4x32-10 and what makes numbers of its words, bit for bit as the CPU does it.
//
// A thread has one block of four words: four elements of up to 32 bits or two of 64 bits, which it stores
// together where the output's start allows it. Grid: enough threads for all blocks. No shared memory.
#include "../core/box_muller.h"
#include "element.cuh"
#include "random.h"

struct alignas(16) random_words {
  uint32_t w[4];
};
template <class T, int n> struct alignas(n * sizeof(T)) random_pack {
  T v[n];
};

static __device__ inline random_words philox(uint64_t low, uint64_t high, uint64_t key) {
  uint32_t c0 = (uint32_t)low, c1 = (uint32_t)(low >> 32);
  uint32_t c2 = (uint32_t)high, c3 = (uint32_t)(high >> 32);
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  GK_UNROLL
  for (int round = 0; round < 10; round++) {
    const uint64_t p = (uint64_t)c0 * 0xD2511F53u, q = (uint64_t)c2 * 0xCD9E8D57u;
    c0 = (uint32_t)(q >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)q;
    c2 = (uint32_t)(p >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

static __device__ inline int64_t block_number() {
  return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}

static __device__ inline uint64_t wide_word(const random_words &words, int i) {
  return (uint64_t)words.w[2 * i + 1] << 32 | words.w[2 * i];
}

// The n elements of block `number`, as far as there are so many.
template <int n, class T>
static __device__ inline void store(const gk_random_args &a, int64_t number, const T (&v)[n]) {
  T *to = (T *)a.out + number * n;
  if (a.aligned && (number + 1) * n <= a.size) {
    random_pack<T, n> pack;
    GK_UNROLL
    for (int i = 0; i < n; i++) pack.v[i] = v[i];
    *(random_pack<T, n> *)to = pack;
    return;
  }
  GK_UNROLL
  for (int i = 0; i < n; i++)
    if (number * n + i < a.size) to[i] = v[i];
}

// Four words as elements of an integer dtype of up to 32 bits: its lowest bits.
static __device__ inline void store_integers(const gk_random_args &a, int64_t number,
                                             const uint32_t (&w)[4]) {
  if (a.bytes == 1)
    store(a, number, {(uint8_t)w[0], (uint8_t)w[1], (uint8_t)w[2], (uint8_t)w[3]});
  else if (a.bytes == 2)
    store(a, number, {(uint16_t)w[0], (uint16_t)w[1], (uint16_t)w[2], (uint16_t)w[3]});
  else
    store(a, number, w);
}

GK_KERNEL(256, random_bits, gk_random_args) {
  const int64_t number = block_number(), per_block = a.bytes == 8 ? 2 : 4;
  if (number * per_block >= a.size) return;
  const random_words words = philox(a.counter + (uint64_t)number, 0, a.key);
  if (a.bytes == 8)
    store(a, number, {wide_word(words, 0), wide_word(words, 1)});
  else
    store_integers(a, number, words.w);
}

// A word's product with the range: its upper half is the number, if its lower half is not below `again`.
GK_KERNEL(256, random_integers, gk_random_args) {
  const int64_t number = block_number();
  if (number * 4 >= a.size) return;
  const uint64_t range = a.range, again = a.again;
  uint32_t v[4], drawn = 0;
  for (uint64_t high = 0; drawn != 15; high++) {
    const random_words words = philox(a.counter + (uint64_t)number, high, a.key);
    GK_UNROLL
    for (int i = 0; i < 4; i++) {
      const uint64_t product = words.w[i] * range;
      if (drawn >> i & 1 || (uint32_t)product < again) continue;
      v[i] = (uint32_t)(a.base + (product >> 32));
      drawn |= 1u << i;
    }
  }
  store_integers(a, number, v);
}

GK_KERNEL(256, random_integers64, gk_random_args) {
  const int64_t number = block_number();
  if (number * 2 >= a.size) return;
  const uint64_t range = a.range, again = a.again;
  uint64_t v[2];
  uint32_t drawn = 0;
  for (uint64_t high = 0; drawn != 3; high++) {
    const random_words words = philox(a.counter + (uint64_t)number, high, a.key);
    GK_UNROLL
    for (int i = 0; i < 2; i++) {
      const uint64_t word = wide_word(words, i);
      if (drawn >> i & 1 || word * range < again) continue;
      v[i] = a.base + __umul64hi(word, range);
      drawn |= 1u << i;
    }
  }
  store(a, number, v);
}

// ---- floats

template <class T> static __device__ inline T uniform_number(const gk_random_args &a, T unit) {
  const T low = (T)a.first, span = (T)a.second, limit = (T)a.limit;
  const T v = low + unit * span;
  return span < 0 ? (v < limit ? limit : v) : (v > limit ? limit : v);
}

// v as a 16-bit float. Where rounding went up, away from `low`, it is the neighbour below (above, where
// the range runs downwards): keeps the end of the range out.
template <class T> static __device__ inline T narrowed(float v, bool downwards) {
  T h = gk_cast<T>(v);
  const float back = gk_widen(h);
  if (downwards ? back >= v : back <= v) return h;
  const uint16_t grows =
      downwards ? 0 : 0x8000; // the sign of what grows in magnitude towards `low`
  if ((h.bits & 0x7fff) == 0)
    h.bits = grows | 1;
  else
    h.bits += (h.bits & 0x8000) == grows ? 1 : -1;
  return h;
}

template <class T>
static __device__ inline void store_narrowed(const gk_random_args &a, int64_t number,
                                             const float (&v)[4]) {
  const bool downwards = a.second < 0;
  store(a, number,
        {narrowed<T>(v[0], downwards), narrowed<T>(v[1], downwards), narrowed<T>(v[2], downwards),
         narrowed<T>(v[3], downwards)});
}

template <class T>
static __device__ inline void store_cast(const gk_random_args &a, int64_t number,
                                         const float (&v)[4]) {
  store(a, number, {gk_cast<T>(v[0]), gk_cast<T>(v[1]), gk_cast<T>(v[2]), gk_cast<T>(v[3])});
}

GK_KERNEL(256, random_uniform, gk_random_args) {
  const int64_t number = block_number();
  if (number * 4 >= a.size) return;
  const random_words words = philox(a.counter + (uint64_t)number, 0, a.key);
  float v[4];
  GK_UNROLL
  for (int i = 0; i < 4; i++) v[i] = uniform_number(a, (float)(words.w[i] >> 8) * 0x1p-24f);
  if (a.dtype == GK_float32)
    store(a, number, v);
  else if (a.dtype == GK_float16)
    store_narrowed<gk_half>(a, number, v);
  else
    store_narrowed<gk_bfloat>(a, number, v);
}

GK_KERNEL(256, random_uniform64, gk_random_args) {
  const int64_t number = block_number();
  if (number * 2 >= a.size) return;
  const random_words words = philox(a.counter + (uint64_t)number, 0, a.key);
  double v[2];
  GK_UNROLL
  for (int i = 0; i < 2; i++)
    v[i] = uniform_number(a, (double)(wide_word(words, i) >> 11) * 0x1p-53);
  store(a, number, v);
}

GK_KERNEL(256, random_normal, gk_random_args) {
  const int64_t number = block_number();
  if (number * 4 >= a.size) return;
  const random_words words = philox(a.counter + (uint64_t)number, 0, a.key);
  float v[4];
  GK_UNROLL
  for (int i = 0; i < 4; i += 2)
    gk_box_muller32(words.w[i], words.w[i + 1], (float)a.first, (float)a.second, v + i);
  if (a.dtype == GK_float32)
    store(a, number, v);
  else if (a.dtype == GK_float16)
    store_cast<gk_half>(a, number, v);
  else
    store_cast<gk_bfloat>(a, number, v);
}

GK_KERNEL(256, random_normal64, gk_random_args) {
  const int64_t number = block_number();
  if (number * 2 >= a.size) return;
  const random_words words = philox(a.counter + (uint64_t)number, 0, a.key);
  double v[2];
  gk_box_muller64(wide_word(words, 0), wide_word(words, 1), a.first, a.second, v);
  store(a, number, v);
}
