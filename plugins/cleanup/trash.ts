/**
 * Cleaning in place: what goes is moved, by rename, into a dated folder beside the model. The undo
 * manifest is written first, so that at any moment every byte is either in its place or where the
 * manifest says.
 */
import { chmod, copyFile, lstat, mkdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TaraError } from 'tara-gguf/plugin';
import { syncFolder, writeError, writeWhole } from './disk.js';
import type { Examination } from './examine.js';
import { placeOf, type Entry } from './tree.js';

export interface UndoManifest {
  readonly format: 1;
  /** Absolute path of the cleaned folder. */
  readonly folder: string;
  readonly at: string;
  /** Move each back from `removed/PATH` here to PATH; a trailing slash is a folder with all it holds. */
  readonly removed: readonly string[];
  /** Copy each back from `fixed/PATH` here to PATH. */
  readonly fixed: readonly string[];
  /** Files that were not there before: remove them. */
  readonly created: readonly string[];
}

/** A trash folder that nobody has, with the date in its name. */
async function makeTrash(root: string): Promise<string> {
  const stamp = new Date().toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '');
  for (let count = 1; ; count++) {
    const trash = join(dirname(root), `${basename(root)}.trash-${stamp}${count === 1 ? '' : `-${count}`}`);
    const made = await mkdir(trash).then(() => true, (thrown: unknown) => {
      if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw writeError(trash, thrown);
    });
    if (made) return trash;
  }
}

/** Runs `work` with a folder writable, and gives it its permissions back. */
async function inFolder<T>(folder: string | Buffer, work: () => Promise<T>): Promise<T> {
  const { mode } = await lstat(folder);
  if ((mode & 0o200) !== 0) return work();
  await chmod(folder, (mode & 0o777) | 0o200);
  try {
    return await work();
  } finally {
    await chmod(folder, mode & 0o777);
  }
}

/** Removes and fixes in place; gives the trash folder, null when there was nothing to do. Throws TARA_WRITE_FAILED, TARA_ABORTED. */
export async function cleanInPlace({ tree, findings, removed }: Examination, signal: AbortSignal | undefined): Promise<string | null> {
  if (removed.length === 0 && findings.texts.size === 0) return null;
  const { root } = tree;
  const trash = await makeTrash(root);
  const entryOf = (path: string): Entry | undefined => tree.entries.get(path.replace(/\/$/, ''));
  const files = [...findings.texts.keys()];
  const manifest: UndoManifest = {
    format: 1, folder: root, at: new Date().toISOString(), removed,
    fixed: files.filter((file) => tree.entries.has(file)), created: files.filter((file) => !tree.entries.has(file)),
  };
  try {
    await writeWhole(join(trash, 'undo.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    for (const path of removed) {
      if (signal?.aborted) throw new TaraError('TARA_ABORTED');
      const entry = entryOf(path);
      if (entry) await moveAway(root, join(trash, 'removed'), tree.entries, entry);
    }
    for (const [file, text] of findings.texts) await fix(root, join(trash, 'fixed'), file, text, entryOf(file)?.mode);
    await syncFolder(root);
  } catch (thrown) {
    throw writeError(trash, thrown);
  }
  return trash;
}

async function moveAway(root: string, to: string, entries: ReadonlyMap<string, Entry>, entry: Entry): Promise<void> {
  await mkdir(to, { recursive: true });
  let source: string | Buffer = root;
  const parts = entry.path.split('/');
  for (let depth = 1; depth < parts.length; depth++) {
    const folder = entries.get(parts.slice(0, depth).join('/'));
    if (folder === undefined) continue;
    source = placeOf(root, folder);
    await mkdir(placeOf(to, folder), { recursive: true });
  }
  const from = placeOf(root, entry);
  const place = placeOf(to, entry);
  const unlocked = entry.kind === 'folder' && (entry.mode & 0o200) === 0;
  await inFolder(source, async () => {
    // Moving a folder rewrites its entry for its parent, so it must be writable meanwhile.
    if (unlocked) await chmod(from, entry.mode | 0o200);
    await rename(from, place);
    if (unlocked) await chmod(place, entry.mode);
  });
}

async function fix(root: string, to: string, file: string, text: string, mode: number | undefined): Promise<void> {
  const path = join(root, file);
  if (mode !== undefined) {
    await mkdir(to, { recursive: true });
    await copyFile(path, join(to, file));
    await syncFolder(to);
  }
  await inFolder(dirname(path), () => writeWhole(path, text, mode ?? 0o644));
}
