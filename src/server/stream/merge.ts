/** Several streams as one, in the order in which things arrive. */

export interface Indexed<T> {
  readonly index: number;
  readonly value: T;
}

/** Ends when all have ended; an error of one ends all, and so does leaving the loop. */
export async function* merge<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<Indexed<T>, void, undefined> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const pending = new Map<number, Promise<{ readonly index: number; readonly result: IteratorResult<T> }>>();
  const ask = (index: number) => {
    const next = iterators[index]?.next();
    if (next) pending.set(index, next.then((result) => ({ index, result })));
  };
  try {
    iterators.forEach((_, index) => ask(index));
    while (pending.size > 0) {
      const { index, result } = await Promise.race(pending.values());
      pending.delete(index);
      if (result.done === true) continue;
      ask(index);
      yield { index, value: result.value };
    }
  } finally {
    for (const waiting of pending.values()) waiting.catch(() => undefined);
    // Not waited for: one that waits for its next token ends when its request's signal fires.
    for (const iterator of iterators) iterator.return?.()?.catch(() => undefined);
  }
}
