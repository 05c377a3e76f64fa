/** Tier (a): a logistic regression for each output over hashed n-grams, by AdaGrad (Duchi et al. 2011) with averaged epochs. */

import type { Features } from '../reading/features.js';
import type { LinearWeights } from '../reading/linear.js';
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
/** Of weights that are not 0, this share keeps its size in int8; the few beyond are cut. */
const KEPT = 0.9999;

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

/** int8 weights with one scale for each output. */
function quantize(weights: Float64Array, bias: Float64Array): LinearWeights {
  const outputs = bias.length;
  const scales = Array.from(bias, (_, c) => {
    const sizes: number[] = [];
    for (let i = c; i < weights.length; i += outputs) if (weights[i] !== 0) sizes.push(Math.abs(weights[i] as number));
    sizes.sort((a, b) => a - b);
    return (sizes[Math.floor(sizes.length * KEPT)] ?? 1) / 127;
  });
  const bytes = Int8Array.from(weights, (weight, i) => Math.max(-127, Math.min(127, Math.round(weight / (scales[i % outputs] as number)))));
  return { buckets: weights.length / outputs, bytes, scales, bias: [...bias] };
}
