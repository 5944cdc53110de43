// What the two ends of a random op's range make of its words: the same on every device.
#ifndef GK_CORE_DRAW_H
#define GK_CORE_DRAW_H

#include "call.h"

typedef struct gk_draw {
  uint16_t op; // random_bits for integers whose range is all there are
  // uniform: bounds that the dtype has, so that no rounding leads out of them, in the precision that
  // it computes in (float for the smaller ones). No number goes beyond `limit`, the neighbour of the
  // upper end.
  double low, span, limit;
  // integers: first + (word * range >> 32 (64)), drawn again where the lower half of the product is
  // below `again`.
  uint64_t first, range, again;
} gk_draw;

// Fails where uniform's range is not finite.
gk_status gk_draw_set(gk_draw *draw, const gk_call *call, gk_error *error);

#endif
