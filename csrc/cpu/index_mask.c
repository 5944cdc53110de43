// nonzero: the indices of the non-zero elements; compress: the elements (or rows) where a mask is true.
//
// The mask is seen as one row-major list of truth values and worked through in blocks. With several
// threads it is counted first, so that each knows where its part of the result begins. Memory may
// change between the two passes, so every part writes exactly as many as it was given room for:
// what is missing is 0.
#include <stddef.h>

#include "index.h"

#define BLOCK 1024 // elements of the mask at a time
#define TASK 16384 // elements that are counted together
#define GRAIN 8 // tasks that are worth a thread

typedef struct plan {
  const gk_index_kernels *kernels;
  // The mask, or the array whose elements are non-zero or not.
  gk_loop mask;
  const char *mask_data;
  uint8_t mask_dtype;
  int64_t size, tasks, count;
  int64_t *at; // where each task's part of the result begins, and the end; NULL: one part of all
  // A result: `rest` in the output, and for compress what it is copied from.
  gk_loop rest; // strides[0] in, [1] out; in elements
  char *out;
  int64_t out_step; // from one result to the next
  int item; // bytes of an element
  const gk_view *coordinates; // nonzero: the array, for its shape; else NULL
  gk_loop first; // compress: the places of the mask in `in`
  const char *in;
  bool single; // a result is one element
} plan;

// Truth values of n elements from number `begin` on, in `block` or where they lie.
static const uint8_t *truth(const plan *p, int64_t begin, int64_t n, void *raw, uint8_t *block) {
  const int size = gk_dtypes[p->mask_dtype].size;
  const void *from = gk_index_read(&p->mask, 0, size, p->mask_data, begin, n, raw);
  if (p->mask_dtype == GK_bool) return from;
  gk_cpu_cast(p->mask_dtype, GK_bool)(n, from, block);
  return block;
}

static void count_tasks(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const plan *p = context;
  uint64_t raw[BLOCK];
  uint8_t block[BLOCK];
  for (int64_t task = begin; task < end; task++) {
    const int64_t first = task * TASK, last = p->size - first < TASK ? p->size : first + TASK;
    int64_t found = 0;
    for (int64_t i = first, n; i < last; i += n) {
      n = last - i < BLOCK ? last - i : BLOCK;
      found += p->kernels->count(n, truth(p, i, n, raw, block));
    }
    p->at[task + 1] = found;
  }
}

static void zeros(const plan *p, int64_t from, int64_t to) {
  for (int64_t k = from; k < to; k++)
    gk_index_move(&p->rest, p->item, NULL, p->out + k * p->out_step * p->item);
}

// The coordinates of elements begin + place[i], as results k and on.
static void write_coordinates(const plan *p, int64_t k, int64_t n, int64_t begin,
                              const int64_t *place) {
  const gk_view *v = p->coordinates;
  const int inner = v->ndim - 1;
  const int64_t row = v->shape[inner], step = p->out_step, axis_step = p->rest.strides[1][0];
  int64_t *out = (int64_t *)(void *)p->out + k * step;
  for (int64_t i = 0, end; i < n; i = end) {
    int64_t number = inner ? (begin + place[i]) / row : 0; // of the row
    const int64_t start = begin - number * row;
    for (end = i; end < n && start + place[end] < row; end++)
      out[end * step + inner * axis_step] = start + place[end];
    for (int d = inner - 1; d >= 0; d--) {
      for (int64_t j = i; j < end; j++) out[j * step + d * axis_step] = number % v->shape[d];
      number /= v->shape[d];
    }
  }
}

