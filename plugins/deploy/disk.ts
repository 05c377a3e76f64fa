/** Durable files: written beside their name, fsynced, renamed; hashed a chunk at a time. */
import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, lstat, open, rename, rm, statfs, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TaraError } from 'tara-gguf/plugin';

const CHUNK = 1 << 20;

export const codeOf = (thrown: unknown): string => (thrown as NodeJS.ErrnoException).code ?? 'unknown';

/** A failed write as TARA_DISK_FULL or TARA_WRITE_FAILED; a TaraError stays itself. */
export function writeError(path: string, thrown: unknown, needed = 0): TaraError {
  if (thrown instanceof TaraError) return thrown;
  const code = codeOf(thrown);
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

/** A new file with this text, fsynced. */
export async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Puts text at `path` at once; `beforeRename` runs when only the rename is left. */
export async function replaceFile(path: string, text: string, beforeRename?: () => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.tara-${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
  try {
    await writeNew(temporary, text);
    await beforeRename?.();
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw thrown;
  }
  await syncFolder(dirname(path));
}

export interface Digest {
  readonly bytes: number;
  readonly sha256: string;
}

async function* chunks(file: FileHandle, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (;;) {
    if (signal?.aborted) throw new TaraError('TARA_ABORTED');
    const { bytesRead } = await file.read(buffer, 0, CHUNK, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Size and SHA-256 of a regular file; a link is not followed (ELOOP). System errors are thrown. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<Digest> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of chunks(file, signal)) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

async function copyHashing(from: string, to: string, onChunk: (bytes: number) => void, signal: AbortSignal | undefined): Promise<Digest> {
  const source = await open(from, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((thrown: unknown) => { throw readError(from, thrown); });
  try {
    const target = await open(to, 'wx', 0o644);
    try {
      const hash = createHash('sha256');
      let bytes = 0;
      for await (const chunk of chunks(source, signal)) {
        hash.update(chunk);
        for (let at = 0; at < chunk.length;) at += (await target.write(chunk, at, chunk.length - at, bytes + at)).bytesWritten;
        bytes += chunk.length;
        onChunk(chunk.length);
      }
      await target.sync();
      return { bytes, sha256: hash.digest('hex') };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Shares the source's blocks where the file system can; whether it did. */
const clone = (from: string, to: string): Promise<boolean> =>
  copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE).then(() => true, () => rm(to, { force: true }).then(() => false));

/**
 * A durable copy and the hash of its source. A hard link would share the file with whoever writes the source, so the
 * bytes are cloned (copy on write) or copied. Throws TARA_FILE_CHANGED when the source changes meanwhile.
 */
export async function copyDurably(from: string, to: string, options: { readonly signal: AbortSignal | undefined; onChunk(bytes: number): void }): Promise<Digest> {
  const before = await lstat(from).catch((thrown: unknown) => { throw readError(from, thrown); });
  let digest: Digest;
  if (await clone(from, to)) {
    digest = await hashFile(from, options.signal).catch((thrown: unknown) => { throw readError(from, thrown); });
    const file = await open(to, 'r+');
    await file.sync().finally(() => file.close());
    options.onChunk(digest.bytes);
  } else {
    digest = await copyHashing(from, to, options.onChunk, options.signal);
  }
  const after = await lstat(from).catch((thrown: unknown) => { throw readError(from, thrown); });
  if (after.size !== before.size || after.mtimeMs !== before.mtimeMs || digest.bytes !== before.size) throw new TaraError('TARA_FILE_CHANGED', { path: from });
  return digest;
}

/** Bytes that this user may still write in the file system of a folder; Infinity where it does not say. */
export const freeBytes = (folder: string): Promise<number> => statfs(folder).then(({ bavail, bsize }) => bavail * bsize, () => Infinity);
