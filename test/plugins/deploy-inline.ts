/** The deploy plugin's long work in this thread, from the sources. */
import { TaraError } from '../../src/errors.js';
import type { Workers } from '../../src/kernel/services.js';
import type { PoolTask } from '../../src/workers/index.js';
import { createWork } from '../../plugins/deploy/work.js';
import copy from '../../plugins/deploy/tasks/copy.js';
import hash from '../../plugins/deploy/tasks/hash.js';

const TASKS = { copy, hash } as Readonly<Record<string, PoolTask<never, unknown>>>;

export const inlineWorkers: Workers = {
  threads: 1,
  async runInPool<Output>(module: string | URL, input: unknown, { signal }: { signal?: AbortSignal | undefined } = {}) {
    const task = TASKS[/(\w+)\.js$/.exec(String(module))?.[1] ?? ''] as PoolTask<unknown, Output>;
    return task(input, { check: () => { if (signal?.aborted) throw new TaraError('TARA_ABORTED'); } });
  },
};

export const inlineWork = createWork(inlineWorkers);
