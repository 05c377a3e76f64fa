/** Tier (a): a linear model over hashed n-grams, int8. No file but its own, under 0.3 ms a text. */

import { features, type Features } from './features.js';

export interface LinearWeights {
  readonly buckets: number;
  /** buckets x outputs, outputs innermost. */
  readonly bytes: Int8Array;
  /** Value of one int8 step, for each output. */
  readonly scales: readonly number[];
  readonly bias: readonly number[];
}

export function logitsOf({ bytes, scales, bias }: LinearWeights, { buckets, values }: Features): number[] {
  const outputs = bias.length;
  const sums = new Float64Array(outputs);
  for (let k = 0; k < buckets.length; k += 1) {
    const at = (buckets[k] ?? 0) * outputs;
    const value = values[k] ?? 0;
    for (let c = 0; c < outputs; c += 1) sums[c] = (sums[c] ?? 0) + (bytes[at + c] ?? 0) * value;
  }
  return Array.from(sums, (sum, c) => sum * (scales[c] ?? 0) + (bias[c] ?? 0));
}

/** Log-odds of each output; null for a text without words. */
export function linearLogits(weights: LinearWeights, text: string): number[] | null {
  const found = features(text, weights.buckets);
  return found.buckets.length === 0 || found.values[0] === 0 ? null : logitsOf(weights, found);
}
