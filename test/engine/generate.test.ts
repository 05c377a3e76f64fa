/** Generation on models whose output is known. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type Chunk, type Model } from '../../src/engine/index.js';
import { byteToken, writeChainModel, writeTinyModel } from '../support/tiny-model.js';
import { temporaryFolder } from './setup.js';

const folder = temporaryFolder();
const engine = createEngine();
let random: Model;
let chain: Model;
let loop: Model;

/** Four, two, three and one byte: each character comes as one to four tokens. */
const SAID = '😀ñ世xyz.';
const ENDLESS = 'é😀abc';

beforeAll(async () => {
  random = await engine.load(await writeTinyModel(join(folder.path, 'random.gguf')), { slots: 4, contextSize: 512 });
  chain = await engine.load(await writeChainModel(join(folder.path, 'chain.gguf'), SAID), { contextSize: 256 });
  loop = await engine.load(await writeChainModel(join(folder.path, 'loop.gguf'), ENDLESS, { loop: true }), { contextSize: 256, slots: 2 });
});
afterAll(() => engine.dispose());

const collect = async (generation: AsyncIterable<Chunk>): Promise<Chunk[]> => {
  const chunks: Chunk[] = [];
  for await (const chunk of generation) chunks.push(chunk);
  return chunks;
};

describe('text', () => {
  test('characters arrive whole, and the model ends itself', async () => {
    const generation = chain.generate('hi', { temperature: 0 });
    const chunks = await collect(generation);
    // A fast model's tokens come a few at a time; the first character comes at once, and none is ever split.
    expect(chunks.map(({ text }) => text).join('')).toBe(SAID);
    expect(chunks[0]).toEqual({ text: '😀', tokens: [...Buffer.from('😀')].map(byteToken) });
    const result = await generation.result;
    expect(result).toMatchObject({ text: SAID, finishReason: 'eos', usage: { promptTokens: 2, completionTokens: Buffer.byteLength(SAID) + 1 } });
    expect(result.timings.promptMs).toBeGreaterThan(0);
  });

  test('a character cut off by maxTokens is replaced, not split', async () => {
    const chunks = await collect(chain.generate('hi', { temperature: 0, maxTokens: 2 }));
    expect(chunks.map(({ text }) => text)).toEqual(['\ufffd']);
  });

  test('a chunk list can be read late, twice and by two readers', async () => {
    const generation = chain.generate('hi', { temperature: 0 });
    await generation.result;
    const [first, second] = await Promise.all([collect(generation), collect(generation)]);
    expect(first).toEqual(second);
    expect(await generation.text()).toBe(SAID);
    expect((await generation.usage).promptTokens).toBe(2);
  });
});

describe('stop strings', () => {
  test.each([
    ['inside a token run', ['xy'], '😀ñ世', 'xy'],
    ['across characters of several bytes', ['ñ世'], '😀', 'ñ世'],
    ['the one that comes first in the text wins', ['yz', 'z', '世x'], '😀ñ', '世x'],
    ['at the very end', ['.'], '😀ñ世xyz', '.'],
  ])('%s', async (_, stop, text, met) => {
    const chunks = await collect(chain.generate('hi', { temperature: 0, stop }));
    expect(chunks.map((chunk) => chunk.text).join('')).toBe(text);
    const result = await chain.generate('hi', { temperature: 0, stop }).result;
    expect(result).toMatchObject({ text, finishReason: 'stop', stop: met });
  });

  test('a beginning that does not become a stop string is given out', async () => {
    const result = await chain.generate('hi', { temperature: 0, stop: ['xyq', 'z.!'] }).result;
    expect(result).toMatchObject({ text: SAID, finishReason: 'eos' });
  });
});

describe('length', () => {
  test('maxTokens', async () => {
    const result = await loop.generate('hi', { temperature: 0, maxTokens: 9 }).result;
    expect(result).toMatchObject({ text: 'é😀abc', finishReason: 'length', usage: { completionTokens: 9 } });
  });

  test('the context fills up: prompt and answer together', async () => {
    const { finishReason, usage } = await loop.generate('hi', { temperature: 0 }).result;
    expect(finishReason).toBe('length');
    // The last token needs no place: nothing is decoded after it.
    expect(usage.promptTokens + usage.completionTokens).toBe(256 + 1);
  });

  test('a prompt of exactly the context fits, one more token does not', async () => {
    const result = await loop.generate('q'.repeat(256), { temperature: 0 }).result;
    expect(result.usage).toMatchObject({ promptTokens: 256, completionTokens: 1 });
    await expect(loop.generate('q'.repeat(257)).result).rejects.toMatchObject({ code: 'TARA_CONTEXT_FULL', fields: { tokens: 257, limit: 256 } });
  });
});

