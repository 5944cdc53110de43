// An op on its way through gk_submit, and the rules of the families: what the operands and parameters
// mean, in one place for all devices. A rule checks its request and fills in what it decides.
#ifndef GK_CORE_REQUEST_H
#define GK_CORE_REQUEST_H

#include "rules.h"

typedef struct gk_request {
  gk_context *c;
  gk_isolate *iso;
  uint32_t ctx;
  uint16_t op;
  const gk_op *row;
  gk_stream *stream;
  const gk_view *in[3];
  const gk_view *target; // the given `out`, of ops that change it; else NULL
  uint32_t inputs, count; // count of params
  double params[64];
  uint32_t flags, dtype;
  // What a rule decides.
  gk_call call;
  int results; // 1, or 2 of the same shape
  uint8_t result, second; // dtypes of the results
  int ndim;
  int64_t shape[GK_MAX_DIMS]; // of the results
  gk_generator *generator;
  gk_view seen[3]; // operands as the call sees them, where not as they are
  gk_view bound; // the output as the call sees it, likewise
  gk_storage *temporary[3]; // released once the call is on its way
  int temporaries;
} gk_request;

// ---- what rules share (rules.c); all return false after gk_fail

bool gk_request_miscounted(gk_request *r); // the message that params do not fit, and false
// params[i] as an axis of `ndim`, or as a whole number from `least` up to 2^53.
bool gk_request_axis(gk_request *r, uint32_t i, int ndim, int *axis);
bool gk_request_whole(gk_request *r, uint32_t i, double least, const char *what, int64_t *value);
void gk_request_shape_of(gk_request *r, const gk_view *v); // the results have v's shape
// A contiguous copy of `v` that lives as long as the request's call needs it.
bool gk_request_copy(gk_request *r, const gk_view *v, gk_view *copy);
// The operand as one dimension in row-major order.
bool gk_request_flatten(gk_request *r, int i);
// The operand seen in a shape that it broadcasts to.
bool gk_request_broadcast(gk_request *r, int i, const int64_t *shape, int ndim);
// The dtype in which the op computes, from its operands' and the one asked for (0: none).
bool gk_request_dtype(gk_request *r, uint8_t dtype);
bool gk_request_indices(gk_request *r, int i); // integers?
// Do the results fit into the numbers that count bytes?
bool gk_request_fits(gk_request *r);

// ---- rules by family; bind: the output as the call sees it

bool gk_rule_reduce(gk_request *r);
void gk_bind_reduce(gk_request *r, const gk_view *out);
bool gk_rule_scan(gk_request *r);
bool gk_rule_sort(gk_request *r);
void gk_bind_along_axis(gk_request *r, const gk_view *out);
bool gk_rule_index(gk_request *r);
bool gk_rule_matmul(gk_request *r);
void gk_bind_matmul(gk_request *r, const gk_view *out);
bool gk_rule_fft(gk_request *r);

#endif
