/** What a user names to be answered from: a GGUF file, or a deployment target with the current releases of its phases. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TaraError } from '../errors.js';
import { CAPABILITIES, type ReaderLease } from '../kernel/capabilities/index.js';
import type { Use } from '../kernel/tokens.js';
import { readError } from '../read-error.js';
import type { ServedFile } from './served.js';

/** Looks up capabilities; asked only where a target is read. */
export type Plugins = () => Promise<{ readonly use: Use }>;

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch((thrown: unknown) => { throw readError(path, thrown); });
  return found.isDirectory();
}

/** The files that answer, those of the last deployed release first, at least one model among them. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE. */
export async function servedFiles(plugins: Plugins, path: string): Promise<readonly ServedFile[]> {
  if (!await isFolder(path)) return [{ path, role: 'model', domain: null }];
  const deployer = (await plugins()).use(CAPABILITIES.deployer);
  const current = (await deployer.releases(path)).filter((release) => release.current).sort((a, b) => Number(b.primary) - Number(a.primary));
  const files = current.flatMap((release) => {
    const group = { id: release.id, domains: release.domains, ...(release.quality && { quality: release.quality }) };
    return release.files.map((file) => ({ path: join(release.path, file.path), role: file.role, domain: file.domain, release: group }));
  });
  if (!files.some(({ role }) => role === 'model')) throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: 'it is neither a GGUF file nor a folder that a phase was deployed to' });
  return files;
}

/** Tells a deployment target that its releases are in use; nothing for a file. */
export async function holdTarget(plugins: Plugins, path: string): Promise<ReaderLease | undefined> {
  return await isFolder(path) ? (await plugins()).use(CAPABILITIES.deployer).hold(path) : undefined;
}
