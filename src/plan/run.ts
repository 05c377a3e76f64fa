/** Runs a lowered plan in the native executor. */
import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TaraError } from '../errors.js';
import { startJob } from '../engine/jobs.js';
import { writeError } from '../write-whole.js';
import type { Lowered } from './lower.js';

export interface PlanProgress {
  readonly bytesRead: number;
  readonly bytesTotal: number;
  readonly bytesWritten: number;
  readonly tensor: string;
  readonly seconds: number;
}

export interface RunOptions {
  /** Native threads; all cores when left out. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** At most ten times a second. */
  readonly onProgress?: ((progress: PlanProgress) => void) | undefined;
}

/** A tensor whose plan measures it. */
export interface PlanMeasurement {
  readonly tensor: string;
  /** The sum of w x^2 over its values, w the importance of the column, 1 without. */
  readonly squares: number;
  /** By output, in the plan's order: the sum of w (x - x')^2, x' as read back, and how many values the type cannot hold. */
  readonly losses: readonly { readonly output: string; readonly error: number; readonly lost: number }[];
}

export interface PlanResult {
  readonly outputs: readonly { readonly path: string; readonly bytes: number }[];
  /** Of tensors with outputs that only measure, in the plan's order; the same with any number of threads. */
  readonly measured: readonly PlanMeasurement[];
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly seconds: number;
  /** The most memory that blocks and factors took together. */
  readonly peakScratchBytes: number;
  readonly threads: number;
}

/** The addon's answer names outputs by their place. */
type RawResult = Omit<PlanResult, 'measured'> & {
  readonly measured: readonly { readonly tensor: string; readonly squares: number; readonly losses: readonly { readonly output: number; readonly error: number; readonly lost: number }[] }[];
};

/** Throws TARA_DISK_FULL when the outputs of one file system do not fit, TARA_WRITE_FAILED when a folder is missing. */
export async function checkSpace(outputs: readonly { readonly path: string | null; readonly bytes: number }[]): Promise<void> {
  const needed = new Map<number, { path: string; folder: string; bytes: number }>();
  for (const { path, bytes } of outputs) {
    if (path === null) continue;
    const folder = dirname(path);
    const device = await stat(folder).then(({ dev }) => dev, (thrown: unknown) => { throw writeError(path, thrown); });
    const before = needed.get(device);
    needed.set(device, { path, folder, bytes: (before?.bytes ?? 0) + bytes });
  }
  for (const { path, folder, bytes } of needed.values()) {
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize < bytes) throw new TaraError('TARA_DISK_FULL', { path, needed: bytes });
  }
}

/**
 * Writes every output of a lowered plan that has a path: each appears whole under it or not at all, all of
 * them after the last one is complete. Outputs without one are measured. Main thread or worker. Throws TARA_ABORTED,
 * TARA_FILE_CHANGED, TARA_TENSOR_NOT_FINITE, TARA_DISK_FULL, TARA_WRITE_FAILED, TARA_FILE_UNREADABLE.
 */
export async function runPlan(lowered: Lowered, options: RunOptions = {}): Promise<PlanResult> {
  const { threads, signal, onProgress } = options;
  await checkSpace(lowered.outputs);
  // The plan is JSON already: parsing it here only to print it again would hold up the event loop.
  const params = `{"plan":${lowered.json}${threads === undefined ? '' : `,"threads":${Math.max(1, Math.trunc(threads))}`}}`;
  const { data } = await startJob('plan.run', params, {
    blobs: [...lowered.headers, ...(lowered.importance === null ? [] : [lowered.importance])], signal,
    ...(onProgress === undefined ? {} : { onProgress: (progress: unknown) => onProgress(progress as PlanProgress) }),
  }).done;
  const result = data as RawResult;
  const id = (index: number): string => lowered.outputs[index]?.id ?? '';
  return { ...result, measured: result.measured.map((one) => ({ ...one, losses: one.losses.map(({ output, ...loss }) => ({ output: id(output), ...loss })) })) };
}
