/** Sparse compression: what is chosen, and for real on a tiny model: the file, the cache, the command and what goes wrong. */
import { readdirSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTaraEngine, evaluate, metadataOf, readGguf, isGgufArray } from 'tara-gguf';
import { front, smallest, tokenLoss, within, type Field } from '../../plugins/compression/sparse/choose.js';
import { searchSparse, type SparseOptions } from '../../plugins/compression/sparse/index.js';
import { goingTokens, keptTokens } from '../../plugins/compression/sparse/tokens.js';
import { bytePairs, writeTinyModel } from '../support/tiny-model.js';
import { tara } from '../cli/run.js';

let folder: string;
let model: string;
let text: string;

/** Every pair of letters, and every pair of those: 26 + 676 tokens beyond the bytes. */
const LETTERS = Array.from('abcdefghijklmnopqrstuvwxyz');
const MERGES = LETTERS.flatMap((a) => LETTERS.map((b) => `${a} ${b}`));

/** Words of few letters, the same every time. */
function sentences(count: number): string {
  let state = 1;
  const letter = (): string => LETTERS[(state = (state * 48271) % 2147483647) % 9] ?? '';
  const word = (): string => Array.from({ length: 2 + (state % 5) }, letter).join('');
  return Array.from({ length: count }, () => `${Array.from({ length: 12 }, word).join(' ')}.`).join('\n');
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tara-sparse-'));
  model = await writeTinyModel(join(folder, 'tiny.gguf'), { layers: 3, vocabulary: bytePairs(MERGES) });
  text = join(folder, 'text.txt');
  await writeFile(text, sentences(500));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const options = (more: Partial<SparseOptions> = {}): SparseOptions => ({ model, texts: [text], preset: 'Q8_0', cacheDir: join(folder, 'cache'), threads: 1, minutes: 0, ...more });

describe('choice', () => {
  const field: Field = {
    sizes: { bytes: 1000, tokens: 10_240, layers: 10, width: 512, of: ({ tokens, layers, width }) => 1000 - (10_240 - tokens) / 20 - 30 * layers.length - (width === null ? 0 : 80) },
    tokens: [{ tokens: 10_240, loss: 0 }, { tokens: 7680, loss: 0.01 }, { tokens: 5120, loss: 0.1 }],
    structures: [{ layers: [], width: null, loss: 0, unhealed: null }, { layers: [4], width: null, loss: 0.02, unhealed: 0.04 }, { layers: [], width: 256, loss: 0.3, unhealed: 0.5 }],
    leastTokens: 300,
  };

  it('loses the least within the bytes, and less with more of them', () => {
    fc.assert(fc.property(fc.integer({ min: 720, max: 1000 }), fc.integer({ min: 0, max: 200 }), (bytes, more) => {
      const [point, larger] = [within(field, bytes), within(field, bytes + more)];
      if (!point || !larger) throw new Error('nothing fits');
      expect(point.bytes).toBeLessThanOrEqual(bytes);
      expect(larger.loss).toBeLessThanOrEqual(point.loss);
      expect(smallest(field, point.loss).bytes).toBeLessThanOrEqual(point.bytes);
    }));
    expect(within(field, 100)).toBeUndefined();
    expect(within(field, 1000)).toMatchObject({ cut: { tokens: 10_240, layers: [], width: null }, loss: 0 });
    expect(smallest(field, 0).bytes).toBe(1000);
  });

  it('takes a layer where the tokens would cost more', () => {
    expect(within(field, 745)?.cut.layers).toEqual([4]);
    expect(front(field).map(({ loss }) => loss)).toEqual(front(field).map(({ loss }) => loss).sort((a, b) => a - b));
  });

  it('finds losses between those that were measured', () => {
    expect(tokenLoss(field.tokens, 7680)).toBe(0.01);
    expect(tokenLoss(field.tokens, 6400)).toBeCloseTo(Math.sqrt(0.01 * 0.1), 6);
    expect(tokenLoss(field.tokens, 8960)).toBeCloseTo(0.005, 6);
    expect(tokenLoss(field.tokens, 20_000)).toBe(0);
  });
});

describe('tokens', () => {
  it('go by what is expected, after those that are made of them, and leave that to their parts', () => {
    // 0, 1 and 2 are characters; 3 is 0 and 1, 4 is 3 and 2; 5 is reached by no text; 6 must stay.
    const vocabulary = { size: 7, required: new Set([6]), parts: [[], [], [], [0, 1], [3, 2], undefined, []] };
    expect(goingTokens(vocabulary, [9, 5, 1, 0, 3, 8, 0])).toEqual([5, 4, 3, 2, 1, 0]);
    // Without the last token the one that it was made of is wanted again.
    expect(goingTokens(vocabulary, [9, 4, 1, 0, 3, 8, 0])).toEqual([5, 4, 3, 2, 1, 0]);
    expect(goingTokens(vocabulary, [2, 2, 2, 0, 100, 8, 0]).slice(0, 2)).toEqual([5, 4]);
    expect(keptTokens(vocabulary, [5, 4, 3, 2, 1, 0], 3)).toEqual([0, 1, 6]);
  });
});

describe('search on a model', () => {
  it('makes a file of the size that is asked for, tells what it cost, and knows the rest for the next size', async () => {
    const first = await searchSparse(options({ sparsity: 0.05 }));
    expect(first.bytes).toBeLessThanOrEqual(first.before.bytes * 0.95);
    expect(first.structures.length).toBeGreaterThan(1);
    expect(first.front.length).toBeGreaterThan(1);
    expect(first.tokensPerByte.inside[1]).toBeGreaterThanOrEqual(first.tokensPerByte.inside[0]);
    expect((await readdir(join(folder, 'cache'))).filter((name) => name.startsWith('work-'))).toEqual([]);
    const details: string[] = [];
    await searchSparse(options({ sparsity: 0.08, onProgress: (_, detail) => details.push(detail) }));
    expect(details.filter((detail) => /expected|tokens$|divergence/.test(detail))).toEqual([]);
  });

  it('goes on where it was interrupted, structure by structure', async () => {
    const deep = await writeTinyModel(join(folder, 'deep.gguf'), { layers: 5, vocabulary: bytePairs(MERGES) });
    const named = (more: Partial<SparseOptions>) => options({ model: deep, sparsity: 0.05, ...more });
    const controller = new AbortController();
    const seen: string[] = [];
    const interrupted = searchSparse(named({ cacheDir: join(folder, 'interrupted'), signal: controller.signal, onProgress: (_, detail) => {
      if (detail.startsWith('without layer')) seen.push(detail.split(',')[0] ?? '');
      if (seen.length === 2) controller.abort();
    } }));
    await expect(interrupted).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    const again: string[] = [];
    const resumed = await searchSparse(named({ cacheDir: join(folder, 'interrupted'), onProgress: (_, detail) => again.push(detail.split(',')[0] ?? '') }));
    expect(again.filter((detail) => detail === 'which tokens are expected' || / tokens$/.test(detail))).toEqual([]);
    expect(again).not.toContain(seen[0]);
    expect(again).toContain(seen[1]);
    expect(resumed.structures).toEqual((await searchSparse(named({ cacheDir: join(folder, 'at-once') }))).structures);
  }, 240_000);

  it('keeps every token of the chat template, which running text never holds', async () => {
    const { pruning } = await searchSparse(options({ cacheDir: join(folder, 'template'), sparsity: 0.12 }));
    const kept = new Set(pruning.tokens);
    await using engine = createTaraEngine();
    await using whole = await engine.load(model, { contextSize: 64, slots: 1, threads: 1 });
    const template = await whole.applyChatTemplate([{ role: 'user', content: 'a' }], { addGenerationPrompt: true });
    const ids = [...(await whole.tokenize(template, { addSpecial: false, parseSpecial: true }))];
    expect(ids.length).toBeGreaterThan(4);
    expect(ids.filter((id) => !kept.has(id))).toEqual([]);
    expect(kept.size).toBeLessThan(whole.info.vocabularySize);
  });

  it('teaches the cut file, keeps what it made, and judges that', async () => {
    const more = { cacheDir: join(folder, 'taught'), sparsity: 0.08, minutes: 0.05 };
    const made = await searchSparse(options(more));
    expect(made.recovery).toMatch(/steps/);
    expect(made.bytes).toBeLessThanOrEqual(made.before.bytes * 0.92);
    if (made.taught === null) throw new Error(made.recovery);
    expect((await stat(made.taught)).size).toBe(made.bytes);
    expect(made.untaught?.bitsPerByte).not.toBe(made.shipped.bitsPerByte);
    const again = await searchSparse(options(more));
    expect([again.taught, again.recovery]).toEqual([made.taught, expect.stringContaining('before')]);
    expect(again.shipped.bitsPerByte).toBe(made.shipped.bitsPerByte);
  });

  it('goes on with the teaching where it was interrupted', async () => {
    const cacheDir = join(folder, 'teaching');
    const stepOf = (detail: string): number | undefined => { const step = /^teaching: step (\d+)/.exec(detail)?.[1]; return step === undefined ? undefined : Number(step); };
    const controller = new AbortController();
    const kept = (): boolean => readdirSync(cacheDir, { recursive: true, encoding: 'utf8' }).some((name) => name.endsWith('.checkpoint'));
    const interrupted = searchSparse(options({ cacheDir, sparsity: 0.08, minutes: 0.2, signal: controller.signal, onProgress: (_, detail) => { if (stepOf(detail) !== undefined && kept()) controller.abort(); } }));
    await expect(interrupted).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    const steps: number[] = [];
    const { recovery } = await searchSparse(options({ cacheDir, sparsity: 0.08, minutes: 0.2, onProgress: (_, detail) => steps.push(...[stepOf(detail) ?? []].flat()) }));
    expect(recovery).toMatch(/steps/);
    expect(steps[0]).toBeGreaterThan(1);
  }, 240_000);

  it('cuts a model that nothing can teach, and says why it was not taught', async () => {
    const { tokens, entries } = bytePairs(MERGES);
    const scaled = await writeTinyModel(join(folder, 'scaled.gguf'), { layers: 3, vocabulary: { tokens, entries: [...entries, { key: 'llama.rope.scaling.type', type: 'string', value: 'linear' }, { key: 'llama.rope.scaling.factor', type: 'float32', value: 2 }] } });
    const made = await searchSparse(options({ model: scaled, cacheDir: join(folder, 'untaught'), sparsity: 0.05, minutes: 0.1 }));
    expect([made.taught, made.recovery]).toEqual([null, expect.stringMatching(/^not taught by the whole model: .*cannot be trained: its rotary embeddings are scaled/)]);
    expect((await readdir(join(folder, 'untaught'), { recursive: true })).filter((name) => name.endsWith('.gguf'))).toEqual([]);
  });

  it('keeps to a loss as judged, or says what was reached', async () => {
    const { shipped, plain, plainWins } = await searchSparse(options({ sparsity: 0.1 }));
    const loss = plainWins && plain ? plain.loss : shipped.loss;
    expect((await searchSparse(options({ sparsity: 0.1, loss: loss + 1e-6 }))).bytes).toBe(shipped.bytes);
    await expect(searchSparse(options({ sparsity: 0.1, loss: loss - 1e-6 }))).rejects.toMatchObject({ code: 'TARA_PRUNING_UNREACHED', fields: { best: expect.stringContaining('as judged') } });
    const free = await searchSparse(options({ loss: 0.5 }));
    expect(free.plainWins && free.plain ? free.plain.loss : free.shipped.loss).toBeLessThanOrEqual(0.5);
  });

  it('refuses what cannot be, and leaves nothing', async () => {
    await expect(searchSparse(options({ bytes: 10_000 }))).rejects.toMatchObject({ code: 'TARA_PRUNING_UNREACHED' });
    const controller = new AbortController();
    const aborted = searchSparse(options({ cacheDir: join(folder, 'aborted'), signal: controller.signal, onProgress: (_, detail) => detail.includes('expected') && controller.abort() }));
    await expect(aborted).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    const short = join(folder, 'short.txt');
    await writeFile(short, 'A short text.\n');
    await expect(searchSparse(options({ texts: [short], cacheDir: join(folder, 'short') }))).rejects.toMatchObject({ code: 'TARA_TEXT_TOO_SHORT' });
    const brief = await writeTinyModel(join(folder, 'brief.gguf'), { contextLength: 512, vocabulary: bytePairs(MERGES) });
    await expect(searchSparse(options({ model: brief, cacheDir: join(folder, 'brief') }))).rejects.toMatchObject({ code: 'TARA_MODEL_UNSUPPORTED', message: expect.stringContaining('trained for 512 tokens') });
    const nan = await writeTinyModel(join(folder, 'nan.gguf'), { layers: 3, vocabulary: bytePairs(MERGES), change: (name, values) => { if (name === 'blk.1.ffn_up.weight') values.fill(Number.NaN); } });
    await expect(searchSparse(options({ model: nan, cacheDir: join(folder, 'nan') }))).rejects.toMatchObject({ code: 'TARA_LOGITS_INVALID' });
    for (const name of ['cache', 'short', 'aborted', 'nan']) expect((await readdir(join(folder, name))).filter((entry) => entry.startsWith('work-'))).toEqual([]);
  });
});

describe('the command', () => {
  it('writes the file with its report, and says under --dry-run what it would write', async () => {
    const output = join(folder, 'small.gguf');
    const args = ['quantize', model, output, '--type', 'Q8_0', '--compression-type', 'sparse', '--text', text, '--sparsity', '5%', '--distill-minutes', '0', '--home', folder, '--threads', '1', '--json'];
    const dry = (await tara(folder, [...args, '--dry-run'])).json<{ outputs: { bytes: number }[] }>();
    const ran = await tara(folder, args);
    expect([ran.code, ran.err]).toEqual([0, '']);
    const { compression } = ran.json<{ compression: { evidence: string[]; report: { bytes: number; plainWins: boolean } } }>();
    expect((await stat(output)).size).toBe(dry.outputs[0]?.bytes);
    expect(compression.evidence.join('\n')).toMatch(/tokens a byte/);
    const file = await readGguf(output);
    const tokens = metadataOf(file).get('tokenizer.ggml.tokens');
    if (!compression.report.plainWins) {
      expect(isGgufArray(tokens) && tokens.length).toBeLessThan(bytePairs(MERGES).tokens.length);
      expect(file.size).toBe(compression.report.bytes);
    }
    expect((await evaluate({ model: output, text, chunks: 1 })).perplexity).toBeGreaterThan(1);
  });

  it('says what was the best where a budget cannot be met, and refuses an encoder', async () => {
    const run = (input: string, ...more: string[]) => tara(folder, ['quantize', input, join(folder, 'no.gguf'), '--type', 'Q8_0', '--compression-type', 'sparse', '--text', text, '--distill-minutes', '0', '--home', folder, '--threads', '1', ...more]);
    for (const more of [['--target-size', '10KB'], ['--sparsity', '95%']]) {
      const { code, err } = await run(model, ...more);
      expect([code, err]).toEqual([1, expect.stringMatching(/^error TARA_PRUNING_UNREACHED: no pruned model reaches \d+ bytes\. The best that was measured: about \d+ bytes; /)]);
    }
    const encoder = await run(await writeTinyModel(join(folder, 'encoder.gguf'), { causal: false, vocabulary: bytePairs(MERGES) }));
    expect([encoder.code, encoder.err]).toEqual([1, expect.stringContaining('it is an encoder')]);
    expect((await readdir(folder)).filter((name) => name.startsWith('no'))).toEqual([]);
  });

  it('refuses options that do not go together', async () => {
    const run = (...more: string[]) => tara(folder, ['quantize', model, join(folder, 'no.gguf'), '--type', 'Q8_0', ...more]);
    for (const more of [['--sparsity', '0.1'], ['--compression-type', 'sparse'], ['--compression-type', 'sparse', '--text', text, '--sparsity', '0.1', '--target-size', '1MB'], ['--compression-type', 'sparse', '--text', text, '--quality-threshold', '90%']]) {
      const { code, err } = await run(...more);
      expect([code, err]).toEqual([2, expect.stringContaining('TARA_OPTION_INVALID')]);
    }
  });
});
