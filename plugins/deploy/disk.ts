/** Durable files: written beside their name, fsynced, renamed. */
import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { copyFile, link, lstat, open, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asTaraError, TaraError } from 'tara-gguf/plugin';

export const codeOf = (thrown: unknown): string => (thrown as NodeJS.ErrnoException).code ?? 'unknown';

/** A failed write as TARA_DISK_FULL or TARA_WRITE_FAILED; a TaraError stays itself. */
export function writeError(path: string, thrown: unknown, needed = 0): TaraError {
  const code = codeOf(thrown);
  // What the system did not say is a fault of ours.
  if (thrown instanceof TaraError || !/^E[A-Z0-9]+$/.test(code)) return asTaraError(thrown);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new TaraError('TARA_DISK_FULL', { path, needed }, { cause: thrown });
  return new TaraError('TARA_WRITE_FAILED', { path, reason: code }, { cause: thrown });
}

/** A failed read as TARA_FILE_NOT_FOUND or TARA_FILE_UNREADABLE; a TaraError stays itself. */
export function readError(path: string, thrown: unknown): TaraError {
  if (thrown instanceof TaraError) return thrown;
  const code = codeOf(thrown);
  if (code === 'ENOENT' || code === 'ENOTDIR') return new TaraError('TARA_FILE_NOT_FOUND', { path }, { cause: thrown });
  return new TaraError('TARA_FILE_UNREADABLE', { path, reason: code }, { cause: thrown });
}

/** Makes the names in a folder durable; some systems cannot open folders, and need not. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null);
  if (folder === null) return;
  await folder.sync().catch(() => undefined);
  await folder.close();
}

/** Whose file it is and who may use it, kept when it is replaced. */
export type Owner = Pick<Stats, 'mode' | 'uid' | 'gid'>;

/** A new file with these bytes, fsynced. */
export async function writeNew(path: string, bytes: string | Uint8Array, owner: Owner | number = 0o644): Promise<void> {
  const file = await open(path, 'wx', typeof owner === 'number' ? owner : owner.mode & 0o7777);
  try {
    if (typeof owner !== 'number') {
      // Only a superuser may give files away; the mode is set after it, since giving away clears bits.
      await file.chown(owner.uid, owner.gid).catch(() => undefined);
      await file.chmod(owner.mode & 0o7777);
    }
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

const TEMPORARY = /^\.tara-\d+-[0-9a-f]{8}\.tmp$/;
/** Whether a name is one that a write which was cut short left. */
export const isTemporary = (name: string): boolean => TEMPORARY.test(name);
export const temporaryBeside = (path: string): string => join(dirname(path), `.tara-${process.pid}-${randomBytes(4).toString('hex')}.tmp`);

/** Lets `write` make a file beside `path`, and puts it there at once. */
export async function replaceBy(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await write(temporary);
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw thrown;
  }
  await syncFolder(dirname(path));
}

/** Bytes put at `path` at once. */
export const replaceFile = (path: string, bytes: string | Uint8Array, owner?: Owner | number): Promise<void> => replaceBy(path, (temporary) => writeNew(temporary, bytes, owner));

/** Where a file system has no second names, or gives none to this file. */
const NO_LINKS = ['EPERM', 'EXDEV', 'EMLINK', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'];

/** A second name for a file in the target: a hard link, else shared blocks, else a copy that is fsynced. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
    return;
  } catch (thrown) {
    if (!NO_LINKS.includes(codeOf(thrown))) throw thrown;
  }
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  const file = await open(to, 'r');
  await file.sync().finally(() => file.close());
}

/** Whether something on the way from `folder` to the path inside it is a link, which could lead anywhere. */
export async function isLinked(folder: string, path: string): Promise<boolean> {
  const parts = path.split('/');
  for (let depth = 1; depth <= parts.length; depth++) {
    const stats = await lstat(join(folder, ...parts.slice(0, depth))).catch(() => null);
    if (stats?.isSymbolicLink()) return true;
  }
  return false;
}

/** Bytes that this user may still write in the file system of a folder; Infinity where it does not say. */
export const freeBytes = (folder: string): Promise<number> => statfs(folder).then(({ bavail, bsize }) => bavail * bsize, () => Infinity);
