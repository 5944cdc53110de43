// Ops by chance, through the ABI alone: every op of ops.def with operands of random dtypes, shapes and
// layouts and with good and wild parameters. Held to be true of each call:
//
//   nothing is read or written out of bounds (AddressSanitizer; storage.c guards what lies behind
//   a storage's bytes)
//   a failure leaves a status and a message that names the op
//   into `out`, of any layout, it writes what it writes into a new array, and no byte beside
//   the output's elements changes
//
//   op_fuzz [--iterations N] [--seed S]     (one iteration is one call; 4000 and 1)
#include "test.h"

#include <math.h>

#include "../../csrc/core/isolate.h"

static struct {
  _Alignas(64) char bytes[GK_BLOCK_BYTES];
} block;
static uint32_t root, scope, streams[2];
static int64_t iteration;
#define IN_U32 ((uint32_t *)block.bytes)
#define IN_F64 ((double *)block.bytes)
#define OUT ((gk_block_output *)(block.bytes + GK_BLOCK_BYTES / 2))

#define EXPECT(condition, ...)                                                                     \
  do {                                                                                             \
    if (!(condition)) fprintf(stderr, "iteration %lld: ", (long long)iteration);                   \
    CHECKF(condition, __VA_ARGS__);                                                                \
  } while (0)

// ---- what the calls are made of ----------------------------------------------------------------

// Operands and parameters of the ops that go through gk_submit, by op, else by family.
//   operands    x any array, i integers, b bool, r like the one before but for an axis, v of the
//               dtype of `out`
//   parameters  a axis, A some axes, k count, n number, s shape, g generator
typedef struct recipe {
  const char *operands, *parameters;
} recipe;

static const recipe by_family[GK_FAMILY_COUNT] = {
    [GK_FAMILY_REDUCE] = {"x", "A"}, [GK_FAMILY_SCAN] = {"x", "a"},
    [GK_FAMILY_MATMUL] = {"xx", ""}, [GK_FAMILY_INDEX] = {"xi", "a"},
    [GK_FAMILY_SORT] = {"x", "a"},   [GK_FAMILY_COPY] = {"x", ""},
    [GK_FAMILY_CREATE] = {"", "ns"}, [GK_FAMILY_RANDOM] = {"", "gnns"},
    [GK_FAMILY_FFT] = {"x", "akn"},  [GK_FAMILY_JOIN] = {"xxx", "a"},
};
static const recipe by_op[GK_OP_LIMIT] = {
    [GK_OP_var] = {"x", "nA"},
    [GK_OP_std] = {"x", "nA"},
    [GK_OP_norm] = {"x", "nA"},
    [GK_OP_topk] = {"x", "ak"},
    [GK_OP_searchsorted] = {"xx", ""},
    [GK_OP_take_along_axis] = {"xr", "a"},
    [GK_OP_put_along_axis] = {"rv", "a"},
    [GK_OP_scatter_add] = {"rv", "a"},
    [GK_OP_flat_index] = {"ii", "kkk"},
    [GK_OP_nonzero] = {"x", "k"},
    [GK_OP_compress] = {"xb", "k"},
    [GK_OP_histogram] = {"xx", ""},
    [GK_OP_arange] = {"", "nnk"},
    [GK_OP_eye] = {"", "kkn"},
};

static bool chance(int in) { return test_below(in) == 0; }

static double wild(void) {
  static const double numbers[] = {NAN,  INFINITY, -INFINITY, 0.5,     -1.5,    1e300,  -1e300,
                                   -0.0, 0x1p53,   -0x1p53,   0x1p63,  -0x1p63, 0x1p64, -1,
                                   -2,   99,       0x1p52,    -0x1p31, 1e-300,  0x1p50};
  return numbers[test_below((int64_t)(sizeof numbers / sizeof *numbers))];
}
static double number(void) { return chance(8) ? wild() : (double)(test_below(13) - 5); }

typedef struct dims {
  int n;
  int64_t at[GK_MAX_DIMS];
} dims;

static int64_t few[3]; // lengths that recur within a call, so that shapes fit each other

static int64_t product(const dims *d) {
  int64_t size = 1;
  for (int i = 0; i < d->n; i++) size *= d->at[i];
  return size;
}

static dims random_dims(void) {
  dims d = {.n = (int)test_below(chance(8) ? GK_MAX_DIMS + 1 : 4)};
  for (int i = 0; i < d.n; i++) d.at[i] = d.n > 4 ? 1 + test_below(2) : few[test_below(3)];
  if (d.n && chance(8)) d.at[test_below(d.n)] = 1;
  if (d.n > 0 && d.n < 4 && chance(12)) d.at[test_below(d.n)] = 1 + test_below(700);
  if (d.n == 2 && chance(12))
    for (int i = 0; i < 2; i++) d.at[i] = 16 + test_below(80);
  return d;
}

