#include "draw.h"

#include <math.h>

static gk_status uniform(gk_draw *d, const gk_call *call, gk_error *error) {
  const uint8_t dtype = call->out[0]->dtype;
  gk_scalar low = gk_scalar_from_double(call->f[0], dtype);
  gk_scalar high = gk_scalar_from_double(call->f[1], dtype);
  const double a = gk_scalar_to_double(&low, dtype);
  const double b = gk_scalar_to_double(&high, dtype);
  const bool wide = dtype == GK_float64;
  d->low = a;
  d->span = wide ? b - a : (float)b - (float)a;
  d->limit = wide ? nextafter(b, a) : nextafterf((float)b, (float)a);
  if (d->span - d->span == 0) return GK_OK;
  return gk_error_set(error, GK_ARGUMENT, "random.uniform: from %g to %g is no finite range for %s",
                      call->f[0], call->f[1], gk_dtypes[dtype].name);
}

static void integers(gk_draw *d, const gk_call *call) {
  const double low = call->f[0], high = call->f[1];
  const bool wide = gk_dtypes[call->out[0]->dtype].size == 8;
  const uint64_t end = high < 0 ? (uint64_t)(int64_t)high : high < 0x1p64 ? (uint64_t)high : 0;
  d->first = low < 0 ? (uint64_t)(int64_t)low : (uint64_t)low;
  d->range = end - d->first; // 0 is 2^64
  if (wide ? d->range == 0 : d->range == (uint64_t)1 << 32)
    d->op = GK_OP_random_bits;
  else
    d->again = wide ? -d->range % d->range : ((uint64_t)1 << 32) % d->range;
}

gk_status gk_draw_set(gk_draw *draw, const gk_call *call, gk_error *error) {
  *draw = (gk_draw){.op = call->op};
  if (call->op == GK_OP_random_uniform) return uniform(draw, call, error);
  if (call->op == GK_OP_random_integers) integers(draw, call);
  return GK_OK;
}
