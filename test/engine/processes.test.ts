/** Worker threads and the ends of a process, in child processes, so that a crash is seen. They run the built library in dist. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { writeChainModel, writeTinyModel } from '../support/tiny-model.js';
import { temporaryFolder } from './setup.js';

// Twenty workers on a busy machine take a while.
vi.setConfig({ testTimeout: 180_000 });

const folder = temporaryFolder();
let endless: string;
let slow: string;

beforeAll(async () => {
  endless = await writeChainModel(join(folder.path, 'endless.gguf'), 'abcde', { loop: true });
  slow = await writeTinyModel(join(folder.path, 'slow.gguf'), { layers: 60 });
});

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function child(script: string, args: readonly string[], flags: readonly string[] = []): Promise<Ended> {
  const path = fileURLToPath(new URL(`./children/${script}`, import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [...flags, path, ...args], { timeout: 150_000, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({ code, signal: error?.signal ?? null, stdout, stderr });
    });
  });
}

describe('the process ends during work', () => {
  test.each(['load', 'prompt', 'decode', 'embed', 'tokenize', 'dispose', 'nothing'])('process.exit(7): %s', async (during) => {
    const path = during === 'decode' || during === 'dispose' ? endless : slow;
    const ended = await child('exit.mjs', [path, '7', during]);
    expect(ended).toMatchObject({ code: 7, signal: null, stderr: '' });
  });

  test.each(['load', 'decode'])('an uncaught exception: %s', async (during) => {
    const ended = await child('exit.mjs', [during === 'decode' ? endless : slow, 'throw', during]);
    expect(ended).toMatchObject({ code: 1, signal: null });
    expect(ended.stderr).toContain('on purpose');
  });

  test('a script that forgets to dispose ends by itself', async () => {
    expect(await child('natural-end.mjs', [endless])).toEqual({ code: 0, signal: null, stdout: 'abcdeabcde\n', stderr: '' });
  });
});

describe('worker threads', () => {
  test('load, generate and are terminated beside the main thread', async () => {
    const ended = await child('workers.mjs', [endless, '20']);
    expect(ended).toEqual({ code: 0, signal: null, stdout: `${JSON.stringify(['abcdeabcde', 'abcdeabcde'])}\n`, stderr: '' });
  });
});

test('a forgotten model is freed', async () => {
  expect(await child('forgotten.mjs', [endless], ['--expose-gc'])).toEqual({ code: 0, signal: null, stdout: 'abcde\n0\n', stderr: '' });
});