static uint8_t random_dtype(uint16_t classes) {
  for (;;) {
    uint8_t dtype = (uint8_t)(1 + test_below(GK_DTYPE_COUNT - 1));
    if (gk_dtypes[dtype].class & classes) return dtype;
  }
}

// ---- arrays --------------------------------------------------------------------------------------

// An array and what it is a view of. `base` is contiguous, and 0 where the array is so itself.
typedef struct array {
  uint32_t handle, base;
  uint8_t dtype;
  dims shape;
} array;

static void fill(char *bytes, uint8_t dtype, int64_t size, bool indices) {
  int64_t item = gk_dtypes[dtype].size;
  for (int64_t i = 0; i < size; i++) {
    uint64_t bits = test_random();
    char *at = bytes + i * item;
    if (dtype == GK_bool) {
      *at = (char)(bits >> 40 & 1);
    } else if (indices || chance(2)) {
      gk_scalar s = gk_scalar_from_double((double)test_below(9) - 3, dtype);
      memcpy(at, s.bytes, (size_t)item);
    } else {
      memcpy(at, &bits, (size_t)item); // NaN, infinities, extremes
    }
  }
}

static uint32_t contiguous(uint8_t dtype, const dims *shape, bool indices) {
  int64_t size = product(shape), bytes = size * gk_dtypes[dtype].size;
  char *data = malloc((size_t)(bytes ? bytes : 1));
  fill(data, dtype, size, indices);
  for (int i = 0; i < shape->n; i++) IN_F64[i] = (double)shape->at[i];
  uint32_t a = gk_array_from_host(scope, dtype, (uint32_t)shape->n, data, (double)bytes);
  EXPECT(a, "no array: %s", OUT->text);
  free(data);
  return a;
}

// How a strided view comes from a contiguous base: a slice, then a transposition.
typedef struct layout {
  dims base;
  double slice[4 * GK_MAX_DIMS], order[GK_MAX_DIMS];
} layout;

static layout random_layout(const dims *shape) {
  layout l = {.base = {.n = shape->n}};
  int order[GK_MAX_DIMS]; // axis of the shape that lies at each axis of the base
  for (int i = 0; i < shape->n; i++) order[i] = i;
  if (chance(2))
    for (int i = shape->n - 1; i > 0; i--) {
      int j = (int)test_below(i + 1), held = order[i];
      order[i] = order[j];
      order[j] = held;
    }
  for (int i = 0; i < shape->n; i++) {
    int64_t length = shape->at[order[i]], step = chance(3) ? 1 + test_below(4) : 1;
    int64_t before = chance(3) ? test_below(3) : 0, after = chance(3) ? test_below(3) : 0;
    int64_t span = length ? (length - 1) * step + 1 : 0;
    bool turned = chance(5) && length > 0;
    l.base.at[i] = before + span + after;
    double *group = l.slice + 4 * i;
    group[0] = 0;
    group[1] = (double)(turned ? before + span - 1 : before);
    group[2] = turned ? (before ? (double)(before - 1) : NAN) : (double)(before + span);
    group[3] = (double)(turned ? -step : step);
    l.order[order[i]] = i;
  }
  return l;
}

static uint32_t apply_layout(const layout *l, uint32_t base) {
  memcpy(IN_F64, l->slice, sizeof l->slice);
  uint32_t sliced = gk_array_view(scope, GK_VIEW_SLICE, base, 4 * (uint32_t)l->base.n);
  EXPECT(sliced, "no slice: %s", OUT->text);
  if (l->base.n == 0) return sliced;
  memcpy(IN_F64, l->order, sizeof l->order);
  uint32_t view = gk_array_view(scope, GK_VIEW_TRANSPOSE, sliced, (uint32_t)l->base.n);
  EXPECT(view, "no transposition: %s", OUT->text);
  return view;
}

static array make(uint8_t dtype, dims shape, bool indices) {
  array a = {.dtype = dtype, .shape = shape};
  if (chance(2)) {
    a.handle = contiguous(dtype, &shape, indices);
  } else if (chance(4) && shape.n > 0) { // broadcast along some axes
    dims narrow = shape;
    for (int i = 0; i < shape.n; i++)
      if (chance(2)) narrow.at[i] = 1;
    a.base = contiguous(dtype, &narrow, indices);
    for (int i = 0; i < shape.n; i++) IN_F64[i] = (double)shape.at[i];
    a.handle = gk_array_view(scope, GK_VIEW_BROADCAST, a.base, (uint32_t)shape.n);
  } else {
    layout l = random_layout(&shape);
    a.base = contiguous(dtype, &l.base, indices);
    a.handle = apply_layout(&l, a.base);
  }
  return a;
}

