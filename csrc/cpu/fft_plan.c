// How a length is transformed: which way, in which passes, with which twiddles (computed in double); and the
// cache of these plans.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../core/threads.h"
#include "fft.h"

#define WITHIN_MAX 65536 // longer rows go in steps
#define ACROSS_MAX 1024
#define COLUMN_MAX 2048
#define CHIRP_MIN 256

// ---- numbers

// exp(-2 pi i j / n), exact in the easy places.
static void root_of_unity(int64_t j, int64_t n, double *re, double *im) {
  const double tau = 6.283185307179586477;
  j %= n;
  // Into the first eighth, where both are most exact.
  const bool lower = 2 * j > n;
  if (lower) j = n - j;
  const bool left = 4 * j > n;
  if (left) j = n - 2 * j; // of 2 n
  const int64_t whole = left ? 2 * n : n;
  const bool steep = 8 * j > whole;
  double c, s;
  if (steep) { // the angle's complement to a quarter
    const double rest = tau * (double)(whole - 4 * j) / (4.0 * (double)whole);
    c = sin(rest);
    s = cos(rest);
  } else {
    const double angle = tau * (double)j / (double)whole;
    c = cos(angle);
    s = sin(angle);
  }
  *re = left ? -c : c;
  *im = lower ? s : -s;
}

static void put_root(float *out, int64_t j, int64_t n) {
  double re, im;
  root_of_unity(j, n, &re, &im);
  out[0] = (float)re;
  out[1] = (float)im;
}

// An element: in every group of lanes the powers k * lane.
static void put_lanes(float *out, int lanes, int group, int64_t k, int64_t n) {
  for (int lane = 0; lane < lanes; lane++) {
    float root[2];
    put_root(root, k * (lane % group), n);
    out[lane] = root[0];
    out[lanes + lane] = root[1];
  }
}

static bool is_smooth(int64_t n) {
  n >>= __builtin_ctzll((uint64_t)n);
  for (int64_t f = 3; f <= GK_FFT_MAX_RADIX && n > 1; f += 2)
    while (n % f == 0) n /= f;
  return n == 1;
}

double gk_fft_cost(int64_t n) {
  const double each = (double)n * (4 + log2((double)n)) * 0.05 + 20;
  return is_smooth(n) ? each : 6 * each;
}

// ---- tables

// Aligned to 64 bytes, or NULL.
static float *table(gk_fft_plan *p, int64_t floats) {
  if (p->blocks == sizeof p->block / sizeof *p->block || floats > INT64_MAX / 16) return NULL;
  const size_t bytes = (size_t)floats * sizeof(float);
  char *block = malloc(bytes + 64);
  if (!block) return NULL;
  p->block[p->blocks++] = block;
  p->bytes += (int64_t)bytes;
  return (float *)(block + (-(uintptr_t)block & 63));
}

// Radices of the passes over n elements. The first one must have a loop of its own if any has; the last
// one multiplies by nothing and should be large.
static int radices(int64_t n, int *radix) {
  int count = 0;
  for (int f = 3; f <= GK_FFT_MAX_RADIX; f += 2)
    for (; n % f == 0; n /= f) radix[count++] = f;
  const int twos = __builtin_ctzll((uint64_t)n);
  int fours = twos % 3 == 2 ? 1 : twos % 3 == 1 && twos > 1 ? 2 : 0;
  if (twos == 1) radix[count++] = 2;
  for (; fours; fours--, n /= 4) radix[count++] = 4;
  for (; n >= 8; n /= 8) radix[count++] = 8;
  if (count > 1 && radix[0] > 5 && radix[0] % 2) { // only the powers of two may have one
    const int last = radix[count - 1];
    radix[count - 1] = radix[0];
    radix[0] = last;
  }
  return count;
}

static bool make_passes(gk_fft_plan *p) {
  int radix[sizeof p->pass / sizeof *p->pass];
  p->passes = radices(p->m, radix);
  int64_t rest = p->m, s = 1;
  for (int i = 0; i < p->passes; i++) {
    gk_fft_pass *pass = &p->pass[i];
    const int r = radix[i];
    *pass = (gk_fft_pass){.radix = r, .m = rest / r, .s = s};
    float *w = pass->twiddles = table(p, pass->m * 2 * (r - 1));
    if (!w) return false;
    for (int64_t j = 0; j < pass->m; j++)
      for (int k = 1; k < r; k++, w += 2) put_root(w, j * k, rest);
    if (r > GK_FFT_LOOPS || !p->kernels->pass[r]) {
      w = pass->roots = table(p, (r / 2) * (r / 2) * 2);
      if (!w) return false;
      for (int k = 1; k <= r / 2; k++)
        for (int j = 1; j <= r / 2; j++, w += 2) {
          put_root(w, j * k, r);
          w[1] = -w[1];
        }
    }
    rest /= r;
    s *= r;
  }
  return true;
}

