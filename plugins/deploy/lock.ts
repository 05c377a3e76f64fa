/** One command at a time changes a target: a lock file that names its process, so that a dead one's is recognised. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, readdir, readFile, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { TaraError } from 'tara-gguf/plugin';
import { z } from 'zod';
import { codeOf, writeError, writeNew } from './disk.js';

const LOCK = '.deploy.lock';
const holderSchema = z.object({ pid: z.number().int().positive(), token: z.string(), host: z.string() });
type Holder = z.infer<typeof holderSchema>;

/** A text that no other process with this id ever has, from /proc; '' where there is none, null when no such process lives. */
async function startToken(pid: number): Promise<string | null> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => null);
  if (boot !== null) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
    if (stat === null) return null;
    // The command's name is in parentheses and may hold anything; the state is the first field after it, the start time the 20th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : `${boot.trim()}:${fields[19] ?? ''}`;
  }
  try {
    process.kill(pid, 0);
    return '';
  } catch (thrown) {
    return codeOf(thrown) === 'EPERM' ? '' : null;
  }
}

/** Whether the lock's holder is certainly gone; one on another machine never is. */
async function isDead(holder: Holder): Promise<boolean> {
  return holder.host === hostname() && (await startToken(holder.pid)) !== holder.token;
}

function parseHolder(text: string): Holder | undefined {
  try {
    return holderSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

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
    if (!new RegExp(`^\\${LOCK}\\.\\d+-[0-9a-f]{8}$`).test(name)) continue;
    const holder = parseHolder(await readFile(join(target, name), 'utf8').catch(() => ''));
    if (holder !== undefined && await isDead(holder)) await rm(join(target, name), { force: true });
  }
}

/** Holds the target's lock while `work` runs. Throws TARA_DEPLOY_BUSY, TARA_WRITE_FAILED. */
export async function withLock<T>(target: string, work: () => Promise<T>): Promise<T> {
  const lock = join(target, LOCK);
  const own = join(target, `${LOCK}.${process.pid}-${randomBytes(4).toString('hex')}`);
  const holder: Holder = { pid: process.pid, token: (await startToken(process.pid)) ?? '', host: hostname() };
  try {
    await writeNew(own, JSON.stringify(holder));
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
