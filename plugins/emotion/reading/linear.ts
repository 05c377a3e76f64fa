/** Tier (a): a linear model over hashed n-grams, four bits a weight. No file but its own, under 0.3 ms a text. */

import { features, type Features } from './features.js';

/** Values that a weight can have. */
export const LEVELS_OF_WEIGHT = 16;

export interface LinearWeights {
  readonly buckets: number;
  /** buckets x outputs numbers of levels, outputs innermost; the first of two is the low half of a byte. */
  readonly bytes: Uint8Array;
  /** For each output the values that its weights can have. */
  readonly levels: readonly (readonly number[])[];
  readonly bias: readonly number[];
}

/** Bytes of a table of weights. */
export const tableBytes = ({ buckets, outputs }: { readonly buckets: number; readonly outputs: number }): number => Math.ceil((buckets * outputs) / 2);

export function logitsOf({ bytes, levels, bias }: LinearWeights, { buckets, values }: Features): number[] {
  const sums = Float64Array.from(bias);
  for (let k = 0; k < buckets.length; k += 1) {
    const at = (buckets[k] ?? 0) * sums.length;
    const value = values[k] ?? 0;
    for (let c = 0; c < sums.length; c += 1) {
      const place = at + c;
      const level = ((bytes[place >> 1] ?? 0) >> ((place & 1) << 2)) & 15;
      sums[c] = (sums[c] ?? 0) + (levels[c]?.[level] ?? 0) * value;
    }
  }
  return Array.from(sums);
}

/** Log-odds of each output; null for a text without words. */
export function linearLogits(weights: LinearWeights, text: string): number[] | null {
  const found = features(text, weights.buckets);
  return found.buckets.length === 0 || found.values[0] === 0 ? null : logitsOf(weights, found);
}
