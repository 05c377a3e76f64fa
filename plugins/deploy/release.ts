/** Writes a release folder: the files, what a server reads, and the manifest last. */
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TaraError, type DeployFile, type DeployRequest } from 'tara-gguf/plugin';
import { copyDurably, hashFile, syncFolder, writeNew } from './disk.js';
import { folderOf, type Manifest, type ReleaseConfig } from './format.js';
import { MANIFEST } from './target.js';

const DOMAIN = /^[a-z0-9][a-z0-9_-]{0,63}$/;

export interface PlacedFile {
  readonly file: DeployFile;
  /** Relative to the release. */
  readonly path: string;
}

/** Where each file goes; names that two files share get a number. Throws TARA_OPTION_INVALID. */
export function placeFiles(files: readonly DeployFile[]): PlacedFile[] {
  const taken = new Set<string>();
  return files.map((file) => {
    if (file.domain !== undefined && !DOMAIN.test(file.domain)) throw new TaraError('TARA_OPTION_INVALID', { option: 'domain', reason: `${JSON.stringify(file.domain.slice(0, 80))} is no name of a domain` });
    const folder = folderOf(file);
    const name = basename(file.path).replace(/[\\\p{Cc}]/gu, '_');
    let path = `${folder}/${name}`;
    for (let count = 2; taken.has(path.toLowerCase()); count++) path = `${folder}/${count}-${name}`;
    taken.add(path.toLowerCase());
    return { file, path };
  });
}

const routingOf = (metadata: Readonly<Record<string, unknown>>): unknown => metadata.routing ?? { domains: metadata.domains ?? [] };

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

export interface WriteOptions {
  readonly id: string;
  readonly folder: string;
  readonly placed: readonly PlacedFile[];
  readonly request: DeployRequest;
  onBytes(bytes: number, path: string): void;
  afterFile(path: string): Promise<void>;
}

/** Fills the (empty) folder; everything in it is durable when this returns. */
export async function writeRelease({ id, folder, placed, request, onBytes, afterFile }: WriteOptions): Promise<Manifest> {
  const folders = new Set<string>([folder]);
  const files: Manifest['files'] = [];
  for (const { file, path } of placed) {
    const to = join(folder, ...path.split('/'));
    await mkdir(dirname(to), { recursive: true });
    for (let parent = dirname(to); !folders.has(parent); parent = dirname(parent)) folders.add(parent);
    const digest = await copyDurably(file.path, to, { signal: request.signal, onChunk: (bytes) => onBytes(bytes, path) });
    files.push({ path, ...digest });
    await afterFile(path);
  }
  for (const [name, value] of [['config.json', configOf(id, request.phase, placed)], ['routing.json', routingOf(request.metadata)]] as const) {
    await writeNew(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
    files.push({ path: name, ...await hashFile(join(folder, name)) });
  }
  const manifest: Manifest = { format: 1, id, phase: request.phase, createdAt: new Date().toISOString(), files, metadata: { ...request.metadata } };
  await writeNew(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const path of [...folders].sort().reverse()) await syncFolder(path);
  return manifest;
}
