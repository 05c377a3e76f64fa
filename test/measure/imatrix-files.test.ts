/** Importance matrices as files: merging as arithmetic has it, what is written is read again, and who may quantize with them. */
import { readFile, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { convert, measureTypes, planConvert } from '../../src/convert/index.js';
import { type ImatrixData, isMatrix, mergeImatrix, readGguf, readImatrixData, writeImatrix } from '../../src/formats/index.js';
import { tinyCheckpoint } from '../convert/tiny.js';
import { hashFile, K_QUANTABLE, random, scratch, writeLlama } from '../plan/synthetic.js';
import { tara } from '../cli/run.js';
import { writeTinyModel } from '../support/tiny-model.js';

const at = scratch();

const WIDTHS: Readonly<Record<string, readonly [width: number, experts: number]>> = { 'blk.0.attn_q.weight': [3, 1], 'blk.0.ffn_up_exps.weight': [2, 3], 'token_embd.weight': [4, 1] };
/** Whole numbers, whose float sums are exact. */
const whole = fc.integer({ min: 0, max: 1 << 16 });
const entryOf = ([width, experts]: readonly [number, number]) => fc.record({
  sums: fc.array(whole, { minLength: width * experts, maxLength: width * experts }).map((values) => Float32Array.from(values)),
  counts: fc.array(whole, { minLength: experts, maxLength: experts }).map((values) => Float32Array.from(values)),
});
const matrix: fc.Arbitrary<ImatrixData> = fc.record({
  source: fc.constant('a test'),
  entries: fc.subarray(Object.keys(WIDTHS), { minLength: 1 }).chain((names) => fc.tuple(...names.map((name) => entryOf(WIDTHS[name] ?? [1, 1]))).map((entries) => new Map(names.map((name, index) => [name, entries[index] ?? { sums: new Float32Array(1), counts: new Float32Array(1) }])))),
  datasets: fc.array(fc.string({ unit: 'grapheme', maxLength: 12 }), { maxLength: 3 }),
  chunks: whole,
  chunkSize: fc.integer({ min: 1, max: 4096 }),
});
const sorted = ({ entries }: ImatrixData) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));

describe('merging', () => {
  it('does not depend on order or grouping, and sums in double', () => {
    fc.assert(fc.property(matrix, matrix, matrix, (a, b, c) => {
      const all = sorted(mergeImatrix([a, b, c]));
      expect(sorted(mergeImatrix([c, a, b]))).toEqual(all);
      expect(sorted(mergeImatrix([mergeImatrix([a, b]), c]))).toEqual(all);
      for (const [name, { sums }] of all) {
        const parts = [a, b, c].flatMap(({ entries }) => entries.get(name) ?? []);
        expect([...sums]).toEqual([...sums].map((_, index) => Math.fround(parts.reduce((sum, part) => sum + (part.sums[index] ?? 0), 0))));
      }
    }));
  });

  it('lets one count stand for all experts, and refuses weights of another shape', () => {
    const of = (sums: number, ...counts: number[]): ImatrixData => ({ source: `${sums}`, entries: new Map([['w', { sums: new Float32Array(sums).fill(1), counts: Float32Array.from(counts) }]]), datasets: [], chunks: 0, chunkSize: 0 });
    expect(mergeImatrix([of(6, 5), of(6, 1, 2, 3)]).entries.get('w')?.counts).toEqual(Float32Array.of(6, 7, 8));
    expect(mergeImatrix([of(6, 1, 2, 3), of(6, 600)])).toMatchObject({ chunks: 1, chunkSize: 512 });
    for (const other of [of(4, 5), of(6, 1, 2)]) expect(() => mergeImatrix([of(6, 1, 2, 3), other])).toThrow(expect.objectContaining({ code: 'TARA_IMATRIX_INVALID' }));
  });
});

