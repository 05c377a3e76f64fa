/** Clients that go away, and a server that ends. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import Fastify from 'fastify';
import { taraServer } from '../../src/server/index.js';
import { temporaryFolder } from '../engine/setup.js';
import { writeChainModel } from '../support/tiny-model.js';
import { BARE, closeServers, events, post, start } from './support.js';

const folder = temporaryFolder();
closeServers();
let path = '';
beforeAll(async () => {
  path = await writeChainModel(join(folder.path, 'abc.gguf'), 'abc', { loop: true });
});
const endless = { prompt: 'x', temperature: 0, max_tokens: 2000, stream: true };
const load = { slots: 1, contextSize: 2048, threads: 1 };
const processing = async (server: { readonly url: string }) => /^tara_requests_processing (\d+)$/m.exec(await (await fetch(`${server.url}/metrics`)).text())?.[1];

describe('a client that goes away', () => {
  it('while a stream runs, or before an answer, frees its slot', async () => {
    const server = await start(path, { load });
    for (const stream of [true, false]) {
      const controller = new AbortController();
      const asked = fetch(`${server.url}/v1/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...endless, stream }), signal: controller.signal });
      if (stream) await (await asked).body?.getReader().read();
      else await expect.poll(() => processing(server)).toBe('1');
      controller.abort();
      await asked.then((response) => response.text()).catch(() => undefined);
      await expect.poll(() => processing(server), { timeout: 5000 }).toBe('0');
    }
    expect((await post(server, '/v1/completions', { prompt: 'x', max_tokens: 3, temperature: 0 })).status).toBe(200);
  });

  it('mixes no answers: many at once, some of them cut off', async () => {
    const server = await start(path, { load: { ...load, slots: 8, contextSize: 256 } });
    const all = await Promise.all(Array.from({ length: 60 }, async (_, index) => {
      const length = 3 + (index * 7) % 40;
      const controller = new AbortController();
      const response = await fetch(`${server.url}/v1/completions`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, signal: controller.signal, body: JSON.stringify({ ...endless, prompt: ['x', 'a', 'b'][index % 3], max_tokens: length }),
      });
      if (index % 5 === 0) {
        controller.abort();
        await response.text().catch(() => undefined);
        return true;
      }
      const text = (await events<{ choices: { text: string }[] }>(response)).map(({ choices }) => choices[0]?.text ?? '').join('');
      return text === 'abc'.repeat(20).slice(index % 3).slice(0, length);
    }));
    expect(all).toEqual(all.map(() => true));
    await expect.poll(() => processing(server), { timeout: 5000 }).toBe('0');
  });
});

describe('the end of a server', () => {
  it('lets requests under way end, and takes no new ones', async () => {
    const server = await start(path, { load });
    const running = await post(server, '/v1/completions', { ...endless, max_tokens: 300 });
    const closed = server.close();
    const text = (await events<{ choices: { text: string }[] }>(running)).map(({ choices }) => choices[0]?.text ?? '').join('');
    expect(text).toBe('abc'.repeat(100));
    await closed;
    await expect(fetch(`${server.url}/health`)).rejects.toThrow();
  });

  it('waits no longer than it was told', async () => {
    const server = await start(path, { load, drainMs: 50 });
    const running = await post(server, '/v1/completions', { ...endless, ignore_eos: true });
    await server.close();
    const parts = await events<{ choices?: { finish_reason: string | null }[] }>(running);
    expect(parts.some(({ choices }) => choices?.[0]?.finish_reason === 'length')).toBe(false);
  });

  it('refuses a port that is taken, and a model that is none', async () => {
    const server = await start(path, { load });
    await expect(start(path, { load, port: Number(new URL(server.url).port) })).rejects.toMatchObject({ code: 'TARA_LISTEN' });
    await expect(start(join(folder.path, 'none.gguf'), { load })).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
  });
});

describe('a Fastify app of somebody else', () => {
  it('mounts the endpoints below a prefix, beside its own', async () => {
    const app = Fastify();
    app.get('/own', () => ({ own: true }));
    await app.register(taraServer, { prefix: '/llm', path, load, plugins: BARE });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    expect(await (await fetch(`${url}/own`)).json()).toEqual({ own: true });
    expect(await (await post({ url }, '/llm/v1/completions', { prompt: 'x', temperature: 0, max_tokens: 3 })).json()).toMatchObject({ choices: [{ text: 'abc' }] });
    const refused = await post({ url }, '/llm/v1/completions', {});
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param: 'prompt' } }]);
    await app.close();
  });
});
