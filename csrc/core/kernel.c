// Users' kernels: what is known of one, and its launch, whose arguments are checked against the parameters
// that the compiler reports.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isolate.h"
#include "module.h"

static const gk_module_kernel *find(gk_isolate *iso, uint32_t module, uint32_t number,
                                    const char *op, gk_module **found) {
  gk_module *m = *found = gk_module_get(iso, module, op);
  if (!m) return NULL;
  if (number < m->kernel_count) return &m->kernels[number];
  gk_fail(iso, GK_ARGUMENT, "%s: the module has %u kernels, and none is number %u", op,
          m->kernel_count, number);
  return NULL;
}

uint32_t gk_kernel_describe(uint32_t ctx, uint32_t module, uint32_t number) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_isolate *iso = c->isolate;
  gk_module *m;
  const gk_module_kernel *k = find(iso, module, number, "kernel", &m);
  if (!k) return (uint32_t)iso->out->status;
  gk_block_output *out = iso->out;
  const uint32_t first = iso->in_u32[0];
  int n = snprintf(out->text, GK_TEXT_BYTES, "%.1000s\n", k->symbol);
  for (int i = first < GK_MAX_ARGUMENTS ? (int)first : k->count; i < k->count; i++) {
    const gk_parameter *p = &k->parameters[i];
    const int room = GK_TEXT_BYTES - n;
    const int more = snprintf(out->text + n, (size_t)room, "%s\t%u\t%u\t%d\t%u\n", p->type, p->kind,
                              p->dtype, p->is_const, p->bytes);
    if (more >= room) break; // the next call's
    n += more;
  }
  out->text_bytes = n;
  const int values[] = {k->count,     k->most_threads, k->shared,         k->constant,  k->local,
                        k->registers, k->ptx_version,  k->binary_version, k->most_added};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) out->values[i] = values[i];
  return GK_OK;
}

uint32_t gk_kernel_occupancy(uint32_t ctx, uint32_t module, uint32_t number, uint32_t threads,
                             double shared) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_isolate *iso = c->isolate;
  gk_module *m;
  const gk_module_kernel *k = find(iso, module, number, "occupancy", &m);
  if (!k) return (uint32_t)iso->out->status;
  gk_error error;
  if (threads < 1 || threads > (uint32_t)k->most_threads || !(shared >= 0) ||
      shared > k->most_added) {
    gk_fail(iso, GK_ARGUMENT,
            "occupancy: %s runs with 1 to %d threads a block and at most %d added bytes of shared "
            "memory, got %u and %.0f",
            k->name, k->most_threads, k->most_added, threads, shared);
    return GK_ARGUMENT;
  }
  gk_status status =
      m->device->api->modules->occupancy(m, k, threads, (int64_t)shared, iso->out->values, &error);
  if (status != GK_OK) gk_fail_error(iso, &error);
  return status;
}

// ---- arguments

// How an argument is given in the block.
typedef struct given {
  uint32_t kind, value;
  union {
    double number;
    uint8_t bytes[8];
    int64_t i64;
    uint64_t u64;
  } as;
} given;

// One launch under way, for messages.
typedef struct check {
  gk_isolate *iso;
  gk_module *module;
  const gk_module_kernel *kernel;
} check;

static const char *const given_names[] = {
    [GK_ARGUMENT_NUMBER] = "a number", [GK_ARGUMENT_ARRAY] = "an array",
    [GK_ARGUMENT_TYPED] = "a number",  [GK_ARGUMENT_INT64] = "a bigint",
    [GK_ARGUMENT_UINT64] = "a bigint", [GK_ARGUMENT_BYTES] = "bytes",
    [GK_ARGUMENT_NULL] = "null"};

static bool refuse(const check *x, int i, gk_status status, const char *got, const char *remedy) {
  return gk_fail(x->iso, status, "launch: argument %d of %s is %s, got %s%s%s", i + 1,
                 x->kernel->name, x->kernel->parameters[i].type, got, remedy ? "; " : "",
                 remedy ? remedy : "");
}

