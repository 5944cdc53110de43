// Extremes and where they are: reduce.h has their layouts.
#include "reduce.cuh"

GK_REDUCE_PLACES(GK_REDUCE_KERNEL)
GK_REDUCE_MERGE(place_int64, gk_place_result<int64_t>)
GK_REDUCE_MERGE(place_uint64, gk_place_result<uint64_t>)
GK_REDUCE_MERGE(place_float32, gk_place_result<float>)
GK_REDUCE_MERGE(place_float64, gk_place_result<double>)
