// gk_cpu_fft against sums in double: every length up to 70 and others of each kind, real and complex, any
// dtype and layout, cut and filled operands, on every instruction set; the error at 2^20.
#include <math.h>
#include <stdatomic.h>

#include "../../csrc/core/threads.h"
#include "strided.h"

static const double tau = 6.283185307179586477;

typedef struct pair {
  double re, im;
} pair;

static pair element(const gk_view *v, int64_t flat) {
  const void *p = test_element(v, flat);
  if (v->dtype != GK_complex64) return (pair){gk_scalar_to_double(p, v->dtype), 0};
  const float *z = p;
  return (pair){z[0], z[1]};
}

static void fill_random(gk_view *v) {
  for (int64_t i = 0; i < v->size; i++) {
    char *p = test_element(v, i);
    if (v->dtype == GK_complex64) {
      float *z = (float *)p;
      z[0] = (float)(2 * test_uniform() - 1);
      z[1] = (float)(2 * test_uniform() - 1);
      continue;
    }
    const double x = test_is_float(v->dtype) ? 2 * test_uniform() - 1 : (double)test_below(2);
    const gk_scalar s = gk_scalar_from_double(x, v->dtype);
    memcpy(p, &s, gk_dtypes[v->dtype].size);
  }
}

// What line `x` of n numbers becomes, by its definition.
static void naive(int64_t n, const pair *x, bool inverse, double factor, pair *out) {
  pair *root = malloc((size_t)n * sizeof *root);
  for (int64_t j = 0; j < n; j++) {
    const double angle = tau * (double)j / (double)n;
    root[j] = (pair){cos(angle), inverse ? sin(angle) : -sin(angle)};
  }
  for (int64_t k = 0; k < n; k++) {
    double re = 0, im = 0;
    for (int64_t j = 0; j < n; j++) {
      const pair w = root[j * k % n];
      re += x[j].re * w.re - x[j].im * w.im;
      im += x[j].re * w.im + x[j].im * w.re;
    }
    out[k] = (pair){re * factor, im * factor};
  }
  free(root);
}

static void check_line(const gk_call *call, int64_t line) {
  const gk_view *in = call->in[0], *out = call->out[0];
  const int64_t n = (int64_t)call->f[0];
  const bool inverse =
      call->op == GK_OP_irfft || (call->op == GK_OP_fft && call->flags & GK_VARIANT);
  int64_t in_step, out_step;
  const int64_t from = test_line_start(in->ndim, in->shape, call->axis, line, &in_step);
  const int64_t to = test_line_start(out->ndim, out->shape, call->axis, line, &out_step);
  pair *x = calloc((size_t)n, sizeof *x), *want = malloc((size_t)n * sizeof *want);
  const int64_t there = in->shape[call->axis];
  for (int64_t i = 0; i < n; i++) {
    if (call->op != GK_OP_irfft) {
      if (i < there) x[i] = element(in, from + i * in_step);
      continue;
    }
    const int64_t k = 2 * i <= n ? i : n - i;
    if (k < there) x[i] = element(in, from + k * in_step);
    if (k != i) x[i].im = -x[i].im;
    if (i == 0 || 2 * i == n) x[i].im = 0;
  }
  naive(n, x, inverse, call->f[1], want);
  double error = 0, size = 0;
  for (int64_t k = 0; k < out->shape[call->axis]; k++) {
    const pair got = element(out, to + k * out_step);
    const double re = got.re - want[k].re, im = got.im - want[k].im;
    error += re * re + (call->op == GK_OP_irfft ? 0 : im * im);
  }
  for (int64_t k = 0; k < n; k++) size += want[k].re * want[k].re + want[k].im * want[k].im;
  error = sqrt(error / (size + 1e-30));
  CHECKF(error < 6e-7, "%s of %lld: error %.3g (isa %d, %s, line %lld)", gk_op_name(call->op),
         (long long)n, error, (int)gk_cpu_isa, gk_dtypes[in->dtype].name, (long long)line);
  free(x);
  free(want);
}

