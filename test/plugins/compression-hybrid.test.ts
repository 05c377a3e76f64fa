/** Hybrid compression for real, on a tiny model: texts, cache, the file, the command and what goes wrong. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createTestHost, type TestHost } from 'tara-gguf/testing';
import { compressor, type CompressionQuality, type CompressionRequest } from 'tara-gguf/plugin';
import { createTaraEngine, evaluate, readGguf } from 'tara-gguf';
import plugin from '../../plugins/compression/index.js';
import { Cache } from '../../plugins/compression/hybrid/cache.js';
import { searchHybrid, type HybridOptions } from '../../plugins/compression/hybrid/index.js';
import { partTexts } from '../../plugins/compression/hybrid/texts.js';
import { writeTinyModel } from '../support/tiny-model.js';
import { tara } from '../cli/run.js';

let folder: string;
let model: string;
let text: string;
let items: string;
let host: TestHost;

/** Sentences that repeat nothing for long, the same every time. */
function sentences(count: number): string {
  const words = ['the', 'model', 'reads', 'a', 'word', 'and', 'says', 'another', 'one', 'that', 'nobody', 'knows', 'yet'];
  let state = 1;
  const word = (): string => words[(state = (state * 48271) % 2147483647) % words.length] ?? '';
  return Array.from({ length: count }, (_, index) => `${index}: ${Array.from({ length: 12 }, word).join(' ')}.`).join('\n');
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tara-hybrid-'));
  model = await writeTinyModel(join(folder, 'tiny.gguf'), { layers: 2 });
  text = join(folder, 'text.txt');
  await writeFile(text, sentences(600));
  items = join(folder, 'items.jsonl');
  await writeFile(items, sentences(300).split('\n').map((line) => JSON.stringify({ prompt: line, response: line.slice(0, 20) })).join('\n'));
  host = await createTestHost({ plugins: [plugin] });
});
afterAll(async () => {
  await host.stop();
  await rm(folder, { recursive: true, force: true });
});

const options = (more: Partial<HybridOptions> = {}): HybridOptions => ({ model, texts: [text, items], preset: 'Q4_0', cacheDir: join(folder, 'cache'), threads: 1, ...more });

