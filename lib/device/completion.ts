// Promises for work on streams. A request puts a ticket behind the work; finished tickets come
// through the isolate's ring. One wait is pending while promises are, and keeps the process alive.

import { check, lastError, native, rootId, u32, waitForTickets } from "./block.ts";

const SCHEDULED = 1;
const RAN_ALREADY = 2;
const WITHOUT_WAITING = -2;

const pending = new Map<number, () => void>();
let lastTicket = 0;
let isWaiting = false;

/** A number for a ticket that nobody waits for. */
export function newTicket(): number {
  do lastTicket = (lastTicket + 1) >>> 0; while (lastTicket === 0 || pending.has(lastTicket));
  return lastTicket;
}

/** Resolves when a ticket, for which the library was asked just now, comes through the ring. */
export function whenDelivered(ticket: number): Promise<void> {
  return new Promise((resolve) => {
    pending.set(ticket, resolve);
    if (!isWaiting) void waitAndDrain();
  });
}

/** Resolves when all that was submitted to the stream (0: the context's) so far has run. */
export function whenRun(context: number, stream: number, op: string): Promise<void> {
  const ticket = newTicket();
  const answer = native.gk_completion_request(context, stream, ticket);
  if (answer === RAN_ALREADY) return Promise.resolve();
  if (answer !== SCHEDULED) throw lastError(op);
  return whenDelivered(ticket);
}

/** The same; rejects with what the work left behind: a failed op or an index out of range. */
export async function whenDone(context: number, stream: number, op: string): Promise<void> {
  await whenRun(context, stream, op);
  check(native.gk_stream_synchronize(rootId, stream, WITHOUT_WAITING), op);
}

async function waitAndDrain(): Promise<void> {
  isWaiting = true;
  try {
    while (pending.size > 0) {
      await waitForTickets(rootId);
      const count = native.gk_completion_drain(rootId);
      for (const ticket of u32.slice(0, count)) {
        pending.get(ticket)?.();
        pending.delete(ticket);
      }
    }
  } finally {
    isWaiting = false;
  }
}
