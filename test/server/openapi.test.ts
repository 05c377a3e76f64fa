/** What every address answers, held against the document that the server gives of itself, by a validator that knows nothing of our schemas. */
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootHost } from '../../src/boot.js';
import type { Host } from '../../src/kernel/host-types.js';
import { homeAt } from '../../src/phases/home.js';
import type { TaraServer } from '../../src/server/index.js';
import { temporaryFolder } from '../engine/setup.js';
import { writeTinyModel } from '../support/tiny-model.js';
import { closeServers, start, writeClosingModel } from './support.js';

const KEY = { authorization: 'Bearer secret' };
const folder = temporaryFolder();
closeServers();
let host: Host;
let server: TaraServer;
let described: Described;

interface Described {
  readonly document: Document;
  /** Why a response is not as it was described; undefined where it is. */
  check(path: string, method: string, response: Response): Promise<string | undefined>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, { readonly content: Readonly<Record<string, unknown>> }>> }>>>>;
}

/** What the schema of a type is about: a body, or each event of a stream. */
function bodiesIn(type: string, text: string): readonly unknown[] {
  if (type === 'application/json') return [JSON.parse(text)];
  if (type !== 'text/event-stream') return [text];
  return text.split('\n\n').filter((event) => event !== '').map((event) => Object.fromEntries(event.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2))) as object);
}

