/** The command line as a process, which runs the built library in dist: worker threads, and the sentence tier in analyze-emotion and chat. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { EmotionAnalysis } from 'tara-gguf/plugin';
import { analyze } from '../../plugins/emotion/reading/analyze.js';
import { loadModel } from '../../plugins/emotion/reading/files.js';
import { temporaryFolder } from '../engine/setup.js';
import { writeChainModel } from '../support/tiny-model.js';

const CLI = fileURLToPath(new URL('../../bin/tara-gguf.js', import.meta.url));
const LINES = readFileSync(fileURLToPath(new URL('emotion-lines.tsv', import.meta.url)), 'utf8').trim().split('\n').map((line) => line.split('\t')[0] ?? '');
const folder = temporaryFolder();
const tara = async (...argv: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [CLI, ...argv, '--json'], { cwd: folder.path, env: { ...process.env, TARA_HOME: '' }, maxBuffer: 1 << 26 })).stdout;
const readAll = async (...argv: string[]): Promise<EmotionAnalysis[]> => (await tara('analyze-emotion', ...argv)).trim().split('\n').map((line) => JSON.parse(line) as EmotionAnalysis);

/** Lots that are shared out over threads, and a last one that is not full. */
const many = Array.from({ length: 2000 }, (_, n) => `${LINES[n % LINES.length] ?? ''} ${n}`);

describe('analyze-emotion --file', () => {
  it('reads lots over worker threads as one thread would, in the order of the file', async () => {
    await writeFile(join(folder.path, 'many.txt'), many.join('\n'));
    const model = await loadModel();
    expect(await readAll('--file', 'many.txt')).toEqual(await Promise.all(many.map((text) => analyze(model, text))));
  }, 60_000);
});

const encoder = process.env['TARA_EMBEDDING_MODEL'];
describe.skipIf(encoder === undefined)('the sentence tier (skipped unless TARA_EMBEDDING_MODEL names a GGUF of all-MiniLM-L6-v2)', () => {
  const named = ['--embedding-model', encoder ?? ''];

  it('reads what analyze-emotion is given: one text, and files over worker threads', async () => {
    await writeFile(join(folder.path, 'lines.txt'), many.slice(0, 300).join('\n'));
    const [words, both] = [await readAll('--file', 'lines.txt'), await readAll('--file', 'lines.txt', ...named)];
    expect(both.map(({ text }) => text)).toEqual(words.map(({ text }) => text));
    expect(both.filter(({ emotions }, n) => emotions.joy !== words[n]?.emotions.joy).length).toBeGreaterThan(290);
    expect(await readAll(both[0]?.text ?? '', ...named)).toMatchObject([{ dominant: both[0]?.dominant }]);
  }, 120_000);

  it('finds most danger in lines that nothing was written or chosen for, at the level it was measured at', async () => {
    const path = fileURLToPath(new URL('emotion-crisis-unseen.tsv', import.meta.url));
    const levels = readFileSync(path, 'utf8').trim().split('\n').map((line) => line.split('\t')[1]);
    const found = await readAll('--file', path, ...named);
    const share = (level: string, test: (said: string) => boolean) => {
      const of = found.filter((_, n) => levels[n] === level).map(({ crisis }) => crisis.level);
      return of.filter(test).length / of.length;
    };
    expect(share('acute', (said) => said === 'acute')).toBeGreaterThanOrEqual(0.7);
    expect(share('concern', (said) => said !== 'none')).toBeGreaterThanOrEqual(0.85);
    expect(share('none', (said) => said !== 'none')).toBeLessThanOrEqual(0.08);
  }, 120_000);

  it('reads a chat message', async () => {
    await writeFile(join(folder.path, 'plain.txt'), LINES.join('\n'));
    const [words, both] = [await readAll('--file', 'plain.txt'), await readAll('--file', 'plain.txt', ...named)];
    const told = both.find(({ dominant }, n) => dominant !== words[n]?.dominant);
    if (told === undefined) throw new Error('both tiers read all lines as words alone do: this test shows nothing');
    await writeChainModel(join(folder.path, 'model.gguf'), 'abc');
    const chat = async (...more: string[]) => (JSON.parse(await tara('chat', 'model.gguf', '--message', told.text, '--max-tokens', '2', ...more)) as { turns: { emotion: string }[] }).turns.map((turn) => turn.emotion);
    expect(await chat(...named)).toEqual([told.dominant]);
    expect(await chat()).not.toEqual([told.dominant]);
  }, 120_000);
});
