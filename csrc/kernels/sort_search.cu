// searchsorted: how many elements of a sorted vector are before a value, NaN being the last of all.
//
// A thread has four values (strided.cuh) and halves the range of all of them at once, so that their loads are
// under way together. The first halvings of all threads read the same few elements, which the caches hold.
// No shared memory.
//
//   search_same   vector and values have the dtype in which they are compared
//   search_mixed  each element is converted when it is compared
#include "sort_search.h"
#include "strided.cuh"

template <class T> GK_INLINE auto comparable(T x) {
  if constexpr (gk_same<T, gk_half> || gk_same<T, gk_bfloat>)
    return gk_widen(x);
  else
    return x;
}

// Is x not a number? Never true of integers.
template <class T> GK_INLINE bool is_nan(T x) { return x != x; }

// Is the vector's element y among those before the place of x?
template <class T> GK_INLINE bool is_before(T y, T x, bool right) {
  return right ? y <= x || is_nan(x) : y < x || (is_nan(x) && !is_nan(y));
}

// Element i of the vector, which has T as its dtype or is converted to it.
template <class T, bool is_mixed> GK_INLINE auto element_of(const gk_search_args &a, int64_t i) {
  if constexpr (is_mixed)
    return comparable(gk_load_as<T>((int)a.dtype, a.sorted, i * a.step));
  else
    return comparable(((const T *)a.sorted)[i * a.step]);
}

// Where an element is not before x, its half may be searched with one element too many, which is not before
// x either.
template <class T, bool is_mixed>
GK_INLINE void search(const gk_search_args &a, const gk_share &share, const T (&given)[GK_GROUP]) {
  decltype(comparable(given[0])) x[GK_GROUP], y[GK_GROUP];
  GK_UNROLL
  for (int e = 0; e < GK_GROUP; e++) x[e] = comparable(given[e]);
  int64_t low[GK_GROUP] = {};
  GK_NO_UNROLL
  for (int64_t width = a.length; width > 0; width /= 2) {
    const int64_t half = (width + 1) / 2;
    GK_UNROLL
    for (int e = 0; e < GK_GROUP; e++) y[e] = element_of<T, is_mixed>(a, low[e] + half - 1);
    GK_UNROLL
    for (int e = 0; e < GK_GROUP; e++) low[e] += is_before(y[e], x[e], a.right) ? half : 0;
  }
  int64_t at[GK_GROUP];
  gk_find(a.arrays, share, 1, at);
  gk_store_strided(a.arrays, share, 1, a.out, at, low);
}

template <class T> GK_INLINE void search_same_as(const gk_search_args &a, const gk_share &share) {
  int64_t at[GK_GROUP];
  gk_find(a.arrays, share, 0, at);
  T given[GK_GROUP];
  gk_load_group(a.values, a.arrays.together & 1, share.count, at, given);
  search<T, false>(a, share, given);
}

GK_KERNEL(GK_STRIDED_THREADS, search_same, gk_search_args) {
  const gk_share share = gk_share_of(a.arrays);
  if (share.count == 0) return;
  switch (a.compute) {
#define GK_SEARCH(name, T)                                                                         \
  case GK_##name:                                                                                  \
    search_same_as<T>(a, share);                                                                   \
    break;
    GK_SEARCH(bool, uint8_t)
    GK_EACH_INTEGER(GK_SEARCH)
    GK_EACH_FLOAT(GK_SEARCH)
#undef GK_SEARCH
  }
}

template <class T>
GK_INLINE void search_as(const gk_search_args &a, const gk_share &share, const int64_t *bits) {
  T given[GK_GROUP];
  gk_convert_bits(a.arrays.dtype[0], bits, given);
  search<T, true>(a, share, given);
}

GK_KERNEL(GK_STRIDED_THREADS, search_mixed, gk_search_args) {
  const gk_share share = gk_share_of(a.arrays);
  if (share.count == 0) return;
  int64_t bits[GK_GROUP];
  gk_load_strided(a.arrays, share, 0, a.values, bits);
  switch (a.compute) {
  case GK_float16:
    search_as<gk_half>(a, share, bits);
    break;
  case GK_bfloat16:
    search_as<gk_bfloat>(a, share, bits);
    break;
  case GK_float32:
    search_as<float>(a, share, bits);
    break;
  case GK_float64:
    search_as<double>(a, share, bits);
    break;
  case GK_uint64:
    search_as<uint64_t>(a, share, bits);
    break;
  default: // an int64 holds what all other integers and bool are
    search_as<int64_t>(a, share, bits);
  }
}
