/** The ends of a process and of worker threads during a plan run, in child processes, so that a crash is seen. They run the built library in dist. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeLlama } from './synthetic.js';

let folder: string;
let model: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tara-plan-'));
  model = await writeLlama(join(folder, 'model.gguf'), { width: 512, ff: 1536, layers: 2, heads: 8, kvHeads: 4, vocab: 512, tied: true });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function child(...args: readonly string[]): Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }> {
  const script = fileURLToPath(new URL('./children/run.mjs', import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], { timeout: 50_000, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({ code, signal: error?.signal ?? null, stdout, stderr });
    });
  });
}

describe('while a plan runs', () => {
  test('process.exit ends with its code and leaves no file behind', async () => {
    const output = join(folder, 'exit.gguf');
    expect(await child('exit', model, output)).toEqual({ code: 7, signal: null, stdout: '', stderr: '' });
    expect((await readdir(folder)).filter((name) => name.startsWith('exit.gguf'))).toEqual([]);
  });

  test('workers are terminated, and the next run writes the file', async () => {
    const output = join(folder, 'worker.gguf');
    expect(await child('terminate', model, output, '3')).toEqual({ code: 0, signal: null, stdout: 'done\n', stderr: '' });
    expect((await readdir(folder)).filter((name) => name.startsWith('worker.gguf'))).toEqual(['worker.gguf']);
  });

  test('the event loop stays free', async () => {
    const delays: number[] = [];
    // A busy machine holds a process up for longer than any code does: one calm run of eight is enough.
    for (let attempt = 0; attempt < 8 && !(Math.min(...delays) < 20); attempt += 1) {
      const { code, stdout } = await child('delay', model, join(folder, 'delay.gguf'));
      expect(code).toBe(0);
      delays.push((JSON.parse(stdout) as { maxMs: number }).maxMs);
    }
    expect(Math.min(...delays)).toBeLessThan(20);
  });
});
