/** The short form of `npm run bench -- soak`. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { writeTinyModel } from '../support/tiny-model.js';
import { temporaryFolder } from './setup.js';

const folder = temporaryFolder();
const script = fileURLToPath(new URL('../../bench/soak.mjs', import.meta.url));

test('hundreds of requests with aborts, disconnects and reloads: none is lost or mixed, in the library and in serve', async () => {
  const env = { ...process.env, TARA_TEST_MODEL: await writeTinyModel(join(folder.path, 'random.gguf')), TARA_BENCH_REQUESTS: '400' };
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env, timeout: 110_000 });
  const { library, server } = JSON.parse(stdout) as Record<'library' | 'server', { whole: number; part: number; wrong: number; reloads?: number; stillProcessing?: number }>;
  for (const { whole, part, wrong } of [library, server]) {
    expect(wrong).toBe(0);
    expect(whole + part).toBe(400);
    expect(whole).toBeGreaterThan(40);
  }
  expect(library.reloads).toBe(10);
  expect(server.stillProcessing).toBe(0);
}, 120_000);
