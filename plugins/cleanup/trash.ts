/**
 * Cleaning in place: what goes is moved, by rename, into a dated folder beside the model. The undo
 * manifest is written first, so that at any moment every byte is either in its place or where the
 * manifest says; undo.ts is the way back.
 */
import { copyFile, link, lstat, mkdir, rename, utimes } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { syncFolder, TaraError, writeError, writeWhole } from 'tara-gguf/plugin';
import type { Examination } from './examine.js';
import { inFolder, move } from './moving.js';
import { checkManifestPlace, makeManifest, manifestPaths, writeManifest } from './manifest.js';
import { keptEntries, removedTop } from './kept.js';
import { parentOf, placeOf, type Entry, type Tree } from './tree.js';
import { undoTrash } from './undo.js';
import { UNDO, type Place, type UndoManifest } from './undo-manifest.js';

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

const placed = ({ path, raw }: Entry): Place => ({ path, ...(raw && { raw: Buffer.from(raw).toString('base64') }) });
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

async function planUndo({ tree, dropped, texts }: Examination): Promise<UndoManifest> {
  const removed = removedTop(tree, dropped);
  const written = [...texts].map(([path, text]) => ({ path, sha256: sha256(text) }));
  const touched = new Set([...removed, ...written].map(({ path }) => parentOf(path)));
  const { mode, mtimeMs } = await lstat(tree.root);
  const top = { path: '', mode: mode & 0o777, mtimeMs };
  const goes = new Set(removed);
  const folders = [...tree.entries.values()].filter((entry) => entry.kind === 'folder' && (touched.has(entry.path) || goes.has(entry)));
  const names = Object.values(manifestPaths(basename(tree.root))) as string[];
  return {
    format: 1, folder: tree.root, at: new Date().toISOString(), removed: removed.map(placed),
    fixed: written.filter(({ path }) => tree.entries.has(path)), created: written.filter(({ path }) => !tree.entries.has(path)),
    folders: [top, ...folders.map((entry) => ({ ...placed(entry), mode: entry.mode, mtimeMs: entry.mtimeMs }))],
    beside: await Promise.all(names.map(async (name) => ({ name, existed: await lstat(join(dirname(tree.root), name)).then(() => true, () => false) }))),
  };
}

/**
 * Removes and fixes in place, and writes the manifest; gives the trash folder, null when there was nothing to do. On a failure
 * everything is put back. Throws TARA_WRITE_FAILED, TARA_DISK_FULL, TARA_FILE_CHANGED, TARA_FILE_EXISTS, TARA_ABORTED, and
 * TARA_CLEANUP_UNFINISHED where putting back failed too.
 */
export async function cleanInPlace(examination: Examination, hashes: ReadonlyMap<string, string>, signal: AbortSignal | undefined): Promise<string | null> {
  const { tree, dropped, texts } = examination;
  await checkManifestPlace(tree.root);
  const manifest = makeManifest(basename(tree.root), keptEntries(tree, dropped), hashes, texts);
  const undo = await planUndo(examination);
  if (undo.removed.length === 0 && texts.size === 0) {
    await writeManifest(tree.root, manifest);
    return null;
  }
  const trash = await makeTrash(tree.root);
  try {
    await writeWhole(join(trash, UNDO), `${JSON.stringify(undo, null, 1)}\n`);
    await syncFolder(dirname(trash));
    await writeTexts(examination, join(trash, 'new'));
    await moveAway(tree, undo, join(trash, 'removed'), signal);
    for (const file of texts.keys()) await replace(tree, trash, file);
    await moveOldManifests(undo, trash);
    await syncFolder(tree.root);
    // What a kill leaves half-written is then removed with the trash.
    await writeManifest(tree.root, manifest, join(trash, 'new'));
  } catch (thrown) {
    await undoTrash(trash).catch((cause: unknown) => { throw new TaraError('TARA_CLEANUP_UNFINISHED', { path: trash, reason: (thrown as Error).message }, { cause }); });
    throw writeError(tree.root, thrown);
  }
  return trash;
}

/** The new texts, complete and durable before anything moves. */
async function writeTexts({ tree, texts }: Examination, to: string): Promise<void> {
  await mkdir(to);
  for (const [file, text] of texts) {
    await mkdir(dirname(join(to, file)), { recursive: true });
    await writeWhole(join(to, file), text, { mode: tree.entries.get(file)?.mode });
  }
}

async function moveAway({ root, entries }: Tree, undo: UndoManifest, to: string, signal: AbortSignal | undefined): Promise<void> {
  const made = new Set<string>();
  for (const { path } of undo.removed) {
    if (signal?.aborted) throw new TaraError('TARA_ABORTED');
    const entry = entries.get(path);
    if (entry === undefined) continue;
    const parent = entries.get(parentOf(path));
    const target = parent === undefined ? to : placeOf(to, parent);
    if (!made.has(parentOf(path))) await mkdir(target, { recursive: true });
    made.add(parentOf(path));
    await move(placeOf(root, entry), placeOf(to, entry));
  }
  for (const path of made) {
    const parent = entries.get(path);
    await syncFolder((parent === undefined ? to : placeOf(to, parent)).toString());
  }
}

/** Keeps the original under a second name, then lets the new text take the first in one step. */
async function replace({ root, entries }: Tree, trash: string, file: string): Promise<void> {
  const place = join(root, file);
  const entry = entries.get(file);
  if (entry !== undefined) {
    const now = await lstat(place).catch(() => null);
    if (now === null || !now.isFile() || now.size !== entry.bytes || now.mtimeMs !== entry.mtimeMs) throw new TaraError('TARA_FILE_CHANGED', { path: file });
    const original = join(trash, 'fixed', file);
    await mkdir(dirname(original), { recursive: true });
    await link(place, original).catch(async () => {
      // File systems without hard links: a copy, which has its name only once it is complete.
      await copyFile(place, `${original}.partial`);
      await utimes(`${original}.partial`, now.atime, now.mtime);
      await rename(`${original}.partial`, original);
    });
    await syncFolder(dirname(original));
  }
  await inFolder(dirname(place), () => rename(join(trash, 'new', file), place));
}

async function moveOldManifests(undo: UndoManifest, trash: string): Promise<void> {
  await mkdir(join(trash, 'beside'), { recursive: true });
  for (const { name, existed } of undo.beside) if (existed) await rename(join(dirname(undo.folder), name), join(trash, 'beside', name));
}