// Does a dtype of integers hold the value? `negative`: `magnitude` is that of a negative number.
static bool holds(uint8_t dtype, bool negative, uint64_t magnitude) {
  const gk_dtype_info *d = &gk_dtypes[dtype];
  if (d->class == GK_CLASS_BOOL) return !negative && magnitude <= 1;
  if (d->class == GK_CLASS_UNSIGNED)
    return (!negative || magnitude == 0) && (d->bits == 64 || magnitude >> d->bits == 0);
  const uint64_t half = (uint64_t)1 << (d->bits - 1);
  return negative ? magnitude <= half : magnitude < half;
}

static bool refuse_number(const check *x, int i, const given *g) {
  char got[64];
  if (g->kind == GK_ARGUMENT_NUMBER) {
    snprintf(got, sizeof got, "%.17g", g->as.number);
  } else {
    const bool negative = g->kind == GK_ARGUMENT_INT64 && g->as.i64 < 0;
    snprintf(got, sizeof got, "%s%llun", negative ? "-" : "",
             (unsigned long long)(negative ? 0 - g->as.u64 : g->as.u64));
  }
  return refuse(x, i, GK_DTYPE, got, "which it does not hold");
}

// A number becomes the parameter's dtype; integers only where it is exactly theirs.
static bool take_number(const check *x, int i, const given *g, gk_argument *to) {
  const gk_parameter *p = &x->kernel->parameters[i];
  const uint8_t class = gk_dtypes[p->dtype].class;
  if (class == GK_CLASS_COMPLEX)
    return refuse(x, i, GK_DTYPE, given_names[g->kind], "give its 8 bytes as a Float32Array");
  gk_scalar element;
  if (g->kind == GK_ARGUMENT_NUMBER) {
    const double v = g->as.number;
    if (class != GK_CLASS_FLOAT && (!(v == trunc(v) && fabs(v) < 18446744073709551616.0) ||
                                    !holds(p->dtype, v < 0, (uint64_t)fabs(v))))
      return refuse_number(x, i, g);
    element = gk_scalar_from_double(v, p->dtype);
  } else {
    const bool negative = g->kind == GK_ARGUMENT_INT64 && g->as.i64 < 0;
    const uint64_t magnitude = negative ? 0 - g->as.u64 : g->as.u64;
    if (class == GK_CLASS_FLOAT) {
      const double v = (double)magnitude;
      element = gk_scalar_from_double(negative ? -v : v, p->dtype);
    } else if (holds(p->dtype, negative, magnitude)) {
      memset(&element, 0, sizeof element);
      element.u64 = g->as.u64; // little-endian on all that is supported
    } else {
      return refuse_number(x, i, g);
    }
  }
  memcpy(&to->value, element.bytes, sizeof to->value);
  return true;
}

static bool refuse_array(const check *x, int i, gk_status status, const gk_view *v,
                         const char *remedy) {
  char got[160], shape[96];
  snprintf(got, sizeof got, "an array of dtype %s and shape %s", gk_dtypes[v->dtype].name,
           gk_shape_text(shape, sizeof shape, v->shape, v->ndim));
  return refuse(x, i, status, got, remedy);
}

static bool take_array(const check *x, int i, const given *g, gk_argument *to) {
  const gk_parameter *p = &x->kernel->parameters[i];
  const gk_array *a = gk_array_get(x->iso, g->value);
  if (!a) return refuse(x, i, GK_DISPOSED, "an array that is disposed", NULL);
  const gk_view *v = &a->view;
  const bool pointer =
      p->kind == GK_PARAMETER_POINTER || (p->kind == GK_PARAMETER_UNKNOWN && p->bytes == 8);
  if (!pointer || (p->dtype && p->dtype != v->dtype)) return refuse_array(x, i, GK_DTYPE, v, NULL);
  if (v->storage->device != x->module->device)
    return gk_fail(x->iso, GK_DEVICE,
                   "launch: argument %d of %s is an array on %s, the kernel is of %s", i + 1,
                   x->kernel->name, v->storage->device->name, x->module->device->name);
  if (!v->contiguous)
    return refuse_array(x, i, GK_SHAPE, v,
                        "whose elements do not lie one behind the other; give it contiguous()");
  to->storage = v->storage;
  to->offset = v->offset;
  return true;
}

