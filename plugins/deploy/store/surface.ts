/** The files of a layout: what they are to become, told as changes that can be done and undone. */
import { lstat, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readError, replaceBy, syncFolder, TaraError, writeError } from 'tara-gguf/plugin';
import { codeOf, isLinked, linkOrCopy, replaceFile } from '../disk.js';
import type { Layout, LayoutFile, ServedRelease } from '../layouts/types.js';
import type { Work } from '../work.js';
import { blobPath, readBlob, saveBytes } from './blobs.js';
import type { Change, Current, SurfaceFile } from './format.js';
import { makeFolders } from './target.js';

/** No text that a layout merges into is longer. */
const MOST_BYTES = 16 << 20;

export interface SurfacePlan {
  readonly surface: readonly SurfaceFile[];
  readonly changes: readonly Change[];
}

export interface SurfaceInput {
  readonly target: string;
  readonly layout: Layout;
  readonly served: readonly ServedRelease[];
  /** What is served now. */
  readonly current: Current | undefined;
  /** Files as they were, to be written again where nobody changed them since. */
  readonly exact?: readonly SurfaceFile[];
  readonly work: Work;
}

/** The file's own bytes; null where there is none. Throws TARA_DEPLOY_TARGET for what is no plain file. */
async function presentBytes(target: string, path: string): Promise<Buffer | null> {
  if (await isLinked(target, path)) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: `${path} is a link` });
  const full = join(target, ...path.split('/'));
  try {
    const stats = await lstat(full);
    if (!stats.isFile()) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: `${path} is no regular file` });
    if (stats.size > MOST_BYTES) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: `${path} has ${stats.size} bytes` });
    return await readFile(full);
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return null;
    throw readError(full, thrown);
  }
}

/** Hash of what lies at a path; a second name of a blob is not read. */
async function presentHash(target: string, path: string, blobs: readonly (string | null)[], work: Work): Promise<string | null> {
  if (await isLinked(target, path)) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: `${path} is a link` });
  const full = join(target, ...path.split('/'));
  const stats = await lstat(full).catch(() => null);
  if (stats === null) return null;
  for (const blob of blobs) {
    if (blob === null) continue;
    const other = await lstat(blobPath(target, blob)).catch(() => null);
    if (other !== null && other.ino === stats.ino && other.dev === stats.dev) return blob;
  }
  const digest = await work.hash(full);
  if ('fault' in digest) throw readError(full, { code: digest.fault });
  return digest.sha256;
}

async function planBlob({ target, work, current }: SurfaceInput, { path, blob }: Extract<LayoutFile, { blob: string }>): Promise<{ file: SurfaceFile; change?: Change }> {
  const known = current?.surface.find((file) => file.path === path);
  const present = await presentHash(target, path, [blob, known?.written ?? null], work);
  if (present !== null && present !== blob && present !== known?.written) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: `${path} is there already and is not ours` });
  const file: SurfaceFile = { path, base: null, before: present, written: blob, linked: true };
  return present === blob ? { file } : { file, change: { path, before: present, after: blob, linked: true } };
}

async function planText({ target, current, exact }: SurfaceInput, { path, merge }: Extract<LayoutFile, { merge: unknown }>): Promise<{ file: SurfaceFile; change?: Change }> {
  const known = current?.surface.find((file) => file.path === path);
  const bytes = await presentBytes(target, path);
  const before = bytes === null ? null : await saveBytes(target, bytes);
  const untouched = known !== undefined && known.written === before;
  const asItWas = untouched ? exact?.find((file) => file.path === path) : undefined;
  let file = asItWas && { ...asItWas, before };
  if (file === undefined) {
    const base = untouched ? known.base : before;
    const text = merge(base === null ? null : (await readBlob(target, base)).toString('utf8'));
    file = { path, base, before, written: await saveBytes(target, text), linked: false };
  }
  return before === file.written ? { file } : { file, change: { path, before, after: file.written, linked: false } };
}

/** What every file becomes when `served` is current. Nothing of the target changes; the bytes of both states are blobs. */
export async function planSurface(input: SurfaceInput): Promise<SurfacePlan> {
  const surface: SurfaceFile[] = [];
  const changes: Change[] = [];
  for (const wanted of input.layout.files(input.served)) {
    const { file, change } = 'blob' in wanted ? await planBlob(input, wanted) : await planText(input, wanted);
    surface.push(file);
    if (change) changes.push(change);
  }
  for (const { path, base, written, linked } of input.current?.surface ?? []) {
    if (surface.some((file) => file.path === path)) continue;
    // What somebody changed since is theirs.
    if (await presentHash(input.target, path, [written], input.work) === written) changes.push({ path, before: written, after: base, linked });
  }
  return { surface, changes };
}

/** Takes the file from one state to another, at once and durably. */
async function write(target: string, path: string, to: string | null, linked: boolean): Promise<void> {
  const full = join(target, ...path.split('/'));
  if (to === null) {
    await rm(full, { force: true });
  } else {
    await makeFolders(dirname(full));
    const stats = await lstat(full).catch(() => null);
    if (linked) await replaceBy(full, (temporary) => linkOrCopy(blobPath(target, to), temporary));
    else await replaceFile(full, await readBlob(target, to), stats ?? 0o644);
  }
  for (let folder = dirname(full); folder.startsWith(target); folder = dirname(folder)) await syncFolder(folder);
}

/** Does a change. Throws TARA_DEPLOY_TARGET when the file was changed by somebody else meanwhile. */
export async function applyChange(target: string, { path, before, after, linked }: Change, work: Work): Promise<void> {
  const present = await presentHash(target, path, [before, after], work);
  if (present === after) return;
  if (present !== before) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: `${path} was changed by somebody else meanwhile` });
  try {
    await write(target, path, after, linked);
  } catch (thrown) {
    throw writeError(join(target, path), thrown);
  }
}

/** Undoes it where it was done; a file that somebody else changed is left. Whether the file is as it was. */
export async function undoChange(target: string, { path, before, after, linked }: Change, work: Work): Promise<boolean> {
  const present = await presentHash(target, path, [before, after], work);
  if (present === before) return true;
  if (present !== after) return false;
  await write(target, path, before, linked);
  return true;
}

/** Whether a file still says what its layout wrote, whatever else was changed in it. */
export function saysTheSame(file: LayoutFile, text: string): boolean {
  return 'merge' in file && file.merge(text) === text;
}

