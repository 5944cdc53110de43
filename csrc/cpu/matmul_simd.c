// The inner loops of matmul: register tiles of one shape per instruction set with their smaller
// ones for the edges, packing, and the two loops of matrix times vector.
#include <string.h>

#include "matmul.h"
#include "simd.h"

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))

// Rows and vectors of the largest tile: as many accumulators as registers allow.
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define ROWS 8
#define VECTORS 3
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#define ROWS 4
#define VECTORS 3
#elif defined(__aarch64__)
#define VECTOR_BYTES 16
#define ROWS 8
#define VECTORS 3
#else
#define VECTOR_BYTES 16
#define ROWS 4
#define VECTORS 2
#endif

#define VECTOR_TYPE(name, type)                                                                    \
  typedef type name __attribute__((vector_size(VECTOR_BYTES)));                                    \
  typedef type name##_unaligned __attribute__((vector_size(VECTOR_BYTES), aligned(1)));

VECTOR_TYPE(v_f32, float)
VECTOR_TYPE(v_f64, double)
VECTOR_TYPE(v_u8, uint8_t)
VECTOR_TYPE(v_u16, uint16_t)
VECTOR_TYPE(v_u32, uint32_t)
VECTOR_TYPE(v_u64, uint64_t)

// c + a * b, rounded once where the set can.
#if defined(__AVX512F__)
#define MAC_F32(c, a, b) ((v_f32)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define MAC_F64(c, a, b) ((v_f64)_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c)))
#elif defined(__AVX2__)
#define MAC_F32(c, a, b) ((v_f32)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define MAC_F64(c, a, b) ((v_f64)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
#elif defined(__aarch64__)
#define MAC_F32(c, a, b) ((v_f32)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define MAC_F64(c, a, b) ((v_f64)vfmaq_f64((float64x2_t)(c), (float64x2_t)(a), (float64x2_t)(b)))
#else
#define MAC_F32(c, a, b) ((c) + (a) * (b))
#define MAC_F64(c, a, b) ((c) + (a) * (b))
#endif
#define MAC_INTEGER(c, a, b) ((c) + (a) * (b))
#define MAC_BOOL(c, a, b) ((c) | ((a) & (b)))
#define ADD(a, b) ((a) + (b))
#define OR(a, b) ((a) | (b))

// x - 0 is x for every x, -0 and NaN included; x + 0 is not.
#define SPLAT(kind, x) ((x) - (v_##kind){0})

