/** What a target serves: its releases of all phases as layouts, smoke tests and lists see them. */
import type { Release } from 'tara-gguf/plugin';
import type { ServedDomain, ServedRelease } from './layouts/types.js';
import { domainsOf, filesOf, qualityOf, type Current, type Manifest, type TensorHashes } from './store/format.js';
import { needManifest, readManifest, releaseFolder, releaseIds } from './store/target.js';

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const texts = (value: unknown): string[] => (Array.isArray(value) ? value : isObject(value) ? Object.keys(value) : []).filter((item): item is string => typeof item === 'string');

/** What a release's metadata says of a domain. */
function domainOf(name: string, { metadata }: Manifest): ServedDomain {
  const routing = isObject(metadata.routing) ? metadata.routing.domains : undefined;
  const lists = [routing, metadata.domains].filter(Array.isArray) as unknown[][];
  const found = lists.flat().filter((entry) => isObject(entry) && entry.name === name) as Record<string, unknown>[];
  const keywords = found.flatMap((entry) => texts(entry.keywords));
  const description = found.map((entry) => entry.description).find((text) => typeof text === 'string');
  return { name, keywords: [...new Set(keywords)], description: typeof description === 'string' ? description : null };
}

export function servedRelease(manifest: Manifest, primary: boolean): ServedRelease {
  const { quantization } = manifest.metadata;
  return {
    id: manifest.id, phase: manifest.phase, primary,
    quantization: typeof quantization === 'string' ? quantization : 'unknown',
    files: filesOf(manifest),
    domains: domainsOf(manifest).map((name) => domainOf(name, manifest)),
  };
}

/** The releases that a state serves. Throws TARA_DEPLOY_CORRUPT. */
export const servedBy = (target: string, { release, phases }: Pick<Current, 'release' | 'phases'>): Promise<ServedRelease[]> =>
  Promise.all(Object.values(phases).map(async (served) => servedRelease((await needManifest(target, served.release)).manifest, served.release === release)));

/** Tensor hashes by the file's SHA-256, out of the manifests that current.json vouches for; any other is passed over. */
export async function knownTensors(target: string, current: Current | undefined): Promise<ReadonlyMap<string, TensorHashes>> {
  const known = new Map<string, TensorHashes>();
  for (const { release, manifest } of Object.values(current?.phases ?? {})) {
    const read = await readManifest(releaseFolder(target, release), release);
    if (read === undefined || 'fault' in read || read.sha256 !== manifest) continue;
    for (const { sha256, gguf } of read.manifest.files) if (gguf !== undefined) known.set(sha256, gguf);
  }
  return known;
}

/** All releases of a target, newest first; one without a readable manifest is none that could be made current. */
export async function listReleases(target: string, current: Current | undefined): Promise<Release[]> {
  const served = new Set(Object.values(current?.phases ?? {}).map(({ release }) => release));
  const found: Release[] = [];
  for (const id of await releaseIds(target)) {
    const read = await readManifest(releaseFolder(target, id), id);
    if (read === undefined || 'fault' in read) continue;
    const { phase, createdAt, labels, metadata } = read.manifest;
    found.push({ id, phase, path: releaseFolder(target, id), files: filesOf(read.manifest), domains: domainsOf(read.manifest), quality: qualityOf(read.manifest), labels, metadata, createdAt, current: served.has(id), primary: id === current?.release });
  }
  return found;
}
