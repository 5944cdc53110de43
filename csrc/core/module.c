// Modules of users' kernels: made by the device, here or on another thread, and unmade once nothing that was
// launched from them runs any more.
#include "module.h"

#include <stdlib.h>
#include <string.h>

#include "isolate.h"

// ---- work that is not for the isolate's thread: compiling, and waiting before a module is unmade

#define WORKERS 4

typedef struct gk_job {
  struct gk_job *next;
  gk_module *module;
  bool compile; // else unmake it
  bool ticketed;
  gk_ticket ticket;
  gk_module_source source;
  char *text; // all strings of the source
  const char *strings[]; // pointers to them
} gk_job;

static gk_mutex jobs_lock = GK_MUTEX_INIT;
static gk_job *jobs, **jobs_end = &jobs;
static int workers;

static void wait_for_uses(gk_module *m) {
  gk_mark waits[1 + GK_READ_MARKS];
  int count = 0;
  gk_storage_waits(m->use, true, NULL, waits, &count, 1 + GK_READ_MARKS);
  const gk_device_api *api = m->device->api;
  for (int i = 0; i < count; i++) api->stream_wait(waits[i].stream, waits[i].sequence);
  for (int i = 0; i < m->launched_count; i++)
    if (!gk_mark_passed(m->launched[i]))
      api->stream_wait(m->launched[i].stream, m->launched[i].sequence);
}

static bool in_use(gk_module *m) {
  bool used = !gk_storage_ready(m->use, true, NULL);
  for (int i = 0; i < m->launched_count; i++) used |= !gk_mark_passed(m->launched[i]);
  return used;
}

void gk_module_mark(gk_module *m, gk_mark mark) {
  int at = m->launched_count;
  for (int i = m->launched_count - 1; i >= 0; i--) {
    if (m->launched[i].stream == mark.stream) {
      m->launched[i] = mark;
      return;
    }
    if (gk_mark_passed(m->launched[i])) at = i;
  }
  if (at == m->launched_room) {
    const int room = at ? 2 * at : 4;
    gk_mark *grown = realloc(m->launched, (size_t)room * sizeof *grown);
    if (!grown) { // nothing may lose track of it
      mark.stream->device->api->stream_wait(mark.stream, mark.sequence);
      return;
    }
    m->launched = grown;
    m->launched_room = room;
  }
  m->launched[at] = mark;
  if (at == m->launched_count) m->launched_count++;
}

static void free_module(gk_module *m) {
  m->device->api->modules->unmake(m);
  for (uint32_t i = 0; i < m->kernel_count; i++) {
    free(m->kernels[i].name);
    free(m->kernels[i].symbol);
    free(m->kernels[i].parameters);
  }
  free(m->kernels);
  free(m->log);
  free(m->image);
  free(m->ptx);
  free(m->launched);
  gk_storage_release(m->use, NULL);
  free(m);
}

static void run_job(gk_job *job) {
  gk_module *m = job->module;
  if (!job->compile) {
    wait_for_uses(m);
    free_module(m);
    free(job);
    return;
  }
  gk_error error = {.status = GK_OK};
  gk_status status = m->device->api->modules->make(m, &job->source, &error);
  gk_mutex_lock(&m->lock);
  m->error = error;
  m->error.status = status;
  m->made = true;
  gk_condition_broadcast(&m->done);
  gk_mutex_unlock(&m->lock);
  if (job->ticketed) gk_ticket_deliver(job->ticket);
  gk_module_release(m);
  free(job->text);
  free(job);
}

static void work(void *unused) {
  (void)unused;
  gk_mutex_lock(&jobs_lock);
  while (jobs) {
    gk_job *job = jobs;
    jobs = job->next;
    if (!jobs) jobs_end = &jobs;
    gk_mutex_unlock(&jobs_lock);
    run_job(job);
    gk_mutex_lock(&jobs_lock);
  }
  workers--;
  gk_mutex_unlock(&jobs_lock);
}