static bool take_bytes(const check *x, int i, const given *g, gk_argument *to) {
  const gk_parameter *p = &x->kernel->parameters[i];
  const uint64_t at = g->as.u64;
  if (p->kind == GK_PARAMETER_POINTER || g->value != p->bytes) {
    char got[48], remedy[48];
    snprintf(got, sizeof got, "%u bytes", g->value);
    snprintf(remedy, sizeof remedy, "it takes %u", p->bytes);
    return refuse(x, i, GK_DTYPE, got,
                  p->kind == GK_PARAMETER_POINTER ? "an array of gpukit is what lies on the device"
                                                  : remedy);
  }
  if (at > GK_BLOCK_BYTES / 2 || g->value > GK_BLOCK_BYTES / 2 - at)
    return gk_fail(x->iso, GK_ARGUMENT, "launch: the bytes of argument %d do not lie in the block",
                   i + 1);
  to->bytes = (const char *)x->iso->in_u32 + at;
  return true;
}

static bool take_argument(const check *x, int i, const given *g, gk_argument *to) {
  const gk_parameter *p = &x->kernel->parameters[i];
  switch (g->kind) {
  case GK_ARGUMENT_ARRAY:
    return take_array(x, i, g, to);
  case GK_ARGUMENT_BYTES:
    return take_bytes(x, i, g, to);
  case GK_ARGUMENT_NULL:
    if (p->kind == GK_PARAMETER_POINTER || (p->kind == GK_PARAMETER_UNKNOWN && p->bytes == 8))
      return true;
    return refuse(x, i, GK_DTYPE, "null", NULL);
  case GK_ARGUMENT_TYPED:
    if (g->value == 0 || g->value >= GK_DTYPE_COUNT || gk_dtypes[g->value].size > 8)
      return gk_fail(x->iso, GK_ARGUMENT, "launch: argument %d has no dtype %u", i + 1, g->value);
    if (p->kind == GK_PARAMETER_UNKNOWN ? gk_dtypes[g->value].size != p->bytes
                                        : p->kind != GK_PARAMETER_NUMBER || p->dtype != g->value) {
      char got[64];
      snprintf(got, sizeof got, "a number of type %s", gk_dtypes[g->value].name);
      return refuse(x, i, GK_DTYPE, got, NULL);
    }
    to->value = g->as.u64;
    return true;
  case GK_ARGUMENT_NUMBER:
  case GK_ARGUMENT_INT64:
  case GK_ARGUMENT_UINT64:
    if (p->kind == GK_PARAMETER_NUMBER) return take_number(x, i, g, to);
    return refuse(x, i, GK_DTYPE, given_names[g->kind],
                  p->kind == GK_PARAMETER_UNKNOWN
                      ? "say its type, such as gk.f32(2): the module does not tell"
                      : NULL);
  default:
    return gk_fail(x->iso, GK_ARGUMENT, "launch: argument %d is of no known kind", i + 1);
  }
}

// ---- launching

