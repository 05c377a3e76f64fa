/** One text in, its analysis out: the models' probabilities, labels, dominant emotion, intensity, valence and crisis level. */

import { EMOTIONS, type EmotionAnalysis, type EmotionName } from 'tara-gguf/plugin';
import { detectCrisis } from '../crisis/detect.js';
import { dominantOf, estimate, type Estimate } from './estimate.js';
import { looksEnglish } from './language.js';
import type { EmotionModel } from './model.js';
import { clip } from './text.js';
import { wording } from './wording.js';

/** The capability's analysis, and whether the model could read the text at all. */
export interface Reading extends EmotionAnalysis {
  /** No words, or another language than English: the emotions are unknown, not absent. */
  readonly uncertain: boolean;
}

/** Pleasantness of each emotion, in the order of EMOTIONS; of neutral 0. */
const VALENCE = [1, 0.6, -0.8, 0, -0.9, -0.9, -0.9, 0.2] as const;

const clamp = (value: number) => Math.max(0, Math.min(1, value));
const round = (value: number) => Math.round(value * 1e4) / 1e4;

/** All emotions that reach their threshold, the dominant one first, then by strength. */
function labelsOf({ strengths }: Estimate, dominant: EmotionName | 'neutral'): EmotionName[] {
  const rank = (name: EmotionName, c: number) => (name === dominant ? Infinity : (strengths[c] ?? 0));
  return EMOTIONS.map((name, c) => ({ name, strength: strengths[c] ?? 0, rank: rank(name, c) }))
    .filter(({ strength }) => strength >= 1)
    .sort((a, b) => b.rank - a.rank)
    .map(({ name }) => name);
}

/**
 * Never throws. `vector` is the text's embedding by the model of the head. Texts longer than two ends of TEXT_END are
 * read at both ends, except for the crisis rules, which read all.
 */
export async function analyze(model: EmotionModel, text: string, vector?: Float32Array): Promise<Reading> {
  const crisis = await detectCrisis(text, model, vector);
  const part = clip(text);
  const found = looksEnglish(part) ? estimate(model, part, vector) : null;
  if (found === null) {
    const none = Object.fromEntries(EMOTIONS.map((name) => [name, 0])) as Record<EmotionName, number>;
    return { text, dominant: 'neutral', labels: [], emotions: none, intensity: 0, valence: 0, crisis, uncertain: true };
  }
  const { probabilities, moods } = found;
  const dominant = dominantOf(moods);
  const felt = 1 - (moods[EMOTIONS.length] ?? 0);
  const intensity = dominant === 'neutral' ? 0.25 * felt : 0.3 + 0.35 * felt + 0.3 * wording(part);
  return {
    text,
    dominant,
    labels: labelsOf(found, dominant),
    emotions: Object.fromEntries(EMOTIONS.map((name, c) => [name, round(probabilities[c] ?? 0)])) as Record<EmotionName, number>,
    intensity: round(clamp(intensity)),
    valence: round(EMOTIONS.reduce((sum, _, c) => sum + (moods[c] ?? 0) * (VALENCE[c] ?? 0), 0)),
    crisis,
    uncertain: false,
  };
}
