/** The native side of an evaluation: scoring chunks, and a reference's distributions to compare with. */
import { nativeCall, startJob } from '../engine/jobs.js';
import { runnerOf } from '../engine/model.js';
import type { Model } from '../engine/index.js';
import type { Compared } from './evaluate-statistics.js';
import { rowsIn, type Excerpt } from './evaluate-text.js';
import type { ProgressOptions } from './evaluate-types.js';

/** Room for distributions over the vocabulary, each under the number of a scored token. */
export class Recording {
  readonly id: number;
  #forgotten: Promise<void> | undefined;

  /** `workFile`: must not exist; in memory when undefined. The room is taken at the first record. */
  constructor(rows: number, vocabulary: number, workFile?: string) {
    this.id = (nativeCall('measure.recording', { rows, vocabulary, workFile: workFile ?? '' }) as { recording: number }).recording;
  }

  /** Gives the room back; the same promise every time. */
  forget(): Promise<void> {
    return (this.#forgotten ??= startJob('measure.forget', { recording: this.id }).done.then(() => undefined));
  }
}

export const rowBytes = (vocabulary: number): number => 2 * vocabulary;

export interface ScoreOptions extends ProgressOptions {
  /** Where the distributions are kept. */
  readonly record?: Recording | undefined;
  /** What they are compared with. */
  readonly against?: Recording | undefined;
  /** The number of the excerpt's first scored token in them. Default 0. */
  readonly firstRow?: number | undefined;
}

/**
 * Scores the second half of each chunk; divergences and sameTop are empty without `against`. Rejects with TARA_LOGITS_INVALID,
 * TARA_MODEL_UNSUPPORTED, TARA_CONTEXT_FULL, TARA_OUT_OF_MEMORY, TARA_DECODE_FAILED, TARA_DISPOSED, TARA_ABORTED, and, while
 * it records, with TARA_DISK_FULL, TARA_FILE_EXISTS, TARA_WRITE_FAILED.
 */
export async function scoreExcerpt(model: Model, { tokens, chunkLength, chunks }: Excerpt, { record, against, firstRow = 0, signal, onProgress }: ScoreOptions): Promise<Compared> {
  const job = startJob('measure.evaluate', { runner: runnerOf(model), chunkLength, record: record?.id, against: against?.id, firstRow }, {
    blobs: [new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength)],
    signal,
    onProgress: (progress) => {
      const { done, total } = progress as { done: number; total: number };
      onProgress?.(done / total);
    },
  });
  // The job keeps the model: forgotten ones are closed, and this one is in use.
  const { data, blob } = await job.done.finally(() => model);
  const all = new Float64Array(blob ?? new ArrayBuffer(0));
  const rows = chunks * rowsIn(chunkLength);
  const [losses, divergences, sameTop] = [all.subarray(0, rows), all.subarray(rows, 2 * rows), all.subarray(2 * rows)];
  return { losses, divergences, sameTop, bytes: (data as { bytes: number }).bytes };
}
