/**
 * Importance matrices against llama-imatrix of llama.cpp v0.5.0: its own files are in test/fixtures/imatrix, made by
 * `TARA_LLAMA_BIN=… npx vitest run test/measure/imatrix.test.ts` where they are missing; with it, the tool itself is compared too.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convert } from '../../src/convert/index.js';
import { createEngine, type Model } from '../../src/engine/index.js';
import { encodeImatrix, type ImatrixData, readImatrix, readImatrixData } from '../../src/formats/index.js';
import { collectImatrix, imatrixFile } from '../../src/measure/index.js';
import { encoder } from '../cli/bad-models.js';
import { hashFile, random, scratch } from '../plan/synthetic.js';
import { writeTinyModel } from '../support/tiny-model.js';
import { writeDamagedModel, writeExpertModel, writeStartingModel } from './imatrix-models.js';

const at = scratch();
const engine = createEngine();
const bin = process.env['TARA_LLAMA_BIN'];
const MODELS = ['tiny', 'start', 'experts'] as const;
const CHUNK = 64;
const CHUNKS = 6;
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/imatrix/${name}.gguf`, import.meta.url));

/** Six chunks and a rest, byte by byte for the tiny vocabulary; the last line's end is none of it. */
function calibration(): string {
  const next = random(11);
  const words = ['hello', 'matrix', 'column', 'of', 'weights', 'sum', 'squares', 'and', '42', 'naïve'];
  let text = '';
  while (text.length < CHUNK * CHUNKS + 40) text += `${words[Math.floor(next() * words.length)]}${next() < 0.2 ? '.\n' : ' '}`;
  return `${text}end\n`;
}

beforeAll(async () => {
  await writeTinyModel(at('tiny.gguf'));
  await writeTinyModel(at('tied.gguf'), { tied: true });
  await writeStartingModel(at('start.gguf'));
  await writeExpertModel(at('experts.gguf'));
  await writeFile(at('text.txt'), calibration());
  await writeFile(at('items.jsonl'), [{ prompt: 'What is a sum?', response: 'What is added.' }, { text: 'Squares are never less than 0.' }].map((item) => `${JSON.stringify(item)}\n`).join(''));
});

afterAll(() => engine.dispose());

const collect = (model: string | Model, options: Partial<Parameters<typeof collectImatrix>[0]> = {}): Promise<ImatrixData> =>
  collectImatrix({ engine, model: typeof model === 'string' ? at(`${model}.gguf`) : model, text: [at('text.txt')], contextSize: CHUNK, threads: 1, ...options });

/** The largest difference, by the mean of the weight's sums, or by the sum itself where that is larger: float32 rounds it by its own size. */
function difference(a: ImatrixData, b: ImatrixData): number {
  let worst = 0;
  for (const [name, { sums }] of a.entries) {
    const other = b.entries.get(name)?.sums ?? new Float32Array(0);
    expect(other.length, name).toBe(sums.length);
    const mean = sums.reduce((sum, value) => sum + value, 0) / sums.length;
    sums.forEach((value, index) => (worst = Math.max(worst, Math.abs(value - (other[index] ?? 0)) / Math.max(mean, value))));
  }
  return worst;
}

const counts = ({ entries }: ImatrixData): Record<string, number[]> => Object.fromEntries([...entries].sort().map(([name, entry]) => [name, [...entry.counts]]));

