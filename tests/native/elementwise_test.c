// cpu/elementwise.c against a scalar reference: every op, operands of any dtypes and views, every
// instruction set. `elementwise_test long` runs ten times as many cases. (functions_test.c measures
// how far exp and its like are off.)
#include "../../csrc/cpu/elementwise.h"
#include "random_view.h"

// ---- the reference

static double rounded(double x, uint8_t dtype) {
  gk_scalar s = gk_scalar_from_double(x, dtype);
  return gk_scalar_to_double(s.bytes, dtype);
}

// Arithmetic on floats in double, rounded to float32 after each step, is that of float32.
static double step(double x, bool narrow) { return narrow ? (double)(float)x : x; }

// Python's // and %, as NumPy computes them.
static double floor_quotient(double a, double b, bool narrow) {
  if (b == 0) return a / b;
  double r = fmod(a, b), q = step(step(a - r, narrow) / b, narrow);
  if (r != 0 && (b < 0) != (r < 0)) q = step(q - 1, narrow);
  if (q == 0) return copysign(0, a / b);
  double whole = floor(q);
  return step(q - whole, narrow) > 0.5 ? step(whole + 1, narrow) : whole;
}
static double floor_rest(double a, double b, bool narrow) {
  double r = fmod(a, b);
  if (r == 0) return copysign(0, b);
  return (b < 0) != (r < 0) ? step(r + b, narrow) : r;
}

static double float_op(uint16_t op, double a, double b, double c, uint8_t dtype) {
  bool narrow = dtype != GK_float64;
  switch (op) {
  case GK_OP_neg:
    return -a;
  case GK_OP_abs:
    return fabs(a);
  case GK_OP_square:
    return a * a;
  case GK_OP_sqrt:
    return sqrt(a);
  case GK_OP_reciprocal:
    return 1 / a;
  case GK_OP_exp:
    return exp(a);
  case GK_OP_log:
    return log(a);
  case GK_OP_tanh:
    return tanh(a);
  case GK_OP_exp2:
    return exp2(a);
  case GK_OP_expm1:
    return expm1(a);
  case GK_OP_sinh:
    return sinh(a);
  case GK_OP_cosh:
    return cosh(a);
  case GK_OP_log1p:
    return log1p(a);
  case GK_OP_log2:
    return log2(a);
  case GK_OP_log10:
    return log10(a);
  case GK_OP_cbrt:
    return cbrt(a);
  case GK_OP_rsqrt:
    return 1 / sqrt(a);
  case GK_OP_pow:
    return pow(a, b);
  case GK_OP_hypot:
    return hypot(a, b);
  case GK_OP_sin:
    return sin(a);
  case GK_OP_cos:
    return cos(a);
  case GK_OP_tan:
    return tan(a);
  case GK_OP_arcsin:
    return asin(a);
  case GK_OP_arccos:
    return acos(a);
  case GK_OP_arctan:
    return atan(a);
  case GK_OP_arctan2:
    return atan2(a, b);
  case GK_OP_erf:
    return erf(a);
  case GK_OP_floor:
    return floor(a);
  case GK_OP_ceil:
    return ceil(a);
  case GK_OP_round:
    return rint(a);
  case GK_OP_trunc:
    return trunc(a);
  case GK_OP_conj:
    return a;
  case GK_OP_angle:
    return isnan(a) ? a : signbit(a) ? acos(-1) : 0;
  case GK_OP_relu:
    return isnan(a) ? a : a > 0 ? a : 0;
  case GK_OP_sign:
    return isnan(a) ? a : (a > 0) - (a < 0);
  case GK_OP_add:
    return a + b;
  case GK_OP_sub:
    return a - b;
  case GK_OP_mul:
    return a * b;
  case GK_OP_div:
    return a / b;
  case GK_OP_floor_divide:
    return floor_quotient(a, b, narrow);
  case GK_OP_remainder:
    return floor_rest(a, b, narrow);
  case GK_OP_fmod:
    return fmod(a, b);
  case GK_OP_maximum:
    return isnan(a) ? a : isnan(b) ? b : a >= b ? a : b;
  case GK_OP_minimum:
    return isnan(a) ? a : isnan(b) ? b : a <= b ? a : b;
  case GK_OP_fma:
    return narrow ? fmaf((float)a, (float)b, (float)c) : fma(a, b, c);
  case GK_OP_clip:
    return float_op(GK_OP_minimum, float_op(GK_OP_maximum, a, b, 0, dtype), c, 0, dtype);
  default:
    return 0;
  }
}

