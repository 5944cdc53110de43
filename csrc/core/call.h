// What core/ hands to a device: one op with resolved operands. Also the contract between core/ and
// a device's kernels.
#ifndef GK_CORE_CALL_H
#define GK_CORE_CALL_H

#include "view.h"

typedef enum gk_family {
  GK_FAMILY_ELEMENTWISE = 1,
  GK_FAMILY_REDUCE,
  GK_FAMILY_SCAN,
  GK_FAMILY_MATMUL,
  GK_FAMILY_INDEX,
  GK_FAMILY_SORT,
  GK_FAMILY_COPY,
  GK_FAMILY_CREATE,
  GK_FAMILY_RANDOM,
  GK_FAMILY_FFT,
  GK_FAMILY_JOIN, // never reaches a device: it becomes copies
  GK_FAMILY_LAUNCH, // a user's kernel; no op of the table
  GK_FAMILY_COUNT
} gk_family;

enum {
#define GK_OP(code, name, family, arity, accepts, compute, result, summary) GK_OP_##name = code,
#include "ops.def"
#undef GK_OP
  GK_OP_LIMIT = 256,
  GK_OP_LAUNCH = 0 // no op of the table: a user's kernel
};

typedef struct gk_op {
  const char *name; // as in ops.def; NULL where the code is not in use
  uint16_t accepts; // gk_class bits
  uint8_t family, arity, compute, result;
} gk_op;

enum { GK_COMPUTE_PROMOTE, GK_COMPUTE_FLOAT, GK_COMPUTE_BOOL, GK_COMPUTE_FIRST, GK_COMPUTE_GIVEN };
enum { GK_RESULT_SAME, GK_RESULT_BOOL, GK_RESULT_INT64, GK_RESULT_WIDE, GK_RESULT_REAL };

extern const gk_op gk_ops[GK_OP_LIMIT];
// The name as TypeScript spells it, for messages; valid until the thread asks for another.
const char *gk_op_name(uint16_t op);
// The dtype of an op's (first) result, from the dtype in which it computes.
static inline uint8_t gk_result_dtype(uint16_t op, uint8_t compute) {
  switch (gk_ops[op].result) {
  case GK_RESULT_BOOL:
    return GK_bool;
  case GK_RESULT_INT64:
    return GK_int64;
  case GK_RESULT_REAL:
    return compute == GK_complex64 ? (uint8_t)GK_float32 : compute;
  default:
    return compute;
  }
}

// Bits of gk_submit's `flags`; a call has those that its family's entry below names.
enum {
  GK_KEEPDIMS = 1,
  GK_WHOLE = 2,      // the flattened array
  GK_DESCENDING = 4, // topk: the largest
  GK_VARIANT = 8     // what the op has one of
};

// The bytes of a storage; NULL for one of no elements.
void *gk_storage_data(const struct gk_storage *storage);
static inline char *gk_view_data(const gk_view *v) {
  char *base = gk_storage_data(v->storage);
  return base ? base + v->offset : base; // no arithmetic on NULL
}