if (bin === undefined) console.log('skipped: llama-imatrix and llama-quantize themselves (TARA_LLAMA_BIN does not name the folder of stock tools)');
describe.runIf(bin !== undefined)('llama.cpp itself', () => {
  const stock = (tool: string, args: readonly string[]): void => void execFileSync(join(bin ?? '', tool), args, { cwd: at(''), stdio: 'pipe' });

  it.each(MODELS)('%s: llama-imatrix gives what is recorded', async (name) => {
    const chunk = String(CHUNK);
    stock('llama-imatrix', ['-m', `${name}.gguf`, '-f', 'text.txt', '-o', `stock-${name}.gguf`, '-c', chunk, '-b', chunk, '-t', '1', '--process-output', '--no-ppl']);
    if (!existsSync(fixture(name))) copyFileSync(at(`stock-${name}.gguf`), fixture(name));
    const [now, recorded] = [await readImatrixData(at(`stock-${name}.gguf`)), await readImatrixData(fixture(name))];
    expect(counts(now)).toEqual(counts(recorded));
    expect(difference(now, recorded)).toBeLessThan(1e-4);
  }, 60_000);

  it.each(['tied', 'experts'])('%s: llama-quantize and quantize write the same bytes with our matrix', async (name) => {
    const matrix = at(`${name}-ours.gguf`);
    await imatrixFile({ model: at(`${name}.gguf`), text: [at('text.txt')], output: matrix, contextSize: CHUNK, engine, threads: 1 });
    for (const type of ['Q4_0', 'IQ4_NL']) {
      stock('llama-quantize', ['--imatrix', `${name}-ours.gguf`, `${name}.gguf`, 'stock.gguf', type, '1']);
      await convert({ base: at(`${name}.gguf`), adapters: [], imatrix: { path: matrix, name: `${name}-ours.gguf` }, outputs: [{ id: 'out', path: at('ours.gguf'), type }] });
      expect(await hashFile(at('ours.gguf')), type).toBe(await hashFile(at('stock.gguf')));
    }
  }, 60_000);

  it('llama-imatrix merges our files into what we merge them into', async () => {
    await imatrixFile({ model: at('experts.gguf'), text: [at('text.txt')], output: at('a.gguf'), contextSize: CHUNK, engine });
    await imatrixFile({ model: at('experts.gguf'), text: [at('items.jsonl')], output: at('b.gguf'), contextSize: CHUNK, engine });
    await imatrixFile({ model: at('experts.gguf'), text: [], from: [at('a.gguf'), at('b.gguf')], output: at('ab.gguf') });
    stock('llama-imatrix', ['-m', 'experts.gguf', '--in-file', 'a.gguf,b.gguf', '-c', String(CHUNK), '-o', 'stock-ab.gguf']);
    expect(await hashFile(at('ab.gguf'))).toBe(await hashFile(at('stock-ab.gguf')));
  }, 60_000);
});

describe("llama-imatrix's sums", () => {
  it.each(MODELS)('%s: the same counts, and sums to float accuracy', async (name) => {
    const [ours, stock] = [await collect(name), await readImatrixData(fixture(name))];
    expect(counts(ours)).toEqual(counts(stock));
    expect(difference(ours, stock)).toBeLessThan(1e-4);
    expect(ours).toMatchObject({ datasets: stock.datasets, chunks: stock.chunks, chunkSize: stock.chunkSize });
  });

  it.each(MODELS)('%s: its file is read and written again byte for byte', async (name) => {
    expect(Buffer.compare(encodeImatrix(await readImatrixData(fixture(name))), await readFile(fixture(name)))).toBe(0);
  });

  it('reaches a tied embedding with what a head of its own gets', async () => {
    const [tied, untied] = [await collect('tied'), await collect('tiny')];
    expect(tied.entries.get('token_embd.weight')).toEqual(untied.entries.get('output.weight'));
    expect(tied.entries.has('output.weight')).toBe(false);
  });

  it('starts each chunk with the start token where the model wants one', async () => {
    const [start, plain] = [await readImatrixData(fixture('start')), await readImatrixData(fixture('tiny'))];
    expect(difference(start, plain)).toBeGreaterThan(1e-2);
  });
});

