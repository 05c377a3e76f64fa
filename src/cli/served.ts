/** What a user names to be answered from: a GGUF file, or a deployment target with its current release in any layout. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CAPABILITIES } from '../kernel/capabilities.js';
import type { ServedFile } from '../models/index.js';
import { TaraError } from '../errors.js';
import type { CoreContext } from './context.js';
import { existing } from './paths.js';

/** The files that answer, at least one model among them. Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE. */
export async function servedFiles(context: Pick<CoreContext, 'plugins'>, path: string): Promise<readonly ServedFile[]> {
  await existing(path, 'any');
  if (!(await stat(path)).isDirectory()) return [{ path, role: 'model', domain: null }];
  const host = await context.plugins();
  const current = (await host.use(CAPABILITIES.deployer).releases(path)).find((release) => release.current);
  const files = current?.files.map((file) => ({ path: join(current.path, file.path), role: file.role, domain: file.domain })) ?? [];
  if (!files.some(({ role }) => role === 'model')) throw new TaraError('TARA_FILE_UNREADABLE', { path, reason: 'it is neither a GGUF file nor a folder that a phase was deployed to' });
  return files;
}
