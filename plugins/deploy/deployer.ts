/**
 * The capability `deployer`. A deployment asks the checks, takes the lock, copies into blobs, verifies what was written, asks
 * the models, and only then switches: at every moment current.json names complete, verified releases.
 */
import { lstat, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { readError, type Deployer, type HookCaller, type SmokeResult } from 'tara-gguf/plugin';
import { deploy } from './deploy.js';
import { rollback } from './rollback.js';
import { listReleases } from './served.js';
import type { SmokeInput } from './smoke.js';
import { collectBlobs, removeReleases, spareReleases } from './store/collect.js';
import { withLock } from './store/lock.js';
import { holdReleases } from './store/readers.js';
import { recover } from './store/recover.js';
import { readCurrent } from './store/target.js';
import { verifyTarget } from './verify.js';
import type { Work } from './work.js';

/** Moments of a deployment, in order; `copied` comes once a file. */
export type DeployStep = 'locked' | 'copied' | 'started' | 'written' | 'verified' | 'placed' | 'switching' | 'switched';

export interface DeployerOptions {
  readonly hooks: HookCaller;
  readonly work: Work;
  /** Releases of each phase that stay beside those in use, where a request does not say. */
  readonly keep: number;
  /** Loads and asks the models of a release; none are where it is omitted. */
  readonly smoke?: (input: Omit<SmokeInput, 'router' | 'golden'>) => Promise<readonly SmokeResult[]>;
  /** Told at each step and waited for. */
  readonly onStep?: (step: DeployStep) => Promise<void> | void;
  /** Free bytes of a folder's file system. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/** The absolute path of a target that is there. Throws TARA_FILE_NOT_FOUND. */
async function existing(path: string): Promise<string> {
  const target = resolve(path);
  await stat(target).catch((thrown: unknown) => { throw readError(target, thrown); });
  return target;
}

async function prune(target: string, keep: number, { work }: DeployerOptions): Promise<string[]> {
  return withLock(target, async () => {
    await recover(target, work);
    const spare = await spareReleases(target, keep);
    await removeReleases(target, spare);
    await collectBlobs(target);
    return spare;
  });
}

export function createDeployer(options: DeployerOptions): Deployer {
  return {
    deploy: (request) => deploy(request, options),
    async verify(path, check = {}) {
      const target = resolve(path);
      await lstat(target).catch((thrown: unknown) => { throw readError(target, thrown); });
      return verifyTarget(target, { ...check, work: options.work });
    },
    rollback: async (target, id, check = {}) => rollback(await existing(target), id, check, options),
    async releases(path) {
      const target = await existing(path);
      const current = await readCurrent(target);
      return listReleases(target, current === undefined || 'fault' in current ? undefined : current);
    },
    async prune(path, { keep = options.keep, dryRun = false } = {}) {
      const target = await existing(path);
      return dryRun ? spareReleases(target, keep) : prune(target, keep, options);
    },
    hold: (target) => holdReleases(resolve(target)),
  };
}