describe('sampling', () => {
  test('greedy is deterministic, alone and beside others', async () => {
    const prompt = 'The quick brown fox';
    const alone = await random.generate(prompt, { temperature: 0, maxTokens: 40 }).text();
    const beside = await Promise.all(['a', 'bb', prompt, 'cccc'].map((text) => random.generate(text, { temperature: 0, maxTokens: 40 }).text()));
    expect(beside[2]).toBe(alone);
    expect(await random.generate(prompt, { temperature: 0, maxTokens: 40 }).text()).toBe(alone);
  });

  test('a seed repeats, another differs', async () => {
    const say = (seed: number) => random.generate('seed', { temperature: 1, seed, maxTokens: 40, minP: 0, topP: 1, topK: 0 }).text();
    // One after the other: beside other requests the last bits of a logit depend on who shares the batch.
    const first = await say(7);
    expect(await say(7)).toBe(first);
    expect(await say(8)).not.toBe(first);
  });

  test('the seed that was chosen is told', async () => {
    const { seed, text } = await random.generate('x', { maxTokens: 20 }).result;
    expect(await random.generate('x', { maxTokens: 20, seed }).text()).toBe(text);
  });

  test('topK 1 and a temperature too small to divide by are greedy', async () => {
    const greedy = await random.generate('k', { temperature: 0, maxTokens: 30 }).text();
    expect(await random.generate('k', { temperature: 1, topK: 1, maxTokens: 30, seed: 1 }).text()).toBe(greedy);
    expect(await random.generate('k', { temperature: 1e-40, maxTokens: 30, seed: 1 }).text()).toBe(greedy);
  });
});

describe('prompts', () => {
  test('token ids as a prompt', async () => {
    const ids = await random.tokenize('abc');
    expect(await random.generate(ids, { temperature: 0, maxTokens: 10 }).text()).toBe(await random.generate('abc', { temperature: 0, maxTokens: 10 }).text());
  });

  test('messages go through the template', async () => {
    const prompt = await random.applyChatTemplate([{ role: 'user', content: 'hi' }]);
    expect(prompt).toBe('<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n');
    const { text, usage } = await random.generate([{ role: 'user', content: 'hi' }], { temperature: 0, maxTokens: 10 }).result;
    expect(text).toBe(await random.generate(prompt, { temperature: 0, maxTokens: 10 }).text());
    expect(usage.promptTokens).toBe((await random.tokenize(prompt, { parseSpecial: true })).length);
  });

  test('an empty prompt begins with the start token', async () => {
    expect((await chain.generate('', { temperature: 0 }).result).usage.promptTokens).toBe(1);
  });
});

describe('bad options are refused by name', () => {
  test.each<[object, string]>([
    [{ maxTokens: 0 }, 'maxTokens'], [{ maxTokens: 1.5 }, 'maxTokens'], [{ temperature: NaN }, 'temperature'], [{ temperature: -1 }, 'temperature'],
    [{ topK: -1 }, 'topK'], [{ topP: 1.1 }, 'topP'], [{ minP: '0' }, 'minP'], [{ seed: 2 ** 32 - 1 }, 'seed'], [{ seed: -1 }, 'seed'],
    [{ stop: [''] }, 'stop'], [{ stop: 3 }, 'stop'], [{ signal: {} }, 'signal'],
  ])('%j', async (options, option) => {
    await expect(chain.generate('hi', options as never).result).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option } });
  });

  test('prompts', async () => {
    await expect(chain.generate(Int32Array.of(99999)).result).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
    await expect(chain.generate(Int32Array.of(-1)).result).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
    await expect(chain.generate([] as never).result).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option: 'messages' } });
    await expect(chain.generate([{ role: 'user' }] as never).result).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
    await expect(chain.generate(null as never).result).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  });

  test('loading', async () => {
    const path = join(folder.path, 'chain.gguf');
    for (const [options, option] of [[{ contextSize: 4096 }, 'contextSize'], [{ contextSize: 1 }, 'contextSize'], [{ slots: 65 }, 'slots'], [{ slots: 0 }, 'slots'], [{ threads: 0 }, 'threads']] as const) {
      await expect(engine.load(path, options)).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option } });
    }
    await expect(engine.load(join(folder.path, 'none.gguf'))).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
    await expect(engine.load(folder.path)).rejects.toMatchObject({ code: 'TARA_FILE_UNREADABLE' });
  });
});