// An array's elements in row-major order, in memory of exactly that size; NULL where the read fails,
// which must then be said.
static char *read_all(uint32_t handle, int64_t bytes) {
  char *data = malloc((size_t)(bytes ? bytes : 1));
  if (gk_array_read(scope, handle, data, (double)bytes, 0) == GK_OK) return data;
  EXPECT(OUT->status != GK_OK && OUT->text_bytes > 0, "a read fails without a message");
  free(data);
  return NULL;
}

// ---- one call ------------------------------------------------------------------------------------

typedef struct call {
  uint16_t op;
  uint32_t word; // with the stream
  int operands;
  array in[3];
  uint32_t handles[3]; // 0: the number
  double numbers[3];
  uint32_t params, flags, dtype;
  double values[64];
} call;

static uint32_t submit(const call *c, uint32_t out) {
  OUT->status = GK_OK;
  OUT->text_bytes = 0;
  const uint32_t *h = c->handles;
  if (gk_ops[c->op].family == GK_FAMILY_ELEMENTWISE) {
    if (c->operands == 1) return gk_submit_unary(scope, c->word, h[0], out);
    if (c->operands == 2)
      return gk_submit_binary(scope, c->word, h[0], h[1], out, c->numbers[h[0] ? 1 : 0]);
    return gk_submit_ternary(scope, c->word, h[0], h[1], h[2], out, c->numbers[0], c->numbers[1],
                             c->numbers[2]);
  }
  if (gk_ops[c->op].family == GK_FAMILY_JOIN) {
    memcpy(IN_U32 + 20, h, sizeof c->handles);
    IN_U32[16] = out;
    double axis = isfinite(c->values[0]) && fabs(c->values[0]) < 1e9 ? c->values[0] : 77;
    return gk_submit_join(scope, c->word, (uint32_t)c->operands, (int32_t)axis, c->flags & 3);
  }
  memcpy(IN_F64 + 16, c->values, c->params * sizeof *c->values);
  for (int i = 0; i < c->operands; i++) IN_U32[i] = h[i];
  IN_U32[16] = out;
  IN_U32[17] = 0;
  return gk_submit(scope, c->word, (uint32_t)c->operands, c->params, c->flags, c->dtype);
}

static void expect_message(const call *c) {
  OUT->text[OUT->text_bytes < GK_TEXT_BYTES ? OUT->text_bytes : GK_TEXT_BYTES - 1] = 0;
  // As the public names have it.
  const char *name = c->op == GK_OP_compress                                  ? "mask"
                     : gk_ops[c->op].family == GK_FAMILY_RANDOM               ? "random"
                     : gk_ops[c->op].family == GK_FAMILY_JOIN && c->flags & 1 ? "stack"
                                                                              : gk_op_name(c->op);
  EXPECT(OUT->status != GK_OK, "%s fails without a status", name);
  EXPECT(strstr(OUT->text, name) || strstr(OUT->text, gk_op_name(c->op)) ||
             strstr(OUT->text, "op code"),
         "%s fails with \"%s\"", name, OUT->text);
}

static array random_operand(char kind, const call *c, int i, uint16_t op) {
  bool whole = kind == 'i' || kind == 'r';
  uint16_t classes = whole                               ? GK_CLASS_SIGNED | GK_CLASS_UNSIGNED
                     : kind == 'b'                       ? GK_CLASS_BOOL
                     : chance(16) || !gk_ops[op].accepts ? 31
                                                         : gk_ops[op].accepts;
  uint8_t dtype = random_dtype(chance(16) ? 31 : classes);
  dims shape = random_dims();
  if (i > 0 && c->in[0].dtype && !whole && kind != 'b' && chance(2)) dtype = c->in[0].dtype;
  if (i > 0 && c->in[0].dtype && !chance(4)) { // what fits the first operand
    shape = c->in[0].shape;
    if (kind == 'r' && shape.n) shape.at[test_below(shape.n)] = few[test_below(3)];
    if (kind == 'b' && shape.n) shape.n = 1 + (int)test_below(shape.n);
    if (kind == 'x' && gk_ops[op].family == GK_FAMILY_MATMUL && shape.n >= 2 && !chance(4)) {
      shape.at[shape.n - 2] = shape.at[shape.n - 1];
      shape.at[shape.n - 1] = few[0];
    } else if (kind == 'x' && shape.n && chance(3)) {
      shape.at[test_below(shape.n)] = 1;
    }
    if (kind == 'i') shape = random_dims();
  }
  return make(dtype, shape, whole);
}

