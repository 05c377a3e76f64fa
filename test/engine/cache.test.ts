/** What requests take over from earlier ones, and that nobody can tell from their answers. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type Model } from '../../src/engine/index.js';
import { writeTurnLora } from '../support/tiny-lora.js';
import { writeChainModel, writeTinyModel } from '../support/tiny-model.js';
import { temporaryFolder } from './setup.js';

const folder = temporaryFolder();
const engine = createEngine();
const SYSTEM = 'You are a helpful assistant. Answer in short sentences and say when you do not know. ';
let path: string;
let model: Model;

beforeAll(async () => {
  path = await writeTinyModel(join(folder.path, 'random.gguf'));
  model = await engine.load(path, { slots: 3, threads: 1, contextSize: 512 });
});
afterAll(() => engine.dispose());

const ask = async (prompt: string | Int32Array, options: object = {}, of = model) => {
  const { text, usage } = await of.generate(prompt, { temperature: 0, maxTokens: 24, ...options }).result;
  return { text, cached: usage.cachedTokens, prompt: usage.promptTokens };
};

describe('a beginning that was read before', () => {
  test('is taken over, and the answer is the one without', async () => {
    const fresh = await ask(`${SYSTEM}What is rain?`, { cachePrompt: false });
    expect(fresh.cached).toBe(0);
    const again = await ask(`${SYSTEM}What is rain?`);
    expect(again).toEqual({ ...fresh, cached: fresh.prompt - 1 });
    const other = await ask(`${SYSTEM}Where is it cold?`);
    expect(other.cached).toBeGreaterThanOrEqual((await model.tokenize(SYSTEM)).length - 1);
    expect(other.text).toBe((await ask(`${SYSTEM}Where is it cold?`, { cachePrompt: false })).text);
  });

  test('a conversation goes on from all that was said', async () => {
    const prompt = await model.tokenize('One two three');
    const said: number[] = [];
    for await (const { tokens } of model.generate(prompt, { temperature: 0, maxTokens: 24, ignoreEos: true })) said.push(...tokens);
    const whole = Int32Array.from([...prompt, ...said, ...(await model.tokenize(' four'))]);
    const second = await ask(whole);
    // The last token was chosen and never read.
    expect(second.cached).toBe(prompt.length + said.length - 1);
    expect(second.text).toBe((await ask(whole, { cachePrompt: false })).text);
  });

  test('is taken over from requests that are still at work', async () => {
    await using own = await engine.load(path, { slots: 3, threads: 1, contextSize: 512 });
    const expected = await ask(`${SYSTEM}b`, { cachePrompt: false });
    const long = own.generate(`${SYSTEM}a`, { temperature: 0, maxTokens: 200, ignoreEos: true });
    const chunks = long[Symbol.asyncIterator]();
    await chunks.next();
    const beside = await ask(`${SYSTEM}b`, {}, own);
    expect(beside.cached).toBeGreaterThan(SYSTEM.length / 2);
    expect(beside.text).toBe(expected.text);
    const alone = await ask(`${SYSTEM}a`, { maxTokens: 200, ignoreEos: true, cachePrompt: false });
    expect((await long.result).text).toBe(alone.text);
  });

  test('many at once, in any order, find the same likelihoods as alone', async () => {
    const likelihood = async (prompt: string, cachePrompt: boolean) => {
      const generation = model.generate(prompt, { temperature: 0, maxTokens: 1, ignoreEos: true, logprobs: 0, cachePrompt });
      const chunks = [];
      for await (const { logprobs } of generation) chunks.push(...(logprobs ?? []));
      return { logprob: chunks[0]?.logprob ?? Number.NaN, cached: (await generation.usage).cachedTokens };
    };
    const prompts = Array.from({ length: 24 }, (_, index) => `${SYSTEM.slice(0, (index * 7) % SYSTEM.length)}${index % 5}`);
    const alone = [];
    for (const prompt of prompts) alone.push((await likelihood(prompt, false)).logprob);
    const together = await Promise.all(prompts.map((prompt) => likelihood(prompt, true)));
    // Batches round otherwise; another text's keys would change far more.
    for (const [index, { logprob }] of together.entries()) expect(Math.abs(logprob - (alone[index] ?? 0))).toBeLessThan(0.02);
    expect(together.some(({ cached }) => cached > 0)).toBe(true);
  });

  test('is counted', async () => {
    await using own = await engine.load(path, { slots: 1, contextSize: 256 });
    const first = await own.generate(SYSTEM, { temperature: 0, maxTokens: 5, ignoreEos: true }).result;
    const second = await own.generate(SYSTEM, { temperature: 0, maxTokens: 5, ignoreEos: true }).result;
    expect(own.stats()).toMatchObject({
      slots: 1, active: 0, queued: 0, requests: 2, promptTokens: first.usage.promptTokens + 1, cachedTokens: second.usage.cachedTokens, completionTokens: 10,
    });
  });
});

test('what was read with one adapter is never taken over with another', async () => {
  const adapters = { why: await writeTurnLora(join(folder.path, 'why.gguf'), 'a', 'Y') };
  await using chain = await engine.load(await writeChainModel(join(folder.path, 'chain.gguf'), 'abcdef'), { slots: 2, threads: 1, contextSize: 128, adapters });
  const say = (options: object) => chain.generate('hi you!', { temperature: 0, maxTokens: 4, ...options }).result;
  for (const [options, text] of [[{}, 'abcd'], [{ adapters: { why: 1 } }, 'aYaY'], [{}, 'abcd'], [{ adapters: { why: 0 } }, 'abcd']] as const) expect((await say(options)).text).toBe(text);
  await say({ adapters: { why: 1 } });
  expect((await say({ adapters: { why: 1 } })).usage.cachedTokens).toBeGreaterThan(0);
  expect((await say({ adapters: { why: 0.5 } })).usage.cachedTokens).toBe(0);
});

describe('a full context', () => {
  test('ends the answer, or its older half is forgotten', async () => {
    await using small = await engine.load(await writeChainModel(join(folder.path, 'loop.gguf'), 'abc', { loop: true }), { slots: 2, contextSize: 32 });
    const say = (options: object) => small.generate('hi', { temperature: 0, ...options }).result;
    const full = await say({});
    expect(full).toMatchObject({ finishReason: 'length', usage: { completionTokens: 31 } });
    const shifted = await say({ contextShift: true, maxTokens: 200 });
    expect(shifted).toMatchObject({ finishReason: 'length', text: 'abc'.repeat(67).slice(0, 200) });
    expect((await say({})).text).toBe(full.text);
  });

  test('a prompt that fills it is never forgotten', async () => {
    await using small = await engine.load(path, { slots: 1, contextSize: 64 });
    const result = await small.generate('x'.repeat(60), { temperature: 0, ignoreEos: true, contextShift: true }).result;
    expect(result).toMatchObject({ finishReason: 'length', usage: { promptTokens: 60, completionTokens: 5 } });
  });
});
