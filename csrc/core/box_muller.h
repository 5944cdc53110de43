// Normal numbers from random words by Box and Muller's formula: mean + deviation * r cos a and mean +
// deviation * r sin a, where r = sqrt(-2 log u), u in (0, 1] of 24 (53) bits and the angle a of 26 (53)
// bits. Plain C without fused operations, so that every instruction set and device gives the same bits.
//
// Errors over all inputs, in units of the last place: root of the logarithm 1.1, sine 2.0, cosine 1.7
// (float; a normal is within 4 of its formula); logarithm 1.3, sine 0.8, cosine 1.0 (double).
#ifndef GK_CORE_BOX_MULLER_H
#define GK_CORE_BOX_MULLER_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define GK_FORMULA static __device__ inline
#else
#define GK_FORMULA static inline
#endif

// Natural logarithm of a positive normal number: exponent and mantissa m in [sqrt(1/2), sqrt(2)),
// log m = 2 artanh(s) with s = (m - 1) / (m + 1), by its series. ln 2 in two parts.
GK_FORMULA double gk_normal_log64(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int64_t e = (int64_t)(bits - 0x3fe6a09e667f3bcdu) >> 52;
  bits -= (uint64_t)e << 52;
  double m;
  memcpy(&m, &bits, sizeof m);
  const double k = (double)(int32_t)e, f = m - 1, s = f / (2 + f), z = s * s;
  double p = 2.0 / 21;
  p = p * z + 2.0 / 19;
  p = p * z + 2.0 / 17;
  p = p * z + 2.0 / 15;
  p = p * z + 2.0 / 13;
  p = p * z + 2.0 / 11;
  p = p * z + 2.0 / 9;
  p = p * z + 2.0 / 7;
  p = p * z + 2.0 / 5;
  p = p * z + 2.0 / 3;
  p = p * z;
  return k * 0x1.62e42feep-1 + (f - (s * (f - p) - k * 0x1.a39ef35793c76p-33));
}

// Sine and cosine by their series where |t| <= pi / 4; angle = t + quadrant * pi / 2.
GK_FORMULA void gk_normal_turn64(double sine, double cosine, uint64_t quadrant, double *s,
                                 double *c) {
  const double x = quadrant & 1 ? cosine : sine, y = quadrant & 1 ? sine : cosine;
  *s = quadrant & 2 ? -x : x;
  *c = (quadrant + 1) & 2 ? -y : y;
}

GK_FORMULA void gk_normal_sincos64(uint64_t angle, double *s, double *c) {
  const uint64_t quadrant = (angle + 0x2000000000000000u) >> 62;
  // In [-2^61, 2^61); what does not fit into 53 bits is cut off.
  const int64_t part = (int64_t)(angle - (quadrant << 62)) >> 9;
  const double t = ((double)(uint64_t)(part + ((int64_t)1 << 52)) - 0x1p52) * 0x1.921fb54442d18p-53;
  const double z = t * t;
  double p = 1.0 / 355687428096000;
  p = p * z - 1.0 / 1307674368000;
  p = p * z + 1.0 / 6227020800;
  p = p * z - 1.0 / 39916800;
  p = p * z + 1.0 / 362880;
  p = p * z - 1.0 / 5040;
  p = p * z + 1.0 / 120;
  p = p * z - 1.0 / 6;
  double q = -1.0 / 6402373705728000;
  q = q * z + 1.0 / 20922789888000;
  q = q * z - 1.0 / 87178291200;
  q = q * z + 1.0 / 479001600;
  q = q * z - 1.0 / 3628800;
  q = q * z + 1.0 / 40320;
  q = q * z - 1.0 / 720;
  q = q * z + 1.0 / 24;
  q = q * z;
  gk_normal_turn64(t + t * (p * z), 1 - (0.5 * z - q * z), quadrant, s, c);
}

// -2 log(n / 2^24): n = 2^e m with m in [sqrt(1/2), sqrt(2)), and log m = 2 artanh(s) with
// s = (m - 1) / (m + 1).
GK_FORMULA float gk_normal_log32(float n) {
  uint32_t bits;
  memcpy(&bits, &n, sizeof bits);
  const uint32_t e = bits - (0x3f3504f3u + (24u << 23));
  bits = bits - (e & 0xff800000u) - (23u << 23); // of 2 m
  float m;
  memcpy(&m, &bits, sizeof m);
  const float k = (float)((int32_t)e >> 23);
  const float f = m - 2.0f, s = f / (f + 4.0f), z = s * s; // twice m - 1
  const float p = ((0x1.31e08p-1f * z + 0x1.995ed6p-1f) * z + 0x1.55557ap0f) * z;
  return k * -0x1.62e43p0f + (s * (f - p) - f);
}

GK_FORMULA float gk_normal_sign(float x, uint32_t sign) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits ^= sign & 0x80000000u;
  memcpy(&x, &bits, sizeof x);
  return x;
}

GK_FORMULA void gk_box_muller32(uint32_t word, uint32_t angle, float mean, float deviation,
                                float *pair) {
  const float u = (float)((int32_t)(word >> 8) + 1);
  const float r = deviation * sqrtf(gk_normal_log32(u));
  // The angle is t and the quarter turns that the upper two bits of `turn` count.
  const uint32_t turn = angle + 0x20000000u;
  const float t = (float)((int32_t)(angle << 2) >> 8) * 0x1.921fb6p-24f, z = t * t;
  const float p = ((-0x1.995404p-13f * z + 0x1.110778p-7f) * z - 0x1.555546p-3f) * z;
  const float sine = p * t + t;
  const float cosine =
      (((0x1.99e83ap-16f * z - 0x1.6c0c28p-10f) * z + 0x1.55554ap-5f) * z - 0.5f) * z + 1.0f;
  const bool odd = turn & 0x40000000u;
  const float c = gk_normal_sign(odd ? sine : cosine, turn + 0x40000000u);
  const float s = gk_normal_sign(odd ? cosine : sine, turn);
  pair[0] = mean + r * c;
  pair[1] = mean + r * s;
}

GK_FORMULA void gk_box_muller64(uint64_t word, uint64_t angle, double mean, double deviation,
                                double *pair) {
  const double u = (double)((word >> 11) + 1) * 0x1p-53;
  const double r = sqrt(-2 * gk_normal_log64(u));
  double s, c;
  gk_normal_sincos64(angle, &s, &c);
  pair[0] = mean + deviation * (r * c);
  pair[1] = mean + deviation * (r * s);
}

#endif
