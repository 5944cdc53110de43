// How far the float functions (exp, sin, pow) are off, in units of the last place of the float
// nearest to the true result, on every instruction set of the machine; the reference is libm in float64.
// float32 may be off by 2, everywhere; float16 and bfloat16 only by their rounding. Special values,
// the signs of zeros, and results that are not finite must be libm's.
//
// One float32 of a prime stride is tried, and all that are near a power of two; all 2^32 of
// them with GPUKIT_TEST_EXHAUSTIVE=1, or of some functions with GPUKIT_TEST_EXHAUSTIVE=exp,log.
#include <math.h>

#include "../../csrc/cpu/elementwise.h"
#include "random_view.h"

static double inverse_root(double x) { return 1 / sqrt(x); }

static const struct unary {
  uint16_t op;
  double (*reference)(double);
} unaries[] = {
    {GK_OP_exp2, exp2},          {GK_OP_expm1, expm1}, {GK_OP_sinh, sinh},   {GK_OP_cosh, cosh},
    {GK_OP_log1p, log1p},        {GK_OP_log2, log2},   {GK_OP_log10, log10}, {GK_OP_cbrt, cbrt},
    {GK_OP_rsqrt, inverse_root}, {GK_OP_sqrt, sqrt},   {GK_OP_exp, exp},     {GK_OP_log, log},
    {GK_OP_tanh, tanh},          {GK_OP_sin, sin},     {GK_OP_cos, cos},     {GK_OP_tan, tan},
    {GK_OP_arcsin, asin},        {GK_OP_arccos, acos}, {GK_OP_arctan, atan}, {GK_OP_erf, erf},
};

// ---- units of the last place

typedef struct format {
  uint8_t dtype;
  int digits, smallest, largest; // exponents: of the smallest normal number, and of infinity
} format;
static const format float32 = {GK_float32, 24, -126, 128};
static const format narrow[] = {{GK_float16, 11, -14, 16}, {GK_bfloat16, 8, -126, 128}};

// Infinity where `got` is wrong whatever the bound.
static double error_of(double got, double want, const format *f) {
  if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : INFINITY;
  if (isinf(want) || want == 0)
    return got == want && !signbit(got) == !signbit(want) ? 0 : INFINITY;
  if (!signbit(got) != !signbit(want)) return INFINITY;
  // What is too large for the format stands one unit above the largest number.
  double beyond = ldexp(1, f->largest);
  got = fmin(fabs(got), beyond);
  want = fmin(fabs(want), beyond);
  int exponent;
  frexp(fmin(fmax(want, ldexp(1, f->smallest)), beyond / 2), &exponent);
  return fabs(got - want) / ldexp(1, exponent - f->digits);
}

// ---- one function over many inputs, on all instruction sets and threads

enum { PART = 2048, THREADS = 256 };

typedef struct worst {
  double error;
  float x, y, got;
  double want;
} worst;

// `scale`: units in 1. What is not quickly seen to be good enough is looked at closely.
static inline void look(worst *w, float x, float y, float got, double want, double scale) {
  if (fabs(got - want) * scale <= w->error && got != 0) return;
  double error = error_of(got, want, &float32);
  if (error > w->error) *w = (worst){error, x, y, got, want};
}

static double scale_of(double want) {
  if (!(fabs(want) > 0x1p-126 && fabs(want) < 0x1p127)) return INFINITY;
  uint64_t bits;
  memcpy(&bits, &want, 8);
  bits = (2046 + 23 - (bits >> 52 & 2047)) << 52;
  memcpy(&want, &bits, 8);
  return want;
}

typedef struct sweep {
  uint16_t op;
  int operands;
  double (*one)(double);
  double (*two)(double, double);
  // The operands of index i.
  void (*make)(const struct sweep *sweep, int64_t i, float *x, float *y);
  int64_t stride;
  float fixed; // an operand that stays
  gk_loop_fn loops[GK_ISA_COUNT];
  worst worst[THREADS][GK_ISA_COUNT];
} sweep;

