/** Which words carried a decision: each is left out in turn, and what dominates is asked again (occlusion). */

import { EMOTIONS, type EmotionName } from 'tara-gguf/plugin';
import { dominantOf, estimate } from './estimate.js';
import { looksEnglish } from './language.js';
import type { EmotionModel } from './model.js';
import { clip } from './text.js';
import type { Vectors } from './vectors.js';

export interface Influence {
  readonly word: string;
  /** How much less likely the dominant emotion is without the word; negative where the word speaks against it. */
  readonly weight: number;
}

/** Words that are tried; of longer texts the first. */
const TRIED = 60;
const SHOWN = 5;

/** Nothing for a text that is read as uncertain. Costs an analysis for each word. */
export async function influences(model: EmotionModel, text: string, vectors: Vectors): Promise<readonly Influence[]> {
  const words = clip(text).split(/\s+/).filter((word) => word !== '').slice(0, TRIED);
  if (!looksEnglish(text)) return [];
  const variants = [words, ...words.map((_, left) => words.filter((_word, index) => index !== left))].map((part) => part.join(' '));
  const known = await vectors(model, variants);
  const found = variants.map((variant, index) => estimate(model, variant, known[index]));
  const [whole, ...without] = found;
  if (whole === null || whole === undefined) return [];
  const dominant = dominantOf(whole.moods);
  const at = dominant === 'neutral' ? EMOTIONS.length : EMOTIONS.indexOf(dominant as EmotionName);
  const full = whole.moods[at] ?? 0;
  return words
    .map((word, index) => ({ word, weight: Math.round((full - (without[index]?.moods[at] ?? 0)) * 1e4) / 1e4 }))
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
    .slice(0, SHOWN);
}