static uint32_t random_params(double *values, const char *kinds, const dims *first) {
  uint32_t n = 0;
  for (; *kinds; kinds++) {
    switch (*kinds) {
    case 'a':
      values[n++] = (double)(test_below(2 * first->n + 1) - first->n);
      if (first->n && values[n - 1] == first->n) values[n - 1] = 0;
      break;
    case 'A': {
      uint32_t used = 0;
      for (int i = (int)test_below(first->n + 1); i > 0; i--) {
        int axis = (int)test_below(first->n);
        if (used >> axis & 1) continue;
        used |= 1u << axis;
        values[n++] = axis - (chance(2) ? first->n : 0);
      }
      break;
    }
    case 'k':
      values[n++] = (double)(chance(4) ? test_below(40) : few[test_below(3)]);
      break;
    case 's': {
      dims shape = random_dims();
      for (int i = 0; i < shape.n; i++) values[n++] = (double)shape.at[i];
      break;
    }
    case 'g':
      values[n++] = chance(20) ? 12345 : 0;
      break;
    default:
      values[n++] = number();
    }
  }
  if (n && chance(12)) values[test_below(n)] = wild();
  if (chance(24)) n = (uint32_t)test_below(12);
  return n;
}

static call random_call(void) {
  call c;
  memset(&c, 0, sizeof c);
  do c.op = (uint16_t)test_below(GK_OP_LIMIT);
  while (!gk_ops[c.op].name);
  const gk_op *row = &gk_ops[c.op];
  c.word = c.op;
  if (chance(4)) c.word |= (streams[test_below(2)] & 0xffff) << 16;
  c.operands = row->family == GK_FAMILY_JOIN ? (int)test_below(4) : row->arity;
  const recipe *how = by_op[c.op].operands ? &by_op[c.op] : &by_family[row->family];
  bool elementwise = row->family == GK_FAMILY_ELEMENTWISE;
  for (int i = 0; i < c.operands; i++) {
    char kind = elementwise || !how->operands[0] ? 'x' : how->operands[i];
    c.numbers[i] = number();
    if (elementwise && c.operands > 1 && chance(5)) continue;
    c.in[i] = i && chance(10) ? c.in[0] : random_operand(kind, &c, i, c.op);
    c.handles[i] = c.in[i].handle;
  }
  if (chance(100) && c.operands) c.handles[test_below(c.operands)] = (uint32_t)test_random();
  if (elementwise) return c;
  c.params = random_params(c.values, how->parameters, &c.in[0].shape);
  c.flags = chance(2) ? (uint32_t)test_below(16) : 0;
  bool given = row->compute == GK_COMPUTE_GIVEN && row->arity == 0;
  if (given || chance(3))
    c.dtype = chance(30) ? (uint32_t)test_below(40) : random_dtype(given ? row->accepts : 31);
  return c;
}

// Equal as the op may give it twice: NaN is NaN, whatever its bits.
static bool same_elements(const char *a, const char *b, uint8_t dtype, int64_t size) {
  int64_t item = gk_dtypes[dtype].size;
  if (dtype == GK_complex64) {
    dtype = GK_float32;
    size *= 2;
    item = 4;
  }
  for (int64_t i = 0; i < size; i++) {
    const char *x = a + i * item, *y = b + i * item;
    if (memcmp(x, y, (size_t)item) == 0) continue;
    if (gk_dtypes[dtype].class != GK_CLASS_FLOAT) return false;
    if (!isnan(gk_scalar_to_double(x, dtype)) || !isnan(gk_scalar_to_double(y, dtype)))
      return false;
  }
  return true;
}