static void run_case(uint16_t op, bool inverse, uint8_t dtype, int ndim, int64_t *shape, int axis,
                     int64_t n, bool plain) {
  gk_storage from_storage, to_storage;
  gk_view in = test_strided(&from_storage, dtype, ndim, shape, plain, true);
  fill_random(&in);
  int64_t result[GK_MAX_DIMS];
  memcpy(result, shape, sizeof result);
  result[axis] = op == GK_OP_rfft ? n / 2 + 1 : n;
  gk_view out = test_strided(&to_storage, op == GK_OP_irfft ? GK_float32 : GK_complex64, ndim,
                             result, plain || test_below(2), false);
  gk_error error;
  gk_call call = {.op = op,
                  .family = GK_FAMILY_FFT,
                  .axis = (int8_t)axis,
                  .flags = inverse ? GK_VARIANT : 0,
                  .size = out.size,
                  .in = {&in},
                  .out = {&out},
                  .f = {(double)n, test_below(2) ? 1 : 1 / (double)n}};
  const gk_isa best = gk_cpu_isa;
  for (int isa = best == GK_ISA_NEON ? GK_ISA_NEON : GK_ISA_BASELINE; isa <= (int)best; isa++) {
    gk_cpu_isa = (gk_isa)isa;
    if (out.size) memset(to_storage.data, 0xff, (size_t)to_storage.bytes);
    CHECK(gk_cpu_fft(&call, &error) == GK_OK);
    const int64_t lines = out.size / result[axis];
    for (int64_t i = 0; i < lines && i < 40; i++)
      check_line(&call, lines <= 40 ? i : test_below(lines));
  }
  gk_cpu_isa = best;
  free(from_storage.data);
  free(to_storage.data);
}

static const uint8_t complex_dtypes[] = {GK_complex64, GK_complex64, GK_complex64, GK_float32,
                                         GK_float16,   GK_bfloat16,  GK_bool,      GK_int8,
                                         GK_uint16,    GK_int64};
static const uint8_t real_dtypes[] = {GK_float32, GK_float32, GK_float32, GK_float16,
                                      GK_bool,    GK_uint8,   GK_int32};

static void run_random(int64_t n) {
  const uint16_t op = (uint16_t)(GK_OP_fft + test_below(3));
  const uint8_t dtype =
      op == GK_OP_rfft ? real_dtypes[test_below(7)] : complex_dtypes[test_below(10)];
  const int ndim = 1 + (int)test_below(3), axis = (int)test_below(ndim);
  int64_t shape[GK_MAX_DIMS] = {1}, most = n > 600 ? 3 : 40;
  for (int d = 0; d < ndim; d++) shape[d] = 1 + test_below(most);
  const int64_t usual = op == GK_OP_irfft ? n / 2 + 1 : n;
  shape[axis] = test_below(3) ? usual : test_below(2 * usual + 1);
  run_case(op, test_below(2), dtype, ndim, shape, axis, n, test_below(3) == 0);
}

// Of two large transforms: one sine each, so that the result is known; and there and back.
static void run_large(uint16_t op, int64_t n, double limit) {
  const bool real = op == GK_OP_rfft;
  const int64_t results = real ? n / 2 + 1 : n;
  gk_storage storages[3];
  gk_view in = test_view(&storages[0], malloc((size_t)n * (real ? 4 : 8)),
                         real ? GK_float32 : GK_complex64, 1, (int64_t[]){n});
  gk_view out =
      test_view(&storages[1], malloc((size_t)results * 8), GK_complex64, 1, (int64_t[]){results});
  gk_view again = test_view(&storages[2], malloc((size_t)n * (real ? 4 : 8)), in.dtype, 1, &n);
  fill_random(&in);
  gk_error error;
  gk_call call = {.op = op, .size = results, .in = {&in}, .out = {&out}, .f = {(double)n, 1}};
  gk_call back = {.op = real ? GK_OP_irfft : GK_OP_fft,
                  .size = n,
                  .flags = GK_VARIANT,
                  .in = {&out},
                  .out = {&again},
                  .f = {(double)n, 1 / (double)n}};
  CHECK(gk_cpu_fft(&call, &error) == GK_OK);
  CHECK(gk_cpu_fft(&back, &error) == GK_OK);
  const float *x = storages[0].data, *y = storages[2].data;
  double sum = 0, size = 0, energy = 0;
  for (int64_t i = 0; i < (real ? n : 2 * n); i++) {
    sum += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
    size += (double)x[i] * x[i];
  }
  const float *z = storages[1].data;
  for (int64_t k = 0; k < results; k++) {
    const double square = (double)z[2 * k] * z[2 * k] + (double)z[2 * k + 1] * z[2 * k + 1];
    energy += square * (real && k && 2 * k != n ? 2 : 1);
  }
  CHECKF(sqrt(sum / size) < limit, "%s of %lld and back: error %.3g", gk_op_name(op), (long long)n,
         sqrt(sum / size));
  CHECKF(fabs(energy / (double)n / size - 1) < 1e-6, "%s of %lld: Parseval %.9g", gk_op_name(op),
         (long long)n, energy / (double)n / size);
  for (int c = 0; c < 3; c++) { // some results by the definition
    const int64_t k = test_below(results);
    double re = 0, im = 0;
    for (int64_t i = 0; i < n; i++) {
      const double angle =
          tau * (double)(int64_t)((unsigned __int128)i * (uint64_t)k % (uint64_t)n) / (double)n;
      const double a = real ? x[i] : x[2 * i], b = real ? 0 : x[2 * i + 1];
      re += a * cos(angle) + b * sin(angle);
      im += b * cos(angle) - a * sin(angle);
    }
    const double off = hypot(z[2 * k] - re, z[2 * k + 1] - im) / sqrt(energy / (double)n);
    CHECKF(off < 4 * limit, "%s of %lld at %lld: off by %.3g", gk_op_name(op), (long long)n,
           (long long)k, off);
  }
  for (int i = 0; i < 3; i++) free(storages[i].data);
}

