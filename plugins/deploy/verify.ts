/** Verification: every file of a release is read and hashed again, and compared with its manifest. */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TaraError, type VerifyReport } from 'tara-gguf/plugin';
import { codeOf, hashFile, readError } from './disk.js';
import { MANIFEST, readCurrent, readManifest, releaseFolder } from './target.js';

type Issue = VerifyReport['issues'][number];

const issue = (code: string, path: string, message: string): Issue => ({ code, path, message });

/** Paths of everything in a folder that is no folder, relative. */
async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1).split('\\').join('/'));
}

/** A link on the way to a file could lead anywhere. */
async function isLinked(folder: string, path: string): Promise<boolean> {
  const parts = path.split('/');
  for (let depth = 1; depth <= parts.length; depth++) {
    const stats = await lstat(join(folder, ...parts.slice(0, depth))).catch(() => null);
    if (stats?.isSymbolicLink()) return true;
  }
  return false;
}

/** What is wrong with a release's files; `expectedManifest` is the hash that current.json has. */
export async function verifyRelease(target: string, id: string, options: { folder?: string; expectedManifest?: string; signal?: AbortSignal | undefined } = {}): Promise<Issue[]> {
  const folder = options.folder ?? releaseFolder(target, id);
  const found = await readManifest(folder, id);
  if (found === undefined) return [issue('MANIFEST_MISSING', `${id}/${MANIFEST}`, 'the release has no manifest')];
  if ('fault' in found) return [issue('MANIFEST_INVALID', `${id}/${MANIFEST}`, found.fault)];
  const { manifest, sha256 } = found;
  if (options.expectedManifest !== undefined && options.expectedManifest !== sha256) return [issue('MANIFEST_CHANGED', `${id}/${MANIFEST}`, 'it is not the manifest that was deployed')];
  const issues: Issue[] = [];
  for (const file of manifest.files) {
    const shown = `${id}/${file.path}`;
    if (await isLinked(folder, file.path)) {
      issues.push(issue('FILE_LINK', shown, 'it is a link'));
      continue;
    }
    try {
      const digest = await hashFile(join(folder, ...file.path.split('/')), options.signal);
      if (digest.bytes !== file.bytes) issues.push(issue('FILE_SIZE', shown, `it has ${digest.bytes} bytes, ${file.bytes} were deployed`));
      else if (digest.sha256 !== file.sha256) issues.push(issue('FILE_HASH', shown, 'its bytes are not those that were deployed'));
    } catch (thrown) {
      if (thrown instanceof TaraError) throw thrown;
      issues.push(codeOf(thrown) === 'ENOENT' ? issue('FILE_MISSING', shown, 'it is missing') : issue('FILE_UNREADABLE', shown, codeOf(thrown)));
    }
  }
  const known = new Set([MANIFEST, ...manifest.files.map(({ path }) => path)]);
  for (const path of await listFiles(folder)) if (!known.has(path)) issues.push(issue('FILE_FOREIGN', `${id}/${path}`, 'no manifest lists it'));
  return issues;
}

/** Verifies the release that current.json names. Throws TARA_FILE_NOT_FOUND, TARA_ABORTED. */
export async function verifyTarget(target: string, signal?: AbortSignal): Promise<VerifyReport> {
  await lstat(target).catch((thrown: unknown) => { throw readError(target, thrown); });
  const current = await readCurrent(target);
  if (current === undefined) return { ok: false, issues: [issue('CURRENT_MISSING', 'current.json', 'nothing was deployed here')] };
  if ('fault' in current) return { ok: false, issues: [issue('CURRENT_INVALID', 'current.json', current.fault)] };
  const issues = await verifyRelease(target, current.release, { expectedManifest: current.manifest, signal });
  return { ok: issues.length === 0, issues };
}
