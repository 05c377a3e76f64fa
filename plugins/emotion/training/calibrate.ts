/** What turns logits into words, chosen on rows that no weight was trained on: calibration, thresholds, and the map of tier (a) to moods. */

import { EMOTIONS } from 'tara-gguf/plugin';
import { mixture, strengthOf, type Mixture } from '../reading/estimate.js';
import { MOODS, outputsOf, type ReadingRule } from '../reading/model.js';
import { logOdds, sigmoid, softmax } from '../reading/numbers.js';
import type { Source } from './rows.js';

const CLASSES = EMOTIONS.length;

/** A row as the models read it. */
export interface Judged {
  /** Outputs of each tier, where there is a second. */
  readonly words: ArrayLike<number>;
  readonly sentence: ArrayLike<number> | undefined;
  readonly labels: readonly number[];
  readonly expert: number;
  readonly weight: Source['weight'];
}

interface Blend {
  readonly words: number;
  readonly sentence: number;
  readonly offset: number;
}

/** Keeps weights finite where the tiers separate the rows. */
const RIDGE = 1e-3;

/** Weighted logistic regression of a label on the outputs of both tiers (with one, Platt scaling) by Newton's method. */
function blend(rows: readonly { readonly inputs: readonly [number, number]; readonly is: number; readonly weight: number }[]): Blend {
  let at = [1, 0, 0];
  for (let round = 0; round < 50; round += 1) {
    const gradient = at.map((value) => RIDGE * value);
    const curve = at.map((_, i) => at.map((_value, j) => (i === j ? RIDGE : 0)));
    for (const { inputs, is, weight } of rows) {
      const x = [...inputs, 1];
      const p = sigmoid(x.reduce((sum, value, i) => sum + value * (at[i] as number), 0));
      for (let i = 0; i < 3; i += 1) {
        gradient[i] = (gradient[i] as number) + weight * (p - is) * (x[i] as number);
        for (let j = 0; j < 3; j += 1) (curve[i] as number[])[j] = ((curve[i] as number[])[j] as number) + weight * p * (1 - p) * (x[i] as number) * (x[j] as number);
      }
    }
    const step = solve(curve, gradient);
    at = at.map((value, i) => value - (step[i] as number));
    if (step.every((value) => Math.abs(value) < 1e-10)) break;
  }
  const [words = 1, sentence = 0, offset = 0] = at.map(round);
  return { words, sentence, offset };
}

/** Solution of a small symmetric positive system, by elimination. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i] as number]);
  rows.forEach((pivot, k) => {
    rows.forEach((row, i) => {
      if (i === k) return;
      const factor = (row[k] as number) / (pivot[k] as number);
      row.forEach((value, j) => (row[j] = value - factor * (pivot[j] as number)));
    });
  });
  return rows.map((row, i) => (row[rows.length] as number) / (row[i] as number));
}

/** 2 hit / (2 hit + extra + missed). */
export function f1(says: readonly boolean[], is: readonly number[]): number {
  let [hit, extra, missed] = [0, 0, 0];
  says.forEach((said, i) => {
    if (said && is[i] === 1) hit += 1;
    else if (said) extra += 1;
    else if (is[i] === 1) missed += 1;
  });
  return (2 * hit) / Math.max(1, 2 * hit + extra + missed);
}

const round = (value: number): number => Math.round(value * 1e6) / 1e6;

/** Weights of the tiers for each output of an expert, on the rows of its source, and for the gate, on all. */
function chooseBlend(rows: readonly Judged[], experts: number): Pick<ReadingRule, 'words' | 'sentence' | 'offset'> {
  const inputs = ({ words, sentence }: Judged, output: number): [number, number] => [words[output] ?? 0, sentence?.[output] ?? 0];
  const chosen = Array.from({ length: outputsOf(experts) }, (_, output): Blend => {
    const gate = output - experts * CLASSES;
    if (gate >= 0) return experts === 1 ? { words: 1, sentence: 0, offset: 0 } : blend(rows.map((row) => ({ inputs: inputs(row, output), is: Number(row.expert === gate), weight: row.weight.gate })));
    const own = rows.filter(({ expert }) => expert === Math.floor(output / CLASSES));
    return blend(own.map((row) => ({ inputs: inputs(row, output), is: row.labels[output % CLASSES] ?? 0, weight: 1 })));
  });
  return { words: chosen.map(({ words }) => words), sentence: chosen.map(({ sentence }) => sentence), offset: chosen.map(({ offset }) => offset) };
}