describe('writing', () => {
  it('gives what is read again', async () => {
    await fc.assert(fc.asyncProperty(matrix, async (data) => {
      await writeImatrix(at('round.gguf'), data);
      const read = await readImatrixData(at('round.gguf'));
      expect(sorted(read)).toEqual(sorted(data));
      expect({ ...read, entries: 0, source: 0 }).toEqual({ ...data, entries: 0, source: 0 });
    }), { numRuns: 40 });
  });

  it('refuses names that GGUF cannot hold, and leaves what was there', async () => {
    await writeImatrix(at('kept.gguf'), { source: '', entries: new Map([['w', { sums: Float32Array.of(1), counts: Float32Array.of(1) }]]), datasets: [], chunks: 0, chunkSize: 1 });
    const before = await hashFile(at('kept.gguf'));
    const long = { source: '', entries: new Map([['x'.repeat(60), { sums: Float32Array.of(1), counts: Float32Array.of(1) }]]), datasets: [], chunks: 0, chunkSize: 1 };
    await expect(writeImatrix(at('kept.gguf'), long)).rejects.toMatchObject({ code: 'TARA_IMATRIX_INVALID' });
    expect(await hashFile(at('kept.gguf'))).toBe(before);
  });
});

/** Importance for every matrix of a model. */
async function matrixOf(path: string, output: string, keep: (name: string) => boolean = () => true): Promise<string> {
  const next = random(9);
  const entries = (await readGguf(path)).tensors.filter((tensor) => isMatrix(tensor) && keep(tensor.name))
    .map(({ name, ne }) => [name, { sums: Float32Array.from({ length: ne[0] ?? 0 }, () => next() ** 3), counts: Float32Array.of(1) }] as const);
  await writeImatrix(output, { source: path, entries: new Map(entries), datasets: ['text.txt'], chunks: 1, chunkSize: 512 });
  return output;
}