static int compare(element a, element b, uint8_t dtype) {
  if (dtype == GK_uint64) return (uint64_t)a.i<(uint64_t)b.i ? -1 : (uint64_t)a.i>(uint64_t) b.i;
  return a.i < b.i ? -1 : a.i > b.i;
}

static uint64_t power(uint64_t base, uint64_t exponent) {
  uint64_t v = 1;
  for (; exponent; exponent >>= 1, base *= base)
    if (exponent & 1) v *= base;
  return v;
}

// Quotient towards 0, or the rest of it.
static uint64_t divide(uint64_t x, uint64_t y, bool is_signed, bool rest) {
  if (y == 0) return 0;
  if (!is_signed) return rest ? x % y : x / y;
  if (y == (uint64_t)-1) return rest ? 0 : 0 - x;
  return (uint64_t)(rest ? (int64_t)x % (int64_t)y : (int64_t)x / (int64_t)y);
}

static element integer_op(uint16_t op, element a, element b, element c, uint8_t dtype) {
  uint64_t x = (uint64_t)a.i, y = (uint64_t)b.i, z = (uint64_t)c.i;
  bool is_signed = gk_dtypes[dtype].class == GK_CLASS_SIGNED, truth = dtype == GK_bool;
  bool negative = is_signed && a.i < 0, negative_b = is_signed && b.i < 0;
  bool inside = y < gk_dtypes[dtype].bits; // a shift that leaves anything
  uint64_t rest = divide(x, y, is_signed, true);
  bool uneven = rest != 0 && is_signed && ((int64_t)rest < 0) != negative_b;
  element r = {0, 0, 0};
  uint64_t v = x;
  switch (op) {
  case GK_OP_neg:
    v = 0 - x;
    break;
  case GK_OP_abs:
    v = negative ? 0 - x : x;
    break;
  case GK_OP_square:
    v = x * x;
    break;
  case GK_OP_relu:
    v = negative ? 0 : x;
    break;
  case GK_OP_sign:
    v = negative ? (uint64_t)-1 : x != 0;
    break;
  case GK_OP_add:
    v = truth ? x | y : x + y;
    break;
  case GK_OP_sub:
    v = x - y;
    break;
  case GK_OP_mul:
    v = x * y;
    break;
  case GK_OP_fma:
    v = x * y + z;
    break;
  case GK_OP_bitwise_not:
    v = truth ? !x : ~x;
    break;
  case GK_OP_bitwise_and:
    v = x & y;
    break;
  case GK_OP_bitwise_or:
    v = x | y;
    break;
  case GK_OP_bitwise_xor:
    v = x ^ y;
    break;
  case GK_OP_left_shift:
    v = inside ? x << y : 0;
    break;
  case GK_OP_right_shift:
    if (!inside) v = negative ? (uint64_t)-1 : 0;
    if (inside) v = is_signed ? (uint64_t)(a.i >> y) : x >> y;
    break;
  case GK_OP_floor_divide:
    v = divide(x, y, is_signed, false) - uneven;
    break;
  case GK_OP_remainder:
    v = uneven ? rest + y : rest;
    break;
  case GK_OP_fmod:
    v = rest;
    break;
  case GK_OP_pow:
    v = power(x, y);
    if (negative_b) v = x == 1 ? 1 : a.i == -1 ? (y & 1 ? x : 1) : 0;
    break;
  case GK_OP_maximum:
    return compare(a, b, dtype) >= 0 ? a : b;
  case GK_OP_minimum:
    return compare(a, b, dtype) <= 0 ? a : b;
  case GK_OP_clip: {
    element held = compare(a, b, dtype) >= 0 ? a : b;
    return compare(held, c, dtype) <= 0 ? held : c;
  }
  }
  r.i = (int64_t)v;
  char bytes[8];
  element_write(bytes, dtype, r);
  return element_read(bytes, dtype);
}

