/** What the tasks that read whole files share. */

export const CHUNK = 2 << 20;

/** Eight bytes that a task counts in and its caller reads meanwhile. */
export type Counter = SharedArrayBuffer;

export const newCounter = (): Counter => new SharedArrayBuffer(8);
export const countOf = (counter: Counter): number => Number(Atomics.load(new BigUint64Array(counter), 0));
