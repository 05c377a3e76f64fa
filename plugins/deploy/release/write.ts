/** Writes a release folder: the files as second names of their blobs, what a server reads, and the manifest last. */
import type { KeyObject } from 'node:crypto';
import { dirname, join } from 'node:path';
import { syncFolder, type DeployFile, type DeployRequest } from 'tara-gguf/plugin';
import { linkOrCopy, writeNew } from '../disk.js';
import { blobPath, sha256Of } from '../store/blobs.js';
import type { Manifest, ReleaseConfig, TensorHashes } from '../store/format.js';
import { makeFolders, MANIFEST, SIGNATURE } from '../store/target.js';
import type { Digest } from '../work.js';
import type { PlacedFile } from './place.js';
import { signManifest } from './sign.js';

/** A placed file whose bytes are a blob. */
export interface StoredFile extends PlacedFile, Digest {}

function configOf(id: string, phase: number, placed: readonly PlacedFile[]): ReleaseConfig {
  const ofDomains = (role: DeployFile['role']) => placed.flatMap(({ file, path }) => (file.role === role && file.domain !== undefined ? [{ domain: file.domain, path }] : []));
  const models = ofDomains('model');
  return {
    format: 1, phase, release: id,
    model: placed.find(({ file }) => file.role === 'model')?.path ?? null,
    ...(models.length > 0 && { models }),
    adapters: ofDomains('adapter'),
  };
}

/** The small files of a release by name. */
function textsOf(id: string, { phase, metadata, checklist }: DeployRequest, placed: readonly PlacedFile[]): readonly (readonly [string, unknown])[] {
  return [
    ['config.json', configOf(id, phase, placed)],
    ['routing.json', metadata.routing ?? { domains: metadata.domains ?? [] }],
    ['emotion.json', metadata.emotion ?? {}],
    ['checklist.json', checklist ?? { items: [] }],
  ];
}

/** Makes every name in these folders durable, the deepest first. */
async function syncFolders(folder: string, paths: readonly string[]): Promise<void> {
  const folders = new Set([folder]);
  for (const path of paths) for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) folders.add(join(folder, parent));
  for (const path of [...folders].sort().reverse()) await syncFolder(path);
}

/** Fills the (empty) folder, all but its manifest; the small files' digests. */
export async function writeFiles(target: string, folder: string, id: string, stored: readonly StoredFile[], request: DeployRequest): Promise<Manifest['files']> {
  for (const { path, sha256 } of stored) {
    const to = join(folder, ...path.split('/'));
    await makeFolders(dirname(to));
    await linkOrCopy(blobPath(target, sha256), to);
  }
  const texts: Manifest['files'] = [];
  for (const [path, value] of textsOf(id, request, stored)) {
    const text = `${JSON.stringify(value, null, 2)}\n`;
    await writeNew(join(folder, path), text);
    texts.push({ path, bytes: Buffer.byteLength(text), sha256: sha256Of(text) });
  }
  return texts;
}

export interface ManifestInput {
  readonly id: string;
  readonly folder: string;
  readonly request: DeployRequest;
  readonly stored: readonly StoredFile[];
  readonly texts: Manifest['files'];
  readonly tensors: ReadonlyMap<string, TensorHashes>;
  readonly key: KeyObject | undefined;
}

/** Ends the folder; everything in it is durable when this returns. */
export async function writeManifest({ id, folder, request, stored, texts, tensors, key }: ManifestInput): Promise<Manifest> {
  const files = stored.map(({ path, bytes, sha256 }) => {
    const gguf = tensors.get(path);
    return { path, bytes, sha256, ...(gguf && { gguf }) };
  });
  const manifest: Manifest = { format: 1, id, phase: request.phase, createdAt: new Date().toISOString(), labels: { ...request.labels }, files: [...files, ...texts], metadata: { ...request.metadata } };
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  // What is signed is what a reader parses, whatever the metadata held.
  if (key !== undefined) await writeNew(join(folder, SIGNATURE), `${JSON.stringify(signManifest(JSON.parse(text), key), null, 2)}\n`);
  await writeNew(join(folder, MANIFEST), text);
  await syncFolders(folder, manifest.files.map(({ path }) => path));
  return manifest;
}