static bool is_finite(element a) { return isfinite(a.f) && isfinite(a.im); }

static bool predicate(uint16_t op, element a, element b, element c, uint8_t dtype) {
  if (op == GK_OP_isnan) return is_floating(dtype) && (isnan(a.f) || isnan(a.im));
  if (op == GK_OP_isinf) return is_floating(dtype) && (isinf(a.f) || isinf(a.im));
  if (op == GK_OP_isfinite) return !is_floating(dtype) || is_finite(a);
  if (op == GK_OP_is_within) {
    bool narrow = dtype != GK_float64;
    double apart = hypot(step(a.f - b.f, narrow), step(a.im - b.im, narrow));
    if (a.f == b.f && a.im == b.im) return true;
    return is_finite(b) && step(apart, narrow) <= c.f;
  }
  if (op == GK_OP_logical_xor) return !a.i != !b.i;
  if (op == GK_OP_logical_not) return !a.i;
  if (op == GK_OP_logical_and) return a.i && b.i;
  if (op == GK_OP_logical_or) return a.i || b.i;
  bool less, equal;
  if (is_floating(dtype)) {
    less = a.f < b.f;
    equal = a.f == b.f && (dtype != GK_complex64 || a.im == b.im);
  } else {
    less = compare(a, b, dtype) < 0;
    equal = compare(a, b, dtype) == 0;
  }
  bool greater = is_floating(dtype) ? a.f > b.f : !less && !equal;
  switch (op) {
  case GK_OP_equal:
    return equal;
  case GK_OP_not_equal:
    return !equal;
  case GK_OP_less:
    return less;
  case GK_OP_less_equal:
    return less || equal;
  case GK_OP_greater:
    return greater;
  default:
    return greater || equal;
  }
}

// Quotients in more precision than the loops have, by the same rules for zeros and infinities.
static element complex_quotient(long double x, long double y, long double u, long double v) {
  element r = {0, 0, 0};
  if (u == 0 && v == 0) {
    r.f = (double)(x / fabsl(u));
    r.im = (double)(y / fabsl(u));
    return r;
  }
  bool by_real = fabsl(u) >= fabsl(v);
  long double ratio = by_real ? v / u : u / v;
  long double scale = 1 / (by_real ? u + v * ratio : v + u * ratio);
  r.f = (double)((by_real ? x + y * ratio : x * ratio + y) * scale);
  r.im = (double)((by_real ? y - x * ratio : y * ratio - x) * scale);
  return r;
}

static element complex_exp(double x, double y) {
  element r = {0, exp(x) * cos(y), y == 0 ? y : exp(x) * sin(y)};
  if (x == -INFINITY && !isfinite(y)) r.f = r.im = 0;
  if (x == INFINITY && !isfinite(y)) r.f = INFINITY, r.im = NAN;
  return r;
}

static element complex_op(uint16_t op, element a, element b) {
  float x = (float)a.f, y = (float)a.im, u = (float)b.f, v = (float)b.im;
  element r = {0, x, y};
  switch (op) {
  case GK_OP_neg:
    return (element){0, -x, -y};
  case GK_OP_conj:
    return (element){0, x, -y};
  case GK_OP_square:
    return complex_op(GK_OP_mul, a, a);
  case GK_OP_abs:
    return (element){0, (float)hypot(x, y), 0};
  case GK_OP_angle:
    return (element){0, (float)atan2(y, x), 0};
  case GK_OP_exp:
    r = complex_exp(x, y);
    break;
  case GK_OP_add:
    return (element){0, x + u, y + v};
  case GK_OP_sub:
    return (element){0, x - u, y - v};
  case GK_OP_mul:
    return (element){0, x * u - y * v, x * v + y * u};
  case GK_OP_div:
    r = complex_quotient(x, y, u, v);
    break;
  case GK_OP_reciprocal:
    r = x == 0 && y == 0 ? (element){0, NAN, NAN} : complex_quotient(1, 0, x, y);
    break;
  }
  return (element){0, (float)r.f, (float)r.im};
}

