/** How well a text's content fits a domain: keywords and the nearest examples, as one number 0..1. */

import type { Profile } from './table.js';
import type { Vector } from './similarity.js';

/** Similarity below this is chance. */
const SIMILARITY_FLOOR = 0.12;
const SIMILARITY_GAIN = 2.5;
/** Long texts hit more keywords by chance: beyond this many words evidence is scaled down by the square root. */
const SHORT_TEXT = 25;

export interface ContentScore {
  /** 0..1 */
  readonly value: number;
  /** The weight behind it; unbounded. */
  readonly evidence: number;
  readonly keywords: readonly string[];
  readonly similarity: number;
  readonly nearest: string | null;
}

export function scoreContent(profile: Profile, words: readonly string[], vector: Vector): ContentScore {
  const { sum, found } = profile.keywords.match(words);
  const { value: similarity, nearest } = profile.examples.similarity(vector);
  const scale = Math.sqrt(SHORT_TEXT / Math.max(SHORT_TEXT, words.length));
  const evidence = sum * scale + SIMILARITY_GAIN * Math.max(0, similarity - SIMILARITY_FLOOR);
  return {
    value: 1 - Math.exp(-evidence),
    evidence,
    keywords: found.slice(0, 8).map(({ term }) => term),
    similarity,
    nearest: similarity > SIMILARITY_FLOOR ? (profile.utterances[nearest] ?? null) : null,
  };
}
