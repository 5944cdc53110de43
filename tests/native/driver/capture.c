// Capture of streams: work becomes nodes of a graph instead of being done. A stream that waits for an event
// of a captured one is captured too, until the capture ends; by then all must have come together again in
// the stream in which it began.
#include <stdlib.h>
#include <string.h>

#include "state.h"

static uint64_t captures_begun;

// ---- lists of nodes

static bool list_join(node_list *into, const node_list *more) {
  CUgraphNode *grown = realloc(into->list, (into->count + more->count + 1) * sizeof *grown);
  if (grown == NULL) return false;
  into->list = grown;
  for (size_t i = 0; i < more->count; i++) {
    size_t at = 0;
    while (at < into->count && grown[at] != more->list[i]) at++;
    if (at == into->count) grown[into->count++] = more->list[i];
  }
  return true;
}

static bool list_copy(node_list *into, const node_list *from) {
  into->count = 0;
  return list_join(into, from);
}

static void list_clear(node_list *l) {
  free(l->list);
  *l = (node_list){0};
}

// ---- graphs in the making

static node *graph_add(graph *g, const node_list *after) {
  if (g->count == g->room) {
    const size_t room = g->room == 0 ? 16 : g->room * 2;
    node **grown = realloc(g->nodes, room * sizeof *grown);
    if (grown == NULL) return NULL;
    g->nodes = grown;
    g->room = room;
  }
  node *n = object_new(KIND_NODE, sizeof *n, g->o.context);
  if (n == NULL) return NULL;
  if (!list_copy(&n->after, after)) {
    object_forget(&n->o);
    free(n);
    return NULL;
  }
  g->nodes[g->count++] = n;
  return n;
}

void graph_close(graph *g) {
  for (size_t i = 0; i < g->count; i++) {
    node *n = g->nodes[i];
    work_release(n->work);
    list_clear(&n->after);
    object_forget(&n->o);
    free(n);
  }
  free(g->nodes);
  object_forget(&g->o);
  free(g);
}

// ---- captures

static void capture_release(capture *c) {
  if (--c->references == 0) free(c);
}

static void join(stream *s, capture *c) {
  s->capture = c;
  c->references++;
}

static void leave_stream(stream *s) {
  capture *c = s->capture;
  s->capture = NULL;
  list_clear(&s->tips);
  capture_release(c);
}

// Ends it for all its streams; what was recorded stays or goes.
static void finish(capture *c, bool keep) {
  c->references++;
  c->over = true;
  if (!keep) {
    graph_close(c->graph);
    c->graph = NULL;
  }
  stream *s;
  for (uint32_t at = 0; (s = object_next(KIND_STREAM, &at)) != NULL;) {
    if (s->capture == c) leave_stream(s);
  }
  capture_release(c);
}

// A destroyed stream takes the capture that began in it along, and spoils one that it had joined.
void capture_leave(stream *s) {
  capture *c = s->capture;
  if (c == NULL) return;
  if (c->origin == s) {
    finish(c, false);
    return;
  }
  c->invalid = true;
  leave_stream(s);
}

void event_leave_capture(event *e) {
  if (e->captured == NULL) return;
  capture_release(e->captured);
  e->captured = NULL;
  list_clear(&e->tips);
}

static CUresult invalidate(capture *c, CUresult result) {
  c->invalid = true;
  return result;
}

