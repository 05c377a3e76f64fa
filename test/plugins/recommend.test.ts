import { mkdtempSync, rmSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CompressionRequest } from 'tara-gguf/plugin';
import { createTestHost, type TestHost } from 'tara-gguf/testing';
import plugin from '../../plugins/compression/index.js';
import { originalLabel, withMix } from '../../plugins/compression/recommend/candidates.js';
import { choose, type Option, type Wishes } from '../../plugins/compression/recommend/choose.js';
import { estimate, partErrors, partOf } from '../../plugins/compression/recommend/estimate.js';
import { exampleTexts } from '../../plugins/compression/recommend/examples.js';
import { FIT } from '../../plugins/compression/recommend/fit.js';
import { parseBytes, parseCount, parseFraction, parseSwitch } from '../../plugins/compression/recommend/wishes.js';
import { CHOICES, row, sampleBenchmark } from '../benchmark/sample.js';
import { writeTinyModel } from '../support/tiny-model.js';

const NONE: Wishes = { targetSize: null, memory: null, qualityThreshold: null, speedPriority: false };

const option = (name: string, bytes: number, kld: number, more: Partial<Option> = {}): Option => ({
  name, bytes, bitsPerWeight: bytes / 10, types: { q4_0: 1 }, kld, topTokenAgreement: 1 - kld, decodeTokensPerSecond: null, memoryBytes: null, ...more,
});

/** Q5 is larger and worse than Q4, as on rows that k-quants do not fit. */
const OPTIONS = [
  option('Q2', 50, 0.6, { decodeTokensPerSecond: 120, memoryBytes: 90 }), option('Q4', 80, 0.08, { decodeTokensPerSecond: 118, memoryBytes: 120 }),
  option('Q5', 90, 0.09, { decodeTokensPerSecond: 100, memoryBytes: 130 }), option('Q8', 140, 0.005, { decodeTokensPerSecond: 70, memoryBytes: 180 }),
];
const chosen = (wishes: Partial<Wishes>, options = OPTIONS): string => choose(options, { ...NONE, ...wishes }).choice.name;

describe('the choice', () => {
  it('is the closest to the model, whatever its label', () => {
    expect(chosen({})).toBe('Q8');
    expect(chosen({ targetSize: 100 })).toBe('Q4');
    expect(choose(OPTIONS, NONE).front).toEqual(['Q2', 'Q4', 'Q8']);
  });

  it('is the smallest that is good enough', () => {
    expect(chosen({ qualityThreshold: 0.9 })).toBe('Q4');
    expect(chosen({ qualityThreshold: 0.95 })).toBe('Q8');
    expect(() => chosen({ qualityThreshold: 0.95, targetSize: 100 })).toThrowError(expect.objectContaining({ code: 'TARA_QUALITY_UNREACHED', fields: expect.objectContaining({ agreement: 92, kld: 0.08, bytes: 80 }) }));
  });

  it('counts the memory of the process, and of the file where that is not known', () => {
    expect(chosen({ memory: 150 })).toBe('Q4');
    expect(chosen({ memory: 150 }, OPTIONS.map((one) => ({ ...one, memoryBytes: null })))).toBe('Q4');
    expect(chosen({ memory: 175 }, OPTIONS.map((one) => ({ ...one, memoryBytes: null })))).toBe('Q8');
    expect(() => chosen({ memory: 100 })).toThrowError(expect.objectContaining({ code: 'TARA_COMPRESSION_BUDGET', fields: { budget: 80, preset: 'Q2', bytes: 90 } }));
  });

  it('is the fastest, quality deciding between equals, and the smallest where speed is not known', () => {
    expect(chosen({ speedPriority: true })).toBe('Q4');
    expect(chosen({ speedPriority: true, qualityThreshold: 0.99 })).toBe('Q8');
    expect(chosen({ speedPriority: true }, OPTIONS.map((one) => ({ ...one, decodeTokensPerSecond: null })))).toBe('Q2');
  });

  it('names the smallest when nothing fits', () => {
    expect(() => chosen({ targetSize: 10 })).toThrowError(expect.objectContaining({ code: 'TARA_COMPRESSION_BUDGET', fields: { budget: 10, preset: 'Q2', bytes: 50 } }));
  });

  it('meets every wish, and none that meets them all is better', () => {
    const some = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 100 }), kld: fc.double({ min: 0, max: 1, noNaN: true }) }), { minLength: 1, maxLength: 12 });
    fc.assert(fc.property(some, fc.integer({ min: 1, max: 120 }), fc.double({ min: 0, max: 1, noNaN: true }), (files, targetSize, qualityThreshold) => {
      const options = files.map(({ bytes, kld }, index) => option(String(index), bytes, kld));
      const good = options.filter(({ bytes, topTokenAgreement }) => bytes <= targetSize && topTokenAgreement >= qualityThreshold);
      if (good.length === 0) expect(() => choose(options, { ...NONE, targetSize, qualityThreshold })).toThrowError(expect.objectContaining({ code: expect.stringMatching(/BUDGET|UNREACHED/) }));
      else expect(choose(options, { ...NONE, targetSize, qualityThreshold }).choice.bytes).toBe(Math.min(...good.map(({ bytes }) => bytes)));
    }));
  });
});

