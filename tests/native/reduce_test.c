// gk_cpu_reduce against plain loops in double and in 64-bit integers: every op, dtype and layout,
// every instruction set; and that all of these agree to the last bit (but for logsumexp, which is made of
// exp).
#include <math.h>

#include "strided.h"

static const uint8_t dtypes[] = {GK_bool,     GK_int8,    GK_uint8,   GK_int16,    GK_uint16,
                                 GK_int32,    GK_uint32,  GK_int64,   GK_uint64,   GK_float16,
                                 GK_bfloat16, GK_float32, GK_float64, GK_complex64};

static void fill_random(gk_view *v, int op, int specials) {
  const bool integer = !test_is_float(v->dtype) && v->dtype != GK_complex64;
  for (int64_t i = 0; i < v->size; i++) {
    char *p = test_element(v, i);
    if (v->dtype == GK_complex64) {
      const bool truth = gk_ops[op].compute == GK_COMPUTE_BOOL;
      const gk_complex64 z = {test_below(3) && truth ? -0.0f : (float)test_uniform(),
                              test_below(3) && truth ? 0.0f : (float)test_uniform() - 2};
      memcpy(p, &z, sizeof z);
      continue;
    }
    if (v->dtype == GK_bool) {
      *(uint8_t *)p = test_below(5) > 0;
      continue;
    }
    if (integer) {
      const uint64_t bits = op == GK_OP_any || op == GK_OP_all ? (uint64_t)test_below(3)
                            : test_below(2)                    ? test_random()
                                                               : (uint64_t)test_below(7);
      memcpy(p, &bits, gk_dtypes[v->dtype].size);
      continue;
    }
    double x = op == GK_OP_prod ? (test_below(2) ? 1 : -1) * (0.8 + 0.4 * test_uniform())
               : test_below(2)  ? 4 * test_uniform() - 2
                                : (double)test_below(5) - 2;
    if (op == GK_OP_any) x = test_below(50) ? -0.0 : x;
    if (specials && test_below(20) == 0) x = test_below(2) ? NAN : INFINITY;
    const gk_scalar s = gk_scalar_from_double(x, v->dtype);
    memcpy(p, &s, gk_dtypes[v->dtype].size);
  }
}

static bool truth(const void *p, uint8_t dtype) {
  if (dtype == GK_complex64) {
    gk_complex64 z;
    memcpy(&z, p, sizeof z);
    return z.re != 0 || z.im != 0;
  }
  return gk_scalar_to_double(p, dtype) != 0;
}

// Does element p come before the best one so far?
static bool beats(const void *p, const void *best, uint8_t dtype, bool largest) {
  if (test_is_float(dtype)) {
    const double a = gk_scalar_to_double(p, dtype), b = gk_scalar_to_double(best, dtype);
    if (isnan(b)) return false;
    return isnan(a) || (largest ? a > b : a < b);
  }
  const uint64_t a = test_integer(p, dtype), b = test_integer(best, dtype);
  if (gk_dtypes[dtype].class == GK_CLASS_SIGNED)
    return largest ? (int64_t)a > (int64_t)b : (int64_t)a < (int64_t)b;
  return largest ? a > b : a < b;
}

static double tolerance(uint8_t dtype) {
  return dtype == GK_float64   ? 1e-13
         : dtype == GK_float32 ? 1e-6
         : dtype == GK_float16 ? 1e-3
                               : 8e-3;
}

// Correction of var and std, order of norm.
static double own;

