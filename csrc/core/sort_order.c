// See sort_order.h.
#include "sort_order.h"

#include "dtype.h"

gk_sort_order gk_sort_order_of(uint8_t dtype, bool descending, int bits) {
  const gk_dtype_info *info = &gk_dtypes[dtype];
  const uint64_t sign = (uint64_t)1 << (8 * info->size - 1);
  gk_sort_order order = {.equal_zeros = bits & GK_SORT_EQUAL_ZEROS};
  if (info->class == GK_CLASS_FLOAT) {
    order.flip = descending ? sign : 0;
    order.infinity = dtype == GK_float16    ? 0x7c00
                     : dtype == GK_bfloat16 ? 0x7f80
                     : dtype == GK_float32  ? 0x7f800000
                                            : (uint64_t)0x7ff << 52;
    // The quiet NaN: the mantissa's first bit too. All bits set, it is the least of all.
    const uint64_t lowest = order.infinity & (0 - order.infinity);
    order.nan = bits & GK_SORT_NAN_FIRST ? ~(uint64_t)0 : order.infinity | lowest >> 1;
  } else {
    order.flip = (info->class == GK_CLASS_SIGNED ? 0 : sign) ^ (descending ? ~(uint64_t)0 : 0);
  }
  return order;
}
