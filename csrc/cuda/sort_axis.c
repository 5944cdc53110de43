// sort and argsort on CUDA: which kernels take lines of which length.
#include "../kernels/sort.h"
#include "layout.h"
#include "sort.h"

// What is sorted, see kernels/sort.h: _32, _64, _beside.
enum { ITEMS_32, ITEMS_64, ITEMS_BESIDE, KINDS };
#define KERNELS(from, prefix)                                                                      \
  {{.module = from, .name = prefix "_32"},                                                         \
   {.module = from, .name = prefix "_64"},                                                         \
   {.module = from, .name = prefix "_beside"}}
static gk_kernel warp_kernels[KINDS] = KERNELS("sort_lines", "sort_warp");
static gk_kernel small_kernels[KINDS] = KERNELS("sort_lines", "sort_small");
static gk_kernel block_kernels[KINDS] = KERNELS("sort_lines", "sort_block");
static gk_kernel pass_kernels[KINDS] = KERNELS("sort_radix", "sort_pass");
static gk_kernel count_kernels[2] = {{.module = "sort_radix", .name = "sort_count_32"},
                                     {.module = "sort_radix", .name = "sort_count_64"}};
static gk_kernel starts_kernel = {.module = "sort_radix", .name = "sort_starts"};
static const uint8_t item_bytes[KINDS] = {4, 8, 8};

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t to_line(int64_t bytes) { return divide_up(bytes, 256) * 256; }

// Lines of the arrays: all axes but the one that is sorted.
static void find_lines(gk_sort_args *a, const gk_call *call) {
  const gk_view *views[2] = {call->in[0], call->out[0]};
  gk_view rest[2];
  for (int k = 0; k < 2; k++) {
    rest[k] = *views[k];
    if (views[k]->ndim) {
      rest[k].shape[call->axis] = 1;
      rest[k].strides[call->axis] = 0;
    }
    (k ? &a->out_step : &a->in_step)[0] = views[k]->ndim ? views[k]->strides[call->axis] : 1;
    views[k] = &rest[k];
  }
  a->n = call->in[0]->ndim ? call->in[0]->shape[call->axis] : 1;
  gk_layout_build(&a->lines, 2, views);
}

// Memory of a call, in parts: where each begins, or how many bytes all take.
static void *take(char *memory, int64_t *used, int64_t bytes) {
  void *part = memory ? memory + *used : NULL;
  *used += to_line(bytes);
  return part;
}

// The parts in `memory`, NULL to find out how long they are; the first *cleared bytes have to be 0.
static int64_t place_parts(gk_sort_args *a, int kind, char *memory, int64_t *cleared) {
  const int64_t lines = a->lines.size, size = lines * a->n;
  int64_t used = 0;
  a->starts = take(memory, &used, lines * a->passes * GK_SORT_DIGITS * 8);
  a->tickets = take(memory, &used, a->passes * 4);
  a->words = take(memory, &used, 2 * lines * a->tiles * GK_SORT_DIGITS * (a->wide ? 8 : 4));
  *cleared = used;
  a->active = take(memory, &used, lines * 4);
  for (uint32_t i = 0; i < 2 && i + 1 < a->passes; i++) {
    a->items[i] = take(memory, &used, size * item_bytes[kind]);
    if (kind == ITEMS_BESIDE) a->beside[i] = take(memory, &used, size * 4);
  }
  return used;
}

static gk_status sort_long(const gk_cuda_run *run, gk_sort_args *a, int kind) {
  const int64_t lines = a->lines.size;
  a->tiles = (uint32_t)divide_up(a->n, GK_SORT_TILE(item_bytes[kind]));
  a->wide = kind == ITEMS_BESIDE || a->n >= (int64_t)1 << 30;
  int64_t cleared;
  const int64_t bytes = place_parts(a, kind, NULL, &cleared);
  char *memory = gk_cuda_workspace(run, bytes);
  if (!memory) return GK_OUT_OF_MEMORY;
  place_parts(a, kind, memory, &cleared);
  gk_status status = gk_cuda_clear(run, memory, cleared);

  // As many blocks as the device runs at a time.
  int64_t blocks = divide_up((int64_t)gk_cuda_processors(run) * 8, lines);
  const int64_t most = divide_up(a->n, GK_SORT_COUNT_BLOCK);
  if (blocks > most) blocks = most;
  a->count_block = divide_up(divide_up(a->n, blocks), GK_SORT_COUNT_BLOCK) * GK_SORT_COUNT_BLOCK;
  a->count_blocks = (uint32_t)divide_up(a->n, a->count_block);
  if (status == GK_OK)
    status = gk_cuda_launch(run, &count_kernels[a->bytes == 8],
                            gk_grid_of(lines * a->count_blocks, 1), GK_SORT_COUNT_THREADS, 0, a);
  if (status == GK_OK)
    status = gk_cuda_launch(run, &starts_kernel, gk_grid_of(lines, 1), GK_SORT_DIGITS, 0, a);
  for (a->pass = 0; status == GK_OK && a->pass < a->passes; a->pass++)
    status = gk_cuda_launch(run, &pass_kernels[kind], gk_grid_of(lines * a->tiles, 1),
                            GK_SORT_THREADS, 0, a);
  return status;
}

gk_status gk_cuda_sort_lines(const gk_cuda_run *run, gk_sort_args *a) {
  const int64_t lines = a->lines.size;
  const int kind = a->bytes == 8 ? a->places ? ITEMS_BESIDE : ITEMS_64
                   : a->places   ? ITEMS_64
                                 : ITEMS_32;
  a->passes = a->bytes;
  if (a->n <= GK_SORT_WARP) {
    for (a->width = 1; a->width < a->n;) a->width *= 2;
    return gk_cuda_launch(run, &warp_kernels[kind],
                          gk_grid_of(lines * a->width, GK_SORT_WARP_THREADS), GK_SORT_WARP_THREADS,
                          0, a);
  }
  if (a->n <= GK_SORT_SMALL)
    return gk_cuda_launch(run, &small_kernels[kind], gk_grid_of(lines, 1), GK_SORT_SMALL_THREADS, 0,
                          a);
  if (a->n <= GK_SORT_TILE(item_bytes[kind]))
    return gk_cuda_launch(run, &block_kernels[kind], gk_grid_of(lines, 1), GK_SORT_THREADS, 0, a);
  return sort_long(run, a, kind);
}

gk_status gk_cuda_sort_axis(const gk_cuda_run *run) {
  const gk_call *call = run->call;
  const gk_view *in = call->in[0], *out = call->out[0];
  if (out->size == 0) return GK_OK;
  const bool places = call->op == GK_OP_argsort;
  gk_sort_args a = {.in = gk_view_data(in), .out = gk_view_data(out), .places = places};
  find_lines(&a, call);
  if (places && a.n > UINT32_MAX)
    return gk_error_set(run->error, GK_UNSUPPORTED,
                        "argsort: an axis of %lld elements; at most %lld can be sorted",
                        (long long)a.n, (long long)UINT32_MAX);
  a.order =
      gk_sort_order_of(in->dtype, call->flags & GK_DESCENDING, places ? GK_SORT_EQUAL_ZEROS : 0);
  a.bytes = gk_dtypes[in->dtype].size;
  return gk_cuda_sort_lines(run, &a);
}
