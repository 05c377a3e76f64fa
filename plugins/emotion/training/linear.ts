/** Tier (a): a logistic regression for each output over hashed n-grams, by AdaGrad (Duchi et al. 2011) with averaged epochs. */

import type { Features } from '../reading/features.js';
import { LEVELS_OF_WEIGHT, tableBytes, type LinearWeights } from '../reading/linear.js';
import { sigmoid } from '../reading/numbers.js';
import { randomFrom, shuffle } from './random.js';

const EPOCHS = 8;
/** Weights are averaged over the ends of the epochs from this one on. */
const AVERAGE_FROM = 4;
const RATE = 0.3;
const BIAS_RATE = 0.1;
const L2 = 3e-3;
const GRADIENT_START = 0.1;
const SEED = 12345;
/** Where the outermost of the values begin that weights are rounded to: this share of the weights lies within. */
const KEPT = 0.9995;

export interface LinearExample {
  readonly features: Features;
  /** Wanted probability of each output. */
  readonly wanted: readonly number[];
  /** How much the row counts for each output; 0 where it says nothing. */
  readonly weights: readonly number[];
}

export interface LinearShape {
  readonly buckets: number;
  readonly outputs: number;
}

/** The same examples give the same weights. `breathe` is awaited now and then, and ends the work by throwing. */
export async function trainLinear(examples: readonly LinearExample[], { buckets: size, outputs }: LinearShape, breathe: (done: number) => Promise<void>): Promise<LinearWeights> {
  const weights = new Float64Array(size * outputs);
  const squares = new Float64Array(size * outputs).fill(GRADIENT_START);
  const bias = new Float64Array(outputs);
  const biasSquares = new Float64Array(outputs).fill(1);
  const mean = { weights: new Float64Array(size * outputs), bias: new Float64Array(outputs) };
  const order = examples.map((_, index) => index);
  const random = randomFrom(SEED);
  const error = new Float64Array(outputs);
  const told = new Int32Array(outputs);
  let steps = 0;
  for (let epoch = 1; epoch <= EPOCHS; epoch += 1) {
    shuffle(order, random);
    for (const index of order) {
      const example = examples[index] as LinearExample;
      const { buckets, values } = example.features;
      let learnt = 0;
      for (let c = 0; c < outputs; c += 1) if ((example.weights[c] as number) > 0) told[learnt++] = c;
      error.set(bias);
      for (let k = 0; k < buckets.length; k += 1) {
        const at = (buckets[k] as number) * outputs;
        const value = values[k] as number;
        for (let j = 0; j < learnt; j += 1) {
          const c = told[j] as number;
          error[c] = (error[c] as number) + (weights[at + c] as number) * value;
        }
      }
      for (let j = 0; j < learnt; j += 1) {
        const c = told[j] as number;
        const wrong = (sigmoid(error[c] as number) - (example.wanted[c] as number)) * (example.weights[c] as number);
        error[c] = wrong;
        biasSquares[c] = (biasSquares[c] as number) + wrong * wrong;
        bias[c] = (bias[c] as number) - (BIAS_RATE * wrong) / Math.sqrt(biasSquares[c] as number);
      }
      for (let k = 0; k < buckets.length; k += 1) {
        const at = (buckets[k] as number) * outputs;
        const value = values[k] as number;
        for (let j = 0; j < learnt; j += 1) {
          const c = told[j] as number;
          const gradient = (error[c] as number) * value + L2 * (weights[at + c] as number);
          const square = (squares[at + c] as number) + gradient * gradient;
          squares[at + c] = square;
          weights[at + c] = (weights[at + c] as number) - (RATE * gradient) / Math.sqrt(square);
        }
      }
      steps += 1;
      if (steps % 2000 === 0) await breathe(steps / (EPOCHS * examples.length));
    }
    if (epoch < AVERAGE_FROM) continue;
    const share = 1 / (EPOCHS - AVERAGE_FROM + 1);
    for (let i = 0; i < weights.length; i += 1) mean.weights[i] = (mean.weights[i] as number) + (weights[i] as number) * share;
    for (let c = 0; c < outputs; c += 1) mean.bias[c] = (mean.bias[c] as number) + (bias[c] as number) * share;
  }
  return quantize(mean.weights, mean.bias);
}

/** Rounds of Lloyd's algorithm. */
const ROUNDS = 12;

/** Four bits a weight: for each output the sixteen values that its weights are nearest to (Lloyd 1982), 0 among them at first. */
function quantize(weights: Float64Array, bias: Float64Array): LinearWeights {
  const outputs = bias.length;
  const levels = Array.from(bias, (_, c) => levelsOf(weights.filter((weight, i) => i % outputs === c && weight !== 0)));
  const edges = levels.map((values) => Float64Array.from(values.slice(1), (value, i) => (value + (values[i] as number)) / 2));
  const bytes = new Uint8Array(tableBytes({ buckets: weights.length / outputs, outputs }));
  weights.forEach((weight, i) => {
    const level = (edges[i % outputs] as Float64Array).reduce((count, edge) => count + Number(weight > edge), 0);
    bytes[i >> 1] = (bytes[i >> 1] as number) | (level << ((i & 1) << 2));
  });
  return { buckets: weights.length / outputs, bytes, levels, bias: [...bias] };
}

function levelsOf(used: Float64Array): number[] {
  const sorted = used.sort();
  const sums = new Float64Array(sorted.length + 1);
  sorted.forEach((weight, i) => (sums[i + 1] = (sums[i] as number) + weight));
  const most = Math.max(Math.abs(sorted[Math.floor(sorted.length * (1 - KEPT))] ?? 0), Math.abs(sorted[Math.floor(sorted.length * KEPT)] ?? 0));
  // Dense around 0, where most weights are.
  let levels = Array.from({ length: LEVELS_OF_WEIGHT }, (_, k) => (k - LEVELS_OF_WEIGHT / 2) / (LEVELS_OF_WEIGHT / 2)).map((x) => Math.sign(x) * Math.abs(x) ** 1.5 * most);
  for (let round = 0; round < ROUNDS; round += 1) {
    const cuts = [0, ...levels.slice(1).map((level, k) => rankOf(sorted, (level + (levels[k] as number)) / 2)), sorted.length];
    levels = levels.map((level, k) => {
      const [from, to] = [cuts[k] as number, cuts[k + 1] as number];
      return to > from ? ((sums[to] as number) - (sums[from] as number)) / (to - from) : level;
    });
  }
  return levels.map((level) => Math.round(level * 1e6) / 1e6);
}

/** How many of the sorted numbers are at most `edge`. */
function rankOf(sorted: Float64Array, edge: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) <= edge) low = middle + 1;
    else high = middle;
  }
  return low;
}
