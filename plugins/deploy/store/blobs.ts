/** Content-addressed bytes: each file of a target lies once in blobs/, named by its SHA-256, and is never written again. */
import { createHash, randomBytes } from 'node:crypto';
import { lstat, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { syncFolder, TaraError } from 'tara-gguf/plugin';
import { codeOf, writeNew } from '../disk.js';
import type { Digest, Work, WorkOptions } from '../work.js';
import { PARTIAL } from './format.js';
import { blobsFolder } from './target.js';

/** Nobody writes a blob again: a hard link of it in a release must not change either. */
const MODE = 0o444;
const NAME = /^sha256-([0-9a-f]{64})$/;

export const blobPath = (target: string, sha256: string): string => join(blobsFolder(target), `sha256-${sha256}`);
export const sha256Of = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const partial = (target: string): string => join(blobsFolder(target), `.${randomBytes(8).toString('hex')}${PARTIAL}`);
/** What a copy that was cut short left. */
export const isPartialBlob = (name: string): boolean => /^\.[0-9a-f]{16}\.partial$/.test(name);

/** Hashes of the blobs. */
export async function blobHashes(target: string): Promise<string[]> {
  return (await readdir(blobsFolder(target))).flatMap((name) => NAME.exec(name)?.[1] ?? []);
}

async function place(target: string, work: string, sha256: string): Promise<void> {
  await rename(work, blobPath(target, sha256));
  await syncFolder(blobsFolder(target));
}

/** Small bytes as a blob; its hash. */
export async function saveBytes(target: string, bytes: Uint8Array | string): Promise<string> {
  const sha256 = sha256Of(bytes);
  if (await hasBlob(target, sha256, Buffer.byteLength(bytes))) return sha256;
  const work = partial(target);
  await writeNew(work, bytes, MODE);
  await place(target, work, sha256);
  return sha256;
}

/** The bytes of a small blob, checked. Throws TARA_DEPLOY_TARGET. */
export async function readBlob(target: string, sha256: string): Promise<Buffer> {
  const bytes = await readFile(blobPath(target, sha256)).catch((thrown: unknown) => {
    throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: `blobs/sha256-${sha256}: ${codeOf(thrown)}` }, { cause: thrown });
  });
  if (sha256Of(bytes) !== sha256) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: `blobs/sha256-${sha256} has other bytes than its name says` });
  return bytes;
}

export const hasBlob = (target: string, sha256: string, bytes: number): Promise<boolean> =>
  lstat(blobPath(target, sha256)).then((stats) => stats.isFile() && stats.size === bytes, () => false);

/** Sizes of the blobs: a source of another size can be none of them. */
export async function blobSizes(target: string): Promise<ReadonlySet<number>> {
  const hashes = await blobHashes(target);
  return new Set(await Promise.all(hashes.map((sha256) => lstat(blobPath(target, sha256)).then(({ size }) => size, () => -1))));
}

/** A file copied into a blob, hashed on the way. */
export async function copyIn(target: string, from: string, work: Work, options: WorkOptions): Promise<Digest> {
  const to = partial(target);
  try {
    const digest = await work.copy(from, to, MODE, options);
    await place(target, to, digest.sha256);
    return digest;
  } catch (thrown) {
    await rm(to, { force: true }).catch(() => undefined);
    throw thrown;
  }
}

/** Removes a blob; releases that were linked to it keep their bytes. */
export const dropBlob = (target: string, sha256: string): Promise<void> => rm(join(blobsFolder(target), basename(blobPath(target, sha256))), { force: true });
