/**
 * How well a text's content fits each domain, as probabilities: a multinomial logit over the nearest examples and the
 * weighted keywords, in which `none` competes as one more domain (McFadden, 1974). Its few weights are fitted by route-fit.
 */

import type { KeywordMatches } from '../table/keywords.js';
import type { Nearest } from '../table/nearest.js';

/** Long texts hit more keywords by chance: beyond this many words evidence is scaled down by the square root. */
const SHORT_TEXT = 25;
/** Similarity of a text to the examples of its domain, more or less. */
const TYPICAL = 0.35;
/** Logit of a domain that nothing speaks for. */
const NOTHING = -30;

/** What one unit of each signal adds to a domain's logit. */
export interface ContentModel {
  /** Of the similarity to the nearest examples. */
  readonly similarity: number;
  /** Of the keywords, 0..1. */
  readonly keywords: number;
  /** For `none`, always. */
  readonly none: number;
  /** For `none`, times how far the nearest domain is from similarity 1. */
  readonly doubt: number;
}

/** The signals of one text, `none` last in each. */
export interface Signals {
  readonly similarity: Float64Array;
  readonly keywords: Float64Array;
}

/** `bare`: domains without examples, whose keywords then speak for both. */
export function signalsOf({ sums }: KeywordMatches, { values }: Nearest, words: number, bare: readonly number[]): Signals {
  const scale = Math.sqrt(SHORT_TEXT / Math.max(SHORT_TEXT, words));
  const keywords = new Float64Array(sums.length);
  for (let domain = 0; domain < sums.length; domain += 1) if (sums[domain] !== 0) keywords[domain] = 1 - Math.exp(-(sums[domain] ?? 0) * scale);
  const similarity = Float64Array.from(values);
  for (const domain of bare) similarity[domain] = Math.max(similarity[domain] ?? 0, TYPICAL * (keywords[domain] ?? 0));
  return { similarity, keywords };
}

/** Logits of the domains `among`, then of `none`, plus `extra` by domain. */
export function logitsOf({ similarity, keywords }: Signals, model: ContentModel, among: readonly number[], extra?: ReadonlyMap<number, number>): Float64Array {
  const none = similarity.length - 1;
  let nearest = 0;
  const logitOf = (domain: number) => model.similarity * (similarity[domain] ?? 0) + model.keywords * (keywords[domain] ?? 0) + (extra?.get(domain) ?? 0);
  const logits = new Float64Array(among.length + 1);
  for (let i = 0; i < among.length; i += 1) {
    const domain = among[i] ?? -1;
    const near = similarity[domain] ?? 0;
    nearest = Math.max(nearest, near);
    logits[i] = near <= 0 && (keywords[domain] ?? 0) <= 0 && !extra?.has(domain) ? NOTHING : logitOf(domain);
  }
  logits[among.length] = logitOf(none) + model.none + model.doubt * (1 - nearest);
  return logits;
}

export function softmax(logits: Float64Array): Float64Array {
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of logits) largest = Math.max(largest, value);
  const shares = new Float64Array(logits.length);
  let total = 0;
  for (let i = 0; i < shares.length; i += 1) total += shares[i] = Math.exp((logits[i] ?? 0) - largest);
  for (let i = 0; i < shares.length; i += 1) shares[i] = (shares[i] ?? 0) / total;
  return shares;
}