// One op, checked: every shape fits, every index that the host knows is in range, every dtype is
// accepted, and outputs overlap no input but where an elementwise op writes onto the identical
// view of an operand.
//
//   ELEMENTWISE  `in` have been broadcast to out[0]'s shape (stride 0); a NULL entry is a number,
//                scalar[i], an element of dtype `compute`. Operands have their own dtypes and are
//                converted to `compute` (for `where`, operand 0 to bool); out[0] has
//                dtype bool for a predicate, float32 for what makes complex numbers real, else
//                `compute`.
//                flat: all operands are arrays or numbers of dtype `compute`, contiguous and of
//                one shape, so that only size matters.
//   REDUCE       in[0] any strides; out[0] with in's rank, and length 1 and stride 0 on the axes
//                that are reduced (bits of `axes`). `compute` is the dtype of in[0] after the
//                op's rule (for sum and prod the result's: int64, or as out[0]; for bool ops: bool). argmin
//                and argmax: one axis, or the flattened array in row-major order where `axes` has
//                all bits. No element is reduced for min, max, argmin, argmax: core refuses that.
//                f[0] = correction of var and std, order of norm.
//   SCAN, SORT   in[0] and out[0] of the same shape; along `axis`. SORT: GK_DESCENDING.
//                topk: out[0] and out[1] (int64) have length k on `axis`; GK_DESCENDING: the largest.
//                searchsorted: in[0] a vector, in[1] and out[0] of one shape; both are converted to
//                `compute`; GK_VARIANT: behind equal ones.
//   MATMUL       in: [..., m, k] and [..., k, n], out [..., m, n]; batch axes broadcast (stride 0),
//                all of one rank of 2 or more. Operands are converted to `compute`.
//   INDEX        take: in[0] array, in[1] integer indices, out[0] has shape
//                in[0].shape[:axis] + in[1].shape + in[0].shape[axis+1:] and in[0]'s dtype.
//                take_along_axis: in[1] (indices) and out[0] of in[0]'s shape but on `axis`.
//                put_along_axis, scatter_add: in[0] (indices) and in[1] (values) of out[0]'s shape but on
//                `axis`; out[0] holds the elements that they change. GK_VARIANT: an index below 0 is
//                out of range, else it counts from the end. Where indices repeat, the last value in
//                row-major order stays, and sums add up in that order.
//                flat_index: out = in[0] * f[0] + in[1], in[1] below f[0] or negative from the end, and so
//                is in[0] below f[1] where that is not 0; where one is out of range, or in[0] is
//                INT64_MIN, the result is INT64_MIN. `axis`: in[1]'s, for the message.
//                nonzero: out[0] [in[0].ndim, count]; compress: in[1] bool, of in[0]'s first axes, out[0]
//                [count, rest of in[0]'s shape]. Memory may hold more or fewer than `count` by now:
//                write count of them, 0 for those that are missing.
//                histogram: out[0][i] = how many elements of in[0], of any shape, are from in[1][i] up to but
//                without in[1][i + 1], or up to the last edge; in[1] a vector of two edges or more, ascending,
//                both converted to `compute`, a float.
//                An index that is out of range reads as 0, writes nothing and gives GK_INDEX after the rest.
//   COPY         in[0] broadcast to out[0]'s shape; any two dtypes.
//   CREATE       out[0]; scalar[0] (and scalar[1] for arange's step, as float64 in both: f[0], f[1]);
//                eye: f[0] = diagonal, an integer of any size.
//   RANDOM       out[0] contiguous; key, counter: element i takes word (i & 3) of the Philox block
//                counter + i / 4 (per pair of elements of 64 bit: words 0-1 or 2-3); f[0], f[1].
//                integers: f[0] + word * (f[1] - f[0]) / 2^32 (2^64), rounded down; where the remainder of that
//                division is below 2^32 (2^64) modulo f[1] - f[0], the same word of the block 2^64 further
//                counts instead, and so on.
//   FFT          along `axis`; f[0] = length of the transform: operands are cut or filled up with
//                zeros; f[1] = factor of the result; GK_VARIANT: inverse. fft: in[0] any dtype but
//                float64, out[0] complex64; rfft: out[0] of length f[0] / 2 + 1; irfft: the first
//                f[0] / 2 + 1 elements of in[0], out[0] float32.
//   LAUNCH       launch (core/module.h), and nothing else.
typedef struct gk_call {
  uint16_t op;
  uint8_t family, inputs, outputs, compute;
  bool flat;
  int8_t axis;
  uint32_t axes, flags;
  // Elements of out[0]; of in[0] for REDUCE, topk, nonzero, compress, histogram and what changes its
  // output: what the time depends on.
  int64_t size;
  const gk_view *in[3];
  const gk_view *out[2];
  gk_scalar scalar[3];
  double f[2];
  uint64_t key, counter;
  const struct gk_launch *launch; // of LAUNCH
} gk_call;

// An elementwise op over n contiguous elements of a (b, c) into out, which may be one of them.
typedef void (*gk_loop_fn)(int64_t n, const void *a, const void *b, const void *c, void *out);
// Ops with codes below are elementwise, those from there on are not.
#define GK_ELEMENTWISE_CODES 112

// The call that copies `from`, seen in the shape of `to`, into it.
static inline gk_call gk_copy_call(const gk_view *from, const gk_view *to) {
  return (gk_call){.op = GK_OP_copy,
                   .family = GK_FAMILY_COPY,
                   .inputs = 1,
                   .outputs = 1,
                   .compute = to->dtype,
                   .size = to->size,
                   .in = {from},
                   .out = {to}};
}

// Filled by whoever fails; the text names the op.
typedef struct gk_error {
  gk_status status;
  uint32_t device; // the index, where status is GK_DEVICE_LOST
  char text[512];
} gk_error;

gk_status gk_error_set(gk_error *error, gk_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// The error of an index out of range; `variant` as GK_VARIANT among the call's flags.
gk_status gk_error_index(gk_error *error, uint16_t op, bool variant, const char *index, int axis,
                         int64_t length);

#endif
