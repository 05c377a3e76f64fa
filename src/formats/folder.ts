/** Files of a model folder: a name in an index or a link never leads out of the folder. */
import { realpath } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { TaraError } from '../errors.js';
import { readError } from '../read-error.js';
import { isFile } from './files.js';
import { oneLine } from './one-line.js';

/** Whether a relative path from an untrusted file stays below its folder, by name alone. */
export const isInnerName = (name: string): boolean =>
  name.length > 0 && !/[\0\\]/.test(name) && !isAbsolute(name) && !/^[A-Za-z]:/.test(name)
  && name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

async function resolved(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (thrown) {
    throw readError(path, thrown);
  }
}

/**
 * The path of `name` in `dir`, its links followed. Throws TARA_FILE_NOT_FOUND, or
 * TARA_FILE_UNREADABLE where the name or a link leads out of the folder.
 */
export async function innerFile(dir: string, name: string): Promise<string> {
  const path = join(dir, name);
  if (!isInnerName(name)) throw new TaraError('TARA_FILE_UNREADABLE', { path: oneLine(path), reason: 'the name leads out of its folder' });
  const [root, target] = [await resolved(dir), await resolved(path)];
  const way = relative(root, target);
  if (way === '' || way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) {
    throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: 'it is a link that leads out of its folder' });
  }
  return resolve(path);
}

/** The names among `candidates` that are files in the folder. */
export async function present(dir: string, candidates: readonly string[]): Promise<string[]> {
  const found = await Promise.all(candidates.map((name) => isFile(join(dir, name))));
  return candidates.filter((_, index) => found[index]);
}

/** Fails with TARA_FILE_NOT_FOUND or TARA_FILE_UNREADABLE unless `dir` is there. */
export async function checkFolder(dir: string): Promise<void> {
  await resolved(dir);
}
