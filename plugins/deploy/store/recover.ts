/** What dead commands left, put right with the lock held: then everything half-written is nobody's. */
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isTemporary, TaraError } from 'tara-gguf/plugin';
import type { Work } from '../work.js';
import { isPartialBlob } from './blobs.js';
import { PARTIAL, RELEASE_ID } from './format.js';
import { linkPointers } from './pointers.js';
import { settle } from './switch.js';
import { addToJournal, blobsFolder, readCurrent, readPending, releasesFolder } from './target.js';

const isPartialRelease = (name: string): boolean => name.endsWith(PARTIAL) && RELEASE_ID.test(name.slice(1, -PARTIAL.length));

async function sweep(folder: string, isOurs: (name: string) => boolean): Promise<boolean> {
  const names = (await readdir(folder)).filter(isOurs);
  for (const name of names) await rm(join(folder, name), { recursive: true, force: true });
  return names.length > 0;
}

/** A line that was cut short must not swallow the next one. */
async function endJournal(target: string): Promise<void> {
  const file = await open(join(target, 'journal.jsonl'), 'r').catch(() => null);
  if (file === null) return;
  const torn = async () => {
    const { size } = await file.stat();
    return size > 0 && (await file.read(Buffer.alloc(1), 0, 1, size - 1)).buffer.toString() !== '\n';
  };
  if (!(await torn().finally(() => file.close()))) return;
  const end = await open(join(target, 'journal.jsonl'), 'a');
  await end.write('\n').finally(() => end.close());
}

/** What was repaired, in words; nothing where nothing was wrong. Throws TARA_DEPLOY_TARGET for a pending.json that cannot be read. */
export async function recover(target: string, work: Work): Promise<string[]> {
  const repaired: string[] = [];
  await endJournal(target);
  const pending = await readPending(target);
  if (pending !== undefined && 'fault' in pending) throw new TaraError('TARA_DEPLOY_TARGET', { target, reason: `pending.json: ${pending.fault}; it says which switch was under way: restore it, or remove it and run verify` });
  if (pending !== undefined) repaired.push(await settle(target, pending, work));
  const swept = [await sweep(target, isTemporary), await sweep(releasesFolder(target), isPartialRelease), await sweep(blobsFolder(target), isPartialBlob)];
  if (swept.includes(true)) repaired.push('files of an interrupted deployment were removed');
  if (await linkPointers(target)) repaired.push('the links current and previous were set to what current.json says');
  const current = await readCurrent(target);
  for (const detail of repaired) await addToJournal(target, { event: 'repaired', release: current === undefined || 'fault' in current ? null : current.release, detail });
  return repaired;
}