describe('the estimate', () => {
  const tensors = (name: string) => {
    const choice = CHOICES.find((one) => one.name === name);
    return choice ? row(choice).tensors : [];
  };

  it('finds more loss in fewer bits, and none in float weights', () => {
    const klds = ['Q4_0', 'Q4_K_M', 'Q8_0'].map((name) => estimate(tensors(name)).kld);
    expect(klds).toEqual([...klds].sort((a, b) => b - a));
    expect(estimate(tensors('Q4_0').map((tensor) => ({ ...tensor, type: 'f32' as const })))).toEqual({ kld: 0, topTokenAgreement: 1 });
    expect(estimate(tensors('Q4_0')).topTokenAgreement).toBeLessThan(estimate(tensors('Q8_0')).topTokenAgreement);
  });

  it('takes a mean over the weights of each part', () => {
    const tensor = (name: string, type: 'q4_0' | 'q8_0', rows: number) => ({ name, ne: [32, rows], type, bytes: (rows * (type === 'q4_0' ? 18 : 34)) });
    const errors = partErrors([tensor('blk.0.ffn_up.weight', 'q4_0', 6), tensor('blk.0.ffn_down.weight', 'q8_0', 2), tensor('token_embd.weight', 'q8_0', 5)], { q4_0: 0.04, q8_0: 0 });
    expect(errors).toEqual({ embedding: 0, attention: 0, other: 0.03 });
    expect([partOf({ name: 'output.weight', ne: [32, 4] }), partOf({ name: 'blk.1.attn_v.weight', ne: [32, 4] }), partOf({ name: 'blk.1.attn_norm.weight', ne: [32] })]).toEqual(['embedding', 'attention', null]);
    expect(partErrors([{ name: 'blk.0.ffn_up.weight', ne: [256, 2], type: 'iq2_xxs', bytes: 132 }], {}).other).toBeCloseTo(4 ** (1 - 66 / 32), 12);
  });

  it('comes from measurements', () => {
    expect(FIT.measurements).toBeGreaterThan(9);
    expect(FIT.errors.q8_0).toBeLessThan(FIT.errors.q5_0);
    expect(FIT.errors.q5_0).toBeLessThan(FIT.errors.q4_0);
    expect(FIT.errors.iq4_nl).toBeLessThan(FIT.errors.q4_0);
  });
});

