/** Checks of paths that a user typed, before anything is done with them. */
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TaraError } from '../errors.js';
import { readError } from '../read-error.js';

/** TARA_FILE_NOT_FOUND, or TARA_FILE_UNREADABLE when it is not what is wanted; returns the path. */
export async function existing(path: string, kind: 'file' | 'folder' | 'any'): Promise<string> {
  const found = await stat(path).catch((thrown: unknown) => { throw readError(path, thrown); });
  if (kind === 'file' && !found.isFile()) throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: 'it is no regular file' });
  if (kind === 'folder' && !found.isDirectory()) throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: 'it is no folder' });
  return path;
}

/** Bytes of a file, or of all files below a folder; 0 when it is not there. Links are not followed. */
export async function diskUse(path: string): Promise<number> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return 0;
  if (!found.isDirectory()) return found.size;
  let bytes = 0;
  for (const name of await readdir(path).catch(() => [])) bytes += await diskUse(join(path, name));
  return bytes;
}
