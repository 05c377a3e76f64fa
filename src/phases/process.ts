/** Is the process that began a build still that process? Process ids are reused, so a start token goes with them. */
import { readFileSync } from 'node:fs';

const read = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};

/**
 * A text that no other process with this id ever has: boot id and start time in clock ticks, from /proc.
 * '' where the system has no /proc; null when no such process lives (a zombie does not).
 */
export function startToken(pid: number): string | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  const boot = read('/proc/sys/kernel/random/boot_id');
  if (boot !== null) {
    const stat = read(`/proc/${pid}/stat`);
    if (stat === null) return null;
    // The command's name is in parentheses and may hold anything, so fields count from the last one: state is the first after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    return `${boot.trim()}:${fields[19] ?? ''}`;
  }
  try {
    process.kill(pid, 0);
    return '';
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM' ? '' : null;
  }
}

export const isAlive = (pid: number, token: string): boolean => startToken(pid) === token;
