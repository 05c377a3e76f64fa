/** What a cut file learns back from the whole model: distillation (docs/distill.md), for architectures that have a training graph. */

import { rm, stat } from 'node:fs/promises';
import { distil, TaraError, type DistilReport, type Pruning } from 'tara-gguf';
import { keyOf, type Cache } from '../hybrid/cache.js';
import { writeCut, type BenchOptions } from './bench.js';
import type { Cut, Progress } from './world.js';

/** For all of it, where nothing else is asked for. */
export const RECOVERY_MINUTES = 8;
/** A model without a training graph, too little text and too little memory leave the cut as it is. */
const EXCUSES: readonly string[] = ['TARA_TRAINING_UNSUPPORTED', 'TARA_TEXT_TOO_SHORT', 'TARA_OUT_OF_MEMORY'];

export interface Recovery {
  /** The file that learned; null where it did not. */
  readonly path: string | null;
  /** What came of it, for people. */
  readonly line: string;
}

export interface RecoveryOptions {
  readonly options: BenchOptions;
  readonly cut: Cut;
  readonly pruning: Pruning;
  readonly texts: readonly string[];
  /** 0 = not at all. */
  readonly minutes: number;
  readonly cache: Cache;
  readonly onProgress: Progress;
}

const lineOf = (minutes: number, { improved, before, after, steps, stopped }: DistilReport): string =>
  improved
    ? `taught by the whole model for ${minutes} minutes (${steps} steps, ${stopped}): bits per byte ${before.bitsPerByte.toFixed(4)} to ${after.bitsPerByte.toFixed(4)} on text that was kept from it`
    : `${steps} steps of teaching by the whole model did not help on text that was kept from it`;

/** Interrupted, it goes on where it was; the file that it made stays in the cache. Rejects with TARA_ABORTED and as distil does, but for EXCUSES. */
export async function recover({ options, cut, pruning, texts, minutes, cache, onProgress }: RecoveryOptions): Promise<Recovery> {
  const { engine, model, preset, threads, signal } = options;
  if (minutes === 0 || Object.keys(pruning).length === 0) return { path: null, line: 'not taught by the whole model' };
  const key = keyOf(preset, JSON.stringify(cut), String(minutes));
  const [student, taught] = [cache.path(`cut-${key}.gguf`), cache.path(`taught-${key}.gguf`)];
  if (await stat(taught).catch(() => null)) return { path: taught, line: `taught by the whole model for ${minutes} minutes, before` };
  if (!(await stat(student).catch(() => null))) await writeCut(options, pruning, preset, student);
  try {
    const report = await distil({ student, teacher: model, text: texts, output: taught, minutes, compare: false, engine, threads, signal, onProgress: (fraction, detail) => onProgress(fraction, `teaching: ${detail}`) });
    await rm(student, { force: true });
    return { path: report.improved ? taught : null, line: lineOf(minutes, report) };
  } catch (thrown) {
    if (!(thrown instanceof TaraError) || !EXCUSES.includes(thrown.code)) throw thrown;
    await rm(student, { force: true });
    return { path: null, line: `not taught by the whole model: ${thrown.message}` };
  }
}
