/** From a text and, where there is one, its sentence vector to probabilities, labels' strengths and the dominant emotion. */

import { EMOTIONS, type EmotionName } from 'tara-gguf/plugin';
import { linearLogits } from './linear.js';
import type { EmotionModel, ReadingRule } from './model.js';
import { forward } from './network.js';
import { sigmoid, softmax } from './numbers.js';

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

const moodLogits = (map: EmotionModel['moodMap'], logits: readonly number[]): number[] =>
  map.map((row) => row.reduce((sum, weight, c) => sum + weight * (logits[c] ?? 1), 0));

function judged(logits: readonly number[], { slope, offset, thresholds }: ReadingRule): Pick<Estimate, 'probabilities' | 'strengths'> {
  const probabilities = logits.map((logit, c) => sigmoid((slope[c] ?? 1) * logit + (offset[c] ?? 0)));
  return { probabilities, strengths: probabilities.map((p, c) => p / (thresholds[c] ?? 1)) };
}

/** Null for a text without words. `vector` is the text's embedding by the model that the head was trained on. */
export function estimate(model: EmotionModel, text: string, vector?: Float32Array): Estimate | null {
  const words = linearLogits(model.linear, text);
  if (words === null) return null;
  const moods = softmax(moodLogits(model.moodMap, words));
  if (vector === undefined || model.head === null) return { ...judged(words, model.reading), moods };
  const sentence = forward(model.head.labels, vector);
  const felt = softmax(forward(model.head.mood, vector));
  return {
    ...judged(words.map((logit, c) => (logit + (sentence[c] ?? 0)) / 2), model.head.reading),
    moods: moods.map((mood, c) => mood * (1 - HEAD_SHARE) + (felt[c] ?? 0) * HEAD_SHARE),
  };
}

/** The mood with the largest probability. */
export function dominantOf(moods: readonly number[]): EmotionName | 'neutral' {
  const best = moods.indexOf(Math.max(...moods));
  return EMOTIONS[best] ?? 'neutral';
}
