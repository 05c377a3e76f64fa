/** Time limits for foreign code: waits no longer than told, and ignores what comes after. */

import { TaraError } from '../errors.js';

/** The longest delay setTimeout knows; a longer limit is none. */
const LONGEST_TIMER = 2 ** 31 - 1;

export interface Limit {
  /** Milliseconds; Infinity for none. */
  readonly ms: number;
  /** The error once the time is up. */
  readonly late: TaraError;
  /** The caller's own signal. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` with a signal that is aborted when the time is up or the caller aborts; rejects then
 * at once, and what the work still does or throws is ignored. A loop that never yields cannot be
 * ended from its own thread.
 */
export async function withLimit<T>(work: (signal: AbortSignal) => T | PromiseLike<T>, limit: Limit): Promise<T> {
  const { signal } = limit;
  if (signal?.aborted === true) throw new TaraError('TARA_ABORTED', {}, { cause: signal.reason });
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    const end = (error: TaraError) => {
      reject(error);
      controller.abort(error);
    };
    if (limit.ms <= LONGEST_TIMER) timer = setTimeout(() => end(limit.late), limit.ms);
    onAbort = () => end(new TaraError('TARA_ABORTED', {}, { cause: signal?.reason }));
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  try {
    // The loser of the race keeps a handler, so that its later rejection is no unhandled one.
    return await Promise.race([interrupted, (async () => work(controller.signal))()]);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}