static element reference(uint16_t op, const element *in, uint8_t dtype) {
  element a = in[0], b = in[1], c = in[2], r = {0, 0, 0};
  if (gk_ops[op].result == GK_RESULT_BOOL) {
    r.i = predicate(op, a, b, c, dtype);
  } else if (op == GK_OP_where) {
    r = a.i ? b : c;
  } else if (dtype == GK_complex64) {
    r = complex_op(op, a, b);
  } else if (is_floating(dtype)) {
    r.f = float_op(op, a.f, b.f, c.f, dtype);
    // 16-bit floats compute in float32; a double holds every exact float32 result but a rounded one.
    if (dtype != GK_float64) r.f = rounded(rounded(r.f, GK_float32), dtype);
  } else {
    r = integer_op(op, a, b, c, dtype);
  }
  return r;
}

// `dtype` is the result's; of_complex: does it come from complex64?
static bool close_enough(uint16_t op, element got, element want, uint8_t dtype, bool of_complex) {
  if (element_same(got, want, dtype)) return true;
  if (dtype == GK_complex64) {
    // Products: gcc 12 makes vfmaddsub of them in spite of -ffp-contract=off.
    bool rounds = op == GK_OP_mul || op == GK_OP_square || op == GK_OP_div ||
                  op == GK_OP_reciprocal || op == GK_OP_exp;
    double length = hypot(want.f, want.im);
    double slack = 0x1p-22 * fmin(length, 0x1p128) + 0x1p-149;
    bool re = fabs(got.f - want.f) <= slack || got.f == want.f || (isnan(got.f) && isnan(want.f));
    bool im =
        fabs(got.im - want.im) <= slack || got.im == want.im || (isnan(got.im) && isnan(want.im));
    return rounds && re && im;
  }
  if (op == GK_OP_angle || (op == GK_OP_abs && of_complex))
    return fabs(got.f - want.f) <= 0x1p-22 * fabs(want.f) + 0x1p-149;
  if (!gk_elementwise_is_function(op)) return false;
  int digits = dtype == GK_float64 ? 53 : dtype == GK_float32 ? 24 : dtype == GK_float16 ? 11 : 8;
  double slack = ldexp(fabs(want.f), 2 - digits) + (dtype == GK_float64 ? 0 : 0x1p-149);
  if (dtype == GK_float16) slack += 0x1p-24;
  if (isinf(got.f) || isinf(want.f))
    return got.f == want.f || fabs(want.f) > 3.4028e38 || dtype == GK_float16 ||
           dtype == GK_bfloat16;
  return fabs(got.f - want.f) <= slack;
}

// ---- one random call

static const uint16_t ops[] = {
#define GK_OP(code, name, family, arity, accepts, compute, result, summary)                        \
  GK_FAMILY_##family == GK_FAMILY_ELEMENTWISE ? code : 0,
#include "../../csrc/core/ops.def"
#undef GK_OP
};

static uint8_t random_dtype(uint16_t op) {
  for (;;) {
    uint8_t d = (uint8_t)(1 + test_below(GK_DTYPE_COUNT - 1));
    if (gk_ops[op].accepts & gk_dtypes[d].class) return d;
  }
}

// The dtype of the op on these operands, as core/submit.c finds it; 0 where there is none.
static uint8_t compute_dtype(uint16_t op, const uint8_t *dtypes, int count) {
  if (gk_ops[op].compute == GK_COMPUTE_BOOL) return GK_bool;
  int first = op == GK_OP_where ? 1 : 0;
  uint8_t d = dtypes[first];
  for (int k = first + 1; k < count; k++) d = gk_promote(d, dtypes[k]);
  if (gk_ops[op].compute == GK_COMPUTE_FLOAT && d && !is_floating(d)) d = GK_float32;
  return d;
}

