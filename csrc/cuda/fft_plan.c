// Passes, tiles and steps of a length. What is computed follows from the length alone, so that the
// results' bits do as well; where lines lie and how many there are decides about tiles only.
#include "fft.h"

#include <math.h>

#define STEP_MOST 1024 // of a step's length where there are two: tiles of four lines, 32 bytes
#define ACROSS_LEAST 4 // lines of a tile that stay together: 32 bytes

static const int odd_radices[] = {7, 5, 3};
enum { ODD_RADICES = sizeof odd_radices / sizeof *odd_radices };

static bool is_smooth(int64_t n) {
  while (n % 2 == 0) n /= 2;
  for (int i = 0; i < ODD_RADICES; i++)
    while (n % odd_radices[i] == 0) n /= odd_radices[i];
  return n == 1;
}

// Radices of the passes, the largest power of two last: the last pass multiplies by nothing.
static int find_radices(int64_t n, int *radix) {
  static const int eights[] = {0, 3, 2, 1}; // before 16s only, by the rest of the power of two
  int count = 0, twos = 0;
  for (int i = 0; i < ODD_RADICES; i++)
    for (; n % odd_radices[i] == 0; n /= odd_radices[i]) radix[count++] = odd_radices[i];
  for (; n > 1; n /= 2) twos++;
  if (twos == 5) {
    radix[count++] = 4;
    radix[count++] = 8;
  } else if (twos == 1 || twos == 2) {
    radix[count++] = 1 << twos;
  } else {
    const int first = eights[twos % 4];
    for (int i = 0; i < first; i++) radix[count++] = 8;
    for (twos -= 3 * first; twos > 0; twos -= 4) radix[count++] = 16;
  }
  return count;
}

// Numbers that a thread of a line's passes holds.
static int64_t held(int passes, const int *radix) {
  int64_t least = GK_FFT_HELD;
  for (int i = 0; i < passes; i++) {
    const int64_t all = GK_FFT_BUTTERFLIES(radix[i]) * radix[i];
    if (all < least) least = all;
  }
  return least;
}

static bool is_line(int64_t n) {
  if (n > GK_FFT_THREADS * GK_FFT_HELD || !is_smooth(n)) return false;
  int radix[16];
  const int passes = find_radices(n, radix);
  return passes <= GK_FFT_PASSES && n <= GK_FFT_THREADS * held(passes, radix);
}

// n as two factors, the smaller one first, as close as can be; false if one would be above `most`.
static bool split_in_two(int64_t n, int64_t most, int64_t *factors) {
  int64_t d = (int64_t)sqrt((double)n);
  for (d = d < most ? d : most; d > 1 && n / d <= most; d--) {
    if (n % d || !is_line(d) || !is_line(n / d)) continue;
    factors[0] = d;
    factors[1] = n / d;
    return true;
  }
  return false;
}

gk_fft_steps gk_fft_split(int64_t n) {
  gk_fft_steps steps = {.count = 0};
  if (!is_smooth(n)) return steps;
  if (is_line(n)) return (gk_fft_steps){.count = 1, .n = {n}};
  if (split_in_two(n, STEP_MOST, steps.n)) {
    steps.count = 2;
    return steps;
  }
  const int64_t most = GK_FFT_THREADS * GK_FFT_HELD;
  int64_t d = (int64_t)cbrt((double)n) + 1;
  for (d = d < most ? d : most; d > 1; d--) {
    if (n % d || !is_line(d) || !split_in_two(n / d, most, steps.n + 1)) continue;
    steps.n[0] = d;
    steps.count = 3;
    return steps;
  }
  return steps;
}

int64_t gk_fft_chirp_length(int64_t least) {
  static const int factors[] = {1, 3, 5, 9, 15};
  int64_t best = INT64_MAX;
  for (int i = 0; i < 5; i++) {
    int64_t n = 16 * factors[i];
    while (n < least && n <= INT64_MAX / 2) n *= 2;
    if (n >= least && n < best) best = n;
  }
  return gk_fft_split(best).count ? best : 0;
}

// ceil(2^31 / d)
static uint32_t divisor(int64_t d) { return (uint32_t)((((int64_t)1 << 31) + d - 1) / d); }

// Floats between lines in shared memory. Threads that are neighbours meet different banks: where
// they go across lines, of whom there are 32 / apart, and where one line's numbers are followed by
// the next one's.
static int64_t find_pitch(int64_t n, int64_t tile, bool across, int64_t step) {
  int64_t pitch = n + n / 32, apart = 1;
  if (across) {
    while (apart * 2 * tile <= 32) apart *= 2;
    while (pitch % (2 * apart) != apart) pitch++;
  } else if (step < 32) {
    while (pitch % 32 != step) pitch++;
  }
  return pitch;
}

uint32_t gk_fft_plan_lines(gk_fft_lines *a, int64_t n, int processors) {
  int radix[16];
  const int passes = find_radices(n, radix);
  const int64_t each = held(passes, radix);
  const bool across = a->in_across || a->out_across;
  int64_t s = 1;
  a->n = (uint32_t)n;
  a->passes = (uint32_t)passes;
  a->root = 4.0 / (double)n;
  for (int i = 0; i < passes; s *= radix[i], i++)
    a->pass[i] =
        (gk_fft_pass){.radix = (uint32_t)radix[i],
                      .s = (uint32_t)s,
                      .step = (uint32_t)(n / radix[i]),
                      .across = (i == 0 && a->in_kind == GK_FFT_PLAIN && a->in_across) ||
                                (i + 1 == passes && a->out_kind == GK_FFT_PLAIN && a->out_across),
                      .by_s = divisor(s),
                      .by_step = divisor(n / radix[i])};

  int64_t tile = GK_FFT_THREADS * each / n;
  if (tile > GK_FFT_TILE) tile = GK_FFT_TILE;
  if (tile > a->count) tile = a->count;
  // Small ones on all multiprocessors, as long as what lies together stays together.
  const int64_t least = across ? ACROSS_LEAST : 1;
  while (tile / 2 >= least && (a->count + tile - 1) / tile < 2 * (int64_t)processors) tile /= 2;
  if (across && tile > 4) tile -= tile % 4;
  const int64_t step = passes ? n / radix[passes - 1] : 1;
  while (tile > 1 && tile * find_pitch(n, tile, across, step) > GK_FFT_FLOATS) tile--;
  a->tile = (uint32_t)tile;
  a->by_n = divisor(n);
  a->by_tile = divisor(tile);
  a->by_pairs = divisor(n / 2 + 1);
  a->pitch = (uint32_t)find_pitch(n, tile, across, step);

  int64_t most = (tile + GK_FFT_HELD - 1) / GK_FFT_HELD;
  for (int i = 0; i < passes; i++) {
    const int64_t of = GK_FFT_BUTTERFLIES(radix[i]), needed = (tile * (n / radix[i]) + of - 1) / of;
    a->pass[i].count = (uint32_t)(tile * (n / radix[i]));
    if (needed > most) most = needed;
  }
  return (uint32_t)((most + 31) / 32 * 32);
}
