// Between matmul.c, which blocks and packs, and matmul_simd.c, which holds the inner loops.
// Strides and leading dimensions count elements.
#ifndef GK_CPU_MATMUL_H
#define GK_CPU_MATMUL_H

#include "cpu.h"

// What a product accumulates in; the integers are unsigned, so that they wrap.
enum {
  GK_MATMUL_F32,
  GK_MATMUL_F64,
  GK_MATMUL_U8,
  GK_MATMUL_U16,
  GK_MATMUL_U32,
  GK_MATMUL_U64,
  GK_MATMUL_BOOL,
  GK_MATMUL_KINDS
};

#define GK_MATMUL_MAX_ROWS 8
#define GK_MATMUL_MAX_VECTORS 3

// c = (add ? c : 0) + a b for one tile of fixed size: a's element (i, p) stands at
// a[i * row + p * step], b's row p at b + p * ldb, c's row i at c + i * ldc.
typedef void (*gk_matmul_tile_fn)(int64_t k, const void *a, int64_t row, int64_t step,
                                  const void *b, int64_t ldb, void *c, int64_t ldc, bool add);

typedef struct gk_matmul_set {
  int bytes;         // of an element
  int rows, vectors; // of the largest tile: rows is a power of two
  int lanes;         // elements of a vector
  // tile[i][j]: 2^i rows, j + 1 vectors wide
  gk_matmul_tile_fn tile[4][GK_MATMUL_MAX_VECTORS];
  // to[p * width + i] = from[i * across + p * along] for i < width, p < k.
  void (*pack)(int64_t width, int64_t k, const void *from, int64_t across, int64_t along, void *to,
               int64_t to_width);
  // Vectors; NULL but for floats. y[i] = rows of a times x, along contiguous rows:
  void (*dot)(int64_t rows, int64_t k, const void *a, int64_t lda, const void *x, void *y);
  // y = x times the rows of b: contiguous pieces of b's rows, scaled and added.
  void (*combine)(int64_t n, int64_t k, const void *b, int64_t ldb, const void *x, void *y);
} gk_matmul_set;

typedef struct gk_matmul_table {
  gk_matmul_set sets[GK_MATMUL_KINDS];
} gk_matmul_table;

GK_KERNELS(gk_matmul_table, gk_matmul_kernels)

// The part of gk_cpu_matmul for complex64 (matmul_complex.c); calls it for float32.
gk_status gk_cpu_matmul_complex(const gk_call *call, gk_error *error);

#endif
