/** Pruned models in llama.cpp itself: texts read with fewer tokens, networks with fewer channels and layers, and what is refused. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convert, readVocabulary, type Pruning } from '../../src/convert/index.js';
import { createEngine } from '../../src/engine/index.js';
import { addonPaths } from '../../src/engine/loader.js';
import { isGgufArray, metadataOf, readGguf, type HeaderEntry } from '../../src/formats/index.js';
import { goingTokens, keptTokens } from '../../plugins/compression/sparse/tokens.js';
import { bytePairs, writeTinyModel, type TinyVocabulary } from '../support/tiny-model.js';

const built = addonPaths().some((path) => existsSync(path));
if (!built) console.log('test/convert/prune: skipped, the addon is not built');

const folder = mkdtempSync(join(tmpdir(), 'tara-prune-'));
const engine = createEngine();
afterAll(async () => {
  await engine.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const WORDS = ['heart', 'hearth', 'earth', 'theory', 'there', 'then', 'other', 'weather', 'rather', 'gather', 'together', 'lather', 'thing', 'nothing', 'ration', 'nation', 'national', 'rational', 'station', 'strain', 'train', 'rain'];

/** Byte-pair encoding as it is trained: the most frequent neighbours of the words become a token, again and again. */
function trainedMerges(count: number): string[] {
  const words = WORDS.flatMap((word) => [Array.from(word), Array.from(`Ġ${word}`)]);
  const merges: string[] = [];
  while (merges.length < count) {
    const pairs = new Map<string, number>();
    for (const word of words) for (let at = 0; at + 1 < word.length; at += 1) pairs.set(`${word[at]} ${word[at + 1]}`, (pairs.get(`${word[at]} ${word[at + 1]}`) ?? 0) + 1);
    const best = [...pairs].sort((a, b) => b[1] - a[1])[0]?.[0];
    if (best === undefined) break;
    merges.push(best);
    const [left, right] = best.split(' ');
    for (const word of words) for (let at = 0; at + 1 < word.length; at += 1) if (word[at] === left && word[at + 1] === right) word.splice(at, 2, `${left}${right}`);
  }
  return merges;
}