CUresult capture_forbid(stream *s) {
  if (s->capture == NULL) return CUDA_SUCCESS;
  return invalidate(s->capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

CUresult capture_forbid_here(void) {
  CUresult result = CUDA_SUCCESS;
  stream *s;
  for (uint32_t at = 0; (s = object_next(KIND_STREAM, &at)) != NULL;) {
    capture *c = s->capture;
    if (c == NULL || c->mode == CAPTURE_MODE_RELAXED) continue;
    const bool mine = pthread_equal(c->thread, pthread_self());
    if (!mine && c->mode == CAPTURE_MODE_THREAD_LOCAL) continue;
    result = invalidate(c, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  }
  return result;
}

CUresult capture_add(stream *s, work *w) {
  capture *c = s->capture;
  node *n = c->invalid ? NULL : graph_add(c->graph, &s->tips);
  if (n == NULL) {
    work_release(w);
    return c->invalid ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_ERROR_OUT_OF_MEMORY;
  }
  n->work = w;
  CUgraphNode handle = n->o.handle;
  const node_list tip = {&handle, 1};
  return list_copy(&s->tips, &tip) ? CUDA_SUCCESS : invalidate(c, CUDA_ERROR_OUT_OF_MEMORY);
}

CUresult capture_record(event *e, stream *s) {
  capture *c = s->capture;
  if (c->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  event_leave_capture(e);
  if (!list_copy(&e->tips, &s->tips)) return CUDA_ERROR_OUT_OF_MEMORY;
  e->captured = c;
  c->references++;
  return CUDA_SUCCESS;
}

CUresult capture_wait(stream *s, event *e) {
  capture *c = e->captured;
  // Nothing outside a capture can be waited for in it, and nothing in it from outside once it is over.
  if (c == NULL) return invalidate(s->capture, ERROR_STREAM_CAPTURE_ISOLATION);
  if (c->over) {
    if (s->capture != NULL) s->capture->invalid = true;
    return ERROR_STREAM_CAPTURE_ISOLATION;
  }
  if (c->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (s->capture != NULL && s->capture != c) {
    s->capture->invalid = true;
    return invalidate(c, ERROR_STREAM_CAPTURE_MERGE);
  }
  if (s == s->o.context->default_stream) {
    return invalidate(c, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  }
  if (!list_join(&s->tips, &e->tips)) return CUDA_ERROR_OUT_OF_MEMORY;
  if (s->capture == NULL) join(s, c);
  return CUDA_SUCCESS;
}

// ---- the API

CUresult cuStreamBeginCapture_v2(CUstream handle, int mode) {
  ENTER(cuStreamBeginCapture_v2, NEEDS_CONTEXT);
  stream *s;
  const CUresult bad = stream_find(handle, here, &s);
  if (bad != CUDA_SUCCESS) return bad;
  if (mode < 0 || mode > CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  if (s == s->o.context->default_stream) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (s->capture != NULL) return ERROR_ILLEGAL_STATE;
  capture *c = calloc(1, sizeof *c);
  graph *g = c == NULL ? NULL : object_new(KIND_GRAPH, sizeof *g, s->o.context);
  if (g == NULL) {
    free(c);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  c->mode = mode;
  c->id = ++captures_begun;
  c->thread = pthread_self();
  c->origin = s;
  c->graph = g;
  join(s, c);
  return CUDA_SUCCESS;
}

static void see(const node_list *l) {
  for (size_t i = 0; i < l->count; i++) {
    node *n = object_find(l->list[i], KIND_NODE);
    n->seen = true;
  }
}

// Whether all that other streams recorded comes before where the first stream is now. Nodes lie after those
// that they follow.
static bool is_joined(const capture *c) {
  const graph *g = c->graph;
  for (size_t i = 0; i < g->count; i++) g->nodes[i]->seen = false;
  see(&c->origin->tips);
  for (size_t i = g->count; i-- > 0;) {
    if (!g->nodes[i]->seen) return false;
    see(&g->nodes[i]->after);
  }
  return true;
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph *made) {
  ENTER(cuStreamEndCapture, NEEDS_CONTEXT);
  stream *s;
  const CUresult bad = stream_find(handle, here, &s);
  if (bad != CUDA_SUCCESS) return bad;
  if (made == NULL) return CUDA_ERROR_INVALID_VALUE;
  *made = NULL;
  capture *c = s->capture;
  if (c == NULL) return ERROR_ILLEGAL_STATE;
  if (c->origin != s) return invalidate(c, ERROR_STREAM_CAPTURE_UNMATCHED);
  if (c->mode != CAPTURE_MODE_RELAXED && !pthread_equal(c->thread, pthread_self())) {
    return invalidate(c, ERROR_STREAM_CAPTURE_WRONG_THREAD);
  }
  if (c->invalid || !is_joined(c)) {
    const CUresult result =
        c->invalid ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : ERROR_STREAM_CAPTURE_UNJOINED;
    finish(c, false);
    return result;
  }
  *made = c->graph->o.handle;
  finish(c, true);
  return CUDA_SUCCESS;
}

CUresult cuStreamGetCaptureInfo_v3(CUstream handle, int *status, uint64_t *id, CUgraph *made,
                                   const CUgraphNode **dependencies, const void **edges,
                                   size_t *count) {
  ENTER(cuStreamGetCaptureInfo_v3, NEEDS_CONTEXT);
  stream *s;
  const CUresult bad = stream_find(handle, here, &s);
  if (bad != CUDA_SUCCESS) return bad;
  if (status == NULL) return CUDA_ERROR_INVALID_VALUE;
  const capture *c = s->capture;
  *status = c == NULL    ? CU_STREAM_CAPTURE_STATUS_NONE
            : c->invalid ? CAPTURE_INVALIDATED
                         : CAPTURE_ACTIVE;
  if (*status != CAPTURE_ACTIVE) return CUDA_SUCCESS;
  if (id != NULL) *id = c->id;
  if (made != NULL) *made = c->graph->o.handle;
  if (dependencies != NULL) *dependencies = s->tips.list;
  if (edges != NULL) *edges = NULL;
  if (count != NULL) *count = s->tips.count;
  return CUDA_SUCCESS;
}
