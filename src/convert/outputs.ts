/** Where a conversion may write: never over what it reads. */
import { realpath, stat } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { TaraError } from '../errors.js';
import type { Plan } from '../plan/schema.js';

/**
 * Inputs are never replaced: neither a file that the plan reads, nor any other in the folders of the base and the
 * adapters. Throws TARA_OUTPUT_IS_INPUT.
 */
export async function checkOutputs(paths: readonly (string | null)[], sources: Plan['sources'], folders: readonly string[]): Promise<void> {
  const inputs = await Promise.all(Object.values(sources).map(({ path }) => stat(path)));
  const roots = await Promise.all(folders.map((folder) => realpath(folder)));
  for (const path of paths) {
    const found = path === null ? undefined : await stat(path).catch(() => undefined);
    if (path === null || !found) continue;
    const inside = (root: string, folder: string) => folder === root || folder.startsWith(root + sep);
    const folder = await realpath(dirname(path));
    const isInput = inputs.some(({ dev, ino }) => dev === found.dev && ino === found.ino);
    const isBeside = found.isFile() && !path.endsWith('.gguf') && roots.some((root) => inside(root, folder));
    if (isInput || isBeside) throw new TaraError('TARA_OUTPUT_IS_INPUT', { path });
  }
}
