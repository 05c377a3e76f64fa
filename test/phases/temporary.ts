import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** Call once at the top of a test file: returns a maker of new empty folders, all removed after the file's tests. */
export function temporary(): () => string {
  const root = mkdtempSync(join(tmpdir(), 'tara-phases-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  return () => mkdtempSync(join(root, 't-'));
}