static void sweep_part(void *context, int64_t begin, int64_t end, int thread) {
  sweep *s = context;
  float x[PART], y[PART], got[PART];
  double want[PART], scale[PART];
  for (int64_t first = begin; first < end; first += PART) {
    int n = (int)(end - first < PART ? end - first : PART);
    for (int i = 0; i < n; i++) {
      y[i] = 0;
      s->make(s, first + i, &x[i], &y[i]);
      want[i] = s->one ? s->one(x[i]) : s->two(x[i], y[i]);
      scale[i] = scale_of(want[i]);
    }
    for (int isa = 0; isa < GK_ISA_COUNT; isa++) {
      if (!s->loops[isa]) continue;
      s->loops[isa](n, x, y, NULL, got);
      worst *w = &s->worst[thread][isa];
      for (int i = 0; i < n; i++) look(w, x[i], y[i], got[i], want[i], scale[i]);
    }
  }
}

static void sweep_run(sweep *s, int64_t count) {
  FOR_EACH_ISA(isa) {
    s->loops[isa] = gk_elementwise()->loop[s->op][GK_float32];
    CHECKF(s->loops[isa] != NULL, "%s has no loop", gk_ops[s->op].name);
  }
  gk_parallel(count, 1 << 16, sweep_part, s);
}

static void sweep_report(const sweep *s, const char *what) {
  printf("%-9s %s", gk_ops[s->op].name, what);
  for (int isa = 0; isa < GK_ISA_COUNT; isa++) {
    if (!s->loops[isa]) continue;
    worst w = s->worst[0][isa];
    for (int t = 1; t < THREADS; t++)
      if (s->worst[t][isa].error > w.error) w = s->worst[t][isa];
    const char *name = gk_cpu_isa_name((gk_isa)isa);
    printf("  %s %.3f at %a", name, w.error, w.x);
    if (s->two) printf(", %a", w.y);
    CHECKF(w.error <= 2, "%s(%a, %a), %s: %a, not %a", gk_ops[s->op].name, w.x, w.y, name, w.got,
           w.want);
  }
  printf("\n");
  fflush(stdout);
}

static float float_of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

static void strided(const sweep *s, int64_t i, float *x, float *y) {
  *x = float_of_bits((uint32_t)(i * s->stride));
  *y = s->fixed;
}

// Every sign and exponent with the first and last significands, infinities and NaN among them.
enum { NEAR = 16, EDGES = 512 * NEAR };
static float edge(int64_t i) {
  return float_of_bits((uint32_t)((i / NEAR) << 23) + (uint32_t)(i % NEAR) - NEAR / 2);
}
static void edges(const sweep *s, int64_t i, float *x, float *y) {
  (void)s;
  *x = edge(i);
  *y = 0;
}

static void test_unary(const struct unary *function, bool all) {
  static sweep s;
  memset(&s, 0, sizeof s);
  s.op = function->op;
  s.one = function->reference;
  s.make = edges;
  sweep_run(&s, EDGES);
  s.make = strided;
  s.stride = all ? 1 : 997;
  sweep_run(&s, ((int64_t)1 << 32) / s.stride);
  sweep_report(&s, all ? "every float32" : "");
}

// ---- two operands

static uint64_t scramble(uint64_t bits) { // splitmix64
  bits *= 0x9e3779b97f4a7c15u;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
  return bits ^ bits >> 31;
}

// Every pair of special numbers, then random pairs, half of which differ by little in size.
static void pair(const sweep *s, int64_t i, float *x, float *y) {
  (void)s;
  static const float special[] = {0,
                                  1,
                                  INFINITY,
                                  NAN,
                                  0x1p-149f,
                                  0x1p-126f,
                                  2,
                                  0.5f,
                                  0x1.fffffep127f,
                                  0x1.000002p0f,
                                  0x1.fffffep-1f,
                                  3,
                                  0x1.8p23f,
                                  8388609.f,
                                  0x1.fffffep23f,
                                  0x1.000002p24f,
                                  0x1p25f,
                                  0x1.8p-1f};
  enum { SPECIAL = 2 * sizeof special / sizeof *special };
  if (i < SPECIAL * SPECIAL) {
    int64_t a = i / SPECIAL, b = i % SPECIAL;
    *x = a & 1 ? -special[a / 2] : special[a / 2];
    *y = b & 1 ? -special[b / 2] : special[b / 2];
    return;
  }
  uint64_t bits = scramble((uint64_t)i);
  uint32_t a = (uint32_t)bits, b = (uint32_t)(bits >> 32);
  if (i & 1) b = (b & 0x807fffff) | ((((a >> 23 & 255) + (b >> 23 & 7)) & 255) << 23);
  *x = float_of_bits(a);
  *y = float_of_bits(b);
}