static void run_case(uint16_t op, int ndim, const int64_t *shape, bool flat, bool numbers) {
  int arity = gk_ops[op].arity;
  uint8_t dtypes[3];
  uint8_t common = random_dtype(op), compute = 0;
  while (!compute) {
    bool alike = flat || test_below(2);
    for (int k = 0; k < arity; k++) dtypes[k] = alike ? common : random_dtype(op);
    if (op == GK_OP_where && flat) dtypes[0] = GK_bool;
    compute = compute_dtype(op, dtypes, arity);
    common = random_dtype(op);
  }
  if (flat && op != GK_OP_where && dtypes[0] != compute) flat = false;
  test_array in[3], out;
  gk_call call;
  memset(&call, 0, sizeof call);
  call.op = op;
  call.family = GK_FAMILY_ELEMENTWISE;
  call.inputs = (uint8_t)arity;
  call.outputs = 1;
  call.compute = compute;
  int arrays = 0;
  for (int k = 0; k < arity; k++) {
    test_array_make(&in[k], dtypes[k], ndim, shape, flat ? PLAIN : 0);
    bool number = numbers && test_below(2) && (k + 1 < arity || arrays);
    if (!number) {
      call.in[k] = &in[k].view;
      arrays++;
    }
  }
  bool contiguous_out = flat || test_below(2);
  uint8_t result = gk_ops[op].result == GK_RESULT_BOOL ? GK_bool : compute;
  if (gk_ops[op].result == GK_RESULT_REAL && compute == GK_complex64) result = GK_float32;
  int same = -1; // the operand that is also the output
  for (int k = 0; k < arity; k++)
    if (call.in[k] && dtypes[k] == result && test_below(4) == 0 && !gk_view_repeats(call.in[k]))
      same = k;
  if (same < 0) test_array_make(&out, result, ndim, shape, contiguous_out ? PLAIN : NO_BROADCAST);
  test_array *target = same < 0 ? &out : &in[same];
  call.out[0] = &target->view;
  call.size = target->view.size;
  call.flat = flat;

  int64_t size = call.size;
  element *expected = malloc((size_t)(size + 1) * sizeof *expected);
  element number[3];
  for (int k = 0; k < arity; k++) {
    number[k] = element_random(compute);
    if (!call.in[k]) element_write(call.scalar[k].bytes, compute, number[k]);
  }
  for (int64_t i = 0; i < size; i++) {
    element e[3] = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}};
    for (int k = 0; k < arity; k++) {
      uint8_t need = op == GK_OP_where && k == 0 ? GK_bool : compute;
      e[k] = call.in[k] ? element_convert(element_at(call.in[k], in[k].memory, i), dtypes[k], need)
                        : element_convert(number[k], compute, need);
    }
    expected[i] = reference(op, e, compute);
  }
  char *before = malloc((size_t)target->bytes + 1);
  memcpy(before, target->memory, (size_t)target->bytes);
  FOR_EACH_ISA(isa) {
    memcpy(target->memory, before, (size_t)target->bytes);
    gk_error error;
    gk_status status = gk_cpu_elementwise(&call, &error);
    CHECKF(status == GK_OK, "%s of %s fails", gk_ops[op].name, gk_dtypes[compute].name);
    int64_t wrong = -1;
    for (int64_t i = 0; i < size && wrong < 0; i++)
      if (!close_enough(op, element_at(&target->view, target->memory, i), expected[i], result,
                        compute == GK_complex64))
        wrong = i;
    element got = {0, 0, 0};
    if (wrong >= 0) got = element_at(&target->view, target->memory, wrong);
    CHECKF(wrong < 0, "%s of %s, %s, flat %d, element %d of %d: %a or %lld, not %a or %lld",
           gk_ops[op].name, gk_dtypes[compute].name, gk_cpu_isa_name(isa), flat, (int)wrong,
           (int)size, got.f, (long long)got.i, expected[wrong < 0 ? 0 : wrong].f,
           (long long)expected[wrong < 0 ? 0 : wrong].i);
    CHECKF(test_array_untouched(target, before), "%s writes outside its view", gk_ops[op].name);
  }
  free(before);
  free(expected);
  for (int k = 0; k < arity; k++) test_array_free(&in[k]);
  if (same < 0) test_array_free(&out);
}

