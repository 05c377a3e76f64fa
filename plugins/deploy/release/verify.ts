/** Verification: every file of a release is read and hashed again, and compared with its manifest. */
import type { KeyObject } from 'node:crypto';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { VerifyReport } from 'tara-gguf/plugin';
import { isLinked } from '../disk.js';
import type { Manifest } from '../store/format.js';
import { MANIFEST, readManifest, readText, releaseFolder, SIGNATURE } from '../store/target.js';
import type { Digest, Work } from '../work.js';
import { signatureFault } from './sign.js';
import { compareTensors, tensorHashes } from './tensors.js';

export type Issue = VerifyReport['issues'][number];

export const issue = (code: string, path: string, message: string): Issue => ({ code, path, message });

export interface ReleaseCheck {
  readonly work: Work;
  /** Where the release lies; its place in the target when omitted. */
  readonly folder?: string;
  /** Hash that current.json has of the manifest. */
  readonly expectedManifest?: string;
  /** Files that were read and hashed just now, by path. */
  readonly known?: ReadonlyMap<string, Digest>;
  /** The key that must have signed it. */
  readonly key?: KeyObject | undefined;
  readonly signal?: AbortSignal | undefined;
  onFile?(path: string, fraction: number): void;
}

/** Paths of everything in a folder that is no folder, relative. */
async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1).split('\\').join('/'));
}

async function checkFile(folder: string, shown: string, file: Manifest['files'][number], { work, known, signal, onFile }: ReleaseCheck): Promise<Issue[]> {
  if (await isLinked(folder, file.path)) return [issue('FILE_LINK', shown, 'it is a link')];
  const path = join(folder, ...file.path.split('/'));
  const digest = known?.get(file.path) ?? await work.hash(path, { signal, onBytes: (bytes) => onFile?.(file.path, file.bytes === 0 ? 1 : bytes / file.bytes) });
  if ('fault' in digest) return [digest.fault === 'ENOENT' ? issue('FILE_MISSING', shown, 'it is missing') : issue('FILE_UNREADABLE', shown, digest.fault)];
  if (digest.bytes !== file.bytes) return [issue('FILE_SIZE', shown, `it has ${digest.bytes} bytes, ${file.bytes} were deployed`)];
  if (digest.sha256 !== file.sha256) {
    const how = file.gguf === undefined ? '' : `: ${compareTensors(file.gguf, await tensorHashes(path, work, { signal }))}`;
    return [issue('FILE_HASH', shown, `its bytes are not those that were deployed${how}`)];
  }
  const { mode } = await lstat(path);
  // Whoever may write a served file may replace a model.
  return process.platform !== 'win32' && (mode & 0o022) !== 0 ? [issue('FILE_MODE', shown, `others than its owner may write it (mode ${(mode & 0o777).toString(8)})`)] : [];
}

async function checkSignature(folder: string, shown: string, manifest: unknown, key: KeyObject): Promise<Issue[]> {
  const text = await readText(join(folder, SIGNATURE));
  if (text === undefined) return [issue('SIGNATURE_MISSING', shown, 'the release is not signed')];
  const fault = typeof text === 'string' ? signatureFault(text, manifest, key) : text.fault;
  return fault === undefined ? [] : [issue('SIGNATURE_INVALID', shown, fault)];
}

/** What is wrong with a release's files. Throws TARA_ABORTED. */
export async function verifyRelease(target: string, id: string, check: ReleaseCheck): Promise<Issue[]> {
  const folder = check.folder ?? releaseFolder(target, id);
  const found = await readManifest(folder, id);
  if (found === undefined) return [issue('MANIFEST_MISSING', `${id}/${MANIFEST}`, 'the release has no manifest')];
  if ('fault' in found) return [issue('MANIFEST_INVALID', `${id}/${MANIFEST}`, found.fault)];
  const { manifest, raw, sha256 } = found;
  if (check.expectedManifest !== undefined && check.expectedManifest !== sha256) return [issue('MANIFEST_CHANGED', `${id}/${MANIFEST}`, 'it is not the manifest that was deployed')];
  const issues = (await Promise.all(manifest.files.map((file) => checkFile(folder, `${id}/${file.path}`, file, check)))).flat();
  const known = new Set([MANIFEST, SIGNATURE, ...manifest.files.map(({ path }) => path)]);
  for (const path of await listFiles(folder)) if (!known.has(path)) issues.push(issue('FILE_FOREIGN', `${id}/${path}`, 'no manifest lists it'));
  if (check.key !== undefined) issues.push(...await checkSignature(folder, `${id}/${SIGNATURE}`, raw, check.key));
  return issues;
}
