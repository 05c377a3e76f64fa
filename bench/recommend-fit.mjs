/**
 * Fits what `recommend --fast` estimates with: the relative squared error of each type on the model's own weights, and what the
 * parts of the model weigh, to the measured divergence of presets. Writes plugins/compression/recommend/fit.ts.
 * TARA_TEST_MODEL: an unquantized GGUF file; TARA_TEXT: text to measure on; TARA_BENCHMARK: the JSON of `tara-gguf benchmark`, measured anew when not set.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { measureTypes } from '../dist/src/index.js';
import { partErrors } from '../dist/plugins/compression/recommend/estimate.js';
import { ROOT } from '../scripts/lib.mjs';
import { CLI, publish, timed } from './lib.mjs';

const TYPES = ['bf16', 'f16', 'q8_0', 'q6_k', 'q5_1', 'q5_0', 'q5_k', 'q4_1', 'q4_0', 'q4_k', 'iq4_nl', 'iq4_xs', 'q3_k', 'iq3_s', 'q2_k'];
const PRESETS = 'Q2_K,Q3_K_S,Q3_K_M,IQ4_XS,Q4_0,Q4_1,IQ4_NL,Q4_K_S,Q4_K_M,Q5_0,Q5_1,Q5_K_S,Q5_K_M,Q6_K,Q8_0';

const rounded = (value) => Number(value.toPrecision(3));

/** The mean relative squared error of each type over the matrices of a model that can have it. */
async function errorsOfTypes(input) {
  const sums = Object.fromEntries(TYPES.map((type) => [type, [0, 0]]));
  for (const { squares, types } of (await measureTypes({ input, types: TYPES })).values()) {
    for (const [type, { error }] of Object.entries(types)) {
      sums[type][0] += error;
      sums[type][1] += squares;
    }
  }
  return Object.fromEntries([['f32', 0], ...Object.entries(sums).flatMap(([type, [error, squares]]) => (squares > 0 ? [[type, rounded(error / squares)]] : []))]);
}

const lossOf = (points, weights) => points.reduce((sum, { errors, kld }) => sum + Math.log(weights.reduce((total, weight, part) => total + weight * errors[part], 0) / kld) ** 2, 0) / points.length;

/** Weights above zero with the least squared error of the logarithm, one coordinate after the other. */
function fitted(points) {
  let weights = points[0].errors.map(() => 1);
  for (let step = 2; step > 1.0005; step = 1 + (step - 1) * 0.97) {
    for (const part of weights.keys()) {
      for (const factor of [step, 1 / step]) {
        const tried = weights.with(part, weights[part] * factor);
        if (lossOf(points, tried) < lossOf(points, weights)) weights = tried;
      }
    }
  }
  return weights;
}

const model = process.env.TARA_TEST_MODEL;
const text = process.env.TARA_TEXT;
const known = process.env.TARA_BENCHMARK;
if (!model || !(text || known)) throw new Error('set TARA_TEST_MODEL, and TARA_TEXT or TARA_BENCHMARK');
const benchmark = JSON.parse(known ? readFileSync(known, 'utf8') : timed(process.execPath, [CLI, 'benchmark', model, '--text', text, '--types', PRESETS, '--runs', '0', '--json']).stdout);

const errors = await errorsOfTypes(model);
const points = benchmark.rows.map(({ name, tensors, quality }) => {
  const byPart = partErrors(tensors, errors);
  return { name, parts: Object.keys(byPart), errors: Object.values(byPart), kld: quality.kld.mean, agreement: quality.topTokenAgreement };
});
const predicted = ({ errors: own }, weights) => weights.reduce((total, weight, part) => total + weight * own[part], 0);
const weights = fitted(points);
/** Each preset predicted by a fit to the others: the estimate over the measurement. */
const leftOut = points.map((point) => ({ preset: point.name, kld: point.kld, ratio: predicted(point, fitted(points.filter((other) => other !== point))) / point.kld }));
const factor = Math.max(...leftOut.map(({ ratio }) => Math.max(ratio, 1 / ratio)));
const disagreement = points.reduce((sum, { kld, agreement }) => sum + (1 - agreement) * Math.sqrt(kld), 0) / points.reduce((sum, { kld }) => sum + kld, 0);
const fit = {
  model: `a ${benchmark.model.architecture} of ${(benchmark.model.parameters / 1e6).toFixed(0)} M weights`, measurements: points.length, factor: rounded(factor),
  weights: Object.fromEntries(points[0].parts.map((part, index) => [part, rounded(weights[index])])), disagreement: rounded(disagreement), errors,
};
writeFileSync(
  join(ROOT, 'plugins', 'compression', 'recommend', 'fit.ts'),
  `/** Made by \`npm run bench -- recommend-fit\` from ${points.length} measured presets of ${fit.model}: do not edit. */\nexport const FIT = ${JSON.stringify(fit, null, 2).replaceAll(/"(\w+)":/g, '$1:').replaceAll('"', "'")} as const;\n`,
);
publish('recommend-fit', { task: 'mean KL divergence of presets, each estimated by a fit to the others', text: benchmark.text, chunks: benchmark.chunks, fit, leftOut });