// ---- special values

static float run_one(uint16_t op, float x) {
  float y = 0;
  int64_t shape[1] = {1};
  gk_storage storages[2];
  gk_view in = test_view(&storages[0], &x, GK_float32, 1, shape);
  gk_view out = test_view(&storages[1], &y, GK_float32, 1, shape);
  gk_call call = {
      .op = op, .inputs = 1, .outputs = 1, .compute = GK_float32, .flat = true, .size = 1};
  call.in[0] = &in;
  call.out[0] = &out;
  gk_error error;
  gk_cpu_elementwise(&call, &error);
  return y;
}

static void test_special(void) {
  CHECK(run_one(GK_OP_exp, INFINITY) == INFINITY && run_one(GK_OP_exp, 88.8f) == INFINITY);
  CHECK(run_one(GK_OP_exp, -INFINITY) == 0 && run_one(GK_OP_exp, -104.5f) == 0);
  CHECK(run_one(GK_OP_exp, -0.0f) == 1 && isnan(run_one(GK_OP_exp, NAN)));
  CHECK(run_one(GK_OP_exp, -103) == 0x1p-149f);
  CHECK(run_one(GK_OP_log, 0) == -INFINITY && run_one(GK_OP_log, -0.0f) == -INFINITY);
  CHECK(run_one(GK_OP_log, INFINITY) == INFINITY && isnan(run_one(GK_OP_log, NAN)));
  CHECK(isnan(run_one(GK_OP_log, -1)) && isnan(run_one(GK_OP_log, -INFINITY)));
  CHECK(isnan(run_one(GK_OP_log, -0x1p-149f)) && run_one(GK_OP_log, 1) == 0);
  CHECK(run_one(GK_OP_tanh, INFINITY) == 1 && run_one(GK_OP_tanh, -INFINITY) == -1);
  CHECK(run_one(GK_OP_tanh, 0x1p-149f) == 0x1p-149f && run_one(GK_OP_tanh, -1e-30f) == -1e-30f);
  CHECK(signbit(run_one(GK_OP_tanh, -0.0f)) && !signbit(run_one(GK_OP_tanh, 0.0f)));
  CHECK(isnan(run_one(GK_OP_tanh, NAN)) && run_one(GK_OP_tanh, 9.5f) == 1);
  CHECK(signbit(run_one(GK_OP_floor, -0.0f)) && run_one(GK_OP_floor, -0.25f) == -1);
  CHECK(run_one(GK_OP_floor, 0x1.8p30f) == 0x1.8p30f && isnan(run_one(GK_OP_floor, NAN)));
  CHECK(isnan(run_one(GK_OP_relu, NAN)) && !signbit(run_one(GK_OP_relu, -0.0f)));
}

