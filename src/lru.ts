/** A cache of the last used entries, each for a limited time, that counts its hits. */

export interface CacheStats {
  readonly hits: number;
  readonly misses: number;
  readonly size: number;
}

export interface Lru<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
  stats(): CacheStats;
}

export interface LruOptions {
  /** No entry is kept when 0. */
  readonly entries: number;
  readonly ttlMs: number;
  /** Milliseconds, rising; for tests. */
  readonly now?: () => number;
}

export function createLru<Value>({ entries, ttlMs, now = () => performance.now() }: LruOptions): Lru<Value> {
  /** In order of use, the last used at the end. */
  const known = new Map<string, { readonly value: Value; readonly until: number }>();
  let [hits, misses] = [0, 0];
  return {
    get(key) {
      const entry = known.get(key);
      known.delete(key);
      if (entry === undefined || entry.until <= now()) {
        misses += 1;
        return undefined;
      }
      known.set(key, entry);
      hits += 1;
      return entry.value;
    },
    set(key, value) {
      known.delete(key);
      known.set(key, { value, until: now() + ttlMs });
      if (known.size > entries) known.delete(known.keys().next().value ?? '');
    },
    stats: () => ({ hits, misses, size: known.size }),
  };
}
