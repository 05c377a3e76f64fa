/** Opening files that somebody else made: only regular files, with errors that name the path. */
import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { TaraError } from '../errors.js';
import { readError } from '../read-error.js';

/** What pins a file: a plan runs only while these stay the same. */
export interface FileIdentity {
  readonly size: number;
  readonly mtimeMs: number;
}

function checkRegular(path: string, stats: Stats): FileIdentity {
  if (stats.isDirectory()) throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: 'it is a folder' });
  if (!stats.isFile()) throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: 'it is no regular file' });
  return { size: stats.size, mtimeMs: stats.mtimeMs };
}

/** Size and modification time of a regular file (links followed). */
export async function fileIdentity(path: string): Promise<FileIdentity> {
  try {
    return checkRegular(path, await stat(path));
  } catch (thrown) {
    throw readError(path, thrown);
  }
}

/**
 * Runs `work` on a regular file opened for reading and closes it. System errors become
 * TARA_FILE_NOT_FOUND or TARA_FILE_UNREADABLE.
 */
export async function withFile<T>(path: string, work: (handle: FileHandle, identity: FileIdentity) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    return await work(handle, checkRegular(path, await handle.stat()));
  } catch (thrown) {
    throw readError(path, thrown);
  } finally {
    await handle?.close();
  }
}

/** Whether a path names a regular file (links followed). */
export const isFile = (path: string): Promise<boolean> => stat(path).then((stats) => stats.isFile(), () => false);
