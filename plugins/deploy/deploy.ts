/** One deployment, from a request to a switched release. */
import type { KeyObject } from 'node:crypto';
import { randomBytes } from 'node:crypto';
import { mkdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { readError, syncFolder, TaraError, writeError, type DeployedRelease, type DeployRequest, type DeployStage, type SmokeResult } from 'tara-gguf/plugin';
import type { DeployerOptions } from './deployer.js';
import { freeBytes } from './disk.js';
import { layoutNamed, recogniseLayout } from './layouts/index.js';
import { probe } from './probe.js';
import { placeFiles, type PlacedFile } from './release/place.js';
import { readBack } from './release/read-back.js';
import { readPrivateKey } from './release/sign.js';
import { verifyRelease } from './release/verify.js';
import { writeFiles, writeManifest, type StoredFile } from './release/write.js';
import { knownTensors, servedBy, servedRelease } from './served.js';
import { storeFiles, type Sized } from './release/store-files.js';
import { collectBlobs, removeReleases, spareReleases } from './store/collect.js';
import { domainsOf, filesOf, PARTIAL, type Current, type Manifest } from './store/format.js';
import { withLock } from './store/lock.js';
import { recover } from './store/recover.js';
import { planSurface, type SurfacePlan } from './store/surface.js';
import { switchTo } from './store/switch.js';
import { needCurrent, needManifest, numberOf, openTarget, readCurrent, releaseFolder, releaseIds, releasesFolder } from './store/target.js';

/** All checks of `deploy:before` agree, or nothing is written. Throws TARA_DEPLOY_REFUSED. */
async function askChecks({ hooks }: DeployerOptions, { phase, files, target, signal }: DeployRequest): Promise<void> {
  for (const answer of await hooks.parallel('deploy:before', { phase, files, target }, signal ? { signal } : {})) {
    if ('error' in answer) throw new TaraError('TARA_DEPLOY_REFUSED', { plugin: answer.plugin, reason: answer.error.message }, { cause: answer.error });
    if (!answer.value.ok) throw new TaraError('TARA_DEPLOY_REFUSED', { plugin: answer.plugin, reason: answer.value.reason });
  }
}

/** Links in the request's paths are followed once, so that what is checked is what is copied. */
async function sourcesOf({ files, phase }: DeployRequest): Promise<DeployRequest['files']> {
  if (files.length === 0) throw new TaraError('TARA_PHASE_NOT_BUILT', { phase });
  return Promise.all(files.map(async (file) => {
    const path = await realpath(file.path).catch((thrown: unknown) => { throw readError(file.path, thrown); });
    return { ...file, path };
  }));
}

/** All files must be regular. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE. */
const sized = (placed: readonly PlacedFile[]): Promise<Sized[]> => Promise.all(placed.map(async (one) => {
  const { path } = one.file;
  const stats = await stat(path).catch((thrown: unknown) => { throw readError(path, thrown); });
  if (!stats.isFile()) throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: 'it is no regular file' });
  return { ...one, size: stats.size };
}));

const STAGES: readonly DeployStage[] = ['copy', 'verify', 'smoke test'];

/** One figure for the whole out of each file's: every stage counts alike. */
function overall(request: DeployRequest, files: readonly Sized[]): NonNullable<DeployRequest['onFile']> {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const done = new Map<string, number>();
  return (stage, path, fraction) => {
    request.onFile?.(stage, path, fraction);
    done.set(`${stage} ${path}`, fraction * (files.find((file) => file.path === path)?.size ?? 0));
    const bytes = [...done.values()].reduce((sum, value) => sum + value, 0);
    request.onProgress?.(total === 0 ? 1 : Math.min(1, bytes / total / STAGES.length), `${stage} ${path}`);
  };
}

export async function deploy(asked: DeployRequest, options: DeployerOptions): Promise<DeployedRelease> {
  const started = performance.now();
  const request = { ...asked, target: resolve(asked.target) };
  const { target, phase } = request;
  const files = await sized(placeFiles(await sourcesOf(request)));
  const key = request.signKey === undefined ? undefined : await readPrivateKey(request.signKey);
  await askChecks(options, request);
  const layout = request.targetLayout;
  const recognised = await recogniseLayout(target);
  await openTarget(target);
  const done = await withLock(target, async () => {
    await options.onStep?.('locked');
    const repaired = await recover(target, options.work);
    const current = await needCurrent(target);
    const number = 1 + Math.max(0, ...(await releaseIds(target)).map(numberOf));
    const id = `${phase}-${number}-${randomBytes(4).toString('hex')}`;
    const named = layoutNamed(layout ?? current?.layout ?? recognised.name);
    const put = await putRelease({ id, current, layout: named, files, key, request, options, onFile: overall(request, files) });
    const removed = await tidy(target, request.keep ?? options.keep);
    return { id, target, path: releaseFolder(target, id), previous: current?.release ?? null, layout: named.name, ...put, removed, repaired };
  });
  const release: DeployedRelease = { ...done, seconds: (performance.now() - started) / 1000 };
  void options.hooks.observe('deploy:after', release);
  return release;
}

