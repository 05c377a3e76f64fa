/** Tier (b): a small network over sentence embeddings, by AdamW (Loshchilov & Hutter 2019) with dropout and a rate that falls to 0. */

import type { Network } from '../reading/network.js';
import { rowProduct, sigmoid, softmax } from '../reading/numbers.js';
import { randomFrom, shuffle } from './random.js';

export interface Example {
  /** Of vectors of length 1, one after the other. */
  readonly vector: Float32Array;
  /** Wanted probability of each output. */
  readonly wanted: readonly number[];
  /** How much the example counts for each output. */
  readonly weights: readonly number[];
}

export interface NetworkShape {
  readonly hidden: number;
  readonly outputs: number;
  /** sigmoid: each output by itself; softmax: one of them. */
  readonly loss: 'sigmoid' | 'softmax';
  readonly epochs: number;
}

const BATCH = 64;
const RATE = 1e-3;
const DECAY = 1e-2;
/** Shares of the inputs and of the hidden units that are left out. */
const DROPOUT = { input: 0.2, hidden: 0.5 };
const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8];
const SEED = 2718;
/** Components of a unit vector are small; scaled up, the first layer learns at the rate of the second. */
const SCALE = 8;

/** Parameters with what Adam remembers of each. */
interface Parameters {
  readonly value: Float32Array;
  readonly gradient: Float32Array;
  readonly mean: Float32Array;
  readonly square: Float32Array;
}

function parameters(size: number, spread: number, random: () => number): Parameters {
  const value = Float32Array.from({ length: size }, () => (random() * 2 - 1) * spread);
  return { value, gradient: new Float32Array(size), mean: new Float32Array(size), square: new Float32Array(size) };
}

function update({ value, gradient, mean, square }: Parameters, step: number, rate: number, decay: number): void {
  const meanScale = 1 / (1 - BETA1 ** step);
  const squareScale = 1 / (1 - BETA2 ** step);
  for (let i = 0; i < value.length; i += 1) {
    const g = gradient[i] as number;
    const m = (mean[i] as number) * BETA1 + g * (1 - BETA1);
    const s = (square[i] as number) * BETA2 + g * g * (1 - BETA2);
    mean[i] = m;
    square[i] = s;
    value[i] = (value[i] as number) * (1 - rate * decay) - (rate * m * meanScale) / (Math.sqrt(s * squareScale) + EPSILON);
    gradient[i] = 0;
  }
}

/** The same examples give the same network. `breathe` is awaited now and then, and ends the work by throwing. */
export async function trainNetwork(examples: readonly Example[], { hidden, outputs, loss, epochs }: NetworkShape, breathe: (done: number) => Promise<void>): Promise<Network> {
  const inputs = examples[0]?.vector.length ?? 0;
  const random = randomFrom(SEED);
  const first = parameters(hidden * inputs, 1 / Math.sqrt(inputs), random);
  const firstBias = parameters(hidden, 1 / Math.sqrt(inputs), random);
  const second = parameters(outputs * hidden, 1 / Math.sqrt(hidden), random);
  const secondBias = parameters(outputs, 1 / Math.sqrt(hidden), random);
  const scaled = examples.map(({ vector }) => vector.map((value) => value * SCALE));
  const order = examples.map((_, index) => index);
  const batches = Math.ceil(order.length / BATCH);
  const [x, active, error, back] = [new Float32Array(inputs), new Float64Array(hidden), new Float64Array(outputs), new Float64Array(hidden)];

  const learn = (index: number, share: number): void => {
    const { wanted, weights } = examples[index] as Example;
    scaled[index]?.forEach((value, i) => (x[i] = random() < DROPOUT.input ? 0 : value / (1 - DROPOUT.input)));
    for (let h = 0; h < hidden; h += 1) {
      active[h] = 0;
      if (random() < DROPOUT.hidden) continue;
      const sum = (firstBias.value[h] as number) + rowProduct(first.value, h * inputs, x);
      if (sum > 0) active[h] = sum / (1 - DROPOUT.hidden);
    }
    for (let o = 0; o < outputs; o += 1) error[o] = (secondBias.value[o] as number) + rowProduct(second.value, o * hidden, active);
    const said = loss === 'sigmoid' ? Array.from(error, sigmoid) : softmax(error);
    back.fill(0);
    for (let o = 0; o < outputs; o += 1) {
      const wrong = ((said[o] as number) - (wanted[o] as number)) * (weights[o] as number) * share;
      if (wrong === 0) continue;
      secondBias.gradient[o] = (secondBias.gradient[o] as number) + wrong;
      for (let h = 0; h < hidden; h += 1) {
        if (active[h] === 0) continue;
        const at = o * hidden + h;
        second.gradient[at] = (second.gradient[at] as number) + wrong * (active[h] as number);
        back[h] = (back[h] as number) + wrong * (second.value[at] as number);
      }
    }
    for (let h = 0; h < hidden; h += 1) {
      if (active[h] === 0) continue;
      const wrong = (back[h] as number) / (1 - DROPOUT.hidden);
      firstBias.gradient[h] = (firstBias.gradient[h] as number) + wrong;
      const at = h * inputs;
      for (let i = 0; i < inputs; i += 1) first.gradient[at + i] = (first.gradient[at + i] as number) + wrong * (x[i] as number);
    }
  };

  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    shuffle(order, random);
    for (let from = 0; from < order.length; from += BATCH) {
      const batch = order.slice(from, from + BATCH);
      for (const index of batch) learn(index, 1 / batch.length);
      const rate = RATE * (1 - step / (epochs * batches));
      step += 1;
      update(first, step, rate, DECAY);
      update(second, step, rate, DECAY);
      update(firstBias, step, rate, 0);
      update(secondBias, step, rate, 0);
      if (step % 32 === 0) await breathe(step / (epochs * batches));
    }
  }
  const [one, two] = [quantizeRows(first.value.map((value) => value * SCALE), hidden), quantizeRows(second.value, outputs)];
  return { inputs, hidden, outputs, first: one.bytes, firstScales: one.scales, firstBias: firstBias.value, second: two.bytes, secondScales: two.scales, secondBias: secondBias.value };
}

function quantizeRows(values: Float32Array, rows: number): { readonly bytes: Int8Array; readonly scales: Float32Array } {
  const width = values.length / rows;
  const scales = Float32Array.from({ length: rows }, (_, row) => values.subarray(row * width, (row + 1) * width).reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127);
  return { scales, bytes: Int8Array.from(values, (value, i) => Math.round(value / ((scales[Math.floor(i / width)] as number) || 1))) };
}
