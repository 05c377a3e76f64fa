/** After a switch: what a reader finds now, through current.json and through the link. */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { TaraError } from 'tara-gguf/plugin';
import type { Current } from './store/format.js';
import { needCurrent, needManifest, releaseFolder } from './store/target.js';

/** Throws TARA_DEPLOY_TARGET, TARA_DEPLOY_CORRUPT. */
export async function probe(target: string, { release, manifest }: Pick<Current, 'release' | 'manifest'>): Promise<void> {
  const current = await needCurrent(target);
  if (current?.release !== release) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: `current.json names ${current?.release ?? 'nothing'} after the switch to ${release}` });
  if ((await needManifest(target, release)).sha256 !== manifest) throw new TaraError('TARA_DEPLOY_CORRUPT', { release, issue: 'manifest.json: it changed during the switch' });
  const linked = await realpath(join(target, 'current')).catch(() => null);
  const folder = await realpath(releaseFolder(target, release));
  if (linked !== null && linked !== folder && linked.startsWith(await realpath(join(target, 'releases')))) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: `the link current leads to ${linked}` });
}