// Outputs that no cache holds, at every alignment of out, also onto an operand.
static void test_streaming(void) {
  static const uint16_t streamed[] = {
      GK_OP_add,  GK_OP_sub, GK_OP_mul, GK_OP_div,  GK_OP_maximum, GK_OP_minimum, GK_OP_fma,
      GK_OP_clip, GK_OP_exp, GK_OP_log, GK_OP_tanh, GK_OP_log2,    GK_OP_log10};
  enum { STREAMED = sizeof streamed / sizeof *streamed };
  const int64_t n = (11 << 20) / 4 + 13;
  float *a = malloc((size_t)(n + 16) * 4), *b = malloc((size_t)(n + 16) * 4),
        *o = malloc((size_t)(n + 16) * 4);
  for (int64_t i = 0; i < n + 16; i++) {
    a[i] = (float)(test_uniform() * 8 - 4);
    b[i] = (float)(test_uniform() + 0.5);
  }
  FOR_EACH_ISA(isa) {
    for (int k = 0; k < STREAMED; k++) {
      uint16_t op = streamed[k];
      int64_t size = n - k, offset = k * 3 % 16;
      gk_storage storage[3];
      gk_view x = test_view(&storage[0], a, GK_float32, 1, &size);
      gk_view y = test_view(&storage[1], b, GK_float32, 1, &size);
      gk_view z = test_view(&storage[2], o, GK_float32, 1, &size);
      z.offset = offset * 4;
      o[offset + size] = 77; // must stay
      if (offset) o[offset - 1] = 78;
      gk_call call = {
          .op = op,
          .family = GK_FAMILY_ELEMENTWISE,
          .inputs = gk_ops[op].arity,
          .outputs = 1,
          .compute = GK_float32,
          .flat = true,
          .size = size,
          .in = {&x, gk_ops[op].arity > 1 ? &y : NULL, gk_ops[op].arity > 2 ? &x : NULL},
          .out = {&z}};
      gk_error error;
      CHECK(gk_cpu_elementwise(&call, &error) == GK_OK);
      int64_t wrong = 0;
      for (int64_t i = 0; i < size; i++) {
        element got = {0, o[offset + i], 0},
                want = {0, (float)float_op(op, a[i], b[i], a[i], GK_float32), 0};
        wrong += !close_enough(op, got, want, GK_float32, false);
      }
      CHECKF(wrong == 0 && o[offset + size] == 77 && (!offset || o[offset - 1] == 78),
             "op %d, isa %d, offset %d: %d wrong", op, (int)isa, (int)offset, (int)wrong);
    }
  }
  double *d = (double *)(void *)a;
  for (int64_t i = 0; i < n / 2; i++) d[i] = (double)i;
  int64_t size = n / 2;
  gk_storage storage;
  gk_view x = test_view(&storage, d, GK_float64, 1, &size);
  gk_call call = {.op = GK_OP_add,
                  .family = GK_FAMILY_ELEMENTWISE,
                  .inputs = 2,
                  .outputs = 1,
                  .compute = GK_float64,
                  .flat = true,
                  .size = size,
                  .in = {&x, &x},
                  .out = {&x}};
  gk_error error;
  CHECK(gk_cpu_elementwise(&call, &error) == GK_OK);
  int64_t wrong = 0;
  for (int64_t i = 0; i < size; i++) wrong += d[i] != 2. * (double)i;
  CHECKF(wrong == 0, "in place: %d wrong", (int)wrong);
  free(a);
  free(b);
  free(o);
}

int main(int argc, char **argv) {
  bool thorough = argc > 1 && strcmp(argv[1], "long") == 0;
  for (size_t o = 0; o < sizeof ops / sizeof *ops; o++) {
    if (!ops[o]) continue;
    for (int round = 0; round < (thorough ? 1000 : 100); round++) {
      int64_t shape[GK_MAX_DIMS];
      int ndim = random_shape(shape);
      bool flat = round % 3 == 0;
      if (flat && round % 2) {
        ndim = 1;
        shape[0] = test_below(70);
      }
      if (round % 16 == 1) { // planes that are worth tiles
        ndim = 2 + (int)test_below(2);
        for (int d = 0; d < ndim; d++) shape[d] = 1 + test_below(ndim == 2 ? 300 : 40);
      }
      run_case(ops[o], ndim, shape, flat, round % 2);
    }
  }
  // Threads, and stores past the caches.
  int64_t wide[2] = {3, 1 << 19}, tall[2] = {500001, 3};
  run_case(GK_OP_sub, 2, tall, false, true);
  run_case(thorough ? GK_OP_clip : GK_OP_maximum, 2, wide, true, true);
  test_streaming();
  FOR_EACH_ISA(isa) { test_special(); }
  return test_done();
}
