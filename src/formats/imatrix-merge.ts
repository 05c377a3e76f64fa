/** Importance matrices together, as if their texts had been read one after the other. */
import { TaraError } from '../errors.js';
import type { ImatrixData, ImatrixEntry } from './imatrix.js';
import { oneLine } from './one-line.js';

interface Total {
  readonly sums: Float64Array;
  readonly counts: Float64Array;
}

/** Tokens of a chunk where no matrix says. */
const CHUNK = 512;

/** The shorter one is repeated. */
function plus(a: Float64Array, b: Float32Array): Float64Array {
  const sum = new Float64Array(Math.max(a.length, b.length));
  for (let index = 0; index < sum.length; index++) sum[index] = (a[index % a.length] ?? 0) + (b[index % b.length] ?? 0);
  return sum;
}

/** A count for the whole weight counts for each of its experts. */
const sameShape = (a: Total, { sums, counts }: ImatrixEntry): boolean =>
  a.sums.length === sums.length && (a.counts.length === counts.length || a.counts.length === 1 || counts.length === 1);

function total(parts: readonly ImatrixData[]): Map<string, Total> {
  const totals = new Map<string, Total>();
  for (const { source, entries } of parts) {
    for (const [name, entry] of entries) {
      const before = totals.get(name);
      if (before && !sameShape(before, entry)) {
        const reason = `${oneLine(name)} has ${entry.sums.length} values for ${entry.counts.length} counts, before it had ${before.sums.length} for ${before.counts.length}: it is of another model`;
        throw new TaraError('TARA_IMATRIX_INVALID', { path: source, reason });
      }
      totals.set(name, before ? { sums: plus(before.sums, entry.sums), counts: plus(before.counts, entry.counts) } : { sums: Float64Array.from(entry.sums), counts: Float64Array.from(entry.counts) });
    }
  }
  return totals;
}

/** Chunks that were read: the weight that was multiplied most often knows. */
export function imatrixChunks(entries: ImatrixData['entries'], chunkSize: number): number {
  let most = 0;
  for (const { counts } of entries.values()) for (const count of counts) most = Math.max(most, count);
  return Math.floor(most / chunkSize);
}

/** Sums of sums and of counts, in double. The first chunk size holds for all. Throws TARA_IMATRIX_INVALID where two disagree about a weight. */
export function mergeImatrix(parts: readonly ImatrixData[]): ImatrixData {
  const entries = new Map([...total(parts)].map(([name, { sums, counts }]) => [name, { sums: Float32Array.from(sums), counts: Float32Array.from(counts) }]));
  const chunkSize = parts.find((part) => part.chunkSize > 0)?.chunkSize ?? CHUNK;
  return { source: parts.map(({ source }) => source).join(' + '), entries, datasets: parts.flatMap(({ datasets }) => datasets), chunkSize, chunks: imatrixChunks(entries, chunkSize) };
}
