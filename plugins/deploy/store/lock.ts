/** One command at a time changes a target: a lock file that names its process, so that a dead one's is recognised. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TaraError, writeError } from 'tara-gguf/plugin';
import { codeOf, writeNew } from '../disk.js';
import { holderOf, isDead, parseHolder, runsHere } from './holder.js';

const LOCK = '.deploy.lock';
const CLAIM = /^\.deploy\.lock\.(\d+)-[0-9a-f]{8}$/;

/** Takes the name for a complete file: link fails where it exists; file systems without links copy. */
async function claim(own: string, lock: string): Promise<boolean> {
  try {
    await link(own, lock);
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'].includes(codeOf(thrown))) throw thrown;
  }
  return copyFile(own, lock, constants.COPYFILE_EXCL).then(() => true, (thrown: unknown) => {
    if (codeOf(thrown) === 'EEXIST') return false;
    throw thrown;
  });
}

/** Removes a dead process's lock; another process's, taken meanwhile, is put back. */
async function breakLock(lock: string, seen: string): Promise<void> {
  const aside = `${lock}.${process.pid}-${randomBytes(4).toString('hex')}`;
  await rename(lock, aside).catch((thrown: unknown) => {
    if (codeOf(thrown) !== 'ENOENT') throw thrown;
  });
  const taken = await readFile(aside, 'utf8').catch(() => seen);
  if (taken !== seen) await claim(aside, lock);
  await rm(aside, { force: true });
}

/** Removes the claims of processes that ended between claiming and taking. */
async function sweepClaims(target: string): Promise<void> {
  for (const name of await readdir(target)) {
    const [, pid] = CLAIM.exec(name) ?? [];
    if (pid === undefined) continue;
    const holder = parseHolder(await readFile(join(target, name), 'utf8').catch(() => ''));
    // One that was cut short names its process by its name alone.
    if (holder === undefined ? !(await runsHere(Number(pid))) : await isDead(holder)) await rm(join(target, name), { force: true });
  }
}

/** Holds the target's lock while `work` runs. Throws TARA_DEPLOY_BUSY, TARA_WRITE_FAILED. */
export async function withLock<T>(target: string, work: () => Promise<T>): Promise<T> {
  const lock = join(target, LOCK);
  const own = join(target, `${LOCK}.${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    await writeNew(own, JSON.stringify(await holderOf()));
    for (let attempt = 0; !(await claim(own, lock)); attempt++) {
      const text = await readFile(lock, 'utf8').catch(() => '');
      const other = parseHolder(text);
      if (attempt > 4 || (other !== undefined && !(await isDead(other)))) throw new TaraError('TARA_DEPLOY_BUSY', { target, pid: other?.pid ?? 'unknown' });
      if (text !== '') await breakLock(lock, text);
    }
  } catch (thrown) {
    throw writeError(target, thrown);
  } finally {
    await rm(own, { force: true }).catch(() => undefined);
  }
  try {
    await sweepClaims(target);
    return await work();
  } finally {
    await rm(lock, { force: true }).catch(() => undefined);
  }
}
