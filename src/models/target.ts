/** What a user names to be answered from: a GGUF file, or a deployment target with the current releases of its phases. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TaraError } from '../errors.js';
import { CAPABILITIES, type ReaderLease, type Release } from '../kernel/capabilities/index.js';
import type { Use } from '../kernel/tokens.js';
import { readError } from '../read-error.js';
import type { ServedFile } from './served.js';

/** Looks up capabilities; asked only where a target is read. */
export type Plugins = () => Promise<{ readonly use: Use }>;

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch((thrown: unknown) => { throw readError(path, thrown); });
  return found.isDirectory();
}

/** What the phase's owner stated of its domains, as the deployment wrote it down. */
function qualityOf({ domains, metadata }: Release): Record<string, number> {
  const stated: unknown[] = Array.isArray(metadata.domains) ? metadata.domains : [];
  return Object.fromEntries(stated.flatMap((entry) => {
    if (typeof entry !== 'object' || entry === null) return [];
    const { name, quality } = entry as { readonly name?: unknown; readonly quality?: unknown };
    return typeof name === 'string' && domains.includes(name) && typeof quality === 'number' && quality >= 0 && quality <= 1 ? [[name, quality]] : [];
  }));
}

/** The files that answer, those of the last deployed release first, at least one model among them. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE. */
export async function servedFiles(plugins: Plugins, path: string): Promise<readonly ServedFile[]> {
  if (!await isFolder(path)) return [{ path, role: 'model', domain: null }];
  const deployer = (await plugins()).use(CAPABILITIES.deployer);
  const current = (await deployer.releases(path)).filter((release) => release.current).sort((a, b) => Number(b.primary) - Number(a.primary));
  const files = current.flatMap((release) => {
    const group = { id: release.id, domains: release.domains, quality: qualityOf(release) };
    return release.files.map((file) => ({ path: join(release.path, file.path), role: file.role, domain: file.domain, release: group }));
  });
  if (!files.some(({ role }) => role === 'model')) throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: 'it is neither a GGUF file nor a folder that a phase was deployed to' });
  return files;
}

/** Tells a deployment target that its releases are in use; nothing for a file. */
export async function holdTarget(plugins: Plugins, path: string): Promise<ReaderLease | undefined> {
  return await isFolder(path) ? (await plugins()).use(CAPABILITIES.deployer).hold(path) : undefined;
}
