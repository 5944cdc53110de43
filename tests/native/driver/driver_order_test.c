// Random programs over streams and events, from several threads: whatever must come after something else
// does, in the order of its stream and behind the moments that events named when they were waited for.
// Lazy streams run the same programs. Then random allocations against a count of what a pool holds.
#include "driver_test.h"

enum { STREAMS = 5, EVENTS = 6, STEPS = 2000, MOST_AFTER = 1 + EVENTS, THREADS = 3 };

// A host function of a program: `place` is when it ran, `after` what must have run by then.
typedef struct step {
  _Atomic uint64_t place;
  struct step *after[MOST_AFTER];
  int after_count;
} step;

typedef struct program {
  pthread_t thread;
  gpu *g;
  uint64_t seed;
  step steps[STEPS];
  int misplaced, errors;
} program;

static _Atomic uint64_t clock_now;
static void take_place(void *value) { ((step *)value)->place = ++clock_now; }

static uint32_t draw(program *p, uint32_t below) {
  p->seed = p->seed * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(p->seed >> 33) % below;
}

typedef struct lane {
  CUstream stream;
  step *last;
  step *waits[EVENTS]; // since the last step
  int wait_count;
} lane;

static void submit(program *p, lane *l, step *s) {
  if (l->last != NULL) s->after[s->after_count++] = l->last;
  for (int i = 0; i < l->wait_count; i++) s->after[s->after_count++] = l->waits[i];
  l->wait_count = 0;
  l->last = s;
  p->errors += cuLaunchHostFunc(l->stream, take_place, s) != 0;
}

static void *run_program(void *value) {
  program *p = value;
  lane lanes[STREAMS] = {0};
  struct {
    CUevent event;
    step *named;
  } events[EVENTS] = {0};
  p->errors += cuCtxSetCurrent(p->g->context) != 0;
  for (int i = 0; i < STREAMS; i++) {
    p->errors += cuStreamCreateWithPriority(&lanes[i].stream, CU_STREAM_NON_BLOCKING, 0) != 0;
  }
  for (int i = 0; i < EVENTS; i++) p->errors += cuEventCreate(&events[i].event, 0) != 0;
  for (int used = 0; used < STEPS;) {
    lane *l = &lanes[draw(p, STREAMS)];
    const uint32_t e = draw(p, EVENTS), choice = draw(p, 100);
    if (choice < 55) {
      submit(p, l, &p->steps[used++]);
    } else if (choice < 75) {
      p->errors += cuEventRecord(events[e].event, l->stream) != 0;
      // With nothing before it but waits, the moment is theirs; one of them is enough to check.
      events[e].named = l->wait_count > 0 ? l->waits[0] : l->last;
    } else if (choice < 95 && l->wait_count < EVENTS) {
      p->errors += cuStreamWaitEvent(l->stream, events[e].event, 0) != 0;
      if (events[e].named != NULL) l->waits[l->wait_count++] = events[e].named;
    } else if (choice < 97) {
      p->errors += cuEventSynchronize(events[e].event) != 0;
      if (events[e].named != NULL) p->misplaced += events[e].named->place == 0;
    } else if (choice < 99) {
      const CUresult result = cuStreamQuery(l->stream);
      p->errors += result != 0 && result != CUDA_ERROR_NOT_READY;
      if (result == 0 && l->last != NULL) p->misplaced += l->last->place == 0;
    } else {
      // What waited goes on waiting for what the old stream still does.
      p->errors += cuEventRecord(events[e].event, l->stream) != 0;
      events[e].named = l->wait_count > 0 ? l->waits[0] : l->last;
      p->errors += cuStreamDestroy_v2(l->stream) != 0;
      *l = (lane){0};
      p->errors += cuStreamCreateWithPriority(&l->stream, CU_STREAM_NON_BLOCKING, 0) != 0;
    }
  }
  for (int i = 0; i < STREAMS; i++) {
    p->errors += cuStreamSynchronize(lanes[i].stream) != 0;
    p->errors += cuStreamDestroy_v2(lanes[i].stream) != 0;
  }
  for (int i = 0; i < EVENTS; i++) {
    p->errors += cuEventSynchronize(events[i].event) != 0;
    p->errors += cuEventDestroy_v2(events[i].event) != 0;
  }
  return NULL;
}

