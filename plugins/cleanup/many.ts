/** Several folders at once: as many as there are cores, one progress bar each; one that fails does not stop the others. */
import { availableParallelism } from 'node:os';
import { asTaraError, TaraError, type OnProgress, type ProgressSink } from 'tara-gguf/plugin';
import type { FullReport } from './report.js';

export interface Job {
  /** For the progress bar. */
  readonly name: string;
  readonly path: string;
  readonly outputPath?: string;
  readonly inPlace?: boolean;
}

export type Result = { readonly job: Job; readonly report: FullReport } | { readonly job: Job; readonly error: TaraError };

interface Context {
  readonly signal: AbortSignal;
  progress(label: string): ProgressSink;
}

/** Results in the order of the jobs. A single job's failure is thrown; so is TARA_ABORTED. */
export async function cleanMany(jobs: readonly Job[], run: (job: Job, onProgress: OnProgress) => Promise<FullReport>, { signal, progress }: Context): Promise<Result[]> {
  const results: Result[] = [];
  const queue = jobs.entries();
  const next = async (): Promise<void> => {
    for (const [index, job] of queue) {
      const bar = progress(jobs.length === 1 ? 'clean' : job.name);
      try {
        results[index] = { job, report: await run(job, (fraction, detail) => bar.report(fraction, detail)) };
      } catch (thrown) {
        if (jobs.length === 1) throw thrown;
        results[index] = { job, error: asTaraError(thrown) };
      } finally {
        bar.done();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs.length, availableParallelism()) }, next));
  if (signal.aborted) throw new TaraError('TARA_ABORTED');
  return results;
}
