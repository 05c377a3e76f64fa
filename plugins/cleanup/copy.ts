/** Writes the cleaned copy: complete under its name, or not there; the source is only read. */
import { constants } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, mkdtemp, open, realpath, rename, rm, rmdir, symlink, utimes } from 'node:fs/promises';
import { basename, dirname, join, posix, relative, resolve, sep } from 'node:path';
import { TaraError, type OnProgress } from 'tara-gguf/plugin';
import { checkSpace, syncFolder, writeError, writeWhole } from './disk.js';
import type { Examination } from './examine.js';
import { parentOf, placeOf, readError, type Entry } from './tree.js';

/** Files copied at once; the disk is the limit, not the number. */
const AT_ONCE = 4;

export interface CopyOptions {
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
  const { tree, findings } = examination;
  const parent = dirname(output);
  await mkdir(parent, { recursive: true }).catch((thrown: unknown) => { throw writeError(parent, thrown); });
  const place = join(await realpath(parent), basename(output));
  await checkTarget(tree.root, place);
  const kept = [...tree.entries.values()].filter((entry) => entry.kind !== 'folder' && !findings.dropped.has(entry.path));
  const needed = kept.reduce((sum, entry) => sum + entry.bytes, 0);
  await checkSpace(parent, needed, output);
  const work = await mkdtemp(join(dirname(place), `.${basename(output).slice(0, 100)}.partial-`)).catch((thrown: unknown) => { throw writeError(output, thrown); });
  try {
    await fill(examination, work, kept, { ...options, needed, shown: output });
    await chmod(work, 0o755);
    await syncFolder(work);
    await rename(work, place);
    await syncFolder(dirname(place));
  } catch (thrown) {
    await rm(work, { recursive: true, force: true }).catch(() => undefined);
    throw writeError(output, thrown, needed);
  }
}

async function fill({ tree, findings }: Examination, work: string, kept: readonly Entry[], options: CopyOptions & { needed: number; shown: string }): Promise<void> {
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
      await copyEntry(tree.root, work, entry, findings.texts.has(entry.path));
      copied += entry.bytes;
      options.onProgress?.(options.needed === 0 ? 1 : copied / options.needed, entry.path);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, copyNext));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  for (const [file, text] of findings.texts) await writeWhole(join(work, file), text, (tree.entries.get(file)?.mode ?? 0o644) | 0o600);
  for (const path of [...folders].sort().reverse()) {
    const folder = tree.entries.get(path);
    if (folder) await syncFolder(placeOf(work, folder).toString());
  }
}

async function copyEntry(root: string, work: string, entry: Entry, rewritten: boolean): Promise<void> {
  const to = placeOf(work, entry);
  if (entry.kind === 'link') {
    // Written anew: a link that went up and came back, or an absolute one, would lead out of the copy.
    await symlink(posix.relative(parentOf(entry.path) || '.', entry.to ?? '') || '.', to);
    return;
  }
  if (rewritten) return;
  const from = placeOf(root, entry);
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  } catch (thrown) {
    throw ['EACCES', 'EPERM', 'ENOENT', 'EIO'].includes((thrown as NodeJS.ErrnoException).code ?? '') ? readError(entry.path, thrown) : thrown;
  }
  const now = await lstat(from);
  if (now.size !== entry.bytes || now.mtimeMs !== entry.mtimeMs) throw new TaraError('TARA_FILE_CHANGED', { path: entry.path });
  await chmod(to, entry.mode | 0o600);
  await utimes(to, now.atime, now.mtime);
  const file = await open(to, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
