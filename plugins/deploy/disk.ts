/** Durable files that keep their owner or have second names, and what a disk says. */
import { constants, type Stats } from 'node:fs';
import { copyFile, link, lstat, open, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceBy } from 'tara-gguf/plugin';

export const codeOf = (thrown: unknown): string => (thrown as NodeJS.ErrnoException).code ?? 'unknown';

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
