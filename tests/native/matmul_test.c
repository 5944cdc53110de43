// gk_cpu_matmul against a plain triple loop: every pair of dtypes, odd sizes, any strides, broadcast
// batches, every instruction set of the machine. The values are chosen so that every sum is exact and
// results must be equal, whatever the order of additions.
#include "../../csrc/cpu/cpu.h"
#include "test.h"

typedef struct array {
  gk_storage storage;
  gk_view view;
  char *memory, *copy;
  int64_t bytes;
} array;

// A view of `shape` on memory of its own, with axes in a random order, gaps, reversed axes and, with
// `broadcast`, batch axes of stride 0. The memory ends (or begins) right at the view.
static void make_array(array *a, uint8_t dtype, int ndim, const int64_t *shape, bool broadcast,
                       bool plain) {
  int64_t strides[GK_MAX_DIMS], extent = 1, first = 0;
  int order[GK_MAX_DIMS];
  for (int i = 0; i < ndim; i++) order[i] = ndim - 1 - i;
  for (int i = 0; !plain && i < ndim; i++) {
    int j = (int)test_below(ndim), t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
  for (int i = 0; i < ndim; i++) {
    int axis = order[i];
    int64_t n = shape[axis] ? shape[axis] : 1;
    bool still = broadcast && axis < ndim - 2 && test_below(2);
    int64_t gap = plain || test_below(4) ? 1 : 1 + test_below(3);
    strides[axis] = still ? 0 : extent * gap;
    if (still) continue;
    extent = strides[axis] * (n - 1) + extent;
    if (!plain && test_below(4) == 0) {
      first += strides[axis] * (n - 1);
      strides[axis] = -strides[axis];
    }
  }
  int size = gk_dtypes[dtype].size;
  a->bytes = extent * size;
  a->memory = malloc((size_t)a->bytes);
  a->copy = malloc((size_t)a->bytes);
  a->view = test_view(&a->storage, a->memory, dtype, ndim, shape);
  for (int i = 0; i < ndim; i++) a->view.strides[i] = strides[i];
  a->view.offset = first * size;
  a->view.contiguous = plain && !broadcast;
}

static void release(array *a) {
  free(a->memory);
  free(a->copy);
}

typedef struct number {
  double re, im;
} number;

static void store(char *to, uint8_t dtype, number x) {
  double value = x.re;
  if (dtype == GK_complex64) {
    gk_complex64 z = {(float)x.re, (float)x.im};
    memcpy(to, &z, sizeof z);
    return;
  }
  gk_scalar s = gk_scalar_from_double(value, dtype);
  memcpy(to, s.bytes, gk_dtypes[dtype].size);
}

// Small multiples of 1/8 for floats, small integers else.
static void fill(array *a) {
  int size = gk_dtypes[a->view.dtype].size, class = gk_dtypes[a->view.dtype].class;
  for (int64_t i = 0; i < a->bytes / size; i++) {
    double value = (double)test_below(17) - 8;
    if (class & (GK_CLASS_FLOAT | GK_CLASS_COMPLEX)) value /= 8;
    if (class == GK_CLASS_UNSIGNED && value < 0) value = -value;
    if (class == GK_CLASS_BOOL) value = test_below(4) == 0;
    number x = {value, class == GK_CLASS_COMPLEX ? (double)test_below(17) / 8 - 1 : 0};
    store(a->memory + i * size, a->view.dtype, x);
  }
  memcpy(a->copy, a->memory, (size_t)a->bytes);
}

static int64_t offset_of(const gk_view *v, const gk_view *out, int64_t item, int64_t i, int64_t j) {
  int64_t offset = i * v->strides[v->ndim - 2] + j * v->strides[v->ndim - 1];
  for (int axis = out->ndim - 3; axis >= 0; axis--) {
    offset += item % out->shape[axis] * v->strides[axis];
    item /= out->shape[axis];
  }
  return v->offset + offset * gk_dtypes[v->dtype].size;
}

// One item of an operand as `compute` sees it, row-major.
static number *values(const array *a, const gk_view *out, int64_t item, uint8_t compute) {
  int64_t rows = a->view.shape[a->view.ndim - 2], columns = a->view.shape[a->view.ndim - 1];
  number *result = malloc((size_t)(rows * columns + 1) * sizeof(number));
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < columns; j++) {
      const char *place = a->memory + offset_of(&a->view, out, item, i, j);
      number x = {gk_scalar_to_double(place, a->view.dtype), 0};
      if (a->view.dtype == GK_complex64) x.im = gk_scalar_to_double(place + 4, GK_float32);
      if (compute == GK_bool) x.re = x.re != 0;
      result[i * columns + j] = x;
    }
  }
  return result;
}

