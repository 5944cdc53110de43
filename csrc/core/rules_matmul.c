// The rule of matrix products: vectors as matrices, batch axes that broadcast.
#include <string.h>

#include "request.h"

bool gk_rule_matmul(gk_request *r) {
  const gk_view *a = r->in[0], *b = r->in[1];
  uint8_t common = gk_promote(a->dtype, b->dtype);
  char text[400];
  gk_operands_text(text, sizeof text, 2, r->in, NULL);
  if (!common) return gk_fail(r->iso, GK_DTYPE, "matmul: %s have no common dtype; cast one", text);
  if (!gk_request_dtype(r, common)) return false;
  if (!r->dtype && common == GK_int8) r->call.compute = r->result = GK_int32;
  if (a->ndim == 0 || b->ndim == 0)
    return gk_fail(r->iso, GK_SHAPE, "matmul: %s: operands need at least one dimension", text);
  // Vectors are matrices of one row or column, which the result then lacks.
  for (int i = 0; i < 2; i++) {
    if (r->in[i]->ndim != 1) continue;
    gk_view *v = &r->seen[i];
    *v = *r->in[i];
    v->ndim = 2;
    v->shape[1 - i] = v->shape[0];
    v->strides[1 - i] = v->strides[0];
    v->shape[i] = 1;
    v->strides[i] = 0;
    gk_view_update_contiguous(v);
    r->in[i] = v;
  }
  int64_t m = r->in[0]->shape[r->in[0]->ndim - 2], k = r->in[0]->shape[r->in[0]->ndim - 1];
  int64_t kb = r->in[1]->shape[r->in[1]->ndim - 2], n = r->in[1]->shape[r->in[1]->ndim - 1];
  if (k != kb)
    return gk_fail(r->iso, GK_SHAPE,
                   "matmul: %s do not multiply: the last length of the first (%lld) must equal the "
                   "last but one of the second (%lld)",
                   text, (long long)k, (long long)kb);
  gk_view batch[2];
  int64_t joined[GK_MAX_DIMS] = {0};
  int rank = r->in[0]->ndim - 2;
  memcpy(joined, r->in[0]->shape, (size_t)rank * sizeof *joined);
  batch[1] = *r->in[1];
  batch[1].ndim -= 2;
  if (!gk_broadcast_shape(joined, &rank, &batch[1]) || rank + 2 > GK_MAX_DIMS)
    return gk_fail(r->iso, GK_SHAPE, "matmul: the leading axes of %s cannot be broadcast together",
                   text);
  for (int i = 0; i < 2; i++) {
    int64_t shape[GK_MAX_DIMS];
    const gk_view *v = r->in[i];
    memcpy(shape, joined, sizeof shape);
    shape[rank] = v->shape[v->ndim - 2];
    shape[rank + 1] = v->shape[v->ndim - 1];
    gk_view whole;
    gk_broadcast_view(&whole, v, shape, rank + 2);
    r->seen[i] = whole;
    r->in[i] = &r->seen[i];
  }
  memcpy(r->shape, joined, sizeof joined);
  r->ndim = rank;
  if (a->ndim > 1) r->shape[r->ndim++] = m;
  if (b->ndim > 1) r->shape[r->ndim++] = n;
  if (!gk_request_fits(r)) return false;
  // Which axes the result lacks, for matmul_bind.
  r->call.flags = (a->ndim == 1 ? 1u : 0) | (b->ndim == 1 ? 2u : 0);
  return true;
}

void gk_bind_matmul(gk_request *r, const gk_view *out) {
  gk_view *v = &r->bound;
  *v = *out;
  int rank = r->in[0]->ndim - 2, at = rank; // the batch axes stay
  for (int i = 0; i < 2; i++) {
    bool lacking = r->call.flags & 1u << i;
    v->shape[rank + i] = lacking ? 1 : out->shape[at];
    v->strides[rank + i] = lacking ? 0 : out->strides[at];
    if (!lacking) at++;
  }
  v->ndim = (uint8_t)(rank + 2);
  gk_view_update_contiguous(v);
  r->call.out[0] = v;
  r->call.flags = 0;
}
