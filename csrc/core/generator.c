// Random generators: a Philox key and the counter of the next block. Numbers are drawn when an op is
// submitted (a graph: launched), so that they do not depend on when it runs.
#include <stdlib.h>

#include "rules.h"

gk_generator *gk_generator_make(uint64_t key) {
  gk_generator *g = calloc(1, sizeof *g);
  if (!g) return NULL;
  atomic_store(&g->references, 1);
  g->key = key;
  return g;
}

void gk_generator_release(gk_generator *g) {
  if (atomic_fetch_sub(&g->references, 1) == 1) free(g);
}

void gk_generator_draw(gk_generator *generator, gk_call *call) {
  int per_block = gk_dtypes[call->out[0]->dtype].size == 8 ? 2 : 4;
  call->key = generator->key;
  call->counter = generator->counter;
  generator->counter += (uint64_t)((call->size + per_block - 1) / per_block);
}

uint32_t gk_generator_create(uint32_t ctx, uint32_t seed_low, uint32_t seed_high) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_generator *g = gk_generator_make((uint64_t)seed_high << 32 | seed_low);
  uint32_t handle = g ? gk_object_add(c->isolate, GK_GENERATOR, g) : 0;
  if (handle) return handle;
  free(g);
  return gk_fail(c->isolate, GK_OUT_OF_MEMORY, "generator: no memory for another one");
}

uint32_t gk_generator_seed(uint32_t ctx, uint32_t generator, uint32_t seed_low,
                           uint32_t seed_high) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_generator *g =
      generator ? gk_object_get(c->isolate, generator, GK_GENERATOR) : c->isolate->generator;
  if (!g) {
    gk_fail(c->isolate, GK_DISPOSED, "seed: the generator is disposed");
    return GK_DISPOSED;
  }
  g->key = (uint64_t)seed_high << 32 | seed_low;
  g->counter = 0;
  return GK_OK;
}

uint32_t gk_generator_dispose(uint32_t ctx, uint32_t generator) {
  gk_context *c = gk_context_get(ctx);
  gk_generator *g = c ? gk_object_get(c->isolate, generator, GK_GENERATOR) : NULL;
  if (!g) return 0;
  gk_object_remove(c->isolate, generator);
  gk_generator_release(g);
  return 1;
}
