// Random numbers on CUDA: one launch for an op, whose argument begins with the counter.
#include "../core/draw.h"
#include "../kernels/random.h"
#include "cuda.h"

#define THREADS 256

// By op (from random_bits on) and whether elements have 64 bits.
static gk_kernel kernels[4][2] = {
    {{.module = "random", .name = "random_bits"}, {.module = "random", .name = "random_bits"}},
    {{.module = "random", .name = "random_uniform"},
     {.module = "random", .name = "random_uniform64"}},
    {{.module = "random", .name = "random_normal"},
     {.module = "random", .name = "random_normal64"}},
    {{.module = "random", .name = "random_integers"},
     {.module = "random", .name = "random_integers64"}},
};

gk_status gk_cuda_random(const gk_cuda_run *run) {
  const gk_call *call = run->call;
  const gk_view *out = call->out[0];
  if (out->size == 0) return GK_OK;
  gk_draw draw;
  const gk_status status = gk_draw_set(&draw, call, run->error);
  if (status != GK_OK) return status;
  const uint32_t bytes = gk_dtypes[out->dtype].size;
  const int64_t per_block = bytes == 8 ? 2 : 4;
  gk_random_args args = {.counter = call->counter,
                         .key = call->key,
                         .out = gk_view_data(out),
                         .size = out->size,
                         .dtype = out->dtype,
                         .bytes = bytes,
                         .first = call->f[0],
                         .second = call->f[1],
                         .base = draw.first,
                         .range = draw.range,
                         .again = draw.again};
  args.aligned = (uintptr_t)args.out % (bytes * (uint64_t)per_block) == 0;
  if (call->op == GK_OP_random_uniform) {
    args.first = draw.low;
    args.second = draw.span;
    args.limit = draw.limit;
  }
  const int64_t blocks = (out->size + per_block - 1) / per_block;
  const gk_grid grid = {(uint32_t)((blocks + THREADS - 1) / THREADS), 1, 1};
  gk_kernel *kernel = &kernels[draw.op - GK_OP_random_bits][bytes == 8];
  return gk_cuda_launch_drawing(run, kernel, grid, THREADS, &args, sizeof args);
}