// Runs it on another thread, or here where there is none to be had.
static void submit_job(gk_job *job) {
  gk_mutex_lock(&jobs_lock);
  job->next = NULL;
  *jobs_end = job;
  jobs_end = &job->next;
  bool start = workers < WORKERS;
  if (start) workers++;
  gk_mutex_unlock(&jobs_lock);
  if (start && !gk_thread_start(work, NULL)) work(NULL);
}

// ---- lifetime

void gk_module_retain(gk_module *module) {
  atomic_fetch_add_explicit(&module->references, 1, memory_order_relaxed);
}

void gk_module_release(gk_module *m) {
  if (atomic_fetch_sub_explicit(&m->references, 1, memory_order_acq_rel) != 1) return;
  // Waiting for launches is not for this thread.
  gk_job *job = in_use(m) ? calloc(1, sizeof *job) : NULL;
  if (job) {
    job->module = m;
    submit_job(job);
    return;
  }
  wait_for_uses(m);
  free_module(m);
}

gk_module *gk_module_get(gk_isolate *iso, uint32_t handle, const char *op) {
  gk_module *m = gk_object_get(iso, handle, GK_MODULE);
  if (!m) {
    gk_fail(iso, GK_DISPOSED, "%s: the module is disposed", op);
    return NULL;
  }
  if (!m->finished) {
    gk_mutex_lock(&m->lock);
    while (!m->made) gk_condition_wait(&m->done, &m->lock);
    gk_mutex_unlock(&m->lock);
    m->finished = true;
  }
  if (m->error.status == GK_OK) return m;
  gk_fail_error(iso, &m->error);
  return NULL;
}

// ---- sources

// Strings, each ended by NUL, one behind the other: the next one, or NULL.
static const char *next_string(const char **at, const char *end) {
  const char *text = *at, *nul = text < end ? memchr(text, 0, (size_t)(end - text)) : NULL;
  if (!nul) return NULL;
  *at = nul + 1;
  return text;
}

#define NAMES_AT 512 // bytes from the block's start
#define INPUT_BYTES (GK_BLOCK_BYTES / 2)

// The job's source from what gk_module_create was given; false where it does not hold what the counts say.
static bool read_source(gk_job *job, gk_isolate *iso, bool given, const char *data, size_t bytes,
                        const uint32_t counts[3]) {
  gk_module_source *s = &job->source;
  uint32_t options = given ? 0 : counts[0], kernels = counts[1], headers = given ? 0 : counts[2];
  // One copy, ended by NUL, which a driver may take for the end of PTX; names stand behind an image.
  size_t names = given ? INPUT_BYTES - NAMES_AT : 0;
  job->text = malloc(bytes + 1 + names);
  if (!job->text) return false;
  memcpy(job->text, data, bytes);
  memset(job->text + bytes, 0, 1);
  *s = (gk_module_source){.given = given, .text = job->text, .bytes = bytes};
  const char *at = job->text, *end = at + bytes, **to = job->strings;
  if (given) {
    memcpy(job->text + bytes + 1, (const char *)iso->in_u32 + NAMES_AT, names);
    at = job->text + bytes + 1;
    end = at + names;
  } else {
    s->text = next_string(&at, end);
    s->bytes = s->text ? strlen(s->text) : 0;
    s->file = next_string(&at, end);
    if (!s->file) return false;
  }
  const char **lists[] = {to, to + options, to + options + kernels,
                          to + options + kernels + headers};
  const uint32_t count = options + kernels + 2 * headers;
  for (uint32_t i = 0; i < count; i++) {
    const char *text = next_string(&at, end);
    if (!text) return false;
    // Headers come in pairs.
    uint32_t pair = i < options + kernels ? 0 : i - options - kernels;
    if (i < options + kernels)
      to[i] = text;
    else
      lists[2 + pair % 2][pair / 2] = text;
  }
  s->options = options;
  s->kernels = kernels;
  s->headers = headers;
  s->option = lists[0];
  s->kernel = lists[1];
  s->header_name = lists[2];
  s->header_text = lists[3];
  return true;
}

