/** Writing that is complete or not there: temporary file in the same folder, fsync, rename. */
import { randomBytes } from 'node:crypto';
import { open, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TaraError } from 'tara-gguf/plugin';

const codeOf = (thrown: unknown): string => (thrown as NodeJS.ErrnoException).code ?? 'unknown';

/** A failed write as TARA_DISK_FULL or TARA_WRITE_FAILED; a TaraError stays itself. */
export function writeError(path: string, thrown: unknown, needed = 0): TaraError {
  if (thrown instanceof TaraError) return thrown;
  const code = codeOf(thrown);
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') return new TaraError('TARA_DISK_FULL', { path, needed }, { cause: thrown });
  return new TaraError('TARA_WRITE_FAILED', { path, reason: code }, { cause: thrown });
}

/** Makes the names in a folder durable; some systems cannot open folders, and need not. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null);
  if (folder === null) return;
  await folder.sync().catch(() => undefined);
  await folder.close();
}

/** Puts a text or bytes at `path`, with these permissions, by way of a temporary file in `through` (on the same disk). Throws TARA_DISK_FULL, TARA_WRITE_FAILED. */
export async function writeWhole(path: string, text: string | Buffer, mode = 0o644, through = dirname(path)): Promise<void> {
  const temporary = join(through, `.tara-${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeError(path, thrown, Buffer.byteLength(text));
  }
}

/** Refuses, before anything is written, what the file system of `folder` cannot hold. Throws TARA_DISK_FULL. */
export async function checkSpace(folder: string, needed: number, path: string): Promise<void> {
  const space = await statfs(folder).catch(() => null);
  if (space !== null && space.bavail * space.bsize < needed) throw new TaraError('TARA_DISK_FULL', { path, needed });
}
