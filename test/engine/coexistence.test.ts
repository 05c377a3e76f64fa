/** Two addons with llama.cpp inside, of different versions, in one process. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { realModel } from './setup.js';

const run = promisify(execFile);

/** The folder of node-llama-cpp: TARA_NODE_LLAMA_CPP, else where it is installed beside this package. */
function nodeLlamaCpp(): string | undefined {
  const named = process.env['TARA_NODE_LLAMA_CPP'];
  if (named !== undefined) return named;
  try {
    return dirname(createRequire(import.meta.url).resolve('node-llama-cpp/package.json'));
  } catch {
    return undefined;
  }
}

const folder = nodeLlamaCpp();
const model = realModel();
const missing = folder === undefined || !existsSync(join(folder, 'dist')) ? 'node-llama-cpp is not installed (TARA_NODE_LLAMA_CPP names its folder)' : model === undefined ? 'no real model is cached' : undefined;
if (missing) console.log(`skipped: beside node-llama-cpp: ${missing}`);

test.skipIf(missing !== undefined)('answers the same beside node-llama-cpp in one process', async () => {
  const script = fileURLToPath(new URL('./children/coexist.mjs', import.meta.url));
  const { stdout } = await run(process.execPath, [script, folder ?? '', model ?? ''], { timeout: 55_000 });
  const answer = JSON.parse(stdout) as { before: string; beside: string; theirs: number };
  expect(answer.theirs).toBe(12);
  expect(answer.before.length).toBeGreaterThan(0);
  expect(answer.beside).toBe(answer.before);
});
