/** A deployment target: its pointer, its releases, its journal. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TaraError, type DeployedFile } from 'tara-gguf/plugin';
import { codeOf, readError, replaceFile, writeError } from './disk.js';
import { currentSchema, manifestSchema, PARTIAL, placeOf, RELEASE_ID, type Current, type Manifest } from './format.js';

const MOST_BYTES = 64 << 20;

export const releasesFolder = (target: string): string => join(target, 'releases');
export const releaseFolder = (target: string, id: string): string => join(target, 'releases', id);
/** Every release has exactly these beside the files that its manifest lists. */
export const MANIFEST = 'manifest.json';

/** Why a file of the target cannot be used. */
export interface Fault {
  readonly fault: string;
}

async function readText(path: string): Promise<string | Fault | undefined> {
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

/** current.json; undefined where nothing was deployed. */
export async function readCurrent(target: string): Promise<Current | Fault | undefined> {
  const text = await readText(join(target, 'current.json'));
  return typeof text === 'string' ? parse(text, currentSchema) : text;
}

/** The manifest of release `id` in its folder, with its own hash; undefined where it is missing. */
export async function readManifest(folder: string, id: string): Promise<{ manifest: Manifest; sha256: string } | Fault | undefined> {
  const text = await readText(join(folder, MANIFEST));
  if (typeof text !== 'string') return text;
  const manifest = parse(text, manifestSchema);
  if ('fault' in manifest) return manifest;
  if (manifest.id !== id) return { fault: `it is the manifest of ${manifest.id}` };
  return { manifest, sha256: createHash('sha256').update(text).digest('hex') };
}

/** Without `recursive`: Node 20 never returns where a folder refuses new names with ENOENT, as /proc does. */
async function makeFolders(path: string): Promise<void> {
  const make = (at: string) => mkdir(at).then(() => true, async (thrown: unknown) => {
    if (codeOf(thrown) === 'EEXIST' && (await stat(at)).isDirectory()) return true;
    if (codeOf(thrown) === 'ENOENT') return false;
    throw thrown;
  });
  if (await make(path)) return;
  if (dirname(path) !== path) await makeFolders(dirname(path));
  await mkdir(path);
}

/** Makes the target's folders. Throws TARA_DEPLOY_TARGET, TARA_WRITE_FAILED. */
export async function openTarget(target: string): Promise<void> {
  try {
    await makeFolders(target);
    await mkdir(releasesFolder(target)).catch((thrown: unknown) => {
      if (codeOf(thrown) !== 'EEXIST') throw thrown;
    });
    // A link would put the releases somewhere else.
    if (!(await lstat(releasesFolder(target))).isDirectory()) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: 'releases is no folder' });
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
  return names.filter((name) => RELEASE_ID.test(name)).sort((a, b) => numberOf(b) - numberOf(a));
}

export const numberOf = (id: string): number => Number(RELEASE_ID.exec(id)?.[2] ?? 0);

/** Removes what dead commands left; call it with the lock held, when everything half-written is nobody's. */
export async function sweepTarget(target: string): Promise<void> {
  for (const name of await readdir(target)) {
    if (/^\.tara-\d+-[0-9a-f]{8}\.tmp$/.test(name)) await rm(join(target, name), { force: true });
  }
  for (const name of await readdir(releasesFolder(target))) {
    if (name.endsWith(PARTIAL) && RELEASE_ID.test(name.slice(1, -PARTIAL.length))) await rm(join(releasesFolder(target), name), { recursive: true, force: true });
  }
}

/** The switch: after it, `release` is what readers find. The journal says so first, and again when it is done. */
export async function switchTo(target: string, event: 'deployed' | 'rolled-back', release: string, previous: string | null, beforeRename?: () => Promise<void>): Promise<void> {
  const found = await readManifest(releaseFolder(target, release), release);
  if (found === undefined || 'fault' in found) throw new TaraError('TARA_DEPLOY_CORRUPT', { release, issue: `manifest.json: ${found?.fault ?? 'it is missing'}` });
  const current: Current = { format: 1, release, previous, phase: found.manifest.phase, manifest: found.sha256, switchedAt: new Date().toISOString() };
  await addToJournal(target, { event: 'switching', release, previous });
  await replaceFile(join(target, 'current.json'), `${JSON.stringify(current, null, 2)}\n`, beforeRename);
  // The switch is done whatever becomes of this line: current.json is the truth.
  await addToJournal(target, { event, release, previous }).catch(() => undefined);
}

interface JournalLine {
  readonly event: 'switching' | 'deployed' | 'rolled-back';
  readonly release: string;
  readonly previous: string | null;
}

/** Adds a line; a journal that is a link is not written through. */
async function addToJournal(target: string, line: JournalLine): Promise<void> {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW = 0 } = constants;
  const file = await open(join(target, 'journal.jsonl'), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o644);
  try {
    await file.write(`${JSON.stringify({ at: new Date().toISOString(), ...line, pid: process.pid })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

export const filesOf = ({ files }: Manifest): DeployedFile[] => files.map(({ path, bytes, sha256 }) => ({ path, ...placeOf(path), bytes, sha256 }));
