/** Requests under way: each has a signal that fires when its client has gone, and all of them are waited for when the server ends. */
import type { FastifyReply } from 'fastify';

export interface Requests {
  readonly draining: boolean;
  readonly active: number;
  /** Runs `work` as a request. The signal also fires when the work has ended, so that nothing of it goes on, and for endless work when the server ends. */
  run<T>(reply: FastifyReply, endless: boolean, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Takes no new requests, waits for those under way, and aborts those that are left after so many milliseconds. */
  drain(ms: number): Promise<void>;
}

export function createRequests(): Requests {
  const running = new Set<AbortController>();
  const endlessOnes = new Set<AbortController>();
  let idle: (() => void) | undefined;
  let draining = false;

  return {
    get draining() { return draining; },
    get active() { return running.size; },
    async run(reply, endless, work) {
      const controller = new AbortController();
      const gone = () => controller.abort();
      running.add(controller);
      if (endless) endlessOnes.add(controller);
      reply.raw.once('close', gone);
      try {
        return await work(controller.signal);
      } finally {
        reply.raw.off('close', gone);
        controller.abort();
        running.delete(controller);
        endlessOnes.delete(controller);
        if (running.size === 0) idle?.();
      }
    },
    async drain(ms) {
      draining = true;
      for (const controller of endlessOnes) controller.abort();
      if (running.size === 0) return;
      const ended = new Promise<void>((resolve) => { idle = resolve; });
      const timer = setTimeout(() => { for (const controller of running) controller.abort(); }, ms);
      await ended;
      clearTimeout(timer);
    },
  };
}