/** The release is current whatever becomes of old ones: a failure here is the next command's to mend. */
async function tidy(target: string, keep: number): Promise<string[]> {
  const spare = await spareReleases(target, keep).catch(() => []);
  await removeReleases(target, spare).then(() => collectBlobs(target)).catch(() => undefined);
  const left = new Set(await releaseIds(target));
  return spare.filter((id) => !left.has(id));
}

interface Put {
  readonly id: string;
  readonly current: Current | undefined;
  readonly layout: ReturnType<typeof layoutNamed>;
  readonly files: readonly Sized[];
  readonly key: KeyObject | undefined;
  readonly request: DeployRequest;
  readonly options: DeployerOptions;
  readonly onFile: NonNullable<DeployRequest['onFile']>;
}

/** Stores, writes, verifies, asks, places and switches; on a failure nothing of the release is left and what is served is as it was. */
async function putRelease(put: Put): Promise<Pick<DeployedRelease, 'files' | 'copiedBytes' | 'smoke' | 'switchMs'>> {
  const { id, files, request, options, onFile } = put;
  const { target, signal } = request;
  const { work } = options;
  const needed = files.reduce((sum, { size }) => sum + size, 0);
  const partial = join(releasesFolder(target), `.${id}${PARTIAL}`);
  const folder = releaseFolder(target, id);
  try {
    const { stored, copiedBytes } = await storeFiles(target, files, { work, signal, freeBytes: options.freeBytes ?? freeBytes, onFile, afterCopy: async () => options.onStep?.('copied') });
    await mkdir(partial);
    await options.onStep?.('started');
    const texts = await writeFiles(target, partial, id, stored, request);
    await options.onStep?.('written');
    const manifest = await seal({ ...put, partial, stored, texts });
    const [issue] = await verifyRelease(target, id, { work, folder: partial, key: put.key, signal, known: new Map(stored.map((file) => [file.path, file])) });
    if (issue) throw new TaraError('TARA_DEPLOY_CORRUPT', { release: id, issue: `${issue.path}: ${issue.message}` });
    await options.onStep?.('verified');
    const smoke = await askModels(put, partial, manifest);
    await rename(partial, folder);
    await syncFolder(dirname(folder));
    await options.onStep?.('placed');
    const { next, plan } = await nextState(put);
    const switchMs = await switchTo({ target, next, changes: plan.changes, event: 'deployed', previous: next.previous, work, beforeRename: async () => options.onStep?.('switching') });
    await options.onStep?.('switched');
    await probe(target, next);
    return { files: filesOf(manifest), copiedBytes, smoke, switchMs };
  } catch (thrown) {
    await undo(target, id, [partial, folder]);
    throw writeError(target, thrown, needed);
  }
}

/** Reads everything back from the release's own folder and writes the manifest of what was read. */
async function seal({ id, current, key, request, options, onFile, partial, stored, texts }: Put & { partial: string; stored: readonly StoredFile[]; texts: Manifest['files'] }): Promise<Manifest> {
  const tensors = await readBack(request.target, id, partial, stored, { work: options.work, signal: request.signal, known: await knownTensors(request.target, current), onFile: (path, fraction) => onFile('verify', path, fraction) });
  return writeManifest({ id, folder: partial, request, stored, texts, tensors, key });
}

async function askModels({ current, request, options, onFile }: Put, folder: string, manifest: Manifest): Promise<readonly SmokeResult[]> {
  if (request.smokeTest === false || options.smoke === undefined) return [];
  const others = Object.entries(current?.phases ?? {}).filter(([phase]) => phase !== String(request.phase));
  const served = await servedBy(request.target, { release: '', phases: Object.fromEntries(others) });
  const domains = [...new Set([...domainsOf(manifest), ...served.flatMap((release) => release.domains.map(({ name }) => name))])];
  return options.smoke({ folder, files: filesOf(manifest), domains, signal: request.signal, onFile: (path, fraction) => onFile('smoke test', path, fraction) });
}

/** What current.json is to say, and what the layout's files are to become. */
async function nextState({ id, current, layout, request: { target, phase }, options: { work } }: Put): Promise<{ next: Omit<Current, 'replaced'>; plan: SurfacePlan }> {
  const { manifest, sha256 } = await needManifest(target, id);
  const phases = { ...current?.phases, [String(phase)]: { release: id, manifest: sha256 } };
  const others = await servedBy(target, { release: id, phases: Object.fromEntries(Object.entries(phases).filter(([name]) => name !== String(phase))) });
  const plan = await planSurface({ target, layout, served: [...others, servedRelease(manifest, true)], current, work });
  const next = { format: 1 as const, release: id, previous: current?.release ?? null, phase, manifest: sha256, switchedAt: new Date().toISOString(), layout: layout.name, phases, surface: [...plan.surface] };
  return { next, plan };
}

/** Removes what a failed deployment wrote; never a release that is current. */
async function undo(target: string, id: string, folders: readonly string[]): Promise<void> {
  const current = await readCurrent(target).catch(() => ({ fault: 'unknown' }));
  if (current !== undefined && ('fault' in current || Object.values(current.phases).some(({ release }) => release === id))) return;
  for (const folder of folders) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  await collectBlobs(target).catch(() => undefined);
}
