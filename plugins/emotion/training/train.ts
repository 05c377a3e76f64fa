/**
 * Training of a whole model. Weights are trained twice: on four fifths of the rows, to choose calibration, thresholds and
 * the mood map on the last fifth, and then on all. One seeded order, no threads, no clock: the same rows and vectors give the same bytes.
 */

import { EMOTIONS, TaraError } from 'tara-gguf/plugin';
import { features } from '../reading/features.js';
import { logitsOf, type LinearWeights } from '../reading/linear.js';
import { LEVELS, MOODS, outputsOf, type EmotionModel } from '../reading/model.js';
import { forward, type Network } from '../reading/network.js';
import { plain } from '../reading/text.js';
import { balance, chooseRule, fitMoodMap, moodOf, type Judged } from './calibrate.js';
import { trainLinear, type LinearExample } from './linear.js';
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
/** Of both word tables together, with two experts 983 kB. */
const BUCKETS = { emotions: 105_000, crisis: 15_000 };
/** How much a row of another convention counts for an expert: to tier (a) it shows words, if not what is made of them. */
const STRANGER = { words: 0.2, sentence: 0 };
/** Hidden units of the networks. */
const HIDDEN = { labels: 384, mood: 128, crisis: 128 };
const EPOCHS = 8;
/** A row of our own counts this much more where it tells what dominates: only these rows were written to be clear. */
const OWN_MOOD = 8;
/** One in so many rows of the sources stands for harmless talk where crisis levels are learnt, and counts little. */
const HARMLESS = { every: 12, weight: 0.2 };
const CRISIS_EPOCHS = 30;
const PROBE = 'The weather is nice today and I feel fine.';

const CLASSES = EMOTIONS.length;

interface Prepared {
  readonly row: Row;
  readonly source: Source;
  readonly example: LinearExample;
  readonly vector: Float32Array | undefined;
}

const alike = (count: number, value: number): number[] => new Array<number>(count).fill(value);

/** What a row teaches each output: its labels to every expert, and to the gate whose row it is. */
function lesson({ labels }: Row, { expert, weight }: Source, experts: number, stranger: number): Pick<LinearExample, 'wanted' | 'weights'> {
  const each = Array.from({ length: experts }, (_, e) => e);
  return {
    wanted: [...each.flatMap(() => labels), ...each.map((e) => Number(e === expert))],
    weights: [...each.flatMap((e) => alike(CLASSES, weight.labels * (expert === undefined || expert === e ? 1 : stranger))), ...each.map(() => weight.gate)],
  };
}

/** Features in typed arrays, which take a fraction of the memory. */
function featuresOf(text: string, size: number): LinearExample['features'] {
  const { buckets, values } = features(text, size);
  return { buckets: Int32Array.from(buckets), values: Float64Array.from(values) };
}