// More lengths than are kept, from several threads at once: there and back gives what was there.
static _Atomic int threads_done, threads_wrong;

static void run_lengths(void *first) {
  enum { MOST = 400 };
  float x[2 * MOST], y[2 * MOST], z[2 * MOST];
  for (int i = 0; i < 600; i++) {
    int64_t n = 1 + ((int64_t)(intptr_t)first * 37 + i * 7) % MOST;
    for (int64_t j = 0; j < 2 * n; j++) x[j] = (float)((j * j + i) % 17) - 8;
    memset(y, 0xff, sizeof y);
    memset(z, 0xff, sizeof z);
    gk_storage storages[3];
    gk_view views[3] = {test_view(&storages[0], x, GK_complex64, 1, &n),
                        test_view(&storages[1], y, GK_complex64, 1, &n),
                        test_view(&storages[2], z, GK_complex64, 1, &n)};
    gk_error error;
    for (int back = 0; back < 2; back++) {
      const gk_call call = {.op = GK_OP_fft,
                            .size = n,
                            .flags = back ? GK_VARIANT : 0,
                            .in = {&views[back]},
                            .out = {&views[back + 1]},
                            .f = {(double)n, back ? 1 / (double)n : 1}};
      if (gk_cpu_fft(&call, &error) != GK_OK) threads_wrong++;
    }
    for (int64_t j = 0; j < 2 * n; j++)
      if (!(fabsf(x[j] - z[j]) < 2e-5f)) threads_wrong++;
  }
  threads_done++;
}

static void run_threads(void) {
  enum { THREADS = 4 };
  for (intptr_t i = 0; i < THREADS; i++) CHECK(gk_thread_start(run_lengths, (void *)i));
  while (threads_done < THREADS) gk_yield();
  CHECKF(threads_wrong == 0, "%d wrong results of threads", threads_wrong);
}

int main(void) {
  run_threads();
  for (int64_t n = 1; n <= 70; n++)
    for (int i = 0; i < 8; i++) run_random(n);
  static const int64_t some[] = {96,   100,  127,  128,  192,  243,  250,  256,  289,
                                 360,  500,  512,  625,  729,  961,  1000, 1021, 1024,
                                 1050, 2047, 2048, 2310, 3600, 4095, 4096, 4097};
  for (size_t i = 0; i < sizeof some / sizeof *some; i++)
    for (int j = 0; j < 6; j++) run_random(some[i]);
  int64_t shape[GK_MAX_DIMS] = {3, 0, 2};
  run_case(GK_OP_fft, false, GK_complex64, 3, shape, 1, 5, true); // only zeros
  run_case(GK_OP_irfft, false, GK_float32, 3, shape, 0, 5, true); // nothing
  static const int64_t large[] = {1 << 20, 1 << 17, 65536, 3 * 5 * 7 * 1024, 19683, 100003, 44100};
  for (int i = 0; i < 7; i++) {
    const double limit = large[i] == 100003 ? 6e-7 : 4e-7; // of two convolutions
    run_large(GK_OP_fft, large[i], limit);
    run_large(GK_OP_rfft, large[i], limit);
  }
  return test_done();
}
