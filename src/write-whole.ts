/** Files that appear whole or not at all: made under a name of their own in the same folder, fsynced, renamed. */
import { randomBytes } from 'node:crypto';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asTaraError, TaraError } from './errors.js';

const FULL = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** A failed write as TARA_DISK_FULL or TARA_WRITE_FAILED; a TaraError stays itself, and what the system did not say is a fault of ours. */
export function writeError(path: string, thrown: unknown, needed = 0): TaraError {
  const { code = '' } = thrown as NodeJS.ErrnoException;
  if (thrown instanceof TaraError || !/^E[A-Z0-9]+$/.test(code)) return asTaraError(thrown);
  if (FULL.includes(code)) return new TaraError('TARA_DISK_FULL', { path, needed }, { cause: thrown });
  return new TaraError('TARA_WRITE_FAILED', { path, reason: code }, { cause: thrown });
}

/** Makes the names in a folder durable; some systems cannot open folders, and need not. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null);
  if (folder === null) return;
  await folder.sync().catch(() => undefined);
  await folder.close();
}

/** Whether a name is one that a write which was cut short left. */
export const isTemporary = (name: string): boolean => /^\.tara-\d+-[0-9a-f]{8}\.tmp$/.test(name);

/** Lets `make` make a file in `through` (on the same disk) and puts it at `path` at once; of what fails nothing is left. */
export async function replaceBy(path: string, make: (temporary: string) => Promise<void>, through = dirname(path)): Promise<void> {
  const temporary = join(through, `.tara-${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
  try {
    await make(temporary);
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw thrown;
  }
  await syncFolder(dirname(path));
}

export interface WriteWholeOptions {
  /** Permissions, of which the umask takes its own. 0o666 when omitted. */
  readonly mode?: number | undefined;
  /** The folder of the temporary file; the file's own when omitted. */
  readonly through?: string | undefined;
  /** Of pieces, how many they are together: a full disk tells it. */
  readonly bytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Puts a text, bytes or pieces of them at `path`; what was there stays until then. Throws TARA_DISK_FULL, TARA_WRITE_FAILED, TARA_ABORTED and what making the pieces throws. */
export async function writeWhole(path: string, content: string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>, { mode = 0o666, through, bytes, signal }: WriteWholeOptions = {}): Promise<void> {
  try {
    await replaceBy(path, async (temporary) => {
      const file = await open(temporary, 'wx', mode);
      try {
        await writeFile(file, content, { signal });
        await file.sync();
      } finally {
        await file.close();
      }
    }, through);
  } catch (thrown) {
    throw writeError(path, thrown, bytes ?? (typeof content === 'string' || content instanceof Uint8Array ? Buffer.byteLength(content) : 0));
  }
}
