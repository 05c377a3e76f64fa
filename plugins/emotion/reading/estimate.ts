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

/** Probability of each emotion: what each expert says, weighed by the gate. */
export function mixture(rule: Pick<ReadingRule, 'words' | 'sentence' | 'offset'>, experts: number, words: ArrayLike<number>, sentence?: ArrayLike<number>): number[] {
  const heard = rule.words.map((weight, o) => weight * (words[o] ?? 0) + (rule.sentence[o] ?? 0) * (sentence?.[o] ?? 0) + (rule.offset[o] ?? 0));
  const gate = softmax(heard.slice(experts * CLASSES));
  return EMOTIONS.map((_, c) => gate.reduce((sum, share, e) => sum + share * sigmoid(heard[e * CLASSES + c] ?? 0), 0));
}

/** Of each mood, from the probabilities of the eight. */
export const moodsOf = (map: EmotionModel['moodMap'], probabilities: readonly number[]): number[] =>
  softmax(map.map((row) => row.reduce((sum, weight, c) => sum + weight * (c < CLASSES ? logOdds(probabilities[c] ?? 0) : 1), 0)));

const strengthsOf = (probabilities: readonly number[], { thresholds }: ReadingRule) => probabilities.map((p, c) => p / (thresholds[c] ?? 1));

/** Null for a text without words. `vector` is the text's embedding by the model that the head was trained on. */
export function estimate({ experts, linear, moodMap, reading, head }: EmotionModel, text: string, vector?: Float32Array): Estimate | null {
  const words = linearLogits(linear, text);
  if (words === null) return null;
  const alone = mixture(reading, experts, words);
  const moods = moodsOf(moodMap, alone);
  if (vector === undefined || head === null) return { probabilities: alone, strengths: strengthsOf(alone, reading), moods };
  const both = mixture(head.reading, experts, words, forward(head.labels, vector));
  const felt = softmax(forward(head.mood, vector));
  return {
    probabilities: both,
    strengths: strengthsOf(both, head.reading),
    moods: moods.map((mood, c) => mood * (1 - HEAD_SHARE) + (felt[c] ?? 0) * HEAD_SHARE),
  };
}

/** The mood with the largest probability. */
export function dominantOf(moods: readonly number[]): EmotionName | 'neutral' {
  const best = moods.indexOf(Math.max(...moods));
  return EMOTIONS[best] ?? 'neutral';
}