export async function train({ sources, crisis, embed, onProgress, signal }: TrainOptions): Promise<EmotionModel> {
  const experts = 1 + Math.max(0, ...sources.map(({ expert = 0 }) => expert));
  const outputs = outputsOf(experts);
  const stepper = (step: string, from: number, to: number) => async (done: number): Promise<void> => {
    if (signal?.aborted) throw new TaraError('TARA_ABORTED');
    onProgress?.(from + (to - from) * done, step);
    await new Promise<void>((resolve) => void setImmediate(resolve));
  };
  onProgress?.(0, 'sentence vectors');
  const all: Prepared[] = [];
  for (const source of sources) {
    const vectors = await embed?.(source.rows.map(({ text }) => plain(text)));
    source.rows.forEach((row, index) => all.push({ row, source, example: { features: featuresOf(row.text, BUCKETS.emotions), ...lesson(row, source, experts, STRANGER.words) }, vector: vectors?.[index] }));
  }
  const tuning = new Set(all.filter(({ source }) => source.expert !== undefined).filter((_, index) => index % HELD_OUT === 0));
  const kept = all.filter((item) => !tuning.has(item));
  const held = [...tuning];
  const linearOf = (items: readonly Prepared[], from: number, to: number) => trainLinear(items.map(({ example }) => example), { buckets: BUCKETS.emotions, outputs }, stepper('n-grams', from, to));
  const judged = (words: LinearWeights, network?: Network): Judged[] =>
    held.map(({ example, row, vector, source: { expert = 0, weight } }) => ({
      words: logitsOf(words, example.features),
      sentence: network === undefined || vector === undefined ? undefined : forward(network, vector),
      labels: row.labels,
      expert,
      weight,
    }));

  const trial = await linearOf(kept, 0.1, 0.25);
  const words = judged(trial);
  const reading = chooseRule(words, experts);
  const model: EmotionModel = {
    experts,
    linear: await linearOf(all, 0.25, 0.4),
    crisis: await trainLinear(spokenCrisis(all, crisis), { buckets: BUCKETS.crisis, outputs: LEVELS }, stepper('crisis', 0.4, 0.42)),
    moodMap: fitMoodMap(words, reading, experts),
    reading,
    head: null,
  };
  if (embed === undefined) return model;

  const trialLabels = await labelNetwork(kept, experts, stepper('labels', 0.42, 0.6));
  const labels = await labelNetwork(all, experts, stepper('labels', 0.6, 0.8));
  const mood = await trainNetwork(moodExamples(all), { hidden: HIDDEN.mood, outputs: MOODS, loss: 'softmax', epochs: EPOCHS }, stepper('mood', 0.8, 0.95));
  const danger = await trainNetwork(await crisisExamples(all, crisis, embed), { hidden: HIDDEN.crisis, outputs: LEVELS, loss: 'softmax', epochs: CRISIS_EPOCHS }, stepper('crisis', 0.95, 1));
  const [probe = new Float32Array(labels.inputs)] = await embed([PROBE]);
  return { ...model, head: { probe: { text: PROBE, vector: probe }, labels, mood, crisis: danger, reading: chooseRule(judged(trial, trialLabels), experts) } };
}

const labelNetwork = (items: readonly Prepared[], experts: number, breathe: (done: number) => Promise<void>): Promise<Network> =>
  trainNetwork(
    items.flatMap(({ row, source, vector }): Example[] => (vector === undefined ? [] : [{ vector, ...lesson(row, source, experts, STRANGER.sentence) }])),
    { hidden: HIDDEN.labels, outputs: outputsOf(experts), loss: 'sigmoid', epochs: EPOCHS },
    breathe,
  );

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
    weights: alike(MOODS, (weights[mood] ?? 0) * (source.expert === undefined ? source.weight.labels * OWN_MOOD : 1)),
  }));
}

const harmless = <T>(items: readonly T[]): readonly T[] => items.filter((_, index) => index % HARMLESS.every === 0);

const spokenCrisis = (items: readonly Prepared[], rows: readonly CrisisRow[]): LinearExample[] => [
  ...rows.map(({ text, level }) => ({ features: featuresOf(text, BUCKETS.crisis), wanted: oneOf(LEVELS, level), weights: alike(LEVELS, 1) })),
  ...harmless(items).map(({ row }) => ({ features: featuresOf(row.text, BUCKETS.crisis), wanted: oneOf(LEVELS, 0), weights: alike(LEVELS, HARMLESS.weight) })),
];

async function crisisExamples(items: readonly Prepared[], rows: readonly CrisisRow[], embed: NonNullable<TrainOptions['embed']>): Promise<Example[]> {
  const vectors = await embed(rows.map(({ text }) => plain(text)));
  const spoken = rows.map(({ level }, index): Example => ({ vector: vectors[index] as Float32Array, wanted: oneOf(LEVELS, level), weights: alike(LEVELS, 1) }));
  const heard = items.flatMap(({ vector }) => (vector === undefined ? [] : [vector]));
  return [...spoken, ...harmless(heard).map((vector): Example => ({ vector, wanted: oneOf(LEVELS, 0), weights: alike(LEVELS, HARMLESS.weight) }))];
}
