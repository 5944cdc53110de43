// Logarithms and tanh of 16 float32 with what only AVX-512 has: exponent and significand in one
// instruction each, and tables of 16 numbers in a register. Half the time of the forms in
// exponential.h, within 2 ulp too, with the same special values.
#ifndef GK_CPU_EXPONENTIAL_AVX512_H
#define GK_CPU_EXPONENTIAL_AVX512_H

#include <immintrin.h>

#define ALL512(x) _mm512_set1_ps(x)
#define FMA512(a, b, c) _mm512_fmadd_ps(a, b, c)

// x = 2^k (1 + f) with 1 + f from 3/4 to 3/2. Zero and infinity have their sign in k, and f = 0;
// NaN and what is negative make f NaN.
static inline __m512 log_reduced_512(__m512 x, __m512 *k) {
  __m512 m = _mm512_getmant_ps(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
  *k = _mm512_sub_ps(_mm512_getexp_ps(x), _mm512_getexp_ps(m));
  return _mm512_sub_ps(m, ALL512(1));
}

// log(1 + f) - f
static inline __m512 log_rest_512(__m512 f) {
  __m512 p = ALL512(-0x1.c8f774p-5f);
  p = FMA512(p, f, ALL512(0x1.df451ap-4f));
  p = FMA512(p, f, ALL512(-0x1.141996p-3f));
  p = FMA512(p, f, ALL512(0x1.26ad9ap-3f));
  p = FMA512(p, f, ALL512(-0x1.541e60p-3f));
  p = FMA512(p, f, ALL512(0x1.996c60p-3f));
  p = FMA512(p, f, ALL512(-0x1.0002e4p-2f));
  p = FMA512(p, f, ALL512(0x1.5555b2p-2f));
  p = FMA512(p, f, ALL512(-0.5f));
  return _mm512_mul_ps(p, _mm512_mul_ps(f, f));
}

// Both parts of each constant are positive, so that an infinite k makes no NaN.
static inline __m512 log_512(__m512 x) {
  __m512 k, f = log_reduced_512(x, &k);
  __m512 y = _mm512_add_ps(f, FMA512(k, ALL512(0x1.0bfbe8p-15f), log_rest_512(f)));
  return FMA512(k, ALL512(0x1.62ep-1f), y);
}

// What log(1 + f) times a constant in two parts is beyond f times the first part.
static inline __m512 log_beyond_512(__m512 f, float high, float low) {
  return FMA512(f, ALL512(low), _mm512_mul_ps(log_rest_512(f), ALL512(high + low)));
}

// Beyond sqrt(2) halved, since little would remain of -1 + 0.58.
static inline __m512 log2_512(__m512 x) {
  __m512 k, f = log_reduced_512(x, &k);
  __mmask16 beyond = _mm512_cmp_ps_mask(f, ALL512(0x1.a8279ap-2f), _CMP_GT_OQ);
  f = _mm512_mask_fmsub_ps(f, beyond, ALL512(0.5f), ALL512(0.5f));
  k = _mm512_mask_add_ps(k, beyond, k, ALL512(1));
  __m512 y = FMA512(f, ALL512(LOG2_E_HIGH), log_beyond_512(f, LOG2_E_HIGH, LOG2_E_LOW));
  return _mm512_add_ps(k, y);
}

static inline __m512 log10_512(__m512 x) {
  __m512 k, f = log_reduced_512(x, &k);
  __m512 y = FMA512(k, ALL512(LOG10_2_LOW), log_beyond_512(f, LOG10_E_HIGH, LOG10_E_LOW));
  return FMA512(k, ALL512(LOG10_2_HIGH), FMA512(f, ALL512(LOG10_E_HIGH), y));
}

// tanh(a) in 16 intervals, two from each power of two to the next: their centres, and the
// coefficients of a polynomial in a - centre. The place is what the lowest bits of the exponent and
// the highest of the significand make; 6 is the interval from 0.
static const float tanh_table[8][16] = {
    {0x1.4p+1f, 0x1.cp+1f, 5, 7, 0x1.233334p+3f, 14, 0, 0x1.cp-4f, 0x1.4p-3f, 0x1.cp-3f, 0x1.4p-2f,
     0x1.cp-2f, 0x1.4p-1f, 0x1.cp-1f, 0x1.4p+0f, 0x1.cp+0f},
    {0x1.f92582p-1f, 0x1.ff112cp-1f, 0x1.fff41ap-1f, 0x1.ffffc8p-1f, 1, 1, 0, 0x1.be38d8p-4f,
     0x1.3d6bc8p-3f, 0x1.b8fd04p-3f, 0x1.35f98ap-2f, 0x1.a5729ep-2f, 0x1.1bf47ep-1f, 0x1.68665p-1f,
     0x1.b2523cp-1f, 0x1.e1fbfap-1f},
    {0x1.b3affap-6f, 0x1.dd37d2p-9f, 0x1.7d548p-13f, 0x1.be6c3cp-19f, 0x1.c21e74p-20f, 0, 1,
     0x1.f9ec6cp-1f, 0x1.f3b36p-1f, 0x1.e842cap-1f, 0x1.d11574p-1f, 0x1.a945b8p-1f, 0x1.6284c2p-1f,
     0x1.02500ap-1f, 0x1.1f2514p-2f, 0x1.d22ca2p-4f},
    {-0x1.add92ap-6f, -0x1.dc4b2p-9f, -0x1.7d5bfap-13f, -0x1.b1e9bap-19f, 0x1.1fd266p-16f, 0,
     -0x1.43ae64p-27f, -0x1.b8b562p-4f, -0x1.35e026p-3f, -0x1.a484b8p-3f, -0x1.19913ep-2f,
     -0x1.5dffdap-2f, -0x1.8935c2p-2f, -0x1.6ba186p-2f, -0x1.e7299ap-3f, -0x1.b6dc6p-4f},
    {0x1.16d506p-6f, 0x1.3c426ap-9f, 0x1.f2c012p-14f, 0x1.2832dp-19f, 0x1.175b34p-14f, 0,
     -0x1.5554f6p-2f, -0x1.453efcp-2f, -0x1.3557fep-2f, -0x1.182c38p-2f, -0x1.c1961p-3f,
     -0x1.16a7a4p-3f, -0x1.23d39cp-6f, 0x1.4f1a6cp-4f, 0x1.bbac36p-4f, 0x1.01bbaep-4f},
    {-0x1.07e0fp-7f, -0x1.3ad0fcp-10f, -0x1.f28f74p-15f, -0x1.641f02p-20f, 0x1.e8669ap-14f, 0,
     -0x1.25618ep-14f, -0x1.f67dd6p-2f, 0x1.8fc812p-3f, 0x1.9242cap-4f, 0x1.3fbe52p-3f,
     0x1.0f647p-3f, 0x1.1377eap-3f, 0x1.d18b4p-5f, -0x1.9b8ca8p-7f, -0x1.7ef866p-6f},
    {0x1.7a08eap-9f, 0x1.fe62e2p-12f, 0x1.dccaf4p-16f, 0x1.08bcf4p-21f, 0x1.89fa5cp-14f, 0,
     0x1.14268ap-3f, -0x1.9e924p-2f, 0x1.6f221ap-2f, 0x1.4e4808p-6f, 0x1.3dc03cp-5f,
     -0x1.3fe468p-5f, -0x1.cceb58p-5f, -0x1.e4bbf6p-5f, -0x1.411c1cp-6f, 0x1.d315cp-9f},
    {-0x1.6bf7d6p-11f, -0x1.3a8866p-13f, -0x1.3ca86cp-17f, -0x1.dff5e4p-26f, 0x1.dc9c8p-16f, 0,
     -0x1.e324a8p-7f, 0x1.72c362p+10f, -0x1.f124fcp+5f, 0x1.2b98d4p+4f, 0x1.d5b38cp-3f,
     0x1.818e74p+2f, 0x1.c81978p-4f, 0x1.6ca71cp-3f, 0x1.e833a8p-7f, 0x1.4e6edp-11f},
};

static inline __m512 tanh_512(__m512 x) {
  const __m512 sign = ALL512(-0.0f);
  __m512 a =
      _mm512_min_ps(ALL512(0x1.233334p+3f), _mm512_andnot_ps(sign, x)); // from there on it is 1
  __m512i place = _mm512_srli_epi32(_mm512_castps_si512(_mm512_max_ps(a, ALL512(0.0625f))), 22);
#define TANH_TABLE(i) _mm512_permutexvar_ps(place, _mm512_loadu_ps(tanh_table[i]))
  a = _mm512_sub_ps(a, TANH_TABLE(0));
  __m512 y = TANH_TABLE(7);
  y = FMA512(y, a, TANH_TABLE(6));
  y = FMA512(y, a, TANH_TABLE(5));
  y = FMA512(y, a, TANH_TABLE(4));
  y = FMA512(y, a, TANH_TABLE(3));
  y = FMA512(y, a, TANH_TABLE(2));
  y = FMA512(y, a, TANH_TABLE(1));
#undef TANH_TABLE
  return _mm512_or_ps(_mm512_andnot_ps(sign, y), _mm512_and_ps(sign, x));
}

#endif