// The group with which a row is transformed from within, 0 where it cannot be.
static int group_of(const gk_fft_kernels *kernels, int64_t n) {
  for (int g = kernels->lanes; g >= kernels->lanes / 2; g /= 2)
    if (n % g == 0 && n / g >= g) return g;
  return 0;
}

const gk_fft_kernels *gk_fft_narrower(const gk_fft_kernels *kernels) {
#if defined(__x86_64__) || defined(_M_X64)
  if (kernels == &gk_fft_table_avx512) return &gk_fft_table_avx2;
#endif
  return kernels;
}

// Some lengths fill no group of a wide set's lanes, but one of the next set's.
static const gk_fft_kernels *kernels_for(int64_t n, gk_fft_role role) {
  const gk_fft_kernels *kernels = gk_fft(), *narrower = gk_fft_narrower(kernels);
  const bool fits = role == GK_FFT_LANES || group_of(kernels, n) || !group_of(narrower, n);
  return fits ? kernels : narrower;
}

static bool make_leaf(gk_fft_plan *p) {
  const int lanes = p->kernels->lanes;
  const int group = p->role == GK_FFT_LANES ? 0 : group_of(p->kernels, p->n);
  p->kind = group ? GK_FFT_WITHIN : GK_FFT_ACROSS;
  p->group = group ? group : 1;
  p->m = p->n / p->group;
  p->scratch = (group ? 2 : 3) * p->m * 2 * lanes;
  if (!make_passes(p)) return false;
  if (!group) return true;
  float *w = p->finish = table(p, p->m * 2 * lanes);
  if (!w) return false;
  for (int64_t k = 0; k < p->m; k++, w += 2 * lanes) put_lanes(w, lanes, group, k, p->n);
  return true;
}

// How long the columns are: not longer than rows, and so short that `lanes` of them stay in the cache;
// preferred where the rows go from within.
static int64_t column_length(int64_t n) {
  int64_t most = (int64_t)sqrt((double)n), best = 0;
  if (most > COLUMN_MAX) most = COLUMN_MAX;
  for (int64_t d = most; d > 1 && !(best && d < most / 8); d--) {
    if (n % d) continue;
    if (group_of(kernels_for(n / d, GK_FFT_LEAF), n / d)) return d;
    if (!best) best = d;
  }
  return best;
}

static bool make_steps(gk_fft_plan *p) {
  p->kind = GK_FFT_STEPS;
  p->kernels = gk_fft();
  const int lanes = p->kernels->lanes;
  const int64_t rows = column_length(p->n), columns = p->n / rows;
  const int64_t blocks = (columns + lanes - 1) / lanes;
  if (!(p->columns = gk_fft_plan_take(rows, GK_FFT_LANES))) return false;
  if (!(p->rows = gk_fft_plan_take(columns, GK_FFT_LEAF))) return false;
  p->scratch = 2 * rows * (columns + GK_FFT_STEP_PAD);
  float *coarse = p->coarse = table(p, 2 * blocks * rows);
  float *fine = p->fine = table(p, 2 * lanes * rows);
  if (!coarse || !fine) return false;
  for (int64_t i = 0; i < blocks; i++) {
    const int64_t first = i < blocks - 1 ? i * lanes : columns - lanes;
    for (int64_t k = 0; k < rows; k++, coarse += 2) put_root(coarse, first * k, p->n);
  }
  for (int64_t k = 0; k < rows; k++, fine += 2 * lanes) put_lanes(fine, lanes, lanes, k, p->n);
  return true;
}

// The smallest length from `least` on that transforms fast.
static int64_t chirp_length(int64_t least) {
  static const int factors[] = {1, 3, 5, 9, 15};
  int64_t best = INT64_MAX;
  for (int i = 0; i < 5; i++) {
    int64_t n = CHIRP_MIN * factors[i];
    while (n < least) n *= 2;
    if (n < best) best = n;
  }
  return best;
}

static bool make_chirp(gk_fft_plan *p) {
  p->kind = GK_FFT_CHIRP;
  const int64_t n = p->n;
  if (!(p->inner = gk_fft_plan_take(chirp_length(2 * n - 1), GK_FFT_ANY))) return false;
  const int64_t m = p->inner->n;
  p->scratch = 4 * m + p->inner->scratch;
  p->chirp = table(p, 2 * n);
  p->spectrum = table(p, 2 * m);
  const int64_t floats = 2 * m + p->inner->scratch;
  float *work = malloc((size_t)floats * sizeof *work + 64);
  bool ok = p->chirp && p->spectrum && work;
  if (ok) {
    float *b = work + (-(uintptr_t)work & 63) / sizeof *work;
    memset(b, 0, (size_t)(2 * m) * sizeof *b);
    for (int64_t j = 0; j < n; j++) {
      const uint64_t square = (uint64_t)j * (uint64_t)j % (2 * (uint64_t)n);
      float *c = p->chirp + 2 * j;
      put_root(c, (int64_t)square, 2 * n);
      b[2 * j] = c[0];
      b[2 * j + 1] = -c[1];
      if (j) memcpy(b + 2 * (m - j), b + 2 * j, 2 * sizeof *b);
    }
    const float factor = 1 / (float)m; // of the transform back
    ok = gk_fft_transform(p->inner, 1, b, 2 * m, p->spectrum, 2 * m,
                          &(gk_fft_scale){factor, factor, 1}, b + 2 * m);
  }
  free(work);
  return ok;
}