describe('texts', () => {
  const linesOf = async (path: string): Promise<string[]> => (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');

  it('are parted without a passage in two parts, from all over every file', async () => {
    const out = join(folder, 'parts');
    await mkdir(out);
    const { calibration, samples, hash } = await partTexts([text, items], out);
    expect(calibration).toHaveLength(2);
    const parts = await Promise.all([...calibration, ...Object.values(samples)].map(async (path) => (await linesOf(path)).flatMap((line) => (line.startsWith('{"text"') ? (JSON.parse(line) as { text: string }).text.split('\n') : line))));
    const all = parts.flat();
    expect(new Set(all).size).toBe(all.length);
    expect(all.length).toBe(900);
    for (const lines of parts.slice(2)) {
      const numbers = lines.filter((line) => !line.startsWith('{')).map((line) => Number(line.split(':')[0]));
      expect(Math.min(...numbers)).toBeLessThan(200);
      expect(Math.max(...numbers)).toBeGreaterThan(400);
      expect(lines.some((line) => line.startsWith('{'))).toBe(true);
    }
    expect((await partTexts([text, items], out)).hash).toBe(hash);
    expect((await partTexts([items, text], out)).hash).not.toBe(hash);
  });

  it('that are no texts are told with file and line', async () => {
    const broken = join(folder, 'broken.jsonl');
    for (const line of ['not json', 'null', '{"prompt":"without a response"}']) {
      await writeFile(broken, `{"text":"fine"}\n${line}\n`);
      await expect(partTexts([broken], folder)).rejects.toMatchObject({ code: 'TARA_CONFIG_INVALID', fields: { path: broken, reason: expect.stringContaining('line 2') as string } });
    }
    await expect(partTexts([join(folder, 'none.txt')], folder)).rejects.toMatchObject({ code: 'TARA_FILE_NOT_FOUND' });
    await writeFile(join(folder, 'empty.txt'), '\n\n');
    await expect(partTexts([join(folder, 'empty.txt')], folder)).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  });
});

describe('cache', () => {
  it('knows nothing of a damaged document, or one of another kind', async () => {
    const cache = await Cache.open(folder, 'documents');
    const schema = z.record(z.string(), z.number());
    expect(await cache.read('a.json', schema)).toBeNull();
    await cache.write('a.json', { one: 1 });
    expect(await cache.read('a.json', schema)).toEqual({ one: 1 });
    for (const damaged of ['{"one":', '[]', '{"one":"1"}', '']) {
      await writeFile(cache.path('a.json'), damaged);
      expect(await cache.read('a.json', schema)).toBeNull();
    }
  });
});

describe('search on a model', () => {
  it('makes a file within the budget that measures as it says, and knows the rest for the next budget', async () => {
    const details: string[] = [];
    let last = 0;
    const first = await searchHybrid(options({ onProgress: (fraction, detail) => {
      expect(fraction).toBeGreaterThanOrEqual(last);
      last = fraction;
      details.push(detail);
    } }));
    expect(first.bytes).toBeLessThanOrEqual(first.preset.bytes);
    expect(first.measured.kld).toBeLessThanOrEqual(first.preset.measured.kld);
    expect(first.evidence.join('\n')).toMatch(/KL divergence .* \(Q4_0: /);
    expect(details.some((detail) => detail.startsWith('ffn_down.weight as '))).toBe(true);
    expect((await readdir(join(folder, 'cache'))).filter((name) => name.startsWith('work-'))).toEqual([]);

    const again = await searchHybrid(options());
    expect(again.types).toEqual(first.types);
    expect(again.trials).toBe(0);

    const more: string[] = [];
    const larger = await searchHybrid(options({ budget: first.preset.bytes + 20_000, onProgress: (_, detail) => more.push(detail) }));
    expect(larger.bytes).toBeGreaterThan(first.bytes);
    expect(larger.measured.kld).toBeLessThan(first.measured.kld);
    expect(more.filter((detail) => detail.includes('importance') || detail.startsWith('rounding'))).toEqual([]);
  });

  it('searches an encoder by its embeddings', async () => {
    const encoder = await writeTinyModel(join(folder, 'encoder.gguf'), { layers: 2, causal: false });
    const output = join(folder, 'encoder-hybrid.gguf');
    const ran = await tara(folder, ['quantize', encoder, output, '--type', 'Q4_0', '--compression-type', 'hybrid', '--text', text, '--text', items, '--threads', '1', '--json', '--home', join(folder, 'home')]);
    expect(ran.code).toBe(0);
    const { measured, evidence } = ran.json<{ compression: { measured: { file: CompressionQuality; preset: CompressionQuality }; evidence: string[] } }>().compression;
    expect(measured.file.bytes).toBeLessThanOrEqual(measured.preset.bytes);
    expect(measured.file.kld).toBeLessThanOrEqual(measured.preset.kld);
    expect(measured.file.perplexity).toBeNull();
    expect(evidence.join('\n')).toMatch(/1 - cosine .* \(Q4_0: /);

    // What it says of its file is what the engine's embeddings say of it, on texts of our own.
    const texts = sentences(40).split('\n');
    await using engine = createTaraEngine();
    const preset = join(folder, 'encoder-preset.gguf');
    expect((await tara(folder, ['quantize', encoder, preset, '--type', 'Q4_0', '--home', join(folder, 'home')])).code).toBe(0);
    const [exact, plain, mixed] = await Promise.all([encoder, preset, output].map(async (path) => {
      await using loaded = await engine.load(path, { threads: 1 });
      return await loaded.embed(texts);
    }));
    const distance = (rows: readonly Float32Array[] | undefined): number =>
      (rows ?? []).reduce((sum, row, index) => sum + 1 - row.reduce((dot, value, at) => dot + value * (exact?.[index]?.[at] ?? 0), 0), 0) / texts.length;
    expect(distance(mixed)).toBeLessThan(distance(plain));
    expect(distance(mixed)).toBeLessThan(3 * measured.file.kld + 1e-6);
  });

  it('refuses what cannot be, and leaves nothing', async () => {
    await expect(searchHybrid(options({ budget: 10_000 }))).rejects.toMatchObject({ code: 'TARA_TARGET_SIZE' });
    await expect(searchHybrid(options({ goal: { kld: 1e-9 } }))).rejects.toMatchObject({ code: 'TARA_QUALITY_UNREACHED' });
    const short = join(folder, 'short.txt');
    await writeFile(short, 'A short text.\n');
    await expect(searchHybrid(options({ texts: [short], cacheDir: join(folder, 'short') }))).rejects.toMatchObject({ code: 'TARA_TEXT_TOO_SHORT' });
    const controller = new AbortController();
    const aborted = searchHybrid(options({ cacheDir: join(folder, 'aborted'), signal: controller.signal, onProgress: (_, detail) => detail.includes(' as ') && controller.abort() }));
    await expect(aborted).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    for (const name of ['cache', 'short', 'aborted']) expect((await readdir(join(folder, name))).filter((entry) => entry.startsWith('work-'))).toEqual([]);
  });
});

describe('propose', () => {
  const request = (more: Partial<CompressionRequest>): CompressionRequest => ({ architecture: 'llama', tensors: [], compressionType: 'hybrid', quantization: 'q4_0', budget: null, ...more });

  it('answers with types, a matrix and what was measured; memory is a budget too', async () => {
    const measuring = { model, texts: [text, items], cacheDir: join(folder, 'cache'), threads: 1 };
    const proposal = await host.use(compressor).propose(request({ measuring }));
    expect(proposal.preset).toBe('Q4_0');
    expect((await stat(proposal.imatrix ?? '')).size).toBeGreaterThan(0);
    expect(proposal.measured?.file.kld).toBeLessThanOrEqual(proposal.measured?.preset.kld ?? 0);
    expect(proposal.bytes).toBe(proposal.measured?.file.bytes);
    await expect(host.use(compressor).propose(request({ measuring, memory: 12_000 }))).rejects.toMatchObject({ code: 'TARA_TARGET_SIZE', fields: { budget: 9600 } });
    await expect(host.use(compressor).propose(request({}))).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option: '--text' } });
  });
});

