/** The worker side of the pool: loads a task's module, runs it, and answers with data, never with a thrown error. */
import { asTaraError, TaraError } from '../errors.js';
import type { PoolAnswer, PoolMessage, PoolTask } from './pool.js';

export default async function entry({ module, input, cancelled }: PoolMessage): Promise<PoolAnswer> {
  const check = () => {
    if (Atomics.load(cancelled, 0) === 1) throw new TaraError('TARA_ABORTED');
  };
  try {
    check();
    const task = (await import(module)) as { default: PoolTask<unknown, unknown> };
    return { ok: true, output: await task.default(input, { check }) };
  } catch (thrown) {
    const { code, fields } = asTaraError(thrown);
    return { ok: false, error: { code, fields } };
  }
}
