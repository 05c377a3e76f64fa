/**
 * The capability `deployer`. A deployment asks the checks, takes the lock, copies, verifies what was written, and only
 * then switches current.json by rename: at every moment it names a complete, verified release.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { TaraError, type DeployedRelease, type Deployer, type DeployRequest, type HookCaller, type Release } from 'tara-gguf/plugin';
import { freeBytes, readError, syncFolder, writeError } from './disk.js';
import { PARTIAL, type Current } from './format.js';
import { withLock } from './lock.js';
import { placeFiles, writeRelease, type PlacedFile } from './release.js';
import {
  filesOf, numberOf, openTarget, readCurrent, readManifest, releaseFolder, releaseIds, releasesFolder, sweepTarget, switchTo,
} from './target.js';
import { verifyRelease, verifyTarget } from './verify.js';

/** Moments of a deployment, in order; `copied` comes once a file. */
export type DeployStep = 'locked' | 'started' | 'copied' | 'written' | 'verified' | 'placed' | 'switching' | 'switched';

export interface DeployerOptions {
  readonly hooks: HookCaller;
  /** Told at each step and waited for; tests end the process there. */
  readonly onStep?: (step: DeployStep) => Promise<void> | void;
  /** Free bytes of a folder's file system. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

export function createDeployer(options: DeployerOptions): Deployer {
  return {
    deploy: (request) => deploy(request, options),
    verify: (target, { signal } = {}) => verifyTarget(resolve(target), signal),
    rollback: (target, id) => rollback(resolve(target), id),
    releases: (target) => listReleases(resolve(target)),
  };
}

/** All checks of `deploy:before` agree, or nothing is written. Throws TARA_DEPLOY_REFUSED. */
async function askChecks({ hooks }: DeployerOptions, { phase, files, target, signal }: DeployRequest): Promise<void> {
  for (const answer of await hooks.parallel('deploy:before', { phase, files, target }, signal ? { signal } : {})) {
    if ('error' in answer) throw new TaraError('TARA_DEPLOY_REFUSED', { plugin: answer.plugin, reason: answer.error.message }, { cause: answer.error });
    if (!answer.value.ok) throw new TaraError('TARA_DEPLOY_REFUSED', { plugin: answer.plugin, reason: answer.value.reason });
  }
}

/** Bytes of the files, all of which must be regular. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE. */
async function totalBytes(placed: readonly PlacedFile[]): Promise<number> {
  let total = 0;
  for (const { file: { path } } of placed) {
    const stats = await stat(path).catch((thrown: unknown) => { throw readError(path, thrown); });
    if (!stats.isFile()) throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: 'it is no regular file' });
    total += stats.size;
  }
  return total;
}

/** current.json for a change of it: one that cannot be read stops the change, since it says what is served. */
async function currentOf(target: string): Promise<Current | undefined> {
  const current = await readCurrent(target);
  if (current !== undefined && 'fault' in current) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: `current.json: ${current.fault}` });
  return current;
}

async function deploy(request: DeployRequest, options: DeployerOptions): Promise<DeployedRelease> {
  const started = performance.now();
  const target = resolve(request.target);
  const placed = placeFiles(await sourcesOf(request));
  const needed = await totalBytes(placed);
  await askChecks(options, { ...request, target });
  await openTarget(target);
  const done = await withLock(target, async () => {
    await options.onStep?.('locked');
    await sweepTarget(target);
    const current = await currentOf(target);
    const free = await (options.freeBytes ?? freeBytes)(target);
    if (free < needed) throw new TaraError('TARA_DISK_FULL', { path: target, needed });
    const number = 1 + Math.max(0, ...(await releaseIds(target)).map(numberOf));
    const id = `${request.phase}-${number}-${randomBytes(4).toString('hex')}`;
    const previous = current?.release ?? null;
    const files = await putRelease({ id, target, placed, needed, previous, request, options });
    return { id, target, path: releaseFolder(target, id), files, previous };
  });
  const release: DeployedRelease = { ...done, seconds: (performance.now() - started) / 1000 };
  void options.hooks.observe('deploy:after', release);
  return release;
}

