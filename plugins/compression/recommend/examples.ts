/** The texts that come with tara-gguf, for those who have none of their own at hand. */

import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Files of examples/domain-text; none where the package came without. */
export async function exampleTexts(): Promise<string[]> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('tara-gguf/package.json')), 'examples', 'domain-text');
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith('.jsonl')).sort().map((name) => join(folder, name));
}
