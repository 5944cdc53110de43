// What submit.c and rules.c share: checks on dtypes, outputs and overlap, and their messages.
#ifndef GK_CORE_RULES_H
#define GK_CORE_RULES_H

#include "isolate.h"

// "float32 [2, 3] and the number 2"; returns buffer. NULL views are numbers.
char *gk_operands_text(char *buffer, int bytes, int count, const gk_view *const *views,
                       const double *values);
// Is the operands' common dtype of a class that the op accepts? False after gk_fail.
bool gk_check_class(gk_isolate *iso, uint16_t op, uint8_t dtype);
// The dtype in which an op computes, from its operands' common one.
uint8_t gk_compute_dtype(uint16_t op, uint8_t promoted);
// The given output, checked against the result's dtype and shape; NULL after gk_fail.
gk_array *gk_check_out(gk_isolate *iso, uint16_t op, uint32_t handle, uint8_t dtype, int ndim,
                       const int64_t *shape);
// May `out` be written while `in` is read? An elementwise op may write onto the identical view.
// False after gk_fail.
bool gk_check_overlap(gk_isolate *iso, uint16_t op, const gk_view *out, const gk_view *in,
                      bool elementwise);
// A new contiguous output in ctx's list; NULL after gk_fail.
gk_array *gk_new_out(gk_context *c, uint32_t ctx, gk_stream *stream, uint16_t op, uint8_t dtype,
                     int ndim, const int64_t *shape);
// Takes the numbers of a call that draws size elements and moves the counter on.
void gk_generator_draw(gk_generator *generator, gk_call *call);

#endif
