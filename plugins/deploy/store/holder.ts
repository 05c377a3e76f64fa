/** A process as files name it, so that a dead one is recognised: ids are reused, so a start token goes with them. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { z } from 'zod';
import { codeOf } from '../disk.js';

const holderSchema = z.object({ pid: z.number().int().positive(), token: z.string(), host: z.string() });
export type Holder = z.infer<typeof holderSchema>;

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
export async function isDead(holder: Holder): Promise<boolean> {
  return holder.host === hostname() && (await startToken(holder.pid)) !== holder.token;
}

/** Whether a process of this id runs on this machine. */
export const runsHere = async (pid: number): Promise<boolean> => (await startToken(pid)) !== null;

export function parseHolder(text: string): Holder | undefined {
  try {
    return holderSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** This process. */
export const holderOf = async (): Promise<Holder> => ({ pid: process.pid, token: (await startToken(process.pid)) ?? '', host: hostname() });
