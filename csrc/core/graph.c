// Graphs: a recorded list of ops with their buffers, replayed as one. A graph holds every storage
// that it reads or writes; those made while recording are its own memory, overwritten by each
// launch.
#include <stdlib.h>
#include <string.h>

#include "module.h"
#include "rules.h"

typedef struct gk_node {
  gk_task task;
  gk_generator *generator; // draws anew at each launch
  gk_launch *launch;       // of a user's kernel
} gk_node;

typedef struct gk_graph {
  _Atomic int references; // the handle or the recording, and queued launches
  gk_device *device;      // NULL while empty
  gk_node **nodes;        // apart, so that views keep their place
  uint32_t count, capacity, draws;
  gk_use *uses; // each storage once
  uint32_t use_count, use_capacity;
  double nanoseconds;
  void *impl; // the device's own graph, of a device with queues of its own
} gk_graph;

static void release(gk_graph *g, gk_storage_cache *cache) {
  if (atomic_fetch_sub(&g->references, 1) != 1) return;
  if (g->impl) g->device->api->graph_release(g->device, g->impl);
  for (uint32_t i = 0; i < g->count; i++) {
    gk_task_release(&g->nodes[i]->task, cache);
    if (g->nodes[i]->generator) gk_generator_release(g->nodes[i]->generator);
    if (g->nodes[i]->launch) gk_launch_release(g->nodes[i]->launch, cache);
    free(g->nodes[i]);
  }
  free(g->nodes);
  free(g->uses);
  free(g);
}

void gk_graph_free(gk_isolate *iso, gk_graph *g) { release(g, &iso->cache); }

// Grows an array by doubling; false when out of memory.
static bool reserve(void **array, uint32_t count, uint32_t *capacity, size_t item) {
  if (count < *capacity) return true;
  uint32_t grown = *capacity ? *capacity * 2 : 32;
  void *p = realloc(*array, grown * item);
  if (!p) return false;
  *array = p;
  *capacity = grown;
  return true;
}

static bool note_use(gk_graph *g, gk_storage *s, bool written) {
  for (uint32_t i = 0; i < g->use_count; i++)
    if (g->uses[i].storage == s) {
      g->uses[i].written |= written;
      return true;
    }
  if (!reserve((void **)&g->uses, g->use_count, &g->use_capacity, sizeof *g->uses)) return false;
  g->uses[g->use_count++] = (gk_use){s, written};
  return true;
}

bool gk_graph_record(gk_isolate *iso, gk_stream *stream, const gk_call *call,
                     gk_generator *generator) {
  gk_graph *g = iso->recording;
  if (g->device && g->device != stream->device)
    return gk_fail(iso, GK_DEVICE, "%s: the graph is of %s, this op of %s", gk_op_name(call->op),
                   g->device->name, stream->device->name);
  g->device = stream->device;
  gk_node *node = malloc(sizeof *node);
  const bool is_launch = call->family == GK_FAMILY_LAUNCH;
  gk_launch *launch = is_launch ? gk_launch_keep(call->launch) : NULL;
  bool room = node && (launch || !is_launch) &&
              reserve((void **)&g->nodes, g->count, &g->capacity, sizeof *g->nodes);
  for (int i = 0; room && launch && i <= launch->use_count; i++)
    room = note_use(g, launch->uses[i].storage, launch->uses[i].written);
  for (int i = 0; room && i < call->inputs; i++)
    if (call->in[i]) room = note_use(g, call->in[i]->storage, false);
  for (int i = 0; room && i < call->outputs; i++) room = note_use(g, call->out[i]->storage, true);
  if (!room) {
    free(node);
    if (launch) gk_launch_release(launch, &iso->cache);
    return gk_fail(iso, GK_OUT_OF_MEMORY, "%s: no memory to record it", gk_op_name(call->op));
  }
  gk_task_set(&node->task, call);
  node->task.call.launch = node->launch = launch;
  node->generator = generator;
  if (generator) {
    atomic_fetch_add(&generator->references, 1);
    g->draws++;
  }
  if (stream->device->api->host_memory) g->nanoseconds += stream->device->api->estimate(call);
  g->nodes[g->count++] = node;
  return true;
}

uint32_t gk_graph_begin(uint32_t ctx) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  if (c->isolate->recording) {
    gk_fail(c->isolate, GK_UNSUPPORTED, "graph: a graph cannot be recorded inside another one");
    return GK_UNSUPPORTED;
  }
  gk_graph *g = calloc(1, sizeof *g);
  if (!g) {
    gk_fail(c->isolate, GK_OUT_OF_MEMORY, "graph: out of memory");
    return GK_OUT_OF_MEMORY;
  }
  atomic_store(&g->references, 1);
  c->isolate->recording = g;
  return GK_OK;
}

