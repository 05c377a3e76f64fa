/** The library behind a route handler `(request, response)`, as Node's own server and Express call one. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine, type Engine, type Model } from '../../src/engine/index.js';
import { temporaryFolder } from '../engine/setup.js';
import { writeChainModel } from '../support/tiny-model.js';

const folder = temporaryFolder();
let engine: Engine;
let model: Model;
let server: Server;
let url = '';

/** Streams an answer; who leaves ends it. */
async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const maxTokens = Number(new URL(request.url ?? '', 'http://local').searchParams.get('tokens'));
  try {
    for await (const { text } of model.generate('x', { temperature: 0, maxTokens, signal: gone.signal })) response.write(text);
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  }
  response.end();
}

beforeAll(async () => {
  engine = createEngine();
  model = await engine.load(await writeChainModel(join(folder.path, 'abc.gguf'), 'abc', { loop: true }), { slots: 2, threads: 1, contextSize: 2048 });
  server = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await engine.dispose();
});

describe('a route handler over the library', () => {
  it('streams to many at once', async () => {
    const texts = await Promise.all(Array.from({ length: 12 }, async () => (await fetch(`${url}/?tokens=90`)).text()));
    expect(texts).toEqual(Array(12).fill('abc'.repeat(30)));
  });

  it('ends what nobody reads any more', async () => {
    const controller = new AbortController();
    const before = model.stats().completionTokens;
    const responses = await Promise.all([1, 2].map(() => fetch(`${url}/?tokens=2000`, { signal: controller.signal })));
    await responses[0]?.body?.getReader().read();
    controller.abort();
    await expect.poll(() => [model.stats().active, model.stats().queued], { timeout: 5000 }).toEqual([0, 0]);
    expect(model.stats().completionTokens - before).toBeLessThan(2 * 2000);
    expect(await (await fetch(`${url}/?tokens=6`)).text()).toBe('abcabc');
  });
});
