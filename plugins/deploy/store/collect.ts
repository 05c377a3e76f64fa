/** Retention and garbage: releases that nothing names or uses go, then blobs that no release, layout or pointer needs. */
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from 'tara-gguf/plugin';
import { blobHashes, dropBlob, readBlob } from './blobs.js';
import { PARTIAL, type Current, type Manifest } from './format.js';
import { usedReleases } from './readers.js';
import { addToJournal, blobsFolder, parseCurrent, phaseOf, readCurrent, readManifest, releaseFolder, releaseIds, releasesFolder } from './target.js';

const servedBy = ({ phases }: Current): string[] => Object.values(phases).map(({ release }) => release);

/** The state that a rollback goes back to, where it is known. */
async function stateBefore(target: string, current: Current): Promise<Current | undefined> {
  if (current.replaced === null) return undefined;
  const text = await readBlob(target, current.replaced).then(String, () => '{}');
  const before = parseCurrent(text);
  return 'fault' in before ? undefined : before;
}

/** Manifests that can be read. */
async function manifestsOf(target: string): Promise<Map<string, Manifest>> {
  const manifests = new Map<string, Manifest>();
  for (const id of await releaseIds(target)) {
    const found = await readManifest(releaseFolder(target, id), id);
    if (found !== undefined && !('fault' in found)) manifests.set(id, found.manifest);
  }
  return manifests;
}

/** Releases that may go: all but those in use, those a pointer leads to, and the newest `keep` of each phase. Nothing where current.json cannot be read. */
export async function spareReleases(target: string, keep: number): Promise<string[]> {
  const current = await readCurrent(target);
  if (current === undefined || 'fault' in current) return [];
  const manifests = await manifestsOf(target);
  const before = await stateBefore(target, current);
  const pointed = new Set([...servedBy(current), ...(current.previous === null ? [] : [current.previous]), ...(before ? servedBy(before) : [])]);
  const kept = new Map<number, number>();
  const spare: string[] = [];
  for (const id of await releaseIds(target)) {
    const count = kept.get(phaseOf(id)) ?? 0;
    kept.set(phaseOf(id), count + 1);
    if (count >= keep && !pointed.has(id)) spare.push(id);
  }
  if (spare.length === 0) return [];
  const used = await usedReleases(target, manifests);
  return spare.filter((id) => !used.has(id));
}

/** Removes them; call it with the lock held. */
export async function removeReleases(target: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    // Out of sight at once, so that nobody finds half of it.
    const aside = join(releasesFolder(target), `.${id}${PARTIAL}`);
    await rename(releaseFolder(target, id), aside);
    await syncFolder(releasesFolder(target));
    await addToJournal(target, { event: 'removed', release: id });
    await rm(aside, { recursive: true, force: true });
  }
}

const hashesOf = (current: Current): string[] => [...(current.replaced === null ? [] : [current.replaced]), ...current.surface.flatMap(({ base, before, written }) => [base, before, written].filter((hash) => hash !== null))];

/** Removes blobs that nothing needs; call it with the lock held, when no switch is under way. Keeps all where something cannot be read. */
export async function collectBlobs(target: string): Promise<void> {
  const current = await readCurrent(target);
  if (current !== undefined && 'fault' in current) return;
  const manifests = await manifestsOf(target);
  if (manifests.size !== (await releaseIds(target)).length) return;
  const before = current === undefined ? undefined : await stateBefore(target, current);
  const needed = new Set([...[current, before].flatMap((state) => (state === undefined ? [] : hashesOf(state))), ...[...manifests.values()].flatMap(({ files }) => files.map(({ sha256 }) => sha256))]);
  for (const sha256 of await blobHashes(target)) if (!needed.has(sha256)) await dropBlob(target, sha256);
  await syncFolder(blobsFolder(target));
}