// The arrays made in a recording that comes to nothing never get bytes.
static void forsake(gk_graph *g) {
  gk_error error;
  gk_error_set(&error, GK_ARGUMENT,
               "the array was made while a graph was being recorded, and the recording failed");
  for (uint32_t i = 0; i < g->use_count; i++) {
    gk_storage *s = g->uses[i].storage;
    if (s->recorded) gk_storage_poison(s, &error);
  }
}

// Its memory is taken now, so that a launch allocates nothing. What a queued op will write
// first has it from there.
static bool take_memory(gk_isolate *iso, gk_graph *g, gk_error *error) {
  for (uint32_t i = 0; i < g->use_count; i++) {
    gk_storage *s = g->uses[i].storage;
    // In this order, since a queued op may be setting data.
    if (!gk_storage_ready(s, true, NULL) || s->data) continue;
    gk_stream *stream = gk_stream_default(iso, g->device, error);
    if (!stream) return false;
    if (!gk_storage_materialise(s, stream))
      return gk_error_memory(error, g->device, "graph", s->bytes) == GK_OK;
    // Its memory is free for others than this stream once the stream has got here.
    if (!g->device->api->host_memory) gk_storage_mark(s, true, gk_stream_advance(stream));
  }
  return true;
}

static bool make_device_graph(gk_isolate *iso, gk_graph *g, gk_error *error) {
  if (g->count == 0 || g->device->api->host_memory) return true;
  gk_stream *stream = gk_stream_default(iso, g->device, error);
  if (!stream) return false;
  const gk_call **calls = malloc(g->count * sizeof *calls);
  bool *draws = calloc(g->count, sizeof *draws);
  if (calls && draws) {
    for (uint32_t i = 0; i < g->count; i++) {
      calls[i] = &g->nodes[i]->task.call;
      draws[i] = g->nodes[i]->generator != NULL;
    }
    g->impl = g->device->api->graph_create(stream, g->count, calls, draws, error);
  } else {
    gk_error_set(error, GK_OUT_OF_MEMORY, "graph: out of memory");
  }
  free(calls);
  free(draws);
  return g->impl != NULL;
}

uint32_t gk_graph_end(uint32_t ctx, uint32_t discard) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_isolate *iso = c->isolate;
  gk_graph *g = iso->recording;
  iso->out->status = GK_OK;
  iso->recording = NULL;
  if (!g) return gk_fail(iso, GK_ARGUMENT, "graph: none is being recorded");
  if (discard) {
    forsake(g);
    release(g, &iso->cache);
    return 0;
  }
  gk_error error;
  bool made = take_memory(iso, g, &error) && make_device_graph(iso, g, &error);
  uint32_t handle = made ? gk_object_add(iso, GK_GRAPH, g) : 0;
  for (uint32_t i = 0; handle && i < g->use_count; i++) g->uses[i].storage->recorded = false;
  if (handle) return handle;
  forsake(g);
  release(g, &iso->cache);
  if (!made) return gk_fail_error(iso, &error);
  return gk_fail(iso, GK_OUT_OF_MEMORY, "graph: no memory for another graph");
}

// ---- launching

typedef struct gk_replay {
  gk_graph *graph;
  gk_place drawn[]; // of the nodes that draw, in order
} gk_replay;

static void replay(gk_command *command) {
  gk_replay *launch = command->payload;
  gk_graph *g = launch->graph;
  for (uint32_t i = 0, drawn = 0; i < g->count; i++) {
    gk_task *task = &g->nodes[i]->task;
    if (g->nodes[i]->generator) {
      task->call.counter = launch->drawn[drawn].counter;
      task->call.key = launch->drawn[drawn++].key;
    }
    gk_task_run(task, command->stream);
  }
  release(g, NULL);
  free(launch);
}

// The places from which a launch's nodes draw, taken when it is submitted, so that the numbers do not depend
// on when it runs.
static void draw_all(const gk_graph *g, gk_place *places) {
  for (uint32_t i = 0, drawn = 0; drawn < g->draws; i++) {
    if (!g->nodes[i]->generator) continue;
    gk_call call = g->nodes[i]->task.call; // which an earlier launch may be reading
    gk_generator_draw(g->nodes[i]->generator, &call);
    places[drawn++] = (gk_place){call.counter, call.key};
  }
}