static gk_module *new_module(gk_device *device) {
  gk_module *m = calloc(1, sizeof *m);
  if (!m) return NULL;
  m->device = device;
  m->use = gk_storage_create(device, 0, NULL);
  if (!m->use) {
    free(m);
    return NULL;
  }
  gk_mutex_init(&m->lock);
  gk_condition_init(&m->done);
  atomic_store(&m->references, 1);
  return m;
}

#define MOST_STRINGS 65536u
#define MOST_BYTES (256 << 20)

uint32_t gk_module_create(uint32_t ctx, uint32_t device_index, uint32_t flags, const void *data,
                          double bytes) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_isolate *iso = c->isolate;
  const char *op = flags & 1 ? "module" : "jit";
  const uint32_t counts[3] = {iso->in_u32[0], iso->in_u32[1], iso->in_u32[2]};
  const uint32_t ticket = iso->in_u32[3];
  if (device_index >= gk_device_count)
    return gk_fail(iso, GK_DEVICE, "%s: there is no device %u; there are %u", op, device_index,
                   gk_device_count);
  gk_device *device = &gk_devices[device_index];
  if (!device->api->modules)
    return gk_fail(
        iso, GK_UNSUPPORTED,
        "%s: kernels in CUDA C++ run on CUDA devices, and this is %s; without a GPU, the "
        "stand-in driver runs them (docs/kernels.md)",
        op, device->name);
  if (!(bytes >= 1 && bytes <= MOST_BYTES) || counts[0] > MOST_STRINGS ||
      counts[1] > MOST_STRINGS || counts[2] > MOST_STRINGS)
    return gk_fail(iso, GK_ARGUMENT, "%s: a module is made of 1 to %d bytes, got %.0f", op,
                   MOST_BYTES, bytes);
  gk_error error;
  if (!device->api->open(device, &error)) return gk_fail_error(iso, &error);
  const uint32_t strings = counts[0] + counts[1] + 2 * counts[2];
  gk_job *job = calloc(1, sizeof *job + strings * sizeof *job->strings);
  gk_module *m = job ? new_module(device) : NULL;
  const bool room = m && read_source(job, iso, flags & 1, data, (size_t)bytes, counts);
  const uint32_t handle = room ? gk_object_add(iso, GK_MODULE, m) : 0;
  if (!handle) {
    const bool incomplete = m && job->text && !room;
    if (m) {
      gk_storage_release(m->use, NULL);
      free(m);
    }
    if (job) free(job->text);
    free(job);
    return incomplete ? gk_fail(iso, GK_ARGUMENT, "%s: the source ends before its %u strings do",
                                op, strings + 2)
                      : gk_fail(iso, GK_OUT_OF_MEMORY, "%s: no memory for a module", op);
  }
  gk_module_retain(m); // the job's
  job->module = m;
  job->compile = true;
  if (flags & 2) {
    job->ticketed = true;
    job->ticket = gk_ticket_make(iso, ticket);
    submit_job(job);
  } else {
    run_job(job);
  }
  return handle;
}

uint32_t gk_module_finish(uint32_t ctx, uint32_t module) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  return gk_module_get(c->isolate, module, "jit") ? GK_OK : (uint32_t)c->isolate->out->status;
}