describe('quantize --compression-type hybrid', () => {
  it('writes the file whose quality it tells', async () => {
    const output = join(folder, 'hybrid.gguf');
    const home = join(folder, 'home');
    const ran = await tara(folder, ['quantize', model, output, '--type', 'Q4_0', '--compression-type', 'hybrid', '--text', text, '--text', items, '--target-bpw', '7', '--threads', '1', '--json', '--home', home]);
    expect(ran.err).toBe('');
    expect(ran.code).toBe(0);
    const { outputs, compression } = ran.json<{ outputs: { bytes: number }[]; compression: { types: Record<string, string>; measured: { file: { bytes: number; kld: number }; preset: { kld: number } } } }>();
    const file = await readGguf(output);
    const weights = file.tensors.reduce((sum, { ne }) => sum + ne.reduce((product, n) => product * n, 1), 0);
    expect(file.size).toBeLessThanOrEqual((7 * weights) / 8);
    expect(file.size).toBe(compression.measured.file.bytes);
    expect(outputs[0]?.bytes).toBe(file.size);
    for (const { name, type } of file.tensors) expect(type).toBe(compression.types[name] ?? 'f32');
    const { kld } = await evaluate({ model: output, reference: model, text, chunks: 8, threads: 1 });
    expect(kld?.mean).toBeGreaterThan(0);
    expect(kld?.mean).toBeLessThan(2 * compression.measured.file.kld);
  });

  it('without it takes the largest preset that fits the size', async () => {
    const [large, small] = [join(folder, 'large.gguf'), join(folder, 'small.gguf')];
    const quantize = (output: string, ...more: string[]) => tara(folder, ['quantize', model, output, '--type', 'Q8_0', ...more, '--json', '--home', join(folder, 'home')]);
    expect((await quantize(large)).code).toBe(0);
    const { size } = await readGguf(large);
    const ran = await quantize(small, '--target-size', String(size - 1));
    const { compression } = ran.json<{ compression: { preset: string; types: object } }>();
    expect(compression.preset).not.toBe('Q8_0');
    expect(compression.types).toEqual({});
    expect((await readGguf(small)).size).toBeLessThan(size);
    expect((await quantize(small, '--target-size', '10')).out).toContain('TARA_COMPRESSION_BUDGET');
  });

  it('refuses options that contradict each other', async () => {
    const output = join(folder, 'refused.gguf');
    const refused = async (...args: string[]): Promise<string> => {
      const { code, err } = await tara(folder, ['quantize', model, output, '--type', 'Q4_0', ...args, '--home', join(folder, 'home')]);
      expect(code).toBe(2);
      return err;
    };
    expect(await refused('--compression-type', 'hybrid')).toContain('--text');
    expect(await refused('--text', text)).toContain('standard compression measures nothing');
    expect(await refused('--target-size', '1MB', '--target-bpw', '4')).toContain('not both');
    expect(await refused('--compression-type', 'hybrid', '--text', text, '--quality-threshold', '110%')).toContain('--quality-threshold');
    expect(await refused('--compression-type', 'distilled')).toContain('--text');
    expect(await refused('--compression-type', 'hybrid', '--text', text, '--tensor-type', 'attn_v=q8_0')).toContain('--tensor-type');
    await expect(stat(output)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
