/**
 * Writes the cleaned copy: complete under its name with its manifest beside it, or not there; the source is only read.
 * Files are cloned where the file system can share blocks until one side is written to (reflink), else copied: a hard link
 * would be the same file, and a later edit of the copy would reach the source.
 */
import { constants } from 'node:fs';
import { chmod, copyFile, link, lstat, mkdir, mkdtemp, open, realpath, rename, rm, rmdir, symlink, utimes } from 'node:fs/promises';
import { basename, dirname, join, posix, relative, resolve, sep } from 'node:path';
import { syncFileSystem } from 'tara-gguf';
import { readError, syncFolder, TaraError, writeError, writeWhole, type OnProgress } from 'tara-gguf/plugin';
import { checkSpace } from './disk.js';
import type { Examination } from './examine.js';
import { keptEntries } from './kept.js';
import { checkManifestPlace, makeManifest, manifestPaths, writeManifest } from './manifest.js';
import { parentOf, placeOf, type Entry } from './tree.js';

/** Files copied at once; the disk is the limit, not the number. */
const AT_ONCE = 8;
/** More files than this are made durable by one call for their whole file system: a disk takes milliseconds for each call, however little there is to write. */
const MOST_SYNCED = 200;

export interface CopyOptions {
  /** SHA-256 of what was read, by path. */
  readonly hashes: ReadonlyMap<string, string>;
  /** The copy is read, never written to, and soon gone (a build's): then a hard link is as good and costs nothing. */
  readonly throwaway: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: OnProgress | undefined;
}

/** A name that nobody uses; an empty folder is taken over. */
async function checkTarget(source: string, output: string): Promise<void> {
  const way = relative(source, output);
  if (way === '' || !(way === '..' || way.startsWith(`..${sep}`) || resolve(source, way) === way)) {
    throw new TaraError('TARA_OPTION_INVALID', { option: '--output-path', reason: 'the copy cannot lie in the folder that is cleaned' });
  }
  const there = await lstat(output).catch(() => null);
  if (there === null) return;
  if (there.isDirectory() && await rmdir(output).then(() => true, () => false)) return;
  throw new TaraError('TARA_FILE_EXISTS', { path: output });
}

/** Copies what is kept to `output`. Throws TARA_FILE_EXISTS, TARA_DISK_FULL, TARA_WRITE_FAILED, TARA_FILE_CHANGED or TARA_ABORTED. */
export async function writeCopy(examination: Examination, output: string, options: CopyOptions): Promise<void> {
  const { tree, dropped, texts } = examination;
  const parent = dirname(output);
  await mkdir(parent, { recursive: true }).catch((thrown: unknown) => { throw writeError(parent, thrown); });
  const place = join(await realpath(parent), basename(output));
  await checkTarget(tree.root, place);
  await checkManifestPlace(place);
  const kept = keptEntries(tree, dropped);
  const needed = kept.reduce((sum, entry) => sum + entry.bytes, 0);
  await checkSpace(parent, needed, output);
  const work = await mkdtemp(join(dirname(place), `.${basename(output).slice(0, 100)}.partial-`)).catch((thrown: unknown) => { throw writeError(output, thrown); });
  let described = false;
  try {
    await fill(examination, work, kept, { ...options, needed });
    await chmod(work, 0o755);
    await syncFolder(work);
    described = true;
    await writeManifest(place, makeManifest(basename(place), kept, options.hashes, texts));
    await rename(work, place);
    await syncFolder(dirname(place));
  } catch (thrown) {
    await rm(work, { recursive: true, force: true }).catch(() => undefined);
    if (described) for (const path of Object.values(manifestPaths(place)) as string[]) await rm(path, { force: true }).catch(() => undefined);
    const error = writeError(output, thrown, needed);
    throw error.code === 'TARA_DISK_FULL' ? new TaraError('TARA_DISK_FULL', { path: output, needed }, { cause: thrown }) : error;
  }
}

async function fill({ tree, texts }: Examination, work: string, kept: readonly Entry[], options: CopyOptions & { needed: number }): Promise<void> {
  const together = kept.length > MOST_SYNCED;
  const folders = new Set<string>();
  for (const entry of kept) for (let path = parentOf(entry.path); path !== '' && !folders.has(path); path = parentOf(path)) folders.add(path);
  for (const path of [...folders].sort()) {
    const folder = tree.entries.get(path);
    if (folder) await mkdir(placeOf(work, folder));
  }
  let copied = 0;
  const queue = kept.values();
  const copyNext = async (): Promise<void> => {
    for (const entry of queue) {
      if (options.signal?.aborted) throw new TaraError('TARA_ABORTED');
      if (!texts.has(entry.path)) await copyEntry(tree.root, work, entry, { throwaway: options.throwaway, sync: !together });
      copied += entry.bytes;
      options.onProgress?.(options.needed === 0 ? 1 : copied / options.needed, entry.path);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, copyNext));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  for (const [file, text] of texts) await writeWhole(join(work, file), text, { mode: (tree.entries.get(file)?.mode ?? 0o644) | 0o600 });
  if (together) {
    await syncFileSystem(work);
    return;
  }
  for (const path of [...folders].sort().reverse()) {
    const folder = tree.entries.get(path);
    if (folder) await syncFolder(placeOf(work, folder).toString());
  }
}

async function copyEntry(root: string, work: string, entry: Entry, { throwaway, sync }: { readonly throwaway: boolean; readonly sync: boolean }): Promise<void> {
  const to = placeOf(work, entry);
  if (entry.kind === 'link') {
    // Written anew: a link that went up and came back, or an absolute one, would lead out of the copy.
    await symlink(posix.relative(parentOf(entry.path) || '.', entry.to ?? '') || '.', to);
    return;
  }
  const from = placeOf(root, entry);
  const linked = throwaway && await link(from, to).then(() => true, () => false);
  try {
    if (!linked) await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT') throw new TaraError('TARA_FILE_CHANGED', { path: entry.path }, { cause: thrown });
    throw ['EACCES', 'EPERM', 'EIO'].includes(code) ? readError(entry.path, thrown) : thrown;
  }
  const now = await lstat(from).catch(() => null);
  // A link that took the file's place meanwhile would have been followed.
  if (now === null || !now.isFile() || now.size !== entry.bytes || now.mtimeMs !== entry.mtimeMs) throw new TaraError('TARA_FILE_CHANGED', { path: entry.path });
  if (linked) return;
  if ((entry.mode & 0o600) !== 0o600) await chmod(to, entry.mode | 0o600);
  await utimes(to, now.atime, now.mtime);
  if (!sync) return;
  const file = await open(to, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