// The ops that leave the integers, in long double; *size: what errors are relative to.
static long double real_result(int op, int64_t count, const long double *x, long double *size) {
  long double mean = 0, sum = 0, most = op == GK_OP_norm && own < 0 ? INFINITY : -INFINITY;
  for (int64_t i = 0; i < count; i++) mean += x[i] / count;
  for (int64_t i = 0; i < count; i++) {
    const long double v = op == GK_OP_norm ? fabsl(x[i]) : x[i];
    const bool beats = op == GK_OP_norm && own < 0 ? v < most : v > most;
    if (beats || isnan(v)) most = isnan(most) ? most : v;
  }
  for (int64_t i = 0; i < count; i++)
    sum += op == GK_OP_logsumexp ? (isinf(most) && x[i] == most ? 1 : expl(x[i] - most))
           : op == GK_OP_norm    ? (own == 0 ? x[i] != 0 : powl(fabsl(x[i]), own))
                                 : (x[i] - mean) * (x[i] - mean);
  *size = 1;
  if (op == GK_OP_logsumexp) return isnan(most) || isinf(most) ? most : most + logl(sum);
  if (op == GK_OP_norm) {
    const long double norm = own == 0 ? sum : isinf(own) ? most : powl(sum, 1 / (long double)own);
    *size = norm;
    return norm;
  }
  sum /= fmax((double)count - own, 0);
  *size = 0; // equal elements need not give 0 where their mean is rounded
  for (int64_t i = 0; i < count; i++) *size = fmaxl(*size, fabsl(x[i]));
  *size *= op == GK_OP_std ? 1e-2L : 1e-15L * *size;
  return op == GK_OP_std ? sqrtl(sum) : sum;
}

