// topk on CUDA: which launches find the best of how many elements (kernels/sort_topk.cu and
// topk_long.cu).
#include "../core/sort_order.h"
#include "../kernels/sort_topk.h"
#include "layout.h"
#include "sort.h"

#define BLOCKS_A_PROCESSOR 4
#define LEAST_SPAN 2048 // elements worth a block
#define COUNTERS_A_PROCESSOR 8
#define LONG 32768 // elements of a line from which those up to the k-th are sorted instead of all
#define WARPS (GK_TOPK_THREADS / 32)

typedef struct topk_kernels {
  gk_kernel part, warp;
  int64_t
      most_candidates; // a step may follow this many (CAPACITY less THREADS * ROUNDS of sort_topk.cu)
} topk_kernels;
static topk_kernels kernels[2] = {// [keys of 64 bits]
                                  {{.module = "sort_topk", .name = "topk_part32"},
                                   {.module = "sort_topk", .name = "topk_warp32"},
                                   2048},
                                  {{.module = "sort_topk", .name = "topk_part64"},
                                   {.module = "sort_topk", .name = "topk_warp64"},
                                   2048}};

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// So many parts of a line that the device is busy, and that what is found in them is no more work for one
// block than a part is.
static int64_t parts_of(const gk_cuda_run *run, int64_t lines, int64_t length, int64_t count) {
  const int64_t wanted = (int64_t)gk_cuda_processors(run) * BLOCKS_A_PROCESSOR / lines;
  int64_t parts = 1;
  while (4 * parts * parts <= length / count) parts *= 2;
  parts = least(least(parts, wanted), length / LEAST_SPAN);
  return parts > 1 ? parts : 1;
}

// The best of each part of a line, the best of those, and so on, until there is one part.
static gk_status find(const gk_cuda_run *run, gk_topk_args *args, bool wide) {
  const int64_t lines = args->lines.size, count = args->count, key = wide ? 8 : 4;
  args->enough = (uint32_t)(4 * count < 512 ? 512 : 4 * count);
  if (args->enough > kernels[wide].most_candidates)
    args->enough = (uint32_t)kernels[wide].most_candidates;
  for (;;) {
    const int64_t parts = parts_of(run, lines, args->length, count);
    args->span = divide_up(args->length, parts);
    args->parts = (uint32_t)divide_up(args->length, args->span);
    const bool is_last = args->parts == 1;
    const int64_t found = lines * args->parts * count;
    char *list = is_last ? NULL : gk_cuda_workspace(run, found * (key + 4));
    if (!is_last && !list) return run->error->status;
    args->found_keys = list;
    args->found_places = is_last ? NULL : (uint32_t *)(void *)(list + found * key);
    const gk_grid grid = {(uint32_t)(lines * args->parts), 1, 1};
    const gk_status status =
        gk_cuda_launch(run, &kernels[wide].part, grid, GK_TOPK_THREADS, 0, args);
    if (status != GK_OK || is_last) return status;
    args->keys = args->found_keys;
    args->places = args->found_places;
    args->length = args->parts * count;
  }
}

// ---- more than a block finds

// The axes but the one searched; `listed`: where its elements are one behind the other, line after line.
static gk_layout lines_of(const gk_cuda_run *run, bool listed, int64_t length) {
  const gk_view *in = run->call->in[0];
  gk_view lines = *in, list = *in;
  lines.shape[run->call->axis] = list.shape[run->call->axis] = 1;
  gk_view_make_contiguous(&list);
  for (int d = 0; d < in->ndim; d++) list.strides[d] *= length;
  gk_layout layout;
  gk_layout_build(&layout, 2, (const gk_view *[]){listed ? &list : &lines, &list});
  return layout;
}

// Sorts `length` elements of each line, and takes the first of them.
static gk_status sort_and_pick(const gk_cuda_run *run, gk_topk_args *args, const void *in,
                               int64_t step, int64_t length) {
  static gk_kernel pick = {.module = "sort_topk", .name = "topk_pick"};
  const int64_t lines = args->lines.size;
  int64_t *sorted = gk_cuda_workspace(run, lines * length * (int64_t)sizeof *sorted);
  if (!sorted) return run->error->status;
  gk_sort_args sort = {.lines = lines_of(run, args->places != NULL, length),
                       .order = args->order,
                       .in = in,
                       .out = sorted,
                       .n = length,
                       .in_step = step,
                       .out_step = 1,
                       .bytes = args->bytes,
                       .places = true};
  const gk_status status = gk_cuda_sort_lines(run, &sort);
  if (status != GK_OK) return status;
  args->sorted = sorted;
  args->sorted_length = length;
  return gk_cuda_launch(run, &pick, gk_grid_of(lines * args->count, GK_TOPK_THREADS),
                        GK_TOPK_THREADS, 0, args);
}

