/** What a user names to be answered from: a GGUF file, or a deployment target with the current releases of its phases. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CAPABILITIES, type ReaderLease } from '../kernel/capabilities.js';
import type { ServedFile } from '../models/index.js';
import { TaraError } from '../errors.js';
import type { CoreContext } from './context.js';
import { existing } from './paths.js';

/** The files that answer, those of the last deployed release first, at least one model among them. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE. */
export async function servedFiles(context: Pick<CoreContext, 'plugins'>, path: string): Promise<readonly ServedFile[]> {
  await existing(path, 'any');
  if (!(await stat(path)).isDirectory()) return [{ path, role: 'model', domain: null }];
  const host = await context.plugins();
  const current = (await host.use(CAPABILITIES.deployer).releases(path)).filter((release) => release.current).sort((a, b) => Number(b.primary) - Number(a.primary));
  const files = current.flatMap((release) => release.files.map((file) => ({
    path: join(release.path, file.path), role: file.role, domain: file.domain, release: { id: release.id, domains: release.domains },
  })));
  if (!files.some(({ role }) => role === 'model')) throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: 'it is neither a GGUF file nor a folder that a phase was deployed to' });
  return files;
}

/** Tells a deployment target that its releases are in use; nothing for a file. */
export async function holdTarget(context: Pick<CoreContext, 'plugins'>, path: string): Promise<ReaderLease | undefined> {
  return (await stat(path)).isDirectory() ? (await context.plugins()).use(CAPABILITIES.deployer).hold(path) : undefined;
}
