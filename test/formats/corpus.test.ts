import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkModel, readGguf, readSafetensors } from '../../src/formats/index.js';
import { codeOf, sharedFixture } from './helpers.js';

const manifest = z.object({
  limits: z.object({ seconds_per_file: z.number() }),
  files: z.array(z.object({ file: z.string(), format: z.enum(['gguf', 'safetensors']), must_reject: z.boolean(), must_load: z.boolean(), why: z.string() })),
});

const REFUSALS = { gguf: 'TARA_GGUF_INVALID', safetensors: 'TARA_SAFETENSORS_INVALID' };

/** Every file of a corpus gets the outcome its manifest asks for, within its time. */
function corpus(dir: string): void {
  const { files, limits } = manifest.parse(JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')));
  it.each(files)('$file: $why', async ({ file, format, must_reject: reject, must_load: load }) => {
    const path = join(dir, file);
    const started = performance.now();
    const code = await codeOf(async () => (format === 'gguf' ? checkModel(await readGguf(path)) : readSafetensors(path)));
    expect(performance.now() - started).toBeLessThan(limits.seconds_per_file * 1000);
    if (reject) expect(code).toBe(REFUSALS[format]);
    else if (load) expect(code).toBe('none');
    else expect(['none', REFUSALS[format]]).toContain(code);
  });
}

describe('malformed files of this repository', () => corpus(fileURLToPath(new URL('../fixtures/malformed', import.meta.url))));

const shared = sharedFixture('malformed');
describe('malformed files of the shared corpus', () => {
  if (shared !== undefined) corpus(shared);
  it.skipIf(shared === undefined)('are at least 44', () => {
    expect(manifest.parse(JSON.parse(readFileSync(join(shared ?? '', 'manifest.json'), 'utf8'))).files.length).toBeGreaterThanOrEqual(44);
  });
});