/** Thresholds that are tried. */
const STEPS = Array.from({ length: 68 }, (_, step) => (step + 3) / 100);
/** F1 hardly changes around its best, and where exactly it is best is chance: the mean of all thresholds that come this near is taken. */
const NEAR_BEST = 0.98;
/** Each expert's threshold shifts what is best for the others. */
const ROUNDS = 3;

function nearBest(scoreOf: (threshold: number) => number): number {
  const scores = STEPS.map(scoreOf);
  const least = Math.max(...scores) * NEAR_BEST;
  const good = STEPS.filter((_, i) => (scores[i] as number) >= least);
  return round(good.reduce((sum, threshold) => sum + threshold, 0) / good.length);
}

/** For each expert and emotion the threshold with the best F1 on the rows of its source, weighed with the others' by the gate. */
function chooseThresholds(rows: readonly (Judged & Mixture)[], experts: number): number[][] {
  const chosen = Array.from({ length: experts }, () => EMOTIONS.map(() => 0.2));
  for (let turn = 0; turn < ROUNDS * experts; turn += 1) {
    const own = rows.filter(({ expert }) => expert === turn % experts);
    EMOTIONS.forEach((_, c) => {
      const labels = own.map((row) => row.labels[c] ?? 0);
      const of = chosen[turn % experts] as number[];
      of[c] = nearBest((threshold) => {
        of[c] = threshold;
        return f1(own.map((row) => strengthOf(row, chosen, c) >= 1), labels);
      });
    });
  }
  return chosen;
}

/** Calibrated weights of the tiers, and thresholds. */
export function chooseRule(rows: readonly Judged[], experts: number): ReadingRule {
  const found = chooseBlend(rows, experts);
  return { ...found, thresholds: chooseThresholds(rows.map((row) => ({ ...row, ...mixture(found, experts, row.words, row.sentence) })), experts) };
}

/** Index of the only emotion, of neutral where there is none; undefined for a row of several. */
export function moodOf(labels: readonly number[]): number | undefined {
  const count = labels.reduce((sum, label) => sum + label, 0);
  return count === 0 ? labels.length : count === 1 ? labels.indexOf(1) : undefined;
}

/** Weight of each mood, so that all count the same together; their mean over the rows is 1. */
export function balance(moods: readonly number[]): number[] {
  const counts = Array.from({ length: MOODS }, (_, mood) => moods.filter((other) => other === mood).length);
  const present = counts.filter((count) => count > 0).length;
  return counts.map((count) => (count === 0 ? 0 : moods.length / (present * count)));
}

const MAP_ROUNDS = 150;
const MAP_RATE = 0.5;

/** Softmax regression of the mood on the eight log-odds of tier (a), moods counting alike, by gradient descent: a row of weights and a bias for each mood. */
export function fitMoodMap(rows: readonly Judged[], rule: ReadingRule, experts: number): number[][] {
  const known = rows.flatMap(({ words, labels }) => {
    const mood = moodOf(labels);
    return mood === undefined ? [] : [{ inputs: [...mixture(rule, experts, words).probabilities.map(logOdds), 1], mood }];
  });
  const weights = balance(known.map(({ mood }) => mood));
  const map = Array.from({ length: MOODS }, () => new Array<number>(EMOTIONS.length + 1).fill(0));
  for (let step = 0; step < MAP_ROUNDS; step += 1) {
    const gradient = map.map((row) => row.map(() => 0));
    for (const { inputs, mood } of known) {
      const said = softmax(map.map((row) => row.reduce((sum, weight, i) => sum + weight * (inputs[i] ?? 0), 0)));
      said.forEach((p, other) => {
        const wrong = (p - Number(other === mood)) * (weights[mood] ?? 0);
        const row = gradient[other] ?? [];
        for (let i = 0; i < inputs.length; i += 1) row[i] = (row[i] ?? 0) + wrong * (inputs[i] ?? 0);
      });
    }
    const rate = MAP_RATE * (1 - step / MAP_ROUNDS);
    map.forEach((row, other) => row.forEach((weight, i) => (row[i] = weight - (rate * (gradient[other]?.[i] ?? 0)) / known.length)));
  }
  return map.map((row) => row.map(round));
}
