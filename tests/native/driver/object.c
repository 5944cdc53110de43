// Handles: a slot of one table and the slot's generation, so that a handle whose object is gone, or is of
// another kind, is never followed.
#include <stdlib.h>

#include "state.h"

#define MAX_OBJECTS (1u << 20)
#define KIND_BITS 4
#define SLOT_BITS 20

typedef struct slot {
  object *object;
  uint32_t generation;
  object_kind kind;
  uint32_t next_free;
} slot;

static slot *slots; // slots[0] stays empty
static uint32_t slots_used = 1, slots_room, first_free;
static uint64_t live[KINDS];

static bool make_room(void) {
  if (slots_used < slots_room) return true;
  const uint32_t room = slots_room == 0 ? 256 : slots_room * 2;
  if (room > MAX_OBJECTS) return false;
  slot *grown = realloc(slots, room * sizeof *slots);
  if (grown == NULL) return false;
  slots = grown;
  slots_room = room;
  return true;
}

void *object_new(object_kind kind, size_t bytes, context *c) {
  if (first_free == 0 && !make_room()) return NULL;
  object *o = calloc(1, bytes);
  if (o == NULL) return NULL;
  uint32_t at = first_free;
  if (at != 0) {
    first_free = slots[at].next_free;
  } else {
    at = slots_used++;
    slots[at].generation = 0;
  }
  slot *s = &slots[at];
  s->object = o;
  s->kind = kind;
  s->generation++;
  live[kind]++;
  o->slot = at;
  o->context = c;
  o->handle = (void *)((uintptr_t)s->generation << (SLOT_BITS + KIND_BITS) |
                       (uintptr_t)at << KIND_BITS | (uintptr_t)kind);
  return o;
}

void *object_find(const void *handle, object_kind kind) {
  const uintptr_t bits = (uintptr_t)handle;
  const uint32_t at = bits >> KIND_BITS & (MAX_OBJECTS - 1);
  if (at == 0 || at >= slots_used || slots[at].kind != kind) return NULL;
  return slots[at].object->handle == handle ? slots[at].object : NULL;
}

void object_forget(object *o) {
  slot *s = &slots[o->slot];
  live[s->kind]--;
  s->kind = KIND_FREE;
  s->object = NULL;
  s->next_free = first_free;
  first_free = o->slot;
  o->handle = NULL;
}

void *object_next(object_kind kind, uint32_t *at) {
  for (uint32_t i = *at == 0 ? 1 : *at; i < slots_used; i++) {
    if (slots[i].kind != kind) continue;
    *at = i + 1;
    return slots[i].object;
  }
  return NULL;
}

uint64_t object_count(object_kind kind) { return live[kind]; }
