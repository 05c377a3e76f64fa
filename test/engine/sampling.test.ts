/** What sampling options do: by properties of every choice on a random model, and choice for choice as llama-server makes them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type GenerateOptions, type Model, type TokenLogprob } from '../../src/engine/index.js';
import { startLlamaServer } from '../support/llama-server.js';
import { writeChainModel, writeTinyModel } from '../support/tiny-model.js';
import { realModel, temporaryFolder } from './setup.js';

const folder = temporaryFolder();
const engine = createEngine();
afterAll(() => engine.dispose());

async function chosen(of: Model, prompt: string, options: GenerateOptions): Promise<{ tokens: number[]; logprobs: TokenLogprob[] }> {
  const tokens: number[] = [];
  const logprobs: TokenLogprob[] = [];
  for await (const chunk of of.generate(prompt, options)) {
    tokens.push(...chunk.tokens);
    logprobs.push(...(chunk.logprobs ?? []));
  }
  return { tokens, logprobs };
}

describe('on a model of random weights', () => {
  const PROMPT = 'The weather report says';
  const base = { maxTokens: 60, ignoreEos: true, seed: 7 } as const;
  let model: Model;
  beforeAll(async () => {
    model = await engine.load(await writeTinyModel(join(folder.path, 'random.gguf')), { slots: 2, threads: 1, contextSize: 512, deterministic: true });
  });

  test('log-probabilities are those of score(), whatever the sampling', async () => {
    for (const options of [{ temperature: 0 }, { temperature: 1.5, topK: 0 }, { temperature: 0, presencePenalty: 5 }]) {
      const { tokens, logprobs } = await chosen(model, PROMPT, { ...base, ...options, logprobs: 3 });
      const prompt = await model.tokenize(PROMPT, { parseSpecial: true });
      const { logProbabilities } = await model.score(Int32Array.from([...prompt, ...tokens]), { promptTokens: prompt.length });
      expect(logprobs.map(({ id }) => id)).toEqual(tokens);
      logprobs.forEach(({ logprob }, index) => expect(logprob).toBeCloseTo(logProbabilities[index] ?? Number.NaN, 2));
    }
  });

  test('alternatives are the likeliest tokens, in order; greedy takes the first', async () => {
    const { logprobs } = await chosen(model, PROMPT, { ...base, temperature: 0, logprobs: 20 });
    for (const { id, top } of logprobs) {
      expect(top).toHaveLength(20);
      expect(top[0]?.id).toBe(id);
      const values = top.map(({ logprob }) => logprob ?? Number.NEGATIVE_INFINITY);
      expect(values).toEqual([...values].sort((a, b) => b - a));
    }
  });

  test('penalties: nothing of the window comes again, prompt included', async () => {
    const prompt = await model.tokenize(PROMPT, { parseSpecial: true });
    for (const penalty of [{ presencePenalty: 1000 }, { frequencyPenalty: 1000 }]) {
      const { tokens } = await chosen(model, PROMPT, { ...base, temperature: 0, ...penalty, repeatLastN: -1 });
      expect(new Set([...prompt, ...tokens]).size).toBe(new Set(prompt).size + tokens.length);
      const narrow = await chosen(model, PROMPT, { ...base, temperature: 0, ...penalty, repeatLastN: 1 });
      narrow.tokens.forEach((token, index) => expect(token).not.toBe(narrow.tokens[index - 1] ?? prompt.at(-1)));
      const off = await chosen(model, PROMPT, { ...base, temperature: 0, ...penalty, repeatLastN: 0 });
      expect(off.tokens).toEqual((await chosen(model, PROMPT, { ...base, temperature: 0 })).tokens);
    }
  });

  test('DRY: no sequence longer than allowed comes again', async () => {
    const repeats = (tokens: readonly number[], length: number) => {
      const runs = tokens.slice(length - 1).map((_, index) => tokens.slice(index, index + length).join());
      return runs.length - new Set(runs).size;
    };
    const loop = { ...base, maxTokens: 200, temperature: 0 } as const;
    expect(repeats((await chosen(model, PROMPT, loop)).tokens, 4)).toBeGreaterThan(0);
    const { tokens } = await chosen(model, PROMPT, { ...loop, dry: { multiplier: 1000, base: 2, allowedLength: 3, lastN: -1, sequenceBreakers: ['never said'] } });
    expect(repeats(tokens, 4)).toBe(0);
  });

  test('XTC: of several tokens over the threshold only the least likely can be chosen', async () => {
    const threshold = 0.03;
    const { logprobs } = await chosen(model, PROMPT, { ...base, temperature: 1, topK: 0, topP: 1, minP: 0, xtc: { probability: 1, threshold }, logprobs: 20 });
    let bound = 0;
    for (const { logprob, top } of logprobs) {
      const over = top.map((candidate) => Math.exp(candidate.logprob ?? Number.NEGATIVE_INFINITY)).filter((p) => p >= threshold * 1.001);
      if (over.length < 2) continue;
      bound += 1;
      expect(Math.exp(logprob ?? 0)).toBeLessThanOrEqual(Math.min(...over) * 1.001);
    }
    expect(bound).toBeGreaterThan(0);
  });

  test('a bias bans, forces and prefers', async () => {
    const greedy = await chosen(model, PROMPT, { ...base, temperature: 0 });
    const first = greedy.tokens[0] ?? 0;
    const without = await chosen(model, PROMPT, { ...base, temperature: 0, logitBias: { [first]: Number.NEGATIVE_INFINITY } });
    expect(without.tokens).not.toContain(first);
    const forced = await chosen(model, PROMPT, { ...base, temperature: 2, topK: 0, logitBias: { [first]: 1000 } });
    expect(new Set(forced.tokens)).toEqual(new Set([first]));
    await expect(chosen(model, PROMPT, { ...base, logitBias: { 1_000_000: 1 } })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  });

  test('topK, topP and minP cut where they say', async () => {
    const free = { ...base, temperature: 3, topK: 0, topP: 1, minP: 0, logprobs: 20 } as const;
    const ranks = async (options: GenerateOptions) => (await chosen(model, PROMPT, { ...free, ...options })).logprobs.map(({ id, top }) => top.findIndex((candidate) => candidate.id === id));
    for (const rank of await ranks({ topK: 3 })) expect([0, 1, 2]).toContain(rank);
    expect((await ranks({})).some((rank) => rank < 0 || rank > 2)).toBe(true);
    for (const { logprob, top } of (await chosen(model, PROMPT, { ...free, minP: 0.5 })).logprobs) {
      expect(Math.exp((logprob ?? 0) - (top[0]?.logprob ?? 0))).toBeGreaterThan(0.5 * 0.999);
    }
    for (const { id, top } of (await chosen(model, PROMPT, { ...free, topP: 0.2 })).logprobs) {
      const before = top.slice(0, Math.max(0, top.findIndex((candidate) => candidate.id === id))).reduce((sum, candidate) => sum + Math.exp(candidate.logprob ?? 0), 0);
      expect(before).toBeLessThan(0.2);
    }
  });
});

test('ignoreEos goes on where the model would end', async () => {
  const model = await engine.load(await writeChainModel(join(folder.path, 'chain.gguf'), 'abc'), { slots: 1, contextSize: 64 });
  const ended = await model.generate('x', { temperature: 0 }).result;
  expect(ended).toMatchObject({ text: 'abc', finishReason: 'eos' });
  const on = await model.generate('x', { temperature: 0, ignoreEos: true, maxTokens: 12 }).result;
  expect(on).toMatchObject({ finishReason: 'length', usage: { completionTokens: 12 } });
  expect(on.text.startsWith('abc')).toBe(true);
});

const tools = process.env['TARA_LLAMA_BIN'];
const path = realModel();
const missing = tools === undefined || !existsSync(join(tools, 'llama-server')) ? 'TARA_LLAMA_BIN names no folder with llama-server' : path === undefined ? 'no real model is cached' : undefined;
if (missing) console.log(`skipped: choices beside llama-server's: ${missing}`);

/** Ours, and the same as llama-server names it. */
const CASES: Readonly<Record<string, readonly [GenerateOptions, object]>> = {
  'a seed': [{ temperature: 0.8, seed: 42 }, { temperature: 0.8, seed: 42 }],
  'a high temperature': [{ temperature: 1.7, topK: 0, topP: 1, minP: 0.02, seed: 3 }, { temperature: 1.7, top_k: 0, top_p: 1, min_p: 0.02, seed: 3 }],
  penalties: [
    { temperature: 0, repeatPenalty: 1.3, repeatLastN: 32, presencePenalty: 0.5, frequencyPenalty: 0.3 },
    { temperature: 0, repeat_penalty: 1.3, repeat_last_n: 32, presence_penalty: 0.5, frequency_penalty: 0.3 },
  ],
  'penalties over the whole context': [{ temperature: 0.7, seed: 5, repeatPenalty: 1.2, repeatLastN: -1 }, { temperature: 0.7, seed: 5, repeat_penalty: 1.2, repeat_last_n: 512 }],
  typical: [{ temperature: 0.9, typicalP: 0.3, topP: 1, seed: 11 }, { temperature: 0.9, typical_p: 0.3, top_p: 1, seed: 11 }],
  DRY: [
    { temperature: 0, dry: { multiplier: 1.2, base: 1.5, allowedLength: 2, lastN: 128, sequenceBreakers: ['\n', ':'] } },
    { temperature: 0, dry_multiplier: 1.2, dry_base: 1.5, dry_allowed_length: 2, dry_penalty_last_n: 128, dry_sequence_breakers: ['\n', ':'] },
  ],
  XTC: [{ temperature: 1, xtc: { probability: 0.7, threshold: 0.08 }, seed: 21 }, { temperature: 1, xtc_probability: 0.7, xtc_threshold: 0.08, seed: 21 }],
  'a bias': [{ temperature: 0, logitBias: { 28: -5, 30: Number.NEGATIVE_INFINITY } }, { temperature: 0, logit_bias: [[28, -5], [30, false]] }],
  'a grammar': [{ temperature: 0.9, seed: 9, grammar: 'root ::= "Answer: " [a-z ]+ "."' }, { temperature: 0.9, seed: 9, grammar: 'root ::= "Answer: " [a-z ]+ "."' }],
};

describe.skipIf(missing !== undefined)("choice for choice as llama-server's", () => {
  const TOKENS = 32;
  const PROMPTS = ['Once upon a time', 'List the colours of the rainbow, again and again: red, orange, yellow, green, blue, red, orange,'];
  let server: Awaited<ReturnType<typeof startLlamaServer>>;
  let model: Model;
  beforeAll(async () => {
    server = await startLlamaServer(tools ?? '', path ?? '', ['-np', '1', '-c', '512', '-t', '2', '--no-webui']);
    model = await engine.load(path ?? '', { slots: 1, threads: 2, contextSize: 512, deterministic: true });
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  test.each(Object.keys(CASES))('%s', async (name) => {
    const [ours, theirs] = CASES[name] ?? [{}, {}];
    for (const prompt of PROMPTS) {
      const { tokens } = await server.ask('/completion', { prompt, n_predict: TOKENS, cache_prompt: false, return_tokens: true, ...theirs });
      const expected = (tokens as number[]).filter((id) => id !== model.info.eos?.id);
      expect((await chosen(model, prompt, { ...ours, maxTokens: TOKENS })).tokens).toEqual(expected);
    }
  }, 60_000);
});