// One result, `count` elements of `in` starting at row-major places `first`, which are
// `places[i]` further on.
static void check_one(int op, const gk_view *in, const gk_view *out, int64_t o, int64_t count,
                      const int64_t *places) {
  const void *got = test_element(out, o);
  const double got_value = gk_scalar_to_double(got, out->dtype);
  const bool from_float = test_is_float(in->dtype), to_float = test_is_float(out->dtype);
  const char *what = gk_ops[op].name, *type = gk_dtypes[in->dtype].name;
  if (op == GK_OP_any || op == GK_OP_all) {
    bool any = false, all = true;
    for (int64_t i = 0; i < count; i++) {
      const bool t = truth(test_element(in, places[i]), in->dtype);
      any |= t;
      all &= t;
    }
    CHECKF(*(const uint8_t *)got == (op == GK_OP_any ? any : all), "%s %s", what, type);
  } else if (op == GK_OP_count_nonzero) {
    int64_t want = 0;
    for (int64_t i = 0; i < count; i++) want += truth(test_element(in, places[i]), in->dtype);
    CHECKF(*(const int64_t *)got == want, "%s %s: %lld for %lld", what, type,
           *(const long long *)got, (long long)want);
  } else if (out->dtype == GK_complex64) {
    long double want[2] = {0, 0}, size = 0;
    for (int64_t i = 0; i < count; i++) {
      const float *z = test_element(in, places[i]);
      want[0] += z[0];
      want[1] += z[1];
      size += fabsl((long double)z[0]) + fabsl((long double)z[1]);
    }
    for (int k = 0; k < 2; k++) {
      if (op == GK_OP_mean) want[k] /= count;
      const double value = ((const float *)got)[k];
      CHECKF(fabs(value - (double)want[k]) <= 1e-6 * (double)size ||
                 (isnan(value) && isnan((double)want[k])),
             "%s complex64, part %d of %lld: %g for %Lg", what, k, (long long)count, value,
             want[k]);
    }
  } else if (op >= GK_OP_var && op <= GK_OP_logsumexp) {
    long double *x = malloc((size_t)(count + 1) * sizeof *x), size;
    bool finite = true;
    for (int64_t i = 0; i < count; i++) {
      const void *p = test_element(in, places[i]);
      x[i] = in->dtype == GK_int64    ? (long double)(int64_t)test_integer(p, in->dtype)
             : in->dtype == GK_uint64 ? (long double)test_integer(p, in->dtype)
                                      : gk_scalar_to_double(p, in->dtype);
      finite &= isfinite((double)x[i]);
    }
    const double want = (double)real_result(op, count, x, &size);
    free(x);
    gk_scalar rounded = gk_scalar_from_double(want, out->dtype);
    const double nearest = gk_scalar_to_double(&rounded, out->dtype);
    const double close = 2 * tolerance(out->dtype) * fmax(fabs(want), (double)size) +
                         1e-7 * (out->dtype == GK_float16);
    CHECKF(fabs(got_value - want) <= close || got_value == nearest ||
               (isnan(got_value) && (isnan(want) || (!finite && op <= GK_OP_std))) ||
               (fabs(want) > 6e4 && out->dtype == GK_float16),
           "%s %s to %s of %lld, %g: %.17g for %.17g", what, type, gk_dtypes[out->dtype].name,
           (long long)count, own, got_value, want);
  } else if (op == GK_OP_min || op == GK_OP_max || op == GK_OP_argmin || op == GK_OP_argmax) {
    int64_t at = 0;
    for (int64_t i = 1; i < count; i++)
      if (beats(test_element(in, places[i]), test_element(in, places[at]), in->dtype,
                op == GK_OP_max || op == GK_OP_argmax))
        at = i;
    if (op == GK_OP_argmin || op == GK_OP_argmax) {
      CHECKF(*(const int64_t *)got == at, "%s %s: %lld for %lld of %lld", what, type,
             *(const long long *)got, (long long)at, (long long)count);
    } else {
      const double want = gk_scalar_to_double(test_element(in, places[at]), in->dtype);
      CHECKF(got_value == want || (isnan(got_value) && isnan(want)), "%s %s: %g for %g of %lld",
             what, type, got_value, want, (long long)count);
    }
  } else if (!to_float) {
    uint64_t want = op == GK_OP_prod;
    for (int64_t i = 0; i < count; i++) {
      const void *p = test_element(in, places[i]);
      gk_scalar cut;
      if (from_float) cut = gk_scalar_from_double(gk_scalar_to_double(p, in->dtype), out->dtype);
      const uint64_t x = from_float ? test_integer(&cut, out->dtype) : test_integer(p, in->dtype);
      want = op == GK_OP_prod ? want * x : want + x;
    }
    CHECKF(memcmp(got, &want, gk_dtypes[out->dtype].size) == 0, "%s %s to %s of %lld", what, type,
           gk_dtypes[out->dtype].name, (long long)count);
  } else {
    long double want = op == GK_OP_prod, size = 0, factors = 1;
    for (int64_t i = 0; i < count; i++) {
      const void *p = test_element(in, places[i]);
      const long double x = in->dtype == GK_int64 ? (long double)(int64_t)test_integer(p, in->dtype)
                            : in->dtype == GK_uint64 ? (long double)test_integer(p, in->dtype)
                                                     : gk_scalar_to_double(p, in->dtype);
      want = op == GK_OP_prod ? want * x : want + x;
      size += fabsl(x);
      if (fabsl(x) > 1) factors *= x;
    }
    // A part that overflows makes NaN of a zero elsewhere, in whatever order.
    if (op == GK_OP_prod && !(fabsl(factors) < 1e300L)) return;
    if (op == GK_OP_mean) want /= count, size /= count;
    if (op == GK_OP_prod) size = fabsl(want) * (long double)(count + 1);
    const double close = (double)size * tolerance(out->dtype) + 1e-7 * (out->dtype == GK_float16);
    gk_scalar rounded = gk_scalar_from_double((double)want, out->dtype);
    const double nearest = gk_scalar_to_double(&rounded, out->dtype);
    CHECKF(fabs(got_value - (double)want) <= close || got_value == nearest ||
               (isnan(got_value) && isnan((double)want)),
           "%s %s to %s of %lld: %.17g for %.17Lg", what, type, gk_dtypes[out->dtype].name,
           (long long)count, got_value, want);
  }
}