// One tile. Of the rows' addresses only every third is kept: the others are within reach of x86's
// scaled index.
#define TILE(name, kind, type, MAC, PLUS)                                                          \
  INLINE void name##_tile(int rows, int vectors, int64_t k, const type *a, int64_t row,            \
                          int64_t step, const type *b, int64_t ldb, type *c, int64_t ldc,          \
                          bool add) {                                                              \
    enum { LANES = VECTOR_BYTES / sizeof(type) };                                                  \
    v_##kind sum[GK_MATMUL_MAX_ROWS][GK_MATMUL_MAX_VECTORS];                                       \
    UNROLL for (int i = 0; i < rows; i++) {                                                        \
      UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = (v_##kind){0};                          \
    }                                                                                              \
    const type *a0 = a, *a3 = a + (rows > 3 ? 3 * row : 0), *a6 = a + (rows > 6 ? 6 * row : 0);    \
    for (int64_t p = 0; p < k; p++) {                                                              \
      v_##kind line[GK_MATMUL_MAX_VECTORS];                                                        \
      UNROLL for (int j = 0; j < vectors; j++) line[j] =                                           \
          *(const v_##kind##_unaligned *)(b + j * LANES);                                          \
      UNROLL for (int i = 0; i < rows; i++) {                                                      \
        const type *at = i < 3 ? a0 + i * row : i < 6 ? a3 + (i - 3) * row : a6 + (i - 6) * row;   \
        v_##kind value = SPLAT(kind, *at);                                                         \
        UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = MAC(sum[i][j], value, line[j]);       \
      }                                                                                            \
      b += ldb;                                                                                    \
      a0 += step;                                                                                  \
      a3 += step;                                                                                  \
      a6 += step;                                                                                  \
    }                                                                                              \
    UNROLL for (int i = 0; i < rows; i++) {                                                        \
      UNROLL for (int j = 0; j < vectors; j++) {                                                   \
        v_##kind##_unaligned *to = (v_##kind##_unaligned *)(c + i * ldc + j * LANES);              \
        *to = add ? PLUS(*to, sum[i][j]) : sum[i][j];                                              \
      }                                                                                            \
    }                                                                                              \
  }

#define TILE_OF(name, type, rows, vectors)                                                         \
  static void name##_##rows##_##vectors(int64_t k, const void *a, int64_t row, int64_t step,       \
                                        const void *b, int64_t ldb, void *c, int64_t ldc,          \
                                        bool add) {                                                \
    name##_tile(rows, vectors, k, a, row, step, b, ldb, c, ldc, add);                              \
  }

#define TILES_OF_WIDTH(name, type, vectors)                                                        \
  TILE_OF(name, type, 1, vectors)                                                                  \
  TILE_OF(name, type, 2, vectors)                                                                  \
  TILE_OF(name, type, 4, vectors)

#if ROWS == 8
#define TALL_TILE(name, type, vectors) TILE_OF(name, type, 8, vectors)
#define TALL(name) name
#else
#define TALL_TILE(name, type, vectors)
#define TALL(name) NULL
#endif
#if VECTORS == 3
#define WIDE_TILES(name, type) TILES_OF_WIDTH(name, type, 3) TALL_TILE(name, type, 3)
#define WIDE(name) name
#else
#define WIDE_TILES(name, type)
#define WIDE(name) NULL
#endif

// ---- packing

// Blocks of a few steps keep what is read and what is written in L1, whichever way it lies.
#define PACK(name, type)                                                                           \
  static void name##_pack(int64_t width, int64_t k, const void *from, int64_t across,              \
                          int64_t along, void *to, int64_t to_width) {                             \
    const type *in = from;                                                                         \
    type *out = to;                                                                                \
    if (across == 1) {                                                                             \
      for (int64_t p = 0; p < k; p++)                                                              \
        for (int64_t i = 0; i < width; i++) out[p * to_width + i] = in[p * along + i];             \
      return;                                                                                      \
    }                                                                                              \
    for (int64_t p = 0; p < k; p += 16) {                                                          \
      int64_t end = p + 16 < k ? p + 16 : k;                                                       \
      for (int64_t i = 0; i < width; i++)                                                          \
        for (int64_t q = p; q < end; q++) out[q * to_width + i] = in[i * across + q * along];      \
    }                                                                                              \
  }

PACK(b1, uint8_t)
PACK(b2, uint16_t)
PACK(b4, uint32_t)
PACK(b8, uint64_t)

// ---- matrix times vector

#define DOT_ROWS 4