static number *product_of(const number *a, const number *b, int64_t m, int64_t n, int64_t k) {
  number *result = calloc((size_t)(m * n + 1), sizeof(number));
  for (int64_t i = 0; i < m; i++)
    for (int64_t p = 0; p < k; p++)
      for (int64_t j = 0; j < n; j++) {
        number x = a[i * k + p], y = b[p * n + j], *sum = &result[i * n + j];
        sum->re += x.re * y.re - x.im * y.im;
        sum->im += x.re * y.im + x.im * y.re;
      }
  return result;
}

// Checks out and that nothing else in its memory was written.
static void check(const array *a, const array *b, array *c, uint8_t compute, const char *what) {
  const gk_view *out = &c->view;
  int64_t m = out->shape[out->ndim - 2], n = out->shape[out->ndim - 1];
  int64_t k = a->view.shape[a->view.ndim - 1], wrong = 0;
  int size = gk_dtypes[compute].size;
  for (int64_t item = 0; m && n && item < out->size / (m * n); item++) {
    number *left = values(a, out, item, compute), *right = values(b, out, item, compute);
    number *sums = product_of(left, right, m, n, k);
    for (int64_t i = 0; i < m * n; i++) {
      char want[8];
      if (gk_dtypes[compute].class & (GK_CLASS_FLOAT | GK_CLASS_COMPLEX)) {
        store(want, compute, sums[i]);
      } else { // wraps
        uint64_t bits = compute == GK_bool ? sums[i].re != 0 : (uint64_t)(int64_t)sums[i].re;
        memcpy(want, &bits, (size_t)size);
      }
      char *got = c->memory + offset_of(out, out, item, i / n, i % n);
      wrong += memcmp(got, want, (size_t)size) != 0;
      memcpy(got, c->copy + (got - c->memory), (size_t)size);
    }
    free(left);
    free(right);
    free(sums);
  }
  CHECKF(wrong == 0, "%s: %d of %d elements wrong", what, (int)wrong, (int)out->size);
  CHECKF(memcmp(c->memory, c->copy, (size_t)c->bytes) == 0, "%s: wrote outside out", what);
}

static void run(array *a, array *b, array *c, uint8_t compute, const char *what) {
  gk_call call = {.op = GK_OP_matmul, .family = GK_FAMILY_MATMUL, .inputs = 2, .outputs = 1};
  call.compute = compute;
  call.in[0] = &a->view;
  call.in[1] = &b->view;
  call.out[0] = &c->view;
  call.size = c->view.size;
  gk_error error;
  CHECK(gk_cpu_matmul(&call, &error) == GK_OK);
  check(a, b, c, compute, what);
}

static void one(uint8_t da, uint8_t db, uint8_t compute, int64_t m, int64_t n, int64_t k,
                int batch_axes, bool plain) {
  int64_t shape[GK_MAX_DIMS], m_axis = batch_axes, n_axis = batch_axes + 1;
  for (int i = 0; i < batch_axes; i++) shape[i] = test_below(9) ? 1 + test_below(3) : 0;
  char what[160];
  snprintf(what, sizeof what, "%s: %s @ %s -> %s, m %d n %d k %d, %d batch axes%s",
           gk_cpu_isa_name(gk_cpu_isa), gk_dtypes[da].name, gk_dtypes[db].name,
           gk_dtypes[compute].name, (int)m, (int)n, (int)k, batch_axes, plain ? ", plain" : "");
  array a, b, c;
  shape[m_axis] = m;
  shape[n_axis] = k;
  make_array(&a, da, batch_axes + 2, shape, true, plain);
  shape[m_axis] = k;
  shape[n_axis] = n;
  make_array(&b, db, batch_axes + 2, shape, true, plain);
  shape[m_axis] = m;
  shape[n_axis] = n;
  make_array(&c, compute, batch_axes + 2, shape, false, plain);
  fill(&a);
  fill(&b);
  fill(&c);
  run(&a, &b, &c, compute, what);
  release(&a);
  release(&b);
  release(&c);
}

