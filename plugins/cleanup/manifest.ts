/** The SHA-256 manifest of a cleaned folder: NAME.manifest.json and NAME.sha256 beside it, never in it. */
import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { TaraError, writeWhole } from 'tara-gguf/plugin';
import { isObject, readJsonFile } from './json-text.js';
import type { Entry } from './tree.js';

export interface ManifestFile {
  /** Relative, parts joined by '/'. */
  readonly path: string;
  /** The name's bytes in base64, where they are no UTF-8. */
  readonly raw?: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface Manifest {
  readonly format: 1;
  readonly madeBy: 'tara-gguf';
  /** Name of the folder. */
  readonly folder: string;
  readonly at: string;
  readonly files: readonly ManifestFile[];
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

export interface ManifestPaths {
  readonly json: string;
  readonly sums: string;
}

export const manifestPaths = (folder: string): ManifestPaths => ({ json: `${folder}.manifest.json`, sums: `${folder}.sha256` });

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What the cleaned folder holds: hashes of what was read, and of the texts that fixes write. */
export function makeManifest(name: string, kept: readonly Entry[], hashes: ReadonlyMap<string, string>, texts: ReadonlyMap<string, string>): Manifest {
  const written = [...texts].map(([path, text]) => ({ path, bytes: Buffer.byteLength(text), sha256: sha256(text) }));
  const read = kept.filter(({ kind, path }) => kind === 'file' && !texts.has(path))
    .map(({ path, raw, bytes }) => ({ path, ...(raw && { raw: Buffer.from(raw).toString('base64') }), bytes, sha256: hashes.get(path) ?? '' }));
  return {
    format: 1, madeBy: 'tara-gguf', folder: name, at: new Date().toISOString(),
    files: [...read, ...written].sort((a, b) => (a.path < b.path ? -1 : 1)),
    links: kept.filter(({ kind }) => kind === 'link').map(({ path, to }) => ({ path, target: to ?? '' })),
  };
}

/** The lines that `sha256sum -c` reads in the folder beside; names with a backslash or a line end are escaped as coreutils does. */
export function sumsOf({ folder, files }: Manifest): Buffer {
  return Buffer.concat(files.map(({ path, raw, sha256: hash }) => {
    const name = Buffer.concat([Buffer.from(`${folder}/`), raw === undefined ? Buffer.from(path) : Buffer.from(raw, 'base64')]).toString('latin1');
    const escaped = name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
    return Buffer.from(`${escaped === name ? '' : '\\'}${hash}  ${escaped}\n`, 'latin1');
  }));
}

const isFile = (value: unknown): value is ManifestFile =>
  isObject(value) && typeof value.path === 'string' && Number.isSafeInteger(value.bytes) && typeof value.sha256 === 'string' && /^[0-9a-f]{64}$/.test(value.sha256);

const isManifest = (value: unknown): value is Manifest =>
  isObject(value) && value.format === 1 && value.madeBy === 'tara-gguf' && Array.isArray(value.files) && value.files.every(isFile)
  && Array.isArray(value.links) && value.links.every((link: unknown) => isObject(link) && typeof link.path === 'string' && typeof link.target === 'string');

/** The manifest beside a folder; null where there is none, a reason where it is none of ours. */
export async function readManifest(folder: string): Promise<Manifest | null | { readonly fault: string }> {
  const { json } = manifestPaths(folder);
  if (await lstat(json).then((stats) => !stats.isFile(), () => true)) return null;
  const read = await readJsonFile(json);
  if ('fault' in read) return read;
  return isManifest(read.value) ? read.value : { fault: 'it is no manifest of this program' };
}

/** Refuses to write over what is not ours. Throws TARA_FILE_EXISTS. */
export async function checkManifestPlace(folder: string): Promise<void> {
  const paths = manifestPaths(folder);
  const ours = await readManifest(folder).then((found) => found !== null && !('fault' in found), () => false);
  for (const path of [paths.json, paths.sums]) if (!ours && await lstat(path).then(() => true, () => false)) throw new TaraError('TARA_FILE_EXISTS', { path });
}

/** Puts both files beside the folder, by way of temporary files in `through`. Throws TARA_DISK_FULL, TARA_WRITE_FAILED. */
export async function writeManifest(folder: string, manifest: Manifest, through?: string): Promise<void> {
  const paths = manifestPaths(folder);
  await writeWhole(paths.json, `${JSON.stringify(manifest, null, 1)}\n`, { through });
  await writeWhole(paths.sums, sumsOf(manifest), { through });
}