#define VECTOR_LOOPS(kind, type, MAC)                                                              \
  INLINE void kind##_dots(int rows, int64_t k, const type *a, int64_t lda, const type *x,          \
                          type *y) {                                                               \
    enum { LANES = VECTOR_BYTES / sizeof(type), STEP = 2 * LANES };                                \
    v_##kind sum[DOT_ROWS][2];                                                                     \
    UNROLL for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = (v_##kind){0};                   \
    int64_t p = 0;                                                                                 \
    for (; p + STEP <= k; p += STEP) {                                                             \
      v_##kind x0 = *(const v_##kind##_unaligned *)(x + p);                                        \
      v_##kind x1 = *(const v_##kind##_unaligned *)(x + p + LANES);                                \
      UNROLL for (int i = 0; i < rows; i++) {                                                      \
        const type *at = a + i * lda + p;                                                          \
        sum[i][0] = MAC(sum[i][0], *(const v_##kind##_unaligned *)at, x0);                         \
        sum[i][1] = MAC(sum[i][1], *(const v_##kind##_unaligned *)(at + LANES), x1);               \
      }                                                                                            \
    }                                                                                              \
    UNROLL for (int i = 0; i < rows; i++) {                                                        \
      v_##kind lanes = sum[i][0] + sum[i][1];                                                      \
      type total = 0;                                                                              \
      for (int64_t q = p; q < k; q++) total += a[i * lda + q] * x[q];                              \
      for (int j = 0; j < LANES; j++) total += lanes[j];                                           \
      y[i] = total;                                                                                \
    }                                                                                              \
  }                                                                                                \
  static void kind##_dot(int64_t rows, int64_t k, const void *a, int64_t lda, const void *x,       \
                         void *y) {                                                                \
    int64_t i = 0;                                                                                 \
    for (; i + DOT_ROWS <= rows; i += DOT_ROWS)                                                    \
      kind##_dots(DOT_ROWS, k, (const type *)a + i * lda, lda, x, (type *)y + i);                  \
    for (; i < rows; i++) kind##_dots(1, k, (const type *)a + i * lda, lda, x, (type *)y + i);     \
  }                                                                                                \
  static void kind##_combine(int64_t n, int64_t k, const void *b, int64_t ldb, const void *xs,     \
                             void *ys) {                                                           \
    const type *x = xs;                                                                            \
    type *restrict y = ys;                                                                         \
    memset(y, 0, (size_t)n * sizeof(type));                                                        \
    int64_t p = 0;                                                                                 \
    for (; p + 8 <= k; p += 8) {                                                                   \
      const type *r0 = (const type *)b + p * ldb, *r1 = r0 + ldb, *r2 = r1 + ldb, *r3 = r2 + ldb;  \
      const type *r4 = r3 + ldb, *r5 = r4 + ldb, *r6 = r5 + ldb, *r7 = r6 + ldb;                   \
      const type *f = x + p;                                                                       \
      for (int64_t j = 0; j < n; j++)                                                              \
        y[j] += ((f[0] * r0[j] + f[1] * r1[j]) + (f[2] * r2[j] + f[3] * r3[j])) +                  \
                ((f[4] * r4[j] + f[5] * r5[j]) + (f[6] * r6[j] + f[7] * r7[j]));                   \
    }                                                                                              \
    for (; p < k; p++) {                                                                           \
      const type *r = (const type *)b + p * ldb;                                                   \
      for (int64_t j = 0; j < n; j++) y[j] += x[p] * r[j];                                         \
    }                                                                                              \
  }

// ---- the sets

#define FLOAT_SET(kind, type, MAC)                                                                 \
  TILE(kind, kind, type, MAC, ADD)                                                                 \
  TILES_OF_WIDTH(kind, type, 1)                                                                    \
  TILES_OF_WIDTH(kind, type, 2)                                                                    \
  TALL_TILE(kind, type, 1)                                                                         \
  TALL_TILE(kind, type, 2)                                                                         \
  WIDE_TILES(kind, type)                                                                           \
  VECTOR_LOOPS(kind, type, MAC)

#define FLOAT_ENTRY(kind, type, packing)                                                           \
  {sizeof(type),                                                                                   \
   ROWS,                                                                                           \
   VECTORS,                                                                                        \
   VECTOR_BYTES / sizeof(type),                                                                    \
   {{kind##_1_1, kind##_1_2, WIDE(kind##_1_3)},                                                    \
    {kind##_2_1, kind##_2_2, WIDE(kind##_2_3)},                                                    \
    {kind##_4_1, kind##_4_2, WIDE(kind##_4_3)},                                                    \
    {TALL(kind##_8_1), TALL(kind##_8_2), TALL(kind##_8_3)}},                                       \
   packing##_pack,                                                                                 \
   kind##_dot,                                                                                     \
   kind##_combine}

#define OTHER_SET(name, kind, type, MAC, PLUS)                                                     \
  TILE(name, kind, type, MAC, PLUS)                                                                \
  TILES_OF_WIDTH(name, type, 1)

#define OTHER_ENTRY(name, type, packing)                                                           \
  {sizeof(type),                                                                                   \
   4,                                                                                              \
   1,                                                                                              \
   VECTOR_BYTES / sizeof(type),                                                                    \
   {{name##_1_1, NULL, NULL}, {name##_2_1, NULL, NULL}, {name##_4_1, NULL, NULL}},                 \
   packing##_pack,                                                                                 \
   NULL,                                                                                           \
   NULL}

FLOAT_SET(f32, float, MAC_F32)
FLOAT_SET(f64, double, MAC_F64)
OTHER_SET(u8, u8, uint8_t, MAC_INTEGER, ADD)
OTHER_SET(u16, u16, uint16_t, MAC_INTEGER, ADD)
OTHER_SET(u32, u32, uint32_t, MAC_INTEGER, ADD)
OTHER_SET(u64, u64, uint64_t, MAC_INTEGER, ADD)
OTHER_SET(truth, u8, uint8_t, MAC_BOOL, OR)

const gk_matmul_table GK_NAME(gk_matmul_kernels_table) = {{
    [GK_MATMUL_F32] = FLOAT_ENTRY(f32, float, b4),
    [GK_MATMUL_F64] = FLOAT_ENTRY(f64, double, b8),
    [GK_MATMUL_U8] = OTHER_ENTRY(u8, uint8_t, b1),
    [GK_MATMUL_U16] = OTHER_ENTRY(u16, uint16_t, b2),
    [GK_MATMUL_U32] = OTHER_ENTRY(u32, uint32_t, b4),
    [GK_MATMUL_U64] = OTHER_ENTRY(u64, uint64_t, b8),
    [GK_MATMUL_BOOL] = OTHER_ENTRY(truth, uint8_t, b1),
}};