/** Links in the request's paths are followed once, so that what is checked is what is copied. */
async function sourcesOf({ files, phase }: DeployRequest): Promise<DeployRequest['files']> {
  if (files.length === 0) throw new TaraError('TARA_PHASE_NOT_BUILT', { phase });
  return Promise.all(files.map(async (file) => {
    const path = await realpath(file.path).catch((thrown: unknown) => { throw readError(file.path, thrown); });
    return { ...file, path };
  }));
}

interface Put {
  readonly id: string;
  readonly target: string;
  readonly placed: readonly PlacedFile[];
  readonly needed: number;
  readonly previous: string | null;
  readonly request: DeployRequest;
  readonly options: DeployerOptions;
}

/** Writes, verifies, places and switches; on a failure nothing of the release is left and current.json is as it was. */
async function putRelease({ id, target, placed, needed, previous, request, options }: Put): Promise<DeployedRelease['files']> {
  const work = join(releasesFolder(target), `.${id}${PARTIAL}`);
  const folder = releaseFolder(target, id);
  let copied = 0;
  try {
    await mkdir(work);
    await options.onStep?.('started');
    const manifest = await writeRelease({
      id, folder: work, placed, request,
      onBytes(bytes, path) {
        copied += bytes;
        request.onProgress?.(needed === 0 ? 1 : copied / needed, path);
      },
      afterFile: async () => options.onStep?.('copied'),
    });
    await options.onStep?.('written');
    const [issue] = await verifyRelease(target, id, { folder: work, signal: request.signal });
    if (issue) throw new TaraError('TARA_DEPLOY_CORRUPT', { release: id, issue: `${issue.path}: ${issue.message}` });
    await options.onStep?.('verified');
    await rename(work, folder);
    await syncFolder(dirname(folder));
    await options.onStep?.('placed');
    await switchTo(target, 'deployed', id, previous, async () => options.onStep?.('switching'));
    await options.onStep?.('switched');
    return filesOf(manifest);
  } catch (thrown) {
    await undo(target, id, [work, folder]);
    throw writeError(target, thrown, needed);
  }
}

/** Removes what a failed deployment wrote; never a release that is current. */
async function undo(target: string, id: string, folders: readonly string[]): Promise<void> {
  const current = await readCurrent(target);
  if (current !== undefined && ('fault' in current || current.release === id)) return;
  for (const folder of folders) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
}

async function rollback(target: string, wanted: string | undefined): Promise<{ current: string; previous: string | null }> {
  await stat(target).catch((thrown: unknown) => { throw readError(target, thrown); });
  return withLock(target, async () => {
    const found = await readCurrent(target);
    // With a release named, a damaged pointer is what rollback repairs.
    const current = found === undefined || 'fault' in found ? undefined : found;
    const id = wanted ?? current?.previous;
    if (id == null) throw new TaraError('TARA_DEPLOY_NO_PREVIOUS', { target });
    if (!(await releaseIds(target)).includes(id)) throw new TaraError('TARA_RELEASE_NOT_FOUND', { release: id });
    if (id === current?.release) return { current: id, previous: current.previous };
    const [issue] = await verifyRelease(target, id);
    if (issue) throw new TaraError('TARA_DEPLOY_CORRUPT', { release: id, issue: `${issue.path}: ${issue.message}` });
    const previous = current?.release ?? null;
    try {
      await switchTo(target, 'rolled-back', id, previous);
    } catch (thrown) {
      throw writeError(target, thrown);
    }
    return { current: id, previous };
  });
}

async function listReleases(target: string): Promise<Release[]> {
  await stat(target).catch((thrown: unknown) => { throw readError(target, thrown); });
  const current = await readCurrent(target);
  const release = current === undefined || 'fault' in current ? null : current.release;
  const found: Release[] = [];
  for (const id of await releaseIds(target)) {
    const read = await readManifest(releaseFolder(target, id), id);
    // One without a readable manifest is no release that could be made current.
    if (read === undefined || 'fault' in read) continue;
    const { phase, createdAt } = read.manifest;
    found.push({ id, phase, path: releaseFolder(target, id), files: filesOf(read.manifest), createdAt, current: id === release });
  }
  return found;
}
