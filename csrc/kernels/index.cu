// Gathering: take, take_along_axis and what compress has listed; and flat_index.
//
// Elements are only moved: one kernel for each size, 16 bytes being several elements of a row. Grid: a
// block of 256 threads has 256 * ROUNDS elements in row-major order of the output, a thread every 256th;
// indices and elements of all rounds are asked for before any is used. No shared memory.
#include "index.cuh"

#define THREADS 256

struct alignas(16) index_sixteen {
  uint64_t v[2];
};

template <class T, int rounds> static __device__ inline void gather(const gk_gather_args &a) {
  const int64_t first = (int64_t)blockIdx.x * (THREADS * rounds) + threadIdx.x;
  int64_t index[rounds], at[rounds][3];
  T value[rounds];
  GK_UNROLL
  for (int r = 0; r < rounds; r++) {
    const int64_t e = first + r * THREADS;
    if (e >= a.layout.size) break;
    gk_offsets(a.layout, e, at[r]);
    index[r] = gk_index_at(a.axis.dtype, a.index, at[r][2]);
  }
  GK_UNROLL
  for (int r = 0; r < rounds; r++) {
    if (first + r * THREADS >= a.layout.size) break;
    int64_t place;
    value[r] = T{};
    if (gk_index_place(a.axis, index[r], &place))
      value[r] = ((const T *)a.in)[at[r][1] + place * a.axis.step];
    else
      gk_index_report(a.axis, index[r]);
  }
  GK_UNROLL
  for (int r = 0; r < rounds; r++) {
    if (first + r * THREADS >= a.layout.size) break;
    ((T *)a.out)[at[r][0]] = value[r];
  }
}

GK_KERNEL(THREADS, index_gather1, gk_gather_args) { gather<uint8_t, 4>(a); }
GK_KERNEL(THREADS, index_gather2, gk_gather_args) { gather<uint16_t, 4>(a); }
GK_KERNEL(THREADS, index_gather4, gk_gather_args) { gather<uint32_t, 4>(a); }
GK_KERNEL(THREADS, index_gather8, gk_gather_args) { gather<uint64_t, 4>(a); }
GK_KERNEL(THREADS, index_gather16, gk_gather_args) { gather<index_sixteen, 2>(a); }

// Grid: a thread for each element.
GK_KERNEL(THREADS, index_flat, gk_flat_index_args) {
  const int64_t e = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  if (e >= a.layout.size) return;
  int64_t at[3], first, second;
  gk_offsets(a.layout, e, at);
  const int64_t x = gk_index_at(a.before.dtype, a.first, at[1]);
  const int64_t y = gk_index_at(a.axis.dtype, a.second, at[2]);
  bool ok = gk_index_place(a.axis, y, &second);
  if (!ok) gk_index_report(a.axis, y);
  if (a.before.length == 0) {
    first = x;
    ok = ok && x >= -a.most && x <= a.most && !(a.before.dtype == GK_uint64 && x < 0);
  } else if (!gk_index_place(a.before, x, &first)) {
    gk_index_report(a.before, x);
    ok = false;
  } else {
    ok = ok && first <= a.most;
  }
  a.out[at[0]] = ok ? first * a.axis.length + second : INT64_MIN;
}
