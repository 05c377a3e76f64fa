/** Fits the content model to labelled texts, and the confidence to how often it was right. */

import { logitsOf, softmax, type ContentModel, type Signals } from '../score/content.js';
import { isotonic, type Calibration } from './isotonic.js';

/** A labelled text, read. */
export interface Labelled {
  readonly text: string;
  readonly signals: Signals;
  /** Domains that are right, by index; the table's last is `none`. */
  readonly right: readonly number[];
  /** Texts of one group share one weight, so that a large source does not drown a small one. */
  readonly group: string;
}

export interface Fitted {
  readonly model: ContentModel;
  readonly calibration: Calibration;
}

const PARAMETERS = ['similarity', 'keywords', 'none', 'doubt'] as const satisfies readonly (keyof ContentModel)[];
const NEVER_NEGATIVE: ReadonlySet<string> = new Set(['similarity', 'keywords']);
const FIRST_STEP = 4;
const LAST_STEP = 0.02;

const everyDomain = ({ signals }: Labelled): readonly number[] => Array.from({ length: signals.similarity.length - 1 }, (_, i) => i);

/** Weight of each text: groups count alike. */
export function weightsOf(rows: readonly Labelled[]): readonly number[] {
  const sizes = new Map<string, number>();
  for (const { group } of rows) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  return rows.map(({ group }) => 1 / (sizes.get(group) ?? 1) / sizes.size);
}

/** Weighted mean of the negative logarithm of the probability of a right answer, in nats. */
export function lossOf(rows: readonly Labelled[], weights: readonly number[], model: ContentModel): number {
  return rows.reduce((sum, row, i) => {
    const shares = softmax(logitsOf(row.signals, model, everyDomain(row)));
    const p = row.right.reduce((total, domain) => total + (shares[domain] ?? 0), 0);
    return sum - (weights[i] ?? 0) * Math.log(Math.max(1e-9, p));
  }, 0);
}

/** Least loss, one weight after the other with a shrinking step. */
export function fitModel(rows: readonly Labelled[], begin: ContentModel): ContentModel {
  const weights = weightsOf(rows);
  let best = { model: begin, loss: lossOf(rows, weights, begin) };
  for (let step = FIRST_STEP; step > LAST_STEP; ) {
    const before = best.loss;
    for (const parameter of PARAMETERS) {
      for (const change of [step, -step]) {
        const value = best.model[parameter] + change;
        if (value < 0 && NEVER_NEGATIVE.has(parameter)) continue;
        const model = { ...best.model, [parameter]: value };
        const loss = lossOf(rows, weights, model);
        if (loss < best.loss) best = { model, loss };
      }
    }
    if (before - best.loss < 1e-6) step /= 2;
  }
  return best.model;
}

/** The answer of the content alone: its domain and probability. */
export function answerOf(row: Labelled, model: ContentModel): { readonly domain: number; readonly probability: number } {
  const shares = softmax(logitsOf(row.signals, model, everyDomain(row)));
  const domain = shares.indexOf(Math.max(...shares));
  return { domain, probability: shares[domain] ?? 0 };
}

/** Needs one text at least. */
export function fit(rows: readonly Labelled[], begin: ContentModel): Fitted {
  const model = fitModel(rows, begin);
  const weights = weightsOf(rows);
  const points = rows.map((row, i) => {
    const { domain, probability } = answerOf(row, model);
    return { x: probability, y: row.right.includes(domain) ? 1 : 0, weight: weights[i] ?? 0 };
  });
  return { model, calibration: isotonic(points) };
}
