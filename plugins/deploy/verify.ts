/** Verifies what a target serves: the current release of each phase, and the files through which its layout shows them. */
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VerifyOptions, VerifyReport } from 'tara-gguf/plugin';
import { isLinked } from './disk.js';
import { layoutNamed } from './layouts/index.js';
import { readPublicKey } from './release/sign.js';
import { issue, verifyRelease, type Issue } from './release/verify.js';
import { servedBy } from './served.js';
import type { Current } from './store/format.js';
import { readCurrent, readPending } from './store/target.js';
import type { Work } from './work.js';

/** A layout's files still lead to what is served, whatever else people wrote into them. */
async function verifySurface(target: string, current: Current, work: Work, signal: AbortSignal | undefined): Promise<Issue[]> {
  const issues: Issue[] = [];
  for (const file of layoutNamed(current.layout).files(await servedBy(target, current))) {
    const path = join(target, ...file.path.split('/'));
    if (await isLinked(target, file.path)) issues.push(issue('SURFACE_LINK', file.path, 'it is a link'));
    else if (await lstat(path).then(() => false, () => true)) issues.push(issue('SURFACE_MISSING', file.path, 'it is missing'));
    else if ('blob' in file) {
      const digest = await work.hash(path, { signal });
      if ('fault' in digest || digest.sha256 !== file.blob) issues.push(issue('SURFACE_HASH', file.path, 'its bytes are not those that were deployed'));
    } else {
      const text = await readFile(path, 'utf8');
      const says = await Promise.resolve().then(() => file.merge(text) === text).catch(() => false);
      if (!says) issues.push(issue('SURFACE_CHANGED', file.path, 'it no longer leads to the current release; deploy again, or roll back and forth'));
    }
  }
  return issues;
}

/** Throws TARA_KEY_INVALID, TARA_FILE_NOT_FOUND, TARA_ABORTED. */
export async function verifyTarget(target: string, { work, key: keyPath, signal }: VerifyOptions & { readonly work: Work }): Promise<VerifyReport> {
  const key = keyPath === undefined ? undefined : await readPublicKey(keyPath);
  const current = await readCurrent(target);
  if (current === undefined) return { ok: false, issues: [issue('CURRENT_MISSING', 'current.json', 'nothing was deployed here')] };
  if ('fault' in current) return { ok: false, issues: [issue('CURRENT_INVALID', 'current.json', current.fault)] };
  const checks = await Promise.all(Object.values(current.phases).map(({ release, manifest }) => verifyRelease(target, release, { work, key, signal, expectedManifest: manifest })));
  const issues = checks.flat();
  if (await readPending(target) !== undefined) issues.push(issue('SWITCH_UNFINISHED', 'pending.json', 'a switch was interrupted; the next deploy-phase, rollback or releases --prune ends it'));
  // Without sound manifests it is unknown what a layout should say.
  else if (!issues.some(({ code }) => code.startsWith('MANIFEST'))) issues.push(...await verifySurface(target, current, work, signal));
  return { ok: issues.length === 0, issues };
}