/** SentencePiece's form: bytes, characters and pieces with scores, in which shorter pieces are not always better. */
function pieces(): TinyVocabulary {
  const found = new Set(WORDS.flatMap((word) => [1, 2, 3, 4, 5, 6, 7].flatMap((length) => Array.from(`▁${word}`, (_, at) => `▁${word}`.slice(at, at + length)))));
  const tokens = ['<unk>', '<s>', '</s>', ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`), ...found];
  const types = tokens.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1));
  const entries: HeaderEntry[] = [
    { key: 'tokenizer.ggml.model', type: 'string', value: 'llama' },
    { key: 'tokenizer.ggml.pre', type: 'string', value: 'default' },
    { key: 'tokenizer.ggml.scores', type: 'array', value: { of: 'float32', items: tokens.map((token, id) => (id < 259 ? 0 : -((id * 7919) % 1009) - Array.from(token).length)) } },
    { key: 'tokenizer.ggml.token_type', type: 'array', value: { of: 'int32', items: types } },
  ];
  return { tokens, entries };
}

async function pruned(base: string, name: string, pruning: Pruning): Promise<string> {
  const path = join(folder, `${name}.gguf`);
  await convert({ base, adapters: [], pruning, outputs: [{ id: 'cut', path, type: 'auto' }] });
  return path;
}

const text = fc.array(fc.oneof(fc.constantFrom(...WORDS), fc.string({ unit: 'binary', maxLength: 6 }), fc.constantFrom('thingrain', 'Heart', '12', '\n', 'é')), { minLength: 1, maxLength: 12 }).map((parts) => parts.join(' '));

describe.skipIf(!built).each([['byte-pair encoding', bytePairs(trainedMerges(160))], ['SentencePiece', pieces()]])('a smaller vocabulary of %s', (kind, vocabulary) => {
  const base = join(folder, `${kind}.gguf`);
  beforeAll(() => writeTinyModel(base, { layers: 1, vocabulary, template: null }));

  it('reads every text back, those without a lost token as before, and reaches every token that stays', async () => {
    const known = await readVocabulary(base);
    const before = await engine.load(base, { slots: 1, contextSize: 64, threads: 1 });
    const sizes = fc.integer({ min: known.required.size, max: known.size });
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: known.size, maxLength: known.size }), sizes, fc.array(text, { minLength: 4, maxLength: 8 }), async (expected, count, texts) => {
      const tokens = keptTokens(known, goingTokens(known, expected), count);
      const place = new Map(tokens.map((id, at) => [id, at]));
      const after = await engine.load(await pruned(base, `${kind}-cut`, { tokens }), { slots: 1, contextSize: 64, threads: 1 });
      expect(after.info.vocabularySize).toBe(tokens.length);
      for (const one of texts) {
        const [old, now] = [[...(await before.tokenize(one))], [...(await after.tokenize(one))]];
        expect(await after.detokenize(now, { special: true })).toBe(await before.detokenize(old, { special: true }));
        if (old.every((id) => place.has(id))) expect(now).toEqual(old.map((id) => place.get(id)));
      }
      for (const id of tokens) {
        const spelled = await before.detokenize([id], { special: true });
        const [old, now] = [[...(await before.tokenize(spelled, { addSpecial: false }))], [...(await after.tokenize(spelled, { addSpecial: false }))]];
        if (old.length === 1 && place.has(old[0] ?? -1)) expect(now).toEqual([place.get(old[0] ?? -1)]);
      }
      await after.dispose();
    }), { numRuns: 5, endOnFailure: true });
    await before.dispose();
  });

  it('keeps the logits of the tokens that stay', async () => {
    const known = await readVocabulary(base);
    const tokens = keptTokens(known, goingTokens(known, new Float64Array(known.size)), known.size - 40);
    const [before, after] = [await engine.load(base, { slots: 1, contextSize: 64, threads: 1 }), await engine.load(await pruned(base, `${kind}-logits`, { tokens }), { slots: 1, contextSize: 64, threads: 1 })];
    // Two followers of one text: the difference of their log-probabilities is that of their logits.
    const [a = 0, b = 0, c = 0] = tokens.slice(-3);
    const at = (id: number): number => tokens.indexOf(id);
    const score = async (model: typeof before, ids: number[]): Promise<number> => (await model.score(Int32Array.from(ids))).logProbabilities.at(-1) ?? Number.NaN;
    const old = (await score(before, [a, b])) - (await score(before, [a, c]));
    expect((await score(after, [at(a), at(b)])) - (await score(after, [at(a), at(c)]))).toBeCloseTo(old, 4);
    await Promise.all([before.dispose(), after.dispose()]);
  });

  it('refuses to lose a byte, a control token, or what another token is merged from', async () => {
    const known = await readVocabulary(base);
    const all = Array.from({ length: known.size }, (_, id) => id);
    const part = known.parts.findLast((parts) => parts !== undefined && parts.length > 0 && !known.required.has(parts[0] ?? 0))?.[0] ?? -1;
    for (const gone of [1, 100, part]) {
      await expect(pruned(base, 'refused', { tokens: all.filter((id) => id !== gone) })).rejects.toMatchObject({ code: 'TARA_PRUNING_REFUSED' });
    }
    await expect(pruned(base, 'refused', { tokens: [...all, known.size] })).rejects.toMatchObject({ code: 'TARA_PRUNING_REFUSED' });
    expect(existsSync(join(folder, 'refused.gguf'))).toBe(false);
  });
});

describe.skipIf(!built)('a smaller network', () => {
  const base = join(folder, 'base.gguf');
  const CHANNELS = Array.from({ length: 128 }, (_, channel) => channel);
  const SEQUENCE = Int32Array.from({ length: 24 }, (_, at) => 10 + ((at * 37) % 200));
  beforeAll(() => writeTinyModel(base, { layers: 3, change: (name, values) => {
    // The upper half of every layer's channels is written to nothing.
    if (name.endsWith('ffn_down.weight')) for (let at = 0; at < values.length; at += 1) if (at % 128 >= 64) values[at] = 0;
    // The second layer adds nothing to what passes through it.
    if (name.startsWith('blk.1.') && /attn_output|ffn_down/.test(name)) values.fill(0);
  } }));
  const losses = async (path: string): Promise<number[]> => {
    const model = await engine.load(path, { slots: 1, contextSize: 64, threads: 1 });
    const { logProbabilities } = await model.score(SEQUENCE);
    await model.dispose();
    return [...logProbabilities];
  };

  it('is the same to the bit where nothing is left out', async () => {
    const known = await readVocabulary(base);
    const whole = await pruned(base, 'whole', { tokens: Array.from({ length: known.size }, (_, id) => id), layers: [0, 1, 2], channels: { 0: CHANNELS, 1: CHANNELS, 2: CHANNELS } });
    expect(await losses(whole)).toEqual(await losses(base));
  });

  it('computes the same without channels and layers that do nothing', async () => {
    const half = CHANNELS.slice(0, 64);
    const path = await pruned(base, 'half', { layers: [0, 2], channels: { 0: half, 2: half } });
    const before = await losses(base);
    (await losses(path)).forEach((loss, at) => expect(loss).toBeCloseTo(before[at] ?? 0, 4));
    const metadata = metadataOf(await readGguf(path));
    expect([metadata.number('llama.block_count'), metadata.number('llama.feed_forward_length')]).toEqual([2, 64]);
  });

  it('is refused in forms that llama.cpp cannot read, and beside adapters', async () => {
    const refused = { code: 'TARA_PRUNING_REFUSED' };
    await expect(pruned(base, 'no', { channels: { 0: CHANNELS.slice(0, 64) } })).rejects.toMatchObject(refused);
    await expect(pruned(base, 'no', { layers: [] })).rejects.toMatchObject(refused);
    await expect(pruned(base, 'no', { layers: [0, 3] })).rejects.toMatchObject(refused);
    await expect(convert({ base, adapters: [{ dir: folder, weight: 1 }], pruning: { layers: [0] }, outputs: [{ id: 'x', path: join(folder, 'no.gguf'), type: 'f16' }] })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  });

  it('keeps arrays of a number for each layer in step with the layers', async () => {
    const arrays = join(folder, 'arrays.gguf');
    await writeTinyModel(arrays, { layers: 3 });
    const path = join(folder, 'arrays-cut.gguf');
    const widths = { key: 'llama.attention.head_count_kv', type: 'array' as const, value: { of: 'uint32', items: [2, 2, 2] } };
    await convert({ base: arrays, adapters: [], metadata: [widths], outputs: [{ id: 'x', path: join(folder, 'arrays-all.gguf'), type: 'auto' }] });
    await convert({ base: join(folder, 'arrays-all.gguf'), adapters: [], pruning: { layers: [0, 2] }, outputs: [{ id: 'x', path, type: 'auto' }] });
    const value = metadataOf(await readGguf(path)).get('llama.attention.head_count_kv');
    expect(isGgufArray(value) && value.items()).toEqual([2, 2]);
    expect(await losses(path)).toHaveLength(SEQUENCE.length - 1);
  });
});
