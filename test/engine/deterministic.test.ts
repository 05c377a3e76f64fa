/** A model loaded `deterministic`: what it answers depends on nothing beside or before the request, and is llama.cpp's own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type Model } from '../../src/engine/index.js';
import { startLlamaServer } from '../support/llama-server.js';
import { PROMPTS } from '../support/prompts.js';
import { writeTinyModel } from '../support/tiny-model.js';
import { realModel, temporaryFolder } from './setup.js';

const SLOTS = 8;
const folder = temporaryFolder();
const engine = createEngine();
afterAll(() => engine.dispose());

/** Streams that never end, in all slots but one. */
function company(model: Model): () => Promise<void> {
  const streams = Array.from({ length: SLOTS - 1 }, (_, index) => model.generate(`${'word '.repeat(3 * index)}stream ${index}`, { maxTokens: 100_000, ignoreEos: true, contextShift: true, seed: index }));
  return async () => {
    for (const stream of streams) stream.cancel();
    await Promise.allSettled(streams.map(({ result }) => result));
  };
}

/** Tokens and the log-probability of each. */
async function answer(model: Model, prompt: string, options: object): Promise<{ tokens: number[]; logprobs: (number | null)[] }> {
  const tokens: number[] = [];
  const logprobs: (number | null)[] = [];
  for await (const chunk of model.generate(prompt, { temperature: 0, logprobs: 0, ...options })) {
    tokens.push(...chunk.tokens);
    logprobs.push(...(chunk.logprobs ?? []).map(({ logprob }) => logprob));
  }
  return { tokens, logprobs };
}

describe('to the bit', () => {
  const ask = { maxTokens: 24, ignoreEos: true };
  // Longer than a micro-batch, shorter than one, and of one token.
  const prompts = ['x'.repeat(700), 'What is rain?', 'y'];
  let model: Model;
  beforeAll(async () => {
    model = await engine.load(await writeTinyModel(join(folder.path, 'random.gguf')), { slots: SLOTS, threads: 1, contextSize: 1024, deterministic: true });
  });

  test('alone, beside others, after others, and among each other', async () => {
    const alone = [];
    for (const prompt of prompts) alone.push(await answer(model, prompt, ask));
    const stop = company(model);
    const beside = [];
    for (const prompt of prompts) beside.push(await answer(model, prompt, ask));
    await stop();
    expect(beside).toEqual(alone);
    expect(await Promise.all(prompts.map((prompt) => answer(model, prompt, ask)))).toEqual(alone);
  });

  test('nothing is taken over', async () => {
    const { usage } = await model.generate('What is rain?', { temperature: 0, maxTokens: 4 }).result;
    expect(usage.cachedTokens).toBe(0);
  });
});

const tools = process.env['TARA_LLAMA_BIN'];
const model = realModel();
const missing = tools === undefined || !existsSync(join(tools, 'llama-server')) ? 'TARA_LLAMA_BIN names no folder with llama-server' : model === undefined ? 'no real model is cached' : undefined;
if (missing) console.log(`skipped: greedy answers beside llama-server's: ${missing}`);

describe.skipIf(missing !== undefined)('as llama-server answers with one slot', () => {
  const THREADS = 2;
  const TOKENS = 32;

  test(`${PROMPTS.length} prompts, alone and beside ${SLOTS - 1} other streams`, async () => {
    const ours = await engine.load(model ?? '', { slots: SLOTS, threads: THREADS, contextSize: 1024, deterministic: true });
    const theirs: number[][] = [];
    {
      await using server = await startLlamaServer(tools ?? '', model ?? '', ['-np', '1', '-c', '1024', '-t', String(THREADS), '--no-webui']);
      for (const prompt of PROMPTS) {
        const { tokens } = await server.ask('/completion', { prompt, n_predict: TOKENS, temperature: 0, cache_prompt: false, return_tokens: true });
        // It tells the token that ends an answer, too.
        theirs.push((tokens as number[]).filter((id) => id !== ours.info.eos?.id));
      }
    }
    const ask = async () => {
      const answers: number[][] = [];
      for (const prompt of PROMPTS) answers.push((await answer(ours, prompt, { maxTokens: TOKENS })).tokens);
      return answers;
    };
    expect(await ask()).toEqual(theirs);
    const stop = company(ours);
    expect(await ask()).toEqual(theirs);
    await stop();
  }, 600_000);
});