describe('quantizing', () => {
  beforeAll(async () => {
    await writeLlama(at('model.gguf'), K_QUANTABLE);
    await writeLlama(at('deeper.gguf'), { ...K_QUANTABLE, layers: 7 });
    await writeLlama(at('narrower.gguf'), { ...K_QUANTABLE, width: 128 });
  });

  it('refuses a matrix of another model: too deep, too flat, too narrow', async () => {
    const refused = async (model: string, imatrix: string, reason: RegExp) => {
      const error = { code: 'TARA_IMATRIX_INVALID', fields: { path: imatrix, reason: expect.stringMatching(reason) as string } };
      await expect(planConvert({ base: at(model), adapters: [], outputs: [{ id: 'o', path: at('o.gguf'), type: 'Q4_K_M' }], imatrix: { path: imatrix, name: 'm' } })).rejects.toMatchObject(error);
      await expect(measureTypes({ input: at(model), types: ['q4_K'], imatrix })).rejects.toMatchObject({ code: error.code });
    };
    await refused('model.gguf', await matrixOf(at('deeper.gguf'), at('deeper.imatrix')), /^it knows blk\.3\.\S+, which the model does not have/);
    await refused('deeper.gguf', await matrixOf(at('model.gguf'), at('model.imatrix')), /^it knows 3 of the model's 7 layers/);
    await refused('model.gguf', await matrixOf(at('narrower.gguf'), at('narrower.imatrix')), /has 128 values, the model needs 256/);
  });

  it('takes one that knows some of the weights: those that a text did not reach', async () => {
    const imatrix = await matrixOf(at('model.gguf'), at('some.imatrix'), (name) => !name.includes('ffn_up') && !name.startsWith('blk.2'));
    const outputs = [{ id: 'o', path: at('some.gguf'), type: 'Q4_K_M' }];
    await expect(convert({ base: at('model.gguf'), adapters: [], outputs, imatrix: { path: imatrix, name: 'm' } })).resolves.toMatchObject({ files: [{ path: at('some.gguf') }] });
  });

  it('of a checkpoint folder gives what its conversion quantized gives', async () => {
    const base = tinyCheckpoint(at(''), 'checkpoint');
    const input = { base, adapters: [], preTokenizer: 'gpt-2' };
    await convert({ ...input, outputs: [{ id: 'auto', path: at('auto.gguf'), type: 'auto' }] });
    const imatrix = { path: await matrixOf(at('auto.gguf'), at('checkpoint.imatrix')), name: 'checkpoint.imatrix' };
    for (const type of ['Q4_0', 'IQ4_NL']) {
      await convert({ ...input, outputs: [{ id: 'o', path: at('direct.gguf'), type }], imatrix });
      await convert({ base: at('auto.gguf'), adapters: [], outputs: [{ id: 'o', path: at('steps.gguf'), type }], imatrix });
      expect(await hashFile(at('direct.gguf')), type).toBe(await hashFile(at('steps.gguf')));
    }
    await expect(convert({ ...input, outputs: [{ id: 'o', path: at('o.gguf'), type: 'Q4_0' }], imatrix: { path: at('model.imatrix'), name: 'm' } })).rejects.toMatchObject({ code: 'TARA_IMATRIX_INVALID' });
  });
});

describe('the command', () => {
  beforeAll(async () => {
    await writeTinyModel(at('tiny.gguf'), { tied: true });
    await writeFile(at('text.txt'), 'hello hell '.repeat(60));
  });
  const imatrix = (...argv: string[]) => tara(at(''), ['imatrix', 'tiny.gguf', '--threads', '1', ...argv]);

  it('collects, merges, and gives quantize what it takes', async () => {
    const made = await imatrix('--text', 'text.txt', '--context', '64', '--output', 'made.gguf', '--json');
    expect(made.json()).toMatchObject({ path: at('made.gguf'), entries: 15, datasets: ['text.txt'], chunkSize: 64, missing: [], partial: [] });
    expect(made.json<{ bytes: number }>().bytes).toBe((await readFile(at('made.gguf'))).length);
    const merged = await imatrix('--from', 'made.gguf', 'made.gguf', '--output', 'merged.gguf');
    expect([merged.code, merged.err]).toEqual([0, '']);
    expect(merged.out).toMatch(/text\.txt, text\.txt/);
    const quantized = await tara(at(''), ['quantize', 'tiny.gguf', 'small.gguf', '--type', 'IQ4_NL', '--imatrix', 'merged.gguf', '--json']);
    expect(quantized.code).toBe(0);
    const keys = new Map((await readGguf(at('small.gguf'))).metadata.map(({ key, value }) => [key, value]));
    expect([keys.get('quantize.imatrix.file'), keys.get('quantize.imatrix.dataset'), keys.get('quantize.imatrix.entries_count')]).toEqual(['merged.gguf', 'text.txt', 15]);
  });

  it('writes nothing under --dry-run', async () => {
    const tried = await imatrix('--text', 'text.txt', '--output', 'dry.gguf', '--dry-run');
    expect([tried.code, tried.out]).toEqual([0, expect.stringContaining('would write')]);
    await expect(readFile(at('dry.gguf'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each([
    [['--output', 'o.gguf'], 2, 'TARA_USAGE'],
    [['--text', 'text.txt'], 2, 'TARA_USAGE'],
    [['--text', 'nowhere.txt', '--output', 'o.gguf'], 1, 'TARA_FILE_NOT_FOUND'],
    [['--text', 'text.txt', '--output', 'o.gguf', '--context', '4096'], 2, 'TARA_OPTION_INVALID'],
    [['--text', 'text.txt', '--output', 'o.gguf', '--chunks', '0'], 2, 'TARA_OPTION_INVALID'],
    [['--text', 'text.txt', '--output', 'o.gguf', '--context', '2048'], 1, 'TARA_TEXT_TOO_SHORT'],
    [['--from', 'text.txt', '--output', 'o.gguf'], 1, 'TARA_IMATRIX_INVALID'],
    [['--from', 'tiny.gguf', '--output', 'o.gguf'], 1, 'TARA_IMATRIX_INVALID'],
    [['--text', 'text.txt', '--output', 'nowhere/o.gguf', '--context', '64'], 1, 'TARA_WRITE_FAILED'],
  ] as const)('%j ends with %i and one line: %s', async (argv, exit, code) => {
    const failed = await imatrix(...argv);
    expect([failed.code, failed.out, failed.err]).toEqual([exit, '', expect.stringMatching(new RegExp(`^error ${code}: [^\\n]+\\n$`)) as string]);
  });
});
