// Matrix products: matmul.h has the tiles and forms.
//
// The 16 x 16 threads of a block have 4 or 8 rows and columns of the tile each, in groups of four that are 64
// apart, so that what a warp reads of a row of shared memory is side by side. Shared memory holds two tiles
// of each operand (one, of wide float64), as [k][row or column]; its rows are four elements longer
// than the tile so that transposing an operand on the way in does not meet in few banks. Sums are fused multiply-adds in
// the order of k.
#include "element.cuh"
#include "layout.cuh"
#include "matmul.h"

#define GK_FLAT _Pragma("unroll 1")

template <class T> struct alignas(4 * sizeof(T)) gk_four {
  T x[4];
};

// ---- what is accumulated in

GK_INLINE float gk_multiply_add(float x, float y, float sum) { return fmaf(x, y, sum); }
GK_INLINE double gk_multiply_add(double x, double y, double sum) { return fma(x, y, sum); }
GK_INLINE uint32_t gk_multiply_add(uint32_t x, uint32_t y, uint32_t sum) { return sum + x * y; }
GK_INLINE uint64_t gk_multiply_add(uint64_t x, uint64_t y, uint64_t sum) { return sum + x * y; }
GK_INLINE gk_boolean gk_multiply_add(gk_boolean x, gk_boolean y, gk_boolean sum) {
  return gk_boolean{(uint8_t)(sum.value | (x.value & y.value))};
}
GK_INLINE gk_complex gk_multiply_add(gk_complex x, gk_complex y, gk_complex sum) {
  return gk_complex{fmaf(-x.im, y.im, fmaf(x.re, y.re, sum.re)),
                    fmaf(x.im, y.re, fmaf(x.re, y.im, sum.im))};
}

// ---- elements

// Of one dtype: how they are read and written, one or four at a time.
template <class T> struct gk_one_dtype {
  typedef typename gk_type<T>::work Sum;
  typedef gk_four<T> Four;
  static constexpr bool packed = true;
  GK_INLINE Sum get(T x) { return gk_cast<Sum>(x); }
  GK_INLINE Sum load(const gk_matmul_operand &from, int, int64_t at) {
    return get(((const T *)from.data)[at]);
  }
  GK_INLINE void load_four(const gk_matmul_operand &from, int64_t at, Sum (&x)[4]) {
    const Four four = *(const Four *)((const T *)from.data + at);
    GK_UNROLL
    for (int i = 0; i < 4; i++) x[i] = get(four.x[i]);
  }
  GK_INLINE void store(const gk_matmul_arguments &a, int64_t at, Sum x) {
    ((T *)a.c)[at] = gk_cast<T>(x);
  }
  GK_INLINE void store_four(const gk_matmul_arguments &a, int64_t at, const Sum *x) {
    Four four;
    GK_UNROLL
    for (int i = 0; i < 4; i++) four.x[i] = gk_cast<T>(x[i]);
    *(Four *)((T *)a.c + at) = four;
  }
};

// Of any dtypes, as `To`. Floats that an integer dtype was asked for become that first.
template <class To> struct gk_any_dtype {
  typedef To Sum;
  static constexpr bool packed = false;
  GK_INLINE To load(const gk_matmul_operand &from, int compute, int64_t at) {
    if constexpr (gk_same<To, uint32_t> || gk_same<To, uint64_t>) {
      if (from.dtype >= GK_float16)
        return (To)gk_to_whole(compute, gk_load_as<double>(from.dtype, from.data, at));
    }
    return gk_load_as<To>(from.dtype, from.data, at);
  }
  // Results have the call's dtype, of which there are few for each type of sums.
  GK_INLINE void store(const gk_matmul_arguments &a, int64_t at, To x) {
    if constexpr (gk_same<To, float>) {
      if (a.result == GK_float16)
        ((gk_half *)a.c)[at] = gk_cast<gk_half>(x);
      else if (a.result == GK_bfloat16)
        ((gk_bfloat *)a.c)[at] = gk_cast<gk_bfloat>(x);
      else
        ((float *)a.c)[at] = x;
    } else if constexpr (gk_same<To, uint32_t>) {
      if (a.result == GK_int8 || a.result == GK_uint8)
        ((uint8_t *)a.c)[at] = (uint8_t)x;
      else if (a.result == GK_int16 || a.result == GK_uint16)
        ((uint16_t *)a.c)[at] = (uint16_t)x;
      else
        ((uint32_t *)a.c)[at] = x;
    } else {
      ((To *)a.c)[at] = x;
    }
  }
};