// The same bits, or NaN in both: which NaN it is depends on the order of operands.
static bool same(const char *a, const char *b, int64_t bytes, uint8_t dtype) {
  const int size = gk_dtypes[dtype].size;
  if (memcmp(a, b, (size_t)bytes) == 0) return true;
  for (int64_t i = 0; i < bytes; i += size)
    if (memcmp(a + i, b + i, (size_t)size) != 0 &&
        !(test_is_float(dtype) && isnan(gk_scalar_to_double(a + i, dtype)) &&
          isnan(gk_scalar_to_double(b + i, dtype))))
      return false;
  return true;
}

static void run_case(int op, uint8_t from, uint8_t to, int ndim, const int64_t *shape,
                     uint32_t axes, bool plain, int specials) {
  gk_storage from_storage, to_storage;
  gk_view in = test_strided(&from_storage, from, ndim, shape, plain, true);
  fill_random(&in, op, specials);
  int64_t reduced[GK_MAX_DIMS], count = 1;
  for (int i = 0; i < ndim; i++) {
    reduced[i] = axes >> i & 1 ? 1 : shape[i];
    if (axes >> i & 1) count *= shape[i];
  }
  gk_view out = test_strided(&to_storage, to, ndim, reduced, test_below(2), false);
  for (int i = 0; i < ndim; i++)
    if (axes >> i & 1) out.strides[i] = 0;
  gk_error error;
  gk_call call = {.op = (uint16_t)op, .family = GK_FAMILY_REDUCE, .inputs = 1, .outputs = 1};
  const bool given = op == GK_OP_sum || op == GK_OP_prod || gk_ops[op].compute == GK_COMPUTE_FLOAT;
  call.compute = gk_ops[op].compute == GK_COMPUTE_BOOL ? GK_bool : given ? to : from;
  static const double corrections[] = {0, 1, 0.5, 3};
  static const double orders[] = {2, 1, 0, 3, 0.5, -1, INFINITY, -INFINITY};
  own = op == GK_OP_norm ? orders[test_below(count ? 8 : 6)] : corrections[test_below(4)];
  call.f[0] = own;
  call.axes = axes;
  call.size = in.size;
  call.in[0] = &in;
  call.out[0] = &out;
  const gk_isa best = gk_cpu_isa;
  char *first = NULL;
  for (int isa = best == GK_ISA_NEON ? GK_ISA_NEON : GK_ISA_BASELINE; isa <= (int)best; isa++) {
    gk_cpu_isa = (gk_isa)isa;
    if (to_storage.data) memset(to_storage.data, 0x5a, (size_t)to_storage.bytes);
    CHECK(gk_cpu_reduce(&call, &error) == GK_OK);
    if (!out.size) continue;
    if (first && op != GK_OP_logsumexp) {
      CHECKF(same(first, to_storage.data, to_storage.bytes, to), "%s %s: instruction sets differ",
             gk_ops[op].name, gk_dtypes[from].name);
    } else if (!first) {
      first = malloc((size_t)to_storage.bytes);
      memcpy(first, to_storage.data, (size_t)to_storage.bytes);
    }
  }
  gk_cpu_isa = best;
  // The row-major places of each result's elements.
  int64_t *places = malloc((size_t)(count + 1) * sizeof *places);
  for (int64_t o = 0; o < out.size; o++) {
    for (int64_t i = 0; i < count; i++) {
      int64_t kept = o, inner = i, at = 0, stride = 1;
      for (int a = ndim - 1; a >= 0; a--) {
        int64_t *from_index = axes >> a & 1 ? &inner : &kept;
        at += *from_index % shape[a] * stride;
        *from_index /= shape[a];
        stride *= shape[a];
      }
      places[i] = at;
    }
    check_one(op, &in, &out, o, count, places);
  }
  free(places);
  free(first);
  free(from_storage.data);
  free(to_storage.data);
}