describe('a mix', () => {
  const asked = { model: 'm.gguf', reference: sampleBenchmark().reference, texts: ['c.txt'], budget: 90_000_000, speedPriority: true, threads: 1, signal: new AbortController().signal, onProgress: () => undefined };

  it('is what the compressor proposes, while its matrix is there', async () => {
    const requests: CompressionRequest[] = [];
    const compressor = {
      propose: async (request: CompressionRequest) => {
        requests.push(request);
        const imatrix = join(request.measuring?.cacheDir ?? '', 'imatrix.gguf');
        await writeFile(imatrix, '');
        return { preset: 'Q4_K_M', types: { 'output.weight': 'q6_k' }, bytes: 1, evidence: ['why'], imatrix };
      },
    };
    const path = await withMix({ ...asked, compressor }, async (mix) => {
      expect(mix).toMatchObject({ name: 'hybrid', compressionType: 'hybrid', preset: 'Q4_K_M', types: { 'output.weight': 'q6_k' }, evidence: ['why'] });
      expect((await stat(mix.imatrix ?? '')).isFile()).toBe(true);
      return mix.imatrix ?? '';
    });
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(requests).toMatchObject([{ compressionType: 'hybrid', budget: 90_000_000, speedPriority: true, measuring: { model: 'm.gguf', texts: ['c.txt'], threads: 1 } }]);
  });

  it('leaves nothing behind when there is none', async () => {
    let cache = '';
    const compressor = { propose: (request: CompressionRequest) => { cache = request.measuring?.cacheDir ?? ''; return Promise.reject(new Error('no')); } };
    await expect(withMix({ ...asked, compressor }, () => Promise.resolve())).rejects.toThrow('no');
    expect(cache).not.toBe('');
    await expect(stat(cache)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('what is typed', () => {
  it('is read, or refused by name', () => {
    expect([parseBytes('--x', '88.2MB'), parseBytes('--x', '1 GiB'), parseBytes('--x', '500')]).toEqual([88_200_000, 2 ** 30, 500]);
    expect([parseFraction('--x', '0.85'), parseFraction('--x', '85%'), parseCount('--x', ' 12 ', 1, 20)]).toEqual([0.85, 0.85, 12]);
    expect([parseSwitch('--x', undefined), parseSwitch('--x', true), parseSwitch('--x', 'on'), parseSwitch('--x', 'off')]).toEqual([false, true, true, false]);
    const refused = expect.objectContaining({ code: 'TARA_OPTION_INVALID', fields: expect.objectContaining({ option: '--x' }) });
    for (const bad of ['', 'big', '-5MB', '1e400MB', '0']) expect(() => parseBytes('--x', bad)).toThrowError(refused);
    for (const bad of ['', '2', '-1', 'high']) expect(() => parseFraction('--x', bad)).toThrowError(refused);
    for (const bad of ['', '0', '21', '1.5', 'x']) expect(() => parseCount('--x', bad, 1, 20)).toThrowError(refused);
    expect(() => parseSwitch('--x', 'maybe')).toThrowError(refused);
  });
});

describe('the command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tara-recommend-'));
  const at = (name: string): string => join(folder, name);
  let host: TestHost;

  beforeAll(async () => {
    host = await createTestHost({ plugins: [plugin], config: { compression: { presets: ['Q4_0', 'Q4_K_M', 'Q8_0', 'F16'] } } });
    await writeTinyModel(at('tiny.gguf'), { layers: 2, contextLength: 128 });
    await writeFile(at('text.txt'), Array.from({ length: 30 }, (_, line) => `Line ${line}: the shell of a nut, hello, all ${'wxyz'.repeat(line % 4)} held; 3 times ${line} is ${3 * line}.`).join('\n'));
    await writeFile(at('no.gguf'), 'not a model');
  });
  afterAll(async () => {
    await host.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (...argv: string[]) => host.run('recommend', [at('tiny.gguf'), '--context', '64', '--chunks', '3', '--threads', '1', ...argv]);

  it('measures, and shows the labels beside what it measured', async () => {
    const { json, text } = await run('--text', at('text.txt'));
    expect(json).toMatchObject({
      recommended: 'Q8_0', measured: true, originalLabel: 1, kld: expect.any(Number), topTokenAgreement: expect.any(Number), chunks: 3, tooLarge: [],
      presets: [
        { preset: 'Q4_0', originalLabel: null, kld: expect.any(Number), topTokenAgreement: expect.any(Number), promptTokensPerSecond: expect.any(Number), memoryBytes: expect.any(Number) },
        { preset: 'Q4_K_M', originalLabel: 0.85, pareto: expect.any(Boolean) }, { preset: 'Q8_0', originalLabel: 1 },
      ],
    });
    expect(text).toMatch(/^Q8_0: \d+ bytes, .* of the time, measured \(the original program's label: 100 %\)\n- the closest to the model of the 3 that meet the wishes\n- measured on 3 chunks of 64 tokens of text\.txt/);
    expect(text).toMatch(/ Q4_K_M .*% +85 %/);
  });

  it('measures only what can fit', async () => {
    const { json } = await run('--text', at('text.txt'), '--target-size', '100000');
    expect(json).toMatchObject({ recommended: expect.stringMatching(/^Q4/), tooLarge: [{ preset: 'Q8_0', bytes: expect.any(Number) }] });
    await expect(run('--text', at('text.txt'), '--target-size', '1000')).rejects.toMatchObject({ code: 'TARA_COMPRESSION_BUDGET', fields: { budget: 1000 } });
  });

  it('estimates with --fast, and says that it does', async () => {
    const { json, text } = await run('--fast', '--quality-threshold', '10%');
    expect(json).toMatchObject({ measured: false, recommended: expect.any(String), presets: [{ decodeTokensPerSecond: null, memoryBytes: null }, {}, {}] });
    expect(text).toMatch(/, estimated[\s\S]*nothing was measured on this model[\s\S]*KL, estimated/);
    await expect(run('--fast', '--calibration', at('text.txt'))).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  });

  it('says what is wrong with its input', async () => {
    const code = (expected: string) => ({ code: expected });
    await expect(host.run('recommend', [at('no.gguf')])).rejects.toMatchObject(code('TARA_GGUF_INVALID'));
    await expect(host.run('recommend', [at('none.gguf')])).rejects.toMatchObject(code('TARA_FILE_NOT_FOUND'));
    await expect(host.run('recommend', [])).rejects.toMatchObject(code('TARA_USAGE'));
    await expect(run('--speed-priority', 'maybe')).rejects.toMatchObject(code('TARA_OPTION_INVALID'));
    await expect(run('--text', at('none.txt'))).rejects.toMatchObject(code('TARA_FILE_NOT_FOUND'));
    await expect(run('--imatrix', at('text.txt'))).rejects.toMatchObject(code('TARA_IMATRIX_INVALID'));
  });

  it('has texts for those who give none', async () => {
    expect((await exampleTexts()).length).toBeGreaterThan(0);
  });

  it('knows the labels of the original program', () => {
    expect(['Q2_K', 'Q4_K_M', 'Q5_K_M', 'Q8_0', 'Q6_K'].map(originalLabel)).toEqual([0.7, 0.85, 0.95, 1, null]);
  });
});
