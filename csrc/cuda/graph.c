// Graphs: the launches of a list of calls, captured once and replayed whole. What draws random numbers is
// given its counter anew before each launch.
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

typedef struct graph {
  gk_cuda_device *device;
  CUgraph captured; // as long as the executable: its nodes name those whose parameters change
  CUgraphExec executable;
  gk_fault_slot fault; // of its kernels, whatever stream they are launched on
  gk_mark last; // launch
  gk_cuda_kept *kept; // workspaces, of each call
  uint32_t count, draw_count;
  gk_cuda_draw *draws;
} graph;

static void destroy(graph *g) {
  gk_error error;
  for (uint32_t i = 0; g->kept && i < g->count; i++)
    gk_cuda_give_back(g->device->base, &g->kept[i], g->last);
  if ((g->executable || g->captured) && gk_cuda_enter(g->device, &error) == GK_OK) {
    CUresult result = g->executable ? gk_cu.cuGraphExecDestroy(g->executable) : CUDA_SUCCESS;
    if (result != CUDA_SUCCESS) gk_cuda_fail(g->device, NULL, result, "graph", &error);
    if (g->captured) gk_cu.cuGraphDestroy(g->captured);
  }
  gk_cuda_give_fault_slot(g->device, &g->fault);
  free(g->kept);
  free(g->draws);
  free(g);
}

// Launches every call on the capturing queue.
static gk_status capture_calls(graph *g, gk_stream *stream, const gk_call *const *calls,
                               const bool *draws, gk_error *error) {
  uint32_t drawn = 0;
  for (uint32_t i = 0; i < g->count; i++) {
    gk_cuda_draw *draw = draws[i] ? &g->draws[drawn++] : NULL;
    gk_cuda_run run = {
        g->device, stream, g->device->capturing, calls[i], g->fault.device, &g->kept[i],
        draw,      error};
    gk_status status = gk_cuda_call_family(&run);
    if (status != GK_OK) return status;
  }
  return GK_OK;
}

static gk_status capture(graph *g, gk_stream *stream, const gk_call *const *calls,
                         const bool *draws, gk_error *error) {
  CUstream queue = g->device->capturing;
  CUresult result = gk_cu.cuStreamBeginCapture_v2(queue, CU_STREAM_CAPTURE_MODE_RELAXED);
  if (result != CUDA_SUCCESS) return gk_cuda_fail(g->device, stream, result, "graph", error);
  gk_status status = capture_calls(g, stream, calls, draws, error);
  result = gk_cu.cuStreamEndCapture(queue, &g->captured); // also after a failure: the queue goes on
  if (result == CUDA_ERROR_OUT_OF_MEMORY) result = gk_cu.cuStreamEndCapture(queue, &g->captured);
  if (status == GK_OK && result == CUDA_SUCCESS)
    result = gk_cu.cuGraphInstantiateWithFlags(&g->executable, g->captured, 0);
  if (status == GK_OK && result != CUDA_SUCCESS)
    status = gk_cuda_fail(g->device, stream, result, "graph", error);
  return status;
}

void *gk_cuda_graph_create(gk_stream *stream, uint32_t count, const gk_call *const *calls,
                           const bool *draws, gk_error *error) {
  gk_cuda_device *d = gk_cuda_of(stream->device);
  if (gk_cuda_enter(d, error) != GK_OK) return NULL;
  graph *g = calloc(1, sizeof *g);
  if (g) {
    g->device = d;
    g->count = count;
    for (uint32_t i = 0; i < count; i++) g->draw_count += draws[i];
    g->kept = calloc(count, sizeof *g->kept);
    g->draws = calloc(g->draw_count + 1, sizeof *g->draws);
  }
  if (!g || !g->kept || !g->draws || !gk_cuda_take_fault_slot(d, &g->fault)) {
    gk_error_set(error, GK_OUT_OF_MEMORY, "graph: out of memory");
    if (g) destroy(g);
    return NULL;
  }
  // One capture at a time: all use one queue, which does nothing else: memory may be freed
  // in between, and waited for.
  gk_mutex_lock(&d->capture_lock);
  gk_status status = capture(g, stream, calls, draws, error);
  gk_mutex_unlock(&d->capture_lock);
  // Workspaces came in the order of this stream, and graphs are launched on any.
  bool workspaces = false;
  for (uint32_t i = 0; i < count; i++) workspaces |= g->kept[i].count > 0;
  if (status == GK_OK && workspaces) status = gk_cuda_synchronise(stream, "graph", error);
  if (status == GK_OK) return g;
  destroy(g);
  return NULL;
}

gk_status gk_cuda_graph_launch(gk_stream *stream, void *value, const gk_place *drawn,
                               gk_error *error) {
  graph *g = value;
  gk_cuda_stream *q = gk_cuda_stream_of(stream);
  if (gk_cuda_enter(g->device, error) != GK_OK) return error->status;
  for (uint32_t i = 0; i < g->draw_count; i++) {
    gk_cuda_draw *draw = &g->draws[i];
    memcpy(draw->argument, &drawn[i], sizeof *drawn);
    void *parameters[] = {draw->argument};
    draw->launch.kernelParams = parameters;
    CUresult result =
        gk_cu.cuGraphExecKernelNodeSetParams_v2(g->executable, draw->node, &draw->launch);
    if (result != CUDA_SUCCESS)
      return gk_cuda_fail(g->device, stream, result, "graph.launch", error);
  }
  gk_cuda_watch_fault(q, g->fault.host);
  atomic_fetch_add_explicit(&stream->device->launches, 1, memory_order_relaxed);
  g->last = gk_stream_next(stream);
  CUresult result = gk_cu.cuGraphLaunch(g->executable, q->queue);
  if (result == CUDA_SUCCESS) return GK_OK;
  return gk_cuda_fail(g->device, stream, result, "graph.launch", error);
}

void gk_cuda_graph_release(gk_device *device, void *value) {
  (void)device;
  graph *g = value;
  // A launch under way still needs the executable, the record and the workspaces.
  if (g->last.stream) gk_cuda_stream_wait(g->last.stream, g->last.sequence);
  gk_cuda_forget_fault(g->device, g->fault.host);
  destroy(g);
}
