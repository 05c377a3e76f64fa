/** Reads a release's files again from their own folder, and hashes their tensors on the way. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { TaraError } from 'tara-gguf/plugin';
import { dropBlob } from '../store/blobs.js';
import type { TensorHashes } from '../store/format.js';
import type { Work } from '../work.js';
import { tensorHashes } from './tensors.js';
import type { StoredFile } from './write.js';

export interface ReadBackOptions {
  readonly work: Work;
  readonly signal: AbortSignal | undefined;
  /** Tensor hashes of files that the target serves already, by the file's SHA-256: the same bytes have the same tensors. */
  readonly known: ReadonlyMap<string, TensorHashes>;
  onFile(path: string, fraction: number): void;
}

async function one(target: string, release: string, folder: string, { path, bytes, sha256 }: StoredFile, { work, signal, known, onFile }: ReadBackOptions): Promise<readonly [string, TensorHashes | undefined]> {
  const full = join(folder, ...path.split('/'));
  // Side by side: with a core for each, the tensors' hashes cost no time.
  const [digest, tensors] = await Promise.all([
    work.hash(full, { signal, onBytes: (done) => onFile(path, bytes === 0 ? 1 : done / bytes) }),
    path.endsWith('.gguf') ? known.get(sha256) ?? tensorHashes(full, work, { signal }) : undefined,
  ]);
  const fault = 'fault' in digest ? digest.fault : digest.sha256 === sha256 ? undefined : `its bytes are not those that were written (${(await lstat(full)).size} bytes)`;
  if (fault !== undefined) {
    // A blob that lost its bytes must not be taken for the file again.
    await dropBlob(target, sha256);
    throw new TaraError('TARA_DEPLOY_CORRUPT', { release, issue: `${path}: ${fault}` });
  }
  return [path, tensors];
}

/** Hashes of tensors by path. Throws TARA_DEPLOY_CORRUPT, TARA_ABORTED. */
export async function readBack(target: string, release: string, folder: string, stored: readonly StoredFile[], options: ReadBackOptions): Promise<ReadonlyMap<string, TensorHashes>> {
  const results = await Promise.allSettled(stored.map((file) => one(target, release, folder, file, options)));
  const found = new Map<string, TensorHashes>();
  for (const result of results) {
    if (result.status === 'rejected') throw result.reason;
    const [path, tensors] = result.value;
    if (tensors) found.set(path, tensors);
  }
  return found;
}