static bool enqueue(gk_isolate *iso, gk_graph *g, gk_stream *s) {
  gk_replay *launch = malloc(sizeof *launch + g->draws * sizeof *launch->drawn);
  gk_command *command = launch ? gk_command_create(s) : NULL;
  if (!command) {
    free(launch);
    return gk_fail(iso, GK_OUT_OF_MEMORY, "graph.launch: no memory to queue it");
  }
  launch->graph = g;
  atomic_fetch_add(&g->references, 1);
  draw_all(g, launch->drawn);
  command->payload = launch;
  command->execute = replay;
  gk_mark mark = gk_stream_next(s);
  for (uint32_t i = 0; i < g->use_count; i++)
    gk_storage_waits(g->uses[i].storage, g->uses[i].written, s, command->waits,
                     &command->wait_count, GK_MAX_WAITS);
  for (uint32_t i = 0; i < g->use_count; i++)
    gk_storage_mark(g->uses[i].storage, g->uses[i].written, mark);
  iso->ran_queued += g->count;
  gk_command_submit(command);
  return true;
}

static gk_status launch_on_device(gk_isolate *iso, gk_graph *g, gk_stream *s) {
  gk_error error;
  gk_place few[16], *drawn = g->draws <= 16 ? few : malloc(g->draws * sizeof *drawn);
  if (!drawn) {
    gk_fail(iso, GK_OUT_OF_MEMORY, "graph.launch: out of memory");
    return GK_OUT_OF_MEMORY;
  }
  draw_all(g, drawn);
  bool begun = gk_stream_begin(s, (int)g->use_count, g->uses, "graph.launch", &error);
  gk_status status = begun ? s->device->api->graph_launch(s, g->impl, drawn, &error) : error.status;
  if (begun) gk_stream_end(s, (int)g->use_count, g->uses);
  if (drawn != few) free(drawn);
  iso->ran_queued += g->count;
  if (status != GK_OK) gk_fail_error(iso, &error);
  return status;
}

uint32_t gk_graph_launch(uint32_t ctx, uint32_t graph, uint32_t stream) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_isolate *iso = c->isolate;
  gk_graph *g = gk_object_get(iso, graph, GK_GRAPH);
  gk_stream *s = NULL;
  if (!g)
    gk_fail(iso, GK_DISPOSED, "graph.launch: the graph is disposed");
  else if (stream || !g->device)
    s = gk_stream_find(c, stream, "graph.launch");
  else
    s = gk_stream_on(c, g->device, "graph.launch");
  if (!s) return (uint32_t)iso->out->status;
  if (iso->recording) {
    gk_fail(iso, GK_UNSUPPORTED, "graph.launch: another graph is being recorded");
    return GK_UNSUPPORTED;
  }
  iso->out->stream = gk_stream_handle(iso, s);
  if (g->count == 0) return GK_OK;
  if (g->device != s->device) {
    gk_fail(iso, GK_DEVICE, "graph.launch: the graph is of %s, the stream of %s", g->device->name,
            s->device->name);
    return GK_DEVICE;
  }
  if (g->impl) return launch_on_device(iso, g, s);
  bool ready = gk_stream_idle(s) && g->nanoseconds < GK_INLINE_LIMIT;
  for (uint32_t i = 0; ready && i < g->use_count; i++) {
    gk_storage *storage = g->uses[i].storage;
    if (atomic_load_explicit(&storage->state, memory_order_acquire) == 0) continue;
    ready = gk_storage_ready(storage, g->uses[i].written, NULL) && !gk_storage_poisoned(storage);
  }
  if (!ready) return enqueue(iso, g, s) ? GK_OK : (uint32_t)iso->out->status;
  gk_error error;
  const gk_device_api *api = s->device->api;
  for (uint32_t i = 0; i < g->count; i++) {
    gk_node *node = g->nodes[i];
    if (node->generator) gk_generator_draw(node->generator, &node->task.call);
    gk_status status = api->run(s, &node->task.call, &error);
    if (GK_LIKELY(status == GK_OK)) continue;
    if (status != GK_INDEX) {
      gk_fail_error(iso, &error);
      return status;
    }
    gk_stream_set_fault(s, GK_FAULT_INDEX, &error);
  }
  iso->ran_inline += g->count;
  return GK_OK;
}

uint32_t gk_graph_dispose(uint32_t ctx, uint32_t graph) {
  gk_context *c = gk_context_get(ctx);
  gk_graph *g = c ? gk_object_get(c->isolate, graph, GK_GRAPH) : NULL;
  if (!g) return 0;
  gk_object_remove(c->isolate, graph);
  release(g, &c->isolate->cache);
  return 1;
}
