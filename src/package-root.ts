/** Where this package lies, from sources and from dist alike. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TaraError } from './errors.js';

export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'binding.gyp'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new TaraError('TARA_NATIVE_LOAD', { reason: 'the package folder was not found' });
    folder = parent;
  }
  return folder;
}