static bool check_sizes(const check *x, const gk_launch *l) {
  uint32_t grid[3], block[3];
  x->module->device->api->modules->limits(x->module->device, grid, block);
  const gk_module_kernel *k = x->kernel;
  for (int i = 0; i < 3; i++) {
    if (l->grid[i] < 1 || l->grid[i] > grid[i])
      return gk_fail(x->iso, GK_ARGUMENT,
                     "launch: the grid of %s is [%u, %u, %u] blocks; %s takes 1 to [%u, %u, %u]",
                     k->name, l->grid[0], l->grid[1], l->grid[2], x->module->device->name, grid[0],
                     grid[1], grid[2]);
    if (l->block[i] < 1 || l->block[i] > block[i])
      return gk_fail(x->iso, GK_ARGUMENT,
                     "launch: the block of %s is [%u, %u, %u] threads; %s takes 1 to [%u, %u, %u]",
                     k->name, l->block[0], l->block[1], l->block[2], x->module->device->name,
                     block[0], block[1], block[2]);
  }
  const uint64_t threads = (uint64_t)l->block[0] * l->block[1] * l->block[2];
  if (threads > (uint64_t)k->most_threads)
    return gk_fail(x->iso, GK_ARGUMENT,
                   "launch: a block of %s is [%u, %u, %u] = %llu threads; with its registers and "
                   "launch bounds %d are the most",
                   k->name, l->block[0], l->block[1], l->block[2], (unsigned long long)threads,
                   k->most_threads);
  if (l->shared > (uint32_t)k->most_added)
    return gk_fail(
        x->iso, GK_ARGUMENT,
        "launch: %s asks for %u bytes of shared memory on top of its own %d; %d more are "
        "the most on %s",
        k->name, l->shared, k->shared, k->most_added, x->module->device->name);
  return true;
}

static void add_use(gk_launch *l, gk_storage *storage, bool written) {
  for (int i = 0; i < l->use_count; i++)
    if (l->uses[i].storage == storage) {
      l->uses[i].written |= written;
      return;
    }
  l->uses[l->use_count++] = (gk_use){storage, written};
}

static bool take_arguments(const check *x, gk_launch *l) {
  const gk_module_kernel *k = x->kernel;
  if (l->count != k->count)
    return gk_fail(x->iso, GK_ARGUMENT, "launch: %s takes %d arguments, got %d", k->name, k->count,
                   l->count);
  const char *at = (const char *)x->iso->in_u32 + 32;
  for (int i = 0; i < l->count; i++) {
    given g;
    memcpy(&g, at + i * (int)sizeof g, sizeof g);
    l->arguments[i] = (gk_argument){.storage = NULL};
    if (!take_argument(x, i, &g, &l->arguments[i])) return false;
    if (l->arguments[i].storage) add_use(l, l->arguments[i].storage, !k->parameters[i].is_const);
  }
  l->uses[l->use_count] = (gk_use){x->module->use, false};
  return true;
}

// As an op: what is computed from an array that never came to be is itself none.
static bool launch_now(gk_isolate *iso, gk_stream *stream, const gk_launch *l) {
  const gk_error *poison = NULL;
  for (int i = 0; i < l->use_count && !poison; i++)
    if (gk_storage_poisoned(l->uses[i].storage)) poison = l->uses[i].storage->poison;
  if (poison) {
    gk_stream_set_fault(stream, GK_FAULT_FAILED, poison);
    for (int i = 0; i < l->use_count; i++)
      if (l->uses[i].written) gk_storage_poison(l->uses[i].storage, poison);
    return true;
  }
  gk_error error;
  // The module's own use is what sets its variables, which comes before.
  if (!gk_stream_begin(stream, l->use_count + 1, l->uses, "launch", &error))
    return gk_fail_error(iso, &error);
  iso->ran_queued++;
  gk_call call = {.op = GK_OP_LAUNCH, .family = GK_FAMILY_LAUNCH, .launch = l};
  gk_status status = stream->device->api->run(stream, &call, &error);
  gk_module_mark(l->module, gk_stream_next(stream));
  gk_stream_end(stream, l->use_count, l->uses);
  return status == GK_OK || gk_fail_error(iso, &error);
}

