/** Tier (a): a logistic regression for each emotion over hashed n-grams, by AdaGrad (Duchi et al. 2011) with averaged epochs. */

import { EMOTIONS } from 'tara-gguf/plugin';
import { features, type Features } from '../reading/features.js';
import type { LinearWeights } from '../reading/linear.js';
import { sigmoid } from '../reading/numbers.js';
import { randomFrom, shuffle } from './random.js';

const CLASSES = EMOTIONS.length;
/** Buckets; CLASSES bytes each keep the file under 1 MB. */
export const BUCKETS = 120_000;
const EPOCHS = 8;
/** Weights are averaged over the ends of the epochs from this one on. */
const AVERAGE_FROM = 4;
const RATE = 0.3;
const BIAS_RATE = 0.1;
const L2 = 3e-3;
const GRADIENT_START = 0.1;
const SEED = 12345;
/** Of weights that are not 0, this share keeps its size in int8; the few beyond are cut. */
const KEPT = 0.9999;

export interface LinearExample {
  readonly features: Features;
  readonly labels: readonly number[];
  readonly weight: number;
}

export const exampleOf = (text: string, labels: readonly number[], weight: number): LinearExample => {
  const { buckets, values } = features(text, BUCKETS);
  return { features: { buckets: Int32Array.from(buckets), values: Float64Array.from(values) }, labels, weight };
};

/** The same examples give the same weights. `breathe` is awaited now and then, and ends the work by throwing. */
export async function trainLinear(examples: readonly LinearExample[], breathe: (done: number) => Promise<void>): Promise<LinearWeights> {
  const weights = new Float64Array(BUCKETS * CLASSES);
  const squares = new Float64Array(BUCKETS * CLASSES).fill(GRADIENT_START);
  const bias = new Float64Array(CLASSES);
  const biasSquares = new Float64Array(CLASSES).fill(1);
  const mean = { weights: new Float64Array(BUCKETS * CLASSES), bias: new Float64Array(CLASSES) };
  const order = examples.map((_, index) => index);
  const random = randomFrom(SEED);
  const error = new Float64Array(CLASSES);
  let steps = 0;
  for (let epoch = 1; epoch <= EPOCHS; epoch += 1) {
    shuffle(order, random);
    for (const index of order) {
      const example = examples[index] as LinearExample;
      const { buckets, values } = example.features;
      error.set(bias);
      for (let k = 0; k < buckets.length; k += 1) {
        const at = (buckets[k] as number) * CLASSES;
        const value = values[k] as number;
        for (let c = 0; c < CLASSES; c += 1) error[c] = (error[c] as number) + (weights[at + c] as number) * value;
      }
      for (let c = 0; c < CLASSES; c += 1) {
        const wrong = (sigmoid(error[c] as number) - (example.labels[c] as number)) * example.weight;
        error[c] = wrong;
        biasSquares[c] = (biasSquares[c] as number) + wrong * wrong;
        bias[c] = (bias[c] as number) - (BIAS_RATE * wrong) / Math.sqrt(biasSquares[c] as number);
      }
      for (let k = 0; k < buckets.length; k += 1) {
        const at = (buckets[k] as number) * CLASSES;
        const value = values[k] as number;
        for (let c = 0; c < CLASSES; c += 1) {
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
    for (let c = 0; c < CLASSES; c += 1) mean.bias[c] = (mean.bias[c] as number) + (bias[c] as number) * share;
  }
  return quantize(mean.weights, mean.bias);
}

/** int8 weights with one scale for each emotion. */
function quantize(weights: Float64Array, bias: Float64Array): LinearWeights {
  const scales = EMOTIONS.map((_, c) => {
    const sizes: number[] = [];
    for (let i = c; i < weights.length; i += CLASSES) if (weights[i] !== 0) sizes.push(Math.abs(weights[i] as number));
    sizes.sort((a, b) => a - b);
    return (sizes[Math.floor(sizes.length * KEPT)] ?? 1) / 127;
  });
  const bytes = Int8Array.from(weights, (weight, i) => Math.max(-127, Math.min(127, Math.round(weight / (scales[i % CLASSES] as number)))));
  return { buckets: BUCKETS, bytes, scales, bias: [...bias] };
}