static void programs(void) {
  static program all[THREADS];
  gpu g = gpu_open(0, 0);
  for (int i = 0; i < THREADS; i++) {
    all[i].g = &g;
    all[i].seed = (uint64_t)i + 1;
    if (pthread_create(&all[i].thread, NULL, run_program, &all[i]) != 0) abort();
  }
  for (int i = 0; i < THREADS; i++) pthread_join(all[i].thread, NULL);
  // Destroyed streams may still be at work; with the context all of them are done.
  gpu_close(&g);
  for (int i = 0; i < THREADS; i++) {
    int missing = 0, early = 0, waits = 0;
    for (int s = 0; s < STEPS; s++) {
      const step *one = &all[i].steps[s];
      missing += one->place == 0;
      waits += one->after_count;
      for (int k = 0; k < one->after_count; k++) early += one->after[k]->place > one->place;
    }
    CHECKF(all[i].errors == 0, "%d calls failed", all[i].errors);
    CHECKF(all[i].misplaced == 0, "%d steps were not done when they should be", all[i].misplaced);
    CHECKF(missing == 0, "%d steps never ran", missing);
    CHECKF(early == 0, "%d of %d steps ran before what they wait for", early, waits);
    CHECK(waits > STEPS);
  }
  check_nothing_left();
}

static void allocations(void) {
  enum { PIECES = 40, LIMIT = 4 << 20 };
  gpu g = gpu_open(0, LIMIT);
  struct {
    CUdeviceptr address;
    size_t bytes;
    unsigned char value;
  } pieces[PIECES] = {0};
  size_t used = 0, bytes_used = 0;
  int refused = 0;
  for (int i = 0; i < 5000; i++) {
    const int k = (int)test_below(PIECES);
    if (pieces[k].address != 0) {
      unsigned char first, last;
      const CUdeviceptr end = pieces[k].address + pieces[k].bytes - 1;
      CHECK(cuMemcpyDtoHAsync_v2(&first, pieces[k].address, 1, g.stream) == 0);
      CHECK(cuMemcpyDtoHAsync_v2(&last, end, 1, g.stream) == 0);
      CHECK(first == pieces[k].value && last == pieces[k].value);
      CHECK(cuMemFreeAsync(pieces[k].address, g.stream) == 0);
      used -= (pieces[k].bytes + 511) / 512 * 512;
      bytes_used -= pieces[k].bytes;
      pieces[k].address = 0;
      continue;
    }
    pieces[k].bytes = (size_t)(1 + test_below(test_below(10) == 0 ? 1 << 20 : 100000));
    pieces[k].value = (unsigned char)i;
    const size_t wanted = used + (pieces[k].bytes + 511) / 512 * 512;
    const CUresult result =
        cuMemAllocFromPoolAsync(&pieces[k].address, pieces[k].bytes, g.pool, g.stream);
    CHECK(result == (wanted <= LIMIT ? 0 : CUDA_ERROR_OUT_OF_MEMORY));
    if (result != 0) {
      pieces[k].address = 0;
      refused++;
      continue;
    }
    used = wanted;
    bytes_used += pieces[k].bytes;
    CHECK(cuMemsetD8Async(pieces[k].address, pieces[k].value, pieces[k].bytes, g.stream) == 0);
    if (i % 64 == 0) {
      standin_counts_t counts;
      standin_counts(&counts);
      CHECK(counts.device_bytes == bytes_used);
    }
  }
  CHECK(refused > 0);
  for (int k = 0; k < PIECES; k++) {
    if (pieces[k].address != 0) CHECK(cuMemFreeAsync(pieces[k].address, g.stream) == 0);
  }
  uint64_t reserved = 1;
  CHECK(cuStreamSynchronize(g.stream) == 0);
  CHECK(cuMemPoolGetAttribute(g.pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &reserved) == 0);
  CHECK(reserved == 0);
  gpu_close(&g);
}

static const part parts[] = {
    {"programs", programs, ""},
    {"lazy_programs", programs, "STANDIN_LAZY=1"},
    {"allocations", allocations, ""},
    {0},
};

int main(int argc, char **argv) { return run_parts(parts, argc, argv); }
