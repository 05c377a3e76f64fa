#!/usr/bin/env node
/**
 * Trains plugins/emotion/data/weights.{bin,json}: eight logistic regressions over hashed n-grams, AdaGrad, int8.
 * The same data and the same Node give the same bytes: one seeded order, no threads, no clock.
 *
 *   npm run setup && node scripts/train-emotion.mjs [--data ../shared/data/emotion] [--output plugins/emotion/data]
 *
 * Data: xed.train.tsv (XED, CC BY 4.0) and goemotions.train.tsv (GoEmotions, Apache-2.0); see plugins/emotion/ATTRIBUTION.md.
 * A fifth of the training rows chooses the thresholds; *.dev.tsv are only measured.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

const EMOTIONS = ['joy', 'trust', 'fear', 'surprise', 'sadness', 'disgust', 'anger', 'anticipation'];
const CLASSES = EMOTIONS.length;
/** Buckets; CLASSES bytes each keep the file under 1 MB. */
const SIZE = 120_000;
const EPOCHS = 8;
/** Weights are averaged over the ends of the epochs from this one on. */
const AVERAGE_FROM = 4;
const RATE = 0.3;
const L2 = 3e-3;
const GRADIENT_START = 0.1;
/** XED has fewer rows; its lines count this much more. */
const WEIGHT = { xed: 3, goemotions: 1 };
const HELD_OUT = 5;

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({ options: { data: { type: 'string', default: join(root, '../shared/data/emotion') }, output: { type: 'string', default: join(root, 'plugins/emotion/data') } } });
const { features } = await import(new URL('../dist/plugins/emotion/features.js', import.meta.url)).catch(() => {
  console.error('dist/ is missing: run `npm run setup` first');
  process.exit(1);
});

