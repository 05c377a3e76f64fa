/** The capability `emotion`: the model is read at the first analysis, once. */

import type { Emotion } from 'tara-gguf/plugin';
import { analyze, type Reading } from './analyze.js';
import type { EmotionConfig } from './config.js';
import { loadModel, type EmotionModel } from './model.js';
import { styleOf } from './style.js';

export interface EmotionService extends Emotion {
  analyze(text: string): Promise<Reading>;
}

export function createEmotion(config: EmotionConfig, load: () => Promise<EmotionModel> = loadModel): EmotionService {
  let model: Promise<EmotionModel> | undefined;
  return {
    async analyze(text) {
      model ??= load();
      return analyze(await model, text);
    },
    style: (domain, analysis) => Promise.resolve(styleOf(domain, analysis, config)),
  };
}