// The call once more, into a view of memory that is watched.
static void check_into(const call *c, uint8_t dtype, const dims *shape, const char *expected) {
  int64_t item = gk_dtypes[dtype].size, size = product(shape);
  layout l = random_layout(shape);
  int64_t all = product(&l.base);
  uint32_t base = contiguous(dtype, &l.base, false);
  uint32_t out = apply_layout(&l, base);
  char *before = read_all(base, all * item);
  // Where the view's elements lie: the same view of the numbers of the base's elements.
  IN_F64[16] = 0, IN_F64[17] = 1, IN_F64[18] = (double)all, IN_U32[16] = 0;
  uint32_t counted = gk_submit(scope, GK_OP_arange, 0, 3, 0, GK_int64);
  for (int i = 0; i < l.base.n; i++) IN_F64[i] = (double)l.base.at[i];
  uint32_t shaped = gk_array_view(scope, GK_VIEW_RESHAPE, counted, (uint32_t)l.base.n);
  int64_t *places = (int64_t *)(void *)read_all(apply_layout(&l, shaped), size * 8);
  uint32_t got = submit(c, out);
  if (!got) {
    expect_message(c); // random numbers need a contiguous output
  } else {
    EXPECT(got == out, "%s returns another array than out", gk_op_name(c->op));
    gk_stream_synchronize(scope, 0, 0);
    char *after = read_all(base, all * item), *values = read_all(out, size * item);
    EXPECT(after && before && places && values, "%s: out cannot be read: %s", gk_op_name(c->op),
           OUT->text);
    if (after && before && places && values) {
      if (expected)
        EXPECT(same_elements(values, expected, dtype, size),
               "%s of %s into a view differs from a new array (%lld elements)", gk_op_name(c->op),
               gk_dtypes[dtype].name, (long long)size);
      for (int64_t i = 0; i < size; i++)
        memcpy(before + places[i] * item, after + places[i] * item, (size_t)item);
      EXPECT(memcmp(before, after, (size_t)(all * item)) == 0, "%s of %s writes beside out",
             gk_op_name(c->op), gk_dtypes[dtype].name);
    }
    free(after);
    free(values);
  }
  free(before);
  free(places);
}

static void one_call(void) {
  for (int i = 0; i < 3; i++) few[i] = test_below(12) ? 1 + test_below(7) : 0;
  scope = gk_context_begin(root, 0);
  call c = random_call();
  const gk_op *row = &gk_ops[c.op];
  bool changes = c.op == GK_OP_put_along_axis || c.op == GK_OP_scatter_add;
  if (changes) { // an output that the indices and values fit, or nearly
    dims shape = c.in[0].shape;
    if (shape.n)
      shape.at[c.params && c.values[0] >= 0 && c.values[0] < shape.n ? (int)c.values[0]
                                                                     : shape.n - 1] =
          few[test_below(3)];
    check_into(&c, c.in[1].dtype ? c.in[1].dtype : (uint8_t)GK_float32, &shape, NULL);
  } else {
    // A given output: an operand itself, or anything at all.
    uint32_t out = 0;
    if (chance(12) && c.operands) out = c.handles[test_below(c.operands)];
    if (chance(16))
      out = chance(2) ? (uint32_t)test_random() : make(random_dtype(31), random_dims(), 0).handle;
    uint32_t got = submit(&c, out);
    uint32_t results[2] = {got, got && c.op == GK_OP_topk ? (uint32_t)OUT->values[1] : 0};
    if (!got) expect_message(&c);
    gk_stream_synchronize(scope, 0, 0); // raises what a faulty index left
    for (int i = 0; i < 2 && results[i]; i++) {
      EXPECT(gk_array_describe(scope, results[i]) == GK_OK, "%s: no description", row->name);
      uint8_t dtype = (uint8_t)OUT->dtype;
      dims shape = {.n = OUT->ndim};
      for (int d = 0; d < shape.n; d++) shape.at[d] = (int64_t)OUT->shape[d];
      int64_t bytes = (int64_t)OUT->bytes;
      char *values = read_all(results[i], bytes);
      // Sums of floats are added in an order that the output's layout may change.
      bool adds = row->family == GK_FAMILY_REDUCE || row->family == GK_FAMILY_SCAN ||
                  row->family == GK_FAMILY_MATMUL || row->family == GK_FAMILY_FFT;
      bool sums = adds && gk_dtypes[dtype].class & (GK_CLASS_FLOAT | GK_CLASS_COMPLEX);
      bool repeatable = row->family != GK_FAMILY_RANDOM && c.op != GK_OP_empty && !sums &&
                        c.op != GK_OP_searchsorted; // its vector here is not sorted
      bool small = true; // not of no elements, but with lengths beyond any memory
      for (int d = 0; d < shape.n; d++) small = small && shape.at[d] < 100000;
      if (!out && !i && values && small && c.op != GK_OP_topk)
        check_into(&c, dtype, &shape, repeatable ? values : NULL);
      free(values);
    }
  }
  gk_stream_synchronize(scope, 0, 0);
  gk_context_end(scope, 0, root);
}

int main(int argc, char **argv) {
  int64_t iterations = 4000;
  if (!test_arguments(argc, argv, &iterations)) return 2;
  root = gk_isolate_attach(block.bytes, GK_BLOCK_BYTES);
  for (int i = 0; i < 2; i++) streams[i] = gk_stream_create(root, 0, 0);
  for (iteration = 0; iteration < iterations; iteration++) one_call();
  return test_done();
}