double gk_module_read(uint32_t ctx, uint32_t module, uint32_t part, void *into, double bytes) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return __builtin_nan("");
  gk_isolate *iso = c->isolate;
  gk_module *m = gk_object_get(iso, module, GK_MODULE);
  // Also of one that failed, for its log.
  if (!gk_module_get(iso, module, "jit") && (!m || part != GK_MODULE_LOG)) return __builtin_nan("");
  const struct {
    const char *at;
    size_t bytes;
  } parts[] = {[GK_MODULE_LOG] = {m->log, m->log ? strlen(m->log) : 0},
               [GK_MODULE_IMAGE] = {m->image, m->image_bytes},
               [GK_MODULE_PTX] = {m->ptx, m->ptx_bytes},
               [GK_MODULE_ORIGIN] = {m->origin, strlen(m->origin)}};
  if (part >= sizeof parts / sizeof *parts) {
    gk_fail(iso, GK_ARGUMENT, "module: it has no part %u", part);
    return __builtin_nan("");
  }
  size_t room = bytes > 0 ? (size_t)bytes : 0, n = parts[part].bytes;
  if (n && room) memcpy(into, parts[part].at, n < room ? n : room);
  return (double)n;
}

uint32_t gk_module_dispose(uint32_t ctx, uint32_t module) {
  gk_context *c = gk_context_get(ctx);
  gk_module *m = c ? gk_object_get(c->isolate, module, GK_MODULE) : NULL;
  if (!m) return 0;
  gk_object_remove(c->isolate, module);
  gk_module_release(m);
  return 1;
}

// ---- variables

double gk_module_variable(uint32_t ctx, uint32_t module, uint32_t write, void *data, double bytes,
                          double offset) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return __builtin_nan("");
  gk_isolate *iso = c->isolate;
  gk_module *m = gk_module_get(iso, module, "variable");
  if (!m) return __builtin_nan("");
  const char *name = (const char *)iso->in_u32;
  gk_error error;
  void *memory;
  int64_t size;
  const struct gk_module_api *api = m->device->api->modules;
  if (!memchr(name, 0, INPUT_BYTES)) {
    gk_fail(iso, GK_ARGUMENT, "variable: the name is too long");
    return __builtin_nan("");
  }
  if (api->variable(m, name, &memory, &size, &error) != GK_OK) {
    gk_fail_error(iso, &error);
    return __builtin_nan("");
  }
  if (bytes == 0) return (double)size;
  if (!(bytes > 0 && offset >= 0 && offset + bytes <= (double)size)) {
    gk_fail(iso, GK_SHAPE, "variable: %s has %.0f bytes, got %.0f from byte %.0f on", name,
            (double)size, bytes, offset);
    return __builtin_nan("");
  }
  if (iso->recording) {
    gk_fail(iso, GK_UNSUPPORTED,
            "variable: a graph is being recorded; %s the variable before or after it",
            write ? "set" : "read");
    return __builtin_nan("");
  }
  gk_stream *stream = c->stream && c->stream->device == m->device
                          ? c->stream
                          : gk_stream_default(iso, m->device, &error);
  // Kernels of other streams that may use it come before, and those launched from now on after.
  const gk_use use = {m->use, true};
  if (!stream || !gk_stream_begin(stream, 1, &use, "variable", &error)) {
    gk_fail_error(iso, &error);
    return __builtin_nan("");
  }
  for (int i = 0; i < m->launched_count; i++)
    if (m->launched[i].stream != stream && !gk_mark_passed(m->launched[i]))
      stream->device->api->stream_order(stream, m->launched[i]);
  gk_storage storage = {.device = m->device, .data = memory, .bytes = size};
  gk_view view = {.storage = &storage,
                  .offset = (int64_t)offset,
                  .dtype = GK_uint8,
                  .ndim = 1,
                  .shape = {(int64_t)bytes}};
  gk_view_make_contiguous(&view);
  const gk_device_api *copies = m->device->api;
  gk_status status = write ? copies->copy_in(stream, &view, data, &error)
                           : copies->copy_out(stream, &view, data, &error);
  gk_stream_end(stream, 1, &use);
  if (status == GK_OK) return (double)size;
  gk_fail_error(iso, &error);
  return __builtin_nan("");
}
