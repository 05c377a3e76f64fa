/** The nearest few examples of each domain, while similarities come in. */

export interface Nearest {
  /** How near each domain is. */
  readonly values: Float64Array;
  /** Its nearest example, -1 where none was offered. */
  readonly rows: Int32Array;
}

export interface Best {
  offer(domain: number, row: number, value: number): void;
  /** The sum of each domain's best values, times the shares, of which a missing value gets nothing. */
  weighted(shares: readonly number[]): Nearest;
  /** The mean of each domain's best values; `empty` where there is none. */
  mean(empty: number): Nearest;
}

/** Keeps the `depth` largest values of each domain. */
export function createBest(domains: number, depth: number): Best {
  const values = new Float64Array(domains * depth).fill(Number.NEGATIVE_INFINITY);
  const rows = new Int32Array(domains).fill(-1);
  const collect = (valueOf: (begin: number) => number): Nearest => {
    const found = new Float64Array(domains);
    for (let domain = 0; domain < domains; domain += 1) found[domain] = valueOf(domain * depth);
    return { values: found, rows };
  };
  return {
    offer(domain, row, value) {
      const begin = domain * depth;
      let at = begin + depth - 1;
      if (value <= (values[at] ?? 0)) return;
      for (; at > begin && (values[at - 1] ?? 0) < value; at -= 1) values[at] = values[at - 1] ?? 0;
      values[at] = value;
      if (at === begin) rows[domain] = row;
    },
    weighted: (shares) =>
      collect((begin) => shares.reduce((sum, share, i) => sum + share * Math.max(0, values[begin + i] ?? 0), 0)),
    mean: (empty) =>
      collect((begin) => {
        let [sum, count] = [0, 0];
        for (; count < depth && (values[begin + count] ?? 0) > Number.NEGATIVE_INFINITY; count += 1) sum += values[begin + count] ?? 0;
        return count === 0 ? empty : sum / count;
      }),
  };
}
