/** `verify`: whether a model file, a model or adapter folder, or a deployment target is sound. Writes nothing. */
import { lstat, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readError, type CleanIssue, type Deployer, type HookCaller, type OnProgress } from 'tara-gguf/plugin';
import { examine } from './examine.js';
import { checkFile } from './file.js';
import { pluginIssues } from './hooks.js';
import { compareWith } from './manifest-check.js';
import { readManifest } from './manifest.js';
import { scanFolder } from './scan.js';
import { verdictOf } from './verdict.js';

export interface Verified {
  readonly ok: boolean;
  readonly issues: readonly { readonly code: string; readonly path: string; readonly severity: string; readonly message: string }[];
  /** Files that were compared with the manifest beside the folder; null where there is none. */
  readonly manifestFiles?: number | null;
}

export interface VerifyOptions {
  readonly baseDir?: string | undefined;
  readonly strict?: boolean | undefined;
  readonly hooks?: HookCaller | undefined;
  /** Public key of a deployment target's releases. */
  readonly key?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Asked for only when the path is a deployment target. */
  deployer(): Deployer;
}

/** A folder's soundness and, where a manifest lies beside it, whether every byte is the one that was written. */
async function verifyFolder(path: string, { baseDir, strict, hooks, signal, onProgress }: VerifyOptions): Promise<Verified> {
  const examination = await examine(path, { baseDir, signal });
  const issues: CleanIssue[] = [...examination.issues, ...(hooks === undefined ? [] : await pluginIssues(hooks, examination, signal))];
  const manifest = await readManifest(await realpath(path));
  const sound = manifest !== null && !('fault' in manifest);
  // What fixes would rewrite is compared as it lies there.
  const scanned = await scanFolder(sound ? { ...examination, texts: new Map(), dropped: new Set() } : examination, { hash: sound, signal, onProgress });
  issues.push(...scanned.issues);
  if (sound) issues.push(...compareWith(manifest, examination.tree, scanned.hashes));
  else if (manifest !== null) issues.push({ code: 'BAD_MANIFEST', path: `${basename(path)}.manifest.json`, severity: 'error', message: manifest.fault });
  const { valid, issues: listed } = verdictOf(examination.kind, issues, strict);
  return { ok: valid, issues: listed, manifestFiles: sound ? manifest.files.length : null };
}

/** Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_FILE_CHANGED, TARA_ABORTED and what the deployer throws. */
export async function verify(path: string, options: VerifyOptions): Promise<Verified> {
  const stats = await stat(path).catch((thrown: unknown) => { throw readError(path, thrown); });
  if (!stats.isDirectory()) {
    const { issues } = await checkFile(path, options);
    return { ok: issues.length === 0, issues: issues.map((issue) => ({ ...issue, path: basename(path), severity: 'error' })) };
  }
  if (await lstat(join(path, 'current.json')).then(() => true, () => false)) {
    const { ok, issues } = await options.deployer().verify(path, { key: options.key, signal: options.signal });
    return { ok, issues: issues.map((issue) => ({ ...issue, severity: 'error' })) };
  }
  return verifyFolder(path, options);
}
