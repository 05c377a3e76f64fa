/**
 * Quality from types alone, for --fast. A file's divergence is taken as a sum over parts of the model: what a part weighs, times
 * the mean relative squared error of its weights in their types. Both were measured on one model (fit.ts), so ranks are worth more
 * than values.
 */

import type { BenchmarkTensor } from 'tara-gguf';
import { FIT } from './fit.js';

export interface Estimate {
  readonly kld: number;
  readonly topTokenAgreement: number;
}

export const ESTIMATE_NOTE = `estimated by a model fitted to ${FIT.measurements} measurements of ${FIT.model}, within a factor of ${FIT.factor.toFixed(1)} there and unknown elsewhere: nothing was measured on this model; leave out --fast to measure`;

export type Part = keyof typeof FIT.weights;

/** Relative squared error by type. */
type Errors = Readonly<Record<string, number>>;

/** Null for vectors, which stay as they are. */
export function partOf({ name, ne }: Pick<BenchmarkTensor, 'name' | 'ne'>): Part | null {
  if (ne.filter((n) => n > 1).length < 2) return null;
  if (/^(?:token_embd|output)\.weight$/.test(name)) return 'embedding';
  return name.includes('.attn_') ? 'attention' : 'other';
}

/** A type that was not fitted counts as one of its bits per weight: each bit quarters the squared error. */
const errorOf = (known: Errors, type: string, bits: number): number => known[type] ?? Math.min(1, 4 ** (1 - bits));

/** The mean relative squared error of each part's weights. */
export function partErrors(tensors: readonly BenchmarkTensor[], known: Errors = FIT.errors): Record<Part, number> {
  const sums = { embedding: [0, 0], attention: [0, 0], other: [0, 0] } satisfies Record<Part, [number, number]>;
  for (const tensor of tensors) {
    const part = partOf(tensor);
    if (part === null) continue;
    const elements = tensor.ne.reduce((product, n) => product * n, 1);
    sums[part][0] += elements * errorOf(known, tensor.type, (tensor.bytes * 8) / elements);
    sums[part][1] += elements;
  }
  const mean = ([error, elements]: readonly number[]): number => (elements ? (error ?? 0) / elements : 0);
  return { embedding: mean(sums.embedding), attention: mean(sums.attention), other: mean(sums.other) };
}

export function estimate(tensors: readonly BenchmarkTensor[]): Estimate {
  const errors = partErrors(tensors);
  const kld = (Object.keys(FIT.weights) as Part[]).reduce((sum, part) => sum + FIT.weights[part] * errors[part], 0);
  return { kld, topTokenAgreement: Math.max(0, 1 - FIT.disagreement * Math.sqrt(kld)) };
}
