/**
 * Training of a whole model. Weights are trained twice: on four fifths of the rows, to choose calibration, thresholds and
 * the mood map on the last fifth, and then on all. One seeded order, no threads, no clock: the same rows and vectors give the same bytes.
 */

import { EMOTIONS, TaraError } from 'tara-gguf/plugin';
import { logitsOf, type LinearWeights } from '../reading/linear.js';
import { LEVELS, MOODS, type EmotionModel } from '../reading/model.js';
import { forward, type Network } from '../reading/network.js';
import { plain } from '../reading/text.js';
import { balance, chooseRule, fitMoodMap, moodOf, type Judged } from './calibrate.js';
import { exampleOf, trainLinear, type LinearExample } from './linear.js';
import { trainNetwork, type Example } from './network.js';
import type { Row, Source } from './rows.js';

/** A line that speaks of danger, or a harmless one; the level's place in LEVEL_NAMES. */
export interface CrisisRow {
  readonly text: string;
  readonly level: number;
}

export interface TrainOptions {
  readonly sources: readonly Source[];
  readonly crisis: readonly CrisisRow[];
  /** Sentence vectors, in order; without it the model has tier (a) only. */
  readonly embed?: ((texts: readonly string[]) => Promise<readonly Float32Array[]>) | undefined;
  readonly onProgress?: ((fraction: number, step: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const HELD_OUT = 5;
const HIDDEN = 128;
const EPOCHS = 8;
/** A row of our own counts this much more where it tells what dominates: only these rows were written to be clear. */
const OWN_MOOD = 12;
/** One in so many rows of the sources stands for harmless talk in the crisis network, and counts little. */
const HARMLESS = { every: 12, weight: 0.2 };
const CRISIS_EPOCHS = 30;
const PROBE = 'The weather is nice today and I feel fine.';

interface Prepared {
  readonly row: Row;
  readonly source: Source;
  readonly example: LinearExample;
  readonly vector: Float32Array | undefined;
}

export async function train({ sources, crisis, embed, onProgress, signal }: TrainOptions): Promise<EmotionModel> {
  const stepper = (step: string, from: number, to: number) => async (done: number): Promise<void> => {
    if (signal?.aborted) throw new TaraError('TARA_ABORTED');
    onProgress?.(from + (to - from) * done, step);
    await new Promise<void>((resolve) => void setImmediate(resolve));
  };
  onProgress?.(0, 'sentence vectors');
  const all: Prepared[] = [];
  for (const source of sources) {
    const vectors = await embed?.(source.rows.map(({ text }) => plain(text)));
    source.rows.forEach((row, index) => all.push({ row, source, example: exampleOf(row.text, row.labels, source.weight), vector: vectors?.[index] }));
  }
  const tuning = new Set(all.filter(({ source }) => source.onlyTraining !== true).filter((_, index) => index % HELD_OUT === 0));
  const kept = all.filter((item) => !tuning.has(item));
  const linearOf = (items: readonly Prepared[], from: number, to: number) => trainLinear(items.map(({ example }) => example), stepper('n-grams', from, to));
  const networkOf = (items: readonly Prepared[], from: number, to: number) =>
    trainNetwork(items.flatMap(({ row, source, vector }) => (vector === undefined ? [] : [{ vector, wanted: row.labels, weight: source.weight }])), { hidden: HIDDEN, outputs: EMOTIONS.length, loss: 'sigmoid', epochs: EPOCHS }, stepper('labels', from, to));

  const trial = await linearOf(kept, 0.1, 0.25);
  const held = [...tuning];
  const words = judgedBy(held, ({ example }) => logitsOf(trial, example.features));
  const linear: LinearWeights = await linearOf(all, 0.25, 0.4);
  const model: EmotionModel = { linear, moodMap: fitMoodMap(words), reading: chooseRule(words), head: null };
  if (embed === undefined) return model;

  const trialNetwork: Network = await networkOf(kept, 0.4, 0.6);
  const both = judgedBy(held.filter(({ vector }) => vector !== undefined), ({ example, vector }) => {
    const sentence = forward(trialNetwork, vector as Float32Array);
    return logitsOf(trial, example.features).map((logit, c) => (logit + (sentence[c] as number)) / 2);
  });
  const labels = await networkOf(all, 0.6, 0.8);
  const mood = await trainNetwork(moodExamples(all), { hidden: HIDDEN, outputs: MOODS, loss: 'softmax', epochs: EPOCHS }, stepper('mood', 0.8, 0.95));
  const danger = await trainNetwork(await crisisExamples(all, crisis, embed), { hidden: HIDDEN, outputs: LEVELS, loss: 'softmax', epochs: CRISIS_EPOCHS }, stepper('crisis', 0.95, 1));
  const [probe = new Float32Array(labels.inputs)] = await embed([PROBE]);
  return { ...model, head: { probe: { text: PROBE, vector: probe }, labels, mood, crisis: danger, reading: chooseRule(both) } };
}

const judgedBy = (items: readonly Prepared[], logits: (item: Prepared) => number[]): Judged[] =>
  items.map((item) => ({ logits: logits(item), labels: item.row.labels, source: item.source.name }));

const oneOf = (size: number, index: number): number[] => Array.from({ length: size }, (_, other) => Number(other === index));

function moodExamples(items: readonly Prepared[]): Example[] {
  const known = items.flatMap(({ row, source, vector }) => {
    const mood = moodOf(row.labels);
    return mood === undefined || vector === undefined ? [] : [{ vector, source, mood }];
  });
  const weights = balance(known.map(({ mood }) => mood));
  return known.map(({ vector, source, mood }) => ({
    vector,
    wanted: oneOf(MOODS, mood),
    weight: (weights[mood] ?? 0) * (source.onlyTraining === true ? source.weight * OWN_MOOD : 1),
  }));
}

async function crisisExamples(items: readonly Prepared[], rows: readonly CrisisRow[], embed: NonNullable<TrainOptions['embed']>): Promise<Example[]> {
  const vectors = await embed(rows.map(({ text }) => plain(text)));
  const spoken = rows.map(({ level }, index): Example => ({ vector: vectors[index] as Float32Array, wanted: oneOf(LEVELS, level), weight: 1 }));
  const heard = items.flatMap(({ vector }) => (vector === undefined ? [] : [vector]));
  const harmless = heard.filter((_, index) => index % HARMLESS.every === 0).map((vector): Example => ({ vector, wanted: oneOf(LEVELS, 0), weight: HARMLESS.weight }));
  return [...spoken, ...harmless];
}
