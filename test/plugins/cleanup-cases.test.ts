/** Every cleanup case: the copies in this repository, and the whole set where it lies beside it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { checkFile } from '../../plugins/cleanup/file.js';
import { casesIn, runCase } from './cleanup-cases.js';

const OWN = fileURLToPath(new URL('../fixtures/cleanup/', import.meta.url));
const SHARED = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));
const present = existsSync(join(SHARED, 'cleanup'));
if (!present) console.log('test/plugins/cleanup-cases: only the cases of this repository, the shared fixtures are not beside it');

describe('cleanup cases', () => {
  const own = casesIn(OWN);
  test('the repository has cases', () => expect(own.length).toBeGreaterThanOrEqual(5));
  test.each(own)('%s', async (name) => expect(await runCase(join(OWN, name))).toEqual([]));
  if (present) test.each(casesIn(join(SHARED, 'cleanup')))('shared: %s', async (name) => expect(await runCase(join(SHARED, 'cleanup', name))).toEqual([]));
});

if (existsSync(join(SHARED, 'malformed'))) {
  interface Malformed { file: string; must_reject: boolean; must_load: boolean }
  const parsed = JSON.parse(readFileSync(join(SHARED, 'malformed', 'manifest.json'), 'utf8')) as Malformed[] | { files: Malformed[] };
  test.each(Array.isArray(parsed) ? parsed : parsed.files)('malformed: $file', async ({ file, must_reject: reject, must_load: load }) => {
    const { issues } = await checkFile(join(SHARED, 'malformed', file));
    if (reject) expect(issues[0]?.message).toMatch(/\S/);
    if (load) expect(issues).toEqual([]);
    for (const { message } of issues) expect(message).not.toMatch(/\n/);
  });
}
