// What the tiles before one have come to, in one pass over memory and in an order that follows from their
// number alone. GK_SCAN_GROUP tiles are a group, as many groups a large one. Each tile says what it comes to
// itself; the last of a group what the group does; the last of a large group what all of the line up to
// there does. A tile puts together what is said by the tiles of its group before it, by the groups
// of its large group before that, and by the large group before.
//
// Nobody waits for a tile with a higher ticket, so all come to an end. States are said in words of 64 bits:
// 32 bits of the state and one that tells it from the 0 before. Each of them is complete by itself, so no
// fence is needed.
#pragma once

#include "scan_fold.cuh"

#if defined(__CUDACC__)
#define GK_FLAT _Pragma("unroll 1")
#else
#define GK_FLAT
#endif

template <class State> constexpr int gk_state_words = sizeof(State) / 4;

// A state from another lane: from `by` lanes below, or from lane `source`.
template <class State> GK_INLINE State gk_state_below(State x, int by) {
  uint32_t word[gk_state_words<State>];
  memcpy(word, &x, sizeof x);
  GK_UNROLL
  for (int i = 0; i < gk_state_words<State>; i++) word[i] = __shfl_up_sync(~0u, word[i], by);
  memcpy(&x, word, sizeof x);
  return x;
}
template <class State> GK_INLINE State gk_state_of_lane(State x, int source) {
  uint32_t word[gk_state_words<State>];
  memcpy(word, &x, sizeof x);
  GK_UNROLL
  for (int i = 0; i < gk_state_words<State>; i++) word[i] = __shfl_sync(~0u, word[i], source);
  memcpy(&x, word, sizeof x);
  return x;
}

// Lane `along` of `lanes` neighbours, a power of two: all up to its own.
template <class Fold>
GK_INLINE typename Fold::State gk_scan_lanes(typename Fold::State s, int along, int lanes) {
  GK_UNROLL
  for (int by = 1; by < 32; by *= 2) {
    if (by >= lanes) break;
    const typename Fold::State below = gk_state_below(s, by);
    if (along >= by) s = Fold::combine(below, s);
  }
  return s;
}

template <class State> GK_INLINE void gk_state_say(uint64_t *at, int64_t index, State s) {
  volatile uint64_t *to = at + index * gk_state_words<State>;
  uint32_t word[gk_state_words<State>];
  memcpy(word, &s, sizeof s);
  GK_UNROLL
  for (int i = 0; i < gk_state_words<State>; i++) to[i] = (uint64_t)1 << 32 | word[i];
}
template <class State> GK_INLINE bool gk_state_hear(const uint64_t *at, int64_t index, State *s) {
  const volatile uint64_t *from = at + index * gk_state_words<State>;
  uint64_t said[gk_state_words<State>];
  uint32_t word[gk_state_words<State>], all = 1;
  GK_UNROLL
  for (int i = 0; i < gk_state_words<State>; i++) said[i] = from[i];
  GK_UNROLL
  for (int i = 0; i < gk_state_words<State>; i++) {
    word[i] = (uint32_t)said[i];
    all &= (uint32_t)(said[i] >> 32);
  }
  memcpy(s, word, sizeof *s);
  return all != 0;
}

// Called by the first warp of a block, for a tile that comes to `own`.
template <class Fold>
GK_INLINE typename Fold::State gk_scan_before(const gk_scan_arguments &a, uint32_t line,
                                              uint32_t tile, typename Fold::State own) {
  typedef typename Fold::State State;
  const uint32_t lane = threadIdx.x % 32;
  const uint32_t group = tile / GK_SCAN_GROUP, at = tile % GK_SCAN_GROUP;
  const uint32_t large = group / GK_SCAN_GROUP, group_at = group % GK_SCAN_GROUP;
  const int64_t tiles = (int64_t)line * a.tiles, groups = (int64_t)line * a.groups;
  const int64_t chain = (int64_t)line * a.chain;
  const bool ends_group = at == GK_SCAN_GROUP - 1;
  if (lane == 0) gk_state_say(a.tile_states, tiles + tile, own);

  // Groups have been there for long, as a rule: asked for first, waited for last.
  const int64_t my_tile = tiles + group * GK_SCAN_GROUP + lane;
  const int64_t my_group = groups + large * GK_SCAN_GROUP + lane;
  State from_tile = Fold::start(), from_group = Fold::start(), before = Fold::start();
  bool has_group = lane >= group_at || gk_state_hear(a.group_states, my_group, &from_group);
  bool has_chain = large == 0 || gk_state_hear(a.chain_states, chain + large, &before);
  GK_FLAT
  while (lane < at && !gk_state_hear(a.tile_states, my_tile, &from_tile)) continue;
  __syncwarp();
  State in_group = gk_scan_lanes<Fold>(lane == at ? own : from_tile, (int)lane, 32);
  const State group_total = gk_state_of_lane(in_group, GK_SCAN_GROUP - 1);
  if (ends_group && lane == 0) gk_state_say(a.group_states, groups + group, group_total);

  GK_FLAT
  while (!has_group) has_group = gk_state_hear(a.group_states, my_group, &from_group);
  GK_FLAT
  while (!has_chain) has_chain = gk_state_hear(a.chain_states, chain + large, &before);
  __syncwarp();
  if (lane == group_at && ends_group) from_group = group_total;
  State in_large = gk_scan_lanes<Fold>(from_group, (int)lane, 32);
  if (ends_group && lane == GK_SCAN_GROUP - 1 && group_at == GK_SCAN_GROUP - 1 &&
      large + 1 < a.chain)
    gk_state_say(a.chain_states, chain + large + 1, Fold::combine(before, in_large));

  in_large = gk_state_of_lane(in_large, group_at == 0 ? 0 : (int)group_at - 1);
  in_group = gk_state_of_lane(in_group, at == 0 ? 0 : (int)at - 1);
  if (group_at > 0) before = Fold::combine(before, in_large);
  if (at > 0) before = Fold::combine(before, in_group);
  return before;
}