// ---- tiles

// A thread's share of an operand's tiles of `width` rows or columns, `steps` of k deep, one after another:
// fours of elements along k or across, as by_k says. A tile is read a step ahead of being written to
// shared memory; any dtypes, which take many instructions to read, are both read and written then.
template <class Elements, int width, int steps> struct gk_share {
  typedef typename Elements::Sum Sum;
  static constexpr int fours = width * steps / 4 / GK_MATMUL_THREADS;
  static constexpr int pitch = width + 4;

  const gk_matmul_operand &from;
  const int compute;
  int64_t at[fours]; // of the first element of a four
  int present[fours]; // rows or columns that it reaches, up to 4
  Sum x[fours][4];

  __device__ __forceinline__ int across(int f) const {
    const int four = f * GK_MATMUL_THREADS + threadIdx.x;
    return from.by_k ? four / (steps / 4) : four % (width / 4) * 4;
  }
  __device__ __forceinline__ int along(int f) const {
    const int four = f * GK_MATMUL_THREADS + threadIdx.x;
    return from.by_k ? four % (steps / 4) * 4 : four / (width / 4);
  }

  __device__ __forceinline__ gk_share(const gk_matmul_operand &from, int compute)
      : from(from), compute(compute) {}
  // From row or column `first` of `limit` on, with the operand beginning at `item`.
  __device__ __forceinline__ void begin(int64_t item, int64_t first, int64_t limit) {
    GK_UNROLL
    for (int f = 0; f < fours; f++) {
      const int64_t row = first + across(f), left = limit - row;
      present[f] = left >= 4 ? 4 : left > 0 ? (int)left : 0;
      at[f] = item + row * from.across + along(f) * from.along;
    }
  }
  // Elements of four f that are there, with `left` steps to come.
  __device__ __forceinline__ int count(int f, int left) const {
    const int steps_left = left - along(f);
    if (!from.by_k) return steps_left > 0 ? present[f] : 0;
    return present[f] == 0 ? 0 : steps_left > 4 ? 4 : steps_left;
  }
  __device__ __forceinline__ void read(int left) {
    if constexpr (Elements::packed) {
      const int64_t stride = from.by_k ? from.along : from.across;
      GK_UNROLL
      for (int f = 0; f < fours; f++) {
        const int there = count(f, left);
        if (from.packs && there == 4) {
          Elements::load_four(from, at[f], x[f]);
        } else {
          GK_UNROLL
          for (int i = 0; i < 4; i++)
            x[f][i] = i < there ? Elements::load(from, compute, at[f] + i * stride) : Sum{};
        }
        at[f] += steps * from.along;
      }
    }
  }
  __device__ __forceinline__ void write(int left, Sum *tile) {
    GK_UNROLL
    for (int f = 0; f < fours; f++) {
      Sum *const to = tile + along(f) * pitch + across(f);
      const int step = from.by_k ? pitch : 1;
      if constexpr (Elements::packed) {
        GK_UNROLL
        for (int i = 0; i < 4; i++) to[i * step] = x[f][i];
      } else {
        const int there = count(f, left);
        const int64_t stride = from.by_k ? from.along : from.across;
        GK_FLAT
        for (int i = 0; i < 4; i++)
          to[i * step] = i < there ? Elements::load(from, compute, at[f] + i * stride) : Sum{};
        at[f] += steps * from.along;
      }
    }
  }
};

// The tile in which block `number` is: eight rows of tiles by turns, so that blocks that run at one time
// share operands in the cache.
GK_INLINE void gk_find_tile(const gk_matmul_arguments &a, int64_t height, int64_t *row,
                            int64_t *column) {
  const uint32_t together = 8, group = together * a.tiles;
  const uint32_t rows = (uint32_t)((a.m + height - 1) / height);
  const uint32_t first = blockIdx.x / group * together, rest = blockIdx.x % group;
  const uint32_t tall = rows - first < together ? rows - first : together;
  *row = first + rest % tall;
  *column = rest / tall;
}