describe('collecting', () => {
  it.each(['tiny', 'experts'])('%s: gives the same bytes with one and two threads', async (name) => {
    const [one, two] = [await collect(name), await collect(name, { threads: 2 })];
    expect(Buffer.compare(encodeImatrix(one), encodeImatrix(two))).toBe(0);
  });

  it('reads chunks longer than a batch piece by piece', async () => {
    await writeFile(at('long.txt'), calibration().repeat(4));
    const { chunks, entries } = await collect('tiny', { text: [at('long.txt')], contextSize: 800 });
    expect([chunks, ...(entries.get('output.weight')?.counts ?? [])]).toEqual([2, 1600]);
  });

  it('takes the first chunks of running text, and items from all over a file up to the same tokens', async () => {
    const two = await collect('tiny', { chunks: 2 });
    await writeFile(at('two.txt'), calibration().slice(0, 3 * CHUNK - 1));
    expect(encodeImatrix({ ...two, datasets: [] })).toEqual(encodeImatrix({ ...(await collect('tiny', { text: [at('two.txt')] })), datasets: [] }));
    await writeFile(at('many.jsonl'), Array.from({ length: 40 }, (_, index) => `${JSON.stringify({ text: `Item ${index} of some.` })}\n`).join(''));
    const [all, some] = [await collect('tiny', { text: [at('many.jsonl')] }), await collect('tiny', { text: [at('many.jsonl')], chunks: 3 })];
    const tokens = ({ entries }: ImatrixData): number => entries.get('output.weight')?.counts[0] ?? 0;
    expect(tokens(all)).toBeGreaterThan(3 * CHUNK);
    expect(tokens(some)).toBeGreaterThan(2 * CHUNK);
    expect(tokens(some)).toBeLessThanOrEqual(3 * CHUNK);
  });

  it('reads items as the chat template writes them, with a loaded model', async () => {
    await using model = await engine.load(at('tiny.gguf'), { slots: 1, contextSize: 128 });
    const exchange = await model.applyChatTemplate([{ role: 'user', content: 'What is a sum?' }, { role: 'assistant', content: 'What is added.' }], { addGenerationPrompt: false });
    const tokens = (await model.tokenize(exchange, { addSpecial: false, parseSpecial: true })).length + (await model.tokenize('Squares are never less than 0.')).length;
    const { entries, datasets } = await collect(model, { text: [at('items.jsonl')], contextSize: 128 });
    expect(entries.get('blk.0.attn_q.weight')?.counts).toEqual(Float32Array.of(tokens));
    expect(datasets).toEqual(['items.jsonl']);
  });

  it('counts each expert by itself', async () => {
    const { entries } = await collect('experts');
    const experts = entries.get('blk.0.ffn_gate_exps.weight');
    expect(experts?.counts.length).toBe(4);
    // Two for each token.
    expect(experts?.counts.reduce((sum, count) => sum + count, 0)).toBe(2 * CHUNK * CHUNKS);
    expect(entries.get('blk.0.ffn_down_exps.weight')?.counts).toEqual(experts?.counts);
  });

  it('reads paragraphs and items with an encoder, sentence by sentence', async () => {
    encoder(at('encoder.gguf'));
    await writeFile(at('sentences.txt'), 'a b a\n\nb b\n');
    await writeFile(at('pairs.jsonl'), `${JSON.stringify({ prompt: 'a', response: 'b a' })}\n`);
    const { entries } = await collect('encoder', { text: [at('sentences.txt'), at('pairs.jsonl')], contextSize: undefined });
    // [CLS] and [SEP] around each of the four.
    expect(Object.values(counts({ entries } as ImatrixData)).flat()).toEqual(Array(6).fill(3 + 2 + 1 + 2 + 4 * 2));
  });
});

describe('files', () => {
  it('adds matrices, as if their texts had been read together', async () => {
    await imatrixFile({ model: at('experts.gguf'), text: [at('text.txt')], output: at('text.imatrix'), contextSize: CHUNK, engine });
    const report = await imatrixFile({ model: at('experts.gguf'), text: [at('items.jsonl')], from: [at('text.imatrix')], output: at('sum.imatrix'), contextSize: CHUNK, engine });
    const together = await collect('experts', { text: [at('text.txt'), at('items.jsonl')] });
    const sum = await readImatrixData(at('sum.imatrix'));
    expect(counts(sum)).toEqual(counts(together));
    expect(difference(sum, together)).toBeLessThan(1e-6);
    expect(report).toMatchObject({ entries: together.entries.size, datasets: ['text.txt', 'items.jsonl'], chunkSize: CHUNK, missing: ['token_embd.weight'], partial: [] });
    expect((await readImatrix(at('sum.imatrix'))).entries.get('blk.1.attn_q.weight')?.every((value) => value > 0)).toBe(true);
  });
});

