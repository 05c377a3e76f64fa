/** From a text and, where there is one, its sentence vector to probabilities, labels' strengths and the dominant emotion. */

import { EMOTIONS, type EmotionName } from 'tara-gguf/plugin';
import { linearLogits } from './linear.js';
import type { EmotionModel, ReadingRule } from './model.js';
import { forward } from './network.js';
import { logOdds, sigmoid, softmax } from './numbers.js';

const CLASSES = EMOTIONS.length;

export interface Estimate {
  /** Calibrated, in the order of EMOTIONS. */
  readonly probabilities: readonly number[];
  /** Probability against the emotion's threshold: from 1 on it is a label. */
  readonly strengths: readonly number[];
  /** Probability of each emotion, then of neutral, to be the one that a reader would name; they sum to 1. */
  readonly moods: readonly number[];
}

/** How much tier (b) counts where both say what dominates: n-grams see little of what stands between the lines. */
const HEAD_SHARE = 0.75;

/** What the experts say of a text together. */
export interface Mixture {
  readonly probabilities: readonly number[];
  /** Share of each expert: how far the text is written as its corpus is. */
  readonly gate: readonly number[];
}

/** The experts' probabilities, weighed by the gate. */
export function mixture(rule: Pick<ReadingRule, 'words' | 'sentence' | 'offset'>, experts: number, words: ArrayLike<number>, sentence?: ArrayLike<number>): Mixture {
  const heard = rule.words.map((weight, o) => weight * (words[o] ?? 0) + (rule.sentence[o] ?? 0) * (sentence?.[o] ?? 0) + (rule.offset[o] ?? 0));
  const gate = softmax(heard.slice(experts * CLASSES));
  return { gate, probabilities: EMOTIONS.map((_, c) => gate.reduce((sum, share, e) => sum + share * sigmoid(heard[e * CLASSES + c] ?? 0), 0)) };
}

/** Probability of emotion `c` against the experts' thresholds, weighed as the probability is. */
export const strengthOf = ({ probabilities, gate }: Mixture, thresholds: ReadingRule['thresholds'], c: number): number =>
  (probabilities[c] ?? 0) / gate.reduce((sum, share, e) => sum + share * (thresholds[e]?.[c] ?? 1), 0);

/** Of each mood, from the probabilities of the eight. */
export const moodsOf = (map: EmotionModel['moodMap'], probabilities: readonly number[]): number[] =>
  softmax(map.map((row) => row.reduce((sum, weight, c) => sum + weight * (c < CLASSES ? logOdds(probabilities[c] ?? 0) : 1), 0)));

/** Null for a text without words. `vector` is what the model that the head was trained on makes of the text, at DEPTHS too. */
export function estimate({ experts, linear, moodMap, reading, head }: EmotionModel, text: string, vector?: Float32Array): Estimate | null {
  const words = linearLogits(linear, text);
  if (words === null) return null;
  const estimated = (said: Mixture, { thresholds }: ReadingRule, moods: readonly number[]): Estimate => ({
    probabilities: said.probabilities,
    strengths: EMOTIONS.map((_, c) => strengthOf(said, thresholds, c)),
    moods,
  });
  const alone = mixture(reading, experts, words);
  const moods = moodsOf(moodMap, alone.probabilities);
  if (vector === undefined || head === null) return estimated(alone, reading, moods);
  const felt = softmax(forward(head.mood, vector));
  return estimated(
    mixture(head.reading, experts, words, forward(head.labels, vector)),
    head.reading,
    moods.map((mood, c) => mood * (1 - HEAD_SHARE) + (felt[c] ?? 0) * HEAD_SHARE),
  );
}

/** The mood with the largest probability. */
export function dominantOf(moods: readonly number[]): EmotionName | 'neutral' {
  const best = moods.indexOf(Math.max(...moods));
  return EMOTIONS[best] ?? 'neutral';
}
