/** What an embedding model makes of texts, for tier (b), where one is named and it is the one the head was trained on. */

import type { Embedder, Logger } from 'tara-gguf/plugin';
import type { EmotionModel } from './model.js';
import { cosine } from './numbers.js';

/**
 * Tier (b) reads a text's embedding and what the model holds of it at one and two thirds of its depth: the last layer of a
 * sentence model says what a text is about, the middle ones still how it is said.
 */
export const DEPTHS = [1 / 3, 2 / 3];

/** Least cosine to the probe's known vector: quantizing a model keeps it, another model does not. */
const SAME_MODEL = 0.97;

export type Vectors = (model: EmotionModel, texts: readonly string[]) => Promise<readonly (Float32Array | undefined)[]>;

/** Whether the embedder is the one that the head knows; loads it. */
async function fits(model: EmotionModel, embedder: Embedder, log: Logger): Promise<boolean> {
  if (model.head === null) return false;
  const { text, vector: known } = model.head.probe;
  const [vector = new Float32Array(0)] = await embedder.embed([text], { depths: DEPTHS });
  const same = vector.length === known.length && cosine(vector, known) >= SAME_MODEL;
  if (!same) log.warn('the embedding model is not the one that the emotion head was trained on: read by words alone', { dimensions: vector.length, wanted: known.length });
  return same;
}

/** What the embedder fails with is logged, and the text is read by words alone: a crisis must not wait for a model. */
export function vectorsFor(embedder: () => Embedder | undefined, log: Logger): Vectors {
  const checked = new WeakMap<EmotionModel, Promise<boolean>>();
  return async (model, texts) => {
    const found = embedder();
    if (found === undefined) return [];
    try {
      const fit = checked.get(model) ?? fits(model, found, log);
      checked.set(model, fit);
      return (await fit) ? await found.embed(texts, { depths: DEPTHS }) : [];
    } catch (thrown) {
      checked.delete(model);
      log.warn('no sentence vector: read by words alone', { reason: thrown instanceof Error ? thrown.message : String(thrown) });
      return [];
    }
  };
}
