/** `current` and `previous`: links to releases, for readers that follow links. They follow current.json, which is the truth. */
import { lstat, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceBy, syncFolder } from 'tara-gguf/plugin';
import { codeOf } from '../disk.js';
import { readCurrent } from './target.js';

const NAMES = ['current', 'previous'] as const;

/** Our own links lead to a release; anything else of that name is somebody's file. */
const OURS = /^releases\/\d{1,4}-\d{1,9}-[0-9a-f]{8}$/;

/** The release folder that a link names, relative; null where there is none, undefined where something else has its name. */
async function linkAt(path: string): Promise<string | null | undefined> {
  try {
    if (!(await lstat(path)).isSymbolicLink()) return undefined;
    const to = await readlink(path);
    return OURS.test(to) ? to : undefined;
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return null;
    throw thrown;
  }
}

/** Makes the links what current.json says; whether one had to change. A system without links goes without. */
export async function linkPointers(target: string): Promise<boolean> {
  const current = await readCurrent(target);
  if (current !== undefined && 'fault' in current) return false;
  const wanted = { current: current?.release ?? null, previous: current?.previous ?? null };
  let changed = false;
  for (const name of NAMES) {
    const path = join(target, name);
    const found = await linkAt(path);
    const to = wanted[name] === null ? null : `releases/${wanted[name]}`;
    if (found === undefined || found === to) continue;
    if (to === null) await rm(path, { force: true });
    else {
      const made = await replaceBy(path, (temporary) => symlink(to, temporary)).then(() => true, (thrown: unknown) => {
        if (['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(codeOf(thrown))) return false;
        throw thrown;
      });
      if (!made) return changed;
    }
    changed = true;
  }
  if (changed) await syncFolder(target);
  return changed;
}
