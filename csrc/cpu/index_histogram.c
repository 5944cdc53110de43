// histogram: each thread counts a part of the elements in tables of its own, which are added up at the end.
#include <string.h>

#include "index.h"

#define PIECE 32768 // elements that are worth a thread
#define TABLES 4 // of a thread, so that a count is not waited for to be counted on
#define MANY_BINS 65536 // from which one table must do
#define MOST_COUNTS (1 << 24) // in all tables, else one thread counts

typedef struct histogram {
  const gk_view *in;
  gk_loop loop; // of the elements alone
  // From the elements' dtype to the one of the comparison, and from float16 to what is computed in.
  gk_cast_fn cast, widen;
  const void *edges;
  int64_t bins, *counts; // [thread][bin][table]
  int tables;
  bool wide; // float64
} histogram;

static const void *converted(const histogram *h, int64_t n, const void *x, void *a, void *b) {
  if (h->cast) {
    h->cast(n, x, a);
    x = a;
  }
  if (h->widen) {
    h->widen(n, x, b);
    x = b;
  }
  return x;
}

static void count_part(void *context, int64_t begin, int64_t end, int thread) {
  const histogram *h = context;
  const int size = gk_dtypes[h->in->dtype].size;
  _Alignas(64) char raw[GK_INDEX_BLOCK * 8], a[GK_INDEX_BLOCK * 8], b[GK_INDEX_BLOCK * 8];
  int64_t *counts = h->counts + thread * h->bins * h->tables;
  for (int64_t i = begin, n; i < end; i += n) {
    n = end - i < GK_INDEX_BLOCK ? end - i : GK_INDEX_BLOCK;
    const void *x = gk_index_read(&h->loop, 0, size, gk_view_data(h->in), i, n, raw);
    gk_index()->bin[h->wide](n, converted(h, n, x, a, b), h->edges, h->bins, h->tables, counts);
  }
}

gk_status gk_cpu_histogram(const gk_call *call, gk_error *error) {
  const gk_view *in = call->in[0], *edges = call->in[1], *out = call->out[0];
  const uint8_t compute = call->compute, work = compute == GK_float64 ? GK_float64 : GK_float32;
  histogram h = {.in = in, .bins = out->shape[0], .wide = work == GK_float64};
  const int64_t n = h.bins + 1, bytes = (n * gk_dtypes[work].size + 63) / 64 * 64;
  int64_t threads = in->size < 2 * PIECE ? 1 : gk_parallel_threads();
  h.tables = h.bins < MANY_BINS ? TABLES : 1;
  if (threads * h.bins * h.tables > MOST_COUNTS) threads = 1;
  const int64_t counts = threads * h.bins * h.tables;
  char *memory = gk_scratch(GK_SCRATCH_INDEX, bytes + counts * 8);
  if (!memory)
    return gk_error_set(error, GK_OUT_OF_MEMORY, "histogram: no memory for %lld counts",
                        (long long)counts);
  h.counts = (int64_t *)(void *)(memory + bytes);
  memset(h.counts, 0, (size_t)counts * 8);

  h.widen = compute == work ? NULL : gk_cpu_cast(compute, work);
  h.cast = edges->dtype == compute ? NULL : gk_cpu_cast(edges->dtype, compute);
  const int size = gk_dtypes[edges->dtype].size;
  for (int64_t i = 0; i < n; i += GK_INDEX_BLOCK) {
    const int64_t m = n - i < GK_INDEX_BLOCK ? n - i : GK_INDEX_BLOCK;
    _Alignas(64) char raw[GK_INDEX_BLOCK * 8], a[GK_INDEX_BLOCK * 8], b[GK_INDEX_BLOCK * 8];
    gk_cpu_gather(m, size, gk_view_data(edges) + i * edges->strides[0] * size, edges->strides[0],
                  raw);
    memcpy(memory + i * gk_dtypes[work].size, converted(&h, m, raw, a, b),
           (size_t)(m * gk_dtypes[work].size));
  }
  h.edges = memory;
  h.cast = in->dtype == compute ? NULL : gk_cpu_cast(in->dtype, compute);

  gk_loop_build(&h.loop, 1, &in);
  if (threads > 1)
    gk_parallel(in->size, PIECE, count_part, &h);
  else
    count_part(&h, 0, in->size, 0);
  int64_t *to = (int64_t *)(void *)gk_view_data(out);
  for (int64_t bin = 0; bin < h.bins; bin++) {
    int64_t sum = 0;
    for (int64_t t = 0; t < threads; t++)
      for (int k = 0; k < h.tables; k++) sum += h.counts[(t * h.bins + bin) * h.tables + k];
    to[bin * out->strides[0]] = sum;
  }
  return GK_OK;
}