// x and y whose power is in range or a little beyond, x of any size or near 1; every fourth pair with
// an integer y, and x of any sign.
static void power(const sweep *s, int64_t i, float *x, float *y) {
  (void)s;
  uint64_t bits = scramble((uint64_t)i), more = scramble(bits);
  float base = float_of_bits((uint32_t)bits & 0x7fffffff);
  if (i & 1) base = 1 + ldexpf((float)(int32_t)bits, -32 - (int)(more & 15));
  double exponent = ((double)(more >> 11) * 0x1p-53 * 284 - 153) / log2(base);
  *y = (float)exponent;
  *x = base;
  if (i % 4 > 1) return;
  *y = (float)rint(exponent);
  if (bits >> 32 & 1) *x = -base;
}

static void test_binary(uint16_t op, double (*reference)(double, double), bool many) {
  static sweep s;
  memset(&s, 0, sizeof s);
  s.op = op;
  s.two = reference;
  s.make = pair;
  int64_t pairs = (int64_t)1 << (many ? 32 : 22);
  sweep_run(&s, pairs);
  s.make = power;
  if (op == GK_OP_pow) sweep_run(&s, pairs);
  sweep_report(&s, many ? "many pairs" : "");
}

// ---- 16-bit floats, all of them, as arrays

static void test_narrow(const struct unary *function, const format *f) {
  enum { N = 1 << 16 };
  static uint16_t x[N], y[N];
  for (int i = 0; i < N; i++) x[i] = (uint16_t)i;
  int64_t shape[1] = {N};
  gk_storage storages[2];
  gk_view in = test_view(&storages[0], x, f->dtype, 1, shape);
  gk_view out = test_view(&storages[1], y, f->dtype, 1, shape);
  gk_call call = {.op = function->op,
                  .family = GK_FAMILY_ELEMENTWISE,
                  .inputs = 1,
                  .outputs = 1,
                  .compute = f->dtype,
                  .flat = true,
                  .size = N,
                  .in = {&in},
                  .out = {&out}};
  FOR_EACH_ISA(isa) {
    gk_error error;
    CHECK(gk_cpu_elementwise(&call, &error) == GK_OK);
    double worst = 0;
    int at = 0;
    for (int i = 0; i < N; i++) {
      double want = function->reference(gk_scalar_to_double(&x[i], f->dtype));
      double e = error_of(gk_scalar_to_double(&y[i], f->dtype), want, f);
      if (!(e <= worst)) worst = e, at = i;
    }
    // Half a unit for the rounding, and what 2 units of float32 are.
    double bound = 0.5 + ldexp(2, f->digits - 24);
    CHECKF(worst <= bound, "%s of %s, %s: off by %.4f at %a", gk_ops[function->op].name,
           gk_dtypes[f->dtype].name, gk_cpu_isa_name(isa), worst,
           gk_scalar_to_double(&x[at], f->dtype));
  }
}

// ---- which functions are tried with every float32

static bool wants_all(uint16_t op) {
  const char *wanted = getenv("GPUKIT_TEST_EXHAUSTIVE"), *name = gk_ops[op].name;
  if (!wanted || !*wanted) return false;
  if (strcmp(wanted, "1") == 0) return true;
  size_t length = strlen(name);
  for (const char *p = wanted; p; p = strchr(p, ',')) {
    p += *p == ',';
    if (strncmp(p, name, length) == 0 && (p[length] == ',' || p[length] == 0)) return true;
  }
  return false;
}

int main(void) {
  for (size_t i = 0; i < sizeof unaries / sizeof *unaries; i++) {
    test_unary(&unaries[i], wants_all(unaries[i].op));
    for (int k = 0; k < 2; k++) test_narrow(&unaries[i], &narrow[k]);
  }
  test_binary(GK_OP_pow, pow, wants_all(GK_OP_pow));
  test_binary(GK_OP_hypot, hypot, wants_all(GK_OP_hypot));
  test_binary(GK_OP_arctan2, atan2, wants_all(GK_OP_arctan2));
  return test_done();
}
