// Graphs that can be launched: the work of the nodes in the order in which it was captured, which respects
// what each waits for. A launch queues all of it on one stream, as it is then: parameters that are set
// later count for later launches.
#include <stdlib.h>

#include "state.h"

typedef struct executable {
  object o;
  size_t count;
  moment *last; // the end of its last launch: a graph does not run beside itself
  struct {
    CUgraphNode node;
    work *work;
  } nodes[];
} executable;

void executable_close(object *o) {
  executable *e = (executable *)o;
  for (size_t i = 0; i < e->count; i++) work_release(e->nodes[i].work);
  moment_release(e->last);
  object_forget(o);
  free(e);
}

static bool is_captured(const graph *g) {
  stream *s;
  for (uint32_t at = 0; (s = object_next(KIND_STREAM, &at)) != NULL;) {
    if (s->capture != NULL && s->capture->graph == g) return true;
  }
  return false;
}

static CUresult graph_find(CUgraph handle, graph **found) {
  *found = object_find(handle, KIND_GRAPH);
  // The capture still owns it.
  return *found == NULL || is_captured(*found) ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult cuGraphDestroy(CUgraph handle) {
  ENTER_RELEASE(cuGraphDestroy, NEEDS_INIT);
  graph *g;
  const CUresult bad = graph_find(handle, &g);
  if (bad != CUDA_SUCCESS) return bad;
  graph_close(g);
  return failure;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *made, CUgraph handle, unsigned long long flags) {
  ENTER(cuGraphInstantiateWithFlags, NEEDS_CONTEXT);
  graph *g;
  const CUresult bad = graph_find(handle, &g);
  if (bad != CUDA_SUCCESS) return bad;
  // What the flags ask for does not exist here.
  if (made == NULL || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  executable *e =
      object_new(KIND_EXECUTABLE, sizeof *e + g->count * sizeof e->nodes[0], g->o.context);
  if (e == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  e->count = g->count;
  for (size_t i = 0; i < g->count; i++) {
    e->nodes[i].node = g->nodes[i]->o.handle;
    e->nodes[i].work = g->nodes[i]->work;
    e->nodes[i].work->references++;
  }
  *made = e->o.handle;
  return CUDA_SUCCESS;
}

CUresult cuGraphExecDestroy(CUgraphExec handle) {
  ENTER_RELEASE(cuGraphExecDestroy, NEEDS_INIT);
  executable *e = object_find(handle, KIND_EXECUTABLE);
  if (e == NULL) return CUDA_ERROR_INVALID_VALUE;
  executable_close(&e->o);
  return failure;
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream queue) {
  ENTER(cuGraphLaunch, NEEDS_CONTEXT);
  executable *e = object_find(handle, KIND_EXECUTABLE);
  stream *s;
  CUresult result = stream_find(queue, here, &s);
  // A graph in a graph is not there.
  if (result == CUDA_SUCCESS) result = capture_forbid(s);
  if (result != CUDA_SUCCESS) return result;
  if (e == NULL || e->o.context != s->o.context) return CUDA_ERROR_INVALID_VALUE;
  moment *end = moment_new();
  if (end == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  if (e->last != NULL) result = stream_await(s, e->last);
  for (size_t i = 0; i < e->count && result == CUDA_SUCCESS; i++) {
    e->nodes[i].work->references++;
    result = stream_enqueue(s, e->nodes[i].work);
  }
  if (result == CUDA_SUCCESS) result = stream_mark(s, end);
  if (result != CUDA_SUCCESS) {
    moment_release(end);
    return result;
  }
  moment_release(e->last);
  e->last = end;
  return CUDA_SUCCESS;
}

CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec handle, CUgraphNode which,
                                           const CUDA_KERNEL_NODE_PARAMS *p) {
  ENTER(cuGraphExecKernelNodeSetParams_v2, NEEDS_CONTEXT);
  executable *e = object_find(handle, KIND_EXECUTABLE);
  // The node is one of the graph that was instantiated, which therefore must still be there.
  if (e == NULL || object_find(which, KIND_NODE) == NULL) return CUDA_ERROR_INVALID_VALUE;
  size_t at = 0;
  while (at < e->count && e->nodes[at].node != which) at++;
  if (at == e->count || e->nodes[at].work->kind != WORK_LAUNCH) return CUDA_ERROR_INVALID_VALUE;
  if (p == NULL || p->func == NULL || p->kern != NULL || p->extra != NULL) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  work *w;
  const CUresult result =
      launch_work(p->func, e->o.context, (standin_size){p->gridDimX, p->gridDimY, p->gridDimZ},
                  (standin_size){p->blockDimX, p->blockDimY, p->blockDimZ}, p->sharedMemBytes,
                  p->kernelParams, &w);
  if (result != CUDA_SUCCESS) return result;
  work_release(e->nodes[at].work);
  e->nodes[at].work = w;
  return CUDA_SUCCESS;
}
