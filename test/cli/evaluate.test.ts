/** evaluate as a command: what it prints, and what it refuses. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { addonPaths } from '../../src/engine/loader.js';
import { createTaraEngine, evaluate } from '../../src/index.js';
import { temporary } from '../phases/temporary.js';
import { writeTinyModel } from '../support/tiny-model.js';
import { tara } from './run.js';

const built = addonPaths().some((path) => existsSync(path));
if (!built) console.log('test/cli/evaluate: skipped, the addon is not built');

const fresh = temporary();
let cwd = '';

beforeAll(async () => {
  if (!built) return;
  cwd = fresh();
  await writeTinyModel(join(cwd, 'tiny.gguf'));
  await using engine = createTaraEngine();
  await engine.quantize(join(cwd, 'tiny.gguf'), join(cwd, 'q8.gguf'), { type: 'q8_0' });
  await writeFile(join(cwd, 'text.txt'), 'the shell of a hare, held. '.repeat(30));
  await writeFile(join(cwd, 'more.txt'), 'All is well. '.repeat(30));
});

const SMALL = ['--context', '64', '--threads', '1'];

describe.skipIf(!built)('evaluate', () => {
  it('prints the figures that the library gives, as JSON', async () => {
    const ran = await tara(cwd, ['evaluate', 'q8.gguf', '--reference', 'tiny.gguf', '--text', 'text.txt', '--text', 'more.txt', ...SMALL, '--chunks', '3', '--first-chunk', '1', '--json']);
    expect([ran.code, ran.err]).toEqual([0, '']);
    const { seconds, ...printed } = ran.json<{ seconds: number; tokens: number; chunks: number }>();
    const text = ['text.txt', 'more.txt'].map((name) => join(cwd, name));
    const expected = await evaluate({ model: join(cwd, 'q8.gguf'), reference: join(cwd, 'tiny.gguf'), text, contextSize: 64, chunks: 3, firstChunk: 1, threads: 1 });
    expect(printed).toEqual({ ...expected, contextSize: 64 });
    expect(printed).toMatchObject({ tokens: 3 * 31, chunks: 3, kld: { mean: expect.any(Number) as number, p99: expect.any(Number) as number, max: expect.any(Number) as number } });
    expect(seconds).toBeGreaterThan(0);
  });

  it('prints them for people, without a reference those of the model alone, and shows how far it is', async () => {
    const both = await tara(cwd, ['evaluate', 'q8.gguf', '--reference', 'tiny.gguf', '--text', 'text.txt', ...SMALL], { tty: true });
    expect(both.code).toBe(0);
    expect(both.out).toMatch(/^perplexity +\d+\.\d{4} ± \d+\.\d{4}\nbits per byte +\d+\.\d{4}\nKL divergence +0\.\d{6} ± 0\.\d{6}\n/);
    expect(both.out).toMatch(/\nsame top token +\d+\.\d{3} ± \d+\.\d{3} %\n/);
    expect(both.err).toContain('evaluating');
    const alone = await tara(cwd, ['evaluate', 'q8.gguf', '--text', 'text.txt', ...SMALL]);
    expect([alone.code, alone.err]).toEqual([0, '']);
    expect(alone.out.split('\n').map((line) => line.split('  ')[0])).toEqual(['perplexity', 'bits per byte', 'scored', 'time', '']);
    expect(alone.out.split('\n')[0]?.split(/ +/)).toEqual(both.out.split('\n')[0]?.split(/ +/));
  });

  it.each([
    ['no text', ['evaluate', 'q8.gguf'], 2, 'TARA_USAGE'],
    ['a text that is not there', ['evaluate', 'q8.gguf', '--text', 'none.txt'], 1, 'TARA_FILE_NOT_FOUND'],
    ['a folder for a text', ['evaluate', 'q8.gguf', '--text', '.'], 1, 'TARA_FILE_UNREADABLE'],
    ['a reference that is not there', ['evaluate', 'q8.gguf', '--text', 'text.txt', '--reference', 'none.gguf'], 1, 'TARA_FILE_NOT_FOUND'],
    ['a text for a model', ['evaluate', 'text.txt', '--text', 'text.txt'], 1, 'TARA_GGUF_INVALID'],
    ['a text shorter than a chunk', ['evaluate', 'q8.gguf', '--text', 'text.txt', '--context', '2000'], 1, 'TARA_TEXT_TOO_SHORT'],
    ['a context beyond the model', ['evaluate', 'q8.gguf', '--text', 'text.txt', '--context', '4000'], 2, 'TARA_OPTION_INVALID'],
    ['a count that is none', ['evaluate', 'q8.gguf', '--text', 'text.txt', '--chunks', '0'], 2, 'TARA_OPTION_INVALID'],
  ])('refuses %s in one line', async (_, argv, code, error) => {
    const ran = await tara(cwd, argv);
    expect([ran.code, ran.out]).toEqual([code, '']);
    expect(ran.err).toMatch(new RegExp(`^error ${error}: [^\\n]+\\n$`));
  });

  it('ends when it is interrupted', async () => {
    const ran = await tara(cwd, ['evaluate', 'q8.gguf', '--text', 'text.txt', ...SMALL], { signal: AbortSignal.abort() });
    expect([ran.code, ran.out]).toEqual([1, '']);
    expect(ran.err).toContain('TARA_ABORTED');
  });

  it('says what it takes', async () => {
    const { code, out } = await tara(cwd, ['evaluate', '--help']);
    expect(code).toBe(0);
    expect(out).toContain('tara-gguf evaluate model-q4.gguf --reference model-f16.gguf --text wiki.txt --chunks 24 --json');
  });
});
