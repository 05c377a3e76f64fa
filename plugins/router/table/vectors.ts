/**
 * Nearest examples by sentence embedding. Vectors are compared after the mean of all examples is taken away and the
 * rest scaled to length 1 again: what all utterances share says nothing (Mu and Viswanath, "All-but-the-top", 2018).
 */

import { createBest, type Nearest } from './nearest.js';

/** Examples of a domain that its similarity is the mean of. */
const NEIGHBOURS = 5;
/** Beyond this many domains, only those with the nearest means are compared example by example. */
const COMPARED = 32;
/** Of a domain that was not compared: farther than any. */
const FAR = -1;

export interface ExampleVectors {
  readonly dimensions: number;
  /** Cosines, -1..1, of a vector of the embedder against the nearest examples of each domain. */
  nearest(vector: Float32Array): Nearest;
}

/** Dot product of `length` numbers; four sums keep the processor busy. Taking them from one array would cost more than the products. */
function dot(a: Float32Array, aBegin: number, b: Float32Array, bBegin: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += (a[aBegin + i] as number) * (b[bBegin + i] as number);
    s1 += (a[aBegin + i + 1] as number) * (b[bBegin + i + 1] as number);
    s2 += (a[aBegin + i + 2] as number) * (b[bBegin + i + 2] as number);
    s3 += (a[aBegin + i + 3] as number) * (b[bBegin + i + 3] as number);
  }
  for (; i < length; i += 1) s0 += (a[aBegin + i] as number) * (b[bBegin + i] as number);
  return s0 + s1 + s2 + s3;
}

function scaleToOne(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, 0, vector, 0, vector.length)) || 1;
  for (let i = 0; i < vector.length; i += 1) vector[i] = (vector[i] ?? 0) / length;
  return vector;
}

function meanOf(rows: readonly Float32Array[], dimensions: number): Float32Array {
  const mean = new Float32Array(dimensions);
  for (const row of rows) for (let i = 0; i < dimensions; i += 1) mean[i] = (mean[i] ?? 0) + (row[i] ?? 0) / rows.length;
  return mean;
}

/** Examples that `none` keeps, whatever others claim. */
const NONE_LEAST = 20;

export interface VectorRows {
  /** A vector of the embedder for each example, those of a domain beside each other. */
  readonly rows: readonly Float32Array[];
  /** Domain of each; the last domain is `none`. */
  readonly owners: Int32Array;
  readonly domains: number;
  /** Domains that `none` gives way to: an example of it that is nearer to one of these than to its own mean does not count. */
  readonly added: readonly number[];
}

export function buildVectors({ rows, owners, domains, added }: VectorRows): ExampleVectors {
  const none = domains - 1;
  const dimensions = rows[0]?.length ?? 0;
  const common = meanOf(rows, dimensions);
  const centred = (vector: Float32Array) => {
    const rest = new Float32Array(dimensions);
    for (let i = 0; i < dimensions; i += 1) rest[i] = (vector[i] ?? 0) - (common[i] ?? 0);
    return scaleToOne(rest);
  };
  const matrix = new Float32Array(rows.length * dimensions);
  rows.forEach((row, at) => matrix.set(centred(row), at * dimensions));
  /** First row of each domain, and the number of rows. */
  const begins = new Int32Array(domains + 1);
  for (const owner of owners) begins[owner + 1] = (begins[owner + 1] ?? 0) + 1;
  for (let domain = 1; domain <= domains; domain += 1) begins[domain] = (begins[domain] ?? 0) + (begins[domain - 1] ?? 0);
  const means = new Float32Array(domains * dimensions);
  for (let domain = 0; domain < domains; domain += 1) {
    const own = Array.from({ length: (begins[domain + 1] ?? 0) - (begins[domain] ?? 0) }, (_, i) => matrix.subarray(((begins[domain] ?? 0) + i) * dimensions, ((begins[domain] ?? 0) + i + 1) * dimensions));
    if (own.length > 0) means.set(scaleToOne(meanOf(own, dimensions)), domain * dimensions);
  }
  const toMean = (row: number, domain: number) => dot(matrix, row * dimensions, means, domain * dimensions, dimensions);
  const claimed = new Set<number>();
  for (let row = begins[none] ?? 0; row < rows.length - NONE_LEAST; row += 1) if (added.some((domain) => toMean(row, domain) > toMean(row, none))) claimed.add(row);

  /** How near a domain's mean must be for its examples to be compared. */
  function leastOf(near: Float64Array): number {
    return domains <= COMPARED ? Number.NEGATIVE_INFINITY : (near.slice().sort()[domains - COMPARED] ?? 0);
  }

  return {
    dimensions,
    nearest(vector) {
      const query = centred(vector);
      const best = createBest(domains, NEIGHBOURS);
      const near = new Float64Array(domains);
      for (let domain = 0; domain < domains; domain += 1) near[domain] = dot(query, 0, means, domain * dimensions, dimensions);
      const least = leastOf(near);
      for (let domain = 0; domain < domains; domain += 1) {
        if ((near[domain] ?? 0) < least && domain !== none) continue;
        for (let row = begins[domain] ?? 0; row < (begins[domain + 1] ?? 0); row += 1) if (!claimed.has(row)) best.offer(domain, row, dot(query, 0, matrix, row * dimensions, dimensions));
      }
      return best.mean(FAR);
    },
  };
}
