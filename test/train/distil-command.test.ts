/** distill and quantize --compression-type distilled as commands: what they print, write and refuse. */
import { existsSync } from 'node:fs';
import { readdir, readFile, watch, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tara } from '../cli/run.js';
import { readGguf } from '../../src/formats/index.js';
import { createTaraEngine } from '../../src/tara.js';
import type { DistilReport } from '../../src/train/index.js';
import { temporary } from '../phases/temporary.js';
import { writeTinyModel } from '../support/tiny-model.js';

const cwd = temporary()();
const at = (name: string): string => join(cwd, name);
const SMALL = ['--steps', '4', '--batch-tokens', '256', '--threads', '1'];

beforeAll(async () => {
  await writeTinyModel(at('teacher.gguf'), { seed: 2 });
  await using engine = createTaraEngine();
  await engine.quantizeMany(at('teacher.gguf'), [{ output: at('student.gguf'), type: 'Q4_0' }]);
  await writeFile(at('items.jsonl'), Array.from({ length: 60 }, (_, line) => `${JSON.stringify({ prompt: `Say ${line * 31}.`, response: `It is ${line * 7} of ${line}.` })}\n`).join(''));
  await writeFile(at('text.txt'), Array.from({ length: 80 }, (_, line) => `Paragraph ${line * line} tells of ${line} shells, hills and bells, and of the year ${1800 + line}.`).join('\n\n'));
});

const argv = (output: string, ...more: string[]): string[] => ['distill', 'student.gguf', '--teacher', 'teacher.gguf', '--text', 'items.jsonl', '--output', output, ...more];

describe('distill', () => {
  it('writes a file and prints a table of what it is worth', async () => {
    const ran = await tara(cwd, [...argv('out.gguf', ...SMALL, '--rate', '5')]);
    expect([ran.code, ran.err]).toEqual([0, '']);
    for (const word of ['teacher', 'student before', 'DOMAIN LOSS', 'recovered', 'tokens/s forward and backward']) expect(ran.out).toContain(word);
    expect((await readGguf(at('out.gguf'))).size).toBe((await readGguf(at('student.gguf'))).size + 96);
  });

  it('takes running text, and prints JSON', async () => {
    const ran = await tara(cwd, ['distill', 'student.gguf', '--teacher', 'teacher.gguf', '--text', 'text.txt', '--output', 'text.gguf', '--no-compare', '--train', 'norms,scales', ...SMALL, '--json']);
    expect(ran.code).toBe(0);
    const report = ran.json<DistilReport>();
    expect(report).toMatchObject({ steps: 4, plain: null, speeds: null });
    expect(report.trained.map(({ part }) => part).sort()).toEqual(['norm', 'scale']);
  });

  it('says what it would do, and writes nothing', async () => {
    const ran = await tara(cwd, argv('dry.gguf', '--dry-run', '--minutes', '3'));
    expect([ran.code, ran.out]).toEqual([0, expect.stringContaining('for 3 minutes')]);
    expect((await readdir(cwd)).filter((name) => name.startsWith('dry'))).toEqual([]);
  });

  it('refuses what it cannot do', async () => {
    const code = async (...args: string[]): Promise<string> => (await tara(cwd, [...args, '--json'])).json<{ error: { code: string } }>().error.code;
    expect(await code(...argv('no.gguf', '--train', 'everything'))).toBe('TARA_OPTION_INVALID');
    expect(await code(...argv('no.gguf', '--minutes', '-1'))).toBe('TARA_OPTION_INVALID');
    expect(await code(...argv('no.gguf', '--teacher', 'none.gguf'))).toBe('TARA_FILE_NOT_FOUND');
    expect(await code(...argv('student.gguf'))).toBe('TARA_OUTPUT_IS_INPUT');
    expect(existsSync(at('no.gguf'))).toBe(false);
  });
});