static uint8_t result_dtype(int op, uint8_t from) {
  const uint8_t class = gk_dtypes[from].class;
  switch (gk_ops[op].result) {
  case GK_RESULT_BOOL:
    return GK_bool;
  case GK_RESULT_INT64:
    return GK_int64;
  case GK_RESULT_WIDE:
    if (class == GK_CLASS_COMPLEX) return from;
    if (test_below(4) == 0) return dtypes[1 + test_below(12)]; // the dtype asked for
    if (class == GK_CLASS_FLOAT) return from;
    return class == GK_CLASS_UNSIGNED ? GK_uint64 : GK_int64;
  default:
    if (gk_ops[op].compute != GK_COMPUTE_FLOAT) return from;
    if (class == GK_CLASS_COMPLEX) return from;
    if (test_below(6) == 0) return test_below(2) ? GK_float64 : GK_float32;
    return class == GK_CLASS_FLOAT ? from : GK_float32;
  }
}

static void random_case(int64_t largest) {
  const int op = GK_OP_sum + (int)test_below(14);
  const uint8_t from = dtypes[test_below(14)];
  if (!(gk_ops[op].accepts & gk_dtypes[from].class)) return;
  if (from == GK_complex64 && gk_ops[op].compute != GK_COMPUTE_BOOL) return; // no kernels yet
  const bool place = op == GK_OP_argmin || op == GK_OP_argmax;
  const int ndim = (int)test_below(5);
  int64_t shape[GK_MAX_DIMS], size = 1;
  for (int i = 0; i < ndim; i++) {
    const int64_t kind = test_below(6);
    shape[i] = kind == 0 ? 1 + test_below(3) : kind == 1 ? 1 + test_below(700) : 1 + test_below(40);
    if (test_below(60) == 0) shape[i] = 0;
    while (size * shape[i] > largest) shape[i] /= 2;
    size *= shape[i];
  }
  uint32_t axes = (uint32_t)test_below(1 << ndim);
  if (place && ndim) axes = test_below(2) ? 1u << test_below(ndim) : ~0u;
  if (test_below(4) == 0) axes = ~0u;
  for (int i = 0; i < ndim; i++)
    if ((axes >> i & 1) && shape[i] == 0 && op >= GK_OP_min && op <= GK_OP_argmax) return;
  run_case(op, from, result_dtype(op, from), ndim, shape, axes, test_below(3) == 0,
           test_below(3) == 0);
}

// Shapes that are cut into chunks and handed to threads.
static void large_cases(void) {
  static const int64_t shapes[][2] = {
      {1, 700001}, {3, 250007}, {300011, 3}, {9000, 60}, {70, 8000}};
  static const uint8_t some[] = {GK_float32, GK_int32, GK_float16, GK_float64, GK_int8};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int op = GK_OP_sum; op <= GK_OP_count_nonzero; op++)
      for (uint32_t axes = 1; axes <= 3; axes++) {
        if ((op == GK_OP_argmin || op == GK_OP_argmax) && axes == 3) axes = ~0u;
        const bool complex = gk_ops[op].accepts & GK_CLASS_COMPLEX && test_below(4) == 0;
        const uint8_t from = complex ? GK_complex64 : some[test_below(5)];
        run_case(op, from, result_dtype(op, from), 2, shapes[s], axes, test_below(2), 0);
        if (axes == ~0u) break;
      }
}

