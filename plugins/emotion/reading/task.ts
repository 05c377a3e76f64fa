/** A task for worker threads: many texts read, with their sentence vectors where there are any. */

import { pathToFileURL } from 'node:url';
import { analyze, type Reading } from './analyze.js';
import { loadModel } from './files.js';
import type { EmotionModel } from './model.js';

export interface ReadTask {
  readonly texts: readonly string[];
  readonly vectors: readonly (Float32Array | undefined)[];
  /** Folder of the model; the shipped one when undefined. */
  readonly weights: string | undefined;
}

/** By folder; a thread reads a model once. */
const models = new Map<string | undefined, Promise<EmotionModel>>();

/** The model of a folder. Rejects as loadModel does. */
export const modelIn = (folder: string | undefined): Promise<EmotionModel> => loadModel(folder === undefined ? undefined : [pathToFileURL(`${folder}/`)]);

export default async function read({ texts, vectors, weights }: ReadTask, { check }: { check(): void }): Promise<Reading[]> {
  let model = models.get(weights);
  if (model === undefined) models.set(weights, (model = modelIn(weights)));
  const loaded = await model;
  const readings: Reading[] = [];
  for (const [index, text] of texts.entries()) {
    check();
    readings.push(await analyze(loaded, text, vectors[index]));
  }
  return readings;
}