/** Rows of one file: features, a bit mask of emotions, the source. */
function load(source, part) {
  return readFileSync(join(options.data, `${source}.${part}.tsv`), 'utf8').split('\n').flatMap((line) => {
    const [text, labels = ''] = line.split('\t');
    if (text.trim() === '') return [];
    const mask = labels.split(',').filter(Boolean).reduce((sum, label) => sum | (1 << EMOTIONS.indexOf(label)), 0);
    const { buckets, values } = features(text, SIZE);
    return [{ source, mask, buckets: Int32Array.from(buckets), values: Float64Array.from(values) }];
  });
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

function logits(model, row, out) {
  out.set(model.bias);
  row.buckets.forEach((bucket, k) => {
    const at = bucket * CLASSES;
    const value = row.values[k];
    for (let c = 0; c < CLASSES; c += 1) out[c] += model.weights[at + c] * value;
  });
}

function train(rows) {
  const weights = new Float64Array(SIZE * CLASSES);
  const squares = new Float64Array(SIZE * CLASSES).fill(GRADIENT_START);
  const bias = new Float64Array(CLASSES);
  const biasSquares = new Float64Array(CLASSES).fill(1);
  const average = { weights: new Float64Array(SIZE * CLASSES), bias: new Float64Array(CLASSES) };
  const order = rows.map((_, index) => index);
  let seed = 12345;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  const error = new Float64Array(CLASSES);
  for (let epoch = 1; epoch <= EPOCHS; epoch += 1) {
    for (let i = order.length - 1; i > 0; i -= 1) {
      const j = Math.floor(random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    for (const index of order) {
      const row = rows[index];
      logits({ weights, bias }, row, error);
      for (let c = 0; c < CLASSES; c += 1) {
        error[c] = (sigmoid(error[c]) - ((row.mask >> c) & 1)) * WEIGHT[row.source];
        biasSquares[c] += error[c] * error[c];
        bias[c] -= (0.1 * error[c]) / Math.sqrt(biasSquares[c]);
      }
      for (let k = 0; k < row.buckets.length; k += 1) {
        const at = row.buckets[k] * CLASSES;
        const value = row.values[k];
        for (let c = 0; c < CLASSES; c += 1) {
          const gradient = error[c] * value + L2 * weights[at + c];
          squares[at + c] += gradient * gradient;
          weights[at + c] -= (RATE * gradient) / Math.sqrt(squares[at + c]);
        }
      }
    }
    if (epoch >= AVERAGE_FROM) {
      const share = 1 / (EPOCHS - AVERAGE_FROM + 1);
      weights.forEach((weight, i) => (average.weights[i] += weight * share));
      bias.forEach((value, c) => (average.bias[c] += value * share));
    }
  }
  return average;
}

/** int8 weights with one scale for each emotion; what is beyond 127 steps (1 in 10,000) is cut. */
function quantize({ weights, bias }) {
  const scales = EMOTIONS.map((_, c) => {
    const sizes = [];
    for (let i = c; i < weights.length; i += CLASSES) if (weights[i] !== 0) sizes.push(Math.abs(weights[i]));
    sizes.sort((a, b) => a - b);
    return sizes[Math.floor(sizes.length * 0.9999)] / 127;
  });
  const bytes = Int8Array.from(weights, (weight, i) => Math.max(-127, Math.min(127, Math.round(weight / scales[i % CLASSES]))));
  return { bytes, scales, bias: [...bias], weights: Float64Array.from(bytes, (byte, i) => byte * scales[i % CLASSES]) };
}

function probabilities(model, rows) {
  const out = new Float64Array(CLASSES);
  return rows.map((row) => {
    logits(model, row, out);
    return Float64Array.from(out, sigmoid);
  });
}

function f1(rows, scores, c, threshold) {
  let [hit, extra, missed] = [0, 0, 0];
  rows.forEach((row, i) => {
    const says = scores[i][c] >= threshold;
    const is = ((row.mask >> c) & 1) === 1;
    if (says && is) hit += 1;
    else if (says) extra += 1;
    else if (is) missed += 1;
  });
  return (2 * hit) / Math.max(1, 2 * hit + extra + missed);
}

/** For each emotion the threshold with the best sum of F1 over both sources. */
function chooseThresholds(model, rows) {
  const parts = Object.keys(WEIGHT).map((source) => rows.filter((row) => row.source === source)).map((part) => ({ part, scores: probabilities(model, part) }));
  return EMOTIONS.map((_, c) => {
    let best = { threshold: 0.5, sum: -1 };
    for (let step = 5; step <= 60; step += 1) {
      const sum = parts.reduce((total, { part, scores }) => total + f1(part, scores, c, step / 100), 0);
      if (sum > best.sum) best = { threshold: step / 100, sum };
    }
    return best.threshold;
  });
}

const rows = [...load('xed', 'train'), ...load('goemotions', 'train')];
const thresholds = chooseThresholds(quantize(train(rows.filter((_, i) => i % HELD_OUT !== 0))), rows.filter((_, i) => i % HELD_OUT === 0));
const model = quantize(train(rows));

mkdirSync(options.output, { recursive: true });
writeFileSync(join(options.output, 'weights.bin'), model.bytes);
const sha256 = createHash('sha256').update(model.bytes).digest('hex');
const meta = { format: 1, emotions: EMOTIONS, buckets: SIZE, sha256, scales: model.scales, bias: model.bias, thresholds };
writeFileSync(join(options.output, 'weights.json'), `${JSON.stringify(meta, null, 2)}\n`);

console.log(`weights.bin ${model.bytes.length} bytes, sha256 ${sha256}`);
console.log(`thresholds ${EMOTIONS.map((name, c) => `${name} ${thresholds[c]}`).join(', ')}`);
for (const source of Object.keys(WEIGHT)) {
  const dev = load(source, 'dev');
  const scores = probabilities(model, dev);
  const each = EMOTIONS.map((_, c) => f1(dev, scores, c, thresholds[c]));
  console.log(`${source} dev: macro-F1 ${(each.reduce((a, b) => a + b, 0) / CLASSES).toFixed(3)}  ${EMOTIONS.map((name, c) => `${name} ${each[c].toFixed(2)}`).join('  ')}`);
}
