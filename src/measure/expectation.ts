/** How often a model expects each token of its vocabulary in texts of a kind. */
import type { Model } from '../engine/index.js';
import { startJob } from '../engine/jobs.js';
import { runnerOf } from '../engine/model.js';
import type { ProgressOptions } from './evaluate-types.js';
import { joined, shareOf } from './sequences.js';

/**
 * For each token the sum of the probabilities that the model gives it as the next one, over all positions of the sequences: tokens
 * that the texts do not hold, but that others of their kind may, count too. The same sequences give the same sums, with any number of
 * threads. Rejects with TARA_ABORTED, TARA_CONTEXT_FULL, TARA_LOGITS_INVALID, TARA_PROMPT_EMPTY, TARA_MODEL_UNSUPPORTED.
 */
export async function expectedTokens(model: Model, sequences: readonly Int32Array[], { signal, onProgress }: ProgressOptions = {}): Promise<Float64Array> {
  const job = startJob('measure.expectation', { runner: runnerOf(model), lengths: sequences.map(({ length }) => length) }, { blobs: [joined(sequences)], signal, onProgress: shareOf(onProgress) });
  // The job keeps the model: forgotten ones are closed, and this one is in use.
  const { blob } = await job.done.finally(() => model);
  return new Float64Array(blob ?? new ArrayBuffer(0));
}