// Sums of numbers of one sign: no worse than NumPy's pairwise order, which loses
// about log2(n) / 2 half units.
static void accuracy(void) {
  const int64_t n = 1 << 20;
  gk_storage in_storage, out_storage;
  float *x = malloc((size_t)n * sizeof *x), y = 0;
  double *d = malloc((size_t)n * sizeof *d), z = 0;
  long double exact = 0, exact_d = 0;
  for (int64_t i = 0; i < n; i++) {
    x[i] = (float)test_uniform();
    d[i] = test_uniform();
    exact += x[i];
    exact_d += d[i];
  }
  gk_error error;
  gk_view in = test_view(&in_storage, x, GK_float32, 1, &n), out;
  out = test_view(&out_storage, &y, GK_float32, 1, (int64_t[]){1});
  out.strides[0] = 0;
  gk_call call = {.op = GK_OP_sum, .compute = GK_float32, .axes = 1, .size = n};
  call.in[0] = &in;
  call.out[0] = &out;
  CHECK(gk_cpu_reduce(&call, &error) == GK_OK);
  CHECKF(fabs(y / (double)exact - 1) < 6e-8, "float32 sum: %g off", y / (double)exact - 1);
  in.dtype = out.dtype = call.compute = GK_float64;
  in_storage.data = d;
  out_storage.data = &z;
  CHECK(gk_cpu_reduce(&call, &error) == GK_OK);
  CHECKF(fabsl(z / exact_d - 1) < 3e-16L, "float64 sum: %Lg off", z / exact_d - 1);
  free(x);
  free(d);
}

// NumPy's order of a sum: eight accumulators in blocks of 128, which are halved and halved again above.
static float pairwise(const float *x, int64_t n) {
  if (n <= 128) {
    float r[8] = {0}, rest = 0;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
      for (int j = 0; j < 8; j++) r[j] += x[i + j];
    for (; i < n; i++) rest += x[i];
    return ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7])) + rest;
  }
  const int64_t half = n / 2 - n / 2 % 8;
  return pairwise(x, half) + pairwise(x + half, n - half);
}

// Over many hard inputs, sums err less than in NumPy's order: of numbers of every size, of such as
// cancel, of a slope and of waves around a large number.
static void harder(void) {
  enum { n = 50000, rounds = 40 };
  static float x[n];
  for (int kind = 0; kind < 4; kind++) {
    double ours = 0, theirs = 0;
    for (int round = 0; round < rounds; round++) {
      long double exact = 0, size = 0;
      for (int i = 0; i < n; i++) {
        const double u = 2 * test_uniform() - 1;
        x[i] = (float)(kind == 0   ? ldexp(u, (int)test_below(40) - 20)
                       : kind == 1 ? (i & 1 ? -(double)x[i - 1] * (1 + 1e-3 * u) : 1e4 * u)
                       : kind == 2 ? i * (1 + 0.1 * u)
                                   : 1e6 + sin(i * 0.1) + u);
        exact += x[i];
        size += fabsf(x[i]);
      }
      gk_storage in_storage, out_storage;
      gk_error error;
      float y = 0;
      gk_view in = test_view(&in_storage, x, GK_float32, 1, (int64_t[]){n});
      gk_view out = test_view(&out_storage, &y, GK_float32, 1, (int64_t[]){1});
      out.strides[0] = 0;
      gk_call call = {.op = GK_OP_sum, .compute = GK_float32, .axes = 1, .size = n};
      call.in[0] = &in;
      call.out[0] = &out;
      CHECK(gk_cpu_reduce(&call, &error) == GK_OK);
      ours += fabs((double)((y - exact) / size));
      theirs += fabs((double)((pairwise(x, n) - exact) / size));
    }
    CHECKF(ours <= theirs, "sums of kind %d: errors of %g beside %g", kind, ours, theirs);
  }
}

static void empty_extreme(void) {
  gk_storage in_storage, out_storage;
  float y = 0;
  gk_view in = test_view(&in_storage, NULL, GK_float32, 1, (int64_t[]){0});
  gk_view out = test_view(&out_storage, &y, GK_float32, 1, (int64_t[]){1});
  gk_call call = {.op = GK_OP_max, .compute = GK_float32, .axes = 1};
  gk_error error;
  call.in[0] = &in;
  call.out[0] = &out;
  CHECK(gk_cpu_reduce(&call, &error) == GK_ARGUMENT);
}

int main(void) {
  for (int i = 0; i < 5000; i++) random_case(3000);
  for (int i = 0; i < 80; i++) random_case(60000);
  large_cases();
  accuracy();
  harder();
  empty_extreme();
  return test_done();
}
