/** The API as plain requests see it: models whose every token is known. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TaraServer } from '../../src/server/index.js';
import { temporaryFolder } from '../engine/setup.js';
import { byteToken, writeChainModel, writeTinyModel } from '../support/tiny-model.js';
import { closeServers, events, post, start } from './support.js';

const folder = temporaryFolder();
closeServers();
let server: TaraServer;
beforeAll(async () => {
  server = await start(await writeChainModel(join(folder.path, 'abc.gguf'), 'abc'), { embeddingModel: await writeTinyModel(join(folder.path, 'words.gguf'), { causal: false }), aliases: ['gpt-4o-mini'] });
});

const user = [{ role: 'user', content: 'Say it' }];
interface Choice { readonly index: number; readonly text: string; readonly finish_reason: string | null; readonly message: { readonly content: string } }
interface Answer { readonly choices: Choice[]; readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number } }
const json = async (response: Response): Promise<Answer> => await response.json() as Answer;

describe('chat completions', () => {
  it('answer in OpenAI\'s form', async () => {
    const answer = await json(await post(server, '/v1/chat/completions', { model: 'abc.gguf', messages: user, temperature: 0 }));
    expect(answer).toMatchObject({ object: 'chat.completion', model: 'abc.gguf', choices: [{ index: 0, message: { role: 'assistant', content: 'abc' }, finish_reason: 'stop', logprobs: null }] });
    expect(answer.usage.total_tokens).toBe(answer.usage.prompt_tokens + answer.usage.completion_tokens);
    expect(answer.usage.completion_tokens).toBe(4);
  });

  it('take default, an alias, and no model at all', async () => {
    for (const model of ['default', 'gpt-4o-mini', undefined, null]) {
      expect((await json(await post(server, '/v1/chat/completions', { model, messages: user, temperature: 0 }))).choices[0]?.message.content).toBe('abc');
    }
  });

  it('stream: a role, the text, an end, the usage', async () => {
    const response = await post(server, '/v1/chat/completions', { messages: user, temperature: 0, stream: true, stream_options: { include_usage: true } });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const chunks = await events<{ choices: { delta: { role?: string; content?: string }; finish_reason: string | null }[]; usage: unknown }>(response);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: null });
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('abc');
    expect(chunks.at(-2)?.choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 4 } });
  });

  it('end at max_tokens and at a stop string; give n choices', async () => {
    const ask = async (more: object) => (await json(await post(server, '/v1/chat/completions', { messages: user, temperature: 0, ...more }))).choices;
    expect(await ask({ max_completion_tokens: 2 })).toMatchObject([{ message: { content: 'ab' }, finish_reason: 'length' }]);
    expect(await ask({ stop: 'c' })).toMatchObject([{ message: { content: 'ab' }, finish_reason: 'stop' }]);
    expect(await ask({ n: 3 })).toMatchObject([0, 1, 2].map((index) => ({ index, message: { content: 'abc' } })));
  });

  it('tell log-probabilities of each token with alternatives', async () => {
    const answer = await json(await post(server, '/v1/chat/completions', { messages: user, temperature: 0, max_tokens: 2, logprobs: true, top_logprobs: 2 }));
    const { content } = (answer.choices[0] as unknown as { logprobs: { content: { token: string; logprob: number; bytes: number[]; top_logprobs: { token: string; logprob: number }[] }[] } }).logprobs;
    expect(content.map(({ token }) => token)).toEqual(['a', 'b']);
    for (const { token, logprob, bytes, top_logprobs: top } of content) {
      expect(bytes).toEqual([...Buffer.from(token)]);
      expect(top).toHaveLength(2);
      expect(top[0]).toMatchObject({ token, logprob });
      expect(top[1]?.logprob).toBeLessThan(logprob);
    }
  });

  it('join the text parts of a content, and refuse what is no text', async () => {
    const ask = (content: unknown) => post(server, '/v1/chat/completions', { messages: [{ role: 'user', content }], temperature: 0 });
    expect((await json(await ask([{ type: 'text', text: 'Say' }, { type: 'text', text: ' it' }]))).choices[0]?.message.content).toBe('abc');
    const refused = await ask([{ type: 'image_url', image_url: { url: 'data:,' } }]);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: { type: 'invalid_request_error', param: 'messages.0.content.0.type', code: 'TARA_REQUEST_INVALID' } });
  });
});

describe('auto', () => {
  const metric = async (from: TaraServer, name: string): Promise<number> => Number(new RegExp(`^tara_${name} (\\S+)$`, 'm').exec(await (await fetch(`${from.url}/metrics`)).text())?.[1]);

  it('says again what the model would say again, and nothing that it might not', async () => {
    const ask = async (more: object) => (await json(await post(server, '/v1/chat/completions', { model: 'auto', messages: user, ...more }))).choices[0]?.message.content;
    const before = await metric(server, 'answers_reused');
    expect([await ask({ temperature: 0 }), await ask({ temperature: 0 })]).toEqual(['abc', 'abc']);
    expect(await metric(server, 'answers_reused')).toBe(before + 1);
    expect([await ask({ temperature: 1 }), await ask({ temperature: 1 })]).toEqual(['abc', 'abc']);
    expect(await metric(server, 'answers_reused')).toBe(before + 1);
  });

  it('answers from replicas of a model as from one', async () => {
    const several = await start(await writeChainModel(join(folder.path, 'xyz.gguf'), 'xyz'), { replicas: 3 });
    const answers = await Promise.all(Array.from({ length: 24 }, async (_, index) =>
      (await json(await post(several, '/v1/chat/completions', { model: index % 2 === 0 ? 'auto' : 'default', messages: [{ role: 'user', content: `Say it ${index}` }], temperature: 0 }))).choices[0]?.message.content));
    expect(answers).toEqual(Array(24).fill('xyz'));
    expect(await metric(several, 'models_loaded')).toBeGreaterThan(1);
    expect(await metric(several, 'replica_failures')).toBe(0);
  });
});

describe('completions', () => {
  it('continue text, token ids, and several prompts', async () => {
    const ask = async (prompt: unknown, more: object = {}) => (await json(await post(server, '/v1/completions', { prompt, temperature: 0, ...more }))).choices;
    expect(await ask('a')).toMatchObject([{ text: 'bc', finish_reason: 'stop' }]);
    expect(await ask([byteToken(97)])).toMatchObject([{ text: 'bc' }]);
    expect(await ask(['a', 'b'], { n: 2 })).toMatchObject(['bc', 'bc', 'c', 'c'].map((text, index) => ({ index, text })));
    expect(await ask([[byteToken(97)], [byteToken(98)]])).toMatchObject([{ text: 'bc' }, { text: 'c' }]);
  });

  it('stream with log-probabilities and offsets', async () => {
    const chunks = await events<{ choices: Choice & { logprobs: { tokens: string[]; text_offset: number[] } | null }[] }>(await post(server, '/v1/completions', { prompt: 'x', temperature: 0, stream: true, logprobs: 1 }));
    const parts = chunks.flatMap(({ choices }) => choices[0]?.logprobs ?? []);
    expect(parts.flatMap(({ tokens }) => tokens).slice(0, 3)).toEqual(['a', 'b', 'c']);
    expect(parts.flatMap(({ text_offset: offset }) => offset).slice(0, 3)).toEqual([0, 1, 2]);
  });
});

describe('embeddings', () => {
  const ask = async (body: object) => await (await post(server, '/v1/embeddings', body)).json() as { data: { embedding: number[] | string; index: number }[]; usage: { prompt_tokens: number }; model: string };

  it('are the same as floats and in base64, from text and from its tokens', async () => {
    const floats = await ask({ input: ['hell', 'no'] });
    expect(floats).toMatchObject({ model: 'words.gguf', data: [{ index: 0, object: 'embedding' }, { index: 1 }] });
    const packed = await ask({ input: 'hell', encoding_format: 'base64', model: 'words.gguf' });
    const bytes = Buffer.from(packed.data[0]?.embedding as string, 'base64');
    expect([...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)]).toEqual(floats.data[0]?.embedding);
    expect(packed.usage.prompt_tokens).toBeGreaterThan(0);
    const vector = floats.data[0]?.embedding as number[];
    expect(Math.hypot(...vector)).toBeCloseTo(1, 4);
  });

  it('refuse another number of dimensions, and models that give none', async () => {
    const refused = await post(server, '/v1/embeddings', { input: 'x', dimensions: 7 });
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param: 'dimensions' } }]);
    expect((await post(server, '/v1/embeddings', { input: 'x', dimensions: 64 })).status).toBe(200);
    expect((await post(server, '/v1/chat/completions', { model: 'words.gguf', messages: user })).status).toBe(400);
    expect((await post(server, '/v1/embeddings', { model: 'auto', input: 'x' })).status).toBe(400);
  });
});

describe('what is asked wrongly', () => {
  const refused = async (body: unknown, path = '/v1/chat/completions') => {
    const response = await post(server, path, body);
    return { status: response.status, ...(await response.json() as { error: { param: string | null; code: string; message: string; type: string } }).error };
  };

  it('is answered in OpenAI\'s error form, naming the parameter', async () => {
    expect(await refused({ messages: user, model: 'gpt-9' })).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
    expect(await refused('{')).toMatchObject({ status: 400, type: 'invalid_request_error' });
    expect(await refused({ messages: [] })).toMatchObject({ status: 400, param: 'messages' });
    expect(await refused({ messages: user, temperature: -1 })).toMatchObject({ status: 400, param: 'temperature' });
    expect(await refused({ messages: user, n: 0 })).toMatchObject({ status: 400, param: 'n' });
    expect(await refused({ messages: [{ role: 'wizard', content: 'x' }] })).toMatchObject({ status: 400, param: 'messages.0.role' });
    expect(await refused({ prompt: 'x', model: 'auto' }, '/v1/completions')).toMatchObject({ status: 400, param: 'model' });
    expect(await refused({ prompt: 'a'.repeat(4000) }, '/v1/completions')).toMatchObject({ status: 400, code: 'context_length_exceeded' });
    expect(await refused({ prompt: [99_999_999] }, '/v1/completions')).toMatchObject({ status: 400 });
    expect(await refused({ messages: user, stream: true, model: 'gpt-9' })).toMatchObject({ status: 404 });
  });

  it('is passed over where nobody knows the field', async () => {
    const body = `{"prompt": "a", "temperature": 0, "__proto__": {"n": 0}, "constructor": {"prototype": {}}, "other": 1}`;
    expect((await json(await post(server, '/v1/completions', body))).choices).toMatchObject([{ text: 'bc' }]);
  });

  it('gets 404 where there is nothing, 405 with the methods that there are, 413 for too much', async () => {
    expect((await fetch(`${server.url}/v1/nothing`)).status).toBe(404);
    const wrong = await fetch(`${server.url}/v1/chat/completions`);
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
    for (const [method, path, status] of [['POST', '/v1/nothing', 404], ['QUERY', '/v1/models', 405], ['GET', '/v1/%zz', 400], ['GET', '/%', 400]] as const) {
      const response = await fetch(`${server.url}${path}`, { method, ...(method === 'POST' ? { headers: { 'content-type': 'application/json' }, body: '{' } : {}) });
      expect([path, response.status, await response.json()]).toMatchObject([path, status, { error: { type: 'invalid_request_error' } }]);
    }
    const small = await start(join(folder.path, 'abc.gguf'), { bodyLimit: 100 });
    const long = await post(small, '/v1/completions', { prompt: 'a'.repeat(200) });
    expect([long.status, await long.json()]).toMatchObject([413, { error: { code: 'TARA_BODY_TOO_LARGE' } }]);
  });
});

describe('who may ask', () => {
  it('needs a key for all but the health check', async () => {
    const closed = await start(join(folder.path, 'abc.gguf'), { apiKeys: ['one', 'two'] });
    for (const path of ['/v1/models', '/metrics']) expect((await fetch(`${closed.url}${path}`)).status).toBe(401);
    expect((await fetch(`${closed.url}/health`)).status).toBe(200);
    const wrong = await post(closed, '/v1/completions', { prompt: 'a' }, { authorization: 'Bearer three' });
    expect([wrong.status, await wrong.json()]).toMatchObject([401, { error: { code: 'invalid_api_key', type: 'authentication_error' } }]);
    expect((await post(closed, '/v1/completions', { prompt: 'a', temperature: 0 }, { authorization: 'Bearer two' })).status).toBe(200);
  });

  it('may not ask more often than is allowed', async () => {
    const slow = await start(join(folder.path, 'abc.gguf'), { rateLimit: { requests: 2, seconds: 60 } });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await fetch(`${slow.url}/v1/models`)).status);
    expect(statuses).toEqual([200, 200, 429]);
    const refused = await fetch(`${slow.url}/v1/models`);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ error: { code: 'rate_limit_exceeded', type: 'rate_limit_error' } });
    expect((await fetch(`${slow.url}/health`)).status).toBe(200);
  });

  it('from a browser only where its page is allowed', async () => {
    const origin = { origin: 'https://app.example' };
    expect((await fetch(`${server.url}/v1/models`, { headers: origin })).headers.get('access-control-allow-origin')).toBeNull();
    const shared = await start(join(folder.path, 'abc.gguf'), { corsOrigins: ['https://app.example'] });
    expect((await fetch(`${shared.url}/v1/models`, { headers: origin })).headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect((await post(shared, '/v1/completions', { prompt: 'a', stream: true, max_tokens: 1 }, origin)).headers.get('access-control-allow-origin')).toBe('https://app.example');
  });
});