static void destroy(gk_fft_plan *p) {
  if (p->rows) gk_fft_plan_give(p->rows);
  if (p->columns) gk_fft_plan_give(p->columns);
  if (p->inner) gk_fft_plan_give(p->inner);
  for (int i = 0; i < p->blocks; i++) free(p->block[i]);
  free(p);
}

static gk_fft_plan *make(int64_t n, gk_fft_role role) {
  gk_fft_plan *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->n = n;
  p->role = role;
  p->isa = gk_cpu_isa;
  p->kernels = kernels_for(n, role);
  p->references = 1;
  p->bytes = sizeof *p;
  const bool leaf = role >= GK_FFT_LEAF || n <= (group_of(p->kernels, n) ? WITHIN_MAX : ACROSS_MAX);
  bool ok = !is_smooth(n) ? make_chirp(p) : leaf ? make_leaf(p) : make_steps(p);
  if (ok && role == GK_FFT_HALF) {
    ok = (p->unfold = table(p, 2 * (n / 2 + 1))) != NULL;
    for (int64_t k = 0; ok && k <= n / 2; k++) {
      double re, im;
      root_of_unity(k, 2 * n, &re, &im);
      p->unfold[2 * k] = (float)(im / 2);
      p->unfold[2 * k + 1] = (float)(-re / 2);
    }
  }
  if (ok) return p;
  destroy(p);
  return NULL;
}

// ---- the cache: what was used last, up to a number of plans and of bytes

#define CACHE_PLANS 64
#define CACHE_BYTES ((int64_t)64 << 20)

static struct {
  gk_mutex lock;
  gk_fft_plan *plans[CACHE_PLANS];
  int count;
  int64_t bytes;
  uint64_t clock;
} cache = {.lock = GK_MUTEX_INIT};

static gk_fft_plan *find(int64_t n, gk_fft_role role) {
  for (int i = 0; i < cache.count; i++) {
    gk_fft_plan *p = cache.plans[i];
    if (p->n != n || p->role != role || p->isa != gk_cpu_isa) continue;
    p->references++;
    p->used = ++cache.clock;
    return p;
  }
  return NULL;
}

// The plan least recently used of those that nobody uses, out of the cache; NULL if there is none.
static gk_fft_plan *evict(void) {
  int oldest = -1;
  for (int i = 0; i < cache.count; i++)
    if (cache.plans[i]->references == 0 &&
        (oldest < 0 || cache.plans[i]->used < cache.plans[oldest]->used))
      oldest = i;
  if (oldest < 0) return NULL;
  gk_fft_plan *p = cache.plans[oldest];
  cache.plans[oldest] = cache.plans[--cache.count];
  cache.bytes -= p->bytes;
  return p;
}

const gk_fft_plan *gk_fft_plan_take(int64_t n, gk_fft_role role) {
  gk_mutex_lock(&cache.lock);
  gk_fft_plan *p = find(n, role);
  gk_mutex_unlock(&cache.lock);
  if (p) return p;
  gk_fft_plan *own = make(n, role); // outside the lock: it may take long
  if (!own) return NULL;
  gk_fft_plan *gone[CACHE_PLANS + 1];
  int gone_count = 0;
  gk_mutex_lock(&cache.lock);
  if ((p = find(n, role))) { // another thread was faster
    gone[gone_count++] = own;
  } else {
    p = own;
    while (cache.count == CACHE_PLANS || (cache.count && cache.bytes + p->bytes > CACHE_BYTES)) {
      gk_fft_plan *old = evict();
      if (!old) break;
      gone[gone_count++] = old;
    }
    if (cache.count < CACHE_PLANS && cache.bytes + p->bytes <= CACHE_BYTES) {
      cache.plans[cache.count++] = p;
      cache.bytes += p->bytes;
      p->used = ++cache.clock;
      p->kept = true;
    }
  }
  gk_mutex_unlock(&cache.lock);
  for (int i = 0; i < gone_count; i++) destroy(gone[i]);
  return p;
}

void gk_fft_plan_give(const gk_fft_plan *plan) {
  gk_fft_plan *p = (gk_fft_plan *)(uintptr_t)plan;
  gk_mutex_lock(&cache.lock);
  const bool gone = --p->references == 0 && !p->kept;
  gk_mutex_unlock(&cache.lock);
  if (gone) destroy(p);
}
