/** /tokenize, /detokenize and /apply-template over a model whose tokens are bytes. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TaraServer } from '../../src/server/index.js';
import { temporaryFolder } from '../engine/setup.js';
import { byteToken, IM_END, IM_START, writeChainModel } from '../support/tiny-model.js';
import { closeServers, post, start } from './support.js';

const folder = temporaryFolder();
closeServers();
let server: TaraServer;
beforeAll(async () => {
  server = await start(await writeChainModel(join(folder.path, 'abc.gguf'), 'abc'));
});

const ask = async (path: string, body: object): Promise<Record<string, unknown>> => await (await post(server, path, body)).json() as Record<string, unknown>;
const bytesOf = (text: string): number[] => [...Buffer.from(text)].map(byteToken);

describe('/tokenize', () => {
  it('gives a text\'s tokens, control tokens among them unless it is told otherwise', async () => {
    expect(await ask('/tokenize', { content: 'xyz' })).toEqual({ tokens: bytesOf('xyz') });
    expect(await ask('/tokenize', { content: '<|im_start|>x<|im_end|>' })).toEqual({ tokens: [IM_START, byteToken(120), IM_END] });
    expect((await ask('/tokenize', { content: '<|im_end|>', parse_special: false })).tokens).not.toContain(IM_END);
    expect(await ask('/tokenize', { content: '' })).toEqual({ tokens: [] });
    expect(await ask('/tokenize', { content: '', add_special: true })).toEqual({ tokens: [] });
  });
});

describe('/detokenize', () => {
  it('gives back what was tokenized', async () => {
    for (const content of ['hello', 'żółć 你好 🙂', '<|im_start|>user\nx<|im_end|>', ' a  b\n']) {
      expect(await ask('/detokenize', await ask('/tokenize', { content }))).toEqual({ content });
    }
    expect(await ask('/detokenize', { tokens: [] })).toEqual({ content: '' });
  });

  it('refuses what the vocabulary has not', async () => {
    expect(await ask('/detokenize', { tokens: [100_000] })).toMatchObject({ error: { param: 'tokens' } });
    expect(await ask('/detokenize', { tokens: [-1] })).toMatchObject({ error: { param: 'tokens.0' } });
  });
});

describe('/apply-template', () => {
  const messages = [{ role: 'user', content: 'Say it' }];

  it('writes the messages as the model reads them', async () => {
    expect(await ask('/apply-template', { messages })).toEqual({ prompt: '<|im_start|>user\nSay it<|im_end|>\n<|im_start|>assistant\n' });
  });

  it('names tools where the template knows none', async () => {
    const { prompt } = await ask('/apply-template', { messages, tools: [{ type: 'function', function: { name: 'set_light', description: 'On or off' } }] });
    expect(prompt).toMatch(/^<\|im_start\|>system\n[\s\S]*set_light[\s\S]*On or off[\s\S]*<\|im_start\|>user\nSay it/);
  });
});

it.each(['/tokenize', '/detokenize', '/apply-template'])('%s knows only the models that there are', async (path) => {
  const response = await post(server, path, { model: 'none', content: 'x', tokens: [5], messages: [{ role: 'user', content: 'x' }] });
  expect([response.status, await response.json()]).toMatchObject([404, { error: { code: 'model_not_found', param: 'model' } }]);
});
