/** What turns logits into words, chosen on rows that no weight was trained on: calibration, thresholds, and the map of tier (a) to moods. */

import { EMOTIONS } from 'tara-gguf/plugin';
import { MOODS, type ReadingRule } from '../reading/model.js';
import { sigmoid, softmax } from '../reading/numbers.js';

/** A row as the models read it. */
export interface Judged {
  /** Logit of each emotion. */
  readonly logits: readonly number[];
  readonly labels: readonly number[];
  /** Thresholds serve every source alike. */
  readonly source: string;
}

/** Platt scaling (Platt 1999) by Newton's method: the logistic regression of the labels on one logit. */
function platt(logits: readonly number[], labels: readonly number[]): { readonly slope: number; readonly offset: number } {
  let [slope, offset] = [1, 0];
  for (let round = 0; round < 50; round += 1) {
    let [g0, g1, h00, h01, h11] = [0, 0, 1e-6, 0, 1e-6];
    logits.forEach((logit, i) => {
      const p = sigmoid(slope * logit + offset);
      const wrong = p - (labels[i] ?? 0);
      const curve = p * (1 - p);
      g0 += wrong;
      g1 += wrong * logit;
      h00 += curve;
      h01 += curve * logit;
      h11 += curve * logit * logit;
    });
    const determinant = h00 * h11 - h01 * h01;
    const [stepOffset, stepSlope] = [(h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant];
    offset -= stepOffset;
    slope -= stepSlope;
    if (Math.abs(stepOffset) + Math.abs(stepSlope) < 1e-10) break;
  }
  return { slope, offset };
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

/** For each emotion its calibration, and the threshold with the best sum of F1 over the sources. */
export function chooseRule(rows: readonly Judged[]): ReadingRule {
  const sources = [...new Set(rows.map(({ source }) => source))].map((name) => rows.filter(({ source }) => source === name));
  const chosen = EMOTIONS.map((_, c) => {
    const { slope, offset } = platt(rows.map(({ logits }) => logits[c] ?? 0), rows.map(({ labels }) => labels[c] ?? 0));
    const parts = sources.map((part) => ({ scores: part.map(({ logits }) => sigmoid(slope * (logits[c] ?? 0) + offset)), is: part.map(({ labels }) => labels[c] ?? 0) }));
    let best = { threshold: 0.5, sum: -1 };
    for (let step = 5; step <= 60; step += 1) {
      const sum = parts.reduce((total, { scores, is }) => total + f1(scores.map((score) => score >= step / 100), is), 0);
      if (sum > best.sum) best = { threshold: step / 100, sum };
    }
    return { slope: round(slope), offset: round(offset), threshold: best.threshold };
  });
  return { slope: chosen.map(({ slope }) => slope), offset: chosen.map(({ offset }) => offset), thresholds: chosen.map(({ threshold }) => threshold) };
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

/** Softmax regression of the mood on the eight logits, moods counting alike, by gradient descent: a row of weights and a bias for each mood. */
export function fitMoodMap(rows: readonly Judged[]): number[][] {
  const known = rows.flatMap(({ logits, labels }) => {
    const mood = moodOf(labels);
    return mood === undefined ? [] : [{ inputs: [...logits, 1], mood }];
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