static int64_t random_length(int64_t limit) {
  static const int64_t edges[] = {0, 1, 2, 3, 7, 16, 17, 31, 48, 64, 65};
  int64_t n = test_below(3) ? test_below(limit) : edges[test_below(11)];
  return n < limit ? n : limit;
}

static void sweep(void) {
  for (uint8_t da = GK_bool; da <= GK_complex64; da++) {
    for (uint8_t db = GK_bool; db <= GK_complex64; db++) {
      uint8_t usual = gk_promote(da, db);
      for (int round = 0; usual && round < 8; round++) {
        uint8_t compute = usual;
        if (!(gk_dtypes[usual].class & (GK_CLASS_FLOAT | GK_CLASS_COMPLEX)) && round % 4 == 3)
          compute = round == 3 ? GK_int32 : GK_int64; // the result's dtype as asked for
        int64_t limit = round == 0 ? 150 : 40;
        one(da, db, compute, random_length(limit), random_length(limit), random_length(limit),
            (int)test_below(4), round % 2);
      }
    }
  }
}

// Sizes at which blocks, panels, packing and threads come in.
static void large(void) {
  static const uint8_t dtypes[] = {GK_float32, GK_float64, GK_bfloat16,
                                   GK_int32,   GK_bool,    GK_complex64};
  static const int64_t sizes[][3] = {{130, 300, 200}, {67, 1, 3000},    {1, 70, 2500},
                                     {200, 10, 64},   {64, 1030, 1100}, {257, 129, 600},
                                     {1, 1, 5000},    {8, 5000, 3}};
  for (int d = 0; d < 6; d++)
    for (int s = 0; s < 8; s++)
      for (int plain = 0; plain < 2; plain++)
        one(dtypes[d], dtypes[d], dtypes[d], sizes[s][0], sizes[s][1], sizes[s][2], 0, plain);
  // rows of a multiple of 4096 bytes, packed by everyone
  one(GK_float32, GK_float32, GK_float32, 150, 1024, 300, 0, true);
  // a batch that folds into rows
  one(GK_float32, GK_float32, GK_float32, 20, 64, 64, 2, true);
  // complex products in pieces: by columns, by rows, by items
  one(GK_complex64, GK_complex64, GK_complex64, 2, 1500, 1500, 0, true);
  one(GK_complex64, GK_complex64, GK_complex64, 700, 4, 6500, 0, false);
  one(GK_complex64, GK_complex64, GK_complex64, 3, 700, 1000, 2, false);
}

// The same bits however many threads take part: a busy pool leaves the caller alone.
static gk_call repeat_call;
static void run_again(void *context, int64_t begin, int64_t end, int thread) {
  (void)context, (void)end, (void)thread;
  gk_error error;
  if (begin == 0) CHECK(gk_cpu_matmul(&repeat_call, &error) == GK_OK);
}

static void deterministic(void) {
  enum { N = 300 };
  static float a[N * N], b[N * N], c[N * N], d[N * N];
  int64_t shape[2] = {N, N};
  gk_storage sa, sb, sc;
  for (int i = 0; i < N * N; i++) {
    a[i] = (float)test_uniform();
    b[i] = (float)test_uniform();
  }
  gk_view va = test_view(&sa, a, GK_float32, 2, shape),
          vb = test_view(&sb, b, GK_float32, 2, shape);
  gk_view vc = test_view(&sc, c, GK_float32, 2, shape);
  repeat_call =
      (gk_call){.op = GK_OP_matmul, .compute = GK_float32, .in = {&va, &vb}, .out = {&vc}};
  run_again(NULL, 0, 0, 0);
  memcpy(d, c, sizeof d);
  gk_parallel(2, 1, run_again, NULL);
  CHECK(memcmp(c, d, sizeof d) == 0);
}

int main(void) {
  gk_isa best = gk_cpu_isa;
#if defined(__x86_64__)
  for (int isa = GK_ISA_BASELINE; isa <= (int)best; isa++) {
    gk_cpu_isa = (gk_isa)isa;
#else
  {
#endif
    sweep();
    large();
    deterministic();
  }
  gk_cpu_isa = best;
  return test_done();
}
