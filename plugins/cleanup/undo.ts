/**
 * The way back from in-place cleaning. Every step asks what is there first, so that it may be killed and run again, and whatever
 * was put in the place of something since is kept in the trash folder under `after`.
 */
import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, readFile, realpath, rename, rm, rmdir, unlink, utimes } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { readError, syncFolder, TaraError, writeError } from 'tara-gguf/plugin';
import { readManifest } from './manifest.js';
import { inFolder, move } from './moving.js';
import { at, readUndo, UNDO, type Place, type UndoManifest } from './undo-manifest.js';

export interface Undone {
  /** The folder that is as it was. */
  readonly folder: string;
  readonly restored: readonly string[];
  /** What lay in the place of something restored, and where it is now; null when nothing did. */
  readonly after: string | null;
}

type Path = string | Buffer;

const isThere = (path: Path): Promise<boolean> => lstat(path).then(() => true, () => false);
const isOurs = (path: Path, hash: string): Promise<boolean> => readFile(path).then((bytes) => createHash('sha256').update(bytes).digest('hex') === hash, () => false);
const parentPath = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** One trash folder on its way back. */
class Undo {
  readonly restored: string[] = [];
  readonly root: string;

  constructor(readonly trash: string, readonly undo: UndoManifest) {
    // Beside the trash, so that both may have been moved elsewhere together.
    this.root = join(dirname(trash), basename(undo.folder));
  }

  /** Keeps what somebody put there since. */
  async #setAside(place: Place): Promise<void> {
    const to = join(this.trash, 'after', place.path);
    await mkdir(dirname(to), { recursive: true });
    await move(at(this.root, place), to);
  }

  async manifests(): Promise<void> {
    const found = await readManifest(this.root).catch(() => null);
    for (const { name, existed } of this.undo.beside) {
      const [old, now] = [join(this.trash, 'beside', name), join(dirname(this.root), name)];
      if (await isThere(old)) await rename(old, now);
      else if (!existed && found !== null && !('fault' in found)) await rm(now, { force: true });
    }
  }

  async created(): Promise<void> {
    for (const file of this.undo.created) {
      const place = at(this.root, file);
      if (!await isThere(place)) continue;
      if (await isOurs(place, file.sha256)) await inFolder(join(this.root, parentPath(file.path)), () => unlink(place));
      else await this.#setAside(file);
    }
  }

  async fixed(): Promise<void> {
    for (const file of this.undo.fixed) {
      const [original, place] = [at(join(this.trash, 'fixed'), file), at(this.root, file)];
      await rm(`${original.toString()}.partial`, { force: true });
      const kept = await lstat(original).catch(() => null);
      if (kept === null) continue;
      const now = await lstat(place).catch(() => null);
      // Not replaced yet: two names of one file, which a rename would leave as they are.
      if (now !== null && now.ino === kept.ino && now.dev === kept.dev) await unlink(original);
      else {
        if (now !== null && !await isOurs(place, file.sha256)) await this.#setAside(file);
        await inFolder(join(this.root, parentPath(file.path)), () => rename(original, place));
      }
      this.restored.push(file.path);
    }
  }

  async removed(): Promise<void> {
    for (const item of this.undo.removed) {
      const from = at(join(this.trash, 'removed'), item);
      if (!await isThere(from)) continue;
      const place = at(this.root, item);
      if (await isThere(place)) await this.#setAside(item);
      await move(from, place);
      this.restored.push(item.path);
    }
  }

  /** Permissions and times, deepest first. */
  async folders(): Promise<void> {
    for (const folder of [...this.undo.folders].reverse()) {
      const place = at(this.root, folder);
      const stats = await lstat(place).catch(() => null);
      if (stats?.isDirectory() !== true) continue;
      await syncFolder(place.toString());
      await chmod(place, folder.mode);
      await utimes(place, stats.atimeMs / 1000, folder.mtimeMs / 1000);
    }
  }

  /** Removes the trash folder where nothing is left in it; the manifest goes last. */
  async close(): Promise<string | null> {
    await rm(join(this.trash, 'new'), { recursive: true, force: true });
    for (const name of ['removed', 'fixed', 'beside']) await removeEmpty(join(this.trash, name));
    const after = join(this.trash, 'after');
    const hasAfter = await isThere(after);
    if ((await readdir(this.trash)).some((name) => name !== UNDO && name !== 'after')) return hasAfter ? after : null;
    await unlink(join(this.trash, UNDO));
    if (!hasAfter) await rmdir(this.trash);
    await syncFolder(dirname(this.trash));
    return hasAfter ? after : null;
  }
}

/** Removes folders that hold nothing but such folders. */
async function removeEmpty(folder: string): Promise<void> {
  const inner = await readdir(folder, { withFileTypes: true }).catch(() => null);
  if (inner === null) return;
  for (const entry of inner) if (entry.isDirectory()) await removeEmpty(join(folder, entry.name));
  await rmdir(folder).catch(() => undefined);
}

/** Puts back what a trash folder holds. Throws TARA_UNDO_NOTHING, TARA_CONFIG_INVALID, TARA_FILE_NOT_FOUND, TARA_WRITE_FAILED. */
export async function undoTrash(trash: string): Promise<Undone> {
  const work = new Undo(trash, await readUndo(trash));
  await lstat(work.root).catch((thrown: unknown) => { throw readError(work.root, thrown); });
  try {
    await work.manifests();
    await work.created();
    await work.fixed();
    await work.removed();
    await work.folders();
    return { folder: work.root, restored: work.restored.sort(), after: await work.close() };
  } catch (thrown) {
    throw writeError(work.root, thrown);
  }
}

/** The trash folder itself, or the latest one of a cleaned folder. Throws TARA_UNDO_NOTHING. */
async function findTrash(path: string): Promise<string> {
  const folder = await realpath(path).catch(() => resolve(path));
  if (await isThere(join(folder, UNDO))) return folder;
  const start = `${basename(folder)}.trash-`;
  const names = (await readdir(dirname(folder)).catch(() => [])).filter((name) => name.startsWith(start)).sort(new Intl.Collator('en', { numeric: true }).compare);
  for (const name of names.reverse()) if (await isThere(join(dirname(folder), name, UNDO))) return join(dirname(folder), name);
  throw new TaraError('TARA_UNDO_NOTHING', { path });
}

/** Undoes the latest in-place cleaning of a folder, or the one whose trash folder is given. */
export const undo = async (path: string): Promise<Undone> => undoTrash(await findTrash(path));
