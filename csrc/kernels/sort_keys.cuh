// Elements as keys: unsigned integers of their width that compare in the order asked for, and back. A
// gk_sort_order (core/sort_order.h) says how; every NaN has one key and comes back as one NaN.
#pragma once

#include "../core/sort_order.h"
#include "element.cuh"

template <class Word> constexpr Word gk_sign_bit = (Word)((Word)1 << (8 * sizeof(Word) - 1));

// Floats: a set sign bit turns all bits around, else it is set; integers: the order of signed ones is that
// of unsigned ones with the sign bit turned.
template <class Word> GK_INLINE Word gk_to_key(const gk_sort_order &order, Word x) {
  constexpr Word sign = gk_sign_bit<Word>, rest = (Word)(sign - 1);
  x = (Word)(x ^ (Word)order.flip);
  if (order.infinity == 0) return (Word)(x ^ sign);
  if ((Word)(x & rest) > (Word)order.infinity) x = (Word)order.nan;
  if (order.equal_zeros && x == sign) x = 0;
  return (Word)(x & sign ? ~x : x | sign);
}

template <class Word> GK_INLINE Word gk_from_key(const gk_sort_order &order, Word key) {
  constexpr Word sign = gk_sign_bit<Word>, rest = (Word)(sign - 1);
  if (order.infinity == 0) return (Word)(key ^ sign ^ (Word)order.flip);
  const Word x = (Word)(key & sign ? key ^ sign : ~key);
  return (Word)(x & rest) > (Word)order.infinity ? x : (Word)(x ^ (Word)order.flip);
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
