/** The undo manifest of in-place cleaning: what lies in a trash folder, and where each thing belongs. */
import { join } from 'node:path';
import { TaraError } from 'tara-gguf/plugin';
import { isObject, readJsonFile } from './json-text.js';
import { placeOf } from './tree.js';

/** A file, link or folder by its relative path; `raw` is the name's bytes in base64, where they are no UTF-8. */
export interface Place {
  readonly path: string;
  readonly raw?: string | undefined;
}

export interface FolderState extends Place {
  readonly mode: number;
  readonly mtimeMs: number;
}

export interface UndoManifest {
  readonly format: 1;
  /** Absolute path of the cleaned folder. */
  readonly folder: string;
  readonly at: string;
  /** Moved from the folder to `removed/PATH` in the trash: files, links, and folders with all they hold. */
  readonly removed: readonly Place[];
  /** Rewritten: the originals lie in `fixed/PATH`. `sha256` is of what cleaning wrote. */
  readonly fixed: readonly (Place & { readonly sha256: string })[];
  /** Not there before. */
  readonly created: readonly (Place & { readonly sha256: string })[];
  /** Folders whose permissions and times the moves touch, as they were; '' is the cleaned folder itself. */
  readonly folders: readonly FolderState[];
  /** Names beside the folder that cleaning wrote; where one existed, the older lies in `beside/NAME`. */
  readonly beside: readonly { readonly name: string; readonly existed: boolean }[];
}

export const UNDO = 'undo.json';

/** Where a thing lies below `root`. */
export const at = (root: string, { path, raw }: Place): string | Buffer => (path === '' ? root : placeOf(root, { path, ...(raw !== undefined && { raw: Buffer.from(raw, 'base64') }) }));

const isPlace = (value: unknown): boolean => {
  if (!isObject(value) || typeof value.path !== 'string' || (value.raw !== undefined && typeof value.raw !== 'string')) return false;
  const parts = (value.raw === undefined ? value.path : Buffer.from(value.raw, 'base64').toString('latin1')).split('/');
  return !parts.includes('..') && !parts.includes('.') && !value.path.startsWith('/') && !value.path.includes('\0');
};
const isList = (value: unknown, fits: (item: unknown) => boolean): boolean => Array.isArray(value) && value.every(fits);
const isName = (value: unknown): boolean => typeof value === 'string' && value !== '' && !/[/\0]/.test(value) && value !== '..' && value !== '.';

const isUndo = (value: unknown): boolean =>
  isObject(value) && value.format === 1 && typeof value.folder === 'string' && ['removed', 'fixed', 'created', 'folders'].every((key) => isList(value[key], isPlace)) && isList(value.beside, (item) => isObject(item) && isName(item.name) && typeof item.existed === 'boolean');

/** Throws TARA_UNDO_NOTHING where there is none, TARA_CONFIG_INVALID where it is no undo manifest. */
export async function readUndo(trash: string): Promise<UndoManifest> {
  const path = join(trash, UNDO);
  const read = await readJsonFile(path).catch((cause: unknown) => { throw new TaraError('TARA_UNDO_NOTHING', { path: trash }, { cause }); });
  if ('fault' in read || !isUndo(read.value)) throw new TaraError('TARA_CONFIG_INVALID', { path, reason: 'fault' in read ? read.fault : 'it is no undo manifest' });
  return read.value as UndoManifest;
}