uint32_t gk_kernel_launch(uint32_t ctx, uint32_t module, uint32_t number, uint32_t arguments,
                          uint32_t stream) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_isolate *iso = c->isolate;
  check x = {.iso = iso};
  x.kernel = find(iso, module, number, "launch", &x.module);
  if (!x.kernel) return (uint32_t)iso->out->status;
  if (arguments > GK_MAX_ARGUMENTS) {
    gk_fail(iso, GK_ARGUMENT, "launch: %s got %u arguments, %d are the most", x.kernel->name,
            arguments, GK_MAX_ARGUMENTS);
    return GK_ARGUMENT;
  }
  gk_argument given_arguments[GK_MAX_ARGUMENTS];
  gk_use uses[GK_MAX_ARGUMENTS + 1];
  const uint32_t *in = iso->in_u32;
  gk_launch l = {.module = x.module,
                 .kernel = x.kernel,
                 .grid = {in[0], in[1], in[2]},
                 .block = {in[3], in[4], in[5]},
                 .shared = in[6],
                 .count = (int)arguments,
                 .arguments = given_arguments,
                 .uses = uses};
  gk_error error;
  gk_stream *s = stream == 0 && (!c->stream || c->stream->device != x.module->device)
                     ? gk_stream_default(iso, x.module->device, &error)
                     : gk_stream_find(c, stream, "launch");
  if (!s && stream == 0) gk_fail_error(iso, &error);
  if (!s) return (uint32_t)iso->out->status;
  if (s->device != x.module->device) {
    gk_fail(iso, GK_DEVICE, "launch: %s is a kernel of %s, the stream is of %s", x.kernel->name,
            x.module->device->name, s->device->name);
    return GK_DEVICE;
  }
  if (!check_sizes(&x, &l) || !take_arguments(&x, &l)) return (uint32_t)iso->out->status;
  bool ok;
  if (iso->recording) {
    gk_call call = {.op = GK_OP_LAUNCH, .family = GK_FAMILY_LAUNCH, .launch = &l};
    ok = gk_graph_record(iso, s, &call, NULL);
  } else {
    ok = launch_now(iso, s, &l);
  }
  return ok ? GK_OK : (uint32_t)iso->out->status;
}

// ---- launches that a graph keeps

gk_launch *gk_launch_keep(const gk_launch *l) {
  size_t structs = 0; // rounded up: a driver reads them as their type
  for (int i = 0; i < l->count; i++)
    if (l->arguments[i].bytes) structs += (l->kernel->parameters[i].bytes + 15u) & ~(size_t)15;
  const size_t arguments_at = (sizeof *l + 15) & ~(size_t)15;
  const size_t uses_at = arguments_at + (size_t)l->count * sizeof *l->arguments;
  const size_t structs_at =
      (uses_at + (size_t)(l->use_count + 1) * sizeof *l->uses + 15) & ~(size_t)15;
  char *memory = malloc(structs_at + structs);
  if (!memory) return NULL;
  gk_launch *kept = (gk_launch *)(void *)memory;
  *kept = *l;
  kept->arguments = (gk_argument *)(void *)(memory + arguments_at);
  kept->uses = (gk_use *)(void *)(memory + uses_at);
  char *bytes = memory + structs_at;
  for (int i = 0; i < l->count; i++) {
    kept->arguments[i] = l->arguments[i];
    if (!l->arguments[i].bytes) continue;
    const uint32_t n = l->kernel->parameters[i].bytes;
    memcpy(bytes, l->arguments[i].bytes, n);
    kept->arguments[i].bytes = bytes;
    bytes += (n + 15u) & ~15u;
  }
  for (int i = 0; i <= l->use_count; i++) {
    kept->uses[i] = l->uses[i];
    gk_storage_retain(l->uses[i].storage);
  }
  gk_module_retain(l->module);
  return kept;
}

void gk_launch_release(gk_launch *l, gk_storage_cache *cache) {
  for (int i = 0; i <= l->use_count; i++) gk_storage_release(l->uses[i].storage, cache);
  gk_module_release(l->module);
  free(l);
}
