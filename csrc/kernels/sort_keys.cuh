// Elements as keys: unsigned integers of their width that compare in the order asked for, and back. A
// gk_sort_order (core/sort_order.h) says how; every NaN has one key and comes back as one NaN.
#pragma once

#include "../core/sort_order.h"
#include "element.cuh"

// What an order says of elements of `bytes` bytes in the low ones of a Word. Of integers no magnitude is beyond
// the limit, and no bits are turned: one formula without a branch for both.
template <class Word> struct gk_key_bits {
  Word sign, rest, flip, limit, nan, zero, turned;
};
template <class Word>
GK_INLINE gk_key_bits<Word> gk_key_bits_of(const gk_sort_order &order, uint32_t bytes) {
  const bool is_float = order.infinity != 0;
  const Word sign = (Word)((Word)1 << (8 * bytes - 1)), rest = (Word)(sign - 1);
  return {sign,
          rest,
          (Word)(order.flip & (sign | rest)),
          is_float ? (Word)order.infinity : rest,
          (Word)(order.nan & (sign | rest)),
          is_float && order.equal_zeros ? sign : (Word)0,
          is_float ? rest : (Word)0};
}

// Floats: a set sign bit turns all bits around, else it is set; integers: the order of signed ones is that
// of unsigned ones with the sign bit turned.
template <class Word> GK_INLINE Word gk_to_key(const gk_key_bits<Word> &b, Word x) {
  x = (Word)(x ^ b.flip);
  x = (Word)(x & b.rest) > b.limit ? b.nan : x;
  x = x == b.zero ? (Word)0 : x;
  return (Word)(x ^ (x & b.sign ? b.turned : (Word)0) ^ b.sign);
}
template <class Word> GK_INLINE Word gk_from_key(const gk_key_bits<Word> &b, Word key) {
  const Word x = (Word)(key ^ (key & b.sign ? (Word)0 : b.turned) ^ b.sign);
  return (Word)(x & b.rest) > b.limit ? x : (Word)(x ^ b.flip);
}

// Of elements as wide as a Word.
template <class Word> GK_INLINE Word gk_to_key(const gk_sort_order &order, Word x) {
  return gk_to_key(gk_key_bits_of<Word>(order, sizeof(Word)), x);
}
template <class Word> GK_INLINE Word gk_from_key(const gk_sort_order &order, Word key) {
  return gk_from_key(gk_key_bits_of<Word>(order, sizeof(Word)), key);
}

// The key of element `at` of an array whose elements have `bytes` bytes, at most those of Key: in its low
// bits.
template <class Key>
GK_INLINE Key gk_load_key(const gk_sort_order &order, uint32_t bytes, const void *data,
                          int64_t at) {
  if constexpr (sizeof(Key) == 8)
    if (bytes == 8) return gk_to_key(order, ((const uint64_t *)data)[at]);
  if (bytes == 4) return gk_to_key(order, ((const uint32_t *)data)[at]);
  if (bytes == 2) return gk_to_key(order, ((const uint16_t *)data)[at]);
  return gk_to_key(order, ((const uint8_t *)data)[at]);
}

// The other way round.
template <class Key>
GK_INLINE void gk_store_key(const gk_sort_order &order, uint32_t bytes, void *data, int64_t at,
                            Key key) {
  if (bytes == 8) {
    if constexpr (sizeof(Key) == 8) ((uint64_t *)data)[at] = gk_from_key(order, (uint64_t)key);
  } else if (bytes == 4) {
    ((uint32_t *)data)[at] = gk_from_key(order, (uint32_t)key);
  } else if (bytes == 2) {
    ((uint16_t *)data)[at] = gk_from_key(order, (uint16_t)key);
  } else {
    ((uint8_t *)data)[at] = gk_from_key(order, (uint8_t)key);
  }
}
