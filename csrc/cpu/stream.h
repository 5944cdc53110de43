// The CPU's streams: a queue of commands each, worked off in order by a thread of its own or by
// whoever waits for it.
#ifndef GK_CPU_STREAM_H
#define GK_CPU_STREAM_H

#include "../core/device.h"

bool gk_cpu_stream_open(gk_stream *stream, gk_error *error);
void gk_cpu_stream_close(gk_stream *stream);
void gk_cpu_stream_enqueue(gk_stream *stream, gk_command *command);
void gk_cpu_stream_wait(gk_stream *stream, uint64_t sequence);

#endif
