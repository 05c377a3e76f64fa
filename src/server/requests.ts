/** Requests under way: each has a signal that fires when its client has gone, and all of them are waited for when the server ends. */
import { once } from 'node:events';
import type { FastifyReply } from 'fastify';

export interface Requests {
  readonly draining: boolean;
  /** Runs `work` as a request. The signal also fires when the work has ended, so that nothing of it goes on, and for endless work when the server ends. */
  run<T>(reply: FastifyReply, endless: boolean, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Takes no new requests, waits until those under way are answered to the last byte, and aborts those that are left after so many milliseconds. */
  drain(ms: number): Promise<void>;
}

/** Milliseconds that aborted work gets to end in. */
const LAST_MS = 2000;

export function createRequests(): Requests {
  /** Until their responses are closed. */
  const open = new Map<AbortController, Promise<unknown>>();
  const endlessOnes = new Set<AbortController>();
  let draining = false;

  async function allClosed(ms: number): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), ms);
    await Promise.race([Promise.allSettled(open.values()), once(late.signal, 'abort')]);
    clearTimeout(timer);
  }

  return {
    get draining() { return draining; },
    async run(reply, endless, work) {
      const controller = new AbortController();
      const closed = new Promise<void>((resolve) => reply.raw.once('close', () => {
        controller.abort();
        open.delete(controller);
        endlessOnes.delete(controller);
        resolve();
      }));
      open.set(controller, closed);
      if (endless) endlessOnes.add(controller);
      try {
        return await work(controller.signal);
      } finally {
        controller.abort();
      }
    },
    async drain(ms) {
      draining = true;
      for (const controller of endlessOnes) controller.abort();
      await allClosed(ms);
      for (const controller of open.keys()) controller.abort();
      await allClosed(LAST_MS);
    },
  };
}
