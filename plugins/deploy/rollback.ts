/** Rollback: to the state before the last switch, to a named release, or to before the first deployment. */
import type { KeyObject } from 'node:crypto';
import { TaraError, writeError, type RolledBack, type VerifyOptions } from 'tara-gguf/plugin';
import type { DeployerOptions } from './deployer.js';
import { layoutNamed, recogniseLayout } from './layouts/index.js';
import { probe } from './probe.js';
import { readPublicKey } from './release/sign.js';
import { verifyRelease } from './release/verify.js';
import { servedBy } from './served.js';
import { readBlob } from './store/blobs.js';
import type { Current, SurfaceFile } from './store/format.js';
import { withLock } from './store/lock.js';
import { recover } from './store/recover.js';
import { planSurface } from './store/surface.js';
import { switchTo } from './store/switch.js';
import { needManifest, parseCurrent, phaseOf, readCurrent, releaseIds } from './store/target.js';

/** Before the first deployment. */
export const NOTHING = 'none';

type State = Pick<Current, 'release' | 'phases' | 'layout'> & { readonly exact?: readonly SurfaceFile[] };

/** The state that the last switch replaced, where it is known and its releases are there. */
async function stateBefore(target: string, current: Current, ids: readonly string[]): Promise<State | undefined> {
  if (current.replaced === null) return undefined;
  const before = parseCurrent(String(await readBlob(target, current.replaced).catch(() => '{}')));
  if ('fault' in before || !Object.values(before.phases).every(({ release }) => ids.includes(release))) return undefined;
  const exact = current.surface.flatMap((file): SurfaceFile[] => {
    if (file.linked || file.before === null) return [];
    const known = before.surface.find(({ path }) => path === file.path);
    // What somebody changed after that switch is theirs: it is part of the file now.
    return [{ ...file, written: file.before, base: known?.written === file.before ? known.base : file.before }];
  });
  return { release: before.release, phases: before.phases, layout: before.layout, exact };
}

/** The state with one release in its phase's place. Throws TARA_RELEASE_NOT_FOUND, TARA_DEPLOY_CORRUPT. */
async function stateWith(target: string, current: Current | undefined, id: string, ids: readonly string[]): Promise<State> {
  if (!ids.includes(id)) throw new TaraError('TARA_RELEASE_NOT_FOUND', { release: id });
  const { sha256 } = await needManifest(target, id);
  const layout = current?.layout ?? (await recogniseLayout(target)).name;
  return { release: id, phases: { ...current?.phases, [String(phaseOf(id))]: { release: id, manifest: sha256 } }, layout };
}

async function wantedState(target: string, current: Current | undefined, wanted: string | undefined, ids: readonly string[]): Promise<State | null> {
  if (wanted === NOTHING) return null;
  const before = current === undefined ? undefined : await stateBefore(target, current, ids);
  // The same release as it was, files of its layout included.
  if (before !== undefined && (wanted === undefined || before.release === wanted)) return before;
  const id = wanted ?? current?.previous;
  if (id == null) throw new TaraError('TARA_DEPLOY_NO_PREVIOUS', { target });
  return stateWith(target, current, id, ids);
}

/** Every release of the state, as it lies there now. Throws TARA_DEPLOY_CORRUPT. */
async function verifyState(target: string, { phases }: State, current: Current | undefined, key: KeyObject | undefined, { work }: DeployerOptions, signal: AbortSignal | undefined): Promise<void> {
  for (const [phase, { release, manifest }] of Object.entries(phases)) {
    // What is served already and stays is not what is switched to.
    if (current?.phases[phase]?.release === release && key === undefined) continue;
    const [issue] = await verifyRelease(target, release, { work, key, signal, expectedManifest: manifest });
    if (issue) throw new TaraError('TARA_DEPLOY_CORRUPT', { release, issue: `${issue.path}: ${issue.message}` });
  }
}

export async function rollback(target: string, wanted: string | undefined, { key: keyPath, signal }: VerifyOptions, options: DeployerOptions): Promise<RolledBack> {
  const started = performance.now();
  const { work } = options;
  const key = keyPath === undefined ? undefined : await readPublicKey(keyPath);
  return withLock(target, async () => {
    const repaired = await recover(target, work);
    const seconds = () => (performance.now() - started) / 1000;
    const found = await readCurrent(target);
    // With a release named, a damaged pointer is what rollback repairs.
    const current = found === undefined || 'fault' in found ? undefined : found;
    if (wanted !== undefined && wanted === current?.release) return { current: wanted, previous: current.previous, repaired, seconds: seconds() };
    const state = await wantedState(target, current, wanted, await releaseIds(target));
    const previous = current?.release ?? null;
    if (state !== null) await verifyState(target, state, current, key, options, signal);
    try {
      const plan = await planSurface({
        target, layout: layoutNamed(state?.layout ?? current?.layout ?? 'plain'), served: state === null ? [] : await servedBy(target, state), current, work,
        ...(state?.exact && { exact: state.exact }),
      });
      const next = state === null ? null : {
        format: 1 as const, release: state.release, previous, phase: phaseOf(state.release), manifest: state.phases[String(phaseOf(state.release))]?.manifest ?? '',
        switchedAt: new Date().toISOString(), layout: state.layout, phases: state.phases, surface: [...plan.surface],
      };
      await switchTo({ target, next, changes: plan.changes, event: 'rolled-back', previous, work, beforeRename: async () => options.onStep?.('switching') });
      await options.onStep?.('switched');
      if (next !== null) await probe(target, next);
      return { current: next?.release ?? null, previous, repaired, seconds: seconds() };
    } catch (thrown) {
      throw writeError(target, thrown);
    }
  });
}
