// searchsorted: where values belong in a sorted vector. The vector becomes keys (sort.h) once, which
// several values at a time are searched in; few values in a long vector make keys of only what
// they are compared with.
#include "blocks.h"
#include "sort.h"

#define PIECE 4000 // values worth a thread
#define FEW 2000 // elements for each value from which the vector is not made keys of

typedef struct searching {
  gk_sort_line sorted, values;
  const gk_call *call;
  const char *keys; // NULL: made one by one
  gk_loop loop; // out[0], in[1]
  bool right;
} searching;

// By keys made where they are needed.
static int64_t search_one(const gk_sort_line *l, const void *value, bool right) {
  int64_t low = 0, high = l->n;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    int64_t place;
    _Alignas(8) char key[8];
    gk_sort_keys(l, middle, 1, key);
    gk_sort_kernels()->search[gk_sort_wide(l)](1, key, 1, value, right, &place);
    if (place)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void search_row(const searching *job, int64_t count, const char *in, int64_t in_stride,
                       int64_t *out, int64_t out_stride) {
  const bool wide = gk_sort_wide(&job->values);
  _Alignas(64) char values[GK_BLOCK_ELEMENTS * 8];
  int64_t found[GK_BLOCK_ELEMENTS];
  gk_sort_line line = job->values;
  line.data = in;
  line.stride = in_stride;
  for (int64_t i = 0; i < count; i += GK_BLOCK_ELEMENTS) {
    const int64_t m = count - i < GK_BLOCK_ELEMENTS ? count - i : GK_BLOCK_ELEMENTS;
    gk_sort_keys(&line, i, m, values);
    if (job->keys)
      gk_sort_kernels()->search[wide](job->sorted.n, job->keys, m, values, job->right, found);
    else
      for (int64_t j = 0; j < m; j++)
        found[j] = search_one(&job->sorted, values + j * (wide ? 8 : 4), job->right);
    gk_cpu_scatter(m, 8, found, out + i * out_stride, out_stride);
  }
}

// Values [begin, end) in row-major order.
static void search_values(void *context, int64_t begin, int64_t end, int thread) {
  const searching *job = context;
  const gk_view *out = job->call->out[0], *in = job->call->in[1];
  const int inner = job->loop.ndim - 1;
  const int64_t width = job->loop.shape[inner];
  (void)thread;
  while (begin < end) {
    const int64_t column = begin % width;
    const int64_t count = width - column < end - begin ? width - column : end - begin;
    int64_t rest = begin, to = 0, from = 0;
    for (int axis = inner; axis >= 0; axis--) {
      to += rest % job->loop.shape[axis] * job->loop.strides[0][axis];
      from += rest % job->loop.shape[axis] * job->loop.strides[1][axis];
      rest /= job->loop.shape[axis];
    }
    search_row(job, count, gk_view_data(in) + from * job->values.size, job->loop.strides[1][inner],
               (int64_t *)gk_view_data(out) + to, job->loop.strides[0][inner]);
    begin += count;
  }
}

static void sorted_keys(void *context, int64_t begin, int64_t end, int thread) {
  const searching *job = context;
  (void)thread;
  const int bytes = gk_sort_wide(&job->sorted) ? 8 : 4;
  gk_sort_keys(&job->sorted, begin, end - begin, (char *)(uintptr_t)job->keys + begin * bytes);
}

static gk_sort_line line_of(const gk_view *v, uint8_t dtype) {
  gk_sort_line l = {.size = gk_dtypes[v->dtype].size};
  while (1 << l.log2 < gk_dtypes[dtype].size) l.log2++;
  if (v->dtype != dtype) l.cast = gk_cpu_cast(v->dtype, dtype);
  l.order = gk_sort_order_of(dtype, false, GK_SORT_EQUAL_ZEROS);
  return l;
}

gk_status gk_cpu_searchsorted(const gk_call *call, gk_error *error) {
  const gk_view *sorted = call->in[0], *values = call->in[1], *out = call->out[0];
  if (out->size == 0) return GK_OK;
  searching job = {.call = call, .right = call->flags & GK_VARIANT};
  job.sorted = line_of(sorted, call->compute);
  job.sorted.data = gk_view_data(sorted);
  job.sorted.n = sorted->shape[0];
  job.sorted.stride = sorted->strides[0];
  job.values = line_of(values, call->compute);
  const gk_view *views[2] = {out, values};
  gk_loop_build(&job.loop, 2, views);
  const int64_t n = job.sorted.n;
  if (n / FEW <= values->size) {
    job.keys = gk_scratch(GK_SCRATCH_SORT, n ? n * (gk_sort_wide(&job.sorted) ? 8 : 4) : 8);
    if (!job.keys)
      return gk_error_set(error, GK_OUT_OF_MEMORY, "searchsorted: no memory for %lld keys",
                          (long long)n);
    gk_parallel(n, 1 << 18, sorted_keys, &job);
  }
  gk_parallel(values->size, PIECE, search_values, &job);
  return GK_OK;
}
