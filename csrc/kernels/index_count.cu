// Counting: histogram, and scatter_add of one value to few places. Whole numbers, whose sums are the same in
// any order.
//
// Blocks of 256 threads go through the elements; a block counts in shared memory (16 KB) and adds what it has
// counted to the result at the end. A count has copies, which the lanes of a warp take in turn: where there
// are few places all lanes would want the same one.
//
//   index_histogram_begin   Clears the result; edges as numbers to compare with. Grid: a thread for each edge.
//   index_histogram32, index_histogram64   Up to 2048 bins; their edges are in shared memory too (8 or 16 KB).
//   index_histogram_long32, index_histogram_long64   More: edges and counts are where they are.
//   index_count_places   scatter_add.
#include "index.cuh"
#include "strided.cuh"

#define THREADS GK_STRIDED_THREADS
#define MOST_BINS 2048
#define AHEAD 4 // indices of a thread that are asked for before the first is used

template <class T> GK_INLINE auto comparable(T x) {
  if constexpr (gk_same<T, gk_half> || gk_same<T, gk_bfloat>)
    return gk_widen(x);
  else
    return x;
}

// The bin of x: where the edges are even arithmetic gives it, or one beside it, else it is looked for; -1 for
// none. `most`: the last bin, or what a float holds exactly.
template <class Number>
GK_INLINE int64_t bin_of(Number x, Number first, Number scale, Number most, int64_t bins,
                         const Number *edges) {
  Number guess = (x - first) * scale;
  guess = guess > 0 ? guess : 0;
  const int64_t bin = (int)(guess < most ? guess : most);
  if (x >= edges[bin] && x < edges[bin + 1]) return bin;
  if (!(x >= first && x <= edges[bins])) return -1;
  int64_t low = 0, high = bins;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (edges[middle] <= x)
      low = middle;
    else
      high = middle;
  }
  return low;
}

// Calls count(bin) for each of the block's elements that has one.
template <class T, class Number, class Count>
GK_INLINE void count_bins(const gk_histogram_args &a, const Number *edges, const Count &count) {
  const Number first = edges[0], most = (Number)(a.bins - 1 < 1 << 24 ? a.bins - 1 : 1 << 24);
  const Number scale = (float)a.bins / (float)(edges[a.bins] - first); // near enough for a guess
  const int64_t blocks = (a.arrays.layout.size + GK_STRIDED_BLOCK - 1) / GK_STRIDED_BLOCK;
  for (int64_t block = blockIdx.x; block < blocks; block += gridDim.x) {
    const gk_share share = gk_share_at(a.arrays, block);
    int64_t bits[GK_GROUP];
    T x[GK_GROUP];
    gk_load_strided(a.arrays, share, 0, a.in, bits);
    gk_convert_bits(a.arrays.dtype[0], bits, x);
    GK_UNROLL
    for (int e = 0; e < GK_GROUP; e++) {
      if (e >= share.count) break;
      const int64_t bin = bin_of(comparable(x[e]), first, scale, most, a.bins, edges);
      if (bin >= 0) count(bin);
    }
  }
}

struct near_counts {
  unsigned *counts;
  uint32_t copies;
  __device__ __forceinline__ void operator()(int64_t bin) const {
    atomicAdd(&counts[bin * copies + (threadIdx.x & (copies - 1))], 1u);
  }
};
struct far_counts {
  const gk_histogram_args &a;
  __device__ __forceinline__ void operator()(int64_t bin) const {
    atomicAdd((unsigned long long *)a.out + bin * a.out_step, 1ull);
  }
};

GK_INLINE void clear_counts(unsigned *counts, int64_t count) {
  for (int i = (int)threadIdx.x; i < (int)count; i += THREADS) counts[i] = 0;
}
GK_INLINE unsigned sum_copies(const unsigned *counts, int place, uint32_t copies) {
  unsigned sum = 0;
  for (uint32_t k = 0; k < copies; k++) sum += counts[place * copies + k];
  return sum;
}

