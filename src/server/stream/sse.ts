/** Server-sent events on Node's own response: what was set on the reply goes out first, a slow reader is waited for. */
import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import { asTaraError } from '../../errors.js';
import { errorBody } from '../errors.js';

const event = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`;

/**
 * Sends each object as one event, then `[DONE]`. The head is sent with the first of them: an error before it is the
 * caller's to answer with a status, one after it becomes an event. `signal` fires when the reader has gone.
 */
export async function sendEvents(reply: FastifyReply, events: AsyncIterable<unknown>, signal: AbortSignal): Promise<void> {
  const iterator = events[Symbol.asyncIterator]();
  const first = await iterator.next();
  const { raw } = reply;
  reply.hijack();
  raw.writeHead(200, { ...headersOf(reply), 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', 'x-accel-buffering': 'no' });
  try {
    for (let next = first; next.done !== true; next = await iterator.next()) {
      if (!raw.write(event(next.value))) await once(raw, 'drain', { signal });
    }
    raw.write('data: [DONE]\n\n');
  } catch (thrown) {
    if (!signal.aborted) raw.write(event(errorBody(asTaraError(thrown))));
  } finally {
    await iterator.return?.().catch(() => undefined);
    raw.end();
  }
}

const headersOf = (reply: FastifyReply): Record<string, number | string | string[]> =>
  Object.fromEntries(Object.entries(reply.getHeaders()).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
