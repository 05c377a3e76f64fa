/** The capability `emotion`: models are read at the first analysis, once; a user's history joins an analysis where one is named. */

import { resolve } from 'node:path';
import { EMOTIONS, type Embedder, type Emotion, type EmotionHistory, type Logger, type Workers } from 'tara-gguf/plugin';
import type { PluginDatabases } from 'tara-gguf';
import type { EmotionConfig } from './config.js';
import type { EmotionStore } from './history/store.js';
import { analyze, type Reading } from './reading/analyze.js';
import { influences, type Influence } from './reading/explain.js';
import type { EmotionModel } from './reading/model.js';
import read, { modelIn, type ReadTask } from './reading/task.js';
import { vectorsFor } from './reading/vectors.js';
import { styleOf } from './style/style.js';
import { templateTable } from './style/template.js';
import { SHIPPED_TEMPLATES } from './style/templates.js';

export interface EmotionService extends Emotion {
  analyze(text: string, options?: { readonly userId?: string }): Promise<Reading>;
  /** Many texts, in order, without history; over worker threads where there are any. */
  analyzeMany(texts: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<readonly Reading[]>;
  /** The words whose absence would change what dominates most, strongest first; at most 5. */
  explain(text: string): Promise<readonly Influence[]>;
  /** Closes what analyses opened. */
  close(): Promise<void>;
}

export interface ServiceParts {
  /** Undefined where no embedding model is named. */
  embedder(): Embedder | undefined;
  /** Undefined where there is no state folder: then nothing is remembered. */
  databases(): PluginDatabases | undefined;
  /** Undefined where there are no worker threads: then texts are read in this one. */
  workers(): Workers | undefined;
  readonly log: Logger;
}

/** Fewer texts are read faster in this thread than a worker starts. */
const WORTH_A_WORKER = 64;

const TASK = new URL('./reading/task.js', import.meta.url).href;
const HOUR = 3_600_000;

export function createEmotion(config: EmotionConfig, { embedder, databases, workers, log }: ServiceParts): EmotionService {
  const weights = config.weights === undefined ? undefined : resolve(config.weights);
  let model: Promise<EmotionModel> | undefined;
  const loaded = (): Promise<EmotionModel> => (model ??= modelIn(weights));
  let store: Promise<EmotionStore> | undefined;
  const responseTemplates = templateTable({ ...SHIPPED_TEMPLATES, ...config.templates });
  const vectors = vectorsFor(embedder, log);

  /** Adds the analysis to the user's history and tells how the user has been. */
  async function remember(userId: string, reading: Reading): Promise<EmotionHistory | undefined> {
    const place = databases();
    if (!config.history.enabled || reading.uncertain || place === undefined) return undefined;
    const [{ EmotionStore }, { stateOf }] = await Promise.all([import('./history/store.js'), import('./history/state.js')]);
    const open = await (store ??= EmotionStore.open(place, 'write'));
    const now = Date.now();
    const { dominant, intensity, valence, emotions } = reading;
    open.add(userId, { at: now, dominant, intensity, valence, probabilities: EMOTIONS.map((name) => emotions[name]) }, config.history.keep);
    return stateOf(open.moments(userId), now, config.history.halfLifeHours * HOUR);
  }

  return {
    responseTemplates,
    async analyze(text, { userId } = {}) {
      const known = await loaded();
      const [vector] = await vectors(known, [text]);
      const reading = await analyze(known, text, vector);
      const history = userId === undefined ? undefined : await remember(userId, reading);
      return history === undefined ? reading : { ...reading, history };
    },
    async analyzeMany(texts, { signal } = {}) {
      const task: ReadTask = { texts, vectors: await vectors(await loaded(), texts), weights };
      const threads = texts.length < WORTH_A_WORKER ? undefined : workers();
      if (threads !== undefined) return threads.runInPool<Reading[]>(TASK, task, signal && { signal });
      return read(task, { check: () => signal?.throwIfAborted() });
    },
    explain: async (text) => influences(await loaded(), text, vectors),
    style: (domain, analysis) => Promise.resolve(styleOf(domain, analysis, responseTemplates, config)),
    async close() {
      (await store?.catch(() => undefined))?.close();
      store = undefined;
    },
  };
}
