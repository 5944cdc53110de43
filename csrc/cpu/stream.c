// A stream's queue. Its thread starts with the first queued command and sleeps while there is none.
// A thread that waits for the stream runs commands itself when nobody does: waking another one
// would take longer than many ops.
#include "stream.h"

#include <stdlib.h>

typedef struct queue {
  gk_mutex lock;
  gk_condition filled; // the thread waits for commands
  gk_condition advanced; // others wait for `completed`
  gk_command *first, **last;
  bool running; // somebody executes a command
  bool started; // the thread exists
  int waiters;
} queue;

bool gk_cpu_stream_open(gk_stream *stream, gk_error *error) {
  if (stream->impl) return true; // of a former owner: idle, its thread asleep
  queue *q = calloc(1, sizeof *q);
  if (!q) {
    gk_error_set(error, GK_OUT_OF_MEMORY, "stream: no memory for another stream");
    return false;
  }
  gk_mutex_init(&q->lock);
  gk_condition_init(&q->filled);
  gk_condition_init(&q->advanced);
  q->last = &q->first;
  stream->impl = q;
  return true;
}

// What is queued still runs; the thread sleeps until the stream is opened again.
void gk_cpu_stream_close(gk_stream *stream) { (void)stream; }

// Executes the first command; called and left with the lock held, nobody running.
static void step(gk_stream *stream, queue *q) {
  gk_command *command = q->first;
  q->first = command->next;
  if (!q->first) q->last = &q->first;
  q->running = true;
  gk_mutex_unlock(&q->lock);
  for (int i = 0; i < command->wait_count; i++) {
    gk_mark m = command->waits[i];
    if (!gk_mark_passed(m)) m.stream->device->api->stream_wait(m.stream, m.sequence);
  }
  if (command->execute) command->execute(command);
  uint64_t sequence = command->sequence;
  free(command);
  gk_mutex_lock(&q->lock);
  q->running = false;
  atomic_store_explicit(&stream->completed, sequence, memory_order_release);
  if (q->waiters) gk_condition_broadcast(&q->advanced);
}

static void work(void *value) {
  gk_stream *stream = value;
  queue *q = stream->impl;
  gk_mutex_lock(&q->lock);
  for (;;) {
    if (q->first && !q->running)
      step(stream, q);
    else
      gk_condition_wait(&q->filled, &q->lock);
  }
}

void gk_cpu_stream_enqueue(gk_stream *stream, gk_command *command) {
  queue *q = stream->impl;
  gk_mutex_lock(&q->lock);
  bool start = !q->started;
  q->started = true;
  command->next = NULL;
  *q->last = command;
  q->last = &command->next;
  gk_condition_signal(&q->filled);
  gk_mutex_unlock(&q->lock);
  // Without a thread the queue still runs when somebody waits for it.
  if (start && !gk_thread_start(work, stream)) {
    gk_mutex_lock(&q->lock);
    q->started = false;
    gk_mutex_unlock(&q->lock);
  }
}

void gk_cpu_stream_wait(gk_stream *stream, uint64_t sequence) {
  queue *q = stream->impl;
  gk_mutex_lock(&q->lock);
  q->waiters++;
  while (atomic_load_explicit(&stream->completed, memory_order_relaxed) < sequence) {
    if (q->first && !q->running)
      step(stream, q);
    else
      gk_condition_wait(&q->advanced, &q->lock);
  }
  q->waiters--;
  // Work behind `sequence` that nobody executes is the thread's again.
  if (q->first && !q->running) gk_condition_signal(&q->filled);
  gk_mutex_unlock(&q->lock);
}
