/** Tokenizing, scoring, embedding and templates. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type Model } from '../../src/engine/index.js';
import { byteToken, END_OF_TEXT, writeChainModel, writeTinyModel } from '../support/tiny-model.js';
import { temporaryFolder } from './setup.js';

const folder = temporaryFolder();
const engine = createEngine();
let model: Model;
let chain: Model;

beforeAll(async () => {
  model = await engine.load(await writeTinyModel(join(folder.path, 'tiny.gguf'), { seed: 3 }), { slots: 2, contextSize: 512 });
  chain = await engine.load(await writeChainModel(join(folder.path, 'chain.gguf'), 'abc'), { contextSize: 256 });
});
afterAll(() => engine.dispose());

describe('tokens', () => {
  test('text and back', async () => {
    const text = 'hello, wörld 😀\n\n  end';
    const tokens = await model.tokenize(text);
    expect(tokens.length).toBeLessThan(Buffer.byteLength(text));
    expect(await model.detokenize(tokens)).toBe(text);
    expect(await model.tokenize('')).toEqual(new Int32Array(0));
    expect(await model.detokenize([])).toBe('');
  });

  test('control tokens are text unless asked for', async () => {
    expect(await model.tokenize('<|endoftext|>', { parseSpecial: true })).toEqual(Int32Array.of(END_OF_TEXT));
    expect((await model.tokenize('<|endoftext|>')).length).toBeGreaterThan(5);
    expect(await model.detokenize([END_OF_TEXT])).toBe('');
    expect(await model.detokenize([END_OF_TEXT], { special: true })).toBe('<|endoftext|>');
  });

  test.each([['one letter', 'a'.repeat(1 << 20)], ['words', 'some words. '.repeat(90_000)], ['spaces', ' '.repeat(1 << 20)], ['symbols', '$'.repeat(1 << 20)]])(
    'a megabyte of %s', async (_, text) => {
      const tokens = await model.tokenize(text);
      expect(await model.detokenize(tokens)).toBe(text);
    });

  test('an id outside the vocabulary is refused', async () => {
    await expect(model.detokenize([262])).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option: 'tokens' } });
    await expect(model.detokenize(['x'] as never)).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option: 'tokens' } });
  });
});

describe('score', () => {
  test('agrees with logits that can be computed by hand', async () => {
    // One-hot embeddings through RMS norm: the right follower has logit sqrt(width), every other 0.
    const width = 288;
    const { logProbabilities, scored, meanLoss } = await chain.score('abc');
    const logit = 1 / Math.sqrt(1 / width + 1e-5);
    const others = 262 - 1;
    const expected = logit - Math.log(Math.exp(logit) + others);
    expect(scored).toBe(2);
    for (const value of logProbabilities) expect(value).toBeCloseTo(expected, 5);
    expect(meanLoss).toBeCloseTo(-expected, 5);
    const wrong = await chain.score('aq');
    expect(wrong.logProbabilities[0]).toBeCloseTo(expected - logit, 3);
  });

  test('chunks of any size add up: a long text scores as its parts do', async () => {
    const ids = Int32Array.from({ length: 300 }, (_, index) => byteToken((index * 37) % 256));
    const whole = await model.score(ids);
    expect(whole.scored).toBe(299);
    const tail = await model.score(ids, { promptTokens: 200 });
    expect(tail.scored).toBe(100);
    tail.logProbabilities.forEach((value, index) => expect(value).toBeCloseTo(whole.logProbabilities[199 + index] ?? NaN, 2));
    const mean = -whole.logProbabilities.reduce((sum, value) => sum + value, 0) / 299;
    expect(whole.meanLoss).toBeCloseTo(mean, 4);
  });

  test('the greedy continuation is the most likely one', async () => {
    const prompt = await model.tokenize('greedy');
    const chunks: number[] = [];
    for await (const { tokens } of model.generate(prompt, { temperature: 0, maxTokens: 1 })) chunks.push(...tokens);
    const score = async (token: number) => (await model.score(Int32Array.of(...prompt, token), { promptTokens: prompt.length })).meanLoss;
    const best = await score(chunks[0] ?? NaN);
    for (const other of [40, 99, 130, 200]) expect(await score(byteToken(other))).toBeGreaterThanOrEqual(best);
  });

  test('limits', async () => {
    await expect(model.score('')).rejects.toMatchObject({ code: 'TARA_PROMPT_EMPTY' });
    await expect(model.score('ab', { promptTokens: 2 })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option: 'promptTokens' } });
    await expect(model.score('q'.repeat(513))).rejects.toMatchObject({ code: 'TARA_CONTEXT_FULL' });
  });
});

describe('embed', () => {
  test('one vector of length 1 for each text, whatever its company', async () => {
    const texts = ['first text', 'second', 'x'.repeat(400)];
    const rows = await model.embed(texts);
    expect(rows.map((row) => row.length)).toEqual([64, 64, 64]);
    for (const row of rows) expect(Math.hypot(...row)).toBeCloseTo(1, 5);
    const alone = await model.embed('second');
    alone.forEach((value, index) => expect(value).toBeCloseTo(rows[1]?.[index] ?? NaN, 4));
    expect(rows[0]).not.toEqual(rows[1]);
  });

  test('unnormalised rows point the same way', async () => {
    const [unit, raw] = [await model.embed('text'), await model.embed('text', { normalize: false })];
    const length = Math.hypot(...raw);
    raw.forEach((value, index) => expect(value / length).toBeCloseTo(unit[index] ?? NaN, 5));
  });

  test('what enters a block, as a mean over a text that is read in parts', async () => {
    const weights = new Map<string, Float32Array>();
    const path = await writeTinyModel(join(folder.path, 'seen.gguf'), {
      seed: 3, contextLength: 512,
      change(name, values) {
        if (name === 'blk.0.attn_norm.weight') values.forEach((_, d) => (values[d] = 1 + d / 64));
        weights.set(name, values.slice());
      },
    });
    const seen = await engine.load(path, { slots: 1 });
    const text = 'a longer text. '.repeat(20);
    const ids = [...(await seen.tokenize(text))];
    expect(ids.length).toBeGreaterThan(256);
    // llama: an embedding through RMS norm and its weights.
    const [table = [], norm = []] = [weights.get('token_embd.weight'), weights.get('blk.0.attn_norm.weight')];
    const mean = new Float64Array(64);
    for (const id of ids) {
      const row = [...table.slice(id * 64, (id + 1) * 64)];
      const scale = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / 64 + 1e-5);
      row.forEach((value, d) => (mean[d] = (mean[d] ?? 0) + ((value / scale) * (norm[d] ?? 0)) / ids.length));
    }
    const [row = new Float32Array(0)] = await seen.embed([text], { normalize: false, blocks: [1, 0] });
    const [alone = new Float32Array(0)] = await seen.embed([text], { normalize: false });
    expect(row.length).toBe(3 * 64);
    expect(row.slice(0, 64)).toEqual(alone);
    row.slice(128).forEach((value, d) => expect(value).toBeCloseTo(mean[d] ?? NaN, 5));
    const [unit = new Float32Array(0)] = await seen.embed([text], { blocks: [1, 0] });
    for (const part of [0, 64, 128]) expect(Math.hypot(...unit.slice(part, part + 64))).toBeCloseTo(1, 5);
  });

  test('limits', async () => {
    for (const blocks of [[-1], [0.5], [999], [0, 0], 'all']) {
      await expect(model.embed('x', { blocks: blocks as never })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option: 'blocks' } });
    }
    expect(await model.embed([])).toEqual([]);
    await expect(model.embed('q'.repeat(513))).rejects.toMatchObject({ code: 'TARA_CONTEXT_FULL' });
    await expect(model.embed([1] as never)).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  });
});