// Lists the elements up to the k-th (kernels/sort_topk_long.cu), and sorts those.
static gk_status find_long(const gk_cuda_run *run, gk_topk_args *args, bool wide) {
  static gk_kernel digit[2] = {{.module = "sort_topk_long", .name = "topk_digit32"},
                               {.module = "sort_topk_long", .name = "topk_digit64"}};
  static gk_kernel tally[2] = {{.module = "sort_topk_long", .name = "topk_tally32"},
                               {.module = "sort_topk_long", .name = "topk_tally64"}};
  static gk_kernel list[2] = {{.module = "sort_topk_long", .name = "topk_list32"},
                              {.module = "sort_topk_long", .name = "topk_list64"}};
  static gk_kernel add = {.module = "sort_topk_long", .name = "topk_tallies"};
  const int64_t lines = args->lines.size, count = args->count, length = args->length;
  gk_topk_long_args a = {.lines = args->lines,
                         .order = args->order,
                         .in = args->in,
                         .in_step = args->in_step,
                         .length = length,
                         .count = args->count,
                         .bytes = args->bytes,
                         .tiles = (uint32_t)divide_up(length, GK_TOPK_TILE)};
  int64_t blocks = divide_up((int64_t)gk_cuda_processors(run) * COUNTERS_A_PROCESSOR, lines);
  blocks = least(blocks, a.tiles);
  a.span = divide_up(length, blocks);
  a.blocks = (uint32_t)divide_up(length, a.span);

  const int64_t cleared = lines * (int64_t)(sizeof *a.states + 256 * sizeof *a.counts);
  a.states = gk_cuda_workspace(run, cleared);
  a.tallies = gk_cuda_workspace(run, lines * a.tiles * (int64_t)sizeof *a.tallies);
  a.found = gk_cuda_workspace(run, lines * count * a.bytes);
  a.found_places = gk_cuda_workspace(run, lines * count * (int64_t)sizeof *a.found_places);
  if (!a.states || !a.tallies || !a.found || !a.found_places) return run->error->status;
  a.counts = (uint32_t *)(void *)(a.states + lines);

  gk_status status = gk_cuda_clear(run, a.states, cleared);
  for (uint32_t byte = a.bytes; byte-- > 0 && status == GK_OK;) {
    a.shift = 8 * byte;
    a.is_first = byte + 1 == a.bytes;
    status =
        gk_cuda_launch(run, &digit[wide], gk_grid_of(lines * a.blocks, 1), GK_TOPK_THREADS, 0, &a);
  }
  const gk_grid tiles = gk_grid_of(lines * a.tiles, 1);
  if (status == GK_OK) status = gk_cuda_launch(run, &tally[wide], tiles, GK_TOPK_THREADS, 0, &a);
  if (status == GK_OK)
    status = gk_cuda_launch(run, &add, gk_grid_of(lines, 1), GK_TOPK_THREADS, 0, &a);
  if (status == GK_OK) status = gk_cuda_launch(run, &list[wide], tiles, GK_TOPK_THREADS, 0, &a);
  if (status != GK_OK) return status;
  args->places = a.found_places;
  return sort_and_pick(run, args, a.found, 1, count);
}

gk_status gk_cuda_topk(const gk_cuda_run *run) {
  const gk_call *call = run->call;
  const gk_view *in = call->in[0], *values = call->out[0], *indices = call->out[1];
  const int axis = call->axis;
  const int64_t length = in->shape[axis], count = values->shape[axis];
  const bool largest = call->flags & GK_DESCENDING, wide = gk_dtypes[in->dtype].size == 8;
  if (values->size == 0) return GK_OK;
  if (length > (int64_t)UINT32_MAX)
    return gk_error_set(run->error, GK_UNSUPPORTED,
                        "topk: an axis of %lld elements; at most %lld can be searched",
                        (long long)length, (long long)UINT32_MAX);
  gk_topk_args args = {
      .order = gk_sort_order_of(in->dtype, largest,
                                GK_SORT_EQUAL_ZEROS | (largest ? GK_SORT_NAN_FIRST : 0)),
      .in = gk_view_data(in),
      .values = gk_view_data(values),
      .indices = (int64_t *)(void *)gk_view_data(indices),
      .in_step = in->strides[axis],
      .value_step = values->strides[axis],
      .index_step = indices->strides[axis],
      .length = length,
      .count = (uint32_t)count,
      .bytes = gk_dtypes[in->dtype].size};
  gk_view views[3] = {*in, *values, *indices};
  for (int i = 0; i < 3; i++) views[i].shape[axis] = 1;
  gk_layout_build(&args.lines, 3, (const gk_view *[]){&views[0], &views[1], &views[2]});
  if (length <= GK_TOPK_WARP) {
    const gk_grid grid = gk_grid_of(args.lines.size, WARPS);
    return gk_cuda_launch(run, &kernels[wide].warp, grid, GK_TOPK_THREADS, 0, &args);
  }
  if (count <= GK_TOPK_MOST) return find(run, &args, wide);
  if (length >= LONG && count <= length / 4) return find_long(run, &args, wide);
  return sort_and_pick(run, &args, args.in, args.in_step, length);
}