// rows, columns: of a thread, 4 or 8.
template <class Elements, int rows, int columns, int steps>
GK_INLINE void gk_multiply(const gk_matmul_arguments &a) {
  typedef typename Elements::Sum Sum;
  constexpr int height = 16 * rows, width = 16 * columns;
  typedef gk_share<Elements, height, steps> ShareA;
  typedef gk_share<Elements, width, steps> ShareB;
  constexpr int size_a = steps * ShareA::pitch, size_b = steps * ShareB::pitch;
  constexpr bool turns = 2 * (size_a + size_b) * sizeof(Sum) <= 48 * 1024;
  // As words: shared variables have no constructors.
  __shared__ __align__(16) gk_bits<Sum> words_a[(turns ? 2 : 1) * size_a];
  __shared__ __align__(16) gk_bits<Sum> words_b[(turns ? 2 : 1) * size_b];
  Sum *const tile_a = (Sum *)words_a, *const tile_b = (Sum *)words_b;

  int64_t tile_row, tile_column;
  gk_find_tile(a, height, &tile_row, &tile_column);
  const int64_t first_row = tile_row * height, first_column = tile_column * width;
  const int x = threadIdx.x % 16 * 4, y = threadIdx.x / 16 * 4;
  for (int64_t item = blockIdx.z; item < a.batch.size; item += gridDim.z) {
    int64_t place[3];
    gk_offsets<3>(a.batch, item, place);
    Sum sum[rows][columns] = {};
    ShareA share_a(a.a, a.compute);
    ShareB share_b(a.b, a.compute);
    const int64_t first_k = blockIdx.y * a.span;
    const int64_t length = a.k - first_k < a.span ? a.k - first_k : a.span;
    share_a.begin(place[0] + first_k * a.a.along, first_row, a.m);
    share_b.begin(place[1] + first_k * a.b.along, first_column, a.n);
    int turn = 0;
    GK_FLAT
    for (int64_t k = -steps; k < length; k += steps) { // first, only the first tiles are read
      const int64_t left = length - k - steps;
      const int coming = left > steps ? steps : (int)left;
      if (coming > 0) {
        share_a.read(coming);
        share_b.read(coming);
      }
      if (k >= 0) {
        const Sum *const now_a = tile_a + turn * size_a, *const now_b = tile_b + turn * size_b;
        _Pragma("unroll 2") // more would not leave registers for two blocks
            for (int step = 0; step < steps; step++) {
          Sum u[rows], v[columns];
          GK_UNROLL
          for (int i = 0; i < rows; i++)
            u[i] = now_a[step * ShareA::pitch + i / 4 * 64 + y + i % 4];
          GK_UNROLL
          for (int j = 0; j < columns; j++)
            v[j] = now_b[step * ShareB::pitch + j / 4 * 64 + x + j % 4];
          GK_UNROLL
          for (int i = 0; i < rows; i++) GK_UNROLL
          for (int j = 0; j < columns; j++) sum[i][j] = gk_multiply_add(u[i], v[j], sum[i][j]);
        }
        turn ^= turns;
      }
      if (!turns) __syncthreads();
      if (coming > 0) {
        share_a.write(coming, tile_a + turn * size_a);
        share_b.write(coming, tile_b + turn * size_b);
      }
      __syncthreads();
    }

    GK_UNROLL
    for (int i = 0; i < rows; i++) {
      const int64_t row = first_row + i / 4 * 64 + y + i % 4;
      if (row >= a.m) continue;
      GK_UNROLL
      for (int j = 0; j < columns; j += 4) {
        const int64_t column = first_column + j / 4 * 64 + x;
        const int64_t at = place[2] + row * a.row + column * a.column;
        if constexpr (Elements::packed) {
          if (rows == 4 && a.partial) { // wide ones have tiles enough
            Sum *const part = (Sum *)a.partial + (blockIdx.y * a.m + row) * a.n;
            GK_UNROLL
            for (int l = 0; l < 4; l++)
              if (column + l < a.n) part[column + l] = sum[i][j + l];
            continue;
          }
          if (a.packs && column + 4 <= a.n) {
            Elements::store_four(a, at, sum[i] + j);
            continue;
          }
        }
        GK_UNROLL
        for (int l = 0; l < 4; l++)
          if (column + l < a.n) Elements::store(a, at + l * a.column, sum[i][j + l]);
      }
    }
  }
}

// ---- their declarations

#define FLOATS(form, name, T, rows, columns, steps, blocks)                                        \
  GK_KERNEL_OF(blocks, GK_MATMUL_THREADS, matmul_##form##_##name, gk_matmul_arguments) {           \
    gk_multiply<gk_one_dtype<T>, rows, columns, steps>(a);                                         \
  }
#define ANY(name, T)                                                                               \
  GK_KERNEL_OF(2, GK_MATMUL_THREADS, matmul_any_##name, gk_matmul_arguments) {                     \
    gk_multiply<gk_any_dtype<T>, 4, 4, 16>(a);                                                     \
  }
GK_MATMUL_FLOATS(FLOATS)
GK_MATMUL_ANY(ANY)
