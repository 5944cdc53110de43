// Elements to keys whose unsigned order is the order asked for, and back.
#include "sort.h"
#include "simd.h"

// Floats: a set sign bit turns all bits around, a clear one is set. Every NaN gets the largest key,
// which no number has in either direction; it comes back as the quiet NaN.
#define KEYS(bits)                                                                                 \
  static void to_keys_##bits(int64_t n, const void *in, void *out, const gk_sort_order *order) {   \
    typedef uint##bits##_t key;                                                                    \
    const key *from = in;                                                                          \
    key *to = out, sign = (key)order->sign, infinity = (key)order->infinity;                       \
    key flip = (key)(order->flip ^ (order->descending ? ~(uint64_t)0 : 0));                        \
    if (!sign) {                                                                                   \
      GK_VECTORIZE for (int64_t i = 0; i < n; i++) to[i] = from[i] ^ flip;                         \
      return;                                                                                      \
    }                                                                                              \
    key zero = order->equal_zeros ? sign : (key) ~(key)0;                                          \
    GK_VECTORIZE for (int64_t i = 0; i < n; i++) {                                                 \
      key x = from[i];                                                                             \
      key magnitude = x & (key)~sign;                                                              \
      x = x == zero ? 0 : x;                                                                       \
      key k = (key)(x & sign ? (key)~x : (key)(x | sign)) ^ flip;                                  \
      to[i] = magnitude > infinity ? (key) ~(key)0 : k;                                            \
    }                                                                                              \
  }                                                                                                \
  static void from_keys_##bits(int64_t n, const void *in, void *out, const gk_sort_order *order) { \
    typedef uint##bits##_t key;                                                                    \
    const key *from = in;                                                                          \
    key *to = out, sign = (key)order->sign, infinity = (key)order->infinity;                       \
    key flip = (key)(order->flip ^ (order->descending ? ~(uint64_t)0 : 0));                        \
    if (!sign) {                                                                                   \
      GK_VECTORIZE for (int64_t i = 0; i < n; i++) to[i] = from[i] ^ flip;                         \
      return;                                                                                      \
    }                                                                                              \
    /* infinity and the mantissa's first bit, right of the exponent's last one */                  \
    key quiet = (key)(infinity | (key)((infinity & (key)(0 - infinity)) >> 1));                    \
    GK_VECTORIZE for (int64_t i = 0; i < n; i++) {                                                 \
      key k = from[i] ^ flip;                                                                      \
      key x = k & sign ? (key)(k & (key)~sign) : (key)~k;                                          \
      to[i] = from[i] == (key) ~(key)0 ? quiet : x;                                                \
    }                                                                                              \
  }

KEYS(8)
KEYS(16)
KEYS(32)
KEYS(64)

#define PACK(bits)                                                                                 \
  static void pack_##bits(int64_t n, const void *keys, uint64_t *out, uint64_t first) {            \
    const uint##bits##_t *from = keys;                                                             \
    for (int64_t i = 0; i < n; i++) out[i] = (uint64_t)from[i] << 32 | (first + (uint64_t)i);      \
  }

PACK(8)
PACK(16)
PACK(32)

const gk_sort_table GK_NAME(gk_sort_kernels_table) = {
    {to_keys_8, to_keys_16, to_keys_32, to_keys_64},
    {from_keys_8, from_keys_16, from_keys_32, from_keys_64},
    {pack_8, pack_16, pack_32},
};
