/** The whole benchmark on a model small enough for a test, in the library and from the command line. */
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { benchmark, planBenchmark, type Benchmark, type Candidate } from '../../src/benchmark/index.js';
import { evaluate } from '../../src/measure/index.js';
import { createTaraEngine } from '../../src/tara.js';
import { tara } from '../cli/run.js';
import { writeTinyModel } from '../support/tiny-model.js';

const folder = mkdtempSync(join(tmpdir(), 'tara-benchmark-test-'));
const at = (name: string): string => join(folder, name);
const standard = (name: string): Candidate => ({ name, compressionType: 'standard', preset: name });
/** Of the measuring process's reading and answering: as much as the model was trained for. */
const CONTEXT = 128;

beforeAll(async () => {
  await writeTinyModel(at('tiny.gguf'), { layers: 3, contextLength: CONTEXT });
  await writeFile(at('text.txt'), Array.from({ length: 40 }, (_, line) => `Line ${line}: the shell of a nut, hello, all ${'wxyz'.repeat(line % 4)} held; 3 times ${line} is ${3 * line}.`).join('\n'));
  await mkdir(at('scratch'));
  await using engine = createTaraEngine();
  await engine.quantize(at('tiny.gguf'), at('q4_0.gguf'), { type: 'Q4_0' });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('benchmark', () => {
  const settings = { text: at('text.txt'), contextSize: 64, chunks: 6, threads: 1, scratch: at('scratch') };
  let measured: Benchmark;
  let details: string[];

  beforeAll(async () => {
    details = [];
    const fractions: number[] = [];
    measured = await benchmark({
      ...settings, model: at('tiny.gguf'), runs: 2,
      candidates: [standard('Q8_0'), standard('Q4_0'), { name: 'mix', compressionType: 'hybrid', preset: 'Q4_0', types: { 'blk.1.ffn_down.weight': 'q8_0' }, evidence: ['by hand'] }],
      onProgress: (fraction, detail) => { fractions.push(fraction); details.push(detail); },
    });
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  });

  it('measures what a file of its own would measure', async () => {
    await using engine = createTaraEngine();
    const alone = await evaluate({ ...settings, engine, model: at('q4_0.gguf'), reference: at('tiny.gguf') });
    const row = measured.rows.find(({ name }) => name === 'Q4_0');
    expect(row?.bytes).toBe((await stat(at('q4_0.gguf'))).size);
    expect(row?.quality.kld.mean).toBeCloseTo(alone.kld?.mean ?? NaN, 9);
    expect(row?.quality.kld.mean).toBeGreaterThan(0);
    expect(row?.quality.topTokenAgreement).toBe(alone.topTokenAgreement);
    expect(row?.quality.perplexity).toBeCloseTo(alone.perplexity, 9);
    expect(measured.reference.quality.perplexity).toBeCloseTo(alone.referencePerplexity ?? NaN, 9);
    expect(row?.quality.chunkKld).toHaveLength(6);
  });

  it('sorts by size, marks the front, and knows every tensor', () => {
    expect(measured.rows.map(({ name }) => name)).toEqual(['Q4_0', 'mix', 'Q8_0']);
    expect(measured.rows.filter(({ pareto }) => pareto).map(({ name }) => name)).toContain('Q4_0');
    const mix = measured.rows[1];
    expect(mix).toMatchObject({ compressionType: 'hybrid', evidence: ['by hand'] });
    expect(mix?.tensors.find(({ name }) => name === 'blk.1.ffn_down.weight')).toEqual({ name: 'blk.1.ffn_down.weight', ne: [128, 64], type: 'q8_0', bytes: (128 * 64 * 34) / 32 });
    expect(mix?.tensors.find(({ name }) => name === 'blk.0.ffn_down.weight')?.type).toBe('q4_0');
    expect(measured.reference).toMatchObject({ name: 'F32', compressionType: 'none' });
    expect(measured.reference.bitsPerWeight).toBeCloseTo(32, 5);
  });

  it('times each file, and tells the memory that it takes', () => {
    expect(measured.speedTokens).toEqual({ prompt: 102, decode: 26 });
    for (const { speed } of [...measured.rows, measured.reference]) {
      expect(speed?.loadMs).toBeGreaterThan(0);
      expect(speed?.promptTokensPerSecond).toBeGreaterThan(0);
      expect(speed?.memoryBytes).toBeGreaterThan(0);
    }
  });

  it('says what it does, and leaves nothing behind', async () => {
    expect(details).toEqual(expect.arrayContaining(['planning', 'F32: perplexity', 'F32: speed', 'mix: KL divergence', 'Q8_0: speed']));
    expect(await readdir(at('scratch'))).toEqual([]);
  });

  it('plans without measuring', async () => {
    const { reference, files } = await planBenchmark({ model: at('tiny.gguf'), candidates: [standard('Q4_0')] });
    expect(files[0]?.bytes).toBe(measured.rows[0]?.bytes);
    expect(reference.bytes).toBe((await stat(at('tiny.gguf'))).size);
  });

  it('gives up wherever it is, and leaves nothing behind', async () => {
    for (const moment of ['F32: perplexity', 'F32: speed', 'Q4_0: KL divergence', 'Q4_0: speed']) {
      const controller = new AbortController();
      const seen: string[] = [];
      const running = benchmark({
        ...settings, model: at('tiny.gguf'), candidates: [standard('Q4_0')], runs: 1, signal: controller.signal,
        onProgress: (_, detail) => {
          seen.push(detail);
          if (detail === moment) controller.abort();
        },
      });
      await expect(running, moment).rejects.toMatchObject({ code: 'TARA_ABORTED' });
      expect(seen.at(-1)).toBe(moment);
      expect(await readdir(at('scratch'))).toEqual([]);
    }
  });

  it('refuses before it measures', async () => {
    const refused = async (change: object, code: string) => {
      const seen: string[] = [];
      await expect(benchmark({ ...settings, model: at('tiny.gguf'), candidates: [standard('Q4_0')], runs: 0, onProgress: (_, detail) => seen.push(detail), ...change })).rejects.toMatchObject({ code });
      expect(seen.filter((detail) => detail.includes('Q4_0'))).toEqual([]);
      expect(await readdir(at('scratch'))).toEqual([]);
    };
    await refused({ candidates: [standard('Q4_0'), standard('Q4_X')] }, 'TARA_TYPE_UNKNOWN');
    await refused({ candidates: [standard('IQ2_XXS')] }, 'TARA_TYPE_NEEDS_IMATRIX');
    await refused({ candidates: [standard('Q4_0'), standard('Q4_0')] }, 'TARA_OPTION_INVALID');
    await refused({ candidates: [] }, 'TARA_OPTION_INVALID');
    await refused({ text: [] }, 'TARA_OPTION_INVALID');
    await refused({ text: at('none.txt') }, 'TARA_FILE_NOT_FOUND');
    await refused({ model: at('text.txt') }, 'TARA_GGUF_INVALID');
    await refused({ chunks: 2 ** 31 - 1, contextSize: 1 << 20 }, 'TARA_DISK_FULL');
    await writeFile(at('short.txt'), 'too short');
    await refused({ text: at('short.txt') }, 'TARA_TEXT_TOO_SHORT');
    await expect(benchmark({ ...settings, model: at('tiny.gguf'), candidates: [standard('Q4_0')], scratch: at('none') })).rejects.toMatchObject({ code: 'TARA_WRITE_FAILED' });
  });
});

describe('the command', () => {
  const argv = (...more: string[]) => ['benchmark', 'tiny.gguf', '--text', 'text.txt', '--types', 'q4_0,Q8_0,Q4_0', '--context', '64', '--chunks', '4', '--runs', '0', '--threads', '1', '--scratch', 'scratch', ...more];

  it('prints a table and writes a page', async () => {
    const { code, out, err } = await tara(folder, argv('--html', 'page.html'));
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(out.split('\n').slice(1, 4).map((line) => line.trim().replace(/^\* /, '').split(/\s+/)[0])).toEqual(['Q4_0', 'Q8_0', 'F32']);
    expect(out).toContain('on the Pareto front');
    expect((await readFile(at('page.html'), 'utf8')).startsWith('<!DOCTYPE html>')).toBe(true);
  });

  it('prints JSON', async () => {
    const { code, json } = await tara(folder, argv('--json'));
    expect(code).toBe(0);
    expect(json<Benchmark>()).toMatchObject({ contextSize: 64, chunks: 4, runs: 0, rows: [{ name: 'Q4_0', speed: null, quality: { kld: { mean: expect.any(Number) }, topTokenAgreement: expect.any(Number) } }, { name: 'Q8_0' }] });
  });

  it('only plans under --dry-run', async () => {
    const { out } = await tara(folder, argv('--dry-run', '--html', 'dry.html'));
    expect(out).toMatch(/would measure[\s\S]*Q8_0[\s\S]*F32/);
    expect(await readdir(folder)).not.toContain('dry.html');
  });

  it('notes that the model is quantized already', async () => {
    const { err } = await tara(folder, ['benchmark', 'q4_0.gguf', '--text', 'text.txt', '--types', 'Q8_0', '--dry-run']);
    expect(err).toMatch(/^note: q4_0\.gguf is quantized already \([a-z0-9_, ]*q4_0[a-z0-9_, ]*\): /);
  });

  it('says what is wrong before it measures', async () => {
    const failed = async (more: string[], code: string, exit = 1) => {
      const ran = await tara(folder, argv(...more, '--json'));
      expect(ran.json<{ error: { code: string } }>().error.code, more.join(' ')).toBe(code);
      expect(ran.code).toBe(exit);
    };
    await failed(['--html', 'none/page.html'], 'TARA_WRITE_FAILED');
    await failed(['--html', 'tiny.gguf'], 'TARA_OUTPUT_IS_INPUT', 2);
    await failed(['--html', 'scratch'], 'TARA_WRITE_FAILED');
    await failed(['--types', ','], 'TARA_OPTION_INVALID', 2);
    await failed(['--types', 'Q9_9'], 'TARA_TYPE_UNKNOWN', 2);
    await failed(['--imatrix', 'none.gguf'], 'TARA_FILE_NOT_FOUND');
    await failed(['--runs', '-1'], 'TARA_OPTION_INVALID', 2);
    await failed(['--compression-type', 'hybrid'], 'TARA_OPTION_INVALID', 2);
    await failed(['--compression-type', 'magic'], 'TARA_OPTION_INVALID', 2);
    await failed(['--calibration', 'text.txt'], 'TARA_OPTION_INVALID', 2);
    await failed(['--compression-type', 'sparse', '--calibration', 'text.txt'], 'TARA_COMPRESSION_UNAVAILABLE', 2);
    const noText = await tara(folder, ['benchmark', 'tiny.gguf', '--json']);
    expect(noText.json<{ error: { code: string } }>().error.code).toBe('TARA_USAGE');
  });
});