describe('quantize --compression-type distilled', () => {
  const argv = (...more: string[]): string[] => ['quantize', 'teacher.gguf', 'q.gguf', '--type', 'Q4_0', '--compression-type', 'distilled', '--threads', '1', ...more];

  it('quantizes, then teaches', async () => {
    const ran = await tara(cwd, [...argv('--text', 'items.jsonl', '--distill-minutes', '0.1'), '--json']);
    expect(ran.code, ran.out).toBe(0);
    const { before, after } = ran.json<DistilReport>();
    expect(after.kld ?? NaN).toBeLessThanOrEqual(before.kld ?? NaN);
    expect((await readGguf(at('q.gguf'))).tensors.some(({ type }) => type === 'q4_0')).toBe(true);
    expect((await readdir(join(cwd, '.tara', 'cache'))).filter((name) => name.startsWith('student'))).toEqual([]);
  });

  it('refuses a model without a training graph before it is quantized, and when it is asked what it would do', async () => {
    await writeTinyModel(at('encoder.gguf'), { causal: false });
    const encoder = (...more: string[]): Promise<{ readonly code: number; readonly err: string }> => tara(cwd, ['quantize', 'encoder.gguf', 'no.gguf', '--type', 'Q4_0', '--compression-type', 'distilled', '--text', 'items.jsonl', ...more]);
    for (const more of [[], ['--dry-run']]) {
      const { code, err } = await encoder(...more);
      expect([code, err]).toEqual([1, expect.stringMatching(/TARA_TRAINING_UNSUPPORTED.*llama, qwen2, qwen3/s)]);
    }
    expect((await readdir(cwd)).filter((name) => name.startsWith('no.gguf'))).toEqual([]);
  });

  it('refuses text that is too short, and leaves nothing', async () => {
    await writeFile(at('short.txt'), 'A short text.');
    const { code, err } = await tara(cwd, ['quantize', 'teacher.gguf', 'no.gguf', '--type', 'Q4_0', '--compression-type', 'distilled', '--text', 'short.txt', '--threads', '1']);
    expect([code, err]).toEqual([1, expect.stringContaining('TARA_TEXT_TOO_SHORT')]);
    expect((await readdir(cwd)).filter((name) => name.startsWith('no.gguf'))).toEqual([]);
    expect(await readdir(join(cwd, '.tara', 'cache'))).toEqual([]);
  });

  it('goes on where it was interrupted', async () => {
    const resumable = ['quantize', 'teacher.gguf', 'resumed.gguf', '--type', 'Q4_0', '--compression-type', 'distilled', '--text', 'items.jsonl', '--distill-minutes', '0.2', '--threads', '1'];
    const stop = new AbortController();
    const checkpoint = async (): Promise<string | undefined> => (await readdir(at('resumed.gguf.distil')).catch(() => [])).find((name) => name.endsWith('.checkpoint'));
    const changes = watch(cwd, { recursive: true, signal: stop.signal })[Symbol.asyncIterator]();
    const running = tara(cwd, resumable, { signal: stop.signal });
    await Promise.race([running, (async () => { while (await checkpoint() === undefined) await changes.next(); })()]);
    stop.abort();
    const interrupted = await running;
    expect([interrupted.code, interrupted.err]).toEqual([1, expect.stringContaining('TARA_ABORTED')]);
    const { history } = JSON.parse((await readFile(join(at('resumed.gguf.distil'), await checkpoint() ?? ''), 'latin1')).split('\n')[0] ?? '') as DistilReport;
    const report = (await tara(cwd, [...resumable, '--json'])).json<DistilReport>();
    expect(history.length).toBeGreaterThan(0);
    expect(report.history.slice(0, history.length)).toEqual(history);
    expect(report.steps).toBeGreaterThan(history.at(-1)?.step ?? Infinity);
    expect((await readdir(cwd)).filter((name) => name.startsWith('resumed.gguf'))).toEqual(['resumed.gguf']);
  }, 240_000);

  it('wants text, and takes no size', async () => {
    expect((await tara(cwd, argv())).code).toBe(2);
    expect((await tara(cwd, argv('--text', 'items.jsonl', '--target-size', '1MB'))).code).toBe(2);
    expect((await tara(cwd, ['quantize', 'teacher.gguf', 'q.gguf', '--type', 'Q4_0', '--distill-minutes', '1'])).code).toBe(2);
  });
});