// Tasks [begin, end), as the results from the first one's place up to the last one's.
static void run(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const plan *p = context;
  int64_t k = p->at ? p->at[begin] : 0;
  const int64_t room = p->at ? p->at[end] : p->count;
  const int64_t last = p->size - (end - 1) * TASK < TASK ? p->size : end * TASK;
  const gk_select_fn pick = p->kernels->select[p->item], list = p->kernels->select[8];
  uint64_t raw[BLOCK], values[BLOCK];
  int64_t place[BLOCK], numbers[BLOCK];
  uint8_t block[BLOCK];
  for (int64_t i = 0; i < BLOCK; i++) numbers[i] = i;
  for (int64_t i = begin * TASK, n; i < last && k < room; i += n) {
    n = last - i < BLOCK ? last - i : BLOCK;
    const uint8_t *mask = truth(p, i, n, raw, block);
    int64_t found;
    if (p->coordinates) {
      found = list(n, mask, numbers, place, room - k);
      write_coordinates(p, k, found, i, place);
    } else if (p->single) {
      const void *from = gk_index_read(&p->first, 0, p->item, p->in, i, n, values);
      char *to = p->out + k * p->out_step * p->item;
      if (p->out_step == 1) {
        found = pick(n, mask, from, to, room - k);
      } else {
        found = pick(n, mask, from, place, room - k);
        gk_cpu_scatter(found, p->item, place, to, p->out_step);
      }
    } else {
      found = list(n, mask, numbers, place, room - k);
      for (int64_t j = 0; j < found; j++)
        gk_index_move(&p->rest, p->item,
                      p->in + gk_index_loop_at(&p->first, 0, i + place[j]) * p->item,
                      p->out + (k + j) * p->out_step * p->item);
    }
    k += found;
  }
  zeros(p, k, room);
}

gk_status gk_cpu_mask(const gk_call *call, gk_error *error) {
  const gk_view *in = call->in[0], *out = call->out[0];
  if (out->size == 0) return GK_OK;
  const bool compress = call->op == GK_OP_compress;
  const gk_view *mask = compress ? call->in[1] : in;
  const int along = compress ? 0 : 1; // the output's axis of results
  plan p = {.kernels = gk_index(), .mask_data = gk_view_data(mask), .mask_dtype = mask->dtype};
  p.size = mask->size;
  p.tasks = (p.size + TASK - 1) / TASK;
  p.count = out->shape[along];
  p.out = gk_view_data(out);
  p.out_step = out->strides[along];
  p.item = gk_dtypes[out->dtype].size;
  gk_loop_build(&p.mask, 1, &mask);
  if (compress) {
    const gk_view first = gk_index_axes(in, 0, mask->ndim);
    const gk_view in_rest = gk_index_axes(in, mask->ndim, in->ndim);
    const gk_view out_rest = gk_index_axes(out, 1, out->ndim);
    gk_loop_build(&p.first, 1, (const gk_view *[]){&first});
    gk_loop_build(&p.rest, 2, (const gk_view *[]){&in_rest, &out_rest});
    p.in = gk_view_data(in);
    p.single = out_rest.size == 1;
  } else {
    p.coordinates = in;
    p.rest = (gk_loop){.ndim = 1, .shape = {in->ndim}, .strides = {{0}, {out->strides[0]}}};
  }

  if (p.tasks <= GRAIN || gk_parallel_threads() == 1) {
    if (p.tasks)
      run(&p, 0, p.tasks, 0);
    else
      zeros(&p, 0, p.count);
    return GK_OK;
  }
  p.at = gk_scratch(GK_SCRATCH_INDEX, (p.tasks + 1) * (int64_t)sizeof *p.at);
  if (!p.at)
    return gk_error_set(error, GK_OUT_OF_MEMORY, "%s: no memory to count in", gk_op_name(call->op));
  gk_parallel(p.tasks, 4 * GRAIN, count_tasks, &p);
  p.at[0] = 0;
  for (int64_t i = 0; i < p.tasks; i++) {
    p.at[i + 1] += p.at[i];
    if (p.at[i + 1] > p.count) p.at[i + 1] = p.count;
  }
  gk_parallel(p.tasks, GRAIN, run, &p);
  zeros(&p, p.at[p.tasks], p.count);
  return GK_OK;
}