describe('refuses', () => {
  const refused = (input: Partial<Parameters<typeof imatrixFile>[0]>, code: string, fields: object = {}) =>
    expect(imatrixFile({ model: at('tiny.gguf'), text: [at('text.txt')], output: at('refused.gguf'), contextSize: CHUNK, engine, ...input })).rejects.toMatchObject({ code, fields });

  afterAll(() => expect(readdirSync(at('')).filter((name) => name.startsWith('refused'))).toEqual([]));

  it('text that is too short, empty or not there', async () => {
    await writeFile(at('short.txt'), 'x'.repeat(CHUNK - 1));
    await writeFile(at('empty.txt'), '');
    await writeFile(at('empty.jsonl'), '\n');
    await writeFile(at('wrong.jsonl'), '{"question": 1}\n');
    await refused({ text: [at('short.txt')] }, 'TARA_TEXT_TOO_SHORT', { tokens: CHUNK - 1, needed: CHUNK });
    await refused({ text: [at('text.txt'), at('empty.txt')] }, 'TARA_TEXT_TOO_SHORT', { tokens: 0 });
    await refused({ text: [at('empty.jsonl')] }, 'TARA_CONFIG_INVALID');
    await refused({ text: [at('wrong.jsonl')] }, 'TARA_CONFIG_INVALID');
    await refused({ text: [at('nowhere.txt')] }, 'TARA_FILE_NOT_FOUND');
    await refused({ text: [at('')] }, 'TARA_FILE_UNREADABLE');
    await refused({ text: [] }, 'TARA_OPTION_INVALID');
  });

  it('options out of range, and an output that is an input', async () => {
    await refused({ contextSize: 4 }, 'TARA_OPTION_INVALID', { option: 'contextSize' });
    await refused({ contextSize: 4096 }, 'TARA_OPTION_INVALID', { option: 'contextSize' });
    await refused({ chunks: 0 }, 'TARA_OPTION_INVALID', { option: 'chunks' });
    await refused({ output: at('tiny.gguf') }, 'TARA_OUTPUT_IS_INPUT');
    await refused({ output: at('text.txt') }, 'TARA_OUTPUT_IS_INPUT');
    await mkdir(at('folder'), { recursive: true });
    await refused({ output: at('folder') }, 'TARA_WRITE_FAILED');
  });

  it('weights that make NaN or infinity of a text, naming where it shows', async () => {
    for (const value of [Number.NaN, Infinity]) {
      await writeDamagedModel(at('damaged.gguf'), 'blk.0.attn_v.weight', value);
      await refused({ model: at('damaged.gguf') }, 'TARA_TENSOR_NOT_FINITE', { tensor: 'blk.0.attn_output.weight' });
    }
  });

  it('a matrix of another model, to merge', async () => {
    await writeTinyModel(at('deep.gguf'), { layers: 5 });
    const matrix = at('tiny.imatrix');
    await imatrixFile({ model: at('tiny.gguf'), text: [at('text.txt')], output: matrix, contextSize: CHUNK, engine });
    await refused({ model: at('experts.gguf'), from: [matrix] }, 'TARA_IMATRIX_INVALID', { path: matrix });
    await refused({ model: at('deep.gguf'), from: [matrix] }, 'TARA_IMATRIX_INVALID', { reason: "it knows 2 of the model's 5 layers: it is of another model" });
    await refused({ from: [at('tiny.gguf')] }, 'TARA_IMATRIX_INVALID');
  });

  it('to go on when cancelled, before and while it reads', async () => {
    await refused({ signal: AbortSignal.abort() }, 'TARA_ABORTED');
    await writeFile(at('endless.txt'), calibration().repeat(200));
    const controller = new AbortController();
    await refused({ text: [at('endless.txt')], signal: controller.signal, onProgress: () => controller.abort() }, 'TARA_ABORTED');
  });
});
