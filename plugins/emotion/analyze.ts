/** One text in, its analysis out: the model's probabilities, labels, dominant emotion, intensity and valence. */

import { EMOTIONS, type EmotionAnalysis, type EmotionName } from 'tara-gguf/plugin';
import { detectCrisis } from './crisis.js';
import { looksEnglish } from './language.js';
import type { EmotionModel } from './model.js';
import { clip } from './text.js';

/** The capability's analysis, and whether the model could read the text at all. */
export interface Reading extends EmotionAnalysis {
  /** No words, or another language than English: the emotions are unknown, not absent. */
  readonly uncertain: boolean;
}

/** Pleasantness of each emotion, in the order of EMOTIONS. */
const VALENCE = [1, 0.6, -0.8, 0, -0.9, -0.9, -0.9, 0.2] as const;

const STRONG = /\b(?:so|very|really|extremely|incredibly|absolutely|totally|utterly|completely|terribly|never|ever|worst|best|hate|love|furious|terrified|devastated|thrilled|disgusting|desperate|furiously|beyond|whole life|heart is broken)\b/g;
const WEAK = /\b(?:a bit|a little|bit|slightly|somewhat|mildly|kind of|sort of|kinda|fairly|pretty|rather|quite|not too|nothing serious|small|minor)\b/g;
const CAPITALS = /\b[A-Z]{3,}\b/g;

/** Strength of the wording, -1 .. 1: intensifiers, capitals and exclamation marks against downtoners. */
function wording(text: string): number {
  const lower = text.toLowerCase();
  const count = (pattern: RegExp, of: string, most: number) => Math.min(most, of.match(pattern)?.length ?? 0);
  const up = count(STRONG, lower, 2) * 0.35 + count(/!/g, text, 3) * 0.2 + count(CAPITALS, text, 2) * 0.2;
  return Math.max(-1, Math.min(1, up - count(WEAK, lower, 2) * 0.5));
}

const clamp = (value: number) => Math.max(0, Math.min(1, value));
const round = (value: number) => Math.round(value * 1e4) / 1e4;

/** Never throws. Texts longer than two ends of TEXT_END are read at both ends, except for the crisis rules, which read all. */
export async function analyze(model: EmotionModel, text: string): Promise<Reading> {
  const crisis = await detectCrisis(text);
  const part = clip(text);
  const known = looksEnglish(part) ? model.probabilities(part) : null;
  const probabilities = known ?? EMOTIONS.map(() => 0);
  const emotions = Object.fromEntries(EMOTIONS.map((name, c) => [name, round(probabilities[c] ?? 0)])) as Record<EmotionName, number>;
  // Emotions differ in how often they occur, so strength is the probability against the emotion's own threshold.
  const ranked = EMOTIONS.map((name, c) => ({ name, strength: (probabilities[c] ?? 0) / (model.thresholds[c] ?? 1) })).sort((a, b) => b.strength - a.strength);
  const labels = ranked.filter(({ strength }) => strength >= 1).map(({ name }) => name);
  const total = probabilities.reduce((sum, p) => sum + p, 0);
  const valence = probabilities.reduce((sum, p, c) => sum + p * (VALENCE[c] ?? 0), 0) / Math.max(1, total);
  const strongest = Math.max(...probabilities);
  const base = labels.length === 0 ? strongest * 0.5 : 0.3 + 0.4 * strongest;
  const intensity = known === null ? 0 : clamp(base + (labels.length === 0 ? 0.1 : 0.3) * wording(part));
  return { text, dominant: labels[0] ?? 'neutral', labels, emotions, intensity: round(intensity), valence: round(valence), crisis, uncertain: known === null };
}
