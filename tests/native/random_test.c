// Philox known answers, the mapping from words to elements against its definition in
// long double, ranges and moments; every instruction set bit for bit.
#include <math.h>

#include "../../csrc/cpu/random.h"
#include "strided.h"

static void known_answers(void) {
  // Random123's kat_vectors for philox4x32-10: counter, key, result.
  static const uint32_t known[3][10] = {
      {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
      {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
       0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
       0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (int i = 0; i < 3; i++) {
    const uint32_t *k = known[i];
    uint32_t out[4];
    gk_random()->words(1, (uint64_t)k[1] << 32 | k[0], (uint64_t)k[3] << 32 | k[2],
                       (uint64_t)k[5] << 32 | k[4], out);
    CHECKF(memcmp(out, k + 6, 16) == 0, "known answer %d: %08x %08x", i, out[0], out[1]);
  }
}

// The cipher once more, as its definition reads.
static void reference_block(uint64_t counter, uint64_t high, uint64_t key, uint32_t c[4]) {
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  c[0] = (uint32_t)counter, c[1] = (uint32_t)(counter >> 32);
  c[2] = (uint32_t)high, c[3] = (uint32_t)(high >> 32);
  for (int r = 0; r < 10; r++) {
    const uint64_t p = (uint64_t)c[0] * 0xD2511F53u, q = (uint64_t)c[2] * 0xCD9E8D57u;
    const uint32_t next[4] = {(uint32_t)(q >> 32) ^ c[1] ^ k0, (uint32_t)q,
                              (uint32_t)(p >> 32) ^ c[3] ^ k1, (uint32_t)p};
    memcpy(c, next, sizeof next);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

static uint64_t word_at(uint64_t counter, uint64_t key, int64_t i) {
  uint32_t c[4];
  reference_block(counter + (uint64_t)i / 4, 0, key, c);
  return c[i & 3];
}

static uint64_t wide_at(uint64_t counter, uint64_t key, int64_t i) {
  return word_at(counter, key, 2 * i) | word_at(counter, key, 2 * i + 1) << 32;
}

// Lemire's multiplication with rejection, as its definition reads.
static uint64_t integer_at(uint64_t counter, uint64_t key, int64_t i, int size, double low,
                           double high) {
  const unsigned __int128 words = (unsigned __int128)1 << (size == 8 ? 64 : 32);
  const unsigned __int128 range =
      (unsigned __int128)(high - low); // exact: tests keep below 2^53 or at 2^64
  for (uint64_t attempt = 0;; attempt++) {
    uint32_t c[4];
    reference_block(counter + (uint64_t)i / (size == 8 ? 2 : 4), attempt, key, c);
    const int at = size == 8 ? 2 * (i & 1) : i & 3;
    const uint64_t word = size == 8 ? c[at] | (uint64_t)c[at + 1] << 32 : c[at];
    if (range == words) return word;
    const unsigned __int128 product = word * range;
    if (product % words < words % range) continue;
    return (low < 0 ? (uint64_t)(int64_t)low : (uint64_t)low) + (uint64_t)(product / words);
  }
}

static long double normal_at(uint64_t counter, uint64_t key, int64_t i, bool wide) {
  const int64_t pair = i & ~(int64_t)1;
  long double u, turn;
  if (wide) {
    u = ((wide_at(counter, key, pair) >> 11) + 1) * 0x1p-53L;
    turn = wide_at(counter, key, pair + 1) * 0x1p-64L;
  } else {
    u = ((word_at(counter, key, pair) >> 8) + 1) * 0x1p-24L;
    turn = (word_at(counter, key, pair + 1) >> 6) * 0x1p-26L;
  }
  const long double r = sqrtl(-2 * logl(u)), angle = turn * 6.283185307179586476925286766559L;
  return r * (i & 1 ? sinl(angle) : cosl(angle));
}

static void generate(int op, uint8_t dtype, int64_t n, uint64_t key, uint64_t counter, double a,
                     double b, void *data) {
  gk_storage storage;
  gk_error error;
  gk_view out = test_view(&storage, data, dtype, 1, &n);
  gk_call call = {.op = (uint16_t)op, .compute = dtype, .size = n, .key = key, .counter = counter};
  call.f[0] = a;
  call.f[1] = b;
  call.out[0] = &out;
  CHECK(gk_cpu_random(&call, &error) == GK_OK);
}

static void check_elements(int op, uint8_t dtype, int64_t n, uint64_t key, uint64_t counter,
                           double a, double b, const char *data) {
  const int size = gk_dtypes[dtype].size;
  const char *name = gk_dtypes[dtype].name;
  for (int64_t i = 0; i < n; i++) {
    const char *p = data + i * size;
    if (op == GK_OP_random_bits) {
      const uint64_t want = size == 8 ? wide_at(counter, key, i) : word_at(counter, key, i);
      CHECKF(memcmp(p, &want, (size_t)size) == 0, "bits %s %lld", name, (long long)i);
      continue;
    }
    if (op == GK_OP_random_integers) {
      const uint64_t want = integer_at(counter, key, i, size, a, b);
      CHECKF(memcmp(p, &want, (size_t)size) == 0, "integers %s from %g to %g, %lld", name, a, b,
             (long long)i);
      continue;
    }
    const double got = gk_scalar_to_double(p, dtype);
    if (op == GK_OP_random_uniform) {
      const double u = size == 8 ? (double)(wide_at(counter, key, i) >> 11) * 0x1p-53
                                 : (double)(word_at(counter, key, i) >> 8) * 0x1p-24;
      const double unit = size == 8 ? 1e-15 : dtype == GK_float32 ? 4e-7 : size == 2 ? 1e-2 : 0;
      CHECKF(fabs(got - (a + u * (b - a))) <= unit * (fabs(a) + fabs(b)), "uniform %s: %g", name,
             got);
      CHECKF(a < b ? got >= a && got < b : got <= a && got > b, "uniform %s: %.9g in [%g, %g)",
             name, got, a, b);
    } else {
      const double want = (double)(a + b * normal_at(counter, key, i, size == 8));
      const double unit = size == 8             ? 4e-15
                          : dtype == GK_float32 ? 2e-6
                          : dtype == GK_float16 ? 4e-3
                                                : 3e-2;
      CHECKF(fabs(got - want) <= unit * (fabs(a) + fabs(b)), "normal %s: %.9g for %.9g", name, got,
             want);
    }
  }
}

// Bounds of whole numbers that `dtype` has: few of them, all, or so many that words are drawn again.
static void integer_bounds(uint8_t dtype, double *bound) {
  const bool is_signed = gk_dtypes[dtype].class == GK_CLASS_SIGNED;
  const int bits = gk_dtypes[dtype].bits;
  const double first = is_signed ? -ldexp(1, bits - 1) : 0;
  const int64_t kind = test_below(4);
  bound[0] = kind == 0 && is_signed ? -3 : first;
  bound[1] = kind == 0 ? 100 : kind == 1 ? first + ldexp(1, bits) : first + ldexp(5, bits - 3);
  if (kind == 3 && bits > 32) bound[0] = 1e9, bound[1] = 0x1p52 - 1;
}

static void mapping(void) {
  static const uint8_t integers[] = {GK_int8,  GK_uint8,  GK_int16, GK_uint16,
                                     GK_int32, GK_uint32, GK_int64, GK_uint64};
  static const uint8_t floats[] = {GK_float16, GK_bfloat16, GK_float32, GK_float64};
  static const double bounds[][2] = {{0, 1}, {-1, 0}, {-3, 5}, {2, -2}, {1, 1.03125}};
  for (int round = 0; round < 60; round++)
    for (int op = GK_OP_random_bits; op <= GK_OP_random_integers; op++) {
      const bool whole = op == GK_OP_random_bits || op == GK_OP_random_integers;
      const uint8_t dtype = whole ? integers[test_below(8)] : floats[test_below(4)];
      const int64_t n = test_below(4) ? test_below(60) : test_below(5000);
      const uint64_t key = test_random();
      const uint64_t counter =
          test_below(4) ? test_random() : ~UINT64_C(0) - (uint64_t)test_below(9);
      double bound[2];
      memcpy(bound, bounds[test_below(5)], sizeof bound);
      if (op == GK_OP_random_integers) integer_bounds(dtype, bound);
      const size_t bytes = (size_t)(n * gk_dtypes[dtype].size);
      char *first = NULL;
      const gk_isa best = gk_cpu_isa;
      for (int isa = best == GK_ISA_NEON ? GK_ISA_NEON : GK_ISA_BASELINE; isa <= (int)best; isa++) {
        gk_cpu_isa = (gk_isa)isa;
        char *data = malloc(bytes + 1); // exactly as much as may be written
        data[bytes] = 0x5a;
        generate(op, dtype, n, key, counter, bound[0], bound[1], data);
        CHECK(data[bytes] == 0x5a);
        if (first) {
          CHECKF(memcmp(first, data, bytes) == 0, "%s %s: instruction sets differ", gk_ops[op].name,
                 gk_dtypes[dtype].name);
          free(data);
        } else {
          check_elements(op, dtype, n, key, counter, bound[0], bound[1], data);
          first = data;
        }
      }
      gk_cpu_isa = best;
      free(first);
    }
}

// Every 24-bit fraction, with random angles, through the float loop: units in the last place.
static void normal_accuracy(void) {
  enum { N = 1 << 12 };
  static uint32_t words[2 * N];
  static float out[2 * N];
  double worst = 0;
  for (int round = 0; round < 1 << 12; round++) {
    for (int i = 0; i < N; i++) {
      words[2 * i] = (uint32_t)(round * N + i) << 8;
      words[2 * i + 1] = (uint32_t)test_random();
    }
    gk_random()->normal32(N, words, 0, 1, out);
    for (int i = 0; i < 2 * N; i++) {
      const double u = ((words[i & ~1] >> 8) + 1) * 0x1p-24;
      const double angle = (words[i | 1] >> 6) * (6.283185307179586 * 0x1p-26);
      const double want = sqrt(-2 * log(u)) * (i & 1 ? sin(angle) : cos(angle));
      const float near = fabsf((float)want);
      const double unit = nextafterf(near, INFINITY) - near;
      if (near > 1e-30f && fabs(out[i] - want) / unit > worst) worst = fabs(out[i] - want) / unit;
    }
  }
  CHECKF(worst < 4, "float normals: %.2f units in the last place", worst);
}

static void moments(void) {
  enum { N = 1 << 20 };
  double *x = malloc(N * sizeof *x);
  double sum = 0, square = 0, fourth = 0;
  generate(GK_OP_random_normal, GK_float64, N, 42, 7, 0, 1, x);
  for (int i = 0; i < N; i++) {
    sum += x[i];
    square += x[i] * x[i];
    fourth += x[i] * x[i] * x[i] * x[i];
  }
  CHECK(fabs(sum / N) < 5e-3 && fabs(square / N - 1) < 1e-2 && fabs(fourth / N - 3) < 6e-2);
  free(x);
}

// A range of one unit: whatever is drawn must not round up to its end.
static void narrow_range(void) {
  static const uint8_t floats[] = {GK_float16, GK_bfloat16, GK_float32};
  char data[4 * 4096];
  for (int i = 0; i < 3; i++) {
    const double high = floats[i] == GK_float32   ? 1 + 0x1p-23
                        : floats[i] == GK_float16 ? 1 + 0x1p-10
                                                  : 1 + 0x1p-7;
    generate(GK_OP_random_uniform, floats[i], 4096, 1, 2, 1, high, data);
    int bad = 0;
    for (int k = 0; k < 4096; k++)
      bad += gk_scalar_to_double(data + k * gk_dtypes[floats[i]].size, floats[i]) != 1;
    CHECKF(bad == 0, "%s: %d of 4096 reach the end", gk_dtypes[floats[i]].name, bad);
  }
  float same[9];
  generate(GK_OP_random_uniform, GK_float32, 9, 1, 2, 5, 5, same);
  for (int k = 0; k < 9; k++) CHECK(same[k] == 5);
  gk_error error;
  gk_storage storage;
  gk_view out = test_view(&storage, same, GK_float32, 1, (int64_t[]){9});
  gk_call call = {.op = GK_OP_random_uniform, .compute = GK_float32, .size = 9, .f = {-3e38, 3e38}};
  call.out[0] = &out;
  CHECK(gk_cpu_random(&call, &error) == GK_ARGUMENT);
}

// Threads: a long draw is the same as its parts.
static void parts(void) {
  enum { N = 600000 };
  float *whole = malloc(N * 4), *part = malloc(N * 4);
  generate(GK_OP_random_normal, GK_float32, N, 3, 100, 0, 1, whole);
  for (int64_t at = 0; at < N; at += 40000)
    generate(GK_OP_random_normal, GK_float32, 40000, 3, 100 + (uint64_t)at / 4, 0, 1, part + at);
  CHECK(memcmp(whole, part, N * 4) == 0);
  free(whole);
  free(part);
}

int main(void) {
  test_each_isa(known_answers);
  mapping();
  normal_accuracy();
  moments();
  narrow_range();
  parts();
  return test_done();
}
