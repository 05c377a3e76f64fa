/** `verify`: whether a model file, a model or adapter folder, or a deployment target is sound. Writes nothing. */
import { lstat, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Deployer } from 'tara-gguf/plugin';
import { examine } from './examine.js';
import { checkFile } from './file.js';
import { readError } from './tree.js';

export interface Verdict {
  readonly ok: boolean;
  readonly issues: readonly { readonly code: string; readonly path: string; readonly severity: string; readonly message: string }[];
}

export interface VerifyOptions {
  readonly baseDir?: string | undefined;
  /** Public key of a deployment target's releases. */
  readonly key?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Asked for only when the path is a deployment target. */
  deployer(): Deployer;
}

/** Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_ABORTED and what the deployer throws. */
export async function verify(path: string, options: VerifyOptions): Promise<Verdict> {
  const stats = await stat(path).catch((thrown: unknown) => { throw readError(path, thrown); });
  const { signal } = options;
  if (!stats.isDirectory()) {
    const { issues } = await checkFile(path, signal);
    return { ok: issues.length === 0, issues: issues.map((issue) => ({ ...issue, path: basename(path), severity: 'error' })) };
  }
  if (await lstat(join(path, 'current.json')).then(() => true, () => false)) {
    const { ok, issues } = await options.deployer().verify(path, { key: options.key, signal });
    return { ok, issues: issues.map((issue) => ({ ...issue, severity: 'error' })) };
  }
  const { valid, issues } = await examine(path, { baseDir: options.baseDir, signal });
  return { ok: valid, issues };
}
