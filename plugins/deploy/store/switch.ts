/**
 * The switch from one state of a target to another. current.json is replaced by rename: that is the moment. Where a layout
 * has files of its own, pending.json says beforehand what changes, so that a switch which was cut short is undone (before
 * that moment) or finished (after it) by the next command.
 */
import { readFile, rm } from 'node:fs/promises';
import { syncFolder } from 'tara-gguf/plugin';
import { codeOf, replaceFile } from '../disk.js';
import type { Work } from '../work.js';
import { saveBytes, sha256Of } from './blobs.js';
import type { Change, Current, Pending } from './format.js';
import { linkPointers } from './pointers.js';
import { applyChange, undoChange } from './surface.js';
import { addToJournal, currentPath, pendingPath, type JournalLine } from './target.js';

export interface Switch {
  readonly target: string;
  /** Null: nothing is served any more. */
  readonly next: Omit<Current, 'replaced'> | null;
  readonly changes: readonly Change[];
  readonly event: Extract<JournalLine['event'], 'deployed' | 'rolled-back'>;
  readonly previous: string | null;
  readonly work: Work;
  beforeRename?(): Promise<void> | void;
}

/** The bytes of current.json; null where there is none. */
const currentBytes = (target: string): Promise<Buffer | null> => readFile(currentPath(target)).catch((thrown: unknown) => {
  if (codeOf(thrown) === 'ENOENT') return null;
  throw thrown;
});

const isRemoval = ({ after }: Change): boolean => after === null;

/** Milliseconds that the rename of current.json and its fsyncs took. A failure before it leaves everything as it was. */
export async function switchTo({ target, next, changes, event, previous, work, beforeRename }: Switch): Promise<number> {
  const before = await currentBytes(target);
  const replaced = before === null ? null : await saveBytes(target, before);
  const text = next === null ? null : `${JSON.stringify({ ...next, replaced }, null, 2)}\n`;
  const release = next?.release ?? null;
  await addToJournal(target, { event: 'switching', release, previous });
  const pending: Pending = { format: 1, next: text === null ? null : sha256Of(text), changes: [...changes] };
  if (changes.length > 0) await replaceFile(pendingPath(target), `${JSON.stringify(pending, null, 2)}\n`);
  let milliseconds: number;
  try {
    for (const change of changes) if (!isRemoval(change)) await applyChange(target, change, work);
    await beforeRename?.();
    const started = performance.now();
    if (text === null) {
      await rm(currentPath(target), { force: true });
      await syncFolder(target);
    } else {
      await replaceFile(currentPath(target), text);
    }
    milliseconds = performance.now() - started;
  } catch (thrown) {
    // Whether the rename happened decides, not what failed around it.
    if (!(await isDone(target, pending))) {
      await undo(target, pending, work).catch(() => undefined);
      throw thrown;
    }
    milliseconds = 0;
  }
  // The switch is done whatever becomes of the rest: the next command finishes it.
  await finish(target, pending, work).then(() => linkPointers(target)).then(() => addToJournal(target, { event, release, previous })).catch(() => undefined);
  return milliseconds;
}

/** Whether current.json is what the switch leads to. */
async function isDone(target: string, { next }: Pending): Promise<boolean> {
  const bytes = await currentBytes(target);
  return (bytes === null ? null : sha256Of(bytes)) === next;
}

async function endPending(target: string): Promise<void> {
  await rm(pendingPath(target), { force: true });
  await syncFolder(target);
}

/** Files that nothing names any more go after the switch. */
async function finish(target: string, { changes }: Pending, work: Work): Promise<void> {
  if (changes.length === 0) return;
  for (const change of changes.filter(isRemoval)) {
    // One that was changed meanwhile is no longer ours.
    await applyChange(target, change, work).catch(() => undefined);
  }
  await endPending(target);
}

async function undo(target: string, { changes }: Pending, work: Work): Promise<string[]> {
  const left: string[] = [];
  for (const change of [...changes].reverse()) if (!(await undoChange(target, change, work))) left.push(change.path);
  if (changes.length > 0) await endPending(target);
  return left;
}

/** Ends a switch that was cut short; what it did, in words. */
export async function settle(target: string, pending: Pending, work: Work): Promise<string> {
  if (await isDone(target, pending)) {
    await finish(target, pending, work);
    return 'an interrupted switch was finished';
  }
  const left = await undo(target, pending, work);
  return `an interrupted switch was undone${left.length === 0 ? '' : `; changed by somebody else since, and left: ${left.join(', ')}`}`;
}
