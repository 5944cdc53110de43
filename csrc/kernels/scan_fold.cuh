// What running sums and products keep. A fold has:
//
//   Value    what an element becomes when it is read, and a result before it is written
//   State    what a number of neighbours come to: words of 32 bits without gaps
//   start    of none
//   of       of one element
//   combine  of two states that follow one another; its order is fixed by whoever calls it
//   value    the result after elements of this state
//
//   real           float64: sums
//   whole          64 bits that wrap: sums
//   pair           complex sums: two float64
//   factors        float64: products, see below
//   whole_factors  64 bits that wrap: products
#pragma once

#include "element.cuh"
#include "scan.h"

struct gk_scan_real {
  typedef double Value, State;
  GK_INLINE State start() { return 0; }
  GK_INLINE State of(Value x) { return x; }
  GK_INLINE State combine(State a, State b) { return a + b; }
  GK_INLINE Value value(State s) { return s; }
};

struct gk_scan_whole {
  typedef uint64_t Value, State;
  GK_INLINE State start() { return 0; }
  GK_INLINE State of(Value x) { return x; }
  GK_INLINE State combine(State a, State b) { return a + b; }
  GK_INLINE Value value(State s) { return s; }
};

struct gk_scan_pair {
  typedef gk_complex Value;
  struct State {
    double re, im;
  };
  GK_INLINE State start() { return State{0, 0}; }
  GK_INLINE State of(Value x) { return State{x.re, x.im}; }
  GK_INLINE State combine(State a, State b) { return State{a.re + b.re, a.im + b.im}; }
  GK_INLINE Value value(State s) { return gk_complex{(float)s.re, (float)s.im}; }
};

struct gk_scan_whole_factors {
  typedef uint64_t Value, State;
  GK_INLINE State start() { return 1; }
  GK_INLINE State of(Value x) { return x; }
  GK_INLINE State combine(State a, State b) { return a * b; }
  GK_INLINE Value value(State s) { return s; }
};

// Products of floats, as if each element were multiplied to the one before in float64. A product of a part
// may leave its range where the whole does not, so products have an exponent of their own. And a
// running product that has left the range stays infinite or 0, whatever comes behind: of a part it is known
// for what exponents of the product before it that happens, and which of both first.
//
// Exponents of products are known to one bit from those of their factors. Where it matters the product
// counts as within the range: one that has left it by less than 2^MARGIN may come back.
struct gk_scan_factors {
  typedef double Value;
  enum { FAR = 1 << 20, MARGIN = 32 };
  struct State {
    double factor; // 1 to 2 in size, or 0, infinity or NaN
    int32_t exponent;
    // A product before this part with an exponent below `least` becomes 0 in it, above `most` infinite;
    // least <= most + 1.
    int32_t least, most, unused;
  };

  GK_INLINE bool is_special(double x) {
    return !(fabs(x) <= 1.7976931348623157e308) || x == 0; // 0, infinite or NaN
  }
  GK_INLINE int32_t within(int32_t x, int32_t least, int32_t most) {
    return x < least ? least : x > most ? most : x;
  }
  GK_INLINE State start() { return State{1, 0, -FAR, FAR, 0}; }
  GK_INLINE State of(Value x) {
    if (is_special(x)) return State{x, 0, -FAR, FAR, 0};
    const bool is_small = fabs(x) < 0x1p-1022;
    const uint64_t bits = gk_reinterpret<uint64_t>(is_small ? x * 0x1p54 : x);
    const uint64_t one = (uint64_t)1023 << 52, mask = (uint64_t)0x7ff << 52;
    const int32_t exponent = (int32_t)(bits >> 52 & 0x7ff) - 1023 - (is_small ? 54 : 0);
    return State{gk_reinterpret<double>((bits & ~mask) | one), exponent, -1075 - MARGIN - exponent,
                 1023 - exponent, 0};
  }
  GK_INLINE State combine(State a, State b) {
    State s = {a.factor * b.factor, a.exponent + b.exponent, a.least, a.most, 0};
    if (fabs(s.factor) >= 2) {
      s.factor *= 0.5;
      s.exponent++;
    }
    s.exponent = within(s.exponent, -FAR, FAR);
    if (!is_special(a.factor)) { // what is special stays so
      const int32_t least = within(b.least - a.exponent, -FAR, FAR);
      const int32_t most = within(b.most - a.exponent, -FAR, FAR);
      s.least = within(least, a.least, a.most + 1);
      s.most = within(most, a.least - 1, a.most);
    }
    return s;
  }
  GK_INLINE Value value(State s) {
    const double infinity = INFINITY;
    if (s.most < 0) return infinity * s.factor;
    if (s.least > 0) return 0 * s.factor;
    return ldexp(s.factor, s.exponent);
  }
};
