/** A deployment target as it lies on the disk: its pointer, its releases, its journal. Reading changes nothing. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readError, syncFolder, TaraError, writeError } from 'tara-gguf/plugin';
import { codeOf } from '../disk.js';
import { currentSchema, manifestSchema, pendingSchema, RELEASE_ID, type Current, type Manifest, type Pending } from './format.js';

const MOST_BYTES = 64 << 20;

export const releasesFolder = (target: string): string => join(target, 'releases');
export const releaseFolder = (target: string, id: string): string => join(target, 'releases', id);
export const blobsFolder = (target: string): string => join(target, 'blobs');
export const currentPath = (target: string): string => join(target, 'current.json');
export const pendingPath = (target: string): string => join(target, 'pending.json');
/** Every release has these beside the files that its manifest lists; the signature is optional. */
export const MANIFEST = 'manifest.json';
export const SIGNATURE = 'signature.json';

/** Why a file of the target cannot be used. */
export interface Fault {
  readonly fault: string;
}

/** A whole file that is no link; undefined where there is none. */
export async function readText(path: string): Promise<string | Fault | undefined> {
  try {
    const stats = await lstat(path);
    if (!stats.isFile()) return { fault: 'it is no regular file' };
    if (stats.size > MOST_BYTES) return { fault: `it has ${stats.size} bytes` };
    return await readFile(path, 'utf8');
  } catch (thrown) {
    return codeOf(thrown) === 'ENOENT' ? undefined : { fault: codeOf(thrown) };
  }
}

interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };
}

function parse<T>(text: string, schema: Schema<T>): T | Fault {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: 'it is no JSON' };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return { fault: `${issue?.path.map(String).join('.') ?? ''} ${issue?.message ?? 'is wrong'}`.trim() };
}

export const parseCurrent = (text: string): Current | Fault => parse(text, currentSchema);

async function readJson<T>(path: string, schema: Schema<T>): Promise<T | Fault | undefined> {
  const text = await readText(path);
  return typeof text === 'string' ? parse(text, schema) : text;
}

/** current.json; undefined where nothing was deployed. */
export const readCurrent = (target: string): Promise<Current | Fault | undefined> => readJson(currentPath(target), currentSchema);

/** pending.json; undefined where no switch is under way. */
export const readPending = (target: string): Promise<Pending | Fault | undefined> => readJson(pendingPath(target), pendingSchema);

/** current.json for a change of it: one that cannot be read stops the change, since it says what is served. */
export async function needCurrent(target: string): Promise<Current | undefined> {
  const current = await readCurrent(target);
  if (current !== undefined && 'fault' in current) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: `current.json: ${current.fault}; \`rollback --to ID\` writes it anew` });
  return current;
}

export interface FoundManifest {
  readonly manifest: Manifest;
  /** As the file has it, unknown keys too: what a signature covers. */
  readonly raw: unknown;
  /** SHA-256 of manifest.json. */
  readonly sha256: string;
}

/** The manifest of release `id` in its folder; undefined where it is missing. */
export async function readManifest(folder: string, id: string): Promise<FoundManifest | Fault | undefined> {
  const text = await readText(join(folder, MANIFEST));
  if (typeof text !== 'string') return text;
  const manifest = parse(text, manifestSchema);
  if ('fault' in manifest) return manifest;
  if (manifest.id !== id) return { fault: `it is the manifest of ${manifest.id}` };
  return { manifest, raw: JSON.parse(text) as unknown, sha256: createHash('sha256').update(text).digest('hex') };
}

/** The same of a release of the target that is needed. Throws TARA_DEPLOY_CORRUPT. */
export async function needManifest(target: string, release: string): Promise<FoundManifest> {
  const found = await readManifest(releaseFolder(target, release), release);
  if (found === undefined || 'fault' in found) throw new TaraError('TARA_DEPLOY_CORRUPT', { release, issue: `manifest.json: ${found?.fault ?? 'it is missing'}` });
  return found;
}

/** Without `recursive`: Node 20 never returns where a folder refuses new names with ENOENT, as /proc does. */
export async function makeFolders(path: string): Promise<void> {
  const make = (at: string) => mkdir(at).then(() => true, async (thrown: unknown) => {
    if (codeOf(thrown) === 'EEXIST' && (await stat(at)).isDirectory()) return true;
    if (codeOf(thrown) === 'ENOENT') return false;
    throw thrown;
  });
  if (await make(path)) return;
  if (dirname(path) === path) throw Object.assign(new Error('no such folder'), { code: 'ENOENT' });
  await makeFolders(dirname(path));
  if (!(await make(path))) throw Object.assign(new Error('no such folder'), { code: 'ENOENT' });
}

/** Makes the target's folders. Throws TARA_DEPLOY_TARGET, TARA_WRITE_FAILED. */
export async function openTarget(target: string): Promise<void> {
  try {
    await makeFolders(target);
    for (const folder of [releasesFolder(target), blobsFolder(target)]) {
      await mkdir(folder).catch((thrown: unknown) => {
        if (codeOf(thrown) !== 'EEXIST') throw thrown;
      });
      // A link would put the files somewhere else.
      if (!(await lstat(folder)).isDirectory()) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: `${folder.slice(target.length + 1)} is no folder` });
    }
    await syncFolder(target);
    await syncFolder(dirname(target));
  } catch (thrown) {
    if (['EEXIST', 'ENOTDIR'].includes(codeOf(thrown))) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: 'it is no folder' }, { cause: thrown });
    throw writeError(target, thrown);
  }
}

/** Ids of the complete releases, newest first. */
export async function releaseIds(target: string): Promise<string[]> {
  const names = await readdir(releasesFolder(target)).catch((thrown: unknown) => {
    if (codeOf(thrown) === 'ENOENT') return [];
    throw readError(target, thrown);
  });
  return names.filter((name) => RELEASE_ID.test(name)).sort((a, b) => numberOf(b) - numberOf(a) || (a < b ? 1 : -1));
}

export const numberOf = (id: string): number => Number(RELEASE_ID.exec(id)?.[2] ?? 0);
export const phaseOf = (id: string): number => Number(RELEASE_ID.exec(id)?.[1] ?? 0);

export interface JournalLine {
  readonly event: 'switching' | 'deployed' | 'rolled-back' | 'repaired' | 'removed';
  readonly release: string | null;
  readonly previous?: string | null;
  readonly detail?: string;
}

/** Adds a line; a journal that is a link is not written through. */
export async function addToJournal(target: string, line: JournalLine): Promise<void> {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW = 0 } = constants;
  const file = await open(join(target, 'journal.jsonl'), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o644);
  try {
    await file.write(`${JSON.stringify({ at: new Date().toISOString(), ...line, pid: process.pid })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}
