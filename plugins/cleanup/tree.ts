/** What lies in a folder, found without following a link and without opening a file. */
import { lstat, readdir, readlink, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { readError, TaraError } from 'tara-gguf/plugin';

export interface Entry {
  /** Relative to the folder, parts joined by '/'; bytes that are no UTF-8 are written \xNN. */
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  readonly bytes: number;
  readonly mtimeMs: number;
  readonly mode: number;
  /** Relative path in the bytes that the file system has, where it is no UTF-8. */
  readonly raw?: Buffer;
  /** Of a link: where it leads in the folder, relative; null where that is outside, in a circle, or not to be told (names in bytes). */
  readonly to?: string | null;
}

export interface Tree {
  readonly root: string;
  /** Folders before what they hold, names in byte order. */
  readonly entries: ReadonlyMap<string, Entry>;
}

/** A folder deeper than this is an attack or a mistake. */
const MOST_DEEP = 2000;
/** Entries looked at together. */
const AT_ONCE = 32;
/** As many links as Linux follows. */
const MOST_LINKS = 40;

export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

const codeOf = (thrown: unknown): string => (thrown as NodeJS.ErrnoException).code ?? 'unknown';

/** The path of an entry below another root, in a form that every fs call takes. */
export const placeOf = (root: string, entry: Pick<Entry, 'path' | 'raw'>): string | Buffer =>
  entry.raw === undefined ? join(root, ...entry.path.split('/')) : Buffer.concat([Buffer.from(root + sep), entry.raw]);

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A name for people, and whether it stands for exactly these bytes. */
function display(raw: Buffer): { name: string; exact: boolean } {
  try {
    return { name: strict.decode(raw), exact: true };
  } catch {
    return { name: raw.toString('latin1').replace(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`), exact: false };
  }
}

/** Where `path` (absolute) really is; of what is not there, where it would be. */
async function realPlace(path: string): Promise<string | null> {
  let [place, rest] = [path, ''];
  for (let links = 0; links < MOST_LINKS;) {
    const found = await realpath(place).catch((thrown: unknown) => codeOf(thrown));
    if (found === 'ELOOP') return null;
    if (isAbsolute(found)) return join(found, rest);
    // A link to nothing is followed by hand, anything else is looked for in its parent.
    const target = await readlink(place).catch(() => null);
    if (target !== null) {
      links++;
      place = resolve(dirname(place), target);
    } else {
      rest = join(place.slice(dirname(place).length), rest);
      place = dirname(place);
    }
  }
  return null;
}

/** The relative path in `root` (a real path) that the link at `place` leads to; null when it leaves the folder. */
async function leadsTo(root: string, place: string | Buffer): Promise<string | null> {
  const target = await realPlace(place.toString());
  if (target === null) return null;
  const way = relative(root, target);
  if (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) return null;
  return way.split(sep).join('/');
}

/**
 * The tree of a folder (the folder itself may be reached through a link). Throws
 * TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE or TARA_ABORTED.
 */
export async function readTree(dir: string, signal?: AbortSignal): Promise<Tree> {
  const root = await realpath(dir).catch((thrown: unknown) => { throw readError(dir, thrown); });
  const entries = new Map<string, Entry>();
  const open: { path: string; raw?: Buffer }[] = [{ path: '' }];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    const place = folder.path === '' ? root : placeOf(root, folder);
    const found = await namesIn(place, folder.path === '' ? dir : folder.path);
    const inner: typeof open = [];
    for (let at = 0; at < found.length; at += AT_ONCE) {
      if (signal?.aborted) throw new TaraError('TARA_ABORTED');
      for (const entry of await Promise.all(found.slice(at, at + AT_ONCE).map((name) => entryOf(root, folder, name)))) {
        entries.set(entry.path, entry);
        if (entry.kind === 'folder') inner.push(entry);
      }
    }
    if (folder.path.split('/', MOST_DEEP).length === MOST_DEEP) throw new TaraError('TARA_FILE_UNREADABLE', { path: dir, reason: `it is nested deeper than ${MOST_DEEP} folders` });
    open.push(...inner.reverse());
  }
  return { root, entries };
}

async function namesIn(place: string | Buffer, shown: string): Promise<Buffer[]> {
  try {
    return (await readdir(place, { encoding: 'buffer' })).sort((a, b) => a.compare(b));
  } catch (thrown) {
    throw readError(shown, thrown);
  }
}

async function entryOf(root: string, folder: { path: string; raw?: Buffer }, name: Buffer): Promise<Entry> {
  const shown = display(name);
  const path = folder.path === '' ? shown.name : `${folder.path}/${shown.name}`;
  const isRaw = !shown.exact || folder.raw !== undefined;
  const parent = folder.raw ?? Buffer.from(folder.path.split('/').join(sep));
  const raw = parent.length === 0 ? name : Buffer.concat([parent, Buffer.from(sep), name]);
  const named = { path, ...(isRaw && { raw }) };
  const place = placeOf(root, named);
  const stats = await lstat(place).catch((thrown: unknown) => { throw readError(path, thrown); });
  const kind = stats.isSymbolicLink() ? 'link' : stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other';
  return {
    ...named, kind, bytes: kind === 'file' ? stats.size : 0, mtimeMs: stats.mtimeMs, mode: stats.mode & 0o777,
    ...(kind === 'link' && { to: isRaw ? null : await leadsTo(root, place) }),
  };
}

/** The file, folder or dead end that a relative path names, links inside the folder followed. */
export function lookUp(tree: Tree, path: string): Entry | undefined {
  let wanted = path;
  for (let links = 0; links < MOST_LINKS; links++) {
    const parts = wanted.split('/');
    const at = parts.findIndex((_, index) => tree.entries.get(parts.slice(0, index + 1).join('/'))?.kind === 'link');
    if (at < 0) return tree.entries.get(wanted);
    const link = tree.entries.get(parts.slice(0, at + 1).join('/'));
    // A link that leads outside stands for itself.
    if (link?.to == null) return at === parts.length - 1 ? link : undefined;
    wanted = [link.to, ...parts.slice(at + 1)].filter((part) => part !== '').join('/');
  }
  return undefined;
}
