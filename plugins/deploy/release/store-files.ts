/** Brings the files of a request into the target's blobs: what is there already is not copied again. */
import { readError, TaraError } from 'tara-gguf/plugin';
import { blobSizes, copyIn, hasBlob } from '../store/blobs.js';
import type { Work } from '../work.js';
import type { PlacedFile } from './place.js';
import type { StoredFile } from './write.js';

export interface Sized extends PlacedFile {
  readonly size: number;
}

export interface StoreOptions {
  readonly work: Work;
  readonly signal: AbortSignal | undefined;
  freeBytes(folder: string): Promise<number>;
  onFile(stage: 'copy', path: string, fraction: number): void;
  afterCopy(): Promise<void>;
}

/** The hash of a source whose size some blob has, where that blob is the same file. */
async function known(target: string, { file, path, size }: Sized, sizes: ReadonlySet<number>, { work, signal, onFile }: StoreOptions): Promise<string | undefined> {
  if (!sizes.has(size)) return undefined;
  const digest = await work.hash(file.path, { signal, onBytes: (bytes) => onFile('copy', path, size === 0 ? 1 : bytes / size) });
  if ('fault' in digest) throw readError(file.path, { code: digest.fault });
  return await hasBlob(target, digest.sha256, digest.bytes) ? digest.sha256 : undefined;
}

/** In the request's order. Throws TARA_DISK_FULL before anything is copied, and what copying throws. */
export async function storeFiles(target: string, files: readonly Sized[], options: StoreOptions): Promise<{ stored: StoredFile[]; copiedBytes: number }> {
  const sizes = await blobSizes(target);
  const hashes = await Promise.all(files.map((file) => known(target, file, sizes, options)));
  const missing = files.filter((_, index) => hashes[index] === undefined);
  const needed = missing.reduce((sum, { size }) => sum + size, 0);
  if (await options.freeBytes(target) < needed) throw new TaraError('TARA_DISK_FULL', { path: target, needed });
  const { work, signal, onFile } = options;
  // All end before a failure is told, so that nothing is written after it.
  const results = await Promise.allSettled(files.map(async ({ size, ...file }, index): Promise<StoredFile> => {
    const sha256 = hashes[index];
    if (sha256 !== undefined) return { ...file, bytes: size, sha256 };
    const digest = await copyIn(target, file.file.path, work, { signal, onBytes: (bytes) => onFile('copy', file.path, size === 0 ? 1 : bytes / size) });
    await options.afterCopy();
    return { ...file, ...digest };
  }));
  const stored = results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
  return { stored, copiedBytes: needed };
}