async function describedBy({ url }: TaraServer): Promise<Described> {
  const document = await (await fetch(`${url}/openapi.json`)).json() as Document;
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema(document, 'document');
  const pointer = (...parts: string[]) => `document#/${parts.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;
  return {
    document,
    async check(path, method, response) {
      const described = document.paths[path]?.[method]?.responses[response.status];
      if (described === undefined) return `status ${response.status} is not described: ${await response.text()}`;
      const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
      if (!(type in described.content)) return `${type} is not described for ${response.status}`;
      const text = await response.text();
      const validate = ajv.getSchema(pointer('paths', path, method, 'responses', String(response.status), 'content', type, 'schema'));
      const wrong = bodiesIn(type, text).find((body) => validate?.(body) !== true);
      return wrong === undefined ? undefined : `${ajv.errorsText(validate?.errors)} in ${JSON.stringify(wrong).slice(0, 500)}`;
    },
  };
}

beforeAll(async () => {
  host = await bootHost(homeAt(join(folder.path, 'state')), folder.path);
  await host.start();
  server = await start(await writeClosingModel(folder.path), { plugins: host, apiKeys: ['secret'], embeddingModel: await writeTinyModel(join(folder.path, 'words.gguf'), { causal: false }) });
  described = await describedBy(server);
});
afterAll(() => host.stop());

const user = [{ role: 'user', content: 'Say it' }];
const short = { messages: user, temperature: 0, max_tokens: 4 };
const tools = [{ type: 'function', function: { name: 'light', parameters: { type: 'object', properties: { on: { type: 'boolean' } }, required: ['on'] } } }];

/** Requests by address: a body and the status that it gets. */
const POSTS: Readonly<Record<string, readonly (readonly [body: unknown, status: number])[]>> = {
  '/v1/chat/completions': [
    [short, 200], [{ ...short, stream: true }, 200], [{ ...short, logprobs: true, top_logprobs: 3, n: 2 }, 200], [{ ...short, model: 'auto' }, 200],
    [{ messages: user, tools, tool_choice: 'required', max_tokens: 200, temperature: 0 }, 200], [{ ...short, response_format: { type: 'json_schema', json_schema: { schema: { type: 'boolean' } } } }, 200],
    [{ ...short, model: 'none' }, 404], [{ messages: [] }, 400], [{ ...short, grammar: 'root' }, 400], [{ ...short, json_schema: { $ref: '#/none' } }, 400], [{ messages: [{ role: 'user', content: 'x'.repeat(9 << 20) }] }, 413],
  ],
  '/v1/completions': [
    [{ prompt: 'a', max_tokens: 3 }, 200], [{ prompt: ['a', [5, 6]], max_tokens: 3, logprobs: 2 }, 200], [{ prompt: 'a', max_tokens: 3, stream: true }, 200],
    [{ prompt: '', max_tokens: 3 }, 200], [{ prompt: [] }, 400], [{ prompt: [2 ** 31 - 1] }, 400], [{ prompt: 'a', model: 'auto' }, 400], [{ prompt: 'a', model: 'words.gguf' }, 400],
  ],
  '/v1/embeddings': [
    [{ input: 'hell' }, 200], [{ input: ['hell', [5]], encoding_format: 'base64' }, 200], [{ input: 'x', model: 'none' }, 404], [{ input: [2 ** 31 - 1] }, 400], [{}, 400], [{ input: 'x', model: 'auto' }, 400],
  ],
  '/v1/route': [[{ text: 'My knee hurts', domains: ['health', 'business'] }, 200], [{ text: '' }, 400]],
  '/v1/emotion': [[{ text: 'I am so happy' }, 200], [{ text: 7 }, 400]],
  '/tokenize': [[{ content: 'hello' }, 200], [{ content: '' }, 200], [{}, 400], [{ content: 'x', model: 'none' }, 404]],
  '/detokenize': [[{ tokens: [5, 6] }, 200], [{ tokens: [] }, 200], [{ tokens: [2 ** 31 - 1] }, 400], [{ tokens: 'x' }, 400]],
  '/apply-template': [[{ messages: user, tools }, 200], [{ messages: [{ role: 'wizard', content: 'x' }] }, 400]],
};
const GETS = ['/v1/models', '/health', '/metrics', '/openapi.json', '/api/served', '/api/phases', '/api/releases', '/api/live'];
const ENDLESS = '/api/live/events';

describe('the document', () => {
  it('names every address that is tried here, and no other', () => {
    const named = Object.entries(described.document.paths).flatMap(([path, operations]) => Object.keys(operations).map((method) => `${method} ${path}`));
    expect(named.sort()).toEqual([...Object.keys(POSTS).map((path) => `post ${path}`), ...[...GETS, ENDLESS].map((path) => `get ${path}`)].sort());
  });

  const cases = Object.entries(POSTS).flatMap(([path, requests]) => requests.map(([body, status]) => ({ path, body, status, name: `${path} ${JSON.stringify(body).slice(0, 120)}: ${status}` })));
  it.each(cases)('$name', async ({ path, body, status }) => {
    const response = await fetch(`${server.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...KEY }, body: JSON.stringify(body) });
    expect(response.status).toBe(status);
    expect(await described.check(path, 'post', response)).toBeUndefined();
  });

  it.each(GETS)('%s', async (path) => {
    const response = await fetch(`${server.url}${path}`, { headers: KEY });
    expect(response.status).toBe(200);
    expect(await described.check(path, 'get', response)).toBeUndefined();
  });

  it('has events where no body ends', async () => {
    const controller = new AbortController();
    const response = await fetch(`${server.url}${ENDLESS}`, { headers: KEY, signal: controller.signal });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect(Object.keys(described.document.paths[ENDLESS]?.get?.responses['200']?.content ?? {})).toEqual(['text/event-stream']);
    controller.abort();
  });

  it('has what is no JSON, and what is of another type', async () => {
    for (const path of Object.keys(POSTS)) {
      for (const [type, body] of [['application/json', '{'], ['application/json', '[]'], ['application/json', ''], ['text/plain', 'hello'], ['application/xml', '<a/>']] as const) {
        const response = await fetch(`${server.url}${path}`, { method: 'POST', headers: { 'content-type': type, ...KEY }, body });
        expect(await described.check(path, 'post', response)).toBeUndefined();
      }
    }
  });

  it('has the refusal of everybody without a key', async () => {
    for (const [path, method] of [...Object.keys(POSTS).map((path) => [path, 'post'] as const), ...[...GETS, ENDLESS].map((path) => [path, 'get'] as const)]) {
      const response = await fetch(`${server.url}${path}`, { method, ...(method === 'post' ? { headers: { 'content-type': 'application/json' }, body: '{}' } : {}) });
      expect([path, response.status]).toEqual([path, ['/health', '/openapi.json'].includes(path) ? 200 : 401]);
      expect(await described.check(path, method, response)).toBeUndefined();
    }
  });

  it('has the refusal of those who ask too often', async () => {
    const slow = await start(join(folder.path, 'closing.gguf'), { rateLimit: { requests: 1, seconds: 60 } });
    const about = await describedBy(slow);
    await fetch(`${slow.url}/v1/models`);
    for (const [path, method] of [['/v1/models', 'get'], ['/tokenize', 'post']] as const) {
      const response = await fetch(`${slow.url}${path}`, { method });
      expect(response.status).toBe(429);
      expect(await about.check(path, method, response)).toBeUndefined();
    }
  });
});