template <class T, class Number>
GK_INLINE void histogram(const gk_histogram_args &a, Number *edges, unsigned *counts) {
  for (int i = (int)threadIdx.x; i <= (int)a.bins; i += THREADS)
    edges[i] = ((const Number *)a.numbers)[i];
  clear_counts(counts, a.bins * a.copies);
  __syncthreads();
  count_bins<T>(a, edges, near_counts{counts, a.copies});
  __syncthreads();
  for (int bin = (int)threadIdx.x; bin < (int)a.bins; bin += THREADS) {
    const unsigned sum = sum_copies(counts, bin, a.copies);
    if (sum) atomicAdd((unsigned long long *)a.out + bin * a.out_step, (unsigned long long)sum);
  }
}

template <class T> GK_INLINE void write_edge(const gk_histogram_args &a, int64_t i) {
  const auto edge = comparable(gk_load_as<T>((int)a.edge_dtype, a.edges, i * a.edge_step));
  ((decltype(comparable(T{})) *)a.numbers)[i] = edge;
}

GK_KERNEL(THREADS, index_histogram_begin, gk_histogram_args) {
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  if (i > a.bins) return;
  if (i < a.bins) a.out[i * a.out_step] = 0;
  if (a.compute == GK_float32)
    write_edge<float>(a, i);
  else if (a.compute == GK_float64)
    write_edge<double>(a, i);
  else if (a.compute == GK_float16)
    write_edge<gk_half>(a, i);
  else
    write_edge<gk_bfloat>(a, i);
}

GK_KERNEL(THREADS, index_histogram32, gk_histogram_args) {
  __shared__ float edges[MOST_BINS + 1];
  __shared__ unsigned counts[GK_COUNTS];
  if (a.compute == GK_float32)
    histogram<float>(a, edges, counts);
  else if (a.compute == GK_float16)
    histogram<gk_half>(a, edges, counts);
  else
    histogram<gk_bfloat>(a, edges, counts);
}

GK_KERNEL(THREADS, index_histogram64, gk_histogram_args) {
  __shared__ double edges[MOST_BINS + 1];
  __shared__ unsigned counts[GK_COUNTS];
  histogram<double>(a, edges, counts);
}

template <class T> GK_INLINE void long_histogram(const gk_histogram_args &a) {
  count_bins<T>(a, (const decltype(comparable(T{})) *)a.numbers, far_counts{a});
}

GK_KERNEL(THREADS, index_histogram_long32, gk_histogram_args) {
  if (a.compute == GK_float32)
    long_histogram<float>(a);
  else if (a.compute == GK_float16)
    long_histogram<gk_half>(a);
  else
    long_histogram<gk_bfloat>(a);
}
GK_KERNEL(THREADS, index_histogram_long64, gk_histogram_args) { long_histogram<double>(a); }

// ---- scatter_add

GK_KERNEL(THREADS, index_count_places, gk_count_args) {
  __shared__ unsigned counts[GK_COUNTS];
  const near_counts count = {counts, a.copies};
  clear_counts(counts, a.axis.length * a.copies);
  __syncthreads();
  const int64_t step = (int64_t)gridDim.x * (THREADS * AHEAD);
  for (int64_t i = (int64_t)blockIdx.x * (THREADS * AHEAD) + threadIdx.x; i < a.count; i += step) {
    int64_t index[AHEAD], place;
    GK_UNROLL
    for (int k = 0; k < AHEAD; k++)
      if (i + k * THREADS < a.count)
        index[k] = gk_index_at(a.axis.dtype, a.index, (i + k * THREADS) * a.index_step);
    GK_UNROLL
    for (int k = 0; k < AHEAD; k++) {
      if (i + k * THREADS >= a.count) break;
      if (gk_index_place(a.axis, index[k], &place))
        count(place);
      else
        gk_index_report(a.axis, index[k]);
    }
  }
  __syncthreads();
  for (int place = (int)threadIdx.x; place < (int)a.axis.length; place += THREADS) {
    const unsigned sum = sum_copies(counts, place, a.copies);
    const int64_t to = place * a.axis.step;
    if (sum == 0) continue;
    if (a.bytes == 4)
      atomicAdd((unsigned *)a.array + to, sum * *(const unsigned *)a.value);
    else
      atomicAdd((unsigned long long *)a.array + to, sum * *(const unsigned long long *)a.value);
  }
}
