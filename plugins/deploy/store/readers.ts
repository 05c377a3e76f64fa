/** Who uses a target's releases now: readers that said so in readers/, and processes that have a file of a release open. */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReaderLease } from 'tara-gguf/plugin';
import { z } from 'zod';
import { writeNew } from '../disk.js';
import { holderOf, isDead, parseHolder } from './holder.js';
import { readCurrent, releaseFolder, releaseIds } from './target.js';
import { filesOf, type Manifest } from './format.js';

const folderOf = (target: string): string => join(target, 'readers');
const releasesSchema = z.object({ releases: z.array(z.string()) });

/** Says that this process uses the current releases; where the target cannot be written to, nobody can remove them either. */
export async function holdReleases(target: string): Promise<ReaderLease> {
  const current = await readCurrent(target);
  if (current === undefined || 'fault' in current) return { release: () => Promise.resolve() };
  const path = join(folderOf(target), `${process.pid}-${randomBytes(4).toString('hex')}.json`);
  const releases = Object.values(current.phases).map(({ release }) => release);
  await mkdir(folderOf(target)).catch(() => undefined);
  await writeNew(path, JSON.stringify({ ...await holderOf(), releases })).catch(() => undefined);
  return { release: () => rm(path, { force: true }).catch(() => undefined) };
}

/** Releases that readers named; the leases of dead processes go. */
async function named(target: string): Promise<string[]> {
  const names = await readdir(folderOf(target)).catch(() => []);
  const found: string[] = [];
  for (const name of names.filter((candidate) => /^\d+-[0-9a-f]{8}\.json$/.test(candidate))) {
    const path = join(folderOf(target), name);
    const text = await readFile(path, 'utf8').catch(() => '');
    const holder = parseHolder(text);
    if (holder === undefined || await isDead(holder)) await rm(path, { force: true }).catch(() => undefined);
    else found.push(...releasesSchema.safeParse(JSON.parse(text)).data?.releases ?? []);
  }
  return found;
}

/** Paths that any process has open or mapped, as Linux tells them; none elsewhere. */
async function openPaths(): Promise<Set<string>> {
  const paths = new Set<string>();
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) paths.add(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''));
    for (const line of (await readFile(`/proc/${pid}/maps`, 'utf8').catch(() => '')).split('\n')) {
      const at = line.indexOf('/');
      if (at >= 0) paths.add(line.slice(at));
    }
  }
  return paths;
}

/** Ids of the releases in use, beside those that a pointer names. `manifests` are those that could go. */
export async function usedReleases(target: string, manifests: ReadonlyMap<string, Manifest>): Promise<ReadonlySet<string>> {
  const used = new Set(await named(target));
  const open = await openPaths();
  const inodes = new Set((await Promise.all([...open].filter((path) => path.startsWith('/')).map((path) => lstat(path).then(({ dev, ino }) => `${dev}:${ino}`, () => '')))).filter((key) => key !== ''));
  for (const id of await releaseIds(target)) {
    const manifest = manifests.get(id);
    if (manifest === undefined) continue;
    for (const { path } of filesOf(manifest)) {
      // By inode: a reader may have opened it under the name of a blob, a layout or a link.
      const key = await lstat(join(releaseFolder(target, id), path)).then(({ dev, ino }) => `${dev}:${ino}`, () => 'gone');
      if (inodes.has(key)) used.add(id);
    }
  }
  return used;
}
